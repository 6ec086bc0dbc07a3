/*
 * Between nginx's request and the core's: the only file that reads and
 * changes the headers of the client's request.
 */

#include "ngx_http_dmp_module.h"


/*
 * Takes element i out of the list without moving any other: nginx keeps
 * pointers to some of them, and a hash of zero does not keep the proxy module
 * from forwarding one.  No part but the first may end up empty, since nginx's
 * loops read the first element of a part unseen; nalloc stays the room of the
 * last part.
 */
static ngx_int_t
ngx_http_dmp_remove_header(ngx_http_request_t *r, ngx_list_part_t *prev,
    ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_t       *list;
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    list = &r->headers_in.headers;
    h = part->elts;

    if (i + 1 == part->nelts) {
        part->nelts--;

    } else if (i == 0) {
        part->elts = &h[1];
        part->nelts--;

        if (list->last == part) {
            list->nalloc--;
        }

    } else {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = &h[i + 1];
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;

        part->nelts = i;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;
            list->nalloc -= i + 1;
        }
    }

    if (part->nelts == 0 && prev != NULL) {
        prev->next = part->next;

        if (list->last == part) {
            list->last = prev;
            list->nalloc = ngx_max(prev->nelts, 1);
        }
    }

    return NGX_OK;
}


/* What nginx itself would act on, in the answer to a stripped header. */
static void
ngx_http_dmp_forget_headers(ngx_http_request_t *r)
{
    r->headers_in.range = NULL;
    r->headers_in.if_range = NULL;
    r->headers_in.if_match = NULL;
    r->headers_in.if_none_match = NULL;
    r->headers_in.if_modified_since = NULL;
    r->headers_in.if_unmodified_since = NULL;
    r->headers_in.authorization = NULL;

    /* with it, a 101 of the host would open a tunnel around every filter */
    r->headers_in.upgrade = NULL;
}


static ngx_int_t
ngx_http_dmp_strip_headers(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    dmp_header_t      rc;
    dmp_headers_t     scratch;
    ngx_list_part_t  *part, *prev;
    ngx_table_elt_t  *h;

    ngx_memzero(&scratch, sizeof(dmp_headers_t));

    prev = NULL;
    part = &r->headers_in.headers.part;
    i = 0;

    for ( ;; ) {

        if (i == part->nelts) {
            if (part->next == NULL) {
                break;
            }

            /* an empty part that is not the first was unlinked */
            prev = (part->nelts != 0 || prev == NULL) ? part : prev;
            part = part->next;
            i = 0;
            continue;
        }

        h = part->elts;

        rc = dmp_request_header(&scratch, ngx_http_dmp_str(h[i].key),
                                ngx_http_dmp_str(h[i].value));

        if (rc == DMP_HEADER_FORWARD) {
            i++;

        } else if (ngx_http_dmp_remove_header(r, prev, part, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_dmp_forget_headers(r);

    return NGX_OK;
}


/* "GET http://other/…" with another Host: two hosts in one request. */
static ngx_int_t
ngx_http_dmp_names_two_hosts(ngx_http_request_t *r)
{
    u_char     *end;
    ngx_str_t  *host;

#if (NGX_HTTP_V2)
    if (r->stream != NULL) {
        /* nginx makes the Host header from :authority itself */
        return 0;
    }
#endif

    if (r->host_start == NULL || r->host_end == NULL) {
        return 0;
    }

    if (r->headers_in.host == NULL) {
        return 1;
    }

    host = &r->headers_in.host->value;
    end = (r->port_end != NULL && r->port_end > r->host_end) ? r->port_end
                                                             : r->host_end;

    return host->len != (size_t) (end - r->host_start)
           || ngx_strncasecmp(host->data, r->host_start, host->len) != 0;
}


void
ngx_http_dmp_read_request(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t                       path;
    ngx_uint_t                      i;
    ngx_list_part_t                *part;
    ngx_table_elt_t                *h;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            (void) dmp_request_header(&ctx->headers,
                                      ngx_http_dmp_str(h[i].key),
                                      ngx_http_dmp_str(h[i].value));
        }
    }

    dmp_request_map(ngx_http_dmp_str(r->method_name),
                    ngx_http_dmp_str(r->unparsed_uri),
                    ngx_http_dmp_str(dlcf->base), &ctx->headers,
                    r->headers_in.content_length_n > 0
                    || r->headers_in.chunked,
                    &ctx->asked);

    /*
     * The proxy sends the target as the client wrote it only while nobody
     * has rewritten it, and nginx's own reading of the path must be ours.
     */
    path.data = r->unparsed_uri.data;
    path.len = r->unparsed_uri.len;

    for (i = 0; i < path.len; i++) {
        if (path.data[i] == '?') {
            path.len = i;
        }
    }

    /* what a location may offer beyond that has no directive yet */
    ctx->asked.offers = DMP_OFFERS_NORMAL;
    ctx->asked.channel = DMP_CHANNEL_ANY;

    if (!dlcf->fhir) {
        ctx->asked.mapping = DMP_MAPPING_OPERATION_UNKNOWN;
        ctx->asked.why = "the location has no dmp_resource";
    }

    if (ngx_http_dmp_names_two_hosts(r)
        || !r->valid_unparsed_uri || path.len != r->uri.len
        || ngx_memcmp(path.data, r->uri.data, path.len) != 0)
    {
        if (ctx->asked.mapping == DMP_MAPPING_ONE) {
            ctx->asked.mapping = DMP_MAPPING_AMBIGUOUS;
            ctx->asked.why = "the target was rewritten or reads in two ways";
        }
    }
}


/*
 * Among what the client accepts, the one form that can be judged.  In place:
 * the client's own header, and no other one.
 */
static void
ngx_http_dmp_narrow_accept(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("Accept") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   sizeof("Accept") - 1)
                   == 0)
            {
                ngx_str_set(&h[i].value, "application/fhir+json");
            }
        }
    }
}


/* Headers that name us or change the answer go; the receipt comes. */
ngx_int_t
ngx_http_dmp_prepare_forward(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_table_elt_t                *h;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ngx_http_dmp_strip_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_dmp_narrow_accept(r);

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (!dlcf->receipt || ctx->receipt.len == 0) {
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "DMP-Trace-Receipt");
    h->lowcase_key = (u_char *) "dmp-trace-receipt";
    h->value = ctx->receipt;
    ngx_http_dmp_header_alone(h);

    return NGX_OK;
}
