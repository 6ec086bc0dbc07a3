/*
 * index_set.h: a set of keyed hashes, as the index names things by them.
 */

#ifndef TOOL_INDEX_SET_H
#define TOOL_INDEX_SET_H

#include <dmp/dmp_index.h>


/* All zeros: empty. */
typedef struct {
    char   (*hash)[DMP_INDEX_HASH_LEN];  /* one with a first byte of 0: free */
    size_t   size;                       /* a power of two, or none */
    size_t   n;
} index_set_t;

/* Adds one: 1; 0 if it was there; -1 without memory. */
int index_set_add(index_set_t *set, const char *hash);
bool index_set_has(const index_set_t *set, const char *hash);
void index_set_free(index_set_t *set);

#endif
