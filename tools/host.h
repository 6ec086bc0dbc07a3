/*
 * host.h: asks a record host, for the commands that learn from it: one GET at
 * a time, over one connection where the host keeps it.
 */

#ifndef TOOL_HOST_H
#define TOOL_HOST_H

#include <stdbool.h>
#include <stddef.h>


#define HOST_ANSWER_MAX  (64u * 1024 * 1024)

typedef struct host_s  host_t;

typedef struct {
    const char  *cacert;                 /* PEM files; NULL: the system's */
    const char  *cert;                   /* NULL: none is shown */
    const char  *key;
} host_options_t;

/* Valid until the next question. */
typedef struct {
    long         status;
    bool         json;                   /* by its Content-Type */
    const char  *body;
    size_t       len;
} host_answer_t;

/* NULL after a complaint. */
host_t *host_open(const host_options_t *options);
void host_close(host_t *host);

/*
 * Asks for an address (http, https).  False if no whole answer came: *why says
 * what happened, and holds nothing of the address.  Redirections are answers.
 */
bool host_get(host_t *host, const char *url, host_answer_t *answer,
    const char **why);

#endif
