/*
 * session_case.h: tokens made without libjwt, of any header and any claims,
 * for the tests of who reads them, and for a fuzz target.
 */

#ifndef SESSION_CASE_H
#define SESSION_CASE_H

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <dmp/dmp_session.h>


#define RECORD_KEY    "000102030405060708090a0b0c0d0e0f" \
                      "101112131415161718191a1b1c1d1e1f"

#define SESSION_ID    "AAECAwQFBgcICQoLDA0ODw"
#define HOLDER        "EBESExQVFhcYGRobHB0eHw"
#define HOLDER_INS    "185032A00100142"
#define ISSUED        1800000000


static inline dmp_str_t
session_str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* r and s of "half" bytes each; false: it cannot be signed. */
static inline bool
session_signature(EVP_PKEY *key, const EVP_MD *md, dmp_str_t text,
    unsigned char *out, int half)
{
    bool                  done;
    size_t                len;
    ECDSA_SIG            *sig;
    EVP_MD_CTX           *ctx;
    unsigned char         der[256];
    const unsigned char  *p;

    p = der;
    len = sizeof(der);
    ctx = EVP_MD_CTX_new();

    done = ctx != NULL
           && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1
           && EVP_DigestSign(ctx, der, &len,
                             (const unsigned char *) text.data, text.len) == 1;

    EVP_MD_CTX_free(ctx);

    sig = done ? d2i_ECDSA_SIG(NULL, &p, (long) len) : NULL;

    done = sig != NULL
           && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half
           && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half;

    ECDSA_SIG_free(sig);

    return done;
}


static inline void
session_unsigned(dmp_str_t header, dmp_str_t claims, dmp_buf_t *out)
{
    dmp_buf_base64url(out, (const unsigned char *) header.data, header.len);
    dmp_buf_text(out, ".");
    dmp_buf_base64url(out, (const unsigned char *) claims.data, claims.len);
}


/* A token of ES256; false: it cannot be signed, or does not fit. */
static inline bool
session_token(EVP_PKEY *key, dmp_str_t header, dmp_str_t claims,
    dmp_buf_t *out)
{
    unsigned char  signature[64];

    session_unsigned(header, claims, out);

    if (out->full
        || !session_signature(key, EVP_sha256(),
                              (dmp_str_t) { out->data, out->len }, signature,
                              32))
    {
        return false;
    }

    dmp_buf_text(out, ".");
    dmp_buf_base64url(out, signature, sizeof(signature));

    return !out->full;
}


/* "ins" of a token of these claims: what is sealed says "plain". */
static inline bool
session_sealed(const dmp_keyring_t *ring, const char *id, const char *patient,
    int64_t issued, const char *plain, dmp_buf_t *out)
{
    char    field[44], sealed[256];
    size_t  len;

    memcpy(field, id, 22);
    memcpy(field + 22, patient, 22);

    if (strlen(plain) > sizeof(sealed) - DMP_SEAL_OVERHEAD
        || dmp_seal(ring, dmp_string("dmp-session"),
                    (dmp_str_t) { field, sizeof(field) }, (uint64_t) issued,
                    plain, strlen(plain), sealed, &len) != DMP_OK)
    {
        return false;
    }

    dmp_buf_base64url(out, (unsigned char *) sealed, len);

    return !out->full;
}

#endif
