/*
 * record_get.c: one patient's record out of the store.  What is opened is the
 * caller's to wipe; nothing of it is ever printed.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "record.h"


void
record_wipe(char *text, size_t len)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, len);
        free(text);
    }
}


bool
record_keys(record_tool_t *t, dmp_str_t ins, record_keys_t *keys)
{
    if (dmp_pseudonym(t->pseudonym_key, ins, keys->pseudonym) != DMP_OK) {
        tool_error("no pseudonym could be made");
        return false;
    }

    return record_keys_of(t, keys);
}


bool
record_keys_of(record_tool_t *t, record_keys_t *keys)
{
    dmp_str_t  p;

    p.data = keys->pseudonym;
    p.len = DMP_PSEUDONYM_LEN;
    keys->bucket = dmp_bucket(keys->pseudonym, t->store.buckets);
    keys->rec_len = dmp_key_name(keys->rec, keys->bucket, "rec", p);
    keys->idx_len = dmp_key_name(keys->idx, keys->bucket, "idx", p);

    return keys->rec_len != 0 && keys->idx_len != 0;
}


/* Opens what the store answered for "v" and "d". */
static bool
record_unseal(record_tool_t *t, const record_keys_t *keys, const redisReply *v,
    const redisReply *d, record_held_t *held)
{
    char  *end;

    memset(held, 0, sizeof(*held));

    if (v->type == REDIS_REPLY_NIL && d->type == REDIS_REPLY_NIL) {
        return true;
    }

    if (v->type != REDIS_REPLY_STRING || d->type != REDIS_REPLY_STRING) {
        tool_error("store: half a record under %.*s", (int) keys->rec_len,
                   keys->rec);
        return false;
    }

    held->version = strtoull(v->str, &end, 10);
    held->json = malloc(d->len + 1);

    if (*end != '\0' || held->version == 0 || held->json == NULL
        || dmp_unseal(&t->ring, (dmp_str_t) { keys->rec, keys->rec_len },
                      dmp_string(DMP_RECORD_FIELD), held->version, d->str,
                      d->len, held->json, &held->len) != DMP_OK)
    {
        tool_error("the record %.*s does not open with the record keys given",
                   (int) keys->rec_len, keys->rec);
        free(held->json);
        held->json = NULL;
        return false;
    }

    return true;
}


bool
record_get(record_tool_t *t, const record_keys_t *keys, record_held_t *held)
{
    bool           ok;
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, keys->rec, keys->rec_len);
    store_text(&args, "v");
    store_text(&args, "d");
    r = store_call(&t->store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2
         && record_unseal(t, keys, r->element[0], r->element[1], held);
    freeReplyObject(r);

    return ok;
}
