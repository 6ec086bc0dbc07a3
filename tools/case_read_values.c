/*
 * case_read_values.c: the shapes that a case is made of: objects by a table
 * of their members, words of a closed list, texts, codes, days.  What is
 * wrong is named by its path; values are repeated only where they are words.
 */

#include <stdarg.h>
#include <stdio.h>

#include "case_int.h"


bool
case_error(case_reader_t *r, const char *path, const char *format, ...)
{
    int      n;
    va_list  args;

    n = snprintf(r->error->text, sizeof(r->error->text), "\"%s\": ", path);

    if (n < 0 || (size_t) n >= sizeof(r->error->text)) {
        return false;
    }

    va_start(args, format);
    (void) vsnprintf(r->error->text + n, sizeof(r->error->text) - (size_t) n,
                     format, args);
    va_end(args);

    return false;
}


bool
case_object(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *members, void *base)
{
    char                  name[CASE_PATH_MAX];
    json_t               *v;
    const char           *key;
    const case_member_t  *m;

    if (!json_is_object(value)) {
        return case_error(r, path, "not an object");
    }

    json_object_foreach(value, key, v) {
        (void) snprintf(name, sizeof(name), "%s%s%.60s", path,
                        path[0] != '\0' ? "." : "", key);

        for (m = members; m->name != NULL && strcmp(m->name, key) != 0; m++) {
            /* look for it */
        }

        if (m->name == NULL) {
            return case_error(r, name, "unknown member");
        }

        if (!m->read(r, name, v, m, (char *) base + m->offset)) {
            return false;
        }
    }

    return true;
}


static bool
case_string(case_reader_t *r, const char *path, json_t *value, dmp_str_t *out)
{
    *out = dmp_null_string;

    if (!json_is_string(value)) {
        return case_error(r, path, "not a text");
    }

    out->data = json_string_value(value);
    out->len = json_string_length(value);

    return true;
}


bool
case_text(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    return case_string(r, path, value, out);
}


static int
case_word(case_reader_t *r, const char *path, json_t *value,
    const dmp_names_t *names)
{
    int        n;
    dmp_str_t  text;

    text = dmp_null_string;

    if (!case_string(r, path, value, &text)) {
        return -1;
    }

    n = dmp_name_value(names, text);

    if (n < 0) {
        (void) case_error(r, path, "unknown word \"%.60s\"", text.data);
    }

    return n;
}


_Static_assert(sizeof(dmp_actor_t) == sizeof(unsigned),
               "enumerations are read as unsigned");

bool
case_name(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    int  n;

    n = case_word(r, path, value, m->names);

    if (n < 0) {
        return false;
    }

    *(unsigned *) out = (unsigned) n;

    return true;
}


bool
case_bits(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    int        n;
    char       name[CASE_PATH_MAX];
    size_t     i;
    unsigned  *bits;

    if (!json_is_array(value)) {
        return case_error(r, path, "not a list");
    }

    bits = out;
    *bits = 0;

    for (i = 0; i < json_array_size(value); i++) {
        (void) snprintf(name, sizeof(name), "%.130s[%zu]", path, i);
        n = case_word(r, name, json_array_get(value, i), m->names);

        if (n < 0) {
            return false;
        }

        *bits |= 1U << n;
    }

    return true;
}


bool
case_flag(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    if (!json_is_boolean(value)) {
        return case_error(r, path, "neither true nor false");
    }

    *(bool *) out = json_is_true(value);

    return true;
}


bool
case_code(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_code_t  *code;

    (void) m;
    code = out;

    if (json_array_size(value) != 2
        || !json_is_string(json_array_get(value, 0))
        || !json_is_string(json_array_get(value, 1)))
    {
        return case_error(r, path, "not a list of a system and a code");
    }

    return case_string(r, path, json_array_get(value, 0), &code->system)
           && case_string(r, path, json_array_get(value, 1), &code->code);
}


bool
case_day_parse(dmp_str_t text, int32_t *day)
{
    int64_t  sec;

    if (dmp_day_parse(text, day)) {
        return true;
    }

    if (!dmp_instant_parse(text, &sec)) {
        return false;
    }

    *day = dmp_day_paris(sec);

    return true;
}


bool
case_day(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_str_t  text;

    (void) m;
    text = dmp_null_string;

    if (!case_string(r, path, value, &text)) {
        return false;
    }

    if (!case_day_parse(text, out)) {
        return case_error(r, path, "neither a day nor an instant");
    }

    return true;
}


bool
case_texts(case_reader_t *r, const char *path, json_t *value,
    dmp_str_t *list, size_t max, unsigned *n)
{
    char    name[CASE_PATH_MAX];
    size_t  i;

    if (!json_is_array(value)) {
        return case_error(r, path, "not a list");
    }

    if (json_array_size(value) > max) {
        return case_error(r, path, "more than %zu elements", max);
    }

    for (i = 0; i < json_array_size(value); i++) {
        (void) snprintf(name, sizeof(name), "%.130s[%zu]", path, i);

        if (!case_string(r, name, json_array_get(value, i), &list[i])) {
            return false;
        }
    }

    *n = (unsigned) json_array_size(value);

    return true;
}
