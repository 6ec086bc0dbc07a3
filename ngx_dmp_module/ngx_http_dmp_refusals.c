#include "ngx_http_dmp_refusals.h"


#define NGX_HTTP_DMP_ADDRESSES  1024
#define NGX_HTTP_DMP_WINDOW     60       /* seconds */

/*
 * One slot per hash of an address: two addresses that fall into one slot
 * evict each other, which traces more, never less.
 */
typedef struct {
    uint32_t  hash;
    time_t    since;
    uint64_t  repeated;
} ngx_http_dmp_address_t;

static ngx_http_dmp_address_t  ngx_http_dmp_addresses[NGX_HTTP_DMP_ADDRESSES];


ngx_uint_t
ngx_http_dmp_refusal_traced(ngx_str_t *address, uint64_t *repeated)
{
    time_t                   now;
    uint32_t                 hash;
    ngx_http_dmp_address_t  *slot;

    now = ngx_time();
    hash = ngx_murmur_hash2(address->data, address->len);
    slot = &ngx_http_dmp_addresses[hash % NGX_HTTP_DMP_ADDRESSES];

    if (slot->hash == hash && slot->since != 0
        && now - slot->since < NGX_HTTP_DMP_WINDOW)
    {
        slot->repeated++;
        return 0;
    }

    *repeated = (slot->hash == hash) ? slot->repeated : 0;

    slot->hash = hash;
    slot->since = now;
    slot->repeated = 0;

    return 1;
}
