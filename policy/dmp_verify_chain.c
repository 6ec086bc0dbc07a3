/*
 * dmp_verify_chain.c: a writer's chains: sequences, links, acknowledgements.
 * Marks of entries are kept until a signed head covers them; the links say
 * that what is before such a head is as it was.
 */

#include <stdio.h>
#include <stdlib.h>

#include "dmp_hash.h"
#include "dmp_verify_int.h"


/* A forged number must not put a writer's next entries out of their order. */
#define VERIFY_GAP_MAX  65536


verify_part_t *
verify_part(const verify_chain_t *chain, uint64_t epoch)
{
    size_t  i;

    for (i = chain != NULL ? chain->n : 0; i-- > 0; /* void */) {
        if (chain->parts[i].epoch == epoch) {
            return &chain->parts[i];
        }
    }

    return NULL;
}


/* The first mark of that sequence or a later one; part->n if there is none. */
static size_t
verify_mark_from(const verify_part_t *part, uint64_t seq)
{
    size_t  low, high, middle;

    low = part->first;
    high = part->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (part->marks[middle].seq < seq) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


const verify_mark_t *
verify_mark(const verify_part_t *part, uint64_t seq)
{
    size_t  i;

    i = verify_mark_from(part, seq);

    return i < part->n && part->marks[i].seq == seq ? &part->marks[i] : NULL;
}


void
verify_place_of(const verify_writer_t *writer, unsigned bucket,
    const verify_part_t *part, uint64_t seq, verify_place_t *place)
{
    const verify_mark_t  *mark;

    memset(place, 0, sizeof(*place));
    place->bucket = bucket;
    place->writer = writer;
    place->seq = seq;
    place->epoch = part->epoch;
    mark = verify_mark(part, seq);

    if (mark != NULL) {
        place->ms = mark->ms;
        place->n = mark->n;

    } else if (seq == part->last) {
        place->ms = part->last_ms;
        place->n = part->last_n;
    }
}


static verify_mark_t *
verify_add_mark(dmp_verify_t *v, verify_part_t *part)
{
    if (part->first > 0 && part->n == part->size) {
        part->n -= part->first;
        memmove(part->marks, part->marks + part->first,
                part->n * sizeof(*part->marks));
        part->first = 0;
    }

    return verify_grow(v, (void **) &part->marks, part->n, &part->size,
                       sizeof(*part->marks));
}


void
verify_part_done(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_part_t *part)
{
    verify_place_t   place;
    verify_epoch_t  *e;

    e = verify_epoch(v, writer, part->epoch, false);

    if (e != NULL && e->closed && !part->ended) {
        verify_place_of(writer, bucket, part, 1, &place);

        if (place.ms == 0) {
            verify_place_of(writer, bucket, part, part->last, &place);
        }

        (void) verify_find(v, DMP_BREAK_AFTER_END, &place, NULL, "the end of "
                           "its epoch names no head in this bucket");
    }
}


/* The parts before that one are covered by the links from it. */
static void
verify_drop_before(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_chain_t *chain, size_t index)
{
    size_t        i;
    verify_at_t  *end;

    for (i = 0; i < index; i++) {
        verify_part_done(v, writer, bucket, &chain->parts[i]);
        free(chain->parts[i].marks);
        end = verify_grow(v, (void **) &chain->proof.ends, chain->proof.n,
                          &chain->proof.size, sizeof(*end));

        if (end != NULL) {
            end->epoch = chain->parts[i].epoch;
            end->seq = chain->parts[i].last;
            chain->proof.n++;
        }
    }

    if (index > 0) {
        chain->gone_epoch = chain->parts[index - 1].epoch;
        chain->gone_last = chain->parts[index - 1].last;
        chain->n -= index;
        memmove(chain->parts, chain->parts + index,
                chain->n * sizeof(*chain->parts));
    }
}


/*
 * The opening of an epoch is signed by now: the heads that it carries are, too.
 */
static void
verify_carried(dmp_verify_t *v, verify_writer_t *writer, uint64_t epoch,
    bool put_off)
{
    unsigned         b;
    verify_part_t   *part;
    verify_epoch_t  *e;
    verify_chain_t  *chain;

    e = verify_epoch(v, writer, epoch, false);

    if (e != NULL) {
        e->spoke = true;
    }

    for (b = 0; b < v->buckets; b++) {
        chain = writer->chains[b];

        if (chain == NULL || chain->carried_by != epoch) {
            continue;
        }

        verify_claims_signed(writer, chain, epoch);

        chain->carried_by = 0;
        part = verify_part(chain, chain->carried_epoch);

        if (part != NULL && part->last >= chain->carried_seq) {
            verify_confirm(v, writer, b, chain->carried_epoch,
                           chain->carried_seq, put_off);
        }
    }
}


static bool
verify_up_to(verify_at_t at, verify_at_t end)
{
    return at.epoch < end.epoch
           || (at.epoch == end.epoch && at.seq <= end.seq);
}


static void
verify_prove(verify_chain_t *chain, uint64_t epoch, uint64_t seq, bool put_off)
{
    verify_at_t   at, *end;

    at = (verify_at_t) { epoch, seq };
    end = put_off ? &chain->proof.put : &chain->proof.to;

    if (!verify_up_to(at, *end)) {
        *end = at;
    }
}


void
verify_proved(verify_writer_t *writer, unsigned buckets, bool good)
{
    unsigned         b;
    verify_at_t      put;
    verify_chain_t  *chain;

    for (b = 0; b < buckets; b++) {
        chain = writer->chains[b];

        if (chain == NULL) {
            continue;
        }

        put = chain->proof.put;
        chain->proof.put = (verify_at_t) { 0, 0 };

        if (good) {
            verify_prove(chain, put.epoch, put.seq, false);
        }
    }
}


bool
verify_is_proven(const verify_chain_t *chain, uint64_t epoch, uint64_t seq)
{
    verify_at_t            at;
    const verify_proof_t  *proof;

    if (chain == NULL) {
        return false;
    }

    at = (verify_at_t) { epoch, seq };
    proof = &chain->proof;

    return (proof->broken && verify_up_to(at, proof->first))
           || (!verify_up_to(at, proof->from) && verify_up_to(at, proof->to));
}


bool
verify_may_prove(const verify_chain_t *chain, uint64_t epoch, uint64_t seq)
{
    verify_at_t  at;

    if (chain == NULL) {
        return false;
    }

    at = (verify_at_t) { epoch, seq };

    return verify_is_proven(chain, epoch, seq)
           || (!verify_up_to(at, chain->proof.from)
               && verify_up_to(at, chain->proof.put));
}


void
verify_confirm(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    uint64_t epoch, uint64_t seq, bool put_off)
{
    bool                  opens;
    uint64_t              to;
    verify_part_t        *part;
    verify_chain_t       *chain;
    const verify_mark_t  *mark;

    chain = writer->chains[bucket];
    part = verify_part(chain, epoch);

    if (part == NULL || seq > part->last) {
        return;
    }

    verify_prove(chain, epoch, seq, put_off);

    if (seq <= part->signed_to) {
        return;
    }

    part->signed_to = seq;

    mark = verify_mark(part, seq);

    if (mark != NULL && mark->acked > part->acks_sure) {
        part->acks_sure = mark->acked;
    }

    /* What the answers were is told up to there, too, or told as broken. */
    to = part->acks_broken || part->acks_sure > seq ? seq : part->acks_sure;
    part->first = verify_mark_from(part, to + 1);

    if (part->first == part->n) {
        part->first = 0;
        part->n = 0;
    }

    opens = part->opens;
    part->opens = false;
    verify_drop_before(v, writer, bucket, chain,
                       (size_t) (part - chain->parts));

    if (opens) {
        verify_carried(v, writer, epoch, put_off);
    }
}


void
verify_acks(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_part_t *part, uint64_t seq, const unsigned char *acks,
    const verify_place_t *witness, bool sure)
{
    uint64_t              from;
    verify_place_t        place;
    const verify_mark_t  *mark;

    from = sure ? part->acks_sure : part->acks_good;

    if (part->acks_broken || seq <= from || seq > part->last) {
        return;
    }

    mark = verify_mark(part, seq);
    if (mark == NULL) {
        return;
    }

    if (memcmp(mark->acks, acks, DMP_ACK_LEN) == 0) {
        part->acks_good = seq > part->acks_good ? seq : part->acks_good;
        part->acks_sure = sure ? seq : part->acks_sure;
        return;
    }

    part->acks_broken = true;
    from = (seq > part->acks_good ? part->acks_good : from) + 1;
    verify_place_of(writer, bucket, part, from, &place);

    if (seq == from) {
        (void) verify_find(v, DMP_BREAK_OUTCOME, &place, witness, "the outcome "
                           "or the id of the entry is not the one its writer "
                           "was given");

    } else {
        (void) verify_find(v, DMP_BREAK_OUTCOME, &place, witness, "the outcome "
                           "or the id of one of the entries from seq %llu to "
                           "%llu is not the one its writer was given",
                           (unsigned long long) from,
                           (unsigned long long) seq);
    }
}


/*
 * The digest tells neither which entry it is, nor whether its bytes or an
 * answer: the next one's link and acknowledgement do, or the store's head.
 * Where these fit it is an answer; or what follows was forged as well.
 */
static void
verify_doubt(dmp_verify_t *v, const verify_claim_t *claim,
    const verify_part_t *part, uint64_t from)
{
    char               which[96];
    uint64_t           to;
    verify_place_t     place;
    verify_finding_t  *f;

    to = claim->head.seq;
    verify_place_of(claim->writer, claim->head.bucket, part, from, &place);
    (void) snprintf(which, sizeof(which), from == to ? "the entry"
                    : "one of the entries from seq %llu to %llu",
                    (unsigned long long) from, (unsigned long long) to);
    f = verify_find(v, part->acks_good < to ? DMP_BREAK_OUTCOME
                                            : DMP_BREAK_EDITED,
                    &place, &claim->witness, "%s, or its outcome or id, is not "
                    "the one that was signed in bucket %u (%llu-%llu)", which,
                    claim->witness.bucket,
                    (unsigned long long) claim->witness.ms,
                    (unsigned long long) claim->witness.n);

    if (f != NULL) {
        f->doubtful = true;
        verify_place_of(claim->writer, claim->head.bucket, part, to,
                        &f->doubt);
    }
}


bool
verify_digested(dmp_verify_t *v, const verify_claim_t *claim,
    verify_part_t *part, const verify_mark_t *mark, bool sure)
{
    uint64_t       seq;
    unsigned char  digest[DMP_HASH_LEN];

    seq = claim->head.seq;

    if (!dmp_head_digest(mark->hash, mark->acks, digest)) {
        v->no_memory = true;
        return false;
    }

    if (memcmp(digest, claim->digest, DMP_HASH_LEN) == 0) {
        part->acks_good = seq > part->acks_good ? seq : part->acks_good;

        if (sure && seq > part->acks_sure) {
            part->acks_sure = seq;
        }

        return true;
    }

    if (!part->acks_broken || part->acks_good >= seq) {
        verify_doubt(v, claim, part,
                     part->acks_good < seq ? part->acks_good + 1 : seq);
        return false;
    }

    /*
     * Nothing can be compared with what comes before it any more.  What broke
     * it may be excused, and then says nothing of what was done later.
     */
    if (v->since_recovery) {
        verify_doubt(v, claim, part, seq);
    }

    part->first = verify_mark_from(part, seq);

    return false;
}


/* The links do not lead back beyond that entry. */
static void
verify_unlinked(dmp_verify_t *v, verify_writer_t *writer,
    verify_chain_t *chain, verify_at_t at)
{
    verify_proof_t  *proof;

    verify_last(v, writer);
    proof = &chain->proof;

    if (!proof->broken) {
        proof->broken = true;
        proof->first = proof->to;
    }

    proof->from = proof->to = at;
}


/* The part of this epoch; a new one must follow the last one's. */
static verify_part_t *
verify_enter(dmp_verify_t *v, verify_chain_t *chain,
    const verify_place_t *place)
{
    verify_part_t  *part, *last;

    last = chain->n > 0 ? &chain->parts[chain->n - 1] : NULL;

    if (last != NULL && last->epoch == place->epoch) {
        return last;
    }

    if (last != NULL && last->epoch > place->epoch) {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "an entry of epoch "
                           "%llu after the writer began epoch %llu here",
                           (unsigned long long) place->epoch,
                           (unsigned long long) last->epoch);
        return NULL;
    }

    part = verify_grow(v, (void **) &chain->parts, chain->n, &chain->size,
                       sizeof(*part));
    if (part == NULL) {
        return NULL;
    }

    memset(part, 0, sizeof(*part));
    part->epoch = place->epoch;
    chain->n++;

    return part;
}


/* Takes the place "seq" in the part; false if it has none there. */
static bool
verify_sequence(dmp_verify_t *v, const verify_chain_t *chain,
    verify_part_t *part, const verify_place_t *place)
{
    verify_finding_t  *f;

    if (place->seq <= part->last) {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "sequence %llu a "
                           "second time or out of order: %llu was expected",
                           (unsigned long long) place->seq,
                           (unsigned long long) part->last + 1);
        return false;
    }

    if (place->seq > part->last + 1) {
        f = verify_find(v, DMP_BREAK_MISSING, place, NULL, "sequence %llu is "
                        "missing before this entry, which is %llu",
                        (unsigned long long) part->last + 1,
                        (unsigned long long) place->seq);

        if (chain->last.seq != 0) {
            verify_since(f, chain->last.ms, chain->last.n);
        }

        verify_odd(v, place);

        if (place->seq - part->last > VERIFY_GAP_MAX) {
            return false;
        }

        part->acks_broken = true;
    }

    part->last = place->seq;

    return true;
}


/*
 * The link to the entry before.  When it does not fit, either of the two may
 * have been changed: the next one (or the store's head) tells which.
 */
static void
verify_link(dmp_verify_t *v, verify_chain_t *chain, const verify_place_t *place,
    const unsigned char *prev, bool gap)
{
    bool  same;

    same = gap || memcmp(prev, chain->hash, DMP_HASH_LEN) == 0;

    if (chain->mismatch) {
        verify_edited(v, same ? &chain->before : &chain->last,
                      same && chain->crossing);
        chain->mismatch = false;

    } else if (!same && chain->last.seq == 0) {
        (void) verify_find(v, DMP_BREAK_MISSING, place, NULL, "the writer's "
                           "first entry here follows one that is not in the "
                           "stream");
        verify_odd(v, place);

    } else if (!same) {
        chain->mismatch = true;
        chain->crossing = place->epoch != chain->last.epoch;
    }

    chain->before = chain->last;
    chain->last = *place;
}


/* The digest that dmp_acks_extend() makes, too. */
static bool
verify_digest(unsigned char digest[DMP_HASH_LEN], const verify_place_t *place,
    char outcome)
{
    char       text[DMP_HASH_LEN + 80];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, (const char *) digest, DMP_HASH_LEN);
    dmp_buf_uint(&b, place->seq);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_add(&b, &outcome, 1);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_uint(&b, place->ms);
    dmp_buf_add(&b, "-", 1);
    dmp_buf_uint(&b, place->n);

    return !b.full && dmp_hash(b.data, b.len, digest);
}


/* What is kept of the entry, and the head and the digest that it makes. */
static bool
verify_keep(dmp_verify_t *v, verify_chain_t *chain, verify_part_t *part,
    const verify_place_t *place, uint64_t acked, dmp_str_t body, char outcome)
{
    verify_mark_t  *mark;

    mark = verify_add_mark(v, part);
    if (mark == NULL) {
        return false;
    }

    if (!dmp_hash(body.data, body.len, chain->hash)
        || !verify_digest(part->acks, place, outcome))
    {
        v->no_memory = true;
        return false;
    }

    memcpy(mark->hash, chain->hash, DMP_HASH_LEN);
    memcpy(mark->acks, part->acks, DMP_HASH_LEN);
    mark->seq = place->seq;
    mark->acked = acked < place->seq ? acked : 0;
    mark->ms = place->ms;
    mark->n = place->n;
    part->n++;
    part->last_ms = place->ms;
    part->last_n = place->n;

    return true;
}


void
verify_after_end(dmp_verify_t *v, verify_part_t *part,
    const verify_place_t *place, const verify_place_t *witness)
{
    if (part->ended && !part->ended_told && part->last > part->end) {
        part->ended_told = true;
        (void) verify_find(v, DMP_BREAK_AFTER_END, place, witness, "written "
                           "after the end of its epoch");
    }
}


verify_part_t *
verify_extend(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view, dmp_str_t body,
    char outcome)
{
    bool             gap;
    uint64_t         seq;
    verify_at_t      at;
    verify_part_t   *part;
    verify_chain_t  *chain;

    chain = verify_chain(v, writer, place->bucket);
    part = chain != NULL ? verify_enter(v, chain, place) : NULL;

    if (part == NULL) {
        return NULL;
    }

    at.epoch = chain->last.epoch;
    at.seq = chain->last.seq;
    gap = place->seq > part->last + 1;

    if (!verify_sequence(v, chain, part, place)) {
        return NULL;
    }

    verify_link(v, chain, place, view->prev, gap);

    if (gap || chain->mismatch) {
        verify_unlinked(v, writer, chain, at);
    }

    seq = view->ack_seq;

    if (seq >= view->seq) {
        (void) verify_find(v, DMP_BREAK_OUTCOME, place, NULL, "it acknowledges "
                           "entry %llu, which comes after it",
                           (unsigned long long) seq);

    } else if (seq > 0) {
        verify_acks(v, writer, place->bucket, part, seq, view->ack, place,
                    false);
    }

    if (!verify_keep(v, chain, part, place, seq, body, outcome)) {
        return NULL;
    }

    verify_after_end(v, part, place, NULL);

    if (chain->claims != NULL) {
        verify_settle_claims(v, chain, place->epoch);
        part = verify_part(chain, place->epoch);
    }

    return part;
}
