/*
 * dmp_decide.c: the decision.  One function per rule, one table that orders
 * them; the first that denies wins, and what none of them grants is denied.
 *
 * Nothing here may allocate, read a clock or keep state.
 */

#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>


/* What a rule looks at. */
typedef struct {
    const dmp_policy_t    *policy;
    const dmp_subject_t   *subject;
    const dmp_request_t   *request;
    const dmp_facts_t     *facts;
    const dmp_document_t  *document;
    int32_t                today;
} dmp_case_t;

/* A rule returns why it denies, or DMP_REASON_NONE when it holds. */
typedef dmp_reason_t (*dmp_rule_pt)(const dmp_case_t *c);


static bool
dmp_list_has(const dmp_list_t *list, dmp_str_t value)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        if (dmp_str_eq(list->list[i], value)) {
            return true;
        }
    }

    return false;
}


static bool
dmp_names_patient(const dmp_request_t *request)
{
    return request->ins.len != 0;
}


/* A1: a credential is presented. */
static dmp_reason_t
dmp_rule_a1(const dmp_case_t *c)
{
    if (c->subject->certificate == DMP_CREDENTIAL_ABSENT
        && c->subject->token == DMP_CREDENTIAL_ABSENT)
    {
        return DMP_REASON_AUTHENTICATION_REQUIRED;
    }

    return DMP_REASON_NONE;
}


/* A2: a certificate, if there is one, verifies and its chain fits its role. */
static dmp_reason_t
dmp_rule_a2(const dmp_case_t *c)
{
    switch (c->subject->certificate) {

    case DMP_CREDENTIAL_ABSENT:
        return DMP_REASON_NONE;

    case DMP_CREDENTIAL_VERIFIED:
        if (c->subject->actor != DMP_ACTOR_NONE && c->subject->id.len != 0) {
            return DMP_REASON_NONE;
        }
        break;

    case DMP_CREDENTIAL_REJECTED:
        break;
    }

    return DMP_REASON_CERTIFICATE_REJECTED;
}


/* A3: a token, if there is one, verifies. */
static dmp_reason_t
dmp_rule_a3(const dmp_case_t *c)
{
    if (c->subject->token == DMP_CREDENTIAL_ABSENT
        || c->subject->token == DMP_CREDENTIAL_VERIFIED)
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_TOKEN_REJECTED;
}


/* A4: one identity; a card and a token are two. */
static dmp_reason_t
dmp_rule_a4(const dmp_case_t *c)
{
    if (c->subject->certificate == DMP_CREDENTIAL_VERIFIED
        && c->subject->token == DMP_CREDENTIAL_VERIFIED
        && c->subject->auth == DMP_AUTH_DIRECT)
    {
        return DMP_REASON_IDENTITY_AMBIGUOUS;
    }

    return DMP_REASON_NONE;
}


/* B1: one operation that is known, on something, and one reading of it. */
static dmp_reason_t
dmp_rule_b1(const dmp_case_t *c)
{
    if (c->request->mapping == DMP_MAPPING_OPERATION_UNKNOWN
        || c->request->mapping == DMP_MAPPING_FORMAT)
    {
        return DMP_REASON_OPERATION_UNKNOWN;
    }

    if (c->request->mapping == DMP_MAPPING_ONE
        || c->request->mapping == DMP_MAPPING_INS_INVALID)
    {
        if (c->request->operation <= DMP_OPERATION_NONE
            || c->request->operation >= DMP_OPERATION_MAX)
        {
            return DMP_REASON_OPERATION_UNKNOWN;
        }

        if (c->request->mapping == DMP_MAPPING_ONE
            && !dmp_names_patient(c->request)
            && c->request->document.len == 0)
        {
            return DMP_REASON_REQUEST_AMBIGUOUS;
        }

        return DMP_REASON_NONE;
    }

    return DMP_REASON_REQUEST_AMBIGUOUS;
}


/* B2: the INS is well formed; its key is checked unless configured off. */
static dmp_reason_t
dmp_rule_b2(const dmp_case_t *c)
{
    if (c->request->mapping != DMP_MAPPING_ONE) {
        return DMP_REASON_INS_INVALID;
    }

    if (dmp_names_patient(c->request)
        && !dmp_ins_valid(c->request->ins, c->policy->ins_key))
    {
        return DMP_REASON_INS_INVALID;
    }

    return DMP_REASON_NONE;
}


/*
 * E1 as far as it is covered yet: a doctor with a card of their own checks,
 * searches and reads.  Everything else is a right that nobody has.
 */
static dmp_reason_t
dmp_rule_e1(const dmp_case_t *c)
{
    const dmp_subject_t  *s;

    s = c->subject;

    if (s->actor != DMP_ACTOR_PROFESSIONAL || s->auth != DMP_AUTH_DIRECT
        || s->certificate != DMP_CREDENTIAL_VERIFIED)
    {
        return DMP_REASON_RIGHT_MISSING;
    }

    if (!dmp_str_eq(s->role.system, dmp_string(DMP_SYSTEM_PROFESSION))
        || !dmp_str_eq(s->role.code, dmp_string(DMP_PROFESSION_DOCTOR)))
    {
        return DMP_REASON_RIGHT_MISSING;
    }

    switch (c->request->operation) {

    case DMP_OPERATION_CHECK:
    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_READ:
        return DMP_REASON_NONE;

    default:
        return DMP_REASON_RIGHT_MISSING;
    }
}


/* G7: the mode claimed is one that is offered. */
static dmp_reason_t
dmp_rule_g7(const dmp_case_t *c)
{
    if (c->request->mode != DMP_MODE_NORMAL) {
        return DMP_REASON_MODE_UNAVAILABLE;
    }

    return DMP_REASON_NONE;
}


/*
 * X1 on the way in: what the store did not say cannot be decided, nor can a
 * record that is not the one that was asked for.
 */
static dmp_reason_t
dmp_rule_x1(const dmp_case_t *c)
{
    if (c->facts->state == DMP_RECORD_ABSENT) {
        return DMP_REASON_NONE;
    }

    if (c->facts->state == DMP_RECORD_PRESENT && c->facts->record != NULL
        && c->facts->version != 0
        && (!dmp_names_patient(c->request)
            || dmp_str_eq(c->facts->record->ins, c->request->ins)))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_TRACE_UNAVAILABLE;
}


/*
 * For "check", C1, C2, F1 and G1 are the answer and refuse nothing (TD0.2
 * tells whether a record exists, is open, and whether one is authorised).
 */
static bool
dmp_asks_only(const dmp_case_t *c)
{
    return c->request->operation == DMP_OPERATION_CHECK;
}


/* C1: the record exists. */
static dmp_reason_t
dmp_rule_c1(const dmp_case_t *c)
{
    if (c->facts->state == DMP_RECORD_PRESENT || dmp_asks_only(c)) {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_RECORD_ABSENT;
}


/* C2: the record is open. */
static dmp_reason_t
dmp_rule_c2(const dmp_case_t *c)
{
    if (dmp_asks_only(c) || c->facts->record->open) {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_RECORD_CLOSED;
}


/* F1: the patient has not blocked this professional; it beats G1. */
static dmp_reason_t
dmp_rule_f1(const dmp_case_t *c)
{
    if (dmp_asks_only(c)
        || !dmp_list_has(&c->facts->record->blocked, c->subject->id))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_BLOCKED;
}


/*
 * G1: an authorisation is in force; a treating physician has one.  Only the
 * normal mode asks for it: G2 to G7 answer for the others.
 */
static dmp_reason_t
dmp_rule_g1(const dmp_case_t *c)
{
    if (dmp_asks_only(c) || c->request->mode != DMP_MODE_NORMAL) {
        return DMP_REASON_NONE;
    }

    switch (dmp_authorisation(c->facts->record, c->subject, c->today)) {

    case DMP_AUTHORISATION_VALID:
        return DMP_REASON_NONE;

    case DMP_AUTHORISATION_EXPIRED:
        return DMP_REASON_AUTHORISATION_EXPIRED;

    case DMP_AUTHORISATION_FORBIDDEN:
        return DMP_REASON_BLOCKED;

    case DMP_AUTHORISATION_NONE:
        break;
    }

    return DMP_REASON_NOT_AUTHORISED;
}


/*
 * H1: the document belongs to this record.  One that names no INS at all
 * belongs by the search that was bound to the patient; alone, it does not.
 */
static dmp_reason_t
dmp_rule_h1(const dmp_case_t *c)
{
    switch (dmp_document_patient(c->document, c->facts->record->ins)) {

    case DMP_PATIENT_SAME:
        return DMP_REASON_NONE;

    case DMP_PATIENT_UNNAMED:
        if (c->request->operation == DMP_OPERATION_SEARCH
            && dmp_names_patient(c->request))
        {
            return DMP_REASON_NONE;
        }
        break;

    case DMP_PATIENT_OTHER:
        break;
    }

    return DMP_REASON_DOCUMENT_FOREIGN;
}


static bool
dmp_is_masked(const dmp_record_t *record, const dmp_document_t *document)
{
    dmp_str_t  name;

    /* whatever is not known to leave professionals alone masks */
    if (document->labels & ~(unsigned) (DMP_LABEL_INVISIBLE_PATIENT
                                        | DMP_LABEL_INVISIBLE_REPRESENTATIVES))
    {
        return true;
    }

    name = dmp_document_name(document);

    if (dmp_list_has(&record->masked, name)
        || dmp_list_has(&record->masked, document->id))
    {
        return true;
    }

    return record->mask_by_default && !dmp_list_has(&record->unmasked, name);
}


/* H3: masked from professionals, but for its author and who is treating. */
static dmp_reason_t
dmp_rule_h3(const dmp_case_t *c)
{
    unsigned  i;

    if (!dmp_is_masked(c->facts->record, c->document)) {
        return DMP_REASON_NONE;
    }

    if (c->request->mode != DMP_MODE_NORMAL) {
        return DMP_REASON_MASKED;
    }

    if (dmp_is_treating(c->facts->record, c->subject)) {
        return DMP_REASON_NONE;
    }

    for (i = 0; i < c->document->n_authors; i++) {
        if (dmp_str_eq(c->document->authors[i], c->subject->id)) {
            return DMP_REASON_NONE;
        }
    }

    return DMP_REASON_MASKED;
}


typedef struct {
    dmp_rule_t   rule;
    dmp_rule_pt  holds;
} dmp_rule_entry_t;

static const dmp_rule_entry_t  dmp_rules_of_request[] = {
    { DMP_RULE_A1, dmp_rule_a1 },
    { DMP_RULE_A2, dmp_rule_a2 },
    { DMP_RULE_A3, dmp_rule_a3 },
    { DMP_RULE_A4, dmp_rule_a4 },
    { DMP_RULE_B1, dmp_rule_b1 },
    { DMP_RULE_B2, dmp_rule_b2 },
    { DMP_RULE_X1, dmp_rule_x1 },
    { DMP_RULE_C1, dmp_rule_c1 },
    { DMP_RULE_C2, dmp_rule_c2 },
    { DMP_RULE_E1, dmp_rule_e1 },
    { DMP_RULE_F1, dmp_rule_f1 },
    { DMP_RULE_G1, dmp_rule_g1 },
    { DMP_RULE_G7, dmp_rule_g7 },
};

static const dmp_rule_entry_t  dmp_rules_of_document[] = {
    { DMP_RULE_H1, dmp_rule_h1 },
    { DMP_RULE_H3, dmp_rule_h3 },
};

#define dmp_count(table)  (sizeof(table) / sizeof((table)[0]))


/* True if every rule of the table holds; else *out says which did not. */
static bool
dmp_rules_hold(const dmp_case_t *c, const dmp_rule_entry_t *rules, size_t n,
    dmp_decision_t *out)
{
    size_t        i;
    dmp_reason_t  reason;

    for (i = 0; i < n; i++) {
        reason = rules[i].holds(c);

        if (reason != DMP_REASON_NONE) {
            out->effect = (rules[i].rule == DMP_RULE_X1) ? DMP_ERROR
                                                         : DMP_DENY;
            out->rule = rules[i].rule;
            out->reason = reason;
            return false;
        }
    }

    return true;
}


static void
dmp_grant(const dmp_case_t *c, dmp_decision_t *out)
{
    switch (c->request->operation) {

    case DMP_OPERATION_CHECK:
        out->rule = DMP_RULE_E1;
        out->obligations |= DMP_OBLIGATION_COMPOSE;
        break;

    case DMP_OPERATION_SEARCH:
        out->rule = DMP_RULE_G1;
        out->obligations |= DMP_OBLIGATION_FILTER;
        break;

    case DMP_OPERATION_READ:
        out->rule = DMP_RULE_G1;
        out->obligations |= DMP_OBLIGATION_JUDGE;
        break;

    default:
        /* granted by the rules, yet nobody has said how to enforce it */
        out->rule = DMP_RULE_E1;
        out->reason = DMP_REASON_RIGHT_MISSING;
        return;
    }

    out->effect = DMP_ALLOW;
    out->reason = DMP_REASON_NONE;
}


void
dmp_decide(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_document_t *document, int32_t today, dmp_decision_t *out)
{
    dmp_case_t  c;

    out->effect = DMP_DENY;
    out->rule = DMP_RULE_NONE;
    out->reason = DMP_REASON_RIGHT_MISSING;
    out->obligations = DMP_OBLIGATION_TRACE;

    c.policy = policy;
    c.subject = subject;
    c.request = request;
    c.facts = facts;
    c.document = document;
    c.today = today;

    if (!dmp_rules_hold(&c, dmp_rules_of_request,
                        dmp_count(dmp_rules_of_request), out))
    {
        return;
    }

    if (document != NULL
        && (facts->record == NULL
            || !dmp_rules_hold(&c, dmp_rules_of_document,
                               dmp_count(dmp_rules_of_document), out)))
    {
        return;
    }

    dmp_grant(&c, out);
}


bool
dmp_is_treating(const dmp_record_t *record, const dmp_subject_t *subject)
{
    return subject->id.len != 0 && dmp_list_has(&record->treating, subject->id);
}


dmp_authorisation_t
dmp_authorisation(const dmp_record_t *record, const dmp_subject_t *subject,
    int32_t today)
{
    size_t              i;
    const dmp_grant_t  *grant;

    if (subject->id.len == 0) {
        return DMP_AUTHORISATION_NONE;
    }

    if (dmp_list_has(&record->blocked, subject->id)) {
        return DMP_AUTHORISATION_FORBIDDEN;
    }

    if (dmp_list_has(&record->treating, subject->id)) {
        return DMP_AUTHORISATION_VALID;
    }

    for (i = 0; i < record->n_authorisations; i++) {
        grant = &record->authorisations[i];

        if (!dmp_str_eq(grant->id, subject->id)) {
            continue;
        }

        if (today < grant->since) {
            return DMP_AUTHORISATION_NONE;
        }

        return (today < grant->until) ? DMP_AUTHORISATION_VALID
                                      : DMP_AUTHORISATION_EXPIRED;
    }

    return DMP_AUTHORISATION_NONE;
}
