/*
 * The head of a chain as text: written and read, and what is none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dmp/dmp_trace.h>


#define HASH  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


static void
a_hash(unsigned char hash[DMP_HASH_LEN])
{
    size_t  i;

    for (i = 0; i < DMP_HASH_LEN; i++) {
        hash[i] = (unsigned char) i;
    }
}


static void
test_written(void **state)
{
    dmp_head_t        text;
    unsigned char     hash[DMP_HASH_LEN];
    dmp_chain_head_t  head;

    (void) state;

    a_hash(hash);

    dmp_head_write(&text, 7, 123456, hash);
    assert_int_equal(text.len, strlen("7:123456:" HASH));
    assert_memory_equal(text.text, "7:123456:" HASH, text.len);

    assert_true(dmp_head_parse((dmp_str_t) { text.text, text.len }, &head));
    assert_int_equal(head.epoch, 7);
    assert_int_equal(head.seq, 123456);
    assert_memory_equal(head.hash, hash, DMP_HASH_LEN);

    dmp_head_write(&text, UINT64_MAX, UINT64_MAX, hash);
    assert_int_equal(text.len, 20 + 1 + 20 + 1 + 43);

    dmp_head_write(&text, 0, 0, hash);
    assert_int_equal(text.len, 0);
}


/* One text for one head: nothing else is read as one. */
static void
test_refused(void **state)
{
    size_t            i;
    dmp_chain_head_t  head;

    static const dmp_str_t  texts[] = {
        dmp_string(""),
        dmp_string(":"),
        dmp_string("1"),
        dmp_string("1:1"),
        dmp_string("1:1:"),
        dmp_string("1:" HASH),
        dmp_string(":1:" HASH),
        dmp_string("1::" HASH),
        dmp_string("0:1:" HASH),
        dmp_string("1:0:" HASH),
        dmp_string("01:1:" HASH),
        dmp_string("1:01:" HASH),
        dmp_string("-1:1:" HASH),
        dmp_string("+1:1:" HASH),
        dmp_string(" 1:1:" HASH),
        dmp_string("1:1 :" HASH),
        dmp_string("1:1:" HASH " "),
        dmp_string("1:1:" HASH "A"),
        dmp_string("1:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9"),
        dmp_string("1:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh="),
        dmp_string("1:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh"),
        dmp_string("1234567890123456789:1:" HASH),
        dmp_string("18446744073709551617:1:" HASH),
        dmp_string("1:1234567890123456789:" HASH),
        { "1:1:" HASH, 20 },
        { "1:1\0" HASH, 4 + 43 },
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(dmp_head_parse(texts[i], &head));
    }

    assert_true(dmp_head_parse(dmp_string("1:1:" HASH), &head));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
