/*
 * dmp_history_int.h: what the files that tell a history share.
 */

#ifndef DMP_HISTORY_INT_H
#define DMP_HISTORY_INT_H

#include <dmp/dmp_history.h>


/*
 * Reads an entry of the record's list: NULL, or what is wrong with it.  *item
 * is to be freed in either case.
 */
const char *dmp_history_read(const dmp_history_reader_t *reader,
    const dmp_stored_t *entry, dmp_item_t *item);

/* It was refused as if its document did not exist (rules H1 to H5). */
bool dmp_history_concealed(const dmp_entry_view_t *view);

#endif
