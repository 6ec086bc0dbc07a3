/*
 * account_store.c: an account in the store, "dmp:login:H", and the sessions of
 * who holds it.  What is opened here is wiped by whoever asked.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "account.h"


bool
account_name(counter_t *a)
{
    char  hash[DMP_LOGIN_HASH_LEN];

    if (dmp_login_hash(a->tool.pseudonym_key,
                       (dmp_str_t) { a->identifier, DMP_IDENTIFIER_LEN }, hash)
        != DMP_OK)
    {
        tool_error("the account's name could not be made");
        return false;
    }

    a->login_len = (size_t) snprintf(a->login, sizeof(a->login),
                                     "dmp:login:%.*s", DMP_LOGIN_HASH_LEN,
                                     hash);

    return true;
}


/* H of its key, "dmp:login:H". */
static const char *
account_hash(const counter_t *a)
{
    return a->login + a->login_len - DMP_LOGIN_HASH_LEN;
}


/* What the store answered for "p", "v" and "s". */
static int
account_take(counter_t *a, const redisReply *p, const redisReply *v,
    const redisReply *s)
{
    char      *end;
    dmp_rc_t   rc;

    a->version = 0;

    if (p->type == REDIS_REPLY_NIL && v->type == REDIS_REPLY_NIL
        && s->type == REDIS_REPLY_NIL)
    {
        return TOOL_NO;
    }

    rc = DMP_E_SYNTAX;

    if (p->type == REDIS_REPLY_STRING && p->len == DMP_PSEUDONYM_LEN
        && v->type == REDIS_REPLY_STRING && s->type == REDIS_REPLY_STRING)
    {
        a->version = strtoull(v->str, &end, 10);

        if (a->version != 0 && *end == '\0') {
            rc = dmp_account_open(&a->tool.ring, account_hash(a), p->str,
                                  a->version,
                                  (dmp_str_t) { s->str, (size_t) s->len },
                                  &a->account);
        }
    }

    if (rc != DMP_OK) {
        tool_error("the account %.*s does not open with the record keys given",
                   (int) a->login_len, a->login);
        return TOOL_FAILED;
    }

    memcpy(a->keys.pseudonym, p->str, DMP_PSEUDONYM_LEN);

    return record_keys_of(&a->tool, &a->keys) ? TOOL_DONE : TOOL_FAILED;
}


int
account_get(counter_t *a)
{
    int            rc;
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, a->login, a->login_len);
    store_text(&args, "p");
    store_text(&args, "v");
    store_text(&args, DMP_ACCOUNT_FIELD);
    r = store_call(&a->tool.store, &args);

    if (r == NULL) {
        return TOOL_FAILED;
    }

    rc = TOOL_FAILED;

    if (r->type == REDIS_REPLY_ARRAY && r->elements == 3) {
        rc = account_take(a, r->element[0], r->element[1], r->element[2]);

    } else {
        tool_error("store: unexpected answer");
    }

    freeReplyObject(r);

    return rc;
}


/* As the next version: 1, 0 if another is there; -1 after a complaint. */
static long long
account_write(counter_t *a, const char *sealed, size_t len)
{
    char           before[24], next[24];
    long long      n;
    redisReply    *r;
    store_args_t   args;

    (void) snprintf(before, sizeof(before), "%llu",
                    (unsigned long long) a->version);
    (void) snprintf(next, sizeof(next), "%llu",
                    (unsigned long long) a->version + 1);

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_login");
    store_text(&args, "1");
    store_bytes(&args, a->login, a->login_len);
    store_text(&args, a->version != 0 ? before : "");
    store_text(&args, next);
    store_bytes(&args, a->keys.pseudonym, DMP_PSEUDONYM_LEN);
    store_bytes(&args, sealed, len);
    r = store_call(&a->tool.store, &args);

    if (r == NULL) {
        return -1;
    }

    n = r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
    freeReplyObject(r);

    if (n != 0 && n != 1) {
        tool_error("store: unexpected answer");
        n = -1;
    }

    return n;
}


int
account_put(counter_t *a)
{
    char    sealed[DMP_ACCOUNT_SEALED];
    size_t  len;

    if (dmp_account_seal(&a->tool.ring, account_hash(a), a->keys.pseudonym,
                         a->version + 1, &a->account, sealed, &len)
        != DMP_OK)
    {
        tool_error("the account could not be sealed");
        return TOOL_FAILED;
    }

    switch (account_write(a, sealed, len)) {

    case 1:
        return TOOL_DONE;

    case 0:
        return ACCOUNT_STALE;

    default:
        return TOOL_FAILED;
    }
}


int
account_remove(counter_t *a)
{
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "DEL");
    store_bytes(&args, a->login, a->login_len);
    r = store_call(&a->tool.store, &args);

    if (r == NULL) {
        return TOOL_FAILED;
    }

    freeReplyObject(r);

    return TOOL_DONE;
}


/* The store's own word, by its own clock: 1 if it lives, -1 if it failed. */
static int
session_lives(counter_t *a, const char *sess, size_t len,
    const redisReply *token)
{
    int            lives;
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_look");
    store_text(&args, "1");
    store_bytes(&args, sess, len);
    store_bytes(&args, token->str, token->len);
    r = store_call(&a->tool.store, &args);

    if (r == NULL) {
        return -1;
    }

    lives = r->type == REDIS_REPLY_INTEGER && r->integer == 1;
    freeReplyObject(r);

    return lives;
}


bool
account_sessions(counter_t *a, size_t *count)
{
    int            lives;
    char           sess[DMP_KEY_NAME_MAX];
    size_t         i, len;
    redisReply    *r;
    store_args_t   args;

    *count = 0;
    len = dmp_key_name(sess, a->keys.bucket, "sess",
                       (dmp_str_t) { a->keys.pseudonym, DMP_PSEUDONYM_LEN });

    args.n = 0;
    store_text(&args, "HGETALL");
    store_bytes(&args, sess, len);
    r = store_call(&a->tool.store, &args);

    if (r == NULL) {
        return false;
    }

    lives = 0;

    for (i = 0; i + 1 < r->elements && lives >= 0; i += 2) {
        lives = session_lives(a, sess, len, r->element[i]);
        *count += lives > 0;
    }

    freeReplyObject(r);

    return lives >= 0;
}
