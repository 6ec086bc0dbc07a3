/*
 * The calls that open and end a patient's session: identifier and password,
 * one-time code, a new password, recovery, sign-out.
 *
 * Each is a list of steps, a commit of its entry, and for some more steps: what
 * is not traced is not done, and nothing is told before it is traced.  An
 * identifier that nobody has goes the same way as one with a wrong password.
 */

#include "ngx_http_dmp_refusals.h"
#include "ngx_http_dmp_sign_in.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


static ngx_int_t ngx_http_dmp_step_address(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_identifier(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_password(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_message(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_allowed(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_code_right(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_fit(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_new_password(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_replace(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_leave(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
static ngx_int_t ngx_http_dmp_step_hold(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);


#define NGX_HTTP_DMP_STEPS_MAX  10

/* NULL ends them: the commit comes next, or the answer. */
static const struct {
    ngx_http_dmp_step_pt  before[NGX_HTTP_DMP_STEPS_MAX];
    ngx_http_dmp_step_pt  after[NGX_HTTP_DMP_STEPS_MAX];
} ngx_http_dmp_calls[DMP_OPERATION_MAX] = {

    [DMP_OPERATION_SIGN_IN] = {
        .before = { ngx_http_dmp_step_address, ngx_http_dmp_step_identifier,
                    ngx_http_dmp_step_attempt, ngx_http_dmp_step_account,
                    ngx_http_dmp_step_password, ngx_http_dmp_step_codes,
                    ngx_http_dmp_step_record, ngx_http_dmp_step_message,
                    ngx_http_dmp_step_put } },

    [DMP_OPERATION_RECOVERY] = {
        .before = { ngx_http_dmp_step_address, ngx_http_dmp_step_identifier,
                    ngx_http_dmp_step_attempt, ngx_http_dmp_step_recoveries,
                    ngx_http_dmp_step_account, ngx_http_dmp_step_record,
                    ngx_http_dmp_step_message, ngx_http_dmp_step_put } },

    [DMP_OPERATION_CODE] = {
        .before = { ngx_http_dmp_step_address, ngx_http_dmp_step_try,
                    ngx_http_dmp_step_account, ngx_http_dmp_step_record,
                    ngx_http_dmp_step_code_right },
        .after = { ngx_http_dmp_step_good } },

    [DMP_OPERATION_PASSWORD] = {
        .before = { ngx_http_dmp_step_address, ngx_http_dmp_step_fit,
                    ngx_http_dmp_step_take, ngx_http_dmp_step_account,
                    ngx_http_dmp_step_new_password, ngx_http_dmp_step_record,
                    ngx_http_dmp_step_replace },
        .after = { ngx_http_dmp_step_good, ngx_http_dmp_step_hold } },

    [DMP_OPERATION_SIGN_OUT] = {
        .before = { ngx_http_dmp_step_leave },
        .after = { ngx_http_dmp_step_hold } },
};


ngx_uint_t
ngx_http_dmp_sign_in_is_call(const ngx_http_dmp_ctx_t *ctx)
{
    switch (ctx->asked.operation) {

    case DMP_OPERATION_SIGN_IN:
    case DMP_OPERATION_RECOVERY:
    case DMP_OPERATION_CODE:
    case DMP_OPERATION_PASSWORD:
    case DMP_OPERATION_SIGN_OUT:
        return ctx->api;

    default:
        return 0;
    }
}


ngx_int_t
ngx_http_dmp_sign_in_refuse(ngx_http_dmp_ctx_t *ctx, dmp_reason_t reason)
{
    ctx->state = NGX_HTTP_DMP_COMMIT;

    return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_A3, reason);
}


static dmp_rule_t
ngx_http_dmp_sign_in_rule(dmp_reason_t reason)
{
    switch (reason) {

    case DMP_REASON_REQUEST_AMBIGUOUS:
    case DMP_REASON_OPERATION_UNKNOWN:
        return DMP_RULE_B1;

    case DMP_REASON_IDENTITY_AMBIGUOUS:
        return DMP_RULE_A4;

    case DMP_REASON_AUTHENTICATION_REQUIRED:
        return DMP_RULE_A1;

    default:
        return DMP_RULE_A3;
    }
}


ngx_int_t
ngx_http_dmp_sign_in_turn_away(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_reason_t reason)
{
    ctx->patient_known = 0;
    ctx->state = ngx_http_dmp_refusal_traced(r->connection, &ctx->repeated)
                 ? NGX_HTTP_DMP_COMMIT : NGX_HTTP_DMP_ENFORCE;

    return ngx_http_dmp_refuse(ctx, DMP_DENY,
                               ngx_http_dmp_sign_in_rule(reason), reason);
}


/* A card is no patient's: whoever shows one signs in as somebody else. */
static dmp_reason_t
ngx_http_dmp_sign_in_unfit(const ngx_http_dmp_ctx_t *ctx, ngx_uint_t enabled)
{
    if (!enabled) {
        return DMP_REASON_OPERATION_UNKNOWN;
    }

    switch (ctx->asked.mapping) {

    case DMP_MAPPING_ONE:
        break;

    case DMP_MAPPING_OPERATION_UNKNOWN:
    case DMP_MAPPING_FORMAT:
    case DMP_MAPPING_MEDIA:
        return DMP_REASON_OPERATION_UNKNOWN;

    default:
        return DMP_REASON_REQUEST_AMBIGUOUS;
    }

    if (ctx->subject.certificate != DMP_CREDENTIAL_ABSENT) {
        return DMP_REASON_IDENTITY_AMBIGUOUS;
    }

    if (ctx->asked.operation == DMP_OPERATION_SIGN_OUT) {
        return (ctx->session != NULL)
               ? DMP_REASON_NONE
               : (ctx->headers.token ? DMP_REASON_TOKEN_REJECTED
                                     : DMP_REASON_AUTHENTICATION_REQUIRED);
    }

    return DMP_REASON_NONE;
}


ngx_int_t
ngx_http_dmp_sign_in_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_reason_t                     reason;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    if (ctx->asked.mapping == DMP_MAPPING_INCOMPLETE
        && dmcf->session_keys != NULL)
    {
        return ngx_http_dmp_form(r, ctx);
    }

    reason = ngx_http_dmp_sign_in_unfit(ctx, dmcf->session_keys != NULL);

    if (reason != DMP_REASON_NONE) {
        if (ctx->asked.why != NULL) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "dmp request refused: %s", ctx->asked.why);
        }

        return ngx_http_dmp_sign_in_turn_away(r, ctx, reason);
    }

    ctx->sign_in = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_sign_in_t));
    if (ctx->sign_in == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what a token says of who asks is no part of signing in */
    if (ctx->asked.operation != DMP_OPERATION_SIGN_OUT) {
        ctx->session = NULL;
        ngx_memzero(&ctx->subject, sizeof(dmp_subject_t));
    }

    ctx->state = NGX_HTTP_DMP_SIGN_IN;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_state_sign_in(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                    rc;
    const ngx_http_dmp_step_pt  *steps;
    ngx_http_dmp_sign_in_t      *s;

    s = ctx->sign_in;
    steps = s->after ? ngx_http_dmp_calls[ctx->asked.operation].after
                     : ngx_http_dmp_calls[ctx->asked.operation].before;

    while (s->step < NGX_HTTP_DMP_STEPS_MAX && steps[s->step] != NULL) {

        rc = steps[s->step](r, ctx);

        if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_SIGN_IN) {
            return rc;
        }

        s->step++;
    }

    if (s->after) {
        ctx->state = NGX_HTTP_DMP_ENFORCE;
        return NGX_OK;
    }

    return ngx_http_dmp_step_allowed(r, ctx);
}


void
ngx_http_dmp_sign_in_cleanup(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->sign_in == NULL) {
        return;
    }

    if (ctx->sign_in->hold.timer_set) {
        ngx_del_timer(&ctx->sign_in->hold);
    }

    ngx_explicit_memzero(ctx->sign_in, sizeof(ngx_http_dmp_sign_in_t));
}


/* ------------------------------------------------------------------ steps */

static ngx_int_t
ngx_http_dmp_step_address(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t                       wait;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    wait = ngx_http_dmp_address_waits(r->connection, dmcf);

    if (wait == 0) {
        return NGX_OK;
    }

    ctx->retry_after = wait;

    return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                          DMP_REASON_TOO_MANY_ATTEMPTS);
}


static ngx_int_t
ngx_http_dmp_step_identifier(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             text[DMP_IDENTIFIER_LEN];
    dmp_rc_t                         rc;
    dmp_str_t                        typed;
    ngx_http_dmp_sign_in_t          *s;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    s = ctx->sign_in;
    typed = ctx->asked.credentials.identifier;

    s->discreet = ctx->asked.credentials.discreet;
    s->purpose = (ctx->asked.operation == DMP_OPERATION_RECOVERY)
                 ? NGX_HTTP_DMP_FOR_RECOVERY : NGX_HTTP_DMP_FOR_SIGN_IN;

    /* what is no identifier is looked for like one */
    rc = dmp_identifier_read(typed, text)
         ? dmp_login_hash(dmcf->pseudonym_key,
                          (dmp_str_t) { text, DMP_IDENTIFIER_LEN }, s->login)
         : dmp_login_hash(dmcf->pseudonym_key, typed, s->login);

    return (rc == DMP_OK) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * NGX_OK: hash is that of the password, with s->account's salt; NGX_AGAIN; or
 * ctx->state was set.
 */
static ngx_int_t
ngx_http_dmp_step_derive(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    unsigned char hash[DMP_SCRYPT_HASH])
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w == NULL) {
        rc = ngx_http_dmp_derive(ctx, ctx->asked.credentials.password,
                                 ctx->sign_in->account.salt);

        if (rc != NGX_BUSY) {
            return (rc == NGX_AGAIN) ? rc : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->retry_after = 1;

        return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                              DMP_REASON_TOO_MANY_ATTEMPTS);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;
    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (w->result == NGX_HTTP_DMP_WAIT_DONE
        && w->sealed_len == DMP_SCRYPT_HASH)
    {
        ngx_memcpy(hash, w->sealed, DMP_SCRYPT_HASH);
        ngx_explicit_memzero(w->sealed, DMP_SCRYPT_HASH);
        rc = NGX_OK;
    }

    ngx_http_dmp_waiter_release(w);

    return rc;
}


/* Of nobody's account it is derived, too, with a salt of zeros. */
static ngx_int_t
ngx_http_dmp_step_password(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_uint_t               same;
    unsigned char            hash[DMP_SCRYPT_HASH];
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    ngx_memzero(hash, sizeof(hash));

    rc = ngx_http_dmp_step_derive(r, ctx, hash);

    if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_SIGN_IN) {
        return rc;
    }

    same = (CRYPTO_memcmp(hash, s->account.hash, DMP_SCRYPT_HASH) == 0);
    ngx_explicit_memzero(hash, sizeof(hash));

    return (s->known && same)
           ? NGX_OK
           : ngx_http_dmp_sign_in_refuse(ctx,
                                         DMP_REASON_CREDENTIALS_REJECTED);
}


ngx_int_t
ngx_http_dmp_seal_message(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_message_t *message, dmp_str_t *sealed)
{
    char                             text[DMP_MESSAGE_MAX];
    char                             key[DMP_KEY_NAME_MAX], *out;
    size_t                           len;
    dmp_rc_t                         rc;
    dmp_buf_t                        b;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_message_write(&b, message);

    out = ngx_pnalloc(r->pool, b.len + DMP_SEAL_OVERHEAD);

    if (b.full || out == NULL) {
        ngx_explicit_memzero(text, sizeof(text));
        return NGX_ERROR;
    }

    len = dmp_key_name(key,
                       dmp_bucket(ctx->patient, ngx_http_dmp_store.buckets),
                       "outbox", dmp_null_string);

    rc = dmp_seal(dmcf->record_keys, (dmp_str_t) { key, len },
                  dmp_string(DMP_MESSAGE_FIELD), 1, b.data, b.len, out,
                  &sealed->len);
    sealed->data = out;

    ngx_explicit_memzero(text, sizeof(text));

    return (rc == DMP_OK) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_dmp_seal_code(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_message_t            message;
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    s->kind = "code";

    ngx_memzero(&message, sizeof(dmp_message_t));

    message.patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    message.channel = s->channel;
    message.to = s->to;
    message.until_ms = ngx_http_dmp_time_ms() + NGX_HTTP_DMP_CODE_MS;
    message.code = (dmp_str_t) { s->code, DMP_CODE_LEN };
    message.purpose = ngx_http_dmp_purpose(s->purpose);

    return (ngx_http_dmp_seal_message(r, ctx, &message, &s->sealed) == NGX_OK)
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* Where a code goes, if it may go anywhere: only then is there a message. */
static ngx_int_t
ngx_http_dmp_step_message(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t               recovery;
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    recovery = (ctx->asked.operation == DMP_OPERATION_RECOVERY);

    if (!dmp_token_id_make(s->challenge) || !dmp_code_make(s->code)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (s->known) {
        s->channel = dmp_contact_channel(&s->contact,
                         !recovery ? DMP_CONTACT_NONE
                         : ngx_strcmp(s->account.channel, "sms") == 0
                         ? DMP_CONTACT_SMS
                         : ngx_strcmp(s->account.channel, "email") == 0
                         ? DMP_CONTACT_EMAIL : DMP_CONTACT_NONE,
                         &s->to);
    }

    if (!recovery && !s->known) {
        /* an account whose record is no more */
        return ngx_http_dmp_sign_in_refuse(ctx,
                                           DMP_REASON_CREDENTIALS_REJECTED);
    }

    if (!recovery && s->channel == DMP_CONTACT_NONE) {
        return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CONTACT_MISSING);
    }

    if (s->channel == DMP_CONTACT_NONE
        || s->purpose == NGX_HTTP_DMP_FOR_NOTHING)
    {
        return NGX_OK;
    }

    return ngx_http_dmp_seal_code(r, ctx);
}


/* From here on somebody is known by what they have shown. */
static void
ngx_http_dmp_sign_in_known(ngx_http_dmp_ctx_t *ctx)
{
    ctx->subject.token = DMP_CREDENTIAL_VERIFIED;
    ctx->subject.actor = DMP_ACTOR_PATIENT;
    ctx->subject.auth = DMP_AUTH_SESSION;
    ctx->subject.discreet = ctx->sign_in->discreet;
    ctx->subject.id = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
}


static ngx_int_t
ngx_http_dmp_step_allowed(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->asked.operation != DMP_OPERATION_RECOVERY) {
        ngx_http_dmp_sign_in_known(ctx);
    }

    ctx->decision.effect = DMP_ALLOW;
    ctx->decision.rule = DMP_RULE_A3;
    ctx->decision.reason = DMP_REASON_NONE;
    ctx->decision.obligations = DMP_OBLIGATION_TRACE;

    ctx->state = NGX_HTTP_DMP_COMMIT;

    return NGX_OK;
}


/* The claims of a session that the commit opens. */
static ngx_int_t
ngx_http_dmp_sign_in_claims(ngx_http_dmp_ctx_t *ctx)
{
    dmp_str_t                ins;
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    ins = ctx->facts.record->ins;

    if (ins.len != sizeof(s->claims.ins)
        || !dmp_token_id_make(s->claims.id))
    {
        return NGX_ERROR;
    }

    ngx_memcpy(s->claims.ins, ins.data, ins.len);
    ngx_memcpy(s->claims.patient, ctx->patient, DMP_PSEUDONYM_LEN);
    s->claims.discreet = s->discreet;
    s->claims.issued = (int64_t) ngx_time();
    s->claims.expires = s->claims.issued + NGX_HTTP_DMP_SESSION_LIMIT / 1000;

    return NGX_OK;
}


/*
 * Whether the account is still the one that the challenge was made for: not
 * since its password was replaced, here or at the counter.
 */
static ngx_uint_t
ngx_http_dmp_challenge_holds(const ngx_http_dmp_sign_in_t *s)
{
    return s->known && s->asked != 0 && s->asked == s->version;
}


/*
 * Which channel the last sign-in's code came by: recovery takes the other.  A
 * code of recovery is none of a sign-in.  Returns whether that is new.
 */
static ngx_uint_t
ngx_http_dmp_sign_in_came_by(ngx_http_dmp_sign_in_t *s)
{
    const char  *name;

    name = dmp_contact_channel_name(s->channel);

    if (s->purpose != NGX_HTTP_DMP_FOR_SIGN_IN
        || s->channel == DMP_CONTACT_NONE
        || ngx_strcmp(s->account.channel, name) == 0)
    {
        return 0;
    }

    (void) ngx_cpystrn((u_char *) s->account.channel, (u_char *) name,
                       sizeof(s->account.channel));

    return 1;
}


/* The account, as the commit writes it. */
static ngx_int_t
ngx_http_dmp_sign_in_replaced(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_sign_in_t          *s;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    s = ctx->sign_in;

    return (dmp_account_seal(dmcf->record_keys, s->login, ctx->patient,
                             s->version + 1, &s->account, s->replaced,
                             &s->replaced_len)
            == DMP_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_step_code_right(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;

    if (ctx->facts.state != DMP_RECORD_PRESENT
        || !ngx_http_dmp_challenge_holds(s)
        || s->purpose == NGX_HTTP_DMP_FOR_CONTACT
        || s->purpose == NGX_HTTP_DMP_FOR_NOTHING)
    {
        return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CODE_REJECTED);
    }

    if (s->temporary) {
        ngx_http_dmp_sign_in_known(ctx);

        return ngx_http_dmp_sign_in_refuse(ctx,
                                        DMP_REASON_PASSWORD_CHANGE_REQUIRED);
    }

    s->verb = "open";

    if (ngx_http_dmp_sign_in_came_by(s)
        && ngx_http_dmp_sign_in_replaced(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return (ngx_http_dmp_sign_in_claims(ctx) == NGX_OK)
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* Before anything is asked: why, the answer says. */
static ngx_int_t
ngx_http_dmp_step_fit(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (dmp_password_refused(ctx->asked.credentials.password, dmp_null_string)
        == NULL)
    {
        return NGX_OK;
    }

    return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                          DMP_REASON_PASSWORD_REFUSED);
}


static ngx_int_t
ngx_http_dmp_step_new_password(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc;
    unsigned char            hash[DMP_SCRYPT_HASH];
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;

    if (!s->known || !ngx_http_dmp_challenge_holds(s)) {
        return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CODE_REJECTED);
    }

    if (ctx->waiter == NULL
        && RAND_bytes(s->account.salt, DMP_SCRYPT_SALT) != 1)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dmp_step_derive(r, ctx, hash);

    if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_SIGN_IN) {
        return rc;
    }

    ngx_memcpy(s->account.hash, hash, DMP_SCRYPT_HASH);
    ngx_explicit_memzero(hash, sizeof(hash));
    s->account.temporary = false;
    (void) ngx_http_dmp_sign_in_came_by(s);

    return NGX_OK;
}


/*
 * In one commit: the account is written, all other sessions end with it, and
 * the address on record is told.
 */
static ngx_int_t
ngx_http_dmp_step_replace(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;

    if (ctx->facts.state != DMP_RECORD_PRESENT) {
        return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CODE_REJECTED);
    }

    s->verb = "only";
    s->kind = "password-changed";

    return (ngx_http_dmp_sign_in_replaced(r, ctx) == NGX_OK
            && ngx_http_dmp_sign_in_claims(ctx) == NGX_OK
            && ngx_http_dmp_confirm(r, ctx, &s->kind, &s->sealed) == NGX_OK)
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_dmp_step_leave(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->sign_in->verb = "end";
    ctx->sign_in->claims = ctx->session->claims;
    ngx_memcpy(ctx->patient, ctx->session->claims.patient, DMP_PSEUDONYM_LEN);
    ctx->patient_known = 1;

    return NGX_OK;
}


/* As with a change of rights: what was checked before may leave until then. */
static ngx_int_t
ngx_http_dmp_step_hold(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    return ngx_http_dmp_hold_back(r, ctx, &ctx->sign_in->hold,
                             ctx->sign_in->done_ns);
}
