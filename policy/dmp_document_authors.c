/*
 * dmp_document_authors.c: who a document says wrote or deposited it: persons
 * and structures by their national identifiers, and whether the patient's own
 * side did.  An author that cannot be made out is nobody.
 */

#include "dmp_document_int.h"


#define DMP_RPPS_LEN  11


/* Adds it once; false if there is no more room. */
static bool
dmp_add_once(dmp_str_t *list, unsigned *n, unsigned max, dmp_str_t value)
{
    unsigned  i;

    if (value.len == 0) {
        return true;
    }

    for (i = 0; i < *n; i++) {
        if (dmp_str_eq(list[i], value)) {
            return true;
        }
    }

    if (*n == max) {
        return false;
    }

    list[(*n)++] = value;

    return true;
}


static void
dmp_reader_add_structure(dmp_reader_t *r, dmp_str_t value)
{
    dmp_document_t  *document;

    document = r->document;

    if (!dmp_add_once(document->structures, &document->n_structures,
                      DMP_DOCUMENT_STRUCTURES, value))
    {
        dmp_reader_refuse(r, DMP_E_LIMIT);
    }
}


/* "8" and the number, in the document's own text; empty if it is not one. */
static dmp_str_t
dmp_reader_rpps(dmp_reader_t *r, dmp_str_t value)
{
    char    *id;
    size_t   i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return dmp_null_string;
        }
    }

    if (value.len != DMP_RPPS_LEN) {
        return dmp_null_string;
    }

    id = dmp_reader_room(r, 1 + DMP_RPPS_LEN);

    if (id == NULL) {
        return dmp_null_string;
    }

    id[0] = '8';
    memcpy(id + 1, value.data, DMP_RPPS_LEN);

    return (dmp_str_t) { id, 1 + DMP_RPPS_LEN };
}


static void
dmp_reader_add_author(dmp_reader_t *r, dmp_named_t named, dmp_str_t value)
{
    dmp_document_t  *document;

    document = r->document;

    if (named == DMP_NAMED_RPPS) {
        value = dmp_reader_rpps(r, value);
    }

    if (!dmp_add_once(document->authors, &document->n_authors,
                      DMP_DOCUMENT_AUTHORS, value))
    {
        dmp_reader_refuse(r, DMP_E_LIMIT);
    }
}


static bool
dmp_is_patient_side(dmp_str_t type)
{
    return dmp_str_eq(type, dmp_string("Patient"))
           || dmp_str_eq(type, dmp_string("RelatedPerson"));
}


static bool
dmp_is_patient_side_type(const dmp_scan_string_t *type)
{
    return dmp_is_text(type, dmp_string("Patient"))
           || dmp_is_text(type, dmp_string("RelatedPerson"));
}


/* A reference as it stands, or decoded into text; empty if it has no room. */
static dmp_str_t
dmp_reference_text(const dmp_scan_string_t *raw, char text[DMP_REFERENCE_MAX])
{
    dmp_str_t  decoded;

    if (!raw->escaped) {
        return raw->raw;
    }

    decoded.data = text;

    if (!dmp_scan_decode(raw, text, DMP_REFERENCE_MAX, &decoded.len)) {
        return dmp_null_string;
    }

    return decoded;
}


/*
 * "#contained" is resolved when all is read, others say a type at most.  True
 * if it is the patient's side, or to be seen later.
 */
static bool
dmp_reader_author_reference(dmp_reader_t *r, const dmp_scan_string_t *raw)
{
    char         buf[DMP_REFERENCE_MAX];
    dmp_str_t    text, type;
    const char  *query;

    text = dmp_reference_text(raw, buf);

    if (text.len == 0) {
        return false;
    }

    if (text.data[0] == '#') {

        if (r->n_authors == DMP_DOCUMENT_AUTHORS) {
            dmp_reader_refuse(r, DMP_E_LIMIT);
            return false;
        }

        r->authors[r->n_authors++] = dmp_reader_keep(r, raw);
        return true;
    }

    query = memchr(text.data, '?', text.len);

    if (query != NULL) {
        text.len = (size_t) (query - text.data);
        type = dmp_reference_path(text);

    } else {
        type = dmp_reference_type(text);
    }

    if (!dmp_is_patient_side(type)) {
        return false;
    }

    r->document->by_patient = true;

    return true;
}


void
dmp_reader_author(dmp_reader_t *r, const dmp_reference_t *reference)
{
    bool                      theirs;
    dmp_named_t               named;
    const dmp_scan_string_t  *value;

    named = dmp_identifier_named(&reference->identifier);
    value = &reference->identifier.value;

    switch (named) {

    case DMP_NAMED_PS:
    case DMP_NAMED_RPPS:
        dmp_reader_add_author(r, named, dmp_reader_keep(r, value));
        r->document->by_others = true;
        break;

    case DMP_NAMED_STRUCTURE:
        dmp_reader_add_structure(r, dmp_reader_keep(r, value));
        r->document->by_others = true;
        break;

    default:
        break;
    }

    theirs = dmp_is_patient_side_type(&reference->type);

    if (theirs) {
        r->document->by_patient = true;
    }

    if (reference->reference.raw.len != 0 || !theirs) {
        /* where there is a reference, its type alone proves nothing */
        theirs = dmp_reader_author_reference(r, &reference->reference);
    }

    if (!theirs) {
        r->document->by_others = true;
    }
}


/* The structures that were found in one contained resource. */
static void
dmp_reader_add_found(dmp_reader_t *r, const dmp_contained_t *owner,
    dmp_named_t named)
{
    unsigned  i;

    for (i = 0; i < r->n_found; i++) {
        if (r->found[i].owner == owner && r->found[i].named == named) {
            dmp_reader_add_structure(r, r->found[i].value);
        }
    }
}


/* The identifiers of a person, in the roles that they have. */
static void
dmp_reader_add_person(dmp_reader_t *r, const dmp_contained_t *person)
{
    unsigned  i;

    for (i = 0; i < r->n_found; i++) {
        if (r->found[i].owner == person
            && (r->found[i].named == DMP_NAMED_PS
                || r->found[i].named == DMP_NAMED_RPPS))
        {
            dmp_reader_add_author(r, r->found[i].named, r->found[i].value);
        }
    }
}


/* The contained resource of that type that a role's member refers to. */
static const dmp_contained_t *
dmp_reader_role_member(dmp_reader_t *r, const dmp_scan_string_t *reference,
    dmp_str_t type)
{
    char                    buf[DMP_REFERENCE_MAX];
    dmp_str_t               text;
    const dmp_contained_t  *contained;

    text = dmp_reference_text(reference, buf);

    if (text.len == 0 || text.data[0] != '#') {
        return NULL;
    }

    contained = dmp_reader_resolve(r, text);

    return (contained != NULL && dmp_is_text(&contained->type, type))
           ? contained : NULL;
}


/* The person in the role, by its identifiers or theirs; and their structure. */
static void
dmp_reader_resolve_role(dmp_reader_t *r, const dmp_contained_t *role)
{
    const dmp_contained_t  *person, *organization;

    dmp_reader_add_person(r, role);
    dmp_reader_add_found(r, role, DMP_NAMED_EMPLOYER);

    person = dmp_reader_role_member(r, &role->practitioner,
                                    dmp_string("Practitioner"));

    if (person != NULL) {
        dmp_reader_add_person(r, person);
    }

    organization = dmp_reader_role_member(r, &role->organization,
                                          dmp_string("Organization"));

    if (organization != NULL) {
        dmp_reader_add_found(r, organization, DMP_NAMED_STRUCTURE);
    }
}


static void
dmp_reader_resolve_author(dmp_reader_t *r, dmp_str_t reference)
{
    const dmp_contained_t  *contained;

    contained = dmp_reader_resolve(r, reference);

    if (contained == NULL) {
        r->document->by_others = true;
        return;
    }

    if (dmp_is_patient_side_type(&contained->type)) {
        r->document->by_patient = true;
        return;
    }

    r->document->by_others = true;

    if (dmp_is_text(&contained->type, dmp_string("PractitionerRole"))) {
        dmp_reader_resolve_role(r, contained);

    } else if (dmp_is_text(&contained->type, dmp_string("Practitioner"))) {
        dmp_reader_add_person(r, contained);

    } else if (dmp_is_text(&contained->type, dmp_string("Organization"))) {
        dmp_reader_add_found(r, contained, DMP_NAMED_STRUCTURE);
    }
}


void
dmp_reader_resolve_authors(dmp_reader_t *r)
{
    unsigned  i;

    for (i = 0; i < r->n_authors; i++) {
        dmp_reader_resolve_author(r, r->authors[i]);
    }
}
