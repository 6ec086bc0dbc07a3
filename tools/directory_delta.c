/*
 * directory_delta.c: a line of ours: an object whose "id" or "ids" names a
 * person or a structure, and whose other members replace those of the entry
 * that is held: null removes one, what is left out stays.  An extract's person
 * is put into the same form.  Format: docs/directory.md.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_ids.h>

#include "directory_import.h"


static void __attribute__((format(printf, 2, 3)))
delta_error(dmp_error_t *error, const char *format, ...)
{
    char     *p;
    va_list   args;

    va_start(args, format);
    (void) vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    /* Names of members are the file's bytes. */
    for (p = error->text; *p != '\0'; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
}


unsigned
directory_delta_ids(const json_t *delta, dmp_str_t ids[DMP_DIRECTORY_IDS])
{
    json_t  *id;

    id = json_object_get(delta, "id");

    if (id != NULL) {
        ids[0].data = json_string_value(id);
        ids[0].len = json_string_length(id);
        return 1;
    }

    return directory_entry_ids(delta, ids);
}


/* The members of an entry that may be taken away. */
static bool
delta_optional(const char *name)
{
    size_t                    i;
    static const char *const  names[] = {
        "practices", "regulates", "notices", "sectors", "centre_15"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }

    return false;
}


static bool
delta_check_ids(const json_t *delta, dmp_error_t *error)
{
    json_t     *id, *ids;
    unsigned    i, j, n;
    dmp_str_t   list[DMP_DIRECTORY_IDS];

    id = json_object_get(delta, "id");
    ids = json_object_get(delta, "ids");

    if ((id == NULL) == (ids == NULL)) {
        delta_error(error, id == NULL ? "\"ids\" is missing"
                                      : "both \"id\" and \"ids\"");
        return false;
    }

    n = 0;

    if (id == NULL || json_is_string(id)) {
        n = directory_delta_ids(delta, list);
    }

    if (n == 0) {
        delta_error(error, id != NULL ? "\"id\" is not a string"
                    : "\"ids\" is not a list of 1 to %d strings",
                    DMP_DIRECTORY_IDS);
        return false;
    }

    for (i = 0; i < n; i++) {
        if (dmp_ps_id(list[i]) == DMP_PS_ID_NONE && !dmp_struct_id(list[i])) {
            delta_error(error, "\"%s\" is no identifier of a person "
                        "(PS_IdNat) nor of a structure (Struct_IdNat)",
                        json_string_value(id != NULL ? id
                                          : json_array_get(ids, i)));
            return false;
        }

        for (j = 0; j < i; j++) {
            if (dmp_str_eq(list[j], list[i])) {
                delta_error(error, "\"ids[%u]\" is given twice", i);
                return false;
            }
        }
    }

    return true;
}


static bool
delta_check_remove(const json_t *delta, dmp_error_t *error)
{
    size_t  names;

    /* itself, and one that names whom */
    names = json_object_get(delta, "kind") != NULL ? 3 : 2;

    if (!json_is_true(json_object_get(delta, "remove"))) {
        delta_error(error, "\"remove\" is not true");
        return false;
    }

    if (json_object_size(delta) != names) {
        delta_error(error, "\"remove\" and something else");
        return false;
    }

    return true;
}


/* Adds to entry what the delta says of it, and takes away what is null. */
static bool
delta_put(json_t *entry, json_t *delta, dmp_error_t *error)
{
    bool         ok;
    json_t      *value;
    const char  *name;

    json_object_foreach(delta, name, value) {
        if (strcmp(name, "id") == 0 || strcmp(name, "ids") == 0
            || strcmp(name, "remove") == 0)
        {
            continue;
        }

        if (!json_is_null(value)) {
            ok = json_object_set(entry, name, value) == 0;

        } else if (delta_optional(name)) {
            (void) json_object_del(entry, name);   /* may not be there */
            ok = true;

        } else {
            delta_error(error, "\"%s\" cannot be taken away", name);
            return false;
        }

        if (!ok) {
            delta_error(error, "no memory");
            return false;
        }
    }

    return true;
}


/*
 * The text of an entry, with its members in one order, if it is right; what is
 * held already was found right before.
 */
static char *
delta_text(const json_t *entry, const directory_held_t *held,
    dmp_error_t *error)
{
    char             *text;
    size_t            len;
    dmp_directory_t  *read;

    text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        delta_error(error, "no memory");
        return NULL;
    }

    len = strlen(text);

    if (held != NULL && held->len == len
        && memcmp(held->text, text, len) == 0)
    {
        return text;
    }

    if (dmp_directory_parse(text, len, &read, error) != DMP_OK) {
        free(text);
        return NULL;
    }

    dmp_directory_free(read);

    return text;
}


/* Without a kind: that which its members or its identifier can only mean. */
static const char *
delta_kind(const json_t *delta)
{
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    if (json_object_get(delta, "sectors") != NULL
        || json_object_get(delta, "centre_15") != NULL)
    {
        return "structure";
    }

    (void) directory_delta_ids(delta, ids);

    return dmp_ps_id(ids[0]) != DMP_PS_ID_NONE ? "person" : "structure";
}


/* What can be said of the line before the entry that it changes is known. */
static bool
delta_check_entry(json_t *delta, dmp_error_t *error)
{
    bool       ok;
    char      *text;
    json_t    *entry, *list;
    unsigned   i, n;
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    n = directory_delta_ids(delta, ids);
    list = json_array();
    entry = json_pack("{s:s, s:s, s:O}", "from", "local", "kind",
                      delta_kind(delta), "ids", list);
    ok = entry != NULL;

    for (i = 0; i < n && ok; i++) {
        ok = json_array_append_new(list, json_stringn(ids[i].data,
                                                      ids[i].len)) == 0;
    }

    if (!ok) {
        delta_error(error, "no memory");
    }

    ok = ok && delta_put(entry, delta, error);
    text = ok ? delta_text(entry, NULL, error) : NULL;
    ok = text != NULL;

    free(text);
    json_decref(entry);
    json_decref(list);

    return ok;
}


/* The library's own message would repeat the text. */
static json_t *
delta_load(const char *line, size_t len, dmp_error_t *error)
{
    json_t        *delta;
    json_error_t   where;

    if (len == 0 || memchr(line, '\0', len) != NULL) {
        delta_error(error, len == 0 ? "nothing" : "a NUL byte");
        return NULL;
    }

    delta = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where);

    if (delta == NULL) {
        delta_error(error, json_error_code(&where) == json_error_duplicate_key
                           ? "a member is given twice, at column %d"
                           : "not JSON at column %d", where.column);
        return NULL;
    }

    if (!json_is_object(delta)) {
        delta_error(error, "not an object");
        json_decref(delta);
        return NULL;
    }

    return delta;
}


json_t *
directory_delta(const char *line, size_t len, dmp_error_t *error)
{
    json_t  *delta;

    delta = delta_load(line, len, error);
    if (delta == NULL) {
        return NULL;
    }

    if (json_object_get(delta, "from") != NULL) {
        delta_error(error, "\"from\" is not for a file to say");

    } else if (delta_check_ids(delta, error)
               && (json_object_get(delta, "remove") != NULL
                   ? delta_check_remove(delta, error)
                   : delta_check_entry(delta, error)))
    {
        return delta;
    }

    json_decref(delta);

    return NULL;
}


static bool
delta_append(json_t *list, dmp_str_t id)
{
    return json_array_append_new(list, json_stringn(id.data, id.len)) == 0;
}


/*
 * An extract gives all identifiers but those of structures' own registers;
 * those that stay keep their order, so that nothing changes by itself.
 */
static json_t *
delta_merge_ids(const json_t *held, const json_t *delta, bool published)
{
    bool       ok;
    json_t    *list;
    unsigned   i, n;
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    if (json_object_get(delta, "id") != NULL && held != NULL) {
        return json_incref(json_object_get(held, "ids"));
    }

    list = json_array();
    ok = list != NULL;

    n = published && held != NULL ? directory_entry_ids(held, ids) : 0;

    for (i = 0; i < n && ok; i++) {
        if (dmp_ps_id(ids[i]) == DMP_PS_ID_INTERNAL
            || directory_entry_has(delta, ids[i]))
        {
            ok = delta_append(list, ids[i]);
        }
    }

    n = directory_delta_ids(delta, ids);

    for (i = 0; i < n && ok; i++) {
        if (!published || held == NULL || !directory_entry_has(held, ids[i])) {
            ok = delta_append(list, ids[i]);
        }
    }

    if (!ok) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static bool
delta_same_kind(const json_t *held, const json_t *delta, dmp_error_t *error)
{
    json_t  *before, *now;

    before = json_object_get(held, "kind");
    now = json_object_get(delta, "kind");

    if (held == NULL && now == NULL) {
        delta_error(error, "\"kind\" is missing, and there is no entry yet");
        return false;
    }

    if (held != NULL && now != NULL && !json_equal(before, now)) {
        delta_error(error, "the directory has a %s under that identifier",
                    json_is_string(before) ? json_string_value(before) : "?");
        return false;
    }

    return true;
}


char *
directory_merge(const directory_held_t *held, json_t *delta, bool published,
    json_t **out, dmp_error_t *error)
{
    char        *text;
    json_t      *before, *entry, *ids;
    const char  *from;

    *out = NULL;
    before = held != NULL ? held->entry : NULL;

    if (!delta_same_kind(before, delta, error)) {
        return NULL;
    }

    from = published || directory_entry_published(before) ? "annuaire"
                                                          : "local";
    entry = before != NULL ? json_copy(before) : json_object();
    ids = delta_merge_ids(before, delta, published);
    text = NULL;

    if (entry == NULL || ids == NULL
        || json_object_set(entry, "ids", ids) != 0
        || json_object_set_new(entry, "from", json_string(from)) != 0)
    {
        delta_error(error, "no memory");

    } else if (delta_put(entry, delta, error)) {
        text = delta_text(entry, held, error);
    }

    json_decref(ids);

    if (text == NULL) {
        json_decref(entry);
        return NULL;
    }

    *out = entry;

    return text;
}
