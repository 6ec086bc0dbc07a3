/*
 * directory_ids.h: a set of identifiers that memory need not hold: sorted in
 * a temporary file, with every 64th of them in memory.
 */

#ifndef TOOL_DIRECTORY_IDS_H
#define TOOL_DIRECTORY_IDS_H

#include <dmp/dmp.h>


typedef struct directory_ids_s  directory_ids_t;

/* What fails below leaves why in errno. */
directory_ids_t *directory_ids_create(void);
void directory_ids_free(directory_ids_t *ids);

/* Each greater than the one before; of DMP_ID_MAX bytes at most. */
bool directory_ids_add(directory_ids_t *ids, dmp_str_t id);

/* No more are added. */
bool directory_ids_end(directory_ids_t *ids);

/* 1: it is one of them, 0: it is not, -1: failed. */
int directory_ids_has(directory_ids_t *ids, dmp_str_t id);

#endif
