/*
 * Between the files of a sign-in: its steps, what they keep, and what they ask
 * of the store.
 */

#ifndef NGX_HTTP_DMP_SIGN_IN_H
#define NGX_HTTP_DMP_SIGN_IN_H

#include "ngx_http_dmp_session.h"


#define NGX_HTTP_DMP_CODE_MS      (5 * 60 * 1000)
#define NGX_HTTP_DMP_CODE_TRIES   3

/* What a challenge is for. */
typedef enum {
    NGX_HTTP_DMP_FOR_NOTHING = 0,
    NGX_HTTP_DMP_FOR_SIGN_IN,
    NGX_HTTP_DMP_FOR_RECOVERY,
    NGX_HTTP_DMP_FOR_CONTACT
} ngx_http_dmp_for_e;

/* As messages and challenges call it. */
const char *ngx_http_dmp_purpose(ngx_http_dmp_for_e purpose);

struct ngx_http_dmp_sign_in_s {
    ngx_uint_t             step;
    unsigned               after:1;      /* the commit stands */
    unsigned               known:1;      /* there is such an account */
    unsigned               at_home:1;    /* it was signed in to from here */
    ngx_uint_t             good;         /* counts that were begun anew */
    unsigned               temporary:1;  /* its password must be changed */
    unsigned               discreet:1;   /* no representative is to know */

    char                   login[DMP_LOGIN_HASH_LEN];
    char                   attempt[DMP_LOGIN_HASH_LEN];
    uint64_t               version;      /* of dmp:login:H */
    uint64_t               asked;        /* the same, when the challenge was
                                            made; 0: it does not say */
    dmp_account_t          account;

    ngx_http_dmp_for_e     purpose;
    char                   challenge[DMP_TOKEN_ID_LEN];
    char                   code[DMP_CODE_LEN];
    dmp_contact_t          contact;      /* on record; points into room */
    dmp_contact_channel_t  channel;
    dmp_str_t              to;
    dmp_str_t              pending;      /* a contact, sealed: of a challenge
                                            that confirms it; or empty */
    char                   room[DMP_CONTACT_ROOM];

    const char            *verb;         /* of the commit; NULL: "none" */
    const char            *kind;         /* of the message; NULL: none */
    dmp_str_t              sealed;
    dmp_claims_t           claims;       /* of the session that it opens */
    char                   replaced[DMP_ACCOUNT_SEALED];   /* the account, as
                                            the commit writes it */
    size_t                 replaced_len; /* 0: it writes none */

    uint64_t               done_ns;      /* when the commit stood */
    ngx_event_t            hold;
};

/*
 * One step: NGX_OK, and the next one follows; NGX_AGAIN; or what the access
 * handler returns.  One that sets ctx->state ends the steps.
 */
typedef ngx_int_t (*ngx_http_dmp_step_pt)(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);


/* Refused, and traced in the history of whom it concerns. */
ngx_int_t ngx_http_dmp_sign_in_refuse(ngx_http_dmp_ctx_t *ctx,
    dmp_reason_t reason);

/*
 * Refused before anybody is known: counted, traced once per address and
 * minute.
 */
ngx_int_t ngx_http_dmp_sign_in_turn_away(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_reason_t reason);

/* A message to s->to, sealed for the outbox of ctx->patient. */
ngx_int_t ngx_http_dmp_seal_message(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const dmp_message_t *message, dmp_str_t *sealed);

/*
 * The message that brings s->code to s->to, what for s->purpose says: s->kind
 * and s->sealed are its.
 */
ngx_int_t ngx_http_dmp_seal_code(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * A command while it is put together: on one key, "dmp:kind:ID", as a function
 * of the library, or (NULL) as whatever follows.  What is added must live until
 * it is sent.
 */
#define NGX_HTTP_DMP_ARGS_MAX  28

typedef struct {
    ngx_uint_t   n;
    unsigned     writes:1;               /* what must not be lost */
    const char  *argv[NGX_HTTP_DMP_ARGS_MAX];
    size_t       lens[NGX_HTTP_DMP_ARGS_MAX];
    char         key[DMP_KEY_NAME_MAX];
} ngx_http_dmp_args_t;

void ngx_http_dmp_args_begin(ngx_http_dmp_args_t *args, const char *function,
    const char *kind, const char *id, size_t len);
void ngx_http_dmp_args_add(ngx_http_dmp_args_t *args, const char *data,
    size_t len);
void ngx_http_dmp_args_text(ngx_http_dmp_args_t *args, const char *text);
ngx_int_t ngx_http_dmp_args_send(ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_args_t *args, ngx_uint_t expected);

/*
 * NGX_DECLINED: nothing was asked yet, and it can be now.  NGX_OK: *answer is
 * there, and the caller releases it; or ctx->state was set, and there is none.
 * NGX_AGAIN.
 */
ngx_int_t ngx_http_dmp_step_answer(ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_waiter_t **answer);

/*
 * ngx_http_dmp_sign_in_store.c: steps that ask the store.  Those of a
 * challenge: put makes one with a code of its own, try counts a code, take is
 * for a password that is to be set.
 */
ngx_int_t ngx_http_dmp_step_account(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_record(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_put(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_try(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_try_send(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_take(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_sign_in_limits.c: attempts, of an account from an address;
 * codes, of an account; recoveries.  good is for when somebody has signed in.
 * contact_waits: *wait is 0 where one more code may go to a new address.
 */
ngx_int_t ngx_http_dmp_step_attempt(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_codes(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_recoveries(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_step_good(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_contact_waits(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_int_t *wait);

#endif
