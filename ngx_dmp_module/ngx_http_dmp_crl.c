/*
 * Lists of revoked certificates (CRLs) of servers with protected locations:
 * which one counts for a certificate, what it says, and an alarm when one is
 * past its date.
 */

#include "ngx_http_dmp_module.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>


#define NGX_HTTP_DMP_CRL_LOOK  (60 * 60 * 1000)

/* What was logged of a list. */
#define NGX_HTTP_DMP_CRL_GOOD  0
#define NGX_HTTP_DMP_CRL_PAST  1
#define NGX_HTTP_DMP_CRL_OVER  2


static ngx_event_t  ngx_http_dmp_crl_timer;


time_t
ngx_http_dmp_asn1_time(const ASN1_TIME *time)
{
    struct tm  tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        return 0;
    }

    return timegm(&tm);
}


/* Issued by the same key, as far as the two say so. */
static ngx_uint_t
ngx_http_dmp_crl_same_key(ngx_str_t *a, const u_char *data, size_t len)
{
    return a->len == 0 || len == 0
           || (a->len == len && ngx_memcmp(a->data, data, len) == 0);
}


/*
 * The server's list that says whether this certificate is revoked: the newest
 * one.  OpenSSL prefers one that is in date, and older.
 */
static ngx_http_dmp_crl_t *
ngx_http_dmp_crl_of(const ngx_http_dmp_main_conf_t *dmcf,
    const X509_STORE *store, X509 *certificate)
{
    size_t                    len;
    ngx_uint_t                i, ca;
    const u_char             *data;
    ngx_http_dmp_crl_t       *crl, *newest;
    const ASN1_OCTET_STRING  *key;

    key = X509_get0_authority_key_id(certificate);
    data = (key != NULL) ? ASN1_STRING_get0_data(key) : NULL;
    len = (key != NULL) ? (size_t) ASN1_STRING_length(key) : 0;
    ca = (X509_check_ca(certificate) != 0);

    newest = NULL;
    crl = dmcf->crls->elts;

    for (i = 0; i < dmcf->crls->nelts; i++, crl++) {

        if (crl->store == store
            && (ca ? crl->authorities : crl->users)
            && (newest == NULL || crl->since > newest->since)
            && X509_NAME_cmp(X509_CRL_get_issuer(crl->list),
                             X509_get_issuer_name(certificate)) == 0
            && ngx_http_dmp_crl_same_key(&crl->key, data, len))
        {
            newest = crl;
        }
    }

    return newest;
}


int
ngx_http_dmp_crl_look_up(const ngx_http_dmp_main_conf_t *dmcf, SSL *ssl,
    STACK_OF(X509) *chain, time_t *until)
{
    int                  i;
    X509                *certificate;
    X509_STORE          *store;
    X509_REVOKED        *revoked;
    ngx_http_dmp_crl_t  *crl;

    store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    *until = 0;

    for (i = 0; chain != NULL && i < sk_X509_num(chain); i++) {

        certificate = sk_X509_value(chain, i);
        crl = ngx_http_dmp_crl_of(dmcf, store, certificate);

        if (crl == NULL) {
            continue;
        }

        if (X509_CRL_get0_by_cert(crl->list, &revoked, certificate) == 1) {
            return X509_V_ERR_CERT_REVOKED;
        }

        if (*until == 0 || crl->until + dmcf->crl_grace < *until) {
            *until = crl->until + dmcf->crl_grace;
        }
    }

    return X509_V_OK;
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


/* The same authority, key and kind of certificates. */
static ngx_uint_t
ngx_http_dmp_crl_same(ngx_http_dmp_crl_t *a, ngx_http_dmp_crl_t *b)
{
    return a->users == b->users && a->authorities == b->authorities
           && X509_NAME_cmp(X509_CRL_get_issuer(a->list),
                            X509_CRL_get_issuer(b->list)) == 0
           && ngx_http_dmp_crl_same_key(&a->key, b->key.data, b->key.len);
}


/* Whether its server has a newer one instead. */
static ngx_uint_t
ngx_http_dmp_crl_replaced(const ngx_http_dmp_main_conf_t *dmcf,
    ngx_http_dmp_crl_t *crl)
{
    ngx_uint_t           i;
    ngx_http_dmp_crl_t  *other;

    other = dmcf->crls->elts;

    for (i = 0; i < dmcf->crls->nelts; i++, other++) {
        if (other->store == crl->store && other->since > crl->since
            && ngx_http_dmp_crl_same(other, crl))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether the state of that list is to be told: not if it is replaced, or if
 * it is told for another server that has it too.
 */
static ngx_uint_t
ngx_http_dmp_crl_counts(const ngx_http_dmp_main_conf_t *dmcf, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_http_dmp_crl_t  *crl, *other;

    other = dmcf->crls->elts;
    crl = &other[n];

    if (ngx_http_dmp_crl_replaced(dmcf, crl)) {
        return 0;
    }

    for (i = 0; i < n; i++, other++) {
        if (other->until == crl->until && ngx_http_dmp_crl_same(other, crl)
            && !ngx_http_dmp_crl_replaced(dmcf, other))
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
ngx_http_dmp_crl_start(ngx_cycle_t *cycle,
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


/* For which certificates it is; none for kinds that OpenSSL does not use. */
static void
ngx_http_dmp_crl_scope(ngx_http_dmp_crl_t *crl)
{
    int                  critical;
    ISSUING_DIST_POINT  *point;

    crl->users = 1;
    crl->authorities = 1;

    if (X509_CRL_get_ext_by_NID(crl->list, NID_delta_crl, -1) >= 0) {
        crl->users = 0;
        crl->authorities = 0;
        return;
    }

    point = X509_CRL_get_ext_d2i(crl->list, NID_issuing_distribution_point,
                                 &critical, NULL);
    if (point == NULL) {
        return;
    }

    if (point->onlyCA > 0 || point->onlyattr > 0 || point->indirectCRL > 0
        || point->onlysomereasons != NULL)
    {
        crl->users = 0;
    }

    if (point->onlyuser > 0 || point->onlyattr > 0 || point->indirectCRL > 0
        || point->onlysomereasons != NULL)
    {
        crl->authorities = 0;
    }

    ISSUING_DIST_POINT_free(point);
}


static ngx_int_t
ngx_http_dmp_crl_key(ngx_conf_t *cf, ngx_http_dmp_crl_t *crl)
{
    AUTHORITY_KEYID  *key;

    ngx_str_null(&crl->key);

    key = X509_CRL_get_ext_d2i(crl->list, NID_authority_key_identifier, NULL,
                               NULL);

    if (key != NULL && key->keyid != NULL) {
        crl->key.len = (size_t) ASN1_STRING_length(key->keyid);
        crl->key.data = ngx_pnalloc(cf->pool, crl->key.len);

        if (crl->key.data != NULL) {
            ngx_memcpy(crl->key.data, ASN1_STRING_get0_data(key->keyid),
                       crl->key.len);
        }
    }

    AUTHORITY_KEYID_free(key);

    return (crl->key.len == 0 || crl->key.data != NULL) ? NGX_OK : NGX_ERROR;
}


/* Notes a list that the server loaded; it owns it. */
static ngx_int_t
ngx_http_dmp_crl_note(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    X509_STORE *store, X509_CRL *list)
{
    ngx_http_dmp_crl_t  *crl;

    crl = ngx_array_push(dmcf->crls);
    if (crl == NULL) {
        return NGX_ERROR;
    }

    crl->store = store;
    crl->list = list;
    crl->since = ngx_http_dmp_asn1_time(X509_CRL_get0_lastUpdate(list));
    crl->until = ngx_http_dmp_asn1_time(X509_CRL_get0_nextUpdate(list));
    crl->told = NGX_HTTP_DMP_CRL_GOOD;

    if (ngx_http_dmp_crl_name(cf, X509_CRL_get_issuer(list), &crl->name)
            != NGX_OK
        || ngx_http_dmp_crl_key(cf, crl) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (crl->until == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the list of revoked certificates of \"%V\" does not "
                      "say when the next one is due (RFC 5280, 5.1.2.5)",
                      &crl->name);
        return NGX_ERROR;
    }

    ngx_http_dmp_crl_scope(crl);

    if (!crl->users && !crl->authorities) {
        /* what it says nobody looks at */
        dmcf->crls->nelts--;
    }

    return NGX_OK;
}


/* Certificates of an authority without a list are refused: say so now. */
static ngx_int_t
ngx_http_dmp_crl_missing(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    X509_STORE *store, X509 *authority)
{
    ngx_str_t            name;
    ngx_uint_t           i;
    ngx_http_dmp_crl_t  *crl;

    crl = dmcf->crls->elts;

    for (i = 0; i < dmcf->crls->nelts; i++, crl++) {
        if (crl->store == store
            && X509_NAME_cmp(X509_CRL_get_issuer(crl->list),
                             X509_get_subject_name(authority)) == 0)
        {
            return NGX_OK;
        }
    }

    if (ngx_http_dmp_crl_name(cf, X509_get_subject_name(authority), &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"ssl_crl\" has no list of \"%V\": its certificates are "
                  "refused", &name);

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_crl_note_all(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    X509_STORE *store, ngx_uint_t wanted)
{
    int                     i;
    X509                   *authority;
    X509_CRL               *list;
    STACK_OF(X509_OBJECT)  *objects;

    objects = X509_STORE_get0_objects(store);

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

        if (list != NULL
            && ngx_http_dmp_crl_note(cf, dmcf, store, list) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; wanted && i < sk_X509_OBJECT_num(objects); i++) {
        authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (authority != NULL
            && ngx_http_dmp_crl_missing(cf, dmcf, store, authority) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
