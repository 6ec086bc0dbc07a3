/*
 * "find" (TD0.5): which records have these traits?  The store's hints say
 * which may; each is loaded, decided and committed like an access of its own,
 * so that whoever is named in the answer can see that they were.
 */

#include "ngx_http_dmp_store.h"

#include <dmp/dmp_traits.h>


#define NGX_HTTP_DMP_FIND_HINTS  64      /* looked at; there may be more */


struct ngx_http_dmp_find_s {
    char                    (*patients)[DMP_PSEUDONYM_LEN];
    ngx_uint_t                n;
    ngx_uint_t                next;
    unsigned                  asked:1;
    unsigned                  deciding:1;    /* patients[next - 1] is */
    unsigned                  traced:1;
    unsigned                  more:1;
    uint64_t                  sent_ns;   /* of the first check */
    ngx_uint_t                n_found;
    ngx_http_dmp_cached_t    *found[DMP_FIND_MAX];
    dmp_decision_t            decision;  /* without a record */
};


void
ngx_http_dmp_find_cleanup(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_find_t  *find;

    find = ctx->find;

    while (find != NULL && find->n_found != 0) {
        ngx_http_dmp_cached_release(find->found[--find->n_found]);
    }
}


ngx_int_t
ngx_http_dmp_find_start(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ctx->find = ngx_pcalloc(r->pool, sizeof(ngx_http_dmp_find_t));

    if (ctx->find == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->find->decision = ctx->decision;
    ctx->state = NGX_HTTP_DMP_FIND;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_find_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                             key[DMP_TRAITS_KEY_MAX];
    char                             hash[DMP_TRAITS_HASH_LEN];
    size_t                           lens[3];
    const char                      *argv[3];
    const ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    switch (dmp_traits_hash(dmcf->pseudonym_key, &ctx->asked.traits, hash)) {

    case DMP_OK:
        break;

    case DMP_E_SYNTAX:
        /* names without a letter: nobody has them */
        ctx->find->asked = 1;
        return NGX_OK;

    default:
        return NGX_ERROR;
    }

    argv[0] = "SRANDMEMBER";
    lens[0] = ngx_strlen(argv[0]);
    argv[1] = key;
    lens[1] = dmp_traits_key(hash, key);
    argv[2] = "64";
    lens[2] = 2;

    return ngx_http_dmp_store_values(ctx, 0, 3, argv, lens);
}


static int ngx_libc_cdecl
ngx_http_dmp_find_compare(const void *a, const void *b)
{
    return ngx_memcmp(a, b, DMP_PSEUDONYM_LEN);
}


/* In an order that says nothing, and is always the same. */
static ngx_int_t
ngx_http_dmp_find_hints(ngx_http_request_t *r, ngx_http_dmp_find_t *find,
    const ngx_http_dmp_waiter_t *w)
{
    ngx_uint_t  i;

    find->patients = ngx_palloc(r->pool, w->n_values * DMP_PSEUDONYM_LEN + 1);

    if (find->patients == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < w->n_values; i++) {
        if (w->values[i].len == DMP_PSEUDONYM_LEN) {
            ngx_memcpy(find->patients[find->n++], w->values[i].data,
                       DMP_PSEUDONYM_LEN);
        }
    }

    if (find->n != 0) {
        ngx_qsort(find->patients, find->n, DMP_PSEUDONYM_LEN,
                  ngx_http_dmp_find_compare);
    }

    find->more = (w->n_values >= NGX_HTTP_DMP_FIND_HINTS);
    find->asked = 1;

    return NGX_OK;
}


/* Which records may have the traits. */
static ngx_int_t
ngx_http_dmp_find_whom(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;

    if (w == NULL || !w->sent) {
        rc = ngx_http_dmp_wait_store(ctx);

        if (rc == NGX_DECLINED) {
            rc = ngx_http_dmp_find_ask(r, ctx);
        }

        return rc;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
        return NGX_AGAIN;
    }

    rc = (w->result == NGX_HTTP_DMP_WAIT_DONE)
         ? ngx_http_dmp_find_hints(r, ctx->find, w) : NGX_ERROR;

    ctx->waiter = NULL;
    ngx_http_dmp_waiter_release(w);

    return rc;
}


/* What was decided of the last one has been committed. */
static void
ngx_http_dmp_find_take(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_find_t  *find;

    find = ctx->find;
    find->deciding = 0;

    if (!find->traced) {
        find->traced = 1;
        find->sent_ns = ctx->sent_ns;
    }

    if (ctx->decision.effect == DMP_ALLOW) {
        find->found[find->n_found++] = ctx->record;
        ctx->record = NULL;
    }
}


/* Nothing of the one before is left when the next is looked at. */
static void
ngx_http_dmp_find_clear(ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->record != NULL) {
        ngx_http_dmp_cached_release(ctx->record);
        ctx->record = NULL;
    }

    ngx_memzero(&ctx->facts, sizeof(dmp_facts_t));
    ctx->patient_known = 0;
    ctx->tries = 0;
    ctx->decision = ctx->find->decision;
}


/*
 * A record that a hint led to: false if it is not to be traced, since it has
 * other traits, or is one more than the answer names.
 */
ngx_uint_t
ngx_http_dmp_find_decided(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_find_t  *find;

    find = ctx->find;

    if (ctx->facts.state != DMP_RECORD_PRESENT
        || ctx->decision.rule == DMP_RULE_G4)
    {
        find->deciding = 0;

    } else if (ctx->decision.effect == DMP_ALLOW
               && find->n_found == DMP_FIND_MAX)
    {
        find->deciding = 0;
        find->more = 1;
        find->next = find->n;
    }

    if (!find->deciding) {
        ctx->state = NGX_HTTP_DMP_FIND;
    }

    return find->deciding;
}


ngx_int_t
ngx_http_dmp_state_find(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_dmp_find_t  *find;

    find = ctx->find;

    if (!find->asked) {
        rc = ngx_http_dmp_find_whom(r, ctx);

        return (rc == NGX_ERROR) ? ngx_http_dmp_no_trace(ctx) : rc;
    }

    if (find->deciding) {
        ngx_http_dmp_find_take(ctx);
    }

    if (ctx->traced && !find->traced) {
        /* the entry that names nobody */
        find->traced = 1;
        find->sent_ns = ctx->sent_ns;
    }

    ngx_http_dmp_find_clear(ctx);

    if (find->next < find->n) {
        ngx_memcpy(ctx->patient, find->patients[find->next++],
                   DMP_PSEUDONYM_LEN);
        ctx->patient_known = 1;
        ctx->reload = 1;
        find->deciding = 1;
        ctx->state = NGX_HTTP_DMP_LOAD;
        return NGX_OK;
    }

    if (!find->traced) {
        ctx->state = NGX_HTTP_DMP_COMMIT;
        return NGX_OK;
    }

    /* the first check speaks for what is told of the first one */
    if (find->n_found != 0
        && ngx_http_dmp_now_ns() - find->sent_ns
           > (uint64_t) ngx_http_dmp_store.deadline * 1000000)
    {
        return ngx_http_dmp_no_trace(ctx);
    }

    ctx->shown = find->n_found;
    ctx->state = NGX_HTTP_DMP_ENFORCE;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_send_find(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t            i;
    dmp_buf_t             text;
    ngx_http_dmp_find_t  *find;
    const dmp_record_t   *records[DMP_FIND_MAX];

    find = ctx->find;

    for (i = 0; i < find->n_found; i++) {
        records[i] = find->found[i]->value;
    }

    if (ngx_http_dmp_text(r, &text, DMP_ANSWER_FIND_MAX) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    dmp_answer_find(&text, records, find->n_found, find->more);

    return ngx_http_dmp_send_text(r, ctx, &text);
}
