/*
 * dmp_verify.h: proves a trace whole, or names the first place where it is
 * not.  It is fed entries and what else the store holds, and reads nothing
 * itself.  Identities come from the caller's keyring, never from the trace.
 *
 * Memory is bounded by writers, buckets and records, not by entries: what is
 * kept of an entry goes once a signed head covers it.
 */

#ifndef DMP_VERIFY_H
#define DMP_VERIFY_H

#include <openssl/evp.h>

#include <dmp/dmp.h>
#include <dmp/dmp_entry.h>


#define DMP_VERIFY_KEYS     32
#define DMP_VERIFY_PENDING  65536        /* heads that wait for their bucket */

typedef struct dmp_verify_s  dmp_verify_t;

/* What kind of break it is; dmp_break_name() is its name for machines. */
typedef enum {
    DMP_BREAK_NONE = 0,
    DMP_BREAK_FORMAT,                    /* not an entry, or not its place */
    DMP_BREAK_ORDER,                     /* ids, sequences, epochs */
    DMP_BREAK_MISSING,                   /* an entry that was written */
    DMP_BREAK_EDITED,                    /* bytes that were not */
    DMP_BREAK_CERTIFICATE,               /* of an epoch, or times outside it */
    DMP_BREAK_SIGNATURE,
    DMP_BREAK_OUTCOME,                   /* outcome or id: acknowledgements; or
                                            bytes, where a signed head alone
                                            tells that it is one of these */
    DMP_BREAK_SILENCE,                   /* heartbeats with a hole */
    DMP_BREAK_AFTER_END,                 /* written after the epoch's end */
    DMP_BREAK_HEAD,                      /* the store's own head of a writer */
    DMP_BREAK_DELETED,                   /* the stream says so itself */
    DMP_BREAK_VERSION,                   /* of a record, at an access */
    DMP_BREAK_HISTORY,                   /* a holder's list */
    DMP_BREAK_RECEIPT,                   /* forwarded without its trace */
    DMP_BREAK_MAX
} dmp_break_t;

const char *dmp_break_name(dmp_break_t what);

/* What is wrong, and where: seq 0 where no entry could be named. */
typedef struct {
    dmp_break_t  what;
    unsigned     bucket;
    uint64_t     id_ms;                  /* of the entry, or of the last one */
    uint64_t     id_seq;                 /* before what is missing */
    char         writer[DMP_WRITER_MAX + 1];
    uint64_t     epoch;
    uint64_t     seq;
    char         patient[DMP_PSEUDONYM_LEN + 1];     /* or empty */
    char         text[256];
} dmp_finding_t;

typedef struct {
    uint64_t       entries;
    uint64_t       writers;
    uint64_t       epochs;
    uint64_t       checkpoints;          /* and heartbeats, ends of epochs */
    uint64_t       not_signed;           /* after the last signed head of an
                                            epoch that may still sign it */
    uint64_t       unproven;             /* after that of one that is over:
                                            nobody has signed it, and nobody
                                            will */
    uint64_t       ended_by_successor;   /* epochs, by heads it remembered */
    uint64_t       ended_by_store;       /* epochs, by the store's own heads */
    uint64_t       silent;               /* epochs that promised heartbeats and
                                            have neither ended nor spoken */
    uint64_t       records;
    uint64_t       receipts;             /* given, and found in the trace */
    uint64_t       commands;             /* of operators, that did not end */
    uint64_t       recovered;            /* findings before a recovery */
    uint64_t       findings;             /* others; 0: the trace is whole */
    dmp_finding_t  first;                /* in the order of the trace */
} dmp_verify_result_t;

/*
 * NULL without memory.  buckets: as many as the store has.  now_ms: what the
 * store's clock said after the last entry was read (dmp_verify_now() may say
 * it later, before finish); 0: silence at the end is not looked at.
 */
dmp_verify_t *dmp_verify_create(unsigned buckets, int64_t now_ms);
void dmp_verify_free(dmp_verify_t *v);
void dmp_verify_now(dmp_verify_t *v, int64_t now_ms);

/*
 * Findings in a bucket before an operator's recovery of it do not count as
 * findings, but as recovered.
 */
void dmp_verify_since_recovery(dmp_verify_t *v);

/* A public key (Ed25519) that may certify epochs; a reference is taken. */
dmp_rc_t dmp_verify_key(dmp_verify_t *v, EVP_PKEY *key);

/*
 * Before any entry: that a request was forwarded, as the record host's log
 * says.  DMP_E_SYNTAX: no trace id, or no writer.
 */
typedef struct {
    dmp_str_t  trace_id;
    dmp_str_t  writer;
    unsigned   bucket;
    uint64_t   epoch;
    uint64_t   seq;
} dmp_receipt_t;

dmp_rc_t dmp_verify_receipt(dmp_verify_t *v, const dmp_receipt_t *receipt);

/*
 * The next entry of a bucket, in the stream's order.  Buckets come in any
 * order, best merged by id: a head that names what was not fed yet waits, and
 * dmp_verify_waiting() then says which bucket to go on with.  DMP_E_LIMIT: more
 * than DMP_VERIFY_PENDING wait.  DMP_OK whatever is found; anything else: it
 * could not be looked at.
 */
dmp_rc_t dmp_verify_entry(dmp_verify_t *v, unsigned bucket, uint64_t id_ms,
    uint64_t id_seq, dmp_str_t body, dmp_str_t outcome);
bool dmp_verify_waiting(const dmp_verify_t *v, unsigned *bucket);

/*
 * All entries of that bucket were fed; what the stream says of itself, taken
 * at the same instant as its last entry: how many it has, how many were ever
 * added, and the greatest id that was deleted (0-0: none).
 */
typedef struct {
    uint64_t  length;
    uint64_t  added;
    uint64_t  deleted_ms;
    uint64_t  deleted_seq;
} dmp_stream_facts_t;

dmp_rc_t dmp_verify_stream(dmp_verify_t *v, unsigned bucket,
    const dmp_stream_facts_t *facts);

/*
 * The head that the store holds for a writer, taken at the same instant as
 * the last entry fed for that bucket; hash is NULL when it holds none.
 */
dmp_rc_t dmp_verify_head(dmp_verify_t *v, unsigned bucket, dmp_str_t writer,
    uint64_t epoch, uint64_t seq, const unsigned char *hash);

/* The writers seen in that bucket: *pos starts at 0; false at the end. */
bool dmp_verify_writers(const dmp_verify_t *v, unsigned bucket, size_t *pos,
    dmp_str_t *writer);

/*
 * The records of the trace, after all entries: *pos starts at 0; false at the
 * end.  What they are compared with:
 *
 *   version   of the live record, 0 where there is none; "before" was read
 *             before the first entry was, "after" after the last: gateways may
 *             write meanwhile, and a version only grows.  A record of which
 *             the trace knows nothing is told, too
 *   history   the holder's list, in pieces and in order; its elements (8 or 16
 *             bytes each, lens) beyond what the trace has are left alone, since
 *             they may have come meanwhile.  end says that the list ends,
 *             before how many elements it had before the first entry was
 *             read: the trace must know of as many
 */
typedef struct {
    char      patient[DMP_PSEUDONYM_LEN];
    unsigned  bucket;
    uint64_t  version;                   /* after the last entry */
    uint64_t  references;                /* entries about it */
} dmp_verify_record_t;

bool dmp_verify_records(const dmp_verify_t *v, size_t *pos,
    dmp_verify_record_t *record);
dmp_rc_t dmp_verify_version(dmp_verify_t *v, const char *patient,
    unsigned bucket, uint64_t before, uint64_t after);
dmp_rc_t dmp_verify_history(dmp_verify_t *v, const char *patient,
    dmp_str_t element);
dmp_rc_t dmp_verify_history_end(dmp_verify_t *v, const char *patient);
dmp_rc_t dmp_verify_history_before(dmp_verify_t *v, const char *patient,
    unsigned bucket, uint64_t elements);

/* All was fed: what came of it.  Nothing can be fed afterwards. */
dmp_rc_t dmp_verify_finish(dmp_verify_t *v, dmp_verify_result_t *result);

/*
 * After finish: whether what stands at that place is the writer's own.  An
 * entry that is not PROVEN may have been put there by anybody who can write to
 * the store; PENDING: its epoch may still sign it.
 */
typedef enum {
    DMP_COVER_NONE = 0,                  /* no such entry, or nobody's word */
    DMP_COVER_PENDING,
    DMP_COVER_PROVEN
} dmp_cover_t;

dmp_cover_t dmp_verify_cover(const dmp_verify_t *v, dmp_str_t writer,
    unsigned bucket, uint64_t epoch, uint64_t seq);

/*
 * After finish: the findings that count, in the order of the trace, at most as
 * many as are kept; *pos starts at 0.
 */
bool dmp_verify_findings(const dmp_verify_t *v, size_t *pos,
    dmp_finding_t *finding);

#endif
