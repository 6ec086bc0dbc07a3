/*
 * audit_resp.h: the store's answers, one item after the other, without a tree:
 * a trace is read in millions of them.  RESP 2 and nothing else.
 */

#ifndef TOOL_AUDIT_RESP_H
#define TOOL_AUDIT_RESP_H

#include <sys/types.h>

#include <dmp/dmp.h>


#define AUDIT_BULK_MAX  (64 * 1024)      /* of a longer one, only its length */

typedef enum {
    AUDIT_ITEM_NONE = 0,
    AUDIT_ITEM_STATUS,
    AUDIT_ITEM_ERROR,
    AUDIT_ITEM_INTEGER,
    AUDIT_ITEM_BULK,
    AUDIT_ITEM_NIL,                      /* of both kinds */
    AUDIT_ITEM_ARRAY                     /* "number" items follow */
} audit_item_type_t;

/* text lives until the next one is read. */
typedef struct {
    audit_item_type_t  type;
    int64_t            number;           /* integer, items, bytes of a bulk */
    dmp_str_t          text;             /* status, error, bulk; empty where a
                                            bulk is too long: skipped */
    bool               skipped;
} audit_item_t;

/* As read(2) does; called again after what it gave was used up. */
typedef ssize_t (*audit_source_pt)(void *data, char *out, size_t size);

typedef struct {
    audit_source_pt   source;
    void             *data;
    char             *buf;
    size_t            pos;
    size_t            len;
    const char       *why;               /* after a false: for people */
} audit_resp_t;

/* False without memory. */
bool audit_resp_init(audit_resp_t *resp, audit_source_pt source, void *data);
void audit_resp_free(audit_resp_t *resp);

/* False: the source ended or failed, or that is no RESP; it stays so. */
bool audit_resp_next(audit_resp_t *resp, audit_item_t *item);

/* Each lives until the next one is read. */
typedef struct {
    dmp_str_t  id;
    dmp_str_t  body;
    dmp_str_t  outcome;
} audit_stream_entry_t;

/*
 * An entry of a stream, [id, ["b", body, "o", outcome]], in one step.  False,
 * and nothing was taken, where something else stands there, one of them is too
 * long, or not all of it was read yet: then item by item.
 */
bool audit_resp_entry(audit_resp_t *resp, audit_stream_entry_t *entry);

#endif
