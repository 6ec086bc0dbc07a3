/*
 * The form of a POST _search: read whole, within its limit, before anything is
 * decided that depends on it.  The record host gets the same bytes.
 */

#include "ngx_http_dmp_module.h"


static void
ngx_http_dmp_form_here(ngx_http_request_t *r)
{
    r->preserve_body = 1;

    /* the phases go on where they were left */
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/* The body in one block, whether nginx has it in memory or in a file. */
static ngx_int_t
ngx_http_dmp_form_bytes(ngx_http_request_t *r, dmp_str_t *form)
{
    off_t         size;
    u_char       *p, *data;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    size = r->headers_in.content_length_n;
    data = ngx_pnalloc(r->pool, (size_t) size + 1);

    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_size(b) > size - (p - data)) {
            return NGX_ERROR;
        }

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);

        } else if (b->in_file) {
            n = ngx_read_file(b->file, p, (size_t) ngx_buf_size(b),
                              b->file_pos);

            if (n != ngx_buf_size(b)) {
                return NGX_ERROR;
            }

            p += n;
        }
    }

    *form = (dmp_str_t) { (char *) data, (size_t) (p - data) };

    return (form->len == (size_t) size) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_form_refuse(ngx_http_dmp_ctx_t *ctx, const char *why)
{
    ctx->asked.mapping = DMP_MAPPING_TOO_LARGE;
    ctx->asked.why = why;

    return NGX_OK;
}


/*
 * A client may take its time over a body: cards are revoked meanwhile, lists
 * and policy read anew, the directory changes, the worker is told to leave.
 * What was found out before it is not what the request is decided by.
 */
static void
ngx_http_dmp_form_begin_again(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->entry != NULL) {
        ngx_http_dmp_cached_release(ctx->entry);
        ctx->entry = NULL;
    }

    ctx->introduced = 0;
    ctx->form_read = 1;
    ctx->state = NGX_HTTP_DMP_IDENTIFY;
}


ngx_int_t
ngx_http_dmp_form(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                       rc;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        ngx_http_dmp_map_request(r, ctx, dmp_string(""));
        return NGX_OK;
    }

    if (r->headers_in.chunked) {
        return ngx_http_dmp_form_refuse(ctx, "a form of an unknown length");
    }

    if (r->headers_in.content_length_n > (off_t) dlcf->max_form_size) {
        return ngx_http_dmp_form_refuse(ctx, "the form is larger than "
                                        "dmp_max_form_size");
    }

    if (r->request_body == NULL) {

        rc = ngx_http_read_client_request_body(r, ngx_http_dmp_form_here);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        ngx_http_finalize_request(r, NGX_DONE);

        return NGX_DONE;
    }

    if (ngx_http_dmp_form_bytes(r, &ctx->form) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dmp_form_begin_again(ctx);

    return NGX_OK;
}
