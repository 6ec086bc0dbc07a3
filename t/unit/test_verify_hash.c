/*
 * test_verify_hash.c: the hash that chains are made of, against OpenSSL's
 * general functions and what FIPS 180-4 gives as examples.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "../../policy/dmp_hash.h"


static void
test_examples(void **state)
{
    unsigned char               hash[DMP_HASH_LEN];
    static const unsigned char  abc[DMP_HASH_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
        0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
        0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad
    };
    static const unsigned char  none[DMP_HASH_LEN] = {
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8,
        0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
        0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55
    };

    (void) state;

    assert_true(dmp_hash("abc", 3, hash));
    assert_memory_equal(hash, abc, DMP_HASH_LEN);
    assert_true(dmp_hash("", 0, hash));
    assert_memory_equal(hash, none, DMP_HASH_LEN);
}


/* Around the block's end, and from any address. */
static void
test_lengths(void **state)
{
    size_t          i, len;
    EVP_MD         *sha256;
    unsigned char  *data, hash[DMP_HASH_LEN], expected[DMP_HASH_LEN];

    (void) state;

    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert_non_null(sha256);

    for (len = 0; len <= 1100; len++) {
        data = malloc(len + 1);
        assert_non_null(data);

        for (i = 0; i <= len; i++) {
            data[i] = (unsigned char) (i * 131 + len);
        }

        assert_int_equal(EVP_Digest(data + 1, len, expected, NULL, sha256,
                                    NULL), 1);
        assert_true(dmp_hash(data + 1, len, hash));
        assert_memory_equal(hash, expected, DMP_HASH_LEN);
        free(data);
    }

    EVP_MD_free(sha256);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_lengths),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
