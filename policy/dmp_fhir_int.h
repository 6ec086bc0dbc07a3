/*
 * dmp_fhir_int.h: what the files that make an AuditEvent share: the event, and
 * who and what it names.
 */

#ifndef DMP_FHIR_INT_H
#define DMP_FHIR_INT_H

#include <dmp/dmp_history.h>


typedef enum {
    FHIR_NONE = 0,
    FHIR_READ,
    FHIR_QUERY,
    FHIR_CREATE,
    FHIR_UPDATE,
    FHIR_DELETE
} fhir_shape_t;

/* dmp_fhir.c */
json_t *fhir_concept(const char *system, const char *code,
    const char *display);
json_t *fhir_details(const dmp_item_t *item, const dmp_ended_t *ended);

/*
 * dmp_fhir_who.c: agents; true if all that the profile demands are known.
 */
bool fhir_agents(json_t *event, const dmp_item_t *item, fhir_shape_t shape);
bool fhir_decision_agents(json_t *event, const dmp_item_t *item);
void fhir_tde_agents(json_t *event, const dmp_item_t *item);
void fhir_source(json_t *event, const dmp_item_t *item, bool security);

/* dmp_fhir_what.c: entities. */
void fhir_entities(json_t *event, const dmp_item_t *item,
    const dmp_ended_t  *ended, fhir_shape_t shape, const char *resource);
void fhir_decision_entities(json_t *event, const dmp_item_t *item,
    const dmp_ended_t  *ended);

#endif
