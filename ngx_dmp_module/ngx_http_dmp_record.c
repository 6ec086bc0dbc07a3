/*
 * The record that decisions use: opened from what the store sent, and looked
 * at again before an answer leaves that took longer than the deadline.
 */

#include "ngx_http_dmp_session.h"


#define NGX_HTTP_DMP_CHECKS  3           /* of one answer */


/* A change is made on the text: what it does not concern is kept as it is. */
static void
ngx_http_dmp_record_keep(ngx_http_dmp_ctx_t *ctx, char *text, size_t len)
{
    if (ctx->json != NULL) {
        ngx_explicit_memzero(ctx->json, ctx->json_len);
        ngx_free(ctx->json);
    }

    ctx->json = text;
    ctx->json_len = len;
}


ngx_int_t
ngx_http_dmp_take_record(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_waiter_t *w)
{
    char                            *text;
    size_t                           len, name_len;
    dmp_rc_t                         rc;
    dmp_error_t                      error;
    char                             name[DMP_KEY_NAME_MAX];
    dmp_record_t                    *record;
    const ngx_http_dmp_main_conf_t  *dmcf;

    if (ctx->record != NULL) {
        ngx_http_dmp_cached_release(ctx->record);
        ctx->record = NULL;
    }

    ngx_memzero(&ctx->facts, sizeof(dmp_facts_t));

    if (!w->present) {
        ngx_http_dmp_record_drop(ctx->patient);
        ctx->facts.state = DMP_RECORD_ABSENT;
        return NGX_OK;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    text = ngx_alloc(w->sealed_len, r->connection->log);
    if (text == NULL) {
        return NGX_ERROR;
    }

    name_len = dmp_key_name(name, w->bucket, "rec",
                            (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN });

    rc = dmp_unseal(dmcf->record_keys, (dmp_str_t) { name, name_len },
                    dmp_string("d"), w->version, w->sealed, w->sealed_len,
                    text, &len);

    if (rc == DMP_OK) {
        rc = dmp_record_parse(text, len, &record, &error);

        if (rc == DMP_OK
            && (ngx_http_dmp_is_change(ctx) || ctx->sign_in != NULL))
        {
            ngx_http_dmp_record_keep(ctx, text, len);
            text = NULL;

        } else {
            ngx_explicit_memzero(text, len);
        }
    }

    if (text != NULL) {
        ngx_free(text);
    }

    if (rc != DMP_OK) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "dmp record of patient %*s does not open",
                      (size_t) DMP_PSEUDONYM_LEN, ctx->patient);
        return NGX_ERROR;
    }

    ctx->record = ngx_http_dmp_record_put(ctx->patient, w->version, record);
    if (ctx->record == NULL) {
        return NGX_ERROR;
    }

    ctx->facts.state = DMP_RECORD_PRESENT;
    ctx->facts.version = ctx->record->version;
    ctx->facts.record = ctx->record->value;

    return NGX_OK;
}


/* The version has moved: is the request still allowed with the new record? */
static ngx_int_t
ngx_http_dmp_decide_again(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_waiter_t *w)
{
    dmp_decision_t         decision;
    const dmp_document_t  *document;

    if (ngx_http_dmp_take_record(r, ctx, w) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->asked.attachment.len != 0) {
        ngx_http_dmp_decide_document(ctx, &decision, &document);

    } else {
        /* a document is judged by its bytes, in its turn */
        dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, NULL,
                   dmp_day_paris((int64_t) ngx_time()), &decision);
    }

    if (ctx->declined || decision.effect != DMP_ALLOW) {
        ctx->decision = decision;
    }

    ctx->declined = (decision.effect != DMP_ALLOW);

    return ctx->declined ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_dmp_is_fresh(const ngx_http_dmp_ctx_t *ctx)
{
    /* nothing that a patient could change */
    if (!ctx->patient_known) {
        return 1;
    }

    return ngx_http_dmp_now_ns() - ctx->sent_ns
           <= (uint64_t) ngx_http_dmp_store.deadline * 1000000
           || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_RECHECK);
}


static ngx_int_t
ngx_http_dmp_rechecked(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;

    if (w->result == NGX_HTTP_DMP_WAIT_READY) {
        /* the store can be asked now, nothing more */
        ngx_http_dmp_waiter_release(w);
        return ctx->declined ? NGX_DECLINED : NGX_OK;
    }

    if (w->result != NGX_HTTP_DMP_WAIT_DONE) {
        rc = NGX_ERROR;

    } else if (w->present && ctx->facts.state == DMP_RECORD_PRESENT
               && w->version == ctx->facts.version)
    {
        rc = ctx->declined ? NGX_DECLINED : NGX_OK;

    } else {
        rc = ngx_http_dmp_decide_again(r, ctx, w);
    }

    ctx->sent_ns = ngx_http_dmp_session_since(ctx, w->sent_ns);
    ngx_http_dmp_session_looked(ctx);
    ngx_http_dmp_waiter_release(w);

    return rc;
}


ngx_int_t
ngx_http_dmp_recheck(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if (ngx_http_dmp_session_is_looking(ctx)) {
        rc = ngx_http_dmp_session_look(ctx);
        if (rc != NGX_OK) {
            return rc;
        }

    } else if (ctx->waiter != NULL) {
        rc = ngx_http_dmp_rechecked(r, ctx);
        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    /* a refusal tells of the record, too: it is no older than an answer */
    if (ngx_http_dmp_is_fresh(ctx)) {
        return rc;
    }

    if (!ngx_http_dmp_store_ready()) {
        return ngx_http_dmp_store_wait_ready(ctx);
    }

    rc = ngx_http_dmp_session_look(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (++ctx->checks > NGX_HTTP_DMP_CHECKS) {
        return NGX_ERROR;
    }

    rc = ngx_http_dmp_store_load(ctx);

    if (rc == NGX_AGAIN) {
        ngx_http_dmp_replicas_read(ctx->waiter);
    }

    return rc;
}
