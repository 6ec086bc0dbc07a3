/*
 * account.h: between the parts of "dmpctl account": what it does at the counter
 * (dmpctl_account.c), and what it asks the store for (account_store.c).
 */

#ifndef TOOL_ACCOUNT_H
#define TOOL_ACCOUNT_H

#include <dmp/dmp_session.h>

#include "record.h"


typedef struct {
    record_tool_t           tool;
    record_options_t        options;
    bool                    json;
    bool                    deliver;
    char                    route[32];

    char                    identifier[DMP_IDENTIFIER_LEN];
    char                    login[DMP_KEY_NAME_MAX];     /* its key */
    size_t                  login_len;
    record_keys_t           keys;        /* whose it is */
    uint64_t                version;     /* 0: there is none */
    dmp_account_t           account;
    char                    password[DMP_TEMPORARY_LEN];

    dmp_contact_channel_t   channel;     /* NONE: nobody is written to */
    dmp_str_t               to;          /* points into room */
    char                    room[DMP_CONTACT_ROOM];
    char                    message[DMP_MESSAGE_MAX + DMP_SEAL_OVERHEAD];
    dmp_str_t               told;        /* points into message */
} counter_t;


/* The key of the identifier; false after a complaint. */
bool account_name(counter_t *a);

/* The account as it is now, and whose it is; TOOL_NO: there is none. */
int account_get(counter_t *a);

/* Another version stands there, or, of a new one, there is one already. */
#define ACCOUNT_STALE  (-1)

/*
 * As the version after a->version (0: there was none): TOOL_DONE,
 * ACCOUNT_STALE, or TOOL_FAILED after a complaint.
 */
int account_put(counter_t *a);

/* TOOL_DONE also when there was none. */
int account_remove(counter_t *a);

/* How many of the holder's sessions live; false after a complaint. */
bool account_sessions(counter_t *a, size_t *count);

#endif
