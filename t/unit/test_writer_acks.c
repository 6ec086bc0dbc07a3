/*
 * test_writer_acks.c: the heads that a store may hold after a link was lost,
 * of buckets to which something was under way, and of others.
 */

#include "writer_case.h"


/* A bucket to which nothing was under way holds what it held. */
static void
test_resolve_untouched(void **state)
{
    unsigned       b, other;
    unsigned char  old[DMP_HASH_LEN], last[DMP_HASH_LEN];

    (void) state;
    open_epoch();
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    other = (b + 1) % LOG_BUCKETS;
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(old, entry.hash, sizeof(old));
    sent('1');
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(last, entry.hash, sizeof(last));
    sent('1');

    dmp_writer_lost(w);
    assert_false(dmp_writer_touched(w, b));
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, last));
    assert_false(dmp_writer_resolve(w, b, true, 1, 2, old));
    assert_false(dmp_writer_resolve(w, b, true, 1, 1, old));
    assert_false(dmp_writer_resolve(w, b, true, 1, 3, last));
    assert_false(dmp_writer_resolve(w, b, false, 0, 0, NULL));
    assert_false(dmp_writer_resolve(w, LOG_BUCKETS, true, 1, 2, last));

    /* closed by the last of these, until it is as it was */
    open_epoch();
    assert_int_equal(access_in(b), DMP_E_REFUSED);
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, last));
    assert_int_equal(access_in(b), DMP_OK);
    assert_memory_equal(entry.prev, last, DMP_HASH_LEN);
    sent('1');

    /* where it never wrote is nothing */
    if (other != dmp_writer_home(w)) {
        assert_true(dmp_writer_resolve(w, other, false, 0, 0, NULL));
        assert_false(dmp_writer_resolve(w, other, true, 1, 1, old));
    }
}


/* What was under way lands after the head was asked for, once or later. */
static void
test_resolve_strays(void **state)
{
    size_t         i;
    unsigned       b;
    unsigned char  known[DMP_HASH_LEN];

    static unsigned char  hashes[1000][DMP_HASH_LEN];

    (void) state;
    open_epoch();
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(known, entry.hash, sizeof(known));
    sent('1');

    for (i = 0; i < 1000; i++) {
        assert_int_equal(access_in(b), DMP_OK);
        memcpy(hashes[i], entry.hash, DMP_HASH_LEN);
    }

    dmp_writer_lost(w);
    assert_true(dmp_writer_touched(w, b));
    assert_true(dmp_writer_resolve(w, b, true, 1, 1, known));
    assert_false(dmp_writer_touched(w, b));

    /* the first of them, the last of them; it never goes back */
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, hashes[0]));
    assert_true(dmp_writer_resolve(w, b, true, 1, 1001, hashes[999]));
    assert_false(dmp_writer_resolve(w, b, true, 1, 500, hashes[498]));
    assert_false(dmp_writer_resolve(w, b, true, 1, 1, known));
    assert_true(dmp_writer_resolve(w, b, true, 1, 1001, hashes[999]));
    open_epoch();
    assert_int_equal(access_in(b), DMP_OK);
    assert_memory_equal(entry.prev, hashes[999], DMP_HASH_LEN);
}


/* Asked twice, before all have answered: what it held first is known since. */
static void
test_resolve_twice(void **state)
{
    unsigned       b, other;
    unsigned char  first[DMP_HASH_LEN], second[DMP_HASH_LEN];

    (void) state;
    open_epoch();
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    other = (b + 1) % LOG_BUCKETS;
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(first, entry.hash, sizeof(first));
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(second, entry.hash, sizeof(second));
    assert_int_equal(access_in(other), DMP_OK);

    dmp_writer_lost(w);
    assert_true(dmp_writer_resolve(w, b, true, 1, 1, first));
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, second));
    assert_false(dmp_writer_resolve(w, b, true, 1, 1, first));
    assert_false(dmp_writer_resolve(w, b, false, 0, 0, NULL));
    assert_true(dmp_writer_touched(w, other));
}


/* A head that is asked for in passing does not move what is under way. */
static void
test_resolve_in_flight(void **state)
{
    char           more[4096];
    unsigned       b;
    dmp_buf_t      room;
    dmp_entry_t    first;
    log_access_t   a;
    unsigned char  known[DMP_HASH_LEN];

    (void) state;
    open_epoch();
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(known, entry.hash, sizeof(known));
    sent('1');

    log_make_access(&a, now());
    dmp_buf_init(&room, more, sizeof(more));
    assert_int_equal(dmp_writer_access(w, b, &a.access, &room, &first),
                     DMP_OK);
    assert_true(dmp_writer_resolve(w, b, true, 1, 1, known));
    assert_int_equal(access_in(b), DMP_OK);
    assert_int_equal(entry.seq, 3);
    assert_memory_equal(entry.prev, first.hash, DMP_HASH_LEN);

    assert_true(log_append(&store, w, &first, '1'));
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, first.hash));
    assert_true(log_ack(&store, w, &first));
    sent('1');
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        WRITER_TEST(test_resolve_untouched),
        WRITER_TEST(test_resolve_strays),
        WRITER_TEST(test_resolve_twice),
        WRITER_TEST(test_resolve_in_flight),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
