/*
 * dmp_rules_document.c: what holds for one document: rules H1 to H7 and P2.
 * They run with each document of an answer, and with the one that a change
 * or a deposit is about.
 *
 * Sources: Code de la santé publique R1111-46 (matrix), R1111-49 (masking),
 * R1111-50 (minors), R1111-53 (temporary invisibility); PDT-INF-526, notes 5
 * to 9.
 */

#include "dmp_rules_int.h"


bool
dmp_changes_document(dmp_operation_t operation)
{
    switch (operation) {

    case DMP_OPERATION_DEPOSIT:
    case DMP_OPERATION_REPLACE:
    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_HIDE:
    case DMP_OPERATION_SHOW:
    case DMP_OPERATION_DELETE:
    case DMP_OPERATION_ARCHIVE:
    case DMP_OPERATION_UNARCHIVE:
        return true;

    default:
        return false;
    }
}


/* A new document: nothing of it is there yet to be hidden. */
static bool
dmp_brings_document(const dmp_case_t *c)
{
    return c->request->operation == DMP_OPERATION_DEPOSIT;
}


/*
 * H1: the document belongs to this record.  One that names no INS at all
 * belongs by the search that was bound to the patient, or by the index; alone,
 * it does not.
 */
dmp_reason_t
dmp_rule_h1(const dmp_case_t *c)
{
    switch (dmp_document_patient(c->document, c->record->ins)) {

    case DMP_PATIENT_SAME:
        return DMP_REASON_NONE;

    case DMP_PATIENT_UNNAMED:
        if (c->document->indexed
            || ((c->request->operation == DMP_OPERATION_SEARCH
                 || c->request->operation == DMP_OPERATION_REFERENCE)
                && dmp_names_patient(c->request)))
        {
            return DMP_REASON_NONE;
        }
        break;

    default:
        break;
    }

    return DMP_REASON_DOCUMENT_FOREIGN;
}


/*
 * Every code of the document that is known must be readable, whatever system
 * it came with; if none came with its own, so must types that are not known.
 */
static bool
dmp_types_readable(const dmp_case_t *c, const dmp_matrix_row_t *row)
{
    bool               same, vouched;
    unsigned           i;
    const dmp_type_t  *type;

    vouched = false;

    for (i = 0; i < c->document->n_types; i++) {
        type = dmp_policy_type(c->policy, c->document->types[i], &same);

        if (type == NULL) {
            continue;
        }

        if (!dmp_matrix_reads(row, c->policy, type)) {
            return false;
        }

        vouched |= same;
    }

    return vouched || row->unknown;
}


/* Whom the matrix is about: a person who would see the document. */
static bool
dmp_matrix_concerns(const dmp_case_t *c)
{
    if (dmp_brings_document(c) || c->subject->actor != DMP_ACTOR_PROFESSIONAL
        || c->subject->auth == DMP_AUTH_INDIRECT)
    {
        return false;
    }

    switch (c->request->operation) {

    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_READ:
        return true;

    case DMP_OPERATION_REFERENCE:
        /* of their structure's, by those who read nothing */
        return c->standing.column != DMP_COLUMN_PE_NORMAL;

    default:
        /* the matrix is on reading: an author may still delete */
        return !c->author && !c->depositor;
    }
}


/* H2: the matrix in force lets this profession read this type. */
dmp_reason_t
dmp_rule_h2(const dmp_case_t *c)
{
    const dmp_matrix_t      *matrix;
    const dmp_matrix_row_t  *row;

    if (!dmp_matrix_concerns(c)) {
        return DMP_REASON_NONE;
    }

    if (c->profession == NULL) {
        return DMP_REASON_TYPE_NOT_ALLOWED;
    }

    matrix = dmp_policy_matrix(c->policy, c->today);

    if (matrix == NULL) {
        /* none is in force: nothing can be decided, which no row would be */
        return DMP_REASON_TYPE_NOT_ALLOWED;
    }

    row = &matrix->rows[c->profession->row];

    if (!row->published) {
        return dmp_is_emergency(c->request) ? DMP_REASON_NONE
                                            : DMP_REASON_TYPE_NOT_ALLOWED;
    }

    return dmp_types_readable(c, row) ? DMP_REASON_NONE
                                      : DMP_REASON_TYPE_NOT_ALLOWED;
}


bool
dmp_is_masked(const dmp_record_t *record, const dmp_document_t *document)
{
    /* whatever is not known to leave professionals alone masks */
    if (document->labels & ~(unsigned) (DMP_LABEL_INVISIBLE_PATIENT
                                        | DMP_LABEL_INVISIBLE_REPRESENTATIVES))
    {
        return true;
    }

    if (dmp_list_names_document(&record->masked, document)) {
        return true;
    }

    return record->mask_by_default
           && !dmp_list_has(&record->unmasked, dmp_document_name(document));
}


/*
 * H3: masked from professionals, but for whom the table's row of masked
 * documents lets read it, and for its author and the structure that deposited
 * it: in an emergency these do not see it, but may still change it.  Operators
 * see no document: they change one because its patient asked.
 */
dmp_reason_t
dmp_rule_h3(const dmp_case_t *c)
{
    bool             given;
    dmp_table_id_t   table;
    dmp_condition_t  condition;

    if (dmp_brings_document(c) || dmp_is_holder(c->subject)
        || c->subject->actor == DMP_ACTOR_OPERATOR
        || !dmp_is_masked(c->record, c->document))
    {
        return DMP_REASON_NONE;
    }

    given = dmp_cell(c->policy, c->standing, DMP_RIGHT_READ_MASKED, &table,
                     &condition);

    if (dmp_is_emergency(c->request)) {
        /* the patient's third flag, for the treating physician as well */
        given = given && c->record->emergency_masked;

    } else {
        given = given && condition == DMP_CONDITION_NONE;
    }

    if (given || ((c->author || c->depositor)
                  && (!dmp_is_emergency(c->request)
                      || dmp_changes_document(c->request->operation))))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_MASKED;
}


/*
 * H4: invisible to the patient until it is announced in a consultation, for
 * some months from its deposit at most.  A label that nobody knows hides.
 */
dmp_reason_t
dmp_rule_h4(const dmp_case_t *c)
{
    if (dmp_brings_document(c) || !dmp_is_holder(c->subject)
        || !(c->document->labels
             & ~(unsigned) (DMP_LABEL_MASKED
                            | DMP_LABEL_INVISIBLE_REPRESENTATIVES)))
    {
        return DMP_REASON_NONE;
    }

    if (c->document->dated
        && c->today >= dmp_day_add_months(c->document->deposited,
                                       c->policy->settings.invisible_months))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_INVISIBLE_TO_PATIENT;
}


/* H5: the minor's secret; they see it themselves. */
dmp_reason_t
dmp_rule_h5(const dmp_case_t *c)
{
    if (dmp_brings_document(c)
        || c->subject->actor != DMP_ACTOR_REPRESENTATIVE
        || !(c->document->labels
             & ~(unsigned) (DMP_LABEL_MASKED | DMP_LABEL_INVISIBLE_PATIENT)))
    {
        return DMP_REASON_NONE;
    }

    return DMP_REASON_INVISIBLE_TO_REPRESENTATIVES;
}


static bool
dmp_stands_as_treating(const dmp_case_t *c)
{
    return c->standing.column == DMP_COLUMN_MT_NORMAL
           || c->standing.column == DMP_COLUMN_MT_BRIS;
}


/* A professional who wrote it with the patient is not to lose it. */
static bool
dmp_is_by_patient_alone(const dmp_document_t *document)
{
    return document->by_patient && !document->by_others;
}


/* What a replacement supersedes. */
static bool
dmp_may_supersede(const dmp_case_t *c)
{
    if (dmp_is_holder(c->subject)) {
        return dmp_is_by_patient_alone(c->document);
    }

    return c->author || c->depositor || dmp_stands_as_treating(c);
}


/* A document that the patient deposited: theirs, or the treating one's. */
static bool
dmp_may_on_deposit_of_patient(const dmp_case_t *c)
{
    return dmp_is_holder(c->subject) || dmp_stands_as_treating(c);
}


/* It comes in the place of another one. */
static bool
dmp_supersedes(const dmp_case_t *c)
{
    return c->request->operation == DMP_OPERATION_REPLACE
           || (c->request->effects & DMP_EFFECT_SUPERSEDE);
}


/* H6: whose the document is, where the notes of the tables ask for it. */
dmp_reason_t
dmp_rule_h6(const dmp_case_t *c)
{
    uint64_t  removal;

    if (dmp_brings_document(c)) {
        return DMP_REASON_NONE;
    }

    if (dmp_supersedes(c) && !dmp_may_supersede(c)) {
        return DMP_REASON_NOT_AUTHOR;
    }

    removal = dmp_right_bit(DMP_RIGHT_ARCHIVE)
              | dmp_right_bit(DMP_RIGHT_UNARCHIVE)
              | dmp_right_bit(DMP_RIGHT_DELETE);

    if (dmp_is_by_patient_alone(c->document) && (c->needed & removal)) {
        if (!dmp_may_on_deposit_of_patient(c)) {
            return DMP_REASON_NOT_AUTHOR;
        }

    } else {
        removal = 0;
    }

    if (((dmp_needed_under(c, DMP_CONDITION_AUTHOR) & ~removal)
         && !c->author)
        || ((dmp_needed_under(c, DMP_CONDITION_STRUCTURE)
             | dmp_needed_under(c, DMP_CONDITION_REFERENCE_OWN))
            && !c->depositor)
        || (dmp_needed_under(c, DMP_CONDITION_OWN_DEPOSIT)
            && !dmp_is_by_patient_alone(c->document)))
    {
        return DMP_REASON_NOT_AUTHOR;
    }

    return DMP_REASON_NONE;
}


/*
 * H7: labels, status and archive mark are all that may change.  What replaces
 * does so as a replacement, of a document that is current.
 */
dmp_reason_t
dmp_rule_h7(const dmp_case_t *c)
{
    if (c->request->effects & ~(unsigned) (DMP_EFFECT_MASK|DMP_EFFECT_UNMASK
                                     |DMP_EFFECT_HIDE|DMP_EFFECT_SHOW
                                     |DMP_EFFECT_DELETE|DMP_EFFECT_SUPERSEDE
                                     |DMP_EFFECT_ARCHIVE
                                     |DMP_EFFECT_UNARCHIVE))
    {
        return DMP_REASON_CHANGE_NOT_ALLOWED;
    }

    if (dmp_brings_document(c)) {
        return (!c->document->replaces || dmp_supersedes(c))
               ? DMP_REASON_NONE : DMP_REASON_CHANGE_NOT_ALLOWED;
    }

    return (!dmp_supersedes(c) || c->document->status == DMP_STATUS_CURRENT)
           ? DMP_REASON_NONE : DMP_REASON_CHANGE_NOT_ALLOWED;
}


/* P2: patients deposit what is theirs to say, and sign it. */
dmp_reason_t
dmp_rule_p2(const dmp_case_t *c)
{
    bool               same;
    unsigned           i;
    const dmp_type_t  *type;

    if (!dmp_brings_document(c) || !dmp_is_holder(c->subject)) {
        return DMP_REASON_NONE;
    }

    if (!dmp_is_by_patient_alone(c->document) || c->document->n_types == 0) {
        return DMP_REASON_DEPOSIT_NOT_ALLOWED;
    }

    for (i = 0; i < c->document->n_types; i++) {
        type = dmp_policy_type(c->policy, c->document->types[i], &same);

        if (type == NULL || !same || !type->patient_deposits) {
            return DMP_REASON_DEPOSIT_NOT_ALLOWED;
        }
    }

    return DMP_REASON_NONE;
}
