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
    uint64_t       id_ms;                /* when the last entry that was
                                            acknowledged was, by the store */
    bool           closed;               /* the store has refused an entry,
                                            and said so: nothing was written */
} commit_t;

/* What is asked of a record; what it points to is the caller's. */
typedef struct {
    unsigned                bucket;
    dmp_str_t               pseudonym;
    dmp_str_t               rec;         /* names of its keys */
    dmp_str_t               idx;
    dmp_str_t               trace_id;
    uint64_t                version;     /* 0: there is none yet */
    const dmp_request_t    *request;
    const dmp_decision_t   *decision;
    dmp_str_t               policy;      /* digest; empty: none was asked */
    dmp_trace_document_t    document;    /* id empty: none */
    dmp_str_t               details;     /* sealed; empty: none */
    uint64_t                next;        /* of a change: the version it makes */
    dmp_str_t               sealed;      /* the record as that version */
    const char             *notice;      /* who owns it is told; NULL: not */
    dmp_str_t               told;        /* what goes with that, sealed; empty:
                                            nothing */
    bool                    ends_sessions;   /* all of the holder's */
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

/* Who asks: the operator, as the rules know one. */
void commit_subject(const commit_t *c, dmp_subject_t *subject);

/* Traces that a command begins or has ended; time and subject are ours. */
bool commit_admin(commit_t *c, const dmp_admin_t *admin);

/*
 * Commits a new record with its trace; commit_refusal() the trace alone, of
 * what was denied.  TOOL_NO: traced as void, since another version than
 * change->version is current.
 */
int commit_change(commit_t *c, const commit_change_t *change);
int commit_refusal(commit_t *c, const commit_change_t *change);

/*
 * What is done with the holder's account or sessions and with no version of
 * the record (change->version is 0): its trace, the message and the end of the
 * sessions in one.  TOOL_DONE or TOOL_FAILED.
 */
int commit_session(commit_t *c, const commit_change_t *change);

#endif
