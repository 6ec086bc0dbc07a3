/*
 * dmp_rules_asker.c: who asks and what is asked: rules A1 to A4, B1, B2, D1,
 * D2 and P1.
 */

#include "dmp_rules_int.h"


static bool
dmp_is_somebody(const dmp_subject_t *subject)
{
    return subject->actor > DMP_ACTOR_NONE && subject->actor < DMP_ACTOR_MAX
           && subject->id.len != 0;
}


/*
 * A1: a credential is presented.  An operator's is the account on the machine
 * that runs the command-line tool; no request of a client is one.
 */
dmp_reason_t
dmp_rule_a1(const dmp_case_t *c)
{
    if (c->subject->certificate == DMP_CREDENTIAL_ABSENT
        && c->subject->token == DMP_CREDENTIAL_ABSENT
        && !(c->subject->auth == DMP_AUTH_OPERATOR
             && c->subject->actor == DMP_ACTOR_OPERATOR
             && c->subject->id.len != 0))
    {
        return DMP_REASON_AUTHENTICATION_REQUIRED;
    }

    return DMP_REASON_NONE;
}


/* A2: a certificate, if there is one, verifies and its chain fits its role. */
dmp_reason_t
dmp_rule_a2(const dmp_case_t *c)
{
    switch (c->subject->certificate) {

    case DMP_CREDENTIAL_ABSENT:
        return DMP_REASON_NONE;

    case DMP_CREDENTIAL_VERIFIED:
        return dmp_is_somebody(c->subject) ? DMP_REASON_NONE
                                           : DMP_REASON_CERTIFICATE_REJECTED;

    default:
        return DMP_REASON_CERTIFICATE_REJECTED;
    }
}


/* A3: a token, if there is one, verifies. */
dmp_reason_t
dmp_rule_a3(const dmp_case_t *c)
{
    switch (c->subject->token) {

    case DMP_CREDENTIAL_ABSENT:
        return DMP_REASON_NONE;

    case DMP_CREDENTIAL_VERIFIED:
        return dmp_is_somebody(c->subject) ? DMP_REASON_NONE
                                           : DMP_REASON_TOKEN_REJECTED;

    default:
        return DMP_REASON_TOKEN_REJECTED;
    }
}


/*
 * A4: one identity.  A certificate and a token are two, but for a structure's
 * certificate with the token that names who works for it.
 */
dmp_reason_t
dmp_rule_a4(const dmp_case_t *c)
{
    const dmp_subject_t  *s;

    s = c->subject;

    if (s->certificate == DMP_CREDENTIAL_ABSENT
        || s->token == DMP_CREDENTIAL_ABSENT)
    {
        return DMP_REASON_NONE;
    }

    if ((s->actor == DMP_ACTOR_PROFESSIONAL || s->actor == DMP_ACTOR_STAFF)
        && (s->auth == DMP_AUTH_INDIRECT
            || s->auth == DMP_AUTH_INDIRECT_REINFORCED))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_IDENTITY_AMBIGUOUS;
}


/*
 * A change, whom it concerns where it concerns somebody, and what is to be
 * where there is a choice.
 */
static bool
dmp_names_change(const dmp_request_t *request)
{
    const dmp_contact_t    *contact;
    const dmp_emergency_t  *emergency;

    contact = &request->contact;
    emergency = &request->emergency;

    if (request->change <= DMP_CHANGE_NONE
        || request->change >= DMP_CHANGE_MAX)
    {
        return false;
    }

    switch (request->change) {

    case DMP_CHANGE_OPPOSE:
        return emergency->bris_de_glace != DMP_CHOICE_NONE
               || emergency->centre_15 != DMP_CHOICE_NONE
               || emergency->masked != DMP_CHOICE_NONE;

    case DMP_CHANGE_MASK_DEFAULT:
        return request->mask_by_default != DMP_CHOICE_NONE;

    case DMP_CHANGE_CONTACT:
        return contact->email.data != NULL || contact->phone.data != NULL
               || contact->prefer.data != NULL
               || request->credentials.challenge.len != 0;

    case DMP_CHANGE_NAME_REPRESENTATIVE:
        return request->target.len != 0 && request->until != 0;

    default:
        return request->target.len != 0;
    }
}


/* What the request must name, by what it asks for. */
static bool
dmp_names_enough(const dmp_request_t *request)
{
    if (request->attachment.len != 0
        && request->operation != DMP_OPERATION_READ)
    {
        return false;
    }

    switch (request->operation) {

    case DMP_OPERATION_FIND:
        return !dmp_names_patient(request) && request->document.len == 0
               && request->traits.family.len != 0
               && request->traits.given.len != 0
               && request->traits.birthdate.len != 0;

    case DMP_OPERATION_RIGHTS:
        return dmp_names_patient(request) && dmp_names_change(request);

    case DMP_OPERATION_CHECK:
    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_DEPOSIT:
    case DMP_OPERATION_HISTORY:
    case DMP_OPERATION_CREATE:
    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return dmp_names_patient(request);

    case DMP_OPERATION_METADATA:
        return !dmp_names_patient(request) && request->document.len == 0;

    default:
        return dmp_names_patient(request) || request->document.len != 0
               || request->attachment.len != 0;
    }
}


/* B1: one operation that is known, on something, and one reading of it. */
dmp_reason_t
dmp_rule_b1(const dmp_case_t *c)
{
    switch (c->request->mapping) {

    case DMP_MAPPING_ONE:
    case DMP_MAPPING_INS_INVALID:
        break;

    case DMP_MAPPING_OPERATION_UNKNOWN:
    case DMP_MAPPING_FORMAT:
    case DMP_MAPPING_MEDIA:
        return DMP_REASON_OPERATION_UNKNOWN;

    default:
        return DMP_REASON_REQUEST_AMBIGUOUS;
    }

    /* those of sessions come after "metadata", and ask for no record */
    if (c->request->operation <= DMP_OPERATION_NONE
        || c->request->operation > DMP_OPERATION_METADATA)
    {
        return DMP_REASON_OPERATION_UNKNOWN;
    }

    if (c->request->mapping == DMP_MAPPING_ONE
        && (!dmp_names_enough(c->request)
            || (c->request->effects != 0
                && !dmp_changes_document(c->request->operation))))
    {
        return DMP_REASON_REQUEST_AMBIGUOUS;
    }

    return DMP_REASON_NONE;
}


/* Who is named as a representative is known by nothing but an INS. */
static bool
dmp_names_representative(const dmp_request_t *request)
{
    return request->operation == DMP_OPERATION_RIGHTS
           && request->change == DMP_CHANGE_NAME_REPRESENTATIVE;
}


/*
 * B2: the INS is well formed, and that of a representative; its key is checked
 * unless configured off.
 */
dmp_reason_t
dmp_rule_b2(const dmp_case_t *c)
{
    bool  key;

    key = c->policy->settings.ins_key;

    if (c->request->mapping != DMP_MAPPING_ONE
        || (dmp_names_patient(c->request)
            && !dmp_ins_valid(c->request->ins, key))
        || (dmp_names_representative(c->request)
            && !dmp_ins_valid(c->request->target, key)))
    {
        return DMP_REASON_INS_INVALID;
    }

    return DMP_REASON_NONE;
}


/*
 * P1: a patient acts on their own record, a representative on one that names
 * them.  Before C1: that a stranger's record exists is not told.
 */
dmp_reason_t
dmp_rule_p1(const dmp_case_t *c)
{
    size_t                       i;
    dmp_str_t                    ins;
    const dmp_representative_t  *by;

    if (!dmp_is_holder(c->subject) || dmp_is_metadata(c->request)) {
        return DMP_REASON_NONE;
    }

    if (c->subject->ins.len == 0) {
        return DMP_REASON_NOT_OWN_RECORD;
    }

    if (c->subject->actor == DMP_ACTOR_PATIENT) {
        ins = (c->record != NULL) ? c->record->ins : c->request->ins;

        return dmp_str_eq(ins, c->subject->ins) ? DMP_REASON_NONE
                                                : DMP_REASON_NOT_OWN_RECORD;
    }

    for (i = 0; c->record != NULL && i < c->record->n_representatives; i++) {
        by = &c->record->representatives[i];

        if (dmp_str_eq(by->ins, c->subject->ins) && c->today < by->until) {
            return DMP_REASON_NONE;
        }
    }

    return DMP_REASON_NOT_OWN_RECORD;
}


/* One entry of the list says all of what it asks of this situation. */
static bool
dmp_situation_in(const dmp_exclusion_t *list, size_t n, const dmp_code_t *role,
    const dmp_situation_t *situation)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        /* what tells most often comes first */
        if (dmp_code_is(&list[i].sector, &situation->sector)
            && dmp_code_is(&list[i].specialty, &situation->specialty)
            && dmp_code_is(&list[i].activity, &situation->activity)
            && dmp_code_is(&list[i].profession, role))
        {
            return true;
        }
    }

    return false;
}


/* An occupational doctor's situation excludes, unless a table has them. */
static unsigned
dmp_evidence_of(const dmp_case_t *c, const dmp_code_t *role,
    const dmp_situation_t *situation)
{
    unsigned             evidence;
    const dmp_policy_t  *policy;

    policy = c->policy;
    evidence = 0;

    if (dmp_situation_in(policy->exclusions, policy->n_exclusions, role,
                         situation))
    {
        evidence |= DMP_EVIDENCE_EXCLUDED;
    }

    if (c->subject->actor == DMP_ACTOR_PROFESSIONAL
        && dmp_situation_in(policy->occupational, policy->n_occupational,
                            role, situation))
    {
        evidence |= DMP_EVIDENCE_OCCUPATIONAL;

        if (!policy->settings.occupational_table) {
            evidence |= DMP_EVIDENCE_EXCLUDED;
        }
    }

    return evidence;
}


/*
 * Positive evidence: the situation used, or each one that is known.  What is
 * used is known by its sector; a situation without one tells something only
 * by what else excludes it.
 */
unsigned
dmp_evidence(const dmp_case_t *c)
{
    size_t                i;
    unsigned              evidence, one, some, each;
    const dmp_code_t     *role;
    const dmp_subject_t  *s;

    s = c->subject;
    role = &s->role;

    if (c->profession != NULL && c->profession->training) {
        /* as the profession that they train for */
        role = &c->policy->professions[c->profession->row].code;
    }

    evidence = dmp_evidence_of(c, role, &s->used);

    if (s->used.sector.code.len != 0) {
        return evidence;
    }

    some = 0;
    each = DMP_EVIDENCE_EXCLUDED|DMP_EVIDENCE_OCCUPATIONAL;

    for (i = 0; i < s->n_situations; i++) {
        one = dmp_evidence_of(c, role, &s->situations[i]);
        some |= one;

        if (s->situations[i].sector.code.len != 0) {
            each &= one;
        }
    }

    return evidence | (some & each);
}


bool
dmp_is_unverified(const dmp_subject_t *subject)
{
    size_t  i;

    if (subject->actor != DMP_ACTOR_PROFESSIONAL
        || subject->used.sector.code.len != 0)
    {
        return false;
    }

    for (i = 0; i < subject->n_situations; i++) {
        if (subject->situations[i].sector.code.len != 0) {
            return false;
        }
    }

    return true;
}


/*
 * D1: the actor is not excluded, on positive evidence; occupational doctors
 * by a setting.  Before C1: who is excluded learns nothing of a record.
 */
dmp_reason_t
dmp_rule_d1(const dmp_case_t *c)
{
    switch (c->subject->actor) {

    case DMP_ACTOR_PROFESSIONAL:
    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
        break;

    default:
        return DMP_REASON_NONE;
    }

    return (c->evidence & DMP_EVIDENCE_EXCLUDED)
           ? DMP_REASON_ACTOR_EXCLUDED : DMP_REASON_NONE;
}


/* Those whose certificate is a structure's, or its staff's. */
static bool
dmp_is_feeding(const dmp_subject_t *subject)
{
    switch (subject->actor) {

    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
    case DMP_ACTOR_FEEDER:
        return true;

    case DMP_ACTOR_PROFESSIONAL:
        return subject->auth == DMP_AUTH_INDIRECT;

    default:
        return false;
    }
}


/* What feeding amounts to; that it is of one's own is for H6. */
static bool
dmp_is_feed(dmp_operation_t operation)
{
    switch (operation) {

    case DMP_OPERATION_CHECK:
    case DMP_OPERATION_REFERENCE:
    case DMP_OPERATION_DELETE:
    case DMP_OPERATION_DEPOSIT:
    case DMP_OPERATION_REPLACE:
        return true;

    default:
        return false;
    }
}


/*
 * Staff may also open a record or have their structure authorised, a centre's
 * structure may look for a patient: the tables say so, and E1 judges it.
 */
static bool
dmp_may_feeding(const dmp_subject_t *subject, dmp_operation_t operation)
{
    switch (operation) {

    case DMP_OPERATION_FIND:
    case DMP_OPERATION_CREATE:
    case DMP_OPERATION_RIGHTS:
        return subject->actor != DMP_ACTOR_FEEDER;

    default:
        return dmp_is_feed(operation);
    }
}


/*
 * D2: the channel fits both the identity and what the location is for.  What
 * the host can do is the same for those who feed and those who read.
 */
dmp_reason_t
dmp_rule_d2(const dmp_case_t *c)
{
    bool             feeding;
    dmp_operation_t  operation;

    operation = c->request->operation;
    feeding = dmp_is_feeding(c->subject);

    if (dmp_is_metadata(c->request)) {
        return (c->request->channel > DMP_CHANNEL_NONE
                && c->request->channel < DMP_CHANNEL_MAX)
               ? DMP_REASON_NONE : DMP_REASON_CHANNEL_MISMATCH;
    }

    if (feeding && !dmp_may_feeding(c->subject, operation)) {
        return DMP_REASON_CHANNEL_MISMATCH;
    }

    switch (c->request->channel) {

    case DMP_CHANNEL_ANY:
        return DMP_REASON_NONE;

    case DMP_CHANNEL_READ:
        if (!feeding && operation != DMP_OPERATION_DEPOSIT
            && operation != DMP_OPERATION_REPLACE
            && operation != DMP_OPERATION_CREATE)
        {
            return DMP_REASON_NONE;
        }
        break;

    case DMP_CHANNEL_FEED:
        if (dmp_is_feed(operation) || operation == DMP_OPERATION_CREATE) {
            return DMP_REASON_NONE;
        }
        break;

    default:
        break;
    }

    return DMP_REASON_CHANNEL_MISMATCH;
}
