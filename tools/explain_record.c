/*
 * explain_record.c: what the rules about the tables and the patient's choices
 * saw.  Of traits it tells only which one differs.
 */

#include "explain_seen.h"


static const char *
explain_right_name(dmp_right_t right)
{
    return (size_t) right < dmp_right_names.n
           && dmp_right_names.names[right] != NULL
           ? dmp_right_names.names[right] : "none";
}


void
explain_c1(explain_t *e)
{
    bool  answers;

    answers = e->c->request.operation == DMP_OPERATION_CHECK
              || e->c->request.operation == DMP_OPERATION_FIND;
    explain_add(e, json_pack("{s:b}", "exists", e->record != NULL ? 1 : 0),
                "%s%s", e->record != NULL ? "there is one" : "there is none",
                answers ? "; that is the answer, it refuses nothing" : "");
}


void
explain_c2(explain_t *e)
{
    if (e->record == NULL) {
        explain_add(e, NULL, "there is none");
        return;
    }

    explain_add(e, json_pack("{s:b,s:s}", "open", e->record->open ? 1 : 0,
                             "operation",
                             dmp_operation_name(e->c->request.operation)),
                "it is %s%s", e->record->open ? "open" : "closed",
                e->record->open ? "" : ": \"check\" tells so, and the holder "
                "may still read the history and reopen");
}


static void
explain_own_structure(explain_t *e)
{
    dmp_str_t  structure;

    structure = explain_structure(&e->c->subject);
    explain_add(e, json_pack("{s:o}", "structure", explain_json(structure)),
                "the structure they act for: %.*s",
                explain_str(structure.len != 0 ? structure
                                               : dmp_string("unknown")));
}


/* One cell, as the table has it. */
static void
explain_cell(explain_t *e, dmp_right_t right)
{
    bool                allowed;
    dmp_str_t           row;
    const char         *column, *note;
    dmp_table_id_t      id;
    dmp_condition_t     condition;
    const dmp_table_t  *table;

    allowed = dmp_cell(e->policy, e->standing, right, &id, &condition);
    table = &e->policy->tables[id];
    column = dmp_column_names.names[e->standing.column];

    if (id == DMP_TABLE_NONE || !(table->rows & dmp_right_bit(right))) {
        explain_add(e, json_pack("{s:s,s:s,s:n}",
                                 "right", explain_right_name(right),
                                 "column", column, "row"),
                    "no table of column %s has a row for \"%s\"", column,
                    explain_right_name(right));
        return;
    }

    row = table->row_names[right];
    note = condition != DMP_CONDITION_NONE
           ? dmp_condition_names.names[condition] : "";
    explain_add(e, json_pack("{s:s,s:o,s:o,s:s,s:b,s:s}",
                             "right", explain_right_name(right),
                             "table", explain_json(table->name),
                             "row", explain_json(row), "column", column,
                             "allowed", allowed ? 1 : 0, "condition", note),
                "table %.*s, row \"%.*s\", column %s: %s%s%s%s",
                explain_str(table->name), explain_str(row), column,
                allowed ? "oui" : "non", note[0] != '\0' ? " (" : "", note,
                note[0] != '\0' ? ")" : "");

    if (condition == DMP_CONDITION_IMPUTED
        || condition == DMP_CONDITION_FOR_STRUCTURE)
    {
        explain_own_structure(e);
    }
}


/* States of a document that have rows of their own. */
static uint64_t
explain_states(const explain_t *e)
{
    uint64_t               rights;
    const dmp_document_t  *d;

    d = e->c->document;

    if (d == NULL || e->c->request.operation != DMP_OPERATION_READ) {
        return 0;
    }

    rights = d->archived ? dmp_right_bit(DMP_RIGHT_READ_ARCHIVED) : 0;

    if (d->labels & (DMP_LABEL_INVISIBLE_PATIENT
                     | DMP_LABEL_INVISIBLE_REPRESENTATIVES))
    {
        rights |= dmp_right_bit(DMP_RIGHT_READ_INVISIBLE);
    }

    if (d->status == DMP_STATUS_UNKNOWN || d->status == DMP_STATUS_SUPERSEDED)
    {
        rights |= dmp_right_bit(DMP_RIGHT_READ_SUPERSEDED);
    }

    if (d->status == DMP_STATUS_UNKNOWN || d->status == DMP_STATUS_DELETED) {
        rights |= dmp_right_bit(DMP_RIGHT_READ_DELETED);
    }

    return rights;
}


/* TD2.1, or TD2.2 where the column has no other. */
static dmp_right_t
explain_which_deposit(const explain_t *e, dmp_right_t right)
{
    dmp_table_id_t   id;
    dmp_condition_t  condition;

    if (right == DMP_RIGHT_DEPOSIT
        && !dmp_cell(e->policy, e->standing, right, &id, &condition)
        && dmp_cell(e->policy, e->standing, DMP_RIGHT_DEPOSIT_STAFF, &id,
                    &condition))
    {
        return DMP_RIGHT_DEPOSIT_STAFF;
    }

    return right;
}


/* What the notes of the cells ask of the request itself. */
static void
explain_e1_conditions(explain_t *e)
{
    char                  until[11], last[11];
    const dmp_request_t  *r;

    r = &e->c->request;

    if (r->operation == DMP_OPERATION_CREATE
        || r->change == DMP_CHANGE_AUTHORISE)
    {
        explain_add(e, json_pack("{s:b,s:b}", "consent", r->consent ? 1 : 0,
                                 "emergency_answered",
                                 r->emergency_answered ? 1 : 0),
                    "the patient's consent is %sdeclared%s",
                    r->consent ? "" : "not ",
                    r->operation != DMP_OPERATION_CREATE ? ""
                    : r->emergency_answered
                    ? ", the questions about emergencies are answered"
                    : ", the questions about emergencies are not answered");
    }

    if (r->change == DMP_CHANGE_NAME_REPRESENTATIVE) {
        explain_day(r->until, until);
        explain_add(e, json_pack("{s:s}", "until", until),
                    "until %s, which must be a day to come", until);

    } else if (r->until != 0) {
        explain_day(r->until, until);
        explain_day(e->c->today
                    + (int32_t) e->policy->settings.authorisation_days, last);
        explain_add(e, json_pack("{s:s,s:s}", "until", until, "last", last),
                    "until %s; the last day that may be asked for is %s",
                    until, last);
    }
}


void
explain_e1(explain_t *e)
{
    unsigned                 right;
    uint64_t                 needed;
    const dmp_subject_t     *s;
    const dmp_profession_t  *p;

    s = &e->c->subject;

    if (e->c->request.operation == DMP_OPERATION_METADATA) {
        explain_add(e, json_pack("{s:s}", "auth", dmp_auth_name(s->auth)),
                    "what the host can do takes no right: auth %s",
                    dmp_auth_name(s->auth));
        return;
    }

    needed = dmp_rights_needed(s, &e->c->request) | explain_states(e);
    p = s->actor == DMP_ACTOR_PROFESSIONAL
        ? dmp_policy_profession(e->policy, s->role) : NULL;

    if (s->actor == DMP_ACTOR_PROFESSIONAL && p == NULL) {
        explain_add(e, json_pack("{s:n}", "profession"),
                    "the policy does not know their profession");
    }

    if (p != NULL && p->training) {
        explain_add(e, json_pack("{s:b,s:b}", "training", 1, "reads",
                                 e->policy->settings.training_reads ? 1 : 0),
                    "a card of somebody in training: by the settings it %s",
                    e->policy->settings.training_reads ? "reads, and nothing "
                    "else" : "gives no rights");
    }

    if (e->standing.column == DMP_COLUMN_NONE) {
        explain_add(e, json_pack("{s:n}", "column"),
                    "no column of the tables is for: %s, auth %s, mode %s",
                    dmp_actor_name(s->actor), dmp_auth_name(s->auth),
                    dmp_mode_name(e->c->request.mode));
        return;
    }

    for (right = DMP_RIGHT_NONE + 1; right < DMP_RIGHT_MAX; right++) {
        if (needed & dmp_right_bit(right)) {
            explain_cell(e, explain_which_deposit(e, (dmp_right_t) right));
        }
    }

    explain_e1_conditions(e);
}


/* Why a block does not refuse; NULL when it does. */
static const char *
explain_f1_exempt(const explain_t *e)
{
    if (explain_is_holder(&e->c->subject)
        || e->c->subject.actor == DMP_ACTOR_OPERATOR)
    {
        return "asked of professionals only";
    }

    switch (e->c->request.operation) {

    case DMP_OPERATION_CHECK:
        return "\"check\" tells so, and is not refused";

    case DMP_OPERATION_DEPOSIT:
        return "a block does not stop a deposit";

    default:
        return NULL;
    }
}


static bool
explain_is_blocked(const explain_t *e, dmp_str_t id)
{
    size_t  i;

    for (i = 0; i < e->record->blocked.n; i++) {
        if (dmp_str_eq(e->record->blocked.list[i], id)) {
            return true;
        }
    }

    return false;
}


/* Who would be authorised or designated. */
static void
explain_f1_target(explain_t *e)
{
    bool                  blocked;
    unsigned              i;
    const dmp_request_t  *r;

    r = &e->c->request;

    if (r->operation != DMP_OPERATION_RIGHTS
        || (r->change != DMP_CHANGE_AUTHORISE
            && r->change != DMP_CHANGE_DESIGNATE))
    {
        return;
    }

    blocked = explain_is_blocked(e, r->target);

    for (i = 0; i < r->n_target_ids; i++) {
        blocked = blocked || explain_is_blocked(e, r->target_ids[i]);
    }

    explain_add(e, json_pack("{s:b}", "target_blocked", blocked ? 1 : 0),
                "%.*s, whom the change is for, is %son it",
                explain_str(r->target), blocked ? "" : "not ");
}


void
explain_f1(explain_t *e)
{
    bool         blocked;
    size_t       i;
    const char  *exempt;

    if (e->record == NULL) {
        explain_add(e, NULL, "there is no record");
        return;
    }

    blocked = false;
    exempt = explain_f1_exempt(e);

    for (i = 0; i < e->record->blocked.n; i++) {
        blocked = blocked || explain_is_self(&e->c->subject,
                                             e->record->blocked.list[i]);
    }

    explain_add(e, json_pack("{s:b}", "blocked", blocked ? 1 : 0),
                "%.*s is %son the patient's list of blocked professionals%s%s",
                explain_str(e->c->subject.id), blocked ? "" : "not ",
                exempt != NULL ? "; " : "", exempt != NULL ? exempt : "");
    explain_f1_target(e);
}


/* Why G1 asks nothing; NULL when it asks. */
static const char *
explain_g1_exempt(const explain_t *e)
{
    const dmp_request_t  *r;

    r = &e->c->request;

    if (e->c->subject.actor != DMP_ACTOR_PROFESSIONAL) {
        return "asked of professionals only";
    }

    if (r->mode != DMP_MODE_NORMAL) {
        return "asked in normal mode only";
    }

    switch (r->operation) {

    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_READ:
    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_HIDE:
    case DMP_OPERATION_SHOW:
    case DMP_OPERATION_ARCHIVE:
    case DMP_OPERATION_UNARCHIVE:
        return NULL;

    case DMP_OPERATION_REFERENCE:
        if (e->c->document == NULL) {
            return "asked with each document that is found";
        }

        return explain_is_author(e) || explain_is_depositor(e)
               ? "not asked for one's own document" : NULL;

    default:
        return "not asked for this operation";
    }
}


static void
explain_grant(explain_t *e, const dmp_grant_t *g)
{
    char         since[11], until[11];
    const char  *state;

    explain_day(g->since, since);
    explain_day(g->until, until);
    state = e->c->today < g->since ? "not yet"
            : e->c->today < g->until ? "in force" : "expired";

    explain_add(e, json_pack("{s:o,s:s,s:s,s:s}", "id", explain_json(g->id),
                             "since", since, "until", until, "state", state),
                "%.*s is authorised since %s until %s: %s",
                explain_str(g->id), since, until, state);
}


void
explain_g1(explain_t *e)
{
    bool         found;
    size_t       i;
    const char  *exempt;

    exempt = explain_g1_exempt(e);

    if (exempt != NULL || e->record == NULL) {
        explain_add(e, NULL, "%s", exempt != NULL ? exempt : "no record");
        return;
    }

    found = dmp_is_treating(e->policy, e->record, &e->c->subject);

    if (found) {
        explain_add(e, json_pack("{s:b}", "treating", 1),
                    "%.*s is a treating physician of this patient",
                    explain_str(e->c->subject.id));
    }

    for (i = 0; i < e->record->n_authorisations; i++) {
        if (explain_is_self(&e->c->subject, e->record->authorisations[i].id)) {
            explain_grant(e, &e->record->authorisations[i]);
            found = true;
        }
    }

    if (!found) {
        explain_add(e, json_pack("{s:b}", "authorised", 0),
                    "no authorisation for %.*s",
                    explain_str(e->c->subject.id));
    }
}


/* True, after saying so, if the request is in another mode or has no record. */
static bool
explain_other_mode(explain_t *e, dmp_mode_t mode)
{
    if (e->c->request.mode != mode) {
        explain_add(e, NULL, "not asked in mode %s",
                    dmp_mode_name(e->c->request.mode));
        return true;
    }

    return false;
}


static void
explain_agreed(explain_t *e, dmp_mode_t mode, bool agreed)
{
    if (explain_other_mode(e, mode)) {
        return;
    }

    if (e->record == NULL) {
        explain_add(e, NULL, "there is no record");
        return;
    }

    explain_add(e, json_pack("{s:b}", "agrees", agreed ? 1 : 0),
                "by the record the patient %s", agreed ? "agrees" : "opposes");
}


void
explain_g2(explain_t *e)
{
    explain_agreed(e, DMP_MODE_BRIS_DE_GLACE,
                   e->record != NULL && e->record->bris_de_glace);
}


void
explain_g3(explain_t *e)
{
    size_t  n;

    if (explain_other_mode(e, DMP_MODE_BRIS_DE_GLACE)) {
        return;
    }

    n = dmp_visible(e->c->request.justification);
    explain_add(e, json_pack("{s:I,s:i}", "characters", (json_int_t) n,
                             "asked",
                             (int) e->policy->settings.justification_min),
                "%zu visible characters, %u asked", n,
                e->policy->settings.justification_min);
}


static void
explain_trait(explain_t *e, const char *name, bool held, bool same)
{
    const char  *result;

    result = !held ? "the record does not hold it: not compared"
             : same ? "the same" : "differs";
    explain_add(e, json_pack("{s:s,s:b,s:b}", "trait", name, "compared",
                             held ? 1 : 0, "same", held && same ? 1 : 0),
                "%s: %s", name, result);
}


void
explain_g4(explain_t *e)
{
    const dmp_record_t  *r;
    const dmp_traits_t  *t;

    if (explain_other_mode(e, DMP_MODE_BRIS_DE_GLACE)) {
        return;
    }

    if (e->record == NULL) {
        explain_add(e, NULL, "there is no record");
        return;
    }

    r = e->record;
    t = &e->c->request.traits;
    explain_trait(e, "family name",
                  r->family.len != 0 || r->birth_family.len != 0,
                  dmp_fold_same(t->family, r->family)
                  || dmp_fold_same(t->family, r->birth_family));
    explain_trait(e, "given name", r->given.len != 0,
                  dmp_fold_among(t->given, r->given));
    explain_trait(e, "birth date", r->birthdate.len != 0,
                  dmp_str_eq(t->birthdate, r->birthdate));
}


void
explain_g5(explain_t *e)
{
    bool         offered;
    const char  *regulator;

    if (explain_other_mode(e, DMP_MODE_CENTRE_15)) {
        return;
    }

    offered = (e->c->request.offers & DMP_OFFERS_CENTRE_15) != 0;
    regulator = (size_t) e->c->subject.regulator < dmp_regulator_names.n
                ? dmp_regulator_names.names[e->c->subject.regulator]
                : "invalid";
    explain_add(e, json_pack("{s:b,s:s}", "path", offered ? 1 : 0,
                             "regulator", regulator),
                "%s a path of centre 15; regulator of a registered centre: %s",
                offered ? "through" : "not through", regulator);
}


void
explain_g6(explain_t *e)
{
    explain_agreed(e, DMP_MODE_CENTRE_15,
                   e->record != NULL && e->record->centre_15);
}


void
explain_g7(explain_t *e)
{
    unsigned  offers;

    offers = e->c->request.offers;

    if (e->c->request.operation == DMP_OPERATION_METADATA) {
        /* nobody is in need of it */
        offers &= ~(unsigned) DMP_OFFERS_BRIS_DE_GLACE;
    }

    explain_add(e, json_pack("{s:s,s:b,s:b,s:b}",
                             "mode", dmp_mode_name(e->c->request.mode),
                             "normal", (offers & DMP_OFFERS_NORMAL) ? 1 : 0,
                             "bris_de_glace",
                             (offers & DMP_OFFERS_BRIS_DE_GLACE) ? 1 : 0,
                             "centre_15",
                             (offers & DMP_OFFERS_CENTRE_15) ? 1 : 0),
                "mode %s; offered:%s%s%s%s",
                dmp_mode_name(e->c->request.mode),
                (offers & DMP_OFFERS_NORMAL) ? " normal" : "",
                (offers & DMP_OFFERS_BRIS_DE_GLACE) ? " bris-de-glace" : "",
                (offers & DMP_OFFERS_CENTRE_15) ? " centre-15" : "",
                offers == 0 ? " none" : "");
}
