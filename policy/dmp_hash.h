/*
 * dmp_hash.h: SHA-256 of one piece of memory, for those who hash millions.
 */

#ifndef DMP_HASH_H
#define DMP_HASH_H

#include <dmp/dmp_trace.h>


/* False if the library refuses; out then says nothing. */
bool dmp_hash(const void *data, size_t len, unsigned char out[DMP_HASH_LEN]);

#endif
