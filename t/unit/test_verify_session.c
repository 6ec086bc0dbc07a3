/*
 * test_verify_session.c: what the verifier makes of entries of kind "session":
 * they stand in their patient's history, and rest on no version of a record;
 * and of what was refused since a session had ended.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "verify_log.h"


static char            body_memory[DMP_SUMMARY_MAX];
static EVP_PKEY       *audit_key;
static log_t           store;
static log_records_t   records;
static dmp_buf_t       buf;
static dmp_entry_t     entry;
static dmp_writer_t   *w;


static void
must(dmp_rc_t rc)
{
    assert_int_equal(rc, DMP_OK);
}


static void
sent(char outcome)
{
    assert_true(log_append(&store, w, &entry, outcome));
    assert_true(log_ack(&store, w, &entry));
}


static void
make(log_access_t *a, unsigned bucket, uint64_t version)
{
    log_make_access(a, (int64_t) store.ms);
    a->access.patient = (dmp_str_t) { records.patient[bucket],
                                      DMP_PSEUDONYM_LEN };
    a->access.version = version;
}


/* What a patient asks, in a session. */
static void
make_own(log_access_t *a, unsigned bucket, uint64_t version)
{
    make(a, bucket, version);
    memset(&a->subject, 0, sizeof(a->subject));
    a->subject.actor = DMP_ACTOR_PATIENT;
    a->subject.auth = DMP_AUTH_SESSION;
    a->subject.id = a->access.patient;
    a->decision.unverified = false;
    a->decision.rule = DMP_RULE_NONE;
    a->access.document.id = dmp_null_string;
}


static void
send_session(unsigned bucket, dmp_operation_t operation, char outcome)
{
    log_access_t  a;

    make_own(&a, bucket, 0);
    a.request.operation = operation;
    must(dmp_writer_session(w, bucket, &a.access, &buf, &entry));
    sent(outcome);
}


/* A sign-in before there is a record, the record, and what follows. */
static void
send_life(void)
{
    log_access_t  a;

    send_session(2, DMP_OPERATION_SIGN_IN, '1');

    make(&a, 2, 0);
    must(dmp_writer_change(w, 2, &a.access, 5, &buf, &entry));
    sent('R');
    send_session(2, DMP_OPERATION_CODE, '1');

    make_own(&a, 2, 5);
    must(dmp_writer_access(w, 2, &a.access, &buf, &entry));
    sent('1');
    send_session(2, DMP_OPERATION_SESSION, '0');

    make(&a, 2, 5);
    must(dmp_writer_access(w, 2, &a.access, &buf, &entry));
    sent('1');
}


static int
set_up(void **state)
{
    (void) state;
    memset(&store, 0, sizeof(store));
    store.ms = LOG_TIME;
    log_make_records(&records);
    dmp_buf_init(&buf, body_memory, sizeof(body_memory));
    w = dmp_writer_create(dmp_string("gw-a"), LOG_BUCKETS, audit_key, NULL);

    if (w == NULL) {
        return 1;
    }

    must(dmp_writer_open_epoch(w, (int64_t) store.ms, &buf, &entry));
    sent('S');

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    dmp_writer_free(w);
    log_clear(&store);

    return 0;
}


static dmp_verify_t *
create(void)
{
    dmp_verify_t  *v;

    v = dmp_verify_create(LOG_BUCKETS, (int64_t) store.ms);
    assert_non_null(v);
    must(dmp_verify_key(v, audit_key));

    return v;
}


static void
expect(dmp_verify_t *v, dmp_break_t what)
{
    dmp_verify_result_t  result;

    must(dmp_verify_finish(v, &result));
    assert_int_equal(result.findings, what != DMP_BREAK_NONE);

    if (what != DMP_BREAK_NONE) {
        assert_int_equal(result.first.what, what);
    }

    dmp_verify_free(v);
}


static void
verify(dmp_break_t what)
{
    dmp_verify_t  *v;

    v = create();
    must(log_feed(v, &store, LOG_MERGED));
    expect(v, what);
}


static void
test_whole(void **state)
{
    (void) state;
    send_life();
    verify(DMP_BREAK_NONE);
}


/* One reference to each entry of the patient, but for one of them. */
static void
list(dmp_verify_t *v, size_t without)
{
    size_t  i, k;
    char    element[8];

    for (i = 0; i < store.n; i++) {
        if (store.entries[i].bucket != 2 || i == without
            || memmem(store.entries[i].body, store.entries[i].len,
                      records.patient[2], DMP_PSEUDONYM_LEN) == NULL)
        {
            continue;
        }

        for (k = 0; k < 6; k++) {
            element[k] = (char) (store.entries[i].ms >> (40 - 8 * k));
        }

        element[6] = (char) (store.entries[i].n >> 8);
        element[7] = (char) store.entries[i].n;
        must(dmp_verify_history(v, records.patient[2],
                                (dmp_str_t) { element, sizeof(element) }));
    }

    must(dmp_verify_history_end(v, records.patient[2]));
}


/* Those of sessions are missed in the holder's history like any other. */
static void
test_history(void **state)
{
    size_t         i, sessions;
    dmp_verify_t  *v;

    (void) state;
    send_life();
    v = create();
    must(log_feed(v, &store, LOG_MERGED));
    list(v, SIZE_MAX);
    expect(v, DMP_BREAK_NONE);

    for (i = 0, sessions = 0; i < store.n; i++) {
        if (memmem(store.entries[i].body, store.entries[i].len,
                   "\"kind\":\"session\"", 16) == NULL)
        {
            continue;
        }

        sessions++;
        v = create();
        must(log_feed(v, &store, LOG_MERGED));
        list(v, i);
        expect(v, DMP_BREAK_HISTORY);
    }

    assert_int_equal(sessions, 3);
}


/* "0" of a current version: by the end of a session, or not at all. */
static void
test_refused(void **state)
{
    log_access_t  a;

    (void) state;
    send_life();
    make_own(&a, 2, 5);
    must(dmp_writer_access(w, 2, &a.access, &buf, &entry));
    sent('0');
    must(dmp_writer_change(w, 2, &a.access, 6, &buf, &entry));
    sent('0');
    verify(DMP_BREAK_NONE);

    make(&a, 2, 5);
    must(dmp_writer_access(w, 2, &a.access, &buf, &entry));
    sent('0');
    verify(DMP_BREAK_VERSION);
}


/* A session excuses no version that was not the current one. */
static void
test_version(void **state)
{
    log_access_t  a;

    (void) state;
    send_life();
    make_own(&a, 2, 4);
    must(dmp_writer_access(w, 2, &a.access, &buf, &entry));
    sent('1');
    verify(DMP_BREAK_VERSION);
}


/* Changed afterwards, an outcome is not what the writer was told. */
static void
test_outcome_changed(void **state)
{
    size_t  i;

    (void) state;
    send_life();

    for (i = 0; i < store.n; i++) {
        if (memmem(store.entries[i].body, store.entries[i].len,
                   "\"kind\":\"session\"", 16) != NULL)
        {
            store.entries[i].outcome = store.entries[i].outcome == '0' ? '1'
                                                                       : '0';
            verify(DMP_BREAK_OUTCOME);
            store.entries[i].outcome = store.entries[i].outcome == '0' ? '1'
                                                                       : '0';
        }
    }

    verify(DMP_BREAK_NONE);
}


/* With a patient a commit, without one none; nobody signs in as nobody. */
static void
test_outcomes(void **state)
{
    size_t        i;
    log_access_t  a;

    static const struct {
        bool          patient;
        dmp_effect_t  effect;
        char          outcome;
        dmp_break_t   what;
    } cases[] = {
        { true, DMP_ALLOW, '1', DMP_BREAK_NONE },
        { true, DMP_ALLOW, '0', DMP_BREAK_NONE },
        { true, DMP_DENY, '1', DMP_BREAK_NONE },
        { true, DMP_ALLOW, 'R', DMP_BREAK_OUTCOME },
        { true, DMP_DENY, 'S', DMP_BREAK_OUTCOME },
        { false, DMP_DENY, 'S', DMP_BREAK_NONE },
        { false, DMP_DENY, '1', DMP_BREAK_OUTCOME },
        { false, DMP_DENY, '0', DMP_BREAK_OUTCOME },
        { false, DMP_ALLOW, 'S', DMP_BREAK_OUTCOME },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_own(&a, 2, 0);
        a.request.operation = DMP_OPERATION_SIGN_IN;
        a.decision.effect = cases[i].effect;

        if (!cases[i].patient) {
            memset(&a.subject, 0, sizeof(a.subject));
            a.access.patient = dmp_null_string;
        }

        must(dmp_writer_session(w, 2, &a.access, &buf, &entry));
        sent(cases[i].outcome);
        verify(cases[i].what);

        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}


/* Nothing is forwarded in a session's entry: it is no receipt. */
static void
test_receipt(void **state)
{
    dmp_receipt_t   r;
    dmp_verify_t   *v;

    (void) state;
    send_life();

    v = create();
    memset(&r, 0, sizeof(r));
    r.trace_id = dmp_string("019a0000-0000-7000-8000-000000000001");
    r.writer = dmp_writer_name(w);
    r.bucket = 2;
    r.epoch = 1;
    r.seq = dmp_writer_home(w) == 2 ? 2 : 1;
    must(dmp_verify_receipt(v, &r));
    must(log_feed(v, &store, LOG_MERGED));
    expect(v, DMP_BREAK_RECEIPT);
}


int
main(void)
{
    int                      failed;
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outcome_changed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_outcomes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_receipt, set_up, tear_down),
    };

    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    if (audit_key == NULL) {
        return 1;
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(audit_key);

    return failed;
}
