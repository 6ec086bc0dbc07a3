/*
 * Between dmp_metrics and dmp_health: a location that tells how the gateway
 * is, and what the workers say of themselves.
 */

#ifndef NGX_HTTP_DMP_STATUS_H
#define NGX_HTTP_DMP_STATUS_H

#include "ngx_http_dmp_zone.h"


/*
 * Makes the location answer by this handler alone; the text of the error
 * otherwise.
 */
char *ngx_http_dmp_status_set(ngx_conf_t *cf, ngx_http_dmp_loc_conf_t *dlcf,
    ngx_http_handler_pt handler);

/* "dmp_metrics" or "dmp_health" if that answers there, else NULL. */
const char *ngx_http_dmp_status_name(const ngx_http_core_loc_conf_t *clcf);

ngx_int_t ngx_http_dmp_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_dmp_health_handler(ngx_http_request_t *r);

/* NGX_OK for a GET or HEAD; anything else is what the handler returns. */
ngx_int_t ngx_http_dmp_status_asked(ngx_http_request_t *r);

/*
 * The workers that are alive, as they are now, by their numbers:
 * ngx_http_dmp_zone_worker_t, of which queue means nothing.  NULL without
 * memory.
 */
ngx_array_t *ngx_http_dmp_status_workers(ngx_http_request_t *r);

/* What the handler returns; a text that did not fit is 500. */
ngx_int_t ngx_http_dmp_status_send(ngx_http_request_t *r, ngx_uint_t status,
    const dmp_buf_t *text);

#endif
