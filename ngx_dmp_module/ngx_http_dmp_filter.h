/*
 * Between the files of the filter: the hooks in nginx's chain, the judging of
 * what is held, the streaming of what is not.
 */

#ifndef NGX_HTTP_DMP_FILTER_H
#define NGX_HTTP_DMP_FILTER_H

#include "ngx_http_dmp_module.h"


/* r->buffered has four bits; SSI, sub_filter and copy use the others. */
#define NGX_HTTP_DMP_BUFFERED  0x08


/* ngx_http_dmp_filter.c: the filters after ours */
ngx_int_t ngx_http_dmp_pass_header(ngx_http_request_t *r);
ngx_int_t ngx_http_dmp_pass_body(ngx_http_request_t *r, ngx_chain_t *in);

/*
 * Sends our own answer instead of the one that was coming; what still comes
 * of it is thrown away.  unchecked is 502, and says why in the log.
 */
ngx_int_t ngx_http_dmp_replace(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, dmp_reason_t reason);
ngx_int_t ngx_http_dmp_unchecked(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const char *why);

/* Why an answer with these headers cannot be let through, or NULL. */
const char *ngx_http_dmp_unfit(ngx_http_request_t *r, ngx_uint_t json);

/* An upstream that fails while its answer is held is answered for. */
void ngx_http_dmp_watch_upstream(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_judge.c: the answer is here, whole.  NGX_AGAIN while something
 * is asked for that is needed to judge it.  shapes is for one filter at a time.
 */
extern dmp_shapes_t  ngx_http_dmp_shapes;

ngx_int_t ngx_http_dmp_whole(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);

/* The client was refused in the meantime (NGX_DECLINED), or nobody knows. */
ngx_int_t ngx_http_dmp_refused_late(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_int_t rc);

/*
 * ngx_http_dmp_stream.c: content that leaves as it comes, once its first byte
 * may.  stream takes the header, hold what comes before that.
 */
ngx_int_t ngx_http_dmp_stream(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_stream_hold(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_chain_t *in);

#endif
