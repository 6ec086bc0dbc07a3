/*
 * The commit of a request: its trace entry, with the version its decision
 * used, in one call of the store.  Only a timely "1" lets it through.
 */

#include "ngx_http_dmp_session.h"


#define NGX_HTTP_DMP_TRIES       10      /* commits of one request */
#define NGX_HTTP_DMP_LATE_TRIES  2       /* of a store that is slow */

#define NGX_HTTP_DMP_TRACED_MAX  256     /* bytes of a document's name */

#define NGX_HTTP_DMP_INS_DIGITS  13      /* of an INS without its key */


/*
 * The document's name for the trace.  Whoever deposits chooses it: one that
 * holds what may be a patient's number, or that an entry has no room for,
 * stands there as its hash in the index.
 */
static dmp_str_t
ngx_http_dmp_traced_name(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char       room[NGX_HTTP_DMP_RESOURCE_MAX];
    dmp_str_t  name;

    name = dmp_document_name(ctx->document);

    if (name.len <= NGX_HTTP_DMP_TRACED_MAX && !dmp_ins_within(name)) {
        return name;
    }

    if (ngx_http_dmp_index_hash(r,
                   ngx_http_dmp_document_resource(ctx->document->id, room),
                   ctx->name)
        != NGX_OK)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { ctx->name, DMP_INDEX_HASH_LEN };
}


/* An id that says nothing of a person, as far as one can tell. */
static ngx_uint_t
ngx_http_dmp_is_plain_id(dmp_str_t id)
{
    char        c;
    size_t      i;
    ngx_uint_t  digits;

    digits = 0;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];
        digits = (c >= '0' && c <= '9') ? digits + 1 : 0;

        if (digits == NGX_HTTP_DMP_INS_DIGITS
            || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                 || (c >= 'A' && c <= 'Z') || c == '-' || c == '.'))
        {
            return 0;
        }
    }

    return !dmp_ins_within(id);
}


/*
 * The client's own words for what nobody knows.  They may be somebody's name
 * or number: what is no plain id, and what an API call names, stands in the
 * trace as a keyed hash.
 */
static dmp_str_t
ngx_http_dmp_words(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    char       room[NGX_HTTP_DMP_RESOURCE_MAX];
    dmp_str_t  id, attachment;

    attachment = ctx->asked.attachment;

    if (attachment.len == 0) {
        id = ctx->asked.document;

    } else {
        id.data = attachment.data + sizeof("Binary/") - 1;
        id.len = attachment.len - (sizeof("Binary/") - 1);
    }

    if (id.len == 0) {
        return dmp_null_string;
    }

    if (!ctx->api && ngx_http_dmp_is_plain_id(id)) {
        return (attachment.len != 0) ? attachment : id;
    }

    if (ngx_http_dmp_index_hash(r,
                        (attachment.len != 0)
                        ? attachment : ngx_http_dmp_document_resource(id, room),
                        ctx->name)
        != NGX_OK)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { ctx->name, DMP_INDEX_HASH_LEN };
}


/* What the trace calls the document that is asked for. */
static void
ngx_http_dmp_trace_document(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_trace_document_t *document)
{
    if (ctx->document == NULL) {
        document->id = ngx_http_dmp_words(r, ctx);
        return;
    }

    document->id = ngx_http_dmp_traced_name(r, ctx);

    if (ctx->document->n_types != 0
        && ctx->document->types[0].code.len <= NGX_HTTP_DMP_TRACED_MAX
        && !dmp_ins_within(ctx->document->types[0].code))
    {
        document->type = ctx->document->types[0].code;
    }
}


/* A person's own words: sealed under the trace id. */
ngx_int_t
ngx_http_dmp_seal_words(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t field, dmp_str_t words, dmp_str_t *sealed)
{
    char                            *out;
    dmp_str_t                        name;
    const ngx_http_dmp_main_conf_t  *dmcf;

    if (words.len == 0) {
        *sealed = dmp_null_string;
        return NGX_OK;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);
    name = (dmp_str_t) { (char *) ctx->trace_id, DMP_UUID_LEN };

    out = ngx_pnalloc(r->pool, words.len + DMP_SEAL_OVERHEAD);
    if (out == NULL) {
        return NGX_ERROR;
    }

    sealed->data = out;

    return dmp_seal(dmcf->record_keys, name, field, 1, words.data, words.len,
                    out, &sealed->len)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


void
ngx_http_dmp_trace_of(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_access_t *access)
{
    ngx_memzero(access, sizeof(dmp_access_t));

    access->time_ms = ngx_http_dmp_time_ms();
    access->trace_id = (dmp_str_t) { (char *) ctx->trace_id, DMP_UUID_LEN };
    access->subject = &ctx->subject;
    access->request = &ctx->asked;
    access->decision = &ctx->decision;
    access->policy = (dmp_str_t) { ctx->policy->digest,
                                   sizeof(ctx->policy->digest) };
    access->version = ctx->facts.version;
    access->client = ngx_http_dmp_str(r->connection->addr_text);
    access->method = ngx_http_dmp_str(r->method_name);
    access->repeated = ctx->repeated;

    if (ctx->patient_known) {
        access->patient = (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
    }
}


static ngx_int_t
ngx_http_dmp_send_trace(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_access_t                    access;
    ngx_http_dmp_notices_t          notices;
    const ngx_http_dmp_notices_t   *told;

    ngx_http_dmp_trace_of(r, ctx, &access);

    if (ctx->sign_in != NULL) {
        return ngx_http_dmp_sign_in_send(r, ctx, &access);
    }

    ngx_http_dmp_trace_document(r, ctx, &access.document);

    if (ctx->asked.mode == DMP_MODE_BRIS_DE_GLACE
        && ngx_http_dmp_seal_words(r, ctx,
                                   dmp_string(DMP_JUSTIFICATION_FIELD),
                                   ctx->asked.justification,
                                   &access.justification)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->decision.effect == DMP_ALLOW && ctx->change != NULL) {
        return ngx_http_dmp_change_send(r, ctx, &access);
    }

    if (ngx_http_dmp_notices(r, ctx, &notices, &told) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_store_trace(ctx, &access, told,
                                    ngx_http_dmp_session_own(ctx));
}


/* Writer, epoch and sequence of the entry that lets this request through. */
static ngx_int_t
ngx_http_dmp_make_receipt(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t        len;
    u_char       *p;
    dmp_entry_t  *e;
    dmp_str_t     writer;

    e = &ngx_http_dmp_store.entry;
    writer = dmp_writer_name(ngx_http_dmp_store.writer);

    len = DMP_UUID_LEN + 1 + writer.len + 1 + NGX_INT32_LEN
          + 2 * (1 + NGX_INT64_LEN);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->receipt.data = p;

    p = ngx_snprintf(p, len, "%*s %*s %ui %uL %uL",
                     (size_t) DMP_UUID_LEN, ctx->trace_id,
                     writer.len, writer.data, (ngx_uint_t) e->bucket,
                     e->epoch, e->seq);

    ctx->receipt.len = (size_t) (p - ctx->receipt.data);

    return NGX_OK;
}


/* The entry stands, in time: what comes next. */
static ngx_int_t
ngx_http_dmp_permitted(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->sign_in != NULL) {
        return ngx_http_dmp_sign_in_stands(r, ctx);
    }

    if (ctx->decision.effect == DMP_ALLOW && ctx->change != NULL) {
        return ngx_http_dmp_change_done(r, ctx);
    }

    if (ctx->decision.effect == DMP_ALLOW
        && ctx->asked.operation == DMP_OPERATION_HISTORY)
    {
        return ngx_http_dmp_history_start(r, ctx);
    }

    ctx->state = (ctx->find != NULL) ? NGX_HTTP_DMP_FIND
                                     : NGX_HTTP_DMP_ENFORCE;
    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_committed(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t               rc;
    uint64_t                took;
    ngx_http_dmp_waiter_t  *w;

    w = ctx->waiter;
    took = ngx_http_dmp_now_ns() - ngx_http_dmp_session_since(ctx, w->sent_ns);
    ctx->waiter = NULL;

    if (w->result == NGX_HTTP_DMP_WAIT_STALE
        && !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_VERSION))
    {
        w->result = NGX_HTTP_DMP_WAIT_DONE;
    }

    if (w->result == NGX_HTTP_DMP_WAIT_DONE
        && (took <= (uint64_t) ngx_http_dmp_store.deadline * 1000000
            || !ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_DEADLINE)))
    {
        ctx->sent_ns = ngx_http_dmp_session_since(ctx, w->sent_ns);
        ctx->traced = 1;
        ngx_http_dmp_waiter_release(w);
        ngx_http_dmp_noticed(ctx);

        return ngx_http_dmp_permitted(r, ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_STALE) {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_STALE);

    } else {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_LATE);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_STALE && w->ended) {
        ngx_http_dmp_waiter_release(w);
        return ngx_http_dmp_session_ended(ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_STALE && ctx->sign_in != NULL) {
        ngx_http_dmp_waiter_release(w);
        return ngx_http_dmp_sign_in_stale(ctx);
    }

    if (w->result == NGX_HTTP_DMP_WAIT_STALE
        && ++ctx->tries < (w->late ? NGX_HTTP_DMP_LATE_TRIES
                                   : NGX_HTTP_DMP_TRIES))
    {
        rc = ngx_http_dmp_take_record(r, ctx, w);
        ngx_http_dmp_waiter_release(w);
        ngx_http_dmp_session_again(ctx);

        if (rc != NGX_OK) {
            return ngx_http_dmp_no_trace(ctx);
        }

        ctx->state = NGX_HTTP_DMP_DECIDE;
        return NGX_OK;
    }

    /* late, lost or refused: if the entry stands, it lets nothing through */
    if (w->access && w->result != NGX_HTTP_DMP_WAIT_STALE) {
        ngx_http_dmp_outcome_abandon(w->trace_id);
    }

    ngx_http_dmp_waiter_release(w);

    return ngx_http_dmp_no_trace(ctx);
}


ngx_int_t
ngx_http_dmp_state_commit(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->waiter != NULL && ctx->waiter->sent) {

        if (ctx->waiter->result == NGX_HTTP_DMP_WAIT_PENDING) {
            return NGX_AGAIN;
        }

        return ngx_http_dmp_committed(r, ctx);
    }

    if (ngx_http_dmp_session_wanted(ctx)) {
        /* it lives elsewhere than what is asked for */
        ctx->state = NGX_HTTP_DMP_SESSION;
        return NGX_OK;
    }

    rc = ngx_http_dmp_wait_store(ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_dmp_send_trace(r, ctx) != NGX_AGAIN) {
        return ngx_http_dmp_no_trace(ctx);
    }

    if (ngx_http_dmp_make_receipt(r, ctx) != NGX_OK) {
        ngx_http_dmp_waiter_detach(ctx->waiter);
        ctx->waiter = NULL;
        return ngx_http_dmp_no_trace(ctx);
    }

    if (!ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_TRACE_FIRST)
        && ctx->waiter->access && ctx->change == NULL)
    {
        ctx->sent_ns = ctx->waiter->sent_ns;
        ctx->traced = 1;
        ngx_http_dmp_waiter_release(ctx->waiter);
        ctx->waiter = NULL;

        return ngx_http_dmp_permitted(r, ctx);
    }

    return NGX_AGAIN;
}
