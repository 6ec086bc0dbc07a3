/*
 * dmp_scan_names.c: names given twice in one object, where it has too many to
 * compare each with all: they are kept sorted, so that no choice of names
 * makes an object of n of them cost n times n comparisons.
 */

#include "dmp_scan_int.h"


int
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


bool
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
