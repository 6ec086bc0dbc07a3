/*
 * How often an address may try to sign in: a bucket that leaks, as limit_req
 * has it, in the shared zone, for all workers of this machine.  How often an
 * account may be tried, the store counts.
 */

#include "ngx_http_dmp_refusals.h"
#include "ngx_http_dmp_session.h"


/*
 * Two addresses that fall into one slot share it: who waits for another's
 * attempts waits some seconds.
 */
static ngx_http_dmp_zone_attempts_t *
ngx_http_dmp_attempts_slot(ngx_connection_t *c)
{
    uint32_t  hash;

    hash = ngx_http_dmp_address_hash(c);

    return &ngx_http_dmp_zone->attempts[hash % NGX_HTTP_DMP_ZONE_ATTEMPTS];
}


ngx_uint_t
ngx_http_dmp_address_waits(ngx_connection_t *c,
    const ngx_http_dmp_main_conf_t *conf)
{
    ngx_msec_t                     now, passed;
    ngx_uint_t                     excess, wait;
    ngx_http_dmp_zone_attempts_t  *slot;

    if (ngx_http_dmp_zone == NULL) {
        return 1;
    }

    slot = ngx_http_dmp_attempts_slot(c);
    now = ngx_current_msec;
    wait = 0;

    ngx_http_dmp_zone_lock();

    /* thousandths of an attempt, a minute's rate at a time */
    passed = ngx_max(ngx_min((ngx_msec_int_t) (now - slot->at), 3600000), 0);
    excess = conf->signin_rate * passed / 60;
    excess = (slot->excess > excess) ? slot->excess - excess : 0;

    if (excess > conf->signin_burst * 1000) {
        wait = (excess - conf->signin_burst * 1000) * 60
               / (conf->signin_rate * 1000) + 1;

    } else {
        slot->excess = excess + 1000;
        slot->at = now;
    }

    ngx_http_dmp_zone_unlock();

    return wait;
}


char *
ngx_http_dmp_signin_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_int_t                  rate, burst;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->signin_rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    burst = 10;
    rate = NGX_ERROR;

    if (value[1].len > 3
        && ngx_strncmp(value[1].data + value[1].len - 3, "r/m", 3) == 0)
    {
        rate = ngx_atoi(value[1].data, value[1].len - 3);
    }

    if (rate <= 0 || rate > 10000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid rate \"%V\": it is "
                           "1r/m to 10000r/m", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        if (value[2].len <= 6 || ngx_strncmp(value[2].data, "burst=", 6) != 0
            || (burst = ngx_atoi(value[2].data + 6, value[2].len - 6)) <= 0
            || burst > 10000)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    dmcf->signin_rate = (ngx_uint_t) rate;
    dmcf->signin_burst = (ngx_uint_t) burst;

    return NGX_CONF_OK;
}
