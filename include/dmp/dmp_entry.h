/*
 * dmp_entry.h: reading entries of the trace, strictly: members in their
 * order, none unknown, none missing, none twice.  Format: docs/store.md.
 */

#ifndef DMP_ENTRY_H
#define DMP_ENTRY_H

#include <dmp/dmp.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_trace.h>


#define DMP_ENTRY_FORMAT   1
#define DMP_PUBLIC_LEN     32            /* Ed25519 */
#define DMP_SIGNATURE_LEN  64
#define DMP_CERTIFICATE_MAX  256         /* bytes of what is certified */

typedef enum {
    DMP_KIND_NONE = 0,
    DMP_KIND_ACCESS,
    DMP_KIND_CHANGE,
    DMP_KIND_OUTCOME,
    DMP_KIND_EPOCH_OPEN,
    DMP_KIND_EPOCH_CLOSE,
    DMP_KIND_CHECKPOINT,
    DMP_KIND_HEARTBEAT,
    DMP_KIND_ADMIN,
    DMP_KIND_SESSION,
    DMP_KIND_MAX
} dmp_kind_t;

const char *dmp_kind_name(dmp_kind_t kind);

/*
 * One entry, read.  Strings are raw (between their quotes, escapes as they
 * stand) and point into the body.
 */
typedef struct {
    dmp_kind_t        kind;
    dmp_str_t         writer;
    uint64_t          epoch;
    uint64_t          seq;
    unsigned char     prev[DMP_HASH_LEN];
    uint64_t          bucket;
    int64_t           time_ms;
    uint64_t          ack_seq;
    unsigned char     ack[DMP_ACK_LEN];

    /* access, change, session, admin: empty where the entry has none */
    dmp_str_t         trace;
    dmp_str_t         actor_kind;
    dmp_str_t         actor_id;
    dmp_str_t         actor_auth;
    bool              unverified;        /* nothing known for rule D1 */
    bool              discreet;          /* not for representatives */
    dmp_str_t         certificate_serial;
    dmp_str_t         certificate_issuer;

    /* access, change, session: of the latter, version is 0 */
    dmp_str_t         patient;
    dmp_str_t         operation;
    dmp_str_t         transaction;
    dmp_str_t         mode;
    bool              emergency;
    dmp_str_t         justification;     /* sealed, base64url */
    dmp_str_t         change;            /* of "rights": its name, whom it */
    dmp_str_t         target;            /* concerns, and what is sealed */
    dmp_str_t         details;
    dmp_str_t         documents;         /* the JSON list */
    dmp_str_t         decision;
    dmp_str_t         rule;
    dmp_str_t         reason;            /* empty: none */
    dmp_str_t         policy;            /* how its digest begins */
    uint64_t          version;
    uint64_t          new_version;
    dmp_str_t         client;
    dmp_str_t         method;
    dmp_str_t         route;
    uint64_t          repeated;

    /* admin: what was done, and if that has ended, to how many */
    dmp_str_t         command;
    dmp_str_t         digest;
    bool              ended;
    uint64_t          added;
    uint64_t          changed;
    uint64_t          removed;
    dmp_str_t         buckets;           /* the JSON list of those reopened */

    /* outcome: the JSON lists */
    dmp_str_t         outcomes;
    dmp_str_t         abandoned;

    /* epoch-open */
    unsigned char     public_key[DMP_PUBLIC_LEN];
    int64_t           opened_ms;
    int64_t           expires_ms;
    unsigned char     certificate[DMP_SIGNATURE_LEN];
    uint64_t          heartbeat;         /* seconds between signed entries, at
                                            most; 0: none is promised */

    /* epoch-close of another writer's epoch: of_writer empty where its own */
    dmp_str_t         of_writer;
    uint64_t          of_epoch;
    dmp_heads_t       source;

    /*
     * Either of the two: heads are carried by an epoch-open, or end another
     * writer's epoch; those of a checkpoint, a heartbeat and the end of the
     * writer's own are signed_heads.
     */
    unsigned           n_heads;
    unsigned           n_signed_heads;
    dmp_chain_head_t   heads[DMP_BUCKETS_MAX];
    dmp_signed_head_t  signed_heads[DMP_BUCKETS_MAX];

    /*
     * Of the first signed_len bytes (0: it has none).  Always there in
     * checkpoint, heartbeat and epoch-close, where each is signed in others.
     */
    unsigned char     signature[DMP_SIGNATURE_LEN];
    size_t            signed_len;
} dmp_entry_view_t;

/*
 * Reads a body.  DMP_E_SYNTAX or DMP_E_UNKNOWN, and error->text says where and
 * what; *view is then not to be used, but for what was read before.
 */
dmp_rc_t dmp_entry_parse(const char *body, size_t len, dmp_entry_view_t *view,
    dmp_error_t *error);

/*
 * The text that the gateway's audit key signs to certify an epoch:
 * "dmp-epoch/1", writer, epoch, public key, opened, expires, and the seconds of
 * its heartbeat (0: it promises none); one line each.
 */
void dmp_entry_certified(dmp_buf_t *b, dmp_str_t writer, uint64_t epoch,
    const unsigned char public_key[DMP_PUBLIC_LEN], int64_t opened_ms,
    int64_t expires_ms, uint64_t heartbeat);

/* "ms-n" of a stream id to its two numbers; false if it is not one. */
bool dmp_stream_id_parse(dmp_str_t text, uint64_t *ms, uint64_t *n);

/*
 * The next digest of acknowledgements: SHA-256(A || seq ":" outcome ":" ms "-"
 * n).  digest is read and written; it starts as zeros in each epoch.
 */
bool dmp_acks_extend(unsigned char digest[DMP_HASH_LEN], uint64_t seq,
    char outcome, uint64_t id_ms, uint64_t id_seq);

#endif
