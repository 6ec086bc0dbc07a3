/*
 * The filter: holds what the record host answers until it is judged, or, of
 * the content of a document that may be read, until its first byte may leave.
 *
 * The header is withheld until the verdict.  Whatever cannot be judged is
 * replaced by an answer of ours; nothing of it leaves.
 */

#include "ngx_http_dmp_filter.h"
#include "ngx_http_dmp_metrics.h"


static ngx_int_t ngx_http_dmp_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_dmp_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


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


ngx_int_t
ngx_http_dmp_pass_header(ngx_http_request_t *r)
{
    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_dmp_pass_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    return ngx_http_next_body_filter(r, in);
}


ngx_int_t
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
        || ngx_http_dmp_set_headers(r, ctx, status, b->last - b->pos)
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


ngx_int_t
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


/* Why an answer with these headers cannot be let through, or NULL. */
const char *
ngx_http_dmp_unfit(ngx_http_request_t *r, ngx_uint_t json)
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

    if (json && !ngx_http_dmp_is_json(r)) {
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
        || (ctx->answer != NGX_HTTP_DMP_HELD
            && ctx->answer != NGX_HTTP_DMP_PAUSED)
        || r->connection->error)
    {
        return;
    }

    /* what it returns is for a filter's caller; the request ends anyway */
    (void) ngx_http_dmp_unchecked(r, ctx, "it ended early");
}


void
ngx_http_dmp_watch_upstream(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (r->upstream != NULL && ctx->finalize_upstream == NULL) {
        ctx->finalize_upstream = r->upstream->finalize_request;
        r->upstream->finalize_request = ngx_http_dmp_upstream_over;
    }

    r->filter_need_in_memory = 1;
    r->allow_ranges = 0;
}


/*
 * What the proxy sent ends with what was decided, below the FHIR base.  It
 * does unless the configuration joins the two differently than they read
 * ("location /fhir" with "proxy_pass http://host/fhir/").
 */
static ngx_int_t
ngx_http_dmp_was_sent(ngx_http_request_t *r)
{
    ngx_str_t                       decided, sent;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (r->upstream == NULL || r->upstream->uri.len == 0 || r->internal) {
        return 1;
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);
    sent = r->upstream->uri;

    if (r->unparsed_uri.len < dlcf->base.len) {
        return 0;
    }

    decided.data = r->unparsed_uri.data + dlcf->base.len;
    decided.len = r->unparsed_uri.len - dlcf->base.len;

    return sent.len >= decided.len
           && ngx_memcmp(sent.data + sent.len - decided.len, decided.data,
                         decided.len)
              == 0
           && (sent.len == decided.len
               || sent.data[sent.len - decided.len - 1] != '/');
}


static ngx_int_t
ngx_http_dmp_hold(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                       rc;
    const char                     *why;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (!ctx->sent_as_decided) {
        return ngx_http_dmp_unchecked(r, ctx, "what the host was asked is not "
                                      "what was decided: see the location "
                                      "and its proxy_pass");
    }

    if ((ctx->asked.document.len != 0 || ctx->asked.attachment.len != 0)
        && (r->headers_out.status == NGX_HTTP_NOT_FOUND
            || r->headers_out.status == 410))
    {
        if (ctx->asked.document.len != 0) {
            ngx_http_dmp_document_drop(r, ctx->asked.document);
            ngx_http_dmp_index_forget(r, ctx->patient, ctx->asked.document);
        }

        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_NOT_FOUND,
                                    DMP_REASON_DOCUMENT_FOREIGN);
    }

    if (ctx->asked.resource == DMP_RESOURCE_BINARY) {
        return ngx_http_dmp_stream(r, ctx);
    }

    why = ngx_http_dmp_unfit(r, 1);
    if (why != NULL) {
        return ngx_http_dmp_unchecked(r, ctx, why);
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    rc = ngx_http_dmp_body_start(r, &ctx->body,
                                 r->headers_out.content_length_n,
                                 dlcf->max_answer_size);
    if (rc == NGX_DECLINED) {
        return ngx_http_dmp_unchecked(r, ctx, "it is larger than "
                                      "dmp_max_answer_size");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_dmp_watch_upstream(r, ctx);
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

    if (ctx == NULL || ctx->question.request != r) {
        return ngx_http_next_header_filter(r);
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (ngx_http_dmp_unfit(r, 1) != NULL
        || ngx_http_dmp_body_start(r, &ctx->question.body,
                                   r->headers_out.content_length_n,
                                   dlcf->max_answer_size)
           != NGX_OK)
    {
        ctx->question.failed = 1;
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

    if (ctx->answer == NGX_HTTP_DMP_FORWARDED) {
        ctx->sent_as_decided = ngx_http_dmp_was_sent(r);
        ngx_http_dmp_forwarded(r, ctx);
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
    case NGX_HTTP_DMP_PAUSED:
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


static ngx_int_t
ngx_http_dmp_held(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_chain_t *in)
{
    uint64_t                        since;
    ngx_int_t                       rc;
    ngx_uint_t                      last;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    since = ngx_http_dmp_now_ns();
    rc = ngx_http_dmp_body_add(r, &ctx->body, in, dlcf->max_answer_size,
                               &last);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_FILTER, since);

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

    if (ctx->question.request == r && !ctx->question.failed) {

        dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

        if (ctx->question.body.data == NULL
            || ngx_http_dmp_body_add(r, &ctx->question.body, in,
                                     dlcf->max_answer_size, &last)
               != NGX_OK)
        {
            ctx->question.failed = 1;
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

    if (r->connection->error) {
        /* nobody would ever take what is held */
        ngx_http_dmp_body_discard(in);
        return NGX_ERROR;
    }

    switch (ctx->answer) {

    case NGX_HTTP_DMP_COMPOSED:
        return ngx_http_next_body_filter(r, in);

    case NGX_HTTP_DMP_HELD:
        return ngx_http_dmp_held(r, ctx, in);

    case NGX_HTTP_DMP_CHECKING:
        ngx_http_dmp_body_discard(in);
        return ngx_http_dmp_whole(r, ctx);

    case NGX_HTTP_DMP_PAUSED:
        return ngx_http_dmp_stream_hold(r, ctx, in);

    case NGX_HTTP_DMP_STREAMING:
        return ngx_http_next_body_filter(r, in);

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
