/*
 * token_case.h: keys, and tokens read with them, for the tests of who reads
 * which token.  Include it after cmocka.
 */

#ifndef TOKEN_CASE_H
#define TOKEN_CASE_H

#include <openssl/err.h>
#include <openssl/pem.h>

#include "session_case.h"


#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define LEEWAY   5
#define EXPIRES  (ISSUED + 900)

static EVP_PKEY            *pair[2], *p384;
static dmp_session_keys_t   keys, other_keys, both_keys;
static dmp_keyring_t        ring, other_ring;
static char                 token[DMP_TOKEN_MAX + 2];
static size_t               token_len;


static inline bool
add_key(dmp_session_keys_t *to, EVP_PKEY *key, bool private)
{
    BIO       *bio;
    char      *data;
    long       n;
    dmp_rc_t   rc;

    bio = BIO_new(BIO_s_mem());
    assert_non_null(bio);
    assert_int_equal(private ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL,
                                                             NULL, 0, NULL,
                                                             NULL)
                             : PEM_write_bio_PUBKEY(bio, key), 1);
    n = BIO_get_mem_data(bio, &data);
    rc = dmp_session_keys_add(to, (dmp_str_t) { data, (size_t) n });
    BIO_free(bio);

    return rc == DMP_OK;
}


static inline int
setup(void **state)
{
    (void) state;
    pair[0] = EVP_EC_gen("P-256");
    pair[1] = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");

    if (pair[0] == NULL || pair[1] == NULL || p384 == NULL
        || !add_key(&keys, pair[0], true)
        || !add_key(&other_keys, pair[1], true)
        || !add_key(&both_keys, pair[1], true)
        || !add_key(&both_keys, pair[0], false))
    {
        return -1;
    }

    return (dmp_keyring_add(&ring, session_str(RECORD_KEY)) == DMP_OK
            && dmp_keyring_add(&other_ring, session_str(
                                   "ffffffffffffffffffffffffffffffff"
                                   "ffffffffffffffffffffffffffffffff"))
               == DMP_OK) ? 0 : -1;
}


static inline int
teardown(void **state)
{
    (void) state;
    dmp_session_keys_wipe(&keys);
    dmp_session_keys_wipe(&other_keys);
    dmp_session_keys_wipe(&both_keys);
    EVP_PKEY_free(pair[0]);
    EVP_PKEY_free(pair[1]);
    EVP_PKEY_free(p384);

    return 0;
}


static inline dmp_claims_t
claims_of(bool discreet)
{
    dmp_claims_t  claims;

    memset(&claims, 0, sizeof(claims));
    memcpy(claims.id, SESSION_ID, sizeof(claims.id));
    memcpy(claims.patient, HOLDER, sizeof(claims.patient));
    memcpy(claims.ins, HOLDER_INS, sizeof(claims.ins));
    claims.discreet = discreet;
    claims.issued = ISSUED;
    claims.expires = EXPIRES;

    return claims;
}


static inline void
write_token(const dmp_session_keys_t *with, const dmp_claims_t *claims)
{
    dmp_buf_t  b;

    dmp_buf_init(&b, token, DMP_TOKEN_MAX);
    assert_int_equal(dmp_token_write(with, &ring, claims, &b), DMP_OK);
    assert_int_equal(ERR_peek_error(), 0);
    token_len = b.len;
    token[token_len] = '\0';
}


/* From a block of exactly its size; nothing is left where it was refused. */
static inline dmp_rc_t
read_text(const dmp_session_keys_t *with, const dmp_keyring_t *opened,
    const char *text, size_t len, int64_t now, dmp_claims_t *claims,
    const char **why)
{
    char      *copy;
    dmp_rc_t   rc;

    static const dmp_claims_t  none;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(claims, 0xff, sizeof(*claims));
    rc = dmp_token_read(with, opened, (dmp_str_t) { copy, len }, now, LEEWAY,
                        claims, why);
    free(copy);

    assert_int_equal(rc == DMP_OK, *why == NULL);
    assert_int_equal(ERR_peek_error(), 0);

    if (rc != DMP_OK) {
        assert_int_equal(rc, DMP_E_REFUSED);
        assert_memory_equal(claims, &none, sizeof(none));
    }

    return rc;
}


/* The token as it stands; why it is refused, NULL: it is not. */
static inline const char *
refused_at(int64_t now)
{
    const char    *why;
    dmp_claims_t   claims;

    (void) read_text(&keys, &ring, token, token_len, now, &claims, &why);

    return why;
}


#define assert_refused(word)                                                  \
    do {                                                                      \
        const char  *refused_why = refused_at(ISSUED + 1);                    \
        if (refused_why == NULL || strstr(refused_why, word) == NULL) {       \
            fail_msg("%s: %s", word, refused_why ? refused_why : "read");     \
        }                                                                     \
    } while (0)

#endif
