/*
 * audit_snapshot.c: the ends of all streams and all writers' heads, of one
 * instant: entries name heads in other buckets, and a trace that goes on while
 * it is read must not look cut or forged.
 */

#include <stdlib.h>
#include <string.h>

#include "audit.h"


typedef struct {
    audit_head_t  *item;
    size_t         n;
    size_t         size;
} heads_t;


static void
heads_free(heads_t *heads)
{
    size_t  i;

    for (i = 0; i < heads->n; i++) {
        free(heads->item[i].writer);
    }

    free(heads->item);
    memset(heads, 0, sizeof(*heads));
}


static bool
heads_add(heads_t *heads, unsigned bucket, const char *writer, size_t len)
{
    size_t         size;
    audit_head_t  *head;

    if (heads->n == heads->size) {
        size = heads->size == 0 ? 256 : heads->size * 2;
        head = reallocarray(heads->item, size, sizeof(*head));

        if (head == NULL) {
            tool_error("no memory");
            return false;
        }

        heads->item = head;
        heads->size = size;
    }

    head = &heads->item[heads->n];
    memset(head, 0, sizeof(*head));
    head->bucket = bucket;
    head->writer = strndup(writer, len);

    if (head->writer == NULL) {
        tool_error("no memory");
        return false;
    }

    heads->n++;

    return true;
}


static int
heads_compare(const void *a, const void *b)
{
    const audit_head_t  *x, *y;

    x = a;
    y = b;

    if (x->bucket != y->bucket) {
        return x->bucket < y->bucket ? -1 : 1;
    }

    return strcmp(x->writer, y->writer);
}


/* In order of bucket and writer, each once: SCAN may say a key twice. */
static void
heads_sort(heads_t *heads)
{
    size_t  i, n;

    if (heads->n == 0) {
        return;
    }

    qsort(heads->item, heads->n, sizeof(heads->item[0]), heads_compare);

    for (i = n = 1; i < heads->n; i++) {
        if (heads_compare(&heads->item[n - 1], &heads->item[i]) == 0) {
            free(heads->item[i].writer);

        } else {
            heads->item[n++] = heads->item[i];
        }
    }

    heads->n = n;
}


/* A key "{dmp:NN}:w:WRITER"; others of that pattern are not ours to judge. */
static bool
snapshot_key(const store_t *store, heads_t *heads, const redisReply *key)
{
    char           prefix[DMP_KEY_NAME_MAX];
    size_t         len;
    unsigned long  bucket;

    if (key->type != REDIS_REPLY_STRING || strncmp(key->str, "{dmp:", 5) != 0) {
        return true;
    }

    bucket = strtoul(key->str + 5, NULL, 10);

    if (bucket >= store->buckets) {
        return true;
    }

    len = dmp_key_name(prefix, (unsigned) bucket, "w:", dmp_null_string);

    if (key->len <= len || key->len - len > DMP_WRITER_MAX
        || memcmp(key->str, prefix, len) != 0
        || strlen(key->str) != key->len)
    {
        return true;
    }

    return heads_add(heads, (unsigned) bucket, key->str + len, key->len - len);
}


/* All of these keys: also those of writers whose entries are all gone. */
static bool
snapshot_scan(store_t *store, heads_t *heads)
{
    bool           ok;
    char           cursor[32] = "0";
    size_t         i;
    redisReply    *r, *keys;
    store_args_t   args;

    do {
        args.n = 0;
        store_text(&args, "SCAN");
        store_text(&args, cursor);
        store_text(&args, "MATCH");
        store_text(&args, "{dmp:*}:w:*");
        store_text(&args, "COUNT");
        store_text(&args, "10000");
        r = store_call(store, &args);

        if (r == NULL) {
            return false;
        }

        ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2
             && r->element[0]->type == REDIS_REPLY_STRING
             && r->element[0]->len < sizeof(cursor)
             && r->element[1]->type == REDIS_REPLY_ARRAY;

        if (ok) {
            memcpy(cursor, r->element[0]->str, r->element[0]->len + 1);
            keys = r->element[1];

            for (i = 0; i < keys->elements && ok; i++) {
                ok = snapshot_key(store, heads, keys->element[i]);
            }

        } else {
            tool_error("store: SCAN: unexpected answer");
        }

        freeReplyObject(r);

    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}


static bool
snapshot_ask(store_t *store, const store_args_t *args)
{
    if (redisAppendCommandArgv(store->redis, (int) args->n,
                               (const char **) (uintptr_t) args->data,
                               args->len) != REDIS_OK)
    {
        tool_error("store: %s", store->redis->errstr);
        return false;
    }

    return true;
}


static bool
snapshot_ask_text(store_t *store, const char *command)
{
    store_args_t  args;

    args.n = 0;
    store_text(&args, command);

    return snapshot_ask(store, &args);
}


static bool
snapshot_ask_all(store_t *store, const heads_t *heads)
{
    bool           ok;
    char           key[DMP_KEY_NAME_MAX];
    size_t         i;
    unsigned       b;
    store_args_t   args;

    ok = snapshot_ask_text(store, "MULTI")
         && snapshot_ask_text(store, "TIME");

    for (b = 0; b < store->buckets && ok; b++) {
        args.n = 0;
        store_text(&args, "XINFO");
        store_text(&args, "STREAM");
        store_bytes(&args, key, dmp_key_name(key, b, "trace",
                                             dmp_null_string));
        ok = snapshot_ask(store, &args);
    }

    for (i = 0; i < heads->n && ok; i++) {
        args.n = 0;
        store_text(&args, "HMGET");
        store_bytes(&args, key, dmp_key_name(key, heads->item[i].bucket, "w",
                                             (dmp_str_t) {
                                                 heads->item[i].writer,
                                                 strlen(heads->item[i].writer)
                                             }));
        store_text(&args, "h");
        ok = snapshot_ask(store, &args);
    }

    return ok && snapshot_ask_text(store, "EXEC");
}


/* The answers of one instant, or NULL after a complaint. */
static redisReply *
snapshot_exec(store_t *store, const heads_t *heads)
{
    size_t       left;
    redisReply  *r, *refused;

    if (!snapshot_ask_all(store, heads)) {
        return NULL;
    }

    refused = NULL;

    for (left = 3 + store->buckets + heads->n; left > 0; left--) {
        if (redisGetReply(store->redis, (void **) &r) != REDIS_OK) {
            tool_error("store: %s", store->redis->errstr);
            freeReplyObject(refused);
            return NULL;
        }

        if (left == 1) {
            break;
        }

        /* what was refused tells why; EXEC then only says that it was */
        if (r->type == REDIS_REPLY_ERROR && refused == NULL) {
            refused = r;

        } else {
            freeReplyObject(r);
        }
    }

    if (refused == NULL && r->type == REDIS_REPLY_ARRAY
        && r->elements == 1 + store->buckets + heads->n)
    {
        return r;
    }

    tool_error("store: %s", refused != NULL ? refused->str
               : r->type == REDIS_REPLY_ERROR ? r->str
               : "EXEC: unexpected answer");
    freeReplyObject(refused);
    freeReplyObject(r);

    return NULL;
}


static const redisReply *
snapshot_field(const redisReply *list, const char *name, int type)
{
    size_t  i;

    for (i = 0; i + 1 < list->elements; i += 2) {
        if (list->element[i]->type == REDIS_REPLY_STRING
            && strcmp(list->element[i]->str, name) == 0
            && list->element[i + 1]->type == type)
        {
            return list->element[i + 1];
        }
    }

    return NULL;
}


static bool
snapshot_id(const redisReply *r, uint64_t *ms, uint64_t *n)
{
    return r != NULL && r->type == REDIS_REPLY_STRING
           && dmp_stream_id_parse((dmp_str_t) { r->str, r->len }, ms, n);
}


static bool
snapshot_facts(const redisReply *r, dmp_stream_facts_t *facts,
    uint64_t *end_ms, uint64_t *end_seq)
{
    const redisReply  *length, *added, *last;

    length = snapshot_field(r, "length", REDIS_REPLY_INTEGER);
    added = snapshot_field(r, "entries-added", REDIS_REPLY_INTEGER);

    if (length == NULL || added == NULL
        || !snapshot_id(snapshot_field(r, "max-deleted-entry-id",
                                       REDIS_REPLY_STRING),
                        &facts->deleted_ms, &facts->deleted_seq))
    {
        return false;
    }

    facts->length = (uint64_t) length->integer;
    facts->added = (uint64_t) added->integer;

    if (facts->length == 0) {
        return true;
    }

    last = snapshot_field(r, "last-entry", REDIS_REPLY_ARRAY);

    return last != NULL && last->elements == 2
           && snapshot_id(last->element[0], end_ms, end_seq);
}


/* A stream that is not there has nothing, and never had. */
static bool
snapshot_streams(const store_t *store, const redisReply *all,
    audit_snapshot_t *s)
{
    unsigned           b;
    const redisReply  *r;

    for (b = 0; b < store->buckets; b++) {
        r = all->element[1 + b];

        if (r->type == REDIS_REPLY_ERROR
            && strcmp(r->str, "ERR no such key") == 0)
        {
            continue;
        }

        if (r->type != REDIS_REPLY_ARRAY
            || !snapshot_facts(r, &s->streams[b], &s->end_ms[b],
                               &s->end_seq[b]))
        {
            tool_error("store: the trace of bucket %u: %s", b,
                       r->type == REDIS_REPLY_ERROR ? r->str
                       : "XINFO STREAM: unexpected answer (Redis 7.0 or "
                         "Valkey 8 is needed)");
            return false;
        }
    }

    return true;
}


/* A decimal number, as the functions write it. */
static bool
snapshot_number(const redisReply *r, uint64_t *out)
{
    size_t    i;
    uint64_t  n;

    if (r->type != REDIS_REPLY_STRING || r->len == 0 || r->len > 18) {
        return false;
    }

    for (i = 0, n = 0; i < r->len; i++) {
        if (r->str[i] < '0' || r->str[i] > '9') {
            return false;
        }

        n = n * 10 + (uint64_t) (r->str[i] - '0');
    }

    *out = n;

    return true;
}


/* A head that is not one of ours in form is none, which verify tells. */
static bool
snapshot_heads(const store_t *store, const redisReply *all, heads_t *heads)
{
    size_t             i;
    audit_head_t      *head;
    dmp_chain_head_t   said;
    const redisReply  *r;

    for (i = 0; i < heads->n; i++) {
        head = &heads->item[i];
        r = all->element[1 + store->buckets + i];

        if (r->type != REDIS_REPLY_ARRAY || r->elements != 1) {
            tool_error("store: the head of %s in bucket %u: %s", head->writer,
                       head->bucket, r->type == REDIS_REPLY_ERROR
                       ? r->str : "unexpected answer");
            return false;
        }

        r = r->element[0];

        if (r->type == REDIS_REPLY_STRING
            && dmp_head_parse((dmp_str_t) { r->str, r->len }, &said))
        {
            head->epoch = said.epoch;
            head->seq = said.seq;
            memcpy(head->hash, said.hash, DMP_HASH_LEN);
            head->present = true;
        }
    }

    return true;
}


static bool
snapshot_time(const redisReply *r, int64_t *now_ms)
{
    uint64_t  s, us;

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2
        || !snapshot_number(r->element[0], &s)
        || !snapshot_number(r->element[1], &us) || s > INT64_MAX / 1000 - 1)
    {
        tool_error("store: TIME: unexpected answer");
        return false;
    }

    *now_ms = (int64_t) (s * 1000 + us / 1000);

    return true;
}


/*
 * A snapshot that no writer began during: its heads are all there are.  What
 * was scanned is replaced by what was scanned after.
 */
static redisReply *
snapshot_instant(store_t *store, heads_t *heads)
{
    size_t       n;
    heads_t      after;
    redisReply  *r;

    if (!snapshot_scan(store, heads)) {
        return NULL;
    }

    for ( ;; ) {
        heads_sort(heads);
        n = heads->n;
        r = snapshot_exec(store, heads);
        memset(&after, 0, sizeof(after));

        if (r == NULL || !snapshot_scan(store, &after)) {
            freeReplyObject(r);
            heads_free(&after);
            return NULL;
        }

        /* none goes away, but by a hand that verify will tell of */
        heads_sort(&after);

        if (after.n <= n) {
            heads_free(&after);
            return r;
        }

        freeReplyObject(r);
        heads_free(heads);
        *heads = after;
    }
}


bool
audit_snapshot(store_t *store, bool heads, audit_snapshot_t *s)
{
    bool         ok;
    heads_t      found;
    redisReply  *r;

    memset(s, 0, sizeof(*s));
    memset(&found, 0, sizeof(found));

    r = heads ? snapshot_instant(store, &found) : snapshot_exec(store, &found);
    ok = r != NULL && snapshot_time(r->element[0], &s->now_ms)
         && snapshot_streams(store, r, s) && snapshot_heads(store, r, &found);

    freeReplyObject(r);
    s->heads = found.item;
    s->n_heads = found.n;

    if (!ok) {
        audit_snapshot_free(s);
    }

    return ok;
}


void
audit_snapshot_free(audit_snapshot_t *s)
{
    heads_t  heads = { s->heads, s->n_heads, s->n_heads };

    heads_free(&heads);
    memset(s, 0, sizeof(*s));
}
