/*
 * dmp_verify_facts.c: what is known besides the chains: receipts of requests
 * that were forwarded, what operators did, and what a stream says of itself.
 */

#include <stdlib.h>

#include <dmp/dmp_scan.h>

#include "dmp_verify_int.h"


/* Begun and not ended at one time; beyond that, they are counted. */
#define VERIFY_COMMANDS_MAX  4096


/* The first receipt of that trace in the table, or the free place for it. */
static size_t
verify_receipt_slot(const dmp_verify_t *v, const char *trace)
{
    return verify_slot(v, trace, DMP_UUID_LEN) & (v->receipts.size - 1);
}


static bool
verify_grow_receipts(dmp_verify_t *v)
{
    size_t              i, k, size;
    verify_receipt_t   *old;
    verify_receipts_t  *r;

    r = &v->receipts;

    if (r->n + 1 <= r->size / 4 * 3) {
        return true;
    }

    old = r->table;
    size = r->size;
    r->table = calloc(size == 0 ? 64 : size * 2, sizeof(*r->table));

    if (r->table == NULL) {
        r->table = old;
        v->no_memory = true;
        return false;
    }

    r->size = size == 0 ? 64 : size * 2;

    for (i = 0; i < size; i++) {
        if (!old[i].used) {
            continue;
        }

        k = verify_receipt_slot(v, old[i].trace);

        while (r->table[k].used) {
            k = (k + 1) & (r->size - 1);
        }

        r->table[k] = old[i];
    }

    free(old);

    return true;
}


static bool
verify_receipt_at(const verify_receipt_t *r, const verify_place_t *place)
{
    return r->place.writer == place->writer && r->place.epoch == place->epoch
           && r->place.seq == place->seq && r->place.bucket == place->bucket;
}


dmp_rc_t
dmp_verify_receipt(dmp_verify_t *v, const dmp_receipt_t *receipt)
{
    size_t             i;
    verify_place_t     place;
    verify_receipt_t  *r;

    memset(&place, 0, sizeof(place));

    if (receipt->trace_id.len != DMP_UUID_LEN || receipt->writer.len == 0) {
        return DMP_E_SYNTAX;
    }

    if (!dmp_entry_is_writer(receipt->writer)) {
        return DMP_E_SYNTAX;
    }

    place.bucket = receipt->bucket;
    place.epoch = receipt->epoch;
    place.seq = receipt->seq;
    place.writer = verify_writer(v, receipt->writer, true);

    if (place.writer == NULL) {
        return v->no_memory ? DMP_E_NOMEM : DMP_E_SYNTAX;
    }

    if (!verify_grow_receipts(v)) {
        return DMP_E_NOMEM;
    }

    i = verify_receipt_slot(v, receipt->trace_id.data);

    /* A request may be forwarded twice: its first host may have failed. */
    for (r = &v->receipts.table[i]; r->used; r = &v->receipts.table[i]) {
        if (memcmp(r->trace, receipt->trace_id.data, DMP_UUID_LEN) == 0
            && verify_receipt_at(r, &place))
        {
            return DMP_OK;
        }

        i = (i + 1) & (v->receipts.size - 1);
    }

    r->used = true;
    r->place = place;
    memcpy(r->trace, receipt->trace_id.data, DMP_UUID_LEN);
    v->receipts.n++;

    return DMP_OK;
}


void
verify_receipt_entry(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, char outcome)
{
    size_t             i;
    verify_receipt_t  *r;

    if (v->receipts.n == 0 || view->trace.len != DMP_UUID_LEN) {
        return;
    }

    i = verify_receipt_slot(v, view->trace.data);

    for (r = &v->receipts.table[i]; r->used; r = &v->receipts.table[i]) {
        if (memcmp(r->trace, view->trace.data, DMP_UUID_LEN) == 0
            && verify_receipt_at(r, place))
        {
            r->place = *place;
            /* of what concerns a session nothing is forwarded */
            r->state = (outcome == '1' || outcome == 'R')
                       && view->kind != DMP_KIND_SESSION
                       && dmp_str_eq(view->decision, dmp_string("allow"))
                       ? VERIFY_RECEIPT_FOUND : VERIFY_RECEIPT_OTHER;
        }

        i = (i + 1) & (v->receipts.size - 1);
    }
}


void
verify_abandoned(dmp_verify_t *v, const dmp_entry_view_t *view)
{
    size_t              i;
    dmp_scan_t          scan;
    verify_receipt_t   *r;
    dmp_scan_string_t   id;

    if (v->receipts.n == 0) {
        return;
    }

    dmp_scan_init(&scan, view->abandoned.data, view->abandoned.len);

    if (!dmp_scan_array(&scan)) {
        return;
    }

    while (dmp_scan_element(&scan) && dmp_scan_string(&scan, &id)
           && id.raw.len == DMP_UUID_LEN)
    {
        i = verify_receipt_slot(v, id.raw.data);

        for (r = &v->receipts.table[i]; r->used; r = &v->receipts.table[i]) {
            if (memcmp(r->trace, id.raw.data, DMP_UUID_LEN) == 0) {
                r->abandoned = true;
            }

            i = (i + 1) & (v->receipts.size - 1);
        }
    }
}


/* When the request came, as its UUIDv7 says; UINT64_MAX if it is none. */
static uint64_t
verify_uuid_ms(const char *p)
{
    int       digit;
    size_t    i;
    uint64_t  ms;

    ms = 0;

    for (i = 0; i < 13; i++) {
        if (i == 8) {
            continue;
        }

        digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10 : -1;

        if (digit < 0) {
            return UINT64_MAX;
        }

        ms = ms << 4 | (uint64_t) digit;
    }

    return p[14] == '7' ? ms : UINT64_MAX;
}


void
verify_finish_receipts(dmp_verify_t *v, dmp_verify_result_t *result)
{
    size_t             i;
    const char        *why;
    verify_receipt_t  *r;

    for (i = 0; i < v->receipts.size; i++) {
        r = &v->receipts.table[i];

        if (!r->used) {
            continue;
        }

        if (r->state == VERIFY_RECEIPT_FOUND && !r->abandoned) {
            result->receipts++;
            continue;
        }

        why = r->state == VERIFY_RECEIPT_NONE ? "no such entry has its trace id"
              : r->state == VERIFY_RECEIPT_OTHER
              ? "the entry permits nothing"
              : "the trace is listed as abandoned";

        verify_since(verify_find(v, DMP_BREAK_RECEIPT, &r->place, NULL,
                                 "the request %.*s was forwarded, and %s",
                                 DMP_UUID_LEN, r->trace, why),
                     r->place.ms != 0 ? r->place.ms
                                      : verify_uuid_ms(r->trace),
                     r->place.n);
    }
}


/* The bits of the buckets, in the order of the bytes. */
static bool
verify_is_reopened(const verify_recovery_t *r, unsigned bucket)
{
    return (r->buckets[bucket / 8] >> bucket % 8 & 1) != 0;
}


static void
verify_certify(dmp_verify_t *v, verify_recovery_t *r)
{
    unsigned               b;
    const verify_chain_t  *chain;

    chain = r->place.writer->chains[r->place.bucket];

    if (r->certified
        || !verify_is_proven(chain, r->place.epoch, r->place.seq))
    {
        return;
    }

    r->certified = true;
    v->n_unsure--;

    for (b = 0; b < v->buckets; b++) {
        if (verify_is_reopened(r, b)
            && v->streams[b].recovered_ms < r->place.ms)
        {
            v->streams[b].recovered_ms = r->place.ms;
        }
    }
}


void
verify_certify_recoveries(dmp_verify_t *v)
{
    size_t  i;

    if (v->sure) {
        return;
    }

    v->sure = true;

    for (i = 0; i < v->n_writers; i++) {
        verify_last(v, v->writers[i]);
    }

    for (i = 0; i < v->n_recoveries; i++) {
        verify_certify(v, &v->recoveries[i]);
    }
}


bool
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

        if (r->certified && verify_is_reopened(r, bucket)
            && verify_earlier(a, &place)
            && (b == NULL || verify_earlier(&place, b)))
        {
            return true;
        }
    }

    return false;
}


/*
 * Room for one more that nobody has certified; those that were meanwhile are
 * looked for once in so many.
 */
static bool
verify_room_for_recovery(dmp_verify_t *v, const verify_place_t *place)
{
    if (v->n_unsure < VERIFY_UNSURE_MAX) {
        return true;
    }

    if (v->n_ignored++ % VERIFY_UNSURE_MAX == 0) {
        verify_certify_recoveries(v);
    }

    if (v->n_unsure < VERIFY_UNSURE_MAX) {
        return true;
    }

    if (v->n_ignored == 1) {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "more "
                           "recoveries that nobody has signed than are kept");
    }

    return false;
}


static void
verify_recovered_buckets(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view)
{
    uint64_t            bucket;
    dmp_scan_t          scan;
    verify_recovery_t  *r;

    if (view->buckets.len == 0
        || !dmp_str_eq(view->command, dmp_string("audit recover")))
    {
        return;
    }

    dmp_scan_init(&scan, view->buckets.data, view->buckets.len);

    if (!dmp_scan_array(&scan) || !verify_room_for_recovery(v, place)) {
        return;
    }

    r = verify_grow(v, (void **) &v->recoveries, v->n_recoveries,
                    &v->size_recoveries, sizeof(*r));
    if (r == NULL) {
        return;
    }

    memset(r, 0, sizeof(*r));
    r->place = *place;

    while (dmp_scan_element(&scan) && dmp_scan_uint(&scan, &bucket)) {
        if (bucket < v->buckets) {
            r->buckets[bucket / 8] |= (unsigned char) (1u << bucket % 8);
        }
    }

    v->n_recoveries++;
    v->n_unsure++;
}


/*
 * Commands that begin and do not end are counted.  An entry that has no place
 * in its chain is covered by no signature.
 */
void
verify_admin(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, bool chained)
{
    size_t  i;

    if (chained) {
        verify_recovered_buckets(v, place, view);
    }

    if (view->trace.len != DMP_UUID_LEN) {
        return;
    }

    for (i = 0; i < v->n_commands; i++) {
        if (memcmp(v->commands[i], view->trace.data, DMP_UUID_LEN) == 0) {
            break;
        }
    }

    if (view->ended && i < v->n_commands) {
        v->n_commands--;
        memcpy(v->commands[i], v->commands[v->n_commands], DMP_UUID_LEN);

    } else if (!view->ended && i == VERIFY_COMMANDS_MAX) {
        v->more_commands++;

    } else if (!view->ended && i == v->n_commands
               && verify_grow(v, (void **) &v->commands, v->n_commands,
                              &v->size_commands, sizeof(*v->commands))
                  != NULL)
    {
        memcpy(v->commands[v->n_commands++], view->trace.data, DMP_UUID_LEN);
    }
}


dmp_rc_t
dmp_verify_stream(dmp_verify_t *v, unsigned bucket,
    const dmp_stream_facts_t *facts)
{
    verify_place_t          place;
    const verify_stream_t  *s;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    s = &v->streams[bucket];
    memset(&place, 0, sizeof(place));
    place.bucket = bucket;

    if (facts->deleted_ms != 0 || facts->deleted_seq != 0) {
        place.ms = facts->deleted_ms;
        place.n = facts->deleted_seq;
        (void) verify_find(v, DMP_BREAK_DELETED, &place, NULL, "entries of the "
                           "stream were deleted, this one as the last");

    } else if (facts->added != facts->length) {
        (void) verify_find(v, DMP_BREAK_DELETED, &place, NULL, "%llu entries "
                           "were added to the stream, and it has %llu",
                           (unsigned long long) facts->added,
                           (unsigned long long) facts->length);

    } else if (facts->length != s->fed) {
        (void) verify_find(v, DMP_BREAK_DELETED, &place, NULL, "the stream has "
                           "%llu entries, and %llu were read",
                           (unsigned long long) facts->length,
                           (unsigned long long) s->fed);
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}
