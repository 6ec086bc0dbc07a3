/*
 * audit_recover.c: "dmpctl audit recover": reopens buckets that gateways
 * closed because the store had gone back or forked, once an operator has
 * looked at them.  What was done is traced before anything is reopened.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_closed.h"
#include "audit_say.h"
#include "commit.h"


const char  dmpctl_help_audit_recover[] =
    "dmpctl audit recover [BUCKET ... | --all] [--confirm] [--json]\n"
    "\n"
    "Shows which buckets are closed: by whom, when, why, and how many entries\n"
    "their streams have.  A gateway closes a bucket when the store has lost\n"
    "what it had acknowledged, or goes on from something else: an old backup,\n"
    "a replica that lagged, two stores that both took writes.  Until then no\n"
    "gateway serves a record of that bucket.\n"
    "\n"
    "With --confirm it reopens those that are named, and traces that an\n"
    "operator did.  Look for what is missing first (audit verify), and bring\n"
    "back what can be brought back: afterwards it stays lost.\n"
    "\n"
    "  --all                all that are closed\n"
    "  --confirm            does it\n"
    "  --audit-key FILE     with --confirm: the key of this operator\n"
    "  --operator NAME      who does it; default: the user's name\n"
    "  --node NAME          where; default: this host's name\n"
    "  --json               for machines\n"
    STORE_USAGE;

typedef struct {
    bool      key;                       /* commits are refused */
    bool      member;                    /* dmp:closed has it */
    bool      asked;
    bool      reopened;
    char     *by;
    char     *why;
    int64_t   at_ms;                     /* 0: not known */
    uint64_t  entries;
} recover_bucket_t;

typedef struct {
    store_t            store;
    commit_t           commit;
    recover_bucket_t   buckets[DMP_BUCKETS_MAX];
    unsigned           n_closed;
    unsigned           list[DMP_BUCKETS_MAX];    /* those asked for, rising */
    unsigned           n_list;
    bool               all;
    bool               confirm;
    bool               json;
} recover_t;


static bool
recover_closed(const recover_bucket_t *b)
{
    /* A crash may have left one without the other: it is closed as well. */
    return b->key || b->member;
}


static bool
recover_text(const redisReply *r, char **out)
{
    *out = NULL;

    if (r->type != REDIS_REPLY_STRING) {
        return true;
    }

    *out = strndup(r->str, r->len);

    if (*out == NULL) {
        tool_error("no memory");
    }

    return *out != NULL;
}


/* Who closed it, why and when. */
static bool
recover_who(recover_t *rec, unsigned bucket)
{
    bool               ok;
    char               key[DMP_KEY_NAME_MAX];
    redisReply        *r;
    store_args_t       args;
    recover_bucket_t  *b;

    b = &rec->buckets[bucket];
    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, key, dmp_key_name(key, bucket, "closed",
                                         dmp_null_string));
    store_text(&args, "by");
    store_text(&args, "why");
    store_text(&args, "at");
    r = store_call(&rec->store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_ARRAY && r->elements == 3
         && recover_text(r->element[0], &b->by)
         && recover_text(r->element[1], &b->why);

    if (!ok) {
        tool_error("bucket %u: why it is closed could not be read", bucket);

    } else if (r->element[2]->type == REDIS_REPLY_STRING) {
        b->at_ms = strtoll(r->element[2]->str, NULL, 10);
    }

    freeReplyObject(r);

    return ok;
}


/* The answer of a command about one key, as a number. */
static bool
recover_ask(recover_t *rec, const char *command, unsigned bucket,
    const char *kind, uint64_t *out)
{
    bool           ok;
    char           key[DMP_KEY_NAME_MAX];
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, command);
    store_bytes(&args, key, dmp_key_name(key, bucket, kind, dmp_null_string));
    r = store_call(&rec->store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_INTEGER && r->integer >= 0;

    if (ok) {
        *out = (uint64_t) r->integer;

    } else {
        tool_error("store: %s: unexpected answer", command);
    }

    freeReplyObject(r);

    return ok;
}


static bool
recover_read(recover_t *rec)
{
    unsigned           bucket;
    uint64_t           exists;
    unsigned char      members[DMP_BUCKETS_MAX];
    recover_bucket_t  *b;

    if (!store_meta(&rec->store) || !audit_closed(&rec->store, members)) {
        return false;
    }

    for (bucket = 0; bucket < rec->store.buckets; bucket++) {
        b = &rec->buckets[bucket];

        if (!recover_ask(rec, "EXISTS", bucket, "closed", &exists)) {
            return false;
        }

        b->key = exists != 0;
        b->member = members[bucket] != 0;

        if (!recover_closed(b)) {
            continue;
        }

        rec->n_closed++;

        if (!recover_who(rec, bucket)
            || !recover_ask(rec, "XLEN", bucket, "trace", &b->entries))
        {
            return false;
        }
    }

    return true;
}


/* Those that are asked for, all of which must be closed. */
static int
recover_asked(recover_t *rec, const tool_list_t *words)
{
    char           *end;
    size_t          i;
    unsigned        bucket;
    unsigned long   n;

    for (i = 0; i < words->n; i++) {
        n = strtoul(words->item[i], &end, 10);

        if (words->item[i][0] < '0' || words->item[i][0] > '9'
            || *end != '\0' || n >= rec->store.buckets)
        {
            tool_error("\"%s\" is no bucket: 0 to %u", words->item[i],
                       rec->store.buckets - 1);
            return TOOL_USAGE;
        }

        if (!recover_closed(&rec->buckets[n])) {
            tool_error("bucket %lu is not closed", n);
            return TOOL_NO;
        }

        rec->buckets[n].asked = true;
    }

    for (bucket = 0; bucket < rec->store.buckets; bucket++) {
        if (rec->buckets[bucket].asked
            || ((rec->all || words->n == 0)
                && recover_closed(&rec->buckets[bucket])))
        {
            rec->list[rec->n_list++] = bucket;
        }
    }

    return TOOL_DONE;
}


static json_t *
recover_to_json(const recover_t *rec)
{
    char                     text[32];
    json_t                  *list, *one;
    unsigned                 i;
    dmp_buf_t                at;
    const recover_bucket_t  *b;

    list = json_array();

    for (i = 0; i < rec->n_list; i++) {
        b = &rec->buckets[rec->list[i]];
        dmp_buf_init(&at, text, sizeof(text));
        dmp_buf_time(&at, b->at_ms);

        one = json_object();
        json_object_set_new(one, "bucket",
                            json_integer((json_int_t) rec->list[i]));
        json_object_set_new(one, "by", b->by != NULL ? json_string(b->by)
                                       : json_null());
        json_object_set_new(one, "why", b->why != NULL ? json_string(b->why)
                                        : json_null());
        json_object_set_new(one, "at", b->at_ms == 0 || at.full ? json_null()
                                       : json_stringn(text, at.len));
        json_object_set_new(one, "entries",
                            json_integer((json_int_t) b->entries));
        json_object_set_new(one, "reopened", json_boolean(b->reopened));
        json_array_append_new(list, one);
    }

    return json_pack("{s:o}", "buckets", list);
}


static void
recover_word(const char *text)
{
    if (text == NULL) {
        printf("(not known)");
        return;
    }

    audit_say_text(stdout, (dmp_str_t) { text, strlen(text) });
}


static void
recover_say(const recover_t *rec)
{
    char                     text[32];
    unsigned                 i;
    dmp_buf_t                at;
    const recover_bucket_t  *b;

    if (rec->n_list == 0) {
        printf("No bucket is closed.\n");
        return;
    }

    for (i = 0; i < rec->n_list; i++) {
        b = &rec->buckets[rec->list[i]];
        dmp_buf_init(&at, text, sizeof(text));
        dmp_buf_time(&at, b->at_ms);

        printf("bucket %u\n  closed by  ", rec->list[i]);
        recover_word(b->by);
        printf("\n  at         %.*s\n  because    ",
               b->at_ms == 0 || at.full ? 11 : (int) at.len,
               b->at_ms == 0 || at.full ? "(not known)" : text);
        recover_word(b->why);
        printf("\n  entries    %llu\n", (unsigned long long) b->entries);
    }

    if (rec->confirm) {
        printf("\n%u reopened.\n", rec->n_list);
        return;
    }

    printf("\nNothing was changed.  With --confirm and --audit-key it is "
           "traced that you did, then\n%s opened to commits again as the "
           "streams are now, and gateways begin new\nwriters.  What is "
           "missing stays missing, and \"audit verify\" goes on naming it;\n"
           "\"--since-recovery\" sets it apart.\n",
           rec->n_list == 1 ? "the bucket is" : "the buckets are");
}


static int
recover_show(const recover_t *rec)
{
    if (!rec->json) {
        recover_say(rec);

    } else if (!audit_say_value(stdout, recover_to_json(rec))) {
        return TOOL_FAILED;
    }

    return audit_said(stdout) ? TOOL_DONE : TOOL_FAILED;
}


/*
 * The set is what a writer looks for a home by: one that only refuses commits
 * must not become ours.
 */
static bool
recover_complete(recover_t *rec)
{
    char         words[48];
    unsigned     bucket;
    redisReply  *r;

    for (bucket = 0; bucket < rec->store.buckets; bucket++) {
        if (!rec->buckets[bucket].key || rec->buckets[bucket].member) {
            continue;
        }

        (void) snprintf(words, sizeof(words), "SADD dmp:closed %u", bucket);
        r = store_words(&rec->store, words);

        if (r == NULL) {
            return false;
        }

        freeReplyObject(r);
    }

    return true;
}


/*
 * The counter of a bucket's recoveries is the store's time in milliseconds, or
 * one more than it was: after a store went back, and forgot it, it is greater
 * than any it had before, or gateways would not see that it was reopened.
 */
static bool
recover_counter(recover_t *rec, unsigned bucket, uint64_t *counter)
{
    bool         ok;
    char         words[64];
    uint64_t     last;
    redisReply  *r, *now;

    (void) snprintf(words, sizeof(words), "HGET dmp:meta recovered:%u",
                    bucket);
    r = store_words(&rec->store, words);
    now = r != NULL ? store_words(&rec->store, "TIME") : NULL;

    ok = now != NULL && now->type == REDIS_REPLY_ARRAY && now->elements == 2
         && now->element[0]->type == REDIS_REPLY_STRING
         && now->element[1]->type == REDIS_REPLY_STRING;

    if (ok) {
        last = r->type == REDIS_REPLY_STRING ? strtoull(r->str, NULL, 10) : 0;
        *counter = strtoull(now->element[0]->str, NULL, 10) * 1000
                   + strtoull(now->element[1]->str, NULL, 10) / 1000;

        if (*counter <= last) {
            *counter = last + 1;
        }
    }

    freeReplyObject(r);
    freeReplyObject(now);

    return ok;
}


static bool
recover_words(recover_t *rec, const char *words)
{
    bool         ok;
    redisReply  *r;

    r = store_words(&rec->store, words);
    ok = r != NULL;
    freeReplyObject(r);

    return ok;
}


static bool
recover_queue(recover_t *rec, unsigned bucket, uint64_t counter)
{
    bool          ok;
    char          key[DMP_KEY_NAME_MAX], words[96];
    redisReply   *r;
    store_args_t  args;

    args.n = 0;
    store_text(&args, "DEL");
    store_bytes(&args, key, dmp_key_name(key, bucket, "closed",
                                         dmp_null_string));
    r = store_call(&rec->store, &args);
    ok = r != NULL;
    freeReplyObject(r);

    (void) snprintf(words, sizeof(words), "SREM dmp:closed %u", bucket);
    ok = ok && recover_words(rec, words);
    (void) snprintf(words, sizeof(words), "HSET dmp:meta recovered:%u %llu",
                    bucket, (unsigned long long) counter);

    return ok && recover_words(rec, words);
}


/* All of them at one instant, so that no gateway sees a part of it. */
static bool
recover_reopen(recover_t *rec, unsigned n)
{
    bool         ok;
    size_t       e;
    unsigned     i;
    uint64_t     counters[DMP_BUCKETS_MAX];
    redisReply  *r;

    for (i = 0, ok = true; i < n && ok; i++) {
        ok = recover_counter(rec, rec->list[i], &counters[i]);
    }

    ok = ok && recover_words(rec, "MULTI");

    for (i = 0; i < n && ok; i++) {
        ok = rec->buckets[rec->list[i]].reopened
             || recover_queue(rec, rec->list[i], counters[i]);
    }

    r = ok ? store_words(&rec->store, "EXEC") : NULL;
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;

    for (e = 0; ok && e < r->elements; e++) {
        ok = r->element[e]->type == REDIS_REPLY_INTEGER;
    }

    freeReplyObject(r);

    for (i = 0; i < n; i++) {
        rec->buckets[rec->list[i]].reopened = ok;
    }

    if (!ok) {
        tool_error("the buckets could not be reopened");
    }

    return ok;
}


static bool
recover_trace(recover_t *rec, dmp_admin_t *admin)
{
    if (!commit_admin(&rec->commit, admin)
        || !recover_reopen(rec, rec->n_list))
    {
        return false;
    }

    admin->ended = true;
    admin->changed = rec->n_list;

    return commit_admin(&rec->commit, admin) && commit_end(&rec->commit);
}


static int
recover_do(recover_t *rec, const char *audit_key)
{
    bool         ok;
    char         trace_id[DMP_UUID_LEN];
    dmp_admin_t  admin;

    if (rec->n_list == 0) {
        return recover_show(rec);
    }

    rec->commit.store = &rec->store;
    rec->commit.audit_key = tool_private_key(audit_key);

    if (rec->commit.audit_key == NULL || !commit_trace_id(trace_id)) {
        commit_free(&rec->commit);
        return TOOL_FAILED;
    }

    commit_names(&rec->commit);
    memset(&admin, 0, sizeof(admin));
    admin.trace_id = (dmp_str_t) { trace_id, DMP_UUID_LEN };
    admin.command = dmp_string("audit recover");
    admin.buckets = rec->list;
    admin.n_buckets = rec->n_list;

    /* With nowhere to write to, the first has to be opened to be written in. */
    ok = recover_complete(rec)
         && (rec->n_closed < rec->store.buckets
             || recover_reopen(rec, 1));

    ok = ok && commit_begin(&rec->commit) && recover_trace(rec, &admin);
    commit_free(&rec->commit);

    if (!ok) {
        tool_error("what is closed still is shown by \"audit recover\"");
        return TOOL_FAILED;
    }

    return recover_show(rec);
}


static bool
recover_usage(const recover_t *rec, const tool_list_t *words,
    const char *audit_key)
{
    if (rec->all && words->n != 0) {
        tool_error("--all is all: no bucket is to be named with it");
        return false;
    }

    if (rec->confirm && !rec->all && words->n == 0) {
        tool_error("--confirm needs a bucket, or --all");
        return false;
    }

    if (rec->confirm && audit_key == NULL) {
        tool_error("--confirm needs --audit-key");
        return false;
    }

    return true;
}


static int
recover_run(recover_t *rec, const tool_list_t *words, const char *audit_key)
{
    int  rc;

    rc = recover_read(rec) ? recover_asked(rec, words) : TOOL_FAILED;

    if (rc != TOOL_DONE) {
        return rc;
    }

    return rec->confirm ? recover_do(rec, audit_key) : recover_show(rec);
}


int
dmpctl_audit_recover(int argc, char **argv)
{
    int                   rc;
    unsigned              i;
    const char           *audit_key;
    tool_list_t           words;
    store_options_t       where;
    static recover_t      rec;
    const tool_option_t   options[] = {
        STORE_OPTIONS(where),
        { "--audit-key", NULL,         &audit_key,           NULL },
        { "--operator",  NULL,         &rec.commit.operator, NULL },
        { "--node",      NULL,         &rec.commit.node,     NULL },
        { "--all",       &rec.all,     NULL,                 NULL },
        { "--confirm",   &rec.confirm, NULL,                 NULL },
        { "--json",      &rec.json,    NULL,                 NULL },
        { NULL,          NULL,         NULL,                 NULL }
    };

    memset(&where, 0, sizeof(where));
    audit_key = NULL;

    if (!tool_options(argc, argv, options, &words)
        || !recover_usage(&rec, &words, audit_key))
    {
        return TOOL_USAGE;
    }

    rc = store_open(&rec.store, &where) ? recover_run(&rec, &words, audit_key)
                                        : TOOL_FAILED;

    for (i = 0; i < DMP_BUCKETS_MAX; i++) {
        free(rec.buckets[i].by);
        free(rec.buckets[i].why);
    }

    store_close(&rec.store);

    return rc;
}
