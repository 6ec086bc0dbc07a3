/*
 * dmp_rights.c: rule E1.  Two official tables and ours, compiled to a bit for
 * each right: the column that speaks for the subject, the rights that the
 * request needs, and whether all of them are given.
 *
 * Sources: GIE SESAM-Vitale PDT-INF-526 v1.8 and PDT-INF-606 v1.3, in
 * conf/policy/.
 */

#include "dmp_rules_int.h"


#define DMP_RIGHTS_OF_READING                                                 \
    (dmp_right_bit(DMP_RIGHT_CHECK) | dmp_right_bit(DMP_RIGHT_SEARCH)         \
     | dmp_right_bit(DMP_RIGHT_REFERENCE) | dmp_right_bit(DMP_RIGHT_READ)     \
     | dmp_right_bit(DMP_RIGHT_READ_MASKED)                                   \
     | dmp_right_bit(DMP_RIGHT_READ_INVISIBLE)                                \
     | dmp_right_bit(DMP_RIGHT_READ_ARCHIVED)                                 \
     | dmp_right_bit(DMP_RIGHT_READ_SUPERSEDED)                               \
     | dmp_right_bit(DMP_RIGHT_READ_DELETED))


static dmp_standing_t
dmp_standing_in(dmp_table_id_t table, dmp_column_t column)
{
    dmp_standing_t  standing;

    standing.table = (column != DMP_COLUMN_NONE) ? table : DMP_TABLE_NONE;
    standing.column = column;

    return standing;
}


/* The column of that mode; an unknown mode has none. */
static dmp_column_t
dmp_column_of_mode(dmp_mode_t mode, dmp_column_t normal,
    dmp_column_t regulation, dmp_column_t bris)
{
    switch (mode) {

    case DMP_MODE_NORMAL:
        return normal;

    case DMP_MODE_CENTRE_15:
        return regulation;

    case DMP_MODE_BRIS_DE_GLACE:
        return bris;

    default:
        return DMP_COLUMN_NONE;
    }
}


/*
 * A doctor: occupational, treating or neither.  No table has an occupational
 * doctor in an emergency or named by a structure, nor a treating one in
 * centre 15, where they count as any doctor.
 */
static dmp_column_t
dmp_column_of_doctor(const dmp_case_t *c, dmp_table_id_t table)
{
    dmp_mode_t  mode;

    mode = c->request->mode;

    if (c->evidence & DMP_EVIDENCE_OCCUPATIONAL) {
        return (table == DMP_TABLE_DIRECT && mode == DMP_MODE_NORMAL)
               ? DMP_COLUMN_MEDTRAVAIL : DMP_COLUMN_NONE;
    }

    if (c->treating) {
        return dmp_column_of_mode(mode, DMP_COLUMN_MT_NORMAL,
                                  DMP_COLUMN_MED_REGULATION,
                                  DMP_COLUMN_MT_BRIS);
    }

    return dmp_column_of_mode(mode, DMP_COLUMN_MED_NORMAL,
                              DMP_COLUMN_MED_REGULATION, DMP_COLUMN_MED_BRIS);
}


/* A person with a profession, by their own card or named in a token. */
static dmp_column_t
dmp_column_of_person(const dmp_case_t *c, dmp_table_id_t table)
{
    const dmp_profession_t  *profession;

    profession = c->profession;

    if (profession == NULL
        || (profession->training && !c->policy->settings.training_reads))
    {
        return DMP_COLUMN_NONE;
    }

    switch (profession->kind) {

    case DMP_PROFESSION_DOCTOR:
        return dmp_column_of_doctor(c, table);

    case DMP_PROFESSION_HEALTH:
        return dmp_column_of_mode(c->request->mode, DMP_COLUMN_PS_NORMAL,
                                  DMP_COLUMN_PS_REGULATION,
                                  DMP_COLUMN_PS_BRIS);

    case DMP_PROFESSION_OTHER:
        return (table == DMP_TABLE_REINFORCED
                && c->request->mode == DMP_MODE_NORMAL)
               ? DMP_COLUMN_PE_NORMAL : DMP_COLUMN_NONE;

    default:
        return DMP_COLUMN_NONE;
    }
}


/* A structure, or who is named by it in indirect mode. */
static dmp_standing_t
dmp_standing_of_structure(const dmp_case_t *c)
{
    return dmp_standing_in(DMP_TABLE_DIRECT,
                           dmp_column_of_mode(c->request->mode,
                                              DMP_COLUMN_ES_NORMAL,
                                              DMP_COLUMN_ES_REGULATION,
                                              DMP_COLUMN_NONE));
}


/* A card of their own, or a structure's certificate and a token. */
static dmp_standing_t
dmp_standing_of_professional(const dmp_case_t *c, bool named)
{
    switch (c->subject->auth) {

    case DMP_AUTH_DIRECT:
        if (!named) {
            return dmp_standing_in(DMP_TABLE_DIRECT,
                               dmp_column_of_person(c, DMP_TABLE_DIRECT));
        }
        break;

    case DMP_AUTH_INDIRECT:
        if (named) {
            return dmp_standing_of_structure(c);
        }
        break;

    case DMP_AUTH_INDIRECT_REINFORCED:
        if (named) {
            return dmp_standing_in(DMP_TABLE_REINFORCED,
                               dmp_column_of_person(c, DMP_TABLE_REINFORCED));
        }
        break;

    default:
        break;
    }

    return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
}


/* Staff have no right in any emergency. */
static dmp_standing_t
dmp_standing_of_staff(const dmp_case_t *c, bool named)
{
    if (c->request->mode != DMP_MODE_NORMAL) {
        return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
    }

    if (c->subject->auth == DMP_AUTH_DIRECT && !named) {
        return dmp_standing_in(DMP_TABLE_DIRECT, DMP_COLUMN_CPE_NORMAL);
    }

    if (c->subject->auth == DMP_AUTH_INDIRECT_REINFORCED && named) {
        return dmp_standing_in(DMP_TABLE_REINFORCED, DMP_COLUMN_PE_NORMAL);
    }

    return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
}


static dmp_standing_t
dmp_standing_by_certificate(const dmp_case_t *c)
{
    bool  named;

    named = (c->subject->token == DMP_CREDENTIAL_VERIFIED);

    switch (c->subject->actor) {

    case DMP_ACTOR_PROFESSIONAL:
        return dmp_standing_of_professional(c, named);

    case DMP_ACTOR_STAFF:
        return dmp_standing_of_staff(c, named);

    case DMP_ACTOR_STRUCTURE:
        if (c->subject->auth == DMP_AUTH_INDIRECT && !named) {
            return dmp_standing_of_structure(c);
        }
        break;

    case DMP_ACTOR_FEEDER:
        if (c->request->mode == DMP_MODE_NORMAL && !named
            && (c->subject->auth == DMP_AUTH_DIRECT
                || c->subject->auth == DMP_AUTH_INDIRECT))
        {
            return dmp_standing_in(DMP_TABLE_OWN, DMP_COLUMN_FEEDER);
        }
        break;

    default:
        break;
    }

    return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
}


/* Those whom the official tables do not know, in the normal mode only. */
static dmp_standing_t
dmp_standing_without(const dmp_subject_t *subject,
    const dmp_request_t *request)
{
    bool          session;
    dmp_column_t  column;

    session = subject->auth == DMP_AUTH_SESSION
              && subject->token == DMP_CREDENTIAL_VERIFIED;
    column = DMP_COLUMN_NONE;

    if (request->mode != DMP_MODE_NORMAL) {
        return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
    }

    switch (subject->actor) {

    case DMP_ACTOR_PATIENT:
        column = session ? DMP_COLUMN_PATIENT : DMP_COLUMN_NONE;
        break;

    case DMP_ACTOR_REPRESENTATIVE:
        column = session ? DMP_COLUMN_REPRESENTATIVE : DMP_COLUMN_NONE;
        break;

    case DMP_ACTOR_OPERATOR:
        column = (subject->auth == DMP_AUTH_OPERATOR
                  && subject->token == DMP_CREDENTIAL_ABSENT)
                 ? DMP_COLUMN_OPERATOR : DMP_COLUMN_NONE;
        break;

    default:
        break;
    }

    return dmp_standing_in(DMP_TABLE_OWN, column);
}


dmp_standing_t
dmp_standing_of(const dmp_case_t *c)
{
    switch (c->subject->certificate) {

    case DMP_CREDENTIAL_VERIFIED:
        return dmp_standing_by_certificate(c);

    case DMP_CREDENTIAL_ABSENT:
        return dmp_standing_without(c->subject, c->request);

    default:
        return dmp_standing_in(DMP_TABLE_NONE, DMP_COLUMN_NONE);
    }
}


/* The right to change oneself, where there is one; else NONE. */
static dmp_right_t
dmp_right_for_self(dmp_change_t change)
{
    switch (change) {

    case DMP_CHANGE_AUTHORISE:
        return DMP_RIGHT_AUTHORISE_SELF;

    case DMP_CHANGE_WITHDRAW:
        return DMP_RIGHT_WITHDRAW_SELF;

    case DMP_CHANGE_DISMISS:
        return DMP_RIGHT_LEAVE_TREATING;

    case DMP_CHANGE_REMOVE_REPRESENTATIVE:
        return DMP_RIGHT_LEAVE_REPRESENTATIVE;

    default:
        return DMP_RIGHT_NONE;
    }
}


/* Whom the change concerns is who asks for it, or their structure. */
static bool
dmp_targets_self(const dmp_subject_t *subject, const dmp_request_t *request)
{
    dmp_str_t  structure;

    switch (subject->actor) {

    case DMP_ACTOR_PROFESSIONAL:
    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
        structure = dmp_structure_of(subject);

        return request->change != DMP_CHANGE_REMOVE_REPRESENTATIVE
               && (dmp_is_self(subject, request->target)
                   || (request->change == DMP_CHANGE_AUTHORISE
                       && structure.len != 0
                       && dmp_str_eq(structure, request->target)));

    case DMP_ACTOR_REPRESENTATIVE:
        return request->change == DMP_CHANGE_REMOVE_REPRESENTATIVE
               && subject->ins.len != 0
               && dmp_str_eq(subject->ins, request->target);

    default:
        return false;
    }
}


/* A change of rights: for oneself or one's structure, or for others. */
static dmp_right_t
dmp_right_of_change(const dmp_subject_t *subject,
    const dmp_request_t *request)
{
    dmp_right_t  right;

    static const dmp_right_t  rights[DMP_CHANGE_MAX] = {
        [DMP_CHANGE_AUTHORISE] = DMP_RIGHT_AUTHORISE,
        [DMP_CHANGE_WITHDRAW] = DMP_RIGHT_WITHDRAW,
        [DMP_CHANGE_BLOCK] = DMP_RIGHT_BLOCK,
        [DMP_CHANGE_UNBLOCK] = DMP_RIGHT_UNBLOCK,
        [DMP_CHANGE_DESIGNATE] = DMP_RIGHT_DESIGNATE,
        [DMP_CHANGE_DISMISS] = DMP_RIGHT_DISMISS,
        [DMP_CHANGE_OPPOSE] = DMP_RIGHT_OPPOSE,
        [DMP_CHANGE_MASK_DEFAULT] = DMP_RIGHT_MASK_DEFAULT,
        [DMP_CHANGE_CONTACT] = DMP_RIGHT_CONTACT,
        [DMP_CHANGE_NAME_REPRESENTATIVE] = DMP_RIGHT_NAME_REPRESENTATIVE,
        [DMP_CHANGE_REMOVE_REPRESENTATIVE] = DMP_RIGHT_REMOVE_REPRESENTATIVE,
    };

    if (request->change <= DMP_CHANGE_NONE
        || request->change >= DMP_CHANGE_MAX)
    {
        return DMP_RIGHT_NONE;
    }

    right = dmp_targets_self(subject, request)
            ? dmp_right_for_self(request->change) : DMP_RIGHT_NONE;

    return (right != DMP_RIGHT_NONE) ? right : rights[request->change];
}


/* TD3.3b is one row for both directions. */
static uint64_t
dmp_rights_of_effects(unsigned effects)
{
    size_t    i;
    uint64_t  needed;

    static const struct {
        unsigned     effects;
        dmp_right_t  right;
    } table[] = {
        { DMP_EFFECT_MASK, DMP_RIGHT_MASK },
        { DMP_EFFECT_UNMASK, DMP_RIGHT_UNMASK },
        { DMP_EFFECT_HIDE|DMP_EFFECT_SHOW, DMP_RIGHT_SHOW },
        { DMP_EFFECT_DELETE, DMP_RIGHT_DELETE },
        { DMP_EFFECT_SUPERSEDE, DMP_RIGHT_DEPOSIT },
        { DMP_EFFECT_ARCHIVE, DMP_RIGHT_ARCHIVE },
        { DMP_EFFECT_UNARCHIVE, DMP_RIGHT_UNARCHIVE },
    };

    needed = 0;

    for (i = 0; effects != 0 && i < sizeof(table) / sizeof(table[0]); i++) {
        if (effects & table[i].effects) {
            needed |= dmp_right_bit(table[i].right);
        }
    }

    return needed;
}


uint64_t
dmp_rights_needed(const dmp_subject_t *subject, const dmp_request_t *request)
{
    dmp_right_t  right;

    static const dmp_right_t  rights[DMP_OPERATION_MAX] = {
        [DMP_OPERATION_CHECK] = DMP_RIGHT_CHECK,
        [DMP_OPERATION_FIND] = DMP_RIGHT_FIND,
        [DMP_OPERATION_SEARCH] = DMP_RIGHT_SEARCH,
        [DMP_OPERATION_REFERENCE] = DMP_RIGHT_REFERENCE,
        [DMP_OPERATION_READ] = DMP_RIGHT_READ,
        [DMP_OPERATION_DEPOSIT] = DMP_RIGHT_DEPOSIT,
        [DMP_OPERATION_REPLACE] = DMP_RIGHT_DEPOSIT,
        [DMP_OPERATION_MASK] = DMP_RIGHT_MASK,
        [DMP_OPERATION_UNMASK] = DMP_RIGHT_UNMASK,
        [DMP_OPERATION_HIDE] = DMP_RIGHT_SHOW,
        [DMP_OPERATION_SHOW] = DMP_RIGHT_SHOW,
        [DMP_OPERATION_DELETE] = DMP_RIGHT_DELETE,
        [DMP_OPERATION_ARCHIVE] = DMP_RIGHT_ARCHIVE,
        [DMP_OPERATION_UNARCHIVE] = DMP_RIGHT_UNARCHIVE,
        [DMP_OPERATION_HISTORY] = DMP_RIGHT_HISTORY,
        [DMP_OPERATION_CREATE] = DMP_RIGHT_CREATE,
        [DMP_OPERATION_CLOSE] = DMP_RIGHT_CLOSE,
        [DMP_OPERATION_REOPEN] = DMP_RIGHT_REOPEN,
    };

    if (request->operation <= DMP_OPERATION_NONE
        || request->operation >= DMP_OPERATION_MAX)
    {
        return 0;
    }

    right = (request->operation == DMP_OPERATION_RIGHTS)
            ? dmp_right_of_change(subject, request)
            : rights[request->operation];

    if (right == DMP_RIGHT_NONE) {
        return 0;
    }

    return dmp_right_bit(right) | dmp_rights_of_effects(request->effects);
}


/* The table that has the row: the standing's own, or ours. */
static const dmp_table_t *
dmp_table_of(const dmp_policy_t *policy, dmp_standing_t standing,
    dmp_right_t right)
{
    const dmp_table_t  *table;

    table = &policy->tables[standing.table];

    return (table->rows & dmp_right_bit(right)) ? table
                                            : &policy->tables[DMP_TABLE_OWN];
}


bool
dmp_cell(const dmp_policy_t *policy, dmp_standing_t standing,
    dmp_right_t right, dmp_table_id_t *table, dmp_condition_t *condition)
{
    unsigned            i;
    const dmp_table_t  *in;
    const dmp_cells_t  *cells;

    *condition = DMP_CONDITION_NONE;
    *table = DMP_TABLE_NONE;

    if (standing.column <= DMP_COLUMN_NONE
        || standing.column >= DMP_COLUMN_MAX
        || standing.table <= DMP_TABLE_NONE || standing.table >= DMP_TABLE_MAX
        || right <= DMP_RIGHT_NONE || right >= DMP_RIGHT_MAX)
    {
        return false;
    }

    in = dmp_table_of(policy, standing, right);
    cells = &in->columns[standing.column];
    *table = (dmp_table_id_t) (in - policy->tables);

    for (i = DMP_CONDITION_NONE + 1; i < DMP_CONDITION_MAX; i++) {
        if (cells->under[i] & dmp_right_bit(right)) {
            *condition = (dmp_condition_t) i;
            break;
        }
    }

    return (cells->allows >> right) & 1;
}


/* States of a document that have rows of their own; H3 sees to "masked". */
static uint64_t
dmp_rights_of_state(const dmp_document_t *document)
{
    uint64_t  needed;

    needed = 0;

    if (document->labels & ~(unsigned) DMP_LABEL_MASKED) {
        needed |= dmp_right_bit(DMP_RIGHT_READ_INVISIBLE);
    }

    if (document->archived) {
        needed |= dmp_right_bit(DMP_RIGHT_READ_ARCHIVED);
    }

    switch (document->status) {

    case DMP_STATUS_CURRENT:
        break;

    case DMP_STATUS_SUPERSEDED:
        needed |= dmp_right_bit(DMP_RIGHT_READ_SUPERSEDED);
        break;

    case DMP_STATUS_DELETED:
        needed |= dmp_right_bit(DMP_RIGHT_READ_DELETED);
        break;

    default:
        /* it could be either */
        needed |= dmp_right_bit(DMP_RIGHT_READ_SUPERSEDED)
                  | dmp_right_bit(DMP_RIGHT_READ_DELETED);
    }

    return needed;
}


/* Authorising, oneself above all, asks for more than the cell. */
static bool
dmp_may_authorise(const dmp_case_t *c)
{
    int64_t               last;
    const dmp_request_t  *request;

    request = c->request;

    if (c->needed & dmp_right_bit(DMP_RIGHT_AUTHORISE_SELF)) {

        if (!request->consent
            || (!dmp_needed_under(c, DMP_CONDITION_FOR_STRUCTURE)
                && !dmp_is_self(c->subject, request->target)))
        {
            return false;
        }
    }

    if (c->needed & (dmp_right_bit(DMP_RIGHT_AUTHORISE_SELF)
                     | dmp_right_bit(DMP_RIGHT_AUTHORISE)))
    {
        last = (int64_t) c->today + c->policy->settings.authorisation_days;

        return request->until == 0
               || (request->until > c->today && request->until <= last);
    }

    return true;
}


/* A representative is named until a day that is to come: majority, say. */
static bool
dmp_may_name(const dmp_case_t *c)
{
    return !(c->needed & dmp_right_bit(DMP_RIGHT_NAME_REPRESENTATIVE))
           || c->request->until > c->today;
}


/* What the notes of cells demand that needs no document. */
static bool
dmp_conditions_hold(const dmp_case_t *c)
{
    dmp_str_t             structure;
    const dmp_request_t  *request;

    request = c->request;
    structure = dmp_structure_of(c->subject);

    if (dmp_needed_under(c, DMP_CONDITION_FOR_STRUCTURE)
        && (structure.len == 0 || !dmp_str_eq(structure, request->target)))
    {
        return false;
    }

    if (dmp_needed_under(c, DMP_CONDITION_IMPUTED) && structure.len == 0) {
        return false;
    }

    if (dmp_needed_under(c, DMP_CONDITION_CONSENT)
        && (!request->consent
            || (request->operation == DMP_OPERATION_CREATE
                && !request->emergency_answered)))
    {
        return false;
    }

    return dmp_may_authorise(c) && dmp_may_name(c);
}


bool
dmp_may_read(const dmp_case_t *c)
{
    uint64_t  needed;

    needed = dmp_right_bit(DMP_RIGHT_READ);

    if (c->document != NULL) {
        needed |= dmp_rights_of_state(c->document);
    }

    return (needed & ~c->cells->allows) == 0;
}


/*
 * E1: the functional tables give every right that the request needs.  What the
 * host can do takes none of them: whoever is known to be somebody may ask.
 */
dmp_reason_t
dmp_rule_e1(const dmp_case_t *c)
{
    uint64_t  needed;

    if (dmp_is_metadata(c->request)) {
        return (c->subject->auth > DMP_AUTH_NONE
                && c->subject->auth < DMP_AUTH_MAX)
               ? DMP_REASON_NONE : DMP_REASON_RIGHT_MISSING;
    }

    if (c->standing.column == DMP_COLUMN_NONE || c->needed == 0) {
        return DMP_REASON_RIGHT_MISSING;
    }

    needed = c->needed;

    if (c->document != NULL && c->request->operation == DMP_OPERATION_READ) {
        needed |= dmp_rights_of_state(c->document);
    }

    if ((needed & ~c->cells->allows) != 0 || !dmp_conditions_hold(c)) {
        return DMP_REASON_RIGHT_MISSING;
    }

    /* a card of somebody in training reads, and nothing else */
    if (c->profession != NULL && c->profession->training
        && c->subject->auth != DMP_AUTH_INDIRECT
        && (needed & ~DMP_RIGHTS_OF_READING) != 0)
    {
        return DMP_REASON_RIGHT_MISSING;
    }

    return DMP_REASON_NONE;
}
