/*
 * audit_closed.h: which buckets the store names as closed.
 */

#ifndef TOOL_AUDIT_CLOSED_H
#define TOOL_AUDIT_CLOSED_H

#include "store.h"


/*
 * The members of dmp:closed, 1 for each bucket that is one.  False after a
 * complaint: also where a member is no bucket's number, since nobody can say
 * then what its author meant to close.
 */
bool audit_closed(store_t *store, unsigned char closed[DMP_BUCKETS_MAX]);

#endif
