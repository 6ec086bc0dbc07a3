/*
 * verify_life.h: some lives of gateways as the real writer writes them, for
 * the tests of the verifier: several writers, buckets and epochs, commits of
 * all outcomes, heartbeats, entries that are signed one by one, a process that
 * dies with entries in flight, and its successor; and ways to forge the log.
 */

#ifndef VERIFY_LIFE_H
#define VERIFY_LIFE_H

#include <stdio.h>
#include <stdlib.h>

#include "../../policy/dmp_writer_int.h"
#include "verify_log.h"


#define LIFE_KEYS  16

/* Where an entry stands, and what its writer is told up to it. */
typedef struct {
    size_t         chain;                /* of the store's heads */
    uint64_t       epoch;
    unsigned char  acks[DMP_HASH_LEN];
} life_place_t;

/* Whose epoch has which key: a forger may have one of them. */
typedef struct {
    char        writer[DMP_WRITER_MAX + 1];
    uint64_t    epoch;
    EVP_PKEY   *key;
} life_key_t;

typedef struct {
    log_t          log;
    life_place_t   places[LOG_ENTRIES];
    log_records_t  records;
    EVP_PKEY      *audit_key;
    life_key_t     keys[LIFE_KEYS];
    size_t         n_keys;
    unsigned       traces;               /* trace ids given */
    dmp_writer_t  *dead;                 /* which dies */
    size_t         flight;               /* its first entry in flight */
} life_t;

static char  life_body[DMP_SUMMARY_MAX];


static inline void
life_must(bool ok, const char *what)
{
    if (!ok) {
        (void) fprintf(stderr, "%s\n", what);
        abort();
    }
}


static inline void
life_buf(dmp_buf_t *b)
{
    dmp_buf_init(b, life_body, sizeof(life_body));
}


/* Of the entry that was appended last. */
static inline void
life_place(life_t *l, const dmp_writer_t *w, const dmp_entry_t *e)
{
    size_t              i, k;
    life_place_t       *place;
    const log_entry_t  *stored;

    i = l->log.n - 1;
    stored = &l->log.entries[i];
    place = &l->places[i];
    place->chain = (size_t) (log_head(&l->log, dmp_writer_name(w), e->bucket)
                             - l->log.heads);
    place->epoch = e->epoch;
    memset(place->acks, 0, DMP_HASH_LEN);

    for (k = i; k-- > 0; /* void */) {
        if (l->places[k].chain == place->chain
            && l->places[k].epoch == place->epoch)
        {
            memcpy(place->acks, l->places[k].acks, DMP_HASH_LEN);
            break;
        }
    }

    life_must(dmp_acks_extend(place->acks, e->seq, stored->outcome, stored->ms,
                              stored->n), "no digest");
}


static inline void
life_send(life_t *l, dmp_writer_t *w, const dmp_entry_t *e, char outcome,
    bool acked)
{
    life_must(log_append(&l->log, w, e, outcome), "not appended");
    life_place(l, w, e);

    if (acked) {
        life_must(log_ack(&l->log, w, e), "not acknowledged");
    }
}


static inline void
life_open(life_t *l, dmp_writer_t *w)
{
    dmp_buf_t    b;
    dmp_entry_t  e;
    life_key_t  *k;

    life_buf(&b);
    life_must(dmp_writer_open_epoch(w, (int64_t) l->log.ms, &b, &e) == DMP_OK,
              "no epoch");
    life_must(l->n_keys < LIFE_KEYS, "too many keys");
    k = &l->keys[l->n_keys++];
    (void) snprintf(k->writer, sizeof(k->writer), "%.*s",
                    (int) dmp_writer_name(w).len, dmp_writer_name(w).data);
    k->epoch = e.epoch;
    k->key = w->epoch_key;
    (void) EVP_PKEY_up_ref(k->key);
    life_send(l, w, &e, 'S', true);
}


static inline void
life_heads(life_t *l, dmp_writer_t *w, dmp_kind_t kind)
{
    dmp_rc_t     rc;
    dmp_buf_t    b;
    dmp_entry_t  e;

    life_buf(&b);
    rc = kind == DMP_KIND_CHECKPOINT
         ? dmp_writer_checkpoint(w, (int64_t) l->log.ms, &b, &e)
         : kind == DMP_KIND_HEARTBEAT
         ? dmp_writer_heartbeat(w, (int64_t) l->log.ms, &b, &e)
         : dmp_writer_close_epoch(w, (int64_t) l->log.ms, &b, &e);
    life_must(rc == DMP_OK, "no heads");
    life_send(l, w, &e, 'S', true);
}


/* Idle for "beats" heartbeats. */
static inline void
life_idle(life_t *l, dmp_writer_t *w, unsigned beats)
{
    while (beats-- > 0) {
        l->log.ms += DMP_HEARTBEAT_MS;
        life_heads(l, w, DMP_KIND_HEARTBEAT);
    }
}


/* "019a0000-0000-7000-8000-00000000002a" */
static inline void
life_trace(char out[DMP_UUID_LEN + 1], unsigned number)
{
    (void) snprintf(out, DMP_UUID_LEN + 1, "019a0000-0000-7000-8000-%012x",
                    number);
}


typedef enum {
    LIFE_READ = 0,
    LIFE_STALE,                          /* with an older version */
    LIFE_CHANGE,
    LIFE_STALE_CHANGE,
    LIFE_REFUSED
} life_act_t;

static inline void
life_act(life_t *l, dmp_writer_t *w, unsigned bucket, life_act_t act,
    bool acked)
{
    char           trace[DMP_UUID_LEN + 1];
    uint64_t       version, next;
    dmp_buf_t      b;
    dmp_entry_t    e;
    log_access_t   a;

    life_buf(&b);
    life_trace(trace, ++l->traces);
    log_make_access(&a, (int64_t) l->log.ms);
    version = l->records.version[bucket];
    next = 0;
    a.access.trace_id = (dmp_str_t) { trace, DMP_UUID_LEN };
    a.access.patient = (dmp_str_t) { l->records.patient[bucket],
                                     DMP_PSEUDONYM_LEN };
    a.access.version = act == LIFE_STALE || act == LIFE_STALE_CHANGE
                       ? version - 1 : version;

    if (act == LIFE_REFUSED) {
        a.decision.effect = DMP_DENY;
        a.decision.reason = DMP_REASON_AUTHENTICATION_REQUIRED;
    }

    if (act == LIFE_CHANGE || act == LIFE_STALE_CHANGE) {
        next = version == 0 ? l->log.ms : a.access.version + 1;
        life_must(dmp_writer_change(w, bucket, &a.access, next, &b, &e)
                  == DMP_OK, "no change");

    } else {
        life_must(dmp_writer_access(w, bucket, &a.access, &b, &e) == DMP_OK,
                  "no access");
    }

    life_send(l, w, &e,
              log_commit(&l->records, bucket, a.access.version, next), acked);
}


/* Somebody's session; without "lives", it had ended. */
static inline void
life_session(life_t *l, dmp_writer_t *w, unsigned bucket, bool lives)
{
    char           trace[DMP_UUID_LEN + 1];
    dmp_buf_t      b;
    dmp_entry_t    e;
    log_access_t   a;

    life_buf(&b);
    life_trace(trace, ++l->traces);
    log_make_access(&a, (int64_t) l->log.ms);
    memset(&a.subject, 0, sizeof(a.subject));
    a.subject.actor = DMP_ACTOR_PATIENT;
    a.subject.auth = DMP_AUTH_SESSION;
    a.request.operation = lives ? DMP_OPERATION_CODE : DMP_OPERATION_SESSION;
    a.decision.rule = DMP_RULE_NONE;
    a.decision.unverified = false;
    a.access.trace_id = (dmp_str_t) { trace, DMP_UUID_LEN };
    a.access.patient = (dmp_str_t) { l->records.patient[bucket],
                                     DMP_PSEUDONYM_LEN };
    a.access.version = 0;
    a.access.document.id = dmp_null_string;
    life_must(dmp_writer_session(w, bucket, &a.access, &b, &e) == DMP_OK,
              "no session");
    life_send(l, w, &e, lives ? '1' : '0', true);
}


/* Outcomes; trace "abandoned" (0: none) was not forwarded. */
static inline void
life_outcome(life_t *l, dmp_writer_t *w, unsigned abandoned)
{
    char           trace[DMP_UUID_LEN + 1], list[1][DMP_UUID_LEN];
    dmp_buf_t      b;
    dmp_entry_t    e;
    dmp_outcome_t  outcome;

    life_buf(&b);
    memset(&outcome, 0, sizeof(outcome));
    life_trace(trace, l->traces);
    memcpy(outcome.trace_id, trace, DMP_UUID_LEN);
    outcome.status = 200;
    life_trace(trace, abandoned);
    memcpy(list[0], trace, DMP_UUID_LEN);
    life_must(dmp_writer_outcome(w, (int64_t) l->log.ms, &outcome, 1,
                                 (const char (*)[DMP_UUID_LEN]) list,
                                 abandoned != 0, &b, &e)
              == DMP_OK, "no outcome");
    life_send(l, w, &e, 'S', true);
}


static inline void
life_admin(life_t *l, dmp_writer_t *w, const char *command, bool ended,
    const unsigned *buckets, unsigned n)
{
    dmp_buf_t    b;
    dmp_entry_t  e;
    log_admin_t  a;

    life_buf(&b);
    log_make_admin(&a, (int64_t) l->log.ms, ended);
    a.admin.command = (dmp_str_t) { command, strlen(command) };
    a.admin.buckets = buckets;
    a.admin.n_buckets = n;
    life_must(dmp_writer_admin(w, &a.admin, &b, &e) == DMP_OK, "no admin");
    life_send(l, w, &e, 'S', true);
}


/* The end of an epoch of "of", by heads that it knew or the store has. */
static inline void
life_close_other(life_t *l, dmp_writer_t *w, const dmp_writer_t *of,
    uint64_t epoch, dmp_heads_t source)
{
    unsigned           i;
    dmp_buf_t          b;
    dmp_entry_t        e;
    dmp_other_t        other;
    const log_head_t  *h;
    dmp_chain_head_t   heads[LOG_BUCKETS];

    memset(&other, 0, sizeof(other));
    other.writer = dmp_writer_name(of);
    other.epoch = epoch;
    other.source = source;
    other.heads = heads;

    for (i = 0; i < LOG_BUCKETS; i++) {
        h = log_head(&l->log, other.writer, i);

        if (source == DMP_HEADS_MEMORY) {
            other.n_heads += dmp_writer_known(of, i, &heads[other.n_heads])
                             && heads[other.n_heads].epoch == epoch;

        } else if (h->epoch == epoch) {
            memset(&heads[other.n_heads], 0, sizeof(heads[0]));
            heads[other.n_heads].bucket = i;
            heads[other.n_heads].epoch = epoch;
            heads[other.n_heads].seq = h->seq;
            memcpy(heads[other.n_heads++].hash, h->hash, DMP_HASH_LEN);
        }
    }

    life_buf(&b);
    life_must(dmp_writer_close_other(w, (int64_t) l->log.ms, &other, &b, &e)
              == DMP_OK, "no end");
    life_send(l, w, &e, 'S', true);
}


static inline dmp_writer_t *
life_writer(life_t *l, const char *node, bool heartbeats, bool sign_each)
{
    dmp_writer_t  *w;

    w = dmp_writer_create((dmp_str_t) { node, strlen(node) }, LOG_BUCKETS,
                          l->audit_key, NULL);
    life_must(w != NULL, "no writer");
    dmp_writer_heartbeats(w, heartbeats);
    dmp_writer_sign_each(w, sign_each);

    return w;
}


static inline void
life_work(life_t *l, dmp_writer_t *w, unsigned turns, unsigned from)
{
    unsigned           i;
    static const life_act_t  acts[] = {
        LIFE_READ, LIFE_CHANGE, LIFE_READ, LIFE_STALE, LIFE_READ,
        LIFE_STALE_CHANGE, LIFE_REFUSED
    };

    for (i = from; i < from + turns; i++) {
        life_act(l, w, i % LOG_BUCKETS,
                 l->records.version[i % LOG_BUCKETS] == 0 ? LIFE_CHANGE
                                                          : acts[i % 7],
                 true);

        if (i % 8 == 7) {
            life_heads(l, w, DMP_KIND_CHECKPOINT);
            life_outcome(l, w, i % 16 == 7 ? l->traces - 1 : 0);
        }
    }
}


/*
 * gw-a promises heartbeats and has two epochs; gw-b signs each entry; gw-c dies
 * with two entries in flight, and gw-d ends its epoch, by what it remembered
 * and once more by the store.
 */
static inline void
life_make(life_t *l, EVP_PKEY *audit_key)
{
    dmp_writer_t  *a, *b, *c, *d;

    memset(l, 0, sizeof(*l));
    l->log.ms = LOG_TIME;
    l->audit_key = audit_key;
    log_make_records(&l->records);

    a = life_writer(l, "gw-a", true, false);
    b = life_writer(l, "gw-b", false, true);
    c = life_writer(l, "gw-c", true, false);
    d = life_writer(l, "gw-d", false, false);

    life_open(l, a);
    life_work(l, a, 52, 0);
    life_idle(l, a, 3);
    life_open(l, b);
    life_work(l, b, 3, 14);
    life_session(l, a, 1, true);
    life_session(l, b, 1, false);
    life_heads(l, a, DMP_KIND_EPOCH_CLOSE);

    life_open(l, a);
    life_open(l, c);
    life_work(l, a, 17, 5);
    life_work(l, c, 24, 2);
    life_idle(l, c, 1);
    life_act(l, c, 1, LIFE_READ, true);
    life_work(l, a, 9, 1);
    l->flight = l->log.n;
    life_act(l, c, 1, LIFE_READ, false);
    life_act(l, c, 2, LIFE_READ, false);
    l->dead = c;

    life_open(l, d);
    life_close_other(l, d, c, 1, DMP_HEADS_MEMORY);
    life_close_other(l, d, c, 1, DMP_HEADS_MEMORY);
    life_admin(l, d, "index build", false, NULL, 0);
    life_admin(l, d, "index build", true, NULL, 0);
    life_work(l, d, 28, 0);
    life_work(l, b, 1, 1);
    life_heads(l, b, DMP_KIND_EPOCH_CLOSE);
    life_heads(l, a, DMP_KIND_EPOCH_CLOSE);
    life_heads(l, d, DMP_KIND_EPOCH_CLOSE);

    dmp_writer_free(a);
    dmp_writer_free(b);
    dmp_writer_free(d);
}


/* Whether a head that one names says something of the chain of another. */
static inline bool
life_names(const dmp_entry_view_t *one, const dmp_entry_view_t *of,
    bool acked)
{
    unsigned                  h;
    const dmp_chain_head_t   *head;
    const dmp_signed_head_t  *own;

    for (h = 0; h < one->n_heads; h++) {
        head = &one->heads[h];

        if (head->bucket == of->bucket
            && ((head->epoch == of->epoch
                 && (acked ? head->acked : head->seq) >= of->seq)
                || (!acked && head->epoch > of->epoch)))
        {
            return true;
        }
    }

    for (h = 0; h < one->n_signed_heads; h++) {
        own = &one->signed_heads[h];

        if (own->bucket == of->bucket
            && ((own->epoch == of->epoch && own->seq >= of->seq)
                || (!acked && own->epoch > of->epoch)))
        {
            return true;
        }
    }

    return false;
}


static inline void
life_clear(life_t *l)
{
    size_t  i;

    for (i = 0; i < l->n_keys; i++) {
        EVP_PKEY_free(l->keys[i].key);
    }

    dmp_writer_free(l->dead);
    log_clear(&l->log);
}

#endif
