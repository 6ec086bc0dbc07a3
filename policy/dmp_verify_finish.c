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

            /* A later epoch's signed head covers what is before it. */
            result->not_signed += part->last - part->signed_to;
        }
    }
}


static bool
verify_same(const verify_place_t *a, const verify_place_t *b)
{
    return a->bucket == b->bucket && a->ms == b->ms && a->n == b->n;
}


/* Whether an operator's recovery of that bucket comes after a, before b. */
static bool
verify_recovered(const dmp_verify_t *v, unsigned bucket,
    const verify_place_t *a, const verify_place_t *b)
{
    size_t                    i;
    verify_place_t            place;
    const verify_recovery_t  *r;

    for (i = 0; i < v->n_recoveries; i++) {
        r = &v->recoveries[i];
        place = r->place;
        place.bucket = bucket;

        if (r->certified && r->bucket == bucket && verify_earlier(a, &place)
            && (b == NULL || verify_earlier(&place, b)))
        {
            return true;
        }
    }

    return false;
}


/*
 * A guess is void where an entry that fits nowhere stands after its place.  A
 * record's version is what it is after a recovery.
 */
static void
verify_settle(const dmp_verify_t *v, verify_finding_t *f)
{
    size_t          i;
    verify_place_t  since;

    since = f->place;

    if (f->has_since) {
        since.ms = f->since_ms;
        since.n = f->since_n;
    }

    f->settled = f->what == DMP_BREAK_VERSION
                 && verify_recovered(v, f->place.bucket, &since,
                                     f->has_since ? &f->place : NULL);

    for (i = 0; f->guess && i < v->n_odd; i++) {
        if (v->odd[i].bucket == f->place.bucket
            && verify_earlier(&f->place, &v->odd[i]))
        {
            f->settled = true;
        }
    }

    f->recovered = v->since_recovery && !f->settled
                   && verify_recovered(v, f->place.bucket,
                                       f->what == DMP_BREAK_VERSION
                                       ? &f->place : &since, NULL);
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


/* Leaves the findings that count, in their order. */
static void
verify_sort_out(dmp_verify_t *v, dmp_verify_result_t *result)
{
    size_t             i, n;
    verify_finding_t  *f;

    for (i = 0; i < v->n_findings; i++) {
        verify_settle(v, &v->findings[i]);
    }

    for (i = 0; i < v->n_findings; i++) {
        v->findings[i].is_void = verify_void(v, &v->findings[i]);
    }

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
