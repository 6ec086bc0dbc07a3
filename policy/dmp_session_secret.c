/*
 * dmp_session_secret.c: what is drawn at random, and hashes under the
 * pseudonym key.  It leaves nothing of either on its stack.
 */

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "dmp_session_int.h"


#define SECRET_DRAWS  256                /* each fails less often than not */


dmp_rc_t
dmp_session_mac(const unsigned char key[DMP_KEY_LEN], const dmp_str_t *pieces,
    size_t n, unsigned char mac[DMP_SESSION_MAC_LEN])
{
    char          digest_name[] = "SHA256";
    bool          done;
    size_t        i, len;
    EVP_MAC      *hmac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    memset(mac, 0, DMP_SESSION_MAC_LEN);

    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx = (hmac != NULL) ? EVP_MAC_CTX_new(hmac) : NULL;

    /* the context holds a reference of its own */
    EVP_MAC_free(hmac);

    if (ctx == NULL) {
        return DMP_E_NOMEM;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 digest_name, 0);
    params[1] = OSSL_PARAM_construct_end();

    done = EVP_MAC_init(ctx, key, DMP_KEY_LEN, params) == 1;

    for (i = 0; done && i < n; i++) {
        done = pieces[i].len == 0
               || EVP_MAC_update(ctx, (const unsigned char *) pieces[i].data,
                                 pieces[i].len) == 1;
    }

    done = done
           && EVP_MAC_final(ctx, mac, &len, DMP_SESSION_MAC_LEN) == 1
           && len == DMP_SESSION_MAC_LEN;

    EVP_MAC_CTX_free(ctx);

    if (!done) {
        OPENSSL_cleanse(mac, DMP_SESSION_MAC_LEN);
        return DMP_E_INTERNAL;
    }

    return DMP_OK;
}


bool
dmp_session_pick(uint32_t random, uint32_t n, uint32_t *out)
{
    uint64_t  whole;

    /* of all values, as many as n goes into without a rest */
    whole = ((uint64_t) UINT32_MAX + 1) / n * n;

    *out = random % n;

    return random < whole;
}


bool
dmp_session_draw(uint32_t n, uint32_t *out)
{
    bool      drawn;
    unsigned  i;
    uint32_t  random;

    *out = 0;
    random = 0;
    drawn = false;

    for (i = 0; !drawn && i < SECRET_DRAWS; i++) {

        if (RAND_priv_bytes((unsigned char *) &random, sizeof(random)) != 1) {
            break;
        }

        drawn = dmp_session_pick(random, n, out);
    }

    OPENSSL_cleanse(&random, sizeof(random));

    if (!drawn) {
        *out = 0;
    }

    return drawn;
}


bool
dmp_session_letters(const char *alphabet, char *out, size_t len)
{
    size_t    i;
    uint32_t  n, letter;

    n = (uint32_t) strlen(alphabet);

    for (i = 0; i < len; i++) {

        if (!dmp_session_draw(n, &letter)) {
            OPENSSL_cleanse(out, len);
            return false;
        }

        out[i] = alphabet[letter];
    }

    OPENSSL_cleanse(&letter, sizeof(letter));

    return true;
}


bool
dmp_token_id_make(char out[DMP_TOKEN_ID_LEN])
{
    dmp_buf_t      b;
    unsigned char  random[16];

    memset(out, 0, DMP_TOKEN_ID_LEN);

    if (RAND_priv_bytes(random, sizeof(random)) != 1) {
        OPENSSL_cleanse(random, sizeof(random));
        return false;
    }

    dmp_buf_init(&b, out, DMP_TOKEN_ID_LEN);
    dmp_buf_base64url(&b, random, sizeof(random));
    OPENSSL_cleanse(random, sizeof(random));

    return !b.full && b.len == DMP_TOKEN_ID_LEN;
}


bool
dmp_token_id_valid(dmp_str_t id)
{
    bool           valid;
    unsigned char  bytes[16];

    valid = id.len == DMP_TOKEN_ID_LEN
            && dmp_base64url_decode(id, bytes, sizeof(bytes));

    OPENSSL_cleanse(bytes, sizeof(bytes));

    return valid;
}


/* base64url of the first bytes of a hash, which is wiped. */
static dmp_rc_t
secret_text(dmp_rc_t rc, unsigned char mac[DMP_SESSION_MAC_LEN], size_t bytes,
    char *out, size_t len)
{
    dmp_buf_t  b;

    memset(out, 0, len);

    if (rc == DMP_OK) {
        dmp_buf_init(&b, out, len);
        dmp_buf_base64url(&b, mac, bytes);
        rc = (b.full || b.len != len) ? DMP_E_INTERNAL : DMP_OK;
    }

    OPENSSL_cleanse(mac, DMP_SESSION_MAC_LEN);

    return rc;
}


dmp_rc_t
dmp_login_hash(const unsigned char key[DMP_KEY_LEN], dmp_str_t identifier,
    char out[DMP_LOGIN_HASH_LEN])
{
    dmp_rc_t       rc;
    unsigned char  mac[DMP_SESSION_MAC_LEN];

    const dmp_str_t  pieces[] = {
        { "dmp-login", sizeof("dmp-login") }, identifier
    };

    rc = dmp_session_mac(key, pieces, 2, mac);

    return secret_text(rc, mac, 16, out, DMP_LOGIN_HASH_LEN);
}


dmp_rc_t
dmp_attempt_hash(const unsigned char key[DMP_KEY_LEN], dmp_str_t identifier,
    dmp_str_t address, char out[DMP_LOGIN_HASH_LEN])
{
    char           length[8];
    size_t         i;
    dmp_rc_t       rc;
    unsigned char  mac[DMP_SESSION_MAC_LEN];

    const dmp_str_t  pieces[] = {
        { "dmp-attempt", sizeof("dmp-attempt") },
        { length, sizeof(length) }, identifier, address
    };

    /* what was typed may hold any byte, a separator too */
    for (i = 0; i < sizeof(length); i++) {
        length[i] = (char) (unsigned char) ((uint64_t) identifier.len
                                            >> (56 - 8 * i));
    }

    rc = dmp_session_mac(key, pieces, 4, mac);

    return secret_text(rc, mac, 16, out, DMP_LOGIN_HASH_LEN);
}


dmp_rc_t
dmp_code_hash(const unsigned char key[DMP_KEY_LEN], dmp_str_t challenge,
    dmp_str_t code, char out[DMP_CODE_HASH_LEN])
{
    dmp_rc_t       rc;
    unsigned char  mac[DMP_SESSION_MAC_LEN];

    const dmp_str_t  pieces[] = {
        { "dmp-code", sizeof("dmp-code") }, challenge, { "", 1 }, code
    };

    memset(out, 0, DMP_CODE_HASH_LEN);

    if (!dmp_token_id_valid(challenge) || !dmp_code_valid(code)) {
        return DMP_E_SYNTAX;
    }

    rc = dmp_session_mac(key, pieces, 4, mac);

    return secret_text(rc, mac, sizeof(mac), out, DMP_CODE_HASH_LEN);
}
