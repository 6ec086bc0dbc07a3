/*
 * dmp_verify_heads.c: heads of chains that entries name, or the store holds:
 * compared with what was fed, at once or as soon as it is.
 */

#include <stdlib.h>

#include "dmp_verify_int.h"


/* The entry that a head names is not there. */
static void
verify_missing(dmp_verify_t *v, const verify_claim_t *claim,
    const verify_chain_t *chain, const verify_part_t *part)
{
    verify_place_t  place;

    memset(&place, 0, sizeof(place));
    place.bucket = claim->head.bucket;
    place.writer = claim->writer;
    place.epoch = claim->head.epoch;
    place.seq = 1;

    if (part != NULL) {
        verify_place_of(claim->writer, claim->head.bucket, part, part->last,
                        &place);
        place.seq++;
    }

    if (chain != NULL && place.ms == 0) {
        place.ms = chain->last.ms;
        place.n = chain->last.n;
    }

    verify_guess(verify_find(v, DMP_BREAK_MISSING, &place, &claim->witness,
                             "missing: a head named in bucket %u (%llu-%llu) "
                             "is sequence %llu", claim->witness.bucket,
                             (unsigned long long) claim->witness.ms,
                             (unsigned long long) claim->witness.n,
                             (unsigned long long) claim->head.seq));
}


/* What an opening carries does not stand so. */
static void
verify_not_carried(const verify_claim_t *claim, verify_chain_t *chain)
{
    if (!claim->certified && chain != NULL
        && chain->carried_by == claim->witness.epoch)
    {
        chain->carried_by = 0;
    }
}


/* What the end of an epoch names is where each of its parts must stop. */
static void
verify_final(dmp_verify_t *v, const verify_claim_t *claim, verify_part_t *part)
{
    verify_place_t  place;

    part->ended = true;
    part->end = claim->head.seq;

    /* In its own bucket the close itself follows. */
    if (claim->head.bucket == claim->witness.bucket) {
        part->end++;
    }

    verify_place_of(claim->writer, claim->head.bucket, part, part->end + 1,
                    &place);
    verify_after_end(v, part, &place, &claim->witness);
}


/* What the word of the entry that names a head is worth. */
typedef enum {
    VERIFY_WORD_NONE = 0,
    VERIFY_WORD_PUT_OFF,
    VERIFY_WORD_PROVEN
} verify_word_t;


static verify_word_t
verify_word(const verify_claim_t *claim)
{
    const verify_chain_t  *home;
    const verify_place_t  *witness;

    witness = &claim->witness;

    if (!claim->certified) {
        return VERIFY_WORD_NONE;
    }

    /* A successor's is looked at at once. */
    if (witness->writer != claim->writer) {
        return VERIFY_WORD_PROVEN;
    }

    home = claim->writer->chains[witness->bucket];

    if (verify_is_proven(home, witness->epoch, witness->seq)) {
        return VERIFY_WORD_PROVEN;
    }

    return verify_may_prove(home, witness->epoch, witness->seq)
           ? VERIFY_WORD_PUT_OFF : VERIFY_WORD_NONE;
}


/* A head of which hash and acknowledgements are known one by one. */
static bool
verify_named(dmp_verify_t *v, const verify_claim_t *claim, verify_part_t *part,
    const verify_mark_t *mark, bool sure)
{
    verify_place_t           place;
    const dmp_chain_head_t  *head;

    head = &claim->head;

    if (head->acked > 0) {
        verify_acks(v, claim->writer, head->bucket, part, head->acked,
                    head->acks, &claim->witness, sure);
    }

    if (memcmp(mark->hash, head->hash, DMP_HASH_LEN) == 0) {
        return true;
    }

    verify_place_of(claim->writer, head->bucket, part, head->seq, &place);
    (void) verify_find(v, DMP_BREAK_EDITED, &place, &claim->witness, "the "
                       "entry's bytes were changed: its hash is not the one "
                       "that %s in bucket %u (%llu-%llu) names",
                       claim->certified ? "a signed entry"
                                        : "the next epoch's opening",
                       claim->witness.bucket,
                       (unsigned long long) claim->witness.ms,
                       (unsigned long long) claim->witness.n);

    return false;
}


/* The entry itself, if it is still kept. */
static void
verify_compare_mark(dmp_verify_t *v, const verify_claim_t *claim,
    verify_chain_t *chain, verify_part_t *part)
{
    bool                     sure, same;
    verify_word_t            word;
    const verify_mark_t     *mark;
    const dmp_chain_head_t  *head;

    head = &claim->head;
    mark = part != NULL ? verify_mark(part, head->seq) : NULL;

    /* A gap has been told already; what is covered is implied by its links. */
    if (mark == NULL) {
        verify_not_carried(claim, chain);
        return;
    }

    word = verify_word(claim);
    sure = word == VERIFY_WORD_PROVEN;
    same = claim->digested ? verify_digested(v, claim, part, mark, sure)
                           : verify_named(v, claim, part, mark, sure);

    if (!same) {
        verify_not_carried(claim, chain);

    } else if (word != VERIFY_WORD_NONE) {
        verify_confirm(v, claim->writer, head->bucket, head->epoch, head->seq,
                       word == VERIFY_WORD_PUT_OFF);
    }
}


/* A head that an entry names must be the one the stream has. */
static void
verify_compare(dmp_verify_t *v, const verify_claim_t *claim)
{
    verify_part_t           *part;
    verify_chain_t          *chain;
    const dmp_chain_head_t  *head;

    head = &claim->head;
    chain = claim->writer->chains[head->bucket];
    part = verify_part(chain, head->epoch);

    if (part == NULL || head->seq > part->last) {

        /* Later heads were signed meanwhile: their links lead back to it. */
        if (part == NULL && chain != NULL
            && (head->epoch < chain->gone_epoch
                || (head->epoch == chain->gone_epoch
                    && head->seq <= chain->gone_last)))
        {
            return;
        }

        verify_missing(v, claim, chain, part);
    }

    if (part != NULL && claim->final) {
        verify_final(v, claim, part);
    }

    verify_compare_mark(v, claim, chain, part);
}


void
verify_claims_signed(const verify_writer_t *writer, verify_chain_t *chain,
    uint64_t epoch)
{
    verify_claim_t  *claim;

    for (claim = chain->claims; claim != NULL; claim = claim->next) {
        if (claim->witness.writer == writer && claim->witness.epoch == epoch) {
            claim->certified = true;
        }
    }
}


/* Whether that entry may still come. */
static bool
verify_comes(verify_chain_t *chain, const dmp_chain_head_t *head)
{
    const verify_part_t  *last;

    last = chain->n > 0 ? &chain->parts[chain->n - 1] : NULL;

    return last == NULL || head->epoch > last->epoch
           || (head->epoch == last->epoch && head->seq > last->last);
}


/*
 * Many heads may wait for a bucket that lost its end, or that is fed last.  Of
 * those that name one epoch the first and the last say all that there is to
 * say; the others only where exactly.
 */
static void
verify_thin_claims(dmp_verify_t *v, verify_chain_t *chain)
{
    uint64_t         before;
    verify_claim_t  *claim, **link;

    before = 0;
    link = &chain->claims;

    while ((claim = *link) != NULL) {
        if (claim->next != NULL && claim->head.epoch == before
            && claim->next->head.epoch == before)
        {
            *link = claim->next;
            v->n_pending--;
            v->streams[claim->head.bucket].pending--;
            free(claim);
            continue;
        }

        before = claim->head.epoch;
        link = &claim->next;
    }

    chain->claims_end = link;
}


static bool
verify_room(dmp_verify_t *v)
{
    size_t    i;
    unsigned  b;

    if (v->n_pending < DMP_VERIFY_PENDING) {
        return true;
    }

    for (i = 0; i < v->n_writers; i++) {
        for (b = 0; b < v->buckets; b++) {
            if (v->writers[i]->chains[b] != NULL) {
                verify_thin_claims(v, v->writers[i]->chains[b]);
            }
        }
    }

    /* Once more each time one comes would take for ever. */
    v->too_many = v->n_pending > DMP_VERIFY_PENDING / 4 * 3;

    return !v->too_many;
}


void
verify_claim(dmp_verify_t *v, const verify_claim_t *claim)
{
    verify_chain_t  *chain;
    verify_claim_t  *waits;

    chain = verify_chain(v, claim->writer, claim->head.bucket);

    if (chain == NULL) {
        return;
    }

    if (!verify_comes(chain, &claim->head)) {
        verify_compare(v, claim);
        return;
    }

    if (!verify_room(v)) {
        return;
    }

    waits = malloc(sizeof(*waits));
    if (waits == NULL) {
        v->no_memory = true;
        return;
    }

    *waits = *claim;
    waits->next = NULL;
    *chain->claims_end = waits;
    chain->claims_end = &waits->next;
    v->n_pending++;
    v->streams[claim->head.bucket].pending++;
}


void
verify_settle_claims(dmp_verify_t *v, verify_chain_t *chain,
    uint64_t before_epoch)
{
    verify_claim_t  *claim;

    /* They came in their order, but for those of another writer. */
    while ((claim = chain->claims) != NULL
           && (claim->head.epoch < before_epoch
               || !verify_comes(chain, &claim->head)))
    {
        chain->claims = claim->next;

        if (chain->claims == NULL) {
            chain->claims_end = &chain->claims;
        }

        v->n_pending--;
        v->streams[claim->head.bucket].pending--;
        verify_compare(v, claim);
        free(claim);
    }
}


/* What the store holds, and what the stream ends with. */
static void
verify_store_head(dmp_verify_t *v, verify_chain_t *chain,
    verify_place_t *place, uint64_t epoch, uint64_t seq,
    const unsigned char *hash)
{
    bool                   same;
    const verify_place_t  *last;

    last = &chain->last;
    same = memcmp(hash, chain->hash, DMP_HASH_LEN) == 0;

    if (chain->mismatch) {
        verify_edited(v, same ? &chain->before : last,
                      same && chain->crossing);
        chain->mismatch = false;

    } else if (last->epoch == epoch && last->seq == seq) {
        if (!same) {
            verify_edited(v, last, false);
        }

    } else if (epoch > last->epoch
               || (epoch == last->epoch && seq > last->seq))
    {
        place->seq = epoch == last->epoch ? last->seq + 1 : 1;
        place->epoch = epoch;
        verify_guess(verify_find(v, DMP_BREAK_MISSING, place, NULL,
                                 "missing: the stream ends before it, and the "
                                 "store's head is epoch %llu, sequence %llu",
                                 (unsigned long long) epoch,
                                 (unsigned long long) seq));

    } else {
        (void) verify_find(v, DMP_BREAK_HEAD, place, NULL, "the stream goes "
                           "on beyond the store's head (epoch %llu, sequence "
                           "%llu)", (unsigned long long) epoch,
                           (unsigned long long) seq);
    }
}


dmp_rc_t
dmp_verify_head(dmp_verify_t *v, unsigned bucket, dmp_str_t name,
    uint64_t epoch, uint64_t seq, const unsigned char *hash)
{
    verify_chain_t   *chain;
    verify_place_t    place;
    verify_writer_t  *writer;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    memset(&place, 0, sizeof(place));
    place.bucket = bucket;

    if (!dmp_entry_is_writer(name)) {
        (void) verify_find(v, DMP_BREAK_HEAD, &place, NULL, "the store holds a "
                           "head under a name that is no writer's");
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    if (!verify_room_for_writer(v, name)) {
        (void) verify_find(v, DMP_BREAK_HEAD, &place, NULL, "the store holds a "
                           "head of one more writer than are kept without a "
                           "certificate");
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    writer = verify_writer(v, name, true);

    if (writer == NULL) {
        return DMP_E_NOMEM;
    }

    verify_counted(v, writer, NULL);
    chain = verify_chain(v, writer, bucket);
    if (chain == NULL) {
        return DMP_E_NOMEM;
    }

    place = chain->last;
    place.bucket = bucket;
    place.writer = writer;

    if (hash == NULL) {
        (void) verify_find(v, DMP_BREAK_HEAD, &place, NULL, "the store holds "
                           "no head for this writer");

    } else {
        verify_store_head(v, chain, &place, epoch, seq, hash);
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


bool
dmp_verify_waiting(const dmp_verify_t *v, unsigned *bucket)
{
    unsigned  b;

    if (v->n_pending < DMP_VERIFY_PENDING / 2) {
        return false;
    }

    *bucket = 0;

    for (b = 1; b < v->buckets; b++) {
        if (v->streams[b].pending > v->streams[*bucket].pending) {
            *bucket = b;
        }
    }

    return true;
}
