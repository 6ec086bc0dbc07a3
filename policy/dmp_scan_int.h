/*
 * dmp_scan_int.h: what the files of the scanner share.
 */

#ifndef DMP_SCAN_INT_H
#define DMP_SCAN_INT_H

#include <dmp/dmp_scan.h>


/*
 * Reads an escape, with *p on its backslash, and moves past it; on error *p
 * is where it went wrong.
 */
dmp_scan_error_t dmp_scan_escape(const unsigned char **p,
    const unsigned char *end, uint32_t *code);

/* dmp_scan_remember(), by the shapes that another scan is using. */
void dmp_scan_follow(dmp_scan_t *s, const dmp_scan_t *other);

/*
 * The objects in the value that the cursor is in, before their first member;
 * NULL if that is not remembered.
 */
dmp_shape_t *dmp_shape_root(dmp_scan_t *s);

/* The member of that name after "before", from now on; NULL without room. */
dmp_shape_t *dmp_shape_after(dmp_shapes_t *shapes, dmp_shape_t *before,
    dmp_str_t name, uint32_t hash);


/*
 * The functions below, and those of dmp_scan_step.h, take the place where
 * they begin and return the one where they end, or NULL on error: most of a
 * text is passed over by loops that never have to store the cursor.
 */

/* The first error stays. */
const unsigned char *dmp_scan_stop(dmp_scan_t *s, const unsigned char *p,
    dmp_scan_error_t error);

/* What stands at p is not what must: or the text ends before it. */
const unsigned char *dmp_scan_stop_at(dmp_scan_t *s, const unsigned char *p);

/*
 * The rest of a string, in which p is: its closing quote.  s->escaped says
 * whether there was an escape.
 */
const unsigned char *dmp_scan_rest(dmp_scan_t *s, const unsigned char *p);

/* A number, or one of the three words. */
const unsigned char *dmp_scan_scalar(dmp_scan_t *s, const unsigned char *p);

/*
 * A member's name that is not among those remembered, with p where its quote
 * must be: to its value.  It is the last one of s->name then.
 */
const unsigned char *dmp_scan_new_name(dmp_scan_t *s, const unsigned char *p);

/* Any value, with all that is in it. */
const unsigned char *dmp_scan_over(dmp_scan_t *s, const unsigned char *p);

#endif
