/*
 * test_scan_shape.c: what the scanner remembers of the objects that it passed:
 * that it does remember, that nothing else comes of it, and that it forgets
 * what it has no room for.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scan_plain.h"


#define TEXT_MAX  65536


static dmp_shapes_t  shapes;
static char          made[TEXT_MAX];


static int
forget(void **state)
{
    (void) state;

    shapes.n = 0;

    return 0;
}


/* In memory of exactly its size; as the plain scanner, which forgets all. */
static dmp_scan_error_t
scan(const char *text, size_t len, size_t *where)
{
    char               *copy;
    static dmp_scan_t   s, plain;

    copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    dmp_scan_init(&s, copy, len);
    dmp_scan_remember(&s, &shapes);
    (void) (dmp_scan_skip(&s, NULL) && dmp_scan_end(&s));

    plain_scan_init(&plain, copy, len);
    (void) (plain_scan_skip(&plain, NULL) && plain_scan_end(&plain));

    if (s.error != plain.error || s.pos != plain.pos) {
        fail_msg("\"%s\" at %zu, not \"%s\" at %zu: %.*s",
                 dmp_scan_strerror(s.error), dmp_scan_offset(&s),
                 dmp_scan_strerror(plain.error), plain_scan_offset(&plain),
                 (int) (len < 2000 ? len : 2000), text);
    }

    *where = dmp_scan_offset(&s);
    free(copy);

    return s.error;
}


/* Room enough behind it for the widest comparison. */
#define PADDING  "                                "

#define learns(text)                                                          \
    do {                                                                      \
        size_t  at;                                                           \
                                                                              \
        assert_int_equal(scan(text PADDING, sizeof(text PADDING) - 1, &at),   \
                         DMP_SCAN_OK);                                        \
    } while (0)

#define refuses(text, wanted, offset)                                         \
    do {                                                                      \
        size_t  at;                                                           \
                                                                              \
        assert_int_equal(scan(text PADDING, sizeof(text PADDING) - 1, &at),   \
                         DMP_SCAN_##wanted);                                  \
        assert_int_equal(at, offset);                                         \
    } while (0)

#define knows(text)                                                           \
    do {                                                                      \
        size_t  known = shapes.n;                                             \
                                                                              \
        learns(text);                                                         \
        assert_int_equal(shapes.n, known);                                    \
    } while (0)


static void
remembers_what_it_passed(void **state)
{
    (void) state;

    learns("{\"a\":1,\"b\":{\"c\":[{\"d\":2},{\"d\":3,\"e\":4}]}}");
    assert_true(shapes.n > 1);

    knows("{\"a\":\"other\",\"b\":{\"c\":[{\"d\":{}}]}}");
    knows("{\"a\" : [ ] , \"b\":{\"c\":[[{\"d\":0 , \"e\":0}]] } }");
    knows("{\"a\":1}");
    knows("{}");
    knows("[{\"a\":1,\"b\":{}}]");
    knows("[[],[[{\"a\":1}]]]");
}


/* The objects of an array are known from the second one on. */
static void
remembers_within_one_text(void **state)
{
    size_t  n;

    (void) state;

    learns("[{\"one\":1,\"two\":{\"three\":3}}]");
    n = shapes.n;
    shapes.n = 0;

    learns("{\"list\":[{\"one\":1,\"two\":{\"three\":3}},"
           "{\"one\":1,\"two\":{\"three\":3}},"
           "{\"one\":1,\"two\":{\"three\":3}}]}");

    /* "list", and where the objects in its value begin, are two more */

    assert_int_equal(shapes.n, n + 2);
}


static void
sees_names_given_twice(void **state)
{
    (void) state;

    learns("{\"a\":1,\"b\":2,\"c\":3}");

    refuses("{\"a\":1,\"a\":2}", DUPLICATE, 7);
    refuses("{\"a\":1,\"b\":2,\"a\":3}", DUPLICATE, 13);
    refuses("{\"a\":1,\"b\":2,\"b\":3}", DUPLICATE, 13);
    refuses("{\"a\":1,\"b\":2,\"c\":3,\"a\":4}", DUPLICATE, 19);
    refuses("{\"a\":1,\"b\":2,\"x\":3,\"x\":4}", DUPLICATE, 19);
    refuses("{\"a\":1,\"x\":2,\"b\":3,\"a\":4}", DUPLICATE, 19);
    refuses("{\"b\":1,\"a\":2,\"b\":3}", DUPLICATE, 13);

    /* what was refused is not known from then on, and what is new is */

    refuses("{\"a\":1,\"a\":2}", DUPLICATE, 7);
    knows("{\"a\":1,\"x\":2,\"b\":3}");
    knows("{\"b\":1,\"a\":2}");

    /* the same names in another object are others */

    learns("{\"a\":{\"a\":{\"a\":1,\"b\":2},\"b\":3},\"b\":4}");
    refuses("{\"a\":{\"a\":{\"a\":1,\"b\":2,\"a\":3}}}", DUPLICATE, 23);
}


static void
names_need_their_quotes_and_colon(void **state)
{
    (void) state;

    learns("{\"name\":1,\"names\":2}");

    refuses("{\"name\"}", SYNTAX, 7);
    refuses("{\"name\";1}", SYNTAX, 7);
    refuses("{name\":1}", SYNTAX, 1);
    refuses("{\"name:1}", TRUNCATED, 41);
    refuses("{\"na\\u006de\":1}", ESCAPED_NAME, 1);
    refuses("{\"name\":1,,\"names\":2}", SYNTAX, 10);
    refuses("{\"name\":1,\"names\"", TRUNCATED, 49);
    refuses("{\"name\":1\"names\":2}", SYNTAX, 9);
    refuses("{\"name\":", TRUNCATED, 40);
    refuses("{\"name\":1,\"name\":2}", DUPLICATE, 10);
    learns("{\"nam\":1,\"namest\":2}");
    learns("{\"name\" :1,\"names\"\n:2}");
}


/* At any distance from the end of the text, where blocks do not reach. */
static void
knows_names_near_the_end(void **state)
{
    int     len;
    size_t  i, where;

    (void) state;

    for (i = 0; i < 40; i++) {
        len = snprintf(made, TEXT_MAX,
                       "{\"resourceType\":\"x\",\"id\":\"%.*s\"}", (int) i,
                       "0123456789012345678901234567890123456789");
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
        assert_int_equal(scan(made, (size_t) len - 1, &where),
                         DMP_SCAN_TRUNCATED);
    }

    len = snprintf(made, TEXT_MAX, "{\"resourceType\":\"x\",\"id\":\"\"}");

    for (i = 0; i < (size_t) len; i++) {
        assert_int_equal(scan(made, i, &where), DMP_SCAN_TRUNCATED);
        assert_int_equal(where, i);
    }
}


/* Of each length that is kept, and of some that are not. */
static void
names_of_any_length(void **state)
{
    int     len;
    size_t  i, n, where;

    (void) state;

    for (i = 0; i < 48; i++) {
        shapes.n = 0;
        len = snprintf(made, TEXT_MAX, "{\"%.*s\":1,\"x\":2}" PADDING,
                       (int) i, "aaaaaaaaaaaaaaaaaaaaaaaa"
                                "bbbbbbbbbbbbbbbbbbbbbbbb");
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
        n = shapes.n;
        assert_int_equal(n, i == 0 || i + 3 > DMP_SHAPE_TEXT ? 2 : 4);
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
        assert_int_equal(shapes.n, n);

        if (i == 0) {
            continue;
        }

        /* with another last letter it is another name */

        made[1 + i]++;
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
        assert_int_equal(shapes.n, i + 3 > DMP_SHAPE_TEXT ? n : n + 2);
    }
}


/* {"n0":0,"n1":0,…} up to n names, and one more at the end, if not NULL. */
static size_t
make_object(unsigned n, const char *more)
{
    int       len;
    unsigned  i;

    len = snprintf(made, TEXT_MAX, "{");

    for (i = 0; i < n; i++) {
        len += snprintf(made + len, TEXT_MAX - (size_t) len, "%s\"n%u\":0",
                        i != 0 ? "," : "", i);
    }

    if (more != NULL) {
        len += snprintf(made + len, TEXT_MAX - (size_t) len, ",\"%s\":0", more);
    }

    len += snprintf(made + len, TEXT_MAX - (size_t) len, "}" PADDING);

    return (size_t) len;
}


static void
objects_of_many_names(void **state)
{
    size_t    len, where;
    unsigned  n, i, round;
    char      name[16];

    (void) state;

    for (n = DMP_SCAN_FEW - 3; n < DMP_SCAN_FEW + 4; n++) {
        for (i = 0; i < n; i++) {
            for (round = 0; round < 2; round++) {
                (void) snprintf(name, sizeof(name), "n%u", i);
                len = make_object(n, name);
                assert_int_equal(scan(made, len, &where),
                                 DMP_SCAN_DUPLICATE);

                len = make_object(n, "other");
                assert_int_equal(scan(made, len, &where), DMP_SCAN_OK);
            }
        }
    }

    for (round = 0; round < 3; round++) {
        len = make_object(DMP_SCAN_NAMES, NULL);
        assert_int_equal(scan(made, len, &where), DMP_SCAN_OK);
        len = make_object(DMP_SCAN_NAMES, "other");
        assert_int_equal(scan(made, len, &where), DMP_SCAN_TOO_MANY_NAMES);
    }
}


/* Known names count as well: 40 objects of 26 names, each in the one before. */
static void
too_many_known_names(void **state)
{
    int       len;
    size_t    where;
    unsigned  depth, i, round;

    (void) state;

    for (round = 0; round < 4; round++) {
        len = 0;

        for (depth = 0; depth < 40; depth++) {
            len += snprintf(made + len, TEXT_MAX - (size_t) len, "{");

            for (i = 0; i < 26; i++) {
                len += snprintf(made + len, TEXT_MAX - (size_t) len,
                                "%s\"%c\":%s", i != 0 ? "," : "", 'a' + i,
                                i != 25 ? "0" : "");
            }

            /* the shapes have room for the first objects only */

            if (depth >= 2 + round * 12) {
                len += snprintf(made + len, TEXT_MAX - (size_t) len,
                                "0,\"level\":");
            }
        }

        len += snprintf(made + len, TEXT_MAX - (size_t) len, "0" PADDING);
        assert_int_equal(scan(made, (size_t) len, &where),
                         DMP_SCAN_TOO_MANY_NAMES);
    }
}


/* More ways on from one member than are kept; each is right all the same. */
static void
more_ways_than_are_kept(void **state)
{
    int       len;
    size_t    n, where;
    unsigned  i, round;

    (void) state;

    for (round = 0; round < 3; round++) {
        for (i = 0; i < 40; i++) {
            len = snprintf(made, TEXT_MAX, "{\"first\":1,\"way%u\":2,"
                           "\"last\":3}" PADDING, i);
            assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);

            len = snprintf(made, TEXT_MAX, "{\"first\":1,\"way%u\":2,"
                           "\"first\":3}" PADDING, i);
            assert_int_equal(scan(made, (size_t) len, &where),
                             DMP_SCAN_DUPLICATE);
        }
    }

    /* the newest are those that are */

    knows("{\"first\":1,\"way39\":2,\"last\":3}");
    knows("{\"first\":1,\"way38\":2,\"last\":3}");
    knows("{\"first\":1,\"way36\":2,\"last\":3}");

    n = shapes.n;
    learns("{\"first\":1,\"way0\":2,\"last\":3}");
    assert_int_equal(shapes.n, n + 2);
}


/* When all room is taken, the next text begins anew. */
static void
begins_anew_when_full(void **state)
{
    int       len;
    size_t    where, most;
    unsigned  i;

    (void) state;

    most = 0;

    for (i = 0; i < 4 * DMP_SHAPES; i++) {
        len = snprintf(made, TEXT_MAX, "{\"k%u\":{\"l%u\":1},\"m\":2}" PADDING,
                       i, i);
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
        assert_true(shapes.n <= DMP_SHAPES);
        most = shapes.n > most ? shapes.n : most;
    }

    assert_int_equal(most, DMP_SHAPES);

    while (shapes.n < DMP_SHAPES) {
        len = snprintf(made, TEXT_MAX, "{\"k%u\":1}" PADDING, i++);
        assert_int_equal(scan(made, (size_t) len, &where), DMP_SCAN_OK);
    }

    learns("{\"resourceType\":{\"a\":1},\"id\":2}");

    /* the three, and where the two objects begin, and the text */

    assert_int_equal(shapes.n, 6);
    knows("{\"resourceType\":{\"a\":1},\"id\":2}");
}


/* The cursor gives the same names, from the text and never from elsewhere. */
static void
walks_what_it_knows(void **state)
{
    unsigned    round;
    dmp_str_t   name;
    dmp_scan_t  s;

    static const char  text[] =
        "{\"first\":{\"in\":1}, \"second\" :[{\"in\":2}],\"third\":3}" PADDING;

    (void) state;

    for (round = 0; round < 3; round++) {
        dmp_scan_init(&s, text, sizeof(text) - 1);
        dmp_scan_remember(&s, &shapes);

        assert_true(dmp_scan_object(&s));
        assert_true(dmp_scan_member(&s, &name));
        assert_true(dmp_str_eq(name, dmp_string("first")));
        assert_ptr_equal(name.data, text + 2);
        assert_true(dmp_scan_skip(&s, NULL));

        assert_true(dmp_scan_member(&s, &name));
        assert_true(dmp_str_eq(name, dmp_string("second")));
        assert_true(dmp_scan_array(&s));
        assert_true(dmp_scan_element(&s));
        assert_true(dmp_scan_object(&s));
        assert_true(dmp_scan_member(&s, &name));
        assert_true(dmp_str_eq(name, dmp_string("in")));
        assert_true(dmp_scan_skip(&s, NULL));
        assert_false(dmp_scan_member(&s, &name));
        assert_false(dmp_scan_element(&s));

        assert_true(dmp_scan_member(&s, &name));
        assert_true(dmp_str_eq(name, dmp_string("third")));
        assert_true(dmp_scan_skip(&s, NULL));
        assert_false(dmp_scan_member(&s, &name));
        assert_true(dmp_scan_end(&s));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(remembers_what_it_passed, forget),
        cmocka_unit_test_setup(remembers_within_one_text, forget),
        cmocka_unit_test_setup(sees_names_given_twice, forget),
        cmocka_unit_test_setup(names_need_their_quotes_and_colon, forget),
        cmocka_unit_test_setup(knows_names_near_the_end, forget),
        cmocka_unit_test_setup(names_of_any_length, forget),
        cmocka_unit_test_setup(objects_of_many_names, forget),
        cmocka_unit_test_setup(too_many_known_names, forget),
        cmocka_unit_test_setup(more_ways_than_are_kept, forget),
        cmocka_unit_test_setup(begins_anew_when_full, forget),
        cmocka_unit_test_setup(walks_what_it_knows, forget)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
