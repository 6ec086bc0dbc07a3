/*
 * commit.h: dmpctl as a writer of the trace: what every command shares that
 * changes what the store holds.
 */

#ifndef TOOL_COMMIT_H
#define TOOL_COMMIT_H

#include <dmp/dmp_trace.h>

#include "store.h"


typedef struct {
    store_t       *store;                /* borrowed; its meta was read */
    EVP_PKEY      *audit_key;
    dmp_writer_t  *writer;
    const char    *node;
    const char    *operator;
    char           host[256];            /* may hold the node */
} commit_t;

/* A change of a record; the strings are the caller's. */
typedef struct {
    unsigned         bucket;
    dmp_str_t        pseudonym;
    dmp_str_t        rec;                /* names of its keys */
    dmp_str_t        idx;
    uint64_t         version;            /* 0: there is none yet */
    uint64_t         next;
    dmp_operation_t  operation;
    const char      *route;
    dmp_str_t        sealed;             /* as version "next" */
} commit_change_t;

/* The names that were not given: this host's, and the user's. */
void commit_names(commit_t *c);

/* Opens an epoch of our own, and ends it with all heads signed. */
bool commit_begin(commit_t *c);
bool commit_end(commit_t *c);

/*
 * A new epoch before this one's hour is over, and heads signed now and then:
 * to be called between changes that are not traced one by one.
 */
bool commit_keep(commit_t *c);

/* Frees the writer and the key. */
void commit_free(commit_t *c);

/* The id of one command's entries; false after a complaint. */
bool commit_trace_id(char out[DMP_UUID_LEN]);

/* Traces that a command begins or has ended; time and subject are ours. */
bool commit_admin(commit_t *c, const dmp_admin_t *admin);

/*
 * Commits a new record with its trace.  TOOL_NO: traced as refused, since
 * another version than change->version is current.
 */
int commit_change(commit_t *c, const commit_change_t *change);

#endif
