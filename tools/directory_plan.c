/*
 * directory_plan.c: compares what the file says with what the store holds, in
 * batches, and plans what is to be written.  Nothing is written here: the
 * whole file must hold first.
 */

#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


#define PLAN_HELD  (2 * DMP_DIRECTORY_IDS + 1)
#define PLAN_TEXT  (1024 * 1024)         /* lines of one batch, bytes */

typedef struct {
    directory_person_t  person;
    directory_held_t    held[PLAN_HELD]; /* under the person's, the others that
                                            the file gives, the entry's */
    unsigned            n_named;
    unsigned            n_held;
    directory_held_t   *stored;          /* of them the entry; NULL: none */
} plan_item_t;

typedef struct {
    plan_item_t        items[DIRECTORY_BATCH];
    size_t             n;
    directory_held_t  *list[DIRECTORY_BATCH * PLAN_HELD];
    size_t             n_list;
    uint64_t           persons;
} plan_t;


bool
directory_claim(directory_import_t *im, dmp_str_t id, dmp_str_t person,
    size_t line)
{
    char       text[2 * DMP_ID_MAX + DIRECTORY_LINE_TEXT + 16];
    char       number[DIRECTORY_LINE_TEXT + 1];
    dmp_buf_t  b;

    (void) snprintf(number, sizeof(number), "%0*zu", DIRECTORY_LINE_TEXT,
                    line);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_str(&b, id);
    dmp_buf_text(&b, "\t");
    dmp_buf_str(&b, person);
    dmp_buf_text(&b, "\t");
    dmp_buf_text(&b, number);

    return directory_sort_add(im->claims, b.data, b.len) || directory_failed();
}


static dmp_str_t
plan_id(const plan_item_t *item)
{
    return (dmp_str_t) { item->person.id, strlen(item->person.id) };
}


static directory_held_t *
plan_held(plan_item_t *item, dmp_str_t id)
{
    unsigned  i;

    for (i = 0; i < item->n_held; i++) {
        if (dmp_str_eq(item->held[i].id, id)) {
            return &item->held[i];
        }
    }

    return NULL;
}


/* Adds what is to be fetched; the identifier must outlive the batch. */
static void
plan_want(plan_t *p, plan_item_t *item, dmp_str_t id)
{
    directory_held_t  *held;

    if (plan_held(item, id) == NULL && item->n_held < PLAN_HELD) {
        held = &item->held[item->n_held++];
        memset(held, 0, sizeof(*held));
        held->id = id;
        p->list[p->n_list++] = held;
    }
}


/* Whether two copies are of one person: each has the key of the other. */
static bool
plan_same(const directory_held_t *a, const directory_held_t *b)
{
    return directory_entry_has(a->entry, b->id)
           && directory_entry_has(b->entry, a->id);
}


static void
plan_wrong(directory_import_t *im, plan_item_t *item, const char *why)
{
    directory_wrong(im, item->person.line, "%s", why);
    item->person.skip = true;
}


/* Names both: who has the identifier, and whom the line is about. */
static void
plan_conflict(directory_import_t *im, plan_item_t *item,
    const directory_held_t *held)
{
    char       text[256];
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    (void) directory_entry_ids(held->entry, ids);
    (void) snprintf(text, sizeof(text), "%s: the directory has %.*s as an "
                    "identifier of another, %.*s", item->person.id,
                    (int) held->id.len, held->id.data, (int) ids[0].len,
                    ids[0].data);
    plan_wrong(im, item, text);
}


/* Finds the entry among what was fetched. */
static void
plan_find(directory_import_t *im, plan_item_t *item)
{
    unsigned           i;
    directory_held_t  *held;

    for (i = 0; i < item->n_held; i++) {
        held = &item->held[i];

        if (held->entry == NULL) {
            continue;
        }

        if (item->stored == NULL) {
            item->stored = held;
        }

        if (!plan_same(item->stored, held) && !item->person.skip) {
            plan_conflict(im, item, held);
        }
    }

    if (item->stored != NULL && directory_entry_published(item->stored->entry))
    {
        im->held++;
    }
}


static bool
plan_claims(directory_import_t *im, plan_item_t *item)
{
    unsigned   i;
    dmp_str_t  person;

    person = item->person.skip ? dmp_null_string : plan_id(item);

    for (i = 0; i < item->n_held; i++) {
        if (!directory_claim(im, item->held[i].id, person, item->person.line))
        {
            return false;
        }
    }

    return true;
}


/*
 * Removes the copies under identifiers that "kept" does not have: those that
 * the file names last, so that they still lead to the entry if it stops.
 */
static bool
plan_delete(directory_import_t *im, plan_item_t *item, const json_t *kept)
{
    unsigned           i;
    directory_held_t  *held;

    for (i = item->n_held; i > 0; i--) {
        held = &item->held[i - 1];

        if (held->entry != NULL && !directory_entry_has(kept, held->id)
            && !directory_plan_delete(im, held->id))
        {
            return false;
        }
    }

    return true;
}


static bool
plan_remove(directory_import_t *im, plan_item_t *item)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < item->n_held; i++) {
        n += item->held[i].entry != NULL;
    }

    if (n == 0) {
        im->unchanged++;
        return true;
    }

    return directory_plan_person(im, plan_id(item), DIRECTORY_REMOVE, n)
           && plan_delete(im, item, NULL);
}


static bool
plan_up_to_date(const directory_held_t *held, const char *text, size_t len)
{
    return held->text != NULL && held->len == len
           && memcmp(held->text, text, len) == 0;
}


/* Writes the copies that are there already, or those that are not. */
static bool
plan_copies(directory_import_t *im, plan_item_t *item, const json_t *entry,
    const char *text, size_t len, bool there)
{
    unsigned           i;
    directory_held_t  *held;

    for (i = 0; i < item->n_held; i++) {
        held = &item->held[i];

        if ((held->version != 0) == there
            && directory_entry_has(entry, held->id)
            && !plan_up_to_date(held, text, len)
            && !directory_plan_set(im, held->id, held->version, text, len))
        {
            return false;
        }
    }

    return true;
}


/*
 * What has to go goes first, and what is new comes last: stopped half way, no
 * copy is of another entry, and the import can be repeated.
 */
static bool
plan_write(directory_import_t *im, plan_item_t *item, const json_t *entry,
    const char *text, size_t len)
{
    unsigned           i, found, commands;
    dmp_str_t          ids[DMP_DIRECTORY_IDS];
    directory_held_t  *held;

    found = 0;
    commands = 0;

    for (i = 0; i < item->n_held; i++) {
        held = &item->held[i];

        if (directory_entry_has(entry, held->id)) {
            found++;
            commands += !plan_up_to_date(held, text, len);

        } else {
            commands += held->entry != NULL;
        }
    }

    if (found != directory_entry_ids(entry, ids)) {
        tool_error("%s: not all identifiers were looked up", item->person.id);
        return false;
    }

    if (commands == 0) {
        im->unchanged++;
        return true;
    }

    return directory_plan_person(im, plan_id(item), item->stored != NULL
                                 ? DIRECTORY_CHANGE : DIRECTORY_ADD, commands)
           && plan_delete(im, item, entry)
           && plan_copies(im, item, entry, text, len, true)
           && plan_copies(im, item, entry, text, len, false);
}


static bool
plan_item(directory_import_t *im, plan_item_t *item)
{
    bool          ok;
    char         *text;
    json_t       *entry;
    dmp_error_t   error;

    if (!item->person.skip && item->person.why[0] != '\0') {
        plan_wrong(im, item, item->person.why);
    }

    ok = true;

    if (item->person.skip) {
        /* it stays as it is */

    } else if (json_object_get(item->person.delta, "remove") != NULL) {
        ok = plan_remove(im, item);

    } else {
        text = directory_merge(item->stored, item->person.delta,
                               im->published, &entry, &error);

        if (text == NULL) {
            plan_wrong(im, item, error.text);

        } else {
            ok = plan_write(im, item, entry, text, strlen(text));
        }

        json_decref(entry);
        free(text);
    }

    return plan_claims(im, item) && ok;
}


static bool
plan_fetch(directory_import_t *im, plan_t *p)
{
    unsigned      j, n;
    size_t        i;
    dmp_str_t     ids[DMP_DIRECTORY_IDS];
    plan_item_t  *item;

    p->n_list = 0;

    for (i = 0; i < p->n; i++) {
        item = &p->items[i];
        plan_want(p, item, plan_id(item));
        n = directory_entry_ids(item->person.delta, ids);

        for (j = 0; j < n; j++) {
            plan_want(p, item, ids[j]);
        }

        item->n_named = item->n_held;
    }

    if (!directory_fetch(&im->store, &im->ring, p->list, p->n_list)) {
        return false;
    }

    p->n_list = 0;

    for (i = 0; i < p->n; i++) {
        item = &p->items[i];

        for (j = 0; j < item->n_named; j++) {
            if (item->held[j].entry != NULL) {
                break;
            }
        }

        if (j == item->n_named) {
            continue;
        }

        n = directory_entry_ids(item->held[j].entry, ids);

        for (j = 0; j < n; j++) {
            plan_want(p, item, ids[j]);
        }
    }

    return directory_fetch(&im->store, &im->ring, p->list, p->n_list);
}


static bool
plan_batch(directory_import_t *im, plan_t *p)
{
    bool      ok;
    size_t    i;
    unsigned  j;

    ok = directory_lock_keep(&im->lock) && plan_fetch(im, p);

    for (i = 0; i < p->n; i++) {
        if (ok) {
            plan_find(im, &p->items[i]);
            ok = plan_item(im, &p->items[i]);
        }

        for (j = 0; j < p->items[i].n_held; j++) {
            directory_held_free(&p->items[i].held[j]);
        }

        directory_person_free(&p->items[i].person);
    }

    p->persons += p->n;
    p->n = 0;
    tool_progress("%s: %llu entries compared", im->path,
                  (unsigned long long) p->persons);

    return ok;
}


static int
plan_all(directory_import_t *im, plan_t *p)
{
    int                  rc;
    bool                 ok;
    plan_item_t         *item;
    directory_persons_t  persons;

    memset(&persons, 0, sizeof(persons));
    ok = true;

    do {
        item = &p->items[p->n];
        memset(item, 0, sizeof(*item));
        rc = directory_person_next(im, &persons, &item->person);

        p->n += rc > 0;

        if (rc >= 0 && (rc == 0 || p->n == DIRECTORY_BATCH
                        || persons.taken > PLAN_TEXT))
        {
            ok = plan_batch(im, p);
            persons.taken = 0;
        }

    } while (ok && rc > 0);

    while (p->n > 0) {
        directory_person_free(&p->items[--p->n].person);
    }

    free(persons.record);

    return ok && rc == 0 ? TOOL_DONE : TOOL_FAILED;
}


int
directory_plan(directory_import_t *im)
{
    int      rc;
    plan_t  *p;

    im->plan = directory_temporary();
    im->claims = directory_sort_create(DIRECTORY_SORT_MEMORY);

    if (im->plan == NULL || im->claims == NULL) {
        (void) directory_failed();
        return TOOL_FAILED;
    }

    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    rc = plan_all(im, p);
    free(p);

    /* The lines are not needed any more. */
    directory_sort_free(im->rows);
    im->rows = NULL;

    return rc;
}
