/*
 * Revocation: what nginx's own verification finds, kept for the trace; lists
 * (CRLs) past their date, accepted for dmp_crl_grace and announced at once;
 * and resumed TLS sessions, whose certificates nginx does not look at again.
 */

#include "ngx_http_dmp_module.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>


#define NGX_HTTP_DMP_CRL_LOOK  (60 * 60 * 1000)

/* What was logged of a list. */
#define NGX_HTTP_DMP_CRL_GOOD  0
#define NGX_HTTP_DMP_CRL_PAST  1
#define NGX_HTTP_DMP_CRL_OVER  2

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

static ngx_event_t  ngx_http_dmp_crl_timer;
static int          ngx_http_dmp_ssl_index = -1;
static int          ngx_http_dmp_store_index = -1;


static time_t
ngx_http_dmp_asn1_time(const ASN1_TIME *time)
{
    struct tm  tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        return 0;
    }

    return timegm(&tm);
}


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


/* The server's lists of that issuer: until when the best of them is good. */
static time_t
ngx_http_dmp_crl_until(const ngx_http_dmp_main_conf_t *dmcf,
    const X509_STORE *store, const X509_NAME *issuer)
{
    time_t               until;
    ngx_uint_t           i;
    ngx_http_dmp_crl_t  *crls;

    until = 0;
    crls = dmcf->crls->elts;

    for (i = 0; i < dmcf->crls->nelts; i++) {
        if (crls[i].until > until
            && crls[i].store == store
            && X509_NAME_cmp(crls[i].issuer, issuer) == 0)
        {
            until = crls[i].until;
        }
    }

    return until;
}


/* The first of the lists of a chain to be overdue; 0: no list concerns it. */
static time_t
ngx_http_dmp_chain_until(const ngx_http_dmp_main_conf_t *dmcf, SSL *ssl,
    STACK_OF(X509) *chain)
{
    int          i;
    time_t       until, least;
    X509_STORE  *store;

    store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    least = 0;

    for (i = 0; chain != NULL && i < sk_X509_num(chain); i++) {
        until = ngx_http_dmp_crl_until(dmcf, store,
                        X509_get_issuer_name(sk_X509_value(chain, i)));

        if (until != 0 && (least == 0 || until < least)) {
            least = until;
        }
    }

    return (least != 0) ? least + dmcf->crl_grace : 0;
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
            error = X509_V_OK;
            *until = ngx_http_dmp_chain_until(dmcf, ssl,
                                    X509_STORE_CTX_get0_chain(verification));

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

    *until = ngx_http_dmp_chain_until(dmcf, ssl,
                                      SSL_get0_verified_chain(ssl));

    return X509_V_OK;
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


static void
ngx_http_dmp_crl_tell(ngx_http_dmp_crl_t *crl, time_t grace, time_t now,
    ngx_log_t *log)
{
    ngx_uint_t  state;

    state = (now <= crl->until) ? NGX_HTTP_DMP_CRL_GOOD
            : (now <= crl->until + grace) ? NGX_HTTP_DMP_CRL_PAST
            : NGX_HTTP_DMP_CRL_OVER;

    if (state == crl->told) {
        return;
    }

    crl->told = state;

    if (state == NGX_HTTP_DMP_CRL_PAST) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "dmp list of revoked certificates of \"%V\" is past its "
                      "date: its certificates are accepted for another %T "
                      "seconds; fetch the new list and reload",
                      &crl->name, crl->until + grace - now);

    } else if (state == NGX_HTTP_DMP_CRL_OVER) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "dmp list of revoked certificates of \"%V\" is past its "
                      "date and its grace: its certificates are refused; "
                      "fetch the new list and reload", &crl->name);
    }
}


/*
 * Whether the state of that list is to be told: not if its server has a newer
 * one of the same issuer, or if it is told for another server that has it too.
 */
static ngx_uint_t
ngx_http_dmp_crl_counts(const ngx_http_dmp_main_conf_t *dmcf, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_http_dmp_crl_t  *crl, *other;

    other = dmcf->crls->elts;
    crl = &other[n];

    if (crl->until < ngx_http_dmp_crl_until(dmcf, crl->store, crl->issuer)) {
        return 0;
    }

    for (i = 0; i < n; i++, other++) {
        if (other->until == crl->until
            && X509_NAME_cmp(other->issuer, crl->issuer) == 0
            && other->until == ngx_http_dmp_crl_until(dmcf, other->store,
                                                      other->issuer))
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_dmp_crl_look(ngx_event_t *ev)
{
    time_t                     now, at;
    ngx_msec_t                 next;
    ngx_uint_t                 i;
    ngx_http_dmp_crl_t        *crls;
    ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ev->data;
    crls = dmcf->crls->elts;
    now = ngx_time();
    next = NGX_HTTP_DMP_CRL_LOOK;

    for (i = 0; i < dmcf->crls->nelts; i++) {

        if (!ngx_http_dmp_crl_counts(dmcf, i)) {
            continue;
        }

        ngx_http_dmp_crl_tell(&crls[i], dmcf->crl_grace, now, ev->log);

        at = (now <= crls[i].until) ? crls[i].until
                                    : crls[i].until + dmcf->crl_grace;

        if (at >= now) {
            next = ngx_min(next, (ngx_msec_t) (at - now + 1) * 1000);
        }
    }

    ngx_add_timer(ev, next);
}


void
ngx_http_dmp_revocation_start(ngx_cycle_t *cycle,
    ngx_http_dmp_main_conf_t *dmcf)
{
    ngx_event_t  *ev;

    /* one of the workers speaks for all */
    if (dmcf->crls->nelts == 0
        || (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0))
    {
        return;
    }

    ev = &ngx_http_dmp_crl_timer;

    ngx_memzero(ev, sizeof(ngx_event_t));
    ev->handler = ngx_http_dmp_crl_look;
    ev->data = dmcf;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_http_dmp_crl_look(ev);
}


/* Its last value, or the whole of it: what people call the authority. */
static ngx_int_t
ngx_http_dmp_crl_name(ngx_conf_t *cf, const X509_NAME *name, ngx_str_t *out)
{
    int             n;
    unsigned char  *utf8;

    n = X509_NAME_entry_count(name);
    ngx_str_set(out, "?");

    if (n == 0) {
        return NGX_OK;
    }

    n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(
                                       X509_NAME_get_entry(name, n - 1)));
    if (n < 0) {
        return NGX_OK;
    }

    out->len = (size_t) n;
    out->data = ngx_pnalloc(cf->pool, out->len);

    if (out->data != NULL) {
        ngx_memcpy(out->data, utf8, out->len);
    }

    OPENSSL_free(utf8);

    return (out->data != NULL) ? NGX_OK : NGX_ERROR;
}


/* Notes the lists that the server loaded; it owns them. */
static ngx_int_t
ngx_http_dmp_crl_note(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    X509_STORE *store)
{
    int                     i;
    X509_CRL               *list;
    ngx_http_dmp_crl_t     *crl;
    STACK_OF(X509_OBJECT)  *objects;

    objects = X509_STORE_get0_objects(store);

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {

        list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        if (list == NULL) {
            continue;
        }

        crl = ngx_array_push(dmcf->crls);
        if (crl == NULL) {
            return NGX_ERROR;
        }

        crl->store = store;
        crl->issuer = X509_CRL_get_issuer(list);
        crl->until = ngx_http_dmp_asn1_time(X509_CRL_get0_nextUpdate(list));
        crl->told = NGX_HTTP_DMP_CRL_GOOD;

        if (ngx_http_dmp_crl_name(cf, crl->issuer, &crl->name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
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

    if (ctx == NULL || sscf->verify == 0 || sscf->verify == NGX_CONF_UNSET_UINT)
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
        || ngx_http_dmp_crl_note(cf, dmcf, store) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), ngx_http_dmp_verify);

    /* nginx verifies a resumed session again for OCSP, with this one */
    X509_STORE_set_verify_cb(store, ngx_http_dmp_verify_again);

    return NGX_CONF_OK;
}
