/*
 * dmp_verify.h: proves a trace whole, or names the first place where it is
 * not.  It is fed entries, one bucket after the other, and reads nothing
 * itself.  Identities come from the caller's keyring, never from the trace.
 */

#ifndef DMP_VERIFY_H
#define DMP_VERIFY_H

#include <openssl/evp.h>

#include <dmp/dmp.h>
#include <dmp/dmp_entry.h>


#define DMP_VERIFY_KEYS  32

typedef struct dmp_verify_s  dmp_verify_t;

/* What is wrong, and where: seq 0 where no entry could be named. */
typedef struct {
    unsigned  bucket;
    uint64_t  id_ms;                     /* of the entry, or of the last one */
    uint64_t  id_seq;                    /* before what is missing */
    char      writer[DMP_WRITER_MAX + 1];
    uint64_t  epoch;
    uint64_t  seq;
    char      text[256];
} dmp_finding_t;

typedef struct {
    uint64_t       entries;
    uint64_t       writers;
    uint64_t       epochs;
    uint64_t       checkpoints;          /* and ends of epochs */
    uint64_t       not_signed;           /* after the last signed head */
    uint64_t       findings;             /* 0: the trace is whole */
    dmp_finding_t  first;                /* in the order of the trace */
} dmp_verify_result_t;

/* NULL without memory.  buckets: as many as the store has. */
dmp_verify_t *dmp_verify_create(unsigned buckets);
void dmp_verify_free(dmp_verify_t *v);

/* A public key (Ed25519) that may certify epochs; a reference is taken. */
dmp_rc_t dmp_verify_key(dmp_verify_t *v, EVP_PKEY *key);

/*
 * The next entry of a bucket, in the stream's order; buckets one after the
 * other.  DMP_OK whatever is found; anything else: it could not be looked at.
 */
dmp_rc_t dmp_verify_entry(dmp_verify_t *v, unsigned bucket, uint64_t id_ms,
    uint64_t id_seq, dmp_str_t body, dmp_str_t outcome);

/*
 * The head that the store holds for a writer, taken at the same instant as
 * the last entry fed for that bucket; hash is NULL when it holds none.
 */
dmp_rc_t dmp_verify_head(dmp_verify_t *v, unsigned bucket, dmp_str_t writer,
    uint64_t epoch, uint64_t seq, const unsigned char *hash);

/* The writers seen in that bucket: *pos starts at 0; false at the end. */
bool dmp_verify_writers(const dmp_verify_t *v, unsigned bucket, size_t *pos,
    dmp_str_t *writer);

/* All was fed: what came of it.  Nothing can be fed afterwards. */
dmp_rc_t dmp_verify_finish(dmp_verify_t *v, dmp_verify_result_t *result);

#endif
