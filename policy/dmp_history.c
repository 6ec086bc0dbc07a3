/*
 * dmp_history.c: which entries of the trace somebody may see of a record, and
 * what of them.  What is not positively theirs to see is hidden.
 */

#include <stdlib.h>

#include <dmp/dmp_history.h>

#include "dmp_history_int.h"
#include "dmp_rules_int.h"


#define HISTORY_SHORT  8                 /* bytes of a reference: 6 and 2 */
#define HISTORY_LONG   16                /* 8 and 8 */


static uint64_t
history_number(const char *p, size_t n)
{
    size_t    i;
    uint64_t  value;

    for (i = 0, value = 0; i < n; i++) {
        value = value << 8 | (unsigned char) p[i];
    }

    return value;
}


bool
dmp_reference_read(dmp_str_t element, uint64_t *id_ms, uint64_t *id_seq)
{
    size_t  n;

    if (element.len != HISTORY_SHORT && element.len != HISTORY_LONG) {
        return false;
    }

    n = element.len == HISTORY_SHORT ? 6 : 8;
    *id_ms = history_number(element.data, n);
    *id_seq = history_number(element.data + n, element.len - n);

    return true;
}


bool
dmp_history_filtered(const dmp_history_reader_t *reader)
{
    return !reader->whole
           || reader->subject->actor == DMP_ACTOR_REPRESENTATIVE;
}


bool
dmp_history_documents(const dmp_history_reader_t *reader)
{
    return reader->subject->actor == DMP_ACTOR_PATIENT
           || reader->subject->actor == DMP_ACTOR_REPRESENTATIVE;
}


/* Escapes stand as they are: no national identifier has any. */
static bool
history_is_own(const dmp_subject_t *subject, const dmp_entry_view_t *view)
{
    unsigned  i;

    if (view->actor_id.len == 0
        || dmp_name_value(&dmp_actor_names, view->actor_kind)
           != (int) subject->actor)
    {
        return false;
    }

    if (dmp_str_eq(view->actor_id, subject->id)) {
        return true;
    }

    for (i = 0; i < subject->n_other_ids && i < DMP_SUBJECT_IDS; i++) {
        if (dmp_str_eq(view->actor_id, subject->other_ids[i])) {
            return true;
        }
    }

    return false;
}


/*
 * The request itself said whose record it was about: that it is this one was
 * known before.  By a route of the API, or by what cannot be asked otherwise.
 */
static bool
history_named_patient(const dmp_entry_view_t *view)
{
    dmp_str_t  route;

    route = dmp_string("records/{ins}");

    if (view->route.len >= route.len
        && memcmp(view->route.data, route.data, route.len) == 0)
    {
        return true;
    }

    switch (dmp_name_value(&dmp_operation_names, view->operation)) {

    case DMP_OPERATION_CHECK:
    case DMP_OPERATION_SEARCH:
    case DMP_OPERATION_DEPOSIT:
    case DMP_OPERATION_HISTORY:
    case DMP_OPERATION_RIGHTS:
    case DMP_OPERATION_CREATE:
    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return true;

    default:
        return false;
    }
}


static bool
history_allowed(const dmp_entry_view_t *view)
{
    return dmp_str_eq(view->decision, dmp_string("allow"));
}


bool
dmp_history_concealed(const dmp_entry_view_t *view)
{
    if (history_allowed(view)) {
        return false;
    }

    switch (dmp_name_value(&dmp_rule_names, view->rule)) {

    case DMP_RULE_H1:
    case DMP_RULE_H2:
    case DMP_RULE_H3:
    case DMP_RULE_H4:
    case DMP_RULE_H5:
        return true;

    default:
        return false;
    }
}


/* As dmp_answer_status(): what was 404 then is no more now. */
static dmp_told_t
history_own(const dmp_history_reader_t *reader, const dmp_item_t *item)
{
    bool                     counts;
    const dmp_entry_view_t  *view;

    view = &item->view;
    counts = dmp_item_counts(item);

    if (view->kind == DMP_KIND_SESSION
        || !history_is_own(reader->subject, view))
    {
        return DMP_TOLD_NOT;
    }

    if (history_allowed(view) && counts) {
        return DMP_TOLD_WHOLE;
    }

    if (!history_named_patient(view)) {
        return DMP_TOLD_NOT;
    }

    /* what an overtaken try would have shown was decided anew */
    return dmp_history_concealed(view) || !counts ? DMP_TOLD_UNNAMED
                                                  : DMP_TOLD_WHOLE;
}


static bool
history_goes_by(const dmp_history_document_t *known, dmp_str_t name)
{
    return name.len != 0
           && (dmp_str_eq(dmp_document_name(known->document), name)
               || dmp_str_eq(known->document->id, name)
               || dmp_str_eq(known->hash, name));
}


/* Of one document, by rules H4 and H5: who may read it now. */
static dmp_told_t
history_document(const dmp_history_reader_t *reader,
    const dmp_document_t *document)
{
    dmp_case_t     c;
    dmp_request_t  request;

    memset(&c, 0, sizeof(dmp_case_t));
    memset(&request, 0, sizeof(dmp_request_t));

    request.operation = DMP_OPERATION_READ;
    c.policy = reader->policy;
    c.subject = reader->subject;
    c.request = &request;
    c.document = document;
    c.today = reader->today;

    if (dmp_rule_h5(&c) != DMP_REASON_NONE) {
        return DMP_TOLD_NOT;
    }

    return dmp_rule_h4(&c) != DMP_REASON_NONE ? DMP_TOLD_UNNAMED
                                              : DMP_TOLD_WHOLE;
}


/* Whoever deposits chooses names: of several documents the most hidden. */
static dmp_told_t
history_name(const dmp_history_reader_t *reader, dmp_str_t name)
{
    bool        known;
    size_t      i;
    dmp_told_t  told, one;

    known = false;
    told = DMP_TOLD_WHOLE;

    for (i = 0; i < reader->n_documents; i++) {

        if (!history_goes_by(&reader->documents[i], name)) {
            continue;
        }

        known = true;
        one = history_document(reader, reader->documents[i].document);
        told = one < told ? one : told;
    }

    if (known) {
        return told;
    }

    return reader->subject->actor == DMP_ACTOR_PATIENT ? DMP_TOLD_UNNAMED
                                                       : DMP_TOLD_NOT;
}


static dmp_told_t
history_holder(const dmp_history_reader_t *reader, const dmp_item_t *item)
{
    size_t         i;
    json_t        *document;
    dmp_told_t     told, one;
    const json_t  *list;

    if (item->body == NULL) {
        return DMP_TOLD_NOT;
    }

    told = DMP_TOLD_WHOLE;
    list = json_object_get(item->body, "documents");

    json_array_foreach(list, i, document) {
        one = history_name(reader,
                           dmp_json_text(json_array_get(document, 0)));
        told = one < told ? one : told;
    }

    return told;
}


dmp_told_t
dmp_history_told(const dmp_history_reader_t *reader, const dmp_item_t *item)
{
    if (!item->readable || !dmp_item_asks(&item->view)) {
        return DMP_TOLD_NOT;
    }

    switch (reader->subject->actor) {

    case DMP_ACTOR_PATIENT:
        return reader->whole
               && dmp_str_eq(reader->subject->id, reader->patient)
               ? history_holder(reader, item) : DMP_TOLD_NOT;

    case DMP_ACTOR_REPRESENTATIVE:
        /* a minor may sign in without being watched: only one's own */
        if (item->view.discreet
            || (item->view.kind == DMP_KIND_SESSION
                && !history_is_own(reader->subject, &item->view)))
        {
            return DMP_TOLD_NOT;
        }

        return reader->whole ? history_holder(reader, item) : DMP_TOLD_NOT;

    case DMP_ACTOR_PROFESSIONAL:
        return reader->whole ? DMP_TOLD_WHOLE
                             : history_own(reader, item);

    case DMP_ACTOR_OPERATOR:
        return reader->whole ? DMP_TOLD_WHOLE : DMP_TOLD_NOT;

    default:
        return DMP_TOLD_NOT;
    }
}


/* An entry with its patient has been taken by one of two functions. */
static bool
history_outcome_fits(const dmp_item_t *item)
{
    char  outcome;

    outcome = dmp_stored_outcome(item->entry);

    if (item->view.kind == DMP_KIND_SESSION) {
        return outcome == '0' || outcome == '1' || outcome == 'S';
    }

    return outcome == '0'
           || outcome == (item->view.kind == DMP_KIND_CHANGE ? 'R' : '1');
}


const char *
dmp_history_read(const dmp_history_reader_t *reader,
    const dmp_stored_t *entry, dmp_item_t *item)
{
    dmp_item_read(item, entry);

    if (!item->readable) {
        return "an entry that is none";
    }

    if (!dmp_item_asks(&item->view)) {
        return "an entry of a kind that is about no record";
    }

    if (reader->patient.len != DMP_PSEUDONYM_LEN
        || !dmp_str_eq(item->view.patient, reader->patient))
    {
        return "an entry about another record";
    }

    if (item->view.bucket != reader->bucket
        || entry->bucket != reader->bucket)
    {
        return "an entry of another bucket";
    }

    return history_outcome_fits(item) ? NULL
                                      : "an entry with another's outcome";
}


const char *
dmp_history_see(const dmp_history_reader_t *reader, const dmp_stored_t *entry,
    bool *seen)
{
    dmp_item_t   item;
    const char  *wrong;

    *seen = false;
    wrong = dmp_history_read(reader, entry, &item);

    if (wrong == NULL && dmp_history_documents(reader)
        && dmp_item_open(&item, NULL) != DMP_OK)
    {
        wrong = "no memory";
    }

    if (wrong == NULL) {
        *seen = dmp_history_told(reader, &item) != DMP_TOLD_NOT;
    }

    dmp_item_free(&item);

    return wrong;
}
