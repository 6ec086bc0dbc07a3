/*
 * notifyd_queue.c: the messages that this instance holds, and whose turn it
 * is.  What is held is a copy: the store knows each one, and to whom it is
 * given, so that nothing is lost with us.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include <dmp/dmp_entry.h>

#include "notifyd.h"


#define QUEUE_PAUSE_MS       1000        /* of a channel, doubled each time */
#define QUEUE_PAUSE_MOST_MS  15000
#define QUEUE_ASKED_MOST_MS  60000       /* what a peer may ask us to wait */
#define QUEUE_DOUBLED        20          /* times, at most */

typedef struct {
    const char  *name;
    unsigned     rank;
} queue_kind_t;

static const queue_kind_t  queue_kinds[KIND_N] = {
    [KIND_UNKNOWN] =           { "unknown", 4 },
    [KIND_CODE] =              { "code", 0 },
    [KIND_PASSWORD] =          { "password", 0 },
    [KIND_FIRST_ACCESS] =      { "first-access", 1 },
    [KIND_EMERGENCY_ACCESS] =  { "emergency-access", 1 },
    [KIND_DOCUMENT_ADDED] =    { "document-added", 2 },
    [KIND_RECORD_CREATED] =    { "record-created", 3 },
    [KIND_RIGHTS_CHANGED] =    { "rights-changed", 4 },
    [KIND_PASSWORD_CHANGED] =  { "password-changed", 4 },
    [KIND_CONTACT_CHANGED] =   { "contact-changed", 4 },
    [KIND_EMERGENCY_CHANGED] = { "emergency-changed", 4 }
};


const char *
kind_name(kind_t kind)
{
    return kind < KIND_N ? queue_kinds[kind].name : "unknown";
}


const char *
channel_name(channel_t channel)
{
    static const char *const  names[CHANNEL_N] = { "none", "email", "sms" };

    return channel < CHANNEL_N ? names[channel] : "none";
}


const char *
result_name(result_t result)
{
    static const char *const  names[RESULT_N] = {
        "retried", "channel-down", "dead", "sent", "expired", "nobody"
    };

    return result < RESULT_N ? names[result] : "retried";
}


static kind_t
queue_kind(dmp_str_t name)
{
    size_t  i;

    for (i = KIND_UNKNOWN + 1; i < KIND_N; i++) {
        if (dmp_str_eq(name, (dmp_str_t) { queue_kinds[i].name,
                                           strlen(queue_kinds[i].name) }))
        {
            return (kind_t) i;
        }
    }

    return KIND_UNKNOWN;
}


dmp_str_t
message_field(const message_t *m, const char *name)
{
    unsigned  i;

    for (i = 0; i < m->n_fields; i++) {
        if (dmp_str_eq(m->field[i * 2], (dmp_str_t) { name, strlen(name) })) {
            return m->field[i * 2 + 1];
        }
    }

    return dmp_null_string;
}


/* How many fields can be kept; more than a gateway ever writes. */
static size_t
queue_fields(const redisReply *fields, size_t *size)
{
    size_t  i, n;

    n = fields->type == REDIS_REPLY_ARRAY ? fields->elements / 2 : 0;
    n = n < NOTIFYD_FIELDS ? n : NOTIFYD_FIELDS;

    for (i = 0, *size = 0; i < n * 2; i++) {
        if (fields->element[i]->type != REDIS_REPLY_STRING) {
            return i / 2;
        }

        *size += fields->element[i]->len;
    }

    return n;
}


message_t *
message_make(unsigned bucket, const char *id, const redisReply *fields)
{
    char        *p;
    size_t       i, n, size;
    message_t   *m;

    n = queue_fields(fields, &size);
    m = calloc(1, sizeof(*m) + n * 2 * sizeof(m->field[0]) + size);

    if (m == NULL) {
        tool_error("no memory");
        return NULL;
    }

    if (!dmp_stream_id_parse((dmp_str_t) { id, strlen(id) }, &m->ms, &m->n)) {
        tool_error("store: an id is none");
        free(m);
        return NULL;
    }

    p = (char *) &m->field[n * 2];

    for (i = 0; i < n * 2; i++) {
        m->field[i] = (dmp_str_t) { p, fields->element[i]->len };
        memcpy(p, fields->element[i]->str, fields->element[i]->len);
        p += fields->element[i]->len;
    }

    m->n_fields = (unsigned) n;
    m->bucket = bucket;
    m->kind = queue_kind(message_field(m, "k"));
    m->rank = queue_kinds[m->kind].rank;

    return m;
}


void
message_free(message_t *m)
{
    free(m);                         /* what is secret in it is sealed */
}


void
message_id(const message_t *m, char out[NOTIFYD_ID_MAX])
{
    (void) snprintf(out, NOTIFYD_ID_MAX, "%llu-%llu",
                    (unsigned long long) m->ms, (unsigned long long) m->n);
}


/* Three to five quarters of it: instances must not knock all at once. */
static int64_t
queue_jitter(int64_t ms)
{
    unsigned char  random[2];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return ms;
    }

    return ms * 3 / 4 + ms * (random[0] * 256 + random[1]) / 65536 / 2;
}


static int64_t
queue_doubled(int64_t first, unsigned times, int64_t most)
{
    unsigned  i;

    for (i = 0; i < times && i < QUEUE_DOUBLED && first < most; i++) {
        first *= 2;
    }

    return first < most ? first : most;
}


int64_t
queue_backoff(const notifyd_t *n, const message_t *m)
{
    int64_t  most;

    if (m->tries == 0) {
        return 0;
    }

    most = n->setup.conf.retry_most_ms;

    if (m->kind == KIND_CODE && most > NOTIFYD_RETRY_CODE_MS) {
        most = NOTIFYD_RETRY_CODE_MS;
    }

    return queue_jitter(queue_doubled(n->setup.conf.retry_first_ms,
                                      m->tries - 1, most));
}


bool
queue_has(const notifyd_t *n, unsigned bucket, uint64_t ms, uint64_t id)
{
    size_t            i;
    const message_t  *m;

    for (i = 0; i < n->n_held; i++) {
        m = n->held[i];

        if (m->bucket == bucket && m->ms == ms && m->n == id) {
            return true;
        }
    }

    return n->done != NULL && n->done->bucket == bucket && n->done->ms == ms
           && n->done->n == id;
}


/* The last one of those that can wait makes room for a code. */
static bool
queue_room(notifyd_t *n, const message_t *m)
{
    size_t  i, last;

    if (n->n_held < NOTIFYD_HELD_MAX) {
        return true;
    }

    for (i = 0, last = 0; i < n->n_held; i++) {
        if (n->held[i]->rank >= n->held[last]->rank) {
            last = i;
        }
    }

    if (m->rank >= n->held[last]->rank) {
        return false;
    }

    message_free(n->held[last]);
    n->held[last] = n->held[--n->n_held];

    return true;
}


bool
queue_hold(notifyd_t *n, message_t *m)
{
    if (queue_has(n, m->bucket, m->ms, m->n) || !queue_room(n, m)) {
        message_free(m);
        return false;
    }

    n->held[n->n_held++] = m;

    return true;
}


void
queue_drop(notifyd_t *n, message_t *m)
{
    size_t  i;

    for (i = 0; i < n->n_held; i++) {
        if (n->held[i] == m) {
            n->held[i] = n->held[--n->n_held];
            return;
        }
    }
}


void
queue_clear(notifyd_t *n)
{
    while (n->n_held != 0) {
        message_free(n->held[--n->n_held]);
    }
}


/* When it may be tried: its own time, and that of its channel. */
static int64_t
queue_when(const notifyd_t *n, const message_t *m)
{
    int64_t  until;

    until = m->channel != CHANNEL_NONE ? n->pauses[m->channel].until_ms : 0;

    return m->due_ms > until ? m->due_ms : until;
}


static bool
queue_before(const message_t *a, const message_t *b)
{
    return a->rank != b->rank ? a->rank < b->rank
           : a->ms != b->ms ? a->ms < b->ms : a->n < b->n;
}


message_t *
queue_next(const notifyd_t *n, int64_t now, int64_t *next_ms)
{
    size_t      i;
    int64_t     when;
    message_t  *m, *best;

    best = NULL;

    for (i = 0; i < n->n_held; i++) {
        m = n->held[i];
        when = queue_when(n, m);

        if (when > now) {
            *next_ms = when < *next_ms ? when : *next_ms;

        } else if (best == NULL || queue_before(m, best)) {
            best = m;
        }
    }

    return best;
}


size_t
queue_due(const notifyd_t *n, int64_t now)
{
    size_t  i, due;

    for (i = 0, due = 0; i < n->n_held; i++) {
        due += queue_when(n, n->held[i]) <= now;
    }

    return due;
}


/*
 * Twice as long as the try took, beside: however slowly a channel fails, it
 * takes no more than a third of our time from the other one.
 */
void
queue_pause(notifyd_t *n, channel_t channel, int64_t began, int64_t asked_ms)
{
    int64_t   now, first, ms;
    pause_t  *pause;

    pause = &n->pauses[channel];
    now = tool_monotonic_ms();
    first = n->setup.conf.retry_first_ms;
    ms = queue_jitter(queue_doubled(first < QUEUE_PAUSE_MS ? first
                                                           : QUEUE_PAUSE_MS,
                                    pause->fails, QUEUE_PAUSE_MOST_MS));
    ms += (now - began) * 2;

    if (asked_ms > QUEUE_ASKED_MOST_MS) {
        asked_ms = QUEUE_ASKED_MOST_MS;
    }

    pause->until_ms = now + (ms > asked_ms ? ms : asked_ms);

    if (pause->fails++ == 0) {
        tool_error("%s: down: %s", channel_name(channel), n->why);
    }
}
