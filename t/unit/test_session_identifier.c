/*
 * test_session_identifier.c: identifiers are read however they are written,
 * and none that was mistyped is one; hashes of them, and ids, are what they
 * say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../policy/dmp_session_int.h"


#define LEN  DMP_IDENTIFIER_LEN
#define count(table)  (sizeof(table) / sizeof((table)[0]))

static const char  letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static const unsigned char  key[DMP_KEY_LEN] = { 1, 2, 3 };


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* From a block of exactly its size, so that a byte read too far is seen. */
static bool
reads(const char *typed, size_t len, char out[LEN])
{
    bool   read;
    char  *copy;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, typed, len);
    memset(out, 'x', LEN);
    read = dmp_identifier_read((dmp_str_t) { copy, len }, out);
    free(copy);

    if (!read) {
        assert_memory_equal(out, "\0\0\0\0\0\0\0\0\0\0\0\0", LEN);
    }

    return read;
}


static unsigned
value(char letter)
{
    const char  *p;

    p = strchr(letters, letter);
    assert_non_null(p);

    return (unsigned) (p - letters);
}


static void
test_made(void **state)
{
    char      id[LEN], read[LEN];
    size_t    i, j;
    unsigned  seen[10][32];

    (void) state;
    memset(seen, 0, sizeof(seen));

    for (i = 0; i < 20000; i++) {
        assert_true(dmp_identifier_make(id));
        assert_true(reads(id, LEN, read));
        assert_memory_equal(id, read, LEN);

        for (j = 0; j < 10; j++) {
            seen[j][value(id[j])]++;
        }
    }

    /* of 20,000 a letter misses one place in fewer than one run of 10^272 */

    for (i = 0; i < 10; i++) {
        for (j = 0; j < 32; j++) {
            assert_int_not_equal(seen[i][j], 0);
        }
    }
}


/* The difference of two identifiers is one: what holds of 0… holds of all. */
static void
test_linear(void **state)
{
    char    a[LEN], b[LEN], sum[LEN], read[LEN];
    size_t  i, j;

    (void) state;
    assert_true(reads("000000000000", LEN, read));

    for (i = 0; i < 1000; i++) {
        assert_true(dmp_identifier_make(a));
        assert_true(dmp_identifier_make(b));

        for (j = 0; j < LEN; j++) {
            sum[j] = letters[value(a[j]) ^ value(b[j])];
        }

        assert_true(reads(sum, LEN, read));
        assert_memory_equal(sum, read, LEN);
    }
}


/* Every error of one place, and of two, so neighbours that changed places. */
static void
test_errors(void **state)
{
    char    id[LEN], read[LEN];
    size_t  i, j, a, b;

    (void) state;

    for (i = 0; i < LEN; i++) {
        for (a = 1; a < 32; a++) {

            memset(id, '0', LEN);
            id[i] = letters[a];
            assert_false(reads(id, LEN, read));

            for (j = i + 1; j < LEN; j++) {
                for (b = 1; b < 32; b++) {
                    id[j] = letters[b];
                    assert_false(reads(id, LEN, read));
                }

                id[j] = '0';
            }
        }
    }
}


/* The same of identifiers as they are drawn, said without the algebra. */
static void
test_typing_errors(void **state)
{
    char    id[LEN], typed[LEN], read[LEN];
    size_t  i, j, k;

    (void) state;

    for (k = 0; k < 200; k++) {
        assert_true(dmp_identifier_make(id));

        for (i = 0; i < LEN; i++) {
            memcpy(typed, id, LEN);

            for (j = 0; j < 32; j++) {
                typed[i] = letters[j];
                assert_int_equal(reads(typed, LEN, read), letters[j] == id[i]);
            }
        }

        for (i = 0; i + 1 < LEN; i++) {
            memcpy(typed, id, LEN);
            typed[i] = id[i + 1];
            typed[i + 1] = id[i];
            assert_int_equal(reads(typed, LEN, read), id[i] == id[i + 1]);
        }
    }
}


/* One pair of letters checks ten, and no other: a guess is one of 1,024. */
static void
test_check(void **state)
{
    char    id[LEN], read[LEN];
    size_t  a, b, found;

    (void) state;
    memcpy(id, "7KQ2V9XJ0Z", 10);
    found = 0;

    for (a = 0; a < 32; a++) {
        for (b = 0; b < 32; b++) {
            id[10] = letters[a];
            id[11] = letters[b];
            found += reads(id, LEN, read) ? 1 : 0;
        }
    }

    assert_int_equal(found, 1);
    dmp_identifier_check(id);
    assert_true(reads(id, LEN, read));
}


static void
test_written(void **state)
{
    char    id[LEN], read[LEN], typed[80];
    size_t  i;

    static const struct {
        const char  *text;
        bool         good;
    } table[] = {
        { "01OI2LabyzK", true },         /* with its check, below */
        { "01 OI-2L.ab yz-K", true },
        { " 01OI2LABYZk ", true },
        { "01OI\xc2\xa0" "2Lab\xe2\x80\xafyzk", true },
        { "--01OI2LabyzK--", true },
        { "01OI2LabyzU", false },
        { "01OI2Labyz_K", false },
        { "01OI2Labyz\xc3\xa9", false },
        { "01OI\xc2" "2LabyzK", false },
        { "01OI\xa0" "2LabyzK", false },
        { "01OI\xe2\x80" "2LabyzK", false },
        { "01OI\t2LabyzK", false },
        { "01OI2LabyzK\n", false },
        { "01OI,2LabyzK", false },
        { "01OI2LabyzKK", false },
        { "01OI2Labyz", false },
        { "", false },
    };

    (void) state;
    memcpy(id, "01012" "1ABYZ", 10);
    dmp_identifier_check(id);

    /* eleven of them are said: the twelfth follows from the ten */

    for (i = 0; i < count(table); i++) {
        char  *p;

        (void) strcpy(typed, table[i].text);
        p = strpbrk(typed, "kK");

        if (p != NULL) {
            memmove(p + 2, p + 1, strlen(p));
            p[0] = id[10];
            p[1] = id[11];
        }

        if (reads(typed, strlen(typed), read) != table[i].good) {
            fail_msg("\"%s\"", typed);
        }

        if (table[i].good) {
            assert_memory_equal(read, id, LEN);
        }
    }

    /* in lower case, with a NUL, and longer than anybody types */

    for (i = 0; i < LEN; i++) {
        typed[i] = (id[i] >= 'A') ? (char) (id[i] | 0x20) : id[i];
    }

    assert_true(reads(typed, LEN, read));
    assert_memory_equal(read, id, LEN);
    typed[LEN] = '\0';
    assert_false(reads(typed, LEN + 1, read));
    memset(typed + LEN, ' ', sizeof(typed) - LEN);
    assert_true(reads(typed, 64, read));
    assert_false(reads(typed, 65, read));
    assert_false(dmp_identifier_read(dmp_null_string, read));
}


static void
test_hashes(void **state)
{
    char           a[DMP_LOGIN_HASH_LEN], b[DMP_LOGIN_HASH_LEN];
    size_t         i, j;
    unsigned char  other[DMP_KEY_LEN];

    /* by another implementation of RFC 2104 */
    static const char  known[] = "JMbgWuXNi2fPZ1nZ74lA0g";

    static const dmp_str_t  pairs[][2] = {
        { dmp_string("ABC"), dmp_string("192.0.2.1") },
        { dmp_string("ABC"), dmp_string("192.0.2.2") },
        { dmp_string("ABD"), dmp_string("192.0.2.1") },
        { dmp_string("ABC1"), dmp_string("92.0.2.1") },
        { dmp_string("ABC\0001"), dmp_string("92.0.2.1") },
        { dmp_string("ABC"), dmp_string("") },
        { dmp_string(""), dmp_string("ABC") },
        { dmp_string(""), dmp_string("") },
    };

    char  hashes[count(pairs)][DMP_LOGIN_HASH_LEN];

    (void) state;
    assert_int_equal(dmp_login_hash(key, dmp_string("0123456789AB"), a),
                     DMP_OK);
    assert_memory_equal(a, known, sizeof(known) - 1);

    memcpy(other, key, sizeof(key));
    other[31] = 1;
    assert_int_equal(dmp_login_hash(other, dmp_string("0123456789AB"), b),
                     DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));

    /* of what is no identifier too */

    assert_int_equal(dmp_login_hash(key, dmp_null_string, b), DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(dmp_login_hash(key, dmp_string("x\0\xff"), a), DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));

    for (i = 0; i < count(pairs); i++) {
        assert_int_equal(dmp_attempt_hash(key, pairs[i][0], pairs[i][1],
                                          hashes[i]), DMP_OK);
        assert_true(dmp_token_id_valid((dmp_str_t) { hashes[i],
                                                     sizeof(hashes[i]) }));

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(hashes[i], hashes[j], sizeof(hashes[0]));
        }
    }
}


static void
test_ids(void **state)
{
    char    a[DMP_TOKEN_ID_LEN], b[DMP_TOKEN_ID_LEN];
    size_t  i;

    static const char *const  bad[] = {
        "", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODwA",
        "AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0OD=",
        "AAECAwQFBgcICQoLDA0O+w", "AAECAwQFBgcICQoLDA0O w",
    };

    (void) state;
    assert_true(dmp_token_id_make(a));
    assert_true(dmp_token_id_make(b));
    assert_true(dmp_token_id_valid((dmp_str_t) { a, sizeof(a) }));
    assert_true(dmp_token_id_valid((dmp_str_t) { b, sizeof(b) }));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(dmp_token_id_valid(dmp_string("AAECAwQFBgcICQoLDA0ODw")));
    assert_true(dmp_token_id_valid(dmp_string("-_ECAwQFBgcICQoLDA0ODw")));

    for (i = 0; i < count(bad); i++) {
        assert_false(dmp_token_id_valid(str(bad[i])));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_typing_errors),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_ids),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
