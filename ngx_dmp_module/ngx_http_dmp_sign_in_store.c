/*
 * What a sign-in asks the store: the account, its record, the challenge.  An
 * account that nobody has is looked for in the same places, and the record of
 * nobody is loaded for it: the work does not tell them apart.
 */

#include "ngx_http_dmp_sign_in.h"


void
ngx_http_dmp_args_add(ngx_http_dmp_args_t *args, const char *data, size_t len)
{
    args->argv[args->n] = data;
    args->lens[args->n++] = len;
}


void
ngx_http_dmp_args_text(ngx_http_dmp_args_t *args, const char *text)
{
    ngx_http_dmp_args_add(args, text, ngx_strlen(text));
}


void
ngx_http_dmp_args_begin(ngx_http_dmp_args_t *args, const char *function,
    const char *kind, const char *id, size_t len)
{
    u_char  *p;

    args->n = 0;
    args->writes = (function != NULL);

    if (function != NULL) {
        ngx_http_dmp_args_text(args, "FCALL");
        ngx_http_dmp_args_text(args, function);
        ngx_http_dmp_args_text(args, "1");
    }

    p = ngx_snprintf((u_char *) args->key, sizeof(args->key), "dmp:%s:%*s",
                     kind, len, id);

    if (function != NULL) {
        ngx_http_dmp_args_add(args, args->key,
                              (size_t) (p - (u_char *) args->key));
    }
}


ngx_int_t
ngx_http_dmp_args_send(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_args_t *args,
    ngx_uint_t expected)
{
    if (ngx_http_dmp_store_values(ctx, expected, args->n, args->argv,
                                  args->lens)
        != NGX_AGAIN)
    {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (args->writes) {
        ngx_http_dmp_replicas_write(ctx->waiter);
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dmp_step_answer(ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_waiter_t **answer)
{
    ngx_http_dmp_waiter_t  *w;

    *answer = NULL;
    w = ctx->waiter;

    if (w == NULL || !w->sent) {
        return ngx_http_dmp_wait_store(ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;

    if (w->result != NGX_HTTP_DMP_WAIT_DONE) {
        ngx_http_dmp_waiter_release(w);
        return ngx_http_dmp_no_trace(ctx);
    }

    *answer = w;

    return NGX_OK;
}


/*
 * Of an account that nobody has: a patient whom nobody is.  There are few of
 * them, so that no list of the store grows by names that somebody makes up.
 */
static ngx_int_t
ngx_http_dmp_account_nobody(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             text[16];
    u_char                          *p;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    p = ngx_snprintf((u_char *) text, sizeof(text), "dmp-nobody-%c",
                     ctx->sign_in->login[0]);

    return dmp_pseudonym(dmcf->pseudonym_key,
                         (dmp_str_t) { text, (size_t) (p - (u_char *) text) },
                         ctx->patient)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_account_open(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_waiter_t *w)
{
    ngx_int_t                        version;
    ngx_http_dmp_sign_in_t          *s;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    s = ctx->sign_in;

    version = ngx_atoi(w->values[1].data, w->values[1].len);

    if (w->values[0].len != DMP_PSEUDONYM_LEN || version <= 0
        || dmp_account_open(dmcf->record_keys, s->login,
                            (char *) w->values[0].data, (uint64_t) version,
                            ngx_http_dmp_str(w->values[2]), &s->account)
           != DMP_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->patient, w->values[0].data, DMP_PSEUDONYM_LEN);
    s->version = (uint64_t) version;
    s->temporary |= s->account.temporary;    /* a challenge may ask, too */
    s->known = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_step_account(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_args_t     args;
    ngx_http_dmp_waiter_t  *w;

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        ngx_http_dmp_args_begin(&args, NULL, "login", ctx->sign_in->login,
                                DMP_LOGIN_HASH_LEN);
        ngx_http_dmp_args_text(&args, "HMGET");
        ngx_http_dmp_args_add(&args, args.key,
                              sizeof("dmp:login:") - 1 + DMP_LOGIN_HASH_LEN);
        ngx_http_dmp_args_text(&args, "p");
        ngx_http_dmp_args_text(&args, "v");
        ngx_http_dmp_args_text(&args, "s");

        return ngx_http_dmp_args_send(ctx, &args, 3);
    }

    if (w == NULL) {
        return rc;
    }

    /* whose challenge it is stays, though the account is there no more */
    rc = (w->values[0].data != NULL) ? ngx_http_dmp_account_open(r, ctx, w)
         : ctx->patient_known ? NGX_OK
                              : ngx_http_dmp_account_nobody(r, ctx);

    ngx_http_dmp_waiter_release(w);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "dmp an account of the store does not open");
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->patient_known = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_step_record(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_dmp_waiter_t   *w;
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        return (ngx_http_dmp_store_load(ctx) == NGX_AGAIN)
               ? NGX_AGAIN : ngx_http_dmp_no_trace(ctx);
    }

    if (w == NULL) {
        return rc;
    }

    rc = ngx_http_dmp_take_record(r, ctx, w);
    ngx_http_dmp_waiter_release(w);

    if (rc != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (ctx->facts.state != DMP_RECORD_PRESENT || ctx->json == NULL) {
        /* of an account without a record nobody can sign in */
        s->known = 0;
        return NGX_OK;
    }

    if (!dmp_record_contact(ctx->json, ctx->json_len, s->room, &s->contact)) {
        return ngx_http_dmp_no_trace(ctx);
    }

    return NGX_OK;
}


const char *
ngx_http_dmp_purpose(ngx_http_dmp_for_e purpose)
{
    switch (purpose) {

    case NGX_HTTP_DMP_FOR_SIGN_IN:
        return "sign-in";

    case NGX_HTTP_DMP_FOR_RECOVERY:
        return "recovery";

    case NGX_HTTP_DMP_FOR_CONTACT:
        return "contact";

    default:
        return "nothing";
    }
}


static ngx_http_dmp_for_e
ngx_http_dmp_purpose_of(ngx_str_t name)
{
    ngx_uint_t  i;

    for (i = NGX_HTTP_DMP_FOR_SIGN_IN; i <= NGX_HTTP_DMP_FOR_CONTACT; i++) {
        if (dmp_str_eq(ngx_http_dmp_str(name),
                       (dmp_str_t) { ngx_http_dmp_purpose(i),
                                     ngx_strlen(ngx_http_dmp_purpose(i)) }))
        {
            return i;
        }
    }

    return NGX_HTTP_DMP_FOR_NOTHING;
}


/* For an account that is none, too: its code was sent to nobody. */
static ngx_int_t
ngx_http_dmp_put_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             hash[DMP_CODE_HASH_LEN];
    char                             version[NGX_INT64_LEN + 1];
    ngx_http_dmp_args_t              args;
    ngx_http_dmp_sign_in_t          *s;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    s = ctx->sign_in;

    if (dmp_code_hash(dmcf->pseudonym_key,
                      (dmp_str_t) { s->challenge, DMP_TOKEN_ID_LEN },
                      (dmp_str_t) { s->code, DMP_CODE_LEN }, hash)
        != DMP_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dmp_args_begin(&args, "dmp1_challenge", "challenge",
                            s->challenge, DMP_TOKEN_ID_LEN);
    ngx_http_dmp_args_text(&args, "put");
    ngx_http_dmp_args_text(&args, "300000");
    ngx_http_dmp_args_text(&args, "c");
    ngx_http_dmp_args_add(&args, hash, DMP_CODE_HASH_LEN);
    ngx_http_dmp_args_text(&args, "p");
    ngx_http_dmp_args_add(&args, ctx->patient, DMP_PSEUDONYM_LEN);
    ngx_http_dmp_args_text(&args, "l");
    ngx_http_dmp_args_add(&args, s->login, DMP_LOGIN_HASH_LEN);
    ngx_http_dmp_args_text(&args, "a");
    ngx_http_dmp_args_add(&args, s->attempt, DMP_LOGIN_HASH_LEN);
    ngx_http_dmp_args_text(&args, "u");
    ngx_http_dmp_args_text(&args, ngx_http_dmp_purpose(s->purpose));
    ngx_http_dmp_args_text(&args, "f");
    ngx_http_dmp_args_text(&args, (s->temporary
                                   || s->purpose == NGX_HTTP_DMP_FOR_RECOVERY)
                                  ? "1" : "0");

    *ngx_sprintf((u_char *) version, "%uL", s->version) = '\0';
    ngx_http_dmp_args_text(&args, "v");
    ngx_http_dmp_args_text(&args, version);
    ngx_http_dmp_args_text(&args, "h");
    ngx_http_dmp_args_text(&args, dmp_contact_channel_name(s->channel));

    if (s->discreet) {
        ngx_http_dmp_args_text(&args, "d");
        ngx_http_dmp_args_text(&args, "1");
    }

    if (s->pending.len != 0) {
        ngx_http_dmp_args_text(&args, "x");
        ngx_http_dmp_args_add(&args, s->pending.data, s->pending.len);
    }

    return ngx_http_dmp_args_send(ctx, &args, 1);
}


ngx_int_t
ngx_http_dmp_step_put(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_uint_t              put;
    ngx_http_dmp_waiter_t  *w;

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        return ngx_http_dmp_put_send(r, ctx);
    }

    if (w == NULL) {
        return rc;
    }

    put = (w->values[0].len == 1 && w->values[0].data[0] == '1');
    ngx_http_dmp_waiter_release(w);

    return put ? NGX_OK : ngx_http_dmp_no_trace(ctx);
}


static dmp_contact_channel_t
ngx_http_dmp_challenge_channel(ngx_str_t value)
{
    if (dmp_str_eq(ngx_http_dmp_str(value), dmp_string("sms"))) {
        return DMP_CONTACT_SMS;
    }

    return dmp_str_eq(ngx_http_dmp_str(value), dmp_string("email"))
           ? DMP_CONTACT_EMAIL : DMP_CONTACT_NONE;
}


/* Fields of a challenge, in turn with their names. */
static ngx_int_t
ngx_http_dmp_challenge_fields(ngx_http_dmp_ctx_t *ctx, const ngx_str_t *values,
    ngx_uint_t n)
{
    ngx_str_t                value;
    ngx_uint_t               i, seen;
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    seen = 0;

    for (i = 0; i + 1 < n; i += 2) {
        value = values[i + 1];

        if (values[i].len != 1) {
            continue;
        }

        switch (values[i].data[0]) {

        case 'p':
            if (value.len != DMP_PSEUDONYM_LEN) {
                return NGX_ERROR;
            }

            ngx_memcpy(ctx->patient, value.data, DMP_PSEUDONYM_LEN);
            seen |= 1;
            break;

        case 'l':
        case 'a':
            if (value.len != DMP_LOGIN_HASH_LEN) {
                return NGX_ERROR;
            }

            ngx_memcpy((values[i].data[0] == 'l') ? s->login : s->attempt,
                       value.data, DMP_LOGIN_HASH_LEN);
            seen |= (values[i].data[0] == 'l') ? 2 : 4;
            break;

        case 'u':
            s->purpose = ngx_http_dmp_purpose_of(value);
            break;

        case 'd':
            s->discreet = 1;
            break;

        case 'f':
            s->temporary = (value.len == 1 && value.data[0] == '1');
            break;

        case 'v':
            /* no number: none that an account has */
            s->asked = (uint64_t) ngx_max(ngx_atoi(value.data, value.len), 0);
            break;

        case 'h':
            s->channel = ngx_http_dmp_challenge_channel(value);
            break;

        default:
            break;
        }
    }

    ctx->patient_known = (seen == 7);

    return ctx->patient_known ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_dmp_try_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             hash[DMP_CODE_HASH_LEN];
    ngx_http_dmp_args_t              args;
    const dmp_credentials_t         *given;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    given = &ctx->asked.credentials;

    if (dmp_code_hash(dmcf->pseudonym_key, given->challenge, given->code, hash)
        != DMP_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dmp_args_begin(&args, "dmp1_challenge", "challenge",
                            given->challenge.data, given->challenge.len);
    ngx_http_dmp_args_text(&args, "try");
    ngx_http_dmp_args_add(&args, hash, DMP_CODE_HASH_LEN);
    ngx_http_dmp_args_text(&args, "3");

    return ngx_http_dmp_args_send(ctx, &args, 0);
}


ngx_int_t
ngx_http_dmp_step_try(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                right, n;
    ngx_http_dmp_waiter_t    *w;
    const dmp_credentials_t  *given;

    given = &ctx->asked.credentials;

    if (!dmp_token_id_valid(given->challenge) || !dmp_code_valid(given->code))
    {
        return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                              DMP_REASON_CODE_REJECTED);
    }

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        return ngx_http_dmp_try_send(r, ctx);
    }

    if (w == NULL) {
        return rc;
    }

    n = w->n_values;
    right = (n != 0 && w->values[0].len == 1 && w->values[0].data[0] == '1');
    rc = (n != 0) ? ngx_http_dmp_challenge_fields(ctx, w->values + 1, n - 1)
                  : NGX_OK;

    ngx_http_dmp_waiter_release(w);

    if (rc != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (n == 0) {
        return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                              DMP_REASON_CODE_REJECTED);
    }

    return right ? NGX_OK
                 : ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CODE_REJECTED);
}


ngx_int_t
ngx_http_dmp_step_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                n;
    ngx_http_dmp_args_t       args;
    ngx_http_dmp_waiter_t    *w;
    const dmp_credentials_t  *given;

    given = &ctx->asked.credentials;

    if (!dmp_token_id_valid(given->challenge)) {
        return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                              DMP_REASON_CODE_REJECTED);
    }

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        ngx_http_dmp_args_begin(&args, "dmp1_challenge", "challenge",
                                given->challenge.data, given->challenge.len);
        ngx_http_dmp_args_text(&args, "take");

        return ngx_http_dmp_args_send(ctx, &args, 0);
    }

    if (w == NULL) {
        return rc;
    }

    n = w->n_values;
    rc = (n != 0) ? ngx_http_dmp_challenge_fields(ctx, w->values, n) : NGX_OK;
    ngx_http_dmp_waiter_release(w);

    if (rc != NGX_OK) {
        return ngx_http_dmp_no_trace(ctx);
    }

    /* only who must change a password may, by this */
    if (n == 0 || !ctx->sign_in->temporary) {
        return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                              DMP_REASON_CODE_REJECTED);
    }

    return NGX_OK;
}
