/*
 * Signs of life, and the epochs of workers that are no more.
 *
 * An idle worker signs a heartbeat now and then, so that a trace that was cut
 * does not pass for one where nothing happened.  The epoch of a worker that
 * was killed is ended by another of this machine, with the heads that the dead
 * one was last told of; where no memory has them (the machine was restarted),
 * with those of the store.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_BEAT_MS         10000
#define NGX_HTTP_DMP_CLOSED_BEAT_MS  1000    /* while a bucket is closed */

#define NGX_HTTP_DMP_WRITERS_MAX     4096    /* in dmp:writers */


/* An end of an epoch on its way. */
typedef struct {
    unsigned                     bucket;
    uint64_t                     seq;
    unsigned char                hash[DMP_HASH_LEN];
    ngx_http_dmp_zone_writer_t  *orphan;     /* NULL: not of memory */
    size_t                       name_len;
    char                         name[DMP_WRITER_MAX];
} ngx_http_dmp_succession_t;

/* A writer that the store remembers, and its heads as they come. */
typedef struct {
    size_t                       name_len;
    char                         name[DMP_WRITER_MAX];
    unsigned                     next;       /* bucket that is answered */
    unsigned                     failed;
    unsigned                     n_heads;
    uint64_t                     epoch;      /* its last */
    dmp_chain_head_t             heads[DMP_BUCKETS_MAX];
} ngx_http_dmp_forgotten_t;


static void ngx_http_dmp_beat(ngx_event_t *ev);
static void ngx_http_dmp_beat_written(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_succeed(void);
static void ngx_http_dmp_succeeded(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_forgotten_head(redisAsyncContext *ac, void *data,
    void *privdata);


void
ngx_http_dmp_beat_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &ngx_http_dmp_store.beat;

    ev->handler = ngx_http_dmp_beat;
    ev->data = &ngx_http_dmp_store;
    ev->log = cycle->log;
    ev->cancelable = 1;
}


void
ngx_http_dmp_beat_stop(void)
{
    if (ngx_http_dmp_store.beat.timer_set) {
        ngx_del_timer(&ngx_http_dmp_store.beat);
    }
}


static ngx_uint_t
ngx_http_dmp_beat_may(void)
{
    return ngx_http_dmp_store.state == NGX_HTTP_DMP_STORE_READY
           && ngx_http_dmp_store.why == NULL;
}


/* A write that nobody waits for: dmp:writers is a hint. */
static void
ngx_http_dmp_beat_note(ngx_uint_t argc, const char **argv, const size_t *lens)
{
    if (ngx_http_dmp_beat_may()
        && ngx_http_dmp_store_send(ngx_http_dmp_beat_written, NULL, argc,
                                   argv, lens)
           == NGX_OK)
    {
        ngx_http_dmp_store_sent();
    }
}


static void
ngx_http_dmp_beat_written(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply  *reply;

    reply = data;

    if (reply == NULL) {
        return;
    }

    ngx_http_dmp_store_answered();

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                      "dmp:writers cannot be written: %s", reply->str);
    }

    ngx_http_dmp_store_settled();
}


/* This writer is alive. */
void
ngx_http_dmp_beat_sign(void)
{
    char         now[NGX_INT64_LEN];
    size_t       lens[4];
    dmp_str_t    name;
    const char  *argv[4];

    name = dmp_writer_name(ngx_http_dmp_store.writer);

    argv[0] = "HSET";
    lens[0] = 4;
    argv[1] = "dmp:writers";
    lens[1] = 11;
    argv[2] = name.data;
    lens[2] = name.len;
    argv[3] = now;
    lens[3] = (size_t) (ngx_sprintf((u_char *) now, "%L",
                                    ngx_http_dmp_time_ms())
                        - (u_char *) now);

    ngx_http_dmp_beat_note(4, argv, lens);
}


/* Its epoch has ended: nobody need look after it. */
static void
ngx_http_dmp_beat_forget(const char *name, size_t len)
{
    size_t       lens[3];
    const char  *argv[3];

    argv[0] = "HDEL";
    lens[0] = 4;
    argv[1] = "dmp:writers";
    lens[1] = 11;
    argv[2] = name;
    lens[2] = len;

    ngx_http_dmp_beat_note(3, argv, lens);
}


void
ngx_http_dmp_beat_ended(void)
{
    dmp_str_t  name;

    name = dmp_writer_name(ngx_http_dmp_store.writer);

    ngx_http_dmp_beat_forget(name.data, name.len);
}


/* An operator may have reopened a bucket, or somebody closed another. */
static void
ngx_http_dmp_closed_read(void *data, const redisReply *reply)
{
    size_t                 i;
    ngx_int_t              n;
    ngx_uint_t             same;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    same = 0;

    for (i = 0; i < reply->elements; i++) {
        n = (reply->element[i]->type == REDIS_REPLY_STRING)
            ? ngx_atoi((u_char *) reply->element[i]->str,
                       (size_t) reply->element[i]->len)
            : NGX_ERROR;

        if (n != NGX_ERROR && n < DMP_BUCKETS_MAX && store->closed[n]) {
            same++;
        }
    }

    if (same != store->n_closed || reply->elements != store->n_closed) {
        ngx_http_dmp_store_renew("the closed buckets are others");
    }
}


static ngx_http_dmp_store_note_t  ngx_http_dmp_closed_note = {
    ngx_http_dmp_closed_read, NULL, NULL
};


static void
ngx_http_dmp_beat_closed(void)
{
    static size_t       lens[] = { 8, 10 };
    static const char  *argv[] = { "SMEMBERS", "dmp:closed" };

    if (ngx_http_dmp_store.n_closed != 0) {
        ngx_http_dmp_store_note(&ngx_http_dmp_closed_note, 2, argv, lens);
    }
}


typedef struct {
    dmp_str_t   name;
    ngx_uint_t  found;
} ngx_http_dmp_known_writer_t;


static void
ngx_http_dmp_is_known(ngx_http_dmp_zone_writer_t *writer, void *data)
{
    ngx_http_dmp_known_writer_t  *known;

    known = data;

    if (writer->name_len == known->name.len
        && ngx_memcmp(writer->name, known->name.data, known->name.len) == 0)
    {
        known->found = 1;
    }
}


/*
 * One of this node, that no memory of this machine has, and that has been
 * silent for longer than its promise allows.
 */
static ngx_uint_t
ngx_http_dmp_is_forgotten(const redisReply *name, const redisReply *time)
{
    uint64_t                      ms;
    dmp_str_t                     own;
    ngx_http_dmp_known_writer_t   known;

    own = dmp_writer_name(ngx_http_dmp_store.writer);

    if (name->type != REDIS_REPLY_STRING || name->len != own.len
        || ngx_memcmp(name->str, own.data, own.len - 16) != 0
        || ngx_memcmp(name->str, own.data, own.len) == 0
        || ngx_http_dmp_reply_number(time, &ms) != NGX_OK
        || (int64_t) ms >= ngx_http_dmp_time_ms() - DMP_SILENCE_MS)
    {
        return 0;
    }

    known.name = (dmp_str_t) { name->str, (size_t) name->len };
    known.found = 0;
    ngx_http_dmp_zone_writers(ngx_http_dmp_is_known, &known);

    return !known.found;
}


/* Sends store->entry, which ends the epoch of that writer. */
static ngx_int_t
ngx_http_dmp_succession_send(ngx_http_dmp_zone_writer_t *orphan,
    const char *name, size_t len)
{
    ngx_http_dmp_store_t       *store;
    ngx_http_dmp_succession_t  *s;

    store = &ngx_http_dmp_store;

    s = ngx_alloc(sizeof(ngx_http_dmp_succession_t), store->log);
    if (s == NULL) {
        /* the chain has the entry as sent */
        ngx_http_dmp_store_broken("no memory for a succession", NULL);
        return NGX_ERROR;
    }

    s->bucket = store->entry.bucket;
    s->seq = store->entry.seq;
    ngx_memcpy(s->hash, store->entry.hash, DMP_HASH_LEN);
    s->orphan = orphan;
    s->name_len = len;
    ngx_memcpy(s->name, name, len);

    if (ngx_http_dmp_store_append(ngx_http_dmp_succeeded, s) != NGX_OK) {
        ngx_free(s);
        return NGX_ERROR;
    }

    ngx_http_dmp_store_sent();

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_succession_write(const dmp_other_t *other)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (!ngx_http_dmp_beat_may()
        || store->closed[dmp_writer_home(store->writer)])
    {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, store->text, sizeof(store->text));

    return dmp_writer_close_other(store->writer, ngx_http_dmp_time_ms(), other,
                                  &buf, &store->entry)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_dmp_succeeded(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_uint_t                  ended;
    ngx_http_dmp_succession_t  *s;

    s = privdata;

    if (data != NULL) {
        ngx_http_dmp_store_answered();
    }

    ended = ngx_http_dmp_store_acked(data, s->bucket, s->seq, s->hash, 'S')
            == NGX_OK;

    if (ended) {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_SUCCESSION);
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_dmp_store.log, 0,
                      "dmp epoch of writer %*s, which is no more, was ended "
                      "from %s", s->name_len, s->name,
                      (s->orphan != NULL) ? "memory" : "the store's heads");
        ngx_http_dmp_beat_forget(s->name, s->name_len);
    }

    if (s->orphan != NULL) {
        ngx_http_dmp_zone_orphan_done(s->orphan, ended);
    }

    ngx_free(s);

    if (ended) {
        ngx_http_dmp_succeed();
    }

    ngx_http_dmp_store_settled();
}


/* Heads of memory: those of the epoch that was open. */
static ngx_int_t
ngx_http_dmp_succeed_orphan(ngx_http_dmp_zone_writer_t *orphan)
{
    uint64_t           recoveries;
    ngx_uint_t         i;
    dmp_other_t        other;
    dmp_chain_head_t   heads[DMP_BUCKETS_MAX];

    ngx_memzero(&other, sizeof(dmp_other_t));

    other.writer = (dmp_str_t) { orphan->name, orphan->name_len };
    other.epoch = (uint64_t) orphan->epoch;
    other.source = DMP_HEADS_MEMORY;
    other.heads = heads;

    for (i = 0; i < orphan->buckets && i < DMP_BUCKETS_MAX; i++) {

        if (orphan->heads[i].sequence != 0
            && ngx_http_dmp_zone_read(&orphan->heads[i],
                                      &heads[other.n_heads], &recoveries)
            && heads[other.n_heads].epoch == other.epoch)
        {
            other.n_heads++;
        }
    }

    if (ngx_http_dmp_succession_write(&other) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_succession_send(orphan, orphan->name,
                                        orphan->name_len);
}


/* One at a time: when it is ended the next is looked for. */
static void
ngx_http_dmp_succeed(void)
{
    ngx_http_dmp_zone_writer_t  *orphan;

    if (!ngx_http_dmp_beat_may()
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_SUCCESSOR))
    {
        return;
    }

    orphan = ngx_http_dmp_zone_orphan(ngx_http_dmp_store.buckets);

    if (orphan != NULL && ngx_http_dmp_succeed_orphan(orphan) != NGX_OK) {
        ngx_http_dmp_zone_orphan_done(orphan, 0);
    }
}


/* All heads that the store has of it are here. */
static void
ngx_http_dmp_forgotten_end(ngx_http_dmp_forgotten_t *f)
{
    unsigned     i;
    dmp_other_t  other;

    ngx_memzero(&other, sizeof(dmp_other_t));

    other.writer = (dmp_str_t) { f->name, f->name_len };
    other.epoch = f->epoch;
    other.source = DMP_HEADS_STORE;
    other.heads = f->heads;

    for (i = 0; i < f->n_heads; i++) {
        if (f->heads[i].epoch == f->epoch) {
            f->heads[other.n_heads++] = f->heads[i];
        }
    }

    if (other.n_heads == 0) {
        ngx_http_dmp_beat_forget(f->name, f->name_len);
        return;
    }

    if (ngx_http_dmp_succession_write(&other) == NGX_OK) {
        (void) ngx_http_dmp_succession_send(NULL, f->name, f->name_len);
    }
}


static void
ngx_http_dmp_forgotten_head(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply                *reply;
    dmp_chain_head_t           head;
    ngx_http_dmp_forgotten_t  *f;

    f = privdata;
    reply = data;

    if (reply == NULL) {
        f->failed = 1;

    } else {
        ngx_http_dmp_store_answered();

        if (reply->type != REDIS_REPLY_ARRAY) {
            f->failed = 1;

        } else if (ngx_http_dmp_reply_head(reply, &head)) {
            head.bucket = f->next;
            f->heads[f->n_heads++] = head;
            f->epoch = ngx_max(f->epoch, head.epoch);
        }
    }

    if (++f->next < ngx_http_dmp_store.buckets) {
        return;
    }

    if (!f->failed) {
        ngx_http_dmp_forgotten_end(f);
    }

    ngx_free(f);
    ngx_http_dmp_store_settled();
}


static void
ngx_http_dmp_forgotten_ask(const redisReply *name)
{
    char                       key[DMP_KEY_NAME_MAX];
    size_t                     lens[5];
    unsigned                   i;
    const char                *argv[5];
    ngx_http_dmp_forgotten_t  *f;

    f = ngx_calloc(sizeof(ngx_http_dmp_forgotten_t), ngx_http_dmp_store.log);
    if (f == NULL) {
        return;
    }

    f->name_len = (size_t) name->len;
    ngx_memcpy(f->name, name->str, f->name_len);

    argv[0] = "HMGET";
    argv[1] = key;
    argv[2] = "e";
    argv[3] = "s";
    argv[4] = "h";
    lens[0] = 5;
    lens[2] = lens[3] = lens[4] = 1;

    for (i = 0; i < ngx_http_dmp_store.buckets; i++) {
        lens[1] = dmp_key_name(key, i, "w",
                               (dmp_str_t) { f->name, f->name_len });

        if (ngx_http_dmp_store_send(ngx_http_dmp_forgotten_head, f, 5, argv,
                                    lens)
            != NGX_OK)
        {
            /* those that were sent are answered when the link is closed */
            if (i == 0) {
                ngx_free(f);
            }

            return;
        }

        ngx_http_dmp_store_sent();
    }
}


static void
ngx_http_dmp_writers_read(void *data, const redisReply *reply)
{
    size_t  i;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements > 2 * NGX_HTTP_DMP_WRITERS_MAX
        || !ngx_http_dmp_beat_may())
    {
        return;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        if (ngx_http_dmp_is_forgotten(reply->element[i],
                                      reply->element[i + 1]))
        {
            /* the others at the next beats */
            ngx_http_dmp_forgotten_ask(reply->element[i]);
            return;
        }
    }
}


static ngx_http_dmp_store_note_t  ngx_http_dmp_writers_note = {
    ngx_http_dmp_writers_read, NULL, NULL
};


/* One worker looks after those that no memory has. */
static void
ngx_http_dmp_beat_writers(void)
{
    static size_t       lens[] = { 7, 11 };
    static const char  *argv[] = { "HGETALL", "dmp:writers" };

    if (ngx_worker == 0
        && ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_SUCCESSOR))
    {
        ngx_http_dmp_store_note(&ngx_http_dmp_writers_note, 2, argv, lens);
    }
}


/* The epoch stands: say so, and look who has left one behind. */
void
ngx_http_dmp_beat_ready(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    store->beaten = ngx_current_msec;

    ngx_http_dmp_beat_sign();
    ngx_http_dmp_succeed();
    ngx_http_dmp_beat_writers();

    ngx_add_timer(&store->beat, (store->n_closed != 0)
                                ? NGX_HTTP_DMP_CLOSED_BEAT_MS
                                : NGX_HTTP_DMP_BEAT_MS);
}


static void
ngx_http_dmp_beat(ngx_event_t *ev)
{
    int64_t                idle;
    ngx_http_dmp_store_t  *store;

    store = ev->data;

    /* ready() sets it again */
    if (ngx_exiting || !ngx_http_dmp_store_ready()) {
        return;
    }

    ngx_http_dmp_beat_closed();

    if (ngx_current_msec - store->beaten < NGX_HTTP_DMP_BEAT_MS) {
        ngx_add_timer(&store->beat, NGX_HTTP_DMP_CLOSED_BEAT_MS);
        return;
    }

    idle = ngx_http_dmp_time_ms() - dmp_writer_signed_ms(store->writer);

    if (idle >= NGX_HTTP_DMP_BEAT_MS / 2) {
        ngx_http_dmp_outcome_heartbeat();
    }

    ngx_http_dmp_beat_ready();
}
