/*
 * dmp_entry_read_int.h: the reader of an entry's body, shared by its values
 * and common members (dmp_entry_read.c) and those that each kind has
 * (dmp_entry_read_kinds.c).  After the first error nothing more is read.
 */

#ifndef DMP_ENTRY_READ_INT_H
#define DMP_ENTRY_READ_INT_H

#include <dmp/dmp_entry.h>
#include <dmp/dmp_scan.h>


typedef struct {
    dmp_scan_t    scan;
    bool          more;                  /* a member is at the cursor */
    dmp_str_t     name;                  /* its name */
    dmp_rc_t      rc;
    dmp_error_t  *error;
} dmp_entry_reader_t;

/* Says what is wrong, unless something was before; always false. */
bool dmp_entry_read_error(dmp_entry_reader_t *r, dmp_rc_t rc,
    const char *what, const char *name, size_t len);
bool dmp_entry_read_bad(dmp_entry_reader_t *r, const char *name);

/* Moves to the next member of the object. */
void dmp_entry_read_next(dmp_entry_reader_t *r);

/* Whether the member at the cursor is that one; "must": it has to be. */
bool dmp_entry_read_at(const dmp_entry_reader_t *r, const char *name);
bool dmp_entry_read_must(dmp_entry_reader_t *r, const char *name);

/* Enters an object that is a member, and stands on its first member. */
bool dmp_entry_read_enter(dmp_entry_reader_t *r, const char *name);

/* The object must end here. */
bool dmp_entry_read_last(dmp_entry_reader_t *r);

/* A member, with its name, and on to the next; "optional" may be missing. */
void dmp_entry_read_string(dmp_entry_reader_t *r, const char *name,
    dmp_str_t *out);
void dmp_entry_read_optional(dmp_entry_reader_t *r, const char *name,
    dmp_str_t *out);
void dmp_entry_read_uint(dmp_entry_reader_t *r, const char *name,
    uint64_t *out);
void dmp_entry_read_bytes(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len);
void dmp_entry_read_time(dmp_entry_reader_t *r, const char *name,
    int64_t *unix_ms);

/* A value at the cursor; name is for the error. */
bool dmp_entry_read_raw(dmp_entry_reader_t *r, const char *name,
    dmp_str_t *out);
bool dmp_entry_read_base64(dmp_entry_reader_t *r, const char *name,
    unsigned char *out, size_t len);

/* In a list: one more element, there must be one; a number; no more. */
bool dmp_entry_read_element(dmp_entry_reader_t *r, const char *name);
bool dmp_entry_read_number(dmp_entry_reader_t *r, const char *name,
    uint64_t *out);
bool dmp_entry_read_list_end(dmp_entry_reader_t *r, const char *name);

/* What stands after the common members, by view->kind; len: of the body. */
void dmp_entry_read_kind(dmp_entry_reader_t *r, size_t len,
    dmp_entry_view_t *view);

#endif
