/*
 * audit_item.c: an entry of the trace opened, for a command of dmpctl.
 */

#include "audit_filter.h"


bool
audit_item_open(dmp_item_t *item, const dmp_keyring_t *ring)
{
    if (dmp_item_open(item, ring) != DMP_OK) {
        tool_error("no memory");
        return false;
    }

    return true;
}
