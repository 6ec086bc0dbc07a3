/*
 * How often: passwords of an account from one address, codes of an account,
 * codes to new addresses.  Each is a growing delay, counted in the store for
 * all gateways, which a sign-in that succeeds ends.
 *
 * What only the account is counted by, others could use up: so codes need the
 * password first, and codes and recoveries are counted apart for an address
 * from which somebody has signed in before.
 */

#include "ngx_http_dmp_refusals.h"
#include "ngx_http_dmp_sign_in.h"


/* So many at once, then delays, doubled each time; milliseconds. */
typedef struct {
    const char  *free;
    const char  *first;
    const char  *most;
    const char  *keep;
} ngx_http_dmp_limit_t;

static const ngx_http_dmp_limit_t  ngx_http_dmp_passwords =
    { "5", "1000", "60000", "3600000" };
static const ngx_http_dmp_limit_t  ngx_http_dmp_codes =
    { "10", "60000", "3600000", "86400000" };
static const ngx_http_dmp_limit_t  ngx_http_dmp_recoveries =
    { "3", "60000", "3600000", "86400000" };
static const ngx_http_dmp_limit_t  ngx_http_dmp_contacts =
    { "5", "60000", "3600000", "86400000" };

/* How long an address is remembered as one that somebody signed in from. */
#define NGX_HTTP_DMP_KNOWN_KEEP  "7776000000"        /* 90 days */


/* What is counted: of whom, and what or from where. */
static ngx_int_t
ngx_http_dmp_limit_key(ngx_http_request_t *r, dmp_str_t of, const char *what,
    char key[DMP_LOGIN_HASH_LEN])
{
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    return dmp_attempt_hash(dmcf->pseudonym_key, of,
                            (dmp_str_t) { what, ngx_strlen(what) }, key)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_limit_ask(ngx_http_dmp_ctx_t *ctx,
    const char key[DMP_LOGIN_HASH_LEN], const ngx_http_dmp_limit_t *limit)
{
    ngx_http_dmp_args_t  args;

    ngx_http_dmp_args_begin(&args, "dmp1_attempt", "attempt", key,
                            DMP_LOGIN_HASH_LEN);
    ngx_http_dmp_args_text(&args, "try");
    ngx_http_dmp_args_text(&args, limit->free);
    ngx_http_dmp_args_text(&args, limit->first);
    ngx_http_dmp_args_text(&args, limit->most);
    ngx_http_dmp_args_text(&args, limit->keep);

    return ngx_http_dmp_args_send(ctx, &args, 2);
}


/*
 * Counts one, if it may be.  NGX_OK: *wait is how many milliseconds it would
 * have to wait, *known whether it has succeeded before; or ctx->state was set.
 */
static ngx_int_t
ngx_http_dmp_limit_try(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t of, const char *what, const ngx_http_dmp_limit_t *limit,
    ngx_int_t *wait, ngx_uint_t *known)
{
    char                    key[DMP_LOGIN_HASH_LEN];
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    *wait = 0;
    *known = 0;

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (rc == NGX_DECLINED) {
        return (ngx_http_dmp_limit_key(r, of, what, key) == NGX_OK)
               ? ngx_http_dmp_limit_ask(ctx, key, limit)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (w == NULL) {
        return rc;
    }

    *wait = ngx_atoi(w->values[0].data, w->values[0].len);
    *known = (w->values[1].len == 1 && w->values[1].data[0] == '1');
    ngx_http_dmp_waiter_release(w);

    if (*wait != 0) {
        ctx->retry_after = (*wait > 0) ? (ngx_uint_t) (*wait + 999) / 1000
                                       : 60;
    }

    return NGX_OK;
}


static dmp_str_t
ngx_http_dmp_limit_account(const ngx_http_dmp_ctx_t *ctx)
{
    return (dmp_str_t) { ctx->sign_in->login, DMP_LOGIN_HASH_LEN };
}


/* Of one account from one address: a whole /64 is one. */
ngx_int_t
ngx_http_dmp_step_attempt(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char        from[NGX_INT32_LEN + 1];
    ngx_int_t   rc, wait;
    ngx_uint_t  known;

    *ngx_sprintf((u_char *) from, "%08xD",
                 ngx_http_dmp_address_hash(r->connection)) = '\0';

    if (ngx_http_dmp_limit_key(r, ngx_http_dmp_limit_account(ctx), from,
                               ctx->sign_in->attempt)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dmp_limit_try(r, ctx, ngx_http_dmp_limit_account(ctx), from,
                                &ngx_http_dmp_passwords, &wait, &known);

    if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_SIGN_IN) {
        return rc;
    }

    ctx->sign_in->at_home = known;

    if (wait == 0) {
        return NGX_OK;
    }

    if (ctx->asked.operation == DMP_OPERATION_RECOVERY) {
        /* no message goes out, and nobody is told that */
        ctx->sign_in->purpose = NGX_HTTP_DMP_FOR_NOTHING;
        return NGX_OK;
    }

    return ngx_http_dmp_sign_in_turn_away(r, ctx,
                                          DMP_REASON_TOO_MANY_ATTEMPTS);
}


/*
 * Behind a password that was right: each code is three guesses, from however
 * many addresses.
 */
ngx_int_t
ngx_http_dmp_step_codes(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t   rc, wait;
    ngx_uint_t  known;

    rc = ngx_http_dmp_limit_try(r, ctx, ngx_http_dmp_limit_account(ctx),
                                ctx->sign_in->at_home ? "codes, at home"
                                                      : "codes",
                                &ngx_http_dmp_codes, &wait, &known);

    if (rc != NGX_OK || ctx->state != NGX_HTTP_DMP_SIGN_IN || wait == 0) {
        return rc;
    }

    return ngx_http_dmp_sign_in_refuse(ctx, DMP_REASON_TOO_MANY_ATTEMPTS);
}


/* Counted for an account that nobody has, too; told to nobody. */
ngx_int_t
ngx_http_dmp_step_recoveries(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t   rc, wait;
    ngx_uint_t  known;

    rc = ngx_http_dmp_limit_try(r, ctx, ngx_http_dmp_limit_account(ctx),
                                ctx->sign_in->at_home ? "recovery, at home"
                                                      : "recovery",
                                &ngx_http_dmp_recoveries, &wait, &known);

    if (rc == NGX_OK && wait != 0) {
        ctx->sign_in->purpose = NGX_HTTP_DMP_FOR_NOTHING;
    }

    return rc;
}


ngx_int_t
ngx_http_dmp_contact_waits(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_int_t *wait)
{
    ngx_uint_t  known;

    return ngx_http_dmp_limit_try(r, ctx,
                                  (dmp_str_t) { ctx->patient,
                                                DMP_PSEUDONYM_LEN },
                                  "contact", &ngx_http_dmp_contacts, wait,
                                  &known);
}


/* Codes begin anew for whoever gave the right one; where from is known now. */
static ngx_int_t
ngx_http_dmp_good_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                           key[DMP_LOGIN_HASH_LEN];
    const char                    *keep;
    ngx_http_dmp_args_t            args;
    const ngx_http_dmp_sign_in_t  *s;

    s = ctx->sign_in;
    keep = ngx_http_dmp_codes.keep;

    if (s->good == 0) {
        ngx_memcpy(key, s->attempt, DMP_LOGIN_HASH_LEN);
        keep = NGX_HTTP_DMP_KNOWN_KEEP;

    } else if (ngx_http_dmp_limit_key(r, ngx_http_dmp_limit_account(ctx),
                                      (s->good == 1) ? "codes"
                                                     : "codes, at home",
                                      key)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dmp_args_begin(&args, "dmp1_attempt", "attempt", key,
                            DMP_LOGIN_HASH_LEN);
    args.writes = 0;                     /* it only makes things easier */
    ngx_http_dmp_args_text(&args, "good");
    ngx_http_dmp_args_text(&args, keep);

    return ngx_http_dmp_args_send(ctx, &args, 1);
}


/* Somebody signed in from here: delays are for others. */
ngx_int_t
ngx_http_dmp_step_good(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    rc = ngx_http_dmp_step_answer(ctx, &w);

    if (w != NULL) {
        ngx_http_dmp_waiter_release(w);

        if (++ctx->sign_in->good < 3) {
            rc = ngx_http_dmp_wait_store(ctx);
        }
    }

    return (rc == NGX_DECLINED) ? ngx_http_dmp_good_send(r, ctx) : rc;
}
