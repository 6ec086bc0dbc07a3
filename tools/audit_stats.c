/*
 * audit_stats.c: "dmpctl audit stats": what the trace holds, counted.
 */

#include <string.h>

#include "audit_say.h"


#define STATS_NAMES  64                  /* values of the largest enumeration */

const char  dmpctl_help_audit_stats[] =
    "dmpctl audit stats [--since T] [--until T] [--json]\n"
    "\n"
    "Counts entries by kind, and accesses and changes by decision, reason,\n"
    "operation, mode, kind of actor and day (Europe/Paris); says when the\n"
    "first and the last were, how many each bucket has, how large they are,\n"
    "how many writers wrote them, and how many were void or abandoned.\n"
    "Answers 1 if an entry could not be read.\n"
    "\n"
    "  --since, --until T   2026-02-01T10:00:00Z, or a day in Europe/Paris;\n"
    "                       until T exclusive, by the store's clock\n"
    "  --json               for machines\n"
    STORE_USAGE;

/* One enumeration's counts; the last one is what is in none. */
typedef struct {
    const dmp_names_t   *names;
    uint64_t             n[STATS_NAMES + 1];
} stats_table_t;

typedef struct {
    store_t            store;
    audit_snapshot_t   snapshot;
    audit_outcomes_t   outcomes;
    dmp_item_t         item;
    uint64_t           kinds[DMP_KIND_MAX];
    stats_table_t      decisions;
    stats_table_t      reasons;
    stats_table_t      operations;
    stats_table_t      modes;
    stats_table_t      actors;
    json_t            *days;
    json_t            *writers;
    uint64_t           buckets[DMP_BUCKETS_MAX];
    uint64_t           entries;
    uint64_t           bytes;
    uint64_t           unreadable;
    uint64_t           voided;
    uint64_t           emergencies;
    uint64_t           repeated;
    int64_t            first_ms;
    int64_t            last_ms;
} stats_t;


/* Words of the trace are plain: none of ours has an escape. */
static void
stats_count(stats_table_t *table, dmp_str_t word)
{
    int  value;

    value = dmp_name_value(table->names, word);
    table->n[value >= 0 && value < STATS_NAMES ? value : STATS_NAMES]++;
}


static bool
stats_add(json_t *counts, dmp_str_t name, uint64_t n)
{
    json_t  *old;

    old = json_object_getn(counts, name.data, name.len);
    n += old != NULL ? (uint64_t) json_integer_value(old) : 0;

    if (json_object_setn_new(counts, name.data, name.len,
                             json_integer((json_int_t) n)) != 0)
    {
        tool_error("no memory");
        return false;
    }

    return true;
}


/* That day as it is in Europe/Paris. */
static bool
stats_day(stats_t *s, int64_t unix_ms)
{
    char       text[32];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, (int64_t) dmp_day_paris(unix_ms / 1000) * 86400 * 1000);

    return b.full || stats_add(s->days, (dmp_str_t) { text, 10 }, 1);
}


static bool
stats_entry(stats_t *s, const dmp_stored_t *entry)
{
    bool                     ok;
    const dmp_entry_view_t  *view;

    s->entries++;
    s->bytes += entry->body.len + entry->outcome.len;
    s->buckets[entry->bucket]++;
    dmp_item_read(&s->item, entry);
    view = &s->item.view;

    if (!s->item.readable) {
        s->unreadable++;
        return true;
    }

    s->kinds[view->kind]++;
    ok = stats_add(s->writers, view->writer, 1);

    if (s->first_ms == 0 || view->time_ms < s->first_ms) {
        s->first_ms = view->time_ms;
    }

    if (view->time_ms > s->last_ms) {
        s->last_ms = view->time_ms;
    }

    if (view->kind == DMP_KIND_OUTCOME) {
        /* Said again after a lost link: told apart by id, where there are. */
        return ok && (view->abandoned.len <= sizeof("[]") - 1
                      || audit_outcomes_add(&s->outcomes, entry, view));
    }

    if (!dmp_item_asks(view)) {
        return ok;
    }

    s->repeated += view->repeated;
    s->voided += !dmp_item_counts(&s->item);
    s->emergencies += view->emergency;
    stats_count(&s->decisions, view->decision);
    stats_count(&s->reasons, dmp_item_reason(view));
    stats_count(&s->operations, view->operation);
    stats_count(&s->modes, view->mode);
    stats_count(&s->actors, view->actor_kind);

    return ok && stats_day(s, view->time_ms);
}


static int
stats_read(stats_t *s, const audit_range_t *range)
{
    int              rc;
    dmp_stored_t     entry;
    audit_reader_t  *reader;

    if (!store_meta(&s->store)
        || !audit_snapshot(&s->store, false, &s->snapshot))
    {
        return TOOL_FAILED;
    }

    reader = audit_reader_create(&s->store, &s->snapshot, range);
    if (reader == NULL) {
        return TOOL_FAILED;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        if (!stats_entry(s, &entry)) {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO ? TOOL_DONE : TOOL_FAILED;
}


static json_t *
stats_table(const stats_table_t *table)
{
    size_t   i;
    json_t  *counts;

    counts = json_object();

    for (i = 0; i < table->names->n && i < STATS_NAMES; i++) {
        if (table->n[i] > 0) {
            json_object_set_new(counts, table->names->names[i],
                                json_integer((json_int_t) table->n[i]));
        }
    }

    if (table->n[STATS_NAMES] > 0) {
        json_object_set_new(counts, "(unknown)",
                            json_integer((json_int_t) table->n[STATS_NAMES]));
    }

    return counts;
}


static json_t *
stats_kinds(const stats_t *s)
{
    json_t    *counts;
    unsigned   kind;

    counts = json_object();

    for (kind = 0; kind < DMP_KIND_MAX; kind++) {
        if (s->kinds[kind] > 0) {
            json_object_set_new(counts, dmp_kind_name((dmp_kind_t) kind),
                                json_integer((json_int_t) s->kinds[kind]));
        }
    }

    return counts;
}


static uint64_t
stats_abandoned(const stats_t *s)
{
    size_t    i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < s->outcomes.size; i++) {
        n += s->outcomes.slots[i].used && s->outcomes.slots[i].end.abandoned;
    }

    return n;
}


static void
stats_number(json_t *object, const char *name, uint64_t n)
{
    json_object_set_new(object, name, json_integer((json_int_t) n));
}


static void
stats_time(json_t *object, const char *name, int64_t unix_ms)
{
    char       text[32];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, unix_ms);
    json_object_set_new(object, name, unix_ms == 0 ? json_null()
                                      : json_stringn(text, b.len));
}


static json_t *
stats_buckets(const stats_t *s)
{
    json_t    *buckets;
    uint64_t   min, max;
    unsigned   b;

    min = s->buckets[0];
    max = s->buckets[0];

    for (b = 1; b < s->store.buckets; b++) {
        min = s->buckets[b] < min ? s->buckets[b] : min;
        max = s->buckets[b] > max ? s->buckets[b] : max;
    }

    buckets = json_object();
    stats_number(buckets, "number", s->store.buckets);
    stats_number(buckets, "min", min);
    stats_number(buckets, "max", max);

    return buckets;
}


static json_t *
stats_report(const stats_t *s)
{
    json_t  *report;

    report = json_object();
    stats_number(report, "entries", s->entries);
    stats_time(report, "first", s->first_ms);
    stats_time(report, "last", s->last_ms);
    stats_number(report, "bytes", s->bytes);
    stats_number(report, "bytes_per_entry",
                 s->entries > 0 ? s->bytes / s->entries : 0);
    stats_number(report, "writers", json_object_size(s->writers));
    stats_number(report, "void", s->voided);
    stats_number(report, "abandoned", stats_abandoned(s));
    stats_number(report, "emergencies", s->emergencies);
    stats_number(report, "repeated", s->repeated);
    stats_number(report, "unreadable", s->unreadable);
    json_object_set_new(report, "buckets", stats_buckets(s));
    json_object_set_new(report, "kinds", stats_kinds(s));
    json_object_set_new(report, "decisions", stats_table(&s->decisions));
    json_object_set_new(report, "reasons", stats_table(&s->reasons));
    json_object_set_new(report, "operations", stats_table(&s->operations));
    json_object_set_new(report, "modes", stats_table(&s->modes));
    json_object_set_new(report, "actors", stats_table(&s->actors));
    json_object_set(report, "days", s->days);

    return report;
}


/* Members one below the other; those of a member stand behind its name. */
static void
stats_say(json_t *report, const char *before)
{
    json_t      *value;
    const char  *name;

    json_object_foreach(report, name, value) {
        if (json_is_object(value)) {
            printf("%s:\n", name);
            stats_say(value, "  ");

        } else if (json_is_string(value)) {
            printf("%s%-28s %s\n", before, name, json_string_value(value));

        } else if (json_is_integer(value)) {
            printf("%s%-28s %lld\n", before, name,
                   (long long) json_integer_value(value));
        }
    }
}


static int
stats_run(stats_t *s, const audit_range_t *range, bool json)
{
    int      rc;
    json_t  *report;

    rc = stats_read(s, range);

    if (rc != TOOL_DONE) {
        return rc;
    }

    report = stats_report(s);

    if (json) {
        if (!audit_say_value(stdout, report)) {
            return TOOL_FAILED;
        }

    } else {
        stats_say(report, "");
        json_decref(report);
    }

    if (!audit_said(stdout)) {
        return TOOL_FAILED;
    }

    return s->unreadable > 0 ? TOOL_NO : TOOL_DONE;
}


static bool
stats_range(const char *since, const char *until, audit_range_t *range)
{
    memset(range, 0, sizeof(*range));

    if (!audit_instant("--since", since, &range->since_ms)
        || !audit_instant("--until", until, &range->until_ms))
    {
        return false;
    }

    if (range->until_ms != 0 && range->until_ms <= range->since_ms) {
        tool_error("--until is not after --since");
        return false;
    }

    range->until_ms -= range->until_ms != 0;

    return true;
}


int
dmpctl_audit_stats(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    const char            *since, *until;
    tool_list_t            words;
    audit_range_t          range;
    static stats_t         s;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--since", NULL,  &since, NULL },
        { "--until", NULL,  &until, NULL },
        { "--json",  &json, NULL,   NULL },
        { NULL,      NULL,  NULL,   NULL }
    };

    memset(&where, 0, sizeof(where));
    since = NULL;
    until = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words)
        || !stats_range(since, until, &range))
    {
        return TOOL_USAGE;
    }

    if (words.n != 0) {
        tool_error("\"audit stats\" takes no word: \"%s\"", words.item[0]);
        return TOOL_USAGE;
    }

    s.decisions.names = &dmp_effect_names;
    s.reasons.names = &dmp_reason_names;
    s.operations.names = &dmp_operation_names;
    s.modes.names = &dmp_mode_names;
    s.actors.names = &dmp_actor_names;
    s.days = json_object();
    s.writers = json_object();

    rc = store_open(&s.store, &where) ? stats_run(&s, &range, json)
                                      : TOOL_FAILED;

    json_decref(s.days);
    json_decref(s.writers);
    audit_outcomes_free(&s.outcomes);
    audit_snapshot_free(&s.snapshot);
    store_close(&s.store);

    return rc;
}
