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

/* Orders two names of the table by fingerprint, length and bytes. */
int dmp_scan_compare(const dmp_scan_t *s, size_t i, size_t j);

/*
 * Whether the name at "index" is new in its object, whose names begin at
 * "base"; to be asked of each name from DMP_SCAN_FEW on.
 */
bool dmp_scan_is_new_of_many(dmp_scan_t *s, size_t base, size_t index);

#endif
