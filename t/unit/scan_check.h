/*
 * scan_check.h: one text given to the scanner in both its forms, to jansson,
 * and to dmp_bundle_cut(): what must hold for any bytes at all.  Used by the
 * differential test and by the fuzzers.  Each check returns NULL, or what does
 * not hold.
 */

#ifndef SCAN_CHECK_H
#define SCAN_CHECK_H

#include <stdlib.h>

#include <jansson.h>

#include "scan_plain.h"
#include "small_policy.h"


#define CHECK_ENTRIES  64
#define CHECK_RANGES   (4 + CHECK_ENTRIES)


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

    if (fast.error != plain.error || fast.pos != plain.pos) {
        return "the two forms of the scanner disagree";
    }

    if (fast.pos < fast.start || fast.pos > fast.end) {
        return "the cursor is outside of the text";
    }

    tree = check_jansson(text, len, &overflow);
    wrong = NULL;

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
           ? "a document that cannot be judged says something" : NULL;
}


/* An entry that left: is it one that may? */
static inline const char *
check_entry(const json_t *entry, unsigned *shown)
{
    const json_t  *resource, *type, *id;

    resource = json_object_get(entry, "resource");
    type = json_object_get(resource, "resourceType");
    id = json_object_get(resource, "id");

    if (!json_is_string(type)) {
        return "an entry without a resource left";
    }

    if (strcmp(json_string_value(type), "OperationOutcome") == 0) {
        return json_object_get(resource, "contained") != NULL
               ? "an outcome that contains something left" : NULL;
    }

    if (strcmp(json_string_value(type), "DocumentReference") != 0) {
        return "a resource that is no document left";
    }

    ++*shown;

    return check_may_leave(json_string_value(id), json_string_length(id))
           ? NULL : "a document left that may not";
}


/* The tree of what left against the tree of the whole. */
static inline const char *
check_trees(json_t *whole, json_t *left, const dmp_cut_t *out)
{
    size_t       i, j;
    json_t      *value, *entries, *all;
    unsigned     shown;
    const char  *key, *wrong;

    shown = 0;
    entries = json_object_get(left, "entry");
    all = json_object_get(whole, "entry");

    if (json_object_get(left, "total") != NULL
        || json_object_get(left, "_total") != NULL)
    {
        return "a total left";
    }

    if (entries != NULL && json_array_size(entries) == 0) {
        return "an empty array left";
    }

    for (i = 0, j = 0; i < json_array_size(entries); i++, j++) {

        wrong = check_entry(json_array_get(entries, i), &shown);

        if (wrong != NULL) {
            return wrong;
        }

        while (j < json_array_size(all)
               && !json_equal(json_array_get(all, j),
                              json_array_get(entries, i)))
        {
            j++;
        }

        if (j == json_array_size(all)) {
            return "an entry left that was not there";
        }
    }

    if (shown != out->shown
        || json_array_size(entries) + out->withheld != json_array_size(all))
    {
        return "the counts are wrong";
    }

    json_object_foreach(whole, key, value) {
        if (strcmp(key, "entry") != 0 && strcmp(key, "total") != 0
            && strcmp(key, "_total") != 0
            && !json_equal(value, json_object_get(left, key)))
        {
            return "a member changed";
        }
    }

    return json_object_size(left) == json_object_size(whole)
           - (json_object_get(whole, "total") != NULL)
           - (json_object_get(whole, "_total") != NULL)
           - (all != NULL && entries == NULL)
           ? NULL : "a member was added";
}


static inline const char *
check_cut(const char *text, size_t len)
{
    char         *left;
    bool          overflow;
    size_t        i, n;
    json_t       *whole, *tree;
    dmp_rc_t      rc;
    dmp_cut_t     out;
    dmp_range_t   ranges[CHECK_RANGES];
    const char   *wrong;

    rc = dmp_bundle_cut(&small_policy, text, len, check_judge, NULL,
                        CHECK_ENTRIES, ranges, CHECK_RANGES, &out);

    if (rc != DMP_OK) {
        return rc == DMP_E_INTERNAL || out.n_ranges != 0 || out.size != 0
               ? "refused, and not empty" : NULL;
    }

    left = malloc(len + 1);

    if (left == NULL) {
        return NULL;
    }

    wrong = NULL;

    for (i = 0, n = 0; i < out.n_ranges && wrong == NULL; i++) {

        if (ranges[i].from >= ranges[i].to || ranges[i].to > len
            || (i > 0 && ranges[i].from <= ranges[i - 1].to))
        {
            wrong = "ranges out of order or bounds";
            break;
        }

        memcpy(left + n, text + ranges[i].from, ranges[i].to - ranges[i].from);
        n += ranges[i].to - ranges[i].from;
    }

    if (wrong == NULL && n != out.size) {
        wrong = "the size is not that of the ranges";
    }

    if (wrong == NULL) {
        wrong = check_scan(left, n);
    }

    whole = check_jansson(text, len, &overflow);

    if (wrong == NULL && whole != NULL) {
        tree = check_jansson(left, n, &overflow);
        wrong = tree == NULL ? "what left is not JSON"
                             : check_trees(whole, tree, &out);
        json_decref(tree);
    }

    json_decref(whole);
    free(left);

    return wrong;
}

#endif
