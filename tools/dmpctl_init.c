/*
 * dmpctl_init.c: prepares a store, and says what it guarantees.  It never
 * changes what a store already has, and never replaces a function library.
 */

#include <stdlib.h>
#include <string.h>

#include "dmp1_lua.h"
#include "store.h"


typedef struct {
    const char  *name;
    const char  *wanted;
    char         found[64];
} setting_t;


/* "250ms" or "1s"; false if it is neither. */
static bool
init_time(const char *text, unsigned *ms)
{
    char           *end;
    unsigned long   n;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }

    n = strtoul(text, &end, 10);

    if (strcmp(end, "s") == 0 && n <= 60) {
        n *= 1000;

    } else if (strcmp(end, "ms") != 0) {
        return false;
    }

    *ms = (unsigned) n;

    return n >= 10 && n <= 60000;
}


static int
init_load(store_t *store)
{
    int            same;
    bool           failed;
    redisReply    *reply;
    store_args_t   args;

    same = store_library(store, &failed);

    if (failed) {
        return TOOL_FAILED;
    }

    if (same < 0) {
        tool_error("the store holds another library \"%s\" than ours; it is "
                   "not replaced", DMP_LIBRARY_NAME);
        return TOOL_NO;
    }

    if (same == 0) {
        args.n = 0;
        store_text(&args, "FUNCTION");
        store_text(&args, "LOAD");
        store_bytes(&args, dmp_library_text, DMP_LIBRARY_LEN);
        reply = store_call(store, &args);

        if (reply == NULL) {
            return TOOL_FAILED;
        }

        freeReplyObject(reply);
    }

    return TOOL_DONE;
}


/*
 * Writes a field of dmp:meta unless it is there; "found" is what stands there
 * then.  One command each, so that two of us at once end up with one value.
 */
static bool
init_field(store_t *store, const char *name, const char *value, char *found,
    size_t size)
{
    redisReply    *reply;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "HSETNX");
    store_text(&args, "dmp:meta");
    store_text(&args, name);
    store_text(&args, value);
    reply = store_call(store, &args);

    if (reply == NULL) {
        return false;
    }

    freeReplyObject(reply);
    args.n = 0;
    store_text(&args, "HGET");
    store_text(&args, "dmp:meta");
    store_text(&args, name);
    reply = store_call(store, &args);

    if (reply == NULL) {
        return false;
    }

    found[0] = '\0';

    if (reply->type == REDIS_REPLY_STRING && reply->len < size) {
        memcpy(found, reply->str, reply->len + 1);
    }

    freeReplyObject(reply);

    return true;
}


static int
init_deadline(store_t *store, unsigned ms, bool stopped)
{
    char          text[16], found[64];
    redisReply   *reply;
    store_args_t  args;

    (void) snprintf(text, sizeof(text), "%u", ms != 0 ? ms : 250);

    if (!init_field(store, "deadline_ms", text, found, sizeof(found))) {
        return TOOL_FAILED;
    }

    if (ms == 0 || strcmp(text, found) == 0) {
        return TOOL_DONE;
    }

    if (!stopped) {
        tool_error("the store's deadline is %s ms; gateways that still use it "
                   "would not keep to another: stop them, and add "
                   "--gateways-stopped", found);
        return TOOL_NO;
    }

    args.n = 0;
    store_text(&args, "HSET");
    store_text(&args, "dmp:meta");
    store_text(&args, "deadline_ms");
    store_text(&args, text);
    reply = store_call(store, &args);

    if (reply == NULL) {
        return TOOL_FAILED;
    }

    freeReplyObject(reply);

    return TOOL_DONE;
}


static int
init_meta(store_t *store, unsigned buckets)
{
    size_t   i;
    char     number[16], found[128];
    struct {
        const char  *name;
        const char  *value;
        const char  *what;
    } fields[] = {
        { "schema",  "1",                "schema" },
        { "library", DMP_LIBRARY_NAME,   "function library" },
        { "digest",  DMP_LIBRARY_SHA256, "function library's digest" },
        { "buckets", number,             "number of buckets" },
    };

    (void) snprintf(number, sizeof(number), "%u", buckets != 0 ? buckets : 64);

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!init_field(store, fields[i].name, fields[i].value, found,
                        sizeof(found)))
        {
            return TOOL_FAILED;
        }

        if (strcmp(found, fields[i].value) == 0
            || (fields[i].value == number && buckets == 0))
        {
            continue;
        }

        tool_error("the store's %s is %s, not %s; it cannot be changed",
                   fields[i].what, found, fields[i].value);
        return TOOL_NO;
    }

    return TOOL_DONE;
}


/* Reads the settings; *known is false if the store does not let us. */
static bool
init_settings(store_t *store, setting_t *settings, bool *known)
{
    redisReply    *reply;
    setting_t     *s;
    store_args_t   args;

    *known = true;

    for (s = settings; s->name != NULL; s++) {
        args.n = 0;
        store_text(&args, "CONFIG");
        store_text(&args, "GET");
        store_text(&args, s->name);
        reply = store_ask(store, &args);

        if (reply == NULL) {
            return false;
        }

        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
            && reply->element[1]->type == REDIS_REPLY_STRING)
        {
            (void) snprintf(s->found, sizeof(s->found), "%s",
                            reply->element[1]->str);

        } else {
            *known = false;
        }

        freeReplyObject(reply);
    }

    return true;
}


static void
init_say(const store_t *store, const setting_t *settings, bool known,
    bool json)
{
    bool              good;
    const char       *guarantee;
    const setting_t  *s;

    good = known;

    for (s = settings; s->name != NULL; s++) {
        good = good && strcmp(s->found, s->wanted) == 0;
    }

    guarantee = !known ? "unknown" : good ? "fsync" : "memory";

    if (json) {
        printf("{\"buckets\":%u,\"deadline_ms\":%u,\"library\":\"%s\","
               "\"digest\":\"%s\",\"guarantee\":\"%s\"}\n", store->buckets,
               store->deadline_ms, DMP_LIBRARY_NAME, DMP_LIBRARY_SHA256,
               guarantee);
        return;
    }

    printf("The store is ready: %u buckets, deadline %u ms, library %s.\n",
           store->buckets, store->deadline_ms, DMP_LIBRARY_NAME);

    if (!known) {
        printf("Its guarantee is unknown: this user may not read its "
               "settings.\n");
        return;
    }

    if (good) {
        printf("It guarantees \"fsync\": an acknowledged trace is on disk, and "
               "survives a crash\nof the store and a loss of power.\n");
        return;
    }

    printf("It guarantees \"memory\" only: a crash or a loss of power can lose "
           "acknowledged\ntraces.  For \"fsync\", set:\n");

    for (s = settings; s->name != NULL; s++) {
        if (strcmp(s->found, s->wanted) != 0) {
            printf("  %s %s    (now %s)\n", s->name, s->wanted, s->found);
        }
    }
}


static int
init_run(store_t *store, unsigned buckets, unsigned deadline, bool stopped,
    bool json)
{
    int         rc;
    bool        known;
    setting_t   settings[] = {
        { "appendonly",                "yes",        "" },
        { "appendfsync",               "always",     "" },
        { "no-appendfsync-on-rewrite", "no",         "" },
        { "maxmemory-policy",          "noeviction", "" },
        { NULL,                        NULL,         "" }
    };

    /* Another library is refused before anything is written. */
    rc = init_load(store);

    if (rc == TOOL_DONE) {
        rc = init_meta(store, buckets);
    }

    if (rc == TOOL_DONE) {
        rc = init_deadline(store, deadline, stopped);
    }

    if (rc != TOOL_DONE) {
        return rc;
    }

    if (!store_meta(store) || !init_settings(store, settings, &known)) {
        return TOOL_FAILED;
    }

    init_say(store, settings, known, json);

    return TOOL_DONE;
}


int
dmpctl_init(int argc, char **argv)
{
    int                    rc;
    bool                   json, stopped;
    char                  *end;
    unsigned               deadline;
    unsigned long          buckets;
    store_t                store;
    const char            *buckets_text, *deadline_text;
    tool_list_t            words;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--buckets",          NULL,     &buckets_text,  NULL },
        { "--deadline",         NULL,     &deadline_text, NULL },
        { "--gateways-stopped", &stopped, NULL,           NULL },
        { "--json",             &json,    NULL,           NULL },
        { NULL,                 NULL,     NULL,           NULL }
    };

    memset(&where, 0, sizeof(where));
    json = false;
    stopped = false;
    buckets = 0;
    deadline = 0;
    buckets_text = NULL;
    deadline_text = NULL;

    if (!tool_options(argc, argv, options, &words) || words.n != 0) {
        return TOOL_USAGE;
    }

    if (buckets_text != NULL) {
        buckets = strtoul(buckets_text, &end, 10);

        if (*end != '\0' || buckets == 0 || buckets > DMP_BUCKETS_MAX) {
            tool_error("--buckets \"%s\" is not a number from 1 to %d",
                       buckets_text, DMP_BUCKETS_MAX);
            return TOOL_USAGE;
        }
    }

    if (deadline_text != NULL && !init_time(deadline_text, &deadline)) {
        tool_error("--deadline \"%s\" is not a time from 10ms to 60s",
                   deadline_text);
        return TOOL_USAGE;
    }

    if (!store_open(&store, &where)) {
        return TOOL_FAILED;
    }

    rc = init_run(&store, (unsigned) buckets, deadline, stopped, json);
    store_close(&store);

    return rc;
}
