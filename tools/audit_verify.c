/*
 * audit_verify.c: feeds the verifier: receipts, all entries up to one instant,
 * what the store says of its streams and writers, records, histories.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_verify.h"


#define VERIFY_TELL  4096                /* entries between words of progress */


static bool
verify_complain(dmp_rc_t rc, const dmp_stored_t *entry)
{
    if (rc == DMP_OK) {
        return true;
    }

    tool_error("bucket %u, entry %llu-%llu: %s", entry->bucket,
               (unsigned long long) entry->id_ms,
               (unsigned long long) entry->id_seq,
               rc == DMP_E_LIMIT
               ? "signed heads name more entries that are to come than can be "
                 "kept" : "no memory to verify it");

    return false;
}


static bool
verify_feed(verify_run_t *run, const dmp_stored_t *entry)
{
    int64_t  ms;

    if (++run->entries % VERIFY_TELL == 0) {
        ms = tool_monotonic_ms() - run->begun_ms;

        tool_progress("%llu of %llu entries (%llu %%), %llu/s",
                      (unsigned long long) run->entries,
                      (unsigned long long) run->length,
                      (unsigned long long) (run->length == 0 ? 100
                      : run->entries * 100 / run->length),
                      (unsigned long long) (run->entries * 1000
                      / (uint64_t) (ms > 0 ? ms : 1)));
    }

    return verify_complain(dmp_verify_entry(run->verify, entry->bucket,
                                            entry->id_ms, entry->id_seq,
                                            entry->body, entry->outcome),
                           entry)
           && (run->each == NULL || run->each(run->data, entry));
}


static bool
verify_stream_end(verify_run_t *run, unsigned bucket)
{
    if (dmp_verify_stream(run->verify, bucket,
                          &run->snapshot.streams[bucket]) != DMP_OK)
    {
        tool_error("bucket %u: no memory", bucket);
        return false;
    }

    return true;
}


/*
 * Goes on with buckets that a signed head waits for.  One that has ended will
 * not bring what is waited for: that is for the verifier to tell.
 */
static bool
verify_waiting(verify_run_t *run, audit_reader_t *reader, bool *ended)
{
    int           rc;
    unsigned      bucket;
    dmp_stored_t  entry;

    while (dmp_verify_waiting(run->verify, &bucket) && !ended[bucket]) {
        rc = audit_next_of(reader, bucket, &entry);

        if (rc == TOOL_FAILED) {
            return false;
        }

        ended[bucket] = rc == TOOL_NO;

        if (ended[bucket] ? !verify_stream_end(run, bucket)
                          : !verify_feed(run, &entry))
        {
            return false;
        }
    }

    return true;
}


static bool
verify_entries(verify_run_t *run, audit_reader_t *reader)
{
    int           rc;
    bool          ended[DMP_BUCKETS_MAX];
    unsigned      b;
    dmp_stored_t  entry;

    memset(ended, 0, sizeof(ended));

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        if (!verify_feed(run, &entry) || !verify_waiting(run, reader, ended)) {
            return false;
        }
    }

    for (b = 0; rc == TOOL_NO && b < run->store->buckets; b++) {
        if (!ended[b] && !verify_stream_end(run, b)) {
            return false;
        }
    }

    return rc == TOOL_NO;
}


static bool
verify_head(verify_run_t *run, unsigned bucket, dmp_str_t writer,
    const audit_head_t *head)
{
    bool  present;

    present = head != NULL && head->present;

    if (dmp_verify_head(run->verify, bucket, writer,
                        present ? head->epoch : 0, present ? head->seq : 0,
                        present ? head->hash : NULL) != DMP_OK)
    {
        tool_error("no memory");
        return false;
    }

    return true;
}


/* In the snapshot's order: bucket, then writer. */
static const audit_head_t *
verify_find_head(const verify_run_t *run, unsigned bucket, dmp_str_t writer)
{
    int                  order;
    size_t               low, high, middle;
    const audit_head_t  *head;

    low = 0;
    high = run->snapshot.n_heads;

    while (low < high) {
        middle = low + (high - low) / 2;
        head = &run->snapshot.heads[middle];

        if (head->bucket != bucket) {
            order = head->bucket < bucket ? -1 : 1;

        } else {
            order = strncmp(head->writer, writer.data, writer.len);
            order = order == 0 && head->writer[writer.len] != '\0' ? 1 : order;
        }

        if (order == 0) {
            return head;
        }

        if (order < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return NULL;
}


/* All heads of the store; and writers that have entries must have one. */
static bool
verify_heads(verify_run_t *run)
{
    size_t               i, pos;
    unsigned             b;
    dmp_str_t            writer;
    const audit_head_t  *head;

    for (i = 0; i < run->snapshot.n_heads; i++) {
        head = &run->snapshot.heads[i];

        if (!verify_head(run, head->bucket,
                         (dmp_str_t) { head->writer, strlen(head->writer) },
                         head))
        {
            return false;
        }
    }

    for (b = 0; b < run->store->buckets; b++) {
        pos = 0;

        while (dmp_verify_writers(run->verify, b, &pos, &writer)) {
            if (verify_find_head(run, b, writer) == NULL
                && !verify_head(run, b, writer, NULL))
            {
                return false;
            }
        }
    }

    return true;
}


static bool
verify_trace(verify_run_t *run)
{
    bool             ok;
    unsigned         b;
    audit_range_t    range;
    audit_reader_t  *reader;

    if (!audit_snapshot(run->store, true, &run->snapshot)) {
        return false;
    }

    for (b = 0; b < run->store->buckets; b++) {
        run->length += run->snapshot.streams[b].length;
    }

    memset(&range, 0, sizeof(range));

    reader = audit_reader_create(run->store, &run->snapshot, &range);
    if (reader == NULL) {
        return false;
    }

    ok = verify_entries(run, reader);
    audit_reader_free(reader);

    dmp_verify_now(run->verify, run->snapshot.now_ms);

    return ok && verify_heads(run);
}


static bool
verify_read(verify_run_t *run)
{
    const verify_options_t  *o;

    o = run->options;

    if (o->since_recovery) {
        dmp_verify_since_recovery(run->verify);
    }

    return audit_keys(run->verify, &o->keys, &o->folders)
           && verify_read_logs(run)
           && (o->no_records || verify_records_before(run))
           && verify_trace(run)
           && (o->no_records || verify_records_after(run))
           && verify_read_closed(run);
}


/* TOOL_DONE: *result says what came of it; TOOL_FAILED. */
static int
verify_all(verify_run_t *run, dmp_verify_result_t *result)
{
    bool  ok;

    run->begun_ms = tool_monotonic_ms();
    run->verify = dmp_verify_create(run->store->buckets, 0);

    if (run->verify == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    ok = verify_read(run);
    tool_progress_end();

    if (ok && dmp_verify_finish(run->verify, result) != DMP_OK) {
        tool_error("no memory");
        ok = false;
    }

    return ok ? TOOL_DONE : TOOL_FAILED;
}


static verify_run_t *
verify_make(store_t *store, const verify_options_t *options)
{
    verify_run_t  *run;

    run = calloc(1, sizeof(*run));

    if (run == NULL) {
        tool_error("no memory");
        return NULL;
    }

    run->store = store;
    run->options = options;

    return run;
}


static void
verify_free(verify_run_t *run)
{
    dmp_verify_free(run->verify);
    audit_snapshot_free(&run->snapshot);
    free(run->records.item);
    free(run);
}


int
audit_verify(store_t *store, const verify_options_t *options)
{
    int                   rc;
    verify_run_t         *run;
    dmp_verify_result_t   result;

    run = verify_make(store, options);
    if (run == NULL) {
        return TOOL_FAILED;
    }

    rc = verify_all(run, &result);

    if (rc == TOOL_DONE && !verify_say(run, &result)) {
        rc = TOOL_NO;
    }

    verify_free(run);

    return rc;
}


int
audit_verify_quietly(store_t *store, const tool_list_t *keys,
    const tool_list_t *folders, audit_each_pt each, void *data,
    audit_proof_t *proof)
{
    int                rc;
    verify_run_t      *run;
    verify_options_t   options;

    memset(proof, 0, sizeof(*proof));
    memset(&options, 0, sizeof(options));
    options.keys = *keys;
    options.folders = *folders;

    run = verify_make(store, &options);
    if (run == NULL) {
        return TOOL_FAILED;
    }

    run->each = each;
    run->data = data;
    rc = verify_all(run, &proof->result);

    if (rc == TOOL_DONE) {
        proof->verify = run->verify;
        proof->until_ms = run->snapshot.now_ms;
        run->verify = NULL;
        rc = proof->result.findings > 0 ? TOOL_NO : TOOL_DONE;
    }

    verify_free(run);

    return rc;
}


void
audit_proof_free(audit_proof_t *proof)
{
    dmp_verify_free(proof->verify);
    memset(proof, 0, sizeof(*proof));
}
