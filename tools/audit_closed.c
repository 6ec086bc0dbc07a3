/*
 * audit_closed.c: the set dmp:closed, read strictly: a member that is no
 * bucket's number as gateways write it must not pass for another, nor for
 * none.
 */

#include <string.h>

#include "audit_closed.h"


/* Decimal digits, without a zero in front; false: it is no bucket. */
static bool
closed_number(const redisReply *r, unsigned buckets, unsigned *bucket)
{
    size_t    i;
    unsigned  n;

    if (r->type != REDIS_REPLY_STRING || r->len == 0 || r->len > 4
        || (r->str[0] == '0' && r->len > 1))
    {
        return false;
    }

    for (i = 0, n = 0; i < r->len; i++) {
        if (r->str[i] < '0' || r->str[i] > '9') {
            return false;
        }

        n = n * 10 + (unsigned) (r->str[i] - '0');
    }

    *bucket = n;

    return n < buckets;
}


bool
audit_closed(store_t *store, unsigned char closed[DMP_BUCKETS_MAX])
{
    bool         ok;
    size_t       i;
    unsigned     bucket;
    redisReply  *r;

    memset(closed, 0, DMP_BUCKETS_MAX);
    r = store_words(store, "SMEMBERS dmp:closed");

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_ARRAY;

    if (!ok) {
        tool_error("store: SMEMBERS: unexpected answer");
    }

    for (i = 0; ok && i < r->elements; i++) {
        ok = closed_number(r->element[i], store->buckets, &bucket);

        if (ok) {
            closed[bucket] = 1;

        } else {
            tool_error("store: dmp:closed has \"%.32s\", which is no bucket: "
                       "find out who put it there, and take it out (SREM)",
                       r->element[i]->type == REDIS_REPLY_STRING
                       ? r->element[i]->str : "(no text)");
        }
    }

    freeReplyObject(r);

    return ok;
}
