/*
 * audit_outcomes.h: how accesses ended, by trace id: what the outcome entries
 * of gateways say after them.  An end counts only from the writer that wrote
 * the access: anybody's word would be taken else.
 */

#ifndef TOOL_AUDIT_OUTCOMES_H
#define TOOL_AUDIT_OUTCOMES_H

#include "audit_filter.h"


typedef struct {
    unsigned char  id[16];
    unsigned char  writer[8];            /* of the SHA-256 of its name */
    uint64_t       at_ms;                /* of the last entry that says it */
    dmp_ended_t    end;
    bool           used;
} audit_slot_t;

typedef struct {
    audit_slot_t  *slots;
    size_t         n;
    size_t         size;                 /* a power of two */
    bool           closed;               /* takes none that it does not have */
} audit_outcomes_t;

/*
 * An access to look for; a closed table only learns of those.  False: no
 * memory.
 */
bool audit_outcomes_want(audit_outcomes_t *o, const dmp_entry_view_t *access);

/* What an entry of the kind outcome says; false after a complaint. */
bool audit_outcomes_add(audit_outcomes_t *o, const dmp_stored_t *entry,
    const dmp_entry_view_t *view);

/* *names: whether it says anything of what the table has; the same answer. */
bool audit_outcomes_names(audit_outcomes_t *o, const dmp_entry_view_t *view,
    bool *names);

/* All of them within the range; the same answer. */
bool audit_outcomes_read(audit_outcomes_t *o, store_t *store,
    const audit_snapshot_t *snapshot, const audit_range_t *range);

/* Whether an entry may be of the kind outcome, by how it begins. */
bool audit_outcomes_like(const dmp_stored_t *entry);

/* How that access ended; NULL: its writer has not said so after it. */
const dmp_ended_t *audit_outcomes_find(const audit_outcomes_t *o,
    const dmp_item_t  *access);

void audit_outcomes_free(audit_outcomes_t *o);

#endif
