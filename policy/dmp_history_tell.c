/*
 * dmp_history_tell.c: the answer that a history is: entries as sentences and
 * their members as JSON, or as a Bundle of AuditEvent, newest first.
 */

#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_policy.h>

#include "dmp_change_int.h"
#include "dmp_history_int.h"


#define TELL_URL_MAX  256                /* of a link, from "history" on */

struct dmp_history_s {
    const dmp_history_reader_t  *reader;
    bool                         fhir;
    unsigned                     unopened;
    json_t                      *list;
    char                        *text;   /* of the answer, or of a sentence */
};


dmp_history_t *
dmp_history_create(const dmp_history_reader_t *reader, bool fhir)
{
    dmp_history_t  *h;

    h = calloc(1, sizeof(dmp_history_t));

    if (h == NULL) {
        return NULL;
    }

    h->reader = reader;
    h->fhir = fhir;
    h->list = json_array();
    h->text = malloc(DMP_FRENCH_MAX);

    if (h->list == NULL || h->text == NULL) {
        dmp_history_free(h);
        return NULL;
    }

    return h;
}


void
dmp_history_free(dmp_history_t *h)
{
    if (h != NULL) {
        json_decref(h->list);
        free(h->text);
        free(h);
    }
}


unsigned
dmp_history_unopened(const dmp_history_t *h)
{
    return h->unopened;
}


/*
 * What is for auditors, and what this reader is not to learn, is taken out
 * before anything is made of it.
 */
static bool
tell_redact(const dmp_history_reader_t *reader, dmp_item_t *item,
    dmp_told_t told)
{
    int      set;
    json_t  *actor;

    actor = json_object_get(item->body, "actor");
    set = 0;

    (void) json_object_del(item->body, "client");   /* they may have none */
    (void) json_object_del(item->body, "policy");
    (void) json_object_del(actor, "certificate");

    if (told != DMP_TOLD_WHOLE) {
        (void) json_object_del(item->body, "documents");
        (void) json_object_del(item->details, "document");
    }

    /* an INS is a person's identity: not for every reader of the rights */
    if (!dmp_history_documents(reader)
        && reader->subject->actor != DMP_ACTOR_OPERATOR)
    {
        (void) json_object_del(item->details, "representative");
        (void) json_object_del(item->details, "target");
    }

    /* as it was answered */
    if (!reader->whole && dmp_history_concealed(&item->view)) {
        item->view.rule = dmp_string("H1");
        item->view.reason = dmp_string("document-foreign");
        set |= json_object_set_new(item->body, "rule", json_string("H1"));
        set |= json_object_set_new(item->body, "reason",
                                   json_string("document-foreign"));
    }

    return set == 0;
}


static void
tell_text(json_t *to, const char *name, dmp_str_t text)
{
    if (text.len > 0) {
        json_object_set_new(to, name, dmp_json_str(text));
    }
}


/* A code with its system, and the policy's name of it. */
static json_t *
tell_coded(dmp_str_t system, dmp_str_t code, dmp_str_t name)
{
    json_t  *coded;

    coded = json_object();
    tell_text(coded, "system", system);
    tell_text(coded, "code", code);
    tell_text(coded, "name", name);

    return coded;
}


static json_t *
tell_who(const dmp_history_reader_t *reader, const json_t *actor)
{
    int                      kind;
    json_t                  *who;
    dmp_code_t               role;
    const dmp_profession_t  *profession;

    who = json_object();
    kind = dmp_name_value(&dmp_actor_names, dmp_item_member(actor, "kind"));
    tell_text(who, "kind", dmp_item_member(actor, "kind"));

    /* a pseudonym says nothing to people */
    if (kind != DMP_ACTOR_PATIENT && kind != DMP_ACTOR_REPRESENTATIVE) {
        tell_text(who, "id", dmp_item_member(actor, "id"));
    }

    role.system = dmp_item_code(actor, "role", 0);
    role.code = dmp_item_code(actor, "role", 1);

    if (role.code.len > 0) {
        profession = dmp_policy_profession(reader->policy, role);
        json_object_set_new(who, "profession",
                            tell_coded(role.system, role.code,
                                       profession != NULL ? profession->name
                                                          : dmp_null_string));
    }

    tell_text(who, "structure", dmp_item_member(actor, "structure"));
    tell_text(who, "auth", dmp_item_member(actor, "auth"));

    return who;
}


static void
tell_documents(const dmp_history_reader_t *reader, json_t *to,
    const json_t *list)
{
    bool               same;
    size_t             i;
    json_t            *out, *one, *document;
    dmp_code_t         code;
    const dmp_type_t  *type;

    if (json_array_size(list) == 0) {
        return;
    }

    out = json_array();
    code.system = dmp_null_string;

    json_array_foreach(list, i, document) {
        one = json_object();
        tell_text(one, "id", dmp_json_text(json_array_get(document, 0)));

        code.code = dmp_json_text(json_array_get(document, 1));
        type = code.code.len > 0
               ? dmp_policy_type(reader->policy, code, &same) : NULL;

        if (code.code.len > 0) {
            json_object_set_new(one, "type",
                                tell_coded(dmp_null_string, code.code,
                                           type != NULL ? type->name
                                                        : dmp_null_string));
        }

        json_array_append_new(out, one);
    }

    json_object_set_new(to, "documents", out);
}


/* What was said in words, where it opened. */
static void
tell_opened(json_t *to, const dmp_item_t *item)
{
    if (item->justification != NULL) {
        json_object_set(to, "justification", item->justification);
    }

    if (item->details != NULL && json_object_size(item->details) > 0) {
        json_object_set(to, "details", item->details);
    }

    if (item->closed) {
        json_object_set_new(to, "does_not_open", json_true());
    }
}


static void
tell_what(json_t *to, const dmp_item_t *item)
{
    const json_t  *body;

    body = item->body;
    tell_text(to, "operation", dmp_item_member(body, "operation"));
    tell_text(to, "change", dmp_item_member(body, "change"));
    tell_text(to, "target", dmp_item_member(body, "target"));
    tell_text(to, "mode", dmp_item_member(body, "mode"));

    if (item->view.emergency) {
        json_object_set_new(to, "emergency", json_true());
    }

    tell_text(to, "decision", dmp_item_member(body, "decision"));

    if (!dmp_str_eq(item->view.decision, dmp_string("allow"))) {
        tell_text(to, "reason", dmp_item_reason(&item->view));
    }

    if (!dmp_item_counts(item)) {
        json_object_set_new(to, "superseded", json_true());
    }

    if (item->view.repeated > 0) {
        json_object_set_new(to, "repeated",
                            json_integer((json_int_t) item->view.repeated));
    }
}


static json_t *
tell_json(dmp_history_t *h, const dmp_item_t *item, uint64_t n)
{
    char                         time[32];
    json_t                      *to;
    dmp_buf_t                    b, utc;
    const dmp_history_reader_t  *reader;

    reader = h->reader;
    to = json_object();

    dmp_buf_init(&utc, time, sizeof(time));
    dmp_buf_time(&utc, item->view.time_ms);
    dmp_buf_init(&b, h->text, DMP_FRENCH_MAX);
    dmp_french(&b, item, NULL, reader->policy, true);

    if (utc.full || b.full) {
        json_decref(to);
        return NULL;
    }

    json_object_set_new(to, "n", json_integer((json_int_t) n));
    tell_text(to, "time", (dmp_str_t) { utc.data, utc.len });
    tell_text(to, "text", (dmp_str_t) { b.data, b.len });
    json_object_set_new(to, "kind",
                        json_string(dmp_kind_name(item->view.kind)));
    json_object_set_new(to, "who",
                        tell_who(reader,
                                 json_object_get(item->body, "actor")));
    tell_what(to, item);
    tell_documents(reader, to, json_object_get(item->body, "documents"));
    tell_opened(to, item);
    tell_text(to, "trace", dmp_item_member(item->body, "trace"));

    /* one without its sentence is none */
    if (json_object_get(to, "text") == NULL) {
        json_decref(to);
        return NULL;
    }

    return to;
}


/* Its number stands with what else is said of the entry. */
static void
tell_number(json_t *event, uint64_t n)
{
    char     text[24];
    size_t   i;
    json_t  *entity, *details;

    (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) n);

    json_array_foreach(json_object_get(event, "entity"), i, entity) {
        details = json_object_get(entity, "detail");

        if (details != NULL) {
            json_array_insert_new(details, 0,
                                  json_pack("{s:s,s:s}", "type", "n",
                                            "valueString", text));
            return;
        }
    }
}


/* A number that grows with what others do counts what is not told. */
static bool
tell_counts(const json_t *detail)
{
    size_t                  i;
    dmp_str_t               type;
    static const dmp_str_t  counting[] = {
        dmp_string("epoch"), dmp_string("seq"), dmp_string("record-version"),
        dmp_string("new-version")
    };

    type = dmp_item_member(detail, "type");

    for (i = 0; i < sizeof(counting) / sizeof(counting[0]); i++) {
        if (dmp_str_eq(type, counting[i])) {
            return true;
        }
    }

    return false;
}


/* For who sees only some lines. */
static void
tell_uncounted(json_t *event)
{
    size_t   i, k;
    json_t  *entity, *details, *what;

    json_array_foreach(json_object_get(event, "entity"), i, entity) {
        what = json_object_get(entity, "what");
        details = json_object_get(entity, "detail");

        if (dmp_str_eq(dmp_item_member(json_object_get(what, "identifier"),
                                       "system"),
                       dmp_string("urn:dmp:record-version")))
        {
            (void) json_object_del(what, "identifier");     /* it is there */
        }

        for (k = json_array_size(details); k > 0; k--) {
            if (tell_counts(json_array_get(details, k - 1))) {
                (void) json_array_remove(details, k - 1);   /* so is it */
            }
        }
    }
}


/* How it ended was not looked up: nothing is said of it. */
static json_t *
tell_fhir(const dmp_history_reader_t *reader, const dmp_item_t *item,
    uint64_t n)
{
    char     url[96];
    json_t  *event;

    event = dmp_fhir_event(item, NULL, DMP_PROFILE_BALP, false);

    if (event == NULL) {
        return NULL;
    }

    if (dmp_item_counts(item)
        && dmp_str_eq(item->view.decision, dmp_string("allow")))
    {
        (void) json_object_del(event, "outcomeDesc");  /* a change has none */
    }

    if (dmp_history_filtered(reader)) {
        tell_uncounted(event);
    }

    tell_number(event, n);
    (void) snprintf(url, sizeof(url), "urn:dmp:entry:%u-%llu-%llu",
                    item->entry->bucket,
                    (unsigned long long) item->entry->id_ms,
                    (unsigned long long) item->entry->id_seq);

    return json_pack("{s:s,s:o,s:{s:s}}", "fullUrl", url, "resource", event,
                     "search", "mode", "match");
}


const char *
dmp_history_add(dmp_history_t *h, const dmp_stored_t *entry, uint64_t n,
    const dmp_keyring_t *ring)
{
    json_t      *one;
    dmp_item_t   item;
    dmp_told_t   told;
    const char  *wrong;

    one = NULL;
    wrong = dmp_history_read(h->reader, entry, &item);

    if (wrong == NULL && dmp_item_open(&item, ring) != DMP_OK) {
        wrong = "no memory";
    }

    if (wrong == NULL) {
        told = dmp_history_told(h->reader, &item);

        if (told == DMP_TOLD_NOT) {
            wrong = "an entry that is not for who reads";

        } else if (tell_redact(h->reader, &item, told)) {
            h->unopened += item.closed;
            one = h->fhir ? tell_fhir(h->reader, &item, n)
                          : tell_json(h, &item, n);
        }
    }

    dmp_item_free(&item);

    if (wrong == NULL
        && (one == NULL || json_array_append_new(h->list, one) != 0))
    {
        wrong = "no memory, or an entry that has no room";
    }

    return wrong;
}


/* As a line, and as what a searchset says beside its matches. */
static json_t *
tell_lost(dmp_history_t *h, int64_t time_ms, const char *url, uint64_t n)
{
    char       time[32];
    dmp_buf_t  b, utc;

    dmp_buf_init(&utc, time, sizeof(time));
    dmp_buf_time(&utc, time_ms);
    dmp_buf_init(&b, h->text, DMP_FRENCH_MAX);
    dmp_buf_text(&b, "Le ");
    dmp_french_time(&b, time_ms);
    dmp_buf_text(&b, ", une ligne dont le contenu a été perdu lors d'une panne "
                     "que l'hébergeur a constatée.");

    if (utc.full || b.full) {
        return NULL;
    }

    return h->fhir
           ? json_pack("{s:s,s:{s:s,s:[{s:s,s:s,s:{s:o}}]},s:{s:s}}",
                       "fullUrl", url, "resource", "resourceType",
                       "OperationOutcome", "issue", "severity", "warning",
                       "code", "incomplete", "details", "text",
                       dmp_json_str((dmp_str_t) { b.data, b.len }),
                       "search", "mode", "outcome")
           : json_pack("{s:I,s:o,s:o,s:b}", "n", (json_int_t) n, "time",
                       dmp_json_str((dmp_str_t) { utc.data, utc.len }), "text",
                       dmp_json_str((dmp_str_t) { b.data, b.len }), "lost", 1);
}


const char *
dmp_history_add_lost(dmp_history_t *h, unsigned bucket, uint64_t id_ms,
    uint64_t id_seq, uint64_t n)
{
    char     url[96];
    json_t  *one;

    if (dmp_history_filtered(h->reader)) {
        return "a line that nobody can tell whose it is";
    }

    if (id_ms > INT64_MAX / 2) {
        return "a line of no time";
    }

    (void) snprintf(url, sizeof(url), "urn:dmp:entry:%u-%llu-%llu", bucket,
                    (unsigned long long) id_ms, (unsigned long long) id_seq);
    one = tell_lost(h, (int64_t) id_ms, url, n);

    return one != NULL && json_array_append_new(h->list, one) == 0
           ? NULL : "no memory";
}


static void
tell_parameter(dmp_buf_t *b, const char *name, int32_t day)
{
    if (day != 0) {
        dmp_buf_text(b, name);
        dmp_buf_day(b, day);
        dmp_buf_text(b, "&");
    }
}


/* The same question, from that cursor on; relative to what was asked for. */
static bool
tell_url(dmp_buf_t *b, const dmp_history_query_t *query, uint64_t cursor)
{
    dmp_buf_text(b, "history?");
    tell_parameter(b, "since=", query->since);
    tell_parameter(b, "until=", query->until);
    dmp_buf_text(b, "limit=");
    dmp_buf_uint(b, query->limit);

    if (cursor != 0) {
        dmp_buf_text(b, "&cursor=");
        dmp_buf_uint(b, cursor);
    }

    return !b->full;
}


static json_t *
tell_link(const char *relation, const dmp_history_query_t *query,
    uint64_t cursor)
{
    char       text[TELL_URL_MAX];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));

    return tell_url(&b, query, cursor)
           ? json_pack("{s:s,s:o}", "relation", relation, "url",
                       dmp_json_str((dmp_str_t) { b.data, b.len }))
           : NULL;
}


/* A total is of all that was asked for: with days, that was not counted. */
static json_t *
tell_bundle(const dmp_history_t *h, const dmp_history_end_t *end)
{
    json_t  *bundle, *links;

    bundle = json_pack("{s:s,s:s}", "resourceType", "Bundle", "type",
                       "searchset");

    if (end->query->since == 0 && end->query->until == 0) {
        json_object_set_new(bundle, "total",
                            json_integer((json_int_t) end->total));
    }

    links = json_array();
    json_array_append_new(links, tell_link("self", end->query,
                                           end->query->cursor));

    if (end->next != 0) {
        json_array_append_new(links, tell_link("next", end->query,
                                               end->next));
    }

    json_object_set_new(bundle, "link", links);

    /* FHIR has no empty lists */
    if (json_array_size(h->list) > 0) {
        json_object_set(bundle, "entry", h->list);
    }

    return bundle;
}


static json_t *
tell_answer(const dmp_history_t *h, const dmp_history_end_t *end)
{
    char       text[24];
    json_t    *answer;
    dmp_buf_t  b;

    answer = json_object();
    tell_text(answer, "ins", end->ins);
    json_object_set_new(answer, "total",
                        json_integer((json_int_t) end->total));
    json_object_set(answer, "entries", h->list);

    if (end->next != 0) {
        dmp_buf_init(&b, text, sizeof(text));
        dmp_buf_uint(&b, end->next);
        tell_text(answer, "next", (dmp_str_t) { b.data, b.len });
    }

    return answer;
}


const char *
dmp_history_end(dmp_history_t *h, const dmp_history_end_t *end, size_t *len)
{
    char    *text;
    json_t  *answer;

    *len = 0;
    answer = h->fhir ? tell_bundle(h, end) : tell_answer(h, end);
    text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);

    if (text == NULL) {
        return NULL;
    }

    free(h->text);
    h->text = text;
    *len = strlen(text);

    return text;
}
