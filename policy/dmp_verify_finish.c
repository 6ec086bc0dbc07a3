/*
 * dmp_verify_finish.c: the part of the verifier that needs the whole trace:
 * heads named in other buckets, epochs and their times, and which of all the
 * findings comes first.
 */

#include <stdio.h>

#include "dmp_verify_int.h"


/* A head that an entry names must be the one the stream has. */
void
verify_claim(dmp_verify_t *v, const verify_claim_t *claim)
{
    verify_part_t           *part;
    verify_mark_t           *mark;
    verify_chain_t          *chain;
    verify_place_t           place;
    const dmp_chain_head_t  *head;

    head = &claim->head;
    chain = claim->writer->chains[head->bucket];
    part = verify_part(chain, head->epoch);

    if (part == NULL || head->seq > part->n || head->seq == 0) {
        verify_place(claim->writer, head->bucket, part,
                     part != NULL ? part->n : 0, &place);
        place.epoch = head->epoch;
        place.seq++;

        if (chain != NULL && place.ms == 0) {
            place.ms = chain->last.ms;
            place.n = chain->last.n;
        }

        verify_find(v, &place, &claim->witness, "missing: a head named by the "
                    "writer in bucket %u (%llu-%llu) is sequence %llu",
                    claim->witness.bucket,
                    (unsigned long long) claim->witness.ms,
                    (unsigned long long) claim->witness.n,
                    (unsigned long long) head->seq);
        verify_guess(v);
        return;
    }

    mark = &part->marks[head->seq - 1];

    /* A gap has been told already. */
    if (!mark->present) {
        return;
    }

    verify_place(claim->writer, head->bucket, part, head->seq, &place);

    if (memcmp(mark->hash, head->hash, VERIFY_SHORT) != 0) {
        verify_find(v, &place, &claim->witness, "the entry's bytes were "
                    "changed: its hash is not the one that %s in bucket %u "
                    "(%llu-%llu) names", claim->certified
                    ? "a signed checkpoint" : "the next epoch's opening",
                    claim->witness.bucket,
                    (unsigned long long) claim->witness.ms,
                    (unsigned long long) claim->witness.n);

    } else if (claim->certified && part->not_signed < head->seq + 1) {
        part->not_signed = head->seq + 1;
    }

    if (head->acked > 0) {
        verify_acks(v, claim->writer, head->bucket, part, head->acked,
                    head->acks, &claim->witness);
    }
}


/* What the end of an epoch names is where each of its parts must stop. */
static void
verify_final(dmp_verify_t *v, const verify_claim_t *claim)
{
    uint64_t         end;
    verify_part_t   *part;
    verify_place_t   place;

    part = verify_part(claim->writer->chains[claim->head.bucket],
                       claim->head.epoch);
    if (part == NULL) {
        return;
    }

    part->ended = true;
    end = claim->head.seq;

    /* In its own bucket the close itself follows. */
    if (claim->head.bucket == claim->witness.bucket) {
        end++;
    }

    if (part->n > end) {
        verify_place(claim->writer, claim->head.bucket, part, end + 1, &place);
        verify_find(v, &place, &claim->witness, "written after the end of its "
                    "epoch");
    }
}


static void
verify_finish_epoch(dmp_verify_t *v, verify_writer_t *writer,
    const verify_epoch_t *e)
{
    unsigned         b;
    verify_part_t   *part;
    verify_place_t   place;

    if (!e->opened) {
        verify_find(v, &e->first, NULL, "no entry opens its epoch");
        verify_odd(v, &e->first);
        return;
    }

    if (e->min_ms < e->opened_ms - DMP_EPOCH_SLACK_MS) {
        verify_find(v, &e->min, NULL, "its time is before its epoch was "
                    "opened");
    }

    if (e->max_ms > e->expires_ms) {
        verify_find(v, &e->max, NULL, "its time is after its epoch's "
                    "certificate expired");
    }

    for (b = 0; e->closed && b < v->buckets; b++) {
        part = verify_part(writer->chains[b], e->epoch);

        if (part != NULL && !part->ended) {
            verify_place(writer, b, part, 1, &place);
            verify_find(v, &place, NULL, "the end of its epoch names no head "
                        "in this bucket");
        }
    }
}


static void
verify_finish_writer(dmp_verify_t *v, verify_writer_t *writer,
    dmp_verify_result_t *result)
{
    size_t           i;
    unsigned         b;
    verify_chain_t  *chain;

    for (i = 0; i < writer->n_epochs; i++) {
        verify_finish_epoch(v, writer, &writer->epochs[i]);
    }

    result->epochs += writer->n_epochs;

    for (b = 0; b < v->buckets; b++) {
        chain = writer->chains[b];

        if (chain == NULL) {
            continue;
        }

        /* Nobody tells which of the two was changed: the elder is named. */
        if (chain->mismatch) {
            verify_edited(v, &chain->before, chain->crossing);
        }

        for (i = 0; i < chain->n; i++) {
            result->not_signed += chain->parts[i].n + 1
                                  - chain->parts[i].not_signed;
        }
    }
}


static bool
verify_same(const verify_place_t *a, const verify_place_t *b)
{
    return a->bucket == b->bucket && a->ms == b->ms && a->n == b->n;
}


static bool
verify_earlier(const verify_place_t *a, const verify_place_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms;
    }

    if (a->n != b->n) {
        return a->n < b->n;
    }

    return a->bucket < b->bucket;
}


/* A guess is void where an entry that fits nowhere stands after its place. */
static bool
verify_settled(const dmp_verify_t *v, const verify_finding_t *f)
{
    size_t  i;

    for (i = 0; f->guess && i < v->n_odd; i++) {
        if (v->odd[i].bucket == f->place.bucket
            && verify_earlier(&f->place, &v->odd[i]))
        {
            return true;
        }
    }

    return false;
}


/* Whether it rests on the word of an entry that was edited. */
static bool
verify_void(const dmp_verify_t *v, const verify_finding_t *f)
{
    size_t                   i;
    const verify_finding_t  *other;

    if (f->settled || f->witness.writer == NULL) {
        return f->settled;
    }

    for (i = 0; i < v->n_findings; i++) {
        other = &v->findings[i];

        if (other->edited && !other->settled
            && verify_same(&f->witness, &other->place)
            && !verify_same(&f->place, &other->place))
        {
            return true;
        }
    }

    return false;
}


static void
verify_report(const verify_finding_t *f, dmp_finding_t *out)
{
    out->bucket = f->place.bucket;
    out->id_ms = f->place.ms;
    out->id_seq = f->place.n;
    out->epoch = f->place.epoch;
    out->seq = f->place.seq;
    memcpy(out->text, f->text, sizeof(out->text));

    if (f->place.writer != NULL) {
        memcpy(out->writer, f->place.writer->name, DMP_WRITER_MAX);
    }
}


dmp_rc_t
dmp_verify_finish(dmp_verify_t *v, dmp_verify_result_t *result)
{
    size_t                   i;
    const verify_finding_t  *f, *first;

    memset(result, 0, sizeof(*result));

    for (i = 0; i < v->n_claims; i++) {
        verify_claim(v, &v->claims[i]);
    }

    for (i = 0; i < v->n_claims; i++) {
        if (v->claims[i].final) {
            verify_final(v, &v->claims[i]);
        }
    }

    for (i = 0; i < v->n_writers; i++) {
        verify_finish_writer(v, v->writers[i], result);
    }

    first = NULL;

    for (i = 0; i < v->n_findings; i++) {
        v->findings[i].settled = verify_settled(v, &v->findings[i]);
    }

    for (i = 0; i < v->n_findings; i++) {
        f = &v->findings[i];

        if (!verify_void(v, f)) {
            result->findings++;

            if (first == NULL || verify_earlier(&f->place, &first->place)) {
                first = f;
            }
        }
    }

    if (first != NULL) {
        verify_report(first, &result->first);
    }

    result->entries = v->entries;
    result->writers = v->n_writers;
    result->checkpoints = v->checkpoints;

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}
