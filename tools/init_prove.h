/*
 * init_prove.h: what is known of the store's users while they are tried.
 */

#ifndef TOOL_INIT_PROVE_H
#define TOOL_INIT_PROVE_H

#include "init.h"


typedef enum {
    PROVE_UNKNOWN = 0,                   /* the store said something else */
    PROVE_REFUSED,
    PROVE_ALLOWED
} prove_t;

typedef struct {
    store_t                *admin;
    store_t                 as;          /* unless this user is off */
    const store_options_t  *where;
    const char             *dir;
    unsigned                user;
    bool                    off[INIT_USERS];
    prove_t                 got[INIT_PROBES_MAX][INIT_USERS];
    unsigned                others;      /* commands beside those of probes,
                                            of the last user: of no probe */
    unsigned                differences;
    json_t                 *list;        /* of differences */
    json_t                 *strangers;   /* users that are none of ours */
} prove_run_t;


void prove_print(const prove_run_t *run);

/* False after a complaint. */
bool prove_json(const prove_run_t *run, json_t *out);

#endif
