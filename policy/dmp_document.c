/*
 * dmp_document.c: the facts of one document that the rules need, out of its
 * DocumentReference.  It says what the document says; whether that is enough
 * is for the rules.  Where two readings are possible it takes the one that
 * shows less.
 */

#include "dmp_document_int.h"
#include "dmp_scan_step.h"


/* The value is not what the rules need: the document cannot be judged. */
static bool
dmp_read_odd(dmp_reader_t *r)
{
    dmp_reader_refuse(r, DMP_E_UNKNOWN);

    return dmp_scan_skip(r->scan, NULL);
}


/* The field of that name, or NULL; the scanner's shape keeps it, if any. */
static inline const dmp_field_t *
dmp_find_field(dmp_scan_t *s, const dmp_field_t *fields, size_t n,
    dmp_str_t name)
{
    size_t              i;
    dmp_shape_t        *shape;
    const dmp_field_t  *field;

    shape = s->at[s->depth];

    if (shape != NULL && shape->fields == fields) {
        return shape->field;
    }

    field = NULL;

    for (i = 0; i < n; i++) {
        /* the first byte most often tells; no field has an empty name */

        if (name.len == fields[i].name.len
            && name.data[0] == fields[i].name.data[0]
            && dmp_str_eq(name, fields[i].name))
        {
            field = &fields[i];
            break;
        }
    }

    if (shape != NULL) {
        shape->fields = fields;
        shape->field = field;
    }

    return field;
}


/* The string at p, which is on its quote. */
static inline const unsigned char *
dmp_read_string(dmp_scan_t *s, const unsigned char *p, dmp_scan_string_t *to)
{
    bool                  escaped;
    const unsigned char  *quote;

    quote = dmp_scan_body(s, p + 1, &escaped);

    if (quote == NULL) {
        return NULL;
    }

    to->raw.data = (const char *) (p + 1);
    to->raw.len = (size_t) (quote - p - 1);
    to->escaped = escaped;

    return quote + 1;
}


/* The value of a member: a string as it stands, or what the field says. */
static inline const unsigned char *
dmp_read_member(dmp_reader_t *r, const dmp_field_t *field,
    const unsigned char *p, void *to)
{
    dmp_scan_t         *s;
    dmp_scan_string_t   nobody;

    s = r->scan;

    if (field == NULL) {
        return p != s->end && *p == '"' ? dmp_read_string(s, p, &nobody)
                                        : dmp_reader_pass(r, p);
    }

    to = (char *) to + field->offset;

    if (field->read == dmp_read_raw && p != s->end && *p == '"') {
        return dmp_read_string(s, p, to);
    }

    s->pos = p;
    s->expect = true;

    return field->read(r, to) ? s->pos : NULL;
}


bool
dmp_read_object(dmp_reader_t *r, const dmp_field_t *fields, size_t n,
    void *to)
{
    bool                  more;
    dmp_str_t             name;
    dmp_scan_t           *s;
    const dmp_field_t    *field;
    const unsigned char  *p;

    s = r->scan;

    if (!dmp_scan_at(s, '{') && dmp_scan_peek(s) != DMP_SCAN_OBJECT) {
        return dmp_read_odd(r);
    }

    p = dmp_scan_first_name(s, s->pos, &name, &more);

    while (p != NULL && more) {

        field = dmp_find_field(s, fields, n, name);
        r->member = name.data;
        p = dmp_read_member(r, field, p, to);

        if (p != NULL) {
            p = dmp_scan_next_name(s, p, &name, &more);
        }
    }

    return dmp_scan_move(s, p, false);
}


bool
dmp_read_array(dmp_reader_t *r, dmp_read_pt read, void *to)
{
    bool                  more;
    dmp_scan_t           *s;
    const unsigned char  *p;

    s = r->scan;

    if (!dmp_scan_at(s, '[') && dmp_scan_peek(s) != DMP_SCAN_ARRAY) {
        return dmp_read_odd(r);
    }

    p = dmp_scan_first_element(s, s->pos, &more);

    while (p != NULL && more) {

        s->pos = p;
        s->expect = true;

        if (!read(r, to)) {
            return false;
        }

        p = dmp_scan_next(s, s->pos, ']', &more);
    }

    return dmp_scan_move(s, p, false);
}


/* A string as it stands: most are compared and forgotten. */
bool
dmp_read_raw(dmp_reader_t *r, void *to)
{
    dmp_scan_t  *s;

    s = r->scan;

    if (!dmp_scan_at(s, '"') && dmp_scan_peek(s) != DMP_SCAN_STRING) {
        return dmp_read_odd(r);
    }

    return dmp_scan_move(s, dmp_read_string(s, s->pos, to), false);
}


bool
dmp_read_text(dmp_reader_t *r, void *to)
{
    dmp_scan_string_t  raw;

    memset(&raw, 0, sizeof(raw));

    if (!dmp_read_raw(r, &raw)) {
        return false;
    }

    *(dmp_str_t *) to = dmp_reader_keep(r, &raw);

    return true;
}


static const dmp_field_t  dmp_identifier_fields[] = {
    { dmp_string("system"), dmp_read_raw,
      offsetof(dmp_identifier_t, system) },
    { dmp_string("value"), dmp_read_raw,
      offsetof(dmp_identifier_t, value) }
};


static bool
dmp_read_identifier(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_identifier_fields), to);
}


static const dmp_field_t  dmp_reference_fields[] = {
    { dmp_string("reference"), dmp_read_raw,
      offsetof(dmp_reference_t, reference) },
    { dmp_string("type"), dmp_read_raw,
      offsetof(dmp_reference_t, type) },
    { dmp_string("identifier"), dmp_read_identifier,
      offsetof(dmp_reference_t, identifier) }
};


bool
dmp_read_reference(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_reference_fields), to);
}


bool
dmp_read_patient(dmp_reader_t *r, void *to)
{
    dmp_reference_t  reference;

    (void) to;

    memset(&reference, 0, sizeof(reference));

    if (!dmp_read_reference(r, &reference)) {
        return false;
    }

    dmp_reader_patient(r, &reference);

    return true;
}


static bool
dmp_read_contained_identifier(dmp_reader_t *r, void *to)
{
    dmp_identifier_t  identifier;

    memset(&identifier, 0, sizeof(identifier));

    if (!dmp_read_identifier(r, &identifier)) {
        return false;
    }

    dmp_reader_contained_identifier(r, to, &identifier);

    return true;
}


static bool
dmp_read_contained_identifiers(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_contained_identifier, to);
}


/*
 * "identifier" of a Patient, a Practitioner and a PractitionerRole is an
 * array; of others, such as a Bundle, it may not be, nor is it needed: only
 * its type says whether it counts, and that may come after it.
 */
bool
dmp_read_identifiers(dmp_reader_t *r, void *to)
{
    if (dmp_scan_at(r->scan, '[')
        || dmp_scan_peek(r->scan) == DMP_SCAN_ARRAY)
    {
        return dmp_read_contained_identifiers(r, to);
    }

    ((dmp_contained_t *) to)->odd = true;

    return dmp_scan_skip(r->scan, NULL);
}


/* Only a PractitionerRole has it for certain, and of this type. */
static bool
dmp_read_role_reference(dmp_reader_t *r, dmp_reference_t *reference)
{
    memset(reference, 0, sizeof(dmp_reference_t));

    if (dmp_scan_peek(r->scan) != DMP_SCAN_OBJECT) {
        return dmp_scan_skip(r->scan, NULL);
    }

    return dmp_read_reference(r, reference);
}


static bool
dmp_read_organization(dmp_reader_t *r, void *to)
{
    dmp_reference_t  reference;

    if (!dmp_read_role_reference(r, &reference)) {
        return false;
    }

    dmp_reader_organization(r, to, &reference);

    return true;
}


static bool
dmp_read_practitioner(dmp_reader_t *r, void *to)
{
    dmp_reference_t  reference;

    if (!dmp_read_role_reference(r, &reference)) {
        return false;
    }

    dmp_reader_practitioner(r, to, &reference);

    return true;
}


static const dmp_field_t  dmp_contained_fields[] = {
    { dmp_string("resourceType"), dmp_read_raw,
      offsetof(dmp_contained_t, type) },
    { dmp_string("id"), dmp_read_raw, offsetof(dmp_contained_t, id) },
    { dmp_string("identifier"), dmp_read_identifiers, 0 },
    { dmp_string("organization"), dmp_read_organization, 0 },
    { dmp_string("practitioner"), dmp_read_practitioner, 0 }
};


static bool
dmp_read_one_contained(dmp_reader_t *r, void *to)
{
    dmp_contained_t  *contained;

    (void) to;

    if (r->n_contained == DMP_DOCUMENT_CONTAINED) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return dmp_scan_skip(r->scan, NULL);
    }

    contained = &r->contained[r->n_contained++];
    memset(contained, 0, sizeof(dmp_contained_t));

    return dmp_read_object(r, dmp_fields(dmp_contained_fields), contained);
}


bool
dmp_read_contained(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_one_contained, to);
}


static const dmp_field_t  dmp_master_fields[] = {
    { dmp_string("value"), dmp_read_text, offsetof(dmp_document_t, master) }
};


static bool
dmp_read_master(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_master_fields), to);
}


bool
dmp_read_resource_type(dmp_reader_t *r, void *to)
{
    (void) to;

    return dmp_read_raw(r, &r->type);
}


/* The target of each is the document. */
static const dmp_field_t  dmp_document_fields[] = {
    { dmp_string("resourceType"), dmp_read_resource_type, 0 },
    { dmp_string("id"), dmp_read_text, offsetof(dmp_document_t, id) },
    { dmp_string("contained"), dmp_read_contained_part, 0 },
    { dmp_string("masterIdentifier"), dmp_read_master, 0 },
    { dmp_string("status"), dmp_read_status, 0 },
    { dmp_string("type"), dmp_read_type, 0 },
    { dmp_string("subject"), dmp_read_subject_part, 0 },
    { dmp_string("author"), dmp_read_authors, 0 },
    { dmp_string("securityLabel"), dmp_read_labels, 0 },
    { dmp_string("context"), dmp_read_context, 0 },
    { dmp_string("date"), dmp_read_date, 0 },
    { dmp_string("meta"), dmp_read_meta, 0 },
    { dmp_string("relatesTo"), dmp_read_relations, 0 },
    { dmp_string("extension"), dmp_read_extensions, 0 },
    { dmp_string("content"), dmp_read_contents, 0 },
    { dmp_string("text"), dmp_read_narrative, 0 }
};


void
dmp_document_clear(dmp_document_t *document)
{
    static const dmp_document_t  none;

    /*
     * The tables and the text are written before they are read.  A copy of so
     * few bytes is made of moves, a memset() of an instruction slow to begin.
     */

    memcpy(document, &none, offsetof(dmp_document_t, types));
}


void
dmp_document_spoil(dmp_document_t *document)
{
    document->other_patient = true;
    document->labels = DMP_LABEL_ALL;
    document->n_types = 0;
    document->n_authors = 0;
    document->n_structures = 0;
    document->by_patient = false;
    document->by_others = true;
    document->status = DMP_STATUS_UNKNOWN;
    document->archived = true;
    document->replaces = true;
    document->dated = false;
    document->indexed = false;
    document->n_attachments = 0;
    document->inlined = true;
}


bool
dmp_document_read_next(dmp_reader_t *r, dmp_rc_t *rc)
{
    size_t           start;
    dmp_edits_t     *edits;
    dmp_document_t  *document;

    edits = r->edits;
    document = r->document;
    dmp_reader_begin(r);

    (void) dmp_scan_peek(r->scan);       /* to where it begins */
    start = dmp_scan_offset(r->scan);

    if (!dmp_read_object(r, dmp_fields(dmp_document_fields), document)) {
        *rc = dmp_scan_rc(r->scan);
        dmp_document_spoil(document);
        return false;
    }

    *rc = dmp_reader_finish_parts(r, dmp_string("DocumentReference"));

    if (*rc == DMP_OK && edits != NULL && edits->filter->metadata_only
        && dmp_reader_has_content(r, edits->text + start,
                                  dmp_scan_offset(r->scan) - start))
    {
        *rc = DMP_E_UNKNOWN;
    }

    if (*rc != DMP_OK) {
        dmp_document_spoil(document);
    }

    return true;
}


bool
dmp_document_read_edited(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_edits_t *edits, dmp_document_t *document, dmp_rc_t *rc)
{
    dmp_reader_t  r;

    dmp_reader_init(&r, policy, s, edits, document);

    return dmp_document_read_next(&r, rc);
}


bool
dmp_document_read(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_document_t *document, dmp_rc_t *rc)
{
    return dmp_document_read_edited(policy, s, NULL, document, rc);
}


dmp_rc_t
dmp_document_parse(const dmp_policy_t *policy, const char *json, size_t len,
    dmp_document_t *document)
{
    dmp_rc_t    rc;
    dmp_scan_t  s;

    dmp_scan_init(&s, json, len);

    if (!dmp_document_read(policy, &s, document, &rc) || !dmp_scan_end(&s)) {
        dmp_document_spoil(document);
        return dmp_scan_rc(&s);
    }

    return rc;
}


dmp_patient_match_t
dmp_document_patient(const dmp_document_t *document, dmp_str_t ins)
{
    unsigned  i;

    if (document->other_patient || ins.len == 0) {
        return DMP_PATIENT_OTHER;
    }

    for (i = 0; i < document->n_ins; i++) {
        if (!dmp_str_eq(document->ins[i], ins)) {
            return DMP_PATIENT_OTHER;
        }
    }

    return document->n_ins != 0 ? DMP_PATIENT_SAME : DMP_PATIENT_UNNAMED;
}


dmp_str_t
dmp_document_name(const dmp_document_t *document)
{
    size_t     i;
    dmp_str_t  master;

    master = document->master;

    /* who deposits chooses it; what no record can list is not its name */
    if (master.len == 0 || master.len > DMP_DOCUMENT_NAME_MAX) {
        return document->id;
    }

    for (i = 0; i < master.len; i++) {
        if ((unsigned char) master.data[i] < 0x20 || master.data[i] == 0x7f) {
            return document->id;
        }
    }

    return master;
}
