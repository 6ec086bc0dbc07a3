/*
 * dmp_rules_record.c: what the store said and what the patient decided: rules
 * X1, C1, C2, F1 and G1 to G7.
 *
 * Sources: Code de la santé publique L1111-17 (consent, bris de glace,
 * regulating doctor), P4D transaction TD0.2, GIE SESAM-Vitale PDT-INF-526.
 */

#include "dmp_rules_int.h"


/*
 * X1 on the way in: what the store did not say cannot be decided, nor can a
 * record that is not the one that was asked for.  A search for a patient
 * begins without one; for what the host can do, there is none.
 */
dmp_reason_t
dmp_rule_x1(const dmp_case_t *c)
{
    if (dmp_is_metadata(c->request)) {
        return DMP_REASON_NONE;
    }

    switch (c->facts->state) {

    case DMP_RECORD_ABSENT:
        return DMP_REASON_NONE;

    case DMP_RECORD_PRESENT:
        if (c->record != NULL && c->facts->version != 0
            && (!dmp_names_patient(c->request)
                || dmp_str_eq(c->record->ins, c->request->ins)))
        {
            return DMP_REASON_NONE;
        }
        break;

    case DMP_RECORD_UNKNOWN:
        if (c->request->operation == DMP_OPERATION_FIND) {
            return DMP_REASON_NONE;
        }
        break;

    default:
        break;
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


/* C1: the record exists; to create it, it does not. */
dmp_reason_t
dmp_rule_c1(const dmp_case_t *c)
{
    switch (c->request->operation) {

    case DMP_OPERATION_CHECK:
    case DMP_OPERATION_FIND:
    case DMP_OPERATION_METADATA:
        return DMP_REASON_NONE;

    case DMP_OPERATION_CREATE:
        return (c->facts->state == DMP_RECORD_ABSENT)
               ? DMP_REASON_NONE : DMP_REASON_RECORD_EXISTS;

    default:
        return (c->record != NULL) ? DMP_REASON_NONE
                                   : DMP_REASON_RECORD_ABSENT;
    }
}


/*
 * Of a closed record, the holder reads the history, and may reopen it.  Closed
 * again it stays closed: who was not told the first time learns that it is.
 */
static bool
dmp_outlives_closing(const dmp_case_t *c)
{
    switch (c->request->operation) {

    case DMP_OPERATION_CHECK:
        return true;

    case DMP_OPERATION_HISTORY:
    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return dmp_is_holder(c->subject)
               || c->subject->actor == DMP_ACTOR_OPERATOR;

    default:
        return false;
    }
}


/* C2: the record is open. */
dmp_reason_t
dmp_rule_c2(const dmp_case_t *c)
{
    if (c->record == NULL || c->record->open || dmp_outlives_closing(c)) {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_RECORD_CLOSED;
}


bool
dmp_list_names(const dmp_list_t *list, const dmp_subject_t *subject)
{
    unsigned  i;

    if (subject->id.len != 0 && dmp_list_has(list, subject->id)) {
        return true;
    }

    for (i = 0; i < subject->n_other_ids && i < DMP_SUBJECT_IDS; i++) {
        if (subject->other_ids[i].len != 0
            && dmp_list_has(list, subject->other_ids[i]))
        {
            return true;
        }
    }

    return false;
}


dmp_str_t
dmp_structure_of(const dmp_subject_t *subject)
{
    if (subject->used.structure.len == 0
        && (subject->actor == DMP_ACTOR_STRUCTURE
            || subject->actor == DMP_ACTOR_FEEDER))
    {
        return subject->id;
    }

    return subject->used.structure;
}


/* A change that would give rights to whom the patient has blocked. */
static bool
dmp_favours_blocked(const dmp_case_t *c)
{
    unsigned              i;
    const dmp_list_t     *blocked;
    const dmp_request_t  *request;

    request = c->request;
    blocked = &c->record->blocked;

    if (request->operation != DMP_OPERATION_RIGHTS
        || (request->change != DMP_CHANGE_AUTHORISE
            && request->change != DMP_CHANGE_DESIGNATE))
    {
        return false;
    }

    if (dmp_list_has(blocked, request->target)) {
        return true;
    }

    for (i = 0; i < request->n_target_ids && i < DMP_SUBJECT_IDS; i++) {
        if (dmp_list_has(blocked, request->target_ids[i])) {
            return true;
        }
    }

    return false;
}


/*
 * F1: the patient has not blocked this professional; it beats G1 to G6.  Nor
 * does anybody authorise or designate one who is blocked: they are unblocked
 * first, which only the patient's word does.
 */
dmp_reason_t
dmp_rule_f1(const dmp_case_t *c)
{
    if (c->record != NULL && dmp_favours_blocked(c)) {
        return DMP_REASON_BLOCKED;
    }

    if (c->record == NULL || dmp_asks_only(c)
        || c->request->operation == DMP_OPERATION_DEPOSIT
        || dmp_is_holder(c->subject)
        || c->subject->actor == DMP_ACTOR_OPERATOR
        || !dmp_list_names(&c->record->blocked, c->subject))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_BLOCKED;
}


static dmp_authorisation_t
dmp_grant_state(const dmp_grant_t *grant, int32_t today)
{
    if (today < grant->since) {
        return DMP_AUTHORISATION_NONE;
    }

    return (today < grant->until) ? DMP_AUTHORISATION_VALID
                                  : DMP_AUTHORISATION_EXPIRED;
}


/* Of several, under several identifiers, one in force is enough. */
static dmp_authorisation_t
dmp_best_grant(const dmp_record_t *record, const dmp_subject_t *subject,
    int32_t today)
{
    unsigned              i;
    dmp_str_t             id;
    dmp_authorisation_t   best, state;
    const dmp_grant_t    *grant;

    id = subject->id;
    best = DMP_AUTHORISATION_NONE;

    for (i = 0; /* void */ ; i++) {

        for (grant = dmp_grant_of(record, record->authorisations, id);
             grant != NULL;
             grant = dmp_grant_of(record, grant + 1, id))
        {
            state = dmp_grant_state(grant, today);

            if (state > best) {
                best = state;
            }
        }

        if (i == subject->n_other_ids || i == DMP_SUBJECT_IDS) {
            return best;
        }

        id = subject->other_ids[i];
    }
}


dmp_authorisation_t
dmp_authorisation(const dmp_policy_t *policy, const dmp_record_t *record,
    const dmp_subject_t *subject, int32_t today)
{
    if (dmp_list_names(&record->blocked, subject)) {
        return DMP_AUTHORISATION_FORBIDDEN;
    }

    if (dmp_is_treating(policy, record, subject)) {
        return DMP_AUTHORISATION_VALID;
    }

    return dmp_best_grant(record, subject, today);
}


bool
dmp_consults(dmp_operation_t operation)
{
    switch (operation) {

    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_REFERENCE:
    case DMP_OPERATION_READ:
    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_HIDE:
    case DMP_OPERATION_SHOW:
    case DMP_OPERATION_ARCHIVE:
    case DMP_OPERATION_UNARCHIVE:
        return true;

    default:
        return false;
    }
}


/* Of professionals, in the normal mode. */
static bool
dmp_needs_authorisation(const dmp_case_t *c)
{
    if (c->subject->actor != DMP_ACTOR_PROFESSIONAL
        || dmp_is_emergency(c->request))
    {
        return false;
    }

    if (c->request->effects & (DMP_EFFECT_MASK|DMP_EFFECT_UNMASK
                               |DMP_EFFECT_HIDE|DMP_EFFECT_SHOW
                               |DMP_EFFECT_ARCHIVE|DMP_EFFECT_UNARCHIVE))
    {
        /* a side effect is what it amounts to */
        return true;
    }

    if (!dmp_consults(c->request->operation)) {
        return false;
    }

    /* one's own may be referred to: that is judged with each document */
    return c->request->operation != DMP_OPERATION_REFERENCE
           || (c->document != NULL && !c->author && !c->depositor);
}


/* An authorisation is in force; a treating physician has one. */
static dmp_reason_t
dmp_is_authorised(const dmp_case_t *c)
{
    if (c->treating) {
        return DMP_REASON_NONE;
    }

    switch (dmp_best_grant(c->record, c->subject, c->today)) {

    case DMP_AUTHORISATION_VALID:
        return DMP_REASON_NONE;

    case DMP_AUTHORISATION_EXPIRED:
        return DMP_REASON_AUTHORISATION_EXPIRED;

    default:
        return DMP_REASON_NOT_AUTHORISED;
    }
}


/*
 * G1: an authorisation is in force.  Only the normal mode asks for it: G2 to
 * G6 answer for the others.
 */
dmp_reason_t
dmp_rule_g1(const dmp_case_t *c)
{
    return dmp_needs_authorisation(c) ? dmp_is_authorised(c)
                                      : DMP_REASON_NONE;
}


bool
dmp_may_consult(const dmp_case_t *c)
{
    return c->subject->actor != DMP_ACTOR_PROFESSIONAL
           || dmp_is_emergency(c->request)
           || dmp_is_authorised(c) == DMP_REASON_NONE;
}


/* G2: bris de glace, which the patient does not oppose. */
dmp_reason_t
dmp_rule_g2(const dmp_case_t *c)
{
    if (c->request->mode != DMP_MODE_BRIS_DE_GLACE || c->record == NULL
        || c->record->bris_de_glace)
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_EMERGENCY_OPPOSED;
}


/* G3: bris de glace is justified, in words that somebody can read. */
dmp_reason_t
dmp_rule_g3(const dmp_case_t *c)
{
    if (c->request->mode != DMP_MODE_BRIS_DE_GLACE
        || dmp_visible(c->request->justification)
           >= c->policy->settings.justification_min)
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_JUSTIFICATION_MISSING;
}


/* A name that has a letter is its own; "-" is none that is held. */
static bool
dmp_holds_name(dmp_str_t name)
{
    return dmp_fold_same(name, name);
}


/* As much of a birth date as the record holds; "find" asks for no more. */
static bool
dmp_same_birth(dmp_str_t given, dmp_str_t birthdate, bool held)
{
    if (birthdate.len == 0) {
        return !held;
    }

    if (!held && given.len > birthdate.len) {
        given.len = birthdate.len;
    }

    return dmp_str_eq(given, birthdate);
}


/* "held" is what a trait that the record does not hold comes to. */
static bool
dmp_traits_match(const dmp_record_t *record, const dmp_traits_t *traits,
    bool held)
{
    if (!dmp_fold_same(traits->family, record->family)
        && !dmp_fold_same(traits->family, record->birth_family)
        && (held || dmp_holds_name(record->family)
            || dmp_holds_name(record->birth_family)))
    {
        return false;
    }

    if (!dmp_fold_among(traits->given, record->given)
        && (held || dmp_holds_name(record->given)))
    {
        return false;
    }

    return dmp_same_birth(traits->birthdate, record->birthdate, held);
}


/*
 * G4: bris de glace names the person whose record it is; what the record does
 * not hold is not compared.  "find" gives those who have the traits, all.
 */
dmp_reason_t
dmp_rule_g4(const dmp_case_t *c)
{
    bool  find;

    find = (c->request->operation == DMP_OPERATION_FIND);

    if (c->record == NULL
        || (c->request->mode != DMP_MODE_BRIS_DE_GLACE && !find)
        || dmp_traits_match(c->record, &c->request->traits, find))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_TRAITS_MISMATCH;
}


/* G5: centre 15, through its path, by one of its regulators or itself. */
dmp_reason_t
dmp_rule_g5(const dmp_case_t *c)
{
    if (c->request->mode != DMP_MODE_CENTRE_15 || dmp_is_metadata(c->request)
        || ((c->request->offers & DMP_OFFERS_CENTRE_15)
            && c->subject->regulator == DMP_REGULATOR_YES))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_NOT_REGULATOR;
}


/* G6: centre 15, which the patient does not oppose. */
dmp_reason_t
dmp_rule_g6(const dmp_case_t *c)
{
    if (c->request->mode != DMP_MODE_CENTRE_15 || c->record == NULL
        || c->record->centre_15)
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_EMERGENCY_OPPOSED;
}


/*
 * G7: the mode claimed is one that this path offers.  Of what the host can do
 * nobody is in need: for that, bris de glace is not offered anywhere.
 */
dmp_reason_t
dmp_rule_g7(const dmp_case_t *c)
{
    unsigned  offer;

    switch (c->request->mode) {

    case DMP_MODE_NORMAL:
        offer = DMP_OFFERS_NORMAL;
        break;

    case DMP_MODE_BRIS_DE_GLACE:
        offer = dmp_is_metadata(c->request) ? 0 : DMP_OFFERS_BRIS_DE_GLACE;
        break;

    case DMP_MODE_CENTRE_15:
        offer = DMP_OFFERS_CENTRE_15;
        break;

    default:
        return DMP_REASON_MODE_UNAVAILABLE;
    }

    return (c->request->offers & offer) ? DMP_REASON_NONE
                                        : DMP_REASON_MODE_UNAVAILABLE;
}
