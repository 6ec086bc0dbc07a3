/*
 * dmp_scan_step.h: the steps of the scanner, each at its place in the text.
 * Loops that pass over most of a text want all of them inside, which compilers
 * do not do for functions of several callers.
 */

#ifndef DMP_SCAN_STEP_H
#define DMP_SCAN_STEP_H

#include "dmp_scan_bytes.h"
#include "dmp_scan_int.h"


#define dmp_scan_inline  static inline __attribute__((always_inline))


/* Whether a value is next that begins with c; if not, who peeks knows why. */
dmp_scan_inline bool
dmp_scan_at(const dmp_scan_t *s, unsigned char c)
{
    return s->expect && s->error == DMP_SCAN_OK && s->pos != s->end
           && *s->pos == c;
}


/* The cursor goes to p, where a value is next or not; false on NULL. */
dmp_scan_inline bool
dmp_scan_move(dmp_scan_t *s, const unsigned char *p, bool expect)
{
    if (p == NULL) {
        return false;
    }

    s->pos = p;
    s->expect = expect;

    return true;
}


/*
 * Passes over the bytes of a string; p is behind its opening quote.  Returns
 * its closing quote.
 */
dmp_scan_inline const unsigned char *
dmp_scan_body(dmp_scan_t *s, const unsigned char *p, bool *escaped)
{
#ifdef DMP_SCAN_BLOCK

    dmp_scan_mask_t  mask;

    *escaped = false;

    while (p < s->block) {
        mask = dmp_scan_not_plain(p);

        if (mask == 0) {
            p += DMP_SCAN_BLOCK;
            continue;
        }

        p += dmp_scan_first(mask);

        if (*p == '"') {
            return p;
        }

        break;
    }

#endif

    p = dmp_scan_rest(s, p);
    *escaped = s->escaped;

    return p;
}


/* An object or array, with p on its bracket. */
dmp_scan_inline const unsigned char *
dmp_scan_enter(dmp_scan_t *s, const unsigned char *p, bool object)
{
    dmp_shape_t  *at, *learn;

    if (s->depth >= s->max_depth) {
        return dmp_scan_stop(s, p, DMP_SCAN_TOO_DEEP);
    }

    at = s->at[s->depth];
    learn = at == NULL ? s->learn[s->depth] : NULL;
    s->base[s->depth++] = (uint16_t) s->names;
    s->objects = s->objects << 1 | object;

    if (object) {
        at = at != NULL ? at->inside : learn != NULL ? learn->inside : NULL;
        learn = NULL;
    }

    s->at[s->depth] = at;
    s->learn[s->depth] = learn;

    return p + 1;
}


dmp_scan_inline const unsigned char *
dmp_scan_leave(dmp_scan_t *s, const unsigned char *p)
{
    s->objects >>= 1;
    s->names = s->base[--s->depth];

    return p + 1;
}


/*
 * After an opening: to the first member or element; or, with *more false, past
 * the closing.
 */
dmp_scan_inline const unsigned char *
dmp_scan_begin(dmp_scan_t *s, const unsigned char *p, unsigned char closing,
    bool *more)
{
    p = dmp_scan_space(p, s->end);
    *more = true;

    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    if (*p == closing) {
        *more = false;
        return dmp_scan_leave(s, p);
    }

    return p;
}


/*
 * After a value: past the comma to the next member or element; or, with *more
 * false, past the closing.
 */
dmp_scan_inline const unsigned char *
dmp_scan_next(dmp_scan_t *s, const unsigned char *p, unsigned char closing,
    bool *more)
{
    p = dmp_scan_space(p, s->end);
    *more = true;

    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    if (*p == ',') {
        return dmp_scan_space(p + 1, s->end);
    }

    if (*p == closing) {
        *more = false;
        return dmp_scan_leave(s, p);
    }

    return dmp_scan_stop(s, p, DMP_SCAN_SYNTAX);
}


/*
 * The names of all objects that are open stand on one way through the tree of
 * shapes, as far as they are in it: as long as any is known by its shape, they
 * cannot be too many.
 */
_Static_assert(DMP_SHAPES <= DMP_SCAN_NAMES, "known names are to be counted");


/*
 * The member at p, if it is among those remembered: its place in their tree;
 * else NULL.
 */
dmp_scan_inline dmp_shape_t *
dmp_scan_known(const dmp_scan_t *s, const unsigned char *p)
{
#ifdef DMP_SCAN_BLOCK

    dmp_shape_t  *at;

    at = s->at[s->depth];

    if (at == NULL || p >= s->shape) {
        return NULL;
    }

    for (at = at->next; at != NULL; at = at->sibling) {

        if ((dmp_scan_same(p, at->text) & at->care[0]) == at->care[0]
            && (at->len <= 16
                || (dmp_scan_same(p + 16, at->text + 16) & at->care[1])
                   == at->care[1]))
        {
            return at;
        }
    }

#else

    (void) s;
    (void) p;

#endif

    return NULL;
}


/* A member, which s->names counts from then on: from its name to its value. */
dmp_scan_inline const unsigned char *
dmp_scan_name(dmp_scan_t *s, const unsigned char *p, dmp_str_t *name)
{
    dmp_shape_t  *at;

    at = dmp_scan_known(s, p);

    if (at == NULL) {
        p = dmp_scan_new_name(s, p);

        if (p != NULL) {
            *name = s->name[s->names - 1];
        }

        return p;
    }

    s->at[s->depth] = at;
    s->names++;
    name->data = (const char *) (p + 1);
    name->len = at->len - 3;
    p += at->len;

    /* the text goes on: it is known not to be the end of it */

    return *p > ' ' ? p : dmp_scan_spaces(p, s->end);
}


/*
 * After a value of an object: to the value of its next member, or, with *more
 * false, past its closing.
 */
dmp_scan_inline const unsigned char *
dmp_scan_next_name(dmp_scan_t *s, const unsigned char *p, dmp_str_t *name,
    bool *more)
{
    /* at once, where nothing is between a comma and a name */

    if (p >= s->block || memcmp(p, ",\"", 2) != 0) {
        p = dmp_scan_next(s, p, '}', more);

        if (p == NULL || !*more) {
            return p;
        }

    } else {
        *more = true;
        p++;
    }

    return dmp_scan_name(s, p, name);
}


/* Into the object at p, to the value of its first member; or past it. */
dmp_scan_inline const unsigned char *
dmp_scan_first_name(dmp_scan_t *s, const unsigned char *p, dmp_str_t *name,
    bool *more)
{
    *more = false;
    p = dmp_scan_enter(s, p, true);

    if (p != NULL) {
        p = dmp_scan_begin(s, p, '}', more);
    }

    return p != NULL && *more ? dmp_scan_name(s, p, name) : p;
}


/* Into the array at p, to its first element; or past it. */
dmp_scan_inline const unsigned char *
dmp_scan_first_element(dmp_scan_t *s, const unsigned char *p, bool *more)
{
    *more = false;
    p = dmp_scan_enter(s, p, false);

    return p != NULL ? dmp_scan_begin(s, p, ']', more) : NULL;
}

#endif
