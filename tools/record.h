/*
 * record.h: between dmpctl_record.c, which reads records, and commit.c, which
 * commits their changes.
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
