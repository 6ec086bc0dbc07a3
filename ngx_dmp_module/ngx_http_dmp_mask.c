/*
 * The documents that a change of masks concerns: those that the index ties to
 * the patient and that go by the name asked for, or by the name that the
 * record will have of them.  Whoever deposits chooses names, so there may be
 * several: each must be allowed.  One that the index does not know belongs to
 * nobody here (rule H1).
 *
 * All that is known of the patient is asked for, whatever is named: what is
 * hidden and what does not exist are looked for in one way.
 */

#include "ngx_http_dmp_store.h"


static ngx_uint_t
ngx_http_dmp_mask_goes_by(const dmp_document_t *document, dmp_str_t name)
{
    return dmp_str_eq(dmp_document_name(document), name)
           || dmp_str_eq(document->id, name);
}


/* Of one look through what is known of a patient. */
typedef struct {
    dmp_str_t    asked;
    dmp_str_t    name;                   /* empty: not known yet */
    ngx_pool_t  *pool;                   /* for what is opened and left */
} ngx_http_dmp_mask_t;


static ngx_uint_t
ngx_http_dmp_mask_concerns(const ngx_http_dmp_mask_t *mask,
    const dmp_document_t *document)
{
    return ngx_http_dmp_mask_goes_by(document, mask->asked)
           || (mask->name.len != 0
               && ngx_http_dmp_mask_goes_by(document, mask->name));
}


/* One that is concerned is opened once more, for as long as the request. */
static ngx_int_t
ngx_http_dmp_mask_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_mask_t *mask, ngx_str_t *value)
{
    dmp_document_t  *document, **one;

    document = ngx_http_dmp_index_open(r, mask->pool, ctx->patient,
                                       (char *) value[0].data, value[1]);

    if (document == NULL || !ngx_http_dmp_mask_concerns(mask, document)) {
        return (document != NULL) ? NGX_OK : NGX_ERROR;
    }

    document = ngx_http_dmp_index_open(r, r->pool, ctx->patient,
                                       (char *) value[0].data, value[1]);
    one = ngx_array_push(ctx->masks);

    if (document == NULL || one == NULL) {
        return NGX_ERROR;
    }

    *one = document;

    return NGX_OK;
}


/* Fields and values, in turn; what does not open might be the one. */
static ngx_int_t
ngx_http_dmp_mask_look(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_mask_t *mask)
{
    ngx_uint_t   i;
    ngx_str_t   *value;

    value = ctx->waiter->values;
    ctx->masks->nelts = 0;

    if (ctx->waiter->n_values % 2 != 0) {
        return NGX_ERROR;
    }

    for (i = 0; i + 1 < ctx->waiter->n_values; i += 2) {

        if (value[i].len != DMP_INDEX_HASH_LEN
            || ngx_http_dmp_mask_take(r, ctx, mask, &value[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (i % 128 == 0) {
            ngx_reset_pool(mask->pool);
        }
    }

    return NGX_OK;
}


/*
 * The name that the record has for what goes by that word; ambiguous if there
 * are several, as when one document's id is another's masterIdentifier.
 */
static void
ngx_http_dmp_mask_name(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_mask_t *mask)
{
    dmp_str_t         name;
    ngx_uint_t        i;
    dmp_document_t  **document;

    document = ctx->masks->elts;

    for (i = 0; i < ctx->masks->nelts; i++) {

        name = dmp_document_name(document[i]);

        if (i != 0 && !dmp_str_eq(name, mask->name)) {
            ctx->mask_ambiguous = 1;
        }

        mask->name = name;
    }
}


static ngx_int_t
ngx_http_dmp_mask_find(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_dmp_mask_t  mask;

    ngx_memzero(&mask, sizeof(ngx_http_dmp_mask_t));

    mask.asked = ctx->asked.document;
    mask.pool = ngx_create_pool(64 * 1024, r->connection->log);

    if (mask.pool == NULL) {
        return NGX_ERROR;
    }

    ctx->masks = ngx_array_create(r->pool, 4, sizeof(dmp_document_t *));

    rc = (ctx->masks != NULL) ? ngx_http_dmp_mask_look(r, ctx, &mask)
                              : NGX_ERROR;

    if (rc == NGX_OK) {
        ngx_http_dmp_mask_name(ctx, &mask);

        if (mask.name.len != 0 && !dmp_str_eq(mask.name, mask.asked)) {
            rc = ngx_http_dmp_mask_look(r, ctx, &mask);
        }
    }

    ngx_destroy_pool(mask.pool);

    return rc;
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

        rc = (w->result == NGX_HTTP_DMP_WAIT_DONE)
             ? ngx_http_dmp_mask_find(r, ctx) : NGX_ERROR;

        ctx->waiter = NULL;
        ngx_http_dmp_waiter_release(w);

        if (rc != NGX_OK) {
            return ngx_http_dmp_no_trace(ctx);
        }

        ctx->state = NGX_HTTP_DMP_DECIDE;
        return NGX_OK;
    }

    rc = ngx_http_dmp_wait_store(ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return (ngx_http_dmp_index_all(ctx, ctx->patient) == NGX_AGAIN)
           ? NGX_AGAIN : ngx_http_dmp_no_trace(ctx);
}


/* The labels of the record host mask by themselves: nothing would change. */
static ngx_uint_t
ngx_http_dmp_mask_stays(const ngx_http_dmp_ctx_t *ctx,
    const dmp_document_t *document)
{
    return ctx->asked.operation == DMP_OPERATION_UNMASK
           && (document->labels & DMP_LABEL_MASKED);
}


/*
 * With each document: the first that refuses is ctx->document.  Before the
 * index was asked, only what needs no document is decided: whoever is refused
 * by that costs nobody the look-up.
 */
ngx_int_t
ngx_http_dmp_mask_decide(ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t        i;
    dmp_document_t  **document;

    if (ctx->masks == NULL) {
        ctx->state = (ctx->decision.rule == DMP_RULE_H1) ? NGX_HTTP_DMP_MASK
                                                         : NGX_HTTP_DMP_COMMIT;
        return NGX_OK;
    }

    document = ctx->masks->elts;

    for (i = 0; i < ctx->masks->nelts; i++) {

        ctx->document = document[i];

        dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts,
                   ctx->document, dmp_day_paris((int64_t) ngx_time()),
                   &ctx->decision);

        if (ctx->decision.effect != DMP_ALLOW) {
            return NGX_OK;
        }

        if (ngx_http_dmp_mask_stays(ctx, ctx->document)) {
            return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_H7,
                                       DMP_REASON_CHANGE_NOT_ALLOWED);
        }
    }

    if (ctx->mask_ambiguous && ctx->decision.effect == DMP_ALLOW) {
        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_B1,
                                   DMP_REASON_REQUEST_AMBIGUOUS);
    }

    return NGX_OK;
}
