/*
 * test_record.c: records, from JSON to the form that decisions use; INS.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_record.h>


#define INS   "\"ins\":\"185032A00100142\""
#define BASE  INS ",\"status\":\"open\""


static const char  whole[] =
    "{" BASE ",\"opened_at\":\"2026-01-05T09:00:00Z\","
    "\"traits\":{\"family\":\"L\\u00c9VY\",\"birth_family\":\"MARTIN\","
    "\"given\":\"Anne\",\"birthdate\":\"1985-03-02\",\"sex\":\"F\"},"
    "\"contact\":{\"email\":\"a@example.org\",\"phone\":\"\","
    "\"prefer\":\"sms\"},"
    "\"emergency\":{\"bris_de_glace\":true,\"centre_15\":false,"
    "\"masked\":true},"
    "\"treating\":[\"899700218896\"],"
    "\"authorisations\":{\"899700218897\":{\"since\":\"2026-02-01\","
    "\"until\":\"2027-02-01\",\"by\":\"patient\"},\"899700218899\":"
    "{\"since\":\"2026-02-01\",\"until\":\"2026-02-01\"}},"
    "\"blocked\":[\"899700218898\",\"899700218890\"],"
    "\"representatives\":[{\"ins\":\"185032A00100142\","
    "\"until\":\"2030-05-01\"}],"
    "\"masked\":[\"1.2.3\"],\"mask_by_default\":false,\"unmasked\":[]}";


static bool
str_is(dmp_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}


static void
test_whole(void **state)
{
    int32_t        day;
    dmp_error_t    error;
    dmp_record_t  *r;

    (void) state;
    assert_int_equal(dmp_record_parse(whole, sizeof(whole) - 1, &r, &error),
                     DMP_OK);

    assert_true(str_is(r->ins, "185032A00100142"));
    assert_true(r->open);
    assert_true(str_is(r->family, "L\xc3\x89VY"));
    assert_true(str_is(r->birth_family, "MARTIN"));
    assert_true(str_is(r->given, "Anne"));
    assert_true(str_is(r->birthdate, "1985-03-02"));
    assert_true(str_is(r->sex, "F"));
    assert_true(r->bris_de_glace);
    assert_false(r->centre_15);
    assert_true(r->emergency_masked);
    assert_false(r->mask_by_default);
    assert_int_equal(r->treating.n, 1);
    assert_true(str_is(r->treating.list[0], "899700218896"));
    assert_int_equal(r->blocked.n, 2);
    assert_true(str_is(r->blocked.list[1], "899700218890"));
    assert_int_equal(r->masked.n, 1);
    assert_int_equal(r->unmasked.n, 0);
    assert_int_equal(r->n_authorisations, 2);
    assert_true(str_is(r->authorisations[0].id, "899700218897"));
    assert_true(dmp_day_parse(dmp_string("2027-02-01"), &day));
    assert_int_equal(r->authorisations[0].until, day);
    assert_int_equal(r->n_representatives, 1);
    assert_true(dmp_day_parse(dmp_string("2030-05-01"), &day));
    assert_int_equal(r->representatives[0].until, day);
    dmp_record_free(r);
}


/* What is not said is not agreed to. */
static void
test_least(void **state)
{
    dmp_error_t    error;
    dmp_record_t  *r;
    const char     text[] = "{" INS ",\"status\":\"closed\"}";

    (void) state;
    assert_int_equal(dmp_record_parse(text, sizeof(text) - 1, &r, &error),
                     DMP_OK);
    assert_false(r->open);
    assert_false(r->bris_de_glace);
    assert_false(r->centre_15);
    assert_int_equal(r->n_authorisations, 0);
    dmp_record_free(r);
}


static void
test_refused(void **state)
{
    size_t         i;
    dmp_error_t    error;
    dmp_record_t  *r;
    static const struct {
        const char  *text;
        const char  *word;               /* that the error names */
    } cases[] = {
        { "", "JSON" },
        { "[]", "object" },
        { "{" BASE "} x", "JSON" },
        { "{\"status\":\"open\"}", "\"ins\"" },
        { "{" INS "}", "\"status\"" },
        { "{" BASE "," BASE "}", "twice" },
        { "{" BASE ",\"blockd\":[]}", "\"blockd\"" },
        { "{" INS ",\"status\":\"Open\"}", "\"status\"" },
        { "{" INS ",\"status\":true}", "\"status\"" },
        { "{\"ins\":\"1850\",\"status\":\"open\"}", "\"ins\"" },
        { "{\"ins\":1,\"status\":\"open\"}", "\"ins\"" },
        { "{" BASE ",\"traits\":{\"size\":\"2\"}}", "\"traits.size\"" },
        { "{" BASE ",\"traits\":{\"sex\":\"X\"}}", "\"traits.sex\"" },
        { "{" BASE ",\"traits\":{\"birthdate\":\"1985-02-30\"}}",
          "\"traits.birthdate\"" },
        { "{" BASE ",\"contact\":{\"prefer\":\"fax\"}}",
          "\"contact.prefer\"" },
        { "{" BASE ",\"emergency\":{\"centre_15\":1}}",
          "\"emergency.centre_15\"" },
        { "{" BASE ",\"treating\":{}}", "\"treating\"" },
        { "{" BASE ",\"blocked\":[\"1\",2]}", "\"blocked[1]\"" },
        { "{" BASE ",\"blocked\":[\"\"]}", "\"blocked[0]\"" },

        /* an RPPS is nobody's identifier but behind its prefix */

        { "{" BASE ",\"blocked\":[\"1\",\"99700218896\"]}",
          "\"blocked[1]\" is an RPPS" },
        { "{" BASE ",\"treating\":[\"99700218896\"]}", "\"treating[0]\"" },
        { "{" BASE ",\"authorisations\":{\"99700218896\":{\"since\":"
          "\"2026-01-01\",\"until\":\"2027-01-01\"}}}",
          "\"authorisations.99700218896\" is an RPPS" },

        { "{" BASE ",\"authorisations\":{\"8\":{\"since\":\"2026-01-01\"}}}",
          "\"until\"" },
        { "{" BASE ",\"authorisations\":{\"8\":{\"since\":\"2026-01-02\","
          "\"until\":\"2026-01-01\"}}}", "\"authorisations.8\"" },
        { "{" BASE ",\"authorisations\":{\"8\":{\"since\":\"2026-01-02\","
          "\"until\":\"2026-1-3\"}}}", "\"authorisations.8.until\"" },
        { "{" BASE ",\"authorisations\":{\"8\":{\"since\":\"2026-01-02\","
          "\"until\":\"2026-02-03\",\"why\":\"\"}}}",
          "\"authorisations.8.why\"" },
        { "{" BASE ",\"representatives\":[{\"ins\":\"x\","
          "\"until\":\"2026-02-03\"}]}", "\"representatives[0].ins\"" },
        { "{" BASE ",\"representatives\":[{\"until\":\"2026-02-03\"}]}",
          "\"representatives[0]\"" },
        { "{" BASE ",\"opened_at\":\"2026-01-05T25:00:00Z\"}",
          "\"opened_at\"" },
        { "{" BASE ",\"opened_at\":\"2026-01-05T-1:00:00Z\"}",
          "\"opened_at\"" },
        { "{" BASE ",\"mask_by_default\":\"no\"}", "\"mask_by_default\"" },
        { "{" BASE ",\"masked\":[\"\\u0000\"]}", "JSON" },
        { "{" BASE ",\"masked\":[\"\xff\"]}", "JSON" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        r = (dmp_record_t *) (uintptr_t) 1;

        if (dmp_record_parse(cases[i].text, strlen(cases[i].text), &r, &error)
            == DMP_OK)
        {
            fail_msg("%s was accepted", cases[i].text);
        }

        assert_null(r);

        if (strstr(error.text, cases[i].word) == NULL) {
            fail_msg("%s: \"%s\" does not name %s", cases[i].text, error.text,
                     cases[i].word);
        }
    }
}


/* An error never quotes what stands in a record. */
static void
test_discreet(void **state)
{
    dmp_error_t    error;
    dmp_record_t  *r;
    const char     text[] = "{" BASE ",\n\"traits\":{\"family\":MARTIN}}";

    (void) state;
    assert_int_equal(dmp_record_parse(text, sizeof(text) - 1, &r, &error),
                     DMP_E_SYNTAX);
    assert_null(strstr(error.text, "MARTIN"));
    assert_int_equal(error.line, 2);
}


static void
test_ins(void **state)
{
    (void) state;

    assert_true(dmp_ins_valid(dmp_string("185032A00100142"), false));
    assert_true(dmp_ins_valid(dmp_string("255081416802538"), true));
    assert_false(dmp_ins_valid(dmp_string("255081416802539"), true));
    assert_true(dmp_ins_valid(dmp_string("255081416802539"), false));
    assert_false(dmp_ins_valid(dmp_string("25508141680253"), false));
    assert_false(dmp_ins_valid(dmp_string("2550814168025380"), false));
    assert_false(dmp_ins_valid(dmp_string("2550814168025 8"), false));
    assert_false(dmp_ins_valid(dmp_string("055081416802538"), false));
    assert_false(dmp_ins_valid(dmp_string("185033A00100142"), false));
    assert_false(dmp_ins_valid(dmp_string("185032C00100142"), false));
    assert_false(dmp_ins_valid(dmp_string("185032a00100142"), false));
    assert_false(dmp_ins_valid(dmp_null_string, false));
}


/* Corsica: the key is that of the number with 19 for 2A and 18 for 2B. */
static void
test_corsica(void **state)
{
    char      text[16];
    unsigned  key;

    (void) state;

    key = (unsigned) (97 - UINT64_C(1850319001001) % 97);
    (void) snprintf(text, sizeof(text), "185032A001001%02u", key);
    assert_true(dmp_ins_valid((dmp_str_t) { text, 15 }, true));

    key = (unsigned) (97 - UINT64_C(1850318001001) % 97);
    (void) snprintf(text, sizeof(text), "185032B001001%02u", key);
    assert_true(dmp_ins_valid((dmp_str_t) { text, 15 }, true));

    text[14] = text[14] == '9' ? '0' : (char) (text[14] + 1);
    assert_false(dmp_ins_valid((dmp_str_t) { text, 15 }, true));
}


static void
test_ins_within(void **state)
{
    char    *copy;
    size_t   i, len;

    static const char *const  holds[] = {
        "255081416802538", "DocumentReference/255081416802538",
        "Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|255081416802538",
        "urn:oid:1.2.250.1.213.1.4.8.255081416802538.1",
        "doc-255081416802538-1", "_255081416802538_", "255081416802538 ",
        "\"255081416802538\"", "a/255081416802538?b", "x\n255081416802538\n",
        "\xc3\xa9" "255081416802538\xc3\xa9", "%7C255081416802538-",
        "a%3d255081416802538%26b=c", "%255081416802538", "%2C255081416802538",
        "255081416802539 255081416802538", "255081416802538-255081416802538x",
        "285037512000151", "168112A00405781", "ps/168112A00405781.pdf",
    };

    static const char *const  does_not[] = {
        "", " ", "-", "255081416802539", "a/255081416802539/b",
        "25508141680253", "2550814168025", "2550814168025 38",
        "2550814168025380", "1255081416802538", "x255081416802538",
        "255081416802538x", "255081416802538Z", "A255081416802538",
        "%7255081416802538", "%7CC255081416802538", "%7C2550814168025388",
        "urn:oid:2.25.255081416802538255081416802538",
        "1.2.250.1.999255081416802538", "2 55 08 14 168 025 38",
        "2550814-16802538", "055081416802538", "168112a00405781",
        "168113A00405781", "1735689600000", "DocumentReference/d1",
        "martin-consultation-1", "00000000-0000-4000-8000-255081416802539",
    };

    (void) state;

    for (i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
        if (!dmp_ins_within((dmp_str_t) { holds[i], strlen(holds[i]) })) {
            fail_msg("none in %s", holds[i]);
        }
    }

    for (i = 0; i < sizeof(does_not) / sizeof(does_not[0]); i++) {

        /* in a block of its size, so that a byte read too far is seen */

        len = strlen(does_not[i]);
        copy = malloc(len + (len == 0));
        assert_non_null(copy);
        memcpy(copy, does_not[i], len);

        if (dmp_ins_within((dmp_str_t) { copy, len })) {
            fail_msg("one in %s", does_not[i]);
        }

        free(copy);
    }

    assert_false(dmp_ins_within(dmp_null_string));

    /* the end of the text is where it says, whatever follows */

    assert_true(dmp_ins_within((dmp_str_t) { "a 2550814168025381", 17 }));
    assert_false(dmp_ins_within((dmp_str_t) { "255081416802538", 14 }));
    assert_true(dmp_ins_within((dmp_str_t) { "a\0" "255081416802538", 17 }));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_discreet),
        cmocka_unit_test(test_ins),
        cmocka_unit_test(test_corsica),
        cmocka_unit_test(test_ins_within),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
