/*
 * dmp_trace.h: the bytes of the trace, and the writer that chains them.
 *
 * An entry's body is one compact JSON object, members in a fixed order,
 * written straight into the buffer that is hashed and sent.  Each life of a
 * process is a writer, with one chain per bucket: entry n carries SHA-256 of
 * the bytes of entry n - 1.  An epoch has an Ed25519 key of its own, made in
 * memory and certified in its "epoch-open" entry by the gateway's audit key.
 *
 * Format: docs/store.md.  Nothing here sends: the caller does, in order.
 */

#ifndef DMP_TRACE_H
#define DMP_TRACE_H

#include <openssl/evp.h>

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>


#define DMP_HASH_LEN       32
#define DMP_ACK_LEN        16            /* of a digest of acknowledgements, as
                                            entries carry it */
#define DMP_POLICY_TEXT    22            /* of a policy's digest, as entries
                                            name it: more than 16 bytes */
#define DMP_WRITER_MAX     96            /* "node/16 hex digits" */
#define DMP_ENTRY_MAX      8192          /* bytes of access, change, session,
                                            admin */
#define DMP_SUMMARY_MAX    40960         /* of any other entry: outcomes, and
                                            those that list heads */
#define DMP_OUTCOMES_MAX   192           /* per outcome entry: they fit at
                                            their longest, with those below */
#define DMP_ABANDONED_MAX  256           /* per outcome entry */
#define DMP_FLIGHT_MAX     8192          /* entries sent and not acknowledged */

#define DMP_EPOCH_MS       (60 * 60 * 1000)     /* life of an epoch */
#define DMP_EPOCH_SLACK_MS (60 * 1000)   /* its certificate allows that much
                                            more on either side */

#define DMP_HEARTBEAT_MS   (10 * 1000)   /* an idle writer signs that often */
#define DMP_SILENCE_MS     (30 * 1000)   /* no longer between signed entries of
                                            an epoch that promises it */

typedef struct dmp_writer_s  dmp_writer_t;

/*
 * The head of a chain as the store keeps it: "EPOCH:SEQUENCE:HASH", in decimal
 * and base64url; empty where a writer has none.
 */
#define DMP_HEAD_MAX  88

typedef struct {
    size_t  len;
    char    text[DMP_HEAD_MAX];
} dmp_head_t;

/* An entry that was written and must now be sent, in this order. */
typedef struct {
    unsigned        bucket;
    uint64_t        epoch;
    uint64_t        seq;
    unsigned char   prev[DMP_HASH_LEN];
    unsigned char   hash[DMP_HASH_LEN];
    dmp_head_t      before;              /* of its chain, and after it */
    dmp_head_t      after;
    dmp_str_t       body;                /* in the caller's buffer */
} dmp_entry_t;

/* A document in an entry. */
typedef struct {
    dmp_str_t  id;
    dmp_str_t  type;
} dmp_trace_document_t;

typedef struct {
    int64_t                time_ms;
    dmp_str_t              trace_id;     /* UUIDv7 */
    const dmp_subject_t   *subject;
    dmp_str_t              patient;      /* pseudonym, or empty */
    const dmp_request_t   *request;
    const dmp_decision_t  *decision;
    dmp_str_t              policy;       /* its whole digest, or empty */
    uint64_t               version;      /* record version the decision used */
    dmp_str_t              client;       /* address */
    dmp_str_t              method;
    dmp_trace_document_t   document;     /* id empty: none */
    uint64_t               repeated;     /* refusals not traced one by one */
    dmp_str_t              justification;    /* sealed; empty: none */
    dmp_str_t              details;      /* of a change, sealed; empty: none */
} dmp_access_t;

/*
 * What an entry seals is sealed by dmp_seal() with the trace id as its name,
 * one of these as its field, and version 1.
 */
#define DMP_JUSTIFICATION_FIELD  "justification"
#define DMP_DETAILS_FIELD        "details"

typedef struct {
    char      trace_id[DMP_UUID_LEN];
    unsigned  status;
    uint64_t  bytes;
    unsigned  shown;
    unsigned  withheld;
    dmp_reason_t  reason;                /* why an answer was not let out */
} dmp_outcome_t;

/*
 * The head of one chain: the entry and what the store answered up to it.
 * acked is less than seq where the last entries were never acknowledged.
 */
typedef struct {
    unsigned       bucket;
    uint64_t       epoch;
    uint64_t       seq;
    unsigned char  hash[DMP_HASH_LEN];
    uint64_t       acked;                /* 0: acks is not known */
    unsigned char  acks[DMP_HASH_LEN];
} dmp_chain_head_t;

/*
 * The head of a chain as its own writer signs it, of entries that were all
 * acknowledged: dmp_head_digest() of its hash and its acks.
 */
typedef struct {
    unsigned       bucket;
    uint64_t       epoch;
    uint64_t       seq;
    unsigned char  digest[DMP_HASH_LEN];
} dmp_signed_head_t;

/* SHA-256(hash || acks), one after the other as bytes. */
bool dmp_head_digest(const unsigned char hash[DMP_HASH_LEN],
    const unsigned char acks[DMP_HASH_LEN],
    unsigned char digest[DMP_HASH_LEN]);

/*
 * The head's text; empty for a place before the first one (epoch 0).  parse
 * sets epoch, seq and hash alone, and is false for any other text.
 */
void dmp_head_write(dmp_head_t *out, uint64_t epoch, uint64_t seq,
    const unsigned char hash[DMP_HASH_LEN]);
bool dmp_head_parse(dmp_str_t text, dmp_chain_head_t *head);

/*
 * An epoch of a writer that is no more, for its successor to end.  Heads of
 * memory were acknowledged to that writer; heads of the store are what the
 * store holds, and nothing but the store says that they are all.
 */
typedef enum {
    DMP_HEADS_NONE = 0,
    DMP_HEADS_MEMORY,
    DMP_HEADS_STORE
} dmp_heads_t;

typedef struct {
    dmp_str_t                writer;
    uint64_t                 epoch;
    dmp_heads_t              source;
    const dmp_chain_head_t  *heads;      /* of that epoch, buckets rising */
    unsigned                 n_heads;
} dmp_other_t;

/* What an operator did that concerns no record. */
typedef struct {
    int64_t               time_ms;
    dmp_str_t             trace_id;      /* UUIDv7, of begin and end alike */
    const dmp_subject_t  *subject;
    dmp_str_t             command;       /* "directory import" */
    dmp_str_t             digest;        /* of what it was given, or empty */
    bool                  ended;         /* false: begins, nothing is counted */
    uint64_t              added;         /* each at most 2^53 - 1 */
    uint64_t              changed;
    uint64_t              removed;
    const unsigned       *buckets;       /* reopened by it, rising; or NULL */
    unsigned              n_buckets;
} dmp_admin_t;

/*
 * A writer for "buckets" buckets, named node + "/" + 16 random hex digits.
 * Where closed[bucket] is not 0 is not its home (NULL: any may be).
 * audit_key is borrowed and must outlive it.  NULL without memory or
 * randomness, or if all are closed.  Free wipes the epoch's key.
 */
dmp_writer_t *dmp_writer_create(dmp_str_t node, unsigned buckets,
    EVP_PKEY *audit_key, const unsigned char *closed);
void dmp_writer_free(dmp_writer_t *w);

/*
 * To be said before the first epoch.  heartbeats: its epochs promise a signed
 * entry every DMP_SILENCE_MS at least; without, none is promised.  sign_each:
 * each entry carries a signature of its own.
 */
void dmp_writer_heartbeats(dmp_writer_t *w, bool heartbeats);
void dmp_writer_sign_each(dmp_writer_t *w, bool sign_each);

dmp_str_t dmp_writer_name(const dmp_writer_t *w);
unsigned dmp_writer_home(const dmp_writer_t *w);     /* its home bucket */
uint64_t dmp_writer_epoch(const dmp_writer_t *w);    /* 0: none open */

/* Whether entries can be written: an epoch is open and acknowledged. */
bool dmp_writer_ready(const dmp_writer_t *w);
int64_t dmp_writer_epoch_opened(const dmp_writer_t *w);      /* unix ms */

/*
 * Each of these writes one entry into buf (which it empties first), extends
 * the chain of its bucket as *sent*, and fills *entry.  DMP_E_LIMIT: it does
 * not fit, or too many are in flight; DMP_E_REFUSED: not now (no epoch is open
 * and acknowledged, or it is over: its certificate ends DMP_EPOCH_SLACK_MS
 * after its hour).  The chain is then as before.
 *
 * open_epoch makes the new key first; until the store has acknowledged the
 * entry no other may be sent, and none is written.  It goes to the home bucket,
 * like outcome, admin and checkpoint.  An epoch that is still open is
 * abandoned.
 */
dmp_rc_t dmp_writer_open_epoch(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry);
dmp_rc_t dmp_writer_access(dmp_writer_t *w, unsigned bucket,
    const dmp_access_t *access, dmp_buf_t *buf, dmp_entry_t *entry);
dmp_rc_t dmp_writer_outcome(dmp_writer_t *w, int64_t now_ms,
    const dmp_outcome_t *outcomes, size_t n,
    const char (*abandoned)[DMP_UUID_LEN], size_t n_abandoned, dmp_buf_t *buf,
    dmp_entry_t *entry);

/*
 * An operator's command, into the home bucket too: its begin, or its end.
 * DMP_E_INTERNAL without a command, DMP_E_LIMIT for a count beyond its bound.
 */
dmp_rc_t dmp_writer_admin(dmp_writer_t *w, const dmp_admin_t *admin,
    dmp_buf_t *buf, dmp_entry_t *entry);

/*
 * A change of a record: operation, the version it makes, who asked; of
 * "rights" also which, and which professional it concerns.
 */
dmp_rc_t dmp_writer_change(dmp_writer_t *w, unsigned bucket,
    const dmp_access_t *change, uint64_t new_version, dmp_buf_t *buf,
    dmp_entry_t *entry);

/*
 * What was done with a session or an account: an access like any other, of
 * kind "session", decided with no version of a record.  DMP_E_INTERNAL if
 * there is one.
 */
dmp_rc_t dmp_writer_session(dmp_writer_t *w, unsigned bucket,
    const dmp_access_t *session, dmp_buf_t *buf, dmp_entry_t *entry);

/*
 * The last acknowledged head of every bucket that moved since the last one,
 * signed with the epoch's key; DMP_E_REFUSED while one is in flight.
 * close_epoch: the same, all heads of the epoch, and the end of the epoch,
 * whose key is wiped; DMP_E_REFUSED while any entry is in flight.
 */
dmp_rc_t dmp_writer_checkpoint(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry);
dmp_rc_t dmp_writer_close_epoch(dmp_writer_t *w, int64_t now_ms,
    dmp_buf_t *buf, dmp_entry_t *entry);

/*
 * The same as a checkpoint, of a writer that may have nothing to say:
 * DMP_HEARTBEAT_MS after the last signed entry.
 */
dmp_rc_t dmp_writer_heartbeat(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry);

/* When the last signed entry of this epoch was written (unix ms), or opened. */
int64_t dmp_writer_signed_ms(const dmp_writer_t *w);

/*
 * The process stood still, or the clock was moved: the promise of heartbeats
 * is broken, and this epoch can sign nothing any more (DMP_E_REFUSED).  Only
 * dmp_writer_lost() and a new epoch help.
 */
bool dmp_writer_silent(const dmp_writer_t *w, int64_t now_ms);

/*
 * Ends an epoch of a writer that is no more: an epoch-close in the home bucket
 * of this one, signed with the audit key.
 */
dmp_rc_t dmp_writer_close_other(dmp_writer_t *w, int64_t now_ms,
    const dmp_other_t *other, dmp_buf_t *buf, dmp_entry_t *entry);

/* The last acknowledged head in that bucket; false if there is none. */
bool dmp_writer_known(const dmp_writer_t *w, unsigned bucket,
    dmp_chain_head_t *head);

/* Entries acknowledged since the last checkpoint, that one not counted. */
unsigned dmp_writer_unsigned(const dmp_writer_t *w);

/*
 * The store acknowledged the oldest entry that was sent and not yet
 * acknowledged (replies come in order): its outcome ('1', '0', 'S', 'R') and
 * its stream id.  False if *entry is not that one: the connection must be
 * dropped, since replies no longer fit requests.
 */
bool dmp_writer_acked(dmp_writer_t *w, unsigned bucket, uint64_t seq,
    char outcome, uint64_t id_ms, uint64_t id_seq);

/*
 * The connection is lost: entries sent and not acknowledged may or may not
 * stand.  Nothing can be written until resolve() was called for each bucket
 * that touched() gives, with the head the store holds, and a new epoch is
 * opened.  It may be called for other buckets, too.  resolve() is false when
 * that head is neither the last acknowledged one nor a later one of ours: the
 * store went back or forked, and nothing is written to that bucket any more
 * (DMP_E_REFUSED; if it is the home bucket, no epoch can be opened), but the
 * others go on.
 */
void dmp_writer_lost(dmp_writer_t *w);
bool dmp_writer_touched(const dmp_writer_t *w, unsigned bucket);
bool dmp_writer_resolve(dmp_writer_t *w, unsigned bucket, bool present,
    uint64_t epoch, uint64_t seq, const unsigned char hash[DMP_HASH_LEN]);

/* SHA-256 of an entry's bytes, as the next entry carries it. */
bool dmp_entry_hash(const char *body, size_t len,
    unsigned char hash[DMP_HASH_LEN]);

#endif
