/*
 * verify_log.h: logs for the tests of the verifier: records whose versions
 * fit, and the same log fed in several orders.
 */

#ifndef VERIFY_LOG_H
#define VERIFY_LOG_H

#include "trace_log.h"


/* Orders in which a log's buckets may be fed. */
typedef enum {
    LOG_MERGED = 0,                      /* by id, as an auditor does */
    LOG_RISING,                          /* one bucket after the other */
    LOG_FALLING,
    LOG_ORDERS
} log_order_t;

/* One record in each bucket, and the version it has. */
typedef struct {
    char      patient[LOG_BUCKETS][DMP_PSEUDONYM_LEN + 1];
    uint64_t  version[LOG_BUCKETS];
} log_records_t;


static inline void
log_make_records(log_records_t *r)
{
    unsigned       i, bucket, found;
    dmp_buf_t      b;
    unsigned char  id[16];

    memset(r, 0, sizeof(*r));
    memset(id, 0, sizeof(id));
    found = 0;

    for (i = 1; found < LOG_BUCKETS; i++) {
        char  text[DMP_PSEUDONYM_LEN + 1];

        id[0] = (unsigned char) i;
        dmp_buf_init(&b, text, DMP_PSEUDONYM_LEN);
        dmp_buf_base64url(&b, id, sizeof(id));
        bucket = dmp_bucket(text, LOG_BUCKETS);

        if (r->patient[bucket][0] == '\0') {
            memcpy(r->patient[bucket], text, DMP_PSEUDONYM_LEN);
            found++;
        }
    }
}


/* What the store does of a commit on that bucket's record. */
static inline char
log_commit(log_records_t *r, unsigned bucket, uint64_t version,
    uint64_t new_version)
{
    if (r->version[bucket] != version) {
        return '0';
    }

    if (new_version == 0) {
        return '1';
    }

    r->version[bucket] = new_version;

    return 'R';
}


static inline dmp_rc_t
log_feed_entry(dmp_verify_t *v, const log_entry_t *e)
{
    return dmp_verify_entry(v, e->bucket, e->ms, e->n,
                            (dmp_str_t) { e->body, e->len },
                            (dmp_str_t) { &e->outcome, 1 });
}


/* Entries, and then the heads. */
static inline dmp_rc_t
log_feed(dmp_verify_t *v, const log_t *log, log_order_t order)
{
    size_t             i;
    dmp_rc_t           rc;
    unsigned           b, bucket;
    const log_head_t  *h;

    rc = DMP_OK;

    for (b = 0; b < (order == LOG_MERGED ? 1 : LOG_BUCKETS); b++) {
        bucket = order == LOG_FALLING ? LOG_BUCKETS - 1 - b : b;

        for (i = 0; i < log->n && rc == DMP_OK; i++) {
            if (order == LOG_MERGED || log->entries[i].bucket == bucket) {
                rc = log_feed_entry(v, &log->entries[i]);
            }
        }
    }

    for (i = 0; i < log->n_heads && rc == DMP_OK; i++) {
        h = &log->heads[i];
        rc = dmp_verify_head(v, h->bucket, (dmp_str_t) { h->name, h->len },
                             h->epoch, h->seq, h->hash);
    }

    return rc;
}

#endif
