/*
 * dmp_session_keys.c: the keys of session tokens, read from PEM and written as
 * PEM for libjwt, which takes nothing else.  No passphrase is asked for.
 */

#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "dmp_hash.h"
#include "dmp_session_int.h"


#define KEYS_TEXT_MAX  (64 * 1024)       /* bytes of PEM at once */

/* One key, on its way into the set. */
typedef struct {
    EVP_PKEY  *key;
    bool       private;
} session_key_t;


/* What a block of PEM holds; DMP_E_SYNTAX: no key that can be read. */
static dmp_rc_t
session_key_decode(const char *name, const char *header,
    const unsigned char *data, long len, session_key_t *out)
{
    /* one that is encrypted has its header, or another name */

    if (header[0] != '\0') {
        return DMP_E_SYNTAX;
    }

    if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        out->key = d2i_PUBKEY(NULL, &data, len);
        out->private = false;

    } else if (strcmp(name, PEM_STRING_PKCS8INF) == 0
               || strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0)
    {
        out->key = d2i_AutoPrivateKey(NULL, &data, len);
        out->private = true;
    }

    return (out->key != NULL) ? DMP_OK : DMP_E_SYNTAX;
}


/* EC P-256 by its name, its point on the curve, and of its private part. */
static bool
session_key_fits(const session_key_t *k)
{
    int            given;
    bool           fits;
    char           group[32];
    size_t         n;
    EVP_PKEY_CTX  *ctx;

    given = 0;

    if (!EVP_PKEY_is_a(k->key, "EC")
        || EVP_PKEY_get_group_name(k->key, group, sizeof(group), &n) != 1
        || strcmp(group, "prime256v1") != 0
        || EVP_PKEY_get_int_param(k->key,
                        OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                        &given) != 1
        || given != 0)
    {
        return false;
    }

    /* the same bytes, and the same name, however it was written */

    if (EVP_PKEY_set_utf8_string_param(k->key,
                        OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                        OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED)
        != 1)
    {
        return false;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->key, NULL);

    fits = ctx != NULL
           && (k->private ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx))
              == 1;

    EVP_PKEY_CTX_free(ctx);

    return fits;
}


/* The text of a key, from OPENSSL_malloc(); NULL without memory. */
static char *
session_key_pem(EVP_PKEY *key, bool private, size_t *len)
{
    int    done;
    BIO   *bio;
    char  *text, *copy;
    long   n;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return NULL;
    }

    /* its memory is wiped whenever it is freed (BUF_MEM_free()) */

    done = private ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0,
                                                   NULL, NULL)
                   : PEM_write_bio_PUBKEY(bio, key);

    n = BIO_get_mem_data(bio, &text);
    copy = (done == 1 && n > 0) ? OPENSSL_memdup(text, (size_t) n) : NULL;
    *len = (copy != NULL) ? (size_t) n : 0;

    BIO_free(bio);

    return copy;
}


/* "kid", of the public part. */
static bool
session_key_id(EVP_PKEY *key, char id[9])
{
    int             len;
    bool            done;
    unsigned char  *der, digest[DMP_HASH_LEN];

    der = NULL;
    len = i2d_PUBKEY(key, &der);

    done = len > 0 && dmp_hash(der, (size_t) len, digest);

    if (done) {
        (void) snprintf(id, 9, "%02x%02x%02x%02x", digest[0], digest[1],
                        digest[2], digest[3]);
    }

    OPENSSL_free(der);

    return done;
}


/* What fails half-way is dropped by whoever reads the text. */
static dmp_rc_t
session_key_enter(dmp_session_keys_t *keys, const session_key_t *k)
{
    char      id[9];
    unsigned  i;

    if (!session_key_fits(k)) {
        return DMP_E_UNKNOWN;
    }

    if (keys->n == 0 && !k->private) {
        return DMP_E_REFUSED;
    }

    if (keys->n == DMP_SESSION_KEYS) {
        return DMP_E_LIMIT;
    }

    if (!session_key_id(k->key, id)) {
        return DMP_E_INTERNAL;
    }

    for (i = 0; i < keys->n; i++) {
        if (strcmp(keys->id[i], id) == 0) {
            return DMP_E_REFUSED;
        }
    }

    i = keys->n;
    keys->pem[i] = session_key_pem(k->key, false, &keys->len[i]);

    if (keys->pem[i] == NULL) {
        return DMP_E_NOMEM;
    }

    memcpy(keys->id[i], id, sizeof(id));
    keys->n++;

    if (i != 0) {
        return DMP_OK;
    }

    keys->sign_pem = session_key_pem(k->key, true, &keys->sign_len);

    if (keys->sign_pem == NULL || EVP_PKEY_up_ref(k->key) != 1) {
        return DMP_E_NOMEM;
    }

    keys->sign = k->key;

    return DMP_OK;
}


/* Of one block of PEM, whose memory is wiped; *end: there is none any more. */
static dmp_rc_t
session_keys_block(dmp_session_keys_t *keys, BIO *bio, bool *end)
{
    long            len;
    char           *name, *header;
    dmp_rc_t        rc;
    session_key_t   k;
    unsigned char  *data;

    ERR_clear_error();

    if (PEM_read_bio(bio, &name, &header, &data, &len) != 1) {
        *end = ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_PEM
               && ERR_GET_REASON(ERR_peek_last_error())
                  == PEM_R_NO_START_LINE;
        return DMP_E_SYNTAX;
    }

    rc = DMP_OK;
    memset(&k, 0, sizeof(k));

    /* "openssl ecparam -genkey" writes the curve's name before the key */

    if (strcmp(name, PEM_STRING_ECPARAMETERS) != 0) {
        rc = session_key_decode(name, header, data, len, &k);
        rc = (rc == DMP_OK) ? session_key_enter(keys, &k) : rc;
    }

    EVP_PKEY_free(k.key);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t) len);

    return rc;
}


/* All blocks, and at least one key among them. */
static dmp_rc_t
session_keys_read(dmp_session_keys_t *keys, BIO *bio)
{
    bool      end;
    dmp_rc_t  rc;
    unsigned  before;

    end = false;
    before = keys->n;

    do {
        rc = session_keys_block(keys, bio, &end);
    } while (rc == DMP_OK);

    return (end && keys->n != before) ? DMP_OK : rc;
}


/* Those from the n-th on. */
static void
session_keys_drop(dmp_session_keys_t *keys, unsigned n)
{
    while (keys->n > n) {
        keys->n--;
        OPENSSL_free(keys->pem[keys->n]);
        keys->pem[keys->n] = NULL;
        keys->len[keys->n] = 0;
        memset(keys->id[keys->n], 0, sizeof(keys->id[0]));
    }

    if (n == 0) {
        EVP_PKEY_free(keys->sign);
        OPENSSL_clear_free(keys->sign_pem, keys->sign_len);
        OPENSSL_cleanse(keys, sizeof(dmp_session_keys_t));
    }
}


dmp_rc_t
dmp_session_keys_add(dmp_session_keys_t *keys, dmp_str_t pem)
{
    BIO       *bio;
    dmp_rc_t   rc;
    unsigned   before;

    if (pem.len == 0) {
        return DMP_E_SYNTAX;
    }

    if (pem.len > KEYS_TEXT_MAX) {
        return DMP_E_LIMIT;
    }

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return DMP_E_NOMEM;
    }

    before = keys->n;
    rc = session_keys_read(keys, bio);

    if (rc != DMP_OK) {
        session_keys_drop(keys, before);
    }

    BIO_free(bio);
    ERR_clear_error();

    return rc;
}


void
dmp_session_keys_wipe(dmp_session_keys_t *keys)
{
    session_keys_drop(keys, 0);
}
