/*
 * dmp_filter_bundle.c: a FHIR document, a Bundle that begins with a
 * Composition: whether it is the one that was asked for, and whether anything
 * in it says that it is about somebody else.
 */

#include "dmp_document_int.h"


#define DMP_BUNDLE_PATIENTS  32
#define DMP_BUNDLE_SUBJECTS  4

/* A Patient among the entries. */
typedef struct {
    dmp_scan_string_t  full_url;
    dmp_scan_string_t  id;
    bool               other;            /* has another INS */
} dmp_bundle_patient_t;

typedef struct {
    dmp_scan_t            scan;
    dmp_str_t             id;
    dmp_str_t             ins;
    dmp_rc_t              rc;
    bool                  is_bundle;
    bool                  is_document;
    bool                  is_that;       /* its id is the one */
    bool                  other;         /* the Composition names another */
    bool                  named;         /* it names that INS */
    unsigned              n_subjects;
    unsigned              n_patients;
    dmp_scan_string_t     subjects[DMP_BUNDLE_SUBJECTS];
    dmp_bundle_patient_t  patients[DMP_BUNDLE_PATIENTS];
} dmp_bundle_t;

/* A resource of any type, until its type is known. */
typedef struct {
    dmp_contained_t  self;
    dmp_reference_t  subject;
} dmp_bundle_resource_t;


/* The first reason stays; the text is read to its end all the same. */
static void
dmp_bundle_refuse(dmp_bundle_t *b, dmp_rc_t rc)
{
    if (b->rc == DMP_OK) {
        b->rc = rc;
    }
}


/* In some types it is no reference, and then it is not read. */
static bool
dmp_read_subject(dmp_reader_t *r, void *to)
{
    if (dmp_scan_peek(r->scan) != DMP_SCAN_OBJECT) {
        dmp_reader_refuse(r, DMP_E_UNKNOWN);
        return dmp_scan_skip(r->scan, NULL);
    }

    return dmp_read_reference(r, to);
}


static bool
dmp_read_own_identifiers(dmp_reader_t *r, void *to)
{
    return dmp_read_identifiers(r, &((dmp_bundle_resource_t *) to)->self);
}


static const dmp_field_t  dmp_resource_fields[] = {
    { dmp_string("resourceType"), dmp_read_resource_type, 0 },
    { dmp_string("id"), dmp_read_raw,
      offsetof(dmp_bundle_resource_t, self.id) },
    { dmp_string("identifier"), dmp_read_own_identifiers, 0 },
    { dmp_string("subject"), dmp_read_subject,
      offsetof(dmp_bundle_resource_t, subject) },
    { dmp_string("contained"), dmp_read_contained, 0 }
};


static void
dmp_bundle_patient(dmp_bundle_t *b, const dmp_reader_t *r,
    const dmp_contained_t *self)
{
    unsigned               i;
    dmp_bundle_patient_t  *patient;

    if (r->rc != DMP_OK || self->odd) {
        dmp_bundle_refuse(b, r->rc != DMP_OK ? r->rc : DMP_E_UNKNOWN);
        return;
    }

    if (b->n_patients == DMP_BUNDLE_PATIENTS) {
        dmp_bundle_refuse(b, DMP_E_LIMIT);
        return;
    }

    patient = &b->patients[b->n_patients++];
    memset(patient, 0, sizeof(dmp_bundle_patient_t));
    patient->id = self->id;

    for (i = 0; i < r->n_found; i++) {

        if (r->found[i].owner != self) {
            continue;
        }

        if (r->found[i].named == DMP_NAMED_UNCLEAR
            || (r->found[i].named == DMP_NAMED_INS
                && !dmp_str_eq(r->found[i].value, b->ins)))
        {
            patient->other = true;
        }
    }
}


static void
dmp_bundle_composition(dmp_bundle_t *b, dmp_reader_t *r,
    const dmp_reference_t *subject)
{
    dmp_rc_t  rc;

    dmp_reader_patient(r, subject);
    rc = dmp_reader_finish(r, dmp_string("Composition"));

    if (rc != DMP_OK) {
        dmp_bundle_refuse(b, rc);
        return;
    }

    switch (dmp_document_patient(r->document, b->ins)) {

    case DMP_PATIENT_SAME:
        b->named = true;
        break;

    case DMP_PATIENT_UNNAMED:
        break;

    default:
        b->other = true;
    }

    if (subject->reference.raw.len == 0) {
        return;
    }

    if (b->n_subjects == DMP_BUNDLE_SUBJECTS) {
        dmp_bundle_refuse(b, DMP_E_LIMIT);
        return;
    }

    b->subjects[b->n_subjects++] = subject->reference;
}


static bool
dmp_bundle_resource(dmp_bundle_t *b)
{
    dmp_reader_t           r;
    dmp_document_t         document;
    dmp_bundle_resource_t  resource;

    memset(&resource, 0, sizeof(resource));
    dmp_reader_init(&r, NULL, &b->scan, NULL, &document);

    if (!dmp_read_object(&r, dmp_fields(dmp_resource_fields), &resource)) {
        return false;
    }

    /* of other types, what was read means nothing, nor whether it could be */

    if (dmp_is_text(&r.type, dmp_string("Patient"))) {
        dmp_bundle_patient(b, &r, &resource.self);

    } else if (dmp_is_text(&r.type, dmp_string("Composition"))) {
        dmp_bundle_composition(b, &r, &resource.subject);
    }

    return true;
}


static bool
dmp_bundle_entry(dmp_bundle_t *b)
{
    unsigned           n;
    dmp_str_t          name;
    dmp_scan_string_t  full_url;

    if (dmp_scan_peek(&b->scan) != DMP_SCAN_OBJECT) {
        dmp_bundle_refuse(b, DMP_E_UNKNOWN);
        return dmp_scan_skip(&b->scan, NULL);
    }

    (void) dmp_scan_object(&b->scan);    /* sticky: member() fails as well */

    n = b->n_patients;
    memset(&full_url, 0, sizeof(full_url));

    while (dmp_scan_member(&b->scan, &name)) {

        if (dmp_str_eq(name, dmp_string("resource"))
            ? !dmp_bundle_resource(b)
            : dmp_str_eq(name, dmp_string("fullUrl"))
              && dmp_scan_peek(&b->scan) == DMP_SCAN_STRING
              ? !dmp_scan_string(&b->scan, &full_url)
              : !dmp_scan_skip(&b->scan, NULL))
        {
            return false;
        }
    }

    if (b->n_patients != n) {
        b->patients[n].full_url = full_url;
    }

    return b->scan.error == DMP_SCAN_OK;
}


static bool
dmp_bundle_entries(dmp_bundle_t *b)
{
    if (dmp_scan_peek(&b->scan) != DMP_SCAN_ARRAY) {
        dmp_bundle_refuse(b, DMP_E_UNKNOWN);
        return dmp_scan_skip(&b->scan, NULL);
    }

    (void) dmp_scan_array(&b->scan);     /* sticky: element() fails as well */

    while (dmp_scan_element(&b->scan)) {
        if (!dmp_bundle_entry(b)) {
            return false;
        }
    }

    return b->scan.error == DMP_SCAN_OK;
}


static bool
dmp_bundle_member(dmp_bundle_t *b, dmp_str_t name)
{
    if (dmp_str_eq(name, dmp_string("resourceType"))) {
        return dmp_scan_is(&b->scan, dmp_string("Bundle"), &b->is_bundle);
    }

    if (dmp_str_eq(name, dmp_string("type"))) {
        return dmp_scan_is(&b->scan, dmp_string("document"), &b->is_document);
    }

    if (dmp_str_eq(name, dmp_string("id"))) {
        return dmp_scan_is(&b->scan, b->id, &b->is_that);
    }

    if (dmp_str_eq(name, dmp_string("entry"))) {
        return dmp_bundle_entries(b);
    }

    return dmp_scan_skip(&b->scan, NULL);
}


static bool
dmp_bundle_read(dmp_bundle_t *b)
{
    dmp_str_t  name;

    if (dmp_scan_peek(&b->scan) != DMP_SCAN_OBJECT) {
        return dmp_scan_skip(&b->scan, NULL) && dmp_scan_end(&b->scan);
    }

    (void) dmp_scan_object(&b->scan);    /* sticky: member() fails as well */

    while (dmp_scan_member(&b->scan, &name)) {
        if (!dmp_bundle_member(b, name)) {
            return false;
        }
    }

    return dmp_scan_end(&b->scan);
}


/* "Patient/id/_history/n", without what says which version. */
static dmp_str_t
dmp_without_version(dmp_str_t reference)
{
    size_t  n;

    static const dmp_str_t  history = dmp_string("/_history");

    n = reference.len;

    while (n > 0 && reference.data[n - 1] != '/') {
        n--;
    }

    if (n > history.len
        && memcmp(reference.data + n - 1 - history.len, history.data,
                  history.len) == 0)
    {
        reference.len = n - 1 - history.len;
    }

    return reference;
}


/* Whether a Patient's address, without the host, is that: "Patient/id". */
static bool
dmp_ends_with(const dmp_scan_string_t *full_url, dmp_str_t resource)
{
    size_t     start;
    dmp_str_t  url;

    url = full_url->raw;

    if (full_url->escaped || url.len <= resource.len) {
        return false;
    }

    start = url.len - resource.len;

    return url.data[start - 1] == '/'
           && memcmp(url.data + start, resource.data, resource.len) == 0;
}


static bool
dmp_bundle_is_subject(const dmp_bundle_patient_t *patient,
    const dmp_scan_string_t *subject)
{
    char       buf[DMP_REFERENCE_MAX];
    dmp_str_t  text, found, id;

    static const dmp_str_t  type = dmp_string("Patient/");

    text.data = buf;

    if (!dmp_scan_decode(subject, buf, sizeof(buf), &text.len)) {
        return false;
    }

    text = dmp_without_version(text);

    if (text.len != 0 && dmp_is_text(&patient->full_url, text)) {
        return true;
    }

    found = dmp_address_find(NULL, text);

    if (found.len <= type.len || memcmp(found.data, type.data, type.len) != 0) {
        return false;
    }

    id.data = found.data + type.len;
    id.len = found.len - type.len;

    return dmp_is_text(&patient->id, id)
           || dmp_ends_with(&patient->full_url, found);
}


/* Those that the Composition refers to count; without it, all do. */
static bool
dmp_bundle_names_another(const dmp_bundle_t *b)
{
    bool      resolved, theirs, any;
    unsigned  i, j;

    resolved = false;
    theirs = b->other;
    any = false;

    for (i = 0; i < b->n_patients; i++) {

        any = any || b->patients[i].other;

        for (j = 0; j < b->n_subjects; j++) {
            if (dmp_bundle_is_subject(&b->patients[i], &b->subjects[j])) {
                resolved = true;
                theirs = theirs || b->patients[i].other;
            }
        }
    }

    return theirs || (any && !resolved && !b->named);
}


dmp_rc_t
dmp_filter_document_bundle(const char *json, size_t len, unsigned max_depth,
    dmp_str_t id, dmp_str_t ins)
{
    dmp_bundle_t  b;

    dmp_scan_init(&b.scan, json, len);
    dmp_scan_limit(&b.scan, max_depth);

    b.id = id;
    b.ins = ins;
    b.rc = DMP_OK;
    b.is_bundle = false;
    b.is_document = false;
    b.is_that = false;
    b.other = ins.len == 0;
    b.named = false;
    b.n_subjects = 0;
    b.n_patients = 0;

    if (!dmp_bundle_read(&b)) {
        return dmp_scan_rc(&b.scan);
    }

    if (!b.is_bundle || !b.is_document || !b.is_that || id.len == 0) {
        return DMP_E_UNKNOWN;
    }

    if (b.rc != DMP_OK) {
        return b.rc;
    }

    return dmp_bundle_names_another(&b) ? DMP_E_REFUSED : DMP_OK;
}
