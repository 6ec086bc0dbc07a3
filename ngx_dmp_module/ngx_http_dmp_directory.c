/*
 * What the directory adds to who asks: the entry of the person or structure,
 * and those of the centres that a regulator is registered for.  One entry at a
 * time, from the worker's cache or from the store.
 */

#include "ngx_http_dmp_store.h"


/* Opens what the waiter brought; *entry is NULL when there is none. */
static ngx_int_t
ngx_http_dmp_entry_open(ngx_http_request_t *r, dmp_str_t id,
    const ngx_http_dmp_waiter_t *w, dmp_directory_t **entry)
{
    char                            *text;
    char                             key[DMP_KEY_NAME_MAX];
    size_t                           len;
    dmp_rc_t                         rc;
    dmp_str_t                        name;
    dmp_error_t                      error;
    const ngx_http_dmp_main_conf_t  *dmcf;

    *entry = NULL;

    if (!w->present) {
        return NGX_OK;
    }

    text = ngx_alloc(w->sealed_len, r->connection->log);
    if (text == NULL) {
        return NGX_ERROR;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    name = (dmp_str_t) { key, dmp_directory_key(key, id) };

    rc = dmp_unseal(dmcf->record_keys, name, dmp_string(DMP_DIRECTORY_FIELD),
                    w->version, w->sealed, w->sealed_len, text, &len);

    if (rc == DMP_OK) {
        rc = dmp_directory_parse(text, len, entry, &error);
    }

    ngx_free(text);

    if (rc != DMP_OK) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "dmp directory entry of \"%*s\" does not open",
                      id.len, id.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* From the cache or the store; NGX_OK with a reference in *cached. */
static ngx_int_t
ngx_http_dmp_entry_load(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t id, ngx_http_dmp_cached_t **cached)
{
    char                             key[DMP_KEY_NAME_MAX];
    size_t                           len;
    ngx_int_t                        rc;
    dmp_directory_t                 *entry;
    ngx_http_dmp_waiter_t           *w;
    const ngx_http_dmp_main_conf_t  *dmcf;

    w = ctx->waiter;

    if (w != NULL && w->sent) {

        if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        rc = (w->result == NGX_HTTP_DMP_WAIT_DONE)
             ? ngx_http_dmp_entry_open(r, id, w, &entry) : NGX_ERROR;

        ctx->waiter = NULL;
        ngx_http_dmp_waiter_release(w);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        *cached = ngx_http_dmp_entry_put(id, ctx->entry_asked, entry);

        return (*cached != NULL) ? NGX_OK : NGX_ERROR;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    *cached = ngx_http_dmp_entry_get(id, dmcf->directory_valid);

    if (*cached != NULL) {
        return NGX_OK;
    }

    if (w != NULL || !ngx_http_dmp_store_ready()) {
        return NGX_DECLINED;
    }

    len = dmp_directory_key(key, id);

    if (len == 0) {
        return NGX_ERROR;
    }

    ctx->entry_asked = ngx_current_msec;

    return ngx_http_dmp_store_get(ctx, key, len);
}


/* The entry of who asks: it is held as long as the request. */
static ngx_int_t
ngx_http_dmp_introduce_self(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;
    dmp_str_t  id;

    id = dmp_directory_id(&ctx->subject);

    if (id.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_dmp_entry_load(r, ctx, id, &ctx->entry);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!dmp_introduce(&ctx->subject, ctx->entry->value)) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "dmp directory entry of \"%*s\" is another's",
                      id.len, id.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_introduce_centres(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    dmp_str_t               id;
    const dmp_directory_t  *entry;
    ngx_http_dmp_cached_t  *centre;

    entry = (ctx->entry != NULL) ? ctx->entry->value : NULL;

    while (entry != NULL && ctx->introduced <= entry->n_centres) {

        id = entry->centres[ctx->introduced - 1];
        rc = ngx_http_dmp_entry_load(r, ctx, id, &centre);

        if (rc != NGX_OK) {
            return rc;
        }

        dmp_introduce_centre(&ctx->subject, id, centre->value);
        ngx_http_dmp_cached_release(centre);
        ctx->introduced++;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_introduce(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->introduced == 0) {
        rc = ngx_http_dmp_introduce_self(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        ctx->introduced = 1;
    }

    return ngx_http_dmp_introduce_centres(r, ctx);
}


ngx_int_t
ngx_http_dmp_introduce_target(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                    key[DMP_KEY_NAME_MAX];
    unsigned                i;
    ngx_int_t               rc;
    dmp_request_t          *asked;
    const dmp_directory_t  *entry;

    asked = &ctx->asked;

    if (ctx->target_entry != NULL || dmp_directory_key(key, asked->target) == 0)
    {
        return NGX_OK;
    }

    rc = ngx_http_dmp_entry_load(r, ctx, asked->target, &ctx->target_entry);

    if (rc != NGX_OK) {
        return rc;
    }

    entry = ctx->target_entry->value;

    for (i = 0; entry != NULL && i < entry->n_ids && i < DMP_DIRECTORY_IDS;
         i++)
    {
        if (dmp_str_eq(entry->ids[i], asked->target)) {
            continue;
        }

        if (asked->n_target_ids == DMP_SUBJECT_IDS) {
            /* one left out would keep what is taken away */
            return NGX_ERROR;
        }

        asked->target_ids[asked->n_target_ids++] = entry->ids[i];
    }

    return NGX_OK;
}
