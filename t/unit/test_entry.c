/*
 * test_entry.c: the bytes of an entry, and what the strict reader refuses of
 * one that was changed.
 */

#include "writer_case.h"


static void
test_admin_bytes(void **state)
{
    log_admin_t  a;

    (void) state;
    open_epoch();

    log_make_admin(&a, now(), true);
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
    rest_is(",\"trace\":",
            ",\"trace\":\"019a0000-0000-7000-8000-000000000002\","
            "\"actor\":{\"kind\":\"operator\",\"id\":\"root\","
            "\"auth\":\"operator\"},\"command\":\"directory import\","
            "\"digest\":\"Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE\","
            "\"phase\":\"end\",\"added\":1000000,\"changed\":17,"
            "\"removed\":0}");
    sent('S');

    log_make_admin(&a, now(), false);
    a.admin.digest = dmp_null_string;
    a.admin.command = dmp_string("directory \"import\"\n");
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
    rest_is(",\"trace\":",
            ",\"trace\":\"019a0000-0000-7000-8000-000000000002\","
            "\"actor\":{\"kind\":\"operator\",\"id\":\"root\","
            "\"auth\":\"operator\"},\"command\":"
            "\"directory \\\"import\\\"\\n\",\"phase\":\"begin\"}");
    sent('S');
}


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
        { "\"removed\":0", "\"removed\":0,\"removed\":0", DMP_E_UNKNOWN,
          "unknown member \"removed\"" },
    };

    (void) state;
    open_epoch();
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

    log_make_access(&a, now());
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
    log_make_access(&a, now());
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry), DMP_OK);
    REFUSED_EACH(edits);
    sent('1');
}


/* The entry of an access, or of a change that makes version 8. */
static void
access_entry(const log_access_t *a, bool change)
{
    memset(memory, 0, sizeof(memory));
    assert_int_equal(change
                     ? dmp_writer_change(w, 0, &a->access, 8, &buf, &entry)
                     : dmp_writer_access(w, 0, &a->access, &buf, &entry),
                     DMP_OK);
}


/* A session's is an access under another name, and has no version. */
static void
test_session(void **state)
{
    log_access_t         a;
    dmp_entry_view_t     view;
    static const edit_t  edits[] = {
        { "\"version\":0", "\"version\":7", DMP_E_SYNTAX,
          "wrong value of \"version\"" },
        { ",\"version\":0", "", DMP_E_UNKNOWN,
          "member \"client\" where \"version\" should be" },
        { "\"version\":0", "\"version\":0,\"new_version\":1",
          DMP_E_UNKNOWN, "unknown member \"new_version\"" },
        { "\"kind\":\"session\"", "\"kind\":\"change\"", DMP_E_UNKNOWN,
          "member \"client\" where \"new_version\" should be" },
        { "\"kind\":\"session\"", "\"kind\":\"sessions\"", DMP_E_UNKNOWN,
          "unknown kind \"sessions\"" },
    };

    (void) state;
    open_epoch();

    log_make_access(&a, now());
    memset(&a.subject, 0, sizeof(a.subject));
    a.subject.actor = DMP_ACTOR_PATIENT;
    a.subject.auth = DMP_AUTH_SESSION;
    a.subject.id = a.access.patient;
    a.request.operation = DMP_OPERATION_CODE;
    a.request.route = "/api/session/code";
    a.decision.effect = DMP_DENY;
    a.decision.unverified = false;
    a.decision.rule = DMP_RULE_NONE;
    a.decision.reason = DMP_REASON_CODE_REJECTED;
    a.access.document.id = dmp_null_string;
    a.access.method = dmp_string("POST");

    assert_int_equal(dmp_writer_session(w, 0, &a.access, &buf, &entry),
                     DMP_E_INTERNAL);
    assert_int_equal(entry.seq, 0);

    a.access.version = 0;
    assert_int_equal(dmp_writer_session(w, 0, &a.access, &buf, &entry),
                     DMP_OK);
    rest_is(",\"trace\":",
            ",\"trace\":\"019a0000-0000-7000-8000-000000000001\","
            "\"actor\":{\"kind\":\"patient\","
            "\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"auth\":\"session\"},"
            "\"patient\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"operation\":\"code\","
            "\"mode\":\"normal\",\"decision\":\"deny\",\"rule\":\"none\","
            "\"reason\":\"code-rejected\","
            "\"policy\":\"Vd0VnWq1cCnZ3l6cIXg0bJ\",\"version\":0,"
            "\"client\":\"192.0.2.17\",\"method\":\"POST\","
            "\"route\":\"/api/session/code\"}");
    view_of(&view);
    assert_int_equal(view.kind, DMP_KIND_SESSION);
    assert_true(dmp_str_eq(view.actor_auth, dmp_string("session")));
    assert_true(dmp_str_eq(view.operation, dmp_string("code")));
    REFUSED_EACH(edits);
    sent('1');
}


/* What stands between the mode and what was decided. */
static void
asked_is(const char *expected)
{
    const char  *start, *end;

    start = strchr(member_of(",\"mode\":\"") + sizeof(",\"mode\":\"") - 1,
                   '"');
    assert_non_null(start);
    start++;
    end = strstr(start, ",\"decision\":");
    assert_non_null(end);

    if (strlen(expected) != (size_t) (end - start)
        || memcmp(start, expected, (size_t) (end - start)) != 0)
    {
        fail_msg("%.*s", (int) (end - start), start);
    }
}


/* As long as the least that a seal can be. */
static const char  sealed_bytes[DMP_SEAL_OVERHEAD + 1]
    = "\001\377\376sealed, and cannot be read now";

#define SEALED_TEXT  "Af_-c2VhbGVkLCBhbmQgY2Fubm90IGJlIHJlYWQgbm93"


static void
test_sealed_members(void **state)
{
    dmp_str_t         sealed;
    log_access_t      a;
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    sealed = (dmp_str_t) { sealed_bytes, DMP_SEAL_OVERHEAD };
    log_make_access(&a, now());
    a.request.mode = DMP_MODE_BRIS_DE_GLACE;
    a.access.document.id = dmp_null_string;
    a.access.justification = sealed;
    access_entry(&a, false);
    asked_is(",\"emergency\":true,\"justification\":\"" SEALED_TEXT "\"");
    view_of(&view);
    assert_true(dmp_str_eq(view.justification, dmp_string(SEALED_TEXT)));
    assert_int_equal(view.details.len, 0);
    sent('1');

    /* of whatever operation has something to tell, before its documents */
    a.request.mode = DMP_MODE_NORMAL;
    a.request.operation = DMP_OPERATION_MASK;
    a.access.justification = dmp_null_string;
    a.access.details = sealed;
    a.access.document.id = dmp_string("doc");
    a.access.document.type = dmp_null_string;
    access_entry(&a, true);
    asked_is(",\"details\":\"" SEALED_TEXT "\","
             "\"documents\":[[\"doc\",\"\"]]");
    view_of(&view);
    assert_true(dmp_str_eq(view.details, dmp_string(SEALED_TEXT)));
    assert_int_equal(view.justification.len, 0);
    assert_int_equal(view.change.len, 0);
    sent('R');
}


/* A writer's name is a node's, "/" and 16 hex digits: nothing to escape. */
static void
test_writer_names(void **state)
{
    int                n;
    char               body[512];
    size_t             i;
    dmp_error_t        error;
    dmp_entry_view_t   view;
    static const char *names[] = {
        "gw-a/0123456789abcdef", "", "gw", "gw-a/0123456789abcde",
        "gw-a-0123456789abcdef", "gw-a/0123456789abcdeF",
        "gw a/0123456789abcdef", "gw\xc2\x9b/0123456789abcdef",
        "gw\xe2\x80\xae/0123456789abcdef", "gw\\u001b/0123456789abcdef"
    };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = snprintf(body, sizeof(body), "{\"format\":1,\"kind\":\"outcome\","
                     "\"writer\":\"%s\",\"epoch\":1,\"seq\":1,\"prev\":\""
                     "%043d\",\"bucket\":0,\"time\":"
                     "\"2026-11-22T03:06:48.123Z\",\"ack\":[0,\"%021dA\"],"
                     "\"outcomes\":[],\"abandoned\":[]}", names[i], 0, 0);
        assert_int_equal(dmp_entry_parse(body, (size_t) n, &view, &error)
                         == DMP_OK, i == 0);

        if (i > 0) {
            assert_non_null(strstr(error.text, "writer"));
        }
    }
}


/* How accesses ended: five members, or six; the names of none. */
static void
test_ends(void **state)
{
    int                n;
    char               body[640];
    size_t             i;
    dmp_error_t        error;
    dmp_entry_view_t   view;
    static const char  id[] = "019a0000-0000-7000-8000-000000000001";
    static const char *ends[] = {
        "[\"%s\",200,5000,1,0]", "[\"%s\",502,0,0,0,\"answer-unchecked\"]",
        "[\"%s\"]", "[\"%s\",200,5000,1]", "[\"%s\",200,5000,1,]",
        "[\"%s\",200,5000,1,0,]", "[\"%s\",200,5000,1,0,7]",
        "[\"%s\",200,5000,1,0,\"none\",1]", "[\"%s\",200,-1,1,0]",
        "[\"%s\",200,1.5,1,0]", "[\"%s\",\"200\",5000,1,0]",
        "[%s,200,5000,1,0]", "{\"trace\":\"%s\",\"status\":200}",
        "[\"%s\",200,5000,1,0", "[\"%s\", 200,5000,1,0]"
    };

    (void) state;

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        n = snprintf(body, sizeof(body), "{\"format\":1,\"kind\":\"outcome\","
                     "\"writer\":\"gw-a/0123456789abcdef\",\"epoch\":1,"
                     "\"seq\":1,\"prev\":\"%043d\",\"bucket\":0,\"time\":"
                     "\"2026-11-22T03:06:48.123Z\",\"ack\":[0,\"%021dA\"],"
                     "\"outcomes\":[", 0, 0);
        n += snprintf(body + n, sizeof(body) - (size_t) n, ends[i], id);
        n += snprintf(body + n, sizeof(body) - (size_t) n,
                      "],\"abandoned\":[]}");
        assert_int_equal(dmp_entry_parse(body, (size_t) n, &view, &error)
                         == DMP_OK, i < 2);

        if (i >= 2) {
            assert_non_null(strstr(error.text, "outcomes"));
        }
    }
}


static void
test_rights(void **state)
{
    log_access_t      a;
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    log_make_access(&a, now());
    a.request.operation = DMP_OPERATION_RIGHTS;
    a.request.change = DMP_CHANGE_BLOCK;
    a.request.target = dmp_string("899700314422");
    a.access.document.id = dmp_null_string;
    a.access.details = (dmp_str_t) { sealed_bytes, DMP_SEAL_OVERHEAD };
    access_entry(&a, true);
    asked_is(",\"change\":\"block\","
             "\"target\":\"899700314422\",\"details\":\"" SEALED_TEXT "\"");
    view_of(&view);
    assert_true(dmp_str_eq(view.change, dmp_string("block")));
    assert_true(dmp_str_eq(view.target, dmp_string("899700314422")));
    assert_true(dmp_str_eq(view.details, dmp_string(SEALED_TEXT)));
    sent('R');

    /* refused, it is an access, and says the same */
    a.decision.effect = DMP_DENY;
    a.access.details = dmp_null_string;
    access_entry(&a, false);
    asked_is(",\"change\":\"block\","
             "\"target\":\"899700314422\"");
    sent('1');

    /* a change that nobody knows, and what is no change of rights */
    a.request.change = DMP_CHANGE_MAX;
    access_entry(&a, false);
    asked_is("");
    sent('1');
    a.request.change = DMP_CHANGE_NONE;
    access_entry(&a, false);
    asked_is("");
    sent('1');
    a.request.change = DMP_CHANGE_BLOCK;
    a.request.operation = DMP_OPERATION_CLOSE;
    access_entry(&a, true);
    asked_is("");
    sent('R');
}


/* Who may stand in clear, and for which changes. */
static void
test_targets(void **state)
{
    char          expected[256];
    size_t        i;
    log_access_t  a;

    static const struct {
        dmp_change_t  change;
        const char   *name;
        const char   *target;
        bool          named;
    } cases[] = {
        { DMP_CHANGE_AUTHORISE, "authorise", "899700218896", true },
        { DMP_CHANGE_AUTHORISE, "authorise", "1750712184", true },
        { DMP_CHANGE_WITHDRAW, "withdraw", "0751234567", true },
        { DMP_CHANGE_UNBLOCK, "unblock", "3990712184/MOREL", true },
        { DMP_CHANGE_DESIGNATE, "designate", "899700218896", true },
        { DMP_CHANGE_DISMISS, "dismiss", "899700218896", true },
        /* no identifier, too long to be one, or a patient's */
        { DMP_CHANGE_BLOCK, "block", "Dr Morel", false },
        { DMP_CHANGE_BLOCK, "block", "", false },
        { DMP_CHANGE_BLOCK, "block", "3990712184/MMMMMMMMMMMMMMMMMMMMMMMMMMM"
          "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM", false },
        { DMP_CHANGE_BLOCK, "block", "285037512000151", false },
        { DMP_CHANGE_BLOCK, "block", "3990712184/285037512000151", false },
        /* of those that concern nobody, or another patient */
        { DMP_CHANGE_NAME_REPRESENTATIVE, "name-representative",
          "899700218896", false },
        { DMP_CHANGE_REMOVE_REPRESENTATIVE, "remove-representative",
          "172066912304538", false },
        { DMP_CHANGE_OPPOSE, "oppose", "899700218896", false },
        { DMP_CHANGE_MASK_DEFAULT, "mask-default", "899700218896", false },
        { DMP_CHANGE_CONTACT, "contact", "899700218896", false },
    };

    (void) state;
    open_epoch();
    log_make_access(&a, now());
    a.request.operation = DMP_OPERATION_RIGHTS;
    a.access.document.id = dmp_null_string;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a.request.change = cases[i].change;
        a.request.target = (dmp_str_t) { cases[i].target,
                                         strlen(cases[i].target) };
        (void) snprintf(expected, sizeof(expected),
                        ",\"change\":\"%s\"%s%s%s",
                        cases[i].name, cases[i].named ? ",\"target\":\"" : "",
                        cases[i].named ? cases[i].target : "",
                        cases[i].named ? "\"" : "");
        access_entry(&a, false);
        asked_is(expected);
        sent('1');
    }
}


static void
test_rights_refused(void **state)
{
    log_access_t         a;
    static const edit_t  edits[] = {
        { "\"change\":\"block\"", "\"change\":\"ban\"", DMP_E_UNKNOWN,
          "unknown change \"ban\"" },
        { "\"change\":\"block\"", "\"change\":\"none\"", DMP_E_UNKNOWN,
          "unknown change \"none\"" },
        { "\"change\":\"block\"", "\"change\":1", DMP_E_SYNTAX,
          "wrong value of \"change\"" },
        { "\"operation\":\"rights\"", "\"operation\":\"read\"", DMP_E_UNKNOWN,
          "member \"change\" where \"decision\" should be" },
        { ",\"change\":\"block\"", "", DMP_E_UNKNOWN,
          "member \"target\" where \"decision\" should be" },
        { "\"target\":\"899700314422\"", "\"target\":\"\"", DMP_E_SYNTAX,
          "wrong value of \"target\"" },
        { "\"target\":\"899700314422\"", "\"target\":8", DMP_E_SYNTAX,
          "wrong value of \"target\"" },
        { ",\"target\":\"899700314422\"",
          ",\"target\":\"899700314422\",\"target\":\"899700314422\"",
          DMP_E_UNKNOWN, "member \"target\" where \"decision\" should be" },
        { "\"change\":\"block\",\"target\":\"899700314422\"",
          "\"target\":\"899700314422\",\"change\":\"block\"",
          DMP_E_UNKNOWN, "member \"target\" where \"decision\" should be" },
        { "\"details\":\"Af", "\"details\":\"", DMP_E_SYNTAX,
          "wrong value of \"details\"" },
        { "\"details\":\"" SEALED_TEXT "\"", "\"details\":\"\"", DMP_E_SYNTAX,
          "wrong value of \"details\"" },
        { "\"details\":\"" SEALED_TEXT "\"",
          "\"details\":\"" SEALED_TEXT "A\"", DMP_E_SYNTAX,
          "wrong value of \"details\"" },
        { "\"details\":\"Af_-", "\"details\":\"Af/+", DMP_E_SYNTAX,
          "wrong value of \"details\"" },
        { "\"details\":\"Af_-", "\"details\":\"A\\u0066_-", DMP_E_SYNTAX,
          "wrong value of \"details\"" },
        { "\"details\":", "\"justification\":", DMP_E_UNKNOWN,
          "member \"justification\" where \"decision\" should be" },
        { ",\"mode\":\"normal\",",
          ",\"mode\":\"normal\",\"justification\":\"Af\",", DMP_E_SYNTAX,
          "wrong value of \"justification\"" },
        { ",\"mode\":\"normal\",",
          ",\"mode\":\"normal\",\"details\":\"" SEALED_TEXT "\",",
          DMP_E_UNKNOWN, "member \"change\" where \"decision\" should be" },
    };

    (void) state;
    open_epoch();
    log_make_access(&a, now());
    a.request.operation = DMP_OPERATION_RIGHTS;
    a.request.change = DMP_CHANGE_BLOCK;
    a.request.target = dmp_string("899700314422");
    a.access.details = (dmp_str_t) { sealed_bytes, DMP_SEAL_OVERHEAD };
    access_entry(&a, false);
    REFUSED_EACH(edits);
    sent('1');
}


/* Millions of these are kept in memory: what a card's read costs. */
static void
test_size(void **state)
{
    log_access_t  a;

    (void) state;
    open_epoch();
    log_make_access(&a, now());
    a.subject.used.sector.code = dmp_null_string;
    a.subject.used.structure = dmp_null_string;
    a.decision.unverified = false;
    access_entry(&a, false);
    print_message("# a read: %zu bytes\n", entry.body.len);
    assert_true(entry.body.len < 790);
    sent('1');
}


/* By which policy: how its digest begins, or nothing. */
static void
test_policy(void **state)
{
    log_access_t      a;
    dmp_entry_view_t  view;

    (void) state;
    open_epoch();
    log_make_access(&a, now());
    access_entry(&a, false);
    view_of(&view);
    assert_true(dmp_str_eq(view.policy, dmp_string("Vd0VnWq1cCnZ3l6cIXg0bJ")));
    assert_int_equal(view.reason.len, 0);
    sent('1');

    a.access.policy = dmp_null_string;
    access_entry(&a, false);
    view_of(&view);
    assert_int_equal(view.policy.len, 0);
    sent('1');

    /* less than that names none */
    a.access.policy = dmp_string("Vd0VnWq1cCnZ3l6cIXg0b");
    assert_int_equal(dmp_writer_access(w, 0, &a.access, &buf, &entry),
                     DMP_E_INTERNAL);
    assert_null(entry.body.data);
    a.access.policy = dmp_null_string;
    access_entry(&a, false);
    sent('1');
}


static dmp_str_t
filled(char *room, size_t len)
{
    memset(room, 'm', len);

    return (dmp_str_t) { room, len };
}


/* All that an access can have, as long as it can be. */
static void
make_largest(log_access_t *a, char room[8][256], const char *sealed,
    size_t sealed_len)
{
    static const char  types[] = "1.2.250.1.213.1.1.4.2.999";

    log_make_access(a, now());
    a->subject.actor = DMP_ACTOR_REPRESENTATIVE;
    a->subject.auth = DMP_AUTH_INDIRECT_REINFORCED;
    a->subject.id = filled(room[0], 64);
    a->subject.role.system = dmp_string(types);
    a->subject.role.code = filled(room[1], 16);
    a->subject.used.specialty.system = dmp_string(types);
    a->subject.used.specialty.code = filled(room[2], 16);
    a->subject.used.sector.system = dmp_string(types);
    a->subject.used.sector.code = filled(room[3], 16);
    a->subject.used.structure = filled(room[4], 64);
    a->subject.certificate_serial
        = dmp_string("ffffffffffffffffffffffffffffffffffffffff");
    a->subject.certificate_issuer = filled(room[5], 256);
    a->request.operation = DMP_OPERATION_RIGHTS;
    a->request.change = DMP_CHANGE_AUTHORISE;
    a->request.target = dmp_string("4123456789012345");
    a->request.mode = DMP_MODE_BRIS_DE_GLACE;
    a->request.route = "DocumentReference?patient.identifier=&identifier=";
    a->decision.reason = DMP_REASON_INVISIBLE_TO_REPRESENTATIVES;
    a->access.version = UINT64_MAX;
    a->access.client
        = dmp_string("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    a->access.method = dmp_string("VERSION-CONTROL");
    a->access.document.id = filled(room[6], 256);
    a->access.document.type = filled(room[7], 64);
    a->access.repeated = UINT64_MAX;
    a->access.justification = (dmp_str_t) { sealed, sealed_len };
}


/* 1,000 characters of 4 bytes, sealed, in an entry that lacks nothing. */
static void
test_largest(void **state)
{
    char              room[8][256], node[DMP_WRITER_MAX];
    dmp_buf_t         b;
    log_access_t      a;
    static char       sealed[4000 + DMP_SEAL_OVERHEAD];
    dmp_entry_view_t  view;

    (void) state;
    memset(sealed, '\xf0', sizeof(sealed));
    dmp_writer_free(w);
    w = dmp_writer_create(filled(node, sizeof(node)), LOG_BUCKETS, audit_key,
                          NULL);
    assert_non_null(w);
    assert_int_equal(dmp_writer_name(w).len, DMP_WRITER_MAX);
    open_epoch();

    /* and a signature of its own */
    dmp_writer_sign_each(w, true);
    make_largest(&a, room, sealed, sizeof(sealed));
    dmp_buf_init(&b, memory, DMP_ENTRY_MAX);
    assert_int_equal(dmp_writer_change(w, 0, &a.access, UINT64_MAX, &b,
                                       &entry), DMP_OK);
    print_message("# the largest access entry: %zu bytes\n", entry.body.len);
    assert_true(entry.body.len > 7000);

    /* numbers that no reader of JSON takes back are not looked at here */
    a.access.version = 1;
    a.access.repeated = 1;
    sent('R');
    assert_int_equal(dmp_writer_change(w, 0, &a.access, 2, &b, &entry),
                     DMP_OK);
    view_of(&view);
    assert_int_equal(view.justification.len, (sizeof(sealed) * 4 + 2) / 3);
    sent('R');
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
    const struct CMUnitTest  tests[] = {
        WRITER_TEST(test_admin_bytes),
        WRITER_TEST(test_admin_end_refused),
        WRITER_TEST(test_admin_begin_refused),
        WRITER_TEST(test_refused_certificate),
        WRITER_TEST(test_actor_refused),
        WRITER_TEST(test_session),
        WRITER_TEST(test_sealed_members),
        WRITER_TEST(test_rights),
        WRITER_TEST(test_writer_names),
        WRITER_TEST(test_ends),
        WRITER_TEST(test_targets),
        WRITER_TEST(test_rights_refused),
        WRITER_TEST(test_size),
        WRITER_TEST(test_policy),
        WRITER_TEST(test_largest),
        WRITER_TEST(test_too_long),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
