/*
 * From a connected socket to READY: who we are, what the store is, where our
 * chains stand in it, and a new epoch.  Nothing is served before all of it.
 */

#include "ngx_http_dmp_store.h"

#include <openssl/evp.h>

#include "dmp1_lua.h"


static void ngx_http_dmp_hello_ok(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_meta(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_library(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_setting(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_heads(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_opened(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_hello_done(void);
static void ngx_http_dmp_hello_epoch(void);


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


static ngx_int_t
ngx_http_dmp_hello_send(redisCallbackFn *callback, const void *data,
    ngx_uint_t argc, const char **argv)
{
    size_t      lens[8];
    ngx_uint_t  i;

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

    argv[0] = "HGETALL";
    argv[1] = "dmp:meta";

    if (ngx_http_dmp_hello_send(ngx_http_dmp_hello_meta, NULL, 2, argv)
        != NGX_OK)
    {
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
}


/* True if the reply is one to go on with; counts it. */
static ngx_int_t
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


static void
ngx_http_dmp_hello_meta(redisAsyncContext *ac, void *data, void *privdata)
{
    uint64_t               schema, buckets, deadline;
    redisReply            *reply;
    ngx_http_dmp_store_t  *store;

    reply = data;
    store = &ngx_http_dmp_store;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_ARRAY, "dmp:meta")
        != NGX_OK)
    {
        return;
    }

    if (reply->elements == 0) {
        ngx_http_dmp_store_broken("it is not initialised",
                                  "run \"dmpctl init\"");
        return;
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
        return;
    }

    if (store->writer != NULL && store->buckets != buckets) {
        ngx_http_dmp_store_broken("the number of buckets has changed", NULL);
        return;
    }

    store->buckets = (unsigned) buckets;
    store->deadline = (ngx_msec_t) deadline;

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


/* Where our chains stand: asked bucket by bucket, all in one write. */
static void
ngx_http_dmp_hello_resolve(void)
{
    char                    key[DMP_KEY_NAME_MAX];
    size_t                  lens[5];
    const char             *argv[5];
    unsigned                i;
    ngx_http_dmp_store_t   *store;

    store = &ngx_http_dmp_store;
    store->step = 1;
    store->owed = 0;

    if (store->writer == NULL) {
        store->writer = dmp_writer_create(ngx_http_dmp_str(store->conf->node),
                                          store->buckets,
                                          store->conf->audit_key);
        if (store->writer == NULL) {
            ngx_http_dmp_store_broken("no memory for the chains", NULL);
            return;
        }
    }

    argv[0] = "HMGET";
    argv[1] = key;
    argv[2] = "e";
    argv[3] = "s";
    argv[4] = "h";
    lens[0] = 5;
    lens[2] = lens[3] = lens[4] = 1;

    for (i = 0; i < store->buckets; i++) {

        if (!dmp_writer_touched(store->writer, i)) {
            continue;
        }

        lens[1] = dmp_key_name(key, i, "w", dmp_writer_name(store->writer));

        if (ngx_http_dmp_store_send(ngx_http_dmp_hello_heads,
                                    (void *) (uintptr_t) i, 5, argv, lens)
            != NGX_OK)
        {
            return;
        }

        store->owed++;
    }

    ngx_http_dmp_hello_done();
}


static void
ngx_http_dmp_hello_heads(redisAsyncContext *ac, void *data, void *privdata)
{
    bool                   present, known;
    unsigned               bucket;
    uint64_t               epoch, seq;
    redisReply            *reply;
    unsigned char          hash[DMP_HASH_LEN];
    ngx_http_dmp_store_t  *store;

    reply = data;
    store = &ngx_http_dmp_store;
    bucket = (unsigned) (uintptr_t) privdata;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_ARRAY, "a head")
        != NGX_OK)
    {
        return;
    }

    epoch = 0;
    seq = 0;
    ngx_memzero(hash, sizeof(hash));

    present = reply->elements == 3
              && reply->element[0]->type != REDIS_REPLY_NIL;

    if (present) {
        if (ngx_http_dmp_reply_number(reply->element[0], &epoch) != NGX_OK
            || ngx_http_dmp_reply_number(reply->element[1], &seq) != NGX_OK
            || reply->element[2]->type != REDIS_REPLY_STRING
            || reply->element[2]->len != DMP_HASH_LEN)
        {
            present = false;

        } else {
            ngx_memcpy(hash, reply->element[2]->str, DMP_HASH_LEN);
        }
    }

    known = dmp_writer_resolve(store->writer, bucket, present, epoch, seq,
                               hash);

    if (!known && !store->closed[bucket]) {
        store->closed[bucket] = 1;
        ngx_log_error(NGX_LOG_CRIT, store->log, 0,
                      "dmp store went back or forked: bucket %ui is closed",
                      (ngx_uint_t) bucket);
    }

    ngx_http_dmp_hello_done();
}


static void
ngx_http_dmp_hello_epoch(void)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    store->step = 2;

    dmp_buf_init(&buf, store->text, sizeof(store->text));

    if (dmp_writer_open_epoch(store->writer, ngx_http_dmp_time_ms(), &buf,
                              &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_store_broken("an epoch cannot be opened", NULL);
        return;
    }

    store->owed = 1;

    (void) ngx_http_dmp_store_append(ngx_http_dmp_hello_opened, NULL);
}


/* One more answer is in: go on when it was the last that is owed. */
static void
ngx_http_dmp_hello_done(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->owed != 0 || store->why != NULL) {
        return;
    }

    if (store->step == 0) {
        ngx_http_dmp_hello_resolve();

    } else if (store->step == 1) {
        ngx_http_dmp_hello_epoch();
    }
}


static void
ngx_http_dmp_hello_opened(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (data == NULL) {
        return;
    }

    store->owed = 0;
    ngx_http_dmp_store_surplus();

    /* nothing else is sent meanwhile: it is the first of its chain */
    if (ngx_http_dmp_store_acked(data, dmp_writer_home(store->writer), 1,
                                 store->entry.hash, 'S')
        == NGX_OK)
    {
        ngx_http_dmp_store_set_ready();
    }
}


static void
ngx_http_dmp_rotate_closed(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (data == NULL) {
        return;
    }

    store->owed = 0;
    ngx_http_dmp_store_surplus();

    if (ngx_http_dmp_store_acked(data, dmp_writer_home(store->writer),
                                 (uint64_t) (uintptr_t) privdata,
                                 store->entry.hash, 'S')
        == NGX_OK)
    {
        ngx_http_dmp_hello_epoch();
    }
}


/* The hour is over and nothing is in flight: the next epoch. */
void
ngx_http_dmp_store_rotate(void)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    dmp_buf_init(&buf, store->text, sizeof(store->text));

    if (dmp_writer_close_epoch(store->writer, ngx_http_dmp_time_ms(), &buf,
                               &store->entry)
        != DMP_OK)
    {
        /* it was over before anybody came: what it signed stands */
        ngx_http_dmp_hello_epoch();
        return;
    }

    store->owed = 1;

    (void) ngx_http_dmp_store_append(ngx_http_dmp_rotate_closed,
                               (void *) (uintptr_t) store->entry.seq);
}
