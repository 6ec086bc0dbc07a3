/*
 * audit_outcomes.h: how accesses ended, by trace id: what the outcome entries
 * of gateways say after them.
 */

#ifndef TOOL_AUDIT_OUTCOMES_H
#define TOOL_AUDIT_OUTCOMES_H

#include "audit.h"


typedef struct {
    unsigned char  id[16];
    uint64_t       bytes;
    uint32_t       shown;
    uint32_t       withheld;
    uint16_t       status;
    uint8_t        reason;               /* dmp_reason_t */
    bool           ended;                /* the five above are known */
    bool           abandoned;            /* traced, and not forwarded */
    bool           used;
} audit_ended_t;

typedef struct {
    audit_ended_t  *slots;
    size_t          n;
    size_t          size;                /* a power of two */
    bool            closed;              /* takes no id that it does not have */
} audit_outcomes_t;

/* An id to look for; a closed table only learns of those.  False: no memory. */
bool audit_outcomes_want(audit_outcomes_t *o, dmp_str_t trace);

/* What an entry of that kind says; false after a complaint. */
bool audit_outcomes_add(audit_outcomes_t *o, const dmp_entry_view_t *view);

/* All of them within the range; the same answer. */
bool audit_outcomes_read(audit_outcomes_t *o, store_t *store,
    const audit_snapshot_t *snapshot, const audit_range_t *range);

/* NULL: nothing is known of it. */
const audit_ended_t *audit_outcomes_find(const audit_outcomes_t *o,
    dmp_str_t trace);

void audit_outcomes_free(audit_outcomes_t *o);

#endif
