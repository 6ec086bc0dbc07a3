/*
 * Patients: the token that a request shows, the session that it names, and the
 * calls that open and end one.
 */

#ifndef NGX_HTTP_DMP_SESSION_H
#define NGX_HTTP_DMP_SESSION_H

#include "ngx_http_dmp_store.h"

#include <dmp/dmp_session.h>


/* A token that verified.  Whether its session lives, a commit says. */
struct ngx_http_dmp_session_s {
    dmp_claims_t  claims;
    uint64_t      sent_ns;               /* of the check that said so, where
                                            the session is not the record's */
    uint64_t      checked_ms;            /* when, by the store's clock */
    unsigned      looking:1;             /* ctx->waiter is of that question */
    unsigned      looked:1;              /* it lives, for the record's next
                                            look */
};


/*
 * ngx_http_dmp_session.c.  identify makes the subject of a token; actor says
 * who they are for the record that is asked for.
 *
 * own is the id of a session whose holder the record is, so that one commit is
 * about both; empty: it is no such request.  wanted: the session is to be
 * looked at by a commit of its own, before (the state of that name).
 */
ngx_int_t ngx_http_dmp_session_identify(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_session_actor(ngx_http_dmp_ctx_t *ctx);
dmp_str_t ngx_http_dmp_session_own(const ngx_http_dmp_ctx_t *ctx);
ngx_uint_t ngx_http_dmp_session_wanted(const ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_session(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * Where a change of the record is by a session that is not its holder's: when
 * the store said that it lives, by its clock; else 0.  again: it is to be asked
 * once more, for another try.
 */
uint64_t ngx_http_dmp_session_checked(const ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_session_again(ngx_http_dmp_ctx_t *ctx);

/* The earlier of the two: what both of them confirm. */
uint64_t ngx_http_dmp_session_since(const ngx_http_dmp_ctx_t *ctx,
    uint64_t sent_ns);

/* It is no more: the request is refused as one with a token that is none. */
ngx_int_t ngx_http_dmp_session_ended(ngx_http_dmp_ctx_t *ctx);

/*
 * Before a record is looked at again: the session first.  NGX_OK: it lives, or
 * there is none; NGX_AGAIN, NGX_DECLINED: it has ended; NGX_ERROR.
 */
ngx_int_t ngx_http_dmp_session_look(ngx_http_dmp_ctx_t *ctx);
ngx_uint_t ngx_http_dmp_session_is_looking(const ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_session_looked(ngx_http_dmp_ctx_t *ctx);

/*
 * A message about a change of ctx->json, to the address that is on record now:
 * sealed in *told, or *kind NULL where there is none.
 */
ngx_int_t ngx_http_dmp_confirm(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char **kind, dmp_str_t *told);


/*
 * ngx_http_dmp_sign_in.c: POST session and what follows it.  is_call: the
 * request is one of them.  start is for the state MAP, send for the commit of
 * its entry, stands for when that is there, stale for when the account is no
 * longer the one that was read; send_sign_in answers
 * (ngx_http_dmp_sign_in_answer.c).
 */
ngx_uint_t ngx_http_dmp_sign_in_is_call(const ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_sign_in_start(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_sign_in(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_sign_in_send(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_access_t *access);
ngx_int_t ngx_http_dmp_sign_in_stands(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_sign_in_stale(ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_sign_in(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_sign_in_cleanup(ngx_http_dmp_ctx_t *ctx);


/*
 * ngx_http_dmp_create.c.  The state makes the account; make is the record, and
 * the message that goes with it.
 */
ngx_int_t ngx_http_dmp_state_create(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_uint_t ngx_http_dmp_create_is_ready(const ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_create_make(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, char **json, size_t *len, const char **notice,
    dmp_str_t *told);
ngx_int_t ngx_http_dmp_send_created(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_create_cleanup(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_contact.c.  Whether a change of contact still has to be
 * confirmed, or to be found out; the state does that.
 */
ngx_uint_t ngx_http_dmp_contact_is_open(const ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_contact(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_derive.c: scrypt in threads of their own.  Starts; the request
 * goes on when ctx->waiter is answered: FAILED, or DONE with the hash in
 * w->sealed (DMP_SCRYPT_HASH bytes).  NGX_AGAIN; NGX_BUSY: too many wait
 * already; NGX_ERROR.
 */
ngx_int_t ngx_http_dmp_derive(ngx_http_dmp_ctx_t *ctx, dmp_str_t password,
    const unsigned char salt[DMP_SCRYPT_SALT]);
char *ngx_http_dmp_session_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * ngx_http_dmp_attempts.c: how many sign-ins an address may try, over all
 * workers of this machine.  0: it may; else seconds to wait.
 */
ngx_uint_t ngx_http_dmp_address_waits(ngx_connection_t *c,
    const ngx_http_dmp_main_conf_t *conf);
char *ngx_http_dmp_signin_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif
