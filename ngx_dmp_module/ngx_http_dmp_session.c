/*
 * A patient's session: the token that a request shows, and whether the session
 * that it names lives.
 *
 * The token is verified once and kept, never past its expiry: that alone opens
 * nothing.  Each access asks the store in the commit of its own trace, so that
 * a session that was ended is dead at once, on every gateway.
 */

#include "ngx_http_dmp_sign_in.h"


#define NGX_HTTP_DMP_LEEWAY  60          /* seconds: clocks of two gateways */


/* The key of the holder's sessions. */
static size_t
ngx_http_dmp_session_name(char key[DMP_KEY_NAME_MAX],
    const ngx_http_dmp_session_t *session)
{
    dmp_str_t  patient;

    patient = (dmp_str_t) { session->claims.patient, DMP_PSEUDONYM_LEN };

    return dmp_key_name(key, dmp_bucket(patient.data,
                                        ngx_http_dmp_store.buckets),
                        "sess", patient);
}


/*
 * A page of another site can have a browser send the cookie, but neither this
 * header nor, where the browser says where a request is from, that it is from
 * here.  Whoever sends the token itself is no such page.
 */
static ngx_uint_t
ngx_http_dmp_session_crosses(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const dmp_headers_t  *h;

    h = &ctx->headers;

    if (h->bearer.len != 0) {
        return 0;
    }

    if (h->site == DMP_SITE_OTHER) {
        return 1;
    }

    return !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
           && h->site != DMP_SITE_SAME_ORIGIN && !h->dmp_request;
}


static const char *
ngx_http_dmp_session_read(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_claims_t *claims)
{
    dmp_str_t                        token;
    const char                      *why;
    dmp_claims_t                    *kept;
    ngx_http_dmp_cached_t           *cached;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    token = (ctx->headers.bearer.len != 0) ? ctx->headers.bearer
                                           : ctx->headers.session_cookie;

    if (dmcf->session_keys == NULL || token.len == 0
        || token.len > DMP_TOKEN_MAX)
    {
        return "no token of a session";
    }

    if (ngx_http_dmp_session_crosses(r, ctx)) {
        return "a cookie that another site may have had sent";
    }

    cached = ngx_http_dmp_token_get(token);

    if (cached != NULL) {
        *claims = *(dmp_claims_t *) cached->value;
        ngx_http_dmp_cached_release(cached);

        return (claims->expires > (int64_t) ngx_time()) ? NULL
                                                        : "it has expired";
    }

    if (dmp_token_read(dmcf->session_keys, dmcf->record_keys, token,
                       (int64_t) ngx_time(), NGX_HTTP_DMP_LEEWAY, claims,
                       &why)
        != DMP_OK)
    {
        return why;
    }

    kept = ngx_alloc(sizeof(dmp_claims_t), r->connection->log);

    if (kept != NULL) {
        *kept = *claims;
        cached = ngx_http_dmp_token_put(token, kept);

        if (cached != NULL) {
            ngx_http_dmp_cached_release(cached);
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_dmp_session_identify(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const char              *why;
    dmp_claims_t             claims;
    ngx_http_dmp_session_t  *session;

    ctx->session = NULL;

    if (!ctx->headers.token) {
        ctx->subject.token = DMP_CREDENTIAL_ABSENT;
        return NGX_OK;
    }

    /* one that is shown is one that fails, until it is known to be good */
    ctx->subject.token = DMP_CREDENTIAL_REJECTED;
    why = ngx_http_dmp_session_read(r, ctx, &claims);

    if (why != NULL) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "dmp token rejected: %s", why);
        return NGX_OK;
    }

    if (ctx->subject.certificate != DMP_CREDENTIAL_ABSENT) {
        /* two identities: rule A4 refuses them */
        ctx->subject.token = DMP_CREDENTIAL_VERIFIED;
        return NGX_OK;
    }

    session = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_session_t));
    if (session == NULL) {
        return NGX_ERROR;
    }

    session->claims = claims;
    ctx->session = session;
    ctx->unproven = 0;

    ctx->subject.token = DMP_CREDENTIAL_VERIFIED;
    ctx->subject.auth = DMP_AUTH_SESSION;
    ctx->subject.discreet = session->claims.discreet;
    ctx->subject.id = (dmp_str_t) { session->claims.patient,
                                    DMP_PSEUDONYM_LEN };
    ctx->subject.ins = (dmp_str_t) { session->claims.ins,
                                     sizeof(session->claims.ins) };
    ngx_http_dmp_session_actor(ctx);

    return NGX_OK;
}


void
ngx_http_dmp_session_actor(ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t  own;

    if (ctx->session == NULL
        || ctx->subject.token != DMP_CREDENTIAL_VERIFIED)
    {
        return;
    }

    if (ctx->patient_known) {
        own = ngx_memcmp(ctx->patient, ctx->session->claims.patient,
                         DMP_PSEUDONYM_LEN) == 0;

    } else {
        own = ctx->asked.ins.len == 0
              || dmp_str_eq(ctx->asked.ins, ctx->subject.ins);
    }

    ctx->subject.actor = own ? DMP_ACTOR_PATIENT : DMP_ACTOR_REPRESENTATIVE;
}


dmp_str_t
ngx_http_dmp_session_own(const ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->session == NULL || ctx->decision.effect != DMP_ALLOW
        || !ctx->patient_known || ctx->subject.actor != DMP_ACTOR_PATIENT)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { ctx->session->claims.id, DMP_TOKEN_ID_LEN };
}


ngx_uint_t
ngx_http_dmp_session_wanted(const ngx_http_dmp_ctx_t *ctx)
{
    return ctx->session != NULL && ctx->decision.effect == DMP_ALLOW
           && (ctx->sign_in == NULL || ctx->asked.change == DMP_CHANGE_CONTACT)
           && ngx_http_dmp_session_own(ctx).len == 0
           && ctx->session->sent_ns == 0;
}


uint64_t
ngx_http_dmp_session_checked(const ngx_http_dmp_ctx_t *ctx)
{
    return (ctx->session != NULL) ? ctx->session->checked_ms : 0;
}


void
ngx_http_dmp_session_again(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->session != NULL) {
        ctx->session->sent_ns = 0;
        ctx->session->checked_ms = 0;
    }
}


uint64_t
ngx_http_dmp_session_since(const ngx_http_dmp_ctx_t *ctx, uint64_t sent_ns)
{
    if (ctx->session == NULL || ctx->session->sent_ns == 0) {
        return sent_ns;
    }

    return ngx_min(ctx->session->sent_ns, sent_ns);
}


ngx_int_t
ngx_http_dmp_session_ended(ngx_http_dmp_ctx_t *ctx)
{
    ctx->subject.token = DMP_CREDENTIAL_REJECTED;
    ctx->state = NGX_HTTP_DMP_COMMIT;

    return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_A3,
                               DMP_REASON_TOKEN_REJECTED);
}


/* An entry of its own, in the history of who acts. */
static ngx_int_t
ngx_http_dmp_session_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_access_t                   access;
    dmp_request_t                  asked;
    ngx_http_dmp_session_commit_t  what;

    ngx_memzero(&asked, sizeof(dmp_request_t));
    ngx_memzero(&what, sizeof(ngx_http_dmp_session_commit_t));

    ngx_http_dmp_trace_of(r, ctx, &access);

    asked.operation = DMP_OPERATION_SESSION;
    asked.mode = ctx->asked.mode;
    asked.route = ctx->asked.route;

    access.request = &asked;
    access.version = 0;
    access.patient = (dmp_str_t) { ctx->session->claims.patient,
                                   DMP_PSEUDONYM_LEN };

    what.verb = "check";
    what.session = (dmp_str_t) { ctx->session->claims.id, DMP_TOKEN_ID_LEN };

    return ngx_http_dmp_store_session(ctx, &access, &what);
}


ngx_int_t
ngx_http_dmp_state_session(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_uint_t              ended;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w == NULL || !w->sent) {
        rc = ngx_http_dmp_wait_store(ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        return (ngx_http_dmp_session_send(r, ctx) == NGX_AGAIN)
               ? NGX_AGAIN : ngx_http_dmp_no_trace(ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;
    ended = (w->result == NGX_HTTP_DMP_WAIT_STALE && w->ended);

    if (w->result == NGX_HTTP_DMP_WAIT_DONE) {
        ctx->session->sent_ns = w->sent_ns;
        ctx->session->checked_ms = w->clock_ms;
    }

    ngx_http_dmp_waiter_release(w);

    if (ended) {
        return ngx_http_dmp_session_ended(ctx);
    }

    if (ctx->session->sent_ns == 0
        || ngx_http_dmp_now_ns() - ctx->session->sent_ns
           > (uint64_t) ngx_http_dmp_store.deadline * 1000000)
    {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->state = NGX_HTTP_DMP_COMMIT;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_session_ask(ngx_http_dmp_ctx_t *ctx)
{
    char         key[DMP_KEY_NAME_MAX];
    size_t       lens[5];
    ngx_int_t    rc;
    const char  *argv[5];

    argv[0] = "FCALL_RO";
    lens[0] = sizeof("FCALL_RO") - 1;
    argv[1] = "dmp1_look";
    lens[1] = sizeof("dmp1_look") - 1;
    argv[2] = "1";
    lens[2] = 1;
    argv[3] = key;
    lens[3] = ngx_http_dmp_session_name(key, ctx->session);
    argv[4] = ctx->session->claims.id;
    lens[4] = DMP_TOKEN_ID_LEN;

    rc = ngx_http_dmp_store_values(ctx, 1, 5, argv, lens);
    ctx->session->looking = (rc == NGX_AGAIN);

    return rc;
}


ngx_int_t
ngx_http_dmp_session_look(ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_dmp_waiter_t   *w;
    ngx_http_dmp_session_t  *session;

    session = ctx->session;
    w = ctx->waiter;

    if (session == NULL || session->looked) {
        return NGX_OK;
    }

    if (!session->looking) {
        return ngx_http_dmp_session_ask(ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;
    session->looking = 0;
    rc = NGX_ERROR;

    if (w->result == NGX_HTTP_DMP_WAIT_DONE) {
        rc = (w->values[0].len == 1 && w->values[0].data[0] == '1')
             ? NGX_OK : NGX_DECLINED;
        session->sent_ns = w->sent_ns;
    }

    session->looked = (rc == NGX_OK);
    ngx_http_dmp_waiter_release(w);

    if (rc == NGX_DECLINED) {
        (void) ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_A3,
                                   DMP_REASON_TOKEN_REJECTED);
        ctx->declined = 1;
    }

    return rc;
}


ngx_uint_t
ngx_http_dmp_session_is_looking(const ngx_http_dmp_ctx_t *ctx)
{
    return ctx->session != NULL && ctx->session->looking;
}


void
ngx_http_dmp_session_looked(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->session != NULL) {
        ctx->session->looked = 0;
    }
}


ngx_int_t
ngx_http_dmp_confirm(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char **kind, dmp_str_t *told)
{
    char           room[DMP_CONTACT_ROOM];
    ngx_int_t      rc;
    dmp_contact_t  contact;
    dmp_message_t  message;

    *told = dmp_null_string;
    ngx_memzero(&message, sizeof(dmp_message_t));

    if (ctx->json == NULL
        || !dmp_record_contact(ctx->json, ctx->json_len, room, &contact))
    {
        return NGX_ERROR;
    }

    message.patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    message.channel = dmp_contact_channel(&contact, DMP_CONTACT_NONE,
                                          &message.to);

    if (message.channel == DMP_CONTACT_NONE) {
        *kind = NULL;
        rc = NGX_OK;

    } else {
        rc = ngx_http_dmp_seal_message(r, ctx, &message, told);
    }

    ngx_explicit_memzero(room, sizeof(room));

    return rc;
}
