/*
 * audit_link.h: many questions to the store at once, and their answers in
 * order, item by item.  Between a send and the last of its answers nothing
 * else may use the connection.
 */

#ifndef TOOL_AUDIT_LINK_H
#define TOOL_AUDIT_LINK_H

#include "audit_resp.h"
#include "store.h"


typedef struct {
    store_t       *store;                /* borrowed */
    audit_resp_t   resp;
} audit_link_t;

/* False after a complaint. */
bool audit_link_open(audit_link_t *link, store_t *store);
void audit_link_close(audit_link_t *link);

/* Keeps a question; sends all that were kept.  False after a complaint. */
bool audit_link_ask(audit_link_t *link, const store_args_t *args);
bool audit_link_send(audit_link_t *link);

/*
 * The next item; an error of the store is one, too.  False after a complaint:
 * the connection can then be used no more, by nobody.
 */
bool audit_link_next(audit_link_t *link, audit_item_t *item);

/* Like audit_resp_entry(): false is no failure, but to be read by items. */
bool audit_link_entry(audit_link_t *link, audit_stream_entry_t *entry);

/* Answers are left that nobody will read: nothing may use the connection. */
void audit_link_abandon(audit_link_t *link);

/*
 * An answer to that command is not of the kind that it must be: the same, and
 * always false.
 */
bool audit_link_odd(audit_link_t *link, const char *command,
    const audit_item_t *item);

#endif
