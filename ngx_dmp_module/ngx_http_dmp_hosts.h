/*
 * The record hosts of a configuration: which protected locations lead to the
 * same one, and by which addresses it is known.
 */

#ifndef NGX_HTTP_DMP_HOSTS_H
#define NGX_HTTP_DMP_HOSTS_H

#include "ngx_http_dmp_module.h"


/*
 * Once all is merged: gives each host a name and each location the addresses
 * of its host.  Two hosts that would share a name by accident are an error,
 * and so are locations that say different things of one.
 */
ngx_int_t ngx_http_dmp_check_hosts(ngx_conf_t *cf, ngx_array_t *locations);

/* ngx_http_dmp_check.c: what the proxy module was told; NULL without one. */
ngx_http_upstream_conf_t *ngx_http_dmp_proxy_conf(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location);


static ngx_inline ngx_http_dmp_loc_conf_t *
ngx_http_dmp_location_conf(const ngx_http_dmp_location_t *location)
{
    return location->loc_conf[ngx_http_dmp_module.ctx_index];
}


static ngx_inline ngx_http_core_loc_conf_t *
ngx_http_dmp_location_core(const ngx_http_dmp_location_t *location)
{
    return location->loc_conf[ngx_http_core_module.ctx_index];
}


/* A FHIR base of its own; what "if" makes of it is the same once more. */
static ngx_inline ngx_uint_t
ngx_http_dmp_location_is_base(const ngx_http_dmp_location_t *location)
{
    ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_dmp_location_conf(location);

    return dlcf->mode == NGX_HTTP_DMP_ON && dlcf->fhir
           && !ngx_http_dmp_location_core(location)->noname;
}

#endif
