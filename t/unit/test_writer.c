/*
 * test_writer.c: chains, epochs, acknowledgements and losses of a writer.
 */

#include "writer_case.h"


static void
test_name(void **state)
{
    size_t     i;
    dmp_str_t  name;

    (void) state;
    name = dmp_writer_name(w);
    assert_int_equal(name.len, 7 + 17);
    assert_memory_equal(name.data, "gw-1---/", 8);

    for (i = 8; i < name.len; i++) {
        assert_non_null(strchr("0123456789abcdef", name.data[i]));
    }

    assert_true(dmp_writer_home(w) < LOG_BUCKETS);
    assert_null(dmp_writer_create(name, 0, audit_key, NULL));
    assert_null(dmp_writer_create(name, DMP_BUCKETS_MAX + 1, audit_key,
                                  NULL));
    assert_null(dmp_writer_create(name, 1, NULL, NULL));
}


static void
test_closed(void **state)
{
    (void) state;

    /* nothing before an epoch, nor before it is acknowledged */
    assert_int_equal(dmp_writer_epoch(w), 0);
    assert_int_equal(access_in(0), DMP_E_REFUSED);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf,
                                           &entry), DMP_OK);
    assert_int_equal(dmp_writer_epoch(w), 1);
    assert_false(dmp_writer_ready(w));

    assert_true(log_append(&store, w, &entry, 'S'));
    assert_int_equal(access_in(0), DMP_E_REFUSED);
    assert_false(dmp_writer_acked(w, dmp_writer_home(w), 2, 'S', 1, 1));
    assert_true(dmp_writer_acked(w, dmp_writer_home(w), 1, 'S', 1, 1));
    assert_true(dmp_writer_ready(w));
    assert_int_equal(access_in(0), DMP_OK);

    /* nor beyond the life of the epoch */
    store.ms += DMP_EPOCH_MS + DMP_EPOCH_SLACK_MS + 1;
    assert_int_equal(access_in(0), DMP_E_REFUSED);
}


static void
test_body(void **state)
{
    log_access_t       a;
    dmp_entry_view_t   view;

    (void) state;
    open_epoch();
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_EPOCH_OPEN);
    assert_int_equal(view.opened_ms, LOG_TIME);
    assert_int_equal(view.expires_ms,
                     LOG_TIME + DMP_EPOCH_MS + DMP_EPOCH_SLACK_MS);

    log_make_access(&a, now());
    a.request.mode = DMP_MODE_CENTRE_15;
    a.access.client = dmp_string("a\"\n\xff");
    a.access.repeated = 3;
    assert_int_equal(dmp_writer_access(w, 2, &a.access, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_ACCESS);
    assert_int_equal(view.bucket, 2);
    assert_int_equal(view.version, 7);
    assert_int_equal(view.repeated, 3);
    assert_true(view.emergency);
    assert_true(dmp_str_eq(view.operation, dmp_string("read")));
    assert_true(dmp_str_eq(view.decision, dmp_string("allow")));
    assert_true(dmp_str_eq(view.client, dmp_string("a\\\"\\n\xef\xbf\xbd")));
    assert_true(dmp_str_eq(view.documents, dmp_string(
        "[[\"1.2.250.1.213.4.2.1.1.17\",\"34112-3\"]]")));
    sent('1');

    print_message("# an access entry: %zu bytes\n", entry.body.len);

    assert_int_equal(dmp_writer_change(w, 2, &a.access, 8, &buf, &entry),
                     DMP_OK);
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_CHANGE);
    assert_int_equal(view.new_version, 8);
    assert_int_equal(view.ack_seq, view.seq - 1);
    sent('R');
}


/* A body that does not fit leaves the chain as it was. */
static void
test_limit(void **state)
{
    char         small[64];
    uint64_t     seq;
    dmp_buf_t    b;
    log_access_t a;

    (void) state;
    open_epoch();
    assert_int_equal(access_in(1), DMP_OK);
    seq = entry.seq;
    sent('1');

    log_make_access(&a, now());
    dmp_buf_init(&b, small, sizeof(small));
    assert_int_equal(dmp_writer_access(w, 1, &a.access, &b, &entry),
                     DMP_E_LIMIT);
    assert_int_equal(access_in(LOG_BUCKETS), DMP_E_LIMIT);
    assert_int_equal(access_in(1), DMP_OK);
    assert_int_equal(entry.seq, seq + 1);
    sent('1');
}


static void
test_checkpoint(void **state)
{
    char              more[4096];
    dmp_buf_t         b;
    dmp_entry_t       second;
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    assert_int_equal(access_in(0), DMP_OK);
    sent('1');
    assert_int_equal(access_in(3), DMP_OK);
    sent('0');
    assert_int_equal(dmp_writer_unsigned(w), 2);

    assert_int_equal(dmp_writer_checkpoint(w, now(), &buf,
                                           &entry), DMP_OK);
    assert_int_equal(dmp_writer_unsigned(w), 0);
    view_of(&view);
    assert_int_equal(view.n_heads, 0);
    assert_true(view.n_signed_heads >= 2);
    assert_int_equal(view.signed_heads[0].bucket, 0);
    assert_memory_equal(entry.body.data + view.signed_len, ",\"signature\":",
                        13);

    /* one at a time */
    assert_true(log_append(&store, w, &entry, 'S'));
    dmp_buf_init(&b, more, sizeof(more));
    assert_int_equal(dmp_writer_checkpoint(w, now(), &b, &second),
                     DMP_E_REFUSED);
    assert_int_equal(dmp_writer_close_epoch(w, now(), &b,
                                            &second), DMP_E_REFUSED);
    assert_true(log_ack(&store, w, &entry));

    /* only what has moved since */
    assert_int_equal(access_in(3), DMP_OK);
    sent('1');
    assert_int_equal(dmp_writer_checkpoint(w, now(), &buf,
                                           &entry), DMP_OK);
    view_of(&view);
    assert_true(view.n_signed_heads <= 2);
    sent('S');

    assert_int_equal(dmp_writer_close_epoch(w, now(), &buf,
                                            &entry), DMP_OK);
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_EPOCH_CLOSE);
    assert_true(view.n_signed_heads >= 2);
    assert_int_equal(dmp_writer_epoch(w), 0);
    sent('S');
    assert_int_equal(access_in(0), DMP_E_REFUSED);
}


/* Whether the two entries in flight stood or not, the next epoch links on. */
static void
lose(bool first_stands, bool second_stands)
{
    unsigned           b;
    log_head_t        *h;
    dmp_entry_view_t   view;

    open_epoch();
    assert_int_equal(access_in(1), DMP_OK);
    sent('1');

    assert_int_equal(access_in(1), DMP_OK);
    if (first_stands) {
        assert_true(log_append(&store, w, &entry, '1'));
    }

    assert_int_equal(access_in(1), DMP_OK);
    if (second_stands) {
        assert_true(log_append(&store, w, &entry, '1'));
    }

    dmp_writer_lost(w);
    assert_int_equal(access_in(0), DMP_E_REFUSED);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf,
                                           &entry), DMP_E_REFUSED);

    for (b = 0; b < LOG_BUCKETS; b++) {
        assert_int_equal(dmp_writer_touched(w, b), b == 1);
    }

    h = log_head(&store, dmp_writer_name(w), 1);
    assert_true(dmp_writer_resolve(w, 1, true, h->epoch, h->seq, h->hash));

    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf,
                                           &entry), DMP_OK);
    assert_int_equal(entry.epoch, 2);
    assert_int_equal(entry.seq, 1);
    view_of(&view);
    assert_true(view.n_heads >= 1);
    sent('S');
    assert_int_equal(access_in(1), DMP_OK);
    sent('1');
}


static void
test_lost_none(void **state)
{
    (void) state;
    lose(false, false);
}


static void
test_lost_one(void **state)
{
    (void) state;
    lose(true, false);
}


static void
test_lost_both(void **state)
{
    (void) state;
    lose(true, true);
}


/* The store has an older head, another one, or none: it went back. */
static void
test_fork(void **state)
{
    unsigned       b;
    unsigned char  none[DMP_HASH_LEN], old[DMP_HASH_LEN];

    (void) state;
    memset(none, 0, sizeof(none));
    open_epoch();

    /* not the home bucket, so that the others can go on */
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;

    assert_int_equal(access_in(b), DMP_OK);
    memcpy(old, entry.hash, sizeof(old));
    sent('1');
    assert_int_equal(access_in(b), DMP_OK);
    sent('1');
    assert_int_equal(access_in(b), DMP_OK);

    dmp_writer_lost(w);
    assert_false(dmp_writer_resolve(w, b, true, 1, 1, old));
    assert_false(dmp_writer_resolve(w, b, false, 0, 0, NULL));
    assert_false(dmp_writer_resolve(w, b, true, 1, 2, none));

    open_epoch();
    assert_int_equal(access_in(b), DMP_E_REFUSED);
    assert_int_equal(access_in(dmp_writer_home(w)), DMP_OK);
    sent('1');
}


static void
test_outcomes(void **state)
{
    size_t             i;
    dmp_outcome_t      outcomes[DMP_OUTCOMES_MAX];
    static char        gone[DMP_ABANDONED_MAX][DMP_UUID_LEN];
    dmp_entry_view_t   view;

    (void) state;
    open_epoch();
    memset(outcomes, 0, sizeof(outcomes));

    for (i = 0; i < DMP_OUTCOMES_MAX; i++) {
        memset(outcomes[i].trace_id, '0', DMP_UUID_LEN);
        outcomes[i].status = 502;
        outcomes[i].bytes = UINT64_C(9007199254740991);
        outcomes[i].shown = 4000000000U;
        outcomes[i].withheld = 4000000000U;
        outcomes[i].reason = DMP_REASON_ANSWER_UNCHECKED;
    }

    memset(gone, '1', sizeof(gone));

    /* the most that one entry can say fits */
    assert_int_equal(dmp_writer_outcome(w, now(), outcomes,
                                        DMP_OUTCOMES_MAX,
                                        (const char (*)[DMP_UUID_LEN]) gone,
                                        DMP_ABANDONED_MAX, &buf, &entry),
                     DMP_OK);
    view_of(&view);
    sent('S');
    assert_int_equal(dmp_writer_outcome(w, now(), outcomes,
                                        DMP_OUTCOMES_MAX + 1, NULL, 0, &buf,
                                        &entry), DMP_E_LIMIT);
}


static void
test_admin(void **state)
{
    dmp_entry_view_t  view;

    (void) state;
    assert_int_equal(admin_entry(false), DMP_E_REFUSED);
    open_epoch();

    assert_int_equal(admin_entry(false), DMP_OK);
    assert_int_equal(entry.bucket, dmp_writer_home(w));
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_ADMIN);
    assert_int_equal(view.time_ms, store.ms);
    assert_int_equal(view.bucket, dmp_writer_home(w));
    assert_true(dmp_str_eq(view.trace, dmp_string(
        "019a0000-0000-7000-8000-000000000002")));
    assert_true(dmp_str_eq(view.actor_kind, dmp_string("operator")));
    assert_true(dmp_str_eq(view.actor_id, dmp_string("root")));
    assert_true(dmp_str_eq(view.command, dmp_string("directory import")));
    assert_int_equal(view.digest.len, 43);
    assert_false(view.ended);
    assert_int_equal(view.added, 0);
    sent('S');
    assert_int_equal(dmp_writer_unsigned(w), 1);

    assert_int_equal(admin_entry(true), DMP_OK);
    view_of(&view);
    assert_true(view.ended);
    assert_int_equal(view.added, 1000000);
    assert_int_equal(view.changed, 17);
    assert_int_equal(view.removed, 0);
    assert_int_equal(view.ack_seq, view.seq - 1);
    sent('S');
    assert_int_equal(dmp_writer_unsigned(w), 2);
}


/* What cannot be written leaves the chain as it was. */
static void
test_admin_limits(void **state)
{
    char         small[400];
    uint64_t     seq;
    dmp_buf_t    b;
    log_admin_t  a;

    (void) state;
    open_epoch();
    assert_int_equal(admin_entry(false), DMP_OK);
    seq = entry.seq;
    sent('S');

    log_make_admin(&a, now(), true);
    dmp_buf_init(&b, small, sizeof(small));
    assert_int_equal(dmp_writer_admin(w, &a.admin, &b, &entry), DMP_E_LIMIT);

    a.admin.removed = UINT64_C(1) << 53;
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_E_LIMIT);

    a.admin.removed = 0;
    a.admin.command = dmp_null_string;
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry),
                     DMP_E_INTERNAL);
    assert_null(entry.body.data);

    log_make_admin(&a, now(), true);
    a.admin.removed = (UINT64_C(1) << 53) - 1;
    a.admin.time_ms += DMP_EPOCH_MS + DMP_EPOCH_SLACK_MS + 1;
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry),
                     DMP_E_REFUSED);

    a.admin.time_ms = now();
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
    assert_int_equal(entry.seq, seq + 1);
    sent('S');
}


/* All heads of the largest store fit into one entry. */
static void
test_all_buckets(void **state)
{
    unsigned           i;
    uint64_t           id;
    log_access_t       a;
    dmp_entry_view_t   view;

    (void) state;
    dmp_writer_free(w);
    w = dmp_writer_create(dmp_string("gw"), DMP_BUCKETS_MAX, audit_key, NULL);
    assert_non_null(w);
    id = 1;
    assert_int_equal(dmp_writer_open_epoch(w, LOG_TIME, &buf, &entry), DMP_OK);
    assert_true(dmp_writer_acked(w, entry.bucket, entry.seq, 'S', id++, 0));
    log_make_access(&a, LOG_TIME);

    for (i = 0; i < DMP_BUCKETS_MAX; i++) {
        assert_int_equal(dmp_writer_access(w, i, &a.access, &buf, &entry),
                         DMP_OK);
        assert_true(dmp_writer_acked(w, i, entry.seq, '1', id++, 0));
    }

    dmp_writer_lost(w);
    assert_int_equal(dmp_writer_open_epoch(w, LOG_TIME, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_int_equal(view.n_heads, DMP_BUCKETS_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        WRITER_TEST(test_name),
        WRITER_TEST(test_closed),
        WRITER_TEST(test_body),
        WRITER_TEST(test_limit),
        WRITER_TEST(test_checkpoint),
        WRITER_TEST(test_lost_none),
        WRITER_TEST(test_lost_one),
        WRITER_TEST(test_lost_both),
        WRITER_TEST(test_fork),
        WRITER_TEST(test_outcomes),
        WRITER_TEST(test_admin),
        WRITER_TEST(test_admin_limits),
        WRITER_TEST(test_all_buckets),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
