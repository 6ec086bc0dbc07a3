/*
 * dmp_document_parts.c: the members that the documents of one answer mostly
 * share: its patient, its authors, its labels.  Bytes that were read before
 * say what they said then, and are not read again.  Nothing outlives the
 * answer: what is kept points into it.
 */

#include "dmp_document_int.h"
#include "dmp_scan_step.h"


void
dmp_reader_begin(dmp_reader_t *r)
{
    dmp_document_clear(r->document);

    r->rc = DMP_OK;
    memset(&r->type, 0, sizeof(r->type));
    r->n_data = 0;
    r->n_patients = 0;
    r->n_marks = 0;
    r->parts = 0;
    r->fresh = 0;
}


/* The value at p is being read: until it is, nothing is the same. */
static inline void
dmp_part_begin(dmp_part_t *part, const dmp_scan_t *s, const unsigned char *p)
{
    part->text = p;
    part->len = 0;
    part->depth = s->depth;
    part->names = s->names;
}


bool
dmp_read_part(dmp_reader_t *r, dmp_part_name_t name, dmp_read_pt read,
    void *to)
{
    size_t       used;
    dmp_part_t  *part;
    dmp_scan_t  *s;

    s = r->scan;
    part = &r->part[name];
    r->parts |= 1u << name;

    if (dmp_part_is(part, s, s->pos)) {
        return dmp_scan_move(s, s->pos + part->len, false);
    }

    dmp_part_begin(part, s, s->pos);
    r->fresh |= 1u << name;
    used = r->document->text_len;

    if (!read(r, to)) {
        return false;
    }

    /* not what was refused, nor what the next document's text overwrites */

    if (r->rc == DMP_OK && r->document->text_len == used) {
        part->len = (size_t) (s->pos - part->text);
    }

    return true;
}


/*
 * Which of the values passed it is compared with, its member's place among the
 * shapes says; any would do.
 */
const unsigned char *
dmp_reader_pass(dmp_reader_t *r, const unsigned char *p)
{
    dmp_part_t           *part;
    dmp_scan_t           *s;
    const dmp_shape_t    *at;
    const unsigned char  *end;

    s = r->scan;
    at = s->at[s->depth];

    if (r->passed == NULL || at == NULL || p == s->end
        || (*p != '{' && *p != '['))
    {
        return dmp_scan_over(s, p);
    }

    part = &r->passed[(size_t) (at - s->shapes->shape) % DMP_PASSED];

    if (dmp_part_is(part, s, p)) {
        return p + part->len;
    }

    dmp_part_begin(part, s, p);
    end = dmp_scan_over(s, p);

    if (end != NULL) {
        part->len = (size_t) (end - p);
    }

    return end;
}


static bool
dmp_read_contained_anew(dmp_reader_t *r, void *to)
{
    r->n_contained = 0;
    r->n_found = 0;

    return dmp_read_contained(r, to);
}


bool
dmp_read_contained_part(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_CONTAINED, dmp_read_contained_anew, to);
}


static bool
dmp_read_subject_anew(dmp_reader_t *r, void *to)
{
    (void) to;

    memset(&r->subject, 0, sizeof(r->subject));

    return dmp_read_reference(r, &r->subject);
}


bool
dmp_read_subject_part(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_SUBJECT, dmp_read_subject_anew, to);
}


static bool
dmp_read_source_anew(dmp_reader_t *r, void *to)
{
    (void) to;

    memset(&r->source, 0, sizeof(r->source));

    return dmp_read_reference(r, &r->source);
}


static bool
dmp_read_source(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_SOURCE, dmp_read_source_anew, to);
}


static const dmp_field_t  dmp_context_fields[] = {
    { dmp_string("sourcePatientInfo"), dmp_read_source, 0 }
};


bool
dmp_read_context(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_context_fields), to);
}


static bool
dmp_read_author(dmp_reader_t *r, void *to)
{
    dmp_reference_t  reference;

    (void) to;

    memset(&reference, 0, sizeof(reference));

    if (!dmp_read_reference(r, &reference)) {
        return false;
    }

    dmp_reader_author(r, &reference);

    return true;
}


static void
dmp_who_take(dmp_who_t *who, const dmp_document_t *document)
{
    who->n_ins = document->n_ins;
    who->n_authors = document->n_authors;
    who->n_structures = document->n_structures;
    who->other_patient = document->other_patient;
    who->by_patient = document->by_patient;
    who->by_others = document->by_others;
}


static void
dmp_who_give(const dmp_who_t *who, dmp_document_t *document)
{
    document->n_ins = who->n_ins;
    document->n_authors = who->n_authors;
    document->n_structures = who->n_structures;
    document->other_patient = who->other_patient;
    document->by_patient = who->by_patient;
    document->by_others = who->by_others;
}


static bool
dmp_read_authors_anew(dmp_reader_t *r, void *to)
{
    r->n_authors = 0;

    if (!dmp_read_array(r, dmp_read_author, to)) {
        return false;
    }

    dmp_who_take(&r->authored, r->document);

    return true;
}


bool
dmp_read_authors(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_AUTHOR, dmp_read_authors_anew, to);
}


/* What a document has not says nothing, and what it said is forgotten. */
static void
dmp_reader_forget(dmp_reader_t *r)
{
    unsigned  i;

    for (i = 0; i < DMP_PARTS; i++) {
        if (!(r->parts & (1u << i))) {
            r->part[i].len = 0;
        }
    }

    if (!(r->parts & dmp_part(CONTAINED))) {
        r->n_contained = 0;
        r->n_found = 0;
    }

    if (!(r->parts & dmp_part(SUBJECT))) {
        memset(&r->subject, 0, sizeof(r->subject));
    }

    if (!(r->parts & dmp_part(SOURCE))) {
        memset(&r->source, 0, sizeof(r->source));
    }

    if (!(r->parts & dmp_part(AUTHOR))) {
        r->n_authors = 0;
        memset(&r->authored, 0, sizeof(r->authored));
    }

    if (!(r->parts & dmp_part(TYPE))) {
        r->n_types = 0;
    }

    if (!(r->parts & dmp_part(LABELS))) {
        r->labels = 0;
    }

    if (!(r->parts & dmp_part(META))) {
        r->updated.known = false;
    }
}


dmp_rc_t
dmp_reader_finish_parts(dmp_reader_t *r, dmp_str_t type)
{
    size_t           used;
    dmp_document_t  *document;

    document = r->document;

    if (r->parts != DMP_PARTS_ALL) {
        dmp_reader_forget(r);
    }

    document->n_types = r->n_types;
    document->labels = r->labels;
    dmp_document_date(document, &r->updated);

    /* whom the parts name together is the same if all of them are */

    if (r->who_kept && !(r->fresh & DMP_PARTS_WHO)
        && r->who_parts == (r->parts & DMP_PARTS_WHO))
    {
        dmp_who_give(&r->who, document);
        dmp_reader_is(r, type);
        return r->rc;
    }

    used = document->text_len;
    dmp_who_give(&r->authored, document);

    dmp_reader_patient(r, &r->subject);
    dmp_reader_patient(r, &r->source);

    (void) dmp_reader_finish(r, type);

    dmp_who_take(&r->who, document);
    r->who_parts = r->parts & DMP_PARTS_WHO;
    r->who_kept = r->rc == DMP_OK && document->text_len == used;

    return r->rc;
}
