/*
 * dmp_change_int.h: what the files that change a record, and tell of it,
 * share.
 */

#ifndef DMP_CHANGE_INT_H
#define DMP_CHANGE_INT_H

#include <dmp/dmp_change.h>


#define DMP_DAY_LEN  10


/* Appends "2026-11-22"; a year that has no such form fills the buffer. */
static inline void
dmp_buf_day(dmp_buf_t *b, int32_t day)
{
    char       text[32];
    dmp_buf_t  time;

    dmp_buf_init(&time, text, sizeof(text));
    dmp_buf_time(&time, (int64_t) day * 86400000);

    if (time.full) {
        b->full = true;
        return;
    }

    dmp_buf_add(b, text, DMP_DAY_LEN);
}


/* The end that an authorisation has. */
static inline int32_t
dmp_edit_until(const dmp_edit_t *edit)
{
    return (edit->request->until != 0)
           ? edit->request->until : edit->today + (int32_t) edit->days;
}

#endif
