/*
 * Whose document, or whose attachment, is it?  A state of the access machine,
 * for requests that name no patient: the worker's cache, the index in the
 * store, the record host.
 *
 * What is remembered never refuses by itself: the host is asked again, since
 * a label may have changed there.  What does not exist is looked for in all
 * the same places as what is hidden, so that the work does not tell them
 * apart.  An attachment opens only through a document as the host has it now,
 * and only if no document of somebody else claims it, since who can deposit
 * could claim any: ngx_http_dmp_attachment.c.
 */

#include "ngx_http_dmp_locate.h"


static ngx_int_t ngx_http_dmp_locate_cache(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_locate_hint(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_locate_facts(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_locate_ask(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

static ngx_int_t (*const ngx_http_dmp_locate_steps[])(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx) = {
    [NGX_HTTP_DMP_LOCATE_CACHE] = ngx_http_dmp_locate_cache,
    [NGX_HTTP_DMP_LOCATE_HINT] = ngx_http_dmp_locate_hint,
    [NGX_HTTP_DMP_LOCATE_FACTS] = ngx_http_dmp_locate_facts,
    [NGX_HTTP_DMP_LOCATE_SEARCH] = ngx_http_dmp_locate_search,
    [NGX_HTTP_DMP_LOCATE_ASK] = ngx_http_dmp_locate_ask,
};


ngx_int_t
ngx_http_dmp_state_locate(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    /* no question either while it could not be traced afterwards */
    if (ctx->question.request == NULL
        && (ctx->waiter == NULL || !ctx->waiter->sent)
        && (ctx->waiter != NULL || !ngx_http_dmp_store_ready()))
    {
        rc = ngx_http_dmp_wait_store(ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    do {
        rc = ngx_http_dmp_locate_steps[ctx->locate](r, ctx);
    } while (rc == NGX_HTTP_DMP_NEXT);

    return rc;
}


/* It is that patient's: the record can be loaded. */
ngx_int_t
ngx_http_dmp_located(ngx_http_dmp_ctx_t *ctx, const char *patient,
    const dmp_document_t *document)
{
    ngx_memmove(ctx->patient, patient, DMP_PSEUDONYM_LEN);

    ctx->document = document;
    ctx->patient_known = 1;
    ctx->state = NGX_HTTP_DMP_LOAD;

    return NGX_OK;
}


static dmp_str_t
ngx_http_dmp_named(const ngx_http_dmp_ctx_t *ctx)
{
    return (ctx->asked.attachment.len != 0) ? ctx->asked.attachment
                                            : ctx->asked.document;
}


static dmp_str_t
ngx_http_dmp_resource_of(const ngx_http_dmp_ctx_t *ctx,
    char room[NGX_HTTP_DMP_RESOURCE_MAX])
{
    return (ctx->asked.attachment.len != 0)
           ? ctx->asked.attachment
           : ngx_http_dmp_document_resource(ctx->asked.document, room);
}


/* A patient that nobody is, to look up what is nobody's. */
static ngx_int_t
ngx_http_dmp_decoy(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    char patient[DMP_PSEUDONYM_LEN])
{
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    return dmp_pseudonym(dmcf->pseudonym_key, ngx_http_dmp_named(ctx), patient)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


/* No such document, or one that names nobody, or several. */
ngx_int_t
ngx_http_dmp_nobodys(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ngx_http_dmp_decoy(r, ctx, ctx->patient) != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->document = NULL;
    ctx->decoy = 1;
    ctx->reload = 1;
    ctx->state = NGX_HTTP_DMP_LOAD;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_locate_failed(ngx_http_dmp_ctx_t *ctx)
{
    ctx->document = NULL;
    ctx->state = NGX_HTTP_DMP_COMMIT;

    return ngx_http_dmp_refuse(ctx, DMP_ERROR, DMP_RULE_H1,
                               DMP_REASON_ANSWER_UNCHECKED);
}


static ngx_int_t
ngx_http_dmp_locate_cache(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const ngx_http_dmp_known_t  *known;

    ctx->locate = NGX_HTTP_DMP_LOCATE_HINT;

    if (ctx->asked.document.len == 0) {
        return NGX_HTTP_DMP_NEXT;
    }

    ctx->cached = ngx_http_dmp_document_get(r, ctx->asked.document);

    if (ctx->cached == NULL) {
        return NGX_HTTP_DMP_NEXT;
    }

    known = ctx->cached->value;

    return ngx_http_dmp_located(ctx, known->patient, &known->document);
}


/* The values that the store was asked for: NGX_OK, NGX_AGAIN, NGX_ERROR. */
static ngx_int_t
ngx_http_dmp_locate_values(ngx_http_dmp_ctx_t *ctx)
{
    switch (ctx->waiter->result) {

    case NGX_HTTP_DMP_WAIT_PENDING:
        return NGX_AGAIN;

    case NGX_HTTP_DMP_WAIT_DONE:
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}


static void
ngx_http_dmp_locate_release(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_waiter_release(ctx->waiter);
    ctx->waiter = NULL;
}


/*
 * The facts to ask for: of a document its own, of an attachment those of the
 * documents that claim it, of the first patient that any is of; there is
 * always something to ask.
 */
static ngx_int_t
ngx_http_dmp_locate_hashes(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                   room[NGX_HTTP_DMP_RESOURCE_MAX];
    ngx_uint_t             i;
    ngx_http_dmp_claim_t  *c;

    ctx->n_hashes = 0;

    for (i = 0; i < ctx->n_claims; i++) {
        c = &ctx->claims[i];

        if (i == 0) {
            ngx_memcpy(ctx->tied, c->patient, DMP_PSEUDONYM_LEN);
            ctx->is_tied = 1;
        }

        if (ngx_memcmp(c->patient, ctx->tied, DMP_PSEUDONYM_LEN) == 0) {
            ngx_memcpy(ctx->hashes[ctx->n_hashes++], c->hash,
                       DMP_INDEX_HASH_LEN);
        }
    }

    if (ctx->n_hashes != 0) {
        return NGX_OK;
    }

    ctx->n_hashes = 1;

    return ngx_http_dmp_index_hash(r, ngx_http_dmp_resource_of(ctx, room),
                                   ctx->hashes[0]);
}


static ngx_int_t
ngx_http_dmp_locate_hinted(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t  *value;

    ctx->is_tied = 0;

    if (ctx->asked.attachment.len != 0) {
        if (ngx_http_dmp_locate_claims(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        value = ctx->waiter->values;

        if (value->len == DMP_PSEUDONYM_LEN) {
            ngx_memcpy(ctx->tied, value->data, DMP_PSEUDONYM_LEN);
            ctx->is_tied = 1;
        }
    }

    if (!ctx->is_tied && ngx_http_dmp_decoy(r, ctx, ctx->tied) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_locate_hashes(r, ctx);
}


static ngx_int_t
ngx_http_dmp_locate_hint(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char       room[NGX_HTTP_DMP_RESOURCE_MAX];
    ngx_int_t  rc;

    if (ctx->waiter == NULL) {

        if (ctx->hashes == NULL) {
            ctx->hashes = ngx_palloc(r->pool, NGX_HTTP_DMP_CLAIMS
                                              * DMP_INDEX_HASH_LEN);
        }

        rc = (ctx->hashes != NULL)
             ? ngx_http_dmp_index_hint(r, ctx,
                                       ctx->asked.attachment.len != 0,
                                       ngx_http_dmp_resource_of(ctx, room))
             : NGX_ERROR;

        return (rc == NGX_AGAIN) ? rc : ngx_http_dmp_no_trace(ctx);
    }

    rc = ngx_http_dmp_locate_values(ctx);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_locate_hinted(r, ctx);
    }

    ngx_http_dmp_locate_release(ctx);

    if (rc != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->locate = NGX_HTTP_DMP_LOCATE_FACTS;

    return NGX_HTTP_DMP_NEXT;
}


/* What the index keeps of each; for an attachment, which claim it. */
static ngx_int_t
ngx_http_dmp_locate_known(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_document_t **known)
{
    ngx_str_t       *value;
    ngx_uint_t       i;
    dmp_document_t  *document;

    *known = NULL;
    value = ctx->waiter->values;

    for (i = 0; i < ctx->n_hashes && ctx->is_tied; i++) {

        if (value[i].len == 0) {
            continue;
        }

        document = ngx_http_dmp_index_open(r, r->pool, ctx->tied,
                                           ctx->hashes[i], value[i]);
        if (document == NULL) {
            continue;
        }

        if (ctx->asked.attachment.len == 0) {
            *known = dmp_str_eq(document->id, ctx->asked.document) ? document
                                                                   : NULL;

        } else {
            if (!dmp_index_has(document, ctx->asked.attachment)) {
                ngx_http_dmp_claim_stale(ctx, ctx->hashes[i]);
            }

            /* the host may have changed its mind again */
            if (ngx_http_dmp_candidate(r, ctx, document->id) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_locate_facts(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t              rc;
    const dmp_document_t  *known;

    known = NULL;

    if (ctx->waiter == NULL) {
        rc = ngx_http_dmp_index_facts(r, ctx, ctx->tied, ctx->hashes,
                                      ctx->n_hashes);

        return (rc == NGX_AGAIN) ? rc : ngx_http_dmp_no_trace(ctx);
    }

    rc = ngx_http_dmp_locate_values(ctx);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_locate_known(r, ctx, &known);
    }

    ngx_http_dmp_locate_release(ctx);

    if (rc != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (ctx->asked.attachment.len != 0) {
        ctx->index_knew = (ctx->candidates != NULL);
        ctx->locate = NGX_HTTP_DMP_LOCATE_SEARCH;
        return NGX_HTTP_DMP_NEXT;
    }

    ctx->locate = NGX_HTTP_DMP_LOCATE_ASK;

    ctx->index_knew = (known != NULL);
    ctx->is_tied = (known != NULL);

    if (known == NULL || ctx->refused_once) {
        return NGX_HTTP_DMP_NEXT;
    }

    ctx->cached = ngx_http_dmp_document_put(r, ctx->tied, known);

    if (ctx->cached == NULL) {
        return ngx_http_dmp_no_trace(ctx);
    }

    known = &((ngx_http_dmp_known_t *) ctx->cached->value)->document;

    return ngx_http_dmp_located(ctx, ctx->tied, known);
}


ngx_int_t
ngx_http_dmp_owner(ngx_http_request_t *r, const dmp_document_t *document,
    const char *tied, char patient[DMP_PSEUDONYM_LEN])
{
    const ngx_http_dmp_main_conf_t  *dmcf;

    if (document->other_patient || document->n_ins > 1) {
        return NGX_DECLINED;
    }

    if (document->n_ins == 0) {
        /* only the search that brought it knew */
        if (tied == NULL) {
            return NGX_DECLINED;
        }

        ngx_memcpy(patient, tied, DMP_PSEUDONYM_LEN);
        return NGX_OK;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    return dmp_pseudonym(dmcf->pseudonym_key, document->ins[0], patient)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


/* The document as the host has it now is what is decided about. */
ngx_int_t
ngx_http_dmp_locate_keep(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char *patient, const dmp_addresses_t *addresses,
    const dmp_document_t *document, ngx_http_dmp_cached_t **cached)
{
    ngx_http_dmp_known_t  *known;

    if (ctx->index_knew) {
        ngx_http_dmp_index_learn(r, patient, addresses, document);

    } else {
        /* whatever this worker has entered before */
        ngx_http_dmp_index_relearn(r, patient, addresses, document);
    }

    *cached = ngx_http_dmp_document_put(r, patient, document);

    if (*cached == NULL) {
        return NGX_ERROR;
    }

    known = (*cached)->value;
    known->document.indexed = (document->n_ins == 0);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_locate_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                         patient[DMP_PSEUDONYM_LEN];
    ngx_int_t                    rc;
    dmp_document_t              *document;
    dmp_addresses_t              addresses;
    const ngx_http_dmp_known_t  *known;

    if (ctx->asked.attachment.len != 0) {
        return ngx_http_dmp_locate_ask_candidate(r, ctx);
    }

    rc = ngx_http_dmp_ask_document(r, ctx, ctx->asked.document, &document);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_owner(r, document, ctx->is_tied ? ctx->tied : NULL,
                                patient);
    }

    if (rc == NGX_DECLINED || rc == NGX_ABORT) {
        /* what cannot be read is not told from what is not there */
        return ngx_http_dmp_nobodys(r, ctx);
    }

    if (rc != NGX_OK
        || ngx_http_dmp_claim_addresses(r, ctx, &addresses) != NGX_OK
        || ngx_http_dmp_locate_keep(r, ctx, patient, &addresses, document,
                                    &ctx->cached)
           != NGX_OK)
    {
        return ngx_http_dmp_locate_failed(ctx);
    }

    ctx->document_asked = 1;
    known = ctx->cached->value;

    return ngx_http_dmp_located(ctx, known->patient, &known->document);
}


/* What was found goes, with the record that went with it. */
ngx_int_t
ngx_http_dmp_locate_from(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_locate_e step)
{
    ngx_http_dmp_release_documents(ctx);

    if (ctx->record != NULL) {
        ngx_http_dmp_cached_release(ctx->record);
        ctx->record = NULL;
    }

    ngx_memzero(&ctx->facts, sizeof(dmp_facts_t));
    ctx->document = NULL;
    ctx->document_asked = 0;
    ctx->patient_known = 0;
    ctx->locate = step;
    ctx->state = NGX_HTTP_DMP_LOCATE;

    return NGX_OK;
}


void
ngx_http_dmp_decide_document(const ngx_http_dmp_ctx_t *ctx,
    dmp_decision_t *decision, const dmp_document_t **document)
{
    int32_t                      today;
    ngx_uint_t                   i;
    const ngx_http_dmp_known_t  *known;

    today = dmp_day_paris((int64_t) ngx_time());
    *document = ctx->document;
    i = 0;

    do {
        if (i < ctx->n_all) {
            known = ctx->all[i]->value;
            *document = &known->document;
        }

        dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts,
                   *document, today, decision);

    } while (decision->effect == DMP_ALLOW && ++i < ctx->n_all);
}


ngx_int_t
ngx_http_dmp_locate_again(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->decoy || ctx->document == NULL) {
        return NGX_DECLINED;
    }

    if (!ctx->document_asked) {
        ctx->refused_once = 1;
        ngx_http_dmp_document_drop(r, ctx->asked.document);

        /* the steps after the one that remembered it */
        return ngx_http_dmp_locate_from(ctx, ctx->locate);
    }

    if (!ctx->record_loaded) {
        /* refused by what was remembered of the record: look again, as for
           what does not exist */
        ctx->reload = 1;
        ctx->state = NGX_HTTP_DMP_LOAD;
        return NGX_OK;
    }

    return NGX_DECLINED;
}
