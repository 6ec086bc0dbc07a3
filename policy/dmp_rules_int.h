/*
 * dmp_rules_int.h: what the rules look at, and the rules themselves, one
 * function each.  Only dmp_decide.c calls them, in its order: a rule may rely
 * on those before it.
 */

#ifndef DMP_RULES_INT_H
#define DMP_RULES_INT_H

#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_rights.h>


typedef struct {
    const dmp_policy_t      *policy;
    const dmp_subject_t     *subject;
    const dmp_request_t     *request;
    const dmp_facts_t       *facts;
    const dmp_record_t      *record;     /* NULL unless present */
    const dmp_document_t    *document;   /* NULL as long as none is known */
    const dmp_profession_t  *profession; /* NULL: unknown */
    int32_t                  today;
    unsigned                 evidence;   /* DMP_EVIDENCE_… */
    bool                     treating;   /* a physician, by the record */
    bool                     author;     /* of the document */
    bool                     depositor;  /* the structure that deposited it */
    dmp_standing_t           standing;
    const dmp_cells_t       *cells;      /* of the standing */
    uint64_t                 needed;     /* rights, a bit each */
} dmp_case_t;

/* A rule returns why it denies, or DMP_REASON_NONE when it holds. */
typedef dmp_reason_t (*dmp_rule_pt)(const dmp_case_t *c);

/* dmp_rules_asker.c: who asks, and what */
dmp_reason_t dmp_rule_a1(const dmp_case_t *c);
dmp_reason_t dmp_rule_a2(const dmp_case_t *c);
dmp_reason_t dmp_rule_a3(const dmp_case_t *c);
dmp_reason_t dmp_rule_a4(const dmp_case_t *c);
dmp_reason_t dmp_rule_b1(const dmp_case_t *c);
dmp_reason_t dmp_rule_b2(const dmp_case_t *c);
dmp_reason_t dmp_rule_d1(const dmp_case_t *c);
dmp_reason_t dmp_rule_d2(const dmp_case_t *c);
dmp_reason_t dmp_rule_p1(const dmp_case_t *c);

/* dmp_rights.c: what the tables give */
dmp_reason_t dmp_rule_e1(const dmp_case_t *c);

/* dmp_rules_record.c: what the patient decided */
dmp_reason_t dmp_rule_x1(const dmp_case_t *c);
dmp_reason_t dmp_rule_c1(const dmp_case_t *c);
dmp_reason_t dmp_rule_c2(const dmp_case_t *c);
dmp_reason_t dmp_rule_f1(const dmp_case_t *c);
dmp_reason_t dmp_rule_g1(const dmp_case_t *c);
dmp_reason_t dmp_rule_g2(const dmp_case_t *c);
dmp_reason_t dmp_rule_g3(const dmp_case_t *c);
dmp_reason_t dmp_rule_g4(const dmp_case_t *c);
dmp_reason_t dmp_rule_g5(const dmp_case_t *c);
dmp_reason_t dmp_rule_g6(const dmp_case_t *c);
dmp_reason_t dmp_rule_g7(const dmp_case_t *c);

/* dmp_rules_document.c: what holds for this document */
dmp_reason_t dmp_rule_h1(const dmp_case_t *c);
dmp_reason_t dmp_rule_h2(const dmp_case_t *c);
dmp_reason_t dmp_rule_h3(const dmp_case_t *c);
dmp_reason_t dmp_rule_h4(const dmp_case_t *c);
dmp_reason_t dmp_rule_h5(const dmp_case_t *c);
dmp_reason_t dmp_rule_h6(const dmp_case_t *c);
dmp_reason_t dmp_rule_h7(const dmp_case_t *c);
dmp_reason_t dmp_rule_p2(const dmp_case_t *c);


/* What of the needed rights is given under that condition only. */
static inline uint64_t
dmp_needed_under(const dmp_case_t *c, dmp_condition_t condition)
{
    return c->needed & c->cells->under[condition];
}


/* The structure that the subject is, or acts for; empty if unknown. */
dmp_str_t dmp_structure_of(const dmp_subject_t *subject);

/* On positive evidence: of the situation used, or of all known ones. */
#define DMP_EVIDENCE_EXCLUDED      0x01  /* rule D1 */
#define DMP_EVIDENCE_OCCUPATIONAL  0x02  /* an occupational doctor */

unsigned dmp_evidence(const dmp_case_t *c);

/* No sector is known that D1 could look at. */
bool dmp_is_unverified(const dmp_subject_t *subject);

/* A list names the person, by whichever of their identifiers. */
bool dmp_list_names(const dmp_list_t *list, const dmp_subject_t *subject);

/* dmp_standing(), with what has been found out already. */
dmp_standing_t dmp_standing_of(const dmp_case_t *c);

/* What G1 asks an authorisation for. */
bool dmp_consults(dmp_operation_t operation);

/* G1 would let them read in this record, if the request were to read. */
bool dmp_may_consult(const dmp_case_t *c);

/*
 * E1 would let them read, if the request were to read: the document, when
 * there is one.
 */
bool dmp_may_read(const dmp_case_t *c);

/* An operation that changes a document of the record, or adds one. */
bool dmp_changes_document(dmp_operation_t operation);


static inline bool
dmp_list_has(const dmp_list_t *list, dmp_str_t value)
{
    return dmp_find_named(list->list, list->n, sizeof(dmp_str_t), value)
           != NULL;
}


/* The first grant to that person from there on; NULL if none is left. */
static inline const dmp_grant_t *
dmp_grant_of(const dmp_record_t *record, const dmp_grant_t *from, dmp_str_t id)
{
    if (id.len == 0 || record->n_authorisations == 0) {
        return NULL;
    }

    return dmp_find_named(from, (size_t) (record->authorisations
                                          + record->n_authorisations - from),
                          sizeof(dmp_grant_t), id);
}


/* By its name or its id; the name is not worked out for a list without it. */
static inline bool
dmp_list_names_document(const dmp_list_t *list, const dmp_document_t *document)
{
    return dmp_list_has(list, document->id)
           || (dmp_list_has(list, document->master)
               && dmp_list_has(list, dmp_document_name(document)));
}


/* An empty one asks for nothing; "10" is a doctor in one system only. */
static inline bool
dmp_code_is(const dmp_code_t *wanted, const dmp_code_t *code)
{
    return wanted->code.len == 0
           || (dmp_str_eq(wanted->code, code->code)
               && dmp_str_eq(wanted->system, code->system));
}


/* One of the identifiers of the person. */
static inline bool
dmp_is_self(const dmp_subject_t *subject, dmp_str_t id)
{
    unsigned  i;

    if (id.len == 0) {
        return false;
    }

    if (dmp_str_eq(subject->id, id)) {
        return true;
    }

    for (i = 0; i < subject->n_other_ids && i < DMP_SUBJECT_IDS; i++) {
        if (dmp_str_eq(subject->other_ids[i], id)) {
            return true;
        }
    }

    return false;
}


static inline bool
dmp_names_patient(const dmp_request_t *request)
{
    return request->ins.len != 0;
}


/* The patient, or who acts for them with the same rights. */
static inline bool
dmp_is_holder(const dmp_subject_t *subject)
{
    return subject->actor == DMP_ACTOR_PATIENT
           || subject->actor == DMP_ACTOR_REPRESENTATIVE;
}


/* What the host can do: it says nothing of any patient, nor of any record. */
static inline bool
dmp_is_metadata(const dmp_request_t *request)
{
    return request->operation == DMP_OPERATION_METADATA;
}


static inline bool
dmp_is_emergency(const dmp_request_t *request)
{
    return request->mode != DMP_MODE_NORMAL;
}

#endif
