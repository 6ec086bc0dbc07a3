/*
 * trace_log.h: a store in memory for the tests of the writer and the verifier:
 * it appends what a writer gives it, as dmp1.lua would, and keeps it all.
 */

#ifndef TRACE_LOG_H
#define TRACE_LOG_H

#include <dmp/dmp_record.h>
#include <dmp/dmp_trace.h>
#include <dmp/dmp_verify.h>


#define LOG_ENTRIES  256
#define LOG_WRITERS  4
#define LOG_BUCKETS  4

typedef struct {
    unsigned       bucket;
    uint64_t       ms;
    uint64_t       n;
    char           outcome;
    char          *body;
    size_t         len;
} log_entry_t;

typedef struct {
    char           name[DMP_WRITER_MAX];
    size_t         len;
    unsigned       bucket;
    uint64_t       epoch;
    uint64_t       seq;
    unsigned char  hash[DMP_HASH_LEN];
} log_head_t;

typedef struct {
    log_entry_t    entries[LOG_ENTRIES];
    size_t         n;
    log_head_t     heads[LOG_WRITERS * LOG_BUCKETS];
    size_t         n_heads;
    uint64_t       ms;                   /* the store's clock */
} log_t;

#define LOG_TIME  1780000000000          /* when the tests take place */

static inline log_head_t *
log_head(log_t *log, dmp_str_t writer, unsigned bucket)
{
    size_t       i;
    log_head_t  *h;

    for (i = 0; i < log->n_heads; i++) {
        h = &log->heads[i];

        if (h->bucket == bucket && h->len == writer.len
            && memcmp(h->name, writer.data, h->len) == 0)
        {
            return h;
        }
    }

    h = &log->heads[log->n_heads++];
    memset(h, 0, sizeof(*h));
    memcpy(h->name, writer.data, writer.len);
    h->len = writer.len;
    h->bucket = bucket;

    return h;
}


/* Appends as the store does; false if it does not extend the chain. */
static inline bool
log_append(log_t *log, dmp_writer_t *w, const dmp_entry_t *e, char outcome)
{
    log_head_t   *h;
    log_entry_t  *stored;

    h = log_head(log, dmp_writer_name(w), e->bucket);

    if (memcmp(h->hash, e->prev, DMP_HASH_LEN) != 0
        || !((e->epoch == h->epoch && e->seq == h->seq + 1)
             || (e->epoch > h->epoch && e->seq == 1)))
    {
        return false;
    }

    stored = &log->entries[log->n++];
    stored->bucket = e->bucket;
    stored->ms = log->ms;
    stored->n = log->n % 3;
    stored->outcome = outcome;
    stored->body = malloc(e->body.len);
    stored->len = e->body.len;
    memcpy(stored->body, e->body.data, e->body.len);
    log->ms += 3;

    h->epoch = e->epoch;
    h->seq = e->seq;
    memcpy(h->hash, e->hash, DMP_HASH_LEN);

    return true;
}


static inline bool
log_ack(const log_t *log, dmp_writer_t *w, const dmp_entry_t *e)
{
    const log_entry_t  *last;

    last = &log->entries[log->n - 1];

    return dmp_writer_acked(w, e->bucket, e->seq, last->outcome, last->ms,
                            last->n);
}


static inline void
log_clear(log_t *log)
{
    size_t  i;

    for (i = 0; i < log->n; i++) {
        free(log->entries[i].body);
    }

    memset(log, 0, sizeof(*log));
}


/* An access whose strings are literals. */
typedef struct {
    dmp_subject_t   subject;
    dmp_request_t   request;
    dmp_decision_t  decision;
    dmp_access_t    access;
} log_access_t;


static inline void
log_make_access(log_access_t *a, int64_t time_ms)
{
    memset(a, 0, sizeof(*a));
    a->subject.actor = DMP_ACTOR_PROFESSIONAL;
    a->subject.auth = DMP_AUTH_DIRECT;
    a->subject.id = dmp_string("899700218896");
    a->subject.role.system = dmp_string("1.2.250.1.71.1.2.7");
    a->subject.role.code = dmp_string("10");
    a->subject.used.specialty.system = dmp_string("1.2.250.1.71.4.2.5");
    a->subject.used.specialty.code = dmp_string("SM26");
    a->subject.used.sector.system = dmp_string("1.2.250.1.71.4.2.4");
    a->subject.used.sector.code = dmp_string("SA07");
    a->subject.used.structure = dmp_string("1750000000");
    a->decision.unverified = true;
    a->subject.certificate_serial = dmp_string("2c0f9a7e1b3d5f60");
    a->subject.certificate_issuer
        = dmp_string("TEST AC IGC-SANTE FORT PERSONNES");
    a->request.mapping = DMP_MAPPING_ONE;
    a->request.operation = DMP_OPERATION_READ;
    a->request.mode = DMP_MODE_NORMAL;
    a->request.route = "/Binary/{id}";
    a->decision.effect = DMP_ALLOW;
    a->decision.rule = DMP_RULE_G1;
    a->access.time_ms = time_ms;
    a->access.trace_id = dmp_string("019a0000-0000-7000-8000-000000000001");
    a->access.subject = &a->subject;
    a->access.patient = dmp_string("AAAAAAAAAAAAAAAAAAAAAA");
    a->access.request = &a->request;
    a->access.decision = &a->decision;
    a->access.policy
        = dmp_string("Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE");
    a->access.version = 7;
    a->access.client = dmp_string("192.0.2.17");
    a->access.method = dmp_string("GET");
    a->access.document.id = dmp_string("1.2.250.1.213.4.2.1.1.17");
    a->access.document.type = dmp_string("34112-3");
}


/* An import of a directory by an operator, its begin or its end. */
typedef struct {
    dmp_subject_t  subject;
    dmp_admin_t    admin;
} log_admin_t;


static inline void
log_make_admin(log_admin_t *a, int64_t time_ms, bool ended)
{
    memset(a, 0, sizeof(*a));
    a->subject.actor = DMP_ACTOR_OPERATOR;
    a->subject.auth = DMP_AUTH_OPERATOR;
    a->subject.id = dmp_string("root");
    a->admin.time_ms = time_ms;
    a->admin.trace_id = dmp_string("019a0000-0000-7000-8000-000000000002");
    a->admin.subject = &a->subject;
    a->admin.command = dmp_string("directory import");
    a->admin.digest
        = dmp_string("Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE");
    a->admin.ended = ended;
    a->admin.added = 1000000;
    a->admin.changed = 17;
    a->admin.removed = 0;
}

#endif
