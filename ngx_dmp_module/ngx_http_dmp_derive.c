/*
 * Passwords are looked at in threads of their own, "thread_pool dmp": scrypt
 * takes some 50 ms and 32 MiB, and a worker never waits.
 *
 * What a thread works on outlives the request: who asked may have gone when it
 * is done.
 */

#include "ngx_http_dmp_session.h"

#include <sys/resource.h>


#define NGX_HTTP_DMP_DERIVING  16        /* of one worker, at most: those that
                                            wait for a thread included */
#define NGX_HTTP_DMP_DERIVE_MS 30000
#define NGX_HTTP_DMP_NICE      10

typedef struct {
    ngx_http_dmp_waiter_t  *waiter;
    size_t                  len;         /* of the password */
    unsigned                ok:1;
    unsigned char           salt[DMP_SCRYPT_SALT];
    unsigned char           hash[DMP_SCRYPT_HASH];
    char                    password[DMP_PASSWORD_MAX];
} ngx_http_dmp_derivation_t;


static ngx_uint_t  ngx_http_dmp_deriving;


/* In a thread: it touches nothing but what is its own. */
static void
ngx_http_dmp_derive_run(void *data, ngx_log_t *log)
{
    ngx_http_dmp_derivation_t  *d;

    d = data;

#if (NGX_LINUX)
    /* there it is this thread's alone: who reads goes before who signs in */
    (void) setpriority(PRIO_PROCESS, 0, NGX_HTTP_DMP_NICE);
#endif

    d->ok = dmp_scrypt((dmp_str_t) { d->password, d->len }, d->salt, d->hash);

    ngx_explicit_memzero(d->password, sizeof(d->password));
}


static void
ngx_http_dmp_derived(ngx_event_t *ev)
{
    ngx_thread_task_t          *task;
    ngx_http_dmp_waiter_t      *w;
    ngx_http_dmp_wait_e         result;
    ngx_http_dmp_derivation_t  *d;

    task = ev->data;
    d = task->ctx;
    w = d->waiter;
    result = NGX_HTTP_DMP_WAIT_FAILED;

    ngx_http_dmp_deriving--;

    if (d->ok && w->ctx != NULL) {
        w->sealed = ngx_alloc(DMP_SCRYPT_HASH, ngx_http_dmp_store.log);
    }

    if (w->sealed != NULL) {
        ngx_memcpy(w->sealed, d->hash, DMP_SCRYPT_HASH);
        w->sealed_len = DMP_SCRYPT_HASH;
        result = NGX_HTTP_DMP_WAIT_DONE;
    }

    ngx_explicit_memzero(d, sizeof(ngx_http_dmp_derivation_t));
    ngx_free(task);

    ngx_http_dmp_waiter_answer(w, result);
}


static ngx_thread_task_t *
ngx_http_dmp_derive_task(ngx_http_dmp_waiter_t *w, dmp_str_t password,
    const unsigned char salt[DMP_SCRYPT_SALT])
{
    ngx_thread_task_t          *task;
    ngx_http_dmp_derivation_t  *d;

    task = ngx_calloc(sizeof(ngx_thread_task_t)
                      + sizeof(ngx_http_dmp_derivation_t),
                      ngx_http_dmp_store.log);
    if (task == NULL) {
        return NULL;
    }

    d = (ngx_http_dmp_derivation_t *) (task + 1);
    d->waiter = w;
    d->len = password.len;
    ngx_memcpy(d->password, password.data, password.len);
    ngx_memcpy(d->salt, salt, DMP_SCRYPT_SALT);

    task->ctx = d;
    task->handler = ngx_http_dmp_derive_run;
    task->event.handler = ngx_http_dmp_derived;
    task->event.data = task;
    task->event.log = ngx_http_dmp_store.log;

    return task;
}


ngx_int_t
ngx_http_dmp_derive(ngx_http_dmp_ctx_t *ctx, dmp_str_t password,
    const unsigned char salt[DMP_SCRYPT_SALT])
{
    ngx_thread_task_t      *task;
    ngx_http_dmp_waiter_t  *w;

    if (ngx_http_dmp_deriving >= NGX_HTTP_DMP_DERIVING) {
        return NGX_BUSY;
    }

    if (password.len > DMP_PASSWORD_MAX) {
        return NGX_ERROR;
    }

    w = ngx_http_dmp_waiter_create(ctx, NGX_HTTP_DMP_DERIVE_MS);
    if (w == NULL) {
        return NGX_ERROR;
    }

    task = ngx_http_dmp_derive_task(w, password, salt);

    if (task == NULL) {
        ngx_http_dmp_waiter_release(w);
        return NGX_ERROR;
    }

    if (ngx_thread_task_post(ngx_http_dmp_store.conf->threads, task)
        != NGX_OK)
    {
        ngx_explicit_memzero(task->ctx, sizeof(ngx_http_dmp_derivation_t));
        ngx_free(task);
        ngx_http_dmp_waiter_release(w);
        return NGX_BUSY;
    }

    ngx_http_dmp_deriving++;

    w->sent = 1;
    ctx->waiter = w;

    return NGX_AGAIN;
}


static void
ngx_http_dmp_session_keys_done(void *data)
{
    dmp_session_keys_wipe(data);
}


static ngx_int_t
ngx_http_dmp_session_key_add(ngx_conf_t *cf, dmp_session_keys_t *keys,
    ngx_str_t *path)
{
    dmp_rc_t     rc;
    ngx_str_t    text;
    const char  *why;

    if (ngx_http_dmp_conf_read(cf, path, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = dmp_session_keys_add(keys, ngx_http_dmp_str(text));
    ngx_explicit_memzero(text.data, text.len);

    switch (rc) {

    case DMP_OK:
        return NGX_OK;

    case DMP_E_SYNTAX:
        why = "holds no key in PEM";
        break;

    case DMP_E_UNKNOWN:
        why = "is not a key of EC P-256: make one with \"dmpctl keygen "
              "session\"";
        break;

    case DMP_E_REFUSED:
        why = "is public: the first key must be private, it signs";
        break;

    case DMP_E_LIMIT:
        why = "is one key too many";
        break;

    default:
        why = "cannot be used";
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", path, why);

    return NGX_ERROR;
}


char *
ngx_http_dmp_session_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
#if (NGX_THREADS)
    ngx_str_t                 *value, pool;
    ngx_uint_t                 i;
    ngx_pool_cleanup_t        *cln;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->session_keys != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(dmp_session_keys_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    dmcf->session_keys = cln->data;
    ngx_memzero(dmcf->session_keys, sizeof(dmp_session_keys_t));
    cln->handler = ngx_http_dmp_session_keys_done;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_dmp_session_key_add(cf, dmcf->session_keys, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* nginx refuses a configuration that does not say how large it is */
    ngx_str_set(&pool, "dmp");
    dmcf->threads = ngx_thread_pool_add(cf, &pool);

    return (dmcf->threads != NULL) ? NGX_CONF_OK : NGX_CONF_ERROR;

#else

    return "needs an nginx that was built with threads";

#endif
}
