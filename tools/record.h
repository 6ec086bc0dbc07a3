/*
 * record.h: what the commands share that read and change records: one
 * patient's record out of the store (record_get.c), and the traced commit that
 * replaces it (record_commit.c).
 */

#ifndef TOOL_RECORD_H
#define TOOL_RECORD_H

#include <time.h>

#include "commit.h"


typedef struct {
    store_t          store;
    commit_t         commit;
    dmp_keyring_t    ring;
    unsigned char    pseudonym_key[DMP_KEY_LEN];
    struct timespec  heard;              /* when the store answered last about
                                            a record; zero: never */
} record_tool_t;

/* The options of whatever changes a record. */
typedef struct {
    store_options_t   where;
    tool_list_t       keys;
    const char       *pseudonym;
    const char       *audit;
} record_options_t;

/* The lines of an option table that fill the options above. */
#define RECORD_OPTIONS(o, t)                                                 \
    STORE_OPTIONS((o).where),                                                \
    { "--record-key",    NULL, NULL,                  &(o).keys },           \
    { "--pseudonym-key", NULL, &(o).pseudonym,        NULL },                \
    { "--audit-key",     NULL, &(o).audit,            NULL },                \
    { "--node",          NULL, &(t).commit.node,      NULL },                \
    { "--operator",      NULL, &(t).commit.operator,  NULL }

typedef struct {
    char      pseudonym[DMP_PSEUDONYM_LEN];
    unsigned  bucket;
    char      rec[DMP_KEY_NAME_MAX];
    size_t    rec_len;
    char      idx[DMP_KEY_NAME_MAX];
    size_t    idx_len;
} record_keys_t;

/* What the store holds of one patient now. */
typedef struct {
    uint64_t   version;                  /* 0: nothing */
    char      *json;                     /* opened; to be wiped and freed */
    size_t     len;
} record_held_t;

/*
 * The names of a patient's keys, by INS, or by keys->pseudonym, which is there
 * already; false after a complaint.
 */
bool record_keys(record_tool_t *t, dmp_str_t ins, record_keys_t *keys);
bool record_keys_of(record_tool_t *t, record_keys_t *keys);

/* The record as it is now; false after a complaint. */
bool record_get(record_tool_t *t, const record_keys_t *keys,
    record_held_t *held);

/* Wipes and frees the text; NULL is none. */
void record_wipe(char *text, size_t len);


/* record_commit.c */

/* Whether all that is needed was given; complains otherwise: a usage error. */
bool record_given(const record_options_t *o);

/*
 * Reads the keys and opens the store; false after a complaint.
 * record_close() in either case: it wipes *t.
 */
bool record_open(record_tool_t *t, const record_options_t *o);
void record_close(record_tool_t *t);

/* What is asked of one record, and what it is to become. */
typedef struct {
    const dmp_request_t    *request;
    const dmp_decision_t   *decision;
    dmp_str_t               policy;      /* digest; empty: none was asked */
    dmp_trace_document_t    document;
    dmp_str_t               details;     /* to be sealed; empty: none */
    const char             *notice;      /* NULL: nobody is told */
    dmp_str_t               told;        /* what goes with it, sealed */
    bool                    ends_sessions;   /* of record_session(): all of
                                                them */
    const char             *json;
    size_t                  len;
    uint64_t                next;        /* filled in: the version it gets */
    char                    trace_id[DMP_UUID_LEN];    /* filled in */
} record_change_t;

/* Another version is current: look again. */
#define RECORD_STALE  (-1)

/*
 * Commits it in the place of version "version" (0: none), or traces the
 * refusal.  TOOL_DONE, RECORD_STALE, or TOOL_FAILED after a complaint.
 */
int record_put(record_tool_t *t, const record_keys_t *keys, uint64_t version,
    record_change_t *change);
int record_refuse(record_tool_t *t, const record_keys_t *keys,
    uint64_t version, record_change_t *change);

/*
 * Traces what is done with the holder's account, in no version of the record,
 * and does with the sessions what the change says.  TOOL_DONE, or TOOL_FAILED
 * after a complaint.
 */
int record_session(record_tool_t *t, const record_keys_t *keys,
    record_change_t *change);

/*
 * Calls with the record as it is now, again as long as the answer is
 * RECORD_STALE, five times; then, or without a record, complains.
 */
typedef int (*record_try_pt)(record_tool_t *t, const record_keys_t *keys,
    const record_held_t *held, void *data);

int record_try(record_tool_t *t, dmp_str_t ins, record_try_pt try,
    void *data);

/*
 * Returns when the store's deadline has passed since it answered last about a
 * record: answers decided before may leave a gateway until then, whoever made
 * the change, and whether or not this one had an effect.
 */
void record_wait(const record_tool_t *t);


/*
 * record_traits.c: "dmp:traits:H", by which a record is found.  add: under
 * all traits of the record, before it is committed; remove: under those that
 * it had before and has no more, after that.  False after a complaint.
 */
bool record_traits_add(record_tool_t *t, const record_keys_t *keys,
    const dmp_record_t *record);
bool record_traits_remove(record_tool_t *t, const record_keys_t *keys,
    const dmp_record_t *before, const dmp_record_t *record);

#endif
