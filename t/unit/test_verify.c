/*
 * test_verify.c: the verifier on a whole log, and on the same log after each
 * way of tampering at each position: every one must be found.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "verify_log.h"


static EVP_PKEY  *audit_key, *foreign_key;
static log_t      whole;
static log_records_t  records;
static char       body_memory[DMP_SUMMARY_MAX];


static void
must(dmp_rc_t rc)
{
    assert_int_equal(rc, DMP_OK);
}


static void
send_entry(log_t *log, dmp_writer_t *w, const dmp_entry_t *e, char outcome)
{
    assert_true(log_append(log, w, e, outcome));
    assert_true(log_ack(log, w, e));
}


/* A record is made first; each fifth access comes too late for its version. */
static void
send_access(log_t *log, dmp_writer_t *w, unsigned bucket, unsigned i)
{
    uint64_t       version, next;
    dmp_buf_t      buf;
    dmp_entry_t    e;
    log_access_t   a;

    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    log_make_access(&a, (int64_t) log->ms);
    version = records.version[bucket];
    next = version == 0 ? log->ms : version + 1;
    a.access.patient = (dmp_str_t) { records.patient[bucket],
                                     DMP_PSEUDONYM_LEN };
    a.access.version = i % 5 == 0 && version != 0 ? version - 1 : version;

    if (version == 0 || i % 7 == 3) {
        must(dmp_writer_change(w, bucket, &a.access, next, &buf, &e));

    } else {
        must(dmp_writer_access(w, bucket, &a.access, &buf, &e));
        next = 0;
    }

    send_entry(log, w, &e,
               log_commit(&records, bucket, a.access.version, next));
}


/* A refusal before a patient is known: appended, not a commit on a record. */
static void
send_refusal(log_t *log, dmp_writer_t *w, dmp_effect_t effect)
{
    dmp_buf_t     buf;
    dmp_entry_t   e;
    log_access_t  a;

    log_make_access(&a, (int64_t) log->ms);
    a.access.patient = dmp_null_string;
    a.decision.effect = effect;
    a.decision.rule = DMP_RULE_A1;
    a.decision.reason = DMP_REASON_AUTHENTICATION_REQUIRED;

    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    must(dmp_writer_access(w, dmp_writer_home(w), &a.access, &buf, &e));
    send_entry(log, w, &e, 'S');
}


static void
send_open(log_t *log, dmp_writer_t *w)
{
    dmp_buf_t    buf;
    dmp_entry_t  e;

    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    must(dmp_writer_open_epoch(w, (int64_t) log->ms, &buf, &e));
    send_entry(log, w, &e, 'S');
}


static void
send_outcome(log_t *log, dmp_writer_t *w)
{
    dmp_buf_t      buf;
    dmp_entry_t    e;
    dmp_outcome_t  outcome;

    memset(&outcome, 0, sizeof(outcome));
    memcpy(outcome.trace_id, "019a0000-0000-7000-8000-000000000001",
           DMP_UUID_LEN);
    outcome.status = 200;
    outcome.bytes = 1234;

    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    must(dmp_writer_outcome(w, (int64_t) log->ms, &outcome, 1, NULL, 0, &buf,
                            &e));
    send_entry(log, w, &e, 'S');
}


static void
send_admin(log_t *log, dmp_writer_t *w, bool ended, char outcome)
{
    dmp_buf_t    buf;
    dmp_entry_t  e;
    log_admin_t  a;

    log_make_admin(&a, (int64_t) log->ms, ended);
    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    must(dmp_writer_admin(w, &a.admin, &buf, &e));
    send_entry(log, w, &e, outcome);
}


static void
send_heads(log_t *log, dmp_writer_t *w, bool close)
{
    dmp_buf_t    buf;
    dmp_entry_t  e;

    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    must(close ? dmp_writer_close_epoch(w, (int64_t) log->ms, &buf, &e)
               : dmp_writer_checkpoint(w, (int64_t) log->ms, &buf, &e));
    send_entry(log, w, &e, 'S');
}


/* Two writers, two epochs each, checkpoints, all buckets; ends cleanly. */
static void
make_log(log_t *log, EVP_PKEY *first_key)
{
    unsigned       i, life;
    dmp_writer_t  *w[2];

    memset(log, 0, sizeof(*log));
    log->ms = LOG_TIME;
    log_make_records(&records);

    w[0] = dmp_writer_create(dmp_string("gw-a"), LOG_BUCKETS, first_key, NULL);
    w[1] = dmp_writer_create(dmp_string("gw-b"), LOG_BUCKETS, audit_key, NULL);
    assert_non_null(w[0]);
    assert_non_null(w[1]);

    for (life = 0; life < 2; life++) {
        send_open(log, w[0]);
        send_open(log, w[1]);

        for (i = 0; i < 22; i++) {
            send_access(log, w[i % 2], i % LOG_BUCKETS, i);

            if (i % 8 == 7) {
                send_heads(log, w[i / 8 % 2], false);
                send_outcome(log, w[1]);
                send_refusal(log, w[0], DMP_DENY);
                send_admin(log, w[i / 8 % 2], false, 'S');
                send_admin(log, w[i / 8 % 2], true, 'S');
            }
        }

        send_heads(log, w[0], true);
        send_heads(log, w[1], true);
    }

    dmp_writer_free(w[0]);
    dmp_writer_free(w[1]);
}


static void
verify_log_in(const log_t *log, log_order_t order, dmp_verify_result_t *result)
{
    dmp_verify_t  *v;

    v = dmp_verify_create(LOG_BUCKETS, 0);
    assert_non_null(v);
    must(dmp_verify_key(v, audit_key));
    must(log_feed(v, log, order));
    must(dmp_verify_finish(v, result));
    dmp_verify_free(v);
}


static void
verify_log(const log_t *log, dmp_verify_result_t *result)
{
    verify_log_in(log, LOG_MERGED, result);
}


/* A copy whose entries share the bodies of the whole log. */
static void
expect_break(const log_t *log, const char *what, size_t position)
{
    int                  order;
    dmp_verify_result_t  result;

    for (order = 0; order < LOG_ORDERS; order++) {
        verify_log_in(log, (log_order_t) order, &result);

        if (result.findings == 0) {
            fail_msg("%s at %zu was not found in order %d", what, position,
                     order);
        }
    }
}


static void
expect_named_in(const log_t *log, log_order_t order, const char *what,
    size_t position)
{
    const log_entry_t    *e;
    dmp_verify_result_t   result;

    e = &log->entries[position];
    verify_log_in(log, order, &result);

    if (result.findings == 0 || result.first.bucket != e->bucket
        || result.first.id_ms != e->ms || result.first.id_seq != e->n)
    {
        fail_msg("%s at %zu (order %d): bucket %u %llu-%llu was named \"%s\" "
                 "instead", what, position, (int) order, result.first.bucket,
                 (unsigned long long) result.first.id_ms,
                 (unsigned long long) result.first.id_seq, result.first.text);
    }
}


/* The entry named is that one. */
static void
expect_named(const log_t *log, const char *what, size_t position)
{
    int  order;

    for (order = 0; order < LOG_ORDERS; order++) {
        expect_named_in(log, (log_order_t) order, what, position);
    }
}


static size_t
next_in_bucket(const log_t *log, size_t i)
{
    size_t  k;

    for (k = i + 1; k < log->n; k++) {
        if (log->entries[k].bucket == log->entries[i].bucket) {
            return k;
        }
    }

    return log->n;
}


static void
test_whole(void **state)
{
    int                  order;
    dmp_verify_result_t  result;

    (void) state;

    for (order = 0; order < LOG_ORDERS; order++) {
        verify_log_in(&whole, (log_order_t) order, &result);

        assert_string_equal(result.first.text, "");
        assert_int_equal(result.findings, 0);
        assert_int_equal(result.entries, whole.n);
        assert_int_equal(result.writers, 2);
        assert_int_equal(result.epochs, 4);
        assert_int_equal(result.checkpoints, 8);
        assert_int_equal(result.not_signed, 0);
        assert_int_equal(result.records, LOG_BUCKETS);
        assert_int_equal(result.commands, 0);
    }
}


/* One byte of what an operator did is another, and the entry still one. */
static void
test_admin(void **state)
{
    char                *at, *copy;
    size_t               i, k, found[2] = { 0, 0 };
    log_t                log;
    log_entry_t         *e;
    static const char   *said[] = { "\"command\":\"d", "\"added\":1" };

    (void) state;

    for (i = 0; i < whole.n; i++) {
        log = whole;
        e = &log.entries[i];
        copy = malloc(e->len + 1);
        assert_non_null(copy);
        memcpy(copy, e->body, e->len);
        copy[e->len] = '\0';
        e->body = copy;

        for (k = 0; k < 2; k++) {
            at = strstr(copy, said[k]);

            if (at != NULL) {
                at[strlen(said[k]) - 1]++;
                expect_named(&log, "what an operator did", i);
                at[strlen(said[k]) - 1]--;
                found[k]++;
            }
        }

        free(copy);
    }

    /* a begin and an end, twice in each of two lives */
    assert_int_equal(found[0], 8);
    assert_int_equal(found[1], 4);
}


/* Whatever the writer was told: it is appended, and commits no record. */
static void
test_admin_outcome(void **state)
{
    log_t                 log;
    const char           *o;
    dmp_writer_t         *w;
    dmp_verify_result_t   result;

    (void) state;

    for (o = "S10R"; *o != '\0'; o++) {
        memset(&log, 0, sizeof(log));
        log.ms = LOG_TIME;
        w = dmp_writer_create(dmp_string("gw-a"), LOG_BUCKETS, audit_key,
                              NULL);
        assert_non_null(w);

        send_open(&log, w);
        send_admin(&log, w, false, *o);

        if (*o == 'S') {
            verify_log(&log, &result);
            assert_int_equal(result.findings, 0);

        } else {
            expect_named(&log, "an operator's entry as a commit", 1);
        }

        dmp_writer_free(w);
        log_clear(&log);
    }
}


/* Whatever signs it: nothing is allowed without a record's version. */
static void
test_allowed_without_patient(void **state)
{
    log_t          log;
    dmp_writer_t  *w;

    (void) state;
    memset(&log, 0, sizeof(log));
    log.ms = LOG_TIME;

    w = dmp_writer_create(dmp_string("gw-a"), LOG_BUCKETS, audit_key,
                              NULL);
    assert_non_null(w);

    send_open(&log, w);
    send_refusal(&log, w, DMP_ALLOW);
    expect_named(&log, "an access allowed without a patient", 1);

    dmp_writer_free(w);
    log_clear(&log);
}


/* But for a search by traits, which may find nobody. */
static void
test_find_without_patient(void **state)
{
    log_t                 log;
    size_t                i;
    dmp_buf_t             buf;
    dmp_entry_t           e;
    log_access_t          a;
    dmp_writer_t         *w;
    dmp_verify_result_t   result;

    static const struct {
        dmp_operation_t  operation;
        bool             whole;
    } cases[] = {
        { DMP_OPERATION_FIND, true },
        { DMP_OPERATION_METADATA, true },
        { DMP_OPERATION_SEARCH, false },
        { DMP_OPERATION_CHECK, false },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&log, 0, sizeof(log));
        log.ms = LOG_TIME;
        w = dmp_writer_create(dmp_string("gw-a"), LOG_BUCKETS, audit_key,
                              NULL);
        assert_non_null(w);

        log_make_access(&a, (int64_t) log.ms);
        a.access.patient = dmp_null_string;
        a.request.operation = cases[i].operation;

        send_open(&log, w);
        dmp_buf_init(&buf, body_memory, sizeof(body_memory));
        must(dmp_writer_access(w, dmp_writer_home(w), &a.access, &buf, &e));
        send_entry(&log, w, &e, 'S');

        if (cases[i].whole) {
            verify_log(&log, &result);
            assert_int_equal(result.findings, 0);

        } else {
            expect_named(&log, "an access allowed without a patient", 1);
        }

        dmp_writer_free(w);
        log_clear(&log);
    }
}


static void
test_flip(void **state)
{
    char           *copy;
    size_t          i, k;
    log_t           log;
    log_entry_t    *e;

    (void) state;

    for (i = 0; i < whole.n; i++) {
        log = whole;
        e = &log.entries[i];
        copy = malloc(e->len);
        assert_non_null(copy);

        /* every position is met in one entry or another */
        for (k = i % 37; k < e->len; k += 37) {
            memcpy(copy, whole.entries[i].body, e->len);
            copy[k] = (char) (copy[k] ^ 1);
            e->body = copy;
            expect_named_in(&log, (log_order_t) (k % LOG_ORDERS),
                            "a flipped bit", i);
        }

        free(copy);
    }
}


static void
test_drop(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.n; i++) {
        log = whole;
        memmove(&log.entries[i], &log.entries[i + 1],
                (log.n - i - 1) * sizeof(log_entry_t));
        log.n--;
        expect_break(&log, "a dropped entry", i);
    }
}


static void
test_duplicate(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.n; i++) {
        log = whole;
        memmove(&log.entries[i + 1], &log.entries[i],
                (log.n - i) * sizeof(log_entry_t));
        log.n++;
        expect_break(&log, "an entry twice", i);

        /* and with an id of its own */
        log.entries[i + 1].ms++;
        expect_named(&log, "an entry twice under a new id", i + 1);
    }
}


static void
test_swap(void **state)
{
    size_t        i, k;
    log_t         log;
    log_entry_t   e;

    (void) state;

    for (i = 0; i < whole.n; i++) {
        log = whole;
        k = next_in_bucket(&whole, i);

        if (k == whole.n) {
            continue;
        }

        /*
         * The two closing entries, if their writers share a home bucket: no
         * later entry says in which order they came.
         */
        if (i + 2 >= whole.n) {
            continue;
        }

        /* bodies and outcomes change places, ids stay */
        e = log.entries[i];
        log.entries[i].body = log.entries[k].body;
        log.entries[i].len = log.entries[k].len;
        log.entries[i].outcome = log.entries[k].outcome;
        log.entries[k].body = e.body;
        log.entries[k].len = e.len;
        log.entries[k].outcome = e.outcome;
        expect_break(&log, "two entries swapped", i);
    }
}


static void
test_truncate(void **state)
{
    size_t      i, k;
    unsigned    b;
    log_t       log;

    (void) state;

    for (i = 0; i < whole.n; i++) {

        /* the whole store, and then one bucket only */
        log = whole;
        log.n = i;
        expect_break(&log, "a cut log", i);

        b = whole.entries[i].bucket;
        log = whole;
        log.n = 0;

        for (k = 0; k < whole.n; k++) {
            if (k < i || whole.entries[k].bucket != b) {
                log.entries[log.n++] = whole.entries[k];
            }
        }

        expect_break(&log, "a cut bucket", i);
    }
}


static void
test_outcome(void **state)
{
    size_t       i, k;
    log_t        log;
    const char  *others = "10RS";

    (void) state;

    for (i = 0; i < whole.n; i++) {
        for (k = 0; others[k] != '\0'; k++) {
            if (others[k] != whole.entries[i].outcome) {
                log = whole;
                log.entries[i].outcome = others[k];
                expect_named(&log, "another outcome", i);
            }
        }
    }
}


/* Nobody was told the ids of the writers' very last entries, the ends. */
static bool
has_witness(size_t i)
{
    return i < whole.n - 2;
}


static void
test_id(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.n; i++) {
        if (has_witness(i)) {
            log = whole;
            log.entries[i].ms++;
            expect_named(&log, "a later id", i);
        }

        log = whole;
        log.entries[i].ms -= 1000000;

        if (next_in_bucket(&whole, 0) != i && i > 8) {
            expect_break(&log, "an earlier id", i);
        }
    }
}


static void
test_heads(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.n_heads; i++) {
        log = whole;
        log.heads[i].hash[5] ^= 1;
        expect_break(&log, "a changed head", i);

        log = whole;
        log.heads[i].seq++;
        expect_break(&log, "a head beyond the stream", i);

        log = whole;
        log.heads[i].seq--;
        expect_break(&log, "a head behind the stream", i);
    }
}


static void
test_foreign_key(void **state)
{
    log_t                log;
    dmp_verify_result_t  result;

    (void) state;
    make_log(&log, foreign_key);
    verify_log(&log, &result);

    assert_true(result.findings > 0);
    assert_non_null(strstr(result.first.text, "certificate"));
    assert_memory_equal(result.first.writer, "gw-a/", 5);
    assert_int_equal(result.first.seq, 1);
    log_clear(&log);
}


static int
set_up(void **state)
{
    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    foreign_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    make_log(&whole, audit_key);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    log_clear(&whole);
    EVP_PKEY_free(audit_key);
    EVP_PKEY_free(foreign_key);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_admin),
        cmocka_unit_test(test_admin_outcome),
        cmocka_unit_test(test_allowed_without_patient),
        cmocka_unit_test(test_find_without_patient),
        cmocka_unit_test(test_flip),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_truncate),
        cmocka_unit_test(test_outcome),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_foreign_key),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
