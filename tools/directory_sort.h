/*
 * directory_sort.h: sorts more lines than memory holds: what fills it is
 * sorted and put into a temporary file, and all of them are merged while they
 * are read.
 */

#ifndef TOOL_DIRECTORY_SORT_H
#define TOOL_DIRECTORY_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>


#define DIRECTORY_SORT_MEMORY  (24 * 1024 * 1024)

typedef struct directory_sort_s  directory_sort_t;

/*
 * A sorter that takes so many bytes of memory, less than 4 GiB; NULL without.
 * What fails below leaves why in errno.
 */
directory_sort_t *directory_sort_create(size_t memory);
void directory_sort_free(directory_sort_t *s);

/* Any bytes; fails with EMSGSIZE for what memory would not hold. */
bool directory_sort_add(directory_sort_t *s, const char *data, size_t len);

/* No more is added: they can be read, in order of their bytes. */
bool directory_sort_end(directory_sort_t *s);

/*
 * 1 and the next one, which stands until the next call; 0: there are no more;
 * -1: failed.
 */
int directory_sort_next(directory_sort_t *s, const char **data, size_t *len);

/* They can be read once more, from the first. */
bool directory_sort_again(directory_sort_t *s);

/* A file in TMPDIR that has no name; NULL if it could not be made. */
FILE *directory_temporary(void);

#endif
