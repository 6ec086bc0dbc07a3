/*
 * Between nginx's request and the core's: the only file that reads and
 * changes the headers of the client's request.
 */

#include "ngx_http_dmp_module.h"

#include <dmp/dmp_change.h>


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


/*
 * The proxy sends the target as the client wrote it only while nobody has
 * rewritten it, and nginx's own reading of the path must be ours.
 */
static ngx_int_t
ngx_http_dmp_reads_otherwise(ngx_http_request_t *r)
{
    ngx_str_t   path;
    ngx_uint_t  i;

    path = r->unparsed_uri;

    for (i = 0; i < path.len; i++) {
        if (path.data[i] == '?') {
            path.len = i;
        }
    }

    return ngx_http_dmp_names_two_hosts(r)
           || !r->valid_unparsed_uri || path.len != r->uri.len
           || ngx_memcmp(path.data, r->uri.data, path.len) != 0;
}


/*
 * Memory for what the request may hold: the words of headers, those of a
 * query, a page.  Without it, what needs it is refused.
 */
static void
ngx_http_dmp_map_room(ngx_http_request_t *r, const ngx_http_dmp_ctx_t *ctx,
    dmp_raw_t *raw)
{
    raw->words_size = dmp_headers_words(&ctx->headers);

    if (ctx->api) {
        raw->words_size += raw->target.len + raw->form.len;

    } else if (memchr(raw->target.data, '?', raw->target.len) != NULL) {
        raw->words_size += raw->target.len;

        raw->room = ngx_palloc(r->pool, DMP_PAGE_MAX);
        raw->room_size = (raw->room != NULL) ? DMP_PAGE_MAX : 0;
    }

    if (raw->words_size != 0) {
        raw->words = ngx_pnalloc(r->pool, raw->words_size);
    }

    if (raw->words == NULL) {
        raw->words_size = 0;
    }
}


static unsigned
ngx_http_dmp_offers(const ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_loc_conf_t *dlcf)
{
    if (ctx->api) {
        return DMP_OFFERS_NORMAL;
    }

    switch (dlcf->access_path) {

    case DMP_MODE_NORMAL:
        return DMP_OFFERS_NORMAL|DMP_OFFERS_BRIS_DE_GLACE;

    case DMP_MODE_CENTRE_15:
        return DMP_OFFERS_CENTRE_15;

    default:
        return 0;
    }
}


void
ngx_http_dmp_map_request(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t form)
{
    dmp_raw_t                        raw;
    const ngx_http_dmp_loc_conf_t   *dlcf;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);
    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    ngx_memzero(&raw, sizeof(dmp_raw_t));

    raw.method = ngx_http_dmp_str(r->method_name);
    raw.target = ngx_http_dmp_str(r->unparsed_uri);
    raw.base = ngx_http_dmp_str(dlcf->base);
    raw.headers = &ctx->headers;
    raw.has_body = r->headers_in.content_length_n > 0 || r->headers_in.chunked;
    raw.form = form;
    raw.max_target = dlcf->max_target_size;
    raw.max_form = dlcf->max_form_size;
    raw.max_parameters = (unsigned) dlcf->max_parameters;
    raw.keys = dmcf->record_keys;
    raw.host = ngx_http_dmp_str(dlcf->host);

    raw.own_mode = (dmp_mode_t) dlcf->access_path;
    raw.own_ins = ctx->subject.ins;

    ngx_http_dmp_map_room(r, ctx, &raw);
    ctx->words = (dmp_str_t) { raw.words, raw.words_size };

    if (ctx->api) {
        dmp_api_map(&raw, &ctx->asked);

    } else {
        dmp_request_map(&raw, &ctx->asked);
    }

    ctx->asked.offers = ngx_http_dmp_offers(ctx, dlcf);
    ctx->asked.channel = (dmp_channel_t) dlcf->channel;

    if (ctx->asked.operation == DMP_OPERATION_CREATE
        && dmcf->session_keys == NULL)
    {
        ctx->asked.mapping = DMP_MAPPING_OPERATION_UNKNOWN;
        ctx->asked.why = "no patient can sign in here: there is no "
                         "dmp_session_key";
    }

    if (ctx->api) {
        /* nothing is forwarded: nobody else reads it */
        return;
    }

    if (!dlcf->fhir) {
        ctx->asked.mapping = DMP_MAPPING_OPERATION_UNKNOWN;
        ctx->asked.why = "the location has no dmp_resource";
    }

    if (ngx_http_dmp_reads_otherwise(r)
        && (ctx->asked.mapping == DMP_MAPPING_ONE
            || ctx->asked.mapping == DMP_MAPPING_INCOMPLETE))
    {
        ctx->asked.mapping = DMP_MAPPING_AMBIGUOUS;
        ctx->asked.forward = dmp_null_string;
        ctx->asked.why = "the target was rewritten or reads in two ways";
    }
}


void
ngx_http_dmp_read_headers(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;

    do {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            (void) dmp_request_header(&ctx->headers,
                                      ngx_http_dmp_str(h[i].key),
                                      ngx_http_dmp_str(h[i].value));
        }

        part = part->next;

    } while (part != NULL);
}


static ngx_int_t
ngx_http_dmp_is_header(const ngx_table_elt_t *h, const char *name, size_t len)
{
    return h->key.len == len
           && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0;
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
            if (ngx_http_dmp_is_header(&h[i], "Accept",
                                       sizeof("Accept") - 1))
            {
                ngx_str_set(&h[i].value, "application/fhir+json");
            }
        }
    }
}


static ngx_int_t
ngx_http_dmp_push_header(ngx_list_t *list, const char *name,
    const char *lowcase, ngx_str_t value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(list);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) lowcase;
    h->value = value;
    ngx_http_dmp_header_alone(h);

    return NGX_OK;
}


/*
 * A question of ours carries nothing of the client's: what a host makes of a
 * header is not to decide what it answers us.  The name of the host comes
 * from proxy_set_header, as for all requests.
 */
ngx_int_t
ngx_http_dmp_question_headers(ngx_http_request_t *r, ngx_list_t *headers)
{
    ngx_str_t  json = ngx_string("application/fhir+json");
    ngx_str_t  fresh = ngx_string("no-cache");

    if (ngx_list_init(headers, r->pool, 4, sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_http_dmp_push_header(headers, "Accept", "accept", json)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_push_header(headers, "Cache-Control", "cache-control",
                                    fresh);
}


void
ngx_http_dmp_question_ask(ngx_http_request_t *sr, const ngx_list_t *headers)
{
    sr->headers_in.headers = *headers;
    sr->headers_in.headers.last = &sr->headers_in.headers.part;

    sr->headers_in.content_length_n = -1;
    sr->headers_in.content_length = NULL;
    sr->headers_in.content_type = NULL;
    sr->headers_in.chunked = 0;
    ngx_http_dmp_forget_headers(sr);
}


/* A page is another target of the host's own. */
static ngx_int_t
ngx_http_dmp_forward_page(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    u_char                         *p;
    ngx_str_t                       target;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    target.len = dlcf->base.len + 1 + ctx->asked.forward.len;
    target.data = ngx_pnalloc(r->pool, target.len);

    if (target.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(target.data, dlcf->base.data, dlcf->base.len);
    *p++ = '/';
    ngx_memcpy(p, ctx->asked.forward.data, ctx->asked.forward.len);

    ctx->target = r->unparsed_uri;
    r->unparsed_uri = target;

    r->uri = target;
    ngx_str_null(&r->args);

    p = ngx_strlchr(target.data, target.data + target.len, '?');

    if (p != NULL) {
        r->uri.len = (size_t) (p - target.data);
        r->args.data = p + 1;
        r->args.len = target.len - r->uri.len - 1;
    }

    return NGX_OK;
}


/*
 * Headers that name us or change the answer go; the receipt comes.  HEAD is
 * asked for as GET where its answer must be judged.
 */
ngx_int_t
ngx_http_dmp_prepare_forward(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ngx_http_dmp_strip_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->asked.resource != DMP_RESOURCE_BINARY) {
        ngx_http_dmp_narrow_accept(r);

        if (r->method == NGX_HTTP_HEAD) {
            r->method_name = ngx_http_core_get_method;
            ctx->head = 1;
        }
    }

    if (ctx->asked.forward.len != 0
        && ngx_http_dmp_forward_page(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    if (!dlcf->receipt || ctx->receipt.len == 0) {
        return NGX_OK;
    }

    return ngx_http_dmp_push_header(&r->headers_in.headers,
                                    "DMP-Trace-Receipt", "dmp-trace-receipt",
                                    ctx->receipt);
}


/* The host has been asked: logs are of what the client sent. */
void
ngx_http_dmp_forwarded(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->head) {
        ngx_str_set(&r->method_name, "HEAD");
        ctx->head = 0;
    }

    if (ctx->target.len != 0) {
        r->unparsed_uri = ctx->target;
        ngx_str_null(&ctx->target);
    }
}
