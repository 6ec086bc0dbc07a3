/*
 * The filter: holds what the record host answers until it is judged, cuts a
 * search answer down, lets a document out whole or not at all.
 *
 * The header is withheld until the verdict on the body.  Whatever cannot be
 * judged is replaced by an answer of ours; nothing of it leaves.
 */

#include "ngx_http_dmp_module.h"


#define NGX_HTTP_DMP_ENTRIES_MAX  10000

/* r->buffered has four bits; SSI, sub_filter and copy use the others. */
#define NGX_HTTP_DMP_BUFFERED     0x08


static ngx_int_t ngx_http_dmp_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_dmp_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_dmp_whole(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_dmp_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_dmp_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_dmp_body_filter;

    return NGX_OK;
}


/*
 * Sends our own answer instead of the one that was coming; what still comes
 * of it is thrown away.
 */
static ngx_int_t
ngx_http_dmp_replace(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, dmp_reason_t reason)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    ctx->answer = NGX_HTTP_DMP_REPLACED;
    ctx->answer_reason = reason;
    ctx->shown = 0;
    r->buffered &= ~NGX_HTTP_DMP_BUFFERED;

    if (r->upstream != NULL) {
        /* whatever the host wanted, this connection stays ours */
        r->upstream->upgrade = 0;
    }

    b = ngx_http_dmp_refusal_body(r, ctx, status, reason);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL
        || ngx_http_dmp_set_headers(r, ctx, status,
                                    (size_t) (b->last - b->pos))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out->buf = b;
    out->next = NULL;

    return ngx_http_next_body_filter(r, out);
}


static ngx_int_t
ngx_http_dmp_unchecked(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char *why)
{
    ngx_uint_t  status;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "dmp cannot check the record host's answer: %s", why);

    status = (r->headers_out.status == NGX_HTTP_GATEWAY_TIME_OUT)
             ? NGX_HTTP_GATEWAY_TIME_OUT : NGX_HTTP_BAD_GATEWAY;

    return ngx_http_dmp_replace(r, ctx, status, DMP_REASON_ANSWER_UNCHECKED);
}


static ngx_int_t
ngx_http_dmp_is_json(ngx_http_request_t *r)
{
    size_t      len;
    ngx_str_t  *type;

    type = &r->headers_out.content_type;

    for (len = 0; len < type->len; len++) {
        if (type->data[len] == ';' || type->data[len] == ' ') {
            break;
        }
    }

    return (len == sizeof("application/fhir+json") - 1
            && ngx_strncasecmp(type->data, (u_char *) "application/fhir+json",
                               len) == 0)
           || (len == sizeof("application/json") - 1
               && ngx_strncasecmp(type->data, (u_char *) "application/json",
                                  len) == 0);
}


/* Why an answer with these headers cannot be judged, or NULL. */
static const char *
ngx_http_dmp_unfit(ngx_http_request_t *r)
{
    if (r->headers_out.status != NGX_HTTP_OK) {
        return "its status is not 200";
    }

    if (r->headers_out.content_encoding != NULL
        && r->headers_out.content_encoding->value.len != 0)
    {
        return "it is encoded";
    }

    if (r->headers_out.content_range != NULL) {
        return "it is a part";
    }

    if (!ngx_http_dmp_is_json(r)) {
        return "it is not JSON";
    }

    return NULL;
}


/* A protected location that answers without a decision: say nothing of it. */
static ngx_int_t
ngx_http_dmp_backstop(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_dmp_ctx_t             *ctx;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "dmp stops an answer of a protected location on which "
                  "nothing was decided");

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_dmp_ctx_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    /* bare: it only makes the body filter throw away what comes */
    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_dmp_ctx_t));
    ctx->http_version = r->http_version;
    ctx->problem = !dlcf->fhir;
    ngx_memset(ctx->trace_id, '0', DMP_UUID_LEN);
    ngx_http_set_ctx(r, ctx, ngx_http_dmp_module);

    return ngx_http_dmp_replace(r, ctx, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                DMP_REASON_ANSWER_UNCHECKED);
}


/*
 * The upstream is over.  If it failed, no last buffer will ever come, and
 * nginx, who takes the header for sent, would only close the connection: this
 * is the last moment to say what happened.
 */
static void
ngx_http_dmp_upstream_over(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_dmp_ctx_t  *ctx;

    ctx = ngx_http_dmp_get_ctx(r);

    if (ctx == NULL) {
        return;
    }

    ctx->finalize_upstream(r, rc);

    if (rc == NGX_OK || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || ctx->answer != NGX_HTTP_DMP_HELD || r->connection->error)
    {
        return;
    }

    /* what it returns is for a filter's caller; the request ends anyway */
    (void) ngx_http_dmp_unchecked(r, ctx, "it ended early");
}


static ngx_int_t
ngx_http_dmp_hold(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                       rc;
    const char                     *why;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ctx->decision.obligations & DMP_OBLIGATION_JUDGE
        && (r->headers_out.status == NGX_HTTP_NOT_FOUND
            || r->headers_out.status == 410))
    {
        ngx_http_dmp_document_drop(r, ctx->asked.document);
        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_NOT_FOUND,
                                    DMP_REASON_DOCUMENT_FOREIGN);
    }

    why = ngx_http_dmp_unfit(r);
    if (why != NULL) {
        return ngx_http_dmp_unchecked(r, ctx, why);
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    rc = ngx_http_dmp_body_start(r, ctx, r->headers_out.content_length_n,
                                 dlcf->max_answer_size);
    if (rc == NGX_DECLINED) {
        return ngx_http_dmp_unchecked(r, ctx, "it is larger than "
                                      "dmp_max_answer_size");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->upstream != NULL && ctx->finalize_upstream == NULL) {
        ctx->finalize_upstream = r->upstream->finalize_request;
        r->upstream->finalize_request = ngx_http_dmp_upstream_over;
    }

    r->filter_need_in_memory = 1;
    r->allow_ranges = 0;
    ctx->answer = NGX_HTTP_DMP_HELD;

    return NGX_OK;
}


/* An error of nginx itself holds nothing of the record host. */
static ngx_int_t
ngx_http_dmp_is_own_error(ngx_http_request_t *r)
{
    return r->upstream == NULL
           && r->headers_out.status >= NGX_HTTP_SPECIAL_RESPONSE;
}


static ngx_int_t
ngx_http_dmp_sub_header(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ctx == NULL || ctx->ask != r) {
        return ngx_http_next_header_filter(r);
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (ngx_http_dmp_unfit(r) != NULL
        || ngx_http_dmp_body_start(r, ctx, r->headers_out.content_length_n,
                                   dlcf->max_answer_size)
           != NGX_OK)
    {
        ctx->ask_failed = 1;
    }

    r->filter_need_in_memory = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                       trace;
    ngx_http_dmp_ctx_t             *ctx;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    ctx = ngx_http_dmp_get_ctx(r);

    if (r != r->main) {
        return ngx_http_dmp_sub_header(r, ctx);
    }

    if (ctx == NULL) {
        dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

        if (dlcf->mode == NGX_HTTP_DMP_OFF || ngx_http_dmp_is_own_error(r)) {
            return ngx_http_next_header_filter(r);
        }

        return ngx_http_dmp_backstop(r);
    }

    switch (ctx->answer) {

    case NGX_HTTP_DMP_COMPOSED:
        return ngx_http_next_header_filter(r);

    case NGX_HTTP_DMP_FORWARDED:
        if (!ngx_http_dmp_is_own_error(r)) {
            return ngx_http_dmp_hold(r, ctx);
        }
        break;

    case NGX_HTTP_DMP_HELD:
    case NGX_HTTP_DMP_CHECKING:
        /* what was held is given up for an error */
        return ngx_http_dmp_unchecked(r, ctx, "it ended early");

    case NGX_HTTP_DMP_UNDECIDED:
        if (!ngx_http_dmp_is_own_error(r)) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "dmp stops an answer on which nothing was decided");
            return ngx_http_dmp_replace(r, ctx,
                                        NGX_HTTP_INTERNAL_SERVER_ERROR,
                                        DMP_REASON_ANSWER_UNCHECKED);
        }
        break;

    default:
        /* a header was sent before: a second one is a fault of somebody */
        return NGX_ERROR;
    }

    /* an error page of nginx itself */
    ctx->answer = NGX_HTTP_DMP_COMPOSED;

    trace.data = ctx->trace_id;
    trace.len = DMP_UUID_LEN;

    if (ngx_http_dmp_add_header(r, "DMP-Trace-Id", "dmp-trace-id", &trace)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static bool
ngx_http_dmp_judge(void *data, const dmp_document_t *document)
{
    dmp_decision_t  decision;

    dmp_judge(data, document, &decision);

    return decision.effect == DMP_ALLOW;
}


/* One buffer per range of the held body. */
static ngx_chain_t *
ngx_http_dmp_chain(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_range_t *ranges, size_t n)
{
    size_t         i;
    ngx_buf_t     *b;
    ngx_chain_t   *out, **last;

    out = NULL;
    last = &out;

    for (i = 0; i < n; i++) {

        *last = ngx_alloc_chain_link(r->pool);
        b = ngx_calloc_buf(r->pool);

        if (*last == NULL || b == NULL) {
            return NULL;
        }

        b->start = ctx->body + ranges[i].from;
        b->pos = b->start;
        b->last = ctx->body + ranges[i].to;
        b->end = b->last;
        b->memory = 1;
        b->last_buf = (i + 1 == n);
        b->last_in_chain = (i + 1 == n);

        (*last)->buf = b;
        (*last)->next = NULL;
        last = &(*last)->next;
    }

    return out;
}


static ngx_int_t
ngx_http_dmp_release(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_range_t *ranges, size_t n, size_t size)
{
    ngx_int_t     rc;
    ngx_str_t     type;
    ngx_chain_t  *out;

    if (!ngx_http_dmp_is_fresh(ctx)) {
        /* judging took its time: a change may have been acknowledged */
        return ngx_http_dmp_whole(r, ctx);
    }

    out = ngx_http_dmp_chain(r, ctx, ranges, n);
    type = r->headers_out.content_type;

    if (out == NULL
        || ngx_http_dmp_set_headers(r, ctx, NGX_HTTP_OK, size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the host's word for it, of the two that were let in */
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;

    ctx->answer = NGX_HTTP_DMP_RELEASED;

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_next_body_filter(r, out);
}


static ngx_int_t
ngx_http_dmp_judge_document(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_rc_t          rc;
    dmp_range_t       all;
    dmp_decision_t    decision;
    dmp_document_t   *document;

    document = ngx_palloc(r->pool, sizeof(dmp_document_t));
    if (document == NULL) {
        return NGX_ERROR;
    }

    rc = dmp_document_parse(ctx->policy, (char *) ctx->body, ctx->body_len,
                            document);

    if (rc == DMP_E_SYNTAX) {
        return ngx_http_dmp_unchecked(r, ctx, "it is not one JSON text");
    }

    if (rc != DMP_OK || !dmp_str_eq(document->id, ctx->asked.document)) {
        return ngx_http_dmp_unchecked(r, ctx, "it is not that document");
    }

    dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, document,
               dmp_day_paris((int64_t) ngx_time()), &decision);

    if (decision.effect != DMP_ALLOW) {
        /* what was known of it no longer holds */
        ngx_http_dmp_document_drop(r, ctx->asked.document);
        ctx->withheld = 1;

        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_NOT_FOUND,
                                    decision.reason);
    }

    ctx->shown = 1;
    all.from = 0;
    all.to = ctx->body_len;

    return ngx_http_dmp_release(r, ctx, &all, 1, ctx->body_len);
}


static ngx_int_t
ngx_http_dmp_judge_search(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t                 max;
    dmp_rc_t               rc;
    dmp_cut_t              cut;
    dmp_range_t           *ranges;
    dmp_hearing_t          hearing;

    dmp_hear(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts,
             dmp_day_paris((int64_t) ngx_time()), &hearing);

    /* an entry has at least as many bytes as {"resource":{}} */
    max = ngx_min(NGX_HTTP_DMP_ENTRIES_MAX, ctx->body_len / 14) + 4;

    ranges = ngx_palloc(r->pool, max * sizeof(dmp_range_t));
    if (ranges == NULL) {
        return NGX_ERROR;
    }

    rc = dmp_bundle_cut(ctx->policy, (char *) ctx->body, ctx->body_len,
                        ngx_http_dmp_judge, &hearing, NGX_HTTP_DMP_ENTRIES_MAX,
                        ranges, max, &cut);

    if (rc != DMP_OK || cut.n_ranges == 0) {
        return ngx_http_dmp_unchecked(r, ctx, (rc == DMP_E_LIMIT)
                                      ? "it has too many entries"
                                      : "it is not a search answer");
    }

    ctx->shown = cut.shown;
    ctx->withheld = cut.withheld;

    return ngx_http_dmp_release(r, ctx, ranges, cut.n_ranges, cut.size);
}


/*
 * The answer is here, whole.  Its first byte leaves only while the last check
 * of the record's version is younger than the deadline; otherwise the store
 * is asked again, and the request's writer comes back here.
 */
static ngx_int_t
ngx_http_dmp_whole(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  status;

    rc = ngx_http_dmp_recheck(r, ctx);

    if (rc == NGX_AGAIN) {
        ctx->answer = NGX_HTTP_DMP_CHECKING;
        r->buffered |= NGX_HTTP_DMP_BUFFERED;
        return NGX_AGAIN;
    }

    r->buffered &= ~NGX_HTTP_DMP_BUFFERED;

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    DMP_REASON_TRACE_UNAVAILABLE);
    }

    if (rc == NGX_DECLINED) {
        status = dmp_answer_status(&ctx->asked, &ctx->decision);
        return ngx_http_dmp_replace(r, ctx, status, ctx->decision.reason);
    }

    if (ctx->decision.obligations & DMP_OBLIGATION_FILTER) {
        return ngx_http_dmp_judge_search(r, ctx);
    }

    return ngx_http_dmp_judge_document(r, ctx);
}


static ngx_int_t
ngx_http_dmp_held(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t                       rc;
    ngx_uint_t                      last;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    rc = ngx_http_dmp_body_add(r, ctx, in, dlcf->max_answer_size, &last);

    if (rc == NGX_DECLINED) {
        ngx_http_dmp_body_discard(in);
        return ngx_http_dmp_unchecked(r, ctx, "it is larger than "
                                      "dmp_max_answer_size");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return last ? ngx_http_dmp_whole(r, ctx) : NGX_OK;
}


/* Of a subrequest only our own question is read, and it goes nowhere. */
static ngx_int_t
ngx_http_dmp_sub_body(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_uint_t                      last;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ctx->ask == r && !ctx->ask_failed) {

        dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

        if (ngx_http_dmp_body_add(r, ctx, in, dlcf->max_answer_size, &last)
            != NGX_OK)
        {
            ctx->ask_failed = 1;
        }
    }

    ngx_http_dmp_body_discard(in);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_dmp_ctx_t  *ctx;

    ctx = ngx_http_dmp_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (r != r->main) {
        return ngx_http_dmp_sub_body(r, ctx, in);
    }

    switch (ctx->answer) {

    case NGX_HTTP_DMP_COMPOSED:
        return ngx_http_next_body_filter(r, in);

    case NGX_HTTP_DMP_HELD:
        return ngx_http_dmp_held(r, ctx, in);

    case NGX_HTTP_DMP_CHECKING:
        ngx_http_dmp_body_discard(in);
        return ngx_http_dmp_whole(r, ctx);

    case NGX_HTTP_DMP_RELEASED:
    case NGX_HTTP_DMP_REPLACED:
        /* what still comes of the host's answer; ours may still be leaving */
        ngx_http_dmp_body_discard(in);
        return ngx_http_next_body_filter(r, NULL);

    case NGX_HTTP_DMP_UNDECIDED:
    case NGX_HTTP_DMP_FORWARDED:
        /* no header went out: no body may */
        break;
    }

    ngx_http_dmp_body_discard(in);

    return (in == NULL) ? NGX_OK : NGX_ERROR;
}
