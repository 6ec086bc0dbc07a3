/*
 * test_record_find.c: names looked up in a list.  Each name stands in a block
 * of its own size, so that a byte read too far is seen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_record.h>


#define LEN_MAX  40

/* What the elements of a list may be, but for what begins them. */
typedef struct {
    dmp_str_t  name;
    size_t     number;
} element_t;


static dmp_str_t
name_of(size_t len, size_t changed)
{
    char    *data;
    size_t   i;

    data = malloc(len + (len == 0));
    assert_non_null(data);

    for (i = 0; i < len; i++) {
        data[i] = (char) ('a' + i % 26);
    }

    if (changed < len) {
        data[changed] = '#';
    }

    return (dmp_str_t) { data, len };
}


static const void *
find(const element_t *list, size_t n, dmp_str_t name)
{
    return dmp_find_named(list, n, sizeof(element_t), name);
}


/* Of one length, each differs from the first in another byte. */
static void
test_each_byte(void **state)
{
    size_t     len, i, n;
    dmp_str_t  name;
    element_t  list[LEN_MAX + 1];

    (void) state;

    for (len = 1; len <= LEN_MAX; len++) {
        n = len + 1;

        for (i = 0; i < n; i++) {
            list[i].name = name_of(len, (i == 0) ? len : i - 1);
            list[i].number = i;
        }

        for (i = 0; i < n; i++) {
            name = name_of(len, (i == 0) ? len : i - 1);
            assert_ptr_equal(find(list, n, name), &list[i]);
            assert_ptr_equal(find(list, i + 1, name), &list[i]);
            assert_null(find(list, i, name));
            assert_null(find(list + i + 1, n - i - 1, name));
            free((char *) name.data);
        }

        for (i = 0; i < n; i++) {
            free((char *) list[i].name.data);
        }
    }
}


/* What is longer or shorter is another name, also where one is empty. */
static void
test_each_length(void **state)
{
    size_t     i;
    dmp_str_t  name;
    element_t  list[LEN_MAX];

    (void) state;

    for (i = 0; i < LEN_MAX; i++) {
        list[i].name = name_of(i, i);
    }

    for (i = 0; i < LEN_MAX; i++) {
        name = name_of(i, i);
        assert_ptr_equal(find(list, LEN_MAX, name), &list[i]);
        assert_null(find(list, i, name));
        free((char *) name.data);
    }

    name = name_of(LEN_MAX, LEN_MAX);
    assert_null(find(list, LEN_MAX, name));
    free((char *) name.data);

    for (i = 0; i < LEN_MAX; i++) {
        free((char *) list[i].name.data);
    }
}


/* Of several the first; of nothing none. */
static void
test_first(void **state)
{
    element_t  list[3];

    (void) state;
    list[0].name = dmp_string("899700218896");
    list[1].name = dmp_string("899700314422");
    list[2].name = dmp_string("899700314422");

    assert_ptr_equal(find(list, 3, dmp_string("899700314422")), &list[1]);
    assert_ptr_equal(find(list + 2, 1, dmp_string("899700314422")), &list[2]);
    assert_null(find(list, 3, dmp_string("899700314423")));
    assert_null(find(NULL, 0, dmp_string("899700314422")));
    assert_null(find(NULL, 0, dmp_string("d1")));
    assert_null(find(list, 3, dmp_null_string));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_each_length),
        cmocka_unit_test(test_first),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
