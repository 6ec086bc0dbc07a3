#include "ngx_http_dmp_refusals.h"


#define NGX_HTTP_DMP_ADDRESSES  1024
#define NGX_HTTP_DMP_WINDOW     60       /* seconds */
#define NGX_HTTP_DMP_REFUSALS   600      /* traced in that time, at most */

/*
 * One slot per hash of an address: two addresses that fall into one slot
 * evict each other, which traces more, as far as the most allows.
 */
typedef struct {
    uint32_t  hash;
    time_t    since;
    uint64_t  repeated;
} ngx_http_dmp_address_t;

static ngx_http_dmp_address_t  ngx_http_dmp_addresses[NGX_HTTP_DMP_ADDRESSES];

/* All addresses of this worker together. */
static struct {
    time_t      since;
    ngx_uint_t  traced;
} ngx_http_dmp_refusals;


uint32_t
ngx_http_dmp_address_hash(ngx_connection_t *c)
{
#if (NGX_HAVE_INET6)
    struct in6_addr  *address;

    if (c->sockaddr->sa_family == AF_INET6) {
        address = &((struct sockaddr_in6 *) c->sockaddr)->sin6_addr;

        if (!IN6_IS_ADDR_V4MAPPED(address)) {
            return ngx_murmur_hash2(address->s6_addr, 8);
        }
    }
#endif

    return ngx_murmur_hash2(c->addr_text.data, c->addr_text.len);
}


ngx_uint_t
ngx_http_dmp_refusal_traced(ngx_connection_t *c, uint64_t *repeated)
{
    time_t                   now;
    uint32_t                 hash;
    ngx_http_dmp_address_t  *slot;

    now = ngx_time();
    hash = ngx_http_dmp_address_hash(c);
    slot = &ngx_http_dmp_addresses[hash % NGX_HTTP_DMP_ADDRESSES];

    if (now - ngx_http_dmp_refusals.since >= NGX_HTTP_DMP_WINDOW) {
        ngx_http_dmp_refusals.since = now;
        ngx_http_dmp_refusals.traced = 0;
    }

    if (slot->hash == hash && slot->since != 0
        && (now - slot->since < NGX_HTTP_DMP_WINDOW
            || ngx_http_dmp_refusals.traced >= NGX_HTTP_DMP_REFUSALS))
    {
        slot->repeated++;
        return 0;
    }

    if (ngx_http_dmp_refusals.traced >= NGX_HTTP_DMP_REFUSALS) {
        return 0;
    }

    ngx_http_dmp_refusals.traced++;

    *repeated = (slot->hash == hash) ? slot->repeated : 0;

    slot->hash = hash;
    slot->since = now;
    slot->repeated = 0;

    return 1;
}
