/*
 * Creation of a record: the account of its holder is made first, which opens
 * nothing by itself, then the record, with its trace and the message that
 * brings the temporary password, in one commit.
 *
 * The identifier is in the answer and the password in a message, or on paper:
 * never both by one channel (EX_GEN-1470).
 */

#include "ngx_http_dmp_sign_in.h"

#include <dmp/dmp_change.h>
#include <dmp/dmp_traits.h>

#include <openssl/rand.h>


#define NGX_HTTP_DMP_CREATE_TRIES  3     /* identifiers, if one is taken */

struct ngx_http_dmp_create_s {
    ngx_uint_t     tries;
    unsigned       derived:1;
    unsigned       ready:1;              /* the account stands */
    char           identifier[DMP_IDENTIFIER_LEN];
    char           password[DMP_TEMPORARY_LEN];
    char           login[DMP_LOGIN_HASH_LEN];
    dmp_account_t  account;
};


static ngx_http_dmp_store_note_t  ngx_http_dmp_traits_note;


void
ngx_http_dmp_create_cleanup(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->create != NULL) {
        ngx_explicit_memzero(ctx->create, sizeof(ngx_http_dmp_create_t));
    }
}


ngx_uint_t
ngx_http_dmp_create_is_ready(const ngx_http_dmp_ctx_t *ctx)
{
    return ctx->create != NULL && ctx->create->ready;
}


static ngx_int_t
ngx_http_dmp_create_begin(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_create_t  *create;

    create = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_create_t));
    if (create == NULL) {
        return NGX_ERROR;
    }

    ctx->create = create;
    create->account.temporary = true;

    return (dmp_temporary_make(create->password)
            && RAND_bytes(create->account.salt, DMP_SCRYPT_SALT) == 1)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_create_derive(ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;
    ngx_http_dmp_create_t  *create;

    create = ctx->create;
    w = ctx->waiter;

    if (w == NULL) {
        rc = ngx_http_dmp_derive(ctx, (dmp_str_t) { create->password,
                                                    DMP_TEMPORARY_LEN },
                                 create->account.salt);

        /* nothing was made: it is asked for again */
        return (rc == NGX_BUSY) ? ngx_http_dmp_no_trace(ctx) : rc;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;
    rc = NGX_ERROR;

    if (w->result == NGX_HTTP_DMP_WAIT_DONE
        && w->sealed_len == DMP_SCRYPT_HASH)
    {
        ngx_memcpy(create->account.hash, w->sealed, DMP_SCRYPT_HASH);
        ngx_explicit_memzero(w->sealed, DMP_SCRYPT_HASH);
        create->derived = 1;
        rc = NGX_OK;
    }

    ngx_http_dmp_waiter_release(w);

    return rc;
}


/* Asks for it to be written, unless it is there: one value, "1" if it was. */
static ngx_int_t
ngx_http_dmp_create_put(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             sealed[DMP_ACCOUNT_SEALED];
    size_t                           len;
    ngx_http_dmp_args_t              args;
    ngx_http_dmp_create_t           *create;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    create = ctx->create;

    if (dmp_account_seal(dmcf->record_keys, create->login, ctx->patient, 1,
                         &create->account, sealed, &len)
        != DMP_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_args_begin(&args, "dmp1_login", "login", create->login,
                            DMP_LOGIN_HASH_LEN);
    ngx_http_dmp_args_text(&args, "");
    ngx_http_dmp_args_text(&args, "1");
    ngx_http_dmp_args_add(&args, ctx->patient, DMP_PSEUDONYM_LEN);
    ngx_http_dmp_args_add(&args, sealed, len);

    return ngx_http_dmp_args_send(ctx, &args, 1);
}


/* The account, under an identifier that nobody has. */
static ngx_int_t
ngx_http_dmp_create_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_create_t           *create;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    create = ctx->create;

    if (create->tries++ == NGX_HTTP_DMP_CREATE_TRIES
        || !dmp_identifier_make(create->identifier)
        || dmp_login_hash(dmcf->pseudonym_key,
                          (dmp_str_t) { create->identifier,
                                        DMP_IDENTIFIER_LEN }, create->login)
           != DMP_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_create_put(r, ctx);
}


static ngx_int_t
ngx_http_dmp_create_account(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w == NULL || !w->sent) {
        rc = ngx_http_dmp_wait_store(ctx);

        return (rc == NGX_DECLINED) ? ngx_http_dmp_create_ask(r, ctx) : rc;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    ctx->waiter = NULL;

    if (w->result != NGX_HTTP_DMP_WAIT_DONE) {
        ngx_http_dmp_waiter_release(w);
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->create->ready = (w->values[0].len == 1
                          && w->values[0].data[0] == '1');
    ngx_http_dmp_waiter_release(w);

    return NGX_OK;
}


/* Hints, in the order of the link before the record that they lead to. */
static ngx_int_t
ngx_http_dmp_create_traits(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_record_t *record)
{
    size_t                           i, n, lens[3];
    const char                      *argv[3];
    char                             key[DMP_TRAITS_KEY_MAX];
    char                           (*hashes)[DMP_TRAITS_HASH_LEN];
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    hashes = ngx_palloc(r->pool, DMP_TRAITS_MAX * sizeof(*hashes));

    if (hashes == NULL
        || dmp_traits_of_record(dmcf->pseudonym_key, record, hashes, &n)
           != DMP_OK)
    {
        return NGX_ERROR;
    }

    argv[0] = "SADD";
    lens[0] = sizeof("SADD") - 1;
    argv[1] = key;
    argv[2] = ctx->patient;
    lens[2] = DMP_PSEUDONYM_LEN;

    for (i = 0; i < n; i++) {
        lens[1] = dmp_traits_key(hashes[i], key);
        ngx_http_dmp_store_note(&ngx_http_dmp_traits_note, 3, argv, lens);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_create_make(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    char **json, size_t *len, const char **notice, dmp_str_t *told)
{
    dmp_rc_t               rc;
    ngx_int_t              done;
    dmp_error_t            error;
    dmp_record_t          *record;
    dmp_message_t          message;

    rc = dmp_record_create(&ctx->asked, (int64_t) ngx_time(), json, len,
                           &error);

    if (rc == DMP_OK) {
        rc = dmp_record_parse(*json, *len, &record, &error);
    }

    if (rc != DMP_OK) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "dmp cannot make this record: %s", error.text);
        return (rc == DMP_E_NOMEM) ? NGX_ERROR : NGX_DECLINED;
    }

    done = ngx_http_dmp_create_traits(r, ctx, record);
    dmp_record_free(record);

    if (done != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&message, sizeof(dmp_message_t));

    message.patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    message.password = (dmp_str_t) { ctx->create->password,
                                     DMP_TEMPORARY_LEN };
    message.channel = dmp_contact_channel(&ctx->asked.contact,
                                          DMP_CONTACT_NONE, &message.to);

    if (message.channel == DMP_CONTACT_NONE) {
        /* handed over on paper: there is nobody to write to */
        *notice = NULL;
        return NGX_OK;
    }

    *notice = "password";

    return ngx_http_dmp_seal_message(r, ctx, &message, told);
}


ngx_int_t
ngx_http_dmp_state_create(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->create == NULL && ngx_http_dmp_create_begin(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ctx->create->derived ? ngx_http_dmp_create_account(r, ctx)
                              : ngx_http_dmp_create_derive(ctx);

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (rc == NGX_OK && ctx->create->ready
        && ctx->state == NGX_HTTP_DMP_CREATE)
    {
        /* the record is decided on as it is now */
        ctx->state = NGX_HTTP_DMP_DECIDE;
    }

    return rc;
}


ngx_int_t
ngx_http_dmp_send_created(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_str_t               to;
    dmp_buf_t               text;
    ngx_http_dmp_create_t  *create;
    dmp_contact_channel_t   channel;

    create = ctx->create;

    if (ngx_http_dmp_text(r, &text, DMP_ANSWER_MAX) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    channel = dmp_contact_channel(&ctx->asked.contact, DMP_CONTACT_NONE, &to);

    dmp_buf_text(&text, "{\"ins\":");
    dmp_buf_json(&text, ctx->asked.ins);
    dmp_buf_text(&text, ",\"status\":\"open\",\"identifier\":");
    dmp_buf_json(&text, (dmp_str_t) { create->identifier,
                                      DMP_IDENTIFIER_LEN });

    if (channel != DMP_CONTACT_NONE) {
        dmp_buf_text(&text, ",\"channel\":\"");
        dmp_buf_text(&text, dmp_contact_channel_name(channel));
        dmp_buf_text(&text, "\",\"sent_to\":\"");
        dmp_contact_hint(&text, channel, to);
        dmp_buf_text(&text, "\"");

    } else {
        dmp_buf_text(&text, ",\"temporary_password\":");
        dmp_buf_json(&text, (dmp_str_t) { create->password,
                                          DMP_TEMPORARY_LEN });
    }

    dmp_buf_text(&text, "}\n");

    return ngx_http_dmp_send_json(r, ctx, NGX_HTTP_CREATED, &text);
}
