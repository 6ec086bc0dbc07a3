/*
 * dmp_record_int.h: the reader of a record's JSON, shared by its members
 * (dmp_record.c) and their values (dmp_record_values.c).
 */

#ifndef DMP_RECORD_INT_H
#define DMP_RECORD_INT_H

#include <jansson.h>

#include <dmp/dmp_record.h>


typedef struct {
    dmp_error_t  *error;
    char         *next;                  /* free part of the block */
    char         *end;
} record_reader_t;

typedef dmp_rc_t (*record_member_pt)(record_reader_t *r, const char *path,
    json_t *value, dmp_record_t *record);

typedef struct {
    const char        *name;
    record_member_pt   read;
} record_member_t;


/* Says why in r->error, without the record's own values, and returns rc. */
dmp_rc_t dmp_record_error(record_reader_t *r, dmp_rc_t rc, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* Room in the record's block; NULL is a fault of the measure. */
void *dmp_record_take(record_reader_t *r, size_t size, size_t align);
dmp_rc_t dmp_record_copy(record_reader_t *r, const char *text, size_t len,
    dmp_str_t *out);

/* A value of that type, or an error that names path. */
dmp_rc_t dmp_record_string(record_reader_t *r, const char *path,
    json_t *value, size_t min, size_t max, dmp_str_t *out);
dmp_rc_t dmp_record_day(record_reader_t *r, const char *path, json_t *value,
    int32_t *day);
dmp_rc_t dmp_record_flag(record_reader_t *r, const char *path, json_t *value,
    bool *out);

#endif
