/*
 * Which record host is behind a location, and by which addresses it is known.
 *
 * What says that an attachment is the host's own comes from here alone: from
 * the configuration, of all locations that lead to the host.  A client names
 * the gateway as it likes.
 */

#include "ngx_http_dmp_hosts.h"


#define NGX_HTTP_DMP_NAMES  (DMP_HOST_BASES - 1)


/* Of a host that was not given a name: the server's, and the FHIR base. */
static ngx_int_t
ngx_http_dmp_name_host(ngx_conf_t *cf, const ngx_http_dmp_location_t *location)
{
    u_char                    *p;
    ngx_http_dmp_loc_conf_t   *dlcf;
    ngx_http_core_srv_conf_t  *cscf;

    dlcf = ngx_http_dmp_location_conf(location);
    cscf = location->srv_conf[ngx_http_core_module.ctx_index];

    dlcf->host.len = cscf->server_name.len + dlcf->base.len;
    dlcf->host.data = ngx_pnalloc(cf->pool, dlcf->host.len + 1);

    if (dlcf->host.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(dlcf->host.data, cscf->server_name.data,
                   cscf->server_name.len);

    if (dlcf->base.len != 0) {
        ngx_memcpy(p, dlcf->base.data, dlcf->base.len);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dmp_is_same_host(const ngx_http_dmp_location_t *one,
    const ngx_http_dmp_location_t *two)
{
    ngx_str_t  *a, *b;

    a = &ngx_http_dmp_location_conf(one)->host;
    b = &ngx_http_dmp_location_conf(two)->host;

    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


/*
 * The index knows documents by their host's name: that two locations have one
 * by accident must not mix the documents of two hosts.
 */
static ngx_int_t
ngx_http_dmp_check_host(ngx_conf_t *cf, ngx_http_dmp_location_t *all,
    ngx_uint_t i)
{
    ngx_uint_t                k;
    const char               *why;
    ngx_http_dmp_loc_conf_t  *dlcf, *other;

    dlcf = ngx_http_dmp_location_conf(&all[i]);

    for (k = 0; k < i; k++) {

        other = ngx_http_dmp_location_conf(&all[k]);

        if (!ngx_http_dmp_location_is_base(&all[k])
            || !ngx_http_dmp_is_same_host(&all[k], &all[i]))
        {
            continue;
        }

        if (!all[i].named || !all[k].named) {
            why = "say with \"dmp_record_host NAME\" in each whether it is "
                  "one host or two";

        } else if (dlcf->by_index != other->by_index) {
            why = "say the same \"attachments=\" in each";

        } else {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location %V in %s:%ui and location %V in %s:%ui would "
                      "both have the record host \"%V\": %s",
                      &ngx_http_dmp_location_core(&all[k])->name,
                      other->file, other->line,
                      &ngx_http_dmp_location_core(&all[i])->name,
                      dlcf->file, dlcf->line, &dlcf->host, why);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Of a server: no pattern, and no word that stands for any name or none. */
static ngx_uint_t
ngx_http_dmp_server_is_plain(const ngx_str_t *name)
{
    u_char      c;
    size_t      i;
    ngx_uint_t  plain;

    plain = 0;

    for (i = 0; i < name->len; i++) {
        c = ngx_tolower(name->data[i]);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            plain = 1;
            continue;
        }

        if ((c == '.' && i == 0)
            || (c != '-' && c != '.' && c != '_' && c != ':' && c != '['
                && c != ']'))
        {
            return 0;
        }
    }

    return plain;
}


/* Once each; NGX_DECLINED: there are too many. */
static ngx_int_t
ngx_http_dmp_add_name(ngx_array_t *names, ngx_str_t name)
{
    ngx_str_t   *all;
    ngx_uint_t   i;

    all = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (all[i].len == name.len
            && ngx_memcmp(all[i].data, name.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    if (name.len == 0) {
        return NGX_OK;
    }

    if (i == NGX_HTTP_DMP_NAMES) {
        return NGX_DECLINED;
    }

    /* there is room for all of them */
    all = ngx_array_push(names);
    *all = name;

    return NGX_OK;
}


/* The path at that server, over TLS and not; its port, unless it is 0. */
static ngx_int_t
ngx_http_dmp_add_server(ngx_conf_t *cf, ngx_array_t *names,
    const ngx_str_t *server, in_port_t port, const ngx_str_t *path)
{
    ngx_int_t   rc;
    ngx_str_t   name;
    ngx_uint_t  tls;

    if (!ngx_http_dmp_server_is_plain(server)) {
        return NGX_OK;
    }

    rc = NGX_OK;

    for (tls = 0; rc == NGX_OK && tls < 2; tls++) {

        name.data = ngx_pnalloc(cf->pool, sizeof("https://:65535") + server->len
                                          + path->len);
        if (name.data == NULL) {
            return NGX_ERROR;
        }

        name.len = (size_t) (ngx_sprintf(name.data, "%s%V",
                                         tls ? "https://" : "http://", server)
                             - name.data);

        if (port != 0 && port != (tls ? 443 : 80)) {
            name.len += (size_t) (ngx_sprintf(name.data + name.len, ":%d",
                                              (int) port)
                                  - (name.data + name.len));
        }

        ngx_memcpy(name.data + name.len, path->data, path->len);
        name.len += path->len;

        rc = ngx_http_dmp_add_name(names, name);
    }

    return rc;
}


/* The name by which nginx's proxy asks the host, where it is not set. */
static ngx_int_t
ngx_http_dmp_add_proxy(ngx_conf_t *cf, const ngx_http_dmp_location_t *location,
    ngx_array_t *names)
{
    ngx_str_t                      local = ngx_string("localhost");
    ngx_str_t                     *host;
    ngx_http_upstream_conf_t      *proxy;
    ngx_http_upstream_srv_conf_t  *upstream;

    proxy = ngx_http_dmp_proxy_conf(cf, location);

    if (proxy == NULL || proxy->upstream == NULL) {
        return NGX_OK;
    }

    upstream = proxy->upstream;
    host = &upstream->host;

    if (host->len != 0 && host->data[0] == '/') {
        /* a socket of this machine */
        host = &local;
    }

    return ngx_http_dmp_add_server(cf, names, host,
                                   upstream->no_port ? 0 : upstream->port,
                                   &ngx_http_dmp_location_conf(location)->base);
}


/* What one location says of its record host. */
static ngx_int_t
ngx_http_dmp_add_names(ngx_conf_t *cf, const ngx_http_dmp_location_t *location,
    ngx_array_t *names)
{
    ngx_int_t                  rc;
    ngx_str_t                 *base;
    ngx_uint_t                 i;
    ngx_http_server_name_t    *server;
    ngx_http_dmp_loc_conf_t   *dlcf;
    ngx_http_core_srv_conf_t  *cscf;

    dlcf = ngx_http_dmp_location_conf(location);
    cscf = location->srv_conf[ngx_http_core_module.ctx_index];

    rc = ngx_http_dmp_add_name(names, dlcf->base);

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_add_proxy(cf, location, names);
    }

    base = (dlcf->host_bases != NULL) ? dlcf->host_bases->elts : NULL;

    for (i = 0; rc == NGX_OK && base != NULL && i < dlcf->host_bases->nelts;
         i++)
    {
        rc = ngx_http_dmp_add_name(names, base[i]);
    }

    server = cscf->server_names.elts;

    for (i = 0; rc == NGX_OK && i < cscf->server_names.nelts; i++) {
        rc = ngx_http_dmp_add_server(cf, names, &server[i].name, 0,
                                     &dlcf->base);
    }

    return rc;
}


/*
 * All addresses of its record host, whichever of the locations that lead to
 * it they come from: one array for all of these.
 */
static ngx_int_t
ngx_http_dmp_know_host(ngx_conf_t *cf, ngx_array_t *locations,
    const ngx_http_dmp_location_t *location)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_array_t              *names;
    ngx_http_dmp_location_t  *all;
    ngx_http_dmp_loc_conf_t  *dlcf;

    names = ngx_array_create(cf->pool, NGX_HTTP_DMP_NAMES, sizeof(ngx_str_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    all = locations->elts;

    for (i = 0; i < locations->nelts; i++) {

        dlcf = ngx_http_dmp_location_conf(&all[i]);

        if (dlcf->mode != NGX_HTTP_DMP_ON || !dlcf->fhir
            || !ngx_http_dmp_is_same_host(&all[i], location))
        {
            continue;
        }

        rc = ngx_http_dmp_add_names(cf, &all[i], names);

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "location %V in %s:%ui: its record host \"%V\" "
                          "comes to more than %d addresses, two for each name "
                          "of a server: give fewer in \"server_name\" of the "
                          "servers that lead to it, or split these among "
                          "record hosts of other names",
                          &ngx_http_dmp_location_core(&all[i])->name,
                          dlcf->file, dlcf->line, &dlcf->host,
                          NGX_HTTP_DMP_NAMES);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        dlcf->names = names;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_check_hosts(ngx_conf_t *cf, ngx_array_t *locations)
{
    ngx_uint_t                i;
    ngx_http_dmp_location_t  *all;
    ngx_http_dmp_loc_conf_t  *dlcf;

    all = locations->elts;

    for (i = 0; i < locations->nelts; i++) {

        all[i].named = (ngx_http_dmp_location_conf(&all[i])->host.len != 0);

        if (!all[i].named && ngx_http_dmp_name_host(cf, &all[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_dmp_location_is_base(&all[i])
            && ngx_http_dmp_check_host(cf, all, i) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < locations->nelts; i++) {

        dlcf = ngx_http_dmp_location_conf(&all[i]);

        if (dlcf->mode == NGX_HTTP_DMP_ON && dlcf->fhir && dlcf->names == NULL
            && ngx_http_dmp_know_host(cf, locations, &all[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
