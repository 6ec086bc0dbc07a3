/*
 * directory_person.c: sorted lines, put together to what the file says of one
 * person: an extract has a row for each of their situations, our own files one
 * line.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


/* A row, as directory_read.c gives it to the sorter. */
enum {
    ROW_PERSON = 0,                      /* their identifier, or the main one */
    ROW_PROFESSION,                      /* system, code */
    ROW_ACTIVITY = ROW_PROFESSION + 2,   /* system, code */
    ROW_SECTOR = ROW_ACTIVITY + 2,
    ROW_SPECIALTY,
    ROW_STRUCTURE,
    ROW_IDS,                             /* all that it gives, its own first */
    ROW_LINE,
    ROW_FIELDS
};

/* What is being put together. */
typedef struct {
    directory_person_t  *person;
    json_t              *ids;
    json_t              *practices;
    char                 last[1024];     /* the situation before */
    size_t               last_len;
} person_t;


dmp_str_t
directory_cut(dmp_str_t *rest, char at)
{
    dmp_str_t    field;
    const char  *end;

    end = rest->len > 0 ? memchr(rest->data, at, rest->len) : NULL;
    field.data = rest->data;
    field.len = end != NULL ? (size_t) (end - rest->data) : rest->len;
    rest->data += field.len + (end != NULL);
    rest->len -= field.len + (end != NULL);

    return field;
}


static dmp_str_t
person_id(const char *record, size_t len)
{
    dmp_str_t  rest;

    rest = (dmp_str_t) { record, len };

    return directory_cut(&rest, '\t');
}


static void
person_why(person_t *p, const char *text)
{
    if (p->person->why[0] == '\0') {
        (void) snprintf(p->person->why, sizeof(p->person->why), "%s", text);
    }
}


static bool
person_string(json_t *list, dmp_str_t s)
{
    return json_array_append_new(list, json_stringn(s.data, s.len)) == 0;
}


static bool
person_add_id(person_t *p, dmp_str_t id)
{
    size_t       i;
    json_t      *held;

    for (i = 0; i < json_array_size(p->ids); i++) {
        held = json_array_get(p->ids, i);

        if (json_string_length(held) == id.len
            && memcmp(json_string_value(held), id.data, id.len) == 0)
        {
            return true;
        }
    }

    if (i == DMP_DIRECTORY_IDS) {
        person_why(p, "more than 5 identifiers of one person");
        return true;
    }

    return person_string(p->ids, id);
}


static bool
person_code(json_t *practice, const char *name, dmp_str_t system,
    dmp_str_t code)
{
    json_t  *pair;

    if (code.len == 0) {
        return true;
    }

    pair = json_array();

    if (!person_string(pair, system) || !person_string(pair, code)) {
        json_decref(pair);
        return false;
    }

    return json_object_set_new(practice, name, pair) == 0;
}


static json_t *
person_practice(const dmp_str_t f[ROW_FIELDS])
{
    bool     ok;
    json_t  *practice;

    practice = json_object();

    ok = practice != NULL
         && person_code(practice, "profession", f[ROW_PROFESSION],
                        f[ROW_PROFESSION + 1])
         && person_code(practice, "activity", f[ROW_ACTIVITY],
                        f[ROW_ACTIVITY + 1])
         && person_code(practice, "sector", dmp_string(EXTRACT_R02),
                        f[ROW_SECTOR])
         && person_code(practice, "specialty", dmp_string(EXTRACT_R01),
                        f[ROW_SPECIALTY]);

    if (ok && f[ROW_STRUCTURE].len > 0) {
        ok = json_object_set_new(practice, "structure",
                                 json_stringn(f[ROW_STRUCTURE].data,
                                              f[ROW_STRUCTURE].len)) == 0;
    }

    if (!ok) {
        json_decref(practice);
        return NULL;
    }

    return practice;
}


/* Unless it says nothing, or what the row before it said. */
static bool
person_add_practice(person_t *p, const dmp_str_t f[ROW_FIELDS])
{
    json_t  *practice;
    size_t   len;

    len = (size_t) (f[ROW_IDS].data - f[ROW_PROFESSION].data);

    if (len == p->last_len
        && memcmp(f[ROW_PROFESSION].data, p->last, len) == 0)
    {
        return true;
    }

    p->last_len = len < sizeof(p->last) ? len : 0;
    memcpy(p->last, f[ROW_PROFESSION].data, p->last_len);

    practice = person_practice(f);
    if (practice == NULL) {
        return false;
    }

    if (json_object_size(practice) == 0) {
        json_decref(practice);
        return true;
    }

    if (json_array_size(p->practices) == DMP_DIRECTORY_PRACTICES) {
        person_why(p, "more than 256 situations of one person");
        json_decref(practice);
        return true;
    }

    return json_array_append_new(p->practices, practice) == 0;
}


static void
person_line(person_t *p, dmp_str_t text)
{
    char    number[DIRECTORY_LINE_TEXT + 1];
    size_t  line;

    (void) snprintf(number, sizeof(number), "%.*s", (int) text.len, text.data);
    line = strtoul(number, NULL, 10);

    if (p->person->line == 0 || line < p->person->line) {
        p->person->line = line;
    }
}


static bool
person_row(person_t *p, const char *record, size_t len)
{
    bool       ok;
    size_t     i;
    dmp_str_t  rest, ids, f[ROW_FIELDS];

    rest = (dmp_str_t) { record, len };

    for (i = 0; i < ROW_FIELDS; i++) {
        f[i] = directory_cut(&rest, '\t');
    }

    if (dmp_str_eq(f[ROW_PROFESSION], dmp_string(DIRECTORY_ROW_WRONG))) {
        p->person->skip = true;
        return true;
    }

    person_line(p, f[ROW_LINE]);
    ids = f[ROW_IDS];
    ok = true;

    while (ok && ids.len > 0) {
        ok = person_add_id(p, directory_cut(&ids, ' '));
    }

    return ok && person_add_practice(p, f);
}


/* A line of ours; there should be just one. */
static bool
person_delta(person_t *p, const char *record, size_t len)
{
    char         text[128];
    size_t       line;
    dmp_str_t    rest;
    dmp_error_t  error;

    rest = (dmp_str_t) { record, len };
    (void) directory_cut(&rest, '\t');
    line = p->person->line;
    person_line(p, directory_cut(&rest, '\t'));

    if (line != 0) {
        (void) snprintf(text, sizeof(text),
                        "%s stands in more than one line of the file",
                        p->person->id);
        person_why(p, text);
        return true;
    }

    p->person->delta = directory_delta(rest.data, rest.len, &error);

    return p->person->delta != NULL;
}


/* Puts the rows together; without the column, identifiers stay as held. */
static bool
person_finish(directory_import_t *im, person_t *p)
{
    if (!im->published) {
        return true;
    }

    p->person->delta = json_pack("{s:s, s:O, s:O}", "kind", "person",
                                 "practices", p->practices, "ids", p->ids);

    if (p->person->delta == NULL || im->extract.others) {
        return p->person->delta != NULL;
    }

    return json_object_set_new(p->person->delta, "id",
                               json_string(p->person->id)) == 0;
}


/* Keeps the record that belongs to the next person. */
static bool
person_keep(directory_persons_t *all, const char *record, size_t len)
{
    char  *larger;

    if (len > all->size) {
        larger = realloc(all->record, len + 1024);

        if (larger == NULL) {
            return false;
        }

        all->record = larger;
        all->size = len + 1024;
    }

    memcpy(all->record, record, len);
    all->len = len;
    all->any = true;

    return true;
}


/* Takes all records of one person; rc as that of the function below. */
static int
person_take(directory_import_t *im, directory_persons_t *all, person_t *p)
{
    int          rc;
    bool         ok;
    size_t       len;
    dmp_str_t    id;
    const char  *record;

    rc = 0;
    id = person_id(all->record, all->len);
    (void) snprintf(p->person->id, sizeof(p->person->id), "%.*s",
                    (int) id.len, id.data);

    ok = im->published ? person_row(p, all->record, all->len)
                       : person_delta(p, all->record, all->len);
    all->any = false;
    all->taken += all->len;

    while (ok && (rc = directory_sort_next(im->rows, &record, &len)) > 0) {
        id = person_id(record, len);

        if (id.len != strlen(p->person->id)
            || memcmp(id.data, p->person->id, id.len) != 0)
        {
            ok = person_keep(all, record, len);
            break;
        }

        all->taken += len;
        ok = im->published ? person_row(p, record, len)
                           : person_delta(p, record, len);
    }

    if (ok && rc < 0) {
        (void) directory_failed();
        return -1;
    }

    if (!ok || !person_finish(im, p)) {
        tool_error("no memory");
        return -1;
    }

    return 1;
}


int
directory_person_next(directory_import_t *im, directory_persons_t *all,
    directory_person_t *person)
{
    int          rc;
    size_t       len;
    person_t     p;
    const char  *record;

    memset(person, 0, sizeof(*person));

    if (!all->any) {
        /* The very first one, or the end. */
        rc = directory_sort_next(im->rows, &record, &len);

        if (rc < 0) {
            (void) directory_failed();
            return -1;
        }

        if (rc == 0) {
            return 0;
        }

        if (!person_keep(all, record, len)) {
            tool_error("no memory");
            return -1;
        }
    }

    memset(&p, 0, sizeof(p));
    p.person = person;
    p.ids = json_array();
    p.practices = json_array();

    rc = person_take(im, all, &p);

    json_decref(p.ids);
    json_decref(p.practices);

    if (rc < 0) {
        directory_person_free(person);
    }

    return rc;
}


void
directory_person_free(directory_person_t *person)
{
    json_decref(person->delta);
    memset(person, 0, sizeof(*person));
}
