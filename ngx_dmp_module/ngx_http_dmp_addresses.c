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


static void
ngx_http_dmp_address_add(dmp_addresses_t *addresses, dmp_str_t base)
{
    unsigned  i;

    for (i = 0; i < addresses->n_bases; i++) {
        if (dmp_str_eq(addresses->bases[i], base)) {
            return;
        }
    }

    if (base.len != 0 && addresses->n_bases < DMP_HOST_BASES) {
        addresses->bases[addresses->n_bases++] = base;
    }
}


/* The name that the proxy asks the host by; r is a request that it was. */
static ngx_int_t
ngx_http_dmp_address_proxy(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    dmp_str_t                   base;
    ngx_str_t                   name;
    ngx_http_variable_value_t  *value;

    if (r == NULL || r->upstream == NULL) {
        return NGX_OK;
    }

    value = ngx_http_get_flushed_variable(r,
                                        (ngx_uint_t) ngx_http_dmp_proxy_host);

    if (value == NULL || value->not_found
        || !ngx_http_dmp_name_is_plain(value->data, value->len))
    {
        return NGX_OK;
    }

    name.data = value->data;
    name.len = value->len;

    if (ngx_http_dmp_address(r, (char *) r->upstream->schema.data,
                             r->upstream->schema.len, name, &base)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_address_add(addresses, base);

    return NGX_OK;
}


static void
ngx_http_dmp_address_names(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    ngx_str_t                      *name;
    ngx_uint_t                      i;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    name = (dlcf->names != NULL) ? dlcf->names->elts : NULL;

    for (i = 0; name != NULL && i < dlcf->names->nelts; i++) {
        ngx_http_dmp_address_add(addresses, ngx_http_dmp_str(name[i]));
    }
}


ngx_int_t
ngx_http_dmp_claim_addresses(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_addresses_t *addresses)
{
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memzero(addresses, sizeof(dmp_addresses_t));
    addresses->ours = ngx_http_dmp_str(dlcf->base);

    if (ngx_http_dmp_address_proxy(ctx->question.answered, addresses)
        != NGX_OK
        || ngx_http_dmp_address_proxy(r, addresses) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_address_names(r, addresses);

    return NGX_OK;
}


#define ngx_http_dmp_scheme(s)  s, sizeof(s) - 1

/* The client's own name for us; a host may have been told it, and repeat it. */
static ngx_int_t
ngx_http_dmp_address_ours(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    ngx_str_t   name;
    dmp_str_t   secure, plain;

    name = r->headers_in.host->value;

    if (ngx_http_dmp_address(r, ngx_http_dmp_scheme("https://"), name, &secure)
        != NGX_OK
        || ngx_http_dmp_address(r, ngx_http_dmp_scheme("http://"), name,
                                &plain)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_address_add(addresses, secure);
    ngx_http_dmp_address_add(addresses, plain);

#if (NGX_HTTP_SSL)
    addresses->ours = (r->connection->ssl != NULL) ? secure : plain;
#else
    addresses->ours = plain;
#endif

    /* and without its port, which many leave out */
    name = r->headers_in.server;

    if (!ngx_http_dmp_name_is_plain(name.data, name.len)) {
        return NGX_OK;
    }

    if (ngx_http_dmp_address(r, ngx_http_dmp_scheme("https://"), name, &secure)
        != NGX_OK
        || ngx_http_dmp_address(r, ngx_http_dmp_scheme("http://"), name,
                                &plain)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_address_add(addresses, secure);
    ngx_http_dmp_address_add(addresses, plain);

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_host_addresses(ngx_http_request_t *r, dmp_addresses_t *addresses)
{
    ngx_table_elt_t                *host;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memzero(addresses, sizeof(dmp_addresses_t));
    addresses->ours = ngx_http_dmp_str(dlcf->base);

    if (ngx_http_dmp_address_proxy(r, addresses) != NGX_OK) {
        return NGX_ERROR;
    }

    host = r->headers_in.host;

    if (host != NULL
        && ngx_http_dmp_name_is_plain(host->value.data, host->value.len)
        && ngx_http_dmp_address_ours(r, addresses) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_address_names(r, addresses);

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


/* The host's name in "scheme://user@name:port/" or "//name/"; else empty. */
static dmp_str_t
ngx_http_dmp_authority(dmp_str_t address)
{
    size_t  i, from;

    for (i = 0; i + 1 < address.len; i++) {

        if (address.data[i] == '/' && address.data[i + 1] == '/') {
            break;
        }

        if (address.data[i] == '/' || address.data[i] == '?'
            || address.data[i] == '#')
        {
            return dmp_null_string;
        }
    }

    if (i + 1 >= address.len) {
        return dmp_null_string;
    }

    from = i + 2;

    for (i = from; i < address.len; i++) {

        if (address.data[i] == '@') {
            from = i + 1;
        }

        if (address.data[i] == '/' || address.data[i] == '?'
            || address.data[i] == '#'
            || (address.data[i] == ':' && i > from))
        {
            break;
        }
    }

    /* "name." is "name" */
    if (i > from && address.data[i - 1] == '.') {
        i--;
    }

    return (dmp_str_t) { address.data + from, i - from };
}


/* It is relative, or its host has one of the names, whatever else differs. */
static ngx_uint_t
ngx_http_dmp_authority_known(const dmp_addresses_t *addresses,
    dmp_str_t address)
{
    unsigned   i;
    dmp_str_t  name, known;

    name = ngx_http_dmp_authority(address);

    if (name.len == 0) {
        return 1;
    }

    for (i = 0; i < addresses->n_bases; i++) {
        known = ngx_http_dmp_authority(addresses->bases[i]);

        if (known.len == name.len
            && ngx_strncasecmp((u_char *) known.data, (u_char *) name.data,
                               name.len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_dmp_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.';
}


/* "Binary/ID" or "Bundle/ID", wherever it stands in the address. */
dmp_str_t
ngx_http_dmp_attachment_loose(const dmp_addresses_t *addresses,
    dmp_str_t address)
{
    size_t       i, end;
    const char  *p;

    if (address.len < sizeof("Binary/")
        || !ngx_http_dmp_authority_known(addresses, address))
    {
        return dmp_null_string;
    }

    for (i = address.len - (sizeof("Binary/") - 1); i != 0; i--) {

        p = address.data + i - 1;

        if (ngx_strncmp(p, "Binary/", 7) != 0
            && ngx_strncmp(p, "Bundle/", 7) != 0)
        {
            continue;
        }

        end = i - 1 + 7;

        while (end < address.len && ngx_http_dmp_id_char(address.data[end])) {
            end++;
        }

        if (end > i - 1 + 7 && end - (i - 1 + 7) <= 64) {
            return (dmp_str_t) { p, end - (i - 1) };
        }
    }

    return dmp_null_string;
}
