/*
 * The shared zone: who is alive, what it says of itself, and where each
 * writer's chains stood when the store last acknowledged them.
 */

#include "ngx_http_dmp_zone.h"

#include <signal.h>


#define NGX_HTTP_DMP_ZONE_SIZE  (1024 * 1024)


static ngx_int_t ngx_http_dmp_zone_init(ngx_shm_zone_t *zone, void *data);


ngx_http_dmp_zone_t  *ngx_http_dmp_zone;

static ngx_slab_pool_t             *ngx_http_dmp_zone_pool;
static ngx_http_dmp_zone_worker_t  *ngx_http_dmp_zone_me;
static ngx_http_dmp_zone_writer_t  *ngx_http_dmp_zone_mine;


static ngx_int_t
ngx_http_dmp_zone_add(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    size_t size)
{
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    ngx_str_set(&name, "ngx_http_dmp");

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_dmp_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_dmp_zone_init;
    dmcf->zone = zone;

    return NGX_OK;
}


char *
ngx_http_dmp_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                    size;
    ngx_str_t                 *value;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->zone != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (32 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone size \"%V\" is less than %uzk", &value[1],
                           32 * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    return (ngx_http_dmp_zone_add(cf, dmcf, (size_t) size) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_dmp_zone_default(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf)
{
    if (dmcf->zone != NULL) {
        return NGX_OK;
    }

    return ngx_http_dmp_zone_add(cf, dmcf, NGX_HTTP_DMP_ZONE_SIZE);
}


/* Over a reload the zone stays, unless its size was changed. */
static ngx_int_t
ngx_http_dmp_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t      *pool;
    ngx_http_dmp_zone_t  *root;

    if (data != NULL) {
        zone->data = data;
        return NGX_OK;
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = pool->data;
        return NGX_OK;
    }

    root = ngx_slab_calloc(pool, sizeof(ngx_http_dmp_zone_t));
    if (root == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "dmp zone \"%V\" is too small", &zone->shm.name);
        return NGX_ERROR;
    }

    ngx_queue_init(&root->writers);
    ngx_queue_init(&root->workers);

    pool->data = root;
    zone->data = root;

    /* told where it happens: with what is lost by it */
    pool->log_nomem = 0;

    return NGX_OK;
}


void
ngx_http_dmp_zone_lock(void)
{
    ngx_shmtx_lock(&ngx_http_dmp_zone_pool->mutex);
}


void
ngx_http_dmp_zone_unlock(void)
{
    ngx_shmtx_unlock(&ngx_http_dmp_zone_pool->mutex);
}


/*
 * A worker may be killed between any two stores: the list can be walked
 * forward then, and that is all that is relied upon.
 */
static void
ngx_http_dmp_zone_link(ngx_queue_t *list, ngx_queue_t *x)
{
    ngx_queue_t  *last;

    last = list;

    while (ngx_queue_next(last) != list) {
        last = ngx_queue_next(last);
    }

    x->prev = last;
    x->next = list;
    ngx_memory_barrier();

    last->next = x;
    ngx_memory_barrier();

    list->prev = x;
}


static void
ngx_http_dmp_zone_unlink(ngx_queue_t *list, ngx_queue_t *x)
{
    ngx_queue_t  *before;

    before = list;

    while (ngx_queue_next(before) != x) {
        before = ngx_queue_next(before);

        if (before == list) {
            return;
        }
    }

    before->next = x->next;
    ngx_memory_barrier();

    x->next->prev = before;
}


/* EPERM: somebody else's process, which may be ours under another user. */
static ngx_uint_t
ngx_http_dmp_is_alive(ngx_pid_t pid)
{
    return pid != 0 && (kill(pid, 0) == 0 || ngx_errno != ESRCH);
}


/* What a dead process claimed, or had, that had the process id of this one. */
static void
ngx_http_dmp_zone_disclaim(void)
{
    ngx_queue_t                 *q;
    ngx_http_dmp_zone_writer_t  *writer;

    for (q = ngx_queue_head(&ngx_http_dmp_zone->writers);
         q != ngx_queue_sentinel(&ngx_http_dmp_zone->writers);
         q = ngx_queue_next(q))
    {
        writer = ngx_queue_data(q, ngx_http_dmp_zone_writer_t, queue);

        if (writer->pid == ngx_pid) {
            writer->pid = 0;
        }

        if (writer->successor == ngx_pid) {
            writer->successor = 0;
        }
    }
}


void
ngx_http_dmp_zone_enter(const ngx_http_dmp_main_conf_t *conf)
{
    ngx_queue_t                 *q, *next;
    ngx_http_dmp_zone_worker_t  *worker;

    ngx_http_dmp_zone = conf->zone->data;
    ngx_http_dmp_zone_pool = (ngx_slab_pool_t *) conf->zone->shm.addr;
    ngx_http_dmp_zone_me = NULL;
    ngx_http_dmp_zone_mine = NULL;

    ngx_http_dmp_zone_lock();
    ngx_http_dmp_zone_disclaim();

    for (q = ngx_queue_head(&ngx_http_dmp_zone->workers);
         q != ngx_queue_sentinel(&ngx_http_dmp_zone->workers);
         q = next)
    {
        next = ngx_queue_next(q);
        worker = ngx_queue_data(q, ngx_http_dmp_zone_worker_t, queue);

        if (worker->pid == ngx_pid || !ngx_http_dmp_is_alive(worker->pid)) {
            ngx_http_dmp_zone_unlink(&ngx_http_dmp_zone->workers, q);
            ngx_slab_free_locked(ngx_http_dmp_zone_pool, worker);

        } else if (worker->number == ngx_worker) {
            /* of the configuration before: it may not come to say so */
            worker->exiting = 1;
        }
    }

    worker = ngx_slab_calloc_locked(ngx_http_dmp_zone_pool,
                                    sizeof(ngx_http_dmp_zone_worker_t));

    if (worker != NULL) {
        worker->pid = ngx_pid;
        worker->number = ngx_worker;
        ngx_http_dmp_zone_link(&ngx_http_dmp_zone->workers, &worker->queue);
    }

    ngx_http_dmp_zone_unlock();

    ngx_http_dmp_zone_me = worker;

    if (worker == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "dmp_zone is full: health does not know this worker");
    }

    ngx_http_dmp_zone_say(0, "connecting", NULL);
}


void
ngx_http_dmp_zone_leave(void)
{
    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    if (ngx_http_dmp_zone_me != NULL) {
        ngx_http_dmp_zone_unlink(&ngx_http_dmp_zone->workers,
                                 &ngx_http_dmp_zone_me->queue);
        ngx_slab_free_locked(ngx_http_dmp_zone_pool, ngx_http_dmp_zone_me);
        ngx_http_dmp_zone_me = NULL;
    }

    /* an epoch that could not be ended is for the next */
    if (ngx_http_dmp_zone_mine != NULL) {
        ngx_http_dmp_zone_mine->pid = 0;
        ngx_http_dmp_zone_mine = NULL;
    }

    ngx_http_dmp_zone_unlock();

    ngx_http_dmp_zone = NULL;
}


void
ngx_http_dmp_zone_say(ngx_uint_t ready, const char *why, const char *detail)
{
    ngx_http_dmp_zone_worker_t  *me;

    me = ngx_http_dmp_zone_me;

    if (me == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    if (me->ready != ready || me->since_ms == 0) {
        me->since_ms = ngx_http_dmp_time_ms();
    }

    me->ready = ready;
    me->exiting |= ngx_exiting;
    ngx_memzero(me->why, sizeof(me->why));

    if (why != NULL) {
        (void) ngx_snprintf(me->why, sizeof(me->why) - 1, "%s%s%s", why,
                            (detail != NULL && detail[0] != '\0') ? ": " : "",
                            (detail != NULL) ? detail : "");
    }

    ngx_http_dmp_zone_unlock();
}


void
ngx_http_dmp_zone_numbers(ngx_uint_t in_flight, ngx_uint_t closed,
    int64_t opened_ms, int64_t signed_ms)
{
    ngx_http_dmp_zone_worker_t  *me;

    me = ngx_http_dmp_zone_me;

    if (me != NULL) {
        me->in_flight = in_flight;
        me->closed = closed;
        me->opened_ms = opened_ms;
        me->signed_ms = signed_ms;
        me->exiting |= ngx_exiting;
    }
}


void
ngx_http_dmp_zone_workers(ngx_http_dmp_zone_worker_pt each, void *data)
{
    ngx_queue_t                 *q;
    ngx_http_dmp_zone_worker_t  *worker;

    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    for (q = ngx_queue_head(&ngx_http_dmp_zone->workers);
         q != ngx_queue_sentinel(&ngx_http_dmp_zone->workers);
         q = ngx_queue_next(q))
    {
        worker = ngx_queue_data(q, ngx_http_dmp_zone_worker_t, queue);

        if (ngx_http_dmp_is_alive(worker->pid)) {
            each(worker, data);
        }
    }

    ngx_http_dmp_zone_unlock();
}


void
ngx_http_dmp_zone_writers(ngx_http_dmp_zone_writer_pt each, void *data)
{
    ngx_queue_t  *q;

    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    for (q = ngx_queue_head(&ngx_http_dmp_zone->writers);
         q != ngx_queue_sentinel(&ngx_http_dmp_zone->writers);
         q = ngx_queue_next(q))
    {
        each(ngx_queue_data(q, ngx_http_dmp_zone_writer_t, queue), data);
    }

    ngx_http_dmp_zone_unlock();
}


static void
ngx_http_dmp_zone_free(ngx_http_dmp_zone_writer_t *writer)
{
    ngx_http_dmp_zone_unlink(&ngx_http_dmp_zone->writers, &writer->queue);
    ngx_slab_free_locked(ngx_http_dmp_zone_pool, writer);
}


void
ngx_http_dmp_zone_kept(ngx_http_dmp_zone_kept_pt each, void *data)
{
    ngx_uint_t                 i;
    ngx_http_dmp_zone_kept_t  *kept;

    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    kept = ngx_http_dmp_zone->kept;

    for (i = 0; kept != NULL && i < ngx_http_dmp_zone->buckets; i++) {

        if (kept[i].name_len != 0) {
            each(kept[i].name, kept[i].name_len, &kept[i].head,
                 kept[i].recoveries, data);
        }
    }

    ngx_http_dmp_zone_unlock();
}


/* Room for what is kept; NULL: there is none, and that was said. */
static ngx_http_dmp_zone_kept_t *
ngx_http_dmp_zone_kept_room(void)
{
    ngx_http_dmp_zone_t  *root;

    root = ngx_http_dmp_zone;

    if (root->kept == NULL) {
        root->kept = ngx_slab_calloc_locked(ngx_http_dmp_zone_pool,
                         root->buckets * sizeof(ngx_http_dmp_zone_kept_t));
    }

    if (root->kept == NULL && !root->kept_full) {
        root->kept_full = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "dmp_zone is full: the heads of workers that ended are "
                      "in the store alone");
    }

    return root->kept;
}


/* Not over one that is later, nor over one of a later recovery. */
static void
ngx_http_dmp_zone_keep_head(ngx_http_dmp_zone_kept_t *kept,
    const ngx_http_dmp_zone_writer_t *writer, ngx_uint_t i)
{
    uint64_t          recoveries;
    ngx_msec_t        at;
    dmp_chain_head_t  head;

    if (writer->heads[i].sequence == 0
        || !ngx_http_dmp_zone_read(&writer->heads[i], &head, &recoveries))
    {
        return;
    }

    at = writer->heads[i].at;

    if (kept->name_len != 0
        && (recoveries < kept->recoveries
            || (recoveries == kept->recoveries
                && (ngx_msec_int_t) (at - kept->at) < 0)))
    {
        return;
    }

    /* killed in the middle: there is none then */
    kept->name_len = 0;
    ngx_memory_barrier();

    ngx_memcpy(kept->name, writer->name, writer->name_len);
    kept->recoveries = recoveries;
    kept->at = at;
    kept->head = head;

    ngx_memory_barrier();
    kept->name_len = writer->name_len;
}


/* Its epoch has ended: its heads tell a store that goes back, still. */
static void
ngx_http_dmp_zone_keep(const ngx_http_dmp_zone_writer_t *writer)
{
    ngx_uint_t                 i;
    ngx_http_dmp_zone_kept_t  *kept;

    if (writer->buckets != ngx_http_dmp_zone->buckets) {
        return;
    }

    kept = ngx_http_dmp_zone_kept_room();

    for (i = 0; kept != NULL && i < writer->buckets; i++) {
        ngx_http_dmp_zone_keep_head(&kept[i], writer, i);
    }
}


/* Heads of a store with other buckets are of another store. */
static void
ngx_http_dmp_zone_buckets(ngx_uint_t buckets)
{
    ngx_http_dmp_zone_t       *root;
    ngx_http_dmp_zone_kept_t  *kept;

    root = ngx_http_dmp_zone;

    if (root->buckets == buckets) {
        return;
    }

    kept = root->kept;
    root->kept = NULL;
    ngx_memory_barrier();

    root->buckets = buckets;
    root->kept_full = 0;

    if (kept != NULL) {
        ngx_slab_free_locked(ngx_http_dmp_zone_pool, kept);
    }
}


static ngx_http_dmp_zone_writer_t *
ngx_http_dmp_zone_writer_add(dmp_str_t name, ngx_uint_t buckets)
{
    size_t                       size;
    ngx_http_dmp_zone_writer_t  *writer;

    size = sizeof(ngx_http_dmp_zone_writer_t)
           + (buckets - 1) * sizeof(ngx_http_dmp_zone_head_t);

    writer = ngx_slab_calloc_locked(ngx_http_dmp_zone_pool, size);

    if (writer != NULL) {
        writer->pid = ngx_pid;
        writer->buckets = buckets;
        writer->name_len = name.len;
        ngx_memcpy(writer->name, name.data, name.len);
        ngx_http_dmp_zone_link(&ngx_http_dmp_zone->writers, &writer->queue);
    }

    return writer;
}


void
ngx_http_dmp_zone_writer(dmp_str_t name, ngx_uint_t buckets)
{
    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    if (ngx_http_dmp_zone_mine != NULL) {
        ngx_http_dmp_zone_mine->pid = 0;
    }

    ngx_http_dmp_zone_buckets(buckets);
    ngx_http_dmp_zone_mine = ngx_http_dmp_zone_writer_add(name, buckets);

    ngx_http_dmp_zone_unlock();

    if (ngx_http_dmp_zone_mine == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "dmp_zone is full: the heads of this worker's chains "
                      "are in the store alone");
    }
}


ngx_uint_t
ngx_http_dmp_zone_writer_retry(dmp_str_t name, ngx_uint_t buckets)
{
    if (ngx_http_dmp_zone == NULL || ngx_http_dmp_zone_mine != NULL) {
        return 0;
    }

    ngx_http_dmp_zone_lock();
    ngx_http_dmp_zone_mine = ngx_http_dmp_zone_writer_add(name, buckets);
    ngx_http_dmp_zone_unlock();

    if (ngx_http_dmp_zone_mine == NULL) {
        return 0;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "dmp_zone has room for this worker's chains again");

    return 1;
}


void
ngx_http_dmp_zone_head(const dmp_chain_head_t *head, uint64_t recoveries)
{
    ngx_http_dmp_zone_head_t  *to;

    if (ngx_http_dmp_zone_mine == NULL
        || head->bucket >= ngx_http_dmp_zone_mine->buckets)
    {
        return;
    }

    to = &ngx_http_dmp_zone_mine->heads[head->bucket];

    to->sequence++;
    ngx_memory_barrier();

    to->head = *head;
    to->recoveries = recoveries;
    to->at = ngx_current_msec;

    ngx_memory_barrier();
    to->sequence++;
}


ngx_uint_t
ngx_http_dmp_zone_read(const ngx_http_dmp_zone_head_t *from,
    dmp_chain_head_t *head, uint64_t *recoveries)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  before;

    for (i = 0; i < 1000; i++) {
        before = from->sequence;
        ngx_memory_barrier();

        *head = from->head;
        *recoveries = from->recoveries;

        ngx_memory_barrier();

        if ((before & 1) == 0 && from->sequence == before) {
            return 1;
        }

        ngx_cpu_pause();
    }

    return 0;
}


void
ngx_http_dmp_zone_epoch(uint64_t epoch)
{
    if (ngx_http_dmp_zone_mine != NULL) {
        ngx_http_dmp_zone_mine->epoch = (ngx_atomic_t) epoch;
    }
}


void
ngx_http_dmp_zone_ended(void)
{
    if (ngx_http_dmp_zone == NULL || ngx_http_dmp_zone_mine == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();
    ngx_http_dmp_zone_keep(ngx_http_dmp_zone_mine);
    ngx_http_dmp_zone_free(ngx_http_dmp_zone_mine);
    ngx_http_dmp_zone_mine = NULL;
    ngx_http_dmp_zone_unlock();
}


/* A worker may have died between a head and its epoch, when that was new. */
static ngx_uint_t
ngx_http_dmp_zone_has_epoch(const ngx_http_dmp_zone_writer_t *writer)
{
    ngx_uint_t  i;

    if (writer->epoch != 0) {
        return 1;
    }

    for (i = 0; i < writer->buckets; i++) {
        if (writer->heads[i].sequence > 1) {
            return 1;
        }
    }

    return 0;
}


/* A process id may be ours by now, and the writer is not. */
static ngx_uint_t
ngx_http_dmp_zone_is_left(const ngx_http_dmp_zone_writer_t *writer)
{
    return writer != ngx_http_dmp_zone_mine
           && (writer->pid == ngx_pid || !ngx_http_dmp_is_alive(writer->pid));
}


ngx_http_dmp_zone_writer_t *
ngx_http_dmp_zone_orphan(ngx_uint_t buckets)
{
    ngx_queue_t                 *q, *next;
    ngx_http_dmp_zone_writer_t  *writer, *found;

    if (ngx_http_dmp_zone == NULL) {
        return NULL;
    }

    found = NULL;
    ngx_http_dmp_zone_lock();

    for (q = ngx_queue_head(&ngx_http_dmp_zone->writers);
         q != ngx_queue_sentinel(&ngx_http_dmp_zone->writers);
         q = next)
    {
        next = ngx_queue_next(q);
        writer = ngx_queue_data(q, ngx_http_dmp_zone_writer_t, queue);

        if (!ngx_http_dmp_zone_is_left(writer)
            || ngx_http_dmp_is_alive(writer->successor))
        {
            continue;
        }

        if (writer->buckets != buckets
            || !ngx_http_dmp_zone_has_epoch(writer))
        {
            ngx_http_dmp_zone_free(writer);

        } else if (found == NULL || writer->tried < found->tried) {
            found = writer;
        }
    }

    if (found != NULL) {
        found->successor = ngx_pid;
    }

    ngx_http_dmp_zone_unlock();

    return found;
}


void
ngx_http_dmp_zone_orphan_done(ngx_http_dmp_zone_writer_t *writer,
    ngx_uint_t ended)
{
    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    ngx_http_dmp_zone_lock();

    if (ended) {
        ngx_http_dmp_zone_keep(writer);
        ngx_http_dmp_zone_free(writer);

    } else {
        writer->tried++;
        writer->successor = 0;
    }

    ngx_http_dmp_zone_unlock();
}
