/*
 * A change of where the patient is written to: an address counts once a code
 * that was sent to it has come back.  Until then the record stays as it is,
 * and what is to be is kept, sealed, with the challenge.
 */

#include "ngx_http_dmp_sign_in.h"

#include <dmp/dmp_change.h>


#define NGX_HTTP_DMP_PENDING_FIELD  "x"


static size_t
ngx_http_dmp_pending_name(char key[DMP_KEY_NAME_MAX], dmp_str_t challenge)
{
    return (size_t)
        (ngx_snprintf((u_char *) key, DMP_KEY_NAME_MAX, "dmp:challenge:%*s",
                      challenge.len, challenge.data)
         - (u_char *) key);
}


/* What takes an address away, or prefers one, is nobody else's business. */
ngx_uint_t
ngx_http_dmp_contact_is_open(const ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->asked.operation != DMP_OPERATION_RIGHTS
        || ctx->asked.change != DMP_CHANGE_CONTACT || ctx->confirmed)
    {
        return 0;
    }

    return ctx->asked.credentials.challenge.len != 0
           || ctx->asked.contact.email.len != 0
           || ctx->asked.contact.phone.len != 0;
}


/* Whose record it is, sealed with it: of another's it opens nothing. */
static ngx_int_t
ngx_http_dmp_contact_seal(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             text[DMP_CONTACT_ROOM * 2];
    char                             key[DMP_KEY_NAME_MAX], *out;
    size_t                           len;
    dmp_rc_t                         rc;
    dmp_buf_t                        b;
    ngx_http_dmp_sign_in_t          *s;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    s = ctx->sign_in;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_contact_write(&b, &ctx->asked.contact);

    out = ngx_pnalloc(r->pool, b.len + DMP_SEAL_OVERHEAD);

    if (b.full || out == NULL) {
        return NGX_ERROR;
    }

    len = ngx_http_dmp_pending_name(key, (dmp_str_t) { s->challenge,
                                                       DMP_TOKEN_ID_LEN });

    rc = dmp_seal(dmcf->record_keys, (dmp_str_t) { key, len },
                  dmp_string(NGX_HTTP_DMP_PENDING_FIELD), 1, b.data, b.len,
                  out, &s->pending.len);
    s->pending.data = out;

    ngx_explicit_memzero(text, sizeof(text));

    return (rc == DMP_OK) ? NGX_OK : NGX_ERROR;
}


/* A code for the address that is new; one at a time. */
static ngx_int_t
ngx_http_dmp_contact_begin(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_contact_t            contact;
    ngx_http_dmp_sign_in_t  *s;

    contact = ctx->asked.contact;

    if (contact.email.len != 0 && contact.phone.len != 0) {
        ctx->state = NGX_HTTP_DMP_COMMIT;
        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_B1,
                                   DMP_REASON_REQUEST_AMBIGUOUS);
    }

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_sign_in_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->sign_in = s;
    s->purpose = NGX_HTTP_DMP_FOR_CONTACT;
    s->channel = dmp_contact_channel(&contact, DMP_CONTACT_NONE, &s->to);
    ngx_memset(s->login, 'A', sizeof(s->login));
    ngx_memset(s->attempt, 'A', sizeof(s->attempt));

    if (!dmp_token_id_make(s->challenge) || !dmp_code_make(s->code)
        || ngx_http_dmp_contact_seal(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dmp_seal_code(r, ctx);
}


/* Step one: the challenge, and then a commit that sends its code. */
static ngx_int_t
ngx_http_dmp_contact_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc, wait;
    ngx_http_dmp_sign_in_t  *s;

    if (ctx->sign_in == NULL) {
        rc = ngx_http_dmp_contact_waits(r, ctx, &wait);

        if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_CONTACT) {
            return rc;
        }

        if (wait != 0) {
            ctx->state = NGX_HTTP_DMP_COMMIT;
            return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_A3,
                                       DMP_REASON_TOO_MANY_ATTEMPTS);
        }

        rc = ngx_http_dmp_contact_begin(r, ctx);

        if (rc != NGX_OK || ctx->sign_in == NULL) {
            return rc;
        }
    }

    s = ctx->sign_in;
    rc = ngx_http_dmp_step_put(r, ctx);

    if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_CONTACT) {
        return rc;
    }

    if (ngx_http_dmp_session_own(ctx).len != 0) {
        s->verb = "check";
        s->claims = ctx->session->claims;
    }

    ctx->decision.obligations = DMP_OBLIGATION_TRACE;
    ctx->state = NGX_HTTP_DMP_COMMIT;

    return NGX_OK;
}


/* What was kept with the challenge; NGX_DECLINED: not of this record. */
static ngx_int_t
ngx_http_dmp_contact_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_waiter_t *w)
{
    char                             key[DMP_KEY_NAME_MAX], *text;
    size_t                           len;
    ngx_str_t                        value;
    ngx_uint_t                       i, own;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    ngx_str_null(&value);
    own = 0;

    for (i = 1; i + 1 < w->n_values; i += 2) {

        if (w->values[i].len == 1 && w->values[i].data[0] == 'p') {
            own = (w->values[i + 1].len == DMP_PSEUDONYM_LEN
                   && ngx_memcmp(w->values[i + 1].data, ctx->patient,
                                 DMP_PSEUDONYM_LEN) == 0);

        } else if (w->values[i].len == 1 && w->values[i].data[0] == 'x') {
            value = w->values[i + 1];
        }
    }

    if (!own || value.len == 0 || w->values[0].len != 1
        || w->values[0].data[0] != '1')
    {
        return NGX_DECLINED;
    }

    text = ngx_pnalloc(r->pool, value.len + DMP_CONTACT_ROOM);
    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_http_dmp_pending_name(key, ctx->asked.credentials.challenge);

    if (dmp_unseal(dmcf->record_keys, (dmp_str_t) { key, len },
                   dmp_string(NGX_HTTP_DMP_PENDING_FIELD), 1,
                   (char *) value.data, value.len, text, &len)
        != DMP_OK
        || !dmp_record_contact(text, len, text + value.len,
                               &ctx->asked.contact))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Step two: the code has come back. */
static ngx_int_t
ngx_http_dmp_contact_confirm(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_dmp_waiter_t    *w;
    const dmp_credentials_t  *given;

    given = &ctx->asked.credentials;
    rc = NGX_DECLINED;

    if (dmp_token_id_valid(given->challenge) && dmp_code_valid(given->code)) {

        rc = ngx_http_dmp_step_answer(ctx, &w);

        if (rc == NGX_DECLINED) {
            return ngx_http_dmp_try_send(r, ctx);
        }

        if (w == NULL) {
            return rc;
        }

        rc = (w->n_values != 0) ? ngx_http_dmp_contact_take(r, ctx, w)
                                : NGX_DECLINED;
        ngx_http_dmp_waiter_release(w);
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (rc == NGX_DECLINED) {
        ctx->state = NGX_HTTP_DMP_COMMIT;
        return ngx_http_dmp_refuse(ctx, DMP_DENY, DMP_RULE_A3,
                                   DMP_REASON_CODE_REJECTED);
    }

    ctx->confirmed = 1;
    ctx->state = NGX_HTTP_DMP_DECIDE;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_state_contact(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    return (ctx->asked.credentials.challenge.len != 0)
           ? ngx_http_dmp_contact_confirm(r, ctx)
           : ngx_http_dmp_contact_ask(r, ctx);
}
