/*
 * How the store's replies are read.  A reply of a shape that was not asked for
 * breaks the link: it may belong to another request.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_SEALED_MAX  (DMP_RECORD_MAX + DMP_SEAL_OVERHEAD)


static void ngx_http_dmp_store_loaded(redisAsyncContext *ac, void *data,
    void *privdata);


/*
 * hiredis matches replies by order: if a command was queued without its
 * callback, or the reverse, every later reply would go to the wrong request.
 */
static ngx_int_t
ngx_http_dmp_store_queued(redisAsyncContext *ac, int rc)
{
    if (rc != REDIS_OK) {
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
ngx_http_dmp_store_send(redisCallbackFn *callback, void *data, ngx_uint_t argc,
    const char **argv, const size_t *lens)
{
    redisAsyncContext  *ac;

    ac = ngx_http_dmp_store.redis;

    if (ac == NULL || ngx_http_dmp_store.why != NULL) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_store_queued(ac,
               redisAsyncCommandArgv(ac, callback, data, (int) argc, argv,
                                     lens));
}


ngx_int_t
ngx_http_dmp_store_ask(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_waiter_t *w,
    redisCallbackFn *callback, ngx_uint_t argc, const char **argv,
    const size_t *lens)
{
    w->sent_ns = ngx_http_dmp_now_ns();

    if (ngx_http_dmp_store_send(callback, w, argc, argv, lens) != NGX_OK) {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    w->sent = 1;
    ngx_http_dmp_store_sent();
    ctx->waiter = w;

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dmp_store_send_formatted(redisCallbackFn *callback, void *data,
    const u_char *command, size_t len)
{
    redisAsyncContext  *ac;

    ac = ngx_http_dmp_store.redis;

    if (ac == NULL || ngx_http_dmp_store.why != NULL) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_store_queued(ac,
               redisAsyncFormattedCommand(ac, callback, data,
                                          (const char *) command, len));
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
ngx_http_dmp_reply_id(dmp_str_t id, uint64_t *ms, uint64_t *n)
{
    char        c;
    size_t      i;
    uint64_t   *out;
    ngx_uint_t  digits;

    *ms = 0;
    *n = 0;
    out = ms;
    digits = 0;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

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
 * {0, id, head, version, record}, where head is the one that the entry this
 * reply is waited for has made; and "session" where that is no more.
 */
static ngx_int_t
ngx_http_dmp_reply_stale(const redisReply *reply, const dmp_head_t *head)
{
    return reply->type == REDIS_REPLY_ARRAY
           && (reply->elements == 5 || reply->elements == 6)
           && reply->element[0]->type == REDIS_REPLY_INTEGER
           && reply->element[0]->integer == 0
           && reply->element[1]->type == REDIS_REPLY_STRING
           && reply->element[2]->type == REDIS_REPLY_STRING
           && (size_t) reply->element[2]->len == head->len
           && ngx_memcmp(reply->element[2]->str, head->text, head->len) == 0;
}


/* "id head" for any outcome but '0': the id; or nothing. */
static dmp_str_t
ngx_http_dmp_reply_stands(const redisReply *reply, const dmp_head_t *head)
{
    size_t  len;

    if (reply->type != REDIS_REPLY_STRING
        || (size_t) reply->len < head->len + 1)
    {
        return dmp_null_string;
    }

    len = (size_t) reply->len - head->len - 1;

    if (reply->str[len] != ' '
        || ngx_memcmp(reply->str + len + 1, head->text, head->len) != 0)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { reply->str, len };
}


/*
 * The store's own time, behind "id head": taken off.  false: it should be
 * there, and is not.
 */
static bool
ngx_http_dmp_reply_clock(ngx_http_dmp_waiter_t *w, redisReply *reply)
{
    off_t       ms;
    ngx_uint_t  n;

    if (!w->clocked || reply->type != REDIS_REPLY_STRING) {
        return true;
    }

    n = (ngx_uint_t) reply->len;

    while (n != 0 && reply->str[n - 1] != ' ') {
        n--;
    }

    ms = ngx_atoof((u_char *) reply->str + n, (size_t) reply->len - n);

    if (n == 0 || ms <= 0) {
        return false;
    }

    w->clock_ms = (uint64_t) ms;
    reply->len = (int) (n - 1);

    return true;
}


/* Why an entry was refused though its version is the current one, or not. */
static bool
ngx_http_dmp_reply_says(const redisReply *reply, const char *why)
{
    return reply->elements == 6
           && reply->element[5]->type == REDIS_REPLY_STRING
           && ngx_strcmp(reply->element[5]->str, why) == 0;
}


/* The entry's id, if that is a reply to it. */
static dmp_str_t
ngx_http_dmp_reply_entry(const redisReply *reply, const dmp_head_t *head,
    char outcome)
{
    if (outcome != '0') {
        return ngx_http_dmp_reply_stands(reply, head);
    }

    if (!ngx_http_dmp_reply_stale(reply, head)) {
        return dmp_null_string;
    }

    return (dmp_str_t) { reply->element[1]->str,
                         (size_t) reply->element[1]->len };
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
    const dmp_head_t *head, char outcome)
{
    uint64_t   ms, n;
    dmp_str_t  id;

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

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        /* the handshake that follows tells a broken link from a rollback */
        ngx_http_dmp_store_broken("an entry does not extend its chain", NULL);
        return NGX_ERROR;
    }

    id = ngx_http_dmp_reply_entry(reply, head, outcome);

    if (id.len == 0 || ngx_http_dmp_reply_id(id, &ms, &n) != NGX_OK) {
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

    return ngx_http_dmp_store_ask(ctx, w, ngx_http_dmp_store_loaded, 4, argv,
                                  lens);
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


void
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

    if (reply != NULL && !ngx_http_dmp_reply_clock(w, reply)) {
        ngx_http_dmp_store_broken("an unexpected reply to a commit", NULL);
        reply = NULL;
    }

    /* only a commit on a record can come too late for its version */
    if (reply != NULL && (w->outcome == '1' || w->outcome == 'R')
        && ngx_http_dmp_reply_stale(reply, &w->head))
    {
        outcome = '0';
        w->ended = ngx_http_dmp_reply_says(reply, "session");
        w->late = ngx_http_dmp_reply_says(reply, "late");

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

    if (ngx_http_dmp_store_acked(reply, w->bucket, w->seq, &w->head, outcome)
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
