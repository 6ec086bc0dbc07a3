/*
 * Asking the record host for a document before anything is decided about it:
 * a GET of the same target, whose answer stays in memory and goes nowhere.
 *
 * The filter recognises the subrequest by its address and hands its answer
 * here, so that its size is ours to limit (nginx's own in-memory subrequests
 * end the client's request when the answer is too large).
 */

#include "ngx_http_dmp_module.h"


static ngx_int_t
ngx_http_dmp_asked(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_dmp_ctx_t  *ctx;

    ctx = data;

    /* may be called twice; the last call has the status */
    ctx->ask_done = 1;

    if (rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->ask_status = (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? (ngx_uint_t) rc
                                                            : 0;
        return rc;
    }

    ctx->ask_status = sr->headers_out.status;

    return rc;
}


static ngx_int_t
ngx_http_dmp_ask_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_request_t          *sr;
    ngx_http_post_subrequest_t  *ps;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (ps == NULL) {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_dmp_asked;
    ps->data = ctx;

    /* the headers that change an answer must not reach the host here either */
    if (ngx_http_dmp_prepare_forward(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, ps,
                            NGX_HTTP_SUBREQUEST_CLONE
                            |NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->filter_need_in_memory = 1;
    ctx->ask = sr;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_dmp_ask_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_rc_t         rc;
    dmp_document_t  *document;

    switch (ctx->ask_status) {

    case NGX_HTTP_OK:
        break;

    case NGX_HTTP_NOT_FOUND:
    case 410:
        return NGX_DECLINED;

    default:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp record host answered a question with status %ui",
                      ctx->ask_status);
        return NGX_ERROR;
    }

    if (ctx->ask_failed || ctx->body == NULL) {
        return NGX_ERROR;
    }

    document = ngx_palloc(r->pool, sizeof(dmp_document_t));
    if (document == NULL) {
        return NGX_ERROR;
    }

    rc = dmp_document_parse(ctx->policy, (char *) ctx->body, ctx->body_len,
                            document);

    if (rc != DMP_OK || !dmp_str_eq(document->id, ctx->asked.document)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp record host answered a question with what is not "
                      "that document");
        return NGX_ERROR;
    }

    ctx->document_asked = 1;
    ctx->document = ngx_http_dmp_document_put(r, document);

    (void) ngx_pfree(r->pool, ctx->body);
    ctx->body = NULL;
    ctx->body_len = 0;

    return (ctx->document != NULL) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_dmp_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->ask == NULL) {
        return ngx_http_dmp_ask_start(r, ctx);
    }

    if (!ctx->ask_done) {
        return NGX_AGAIN;
    }

    return ngx_http_dmp_ask_take(r, ctx);
}
