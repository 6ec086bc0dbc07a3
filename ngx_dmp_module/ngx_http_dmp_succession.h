/*
 * What ends the epochs of workers that are no more: those that the memory of
 * this machine knows (ngx_http_dmp_succession.c), and those that only the store
 * remembers (ngx_http_dmp_forgotten.c).
 */

#ifndef NGX_HTTP_DMP_SUCCESSION_H
#define NGX_HTTP_DMP_SUCCESSION_H

#include "ngx_http_dmp_store.h"


/* Looks and ends of epochs on their way: nothing is begun beside them. */
extern ngx_uint_t  ngx_http_dmp_looking;

/* True while the store can be written to for this. */
ngx_uint_t ngx_http_dmp_beat_may(void);

/* Now, by the store's clock. */
int64_t ngx_http_dmp_store_ms(void);

/* A write to dmp:writers, that nobody waits for. */
void ngx_http_dmp_beat_note(ngx_uint_t argc, const char **argv,
    const size_t *lens);

/* Its epoch has ended: nobody need look after it. */
void ngx_http_dmp_beat_forget(const char *name, size_t len);

/* Who has left an epoch behind?  The store is asked when memory has none. */
void ngx_http_dmp_beat_look(void);
void ngx_http_dmp_forgotten_look(void);

/* Leaves those of the last epoch alone, which it says; 0 without heads. */
uint64_t ngx_http_dmp_last_epoch(dmp_chain_head_t *heads, unsigned *n);

/* Ends an epoch with heads of the store; looks for the next when it stands. */
void ngx_http_dmp_succession_store(const dmp_other_t *other);

#endif
