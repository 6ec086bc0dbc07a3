/*
 * index_set.c: open addressing, half full at most.  What it holds is random
 * already: its first bytes are its place.
 */

#include <stdlib.h>

#include "index_set.h"


#define SET_FIRST  64


/* Where it stands, or would. */
static size_t
set_place(const index_set_t *set, const char *hash)
{
    size_t    i;
    uint64_t  n;

    memcpy(&n, hash, sizeof(n));

    /* characters of base64url: only some bits of each differ */

    n *= UINT64_C(0x9e3779b97f4a7c15);
    i = (size_t) (n >> 32) & (set->size - 1);

    while (set->hash[i][0] != '\0'
           && memcmp(set->hash[i], hash, DMP_INDEX_HASH_LEN) != 0)
    {
        i = (i + 1) & (set->size - 1);
    }

    return i;
}


static bool
set_grow(index_set_t *set)
{
    size_t       i;
    index_set_t  larger;

    larger.size = set->size != 0 ? set->size * 2 : SET_FIRST;
    larger.n = set->n;
    larger.hash = calloc(larger.size, sizeof(larger.hash[0]));

    if (larger.hash == NULL) {
        return false;
    }

    for (i = 0; i < set->size; i++) {
        if (set->hash[i][0] != '\0') {
            memcpy(larger.hash[set_place(&larger, set->hash[i])],
                   set->hash[i], DMP_INDEX_HASH_LEN);
        }
    }

    free(set->hash);
    *set = larger;

    return true;
}


int
index_set_add(index_set_t *set, const char *hash)
{
    size_t  i;

    if (set->n >= set->size / 2 && !set_grow(set)) {
        return -1;
    }

    i = set_place(set, hash);

    if (set->hash[i][0] != '\0') {
        return 0;
    }

    memcpy(set->hash[i], hash, DMP_INDEX_HASH_LEN);
    set->n++;

    return 1;
}


bool
index_set_has(const index_set_t *set, const char *hash)
{
    return set->size != 0 && set->hash[set_place(set, hash)][0] != '\0';
}


void
index_set_free(index_set_t *set)
{
    free(set->hash);
    set->hash = NULL;
    set->size = 0;
    set->n = 0;
}
