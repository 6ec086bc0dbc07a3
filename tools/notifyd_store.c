/*
 * notifyd_store.c: the outboxes: what others left, what a try begins and ends
 * with (what is new: notifyd_read.c).  Whom a message is given to, when it was
 * tried last and how often stands in the store alone: its list of what is
 * pending.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dmp/dmp_entry.h>

#include "notifyd.h"


#define OUTBOX_PAGE       100
#define OUTBOX_LET_GO_MS  "86400000"

static char  outbox_names[DMP_BUCKETS_MAX][DMP_KEY_NAME_MAX];


const char *
outbox_name(unsigned bucket)
{
    size_t  len;

    if (outbox_names[bucket][0] == '\0') {
        len = dmp_key_name(outbox_names[bucket], bucket, "outbox",
                           dmp_null_string);
        outbox_names[bucket][len] = '\0';
    }

    return outbox_names[bucket];
}


/* The group of each outbox begins with all that was ever written there. */
static bool
outbox_groups(notifyd_t *n)
{
    bool         ok;
    ask_t        ask;
    unsigned     i;
    redisReply  *r;

    for (i = 0; i < n->store.buckets; i++) {
        ask.n = 0;
        ask_text(&ask, "XGROUP");
        ask_text(&ask, "CREATE");
        ask_text(&ask, outbox_name(i));
        ask_text(&ask, NOTIFYD_GROUP);
        ask_text(&ask, "0");
        ask_text(&ask, "MKSTREAM");

        if (!ask_send(&n->store, &ask)) {
            return false;
        }
    }

    for (i = 0, ok = true; ok && i < n->store.buckets; i++) {
        r = ask_reply(&n->store, "BUSYGROUP");
        ok = r != NULL;
        freeReplyObject(r);
    }

    return ok;
}


bool
outbox_connect(notifyd_t *n)
{
    struct timeval   limit = { NOTIFYD_LIMIT_MS / 1000, 0 };
    store_options_t  where;

    where.address = n->setup.conf.redis;
    where.user = n->setup.conf.redis_user;
    where.password_file = n->setup.conf.redis_password_file;
    where.db = n->setup.conf.redis_db;

    if (!store_open(&n->store, &where)) {
        return false;
    }

    n->connected = redisSetTimeout(n->store.redis, limit) == REDIS_OK
                   && store_meta(&n->store) && outbox_groups(n)
                   && outbox_take_over(n, true);

    if (!n->connected) {
        store_close(&n->store);
    }

    return n->connected;
}


void
outbox_disconnect(notifyd_t *n)
{
    n->connected = false;
    store_close(&n->store);

    /* all of it is in the store, where it is looked for again */
    queue_clear(n);
    memset(n->places, 0, sizeof(n->places));
}


/* One line of XPENDING: id, whose, idle, how often it was given. */
static bool
outbox_line(const redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 4
           && r->element[0]->type == REDIS_REPLY_STRING
           && r->element[1]->type == REDIS_REPLY_STRING
           && r->element[2]->type == REDIS_REPLY_INTEGER
           && r->element[3]->type == REDIS_REPLY_INTEGER;
}


/* Its tries: the store's count is one more. */
static unsigned
outbox_tries(const redisReply *line)
{
    long long  count;

    count = line->element[3]->integer;

    return count > 1 ? (unsigned) (count < 1000000 ? count - 1 : 1000000) : 0;
}


/* Whether it has waited for its next try, whoever has it. */
static bool
outbox_ready(const notifyd_t *n, const redisReply *line)
{
    int64_t    wait;
    message_t  like;

    memset(&like, 0, sizeof(like));
    like.tries = outbox_tries(line);
    wait = queue_backoff(n, &like);

    return line->element[2]->integer >= n->setup.conf.takeover_ms
           && line->element[2]->integer >= wait;
}


/* Claims one, unless another instance was quicker. */
static bool
outbox_claim(notifyd_t *n, unsigned bucket, const redisReply *line, bool ours)
{
    char         idle[24], count[24];
    ask_t        ask;
    message_t   *m;
    redisReply  *r;

    ask.n = 0;
    ask_text(&ask, "XCLAIM");
    ask_text(&ask, outbox_name(bucket));
    ask_text(&ask, NOTIFYD_GROUP);
    ask_text(&ask, n->consumer);
    (void) snprintf(idle, sizeof(idle), "%lld",
                    ours ? 0LL : (long long) n->setup.conf.takeover_ms);
    ask_text(&ask, idle);
    ask_text(&ask, line->element[0]->str);
    ask_text(&ask, "RETRYCOUNT");
    (void) snprintf(count, sizeof(count), "%lld", line->element[3]->integer);
    ask_text(&ask, count);
    r = ask_call(&n->store, &ask, NULL);

    if (r == NULL || r->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(r);
        return false;
    }

    m = r->elements == 1 ? outbox_take(n, bucket, r->element[0]) : NULL;
    freeReplyObject(r);

    if (m != NULL) {
        m->tries = outbox_tries(line);
        m->due_ms = ours && m->tries != 0
                    ? tool_monotonic_ms() + queue_backoff(n, m) : 0;

        if (queue_hold(n, m) && !ours) {
            n->metrics.taken++;
        }
    }

    return true;
}


static bool
outbox_pending(notifyd_t *n, unsigned bucket, bool ours, const char *from)
{
    char   number[24];
    ask_t  ask;

    ask.n = 0;
    ask_text(&ask, "XPENDING");
    ask_text(&ask, outbox_name(bucket));
    ask_text(&ask, NOTIFYD_GROUP);

    if (!ours) {
        ask_text(&ask, "IDLE");
        (void) snprintf(number, sizeof(number), "%lld",
                        (long long) n->setup.conf.takeover_ms);
        ask_text(&ask, number);
    }

    ask_text(&ask, from);
    ask_text(&ask, "+");
    ask_text(&ask, "100");           /* OUTBOX_PAGE */

    if (ours) {
        ask_text(&ask, n->consumer);
    }

    return ask_send(&n->store, &ask);
}


/* Claims those of a page; from becomes the next one's begin, or empty. */
static bool
outbox_page(notifyd_t *n, unsigned bucket, bool ours, char *from, size_t size)
{
    bool         ok;
    size_t       i;
    uint64_t     ms, id;
    redisReply  *r, *line;

    from[0] = '\0';
    r = ask_reply(&n->store, NULL);
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;

    for (i = 0; ok && i < r->elements && n->n_held < NOTIFYD_HELD_MAX; i++) {
        line = r->element[i];
        ok = outbox_line(line)
             && dmp_stream_id_parse((dmp_str_t) { line->element[0]->str,
                                                  line->element[0]->len },
                                    &ms, &id);

        if (ok && !queue_has(n, bucket, ms, id)
            && (ours || outbox_ready(n, line)))
        {
            ok = outbox_claim(n, bucket, line, ours);
        }

        if (ok && i + 1 == OUTBOX_PAGE) {
            (void) snprintf(from, size, "(%s", line->element[0]->str);
        }
    }

    freeReplyObject(r);

    return ok;
}


bool
outbox_take_over(notifyd_t *n, bool ours)
{
    char      from[NOTIFYD_ID_MAX + 1];
    unsigned  i;

    for (i = 0; i < n->store.buckets; i++) {
        (void) snprintf(from, sizeof(from), "-");

        while (from[0] != '\0') {
            if (!outbox_pending(n, i, ours, from)
                || !outbox_page(n, i, ours, from, sizeof(from)))
            {
                return false;
            }
        }
    }

    return true;
}


bool
outbox_owned(notifyd_t *n, message_t *m, bool *ours)
{
    bool         ok;
    char         id[NOTIFYD_ID_MAX];
    ask_t        ask;
    redisReply  *r;

    /* it could not be taken from us so soon */
    if (tool_monotonic_ms() - m->owned_ms < n->setup.conf.takeover_ms / 2) {
        *ours = true;
        return true;
    }

    message_id(m, id);
    ask.n = 0;
    ask_text(&ask, "XPENDING");
    ask_text(&ask, outbox_name(m->bucket));
    ask_text(&ask, NOTIFYD_GROUP);
    ask_text(&ask, id);
    ask_text(&ask, id);
    ask_text(&ask, "1");
    r = ask_call(&n->store, &ask, NULL);
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;
    *ours = ok && r->elements == 1 && outbox_line(r->element[0])
            && strcmp(r->element[0]->element[1]->str, n->consumer) == 0;
    freeReplyObject(r);

    return ok;
}


/* XCLAIM by who has it: how long it was idle, or how often it was tried. */
static bool
outbox_mark(notifyd_t *n, const message_t *m, const char *idle,
    unsigned count)
{
    char   id[NOTIFYD_ID_MAX], number[24];
    ask_t  ask;

    message_id(m, id);
    ask.n = 0;
    ask_text(&ask, "XCLAIM");
    ask_text(&ask, outbox_name(m->bucket));
    ask_text(&ask, NOTIFYD_GROUP);
    ask_text(&ask, n->consumer);
    ask_text(&ask, "0");
    ask_text(&ask, id);
    ask_text(&ask, "IDLE");
    ask_text(&ask, idle);
    ask_text(&ask, "RETRYCOUNT");
    (void) snprintf(number, sizeof(number), "%u", count);
    ask_text(&ask, number);
    ask_text(&ask, "JUSTID");

    return ask_send(&n->store, &ask);
}


/* The try is counted before it is made: it may be what kills us. */
bool
outbox_begin(notifyd_t *n, message_t *m, bool *ours)
{
    bool         ok;
    redisReply  *r;

    r = outbox_mark(n, m, "0", m->tries + 2) ? ask_reply(&n->store, NULL)
                                             : NULL;
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY;
    *ours = ok && r->elements == 1
            && r->element[0]->type == REDIS_REPLY_STRING;
    freeReplyObject(r);

    if (*ours) {
        m->tries++;
        m->owned_ms = tool_monotonic_ms();
    }

    return ok;
}


void
outbox_let_go(notifyd_t *n)
{
    size_t            i, sent;
    redisReply       *r;
    const message_t  *m;

    for (i = 0, sent = 0; n->connected && i < n->n_held; i++) {
        m = n->held[i];

        if (m->tries == 0 && tool_monotonic_ms() - m->owned_ms
                             < n->setup.conf.takeover_ms / 2)
        {
            n->connected = outbox_mark(n, m, OUTBOX_LET_GO_MS, 1);
            sent++;
        }
    }

    for ( /* sent */ ; n->connected && sent != 0; sent--) {
        r = ask_reply(&n->store, NULL);
        n->connected = r != NULL;
        freeReplyObject(r);
    }
}


/* Only what was begun as a transaction is one: its begin is waited for. */
static bool
outbox_multi(notifyd_t *n)
{
    bool         ok;
    ask_t        ask;
    redisReply  *r;

    ask.n = 0;
    ask_text(&ask, "MULTI");
    r = ask_call(&n->store, &ask, NULL);
    ok = r != NULL;
    freeReplyObject(r);

    return ok;
}


/* Out of the list of what is pending, and out of the stream. */
static bool
outbox_remove(notifyd_t *n, const message_t *m)
{
    char   id[NOTIFYD_ID_MAX];
    ask_t  ask;

    message_id(m, id);
    ask.n = 0;
    ask_text(&ask, "XACK");
    ask_text(&ask, outbox_name(m->bucket));
    ask_text(&ask, NOTIFYD_GROUP);
    ask_text(&ask, id);

    if (!ask_send(&n->store, &ask)) {
        return false;
    }

    ask.n = 0;
    ask_text(&ask, "XDEL");
    ask_text(&ask, outbox_name(m->bucket));
    ask_text(&ask, id);

    return ask_send(&n->store, &ask);
}


/* The end of a transaction of so many commands: all of them were done. */
static bool
outbox_exec(notifyd_t *n, size_t commands)
{
    bool         ok;
    ask_t        ask;
    size_t       i, k;
    redisReply  *r;

    ask.n = 0;
    ask_text(&ask, "EXEC");
    ok = ask_send(&n->store, &ask);

    for (i = 0; ok && i <= commands; i++) {
        r = ask_reply(&n->store, NULL);
        ok = r != NULL;

        if (ok && i == commands) {
            ok = r->type == REDIS_REPLY_ARRAY && r->elements == commands;

            for (k = 0; ok && k < commands; k++) {
                ok = r->element[k]->type != REDIS_REPLY_ERROR;
            }

            if (!ok) {
                tool_error("store: EXEC: unexpected answer");
            }
        }

        freeReplyObject(r);
    }

    return ok;
}


bool
outbox_done(notifyd_t *n, const message_t *m)
{
    return outbox_multi(n) && outbox_remove(n, m) && outbox_exec(n, 2);
}


bool
outbox_dead(notifyd_t *n, const message_t *m)
{
    char      key[DMP_KEY_NAME_MAX], id[NOTIFYD_ID_MAX];
    char      tries[24], at[24];
    ask_t     ask;
    unsigned  i;

    message_id(m, id);
    (void) snprintf(tries, sizeof(tries), "%u", m->tries);
    (void) snprintf(at, sizeof(at), "%lld", (long long) tool_now_ms());

    ask.n = 0;
    ask_text(&ask, "XADD");
    ask_bytes(&ask, key, dmp_key_name(key, m->bucket, "dead",
                                      dmp_null_string));
    ask_text(&ask, "*");

    for (i = 0; i < m->n_fields * 2; i++) {
        ask_bytes(&ask, m->field[i].data, m->field[i].len);
    }

    ask_text(&ask, "id");
    ask_text(&ask, id);
    ask_text(&ask, "why");
    ask_text(&ask, n->why);
    ask_text(&ask, "tries");
    ask_text(&ask, tries);
    ask_text(&ask, "at");
    ask_text(&ask, at);

    return outbox_multi(n) && ask_send(&n->store, &ask)
           && outbox_remove(n, m) && outbox_exec(n, 3);
}


bool
outbox_count(notifyd_t *n)
{
    bool         ok;
    char         key[DMP_KEY_NAME_MAX];
    ask_t        ask;
    uint64_t     counts[2];
    unsigned     i;
    redisReply  *r;

    for (i = 0; i < n->store.buckets * 2; i++) {
        ask.n = 0;
        ask_text(&ask, "XLEN");
        ask_bytes(&ask, key, dmp_key_name(key, i / 2,
                                          i % 2 == 0 ? "outbox" : "dead",
                                          dmp_null_string));
        if (!ask_send(&n->store, &ask)) {
            return false;
        }
    }

    memset(counts, 0, sizeof(counts));

    for (i = 0, ok = true; ok && i < n->store.buckets * 2; i++) {
        r = ask_reply(&n->store, NULL);
        ok = r != NULL && r->type == REDIS_REPLY_INTEGER;
        counts[i % 2] += ok ? (uint64_t) r->integer : 0;
        freeReplyObject(r);
    }

    if (ok) {
        n->metrics.waiting = counts[0];
        n->metrics.dead = counts[1];
        n->metrics.counted_ms = tool_monotonic_ms();
    }

    return ok;
}
