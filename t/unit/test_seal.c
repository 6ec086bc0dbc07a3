/*
 * test_seal.c: sealed values open only under their key, field and version;
 * pseudonyms, buckets and names of keys are what they always were.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_record.h>


#define KEY_A  "000102030405060708090a0b0c0d0e0f" \
               "101112131415161718191a1b1c1d1e1f"
#define KEY_B  "ffeeddccbbaa99887766554433221100" \
               "ffeeddccbbaa99887766554433221100"

static const char  text[] = "{\"ins\":\"185032A00100142\"}";


static void
ring_of(dmp_keyring_t *ring, const char *first, const char *second)
{
    memset(ring, 0, sizeof(*ring));
    assert_int_equal(dmp_keyring_add(ring, (dmp_str_t) { first,
                                                         strlen(first) }),
                     DMP_OK);

    if (second != NULL) {
        assert_int_equal(dmp_keyring_add(ring, (dmp_str_t) {
                                             second, strlen(second) }),
                         DMP_OK);
    }
}


static dmp_rc_t
unseal(const dmp_keyring_t *ring, const char *name, const char *field,
    uint64_t version, const char *sealed, size_t len)
{
    char      out[256];
    size_t    n;
    dmp_rc_t  rc;

    rc = dmp_unseal(ring, (dmp_str_t) { name, strlen(name) },
                    (dmp_str_t) { field, strlen(field) }, version, sealed, len,
                    out, &n);

    if (rc == DMP_OK) {
        assert_int_equal(n, sizeof(text) - 1);
        assert_memory_equal(out, text, n);
    }

    return rc;
}


static void
test_bound(void **state)
{
    char           sealed[256], copy[256];
    size_t         i, len;
    dmp_keyring_t  ring, other;

    (void) state;
    ring_of(&ring, KEY_A, NULL);
    ring_of(&other, KEY_B, NULL);

    assert_int_equal(dmp_seal(&ring, dmp_string("name"), dmp_string("d"), 7,
                              text, sizeof(text) - 1, sealed, &len), DMP_OK);
    assert_int_equal(len, sizeof(text) - 1 + DMP_SEAL_OVERHEAD);

    assert_int_equal(unseal(&ring, "name", "d", 7, sealed, len), DMP_OK);
    assert_int_equal(unseal(&ring, "name", "d", 8, sealed, len),
                     DMP_E_REFUSED);
    assert_int_equal(unseal(&ring, "nam", "ed", 7, sealed, len),
                     DMP_E_REFUSED);
    assert_int_equal(unseal(&ring, "name", "e", 7, sealed, len),
                     DMP_E_REFUSED);
    assert_int_equal(unseal(&other, "name", "d", 7, sealed, len),
                     DMP_E_REFUSED);

    for (i = 0; i < len; i++) {
        assert_int_not_equal(unseal(&ring, "name", "d", 7, sealed, i),
                             DMP_OK);
        memcpy(copy, sealed, len);
        copy[i] = (char) (copy[i] ^ 1);
        assert_int_equal(unseal(&ring, "name", "d", 7, copy, len),
                         DMP_E_REFUSED);
    }
}


static void
test_rotation(void **state)
{
    char           sealed[256], again[256];
    size_t         len;
    dmp_keyring_t  old, both, reversed;

    (void) state;
    ring_of(&old, KEY_A, NULL);
    ring_of(&both, KEY_B, KEY_A);
    ring_of(&reversed, KEY_A, KEY_B);

    assert_int_equal(dmp_seal(&old, dmp_string("n"), dmp_string("d"), 1, text,
                              sizeof(text) - 1, sealed, &len), DMP_OK);
    assert_int_equal(unseal(&both, "n", "d", 1, sealed, len), DMP_OK);

    assert_int_equal(dmp_seal(&both, dmp_string("n"), dmp_string("d"), 1, text,
                              sizeof(text) - 1, again, &len), DMP_OK);
    assert_int_equal(unseal(&old, "n", "d", 1, again, len), DMP_E_REFUSED);
    assert_int_equal(unseal(&reversed, "n", "d", 1, again, len), DMP_OK);
    assert_memory_not_equal(sealed, again, len);
}


static void
test_empty(void **state)
{
    char           sealed[DMP_SEAL_OVERHEAD], out[1];
    size_t         len;
    dmp_keyring_t  ring;

    (void) state;
    ring_of(&ring, KEY_A, NULL);
    assert_int_equal(dmp_seal(&ring, dmp_string("n"), dmp_string("d"), 1, "",
                              0, sealed, &len), DMP_OK);
    assert_int_equal(dmp_unseal(&ring, dmp_string("n"), dmp_string("d"), 1,
                                sealed, len, out, &len), DMP_OK);
    assert_int_equal(len, 0);

    memset(&ring, 0, sizeof(ring));
    assert_int_not_equal(dmp_seal(&ring, dmp_string("n"), dmp_string("d"), 1,
                                  "", 0, sealed, &len), DMP_OK);
}


static void
test_keys(void **state)
{
    unsigned        i;
    unsigned char   key[DMP_KEY_LEN];
    dmp_keyring_t   ring;

    (void) state;
    assert_int_equal(dmp_key_parse(dmp_string(" " KEY_A "\r\n"), key), DMP_OK);
    assert_int_equal(key[0], 0);
    assert_int_equal(key[31], 31);
    assert_int_equal(dmp_key_parse(dmp_string(KEY_A "0"), key), DMP_E_SYNTAX);
    assert_int_equal(dmp_key_parse(dmp_string(""), key), DMP_E_SYNTAX);
    assert_int_equal(dmp_key_parse((dmp_str_t) { KEY_A, 63 }, key),
                     DMP_E_SYNTAX);

    memset(&ring, 0, sizeof(ring));

    for (i = 0; i < DMP_KEYRING_MAX; i++) {
        assert_int_equal(dmp_keyring_add(&ring, dmp_string(KEY_A)), DMP_OK);
    }

    assert_int_equal(dmp_keyring_add(&ring, dmp_string(KEY_A)), DMP_E_LIMIT);
}


/* Computed with openssl(1); they may never change. */
static void
test_names(void **state)
{
    char           out[DMP_KEY_NAME_MAX], p[DMP_PSEUDONYM_LEN], longer[200];
    size_t         len;
    unsigned char  key[DMP_KEY_LEN];

    (void) state;
    assert_int_equal(dmp_key_parse(dmp_string(KEY_A), key), DMP_OK);
    assert_int_equal(dmp_pseudonym(key, dmp_string("185032A00100142"), p),
                     DMP_OK);
    assert_memory_equal(p, "yJDrIFozSkAt1FTHqNt5NQ", DMP_PSEUDONYM_LEN);
    assert_int_equal(dmp_bucket(p, 64), 14 % 64);
    assert_int_equal(dmp_bucket(p, 256), 14);
    assert_int_equal(dmp_bucket(p, 1), 0);

    len = dmp_key_name(out, 7, "rec", (dmp_str_t) { p, sizeof(p) });
    assert_int_equal(len, 13 + DMP_PSEUDONYM_LEN);
    assert_memory_equal(out, "{dmp:07}:rec:", 13);
    len = dmp_key_name(out, 123, "trace", dmp_null_string);
    assert_int_equal(len, 15);
    assert_memory_equal(out, "{dmp:123}:trace", 15);

    memset(longer, 'x', sizeof(longer));
    assert_int_equal(dmp_key_name(out, 1, "w",
                                  (dmp_str_t) { longer, sizeof(longer) }), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_names),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
