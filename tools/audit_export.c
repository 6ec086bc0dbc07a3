/*
 * audit_export.c: "dmpctl audit export": entries of the trace for other
 * programs: FHIR AuditEvents, or a table.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_say.h"


const char  dmpctl_help_audit_export[] =
    "dmpctl audit export --format fhir|csv [--output FILE] [which entries]\n"
    "\n"
    "Writes accesses and changes (csv: operators' commands, too), oldest\n"
    "first, with the status, the counts of what was shown and withheld, and\n"
    "whether they were abandoned, as far as the entries that say so stand\n"
    "within --since and --until.  Answers 1 if an entry could not be read.\n"
    "\n"
    "  --format fhir        one AuditEvent a line (NDJSON)\n"
    "  --profile NAME       balp (IHE, default) or tde (ANS)\n"
    "  --decisions          with balp: also an AuthZconsent for each access\n"
    "                       that was allowed; each refusal has one anyway\n"
    "  --bundle             a Bundle, type collection, instead of lines\n"
    "  --format csv         RFC 4180; columns: docs/audit.md\n"
    "  --output FILE        must not exist; default: standard output\n"
    AUDIT_OPEN_USAGE
    AUDIT_FILTER_USAGE STORE_USAGE;

typedef struct {
    store_t             store;
    audit_filter_t      filter;
    audit_snapshot_t    snapshot;
    audit_outcomes_t    outcomes;
    dmp_item_t          item;
    dmp_profile_t       profile;         /* none: csv */
    FILE               *out;
    uint64_t            written;
    uint64_t            unreadable;
    bool                decisions;
    bool                bundle;
} export_t;


/* A Bundle is written as it comes: it may be larger than memory. */
static bool
export_event(export_t *x, bool permit)
{
    bool      ok;
    char     *text;
    json_t   *event;

    event = dmp_fhir_event(&x->item,
                           audit_outcomes_find(&x->outcomes, &x->item),
                           x->profile, permit);
    text = event != NULL
           ? json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(event);

    if (text == NULL) {
        tool_error("no memory");
        return false;
    }

    if (x->bundle) {
        ok = fprintf(x->out, "%s{\"resource\":%s}",
                     x->written > 0 ? ",\n" : "", text) > 0;

    } else {
        ok = fprintf(x->out, "%s\n", text) > 0;
    }

    free(text);
    x->written++;

    if (!ok) {
        tool_error("what was asked for could not be written");
    }

    return ok;
}


static bool
export_item(export_t *x)
{
    bool  ok;

    if (!audit_item_open(&x->item, &x->filter.ring)) {
        return false;
    }

    if (x->profile == DMP_PROFILE_NONE) {
        audit_csv_row(x->out, &x->item,
                      audit_outcomes_find(&x->outcomes, &x->item));
        x->written++;
        ok = true;

    } else {
        ok = export_event(x, false)
             && (!x->decisions || !dmp_fhir_permits(&x->item)
                 || export_event(x, true));
    }

    dmp_item_free(&x->item);

    return ok;
}


static int
export_entries(export_t *x)
{
    int              rc;
    dmp_stored_t     entry;
    audit_reader_t  *reader;

    reader = audit_reader_create(&x->store, &x->snapshot, &x->filter.range);
    if (reader == NULL) {
        return TOOL_FAILED;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        dmp_item_read(&x->item, &entry);

        if (!x->item.readable) {
            x->unreadable++;
            tool_error("bucket %u, entry %llu-%llu cannot be read: %s",
                       entry.bucket, (unsigned long long) entry.id_ms,
                       (unsigned long long) entry.id_seq, x->item.error.text);
            continue;
        }

        if (audit_filter_passes(&x->filter, &x->item.view)
            && !export_item(x))
        {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO ? TOOL_DONE : TOOL_FAILED;
}


static int
export_run(export_t *x)
{
    int  rc;

    if (!store_meta(&x->store)) {
        return TOOL_FAILED;
    }

    audit_filter_store(&x->filter, &x->store);

    if (!audit_snapshot(&x->store, false, &x->snapshot)
        || !audit_outcomes_read(&x->outcomes, &x->store, &x->snapshot,
                                &x->filter.range))
    {
        return TOOL_FAILED;
    }

    if (x->profile == DMP_PROFILE_NONE) {
        audit_csv_header(x->out);

    } else if (x->bundle) {
        fputs("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":"
              "[\n", x->out);
    }

    rc = export_entries(x);

    if (x->bundle) {
        fputs("\n]}\n", x->out);
    }

    if (!audit_said(x->out)) {
        return TOOL_FAILED;
    }

    return rc == TOOL_DONE && x->unreadable > 0 ? TOOL_NO : rc;
}


/* FHIR has what somebody asked for: an operator's command is not that. */
static bool
export_kinds(export_t *x, const audit_filter_options_t *which)
{
    size_t  i;

    if (x->profile == DMP_PROFILE_NONE) {
        return true;
    }

    if (which->kinds.n == 0) {
        x->filter.kinds[DMP_KIND_ADMIN] = false;
        return true;
    }

    for (i = 0; i < which->kinds.n; i++) {
        if (strcmp(which->kinds.item[i], "access") != 0
            && strcmp(which->kinds.item[i], "change") != 0
            && strcmp(which->kinds.item[i], "session") != 0)
        {
            tool_error("--kind \"%s\" has no AuditEvent: access, change and "
                       "session do", which->kinds.item[i]);
            return false;
        }
    }

    return true;
}


static bool
export_format(export_t *x, const char *format, const char *profile)
{
    if (format == NULL) {
        tool_error("--format is needed: fhir or csv");
        return false;
    }

    if (strcmp(format, "fhir") != 0 && strcmp(format, "csv") != 0) {
        tool_error("--format \"%s\" is neither fhir nor csv", format);
        return false;
    }

    if (strcmp(format, "csv") == 0) {
        if (profile != NULL || x->bundle || x->decisions) {
            tool_error("--profile, --bundle and --decisions are for fhir");
            return false;
        }

        return true;
    }

    x->profile = profile == NULL || strcmp(profile, "balp") == 0
                 ? DMP_PROFILE_BALP
                 : strcmp(profile, "tde") == 0 ? DMP_PROFILE_TDE
                 : DMP_PROFILE_NONE;

    if (x->profile == DMP_PROFILE_NONE) {
        tool_error("--profile \"%s\" is neither balp nor tde", profile);
        return false;
    }

    if (x->decisions && x->profile != DMP_PROFILE_BALP) {
        tool_error("--decisions is for the profile balp");
        return false;
    }

    return true;
}


/* For nobody else to read: it says who saw whose record. */
static bool
export_open(export_t *x, const char *path)
{
    mode_t  mask;

    if (path == NULL) {
        x->out = stdout;
        return true;
    }

    mask = umask(077);
    x->out = fopen(path, "wx");
    (void) umask(mask);              /* always succeeds */

    if (x->out == NULL) {
        tool_error("%s: %s", path, strerror(errno));
    }

    return x->out != NULL;
}


/* What is left half written would be taken for all. */
static int
export_to(export_t *x, const store_options_t *where, const char *path)
{
    int  rc;

    if (!store_open(&x->store, where)) {
        return TOOL_FAILED;
    }

    rc = export_open(x, path) ? export_run(x) : TOOL_FAILED;

    if (path != NULL && x->out != NULL) {
        if (fclose(x->out) != 0) {
            tool_error("%s: %s", path, strerror(errno));
            rc = TOOL_FAILED;
        }

        if (rc == TOOL_FAILED) {
            (void) unlink(path);     /* it failed already */
        }
    }

    audit_outcomes_free(&x->outcomes);
    audit_snapshot_free(&x->snapshot);
    store_close(&x->store);

    return rc;
}


int
dmpctl_audit_export(int argc, char **argv)
{
    int                      rc;
    const char              *format, *profile, *output;
    tool_list_t              words;
    static export_t          x;
    store_options_t          where;
    audit_filter_options_t   which;
    const tool_option_t      options[] = {
        STORE_OPTIONS(where),
        AUDIT_FILTER_OPTIONS(which),
        { "--format",    NULL,         &format,  NULL },
        { "--profile",   NULL,         &profile, NULL },
        { "--output",    NULL,         &output,  NULL },
        { "--decisions", &x.decisions, NULL,     NULL },
        { "--bundle",    &x.bundle,    NULL,     NULL },
        { NULL,          NULL,         NULL,     NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&which, 0, sizeof(which));
    format = NULL;
    profile = NULL;
    output = NULL;

    if (!tool_options(argc, argv, options, &words)) {
        return TOOL_USAGE;
    }

    if (words.n != 0) {
        tool_error("\"audit export\" takes no word: \"%s\"", words.item[0]);
        return TOOL_USAGE;
    }

    rc = audit_filter(&which, &x.filter);

    if (rc == TOOL_DONE
        && (!export_format(&x, format, profile) || !export_kinds(&x, &which)))
    {
        rc = TOOL_USAGE;
    }

    return rc == TOOL_DONE ? export_to(&x, &where, output) : rc;
}
