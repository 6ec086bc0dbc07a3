/*
 * test_verify_forged.c: what the owner of a store can write without any key:
 * entries after a chain's last, heads without a signature, and floods.  It
 * proves nothing, hides nothing, and costs no more than it is long.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../policy/dmp_verify_int.h"
#include "verify_forge.h"


#define A43  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A22  "AAAAAAAAAAAAAAAAAAAAAA"
#define NO_HEADS  ",\"heads\":[],\"signature\":\"" A43 A43 "\""

static life_t            whole;
static EVP_PKEY         *audit_key;
static dmp_entry_view_t  views[LOG_ENTRIES];


static void
must(dmp_rc_t rc)
{
    assert_int_equal(rc, DMP_OK);
}


/* Everything of a log is fed; the kinds of what is found come back. */
static unsigned
look(const log_t *log, bool since_recovery, dmp_verify_t **out,
    dmp_verify_result_t *result)
{
    size_t         pos;
    unsigned       kinds;
    dmp_verify_t  *v;
    dmp_finding_t  f;

    v = dmp_verify_create(LOG_BUCKETS, (int64_t) log->ms);
    assert_non_null(v);
    must(dmp_verify_key(v, audit_key));

    if (since_recovery) {
        dmp_verify_since_recovery(v);
    }

    must(log_feed(v, log, LOG_MERGED));
    must(dmp_verify_finish(v, result));
    kinds = 0;
    pos = 0;

    while (dmp_verify_findings(v, &pos, &f)) {
        kinds |= 1u << f.what;
    }

    if (out != NULL) {
        *out = v;

    } else {
        dmp_verify_free(v);
    }

    return kinds;
}


static size_t
last_of_chain(size_t i)
{
    size_t  k, last;

    for (k = i, last = i; k < whole.log.n; k++) {
        if (views[k].bucket == views[i].bucket
            && dmp_str_eq(views[k].writer, views[i].writer))
        {
            last = k;
        }
    }

    return last;
}


/*
 * What the owner of a store can put after that entry of a chain: all but a
 * signature.
 */
static size_t
forge_entry(char *out, size_t size, size_t after, const char *kind,
    dmp_str_t ack, const char *members)
{
    dmp_buf_t            b;
    char                 hash[FORGE_HASH_LEN];
    dmp_entry_view_t    *view;

    view = &views[after];
    forge_hash(&whole.log.entries[after], hash);
    dmp_buf_init(&b, out, size);
    dmp_buf_text(&b, "{\"format\":1,\"kind\":\"");
    dmp_buf_text(&b, kind);
    dmp_buf_text(&b, "\",\"writer\":\"");
    dmp_buf_str(&b, view->writer);
    dmp_buf_text(&b, "\",\"epoch\":");
    dmp_buf_uint(&b, view->epoch);
    dmp_buf_text(&b, ",\"seq\":");
    dmp_buf_uint(&b, view->seq + 1);
    dmp_buf_text(&b, ",\"prev\":\"");
    dmp_buf_add(&b, hash, sizeof(hash));
    dmp_buf_text(&b, "\",\"bucket\":");
    dmp_buf_uint(&b, view->bucket);
    dmp_buf_text(&b, ",\"time\":\"");
    dmp_buf_time(&b, view->time_ms);
    dmp_buf_text(&b, "\",\"ack\":");
    dmp_buf_str(&b, ack);
    dmp_buf_text(&b, members);
    dmp_buf_text(&b, "}");
    life_must(!b.full, "no room");

    return b.len;
}


/* After entry i, with an id right after it; the store's head fits. */
static void
put_after(log_t *log, size_t i, char *body, size_t n)
{
    log_head_t   *h;
    log_entry_t  *e;

    *log = whole.log;
    memmove(&log->entries[i + 2], &log->entries[i + 1],
            (log->n - i - 1) * sizeof(log_entry_t));
    log->n++;
    e = &log->entries[i + 1];
    *e = log->entries[i];
    e->n++;
    e->body = body;
    e->len = n;
    e->outcome = 'S';
    h = log_head(log, views[i].writer, e->bucket);
    h->seq++;
    assert_true(dmp_entry_hash(body, n, h->hash));
}


static bool
is_home(size_t i)
{
    size_t  k;

    for (k = 0; k < whole.log.n; k++) {
        if (views[k].kind == DMP_KIND_EPOCH_OPEN
            && views[k].bucket == views[i].bucket
            && dmp_str_eq(views[k].writer, views[i].writer))
        {
            return true;
        }
    }

    return false;
}


/* At the end of each chain: the writer's own heads come later. */
static void
test_heads(void **state)
{
    bool                  home;
    char                  body[2048];
    size_t                i, k, n, met[2] = { 0, 0 };
    unsigned              kinds;
    static log_t          log;
    dmp_verify_result_t   r;
    static const char    *said[] = { "heartbeat", "checkpoint", "epoch-close" };

    (void) state;

    for (i = 0; i < whole.log.n; i++) {
        if (last_of_chain(i) != i) {
            continue;
        }

        home = is_home(i);

        for (k = 0; k < 3; k++) {
            n = forge_entry(body, sizeof(body), i, said[k],
                            dmp_string("[0,\"" A22 "\"]"), NO_HEADS);
            put_after(&log, i, body, n);
            kinds = look(&log, false, NULL, &r);
            assert_int_not_equal(kinds & (1u << (home ? DMP_BREAK_SIGNATURE
                                                      : DMP_BREAK_FORMAT)), 0);
            met[home]++;
        }
    }

    assert_int_equal(met[true], 4 * 3);
    assert_true(met[false] >= 9);
}


/* The digest of what the stream says of a chain up to entry i. */
static void
acks_of(const log_t *log, size_t i, char *out, size_t size)
{
    size_t               k;
    dmp_buf_t            b;
    unsigned char        digest[DMP_HASH_LEN] = { 0 };
    const log_entry_t   *e;

    for (k = 0; k <= i; k++) {
        e = &log->entries[k];

        if (views[k].bucket == views[i].bucket
            && views[k].epoch == views[i].epoch
            && dmp_str_eq(views[k].writer, views[i].writer))
        {
            assert_true(dmp_acks_extend(digest, views[k].seq, e->outcome,
                                        e->ms, e->n));
        }
    }

    dmp_buf_init(&b, out, size);
    dmp_buf_text(&b, "[");
    dmp_buf_uint(&b, views[i].seq);
    dmp_buf_text(&b, ",\"");
    dmp_buf_base64url(&b, digest, DMP_ACK_LEN);
    dmp_buf_text(&b, "\"]");
    dmp_buf_add(&b, "", 1);
}


/*
 * An outcome is turned at the end of a dead writer's chain, and a forged entry
 * after it acknowledges that: the successor's word still counts.
 */
static void
test_acknowledged(void **state)
{
    char                 was, ack[128], body[2048];
    size_t               i, n, met;
    unsigned             kinds;
    static log_t         log;
    dmp_verify_result_t  r;

    (void) state;
    met = 0;

    for (i = 0; i < whole.flight; i++) {
        if (last_of_chain(i) != i || memcmp(views[i].writer.data, "gw-c", 4)
                                     != 0 || is_home(i))
        {
            continue;
        }

        was = whole.log.entries[i].outcome;
        whole.log.entries[i].outcome = was == '1' ? '0' : '1';
        acks_of(&whole.log, i, ack, sizeof(ack));
        n = forge_entry(body, sizeof(body), i, "outcome",
                        (dmp_str_t) { ack, strlen(ack) },
                        ",\"outcomes\":[],\"abandoned\":[]");
        put_after(&log, i, body, n);
        kinds = look(&log, false, NULL, &r);
        whole.log.entries[i].outcome = was;
        assert_int_not_equal(kinds & (1u << DMP_BREAK_OUTCOME), 0);
        met++;
    }

    assert_true(met > 0);
}


/* Each entry is its writer's own, but for those in flight and a forged one. */
static void
test_cover(void **state)
{
    char                  body[2048];
    size_t                i, n;
    dmp_cover_t           cover;
    static log_t          log;
    dmp_verify_t         *v;
    dmp_verify_result_t   r;

    (void) state;
    assert_int_equal(look(&whole.log, false, &v, &r), 0);

    for (i = 0; i < whole.log.n; i++) {
        cover = dmp_verify_cover(v, views[i].writer, (unsigned) views[i].bucket,
                                 views[i].epoch, views[i].seq);
        assert_int_equal(cover, i == whole.flight || i == whole.flight + 1
                                ? DMP_COVER_NONE : DMP_COVER_PROVEN);
        assert_int_equal(dmp_verify_cover(v, views[i].writer,
                                          (unsigned) views[i].bucket,
                                          views[i].epoch, views[i].seq + 100),
                         DMP_COVER_NONE);
        assert_int_equal(dmp_verify_cover(v, views[i].writer, LOG_BUCKETS,
                                          views[i].epoch, views[i].seq),
                         DMP_COVER_NONE);
    }

    assert_int_equal(r.unproven, 2);
    assert_int_equal(r.not_signed, 0);
    assert_int_equal(dmp_verify_cover(v, dmp_string("x"), 0, 1, 1),
                     DMP_COVER_NONE);
    dmp_verify_free(v);

    i = whole.flight;
    n = forge_entry(body, sizeof(body), i, "outcome",
                    dmp_string("[0,\"" A22 "\"]"),
                    ",\"outcomes\":[],\"abandoned\":[]");
    put_after(&log, i, body, n);
    assert_int_equal(look(&log, false, &v, &r), 0);
    assert_int_equal(r.unproven, 3);
    assert_int_equal(dmp_verify_cover(v, views[i].writer,
                                      (unsigned) views[i].bucket,
                                      views[i].epoch, views[i].seq + 1),
                     DMP_COVER_NONE);
    dmp_verify_free(v);
}


/* An epoch that is still open may sign; one that expired will not. */
static void
test_pending(void **state)
{
    life_t                l;
    unsigned              i;
    dmp_str_t             name;
    dmp_verify_t         *v;
    dmp_writer_t         *w;
    dmp_verify_result_t   r;

    (void) state;

    for (i = 0; i < 2; i++) {
        memset(&l, 0, sizeof(l));
        l.log.ms = LOG_TIME;
        l.audit_key = audit_key;
        log_make_records(&l.records);
        w = life_writer(&l, "gw-a", false, false);
        name = dmp_writer_name(w);
        life_open(&l, w);
        life_act(&l, w, 1, LIFE_CHANGE, true);
        life_heads(&l, w, DMP_KIND_CHECKPOINT);
        life_act(&l, w, 1, LIFE_READ, true);
        l.log.ms += i == 0 ? 0 : 2 * DMP_EPOCH_MS;
        assert_int_equal(look(&l.log, false, &v, &r), 0);
        assert_int_equal(r.not_signed, i == 0 ? 1 : 0);
        assert_int_equal(r.unproven, i == 0 ? 0 : 1);
        assert_int_equal(dmp_verify_cover(v, name, dmp_writer_home(w), 1, 1),
                         DMP_COVER_PROVEN);
        assert_int_equal(dmp_verify_cover(v, name, 1, 1,
                                          log_head(&l.log, name, 1)->seq),
                         i == 0 ? DMP_COVER_PENDING : DMP_COVER_NONE);
        dmp_verify_free(v);
        dmp_writer_free(w);
        life_clear(&l);
    }
}


/* A recovery that nobody signed, and forged heads after it: no excuse. */
static void
test_recovery(void **state)
{
    char                  body[2][2048];
    size_t                i, n;
    unsigned              kinds;
    static log_t          log;
    static life_t         kept;
    dmp_error_t           error;
    dmp_verify_result_t   r;

    (void) state;

    for (i = whole.log.n; i-- > 0 && !(is_home(i) && last_of_chain(i) == i);
         /* void */)
    {
        /* void */
    }

    kept = whole;
    n = forge_entry(body[0], sizeof(body[0]), i, "admin",
                    dmp_string("[0,\"" A22 "\"]"), ",\"trace\":"
                    "\"019a0000-0000-7000-8000-0000000000aa\",\"actor\":{"
                    "\"kind\":\"operator\",\"id\":\"anne\",\"auth\":"
                    "\"operator\"},\"command\":\"audit recover\",\"buckets\":"
                    "[0,1,2,3],\"phase\":\"begin\"");
    put_after(&log, i, body[0], n);
    whole.log = log;
    must(dmp_entry_parse(body[0], n, &views[i + 1], &error));
    n = forge_entry(body[1], sizeof(body[1]), i + 1, "heartbeat",
                    dmp_string("[0,\"" A22 "\"]"), NO_HEADS);
    put_after(&log, i + 1, body[1], n);
    log.entries[0].outcome = 'R';
    kinds = look(&log, true, NULL, &r);
    whole = kept;
    assert_int_not_equal(kinds & (1u << DMP_BREAK_OUTCOME), 0);
    assert_int_equal(r.recovered, 0);
}


/* One entry of a name, an epoch and a place; each is a finding, kept or not. */
static void
feed_alone(dmp_verify_t *v, unsigned writer, unsigned epoch, unsigned seq,
    unsigned id)
{
    int   n;
    char  body[1024];

    n = snprintf(body, sizeof(body), "{\"format\":1,\"kind\":\"admin\","
                 "\"writer\":\"x/%016x\",\"epoch\":%u,\"seq\":%u,\"prev\":\""
                 A43 "\",\"bucket\":0,\"time\":\"2026-11-22T03:06:48.123Z\","
                 "\"ack\":[0,\"" A22 "\"],\"trace\":\"019a0000-0000-7000-8000-"
                 "0000000000aa\",\"actor\":{\"kind\":\"operator\",\"id\":"
                 "\"anne\",\"auth\":\"operator\"},\"command\":\"audit recover"
                 "\",\"buckets\":[0],\"phase\":\"begin\"}", writer, epoch, seq);
    must(dmp_verify_entry(v, 0, LOG_TIME + id, 0,
                          (dmp_str_t) { body, (size_t) n }, dmp_string("S")));
}


static void
test_flood(void **state)
{
    unsigned              i, which;
    dmp_verify_t         *v;
    dmp_verify_result_t   r;

    (void) state;

    for (which = 0; which < 3; which++) {
        v = dmp_verify_create(LOG_BUCKETS, 0);
        assert_non_null(v);

        for (i = 1; i <= 3 * VERIFY_UNSURE_MAX; i++) {
            feed_alone(v, which == 0 ? i : 0, which == 1 ? i : 1,
                       which == 2 ? i : 1, i);
        }

        assert_true(v->n_recoveries <= VERIFY_UNSURE_MAX);
        assert_true(v->n_writers <= VERIFY_LOOSE_MAX);
        assert_true(v->writers[0]->n_epochs <= VERIFY_UNCERTAIN_MAX);
        must(dmp_verify_finish(v, &r));
        assert_true(r.findings > 0);
        assert_int_equal(r.entries, 3 * VERIFY_UNSURE_MAX);
        dmp_verify_free(v);
    }
}


/* A head under a name that would write to a terminal. */
static void
test_name(void **state)
{
    dmp_verify_t         *v;
    unsigned char         hash[DMP_HASH_LEN] = { 0 };
    dmp_verify_result_t   r;

    (void) state;
    v = dmp_verify_create(LOG_BUCKETS, 0);
    must(dmp_verify_head(v, 0, dmp_string("\033[2J/0123456789abcdef"), 1, 1,
                         hash));
    must(dmp_verify_finish(v, &r));
    assert_int_equal(r.findings, 1);
    assert_int_equal(r.first.what, DMP_BREAK_HEAD);
    assert_string_equal(r.first.writer, "");
    dmp_verify_free(v);
}


static int
set_up(void **state)
{
    size_t       i;
    dmp_error_t  error;

    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
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

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_acknowledged),
        cmocka_unit_test(test_cover),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_recovery),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
