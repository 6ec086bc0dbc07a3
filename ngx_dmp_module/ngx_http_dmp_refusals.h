/*
 * Refusals of callers who are nobody: counted, and traced once per address
 * (IPv6: per /64) and minute, and 600 a minute in all, so that a scanner
 * cannot fill the store.
 */

#ifndef NGX_HTTP_DMP_REFUSALS_H
#define NGX_HTTP_DMP_REFUSALS_H

#include "ngx_http_dmp_module.h"


/*
 * True if this one is to be traced; *repeated is then how many of the same
 * address were not, since the last that was.
 */
ngx_uint_t ngx_http_dmp_refusal_traced(ngx_connection_t *c,
    uint64_t *repeated);

/* An IPv6 host has the addresses of a whole /64: they are one. */
uint32_t ngx_http_dmp_address_hash(ngx_connection_t *c);

#endif
