/*
 * dmp_fold_int.h: the letters that a name comes to, for what compares names
 * without having both of them.
 */

#ifndef DMP_FOLD_INT_H
#define DMP_FOLD_INT_H

#include <dmp/dmp.h>


#define DMP_FOLD_NAMES    32             /* names in a list */
#define DMP_FOLD_LETTERS  1536           /* of a whole text */

/* Between two names of a list. */
#define DMP_FOLD_BREAK    (-1)

/* The letters of a text. */
typedef struct {
    size_t   n;
    int32_t  letters[DMP_FOLD_LETTERS];
} dmp_fold_t;


/*
 * The letters of a text; in a list, its names with a break between them.
 * False if it is not UTF-8, or longer than any name.
 */
bool dmp_fold_text(dmp_fold_t *f, dmp_str_t text, bool list);

/* How many names a list has; more than DMP_FOLD_NAMES are compared to none. */
size_t dmp_fold_names(const dmp_fold_t *list);

#endif
