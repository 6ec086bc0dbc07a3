/*
 * Between the two that find out whose something is: documents, and what they
 * hold.
 */

#ifndef NGX_HTTP_DMP_LOCATE_H
#define NGX_HTTP_DMP_LOCATE_H

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_CLAIMS  8           /* documents of one attachment */

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

/* It is what will be decided about; asked: the state goes on with it. */
ngx_int_t ngx_http_dmp_locate_keep(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document);
ngx_int_t ngx_http_dmp_located_asked(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_attachment.c: the claims that the waiter brought; a document
 * that has it, in a list; the steps "search" and "ask".
 */
ngx_int_t ngx_http_dmp_locate_claims(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_candidate(ngx_http_request_t *r, ngx_array_t **list,
    const char *patient, dmp_str_t id);
ngx_http_dmp_candidate_t *ngx_http_dmp_next_candidate(
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_locate_search(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_locate_ask_candidate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

#endif
