/*
 * The document that a mask names: among those that the index ties to the
 * patient, by the id of its resource or by its masterIdentifier.  A document
 * that the index does not know belongs to nobody here (rule H1).
 */

#include "ngx_http_dmp_store.h"


static ngx_uint_t
ngx_http_dmp_mask_is_id(dmp_str_t name)
{
    size_t  i;
    char    c;

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '-' && c != '.')
        {
            return 0;
        }
    }

    return name.len != 0 && name.len <= 64;
}


/* By its id: one question.  By another name: all that are known. */
static ngx_int_t
ngx_http_dmp_mask_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                            room[NGX_HTTP_DMP_RESOURCE_MAX];
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (!ctx->mask_by_name && dlcf->host.len != 0
        && ngx_http_dmp_mask_is_id(ctx->asked.document))
    {
        ctx->hashes = ngx_palloc(r->pool, DMP_INDEX_HASH_LEN);

        if (ctx->hashes == NULL
            || ngx_http_dmp_index_hash(r,
                          ngx_http_dmp_document_resource(ctx->asked.document,
                                                         room),
                          ctx->hashes[0])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_dmp_index_facts(r, ctx, ctx->patient, ctx->hashes, 1);
    }

    ctx->mask_by_name = 1;

    return ngx_http_dmp_index_all(ctx, ctx->patient);
}


static ngx_uint_t
ngx_http_dmp_mask_names(const dmp_document_t *document, dmp_str_t name)
{
    return dmp_str_eq(dmp_document_name(document), name)
           || dmp_str_eq(document->id, name);
}


/* Fields and values, in turn. */
static void
ngx_http_dmp_mask_find(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t       i;
    ngx_str_t       *value;
    dmp_document_t  *document;

    value = ctx->waiter->values;

    for (i = 0; i + 1 < ctx->waiter->n_values; i += 2) {

        if (value[i].len != DMP_INDEX_HASH_LEN) {
            continue;
        }

        document = ngx_http_dmp_index_open(r, ctx->patient,
                                           (char *) value[i].data,
                                           value[i + 1]);

        if (document != NULL
            && ngx_http_dmp_mask_names(document, ctx->asked.document))
        {
            ctx->document = document;
            return;
        }
    }
}


static void
ngx_http_dmp_mask_known(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t       *value;
    dmp_document_t  *document;

    if (ctx->mask_by_name) {
        ngx_http_dmp_mask_find(r, ctx);
        return;
    }

    value = ctx->waiter->values;

    if (value->len == 0) {
        return;
    }

    document = ngx_http_dmp_index_open(r, ctx->patient, ctx->hashes[0],
                                       *value);

    if (document != NULL
        && ngx_http_dmp_mask_names(document, ctx->asked.document))
    {
        ctx->document = document;
    }
}


ngx_int_t
ngx_http_dmp_state_mask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w != NULL && w->sent) {

        if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        if (w->result != NGX_HTTP_DMP_WAIT_DONE) {
            ctx->waiter = NULL;
            ngx_http_dmp_waiter_release(w);
            return ngx_http_dmp_no_trace(ctx);
        }

        ngx_http_dmp_mask_known(r, ctx);
        ctx->waiter = NULL;
        ngx_http_dmp_waiter_release(w);

        if (ctx->document != NULL || ctx->mask_by_name) {
            ctx->state = NGX_HTTP_DMP_LOAD;
            return NGX_OK;
        }

        ctx->mask_by_name = 1;
    }

    rc = ngx_http_dmp_wait_store(ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_dmp_mask_ask(r, ctx);

    return (rc == NGX_AGAIN) ? rc : ngx_http_dmp_no_trace(ctx);
}
