/*
 * audit_say.c: one entry of the trace as a line for people, or as JSON.
 * Nothing that a client or a store's owner put into it reaches a terminal as
 * anything but letters.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_say.h"


void
audit_say_text(FILE *out, dmp_str_t text)
{
    size_t       len;
    const char  *p, *end, *backslash;

    if (text.len == 0) {
        return;
    }

    end = text.data + text.len;

    for (p = text.data; p < end; p += len) {
        backslash = memchr(p, '\\', (size_t) (end - p));
        len = (size_t) ((backslash != NULL ? backslash : end) - p);
        tool_text(out, (dmp_str_t) { p, len });

        if (backslash != NULL) {
            fputs("\\\\", out);
            len++;
        }
    }
}


bool
audit_said(FILE *out)
{
    if (fflush(out) != 0 || ferror(out) != 0) {
        tool_error("what was asked for could not be written");
        return false;
    }

    return true;
}


static void
say_time(FILE *out, int64_t unix_ms)
{
    char       text[32];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, unix_ms);
    fprintf(out, "%.*s", (int) b.len, b.data);
}


/* " NAME VALUE" where there is a value. */
static void
say_member(FILE *out, const char *before, dmp_str_t value, const char *after)
{
    if (value.len > 0) {
        fputs(before, out);
        audit_say_text(out, value);
        fputs(after, out);
    }
}


static void
say_who(FILE *out, const json_t *body)
{
    const json_t  *actor, *shown;

    actor = json_object_get(body, "actor");
    say_member(out, "  ", dmp_item_member(actor, "kind"), "");
    say_member(out, " ", dmp_item_member(actor, "id"), "");
    say_member(out, ", role ", dmp_item_code(actor, "role", 1), "");
    say_member(out, ", structure ", dmp_item_member(actor, "structure"), "");

    shown = json_object_get(actor, "certificate");

    if (dmp_item_member(actor, "id").len == 0) {
        say_member(out, ", certificate ", dmp_item_member(shown, "serial"), "");
        say_member(out, " of ", dmp_item_member(shown, "issuer"), "");
    }
}


static void
say_documents(FILE *out, const json_t *body)
{
    size_t   i;
    json_t  *list, *document;

    list = json_object_get(body, "documents");

    json_array_foreach(list, i, document) {
        fputs(i == 0 ? "  document " : ", ", out);
        audit_say_text(out, (dmp_str_t) {
                           json_string_value(json_array_get(document, 0)),
                           json_string_length(json_array_get(document, 0)) });
        say_member(out, " (", (dmp_str_t) {
                       json_string_value(json_array_get(document, 1)),
                       json_string_length(json_array_get(document, 1)) },
                   ")");
    }
}


static void
say_opened(FILE *out, const dmp_item_t *item)
{
    char  *text;

    if (item->justification != NULL) {
        fputs("  justification \"", out);
        audit_say_text(out, (dmp_str_t) {
                                json_string_value(item->justification),
                                json_string_length(item->justification) });
        fputc('"', out);
    }

    text = item->details != NULL
           ? json_dumps(item->details, JSON_COMPACT | JSON_ENSURE_ASCII)
           : NULL;

    if (text != NULL) {
        fprintf(out, "  details %s", text);
        free(text);
    }

    if (item->closed) {
        fputs("  (what is sealed in it does not open with these keys)", out);
    }
}


static void
say_access(FILE *out, const dmp_item_t *item)
{
    const json_t  *body;

    body = item->body;
    say_member(out, "  ", dmp_item_member(body, "decision"), "");

    if (!dmp_item_counts(item)) {
        fprintf(out, " (void: %s)", dmp_item_void(&item->view));
    }

    if (item->view.emergency) {
        fputs("  EMERGENCY", out);
    }

    say_who(out, body);
    say_member(out, "  ", dmp_item_member(body, "operation"), "");
    say_member(out, " ", dmp_item_member(body, "change"), "");
    say_member(out, " ", dmp_item_member(body, "target"), "");
    say_member(out, " ", dmp_item_member(body, "transaction"), "");
    say_member(out, "  patient ", dmp_item_member(body, "patient"), "");
    say_documents(out, body);
    say_member(out, "  mode ", dmp_item_member(body, "mode"), "");
    say_member(out, "  rule ", dmp_item_member(body, "rule"), "");
    say_member(out, " ", dmp_item_reason(&item->view), "");
    say_member(out, "  from ", dmp_item_member(body, "client"), "");
    say_member(out, "  by ", dmp_item_member(body, "method"), "");
    say_member(out, " ", dmp_item_member(body, "route"), "");

    if (item->view.kind == DMP_KIND_CHANGE) {
        fprintf(out, "  version %llu to %llu",
                (unsigned long long) item->view.version,
                (unsigned long long) item->view.new_version);
    }

    if (item->view.repeated > 0) {
        fprintf(out, "  and %llu like it",
                (unsigned long long) item->view.repeated);
    }

    say_opened(out, item);
}


static void
say_admin(FILE *out, const dmp_item_t *item)
{
    say_who(out, item->body);
    say_member(out, "  ", dmp_item_member(item->body, "command"), "");
    say_member(out, " ", dmp_item_member(item->body, "phase"), "");
    say_member(out, "  buckets ", item->view.buckets, "");

    if (item->view.ended) {
        fprintf(out, "  %llu added, %llu changed, %llu removed",
                (unsigned long long) item->view.added,
                (unsigned long long) item->view.changed,
                (unsigned long long) item->view.removed);
    }
}


/* What writers say of themselves. */
static void
say_writer(FILE *out, const dmp_item_t *item)
{
    const json_t  *list;

    say_member(out, "  ", item->view.writer, "");
    fprintf(out, " epoch %llu", (unsigned long long) item->view.epoch);

    if (item->view.kind == DMP_KIND_OUTCOME) {
        list = json_object_get(item->body, "outcomes");
        fprintf(out, "  %zu ended", json_array_size(list));
        list = json_object_get(item->body, "abandoned");
        fprintf(out, ", %zu abandoned", json_array_size(list));

    } else {
        fprintf(out, "  %u heads",
                item->view.n_heads + item->view.n_signed_heads);
        say_member(out, "  of ", item->view.of_writer, "");
    }
}


void
audit_say_line(FILE *out, const dmp_item_t *item)
{
    if (!item->readable) {
        say_time(out, (int64_t) item->entry->id_ms);
        fprintf(out, "  UNREADABLE  bucket %u, entry %llu-%llu: ",
                item->entry->bucket, (unsigned long long) item->entry->id_ms,
                (unsigned long long) item->entry->id_seq);
        audit_say_text(out, (dmp_str_t) { item->error.text,
                                          strlen(item->error.text) });
        fputc('\n', out);
        return;
    }

    say_time(out, item->view.time_ms);
    fprintf(out, "  %s", dmp_kind_name(item->view.kind));

    switch (item->view.kind) {

    case DMP_KIND_ACCESS:
    case DMP_KIND_CHANGE:
    case DMP_KIND_SESSION:
        say_access(out, item);
        break;

    case DMP_KIND_ADMIN:
        say_admin(out, item);
        break;

    default:
        say_writer(out, item);
    }

    fputc('\n', out);
}


json_t *
audit_to_json(const dmp_item_t *item)
{
    char     id[48];
    json_t  *value;

    value = json_object();
    (void) snprintf(id, sizeof(id), "%llu-%llu",
                    (unsigned long long) item->entry->id_ms,
                    (unsigned long long) item->entry->id_seq);

    json_object_set_new(value, "bucket", json_integer(item->entry->bucket));
    json_object_set_new(value, "id", json_string(id));

    if (!item->readable) {
        json_object_set_new(value, "unreadable",
                            json_string(item->error.text));
        return value;
    }

    json_object_set_new(value, "outcome",
                        dmp_json_str(item->entry->outcome));
    json_object_set(value, "body", item->body);

    if (item->justification != NULL) {
        json_object_set(value, "justification", item->justification);
    }

    if (item->details != NULL) {
        json_object_set(value, "details", item->details);
    }

    if (item->closed) {
        json_object_set_new(value, "does_not_open", json_true());
    }

    return value;
}


bool
audit_say_value(FILE *out, json_t *value)
{
    bool  ok;

    ok = value != NULL
         && json_dumpf(value, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0
         && fputc('\n', out) != EOF;

    if (!ok) {
        tool_error("no memory, or nowhere to write to");
    }

    json_decref(value);

    return ok;
}


bool
audit_say_json(FILE *out, const dmp_item_t *item)
{
    return audit_say_value(out, audit_to_json(item));
}
