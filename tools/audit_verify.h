/*
 * audit_verify.h: what the parts of "audit verify" share.
 */

#ifndef TOOL_AUDIT_VERIFY_H
#define TOOL_AUDIT_VERIFY_H

#include "audit.h"
#include "audit_link.h"


typedef struct {
    tool_list_t  keys;
    tool_list_t  folders;
    tool_list_t  logs;
    bool         strict_log;
    bool         since_recovery;
    bool         no_records;
    bool         all;
    bool         json;
} verify_options_t;

/* A record of the store, or of the trace. */
typedef struct {
    char      patient[DMP_PSEUDONYM_LEN];
    bool      traced;                    /* it has a history to look at */
    unsigned  bucket;
    uint64_t  listed;                    /* elements of its history, before */
    uint64_t  before;                    /* versions of the live record */
    uint64_t  after;
} verify_record_t;

typedef struct {
    verify_record_t  *item;
    size_t            n;
    size_t            size;
} verify_records_t;

/* What was read of the record host's logs. */
typedef struct {
    uint64_t     lines;
    uint64_t     receipts;
    uint64_t     without;                /* lines without one */
    const char  *file;                   /* of the first of these */
    uint64_t     line;
} verify_logs_t;

typedef struct {
    bool  set;                           /* dmp:closed names it */
    bool  closed;                        /* commits are refused */
    char  by[DMP_WRITER_MAX + 1];
    char  why[256];
    char  at[32];                        /* empty: not known */
} verify_closed_t;

typedef struct {
    store_t                 *store;      /* borrowed */
    dmp_verify_t            *verify;
    const verify_options_t  *options;
    audit_each_pt            each;       /* who is given all entries, too; */
    void                    *data;       /* or NULL */
    audit_snapshot_t         snapshot;
    verify_records_t         records;
    verify_logs_t            logs;
    verify_closed_t          closed[DMP_BUCKETS_MAX];
    int64_t                  begun_ms;
    uint64_t                 entries;    /* read so far, */
    uint64_t                 length;     /* and how many there are */
} verify_run_t;

/* Verifies the trace and says what came of it; an exit code. */
int audit_verify(store_t *store, const verify_options_t *options);

/* Each is false after a complaint. */

/* Receipts of the logs, before any entry. */
bool verify_read_logs(verify_run_t *run);

/* All live versions before the trace is read; then again, and histories. */
bool verify_records_before(verify_run_t *run);
bool verify_records_after(verify_run_t *run);

bool verify_read_closed(verify_run_t *run);

/* What came of it; true if the trace is whole. */
bool verify_say(const verify_run_t *run, const dmp_verify_result_t *result);

#endif
