/*
 * The context of one client request: made in the access phase, found again
 * over internal redirects, gone with the request.
 */

#include "ngx_http_dmp_session.h"

#include <openssl/rand.h>


u_char *
ngx_http_dmp_log_error(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    ngx_http_dmp_ctx_t  *ctx;

    /* nginx's own context holds the request line, and with it the INS */
    ctx = ngx_http_dmp_get_ctx(r);
    if (ctx == NULL) {
        return buf;
    }

    return ngx_snprintf(buf, len, ", dmp trace: %*s, operation: %s, "
                        "route: \"%s\"",
                        (size_t) DMP_UUID_LEN, ctx->trace_id,
                        dmp_operation_name(ctx->asked.operation),
                        ctx->asked.route ? ctx->asked.route : "");
}


void
ngx_http_dmp_release_documents(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->cached != NULL) {
        ngx_http_dmp_cached_release(ctx->cached);
        ctx->cached = NULL;
    }

    while (ctx->n_all != 0) {
        ngx_http_dmp_cached_release(ctx->all[--ctx->n_all]);
    }

    ctx->document = NULL;
}


/* Passwords and codes: what was read of them, wherever nginx has put it. */
static void
ngx_http_dmp_wipe_words(ngx_http_dmp_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_explicit_memzero((void *) ctx->form.data, ctx->form.len);
    ngx_explicit_memzero((void *) ctx->words.data, ctx->words.len);

    if (ctx->request->request_body == NULL) {
        return;
    }

    for (cl = ctx->request->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        /* behind "last" the next request may stand already */
        if (b->temporary && b->start != NULL) {
            ngx_explicit_memzero(b->start, (size_t) (b->last - b->start));
        }
    }
}


/* The client's request ends: nobody may find its context any more. */
static void
ngx_http_dmp_cleanup(void *data)
{
    ngx_http_dmp_ctx_t  *ctx;

    ctx = data;

    if (ctx->request == NULL) {
        return;
    }

    if (ctx->waiter != NULL) {
        ngx_http_dmp_waiter_detach(ctx->waiter);
        ctx->waiter = NULL;
    }

    if (ctx->record != NULL) {
        ngx_http_dmp_cached_release(ctx->record);
        ctx->record = NULL;
    }

    ngx_http_dmp_release_documents(ctx);

    if (ctx->entry != NULL) {
        ngx_http_dmp_cached_release(ctx->entry);
        ctx->entry = NULL;
    }

    if (ctx->target_entry != NULL) {
        ngx_http_dmp_cached_release(ctx->target_entry);
        ctx->target_entry = NULL;
    }

    ngx_http_dmp_find_cleanup(ctx);
    ngx_http_dmp_change_cleanup(ctx);
    ngx_http_dmp_sign_in_cleanup(ctx);
    ngx_http_dmp_create_cleanup(ctx);
    ngx_http_dmp_history_cleanup(ctx);

    if (ctx->api) {
        ngx_http_dmp_wipe_words(ctx);
    }

    ctx->request = NULL;

    if (--ngx_http_dmp_store.requests == 0 && ngx_exiting) {
        ngx_http_dmp_outcome_arm();
    }
}


ngx_http_dmp_ctx_t *
ngx_http_dmp_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_dmp_ctx_t  *ctx;

    r = r->main;
    ctx = ngx_http_get_module_ctx(r, ngx_http_dmp_module);

    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect has wiped the contexts, not the pool */
    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_http_dmp_cleanup) {
            ctx = cln->data;
            return (ctx->request != NULL) ? ctx : NULL;
        }
    }

    return NULL;
}


/*
 * Random bytes for a trace id, drawn for many requests at once: they only
 * keep ids apart.  Empty at first in each worker, so that no two share them.
 */
static ngx_int_t
ngx_http_dmp_random(u_char out[10])
{
    static u_char  pool[640];
    static size_t  left;

    if (left == 0) {
        if (RAND_bytes(pool, sizeof(pool)) != 1) {
            return NGX_ERROR;
        }

        left = sizeof(pool);
    }

    left -= 10;
    ngx_memcpy(out, pool + left, 10);

    return NGX_OK;
}


ngx_http_dmp_ctx_t *
ngx_http_dmp_create_ctx(ngx_http_request_t *r,
    const ngx_http_dmp_loc_conf_t *dlcf)
{
    u_char               random[10];
    ngx_pool_cleanup_t  *cln;
    ngx_http_dmp_ctx_t  *ctx;

    if (ngx_http_dmp_random(random) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_dmp_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_dmp_ctx_t));

    ctx->request = r;
    ctx->policy = dlcf->policy;
    ctx->refused = (dlcf->mode == NGX_HTTP_DMP_DENIED);
    ctx->api = (dlcf->mode == NGX_HTTP_DMP_API);
    ctx->problem = !dlcf->fhir;
    ctx->http_version = r->http_version;
    dmp_uuid7((char *) ctx->trace_id, ngx_http_dmp_time_ms(), random);

    cln->handler = ngx_http_dmp_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_dmp_module);
    ngx_http_dmp_store.requests++;

    r->log_handler = ngx_http_dmp_log_error;

    return ctx;
}
