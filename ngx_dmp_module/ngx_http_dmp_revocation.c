/*
 * The verification of client certificates: what nginx's own finds, kept for
 * the trace; lists in their grace; and resumed TLS sessions, whose
 * certificates nginx does not look at again.
 */

#include "ngx_http_dmp_module.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>


/*
 * What the verification of a connection found: the first error, and whether
 * one of them leaves open who signed the certificate.  Kept in the SSL.
 */
#define NGX_HTTP_DMP_ERROR     0x0fff
#define NGX_HTTP_DMP_UNPROVEN  0x1000


/* Resumed sessions that were verified again not long ago. */
#define NGX_HTTP_DMP_VERIFIED     256
#define NGX_HTTP_DMP_VERIFIED_MS  (60 * 1000)

typedef struct {
    SSL_CTX     *server;
    u_char       digest[32];             /* SHA-256 of the certificate */
    time_t       until;
    ngx_msec_t   at;
} ngx_http_dmp_verified_t;


static ngx_http_dmp_verified_t  ngx_http_dmp_verified[NGX_HTTP_DMP_VERIFIED];

static int          ngx_http_dmp_ssl_index = -1;
static int          ngx_http_dmp_store_index = -1;


/* The lists of that issuer were due, but not for longer than the grace. */
static ngx_uint_t
ngx_http_dmp_in_grace(X509_STORE_CTX *verification)
{
    time_t                     until;
    X509_CRL                  *crl;
    X509_STORE                *store;
    ngx_http_dmp_main_conf_t  *dmcf;

    store = X509_STORE_CTX_get0_store(verification);
    dmcf = X509_STORE_get_ex_data(store, ngx_http_dmp_store_index);
    crl = X509_STORE_CTX_get0_current_crl(verification);

    if (dmcf == NULL || crl == NULL) {
        return 0;
    }

    until = ngx_http_dmp_asn1_time(X509_CRL_get0_nextUpdate(crl));

    return until != 0 && ngx_time() <= until + dmcf->crl_grace;
}


/* Errors of a certificate that its issuer has signed all the same. */
static ngx_uint_t
ngx_http_dmp_is_of_date(int error)
{
    switch (error) {

    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        return 1;

    default:
        return 0;
    }
}


/*
 * As nginx's own callback it lets the handshake go on, whatever it is told:
 * the answer to the request is where a certificate is refused.  OpenSSL keeps
 * the last error only; a list in its grace must not hide the one before.
 */
static int
ngx_http_dmp_verify(int ok, X509_STORE_CTX *verification)
{
    int        error;
    SSL       *ssl;
    intptr_t   found;

    if (ok) {
        return 1;
    }

    ssl = X509_STORE_CTX_get_ex_data(verification,
                                     SSL_get_ex_data_X509_STORE_CTX_idx());
    error = X509_STORE_CTX_get_error(verification);

    if (ssl == NULL) {
        return 0;
    }

    found = (intptr_t) SSL_get_ex_data(ssl, ngx_http_dmp_ssl_index);

    if (error == X509_V_ERR_CRL_HAS_EXPIRED
        && ngx_http_dmp_in_grace(verification))
    {
        X509_STORE_CTX_set_error(verification,
                                 (int) (found & NGX_HTTP_DMP_ERROR));
        return 1;
    }

    if ((found & NGX_HTTP_DMP_ERROR) == X509_V_OK) {
        found |= error & NGX_HTTP_DMP_ERROR;
    }

    if (!ngx_http_dmp_is_of_date(error)) {
        found |= NGX_HTTP_DMP_UNPROVEN;
    }

    (void) SSL_set_ex_data(ssl, ngx_http_dmp_ssl_index, (void *) found);

    return 1;
}


/* The same, where nobody else looks at the result: an error ends it. */
static int
ngx_http_dmp_verify_again(int ok, X509_STORE_CTX *verification)
{
    if (!ok
        && X509_STORE_CTX_get_error(verification) == X509_V_ERR_CRL_HAS_EXPIRED
        && ngx_http_dmp_in_grace(verification))
    {
        X509_STORE_CTX_set_error(verification, X509_V_OK);
        return 1;
    }

    return ok;
}


/* By the server's authorities and lists as they are now. */
static int
ngx_http_dmp_verify_resumed(SSL *ssl, X509 *certificate,
    const ngx_http_dmp_main_conf_t *dmcf, time_t *until)
{
    int              error;
    X509_STORE_CTX  *verification;

    verification = X509_STORE_CTX_new();
    if (verification == NULL) {
        return X509_V_ERR_OUT_OF_MEM;
    }

    error = X509_V_ERR_UNSPECIFIED;

    if (X509_STORE_CTX_init(verification,
                            SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)),
                            certificate, SSL_get_peer_cert_chain(ssl)) == 1
        && X509_STORE_CTX_set_default(verification, "ssl_client") == 1)
    {
        X509_STORE_CTX_set_depth(verification, SSL_get_verify_depth(ssl));
        X509_STORE_CTX_set_verify_cb(verification, ngx_http_dmp_verify_again);

        if (X509_verify_cert(verification) == 1) {
            error = ngx_http_dmp_crl_look_up(dmcf, ssl,
                              X509_STORE_CTX_get0_chain(verification), until);

        } else if (X509_STORE_CTX_get_error(verification) != X509_V_OK) {
            error = X509_STORE_CTX_get_error(verification);
        }
    }

    X509_STORE_CTX_free(verification);
    ERR_clear_error();

    return error;
}


/*
 * A client may resume its session for each request: what was verified a short
 * time ago, by lists that only a reload changes, is not verified anew.
 */
static int
ngx_http_dmp_verify_cached(SSL *ssl, X509 *certificate,
    const ngx_http_dmp_main_conf_t *dmcf, time_t *until)
{
    int                       error;
    u_char                    digest[EVP_MAX_MD_SIZE];
    unsigned                  len;
    SSL_CTX                  *server;
    ngx_http_dmp_verified_t  *slot;

    server = SSL_get_SSL_CTX(ssl);

    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1
        || len != sizeof(slot->digest))
    {
        return X509_V_ERR_UNSPECIFIED;
    }

    slot = &ngx_http_dmp_verified[digest[0] % NGX_HTTP_DMP_VERIFIED];

    if (slot->server == server
        && ngx_memcmp(slot->digest, digest, len) == 0
        && (ngx_msec_t) (ngx_current_msec - slot->at)
           < NGX_HTTP_DMP_VERIFIED_MS)
    {
        *until = slot->until;
        return X509_V_OK;
    }

    error = ngx_http_dmp_verify_resumed(ssl, certificate, dmcf, until);

    if (error == X509_V_OK) {
        slot->server = server;
        slot->until = *until;
        slot->at = ngx_current_msec;
        ngx_memcpy(slot->digest, digest, len);
    }

    return error;
}


int
ngx_http_dmp_verify_result(ngx_connection_t *c, X509 *certificate,
    const ngx_http_dmp_main_conf_t *dmcf, time_t *until)
{
    int        error;
    SSL       *ssl;
    intptr_t   found;

    ssl = c->ssl->connection;
    error = (int) SSL_get_verify_result(ssl);
    *until = 0;

    if (error != X509_V_OK) {
        /* the first one says what is wrong, the last one what else is */
        found = (intptr_t) SSL_get_ex_data(ssl, ngx_http_dmp_ssl_index);
        found &= NGX_HTTP_DMP_ERROR;

        return (found != X509_V_OK) ? (int) found : error;
    }

    if (SSL_session_reused(ssl)) {
        return ngx_http_dmp_verify_cached(ssl, certificate, dmcf, until);
    }

    return ngx_http_dmp_crl_look_up(dmcf, ssl, SSL_get0_verified_chain(ssl),
                                    until);
}


ngx_uint_t
ngx_http_dmp_verify_proven(ngx_connection_t *c)
{
    SSL       *ssl;
    intptr_t   found;

    ssl = c->ssl->connection;

    if (SSL_session_reused(ssl)) {
        /* the session is one that this server gave, after it had verified */
        return SSL_get_verify_result(ssl) == X509_V_OK;
    }

    found = (intptr_t) SSL_get_ex_data(ssl, ngx_http_dmp_ssl_index);

    return (SSL_get_verify_result(ssl) == X509_V_OK
            || (found & NGX_HTTP_DMP_ERROR) != 0)
           && !(found & NGX_HTTP_DMP_UNPROVEN);
}


static ngx_int_t
ngx_http_dmp_revocation_indexes(ngx_conf_t *cf)
{
    if (ngx_http_dmp_ssl_index == -1) {
        ngx_http_dmp_ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL,
                                                      NULL);
    }

    if (ngx_http_dmp_store_index == -1) {
        ngx_http_dmp_store_index =
                CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, NULL,
                                        NULL, NULL, NULL);
    }

    if (ngx_http_dmp_ssl_index == -1 || ngx_http_dmp_store_index == -1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "CRYPTO_get_ex_new_index() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_dmp_revocation_protect(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf, ngx_http_dmp_loc_conf_t *dlcf)
{
    SSL_CTX                  *ctx;
    X509_STORE               *store;
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module);
    ctx = sscf->ssl.ctx;

    if (ctx != NULL && sscf->early_data == 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"ssl_early_data\" cannot be used with \"dmp\" in "
                      "%s:%ui: who has recorded a request could send it again",
                      dlcf->file, dlcf->line);
        return NGX_CONF_ERROR;
    }

    if (ctx == NULL || sscf->verify == 0
        || sscf->verify == NGX_CONF_UNSET_UINT)
    {
        return NGX_CONF_OK;
    }

    if (sscf->crl.len == 0 && sscf->ocsp == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"dmp\" in %s:%ui needs \"ssl_crl\" or \"ssl_ocsp\" in "
                      "its server: a revoked card would be accepted",
                      dlcf->file, dlcf->line);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_dmp_revocation_indexes(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* an address may be that of a server of another configuration */
    ngx_memzero(ngx_http_dmp_verified, sizeof(ngx_http_dmp_verified));

    store = SSL_CTX_get_cert_store(ctx);

    if (X509_STORE_get_ex_data(store, ngx_http_dmp_store_index) == dmcf) {
        /* by another location of this server */
        return NGX_CONF_OK;
    }

    if (X509_STORE_set_ex_data(store, ngx_http_dmp_store_index, dmcf) != 1
        || ngx_http_dmp_crl_note_all(cf, dmcf, store, sscf->crl.len != 0)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), ngx_http_dmp_verify);

    /* nginx verifies a resumed session again for OCSP, with this one */
    X509_STORE_set_verify_cb(store, ngx_http_dmp_verify_again);

    return NGX_CONF_OK;
}
