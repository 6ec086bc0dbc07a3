/*
 * dmp_audit_durability replicas: an acknowledged trace counts when enough
 * replicas have it.  One WAIT follows the commits of one turn of the event
 * loop, or all that came while the last one was out; its reply comes after
 * theirs, on the same link, and is for all of them.  Too few: the link is
 * given up, and nothing is served until there are enough again.
 *
 * The writer is told that an entry stands when the replicas have it, not
 * before: one that is lost when a replica takes over was then in flight, and
 * no store that went back.
 */

#include "ngx_http_dmp_store.h"


/* An entry that the store has, and not yet the replicas. */
typedef struct {
    unsigned  bucket;
    char      outcome;
    uint64_t  seq;
    uint64_t  ms;
    uint64_t  n;
    void    (*then)(void *data, ngx_uint_t stands);     /* or NULL */
    void     *data;
} ngx_http_dmp_unconfirmed_t;


static void ngx_http_dmp_replicas_answered(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_replicas_release(ngx_http_dmp_wait_e result);


static ngx_http_dmp_unconfirmed_t  *ngx_http_dmp_unconfirmed;
static ngx_uint_t                   ngx_http_dmp_n_unconfirmed;


void
ngx_http_dmp_replicas_commit(void)
{
    if (ngx_http_dmp_store.conf->durability == NGX_HTTP_DMP_REPLICAS) {
        ngx_http_dmp_store.unwaited++;
    }
}


/* Entries that are confirmed are told, in order; false: the link is broken. */
static ngx_int_t
ngx_http_dmp_replicas_confirm(void)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i, n;
    const ngx_http_dmp_unconfirmed_t  *u;

    rc = NGX_OK;
    n = ngx_http_dmp_n_unconfirmed;
    ngx_http_dmp_n_unconfirmed = 0;

    for (i = 0; i < n; i++) {
        u = &ngx_http_dmp_unconfirmed[i];

        if (rc == NGX_OK) {
            rc = ngx_http_dmp_store_stands(u->bucket, u->seq, u->outcome,
                                           u->ms, u->n);
        }

        if (u->then != NULL) {
            u->then(u->data, rc == NGX_OK);
        }
    }

    return rc;
}


void
ngx_http_dmp_replicas_then(void (*then)(void *data, ngx_uint_t stands),
    void *data)
{
    ngx_http_dmp_unconfirmed_t  *u;

    if (ngx_http_dmp_n_unconfirmed == 0) {
        then(data, 1);
        return;
    }

    u = &ngx_http_dmp_unconfirmed[ngx_http_dmp_n_unconfirmed - 1];
    u->then = then;
    u->data = data;
}


ngx_int_t
ngx_http_dmp_replicas_stands(unsigned bucket, uint64_t seq, char outcome,
    uint64_t ms, uint64_t n)
{
    ngx_http_dmp_unconfirmed_t  *u;

    if (ngx_http_dmp_store.conf->durability != NGX_HTTP_DMP_REPLICAS
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_REPLICAS))
    {
        return ngx_http_dmp_store_stands(bucket, seq, outcome, ms, n);
    }

    if (ngx_http_dmp_unconfirmed == NULL) {
        ngx_http_dmp_unconfirmed
            = ngx_alloc(DMP_FLIGHT_MAX * sizeof(ngx_http_dmp_unconfirmed_t),
                        ngx_http_dmp_store.log);
    }

    if (ngx_http_dmp_unconfirmed == NULL
        || ngx_http_dmp_n_unconfirmed == DMP_FLIGHT_MAX)
    {
        ngx_http_dmp_store_broken("no memory for what replicas confirm", NULL);
        return NGX_ERROR;
    }

    u = &ngx_http_dmp_unconfirmed[ngx_http_dmp_n_unconfirmed++];
    u->bucket = bucket;
    u->seq = seq;
    u->outcome = outcome;
    u->ms = ms;
    u->n = n;
    u->then = NULL;

    return NGX_OK;
}


void
ngx_http_dmp_replicas_lost(void)
{
    ngx_uint_t                         i, n;
    const ngx_http_dmp_unconfirmed_t  *u;

    n = ngx_http_dmp_n_unconfirmed;
    ngx_http_dmp_n_unconfirmed = 0;
    ngx_http_dmp_store.unwaited = 0;
    ngx_http_dmp_store.waits = 0;

    for (i = 0; i < n; i++) {
        u = &ngx_http_dmp_unconfirmed[i];

        if (u->then != NULL) {
            u->then(u->data, 0);
        }
    }

    ngx_http_dmp_replicas_release(NGX_HTTP_DMP_WAIT_FAILED);
}


void
ngx_http_dmp_replicas_done(void)
{
    if (ngx_http_dmp_unconfirmed != NULL) {
        ngx_free(ngx_http_dmp_unconfirmed);
        ngx_http_dmp_unconfirmed = NULL;
    }

    ngx_http_dmp_n_unconfirmed = 0;
}


/* WAIT blocks the link for as long: no longer than an answer counts. */
static ngx_int_t
ngx_http_dmp_replicas_send(redisCallbackFn *callback, void *data)
{
    char                    n[NGX_INT_T_LEN], ms[NGX_INT_T_LEN];
    size_t                  lens[3];
    const char             *argv[3];
    ngx_http_dmp_store_t   *store;

    store = &ngx_http_dmp_store;

    argv[0] = "WAIT";
    lens[0] = 4;
    argv[1] = n;
    lens[1] = (size_t) (ngx_sprintf((u_char *) n, "%ui", store->conf->replicas)
                        - (u_char *) n);
    argv[2] = ms;
    lens[2] = (size_t) (ngx_sprintf((u_char *) ms, "%M",
                                    ngx_min(store->conf->replicas_timeout,
                                            store->deadline))
                        - (u_char *) ms);

    return ngx_http_dmp_store_send(callback, data, 3, argv, lens);
}


void
ngx_http_dmp_replicas_wait(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    /* the first entry of a link is waited for by the handshake */
    if (store->unwaited == 0 || store->state == NGX_HTTP_DMP_STORE_HANDSHAKE) {
        return;
    }

    store->unwaited = 0;

    if (ngx_http_dmp_replicas_send(ngx_http_dmp_replicas_answered, NULL)
        == NGX_OK)
    {
        store->waits++;
        ngx_http_dmp_store_sent();
    }
}


/*
 * While the store waits for replicas it reads nothing of this link: what is
 * written meanwhile gains no time, and one WAIT can be for all of it.
 */
ngx_uint_t
ngx_http_dmp_replicas_waiting(void)
{
    return ngx_http_dmp_store.waits != 0
           && ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_REPLICAS);
}


void
ngx_http_dmp_replicas_hold(ngx_http_dmp_waiter_t *w,
    ngx_http_dmp_wait_e result)
{
    if (result != NGX_HTTP_DMP_WAIT_DONE || !(w->entry || w->confirm)
        || ngx_http_dmp_store.conf->durability != NGX_HTTP_DMP_REPLICAS
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_REPLICAS))
    {
        ngx_http_dmp_waiter_answer(w, result);
        return;
    }

    if (w->ctx == NULL) {
        ngx_http_dmp_waiter_answer(w, NGX_HTTP_DMP_WAIT_FAILED);
        return;
    }

    /* its own reply has come; a time-out frees it from here */
    w->answered = 1;
    ngx_queue_insert_tail(&ngx_http_dmp_store.held, &w->queue);
}


void
ngx_http_dmp_replicas_read(ngx_http_dmp_waiter_t *w)
{
    if (ngx_http_dmp_store.conf->durability != NGX_HTTP_DMP_REPLICAS) {
        return;
    }

    w->confirm = 1;

    ngx_http_dmp_beat_sign();
    ngx_http_dmp_replicas_commit();
}


void
ngx_http_dmp_replicas_write(ngx_http_dmp_waiter_t *w)
{
    w->confirm = 1;
    ngx_http_dmp_replicas_commit();
}


static void
ngx_http_dmp_replicas_release(ngx_http_dmp_wait_e result)
{
    ngx_queue_t            *q;
    ngx_http_dmp_waiter_t  *w;

    while (!ngx_queue_empty(&ngx_http_dmp_store.held)) {
        q = ngx_queue_head(&ngx_http_dmp_store.held);

        /* a waiter that is freed has left the queue, its next is NULL */
        ngx_queue_remove(q);            /* NOLINT(clang-analyzer-*) */
        q->next = NULL;

        w = ngx_queue_data(q, ngx_http_dmp_waiter_t, queue);

        if (result != NGX_HTTP_DMP_WAIT_DONE) {
            ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_REPLICAS);
        }

        ngx_http_dmp_waiter_answer(w, result);
    }
}


/* NGX_OK: as many replicas as are asked for have all that was sent before. */
static ngx_int_t
ngx_http_dmp_replicas_reply(const redisReply *reply)
{
    u_char                 text[128];
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_dmp_store_broken("it does not wait for replicas", reply->str);
        return NGX_ERROR;
    }

    if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_http_dmp_store_broken("an unexpected reply to WAIT", NULL);
        return NGX_ERROR;
    }

    if (reply->integer < (long long) store->conf->replicas) {
        *ngx_snprintf(text, sizeof(text) - 1,
                      "%L of %ui have answered within %M ms",
                      (int64_t) ngx_max(reply->integer, 0),
                      store->conf->replicas, store->conf->replicas_timeout)
            = '\0';

        ngx_http_dmp_store_broken("too few replicas have the trace",
                                  (char *) text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_dmp_replicas_answered(redisAsyncContext *ac, void *data,
    void *privdata)
{
    ngx_int_t  rc;

    if (data == NULL) {
        ngx_http_dmp_replicas_release(NGX_HTTP_DMP_WAIT_FAILED);
        return;
    }

    ngx_http_dmp_store.waits--;
    ngx_http_dmp_store_answered();
    ngx_http_dmp_store_write();

    rc = ngx_http_dmp_replicas_reply(data);

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_replicas_confirm();
    }

    ngx_http_dmp_replicas_release((rc == NGX_OK) ? NGX_HTTP_DMP_WAIT_DONE
                                                 : NGX_HTTP_DMP_WAIT_FAILED);
    ngx_http_dmp_store_settled();
}


/*
 * Heads are asked for when the replicas have what this store has: one that no
 * replica has would look like a loss once a replica takes over.
 */
static void
ngx_http_dmp_replicas_before(redisAsyncContext *ac, void *data, void *privdata)
{
    if (data == NULL) {
        return;
    }

    ngx_http_dmp_store.owed = 0;
    ngx_http_dmp_store_surplus();

    if (ngx_http_dmp_replicas_reply(data) == NGX_OK) {
        ngx_http_dmp_chains_ask();
    }
}


static void
ngx_http_dmp_replicas_written(redisAsyncContext *ac, void *data,
    void *privdata)
{
    (void) ngx_http_dmp_hello_reply(data, REDIS_REPLY_INTEGER, "dmp:writers");
}


/* A WAIT is for the last write of its own link: there must be one. */
void
ngx_http_dmp_replicas_resolve(void)
{
    char                   name[DMP_WRITER_MAX + 1], now[NGX_INT64_LEN + 1];
    dmp_str_t              writer;
    const char            *argv[4];
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->conf->durability != NGX_HTTP_DMP_REPLICAS
        || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_REPLICAS))
    {
        ngx_http_dmp_chains_ask();
        return;
    }

    writer = dmp_writer_name(store->writer);
    *ngx_cpymem(name, writer.data, writer.len) = '\0';
    *ngx_sprintf((u_char *) now, "%L", ngx_http_dmp_time_ms()) = '\0';

    argv[0] = "HSET";
    argv[1] = "dmp:writers";
    argv[2] = name;
    argv[3] = now;

    if (ngx_http_dmp_hello_send(ngx_http_dmp_replicas_written, NULL, 4, argv)
        == NGX_OK)
    {
        store->owed++;
        (void) ngx_http_dmp_replicas_send(ngx_http_dmp_replicas_before, NULL);
    }
}


static void
ngx_http_dmp_replicas_first(redisAsyncContext *ac, void *data, void *privdata)
{
    if (data == NULL) {
        return;
    }

    ngx_http_dmp_store.owed = 0;
    ngx_http_dmp_store_surplus();

    if (ngx_http_dmp_replicas_reply(data) == NGX_OK
        && ngx_http_dmp_replicas_confirm() == NGX_OK)
    {
        ngx_http_dmp_store_set_ready();
    }
}


/* The epoch stands: with them, too? */
void
ngx_http_dmp_replicas_ready(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->why != NULL) {
        return;
    }

    if (store->conf->durability != NGX_HTTP_DMP_REPLICAS) {
        ngx_http_dmp_store_set_ready();
        return;
    }

    store->owed = 1;

    (void) ngx_http_dmp_replicas_send(ngx_http_dmp_replicas_first, NULL);
}
