/*
 * hiredis in nginx's event loop, and nothing else.
 *
 * Events are level-triggered: hiredis reads at most 16 KiB a call and cannot
 * say whether more is there.  Writes are posted, so that all commands of one
 * turn of the loop leave in one write.  The descriptor is closed by hiredis,
 * never here.
 *
 * Most of what one request waits for, where nothing else is under way, is that
 * two sleeping processes are woken, and not what the store does.  So the socket
 * is looked at for a moment before the loop sleeps.  A store that takes longer
 * is looked at ever more rarely, and what that costs vanishes.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_POLL_NS    200000   /* a store nearby has answered */
#define NGX_HTTP_DMP_POLL_PAUSE  16      /* of the processor, between looks */
#define NGX_HTTP_DMP_POLL_RARE   10      /* at most every 1,024th time */


static void ngx_http_dmp_store_read_handler(ngx_event_t *ev);
static void ngx_http_dmp_store_write_handler(ngx_event_t *ev);
static void ngx_http_dmp_store_posted_write(ngx_event_t *ev);


static void
ngx_http_dmp_store_add_read(void *data)
{
    ngx_connection_t  *c;

    c = ((ngx_http_dmp_store_t *) data)->connection;

    if (c != NULL && !c->read->active
        && ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        ngx_http_dmp_store_broken("cannot watch the socket", NULL);
    }
}


static void
ngx_http_dmp_store_del_read(void *data)
{
    ngx_connection_t  *c;

    c = ((ngx_http_dmp_store_t *) data)->connection;

    if (c != NULL && c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
}


static void
ngx_http_dmp_store_watch_write(ngx_http_dmp_store_t *store)
{
    ngx_connection_t  *c;

    c = store->connection;

    if (c != NULL && !c->write->active
        && ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        ngx_http_dmp_store_broken("cannot watch the socket", NULL);
    }
}


/* hiredis asks at each command: before it is connected we must watch. */
static void
ngx_http_dmp_store_add_write(void *data)
{
    ngx_http_dmp_store_t  *store;

    store = data;

    if (store->redis == NULL || !(store->redis->c.flags & REDIS_CONNECTED)) {
        ngx_http_dmp_store_watch_write(store);
        return;
    }

    if (!store->write.posted
        && (store->connection == NULL || !store->connection->write->active))
    {
        ngx_post_event(&store->write, &ngx_posted_events);
    }
}


static void
ngx_http_dmp_store_del_write(void *data)
{
    ngx_connection_t  *c;

    c = ((ngx_http_dmp_store_t *) data)->connection;

    if (c != NULL && c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_http_dmp_store_cleanup(void *data)
{
    ngx_connection_t      *c;
    ngx_http_dmp_store_t  *store;

    store = data;
    c = store->connection;

    if (store->write.posted) {
        ngx_delete_posted_event(&store->write);
    }

    if (c == NULL) {
        return;
    }

    store->connection = NULL;

    if (ngx_del_conn != NULL) {
        (void) ngx_del_conn(c, 0);

    } else {
        if (c->read->active) {
            (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        if (c->write->active) {
            (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
        }
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    /* the loop compares it with -1 before it looks at the other half */
    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


ngx_int_t
ngx_http_dmp_store_attach(ngx_http_dmp_store_t *store)
{
    ngx_connection_t   *c;
    redisAsyncContext  *ac;

    ac = store->redis;

    c = ngx_get_connection(ac->c.fd, store->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    (void) fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC);

    c->data = store;
    c->log = store->log;
    c->read->log = store->log;
    c->write->log = store->log;
    c->read->handler = ngx_http_dmp_store_read_handler;
    c->write->handler = ngx_http_dmp_store_write_handler;

    /* so that a worker told to quit tells us, and we end our epoch */
    c->idle = 1;

    ngx_memzero(&store->write, sizeof(ngx_event_t));
    store->write.handler = ngx_http_dmp_store_posted_write;
    store->write.data = store;
    store->write.log = store->log;

    store->connection = c;

    ac->ev.data = store;
    ac->ev.addRead = ngx_http_dmp_store_add_read;
    ac->ev.delRead = ngx_http_dmp_store_del_read;
    ac->ev.addWrite = ngx_http_dmp_store_add_write;
    ac->ev.delWrite = ngx_http_dmp_store_del_write;
    ac->ev.cleanup = ngx_http_dmp_store_cleanup;

    return NGX_OK;
}


/* hiredis aborts on a reply while it waits for none; an end is no reply. */
static ngx_int_t
ngx_http_dmp_store_unasked(ngx_http_dmp_store_t *store)
{
    char  byte;

    return (store->redis->c.flags & REDIS_CONNECTED)
           && store->redis->replies.head == NULL
           && recv(store->connection->fd, &byte, 1, MSG_PEEK) > 0;
}


static void
ngx_http_dmp_store_read_handler(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_http_dmp_store_t  *store;

    c = ev->data;
    store = c->data;

    if (c->close) {
        c->close = 0;

        if (c->error) {
            /* worker_shutdown_timeout: no grace is left */
            ngx_http_dmp_store_broken("the worker is ending", NULL);
            return;
        }

        ngx_http_dmp_outcome_arm();
        return;
    }

    if (ngx_http_dmp_store_unasked(store)) {
        ngx_http_dmp_store_broken("a reply that nothing was sent for", NULL);
        ngx_http_dmp_store_del_read(store);
        return;
    }

    /* nothing of store->redis or c may be touched after this */
    redisAsyncHandleRead(store->redis);
}


static void
ngx_http_dmp_store_write_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_dmp_replicas_wait();

    redisAsyncHandleWrite(((ngx_http_dmp_store_t *) c->data)->redis);
}


/* Something to read within the time, be it an end or an error. */
static ngx_uint_t
ngx_http_dmp_store_replied(ngx_socket_t fd)
{
    char             byte;
    int64_t          passed;
    ngx_uint_t       i;
    struct timespec  began, now;

    (void) clock_gettime(CLOCK_MONOTONIC, &began);

    do {
        if (recv(fd, &byte, 1, MSG_PEEK|MSG_DONTWAIT) >= 0
            || ngx_socket_errno != NGX_EAGAIN)
        {
            return 1;
        }

        for (i = 0; i < NGX_HTTP_DMP_POLL_PAUSE; i++) {
            ngx_cpu_pause();
        }

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        passed = (now.tv_sec - began.tv_sec) * 1000000000
                 + (now.tv_nsec - began.tv_nsec);

    } while (passed < NGX_HTTP_DMP_POLL_NS);

    return 0;
}


/*
 * Other requests must not wait for this one's reply: then there is no look.
 * Nothing is read here, but by the loop, which does not sleep then: a client
 * that sends one request after the other must not keep the worker from it.
 */
static void
ngx_http_dmp_store_poll(ngx_http_dmp_store_t *store)
{
    if (store->redis == NULL || store->state != NGX_HTTP_DMP_STORE_READY
        || !store->conf->busy_poll || ngx_ncpu < 2
        || store->requests != 1 || store->in_flight != 1)
    {
        return;
    }

    if (store->unpolled > 0) {
        store->unpolled--;
        return;
    }

    if (ngx_http_dmp_store_replied(store->connection->fd)) {
        store->missed = 0;
        return;
    }

    store->missed += store->missed < NGX_HTTP_DMP_POLL_RARE;
    store->unpolled = (ngx_uint_t) 1 << store->missed;
}


static void
ngx_http_dmp_store_posted_write(ngx_event_t *ev)
{
    ngx_http_dmp_store_t  *store;

    store = ev->data;

    if (store->redis == NULL || ngx_http_dmp_replicas_waiting()) {
        return;
    }

    /* behind the commits of this turn, in the same write */
    ngx_http_dmp_replicas_wait();

    if (store->write.posted) {
        ngx_delete_posted_event(&store->write);
    }

    /* after the write hiredis asks for addWrite again if something is left */
    redisAsyncHandleWrite(store->redis);

    if (store->redis != NULL && store->write.posted) {
        ngx_delete_posted_event(&store->write);
        ngx_http_dmp_store_watch_write(store);
        return;
    }

    ngx_http_dmp_store_poll(store);
}


void
ngx_http_dmp_store_write(void)
{
    ngx_http_dmp_store_add_write(&ngx_http_dmp_store);
}
