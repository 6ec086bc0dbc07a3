/*
 * record.h: between the commands that read records, record_get.c, which gets
 * them out of the store, and commit.c, which commits their changes.
 */

#ifndef TOOL_RECORD_H
#define TOOL_RECORD_H

#include <dmp/dmp_trace.h>

#include "store.h"


typedef struct {
    store_t          store;
    dmp_keyring_t    ring;
    unsigned char    pseudonym_key[DMP_KEY_LEN];
    EVP_PKEY        *audit_key;
    dmp_writer_t    *writer;
    const char      *node;
    const char      *operator;
    bool             any_ins_key;
    size_t           line;
    size_t           checked;
    size_t           imported;
    size_t           unchanged;
} record_tool_t;

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

/* The names of a patient's keys; false after a complaint. */
bool record_keys(record_tool_t *t, dmp_str_t ins, record_keys_t *keys);

/* The record as it is now; false after a complaint. */
bool record_get(record_tool_t *t, const record_keys_t *keys,
    record_held_t *held);

/* Wipes and frees the text; NULL is none. */
void record_wipe(char *text, size_t len);

/* Opens an epoch of our own, and ends it with all heads signed. */
bool record_begin(record_tool_t *t);
bool record_end(record_tool_t *t);

/*
 * Commits a new record, sealed as version "next", with its trace.  TOOL_NO:
 * traced as refused, since another version than "version" is current.
 */
int record_send_change(record_tool_t *t, const record_keys_t *keys,
    uint64_t version, uint64_t next, dmp_operation_t operation,
    const char *sealed, size_t sealed_len);

#endif
