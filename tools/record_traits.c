/*
 * record_traits.c: the sets under which a record is found by its patient's
 * traits.  They are hints: an entry too many opens nothing, one too few hides
 * a record from who looks for it.
 */

#include <string.h>

#include <dmp/dmp_traits.h>

#include "directory_import.h"
#include "record.h"


typedef struct {
    char    hash[DMP_TRAITS_MAX][DMP_TRAITS_HASH_LEN];
    size_t  n;
} record_traits_t;


static bool
traits_of(record_tool_t *t, const dmp_record_t *record, record_traits_t *out)
{
    out->n = 0;

    if (record != NULL
        && dmp_traits_of_record(t->pseudonym_key, record, out->hash, &out->n)
           != DMP_OK)
    {
        tool_error("the traits of a record could not be hashed");
        return false;
    }

    return true;
}


static bool
traits_among(const record_traits_t *traits, const char *hash)
{
    size_t  i;

    for (i = 0; i < traits->n; i++) {
        if (memcmp(traits->hash[i], hash, DMP_TRAITS_HASH_LEN) == 0) {
            return true;
        }
    }

    return false;
}


/* All are sent before the first is answered. */
static bool
traits_send(record_tool_t *t, const record_keys_t *keys, const char *verb,
    const record_traits_t *traits)
{
    char           key[DMP_TRAITS_KEY_MAX];
    size_t         i;
    redisReply    *r;
    store_args_t   args;

    for (i = 0; i < traits->n; i++) {
        args.n = 0;
        store_text(&args, verb);
        store_bytes(&args, key, dmp_traits_key(traits->hash[i], key));
        store_bytes(&args, keys->pseudonym, DMP_PSEUDONYM_LEN);

        if (!directory_send(&t->store, &args)) {
            return false;
        }
    }

    for (i = 0; i < traits->n; i++) {
        r = directory_receive(&t->store);

        if (r == NULL) {
            directory_drain(&t->store, traits->n - i - 1);
            return false;
        }

        freeReplyObject(r);
    }

    return true;
}


bool
record_traits_add(record_tool_t *t, const record_keys_t *keys,
    const dmp_record_t *record)
{
    record_traits_t  traits;

    return traits_of(t, record, &traits)
           && traits_send(t, keys, "SADD", &traits);
}


bool
record_traits_remove(record_tool_t *t, const record_keys_t *keys,
    const dmp_record_t *before, const dmp_record_t *record)
{
    size_t           i, n;
    record_traits_t  old, now;

    if (!traits_of(t, before, &old) || !traits_of(t, record, &now)) {
        return false;
    }

    for (i = 0, n = 0; i < old.n; i++) {
        if (!traits_among(&now, old.hash[i])) {
            memmove(old.hash[n++], old.hash[i], DMP_TRAITS_HASH_LEN);
        }
    }

    old.n = n;

    return traits_send(t, keys, "SREM", &old);
}
