/*
 * The memory in which an answer of the record host is held until it is
 * judged: one block, since the scanner reads it in one pass.
 */

#include "ngx_http_dmp_module.h"


#define NGX_HTTP_DMP_BODY_MIN  16384


/* expected is what the answer announces, -1 if it announces nothing. */
ngx_int_t
ngx_http_dmp_body_start(ngx_http_request_t *r, ngx_http_dmp_body_t *body,
    off_t expected, size_t max)
{
    size_t  size;

    if (expected > (off_t) max) {
        return NGX_DECLINED;
    }

    size = (expected > 0) ? (size_t) expected
                          : ngx_min(NGX_HTTP_DMP_BODY_MIN, max);

    body->data = ngx_palloc(r->main->pool, size);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    body->size = size;
    body->len = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_body_grow(ngx_http_request_t *r, ngx_http_dmp_body_t *body,
    size_t wanted, size_t max)
{
    size_t   size;
    u_char  *data;

    if (wanted > max) {
        return NGX_DECLINED;
    }

    size = ngx_max(wanted, body->size * 2);
    size = ngx_min(size, max);

    data = ngx_palloc(r->main->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(data, body->data, body->len);
    (void) ngx_pfree(r->main->pool, body->data);

    body->data = data;
    body->size = size;

    return NGX_OK;
}


/*
 * Copies what came and gives the buffers back to the upstream.  NGX_DECLINED:
 * more than max bytes.
 */
ngx_int_t
ngx_http_dmp_body_add(ngx_http_request_t *r, ngx_http_dmp_body_t *body,
    ngx_chain_t *in, size_t max, ngx_uint_t *last)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    *last = 0;

    for (cl = in; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (b->last_buf || b->last_in_chain) {
            *last = 1;
        }

        if (!ngx_buf_in_memory(b)) {
            if (ngx_buf_size(b) != 0) {
                /* filter_need_in_memory was set: nothing comes as a file */
                return NGX_ERROR;
            }
            continue;
        }

        n = (size_t) (b->last - b->pos);

        if (n > body->size - body->len) {
            rc = ngx_http_dmp_body_grow(r, body, body->len + n, max);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        ngx_memcpy(body->data + body->len, b->pos, n);
        body->len += n;
        b->pos = b->last;
    }

    return NGX_OK;
}


void
ngx_http_dmp_body_discard(ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for (cl = in; cl != NULL; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }
}
