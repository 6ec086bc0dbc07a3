/*
 * Whose attachment is it?  All documents that may have it are gathered: those
 * that the index knows, and those that the host finds by its address; each
 * counts as the host has it now.  They must all be of one patient.
 */

#include "ngx_http_dmp_locate.h"


#define NGX_HTTP_DMP_CLAIM_LEN   (DMP_PSEUDONYM_LEN + 1 + DMP_INDEX_HASH_LEN)
#define NGX_HTTP_DMP_SEARCH_MAX  4096    /* bytes of a search's target */


/* "P:H" of each document that has the attachment, as far as is known. */
ngx_int_t
ngx_http_dmp_locate_claims(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t             *claim;
    ngx_uint_t             i;
    ngx_http_dmp_claim_t  *c;

    claim = ctx->waiter->values;
    ctx->n_claims = 0;
    ctx->claim = 0;

    if (ctx->waiter->n_values > NGX_HTTP_DMP_CLAIMS) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp an attachment is claimed by too many documents: "
                      "nobody gets it");
        ctx->contested = 1;
        return NGX_OK;
    }

    ctx->claims = ngx_pcalloc(r->pool, NGX_HTTP_DMP_CLAIMS
                                       * sizeof(ngx_http_dmp_claim_t));
    if (ctx->claims == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->waiter->n_values; i++) {

        if (claim[i].len != NGX_HTTP_DMP_CLAIM_LEN
            || claim[i].data[DMP_PSEUDONYM_LEN] != ':')
        {
            continue;
        }

        c = &ctx->claims[ctx->n_claims++];
        ngx_memcpy(c->patient, claim[i].data, DMP_PSEUDONYM_LEN);
        ngx_memcpy(c->hash, claim[i].data + DMP_PSEUDONYM_LEN + 1,
                   DMP_INDEX_HASH_LEN);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_candidate(ngx_http_request_t *r, ngx_array_t **list,
    const char *patient, dmp_str_t id)
{
    u_char                    *p;
    ngx_http_dmp_candidate_t  *candidate;

    if (*list == NULL) {
        *list = ngx_array_create(r->pool, NGX_HTTP_DMP_CLAIMS,
                                 sizeof(ngx_http_dmp_candidate_t));
    }

    candidate = (*list != NULL) ? ngx_array_push(*list) : NULL;
    p = ngx_pnalloc(r->pool, id.len + 1);

    if (candidate == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.data, id.len);
    ngx_memcpy(candidate->patient, patient, DMP_PSEUDONYM_LEN);
    candidate->id = (dmp_str_t) { (char *) p, id.len };
    candidate->seen = 0;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dmp_has_attachment(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    dmp_str_t   attachments[DMP_DOCUMENT_ATTACHMENTS];
    ngx_uint_t  i, n;

    n = ngx_http_dmp_attachments(r, addresses, document, attachments);

    for (i = 0; i < n; i++) {
        if (dmp_str_eq(attachments[i], ctx->asked.attachment)) {
            return 1;
        }
    }

    return 0;
}


static ngx_http_dmp_candidate_t *
ngx_http_dmp_candidate_of(ngx_http_dmp_ctx_t *ctx, dmp_str_t id)
{
    ngx_uint_t                 i;
    ngx_http_dmp_candidate_t  *candidate;

    if (ctx->candidates == NULL) {
        return NULL;
    }

    candidate = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {
        if (dmp_str_eq(candidate[i].id, id)) {
            return &candidate[i];
        }
    }

    return NULL;
}


/*
 * One document as the host has it now: does it have the attachment?  The
 * first that does is kept; the others must be of the same patient.
 */
static ngx_int_t
ngx_http_dmp_gather(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    char                       patient[DMP_PSEUDONYM_LEN];
    ngx_int_t                  rc;
    ngx_http_dmp_known_t      *known;
    ngx_http_dmp_candidate_t  *candidate;

    candidate = ngx_http_dmp_candidate_of(ctx, document->id);

    if (candidate != NULL) {
        candidate->seen = 1;
    }

    if (!ngx_http_dmp_has_attachment(r, ctx, addresses, document)) {
        return NGX_OK;
    }

    rc = ngx_http_dmp_owner(r, document,
                            (candidate != NULL) ? candidate->patient : NULL,
                            patient);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        /* it has it, and may be anybody's */
        ctx->contested = 1;
        return NGX_OK;
    }

    if (ctx->cached == NULL) {
        return ngx_http_dmp_locate_keep(r, ctx, patient, addresses, document);
    }

    ngx_http_dmp_index_learn(r, patient, addresses, document);
    known = ctx->cached->value;

    if (ngx_memcmp(patient, known->patient, DMP_PSEUDONYM_LEN) != 0
        || (ctx->others != NULL && ctx->others->nelts == NGX_HTTP_DMP_CLAIMS))
    {
        ctx->contested = 1;
        return NGX_OK;
    }

    return ngx_http_dmp_candidate(r, &ctx->others, patient, document->id);
}


/* All that may have it was looked at. */
static ngx_int_t
ngx_http_dmp_gathered(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    if (ctx->cached != NULL && !ctx->contested) {
        ctx->gathered = 1;
        return ngx_http_dmp_located_asked(ctx);
    }

    if (ctx->contested) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp an attachment is claimed by documents of two "
                      "patients: nobody gets it");
    }

    (void) ngx_http_dmp_locate_from(ctx, NGX_HTTP_DMP_LOCATE_ASK);

    return ngx_http_dmp_nobodys(r, ctx);
}


/* The next document to ask for; NULL: there is none. */
ngx_http_dmp_candidate_t *
ngx_http_dmp_next_candidate(ngx_http_dmp_ctx_t *ctx)
{
    ngx_array_t               *list;
    ngx_http_dmp_candidate_t  *candidate;

    list = ctx->gathered ? ctx->others : ctx->candidates;

    while (list != NULL && ctx->candidate < list->nelts) {
        candidate = (ngx_http_dmp_candidate_t *) list->elts + ctx->candidate;

        if (!candidate->seen) {
            return candidate;
        }

        ctx->candidate++;
    }

    return NULL;
}


/* A document that has the attachment, or may have: as it is now. */
ngx_int_t
ngx_http_dmp_locate_ask_candidate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                  rc;
    dmp_document_t            *document;
    dmp_addresses_t            addresses;
    ngx_http_dmp_candidate_t  *candidate;

    candidate = ngx_http_dmp_next_candidate(ctx);

    if (candidate == NULL) {
        return ngx_http_dmp_gathered(r, ctx);
    }

    rc = ngx_http_dmp_ask_document(r, ctx, candidate->id, &document);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    candidate->seen = 1;

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_host_addresses(ctx->question.answered, &addresses);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_gather(r, ctx, &addresses, document);
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_locate_failed(ctx);
    }

    return (ctx->gathered && ctx->cached != NULL)
           ? ngx_http_dmp_located_asked(ctx) : NGX_HTTP_DMP_NEXT;
}


/*
 * "DocumentReference?location=Binary/x,http://host/fhir/Binary/x" (FHIR R4,
 * DocumentReference: location is the address of an attachment).
 */
static dmp_str_t
ngx_http_dmp_search_target(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_addresses_t *addresses)
{
    char       *data;
    unsigned    i;
    dmp_buf_t   buf;

    data = ngx_pnalloc(r->pool, NGX_HTTP_DMP_SEARCH_MAX);

    if (data == NULL) {
        return dmp_null_string;
    }

    dmp_buf_init(&buf, data, NGX_HTTP_DMP_SEARCH_MAX);
    dmp_buf_text(&buf, "DocumentReference?location=");
    dmp_buf_str(&buf, ctx->asked.attachment);

    for (i = 0; i < addresses->n_bases; i++) {
        dmp_buf_text(&buf, ",");
        dmp_buf_str(&buf, addresses->bases[i]);
        dmp_buf_text(&buf, "/");
        dmp_buf_str(&buf, ctx->asked.attachment);
    }

    return buf.full ? dmp_null_string : (dmp_str_t) { buf.data, buf.len };
}


typedef struct {
    ngx_http_request_t     *request;
    ngx_http_dmp_ctx_t     *ctx;
    const dmp_addresses_t  *addresses;
    ngx_int_t               rc;
} ngx_http_dmp_found_t;


/* Nothing leaves of this answer: each document is only looked at. */
static bool
ngx_http_dmp_found(void *data, const dmp_document_t *document)
{
    ngx_http_dmp_found_t  *found;

    found = data;

    if (found->rc == NGX_OK) {
        found->rc = ngx_http_dmp_gather(found->request, found->ctx,
                                        found->addresses, document);
    }

    return false;
}


static void *
ngx_http_dmp_locate_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static ngx_int_t
ngx_http_dmp_search_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_cut_t              cut;
    dmp_filter_t           filter;
    dmp_addresses_t        addresses;
    ngx_http_dmp_found_t   found;

    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ngx_http_dmp_host_addresses(ctx->question.answered, &addresses)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    found.request = r;
    found.ctx = ctx;
    found.addresses = &addresses;
    found.rc = NGX_OK;

    ngx_memzero(&filter, sizeof(dmp_filter_t));

    filter.policy = ctx->policy;
    filter.entries = DMP_RESOURCE_DOCUMENT_REFERENCE;
    filter.max_entries = dlcf->max_answer_entries;
    filter.max_depth = (unsigned) dlcf->max_answer_depth;
    filter.judge = ngx_http_dmp_found;
    filter.data = &found;
    filter.alloc = ngx_http_dmp_locate_alloc;
    filter.alloc_data = r->pool;

    if (dmp_filter_search(&filter, (char *) ctx->question.body.data,
                          ctx->question.body.len, &cut)
        != DMP_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp record host answered a search with what is none");
        return NGX_ERROR;
    }

    return found.rc;
}


ngx_int_t
ngx_http_dmp_locate_search(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t        rc;
    dmp_str_t        target;
    dmp_addresses_t  addresses;

    target = dmp_null_string;

    if (ctx->question.request == NULL) {

        if (ngx_http_dmp_host_addresses(r, &addresses) == NGX_OK) {
            target = ngx_http_dmp_search_target(r, ctx, &addresses);
        }

        if (target.len == 0) {
            return ngx_http_dmp_locate_failed(ctx);
        }
    }

    rc = ngx_http_dmp_ask(r, ctx, target);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_search_take(r, ctx);
    }

    if (rc == NGX_ERROR) {
        return ngx_http_dmp_locate_failed(ctx);
    }

    /* what the index says and the search did not show, one by one */
    ctx->locate = NGX_HTTP_DMP_LOCATE_ASK;

    return NGX_HTTP_DMP_NEXT;
}
