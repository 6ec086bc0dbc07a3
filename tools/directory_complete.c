/*
 * directory_complete.c: entries of the published directory that a complete
 * file does not name any more.  A file that was cut short names too few, and
 * must not empty the directory.
 */

#include <string.h>

#include "directory_import.h"


#define COMPLETE_KEYS  "dmp:dir:"
#define COMPLETE_SCAN  "1000"

typedef struct {
    directory_sort_t  *keys;             /* SCAN may give one more than once */
    directory_held_t   held[DIRECTORY_BATCH];
    char               ids[DIRECTORY_BATCH][DMP_ID_MAX];
    size_t             n;
} complete_t;


/* Notes a key whose identifier the file does not concern. */
static bool
complete_key(directory_import_t *im, complete_t *c, const redisReply *key)
{
    int        has;
    char       name[DMP_KEY_NAME_MAX];
    size_t     skip;
    dmp_str_t  id;

    skip = sizeof(COMPLETE_KEYS) - 1;

    if (key->type != REDIS_REPLY_STRING || key->len < skip) {
        return true;
    }

    id.data = key->str + skip;
    id.len = key->len - skip;

    if (dmp_directory_key(name, id) != key->len) {
        tool_error("the key %s is none of the directory's; it stays",
                   key->str);
        return true;
    }

    has = directory_ids_has(im->named, id);

    return has > 0
           || (has == 0 && directory_sort_add(c->keys, id.data, id.len))
           || directory_failed();
}


static bool
complete_scan(directory_import_t *im, complete_t *c)
{
    bool           ok;
    char           cursor[32] = "0";
    size_t         i;
    redisReply    *r;
    store_args_t   args;

    do {
        args.n = 0;
        store_text(&args, "SCAN");
        store_text(&args, cursor);
        store_text(&args, "MATCH");
        store_text(&args, COMPLETE_KEYS "*");
        store_text(&args, "COUNT");
        store_text(&args, COMPLETE_SCAN);

        r = directory_lock_keep(&im->lock) ? store_call(&im->store, &args)
                                           : NULL;
        if (r == NULL) {
            return false;
        }

        ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2
             && r->element[0]->len < sizeof(cursor);

        if (ok) {
            memcpy(cursor, r->element[0]->str, r->element[0]->len + 1);

            for (i = 0; i < r->element[1]->elements && ok; i++) {
                ok = complete_key(im, c, r->element[1]->element[i]);
            }

        } else {
            tool_error("store: SCAN: unexpected answer");
        }

        freeReplyObject(r);
        tool_progress("%s: looking for those who are not named", im->path);

    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}


/*
 * An entry leaves if it was published and the file concerns none of its
 * identifiers; it counts once, by the first of them.
 */
static bool
complete_entry(directory_import_t *im, const directory_held_t *held)
{
    int        has;
    unsigned   i, n;
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    if (held->entry == NULL || !directory_entry_published(held->entry)) {
        return true;
    }

    n = directory_entry_ids(held->entry, ids);

    for (i = 0; i < n; i++) {
        has = directory_ids_has(im->named, ids[i]);

        if (has != 0) {
            return has > 0 || directory_failed();
        }
    }

    if (dmp_str_eq(ids[0], held->id)) {
        im->held++;
        im->leaving++;
    }

    return directory_plan_person(im, held->id, dmp_str_eq(ids[0], held->id)
                                 ? DIRECTORY_REMOVE : DIRECTORY_REMOVE_COPY, 1)
           && directory_plan_delete(im, held->id);
}


static bool
complete_batch(directory_import_t *im, complete_t *c)
{
    bool               ok;
    size_t             i;
    directory_held_t  *list[DIRECTORY_BATCH];

    for (i = 0; i < c->n; i++) {
        list[i] = &c->held[i];
    }

    ok = directory_lock_keep(&im->lock)
         && directory_fetch(&im->store, &im->ring, list, c->n);

    for (i = 0; i < c->n; i++) {
        ok = ok && complete_entry(im, &c->held[i]);
        directory_held_free(&c->held[i]);
    }

    c->n = 0;

    return ok;
}


static bool
complete_keys(directory_import_t *im, complete_t *c)
{
    int          rc;
    bool         ok;
    size_t       len;
    dmp_str_t    last;
    const char  *data;

    if (!directory_sort_end(c->keys)) {
        return directory_failed();
    }

    ok = true;
    last = dmp_null_string;

    while (ok && (rc = directory_sort_next(c->keys, &data, &len)) > 0) {
        if (last.data != NULL && dmp_str_eq(last, (dmp_str_t) { data, len })) {
            continue;
        }

        if (c->n == DIRECTORY_BATCH) {
            ok = complete_batch(im, c);
        }

        memcpy(c->ids[c->n], data, len);
        last = (dmp_str_t) { c->ids[c->n], len };
        c->held[c->n++].id = last;
    }

    if (ok && rc < 0) {
        return directory_failed();
    }

    return ok && complete_batch(im, c);
}


static int
complete_allowed(const directory_import_t *im)
{
    if (im->leaving * 100 <= im->held * im->remove_at_most) {
        return TOOL_DONE;
    }

    tool_error("%s: %llu of the %llu published entries are not in it, more "
               "than %llu %%: if that is right, say --remove-at-most",
               im->path, (unsigned long long) im->leaving,
               (unsigned long long) im->held,
               (unsigned long long) im->remove_at_most);

    return TOOL_NO;
}


int
directory_complete(directory_import_t *im)
{
    bool               ok;
    static complete_t  c;

    c.keys = directory_sort_create(DIRECTORY_SORT_MEMORY);
    if (c.keys == NULL) {
        (void) directory_failed();
        return TOOL_FAILED;
    }

    ok = complete_scan(im, &c) && complete_keys(im, &c);
    directory_sort_free(c.keys);

    return ok ? complete_allowed(im) : TOOL_FAILED;
}
