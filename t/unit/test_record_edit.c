/*
 * test_record_edit.c: what each change makes of a record, what it leaves
 * alone, what it says of itself to the trace, and what it refuses.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include <dmp/dmp_change.h>


#define INS      "285037512000151"
#define OTHER    "158077505600212"
#define MOREL    "899700218896"
#define ADELI    "0751234567"
#define PETIT    "899700314422"
#define TODAY    20514                   /* 2026-03-02 */
#define HEAD     "\"ins\":\"" INS "\",\"status\":\"open\""

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static dmp_edit_t     edit;
static dmp_request_t  request;
static dmp_error_t    error;
static char          *made;
static size_t         made_len;
static bool           changed;


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* A change of rights, by the patient. */
static void
change(dmp_change_t what, const char *target)
{
    memset(&request, 0, sizeof(request));
    memset(&edit, 0, sizeof(edit));

    request.operation = DMP_OPERATION_RIGHTS;
    request.change = what;
    request.target = str(target);

    edit.request = &request;
    edit.by = DMP_ACTOR_PATIENT;
    edit.today = TODAY;
    edit.days = 365;
}


static void
also(const char *id)
{
    request.target_ids[request.n_target_ids++] = str(id);
}


static void
mask(dmp_operation_t operation, const char *document)
{
    change(DMP_CHANGE_NONE, "");
    request.operation = operation;
    edit.document = str(document);
}


static dmp_rc_t
make(const char *json)
{
    char      *copy;
    size_t     len;
    dmp_rc_t   rc;

    free(made);

    /* without a NUL after it */
    len = strlen(json);
    copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, json, len);
    rc = dmp_record_edit(copy, len, &edit, &made, &made_len, &changed, &error);
    free(copy);

    if (rc != DMP_OK) {
        assert_null(made);
        assert_false(changed);
        assert_string_not_equal(error.text, "");
    }

    return rc;
}


static void
same_json(const char *text, size_t len, const char *want)
{
    json_t  *got, *wanted;

    got = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    wanted = json_loads(want, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(got);
    assert_non_null(wanted);

    if (!json_equal(got, wanted)) {
        fail_msg("%.*s\nnot %s", (int) len, text, want);
    }

    json_decref(got);
    json_decref(wanted);
}


/* The change makes that of it; made again, nothing more. */
static void
makes(const char *from, const char *to)
{
    char          *first;
    dmp_record_t  *record;

    if (make(from) != DMP_OK) {
        fail_msg("%s: %s", from, error.text);
    }

    same_json(made, made_len, to);
    assert_int_equal(dmp_record_parse(made, made_len, &record, &error),
                     DMP_OK);
    dmp_record_free(record);

    first = malloc(made_len + 1);
    assert_non_null(first);
    memcpy(first, made, made_len);
    first[made_len] = '\0';

    assert_int_equal(make(first), DMP_OK);
    assert_false(changed);
    same_json(made, made_len, to);
    free(first);
}


static void
alters(const char *from, const char *to)
{
    makes(from, to);
    assert_int_equal(make(from), DMP_OK);
    assert_true(changed);
}


static void
leaves(const char *from)
{
    makes(from, from);
}


#define GRANT(id, since, until, by)                                          \
    "\"" id "\":{\"since\":\"" since "\",\"until\":\"" until "\",\"by\":\""  \
    by "\"}"


static void
test_authorise(void **state)
{
    (void) state;

    change(DMP_CHANGE_AUTHORISE, MOREL);
    alters("{" HEAD "}",
           "{" HEAD ",\"authorisations\":{"
           GRANT(MOREL, "2026-03-02", "2027-03-02", "patient") "}}");

    /* renewing replaces, whoever gave the old one, and under any identifier */

    edit.by = DMP_ACTOR_PROFESSIONAL;
    request.until = TODAY + 7;
    also(ADELI);
    alters("{" HEAD ",\"authorisations\":{"
           GRANT(PETIT, "2026-01-01", "2026-06-01", "patient") ","
           GRANT(MOREL, "2026-01-01", "2029-01-01", "patient") ","
           GRANT(ADELI, "2026-01-01", "2029-01-01", "patient") "}}",
           "{" HEAD ",\"authorisations\":{"
           GRANT(PETIT, "2026-01-01", "2026-06-01", "patient") ","
           GRANT(MOREL, "2026-03-02", "2026-03-09", "professional") "}}");

    change(DMP_CHANGE_AUTHORISE, "1750712184");
    edit.by = DMP_ACTOR_OPERATOR;
    edit.days = 1;
    alters("{" HEAD ",\"authorisations\":{}}",
           "{" HEAD ",\"authorisations\":{"
           GRANT("1750712184", "2026-03-02", "2026-03-03", "operator") "}}");

    change(DMP_CHANGE_AUTHORISE, MOREL);
    leaves("{" HEAD ",\"authorisations\":{"
           GRANT(MOREL, "2026-03-02", "2027-03-02", "patient") "}}");
}


static void
test_withdraw(void **state)
{
    (void) state;

    change(DMP_CHANGE_WITHDRAW, MOREL);
    also(ADELI);
    alters("{" HEAD ",\"treating\":[\"" MOREL "\"],\"authorisations\":{"
           GRANT(MOREL, "2026-01-01", "2027-01-01", "patient") ","
           GRANT(PETIT, "2026-01-01", "2027-01-01", "patient") ","
           GRANT(ADELI, "2025-01-01", "2026-01-01", "patient") "}}",
           "{" HEAD ",\"treating\":[\"" MOREL "\"],\"authorisations\":{"
           GRANT(PETIT, "2026-01-01", "2027-01-01", "patient") "}}");
    leaves("{" HEAD "}");
    leaves("{" HEAD ",\"authorisations\":{}}");
}


static void
test_block(void **state)
{
    (void) state;

    change(DMP_CHANGE_BLOCK, MOREL);
    also(ADELI);
    also("no identifier");
    alters("{" HEAD ",\"blocked\":[\"" PETIT "\"],"
           "\"treating\":[\"" PETIT "\",\"" ADELI "\",\"" MOREL "\"],"
           "\"authorisations\":{"
           GRANT(PETIT, "2026-01-01", "2027-01-01", "patient") ","
           GRANT(ADELI, "2026-01-01", "2027-01-01", "patient") ","
           GRANT(MOREL, "2026-01-01", "2027-01-01", "patient") "}}",
           "{" HEAD ",\"blocked\":[\"" PETIT "\",\"" MOREL "\",\"" ADELI
           "\"],\"treating\":[\"" PETIT "\"],\"authorisations\":{"
           GRANT(PETIT, "2026-01-01", "2027-01-01", "patient") "}}");

    change(DMP_CHANGE_BLOCK, MOREL);
    alters("{" HEAD "}", "{" HEAD ",\"blocked\":[\"" MOREL "\"]}");
    leaves("{" HEAD ",\"blocked\":[\"" MOREL "\"]}");

    /* neither authorisation nor designation comes back */

    change(DMP_CHANGE_UNBLOCK, ADELI);
    also(MOREL);
    alters("{" HEAD ",\"blocked\":[\"" MOREL "\",\"" PETIT "\",\"" MOREL
           "\"],\"treating\":[],\"authorisations\":{}}",
           "{" HEAD ",\"blocked\":[\"" PETIT "\"],\"treating\":[],"
           "\"authorisations\":{}}");
    leaves("{" HEAD "}");
}


static void
test_treating(void **state)
{
    (void) state;

    /* several are possible; none is authorised by it */

    change(DMP_CHANGE_DESIGNATE, MOREL);
    alters("{" HEAD ",\"treating\":[\"" PETIT "\"]}",
           "{" HEAD ",\"treating\":[\"" PETIT "\",\"" MOREL "\"]}");
    alters("{" HEAD "}", "{" HEAD ",\"treating\":[\"" MOREL "\"]}");

    also(ADELI);
    leaves("{" HEAD ",\"treating\":[\"" ADELI "\"]}");

    change(DMP_CHANGE_DISMISS, MOREL);
    also(ADELI);
    alters("{" HEAD ",\"treating\":[\"" ADELI "\",\"" PETIT "\",\"" MOREL
           "\"],\"authorisations\":{"
           GRANT(MOREL, "2026-01-01", "2027-01-01", "patient") "}}",
           "{" HEAD ",\"treating\":[\"" PETIT "\"],\"authorisations\":{"
           GRANT(MOREL, "2026-01-01", "2027-01-01", "patient") "}}");
    leaves("{" HEAD "}");
}


static void
test_oppose(void **state)
{
    (void) state;

    change(DMP_CHANGE_OPPOSE, "");
    request.emergency.bris_de_glace = DMP_CHOICE_NO;
    alters("{" HEAD ",\"emergency\":{\"bris_de_glace\":true,"
           "\"centre_15\":true,\"masked\":false}}",
           "{" HEAD ",\"emergency\":{\"bris_de_glace\":false,"
           "\"centre_15\":true,\"masked\":false}}");

    request.emergency.masked = DMP_CHOICE_YES;
    alters("{" HEAD "}", "{" HEAD ",\"emergency\":{\"bris_de_glace\":false,"
           "\"masked\":true}}");

    request.emergency.centre_15 = DMP_CHOICE_NO;
    alters("{" HEAD ",\"emergency\":{}}",
           "{" HEAD ",\"emergency\":{\"bris_de_glace\":false,"
           "\"centre_15\":false,\"masked\":true}}");
}


static void
test_masks(void **state)
{
    (void) state;

    mask(DMP_OPERATION_MASK, "urn:oid:1.2");
    alters("{" HEAD ",\"masked\":[\"d1\"],\"unmasked\":[\"urn:oid:1.2\","
           "\"d2\"]}",
           "{" HEAD ",\"masked\":[\"d1\",\"urn:oid:1.2\"],"
           "\"unmasked\":[\"d2\"]}");
    alters("{" HEAD "}", "{" HEAD ",\"masked\":[\"urn:oid:1.2\"]}");

    mask(DMP_OPERATION_UNMASK, "urn:oid:1.2");
    alters("{" HEAD ",\"masked\":[\"d1\",\"urn:oid:1.2\"]}",
           "{" HEAD ",\"masked\":[\"d1\"]}");
    leaves("{" HEAD ",\"mask_by_default\":false}");
    alters("{" HEAD ",\"masked\":[\"urn:oid:1.2\"],"
           "\"mask_by_default\":true}",
           "{" HEAD ",\"masked\":[],\"mask_by_default\":true,"
           "\"unmasked\":[\"urn:oid:1.2\"]}");

    /* masked by an id that it was asked for with */

    request.document = str("d1");
    alters("{" HEAD ",\"masked\":[\"d1\",\"urn:oid:1.2\",\"d2\"]}",
           "{" HEAD ",\"masked\":[\"d2\"]}");

    change(DMP_CHANGE_MASK_DEFAULT, "");
    request.mask_by_default = DMP_CHOICE_YES;
    alters("{" HEAD "}", "{" HEAD ",\"mask_by_default\":true}");
    alters("{" HEAD ",\"mask_by_default\":false}",
           "{" HEAD ",\"mask_by_default\":true}");

    /* all means all; what is unmasked while it is on stays so */
    alters("{" HEAD ",\"unmasked\":[\"d1\"]}",
           "{" HEAD ",\"mask_by_default\":true,\"unmasked\":[]}");
    leaves("{" HEAD ",\"mask_by_default\":true,\"unmasked\":[\"d1\"]}");

    request.mask_by_default = DMP_CHOICE_NO;
    alters("{" HEAD ",\"mask_by_default\":true,\"unmasked\":[\"d1\"]}",
           "{" HEAD ",\"mask_by_default\":false,\"unmasked\":[\"d1\"]}");
}


static void
test_contact(void **state)
{
    (void) state;

    change(DMP_CHANGE_CONTACT, "");
    request.contact.email = str("zo\xc3\xa9@example.org");
    request.contact.prefer = str("email");
    alters("{" HEAD ",\"contact\":{\"phone\":\"+33612345678\","
           "\"prefer\":\"sms\"}}",
           "{" HEAD ",\"contact\":{\"phone\":\"+33612345678\","
           "\"prefer\":\"email\",\"email\":\"zo\xc3\xa9@example.org\"}}");

    change(DMP_CHANGE_CONTACT, "");
    request.contact.phone = str("");
    alters("{" HEAD ",\"contact\":{\"phone\":\"+33612345678\"}}",
           "{" HEAD ",\"contact\":{}}");
    leaves("{" HEAD "}");
    leaves("{" HEAD ",\"contact\":{\"email\":\"a@example.org\"}}");
}


static void
test_representatives(void **state)
{
    (void) state;

    change(DMP_CHANGE_NAME_REPRESENTATIVE, OTHER);
    request.until = TODAY + 1;
    alters("{" HEAD "}", "{" HEAD ",\"representatives\":[{\"ins\":\"" OTHER
           "\",\"until\":\"2026-03-03\"}]}");
    alters("{" HEAD ",\"representatives\":[{\"ins\":\"" OTHER
           "\",\"until\":\"2030-05-01\"},{\"ins\":\"269054958815780\","
           "\"until\":\"2030-05-01\"}]}",
           "{" HEAD ",\"representatives\":[{\"ins\":\"" OTHER
           "\",\"until\":\"2026-03-03\"},{\"ins\":\"269054958815780\","
           "\"until\":\"2030-05-01\"}]}");

    request.until = TODAY;
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);
    request.until = 0;
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);

    change(DMP_CHANGE_NAME_REPRESENTATIVE, MOREL);
    request.until = TODAY + 1;
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);

    change(DMP_CHANGE_REMOVE_REPRESENTATIVE, OTHER);
    alters("{" HEAD ",\"representatives\":[{\"ins\":\"" OTHER
           "\",\"until\":\"2030-05-01\"},{\"ins\":\"269054958815780\","
           "\"until\":\"2030-05-01\"}]}",
           "{" HEAD ",\"representatives\":[{\"ins\":\"269054958815780\","
           "\"until\":\"2030-05-01\"}]}");
    leaves("{" HEAD "}");
}


static void
test_status(void **state)
{
    (void) state;

    mask(DMP_OPERATION_CLOSE, "");
    alters("{" HEAD "}", "{\"ins\":\"" INS "\",\"status\":\"closed\"}");
    leaves("{\"ins\":\"" INS "\",\"status\":\"closed\"}");

    mask(DMP_OPERATION_REOPEN, "");
    alters("{\"ins\":\"" INS "\",\"status\":\"closed\"}", "{" HEAD "}");
    leaves("{" HEAD "}");
}


/* All members there are, in their order, but the one that changes. */
static void
test_keeps(void **state)
{
    static const char  before[] =
        "{\"status\":\"open\",\"ins\":\"" INS "\","
        "\"opened_at\":\"2026-01-05T09:00:00Z\","
        "\"traits\":{\"given\":\"Zo\xc3\xa9\",\"family\":\"O\\\"Neil\","
        "\"birth_family\":\"\",\"birthdate\":\"1985-03-02\",\"sex\":\"F\"},"
        "\"contact\":{\"phone\":\"+33\",\"email\":\"\"},"
        "\"emergency\":{\"masked\":false,\"bris_de_glace\":true},";
    static const char  after[] =
        "\"representatives\":[{\"ins\":\"" OTHER "\","
        "\"until\":\"2030-05-01\"}],"
        "\"masked\":[\"a/b\",\"d1\"],\"mask_by_default\":true,"
        "\"unmasked\":[\"d2\"],\"authorisations\":{"
        GRANT(PETIT, "2026-01-01", "2027-01-01", "me") "}}";
    char  from[2048], to[2048];

    (void) state;

    (void) snprintf(from, sizeof(from), "%s\"treating\":[\"" PETIT "\"],%s",
                    before, after);
    (void) snprintf(to, sizeof(to), "%s\"treating\":[\"" PETIT "\",\"" MOREL
                    "\"],%s", before, after);

    change(DMP_CHANGE_DESIGNATE, MOREL);
    assert_int_equal(make(from), DMP_OK);
    assert_int_equal(made_len, strlen(to));
    assert_memory_equal(made, to, made_len);

    change(DMP_CHANGE_DISMISS, MOREL);
    assert_int_equal(make(to), DMP_OK);
    assert_int_equal(made_len, strlen(from));
    assert_memory_equal(made, from, made_len);
}


static void
test_no_change(void **state)
{
    size_t  i;

    static const dmp_operation_t  others[] = {
        DMP_OPERATION_NONE, DMP_OPERATION_CHECK, DMP_OPERATION_READ,
        DMP_OPERATION_CREATE, DMP_OPERATION_REPLACE, DMP_OPERATION_MAX,
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        change(DMP_CHANGE_BLOCK, MOREL);
        request.operation = others[i];
        assert_int_equal(make("{" HEAD "}"), DMP_E_UNKNOWN);
    }

    change(DMP_CHANGE_NONE, MOREL);
    assert_int_equal(make("{" HEAD "}"), DMP_E_UNKNOWN);
    change(DMP_CHANGE_MAX, MOREL);
    assert_int_equal(make("{" HEAD "}"), DMP_E_UNKNOWN);
}


/* What would not be a record is not made. */
static void
test_refused(void **state)
{
    size_t  i;

    static char               longest[258];
    static const char *const  names[] = { "", "99700218896", "a\x01", "\xff",
                                          longest };
    static const dmp_change_t  changes[] = {
        DMP_CHANGE_AUTHORISE, DMP_CHANGE_BLOCK, DMP_CHANGE_DESIGNATE
    };

    (void) state;
    memset(longest, 'a', sizeof(longest) - 1);

    for (i = 0; i < count(names) * count(changes); i++) {
        change(changes[i % count(changes)], names[i / count(changes)]);
        assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);
    }

    for (i = 0; i < count(names); i++) {
        mask(DMP_OPERATION_MASK, names[i]);
        assert_int_equal(make("{" HEAD "}"),
                         (i == 1) ? DMP_OK : DMP_E_SYNTAX);
        mask(DMP_OPERATION_UNMASK, names[i]);
        assert_int_equal(make("{" HEAD "}"),
                         (i == 1) ? DMP_OK : DMP_E_SYNTAX);
    }

    change(DMP_CHANGE_AUTHORISE, MOREL);
    request.until = TODAY - 1;
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);
    request.until = INT32_MAX;
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);

    change(DMP_CHANGE_MASK_DEFAULT, "");
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);

    change(DMP_CHANGE_CONTACT, "");
    request.contact.prefer = str("pigeon");
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);
    request.contact.prefer = dmp_null_string;
    request.contact.email = str("a\nb");
    assert_int_equal(make("{" HEAD "}"), DMP_E_SYNTAX);

    /* nor is anything made of what is no record */

    change(DMP_CHANGE_BLOCK, MOREL);
    assert_int_equal(make("[]"), DMP_E_SYNTAX);
    assert_int_equal(make("{" HEAD), DMP_E_SYNTAX);
    assert_int_equal(make("{" HEAD "," HEAD "}"), DMP_E_SYNTAX);
    assert_int_equal(make("{" HEAD ",\"blocked\":{}}"), DMP_E_SYNTAX);
    assert_int_equal(make("{\"status\":\"open\"}"), DMP_E_SYNTAX);
    assert_int_equal(make("{" HEAD ",\"more\":1}"), DMP_E_UNKNOWN);
}


static void
test_too_large(void **state)
{
    char    *json;
    size_t   i, n;

    (void) state;

    json = malloc(DMP_RECORD_MAX + 2);
    assert_non_null(json);

    /* names of 253 bytes, as many as there is room for, and 14 bytes more */

    n = (size_t) sprintf(json, "{" HEAD ",\"blocked\":[],\"masked\":[\"");

    while (n + 258 + 16 <= DMP_RECORD_MAX) {
        memset(json + n, 'a', 253);
        n += 253;
        memcpy(json + n, "\",\"", 3);
        n += 3;
    }

    for (i = n; i < DMP_RECORD_MAX - 3 - 14; i++) {
        json[i] = 'b';
    }

    memcpy(json + i, "\"]}", 4);
    change(DMP_CHANGE_BLOCK, MOREL);
    assert_int_equal(make(json), DMP_OK);
    assert_int_equal(made_len, DMP_RECORD_MAX);

    change(DMP_CHANGE_BLOCK, MOREL);
    also(PETIT);
    assert_int_equal(make(json), DMP_E_LIMIT);

    memset(json, ' ', DMP_RECORD_MAX + 1);
    memcpy(json, "{" HEAD "}", strlen("{" HEAD "}"));
    json[DMP_RECORD_MAX + 1] = '\0';
    assert_int_equal(make(json), DMP_E_LIMIT);

    free(json);
}


static void
details(const char *want)
{
    char       text[1024];
    dmp_buf_t  out;

    dmp_buf_init(&out, text, sizeof(text));
    dmp_edit_details(&edit, &out);
    assert_false(out.full);

    if (!dmp_str_eq((dmp_str_t) { out.data, out.len }, str(want))) {
        fail_msg("%.*s, not %s", (int) out.len, out.data, want);
    }
}


static void
test_details(void **state)
{
    (void) state;

    change(DMP_CHANGE_AUTHORISE, MOREL);
    details("{\"since\":\"2026-03-02\",\"until\":\"2027-03-02\"}");
    request.until = TODAY + 1;
    request.consent = true;
    also(ADELI);
    details("{\"also\":[\"" ADELI "\"],\"since\":\"2026-03-02\","
            "\"until\":\"2026-03-03\",\"consent\":true}");

    change(DMP_CHANGE_WITHDRAW, "1750712184");
    details("");
    change(DMP_CHANGE_WITHDRAW, "cabinet");
    details("{\"target\":\"cabinet\"}");

    change(DMP_CHANGE_BLOCK, MOREL);
    details("");
    also(ADELI);
    also(PETIT);
    details("{\"also\":[\"" ADELI "\",\"" PETIT "\"]}");

    change(DMP_CHANGE_OPPOSE, "");
    request.emergency.centre_15 = DMP_CHOICE_YES;
    request.emergency.masked = DMP_CHOICE_NO;
    details("{\"centre_15\":true,\"masked\":false}");

    change(DMP_CHANGE_MASK_DEFAULT, "");
    request.mask_by_default = DMP_CHOICE_YES;
    details("{\"mask_by_default\":true}");

    /* an address is in the record, and nowhere else */

    change(DMP_CHANGE_CONTACT, "");
    request.contact.email = str("a@example.org");
    request.contact.phone = str("");
    details("{\"email\":\"set\",\"phone\":\"removed\"}");

    change(DMP_CHANGE_NAME_REPRESENTATIVE, OTHER);
    request.until = TODAY + 1;
    details("{\"representative\":\"" OTHER "\",\"until\":\"2026-03-03\"}");
    change(DMP_CHANGE_REMOVE_REPRESENTATIVE, OTHER);
    details("{\"representative\":\"" OTHER "\"}");

    mask(DMP_OPERATION_UNMASK, "urn:oid:1.2\"");
    details("{\"document\":\"urn:oid:1.2\\\"\"}");
    mask(DMP_OPERATION_CLOSE, "");
    details("");
}


static int
teardown(void **state)
{
    (void) state;
    free(made);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_authorise),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_treating),
        cmocka_unit_test(test_oppose),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_contact),
        cmocka_unit_test(test_representatives),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_no_change),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_details),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, teardown);
}
