/*
 * From a connected socket to READY: who we are, what the store is, where our
 * chains stand in it, and a new epoch.  Nothing is served before all of it.
 */

#include "ngx_http_dmp_store.h"

#include <openssl/evp.h>

#include "dmp1_lua.h"


static void ngx_http_dmp_hello_ok(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_closed(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_meta(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_library(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_setting(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_replication(redisAsyncContext *ac, void *data,
    void *privdata);


/* Settings that make an acknowledged trace survive a power failure. */
typedef struct {
    const char  *name;
    const char  *value;
    ngx_uint_t   always;                 /* for durability "memory" too */
} ngx_http_dmp_setting_t;

static const ngx_http_dmp_setting_t  ngx_http_dmp_settings[] = {
    { "maxmemory-policy", "noeviction", 1 },
    { "appendonly", "yes", 0 },
    { "appendfsync", "always", 0 },
    { "no-appendfsync-on-rewrite", "no", 0 },
    { NULL, NULL, 0 }
};


ngx_int_t
ngx_http_dmp_hello_send(redisCallbackFn *callback, const void *data,
    ngx_uint_t argc, const char **argv)
{
    size_t      lens[NGX_HTTP_DMP_HELLO_ARGS];
    ngx_uint_t  i;

    if (argc > NGX_HTTP_DMP_HELLO_ARGS) {
        ngx_http_dmp_store_broken("a step has too many words", NULL);
        return NGX_ERROR;
    }

    for (i = 0; i < argc; i++) {
        lens[i] = ngx_strlen(argv[i]);
    }

    if (ngx_http_dmp_store_send(callback, (void *) (uintptr_t) data, argc,
                                argv, lens)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_dmp_store.owed++;
    return NGX_OK;
}


/* The strings of the configuration are NUL-terminated by its parser. */
static ngx_int_t
ngx_http_dmp_hello_login(const ngx_http_dmp_main_conf_t *conf)
{
    char         db[NGX_INT_T_LEN + 1];
    const char  *argv[4];

    if (conf->password.len != 0) {
        argv[0] = "AUTH";
        argv[1] = conf->user.len ? (const char *) conf->user.data : "default";
        argv[2] = (const char *) conf->password.data;

        if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_ok, "authentication",
                                    3, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->db != 0) {
        *ngx_sprintf((u_char *) db, "%i", conf->db) = '\0';
        argv[0] = "SELECT";
        argv[1] = db;

        if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_ok, "the database", 2,
                                    argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * In this order: an operator who reopens a bucket takes it from dmp:closed and
 * counts that in dmp:meta at one instant.
 */
static ngx_int_t
ngx_http_dmp_hello_ask_meta(void)
{
    static const char  *closed[] = { "SMEMBERS", "dmp:closed" };
    static const char  *meta[] = { "HGETALL", "dmp:meta" };

    if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_closed, NULL, 2, closed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dmp_hello_send(ngx_http_dmp_hello_meta, NULL, 2, meta);
}


void
ngx_http_dmp_store_handshake(void)
{
    const char                      *argv[5];
    const ngx_http_dmp_setting_t    *setting;
    const ngx_http_dmp_main_conf_t  *conf;

    conf = ngx_http_dmp_store.conf;
    ngx_http_dmp_store.owed = 0;
    ngx_http_dmp_store.step = 0;

    if (ngx_http_dmp_hello_login(conf) != NGX_OK) {
        return;
    }

    if (ngx_http_dmp_hello_ask_meta() != NGX_OK) {
        return;
    }

    argv[0] = "FUNCTION";
    argv[1] = "LIST";
    argv[2] = "LIBRARYNAME";
    argv[3] = DMP_LIBRARY_NAME;
    argv[4] = "WITHCODE";

    if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_library, NULL, 5, argv)
        != NGX_OK)
    {
        return;
    }

    for (setting = ngx_http_dmp_settings; setting->name; setting++) {

        if (conf->durability == NGX_HTTP_DMP_MEMORY && !setting->always) {
            continue;
        }

        argv[0] = "CONFIG";
        argv[1] = "GET";
        argv[2] = setting->name;

        if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_setting, setting, 3,
                                    argv)
            != NGX_OK)
        {
            return;
        }
    }

    if (conf->durability == NGX_HTTP_DMP_REPLICAS) {
        argv[0] = "INFO";
        argv[1] = "replication";

        (void) ngx_http_dmp_hello_send(ngx_http_dmp_hello_replication, NULL, 2,
                                       argv);
    }
}


/* True if the reply is one to go on with; counts it. */
ngx_int_t
ngx_http_dmp_hello_reply(redisReply *reply, int type, const char *what)
{
    if (reply == NULL || ngx_http_dmp_store.why != NULL) {
        return NGX_ERROR;
    }

    ngx_http_dmp_store.owed--;
    ngx_http_dmp_store_surplus();

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_dmp_store_broken(what, reply->str);
        return NGX_ERROR;
    }

    if (reply->type != type) {
        ngx_http_dmp_store_broken("an unexpected reply in the handshake",
                                  what);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_dmp_hello_ok(redisAsyncContext *ac, void *data, void *privdata)
{
    (void) ngx_http_dmp_hello_reply(data, REDIS_REPLY_STATUS,
                                    (const char *) privdata);
    ngx_http_dmp_hello_done();
}


/* The value of a name in a flat list of names and values, or NULL. */
static redisReply *
ngx_http_dmp_hello_value(const redisReply *list, const char *name)
{
    size_t       i;
    redisReply  *key;

    for (i = 0; i + 1 < list->elements; i += 2) {
        key = list->element[i];

        if (key->type == REDIS_REPLY_STRING
            && ngx_strcmp(key->str, name) == 0)
        {
            return list->element[i + 1];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_dmp_hello_number(const redisReply *list, const char *name,
    uint64_t *n)
{
    redisReply  *value;

    value = ngx_http_dmp_hello_value(list, name);

    return (value != NULL) ? ngx_http_dmp_reply_number(value, n) : NGX_ERROR;
}


static ngx_int_t
ngx_http_dmp_hello_is_meta(const redisReply *reply)
{
    uint64_t               schema, buckets, deadline;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (reply->elements == 0) {
        ngx_http_dmp_store_broken("it is not initialised",
                                  "run \"dmpctl init\"");
        return NGX_ERROR;
    }

    if (ngx_http_dmp_hello_number(reply, "schema", &schema) != NGX_OK
        || ngx_http_dmp_hello_number(reply, "buckets", &buckets) != NGX_OK
        || ngx_http_dmp_hello_number(reply, "deadline_ms", &deadline)
           != NGX_OK
        || schema != 1
        || buckets == 0 || buckets > DMP_BUCKETS_MAX
        || deadline == 0 || deadline > 60000)
    {
        ngx_http_dmp_store_broken("dmp:meta is not of this version", NULL);
        return NGX_ERROR;
    }

    if (store->linked && store->buckets != buckets) {
        ngx_http_dmp_store_broken("the number of buckets has changed", NULL);
        return NGX_ERROR;
    }

    store->buckets = (unsigned) buckets;
    store->deadline = (ngx_msec_t) deadline;

    return NGX_OK;
}


static void
ngx_http_dmp_hello_closed(redisAsyncContext *ac, void *data, void *privdata)
{
    if (ngx_http_dmp_hello_reply(data, REDIS_REPLY_ARRAY, "dmp:closed")
        != NGX_OK)
    {
        return;
    }

    if (ngx_http_dmp_chains_closed(data) != NGX_OK) {
        ngx_http_dmp_store_broken("dmp:closed is not of this version", NULL);
        return;
    }

    ngx_http_dmp_hello_done();
}


static void
ngx_http_dmp_hello_meta(redisAsyncContext *ac, void *data, void *privdata)
{
    if (ngx_http_dmp_hello_reply(data, REDIS_REPLY_ARRAY, "dmp:meta")
        != NGX_OK
        || ngx_http_dmp_hello_is_meta(data) != NGX_OK)
    {
        return;
    }

    if (ngx_http_dmp_chains_recoveries(data) != NGX_OK) {
        ngx_http_dmp_store_broken("dmp:meta is not of this version", NULL);
        return;
    }

    ngx_http_dmp_hello_done();
}


static ngx_int_t
ngx_http_dmp_library_is_ours(const redisReply *code)
{
    char           hex[65];
    unsigned int   n;
    unsigned char  hash[EVP_MAX_MD_SIZE];

    if (code == NULL || code->type != REDIS_REPLY_STRING
        || EVP_Digest(code->str, (size_t) code->len, hash, &n, EVP_sha256(),
                      NULL)
           != 1
        || n != 32)
    {
        return NGX_ERROR;
    }

    *ngx_hex_dump((u_char *) hex, hash, 32) = '\0';

    return (ngx_strcmp(hex, DMP_LIBRARY_SHA256) == 0) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_dmp_hello_library(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply  *reply;

    reply = data;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_ARRAY,
                                 "the function library")
        != NGX_OK)
    {
        return;
    }

    if (reply->elements != 1 || reply->element[0]->type != REDIS_REPLY_ARRAY) {
        ngx_http_dmp_store_broken("it has no function library "
                                  DMP_LIBRARY_NAME, "run \"dmpctl init\"");
        return;
    }

    if (ngx_http_dmp_library_is_ours(
            ngx_http_dmp_hello_value(reply->element[0], "library_code"))
        != NGX_OK)
    {
        ngx_http_dmp_store_broken("its function library " DMP_LIBRARY_NAME
                                  " is not the one of this version", NULL);
        return;
    }

    ngx_http_dmp_hello_done();
}


static void
ngx_http_dmp_hello_setting(redisAsyncContext *ac, void *data, void *privdata)
{
    u_char                         text[128];
    redisReply                    *reply, *value;
    const ngx_http_dmp_setting_t  *setting;

    reply = data;
    setting = privdata;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_ARRAY, "a setting")
        != NGX_OK)
    {
        return;
    }

    value = ngx_http_dmp_hello_value(reply, setting->name);

    if (value == NULL || value->type != REDIS_REPLY_STRING
        || ngx_strcmp(value->str, setting->value) != 0)
    {
        *ngx_snprintf(text, sizeof(text) - 1, "%s is \"%s\" and must be \"%s\"",
                      setting->name,
                      (value != NULL && value->type == REDIS_REPLY_STRING)
                      ? value->str : "", setting->value)
            = '\0';

        ngx_http_dmp_store_broken("its settings do not give what "
                                  "dmp_audit_durability asks for",
                                  (char *) text);
        return;
    }

    ngx_http_dmp_hello_done();
}


/* One more answer is in: go on when it was the last that is owed. */
void
ngx_http_dmp_hello_done(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->owed != 0 || store->why != NULL) {
        return;
    }

    if (store->step == 0) {
        ngx_http_dmp_chains_resolve();

    } else if (store->step == 1) {
        ngx_http_dmp_chains_epoch();
    }
}


/* Those that have all of it, and follow: one that is copying does not yet. */
static ngx_int_t
ngx_http_dmp_hello_replicas(const char *info)
{
    ngx_int_t    n;
    const char  *p;

    n = 0;

    for (p = ngx_strstr(info, ",state=online"); p != NULL;
         p = ngx_strstr(p + 1, ",state=online"))
    {
        n++;
    }

    return n;
}


static void
ngx_http_dmp_hello_replication(redisAsyncContext *ac, void *data,
    void *privdata)
{
    u_char       text[128];
    ngx_int_t    n;
    redisReply  *reply;

    reply = data;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_STRING, "INFO replication")
        != NGX_OK)
    {
        return;
    }

    n = ngx_http_dmp_hello_replicas(reply->str);

    if (n < (ngx_int_t) ngx_http_dmp_store.conf->replicas) {
        *ngx_snprintf(text, sizeof(text) - 1, "%i of %ui are connected",
                      n, ngx_http_dmp_store.conf->replicas)
            = '\0';

        ngx_http_dmp_store_broken("it has too few replicas", (char *) text);
        return;
    }

    ngx_http_dmp_hello_done();
}
