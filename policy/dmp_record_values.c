/*
 * dmp_record_values.c: values of a record's JSON, checked and copied into the
 * block that the compact record is.
 */

#include <stdarg.h>
#include <stdio.h>

#include "dmp_record_int.h"


dmp_rc_t
dmp_record_error(record_reader_t *r, dmp_rc_t rc, const char *format, ...)
{
    char     *p;
    va_list   args;

    va_start(args, format);
    (void) vsnprintf(r->error->text, sizeof(r->error->text), format, args);
    va_end(args);

    /* Names of unknown members are the caller's bytes. */
    for (p = r->error->text; *p != '\0'; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    return rc;
}


/* The block was measured for all of it: no more room is a fault of ours. */
void *
dmp_record_take(record_reader_t *r, size_t size, size_t align)
{
    char    *p;
    size_t   pad;

    pad = (size_t) (-(uintptr_t) r->next & (align - 1));

    if (size > (size_t) (r->end - r->next)
        || pad > (size_t) (r->end - r->next) - size)
    {
        return NULL;
    }

    p = r->next + pad;
    r->next = p + size;

    return p;
}


dmp_rc_t
dmp_record_copy(record_reader_t *r, const char *text, size_t len,
    dmp_str_t *out)
{
    char  *p;

    p = dmp_record_take(r, len, 1);
    if (p == NULL) {
        return dmp_record_error(r, DMP_E_INTERNAL,
                                "record larger than measured");
    }

    memcpy(p, text, len);
    out->data = p;
    out->len = len;

    return DMP_OK;
}


dmp_rc_t
dmp_record_string(record_reader_t *r, const char *path, json_t *value,
    size_t min,
    size_t max, dmp_str_t *out)
{
    size_t  len;

    if (!json_is_string(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s\" is not a string", path);
    }

    len = json_string_length(value);

    if (len < min) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is empty", path);
    }

    if (len > max) {
        return dmp_record_error(r, DMP_E_LIMIT,
                                "\"%s\" is longer than %zu bytes",
                                path, max);
    }

    if (out == NULL) {
        return DMP_OK;
    }

    return dmp_record_copy(r, json_string_value(value), len, out);
}


dmp_rc_t
dmp_record_day(record_reader_t *r, const char *path, json_t *value,
    int32_t *day)
{
    dmp_str_t  text;

    if (!json_is_string(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not a date", path);
    }

    text.data = json_string_value(value);
    text.len = json_string_length(value);

    if (!dmp_day_parse(text, day)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                            "\"%s\" is not a date (YYYY-MM-DD)", path);
    }

    return DMP_OK;
}


dmp_rc_t
dmp_record_flag(record_reader_t *r, const char *path, json_t *value, bool *out)
{
    if (!json_is_boolean(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not true or false",
                            path);
    }

    *out = json_is_true(value);

    return DMP_OK;
}
