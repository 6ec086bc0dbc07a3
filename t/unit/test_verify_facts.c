/*
 * test_verify_facts.c: what the verifier makes of what is not in the entries:
 * receipts, live versions, holders' lists, what streams say of themselves; and
 * of successors and silence.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "verify_life.h"


static EVP_PKEY  *audit_key, *foreign_key;
static life_t     whole;


static void
must(dmp_rc_t rc)
{
    assert_int_equal(rc, DMP_OK);
}


static dmp_verify_t *
feed(const life_t *l, int64_t now_ms)
{
    dmp_verify_t  *v;

    v = dmp_verify_create(LOG_BUCKETS, now_ms);
    assert_non_null(v);
    must(dmp_verify_key(v, audit_key));
    must(log_feed(v, &l->log, LOG_MERGED));

    return v;
}


/* The one finding there is, or none. */
static void
expect(dmp_verify_t *v, dmp_break_t what, const char *text,
    dmp_verify_result_t *result)
{
    size_t               pos;
    dmp_finding_t        f;
    dmp_verify_result_t  own;

    result = result != NULL ? result : &own;
    must(dmp_verify_finish(v, result));
    pos = 0;

    if (what == DMP_BREAK_NONE) {
        assert_string_equal(result->first.text, "");
        assert_int_equal(result->findings, 0);
        assert_false(dmp_verify_findings(v, &pos, &f));

    } else {
        assert_non_null(strstr(result->first.text, text));
        assert_int_equal(result->findings, 1);
        assert_int_equal(result->first.what, what);
        assert_true(dmp_verify_findings(v, &pos, &f));
        assert_string_equal(f.text, result->first.text);
        assert_false(dmp_verify_findings(v, &pos, &f));
    }

    dmp_verify_free(v);
}


static void
test_names(void **state)
{
    int  i, k;

    (void) state;

    for (i = 0; i < DMP_BREAK_MAX; i++) {
        for (k = 0; k < i; k++) {
            assert_string_not_equal(dmp_break_name((dmp_break_t) i),
                                    dmp_break_name((dmp_break_t) k));
        }
    }

    assert_string_equal(dmp_break_name(DMP_BREAK_MAX), "none");
}


static void
test_arguments(void **state)
{
    unsigned              i;
    EVP_PKEY             *other;
    dmp_receipt_t         r;
    dmp_verify_t         *v;
    dmp_stream_facts_t    facts;

    (void) state;
    assert_null(dmp_verify_create(0, 0));
    assert_null(dmp_verify_create(DMP_BUCKETS_MAX + 1, 0));

    v = dmp_verify_create(LOG_BUCKETS, 0);
    assert_non_null(v);
    memset(&facts, 0, sizeof(facts));
    memset(&r, 0, sizeof(r));

    assert_int_equal(dmp_verify_entry(v, LOG_BUCKETS, 1, 0, dmp_string("{}"),
                                      dmp_string("1")), DMP_E_LIMIT);
    assert_int_equal(dmp_verify_stream(v, LOG_BUCKETS, &facts), DMP_E_LIMIT);
    assert_int_equal(dmp_verify_head(v, LOG_BUCKETS, dmp_string("a"), 1, 1,
                                     NULL), DMP_E_LIMIT);
    assert_int_equal(dmp_verify_version(v, "AAAAAAAAAAAAAAAAAAAAAA",
                                        LOG_BUCKETS, 0, 0), DMP_E_LIMIT);
    assert_int_equal(dmp_verify_receipt(v, &r), DMP_E_SYNTAX);
    r.trace_id = dmp_string("019a0000-0000-7000-8000-000000000001");
    assert_int_equal(dmp_verify_receipt(v, &r), DMP_E_SYNTAX);

    for (i = 0; i < DMP_VERIFY_KEYS; i++) {
        must(dmp_verify_key(v, audit_key));
    }

    assert_int_equal(dmp_verify_key(v, audit_key), DMP_E_LIMIT);
    dmp_verify_free(v);

    v = dmp_verify_create(LOG_BUCKETS, 0);
    other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_int_equal(dmp_verify_key(v, other), DMP_E_UNKNOWN);
    EVP_PKEY_free(other);
    dmp_verify_free(v);
}


/* The receipt of that entry, as a record host would log it. */
static void
receipt_of(size_t i, dmp_receipt_t *r)
{
    dmp_error_t                error;
    const log_entry_t         *e;
    static dmp_entry_view_t    view;

    e = &whole.log.entries[i];
    must(dmp_entry_parse(e->body, e->len, &view, &error));
    r->trace_id = view.trace;
    r->writer = view.writer;
    r->bucket = e->bucket;
    r->epoch = view.epoch;
    r->seq = view.seq;
}


static bool
is_abandoned(dmp_str_t trace)
{
    size_t              i;
    const char         *p;
    const log_entry_t  *e;

    for (i = 0; i < whole.log.n; i++) {
        e = &whole.log.entries[i];
        p = memmem(e->body, e->len, "\"abandoned\":[\"", 14);

        if (p != NULL && memcmp(p + 14, trace.data, DMP_UUID_LEN) == 0) {
            return true;
        }
    }

    return false;
}


static void
receipt(const dmp_receipt_t *r, dmp_break_t what, const char *text)
{
    dmp_verify_t         *v;
    dmp_verify_result_t   result;

    v = dmp_verify_create(LOG_BUCKETS, 0);
    assert_non_null(v);
    must(dmp_verify_key(v, audit_key));
    must(dmp_verify_receipt(v, r));
    must(dmp_verify_receipt(v, r));
    must(log_feed(v, &whole.log, LOG_MERGED));
    expect(v, what, text, &result);
    assert_int_equal(result.receipts, what == DMP_BREAK_NONE ? 1 : 0);
}


/* Each entry that permits, and each that does not. */
static void
test_receipts(void **state)
{
    char           o;
    bool           denied;
    size_t         i, met[3] = { 0, 0, 0 };
    dmp_receipt_t  r, other;

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        o = whole.log.entries[i].outcome;
        receipt_of(i, &r);

        if (o == 'S') {
            continue;
        }

        denied = memmem(whole.log.entries[i].body, whole.log.entries[i].len,
                        "\"decision\":\"deny\"", 17) != NULL;

        if (o == '0' || denied) {
            receipt(&r, DMP_BREAK_RECEIPT, "permits nothing");
            met[0]++;

        } else if (is_abandoned(r.trace_id)) {
            receipt(&r, DMP_BREAK_RECEIPT, "abandoned");
            met[1]++;

        } else if (met[2]++ % 8 == 0) {
            receipt(&r, DMP_BREAK_NONE, NULL);

            other = r;
            other.seq++;
            receipt(&other, DMP_BREAK_RECEIPT, "no such entry");
            other = r;
            other.epoch++;
            receipt(&other, DMP_BREAK_RECEIPT, "no such entry");
            other = r;
            other.bucket = (r.bucket + 1) % LOG_BUCKETS;
            receipt(&other, DMP_BREAK_RECEIPT, "no such entry");
            other = r;
            other.writer = dmp_string("gw-z/0123456789abcdef");
            receipt(&other, DMP_BREAK_RECEIPT, "no such entry");
            other = r;
            other.trace_id
                = dmp_string("019affff-0000-7000-8000-000000000001");
            receipt(&other, DMP_BREAK_RECEIPT, "no such entry");
        }
    }

    assert_true(met[0] > 5 && met[1] > 0 && met[2] > 50);
}


static void
test_stream(void **state)
{
    size_t              i;
    dmp_stream_facts_t  facts[4];
    const char         *said[] = { NULL, "were deleted", "were added",
                                   "were read" };

    (void) state;

    for (i = 0; i < 4; i++) {
        memset(&facts[i], 0, sizeof(facts[i]));
    }

    for (i = 0; i < whole.log.n; i++) {
        facts[0].length += whole.log.entries[i].bucket == 2;
    }

    facts[0].added = facts[0].length;
    facts[1] = facts[2] = facts[3] = facts[0];
    facts[1].deleted_ms = LOG_TIME + 5;
    facts[2].added++;
    facts[3].length++;
    facts[3].added++;

    for (i = 0; i < 4; i++) {
        dmp_verify_t  *v;

        v = feed(&whole, 0);
        must(dmp_verify_stream(v, 2, &facts[i]));
        expect(v, i == 0 ? DMP_BREAK_NONE : DMP_BREAK_DELETED, said[i], NULL);
    }
}


static void
test_version(void **state)
{
    size_t                i, pos;
    dmp_verify_t         *v;
    dmp_verify_record_t   r;
    static const struct {
        int  before, after;
        bool whole;
    } cases[] = {
        { 0, 0, true }, { -1, 0, true }, { 0, 3, true }, { 1, 1, false },
        { -2, -1, false }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        v = feed(&whole, 0);
        pos = 0;
        assert_true(dmp_verify_records(v, &pos, &r));
        assert_memory_equal(r.patient, whole.records.patient[r.bucket],
                            DMP_PSEUDONYM_LEN);
        assert_int_equal(r.version, whole.records.version[r.bucket]);
        must(dmp_verify_version(v, r.patient, r.bucket,
                                r.version + (uint64_t) (int64_t)
                                            cases[i].before,
                                r.version + (uint64_t) (int64_t)
                                            cases[i].after));
        expect(v, cases[i].whole ? DMP_BREAK_NONE : DMP_BREAK_VERSION,
               "the record has version", NULL);
    }

    /* a record that the trace does not know: it came meanwhile, or before */
    v = feed(&whole, 0);
    must(dmp_verify_version(v, "AAAAAAAAAAAAAAAAAAAAAA", 0, 0, 7));
    expect(v, DMP_BREAK_NONE, NULL, NULL);
    v = feed(&whole, 0);
    must(dmp_verify_version(v, "AAAAAAAAAAAAAAAAAAAAAA", 0, 7, 7));
    expect(v, DMP_BREAK_VERSION, "the record has version", NULL);
}


/* The list that the store makes of the entries of that bucket's record. */
static size_t
make_list(const life_t *l, unsigned bucket, unsigned char list[][8])
{
    int                  k;
    size_t               i, n;
    const log_entry_t   *e;

    n = 0;

    for (i = 0; i < l->log.n; i++) {
        e = &l->log.entries[i];

        if (e->bucket != bucket || e->outcome == 'S') {
            continue;
        }

        for (k = 0; k < 8; k++) {
            list[n][k] = (unsigned char)
                         (k < 6 ? e->ms >> (40 - 8 * k)
                                : e->n >> (56 - 8 * k));
        }

        n++;
    }

    return n;
}


static void
tell_list(dmp_verify_t *v, unsigned bucket, unsigned char list[][8], size_t n)
{
    size_t       i;
    const char  *patient;

    patient = whole.records.patient[bucket];

    for (i = 0; i < n; i++) {
        must(dmp_verify_history(v, patient, (dmp_str_t) {
            (const char *) list[i], 8 }));
    }

    must(dmp_verify_history_end(v, patient));
}


/* A list that was longer than the trace can tell, before it was read. */
static void
test_history_before(void **state)
{
    size_t                 pos;
    unsigned               more;
    dmp_verify_t          *v;
    dmp_verify_record_t    r;
    dmp_verify_result_t    result;

    (void) state;

    for (more = 0; more < 2; more++) {
        v = feed(&whole, 0);
        pos = 0;
        assert_true(dmp_verify_records(v, &pos, &r));
        must(dmp_verify_history_before(v, r.patient, r.bucket,
                                       r.references + more));
        must(dmp_verify_finish(v, &result));
        assert_int_equal(result.findings, more);

        if (more == 1) {
            assert_int_equal(result.first.what, DMP_BREAK_HISTORY);
        }

        dmp_verify_free(v);
    }
}


/* Cut, an element gone, two swapped, one changed, one more before or after. */
static void
test_history(void **state)
{
    size_t         i, n;
    unsigned       b;
    dmp_verify_t  *v;
    unsigned char  list[LOG_ENTRIES][8], other[LOG_ENTRIES + 1][8];

    (void) state;
    b = 1;
    n = make_list(&whole, b, list);
    assert_true(n > 20);

    v = feed(&whole, 0);
    tell_list(v, b, list, n);
    tell_list(v, 2, other, make_list(&whole, 2, other));
    expect(v, DMP_BREAK_NONE, NULL, NULL);

    for (i = 0; i < n; i++) {
        v = feed(&whole, 0);
        tell_list(v, b, list, i);
        expect(v, DMP_BREAK_HISTORY, "references, and there are", NULL);

        memcpy(other, list, sizeof(list));
        memmove(other[i], other[i + 1], (n - i - 1) * 8);
        v = feed(&whole, 0);
        tell_list(v, b, other, n - 1);
        expect(v, DMP_BREAK_HISTORY, "references, and there are", NULL);

        memcpy(other, list, sizeof(list));
        other[i][i % 8] ^= 4;
        v = feed(&whole, 0);
        tell_list(v, b, other, n);
        expect(v, DMP_BREAK_HISTORY, "are not to the entries", NULL);

        memcpy(other, list, sizeof(list));
        memmove(other[i + 1], other[i], (n - i) * 8);
        v = feed(&whole, 0);
        tell_list(v, b, other, n + 1);

        /* the same one twice at the end may have come meanwhile */
        expect(v, i + 1 < n ? DMP_BREAK_HISTORY : DMP_BREAK_NONE,
               "are not to the entries", NULL);
    }
}


/* The same bytes, and as many elements, cut elsewhere. */
static void
test_history_cut(void **state)
{
    size_t         i, n, lens[2];
    unsigned       b;
    dmp_verify_t  *v;
    const char    *patient, *p;
    unsigned char  list[LOG_ENTRIES][8];

    (void) state;
    b = 1;
    n = make_list(&whole, b, list);
    patient = whole.records.patient[b];

    for (lens[0] = 0; lens[0] <= 16; lens[0]++) {
        lens[1] = 16 - lens[0];
        v = feed(&whole, 0);
        p = (const char *) list[0];

        for (i = 0; i < n; i++) {
            must(dmp_verify_history(v, patient, (dmp_str_t) {
                p, i < 2 ? lens[i] : 8 }));
            p += i < 2 ? lens[i] : 8;
        }

        must(dmp_verify_history_end(v, patient));
        expect(v, lens[0] == 8 ? DMP_BREAK_NONE : DMP_BREAK_HISTORY,
               "are not to the entries", NULL);
    }
}


/* Lists of two records, told by turns: each element goes to its own. */
static void
test_history_turns(void **state)
{
    size_t         i, n[2];
    unsigned       k, wrong;
    dmp_verify_t  *v;
    unsigned char  list[2][LOG_ENTRIES][8];

    (void) state;

    for (wrong = 0; wrong < 2; wrong++) {
        v = feed(&whole, 0);

        for (k = 0; k < 2; k++) {
            n[k] = make_list(&whole, k + 1, list[k]);
        }

        list[1][0][3] ^= (unsigned char) wrong;

        for (i = 0; i < n[0] || i < n[1]; i++) {
            for (k = 0; k < 2; k++) {
                if (i < n[k]) {
                    must(dmp_verify_history(v,
                        whole.records.patient[k + 1],
                        (dmp_str_t) { (const char *) list[k][i], 8 }));
                }
            }
        }

        for (k = 0; k < 2; k++) {
            must(dmp_verify_history_end(v, whole.records.patient[k + 1]));
        }

        expect(v, wrong ? DMP_BREAK_HISTORY : DMP_BREAK_NONE,
               "are not to the entries", NULL);
    }
}


/* An epoch that promised to speak: silent, ended, and followed by another. */
static void
test_silent(void **state)
{
    life_t                l;
    unsigned              i;
    dmp_writer_t         *w, *d;
    dmp_verify_result_t   r;

    (void) state;

    for (i = 0; i < 5; i++) {
        memset(&l, 0, sizeof(l));
        l.log.ms = LOG_TIME;
        l.audit_key = audit_key;
        log_make_records(&l.records);
        w = life_writer(&l, "gw-a", i != 4, false);
        d = life_writer(&l, "gw-d", false, false);
        life_open(&l, w);
        life_work(&l, w, 10, 0);

        if (i == 1) {
            life_heads(&l, w, DMP_KIND_EPOCH_CLOSE);

        } else if (i == 2) {
            life_open(&l, d);
            life_close_other(&l, d, w, 1, DMP_HEADS_STORE);

        } else if (i == 3) {
            life_open(&l, w);
        }

        expect(feed(&l, (int64_t) l.log.ms + DMP_SILENCE_MS + 1),
               DMP_BREAK_NONE, NULL, &r);
        assert_int_equal(r.silent, i == 0 || i == 3 ? 1 : 0);
        assert_int_equal(r.ended_by_store, i == 2 ? 1 : 0);
        assert_int_equal(r.ended_by_successor, 0);

        expect(feed(&l, (int64_t) l.log.ms), DMP_BREAK_NONE, NULL, &r);
        assert_int_equal(r.silent, 0);
        expect(feed(&l, 0), DMP_BREAK_NONE, NULL, &r);
        assert_int_equal(r.silent, 0);

        dmp_writer_free(w);
        dmp_writer_free(d);
        life_clear(&l);
    }
}


/* The successor's gateway has a key that the auditor does not know. */
static void
test_foreign_successor(void **state)
{
    life_t                l;
    dmp_verify_t         *v;
    dmp_writer_t         *w, *d;
    dmp_verify_result_t   r;

    (void) state;
    memset(&l, 0, sizeof(l));
    l.log.ms = LOG_TIME;
    log_make_records(&l.records);
    l.audit_key = audit_key;
    w = life_writer(&l, "gw-a", true, false);
    l.audit_key = foreign_key;
    d = life_writer(&l, "gw-d", false, false);
    life_open(&l, w);
    life_work(&l, w, 10, 0);
    life_open(&l, d);
    life_close_other(&l, d, w, 1, DMP_HEADS_MEMORY);

    v = feed(&l, (int64_t) l.log.ms + DMP_SILENCE_MS + 1);
    must(dmp_verify_finish(v, &r));
    assert_int_equal(r.findings, 2);
    assert_int_equal(r.first.what, DMP_BREAK_CERTIFICATE);
    assert_int_equal(r.ended_by_successor, 0);
    assert_int_equal(r.silent, 1);
    dmp_verify_free(v);

    dmp_writer_free(w);
    dmp_writer_free(d);
    life_clear(&l);
}


/* What an operator begins and does not end is counted. */
static void
test_commands(void **state)
{
    life_t                l;
    dmp_writer_t         *w;
    dmp_verify_result_t   r;

    (void) state;
    memset(&l, 0, sizeof(l));
    l.log.ms = LOG_TIME;
    l.audit_key = audit_key;
    w = life_writer(&l, "dmpctl", false, false);
    life_open(&l, w);
    life_admin(&l, w, "index build", false, NULL, 0);
    expect(feed(&l, 0), DMP_BREAK_NONE, NULL, &r);
    assert_int_equal(r.commands, 1);
    life_admin(&l, w, "index build", true, NULL, 0);
    expect(feed(&l, 0), DMP_BREAK_NONE, NULL, &r);
    assert_int_equal(r.commands, 0);
    dmp_writer_free(w);
    life_clear(&l);
}


static int
set_up(void **state)
{
    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    foreign_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    life_make(&whole, audit_key);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    life_clear(&whole);
    EVP_PKEY_free(audit_key);
    EVP_PKEY_free(foreign_key);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_history_cut),
        cmocka_unit_test(test_history_turns),
        cmocka_unit_test(test_history_before),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_foreign_successor),
        cmocka_unit_test(test_commands),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
