/*
 * audit_link.c: the pipelined side of the tools' connection.  Questions go out
 * through hiredis; answers are read past it, which has none of its own then.
 */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit_link.h"


#define LINK_ERROR_MAX  512             /* of the store's words */


static ssize_t
link_read(void *data, char *out, size_t size)
{
    ssize_t        n;
    audit_link_t  *link;

    link = data;

    do {
        n = read(link->store->redis->fd, out, size);
    } while (n < 0 && errno == EINTR);

    return n;
}


bool
audit_link_open(audit_link_t *link, store_t *store)
{
    link->store = store;

    if (!audit_resp_init(&link->resp, link_read, link)) {
        tool_error("no memory");
        return false;
    }

    return true;
}


void
audit_link_close(audit_link_t *link)
{
    audit_resp_free(&link->resp);
}


void
audit_link_abandon(audit_link_t *link)
{
    /* It fails where the connection is lost already, which is as good. */
    (void) shutdown(link->store->redis->fd, SHUT_RDWR);
}


/* What is left in the connection would be taken for other answers. */
static bool
link_lost(audit_link_t *link, const char *why)
{
    tool_error("store: %s", why);
    audit_link_abandon(link);

    return false;
}


bool
audit_link_ask(audit_link_t *link, const store_args_t *args)
{
    if (redisAppendCommandArgv(link->store->redis, (int) args->n,
                               (const char **) (uintptr_t) args->data,
                               args->len) != REDIS_OK)
    {
        return link_lost(link, link->store->redis->errstr);
    }

    return true;
}


bool
audit_link_send(audit_link_t *link)
{
    int  done;

    do {
        if (redisBufferWrite(link->store->redis, &done) != REDIS_OK) {
            return link_lost(link, link->store->redis->errstr);
        }
    } while (done == 0);

    return true;
}


bool
audit_link_next(audit_link_t *link, audit_item_t *item)
{
    return audit_resp_next(&link->resp, item)
           || link_lost(link, link->resp.why);
}


bool
audit_link_entry(audit_link_t *link, audit_stream_entry_t *entry)
{
    return audit_resp_entry(&link->resp, entry);
}


bool
audit_link_odd(audit_link_t *link, const char *command,
    const audit_item_t *item)
{
    char  why[LINK_ERROR_MAX];

    if (item->type == AUDIT_ITEM_ERROR) {
        (void) snprintf(why, sizeof(why), "%s: %.*s", command,
                        (int) item->text.len, item->text.data);

    } else {
        (void) snprintf(why, sizeof(why), "%s: unexpected answer", command);
    }

    return link_lost(link, why);
}
