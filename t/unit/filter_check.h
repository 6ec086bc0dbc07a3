/*
 * filter_check.h: runs the filter as the module does, puts what leaves
 * together, and says what must hold of it for any answer at all.  Used by the
 * unit tests and by the fuzzer.  Each check returns NULL, or what does not
 * hold.
 */

#ifndef FILTER_CHECK_H
#define FILTER_CHECK_H

#include <dmp/dmp_filter.h>

#include "scan_check.h"


#define CHECK_ENTRIES  64
#define CHECK_OURS     "https://gw.example/dmp"

/* Memory that the filter is given, to be freed together. */
typedef struct check_block_s  check_block_t;

struct check_block_s {
    check_block_t  *next;
    void           *data;
};

typedef struct {
    check_block_t  *blocks;
    size_t          left;                /* so many allocations succeed */
} check_memory_t;

/* What left, from malloc(); NULL when it was refused. */
typedef struct {
    dmp_rc_t    rc;
    dmp_cut_t   cut;
    char       *text;
    size_t      len;
} check_left_t;

static const dmp_addresses_t  check_addresses = {
    .bases = {
        dmp_string("http://host:8080/fhir"),
        dmp_string("https://dmp.example/r4"),
        dmp_string("/fhir")
    },
    .n_bases = 3,
    .ours = dmp_string(CHECK_OURS)
};


static inline void *
check_alloc(void *data, size_t size)
{
    check_block_t   *block;
    check_memory_t  *memory;

    memory = data;

    if (memory->left == 0) {
        return NULL;
    }

    memory->left--;
    block = malloc(sizeof(check_block_t));

    if (block == NULL) {
        abort();
    }

    /* of exactly its size, so that a byte too far is seen */

    block->data = malloc(size != 0 ? size : 1);
    block->next = memory->blocks;
    memory->blocks = block;

    if (block->data == NULL) {
        abort();
    }

    return block->data;
}


static inline void
check_free(check_memory_t *memory)
{
    check_block_t  *block;

    while (memory->blocks != NULL) {
        block = memory->blocks;
        memory->blocks = block->next;
        free(block->data);
        free(block);
    }
}


/* The pieces in order, none empty, none next to the one before. */
static inline const char *
check_join(const char *json, size_t len, check_left_t *left)
{
    size_t       i, n;
    dmp_str_t    piece;
    const char  *end;

    n = 0;
    end = json - 1;

    for (i = 0; i < left->cut.n_pieces; i++) {

        piece = left->cut.pieces[i];

        if (piece.len == 0) {
            return "an empty piece";
        }

        n += piece.len;

        if (piece.data < json || piece.data >= json + len) {
            continue;
        }

        if (piece.data <= end || piece.data + piece.len > json + len) {
            return "pieces out of order or bounds";
        }

        end = piece.data + piece.len;
    }

    if (n != left->cut.size) {
        return "the size is not that of the pieces";
    }

    left->text = malloc(n + 1);

    if (left->text == NULL) {
        abort();
    }

    for (i = 0; i < left->cut.n_pieces; i++) {
        memcpy(left->text + left->len, left->cut.pieces[i].data,
               left->cut.pieces[i].len);
        left->len += left->cut.pieces[i].len;
    }

    left->text[n] = '\0';

    return NULL;
}


/*
 * document: where to read the single document of the answer, or NULL, and then
 * it is a search; what it points to is gone afterwards.  f's alloc need not be
 * set; left->text is the caller's.
 */
static inline const char *
check_run(const dmp_filter_t *f, const char *json, size_t len,
    size_t allocations, dmp_document_t *document, check_left_t *left)
{
    char            *copy;
    const char      *wrong;
    dmp_filter_t     filter;
    check_memory_t   memory;

    copy = malloc(len != 0 ? len : 1);

    if (copy == NULL) {
        abort();
    }

    memcpy(copy, json, len);
    memset(left, 0, sizeof(check_left_t));
    memset(&left->cut, 0xff, sizeof(left->cut));
    memset(&memory, 0, sizeof(memory));
    memory.left = allocations;

    filter = *f;
    filter.alloc = check_alloc;
    filter.alloc_data = &memory;

    left->rc = document == NULL
               ? dmp_filter_search(&filter, copy, len, &left->cut)
               : dmp_filter_document(&filter, copy, len, document, &left->cut);
    wrong = NULL;

    if (left->rc == DMP_OK) {
        wrong = check_join(copy, len, left);

    } else if (left->rc == DMP_E_INTERNAL || left->cut.n_pieces != 0
               || left->cut.size != 0 || left->cut.pieces != NULL
               || left->cut.shown != 0 || left->cut.withheld != 0)
    {
        wrong = "refused, and not empty";
    }

    check_free(&memory);
    free(copy);

    return wrong;
}


/* A link may leave if it asks something of DocumentReference or List. */
static inline dmp_str_t
check_link(void *data, dmp_str_t relation, dmp_str_t target)
{
    (void) data;

    if (relation.len == 0 || target.len == 0
        || memchr(target.data, '?', target.len) == NULL)
    {
        return dmp_null_string;
    }

    return dmp_str_eq(relation, dmp_string("next"))
           ? dmp_string(CHECK_OURS "/DocumentReference?_page=next")
           : dmp_str_eq(relation, dmp_string("odd"))
             ? dmp_string(CHECK_OURS "/\"\\\xc3\xa9") : dmp_null_string;
}


static inline bool
check_judge_list(void *data, const dmp_fhir_list_t *list)
{
    size_t    i;
    unsigned  j;

    (void) data;

    /* read all it points to, for AddressSanitizer */

    for (i = 0; i < list->n_documents; i++) {
        (void) check_may_leave(list->documents[i].data,
                               list->documents[i].len);
    }

    for (j = 0; j < list->n_ins; j++) {
        (void) check_may_leave(list->ins[j].data, list->ins[j].len);
    }

    return !list->opaque && check_may_leave(list->id.data, list->id.len);
}


/* Whether it is an address that should be ours by now. */
static inline bool
check_is_hosts(const json_t *address)
{
    size_t       i;
    const char  *text;

    text = json_string_value(address);

    for (i = 0; text != NULL && i < check_addresses.n_bases; i++) {
        if (strncmp(text, check_addresses.bases[i].data,
                    check_addresses.bases[i].len) == 0
            && text[check_addresses.bases[i].len] == '/')
        {
            return true;
        }
    }

    return false;
}


/* Of a resource that is one document. */
static inline const char *
check_addresses_of(const json_t *resource)
{
    size_t         i;
    const json_t  *content;

    content = json_object_get(resource, "content");

    for (i = 0; i < json_array_size(content); i++) {
        if (check_is_hosts(json_object_get(json_object_get(
                json_array_get(content, i), "attachment"), "url")))
        {
            return "an address of the host's left";
        }
    }

    return NULL;
}


/* An entry that left: is it one that may? */
static inline const char *
check_entry(const dmp_filter_t *f, const json_t *entry, unsigned *shown)
{
    const char    *wanted;
    const json_t  *resource, *type, *id;

    resource = json_object_get(entry, "resource");
    type = json_object_get(resource, "resourceType");
    id = json_object_get(resource, "id");
    wanted = f->entries == DMP_RESOURCE_LIST ? "List" : "DocumentReference";

    if (!json_is_string(type)) {
        return "an entry without a resource left";
    }

    if (json_object_get(entry, "link") != NULL) {
        return "a link of an entry left";
    }

    if (f->addresses != NULL
        && check_is_hosts(json_object_get(entry, "fullUrl")))
    {
        return "the host's address of an entry left";
    }

    if (strcmp(json_string_value(type), "OperationOutcome") == 0) {
        return json_object_get(resource, "contained") != NULL
               ? "an outcome that contains something left" : NULL;
    }

    if (strcmp(json_string_value(type), wanted) != 0) {
        return "a resource of another type left";
    }

    ++*shown;

    if (f->metadata_only && json_object_get(resource, "text") != NULL) {
        return "a narrative left";
    }

    if (!check_may_leave(json_string_value(id), json_string_length(id))) {
        return "a document left that may not";
    }

    return f->addresses != NULL ? check_addresses_of(resource) : NULL;
}


/* Members of the Bundle that are not looked at here. */
static inline bool
check_is_apart(const char *key)
{
    return strcmp(key, "entry") == 0 || strcmp(key, "total") == 0
           || strcmp(key, "_total") == 0 || strcmp(key, "link") == 0;
}


static inline const char *
check_links(const json_t *links)
{
    size_t       i;
    const char  *url;

    if (links != NULL && json_array_size(links) == 0) {
        return "no link left, but their member";
    }

    for (i = 0; i < json_array_size(links); i++) {

        url = json_string_value(json_object_get(json_array_get(links, i),
                                                "url"));

        if (url == NULL
            || strncmp(url, CHECK_OURS, sizeof(CHECK_OURS) - 1) != 0)
        {
            return "a link left that is not ours";
        }
    }

    return NULL;
}


/* An entry that left unchanged was there; changed ones come in order too. */
static inline const char *
check_entries(const dmp_filter_t *f, const json_t *all, const json_t *entries,
    const dmp_cut_t *cut)
{
    size_t       i, j;
    json_t      *was;
    unsigned     shown;
    const char  *wrong;

    shown = 0;

    for (i = 0, j = 0; i < json_array_size(entries); i++, j++) {

        wrong = check_entry(f, json_array_get(entries, i), &shown);

        if (wrong != NULL) {
            return wrong;
        }

        if (f->addresses != NULL || f->metadata_only) {
            continue;
        }

        for ( ; j < json_array_size(all); j++) {

            was = json_copy(json_array_get(all, j));
            (void) json_object_del(was, "link");

            if (json_equal(was, json_array_get(entries, i))) {
                json_decref(was);
                break;
            }

            json_decref(was);
        }

        if (j == json_array_size(all)) {
            return "an entry left that was not there";
        }
    }

    return shown != cut->shown
           || json_array_size(entries) + cut->withheld != json_array_size(all)
           ? "the counts are wrong" : NULL;
}


/* The tree of what left against the tree of the whole. */
static inline const char *
check_trees(const dmp_filter_t *f, json_t *whole, json_t *left,
    const dmp_cut_t *cut)
{
    json_t      *value, *entries;
    const char  *key, *wrong;

    entries = json_object_get(left, "entry");

    if (json_object_get(left, "total") != NULL
        || json_object_get(left, "_total") != NULL)
    {
        return "a total left";
    }

    if (entries != NULL && json_array_size(entries) == 0) {
        return "an empty array left";
    }

    wrong = check_links(json_object_get(left, "link"));

    if (wrong == NULL) {
        wrong = check_entries(f, json_object_get(whole, "entry"), entries,
                              cut);
    }

    if (wrong != NULL) {
        return wrong;
    }

    json_object_foreach(whole, key, value) {
        if (!check_is_apart(key)
            && !json_equal(value, json_object_get(left, key)))
        {
            return "a member changed";
        }
    }

    json_object_foreach(left, key, value) {
        if (json_object_get(whole, key) == NULL) {
            return "a member was added";
        }
    }

    return NULL;
}


/* With what was remembered of other answers, it is the same that leaves. */
static inline const char *
check_again_shaped(const dmp_filter_t *f, const char *text, size_t len,
    bool single, const check_left_t *want)
{
    const char      *wrong;
    check_left_t     left;
    dmp_filter_t     shaped;
    dmp_document_t   document;

    shaped = *f;
    shaped.shapes = &check_shapes;
    wrong = check_run(&shaped, text, len, SIZE_MAX, single ? &document : NULL,
                      &left);

    if (wrong == NULL
        && (left.rc != want->rc || left.len != want->len
            || left.cut.shown != want->cut.shown
            || left.cut.withheld != want->cut.withheld
            || (left.len != 0
                && memcmp(left.text, want->text, left.len) != 0)))
    {
        wrong = "what is remembered changes what leaves";
    }

    free(left.text);

    return wrong;
}


static inline const char *
check_search(const dmp_filter_t *f, const char *text, size_t len)
{
    bool           overflow;
    json_t        *whole, *tree;
    const char    *wrong;
    check_left_t   left;

    wrong = check_run(f, text, len, SIZE_MAX, NULL, &left);

    if (wrong == NULL) {
        wrong = check_again_shaped(f, text, len, false, &left);
    }

    if (wrong != NULL || left.rc != DMP_OK) {
        free(left.text);
        return wrong;
    }

    whole = check_jansson(text, len, &overflow);

    if (whole == NULL && !overflow) {
        wrong = "we accept what jansson refuses";
    }

    if (wrong == NULL) {
        wrong = check_scan(left.text, left.len);
    }

    if (wrong == NULL && whole != NULL) {
        tree = check_jansson(left.text, left.len, &overflow);
        wrong = tree == NULL ? "what left is not JSON"
                             : check_trees(f, whole, tree, &left.cut);
        json_decref(tree);
    }

    json_decref(whole);
    free(left.text);

    return wrong;
}


static inline const char *
check_one_document(const dmp_filter_t *f, const char *text, size_t len)
{
    bool             overflow;
    json_t          *tree;
    const char      *wrong;
    check_left_t     left;
    dmp_document_t   document;

    wrong = check_run(f, text, len, SIZE_MAX, &document, &left);

    if (wrong == NULL) {
        wrong = check_again_shaped(f, text, len, true, &left);
    }

    if (wrong == NULL && left.rc == DMP_OK) {

        tree = check_jansson(left.text, left.len, &overflow);

        if (tree == NULL && !overflow) {
            wrong = "what left of the document is not JSON";
        }

        if (wrong == NULL && f->addresses != NULL) {
            wrong = check_addresses_of(tree);
        }

        if (wrong == NULL && f->metadata_only
            && json_object_get(tree, "text") != NULL)
        {
            wrong = "its narrative left";
        }

        json_decref(tree);
    }

    free(left.text);

    return wrong;
}


/* What these two let leave is that resource at least. */
static inline const char *
check_whole(const char *text, size_t len)
{
    bool         overflow, bundle, capabilities;
    json_t      *tree;
    const char  *type, *wrong;

    bundle = dmp_filter_document_bundle(text, len, 0, dmp_string("b"),
                                        dmp_string("123456789012345"))
             == DMP_OK;
    capabilities = dmp_filter_capabilities(text, len, 0) == DMP_OK;

    if (!bundle && !capabilities) {
        return NULL;
    }

    tree = check_jansson(text, len, &overflow);

    if (tree == NULL) {
        return overflow ? NULL : "we accept what jansson refuses";
    }

    type = json_string_value(json_object_get(tree, "resourceType"));
    wrong = type == NULL || strcmp(type, bundle ? "Bundle"
                                                : "CapabilityStatement") != 0
            ? "another resource passes" : NULL;
    json_decref(tree);

    return wrong;
}


#define CHECK_WAYS  8

/* Any text at all; there are CHECK_WAYS ways. */
static inline const char *
check_filter(const char *text, size_t len, unsigned way)
{
    const char    *wrong;
    dmp_filter_t   f;

    memset(&f, 0, sizeof(f));
    f.policy = &small_policy;
    f.addresses = way & 1 ? &check_addresses : NULL;
    f.entries = way & 2 ? DMP_RESOURCE_LIST : DMP_RESOURCE_DOCUMENT_REFERENCE;
    f.metadata_only = (way & 4) != 0;
    f.max_entries = CHECK_ENTRIES;
    f.judge = check_judge;
    f.judge_list = check_judge_list;
    f.link = way & 1 ? check_link : NULL;

    wrong = check_search(&f, text, len);

    if (wrong == NULL) {
        wrong = check_one_document(&f, text, len);
    }

    return wrong != NULL ? wrong : check_whole(text, len);
}

#endif
