/*
 * Between the two that find out whose something is: documents, and what they
 * hold.
 */

#ifndef NGX_HTTP_DMP_LOCATE_H
#define NGX_HTTP_DMP_LOCATE_H

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_CLAIMS  50          /* documents of one attachment */

/* What a step returns when the next one is to be taken. */
#define NGX_HTTP_DMP_NEXT    NGX_DECLINED


/* ngx_http_dmp_locate.c: a step begins again, ends without a patient, fails */
ngx_int_t ngx_http_dmp_locate_from(ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_locate_e step);
ngx_int_t ngx_http_dmp_nobodys(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_locate_failed(ngx_http_dmp_ctx_t *ctx);

/*
 * Whose a document is that the host has just given; tied: whose the index
 * says it is, or NULL.  NGX_DECLINED: it names several, or nobody that the
 * index knows it by.
 */
ngx_int_t ngx_http_dmp_owner(ngx_http_request_t *r,
    const dmp_document_t *document, const char *tied,
    char patient[DMP_PSEUDONYM_LEN]);

/* Remembers it, in the cache and in the index. */
ngx_int_t ngx_http_dmp_locate_keep(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document,
    ngx_http_dmp_cached_t **cached);

/* It is that patient's: the state machine goes on with it. */
ngx_int_t ngx_http_dmp_located(ngx_http_dmp_ctx_t *ctx, const char *patient,
    const dmp_document_t *document);

/*
 * ngx_http_dmp_attachment.c: the claims that the waiter brought; a document
 * that the index says has it; the steps "search" and "ask".
 */
ngx_int_t ngx_http_dmp_locate_claims(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_claim_stale(ngx_http_dmp_ctx_t *ctx, const char *hash);
ngx_int_t ngx_http_dmp_candidate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_str_t id);
ngx_int_t ngx_http_dmp_locate_search(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_locate_ask_candidate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

#endif
