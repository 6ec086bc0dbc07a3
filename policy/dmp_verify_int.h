/*
 * dmp_verify_int.h: what the parts of the verifier share: entries and their
 * outcomes (dmp_verify.c), chains (dmp_verify_chain.c) and the heads that are
 * named of them (dmp_verify_heads.c), epochs and signatures
 * (dmp_verify_epoch.c), records (dmp_verify_record.c), what else is known
 * (dmp_verify_facts.c), memory and findings (dmp_verify_state.c), and the end
 * (dmp_verify_finish.c).
 */

#ifndef DMP_VERIFY_INT_H
#define DMP_VERIFY_INT_H

#include <dmp/dmp_record.h>
#include <dmp/dmp_verify.h>

#include "dmp_entry_int.h"


#define VERIFY_BINARY  16                /* a pseudonym's bytes */

/*
 * What is kept of epochs and writers that no certificate opens: entries of one
 * may come before its opening, but what is beyond that is a flood.
 */
#define VERIFY_UNCERTAIN_MAX  16         /* epochs of a writer */
#define VERIFY_LOOSE_MAX      4096       /* writers */
#define VERIFY_UNSURE_MAX     4096       /* recoveries */
#define VERIFY_WAITING_MAX    (DMP_VERIFY_PENDING / 4)

typedef struct verify_writer_s  verify_writer_t;
typedef struct verify_claim_s   verify_claim_t;

/* One entry, as findings name it. */
typedef struct {
    unsigned                bucket;
    uint64_t                ms;
    uint64_t                n;
    const verify_writer_t  *writer;      /* NULL: not known */
    uint64_t                epoch;
    uint64_t                seq;
} verify_place_t;

/*
 * What is kept of an entry until a signed head covers it, to be compared with
 * heads named elsewhere.
 */
typedef struct {
    unsigned char           hash[DMP_HASH_LEN];
    unsigned char           acks[DMP_HASH_LEN];
    uint64_t                seq;
    uint64_t                acked;       /* what it acknowledges */
    uint64_t                ms;
    uint64_t                n;
} verify_mark_t;

/* The entries of one epoch in one bucket. */
typedef struct {
    uint64_t                epoch;
    verify_mark_t          *marks;       /* seqs rising, of those not covered */
    size_t                  first;
    size_t                  n;           /* with those before first */
    size_t                  size;
    uint64_t                last;        /* greatest seq, and where it is */
    uint64_t                last_ms;
    uint64_t                last_n;
    uint64_t                signed_to;   /* seq that a signed head covers */
    uint64_t                acks_good;   /* digest confirmed up to that seq */
    uint64_t                acks_sure;   /* … by what is signed */
    bool                    acks_broken;
    bool                    opens;       /* begins with its epoch's opening */
    bool                    ended;       /* named by the epoch's close */
    bool                    ended_told;
    uint64_t                end;         /* … as where it must stop */
    unsigned char           acks[DMP_HASH_LEN];
} verify_part_t;

/* Where a chain is; an epoch's entries come after those of the one before. */
typedef struct {
    uint64_t                epoch;
    uint64_t                seq;
} verify_at_t;

/*
 * What is the writer's own, by signatures that were verified and by the links
 * from there: entries after "from" up to "to".  "put" is "to" if the signature
 * that was put off turns out to be good.  At a link that does not fit a new
 * stretch begins; the first one is kept.
 */
typedef struct {
    verify_at_t             from;
    verify_at_t             to;
    verify_at_t             put;
    verify_at_t             first;       /* where the first stretch ends */
    bool                    broken;
    verify_at_t            *ends;        /* of the parts that were dropped */
    size_t                  n;
    size_t                  size;
} verify_proof_t;

/* One writer's chain in one bucket: the epochs that are not covered yet. */
typedef struct {
    verify_part_t          *parts;
    size_t                  n;
    size_t                  size;
    unsigned char           hash[DMP_HASH_LEN];
    verify_place_t          last;
    verify_place_t          before;      /* the entry "last" follows */
    bool                    mismatch;    /* last does not fit before */
    bool                    crossing;    /* … and begins an epoch */
    uint64_t                gone_epoch;  /* the latest that was covered and */
    uint64_t                gone_last;   /* dropped, and its greatest seq */
    uint64_t                carried_by;  /* the opening that names these */
    uint64_t                carried_epoch;
    uint64_t                carried_seq;
    verify_proof_t          proof;
    verify_claim_t         *claims;      /* of entries not fed yet */
    verify_claim_t        **claims_end;
} verify_chain_t;

/* An entry with a signature of its own, before its epoch's opening was fed. */
typedef struct verify_waiting_s  verify_waiting_t;

struct verify_waiting_s {
    verify_waiting_t       *next;
    verify_place_t          place;
    unsigned char           signature[DMP_SIGNATURE_LEN];
    size_t                  len;
    char                    data[];
};

typedef struct {
    uint64_t                epoch;
    bool                    entered;     /* has entries */
    bool                    opened;
    bool                    certified;   /* … by a valid certificate */
    bool                    counted;     /* among those without one */
    bool                    spoke;       /* its opening is signed by now */
    bool                    closed;      /* by its own writer */
    bool                    followed;    /* an end by a successor was seen */
    bool                    sign_each;
    bool                    early_told;
    bool                    late_told;
    bool                    bare_told;
    unsigned char           public_key[DMP_PUBLIC_LEN];
    unsigned                home;        /* where its opening stands: what
                                            signs heads stands there, too */
    int64_t                 opened_ms;
    int64_t                 expires_ms;
    int64_t                 min_ms;      /* of entries fed before the opening */
    int64_t                 max_ms;
    verify_place_t          min;
    verify_place_t          max;
    int64_t                 promise_ms;  /* between signed entries; 0: none */
    int64_t                 signed_ms;   /* the last of those */
    verify_place_t          first;       /* fed first */
    verify_place_t          bare;        /* without a signature, before */
    verify_waiting_t       *waiting;
} verify_epoch_t;

/*
 * A head that an entry names.  Of one that its own writer signed, hash and acks
 * are not known, but for the digest of the two.
 */
struct verify_claim_s {
    verify_claim_t         *next;
    dmp_chain_head_t        head;
    bool                    digested;
    unsigned char           digest[DMP_HASH_LEN];
    verify_writer_t        *writer;
    verify_place_t          witness;
    bool                    final;       /* its epoch ends with it */
    bool                    certified;   /* the witness is signed */
};

/* Signed heads of which the signature was not looked at yet. */
typedef struct {
    bool                    any;
    verify_place_t          place;
    unsigned char           signature[DMP_SIGNATURE_LEN];
    size_t                  len;
    size_t                  size;
    char                   *data;
    unsigned                skipped;
} verify_last_t;

struct verify_writer_s {
    char                    name[DMP_WRITER_MAX + 1];
    size_t                  name_len;
    bool                    seen;        /* has entries */
    bool                    counted;     /* among those nobody certified */
    bool                    certified;   /* one of its epochs is */
    size_t                  n_uncertain; /* epochs without a certificate */
    verify_chain_t        **chains;      /* one per bucket, or NULL */
    verify_epoch_t         *epochs;      /* rising */
    size_t                  n_epochs;
    size_t                  size_epochs;
    uint64_t                greatest;    /* epoch with entries */
    EVP_PKEY               *key;         /* of that epoch, or NULL */
    uint64_t                key_epoch;
    verify_last_t           last;
};

/*
 * witness is the entry that says so: if that one turns out to have been
 * edited, what it says counts for nothing.  A guess says that something is
 * missing after its place, and is void if an odd entry stands there.  "since"
 * is what the break comes after, where that is not the place: a recovery in
 * between explains it.  A doubt says that something of the entries up to
 * "doubt" is not as it was signed, which another finding may say more exactly.
 */
typedef struct {
    dmp_break_t             what;
    verify_place_t          place;
    verify_place_t          witness;
    bool                    guess;
    bool                    edited;      /* the entry's bytes were changed */
    bool                    doubtful;
    verify_place_t          doubt;
    bool                    timeless;    /* nobody can tell when it happened */
    bool                    settled;     /* by another explanation */
    bool                    is_void;     /* … or it rests on one that was */
    bool                    recovered;
    bool                    has_since;
    uint64_t                since_ms;
    uint64_t                since_n;
    char                    patient[DMP_PSEUDONYM_LEN + 1];
    char                    text[256];
} verify_finding_t;

/* 64 bytes: there may be millions. */
typedef struct {
    unsigned char           id[VERIFY_BINARY];
    uint64_t                version;
    uint64_t                digest[2];   /* of the references, secretly keyed */
    uint64_t                last_ms;
    uint32_t                last_n;
    uint32_t                references;  /* 0: a free place in the table */
    uint32_t                first_ms_low;
    uint16_t                first_ms_high;
    uint8_t                 bucket;
    uint8_t                 flags;
} verify_record_t;

#define VERIFY_UNKNOWN  1                /* its version is what comes next */
#define VERIFY_LISTED   2                /* its history was compared */

/* How far the list of a record has been read, and its latest element. */
typedef struct {
    uint64_t                late_ms;
    uint64_t                digest[2];
    uint32_t                references;
} verify_list_t;

typedef struct {
    verify_record_t        *table;       /* open addressing */
    size_t                  n;
    size_t                  size;        /* a power of two, or 0 */
    verify_list_t          *lists;       /* as the table; NULL: none read */
    verify_record_t        *known;       /* of "patient", looked for last; */
    char                    patient[DMP_PSEUDONYM_LEN];    /* or NULL */
} verify_records_t;

typedef enum {
    VERIFY_RECEIPT_NONE = 0,             /* no entry at its place */
    VERIFY_RECEIPT_OTHER,                /* an entry that permits nothing */
    VERIFY_RECEIPT_FOUND
} verify_receipt_state_t;

typedef struct {
    char                    trace[DMP_UUID_LEN];
    bool                    used;        /* a place of the table */
    bool                    abandoned;
    verify_receipt_state_t  state;
    verify_place_t          place;
} verify_receipt_t;

typedef struct {
    verify_receipt_t       *table;
    size_t                  n;
    size_t                  size;
} verify_receipts_t;

/* An operator's recovery; counts if the entry that says so is proven. */
typedef struct {
    bool                    certified;
    verify_place_t          place;       /* of that entry */
    unsigned char           buckets[DMP_BUCKETS_MAX / 8];
} verify_recovery_t;

/* A bucket, as far as it was fed. */
typedef struct {
    uint64_t                fed;
    uint64_t                last_ms;
    uint64_t                last_n;
    uint64_t                recovered_ms;    /* the latest that is certified */
    size_t                  pending;     /* heads that wait for it */
} verify_stream_t;

struct dmp_verify_s {
    unsigned                buckets;
    int64_t                 now_ms;
    bool                    since_recovery;
    bool                    no_memory;
    bool                    too_many;
    uint64_t                secret[4];   /* of this run */
    EVP_PKEY               *keys[DMP_VERIFY_KEYS];
    unsigned                n_keys;

    verify_writer_t       **writers;     /* in the order of their coming */
    size_t                  n_writers;
    size_t                  size_writers;
    uint32_t               *names;       /* index + 1; open addressing */
    size_t                  size_names;
    verify_writer_t        *recent;      /* entries come in runs */

    size_t                  n_loose;     /* writers that nobody certified */
    size_t                  n_pending;
    size_t                  n_waiting;   /* entries, for their opening */
    verify_records_t        records;
    verify_receipts_t       receipts;

    verify_recovery_t      *recoveries;
    size_t                  n_recoveries;
    size_t                  size_recoveries;
    size_t                  n_unsure;    /* of them, not known as certified */
    size_t                  n_ignored;   /* … beyond as many as are kept */
    bool                    sure;        /* … which is known of all */

    char                  (*commands)[DMP_UUID_LEN];     /* begun, not ended */
    size_t                  n_commands;
    size_t                  size_commands;
    uint64_t                more_commands;

    verify_finding_t       *findings;
    size_t                  n_findings;
    size_t                  size_findings;
    uint64_t                not_kept;    /* findings beyond those */
    verify_place_t         *odd;         /* entries out of any chain */
    size_t                  n_odd;
    size_t                  size_odd;

    uint64_t                entries;
    uint64_t                checkpoints;
    uint64_t                ended_by_successor;
    uint64_t                ended_by_store;
    verify_stream_t         streams[DMP_BUCKETS_MAX];
    dmp_entry_view_t        view;
};


/* State */

/* Room for one more element; sets no_memory and returns NULL without. */
void *verify_grow(dmp_verify_t *v, void **list, size_t n, size_t *size,
    size_t element);

/*
 * NULL if there is none, and none is to be made (or no memory for it, or it is
 * no writer's name).
 */
verify_writer_t *verify_writer(dmp_verify_t *v, dmp_str_t name, bool create);
verify_chain_t *verify_chain(dmp_verify_t *v, verify_writer_t *writer,
    unsigned bucket);
verify_epoch_t *verify_epoch(dmp_verify_t *v, verify_writer_t *writer,
    uint64_t epoch, bool create);


/* NULL if there is none. */
verify_writer_t *verify_known_writer(const dmp_verify_t *v, dmp_str_t name);
const verify_epoch_t *verify_known_epoch(const verify_writer_t *writer,
    uint64_t epoch);

/* Whether there is room for what nobody has certified yet. */
bool verify_room_for_writer(dmp_verify_t *v, dmp_str_t name);
bool verify_room_for_epoch(dmp_verify_t *v, verify_writer_t *writer,
    uint64_t epoch);
void verify_counted(dmp_verify_t *v, verify_writer_t *writer,
    verify_epoch_t *e);
void verify_certain(dmp_verify_t *v, verify_writer_t *writer,
    verify_epoch_t *e);

/*
 * A hash of bytes at two secret points: nobody can aim at its collisions.
 * digest is read and written; it starts as zeros.
 */
void verify_absorb(const dmp_verify_t *v, uint64_t digest[2],
    const void *data, size_t len);
size_t verify_slot(const dmp_verify_t *v, const void *data, size_t len);

/* Findings; NULL if it is not kept. */
verify_finding_t *verify_find(dmp_verify_t *v, dmp_break_t what,
    const verify_place_t *place, const verify_place_t *witness,
    const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void verify_since(verify_finding_t *f, uint64_t ms, uint64_t n);

/* What was found may have another explanation. */
void verify_guess(verify_finding_t *f);

/* An entry that fits nowhere: it may be the one that is missed elsewhere. */
void verify_odd(dmp_verify_t *v, const verify_place_t *place);

/* The bytes of that entry are not the ones that were written. */
void verify_edited(dmp_verify_t *v, const verify_place_t *place, bool guess);

bool verify_earlier(const verify_place_t *a, const verify_place_t *b);


/* Chains */

/*
 * The entry's place in its chain: sequence, link, acknowledgements; NULL if it
 * has none.  The part lives until the next call.
 */
verify_part_t *verify_extend(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view, dmp_str_t body,
    char outcome);
verify_part_t *verify_part(const verify_chain_t *chain, uint64_t epoch);

/* NULL where the entry is missing, or was covered long ago. */
const verify_mark_t *verify_mark(const verify_part_t *part, uint64_t seq);
void verify_place_of(const verify_writer_t *writer, unsigned bucket,
    const verify_part_t *part, uint64_t seq, verify_place_t *place);

/*
 * Compares the first DMP_ACK_LEN bytes of a digest of acknowledgements up to
 * seq with what the stream says.  The chain's own next entry (sure: false) may
 * be anybody's: what it says keeps no other from being looked at.
 */
void verify_acks(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_part_t *part, uint64_t seq, const unsigned char *acks,
    const verify_place_t *witness, bool sure);

/*
 * The same of a signed head, by the digest of hash and acknowledgements: false
 * if it is another one.  Where the answers before it are known to be wrong that
 * was to be expected, and says nothing of the entry.
 */
bool verify_digested(dmp_verify_t *v, const verify_claim_t *claim,
    verify_part_t *part, const verify_mark_t *mark, bool sure);

/* An epoch that its writer has ended has no more entries here. */
void verify_after_end(dmp_verify_t *v, verify_part_t *part,
    const verify_place_t *place, const verify_place_t *witness);

/*
 * What is signed up to seq needs not be kept.  put_off: the signature was not
 * looked at yet, and proves nothing until it was.
 */
void verify_confirm(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    uint64_t epoch, uint64_t seq, bool put_off);

/* What was put off is good, or is not. */
void verify_proved(verify_writer_t *writer, unsigned buckets, bool good);

/* By what was verified; or by that and what was put off, if it is good. */
bool verify_is_proven(const verify_chain_t *chain, uint64_t epoch,
    uint64_t seq);
bool verify_may_prove(const verify_chain_t *chain, uint64_t epoch,
    uint64_t seq);

/* Compares a head with what was fed, or lets it wait. */
void verify_claim(dmp_verify_t *v, const verify_claim_t *claim);
void verify_settle_claims(dmp_verify_t *v, verify_chain_t *chain,
    uint64_t before_epoch);

/* The opening that names heads which wait is signed. */
void verify_claims_signed(const verify_writer_t *writer,
    verify_chain_t *chain, uint64_t epoch);

/* No entry of it comes any more. */
void verify_part_done(dmp_verify_t *v, verify_writer_t *writer,
    unsigned bucket, verify_part_t *part);


/* Epochs */

void verify_time(dmp_verify_t *v, verify_epoch_t *e,
    const verify_place_t *place, int64_t time_ms);
void verify_heads(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body);
void verify_signed_alone(dmp_verify_t *v, verify_writer_t *writer,
    verify_epoch_t *e, const verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body);

/* The signature that was put off, if there is one. */
void verify_last(dmp_verify_t *v, verify_writer_t *writer);
bool verify_promise_open(const dmp_verify_t *v, const verify_writer_t *writer,
    const verify_epoch_t *e);

/* Whether nobody will sign any more what is not signed in that epoch. */
bool verify_over(const dmp_verify_t *v, const verify_writer_t *writer,
    uint64_t epoch);


/* Records and what else is known */

void verify_commit(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, char outcome);
void verify_receipt_entry(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, char outcome);
void verify_abandoned(dmp_verify_t *v, const dmp_entry_view_t *view);
void verify_admin(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, bool chained);

/*
 * Which recoveries are proven by what was fed so far; whether there is one of
 * that bucket after a, and before b (or NULL).
 */
void verify_certify_recoveries(dmp_verify_t *v);
bool verify_recovered(const dmp_verify_t *v, unsigned bucket,
    const verify_place_t *a, const verify_place_t *b);
void verify_finish_receipts(dmp_verify_t *v, dmp_verify_result_t *result);

#endif
