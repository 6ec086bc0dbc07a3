/*
 * test_api_person.c: the calls about a person: sign-in, creation, contact; and
 * the record that a creation begins.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "api_check.h"


#define BASE   "/dmp/api"
#define ME     BASE "/records/269054958815780/contact"
#define TRAITS "\"traits\":{\"family\":\"L\xc3\x89VY\","                      \
               "\"given\":\"Zo\xc3\xa9\",\"birthdate\":\"1985-03\"}"
#define SAID   "\"emergency\":{\"bris_de_glace\":true,\"centre_15\":false,"   \
               "\"masked\":true}"
#define WHOLE  "{\"ins\":\"269054958815780\"," TRAITS ",\"consent\":true,"    \
               SAID "}"

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static dmp_request_t  out;
static char           words[32768];


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static void
map(const char *method, const char *target, const char *body)
{
    char        *copy;
    dmp_raw_t    raw;
    const char  *wrong;

    static const dmp_headers_t  none;
    static const dmp_headers_t  json = { .json = true };

    memset(&raw, 0, sizeof(raw));
    raw.method = str(method);
    raw.target = str(target);
    raw.base = str(BASE);
    raw.headers = (body != NULL) ? &json : &none;
    raw.words = words;
    raw.words_size = sizeof(words);

    /* gone when the test looks: what is taken is a copy */
    copy = (body != NULL) ? strdup(body) : NULL;

    if (copy != NULL) {
        raw.has_body = true;
        raw.form = str(copy);
    }

    memset(&out, 0xff, sizeof(out));
    dmp_api_map(&raw, &out);
    wrong = api_check(&raw, &out);
    free(copy);

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}


static void
equal(dmp_str_t got, const char *want)
{
    if (!dmp_str_eq(got, str(want))) {
        fail_msg("\"%.*s\", not \"%s\"", (int) got.len, got.data, want);
    }
}


static void
taken(const char *method, const char *target, const char *body,
    dmp_operation_t operation)
{
    map(method, target, body);

    if (out.mapping != DMP_MAPPING_ONE || out.operation != operation) {
        fail_msg("%s %s: mapping %d, operation %d: %s", method, target,
                 (int) out.mapping, (int) out.operation,
                 out.why != NULL ? out.why : "");
    }
}


static void
refused(const char *method, const char *target, const char *body,
    dmp_mapping_t mapping)
{
    map(method, target, body);

    if (out.mapping != mapping) {
        fail_msg("%s %s %s: mapping %d", method, target,
                 body != NULL ? body : "", (int) out.mapping);
    }
}


static void
test_session(void **state)
{
    (void) state;

    taken("POST", BASE "/session",
          "{\"identifier\":\"7k2m 9xqf\","
          "\"password\":\"\\u00e9t\\u00e9 \xc3\xa0\"}", DMP_OPERATION_SIGN_IN);
    equal(out.credentials.identifier, "7k2m 9xqf");
    equal(out.credentials.password, "\xc3\xa9t\xc3\xa9 \xc3\xa0");
    assert_string_equal(out.route, "session");
    assert_false(out.credentials.discreet);

    taken("POST", BASE "/session",
          "{\"identifier\":\"a\",\"password\":\"b\",\"discreet\":true}",
          DMP_OPERATION_SIGN_IN);
    assert_true(out.credentials.discreet);

    taken("POST", BASE "/session/code",
          "{\"challenge\":\"abc\",\"code\":\"012345\"}", DMP_OPERATION_CODE);
    equal(out.credentials.challenge, "abc");
    equal(out.credentials.code, "012345");

    taken("POST", BASE "/session/password",
          "{\"challenge\":\"abc\",\"new_password\":\"x\"}",
          DMP_OPERATION_PASSWORD);
    equal(out.credentials.password, "x");

    taken("POST", BASE "/session/recovery", "{\"identifier\":\"a\"}",
          DMP_OPERATION_RECOVERY);
    taken("DELETE", BASE "/session", NULL, DMP_OPERATION_SIGN_OUT);
}


static void
test_session_refused(void **state)
{
    size_t  i;
    char    body[512], long_word[200];

    static const char *const  bodies[] = {
        "", "[]", "null", "{}", "{\"identifier\":\"a\"}",
        "{\"password\":\"a\"}", "{\"identifier\":\"\",\"password\":\"a\"}",
        "{\"identifier\":\"a\",\"password\":\"\"}",
        "{\"identifier\":1,\"password\":\"a\"}",
        "{\"identifier\":\"a\",\"password\":null}",
        "{\"identifier\":\"a\",\"password\":\"b\",\"x\":1}",
        "{\"identifier\":\"a\",\"password\":\"b\",\"discreet\":1}",
        "{\"identifier\":\"a\",\"password\":\"b\",\"discreet\":null}",
        "{\"identifier\":\"a\",\"password\":\"b\",\"password\":\"c\"}",
        "{\"identifier\":\"a\",\"password\":\"b\\u0000\"}",
        "{\"identifier\":\"a\",\"password\":\"b\\n\"}",
        "{\"identifier\":\"a\\u007f\",\"password\":\"b\"}",
        "{\"identifier\":\"a\",\"password\":\"\xff\"}",
        "{\"identifier\":\"a\",\"password\":\"b\"} {}",
    };

    (void) state;

    for (i = 0; i < count(bodies); i++) {
        refused("POST", BASE "/session", bodies[i], DMP_MAPPING_AMBIGUOUS);
    }

    memset(long_word, 'x', sizeof(long_word));
    (void) snprintf(body, sizeof(body),
                    "{\"identifier\":\"a\",\"password\":\"%.128s\"}",
                    long_word);
    taken("POST", BASE "/session", body, DMP_OPERATION_SIGN_IN);
    (void) snprintf(body, sizeof(body),
                    "{\"identifier\":\"a\",\"password\":\"%.129s\"}",
                    long_word);
    refused("POST", BASE "/session", body, DMP_MAPPING_AMBIGUOUS);

    refused("GET", BASE "/session", NULL, DMP_MAPPING_OPERATION_UNKNOWN);
    refused("PUT", BASE "/session", "{}", DMP_MAPPING_OPERATION_UNKNOWN);
    refused("POST", BASE "/session/x", "{}", DMP_MAPPING_OPERATION_UNKNOWN);
    refused("POST", BASE "/session/code/x", "{}",
            DMP_MAPPING_OPERATION_UNKNOWN);
    refused("POST", BASE "/session", NULL, DMP_MAPPING_AMBIGUOUS);
    refused("DELETE", BASE "/session", "{}", DMP_MAPPING_AMBIGUOUS);
    refused("POST", BASE "/session/code", "{\"challenge\":\"a\"}",
            DMP_MAPPING_AMBIGUOUS);
    refused("POST", BASE "/session/password",
            "{\"challenge\":\"a\",\"password\":\"b\"}", DMP_MAPPING_AMBIGUOUS);
}


static void
test_create(void **state)
{
    (void) state;

    taken("POST", BASE "/records",
          "{\"ins\":\"269054958815780\",\"traits\":{\"family\":\"L\xc3\x89VY\","
          "\"birth_family\":\"O'NEIL\",\"given\":\"Zo\xc3\xa9\","
          "\"birthdate\":\"1985-03-02\",\"sex\":\"F\"},\"consent\":true,"
          SAID ",\"contact\":{\"email\":\"zoe@example.fr\","
          "\"phone\":\"06 12 34 56 78\",\"prefer\":\"sms\"}}",
          DMP_OPERATION_CREATE);
    equal(out.ins, "269054958815780");
    equal(out.traits.family, "L\xc3\x89VY");
    equal(out.birth_family, "O'NEIL");
    equal(out.sex, "F");
    equal(out.contact.prefer, "sms");
    assert_true(out.consent);
    assert_true(out.emergency_answered);
    assert_int_equal(out.emergency.bris_de_glace, DMP_CHOICE_YES);
    assert_int_equal(out.emergency.centre_15, DMP_CHOICE_NO);

    taken("POST", BASE "/records", WHOLE, DMP_OPERATION_CREATE);
    assert_null(out.contact.email.data);

    taken("POST", BASE "/records",
          "{\"ins\":\"269054958815780\"," TRAITS "," SAID "}",
          DMP_OPERATION_CREATE);
    assert_false(out.consent);
}


static void
test_create_refused(void **state)
{
    size_t  i;

    static const char *const  bodies[] = {
        "{}", "{" TRAITS ",\"consent\":true," SAID "}",
        "{\"ins\":1," TRAITS ",\"consent\":true," SAID "}",
        "{\"ins\":\"\"," TRAITS ",\"consent\":true," SAID "}",
        "{\"ins\":\"1234567890123456789012345678901234\"," TRAITS ","
        "\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":[],\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":{\"family\":\"A\",\"given\":\"B\"},"
        "\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":{\"family\":\"A\",\"given\":\"B\","
        "\"birthdate\":\"1985-13-01\"},\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":{\"family\":\"\",\"given\":\"B\","
        "\"birthdate\":\"1985\"},\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":{\"family\":\"A\",\"given\":\"B\","
        "\"birthdate\":\"1985\",\"sex\":\"X\"},\"consent\":true," SAID "}",
        "{\"ins\":\"1\",\"traits\":{\"family\":\"A\",\"given\":\"B\","
        "\"birthdate\":\"1985\",\"x\":1},\"consent\":true," SAID "}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":\"yes\"," SAID "}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true,\"emergency\":{}}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true,\"emergency\":{"
        "\"bris_de_glace\":true,\"centre_15\":true}}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true," SAID
        ",\"contact\":\"x\"}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true," SAID
        ",\"contact\":{\"email\":\"x\"}}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true," SAID
        ",\"contact\":{\"fax\":\"x\"}}",
        "{\"ins\":\"1\"," TRAITS ",\"consent\":true," SAID ",\"x\":1}",
    };

    (void) state;

    for (i = 0; i < count(bodies); i++) {
        refused("POST", BASE "/records", bodies[i], DMP_MAPPING_AMBIGUOUS);
    }

    refused("GET", BASE "/records", NULL, DMP_MAPPING_OPERATION_UNKNOWN);
    refused("POST", BASE "/records/269054958815780", WHOLE,
            DMP_MAPPING_OPERATION_UNKNOWN);
}


static void
test_contact(void **state)
{
    size_t  i;

    static const char *const  bodies[] = {
        "{}", "{\"email\":\"x\"}", "{\"email\":1}", "{\"phone\":\"12\"}",
        "{\"prefer\":\"fax\"}", "{\"prefer\":\"\"}", "{\"x\":\"y\"}",
        "{\"challenge\":\"a\"}", "{\"challenge\":\"a\",\"code\":\"\"}",
        "{\"challenge\":\"a\",\"code\":\"1\",\"email\":\"a@b.fr\"}",
    };

    (void) state;

    taken("PUT", ME, "{\"email\":\"a@b.fr\",\"prefer\":\"email\"}",
          DMP_OPERATION_RIGHTS);
    assert_int_equal(out.change, DMP_CHANGE_CONTACT);
    equal(out.contact.email, "a@b.fr");
    assert_null(out.contact.phone.data);

    /* given, and nothing: it is to be taken away */
    taken("PUT", ME, "{\"phone\":\"\"}", DMP_OPERATION_RIGHTS);
    assert_non_null(out.contact.phone.data);
    assert_int_equal(out.contact.phone.len, 0);

    taken("PUT", ME, "{\"challenge\":\"a\",\"code\":\"012345\"}",
          DMP_OPERATION_RIGHTS);
    equal(out.credentials.code, "012345");

    for (i = 0; i < count(bodies); i++) {
        refused("PUT", ME, bodies[i], DMP_MAPPING_AMBIGUOUS);
    }
}


/* What a creation begins is a record, with what was said and no more. */
static void
test_record(void **state)
{
    char           *json, room[DMP_CONTACT_ROOM];
    size_t          len;
    dmp_error_t     error;
    dmp_contact_t   contact;
    dmp_record_t   *record;

    (void) state;

    taken("POST", BASE "/records",
          "{\"ins\":\"269054958815780\"," TRAITS ",\"consent\":true," SAID
          ",\"contact\":{\"email\":\"zoe@example.fr\"}}",
          DMP_OPERATION_CREATE);

    assert_int_equal(dmp_record_create(&out, 1767603600, &json, &len, &error),
                     DMP_OK);
    assert_int_equal(dmp_record_parse(json, len, &record, &error), DMP_OK);
    equal(record->ins, "269054958815780");
    equal(record->family, "L\xc3\x89VY");
    equal(record->birthdate, "1985-03");
    assert_int_equal(record->birth_family.len, 0);
    assert_true(record->open);
    assert_true(record->bris_de_glace);
    assert_false(record->centre_15);
    assert_true(record->emergency_masked);
    assert_false(record->mask_by_default);
    assert_int_equal(record->n_authorisations, 0);
    assert_non_null(strstr(json, "\"opened_at\":\"2026-01-05T09:00:00Z\""));

    assert_true(dmp_record_contact(json, len, room, &contact));
    equal(contact.email, "zoe@example.fr");
    assert_null(contact.phone.data);

    dmp_record_free(record);
    free(json);

    out.traits.given = dmp_string("\xff");
    assert_int_not_equal(dmp_record_create(&out, 1767603600, &json, &len,
                                           &error), DMP_OK);
    assert_null(json);
}


/* What is kept of a contact is read as it was. */
static void
test_contact_text(void **state)
{
    char           text[512], room[DMP_CONTACT_ROOM];
    dmp_buf_t      b;
    dmp_contact_t  before, after;

    (void) state;

    memset(&before, 0, sizeof(before));
    before.email = dmp_string("o'neil+\"x\"@example.fr");
    before.prefer = dmp_string("");

    dmp_buf_init(&b, text, sizeof(text));
    dmp_contact_write(&b, &before);
    assert_false(b.full);
    assert_true(dmp_record_contact(b.data, b.len, room, &after));
    equal(after.email, "o'neil+\"x\"@example.fr");
    assert_null(after.phone.data);
    assert_non_null(after.prefer.data);
    assert_int_equal(after.prefer.len, 0);

    assert_true(dmp_record_contact("{}", 2, room, &after));
    assert_null(after.email.data);
    assert_false(dmp_record_contact("[]", 2, room, &after));
    assert_false(dmp_record_contact("{\"contact\":1}", 13, room, &after));
    assert_false(dmp_record_contact("{\"contact\":{\"email\":1}}", 23, room,
                                    &after));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_session_refused),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_refused),
        cmocka_unit_test(test_contact),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_contact_text),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
