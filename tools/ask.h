/*
 * ask.h: commands of many words over the tools' connection to the store,
 * several on their way at once.
 */

#ifndef TOOL_ASK_H
#define TOOL_ASK_H

#include "store.h"


#define ASK_WORDS  (16 + 2 * DMP_BUCKETS_MAX)

typedef struct {
    size_t        n;
    const char   *data[ASK_WORDS];
    size_t        len[ASK_WORDS];
} ask_t;

void ask_text(ask_t *ask, const char *text);
void ask_bytes(ask_t *ask, const void *data, size_t len);

/* Queues a command; the replies come in order by ask_reply(). */
bool ask_send(store_t *store, const ask_t *ask);

/*
 * NULL after a complaint: the connection is lost, or the store said an error;
 * of those that begin with "but" nothing is said, and they are answers.
 */
redisReply *ask_reply(store_t *store, const char *but);

/* Both; true if it was answered. */
redisReply *ask_call(store_t *store, const ask_t *ask, const char *but);

#endif
