/*
 * load.h: what the two files of the load have in common.
 */

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define LOAD_CONNECTIONS_MAX  1024
#define LOAD_REQUESTS_MAX     2000000
#define LOAD_WATCHED_MAX      6


typedef enum {
    LOAD_KEEP_ALIVE = 0,
    LOAD_HANDSHAKE_FULL,
    LOAD_HANDSHAKE_RESUMED
} load_handshake_t;

typedef struct {
    const char        *name;
    const char        *pid;
    uint64_t           cpu_ns;
} load_watched_t;

typedef struct {
    uint16_t           port;
    bool               clear;            /* no TLS */
    const char        *cert;
    const char        *key;
    const char        *ca;
    const char        *targets;
    const char        *header;           /* sent with each; or NULL */
    size_t             connections;
    uint64_t           ms;
    size_t             requests;
    load_handshake_t   handshake;
    size_t             n_watched;
    load_watched_t     watched[LOAD_WATCHED_MAX];
} load_options_t;

typedef struct {
    size_t             n;
    size_t             errors;
    uint64_t           body_bytes;
    uint32_t          *latency_ns;   /* of each of the n */
} load_done_t;


extern load_options_t  load_options;

void load_fail(const char *why) __attribute__((noreturn));
uint64_t load_now_ns(void);

/* What comes before the measured part: targets, connections or sessions. */
void load_prepare(void);

/* Until load_options.ms have passed, and all that was asked is answered. */
const load_done_t *load_run(void);

#endif
