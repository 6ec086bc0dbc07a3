/*
 * Reading the trace back, for a history: how long a list is, and entries of a
 * stream by their ids, many questions at once.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_ID_TEXT  48         /* of a stream id */


static void ngx_http_dmp_store_counted(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_store_entry(redisAsyncContext *ac, void *data,
    void *privdata);


ngx_int_t
ngx_http_dmp_store_count(ngx_http_dmp_ctx_t *ctx, const char *key, size_t len)
{
    size_t                  lens[2];
    const char             *argv[2];
    ngx_http_dmp_waiter_t  *w;

    w = ngx_http_dmp_waiter_create(ctx, ngx_http_dmp_store.conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    argv[0] = "LLEN";
    lens[0] = 4;
    argv[1] = key;
    lens[1] = len;

    return ngx_http_dmp_store_ask(ctx, w, ngx_http_dmp_store_counted, 2, argv,
                                  lens);
}


/* Its users may be those of an older version: it refuses what is asked. */
static void
ngx_http_dmp_store_unread(const redisReply *reply)
{
    ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                  "dmp store does not let a history be read: %s",
                  (reply->type == REDIS_REPLY_ERROR) ? reply->str
                                                     : "an unexpected reply");
}


static void
ngx_http_dmp_store_counted(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply             *reply;
    ngx_http_dmp_wait_e     result;
    ngx_http_dmp_waiter_t  *w;

    w = privdata;
    reply = data;
    result = NGX_HTTP_DMP_WAIT_FAILED;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();

        if (reply->type == REDIS_REPLY_INTEGER
            && ngx_http_dmp_reply_number(reply, &w->count) == NGX_OK)
        {
            result = NGX_HTTP_DMP_WAIT_DONE;

        } else {
            ngx_http_dmp_store_unread(reply);
        }
    }

    ngx_http_dmp_waiter_answer(w, result);
    ngx_http_dmp_store_settled();
}


static size_t
ngx_http_dmp_id_text(u_char text[NGX_HTTP_DMP_ID_TEXT],
    const ngx_http_dmp_id_t *id)
{
    return (size_t) (ngx_snprintf(text, NGX_HTTP_DMP_ID_TEXT, "%uL-%uL",
                                  id->ms, id->seq)
                     - text);
}


static ngx_int_t
ngx_http_dmp_store_ask_entry(ngx_http_dmp_waiter_t *w, const char *key,
    size_t len, const ngx_http_dmp_id_t *id)
{
    size_t       lens[4];
    u_char       text[NGX_HTTP_DMP_ID_TEXT];
    const char  *argv[4];

    argv[0] = "XRANGE";
    lens[0] = 6;
    argv[1] = key;
    lens[1] = len;
    argv[2] = (char *) text;
    lens[2] = ngx_http_dmp_id_text(text, id);
    argv[3] = argv[2];
    lens[3] = lens[2];

    if (ngx_http_dmp_store_send(ngx_http_dmp_store_entry, w, 4, argv, lens)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->sent = 1;
    w->owed++;
    ngx_http_dmp_store_sent();

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_store_entries(ngx_http_dmp_ctx_t *ctx, unsigned bucket,
    const ngx_http_dmp_id_t *ids, ngx_uint_t n)
{
    char                    key[DMP_KEY_NAME_MAX];
    size_t                  len;
    ngx_uint_t              i;
    ngx_http_dmp_waiter_t  *w;

    w = ngx_http_dmp_waiter_create(ctx, ngx_http_dmp_store.conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->ids = ngx_alloc(n * sizeof(ngx_http_dmp_id_t), ngx_http_dmp_store.log);
    w->values = ngx_calloc(n * sizeof(ngx_str_t), ngx_http_dmp_store.log);

    if (w->ids == NULL || w->values == NULL) {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    ngx_memcpy(w->ids, ids, n * sizeof(ngx_http_dmp_id_t));
    w->expected = n;
    w->sent_ns = ngx_http_dmp_now_ns();
    len = dmp_key_name(key, bucket, "trace", dmp_null_string);

    for (i = 0; i < n; i++) {
        if (ngx_http_dmp_store_ask_entry(w, key, len, &ids[i]) != NGX_OK) {
            /* the last reply that is still to come frees it */
            ngx_http_dmp_waiter_release(w);
            return NGX_ERROR;
        }
    }

    ctx->waiter = w;

    return NGX_AGAIN;
}


void
ngx_http_dmp_entries_free(ngx_http_dmp_waiter_t *w)
{
    ngx_uint_t  i;

    for (i = 0; w->values != NULL && i < w->n_values; i++) {
        if (w->values[i].data != NULL) {
            ngx_free(w->values[i].data);
        }
    }

    ngx_free(w->ids);
    w->ids = NULL;
}


static ngx_uint_t
ngx_http_dmp_reply_is(const redisReply *reply, const u_char *text, size_t len)
{
    return reply->type == REDIS_REPLY_STRING && (size_t) reply->len == len
           && ngx_memcmp(reply->str, text, len) == 0;
}


/* [id, ["b", body, "o", outcome]], with that id. */
static ngx_uint_t
ngx_http_dmp_reply_is_entry(const redisReply *reply,
    const ngx_http_dmp_id_t *id)
{
    u_char              text[NGX_HTTP_DMP_ID_TEXT];
    const redisReply   *fields;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || !ngx_http_dmp_reply_is(reply->element[0], text,
                                  ngx_http_dmp_id_text(text, id)))
    {
        return 0;
    }

    fields = reply->element[1];

    return fields->type == REDIS_REPLY_ARRAY && fields->elements == 4
           && ngx_http_dmp_reply_is(fields->element[0], (u_char *) "b", 1)
           && fields->element[1]->type == REDIS_REPLY_STRING
           && ngx_http_dmp_reply_is(fields->element[2], (u_char *) "o", 1)
           && fields->element[3]->type == REDIS_REPLY_STRING
           && fields->element[3]->len == 1
           && (size_t) fields->element[1]->len <= DMP_ENTRY_MAX;
}


/*
 * Its outcome, and behind it its body, into the next value: without data where
 * there is no such entry, empty where there is another thing.
 */
static ngx_int_t
ngx_http_dmp_reply_take_entry(ngx_http_dmp_waiter_t *w,
    const redisReply *reply)
{
    ngx_str_t          *value;
    const redisReply  **field;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 1) {
        return NGX_ERROR;
    }

    if (reply->elements == 0) {
        w->n_values++;
        return NGX_OK;
    }

    value = &w->values[w->n_values];

    if (!ngx_http_dmp_reply_is_entry(reply->element[0],
                                     &w->ids[w->n_values]))
    {
        value->data = ngx_alloc(1, ngx_http_dmp_store.log);
        w->n_values++;
        return (value->data != NULL) ? NGX_OK : NGX_ERROR;
    }

    field = (const redisReply **) reply->element[0]->element[1]->element;

    value->data = ngx_alloc((size_t) field[1]->len + 1,
                            ngx_http_dmp_store.log);
    w->n_values++;

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = (size_t) field[1]->len + 1;
    value->data[0] = (u_char) field[3]->str[0];
    ngx_memcpy(value->data + 1, field[1]->str, (size_t) field[1]->len);

    return NGX_OK;
}


static void
ngx_http_dmp_store_entry(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply             *reply;
    ngx_http_dmp_waiter_t  *w;

    w = privdata;
    reply = data;
    w->owed--;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();

        if (!w->failed
            && ngx_http_dmp_reply_take_entry(w, reply) != NGX_OK)
        {
            ngx_http_dmp_store_unread(reply);
            w->failed = 1;
        }

    } else {
        w->failed = 1;
    }

    if (w->owed == 0) {
        ngx_http_dmp_waiter_answer(w, (!w->failed
                                       && w->n_values == w->expected)
                                      ? NGX_HTTP_DMP_WAIT_DONE
                                      : NGX_HTTP_DMP_WAIT_FAILED);
    }

    ngx_http_dmp_store_settled();
}
