/*
 * audit.h: reading the trace, for the commands of "dmpctl audit".
 *
 * A reader gives the entries of all buckets merged by their ids, with a
 * bounded number of them in memory, up to one instant: the snapshot that was
 * taken when it was made.
 */

#ifndef TOOL_AUDIT_H
#define TOOL_AUDIT_H

#include <dmp/dmp_item.h>
#include <dmp/dmp_verify.h>

#include "store.h"


typedef struct audit_reader_s  audit_reader_t;

/* Ids, both included; all buckets, or one. */
typedef struct {
    uint64_t   since_ms;
    uint64_t   until_ms;                 /* 0: to the end */
    bool       one_bucket;
    unsigned   bucket;
} audit_range_t;

/*
 * The writers' heads and the streams' ends, of one instant.  heads of bucket b
 * are heads[i] with that bucket.
 */
typedef struct {
    unsigned       bucket;
    char          *writer;
    bool           present;
    uint64_t       epoch;
    uint64_t       seq;
    unsigned char  hash[DMP_HASH_LEN];
} audit_head_t;

typedef struct {
    audit_head_t        *heads;
    size_t               n_heads;
    dmp_stream_facts_t   streams[DMP_BUCKETS_MAX];
    uint64_t             end_ms[DMP_BUCKETS_MAX];    /* last ids; 0-0: none */
    uint64_t             end_seq[DMP_BUCKETS_MAX];
    int64_t              now_ms;         /* the store's clock */
} audit_snapshot_t;

/* False after a complaint.  heads false: only the streams, which is cheap. */
bool audit_snapshot(store_t *store, bool heads, audit_snapshot_t *snapshot);
void audit_snapshot_free(audit_snapshot_t *snapshot);

/*
 * NULL after a complaint.  snapshot and store are borrowed.  The store works
 * ahead: nothing else may use its connection before the last entry was given,
 * nor after a reader that was freed before that.
 */
audit_reader_t *audit_reader_create(store_t *store,
    const audit_snapshot_t *snapshot, const audit_range_t *range);
void audit_reader_free(audit_reader_t *reader);

/*
 * TOOL_DONE: an entry, whose strings live until the next call; TOOL_NO: there
 * is no other; TOOL_FAILED: a complaint.
 */
int audit_next(audit_reader_t *reader, dmp_stored_t *entry);

/* The next entry of that bucket, whatever the others have; the same answers. */
int audit_next_of(audit_reader_t *reader, unsigned bucket,
    dmp_stored_t  *entry);

/* Keys given one by one, and all *.pub of folders; false after a complaint. */
bool audit_keys(dmp_verify_t *v, const tool_list_t *files,
    const tool_list_t *folders);

/* What came of a verification. */
typedef struct {
    dmp_verify_t         *verify;        /* finished: knows what is covered */
    dmp_verify_result_t   result;
    int64_t               until_ms;      /* the store's clock at the end */
} audit_proof_t;

/* False after a complaint: it goes no further. */
typedef bool (*audit_each_pt)(void *data, const dmp_stored_t *entry);

/*
 * Verifies the whole trace as "audit verify" does, and says nothing.  Gives
 * "each", which may be NULL, every entry that it verifies: what is proved is
 * what was given.  TOOL_DONE: whole; TOOL_NO: result.first says what is not;
 * TOOL_FAILED: a complaint.  The proof is to be freed after all of them.
 */
int audit_verify_quietly(store_t *store, const tool_list_t *keys,
    const tool_list_t *folders, audit_each_pt each, void *data,
    audit_proof_t *proof);
void audit_proof_free(audit_proof_t *proof);

#endif
