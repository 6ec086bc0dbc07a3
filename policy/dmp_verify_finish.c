/*
 * dmp_verify_finish.c: what can only be said at the end: what never came, which
 * findings have another explanation, and which of them is the first.
 */

#include <stdlib.h>

#include "dmp_verify_int.h"


static void
verify_finish_epochs(dmp_verify_t *v, verify_writer_t *writer,
    dmp_verify_result_t *result)
{
    size_t                 i;
    const verify_epoch_t  *e;

    verify_last(v, writer);

    for (i = 0; i < writer->n_epochs; i++) {
        e = &writer->epochs[i];

        /* One that only its successor tells of left nothing. */
        if (!e->entered) {
            continue;
        }

        result->epochs++;
        result->silent += verify_promise_open(v, writer, e);

        if (!e->opened) {
            (void) verify_find(v, DMP_BREAK_CERTIFICATE, &e->first, NULL,
                               "no entry opens its epoch");
            verify_odd(v, &e->first);
        }
    }
}


/* A later epoch's signed head covers what is before it. */
static void
verify_not_proven(dmp_verify_t *v, verify_writer_t *writer,
    const verify_chain_t *chain, const verify_part_t *part,
    dmp_verify_result_t *result)
{
    uint64_t  proven;

    proven = chain->proof.to.epoch > part->epoch ? part->last
             : chain->proof.to.epoch == part->epoch ? chain->proof.to.seq : 0;

    if (proven >= part->last) {
        return;
    }

    if (verify_over(v, writer, part->epoch)) {
        result->unproven += part->last - proven;

    } else {
        result->not_signed += part->last - proven;
    }
}


static void
verify_finish_writer(dmp_verify_t *v, verify_writer_t *writer,
    dmp_verify_result_t *result)
{
    size_t           i;
    unsigned         b;
    verify_part_t   *part;
    verify_chain_t  *chain;

    verify_finish_epochs(v, writer, result);
    result->writers += writer->seen;

    for (b = 0; b < v->buckets; b++) {
        chain = writer->chains[b];

        if (chain == NULL) {
            continue;
        }

        verify_settle_claims(v, chain, UINT64_MAX);

        /* Nobody tells which of the two was changed: the elder is named. */
        if (chain->mismatch) {
            verify_edited(v, &chain->before, chain->crossing);
        }

        for (i = 0; i < chain->n; i++) {
            part = &chain->parts[i];
            verify_part_done(v, writer, b, part);

            verify_not_proven(v, writer, chain, part, result);
        }
    }
}


static bool
verify_same(const verify_place_t *a, const verify_place_t *b)
{
    return a->bucket == b->bucket && a->ms == b->ms && a->n == b->n;
}


/* What a writer's certificate says is not before its epoch was opened. */
static void
verify_not_before(const verify_place_t *of, verify_place_t *since)
{
    const verify_epoch_t  *e;

    e = of->writer != NULL ? verify_known_epoch(of->writer, of->epoch) : NULL;

    if (e != NULL && e->certified && e->opened_ms > 0
        && since->ms < (uint64_t) e->opened_ms)
    {
        since->ms = (uint64_t) e->opened_ms;
        since->n = 0;
    }
}


/*
 * Whether a recovery of the bucket came after what was found.  Of what has no
 * time it cannot be told, but that an entry named it before, or that its epoch
 * was opened.
 */
static bool
verify_excused(const dmp_verify_t *v, const verify_finding_t *f)
{
    verify_place_t         since;
    const verify_place_t  *place;

    /* a doubt is of what was signed last: what is named may be long before */
    place = f->doubtful ? &f->doubt : &f->place;
    since = *place;

    if (f->has_since) {
        since.ms = f->since_ms;
        since.n = f->since_n;
    }

    if (f->what == DMP_BREAK_VERSION && f->has_since && since.ms != 0
        && verify_recovered(v, place->bucket, &since, place))
    {
        return true;
    }

    if (f->what == DMP_BREAK_VERSION) {
        since = *place;
    }

    verify_not_before(place, &since);

    if (since.ms == 0 && f->witness.writer != NULL) {
        since.ms = f->witness.ms;
        since.n = f->witness.n;
        verify_not_before(&f->witness, &since);
    }

    return since.ms != 0
           && verify_recovered(v, place->bucket, &since, NULL);
}


/* A guess is void where an entry that fits nowhere stands after its place. */
static void
verify_settle(const dmp_verify_t *v, verify_finding_t *f)
{
    size_t  i;

    for (i = 0; f->guess && i < v->n_odd; i++) {
        if (v->odd[i].bucket == f->place.bucket
            && verify_earlier(&f->place, &v->odd[i]))
        {
            f->settled = true;
        }
    }

    f->recovered = v->since_recovery && !f->settled && !f->timeless
                   && verify_excused(v, f);
}


/* Whether another finding says what it is that was not as it was signed. */
static bool
verify_said_better(const dmp_verify_t *v, const verify_finding_t *f)
{
    size_t                   i;
    const verify_finding_t  *other;

    for (i = 0; f->doubtful && i < v->n_findings; i++) {
        other = &v->findings[i];

        if (other->is_void || other->doubtful
            || (other->recovered && !f->recovered)
            || other->place.writer != f->doubt.writer
            || other->place.bucket != f->doubt.bucket
            || other->place.epoch != f->doubt.epoch)
        {
            continue;
        }

        if ((other->what == DMP_BREAK_EDITED
             && other->place.seq == f->doubt.seq)
            || ((other->what == DMP_BREAK_OUTCOME
                 || other->what == DMP_BREAK_MISSING)
                && other->place.seq <= f->doubt.seq))
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

    if (f->settled || verify_said_better(v, f)) {
        return true;
    }

    if (f->witness.writer == NULL) {
        return false;
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
    memset(out, 0, sizeof(*out));
    out->what = f->what;
    out->bucket = f->place.bucket;
    out->id_ms = f->place.ms;
    out->id_seq = f->place.n;
    out->epoch = f->place.epoch;
    out->seq = f->place.seq;
    memcpy(out->text, f->text, sizeof(out->text));
    memcpy(out->patient, f->patient, sizeof(out->patient));

    if (f->place.writer != NULL) {
        memcpy(out->writer, f->place.writer->name, DMP_WRITER_MAX);
    }
}


/*
 * Where a finding names no entry, it comes when what it tells of happened, or
 * last if nobody knows.
 */
static void
verify_time_of(const verify_finding_t *f, verify_place_t *place)
{
    *place = f->place;

    if (place->ms == 0) {
        place->ms = f->has_since ? f->since_ms : UINT64_MAX;
    }
}


static int
verify_in_order(const void *one, const void *other)
{
    verify_place_t  places[2];

    verify_time_of(one, &places[0]);
    verify_time_of(other, &places[1]);

    if (verify_earlier(&places[0], &places[1])) {
        return -1;
    }

    return verify_earlier(&places[1], &places[0]) ? 1 : 0;
}


static void
verify_void_all(dmp_verify_t *v, bool doubtful)
{
    size_t             i;
    verify_finding_t  *f;

    for (i = 0; i < v->n_findings; i++) {
        f = &v->findings[i];

        if (f->doubtful == doubtful) {
            f->is_void = verify_void(v, f);
        }
    }
}


/* Leaves the findings that count, in their order. */
static void
verify_sort_out(dmp_verify_t *v, dmp_verify_result_t *result)
{
    size_t             i, n;
    verify_finding_t  *f;

    for (i = 0; i < v->n_findings; i++) {
        verify_settle(v, &v->findings[i]);
    }

    /* what counts otherwise is known before a doubt gives way to it */
    verify_void_all(v, false);
    verify_void_all(v, true);

    for (i = 0, n = 0; i < v->n_findings; i++) {
        f = &v->findings[i];

        if (f->is_void) {
            continue;
        }

        if (f->recovered) {
            result->recovered++;
            continue;
        }

        v->findings[n++] = *f;
    }

    v->n_findings = n;
    result->findings = n + v->not_kept;

    if (n > 0) {
        qsort(v->findings, n, sizeof(*v->findings), verify_in_order);
        verify_report(&v->findings[0], &result->first);
    }
}


dmp_rc_t
dmp_verify_finish(dmp_verify_t *v, dmp_verify_result_t *result)
{
    size_t  i;

    memset(result, 0, sizeof(*result));

    for (i = 0; i < v->n_writers; i++) {
        verify_finish_writer(v, v->writers[i], result);
    }

    v->sure = false;
    verify_certify_recoveries(v);
    verify_finish_receipts(v, result);
    verify_sort_out(v, result);

    result->entries = v->entries;
    result->checkpoints = v->checkpoints;
    result->ended_by_successor = v->ended_by_successor;
    result->ended_by_store = v->ended_by_store;
    result->records = v->records.n;
    result->commands = v->n_commands + v->more_commands;

    if (v->too_many) {
        return DMP_E_LIMIT;
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


bool
dmp_verify_findings(const dmp_verify_t *v, size_t *pos, dmp_finding_t *finding)
{
    if (*pos >= v->n_findings) {
        return false;
    }

    verify_report(&v->findings[(*pos)++], finding);

    return true;
}


/* The last entry of that epoch in that chain; 0 if there is none. */
static uint64_t
verify_extent(const verify_chain_t *chain, uint64_t epoch)
{
    size_t                 low, high, middle;
    const verify_part_t   *part;
    const verify_proof_t  *proof;

    part = verify_part(chain, epoch);

    if (part != NULL) {
        return part->last;
    }

    proof = &chain->proof;
    low = 0;
    high = proof->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (proof->ends[middle].epoch < epoch) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low < proof->n && proof->ends[low].epoch == epoch
           ? proof->ends[low].seq : 0;
}


dmp_cover_t
dmp_verify_cover(const dmp_verify_t *v, dmp_str_t name, unsigned bucket,
    uint64_t epoch, uint64_t seq)
{
    const verify_chain_t   *chain;
    const verify_writer_t  *writer;

    writer = verify_known_writer(v, name);

    if (writer == NULL || bucket >= v->buckets || seq == 0) {
        return DMP_COVER_NONE;
    }

    chain = writer->chains[bucket];

    if (chain == NULL || seq > verify_extent(chain, epoch)) {
        return DMP_COVER_NONE;
    }

    if (verify_is_proven(chain, epoch, seq)) {
        return DMP_COVER_PROVEN;
    }

    return verify_over(v, writer, epoch) ? DMP_COVER_NONE : DMP_COVER_PENDING;
}
