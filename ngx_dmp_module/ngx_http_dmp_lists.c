/*
 * Lists (submission sets, folders): one that names a document that may not be
 * shown does not leave.  What the rules must know of the documents comes from
 * the index, and for those it does not know from the record host.
 *
 * The answer is held meanwhile; it is gone through once to note which
 * documents its Lists name, and once more to judge each List by them.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_LISTED_MAX      10000   /* documents of one answer */
#define NGX_HTTP_DMP_LISTED_BATCH    256     /* looked up at once */
#define NGX_HTTP_DMP_LIST_QUESTIONS  64      /* to the host, for one answer */


static ngx_int_t
ngx_http_dmp_listed_add(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t id)
{
    char                   *p;
    ngx_http_dmp_listed_t  *listed;

    if (ctx->listed->nelts == NGX_HTTP_DMP_LISTED_MAX) {
        return NGX_ERROR;
    }

    listed = ngx_array_push(ctx->listed);
    p = ngx_pnalloc(r->pool, id.len + 1);

    if (listed == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.data, id.len);

    listed->id = (dmp_str_t) { p, id.len };
    listed->document = NULL;
    listed->asked = 0;

    return NGX_OK;
}


/* Notes what it names; nothing leaves yet. */
bool
ngx_http_dmp_lists_note(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_fhir_list_t *list)
{
    size_t  i;

    if (ctx->listed == NULL) {
        ctx->listed = ngx_array_create(r->pool, 32,
                                       sizeof(ngx_http_dmp_listed_t));
    }

    if (ctx->listed == NULL || list->opaque) {
        return false;
    }

    for (i = 0; i < list->n_documents; i++) {
        if (ngx_http_dmp_listed_add(r, ctx, list->documents[i]) != NGX_OK) {
            return false;
        }
    }

    return false;
}


static int ngx_libc_cdecl
ngx_http_dmp_listed_compare(const void *one, const void *two)
{
    int        rc;
    size_t     n;
    dmp_str_t  a, b;

    a = ((const ngx_http_dmp_listed_t *) one)->id;
    b = ((const ngx_http_dmp_listed_t *) two)->id;

    n = ngx_min(a.len, b.len);
    rc = ngx_memcmp(a.data, b.data, n);

    if (rc != 0) {
        return rc;
    }

    return (a.len > b.len) - (a.len < b.len);
}


/* Sorted, and each once. */
static void
ngx_http_dmp_listed_sort(ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t              i, n;
    ngx_http_dmp_listed_t  *listed;

    listed = ctx->listed->elts;
    n = 0;

    ngx_qsort(listed, ctx->listed->nelts, sizeof(ngx_http_dmp_listed_t),
              ngx_http_dmp_listed_compare);

    for (i = 0; i < ctx->listed->nelts; i++) {
        if (n == 0 || !dmp_str_eq(listed[n - 1].id, listed[i].id)) {
            listed[n++] = listed[i];
        }
    }

    ctx->listed->nelts = n;
}


static ngx_int_t
ngx_http_dmp_lists_hashes(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char                    room[NGX_HTTP_DMP_RESOURCE_MAX];
    ngx_uint_t              i;
    ngx_http_dmp_listed_t  *listed;

    listed = (ngx_http_dmp_listed_t *) ctx->listed->elts + ctx->list_next;

    ctx->n_hashes = ngx_min(ctx->listed->nelts - ctx->list_next,
                            NGX_HTTP_DMP_LISTED_BATCH);

    ctx->hashes = ngx_palloc(r->pool, ctx->n_hashes * DMP_INDEX_HASH_LEN);
    if (ctx->hashes == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->n_hashes; i++) {
        if (ngx_http_dmp_index_hash(r,
                          ngx_http_dmp_document_resource(listed[i].id, room),
                          ctx->hashes[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_dmp_lists_open(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t              *value;
    ngx_uint_t              i;
    dmp_document_t         *document;
    ngx_http_dmp_listed_t  *listed;

    value = ctx->waiter->values;
    listed = (ngx_http_dmp_listed_t *) ctx->listed->elts + ctx->list_next;

    for (i = 0; i < ctx->n_hashes; i++) {

        if (value[i].len == 0) {
            continue;
        }

        document = ngx_http_dmp_index_open(r, r->pool, ctx->patient,
                                           ctx->hashes[i], value[i]);

        if (document != NULL && dmp_str_eq(document->id, listed[i].id)) {
            listed[i].document = document;
        }
    }

    ctx->list_next += ctx->n_hashes;
}


/* What the index knows, a batch at a time. */
static ngx_int_t
ngx_http_dmp_lists_look_up(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_dmp_waiter_t  *w;

    for ( ;; ) {
        w = ctx->waiter;

        if (w != NULL) {

            if (w->result == NGX_HTTP_DMP_WAIT_PENDING) {
                return NGX_AGAIN;
            }

            rc = (w->result == NGX_HTTP_DMP_WAIT_DONE) ? NGX_OK : NGX_ERROR;

            if (rc == NGX_OK && w->sent) {
                ngx_http_dmp_lists_open(r, ctx);
            }

            ngx_http_dmp_waiter_release(w);
            ctx->waiter = NULL;

            if (rc != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (ctx->list_next >= ctx->listed->nelts) {
            return NGX_OK;
        }

        if (!ngx_http_dmp_store_ready()
            || ngx_http_dmp_lists_hashes(r, ctx) != NGX_OK
            || ngx_http_dmp_index_facts(r, ctx, ctx->patient, ctx->hashes,
                                        ctx->n_hashes)
               != NGX_AGAIN)
        {
            return NGX_ERROR;
        }
    }
}


/* What the index would keep of it: the answer that it came in can go. */
static dmp_document_t *
ngx_http_dmp_lists_copy(ngx_http_request_t *r, const dmp_document_t *document)
{
    char            *text;
    dmp_buf_t        buf;
    dmp_document_t  *copy;
    static char      room[DMP_INDEX_TEXT_MAX];

    dmp_buf_init(&buf, room, sizeof(room));
    dmp_index_write(&buf, document, NULL, 0);

    text = ngx_palloc(r->pool, buf.len + 1);
    copy = ngx_palloc(r->pool, sizeof(dmp_document_t));

    if (buf.full || text == NULL || copy == NULL) {
        return NULL;
    }

    ngx_memcpy(text, buf.data, buf.len);

    return (dmp_index_read(text, buf.len, copy) == DMP_OK) ? copy : NULL;
}


/*
 * One that the index does not know, as the host has it.  NGX_ABORT: nobody
 * can say, and a List that is left out for that would be missed by nobody.
 */
static ngx_int_t
ngx_http_dmp_lists_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_listed_t *listed)
{
    ngx_int_t         rc;
    dmp_document_t   *document;
    dmp_addresses_t   addresses;

    if (ctx->question.request == NULL) {

        if (ngx_http_dmp_is_absent(r, listed->id)) {
            listed->asked = 1;
            return NGX_OK;
        }

        if (ctx->list_questions++ == NGX_HTTP_DMP_LIST_QUESTIONS) {
            return NGX_ABORT;
        }
    }

    rc = ngx_http_dmp_ask_document(r, ctx, listed->id, &document);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        return NGX_ABORT;
    }

    listed->asked = 1;

    if (rc == NGX_DECLINED) {
        ngx_http_dmp_set_absent(r, listed->id);
        return NGX_OK;
    }

    if (rc != NGX_OK
        || dmp_document_patient(document, ctx->facts.record->ins)
           != DMP_PATIENT_SAME)
    {
        /* not to be read, or another's: that a List names it ties it to
           nobody, and its List is not shown */
        return NGX_OK;
    }

    listed->document = ngx_http_dmp_lists_copy(r, document);

    if (listed->document == NULL) {
        /* too much to keep: its List is not shown */
        return NGX_OK;
    }

    if (ngx_http_dmp_claim_addresses(r, ctx, &addresses) == NGX_OK) {
        /* the index does not know it, whatever this worker has entered */
        ngx_http_dmp_index_relearn(r, ctx->patient, &addresses, document);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_lists_learn(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_http_dmp_listed_t  *listed;

    if (ctx->listed == NULL || ctx->listed_known) {
        return NGX_OK;
    }

    if (ctx->facts.record == NULL) {
        return NGX_ERROR;
    }

    if (ctx->list_next == 0 && ctx->waiter == NULL) {
        ngx_http_dmp_listed_sort(ctx);
    }

    rc = ngx_http_dmp_lists_look_up(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    listed = ctx->listed->elts;

    for (i = 0; i < ctx->listed->nelts; i++) {

        if (listed[i].document != NULL || listed[i].asked) {
            continue;
        }

        rc = ngx_http_dmp_lists_ask(r, ctx, &listed[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ctx->listed_known = 1;

    return NGX_OK;
}


static const dmp_document_t *
ngx_http_dmp_listed_find(const ngx_http_dmp_ctx_t *ctx, dmp_str_t id)
{
    int                           order;
    ngx_uint_t                    low, high, middle;
    ngx_http_dmp_listed_t         key;
    const ngx_http_dmp_listed_t  *listed;

    key.id = id;
    low = 0;
    high = (ctx->listed != NULL) ? ctx->listed->nelts : 0;

    while (low < high) {
        middle = low + (high - low) / 2;
        listed = (ngx_http_dmp_listed_t *) ctx->listed->elts + middle;
        order = ngx_http_dmp_listed_compare(&key, listed);

        if (order == 0) {
            return listed->document;
        }

        if (order < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


/* Whom it is about, like a document (rule H1). */
static bool
ngx_http_dmp_list_belongs(const ngx_http_dmp_ctx_t *ctx,
    const dmp_fhir_list_t *list)
{
    unsigned  i;

    if (list->other_patient || ctx->facts.record == NULL) {
        return false;
    }

    for (i = 0; i < list->n_ins; i++) {
        if (!dmp_str_eq(list->ins[i], ctx->facts.record->ins)) {
            return false;
        }
    }

    return true;
}


bool
ngx_http_dmp_lists_judge(ngx_http_dmp_ctx_t *ctx,
    const dmp_hearing_t *hearing, const dmp_fhir_list_t *list)
{
    size_t                 i;
    dmp_decision_t         decision;
    const dmp_document_t  *document;

    if (hearing->request.effect != DMP_ALLOW || list->opaque
        || !ngx_http_dmp_list_belongs(ctx, list))
    {
        return false;
    }

    for (i = 0; i < list->n_documents; i++) {
        document = ngx_http_dmp_listed_find(ctx, list->documents[i]);

        if (document == NULL) {
            return false;
        }

        dmp_judge(hearing, document, &decision);

        if (decision.effect != DMP_ALLOW) {
            return false;
        }
    }

    return true;
}
