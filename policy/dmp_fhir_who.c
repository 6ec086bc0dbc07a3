/*
 * dmp_fhir_who.c: the agents of an AuditEvent: who asked, from where, and
 * the gateway that let them or not.
 */

#include <stdio.h>
#include <string.h>

#include <dmp/dmp_ids.h>

#include "dmp_fhir_int.h"


#define FHIR_DCM  "http://dicom.nema.org/resources/ontology/DCM"
#define FHIR_HL7  "http://terminology.hl7.org/CodeSystem/"

#define FHIR_PS_ID      "urn:oid:1.2.250.1.71.4.2.1"
#define FHIR_STRUCT_ID  "urn:oid:1.2.250.1.71.4.2.2"


static json_t *
fhir_identified(const char *type, const char *system, dmp_str_t value)
{
    return json_pack("{s:s,s:{s:s,s:o}}", "type", type, "identifier",
                     "system", system, "value", dmp_json_str(value));
}


/* Its name, without the digits of this life of it. */
static dmp_str_t
fhir_node(const dmp_item_t *item)
{
    size_t     len;
    dmp_str_t  node;

    node = item->view.writer;

    for (len = node.len; len > 0; len--) {
        if (node.data[len - 1] == '/') {
            node.len = len - 1;
            break;
        }
    }

    return node;
}


static json_t *
fhir_gateway(const dmp_item_t *item)
{
    json_t  *who;

    who = fhir_identified("Device", "urn:dmp:writer", item->view.writer);
    json_object_set_new(who, "display", dmp_json_str(fhir_node(item)));

    return who;
}


/* A client's software has no name here: its address stands for it. */
static json_t *
fhir_client_who(const dmp_item_t *item)
{
    return json_pack("{s:o}", "display",
                     dmp_json_str(dmp_item_member(item->body, "client")));
}


static json_t *
fhir_network(dmp_str_t address, const char *type)
{
    return json_pack("{s:o,s:s}", "address", dmp_json_str(address), "type",
                     type);
}


/* NULL: nobody was identified. */
static json_t *
fhir_user_who(const dmp_item_t *item)
{
    int            kind;
    dmp_str_t      id;
    const json_t  *actor;

    actor = json_object_get(item->body, "actor");
    id = dmp_item_member(actor, "id");
    kind = dmp_name_value(&dmp_actor_names, dmp_item_member(actor, "kind"));

    if (id.len == 0 || kind <= DMP_ACTOR_NONE) {
        return NULL;
    }

    switch (kind) {

    case DMP_ACTOR_PATIENT:
        return fhir_identified("Patient", "urn:dmp:pseudonym", id);

    case DMP_ACTOR_REPRESENTATIVE:
        return fhir_identified("RelatedPerson", "urn:dmp:pseudonym", id);

    default:
        break;
    }

    if (dmp_ps_id(id) != DMP_PS_ID_NONE) {
        return fhir_identified("Practitioner", FHIR_PS_ID, id);
    }

    if (dmp_struct_id(id)) {
        return fhir_identified("Organization", FHIR_STRUCT_ID, id);
    }

    return json_pack("{s:o}", "display", dmp_json_str(id));
}


static void
fhir_role(json_t *roles, const json_t *actor, const char *name)
{
    char       system[128];
    dmp_str_t  oid, code;

    oid = dmp_item_code(actor, name, 0);
    code = dmp_item_code(actor, name, 1);

    if (code.len == 0) {
        return;
    }

    (void) snprintf(system, sizeof(system), "urn:oid:%.*s", (int) oid.len,
                    oid.len > 0 ? oid.data : "");
    json_array_append_new(roles,
        oid.len > 0
        ? json_pack("{s:[{s:s,s:o}]}", "coding", "system", system, "code",
                    dmp_json_str(code))
        : json_pack("{s:[{s:o}]}", "coding", "code", dmp_json_str(code)));
}


/* v3-ActReason: care, breaking the glass, care in an emergency. */
static const char *
fhir_purpose(const dmp_item_t *item)
{
    int            kind;
    const json_t  *actor;

    actor = json_object_get(item->body, "actor");
    kind = dmp_name_value(&dmp_actor_names, dmp_item_member(actor, "kind"));

    switch (kind) {

    case DMP_ACTOR_PATIENT:
    case DMP_ACTOR_REPRESENTATIVE:
        return "PATRQT";

    case DMP_ACTOR_PROFESSIONAL:
    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
        break;

    default:
        return NULL;
    }

    switch (dmp_name_value(&dmp_mode_names, item->view.mode)) {

    case DMP_MODE_NORMAL:
        return "TREAT";

    case DMP_MODE_BRIS_DE_GLACE:
        return "BTG";

    case DMP_MODE_CENTRE_15:
        return "ETREAT";

    default:
        return NULL;
    }
}


static json_t *
fhir_user(const dmp_item_t *item, const char *type, const char *display)
{
    json_t        *user, *who, *roles;
    const char    *purpose;
    const json_t  *actor;

    who = fhir_user_who(item);
    if (who == NULL) {
        return NULL;
    }

    actor = json_object_get(item->body, "actor");
    roles = json_array();
    fhir_role(roles, actor, "role");
    fhir_role(roles, actor, "specialty");
    fhir_role(roles, actor, "sector");

    user = json_object();

    if (type != NULL) {
        json_object_set_new(user, "type",
                            fhir_concept(FHIR_HL7 "v3-ParticipationType",
                                         type, display));
    }

    if (json_array_size(roles) > 0) {
        json_object_set(user, "role", roles);
    }

    json_decref(roles);
    json_object_set_new(user, "who", who);
    json_object_set_new(user, "requestor", json_true());

    purpose = fhir_purpose(item);

    if (purpose != NULL) {
        json_object_set_new(user, "purposeOfUse", json_pack("[o]",
                            fhir_concept(FHIR_HL7 "v3-ActReason", purpose,
                                         NULL)));
    }

    return user;
}


/* False where the trace has no address, as of a command on the gateway. */
static bool
fhir_client(json_t *agents, const dmp_item_t *item, const char *code,
    const char *display)
{
    dmp_str_t  address;

    address = dmp_item_member(item->body, "client");

    if (address.len == 0) {
        return false;
    }

    json_array_append_new(agents, json_pack("{s:o,s:o,s:b,s:o}", "type",
        fhir_concept(FHIR_DCM, code, display), "who", fhir_client_who(item),
        "requestor", 0, "network", fhir_network(address, "2")));

    return true;
}


bool
fhir_agents(json_t *event, const dmp_item_t *item, fhir_shape_t shape)
{
    bool     whole, reads;
    json_t  *agents, *user;

    /* Of a read the client is the destination; else what it says goes out. */
    reads = shape == FHIR_READ;
    agents = json_array();
    whole = reads
            ? fhir_client(agents, item, "110152", "Destination Role ID")
            : fhir_client(agents, item, "110153", "Source Role ID");

    json_array_append_new(agents, json_pack("{s:o,s:o,s:b,s:o}", "type",
        reads ? fhir_concept(FHIR_DCM, "110153", "Source Role ID")
              : fhir_concept(FHIR_DCM, "110152", "Destination Role ID"),
        "who", fhir_gateway(item), "requestor", 0, "network",
        fhir_network(fhir_node(item), "1")));

    user = shape == FHIR_READ || shape == FHIR_QUERY
           ? fhir_user(item, "IRCP", "information recipient")
           : fhir_user(item, "AUT", "author");

    if (user != NULL) {
        json_array_append_new(agents, user);
    }

    json_object_set_new(event, "agent", agents);

    return whole;
}


bool
fhir_decision_agents(json_t *event, const dmp_item_t *item)
{
    bool       whole;
    json_t    *agents, *user;
    dmp_str_t  structure;

    agents = json_array();
    whole = fhir_client(agents, item, "110150", "Application");
    user = fhir_user(item, "IRCP", "information recipient");

    if (user != NULL) {
        json_array_append_new(agents, user);
    }

    structure = dmp_item_member(json_object_get(item->body, "actor"),
                             "structure");
    if (structure.len > 0) {
        json_array_append_new(agents, json_pack("{s:o,s:o,s:b}", "type",
            fhir_concept(FHIR_HL7 "v3-RoleClass", "PROV",
                         "healthcare provider"),
            "who", fhir_identified("Organization", FHIR_STRUCT_ID, structure),
            "requestor", 0));
    }

    json_array_append_new(agents, json_pack("{s:o,s:o,s:b}", "type",
        fhir_concept(FHIR_HL7 "extra-security-role-type", "authserver",
                     "authorization server"),
        "who", fhir_gateway(item), "requestor", 0));
    json_object_set_new(event, "agent", agents);

    return whole && user != NULL && structure.len > 0;
}


/* Two at most: who asked, from which address, and the gateway. */
void
fhir_tde_agents(json_t *event, const dmp_item_t *item)
{
    json_t     *user;
    dmp_str_t   address;

    user = fhir_user(item, NULL, NULL);

    if (user == NULL) {
        user = json_pack("{s:{s:s},s:b}", "who", "display",
                         "nobody was identified", "requestor", 1);
    }

    address = dmp_item_member(item->body, "client");

    if (address.len > 0) {
        json_object_set_new(user, "network", fhir_network(address, "2"));
    }

    json_object_set_new(event, "agent", json_pack("[o,{s:o,s:b}]", user, "who",
                        fhir_gateway(item), "requestor", 0));
}


void
fhir_source(json_t *event, const dmp_item_t *item, bool security)
{
    json_object_set_new(event, "source", json_pack("{s:o,s:[{s:s,s:s,s:s}]}",
        "observer", fhir_gateway(item), "type", "system",
        FHIR_HL7 "security-source-type", "code", security ? "6" : "4",
        "display", security ? "Security Server" : "Application Server"));
}
