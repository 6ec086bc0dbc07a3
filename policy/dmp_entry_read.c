/*
 * dmp_entry_read.c: reads an entry's body back, without a tree and without
 * forgiveness.  Members have one order and one form, so that two readers cannot
 * disagree about an entry, and a member nobody knows is an error.
 */

#include <stdio.h>

#include "dmp_entry_read_int.h"
#include "dmp_scan_bytes.h"
#include "dmp_scan_int.h"


/* "2026-11-22T03:06:48.123Z" */
#define READ_TIME_LEN  24

/* Days from the March of the year 0 to 1970. */
#define READ_DAY_ZERO  719468

/* Numbers that every reader of JSON takes back as they are (RFC 8259, 6). */
#define READ_UINT_MAX     (((uint64_t) 1 << 53) - 1)
#define READ_UINT_DIGITS  16

/* Where base64url (RFC 4648, 5) has no digit. */
#define READ_NO_DIGIT  64


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

    r->pos = r->end;

    return false;
}


/* What is wrong with the text itself, and where. */
static bool
read_stop(dmp_entry_reader_t *r, const unsigned char *p,
    dmp_scan_error_t error)
{
    const char  *what;

    /* It may well be JSON, in another form. */
    what = error == DMP_SCAN_SYNTAX ? "not the form of an entry"
                                    : dmp_scan_strerror(error);

    if (r->rc == DMP_OK) {
        r->rc = DMP_E_SYNTAX;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "%s at byte %zu of the body", what,
                        (size_t) (p - r->start));
    }

    r->pos = r->end;

    return false;
}


bool
dmp_entry_read_bad(dmp_entry_reader_t *r, const char *name)
{
    if (r->pos == r->end) {
        return read_stop(r, r->pos, DMP_SCAN_TRUNCATED);
    }

    return dmp_entry_read_error(r, DMP_E_SYNTAX, "wrong value of", name,
                                strlen(name));
}


/* The name of the member at the cursor, whatever it is. */
static bool
read_name(const dmp_entry_reader_t *r, dmp_str_t *name)
{
    const unsigned char  *p, *start;

    p = r->pos;

    if (r->end - p < 2 || (*p != ',' && *p != '{') || p[1] != '"') {
        return false;
    }

    start = p + 2;

    for (p = start; p < r->end && dmp_scan_is_plain(*p); p++) {
        /* void */
    }

    name->data = (const char *) start;
    name->len = (size_t) (p - start);

    return r->end - p >= 2 && p[0] == '"' && p[1] == ':';
}


bool
dmp_entry_read_missing(dmp_entry_reader_t *r, const char *name)
{
    dmp_str_t  other;

    if (r->rc != DMP_OK) {
        return false;
    }

    if (read_name(r, &other)) {
        r->rc = DMP_E_UNKNOWN;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "member \"%.*s\" where \"%s\" should be",
                        (int) (other.len < 60 ? other.len : 60), other.data,
                        name);
        r->pos = r->end;
        return false;
    }

    (void) dmp_entry_read_literal(r, "{");

    if (r->pos < r->end && *r->pos == '}') {
        return dmp_entry_read_error(r, DMP_E_SYNTAX, "missing member", name,
                                    strlen(name));
    }

    return read_stop(r, r->pos, r->pos == r->end ? DMP_SCAN_TRUNCATED
                                                 : DMP_SCAN_SYNTAX);
}


bool
dmp_entry_read_last(dmp_entry_reader_t *r)
{
    dmp_str_t  name;

    if (dmp_entry_read_literal(r, "}")) {
        return true;
    }

    if (read_name(r, &name)) {
        return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown member",
                                    name.data, name.len);
    }

    return read_stop(r, r->pos, r->pos == r->end ? DMP_SCAN_TRUNCATED
                                                 : DMP_SCAN_SYNTAX);
}


/* What a string has that is not ASCII: an escape or another character. */
static const unsigned char *
read_special(dmp_entry_reader_t *r, const unsigned char *p)
{
    size_t            n;
    uint32_t          code;
    dmp_scan_error_t  error;

    if (p == r->end) {
        (void) read_stop(r, p, DMP_SCAN_TRUNCATED);
        return NULL;
    }

    if (*p >= 0x80) {
        n = dmp_utf8_length(p, r->end);

        if (n == 0) {
            (void) read_stop(r, p, DMP_SCAN_ENCODING);
            return NULL;
        }

        return p + n;
    }

    error = *p == '\\' ? dmp_scan_escape(&p, r->end, &code) : DMP_SCAN_SYNTAX;

    if (error != DMP_SCAN_OK) {
        (void) read_stop(r, p, error);
        return NULL;
    }

    return p;
}


/* A string with more than plain ASCII in it, or at the body's end. */
static __attribute__((noinline)) bool
read_string(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    const unsigned char  *p, *start;

    *out = dmp_null_string;

    if (!dmp_entry_read_literal(r, "\"")) {
        return dmp_entry_read_bad(r, name);
    }

    start = r->pos;
    p = start;

    for ( ;; ) {
        p = dmp_scan_run(p, r->end);

        if (p < r->end && *p == '"') {
            break;
        }

        p = read_special(r, p);
        if (p == NULL) {
            return false;
        }
    }

    out->data = (const char *) start;
    out->len = (size_t) (p - start);
    r->pos = p + 1;

    return true;
}


bool
dmp_entry_value_string(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    const unsigned char  *p, *end;

    p = r->pos;
    end = p < r->end && *p == '"' ? dmp_entry_quote(p + 1, r->end) : NULL;

    if (end == NULL) {
        return read_string(r, name, out);
    }

    out->data = (const char *) p + 1;
    out->len = (size_t) (end - p) - 1;
    r->pos = end + 1;

    return true;
}


bool
dmp_entry_value_uint(dmp_entry_reader_t *r, const char *name, uint64_t *out)
{
    uint64_t              n, digit;
    const unsigned char  *p, *start, *end;

    start = r->pos;
    end = r->end - start > READ_UINT_DIGITS ? start + READ_UINT_DIGITS
                                            : r->end;

    for (p = start, n = 0; p < end; p++) {
        digit = (uint64_t) *p - '0';

        if (digit > 9) {
            break;
        }

        n = n * 10 + digit;
    }

    /* No leading zero, and neither a fraction nor an exponent. */
    if (p == start || (*start == '0' && p > start + 1) || n > READ_UINT_MAX
        || p == r->end || (*p != ',' && *p != ']' && *p != '}'))
    {
        return dmp_entry_read_bad(r, name);
    }

    *out = n;
    r->pos = p;

    return true;
}


bool
dmp_entry_value_true(dmp_entry_reader_t *r, const char *name, bool *out)
{
    *out = dmp_entry_read_literal(r, "true");

    return *out || dmp_entry_read_bad(r, name);
}


/*
 * Six bits of each digit.  What is no digit shows in the bit above them, once
 * for all: most are digits.
 */
#define X  READ_NO_DIGIT
#define READ_NONE_16  X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X

static const unsigned char  read_base64[256] = {
    READ_NONE_16, READ_NONE_16,
     X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, 62,  X,  X,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61,  X,  X,  X,  X,  X,  X,
     X,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,  X,  X,  X,  X, 63,
     X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,  X,  X,  X,  X,  X,
    READ_NONE_16, READ_NONE_16, READ_NONE_16, READ_NONE_16,
    READ_NONE_16, READ_NONE_16, READ_NONE_16, READ_NONE_16
};

#undef X


bool
dmp_entry_decode(const unsigned char *p, unsigned char *out, size_t len)
{
    unsigned  a, b, c, d, wrong;

#ifdef DMP_ENTRY_SSE2

    for ( ; len >= 12; len -= 12) {
        if (!dmp_entry_digits(p, out)) {
            return false;
        }

        p += 16;
        out += 12;
    }

#endif

    wrong = 0;

    for ( ; len >= 3; len -= 3) {
        a = read_base64[p[0]];
        b = read_base64[p[1]];
        c = read_base64[p[2]];
        d = read_base64[p[3]];
        wrong |= a | b | c | d;

        out[0] = (unsigned char) (a << 2 | b >> 4);
        out[1] = (unsigned char) (b << 4 | c >> 2);
        out[2] = (unsigned char) (c << 6 | d);

        p += 4;
        out += 3;
    }

    /* Bits left over would let several texts stand for the same bytes. */
    if (len > 0) {
        a = read_base64[p[0]];
        b = read_base64[p[1]];
        c = len == 2 ? read_base64[p[2]] : 0;
        wrong |= a | b | c;
        wrong |= (len == 2 ? c & 3 : b & 15) != 0 ? READ_NO_DIGIT : 0;

        out[0] = (unsigned char) (a << 2 | b >> 4);

        if (len == 2) {
            out[1] = (unsigned char) (b << 4 | c >> 2);
        }
    }

    return (wrong & READ_NO_DIGIT) == 0;
}


bool
dmp_entry_value_bytes(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len)
{
    size_t                digits;
    const unsigned char  *p;

    p = r->pos;
    digits = (len * 4 + 2) / 3;

    if ((size_t) (r->end - p) < digits + 2 || p[0] != '"'
        || p[digits + 1] != '"' || !dmp_entry_decode(p + 1, out, len))
    {
        return dmp_entry_read_bad(r, name);
    }

    r->pos = p + digits + 2;

    return true;
}


/* n digits; *wrong is left as it is, or set to true where one is none. */
static inline __attribute__((always_inline)) unsigned
read_number(const char *p, size_t n, bool *wrong)
{
    size_t    i;
    unsigned  digit, value;

    for (i = 0, value = 0; i < n; i++) {
        digit = (unsigned) (unsigned char) p[i] - '0';
        *wrong |= digit > 9;
        value = value * 10 + digit;
    }

    return value;
}


/*
 * As dmp_day_parse(), which is asked where a month might be too short, or the
 * date is none; the year begins in March here, too.
 */
static bool
read_day(const char *p, int32_t *day)
{
    bool      wrong;
    unsigned  year, month, date;

    wrong = p[4] != '-' || p[7] != '-';
    year = read_number(p, 4, &wrong);
    month = read_number(p + 5, 2, &wrong);
    date = read_number(p + 8, 2, &wrong);

    if (wrong || year < 1 || month < 1 || month > 12 || date < 1 || date > 28)
    {
        return dmp_day_parse((dmp_str_t) { p, 10 }, day);
    }

    year -= month < 3;
    month = month < 3 ? month + 9 : month - 3;
    *day = (int32_t) (year * 365 + year / 4 - year / 100 + year / 400
                      + (153 * month + 2) / 5 + date - 1) - READ_DAY_ZERO;

    return true;
}


static bool
read_time_text(const char *p, int64_t *unix_ms)
{
    bool      wrong;
    int32_t   day;
    unsigned  hour, minute, second, ms;

    wrong = p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[19] != '.'
            || p[23] != 'Z';
    hour = read_number(p + 11, 2, &wrong);
    minute = read_number(p + 14, 2, &wrong);
    second = read_number(p + 17, 2, &wrong);
    ms = read_number(p + 20, 3, &wrong);

    if (wrong || hour > 23 || minute > 59 || second > 59 || !read_day(p, &day))
    {
        return false;
    }

    *unix_ms = ((int64_t) day * 86400 + hour * 3600 + minute * 60 + second)
               * 1000 + ms;

    return true;
}


bool
dmp_entry_value_time(dmp_entry_reader_t *r, const char *name, int64_t *unix_ms)
{
    const unsigned char  *p;

    p = r->pos;

    if (r->end - p < READ_TIME_LEN + 2 || p[0] != '"'
        || p[READ_TIME_LEN + 1] != '"'
        || !read_time_text((const char *) p + 1, unix_ms))
    {
        return dmp_entry_read_bad(r, name);
    }

    r->pos = p + READ_TIME_LEN + 2;

    return true;
}


static bool
read_ack(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_read_must(r, "ack")
           && dmp_entry_value_mark(r, "ack", '[')
           && dmp_entry_value_uint(r, "ack", &view->ack_seq)
           && dmp_entry_value_mark(r, "ack", ',')
           && dmp_entry_value_bytes(r, "ack", view->ack, DMP_ACK_LEN)
           && dmp_entry_value_mark(r, "ack", ']');
}


static bool
read_kind(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    unsigned     i;
    dmp_str_t    text;
    const char  *name;

    if (dmp_entry_read_literal(r, ",\"kind\":\"access\"")) {
        view->kind = DMP_KIND_ACCESS;
        return true;
    }

    if (!dmp_entry_read_string(r, "kind", &text)) {
        return false;
    }

    for (i = DMP_KIND_NONE + 1; i < DMP_KIND_MAX; i++) {
        name = dmp_kind_name((dmp_kind_t) i);

        if (dmp_str_eq(text, (dmp_str_t) { name, strlen(name) })) {
            view->kind = (dmp_kind_t) i;
            return true;
        }
    }

    return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown kind", text.data,
                                text.len);
}


/* What most entries begin with is compared at once. */
static bool
read_format(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    uint64_t  format;

    format = 0;

    if (dmp_entry_read_literal(r, "{\"format\":1,\"kind\":\"access\"")) {
        view->kind = DMP_KIND_ACCESS;
        return true;
    }

    if (!dmp_entry_read_first(r, "format")
        || !dmp_entry_value_uint(r, "format", &format))
    {
        return false;
    }

    if (format != DMP_ENTRY_FORMAT) {
        return dmp_entry_read_bad(r, "format");
    }

    return read_kind(r, view);
}


static bool
read_place(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!read_format(r, view)
        || !dmp_entry_read_string(r, "writer", &view->writer)
        || !dmp_entry_read_uint(r, "epoch", &view->epoch)
        || !dmp_entry_read_uint(r, "seq", &view->seq)
        || !dmp_entry_read_bytes(r, "prev", view->prev, DMP_HASH_LEN)
        || !dmp_entry_read_uint(r, "bucket", &view->bucket)
        || !dmp_entry_read_time(r, "time", &view->time_ms)
        || !read_ack(r, view))
    {
        return false;
    }

    if (!dmp_entry_is_writer(view->writer)) {
        return dmp_entry_read_bad(r, "writer");
    }

    if (view->epoch == 0 || view->seq == 0) {
        return dmp_entry_read_bad(r, view->epoch == 0 ? "epoch" : "seq");
    }

    return true;
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
    r.error = error;
    r.start = (const unsigned char *) body;
    r.pos = r.start;
    r.end = len > 0 ? r.start + len : r.start;

    if (!read_place(&r, view) || !dmp_entry_read_kind(&r, view)
        || !dmp_entry_read_last(&r))
    {
        /* Each of them has said why; nothing passes because one did not. */
        (void) dmp_entry_read_bad(&r, "body");

    } else if (r.pos != r.end) {
        (void) read_stop(&r, r.pos, DMP_SCAN_TRAILING);
    }

    return r.rc;
}
