/*
 * dmp_decide.c: the decision.  One function per rule, three tables that order
 * them; the first that denies wins, and what none of them grants is denied.
 *
 * Nothing here may allocate, read a clock or keep state.
 */

#include <dmp/dmp_request.h>

#include "dmp_rules_int.h"


typedef struct {
    dmp_rule_t   rule;
    dmp_rule_pt  holds;
} dmp_rule_entry_t;

/*
 * By letter and number, but for P1, D1 and D2, which come before C1, and G5
 * and G7, which come before G1: whoever may not know is refused before
 * anything of the record, or of the patient's choices, is told by the reason.
 * That does not change what is denied.
 */
static const dmp_rule_entry_t  dmp_rules_of_asking[] = {
    { DMP_RULE_A1, dmp_rule_a1 },
    { DMP_RULE_A2, dmp_rule_a2 },
    { DMP_RULE_A3, dmp_rule_a3 },
    { DMP_RULE_A4, dmp_rule_a4 },
    { DMP_RULE_B1, dmp_rule_b1 },
    { DMP_RULE_B2, dmp_rule_b2 },
    { DMP_RULE_X1, dmp_rule_x1 },
};

/* These look at what dmp_case_init() finds out. */
static const dmp_rule_entry_t  dmp_rules_of_request[] = {
    { DMP_RULE_P1, dmp_rule_p1 },
    { DMP_RULE_D1, dmp_rule_d1 },
    { DMP_RULE_D2, dmp_rule_d2 },
    { DMP_RULE_C1, dmp_rule_c1 },
    { DMP_RULE_C2, dmp_rule_c2 },
    { DMP_RULE_E1, dmp_rule_e1 },
    { DMP_RULE_F1, dmp_rule_f1 },
    { DMP_RULE_G5, dmp_rule_g5 },
    { DMP_RULE_G7, dmp_rule_g7 },
    { DMP_RULE_G1, dmp_rule_g1 },
    { DMP_RULE_G2, dmp_rule_g2 },
    { DMP_RULE_G3, dmp_rule_g3 },
    { DMP_RULE_G4, dmp_rule_g4 },
    { DMP_RULE_G6, dmp_rule_g6 },
};

static const dmp_rule_entry_t  dmp_rules_of_document[] = {
    { DMP_RULE_H1, dmp_rule_h1 },
    { DMP_RULE_H2, dmp_rule_h2 },
    { DMP_RULE_H3, dmp_rule_h3 },
    { DMP_RULE_H4, dmp_rule_h4 },
    { DMP_RULE_H5, dmp_rule_h5 },
    { DMP_RULE_H6, dmp_rule_h6 },
    { DMP_RULE_H7, dmp_rule_h7 },
    { DMP_RULE_P2, dmp_rule_p2 },
};

#define dmp_count(table)  (sizeof(table) / sizeof((table)[0]))


/* Where dmp_explain() wants the steps; elsewhere NULL stands for it. */
typedef struct {
    dmp_step_t  *steps;
    size_t       n;
} dmp_steps_t;


static void
dmp_steps_add(dmp_steps_t *steps, dmp_rule_t rule, dmp_reason_t reason)
{
    if (steps->n < DMP_RULE_MAX) {
        steps->steps[steps->n].rule = rule;
        steps->steps[steps->n++].reason = reason;
    }
}


/* True if every rule of the table holds; else *out says which did not. */
static bool
dmp_rules_hold(const dmp_case_t *c, const dmp_rule_entry_t *rules, size_t n,
    dmp_steps_t *steps, dmp_decision_t *out)
{
    dmp_reason_t             reason;
    const dmp_rule_entry_t  *rule, *end;

    end = rules + n;

    for (rule = rules; rule < end; rule++) {
        reason = rule->holds(c);

        if (steps != NULL) {
            dmp_steps_add(steps, rule->rule, reason);
        }

        if (reason != DMP_REASON_NONE) {
            out->effect = (rule->rule == DMP_RULE_X1) ? DMP_ERROR : DMP_DENY;
            out->rule = rule->rule;
            out->reason = reason;
            return false;
        }
    }

    return true;
}


/* Whose the document is. */
static void
dmp_case_document(dmp_case_t *c)
{
    unsigned   i;
    dmp_str_t  structure;

    for (i = 0; i < c->document->n_authors; i++) {
        if (dmp_is_self(c->subject, c->document->authors[i])) {
            c->author = true;
        }
    }

    /* whose own documents are not those of the structure they work for */
    if (c->subject->actor == DMP_ACTOR_PROFESSIONAL
        && c->subject->auth != DMP_AUTH_INDIRECT
        && c->standing.column != DMP_COLUMN_PE_NORMAL)
    {
        return;
    }

    structure = dmp_structure_of(c->subject);

    for (i = 0; structure.len != 0 && i < c->document->n_structures; i++) {
        if (dmp_str_eq(structure, c->document->structures[i])) {
            c->depositor = true;
        }
    }
}


/* What the standing depends on, found out once. */
static void
dmp_case_subject(dmp_case_t *c)
{
    c->profession = (c->subject->actor == DMP_ACTOR_PROFESSIONAL)
                    ? dmp_policy_profession(c->policy, c->subject->role)
                    : NULL;
    c->evidence = dmp_evidence(c);

    /* a physician, and none of those who are not to be one here */
    c->treating = c->profession != NULL
                  && c->profession->kind == DMP_PROFESSION_DOCTOR
                  && !c->profession->training
                  && !(c->evidence & DMP_EVIDENCE_OCCUPATIONAL)
                  && c->record != NULL
                  && dmp_list_names(&c->record->treating, c->subject);
}


/* What the rules after X1 look at, found out once. */
static void
dmp_case_init(dmp_case_t *c)
{
    dmp_case_subject(c);

    c->standing = dmp_standing_of(c);
    c->cells = &c->policy->cells[c->standing.table][c->standing.column];
    c->needed = dmp_rights_needed(c->subject, c->request);

    /* TD2.1 or TD2.2: whichever of the two the column has */
    if (c->needed & ~c->cells->allows & dmp_right_bit(DMP_RIGHT_DEPOSIT)) {
        c->needed ^= dmp_right_bit(DMP_RIGHT_DEPOSIT)
                     | dmp_right_bit(DMP_RIGHT_DEPOSIT_STAFF);
    }

    if (c->document != NULL) {
        dmp_case_document(c);
    }
}


dmp_standing_t
dmp_standing(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_record_t *record)
{
    dmp_case_t  c;

    memset(&c, 0, sizeof(c));
    c.policy = policy;
    c.subject = subject;
    c.request = request;
    c.record = record;

    dmp_case_subject(&c);

    return dmp_standing_of(&c);
}


bool
dmp_is_treating(const dmp_policy_t *policy, const dmp_record_t *record,
    const dmp_subject_t *subject)
{
    dmp_case_t  c;

    memset(&c, 0, sizeof(c));
    c.policy = policy;
    c.subject = subject;
    c.record = record;

    dmp_case_subject(&c);

    return c.treating;
}


static dmp_rule_t
dmp_granting_rule(const dmp_case_t *c)
{
    if (dmp_is_metadata(c->request)) {
        return DMP_RULE_E1;
    }

    if (dmp_is_holder(c->subject)) {
        return DMP_RULE_P1;
    }

    switch (c->request->mode) {

    case DMP_MODE_BRIS_DE_GLACE:
        return DMP_RULE_G2;

    case DMP_MODE_CENTRE_15:
        return DMP_RULE_G5;

    default:
        break;
    }

    return (c->subject->actor == DMP_ACTOR_PROFESSIONAL
            && dmp_consults(c->request->operation)) ? DMP_RULE_G1
                                                    : DMP_RULE_E1;
}


/* What enforcing each operation takes; none for what nobody can enforce. */
static const uint32_t  dmp_obligations_of[DMP_OPERATION_MAX] = {
    [DMP_OPERATION_CHECK] = DMP_OBLIGATION_COMPOSE,
    [DMP_OPERATION_FIND] = DMP_OBLIGATION_COMPOSE | DMP_OBLIGATION_FILTER,
    [DMP_OPERATION_SEARCH] = DMP_OBLIGATION_FILTER,
    [DMP_OPERATION_REFERENCE] = DMP_OBLIGATION_FILTER,
    [DMP_OPERATION_READ] = DMP_OBLIGATION_JUDGE,
    [DMP_OPERATION_DEPOSIT] = DMP_OBLIGATION_FORWARD_CHANGE
                              | DMP_OBLIGATION_NOTIFY_DOCUMENT,
    [DMP_OPERATION_REPLACE] = DMP_OBLIGATION_FORWARD_CHANGE
                              | DMP_OBLIGATION_NOTIFY_DOCUMENT
                              | DMP_OBLIGATION_CARRY_LABELS
                              | DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_MASK] = DMP_OBLIGATION_FORWARD_CHANGE
                           | DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_UNMASK] = DMP_OBLIGATION_FORWARD_CHANGE
                             | DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_HIDE] = DMP_OBLIGATION_FORWARD_CHANGE,
    [DMP_OPERATION_SHOW] = DMP_OBLIGATION_FORWARD_CHANGE,
    [DMP_OPERATION_DELETE] = DMP_OBLIGATION_FORWARD_CHANGE,
    [DMP_OPERATION_ARCHIVE] = DMP_OBLIGATION_FORWARD_CHANGE,
    [DMP_OPERATION_UNARCHIVE] = DMP_OBLIGATION_FORWARD_CHANGE,
    [DMP_OPERATION_HISTORY] = DMP_OBLIGATION_COMPOSE | DMP_OBLIGATION_FILTER,
    [DMP_OPERATION_RIGHTS] = DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_CREATE] = DMP_OBLIGATION_CHANGE_RECORD
                             | DMP_OBLIGATION_NOTIFY_RECORD_CREATED,
    [DMP_OPERATION_CLOSE] = DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_REOPEN] = DMP_OBLIGATION_CHANGE_RECORD,
    [DMP_OPERATION_METADATA] = DMP_OBLIGATION_JUDGE,
};


/* Masking is one of the patient's rights, however it comes about. */
static bool
dmp_changes_rights(const dmp_case_t *c)
{
    switch (c->request->operation) {

    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_RIGHTS:
    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return true;

    default:
        return (c->request->effects & (DMP_EFFECT_MASK|DMP_EFFECT_UNMASK))
               != 0;
    }
}


/*
 * An answer that lists documents may hold them whole: ITI-105 puts them into
 * metadata.  Content leaves only to who could read it: the table may give a
 * search or a reference and no reading, or no reading of documents in that
 * state, and one's own may be referred to without an authorisation.
 */
static uint32_t
dmp_content_withheld(const dmp_case_t *c)
{
    switch (c->request->operation) {

    case DMP_OPERATION_SEARCH:
        return dmp_may_read(c) ? 0 : DMP_OBLIGATION_METADATA_ONLY;

    case DMP_OPERATION_REFERENCE:
        return (dmp_may_read(c) && dmp_may_consult(c))
               ? 0 : DMP_OBLIGATION_METADATA_ONLY;

    default:
        return 0;
    }
}


/* A reference is a reading where content may come with it. */
static bool
dmp_is_reading(const dmp_case_t *c)
{
    switch (c->request->operation) {

    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_READ:
        return true;

    case DMP_OPERATION_REFERENCE:
        return dmp_content_withheld(c) == 0;

    default:
        return false;
    }
}


/* Who is told what; the store knows what has been told before. */
static uint32_t
dmp_notices(const dmp_case_t *c)
{
    uint32_t  notices;

    notices = 0;

    /* in what the host can do there is no patient to tell */
    if (dmp_is_emergency(c->request) && !dmp_is_metadata(c->request)) {
        notices |= DMP_OBLIGATION_NOTIFY_EMERGENCY;
    }

    if (c->subject->actor == DMP_ACTOR_PROFESSIONAL && dmp_is_reading(c)) {
        notices |= DMP_OBLIGATION_NOTIFY_FIRST_ACCESS;
    }

    if (c->subject->actor != DMP_ACTOR_PATIENT && dmp_changes_rights(c)) {
        notices |= DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED;
    }

    return notices;
}


static void
dmp_grant(const dmp_case_t *c, dmp_decision_t *out)
{
    out->obligations |= dmp_obligations_of[c->request->operation]
                        | dmp_notices(c) | dmp_content_withheld(c);

    if (c->request->effects & (DMP_EFFECT_MASK|DMP_EFFECT_UNMASK)) {
        out->obligations |= DMP_OBLIGATION_CHANGE_RECORD;
    }

    if (c->request->effects & DMP_EFFECT_SUPERSEDE) {
        out->obligations |= DMP_OBLIGATION_CARRY_LABELS
                            | DMP_OBLIGATION_CHANGE_RECORD;
    }

    if (dmp_needed_under(c, DMP_CONDITION_OWN_TRACES)) {
        out->obligations |= DMP_OBLIGATION_OWN_ONLY;
    }

    if (dmp_needed_under(c, DMP_CONDITION_IMPUTED)
        | dmp_needed_under(c, DMP_CONDITION_FOR_STRUCTURE))
    {
        out->obligations |= DMP_OBLIGATION_IMPUTE;
    }

    out->effect = DMP_ALLOW;
    out->rule = dmp_granting_rule(c);
    out->reason = DMP_REASON_NONE;
}


/* The rules of the document, once those of the request have held. */
static bool
dmp_document_holds(const dmp_case_t *c, dmp_steps_t *steps,
    dmp_decision_t *out)
{
    if (c->document == NULL
        && !dmp_changes_document(c->request->operation))
    {
        return true;
    }

    if (c->document != NULL && c->record != NULL) {
        return dmp_rules_hold(c, dmp_rules_of_document,
                              dmp_count(dmp_rules_of_document), steps, out);
    }

    /* a change of what was not seen, or a document of no record */
    out->effect = DMP_DENY;
    out->rule = DMP_RULE_H1;
    out->reason = DMP_REASON_DOCUMENT_FOREIGN;

    if (steps != NULL) {
        dmp_steps_add(steps, out->rule, out->reason);
    }

    return false;
}


static void
dmp_decide_case(dmp_case_t *c, dmp_steps_t *steps, dmp_decision_t *out)
{
    out->effect = DMP_DENY;
    out->rule = DMP_RULE_NONE;
    out->reason = DMP_REASON_RIGHT_MISSING;
    out->obligations = DMP_OBLIGATION_TRACE;
    out->unverified = dmp_is_unverified(c->subject);

    if (!dmp_rules_hold(c, dmp_rules_of_asking,
                        dmp_count(dmp_rules_of_asking), steps, out))
    {
        return;
    }

    dmp_case_init(c);

    if (dmp_rules_hold(c, dmp_rules_of_request,
                       dmp_count(dmp_rules_of_request), steps, out)
        && dmp_document_holds(c, steps, out))
    {
        dmp_grant(c, out);
    }
}


/* A case yet to be decided; its arguments live as long. */
static void
dmp_case_make(dmp_case_t *c, const dmp_policy_t *policy,
    const dmp_subject_t *subject, const dmp_request_t *request,
    const dmp_facts_t *facts, const dmp_document_t *document, int32_t today)
{
    *c = (dmp_case_t) { .policy = policy, .subject = subject,
                        .request = request, .facts = facts,
                        .document = document, .today = today };

    if (facts->state == DMP_RECORD_PRESENT && !dmp_is_metadata(request)) {
        c->record = facts->record;
    }
}


size_t
dmp_explain(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_document_t *document, int32_t today, dmp_decision_t *out,
    dmp_step_t steps[DMP_RULE_MAX])
{
    dmp_case_t   c;
    dmp_steps_t  kept;

    kept.steps = steps;
    kept.n = 0;

    dmp_case_make(&c, policy, subject, request, facts, document, today);
    dmp_decide_case(&c, steps != NULL ? &kept : NULL, out);

    return kept.n;
}


void
dmp_decide(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_document_t *document, int32_t today, dmp_decision_t *out)
{
    dmp_case_t  c;

    dmp_case_make(&c, policy, subject, request, facts, document, today);
    dmp_decide_case(&c, NULL, out);
}


_Static_assert(sizeof(dmp_case_t) <= sizeof(((dmp_hearing_t *) 0)->room),
               "a case has room in a hearing");


void
dmp_hear(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts, int32_t today,
    dmp_hearing_t *hearing)
{
    dmp_case_t  c;

    dmp_case_make(&c, policy, subject, request, facts, NULL, today);
    dmp_decide_case(&c, NULL, &hearing->request);
    memcpy(hearing->room, &c, sizeof(c));
}


/*
 * What of a request that was allowed without a document is asked again with
 * one: E1 of a reading and G1 of a reference look at it too.
 */
static bool
dmp_request_holds_still(const dmp_case_t *c, dmp_decision_t *out)
{
    switch (c->request->operation) {

    case DMP_OPERATION_READ:
        out->rule = DMP_RULE_E1;
        out->reason = dmp_rule_e1(c);
        break;

    case DMP_OPERATION_REFERENCE:
        out->rule = DMP_RULE_G1;
        out->reason = dmp_rule_g1(c);
        break;

    default:
        return true;
    }

    return out->reason == DMP_REASON_NONE;
}


void
dmp_judge(const dmp_hearing_t *hearing, const dmp_document_t *document,
    dmp_decision_t *out)
{
    dmp_case_t  c;

    *out = hearing->request;
    memcpy(&c, hearing->room, sizeof(c));

    if (document == NULL) {
        return;
    }

    if (out->effect != DMP_ALLOW) {

        if (c.request->operation != DMP_OPERATION_SEARCH) {
            /* with the document, another rule may come first, or none */
            dmp_decide(c.policy, c.subject, c.request, c.facts, document,
                       c.today, out);
        }

        return;
    }

    c.document = document;
    dmp_case_document(&c);

    out->effect = DMP_DENY;
    out->obligations = DMP_OBLIGATION_TRACE;

    if (dmp_request_holds_still(&c, out)
        && dmp_document_holds(&c, NULL, out))
    {
        dmp_grant(&c, out);
    }
}


/* As many characters as any setting of rule G3 may ask for. */
#define DMP_TEN_X       "xxxxxxxxxx"
#define DMP_HUNDRED_X   DMP_TEN_X DMP_TEN_X DMP_TEN_X DMP_TEN_X DMP_TEN_X     \
                        DMP_TEN_X DMP_TEN_X DMP_TEN_X DMP_TEN_X DMP_TEN_X
#define DMP_THOUSAND_X  DMP_HUNDRED_X DMP_HUNDRED_X DMP_HUNDRED_X             \
                        DMP_HUNDRED_X DMP_HUNDRED_X DMP_HUNDRED_X             \
                        DMP_HUNDRED_X DMP_HUNDRED_X DMP_HUNDRED_X             \
                        DMP_HUNDRED_X

static const char  dmp_any_justification[] = DMP_THOUSAND_X;

_Static_assert(sizeof(dmp_any_justification) - 1 == DMP_JUSTIFICATION_MAX,
               "a justification that is long enough for any setting");


/* What G4 compares; what the record does not hold stays empty. */
static dmp_traits_t
dmp_traits_of(const dmp_record_t *record)
{
    dmp_traits_t  traits;

    traits.family = dmp_fold_same(record->family, record->family)
                    ? record->family : record->birth_family;
    traits.given = record->given;
    traits.birthdate = record->birthdate;

    return traits;
}


bool
dmp_bris_de_glace_opens(const dmp_policy_t *policy,
    const dmp_subject_t *subject, const dmp_request_t *request,
    const dmp_facts_t *facts, const dmp_document_t *document, int32_t today)
{
    dmp_request_t   bris;
    dmp_decision_t  out;

    if (request->mode != DMP_MODE_NORMAL || facts->record == NULL) {
        return false;
    }

    dmp_decide(policy, subject, request, facts, document, today, &out);

    if (out.effect != DMP_DENY) {
        return false;
    }

    bris = *request;
    bris.mode = DMP_MODE_BRIS_DE_GLACE;
    bris.traits = dmp_traits_of(facts->record);
    bris.justification = (dmp_str_t) { dmp_any_justification,
                                       sizeof(dmp_any_justification) - 1 };

    dmp_decide(policy, subject, &bris, facts, document, today, &out);

    return out.effect == DMP_ALLOW;
}


size_t
dmp_rules_in_order(dmp_rule_t out[DMP_RULE_MAX])
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < dmp_count(dmp_rules_of_asking); i++) {
        out[n++] = dmp_rules_of_asking[i].rule;
    }

    for (i = 0; i < dmp_count(dmp_rules_of_request); i++) {
        out[n++] = dmp_rules_of_request[i].rule;
    }

    for (i = 0; i < dmp_count(dmp_rules_of_document); i++) {
        out[n++] = dmp_rules_of_document[i].rule;
    }

    return n;
}
