/*
 * The access state machine: identify, introduce, map, locate, load, decide,
 * commit, enforce; one function per state.  It suspends to wait for the store
 * or for the record host's answer to a question, and in no other way.
 *
 * Only a timely "1" of the store lets a request through; whatever cannot be
 * decided or traced ends in a refusal.
 */

#include "ngx_http_dmp_store.h"
#include "ngx_http_dmp_refusals.h"


#define NGX_HTTP_DMP_TRIES  3            /* commits of one request */

/*
 * NGX_OK: go on in the state that was set; NGX_AGAIN: wait; anything else is
 * what the access handler returns.
 */
typedef ngx_int_t (*ngx_http_dmp_state_pt)(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

static ngx_int_t ngx_http_dmp_state_identify(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_introduce(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_map(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_load(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_decide(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_commit(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_state_enforce(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);


static const struct {
    const char             *name;
    ngx_http_dmp_state_pt   run;
} ngx_http_dmp_states[] = {
    [NGX_HTTP_DMP_IDENTIFY] = { "identify", ngx_http_dmp_state_identify },
    [NGX_HTTP_DMP_INTRODUCE] = { "introduce", ngx_http_dmp_state_introduce },
    [NGX_HTTP_DMP_MAP] = { "map", ngx_http_dmp_state_map },
    [NGX_HTTP_DMP_LOCATE] = { "locate", ngx_http_dmp_state_locate },
    [NGX_HTTP_DMP_LOAD] = { "load", ngx_http_dmp_state_load },
    [NGX_HTTP_DMP_DECIDE] = { "decide", ngx_http_dmp_state_decide },
    [NGX_HTTP_DMP_COMMIT] = { "commit", ngx_http_dmp_state_commit },
    [NGX_HTTP_DMP_ENFORCE] = { "enforce", ngx_http_dmp_state_enforce },
};


/*
 * Subrequests skip the access phase: one that reaches a protected location
 * would be served undecided, so it is refused before.  The access machine's
 * own question starts after this phase.
 */
ngx_int_t
ngx_http_dmp_preaccess_handler(ngx_http_request_t *r)
{
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (dlcf->mode == NGX_HTTP_DMP_OFF) {
        return NGX_DECLINED;
    }

    if (r == r->main && !r->post_action) {
        /* what refuses between here and us would log the INS */
        r->log_handler = ngx_http_dmp_log_error;
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "dmp refuses a subrequest to a protected location");

    return NGX_HTTP_FORBIDDEN;
}


ngx_int_t
ngx_http_dmp_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_dmp_ctx_t             *ctx;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (dlcf->mode == NGX_HTTP_DMP_OFF) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_dmp_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_dmp_create_ctx(r, dlcf);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ctx->state == NGX_HTTP_DMP_END) {
        /* a decision is for one request line, not for a redirect's target */
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp refuses an internal redirect into a protected "
                      "location");
        return NGX_HTTP_BAD_GATEWAY;
    }

    /* whoever goes on with the request may leave it as it is */
    r->read_event_handler = ngx_http_block_reading;

    do {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "dmp state %s", ngx_http_dmp_states[ctx->state].name);

        rc = ngx_http_dmp_states[ctx->state].run(r, ctx);

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_test_reading;
    }

    return rc;
}


ngx_int_t
ngx_http_dmp_refuse(ngx_http_dmp_ctx_t *ctx, dmp_effect_t effect,
    dmp_rule_t rule, dmp_reason_t reason)
{
    ctx->decision.effect = effect;
    ctx->decision.rule = rule;
    ctx->decision.reason = reason;
    ctx->decision.obligations = DMP_OBLIGATION_TRACE;

    return NGX_OK;
}


/* What cannot be traced is not forwarded, nor told apart from it. */
ngx_int_t
ngx_http_dmp_no_trace(ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_ENFORCE;

    return ngx_http_dmp_refuse(ctx, DMP_ERROR, DMP_RULE_X1,
                               DMP_REASON_TRACE_UNAVAILABLE);
}


/*
 * A worker that is told to quit has had its day: cards may be revoked since,
 * and the policy be another.  What comes to it now, over a connection that it
 * accepted before, is for the next one.
 */
static ngx_int_t
ngx_http_dmp_too_late(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    r->keepalive = 0;

#if (NGX_HTTP_V2)
    {
    ngx_connection_t  *c;

    if (r->stream != NULL) {
        c = r->stream->connection->connection;
        c->close = 1;
        ngx_post_event(c->read, &ngx_posted_events);
    }
    }
#endif

    return ngx_http_dmp_no_trace(ctx);
}


static ngx_int_t
ngx_http_dmp_state_identify(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ngx_exiting) {
        return ngx_http_dmp_too_late(r, ctx);
    }

    if (!ctx->refused) {
        ngx_http_dmp_read_request(r, ctx);
    }

    if (ngx_http_dmp_identify(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = (ctx->subject.certificate == DMP_CREDENTIAL_VERIFIED)
                 ? NGX_HTTP_DMP_INTRODUCE : NGX_HTTP_DMP_MAP;
    return NGX_OK;
}


/* What their card does not say of them: the directory may know. */
static ngx_int_t
ngx_http_dmp_state_introduce(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_dmp_introduce(r, ctx);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_dmp_wait_store(ctx);
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (rc == NGX_OK) {
        ctx->state = NGX_HTTP_DMP_MAP;
    }

    return rc;
}


/* The patient is known: the record can be loaded. */
static ngx_int_t
ngx_http_dmp_name_patient(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t ins)
{
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    if (dmp_pseudonym(dmcf->pseudonym_key, ins, ctx->patient) != DMP_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->patient_known = 1;
    ctx->state = NGX_HTTP_DMP_LOAD;
    return NGX_OK;
}


/* What needs nothing of the store is decided before it is asked. */
static ngx_int_t
ngx_http_dmp_state_map(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, NULL,
               dmp_day_paris((int64_t) ngx_time()), &ctx->decision);

    if (ctx->decision.rule == DMP_RULE_B1
        && ctx->asked.mapping == DMP_MAPPING_INCOMPLETE)
    {
        /* who asks is admitted: the form says what for */
        return ngx_http_dmp_form(r, ctx);
    }

    if (ctx->decision.rule != DMP_RULE_X1) {

        if (ctx->asked.why != NULL) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "dmp request refused: %s", ctx->asked.why);
        }

        if (ctx->unproven
            && !ngx_http_dmp_refusal_traced(r->connection, &ctx->repeated))
        {
            ctx->state = NGX_HTTP_DMP_ENFORCE;
            return NGX_OK;
        }

        ctx->state = NGX_HTTP_DMP_COMMIT;
        return NGX_OK;
    }

    if (ctx->asked.ins.len == 0) {
        ctx->state = NGX_HTTP_DMP_LOCATE;
        return NGX_OK;
    }

    return ngx_http_dmp_name_patient(r, ctx, ctx->asked.ins);
}


ngx_int_t
ngx_http_dmp_wait_store(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_wait_e  result;

    if (ctx->waiter != NULL) {
        result = ctx->waiter->result;

        if (result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        ngx_http_dmp_waiter_release(ctx->waiter);
        ctx->waiter = NULL;

        if (result != NGX_HTTP_DMP_WAIT_READY) {
            return ngx_http_dmp_no_trace(ctx);
        }
    }

    if (ngx_http_dmp_store_ready()) {
        return NGX_DECLINED;
    }

    if (ngx_http_dmp_store_wait_ready(ctx) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    return ngx_http_dmp_no_trace(ctx);
}


static ngx_int_t
ngx_http_dmp_state_load(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w != NULL && w->sent) {

        if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        rc = (w->result == NGX_HTTP_DMP_WAIT_DONE)
             ? ngx_http_dmp_take_record(r, ctx, w) : NGX_ERROR;

        ctx->waiter = NULL;
        ngx_http_dmp_waiter_release(w);

        if (rc != NGX_OK) {
            return ngx_http_dmp_no_trace(ctx);
        }

        ctx->reload = 0;
        ctx->record_loaded = 1;
        ctx->state = NGX_HTTP_DMP_DECIDE;
        return NGX_OK;
    }

    if (!ctx->reload && ctx->record == NULL) {
        ctx->record = ngx_http_dmp_record_get(ctx->patient);
    }

    if (!ctx->reload && ctx->record != NULL) {
        ctx->facts.state = DMP_RECORD_PRESENT;
        ctx->facts.version = ctx->record->version;
        ctx->facts.record = ctx->record->value;
        ctx->state = NGX_HTTP_DMP_DECIDE;
        return NGX_OK;
    }

    rc = ngx_http_dmp_wait_store(ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_dmp_store_load(ctx) != NGX_AGAIN) {
        return ngx_http_dmp_no_trace(ctx);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_dmp_state_decide(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_COMMIT;

    if (ctx->decoy) {
        ngx_memzero(&ctx->facts, sizeof(dmp_facts_t));

        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_H1,
                                   DMP_REASON_DOCUMENT_FOREIGN);
    }

    ngx_http_dmp_decide_document(ctx, &ctx->decision, &ctx->document);

    /* asked for again also where the record refuses: an absent one is */
    if (ctx->decision.effect == DMP_DENY && ctx->asked.ins.len == 0
        && ngx_http_dmp_locate_again(r, ctx) == NGX_OK)
    {
        return NGX_OK;
    }

    if (ctx->decision.effect == DMP_ALLOW
        && (ctx->decision.obligations & ~(uint32_t) NGX_HTTP_DMP_OBLIGATIONS))
    {
        return ngx_http_dmp_refuse(ctx, DMP_ERROR, DMP_RULE_X1,
                                   DMP_REASON_TRACE_UNAVAILABLE);
    }

    return NGX_OK;
}


/*
 * The document's name for the trace.  Whoever deposits chooses it: one that
 * holds what may be a patient's number stands there as its hash in the index.
 */
static dmp_str_t
ngx_http_dmp_traced_name(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char       room[NGX_HTTP_DMP_RESOURCE_MAX];
    dmp_str_t  name;

    name = dmp_document_name(ctx->document);

    if (!dmp_ins_within(name)) {
        return name;
    }

    if (ngx_http_dmp_index_hash(r,
                   ngx_http_dmp_document_resource(ctx->document->id, room),
                   ctx->name)
        != NGX_OK)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { ctx->name, DMP_INDEX_HASH_LEN };
}


/* The client's own words, but never a patient's number in clear. */
static dmp_str_t
ngx_http_dmp_words(const ngx_http_dmp_ctx_t *ctx)
{
    dmp_str_t  id, attachment;

    attachment = ctx->asked.attachment;

    if (attachment.len == 0) {
        id = ctx->asked.document;

    } else {
        id.data = attachment.data + sizeof("Binary/") - 1;
        id.len = attachment.len - (sizeof("Binary/") - 1);
    }

    if (dmp_ins_valid(id, false) || dmp_ins_within(id)) {
        return dmp_null_string;
    }

    return (attachment.len != 0) ? attachment : id;
}


static ngx_int_t
ngx_http_dmp_send_trace(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_access_t  access;

    ngx_memzero(&access, sizeof(dmp_access_t));

    access.time_ms = ngx_http_dmp_time_ms();
    access.trace_id = (dmp_str_t) { (char *) ctx->trace_id, DMP_UUID_LEN };
    access.subject = &ctx->subject;
    access.request = &ctx->asked;
    access.decision = &ctx->decision;
    access.policy = (dmp_str_t) { ctx->policy->digest,
                                  sizeof(ctx->policy->digest) };
    access.version = ctx->facts.version;
    access.client = ngx_http_dmp_str(r->connection->addr_text);
    access.method = ngx_http_dmp_str(r->method_name);
    access.repeated = ctx->repeated;

    if (ctx->patient_known) {
        access.patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    }

    if (ctx->document != NULL) {
        access.document.id = ngx_http_dmp_traced_name(r, ctx);

        if (ctx->document->n_types != 0
            && !dmp_ins_within(ctx->document->types[0].code))
        {
            access.document.type = ctx->document->types[0].code;
        }

    } else {
        access.document.id = ngx_http_dmp_words(ctx);
    }

    return ngx_http_dmp_store_trace(ctx, &access);
}


/* Writer, epoch and sequence of the entry that lets this request through. */
static ngx_int_t
ngx_http_dmp_make_receipt(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t        len;
    u_char       *p;
    dmp_entry_t  *e;
    dmp_str_t     writer;

    e = &ngx_http_dmp_store.entry;
    writer = dmp_writer_name(ngx_http_dmp_store.writer);

    len = DMP_UUID_LEN + 1 + writer.len + 1 + NGX_INT32_LEN
          + 2 * (1 + NGX_INT64_LEN);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->receipt.data = p;

    p = ngx_snprintf(p, len, "%*s %*s %ui %uL %uL",
                     (size_t) DMP_UUID_LEN, ctx->trace_id,
                     writer.len, writer.data, (ngx_uint_t) e->bucket,
                     e->epoch, e->seq);

    ctx->receipt.len = (size_t) (p - ctx->receipt.data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_committed(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    uint64_t                took;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;
    took = ngx_http_dmp_now_ns() - w->sent_ns;
    ctx->waiter = NULL;

    if (w->result == NGX_HTTP_DMP_WAIT_DONE
        && took <= (uint64_t) ngx_http_dmp_store.deadline * 1000000)
    {
        ctx->sent_ns = w->sent_ns;
        ctx->traced = 1;
        ctx->state = NGX_HTTP_DMP_ENFORCE;
        ngx_http_dmp_waiter_release(w);
        return NGX_OK;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_STALE
        && ++ctx->tries < NGX_HTTP_DMP_TRIES)
    {
        rc = ngx_http_dmp_take_record(r, ctx, w);
        ngx_http_dmp_waiter_release(w);

        if (rc != NGX_OK) {
            return ngx_http_dmp_no_trace(ctx);
        }

        ctx->state = NGX_HTTP_DMP_DECIDE;
        return NGX_OK;
    }

    /* late, lost or refused: if the entry stands, it lets nothing through */
    if (w->access && w->result != NGX_HTTP_DMP_WAIT_STALE) {
        ngx_http_dmp_outcome_abandon(w->trace_id);
    }

    ngx_http_dmp_waiter_release(w);

    return ngx_http_dmp_no_trace(ctx);
}


static ngx_int_t
ngx_http_dmp_state_commit(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->waiter != NULL && ctx->waiter->sent) {

        if (ctx->waiter->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        return ngx_http_dmp_committed(r, ctx);
    }

    rc = ngx_http_dmp_wait_store(ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_dmp_send_trace(r, ctx) != NGX_AGAIN) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (ngx_http_dmp_make_receipt(r, ctx) != NGX_OK) {
        ngx_http_dmp_waiter_detach(ctx->waiter);
        ctx->waiter = NULL;
        return ngx_http_dmp_no_trace(ctx);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_dmp_state_enforce(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_END;

    if (ctx->decision.effect != DMP_ALLOW || !ctx->traced) {

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "dmp refused by rule %s: %s",
                      dmp_rule_name(ctx->decision.rule),
                      dmp_reason_name(ctx->decision.reason));

        return ngx_http_dmp_send_refusal(r, ctx);
    }

    if (ctx->decision.obligations & DMP_OBLIGATION_COMPOSE) {
        return ngx_http_dmp_send_check(r, ctx);
    }

    if (!(ctx->decision.obligations
          & (DMP_OBLIGATION_FILTER|DMP_OBLIGATION_JUDGE))
        || ngx_http_dmp_prepare_forward(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->answer = NGX_HTTP_DMP_FORWARDED;

    /* not NGX_OK: what other modules refuse stays refused */
    return NGX_DECLINED;
}
