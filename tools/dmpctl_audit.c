/*
 * dmpctl_audit.c: reads the whole trace and has it verified.
 */

#include <stdlib.h>
#include <string.h>

#include <dmp/dmp_verify.h>

#include "store.h"


#define AUDIT_BATCH  "1000"
#define AUDIT_BATCH_N  1000

/* A writer's head in the store, by its key's name. */
typedef struct {
    unsigned   bucket;
    char      *writer;
} audit_head_t;

typedef struct {
    store_t        store;
    dmp_verify_t  *verify;
    audit_head_t  *heads;
    size_t         n_heads;
    size_t         size_heads;
    uint64_t       entries;
} audit_t;


static bool
audit_note_head(audit_t *a, unsigned bucket, const char *writer, size_t len)
{
    size_t         i;
    audit_head_t  *larger;

    for (i = 0; i < a->n_heads; i++) {
        if (a->heads[i].bucket == bucket && strlen(a->heads[i].writer) == len
            && memcmp(a->heads[i].writer, writer, len) == 0)
        {
            return true;
        }
    }

    if (a->n_heads == a->size_heads) {
        i = a->size_heads == 0 ? 64 : a->size_heads * 2;
        larger = reallocarray(a->heads, i, sizeof(audit_head_t));

        if (larger == NULL) {
            tool_error("no memory");
            return false;
        }

        a->heads = larger;
        a->size_heads = i;
    }

    a->heads[a->n_heads].bucket = bucket;
    a->heads[a->n_heads].writer = strndup(writer, len);

    if (a->heads[a->n_heads].writer == NULL) {
        tool_error("no memory");
        return false;
    }

    a->n_heads++;

    return true;
}


/* A key "{dmp:NN}:w:WRITER"; others of that pattern are not ours to judge. */
static bool
audit_note_key(audit_t *a, const redisReply *key)
{
    char           *rest;
    size_t          skip;
    unsigned long   bucket;

    if (strncmp(key->str, "{dmp:", 5) != 0
        || key->str[5] < '0' || key->str[5] > '9')
    {
        return true;
    }

    bucket = strtoul(key->str + 5, &rest, 10);

    if (bucket >= a->store.buckets || strncmp(rest, "}:w:", 4) != 0) {
        return true;
    }

    skip = (size_t) (rest - key->str) + 4;

    return audit_note_head(a, (unsigned) bucket, key->str + skip,
                           key->len - skip);
}


/* All keys "{dmp:NN}:w:WRITER": also of writers whose entries are all gone. */
static bool
audit_scan(audit_t *a)
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
        r = store_call(&a->store, &args);

        if (r == NULL) {
            return false;
        }

        ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2
             && r->element[0]->len < sizeof(cursor);

        if (ok) {
            memcpy(cursor, r->element[0]->str, r->element[0]->len + 1);
            keys = r->element[1];

            for (i = 0; i < keys->elements && ok; i++) {
                ok = audit_note_key(a, keys->element[i]);
            }

        } else {
            tool_error("store: SCAN: unexpected answer");
        }

        freeReplyObject(r);

    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}


/* One entry of XRANGE: [id, [name, value, …]]. */
static bool
audit_entry(audit_t *a, unsigned bucket, const redisReply *r, char *last,
    size_t size)
{
    size_t             i;
    dmp_rc_t           rc;
    uint64_t           ms, n;
    dmp_str_t          body, outcome;
    const redisReply  *fields, *name, *value;

    fields = r->elements == 2 ? r->element[1] : NULL;

    if (fields == NULL || r->element[0]->len >= size
        || !dmp_stream_id_parse((dmp_str_t) { r->element[0]->str,
                                              r->element[0]->len }, &ms, &n))
    {
        tool_error("store: XRANGE: unexpected answer");
        return false;
    }

    body = dmp_null_string;
    outcome = dmp_null_string;

    /* A field that we do not know would be read by nobody: not an entry. */
    for (i = 0; i + 1 < fields->elements && fields->elements == 4; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (strcmp(name->str, "b") == 0) {
            body = (dmp_str_t) { value->str, value->len };

        } else if (strcmp(name->str, "o") == 0) {
            outcome = (dmp_str_t) { value->str, value->len };
        }
    }

    memcpy(last, r->element[0]->str, r->element[0]->len + 1);
    a->entries++;

    rc = dmp_verify_entry(a->verify, bucket, ms, n, body, outcome);
    if (rc != DMP_OK) {
        tool_error("bucket %u, entry %s: no memory to verify it", bucket,
                   last);
        return false;
    }

    return true;
}


/* Feeds the stream from after "last" to "end", and leaves "last" at the end. */
static bool
audit_read(audit_t *a, unsigned bucket, char *last, size_t size,
    const char *end)
{
    bool           ok;
    char           key[DMP_KEY_NAME_MAX], start[64];
    size_t         i, n, len;
    redisReply    *r;
    store_args_t   args;

    len = dmp_key_name(key, bucket, "trace", dmp_null_string);

    do {
        (void) snprintf(start, sizeof(start), "%s%s",
                        last[0] != '\0' ? "(" : "-", last);
        args.n = 0;
        store_text(&args, "XRANGE");
        store_bytes(&args, key, len);
        store_text(&args, start);
        store_text(&args, end);
        store_text(&args, "COUNT");
        store_text(&args, AUDIT_BATCH);
        r = store_call(&a->store, &args);

        if (r == NULL) {
            return false;
        }

        n = r->elements;
        ok = true;

        for (i = 0; i < n && ok; i++) {
            ok = audit_entry(a, bucket, r->element[i], last, size);
        }

        freeReplyObject(r);
        tool_progress("bucket %u of %u: %llu entries", bucket + 1,
                      a->store.buckets, (unsigned long long) a->entries);

    } while (ok && n == AUDIT_BATCH_N);

    return ok;
}


/* A writer that has entries here must have a head. */
static bool
audit_headless(audit_t *a, unsigned bucket)
{
    bool       found;
    size_t     i, pos;
    dmp_str_t  writer;

    pos = 0;

    while (dmp_verify_writers(a->verify, bucket, &pos, &writer)) {
        found = false;

        for (i = 0; i < a->n_heads && !found; i++) {
            found = a->heads[i].bucket == bucket
                    && strlen(a->heads[i].writer) == writer.len
                    && memcmp(a->heads[i].writer, writer.data, writer.len)
                       == 0;
        }

        if (!found && dmp_verify_head(a->verify, bucket, writer, 0, 0, NULL)
                      != DMP_OK)
        {
            tool_error("no memory");
            return false;
        }
    }

    return true;
}


static bool
audit_feed_head(audit_t *a, unsigned bucket, const char *writer,
    const redisReply *r)
{
    bool                  present, number;
    uint64_t              epoch, seq, zero;
    dmp_rc_t              rc;
    char                  text[64];
    const unsigned char  *hash;

    present = r->type == REDIS_REPLY_ARRAY && r->elements == 3
              && r->element[0]->type == REDIS_REPLY_STRING
              && r->element[1]->type == REDIS_REPLY_STRING
              && r->element[2]->type == REDIS_REPLY_STRING;

    epoch = 0;
    seq = 0;
    hash = NULL;

    if (present) {
        (void) snprintf(text, sizeof(text), "%.20s-0", r->element[0]->str);
        number = dmp_stream_id_parse((dmp_str_t) { text, strlen(text) },
                                     &epoch, &zero);
        (void) snprintf(text, sizeof(text), "%.20s-0", r->element[1]->str);
        number = dmp_stream_id_parse((dmp_str_t) { text, strlen(text) }, &seq,
                                     &zero) && number;

        if (number && r->element[2]->len == DMP_HASH_LEN) {
            hash = (const unsigned char *) r->element[2]->str;
        }
    }

    rc = dmp_verify_head(a->verify, bucket,
                         (dmp_str_t) { writer, strlen(writer) }, epoch, seq,
                         hash);
    if (rc != DMP_OK) {
        tool_error("no memory");
    }

    return rc == DMP_OK;
}


static void
audit_append(audit_t *a, const store_args_t *args)
{
    /* An append that failed shows in the replies: fewer, or an error. */
    (void) redisAppendCommandArgv(a->store.redis, (int) args->n,
                                  (const char **) (uintptr_t) args->data,
                                  args->len);
}


/*
 * Last ids of all streams, then all heads, at one instant: entries name heads
 * in other buckets, and a trace that goes on while it is read must not look
 * cut or forged.
 */
static redisReply *
audit_snapshot(audit_t *a)
{
    char           key[DMP_KEY_NAME_MAX];
    size_t         i, skip;
    unsigned       b;
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "MULTI");
    audit_append(a, &args);

    for (b = 0; b < a->store.buckets; b++) {
        args.n = 0;
        store_text(&args, "XREVRANGE");
        store_bytes(&args, key, dmp_key_name(key, b, "trace",
                                             dmp_null_string));
        store_text(&args, "+");
        store_text(&args, "-");
        store_text(&args, "COUNT");
        store_text(&args, "1");
        audit_append(a, &args);
    }

    for (i = 0; i < a->n_heads; i++) {
        args.n = 0;
        store_text(&args, "HMGET");
        store_bytes(&args, key, dmp_key_name(key, a->heads[i].bucket, "w",
                                             (dmp_str_t) {
                                                 a->heads[i].writer,
                                                 strlen(a->heads[i].writer)
                                             }));
        store_text(&args, "e");
        store_text(&args, "s");
        store_text(&args, "h");
        audit_append(a, &args);
    }

    args.n = 0;
    store_text(&args, "EXEC");
    audit_append(a, &args);

    for (skip = 1 + a->store.buckets + a->n_heads + 1; skip > 0; skip--) {
        if (redisGetReply(a->store.redis, (void **) &r) != REDIS_OK) {
            tool_error("store: %s", a->store.redis->errstr);
            return NULL;
        }

        if (skip > 1) {
            freeReplyObject(r);
        }
    }

    if (r->type != REDIS_REPLY_ARRAY
        || r->elements != a->store.buckets + a->n_heads)
    {
        tool_error("store: EXEC: %s", r->type == REDIS_REPLY_ERROR
                   ? r->str : "unexpected answer");
        freeReplyObject(r);
        return NULL;
    }

    return r;
}


/* A snapshot that no writer began during: its heads are all there are. */
static redisReply *
audit_instant(audit_t *a)
{
    size_t       n;
    redisReply  *r;

    if (!audit_scan(a)) {
        return NULL;
    }

    for ( ;; ) {
        n = a->n_heads;
        r = audit_snapshot(a);

        if (r == NULL || !audit_scan(a)) {
            freeReplyObject(r);
            return NULL;
        }

        if (a->n_heads == n) {
            return r;
        }

        freeReplyObject(r);
    }
}


static bool
audit_heads(audit_t *a, unsigned bucket, const redisReply *snapshot)
{
    size_t             i;
    const redisReply  *head;

    for (i = 0; i < a->n_heads; i++) {
        if (a->heads[i].bucket != bucket) {
            continue;
        }

        head = snapshot->element[a->store.buckets + i];

        if (head->type == REDIS_REPLY_ERROR) {
            tool_error("store: a head of bucket %u: %s", bucket, head->str);
            return false;
        }

        if (!audit_feed_head(a, bucket, a->heads[i].writer, head)) {
            return false;
        }
    }

    return true;
}


static bool
audit_bucket(audit_t *a, unsigned bucket, const redisReply *snapshot)
{
    char               last[64] = "", end[64];
    const redisReply  *top;

    top = snapshot->element[bucket];

    if (top->type != REDIS_REPLY_ARRAY) {
        tool_error("store: the trace of bucket %u: %s", bucket,
                   top->type == REDIS_REPLY_ERROR ? top->str
                                                  : "unexpected answer");
        return false;
    }

    if (top->elements == 1) {
        (void) snprintf(end, sizeof(end), "%.60s",
                        top->element[0]->element[0]->str);

        if (!audit_read(a, bucket, last, sizeof(last), end)) {
            return false;
        }
    }

    return audit_heads(a, bucket, snapshot) && audit_headless(a, bucket);
}


static void
audit_json(const dmp_verify_result_t *r, int64_t ms)
{
    char       text[1024];
    dmp_buf_t  b;

    printf("{\"whole\":%s,\"entries\":%llu,\"writers\":%llu,\"epochs\":%llu,"
           "\"checkpoints\":%llu,\"not_signed\":%llu,\"findings\":%llu,"
           "\"milliseconds\":%lld", r->findings == 0 ? "true" : "false",
           (unsigned long long) r->entries, (unsigned long long) r->writers,
           (unsigned long long) r->epochs,
           (unsigned long long) r->checkpoints,
           (unsigned long long) r->not_signed,
           (unsigned long long) r->findings, (long long) ms);

    if (r->findings > 0) {
        dmp_buf_init(&b, text, sizeof(text));
        dmp_buf_text(&b, ",\"first\":{\"bucket\":");
        dmp_buf_uint(&b, r->first.bucket);
        dmp_buf_text(&b, ",\"id\":\"");
        dmp_buf_uint(&b, r->first.id_ms);
        dmp_buf_text(&b, "-");
        dmp_buf_uint(&b, r->first.id_seq);
        dmp_buf_text(&b, "\",\"writer\":");
        dmp_buf_json(&b, (dmp_str_t) { r->first.writer,
                                       strlen(r->first.writer) });
        dmp_buf_text(&b, ",\"epoch\":");
        dmp_buf_uint(&b, r->first.epoch);
        dmp_buf_text(&b, ",\"seq\":");
        dmp_buf_uint(&b, r->first.seq);
        dmp_buf_text(&b, ",\"text\":");
        dmp_buf_json(&b, (dmp_str_t) { r->first.text,
                                       strlen(r->first.text) });
        dmp_buf_text(&b, "}");
        printf("%.*s", (int) b.len, b.data);
    }

    printf("}\n");
}


static void
audit_say(const dmp_verify_result_t *r, int64_t ms)
{
    printf("%llu entries, %llu writers, %llu epochs, %llu checkpoints; "
           "%.1f s\n", (unsigned long long) r->entries,
           (unsigned long long) r->writers, (unsigned long long) r->epochs,
           (unsigned long long) r->checkpoints, (double) ms / 1000);

    if (r->not_signed > 0) {
        printf("%llu entries stand after the last signed heads: chained, and "
               "not yet signed\n", (unsigned long long) r->not_signed);
    }

    if (r->findings == 0) {
        printf("The trace is whole.\n");
        return;
    }

    printf("THE TRACE IS BROKEN (%llu findings).  The first break:\n"
           "  bucket  %u\n  id      %llu-%llu\n",
           (unsigned long long) r->findings, r->first.bucket,
           (unsigned long long) r->first.id_ms,
           (unsigned long long) r->first.id_seq);

    if (r->first.writer[0] != '\0') {
        printf("  writer  %s\n", r->first.writer);
    }

    if (r->first.seq != 0) {
        printf("  epoch   %llu\n  seq     %llu\n",
               (unsigned long long) r->first.epoch,
               (unsigned long long) r->first.seq);
    }

    printf("  %s\n", r->first.text);
}


static int
audit_run(audit_t *a, const tool_list_t *keys, bool json)
{
    bool                  ok;
    size_t                i;
    int64_t               begun;
    dmp_rc_t              rc;
    unsigned              b;
    EVP_PKEY             *key;
    redisReply           *snapshot;
    dmp_verify_result_t   result;

    for (i = 0; i < keys->n; i++) {
        key = tool_public_key(keys->item[i]);
        if (key == NULL) {
            return TOOL_FAILED;
        }

        rc = dmp_verify_key(a->verify, key);
        EVP_PKEY_free(key);

        if (rc != DMP_OK) {
            tool_error("%s: too many keys", keys->item[i]);
            return TOOL_FAILED;
        }
    }

    begun = tool_monotonic_ms();

    ok = true;
    snapshot = audit_instant(a);

    for (b = 0; b < a->store.buckets && snapshot != NULL && ok; b++) {
        ok = audit_bucket(a, b, snapshot);
    }

    tool_progress_end();

    if (snapshot == NULL || !ok) {
        freeReplyObject(snapshot);
        return TOOL_FAILED;
    }

    freeReplyObject(snapshot);

    if (dmp_verify_finish(a->verify, &result) != DMP_OK) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    if (json) {
        audit_json(&result, tool_monotonic_ms() - begun);

    } else {
        audit_say(&result, tool_monotonic_ms() - begun);
    }

    return result.findings == 0 ? TOOL_DONE : TOOL_NO;
}


int
dmpctl_audit_verify(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    size_t                 i;
    audit_t                a;
    tool_list_t            words, keys;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--audit-public-key", NULL,  NULL, &keys },
        { "--json",             &json, NULL, NULL },
        { NULL,                 NULL,  NULL, NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&a, 0, sizeof(a));
    keys.n = 0;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 0) {
        return TOOL_USAGE;
    }

    if (keys.n == 0) {
        tool_error("--audit-public-key is needed: the trace cannot vouch for "
                   "its own keys");
        return TOOL_USAGE;
    }

    if (!store_open(&a.store, &where)) {
        return TOOL_FAILED;
    }

    rc = TOOL_FAILED;

    if (store_meta(&a.store)) {
        a.verify = dmp_verify_create(a.store.buckets);

        if (a.verify == NULL) {
            tool_error("no memory");

        } else {
            rc = audit_run(&a, &keys, json);
        }
    }

    for (i = 0; i < a.n_heads; i++) {
        free(a.heads[i].writer);
    }

    free(a.heads);
    dmp_verify_free(a.verify);
    store_close(&a.store);

    return rc;
}
