/*
 * dmp_verify.c: the verifier of the trace, fed with one entry after the other:
 * format, order, outcome, and then what each part of it looks at.  It reads
 * nothing itself and trusts no key but those it was given.
 */

#include "dmp_verify_int.h"


/*
 * A refusal before a patient is known concerns no record, and is appended as
 * such; nothing can be allowed that way.
 */
static bool
verify_outcome_fits(const dmp_entry_view_t *view, dmp_str_t outcome)
{
    char  o;

    o = outcome.len == 1 ? outcome.data[0] : '\0';

    switch (view->kind) {

    case DMP_KIND_ACCESS:
        if (view->patient.len == 0) {
            /* of what is allowed, only these may concern no record */
            return o == 'S'
                   && (!dmp_str_eq(view->decision, dmp_string("allow"))
                       || dmp_str_eq(view->operation, dmp_string("metadata"))
                       || dmp_str_eq(view->operation, dmp_string("find")));
        }

        return o == '1' || o == '0';

    case DMP_KIND_CHANGE:
        return o == 'R' || o == '0';

    case DMP_KIND_SESSION:
        if (view->patient.len == 0) {
            return o == 'S'
                   && !dmp_str_eq(view->decision, dmp_string("allow"));
        }

        return o == '1' || o == '0';

    default:
        return o == 'S';
    }
}


static void
verify_order(dmp_verify_t *v, const verify_place_t *place)
{
    verify_stream_t  *s;

    s = &v->streams[place->bucket];

    if (s->fed > 0
        && (place->ms < s->last_ms
            || (place->ms == s->last_ms && place->n <= s->last_n)))
    {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "the stream's ids "
                           "do not rise here");
    }

    s->fed++;
    s->last_ms = place->ms;
    s->last_n = place->n;
}


/* What the entry says, each kind to those that look at it. */
static void
verify_said(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place, dmp_str_t body,
    char outcome)
{
    const dmp_entry_view_t  *view;

    view = &v->view;

    switch (view->kind) {

    case DMP_KIND_ACCESS:
    case DMP_KIND_CHANGE:
    case DMP_KIND_SESSION:
        verify_commit(v, place, view, outcome);
        verify_receipt_entry(v, place, view, outcome);
        break;

    case DMP_KIND_OUTCOME:
        verify_abandoned(v, view);
        break;

    case DMP_KIND_ADMIN:
        verify_admin(v, place, view, part != NULL);
        break;

    default:
        if (e != NULL) {
            verify_heads(v, writer, e, part, place, view, body);
        }
    }

    if (e != NULL && view->kind != DMP_KIND_CHECKPOINT
        && view->kind != DMP_KIND_HEARTBEAT
        && view->kind != DMP_KIND_EPOCH_CLOSE)
    {
        verify_signed_alone(v, writer, e, part, place, view, body);
    }
}


/* The entry among those of its writer. */
static void
verify_chained(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, dmp_str_t body, char outcome)
{
    verify_part_t   *part;
    verify_epoch_t  *e;

    if (!verify_room_for_epoch(v, writer, place->epoch)) {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "one more "
                           "epoch of its writer than are kept without a "
                           "certificate");
        verify_odd(v, place);
        return;
    }

    part = verify_extend(v, writer, place, &v->view, body, outcome);

    if (part == NULL) {
        verify_odd(v, place);
    }

    /* What fits nowhere makes no epoch. */
    e = verify_epoch(v, writer, place->epoch, part != NULL);
    verify_counted(v, writer, e);

    if (part != NULL && e == NULL && !v->no_memory) {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "more epochs than "
                           "a writer has in its life");
    }

    if (e != NULL) {
        verify_time(v, e, place, v->view.time_ms);
    }

    if (part != NULL && place->epoch > writer->greatest) {
        writer->greatest = place->epoch;
    }

    verify_said(v, writer, e, part, place, body, outcome);
}


/* NULL where that is told: of a writer too many, or not for this bucket. */
static verify_writer_t *
verify_entry_writer(dmp_verify_t *v, verify_place_t *place,
    const dmp_entry_view_t *view)
{
    verify_writer_t  *writer;

    if (!verify_room_for_writer(v, view->writer)) {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "one more "
                           "writer than are kept without a certificate");
        verify_odd(v, place);
        return NULL;
    }

    writer = verify_writer(v, view->writer, true);
    if (writer == NULL) {
        return NULL;
    }

    writer->seen = true;
    place->writer = writer;
    place->epoch = view->epoch;
    place->seq = view->seq;

    if (view->bucket != place->bucket) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it was written "
                           "for bucket %llu",
                           (unsigned long long) view->bucket);
        verify_odd(v, place);
        return NULL;
    }

    return writer;
}


dmp_rc_t
dmp_verify_entry(dmp_verify_t *v, unsigned bucket, uint64_t id_ms,
    uint64_t id_seq, dmp_str_t body, dmp_str_t outcome)
{
    dmp_error_t        error;
    verify_place_t     place;
    verify_writer_t   *writer;
    dmp_entry_view_t  *view;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    v->entries++;
    v->sure = false;
    view = &v->view;
    memset(&place, 0, sizeof(place));
    place.bucket = bucket;
    place.ms = id_ms;
    place.n = id_seq;
    verify_order(v, &place);

    if (dmp_entry_parse(body.data, body.len, view, &error) != DMP_OK) {
        (void) verify_find(v, DMP_BREAK_FORMAT, &place, NULL,
                           "not an entry: %s", error.text);
        verify_odd(v, &place);
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    writer = verify_entry_writer(v, &place, view);
    if (writer == NULL) {
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    if (!verify_outcome_fits(view, outcome)) {
        (void) verify_find(v, DMP_BREAK_OUTCOME, &place, NULL, "its outcome "
                           "\"%.*s\" is not one of its kind (%s)",
                           (int) (outcome.len < 8 ? outcome.len : 8),
                           outcome.data, dmp_kind_name(view->kind));
    }

    verify_chained(v, writer, &place, body,
                   outcome.len > 0 ? outcome.data[0] : '?');

    if (v->too_many) {
        return DMP_E_LIMIT;
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}
