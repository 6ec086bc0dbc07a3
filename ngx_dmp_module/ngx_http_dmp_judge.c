/*
 * Judging an answer that is here, whole: what of it leaves, and what of it is
 * made ours.  What leaves, or has just been learnt from the host, enters the
 * document index.
 */

#include "ngx_http_dmp_filter.h"
#include "ngx_http_dmp_metrics.h"


/* What the core's filter calls back with, for one answer. */
typedef struct {
    ngx_http_request_t     *request;
    ngx_http_dmp_ctx_t     *ctx;
    const dmp_hearing_t    *hearing;
    dmp_addresses_t         addresses;   /* of what leaves */
    dmp_addresses_t         claims;      /* of what is learnt */
    dmp_filter_t            filter;
    unsigned                lost:1;      /* a link that clients need */
    unsigned                noting:1;    /* Lists are only looked at */
} ngx_http_dmp_judging_t;


/* Names of members alone, of what this worker has judged. */
dmp_shapes_t  ngx_http_dmp_shapes;


static void *
ngx_http_dmp_judge_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static bool
ngx_http_dmp_judge(void *data, const dmp_document_t *document)
{
    dmp_decision_t           decision;
    ngx_http_dmp_judging_t  *j;

    j = data;
    dmp_judge(j->hearing, document, &decision);

    if (decision.effect != DMP_ALLOW
        || ((decision.obligations & DMP_OBLIGATION_METADATA_ONLY)
            && !j->filter.metadata_only))
    {
        return false;
    }

    ngx_http_dmp_index_learn(j->request, j->ctx->patient, &j->claims,
                             document);
    return true;
}


static bool
ngx_http_dmp_judge_list(void *data, const dmp_fhir_list_t *list)
{
    ngx_http_dmp_judging_t  *j;

    j = data;

    if (j->noting) {
        return ngx_http_dmp_lists_note(j->request, j->ctx, list);
    }

    return ngx_http_dmp_lists_judge(j->ctx, j->hearing, list);
}


/* "https://gateway/fhir/DocumentReference?…", where the client may ask so. */
static dmp_str_t
ngx_http_dmp_link_plain(ngx_http_dmp_judging_t *j, dmp_str_t target)
{
    u_char                         *p;
    dmp_raw_t                       raw;
    ngx_str_t                       link;
    dmp_headers_t                   headers;
    dmp_request_t                   asked;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(j->request, ngx_http_dmp_module);

    link.len = j->addresses.ours.len + 1 + target.len;
    link.data = ngx_pnalloc(j->request->pool, link.len);

    if (link.data == NULL) {
        return dmp_null_string;
    }

    p = ngx_cpymem(link.data, j->addresses.ours.data, j->addresses.ours.len);
    *p++ = '/';
    ngx_memcpy(p, target.data, target.len);

    ngx_memzero(&headers, sizeof(dmp_headers_t));
    ngx_memzero(&raw, sizeof(dmp_raw_t));

    raw.method = dmp_string("GET");
    raw.base = ngx_http_dmp_str(dlcf->base);
    raw.target.len = raw.base.len + 1 + target.len;
    raw.target.data = (char *) link.data + link.len - raw.target.len;
    raw.headers = &headers;
    raw.max_target = dlcf->max_target_size;
    raw.max_parameters = (unsigned) dlcf->max_parameters;

    dmp_request_map(&raw, &asked);

    if (asked.mapping != DMP_MAPPING_ONE
        || asked.operation != j->ctx->asked.operation
        || asked.resource != j->ctx->asked.resource
        || !dmp_str_eq(asked.ins, j->ctx->asked.ins)
        || memchr(target.data, '"', target.len) != NULL)
    {
        return dmp_null_string;
    }

    return ngx_http_dmp_str(link);
}


/* Any other link of the host is handed on sealed. */
static dmp_str_t
ngx_http_dmp_link_page(ngx_http_dmp_judging_t *j, dmp_str_t target)
{
    char                            *data;
    size_t                           size;
    dmp_buf_t                        buf;
    dmp_page_t                       page;
    const ngx_http_dmp_loc_conf_t   *dlcf;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dlcf = ngx_http_get_module_loc_conf(j->request, ngx_http_dmp_module);
    dmcf = ngx_http_get_module_main_conf(j->request, ngx_http_dmp_module);

    page.operation = j->ctx->asked.operation;
    page.resource = j->ctx->asked.resource;
    page.ins_system = j->ctx->asked.ins_system;
    page.ins = j->ctx->asked.ins;
    page.target = target;

    size = j->addresses.ours.len + sizeof("/DocumentReference?_page=")
           + DMP_PAGE_TOKEN_MAX;
    data = ngx_pnalloc(j->request->pool, size);

    if (data == NULL) {
        return dmp_null_string;
    }

    dmp_buf_init(&buf, data, size);
    dmp_buf_str(&buf, j->addresses.ours);
    dmp_buf_text(&buf, (page.resource == DMP_RESOURCE_LIST)
                       ? "/List?_page=" : "/DocumentReference?_page=");

    if (dmp_page_write(dmcf->record_keys, ngx_http_dmp_str(dlcf->host), &page,
                       &buf)
        != DMP_OK
        || buf.full)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { buf.data, buf.len };
}


static ngx_int_t
ngx_http_dmp_link_known(dmp_str_t relation)
{
    ngx_uint_t  i;

    static const dmp_str_t  known[] = {
        dmp_string("self"), dmp_string("first"), dmp_string("previous"),
        dmp_string("prev"), dmp_string("next"), dmp_string("last")
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (dmp_str_eq(relation, known[i])) {
            return 1;
        }
    }

    return 0;
}


static dmp_str_t
ngx_http_dmp_link(void *data, dmp_str_t relation, dmp_str_t target)
{
    dmp_str_t                link;
    ngx_http_dmp_judging_t  *j;

    j = data;

    if (!ngx_http_dmp_link_known(relation)) {
        return dmp_null_string;
    }

    link = dmp_null_string;

    if (target.len != 0) {
        link = ngx_http_dmp_link_plain(j, target);

        if (link.len == 0) {
            link = ngx_http_dmp_link_page(j, target);
        }
    }

    if (link.len == 0 && dmp_str_eq(relation, dmp_string("next"))) {
        /* without it the rest would be missing, and nobody would notice */
        j->lost = 1;
    }

    return link;
}


/* One buffer per piece. */
static ngx_chain_t *
ngx_http_dmp_chain(ngx_http_request_t *r, const dmp_cut_t *cut)
{
    size_t        i;
    ngx_buf_t    *b;
    ngx_chain_t  *out, **last;

    out = NULL;
    last = &out;

    for (i = 0; i < cut->n_pieces; i++) {

        *last = ngx_alloc_chain_link(r->pool);
        b = ngx_calloc_buf(r->pool);

        if (*last == NULL || b == NULL) {
            return NULL;
        }

        b->start = (u_char *) cut->pieces[i].data;
        b->pos = b->start;
        b->last = b->start + cut->pieces[i].len;
        b->end = b->last;
        b->memory = 1;
        b->last_buf = (i + 1 == cut->n_pieces);
        b->last_in_chain = (i + 1 == cut->n_pieces);

        (*last)->buf = b;
        (*last)->next = NULL;
        last = &(*last)->next;
    }

    return out;
}


static ngx_int_t
ngx_http_dmp_release(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_cut_t *cut)
{
    ngx_int_t     rc;
    ngx_chain_t  *out;

    if (!ngx_http_dmp_is_fresh(ctx)) {
        /* judging took its time: a change may have been acknowledged */
        return ngx_http_dmp_whole(r, ctx);
    }

    out = ngx_http_dmp_chain(r, cut);

    if (out == NULL
        || ngx_http_dmp_set_headers(r, ctx, NGX_HTTP_OK, (off_t) cut->size)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* as what it was judged: a charset of the host's could read otherwise */
    ngx_str_set(&r->headers_out.content_type, "application/fhir+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    ctx->answer = NGX_HTTP_DMP_RELEASED;

    rc = ngx_http_dmp_pass_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_dmp_pass_body(r, out);
}


static ngx_int_t
ngx_http_dmp_release_all(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_cut_t  cut;
    dmp_str_t  all;

    all = (dmp_str_t) { (char *) ctx->body.data, ctx->body.len };

    ngx_memzero(&cut, sizeof(dmp_cut_t));

    cut.pieces = &all;
    cut.n_pieces = 1;
    cut.size = all.len;

    return ngx_http_dmp_release(r, ctx, &cut);
}


static ngx_int_t
ngx_http_dmp_judging(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_hearing_t *hearing, uint32_t obligations,
    ngx_http_dmp_judging_t *j)
{
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memzero(j, sizeof(ngx_http_dmp_judging_t));

    j->request = r;
    j->ctx = ctx;
    j->hearing = hearing;

    j->filter.policy = ctx->policy;
    j->filter.addresses = &j->addresses;
    j->filter.shapes = &ngx_http_dmp_shapes;
    j->filter.entries = ctx->asked.resource;
    j->filter.metadata_only = (obligations & DMP_OBLIGATION_METADATA_ONLY)
                              != 0;
    j->filter.max_entries = dlcf->max_answer_entries;
    j->filter.max_depth = (unsigned) dlcf->max_answer_depth;
    j->filter.judge = ngx_http_dmp_judge;
    j->filter.judge_list = ngx_http_dmp_judge_list;
    j->filter.link = ngx_http_dmp_link;
    j->filter.data = j;
    j->filter.alloc = ngx_http_dmp_judge_alloc;
    j->filter.alloc_data = r->pool;

    if (ngx_http_dmp_claim_addresses(r, ctx, &j->claims) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_host_addresses(r, &j->addresses);
}


static ngx_int_t
ngx_http_dmp_unjudged(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_rc_t rc, const char *what)
{
    switch (rc) {

    case DMP_E_NOMEM:
        return NGX_ERROR;

    case DMP_E_SYNTAX:
        return ngx_http_dmp_unchecked(r, ctx, "it is not one JSON text");

    case DMP_E_LIMIT:
        return ngx_http_dmp_unchecked(r, ctx, "it is deeper or has more "
                                      "entries than the location allows");

    default:
        return ngx_http_dmp_unchecked(r, ctx, what);
    }
}


static ngx_int_t
ngx_http_dmp_judge_document(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_rc_t                 rc;
    uint64_t                 since;
    dmp_cut_t                cut;
    dmp_decision_t           decision;
    dmp_document_t          *document;
    ngx_http_dmp_judging_t   j;

    document = ngx_palloc(r->pool, sizeof(dmp_document_t));

    if (document == NULL
        || ngx_http_dmp_judging(r, ctx, NULL, ctx->decision.obligations, &j)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    since = ngx_http_dmp_now_ns();
    rc = dmp_filter_document(&j.filter, (char *) ctx->body.data, ctx->body.len,
                             document, &cut);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_FILTER, since);

    if (rc != DMP_OK || !dmp_str_eq(document->id, ctx->asked.document)) {
        return ngx_http_dmp_unjudged(r, ctx, rc, "it is not that document");
    }

    /* what was remembered of it said whose it is */
    document->indexed = (ctx->document != NULL
                         && (ctx->document->indexed || !ctx->document_asked));

    dmp_decide(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts, document,
               dmp_day_paris((int64_t) ngx_time()), &decision);

    if (decision.effect != DMP_ALLOW) {
        /* what was known of it no longer holds */
        ngx_http_dmp_document_drop(r, ctx->asked.document);
        ctx->withheld = 1;

        if (decision.rule == DMP_RULE_H1) {
            ngx_http_dmp_index_forget(r, ctx->patient, ctx->asked.document);

        } else {
            /* its labels may be why: what names it is judged by them */
            ngx_http_dmp_index_relearn(r, ctx->patient, &j.claims, document);
        }

        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_NOT_FOUND,
                                    decision.reason);
    }

    ngx_http_dmp_index_learn(r, ctx->patient, &j.claims, document);
    ctx->shown = 1;

    return ngx_http_dmp_release(r, ctx, &cut);
}


static ngx_int_t
ngx_http_dmp_judge_search(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    dmp_rc_t                rc;
    uint64_t                since;
    dmp_cut_t               cut;
    dmp_hearing_t           hearing;
    ngx_http_dmp_judging_t  j;

    since = ngx_http_dmp_now_ns();

    dmp_hear(ctx->policy, &ctx->subject, &ctx->asked, &ctx->facts,
             dmp_day_paris((int64_t) ngx_time()), &hearing);

    if (ngx_http_dmp_judging(r, ctx, &hearing, hearing.request.obligations, &j)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->asked.resource == DMP_RESOURCE_LIST && !ctx->listing) {
        /* once to see which documents it names, once to judge it by them */
        j.noting = 1;
    }

    rc = dmp_filter_search(&j.filter, (char *) ctx->body.data, ctx->body.len,
                           &cut);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_FILTER, since);

    if (rc != DMP_OK || cut.n_pieces == 0) {
        return ngx_http_dmp_unjudged(r, ctx, rc, "it is not a search answer");
    }

    if (j.lost) {
        return ngx_http_dmp_unchecked(r, ctx, "its link to the next page "
                                      "cannot be handed on (dmp_record_host "
                                      "says by which addresses the host names "
                                      "itself)");
    }

    if (j.noting) {
        ctx->listing = 1;
        return ngx_http_dmp_whole(r, ctx);
    }

    ctx->shown = cut.shown;
    ctx->withheld = cut.withheld;

    return ngx_http_dmp_release(r, ctx, &cut);
}


/* A FHIR document: its own word on whom it is about, beside the index's. */
static ngx_int_t
ngx_http_dmp_judge_bundle(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    size_t                          skip;
    dmp_rc_t                        rc;
    uint64_t                        since;
    dmp_str_t                       id;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    skip = sizeof("Bundle/") - 1;
    id = (dmp_str_t) { ctx->asked.attachment.data + skip,
                       ctx->asked.attachment.len - skip };

    since = ngx_http_dmp_now_ns();
    rc = dmp_filter_document_bundle((char *) ctx->body.data, ctx->body.len,
                                    (unsigned) dlcf->max_answer_depth, id,
                                    ctx->facts.record->ins);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_FILTER, since);

    if (rc == DMP_E_REFUSED) {
        ctx->withheld = 1;
        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_NOT_FOUND,
                                    DMP_REASON_DOCUMENT_FOREIGN);
    }

    if (rc != DMP_OK) {
        return ngx_http_dmp_unjudged(r, ctx, rc, "it is not that FHIR "
                                     "document");
    }

    ctx->shown = 1;

    return ngx_http_dmp_release_all(r, ctx);
}


static ngx_int_t
ngx_http_dmp_judge_capabilities(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx)
{
    dmp_rc_t                        rc;
    uint64_t                        since;
    const ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    since = ngx_http_dmp_now_ns();
    rc = dmp_filter_capabilities((char *) ctx->body.data, ctx->body.len,
                                 (unsigned) dlcf->max_answer_depth);
    ngx_http_dmp_took(ctx, NGX_HTTP_DMP_LATENCY_FILTER, since);

    if (rc != DMP_OK) {
        return ngx_http_dmp_unjudged(r, ctx, rc, "it is no "
                                     "CapabilityStatement");
    }

    return ngx_http_dmp_release_all(r, ctx);
}


ngx_int_t
ngx_http_dmp_refused_late(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_uint_t  status;

    if (rc != NGX_DECLINED) {
        return ngx_http_dmp_replace(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    DMP_REASON_TRACE_UNAVAILABLE);
    }

    status = dmp_answer_status(&ctx->asked, &ctx->decision);

    return ngx_http_dmp_replace(r, ctx, status, ctx->decision.reason);
}


static ngx_int_t
ngx_http_dmp_judge_whole(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    switch (ctx->asked.resource) {

    case DMP_RESOURCE_DOCUMENT_REFERENCE:
        return (ctx->asked.document.len != 0)
               ? ngx_http_dmp_judge_document(r, ctx)
               : ngx_http_dmp_judge_search(r, ctx);

    case DMP_RESOURCE_LIST:
        return ngx_http_dmp_judge_search(r, ctx);

    case DMP_RESOURCE_BUNDLE:
        return ngx_http_dmp_judge_bundle(r, ctx);

    case DMP_RESOURCE_CAPABILITIES:
        return ngx_http_dmp_judge_capabilities(r, ctx);

    default:
        return ngx_http_dmp_unchecked(r, ctx, "nothing tells how to judge it");
    }
}


/*
 * The first byte leaves only while the last check of the record's version is
 * younger than the deadline; otherwise the store is asked again, and the
 * request's writer comes back here.
 */
ngx_int_t
ngx_http_dmp_whole(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ctx->listing ? ngx_http_dmp_lists_learn(r, ctx) : NGX_OK;

    if (rc == NGX_OK) {
        rc = ngx_http_dmp_recheck(r, ctx);
    }

    if (rc == NGX_AGAIN) {
        ctx->answer = NGX_HTTP_DMP_CHECKING;
        r->buffered |= NGX_HTTP_DMP_BUFFERED;
        return NGX_AGAIN;
    }

    r->buffered &= ~NGX_HTTP_DMP_BUFFERED;

    if (rc == NGX_ABORT) {
        return ngx_http_dmp_unchecked(r, ctx, "its Lists name documents of "
                                      "which the host does not tell, or more "
                                      "unknown ones than are asked for at "
                                      "once (dmpctl index build)");
    }

    if (rc != NGX_OK) {
        return ngx_http_dmp_refused_late(r, ctx, rc);
    }

    return ngx_http_dmp_judge_whole(r, ctx);
}
