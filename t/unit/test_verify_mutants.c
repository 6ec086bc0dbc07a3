/*
 * test_verify_mutants.c: one log, and every way of tampering with it at every
 * position where it applies: each mutant must be found, as what it is.  What
 * cannot be found is said here by a rule, and nothing else may go unseen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "verify_forge.h"


#define KIND(what)  (1u << DMP_BREAK_ ## what)

/* What each operator must be found as: one of these at least. */
typedef struct {
    const char  *name;
    unsigned     kinds;
} operator_t;

static const operator_t  op_flip = { "a flipped bit", KIND(EDITED)
                                     | KIND(FORMAT) | KIND(MISSING)
                                     | KIND(ORDER) };
static const operator_t  op_drop = { "a dropped entry", KIND(MISSING) };
static const operator_t  op_double = { "an entry twice", KIND(ORDER) };
static const operator_t  op_swap = { "two entries swapped", KIND(ORDER)
                                     | KIND(MISSING) | KIND(OUTCOME) };
static const operator_t  op_cut = { "a cut bucket", KIND(MISSING) };
static const operator_t  op_cut_back = { "a cut bucket, its heads set back",
                                         KIND(MISSING) | KIND(CERTIFICATE) };
static const operator_t  op_newer = { "signed again with a newer key",
                                      KIND(SIGNATURE) };
static const operator_t  op_older = { "signed again with an older key",
                                      KIND(SIGNATURE) };
static const operator_t  op_foreign = { "signed again with another key",
                                        KIND(SIGNATURE) };
static const operator_t  op_writer = { "a dropped writer", KIND(MISSING) };
static const operator_t  op_late = { "a heartbeat too late", KIND(SILENCE) };
static const operator_t  op_outcome = { "another outcome", KIND(OUTCOME) };
static const operator_t  op_id = { "another id", KIND(OUTCOME) };
static const operator_t  op_version = { "an older version", KIND(VERSION) };
static const operator_t  op_key = { "a foreign audit key",
                                    KIND(CERTIFICATE) };
static const operator_t  op_empty = { "an empty log", KIND(MISSING) };
static const operator_t  op_moved = { "an entry of another bucket",
                                      KIND(FORMAT) };

static life_t            whole;
static EVP_PKEY         *audit_key, *foreign_key;
static dmp_entry_view_t  views[LOG_ENTRIES];

typedef struct {
    unsigned             kinds;          /* of all findings */
    dmp_verify_result_t  result;
    char                 text[256];
} found_t;


static void
look_with(const log_t *log, log_order_t order, EVP_PKEY *key, found_t *found)
{
    size_t         pos;
    dmp_verify_t  *v;
    dmp_finding_t  f;

    v = dmp_verify_create(LOG_BUCKETS,
                          (int64_t) log->ms + 10 * DMP_SILENCE_MS);
    assert_non_null(v);
    assert_int_equal(dmp_verify_key(v, key), DMP_OK);
    assert_int_equal(log_feed(v, log, order), DMP_OK);
    assert_int_equal(dmp_verify_finish(v, &found->result), DMP_OK);

    found->kinds = 0;
    pos = 0;

    while (dmp_verify_findings(v, &pos, &f)) {
        found->kinds |= 1u << f.what;
    }

    memcpy(found->text, found->result.first.text, sizeof(found->text));
    dmp_verify_free(v);
}


/* What must be found is found in one order; which one changes. */
static void
look(const log_t *log, size_t position, found_t *found)
{
    look_with(log, (log_order_t) (position % LOG_ORDERS), audit_key, found);
}


static void
must_find(const log_t *log, const operator_t *op, size_t position)
{
    found_t  found;

    look(log, position, &found);

    if ((found.kinds & op->kinds) == 0) {
        fail_msg("%s at %zu: kinds %x, first \"%s\"", op->name, position,
                 found.kinds, found.text);
    }
}


/* No finding at all, since "why": the rule of what cannot be seen is exact. */
static void
must_not_find(const log_t *log, const operator_t *op, size_t position,
    const char *why)
{
    found_t  found;

    look(log, position, &found);

    if (found.result.findings != 0) {
        fail_msg("%s at %zu was found (\"%s\"), although: %s", op->name,
                 position, found.text, why);
    }
}


/* Whether entry k is of the writer and says something of the chain of i. */
static bool
speaks_of(size_t k, size_t i, bool acked)
{
    bool                     same;
    const dmp_entry_view_t  *one, *of;

    one = &views[k];
    of = &views[i];
    same = dmp_str_eq(one->writer, of->writer);

    if (same && one->bucket == of->bucket
        && (one->epoch > of->epoch || one->seq > of->seq)
        && (!acked || (one->epoch == of->epoch && one->ack_seq >= of->seq)))
    {
        return one->epoch >= of->epoch;
    }

    if (one->of_writer.len > 0) {
        same = dmp_str_eq(one->of_writer, of->writer);
    }

    return same && life_names(one, of, acked);
}


/* Whether an entry that remains tells that i was there. */
static bool
is_told(size_t i, bool acked, const bool *gone)
{
    size_t  k;

    for (k = 0; k < whole.log.n; k++) {
        if (k != i && !gone[k] && speaks_of(k, i, acked)) {
            return true;
        }
    }

    return false;
}


static size_t
next_in_bucket(size_t i)
{
    size_t  k;

    for (k = i + 1; k < whole.log.n; k++) {
        if (whole.log.entries[k].bucket == whole.log.entries[i].bucket) {
            break;
        }
    }

    return k;
}


static void
test_whole(void **state)
{
    int      order;
    size_t   i;
    unsigned kinds;
    found_t  found;

    (void) state;
    kinds = 0;

    for (i = 0; i < whole.log.n; i++) {
        kinds |= 1u << views[i].kind;
    }

    /* every kind of entry there is */
    assert_int_equal(kinds, (1u << DMP_KIND_MAX) - 2);
    assert_in_range(whole.log.n, 180, LOG_ENTRIES - 1);

    for (order = 0; order < LOG_ORDERS; order++) {
        look_with(&whole.log, (log_order_t) order, audit_key, &found);

        assert_string_equal(found.text, "");
        assert_int_equal(found.result.findings, 0);
        assert_int_equal(found.result.writers, 4);
        assert_int_equal(found.result.epochs, 5);
        assert_int_equal(found.result.not_signed, 0);
        assert_int_equal(found.result.unproven, 2);
        assert_int_equal(found.result.ended_by_successor, 1);
        assert_int_equal(found.result.silent, 0);
        assert_int_equal(found.result.records, LOG_BUCKETS);
    }
}


static void
test_flip(void **state)
{
    char          *copy;
    size_t         i, k;
    log_t          log;
    log_entry_t   *e;

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        log = whole.log;
        e = &log.entries[i];
        copy = malloc(e->len);
        assert_non_null(copy);

        for (k = i % 211; k < e->len; k += 211) {
            memcpy(copy, whole.log.entries[i].body, e->len);
            copy[k] = (char) (copy[k] ^ (1 << (i % 7)));
            e->body = copy;
            must_find(&log, &op_flip, i);
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

    for (i = 0; i < whole.log.n; i++) {
        log = whole.log;
        memmove(&log.entries[i], &log.entries[i + 1],
                (log.n - i - 1) * sizeof(log_entry_t));
        log.n--;
        must_find(&log, &op_drop, i);
    }
}


static void
test_double(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        log = whole.log;
        memmove(&log.entries[i + 1], &log.entries[i],
                (log.n - i) * sizeof(log_entry_t));
        log.n++;
        must_find(&log, &op_double, i);
        log.entries[i + 1].ms++;
        must_find(&log, &op_double, i);
    }
}


static void
test_swap(void **state)
{
    bool         gone[LOG_ENTRIES] = { false };
    size_t       i, k, unseen;
    log_t        log;
    log_entry_t  e;

    (void) state;
    unseen = 0;

    for (i = 0; i < whole.log.n; i++) {
        k = next_in_bucket(i);

        if (k == whole.log.n) {
            continue;
        }

        log = whole.log;
        e = log.entries[i];
        log.entries[i].body = log.entries[k].body;
        log.entries[i].len = log.entries[k].len;
        log.entries[i].outcome = log.entries[k].outcome;
        log.entries[k].body = e.body;
        log.entries[k].len = e.len;
        log.entries[k].outcome = e.outcome;

        if (dmp_str_eq(views[i].writer, views[k].writer)
            || is_told(i, true, gone) || is_told(k, true, gone))
        {
            must_find(&log, &op_swap, i);

        } else {
            unseen++;
            must_not_find(&log, &op_swap, i, "neither writer was told where "
                          "they stand, and they are not of one chain");
        }
    }

    assert_true(unseen <= 2);
}


/* All of the bucket from entry i on. */
static void
cut(log_t *log, size_t i, bool *gone)
{
    size_t    k;
    unsigned  b;

    *log = whole.log;
    log->n = 0;
    b = whole.log.entries[i].bucket;

    for (k = 0; k < whole.log.n; k++) {
        gone[k] = k >= i && whole.log.entries[k].bucket == b;

        if (!gone[k]) {
            log->entries[log->n++] = whole.log.entries[k];
        }
    }
}


/* The store's heads of that bucket are those of what is left. */
static void
set_back(log_t *log, unsigned bucket, const bool *gone)
{
    size_t              i, k, n;
    log_head_t          h;
    const log_entry_t  *e;

    for (i = 0, n = 0; i < whole.log.n_heads; i++) {
        h = whole.log.heads[i];

        for (k = whole.log.n; h.bucket == bucket && k-- > 0; /* void */) {
            e = &whole.log.entries[k];

            if (e->bucket == bucket && !gone[k] && h.len == views[k].writer.len
                && memcmp(h.name, views[k].writer.data, h.len) == 0)
            {
                h.epoch = views[k].epoch;
                h.seq = views[k].seq;
                assert_true(dmp_entry_hash(e->body, e->len, h.hash));
                break;
            }
        }

        if (h.bucket != bucket || k != SIZE_MAX) {
            log->heads[n++] = h;
        }
    }

    log->n_heads = n;
}


/* Whether something that remains contradicts what is gone. */
static bool
contradicted(const bool *gone)
{
    size_t  i, k;

    for (i = 0; i < whole.log.n; i++) {
        if (!gone[i]) {
            continue;
        }

        if (is_told(i, false, gone)) {
            return true;
        }

        for (k = 0; k < whole.log.n && views[i].kind == DMP_KIND_EPOCH_OPEN;
             k++)
        {
            if (!gone[k] && views[k].epoch == views[i].epoch
                && dmp_str_eq(views[k].writer, views[i].writer))
            {
                return true;
            }
        }
    }

    return false;
}


static void
test_cut(void **state)
{
    bool    gone[LOG_ENTRIES];
    size_t  i, unseen;
    log_t   log;

    (void) state;
    unseen = 0;

    for (i = 0; i < whole.log.n; i++) {
        cut(&log, i, gone);
        must_find(&log, &op_cut, i);
        set_back(&log, whole.log.entries[i].bucket, gone);

        if (contradicted(gone)) {
            must_find(&log, &op_cut_back, i);

        } else {
            unseen++;
            must_not_find(&log, &op_cut_back, i, "nothing signed names what "
                          "is gone, and nothing that follows it is left");
        }
    }

    /* ends of epochs, with what follows them, and what was in flight */
    assert_in_range(unseen, 1, 40);
}


/* Each entry's time is changed and all hashes put right: by whom? */
static void
test_sign_again(void **state)
{
    size_t            i;
    bool              told;
    unsigned          k;
    static forge_t    f;
    static const struct {
        forge_key_t        key;
        const operator_t  *op;
    } keys[] = {
        { FORGE_RIGHT, NULL },
        { FORGE_NEWER, &op_newer },
        { FORGE_OLDER, &op_older },
        { FORGE_FOREIGN, &op_foreign }
    };

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        /* that a forger's hashes are right is seen now and then */
        for (k = i % 4 == 0 ? 0 : 1; k < 4; k++) {
            forge_begin(&f, &whole);
            assert_true(forge_edit(&f.l.log.entries[i], "\"time\":\"", 'Z',
                                   -1));
            forge_again(&f, keys[k].key, foreign_key);
            told = i < whole.flight || i > whole.flight + 1;

            if (keys[k].op == NULL) {
                must_not_find(&f.l.log, &op_foreign, i, "the writer itself "
                              "would have done it so");

            } else if (told) {
                must_find(&f.l.log, keys[k].op, i);

            } else {
                must_not_find(&f.l.log, keys[k].op, i, "what was in flight "
                              "when its process died is signed by nobody");
            }

            forge_end(&f);
        }
    }
}


/* One writer's entries are gone, its heads are not; or are. */
static void
test_drop_writer(void **state)
{
    size_t             i, k, w;
    log_t              log;
    found_t            found;
    const char        *node;
    static const char *nodes[] = { "gw-a/", "gw-b/", "gw-c/", "gw-d/" };

    (void) state;

    for (w = 0; w < 4; w++) {
        node = nodes[w];
        log = whole.log;
        log.n = 0;

        for (i = 0; i < whole.log.n; i++) {
            if (memcmp(views[i].writer.data, node, 5) != 0) {
                log.entries[log.n++] = whole.log.entries[i];
            }
        }

        must_find(&log, &op_writer, w);

        for (i = 0, k = 0; i < whole.log.n_heads; i++) {
            if (memcmp(whole.log.heads[i].name, node, 5) != 0) {
                log.heads[k++] = whole.log.heads[i];
            }
        }

        log.n_heads = k;
        look(&log, w, &found);

        /* A successor names heads of gw-c.  Of the others nobody speaks, but
           for the records that they changed. */
        assert_int_equal(found.kinds,
                         w == 2 ? KIND(MISSING) | KIND(VERSION)
                                : KIND(VERSION));
    }
}


/* Heartbeats gone, one by one and all: in the chain they are missed. */
static void
test_heartbeats(void **state)
{
    size_t          i, k;
    log_t           log;
    unsigned        met;
    static forge_t  f;

    (void) state;
    log = whole.log;
    log.n = 0;
    met = 0;

    for (i = 0; i < whole.log.n; i++) {
        if (views[i].kind != DMP_KIND_HEARTBEAT) {
            log.entries[log.n++] = whole.log.entries[i];
        }
    }

    must_find(&log, &op_drop, 0);

    /* The writer itself stands still before one: its time is 40 s later. */
    for (i = 0; i < whole.log.n; i++) {
        if (views[i].kind != DMP_KIND_HEARTBEAT) {
            continue;
        }

        forge_begin(&f, &whole);

        for (k = i; k < whole.log.n; k++) {
            if (dmp_str_eq(views[k].writer, views[i].writer)
                && views[k].epoch == views[i].epoch)
            {
                dmp_buf_t  b;

                dmp_buf_init(&b, strstr(f.l.log.entries[k].body,
                                        "\"time\":\"") + 8, 24);
                dmp_buf_time(&b, views[k].time_ms + 40000);
            }
        }

        forge_again(&f, FORGE_RIGHT, NULL);
        must_find(&f.l.log, &op_late, i);
        forge_end(&f);
        met++;
    }

    assert_int_equal(met, 4);
}


static void
test_outcome(void **state)
{
    bool          gone[LOG_ENTRIES] = { false };
    log_t         log;
    size_t        i, k, unseen;
    operator_t    op;
    const char   *others = "10RS";

    (void) state;
    unseen = 0;

    for (i = 0; i < whole.log.n; i++) {
        for (k = 0; others[k] != '\0'; k++) {
            log = whole.log;

            if (others[k] == log.entries[i].outcome) {
                continue;
            }

            log.entries[i].outcome = others[k];
            op = op_outcome;

            /* Nobody was told: it contradicts the record's version only. */
            if (!is_told(i, true, gone)) {
                op.kinds |= KIND(VERSION);
                unseen++;
            }

            must_find(&log, &op, i);
        }
    }

    assert_true(unseen > 0);
}


static void
test_id(void **state)
{
    bool    gone[LOG_ENTRIES] = { false };
    log_t   log;
    size_t  i, unseen;

    (void) state;
    unseen = 0;

    for (i = 0; i < whole.log.n; i++) {
        log = whole.log;
        log.entries[i].ms++;

        if (is_told(i, true, gone)) {
            must_find(&log, &op_id, i);

        } else {
            unseen++;
            must_not_find(&log, &op_id, i, "its writer was never told its id, "
                          "or could not say so any more");
        }
    }

    /* the ends of epochs that are the last of their chains, and the flight */
    assert_in_range(unseen, 2, 6);
}


/* A store that says "1" to an older version, and a writer that believes it. */
static void
test_version(void **state)
{
    size_t          i;
    unsigned        met;
    static forge_t  f;

    (void) state;
    met = 0;

    for (i = 0; i < whole.log.n; i++) {
        if (whole.log.entries[i].outcome != '1'
            && whole.log.entries[i].outcome != 'R')
        {
            continue;
        }

        if (views[i].version == 0) {
            continue;
        }

        forge_begin(&f, &whole);
        assert_true(forge_edit(&f.l.log.entries[i], "\"version\":",
                               views[i].kind == DMP_KIND_CHANGE
                               || views[i].client.len > 0 ? ',' : '}', -1));
        forge_again(&f, FORGE_RIGHT, NULL);
        must_find(&f.l.log, &op_version, i);
        forge_end(&f);
        met++;
    }

    assert_true(met > 50);
}


static void
test_other_log(void **state)
{
    int      order;
    log_t    log;
    found_t  found;

    (void) state;

    for (order = 0; order < LOG_ORDERS; order++) {
        look_with(&whole.log, (log_order_t) order, foreign_key, &found);
        assert_true((found.kinds & op_key.kinds) != 0);

        log = whole.log;
        log.n = 0;
        look_with(&log, (log_order_t) order, audit_key, &found);
        assert_int_equal(found.kinds, op_empty.kinds);
    }
}


static void
test_moved(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        log = whole.log;
        log.entries[i].bucket = (log.entries[i].bucket + 1 + i % 3)
                                % LOG_BUCKETS;
        must_find(&log, &op_moved, i);
    }
}


static int
set_up(void **state)
{
    size_t       i;
    dmp_error_t  error;

    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    foreign_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    life_make(&whole, audit_key);

    for (i = 0; i < whole.log.n; i++) {
        if (dmp_entry_parse(whole.log.entries[i].body,
                            whole.log.entries[i].len, &views[i], &error)
            != DMP_OK)
        {
            return -1;
        }
    }

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
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_flip),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_double),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_sign_again),
        cmocka_unit_test(test_drop_writer),
        cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_outcome),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_other_log),
        cmocka_unit_test(test_moved),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
