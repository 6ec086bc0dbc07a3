/*
 * dmp_writer_int.h: a writer's state, shared by what writes entries
 * (dmp_writer.c), those that name heads (dmp_writer_heads.c), and what the
 * store says of them (dmp_writer_acks.c).
 */

#ifndef DMP_WRITER_INT_H
#define DMP_WRITER_INT_H

#include "dmp_entry_int.h"


typedef enum {
    WRITER_CLOSED = 0,                   /* no epoch */
    WRITER_OPENING,                      /* its first entry is in flight */
    WRITER_OPEN,
    WRITER_LOST                          /* until every bucket is resolved */
} writer_state_t;

/* A place in a chain; epoch 0 is "before the first entry". */
typedef struct {
    uint64_t             epoch;
    uint64_t             seq;
    unsigned char        hash[DMP_HASH_LEN];
} writer_place_t;

typedef struct {
    writer_place_t       sent;           /* what the next entry extends */
    writer_place_t       known;          /* what the store is known to hold */
    uint64_t             ack_epoch;
    uint64_t             ack_seq;
    unsigned char        acks[DMP_HASH_LEN];
    uint64_t             listed_epoch;   /* head in a checkpoint written */
    uint64_t             listed_seq;
    uint64_t             signed_epoch;   /* head in one acknowledged */
    uint64_t             signed_seq;
    bool                 touched;
    bool                 forked;         /* the store's head is not ours */
} writer_chain_t;

/* Which heads of its own writer an entry names, so that they are signed. */
typedef enum {
    WRITER_NAMES_NONE = 0,
    WRITER_NAMES_CARRIED,                /* of epochs before its own */
    WRITER_NAMES_HEADS                   /* of its own epoch */
} writer_names_t;

typedef struct {
    unsigned             bucket;
    writer_names_t       names;
    writer_place_t       place;
} writer_flight_t;

/* As many as one link can leave: each of them may be the head that is found. */
#define WRITER_STRAYS  DMP_FLIGHT_MAX

struct dmp_writer_s {
    char                 name[DMP_WRITER_MAX];
    size_t               name_len;
    unsigned             buckets;
    unsigned             home;
    writer_state_t       state;
    uint64_t             epoch;
    int64_t              opened_ms;
    int64_t              expires_ms;
    int64_t              signed_ms;      /* time of its last signed entry */
    bool                 heartbeats;     /* promised */
    bool                 sign_each;
    EVP_PKEY            *audit_key;      /* borrowed */
    EVP_PKEY            *epoch_key;
    unsigned             not_signed;
    bool                 checkpointing;  /* one is in flight */
    size_t               first;          /* oldest in the ring below */
    size_t               n_flight;
    writer_flight_t      flight[DMP_FLIGHT_MAX];
    size_t               next_stray;     /* ring of those that may yet land */
    writer_flight_t      strays[WRITER_STRAYS];
    writer_chain_t       chains[];
};

/* Forgets the epoch's key; it cannot sign any more. */
void dmp_writer_wipe_key(dmp_writer_t *w);

bool dmp_writer_sign(EVP_PKEY *key, const char *data, size_t len,
    unsigned char signature[DMP_SIGNATURE_LEN]);

/* Whether an entry of that time may be written now. */
bool dmp_writer_may(const dmp_writer_t *w, int64_t time_ms);

/* Writes what every entry begins with, after the head that was sent last. */
dmp_rc_t dmp_writer_begin(dmp_writer_t *w, dmp_kind_t kind, unsigned bucket,
    int64_t time_ms, dmp_buf_t *buf, dmp_entry_t *entry);

/*
 * Signs the entry, closes it, and takes its place in the chain; or changes
 * nothing.  key is NULL where it has no signature.
 */
dmp_rc_t dmp_writer_end(dmp_writer_t *w, writer_names_t names, EVP_PKEY *key,
    dmp_buf_t *buf, dmp_entry_t *entry);

#endif
