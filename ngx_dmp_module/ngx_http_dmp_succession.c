/*
 * Signs of life, and the epochs of workers that are no more.
 *
 * An idle worker signs a heartbeat now and then, so that a trace that was cut
 * does not pass for one where nothing happened.  The epoch of a worker that
 * was killed is ended by another of this machine, with the heads that the dead
 * one was last told of; where no memory has them (the machine was restarted),
 * with those of the store.
 *
 * One thing at a time: the epochs that memory knows, then those of the store,
 * each looked for when the one before is ended, so that none is ended twice.
 */

#include "ngx_http_dmp_succession.h"


#define NGX_HTTP_DMP_BEAT_MS         10000
#define NGX_HTTP_DMP_CLOSED_BEAT_MS  1000    /* while a bucket is closed */

#define NGX_HTTP_DMP_ROUNDS          256     /* of successions, at a beat */
#define NGX_HTTP_DMP_TRIES           8


/* An end of an epoch on its way. */
typedef struct {
    unsigned                     bucket;
    uint64_t                     seq;
    dmp_head_t                   head;
    dmp_heads_t                  source;
    ngx_uint_t                   last;       /* it is done with, then */
    ngx_http_dmp_zone_writer_t  *orphan;     /* to be told, or NULL */
    size_t                       name_len;
    char                         name[DMP_WRITER_MAX];
} ngx_http_dmp_succession_t;

static void ngx_http_dmp_beat(ngx_event_t *ev);
static void ngx_http_dmp_beat_written(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_succeeded(redisAsyncContext *ac, void *data,
    void *privdata);
ngx_uint_t         ngx_http_dmp_looking;

/* The store's clock, less ours: signs of life of all machines are by it. */
static int64_t     ngx_http_dmp_ahead_ms;

static ngx_uint_t  ngx_http_dmp_rounds;      /* since the last beat */
static ngx_uint_t  ngx_http_dmp_refused;     /* dmp:writers, since READY */


void
ngx_http_dmp_beat_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &ngx_http_dmp_store.beat;

    ev->handler = ngx_http_dmp_beat;
    ev->data = &ngx_http_dmp_store;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_http_dmp_ahead_ms = 0;
    ngx_http_dmp_looking = 0;
}


void
ngx_http_dmp_beat_stop(void)
{
    if (ngx_http_dmp_store.beat.timer_set) {
        ngx_del_timer(&ngx_http_dmp_store.beat);
    }
}


ngx_uint_t
ngx_http_dmp_beat_may(void)
{
    return ngx_http_dmp_store.state == NGX_HTTP_DMP_STORE_READY
           && ngx_http_dmp_store.why == NULL;
}


/* dmp:writers is a hint. */
void
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
        ngx_http_dmp_refused = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                      "dmp:writers cannot be written: %s", reply->str);
    }

    ngx_http_dmp_store_settled();
}


int64_t
ngx_http_dmp_store_ms(void)
{
    return ngx_http_dmp_time_ms() + ngx_http_dmp_ahead_ms;
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
                                    ngx_http_dmp_store_ms())
                        - (u_char *) now);

    ngx_http_dmp_beat_note(4, argv, lens);
}


void
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
    ngx_uint_t             same, others;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    same = 0;
    others = 0;

    for (i = 0; i < reply->elements; i++) {
        n = (reply->element[i]->type == REDIS_REPLY_STRING)
            ? ngx_atoi((u_char *) reply->element[i]->str,
                       (size_t) reply->element[i]->len)
            : NGX_ERROR;

        /* what is no bucket of this store is nobody's */
        if (n == NGX_ERROR || n >= (ngx_int_t) store->buckets) {
            continue;
        }

        if (store->closed[n]) {
            same++;

        } else {
            others++;
        }
    }

    if (same != store->n_closed || others != 0) {
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


/* Sends store->entry, which ends that epoch. */
static ngx_int_t
ngx_http_dmp_succession_send(const dmp_other_t *other, ngx_uint_t last,
    ngx_http_dmp_zone_writer_t *orphan)
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
    s->head = store->entry.after;
    s->source = other->source;
    s->last = last;
    s->orphan = orphan;
    s->name_len = other->writer.len;
    ngx_memcpy(s->name, other->writer.data, other->writer.len);

    if (ngx_http_dmp_store_append(ngx_http_dmp_succeeded, s) != NGX_OK) {
        ngx_free(s);
        return NGX_ERROR;
    }

    ngx_http_dmp_looking++;
    ngx_http_dmp_store_sent();

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_succession_write(const dmp_other_t *other, ngx_uint_t last,
    ngx_http_dmp_zone_writer_t *orphan)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (!ngx_http_dmp_beat_may()
        || store->closed[dmp_writer_home(store->writer)])
    {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_close_other(store->writer, ngx_http_dmp_time_ms(), other,
                               &buf, &store->entry)
        != DMP_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_succession_send(other, last, orphan);
}


void
ngx_http_dmp_succession_store(const dmp_other_t *other)
{
    (void) ngx_http_dmp_succession_write(other, 1, NULL);
}


static void
ngx_http_dmp_succession_done(void *data, ngx_uint_t ended)
{
    ngx_http_dmp_succession_t  *s;

    s = data;

    if (ended && s->last) {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_SUCCESSION);
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_dmp_store.log, 0,
                      "dmp epoch of writer %*s, which is no more, was ended "
                      "from %s", s->name_len, s->name,
                      (s->source == DMP_HEADS_MEMORY) ? "memory"
                                                      : "the store's heads");
        ngx_http_dmp_beat_forget(s->name, s->name_len);
    }

    if (s->orphan != NULL) {
        ngx_http_dmp_zone_orphan_done(s->orphan, ended);
    }

    ngx_free(s);
    ngx_http_dmp_looking--;

    if (ended) {
        ngx_http_dmp_beat_look();
    }
}


static void
ngx_http_dmp_succeeded(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_succession_t  *s;

    s = privdata;

    if (data != NULL) {
        ngx_http_dmp_store_answered();
    }

    if (ngx_http_dmp_store_acked(data, s->bucket, s->seq, &s->head, 'S')
        != NGX_OK)
    {
        ngx_http_dmp_succession_done(s, 0);

    } else {
        ngx_http_dmp_replicas_then(ngx_http_dmp_succession_done, s);
    }

    ngx_http_dmp_store_settled();
}


uint64_t
ngx_http_dmp_last_epoch(dmp_chain_head_t *heads, unsigned *n)
{
    unsigned  i, kept;
    uint64_t  epoch;

    epoch = 0;
    kept = 0;

    for (i = 0; i < *n; i++) {
        epoch = ngx_max(epoch, heads[i].epoch);
    }

    for (i = 0; i < *n; i++) {
        if (heads[i].epoch == epoch) {
            heads[kept++] = heads[i];
        }
    }

    *n = kept;

    return epoch;
}


/*
 * Heads of memory: those of the last epoch that was acknowledged.  A later one
 * was being opened when its worker was killed, and may stand: it is ended, too,
 * without heads.
 */
static ngx_int_t
ngx_http_dmp_succeed_orphan(ngx_http_dmp_zone_writer_t *orphan)
{
    uint64_t          last, recoveries;
    unsigned          acked;
    ngx_uint_t        i;
    dmp_other_t       other;
    dmp_chain_head_t  heads[DMP_BUCKETS_MAX];

    ngx_memzero(&other, sizeof(dmp_other_t));

    other.writer = (dmp_str_t) { orphan->name, orphan->name_len };
    other.source = DMP_HEADS_MEMORY;
    other.heads = heads;

    for (i = 0; i < orphan->buckets && i < DMP_BUCKETS_MAX; i++) {

        if (orphan->heads[i].sequence != 0
            && ngx_http_dmp_zone_read(&orphan->heads[i],
                                      &heads[other.n_heads], &recoveries))
        {
            other.n_heads++;
        }
    }

    last = ngx_http_dmp_last_epoch(heads, &other.n_heads);
    acked = other.n_heads;
    other.epoch = (uint64_t) orphan->epoch;

    if (last < other.epoch && acked != 0) {
        other.n_heads = 0;

        if (ngx_http_dmp_succession_write(&other, 0, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    other.n_heads = acked;
    other.epoch = (acked != 0) ? last : other.epoch;

    return ngx_http_dmp_succession_write(&other, 1, orphan);
}


/* True if the end of one is on its way. */
static ngx_uint_t
ngx_http_dmp_succeed(void)
{
    ngx_uint_t                   i;
    ngx_http_dmp_zone_writer_t  *orphan;

    for (i = 0; i < NGX_HTTP_DMP_TRIES; i++) {
        orphan = ngx_http_dmp_zone_orphan(ngx_http_dmp_store.buckets);

        if (orphan == NULL) {
            return 0;
        }

        if (ngx_http_dmp_succeed_orphan(orphan) == NGX_OK) {
            return 1;
        }

        /* another time, and the others before */
        ngx_http_dmp_zone_orphan_done(orphan, 0);
    }

    return 0;
}


/* One worker looks after those that no memory has. */
void
ngx_http_dmp_beat_look(void)
{
    if (ngx_exiting || ngx_http_dmp_looking != 0
        || ngx_http_dmp_rounds == NGX_HTTP_DMP_ROUNDS
        || !ngx_http_dmp_beat_may()
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_SUCCESSOR))
    {
        return;
    }

    ngx_http_dmp_rounds++;

    if (!ngx_http_dmp_succeed() && ngx_worker == 0 && !ngx_http_dmp_refused) {
        ngx_http_dmp_forgotten_look();
    }
}


/* Seconds and microseconds. */
static void
ngx_http_dmp_clock_read(void *data, const redisReply *reply)
{
    uint64_t  s, us;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && ngx_http_dmp_reply_number(reply->element[0], &s) == NGX_OK
        && ngx_http_dmp_reply_number(reply->element[1], &us) == NGX_OK
        && s < 100000000000 && us < 1000000)
    {
        ngx_http_dmp_ahead_ms = (int64_t) (s * 1000 + us / 1000)
                                - ngx_http_dmp_time_ms();
    }
}


static void
ngx_http_dmp_clock_done(void *data)
{
    if (ngx_http_dmp_beat_may()) {
        ngx_http_dmp_beat_sign();
        ngx_http_dmp_beat_look();
    }
}


static ngx_http_dmp_store_note_t  ngx_http_dmp_clock_note = {
    ngx_http_dmp_clock_read, ngx_http_dmp_clock_done, NULL
};


/* The zone was full when this writer was made, and may have room by now. */
static void
ngx_http_dmp_beat_zone(void)
{
    unsigned               i;
    dmp_chain_head_t       head;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (!ngx_http_dmp_zone_writer_retry(dmp_writer_name(store->writer),
                                        store->buckets))
    {
        return;
    }

    for (i = 0; i < store->buckets; i++) {
        if (dmp_writer_known(store->writer, i, &head)) {
            ngx_http_dmp_zone_head(&head, store->recoveries[i]);
        }
    }

    ngx_http_dmp_zone_epoch(dmp_writer_epoch(store->writer));
}


/* By the store's clock, so that is asked first. */
static void
ngx_http_dmp_beat_all(void)
{
    static size_t       lens[] = { 4 };
    static const char  *argv[] = { "TIME" };

    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    store->beaten = ngx_current_msec;

    ngx_http_dmp_rounds = 0;
    ngx_http_dmp_beat_zone();
    ngx_http_dmp_store_note(&ngx_http_dmp_clock_note, 1, argv, lens);

    ngx_add_timer(&store->beat, (store->n_closed != 0)
                                ? NGX_HTTP_DMP_CLOSED_BEAT_MS
                                : NGX_HTTP_DMP_BEAT_MS);
}


/* The epoch stands. */
void
ngx_http_dmp_beat_ready(void)
{
    ngx_http_dmp_refused = 0;
    ngx_http_dmp_beat_all();
}


static void
ngx_http_dmp_beat(ngx_event_t *ev)
{
    int64_t                idle;
    ngx_http_dmp_store_t  *store;

    store = ev->data;

    /* a worker that leaves signs until its last request has its answer */
    if (ngx_exiting && store->requests == 0) {
        return;
    }

    /* ready() sets it again */
    if (!ngx_http_dmp_store_ready()) {
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

    ngx_http_dmp_beat_all();
}
