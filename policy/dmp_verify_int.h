/*
 * dmp_verify_int.h: what dmp_verify.c (one entry after the other) and
 * dmp_verify_finish.c (what can only be said at the end) share.
 */

#ifndef DMP_VERIFY_INT_H
#define DMP_VERIFY_INT_H

#include <dmp/dmp_verify.h>


#define VERIFY_SHORT  16                 /* of a hash that is only compared */

typedef struct verify_writer_s  verify_writer_t;

/* One entry, as findings name it. */
typedef struct {
    unsigned                bucket;
    uint64_t                ms;
    uint64_t                n;
    const verify_writer_t  *writer;      /* NULL: not known */
    uint64_t                epoch;
    uint64_t                seq;
} verify_place_t;

/* What is kept of each entry, to be compared with heads named elsewhere. */
typedef struct {
    unsigned char           hash[VERIFY_SHORT];
    unsigned char           acks[VERIFY_SHORT];
    uint64_t                ms;
    uint32_t                n;
    bool                    present;
} verify_mark_t;

/* The entries of one epoch in one bucket. */
typedef struct {
    uint64_t                epoch;
    verify_mark_t          *marks;       /* marks[seq - 1] */
    uint64_t                n;
    uint64_t                size;
    uint64_t                not_signed;  /* first seq beyond a signed head */
    uint64_t                acks_good;   /* digest confirmed up to that seq */
    bool                    acks_broken;
    bool                    ended;       /* named by the epoch's close */
    unsigned char           acks[DMP_HASH_LEN];
} verify_part_t;

/* One writer's chain in one bucket, over all epochs. */
typedef struct {
    verify_part_t          *parts;
    size_t                  n;
    size_t                  size;
    unsigned char           hash[DMP_HASH_LEN];
    verify_place_t          last;
    verify_place_t          before;      /* the entry "last" follows */
    bool                    mismatch;    /* last does not fit before */
    bool                    crossing;    /* … and begins an epoch */
    bool                    head_given;
} verify_chain_t;

typedef struct {
    uint64_t                epoch;
    EVP_PKEY               *key;         /* NULL: no open seen, or not valid */
    bool                    opened;
    bool                    closed;
    int64_t                 opened_ms;
    int64_t                 expires_ms;
    verify_place_t          first;       /* with the smallest id */
    int64_t                 min_ms;
    int64_t                 max_ms;
    verify_place_t          min;
    verify_place_t          max;
} verify_epoch_t;

/* A head that an entry names, until its bucket has been read. */
typedef struct {
    dmp_chain_head_t        head;
    verify_writer_t        *writer;
    verify_place_t          witness;
    bool                    final;
    bool                    certified;   /* the witness is signed */
} verify_claim_t;

struct verify_writer_s {
    char                    name[DMP_WRITER_MAX + 1];
    size_t                  name_len;
    verify_chain_t        **chains;      /* one per bucket, or NULL */
    verify_epoch_t         *epochs;
    size_t                  n_epochs;
    size_t                  size_epochs;
};

/*
 * witness is the entry that says so: if that one turns out to have been
 * edited, what it says counts for nothing.  A guess says that something is
 * missing after its place, and is void if an odd entry stands there.
 */
typedef struct {
    verify_place_t          place;
    verify_place_t          witness;
    bool                    guess;
    bool                    edited;      /* the entry's bytes were changed */
    bool                    settled;     /* void: a guess, and odd explains */
    char                    text[256];
} verify_finding_t;

struct dmp_verify_s {
    unsigned                buckets;
    EVP_MD                 *sha256;
    EVP_MD_CTX             *md;
    EVP_PKEY               *keys[DMP_VERIFY_KEYS];
    unsigned                n_keys;
    verify_writer_t       **writers;
    size_t                  n_writers;
    size_t                  size_writers;
    verify_writer_t        *recent;      /* entries come in runs */
    verify_claim_t         *claims;
    size_t                  n_claims;
    size_t                  size_claims;
    verify_finding_t       *findings;
    size_t                  n_findings;
    size_t                  size_findings;
    verify_place_t         *odd;         /* entries out of any chain */
    size_t                  n_odd;
    size_t                  size_odd;
    bool                    no_memory;
    unsigned                bucket;      /* being fed */
    uint64_t                last_ms;     /* last id of it */
    uint64_t                last_n;
    bool                    any;
    uint64_t                entries;
    uint64_t                checkpoints;
    dmp_entry_view_t        view;
};

/* Room for one more element; sets no_memory and returns NULL without. */
void *verify_grow(dmp_verify_t *v, void **list, size_t n, size_t *size,
    size_t element);

void verify_find(dmp_verify_t *v, const verify_place_t *place,
    const verify_place_t *witness, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What was found last may have another explanation. */
void verify_guess(dmp_verify_t *v);

/* An entry that fits nowhere: it may be the one that is missed elsewhere. */
void verify_odd(dmp_verify_t *v, const verify_place_t *place);

/* The bytes of that entry are not the ones that were written. */
void verify_edited(dmp_verify_t *v, const verify_place_t *place, bool guess);

/* NULL if there is none, and none is to be made (or no memory for it). */
verify_writer_t *verify_writer(dmp_verify_t *v, dmp_str_t name, bool create);
verify_chain_t *verify_chain(dmp_verify_t *v, verify_writer_t *writer,
    unsigned bucket);
verify_part_t *verify_part(verify_chain_t *chain, uint64_t epoch);
verify_epoch_t *verify_epoch(verify_writer_t *writer, uint64_t epoch);
void verify_claim(dmp_verify_t *v, const verify_claim_t *claim);
void verify_acks(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_part_t *part, uint64_t seq, const unsigned char *acks,
    const verify_place_t *witness);
void verify_place(const verify_writer_t *writer, unsigned bucket,
    const verify_part_t *part, uint64_t seq, verify_place_t *place);

#endif
