/*
 * The content of a document that may be read: it is not looked into, so it is
 * not held.  Its first byte leaves only while the last check of the record's
 * version is younger than the deadline; until then it waits in nginx's own
 * buffers, and the host waits with it.
 */

#include "ngx_http_dmp_filter.h"


/*
 * What somebody deposited is never to act as a page of this address, which a
 * browser would open with the reader's card.
 */
static ngx_int_t
ngx_http_dmp_stream_inert(ngx_http_request_t *r)
{
    ngx_uint_t  i;

    static struct {
        const char  *name;
        const char  *lowcase;
        ngx_str_t    value;
    } headers[] = {
        { "X-Content-Type-Options", "x-content-type-options",
          ngx_string("nosniff") },
        { "Content-Security-Policy", "content-security-policy",
          ngx_string("sandbox; default-src 'none'") },
        { "Content-Disposition", "content-disposition",
          ngx_string("attachment") }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_http_dmp_add_header(r, headers[i].name, headers[i].lowcase,
                                    &headers[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * To the socket, now: a header that nginx kept back until more of the body
 * came would leave when its check is old.
 */
static ngx_int_t
ngx_http_dmp_stream_flush(ngx_http_request_t *r, ngx_chain_t *held)
{
    ngx_chain_t  *flush, *last;

    flush = ngx_alloc_chain_link(r->pool);
    if (flush == NULL) {
        return NGX_ERROR;
    }

    flush->buf = ngx_calloc_buf(r->pool);
    if (flush->buf == NULL) {
        return NGX_ERROR;
    }

    flush->buf->flush = 1;
    flush->next = NULL;

    if (held == NULL) {
        return ngx_http_dmp_pass_body(r, flush);
    }

    for (last = held; last->next != NULL; last = last->next) { /* void */ }

    /* after the last buffer of an answer nothing may come */
    if (!last->buf->last_buf) {
        last->next = flush;
    }

    return ngx_http_dmp_pass_body(r, held);
}


/*
 * HTTP/2 of nginx 1.22 leaves a header that no body follows in the buffer of
 * TLS, and drops what would flush it.  The stream stays: nothing that comes of
 * this may end it here.
 */
static ngx_int_t
ngx_http_dmp_stream_push(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)

    ngx_int_t  rc;
    ngx_uint_t  blocked;

    if (r->stream != NULL) {
        blocked = r->stream->blocked;
        r->stream->blocked = 1;
        rc = ngx_http_v2_send_output_queue(r->stream->connection);
        r->stream->blocked = blocked;

        if (rc == NGX_ERROR) {
            r->connection->error = 1;
            return NGX_ERROR;
        }
    }

#endif

    return NGX_OK;
}


/* Header and what was held of the body; from here on nothing is held. */
static ngx_int_t
ngx_http_dmp_stream_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    off_t         length;
    ngx_int_t     rc;
    ngx_str_t     type;
    ngx_chain_t  *held;

    type = r->headers_out.content_type;
    length = r->headers_out.content_length_n;

    if (ngx_http_dmp_set_headers(r, ctx, NGX_HTTP_OK, length) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;

    if (ngx_http_dmp_stream_inert(r) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->answer = NGX_HTTP_DMP_STREAMING;
    ctx->shown = 1;
    r->buffered &= ~NGX_HTTP_DMP_BUFFERED;

    held = ctx->paused;
    ctx->paused = NULL;

    rc = ngx_http_dmp_pass_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    rc = ngx_http_dmp_stream_flush(r, held);

    if (rc == NGX_ERROR || ngx_http_dmp_stream_push(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_dmp_stream_check(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_dmp_recheck(r, ctx);

    if (rc == NGX_OK) {
        return ngx_http_dmp_stream_start(r, ctx);
    }

    if (rc == NGX_AGAIN) {
        return rc;
    }

    ngx_http_dmp_body_discard(ctx->paused);
    ctx->paused = NULL;

    return ngx_http_dmp_refused_late(r, ctx, rc);
}


/* The store has answered. */
static void
ngx_http_dmp_stream_resume(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->answer != NGX_HTTP_DMP_PAUSED) {
        return;
    }

    rc = ngx_http_dmp_stream_check(r, ctx);

    if (rc != NGX_AGAIN || ctx->answer != NGX_HTTP_DMP_PAUSED) {
        ctx->resume = NULL;
    }

    if (rc == NGX_ERROR) {
        /* whoever writes next ends the request */
        r->connection->error = 1;
    }
}


ngx_int_t
ngx_http_dmp_stream(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t    rc;
    const char  *why;

    why = ngx_http_dmp_unfit(r, 0);

    if (why == NULL && r->internal) {
        /* nobody looks into it: it must come from where it was asked for */
        why = "a redirect inside nginx led elsewhere";
    }

    if (why != NULL) {
        return ngx_http_dmp_unchecked(r, ctx, why);
    }

    ngx_http_dmp_watch_upstream(r, ctx);
    ctx->answer = NGX_HTTP_DMP_PAUSED;

    rc = ngx_http_dmp_stream_check(r, ctx);

    if (rc != NGX_AGAIN || ctx->answer != NGX_HTTP_DMP_PAUSED) {
        return rc;
    }

    r->buffered |= NGX_HTTP_DMP_BUFFERED;
    ctx->resume = ngx_http_dmp_stream_resume;

    return NGX_OK;
}


/* Links only: the buffers stay the upstream's, which so stops reading. */
ngx_int_t
ngx_http_dmp_stream_hold(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_chain_t *in)
{
    if (in != NULL
        && ngx_chain_add_copy(r->pool, &ctx->paused, in) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->buffered |= NGX_HTTP_DMP_BUFFERED;

    return NGX_AGAIN;
}
