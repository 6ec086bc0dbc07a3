/*
 * Counters, and dmp_metrics, which tells them in the text format 0.0.4 of
 * Prometheus.  No label says who: results, reasons, modes and the numbers of
 * workers are all, so that their number is bounded.
 */

#include "ngx_http_dmp_status.h"


/* More than any line of ours has, those of HELP included. */
#define NGX_HTTP_DMP_LINE_MAX  192

typedef struct {
    const char  *name;
    const char  *help;
} ngx_http_dmp_family_t;

/* A value of each worker, or 0: it has none. */
typedef ngx_uint_t (*ngx_http_dmp_gauge_pt)(
    const ngx_http_dmp_zone_worker_t *worker, int64_t *thousandths);


static const struct {
    uint64_t     us;
    const char  *seconds;
} ngx_http_dmp_bounds[NGX_HTTP_DMP_HISTOGRAM_BOUNDS] = {
    { 2, "0.000002" },
    { 5, "0.000005" },
    { 10, "0.00001" },
    { 25, "0.000025" },
    { 50, "0.00005" },
    { 100, "0.0001" },
    { 250, "0.00025" },
    { 500, "0.0005" },
    { 1000, "0.001" },
    { 2500, "0.0025" },
    { 5000, "0.005" },
    { 25000, "0.025" },
    { 100000, "0.1" },
    { 250000, "0.25" },
    { 1000000, "1" },
};

static const char *const  ngx_http_dmp_results[NGX_HTTP_DMP_RESULT_MAX] = {
    [NGX_HTTP_DMP_RESULT_ERROR] = "error",
    [NGX_HTTP_DMP_RESULT_DENY] = "deny",
    [NGX_HTTP_DMP_RESULT_ALLOW] = "allow",
};

static const char *const  ngx_http_dmp_parts[NGX_HTTP_DMP_LATENCY_MAX] = {
    [NGX_HTTP_DMP_LATENCY_DECISION] = "decision",
    [NGX_HTTP_DMP_LATENCY_STORE] = "store",
    [NGX_HTTP_DMP_LATENCY_FILTER] = "filter",
};

static const ngx_http_dmp_family_t
    ngx_http_dmp_events[NGX_HTTP_DMP_EVENT_MAX] =
{
    [NGX_HTTP_DMP_EVENT_LINK_LOST] = { "dmp_store_link_lost_total",
        "Connections to the store that were lost." },
    [NGX_HTTP_DMP_EVENT_EPOCH] = { "dmp_epochs_opened_total",
        "Epochs of the trace that were opened." },
    [NGX_HTTP_DMP_EVENT_STALE] = { "dmp_commits_stale_total",
        "Commits that met a newer version of the record." },
    [NGX_HTTP_DMP_EVENT_ABANDONED] = { "dmp_commits_abandoned_total",
        "Commits that may stand in the trace and let nothing through." },
    [NGX_HTTP_DMP_EVENT_LATE] = { "dmp_commits_late_total",
        "Commits that the store answered after the deadline." },
    [NGX_HTTP_DMP_EVENT_SUCCESSION] = { "dmp_epochs_ended_for_others_total",
        "Epochs of writers that are no more, ended by their successors." },
    [NGX_HTTP_DMP_EVENT_CLOSED] = { "dmp_bucket_closures_total",
        "Buckets that this gateway closed: the store went back or forked." },
    [NGX_HTTP_DMP_EVENT_REPLICAS] = { "dmp_commits_underreplicated_total",
        "Commits that too few replicas had in time." },
};


void
ngx_http_dmp_count(ngx_http_dmp_event_e event)
{
    if (ngx_http_dmp_zone != NULL && event < NGX_HTTP_DMP_EVENT_MAX) {
        (void) ngx_atomic_fetch_add(
                   &ngx_http_dmp_zone->counters.events[event], 1);
    }
}


void
ngx_http_dmp_count_commit(void)
{
    if (ngx_http_dmp_zone != NULL) {
        (void) ngx_atomic_fetch_add(&ngx_http_dmp_zone->counters.commits, 1);
    }
}


static void
ngx_http_dmp_observe(ngx_http_dmp_histogram_t *histogram, uint64_t ns)
{
    ngx_uint_t  i;

    i = 0;

    while (i < NGX_HTTP_DMP_HISTOGRAM_BOUNDS
           && ns > ngx_http_dmp_bounds[i].us * 1000)
    {
        i++;
    }

    (void) ngx_atomic_fetch_add(&histogram->count[i], 1);
    (void) ngx_atomic_fetch_add(&histogram->sum_us,
                                (ngx_atomic_int_t) ((ns + 500) / 1000));
}


static ngx_http_dmp_result_e
ngx_http_dmp_result(const dmp_decision_t *decision)
{
    switch (decision->effect) {

    case DMP_ALLOW:
        return NGX_HTTP_DMP_RESULT_ALLOW;

    case DMP_DENY:
        /* no rule has spoken: it has ended before it was decided */
        return (decision->rule != DMP_RULE_NONE) ? NGX_HTTP_DMP_RESULT_DENY
                                                 : NGX_HTTP_DMP_RESULT_ERROR;

    default:
        return NGX_HTTP_DMP_RESULT_ERROR;
    }
}


void
ngx_http_dmp_count_request(ngx_http_request_t *r,
    const ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t                i;
    dmp_mode_t                mode;
    dmp_reason_t              reason;
    ngx_http_dmp_result_e     result;
    ngx_http_dmp_counters_t  *counters;

    if (ngx_http_dmp_zone == NULL) {
        return;
    }

    counters = &ngx_http_dmp_zone->counters;

    result = ngx_http_dmp_result(&ctx->decision);
    reason = ctx->answer_reason ? ctx->answer_reason : ctx->decision.reason;
    mode = ctx->asked.mode;

    if (reason >= DMP_REASON_MAX || mode >= DMP_MODE_MAX) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "dmp cannot count reason %ui in mode %ui",
                      (ngx_uint_t) reason, (ngx_uint_t) mode);
        return;
    }

    (void) ngx_atomic_fetch_add(&counters->shown,
                                (ngx_atomic_int_t) ctx->shown);
    (void) ngx_atomic_fetch_add(&counters->withheld,
                                (ngx_atomic_int_t) ctx->withheld);

    for (i = 0; i < NGX_HTTP_DMP_LATENCY_MAX; i++) {

        /* a request that had no such part would only hide those that had */
        if (ctx->latency_ns[i] != 0) {
            ngx_http_dmp_observe(&counters->latencies[i], ctx->latency_ns[i]);
        }
    }

    /* the last one: whoever sees it sees the others */
    (void) ngx_atomic_fetch_add(&counters->decisions[result][reason][mode], 1);
}


static void
ngx_http_dmp_print(dmp_buf_t *text, const char *format, ...)
{
    u_char   *last, *end;
    va_list   args;

    if (text->full) {
        return;
    }

    end = (u_char *) text->data + text->size;

    va_start(args, format);
    last = ngx_vslprintf((u_char *) text->data + text->len, end, format, args);
    va_end(args);

    if (last == end) {
        text->full = true;
        return;
    }

    text->len = (size_t) (last - (u_char *) text->data);
}


static void
ngx_http_dmp_print_family(dmp_buf_t *text, const char *name, const char *type,
    const char *help)
{
    ngx_http_dmp_print(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                       type);
}


static void
ngx_http_dmp_print_single(dmp_buf_t *text, const char *name, const char *type,
    const char *help, uint64_t value)
{
    ngx_http_dmp_print_family(text, name, type, help);
    ngx_http_dmp_print(text, "%s %uL\n", name, value);
}


/* One line for each result stays, so that its absence is not a zero. */
static void
ngx_http_dmp_print_decisions(dmp_buf_t *text,
    const ngx_http_dmp_counters_t *counters)
{
    ngx_uint_t         result, reason, mode;
    ngx_atomic_uint_t  n;

    ngx_http_dmp_print_family(text, "dmp_decisions_total", "counter",
                              "Requests of protected locations, by what was "
                              "decided, why and in which mode.");

    for (result = 0; result < NGX_HTTP_DMP_RESULT_MAX; result++) {
        for (reason = 0; reason < DMP_REASON_MAX; reason++) {
            for (mode = 0; mode < DMP_MODE_MAX; mode++) {

                n = counters->decisions[result][reason][mode];

                if (n == 0 && (reason != DMP_REASON_NONE
                               || mode != DMP_MODE_NORMAL))
                {
                    continue;
                }

                ngx_http_dmp_print(text, "dmp_decisions_total{result=\"%s\","
                                   "reason=\"%s\",mode=\"%s\"} %uA\n",
                                   ngx_http_dmp_results[result],
                                   dmp_reason_name((dmp_reason_t) reason),
                                   dmp_mode_name((dmp_mode_t) mode), n);
            }
        }
    }
}


static void
ngx_http_dmp_print_latencies(dmp_buf_t *text,
    const ngx_http_dmp_counters_t *counters)
{
    uint64_t                         total;
    ngx_uint_t                       part, i;
    const ngx_http_dmp_histogram_t  *h;

    static const char  name[] = "dmp_added_latency_seconds";

    ngx_http_dmp_print_family(text, name, "histogram",
                              "What the gateway added to the requests that "
                              "had that part, apart from the record host.");

    for (part = 0; part < NGX_HTTP_DMP_LATENCY_MAX; part++) {

        h = &counters->latencies[part];
        total = 0;

        for (i = 0; i < NGX_HTTP_DMP_HISTOGRAM_BOUNDS; i++) {
            total += h->count[i];
            ngx_http_dmp_print(text, "%s_bucket{part=\"%s\",le=\"%s\"} %uL\n",
                               name, ngx_http_dmp_parts[part],
                               ngx_http_dmp_bounds[i].seconds, total);
        }

        total += h->count[i];

        ngx_http_dmp_print(text, "%s_bucket{part=\"%s\",le=\"+Inf\"} %uL\n",
                           name, ngx_http_dmp_parts[part], total);
        ngx_http_dmp_print(text, "%s_sum{part=\"%s\"} %uL.%06uL\n", name,
                           ngx_http_dmp_parts[part],
                           (uint64_t) h->sum_us / 1000000,
                           (uint64_t) h->sum_us % 1000000);
        ngx_http_dmp_print(text, "%s_count{part=\"%s\"} %uL\n", name,
                           ngx_http_dmp_parts[part], total);
    }
}


static void
ngx_http_dmp_print_counters(dmp_buf_t *text,
    const ngx_http_dmp_counters_t *counters)
{
    ngx_uint_t  i;

    ngx_http_dmp_print_decisions(text, counters);
    ngx_http_dmp_print_latencies(text, counters);

    ngx_http_dmp_print_single(text, "dmp_commits_total", "counter",
                              "Commits that the store has acknowledged.",
                              counters->commits);

    ngx_http_dmp_print_family(text, "dmp_answer_entries_total", "counter",
                              "Entries of the record host's answers, by "
                              "whether they left.");
    ngx_http_dmp_print(text, "dmp_answer_entries_total{kind=\"shown\"} %uA\n",
                       counters->shown);
    ngx_http_dmp_print(text,
                       "dmp_answer_entries_total{kind=\"withheld\"} %uA\n",
                       counters->withheld);

    for (i = 0; i < NGX_HTTP_DMP_EVENT_MAX; i++) {
        ngx_http_dmp_print_single(text, ngx_http_dmp_events[i].name, "counter",
                                  ngx_http_dmp_events[i].help,
                                  counters->events[i]);
    }
}


/*
 * Those that serve, one for each number: during a reload the one before may
 * not know yet that it is to go.
 */
static ngx_uint_t
ngx_http_dmp_serving(ngx_array_t *workers)
{
    ngx_uint_t                   i, k, n;
    ngx_http_dmp_zone_worker_t  *all;

    all = workers->elts;
    n = 0;

    for (i = 0; i < workers->nelts; i++) {

        if (all[i].exiting) {
            continue;
        }

        for (k = 0; k < n && all[k].number != all[i].number; k++) {
            /* void */
        }

        /* of one number they stand in the order in which they came */
        all[k] = all[i];
        n = ngx_max(n, k + 1);
    }

    workers->nelts = n;

    return n;
}


static ngx_uint_t
ngx_http_dmp_gauge_ready(const ngx_http_dmp_zone_worker_t *worker,
    int64_t *thousandths)
{
    *thousandths = worker->ready ? 1000 : 0;
    return 1;
}


static ngx_uint_t
ngx_http_dmp_gauge_signed(const ngx_http_dmp_zone_worker_t *worker,
    int64_t *thousandths)
{
    *thousandths = ngx_max(0, ngx_http_dmp_time_ms() - worker->signed_ms);

    return worker->signed_ms != 0;
}


static ngx_uint_t
ngx_http_dmp_gauge_in_flight(const ngx_http_dmp_zone_worker_t *worker,
    int64_t *thousandths)
{
    *thousandths = (int64_t) worker->in_flight * 1000;
    return 1;
}


static const struct {
    ngx_http_dmp_family_t  family;
    ngx_http_dmp_gauge_pt  value;
} ngx_http_dmp_gauges[] = {
    { { "dmp_worker_ready", "Whether this worker can serve: 1 if it can." },
      ngx_http_dmp_gauge_ready },
    { { "dmp_trace_signed_age_seconds",
        "Time since this worker's last signed entry of the trace." },
      ngx_http_dmp_gauge_signed },
    { { "dmp_commits_in_flight",
        "What this worker has sent to the store and has no answer to." },
      ngx_http_dmp_gauge_in_flight },
};

#define NGX_HTTP_DMP_GAUGES                                                   \
    (sizeof(ngx_http_dmp_gauges) / sizeof(ngx_http_dmp_gauges[0]))


static void
ngx_http_dmp_print_workers(dmp_buf_t *text, ngx_array_t *workers)
{
    int64_t                            value;
    ngx_uint_t                         i, k;
    const ngx_http_dmp_family_t       *family;
    const ngx_http_dmp_zone_worker_t  *all;

    all = workers->elts;

    for (i = 0; i < NGX_HTTP_DMP_GAUGES; i++) {

        family = &ngx_http_dmp_gauges[i].family;
        ngx_http_dmp_print_family(text, family->name, "gauge", family->help);

        for (k = 0; k < workers->nelts; k++) {

            if (!ngx_http_dmp_gauges[i].value(&all[k], &value)) {
                continue;
            }

            ngx_http_dmp_print(text, "%s{worker=\"%ui\"} %L", family->name,
                               all[k].number, value / 1000);

            if (value % 1000 != 0) {
                ngx_http_dmp_print(text, ".%03L", value % 1000);
            }

            ngx_http_dmp_print(text, "\n");
        }
    }
}


static void
ngx_http_dmp_print_gauges(dmp_buf_t *text, ngx_array_t *workers)
{
    ngx_uint_t                         i, ready, closed;
    const ngx_http_dmp_zone_worker_t  *all;

    all = workers->elts;
    ready = (workers->nelts != 0);
    closed = 0;

    for (i = 0; i < workers->nelts; i++) {
        ready = ready && all[i].ready;
        closed = ngx_max(closed, all[i].closed);
    }

    ngx_http_dmp_print_single(text, "dmp_workers", "gauge",
                              "Workers that serve.", workers->nelts);
    ngx_http_dmp_print_single(text, "dmp_store_ready", "gauge",
                              "Whether all workers can serve: 1 if they can.",
                              ready);
    ngx_http_dmp_print_single(text, "dmp_buckets_closed", "gauge",
                              "Buckets of the store that are closed to every "
                              "request.", closed);

    ngx_http_dmp_print_workers(text, workers);
}


/* How many lines there will be at most, those of HELP and TYPE included. */
static size_t
ngx_http_dmp_metrics_lines(const ngx_http_dmp_counters_t *counters,
    const ngx_array_t *workers)
{
    size_t                    lines;
    const ngx_atomic_t       *n, *end;

    lines = 2 + NGX_HTTP_DMP_RESULT_MAX
            + 2 + NGX_HTTP_DMP_LATENCY_MAX * (NGX_HTTP_DMP_HISTOGRAM_BOUNDS + 3)
            + 3 + 4 + 3 * NGX_HTTP_DMP_EVENT_MAX
            + 3 * 3 + NGX_HTTP_DMP_GAUGES * (2 + workers->nelts);

    n = &counters->decisions[0][0][0];
    end = n + sizeof(counters->decisions) / sizeof(ngx_atomic_t);

    for ( /* void */ ; n < end; n++) {
        lines += (*n != 0);
    }

    return lines;
}


ngx_int_t
ngx_http_dmp_metrics_handler(ngx_http_request_t *r)
{
    size_t                    size;
    dmp_buf_t                 text;
    ngx_int_t                 rc;
    ngx_array_t              *workers;
    ngx_http_dmp_counters_t  *counters;

    rc = ngx_http_dmp_status_asked(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dmp_zone == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp has nothing to count: no location is protected");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    workers = ngx_http_dmp_status_workers(r);
    counters = ngx_palloc(r->pool, sizeof(ngx_http_dmp_counters_t));

    if (workers == NULL || counters == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* they move on while they are written: what is sized is what is told */
    *counters = ngx_http_dmp_zone->counters;
    (void) ngx_http_dmp_serving(workers);

    size = ngx_http_dmp_metrics_lines(counters, workers)
           * NGX_HTTP_DMP_LINE_MAX;

    if (ngx_http_dmp_text(r, &text, size) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dmp_print_counters(&text, counters);
    ngx_http_dmp_print_gauges(&text, workers);

    /* nothing but the type itself is looked at where types are listed */
    ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
    ngx_str_set(&r->headers_out.charset, "utf-8");

    return ngx_http_dmp_status_send(r, NGX_HTTP_OK, &text);
}


char *
ngx_http_dmp_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_dmp_status_set(cf, conf, ngx_http_dmp_metrics_handler);
}
