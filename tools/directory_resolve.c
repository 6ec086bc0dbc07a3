/*
 * directory_resolve.c: an extract has rows under each identifier by which a
 * person is registered.  Those of identifiers that an entry of the store joins
 * are rows of one person: they are sorted once more, under the main one.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


#define RESOLVE_MEMORY  (DIRECTORY_SORT_MEMORY / 4)   /* for joins */

typedef struct {
    char    data[DMP_ID_MAX];
    size_t  len;
} resolve_id_t;

typedef struct {
    directory_sort_t  *joins;            /* identifier, the main one of them */
    uint64_t           n_joins;

    resolve_id_t       ids[DIRECTORY_BATCH];   /* of rows, to be fetched */
    directory_held_t   held[DIRECTORY_BATCH];
    size_t             n;

    directory_sort_t  *rows;             /* under main identifiers */
    char              *record;
    char               join[2 * DMP_ID_MAX + 1];   /* the next one */
    size_t             join_len;         /* 0: there are no more */
    resolve_id_t       id;               /* whose rows are read */
    resolve_id_t       main;             /* and where they belong */
} resolve_t;


static dmp_str_t
resolve_str(const resolve_id_t *id)
{
    return (dmp_str_t) { id->data, id->len };
}


static bool
resolve_set(resolve_id_t *id, dmp_str_t s)
{
    if (s.len > sizeof(id->data)) {
        errno = EMSGSIZE;
        return false;
    }

    memcpy(id->data, s.data, s.len);
    id->len = s.len;

    return true;
}


/* Notes what an entry joins, so that each copy does for one that is missing. */
static bool
resolve_joins(resolve_t *r, const directory_held_t *held)
{
    char         text[2 * DMP_ID_MAX + 1];
    unsigned     i, n;
    dmp_buf_t    b;
    dmp_str_t    ids[DMP_DIRECTORY_IDS];
    const char  *kind;

    n = directory_entry_ids(held->entry, ids);
    kind = json_string_value(json_object_get(held->entry, "kind"));

    if (n < 2 || kind == NULL || strcmp(kind, "person") != 0
        || !directory_entry_has(held->entry, held->id))
    {
        return true;
    }

    for (i = 0; i < n; i++) {
        dmp_buf_init(&b, text, sizeof(text));
        dmp_buf_str(&b, ids[i]);
        dmp_buf_text(&b, "\t");
        dmp_buf_str(&b, ids[0]);

        if (b.full) {
            errno = EMSGSIZE;
        }

        if (b.full || !directory_sort_add(r->joins, b.data, b.len)) {
            return directory_failed();
        }
    }

    r->n_joins += n;

    return true;
}


static bool
resolve_batch(directory_import_t *im, resolve_t *r)
{
    bool               ok;
    size_t             i;
    directory_held_t  *list[DIRECTORY_BATCH];

    for (i = 0; i < r->n; i++) {
        r->held[i].id = resolve_str(&r->ids[i]);
        list[i] = &r->held[i];
    }

    ok = directory_lock_keep(&im->lock)
         && directory_fetch(&im->store, &im->ring, list, r->n);

    for (i = 0; i < r->n; i++) {
        ok = ok && resolve_joins(r, &r->held[i]);
        directory_held_free(&r->held[i]);
    }

    r->n = 0;
    tool_progress("%s: looking for identifiers that are joined", im->path);

    return ok;
}


/* Asks the store for each identifier that has rows, once. */
static bool
resolve_store(directory_import_t *im, resolve_t *r)
{
    int          rc;
    size_t       len;
    dmp_str_t    rest, id;
    const char  *data;

    while ((rc = directory_sort_next(im->rows, &data, &len)) > 0) {
        rest = (dmp_str_t) { data, len };
        id = directory_cut(&rest, '\t');

        if (dmp_str_eq(id, resolve_str(&r->id))) {
            continue;
        }

        if (!resolve_set(&r->id, id)) {
            return directory_failed();
        }

        r->ids[r->n++] = r->id;

        if (r->n == DIRECTORY_BATCH && !resolve_batch(im, r)) {
            return false;
        }
    }

    if (rc < 0) {
        return directory_failed();
    }

    return resolve_batch(im, r)
           && (directory_sort_again(im->rows) || directory_failed());
}


static bool
resolve_next_join(resolve_t *r)
{
    int          rc;
    size_t       len;
    const char  *data;

    r->join_len = 0;
    rc = directory_sort_next(r->joins, &data, &len);

    if (rc > 0) {
        /* no longer than resolve_joins() made it */
        memcpy(r->join, data, len);
        r->join_len = len;
    }

    return rc >= 0;
}


/* As they are sorted: none has a byte that a tab does not come before. */
static int
resolve_compare(dmp_str_t a, dmp_str_t b)
{
    int  order;

    order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}


/*
 * Where rows of an identifier belong: with the main one of the entry that has
 * it.  Of two entries none is believed; it then is a conflict, later.
 */
static bool
resolve_main(resolve_t *r, dmp_str_t id)
{
    int        order;
    unsigned   n;
    dmp_str_t  rest, of;

    if (!resolve_set(&r->id, id)) {
        return false;
    }

    n = 0;
    r->main = r->id;

    while (r->join_len > 0) {
        rest = (dmp_str_t) { r->join, r->join_len };
        of = directory_cut(&rest, '\t');
        order = resolve_compare(of, id);

        if (order > 0) {
            break;
        }

        if (order == 0 && (n == 0 || !dmp_str_eq(rest, resolve_str(&r->main))))
        {
            n++;

            if (!resolve_set(&r->main, rest)) {
                return false;
            }
        }

        if (!resolve_next_join(r)) {
            return false;
        }
    }

    if (n > 1) {
        r->main = r->id;
    }

    return true;
}


static bool
resolve_row(resolve_t *r, const char *data, size_t len)
{
    dmp_buf_t  b;
    dmp_str_t  rest, id;

    rest = (dmp_str_t) { data, len };
    id = directory_cut(&rest, '\t');

    if (!dmp_str_eq(id, resolve_str(&r->id)) && !resolve_main(r, id)) {
        return false;
    }

    dmp_buf_init(&b, r->record, DIRECTORY_RECORD_MAX + DMP_ID_MAX);
    dmp_buf_str(&b, resolve_str(&r->main));
    dmp_buf_text(&b, "\t");
    dmp_buf_str(&b, rest);

    if (b.full) {
        errno = EMSGSIZE;
        return false;
    }

    return directory_sort_add(r->rows, b.data, b.len);
}


/* Rows and joins, side by side, in the same order. */
static bool
resolve_rows(directory_import_t *im, resolve_t *r)
{
    int          rc;
    size_t       len, n;
    const char  *data;

    n = 0;
    r->id.len = 0;

    if (!directory_sort_end(r->joins) || !resolve_next_join(r)) {
        return directory_failed();
    }

    while ((rc = directory_sort_next(im->rows, &data, &len)) > 0) {
        if (!resolve_row(r, data, len)) {
            return directory_failed();
        }

        if (++n % 1024 == 0) {
            if (!directory_lock_keep(&im->lock)) {
                return false;
            }

            tool_progress("%s: %zu rows, sorting again", im->path, n);
        }
    }

    if (rc < 0 || !directory_sort_end(r->rows)) {
        return directory_failed();
    }

    directory_sort_free(im->rows);
    im->rows = r->rows;
    r->rows = NULL;

    return true;
}


int
directory_resolve(directory_import_t *im)
{
    bool        ok;
    resolve_t  *r;

    if (!im->published) {
        return TOOL_DONE;
    }

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    r->joins = directory_sort_create(RESOLVE_MEMORY);
    r->rows = directory_sort_create(DIRECTORY_SORT_MEMORY);
    r->record = malloc(DIRECTORY_RECORD_MAX + DMP_ID_MAX);

    if (r->joins == NULL || r->rows == NULL || r->record == NULL) {
        tool_error("no memory");
        ok = false;

    } else {
        ok = resolve_store(im, r) && (r->n_joins == 0 || resolve_rows(im, r));
    }

    directory_sort_free(r->joins);
    directory_sort_free(r->rows);
    free(r->record);
    free(r);

    return ok ? TOOL_DONE : TOOL_FAILED;
}
