/*
 * init.h: the parts of "dmpctl init": files for the store's server, and the
 * proof that its users can do what they must, and no more.
 */

#ifndef TOOL_INIT_H
#define TOOL_INIT_H

#include <jansson.h>

#include "store.h"


#define INIT_USERS       8
#define INIT_PROBES_MAX  256

/* Bits of init_probe_t, in the order of init_user_names[]. */
enum {
    INIT_GATEWAY  = 1 << 0,
    INIT_SEALER   = 1 << 1,
    INIT_TRIMMER  = 1 << 2,
    INIT_NOTIFIER = 1 << 3,
    INIT_READER   = 1 << 4,
    INIT_OPERATOR = 1 << 5,
    INIT_REPLICA  = 1 << 6,
    INIT_ADMIN    = 1 << 7
};

extern const char *const  init_user_names[INIT_USERS];

/* Users that may be off, since they are not always needed. */
#define INIT_MAY_BE_OFF  (INIT_TRIMMER | INIT_REPLICA)

/* Who must be allowed every command, those of no probe included. */
#define INIT_MAY_DO_ALL  INIT_ADMIN

/* One command on keys that no bucket has, and who must be allowed it. */
typedef struct {
    const char  *words;                  /* NULL ends the table */
    unsigned     users;                  /* beside INIT_MAY_DO_ALL */
    bool         dry;                    /* would harm where it is allowed, or
                                            be seen by gateways: not sent, but
                                            asked of the store whether it may */
} init_probe_t;

extern const init_probe_t  init_probes[];

/* What is there before each user's turn, and what is removed after it. */
extern const char *const  init_probe_seeds[];
extern const char *const  init_probe_clean[];

/*
 * Writes redis.conf, users.acl and the users' passwords into a folder.  What
 * exists is not touched, and a password that exists is used, unless somebody
 * else may know it or have put it there: that ends it.  An exit code.
 */
int init_write(const char *dir, bool json);

/*
 * Tries as each user, with its password in DIR/USER.password, all that it
 * must and must not be able to do.  out is NULL, or gets the result; else a
 * table is printed.  An exit code: TOOL_NO if something differs, which
 * was said.
 */
int init_prove(store_t *admin, const store_options_t *where, const char *dir,
    json_t *out);

/* DIR/NAME + more into path; false after a complaint. */
bool init_path(char *path, size_t size, const char *dir, const char *name,
    const char *more);

#endif
