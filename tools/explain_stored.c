/*
 * explain_stored.c: reads one record from the store for "policy explain", and
 * writes nothing there.  What was opened is wiped again.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "explain_stored.h"


typedef struct {
    store_t         store;
    dmp_keyring_t   ring;
    unsigned char   pseudonym_key[DMP_KEY_LEN];
    char            name[DMP_KEY_NAME_MAX];      /* of the record's key */
    size_t          name_len;
} stored_t;


int
explain_stored_options(const explain_stored_t *o)
{
    dmp_str_t  ins;

    if (o->ins == NULL) {
        if (o->pseudonyms != NULL || o->keys.n != 0
            || o->where.address != NULL)
        {
            tool_error("keys and a store are for --stored INS");
            return TOOL_USAGE;
        }

        return TOOL_DONE;
    }

    if (o->keys.n == 0 || o->pseudonyms == NULL) {
        tool_error("--stored needs --record-key and --pseudonym-key");
        return TOOL_USAGE;
    }

    ins.data = o->ins;
    ins.len = strlen(o->ins);

    if (!dmp_ins_valid(ins, false)) {
        tool_error("--stored: that is not an INS");
        return TOOL_USAGE;
    }

    return TOOL_DONE;
}


static bool
stored_name(stored_t *s, const char *ins)
{
    char       pseudonym[DMP_PSEUDONYM_LEN];
    unsigned   bucket;

    if (dmp_pseudonym(s->pseudonym_key, (dmp_str_t) { ins, strlen(ins) },
                      pseudonym) != DMP_OK)
    {
        tool_error("no pseudonym could be made");
        return false;
    }

    bucket = dmp_bucket(pseudonym, s->store.buckets);
    s->name_len = dmp_key_name(s->name, bucket, "rec",
                               (dmp_str_t) { pseudonym, DMP_PSEUDONYM_LEN });

    return s->name_len != 0;
}


/* Opens what the store holds, and reads it; nothing of it is ever printed. */
static bool
stored_open(stored_t *s, const redisReply *v, const redisReply *d, case_t *c)
{
    bool          ok;
    char         *json, *end;
    size_t        len;
    uint64_t      version;
    dmp_error_t   error;

    version = strtoull(v->str, &end, 10);
    json = malloc(d->len + 1);
    len = 0;
    ok = json != NULL && *end == '\0' && version != 0
         && dmp_unseal(&s->ring, (dmp_str_t) { s->name, s->name_len },
                       dmp_string(DMP_RECORD_FIELD), version, d->str, d->len,
                       json, &len) == DMP_OK;

    if (!ok) {
        tool_error("the record %.*s does not open with the record keys given",
                   (int) s->name_len, s->name);

    } else if (!case_set_record(c, json, len, version, &error)) {
        tool_error("the record %.*s: %s", (int) s->name_len, s->name,
                   error.text);
        ok = false;
    }

    if (json != NULL) {
        OPENSSL_cleanse(json, d->len + 1);
        free(json);
    }

    return ok;
}


static bool
stored_get(stored_t *s, case_t *c)
{
    bool           ok;
    redisReply    *r;
    redisReply    *v, *d;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, s->name, s->name_len);
    store_text(&args, "v");
    store_text(&args, "d");
    r = store_call(&s->store, &args);

    if (r == NULL) {
        return false;
    }

    v = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? r->element[0]
                                                         : NULL;
    d = v != NULL ? r->element[1] : NULL;

    if (v != NULL && v->type == REDIS_REPLY_NIL
        && d->type == REDIS_REPLY_NIL)
    {
        ok = case_set_record(c, NULL, 0, 0, NULL);

    } else if (v != NULL && v->type == REDIS_REPLY_STRING
               && d->type == REDIS_REPLY_STRING)
    {
        ok = stored_open(s, v, d, c);

    } else {
        tool_error("store: half a record under %.*s", (int) s->name_len,
                   s->name);
        ok = false;
    }

    freeReplyObject(r);

    return ok;
}


int
explain_stored_load(const explain_stored_t *o, case_t *c)
{
    bool      ok;
    stored_t  s;

    memset(&s, 0, sizeof(s));

    if (!tool_keyring(&o->keys, &s.ring)
        || !tool_key(o->pseudonyms, s.pseudonym_key)
        || !store_open(&s.store, &o->where))
    {
        OPENSSL_cleanse(&s, sizeof(s));
        return TOOL_FAILED;
    }

    ok = store_meta(&s.store) && stored_name(&s, o->ins) && stored_get(&s, c);
    store_close(&s.store);
    OPENSSL_cleanse(&s, sizeof(s));

    return ok ? TOOL_DONE : TOOL_FAILED;
}
