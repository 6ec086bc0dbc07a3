/*
 * audit_read.c: the entries of all buckets, merged by their ids.  Each bucket
 * has two batches of bounded size: the one that is read from, and the next,
 * which is asked for together with those of all others that will soon need
 * one.
 */

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "audit_link.h"


#define READ_BATCH_BYTES  (128 * 1024)   /* aimed at, by what came before */
#define READ_BATCH_MIN    16             /* entries */
#define READ_BATCH_MAX    512
#define READ_ID_MAX       42             /* two numbers of 64 bits */

/* Offsets into the batch's bytes. */
typedef struct {
    uint64_t  ms;
    uint64_t  n;
    size_t    body;
    size_t    body_len;
    size_t    outcome;
    size_t    outcome_len;
} read_entry_t;

typedef struct {
    read_entry_t  *entries;
    size_t         size;
    size_t         count;
    size_t         pos;
    char          *data;
    size_t         data_size;
    size_t         data_len;
} read_batch_t;

typedef struct {
    read_batch_t   batch[2];
    unsigned       now;                  /* which of the two is read from */
    bool           loaded;               /* the other one holds the next */
    bool           ended;                /* the store has no more of it */
    unsigned       count;                /* entries to ask for at once */
    char           start[READ_ID_MAX + 2];
    char           end[READ_ID_MAX + 2];
    size_t         place;                /* in the heap */
} read_bucket_t;

struct audit_reader_s {
    audit_link_t    link;
    unsigned        buckets;
    read_bucket_t  *bucket;
    unsigned       *heap;                /* buckets, the least head first */
    size_t          n_heap;
    bool            taken;               /* the head of "last" was given out */
    bool            failed;
    unsigned        last;
};


static const read_entry_t *
read_head(const audit_reader_t *r, unsigned b)
{
    const read_batch_t  *batch;

    batch = &r->bucket[b].batch[r->bucket[b].now];

    return &batch->entries[batch->pos];
}


static bool
read_before(const audit_reader_t *r, unsigned a, unsigned b)
{
    const read_entry_t  *x, *y;

    x = read_head(r, a);
    y = read_head(r, b);

    if (x->ms != y->ms) {
        return x->ms < y->ms;
    }

    return x->n != y->n ? x->n < y->n : a < b;
}


static void
read_put(audit_reader_t *r, size_t place, unsigned b)
{
    r->heap[place] = b;
    r->bucket[b].place = place;
}


/* Ids of a bucket only rise, but what stands in a store may be anything. */
static void
read_sift(audit_reader_t *r, size_t place)
{
    size_t    child;
    unsigned  b;

    b = r->heap[place];

    while (place > 0 && read_before(r, b, r->heap[(place - 1) / 2])) {
        read_put(r, place, r->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }

    for (child = 2 * place + 1; child < r->n_heap; child = 2 * place + 1) {
        if (child + 1 < r->n_heap
            && read_before(r, r->heap[child + 1], r->heap[child]))
        {
            child++;
        }

        if (!read_before(r, r->heap[child], b)) {
            break;
        }

        read_put(r, place, r->heap[child]);
        place = child;
    }

    read_put(r, place, b);
}


static void
read_remove(audit_reader_t *r, unsigned b)
{
    size_t    place;
    unsigned  moved;

    place = r->bucket[b].place;
    moved = r->heap[--r->n_heap];

    if (moved != b) {
        read_put(r, place, moved);
        read_sift(r, place);
    }
}


static bool
read_keep(read_batch_t *batch, dmp_str_t text, size_t *at, size_t *len)
{
    char    *larger;
    size_t   size;

    if (batch->data_size - batch->data_len < text.len) {
        for (size = batch->data_size == 0 ? 4096 : batch->data_size;
             size - batch->data_len < text.len; size *= 2)
        {
            /* until it fits */
        }

        larger = realloc(batch->data, size);
        if (larger == NULL) {
            tool_error("no memory");
            return false;
        }

        batch->data = larger;
        batch->data_size = size;
    }

    if (text.len > 0) {
        memcpy(batch->data + batch->data_len, text.data, text.len);
    }

    *at = batch->data_len;
    *len = text.len;
    batch->data_len += text.len;

    return true;
}


/* One name or value; name is the last name, '\0' where it is none of ours. */
static bool
read_field(audit_reader_t *r, read_batch_t *batch, read_entry_t *e,
    bool is_name, bool ours, char *name)
{
    audit_item_t  item;

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_BULK) {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    if (is_name) {
        *name = item.text.len == 1 ? item.text.data[0] : '\0';
        return true;
    }

    if (ours && *name == 'b') {
        return read_keep(batch, item.text, &e->body, &e->body_len);
    }

    if (ours && *name == 'o') {
        return read_keep(batch, item.text, &e->outcome, &e->outcome_len);
    }

    return true;
}


/*
 * The names and values of an entry.  One that has others than ours, or one
 * longer than any of ours, is no entry: it is given without a body.
 */
static bool
read_fields(audit_reader_t *r, read_batch_t *batch, read_entry_t *e)
{
    char          name;
    int64_t       i;
    audit_item_t  fields;

    if (!audit_link_next(&r->link, &fields)) {
        return false;
    }

    if (fields.type != AUDIT_ITEM_ARRAY) {
        return audit_link_odd(&r->link, "XRANGE", &fields);
    }

    name = '\0';

    for (i = 0; i < fields.number; i++) {
        if (!read_field(r, batch, e, i % 2 == 0, fields.number == 4, &name)) {
            return false;
        }
    }

    return true;
}


/* One entry: [id, [name, value, …]]. */
static bool
read_one(audit_reader_t *r, read_bucket_t *bucket, read_batch_t *batch)
{
    char           id[READ_ID_MAX];
    size_t         len;
    audit_item_t   item;
    read_entry_t  *e;

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_ARRAY || item.number != 2) {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    e = &batch->entries[batch->count];
    memset(e, 0, sizeof(*e));

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_BULK || item.text.len >= sizeof(id)
        || !dmp_stream_id_parse(item.text, &e->ms, &e->n))
    {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    len = item.text.len;
    memcpy(id, item.text.data, len);

    if (!read_fields(r, batch, e)) {
        return false;
    }

    /* the next batch begins after it */
    bucket->start[0] = '(';
    memcpy(bucket->start + 1, id, len);
    bucket->start[len + 1] = '\0';
    batch->count++;

    return true;
}


static bool
read_room(read_batch_t *batch, size_t n)
{
    read_entry_t  *larger;

    batch->count = 0;
    batch->pos = 0;
    batch->data_len = 0;

    if (n <= batch->size) {
        return true;
    }

    larger = reallocarray(batch->entries, n, sizeof(*larger));
    if (larger == NULL) {
        tool_error("no memory");
        return false;
    }

    batch->entries = larger;
    batch->size = n;

    return true;
}


/* The answer to a bucket's XRANGE, into the batch that is not read from. */
static bool
read_batch(audit_reader_t *r, read_bucket_t *bucket)
{
    size_t         i, n, asked;
    audit_item_t   item;
    read_batch_t  *batch;

    batch = &bucket->batch[1 - bucket->now];
    asked = bucket->count;

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_ARRAY || (uint64_t) item.number > asked) {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    n = (size_t) item.number;

    if (!read_room(batch, n)) {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (!read_one(r, bucket, batch)) {
            return false;
        }
    }

    bucket->loaded = n > 0;
    bucket->ended = n < asked;

    if (n > 0) {
        asked = READ_BATCH_BYTES / (batch->data_len / n + 1);
        bucket->count = asked < READ_BATCH_MIN ? READ_BATCH_MIN
                        : asked > READ_BATCH_MAX ? READ_BATCH_MAX
                        : (unsigned) asked;
    }

    return true;
}


static bool
read_ask(audit_reader_t *r, unsigned b)
{
    char            key[DMP_KEY_NAME_MAX], count[24];
    store_args_t    args;
    read_bucket_t  *bucket;

    bucket = &r->bucket[b];
    args.n = 0;
    store_text(&args, "XRANGE");
    store_bytes(&args, key, dmp_key_name(key, b, "trace", dmp_null_string));
    store_text(&args, bucket->start);
    store_text(&args, bucket->end);
    store_text(&args, "COUNT");
    (void) snprintf(count, sizeof(count), "%u", bucket->count);
    store_text(&args, count);

    return audit_link_ask(&r->link, &args);
}


/* Whether it has less than half a batch left, and nothing after that. */
static bool
read_low(const read_bucket_t *bucket)
{
    const read_batch_t  *batch;

    batch = &bucket->batch[bucket->now];

    return !bucket->ended && !bucket->loaded
           && batch->count - batch->pos <= batch->count / 2;
}


static bool
read_fetch(audit_reader_t *r)
{
    bool      ok;
    unsigned  b, n, asked[DMP_BUCKETS_MAX];

    n = 0;

    for (b = 0; b < r->buckets; b++) {
        if (read_low(&r->bucket[b])) {
            if (!read_ask(r, b)) {
                return false;
            }

            asked[n++] = b;
        }
    }

    ok = audit_link_send(&r->link);

    for (b = 0; b < n && ok; b++) {
        ok = read_batch(r, &r->bucket[asked[b]]);
    }

    return ok;
}


/* Goes on to the bucket's next entry; false after a complaint. */
static bool
read_advance(audit_reader_t *r, unsigned b)
{
    read_batch_t   *batch;
    read_bucket_t  *bucket;

    bucket = &r->bucket[b];
    batch = &bucket->batch[bucket->now];
    batch->pos++;

    if (batch->pos == batch->count) {
        if (!bucket->loaded && !bucket->ended && !read_fetch(r)) {
            return false;
        }

        if (!bucket->loaded) {
            batch->count = batch->pos = 0;
            read_remove(r, b);
            return true;
        }

        bucket->now = 1 - bucket->now;
        bucket->loaded = false;
    }

    read_sift(r, bucket->place);

    return true;
}


/* From where to where; false where nothing of the bucket is asked for. */
static bool
read_range(read_bucket_t *bucket, const audit_snapshot_t *snapshot, unsigned b,
    const audit_range_t *range)
{
    if ((range->one_bucket && range->bucket != b)
        || (snapshot->end_ms[b] == 0 && snapshot->end_seq[b] == 0)
        || range->since_ms > snapshot->end_ms[b])
    {
        return false;
    }

    (void) snprintf(bucket->start, sizeof(bucket->start), "%llu",
                    (unsigned long long) range->since_ms);

    /* Without a sequence, an end is the last one of its millisecond. */
    if (range->until_ms != 0 && range->until_ms < snapshot->end_ms[b]) {
        (void) snprintf(bucket->end, sizeof(bucket->end), "%llu",
                        (unsigned long long) range->until_ms);

    } else {
        (void) snprintf(bucket->end, sizeof(bucket->end), "%llu-%llu",
                        (unsigned long long) snapshot->end_ms[b],
                        (unsigned long long) snapshot->end_seq[b]);
    }

    return true;
}


static bool
read_begin(audit_reader_t *r)
{
    unsigned        b;
    read_bucket_t  *bucket;

    if (!read_fetch(r)) {
        return false;
    }

    for (b = 0; b < r->buckets; b++) {
        bucket = &r->bucket[b];

        if (bucket->loaded) {
            bucket->now = 1 - bucket->now;
            bucket->loaded = false;
            read_put(r, r->n_heap++, b);
            read_sift(r, r->n_heap - 1);
        }
    }

    return true;
}


audit_reader_t *
audit_reader_create(store_t *store, const audit_snapshot_t *snapshot,
    const audit_range_t *range)
{
    unsigned         b;
    audit_reader_t  *r;

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        tool_error("no memory");
        return NULL;
    }

    r->buckets = store->buckets;
    r->bucket = calloc(r->buckets, sizeof(*r->bucket));
    r->heap = calloc(r->buckets, sizeof(*r->heap));

    if (r->bucket == NULL || r->heap == NULL) {
        tool_error("no memory");
        audit_reader_free(r);
        return NULL;
    }

    for (b = 0; b < r->buckets; b++) {
        r->bucket[b].count = READ_BATCH_MIN;
        r->bucket[b].ended = !read_range(&r->bucket[b], snapshot, b, range);
    }

    if (!audit_link_open(&r->link, store) || !read_begin(r)) {
        audit_reader_free(r);
        return NULL;
    }

    return r;
}


void
audit_reader_free(audit_reader_t *r)
{
    unsigned        b;
    read_bucket_t  *bucket;

    if (r == NULL) {
        return;
    }

    for (b = 0; r->bucket != NULL && b < r->buckets; b++) {
        bucket = &r->bucket[b];
        free(bucket->batch[0].entries);
        free(bucket->batch[0].data);
        free(bucket->batch[1].entries);
        free(bucket->batch[1].data);
    }

    audit_link_close(&r->link);
    free(r->bucket);
    free(r->heap);
    free(r);
}


/* What was given out before has been used by now. */
static bool
read_ready(audit_reader_t *r)
{
    if (r->taken) {
        r->taken = false;
        r->failed = !read_advance(r, r->last);
    }

    return !r->failed;
}


static int
read_give(audit_reader_t *r, unsigned b, audit_entry_t *entry)
{
    const read_batch_t  *batch;
    const read_entry_t  *e;

    e = read_head(r, b);
    batch = &r->bucket[b].batch[r->bucket[b].now];

    entry->bucket = b;
    entry->id_ms = e->ms;
    entry->id_seq = e->n;
    entry->body = (dmp_str_t) { batch->data + e->body, e->body_len };
    entry->outcome = (dmp_str_t) { batch->data + e->outcome,
                                   e->outcome_len };
    r->taken = true;
    r->last = b;

    return TOOL_DONE;
}


int
audit_next(audit_reader_t *r, audit_entry_t *entry)
{
    if (!read_ready(r)) {
        return TOOL_FAILED;
    }

    return r->n_heap == 0 ? TOOL_NO : read_give(r, r->heap[0], entry);
}


int
audit_next_of(audit_reader_t *r, unsigned bucket, audit_entry_t *entry)
{
    const read_batch_t  *batch;

    if (!read_ready(r)) {
        return TOOL_FAILED;
    }

    if (bucket >= r->buckets) {
        return TOOL_NO;
    }

    batch = &r->bucket[bucket].batch[r->bucket[bucket].now];

    return batch->count == 0 ? TOOL_NO : read_give(r, bucket, entry);
}
