/*
 * The access state machine: identify, introduce, map, locate, load, decide,
 * commit, enforce; one function per state.  It suspends to read a body, to
 * wait for the store or for the record host's answer to a question, and until
 * a change may be acknowledged; in no other way.
 *
 * Only a timely "1" of the store lets a request through; whatever cannot be
 * decided or traced ends in a refusal.
 */

#include "ngx_http_dmp_session.h"
#include "ngx_http_dmp_metrics.h"
#include "ngx_http_dmp_refusals.h"


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
static ngx_int_t ngx_http_dmp_state_target(ngx_http_request_t *r,
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
    [NGX_HTTP_DMP_FIND] = { "find", ngx_http_dmp_state_find },
    [NGX_HTTP_DMP_TARGET] = { "target", ngx_http_dmp_state_target },
    [NGX_HTTP_DMP_MASK] = { "mask", ngx_http_dmp_state_mask },
    [NGX_HTTP_DMP_LOAD] = { "load", ngx_http_dmp_state_load },
    [NGX_HTTP_DMP_DECIDE] = { "decide", ngx_http_dmp_state_decide },
    [NGX_HTTP_DMP_SIGN_IN] = { "sign-in", ngx_http_dmp_state_sign_in },
    [NGX_HTTP_DMP_CREATE] = { "create", ngx_http_dmp_state_create },
    [NGX_HTTP_DMP_CONTACT] = { "contact", ngx_http_dmp_state_contact },
    [NGX_HTTP_DMP_SESSION] = { "session", ngx_http_dmp_state_session },
    [NGX_HTTP_DMP_COMMIT] = { "commit", ngx_http_dmp_state_commit },
    [NGX_HTTP_DMP_ACKNOWLEDGE] = { "acknowledge",
                                   ngx_http_dmp_state_acknowledge },
    [NGX_HTTP_DMP_HISTORY] = { "history", ngx_http_dmp_state_history },
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

    if (!ctx->form_read && !ctx->refused) {
        ngx_http_dmp_read_headers(r, ctx);
    }

    /* anew where a form was read: that may have taken hours */
    if (ngx_http_dmp_identify(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ctx->refused) {
        ngx_http_dmp_map_request(r, ctx, ctx->form_read ? ctx->form
                                                        : dmp_null_string);
        ngx_http_dmp_session_actor(ctx);
    }

    ctx->state = (ctx->subject.certificate == DMP_CREDENTIAL_VERIFIED)
                 ? NGX_HTTP_DMP_INTRODUCE : NGX_HTTP_DMP_MAP;
    return NGX_OK;
}


/* The directory was asked with this result: where to go on. */
static ngx_int_t
ngx_http_dmp_looked_up(ngx_http_dmp_ctx_t *ctx, ngx_int_t rc,
    ngx_http_dmp_state_e next)
{
    if (rc == NGX_DECLINED) {
        rc = ngx_http_dmp_wait_store(ctx);
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (rc == NGX_OK) {
        ctx->state = next;
    }

    return rc;
}


/* What their card does not say of them: the directory may know. */
static ngx_int_t
ngx_http_dmp_state_introduce(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    return ngx_http_dmp_looked_up(ctx, ngx_http_dmp_introduce(r, ctx),
                                  NGX_HTTP_DMP_MAP);
}


/* Whom a change concerns may be known by other identifiers, too. */
static ngx_int_t
ngx_http_dmp_state_target(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    return ngx_http_dmp_looked_up(ctx, ngx_http_dmp_introduce_target(r, ctx),
                                  NGX_HTTP_DMP_LOAD);
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
    ctx->state = (ctx->asked.operation == DMP_OPERATION_RIGHTS
                  && ctx->asked.target.len != 0) ? NGX_HTTP_DMP_TARGET
                                                 : NGX_HTTP_DMP_LOAD;

    /* a change is made on what the store has, not on what is remembered */
    ctx->reload = ngx_http_dmp_is_change(ctx);

    return NGX_OK;
}


/* What needs nothing of the store is decided before it is asked. */
static ngx_int_t
ngx_http_dmp_state_map(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    uint64_t    since;
    ngx_uint_t  level;

    if (ngx_http_dmp_sign_in_is_call(ctx)) {
        return ngx_http_dmp_sign_in_start(r, ctx);
    }

    since = ngx_http_dmp_now_ns();

    dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, NULL,
               dmp_day_paris((int64_t) ngx_time()), &ctx->decision);

    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_DECISION, since);

    if (ctx->decision.rule == DMP_RULE_B1
        && ctx->asked.mapping == DMP_MAPPING_INCOMPLETE)
    {
        /* who asks is admitted: the form says what for */
        return ngx_http_dmp_form(r, ctx);
    }

    if (ctx->decision.effect == DMP_ALLOW
        && ctx->asked.operation == DMP_OPERATION_FIND)
    {
        return ngx_http_dmp_find_start(r, ctx);
    }

    if (ctx->decision.rule != DMP_RULE_X1) {

        if (ctx->asked.why != NULL) {
            /* fixed words of ours; who is nobody cannot fill the log */
            level = ctx->unproven ? NGX_LOG_INFO : NGX_LOG_WARN;
            ngx_log_error(level, r->connection->log, 0,
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

    /* whose record it is may be known only now */
    ngx_http_dmp_session_actor(ctx);

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


/* What the decision asks for can be done here. */
static ngx_int_t
ngx_http_dmp_can_do(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    uint32_t  known;

    known = ctx->api ? NGX_HTTP_DMP_API_OBLIGATIONS : NGX_HTTP_DMP_OBLIGATIONS;

    if (ctx->decision.obligations & ~known) {
        return ngx_http_dmp_refuse(ctx, DMP_ERROR, DMP_RULE_X1,
                                   DMP_REASON_TRACE_UNAVAILABLE);
    }

    if (!ngx_http_dmp_is_change(ctx)) {
        return NGX_OK;
    }

    if (ctx->asked.operation == DMP_OPERATION_CREATE
        && !ngx_http_dmp_create_is_ready(ctx))
    {
        ctx->state = NGX_HTTP_DMP_CREATE;
        return NGX_OK;
    }

    if (ngx_http_dmp_contact_is_open(ctx)) {
        ctx->state = NGX_HTTP_DMP_CONTACT;
        return NGX_OK;
    }

    switch (ngx_http_dmp_change_prepare(r, ctx)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_H7,
                                   DMP_REASON_CHANGE_NOT_ALLOWED);

    default:
        return ngx_http_dmp_refuse(ctx, DMP_ERROR, DMP_RULE_X1,
                                   DMP_REASON_TRACE_UNAVAILABLE);
    }
}


static ngx_uint_t
ngx_http_dmp_is_mask(const ngx_http_dmp_ctx_t *ctx)
{
    return ctx->api && (ctx->asked.operation == DMP_OPERATION_MASK
                        || ctx->asked.operation == DMP_OPERATION_UNMASK);
}


static ngx_int_t
ngx_http_dmp_decided(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_COMMIT;

    if (ctx->decoy) {
        ngx_memzero(&ctx->facts, sizeof(dmp_facts_t));

        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_H1,
                                   DMP_REASON_DOCUMENT_FOREIGN);
    }

    ctx->document = (ctx->masks != NULL) ? NULL : ctx->document;
    ngx_http_dmp_decide_document(ctx, &ctx->decision, &ctx->document);

    if (ngx_http_dmp_is_mask(ctx)) {
        if (ngx_http_dmp_mask_decide(ctx) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return (ctx->decision.effect == DMP_ALLOW)
               ? ngx_http_dmp_can_do(r, ctx) : NGX_OK;
    }

    /* asked for again also where the record refuses: an absent one is */
    if (ctx->decision.effect == DMP_DENY && ctx->asked.ins.len == 0
        && ctx->find == NULL
        && ngx_http_dmp_locate_again(r, ctx) == NGX_OK)
    {
        return NGX_OK;
    }

    if (ctx->find != NULL && !ngx_http_dmp_find_decided(ctx)) {
        return NGX_OK;
    }

    return (ctx->decision.effect == DMP_ALLOW) ? ngx_http_dmp_can_do(r, ctx)
                                               : NGX_OK;
}


static ngx_int_t
ngx_http_dmp_state_decide(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    uint64_t   since;
    ngx_int_t  rc;

    since = ngx_http_dmp_now_ns();
    rc = ngx_http_dmp_decided(r, ctx);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_DECISION, since);

    return rc;
}


static ngx_int_t
ngx_http_dmp_state_enforce(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_END;

    if (ctx->sign_in != NULL && ctx->traced) {
        return ngx_http_dmp_send_sign_in(r, ctx);
    }

    if (ctx->decision.effect != DMP_ALLOW || !ctx->traced) {

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "dmp refused by rule %s: %s",
                      dmp_rule_name(ctx->decision.rule),
                      dmp_reason_name(ctx->decision.reason));

        return ngx_http_dmp_send_refusal(r, ctx);
    }

    if (ctx->find != NULL) {
        return ngx_http_dmp_send_find(r, ctx);
    }

    if (ctx->create != NULL) {
        return ngx_http_dmp_send_created(r, ctx);
    }

    if (ctx->history != NULL) {
        return ngx_http_dmp_send_history(r, ctx);
    }

    if (ctx->api) {
        return ngx_http_dmp_send_state(r, ctx);
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
