/*
 * test_session_keys.c: which keys sign sessions and which verify them, in the
 * forms that tools write them in.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "session_case.h"


#define count(table)  (sizeof(table) / sizeof((table)[0]))

typedef enum {
    FORM_PKCS8,
    FORM_EC,                             /* RFC 5915 */
    FORM_PUBLIC,
    FORM_ENCRYPTED,
    FORM_EC_ENCRYPTED
} form_t;

static EVP_PKEY            *made[DMP_SESSION_KEYS + 1];
static dmp_session_keys_t   keys;


static int
setup(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < count(made); i++) {
        made[i] = EVP_EC_gen("P-256");

        if (made[i] == NULL) {
            return -1;
        }
    }

    return 0;
}


static int
teardown(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < count(made); i++) {
        EVP_PKEY_free(made[i]);
    }

    return 0;
}


/* Appends the key to text (NUL-terminated, of 8,192 bytes). */
static void
append(char *text, EVP_PKEY *key, form_t form)
{
    BIO     *bio;
    int      done;
    char    *data;
    size_t   n;

    bio = BIO_new(BIO_s_mem());
    assert_non_null(bio);
    done = 0;

    switch (form) {

    case FORM_PKCS8:
        done = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
                                             NULL);
        break;

    case FORM_EC:
        done = PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
                                                    NULL, NULL);
        break;

    case FORM_PUBLIC:
        done = PEM_write_bio_PUBKEY(bio, key);
        break;

    case FORM_ENCRYPTED:
        done = PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(),
                                             "abcd", 4, NULL, NULL);
        break;

    case FORM_EC_ENCRYPTED:
        done = PEM_write_bio_PrivateKey_traditional(bio, key,
                                                    EVP_aes_128_cbc(),
                                                    (unsigned char *) "abcd",
                                                    4, NULL, NULL);
        break;
    }

    assert_int_equal(done, 1);
    n = (size_t) BIO_get_mem_data(bio, &data);
    assert_true(strlen(text) + n < 8192);
    (void) strncat(text, data, n);
    BIO_free(bio);
}


/* From a block of exactly its size; OpenSSL's queue stays empty. */
static dmp_rc_t
add(const char *text)
{
    char      *copy;
    size_t     len;
    dmp_rc_t   rc;

    len = strlen(text);
    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    rc = dmp_session_keys_add(&keys, (dmp_str_t) { copy, len });
    free(copy);
    assert_int_equal(ERR_peek_error(), 0);

    return rc;
}


static dmp_rc_t
add_key(EVP_PKEY *key, form_t form)
{
    char  text[8192];

    text[0] = '\0';
    append(text, key, form);

    return add(text);
}


static void
is_empty(void)
{
    static const dmp_session_keys_t  none;

    assert_memory_equal(&keys, &none, sizeof(none));
}


static void
test_forms(void **state)
{
    char    text[8192], id[9];
    form_t  form;

    (void) state;

    /* a key's name is its own, however it is written */

    for (form = FORM_PKCS8; form <= FORM_EC; form++) {
        assert_int_equal(add_key(made[0], form), DMP_OK);
        assert_int_equal(keys.n, 1);
        assert_non_null(keys.sign);
        assert_int_equal(EVP_PKEY_eq(keys.sign, made[0]), 1);
        assert_int_equal(strspn(keys.id[0], "0123456789abcdef"), 8);
        assert_int_equal(keys.id[0][8], '\0');

        if (form == FORM_PKCS8) {
            memcpy(id, keys.id[0], sizeof(id));
        }

        assert_string_equal(keys.id[0], id);

        text[0] = '\0';
        append(text, made[0], FORM_PUBLIC);
        assert_int_equal(keys.len[0], strlen(text));
        assert_memory_equal(keys.pem[0], text, keys.len[0]);

        text[0] = '\0';
        append(text, made[0], FORM_PKCS8);
        assert_int_equal(keys.sign_len, strlen(text));
        assert_memory_equal(keys.sign_pem, text, keys.sign_len);

        dmp_session_keys_wipe(&keys);
        is_empty();
    }

    /* as "openssl ecparam -genkey" writes it, and with words around it */

    (void) strcpy(text, "to sign with\n-----BEGIN EC PARAMETERS-----\n"
                  "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    append(text, made[0], FORM_EC);
    (void) strcat(text, "the end\n");
    assert_int_equal(add(text), DMP_OK);
    assert_string_equal(keys.id[0], id);
    dmp_session_keys_wipe(&keys);

    /* its point compressed */

    assert_int_equal(EVP_PKEY_set_utf8_string_param(made[0],
                         OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                         "compressed"), 1);
    assert_int_equal(add_key(made[0], FORM_PKCS8), DMP_OK);
    assert_string_equal(keys.id[0], id);
    assert_int_equal(add_key(made[0], FORM_PUBLIC), DMP_E_REFUSED);
    dmp_session_keys_wipe(&keys);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(made[0],
                         OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                         "uncompressed"), 1);
}


static void
test_several(void **state)
{
    char    text[8192];
    size_t  i;

    (void) state;

    /* one by one */

    assert_int_equal(add_key(made[0], FORM_PKCS8), DMP_OK);
    assert_int_equal(add_key(made[1], FORM_PUBLIC), DMP_OK);
    assert_int_equal(add_key(made[2], FORM_EC), DMP_OK);
    assert_int_equal(add_key(made[3], FORM_PUBLIC), DMP_OK);
    assert_int_equal(add_key(made[4], FORM_PUBLIC), DMP_E_LIMIT);
    assert_int_equal(keys.n, 4);
    assert_int_equal(EVP_PKEY_eq(keys.sign, made[0]), 1);

    for (i = 0; i < 4; i++) {
        assert_int_equal(memcmp(keys.pem[i], "-----BEGIN PUBLIC KEY", 21), 0);
    }

    dmp_session_keys_wipe(&keys);
    is_empty();

    /* all at once, or not at all */

    text[0] = '\0';
    append(text, made[0], FORM_EC);

    for (i = 1; i < 4; i++) {
        append(text, made[i], FORM_PUBLIC);
    }

    assert_int_equal(add(text), DMP_OK);
    assert_int_equal(keys.n, 4);
    dmp_session_keys_wipe(&keys);

    append(text, made[4], FORM_PUBLIC);
    assert_int_equal(add(text), DMP_E_LIMIT);
    is_empty();

    /* what was there before stays */

    assert_int_equal(add_key(made[4], FORM_PKCS8), DMP_OK);
    assert_int_equal(add(text), DMP_E_LIMIT);
    assert_int_equal(keys.n, 1);
    assert_null(keys.pem[1]);
    assert_string_equal(keys.id[1], "");
    assert_int_equal(EVP_PKEY_eq(keys.sign, made[4]), 1);

    /* twice the same */

    assert_int_equal(add_key(made[4], FORM_PUBLIC), DMP_E_REFUSED);
    assert_int_equal(add_key(made[4], FORM_EC), DMP_E_REFUSED);
    assert_int_equal(keys.n, 1);
    dmp_session_keys_wipe(&keys);
    is_empty();
}


/* With their curve spelt out, which says P-256 and need not be it. */
static EVP_PKEY *
explicit_curve(void)
{
    EVP_PKEY      *key;
    OSSL_PARAM     params[3];
    EVP_PKEY_CTX  *ctx;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) "P-256", 0);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING,
                                                 (char *) "explicit", 0);
    params[2] = OSSL_PARAM_construct_end();

    key = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);

    return key;
}


static void
test_refused(void **state)
{
    char       text[8192];
    size_t     i;
    EVP_PKEY  *others[6];

    (void) state;
    others[0] = EVP_EC_gen("P-384");
    others[1] = EVP_EC_gen("secp256k1");
    others[2] = EVP_RSA_gen(2048);
    others[3] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    others[4] = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    others[5] = explicit_curve();

    for (i = 0; i < count(others); i++) {
        assert_non_null(others[i]);
        assert_int_equal(add_key(others[i], FORM_PKCS8), DMP_E_UNKNOWN);
        is_empty();

        assert_int_equal(add_key(made[0], FORM_PKCS8), DMP_OK);
        assert_int_equal(add_key(others[i], FORM_PUBLIC), DMP_E_UNKNOWN);
        assert_int_equal(keys.n, 1);
        dmp_session_keys_wipe(&keys);
        EVP_PKEY_free(others[i]);
    }

    assert_int_equal(add_key(made[0], FORM_PUBLIC), DMP_E_REFUSED);
    is_empty();

    /* nobody is asked for a passphrase */

    assert_int_equal(add_key(made[0], FORM_ENCRYPTED), DMP_E_SYNTAX);
    assert_int_equal(add_key(made[0], FORM_EC_ENCRYPTED), DMP_E_SYNTAX);
    is_empty();

    /* no key, a broken one, one and something broken */

    assert_int_equal(add(""), DMP_E_SYNTAX);
    assert_int_equal(add("x"), DMP_E_SYNTAX);
    assert_int_equal(add("-----BEGIN EC PARAMETERS-----\n"
                         "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"),
                     DMP_E_SYNTAX);
    assert_int_equal(add("-----BEGIN PUBLIC KEY-----\nAAAA\n"
                         "-----END PUBLIC KEY-----\n"), DMP_E_SYNTAX);
    assert_int_equal(add("-----BEGIN CERTIFICATE-----\nAAAA\n"
                         "-----END CERTIFICATE-----\n"), DMP_E_SYNTAX);
    is_empty();

    text[0] = '\0';
    append(text, made[0], FORM_PKCS8);
    (void) strcat(text, "-----BEGIN PUBLIC KEY-----\nAA");
    assert_int_equal(add(text), DMP_E_SYNTAX);
    is_empty();

    text[0] = '\0';
    append(text, made[0], FORM_PKCS8);

    for (i = 0; i < strlen(text) - 1; i++) {
        char  c;

        c = text[i];
        text[i] = '\0';
        assert_int_equal(add(text), DMP_E_SYNTAX);
        is_empty();
        text[i] = c;
    }
}


/* A private part that is not that of the public one signs for nobody. */
static void
test_mismatch(void **state)
{
    int             len;
    char           *pem;
    BIO            *bio;
    size_t          i, n;
    unsigned char  *der, *other, point[2][65];

    (void) state;

    for (i = 0; i < 2; i++) {
        assert_int_equal(EVP_PKEY_get_octet_string_param(made[i],
                             OSSL_PKEY_PARAM_PUB_KEY, point[i], 65, &n), 1);
        assert_int_equal(n, 65);
    }

    der = NULL;
    len = i2d_PrivateKey(made[0], &der);
    assert_true(len > 65);

    other = memmem(der, (size_t) len, point[0], 65);
    assert_non_null(other);
    memcpy(other, point[1], 65);

    bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, PEM_STRING_ECPRIVATEKEY, "", der, len) > 0);
    len = (int) BIO_get_mem_data(bio, &pem);
    assert_int_equal(dmp_session_keys_add(&keys, (dmp_str_t) { pem,
                                                               (size_t) len }),
                     DMP_E_UNKNOWN);
    is_empty();

    BIO_free(bio);
    OPENSSL_free(der);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mismatch),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
