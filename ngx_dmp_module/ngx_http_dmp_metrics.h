/*
 * What is counted and measured, in the shared zone, and the locations that
 * tell it: dmp_metrics (Prometheus text) and dmp_health (JSON).
 *
 * Counters of all workers, over reloads; they start at zero when nginx does,
 * or when the size of the zone is changed.
 */

#ifndef NGX_HTTP_DMP_METRICS_H
#define NGX_HTTP_DMP_METRICS_H

#include "ngx_http_dmp_module.h"


/* Upper bounds, in microseconds: ngx_http_dmp_metrics.c; the last has none. */
#define NGX_HTTP_DMP_HISTOGRAM_BOUNDS  15

typedef struct {
    ngx_atomic_t  count[NGX_HTTP_DMP_HISTOGRAM_BOUNDS + 1];
    ngx_atomic_t  sum_us;
} ngx_http_dmp_histogram_t;

/* What the gateway adds to a request, apart from the record host's time. */
typedef enum {
    NGX_HTTP_DMP_LATENCY_DECISION = 0,   /* the core, all tries */
    NGX_HTTP_DMP_LATENCY_STORE,          /* waiting for the store */
    NGX_HTTP_DMP_LATENCY_FILTER,         /* judging the answer */
    NGX_HTTP_DMP_LATENCY_MAX
} ngx_http_dmp_latency_e;

typedef enum {
    NGX_HTTP_DMP_RESULT_ERROR = 0,
    NGX_HTTP_DMP_RESULT_DENY,
    NGX_HTTP_DMP_RESULT_ALLOW,
    NGX_HTTP_DMP_RESULT_MAX
} ngx_http_dmp_result_e;

/* Events of the store's link and of the trace. */
typedef enum {
    NGX_HTTP_DMP_EVENT_LINK_LOST = 0,
    NGX_HTTP_DMP_EVENT_EPOCH,            /* opened */
    NGX_HTTP_DMP_EVENT_STALE,            /* commits that met a newer version */
    NGX_HTTP_DMP_EVENT_ABANDONED,        /* traced, and not used */
    NGX_HTTP_DMP_EVENT_LATE,             /* commits, after the deadline */
    NGX_HTTP_DMP_EVENT_SUCCESSION,       /* epochs ended for others */
    NGX_HTTP_DMP_EVENT_CLOSED,           /* buckets this gateway has closed */
    NGX_HTTP_DMP_EVENT_REPLICAS,         /* commits that too few replicas had */
    NGX_HTTP_DMP_EVENT_MAX
} ngx_http_dmp_event_e;

typedef struct {
    ngx_atomic_t              decisions[NGX_HTTP_DMP_RESULT_MAX]
                                       [DMP_REASON_MAX][DMP_MODE_MAX];
    ngx_atomic_t              events[NGX_HTTP_DMP_EVENT_MAX];
    ngx_atomic_t              commits;   /* acknowledged */
    ngx_atomic_t              shown;     /* entries of answers */
    ngx_atomic_t              withheld;
    ngx_http_dmp_histogram_t  latencies[NGX_HTTP_DMP_LATENCY_MAX];
} ngx_http_dmp_counters_t;


/* Both do nothing without a zone. */
void ngx_http_dmp_count(ngx_http_dmp_event_e event);
void ngx_http_dmp_count_commit(void);

/*
 * A request that has ended, in the log phase: its decision, and what was
 * added to it (ctx->latency_ns).
 */
void ngx_http_dmp_count_request(ngx_http_request_t *r,
    const ngx_http_dmp_ctx_t *ctx);

/* That part of this request was at work since then (ngx_http_dmp_now_ns). */
static ngx_inline void
ngx_http_dmp_took(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_latency_e part,
    uint64_t since)
{
    ctx->latency_ns[part] += ngx_http_dmp_now_ns() - since;
}


/* Directives dmp_metrics and dmp_health. */
char *ngx_http_dmp_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif
