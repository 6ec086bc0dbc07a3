/*
 * dmp_fhir_what.c: the entities of an AuditEvent: the patient, by the
 * pseudonym, what was asked for, and which entry of the trace it is.
 */

#include <stdio.h>
#include <string.h>

#include "dmp_fhir_int.h"


#define FHIR_HL7     "http://terminology.hl7.org/CodeSystem/"
#define FHIR_BALP    "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
#define FHIR_ABSENT  "http://hl7.org/fhir/StructureDefinition/"              \
                     "data-absent-reason"


static json_t *
fhir_entity(json_t *what, const char *type, const char *type_display,
    const char *role, const char *role_display)
{
    json_t  *entity;

    entity = json_object();

    if (what != NULL) {
        json_object_set_new(entity, "what", what);
    }

    json_object_set_new(entity, "type", json_pack("{s:s,s:s,s:s}", "system",
                        FHIR_HL7 "audit-entity-type", "code", type, "display",
                        type_display));
    json_object_set_new(entity, "role", json_pack("{s:s,s:s,s:s}", "system",
                        FHIR_HL7 "object-role", "code", role, "display",
                        role_display));

    return entity;
}


static void
fhir_patient(json_t *entities, const dmp_item_t *item)
{
    dmp_str_t  p;

    p = dmp_item_member(item->body, "patient");

    if (p.len > 0) {
        json_array_append_new(entities, fhir_entity(
            json_pack("{s:s,s:{s:s,s:o}}", "type", "Patient", "identifier",
                      "system", "urn:dmp:pseudonym", "value",
                      dmp_json_str(p)),
            "1", "Person", "1", "Patient"));
    }
}


/* The patient's consent is the record of their rights, in that version. */
static json_t *
fhir_consent(const dmp_item_t *item)
{
    char       text[64];
    dmp_str_t  p;

    p = dmp_item_member(item->body, "patient");
    (void) snprintf(text, sizeof(text), "%.*s/%llu", (int) p.len,
                    p.len > 0 ? p.data : "",
                    (unsigned long long) item->view.version);

    return json_pack("{s:s,s:{s:s,s:s}}", "type", "Consent", "identifier",
                     "system", "urn:dmp:record-version", "value", text);
}


/* The trace has the route and not the query, which names the patient. */
static void
fhir_query(json_t *entities, const dmp_item_t *item)
{
    char       text[512];
    json_t    *entity;
    dmp_str_t  method, route;

    method = dmp_item_member(item->body, "method");
    route = dmp_item_member(item->body, "route");
    (void) snprintf(text, sizeof(text), "%.*s%s%.*s", (int) method.len,
                    method.len > 0 ? method.data : "",
                    method.len > 0 ? " " : "", (int) route.len,
                    route.len > 0 ? route.data : "");

    entity = fhir_entity(NULL, "2", "System Object", "24", "Query");
    json_object_set_new(entity, "description", json_string(text));
    json_object_set_new(entity, "_query", json_pack("{s:[{s:s,s:s}]}",
                        "extension", "url", FHIR_ABSENT, "valueCode",
                        "masked"));
    json_array_append_new(entities, entity);
}


/* Each document that was named, or what kind of thing it was. */
static void
fhir_data(json_t *entities, const dmp_item_t *item, const char *resource)
{
    size_t   i;
    json_t  *what, *list, *document;

    list = json_object_get(item->body, "documents");

    if (strcmp(resource, "Consent") == 0) {
        json_array_append_new(entities,
            fhir_entity(fhir_consent(item), "2", "System Object", "4",
                        "Domain Resource"));
        return;
    }

    json_array_foreach(list, i, document) {
        what = json_pack("{s:s,s:{s:O}}", "type", resource, "identifier",
                         "value", json_array_get(document, 0));
        json_array_append_new(entities,
            fhir_entity(what, "2", "System Object", "4", "Domain Resource"));
    }

    if (json_array_size(list) == 0) {
        what = json_pack("{s:s,s:o}", "type", resource, "display",
                         dmp_json_str(dmp_item_member(item->body, "route")));
        json_array_append_new(entities,
            fhir_entity(what, "2", "System Object", "4", "Domain Resource"));
    }
}


void
fhir_entities(json_t *event, const dmp_item_t *item,
    const dmp_ended_t *ended, fhir_shape_t shape, const char *resource)
{
    json_t  *entities;

    entities = json_array();

    if (shape == FHIR_QUERY) {
        fhir_query(entities, item);

    } else if (resource != NULL) {
        fhir_data(entities, item, resource);
    }

    fhir_patient(entities, item);
    json_array_append_new(entities, json_pack(
        "{s:{s:{s:o}},s:{s:s,s:s},s:o}", "what", "identifier", "value",
        dmp_json_str(dmp_item_member(item->body, "trace")), "type", "system",
        FHIR_BALP "BasicAuditEntityType", "code", "XrequestId", "detail",
        fhir_details(item, ended)));
    json_object_set_new(event, "entity", entities);
}


/* Its profile has no other entities: the trace id stands with the consent. */
void
fhir_decision_entities(json_t *event, const dmp_item_t *item,
    const dmp_ended_t *ended)
{
    json_t  *entities, *details;

    entities = json_array();
    fhir_patient(entities, item);
    details = fhir_details(item, ended);
    json_array_insert_new(details, 0, json_pack("{s:s,s:o}", "type", "trace",
        "valueString", dmp_json_str(dmp_item_member(item->body, "trace"))));
    json_array_append_new(entities, json_pack(
        "{s:o,s:{s:s,s:s,s:s},s:o}", "what", fhir_consent(item), "type",
        "system", "http://hl7.org/fhir/resource-types", "code", "Consent",
        "display", "Consent", "detail", details));
    json_object_set_new(event, "entity", entities);
}
