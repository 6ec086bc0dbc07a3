/*
 * audit_outcomes.c: the ends of accesses in a hash table: 64 bytes each, and
 * as much again for room.
 */

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <openssl/sha.h>

#include "audit_outcomes.h"


#define OUTCOMES_FIRST  1024             /* slots */

/* Whose access it is. */
typedef struct {
    unsigned char  id[16];
    unsigned char  writer[8];
} outcomes_key_t;

typedef bool (*outcomes_pt)(audit_outcomes_t *o, const outcomes_key_t *key,
    const json_t *said, void *data);


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


static void
outcomes_writer(dmp_str_t name, unsigned char writer[8])
{
    unsigned char  hash[SHA256_DIGEST_LENGTH];

    (void) SHA256((const unsigned char *) name.data, name.len, hash);
    memcpy(writer, hash, 8);
}


static bool
outcomes_same(const audit_slot_t *slot, const outcomes_key_t *key)
{
    return memcmp(slot->id, key->id, sizeof(key->id)) == 0
           && memcmp(slot->writer, key->writer, sizeof(key->writer)) == 0;
}


/* Its slot, or the free one where it would be.  The last bytes are random. */
static audit_slot_t *
outcomes_slot(const audit_outcomes_t *o, const outcomes_key_t *key)
{
    size_t    i;
    uint64_t  hash;

    memcpy(&hash, key->id + 8, sizeof(hash));

    for (i = (size_t) hash & (o->size - 1);
         o->slots[i].used && !outcomes_same(&o->slots[i], key);
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
    outcomes_key_t    key;
    audit_outcomes_t  larger;

    larger = *o;
    larger.size = o->size == 0 ? OUTCOMES_FIRST : o->size * 2;
    larger.slots = calloc(larger.size, sizeof(audit_slot_t));

    if (larger.slots == NULL) {
        tool_error("no memory");
        return false;
    }

    for (i = 0; i < o->size; i++) {
        if (o->slots[i].used) {
            memcpy(key.id, o->slots[i].id, sizeof(key.id));
            memcpy(key.writer, o->slots[i].writer, sizeof(key.writer));
            *outcomes_slot(&larger, &key) = o->slots[i];
        }
    }

    free(o->slots);
    *o = larger;

    return true;
}


/* *slot is NULL where the table does not look for it. */
static bool
outcomes_put(audit_outcomes_t *o, const outcomes_key_t *key,
    audit_slot_t **slot)
{
    *slot = NULL;

    if (!o->closed && o->n >= o->size / 2 && !outcomes_grow(o)) {
        return false;
    }

    if (o->size == 0) {
        return true;
    }

    *slot = outcomes_slot(o, key);

    if (!(*slot)->used) {
        if (o->closed) {
            *slot = NULL;
            return true;
        }

        (*slot)->used = true;
        memcpy((*slot)->id, key->id, sizeof(key->id));
        memcpy((*slot)->writer, key->writer, sizeof(key->writer));
        o->n++;
    }

    return true;
}


bool
audit_outcomes_want(audit_outcomes_t *o, const dmp_entry_view_t *access)
{
    bool             ok, closed;
    audit_slot_t    *slot;
    outcomes_key_t   key;

    memset(&key, 0, sizeof(key));

    if (!outcomes_id(access->trace, key.id)) {
        return true;
    }

    outcomes_writer(access->writer, key.writer);
    closed = o->closed;
    o->closed = false;
    ok = outcomes_put(o, &key, &slot);
    o->closed = closed;

    return ok;
}


/* Nothing where there is none. */
static dmp_str_t
outcomes_text(const json_t *text)
{
    if (text == NULL || !json_is_string(text)) {
        return dmp_null_string;
    }

    return (dmp_str_t) { json_string_value(text), json_string_length(text) };
}


static uint64_t
outcomes_number(const json_t *said, size_t i)
{
    return (uint64_t) json_integer_value(json_array_get(said, i));
}


/* The end of one access, or that it was abandoned: said is NULL. */
static bool
outcomes_one(audit_outcomes_t *o, const outcomes_key_t *key,
    const json_t *said, void *data)
{
    int                   reason;
    bool                  older;
    audit_slot_t        *slot;
    const dmp_stored_t  *entry;

    entry = data;

    if (!outcomes_put(o, key, &slot)) {
        return false;
    }

    if (slot == NULL) {
        return true;
    }

    /* what is said last counts, in whichever order it is read */
    older = entry->id_ms < slot->at_ms;
    slot->at_ms = older ? slot->at_ms : entry->id_ms;

    if (said == NULL) {
        slot->end.abandoned = true;
        return true;
    }

    if (older && slot->end.ended) {
        return true;
    }

    reason = dmp_name_value(&dmp_reason_names,
                            outcomes_text(json_array_get(said, 5)));
    slot->end.ended = true;
    slot->end.status = (uint16_t) outcomes_number(said, 1);
    slot->end.bytes = outcomes_number(said, 2);
    slot->end.shown = (uint32_t) outcomes_number(said, 3);
    slot->end.withheld = (uint32_t) outcomes_number(said, 4);
    slot->end.reason = reason > 0 ? (uint8_t) reason : DMP_REASON_NONE;

    return true;
}


/* Calls it for each access that the entry names. */
static bool
outcomes_each(audit_outcomes_t *o, const dmp_entry_view_t *view,
    outcomes_pt each, void *data)
{
    bool             ok;
    size_t           i;
    json_t          *said, *abandoned, *item;
    outcomes_key_t   key;

    outcomes_writer(view->writer, key.writer);
    said = json_loadb(view->outcomes.data, view->outcomes.len, JSON_ALLOW_NUL,
                      NULL);
    abandoned = json_loadb(view->abandoned.data, view->abandoned.len,
                           JSON_ALLOW_NUL, NULL);
    ok = said != NULL && abandoned != NULL;

    if (!ok) {
        tool_error("no memory");
    }

    json_array_foreach(said, i, item) {
        if (ok && outcomes_id(outcomes_text(json_array_get(item, 0)),
                              key.id))
        {
            ok = each(o, &key, item, data);
        }
    }

    json_array_foreach(abandoned, i, item) {
        if (ok && outcomes_id(outcomes_text(item), key.id)) {
            ok = each(o, &key, NULL, data);
        }
    }

    json_decref(said);
    json_decref(abandoned);

    return ok;
}


bool
audit_outcomes_add(audit_outcomes_t *o, const dmp_stored_t *entry,
    const dmp_entry_view_t *view)
{
    dmp_stored_t  at;

    at = *entry;

    return outcomes_each(o, view, outcomes_one, &at);
}


static bool
outcomes_has(audit_outcomes_t *o, const outcomes_key_t *key,
    const json_t *said, void *data)
{
    bool  *names;

    (void) said;

    names = data;
    *names = *names || (o->size != 0 && outcomes_slot(o, key)->used);

    return true;
}


bool
audit_outcomes_names(audit_outcomes_t *o, const dmp_entry_view_t *view,
    bool *names)
{
    *names = false;

    return o->n == 0 || outcomes_each(o, view, outcomes_has, names);
}


bool
audit_outcomes_like(const dmp_stored_t *entry)
{
    static const char  start[] = "{\"format\":1,\"kind\":\"outcome\"";

    return entry->body.len >= sizeof(start) - 1
           && memcmp(entry->body.data, start, sizeof(start) - 1) == 0;
}


bool
audit_outcomes_read(audit_outcomes_t *o, store_t *store,
    const audit_snapshot_t *snapshot, const audit_range_t *range)
{
    int                      rc;
    audit_range_t            all;
    dmp_stored_t             entry;
    audit_reader_t          *reader;
    static dmp_error_t       error;
    static dmp_entry_view_t  view;

    /* They stand in the home buckets of their writers: in any. */
    all = *range;
    all.one_bucket = false;
    reader = audit_reader_create(store, snapshot, &all);

    if (reader == NULL) {
        return false;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        if (!audit_outcomes_like(&entry)
            || dmp_entry_parse(entry.body.data, entry.body.len, &view, &error)
               != DMP_OK
            || view.kind != DMP_KIND_OUTCOME)
        {
            continue;
        }

        if (!audit_outcomes_add(o, &entry, &view)) {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO;
}


const dmp_ended_t *
audit_outcomes_find(const audit_outcomes_t *o, const dmp_item_t *access)
{
    outcomes_key_t       key;
    const audit_slot_t  *slot;

    memset(&key, 0, sizeof(key));

    if (o->size == 0 || !outcomes_id(access->view.trace, key.id)) {
        return NULL;
    }

    outcomes_writer(access->view.writer, key.writer);
    slot = outcomes_slot(o, &key);

    return slot->used && (slot->end.ended || slot->end.abandoned)
           && slot->at_ms >= access->entry->id_ms ? &slot->end : NULL;
}


void
audit_outcomes_free(audit_outcomes_t *o)
{
    free(o->slots);
    memset(o, 0, sizeof(*o));
}
