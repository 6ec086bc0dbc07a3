/*
 * dmp_policy_json.c: values of the policy files by their type, and errors that
 * say where.  What the reader does not understand it refuses, since a word
 * that is silently ignored is a rule that does not hold.
 */

#include <stdarg.h>
#include <stdio.h>

#include <dmp/dmp_scan.h>

#include "dmp_policy_int.h"


void
dmp_policy_into(dmp_policy_reader_t *r, const char *member)
{
    if (r->depth < DMP_POLICY_DEPTH) {
        r->path[r->depth] = (dmp_policy_step_t) { member, 0 };
    }

    r->depth++;
}


void
dmp_policy_at(dmp_policy_reader_t *r, size_t index)
{
    if (r->depth < DMP_POLICY_DEPTH) {
        r->path[r->depth] = (dmp_policy_step_t) { NULL, index };
    }

    r->depth++;
}


void
dmp_policy_up(dmp_policy_reader_t *r)
{
    r->depth--;
}


/* The innermost member of the path: what an error calls the value. */
static const char *
dmp_policy_name(const dmp_policy_reader_t *r)
{
    size_t  i;

    for (i = r->depth; i > 0; i--) {
        if (r->path[i - 1].member != NULL) {
            return r->path[i - 1].member;
        }
    }

    return NULL;
}


/* "an element of " when the path ends in a list. */
static const char *
dmp_policy_of(const dmp_policy_reader_t *r)
{
    return (r->depth > 0 && r->path[r->depth - 1].member == NULL)
           ? "an element of " : "";
}


/* Moves the cursor from a value to one in it; *name is that of a member. */
static bool
dmp_policy_follow(dmp_scan_t *s, const dmp_policy_step_t *step,
    dmp_str_t *name)
{
    size_t  i;

    if (step->member != NULL) {
        if (!dmp_scan_object(s)) {
            return false;
        }

        while (dmp_scan_member(s, name)) {
            if (name->len == strlen(step->member)
                && memcmp(name->data, step->member, name->len) == 0)
            {
                return true;
            }

            if (!dmp_scan_skip(s, NULL)) {
                return false;
            }
        }

        return false;
    }

    if (!dmp_scan_array(s)) {
        return false;
    }

    for (i = 0; dmp_scan_element(s); i++) {
        if (i == step->index) {
            return true;
        }

        if (!dmp_scan_skip(s, NULL)) {
            return false;
        }
    }

    return false;
}


unsigned
dmp_policy_line(const dmp_policy_reader_t *r, size_t offset)
{
    size_t    i;
    unsigned  line;

    line = 1;

    for (i = 0; i < offset && i < r->file->text.len; i++) {
        line += r->file->text.data[i] == '\n';
    }

    return line;
}


/* The line on which the value stands that the path leads to. */
static unsigned
dmp_policy_here(const dmp_policy_reader_t *r)
{
    size_t      i;
    dmp_str_t   name = dmp_null_string;
    dmp_scan_t  s;

    dmp_scan_init(&s, r->file->text.data, r->file->text.len);

    for (i = 0; i < r->depth && i < DMP_POLICY_DEPTH; i++) {
        if (!dmp_policy_follow(&s, &r->path[i], &name)) {
            break;
        }
    }

    if (r->at_name && name.data != NULL) {
        return dmp_policy_line(r, (size_t) (name.data - r->file->text.data));
    }

    (void) dmp_scan_peek(&s);            /* past the blanks before it */

    return dmp_policy_line(r, dmp_scan_offset(&s));
}


/* For a terminal or a log: neither control characters nor broken UTF-8. */
static void
dmp_policy_clean(char *text)
{
    size_t          n;
    unsigned char  *p, *end;

    p = (unsigned char *) text;
    end = p + strlen(text);

    while (p < end) {
        n = dmp_utf8_length(p, end);

        if (n == 0 || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            *p = '?';
            n = 1;
        }

        p += n;
    }
}


static void __attribute__((format(printf, 4, 0)))
dmp_policy_tell(dmp_policy_reader_t *r, dmp_rc_t rc, unsigned line,
    const char *format, va_list args)
{
    r->rc = rc;
    r->error->line = line;

    (void) snprintf(r->error->file, sizeof(r->error->file), "%s",
                    r->file->name);
    (void) vsnprintf(r->error->text, sizeof(r->error->text), format, args);

    dmp_policy_clean(r->error->file);
    dmp_policy_clean(r->error->text);
}


void
dmp_policy_wrong(dmp_policy_reader_t *r, dmp_rc_t rc, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    dmp_policy_tell(r, rc, dmp_policy_here(r), format, args);
    va_end(args);
}


void
dmp_policy_wrong_line(dmp_policy_reader_t *r, dmp_rc_t rc, unsigned line,
    const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    dmp_policy_tell(r, rc, line, format, args);
    va_end(args);
}


dmp_policy_word_t
dmp_policy_word(dmp_str_t s)
{
    size_t             len;
    dmp_policy_word_t  word;

    len = s.len;

    if (len >= sizeof(word.text)) {
        len = sizeof(word.text) - sizeof("...");

        /* not within a character */

        while (len > 0 && ((unsigned char) s.data[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    (void) snprintf(word.text, sizeof(word.text), "%.*s%s", (int) len,
                    len != 0 ? s.data : "", len < s.len ? "..." : "");

    return word;
}


static bool
dmp_policy_not_so(dmp_policy_reader_t *r, const char *what, const char *name,
    const char *where)
{
    dmp_policy_word_t  word;

    word = dmp_policy_word((dmp_str_t) { name, strlen(name) });

    if (where == NULL) {
        return dmp_policy_error(r, "%s \"%s\"", what, word.text);
    }

    return dmp_policy_error(r, "%s \"%s\" in \"%s\"", what, word.text, where);
}


bool
dmp_policy_object(dmp_policy_reader_t *r, json_t *value,
    const char *const *names, size_t required)
{
    size_t       i;
    json_t      *member;
    const char  *name, *where;

    where = dmp_policy_name(r);

    if (!json_is_object(value)) {
        return dmp_policy_error(r, "%s\"%s\" is not an object",
                                dmp_policy_of(r), where ? where : "");
    }

    json_object_foreach(value, name, member) {

        for (i = 0; names[i] != NULL && strcmp(names[i], name) != 0; i++) {
            /* look for it */
        }

        if (names[i] == NULL) {
            dmp_policy_into(r, name);
            r->at_name = true;

            return dmp_policy_not_so(r, "unknown member", name, where);
        }
    }

    for (i = 0; i < required; i++) {
        if (json_object_get(value, names[i]) == NULL) {
            return dmp_policy_not_so(r, "no member", names[i], where);
        }
    }

    return true;
}


bool
dmp_policy_string(dmp_policy_reader_t *r, json_t *value, dmp_str_t *out)
{
    if (!json_is_string(value) || json_string_length(value) == 0) {
        return dmp_policy_error(r, "%s\"%s\" is not a non-empty string",
                                dmp_policy_of(r), dmp_policy_name(r));
    }

    if (json_string_length(value) > DMP_POLICY_STRING) {
        return dmp_policy_limit(r, "%s\"%s\" is longer than %d bytes",
                                dmp_policy_of(r), dmp_policy_name(r),
                                DMP_POLICY_STRING);
    }

    out->data = json_string_value(value);
    out->len = json_string_length(value);

    return true;
}


bool
dmp_policy_text(dmp_policy_reader_t *r, json_t *object, const char *member,
    dmp_str_t *out)
{
    dmp_policy_into(r, member);

    if (!dmp_policy_string(r, json_object_get(object, member), out)) {
        return false;
    }

    dmp_policy_up(r);
    return true;
}


bool
dmp_policy_choice(dmp_policy_reader_t *r, json_t *object, const char *member,
    const char *const *words, unsigned *out)
{
    char        known[96];
    unsigned    i;
    dmp_str_t   word;
    dmp_buf_t   b;

    if (json_object_get(object, member) == NULL) {
        return true;
    }

    dmp_policy_into(r, member);

    if (!dmp_policy_string(r, json_object_get(object, member), &word)) {
        return false;
    }

    dmp_buf_init(&b, known, sizeof(known) - 1);

    for (i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word.data) == 0) {
            dmp_policy_up(r);
            *out = i;
            return true;
        }

        dmp_buf_text(&b, i == 0 ? "\"" : words[i + 1] ? ", \"" : " or \"");
        dmp_buf_text(&b, words[i]);
        dmp_buf_text(&b, "\"");
    }

    known[b.len] = '\0';

    return dmp_policy_error(r, "\"%s\" is not a \"%s\": it is %s",
                            dmp_policy_word(word).text, member, known);
}


bool
dmp_policy_named(dmp_policy_reader_t *r, json_t *value,
    const dmp_names_t *names, const char *what, unsigned *out)
{
    int        found;
    dmp_str_t  word;

    if (!dmp_policy_string(r, value, &word)) {
        return false;
    }

    found = dmp_name_value(names, word);

    /* 0 is the value of what nobody named */

    if (found <= 0) {
        return dmp_policy_error(r, "\"%s\" is not a %s",
                                dmp_policy_word(word).text, what);
    }

    *out = (unsigned) found;

    return true;
}


bool
dmp_policy_bool(dmp_policy_reader_t *r, json_t *object, const char *member,
    bool *out)
{
    json_t  *value;

    value = json_object_get(object, member);

    if (value == NULL) {
        return true;
    }

    dmp_policy_into(r, member);

    if (!json_is_boolean(value)) {
        return dmp_policy_error(r, "\"%s\" is not true or false", member);
    }

    dmp_policy_up(r);
    *out = json_is_true(value);

    return true;
}


bool
dmp_policy_uint(dmp_policy_reader_t *r, json_t *object, const char *member,
    unsigned min, unsigned max, unsigned *out)
{
    json_t  *value;

    value = json_object_get(object, member);

    if (value == NULL) {
        return true;
    }

    dmp_policy_into(r, member);

    if (!json_is_integer(value) || json_integer_value(value) < min
        || json_integer_value(value) > max)
    {
        return dmp_policy_error(r, "\"%s\" is not a whole number of %u to %u",
                                member, min, max);
    }

    dmp_policy_up(r);
    *out = (unsigned) json_integer_value(value);

    return true;
}


bool
dmp_policy_code(dmp_policy_reader_t *r, json_t *value, dmp_code_t *out)
{
    static const char *const  members[] = { "system", "code", NULL };

    return dmp_policy_object(r, value, members, 2)
           && dmp_policy_text(r, value, "system", &out->system)
           && dmp_policy_text(r, value, "code", &out->code);
}


bool
dmp_policy_list(dmp_policy_reader_t *r, json_t *object, const char *member,
    size_t min, size_t max, json_t **list)
{
    size_t  n;

    *list = json_object_get(object, member);
    n = json_array_size(*list);          /* of another type: 0 */

    dmp_policy_into(r, member);

    if (!json_is_array(*list)) {
        return dmp_policy_error(r, "\"%s\" is not a list", member);
    }

    if (n < min) {
        return dmp_policy_error(r, "\"%s\" is an empty list", member);
    }

    if (n > max) {
        return dmp_policy_limit(r, "\"%s\" has %zu elements, more than %zu",
                                member, n, max);
    }

    return true;
}
