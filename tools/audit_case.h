/*
 * audit_case.h: what "audit case" has read and counted, and says at its end.
 */

#ifndef TOOL_AUDIT_CASE_H
#define TOOL_AUDIT_CASE_H

#include "audit_say.h"


typedef struct {
    dmp_stored_t    entry;
    char           *bytes;               /* body and outcome */
} case_entry_t;

typedef struct {
    case_entry_t  *item;
    size_t         n;
    size_t         size;
} case_list_t;

typedef struct {
    store_t            store;
    char               pseudonym[DMP_PSEUDONYM_LEN];
    unsigned           bucket;
    uint64_t           since_ms;
    dmp_keyring_t      ring;
    dmp_policy_t      *policy;
    tool_list_t        keys;
    tool_list_t        folders;
    bool               json;

    audit_proof_t      proof;
    audit_outcomes_t   outcomes;
    dmp_item_t         item;
    case_list_t        list;             /* entries about the record, */
    case_list_t        ends;             /* and those that say how they ended */
    case_list_t        recent;           /* that may yet turn out to be some */

    json_t            *lines;            /* with --json */
    json_t            *unsigned_lines;
    uint64_t           said;
    uint64_t           allowed;
    uint64_t           refused;
    uint64_t           changes;
    uint64_t           emergencies;
    uint64_t           abandoned;        /* and nothing else is said of it */
    uint64_t           sessions;
    uint64_t           voided;
    uint64_t           uncovered;        /* lines that nobody has signed */
    bool               history;          /* the holder's, as the trace */
    int                verified;         /* TOOL_DONE, TOOL_NO */
} audit_case_t;

/* What was counted, and whether it is all: a text, or the whole report. */
void case_verdict(const audit_case_t *c);
bool case_report(audit_case_t *c);

#endif
