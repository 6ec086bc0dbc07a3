/*
 * directory_ids.c: blocks of 64 identifiers of 64 bytes, filled up with
 * zeros; a look-up finds the block in memory, and reads it.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <dmp/dmp_ids.h>

#include "directory_ids.h"
#include "directory_sort.h"


#define IDS_BLOCK  64

typedef char  ids_id_t[DMP_ID_MAX];

struct directory_ids_s {
    FILE      *file;
    ids_id_t  *first;                    /* of each block */
    size_t     n_blocks;
    size_t     size;
    size_t     n;
};


directory_ids_t *
directory_ids_create(void)
{
    directory_ids_t  *ids;

    ids = calloc(1, sizeof(*ids));
    if (ids == NULL) {
        return NULL;
    }

    ids->file = directory_temporary();
    if (ids->file == NULL) {
        free(ids);
        return NULL;
    }

    return ids;
}


void
directory_ids_free(directory_ids_t *ids)
{
    if (ids != NULL) {
        (void) fclose(ids->file);    /* nobody will read it */
        free(ids->first);
        free(ids);
    }
}


static bool
ids_block(directory_ids_t *ids, const ids_id_t id)
{
    size_t     size;
    ids_id_t  *larger;

    if (ids->n_blocks == ids->size) {
        size = ids->size == 0 ? 1024 : ids->size * 2;
        larger = reallocarray(ids->first, size, sizeof(ids_id_t));

        if (larger == NULL) {
            return false;
        }

        ids->first = larger;
        ids->size = size;
    }

    memcpy(ids->first[ids->n_blocks++], id, sizeof(ids_id_t));

    return true;
}


static bool
ids_fill(ids_id_t out, dmp_str_t id)
{
    if (id.len > sizeof(ids_id_t)) {
        errno = EMSGSIZE;
        return false;
    }

    memset(out, 0, sizeof(ids_id_t));
    memcpy(out, id.data, id.len);

    return true;
}


bool
directory_ids_add(directory_ids_t *ids, dmp_str_t id)
{
    ids_id_t  filled;

    if (!ids_fill(filled, id)
        || (ids->n % IDS_BLOCK == 0 && !ids_block(ids, filled)))
    {
        return false;
    }

    ids->n++;

    return fwrite(filled, sizeof(filled), 1, ids->file) == 1;
}


bool
directory_ids_end(directory_ids_t *ids)
{
    return fflush(ids->file) == 0;
}


/* The last block that does not begin after it; n_blocks: there is none. */
static size_t
ids_find(const directory_ids_t *ids, const ids_id_t id)
{
    size_t  low, high, middle;

    low = 0;
    high = ids->n_blocks;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (memcmp(ids->first[middle], id, sizeof(ids_id_t)) <= 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low == 0 ? ids->n_blocks : low - 1;
}


int
directory_ids_has(directory_ids_t *ids, dmp_str_t id)
{
    size_t    block, i, n;
    ssize_t   got;
    ids_id_t  wanted, read[IDS_BLOCK];

    if (!ids_fill(wanted, id)) {
        return -1;
    }

    block = ids_find(ids, wanted);

    if (block == ids->n_blocks) {
        return 0;
    }

    n = ids->n - block * IDS_BLOCK;
    n = n < IDS_BLOCK ? n : IDS_BLOCK;
    got = pread(fileno(ids->file), read, n * sizeof(ids_id_t),
                (off_t) (block * sizeof(read)));

    if (got < 0 || (size_t) got != n * sizeof(ids_id_t)) {
        errno = got < 0 ? errno : EIO;
        return -1;
    }

    for (i = 0; i < n; i++) {
        if (memcmp(read[i], wanted, sizeof(ids_id_t)) == 0) {
            return 1;
        }
    }

    return 0;
}
