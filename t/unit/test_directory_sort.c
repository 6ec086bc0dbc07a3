/*
 * test_directory_sort.c: lines come out in order, all of them, whether they
 * stayed in memory, were spilled, or were merged more than once.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/directory_sort.h"


/* n lines in an order that is not theirs, each twice, with so much memory. */
static void
check_sorted(unsigned n, size_t memory)
{
    int                rc;
    char               line[32];
    size_t             len;
    unsigned           i, value;
    const char        *data;
    directory_sort_t  *s;

    s = directory_sort_create(memory);
    assert_non_null(s);

    for (i = 0; i < 2 * n; i++) {
        /* 7919 is a prime, which no n below divides */
        value = (i * 7919u) % n;
        rc = snprintf(line, sizeof(line), "%08u", value);
        assert_true(directory_sort_add(s, line, (size_t) rc));
    }

    assert_true(directory_sort_end(s));

    /* twice, the first time up to their middle */
    for (i = 0; i < 3 * n; i++) {
        value = i < n ? i : i - n;

        if (i == n) {
            assert_true(directory_sort_again(s));
        }

        assert_int_equal(directory_sort_next(s, &data, &len), 1);
        (void) snprintf(line, sizeof(line), "%08u", value / 2);
        assert_int_equal(len, 8);
        assert_memory_equal(data, line, 8);
    }

    assert_int_equal(directory_sort_next(s, &data, &len), 0);
    assert_int_equal(directory_sort_next(s, &data, &len), 0);
    directory_sort_free(s);
}


static void
test_in_memory(void **state)
{
    (void) state;
    check_sorted(1, 4096);
    check_sorted(1000, 1 << 20);
}


static void
test_spilled(void **state)
{
    (void) state;
    check_sorted(1000, 4096);
}


/* 16 bytes a line, 64 a run: more runs than may be open at once. */
static void
test_merged_again(void **state)
{
    (void) state;
    check_sorted(5000, 1024);
}


static void
test_lengths(void **state)
{
    size_t             len;
    const char        *data;
    directory_sort_t  *s;

    (void) state;
    s = directory_sort_create(64);
    assert_non_null(s);

    /* what begins another comes before it; bytes are not signed */
    assert_true(directory_sort_add(s, "ab\xff", 3));
    assert_true(directory_sort_add(s, "ab", 2));
    assert_true(directory_sort_add(s, "", 0));
    assert_true(directory_sort_add(s, "ab\0c", 4));
    assert_true(directory_sort_add(s, "abz", 3));
    assert_true(directory_sort_end(s));

    assert_int_equal(directory_sort_next(s, &data, &len), 1);
    assert_int_equal(len, 0);
    assert_int_equal(directory_sort_next(s, &data, &len), 1);
    assert_int_equal(len, 2);
    assert_int_equal(directory_sort_next(s, &data, &len), 1);
    assert_int_equal(len, 4);
    assert_int_equal(directory_sort_next(s, &data, &len), 1);
    assert_memory_equal(data, "abz", 3);
    assert_int_equal(directory_sort_next(s, &data, &len), 1);
    assert_memory_equal(data, "ab\xff", 3);
    assert_int_equal(directory_sort_next(s, &data, &len), 0);
    directory_sort_free(s);
}


static void
test_refused(void **state)
{
    char               large[64];
    directory_sort_t  *s;

    (void) state;
    memset(large, 'x', sizeof(large));
    s = directory_sort_create(64);
    assert_non_null(s);
    assert_true(directory_sort_add(s, large, 56));
    assert_false(directory_sort_add(s, large, 57));
    assert_int_equal(errno, EMSGSIZE);
    directory_sort_free(s);
}


static void
test_empty(void **state)
{
    size_t             len;
    const char        *data;
    directory_sort_t  *s;

    (void) state;
    s = directory_sort_create(4096);
    assert_non_null(s);
    assert_true(directory_sort_end(s));
    assert_int_equal(directory_sort_next(s, &data, &len), 0);
    directory_sort_free(s);
}


static void
test_no_folder(void **state)
{
    size_t             i;
    directory_sort_t  *s;

    (void) state;
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    s = directory_sort_create(64);
    assert_non_null(s);

    for (i = 0; i < 100 && directory_sort_add(s, "line", 4); i++) {
        /* until memory is full */
    }

    assert_int_equal(i, 5);
    assert_int_equal(errno, ENOENT);
    directory_sort_free(s);
    assert_int_equal(unsetenv("TMPDIR"), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_spilled),
        cmocka_unit_test(test_merged_again),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_no_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
