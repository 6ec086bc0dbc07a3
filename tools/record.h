/*
 * record.h: between the commands that read records and record_get.c, which
 * gets them out of the store.
 */

#ifndef TOOL_RECORD_H
#define TOOL_RECORD_H

#include "commit.h"


typedef struct {
    store_t        store;
    commit_t       commit;
    dmp_keyring_t  ring;
    unsigned char  pseudonym_key[DMP_KEY_LEN];
    bool           any_ins_key;
    size_t         line;
    size_t         checked;
    size_t         imported;
    size_t         unchanged;
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

#endif
