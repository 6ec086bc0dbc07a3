/*
 * dmp_entry_read.c: reads an entry's body back, without a tree and without
 * forgiveness.  Members have one order, so that two readers cannot disagree
 * about an entry, and a member nobody knows is an error.
 */

#include <stdio.h>

#include "dmp_entry_read_int.h"


/* "2026-11-22T03:06:48.123Z" */
#define READ_TIME_LEN  24


/* Keeps the first error. */
bool
dmp_entry_read_error(dmp_entry_reader_t *r, dmp_rc_t rc, const char *what,
    const char *name, size_t len)
{
    if (r->rc == DMP_OK) {
        r->rc = rc;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "%s \"%.*s\"", what, (int) (len < 60 ? len : 60),
                        name);
    }

    return false;
}


bool
dmp_entry_read_bad(dmp_entry_reader_t *r, const char *name)
{
    if (r->scan.error != DMP_SCAN_OK && r->scan.error != DMP_SCAN_UNEXPECTED
        && r->rc == DMP_OK)
    {
        r->rc = DMP_E_SYNTAX;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "%s at byte %zu of the body",
                        dmp_scan_strerror(r->scan.error),
                        dmp_scan_offset(&r->scan));
        return false;
    }

    return dmp_entry_read_error(r, DMP_E_SYNTAX, "wrong value of", name,
                                strlen(name));
}


void
dmp_entry_read_next(dmp_entry_reader_t *r)
{
    r->more = r->rc == DMP_OK && dmp_scan_member(&r->scan, &r->name);

    if (!r->more && r->scan.error != DMP_SCAN_OK) {
        (void) dmp_entry_read_bad(r, "body");
    }
}


bool
dmp_entry_read_at(const dmp_entry_reader_t *r, const char *name)
{
    return r->more && r->rc == DMP_OK && r->name.len == strlen(name)
           && memcmp(r->name.data, name, r->name.len) == 0;
}


bool
dmp_entry_read_must(dmp_entry_reader_t *r, const char *name)
{
    if (r->rc != DMP_OK) {
        return false;
    }

    if (!dmp_entry_read_at(r, name)) {
        if (r->more) {
            (void) snprintf(r->error->text, sizeof(r->error->text),
                            "member \"%.*s\" where \"%s\" should be",
                            (int) (r->name.len < 60 ? r->name.len : 60),
                            r->name.data, name);
            r->rc = DMP_E_UNKNOWN;
            return false;
        }

        return dmp_entry_read_error(r, DMP_E_SYNTAX, "missing member", name,
                                    strlen(name));
    }

    return true;
}


bool
dmp_entry_read_last(dmp_entry_reader_t *r)
{
    if (r->rc == DMP_OK && r->more) {
        return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown member",
                                    r->name.data, r->name.len);
    }

    return r->rc == DMP_OK;
}


bool
dmp_entry_read_raw(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    dmp_scan_string_t  s;

    *out = dmp_null_string;

    if (!dmp_scan_string(&r->scan, &s)) {
        return dmp_entry_read_bad(r, name);
    }

    *out = s.raw;

    return true;
}


void
dmp_entry_read_string(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    if (dmp_entry_read_must(r, name) && dmp_entry_read_raw(r, name, out)) {
        dmp_entry_read_next(r);
    }
}


void
dmp_entry_read_optional(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    if (dmp_entry_read_at(r, name)) {
        dmp_entry_read_string(r, name, out);
    }
}


void
dmp_entry_read_uint(dmp_entry_reader_t *r, const char *name, uint64_t *out)
{
    if (!dmp_entry_read_must(r, name)) {
        return;
    }

    if (!dmp_scan_uint(&r->scan, out)) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    dmp_entry_read_next(r);
}


bool
dmp_entry_read_base64(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len)
{
    dmp_str_t  text;

    return dmp_entry_read_raw(r, name, &text)
           && (dmp_base64url_decode(text, out, len)
               || dmp_entry_read_bad(r, name));
}


void
dmp_entry_read_bytes(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len)
{
    if (dmp_entry_read_must(r, name)
        && dmp_entry_read_base64(r, name, out, len))
    {
        dmp_entry_read_next(r);
    }
}


static bool
read_digits(const char *p, size_t n, int *out)
{
    int  value;

    value = 0;

    while (n-- > 0) {
        if (*p < '0' || *p > '9') {
            return false;
        }

        value = value * 10 + (*p++ - '0');
    }

    *out = value;

    return true;
}


static bool
read_time_text(dmp_str_t text, int64_t *unix_ms)
{
    int          hour, minute, second, ms;
    int32_t      day;
    const char  *p;

    p = text.data;

    if (text.len != READ_TIME_LEN
        || p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[19] != '.'
        || p[23] != 'Z'
        || !dmp_day_parse((dmp_str_t) { p, 10 }, &day)
        || !read_digits(p + 11, 2, &hour) || hour > 23
        || !read_digits(p + 14, 2, &minute) || minute > 59
        || !read_digits(p + 17, 2, &second) || second > 59
        || !read_digits(p + 20, 3, &ms))
    {
        return false;
    }

    *unix_ms = ((int64_t) day * 86400 + hour * 3600 + minute * 60 + second)
               * 1000 + ms;

    return true;
}


void
dmp_entry_read_time(dmp_entry_reader_t *r, const char *name, int64_t *unix_ms)
{
    dmp_str_t  text;

    if (!dmp_entry_read_must(r, name) || !dmp_entry_read_raw(r, name, &text)) {
        return;
    }

    if (!read_time_text(text, unix_ms)) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    dmp_entry_read_next(r);
}


bool
dmp_entry_read_element(dmp_entry_reader_t *r, const char *name)
{
    return dmp_scan_element(&r->scan) || dmp_entry_read_bad(r, name);
}


bool
dmp_entry_read_list_end(dmp_entry_reader_t *r, const char *name)
{
    if (dmp_scan_element(&r->scan) || r->scan.error != DMP_SCAN_OK) {
        return dmp_entry_read_bad(r, name);
    }

    return true;
}


bool
dmp_entry_read_number(dmp_entry_reader_t *r, const char *name, uint64_t *out)
{
    return dmp_entry_read_element(r, name)
           && (dmp_scan_uint(&r->scan, out) || dmp_entry_read_bad(r, name));
}


static void
read_ack(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (dmp_entry_read_must(r, "ack")
        && (dmp_scan_array(&r->scan) || dmp_entry_read_bad(r, "ack"))
        && dmp_entry_read_number(r, "ack", &view->ack_seq)
        && dmp_entry_read_element(r, "ack")
        && dmp_entry_read_base64(r, "ack", view->ack, DMP_HASH_LEN)
        && dmp_entry_read_list_end(r, "ack"))
    {
        dmp_entry_read_next(r);
    }
}


bool
dmp_entry_read_enter(dmp_entry_reader_t *r, const char *name)
{
    if (!dmp_entry_read_must(r, name)) {
        return false;
    }

    if (!dmp_scan_object(&r->scan)) {
        return dmp_entry_read_bad(r, name);
    }

    dmp_entry_read_next(r);

    return r->rc == DMP_OK;
}


static void
read_kind(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    unsigned    i;
    dmp_str_t   text;
    const char *name;

    text = dmp_null_string;
    dmp_entry_read_string(r, "kind", &text);

    for (i = DMP_KIND_NONE + 1; i < DMP_KIND_MAX && r->rc == DMP_OK; i++) {
        name = dmp_kind_name((dmp_kind_t) i);

        if (dmp_str_eq(text, (dmp_str_t) { name, strlen(name) })) {
            view->kind = (dmp_kind_t) i;
            return;
        }
    }

    (void) dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown kind", text.data,
                                text.len);
}


static void
read_place(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    uint64_t  format;

    format = 0;
    dmp_entry_read_uint(r, "format", &format);

    if (r->rc == DMP_OK && format != DMP_ENTRY_FORMAT) {
        (void) dmp_entry_read_bad(r, "format");
    }

    read_kind(r, view);
    dmp_entry_read_string(r, "writer", &view->writer);
    dmp_entry_read_uint(r, "epoch", &view->epoch);
    dmp_entry_read_uint(r, "seq", &view->seq);
    dmp_entry_read_bytes(r, "prev", view->prev, DMP_HASH_LEN);
    dmp_entry_read_uint(r, "bucket", &view->bucket);
    dmp_entry_read_time(r, "time", &view->time_ms);
    read_ack(r, view);

    if (r->rc == DMP_OK
        && (view->writer.len == 0 || view->writer.len > DMP_WRITER_MAX
            || memchr(view->writer.data, '\\', view->writer.len) != NULL))
    {
        (void) dmp_entry_read_bad(r, "writer");
    }

    if (r->rc == DMP_OK && (view->epoch == 0 || view->seq == 0)) {
        (void) dmp_entry_read_bad(r, view->epoch == 0 ? "epoch" : "seq");
    }
}


dmp_rc_t
dmp_entry_parse(const char *body, size_t len, dmp_entry_view_t *view,
    dmp_error_t *error)
{
    dmp_entry_reader_t  r;

    /* The heads are large, and written before they are counted. */
    memset(view, 0, offsetof(dmp_entry_view_t, heads));
    memset(view->signature, 0, sizeof(view->signature));
    view->signed_len = 0;

    error->line = 0;
    error->text[0] = '\0';

    if (len > DMP_SUMMARY_MAX) {
        (void) snprintf(error->text, sizeof(error->text),
                        "%zu bytes, an entry has %d at most", len,
                        DMP_SUMMARY_MAX);
        return DMP_E_LIMIT;
    }

    r.rc = DMP_OK;
    r.more = false;
    r.name = dmp_null_string;
    r.error = error;

    dmp_scan_init(&r.scan, body, len);

    if (!dmp_scan_object(&r.scan)) {
        (void) dmp_entry_read_bad(&r, "body");
        return r.rc;
    }

    dmp_entry_read_next(&r);
    read_place(&r, view);

    if (r.rc == DMP_OK) {
        dmp_entry_read_kind(&r, len, view);
    }

    if (dmp_entry_read_last(&r) && !dmp_scan_end(&r.scan)) {
        (void) dmp_entry_read_bad(&r, "body");
    }

    return r.rc;
}
