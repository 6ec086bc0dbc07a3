/*
 * Asking the record host: a GET of ours whose answer stays in memory and goes
 * nowhere.
 *
 * The filter recognises the subrequest by its address and hands its answer
 * here, so that its size is ours to limit (nginx's own in-memory subrequests
 * end the client's request when the answer is too large).  A truncated answer
 * may look like a whole one: whoever reads it must see that it is.
 */

#include "ngx_http_dmp_module.h"


static ngx_int_t
ngx_http_dmp_asked(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_event_t         *wev;
    ngx_http_dmp_ctx_t  *ctx;

    ctx = data;

    /* may be called twice; the last call has the status */
    ctx->question.done = 1;

    wev = sr->connection->write;

    if (ctx->answer == NGX_HTTP_DMP_CHECKING && !wev->delayed) {
        /* send_timeout is for a client that does not read, and it could not:
           the answer was held for this question */
        wev->timedout = 0;

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }
    }

    if (rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->question.status = (rc >= NGX_HTTP_SPECIAL_RESPONSE)
                               ? (ngx_uint_t) rc : 0;
        return rc;
    }

    ctx->question.status = sr->headers_out.status;

    return rc;
}


/* path and query of the target, below the FHIR base */
static ngx_int_t
ngx_http_dmp_ask_target(ngx_http_request_t *r, dmp_str_t target,
    ngx_str_t *whole, ngx_str_t *path, ngx_str_t *query)
{
    u_char                         *p;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    whole->len = dlcf->base.len + 1 + target.len;
    whole->data = ngx_pnalloc(r->pool, whole->len);

    if (whole->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(whole->data, dlcf->base.data, dlcf->base.len);
    *p++ = '/';
    ngx_memcpy(p, target.data, target.len);

    *path = *whole;
    ngx_str_null(query);

    p = ngx_strlchr(whole->data, whole->data + whole->len, '?');

    if (p != NULL) {
        path->len = (size_t) (p - whole->data);
        query->data = p + 1;
        query->len = whole->len - path->len - 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_ask_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t target)
{
    ngx_str_t                    whole, path, query;
    ngx_list_t                   headers;
    ngx_http_request_t          *sr;
    ngx_http_post_subrequest_t  *ps;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (ps == NULL
        || ngx_http_dmp_ask_target(r, target, &whole, &path, &query) != NGX_OK
        || ngx_http_dmp_question_headers(r, &headers) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_dmp_asked;
    ps->data = ctx;

    if (ctx->question.body.data != NULL) {
        /* what is kept of the last answer was copied */
        (void) ngx_pfree(r->main->pool, ctx->question.body.data);
    }

    ngx_memzero(&ctx->question, sizeof(ngx_http_dmp_question_t));

    if (ngx_http_subrequest(r, &path, &query, &sr, ps,
                            NGX_HTTP_SUBREQUEST_CLONE
                            |NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_question_ask(sr, &headers);

    /* what nginx's proxy sends, where it has no URI of its own */
    sr->unparsed_uri = whole;
    sr->valid_unparsed_uri = 1;

    sr->method = NGX_HTTP_GET;
    sr->method_name = ngx_http_core_get_method;
    sr->request_body = NULL;
    sr->header_only = 0;
    sr->filter_need_in_memory = 1;
    ctx->question.request = sr;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_dmp_ask_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = ctx->question.status;
    ctx->question.answered = ctx->question.request;
    ctx->question.request = NULL;

    if (status == NGX_HTTP_OK) {
        return (ctx->question.failed || ctx->question.body.data == NULL)
               ? NGX_ERROR : NGX_OK;
    }

    if (status == NGX_HTTP_NOT_FOUND || status == 410) {
        return NGX_DECLINED;
    }

    if (status == NGX_HTTP_BAD_REQUEST || status == NGX_HTTP_NOT_ALLOWED
        || status == 422 || status == NGX_HTTP_NOT_IMPLEMENTED)
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "dmp record host does not take a question: status %ui",
                      status);
        return NGX_ABORT;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "dmp record host answered a question with status %ui",
                  status);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_dmp_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t target)
{
    if (ctx->question.request == NULL) {
        return ngx_http_dmp_ask_start(r, ctx, target);
    }

    if (!ctx->question.done) {
        return NGX_AGAIN;
    }

    return ngx_http_dmp_ask_take(r, ctx);
}


/* FHIR R4, id; it may be the host's own word, and becomes part of a target. */
static ngx_uint_t
ngx_http_dmp_is_id(dmp_str_t id)
{
    char    c;
    size_t  i;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.'))
        {
            return 0;
        }
    }

    return id.len != 0 && id.len <= 64;
}


ngx_int_t
ngx_http_dmp_ask_document(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t id, dmp_document_t **document)
{
    char       room[NGX_HTTP_DMP_RESOURCE_MAX];
    dmp_rc_t   rc;
    ngx_int_t  asked;

    if (!ngx_http_dmp_is_id(id)) {
        return NGX_ABORT;
    }

    asked = ngx_http_dmp_ask(r, ctx, ngx_http_dmp_document_resource(id, room));

    if (asked != NGX_OK) {
        return (asked == NGX_ABORT) ? NGX_ERROR : asked;
    }

    *document = ngx_palloc(r->pool, sizeof(dmp_document_t));
    if (*document == NULL) {
        return NGX_ERROR;
    }

    rc = dmp_document_parse(ctx->policy, (char *) ctx->question.body.data,
                            ctx->question.body.len, *document);

    if (rc == DMP_OK && dmp_str_eq((*document)->id, id)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "dmp record host answered a question with what is not "
                  "that document, or cannot be judged");

    return (rc == DMP_E_SYNTAX) ? NGX_ERROR : NGX_ABORT;
}
