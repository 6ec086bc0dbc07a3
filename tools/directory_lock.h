/*
 * directory_lock.h: one import of the directory at a time.
 */

#ifndef TOOL_DIRECTORY_LOCK_H
#define TOOL_DIRECTORY_LOCK_H

#include "store.h"


typedef struct {
    store_t  *store;
    char      token[22];                 /* ours: base64url of 16 bytes */
    int64_t   renewed_ms;
} directory_lock_t;

/* Takes the lock; false after a complaint. */
bool directory_lock(directory_lock_t *lock, store_t *store);

/*
 * To be called now and then: renews the lock.  False after a complaint: it is
 * not ours any more, and nothing may be written.
 */
bool directory_lock_keep(directory_lock_t *lock);

/* Gives it back if it is still ours. */
void directory_unlock(directory_lock_t *lock);

#endif
