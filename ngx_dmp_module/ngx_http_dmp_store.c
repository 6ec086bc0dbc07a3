/*
 * The life of the worker's link to the store, and what requests wait for.
 *
 * Whatever is not an expected answer breaks the link: all that was in flight
 * fails, a new link opens a new epoch.  While it is down nobody queues behind
 * it.  Callbacks never touch a request: they fill its waiter and post it.
 */

#include "ngx_http_dmp_store.h"

#include <time.h>


#define NGX_HTTP_DMP_BACKOFF_MIN  50
#define NGX_HTTP_DMP_BACKOFF_MAX  2000


static void ngx_http_dmp_store_connect(void);
static void ngx_http_dmp_store_connected(const redisAsyncContext *ac,
    int status);
static void ngx_http_dmp_store_disconnected(const redisAsyncContext *ac,
    int status);
static void ngx_http_dmp_store_timer(ngx_event_t *ev);
static void ngx_http_dmp_store_drop(ngx_event_t *ev);
static void ngx_http_dmp_store_silent(ngx_event_t *ev);
static void ngx_http_dmp_store_wake_all(ngx_http_dmp_wait_e result);


ngx_http_dmp_store_t  ngx_http_dmp_store;


uint64_t
ngx_http_dmp_now_ns(void)
{
    struct timespec  ts;

    if (!ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_CLOCK)) {
        return (uint64_t) ngx_current_msec * 1000000;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


int64_t
ngx_http_dmp_time_ms(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + (int64_t) tp->msec;
}


ngx_int_t
ngx_http_dmp_store_start(ngx_cycle_t *cycle,
    const ngx_http_dmp_main_conf_t *conf)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    ngx_memzero(store, sizeof(ngx_http_dmp_store_t));

    store->conf = conf;
    store->log = cycle->log;
    store->deadline = 250;
    ngx_queue_init(&store->waiting);
    ngx_queue_init(&store->held);

    store->timer.handler = ngx_http_dmp_store_timer;
    store->timer.data = store;
    store->timer.log = cycle->log;
    store->timer.cancelable = 1;

    store->drop.handler = ngx_http_dmp_store_drop;
    store->drop.data = store;
    store->drop.log = cycle->log;

    store->watch.handler = ngx_http_dmp_store_silent;
    store->watch.data = store;
    store->watch.log = cycle->log;

    store->flush.handler = ngx_http_dmp_outcome_flush;
    store->flush.data = store;
    store->flush.log = cycle->log;

    ngx_http_dmp_beat_start(cycle);

    if (ngx_http_dmp_outcome_init() != NGX_OK) {
        return NGX_ERROR;
    }

    /* at once, so that the first request finds it ready */
    store->state = NGX_HTTP_DMP_STORE_BACKOFF;
    ngx_add_timer(&store->timer, 0);

    return NGX_OK;
}


void
ngx_http_dmp_store_stop(void)
{
    redisAsyncContext     *ac;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->conf == NULL) {
        return;
    }

    store->state = NGX_HTTP_DMP_STORE_ENDED;

    ac = store->redis;
    store->redis = NULL;

    if (ac != NULL) {
        redisAsyncFree(ac);
    }

    if (store->timer.timer_set) {
        ngx_del_timer(&store->timer);
    }

    if (store->flush.timer_set) {
        ngx_del_timer(&store->flush);
    }

    if (store->watch.timer_set) {
        ngx_del_timer(&store->watch);
    }

    if (store->drop.posted) {
        ngx_delete_posted_event(&store->drop);
    }

    ngx_http_dmp_beat_stop();

    /* what they have not confirmed is told as not written */
    ngx_http_dmp_replicas_lost();
    ngx_http_dmp_replicas_done();

    if (store->claims != NULL) {
        ngx_free(store->claims);
        store->claims = NULL;
    }

    dmp_writer_free(store->writer);
    store->writer = NULL;

    ngx_http_dmp_outcome_done();
}


static void
ngx_http_dmp_store_connect(void)
{
    struct sockaddr       *sa;
    u_char                 text[NGX_SOCKADDR_STRLEN + 1];
    redisAsyncContext     *ac;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    sa = store->conf->address->sockaddr;

    store->state = NGX_HTTP_DMP_STORE_CONNECTING;
    store->why = NULL;
    ngx_add_timer(&store->timer, store->conf->connect_timeout);

#if (NGX_HAVE_UNIX_DOMAIN)
    if (sa->sa_family == AF_UNIX) {
        ac = redisAsyncConnectUnix(((struct sockaddr_un *) sa)->sun_path);

    } else
#endif
    {
        /* numeric: hiredis resolves names with a call that blocks */
        text[ngx_sock_ntop(sa, store->conf->address->socklen, text,
                           NGX_SOCKADDR_STRLEN, 0)] = '\0';
        ac = redisAsyncConnect((char *) text, ngx_inet_get_port(sa));
    }

    if (ac == NULL) {
        ngx_http_dmp_store_broken("no memory to connect", NULL);
        return;
    }

    if (ac->err) {
        ngx_http_dmp_store_broken("cannot connect", ac->errstr);
        redisAsyncFree(ac);
        return;
    }

    store->redis = ac;

    if (ngx_http_dmp_store_attach(store) != NGX_OK) {
        store->redis = NULL;
        redisAsyncFree(ac);
        ngx_http_dmp_store_broken("no free connection (worker_connections)",
                                  NULL);
        return;
    }

    if (redisAsyncSetDisconnectCallback(ac, ngx_http_dmp_store_disconnected)
        != REDIS_OK
        || redisAsyncSetConnectCallback(ac, ngx_http_dmp_store_connected)
           != REDIS_OK)
    {
        ngx_http_dmp_store_broken("cannot set the callbacks", NULL);
    }
}


/* hiredis frees what it calls these with: they only note and post. */

static void
ngx_http_dmp_store_connected(const redisAsyncContext *ac, int status)
{
    if (status == REDIS_OK) {
        ngx_http_dmp_store.state = NGX_HTTP_DMP_STORE_HANDSHAKE;
        ngx_http_dmp_store_handshake();
        return;
    }

    ngx_http_dmp_store_broken("cannot connect", ac->errstr);
    ngx_http_dmp_store.redis = NULL;
}


static void
ngx_http_dmp_store_disconnected(const redisAsyncContext *ac, int status)
{
    if (ngx_http_dmp_store.redis != ac) {
        return;
    }

    ngx_http_dmp_store.redis = NULL;
    ngx_http_dmp_store_broken("connection lost",
                              (status == REDIS_OK) ? NULL : ac->errstr);
}


void
ngx_http_dmp_store_broken(const char *why, const char *detail)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->why != NULL || store->state == NGX_HTTP_DMP_STORE_ENDED) {
        return;
    }

    store->why = why;
    (void) ngx_cpystrn((u_char *) store->detail,
                       (u_char *) ((detail != NULL) ? detail : ""),
                       sizeof(store->detail));

    ngx_post_event(&store->drop, &ngx_posted_events);
}


void
ngx_http_dmp_store_renew(const char *why)
{
    if (ngx_http_dmp_store.why == NULL) {
        ngx_http_dmp_store.renewing = 1;
        ngx_http_dmp_store_broken(why, NULL);
    }
}


/* Full jitter, so that many workers do not come back together. */
static ngx_msec_t
ngx_http_dmp_store_backoff(ngx_uint_t failures)
{
    ngx_msec_t  max;

    max = NGX_HTTP_DMP_BACKOFF_MIN << ngx_min(failures, 6);
    max = ngx_min(max, NGX_HTTP_DMP_BACKOFF_MAX);

    return max / 2 + (ngx_msec_t) ngx_random() % (max / 2 + 1);
}


/*
 * One line per outage, and one more when a store that can be reached again is
 * refused for what it is: that, waiting does not mend.
 */
static ngx_int_t
ngx_http_dmp_store_is_news(ngx_http_dmp_store_t *store)
{
    return store->state == NGX_HTTP_DMP_STORE_HANDSHAKE
           && store->told != store->why
           && store->detail[0] != '\0'
           && ngx_strncmp(store->detail, store->told_detail,
                          strcspn(store->detail, " ") + 1) != 0
           && ngx_strncmp(store->detail, "LOADING", 7) != 0
           && store->redis != NULL;
}


static void
ngx_http_dmp_store_drop(ngx_event_t *ev)
{
    ngx_uint_t             renewing;
    redisAsyncContext     *ac;
    ngx_http_dmp_store_t  *store;

    store = ev->data;
    renewing = store->renewing;
    store->renewing = 0;

    if (store->state == NGX_HTTP_DMP_STORE_CLOSING) {
        /* our last entry was answered, or nobody can answer it any more */
        ngx_http_dmp_store_stop();
        return;
    }

    if (renewing) {
        ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                      "dmp store is looked at again: %s", store->why);

    } else if (!store->down || ngx_http_dmp_store_is_news(store)) {
        store->down = 1;
        store->told = store->why;
        ngx_memcpy(store->told_detail, store->detail, sizeof(store->detail));
        ngx_log_error(NGX_LOG_CRIT, store->log, 0,
                      "dmp store is unavailable: %s%s%s", store->why,
                      store->detail[0] ? ": " : "", store->detail);
    }

    if (store->state == NGX_HTTP_DMP_STORE_READY) {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_LINK_LOST);
    }

    ngx_http_dmp_zone_say(0, store->why, store->detail);
    ngx_http_dmp_beat_stop();

    store->state = NGX_HTTP_DMP_STORE_BACKOFF;

    ac = store->redis;
    store->redis = NULL;

    if (ac != NULL) {
        redisAsyncFree(ac);
    }

    if (store->writer != NULL) {
        dmp_writer_lost(store->writer);
    }

    store->in_flight = 0;
    store->owed = 0;

    if (store->watch.timer_set) {
        ngx_del_timer(&store->watch);
    }

    ngx_http_dmp_replicas_lost();

    if (store->timer.timer_set) {
        ngx_del_timer(&store->timer);
    }

    if (renewing && !store->down) {
        /* who waits for the store goes on waiting: nothing is wrong with it */
        store->why = NULL;
        ngx_add_timer(&store->timer, 0);
        return;
    }

    ngx_http_dmp_store_wake_all(NGX_HTTP_DMP_WAIT_FAILED);
    ngx_add_timer(&store->timer, ngx_http_dmp_store_backoff(store->failures));
    store->failures++;
}


/* Connecting or the handshake takes too long, or the back-off is over. */
static void
ngx_http_dmp_store_timer(ngx_event_t *ev)
{
    ngx_http_dmp_store_t  *store;

    store = ev->data;

    switch (store->state) {

    case NGX_HTTP_DMP_STORE_BACKOFF:
        /* one that leaves has answers to check, and an epoch to end */
        if (!ngx_exiting || store->requests != 0) {
            ngx_http_dmp_store_connect();
        }
        break;

    case NGX_HTTP_DMP_STORE_CONNECTING:
    case NGX_HTTP_DMP_STORE_HANDSHAKE:
    case NGX_HTTP_DMP_STORE_ROTATING:
    case NGX_HTTP_DMP_STORE_CLOSING:
        ngx_http_dmp_store_broken("no answer in time", NULL);
        break;

    default:
        break;
    }
}


void
ngx_http_dmp_store_set_ready(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    store->state = NGX_HTTP_DMP_STORE_READY;
    store->failures = 0;
    store->missed = 0;
    store->unpolled = 0;

    /* another store, or this one as it was: it may not have what was entered */
    ngx_http_dmp_forget_all_learnt();
    ngx_http_dmp_forget_seen();

    if (store->timer.timer_set) {
        ngx_del_timer(&store->timer);
    }

    if (store->down) {
        store->down = 0;
        store->told = NULL;
        ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                      "dmp store is available again");
    }

    ngx_http_dmp_zone_say(1, NULL, NULL);
    ngx_http_dmp_store_numbers();
    ngx_http_dmp_beat_ready();
    ngx_http_dmp_store_wake_all(NGX_HTTP_DMP_WAIT_READY);

    /* a worker may be told to quit before it was ever ready */
    ngx_http_dmp_outcome_arm();
}


/* For health and metrics, as they are now. */
void
ngx_http_dmp_store_numbers(void)
{
    ngx_uint_t             ready;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    ready = store->state == NGX_HTTP_DMP_STORE_READY && store->writer != NULL;

    ngx_http_dmp_zone_numbers(store->in_flight, store->n_closed,
                              ready ? dmp_writer_epoch_opened(store->writer)
                                    : 0,
                              ready ? dmp_writer_signed_ms(store->writer) : 0);
}


ngx_uint_t
ngx_http_dmp_store_ready(void)
{
    int64_t                age;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->state != NGX_HTTP_DMP_STORE_READY || store->why != NULL) {
        return 0;
    }

    age = ngx_http_dmp_time_ms() - dmp_writer_epoch_opened(store->writer);

    if (age < -DMP_EPOCH_SLACK_MS) {
        ngx_http_dmp_store_broken("the clock went back", NULL);
        return 0;
    }

    if (dmp_writer_silent(store->writer, ngx_http_dmp_time_ms())
        && ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_SILENT))
    {
        ngx_http_dmp_store_renew("this worker stood still, or its clock was "
                                 "moved");
        return 0;
    }

    if (age >= DMP_EPOCH_MS) {
        store->state = NGX_HTTP_DMP_STORE_ROTATING;
        ngx_add_timer(&store->timer, store->conf->connect_timeout);
        ngx_http_dmp_store_settled();
        return 0;
    }

    return 1;
}


/*
 * Replies are in order: with none for so long, all that is owed is late, and
 * the link is dropped.  Not cancelable, so that a worker told to quit ends.
 */
static void
ngx_http_dmp_store_silent(ngx_event_t *ev)
{
    ngx_http_dmp_store_broken("no answer in time", NULL);
}


void
ngx_http_dmp_store_sent(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->in_flight++ == 0) {
        ngx_add_timer(&store->watch, store->conf->timeout);
    }
}


/*
 * More bytes behind the last reply that is owed answer nothing: hiredis would
 * abort the worker on them.
 */
void
ngx_http_dmp_store_surplus(void)
{
    redisAsyncContext     *ac;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    ac = store->redis;

    if (ac != NULL && ac->replies.head == NULL
        && ac->c.reader->pos < ac->c.reader->len)
    {
        ngx_http_dmp_store_broken("a reply that nothing was sent for", NULL);

        /* in a callback hiredis puts the end off until it returns */
        store->redis = NULL;
        redisAsyncFree(ac);
    }
}


void
ngx_http_dmp_store_answered(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (--store->in_flight == 0) {
        ngx_del_timer(&store->watch);

    } else {
        ngx_add_timer(&store->watch, store->conf->timeout);
    }

    ngx_http_dmp_store_surplus();
}


/* A reply came in: what waits for the last of them? */
void
ngx_http_dmp_store_settled(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->in_flight != 0 || store->why != NULL) {
        return;
    }

    if (store->state == NGX_HTTP_DMP_STORE_ROTATING && store->owed == 0) {
        ngx_http_dmp_store_rotate();
    }
}


static void
ngx_http_dmp_waiter_wake(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_dmp_waiter_t  *w;

    w = ev->data;

    if (w->ctx == NULL) {
        return;
    }

    r = w->ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "dmp wake with result %d", (int) w->result);

    if (w->sent_ns != 0) {
        w->ctx->latency_ns[NGX_HTTP_DMP_LATENCY_STORE]
            += ngx_http_dmp_now_ns() - w->sent_ns;
    }

    if (w->ctx->resume != NULL) {
        /* the upstream may be in the middle of a stream: it is not the one
           that asks */
        w->ctx->resume(r, w->ctx);
    }

    r->write_event_handler(r);

    /* nothing of r may be read after this */
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_dmp_waiter_timeout(ngx_event_t *ev)
{
    ngx_http_dmp_waiter_t  *w;

    w = ev->data;

    if (w->result != NGX_HTTP_DMP_WAIT_PENDING) {
        return;
    }

    /* the entry may stand or not: it is listed, and lets nothing through */
    w->result = NGX_HTTP_DMP_WAIT_FAILED;

    ngx_http_dmp_waiter_wake(&w->wake);
}


ngx_http_dmp_waiter_t *
ngx_http_dmp_waiter_create(ngx_http_dmp_ctx_t *ctx, ngx_msec_t timeout)
{
    ngx_http_dmp_waiter_t  *w;

    w = ngx_calloc(sizeof(ngx_http_dmp_waiter_t), ngx_http_dmp_store.log);
    if (w == NULL) {
        return NULL;
    }

    w->ctx = ctx;

    w->wake.handler = ngx_http_dmp_waiter_wake;
    w->wake.data = w;
    w->wake.log = ngx_http_dmp_store.log;

    /* not cancelable: a worker told to quit waits for its requests */
    w->timer.handler = ngx_http_dmp_waiter_timeout;
    w->timer.data = w;
    w->timer.log = ngx_http_dmp_store.log;
    ngx_add_timer(&w->timer, timeout);

    ngx_memcpy(w->trace_id, ctx->trace_id, DMP_UUID_LEN);

    return w;
}


void
ngx_http_dmp_waiter_answer(ngx_http_dmp_waiter_t *w,
    ngx_http_dmp_wait_e result)
{
    w->answered = 1;

    if (w->ctx == NULL) {
        ngx_http_dmp_waiter_release(w);
        return;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        w->result = result;
        ngx_post_event(&w->wake, &ngx_posted_events);
    }
}


void
ngx_http_dmp_waiter_release(ngx_http_dmp_waiter_t *w)
{
    w->ctx = NULL;

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    if (w->wake.posted) {
        ngx_delete_posted_event(&w->wake);
    }

    if (w->queue.next != NULL) {
        ngx_queue_remove(&w->queue);
        w->queue.next = NULL;
    }

    if (w->sent && !w->answered) {
        /* its reply frees it */
        return;
    }

    if (w->sealed != NULL) {
        ngx_explicit_memzero(w->sealed, w->sealed_len);
        ngx_free(w->sealed);
    }

    if (w->ids != NULL) {
        ngx_http_dmp_entries_free(w);
    }

    if (w->values != NULL) {
        ngx_free(w->values);
    }

    ngx_free(w);
}


void
ngx_http_dmp_waiter_detach(ngx_http_dmp_waiter_t *w)
{
    if (w->entry && w->access) {
        ngx_http_dmp_outcome_abandon(w->trace_id);
    }

    ngx_http_dmp_waiter_release(w);
}


ngx_int_t
ngx_http_dmp_store_wait_ready(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;

    switch (store->state) {

    case NGX_HTTP_DMP_STORE_BACKOFF:
    case NGX_HTTP_DMP_STORE_CONNECTING:
    case NGX_HTTP_DMP_STORE_HANDSHAKE:
    case NGX_HTTP_DMP_STORE_ROTATING:
        break;

    default:
        if (!store->renewing) {
            return NGX_ERROR;
        }
    }

    /* the first link is waited for; behind a store that failed nobody queues */
    if (store->down || (store->why != NULL && !store->renewing)) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx, store->conf->connect_timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&store->waiting, &w->queue);
    ctx->waiter = w;

    return NGX_AGAIN;
}


static void
ngx_http_dmp_store_wake_all(ngx_http_dmp_wait_e result)
{
    ngx_queue_t            *q;
    ngx_http_dmp_waiter_t  *w;

    while (!ngx_queue_empty(&ngx_http_dmp_store.waiting)) {
        q = ngx_queue_head(&ngx_http_dmp_store.waiting);

        /* a waiter that is freed has left the queue, its next is NULL */
        ngx_queue_remove(q);            /* NOLINT(clang-analyzer-*) */
        q->next = NULL;

        w = ngx_queue_data(q, ngx_http_dmp_waiter_t, queue);
        ngx_http_dmp_waiter_answer(w, result);
    }
}
