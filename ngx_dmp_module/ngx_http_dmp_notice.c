/*
 * Notices: what a commit writes to the outbox beside its trace.  Whether a
 * first access is the first, and an emergency not just told, is for the store
 * to say; a worker remembers of whom it said so.
 */

#include "ngx_http_dmp_store.h"

#include <dmp/dmp_notice.h>


#define NGX_HTTP_DMP_SEEN      4096      /* of a worker; the last one stays */
#define NGX_HTTP_DMP_SEEN_ID   32


/* Who has read which record, as the store has confirmed on this link. */
typedef struct {
    char    patient[DMP_PSEUDONYM_LEN];
    u_char  len;                         /* 0: nobody */
    char    id[NGX_HTTP_DMP_SEEN_ID];
} ngx_http_dmp_seen_t;

static ngx_http_dmp_seen_t  ngx_http_dmp_seen[NGX_HTTP_DMP_SEEN];


/* Where it would stand; NULL for who is not remembered. */
static ngx_http_dmp_seen_t *
ngx_http_dmp_seen_place(const ngx_http_dmp_ctx_t *ctx)
{
    uint32_t   hash;
    dmp_str_t  id;

    id = ctx->subject.id;

    if (id.len == 0 || id.len > NGX_HTTP_DMP_SEEN_ID) {
        return NULL;
    }

    hash = ngx_murmur_hash2((u_char *) ctx->patient, DMP_PSEUDONYM_LEN)
           ^ ngx_crc32_short((u_char *) id.data, id.len);

    return &ngx_http_dmp_seen[hash % NGX_HTTP_DMP_SEEN];
}


static ngx_uint_t
ngx_http_dmp_is_seen(const ngx_http_dmp_ctx_t *ctx)
{
    const ngx_http_dmp_seen_t  *seen;

    seen = ngx_http_dmp_seen_place(ctx);

    return seen != NULL && seen->len == ctx->subject.id.len
           && ngx_memcmp(seen->patient, ctx->patient, DMP_PSEUDONYM_LEN) == 0
           && ngx_memcmp(seen->id, ctx->subject.id.data, seen->len) == 0;
}


void
ngx_http_dmp_noticed(ngx_http_dmp_ctx_t *ctx)
{
    ngx_http_dmp_seen_t  *seen;

    if (!ctx->first_noticed) {
        return;
    }

    ctx->first_noticed = 0;
    seen = ngx_http_dmp_seen_place(ctx);

    if (seen != NULL) {
        ngx_memcpy(seen->patient, ctx->patient, DMP_PSEUDONYM_LEN);
        ngx_memcpy(seen->id, ctx->subject.id.data, ctx->subject.id.len);
        seen->len = (u_char) ctx->subject.id.len;
    }
}


/* A store that comes back may have forgotten. */
void
ngx_http_dmp_forget_seen(void)
{
    ngx_memzero(ngx_http_dmp_seen, sizeof(ngx_http_dmp_seen));
}


ngx_int_t
ngx_http_dmp_notices(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_notices_t *notices, const ngx_http_dmp_notices_t **told)
{
    uint32_t                         what;
    const ngx_http_dmp_main_conf_t  *dmcf;

    *told = NULL;
    ctx->first_noticed = 0;

    /* of no record there is nobody to tell */
    if (ctx->decision.effect != DMP_ALLOW || !ctx->patient_known
        || ctx->facts.state != DMP_RECORD_PRESENT)
    {
        return NGX_OK;
    }

    what = ctx->decision.obligations & (DMP_OBLIGATION_NOTIFY_FIRST_ACCESS
                                        |DMP_OBLIGATION_NOTIFY_EMERGENCY);

    if ((what & DMP_OBLIGATION_NOTIFY_FIRST_ACCESS)
        && ngx_http_dmp_is_seen(ctx))
    {
        what ^= DMP_OBLIGATION_NOTIFY_FIRST_ACCESS;
    }

    if (what == 0) {
        return NGX_OK;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    if (dmp_seen_hash(dmcf->pseudonym_key, &ctx->subject, notices->who)
        != DMP_OK)
    {
        return NGX_ERROR;
    }

    notices->first = (what & DMP_OBLIGATION_NOTIFY_FIRST_ACCESS) != 0;
    notices->emergency = (what & DMP_OBLIGATION_NOTIFY_EMERGENCY) != 0;
    notices->hold_ms = (uint64_t) ctx->policy->settings
                                             .emergency_notice_minutes * 60000;
    notices->mode = dmp_mode_name(ctx->asked.mode);

    ctx->first_noticed = notices->first;
    *told = notices;

    return NGX_OK;
}
