/*
 * store.c: the tools' connection to the store.  Every reply is checked; the
 * store's own words are repeated in complaints, never values sent to it.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "dmp1_lua.h"
#include "store.h"


static bool
store_number(const char *text, unsigned long max, unsigned *out)
{
    char           *end;
    unsigned long   n;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }

    n = strtoul(text, &end, 10);

    if (*end != '\0' || n > max) {
        return false;
    }

    *out = (unsigned) n;

    return true;
}


static redisContext *
store_connect(const char *address)
{
    char            host[256];
    unsigned        port;
    const char     *colon;
    struct timeval  limit = { 10, 0 };

    if (strncmp(address, "unix:", 5) == 0) {
        return redisConnectUnixWithTimeout(address + 5, limit);
    }

    colon = strrchr(address, ':');

    if (colon == NULL || colon == address
        || (size_t) (colon - address) >= sizeof(host)
        || !store_number(colon + 1, 65535, &port))
    {
        tool_error("--redis \"%s\" is neither unix:PATH nor HOST:PORT",
                   address);
        return NULL;
    }

    memcpy(host, address, (size_t) (colon - address));
    host[colon - address] = '\0';

    return redisConnectWithTimeout(host, (int) port, limit);
}


static bool
store_sign_in(store_t *store, const store_options_t *options)
{
    char          *password;
    size_t         len;
    redisReply    *reply;
    store_args_t   args;

    if (options->password_file == NULL) {
        if (options->user != NULL) {
            tool_error("--user needs --password-file");
            return false;
        }

        return true;
    }

    password = tool_read(options->password_file, 4096, &len);
    if (password == NULL) {
        return false;
    }

    args.n = 0;
    store_text(&args, "AUTH");

    if (options->user != NULL) {
        store_text(&args, options->user);
    }

    password[len] = '\0';
    store_bytes(&args, password, strcspn(password, "\r\n"));
    reply = store_call(store, &args);

    OPENSSL_cleanse(password, len);
    free(password);
    freeReplyObject(reply);

    return reply != NULL;
}


bool
store_open(store_t *store, const store_options_t *options)
{
    unsigned       db;
    redisReply    *reply;
    const char    *address;
    store_args_t   args;

    memset(store, 0, sizeof(*store));
    address = options->address != NULL ? options->address : "127.0.0.1:6379";

    if (options->db != NULL && !store_number(options->db, 65535, &db)) {
        tool_error("--db \"%s\" is not a number", options->db);
        return false;
    }

    store->redis = store_connect(address);

    if (store->redis == NULL) {
        return false;
    }

    if (store->redis->err != 0) {
        tool_error("store %s: %s", address, store->redis->errstr);
        store_close(store);
        return false;
    }

    if (!store_sign_in(store, options)) {
        store_close(store);
        return false;
    }

    if (options->db != NULL) {
        args.n = 0;
        store_text(&args, "SELECT");
        store_text(&args, options->db);
        reply = store_call(store, &args);

        if (reply == NULL) {
            store_close(store);
            return false;
        }

        freeReplyObject(reply);
    }

    return true;
}


void
store_close(store_t *store)
{
    if (store->redis != NULL) {
        redisFree(store->redis);
        store->redis = NULL;
    }
}


void
store_bytes(store_args_t *args, const void *data, size_t len)
{
    /* No command of ours has more words: a mistake must not go unseen. */
    if (args->n == sizeof(args->data) / sizeof(args->data[0])) {
        abort();
    }

    args->data[args->n] = data;
    args->len[args->n++] = len;
}


void
store_text(store_args_t *args, const char *text)
{
    store_bytes(args, text, strlen(text));
}


redisReply *
store_ask(store_t *store, const store_args_t *args)
{
    redisReply  *reply;

    reply = redisCommandArgv(store->redis, (int) args->n,
                             (const char **) (uintptr_t) args->data,
                             args->len);
    if (reply == NULL) {
        tool_error("store: %s", store->redis->errstr);
    }

    return reply;
}


redisReply *
store_call(store_t *store, const store_args_t *args)
{
    redisReply  *reply;

    reply = store_ask(store, args);

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        tool_error("store: %s: %s", args->n > 0 ? args->data[0] : "",
                   reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


redisReply *
store_words(store_t *store, const char *words)
{
    char          *copy, *word, *rest;
    redisReply    *reply;
    store_args_t   args;

    copy = strdup(words);
    if (copy == NULL) {
        tool_error("no memory");
        return NULL;
    }

    args.n = 0;

    for (word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
    {
        store_text(&args, word);
    }

    reply = store_call(store, &args);
    free(copy);

    return reply;
}


/* The value after a name in a flat list of names and values. */
static const redisReply *
store_field(const redisReply *list, const char *name)
{
    size_t  i;

    for (i = 0; list->type == REDIS_REPLY_ARRAY && i + 1 < list->elements;
         i += 2)
    {
        if (list->element[i]->type == REDIS_REPLY_STRING
            && strcmp(list->element[i]->str, name) == 0)
        {
            return list->element[i + 1];
        }
    }

    return NULL;
}


int
store_library(store_t *store, bool *failed)
{
    int                same;
    redisReply        *reply;
    const redisReply  *code;

    *failed = true;
    same = -1;

    reply = store_words(store, "FUNCTION LIST LIBRARYNAME " DMP_LIBRARY_NAME
                        " WITHCODE");
    if (reply == NULL) {
        return -1;
    }

    if (reply->type == REDIS_REPLY_ARRAY) {
        *failed = false;

        if (reply->elements == 0) {
            same = 0;

        } else {
            code = store_field(reply->element[0], "library_code");

            if (code != NULL && code->type == REDIS_REPLY_STRING
                && code->len == DMP_LIBRARY_LEN
                && memcmp(code->str, dmp_library_text, DMP_LIBRARY_LEN) == 0)
            {
                same = 1;
            }
        }
    }

    freeReplyObject(reply);

    return same;
}


bool
store_meta(store_t *store)
{
    bool         ok;
    redisReply  *r;

    r = store_words(store, "HMGET dmp:meta schema buckets digest deadline_ms");
    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_ARRAY && r->elements == 4
         && r->element[0]->type == REDIS_REPLY_STRING
         && r->element[1]->type == REDIS_REPLY_STRING
         && r->element[2]->type == REDIS_REPLY_STRING
         && r->element[3]->type == REDIS_REPLY_STRING;

    if (!ok) {
        tool_error("the store is not prepared: run \"dmpctl init\"");

    } else if (strcmp(r->element[0]->str, "1") != 0
               || strcmp(r->element[2]->str, DMP_LIBRARY_SHA256) != 0
               || !store_number(r->element[1]->str, DMP_BUCKETS_MAX,
                                &store->buckets)
               || store->buckets == 0
               || !store_number(r->element[3]->str, 60000,
                                &store->deadline_ms))
    {
        tool_error("the store was prepared by another version of dmpctl");
        ok = false;
    }

    freeReplyObject(r);

    return ok;
}
