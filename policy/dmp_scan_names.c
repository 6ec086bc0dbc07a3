/*
 * dmp_scan_names.c: the names of members, none of which may come twice in one
 * object.  Few are compared with each; where an object has many they are kept
 * sorted, so that no choice of names makes n of them cost n times n
 * comparisons.  And those that are known by their shape, as long as they are.
 */

#include "dmp_scan_step.h"


/*
 * A fingerprint of a name, whose text goes on to end.  It is whole for up to
 * 16 bytes, and longer names that share both ends are only slower to compare.
 */
static inline uint32_t
dmp_scan_hash(const char *data, size_t len, const unsigned char *end)
{
    uint64_t  a, b, mask;

    static const unsigned char  masks[32] = {
        255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255
    };

    if (len > 16) {
        memcpy(&a, data, 8);
        memcpy(&b, data + len - 8, 8);

    } else if (end - (const unsigned char *) data >= 16) {

        /* one way for all lengths: a branch would be guessed wrong often */

        memcpy(&mask, masks + 16 - len, 8);
        memcpy(&a, data, 8);
        a &= mask;

        memcpy(&mask, masks + 24 - len, 8);
        memcpy(&b, data + 8, 8);
        b &= mask;

    } else {
        a = 0;
        b = 0;
        memcpy(&a, data, len < 8 ? len : 8);
        memcpy(&b, data + (len < 8 ? len : 8), len < 8 ? 0 : len - 8);
    }

    a = ((a ^ len) * 0x9e3779b97f4a7c15u + b) * 0xc2b2ae3d27d4eb4fu;

    return (uint32_t) (a >> 32);
}


/* Orders two names of the table by fingerprint, length and bytes. */
static int
dmp_scan_compare(const dmp_scan_t *s, size_t i, size_t j)
{
    if (s->hash[i] != s->hash[j]) {
        return s->hash[i] < s->hash[j] ? -1 : 1;
    }

    if (s->name[i].len != s->name[j].len) {
        return s->name[i].len < s->name[j].len ? -1 : 1;
    }

    return s->name[i].len == 0
           ? 0 : memcmp(s->name[i].data, s->name[j].data, s->name[i].len);
}


/*
 * Puts the name at "index" in its place among the n sorted ones of its
 * object; false if it is there already.
 */
static bool
dmp_scan_place(dmp_scan_t *s, size_t base, size_t n, size_t index)
{
    int        rc;
    size_t     low, high, middle;
    uint16_t  *order;

    order = s->order + base;
    low = 0;
    high = n;

    while (low < high) {
        middle = (low + high) / 2;
        rc = dmp_scan_compare(s, index, order[middle]);

        if (rc == 0) {
            return false;
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    memmove(order + low + 1, order + low, (n - low) * sizeof(uint16_t));
    order[low] = (uint16_t) index;

    return true;
}


/* To be asked of each name of an object from DMP_SCAN_FEW on. */
static bool
dmp_scan_is_new_of_many(dmp_scan_t *s, size_t base, size_t index)
{
    size_t  i;

    if (index - base == DMP_SCAN_FEW) {
        for (i = base; i < index; i++) {
            (void) dmp_scan_place(s, base, i - base, i);    /* known new */
        }
    }

    return dmp_scan_place(s, base, index - base, index);
}


/* Whether the name at "index", the newest, is new in its object. */
static inline bool
dmp_scan_is_new(dmp_scan_t *s, size_t base, size_t index)
{
    size_t    i;
    uint32_t  hash;
    uint64_t  bit;

    if (index - base >= DMP_SCAN_FEW) {
        return dmp_scan_is_new_of_many(s, base, index);
    }

    hash = s->hash[index];
    bit = (uint64_t) 1 << (hash & 63);

    /* most often no earlier name can be the same, by one bit of each */

    if (!(s->seen[s->depth - 1] & bit)) {
        s->seen[s->depth - 1] |= bit;
        return true;
    }

    for (i = base; i < index; i++) {
        if (s->hash[i] == hash && dmp_scan_compare(s, i, index) == 0) {
            return false;
        }
    }

    return true;
}


/* Puts the known names of the object into the table, for one that is not. */
static void
dmp_scan_unfold(dmp_scan_t *s, size_t base)
{
    size_t        i;
    dmp_shape_t  *at;

    at = s->at[s->depth];

    for (i = s->names; i > base; i--, at = at->before) {
        s->name[i - 1].data = (const char *) at->text + 1;
        s->name[i - 1].len = at->len - 3;
        s->hash[i - 1] = at->hash;
        s->seen[s->depth - 1] |= (uint64_t) 1 << (at->hash & 63);
    }
}


/*
 * Before a name that is not known by its shape: from here on the names of the
 * object are in the table, and what is remembered grows by them.
 */
static void
dmp_scan_begin_table(dmp_scan_t *s, size_t base)
{
    if (s->at[s->depth] != NULL) {
        s->seen[s->depth - 1] = 0;
        dmp_scan_unfold(s, base);
        s->learn[s->depth] = s->at[s->depth];
        s->at[s->depth] = NULL;

    } else if (s->names == base) {
        s->seen[s->depth - 1] = 0;

        if (s->shapes != NULL) {
            s->learn[s->depth] = dmp_shape_root(s);
        }
    }
}


/* The name that is the text up to end; false if it was there already. */
static bool
dmp_scan_add_name(dmp_scan_t *s, const unsigned char *p,
    const unsigned char *end)
{
    size_t         index, base;
    dmp_str_t     *name;
    dmp_shape_t  **learn;

    base = s->base[s->depth - 1];
    dmp_scan_begin_table(s, base);

    index = s->names++;
    name = &s->name[index];

    name->data = (const char *) p;
    name->len = (size_t) (end - p);
    s->hash[index] = dmp_scan_hash(name->data, name->len, s->end);

    if (!dmp_scan_is_new(s, base, index)) {
        return false;
    }

    /* what is known never fills the table beyond the few */

    learn = &s->learn[s->depth];

    if (*learn != NULL) {
        *learn = index - base < DMP_SCAN_FEW
                 ? dmp_shape_after(s->shapes, *learn, *name, s->hash[index])
                 : NULL;
    }

    return true;
}


const unsigned char *
dmp_scan_new_name(dmp_scan_t *s, const unsigned char *p)
{
    bool                  escaped;
    const unsigned char  *quote;

    if (p == s->end || *p != '"') {
        return dmp_scan_stop_at(s, p);
    }

    quote = dmp_scan_body(s, p + 1, &escaped);

    if (quote == NULL) {
        return NULL;
    }

    /* two names that differ in the text might be one */

    if (escaped) {
        return dmp_scan_stop(s, p, DMP_SCAN_ESCAPED_NAME);
    }

    if (s->names == DMP_SCAN_NAMES) {
        return dmp_scan_stop(s, p, DMP_SCAN_TOO_MANY_NAMES);
    }

    if (!dmp_scan_add_name(s, p + 1, quote)) {
        return dmp_scan_stop(s, p, DMP_SCAN_DUPLICATE);
    }

    p = dmp_scan_space(quote + 1, s->end);

    if (p == s->end || *p != ':') {
        return dmp_scan_stop_at(s, p);
    }

    return dmp_scan_space(p + 1, s->end);
}
