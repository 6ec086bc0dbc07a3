/*
 * A record's history, over the API: told once this very access stands in it.
 * The holder's list in the store says which entries there are, the trace what
 * they are; the core says who sees what of them.
 *
 * What does not hang together is never left out: then there is no answer, and
 * an alarm in the log.
 */

#include "ngx_http_dmp_history.h"


/* ask: NGX_AGAIN, or it cannot be asked; take: what came, NGX_OK. */
typedef ngx_int_t (*ngx_http_dmp_history_pt)(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);


void
ngx_http_dmp_history_cleanup(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->history != NULL && ctx->history->answer != NULL) {
        dmp_history_free(ctx->history->answer);
        ctx->history->answer = NULL;
    }
}


static uint64_t
ngx_http_dmp_history_day(int32_t day)
{
    return (day > 0) ? (uint64_t) dmp_day_begins_paris(day) * 1000 : 0;
}


ngx_int_t
ngx_http_dmp_history_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_history_t  *h;

    h = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_history_t));
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->version = ctx->facts.version;
    h->since_ms = ngx_http_dmp_history_day(ctx->asked.history.since);
    h->until_ms = ngx_http_dmp_history_day(ctx->asked.history.until);

    h->reader.policy = ctx->policy;
    h->reader.subject = &ctx->subject;
    h->reader.patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    h->reader.bucket = dmp_bucket(ctx->patient, ngx_http_dmp_store.buckets);
    h->reader.whole = !(ctx->decision.obligations & DMP_OBLIGATION_OWN_ONLY);
    h->reader.today = dmp_day_paris((int64_t) ngx_time());

    ctx->history = h;
    ctx->state = NGX_HTTP_DMP_HISTORY;

    return NGX_OK;
}


/* The trace is not what the list says, or the reverse. */
ngx_int_t
ngx_http_dmp_history_wrong(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_id_t *id, const char *why)
{
    ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                  "dmp history of patient %*s does not hang together: %s, "
                  "bucket %ui, entry %uL-%uL",
                  (size_t) DMP_PSEUDONYM_LEN, ctx->patient, why,
                  (ngx_uint_t) ctx->history->reader.bucket, id->ms, id->seq);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_history_ask_documents(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    return ngx_http_dmp_index_all(ctx, ctx->patient);
}


/* Hashes and facts, in turn; what does not open might be hidden. */
static ngx_int_t
ngx_http_dmp_history_take_documents(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    char                    *hash;
    ngx_str_t               *value;
    ngx_uint_t               i, n;
    ngx_http_dmp_history_t  *h;
    dmp_history_document_t  *documents;

    h = ctx->history;
    n = ctx->waiter->n_values;
    value = ctx->waiter->values;

    documents = ngx_palloc(r->pool, (n / 2 + 1)
                                    * sizeof(dmp_history_document_t));

    if (documents == NULL || n % 2 != 0) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i += 2) {

        if (value[i].len != DMP_INDEX_HASH_LEN) {
            return NGX_ERROR;
        }

        hash = ngx_pnalloc(r->pool, DMP_INDEX_HASH_LEN);
        if (hash == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(hash, value[i].data, DMP_INDEX_HASH_LEN);

        documents[i / 2].hash = (dmp_str_t) { hash, DMP_INDEX_HASH_LEN };
        documents[i / 2].document = ngx_http_dmp_index_open(r, r->pool,
                                        ctx->patient, hash, value[i + 1]);

        if (documents[i / 2].document == NULL) {
            return NGX_ERROR;
        }
    }

    h->reader.documents = documents;
    h->reader.n_documents = n / 2;
    h->step = dmp_history_filtered(&h->reader)
              ? NGX_HTTP_DMP_HISTORY_BLOCK_LIST : NGX_HTTP_DMP_HISTORY_SEARCH;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_history_ask_read(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    return ngx_http_dmp_store_entries(ctx, h->reader.bucket, h->ids, h->n_ids);
}


/* Before the last time that an operator reopened the bucket after a loss. */
static ngx_uint_t
ngx_http_dmp_history_is_lost(ngx_http_dmp_ctx_t *ctx, const ngx_str_t *value,
    const ngx_http_dmp_id_t *id)
{
    return value->data == NULL
           && id->ms
              < ngx_http_dmp_store.recoveries[ctx->history->reader.bucket];
}


/* What came for that id, to be read; false: it is not there, or is none. */
static ngx_uint_t
ngx_http_dmp_history_stored(ngx_http_dmp_ctx_t *ctx, const ngx_str_t *value,
    const ngx_http_dmp_id_t *id, dmp_stored_t *stored)
{
    if (value->len == 0) {
        return 0;
    }

    stored->bucket = ctx->history->reader.bucket;
    stored->id_ms = id->ms;
    stored->id_seq = id->seq;
    stored->outcome = (dmp_str_t) { (char *) value->data, 1 };
    stored->body = (dmp_str_t) { (char *) value->data + 1, value->len - 1 };

    return 1;
}


static const char *
ngx_http_dmp_history_absent(const ngx_str_t *value)
{
    return (value->data == NULL) ? "an entry is missing from the trace"
                                 : "an entry that is none";
}


static ngx_int_t
ngx_http_dmp_history_take_seen(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    bool                     seen;
    ngx_str_t               *value;
    ngx_uint_t               i;
    const char              *wrong;
    dmp_stored_t             stored;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    for (i = 0; i < h->n_ids; i++) {
        value = &ctx->waiter->values[i];

        if (ngx_http_dmp_history_is_lost(ctx, value, &h->ids[i])) {
            /* nobody can tell any more whether they would have seen it */
            continue;
        }

        wrong = ngx_http_dmp_history_stored(ctx, value, &h->ids[i], &stored)
                ? dmp_history_see(&h->reader, &stored, &seen)
                : ngx_http_dmp_history_absent(value);

        if (wrong != NULL) {
            return ngx_http_dmp_history_wrong(r, ctx, &h->ids[i], wrong);
        }

        if (seen) {
            ngx_http_dmp_history_keep(ctx, &h->ids[i], ++h->seen);
        }
    }

    h->low += h->n_ids;
    h->step = NGX_HTTP_DMP_HISTORY_BLOCK_LIST;

    return NGX_OK;
}


/* The answer's text, in memory of the request. */
static ngx_int_t
ngx_http_dmp_history_end(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t                   len;
    ngx_uint_t               from;
    const char              *text;
    dmp_history_end_t        end;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    ngx_memzero(&end, sizeof(dmp_history_end_t));

    end.ins = ctx->asked.ins;
    end.query = &ctx->asked.history;
    end.total = h->seen;

    (void) ngx_http_dmp_history_told(ctx, &from);   /* where it begins */

    if (from != 0) {
        end.next = ngx_http_dmp_history_line(ctx, from)->n;
    }

    text = dmp_history_end(h->answer, &end, &len);

    if (text == NULL || ngx_http_dmp_text(r, &h->text, len + 1) != NGX_OK) {
        return NGX_ERROR;
    }

    dmp_buf_add(&h->text, text, len);
    dmp_buf_text(&h->text, "\n");

    if (dmp_history_unopened(h->answer) != 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp history of patient %*s: what is sealed in %ui of "
                      "its entries does not open",
                      (size_t) DMP_PSEUDONYM_LEN, ctx->patient,
                      (ngx_uint_t) dmp_history_unopened(h->answer));
    }

    ngx_http_dmp_history_cleanup(ctx);
    h->step = NGX_HTTP_DMP_HISTORY_SHOW;

    return NGX_OK;
}


/* The page's entries; a page may be empty. */
static ngx_int_t
ngx_http_dmp_history_ask_page(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t               i, from;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;
    h->n_ids = ngx_http_dmp_history_told(ctx, &from);

    if (h->answer == NULL) {
        h->answer = dmp_history_create(&h->reader, ctx->asked.history.fhir);
    }

    if (h->answer == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < h->n_ids; i++) {
        h->ids[i] = ngx_http_dmp_history_line(ctx, from + i)->id;
    }

    if (h->n_ids == 0) {
        return ngx_http_dmp_history_end(r, ctx);
    }

    return ngx_http_dmp_store_entries(ctx, h->reader.bucket, h->ids, h->n_ids);
}


static const char *
ngx_http_dmp_history_add(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_str_t *value, const ngx_http_dmp_line_t *line)
{
    dmp_stored_t                     stored;
    ngx_http_dmp_history_t          *h;
    const ngx_http_dmp_main_conf_t  *dmcf;

    h = ctx->history;
    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    if (ngx_http_dmp_history_is_lost(ctx, value, &line->id)) {
        return dmp_history_add_lost(h->answer, h->reader.bucket, line->id.ms,
                                    line->id.seq, line->n);
    }

    if (!ngx_http_dmp_history_stored(ctx, value, &line->id, &stored)) {
        return ngx_http_dmp_history_absent(value);
    }

    return dmp_history_add(h->answer, &stored, line->n, dmcf->record_keys);
}


/* Newest first. */
static ngx_int_t
ngx_http_dmp_history_take_page(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t                  i, from;
    const char                 *wrong;
    const ngx_http_dmp_line_t  *line;

    for (i = ngx_http_dmp_history_told(ctx, &from); i > 0; i--) {

        line = ngx_http_dmp_history_line(ctx, from + i - 1);
        wrong = ngx_http_dmp_history_add(r, ctx, &ctx->waiter->values[i - 1],
                                         line);

        if (wrong != NULL) {
            return ngx_http_dmp_history_wrong(r, ctx, &line->id, wrong);
        }
    }

    return ngx_http_dmp_history_end(r, ctx);
}


static const struct {
    ngx_http_dmp_history_pt  ask;
    ngx_http_dmp_history_pt  take;
} ngx_http_dmp_history_steps[] = {
    [NGX_HTTP_DMP_HISTORY_COUNT] = { ngx_http_dmp_history_ask_count,
                                     ngx_http_dmp_history_take_count },
    [NGX_HTTP_DMP_HISTORY_DOCUMENTS] = { ngx_http_dmp_history_ask_documents,
                                         ngx_http_dmp_history_take_documents },
    [NGX_HTTP_DMP_HISTORY_SEARCH] = { ngx_http_dmp_history_ask_search,
                                      ngx_http_dmp_history_take_search },
    [NGX_HTTP_DMP_HISTORY_LIST] = { ngx_http_dmp_history_ask_list,
                                    ngx_http_dmp_history_take_list },
    [NGX_HTTP_DMP_HISTORY_BLOCK_LIST] = { ngx_http_dmp_history_ask_block,
                                          ngx_http_dmp_history_take_block },
    [NGX_HTTP_DMP_HISTORY_BLOCK_READ] = { ngx_http_dmp_history_ask_read,
                                          ngx_http_dmp_history_take_seen },
    [NGX_HTTP_DMP_HISTORY_READ] = { ngx_http_dmp_history_ask_page,
                                    ngx_http_dmp_history_take_page },
};


/*
 * Reading it may have taken longer than the deadline: it is for somebody who
 * may still read it, and as much of it.
 */
static ngx_int_t
ngx_http_dmp_history_show(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t       rc;
    dmp_decision_t  now;

    rc = ngx_http_dmp_recheck(r, ctx);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (rc == NGX_DECLINED) {
        ctx->answer_reason = ctx->decision.reason;

    } else if (ctx->facts.version != ctx->history->version) {
        dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, NULL,
                   dmp_day_paris((int64_t) ngx_time()), &now);

        if (now.effect != DMP_ALLOW
            || now.obligations != ctx->decision.obligations)
        {
            return ngx_http_dmp_no_trace(ctx);
        }
    }

    ctx->state = NGX_HTTP_DMP_ENFORCE;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_state_history(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_dmp_waiter_t   *w;
    ngx_http_dmp_history_t  *h;

    h = ctx->history;

    if (h->step == NGX_HTTP_DMP_HISTORY_SHOW) {
        return ngx_http_dmp_history_show(r, ctx);
    }

    w = ctx->waiter;

    if (w != NULL && w->sent) {

        if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        rc = (w->result == NGX_HTTP_DMP_WAIT_DONE)
             ? ngx_http_dmp_history_steps[h->step].take(r, ctx) : NGX_ERROR;

        ctx->waiter = NULL;
        ngx_http_dmp_waiter_release(w);

    } else {
        rc = ngx_http_dmp_wait_store(ctx);

        if (rc == NGX_DECLINED) {
            rc = ngx_http_dmp_history_steps[h->step].ask(r, ctx);

        } else {
            return rc;
        }
    }

    return (rc == NGX_ERROR) ? ngx_http_dmp_no_trace(ctx) : rc;
}


ngx_int_t
ngx_http_dmp_send_history(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    return ngx_http_dmp_send_text(r, ctx, &ctx->history->text);
}
