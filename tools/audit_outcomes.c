/*
 * audit_outcomes.c: the ends of accesses in a hash table: 40 bytes each, and
 * as much again for room.
 */

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "audit_filter.h"
#include "audit_outcomes.h"


#define OUTCOMES_FIRST  1024             /* slots */


/* The 16 bytes of a UUID's text; false if it is none. */
static bool
outcomes_id(dmp_str_t text, unsigned char id[16])
{
    char    c;
    size_t  i, n;

    if (text.len != DMP_UUID_LEN) {
        return false;
    }

    n = 0;
    memset(id, 0, 16);

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') {
                return false;
            }

            continue;
        }

        if (c >= '0' && c <= '9') {
            c = (char) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            c = (char) (c - 'a' + 10);

        } else {
            return false;
        }

        id[n / 2] = (unsigned char) (id[n / 2] << 4 | c);
        n++;
    }

    return true;
}


/* Its slot, or the free one where it would be.  The last bytes are random. */
static audit_ended_t *
outcomes_slot(const audit_outcomes_t *o, const unsigned char id[16])
{
    size_t    i;
    uint64_t  hash;

    memcpy(&hash, id + 8, sizeof(hash));

    for (i = (size_t) hash & (o->size - 1);
         o->slots[i].used && memcmp(o->slots[i].id, id, 16) != 0;
         i = (i + 1) & (o->size - 1))
    {
        /* the next one */
    }

    return &o->slots[i];
}


static bool
outcomes_grow(audit_outcomes_t *o)
{
    size_t            i;
    audit_outcomes_t  larger;

    larger = *o;
    larger.size = o->size == 0 ? OUTCOMES_FIRST : o->size * 2;
    larger.slots = calloc(larger.size, sizeof(audit_ended_t));

    if (larger.slots == NULL) {
        tool_error("no memory");
        return false;
    }

    for (i = 0; i < o->size; i++) {
        if (o->slots[i].used) {
            *outcomes_slot(&larger, o->slots[i].id) = o->slots[i];
        }
    }

    free(o->slots);
    *o = larger;

    return true;
}


/* *slot is NULL where the table does not look for it, or it is no id. */
static bool
outcomes_put(audit_outcomes_t *o, dmp_str_t trace, audit_ended_t **slot)
{
    unsigned char  id[16];

    *slot = NULL;

    if (!outcomes_id(trace, id)) {
        return true;
    }

    if (!o->closed && o->n >= o->size / 2 && !outcomes_grow(o)) {
        return false;
    }

    if (o->size == 0) {
        return true;
    }

    *slot = outcomes_slot(o, id);

    if (!(*slot)->used) {
        if (o->closed) {
            *slot = NULL;
            return true;
        }

        (*slot)->used = true;
        memcpy((*slot)->id, id, sizeof(id));
        o->n++;
    }

    return true;
}


bool
audit_outcomes_want(audit_outcomes_t *o, dmp_str_t trace)
{
    audit_ended_t  *unused;

    return outcomes_put(o, trace, &unused);
}


static bool
outcomes_one(audit_outcomes_t *o, const json_t *said)
{
    int             reason;
    audit_ended_t  *slot;

    if (!outcomes_put(o, audit_member(said, "trace"), &slot)) {
        return false;
    }

    if (slot == NULL) {
        return true;
    }

    reason = dmp_name_value(&dmp_reason_names, audit_member(said, "reason"));
    slot->ended = true;
    slot->bytes = (uint64_t) json_integer_value(json_object_get(said,
                                                                "bytes"));
    slot->status = (uint16_t) json_integer_value(json_object_get(said,
                                                                 "status"));
    slot->shown = (uint32_t) json_integer_value(json_object_get(said,
                                                                "shown"));
    slot->withheld = (uint32_t) json_integer_value(
                                    json_object_get(said, "withheld"));
    slot->reason = reason > 0 ? (uint8_t) reason : DMP_REASON_NONE;

    return true;
}


bool
audit_outcomes_add(audit_outcomes_t *o, const dmp_entry_view_t *view)
{
    bool            ok;
    size_t          i;
    json_t         *said, *abandoned, *item;
    audit_ended_t  *slot;

    said = json_loadb(view->outcomes.data, view->outcomes.len, JSON_ALLOW_NUL,
                      NULL);
    abandoned = json_loadb(view->abandoned.data, view->abandoned.len,
                           JSON_ALLOW_NUL, NULL);
    ok = said != NULL && abandoned != NULL;

    if (!ok) {
        tool_error("no memory");
    }

    json_array_foreach(said, i, item) {
        ok = ok && outcomes_one(o, item);
    }

    json_array_foreach(abandoned, i, item) {
        ok = ok && outcomes_put(o, (dmp_str_t) { json_string_value(item),
                                                 json_string_length(item) },
                                &slot);
        if (ok && slot != NULL) {
            slot->abandoned = true;
        }
    }

    json_decref(said);
    json_decref(abandoned);

    return ok;
}


bool
audit_outcomes_read(audit_outcomes_t *o, store_t *store,
    const audit_snapshot_t *snapshot, const audit_range_t *range)
{
    int                      rc;
    audit_range_t            all;
    audit_entry_t            entry;
    audit_reader_t          *reader;
    static dmp_error_t       error;
    static dmp_entry_view_t  view;
    static const char        start[] = "{\"format\":1,\"kind\":\"outcome\"";

    /* They stand in the home buckets of their writers: in any. */
    all = *range;
    all.one_bucket = false;
    reader = audit_reader_create(store, snapshot, &all);

    if (reader == NULL) {
        return false;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        if (entry.body.len < sizeof(start) - 1
            || memcmp(entry.body.data, start, sizeof(start) - 1) != 0
            || dmp_entry_parse(entry.body.data, entry.body.len, &view, &error)
               != DMP_OK
            || view.kind != DMP_KIND_OUTCOME)
        {
            continue;
        }

        if (!audit_outcomes_add(o, &view)) {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO;
}


const audit_ended_t *
audit_outcomes_find(const audit_outcomes_t *o, dmp_str_t trace)
{
    unsigned char         id[16];
    const audit_ended_t  *slot;

    if (o->size == 0 || !outcomes_id(trace, id)) {
        return NULL;
    }

    slot = outcomes_slot(o, id);

    return slot->used && (slot->ended || slot->abandoned) ? slot : NULL;
}


void
audit_outcomes_free(audit_outcomes_t *o)
{
    free(o->slots);
    memset(o, 0, sizeof(*o));
}
