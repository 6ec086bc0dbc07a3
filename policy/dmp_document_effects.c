/*
 * dmp_document_effects.c: what a change of a document amounts to, by the facts
 * before and after it.  A mask that appears is a masking and one that goes an
 * unmasking, however the change was written.
 */

#include <dmp/dmp_document.h>


/* A label that is not understood may be any of them. */
static unsigned
dmp_labels_of(const dmp_document_t *document)
{
    return document->labels & DMP_LABEL_UNKNOWN ? DMP_LABEL_ALL
                                                : document->labels;
}


static unsigned
dmp_label_effects(unsigned before, unsigned after)
{
    unsigned  effects, gone, new;

    effects = 0;
    new = after & ~before;
    gone = before & ~after;

    if (new & DMP_LABEL_MASKED) {
        effects |= DMP_EFFECT_MASK;
    }

    if (gone & DMP_LABEL_MASKED) {
        effects |= DMP_EFFECT_UNMASK;
    }

    if (new & (DMP_LABEL_INVISIBLE_PATIENT
               | DMP_LABEL_INVISIBLE_REPRESENTATIVES))
    {
        effects |= DMP_EFFECT_HIDE;
    }

    if (gone & (DMP_LABEL_INVISIBLE_PATIENT
                | DMP_LABEL_INVISIBLE_REPRESENTATIVES))
    {
        effects |= DMP_EFFECT_SHOW;
    }

    return effects;
}


/* What was deleted stays so, and what is superseded is not current again. */
static unsigned
dmp_status_effects(dmp_status_t before, dmp_status_t after)
{
    if (before == after) {
        return 0;
    }

    if (after == DMP_STATUS_DELETED) {
        return DMP_EFFECT_DELETE;
    }

    if (before == DMP_STATUS_CURRENT && after == DMP_STATUS_SUPERSEDED) {
        return DMP_EFFECT_SUPERSEDE;
    }

    return DMP_EFFECT_OTHER;
}


static bool
dmp_same_list(const dmp_str_t *a, unsigned n_a, const dmp_str_t *b,
    unsigned n_b)
{
    unsigned  i;

    if (n_a != n_b) {
        return false;
    }

    for (i = 0; i < n_a; i++) {
        if (!dmp_str_eq(a[i], b[i])) {
            return false;
        }
    }

    return true;
}


static bool
dmp_same_types(const dmp_document_t *a, const dmp_document_t *b)
{
    unsigned  i;

    if (a->n_types != b->n_types) {
        return false;
    }

    for (i = 0; i < a->n_types; i++) {
        if (!dmp_str_eq(a->types[i].system, b->types[i].system)
            || !dmp_str_eq(a->types[i].code, b->types[i].code))
        {
            return false;
        }
    }

    return true;
}


/* All that no change may touch. */
static bool
dmp_same_rest(const dmp_document_t *a, const dmp_document_t *b)
{
    return dmp_str_eq(a->id, b->id) && dmp_str_eq(a->master, b->master)
           && dmp_same_types(a, b)
           && dmp_same_list(a->ins, a->n_ins, b->ins, b->n_ins)
           && a->other_patient == b->other_patient
           && dmp_same_list(a->authors, a->n_authors, b->authors,
                            b->n_authors)
           && dmp_same_list(a->structures, a->n_structures, b->structures,
                            b->n_structures)
           && a->by_patient == b->by_patient && a->by_others == b->by_others
           && a->replaces == b->replaces
           && a->dated == b->dated && a->deposited == b->deposited
           && a->outcome == b->outcome;
}


unsigned
dmp_document_effects(const dmp_document_t *before, const dmp_document_t *after)
{
    unsigned  effects;

    effects = dmp_label_effects(dmp_labels_of(before), dmp_labels_of(after))
              | dmp_status_effects(before->status, after->status);

    if (after->archived && !before->archived) {
        effects |= DMP_EFFECT_ARCHIVE;
    }

    if (before->archived && !after->archived) {
        effects |= DMP_EFFECT_UNARCHIVE;
    }

    if (!dmp_same_rest(before, after)) {
        effects |= DMP_EFFECT_OTHER;
    }

    return effects;
}
