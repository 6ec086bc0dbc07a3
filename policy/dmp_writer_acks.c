/*
 * dmp_writer_acks.c: what the store has acknowledged of a writer's entries,
 * and where its chains stand after a link was lost.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "dmp_writer_int.h"


/* What an acknowledged entry says of other heads is now in the store. */
static void
writer_confirm(dmp_writer_t *w, const writer_flight_t *flight)
{
    unsigned         i;
    writer_chain_t  *chain;

    for (i = 0; i < w->buckets; i++) {
        chain = &w->chains[i];

        if (flight->names == WRITER_NAMES_CARRIED) {
            if (chain->known.epoch < flight->place.epoch) {
                chain->signed_epoch = chain->known.epoch;
                chain->signed_seq = chain->known.seq;
            }

        } else if (chain->listed_epoch == flight->place.epoch) {
            chain->signed_epoch = chain->listed_epoch;
            chain->signed_seq = chain->listed_seq;
        }
    }
}


bool
dmp_writer_acked(dmp_writer_t *w, unsigned bucket, uint64_t seq, char outcome,
    uint64_t id_ms, uint64_t id_seq)
{
    writer_chain_t   *chain;
    writer_flight_t  *flight;

    if (w->state == WRITER_LOST || w->n_flight == 0) {
        return false;
    }

    flight = &w->flight[w->first];

    if (flight->bucket != bucket || flight->place.seq != seq) {
        return false;
    }

    chain = &w->chains[bucket];

    if (chain->ack_epoch != flight->place.epoch) {
        chain->ack_epoch = flight->place.epoch;
        memset(chain->acks, 0, DMP_HASH_LEN);
    }

    if (!dmp_acks_extend(chain->acks, seq, outcome, id_ms,
                         id_seq))
    {
        return false;
    }

    switch (flight->names) {

    case WRITER_NAMES_CARRIED:
        writer_confirm(w, flight);

        if (w->state == WRITER_OPENING) {
            w->state = WRITER_OPEN;
        }

        break;

    case WRITER_NAMES_HEADS:
        writer_confirm(w, flight);
        w->checkpointing = false;
        break;

    default:
        w->not_signed++;
    }

    chain->ack_seq = seq;
    chain->known = flight->place;

    w->first = (w->first + 1) % DMP_FLIGHT_MAX;
    w->n_flight--;

    return true;
}


void
dmp_writer_lost(dmp_writer_t *w)
{
    size_t           i;
    writer_chain_t  *chain;

    for (i = 0; i < w->n_flight; i++) {
        w->chains[w->flight[(w->first + i) % DMP_FLIGHT_MAX].bucket].touched
            = true;
    }

    /* A checkpoint in flight may not stand: its heads are to be told again. */
    for (i = 0; i < w->buckets; i++) {
        chain = &w->chains[i];
        chain->listed_epoch = 0;
        chain->listed_seq = 0;
    }

    dmp_writer_wipe_key(w);
    w->checkpointing = false;
    w->not_signed = 0;
    w->state = w->n_flight > 0 ? WRITER_LOST : WRITER_CLOSED;
}


bool
dmp_writer_touched(const dmp_writer_t *w, unsigned bucket)
{
    return bucket < w->buckets && w->chains[bucket].touched;
}


static bool
writer_same(const writer_place_t *a, const writer_place_t *b)
{
    return a->epoch == b->epoch && a->seq == b->seq
           && memcmp(a->hash, b->hash, DMP_HASH_LEN) == 0;
}


/* Whether a place comes after another of the same chain. */
static bool
writer_after(const writer_place_t *a, const writer_place_t *b)
{
    return a->epoch > b->epoch || (a->epoch == b->epoch && a->seq > b->seq);
}


/*
 * An entry of an earlier link that a store, stopped meanwhile, has executed
 * only after the head was asked for.  Not once a later head is known.
 */
static bool
writer_is_stray(const dmp_writer_t *w, unsigned bucket,
    const writer_place_t *place)
{
    size_t                  i;
    const writer_flight_t  *stray;

    for (i = 0; i < WRITER_STRAYS; i++) {
        stray = &w->strays[i];

        if (stray->bucket == bucket && stray->place.epoch != 0
            && writer_same(place, &stray->place))
        {
            return writer_after(place, &w->chains[bucket].known);
        }
    }

    return false;
}


/*
 * The last known head, or one of those that were in flight from there.  A
 * bucket may be asked for twice: what it held the first time is known since.
 */
static bool
writer_is_ours(const dmp_writer_t *w, unsigned bucket,
    const writer_place_t *place)
{
    size_t                  i;
    const writer_flight_t  *flight;

    if (writer_same(place, &w->chains[bucket].known)) {
        return true;
    }

    for (i = 0; i < w->n_flight; i++) {
        flight = &w->flight[(w->first + i) % DMP_FLIGHT_MAX];

        if (flight->bucket == bucket && writer_same(place, &flight->place)) {
            return writer_after(place, &w->chains[bucket].known);
        }
    }

    return writer_is_stray(w, bucket, place);
}


/* After a loss: once every bucket has its answer, an epoch may be opened. */
static void
writer_settle(dmp_writer_t *w)
{
    size_t    n;
    unsigned  i;

    if (w->state != WRITER_LOST) {
        return;
    }

    for (i = 0; i < w->buckets; i++) {
        if (w->chains[i].touched) {
            return;
        }
    }

    for (n = 0; n < w->n_flight; n++) {
        w->strays[w->next_stray] = w->flight[(w->first + n) % DMP_FLIGHT_MAX];
        w->next_stray = (w->next_stray + 1) % WRITER_STRAYS;
    }

    w->first = 0;
    w->n_flight = 0;
    w->state = WRITER_CLOSED;
}


bool
dmp_writer_resolve(dmp_writer_t *w, unsigned bucket, bool present,
    uint64_t epoch, uint64_t seq, const unsigned char hash[DMP_HASH_LEN])
{
    writer_chain_t  *chain;
    writer_place_t   place;

    if (bucket >= w->buckets) {
        return false;
    }

    memset(&place, 0, sizeof(place));

    if (present) {
        place.epoch = epoch;
        place.seq = seq;
        memcpy(place.hash, hash, DMP_HASH_LEN);
    }

    chain = &w->chains[bucket];
    chain->forked = !writer_is_ours(w, bucket, &place);
    chain->touched = false;

    /* With entries in flight, it is their replies that move the chain. */
    if (!chain->forked && (w->state == WRITER_LOST || w->n_flight == 0)) {
        chain->known = place;
        chain->sent = place;
    }

    writer_settle(w);

    return !chain->forked;
}
