/*
 * audit_csv.c: an entry as a row of a table (RFC 4180): the columns of
 * docs/audit.md, in their order, none left out.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_say.h"


static const char  csv_columns[] =
    "time,bucket,id,kind,outcome,trace,writer,epoch,seq,actor_kind,actor_id,"
    "role_system,role,specialty_system,specialty,sector_system,sector,"
    "structure,auth,unverified,certificate_serial,certificate_issuer,patient,"
    "operation,transaction,mode,emergency,change,target,documents,"
    "document_types,decision,rule,reason,policy,version,new_version,client,"
    "method,route,repeated,command,digest,phase,added,changed,removed,buckets,"
    "status,bytes,shown,withheld,withheld_reason,abandoned,justification,"
    "details\r\n";

typedef struct {
    FILE  *out;
    bool   later;                        /* not the first cell of its row */
} csv_t;


static void
csv_begin(csv_t *csv)
{
    if (csv->later) {
        fputc(',', csv->out);
    }

    csv->later = true;
}


/*
 * Whether a cell that began there would be computed.  Where quotes stand, some
 * programs take them off.
 */
static bool
csv_formula(dmp_str_t text, size_t i)
{
    while (i < text.len && (text.data[i] == ' ' || text.data[i] == '"')) {
        i++;
    }

    return i < text.len && memchr("=+-@", text.data[i], 4) != NULL;
}


/*
 * Whether an apostrophe goes before that byte: at the start, and after what
 * another program takes for the end of a cell (";" where it is set to French).
 */
static bool
csv_guard(dmp_str_t text, size_t i)
{
    if (i == 0) {
        return csv_formula(text, 0)
               || memchr("\t\r\n", text.data[0], 3) != NULL;
    }

    return memchr(";\t\r\n", text.data[i - 1], 4) != NULL
           && csv_formula(text, i);
}


/*
 * Quoted where it must be.  An apostrophe before what a spreadsheet would
 * compute is no part of the value.
 */
static void
csv_text(csv_t *csv, dmp_str_t text)
{
    bool    quote;
    size_t  i;

    csv_begin(csv);
    quote = false;

    for (i = 0; i < text.len && !quote; i++) {
        quote = memchr(",;\"\t\r\n", text.data[i], 6) != NULL;
    }

    if (quote) {
        fputc('"', csv->out);
    }

    for (i = 0; i < text.len; i++) {
        if (csv_guard(text, i)) {
            fputc('\'', csv->out);
        }

        if (text.data[i] == '"') {
            fputc('"', csv->out);
        }

        fputc(text.data[i], csv->out);
    }

    if (quote) {
        fputc('"', csv->out);
    }
}


static void
csv_number(csv_t *csv, bool known, uint64_t n)
{
    csv_begin(csv);

    if (known) {
        fprintf(csv->out, "%llu", (unsigned long long) n);
    }
}


static void
csv_flag(csv_t *csv, bool known, bool value)
{
    csv_text(csv, !known ? dmp_null_string
                  : value ? dmp_string("true") : dmp_string("false"));
}


static void
csv_member(csv_t *csv, const json_t *object, const char *name)
{
    csv_text(csv, dmp_item_member(object, name));
}


static void
csv_code(csv_t *csv, const json_t *actor, const char *name)
{
    csv_text(csv, dmp_item_code(actor, name, 0));
    csv_text(csv, dmp_item_code(actor, name, 1));
}


static void
csv_head(csv_t *csv, const dmp_item_t *item)
{
    char       text[64];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, item->view.time_ms);
    csv_text(csv, (dmp_str_t) { text, b.len });
    csv_number(csv, true, item->entry->bucket);

    (void) snprintf(text, sizeof(text), "%llu-%llu",
                    (unsigned long long) item->entry->id_ms,
                    (unsigned long long) item->entry->id_seq);
    csv_text(csv, (dmp_str_t) { text, strlen(text) });

    csv_member(csv, item->body, "kind");
    csv_text(csv, item->entry->outcome);
    csv_member(csv, item->body, "trace");
    csv_member(csv, item->body, "writer");
    csv_number(csv, true, item->view.epoch);
    csv_number(csv, true, item->view.seq);
}


static void
csv_actor(csv_t *csv, const dmp_item_t *item)
{
    const json_t  *actor, *shown;

    actor = json_object_get(item->body, "actor");
    shown = json_object_get(actor, "certificate");

    csv_member(csv, actor, "kind");
    csv_member(csv, actor, "id");
    csv_code(csv, actor, "role");
    csv_code(csv, actor, "specialty");
    csv_code(csv, actor, "sector");
    csv_member(csv, actor, "structure");
    csv_member(csv, actor, "auth");
    csv_flag(csv, item->view.unverified, true);
    csv_member(csv, shown, "serial");
    csv_member(csv, shown, "issuer");
}


/* Of each document one half of [id, type], apart by a blank. */
static void
csv_documents(csv_t *csv, const json_t *body, size_t which)
{
    char       text[DMP_ENTRY_MAX];
    size_t     i;
    json_t    *document, *half;
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));

    json_array_foreach(json_object_get(body, "documents"), i, document) {
        half = json_array_get(document, which);
        dmp_buf_text(&b, i == 0 ? "" : " ");
        dmp_buf_add(&b, json_string_value(half), json_string_length(half));
    }

    csv_text(csv, (dmp_str_t) { text, b.len });
}


static void
csv_asked(csv_t *csv, const dmp_item_t *item)
{
    bool           access;
    const json_t  *body;

    body = item->body;
    access = dmp_item_asks(&item->view);

    csv_member(csv, body, "patient");
    csv_member(csv, body, "operation");
    csv_member(csv, body, "transaction");
    csv_member(csv, body, "mode");
    csv_flag(csv, access, item->view.emergency);
    csv_member(csv, body, "change");
    csv_member(csv, body, "target");
    csv_documents(csv, body, 0);
    csv_documents(csv, body, 1);
    csv_member(csv, body, "decision");
    csv_member(csv, body, "rule");
    csv_text(csv, dmp_item_reason(&item->view));
    csv_member(csv, body, "policy");
    csv_number(csv, access, item->view.version);
    csv_number(csv, item->view.kind == DMP_KIND_CHANGE,
               item->view.new_version);
    csv_member(csv, body, "client");
    csv_member(csv, body, "method");
    csv_member(csv, body, "route");
    csv_number(csv, item->view.repeated > 0, item->view.repeated);
}


static void
csv_command(csv_t *csv, const dmp_item_t *item)
{
    csv_member(csv, item->body, "command");
    csv_member(csv, item->body, "digest");
    csv_member(csv, item->body, "phase");
    csv_number(csv, item->view.ended, item->view.added);
    csv_number(csv, item->view.ended, item->view.changed);
    csv_number(csv, item->view.ended, item->view.removed);
    csv_text(csv, item->view.buckets);
}


static void
csv_ended(csv_t *csv, const dmp_ended_t *ended)
{
    bool         known;
    const char  *reason;

    known = ended != NULL && ended->ended;
    reason = known && ended->reason != DMP_REASON_NONE
             ? dmp_reason_name((dmp_reason_t) ended->reason) : "";

    csv_number(csv, known, known ? ended->status : 0);
    csv_number(csv, known, known ? ended->bytes : 0);
    csv_number(csv, known, known ? ended->shown : 0);
    csv_number(csv, known, known ? ended->withheld : 0);
    csv_text(csv, (dmp_str_t) { reason, strlen(reason) });
    csv_flag(csv, ended != NULL, ended != NULL && ended->abandoned);
}


static void
csv_opened(csv_t *csv, const dmp_item_t *item)
{
    char  *details;

    csv_text(csv, item->justification == NULL ? dmp_null_string
                  : (dmp_str_t) { json_string_value(item->justification),
                                  json_string_length(item->justification) });

    details = item->details != NULL
              ? json_dumps(item->details, JSON_COMPACT) : NULL;
    csv_text(csv, (dmp_str_t) { details,
                                details != NULL ? strlen(details) : 0 });
    free(details);
}


void
audit_csv_header(FILE *out)
{
    fputs(csv_columns, out);
}


void
audit_csv_row(FILE *out, const dmp_item_t *item, const dmp_ended_t *ended)
{
    csv_t  csv = { out, false };

    csv_head(&csv, item);
    csv_actor(&csv, item);
    csv_asked(&csv, item);
    csv_command(&csv, item);
    csv_ended(&csv, ended);
    csv_opened(&csv, item);
    fputs("\r\n", out);
}
