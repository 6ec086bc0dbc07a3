/*
 * explain_document.c: what the rules about one document saw.
 */

#include "explain_seen.h"


void
explain_h1(explain_t *e)
{
    const char           *word;
    dmp_patient_match_t   match;

    if (e->record == NULL) {
        explain_add(e, NULL, "there is no record");
        return;
    }

    match = dmp_document_patient(e->c->document, e->record->ins);
    word = match == DMP_PATIENT_SAME ? "this"
           : match == DMP_PATIENT_UNNAMED ? "unnamed" : "other";
    explain_add(e, json_pack("{s:s,s:b}", "patient", word, "indexed",
                             e->c->document->indexed ? 1 : 0), "%s",
                match == DMP_PATIENT_SAME ? "it names this patient"
                : match != DMP_PATIENT_UNNAMED
                ? "it names somebody else, or contradicts itself"
                : e->c->document->indexed
                ? "it names nobody; the index ties it to this record"
                : "it names nobody: only the index, or a search for this "
                  "patient, vouches for it");
}


static void
explain_type(explain_t *e, dmp_code_t code, const dmp_matrix_row_t *row)
{
    bool               same, reads;
    const dmp_type_t  *type;

    type = dmp_policy_type(e->policy, code, &same);

    if (type == NULL) {
        explain_add(e, json_pack("{s:o,s:b}", "type", explain_json(code.code),
                                 "known", 0),
                    "type %.*s is not known", explain_str(code.code));
        return;
    }

    reads = dmp_matrix_reads(row, e->policy, type);
    explain_add(e, json_pack("{s:o,s:b,s:o,s:b,s:b}",
                             "type", explain_json(code.code), "known", 1,
                             "name", explain_json(type->name),
                             "own_system", same ? 1 : 0,
                             "reads", reads ? 1 : 0),
                "type %.*s, %.*s: %s%s", explain_str(code.code),
                explain_str(type->name), reads ? "read" : "not read",
                same ? "" : " (under a code system that is not its own)");
}


static void
explain_row(explain_t *e, const dmp_matrix_t *m, const dmp_matrix_row_t *row,
    const dmp_profession_t *p)
{
    char      from[11];
    unsigned  i;

    explain_day(m->from, from);
    explain_add(e, json_pack("{s:o,s:s,s:o,s:b,s:b,s:o}",
                             "matrix", explain_json(m->name), "from", from,
                             "profession", explain_json(p->name),
                             "ours", row->ours ? 1 : 0,
                             "unknown", row->unknown ? 1 : 0,
                             "source", explain_json(row->source)),
                "matrix \"%.*s\", in force since %s, row of: %.*s%s",
                explain_str(m->name), from, explain_str(p->name),
                row->ours ? " (ours, no published row)" : "");
    explain_add(e, NULL, "source: %.*s", explain_str(row->source));

    for (i = 0; i < e->c->document->n_types; i++) {
        explain_type(e, e->c->document->types[i], row);
    }

    if (e->c->document->n_types == 0) {
        explain_add(e, NULL, "the document has no type");
    }

    explain_add(e, NULL, "a type that is not known is %s by this profession",
                row->unknown ? "read" : "not read");
}


/* A new document: nothing of it is there yet to be hidden. */
static bool
explain_brings(explain_t *e)
{
    if (e->c->request.operation != DMP_OPERATION_DEPOSIT) {
        return false;
    }

    explain_add(e, NULL, "not asked for a deposit");

    return true;
}


/* Why the matrix is not asked; NULL when it is. */
static const char *
explain_h2_exempt(const explain_t *e)
{
    if (e->c->request.operation == DMP_OPERATION_DEPOSIT) {
        return "not asked for a deposit";
    }

    if (e->c->subject.actor != DMP_ACTOR_PROFESSIONAL) {
        return "asked of professionals only";
    }

    if (e->c->subject.auth == DMP_AUTH_INDIRECT) {
        return "not asked of who only feeds, through a structure";
    }

    switch (e->c->request.operation) {

    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_REFERENCE:
    case DMP_OPERATION_READ:
        return NULL;

    default:
        return explain_is_author(e)
               ? "the matrix is on reading; they are the author" : NULL;
    }
}


void
explain_h2(explain_t *e)
{
    const char              *exempt;
    const dmp_matrix_t      *m;
    const dmp_profession_t  *p;

    exempt = explain_h2_exempt(e);

    if (exempt != NULL) {
        explain_add(e, NULL, "%s", exempt);
        return;
    }

    p = dmp_policy_profession(e->policy, e->c->subject.role);
    m = dmp_policy_matrix(e->policy, e->c->today);

    if (p == NULL || m == NULL) {
        explain_add(e, NULL, p == NULL ? "their profession is not known"
                                       : "no matrix is in force on that day");
        return;
    }

    if (!m->rows[p->row].published) {
        explain_add(e, json_pack("{s:o,s:o,s:b}", "matrix",
                                 explain_json(m->name), "profession",
                                 explain_json(p->name), "published", 0),
                    "matrix \"%.*s\" has no row for: %.*s; that denies in "
                    "normal mode only", explain_str(m->name),
                    explain_str(p->name));
        return;
    }

    explain_row(e, m, &m->rows[p->row], p);
}


static bool
explain_listed(const dmp_list_t *list, dmp_str_t value)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        if (dmp_str_eq(list->list[i], value)) {
            return true;
        }
    }

    return false;
}


/* By what a document is masked; NULL when nothing masks it. */
static const char *
explain_masked_by(const explain_t *e)
{
    dmp_str_t              name;
    const dmp_document_t  *d;

    d = e->c->document;
    name = dmp_document_name(d);

    if (!dmp_is_masked(e->record, d)) {
        return NULL;
    }

    if (d->labels & DMP_LABEL_MASKED) {
        return "by its label";
    }

    if (d->labels & DMP_LABEL_UNKNOWN) {
        return "by a label that is not known";
    }

    return explain_listed(&e->record->masked, name)
           || explain_listed(&e->record->masked, d->id)
           ? "by the record's list" : "by the record's default";
}


void
explain_h3(explain_t *e)
{
    bool         author, depositor, treating;
    const char  *by;

    if (explain_brings(e)) {
        return;
    }

    if (e->record == NULL) {
        explain_add(e, NULL, "there is no record");
        return;
    }

    by = explain_masked_by(e);

    if (by == NULL) {
        explain_add(e, json_pack("{s:b}", "masked", 0), "it is not masked");
        return;
    }

    explain_add(e, json_pack("{s:b,s:s}", "masked", 1, "by", by),
                "it is masked %s", by);

    if (explain_is_holder(&e->c->subject)) {
        explain_add(e, NULL, "masked from professionals, not from: %s",
                    dmp_actor_name(e->c->subject.actor));
        return;
    }

    if (e->c->subject.actor == DMP_ACTOR_OPERATOR) {
        explain_add(e, NULL, "an operator sees no document, and changes this "
                    "one as its patient asked");
        return;
    }

    author = explain_is_author(e);
    depositor = explain_is_depositor(e);
    treating = dmp_is_treating(e->policy, e->record, &e->c->subject);
    explain_add(e, json_pack("{s:b,s:b,s:b}", "author", author ? 1 : 0,
                             "same_structure", depositor ? 1 : 0,
                             "treating", treating ? 1 : 0),
                "%.*s: %s author, %s treating physician%s",
                explain_str(e->c->subject.id), author ? "an" : "no",
                treating ? "a" : "no",
                depositor ? ", the structure that deposited it" : "");

    if (explain_is_emergency(&e->c->request)) {
        explain_add(e, json_pack("{s:b}", "emergency_masked",
                                 e->record->emergency_masked ? 1 : 0),
                    "in an emergency the patient %s masked documents",
                    e->record->emergency_masked ? "shows" : "does not show");
    }
}


void
explain_h4(explain_t *e)
{
    char                   visible[11];
    int32_t                day;
    const dmp_document_t  *d;

    if (explain_brings(e)) {
        return;
    }

    if (!explain_is_holder(&e->c->subject)) {
        explain_add(e, NULL, "asked of patients and representatives only");
        return;
    }

    d = e->c->document;

    if (!(d->labels & (DMP_LABEL_INVISIBLE_PATIENT | DMP_LABEL_UNKNOWN))) {
        explain_add(e, json_pack("{s:b}", "invisible", 0),
                    "no label makes it so");
        return;
    }

    if (!d->dated) {
        explain_add(e, json_pack("{s:b,s:n}", "invisible", 1, "visible_from"),
                    "a label makes it so, and the day of its deposit is not "
                    "known");
        return;
    }

    day = dmp_day_add_months(d->deposited,
                             e->policy->settings.invisible_months);
    explain_day(day, visible);
    explain_add(e, json_pack("{s:b,s:s}", "invisible", 1, "visible_from",
                             visible),
                "a label makes it so, until %s", visible);
}


void
explain_h5(explain_t *e)
{
    bool  hidden;

    if (explain_brings(e)) {
        return;
    }

    if (e->c->subject.actor != DMP_ACTOR_REPRESENTATIVE) {
        explain_add(e, NULL, "asked of representatives only");
        return;
    }

    hidden = (e->c->document->labels & (DMP_LABEL_INVISIBLE_REPRESENTATIVES
                                        | DMP_LABEL_UNKNOWN)) != 0;
    explain_add(e, json_pack("{s:b}", "invisible", hidden ? 1 : 0),
                "%s", hidden ? "a label makes it so" : "no label makes it so");
}


/* The notes of the rights needed that are about whose the document is. */
static bool
explain_own_notes(explain_t *e)
{
    bool             any;
    unsigned         right;
    uint64_t         needed;
    dmp_table_id_t   id;
    dmp_condition_t  condition;

    any = false;
    needed = dmp_rights_needed(&e->c->subject, &e->c->request);

    for (right = DMP_RIGHT_NONE + 1; right < DMP_RIGHT_MAX; right++) {
        if (!(needed & dmp_right_bit(right))
            || !dmp_cell(e->policy, e->standing, (dmp_right_t) right, &id,
                         &condition))
        {
            continue;
        }

        if (condition == DMP_CONDITION_AUTHOR
            || condition == DMP_CONDITION_STRUCTURE
            || condition == DMP_CONDITION_REFERENCE_OWN
            || condition == DMP_CONDITION_OWN_DEPOSIT)
        {
            explain_add(e, json_pack("{s:s,s:s}",
                                     "right", dmp_right_names.names[right],
                                     "condition",
                                     dmp_condition_names.names[condition]),
                        "the right \"%s\" is given under: %s",
                        dmp_right_names.names[right],
                        dmp_condition_names.names[condition]);
            any = true;
        }
    }

    return any;
}


void
explain_h6(explain_t *e)
{
    bool  asked, author, depositor;

    if (explain_brings(e)) {
        return;
    }

    asked = explain_own_notes(e)
            || e->c->request.operation == DMP_OPERATION_REPLACE
            || (e->c->request.effects & DMP_EFFECT_SUPERSEDE)
            || e->c->document->by_patient;

    if (!asked) {
        explain_add(e, NULL, "nothing here asks for that");
        return;
    }

    author = explain_is_author(e);
    depositor = explain_is_depositor(e);
    explain_add(e, json_pack("{s:b,s:b,s:b}", "author", author ? 1 : 0,
                             "structure", depositor ? 1 : 0,
                             "by_patient",
                             e->c->document->by_patient ? 1 : 0),
                "%.*s: %s author, %s the structure that deposited it%s%s",
                explain_str(e->c->subject.id), author ? "an" : "no",
                depositor ? "acts as" : "not",
                e->c->document->by_patient
                ? "; the patient deposited it" : "",
                e->c->document->by_others ? "; somebody else wrote it" : "");
}


void
explain_h7(explain_t *e)
{
    explain_add(e, json_pack("{s:b}", "other_effects",
                             (e->c->request.effects & DMP_EFFECT_OTHER) != 0),
                "the change does %s", (e->c->request.effects
                                       & DMP_EFFECT_OTHER)
                ? "something else as well" : "nothing else");
}


void
explain_p2(explain_t *e)
{
    bool                   same, theirs;
    unsigned               i;
    const dmp_type_t      *type;
    const dmp_document_t  *d;

    d = e->c->document;

    if (!explain_is_holder(&e->c->subject)
        || e->c->request.operation != DMP_OPERATION_DEPOSIT)
    {
        explain_add(e, NULL, "asked only when they deposit");
        return;
    }

    explain_add(e, json_pack("{s:b,s:b}", "by_patient", d->by_patient ? 1 : 0,
                             "by_others", d->by_others ? 1 : 0),
                "its author is %s%s", d->by_patient ? "the patient"
                                                    : "not the patient",
                d->by_patient && d->by_others ? ", and somebody else" : "");

    for (i = 0; i < d->n_types; i++) {
        type = dmp_policy_type(e->policy, d->types[i], &same);
        theirs = type != NULL && same && type->patient_deposits;
        explain_add(e, json_pack("{s:o,s:b}", "type",
                                 explain_json(d->types[i].code),
                                 "patient_deposits", theirs ? 1 : 0),
                    "type %.*s: %s", explain_str(d->types[i].code),
                    theirs ? "one that patients deposit"
                           : "not one that patients deposit");
    }

    if (d->n_types == 0) {
        explain_add(e, NULL, "it has no type");
    }
}
