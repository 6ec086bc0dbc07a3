/*
 * test_verify_heads.c: signed heads, which say one digest of an entry's hash
 * and of the answers up to it: what is changed where nothing else tells, what
 * another finding tells better, and what such a head can no longer say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../policy/dmp_verify_int.h"
#include "verify_forge.h"


#define DOUBT  "or its outcome or id, is not the one that was signed"

static EVP_PKEY             *audit_key;
static life_t                life;
static dmp_writer_t         *w;
static unsigned              away;       /* a bucket that is not w's home */
static dmp_finding_t         found;      /* the first */
static dmp_verify_result_t   result;


static int
begin(void **state)
{
    (void) state;
    memset(&life, 0, sizeof(life));
    life.log.ms = LOG_TIME;
    life.audit_key = audit_key;
    log_make_records(&life.records);
    w = life_writer(&life, "gw-a", false, false);
    away = (dmp_writer_home(w) + 1) % LOG_BUCKETS;
    life_open(&life, w);
    life_act(&life, w, away, LIFE_CHANGE, true);

    return 0;
}


static int
end(void **state)
{
    (void) state;
    dmp_writer_free(w);
    life_clear(&life);

    return 0;
}


static dmp_verify_t *
feed(const log_t *log, log_order_t order)
{
    dmp_verify_t  *v;

    v = dmp_verify_create(LOG_BUCKETS, (int64_t) log->ms);
    assert_non_null(v);
    assert_int_equal(dmp_verify_key(v, audit_key), DMP_OK);
    assert_int_equal(log_feed(v, log, order), DMP_OK);

    return v;
}


static dmp_cover_t
cover(const dmp_verify_t *v, size_t i)
{
    dmp_error_t              error;
    const log_entry_t       *e;
    static dmp_entry_view_t  view;

    e = &life.log.entries[i];
    assert_int_equal(dmp_entry_parse(e->body, e->len, &view, &error), DMP_OK);

    return dmp_verify_cover(v, view.writer, e->bucket, view.epoch, view.seq);
}


/* That there is one finding, of entry i, which is not its writer's own. */
static void
one_finding(const log_t *log, log_order_t order, size_t i, dmp_break_t what,
    const char *text)
{
    size_t               pos;
    dmp_verify_t        *v;
    const log_entry_t   *e;

    v = feed(log, order);
    assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);
    pos = 0;
    assert_true(dmp_verify_findings(v, &pos, &found));
    e = &log->entries[i];

    if (result.findings != 1 || found.what != what || found.bucket != e->bucket
        || found.id_ms != e->ms || found.id_seq != e->n
        || strstr(found.text, text) == NULL)
    {
        fail_msg("order %d: %llu findings, %s in bucket %u, seq %llu: %s",
                 (int) order, (unsigned long long) result.findings,
                 dmp_break_name(found.what), found.bucket,
                 (unsigned long long) found.seq, found.text);
    }

    assert_int_not_equal(cover(v, i), DMP_COVER_PROVEN);
    dmp_verify_free(v);
}


static void
one_finding_each(const log_t *log, size_t i, dmp_break_t what,
    const char *text)
{
    int  order;

    for (order = 0; order < LOG_ORDERS; order++) {
        one_finding(log, (log_order_t) order, i, what, text);
    }
}


static void
whole(void)
{
    int            order;
    dmp_verify_t  *v;

    for (order = 0; order < LOG_ORDERS; order++) {
        v = feed(&life.log, (log_order_t) order);
        assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);
        assert_string_equal(result.first.text, "");
        assert_int_equal(result.findings, 0);
        dmp_verify_free(v);
    }
}


/* The log without entry i; its bodies are those of the life's. */
static void
cut_out(size_t i, log_t *log)
{
    *log = life.log;
    memmove(&log->entries[i], &log->entries[i + 1],
            (log->n - i - 1) * sizeof(log_entry_t));
    log->n--;
}


/* SHA-256 of 64 zero bytes, as anybody has it. */
static void
test_digest(void **state)
{
    unsigned char        digest[DMP_HASH_LEN], hash[DMP_HASH_LEN];
    static const char    expected[] =
        "\xf5\xa5\xfd\x42\xd1\x6a\x20\x30\x27\x98\xef\x6e\xd3\x09\x97\x9b"
        "\x43\x00\x3d\x23\x20\xd9\xf0\xe8\xea\x98\x31\xa9\x27\x59\xfb\x4b";
    static const unsigned char  none[DMP_HASH_LEN];

    (void) state;
    assert_true(dmp_head_digest(none, none, digest));
    assert_memory_equal(digest, expected, DMP_HASH_LEN);

    /* each byte of both counts, and which of the two it is in */
    memcpy(hash, none, sizeof(hash));
    hash[31] = 1;
    assert_true(dmp_head_digest(hash, none, digest));
    assert_memory_not_equal(digest, expected, DMP_HASH_LEN);
    memcpy(hash, digest, sizeof(hash));
    assert_true(dmp_head_digest(none, (const unsigned char *) expected,
                                digest));
    assert_memory_not_equal(digest, hash, DMP_HASH_LEN);
}


/* The last entry of its bucket: nobody else was told its id. */
static void
test_id(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;
    i = life.log.n;
    life_act(&life, w, away, LIFE_READ, true);
    life_heads(&life, w, DMP_KIND_CHECKPOINT);
    whole();
    log = life.log;
    log.entries[i].ms++;
    one_finding_each(&log, i, DMP_BREAK_OUTCOME, "the entry, " DOUBT);

    /* the next one tells it, and exactly */
    life_act(&life, w, away, LIFE_READ, true);
    whole();
    log = life.log;
    log.entries[i].ms++;
    one_finding_each(&log, i, DMP_BREAK_OUTCOME,
                     "is not the one its writer was given");

    /* and heads that are signed later say no more of it */
    life_heads(&life, w, DMP_KIND_CHECKPOINT);
    life_act(&life, w, away, LIFE_READ, true);
    life_heads(&life, w, DMP_KIND_EPOCH_CLOSE);
    whole();
    log = life.log;
    log.entries[i].ms++;
    one_finding_each(&log, i, DMP_BREAK_OUTCOME,
                     "is not the one its writer was given");
}


/* Two on their way at once: which of them it is nobody can say. */
static void
test_range(void **state)
{
    size_t  i;
    log_t   log;

    (void) state;
    i = life.log.n;
    life_act(&life, w, away, LIFE_READ, false);
    life_act(&life, w, away, LIFE_READ, false);
    assert_true(dmp_writer_acked(w, away, 2, '1', life.log.entries[i].ms,
                                 life.log.entries[i].n));
    assert_true(dmp_writer_acked(w, away, 3, '1', life.log.entries[i + 1].ms,
                                 life.log.entries[i + 1].n));
    life_heads(&life, w, DMP_KIND_CHECKPOINT);
    whole();
    log = life.log;
    log.entries[i + 1].ms++;
    one_finding_each(&log, i, DMP_BREAK_OUTCOME,
                     "one of the entries from seq 2 to 3, " DOUBT);
}


static void
test_bytes(void **state)
{
    char            *copy;
    size_t           i;
    log_t            log;
    log_order_t      before, after;
    static forge_t   f;

    (void) state;
    life_act(&life, w, away, LIFE_REFUSED, true);
    i = life.log.n;
    life_act(&life, w, away, LIFE_REFUSED, true);
    life_heads(&life, w, DMP_KIND_CHECKPOINT);
    whole();

    /* the store's head has its hash */
    log = life.log;
    copy = malloc(log.entries[i].len);
    assert_non_null(copy);
    memcpy(copy, log.entries[i].body, log.entries[i].len);
    log.entries[i].body = copy;
    *((char *) memmem(copy, log.entries[i].len, "192.0.2.17", 10) + 9) = '8';
    one_finding_each(&log, i, DMP_BREAK_EDITED, "its hash is not the one");
    free(copy);

    /* … but whoever owns the store can change that */
    forge_begin(&f, &life);
    assert_true(forge_edit(&f.l.log.entries[i], "\"client\":\"", '"', 1));
    forge_again(&f, FORGE_NOTHING, NULL);
    one_finding_each(&f.l.log, i, DMP_BREAK_OUTCOME, "the entry, " DOUBT);
    forge_end(&f);

    /* … and add an entry that acknowledges it as it is now */
    life_act(&life, w, away, LIFE_REFUSED, true);
    whole();
    forge_begin(&f, &life);
    assert_true(forge_edit(&f.l.log.entries[i], "\"client\":\"", '"', 1));
    forge_again(&f, FORGE_NOTHING, NULL);
    before = away < dmp_writer_home(w) ? LOG_RISING : LOG_FALLING;
    after = away < dmp_writer_home(w) ? LOG_FALLING : LOG_RISING;
    one_finding(&f.l.log, LOG_MERGED, i, DMP_BREAK_OUTCOME,
                "the entry, " DOUBT);
    one_finding(&f.l.log, after, i, DMP_BREAK_OUTCOME, "the entry, " DOUBT);
    one_finding(&f.l.log, before, i, DMP_BREAK_EDITED, "the entry, " DOUBT);
    forge_end(&f);
}


/*
 * An entry is gone: what the answers were cannot be told any more, and so
 * signed heads say nothing of what comes after it in its epoch, which is kept
 * no longer for them.  The next epoch's say it, by the links.
 */
static void
test_gap(void **state)
{
    size_t           i, k, first;
    log_t            log;
    dmp_verify_t    *v;
    verify_part_t   *part;

    (void) state;
    i = life.log.n;
    first = i;

    for (k = 0; k < 20; k++) {
        life_act(&life, w, away, LIFE_READ, true);
        life_heads(&life, w, DMP_KIND_CHECKPOINT);
    }

    whole();
    cut_out(i, &log);
    v = feed(&log, LOG_MERGED);
    part = verify_part(v->writers[0]->chains[away], 1);
    assert_non_null(part);
    assert_in_range(part->n - part->first, 1, 3);
    assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);
    assert_int_equal(result.findings, 1);
    assert_int_equal(result.first.what, DMP_BREAK_MISSING);
    assert_int_equal(result.not_signed, 20);
    assert_int_equal(cover(v, first - 1), DMP_COVER_PENDING);
    assert_int_equal(cover(v, first + 2), DMP_COVER_PENDING);
    dmp_verify_free(v);

    life_heads(&life, w, DMP_KIND_EPOCH_CLOSE);
    life_open(&life, w);
    life_act(&life, w, away, LIFE_READ, true);
    life_heads(&life, w, DMP_KIND_CHECKPOINT);
    whole();
    cut_out(i, &log);
    v = feed(&log, LOG_MERGED);
    assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);
    assert_int_equal(result.findings, 1);
    assert_int_equal(result.not_signed, 0);
    assert_int_equal(result.unproven, 0);
    assert_int_equal(cover(v, first + 2), DMP_COVER_PROVEN);
    dmp_verify_free(v);
}


/* Each entry that a head covers, and all that follows from it but that head. */
static void
test_each(void **state)
{
    size_t               i, pos, met;
    unsigned             kinds;
    dmp_error_t          error;
    dmp_verify_t        *v;
    static forge_t       f;
    dmp_entry_view_t    *view;

    (void) state;
    view = malloc(sizeof(*view));
    assert_non_null(view);
    life_clear(&life);
    dmp_writer_free(w);
    w = NULL;
    life_make(&life, audit_key);
    met = 0;

    for (i = 0; i < life.log.n; i++) {
        if (i == life.flight || i == life.flight + 1) {
            continue;
        }

        assert_int_equal(dmp_entry_parse(life.log.entries[i].body,
                                         life.log.entries[i].len, view,
                                         &error), DMP_OK);

        if (view->signed_len > 0) {
            continue;
        }

        forge_begin(&f, &life);
        assert_true(forge_edit(&f.l.log.entries[i], "\"time\":\"", 'Z', -1));
        forge_again(&f, FORGE_NOTHING, NULL);
        v = feed(&f.l.log, (log_order_t) (i % LOG_ORDERS));
        assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);

        for (pos = 0, kinds = 0; dmp_verify_findings(v, &pos, &found); ) {
            kinds |= 1u << found.what;
        }

        if ((kinds & (1u << DMP_BREAK_OUTCOME | 1u << DMP_BREAK_EDITED)) == 0)
        {
            fail_msg("entry %zu was forged, and seen as %x", i, kinds);
        }

        assert_int_not_equal(cover(v, i), DMP_COVER_PROVEN);
        dmp_verify_free(v);
        forge_end(&f);
        met++;
    }

    assert_true(met > 100);
    free(view);
}


static int
make_key(void **state)
{
    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    return audit_key == NULL;
}


static int
free_key(void **state)
{
    (void) state;
    EVP_PKEY_free(audit_key);

    return 0;
}


#define HEADS_TEST(f)  cmocka_unit_test_setup_teardown(f, begin, end)

/*
 * One epoch that ran on over a recovery: what a doubt names may be long before
 * it, and what broke the answers may be excused; the head that does not fit is
 * neither.  "gap": an entry right after the recovery is cut out.
 */
static void
after_recovery(bool gap)
{
    char                *p;
    size_t               i, n, at[8];
    log_entry_t         *e;
    dmp_verify_t        *v;
    dmp_writer_t        *tool;

    tool = life_writer(&life, "dmpctl", false, false);
    life_act(&life, w, away, LIFE_READ, true);
    life_act(&life, w, away, LIFE_READ, true);
    life_open(&life, tool);
    life_admin(&life, tool, "audit recover", false, &away, 1);
    life_heads(&life, tool, DMP_KIND_CHECKPOINT);
    life_act(&life, w, away, LIFE_READ, true);
    life_act(&life, w, away, LIFE_READ, true);
    life_act(&life, w, away, LIFE_READ, true);
    life_heads(&life, w, DMP_KIND_CHECKPOINT);

    for (i = 0, n = 0; i < life.log.n && n < 8; i++) {
        e = &life.log.entries[i];

        if (e->bucket == away
            && memmem(e->body, e->len, "\"writer\":\"gw-a", 14) != NULL)
        {
            at[n++] = i;
        }
    }

    assert_int_equal(n, 6);
    e = &life.log.entries[at[5]];
    p = memmem(e->body, e->len, "\"client\":\"", 10);
    assert_non_null(p);
    p[10] = (p[10] == '1') ? '2' : '1';

    if (!gap) {
        p = memmem(e->body, e->len, "\"ack\":[", 7);
        assert_non_null(p);
        p[7] = '0';
    }

    assert_true(dmp_entry_hash(e->body, e->len,
                               log_head(&life.log, dmp_writer_name(w),
                                        away)->hash));

    if (gap) {
        free(life.log.entries[at[3]].body);
        memmove(&life.log.entries[at[3]], &life.log.entries[at[3] + 1],
                (life.log.n - at[3] - 1) * sizeof(log_entry_t));
        life.log.n--;
    }

    v = dmp_verify_create(LOG_BUCKETS, (int64_t) life.log.ms);
    assert_non_null(v);
    assert_int_equal(dmp_verify_key(v, audit_key), DMP_OK);
    dmp_verify_since_recovery(v);
    assert_int_equal(log_feed(v, &life.log, LOG_MERGED), DMP_OK);
    assert_int_equal(dmp_verify_finish(v, &result), DMP_OK);
    assert_true(result.findings > 0);
    assert_non_null(strstr(result.first.text, DOUBT));
    dmp_verify_free(v);
    dmp_writer_free(tool);
}


static void
test_after_recovery(void **state)
{
    (void) state;
    after_recovery(false);
}


static void
test_gap_after_recovery(void **state)
{
    (void) state;
    after_recovery(true);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_digest),
        HEADS_TEST(test_id),
        HEADS_TEST(test_range),
        HEADS_TEST(test_bytes),
        HEADS_TEST(test_gap),
        HEADS_TEST(test_each),
        HEADS_TEST(test_after_recovery),
        HEADS_TEST(test_gap_after_recovery),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
