/*
 * The commit of a call that opens or ends a session: its entry, with what
 * becomes of sessions and of the account, in one call of the store.
 */

#include "ngx_http_dmp_sign_in.h"


ngx_int_t
ngx_http_dmp_sign_in_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_access_t *access)
{
    ngx_http_dmp_sign_in_t         *s;
    ngx_http_dmp_session_commit_t   what;

    s = ctx->sign_in;
    access->version = 0;

    if (!ctx->patient_known) {
        return ngx_http_dmp_store_trace(ctx, access, NULL, dmp_null_string);
    }

    ngx_memzero(&what, sizeof(ngx_http_dmp_session_commit_t));

    what.verb = "none";

    if (ctx->decision.effect == DMP_ALLOW) {
        what.verb = (s->verb != NULL) ? s->verb : "none";
        what.session = (s->verb != NULL)
                       ? (dmp_str_t) { s->claims.id, DMP_TOKEN_ID_LEN }
                       : dmp_null_string;
        what.kind = s->kind;
        what.sealed = s->sealed;

        if (ngx_strcmp(what.verb, "open") == 0
            || ngx_strcmp(what.verb, "only") == 0)
        {
            what.login = s->login;
            what.version = s->version;
            what.account = (dmp_str_t) { s->replaced, s->replaced_len };
        }
    }

    return ngx_http_dmp_store_session(ctx, access, &what);
}


ngx_int_t
ngx_http_dmp_sign_in_stands(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_DMP_ENFORCE;

    if (ctx->decision.effect == DMP_ALLOW) {
        ctx->sign_in->after = 1;
        ctx->sign_in->step = 0;
        ctx->sign_in->done_ns = ngx_http_dmp_now_ns();
        ctx->state = NGX_HTTP_DMP_SIGN_IN;
    }

    return NGX_OK;
}


/* Another password was set since the account was read. */
ngx_int_t
ngx_http_dmp_sign_in_stale(ngx_http_dmp_ctx_t *ctx)
{
    ngx_memzero(&ctx->subject, sizeof(dmp_subject_t));

    return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_CODE_REJECTED);
}
