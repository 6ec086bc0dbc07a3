/*
 * test_entry.c: the bytes of an entry, and what the strict reader refuses of
 * one that was changed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace_log.h"


static EVP_PKEY      *audit_key;
static char           memory[DMP_SUMMARY_MAX + 1];
static dmp_buf_t      buf;
static dmp_entry_t    entry;
static log_t          store;
static dmp_writer_t  *w;


static int
set_up(void **state)
{
    (void) state;
    memset(&store, 0, sizeof(store));
    store.ms = LOG_TIME;
    dmp_buf_init(&buf, memory, sizeof(memory));
    w = dmp_writer_create(dmp_string("gw"), LOG_BUCKETS, audit_key);

    return w == NULL;
}


static int
tear_down(void **state)
{
    (void) state;
    dmp_writer_free(w);
    log_clear(&store);

    return 0;
}


static void
sent(char outcome)
{
    assert_true(log_append(&store, w, &entry, outcome));
    assert_true(log_ack(&store, w, &entry));
}


static void
open_epoch(void)
{
    assert_int_equal(dmp_writer_open_epoch(w, (int64_t) store.ms, &buf,
                                           &entry), DMP_OK);
    sent('S');
}


static void
view_of(dmp_entry_view_t *view)
{
    dmp_error_t  error;

    if (dmp_entry_parse(entry.body.data, entry.body.len, view, &error)
        != DMP_OK)
    {
        fail_msg("%s: %.*s", error.text, (int) entry.body.len,
                 entry.body.data);
    }
}


static dmp_rc_t
admin_entry(bool ended)
{
    log_admin_t  a;

    log_make_admin(&a, (int64_t) store.ms, ended);

    return dmp_writer_admin(w, &a.admin, &buf, &entry);
}


/* Its bytes, but for what every entry begins with. */
static void
admin_is(const char *expected)
{
    dmp_str_t  text;

    text.data = strstr(entry.body.data, ",\"trace\":");
    assert_non_null(text.data);
    text.len = entry.body.len - (size_t) (text.data - entry.body.data);

    if (!dmp_str_eq(text, (dmp_str_t) { expected, strlen(expected) })) {
        fail_msg("%.*s", (int) text.len, text.data);
    }
}


static void
test_admin_bytes(void **state)
{
    log_admin_t  a;

    (void) state;
    open_epoch();

    /* the memory ends where the entry does, for strstr() */
    memset(memory, 0, sizeof(memory));
    log_make_admin(&a, (int64_t) store.ms, true);
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
    admin_is(",\"trace\":\"019a0000-0000-7000-8000-000000000002\","
             "\"actor\":{\"kind\":\"operator\",\"id\":\"root\","
             "\"auth\":\"operator\"},\"command\":\"directory import\","
             "\"digest\":\"Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE\","
             "\"phase\":\"end\",\"added\":1000000,\"changed\":17,"
             "\"removed\":0}");
    sent('S');

    memset(memory, 0, sizeof(memory));
    log_make_admin(&a, (int64_t) store.ms, false);
    a.admin.digest = dmp_null_string;
    a.admin.command = dmp_string("directory \"import\"\n");
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
    admin_is(",\"trace\":\"019a0000-0000-7000-8000-000000000002\","
             "\"actor\":{\"kind\":\"operator\",\"id\":\"root\","
             "\"auth\":\"operator\"},\"command\":"
             "\"directory \\\"import\\\"\\n\",\"phase\":\"begin\"}");
    sent('S');
}


typedef struct {
    const char  *from;
    const char  *to;
    dmp_rc_t     rc;
    const char  *error;                  /* how it begins */
} edit_t;


/* The entry in the buffer, with "from" once replaced, is refused like that. */
static void
refused_with(const edit_t *edit)
{
    char              copy[DMP_ENTRY_MAX];
    size_t            head, tail;
    dmp_rc_t          rc;
    const char       *at;
    dmp_buf_t         b;
    dmp_error_t       error;
    dmp_entry_view_t  view;

    at = strstr(entry.body.data, edit->from);
    assert_non_null(at);

    head = (size_t) (at - entry.body.data);
    tail = head + strlen(edit->from);
    dmp_buf_init(&b, copy, sizeof(copy));
    dmp_buf_add(&b, entry.body.data, head);
    dmp_buf_text(&b, edit->to);
    dmp_buf_add(&b, entry.body.data + tail, entry.body.len - tail);
    assert_false(b.full);

    rc = dmp_entry_parse(b.data, b.len, &view, &error);

    if (rc != edit->rc
        || strncmp(error.text, edit->error, strlen(edit->error)) != 0)
    {
        fail_msg("%s to %s: rc %d, \"%s\"", edit->from, edit->to, (int) rc,
                 error.text);
    }
}


static void
refused_each(const edit_t *edits, size_t n)
{
    size_t            i;
    dmp_entry_view_t  view;

    /* as it is, it is one */
    view_of(&view);

    for (i = 0; i < n; i++) {
        refused_with(&edits[i]);
    }
}


#define REFUSED_EACH(edits)                                                   \
    refused_each(edits, sizeof(edits) / sizeof((edits)[0]))


static void
test_admin_end_refused(void **state)
{
    static const edit_t  edits[] = {
        { ",\"changed\":", ",\"moved\":", DMP_E_UNKNOWN,
          "member \"moved\" where \"changed\" should be" },
        { "\"removed\":0", "\"removed\":0,\"kept\":1", DMP_E_UNKNOWN,
          "unknown member \"kept\"" },
        { ",\"removed\":0", "", DMP_E_SYNTAX, "missing member \"removed\"" },
        { ",\"added\":1000000,\"changed\":17", ",\"changed\":17",
          DMP_E_UNKNOWN, "member \"changed\" where \"added\" should be" },
        { "\"changed\":17,\"removed\":0", "\"removed\":0,\"changed\":17",
          DMP_E_UNKNOWN, "member \"removed\" where \"changed\" should be" },
        { "\"changed\":17", "\"changed\":17,\"note\":17", DMP_E_UNKNOWN,
          "member \"note\" where \"removed\" should be" },
        { "\"added\":1000000", "\"added\":-1", DMP_E_SYNTAX,
          "wrong value of \"added\"" },
        { "\"added\":1000000", "\"added\":\"1\"", DMP_E_SYNTAX,
          "wrong value of \"added\"" },
        { "\"added\":1000000", "\"added\":9007199254740992", DMP_E_SYNTAX,
          "wrong value of \"added\"" },
        { "\"phase\":\"end\"", "\"phase\":\"begin\"", DMP_E_UNKNOWN,
          "unknown member \"added\"" },
        { "\"phase\":\"end\"", "\"phase\":\"END\"", DMP_E_UNKNOWN,
          "unknown phase \"END\"" },
        { "\"phase\":\"end\"", "\"phase\":\"\"", DMP_E_UNKNOWN,
          "unknown phase \"\"" },
        { "\"phase\":\"end\"", "\"phase\":1", DMP_E_SYNTAX,
          "wrong value of \"phase\"" },
        { ",\"phase\":\"end\"", "", DMP_E_UNKNOWN,
          "member \"added\" where \"phase\" should be" },
        { "\"removed\":0", "\"removed\":0,\"removed\":0", DMP_E_SYNTAX,
          "a name given twice in one object at byte " },
    };

    (void) state;
    open_epoch();
    memset(memory, 0, sizeof(memory));
    assert_int_equal(admin_entry(true), DMP_OK);
    REFUSED_EACH(edits);
    sent('S');
}


static void
test_admin_begin_refused(void **state)
{
    static const edit_t  edits[] = {
        { "\"phase\":\"begin\"", "\"phase\":\"end\"", DMP_E_SYNTAX,
          "missing member \"added\"" },
        { "\"phase\":\"begin\"", "\"phase\":\"begin\",\"added\":1",
          DMP_E_UNKNOWN, "unknown member \"added\"" },
        { ",\"phase\":\"begin\"", "", DMP_E_SYNTAX,
          "missing member \"phase\"" },
        { "\"command\":\"directory import\"", "\"command\":\"\"",
          DMP_E_SYNTAX, "wrong value of \"command\"" },
        { ",\"command\":\"directory import\"", "", DMP_E_UNKNOWN,
          "member \"digest\" where \"command\" should be" },
        { "Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE", "", DMP_E_SYNTAX,
          "wrong value of \"digest\"" },
        { "\"trace\":", "\"patient\":", DMP_E_UNKNOWN,
          "member \"patient\" where \"trace\" should be" },
        { "\"actor\":{", "\"actor\":{\"name\":\"x\",", DMP_E_UNKNOWN,
          "member \"name\" where \"kind\" should be" },
        { "\"kind\":\"admin\"", "\"kind\":\"access\"", DMP_E_UNKNOWN,
          "member \"command\" where \"operation\" should be" },
        { "\"kind\":\"admin\"", "\"kind\":\"outcome\"", DMP_E_UNKNOWN,
          "member \"trace\" where \"outcomes\" should be" },
        { "\"kind\":\"admin\"", "\"kind\":\"administer\"", DMP_E_UNKNOWN,
          "unknown kind \"administer\"" },
    };

    (void) state;
    open_epoch();
    memset(memory, 0, sizeof(memory));
    assert_int_equal(admin_entry(false), DMP_OK);
    REFUSED_EACH(edits);
    sent('S');
}


/* Which card was refused, and not whom it claims to be. */
static void
test_refused_certificate(void **state)
{
    log_access_t      a;
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();

    log_make_access(&a, (int64_t) store.ms);
    a.subject.certificate = DMP_CREDENTIAL_REJECTED;
    a.access.patient = dmp_null_string;
    a.decision.effect = DMP_DENY;
    a.decision.rule = DMP_RULE_A2;
    a.decision.reason = DMP_REASON_CERTIFICATE_REJECTED;
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_true(dmp_str_eq(view.actor_kind, dmp_string("none")));
    assert_int_equal(view.actor_id.len, 0);
    assert_true(dmp_str_eq(view.certificate_serial,
                           dmp_string("2c0f9a7e1b3d5f60")));
    assert_true(dmp_str_eq(view.certificate_issuer,
                           dmp_string("TEST AC IGC-SANTE FORT PERSONNES")));
    sent('S');

    /* a serial number that cannot be one, an issuer without a name */
    a.subject.certificate_serial = dmp_null_string;
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_int_equal(view.certificate_serial.len, 0);
    assert_int_equal(view.certificate_issuer.len, 32);
    sent('S');

    a.subject.certificate_serial = dmp_string("01");
    a.subject.certificate_issuer = dmp_null_string;
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_true(dmp_str_eq(view.certificate_serial, dmp_string("01")));
    assert_int_equal(view.certificate_issuer.len, 0);
    sent('S');

    a.subject.certificate_serial = dmp_null_string;
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    view_of(&view);
    assert_int_equal(view.certificate_serial.len, 0);
    assert_int_equal(view.certificate_issuer.len, 0);
    sent('S');
}


static void
test_actor_refused(void **state)
{
    log_access_t         a;
    static const edit_t  edits[] = {
        { "{\"serial\":\"2c0f9a7e1b3d5f60\","
          "\"issuer\":\"TEST AC IGC-SANTE FORT PERSONNES\"}", "{}",
          DMP_E_SYNTAX, "missing member \"serial\"" },
        { "\"serial\":\"2c0f9a7e1b3d5f60\","
          "\"issuer\":\"TEST AC IGC-SANTE FORT PERSONNES\"",
          "\"issuer\":\"a\",\"serial\":\"b\"", DMP_E_UNKNOWN,
          "unknown member \"serial\"" },
        { "{\"serial\":", "{\"subject\":\"a\",\"serial\":", DMP_E_UNKNOWN,
          "member \"subject\" where \"serial\" should be" },
        { "\"serial\":\"2c0f9a7e1b3d5f60\"", "\"serial\":4", DMP_E_SYNTAX,
          "wrong value of \"serial\"" },
        { "PERSONNES\"}", "PERSONNES\",\"until\":1}", DMP_E_UNKNOWN,
          "unknown member \"until\"" },
        { "PERSONNES\"}}", "PERSONNES\"},\"note\":1}", DMP_E_UNKNOWN,
          "unknown member \"note\"" },
    };

    (void) state;
    open_epoch();
    memset(memory, 0, sizeof(memory));
    log_make_access(&a, (int64_t) store.ms);
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    REFUSED_EACH(edits);
    sent('1');
}


static void
test_too_long(void **state)
{
    dmp_error_t       error;
    dmp_entry_view_t  view;

    (void) state;
    memset(memory, ' ', sizeof(memory));

    /* one byte less is looked at, and is nothing */
    assert_int_equal(dmp_entry_parse(memory, DMP_SUMMARY_MAX, &view, &error),
                     DMP_E_SYNTAX);
    assert_int_equal(dmp_entry_parse(memory, DMP_SUMMARY_MAX + 1, &view,
                                     &error), DMP_E_LIMIT);
    assert_string_equal(error.text, "40961 bytes, an entry has 40960 at most");
}


int
main(void)
{
    int                      rc;
    const struct CMUnitTest  tests[] = {
#define ENTRY_TEST(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ENTRY_TEST(test_admin_bytes),
        ENTRY_TEST(test_admin_end_refused),
        ENTRY_TEST(test_admin_begin_refused),
        ENTRY_TEST(test_refused_certificate),
        ENTRY_TEST(test_actor_refused),
        ENTRY_TEST(test_too_long),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(audit_key);

    return rc;
}
