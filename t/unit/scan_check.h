/*
 * scan_check.h: one text given to the scanner in both its forms, with shapes
 * remembered and without, to jansson, and to the reader of documents: what
 * must hold for any bytes at all.  Used by the differential test and by the
 * fuzzers.  Each check returns NULL, or what does not hold.
 */

#ifndef SCAN_CHECK_H
#define SCAN_CHECK_H

#include <stdlib.h>

#include <jansson.h>

#include "scan_plain.h"
#include "small_policy.h"


/*
 * jansson without our limits.  It differs on purpose in this only: we refuse
 * escapes in names, more than 64 levels and more than 1,024 names; it refuses
 * numbers that a double or a 64-bit integer does not hold, which the grammar
 * allows and nobody here computes with; and it loses a NUL behind a number,
 * and takes one behind the value for the end of the text, whatever follows.
 */
static inline json_t *
check_jansson(const char *text, size_t len, bool *overflow)
{
    json_t        *tree;
    json_error_t   error;

    tree = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                      &error);
    *overflow = tree == NULL
                && json_error_code(&error) == json_error_numeric_overflow;

    return tree;
}


/* Of all texts that one run has seen. */
static dmp_shapes_t  check_shapes;


static inline bool
check_is_same(const dmp_scan_t *a, const dmp_scan_t *b)
{
    return a->error == b->error && a->pos == b->pos && a->depth == b->depth
           && a->names == b->names;
}


/* What is remembered, of this text and of others, must change nothing. */
static inline const char *
check_shaped(const char *text, size_t len, const dmp_scan_t *want)
{
    unsigned             i;
    dmp_shapes_t        *shapes;
    static dmp_scan_t    s;
    static dmp_shapes_t  fresh;

    fresh.n = 0;

    /* new to it; known, each name of it; and between what others left */

    for (i = 0; i < 3; i++) {
        shapes = i < 2 ? &fresh : &check_shapes;

        dmp_scan_init(&s, text, len);
        dmp_scan_remember(&s, shapes);
        (void) (dmp_scan_skip(&s, NULL) && dmp_scan_end(&s));

        if (!check_is_same(&s, want)) {
            return "what is remembered changes what is read";
        }

        if (shapes->n > DMP_SHAPES) {
            return "more is remembered than there is room for";
        }
    }

    return NULL;
}


static inline const char *
check_scan(const char *text, size_t len)
{
    bool               overflow;
    json_t            *tree;
    const char        *wrong;
    static dmp_scan_t  fast, plain;

    dmp_scan_init(&fast, text, len);
    plain_scan_init(&plain, text, len);

    (void) (dmp_scan_skip(&fast, NULL) && dmp_scan_end(&fast));
    (void) (plain_scan_skip(&plain, NULL) && plain_scan_end(&plain));

    if (!check_is_same(&fast, &plain)) {
        return "the two forms of the scanner disagree";
    }

    wrong = check_shaped(text, len, &fast);

    if (wrong != NULL) {
        return wrong;
    }

    if (fast.pos < fast.start || fast.pos > fast.end) {
        return "the cursor is outside of the text";
    }

    tree = check_jansson(text, len, &overflow);

    switch (fast.error) {

    case DMP_SCAN_OK:
        if (tree == NULL && !overflow) {
            wrong = "we accept what jansson refuses";
        }

        break;

    case DMP_SCAN_ESCAPED_NAME:
    case DMP_SCAN_TOO_DEEP:
    case DMP_SCAN_TOO_MANY_NAMES:
        break;

    default:
        if (tree != NULL && (fast.pos == fast.end || *fast.pos != '\0')) {
            wrong = "we refuse what jansson accepts";
        }
    }

    json_decref(tree);

    return wrong;
}


/* Some documents may leave, by their name: about half of them. */
static inline bool
check_may_leave(const char *id, size_t len)
{
    size_t    i;
    unsigned  sum;

    sum = 0;

    for (i = 0; i < len; i++) {
        sum += (unsigned char) id[i];
    }

    return sum % 2 != 0;
}


static inline bool
check_judge(void *data, const dmp_document_t *document)
{
    unsigned  i;

    (void) data;

    /* read all it points to, for AddressSanitizer */

    (void) dmp_document_patient(document, dmp_string("123456789012345"));
    (void) check_may_leave(dmp_document_name(document).data,
                           dmp_document_name(document).len);

    for (i = 0; i < document->n_types; i++) {
        (void) check_may_leave(document->types[i].system.data,
                               document->types[i].system.len);
        (void) check_may_leave(document->types[i].code.data,
                               document->types[i].code.len);
    }

    for (i = 0; i < document->n_authors; i++) {
        (void) check_may_leave(document->authors[i].data,
                               document->authors[i].len);
    }

    for (i = 0; i < document->n_structures; i++) {
        (void) check_may_leave(document->structures[i].data,
                               document->structures[i].len);
    }

    for (i = 0; i < document->n_attachments; i++) {
        (void) check_may_leave(document->attachments[i].data,
                               document->attachments[i].len);
    }

    return check_may_leave(document->id.data, document->id.len);
}


/* What must hold of a document once it was read, or was not. */
static inline const char *
check_document(const char *text, size_t len)
{
    dmp_rc_t        rc;
    dmp_document_t  document;

    rc = dmp_document_parse(&small_policy, text, len, &document);

    if (rc == DMP_OK) {
        (void) check_judge(NULL, &document);

        return dmp_document_effects(&document, &document) != 0
               ? "no change has an effect" : NULL;
    }

    return document.labels != DMP_LABEL_ALL || !document.other_patient
           || document.n_authors != 0 || document.n_structures != 0
           || document.by_patient || document.status != DMP_STATUS_UNKNOWN
           || document.dated || document.n_types != 0 || !document.archived
           || document.n_attachments != 0 || document.indexed
           ? "a document that cannot be judged says something" : NULL;
}

#endif
