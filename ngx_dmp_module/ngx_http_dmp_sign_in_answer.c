/*
 * What is answered to who signs in, or out: a challenge, a token with its
 * cookie, nothing.
 */

#include "ngx_http_dmp_sign_in.h"


/* Of recovery it says no more than that it may be: of nobody the same. */
static void
ngx_http_dmp_sign_in_challenge(ngx_http_dmp_ctx_t *ctx, dmp_buf_t *b)
{
    ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;

    dmp_buf_text(b, "{\"challenge\":");
    dmp_buf_json(b, (dmp_str_t) { s->challenge, DMP_TOKEN_ID_LEN });

    if (ctx->asked.operation != DMP_OPERATION_RECOVERY) {
        dmp_buf_text(b, ",\"channel\":\"");
        dmp_buf_text(b, dmp_contact_channel_name(s->channel));
        dmp_buf_text(b, "\",\"sent_to\":\"");
        dmp_contact_hint(b, s->channel, s->to);
        dmp_buf_text(b, "\"");
    }

    dmp_buf_text(b, ",\"expires_in\":");
    dmp_buf_uint(b, NGX_HTTP_DMP_CODE_MS / 1000);
    dmp_buf_text(b, "}\n");
}


static ngx_int_t
ngx_http_dmp_sign_in_cookie(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t token)
{
    size_t  len;

    len = token.len + 160;
    ctx->cookie.data = ngx_pnalloc(r->pool, len);

    if (ctx->cookie.data == NULL) {
        return NGX_ERROR;
    }

    ctx->cookie.len = (size_t)
        (ngx_snprintf(ctx->cookie.data, len,
                      "__Host-dmp-session=%*s; Path=/; Secure; HttpOnly; "
                      "SameSite=Strict%s", token.len, token.data,
                      (token.len == 0) ? "; Max-Age=0" : "")
         - ctx->cookie.data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_sign_in_token(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_buf_t *b)
{
    char                             room[DMP_TOKEN_MAX];
    dmp_buf_t                        token;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    dmp_buf_init(&token, room, sizeof(room));

    if (dmp_token_write(dmcf->session_keys, dmcf->record_keys,
                        &ctx->sign_in->claims, &token)
        != DMP_OK
        || ngx_http_dmp_sign_in_cookie(r, ctx,
                                   (dmp_str_t) { token.data, token.len })
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    dmp_buf_text(b, "{\"access_token\":");
    dmp_buf_json(b, (dmp_str_t) { token.data, token.len });
    dmp_buf_text(b, ",\"token_type\":\"Bearer\",\"expires_in\":");
    dmp_buf_uint(b, NGX_HTTP_DMP_SESSION_IDLE / 1000);
    dmp_buf_text(b, "}\n");

    ngx_explicit_memzero(room, sizeof(room));

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_send_sign_in(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_buf_t  text;

    if (ctx->decision.effect != DMP_ALLOW) {
        return ngx_http_dmp_send_refusal(r, ctx);
    }

    if (ngx_http_dmp_text(r, &text, DMP_TOKEN_MAX + DMP_ANSWER_MAX) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ctx->asked.operation) {

    case DMP_OPERATION_SIGN_IN:
    case DMP_OPERATION_RECOVERY:
    case DMP_OPERATION_RIGHTS:
        ngx_http_dmp_sign_in_challenge(ctx, &text);
        return ngx_http_dmp_send_json(r, ctx, NGX_HTTP_ACCEPTED, &text);

    case DMP_OPERATION_CODE:
    case DMP_OPERATION_PASSWORD:
        if (ngx_http_dmp_sign_in_token(r, ctx, &text) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_dmp_send_json(r, ctx, NGX_HTTP_OK, &text);

    default:
        if (ngx_http_dmp_sign_in_cookie(r, ctx, dmp_null_string) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_dmp_send_json(r, ctx, NGX_HTTP_NO_CONTENT, &text);
    }
}
