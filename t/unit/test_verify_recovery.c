/*
 * test_verify_recovery.c: what the verifier makes of an operator's recovery of
 * buckets that lost entries; and how much it keeps in memory.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../policy/dmp_verify_int.h"
#include "verify_life.h"


static EVP_PKEY  *audit_key;


static void
must(dmp_rc_t rc)
{
    assert_int_equal(rc, DMP_OK);
}


/* A writer whose home is not bucket 1. */
static dmp_writer_t *
elsewhere(life_t *l, const char *node)
{
    dmp_writer_t  *w;

    for (w = life_writer(l, node, false, false); dmp_writer_home(w) == 1;
         w = life_writer(l, node, false, false))
    {
        dmp_writer_free(w);
    }

    return w;
}


/*
 * The store went back: the last entries of bucket 1 are gone, and the record's
 * version is an older one.  An operator reopens it; a new writer goes on.
 */
static void
make_recovered(life_t *l, bool signed_recovery, bool entries)
{
    size_t                  i, n, kept;
    unsigned                gone;
    log_head_t             *h;
    dmp_writer_t           *w, *tool;
    static const unsigned   buckets[] = { 0, 1 };

    memset(l, 0, sizeof(*l));
    l->log.ms = LOG_TIME;
    l->audit_key = audit_key;
    log_make_records(&l->records);
    w = elsewhere(l, "gw-a");
    tool = elsewhere(l, "dmpctl");
    life_open(l, w);
    life_work(l, w, 16, 0);
    n = l->log.n;
    life_act(l, w, 1, LIFE_READ, true);
    life_act(l, w, 1, LIFE_CHANGE, true);
    life_act(l, w, 1, LIFE_READ, true);
    life_heads(l, w, DMP_KIND_CHECKPOINT);

    /* three entries of bucket 1 never were; its head and record are older */
    for (i = n, kept = n, gone = 0; i < l->log.n; i++) {
        if (i < n + 3) {
            free(l->log.entries[i].body);
            gone++;

        } else {
            l->log.entries[kept++] = l->log.entries[i];
        }
    }

    l->log.n = kept;
    assert_int_equal(gone, 3);
    l->records.version[1]--;
    h = log_head(&l->log, dmp_writer_name(w), 1);

    for (i = kept; i-- > 0; /* void */) {
        if (l->log.entries[i].bucket == 1) {
            h->seq -= 3;
            assert_true(dmp_entry_hash(l->log.entries[i].body,
                                       l->log.entries[i].len, h->hash));
            break;
        }
    }

    life_open(l, tool);
    life_admin(l, tool, "audit recover", false, buckets, 2);

    if (signed_recovery) {
        life_heads(l, tool, DMP_KIND_CHECKPOINT);
    }

    if (entries) {
        life_open(l, l->dead = life_writer(l, "gw-b", false, false));
        life_work(l, l->dead, 12, 0);
    }

    dmp_writer_free(w);
    dmp_writer_free(tool);
}


static void
test_recovery(void **state)
{
    life_t                l;
    unsigned              i;
    dmp_verify_t         *v;
    dmp_verify_result_t   r;

    (void) state;

    for (i = 0; i < 8; i++) {
        make_recovered(&l, (i & 1) == 0, (i & 2) == 0);
        v = dmp_verify_create(LOG_BUCKETS, 0);
        must(dmp_verify_key(v, audit_key));

        if ((i & 4) == 0) {
            dmp_verify_since_recovery(v);
        }

        must(log_feed(v, &l.log, (log_order_t) (i % LOG_ORDERS)));
        must(dmp_verify_finish(v, &r));

        /* what was lost is missed where a later head named it */
        if ((i & 5) == 0) {
            assert_int_equal(r.findings, 0);
            assert_int_equal(r.recovered, 1);

        } else {
            assert_int_equal(r.findings, 1);
            assert_int_equal(r.first.what, DMP_BREAK_MISSING);
            assert_int_equal(r.recovered, 0);
        }

        dmp_verify_free(v);
        life_clear(&l);
    }
}


/*
 * Records alone went back: that is told, and does not count for who asks for
 * what came since a recovery.
 */
static void
test_recovered_version(void **state)
{
    life_t                l;
    unsigned              i;
    dmp_verify_t         *v;
    dmp_writer_t         *w;
    dmp_verify_result_t   r;
    static const unsigned  buckets[] = { 1 };

    (void) state;

    for (i = 0; i < 9; i++) {
        memset(&l, 0, sizeof(l));
        l.log.ms = LOG_TIME;
        l.audit_key = audit_key;
        log_make_records(&l.records);
        w = elsewhere(&l, "gw-a");
        life_open(&l, w);
        life_work(&l, w, 16, 0);
        l.records.version[1]--;

        if (i < 6) {
            life_admin(&l, w, "audit recover", false, buckets, 1);
        }

        life_act(&l, w, 1, LIFE_READ, true);
        life_act(&l, w, 1, LIFE_CHANGE, true);
        life_act(&l, w, 1, LIFE_READ, true);
        life_heads(&l, w, DMP_KIND_EPOCH_CLOSE);

        v = dmp_verify_create(LOG_BUCKETS, 0);
        must(dmp_verify_key(v, audit_key));

        if (i < 3 || i >= 6) {
            dmp_verify_since_recovery(v);
        }

        must(log_feed(v, &l.log, (log_order_t) (i % LOG_ORDERS)));
        must(dmp_verify_finish(v, &r));
        assert_int_equal(r.findings > 0, i >= 3);
        assert_int_equal(r.recovered > 0, i < 3);
        assert_int_equal(r.first.what, i < 3 ? DMP_BREAK_NONE
                                             : DMP_BREAK_VERSION);
        assert_string_equal(r.first.patient, i < 3 ? ""
                                                   : l.records.patient[1]);
        dmp_verify_free(v);
        dmp_writer_free(w);
        life_clear(&l);
    }
}


/* What has no time is not before a recovery. */
static void
test_timeless(void **state)
{
    life_t                l;
    dmp_verify_t         *v;
    dmp_stream_facts_t    facts;
    dmp_verify_result_t   r;

    (void) state;
    make_recovered(&l, true, true);
    v = dmp_verify_create(LOG_BUCKETS, 0);
    must(dmp_verify_key(v, audit_key));
    dmp_verify_since_recovery(v);
    must(log_feed(v, &l.log, LOG_MERGED));
    memset(&facts, 0, sizeof(facts));
    facts.added = 100;
    must(dmp_verify_stream(v, 1, &facts));
    must(dmp_verify_version(v, "AAAAAAAAAAAAAAAAAAAAAA", 1, 7, 7));
    must(dmp_verify_history_before(v, l.records.patient[1], 1, 1000));
    must(dmp_verify_finish(v, &r));
    assert_int_equal(r.findings, 3);
    assert_int_equal(r.recovered, 1);
    dmp_verify_free(v);
    life_clear(&l);
}


/* Such a loss without a recovery, and what came after one, are breaks. */
static void
test_not_recovered(void **state)
{
    size_t                i;
    life_t                l;
    dmp_verify_t         *v;
    log_entry_t          *e;
    dmp_verify_result_t   r;

    (void) state;
    make_recovered(&l, true, true);

    for (i = l.log.n; i-- > 0; /* void */) {
        e = &l.log.entries[i];

        if (e->bucket == 1 && e->outcome == '1') {
            e->outcome = '0';
            break;
        }
    }

    v = dmp_verify_create(LOG_BUCKETS, 0);
    must(dmp_verify_key(v, audit_key));
    dmp_verify_since_recovery(v);
    must(log_feed(v, &l.log, LOG_MERGED));
    must(dmp_verify_finish(v, &r));
    assert_true(r.findings > 0);
    dmp_verify_free(v);
    life_clear(&l);
}


/*
 * More heads than may wait name what never comes: the first and the last of
 * them are kept, and the answer is a break, not that it cannot be told.
 */
static void
test_pending(void **state)
{
    life_t                l;
    unsigned              i, bucket, waited;
    dmp_buf_t             b;
    dmp_entry_t           e;
    dmp_verify_t         *v;
    dmp_writer_t         *w;
    log_access_t          a;
    dmp_verify_result_t   r;

    (void) state;
    memset(&l, 0, sizeof(l));
    l.audit_key = audit_key;
    log_make_records(&l.records);
    v = dmp_verify_create(LOG_BUCKETS, 0);
    must(dmp_verify_key(v, audit_key));

    w = elsewhere(&l, "gw-a");
    waited = 0;

    for (i = 1; i <= DMP_VERIFY_PENDING + 10; i++) {
        dmp_buf_init(&b, life_body, sizeof(life_body));

        if (i == 1) {
            must(dmp_writer_open_epoch(w, LOG_TIME, &b, &e));

        } else {
            log_make_access(&a, LOG_TIME);
            a.access.patient = (dmp_str_t) { l.records.patient[1],
                                             DMP_PSEUDONYM_LEN };
            must(dmp_writer_access(w, 1, &a.access, &b, &e));
            assert_true(dmp_writer_acked(w, 1, e.seq, '1', LOG_TIME + i, 0));
            dmp_buf_init(&b, life_body, sizeof(life_body));
            must(dmp_writer_checkpoint(w, LOG_TIME, &b, &e));
        }

        assert_true(dmp_writer_acked(w, e.bucket, e.seq, 'S', LOG_TIME + i,
                                     0));
        must(dmp_verify_entry(v, e.bucket, LOG_TIME + i, 0, e.body,
                              dmp_string("S")));

        if (dmp_verify_waiting(v, &bucket)) {
            assert_int_equal(bucket, 1);
            waited++;
        }
    }

    assert_true(waited > DMP_VERIFY_PENDING / 3);
    must(dmp_verify_finish(v, &r));
    assert_int_equal(r.first.what, DMP_BREAK_MISSING);
    assert_true(r.findings <= 16);
    dmp_writer_free(w);
    dmp_verify_free(v);
}


static size_t
marks_kept(const dmp_verify_t *v)
{
    size_t                 i, k, n;
    unsigned               b;
    const verify_chain_t  *chain;

    n = 0;

    for (i = 0; i < v->n_writers; i++) {
        for (b = 0; b < v->buckets; b++) {
            chain = v->writers[i]->chains[b];

            for (k = 0; chain != NULL && k < chain->n; k++) {
                n += chain->parts[k].n - chain->parts[k].first;
                assert_true(chain->parts[k].size <= 64);
                assert_true(chain->n <= 2);
            }
        }
    }

    return n;
}


/* Twenty epochs of two hundred entries: what signed heads cover is not kept. */
static void
test_bounded(void **state)
{
    size_t                i, most;
    unsigned              epoch, turn;
    life_t                l;
    dmp_verify_t         *v;
    dmp_writer_t         *w;
    dmp_verify_result_t   r;

    (void) state;
    memset(&l, 0, sizeof(l));
    l.log.ms = LOG_TIME;
    l.audit_key = audit_key;
    log_make_records(&l.records);
    v = dmp_verify_create(LOG_BUCKETS, 0);
    must(dmp_verify_key(v, audit_key));
    w = life_writer(&l, "gw-a", true, false);
    most = 0;

    for (epoch = 0; epoch < 20; epoch++) {
        life_open(&l, w);

        for (turn = 0; turn < 10; turn++) {
            life_work(&l, w, 16, 0);
        }

        /* half of them end; the others are followed by the next */
        if (epoch % 2 == 0) {
            life_heads(&l, w, DMP_KIND_EPOCH_CLOSE);
        }

        for (i = 0; i < l.log.n; i++) {
            must(log_feed_entry(v, &l.log.entries[i]));
            most = marks_kept(v) > most ? marks_kept(v) : most;
            free(l.log.entries[i].body);
        }

        l.log.n = 0;
        EVP_PKEY_free(l.keys[0].key);
        l.n_keys = 0;
    }

    assert_in_range(most, 8, 40);
    must(dmp_verify_finish(v, &r));
    assert_string_equal(r.first.text, "");
    assert_int_equal(r.entries, 20 * 201 + 10);
    dmp_verify_free(v);
    dmp_writer_free(w);
    life_clear(&l);
}


static int
set_up(void **state)
{
    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    EVP_PKEY_free(audit_key);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_recovered_version),
        cmocka_unit_test(test_not_recovered),
        cmocka_unit_test(test_timeless),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_pending),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
