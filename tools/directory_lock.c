/*
 * directory_lock.c: a key of the store with a random value, which expires
 * unless it is renewed: who was killed does not lock others out for long.
 */

#include <string.h>

#include <openssl/rand.h>

#include "directory_lock.h"


#define LOCK_KEY      "dmp:lock:directory"
#define LOCK_MS       "60000"
#define LOCK_RENEWED  15000              /* ms */


/* Only with our token in it: another's lock is never touched. */
static bool
lock_own(directory_lock_t *lock, const char *then)
{
    bool           ok;
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "EVAL");
    store_text(&args, then);
    store_text(&args, "1");
    store_text(&args, LOCK_KEY);
    store_bytes(&args, lock->token, sizeof(lock->token));
    store_text(&args, LOCK_MS);
    r = store_call(lock->store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_INTEGER && r->integer == 1;
    freeReplyObject(r);

    if (!ok) {
        tool_error("the lock %s was lost: this import took too long between "
                   "two steps, or the key was removed", LOCK_KEY);
    }

    return ok;
}


static void
lock_held(store_t *store)
{
    redisReply  *r;

    r = store_words(store, "PTTL " LOCK_KEY);

    if (r != NULL) {
        tool_error("another import of the directory is under way (%s, which "
                   "ends by itself %lld s after it stops)", LOCK_KEY,
                   r->type == REDIS_REPLY_INTEGER && r->integer > 0
                   ? (r->integer + 999) / 1000 : 0LL);
        freeReplyObject(r);
    }
}


bool
directory_lock(directory_lock_t *lock, store_t *store)
{
    bool            ok;
    dmp_buf_t       b;
    redisReply     *r;
    store_args_t    args;
    unsigned char   random[16];

    lock->store = store;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        tool_error("no random bytes");
        return false;
    }

    dmp_buf_init(&b, lock->token, sizeof(lock->token));
    dmp_buf_base64url(&b, random, sizeof(random));

    args.n = 0;
    store_text(&args, "SET");
    store_text(&args, LOCK_KEY);
    store_bytes(&args, lock->token, sizeof(lock->token));
    store_text(&args, "NX");
    store_text(&args, "PX");
    store_text(&args, LOCK_MS);
    lock->renewed_ms = tool_monotonic_ms();
    r = store_call(store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_STATUS;
    freeReplyObject(r);

    if (!ok) {
        lock_held(store);
    }

    return ok;
}


bool
directory_lock_keep(directory_lock_t *lock)
{
    int64_t  now;

    now = tool_monotonic_ms();

    if (now - lock->renewed_ms < LOCK_RENEWED) {
        return true;
    }

    lock->renewed_ms = now;

    return lock_own(lock, "if redis.call('GET', KEYS[1]) == ARGV[1] then "
                          "return redis.call('PEXPIRE', KEYS[1], ARGV[2]) "
                          "end return 0");
}


void
directory_unlock(directory_lock_t *lock)
{
    if (lock->store->redis->err != 0) {
        return;                      /* it ends by itself */
    }

    (void) lock_own(lock, "if redis.call('GET', KEYS[1]) == ARGV[1] then "
                          "return redis.call('DEL', KEYS[1]) "
                          "end return 0");
}
