/*
 * store.h: a blocking connection to the store, for tools.
 */

#ifndef TOOL_STORE_H
#define TOOL_STORE_H

#include <hiredis/hiredis.h>

#include "dmpctl.h"


typedef struct {
    const char  *address;
    const char  *user;
    const char  *password_file;
    const char  *db;
} store_options_t;

/* The lines of an option table that fill the options above. */
#define STORE_OPTIONS(o)                                                     \
    { "--redis",         NULL, &(o).address,       NULL },                   \
    { "--user",          NULL, &(o).user,          NULL },                   \
    { "--password-file", NULL, &(o).password_file, NULL },                   \
    { "--db",            NULL, &(o).db,            NULL }

typedef struct {
    redisContext  *redis;
    unsigned       buckets;              /* of dmp:meta, once it was read */
    unsigned       deadline_ms;
} store_t;

typedef struct {
    size_t        n;
    const char   *data[32];
    size_t        len[32];
} store_args_t;

/* Connects and signs in; false after a complaint. */
bool store_open(store_t *store, const store_options_t *options);
void store_close(store_t *store);

void store_text(store_args_t *args, const char *text);
void store_bytes(store_args_t *args, const void *data, size_t len);

/*
 * Sends a command and returns its reply, to be freed with freeReplyObject();
 * NULL after a complaint: the connection is lost, or the store said an error.
 */
redisReply *store_call(store_t *store, const store_args_t *args);

/* The same for a command of words without spaces. */
redisReply *store_words(store_t *store, const char *words);

/* Like store_call(), but an error of the store is an answer too. */
redisReply *store_ask(store_t *store, const store_args_t *args);

/*
 * What the store holds under our library's name: 1 the same text as ours, 0
 * nothing, -1 another text (or a failure, *failed).
 */
int store_library(store_t *store, bool *failed);

/* Reads dmp:meta; the store must have been prepared by dmpctl init. */
bool store_meta(store_t *store);

#endif
