/*
 * ask.c: commands of many words over the tools' connection to the
 * store, several on their way at once.
 */

#include <stdlib.h>
#include <string.h>

#include "ask.h"


void
ask_bytes(ask_t *ask, const void *data, size_t len)
{
    /* No command of ours has more words: a mistake must not go unseen. */
    if (ask->n == ASK_WORDS) {
        abort();
    }

    ask->data[ask->n] = data;
    ask->len[ask->n++] = len;
}


void
ask_text(ask_t *ask, const char *text)
{
    ask_bytes(ask, text, strlen(text));
}


bool
ask_send(store_t *store, const ask_t *ask)
{
    if (redisAppendCommandArgv(store->redis, (int) ask->n,
                               (const char **) (uintptr_t) ask->data,
                               ask->len) != REDIS_OK)
    {
        tool_error("store: %s", store->redis->errstr);
        return false;
    }

    return true;
}


redisReply *
ask_reply(store_t *store, const char *but)
{
    void        *reply;
    redisReply  *r;

    if (redisGetReply(store->redis, &reply) != REDIS_OK) {
        tool_error("store: %s", store->redis->errstr);
        return NULL;
    }

    r = reply;

    if (r->type == REDIS_REPLY_ERROR
        && (but == NULL || strncmp(r->str, but, strlen(but)) != 0))
    {
        tool_error("store: %s", r->str);
        freeReplyObject(r);
        return NULL;
    }

    return r;
}


redisReply *
ask_call(store_t *store, const ask_t *ask, const char *but)
{
    return ask_send(store, ask) ? ask_reply(store, but) : NULL;
}
