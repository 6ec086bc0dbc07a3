/*
 * case_int.h: between the files that read a case: members of objects by a
 * table, and the path of what is wrong.
 */

#ifndef TOOL_CASE_INT_H
#define TOOL_CASE_INT_H

#include <stddef.h>

#include "case.h"


#define CASE_PATH_MAX  160

typedef struct {
    const dmp_policy_t  *policy;
    case_t              *c;
    dmp_error_t         *error;
} case_reader_t;

typedef struct case_member_s  case_member_t;

/* Reads one value into what the member's offset points to. */
typedef bool (*case_read_pt)(case_reader_t *r, const char *path,
    json_t *value, const case_member_t *m, void *out);

struct case_member_s {
    const char         *name;
    case_read_pt        read;
    size_t              offset;
    const dmp_names_t  *names;           /* of case_name() and case_bits() */
};

#define CASE_END  { NULL, NULL, 0, NULL }

/* Writes the error, and is false. */
bool case_error(case_reader_t *r, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Every member by its line of the table; none that has no line. */
bool case_object(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *members, void *base);

/* Readers that tables name: of dmp_str_t, enum, unsigned, bool, code, day. */
bool case_text(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_name(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_bits(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_flag(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_code(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_day(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);

/* A list of at most max texts, and how many there are. */
bool case_texts(case_reader_t *r, const char *path, json_t *value,
    dmp_str_t *list, size_t max, unsigned *n);

/* The parts of a case; out is the case. */
bool case_subject(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_request(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);
bool case_document(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out);

#endif
