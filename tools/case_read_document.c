/*
 * case_read_document.c: the document of a case: a FHIR DocumentReference, read
 * as the gateway reads one, or the few facts that the rules look at.
 */

#include <stdio.h>
#include <stdlib.h>

#include "case_int.h"


static bool
case_document_types(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    char             name[CASE_PATH_MAX];
    size_t           i;
    dmp_document_t  *d;

    d = out;

    if (!json_is_array(value)) {
        return case_error(r, path, "not a list");
    }

    if (json_array_size(value) > DMP_DOCUMENT_TYPES) {
        return case_error(r, path, "more than %d elements",
                          DMP_DOCUMENT_TYPES);
    }

    for (i = 0; i < json_array_size(value); i++) {
        (void) snprintf(name, sizeof(name), "%s[%zu]", path, i);

        if (!case_code(r, name, json_array_get(value, i), m, &d->types[i])) {
            return false;
        }
    }

    d->n_types = (unsigned) json_array_size(value);

    return true;
}


static bool
case_document_ins(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_document_t  *d;

    (void) m;
    d = out;

    return case_texts(r, path, value, d->ins, DMP_DOCUMENT_PATIENTS,
                      &d->n_ins);
}


static bool
case_document_authors(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_document_t  *d;

    (void) m;
    d = out;

    return case_texts(r, path, value, d->authors, DMP_DOCUMENT_AUTHORS,
                      &d->n_authors);
}


static bool
case_document_structures(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_document_t  *d;

    (void) m;
    d = out;

    return case_texts(r, path, value, d->structures, DMP_DOCUMENT_STRUCTURES,
                      &d->n_structures);
}


static bool
case_document_deposited(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_document_t  *d;

    d = out;
    d->dated = true;

    return case_day(r, path, value, m, &d->deposited);
}


/* By the number of their bit: DMP_LABEL_…; by their value: DMP_STATUS_… */
static const char *const  case_label_words[] = {
    "masked", "invisible-to-patient", "invisible-to-representatives",
    "unknown"
};

static const char *const  case_status_words[] = {
    "unknown", "current", "superseded", "entered-in-error"
};

static const dmp_names_t  case_labels = { case_label_words, 4 };
static const dmp_names_t  case_statuses = { case_status_words, 4 };

_Static_assert(DMP_LABEL_UNKNOWN == 1 << 3, "the fourth word");
_Static_assert(DMP_STATUS_DELETED == 3, "the fourth word");

#define DOCUMENT(name, read, member, names)                                  \
    { name, read, offsetof(dmp_document_t, member), names }

static const case_member_t  case_document_members[] = {
    DOCUMENT("id", case_text, id, NULL),
    DOCUMENT("master", case_text, master, NULL),
    { "types", case_document_types, 0, NULL },
    DOCUMENT("labels", case_bits, labels, &case_labels),
    { "ins", case_document_ins, 0, NULL },
    DOCUMENT("other_patient", case_flag, other_patient, NULL),
    { "authors", case_document_authors, 0, NULL },
    { "structures", case_document_structures, 0, NULL },
    DOCUMENT("by_patient", case_flag, by_patient, NULL),
    DOCUMENT("by_others", case_flag, by_others, NULL),
    DOCUMENT("replaces", case_flag, replaces, NULL),
    DOCUMENT("status", case_name, status, &case_statuses),
    DOCUMENT("archived", case_flag, archived, NULL),
    { "deposited", case_document_deposited, 0, NULL },
    DOCUMENT("indexed", case_flag, indexed, NULL),
    CASE_END
};

/* Beside what the host said. */
static const case_member_t  case_document_ours[] = {
    DOCUMENT("indexed", case_flag, indexed, NULL),
    CASE_END
};


/* The document's text, without the members that are ours, which go to *ours. */
static char *
case_document_text(json_t *value, json_t *ours)
{
    char                 *text;
    json_t               *theirs, *v;
    const case_member_t  *m;

    theirs = json_copy(value);           /* the cases may share it */
    text = NULL;

    for (m = case_document_ours; m->name != NULL; m++) {
        v = json_object_get(theirs, m->name);

        if (v != NULL && (json_object_set(ours, m->name, v) != 0
                          || json_object_del(theirs, m->name) != 0))
        {
            json_decref(theirs);
            return NULL;
        }
    }

    if (theirs != NULL) {
        text = json_dumps(theirs, JSON_COMPACT);
    }

    json_decref(theirs);

    return text;
}


/* As the gateway reads it: what is not judged there is an error here. */
static bool
case_document_fhir(case_reader_t *r, const char *path, json_t *value)
{
    bool       ok;
    case_t    *c;
    json_t    *ours;
    dmp_rc_t   rc;

    c = r->c;
    ours = json_object();
    c->document_text = case_document_text(value, ours);

    if (ours == NULL || c->document_text == NULL) {
        json_decref(ours);
        return case_error(r, path, "no memory");
    }

    rc = dmp_document_parse(r->policy, c->document_text,
                            strlen(c->document_text), c->document);

    if (rc != DMP_OK) {
        json_decref(ours);
        return case_error(r, path, rc == DMP_E_LIMIT
            ? "larger or deeper than a gateway looks at"
            : "not a DocumentReference that can be judged");
    }

    ok = case_object(r, path, ours, case_document_ours, c->document);
    json_decref(ours);

    return ok;
}


bool
case_document(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    case_t  *c;

    (void) m;
    c = out;

    if (json_is_null(value)) {
        return true;
    }

    if (!json_is_object(value)) {
        return case_error(r, path, "neither null nor an object");
    }

    c->document = calloc(1, sizeof(dmp_document_t));

    if (c->document == NULL) {
        return case_error(r, path, "no memory");
    }

    if (json_object_get(value, "resourceType") != NULL) {
        return case_document_fhir(r, path, value);
    }

    return case_object(r, path, value, case_document_members, c->document);
}
