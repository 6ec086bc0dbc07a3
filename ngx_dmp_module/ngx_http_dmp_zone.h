/*
 * The shared zone (dmp_zone): counters, what each worker says of itself, and
 * the heads of each writer's chains as they were last acknowledged, so that a
 * worker's successor can end its epoch and see a store that went back.
 *
 * A head is written by its own worker alone and read by others: torn ones are
 * told by its sequence, which is odd while it is written.  Lists are changed
 * under the zone's mutex, which nginx frees when a worker dies with it: after
 * each single store they can be walked forward, and are never walked back.
 */

#ifndef NGX_HTTP_DMP_ZONE_H
#define NGX_HTTP_DMP_ZONE_H

#include "ngx_http_dmp_metrics.h"


#define NGX_HTTP_DMP_WHY_MAX  192

typedef struct {
    ngx_atomic_t      sequence;
    uint64_t          recoveries;        /* of its bucket, when it was made */
    ngx_msec_t        at;                /* ngx_current_msec, then */
    dmp_chain_head_t  head;
} ngx_http_dmp_zone_head_t;

/* What is left of writers that have ended: in each bucket the last head. */
typedef struct {
    size_t            name_len;          /* 0: none */
    char              name[DMP_WRITER_MAX];
    uint64_t          recoveries;
    ngx_msec_t        at;
    dmp_chain_head_t  head;
} ngx_http_dmp_zone_kept_t;

/* A writer: one life of a worker, or less. */
typedef struct {
    ngx_queue_t       queue;
    ngx_pid_t         pid;               /* 0: nobody's any more */
    ngx_pid_t         successor;         /* who is ending its epoch */
    ngx_uint_t        tried;             /* ... and how many could not */
    ngx_atomic_t      epoch;             /* 0: none is open */
    size_t            name_len;
    char              name[DMP_WRITER_MAX];
    ngx_uint_t        buckets;
    ngx_http_dmp_zone_head_t  heads[1];
} ngx_http_dmp_zone_writer_t;

/* A worker, from its start to its end, whether it has a writer or not. */
typedef struct {
    ngx_queue_t       queue;
    ngx_pid_t         pid;
    ngx_uint_t        number;            /* ngx_worker */
    ngx_uint_t        ready;             /* its store can be asked */
    ngx_uint_t        exiting;
    int64_t           since_ms;          /* of that state, unix ms */
    int64_t           opened_ms;         /* its epoch; 0: none */
    int64_t           signed_ms;         /* its last signed entry */
    ngx_uint_t        in_flight;
    ngx_uint_t        closed;            /* buckets */
    u_char            why[NGX_HTTP_DMP_WHY_MAX];     /* not ready: a text that
                                                        ends with a zero byte */
} ngx_http_dmp_zone_worker_t;

/* Sign-ins that an address has tried, in thousandths, and when. */
#define NGX_HTTP_DMP_ZONE_ATTEMPTS  1024

typedef struct {
    ngx_msec_t        at;
    ngx_uint_t        excess;
} ngx_http_dmp_zone_attempts_t;

typedef struct {
    ngx_queue_t                writers;
    ngx_queue_t                workers;
    ngx_uint_t                 buckets;      /* of the store; 0: none seen */
    ngx_uint_t                 kept_full;    /* said that there is no room */
    ngx_http_dmp_zone_kept_t  *kept;         /* so many, or NULL */
    ngx_http_dmp_zone_attempts_t  attempts[NGX_HTTP_DMP_ZONE_ATTEMPTS];
    ngx_http_dmp_counters_t    counters;
} ngx_http_dmp_zone_t;


/* NULL where there is none: no protected location, or not in a worker. */
extern ngx_http_dmp_zone_t  *ngx_http_dmp_zone;

/* The zone's mutex. */
void ngx_http_dmp_zone_lock(void);
void ngx_http_dmp_zone_unlock(void);

/* The directive, and the default zone of a configuration without it. */
char *ngx_http_dmp_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_dmp_zone_default(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf);

/* Life of a worker in the zone. */
void ngx_http_dmp_zone_enter(const ngx_http_dmp_main_conf_t *conf);
void ngx_http_dmp_zone_leave(void);

/* What this worker is now; why is NULL when it is ready. */
void ngx_http_dmp_zone_say(ngx_uint_t ready, const char *why,
    const char *detail);

/* The same for numbers; times in unix ms, 0 without an epoch. */
void ngx_http_dmp_zone_numbers(ngx_uint_t in_flight, ngx_uint_t closed,
    int64_t opened_ms, int64_t signed_ms);

/*
 * Calls back for each worker that is alive, and for each writer, under the
 * mutex.
 */
typedef void (*ngx_http_dmp_zone_worker_pt)(
    const ngx_http_dmp_zone_worker_t *worker, void *data);
typedef void (*ngx_http_dmp_zone_writer_pt)(ngx_http_dmp_zone_writer_t *writer,
    void *data);

void ngx_http_dmp_zone_workers(ngx_http_dmp_zone_worker_pt each, void *data);
void ngx_http_dmp_zone_writers(ngx_http_dmp_zone_writer_pt each, void *data);

/*
 * Calls back, under the mutex, for each head that is kept of a writer that has
 * ended: in each bucket the one that was acknowledged last.
 */
typedef void (*ngx_http_dmp_zone_kept_pt)(const char *name, size_t name_len,
    const dmp_chain_head_t *head, uint64_t recoveries, void *data);

void ngx_http_dmp_zone_kept(ngx_http_dmp_zone_kept_pt each, void *data);

/*
 * The writer of this worker: made anew (the one before is nobody's then), told
 * an acknowledged head, its epoch, and its end.  Its heads are kept then.
 * Heads that are kept of a store with another number of buckets are dropped.
 */
void ngx_http_dmp_zone_writer(dmp_str_t name, ngx_uint_t buckets);

/*
 * Once more, where the zone was full: 1 if there is room now, and heads and
 * epoch are to be told again; 0 if there is none, or nothing was missing.
 */
ngx_uint_t ngx_http_dmp_zone_writer_retry(dmp_str_t name, ngx_uint_t buckets);
void ngx_http_dmp_zone_head(const dmp_chain_head_t *head,
    uint64_t recoveries);
void ngx_http_dmp_zone_epoch(uint64_t epoch);
void ngx_http_dmp_zone_ended(void);

/*
 * A writer that is nobody's any more and has an epoch to be ended: it is
 * claimed for this worker; NULL: there is none.  Those of a store with another
 * number of buckets are freed.  done keeps its heads and frees it, or with
 * ended 0 leaves it to the next, behind those that were tried less often.
 */
ngx_http_dmp_zone_writer_t *ngx_http_dmp_zone_orphan(ngx_uint_t buckets);
void ngx_http_dmp_zone_orphan_done(ngx_http_dmp_zone_writer_t *writer,
    ngx_uint_t ended);

/* A head as it stands; 0 if it was being written when its worker died. */
ngx_uint_t ngx_http_dmp_zone_read(const ngx_http_dmp_zone_head_t *from,
    dmp_chain_head_t *head, uint64_t *recoveries);

#endif
