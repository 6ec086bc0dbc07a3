/*
 * Commands of the store that are no commit: reads whose reply is a list of
 * values, and writes that nobody waits for.  What they concern can be found
 * out again, so a refusal of one does not break the link.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_VALUES_SIZE  (16 * 1024 * 1024)


static void ngx_http_dmp_store_valued(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_store_noted(redisAsyncContext *ac, void *data,
    void *privdata);


ngx_int_t
ngx_http_dmp_store_values(ngx_http_dmp_ctx_t *ctx, ngx_uint_t expected,
    ngx_uint_t argc, const char **argv, const size_t *lens)
{
    ngx_http_dmp_waiter_t  *w;

    w = ngx_http_dmp_waiter_create(ctx, ngx_http_dmp_store.conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->expected = expected;

    return ngx_http_dmp_store_ask(ctx, w, ngx_http_dmp_store_valued, argc,
                                  argv, lens);
}


/* One reply is a list of one. */
static ngx_uint_t
ngx_http_dmp_reply_elements(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_ARRAY) ? reply->elements : 1;
}


static const redisReply *
ngx_http_dmp_reply_element(const redisReply *reply, ngx_uint_t i)
{
    return (reply->type == REDIS_REPLY_ARRAY) ? reply->element[i] : reply;
}


static ngx_int_t
ngx_http_dmp_reply_size(const redisReply *reply, size_t *size)
{
    ngx_uint_t         i, n;
    const redisReply  *value;

    n = ngx_http_dmp_reply_elements(reply);

    if (n > NGX_HTTP_DMP_VALUES_MAX) {
        return NGX_ERROR;
    }

    *size = (n + 1) * sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        value = ngx_http_dmp_reply_element(reply, i);

        switch (value->type) {

        case REDIS_REPLY_STRING:
            *size += (size_t) value->len + 1;
            break;

        case REDIS_REPLY_INTEGER:
            *size += NGX_INT64_LEN + 1;
            break;

        case REDIS_REPLY_NIL:
            break;

        default:
            return NGX_ERROR;
        }
    }

    return (*size <= NGX_HTTP_DMP_VALUES_SIZE) ? NGX_OK : NGX_ERROR;
}


/* Copies the values of a reply into the waiter, as one block. */
static ngx_int_t
ngx_http_dmp_reply_values(ngx_http_dmp_waiter_t *w, const redisReply *reply)
{
    size_t             size;
    u_char            *p;
    ngx_uint_t         i, n;
    const redisReply  *value;

    if (ngx_http_dmp_reply_size(reply, &size) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_http_dmp_reply_elements(reply);

    if (w->expected == 0 && reply->type == REDIS_REPLY_NIL) {
        /* there is no list */
        n = 0;

    } else if ((w->expected != 0) ? n != w->expected
                                  : reply->type != REDIS_REPLY_ARRAY)
    {
        return NGX_ERROR;
    }

    w->values = ngx_alloc(size, ngx_http_dmp_store.log);
    if (w->values == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) (w->values + n + 1);

    for (i = 0; i < n; i++) {
        value = ngx_http_dmp_reply_element(reply, i);
        ngx_str_null(&w->values[i]);

        if (value->type == REDIS_REPLY_STRING) {
            w->values[i].data = p;
            w->values[i].len = (size_t) value->len;
            p = ngx_cpymem(p, value->str, w->values[i].len + 1);

        } else if (value->type == REDIS_REPLY_INTEGER) {
            w->values[i].data = p;
            p = ngx_sprintf(p, "%L", (int64_t) value->integer);
            w->values[i].len = (size_t) (p - w->values[i].data);
            *p++ = '\0';
        }
    }

    w->n_values = n;

    return NGX_OK;
}


/* Once for each time that it begins. */
static void
ngx_http_dmp_store_tell(const char *what, const redisReply *reply)
{
    static ngx_msec_t  last;

    if (last != 0 && ngx_current_msec - last < 60000) {
        return;
    }

    last = ngx_current_msec;

    ngx_log_error(NGX_LOG_ERR, ngx_http_dmp_store.log, 0,
                  "dmp store does not let an index be %s: %s", what,
                  (reply->type == REDIS_REPLY_ERROR) ? reply->str
                                                     : "an unexpected reply");
}


static void
ngx_http_dmp_store_valued(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply             *reply;
    ngx_http_dmp_wait_e     result;
    ngx_http_dmp_waiter_t  *w;

    w = privdata;
    reply = data;
    result = NGX_HTTP_DMP_WAIT_FAILED;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();

        if (reply->type == REDIS_REPLY_ERROR
            || ngx_http_dmp_reply_values(w, reply) != NGX_OK)
        {
            ngx_http_dmp_store_tell("read", reply);

        } else {
            result = NGX_HTTP_DMP_WAIT_DONE;
        }
    }

    ngx_http_dmp_replicas_hold(w, result);
    ngx_http_dmp_store_settled();
}


void
ngx_http_dmp_store_note(ngx_http_dmp_store_note_t *note, ngx_uint_t argc,
    const char **argv, const size_t *lens)
{
    if (ngx_http_dmp_store.state == NGX_HTTP_DMP_STORE_READY
        && ngx_http_dmp_store_send(ngx_http_dmp_store_noted, note, argc, argv,
                                   lens)
           == NGX_OK)
    {
        ngx_http_dmp_store_sent();
        return;
    }

    if (note->done != NULL) {
        note->done(note->data);
    }
}


static void
ngx_http_dmp_store_noted(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply                 *reply;
    ngx_http_dmp_store_note_t  *note;

    note = privdata;
    reply = data;

    if (reply != NULL) {
        ngx_http_dmp_store_answered();

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_http_dmp_store_tell("written", reply);

        } else if (note->told != NULL) {
            note->told(note->data, reply);
        }
    }

    if (note->done != NULL) {
        note->done(note->data);
    }

    ngx_http_dmp_store_settled();
}
