/*
 * A change of rights, over the API: made on the record as the store has it
 * now, committed with its trace, and acknowledged only when the deadline has
 * passed since: by then nothing that was decided before it can leave, from any
 * gateway.
 */

#include "ngx_http_dmp_session.h"

#include <dmp/dmp_change.h>
#include <dmp/dmp_notice.h>


struct ngx_http_dmp_change_s {
    char           *json;                /* as it will be */
    size_t          len;
    dmp_record_t   *record;              /* the same, until it is cached */
    uint64_t        version;
    unsigned        changed:1;           /* it has an effect */
    dmp_str_t       sealed;
    dmp_str_t       details;
    const char     *notice;              /* NULL: nobody is told */
    dmp_str_t       told;                /* sealed, of the notice; or empty */
    uint64_t        done_ns;             /* when the commit was answered */
    ngx_event_t     hold;
};


ngx_uint_t
ngx_http_dmp_is_change(const ngx_http_dmp_ctx_t *ctx)
{
    if (!ctx->api) {
        return 0;
    }

    switch (ctx->asked.operation) {

    case DMP_OPERATION_RIGHTS:
    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_CREATE:
    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return 1;

    default:
        return 0;
    }
}


static void
ngx_http_dmp_change_wipe(ngx_http_dmp_change_t *change)
{
    if (change->json != NULL) {
        ngx_explicit_memzero(change->json, change->len);
        ngx_free(change->json);
        change->json = NULL;
    }

    if (change->record != NULL) {
        dmp_record_free(change->record);
        change->record = NULL;
    }
}


void
ngx_http_dmp_change_cleanup(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->json != NULL) {
        ngx_explicit_memzero(ctx->json, ctx->json_len);
        ngx_free(ctx->json);
        ctx->json = NULL;
    }

    if (ctx->change == NULL) {
        return;
    }

    if (ctx->change->hold.timer_set) {
        ngx_del_timer(&ctx->change->hold);
    }

    ngx_http_dmp_change_wipe(ctx->change);
}


static ngx_int_t
ngx_http_dmp_change_seal(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_change_t *change)
{
    char                            *out;
    char                             name[DMP_KEY_NAME_MAX];
    size_t                           len;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    len = dmp_key_name(name,
                       dmp_bucket(ctx->patient, ngx_http_dmp_store.buckets),
                       "rec", (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN });

    out = ngx_pnalloc(r->pool, change->len + DMP_SEAL_OVERHEAD);
    if (out == NULL) {
        return NGX_ERROR;
    }

    change->sealed.data = out;

    return dmp_seal(dmcf->record_keys, (dmp_str_t) { name, len },
                    dmp_string(DMP_RECORD_FIELD), change->version,
                    change->json, change->len, out, &change->sealed.len)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_change_details(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_edit_t *edit, dmp_str_t *sealed)
{
    char       text[1024];
    ngx_int_t  rc;
    dmp_buf_t  details;

    dmp_buf_init(&details, text, sizeof(text));
    dmp_edit_details(edit, &details);

    if (details.full) {
        return NGX_ERROR;
    }

    rc = ngx_http_dmp_seal_words(r, ctx, dmp_string(DMP_DETAILS_FIELD),
                                 (dmp_str_t) { details.data, details.len },
                                 sealed);

    ngx_explicit_memzero(text, sizeof(text));

    return rc;
}


/*
 * Who is told: the patient of what others did, and the address that was on
 * record of what somebody did in the patient's name.
 */
static ngx_int_t
ngx_http_dmp_change_notice(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_change_t *change)
{
    change->notice = NULL;
    change->told = dmp_null_string;

    if (!change->changed) {
        return NGX_OK;
    }

    if (ctx->decision.obligations & DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED) {
        change->notice =
            dmp_notice_name(DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED);
        return NGX_OK;
    }

    if (ctx->asked.operation != DMP_OPERATION_RIGHTS) {
        return NGX_OK;
    }

    switch (ctx->asked.change) {

    case DMP_CHANGE_CONTACT:
        change->notice = "contact-changed";
        break;

    case DMP_CHANGE_OPPOSE:
        change->notice = "emergency-changed";
        break;

    default:
        return NGX_OK;
    }

    return ngx_http_dmp_confirm(r, ctx, &change->notice, &change->told);
}


/* Nobody could be sent a code any more: who signed in would not again. */
static ngx_uint_t
ngx_http_dmp_change_cuts_off(const ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_change_t *change)
{
    char           room[DMP_CONTACT_ROOM];
    dmp_str_t      to;
    ngx_uint_t     cut;
    dmp_contact_t  contact;

    if (ctx->asked.operation != DMP_OPERATION_RIGHTS
        || ctx->asked.change != DMP_CHANGE_CONTACT)
    {
        return 0;
    }

    cut = !dmp_record_contact(change->json, change->len, room, &contact)
          || dmp_contact_channel(&contact, DMP_CONTACT_NONE, &to)
             == DMP_CONTACT_NONE;

    ngx_explicit_memzero(room, sizeof(room));

    return cut;
}


/* The record as it will be, sealed as its next version. */
static ngx_int_t
ngx_http_dmp_change_make(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_change_t *change)
{
    bool         changed;
    dmp_rc_t     rc;
    dmp_edit_t   edit;
    dmp_error_t  error;

    ngx_memzero(&edit, sizeof(dmp_edit_t));

    edit.request = &ctx->asked;
    edit.by = ctx->subject.actor;
    edit.today = dmp_day_paris((int64_t) ngx_time());
    edit.days = ctx->policy->settings.authorisation_days;

    if (ctx->document != NULL) {
        edit.document = dmp_document_name(ctx->document);
    }

    rc = dmp_record_edit(ctx->json, ctx->json_len, &edit, &change->json,
                         &change->len, &changed, &error);

    if (rc == DMP_OK) {
        rc = dmp_record_parse(change->json, change->len, &change->record,
                              &error);
    }

    if (rc != DMP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp cannot make this change of a record: %s",
                      error.text);

        /* to try again would be in vain */
        return (rc == DMP_E_LIMIT || rc == DMP_E_SYNTAX) ? NGX_DECLINED
                                                         : NGX_ERROR;
    }

    if (ngx_http_dmp_change_cuts_off(ctx, change)) {
        return NGX_DECLINED;
    }

    change->changed = changed;
    change->version = ctx->facts.version + 1;

    if (ngx_http_dmp_change_details(r, ctx, &edit, &change->details)
        != NGX_OK
        || ngx_http_dmp_change_notice(r, ctx, change) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_change_seal(r, ctx, change);
}


/* The time of its creation: no record before it had that version. */
static ngx_int_t
ngx_http_dmp_change_create(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_change_t *change)
{
    ngx_int_t    rc;
    dmp_error_t  error;

    change->told = dmp_null_string;

    rc = ngx_http_dmp_create_make(r, ctx, &change->json, &change->len,
                                  &change->notice, &change->told);

    if (rc != NGX_OK) {
        return rc;
    }

    change->changed = 1;
    change->version = (uint64_t) ngx_http_dmp_time_ms();

    if (dmp_record_parse(change->json, change->len, &change->record, &error)
        != DMP_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_change_seal(r, ctx, change);
}


ngx_int_t
ngx_http_dmp_change_prepare(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->change == NULL) {
        ctx->change = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_change_t));
        if (ctx->change == NULL) {
            return NGX_ERROR;
        }
    }

    /* of a version that is no longer current */
    ngx_http_dmp_change_wipe(ctx->change);

    if (ctx->asked.operation == DMP_OPERATION_CREATE) {
        return ngx_http_dmp_change_create(r, ctx, ctx->change);
    }

    if (ctx->json == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_change_make(r, ctx, ctx->change);
}


ngx_int_t
ngx_http_dmp_change_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_access_t *access)
{
    ngx_http_dmp_change_commit_t  what;

    ngx_memzero(&what, sizeof(ngx_http_dmp_change_commit_t));

    access->details = ctx->change->details;

    what.version = ctx->change->version;
    what.sealed = ctx->change->sealed;
    what.notice = ctx->change->notice;
    what.told = ctx->change->told;
    what.session = ngx_http_dmp_session_own(ctx);
    what.checked_ms = ngx_http_dmp_session_checked(ctx);

    /* who reopens it, or reads its history, signs in again */
    what.ends_sessions = (ctx->asked.operation == DMP_OPERATION_CLOSE);

    return ngx_http_dmp_store_change(ctx, access, &what);
}


/* The store has it: this worker's own cache, too. */
ngx_int_t
ngx_http_dmp_change_done(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_change_t  *change;
    ngx_http_dmp_cached_t  *cached;

    change = ctx->change;
    change->done_ns = ngx_http_dmp_now_ns();

    cached = ngx_http_dmp_record_put(ctx->patient, change->version,
                                     change->record);
    change->record = NULL;

    if (cached == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->record != NULL) {
        ngx_http_dmp_cached_release(ctx->record);
    }

    ctx->record = cached;
    ctx->facts.state = DMP_RECORD_PRESENT;
    ctx->facts.version = cached->version;
    ctx->facts.record = cached->value;

    ctx->state = NGX_HTTP_DMP_ACKNOWLEDGE;

    return NGX_OK;
}


static void
ngx_http_dmp_held(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;
    ngx_http_dmp_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->write_event_handler(r);

    /* nothing of r may be read after this */
    ngx_http_run_posted_requests(c);
}


/*
 * Counted from the answer to the commit: what some gateway had checked just
 * before it may leave until then.  nginx's timer starts from its cached clock,
 * which may be behind.
 */
ngx_int_t
ngx_http_dmp_hold_back(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_event_t *ev, uint64_t since_ns)
{
    uint64_t  passed, deadline;

    passed = ngx_http_dmp_now_ns() - since_ns;
    deadline = (uint64_t) (ngx_http_dmp_store.deadline
                           + DMP_HOLD_MARGIN_MS) * 1000000;

    if (passed > deadline) {
        return NGX_OK;
    }

    if (!ev->timer_set) {
        ev->handler = ngx_http_dmp_held;
        ev->data = ctx;
        ev->log = r->connection->log;

        ngx_add_timer(ev, (ngx_msec_t) ((deadline - passed) / 1000000 + 1));
    }

    return NGX_AGAIN;
}


static ngx_uint_t
ngx_http_dmp_change_is_held(const ngx_http_dmp_change_t *change)
{
    return ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_HOLD)
           && (change->changed
               || ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_HOLD_REPEATED));
}


/*
 * The answer shows the record: as it is now, after the wait, and no more of it
 * than its reader may see now.  The change itself stands, whatever came since.
 */
static ngx_int_t
ngx_http_dmp_change_show(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t       rc;
    dmp_decision_t  decision;

    decision = ctx->decision;
    rc = ngx_http_dmp_recheck(r, ctx);
    ctx->decision = decision;

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->state = NGX_HTTP_DMP_ENFORCE;

    return NGX_OK;
}


/* Not before the deadline is over. */
ngx_int_t
ngx_http_dmp_state_acknowledge(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_change_t  *change;

    change = ctx->change;

    if (ngx_http_dmp_change_is_held(change)
        && ngx_http_dmp_hold_back(r, ctx, &change->hold, change->done_ns)
           == NGX_AGAIN)
    {
        return NGX_AGAIN;
    }

    return ngx_http_dmp_change_show(r, ctx);
}
