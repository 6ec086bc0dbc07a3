/*
 * Outcomes: how each traced request ended, in batches, with the list of
 * traces that were written but never used, and the signed checkpoints.
 *
 * The log phase cannot wait: what is needed is copied out.  What was in flight
 * when the link broke is sent again in a new entry.
 */

#include "ngx_http_dmp_store.h"

#include <dmp/dmp_entry.h>


#define NGX_HTTP_DMP_FLUSH_MS      200
#define NGX_HTTP_DMP_UNSIGNED_MAX  64
#define NGX_HTTP_DMP_PENDING_MAX   65536

typedef struct {
    dmp_outcome_t  *items;
    ngx_uint_t      n;
    ngx_uint_t      size;
} ngx_http_dmp_outcomes_t;

typedef struct {
    char          (*items)[DMP_UUID_LEN];
    ngx_uint_t      n;
    ngx_uint_t      size;
} ngx_http_dmp_abandoned_t;

/* An entry on its way, and what it says, in case it has to be said again. */
typedef struct {
    unsigned        bucket;
    uint64_t        seq;
    dmp_head_t      head;
    ngx_uint_t      closing;
    ngx_uint_t      n;
    ngx_uint_t      n_abandoned;
    char          (*abandoned)[DMP_UUID_LEN];    /* behind the outcomes */
    dmp_outcome_t   outcomes[];
} ngx_http_dmp_batch_t;


static ngx_http_dmp_outcomes_t   ngx_http_dmp_outcomes;
static ngx_http_dmp_abandoned_t  ngx_http_dmp_abandoned;


ngx_int_t
ngx_http_dmp_outcome_init(void)
{
    ngx_memzero(&ngx_http_dmp_outcomes, sizeof(ngx_http_dmp_outcomes_t));
    ngx_memzero(&ngx_http_dmp_abandoned, sizeof(ngx_http_dmp_abandoned_t));

    return NGX_OK;
}


void
ngx_http_dmp_outcome_done(void)
{
    if (ngx_http_dmp_outcomes.n != 0 || ngx_http_dmp_abandoned.n != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                      "dmp outcomes not written: %ui, and %ui abandoned",
                      ngx_http_dmp_outcomes.n, ngx_http_dmp_abandoned.n);
    }

    if (ngx_http_dmp_outcomes.items != NULL) {
        ngx_free(ngx_http_dmp_outcomes.items);
    }

    if (ngx_http_dmp_abandoned.items != NULL) {
        ngx_free(ngx_http_dmp_abandoned.items);
    }

    (void) ngx_http_dmp_outcome_init();
}


/* Room for one more in a list that doubles; NULL when it may not grow. */
static void *
ngx_http_dmp_list_grow(void *items, ngx_uint_t n, ngx_uint_t *size,
    size_t item)
{
    void        *grown;
    ngx_uint_t   wanted;

    if (n < *size) {
        return items;
    }

    if (*size >= NGX_HTTP_DMP_PENDING_MAX) {
        return NULL;
    }

    wanted = (*size == 0) ? DMP_OUTCOMES_MAX
                          : ngx_min(*size * 2, NGX_HTTP_DMP_PENDING_MAX);

    grown = ngx_alloc(wanted * item, ngx_http_dmp_store.log);
    if (grown == NULL) {
        return NULL;
    }

    if (items != NULL) {
        ngx_memcpy(grown, items, n * item);
        ngx_free(items);
    }

    *size = wanted;
    return grown;
}


static void
ngx_http_dmp_outcome_add(const dmp_outcome_t *outcome)
{
    void                     *items;
    ngx_http_dmp_outcomes_t  *list;

    list = &ngx_http_dmp_outcomes;

    items = ngx_http_dmp_list_grow(list->items, list->n, &list->size,
                                   sizeof(dmp_outcome_t));
    if (items == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                      "dmp outcome of trace %*s is lost",
                      (size_t) DMP_UUID_LEN, outcome->trace_id);
        return;
    }

    list->items = items;
    list->items[list->n++] = *outcome;
}


void
ngx_http_dmp_outcome_abandon(const char trace_id[DMP_UUID_LEN])
{
    void                      *items;
    ngx_http_dmp_abandoned_t  *list;

    list = &ngx_http_dmp_abandoned;

    ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_ABANDONED);

    items = ngx_http_dmp_list_grow(list->items, list->n, &list->size,
                                   DMP_UUID_LEN);
    if (items == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                      "dmp trace %*s is abandoned, and cannot be listed",
                      (size_t) DMP_UUID_LEN, trace_id);
        return;
    }

    list->items = items;
    ngx_memcpy(list->items[list->n++], trace_id, DMP_UUID_LEN);

    ngx_http_dmp_outcome_arm();
}


void
ngx_http_dmp_outcome_arm(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->conf == NULL || store->state == NGX_HTTP_DMP_STORE_ENDED) {
        return;
    }

    if (ngx_exiting && store->requests == 0) {
        ngx_add_timer(&store->flush, 1);
        return;
    }

    if (!store->flush.timer_set) {
        ngx_add_timer(&store->flush, NGX_HTTP_DMP_FLUSH_MS);
    }
}


/* To be said again, in another entry. */
static void
ngx_http_dmp_batch_keep(const ngx_http_dmp_batch_t *batch)
{
    ngx_uint_t  i;

    for (i = 0; i < batch->n; i++) {
        ngx_http_dmp_outcome_add(&batch->outcomes[i]);
    }

    for (i = 0; i < batch->n_abandoned; i++) {
        ngx_http_dmp_outcome_abandon(batch->abandoned[i]);
    }
}


static void
ngx_http_dmp_batch_done(void *data, ngx_uint_t stands)
{
    ngx_http_dmp_batch_t  *batch;

    batch = data;

    if (!stands) {
        ngx_http_dmp_batch_keep(batch);

    } else if (batch->closing) {
        ngx_http_dmp_zone_ended();

        /* our chains are closed: let go of the link, and of the worker */
        ngx_http_dmp_store_broken("closed", NULL);
    }

    ngx_free(batch);
}


static void
ngx_http_dmp_batch_answered(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_batch_t  *batch;

    batch = privdata;

    if (data != NULL) {
        ngx_http_dmp_store_answered();
    }

    if (ngx_http_dmp_store_acked(data, batch->bucket, batch->seq,
                                 &batch->head, 'S')
        != NGX_OK)
    {
        ngx_http_dmp_batch_done(batch, 0);

    } else {
        ngx_http_dmp_replicas_then(ngx_http_dmp_batch_done, batch);
    }

    ngx_http_dmp_store_settled();
}


/* Sends store->entry for a batch, which it takes over. */
static ngx_int_t
ngx_http_dmp_batch_send(ngx_http_dmp_batch_t *batch)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    batch->bucket = store->entry.bucket;
    batch->seq = store->entry.seq;
    batch->head = store->entry.after;

    if (ngx_http_dmp_store_append(ngx_http_dmp_batch_answered, batch)
        != NGX_OK)
    {
        ngx_http_dmp_batch_keep(batch);
        ngx_free(batch);
        return NGX_ERROR;
    }

    ngx_http_dmp_store_sent();
    return NGX_OK;
}


static ngx_http_dmp_batch_t *
ngx_http_dmp_batch_create(ngx_uint_t n, ngx_uint_t n_abandoned)
{
    ngx_http_dmp_batch_t  *batch;

    batch = ngx_alloc(sizeof(ngx_http_dmp_batch_t) + n * sizeof(dmp_outcome_t)
                      + n_abandoned * DMP_UUID_LEN,
                      ngx_http_dmp_store.log);
    if (batch == NULL) {
        return NULL;
    }

    ngx_memzero(batch, sizeof(ngx_http_dmp_batch_t));
    batch->n = n;
    batch->n_abandoned = n_abandoned;
    batch->abandoned = (char (*)[DMP_UUID_LEN]) (batch->outcomes + n);

    return batch;
}


static ngx_int_t
ngx_http_dmp_write_batch(void)
{
    dmp_buf_t              buf;
    ngx_http_dmp_batch_t  *batch;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    batch = ngx_http_dmp_batch_create(
                           ngx_min(ngx_http_dmp_outcomes.n, DMP_OUTCOMES_MAX),
                           ngx_min(ngx_http_dmp_abandoned.n,
                                   DMP_ABANDONED_MAX));
    if (batch == NULL) {
        return NGX_ERROR;
    }

    /* the oldest stand first */
    if (batch->n != 0) {
        ngx_memcpy(batch->outcomes, ngx_http_dmp_outcomes.items,
                   batch->n * sizeof(dmp_outcome_t));
    }

    if (batch->n_abandoned != 0) {
        ngx_memcpy(batch->abandoned, ngx_http_dmp_abandoned.items,
                   batch->n_abandoned * DMP_UUID_LEN);
    }

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_outcome(store->writer, ngx_http_dmp_time_ms(),
                           batch->outcomes, batch->n,
                           (const char (*)[DMP_UUID_LEN]) batch->abandoned,
                           batch->n_abandoned, &buf, &store->entry)
        != DMP_OK)
    {
        ngx_free(batch);
        return NGX_ERROR;
    }

    ngx_http_dmp_outcomes.n -= batch->n;
    ngx_http_dmp_abandoned.n -= batch->n_abandoned;

    /* memmove() takes no null pointer, not even for nothing */
    if (ngx_http_dmp_outcomes.n != 0) {
        ngx_memmove(ngx_http_dmp_outcomes.items,
                    ngx_http_dmp_outcomes.items + batch->n,
                    ngx_http_dmp_outcomes.n * sizeof(dmp_outcome_t));
    }

    if (ngx_http_dmp_abandoned.n != 0) {
        ngx_memmove(ngx_http_dmp_abandoned.items,
                    ngx_http_dmp_abandoned.items + batch->n_abandoned,
                    ngx_http_dmp_abandoned.n * DMP_UUID_LEN);
    }

    return ngx_http_dmp_batch_send(batch);
}


static ngx_int_t
ngx_http_dmp_write_heads(dmp_kind_t kind)
{
    dmp_rc_t               rc;
    dmp_buf_t              buf;
    ngx_http_dmp_batch_t  *batch;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    batch = ngx_http_dmp_batch_create(0, 0);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    batch->closing = (kind == DMP_KIND_EPOCH_CLOSE);

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    switch (kind) {

    case DMP_KIND_EPOCH_CLOSE:
        rc = dmp_writer_close_epoch(store->writer, ngx_http_dmp_time_ms(),
                                    &buf, &store->entry);
        break;

    case DMP_KIND_HEARTBEAT:
        rc = dmp_writer_heartbeat(store->writer, ngx_http_dmp_time_ms(), &buf,
                                  &store->entry);
        break;

    default:
        rc = dmp_writer_checkpoint(store->writer, ngx_http_dmp_time_ms(),
                                   &buf, &store->entry);
        break;
    }

    if (rc != DMP_OK) {
        ngx_free(batch);
        return NGX_DECLINED;
    }

    return ngx_http_dmp_batch_send(batch);
}


/* Outcomes first, so that the checkpoint that follows is over the rest. */
static void
ngx_http_dmp_write_all(void)
{
    while (ngx_http_dmp_outcomes.n != 0 || ngx_http_dmp_abandoned.n != 0) {
        if (ngx_http_dmp_write_batch() != NGX_OK) {
            return;
        }
    }

    if (dmp_writer_unsigned(ngx_http_dmp_store.writer) != 0) {
        (void) ngx_http_dmp_write_heads(DMP_KIND_CHECKPOINT);
    }
}


/* Nothing was signed for a while: that is signed, too. */
void
ngx_http_dmp_outcome_heartbeat(void)
{
    (void) ngx_http_dmp_write_heads(DMP_KIND_HEARTBEAT);
}


void
ngx_http_dmp_outcome_flush(ngx_event_t *ev)
{
    ngx_http_dmp_store_t  *store;

    store = ev->data;

    if (store->state != NGX_HTTP_DMP_STORE_READY || store->why != NULL) {
        /* set_ready() arms it again */
        return;
    }

    if (ngx_exiting && store->requests == 0 && store->in_flight == 0
        && ngx_http_dmp_outcomes.n == 0 && ngx_http_dmp_abandoned.n == 0)
    {
        if (ngx_http_dmp_write_heads(DMP_KIND_EPOCH_CLOSE) == NGX_OK) {
            ngx_http_dmp_beat_ended();
            store->state = NGX_HTTP_DMP_STORE_CLOSING;
            store->timer.cancelable = 0;
            ngx_add_timer(&store->timer, store->conf->timeout);

        } else {
            /* the epoch cannot be closed (the clock stepped): leave it */
            ngx_http_dmp_store_stop();
        }

        return;
    }

    ngx_http_dmp_write_all();
    ngx_http_dmp_store_numbers();

    if (store->in_flight != 0 || store->requests != 0
        || dmp_writer_unsigned(store->writer) != 0)
    {
        ngx_add_timer(&store->flush, ngx_exiting ? 10 : NGX_HTTP_DMP_FLUSH_MS);
    }
}


ngx_int_t
ngx_http_dmp_log_handler(ngx_http_request_t *r)
{
    dmp_outcome_t        outcome;
    ngx_http_dmp_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_dmp_get_ctx(r);

    if (ctx == NULL || ctx->outcome_sent) {
        return NGX_OK;
    }

    ctx->outcome_sent = 1;
    ngx_http_dmp_count_request(r, ctx);

    if (!ctx->traced) {
        return NGX_OK;
    }

    ngx_memcpy(outcome.trace_id, ctx->trace_id, DMP_UUID_LEN);
    outcome.status = (unsigned) (r->err_status ? r->err_status
                                               : r->headers_out.status);
    outcome.bytes = (r->connection->sent > 0) ? (uint64_t) r->connection->sent
                                              : 0;
    outcome.shown = (unsigned) ctx->shown;
    outcome.withheld = (unsigned) ctx->withheld;
    outcome.reason = ctx->answer_reason;

    ngx_http_dmp_outcome_add(&outcome);

    if (ngx_http_dmp_store.state == NGX_HTTP_DMP_STORE_READY
        && ngx_http_dmp_store.why == NULL)
    {
        if (ngx_http_dmp_outcomes.n >= DMP_OUTCOMES_MAX) {
            (void) ngx_http_dmp_write_batch();
        }

        if (dmp_writer_unsigned(ngx_http_dmp_store.writer)
            >= NGX_HTTP_DMP_UNSIGNED_MAX)
        {
            (void) ngx_http_dmp_write_heads(DMP_KIND_CHECKPOINT);
        }
    }

    ngx_http_dmp_outcome_arm();

    return NGX_OK;
}
