/*
 * dmp_document_codes.c: what a document says by codes: its type, and its
 * labels.
 */

#include <dmp/dmp_policy.h>

#include "dmp_document_int.h"


#define DMP_LABEL_MAX  256               /* bytes of its system, of its code */


typedef struct {
    dmp_scan_string_t  system;
    dmp_scan_string_t  code;
} dmp_coding_t;

static const dmp_field_t  dmp_coding_fields[] = {
    { dmp_string("system"), dmp_read_raw, offsetof(dmp_coding_t, system) },
    { dmp_string("code"), dmp_read_raw, offsetof(dmp_coding_t, code) }
};


static bool
dmp_read_type_coding(dmp_reader_t *r, void *to)
{
    dmp_code_t    *type;
    dmp_coding_t   coding;

    (void) to;

    memset(&coding, 0, sizeof(coding));

    if (!dmp_read_object(r, dmp_fields(dmp_coding_fields), &coding)) {
        return false;
    }

    if (r->n_types == DMP_DOCUMENT_TYPES) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return true;
    }

    type = &r->document->types[r->n_types++];
    type->system = dmp_reader_keep(r, &coding.system);
    type->code = dmp_reader_keep(r, &coding.code);

    return true;
}


static bool
dmp_read_type_codings(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_type_coding, to);
}


static const dmp_field_t  dmp_type_fields[] = {
    { dmp_string("coding"), dmp_read_type_codings, 0 }
};


static bool
dmp_read_type_anew(dmp_reader_t *r, void *to)
{
    r->n_types = 0;

    return dmp_read_object(r, dmp_fields(dmp_type_fields), to);
}


bool
dmp_read_type(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_TYPE, dmp_read_type_anew, to);
}


/* What a label means.  Most have no escapes, and are looked up as they are. */
static unsigned
dmp_label(const dmp_reader_t *r, const dmp_coding_t *coding)
{
    char        text[2 * DMP_LABEL_MAX];
    dmp_code_t  label;

    label.system = coding->system.raw;
    label.code = coding->code.raw;

    if (coding->system.escaped) {
        if (!dmp_scan_decode(&coding->system, text, DMP_LABEL_MAX,
                             &label.system.len))
        {
            return DMP_LABEL_ALL;
        }

        label.system.data = text;
    }

    if (coding->code.escaped) {
        if (!dmp_scan_decode(&coding->code, text + DMP_LABEL_MAX,
                             DMP_LABEL_MAX, &label.code.len))
        {
            return DMP_LABEL_ALL;
        }

        label.code.data = text + DMP_LABEL_MAX;
    }

    return dmp_policy_label(r->policy, label);
}


static bool
dmp_read_label_coding(dmp_reader_t *r, void *to)
{
    bool          *coded;
    dmp_coding_t   coding;

    coded = to;
    memset(&coding, 0, sizeof(coding));

    if (!dmp_read_object(r, dmp_fields(dmp_coding_fields), &coding)) {
        return false;
    }

    r->labels |= dmp_label(r, &coding);
    *coded = true;

    return true;
}


static bool
dmp_read_label_codings(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_label_coding, to);
}


static const dmp_field_t  dmp_label_fields[] = {
    { dmp_string("coding"), dmp_read_label_codings, 0 }
};


static bool
dmp_read_label(dmp_reader_t *r, void *to)
{
    bool  coded;

    (void) to;

    coded = false;

    if (!dmp_read_object(r, dmp_fields(dmp_label_fields), &coded)) {
        return false;
    }

    if (!coded) {
        r->labels |= DMP_LABEL_ALL;
    }

    return true;
}


static bool
dmp_read_labels_anew(dmp_reader_t *r, void *to)
{
    r->labels = 0;

    return dmp_read_array(r, dmp_read_label, to);
}


/* Two of them are kept: most documents have one of few sets of labels. */
bool
dmp_read_labels(dmp_reader_t *r, void *to)
{
    unsigned    labels;
    dmp_part_t  part;

    if (!dmp_part_is(&r->part[DMP_PART_LABELS], r->scan, r->scan->pos)) {
        part = r->part[DMP_PART_LABELS];
        r->part[DMP_PART_LABELS] = r->other_part;
        r->other_part = part;

        labels = r->labels;
        r->labels = r->other_labels;
        r->other_labels = labels;
    }

    return dmp_read_part(r, DMP_PART_LABELS, dmp_read_labels_anew, to);
}
