/*
 * Which lines of a record's list its history is told of: those of a page, or
 * of what a reader sees among all of them, counted from the oldest.
 */

#include "ngx_http_dmp_history.h"


/* Lines gone through to count those that somebody sees: more are refused. */
#define NGX_HTTP_DMP_HISTORY_MAX    65536


static size_t
ngx_http_dmp_history_key(ngx_http_dmp_ctx_t *ctx, char key[DMP_KEY_NAME_MAX])
{
    return dmp_key_name(key, ctx->history->reader.bucket, "idx",
                        ctx->history->reader.patient);
}


ngx_int_t
ngx_http_dmp_history_ask_count(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char    key[DMP_KEY_NAME_MAX];
    size_t  len;

    len = ngx_http_dmp_history_key(ctx, key);

    return ngx_http_dmp_store_count(ctx, key, len);
}


/* All that the list has, and up to which line the page may go. */
ngx_int_t
ngx_http_dmp_history_take_count(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_id_t        none = { 0, 0 };
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    h->lines = ctx->waiter->count;

    if (h->lines == 0) {
        return ngx_http_dmp_history_wrong(r, ctx, &none,
                                          "a list without this access");
    }

    if (dmp_history_filtered(&h->reader)
        && h->lines > NGX_HTTP_DMP_HISTORY_MAX)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp history of patient %*s has too many lines to "
                      "count those of one reader: %uL",
                      (size_t) DMP_PSEUDONYM_LEN, ctx->patient, h->lines);
        return NGX_ERROR;
    }

    h->high = h->lines;

    if (ctx->asked.history.cursor != 0
        && ctx->asked.history.cursor - 1 < h->high)
    {
        h->high = ctx->asked.history.cursor - 1;
    }

    if (dmp_history_documents(&h->reader)) {
        h->step = NGX_HTTP_DMP_HISTORY_DOCUMENTS;

    } else {
        h->step = dmp_history_filtered(&h->reader)
                  ? NGX_HTTP_DMP_HISTORY_BLOCK_LIST
                  : NGX_HTTP_DMP_HISTORY_SEARCH;
    }

    return NGX_OK;
}


/* "count" lines of the list, from that one on. */
static ngx_int_t
ngx_http_dmp_history_ask_lines(ngx_http_dmp_ctx_t *ctx, uint64_t from,
    uint64_t count)
{
    char         key[DMP_KEY_NAME_MAX];
    u_char       first[NGX_INT64_LEN], last[NGX_INT64_LEN];
    size_t       lens[4];
    const char  *argv[4];

    argv[0] = "LRANGE";
    lens[0] = 6;
    argv[1] = key;
    lens[1] = ngx_http_dmp_history_key(ctx, key);
    argv[2] = (char *) first;
    lens[2] = (size_t) (ngx_snprintf(first, sizeof(first), "%uL", from)
                        - first);
    argv[3] = (char *) last;
    lens[3] = (size_t) (ngx_snprintf(last, sizeof(last), "%uL",
                                     from + count - 1)
                        - last);

    return ngx_http_dmp_store_values(ctx, (ngx_uint_t) count, 4, argv, lens);
}


/* What came, as ids, which rise: a stream has no others. */
static ngx_int_t
ngx_http_dmp_history_ids(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t               i;
    dmp_str_t                element;
    ngx_http_dmp_id_t       *id, none = { 0, 0 };
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    h->n_ids = 0;

    for (i = 0; i < ctx->waiter->n_values; i++) {
        id = &h->ids[i];
        element = ngx_http_dmp_str(ctx->waiter->values[i]);

        if (i == NGX_HTTP_DMP_HISTORY_BLOCK
            || !dmp_reference_read(element, &id->ms, &id->seq))
        {
            return ngx_http_dmp_history_wrong(r, ctx, &none,
                                              "a line that is none");
        }

        if (i != 0 && (id->ms < id[-1].ms
                       || (id->ms == id[-1].ms && id->seq <= id[-1].seq)))
        {
            return ngx_http_dmp_history_wrong(r, ctx, id,
                                              "lines out of order");
        }

        h->n_ids++;
    }

    return NGX_OK;
}


/* Of lines below "high", the first that is not before the day: none is. */
ngx_int_t
ngx_http_dmp_history_ask_search(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (h->until_ms == 0 || h->low == h->high) {
        h->step = NGX_HTTP_DMP_HISTORY_LIST;
        return NGX_OK;
    }

    return ngx_http_dmp_history_ask_lines(ctx, h->low + (h->high - h->low) / 2,
                                          1);
}


ngx_int_t
ngx_http_dmp_history_take_search(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    uint64_t                 middle;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (ngx_http_dmp_history_ids(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    middle = h->low + (h->high - h->low) / 2;

    if (h->ids[0].ms < h->until_ms) {
        h->low = middle + 1;

    } else {
        h->high = middle;
    }

    return NGX_OK;
}


/* One more than is told, to know whether there are others. */
ngx_int_t
ngx_http_dmp_history_ask_list(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    uint64_t                 count;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    h->seen = h->lines;
    count = ngx_min((uint64_t) ctx->asked.history.limit + 1, h->high);

    if (count == 0) {
        h->step = NGX_HTTP_DMP_HISTORY_READ;
        return NGX_OK;
    }

    h->low = h->high - count;

    return ngx_http_dmp_history_ask_lines(ctx, h->low, count);
}


/* Into the page; the oldest goes when it is full. */
void
ngx_http_dmp_history_keep(ngx_http_dmp_ctx_t *ctx, const ngx_http_dmp_id_t *id,
    uint64_t n)
{
    ngx_uint_t               max;
    ngx_http_dmp_line_t     *line;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    max = ctx->asked.history.limit + 1;

    if ((h->since_ms != 0 && id->ms < h->since_ms)
        || (h->until_ms != 0 && id->ms >= h->until_ms)
        || (ctx->asked.history.cursor != 0
            && n >= ctx->asked.history.cursor))
    {
        return;
    }

    line = &h->page[(h->first + h->n_page) % max];
    line->id = *id;
    line->n = n;

    if (h->n_page == max) {
        h->first = (h->first + 1) % max;

    } else {
        h->n_page++;
    }
}


ngx_int_t
ngx_http_dmp_history_take_list(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (ngx_http_dmp_history_ids(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < h->n_ids; i++) {
        ngx_http_dmp_history_keep(ctx, &h->ids[i], h->low + i + 1);
    }

    h->step = NGX_HTTP_DMP_HISTORY_READ;

    return NGX_OK;
}


/* The next lines of the list, from its beginning. */
ngx_int_t
ngx_http_dmp_history_ask_block(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (h->low == h->lines) {
        h->step = NGX_HTTP_DMP_HISTORY_READ;
        return NGX_OK;
    }

    return ngx_http_dmp_history_ask_lines(ctx, h->low,
                                          ngx_min(h->lines - h->low,
                                              NGX_HTTP_DMP_HISTORY_BLOCK));
}


ngx_int_t
ngx_http_dmp_history_take_block(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_id_t        last = { 0, 0 };
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (h->n_ids != 0) {
        last = h->ids[h->n_ids - 1];
    }

    if (ngx_http_dmp_history_ids(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (h->ids[0].ms < last.ms
        || (h->ids[0].ms == last.ms && h->ids[0].seq <= last.seq))
    {
        return ngx_http_dmp_history_wrong(r, ctx, &h->ids[0],
                                          "lines out of order");
    }

    h->step = NGX_HTTP_DMP_HISTORY_BLOCK_READ;

    return NGX_OK;
}


/* The lines of the answer: where it begins in the page, and how many. */
ngx_uint_t
ngx_http_dmp_history_told(const ngx_http_dmp_ctx_t *ctx, ngx_uint_t *from)
{
    ngx_uint_t                     n;
    const ngx_http_dmp_history_t  *h;

    h = ctx->history;
    n = ngx_min(h->n_page, ctx->asked.history.limit);
    *from = h->n_page - n;

    return n;
}


const ngx_http_dmp_line_t *
ngx_http_dmp_history_line(const ngx_http_dmp_ctx_t *ctx, ngx_uint_t i)
{
    const ngx_http_dmp_history_t  *h;

    h = ctx->history;

    return &h->page[(h->first + i) % (ctx->asked.history.limit + 1)];
}
