/*
 * roundtrip.c: what the store itself costs one client at a time: a bare round
 * trip (PING), and the commit of one trace without a gateway.
 *
 *   roundtrip SOCKET MS [REPLICAS]
 *
 * With REPLICAS a commit is followed, in the same write, by a WAIT for so
 * many.  Prints one line of JSON: first decile, median and 99th percentile, in
 * microseconds.  The entries stand under keys of their own ("bench:..."), which
 * no gateway reads.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>


#define TRIPS_MAX     100000
#define MS_MAX        10000
#define BODY_LEN      800
#define HEAD_MAX      88
#define REPLICAS_MAX  16
#define WAIT_MS       1000


typedef void (*trip_pt)(redisContext *redis);

static char           head[HEAD_MAX];
static unsigned long  sequence;
static unsigned long  replicas;          /* 0: none is waited for */


static void
fail(const char *why)
{
    (void) fprintf(stderr, "roundtrip: %s\n", why);
    exit(1);
}


static uint64_t
now_ns(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fail("no clock");
    }

    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}


static void
ping(redisContext *redis)
{
    redisReply  *reply;

    reply = redisCommand(redis, "PING");

    if (reply == NULL || reply->type != REDIS_REPLY_STATUS) {
        fail("no PONG");
    }

    freeReplyObject(reply);
}


static redisReply *
next_reply(redisContext *redis)
{
    void  *reply;

    reply = NULL;

    if (redisGetReply(redis, &reply) != REDIS_OK || reply == NULL) {
        fail("the store is gone");
    }

    return reply;
}


static void
replicated(redisContext *redis)
{
    redisReply  *reply;

    reply = next_reply(redis);

    if (reply->type != REDIS_REPLY_INTEGER
        || (unsigned long) reply->integer < replicas)
    {
        fail("too few replicas had it in time");
    }

    freeReplyObject(reply);
}


/* The store compares heads and does not compute them: any hash will do. */
static void
commit(redisContext *redis)
{
    char         next[HEAD_MAX];
    redisReply  *reply;
    static char  body[BODY_LEN];

    memset(body, 'x', sizeof(body));
    sequence++;
    (void) snprintf(next, sizeof(next), "1:%lu:%043lu", sequence, sequence);

    (void) redisAppendCommand(redis, "FCALL dmp1_trace 5 bench:rec bench:trace "
                              "bench:idx bench:w bench:closed 0 %s %s %b",
                              head, next, body, sizeof(body));

    if (replicas > 0) {
        (void) redisAppendCommand(redis, "WAIT %lu %d", replicas, WAIT_MS);
    }

    reply = next_reply(redis);

    if (reply->type != REDIS_REPLY_STRING) {
        fail("a commit was refused");
    }

    memcpy(head, next, sizeof(head));
    freeReplyObject(reply);

    if (replicas > 0) {
        replicated(redis);
    }
}


static void
forget(redisContext *redis)
{
    redisReply  *reply;

    reply = redisCommand(redis, "DEL bench:rec bench:trace bench:idx bench:w");

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        fail("the keys of a run cannot be removed");
    }

    freeReplyObject(reply);
}


static int
compare(const void *a, const void *b)
{
    uint32_t  x, y;

    x = *(const uint32_t *) a;
    y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static void
measure(const char *name, redisContext *redis, trip_pt trip, uint64_t ms)
{
    size_t            n;
    uint64_t          start, end, now;
    static uint32_t   took[TRIPS_MAX];

    n = 0;
    now = now_ns();
    end = now + ms * 1000000;

    do {
        start = now;
        trip(redis);
        now = now_ns();
        took[n++] = (uint32_t) (now - start);
    } while (now < end && n < TRIPS_MAX);

    qsort(took, n, sizeof(took[0]), compare);

    (void) printf("\"%s_p10_us\":%.2f,\"%s_p50_us\":%.2f,"
                  "\"%s_p99_us\":%.2f", name, took[n / 10] / 1e3, name,
                  took[n / 2] / 1e3, name, took[n - 1 - n / 100] / 1e3);
}


int
main(int argc, char **argv)
{
    uint64_t       ms;
    redisContext  *redis;

    if (argc != 3 && argc != 4) {
        fail("roundtrip SOCKET MS [REPLICAS]");
    }

    ms = strtoul(argv[2], NULL, 10);

    if (ms == 0 || ms > MS_MAX) {
        fail("the time is out of bounds");
    }

    if (argc == 4) {
        replicas = strtoul(argv[3], NULL, 10);

        if (replicas == 0 || replicas > REPLICAS_MAX) {
            fail("the number of replicas is out of bounds");
        }
    }

    redis = redisConnectUnix(argv[1]);
    if (redis == NULL || redis->err) {
        fail("no store");
    }

    forget(redis);

    (void) printf("{");
    measure("ping", redis, ping, ms / 2);
    (void) printf(",");
    measure("commit", redis, commit, ms / 2);
    (void) printf("}\n");

    forget(redis);
    redisFree(redis);

    return 0;
}
