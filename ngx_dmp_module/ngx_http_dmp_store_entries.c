/*
 * What is sent of an entry: the commands that append it.  They are formatted
 * around the entry's bytes, where the writer has written and hashed them: the
 * store gets those, and hiredis copies all of it once.
 */

#include "ngx_http_dmp_store.h"


/* "*N\r\n" or "$N\r\n" */
#define NGX_HTTP_DMP_COUNT_MAX  (NGX_INT64_LEN + 3)

/* A command up to its last argument, which is written elsewhere. */
typedef struct {
    ngx_uint_t   n;                      /* arguments */
    u_char      *last;
    u_char       head[NGX_HTTP_DMP_ENTRY_HEAD];
} ngx_http_dmp_command_t;


/* Decimal; ngx_sprintf() is slower than the rest of a command. */
static u_char *
ngx_http_dmp_decimal(u_char *p, uint64_t n)
{
    size_t  len;
    u_char  text[NGX_INT64_LEN];

    len = 0;

    do {
        text[NGX_INT64_LEN - ++len] = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    return ngx_cpymem(p, text + NGX_INT64_LEN - len, len);
}


static u_char *
ngx_http_dmp_command_count(u_char *p, u_char mark, size_t n)
{
    *p++ = mark;
    p = ngx_http_dmp_decimal(p, n);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static u_char *
ngx_http_dmp_command_bulk(u_char *p, const void *data, size_t len)
{
    p = ngx_http_dmp_command_count(p, '$', len);

    if (len != 0) {
        p = ngx_cpymem(p, data, len);
    }

    *p++ = CR;
    *p++ = LF;

    return p;
}


static void
ngx_http_dmp_command_add(ngx_http_dmp_command_t *c, const void *data,
    size_t len)
{
    c->last = ngx_http_dmp_command_bulk(c->last, data, len);
    c->n++;
}


static void
ngx_http_dmp_command_number(ngx_http_dmp_command_t *c, uint64_t n)
{
    u_char  text[NGX_INT64_LEN];

    ngx_http_dmp_command_add(c, text,
                             (size_t) (ngx_http_dmp_decimal(text, n) - text));
}


static void
ngx_http_dmp_command_key(ngx_http_dmp_command_t *c, unsigned bucket,
    const char *kind, dmp_str_t suffix)
{
    char  key[DMP_KEY_NAME_MAX];

    ngx_http_dmp_command_add(c, key, dmp_key_name(key, bucket, kind, suffix));
}


static void
ngx_http_dmp_command_login_key(ngx_http_dmp_command_t *c, const char *login)
{
    u_char  key[sizeof("dmp:login:") - 1 + DMP_LOGIN_HASH_LEN];

    (void) ngx_cpymem(ngx_cpymem(key, "dmp:login:", sizeof("dmp:login:") - 1),
                      login, DMP_LOGIN_HASH_LEN);

    ngx_http_dmp_command_add(c, key, sizeof(key));
}


/* Room is left for the number of arguments, which is known last. */
static void
ngx_http_dmp_command_begin(ngx_http_dmp_command_t *c, const char *function,
    const char *keys)
{
    c->n = 0;
    c->last = c->head + NGX_HTTP_DMP_COUNT_MAX;

    ngx_http_dmp_command_add(c, "FCALL", 5);
    ngx_http_dmp_command_add(c, function, ngx_strlen(function));
    ngx_http_dmp_command_add(c, keys, 1);
}


/* The writer's head, and whether the bucket is closed. */
static void
ngx_http_dmp_command_writer(ngx_http_dmp_command_t *c, unsigned bucket)
{
    ngx_http_dmp_command_key(c, bucket, "w",
                             dmp_writer_name(ngx_http_dmp_store.writer));
    ngx_http_dmp_command_key(c, bucket, "closed", dmp_null_string);
}


/* The keys that every commit on a record has. */
static void
ngx_http_dmp_command_record(ngx_http_dmp_command_t *c, dmp_str_t patient)
{
    unsigned  bucket;

    bucket = ngx_http_dmp_store.entry.bucket;

    ngx_http_dmp_command_key(c, bucket, "rec", patient);
    ngx_http_dmp_command_key(c, bucket, "trace", dmp_null_string);
    ngx_http_dmp_command_key(c, bucket, "idx", patient);
    ngx_http_dmp_command_writer(c, bucket);
}


/* The heads of store->entry's chain, before and after; the body comes next. */
static void
ngx_http_dmp_command_entry(ngx_http_dmp_command_t *c)
{
    const dmp_entry_t  *e;

    e = &ngx_http_dmp_store.entry;

    ngx_http_dmp_command_add(c, e->before.text, e->before.len);
    ngx_http_dmp_command_add(c, e->after.text, e->after.len);

    c->last = ngx_http_dmp_command_count(c->last, '$', e->body.len);
    c->n++;
}


/* The head as it is sent, with the number of all arguments before it. */
static dmp_str_t
ngx_http_dmp_command_head(ngx_http_dmp_command_t *c, ngx_uint_t after)
{
    size_t  len;
    u_char  count[NGX_HTTP_DMP_COUNT_MAX], *start;

    len = (size_t) (ngx_http_dmp_command_count(count, '*', c->n + after)
                    - count);
    start = c->head + NGX_HTTP_DMP_COUNT_MAX - len;
    ngx_memcpy(start, count, len);

    return (dmp_str_t) { (char *) start, (size_t) (c->last - start) };
}


/*
 * Sends head, body and what follows it: "after" arguments, which the caller
 * has written behind the body's CR LF, up to "last".
 */
static ngx_int_t
ngx_http_dmp_command_send(ngx_http_dmp_command_t *c, ngx_uint_t after,
    u_char *last, redisCallbackFn *callback, void *data)
{
    u_char     *start;
    dmp_str_t   head;

    head = ngx_http_dmp_command_head(c, after);
    start = (u_char *) ngx_http_dmp_store_text - head.len;
    ngx_memcpy(start, head.data, head.len);

    return ngx_http_dmp_store_send_formatted(callback, data, start,
                                             (size_t) (last - start));
}


/* Where arguments behind the body go. */
static u_char *
ngx_http_dmp_command_behind(void)
{
    u_char  *p;

    p = (u_char *) ngx_http_dmp_store_text + ngx_http_dmp_store.entry.body.len;
    *p++ = CR;
    *p++ = LF;

    return p;
}


ngx_int_t
ngx_http_dmp_store_append(redisCallbackFn *callback, void *data)
{
    unsigned                 bucket;
    ngx_http_dmp_command_t   c;

    bucket = ngx_http_dmp_store.entry.bucket;

    ngx_http_dmp_command_begin(&c, "dmp1_append", "3");
    ngx_http_dmp_command_key(&c, bucket, "trace", dmp_null_string);
    ngx_http_dmp_command_writer(&c, bucket);
    ngx_http_dmp_command_entry(&c);
    ngx_http_dmp_replicas_commit();

    return ngx_http_dmp_command_send(&c, 0, ngx_http_dmp_command_behind(),
                                     callback, data);
}


static u_char *
ngx_http_dmp_command_decimal(u_char *p, uint64_t n)
{
    u_char  text[NGX_INT64_LEN];

    return ngx_http_dmp_command_bulk(p, text,
                             (size_t) (ngx_http_dmp_decimal(text, n) - text));
}


static u_char *
ngx_http_dmp_command_notices(u_char *p, const ngx_http_dmp_notices_t *notices)
{
    p = ngx_http_dmp_command_bulk(p, notices->who, sizeof(notices->who));
    p = ngx_http_dmp_command_bulk(p, "1", notices->first ? 1 : 0);

    if (!notices->emergency) {
        p = ngx_http_dmp_command_bulk(p, "", 0);
        return ngx_http_dmp_command_bulk(p, "", 0);
    }

    p = ngx_http_dmp_command_decimal(p, notices->hold_ms);

    return ngx_http_dmp_command_bulk(p, notices->mode,
                                     ngx_strlen(notices->mode));
}


/* Which session it is, and for how long a use keeps it alive. */
static u_char *
ngx_http_dmp_command_session(u_char *p, dmp_str_t session)
{
    p = ngx_http_dmp_command_bulk(p, session.data, session.len);

    return ngx_http_dmp_command_decimal(p, NGX_HTTP_DMP_SESSION_IDLE);
}


/* Only with a session that lives: of the record's own holder. */
static ngx_int_t
ngx_http_dmp_store_signed(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, dmp_str_t session)
{
    u_char                  *last;
    ngx_http_dmp_command_t   c;

    ngx_http_dmp_command_begin(&c, "dmp1_signed", "6");
    ngx_http_dmp_command_record(&c, access->patient);
    ngx_http_dmp_command_key(&c, ngx_http_dmp_store.entry.bucket, "sess",
                             access->patient);
    ngx_http_dmp_command_number(&c, access->version);
    ngx_http_dmp_command_entry(&c);

    last = ngx_http_dmp_command_session(ngx_http_dmp_command_behind(),
                                        session);

    return ngx_http_dmp_command_send(&c, 2, last, ngx_http_dmp_store_traced,
                                     w);
}


static ngx_int_t
ngx_http_dmp_store_commit(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, const ngx_http_dmp_notices_t *notices,
    dmp_str_t session)
{
    u_char                  *last;
    unsigned                 bucket;
    ngx_http_dmp_command_t   c;

    if (access->patient.len == 0) {
        return ngx_http_dmp_store_append(ngx_http_dmp_store_traced, w);
    }

    if (session.len != 0) {
        return ngx_http_dmp_store_signed(w, access, session);
    }

    bucket = ngx_http_dmp_store.entry.bucket;

    ngx_http_dmp_command_begin(&c, "dmp1_trace", notices ? "7" : "5");
    ngx_http_dmp_command_record(&c, access->patient);

    if (notices != NULL) {
        ngx_http_dmp_command_key(&c, bucket, "seen", access->patient);
        ngx_http_dmp_command_key(&c, bucket, "outbox", dmp_null_string);
    }

    ngx_http_dmp_command_number(&c, access->version);
    ngx_http_dmp_command_entry(&c);

    last = ngx_http_dmp_command_behind();

    if (notices != NULL) {
        last = ngx_http_dmp_command_notices(last, notices);
    }

    return ngx_http_dmp_command_send(&c, notices ? 4 : 0, last,
                                     ngx_http_dmp_store_traced, w);
}


/* The writer has made store->entry of it: it is on its way. */
static void
ngx_http_dmp_waiter_entry(ngx_http_dmp_waiter_t *w, unsigned bucket,
    char outcome)
{
    w->entry = 1;
    w->record = (outcome != 'S');
    w->outcome = outcome;
    w->bucket = bucket;
    w->seq = ngx_http_dmp_store.entry.seq;
    w->head = ngx_http_dmp_store.entry.after;
    w->sent_ns = ngx_http_dmp_now_ns();
}


static ngx_int_t
ngx_http_dmp_waiter_sent(ngx_http_dmp_ctx_t *ctx, ngx_http_dmp_waiter_t *w)
{
    w->sent = 1;
    ngx_http_dmp_store_sent();
    ngx_http_dmp_replicas_commit();
    ctx->waiter = w;

    ngx_http_dmp_outcome_arm();

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dmp_store_trace(ngx_http_dmp_ctx_t *ctx, const dmp_access_t *access,
    const ngx_http_dmp_notices_t *notices, dmp_str_t session)
{
    unsigned                bucket;
    dmp_buf_t               buf;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;

    bucket = (access->patient.len != 0)
             ? dmp_bucket(ctx->patient, store->buckets)
             : dmp_writer_home(store->writer);

    if (store->closed[bucket]) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx,
              ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_DEADLINE)
              ? store->deadline : store->conf->timeout);
    if (w == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_access(store->writer, bucket, access, &buf, &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    ngx_http_dmp_waiter_entry(w, bucket,
                              (access->patient.len != 0) ? '1' : 'S');
    w->access = (access->decision->effect == DMP_ALLOW);

    if (ngx_http_dmp_store_commit(w, access, notices, session) != NGX_OK) {
        /* the chain has the entry as sent: the link is broken already */
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    return ngx_http_dmp_waiter_sent(ctx, w);
}


/* What follows the body of an entry about a session. */
static u_char *
ngx_http_dmp_command_what(u_char *p,
    const ngx_http_dmp_session_commit_t *what)
{
    p = ngx_http_dmp_command_bulk(p, what->verb, ngx_strlen(what->verb));
    p = ngx_http_dmp_command_session(p, what->session);
    p = ngx_http_dmp_command_decimal(p, NGX_HTTP_DMP_SESSION_LIMIT);

    if (what->kind != NULL || what->login != NULL) {
        p = ngx_http_dmp_command_bulk(p, what->kind,
                                      (what->kind != NULL)
                                      ? ngx_strlen(what->kind) : 0);
        p = ngx_http_dmp_command_bulk(p, what->sealed.data, what->sealed.len);
    }

    return p;
}


/* The account that it rests on, behind that. */
static u_char *
ngx_http_dmp_command_login(u_char *p, dmp_str_t patient,
    const ngx_http_dmp_session_commit_t *what)
{
    p = ngx_http_dmp_command_decimal(p, what->version);

    if (what->account.len == 0) {
        return p;
    }

    p = ngx_http_dmp_command_decimal(p, what->version + 1);
    p = ngx_http_dmp_command_bulk(p, patient.data, patient.len);

    return ngx_http_dmp_command_bulk(p, what->account.data,
                                     what->account.len);
}


static ngx_int_t
ngx_http_dmp_store_send_session(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, const ngx_http_dmp_session_commit_t *what)
{
    u_char                  *last;
    unsigned                 bucket;
    ngx_uint_t               n;
    ngx_http_dmp_command_t   c;

    bucket = ngx_http_dmp_store.entry.bucket;

    ngx_http_dmp_command_begin(&c, "dmp1_session",
                               (what->login != NULL) ? "7" : "6");
    ngx_http_dmp_command_key(&c, bucket, "trace", dmp_null_string);
    ngx_http_dmp_command_key(&c, bucket, "idx", access->patient);
    ngx_http_dmp_command_writer(&c, bucket);
    ngx_http_dmp_command_key(&c, bucket, "sess", access->patient);
    ngx_http_dmp_command_key(&c, bucket, "outbox", dmp_null_string);

    if (what->login != NULL) {
        ngx_http_dmp_command_login_key(&c, what->login);
    }

    ngx_http_dmp_command_entry(&c);

    last = ngx_http_dmp_command_what(ngx_http_dmp_command_behind(), what);
    n = (what->kind != NULL) ? 6 : 4;

    if (what->login != NULL) {
        last = ngx_http_dmp_command_login(last, access->patient, what);
        n = (what->account.len != 0) ? 10 : 7;
    }

    return ngx_http_dmp_command_send(&c, n, last, ngx_http_dmp_store_traced,
                                     w);
}


ngx_int_t
ngx_http_dmp_store_session(ngx_http_dmp_ctx_t *ctx, const dmp_access_t *access,
    const ngx_http_dmp_session_commit_t *what)
{
    unsigned                bucket;
    dmp_buf_t               buf;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;
    bucket = dmp_bucket(access->patient.data, store->buckets);

    if (store->closed[bucket]
        || what->sealed.len > NGX_HTTP_DMP_SESSION_SEALED
        || what->account.len > DMP_ACCOUNT_SEALED)
    {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx, store->deadline);
    if (w == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_session(store->writer, bucket, access, &buf, &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    /* of no version: a reply that it is not the current one brings none */
    ngx_http_dmp_waiter_entry(w, bucket, '1');
    w->record = 0;
    w->clocked = (ngx_strcmp(what->verb, "check") == 0);

    if (ngx_http_dmp_store_send_session(w, access, what) != NGX_OK) {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    return ngx_http_dmp_waiter_sent(ctx, w);
}


/* What a change says beyond the record: arguments 7 to 11, or to 13. */
static u_char *
ngx_http_dmp_command_told(u_char *p, const ngx_http_dmp_change_commit_t *what)
{
    p = ngx_http_dmp_command_bulk(p, what->notice,
                                  (what->notice != NULL)
                                  ? ngx_strlen(what->notice) : 0);
    p = ngx_http_dmp_command_session(p, what->session);
    p = ngx_http_dmp_command_bulk(p, what->told.data, what->told.len);
    p = ngx_http_dmp_command_bulk(p, "1", what->ends_sessions ? 1 : 0);

    if (what->checked_ms != 0) {
        p = ngx_http_dmp_command_decimal(p, what->checked_ms);
        p = ngx_http_dmp_command_decimal(p, ngx_http_dmp_store.deadline);
    }

    return p;
}


/* A record is of any length: the command has a buffer of its own. */
static ngx_int_t
ngx_http_dmp_store_send_change(ngx_http_dmp_waiter_t *w,
    const dmp_access_t *access, const ngx_http_dmp_change_commit_t *what)
{
    size_t                   len;
    u_char                  *p, *start;
    dmp_str_t                head;
    ngx_int_t                rc;
    const dmp_entry_t       *e;
    ngx_http_dmp_command_t   c;

    e = &ngx_http_dmp_store.entry;

    ngx_http_dmp_command_begin(&c, "dmp1_change", "7");
    ngx_http_dmp_command_record(&c, access->patient);
    ngx_http_dmp_command_key(&c, e->bucket, "outbox", dmp_null_string);
    ngx_http_dmp_command_key(&c, e->bucket, "sess", access->patient);
    ngx_http_dmp_command_number(&c, access->version);
    ngx_http_dmp_command_entry(&c);
    head = ngx_http_dmp_command_head(&c, (what->checked_ms != 0) ? 9 : 7);

    len = head.len + e->body.len + 2 + what->sealed.len + what->told.len
          + what->session.len + 4 * NGX_INT64_LEN
          + 9 * (NGX_HTTP_DMP_COUNT_MAX + 2)
          + (what->notice ? ngx_strlen(what->notice) : 0) + 1;

    start = ngx_alloc(len, ngx_http_dmp_store.log);
    if (start == NULL) {
        ngx_http_dmp_store_broken("no memory for a command", NULL);
        return NGX_ERROR;
    }

    p = ngx_cpymem(start, head.data, head.len);
    p = ngx_cpymem(p, e->body.data, e->body.len);
    *p++ = CR;
    *p++ = LF;
    p = ngx_http_dmp_command_bulk(p, what->sealed.data, what->sealed.len);
    p = ngx_http_dmp_command_decimal(p, what->version);
    p = ngx_http_dmp_command_told(p, what);

    rc = ngx_http_dmp_store_send_formatted(ngx_http_dmp_store_traced, w, start,
                                           (size_t) (p - start));
    ngx_free(start);

    return rc;
}


ngx_int_t
ngx_http_dmp_store_change(ngx_http_dmp_ctx_t *ctx, const dmp_access_t *access,
    const ngx_http_dmp_change_commit_t *what)
{
    unsigned                bucket;
    dmp_buf_t               buf;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_waiter_t  *w;

    store = &ngx_http_dmp_store;
    bucket = dmp_bucket(ctx->patient, store->buckets);

    if (store->closed[bucket]) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx, store->deadline);
    if (w == NULL) {
        return NGX_ERROR;
    }

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_change(store->writer, bucket, access, what->version, &buf,
                          &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    /* whether it stands is for the record to say: nothing is abandoned */
    ngx_http_dmp_waiter_entry(w, bucket, 'R');

    if (ngx_http_dmp_store_send_change(w, access, what) != NGX_OK) {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    return ngx_http_dmp_waiter_sent(ctx, w);
}
