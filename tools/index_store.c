/*
 * index_store.c: the index as the store holds it: hints that lead to a
 * patient, and the facts, sealed under the name of the patient's key.
 */

#include <stdlib.h>
#include <string.h>

#include "index_build.h"


#define STORE_BATCH  "1000"              /* keys that one step looks at */


size_t
index_docs_key(const store_t *store, const char *pseudonym,
    char out[DMP_KEY_NAME_MAX])
{
    return dmp_key_name(out, dmp_bucket(pseudonym, store->buckets), "docs",
                        (dmp_str_t) { pseudonym, DMP_PSEUDONYM_LEN });
}


void
index_hint_key(char out[INDEX_HINT], const char *kind, const char *hash)
{
    memcpy(out, "dmp:", 4);
    memcpy(out + 4, kind, 3);
    out[7] = ':';
    memcpy(out + 8, hash, DMP_INDEX_HASH_LEN);
}


void
index_claim(char out[INDEX_CLAIM], const char *pseudonym, const char *hash)
{
    memcpy(out, pseudonym, DMP_PSEUDONYM_LEN);
    out[DMP_PSEUDONYM_LEN] = ':';
    memcpy(out + DMP_PSEUDONYM_LEN + 1, hash, DMP_INDEX_HASH_LEN);
}


bool
index_document_hash(const unsigned char *key, dmp_str_t host, dmp_str_t id,
    char out[DMP_INDEX_HASH_LEN])
{
    char       name[sizeof("DocumentReference/") + INDEX_DOCUMENT_MAX];
    dmp_buf_t  b;

    dmp_buf_init(&b, name, sizeof(name));
    dmp_buf_text(&b, "DocumentReference/");
    dmp_buf_str(&b, id);

    return id.len != 0 && id.len <= INDEX_DOCUMENT_MAX
           && dmp_index_hash(key, host, (dmp_str_t) { name, b.len }, out)
              == DMP_OK;
}


redisReply *
index_ask(store_t *store, const char *verb, const void *key, size_t key_len,
    const void *value, size_t len)
{
    store_args_t  args;

    args.n = 0;
    store_text(&args, verb);
    store_bytes(&args, key, key_len);

    if (value != NULL) {
        store_bytes(&args, value, len);
    }

    return store_call(store, &args);
}


bool
index_number(store_t *store, const char *verb, const void *key,
    size_t key_len, const void *value, size_t len, long long *n)
{
    bool         ok;
    redisReply  *r;

    *n = 0;
    r = index_ask(store, verb, key, key_len, value, len);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_INTEGER;

    if (ok) {
        *n = r->integer;

    } else {
        tool_error("store: %s: unexpected answer", verb);
    }

    freeReplyObject(r);

    return ok;
}


redisReply *
index_scan(store_t *store, const char *verb, dmp_str_t what,
    char cursor[INDEX_CURSOR])
{
    bool           keys;
    redisReply    *r;
    store_args_t   args;

    keys = strcmp(verb, "SCAN") == 0;
    args.n = 0;
    store_text(&args, verb);

    if (keys) {
        store_text(&args, cursor);
        store_text(&args, "MATCH");
        store_bytes(&args, what.data, what.len);
        store_text(&args, "COUNT");
        store_text(&args, STORE_BATCH);

    } else {
        store_bytes(&args, what.data, what.len);
        store_text(&args, cursor);
    }

    r = store_call(store, &args);

    if (r == NULL) {
        return NULL;
    }

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2
        || r->element[0]->type != REDIS_REPLY_STRING
        || r->element[0]->len >= INDEX_CURSOR
        || r->element[1]->type != REDIS_REPLY_ARRAY)
    {
        tool_error("store: %s: unexpected answer", verb);
        freeReplyObject(r);
        return NULL;
    }

    memcpy(cursor, r->element[0]->str, r->element[0]->len + 1);

    return r;
}


void
index_facts_open(const dmp_keyring_t *ring, dmp_str_t docs, const char *hash,
    const char *sealed, size_t len, index_facts_t *facts)
{
    facts->there = true;
    facts->opens = false;

    if (len > sizeof(facts->text) + DMP_SEAL_OVERHEAD
        || dmp_unseal(ring, docs, (dmp_str_t) { hash, DMP_INDEX_HASH_LEN },
                      INDEX_VERSION, sealed, len, facts->text, &facts->len)
           != DMP_OK)
    {
        return;
    }

    memcpy(facts->room, facts->text, facts->len);
    facts->opens = dmp_index_read(facts->room, facts->len, &facts->document)
                   == DMP_OK;
}


bool
index_facts(store_t *store, const dmp_keyring_t *ring, dmp_str_t docs,
    const char *hash, index_facts_t *facts)
{
    bool         ok;
    redisReply  *r;

    facts->there = false;
    facts->opens = false;
    r = index_ask(store, "HGET", docs.data, docs.len, hash,
                  DMP_INDEX_HASH_LEN);

    if (r == NULL) {
        return false;
    }

    ok = true;

    if (r->type == REDIS_REPLY_STRING) {
        index_facts_open(ring, docs, hash, r->str, r->len, facts);

    } else if (r->type != REDIS_REPLY_NIL) {
        tool_error("store: HGET: unexpected answer");
        ok = false;
    }

    freeReplyObject(r);

    return ok;
}


/* Only while it leads to this patient: a gateway may have set it meanwhile. */
static bool
forget_hint(store_t *store, const char *pseudonym, const char *hash)
{
    char           key[INDEX_HINT];
    redisReply    *r;
    store_args_t   args;

    index_hint_key(key, "doc", hash);
    args.n = 0;
    store_text(&args, "EVAL");
    store_text(&args, "if redis.call('GET', KEYS[1]) == ARGV[1] then "
                      "return redis.call('DEL', KEYS[1]) end return 0");
    store_text(&args, "1");
    store_bytes(&args, key, sizeof(key));
    store_bytes(&args, pseudonym, DMP_PSEUDONYM_LEN);
    r = store_call(store, &args);

    if (r == NULL) {
        return false;
    }

    freeReplyObject(r);

    return true;
}


bool
index_forget(record_tool_t *tool, const char *pseudonym, const char *hash)
{
    char       docs[DMP_KEY_NAME_MAX];
    size_t     docs_len;
    long long  n;

    docs_len = index_docs_key(&tool->store, pseudonym, docs);

    return forget_hint(&tool->store, pseudonym, hash)
           && index_number(&tool->store, "HDEL", docs, docs_len, hash,
                           DMP_INDEX_HASH_LEN, &n);
}
