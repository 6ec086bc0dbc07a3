/*
 * dmpctl_outbox.c: what waits to be delivered, and the dead letters: shows
 * them, gives them to dmp-notifyd again, or drops them.  What they carry stays
 * sealed: it is neither opened nor shown.
 */

#include <stdlib.h>
#include <string.h>

#include <dmp/dmp_entry.h>

#include "ask.h"
#include "commit.h"


#define OUTBOX_GROUP    "notify"
#define OUTBOX_PAGE     100
#define OUTBOX_AGAIN    20               /* while dead letters come in */

/* One dead letter, by what an operator calls it: "07:1764041234567-0". */
typedef struct {
    unsigned   bucket;
    char       id[48];
} outbox_letter_t;

typedef struct {
    store_t            store;
    commit_t           commit;
    store_options_t    where;
    const char        *audit;
    const char        *command;          /* in the trace */
    bool               all;
    bool               drop;
    bool               json;
    outbox_letter_t   *letters;
    size_t             n;
    size_t             room;
    uint64_t           done;
} outbox_t;

typedef struct {
    uint64_t  waiting;
    uint64_t  given;                     /* to an instance */
    uint64_t  dead;
    uint64_t  oldest_ms;                 /* when it was written; 0: none */
} outbox_status_t;


static size_t
outbox_key(char out[DMP_KEY_NAME_MAX + 1], unsigned bucket, const char *kind)
{
    size_t  len;

    len = dmp_key_name(out, bucket, kind, dmp_null_string);
    out[len] = '\0';

    return len;
}


/* A command about one key; its words have no spaces. */
static redisReply *
outbox_ask(store_t *store, const char *command, unsigned bucket,
    const char *kind, const char *more)
{
    char  words[DMP_KEY_NAME_MAX + 200], key[DMP_KEY_NAME_MAX + 1];

    (void) outbox_key(key, bucket, kind);
    (void) snprintf(words, sizeof(words), "%s %s%s", command, key, more);

    return store_words(store, words);
}


static bool
outbox_length(store_t *store, unsigned bucket, const char *kind,
    uint64_t *out)
{
    bool         ok;
    redisReply  *r;

    r = outbox_ask(store, "XLEN", bucket, kind, "");
    ok = r != NULL && r->type == REDIS_REPLY_INTEGER;

    if (ok) {
        *out += (uint64_t) r->integer;
    }

    freeReplyObject(r);

    return ok;
}


/* How many the group has been given; an outbox may have no group yet. */
static bool
outbox_given(store_t *store, unsigned bucket, uint64_t *out)
{
    bool           ok;
    char           key[DMP_KEY_NAME_MAX + 1];
    redisReply    *r;
    store_args_t   args;

    (void) outbox_key(key, bucket, "outbox");
    args.n = 0;
    store_text(&args, "XPENDING");
    store_text(&args, key);
    store_text(&args, OUTBOX_GROUP);
    r = store_ask(store, &args);
    ok = r != NULL;

    if (ok && r->type == REDIS_REPLY_ERROR) {
        ok = strncmp(r->str, "NOGROUP", 7) == 0;

        if (!ok) {
            tool_error("store: XPENDING: %s", r->str);
        }

    } else if (ok && r->type == REDIS_REPLY_ARRAY && r->elements >= 1
               && r->element[0]->type == REDIS_REPLY_INTEGER)
    {
        *out += (uint64_t) r->element[0]->integer;
    }

    freeReplyObject(r);

    return ok;
}


static bool
outbox_oldest(store_t *store, unsigned bucket, uint64_t *oldest_ms)
{
    bool               ok;
    uint64_t           ms, n;
    redisReply        *r;
    const redisReply  *id;

    r = outbox_ask(store, "XRANGE", bucket, "outbox", " - + COUNT 1");
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;

    if (ok && r->elements == 1 && r->element[0]->type == REDIS_REPLY_ARRAY
        && r->element[0]->elements == 2)
    {
        id = r->element[0]->element[0];

        if (dmp_stream_id_parse((dmp_str_t) { id->str, id->len }, &ms, &n)
            && (*oldest_ms == 0 || ms < *oldest_ms))
        {
            *oldest_ms = ms;
        }
    }

    freeReplyObject(r);

    return ok;
}


static void
outbox_print_status(const outbox_status_t *s, bool json)
{
    uint64_t  now, age;

    now = (uint64_t) tool_now_ms();
    age = s->oldest_ms != 0 && s->oldest_ms < now
          ? (now - s->oldest_ms) / 1000 : 0;

    printf(json ? "{\"waiting\":%llu,\"given\":%llu,\"dead\":%llu,"
                  "\"oldest_seconds\":%llu}\n"
                : "%llu waiting, %llu of them given to an instance; "
                  "%llu dead letters; the oldest waits for %llu s\n",
           (unsigned long long) s->waiting, (unsigned long long) s->given,
           (unsigned long long) s->dead, (unsigned long long) age);
}


int
dmpctl_outbox_status(int argc, char **argv)
{
    bool                  ok;
    unsigned              i;
    outbox_t              o;
    tool_list_t           words;
    outbox_status_t       s;
    const tool_option_t   options[] = {
        STORE_OPTIONS(o.where),
        { "--json", &o.json, NULL, NULL },
        { NULL,     NULL,    NULL, NULL }
    };

    memset(&o, 0, sizeof(o));
    memset(&s, 0, sizeof(s));

    if (!tool_options(argc, argv, options, &words) || words.n != 0) {
        return TOOL_USAGE;
    }

    if (!store_open(&o.store, &o.where)) {
        return TOOL_FAILED;
    }

    ok = store_meta(&o.store);

    for (i = 0; ok && i < o.store.buckets; i++) {
        ok = outbox_length(&o.store, i, "outbox", &s.waiting)
             && outbox_length(&o.store, i, "dead", &s.dead)
             && outbox_given(&o.store, i, &s.given)
             && outbox_oldest(&o.store, i, &s.oldest_ms);
    }

    store_close(&o.store);

    if (ok) {
        outbox_print_status(&s, o.json);
    }

    return ok ? TOOL_DONE : TOOL_FAILED;
}


/* A field of a dead letter; empty where it has none. */
static dmp_str_t
outbox_field(const redisReply *fields, const char *name)
{
    size_t  i;

    for (i = 0; i + 1 < fields->elements; i += 2) {
        if (fields->element[i]->type == REDIS_REPLY_STRING
            && fields->element[i + 1]->type == REDIS_REPLY_STRING
            && strcmp(fields->element[i]->str, name) == 0)
        {
            return (dmp_str_t) { fields->element[i + 1]->str,
                                 fields->element[i + 1]->len };
        }
    }

    return dmp_null_string;
}


/* What is shown of one; what it carries, "s", is not. */
static void
outbox_print(const outbox_letter_t *l, const redisReply *fields, bool json)
{
    char       data[4096];
    size_t     i;
    uint64_t   ms, n;
    dmp_buf_t  b;
    dmp_str_t  v;

    static const char *const  names[] = { "k", "p", "e", "why", "tries" };
    static const char *const  said[] = { "kind", "patient", "entry", "why",
                                         "tries" };

    dmp_buf_init(&b, data, sizeof(data));

    if (json) {
        printf("{\"id\":\"%02u:%s\"", l->bucket, l->id);

        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            v = outbox_field(fields, names[i]);
            b.len = 0;
            dmp_buf_json(&b, v);
            printf(",\"%s\":%.*s", said[i], (int) b.len, b.data);
        }

        fputs(",\"at\":", stdout);

    } else {
        printf("%02u:%-20s ", l->bucket, l->id);
        tool_text(stdout, outbox_field(fields, "k"));
        fputs("  ", stdout);
        tool_text(stdout, outbox_field(fields, "p"));
        fputs("  ", stdout);
    }

    b.len = 0;
    v = outbox_field(fields, "at");

    /* the letter's own id has the time, too, by the store's clock */
    if (!dmp_stream_id_parse((dmp_str_t) { l->id, strlen(l->id) }, &ms, &n)) {
        ms = 0;
    }

    dmp_buf_time(&b, v.len != 0 ? strtoll(v.data, NULL, 10) : (int64_t) ms);

    if (json) {
        printf("\"%.*s\"}\n", (int) b.len, b.data);

    } else {
        printf("%.*s  ", (int) b.len, b.data);
        tool_text(stdout, outbox_field(fields, "tries"));
        fputs(" tries: ", stdout);
        tool_text(stdout, outbox_field(fields, "why"));
        fputc('\n', stdout);
    }
}


static bool
outbox_keep(outbox_t *o, const outbox_letter_t *l)
{
    size_t            room;
    outbox_letter_t  *letters;

    if (o->n == o->room) {
        room = o->room != 0 ? o->room * 2 : 64;
        letters = realloc(o->letters, room * sizeof(*letters));

        if (letters == NULL) {
            tool_error("no memory");
            return false;
        }

        o->letters = letters;
        o->room = room;
    }

    o->letters[o->n++] = *l;

    return true;
}


/* One page: shown, or kept.  last: where the next one begins. */
static bool
outbox_page(outbox_t *o, outbox_letter_t *last, bool show, size_t *got)
{
    bool               ok;
    char               more[100];
    size_t             i;
    redisReply        *r;
    const redisReply  *e;

    (void) snprintf(more, sizeof(more), " %s%s + COUNT %d",
                    last->id[0] != '\0' ? "(" : "-", last->id, OUTBOX_PAGE);
    r = outbox_ask(&o->store, "XRANGE", last->bucket, "dead", more);
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;
    *got = ok ? r->elements : 0;

    for (i = 0; ok && i < r->elements; i++) {
        e = r->element[i];
        ok = e->type == REDIS_REPLY_ARRAY && e->elements == 2
             && e->element[0]->type == REDIS_REPLY_STRING
             && e->element[0]->len < sizeof(last->id)
             && e->element[1]->type == REDIS_REPLY_ARRAY;

        if (!ok) {
            tool_error("store: XRANGE: unexpected answer");

        } else {
            memcpy(last->id, e->element[0]->str, e->element[0]->len + 1);

            if (show) {
                outbox_print(last, e->element[1], o->json);

            } else {
                ok = outbox_keep(o, last);
            }
        }
    }

    freeReplyObject(r);

    return ok;
}


/* All dead letters, bucket by bucket, oldest first. */
static bool
outbox_each(outbox_t *o, bool show)
{
    size_t           got;
    unsigned         i;
    outbox_letter_t  last;

    for (i = 0; i < o->store.buckets; i++) {
        memset(&last, 0, sizeof(last));
        last.bucket = i;

        do {
            if (!outbox_page(o, &last, show, &got)) {
                return false;
            }
        } while (got == OUTBOX_PAGE);
    }

    return true;
}


int
dmpctl_outbox_dead(int argc, char **argv)
{
    bool                  ok;
    outbox_t              o;
    tool_list_t           words;
    const tool_option_t   options[] = {
        STORE_OPTIONS(o.where),
        { "--json", &o.json, NULL, NULL },
        { NULL,     NULL,    NULL, NULL }
    };

    memset(&o, 0, sizeof(o));

    if (!tool_options(argc, argv, options, &words) || words.n != 0) {
        return TOOL_USAGE;
    }

    if (!store_open(&o.store, &o.where)) {
        return TOOL_FAILED;
    }

    ok = store_meta(&o.store) && outbox_each(&o, true);
    store_close(&o.store);

    return ok ? TOOL_DONE : TOOL_FAILED;
}


/* "07:1764041234567-0" */
static bool
outbox_letter(const char *text, unsigned buckets, outbox_letter_t *out)
{
    char          *end;
    uint64_t       ms, n;
    unsigned long  bucket;

    bucket = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10)
                                              : buckets;

    if (bucket >= buckets || *end != ':' || strlen(end + 1) >= sizeof(out->id)
        || !dmp_stream_id_parse((dmp_str_t) { end + 1, strlen(end + 1) }, &ms,
                                &n))
    {
        tool_error("\"%s\" is no dead letter's id, as \"dmpctl outbox dead\" "
                   "prints them", text);
        return false;
    }

    out->bucket = (unsigned) bucket;
    (void) snprintf(out->id, sizeof(out->id), "%s", end + 1);

    return true;
}


/* The letter as it is; NULL: lost, or gone (*gone). */
static redisReply *
outbox_letter_get(outbox_t *o, const outbox_letter_t *l, bool *gone)
{
    char         more[120];
    redisReply  *r;

    *gone = false;
    (void) snprintf(more, sizeof(more), " %s %s", l->id, l->id);
    r = outbox_ask(&o->store, "XRANGE", l->bucket, "dead", more);

    if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 0) {
        *gone = true;
        freeReplyObject(r);
        r = NULL;
    }

    if (r != NULL
        && (r->type != REDIS_REPLY_ARRAY
            || r->element[0]->type != REDIS_REPLY_ARRAY
            || r->element[0]->elements != 2
            || r->element[0]->element[1]->type != REDIS_REPLY_ARRAY
            || r->element[0]->element[1]->elements > ASK_WORDS - 16))
    {
        tool_error("store: XRANGE: unexpected answer");
        freeReplyObject(r);
        r = NULL;
    }

    return r;
}


/*
 * The message as it was; it keeps its first id, by which whoever got it once
 * already knows it again.
 */
static bool
outbox_add(outbox_t *o, const outbox_letter_t *l, const redisReply *fields)
{
    char        key[DMP_KEY_NAME_MAX + 1];
    ask_t       ask;
    size_t      i, k;
    dmp_str_t   id;

    static const char *const  ours[] = { "id", "why", "tries", "at" };

    ask.n = 0;
    ask_text(&ask, "XADD");
    ask_bytes(&ask, key, outbox_key(key, l->bucket, "outbox"));
    ask_text(&ask, "*");

    for (i = 0; i + 1 < fields->elements; i += 2) {
        for (k = 0; k < sizeof(ours) / sizeof(ours[0])
                    && strcmp(fields->element[i]->str, ours[k]) != 0; k++)
        {
            /* look for it */
        }

        if (k == sizeof(ours) / sizeof(ours[0])) {
            ask_bytes(&ask, fields->element[i]->str, fields->element[i]->len);
            ask_bytes(&ask, fields->element[i + 1]->str,
                      fields->element[i + 1]->len);
        }
    }

    id = outbox_field(fields, "id");

    if (outbox_field(fields, "i").len == 0 && id.len != 0) {
        ask_text(&ask, "i");
        ask_bytes(&ask, id.data, id.len);
    }

    return ask_send(&o->store, &ask);
}


static bool
outbox_send(outbox_t *o, const char *command, const outbox_letter_t *l)
{
    char   key[DMP_KEY_NAME_MAX + 1];
    ask_t  ask;

    ask.n = 0;
    ask_text(&ask, command);

    if (l != NULL) {
        ask_bytes(&ask, key, outbox_key(key, l->bucket, "dead"));
        ask_text(&ask, l->id);
    }

    return ask_send(&o->store, &ask);
}


/* Only what was begun as a transaction is one: its begin is waited for. */
static bool
outbox_multi(outbox_t *o)
{
    bool         ok;
    redisReply  *r;

    r = store_words(&o->store, "MULTI");
    ok = r != NULL;
    freeReplyObject(r);

    return ok;
}


/* The end of a transaction; *again: somebody wrote there meanwhile. */
static bool
outbox_exec(outbox_t *o, size_t commands, bool *again)
{
    bool         ok;
    size_t       i;
    redisReply  *r;

    *again = false;

    for (i = 0, ok = true; ok && i <= commands; i++) {
        r = ask_reply(&o->store, NULL);
        ok = r != NULL;

        if (ok && i == commands) {
            *again = r->type == REDIS_REPLY_NIL;
            ok = *again || (r->type == REDIS_REPLY_ARRAY
                            && r->elements == commands);

            if (!ok) {
                tool_error("store: EXEC: unexpected answer");
            }
        }

        freeReplyObject(r);
    }

    return ok;
}


/* TOOL_NO: there is no such letter, by now. */
static int
outbox_one(outbox_t *o, const outbox_letter_t *l)
{
    bool         ok, gone, again;
    unsigned     tries;
    redisReply  *r, *watched;

    for (tries = 0; tries < OUTBOX_AGAIN; tries++) {
        watched = outbox_ask(&o->store, "WATCH", l->bucket, "dead", "");

        if (watched == NULL) {
            return TOOL_FAILED;
        }

        freeReplyObject(watched);
        r = outbox_letter_get(o, l, &gone);

        if (r == NULL) {
            return gone ? TOOL_NO : TOOL_FAILED;
        }

        ok = outbox_multi(o)
             && (o->drop || outbox_add(o, l, r->element[0]->element[1]))
             && outbox_send(o, "XDEL", l) && outbox_send(o, "EXEC", NULL)
             && outbox_exec(o, o->drop ? 1 : 2, &again);
        freeReplyObject(r);

        if (!ok) {
            return TOOL_FAILED;
        }

        if (!again) {
            o->done++;
            return TOOL_DONE;
        }
    }

    tool_error("%02u:%s: others keep writing there", l->bucket, l->id);

    return TOOL_FAILED;
}


/* Between a begin and an end in the trace: what was done stays. */
static int
outbox_traced(outbox_t *o)
{
    int          rc;
    char         trace_id[DMP_UUID_LEN];
    size_t       i;
    dmp_admin_t  admin;

    memset(&admin, 0, sizeof(admin));
    admin.trace_id = (dmp_str_t) { trace_id, DMP_UUID_LEN };
    admin.command = (dmp_str_t) { o->command, strlen(o->command) };

    if (!commit_trace_id(trace_id) || !commit_begin(&o->commit)
        || !commit_admin(&o->commit, &admin))
    {
        return TOOL_FAILED;
    }

    for (i = 0, rc = TOOL_DONE; i < o->n && rc != TOOL_FAILED; i++) {
        rc = outbox_one(o, &o->letters[i]);
    }

    admin.ended = true;
    admin.added = o->drop ? 0 : o->done;
    admin.removed = o->drop ? o->done : 0;

    if (!commit_admin(&o->commit, &admin) || !commit_end(&o->commit)) {
        rc = TOOL_FAILED;
    }

    /* of all letters, one that is gone was somebody else's to requeue */
    return rc == TOOL_NO && o->all ? TOOL_DONE : rc;
}


static int
outbox_work(outbox_t *o, const char *word)
{
    bool             gone;
    redisReply      *r;
    outbox_letter_t  l;

    if (!store_meta(&o->store)) {
        return TOOL_FAILED;
    }

    if (o->all) {
        if (!outbox_each(o, false)) {
            return TOOL_FAILED;
        }

        return o->n != 0 ? outbox_traced(o) : TOOL_DONE;
    }

    if (!outbox_letter(word, o->store.buckets, &l)) {
        return TOOL_USAGE;
    }

    r = outbox_letter_get(o, &l, &gone);

    if (gone) {
        tool_error("there is no dead letter %s", word);
        return TOOL_NO;
    }

    if (r == NULL) {
        return TOOL_FAILED;
    }

    freeReplyObject(r);

    return outbox_keep(o, &l) ? outbox_traced(o) : TOOL_FAILED;
}


static int
outbox_change(int argc, char **argv, const char *command, bool drop)
{
    int                   rc;
    outbox_t              o;
    tool_list_t           words;
    const tool_option_t   options[] = {
        STORE_OPTIONS(o.where),
        { "--audit-key", NULL,    &o.audit,           NULL },
        { "--node",      NULL,    &o.commit.node,     NULL },
        { "--operator",  NULL,    &o.commit.operator, NULL },
        { "--all",       &o.all,  NULL,               NULL },
        { "--json",      &o.json, NULL,               NULL },
        { NULL,          NULL,    NULL,               NULL }
    };

    memset(&o, 0, sizeof(o));

    if (!tool_options(argc, argv, options, &words)
        || words.n != (o.all ? 0 : 1) || (drop && o.all))
    {
        return TOOL_USAGE;
    }

    if (o.audit == NULL) {
        tool_error("--audit-key is needed");
        return TOOL_USAGE;
    }

    o.drop = drop;
    o.command = command;
    o.commit.store = &o.store;
    commit_names(&o.commit);
    o.commit.audit_key = tool_private_key(o.audit);
    rc = TOOL_FAILED;

    if (o.commit.audit_key != NULL && store_open(&o.store, &o.where)) {
        rc = outbox_work(&o, o.all ? "" : words.item[0]);
        store_close(&o.store);
    }

    if (rc == TOOL_DONE) {
        printf(o.json ? "{\"%s\":%llu}\n" : "%s: %llu\n",
               drop ? "dropped" : "requeued", (unsigned long long) o.done);
    }

    free(o.letters);
    commit_free(&o.commit);

    return rc;
}


int
dmpctl_outbox_requeue(int argc, char **argv)
{
    return outbox_change(argc, argv, "outbox requeue", false);
}


int
dmpctl_outbox_drop(int argc, char **argv)
{
    return outbox_change(argc, argv, "outbox drop", true);
}
