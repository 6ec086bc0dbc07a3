/*
 * dmpctl_init.c: prepares a store, and says what it guarantees.  It never
 * changes what a store already has, and never replaces a function library.
 * The files for its server and the proof of its users: init_*.c.
 */

#include <stdlib.h>
#include <string.h>

#include "dmp1_lua.h"
#include "init.h"


const char  dmpctl_help_init[] =
    "dmpctl init --write DIR [--json]\n"
    "dmpctl init [--buckets 64] [--deadline 250ms] [--prove DIR] [--json]\n"
    "\n"
    "With --write: writes into DIR what the store's server is started with,\n"
    "redis.conf, users.acl and a password for each user, and does nothing\n"
    "else.  No store is needed, and no file that exists is changed.  A DIR\n"
    "that others can write to, or a password that others can read, is\n"
    "refused.  \"admin\" may do everything: keep admin.password away from\n"
    "the gateways' machines.\n"
    "\n"
    "Without: loads the function library, writes dmp:meta, and says in plain\n"
    "words what an acknowledged trace survives with the store's settings.\n"
    "May be repeated.  The number of buckets is fixed for the life of the\n"
    "store.\n"
    "\n"
    "  --buckets N          1 to 256\n"
    "  --deadline TIME      time within which an answer of the store counts\n"
    "  --gateways-stopped   allows another deadline on an existing store\n"
    "  --prove DIR          signs in as each user, by DIR/USER.password, and\n"
    "                       tries what it must and must not be able to do,\n"
    "                       on keys that no record has.  \"operator\" may ask\n"
    "                       for it.  Answers 1 if one can do more or less.\n"
    "                       DIR is that of --write, on the store's machine\n"
    "  --json               for machines\n"
    STORE_USAGE;


typedef struct {
    const char  *name;
    const char  *wanted;
    char         found[64];
} setting_t;

typedef struct {
    unsigned long   buckets;             /* 0: as they are, or 64 */
    unsigned        deadline;            /* the same: 250 ms */
    bool            stopped;             /* the gateways are */
    bool            json;
    const char     *prove;               /* a folder of passwords, or NULL */
} init_options_t;


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


static const char *
init_guarantee(const setting_t *settings, bool known)
{
    const setting_t  *s;

    if (!known) {
        return "unknown";
    }

    for (s = settings; s->name != NULL; s++) {
        if (strcmp(s->found, s->wanted) != 0) {
            return "memory";
        }
    }

    return "fsync";
}


static void
init_say(const store_t *store, const setting_t *settings,
    const char *guarantee)
{
    const setting_t  *s;

    printf("The store is ready: %u buckets, deadline %u ms, library %s.\n",
           store->buckets, store->deadline_ms, DMP_LIBRARY_NAME);

    if (strcmp(guarantee, "unknown") == 0) {
        printf("Its guarantee is unknown: this user may not read its "
               "settings.\n");
        return;
    }

    if (strcmp(guarantee, "fsync") == 0) {
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
init_prepare(store_t *store, unsigned buckets, unsigned deadline, bool stopped)
{
    int  rc;

    /* Another library is refused before anything is written. */
    rc = init_load(store);

    if (rc == TOOL_DONE) {
        rc = init_meta(store, buckets);
    }

    if (rc == TOOL_DONE) {
        rc = init_deadline(store, deadline, stopped);
    }

    if (rc == TOOL_DONE && !store_meta(store)) {
        rc = TOOL_FAILED;
    }

    return rc;
}


/* What the store is now; out is NULL, or gets it. */
static int
init_report(store_t *store, json_t *out)
{
    int          rc;
    bool         known;
    setting_t    settings[] = {
        { "appendonly",                "yes",        "" },
        { "appendfsync",               "always",     "" },
        { "no-appendfsync-on-rewrite", "no",         "" },
        { "maxmemory-policy",          "noeviction", "" },
        { NULL,                        NULL,         "" }
    };
    const char  *guarantee;

    if (!init_settings(store, settings, &known)) {
        return TOOL_FAILED;
    }

    guarantee = init_guarantee(settings, known);

    if (out == NULL) {
        init_say(store, settings, guarantee);
        return TOOL_DONE;
    }

    rc = json_object_set_new(out, "buckets", json_integer(store->buckets))
         | json_object_set_new(out, "deadline_ms",
                               json_integer(store->deadline_ms))
         | json_object_set_new(out, "library", json_string(DMP_LIBRARY_NAME))
         | json_object_set_new(out, "digest", json_string(DMP_LIBRARY_SHA256))
         | json_object_set_new(out, "guarantee", json_string(guarantee));

    if (rc != 0) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    return TOOL_DONE;
}


static int
init_store(const store_options_t *where, const init_options_t *o)
{
    int      rc;
    json_t  *out;
    store_t  store;

    if (!store_open(&store, where)) {
        return TOOL_FAILED;
    }

    out = o->json ? json_object() : NULL;
    rc = init_prepare(&store, (unsigned) o->buckets, o->deadline, o->stopped);

    if (rc == TOOL_DONE) {
        rc = init_report(&store, out);

        if (rc == TOOL_DONE && o->prove != NULL) {
            rc = init_prove(&store, where, o->prove, out);
        }

        if (out != NULL && rc != TOOL_FAILED) {
            (void) json_dumpf(out, stdout, JSON_COMPACT);
            putchar('\n');
        }
    }

    json_decref(out);
    store_close(&store);

    return rc;
}


static bool
init_numbers(init_options_t *o, const char *buckets, const char *deadline)
{
    char  *end;

    if (buckets != NULL) {
        o->buckets = strtoul(buckets, &end, 10);

        if (*end != '\0' || o->buckets == 0 || o->buckets > DMP_BUCKETS_MAX) {
            tool_error("--buckets \"%s\" is not a number from 1 to %d",
                       buckets, DMP_BUCKETS_MAX);
            return false;
        }
    }

    if (deadline != NULL && !init_time(deadline, &o->deadline)) {
        tool_error("--deadline \"%s\" is not a time from 10ms to 60s",
                   deadline);
        return false;
    }

    return true;
}


int
dmpctl_init(int argc, char **argv)
{
    const char            *buckets, *deadline, *dir;
    tool_list_t            words;
    init_options_t         o;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--buckets",          NULL,       &buckets,  NULL },
        { "--deadline",         NULL,       &deadline, NULL },
        { "--gateways-stopped", &o.stopped, NULL,      NULL },
        { "--write",            NULL,       &dir,      NULL },
        { "--prove",            NULL,       &o.prove,  NULL },
        { "--json",             &o.json,    NULL,      NULL },
        { NULL,                 NULL,       NULL,      NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&o, 0, sizeof(o));
    buckets = NULL;
    deadline = NULL;
    dir = NULL;

    if (!tool_options(argc, argv, options, &words) || words.n != 0
        || !init_numbers(&o, buckets, deadline))
    {
        return TOOL_USAGE;
    }

    if (dir == NULL) {
        return init_store(&where, &o);
    }

    if (where.address != NULL || where.user != NULL || where.db != NULL
        || where.password_file != NULL || buckets != NULL || deadline != NULL
        || o.stopped || o.prove != NULL)
    {
        tool_error("--write only writes files: it goes with --json alone");
        return TOOL_USAGE;
    }

    return init_write(dir, o.json);
}
