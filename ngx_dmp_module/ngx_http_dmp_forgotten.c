/*
 * Writers that the store remembers and no memory of this machine does: their
 * workers left an epoch behind when the machine was stopped.  It is ended with
 * the heads that the store has.
 */

#include "ngx_http_dmp_succession.h"


#define NGX_HTTP_DMP_WRITERS_MAX     4096    /* looked at in dmp:writers */
#define NGX_HTTP_DMP_WRITERS_MANY    1024    /* and swept from so many on */
#define NGX_HTTP_DMP_WRITERS_OLD_MS  (60 * 60 * 1000)
#define NGX_HTTP_DMP_SWEEP           256     /* at once */


/* A writer that the store remembers, and its heads as they come. */
typedef struct {
    size_t                       name_len;
    char                         name[DMP_WRITER_MAX];
    unsigned                     asked;      /* buckets */
    unsigned                     next;       /* bucket that is answered */
    unsigned                     failed;
    unsigned                     n_heads;
    dmp_chain_head_t             heads[DMP_BUCKETS_MAX];
} ngx_http_dmp_forgotten_t;


static void ngx_http_dmp_forgotten_head(redisAsyncContext *ac, void *data,
    void *privdata);


/* Where the last look ended: one that cannot be ended is in nobody's way. */
static size_t  ngx_http_dmp_from;


typedef struct {
    dmp_str_t   name;
    ngx_uint_t  found;
} ngx_http_dmp_known_writer_t;


static void
ngx_http_dmp_is_known(ngx_http_dmp_zone_writer_t *writer, void *data)
{
    ngx_http_dmp_known_writer_t  *known;

    known = data;

    if (writer->name_len == known->name.len
        && ngx_memcmp(writer->name, known->name.data, known->name.len) == 0)
    {
        known->found = 1;
    }
}


/* True if it is the name of a writer of this node, of *own or another. */
static ngx_uint_t
ngx_http_dmp_is_of_node(const redisReply *name, dmp_str_t own)
{
    return name->type == REDIS_REPLY_STRING && name->len == own.len
           && ngx_memcmp(name->str, own.data, own.len - 16) == 0
           && strspn(name->str + own.len - 16, "0123456789abcdef") == 16;
}


/* The store has heard nothing of it for so long. */
static ngx_uint_t
ngx_http_dmp_is_silent(const redisReply *time, int64_t since)
{
    uint64_t  ms;

    return ngx_http_dmp_reply_number(time, &ms) == NGX_OK
           && (int64_t) ms < ngx_http_dmp_store_ms() - since;
}


/*
 * One of this node, that no memory of this machine has, and that has been
 * silent for longer than its promise allows.
 */
static ngx_uint_t
ngx_http_dmp_is_forgotten(const redisReply *name, const redisReply *time)
{
    dmp_str_t                    own;
    ngx_http_dmp_known_writer_t  known;

    own = dmp_writer_name(ngx_http_dmp_store.writer);

    if (!ngx_http_dmp_is_of_node(name, own)
        || ngx_memcmp(name->str, own.data, own.len) == 0
        || !ngx_http_dmp_is_silent(time, DMP_SILENCE_MS))
    {
        return 0;
    }

    known.name = (dmp_str_t) { name->str, (size_t) name->len };
    known.found = 0;
    ngx_http_dmp_zone_writers(ngx_http_dmp_is_known, &known);

    return !known.found;
}


/* All heads that the store has of it are here.  True if it has none. */
static ngx_uint_t
ngx_http_dmp_forgotten_end(ngx_http_dmp_forgotten_t *f)
{
    dmp_other_t  other;

    ngx_memzero(&other, sizeof(dmp_other_t));

    other.writer = (dmp_str_t) { f->name, f->name_len };
    other.epoch = ngx_http_dmp_last_epoch(f->heads, &f->n_heads);
    other.source = DMP_HEADS_STORE;
    other.heads = f->heads;
    other.n_heads = f->n_heads;

    if (other.n_heads == 0) {
        ngx_http_dmp_beat_forget(f->name, f->name_len);
        return 1;
    }

    ngx_http_dmp_succession_store(&other);

    return 0;
}


/* The last of its answers is here, or the link that they would come by gone. */
static void
ngx_http_dmp_forgotten_done(ngx_http_dmp_forgotten_t *f)
{
    ngx_uint_t  forgotten;

    forgotten = (!f->failed && ngx_http_dmp_forgotten_end(f));

    ngx_free(f);
    ngx_http_dmp_looking--;

    if (forgotten) {
        ngx_http_dmp_beat_look();
    }
}


static void
ngx_http_dmp_forgotten_head(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply                *reply;
    dmp_chain_head_t           head;
    ngx_http_dmp_forgotten_t  *f;

    f = privdata;
    reply = data;

    if (reply == NULL) {
        f->failed = 1;

    } else {
        ngx_http_dmp_store_answered();

        if (reply->type != REDIS_REPLY_ARRAY) {
            f->failed = 1;

        } else if (ngx_http_dmp_reply_head(reply, &head)) {
            head.bucket = f->next;
            f->heads[f->n_heads++] = head;
        }
    }

    if (++f->next == f->asked) {
        ngx_http_dmp_forgotten_done(f);
    }

    ngx_http_dmp_store_settled();
}


static void
ngx_http_dmp_forgotten_ask(const redisReply *name)
{
    char                       key[DMP_KEY_NAME_MAX];
    size_t                     lens[5];
    unsigned                   i;
    const char                *argv[5];
    ngx_http_dmp_forgotten_t  *f;

    f = ngx_calloc(sizeof(ngx_http_dmp_forgotten_t), ngx_http_dmp_store.log);
    if (f == NULL) {
        return;
    }

    ngx_http_dmp_looking++;

    f->asked = ngx_http_dmp_store.buckets;
    f->name_len = (size_t) name->len;
    ngx_memcpy(f->name, name->str, f->name_len);

    argv[0] = "HMGET";
    argv[1] = key;
    argv[2] = "h";
    lens[0] = 5;
    lens[2] = 1;

    for (i = 0; i < ngx_http_dmp_store.buckets; i++) {
        lens[1] = dmp_key_name(key, i, "w",
                               (dmp_str_t) { f->name, f->name_len });

        if (ngx_http_dmp_store_send(ngx_http_dmp_forgotten_head, f, 3, argv,
                                    lens)
            != NGX_OK)
        {
            /* those that were sent are answered when the link is closed */
            f->asked = i;
            f->failed = 1;

            if (i == 0) {
                ngx_http_dmp_forgotten_done(f);
            }

            return;
        }

        ngx_http_dmp_store_sent();
    }
}


/*
 * Writers of other nodes that nobody ends, where there are so many that they
 * hinder: their epochs are over by time.
 */
static void
ngx_http_dmp_writers_sweep(const redisReply *reply)
{
    size_t       i, lens[NGX_HTTP_DMP_SWEEP + 2];
    dmp_str_t    own;
    ngx_uint_t   n;
    const char  *argv[NGX_HTTP_DMP_SWEEP + 2];

    own = dmp_writer_name(ngx_http_dmp_store.writer);

    argv[0] = "HDEL";
    lens[0] = 4;
    argv[1] = "dmp:writers";
    lens[1] = 11;
    n = 2;

    for (i = 0; i + 1 < reply->elements && n < NGX_HTTP_DMP_SWEEP + 2; i += 2) {

        if (reply->element[i]->type == REDIS_REPLY_STRING
            && !ngx_http_dmp_is_of_node(reply->element[i], own)
            && ngx_http_dmp_is_silent(reply->element[i + 1],
                                      NGX_HTTP_DMP_WRITERS_OLD_MS))
        {
            argv[n] = reply->element[i]->str;
            lens[n++] = (size_t) reply->element[i]->len;
        }
    }

    if (n > 2) {
        ngx_log_error(NGX_LOG_WARN, ngx_http_dmp_store.log, 0,
                      "dmp:writers has %uz names: %ui that were silent for an "
                      "hour are removed, and nobody has ended their epochs",
                      reply->elements / 2, n - 2);
        ngx_http_dmp_beat_note(n, argv, lens);
    }
}


/* The first that is forgotten, behind the one that was looked at last. */
static void
ngx_http_dmp_writers_read(void *data, const redisReply *reply)
{
    size_t  i, n, at;

    if (reply->type != REDIS_REPLY_ARRAY || !ngx_http_dmp_beat_may()) {
        return;
    }

    n = reply->elements / 2;

    if (n > NGX_HTTP_DMP_WRITERS_MANY) {
        ngx_http_dmp_writers_sweep(reply);
    }

    n = ngx_min(n, NGX_HTTP_DMP_WRITERS_MAX);

    for (i = 0; i < n; i++) {
        at = (ngx_http_dmp_from + i) % n;

        if (ngx_http_dmp_is_forgotten(reply->element[2 * at],
                                      reply->element[2 * at + 1]))
        {
            ngx_http_dmp_from = at + 1;
            ngx_http_dmp_forgotten_ask(reply->element[2 * at]);
            return;
        }
    }
}


static void
ngx_http_dmp_writers_done(void *data)
{
    ngx_http_dmp_looking--;
}


static ngx_http_dmp_store_note_t  ngx_http_dmp_writers_note = {
    ngx_http_dmp_writers_read, ngx_http_dmp_writers_done, NULL
};


void
ngx_http_dmp_forgotten_look(void)
{
    static size_t       lens[] = { 7, 11 };
    static const char  *argv[] = { "HGETALL", "dmp:writers" };

    ngx_http_dmp_looking++;
    ngx_http_dmp_store_note(&ngx_http_dmp_writers_note, 2, argv, lens);
}
