/*
 * dmp_health: whether the gateway lives and can serve, as JSON, for load
 * balancers and for people; and what this location shares with dmp_metrics.
 * It holds no identifiers and no secrets.
 */

#include "ngx_http_dmp_status.h"


/* Escaped, a byte is six at most. */
#define NGX_HTTP_DMP_WORKER_JSON  (6 * NGX_HTTP_DMP_WHY_MAX + 192)
#define NGX_HTTP_DMP_HEALTH_JSON  (2 * 6 * NGX_HTTP_DMP_WHY_MAX + 1024)

/* Degraded: some patients cannot be reached, or somebody should look. */
typedef enum {
    NGX_HTTP_DMP_NOT_READY = 0,
    NGX_HTTP_DMP_DEGRADED,
    NGX_HTTP_DMP_READY
} ngx_http_dmp_readiness_e;

typedef struct {
    ngx_http_dmp_readiness_e  is;
    u_char                    why[NGX_HTTP_DMP_WHY_MAX];
} ngx_http_dmp_part_t;

typedef struct {
    ngx_http_dmp_part_t       configuration;
    ngx_http_dmp_part_t       store;
    ngx_http_dmp_part_t       trace;
    ngx_http_dmp_part_t       buckets;
    ngx_uint_t                closed;
    ngx_http_dmp_readiness_e  all;
} ngx_http_dmp_state_t;


static const char *const  ngx_http_dmp_readiness[] = {
    [NGX_HTTP_DMP_NOT_READY] = "not-ready",
    [NGX_HTTP_DMP_DEGRADED] = "degraded",
    [NGX_HTTP_DMP_READY] = "ready",
};


char *
ngx_http_dmp_status_set(ngx_conf_t *cf, ngx_http_dmp_loc_conf_t *dlcf,
    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler != NULL) {
        return "cannot be beside another directive that answers: give each a "
               "location of its own";
    }

    if (dlcf->mode != NGX_CONF_UNSET_UINT && dlcf->mode != NGX_HTTP_DMP_OFF) {
        return "cannot be in a protected location: give it a location of its "
               "own";
    }

    clcf->handler = handler;

    return NGX_CONF_OK;
}


const char *
ngx_http_dmp_status_name(const ngx_http_core_loc_conf_t *clcf)
{
    return (clcf->handler == ngx_http_dmp_metrics_handler) ? "dmp_metrics"
           : (clcf->handler == ngx_http_dmp_health_handler) ? "dmp_health"
           : NULL;
}


static ngx_int_t
ngx_http_dmp_status_header(ngx_http_request_t *r, const char *name,
    const char *lowcase, const char *text)
{
    ngx_str_t  value;

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);

    return ngx_http_dmp_add_header(r, name, lowcase, &value);
}


ngx_int_t
ngx_http_dmp_status_asked(ngx_http_request_t *r)
{
    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_discard_request_body(r);
    }

    if (ngx_http_dmp_status_header(r, "Allow", "allow", "GET, HEAD")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}


static void
ngx_http_dmp_status_worker(const ngx_http_dmp_zone_worker_t *worker,
    void *data)
{
    ngx_array_t                 **workers;
    ngx_http_dmp_zone_worker_t   *copy;

    workers = data;

    if (*workers == NULL) {
        return;
    }

    copy = ngx_array_push(*workers);

    if (copy == NULL) {
        *workers = NULL;
        return;
    }

    *copy = *worker;

    if (copy->pid == ngx_pid) {
        copy->exiting = ngx_exiting;
    }
}


static ngx_int_t
ngx_http_dmp_status_order(const void *one, const void *two)
{
    const ngx_http_dmp_zone_worker_t  *first = one;
    const ngx_http_dmp_zone_worker_t  *second = two;

    return (ngx_int_t) (first->number > second->number)
           - (ngx_int_t) (first->number < second->number);
}


ngx_array_t *
ngx_http_dmp_status_workers(ngx_http_request_t *r)
{
    ngx_array_t  *workers;

    workers = ngx_array_create(r->pool, 8, sizeof(ngx_http_dmp_zone_worker_t));

    if (workers == NULL) {
        return NULL;
    }

    ngx_http_dmp_zone_workers(ngx_http_dmp_status_worker, &workers);

    if (workers != NULL) {
        /* which leaves those of one number in their order */
        ngx_sort(workers->elts, workers->nelts,
                 sizeof(ngx_http_dmp_zone_worker_t),
                 ngx_http_dmp_status_order);
    }

    return workers;
}


ngx_int_t
ngx_http_dmp_status_send(ngx_http_request_t *r, ngx_uint_t status,
    const dmp_buf_t *text)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (text->full) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "dmp status does not fit in %uz bytes", text->size);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL
        || ngx_http_dmp_status_header(r, "Cache-Control", "cache-control",
                                      "no-store")
           != NGX_OK
        || (status == NGX_HTTP_SERVICE_UNAVAILABLE
            && ngx_http_dmp_status_header(r, "Retry-After", "retry-after", "1")
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->start = (u_char *) text->data;
    b->pos = b->start;
    b->last = b->start + text->len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = (off_t) text->len;
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    /* without a date a condition would be answered by 412 */
    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static void
ngx_http_dmp_part(ngx_http_dmp_part_t *part, ngx_http_dmp_readiness_e is,
    const char *format, ...)
{
    u_char   *last;
    va_list   args;

    /* the first reason of the worst state */
    if (is >= part->is && part->why[0] != '\0') {
        return;
    }

    part->is = is;

    va_start(args, format);
    last = ngx_vslprintf(part->why, part->why + sizeof(part->why) - 1, format,
                         args);
    va_end(args);

    *last = '\0';
}


static void
ngx_http_dmp_health_worker(ngx_http_dmp_state_t *state,
    const ngx_http_dmp_zone_worker_t *worker)
{
    int64_t  silent_ms;

    if (!worker->ready) {
        ngx_http_dmp_part(&state->store, NGX_HTTP_DMP_NOT_READY,
                          "worker %ui: %s", worker->number, worker->why);
        ngx_http_dmp_part(&state->trace, NGX_HTTP_DMP_NOT_READY,
                          "worker %ui: the store is not ready",
                          worker->number);
        return;
    }

    silent_ms = ngx_http_dmp_time_ms()
                - ngx_max(worker->opened_ms, worker->signed_ms);

    if (worker->opened_ms != 0 && silent_ms > DMP_SILENCE_MS) {
        ngx_http_dmp_part(&state->trace, NGX_HTTP_DMP_DEGRADED,
                          "worker %ui has signed nothing for %L s",
                          worker->number, silent_ms / 1000);
    }

    if (worker->closed > state->closed) {
        state->closed = worker->closed;
        ngx_http_dmp_part(&state->buckets, NGX_HTTP_DMP_DEGRADED,
                          "the store went back or forked: see \"dmpctl audit "
                          "recover\"");
    }
}


static void
ngx_http_dmp_health_state(ngx_http_dmp_state_t *state,
    const ngx_array_t *workers)
{
    ngx_uint_t                         i, n;
    const ngx_http_dmp_zone_worker_t  *all;

    ngx_memzero(state, sizeof(ngx_http_dmp_state_t));

    if (ngx_http_dmp_zone == NULL) {
        ngx_http_dmp_part(&state->configuration, NGX_HTTP_DMP_NOT_READY,
                          "no location is protected");
        return;
    }

    state->configuration.is = NGX_HTTP_DMP_READY;

    all = workers->elts;
    n = 0;

    for (i = 0; i < workers->nelts; i++) {

        if (all[i].exiting) {
            continue;
        }

        if (n++ == 0) {
            state->store.is = NGX_HTTP_DMP_READY;
            state->trace.is = NGX_HTTP_DMP_READY;
            state->buckets.is = NGX_HTTP_DMP_READY;
        }

        ngx_http_dmp_health_worker(state, &all[i]);
    }

    if (n == 0) {
        ngx_http_dmp_part(&state->store, NGX_HTTP_DMP_NOT_READY,
                          "no worker is known that serves");
    }

    state->all = ngx_min(ngx_min(state->store.is, state->trace.is),
                         state->buckets.is);
}


static void
ngx_http_dmp_json_text(dmp_buf_t *text, const u_char *value)
{
    dmp_buf_json(text, (dmp_str_t) { (const char *) value,
                                     ngx_strlen(value) });
}


static void
ngx_http_dmp_json_part(dmp_buf_t *text, const char *name,
    const ngx_http_dmp_part_t *part)
{
    dmp_buf_text(text, "\"");
    dmp_buf_text(text, name);
    dmp_buf_text(text, "\":{\"status\":\"");
    dmp_buf_text(text, ngx_http_dmp_readiness[part->is]);
    dmp_buf_text(text, "\"");

    if (part->why[0] != '\0') {
        dmp_buf_text(text, ",\"why\":");
        ngx_http_dmp_json_text(text, part->why);
    }
}


static void
ngx_http_dmp_json_worker(dmp_buf_t *text,
    const ngx_http_dmp_zone_worker_t *worker)
{
    dmp_buf_text(text, "{\"worker\":");
    dmp_buf_uint(text, worker->number);
    dmp_buf_text(text, ",\"pid\":");
    dmp_buf_uint(text, (uint64_t) worker->pid);
    dmp_buf_text(text, ",\"ready\":");
    dmp_buf_text(text, worker->ready ? "true" : "false");

    if (worker->exiting) {
        dmp_buf_text(text, ",\"exiting\":true");
    }

    dmp_buf_text(text, ",\"since\":\"");
    dmp_buf_time(text, worker->since_ms);
    dmp_buf_text(text, "\"");

    if (!worker->ready) {
        dmp_buf_text(text, ",\"why\":");
        ngx_http_dmp_json_text(text, worker->why);
    }

    dmp_buf_text(text, "}");
}


static void
ngx_http_dmp_json_health(dmp_buf_t *text, const ngx_http_dmp_state_t *state,
    const ngx_array_t *workers)
{
    ngx_uint_t                         i;
    const ngx_http_dmp_zone_worker_t  *all;

    dmp_buf_text(text, "{\"status\":\"");
    dmp_buf_text(text, ngx_http_dmp_readiness[state->all]);
    dmp_buf_text(text, "\",\"parts\":{");

    ngx_http_dmp_json_part(text, "configuration", &state->configuration);
    dmp_buf_text(text, "},");
    ngx_http_dmp_json_part(text, "store", &state->store);
    dmp_buf_text(text, "},");
    ngx_http_dmp_json_part(text, "trace", &state->trace);
    dmp_buf_text(text, "},");
    ngx_http_dmp_json_part(text, "buckets", &state->buckets);
    dmp_buf_text(text, ",\"closed\":");
    dmp_buf_uint(text, state->closed);
    dmp_buf_text(text, "}},\"workers\":[");

    all = workers->elts;

    for (i = 0; i < workers->nelts; i++) {
        dmp_buf_text(text, (i != 0) ? "," : "");
        ngx_http_dmp_json_worker(text, &all[i]);
    }

    dmp_buf_text(text, "]}\n");
}


/* A worker that answers lives, whatever it can do. */
static ngx_uint_t
ngx_http_dmp_asks_live(const ngx_http_request_t *r)
{
    static const ngx_str_t  live = ngx_string("/live");

    return r->uri.len >= live.len
           && ngx_memcmp(r->uri.data + r->uri.len - live.len, live.data,
                         live.len)
              == 0;
}


ngx_int_t
ngx_http_dmp_health_handler(ngx_http_request_t *r)
{
    dmp_buf_t              text;
    ngx_int_t              rc;
    ngx_array_t           *workers;
    ngx_http_dmp_state_t   state;

    rc = ngx_http_dmp_status_asked(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");

    workers = ngx_http_dmp_status_workers(r);

    if (workers == NULL
        || ngx_http_dmp_text(r, &text,
                             NGX_HTTP_DMP_HEALTH_JSON
                             + workers->nelts * NGX_HTTP_DMP_WORKER_JSON)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_dmp_asks_live(r)) {
        dmp_buf_text(&text, "{\"status\":\"live\"}\n");
        return ngx_http_dmp_status_send(r, NGX_HTTP_OK, &text);
    }

    ngx_http_dmp_health_state(&state, workers);
    ngx_http_dmp_json_health(&text, &state, workers);

    return ngx_http_dmp_status_send(r,
                                    (state.all == NGX_HTTP_DMP_NOT_READY)
                                    ? NGX_HTTP_SERVICE_UNAVAILABLE
                                    : NGX_HTTP_OK, &text);
}


char *
ngx_http_dmp_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_dmp_status_set(cf, conf, ngx_http_dmp_health_handler);
}
