/*
 * dmp_fhir.c: an entry as a FHIR R4 AuditEvent, in the shapes of IHE BALP
 * and of the French profile "Traçabilité des événements".  What the trace does
 * not hold is not made up: docs/audit.md says what is left out, and a profile
 * is claimed only by an event that has all that it demands.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dmp/dmp_ids.h>

#include "dmp_fhir_int.h"


#define FHIR_DCM   "http://dicom.nema.org/resources/ontology/DCM"
#define FHIR_HL7   "http://terminology.hl7.org/CodeSystem/"
#define FHIR_BALP  "https://profiles.ihe.net/ITI/BALP/"
#define FHIR_TDE   "https://interop.esante.gouv.fr/ig/fhir/tde/"              \
                   "StructureDefinition/tde-auditevent"

/* What an operation amounts to for a record host. */
typedef struct {
    dmp_operation_t  operation;
    fhir_shape_t     shape;
    const char      *interaction;
    const char      *resource;
} fhir_operation_t;

static const fhir_operation_t  fhir_operations[] = {
    { DMP_OPERATION_CHECK,     FHIR_QUERY,  "search-type",  "Patient" },
    { DMP_OPERATION_FIND,      FHIR_QUERY,  "search-type",  "Patient" },
    { DMP_OPERATION_SEARCH,    FHIR_QUERY,  "search-type",
      "DocumentReference" },
    { DMP_OPERATION_REFERENCE, FHIR_QUERY,  "search-type",
      "DocumentReference" },
    { DMP_OPERATION_READ,      FHIR_READ,   "read", "DocumentReference" },
    { DMP_OPERATION_DEPOSIT,   FHIR_CREATE, "create", "DocumentReference" },
    { DMP_OPERATION_REPLACE,   FHIR_UPDATE, "update", "DocumentReference" },
    { DMP_OPERATION_MASK,      FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_UNMASK,    FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_HIDE,      FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_SHOW,      FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_DELETE,    FHIR_DELETE, "delete", "DocumentReference" },
    { DMP_OPERATION_ARCHIVE,   FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_UNARCHIVE, FHIR_UPDATE, "patch", "DocumentReference" },
    { DMP_OPERATION_HISTORY,   FHIR_QUERY,  "search-type", "AuditEvent" },
    { DMP_OPERATION_RIGHTS,    FHIR_UPDATE, "update", "Consent" },
    { DMP_OPERATION_CREATE,    FHIR_CREATE, "create", "Consent" },
    { DMP_OPERATION_CLOSE,     FHIR_UPDATE, "update", "Consent" },
    { DMP_OPERATION_REOPEN,    FHIR_UPDATE, "update", "Consent" },
    { DMP_OPERATION_METADATA,  FHIR_READ,   "capabilities",
      "CapabilityStatement" },
    { DMP_OPERATION_NONE,      FHIR_NONE,   "operation", NULL }
};

static const char  *const fhir_actions[] = { "E", "R", "E", "C", "U", "D" };

/* A delete has agents and entities of its own, and is not claimed. */
static const char  *const fhir_profiles[] = {
    NULL, "Read", "Query", "Create", "Update", NULL
};


static json_t *
fhir_coding(const char *system, const char *code, const char *display)
{
    return display != NULL
           ? json_pack("{s:s,s:s,s:s}", "system", system, "code", code,
                       "display", display)
           : json_pack("{s:s,s:s}", "system", system, "code", code);
}


json_t *
fhir_concept(const char *system, const char *code, const char *display)
{
    return json_pack("{s:[o]}", "coding", fhir_coding(system, code, display));
}


static const fhir_operation_t *
fhir_operation(const dmp_item_t *item)
{
    int                      value;
    const fhir_operation_t  *o;

    value = dmp_name_value(&dmp_operation_names, item->view.operation);

    for (o = fhir_operations; o->operation != DMP_OPERATION_NONE; o++) {
        if (value == (int) o->operation) {
            break;
        }
    }

    return o;
}


static bool
fhir_allowed(const dmp_item_t *item)
{
    return dmp_item_counts(item)
           && dmp_str_eq(item->view.decision, dmp_string("allow"));
}


bool
dmp_fhir_permits(const dmp_item_t *item)
{
    return fhir_allowed(item) && item->view.patient.len > 0
           && item->view.kind != DMP_KIND_SESSION;
}


static void
fhir_detail(json_t *list, const char *name, dmp_str_t value)
{
    if (value.len > 0) {
        json_array_append_new(list, json_pack("{s:s,s:o}", "type", name,
                                              "valueString",
                                              dmp_json_str(value)));
    }
}


static void
fhir_number(json_t *list, const char *name, uint64_t n)
{
    char  text[24];

    (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) n);
    fhir_detail(list, name, (dmp_str_t) { text, strlen(text) });
}


static void
fhir_word(json_t *list, const char *name, const char *word)
{
    fhir_detail(list, name, (dmp_str_t) { word, strlen(word) });
}


/* Where it stands in the trace: any of it can be looked up and proved. */
static void
fhir_place(json_t *list, const dmp_item_t *item)
{
    char  id[48];

    (void) snprintf(id, sizeof(id), "%llu-%llu",
                    (unsigned long long) item->entry->id_ms,
                    (unsigned long long) item->entry->id_seq);

    fhir_word(list, "kind", dmp_kind_name(item->view.kind));
    fhir_number(list, "bucket", item->entry->bucket);
    fhir_word(list, "stream-id", id);
    fhir_detail(list, "writer", item->view.writer);
    fhir_number(list, "epoch", item->view.epoch);
    fhir_number(list, "seq", item->view.seq);
    fhir_detail(list, "outcome", item->entry->outcome);
}


static void
fhir_decided(json_t *list, const dmp_item_t *item)
{
    const json_t  *body, *actor, *shown;

    body = item->body;
    actor = json_object_get(body, "actor");
    shown = json_object_get(actor, "certificate");

    fhir_detail(list, "operation", dmp_item_member(body, "operation"));
    fhir_detail(list, "transaction", dmp_item_member(body, "transaction"));
    fhir_detail(list, "change", dmp_item_member(body, "change"));
    fhir_detail(list, "target", dmp_item_member(body, "target"));
    fhir_detail(list, "mode", dmp_item_member(body, "mode"));
    fhir_word(list, "emergency", item->view.emergency ? "true" : "false");
    fhir_detail(list, "decision", dmp_item_member(body, "decision"));
    fhir_detail(list, "rule", dmp_item_member(body, "rule"));
    fhir_detail(list, "reason", dmp_item_reason(&item->view));
    fhir_detail(list, "policy", dmp_item_member(body, "policy"));
    fhir_number(list, "record-version", item->view.version);

    if (item->view.kind == DMP_KIND_CHANGE) {
        fhir_number(list, "new-version", item->view.new_version);
    }

    fhir_detail(list, "auth", dmp_item_member(actor, "auth"));
    fhir_detail(list, "structure", dmp_item_member(actor, "structure"));
    fhir_word(list, "unverified", item->view.unverified ? "true" : "");
    fhir_detail(list, "certificate-serial", dmp_item_member(shown, "serial"));
    fhir_detail(list, "certificate-issuer", dmp_item_member(shown, "issuer"));
    fhir_detail(list, "method", dmp_item_member(body, "method"));
    fhir_detail(list, "route", dmp_item_member(body, "route"));

    if (item->view.repeated > 0) {
        fhir_number(list, "repeated", item->view.repeated);
    }
}


static void
fhir_opened(json_t *list, const dmp_item_t *item)
{
    char  *text;

    if (item->justification != NULL) {
        fhir_detail(list, "justification", (dmp_str_t) {
                        json_string_value(item->justification),
                        json_string_length(item->justification) });
    }

    text = item->details != NULL ? json_dumps(item->details, JSON_COMPACT)
                                 : NULL;
    fhir_word(list, "details", text != NULL ? text : "");
    free(text);
}


static void
fhir_end(json_t *list, const dmp_ended_t *ended)
{
    if (ended == NULL) {
        return;
    }

    if (ended->ended) {
        fhir_number(list, "status", ended->status);
        fhir_number(list, "bytes", ended->bytes);
        fhir_number(list, "shown", ended->shown);
        fhir_number(list, "withheld", ended->withheld);
        fhir_word(list, "withheld-reason", ended->reason != DMP_REASON_NONE
                  ? dmp_reason_name((dmp_reason_t) ended->reason) : "");
    }

    fhir_word(list, "abandoned", ended->abandoned ? "true" : "false");
}


json_t *
fhir_details(const dmp_item_t *item, const dmp_ended_t *ended)
{
    size_t   i;
    json_t  *list, *document;

    list = json_array();
    fhir_place(list, item);
    fhir_decided(list, item);

    json_array_foreach(json_object_get(item->body, "documents"), i, document) {
        fhir_word(list, "document-type",
                  json_string_value(json_array_get(document, 1)));
    }

    fhir_opened(list, item);
    fhir_end(list, ended);

    return list;
}


/*
 * Failures: 8, as in IHE's example of a denial; 4 for what came to nothing
 * without one.  What is not known to have ended is taken for shown.
 */
static void
fhir_outcome(json_t *event, const dmp_item_t *item,
    const dmp_ended_t *ended)
{
    char         said[128];
    dmp_str_t    reason;
    const char  *code;

    code = "0";
    said[0] = '\0';
    reason = dmp_item_reason(&item->view);

    if (!dmp_item_counts(item)) {
        code = "4";
        (void) snprintf(said, sizeof(said), "void: %s%s",
                        dmp_item_void(&item->view),
                        item->view.kind == DMP_KIND_SESSION
                        ? "" : ", and it was decided anew");

    } else if (!fhir_allowed(item)) {
        code = "8";
        (void) snprintf(said, sizeof(said), "%.*s by rule %.*s: %.*s",
                        (int) item->view.decision.len,
                        item->view.decision.data, (int) item->view.rule.len,
                        item->view.rule.data, (int) reason.len, reason.data);

    } else if (dmp_not_forwarded(ended)
               && item->view.kind == DMP_KIND_ACCESS)
    {
        code = "4";
        (void) snprintf(said, sizeof(said), "traced and not forwarded");

    } else if (ended != NULL && ended->status >= 400) {
        code = ended->status >= 500 ? "8" : "4";
        (void) snprintf(said, sizeof(said), "answered with status %u",
                        ended->status);

    } else if (ended == NULL && item->view.kind == DMP_KIND_ACCESS) {
        (void) snprintf(said, sizeof(said), "no end of it is known: to be "
                        "taken for shown");
    }

    json_object_set_new(event, "outcome", json_string(code));

    if (said[0] != '\0') {
        json_object_set_new(event, "outcomeDesc", json_string(said));
    }
}


static json_t *
fhir_begin(const dmp_item_t *item, bool permit)
{
    char       text[64];
    json_t    *event;
    dmp_buf_t  b;

    event = json_pack("{s:s}", "resourceType", "AuditEvent");
    (void) snprintf(text, sizeof(text), "%u-%llu-%llu%s", item->entry->bucket,
                    (unsigned long long) item->entry->id_ms,
                    (unsigned long long) item->entry->id_seq,
                    permit ? "-permit" : "");
    json_object_set_new(event, "id", json_string(text));
    json_object_set_new(event, "meta", json_object());

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, item->view.time_ms);
    json_object_set_new(event, "recorded", json_stringn(text, b.len));

    return event;
}


/* The members in the order in which the standard lists them. */
static json_t *
fhir_ordered(json_t *event)
{
    size_t              i;
    json_t             *sorted, *value;
    static const char  *const order[] = {
        "resourceType", "id", "meta", "type", "subtype", "action", "period",
        "recorded", "outcome", "outcomeDesc", "agent", "source", "entity"
    };

    sorted = json_object();

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        value = json_object_get(event, order[i]);

        if (value != NULL
            && !(json_is_object(value) && json_object_size(value) == 0))
        {
            json_object_set(sorted, order[i], value);
        }
    }

    json_decref(event);

    return sorted;
}


static void
fhir_claim(json_t *event, const char *profile)
{
    json_object_set_new(json_object_get(event, "meta"), "profile",
                        json_pack("[s]", profile));
}


static void
fhir_rest(json_t *event, const fhir_operation_t *o)
{
    json_object_set_new(event, "type",
                        fhir_coding(FHIR_HL7 "audit-event-type", "rest",
                                    "Restful Operation"));
    json_object_set_new(event, "subtype", json_pack("[o]",
                        fhir_coding("http://hl7.org/fhir/restful-interaction",
                                    o->interaction, o->interaction)));
    json_object_set_new(event, "action", json_string(fhir_actions[o->shape]));
}


static json_t *
fhir_activity(const dmp_item_t *item, const dmp_ended_t *ended)
{
    char                     profile[128];
    bool                     whole;
    json_t                  *event;
    const fhir_operation_t  *o;

    o = fhir_operation(item);
    event = fhir_begin(item, false);
    fhir_rest(event, o);
    fhir_outcome(event, item, ended);

    whole = fhir_agents(event, item, o->shape);
    fhir_source(event, item, false);
    fhir_entities(event, item, ended, o->shape, o->resource);

    /* These profiles are of what succeeded. */
    if (whole && fhir_profiles[o->shape] != NULL
        && strcmp(json_string_value(json_object_get(event, "outcome")), "0")
           == 0)
    {
        (void) snprintf(profile, sizeof(profile), FHIR_BALP
                        "StructureDefinition/IHE.BasicAudit.%s%s",
                        item->view.patient.len > 0 ? "Patient" : "",
                        fhir_profiles[o->shape]);
        fhir_claim(event, profile);
    }

    return event;
}


static json_t *
fhir_decision(const dmp_item_t *item, const dmp_ended_t *ended,
    bool permit)
{
    bool     whole;
    json_t  *event;

    event = fhir_begin(item, permit);
    json_object_set_new(event, "type",
                        fhir_coding(FHIR_DCM, "110113", "Security Alert"));
    json_object_set_new(event, "subtype", json_pack("[o]",
                        fhir_coding(FHIR_BALP "CodeSystem/AuthZsubType",
                                    "AuthZ-Consent", NULL)));
    json_object_set_new(event, "action", json_string("E"));

    if (permit) {
        json_object_set_new(event, "outcome", json_string("0"));

    } else {
        fhir_outcome(event, item, ended);
    }

    whole = fhir_decision_agents(event, item);
    fhir_source(event, item, true);
    fhir_decision_entities(event, item, ended);

    if (whole && item->view.patient.len > 0) {
        fhir_claim(event, FHIR_BALP "StructureDefinition/"
                          "IHE.BasicAudit.AuthZconsent");
    }

    return event;
}


/*
 * What concerns a session is no access to a record, in no profile, and no
 * decision by consent either: DICOM's own codes tell it.
 */
static json_t *
fhir_session(const dmp_item_t *item, const dmp_ended_t *ended,
    dmp_profile_t profile)
{
    size_t   i;
    json_t  *event;

    static const struct {
        const char  *operation;
        const char  *code;
        const char  *display;
    } subtypes[] = {
        { "sign-in", "110122", "Login" },
        { "code", "110122", "Login" },
        { "sign-out", "110123", "Logout" },
        { "password", "110137", "User security Attributes Changed" },
        { "recovery", "110137", "User security Attributes Changed" }
    };

    event = fhir_begin(item, false);
    json_object_set_new(event, "type",
                        fhir_coding(FHIR_DCM, "110114",
                                    "User Authentication"));

    for (i = 0; i < sizeof(subtypes) / sizeof(subtypes[0]); i++) {
        if (dmp_str_eq(item->view.operation,
                       (dmp_str_t) { subtypes[i].operation,
                                     strlen(subtypes[i].operation) }))
        {
            json_object_set_new(event, "subtype", json_pack("[o]",
                                fhir_coding(FHIR_DCM, subtypes[i].code,
                                            subtypes[i].display)));
        }
    }

    json_object_set_new(event, "action", json_string("E"));
    fhir_outcome(event, item, ended);

    if (profile == DMP_PROFILE_TDE) {
        fhir_tde_agents(event, item);

    } else {
        (void) fhir_agents(event, item, FHIR_NONE);
    }

    fhir_source(event, item, false);
    fhir_entities(event, item, ended, FHIR_NONE, NULL);

    return event;
}


static json_t *
fhir_tde(const dmp_item_t *item, const dmp_ended_t *ended)
{
    json_t                  *event;
    const fhir_operation_t  *o;

    o = fhir_operation(item);
    event = fhir_begin(item, false);
    fhir_claim(event, FHIR_TDE);
    fhir_rest(event, o);
    json_object_set_new(event, "period", json_pack("{s:O}", "start",
                        json_object_get(event, "recorded")));
    fhir_outcome(event, item, ended);
    fhir_tde_agents(event, item);
    fhir_source(event, item, false);
    fhir_entities(event, item, ended, o->shape, o->resource);

    return event;
}


json_t *
dmp_fhir_event(const dmp_item_t *item, const dmp_ended_t *ended,
    dmp_profile_t profile, bool permit)
{
    json_t  *event;

    event = item->view.kind == DMP_KIND_SESSION
            ? fhir_session(item, ended, profile)
          : profile == DMP_PROFILE_TDE ? fhir_tde(item, ended)
          : permit || !fhir_allowed(item) ? fhir_decision(item, ended, permit)
          : fhir_activity(item, ended);

    return fhir_ordered(event);
}
