/*
 * By which addresses the record host names its own resources, and by which
 * the client knows them: what dmp_record_host says, and what every host does
 * that repeats the name it was asked by.
 */

#include "ngx_http_dmp_module.h"


/* The name that nginx's proxy asks the host by, where it is not set. */
static ngx_int_t  ngx_http_dmp_proxy_host;


ngx_int_t
ngx_http_dmp_addresses_init(ngx_conf_t *cf)
{
    ngx_str_t  name = ngx_string("proxy_host");

    ngx_http_dmp_proxy_host = ngx_http_get_variable_index(cf, &name);

    return (ngx_http_dmp_proxy_host == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* A name is the client's own word: only what is safe inside JSON. */
static ngx_int_t
ngx_http_dmp_name_is_plain(const u_char *data, size_t len)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < len; i++) {
        c = data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
              || c == ':' || c == '[' || c == ']'))
        {
            return 0;
        }
    }

    return len != 0;
}


/* scheme, name and the location's base path */
static ngx_int_t
ngx_http_dmp_address(ngx_http_request_t *r, const char *scheme, size_t len,
    ngx_str_t name, dmp_str_t *out)
{
    u_char                         *p;
    ngx_str_t                       address;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    address.len = len + name.len + dlcf->base.len;
    address.data = ngx_pnalloc(r->pool, address.len);

    if (address.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(address.data, scheme, len);
    p = ngx_cpymem(p, name.data, name.len);
    ngx_memcpy(p, dlcf->base.data, dlcf->base.len);

    *out = ngx_http_dmp_str(address);

    return NGX_OK;
}


#define ngx_http_dmp_scheme(s)  s, sizeof(s) - 1

/* What the host was told that it is called, by whoever it was asked. */
static ngx_int_t
ngx_http_dmp_address_names(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    ngx_str_t                   name;
    ngx_http_variable_value_t  *value;

    if (r->headers_in.host != NULL) {
        name = r->headers_in.host->value;

        if (ngx_http_dmp_name_is_plain(name.data, name.len)) {

            if (ngx_http_dmp_address(r, ngx_http_dmp_scheme("https://"), name,
                                  &addresses->bases[addresses->n_bases++])
                != NGX_OK
                || ngx_http_dmp_address(r, ngx_http_dmp_scheme("http://"),
                                  name,
                                  &addresses->bases[addresses->n_bases++])
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

#if (NGX_HTTP_SSL)
            addresses->ours = addresses->bases[addresses->n_bases
                                               - (r->connection->ssl ? 2
                                                                     : 1)];
#else
            addresses->ours = addresses->bases[addresses->n_bases - 1];
#endif
        }
    }

    value = ngx_http_get_flushed_variable(r,
                                        (ngx_uint_t) ngx_http_dmp_proxy_host);

    if (value == NULL || value->not_found || r->upstream == NULL
        || !ngx_http_dmp_name_is_plain(value->data, value->len))
    {
        return NGX_OK;
    }

    name.data = value->data;
    name.len = value->len;

    return ngx_http_dmp_address(r, (char *) r->upstream->schema.data,
                                r->upstream->schema.len, name,
                                &addresses->bases[addresses->n_bases++]);
}


ngx_int_t
ngx_http_dmp_host_addresses(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    ngx_str_t                      *base;
    ngx_uint_t                      i;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memzero(addresses, sizeof(dmp_addresses_t));
    addresses->ours = ngx_http_dmp_str(dlcf->base);

    if (ngx_http_dmp_address_names(r, addresses) != NGX_OK) {
        return NGX_ERROR;
    }

    addresses->bases[addresses->n_bases++] = ngx_http_dmp_str(dlcf->base);

    if (dlcf->host_bases == NULL) {
        return NGX_OK;
    }

    base = dlcf->host_bases->elts;

    for (i = 0; i < dlcf->host_bases->nelts
                && addresses->n_bases < DMP_HOST_BASES; i++)
    {
        addresses->bases[addresses->n_bases++] = ngx_http_dmp_str(base[i]);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_dmp_attachments(ngx_http_request_t *r,
    const dmp_addresses_t *addresses, const dmp_document_t *document,
    dmp_str_t out[DMP_DOCUMENT_ATTACHMENTS])
{
    char       *room;
    unsigned    i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < document->n_attachments; i++) {

        room = ngx_pnalloc(r->pool, 128);
        if (room == NULL) {
            break;
        }

        out[n] = dmp_address_resource(addresses, document->attachments[i],
                                      room);

        if (out[n].len > 7
            && (ngx_strncmp(out[n].data, "Binary/", 7) == 0
                || ngx_strncmp(out[n].data, "Bundle/", 7) == 0))
        {
            n++;
        }
    }

    return n;
}
