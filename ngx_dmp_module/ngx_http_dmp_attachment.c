/*
 * Whose attachment is it?  All documents that have it are gathered: those that
 * the host finds by its address, and those that the index knows; each counts
 * as the host has it now.  They must all be of one patient, and each of them
 * must be allowed, since who can deposit could claim any attachment: whatever
 * cannot be made out about a claim closes it for everybody.
 */

#include "ngx_http_dmp_filter.h"
#include "ngx_http_dmp_locate.h"


#define NGX_HTTP_DMP_CLAIM_LEN   (DMP_PSEUDONYM_LEN + 1 + DMP_INDEX_HASH_LEN)
#define NGX_HTTP_DMP_SEARCH_MAX  16384   /* bytes of a search's target */
#define NGX_HTTP_DMP_SEARCH_ALL  "&_count=50"


static ngx_uint_t ngx_http_dmp_claim_moved(ngx_http_request_t *r,
    const ngx_http_dmp_ctx_t *ctx, const ngx_http_dmp_claim_t *claim);


/* "P:H" of each document that has the attachment, as far as is known. */
ngx_int_t
ngx_http_dmp_locate_claims(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_str_t             *claim;
    ngx_uint_t             i;
    ngx_http_dmp_claim_t  *c;

    claim = ctx->waiter->values;
    ctx->n_claims = 0;

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

        if (ctx->n_claims == NGX_HTTP_DMP_CLAIMS) {
            ctx->contested = 1;
            break;
        }

        c = &ctx->claims[ctx->n_claims++];
        ngx_memcpy(c->patient, claim[i].data, DMP_PSEUDONYM_LEN);
        ngx_memcpy(c->hash, claim[i].data + DMP_PSEUDONYM_LEN + 1,
                   DMP_INDEX_HASH_LEN);
    }

    return NGX_OK;
}


void
ngx_http_dmp_claim_stale(ngx_http_dmp_ctx_t *ctx, const char *hash)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->n_claims; i++) {
        if (ngx_memcmp(ctx->claims[i].hash, hash, DMP_INDEX_HASH_LEN) == 0) {
            ctx->claims[i].stale = 1;
        }
    }
}


/*
 * Its own patient's documents have it, and it is theirs: what others of them
 * claimed once need not be asked about for ever.
 */
static void
ngx_http_dmp_drop_stale(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t             i;
    ngx_http_dmp_claim_t  *c;

    for (i = 0; i < ctx->n_claims; i++) {
        c = &ctx->claims[i];

        if (c->stale && !ngx_http_dmp_claim_moved(r, ctx, c)) {
            ngx_http_dmp_index_unclaim(r, c->patient, c->hash,
                                       ctx->asked.attachment);
        }
    }
}


ngx_int_t
ngx_http_dmp_candidate(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t id)
{
    u_char                    *p;
    ngx_http_dmp_candidate_t  *candidate;

    if (ctx->candidates == NULL) {
        ctx->candidates = ngx_array_create(r->pool, NGX_HTTP_DMP_CLAIMS,
                                           sizeof(ngx_http_dmp_candidate_t));
    }

    candidate = (ctx->candidates != NULL) ? ngx_array_push(ctx->candidates)
                                          : NULL;
    p = ngx_pnalloc(r->pool, id.len + 1);

    if (candidate == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.data, id.len);
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


/* By an address that nobody said is the host's, and that may well be. */
static ngx_uint_t
ngx_http_dmp_may_have(const ngx_http_dmp_ctx_t *ctx,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    unsigned  i;

    for (i = 0; i < document->n_attachments; i++) {
        if (dmp_str_eq(ngx_http_dmp_attachment_loose(addresses,
                                                 document->attachments[i]),
                       ctx->asked.attachment))
        {
            return 1;
        }
    }

    return 0;
}


/* An address of elsewhere that ends alike: a host may compare no more. */
static ngx_uint_t
ngx_http_dmp_ends_alike(const ngx_http_dmp_ctx_t *ctx,
    const dmp_document_t *document)
{
    unsigned   i;
    dmp_str_t  end, name;

    name = ctx->asked.attachment;

    for (i = 0; i < document->n_attachments; i++) {
        end = document->attachments[i];

        if (end.len >= name.len) {
            end.data += end.len - name.len;
            end.len = name.len;
        }

        if (dmp_str_eq(end, name)) {
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


/* Keeps one that has the attachment; the first says whose it is. */
static ngx_int_t
ngx_http_dmp_gather_keep(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char *patient, const dmp_addresses_t *addresses,
    const dmp_document_t *document)
{
    ngx_http_dmp_known_t    *known;
    ngx_http_dmp_cached_t  **all;

    if (ctx->n_all == NGX_HTTP_DMP_CLAIMS
        || (ctx->n_all != 0
            && ngx_memcmp(patient, ctx->owner, DMP_PSEUDONYM_LEN) != 0))
    {
        ctx->contested = 1;
        return NGX_OK;
    }

    if (ctx->all == NULL) {
        ctx->all = ngx_palloc(r->pool, NGX_HTTP_DMP_CLAIMS * sizeof(void *));
        if (ctx->all == NULL) {
            return NGX_ERROR;
        }
    }

    all = &ctx->all[ctx->n_all];

    if (ngx_http_dmp_locate_keep(r, ctx, patient, addresses, document, all)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    known = (*all)->value;
    ngx_memcpy(ctx->owner, known->patient, DMP_PSEUDONYM_LEN);
    ctx->n_all++;

    return NGX_OK;
}


/*
 * One document as the host has it now: does it have the attachment?
 * NGX_DECLINED: it has not.
 */
static ngx_int_t
ngx_http_dmp_gather(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    char                       patient[DMP_PSEUDONYM_LEN];
    ngx_int_t                  rc;
    ngx_http_dmp_candidate_t  *candidate;

    candidate = ngx_http_dmp_candidate_of(ctx, document->id);

    if (candidate != NULL) {
        candidate->seen = 1;
    }

    if (!ngx_http_dmp_has_attachment(r, ctx, addresses, document)) {

        if (ngx_http_dmp_may_have(ctx, addresses, document)) {
            ctx->contested = 1;
            return NGX_OK;
        }

        return ngx_http_dmp_ends_alike(ctx, document) ? NGX_OK : NGX_DECLINED;
    }

    rc = ngx_http_dmp_owner(r, document,
                            (candidate != NULL) ? ctx->tied : NULL, patient);

    if (rc == NGX_DECLINED) {
        /* it has it, and may be anybody's */
        ctx->contested = 1;
        return NGX_OK;
    }

    return (rc == NGX_OK) ? ngx_http_dmp_gather_keep(r, ctx, patient,
                                                     addresses, document)
                          : NGX_ERROR;
}


/* A document that was one patient's and is now another's is one document. */
static ngx_uint_t
ngx_http_dmp_claim_moved(ngx_http_request_t *r, const ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_claim_t *claim)
{
    char                         room[NGX_HTTP_DMP_RESOURCE_MAX];
    char                         hash[DMP_INDEX_HASH_LEN];
    ngx_uint_t                   i;
    const ngx_http_dmp_known_t  *known;

    for (i = 0; i < ctx->n_all; i++) {
        known = ctx->all[i]->value;

        if (ngx_http_dmp_index_hash(r,
                     ngx_http_dmp_document_resource(known->document.id, room),
                     hash)
            == NGX_OK
            && ngx_memcmp(hash, claim->hash, DMP_INDEX_HASH_LEN) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A claim of another patient's document, once made, stands: what it claimed
 * may have been theirs.  An operator clears it (dmpctl index build
 * --clear-claims).
 */
static ngx_uint_t
ngx_http_dmp_is_contested(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->n_claims && !ctx->contested; i++) {
        ctx->contested = ngx_memcmp(ctx->claims[i].patient, ctx->owner,
                                    DMP_PSEUDONYM_LEN)
                         != 0
                         && !ngx_http_dmp_claim_moved(r, ctx, &ctx->claims[i]);
    }

    return ctx->contested;
}


/* All that may have it was looked at. */
static ngx_int_t
ngx_http_dmp_gathered(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    const ngx_http_dmp_known_t  *known;

    if (ctx->n_all != 0 && !ngx_http_dmp_is_contested(r, ctx)) {
        known = ctx->all[0]->value;
        ctx->document_asked = 1;
        ngx_http_dmp_drop_stale(r, ctx);

        return ngx_http_dmp_located(ctx, known->patient, &known->document);
    }

    if (ctx->contested && !dmp_ins_within(ctx->asked.attachment)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp an attachment is claimed by documents of two "
                      "patients, or by one that cannot be read: nobody gets "
                      "%*s", ctx->asked.attachment.len,
                      ctx->asked.attachment.data);
    }

    (void) ngx_http_dmp_locate_from(ctx, NGX_HTTP_DMP_LOCATE_ASK);

    return ngx_http_dmp_nobodys(r, ctx);
}


/* What only the index knows: as the host has it now. */
ngx_int_t
ngx_http_dmp_locate_ask_candidate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    dmp_document_t            *document;
    dmp_addresses_t            addresses;
    ngx_http_dmp_candidate_t  *candidate;

    candidate = NULL;

    for (i = 0; ctx->candidates != NULL && i < ctx->candidates->nelts; i++) {
        candidate = (ngx_http_dmp_candidate_t *) ctx->candidates->elts + i;

        if (!candidate->seen) {
            break;
        }

        candidate = NULL;
    }

    if (candidate == NULL) {
        return ngx_http_dmp_gathered(r, ctx);
    }

    rc = ngx_http_dmp_ask_document(r, ctx, candidate->id, &document);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    candidate->seen = 1;

    if (rc == NGX_ABORT) {
        /* it is there, and nobody can tell what it has */
        ctx->contested = 1;
        return NGX_HTTP_DMP_NEXT;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_claim_addresses(r, ctx, &addresses);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_gather(r, ctx, &addresses, document);
    }

    return (rc == NGX_ERROR) ? ngx_http_dmp_locate_failed(ctx)
                             : NGX_HTTP_DMP_NEXT;
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

    dmp_buf_text(&buf, NGX_HTTP_DMP_SEARCH_ALL);

    return buf.full ? dmp_null_string : (dmp_str_t) { buf.data, buf.len };
}


typedef struct {
    ngx_http_request_t     *request;
    ngx_http_dmp_ctx_t     *ctx;
    const dmp_addresses_t  *addresses;
    ngx_uint_t              judged;
    ngx_uint_t              without;     /* the attachment */
    ngx_int_t               rc;
} ngx_http_dmp_found_t;


/* Nothing leaves of this answer: each document is only looked at. */
static bool
ngx_http_dmp_found(void *data, const dmp_document_t *document)
{
    ngx_int_t              rc;
    ngx_http_dmp_found_t  *found;

    found = data;
    found->judged++;

    rc = ngx_http_dmp_gather(found->request, found->ctx, found->addresses,
                             document);

    if (rc == NGX_ERROR) {
        found->rc = NGX_ERROR;
    }

    found->without += (rc == NGX_DECLINED);

    return false;
}


/* There are more of them than a page holds. */
static dmp_str_t
ngx_http_dmp_found_link(void *data, dmp_str_t relation, dmp_str_t target)
{
    ngx_http_dmp_found_t  *found;

    (void) target;

    found = data;

    if (dmp_str_eq(relation, dmp_string("next"))) {
        found->ctx->contested = 1;
    }

    return dmp_null_string;
}


/* How many there are, as the host says; 0 if it does not. */
static uint64_t
ngx_http_dmp_found_total(const ngx_http_dmp_body_t *body)
{
    uint64_t    total;
    dmp_str_t   name;
    dmp_scan_t  s;

    total = 0;
    dmp_scan_init(&s, (char *) body->data, body->len);

    if (!dmp_scan_object(&s)) {
        return 0;
    }

    while (dmp_scan_member(&s, &name)) {

        if (!dmp_str_eq(name, dmp_string("total"))) {
            (void) dmp_scan_skip(&s, NULL);

        } else if (!dmp_scan_uint(&s, &total)) {
            /* whatever it says, it is not how many were seen */
            return UINT64_MAX;
        }
    }

    return total;
}


static void *
ngx_http_dmp_locate_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static ngx_int_t
ngx_http_dmp_search_take(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_cut_t                       cut;
    dmp_filter_t                    filter;
    dmp_addresses_t                 addresses;
    ngx_http_dmp_found_t            found;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    if (ngx_http_dmp_claim_addresses(r, ctx, &addresses)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memzero(&found, sizeof(ngx_http_dmp_found_t));

    found.request = r;
    found.ctx = ctx;
    found.addresses = &addresses;
    found.rc = NGX_OK;

    ngx_memzero(&filter, sizeof(dmp_filter_t));

    filter.policy = ctx->policy;
    filter.addresses = &addresses;
    filter.shapes = &ngx_http_dmp_shapes;
    filter.entries = DMP_RESOURCE_DOCUMENT_REFERENCE;
    filter.max_entries = dlcf->max_answer_entries;
    filter.max_depth = (unsigned) dlcf->max_answer_depth;
    filter.judge = ngx_http_dmp_found;
    filter.link = ngx_http_dmp_found_link;
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

    if (found.without != 0) {
        /* a host that ignores what it does not know gives anything */
        return NGX_ABORT;
    }

    if (cut.withheld > found.judged
        || ngx_http_dmp_found_total(&ctx->question.body) > found.judged)
    {
        /* one that cannot be read, or was not sent, may have it, and be
           anybody's */
        ctx->contested = 1;
    }

    return found.rc;
}


ngx_int_t
ngx_http_dmp_locate_search(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t                       rc;
    dmp_str_t                       target;
    dmp_addresses_t                 addresses;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    /* what the index says and the search does not show comes next */
    if (dlcf->by_index) {
        ctx->locate = NGX_HTTP_DMP_LOCATE_ASK;
        return NGX_HTTP_DMP_NEXT;
    }

    target = dmp_null_string;

    if (ctx->question.request == NULL) {

        if (ngx_http_dmp_claim_addresses(r, ctx, &addresses) != NGX_OK) {
            return ngx_http_dmp_locate_failed(ctx);
        }

        target = ngx_http_dmp_search_target(r, ctx, &addresses);

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

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp record host does not search documents by "
                      "\"location\": see attachments=index of "
                      "dmp_record_host");
    }

    if (rc == NGX_ERROR || rc == NGX_ABORT) {
        return ngx_http_dmp_locate_failed(ctx);
    }

    ctx->locate = NGX_HTTP_DMP_LOCATE_ASK;

    return NGX_HTTP_DMP_NEXT;
}
