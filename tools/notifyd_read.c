/*
 * notifyd_read.c: what is new in the outboxes.  Few are taken at a time, so
 * that other instances have some; codes are looked for behind all others.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "notifyd.h"


#define OUTBOX_TOGETHER   8              /* buckets, and messages: one read */
#define OUTBOX_PAGE       100
#define OUTBOX_PEEK       256


static bool
outbox_later(uint64_t ms, uint64_t n, uint64_t than_ms, uint64_t than_n)
{
    return ms > than_ms || (ms == than_ms && n > than_n);
}


static bool
outbox_bucket(const notifyd_t *n, const redisReply *key, unsigned *bucket)
{
    if (key->type != REDIS_REPLY_STRING) {
        return false;
    }

    for (*bucket = 0; *bucket < n->store.buckets; (*bucket)++) {
        if (strcmp(outbox_name(*bucket), key->str) == 0) {
            return true;
        }
    }

    return false;
}


message_t *
outbox_take(notifyd_t *n, unsigned bucket, const redisReply *entry)
{
    place_t    *p;
    message_t  *m;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return NULL;                 /* it was removed meanwhile */
    }

    m = message_make(bucket, entry->element[0]->str, entry->element[1]);

    if (m != NULL) {
        m->owned_ms = tool_monotonic_ms();
        p = &n->places[bucket];

        if (outbox_later(m->ms, m->n, p->read_ms, p->read_n)) {
            p->read_ms = m->ms;
            p->read_n = m->n;
        }
    }

    return m;
}


/* Holds what XREADGROUP answered; how many in *got. */
static bool
outbox_new(notifyd_t *n, const redisReply *r, size_t *got)
{
    size_t             i, k;
    unsigned           bucket;
    message_t         *m;
    const redisReply  *list;

    *got = 0;

    if (r->type == REDIS_REPLY_NIL) {
        return true;
    }

    for (i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        list = r->element[i];

        if (list->type != REDIS_REPLY_ARRAY || list->elements != 2
            || !outbox_bucket(n, list->element[0], &bucket)
            || list->element[1]->type != REDIS_REPLY_ARRAY)
        {
            break;
        }

        for (k = 0; k < list->element[1]->elements; k++) {
            m = outbox_take(n, bucket, list->element[1]->element[k]);
            *got += 1;

            if (m != NULL) {
                (void) queue_hold(n, m);     /* what is not held is stored */
            }
        }
    }

    if (r->type != REDIS_REPLY_ARRAY || i != r->elements) {
        tool_error("store: XREADGROUP: unexpected answer");
        return false;
    }

    return true;
}


/* XREADGROUP of "together" buckets from that one on. */
static bool
outbox_read_some(notifyd_t *n, unsigned first, unsigned together,
    unsigned count, int64_t wait_ms, size_t *got)
{
    bool         ok;
    char         number[24], wait[24];
    ask_t        ask;
    unsigned     i;
    redisReply  *r;

    ask.n = 0;
    ask_text(&ask, "XREADGROUP");
    ask_text(&ask, "GROUP");
    ask_text(&ask, NOTIFYD_GROUP);
    ask_text(&ask, n->consumer);
    ask_text(&ask, "COUNT");
    (void) snprintf(number, sizeof(number), "%u", count);
    ask_text(&ask, number);

    if (wait_ms > 0) {
        ask_text(&ask, "BLOCK");
        (void) snprintf(wait, sizeof(wait), "%lld", (long long) wait_ms);
        ask_text(&ask, wait);
    }

    ask_text(&ask, "STREAMS");

    for (i = 0; i < together; i++) {
        ask_text(&ask, outbox_name((first + i) % n->store.buckets));
    }

    for (i = 0; i < together; i++) {
        ask_text(&ask, ">");
    }

    r = ask_call(&n->store, &ask, NULL);
    ok = r != NULL && outbox_new(n, r, got);
    freeReplyObject(r);

    return ok;
}


/* A few, so that other instances have something to do. */
bool
outbox_read(notifyd_t *n)
{
    size_t         got, all;
    unsigned       at, first, together;
    unsigned char  random[2];

    together = n->store.buckets < OUTBOX_TOGETHER ? n->store.buckets
                                                  : OUTBOX_TOGETHER;
    all = 0;
    first = RAND_bytes(random, sizeof(random)) == 1
            ? (random[0] * 256u + random[1]) % n->store.buckets : 0;

    for (at = 0; at < n->store.buckets && all < OUTBOX_TOGETHER;
         at += together)
    {
        if (!outbox_read_some(n, first + at, together, 1, 0, &got)) {
            return false;
        }

        all += got;
    }

    return true;
}


bool
outbox_wait(notifyd_t *n, int64_t wait_ms)
{
    size_t  got;

    return outbox_read_some(n, 0, n->store.buckets, 1,
                            wait_ms > 0 ? wait_ms : 1, &got);
}


/* Goes on looking through one outbox, for what cannot wait. */
static bool
outbox_peek(place_t *p, unsigned bucket, const redisReply *r)
{
    bool        ok;
    size_t      i;
    message_t  *m;

    ok = r->type == REDIS_REPLY_ARRAY;

    for (i = 0; ok && i < r->elements; i++) {
        ok = r->element[i]->type == REDIS_REPLY_ARRAY
             && r->element[i]->elements == 2
             && r->element[i]->element[0]->type == REDIS_REPLY_STRING;
        m = ok ? message_make(bucket, r->element[i]->element[0]->str,
                              r->element[i]->element[1]) : NULL;

        if (m == NULL) {
            return false;
        }

        p->peeked_ms = m->ms;
        p->peeked_n = m->n;

        if (m->rank == 0
            && outbox_later(m->ms, m->n, p->read_ms, p->read_n))
        {
            p->wanted_ms = m->ms;
            p->wanted_n = m->n;
        }

        message_free(m);
    }

    return ok;
}


/* One page of each outbox; *more: one was full. */
static bool
outbox_look(notifyd_t *n, bool *more)
{
    bool         ok;
    char         from[NOTIFYD_ID_MAX + 1], count[16];
    ask_t        ask;
    unsigned     i;
    redisReply  *r;

    (void) snprintf(count, sizeof(count), "%d", OUTBOX_PEEK);

    for (i = 0; i < n->store.buckets; i++) {
        ask.n = 0;
        ask_text(&ask, "XRANGE");
        ask_text(&ask, outbox_name(i));
        (void) snprintf(from, sizeof(from), "(%llu-%llu",
                        (unsigned long long) n->places[i].peeked_ms,
                        (unsigned long long) n->places[i].peeked_n);
        ask_text(&ask, from);
        ask_text(&ask, "+");
        ask_text(&ask, "COUNT");
        ask_text(&ask, count);

        if (!ask_send(&n->store, &ask)) {
            return false;
        }
    }

    *more = false;

    for (i = 0, ok = true; ok && i < n->store.buckets; i++) {
        r = ask_reply(&n->store, NULL);
        ok = r != NULL && outbox_peek(&n->places[i], i, r);
        *more = *more || (ok && r->elements == OUTBOX_PEEK);
        freeReplyObject(r);
    }

    return ok;
}


bool
outbox_codes(notifyd_t *n)
{
    bool      more;
    size_t    got;
    unsigned  i;
    place_t  *p;

    /* all there is, once; later only what came since */
    do {
        if (!outbox_look(n, &more)) {
            return false;
        }
    } while (more);

    for (i = 0; i < n->store.buckets; i++) {
        p = &n->places[i];

        while (outbox_later(p->wanted_ms, p->wanted_n, p->read_ms,
                            p->read_n))
        {
            if (!outbox_read_some(n, i, 1, OUTBOX_PAGE, 0, &got)) {
                return false;
            }

            if (got < OUTBOX_PAGE) {
                break;               /* the rest others have taken */
            }
        }

        p->wanted_ms = 0;
        p->wanted_n = 0;
    }

    return true;
}
