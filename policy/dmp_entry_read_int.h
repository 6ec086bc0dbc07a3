/*
 * dmp_entry_read_int.h: the reader of an entry's body, shared by its values
 * and common members (dmp_entry_read.c) and those that each kind has
 * (dmp_entry_read_kinds.c).  A body has one form, so it is compared with the
 * bytes that must come, and no table of names is kept.  After the first error
 * the cursor is at the end: nothing more is read.
 */

#ifndef DMP_ENTRY_READ_INT_H
#define DMP_ENTRY_READ_INT_H

#include <dmp/dmp_scan.h>

#include "dmp_entry_bytes.h"
#include "dmp_entry_int.h"


typedef struct {
    const unsigned char  *start;
    const unsigned char  *pos;
    const unsigned char  *end;
    dmp_rc_t              rc;
    dmp_error_t          *error;
} dmp_entry_reader_t;

/* Say what is wrong, unless something was before; always false. */
bool dmp_entry_read_error(dmp_entry_reader_t *r, dmp_rc_t rc,
    const char *what, const char *name, size_t len);
bool dmp_entry_read_bad(dmp_entry_reader_t *r, const char *name);

/* The member at the cursor is not "name", which must be here. */
bool dmp_entry_read_missing(dmp_entry_reader_t *r, const char *name);

/*
 * Passes that text if it is at the cursor.  Inline wherever it stands, since
 * the length is then known and no call is left.
 */
static inline __attribute__((always_inline)) bool
dmp_entry_read_text(dmp_entry_reader_t *r, const char *text, size_t len)
{
    if ((size_t) (r->end - r->pos) < len
        || !dmp_entry_same(r->pos, text, len))
    {
        return false;
    }

    r->pos += len;

    return true;
}

#define dmp_entry_read_literal(r, text)                                       \
    dmp_entry_read_text(r, text, sizeof(text) - 1)

/* A member's name, which is a literal: if it is there; it must be there. */
#define dmp_entry_read_at(r, name)                                            \
    dmp_entry_read_literal(r, ",\"" name "\":")

#define dmp_entry_read_must(r, name)                                          \
    (dmp_entry_read_at(r, name) || dmp_entry_read_missing(r, name))

/* The same of the first member of an object, with the object's bracket. */
#define dmp_entry_read_first_at(r, name)                                      \
    dmp_entry_read_literal(r, "{\"" name "\":")

#define dmp_entry_read_first(r, name)                                         \
    (dmp_entry_read_first_at(r, name) || dmp_entry_read_missing(r, name))

/*
 * len bytes from as many digits of base64url as they have; false if there is
 * anything else among these.  Then what is in out says nothing.
 */
bool dmp_entry_decode(const unsigned char *p, unsigned char *out, size_t len);

/* The object must end here. */
bool dmp_entry_read_last(dmp_entry_reader_t *r);

/* A value at the cursor; name is for the error. */
bool dmp_entry_value_string(dmp_entry_reader_t *r, const char *name,
    dmp_str_t *out);
bool dmp_entry_value_uint(dmp_entry_reader_t *r, const char *name,
    uint64_t *out);
bool dmp_entry_value_true(dmp_entry_reader_t *r, const char *name, bool *out);
bool dmp_entry_value_bytes(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len);
bool dmp_entry_value_time(dmp_entry_reader_t *r, const char *name,
    int64_t *unix_ms);

/*
 * A string that has len bytes, 16 or more, in all entries of ours: what comes
 * after it can be looked at before its end was found.
 */
static inline __attribute__((always_inline)) bool
dmp_entry_value_sized(dmp_entry_reader_t *r, const char *name, size_t len,
    dmp_str_t *out)
{
    const unsigned char  *p;

    p = r->pos;

    if ((size_t) (r->end - p) < len + 2 || p[0] != '"' || p[len + 1] != '"'
        || !dmp_entry_plain(p + 1, len))
    {
        return dmp_entry_value_string(r, name, out);
    }

    out->data = (const char *) p + 1;
    out->len = len;
    r->pos = p + len + 2;

    return true;
}

/* The string of len bytes that ends before the cursor; always true. */
static inline bool
dmp_entry_value_passed(const dmp_entry_reader_t *r, size_t len, dmp_str_t *out)
{
    out->data = (const char *) r->pos - len - 1;
    out->len = len;

    return true;
}

/* An object begins at the cursor, which stays there for its first member. */
static inline bool
dmp_entry_value_object(dmp_entry_reader_t *r, const char *name)
{
    return (r->pos < r->end && *r->pos == '{') || dmp_entry_read_bad(r, name);
}

/* One byte of punctuation that must come now. */
static inline bool
dmp_entry_value_mark(dmp_entry_reader_t *r, const char *name, char c)
{
    return dmp_entry_read_text(r, &c, 1) || dmp_entry_read_bad(r, name);
}

/*
 * In a list, whose bracket was passed: whether element i is at the cursor;
 * false behind the list, or on error.
 */
static inline bool
dmp_entry_value_more(dmp_entry_reader_t *r, const char *name, size_t i)
{
    if (dmp_entry_read_literal(r, "]")) {
        return false;
    }

    return i == 0 || dmp_entry_value_mark(r, name, ',');
}

/* A member, with its name and its value; "optional" may be missing. */
#define dmp_entry_read_string(r, name, out)                                   \
    (dmp_entry_read_must(r, name) && dmp_entry_value_string(r, name, out))

#define dmp_entry_read_optional(r, name, out)                                 \
    (!dmp_entry_read_at(r, name) || dmp_entry_value_string(r, name, out))

#define dmp_entry_read_sized(r, name, len, out)                               \
    (dmp_entry_read_must(r, name) && dmp_entry_value_sized(r, name, len, out))

/* The same, of which "value" is the most frequent one. */
#define dmp_entry_read_usual(r, name, value, out)                             \
    (dmp_entry_read_literal(r, ",\"" name "\":\"" value "\"")                 \
     ? dmp_entry_value_passed(r, sizeof(value) - 1, out)                      \
     : dmp_entry_read_string(r, name, out))

#define dmp_entry_read_uint(r, name, out)                                     \
    (dmp_entry_read_must(r, name) && dmp_entry_value_uint(r, name, out))

#define dmp_entry_read_bytes(r, name, out, len)                               \
    (dmp_entry_read_must(r, name) && dmp_entry_value_bytes(r, name, out, len))

#define dmp_entry_read_time(r, name, out)                                     \
    (dmp_entry_read_must(r, name) && dmp_entry_value_time(r, name, out))

/* What stands after the common members, by view->kind. */
bool dmp_entry_read_kind(dmp_entry_reader_t *r, dmp_entry_view_t *view);

#endif
