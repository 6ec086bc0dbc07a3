/*
 * What is sent to the store, and how its replies are read.  A reply of a shape
 * that was not asked for breaks the link: it may belong to another request.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_SEALED_MAX  (DMP_RECORD_MAX + DMP_SEAL_OVERHEAD)


static void ngx_http_dmp_store_loaded(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_store_traced(redisAsyncContext *ac, void *data,
    void *privdata);


/*
 * hiredis matches replies by order: if a command was queued without its
 * callback, or the reverse, every later reply would go to the wrong request.
 */
ngx_int_t
ngx_http_dmp_store_send(redisCallbackFn *callback, void *data, ngx_uint_t argc,
    const char **argv, const size_t *lens)
{
    redisAsyncContext  *ac;

    ac = ngx_http_dmp_store.redis;

    if (ac == NULL || ngx_http_dmp_store.why != NULL) {
        return NGX_ERROR;
    }

    if (redisAsyncCommandArgv(ac, callback, data, (int) argc, argv, lens)
        != REDIS_OK)
    {
        ngx_http_dmp_store_broken("cannot send a command", ac->c.errstr);
        return NGX_ERROR;
    }

    if (ac->c.err) {
        /* it was queued: its callback is called when the link is closed */
        ngx_http_dmp_store_broken("cannot send a command", ac->c.errstr);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_reply_number(const redisReply *reply, uint64_t *n)
{
    char    c;
    size_t  i;

    if (reply->type == REDIS_REPLY_INTEGER) {
        if (reply->integer < 0) {
            return NGX_ERROR;
        }

        *n = (uint64_t) reply->integer;
        return NGX_OK;
    }

    if (reply->type != REDIS_REPLY_STRING || reply->len == 0
        || reply->len > 18)
    {
        return NGX_ERROR;
    }

    *n = 0;

    for (i = 0; i < (size_t) reply->len; i++) {
        c = reply->str[i];

        if (c < '0' || c > '9') {
            return NGX_ERROR;
        }

        *n = *n * 10 + (uint64_t) (c - '0');
    }

    return NGX_OK;
}


/* A stream id, "milliseconds-sequence". */
static ngx_int_t
ngx_http_dmp_reply_id(const redisReply *reply, uint64_t *ms, uint64_t *n)
{
    char        c;
    size_t      i;
    uint64_t   *out;
    ngx_uint_t  digits;

    if (reply->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    *ms = 0;
    *n = 0;
    out = ms;
    digits = 0;

    for (i = 0; i < (size_t) reply->len; i++) {
        c = reply->str[i];

        if (c == '-' && out == ms && digits != 0) {
            out = n;
            digits = 0;
            continue;
        }

        if (c < '0' || c > '9' || ++digits > 18) {
            return NGX_ERROR;
        }

        *out = *out * 10 + (uint64_t) (c - '0');
    }

    return (out == n && digits != 0) ? NGX_OK : NGX_ERROR;
}


/*
 * {1, id, hash} for any outcome but '0', {0, id, hash, version, record} for
 * '0', where hash is that of the entry this reply is waited for.
 */
static ngx_int_t
ngx_http_dmp_reply_fits(const redisReply *reply,
    const unsigned char hash[DMP_HASH_LEN], char outcome)
{
    return reply->type == REDIS_REPLY_ARRAY
           && reply->elements == ((outcome == '0') ? 5 : 3)
           && reply->element[0]->type == REDIS_REPLY_INTEGER
           && reply->element[0]->integer == ((outcome == '0') ? 0 : 1)
           && reply->element[2]->type == REDIS_REPLY_STRING
           && reply->element[2]->len == DMP_HASH_LEN
           && ngx_memcmp(reply->element[2]->str, hash, DMP_HASH_LEN) == 0;
}


ngx_int_t
ngx_http_dmp_store_stands(unsigned bucket, uint64_t seq, char outcome,
    uint64_t ms, uint64_t n)
{
    dmp_chain_head_t  head;

    if (!dmp_writer_acked(ngx_http_dmp_store.writer, bucket, seq, outcome, ms,
                          n))
    {
        ngx_http_dmp_store_broken("a reply out of order", NULL);
        return NGX_ERROR;
    }

    /* before anybody is told: a successor must know what was let through */
    if (dmp_writer_known(ngx_http_dmp_store.writer, bucket, &head)) {
        ngx_http_dmp_zone_head(&head, ngx_http_dmp_store.recoveries[bucket]);
    }

    return NGX_OK;
}


/* NGX_OK: the entry stands.  NGX_ERROR: it may not, and the link is broken. */
ngx_int_t
ngx_http_dmp_store_acked(redisReply *reply, unsigned bucket, uint64_t seq,
    const unsigned char hash[DMP_HASH_LEN], char outcome)
{
    uint64_t  ms, n;

    if (reply == NULL) {
        return NGX_ERROR;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        if (ngx_strncmp(reply->str, "CLOSED", 6) == 0) {
            ngx_http_dmp_store_closed(bucket);

        } else {
            ngx_http_dmp_store_broken("it refuses a commit", reply->str);
        }

        return NGX_ERROR;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 4
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        /* the handshake that follows tells a broken link from a rollback */
        ngx_http_dmp_store_broken("an entry does not extend its chain", NULL);
        return NGX_ERROR;
    }

    if (!ngx_http_dmp_reply_fits(reply, hash, outcome)
        || ngx_http_dmp_reply_id(reply->element[1], &ms, &n) != NGX_OK)
    {
        ngx_http_dmp_store_broken("an unexpected reply to a commit", NULL);
        return NGX_ERROR;
    }

    return ngx_http_dmp_replicas_stands(bucket, seq, outcome, ms, n);
}


/*
 * A version only grows: an older one than this worker has seen tells of a store
 * that went back, with rights that were taken away since.  Replies are in
 * order: one that was overtaken by another cannot come here.
 */
static ngx_uint_t
ngx_http_dmp_reply_went_back(const ngx_http_dmp_waiter_t *w)
{
    ngx_uint_t              back;
    ngx_http_dmp_cached_t  *cached;

    if (!w->record || !w->present || w->ctx == NULL
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_FORK))
    {
        return 0;
    }

    cached = ngx_http_dmp_record_get(w->ctx->patient);
    if (cached == NULL) {
        return 0;
    }

    back = w->version < cached->version;
    ngx_http_dmp_cached_release(cached);

    return back;
}


/* Copies version and sealed record of a reply into the waiter. */
static ngx_int_t
ngx_http_dmp_reply_record(ngx_http_dmp_waiter_t *w, const redisReply *version,
    const redisReply *sealed)
{
    if (version->type == REDIS_REPLY_NIL && sealed->type == REDIS_REPLY_NIL) {
        w->present = 0;
        return NGX_OK;
    }

    if (ngx_http_dmp_reply_number(version, &w->version) != NGX_OK) {
        return NGX_ERROR;
    }

    if (w->version == 0 && sealed->type == REDIS_REPLY_NIL) {
        w->present = 0;
        return NGX_OK;
    }

    if (w->version == 0 || sealed->type != REDIS_REPLY_STRING
        || (size_t) sealed->len > NGX_HTTP_DMP_SEALED_MAX)
    {
        return NGX_ERROR;
    }

    w->sealed = ngx_alloc((size_t) sealed->len + 1, ngx_http_dmp_store.log);
    if (w->sealed == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(w->sealed, sealed->str, (size_t) sealed->len);
    w->sealed_len = (size_t) sealed->len;
    w->present = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_store_get(ngx_http_dmp_ctx_t *ctx, const char *key, size_t len)
{
    size_t                  lens[4];
    const char             *argv[4];
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;

    w = ngx_http_dmp_waiter_create(ctx, store->conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    argv[0] = "HMGET";
    lens[0] = 5;
    argv[1] = key;
    lens[1] = len;
    argv[2] = "v";
    lens[2] = 1;
    argv[3] = "d";
    lens[3] = 1;

    w->sent_ns = ngx_http_dmp_now_ns();

    if (ngx_http_dmp_store_send(ngx_http_dmp_store_loaded, w, 4, argv, lens)
        != NGX_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    w->sent = 1;
    ngx_http_dmp_store_sent();
    ctx->waiter = w;

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dmp_store_load(ngx_http_dmp_ctx_t *ctx)
{
    char       key[DMP_KEY_NAME_MAX];
    size_t     len;
    unsigned   bucket;
    ngx_int_t  rc;

    bucket = dmp_bucket(ctx->patient, ngx_http_dmp_store.buckets);
    len = dmp_key_name(key, bucket, "rec",
                       (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN });

    rc = ngx_http_dmp_store_get(ctx, key, len);

    if (rc == NGX_AGAIN) {
        ctx->waiter->bucket = bucket;
        ctx->waiter->record = 1;
    }

    return rc;
}


static void
ngx_http_dmp_store_loaded(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply             *reply;
    ngx_http_dmp_wait_e     result;
    ngx_http_dmp_waiter_t  *w;

    w = privdata;
    reply = data;
    result = NGX_HTTP_DMP_WAIT_FAILED;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();
    }

    if (reply == NULL) {
        /* the link is gone */

    } else if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_dmp_store_broken("it refuses to read a record", reply->str);

    } else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
               || ngx_http_dmp_reply_record(w, reply->element[0],
                                           reply->element[1])
                  != NGX_OK)
    {
        ngx_http_dmp_store_broken("an unexpected reply for a record", NULL);

    } else if (ngx_http_dmp_reply_went_back(w)) {
        ngx_http_dmp_store_suspect(w->bucket);

    } else {
        result = NGX_HTTP_DMP_WAIT_DONE;
    }

    ngx_http_dmp_replicas_hold(w, result);
    ngx_http_dmp_store_settled();
}


/* Arguments of a commit, common to all of them. */
typedef struct {
    ngx_uint_t   n;
    const char  *argv[21];
    size_t       lens[21];
    char         epoch[NGX_INT64_LEN];
    char         seq[NGX_INT64_LEN];
    char         version[NGX_INT64_LEN];
    char         next[NGX_INT64_LEN];
    char         hold[NGX_INT64_LEN];
    char         seen[DMP_KEY_NAME_MAX];
    char         outbox[DMP_KEY_NAME_MAX];
    char         rec[DMP_KEY_NAME_MAX];
    char         trace[DMP_KEY_NAME_MAX];
    char         idx[DMP_KEY_NAME_MAX];
    char         writer[DMP_KEY_NAME_MAX];
    char         closed[DMP_KEY_NAME_MAX];
} ngx_http_dmp_command_t;


static void
ngx_http_dmp_command_add(ngx_http_dmp_command_t *c, const char *data,
    size_t len)
{
    c->argv[c->n] = data;
    c->lens[c->n] = len;
    c->n++;
}


static void
ngx_http_dmp_command_number(ngx_http_dmp_command_t *c, char *text, uint64_t n)
{
    ngx_http_dmp_command_add(c, text,
              (size_t) (ngx_sprintf((u_char *) text, "%uL", n)
                        - (u_char *) text));
}


static void
ngx_http_dmp_command_entry(ngx_http_dmp_command_t *c, const dmp_entry_t *e)
{
    ngx_http_dmp_command_number(c, c->epoch, e->epoch);
    ngx_http_dmp_command_number(c, c->seq, e->seq);
    ngx_http_dmp_command_add(c, (const char *) e->prev, DMP_HASH_LEN);
    ngx_http_dmp_command_add(c, (const char *) e->hash, DMP_HASH_LEN);
    ngx_http_dmp_command_add(c, e->body.data, e->body.len);
}


static void
ngx_http_dmp_command_key(ngx_http_dmp_command_t *c, char *text,
    unsigned bucket, const char *kind, dmp_str_t suffix)
{
    ngx_http_dmp_command_add(c, text,
                             dmp_key_name(text, bucket, kind, suffix));
}


/* The writer's head, and whether the bucket is closed. */
static void
ngx_http_dmp_command_writer(ngx_http_dmp_command_t *c, unsigned bucket)
{
    ngx_http_dmp_command_key(c, c->writer, bucket, "w",
                             dmp_writer_name(ngx_http_dmp_store.writer));
    ngx_http_dmp_command_key(c, c->closed, bucket, "closed", dmp_null_string);
}


/* Sends store->entry, which concerns no record. */
ngx_int_t
ngx_http_dmp_store_append(redisCallbackFn *callback, void *data)
{
    dmp_entry_t             *e;
    ngx_http_dmp_command_t   c;

    e = &ngx_http_dmp_store.entry;
    c.n = 0;

    ngx_http_dmp_command_add(&c, "FCALL", 5);
    ngx_http_dmp_command_add(&c, "dmp1_append", 11);
    ngx_http_dmp_command_add(&c, "3", 1);
    ngx_http_dmp_command_key(&c, c.trace, e->bucket, "trace", dmp_null_string);
    ngx_http_dmp_command_writer(&c, e->bucket);
    ngx_http_dmp_command_entry(&c, e);
    ngx_http_dmp_replicas_commit();

    return ngx_http_dmp_store_send(callback, data, c.n, c.argv, c.lens);
}


/* FCALL name, with the keys that every commit on a record has. */
static void
ngx_http_dmp_command_record(ngx_http_dmp_command_t *c, const char *function,
    const char *keys, const dmp_access_t *access)
{
    dmp_entry_t  *e;

    e = &ngx_http_dmp_store.entry;
    c->n = 0;

    ngx_http_dmp_command_add(c, "FCALL", 5);
    ngx_http_dmp_command_add(c, function, ngx_strlen(function));
    ngx_http_dmp_command_add(c, keys, 1);
    ngx_http_dmp_command_key(c, c->rec, e->bucket, "rec", access->patient);
    ngx_http_dmp_command_key(c, c->trace, e->bucket, "trace", dmp_null_string);
    ngx_http_dmp_command_key(c, c->idx, e->bucket, "idx", access->patient);
    ngx_http_dmp_command_writer(c, e->bucket);
}


static void
ngx_http_dmp_command_notices(ngx_http_dmp_command_t *c,
    const ngx_http_dmp_notices_t *notices)
{
    ngx_http_dmp_command_add(c, notices->who, sizeof(notices->who));
    ngx_http_dmp_command_add(c, "1", notices->first ? 1 : 0);

    if (notices->emergency) {
        ngx_http_dmp_command_number(c, c->hold, notices->hold_ms);
        ngx_http_dmp_command_add(c, notices->mode, ngx_strlen(notices->mode));

    } else {
        ngx_http_dmp_command_add(c, "", 0);
        ngx_http_dmp_command_add(c, "", 0);
    }
}


static ngx_int_t
ngx_http_dmp_store_commit(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, const ngx_http_dmp_notices_t *notices)
{
    dmp_entry_t             *e;
    ngx_http_dmp_command_t   c;

    e = &ngx_http_dmp_store.entry;

    if (access->patient.len == 0) {
        return ngx_http_dmp_store_append(ngx_http_dmp_store_traced, w);
    }

    ngx_http_dmp_command_record(&c, "dmp1_trace", notices ? "7" : "5", access);

    if (notices != NULL) {
        ngx_http_dmp_command_key(&c, c.seen, e->bucket, "seen",
                                 access->patient);
        ngx_http_dmp_command_key(&c, c.outbox, e->bucket, "outbox",
                                 dmp_null_string);
    }

    ngx_http_dmp_command_number(&c, c.version, access->version);
    ngx_http_dmp_command_entry(&c, e);

    if (notices != NULL) {
        ngx_http_dmp_command_notices(&c, notices);
    }

    return ngx_http_dmp_store_send(ngx_http_dmp_store_traced, w, c.n, c.argv,
                                   c.lens);
}


/* The writer has made store->entry of it: it is on its way. */
static void
ngx_http_dmp_waiter_entry(ngx_http_dmp_waiter_t *w, unsigned bucket,
    char outcome)
{
    w->entry = 1;
    w->record = (outcome != 'S');
    w->outcome = outcome;
    w->bucket = bucket;
    w->seq = ngx_http_dmp_store.entry.seq;
    ngx_memcpy(w->hash, ngx_http_dmp_store.entry.hash, DMP_HASH_LEN);
    w->sent_ns = ngx_http_dmp_now_ns();
}


static ngx_int_t
ngx_http_dmp_waiter_sent(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_waiter_t *w)
{
    w->sent = 1;
    ngx_http_dmp_store_sent();
    ngx_http_dmp_replicas_commit();
    ctx->waiter = w;

    ngx_http_dmp_outcome_arm();

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dmp_store_trace(ngx_http_dmp_ctx_t *ctx, const dmp_access_t *access,
    const ngx_http_dmp_notices_t *notices)
{
    unsigned                bucket;
    dmp_buf_t               buf;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;

    bucket = (access->patient.len != 0)
             ? dmp_bucket(ctx->patient, store->buckets)
             : dmp_writer_home(store->writer);

    if (store->closed[bucket]) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx,
              ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_DEADLINE)
              ? store->deadline : store->conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, store->text, sizeof(store->text));

    if (dmp_writer_access(store->writer, bucket, access, &buf, &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    ngx_http_dmp_waiter_entry(w, bucket,
                              (access->patient.len != 0) ? '1' : 'S');
    w->access = (access->decision->effect == DMP_ALLOW);

    if (ngx_http_dmp_store_commit(w, access, notices) != NGX_OK) {
        /* the chain has the entry as sent: the link is broken already */
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    return ngx_http_dmp_waiter_sent(ctx, w);
}


static ngx_int_t
ngx_http_dmp_store_send_change(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, uint64_t version, dmp_str_t sealed,
    const char *notice)
{
    dmp_entry_t             *e;
    ngx_http_dmp_command_t   c;

    e = &ngx_http_dmp_store.entry;

    ngx_http_dmp_command_record(&c, "dmp1_change", notice ? "6" : "5", access);

    if (notice != NULL) {
        ngx_http_dmp_command_key(&c, c.outbox, e->bucket, "outbox",
                                 dmp_null_string);
    }

    ngx_http_dmp_command_number(&c, c.version, access->version);
    ngx_http_dmp_command_entry(&c, e);
    ngx_http_dmp_command_add(&c, sealed.data, sealed.len);
    ngx_http_dmp_command_number(&c, c.next, version);

    if (notice != NULL) {
        ngx_http_dmp_command_add(&c, notice, ngx_strlen(notice));
    }

    return ngx_http_dmp_store_send(ngx_http_dmp_store_traced, w, c.n, c.argv,
                                   c.lens);
}


ngx_int_t
ngx_http_dmp_store_change(ngx_http_dmp_ctx_t *ctx, const dmp_access_t *access,
    uint64_t version, dmp_str_t sealed, const char *notice)
{
    unsigned                bucket;
    dmp_buf_t               buf;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;
    bucket = dmp_bucket(ctx->patient, store->buckets);

    if (store->closed[bucket]) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx, store->deadline);
    if (w == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, store->text, sizeof(store->text));

    if (dmp_writer_change(store->writer, bucket, access, version, &buf,
                          &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    /* whether it stands is for the record to say: nothing is abandoned */
    ngx_http_dmp_waiter_entry(w, bucket, 'R');

    if (ngx_http_dmp_store_send_change(w, access, version, sealed, notice)
        != NGX_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    return ngx_http_dmp_waiter_sent(ctx, w);
}


static void
ngx_http_dmp_store_traced(redisAsyncContext *ac, void *data, void *privdata)
{
    char                    outcome;
    redisReply             *reply;
    ngx_http_dmp_wait_e     result;
    ngx_http_dmp_waiter_t  *w;

    w = privdata;
    reply = data;
    result = NGX_HTTP_DMP_WAIT_FAILED;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();
    }

    outcome = w->outcome;

    /* only a commit on a record can come too late for its version */
    if (reply != NULL && (w->outcome == '1' || w->outcome == 'R')
        && ngx_http_dmp_reply_fits(reply, w->hash, '0'))
    {
        outcome = '0';

        if (ngx_http_dmp_reply_record(w, reply->element[3], reply->element[4])
            != NGX_OK)
        {
            ngx_http_dmp_store_broken("an unexpected reply to a commit", NULL);
            reply = NULL;

        } else if (ngx_http_dmp_reply_went_back(w)) {
            ngx_http_dmp_store_suspect(w->bucket);
            reply = NULL;
        }
    }

    if (ngx_http_dmp_store_acked(reply, w->bucket, w->seq, w->hash, outcome)
        == NGX_OK
        && ngx_http_dmp_store.why == NULL)
    {
        result = (outcome == '0') ? NGX_HTTP_DMP_WAIT_STALE
                                  : NGX_HTTP_DMP_WAIT_DONE;
        ngx_http_dmp_count_commit();
    }

    ngx_http_dmp_replicas_hold(w, result);
    ngx_http_dmp_store_settled();
}
