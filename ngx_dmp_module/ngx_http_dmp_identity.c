/*
 * Who asks: the client certificate of the connection, verified by nginx
 * itself, read once per connection.  Its dates, and those of the lists it was
 * held against, are looked at on each request.
 */

#include "ngx_http_dmp_session.h"

#include <openssl/ssl.h>


/* Kept in the pool of the connection, found again by its cleanup handler. */
typedef struct {
    SSL                 *ssl;
    const dmp_policy_t  *policy;
    int                  verified;       /* X509_V_…, of the whole chain */
    time_t               until;          /* of its lists; 0: none concerns it */
    dmp_identity_t       identity;
} ngx_http_dmp_connection_t;


static void
ngx_http_dmp_connection_cleanup(void *data)
{
    ngx_http_dmp_connection_t  *conn;

    conn = data;
    ngx_memzero(&conn->identity, sizeof(dmp_identity_t));
}


static ngx_http_dmp_connection_t *
ngx_http_dmp_connection_get(ngx_connection_t *c, const dmp_policy_t *policy)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_dmp_connection_t  *conn;

    for (cln = c->pool->cleanup; cln != NULL; cln = cln->next) {

        if (cln->handler != ngx_http_dmp_connection_cleanup) {
            continue;
        }

        conn = cln->data;

        if (conn->ssl == c->ssl->connection && conn->policy == policy) {
            return conn;
        }
    }

    return NULL;
}


static ngx_http_dmp_connection_t *
ngx_http_dmp_connection_add(ngx_http_request_t *r, const dmp_policy_t *policy,
    X509 *certificate)
{
    ngx_connection_t           *c;
    ngx_pool_cleanup_t         *cln;
    ngx_http_dmp_connection_t  *conn;

    c = r->connection;

    cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_http_dmp_connection_t));
    if (cln == NULL) {
        return NULL;
    }

    conn = cln->data;
    conn->ssl = c->ssl->connection;
    conn->policy = policy;
    cln->handler = ngx_http_dmp_connection_cleanup;

    dmp_identity_read(policy, certificate, &conn->identity);

    conn->verified = ngx_http_dmp_verify_result(c, certificate,
                         ngx_http_get_module_main_conf(r, ngx_http_dmp_module),
                         &conn->until);

    if (conn->verified != X509_V_OK) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "dmp client certificate rejected: it does not verify "
                      "(%d: %s)", conn->verified,
                      X509_verify_cert_error_string(conn->verified));

    } else if (conn->identity.why != NULL) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "dmp client certificate rejected: %s",
                      conn->identity.why);
    }

    return conn;
}


/*
 * A certificate counts only if it was asked for and verified under this very
 * server: without SNI the handshake is the default server's, which may trust
 * other chains or none.
 */
static ngx_int_t
ngx_http_dmp_verified_here(ngx_http_request_t *r)
{
    SSL                      *ssl;
    ngx_http_ssl_srv_conf_t  *sscf;

    ssl = r->connection->ssl->connection;
    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

    return sscf->verify != 0 && SSL_get_SSL_CTX(ssl) == sscf->ssl.ctx;
}


/*
 * Nobody may be named by a certificate that is refused.  It is told itself
 * where somebody vouches for it: else its serial number and issuer are the
 * client's own words, a patient's number or another's card.
 */
static void
ngx_http_dmp_reject(ngx_http_dmp_ctx_t *ctx)
{
    dmp_subject_t  rejected;

    ngx_memzero(&rejected, sizeof(dmp_subject_t));

    rejected.certificate = DMP_CREDENTIAL_REJECTED;

    if (!ctx->unproven) {
        rejected.certificate_serial = ctx->subject.certificate_serial;
        rejected.certificate_issuer = ctx->subject.certificate_issuer;
    }

    ctx->subject = rejected;
}


static void
ngx_http_dmp_judge_certificate(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_connection_t *conn)
{
    time_t  now;

    now = ngx_time();

    ctx->unproven = (conn->verified != X509_V_OK
                     && !ngx_http_dmp_verify_proven(r->connection));

    if (conn->verified != X509_V_OK || ctx->refused
        || !dmp_identity_in_date(&conn->identity, (int64_t) now)
        || (conn->until != 0 && now > conn->until))
    {
        ngx_http_dmp_reject(ctx);
    }
}


static ngx_int_t
ngx_http_dmp_identify_card(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    X509                       *certificate;
    ngx_connection_t           *c;
    ngx_http_dmp_connection_t  *conn;

    c = r->connection;

    if (c->ssl == NULL
        || (!ctx->refused && !ngx_http_dmp_verified_here(r)))
    {
        return NGX_OK;
    }

    conn = ngx_http_dmp_connection_get(c, ctx->policy);

    if (conn == NULL) {
        certificate = SSL_get_peer_certificate(c->ssl->connection);
        if (certificate == NULL) {
            return NGX_OK;
        }

        conn = ngx_http_dmp_connection_add(r, ctx->policy, certificate);
        X509_free(certificate);

        if (conn == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->subject = conn->identity.subject;

    ngx_http_dmp_judge_certificate(r, ctx, conn);

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_identify(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx)
{
    ngx_memzero(&ctx->subject, sizeof(dmp_subject_t));
    ctx->unproven = 1;

    if (ngx_http_dmp_identify_card(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_session_identify(r, ctx);
}
