/*
 * Answers that the gateway composes: refusals and TD0.2.  They are sent from
 * the access phase, so that no error_page can run the request again.
 */

#include "ngx_http_dmp_module.h"

#include <dmp/dmp_change.h>


#define NGX_HTTP_DMP_RETRY_AFTER  "1"


ngx_int_t
ngx_http_dmp_add_header(ngx_http_request_t *r, const char *name,
    const char *lowcase, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) lowcase;
    h->value = *value;
    ngx_http_dmp_header_alone(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_add_text(ngx_http_request_t *r, const char *name,
    const char *lowcase, const char *text)
{
    ngx_str_t  value;

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);

    return ngx_http_dmp_add_header(r, name, lowcase, &value);
}


static ngx_int_t
ngx_http_dmp_add_retry(ngx_http_request_t *r, ngx_uint_t seconds)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = (size_t) (ngx_sprintf(value.data, "%ui", seconds)
                          - value.data);

    return ngx_http_dmp_add_header(r, "Retry-After", "retry-after", &value);
}


/* Status and headers of an answer of ours, whatever stood there before. */
ngx_int_t
ngx_http_dmp_set_headers(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, off_t length)
{
    ngx_str_t         trace;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            h[i].hash = 0;
        }
    }

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_location(r);

    r->allow_ranges = 0;

    /* what was decided is answered: no 412 or 304 of nginx's instead */
    r->disable_not_modified = 1;

    r->headers_out.content_encoding = NULL;
    r->headers_out.www_authenticate = NULL;
    r->headers_out.refresh = NULL;
    r->headers_out.date = NULL;
    r->headers_out.expires = NULL;
    r->headers_out.content_range = NULL;
    ngx_memzero(&r->headers_out.trailers, sizeof(ngx_list_t));

    if (ngx_list_init(&r->headers_out.trailers, r->pool, 4,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a host that does not speak HTTP makes the answer one of HTTP/0.9 */
    r->http_version = ctx->http_version;

    /* nor has an error_page that led here a say in the status */
    r->err_status = 0;

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = length;

    if (ctx->api && status < NGX_HTTP_SPECIAL_RESPONSE
        && !ctx->asked.history.fhir)
    {
        ngx_str_set(&r->headers_out.content_type, "application/json");

    } else if (ctx->problem && status >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_str_set(&r->headers_out.content_type, "application/problem+json");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/fhir+json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_str_null(&r->headers_out.charset);
    r->headers_out.content_type_lowcase = NULL;

    trace.data = ctx->trace_id;
    trace.len = DMP_UUID_LEN;

    if (ngx_http_dmp_add_header(r, "DMP-Trace-Id", "dmp-trace-id", &trace)
        != NGX_OK
        || ngx_http_dmp_add_text(r, "Cache-Control", "cache-control",
                                 "no-store")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->cookie.len != 0
        && ngx_http_dmp_add_header(r, "Set-Cookie", "set-cookie",
                                   &ctx->cookie)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_TOO_MANY_REQUESTS) {
        return ngx_http_dmp_add_retry(r, ctx->retry_after);
    }

    if (status == NGX_HTTP_UNAUTHORIZED) {
        return ngx_http_dmp_add_text(r, "WWW-Authenticate",
                                     "www-authenticate",
                                     "Bearer realm=\"dmp\"");
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_dmp_add_text(r, "Retry-After", "retry-after",
                                     NGX_HTTP_DMP_RETRY_AFTER);
    }

    return NGX_OK;
}


static ngx_buf_t *
ngx_http_dmp_body_of(ngx_http_request_t *r, const dmp_buf_t *text)
{
    ngx_buf_t  *b;

    if (text->full) {
        return NULL;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = (u_char *) text->data;
    b->pos = b->start;
    b->last = b->start + text->len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    return b;
}


ngx_int_t
ngx_http_dmp_text(ngx_http_request_t *r, dmp_buf_t *text, size_t size)
{
    u_char  *data;

    data = ngx_palloc(r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(text, (char *) data, size);
    return NGX_OK;
}


/*
 * Of a refusal, whether bris de glace would open it: for who reads "403" in
 * front of a person in danger.
 */
static bool
ngx_http_dmp_opens(ngx_http_dmp_ctx_t *ctx, ngx_uint_t status)
{
    return status == NGX_HTTP_FORBIDDEN && ctx->decision.effect == DMP_DENY
           && ctx->facts.state == DMP_RECORD_PRESENT
           && dmp_bris_de_glace_opens(ctx->policy, &ctx->subject, &ctx->asked,
                                      &ctx->facts, ctx->document,
                                      dmp_day_paris((int64_t) ngx_time()));
}


ngx_buf_t *
ngx_http_dmp_refusal_body(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, dmp_reason_t reason)
{
    bool       opens;
    dmp_buf_t  text;
    dmp_str_t  trace;

    if (ngx_http_dmp_text(r, &text, DMP_ANSWER_MAX) != NGX_OK) {
        return NULL;
    }

    opens = ngx_http_dmp_opens(ctx, status);

    trace = (dmp_str_t) { (char *) ctx->trace_id, DMP_UUID_LEN };

    if (ctx->problem) {
        dmp_answer_problem(&text, (unsigned) status, reason, trace, opens);
    } else {
        dmp_answer_refusal(&text, (unsigned) status, reason, trace, opens);
    }

    return ngx_http_dmp_body_of(r, &text);
}


/* NGX_DONE: the request was finalized here. */
static ngx_int_t
ngx_http_dmp_send(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dmp_set_headers(r, ctx, status, b->last - b->pos)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->answer = NGX_HTTP_DMP_COMPOSED;

    rc = ngx_http_send_header(r);

    if (rc == NGX_OK && !r->header_only) {
        out.buf = b;
        out.next = NULL;
        rc = ngx_http_output_filter(r, &out);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_dmp_send_refusal(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t    status;
    dmp_reason_t  reason;

    status = dmp_answer_status(&ctx->asked, &ctx->decision);
    reason = ctx->decision.reason;

    if (reason == DMP_REASON_ANSWER_UNCHECKED) {
        status = NGX_HTTP_BAD_GATEWAY;
    }

    return ngx_http_dmp_send(r, ctx, status,
                             ngx_http_dmp_refusal_body(r, ctx, status,
                                                       reason));
}


ngx_int_t
ngx_http_dmp_send_json(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t status, const dmp_buf_t *text)
{
    if (status == NGX_HTTP_NO_CONTENT) {
        r->header_only = 1;
    }

    return ngx_http_dmp_send(r, ctx, status, ngx_http_dmp_body_of(r, text));
}


ngx_int_t
ngx_http_dmp_send_text(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_buf_t *text)
{
    return ngx_http_dmp_send(r, ctx, NGX_HTTP_OK,
                             ngx_http_dmp_body_of(r, text));
}


/* The record as it is now; escaped, a byte of its lists is six at most. */
ngx_int_t
ngx_http_dmp_send_state(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t     size;
    dmp_buf_t  text;

    size = DMP_ANSWER_MAX;

    if (ctx->facts.record != NULL) {
        size += 6 * ctx->facts.record->size;
    }

    if (ngx_http_dmp_text(r, &text, size) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    dmp_answer_state(&text, ctx->policy, &ctx->asked, &ctx->facts,
                     &ctx->subject, dmp_day_paris((int64_t) ngx_time()));

    return ngx_http_dmp_send_text(r, ctx, &text);
}


ngx_int_t
ngx_http_dmp_send_check(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_buf_t  text;

    if (ngx_http_dmp_text(r, &text, DMP_ANSWER_MAX) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    dmp_answer_check(&text, ctx->policy, &ctx->asked, &ctx->facts,
                     &ctx->subject, dmp_day_paris((int64_t) ngx_time()));

    return ngx_http_dmp_send_text(r, ctx, &text);
}
