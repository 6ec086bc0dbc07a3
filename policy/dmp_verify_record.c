/*
 * dmp_verify_record.c: the records that the trace is about: the versions that
 * commits used, replayed, and the references that each holder's list must
 * have.  Entries of one record stand in one bucket, in their order.
 */

#include <stdlib.h>

#include "dmp_entry_read_int.h"
#include "dmp_verify_int.h"


/* Where that record is in the table, or would be; NULL without a table. */
static verify_record_t *
verify_find_record(const dmp_verify_t *v, const unsigned char *id)
{
    size_t                    i;
    const verify_records_t  *r;

    r = &v->records;

    if (r->size == 0) {
        return NULL;
    }

    i = verify_slot(v, id, VERIFY_BINARY) & (r->size - 1);

    while (r->table[i].references != 0
           && memcmp(r->table[i].id, id, VERIFY_BINARY) != 0)
    {
        i = (i + 1) & (r->size - 1);
    }

    return &r->table[i];
}


/* The table is at most three quarters full. */
static bool
verify_grow_records(dmp_verify_t *v)
{
    size_t             i, size;
    verify_record_t   *old;
    verify_records_t  *r;

    r = &v->records;

    if (r->n + 1 <= r->size / 4 * 3) {
        return true;
    }

    old = r->table;
    size = r->size;
    r->table = calloc(size == 0 ? 1024 : size * 2, sizeof(*r->table));

    if (r->table == NULL) {
        r->table = old;
        v->no_memory = true;
        return false;
    }

    r->size = size == 0 ? 1024 : size * 2;
    r->known = NULL;

    for (i = 0; i < size; i++) {
        if (old[i].references != 0) {
            *verify_find_record(v, old[i].id) = old[i];
        }
    }

    free(old);

    return true;
}


static void
verify_pseudonym(const verify_record_t *r, char out[DMP_PSEUDONYM_LEN + 1])
{
    dmp_buf_t  b;

    dmp_buf_init(&b, out, DMP_PSEUDONYM_LEN);
    dmp_buf_base64url(&b, r->id, VERIFY_BINARY);
    out[DMP_PSEUDONYM_LEN] = '\0';
}


/* Of a record's first entry: it must stand in the record's bucket. */
static verify_record_t *
verify_new_record(dmp_verify_t *v, const verify_place_t *place,
    const char *patient, const unsigned char *id)
{
    unsigned          bucket;
    verify_record_t  *r;

    bucket = dmp_bucket(patient, v->buckets);

    if (bucket != place->bucket) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it is about a "
                           "record of bucket %u", bucket);
        return NULL;
    }

    if (!verify_grow_records(v)) {
        return NULL;
    }

    r = verify_find_record(v, id);
    memset(r, 0, sizeof(*r));
    memcpy(r->id, id, VERIFY_BINARY);
    r->bucket = (uint8_t) bucket;
    r->first_ms_low = (uint32_t) place->ms;
    r->first_ms_high = (uint16_t) (place->ms >> 32);
    v->records.n++;

    return r;
}


static verify_record_t *
verify_record(dmp_verify_t *v, const verify_place_t *place, dmp_str_t patient)
{
    unsigned char     id[VERIFY_BINARY];
    verify_record_t  *r;

    if (patient.len != DMP_PSEUDONYM_LEN
        || !dmp_entry_decode((const unsigned char *) patient.data, id,
                             sizeof(id)))
    {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "what it names as "
                           "its patient is no pseudonym");
        return NULL;
    }

    r = verify_find_record(v, id);

    if (r == NULL || r->references == 0) {
        return verify_new_record(v, place, patient.data, id);
    }

    if (r->bucket != place->bucket) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it is about a "
                           "record of bucket %u", r->bucket);
        return NULL;
    }

    return r;
}


static void
verify_big_endian(unsigned char *out, size_t len, uint64_t value)
{
    while (len-- > 0) {
        out[len] = (unsigned char) (value & 255);
        value >>= 8;
    }
}


/* As the store writes it: 6 bytes and 2, or 8 and 8. */
static void
verify_reference(const dmp_verify_t *v, uint64_t digest[2], uint64_t ms,
    uint64_t n)
{
    unsigned char  text[16];

    if (n < 65536) {
        verify_big_endian(text, 6, ms);
        verify_big_endian(text + 6, 2, n);
        verify_absorb(v, digest, text, 8);

    } else {
        verify_big_endian(text, 8, ms);
        verify_big_endian(text + 8, 8, n);
        verify_absorb(v, digest, text, 16);
    }
}


static void
verify_bad_version(dmp_verify_t *v, const verify_place_t *place,
    const verify_record_t *r, const char *text, uint64_t used)
{
    verify_finding_t  *f;

    f = verify_find(v, DMP_BREAK_VERSION, place, NULL, text,
                    (unsigned long long) used,
                    (unsigned long long) r->version);

    if (f != NULL) {
        verify_since(f, r->last_ms, r->last_n);
        verify_pseudonym(r, f->patient);
    }
}


/*
 * The version that a commit used, against the one that was current there.  A
 * newer one is current from then on: a change is missing.  After an older one
 * it is not known which of the two is, and the next entry says.
 */
static void
verify_version(dmp_verify_t *v, const verify_place_t *place,
    verify_record_t *r, const dmp_entry_view_t *view, char outcome)
{
    bool  known, same;

    known = (r->flags & VERIFY_UNKNOWN) == 0;
    same = view->version == r->version;

    if (outcome == '0') {
        /* who has a session may have been refused for that one's end */
        if (known && same
            && !dmp_str_eq(view->actor_auth, dmp_string("session")))
        {
            verify_bad_version(v, place, r, "it was refused for its version "
                               "(%llu), and that was current (%llu)",
                               view->version);
            r->flags |= VERIFY_UNKNOWN;
        }

        return;
    }

    if (known && !same) {
        verify_bad_version(v, place, r, view->kind == DMP_KIND_CHANGE
                           ? "it changed version %llu of the record, and %llu "
                             "was current"
                           : "it was decided with version %llu of the record, "
                             "and %llu was current", view->version);
    }

    if (!known || view->version > r->version) {
        r->version = view->version;
        r->flags &= (uint8_t) ~VERIFY_UNKNOWN;

    } else if (!same) {
        r->flags |= VERIFY_UNKNOWN;
    }

    if (view->kind != DMP_KIND_CHANGE) {
        return;
    }

    if (view->new_version <= view->version) {
        verify_bad_version(v, place, r, "the version that it made (%llu) does "
                           "not follow the one before (%llu)",
                           view->new_version);
    }

    r->version = view->new_version;
    r->flags &= (uint8_t) ~VERIFY_UNKNOWN;
}


void
verify_commit(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view, char outcome)
{
    verify_record_t  *r;

    if (view->patient.len == 0
        || (outcome != '0' && outcome != '1' && outcome != 'R'))
    {
        return;
    }

    r = verify_record(v, place, view->patient);
    if (r == NULL) {
        return;
    }

    /* what concerns a session is decided without the record */
    if (view->kind != DMP_KIND_SESSION) {
        verify_version(v, place, r, view, outcome);
    }

    verify_reference(v, r->digest, place->ms, place->n);
    r->references += r->references < UINT32_MAX;
    r->last_ms = place->ms;
    r->last_n = (uint32_t) place->n;
}


bool
dmp_verify_records(const dmp_verify_t *v, size_t *pos,
    dmp_verify_record_t *record)
{
    char                    text[DMP_PSEUDONYM_LEN + 1];
    const verify_record_t  *r;

    while (*pos < v->records.size) {
        r = &v->records.table[(*pos)++];

        if (r->references != 0) {
            verify_pseudonym(r, text);
            memcpy(record->patient, text, DMP_PSEUDONYM_LEN);
            record->bucket = r->bucket;
            record->version = r->version;
            record->references = r->references;
            return true;
        }
    }

    return false;
}


/* NULL if the trace knows nothing of it.  Elements of lists come in runs. */
static verify_record_t *
verify_known(dmp_verify_t *v, const char *patient)
{
    unsigned char      id[VERIFY_BINARY];
    verify_record_t   *r;
    verify_records_t  *records;

    records = &v->records;

    if (records->known != NULL
        && memcmp(records->patient, patient, DMP_PSEUDONYM_LEN) == 0)
    {
        return records->known;
    }

    if (!dmp_entry_decode((const unsigned char *) patient, id, sizeof(id))) {
        return NULL;
    }

    r = verify_find_record(v, id);

    if (r == NULL || r->references == 0) {
        return NULL;
    }

    records->known = r;
    memcpy(records->patient, patient, DMP_PSEUDONYM_LEN);

    return r;
}


/*
 * A break that has no entry: after the last one about the record.  That of a
 * list can be of any of its elements.
 */
static verify_finding_t *
verify_find_live(dmp_verify_t *v, dmp_break_t what, unsigned bucket,
    const char *patient, const verify_record_t *r, const char *text,
    uint64_t a, uint64_t b)
{
    verify_place_t     place;
    verify_finding_t  *f;

    memset(&place, 0, sizeof(place));
    place.bucket = bucket;

    if (r != NULL) {
        place.ms = r->last_ms;
        place.n = r->last_n;
    }

    f = verify_find(v, what, &place, NULL, text, (unsigned long long) a,
                    (unsigned long long) b);

    if (f != NULL) {
        memcpy(f->patient, patient, DMP_PSEUDONYM_LEN);

        f->timeless = what == DMP_BREAK_HISTORY;
    }

    return f;
}


dmp_rc_t
dmp_verify_version(dmp_verify_t *v, const char *patient, unsigned bucket,
    uint64_t before, uint64_t after)
{
    uint64_t                version;
    const verify_record_t  *r;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    r = verify_known(v, patient);
    version = r != NULL ? r->version : 0;

    if (r != NULL && (r->flags & VERIFY_UNKNOWN) != 0) {
        return DMP_OK;
    }

    if (before > version) {
        (void) verify_find_live(v, DMP_BREAK_VERSION, bucket, patient, r,
                         "the record has version %llu, and the trace knows of "
                         "none after %llu", before, version);

    } else if (after < version) {
        (void) verify_find_live(v, DMP_BREAK_VERSION, bucket, patient, r,
                         "the record has version %llu, and the trace tells of "
                         "a change to %llu", after, version);
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


/* The id that a reference is to; false if it is none. */
static bool
verify_element(dmp_str_t element, uint64_t *ms)
{
    size_t  i, len;

    if (element.len != 8 && element.len != 16) {
        return false;
    }

    *ms = 0;
    len = element.len == 8 ? 6 : 8;

    for (i = 0; i < len; i++) {
        *ms = *ms << 8 | (unsigned char) element.data[i];
    }

    return true;
}


/*
 * What stands in the list for entries that an operator knows to be lost: the
 * stream begins after them, and a recovery came since.
 */
static bool
verify_lost(dmp_verify_t *v, const verify_record_t *r, uint64_t ms)
{
    uint64_t  first;

    first = (uint64_t) r->first_ms_high << 32 | r->first_ms_low;

    if (!v->since_recovery || ms >= first) {
        return false;
    }

    verify_certify_recoveries(v);

    return v->streams[r->bucket].recovered_ms > ms;
}


/* All of the list and all of the record's entries came before that. */
static void
verify_listed(const verify_record_t *r, const verify_list_t *list,
    verify_finding_t *f)
{
    if (f != NULL) {
        f->timeless = false;
        verify_since(f, list != NULL && list->late_ms > r->last_ms
                        ? list->late_ms : r->last_ms, UINT64_MAX);
    }
}


dmp_rc_t
dmp_verify_history(dmp_verify_t *v, const char *patient, dmp_str_t element)
{
    uint64_t          ms;
    verify_list_t    *list;
    verify_record_t  *r;

    r = verify_known(v, patient);

    if (r == NULL || (r->flags & VERIFY_LISTED) != 0) {
        return DMP_OK;
    }

    if (v->records.lists == NULL) {
        v->records.lists = calloc(v->records.size, sizeof(*list));

        if (v->records.lists == NULL) {
            v->no_memory = true;
            return DMP_E_NOMEM;
        }
    }

    if (!verify_element(element, &ms)) {
        ms = UINT64_MAX;

    } else if (verify_lost(v, r, ms)) {
        return DMP_OK;
    }

    list = &v->records.lists[r - v->records.table];
    list->late_ms = ms > list->late_ms ? ms : list->late_ms;
    verify_absorb(v, list->digest, element.data, element.len);
    list->references++;

    if (list->references < r->references) {
        return DMP_OK;
    }

    r->flags |= VERIFY_LISTED;

    if (memcmp(list->digest, r->digest, sizeof(list->digest)) != 0) {
        verify_listed(r, list, verify_find_live(
            v, DMP_BREAK_HISTORY, r->bucket, patient, r, "the first %llu "
            "references of the holder's list are not to the entries about the "
            "record", r->references, 0));
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


dmp_rc_t
dmp_verify_history_end(dmp_verify_t *v, const char *patient)
{
    verify_record_t      *r;
    const verify_list_t  *list;

    r = verify_known(v, patient);

    if (r == NULL || (r->flags & VERIFY_LISTED) != 0) {
        return DMP_OK;
    }

    r->flags |= VERIFY_LISTED;
    list = v->records.lists != NULL
           ? &v->records.lists[r - v->records.table] : NULL;
    verify_listed(r, list, verify_find_live(
        v, DMP_BREAK_HISTORY, r->bucket, patient, r, "the holder's list has "
        "%llu references, and there are %llu entries about the record",
        list != NULL ? list->references : 0, r->references));

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


dmp_rc_t
dmp_verify_history_before(dmp_verify_t *v, const char *patient,
    unsigned bucket, uint64_t elements)
{
    uint64_t                known;
    const verify_record_t  *r;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    r = verify_known(v, patient);
    known = r != NULL ? r->references : 0;

    if (elements > known) {
        (void) verify_find_live(v, DMP_BREAK_HISTORY, bucket, patient, r,
                         "the holder's list had %llu references before the "
                         "trace was read, and there are %llu entries about "
                         "the record", elements, known);
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}
