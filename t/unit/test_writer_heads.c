/*
 * test_writer_heads.c: a writer's signs of life, its silence, its end of what
 * another left, what it knows, and signatures of each entry.
 */

#include "writer_case.h"


#define LIMIT_MS  (25 * 1000)            /* after which a writer is silent */

static const unsigned char  none[DMP_HASH_LEN];


static dmp_rc_t
checkpoint(int64_t time_ms)
{
    return dmp_writer_checkpoint(w, time_ms, &buf, &entry);
}


static dmp_rc_t
heartbeat(int64_t time_ms)
{
    return dmp_writer_heartbeat(w, time_ms, &buf, &entry);
}


static dmp_rc_t
close_epoch(int64_t time_ms)
{
    return dmp_writer_close_epoch(w, time_ms, &buf, &entry);
}


/* A head of epoch 3 in that bucket, of which one entry was not acknowledged. */
static dmp_chain_head_t
head_of(unsigned bucket)
{
    dmp_chain_head_t  head;

    memset(&head, 0, sizeof(head));
    head.bucket = bucket;
    head.epoch = 3;
    head.seq = 9;
    head.acked = 8;
    memset(head.hash, 'h', sizeof(head.hash));
    memset(head.acks, 'a', sizeof(head.acks));

    return head;
}


static void
same_head(const dmp_chain_head_t *a, const dmp_chain_head_t *b)
{
    assert_int_equal(a->bucket, b->bucket);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->acked, b->acked);
    assert_memory_equal(a->hash, b->hash, DMP_HASH_LEN);
    assert_memory_equal(a->acks, b->acks, DMP_HASH_LEN);
}


static void
test_home_closed(void **state)
{
    unsigned        i, b;
    dmp_writer_t   *other;
    unsigned char   closed[DMP_BUCKETS_MAX];

    (void) state;

    for (b = 0; b < LOG_BUCKETS; b++) {
        memset(closed, 1, sizeof(closed));
        closed[b] = 0;

        other = dmp_writer_create(dmp_string("gw"), LOG_BUCKETS, audit_key,
                                  closed);
        assert_non_null(other);
        assert_int_equal(dmp_writer_home(other), b);
        assert_int_equal(dmp_writer_name(other).len, 2 + 17);
        dmp_writer_free(other);
    }

    memset(closed, 0, sizeof(closed));
    closed[1] = 7;

    for (i = 0; i < 64; i++) {
        other = dmp_writer_create(dmp_string("gw"), 2, audit_key, closed);
        assert_non_null(other);
        assert_int_equal(dmp_writer_home(other), 0);
        dmp_writer_free(other);
    }

    /* the last one of the largest store */
    memset(closed, 1, sizeof(closed));
    closed[DMP_BUCKETS_MAX - 1] = 0;
    other = dmp_writer_create(dmp_string("gw"), DMP_BUCKETS_MAX, audit_key,
                              closed);
    assert_non_null(other);
    assert_int_equal(dmp_writer_home(other), DMP_BUCKETS_MAX - 1);
    dmp_writer_free(other);

    /* what is beyond its buckets is not looked at */
    assert_null(dmp_writer_create(dmp_string("gw"), DMP_BUCKETS_MAX - 1,
                                  audit_key, closed));
}


static void
test_heartbeat(void **state)
{
    char              more[4096];
    int64_t           t;
    dmp_buf_t         b;
    dmp_entry_t       second;
    dmp_entry_view_t  view;

    (void) state;
    dmp_writer_heartbeats(w, true);
    assert_int_equal(heartbeat(now()), DMP_E_REFUSED);
    open_epoch();
    view_of(&view);
    assert_int_equal(view.heartbeat, 30);
    assert_int_equal(dmp_writer_signed_ms(w), LOG_TIME);

    assert_int_equal(access_in(2), DMP_OK);
    sent('1');
    assert_int_equal(dmp_writer_unsigned(w), 1);

    t = LOG_TIME + DMP_HEARTBEAT_MS;
    assert_int_equal(heartbeat(t), DMP_OK);
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_HEARTBEAT);
    assert_int_equal(view.bucket, dmp_writer_home(w));
    assert_int_equal(view.time_ms, t);
    assert_int_equal(view.n_signed_heads, dmp_writer_home(w) == 2 ? 1 : 2);
    assert_int_equal(dmp_writer_signed_ms(w), t);
    assert_int_equal(dmp_writer_unsigned(w), 0);

    /* it or a checkpoint, one in flight */
    assert_true(log_append(&store, w, &entry, 'S'));
    dmp_buf_init(&b, more, sizeof(more));
    assert_int_equal(dmp_writer_heartbeat(w, t, &b, &second), DMP_E_REFUSED);
    assert_int_equal(dmp_writer_checkpoint(w, t, &b, &second), DMP_E_REFUSED);
    assert_true(log_ack(&store, w, &entry));
    assert_int_equal(dmp_writer_unsigned(w), 0);

    assert_int_equal(checkpoint(t + 1), DMP_OK);
    assert_true(log_append(&store, w, &entry, 'S'));
    assert_int_equal(dmp_writer_heartbeat(w, t, &b, &second), DMP_E_REFUSED);
    assert_true(log_ack(&store, w, &entry));
    assert_int_equal(dmp_writer_signed_ms(w), t + 1);

    /* nothing has moved but its own bucket */
    assert_int_equal(heartbeat(t + 2), DMP_OK);
    view_of(&view);
    assert_int_equal(view.n_signed_heads, 1);
    assert_int_equal(view.signed_heads[0].bucket, dmp_writer_home(w));
    sent('S');
}


/* What heads a heartbeat has told is signed, and not carried any more. */
static void
test_heartbeat_signs(void **state)
{
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    assert_int_equal(access_in(1), DMP_OK);
    sent('1');
    assert_int_equal(heartbeat(now()), DMP_OK);
    sent('S');

    dmp_writer_lost(w);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    view_of(&view);

    /* the heartbeat itself */
    assert_int_equal(view.n_heads, 1);
    assert_int_equal(view.heads[0].bucket, dmp_writer_home(w));
    sent('S');
}


static void
silent_at(int64_t time_ms, bool silent)
{
    char         more[4096];
    dmp_buf_t    b;
    dmp_entry_t  e;

    assert_int_equal(dmp_writer_silent(w, time_ms), silent);

    if (silent) {
        dmp_buf_init(&b, more, sizeof(more));
        assert_int_equal(dmp_writer_checkpoint(w, time_ms, &b, &e),
                         DMP_E_REFUSED);
        assert_int_equal(dmp_writer_heartbeat(w, time_ms, &b, &e),
                         DMP_E_REFUSED);
        assert_int_equal(dmp_writer_close_epoch(w, time_ms, &b, &e),
                         DMP_E_REFUSED);
        assert_null(e.body.data);
    }
}


static void
test_silent(void **state)
{
    int64_t  t;

    (void) state;
    dmp_writer_heartbeats(w, true);
    assert_false(dmp_writer_silent(w, LOG_TIME));

    /* while its first entry is on its way, too */
    assert_int_equal(dmp_writer_open_epoch(w, LOG_TIME, &buf, &entry), DMP_OK);
    assert_false(dmp_writer_silent(w, LOG_TIME + LIMIT_MS));
    assert_true(dmp_writer_silent(w, LOG_TIME + LIMIT_MS + 1));
    sent('S');

    silent_at(LOG_TIME, false);
    silent_at(LOG_TIME + LIMIT_MS, false);
    silent_at(LOG_TIME + LIMIT_MS + 1, true);
    silent_at(LOG_TIME + DMP_EPOCH_MS, true);
    silent_at(LOG_TIME - DMP_EPOCH_SLACK_MS, false);
    silent_at(LOG_TIME - DMP_EPOCH_SLACK_MS - 1, true);

    /* an access is no sign */
    store.ms = LOG_TIME + 20000;
    assert_int_equal(access_in(0), DMP_OK);
    sent('1');
    silent_at(LOG_TIME + LIMIT_MS + 1, true);

    /* each of these is */
    t = LOG_TIME + LIMIT_MS;
    assert_int_equal(checkpoint(t), DMP_OK);
    sent('S');
    silent_at(t + LIMIT_MS, false);
    silent_at(t + LIMIT_MS + 1, true);

    t += LIMIT_MS;
    assert_int_equal(heartbeat(t), DMP_OK);
    sent('S');
    silent_at(t + LIMIT_MS, false);
    silent_at(t + LIMIT_MS + 1, true);
    silent_at(t - DMP_EPOCH_SLACK_MS - 1, true);
}


/* Only a new epoch helps one that was silent. */
static void
test_silent_ends(void **state)
{
    int64_t           t;
    dmp_entry_view_t  view;

    (void) state;
    dmp_writer_heartbeats(w, true);
    open_epoch();
    t = LOG_TIME + LIMIT_MS + 1;
    store.ms = (uint64_t) t;
    silent_at(t, true);
    assert_int_equal(access_in(3), DMP_OK);
    sent('1');
    silent_at(t, true);

    dmp_writer_lost(w);
    assert_false(dmp_writer_silent(w, t));
    assert_int_equal(dmp_writer_open_epoch(w, t, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_true(view.n_heads >= 1);
    sent('S');
    silent_at(t, false);
    assert_int_equal(close_epoch(t), DMP_OK);
    sent('S');

    /* its end was its last word */
    assert_false(dmp_writer_silent(w, t + DMP_EPOCH_MS));
}


static void
test_not_promised(void **state)
{
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    view_of(&view);
    assert_int_equal(view.heartbeat, 0);
    silent_at(LOG_TIME + DMP_EPOCH_MS, false);
    assert_int_equal(checkpoint(LOG_TIME + DMP_EPOCH_MS), DMP_OK);
    sent('S');
    silent_at(LOG_TIME, false);
    assert_int_equal(close_epoch(LOG_TIME), DMP_OK);
}


static dmp_rc_t
close_other(const dmp_other_t *other)
{
    return dmp_writer_close_other(w, now(), other, &buf, &entry);
}


#define DEAD  "gw-1---/0123456789abcdef"


static void
test_close_other(void **state)
{
    dmp_other_t       other;
    dmp_chain_head_t  heads[2];
    dmp_entry_view_t  view;

    (void) state;
    memset(&other, 0, sizeof(other));
    heads[0] = head_of(1);
    heads[1] = head_of(3);
    other.writer = dmp_string(DEAD);
    other.epoch = 3;
    other.source = DMP_HEADS_MEMORY;
    other.heads = heads;
    other.n_heads = 2;
    assert_int_equal(close_other(&other), DMP_E_REFUSED);
    open_epoch();

    assert_int_equal(close_other(&other), DMP_OK);
    assert_int_equal(entry.bucket, dmp_writer_home(w));
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_EPOCH_CLOSE);
    assert_true(dmp_str_eq(view.writer, dmp_writer_name(w)));
    assert_int_equal(view.epoch, 1);
    assert_true(dmp_str_eq(view.of_writer, dmp_string(DEAD)));
    assert_int_equal(view.of_epoch, 3);
    assert_int_equal(view.source, DMP_HEADS_MEMORY);
    assert_int_equal(view.n_heads, 2);
    same_head(&view.heads[0], &heads[0]);
    same_head(&view.heads[1], &heads[1]);
    assert_true(signed_by(audit_key, &view));
    sent('S');

    /* of one that had nothing, or whose answers nobody knows */
    heads[0].acked = 0;
    memset(heads[0].acks, 0, sizeof(heads[0].acks));
    other.source = DMP_HEADS_STORE;
    other.n_heads = 1;
    assert_int_equal(close_other(&other), DMP_OK);
    view_of(&view);
    assert_int_equal(view.source, DMP_HEADS_STORE);
    assert_int_equal(view.heads[0].acked, 0);
    assert_true(signed_by(audit_key, &view));
    sent('S');

    other.heads = NULL;
    other.n_heads = 0;
    assert_int_equal(close_other(&other), DMP_OK);
    view_of(&view);
    assert_int_equal(view.n_heads, 0);
    sent('S');
}


/* It says nothing of this writer, whose own epoch goes on. */
static void
test_close_other_own(void **state)
{
    char              more[4096];
    dmp_buf_t         b;
    dmp_entry_t       first;
    dmp_other_t       other;
    dmp_entry_view_t  view;

    (void) state;
    memset(&other, 0, sizeof(other));
    other.writer = dmp_string(DEAD);
    other.epoch = 3;
    other.source = DMP_HEADS_MEMORY;
    dmp_writer_heartbeats(w, true);
    open_epoch();
    assert_int_equal(access_in(2), DMP_OK);
    sent('1');

    store.ms += 20000;
    dmp_buf_init(&b, more, sizeof(more));
    assert_int_equal(dmp_writer_close_other(w, now(), &other, &b, &first),
                     DMP_OK);
    assert_int_equal(dmp_writer_unsigned(w), 1);
    assert_int_equal(dmp_writer_signed_ms(w), LOG_TIME);
    assert_int_equal(dmp_writer_epoch(w), 1);

    /* its answer is not the checkpoint's */
    assert_int_equal(checkpoint(now()), DMP_OK);
    view_of(&view);
    assert_int_equal(view.n_signed_heads, dmp_writer_home(w) == 2 ? 1 : 2);
    assert_true(log_append(&store, w, &first, 'S'));
    assert_true(log_ack(&store, w, &first));
    assert_int_equal(dmp_writer_unsigned(w), 1);
    assert_int_equal(dmp_writer_heartbeat(w, now(), &b, &first),
                     DMP_E_REFUSED);
    sent('S');
    assert_int_equal(heartbeat(now()), DMP_OK);
    sent('S');
    assert_int_equal(access_in(2), DMP_OK);
    sent('1');
}


static void
test_close_other_refused(void **state)
{
    char              longest[DMP_WRITER_MAX + 1];
    size_t            i;
    dmp_other_t       other, good;
    dmp_chain_head_t  heads[2], wrong[2];

    static const char  *const names[] = {
        "", "gw", "/", "gw/0123456789abcde", "gw/0123456789abcdeF",
        "gw/0123456789abcdefg", "gw 1/0123456789abcdef",
        "gw\"/0123456789abcdef", "gw/x0123456789abcdef"
    };

    (void) state;
    open_epoch();
    memset(&good, 0, sizeof(good));
    heads[0] = head_of(1);
    heads[1] = head_of(3);
    good.writer = dmp_string(DEAD);
    good.epoch = 3;
    good.source = DMP_HEADS_STORE;
    good.heads = heads;
    good.n_heads = 2;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        other = good;
        other.writer = (dmp_str_t) { names[i], strlen(names[i]) };
        assert_int_equal(close_other(&other), DMP_E_INTERNAL);
        assert_null(entry.body.data);
    }

    memset(longest, 'm', sizeof(longest));
    memcpy(longest + DMP_WRITER_MAX - 17, "/0123456789abcdef", 17);
    good.writer = (dmp_str_t) { longest, DMP_WRITER_MAX };
    assert_int_equal(close_other(&good), DMP_OK);
    memcpy(longest + DMP_WRITER_MAX - 16, "/0123456789abcdef", 17);
    good.writer.len++;
    assert_int_equal(close_other(&good), DMP_E_INTERNAL);
    good.writer = dmp_string(DEAD);

#define REFUSED(change)                                                       \
    memcpy(wrong, heads, sizeof(heads));                                      \
    other = good;                                                             \
    other.heads = wrong;                                                      \
    change;                                                                   \
    assert_int_equal(close_other(&other), DMP_E_INTERNAL)

    REFUSED(other.writer = dmp_writer_name(w));
    REFUSED(other.epoch = 0);
    REFUSED(other.source = DMP_HEADS_NONE);
    REFUSED(other.n_heads = LOG_BUCKETS + 1);
    REFUSED(wrong[1].bucket = LOG_BUCKETS);
    REFUSED(wrong[1].bucket = 1);
    REFUSED(wrong[1].bucket = 0);
    REFUSED(wrong[0].epoch = 2);
    REFUSED(wrong[0].seq = 0; wrong[0].acked = 0);
    REFUSED(wrong[1].acked = 10);

    /* none of these has taken a place */
    assert_int_equal(close_other(&good), DMP_OK);
    assert_int_equal(entry.seq, 3);
}


static void
test_known(void **state)
{
    unsigned          b;
    unsigned char     hash[DMP_HASH_LEN];
    dmp_chain_head_t  head;

    (void) state;
    open_epoch();
    b = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    assert_false(dmp_writer_known(w, b, &head));
    assert_false(dmp_writer_known(w, LOG_BUCKETS, &head));
    assert_int_equal(head.epoch, 0);

    assert_int_equal(access_in(b), DMP_OK);
    assert_false(dmp_writer_known(w, b, &head));
    sent('1');
    assert_true(dmp_writer_known(w, b, &head));
    assert_int_equal(head.bucket, b);
    assert_int_equal(head.epoch, 1);
    assert_int_equal(head.seq, 1);
    assert_int_equal(head.acked, 1);
    assert_memory_equal(head.hash, entry.hash, DMP_HASH_LEN);
    assert_memory_not_equal(head.acks, none, DMP_HASH_LEN);

    /* in flight is not known; what is found after a loss is */
    assert_int_equal(access_in(b), DMP_OK);
    memcpy(hash, entry.hash, sizeof(hash));
    assert_true(dmp_writer_known(w, b, &head));
    assert_int_equal(head.seq, 1);
    dmp_writer_lost(w);
    assert_true(dmp_writer_resolve(w, b, true, 1, 2, hash));
    assert_true(dmp_writer_known(w, b, &head));
    assert_int_equal(head.seq, 2);
    assert_int_equal(head.acked, 1);
    assert_memory_equal(head.hash, hash, DMP_HASH_LEN);
}


/* The public key of the epoch that the entry in the buffer opens. */
static EVP_PKEY *
epoch_key(dmp_entry_view_t *view)
{
    EVP_PKEY  *key;

    view_of(view);
    key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL,
                                         view->public_key, DMP_PUBLIC_LEN);
    assert_non_null(key);

    return key;
}


static void
signed_then_sent(EVP_PKEY *key, char outcome)
{
    dmp_entry_view_t  view;

    view_of(&view);
    assert_true(signed_by(key, &view));
    assert_false(signed_by(audit_key, &view));
    assert_memory_equal(entry.body.data + view.signed_len, ",\"signature\":\"",
                        14);
    assert_int_equal(view.signed_len + 14 + 86 + 2, entry.body.len);
    sent(outcome);
}


static void
test_sign_each(void **state)
{
    EVP_PKEY          *key;
    log_access_t       a;
    dmp_outcome_t      outcome;
    dmp_entry_view_t   view;

    (void) state;
    dmp_writer_sign_each(w, true);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    key = epoch_key(&view);
    signed_then_sent(key, 'S');

    log_make_access(&a, now());
    assert_int_equal(dmp_writer_access(w, 1, &a.access, &buf, &entry), DMP_OK);
    signed_then_sent(key, '1');
    assert_int_equal(dmp_writer_change(w, 1, &a.access, 8, &buf, &entry),
                     DMP_OK);
    signed_then_sent(key, 'R');

    memset(&outcome, 0, sizeof(outcome));
    memcpy(outcome.trace_id, a.access.trace_id.data, DMP_UUID_LEN);
    outcome.status = 200;
    assert_int_equal(dmp_writer_outcome(w, now(), &outcome, 1, NULL, 0, &buf,
                                        &entry), DMP_OK);
    signed_then_sent(key, 'S');
    assert_int_equal(admin_entry(true), DMP_OK);
    signed_then_sent(key, 'S');
    assert_int_equal(checkpoint(now()), DMP_OK);
    signed_then_sent(key, 'S');
    assert_int_equal(heartbeat(now()), DMP_OK);
    signed_then_sent(key, 'S');
    assert_int_equal(close_epoch(now()), DMP_OK);
    signed_then_sent(key, 'S');

    /* each epoch has a key of its own */
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    view_of(&view);
    assert_false(signed_by(key, &view));
    EVP_PKEY_free(key);
    key = epoch_key(&view);
    signed_then_sent(key, 'S');
    EVP_PKEY_free(key);
}


static void
test_sign_none(void **state)
{
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    view_of(&view);
    assert_int_equal(view.signed_len, 0);
    assert_int_equal(access_in(1), DMP_OK);
    view_of(&view);
    assert_int_equal(view.signed_len, 0);
    sent('1');
}


/* Nothing is signed that has no room to be sent. */
static void
test_sign_limit(void **state)
{
    size_t        len, room;
    unsigned      bucket;
    dmp_buf_t     b;
    log_access_t  a;

    (void) state;
    dmp_writer_sign_each(w, true);
    open_epoch();
    bucket = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    log_make_access(&a, now());
    assert_int_equal(dmp_writer_access(w, bucket, &a.access, &buf, &entry),
                     DMP_OK);
    sent('1');
    assert_int_equal(dmp_writer_access(w, bucket, &a.access, &buf, &entry),
                     DMP_OK);
    len = entry.body.len;
    sent('1');

    for (room = len - 110; room < len; room++) {
        dmp_buf_init(&b, memory, room);
        assert_int_equal(dmp_writer_access(w, bucket, &a.access, &b, &entry),
                         DMP_E_LIMIT);
        assert_null(entry.body.data);
    }

    dmp_buf_init(&b, memory, len);
    assert_int_equal(dmp_writer_access(w, bucket, &a.access, &b, &entry),
                     DMP_OK);
    assert_int_equal(entry.seq, 3);
    assert_int_equal(entry.body.len, len);
    sent('1');
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        WRITER_TEST(test_home_closed),
        WRITER_TEST(test_heartbeat),
        WRITER_TEST(test_heartbeat_signs),
        WRITER_TEST(test_silent),
        WRITER_TEST(test_silent_ends),
        WRITER_TEST(test_not_promised),
        WRITER_TEST(test_close_other),
        WRITER_TEST(test_close_other_own),
        WRITER_TEST(test_close_other_refused),
        WRITER_TEST(test_known),
        WRITER_TEST(test_sign_each),
        WRITER_TEST(test_sign_none),
        WRITER_TEST(test_sign_limit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
