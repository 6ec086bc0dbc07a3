/*
 * audit_tail.c: "dmpctl audit tail": the last entries that are asked for, read
 * backwards from the streams' ends, or all since a time; then those to come.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_say.h"


#define TAIL_LAST      20
#define TAIL_LAST_MAX  100000
#define TAIL_BATCH     "100"
#define TAIL_WAIT_MS   "1000"

const char  dmpctl_help_audit_tail[] =
    "dmpctl audit tail [--last N] [--follow] [--json] [which entries]\n"
    "\n"
    "Shows the last entries that are asked for, the newest last: when (UTC),\n"
    "what was decided, who, what they did, whose record (by its pseudonym),\n"
    "in which mode and by which rule.  \"void\" marks what did not count,\n"
    "since the record had changed meanwhile, and was decided anew.\n"
    "\n"
    "  --last N             default 20; all with --since\n"
    "  --follow             goes on with those to come\n"
    AUDIT_OPEN_USAGE
    "  --json               one JSON object for each\n"
    AUDIT_FILTER_USAGE STORE_USAGE;

/* A stream read from its end. */
typedef struct {
    redisReply  *batch;
    size_t       pos;
    char         before[64];             /* "(ms-n", or where to begin */
    bool         over;
} tail_stream_t;

/* An entry that is kept until it is its turn. */
typedef struct {
    dmp_stored_t    entry;
    char           *bytes;               /* body and outcome */
} tail_kept_t;

typedef struct {
    store_t           store;
    audit_filter_t    filter;
    audit_snapshot_t  snapshot;
    dmp_item_t        item;
    tail_stream_t     streams[DMP_BUCKETS_MAX];
    tail_kept_t      *kept;
    size_t            n_kept;
    size_t            last;
    bool              all;
    bool              follow;
    bool              json;
} tail_t;


static bool
tail_odd(void)
{
    tool_error("store: unexpected answer of a stream");

    return false;
}


/* One entry of XRANGE or XREAD: [id, [name, value, …]]. */
static bool
tail_entry(const redisReply *r, unsigned bucket, dmp_stored_t *entry)
{
    size_t             i;
    dmp_str_t         *field;
    const redisReply  *fields, *name, *value;

    memset(entry, 0, sizeof(*entry));
    entry->bucket = bucket;

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2
        || r->element[0]->type != REDIS_REPLY_STRING
        || r->element[1]->type != REDIS_REPLY_ARRAY
        || !dmp_stream_id_parse((dmp_str_t) { r->element[0]->str,
                                              r->element[0]->len },
                                &entry->id_ms, &entry->id_seq))
    {
        return tail_odd();
    }

    fields = r->element[1];

    for (i = 0; i + 1 < fields->elements && fields->elements == 4; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING)
        {
            return tail_odd();
        }

        field = strcmp(name->str, "b") == 0 ? &entry->body
              : strcmp(name->str, "o") == 0 ? &entry->outcome : NULL;

        if (field != NULL) {
            field->data = value->str;
            field->len = value->len;
        }
    }

    if (entry->body.len == 0 || entry->outcome.len == 0) {
        entry->body = dmp_null_string;
        entry->outcome = dmp_null_string;
    }

    return true;
}


/* What cannot be read is shown whatever is asked for: it might be that. */
static bool
tail_wants(tail_t *t, const dmp_stored_t *entry)
{
    dmp_item_read(&t->item, entry);

    return !t->item.readable
           || audit_filter_passes(&t->filter, &t->item.view);
}


static bool
tail_show(tail_t *t, const dmp_stored_t *entry)
{
    bool  ok;

    if (!tail_wants(t, entry)) {
        return true;
    }

    ok = audit_item_open(&t->item, &t->filter.ring);

    if (ok && t->json) {
        ok = audit_say_json(stdout, &t->item);

    } else if (ok) {
        audit_say_line(stdout, &t->item);
    }

    dmp_item_free(&t->item);

    return ok;
}


/* Forwards: all since a time, one at a time. */
static int
tail_forwards(tail_t *t)
{
    int              rc;
    dmp_stored_t     entry;
    audit_reader_t  *reader;

    reader = audit_reader_create(&t->store, &t->snapshot, &t->filter.range);
    if (reader == NULL) {
        return TOOL_FAILED;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        if (!tail_show(t, &entry)) {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO ? TOOL_DONE : TOOL_FAILED;
}


/* Where reading backwards begins: what came later is for --follow. */
static void
tail_begin(const tail_t *t, unsigned bucket, tail_stream_t *s)
{
    uint64_t  until;

    until = t->filter.range.until_ms;
    s->over = t->snapshot.end_ms[bucket] == 0
              || (t->filter.range.one_bucket
                  && t->filter.range.bucket != bucket);

    if (until != 0 && until < t->snapshot.end_ms[bucket]) {
        (void) snprintf(s->before, sizeof(s->before), "%llu",
                        (unsigned long long) until);
        return;
    }

    (void) snprintf(s->before, sizeof(s->before), "%llu-%llu",
                    (unsigned long long) t->snapshot.end_ms[bucket],
                    (unsigned long long) t->snapshot.end_seq[bucket]);
}


static bool
tail_fetch(tail_t *t, unsigned bucket, tail_stream_t *s)
{
    char          key[DMP_KEY_NAME_MAX], since[32];
    store_args_t  args;

    freeReplyObject(s->batch);
    s->pos = 0;
    (void) snprintf(since, sizeof(since), "%llu",
                    (unsigned long long) t->filter.range.since_ms);

    args.n = 0;
    store_text(&args, "XREVRANGE");
    store_bytes(&args, key, dmp_key_name(key, bucket, "trace",
                                         dmp_null_string));
    store_text(&args, s->before);
    store_text(&args, since);
    store_text(&args, "COUNT");
    store_text(&args, TAIL_BATCH);
    s->batch = store_call(&t->store, &args);

    if (s->batch == NULL) {
        return false;
    }

    s->over = s->batch->elements == 0;

    return s->batch->type == REDIS_REPLY_ARRAY || tail_odd();
}


/* The newest entry of that stream that was not taken yet. */
static bool
tail_peek(tail_t *t, unsigned bucket, dmp_stored_t *entry)
{
    tail_stream_t  *s;

    s = &t->streams[bucket];

    if (s->batch == NULL || s->pos == s->batch->elements) {
        if (!tail_fetch(t, bucket, s)) {
            return false;
        }

        if (s->over) {
            return true;
        }
    }

    if (!tail_entry(s->batch->element[s->pos], bucket, entry)) {
        return false;
    }

    (void) snprintf(s->before, sizeof(s->before), "(%llu-%llu",
                    (unsigned long long) entry->id_ms,
                    (unsigned long long) entry->id_seq);

    return true;
}


static bool
tail_newer(const dmp_stored_t *a, const dmp_stored_t *b)
{
    return a->id_ms != b->id_ms ? a->id_ms > b->id_ms
         : a->id_seq != b->id_seq ? a->id_seq > b->id_seq
         : a->bucket > b->bucket;
}


static bool
tail_keep(tail_t *t, const dmp_stored_t *entry)
{
    size_t        len;
    tail_kept_t  *kept;

    kept = &t->kept[t->n_kept];
    len = entry->body.len;
    kept->entry = *entry;
    kept->bytes = malloc(len + entry->outcome.len + 1);

    if (kept->bytes == NULL) {
        tool_error("no memory");
        return false;
    }

    if (len > 0) {
        memcpy(kept->bytes, entry->body.data, len);
        memcpy(kept->bytes + len, entry->outcome.data, entry->outcome.len);
    }

    kept->entry.body.data = kept->bytes;
    kept->entry.outcome.data = kept->bytes + len;
    t->n_kept++;

    return true;
}


/* The newest of all streams; TOOL_NO: there is none. */
static int
tail_step(tail_t *t, dmp_stored_t *newest)
{
    bool          found;
    unsigned      b;
    dmp_stored_t  entry;

    found = false;

    for (b = 0; b < t->store.buckets; b++) {
        if (t->streams[b].over) {
            continue;
        }

        if (!tail_peek(t, b, &entry)) {
            return TOOL_FAILED;
        }

        if (!t->streams[b].over && (!found || tail_newer(&entry, newest))) {
            *newest = entry;
            found = true;
        }
    }

    if (found) {
        t->streams[newest->bucket].pos++;
    }

    return found ? TOOL_DONE : TOOL_NO;
}


static int
tail_backwards(tail_t *t)
{
    int           rc;
    size_t        i;
    unsigned      b;
    dmp_stored_t  entry;

    t->kept = calloc(t->last + 1, sizeof(tail_kept_t));
    if (t->kept == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    for (b = 0; b < t->store.buckets; b++) {
        tail_begin(t, b, &t->streams[b]);
    }

    rc = TOOL_DONE;

    while (t->n_kept < t->last && rc == TOOL_DONE) {
        rc = tail_step(t, &entry);

        if (rc == TOOL_DONE && tail_wants(t, &entry)
            && !tail_keep(t, &entry))
        {
            rc = TOOL_FAILED;
        }
    }

    for (i = t->n_kept; i > 0 && rc != TOOL_FAILED; i--) {
        if (!tail_show(t, &t->kept[i - 1].entry)) {
            rc = TOOL_FAILED;
        }
    }

    return rc == TOOL_FAILED ? rc : TOOL_DONE;
}


/* Sends XREAD for all streams at once; ids are those to go on after. */
static redisReply *
tail_wait(tail_t *t)
{
    char         keys[DMP_BUCKETS_MAX][DMP_KEY_NAME_MAX];
    char         ids[DMP_BUCKETS_MAX][48];
    size_t       n, len[6 + 2 * DMP_BUCKETS_MAX];
    unsigned     b, first, end, i;
    const char  *words[6 + 2 * DMP_BUCKETS_MAX] = {
        "XREAD", "BLOCK", TAIL_WAIT_MS, "COUNT", TAIL_BATCH, "STREAMS"
    };
    redisReply  *r;

    first = t->filter.range.one_bucket ? t->filter.range.bucket : 0;
    end = t->filter.range.one_bucket ? first + 1 : t->store.buckets;
    n = 6 + 2 * (size_t) (end - first);

    for (b = first; b < end; b++) {
        i = b - first;
        len[6 + i] = dmp_key_name(keys[i], b, "trace", dmp_null_string);
        words[6 + i] = keys[i];
        (void) snprintf(ids[i], sizeof(ids[i]), "%llu-%llu",
                        (unsigned long long) t->snapshot.end_ms[b],
                        (unsigned long long) t->snapshot.end_seq[b]);
        words[6 + (end - first) + i] = ids[i];
        len[6 + (end - first) + i] = strlen(ids[i]);
    }

    for (i = 0; i < 6; i++) {
        len[i] = strlen(words[i]);
    }

    r = redisCommandArgv(t->store.redis, (int) n, words, len);

    if (r == NULL || r->type == REDIS_REPLY_ERROR) {
        tool_error("store: %s", r == NULL ? t->store.redis->errstr : r->str);
        freeReplyObject(r);
        return NULL;
    }

    return r;
}


/* The bucket of [key, entries], whose key is one that was asked for. */
static bool
tail_bucket(const tail_t *t, const redisReply *stream, unsigned *bucket)
{
    char               name[DMP_KEY_NAME_MAX];
    size_t             len;
    const redisReply  *key;

    if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
        || stream->element[0]->type != REDIS_REPLY_STRING
        || stream->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return tail_odd();
    }

    key = stream->element[0];

    for (*bucket = 0; *bucket < t->store.buckets; (*bucket)++) {
        len = dmp_key_name(name, *bucket, "trace", dmp_null_string);

        if (key->len == len && memcmp(key->str, name, len) == 0) {
            return true;
        }
    }

    return tail_odd();
}


/* What came, of all streams in the order of their ids. */
static bool
tail_came(tail_t *t, const redisReply *r)
{
    size_t             i, best, pos[DMP_BUCKETS_MAX] = { 0 };
    unsigned           bucket;
    dmp_stored_t       entry, oldest = { 0 };
    const redisReply  *stream;

    for ( ;; ) {
        best = r->elements;

        for (i = 0; i < r->elements && i < DMP_BUCKETS_MAX; i++) {
            stream = r->element[i];

            if (!tail_bucket(t, stream, &bucket)) {
                return false;
            }

            if (pos[i] == stream->element[1]->elements) {
                continue;
            }

            if (!tail_entry(stream->element[1]->element[pos[i]], bucket,
                            &entry))
            {
                return false;
            }

            if (best == r->elements || tail_newer(&oldest, &entry)) {
                best = i;
                oldest = entry;
            }
        }

        if (best == r->elements) {
            return true;
        }

        pos[best]++;
        t->snapshot.end_ms[oldest.bucket] = oldest.id_ms;
        t->snapshot.end_seq[oldest.bucket] = oldest.id_seq;

        if (!tail_show(t, &oldest)) {
            return false;
        }
    }
}


static int
tail_follow(tail_t *t)
{
    bool         ok;
    redisReply  *r;

    do {
        if (!audit_said(stdout)) {
            return TOOL_FAILED;
        }

        r = tail_wait(t);
        ok = r != NULL
             && (r->type != REDIS_REPLY_ARRAY || tail_came(t, r));
        freeReplyObject(r);

    } while (ok);

    return TOOL_FAILED;
}


static int
tail_run(tail_t *t)
{
    int  rc;

    if (!store_meta(&t->store)) {
        return TOOL_FAILED;
    }

    audit_filter_store(&t->filter, &t->store);

    if (!audit_snapshot(&t->store, false, &t->snapshot)) {
        return TOOL_FAILED;
    }

    rc = t->all ? tail_forwards(t) : tail_backwards(t);

    if (rc == TOOL_DONE && t->follow) {
        rc = tail_follow(t);
    }

    return audit_said(stdout) ? rc : TOOL_FAILED;
}


static void
tail_free(tail_t *t)
{
    size_t  i;

    for (i = 0; i < t->n_kept; i++) {
        free(t->kept[i].bytes);
    }

    free(t->kept);

    for (i = 0; i < DMP_BUCKETS_MAX; i++) {
        freeReplyObject(t->streams[i].batch);
    }

    audit_snapshot_free(&t->snapshot);
    store_close(&t->store);
}


static bool
tail_last(tail_t *t, const char *last)
{
    char           *end;
    unsigned long   n;

    t->last = TAIL_LAST;

    if (last == NULL) {
        t->all = t->filter.range.since_ms != 0;
        return true;
    }

    n = strtoul(last, &end, 10);

    if (last[0] < '0' || last[0] > '9' || *end != '\0' || n > TAIL_LAST_MAX) {
        tool_error("--last \"%s\" is not a number of 0 to %d", last,
                   TAIL_LAST_MAX);
        return false;
    }

    t->last = n;

    return true;
}


int
dmpctl_audit_tail(int argc, char **argv)
{
    int                      rc;
    static tail_t            t;
    const char              *last;
    tool_list_t              words;
    store_options_t          where;
    audit_filter_options_t   which;
    const tool_option_t      options[] = {
        STORE_OPTIONS(where),
        AUDIT_FILTER_OPTIONS(which),
        { "--last",   NULL,      &last, NULL },
        { "--follow", &t.follow, NULL,  NULL },
        { "--json",   &t.json,   NULL,  NULL },
        { NULL,       NULL,      NULL,  NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&which, 0, sizeof(which));
    last = NULL;

    if (!tool_options(argc, argv, options, &words)) {
        return TOOL_USAGE;
    }

    if (words.n != 0) {
        tool_error("\"audit tail\" takes no word: \"%s\"", words.item[0]);
        return TOOL_USAGE;
    }

    if (t.follow && which.until != NULL) {
        tool_error("--follow has no --until");
        return TOOL_USAGE;
    }

    rc = audit_filter(&which, &t.filter);

    if (rc == TOOL_DONE && !tail_last(&t, last)) {
        rc = TOOL_USAGE;
    }

    if (rc != TOOL_DONE) {
        return rc;
    }

    rc = store_open(&t.store, &where) ? tail_run(&t) : TOOL_FAILED;
    tail_free(&t);

    return rc;
}
