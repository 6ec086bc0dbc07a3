/*
 * audit_read.c: the entries of all buckets, merged by their ids.  Each bucket
 * has two batches of bounded size: the one that is read from, and the next,
 * which is asked for together with those of some others that will soon need
 * one, too, and read when it is needed: the store works meanwhile.
 */

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "audit_link.h"


/*
 * Aimed at, by what came before.  What is read is soon looked at: the batches
 * of all buckets are best no larger than a processor's second cache.
 */
#define READ_BATCH_BYTES  (16 * 1024)
#define READ_BATCH_MIN    16             /* entries */
#define READ_BATCH_MAX    512
#define READ_AT_ONCE      16             /* batches to ask for */
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
    bool           loaded;               /* the other one holds the next, */
    bool           wanted;               /* … or is to be asked for or read */
    bool           ended;                /* the store has no more of it */
    unsigned       count;                /* entries to ask for at once */
    char           start[READ_ID_MAX + 2];
    char           end[READ_ID_MAX + 2];
} read_bucket_t;

/* A bucket's next entry; rank is the bucket, or beyond all if it has none. */
typedef struct {
    uint64_t       ms;
    uint64_t       n;
    unsigned       rank;
} read_key_t;

typedef struct {
    unsigned       bucket[DMP_BUCKETS_MAX];
    unsigned       n;
} read_list_t;

struct audit_reader_s {
    audit_link_t    link;
    unsigned        buckets;
    read_bucket_t  *bucket;
    read_key_t      key[DMP_BUCKETS_MAX];
    unsigned        winner[DMP_BUCKETS_MAX];    /* of a tree: at place i the
                                                   earlier of 2i and 2i + 1 */
    unsigned        leaves;              /* a power of two: the place where the
                                            buckets' own begin */
    read_list_t     wanted;              /* buckets to ask for, */
    read_list_t     asked;               /* and whose answers are to come, in */
    unsigned        answered;            /* their order; so many have */
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


/* Two buckets that have a next entry: the one where it is earlier. */
static unsigned
read_earlier(const audit_reader_t *r, unsigned a, unsigned b)
{
    unsigned __int128   x, y;
    const read_key_t   *p, *q;

    p = &r->key[a];
    q = &r->key[b];
    x = (unsigned __int128) p->ms << 64 | p->n;
    y = (unsigned __int128) q->ms << 64 | q->n;

    return x < y || (x == y && p->rank < q->rank) ? a : b;
}


/* Who wins at that place of the tree. */
static unsigned
read_winner(const audit_reader_t *r, unsigned place)
{
    return place < r->leaves ? r->winner[place] : place - r->leaves;
}


/*
 * Nobody has an entry yet.  Leaves that stand for no bucket never will, and
 * every place has a winner from among its own.
 */
static void
read_plant(audit_reader_t *r)
{
    unsigned  b, place;

    for (r->leaves = 1; r->leaves < r->buckets; r->leaves *= 2) {
        /* until all buckets have one */
    }

    for (b = 0; b < r->leaves; b++) {
        r->key[b] = (read_key_t) { UINT64_MAX, UINT64_MAX, r->leaves + b };
    }

    for (place = r->leaves - 1; place > 0; place--) {
        r->winner[place] = read_winner(r, 2 * place);
    }
}


/* The bucket's next entry is another one, or there is none. */
static void
read_play(audit_reader_t *r, unsigned b)
{
    unsigned             place, best;
    read_key_t          *key;
    const read_entry_t  *e;
    const read_batch_t  *batch;

    key = &r->key[b];
    batch = &r->bucket[b].batch[r->bucket[b].now];

    if (batch->pos < batch->count) {
        e = read_head(r, b);
        *key = (read_key_t) { e->ms, e->n, b };

    } else {
        *key = (read_key_t) { UINT64_MAX, UINT64_MAX, r->leaves + b };
    }

    best = b;

    for (place = r->leaves + b; place > 1; place /= 2) {
        best = read_earlier(r, best, read_winner(r, place ^ 1));
        r->winner[place / 2] = best;
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


static bool
read_id(dmp_str_t text, read_entry_t *e)
{
    return text.len < READ_ID_MAX
           && dmp_stream_id_parse(text, &e->ms, &e->n);
}


/* One entry, [id, [name, value, …]], item by item. */
static bool
read_items(audit_reader_t *r, read_batch_t *batch, read_entry_t *e)
{
    audit_item_t  item;

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_ARRAY || item.number != 2) {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    if (!audit_link_next(&r->link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_BULK || !read_id(item.text, e)) {
        return audit_link_odd(&r->link, "XRANGE", &item);
    }

    return read_fields(r, batch, e);
}


/* In one step, where it has the usual form. */
static bool
read_one(audit_reader_t *r, read_batch_t *batch)
{
    read_entry_t          *e;
    audit_item_t           item;
    audit_stream_entry_t   whole;

    e = &batch->entries[batch->count];
    memset(e, 0, sizeof(*e));

    if (!audit_link_entry(&r->link, &whole)) {
        if (!read_items(r, batch, e)) {
            return false;
        }

    } else if (!read_id(whole.id, e)) {
        memset(&item, 0, sizeof(item));
        return audit_link_odd(&r->link, "XRANGE", &item);

    } else if (!read_keep(batch, whole.body, &e->body, &e->body_len)
               || !read_keep(batch, whole.outcome, &e->outcome,
                             &e->outcome_len))
    {
        return false;
    }

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
    size_t               i, n, asked;
    audit_item_t         item;
    read_batch_t        *batch;
    const read_entry_t  *last;

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
        if (!read_one(r, batch)) {
            return false;
        }
    }

    bucket->wanted = false;
    bucket->loaded = n > 0;
    bucket->ended = n < asked;

    if (n > 0) {
        /* the next batch begins after it */
        last = &batch->entries[n - 1];
        (void) snprintf(bucket->start, sizeof(bucket->start), "(%llu-%llu",
                        (unsigned long long) last->ms,
                        (unsigned long long) last->n);
        /* Redis refuses to look beyond its last id */
        bucket->ended = bucket->ended || (last->ms == UINT64_MAX
                                          && last->n == UINT64_MAX);
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


/* Asks for the next batches of all that will need one. */
static bool
read_ask_all(audit_reader_t *r)
{
    unsigned  i;

    for (i = 0; i < r->wanted.n; i++) {
        if (!read_ask(r, r->wanted.bucket[i])) {
            return false;
        }

        r->asked.bucket[r->asked.n++] = r->wanted.bucket[i];
    }

    r->wanted.n = 0;

    return audit_link_send(&r->link);
}


/* Reads the answers that are to come up to that bucket's, which is wanted. */
static bool
read_fetch(audit_reader_t *r, unsigned b)
{
    while (r->bucket[b].wanted) {
        if (r->answered == r->asked.n) {
            r->answered = r->asked.n = 0;

            if (!read_ask_all(r)) {
                return false;
            }
        }

        if (!read_batch(r, &r->bucket[r->asked.bucket[r->answered]])) {
            return false;
        }

        r->answered++;
    }

    return true;
}


/*
 * Notes that the bucket needs its next batch soon; some are asked for at once,
 * after the answers to the last ones.
 */
static bool
read_want(audit_reader_t *r, unsigned b)
{
    if (r->bucket[b].wanted || r->bucket[b].loaded || r->bucket[b].ended) {
        return true;
    }

    r->bucket[b].wanted = true;
    r->wanted.bucket[r->wanted.n++] = b;

    if (r->wanted.n < READ_AT_ONCE || r->answered < r->asked.n) {
        return true;
    }

    r->answered = r->asked.n = 0;

    return read_ask_all(r);
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

    if (batch->pos >= batch->count / 2 && !read_want(r, b)) {
        return false;
    }

    if (batch->pos == batch->count) {
        if (!read_fetch(r, b)) {
            return false;
        }

        if (bucket->loaded) {
            bucket->now = 1 - bucket->now;
            bucket->loaded = false;
        }
    }

    read_play(r, b);

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

    for (b = 0; b < r->buckets; b++) {
        if (!r->bucket[b].ended) {
            r->bucket[b].wanted = true;
            r->wanted.bucket[r->wanted.n++] = b;
        }
    }

    if (!read_ask_all(r)) {
        return false;
    }

    for (b = 0; b < r->buckets; b++) {
        bucket = &r->bucket[b];

        if (!read_fetch(r, b)) {
            return false;
        }

        if (bucket->loaded) {
            bucket->now = 1 - bucket->now;
            bucket->loaded = false;
        }

        read_play(r, b);
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

    if (r->bucket == NULL) {
        tool_error("no memory");
        audit_reader_free(r);
        return NULL;
    }

    read_plant(r);

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

    if (r->answered < r->asked.n) {
        audit_link_abandon(&r->link);
    }

    audit_link_close(&r->link);
    free(r->bucket);
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
read_give(audit_reader_t *r, unsigned b, dmp_stored_t *entry)
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
audit_next(audit_reader_t *r, dmp_stored_t *entry)
{
    unsigned  b;

    if (!read_ready(r)) {
        return TOOL_FAILED;
    }

    b = read_winner(r, 1);

    return r->key[b].rank != b ? TOOL_NO : read_give(r, b, entry);
}


int
audit_next_of(audit_reader_t *r, unsigned bucket, dmp_stored_t *entry)
{
    if (!read_ready(r)) {
        return TOOL_FAILED;
    }

    return bucket >= r->buckets || r->key[bucket].rank != bucket
           ? TOOL_NO : read_give(r, bucket, entry);
}
