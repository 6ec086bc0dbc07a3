/*
 * test_directory.c: entries of the directory, from JSON to what is known of
 * who asks; the names of their keys.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_directory.h>


#define count(list)  (sizeof(list) / sizeof(list[0]))

#define KIND       "\"kind\":\"person\""
#define IDS        "\"ids\":[\"899700218896\"]"
#define FROM       "\"from\":\"local\""
#define PERSON     "{" KIND "," IDS "," FROM
#define STRUCTURE  "{\"kind\":\"structure\",\"ids\":[\"1750712184\"]," FROM

#define G15  "1.2.250.1.71.1.2.7"
#define R02  "1.2.250.1.71.4.2.4"
#define R21  "1.2.250.1.213.1.6.1.17"
#define R01  "1.2.250.1.71.4.2.5"


static const char  person[] =
    "{\"kind\":\"person\",\"ids\":[\"899700218896\",\"0751234567\"],"
    "\"practices\":["
    "{\"profession\":[\"" G15 "\",\"10\"],\"sector\":[\"" R02 "\",\"SA07\"],"
    "\"activity\":[\"" R21 "\",\"FON-01\"],"
    "\"specialty\":[\"" R01 "\",\"SM26\"],\"structure\":\"10B0193488\"},"
    "{\"sector\":[\"" R02 "\",\"SA05\"]},"
    "{\"profession\":[\"" G15 "\",\"60\"],\"sector\":[\"" R02 "\",\"SA17\"]},"
    "{\"sector\":[\"" R02 "\",\"SA13\"],\"profession\":[\"" G15 "\",\"10\"]},"
    "{\"specialty\":[\"" R01 "\",\"SM25\"]},"
    "{\"profession\":[\"1.2.250.1.71.1.2.8\",\"10\"]}],"
    "\"regulates\":[\"1750000015\",\"1920000015\"],"
    "\"notices\":\"mailto:anne.morel@medecin.example.org\","
    "\"from\":\"annuaire\"}";


static bool
str_is(dmp_str_t s, const char *text)
{
    return dmp_str_eq(s, (dmp_str_t) { text, strlen(text) });
}


static dmp_directory_t *
parse(const char *text)
{
    dmp_error_t       error;
    dmp_directory_t  *e;

    if (dmp_directory_parse(text, strlen(text), &e, &error) != DMP_OK) {
        fail_msg("%.60s: %s", text, error.text);
    }

    return e;
}


/* Refused as rc, with an error that names the word and quotes no value. */
static void
refuse(const char *text, size_t len, dmp_rc_t rc, const char *word)
{
    dmp_rc_t          got;
    dmp_error_t       error;
    dmp_directory_t  *e;

    e = (dmp_directory_t *) (uintptr_t) 1;
    got = dmp_directory_parse(text, len, &e, &error);

    if (got != rc) {
        fail_msg("%.200s: %d, not %d: %s", text, (int) got, (int) rc,
                 error.text);
    }

    assert_null(e);

    if (strstr(error.text, word) == NULL) {
        fail_msg("%.200s: \"%s\" does not name %s", text, error.text, word);
    }
}


static void
test_person(void **state)
{
    size_t            i;
    dmp_directory_t  *e;
    static const struct {
        const char  *profession;
        const char  *sector;
        const char  *specialty;
    } expected[] = {
        { "10", "SA07", "SM26" },        /* those of one follow each other */
        { "10", "SA13", "" },
        { "", "SA05", "" },
        { "", "", "SM25" },
        { "60", "SA17", "" },
        { "10", "", "" }                 /* of another table */
    };

    (void) state;
    e = parse(person);

    assert_int_equal(e->kind, DMP_DIRECTORY_PERSON);
    assert_int_equal(e->n_ids, 2);
    assert_true(str_is(e->ids[0], "899700218896"));
    assert_true(str_is(e->ids[1], "0751234567"));
    assert_int_equal(e->n_centres, 2);
    assert_true(str_is(e->centres[0], "1750000015"));
    assert_true(str_is(e->centres[1], "1920000015"));
    assert_true(str_is(e->notices, "mailto:anne.morel@medecin.example.org"));
    assert_true(e->published);
    assert_false(e->centre_15);

    assert_int_equal(e->n_situations, count(expected));

    for (i = 0; i < count(expected); i++) {
        assert_true(str_is(e->professions[i].code, expected[i].profession));
        assert_true(str_is(e->situations[i].sector.code, expected[i].sector));
        assert_true(str_is(e->situations[i].specialty.code,
                           expected[i].specialty));
    }

    assert_true(str_is(e->professions[0].system, G15));
    assert_true(str_is(e->professions[5].system, "1.2.250.1.71.1.2.8"));
    assert_true(str_is(e->situations[0].sector.system, R02));
    assert_true(str_is(e->situations[0].activity.system, R21));
    assert_true(str_is(e->situations[0].activity.code, "FON-01"));
    assert_true(str_is(e->situations[0].specialty.system, R01));
    assert_true(str_is(e->situations[0].structure, "10B0193488"));
    assert_int_equal(e->situations[1].structure.len, 0);
    assert_int_equal(e->situations[1].activity.code.len, 0);

    dmp_directory_free(e);
}


static void
test_structure(void **state)
{
    dmp_directory_t  *e;

    (void) state;

    /* its first identifier is the structure, wherever the member stands */

    e = parse("{\"sectors\":[[\"" R02 "\",\"SA01\"],[\"" R02 "\",\"SA47\"]],"
              "\"kind\":\"structure\",\"centre_15\":true,"
              "\"ids\":[\"1750712184\",\"326750045200016\"],"
              "\"from\":\"local\"}");

    assert_int_equal(e->kind, DMP_DIRECTORY_STRUCTURE);
    assert_int_equal(e->n_ids, 2);
    assert_true(e->centre_15);
    assert_false(e->published);
    assert_int_equal(e->n_centres, 0);
    assert_int_equal(e->n_situations, 2);
    assert_true(str_is(e->situations[0].sector.code, "SA01"));
    assert_true(str_is(e->situations[1].sector.code, "SA47"));
    assert_true(str_is(e->situations[1].sector.system, R02));
    assert_true(str_is(e->situations[0].structure, "1750712184"));
    assert_true(str_is(e->situations[1].structure, "1750712184"));
    assert_int_equal(e->situations[0].specialty.code.len, 0);
    assert_int_equal(e->professions[0].code.len, 0);
    assert_int_equal(e->professions[1].system.len, 0);

    dmp_directory_free(e);
}


/* What is not said is not known, and not granted. */
static void
test_least(void **state)
{
    dmp_directory_t  *e;

    (void) state;

    e = parse(PERSON "}");
    assert_int_equal(e->n_ids, 1);
    assert_int_equal(e->n_situations, 0);
    assert_int_equal(e->n_centres, 0);
    assert_int_equal(e->notices.len, 0);
    assert_false(e->published);
    dmp_directory_free(e);

    e = parse(STRUCTURE "}");
    assert_false(e->centre_15);
    assert_int_equal(e->n_situations, 0);
    dmp_directory_free(e);

    e = parse(STRUCTURE ",\"centre_15\":false,\"sectors\":[]}");
    assert_false(e->centre_15);
    dmp_directory_free(e);

    e = parse(PERSON ",\"practices\":[],\"regulates\":[],\"notices\":\"\"}");
    assert_int_equal(e->n_situations, 0);
    assert_int_equal(e->n_centres, 0);
    assert_int_equal(e->notices.len, 0);
    dmp_directory_free(e);

    dmp_directory_free(NULL);
}


#define SECOND(text)                                                         \
    PERSON ",\"practices\":[{\"structure\":\"10B0193488\"}," text "]}"

static void
test_refused(void **state)
{
    size_t  i;
    static const struct {
        const char  *text;
        dmp_rc_t     rc;
        const char  *word;               /* that the error names */
    } cases[] = {
        { "", DMP_E_SYNTAX, "empty" },
        { "null", DMP_E_SYNTAX, "JSON" },
        { "[]", DMP_E_SYNTAX, "object" },
        { PERSON "} x", DMP_E_SYNTAX, "JSON" },
        { PERSON "}{}", DMP_E_SYNTAX, "JSON" },
        { PERSON, DMP_E_SYNTAX, "JSON" },
        { PERSON ",\"a\":\"\xff\"}", DMP_E_SYNTAX, "JSON" },
        { PERSON ",\"notices\":\"\\u0000\"}", DMP_E_SYNTAX, "JSON" },
        { PERSON "," FROM "}", DMP_E_SYNTAX, "twice" },
        { SECOND("{\"structure\":\"10B0193488\",\"structure\":\"1\"}"),
          DMP_E_SYNTAX, "twice" },

        /* required */

        { "{" IDS "," FROM "}", DMP_E_SYNTAX, "\"kind\" is missing" },
        { "{" KIND "," FROM "}", DMP_E_SYNTAX, "\"ids\" is missing" },
        { "{" KIND "," IDS "}", DMP_E_SYNTAX, "\"from\" is missing" },
        { "{\"kind\":\"Person\"," IDS "," FROM "}", DMP_E_SYNTAX, "\"kind\"" },
        { "{\"kind\":null," IDS "," FROM "}", DMP_E_SYNTAX, "\"kind\"" },
        { "{" KIND "," IDS ",\"from\":\"\"}", DMP_E_SYNTAX, "\"from\"" },
        { "{" KIND "," IDS ",\"from\":true}", DMP_E_SYNTAX, "\"from\"" },

        /* members that are none, or another kind's */

        { PERSON ",\"name\":\"x\"}", DMP_E_UNKNOWN, "\"name\" of a person" },
        { PERSON ",\"centre_15\":true}", DMP_E_UNKNOWN, "\"centre_15\"" },
        { PERSON ",\"sectors\":[]}", DMP_E_UNKNOWN, "\"sectors\"" },
        { STRUCTURE ",\"practices\":[]}", DMP_E_UNKNOWN,
          "\"practices\" of a structure" },
        { STRUCTURE ",\"regulates\":[]}", DMP_E_UNKNOWN, "\"regulates\"" },
        { STRUCTURE ",\"notices\":\"\"}", DMP_E_UNKNOWN, "\"notices\"" },
        { PERSON ",\"a\\nb\":1}", DMP_E_UNKNOWN, "\"a?b\"" },
        { SECOND("{\"role\":[\"" R21 "\",\"FON-01\"]}"), DMP_E_UNKNOWN,
          "\"practices[1].role\"" },

        /* identifiers */

        { "{" KIND ",\"ids\":\"899700218896\"," FROM "}", DMP_E_SYNTAX,
          "\"ids\" is not a list" },
        { "{" KIND ",\"ids\":[]," FROM "}", DMP_E_SYNTAX, "\"ids\" is empty" },
        { "{" KIND ",\"ids\":[899700218896]," FROM "}", DMP_E_SYNTAX,
          "\"ids[0]\" is not a string" },
        { "{" KIND ",\"ids\":[\"899700218896\",\"\"]," FROM "}", DMP_E_SYNTAX,
          "\"ids[1]\" is empty" },
        { "{" KIND ",\"ids\":[\"99700218896\"]," FROM "}", DMP_E_SYNTAX,
          "\"ids[0]\" is not the identifier of a person" },
        { "{" KIND ",\"ids\":[\"1750712184\"]," FROM "}", DMP_E_SYNTAX,
          "\"ids[0]\" is not the identifier of a person" },
        { "{\"kind\":\"structure\"," IDS "," FROM "}", DMP_E_SYNTAX,
          "\"ids[0]\" is not the identifier of a structure" },
        { "{" KIND ",\"ids\":[\"899700218896 \"]," FROM "}", DMP_E_SYNTAX,
          "\"ids[0]\" has a character" },
        { "{" KIND ",\"ids\":[\"899700218896\",\"0751234567\","
          "\"899700218896\"]," FROM "}", DMP_E_SYNTAX,
          "\"ids[2]\" is given twice" },
        { "{" KIND ",\"ids\":[\"899700218896\",\"0751234561\",\"0751234562\","
          "\"0751234563\",\"0751234564\",\"0751234565\"]," FROM "}",
          DMP_E_LIMIT, "\"ids\" has more than 5" },

        /* practices */

        { PERSON ",\"practices\":{}}", DMP_E_SYNTAX, "\"practices\"" },
        { PERSON ",\"practices\":[[]]}", DMP_E_SYNTAX, "\"practices[0]\"" },
        { PERSON ",\"practices\":[{}]}", DMP_E_SYNTAX,
          "\"practices[0]\" says nothing" },
        { SECOND("{\"sector\":\"SA07\"}"), DMP_E_SYNTAX,
          "\"practices[1].sector\" is not a pair" },
        { SECOND("{\"sector\":[\"SA07\"]}"), DMP_E_SYNTAX,
          "\"practices[1].sector\" is not a pair" },
        { SECOND("{\"sector\":[]}"), DMP_E_SYNTAX,
          "\"practices[1].sector\" is not a pair" },
        { SECOND("{\"activity\":[\"" R21 "\",\"FON-01\",\"\"]}"),
          DMP_E_SYNTAX, "\"practices[1].activity\" is not a pair" },
        { SECOND("{\"specialty\":[\"\",\"SM26\"]}"), DMP_E_SYNTAX,
          "\"practices[1].specialty[0]\" is empty" },
        { SECOND("{\"profession\":[\"" G15 "\",10]}"), DMP_E_SYNTAX,
          "\"practices[1].profession[1]\" is not a string" },
        { SECOND("{\"profession\":[\"" G15 "\",\"\xc3\xa9\"]}"), DMP_E_SYNTAX,
          "\"practices[1].profession[1]\" has a character" },
        { SECOND("{\"profession\":[\"" G15 "\",\"1 0\"]}"), DMP_E_SYNTAX,
          "\"practices[1].profession[1]\" has a character" },
        { SECOND("{\"profession\":[\"" G15 "\",\"10\\u007f\"]}"), DMP_E_SYNTAX,
          "\"practices[1].profession[1]\" has a character" },
        { SECOND("{\"structure\":\"\"}"), DMP_E_SYNTAX,
          "\"practices[1].structure\" is empty" },
        { SECOND("{\"structure\":\"899700218896\"}"), DMP_E_SYNTAX,
          "\"practices[1].structure\" is not the identifier" },
        { SECOND("{\"structure\":null}"), DMP_E_SYNTAX,
          "\"practices[1].structure\" is not a string" },

        /* centres */

        { PERSON ",\"regulates\":\"1750000015\"}", DMP_E_SYNTAX,
          "\"regulates\" is not a list" },
        { PERSON ",\"regulates\":[\"1750000015\",\"899700218896\"]}",
          DMP_E_SYNTAX, "\"regulates[1]\" is not the identifier" },
        { PERSON ",\"regulates\":[\"1750000015\",\"1750000015\"]}",
          DMP_E_SYNTAX, "\"regulates[1]\" is given twice" },
        { STRUCTURE ",\"centre_15\":1}", DMP_E_SYNTAX, "\"centre_15\"" },
        { STRUCTURE ",\"centre_15\":\"true\"}", DMP_E_SYNTAX,
          "\"centre_15\"" },
        { STRUCTURE ",\"sectors\":[[\"" R02 "\",\"SA01\"],\"SA47\"]}",
          DMP_E_SYNTAX, "\"sectors[1]\" is not a pair" },
        { STRUCTURE ",\"sectors\":[{}]}", DMP_E_SYNTAX, "\"sectors[0]\"" }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        refuse(cases[i].text, strlen(cases[i].text), cases[i].rc,
               cases[i].word);
    }
}


/* One address; nothing of a URI that adds recipients or headers to it. */
static void
test_notices(void **state)
{
    char              text[512];
    size_t            i;
    dmp_directory_t  *e;
    static const char *const  refused[] = {
        "x", "mailto:", "mailto:a", "mailto:@example.org", "mailto:a@",
        "MAILTO:a@example.org", "https://example.org/a@b",
        "mailto:a@example.org?bcc=b@example.org",
        "mailto:a@example.org,b@example.org", "mailto:a@b@example.org",
        "mailto:-a@example.org", "mailto:a@-example.org",
        "mailto:a%40b@example.org", "mailto:\\\"a\\\"@example.org",
        "mailto:a b@example.org", "mailto:a@example.org\\r\\nX: y",
        "mailto:\xc3\xa9@example.org", "mailto:a@exam_ple.org"
    };
    static const char *const  accepted[] = {
        "mailto:a@b", "mailto:Anne.O'Neill-Le_Goff+dmp@medecin.mssante.fr"
    };

    (void) state;

    for (i = 0; i < count(refused); i++) {
        (void) snprintf(text, sizeof(text), PERSON ",\"notices\":\"%s\"}",
                        refused[i]);
        refuse(text, strlen(text), DMP_E_SYNTAX, "\"notices\"");
    }

    for (i = 0; i < count(accepted); i++) {
        (void) snprintf(text, sizeof(text), PERSON ",\"notices\":\"%s\"}",
                        accepted[i]);
        e = parse(text);
        assert_true(str_is(e->notices, accepted[i]));
        dmp_directory_free(e);
    }

    /* 254 bytes, and one more */

    (void) snprintf(text, sizeof(text), PERSON ",\"notices\":\"mailto:a@%0245d"
                    "\"}", 1);
    e = parse(text);
    assert_int_equal(e->notices.len, 254);
    dmp_directory_free(e);

    (void) snprintf(text, sizeof(text), PERSON ",\"notices\":\"mailto:a@%0246d"
                    "\"}", 1);
    refuse(text, strlen(text), DMP_E_LIMIT, "\"notices\" is longer than 254");

    refuse(PERSON ",\"notices\":null}", strlen(PERSON ",\"notices\":null}"),
           DMP_E_SYNTAX, "\"notices\" is not a string");
}


/* A list of n elements, each of which "each" prints of its number. */
static char *
listed(const char *before, const char *each, unsigned n, const char *after)
{
    char      *text;
    size_t     used, size;
    unsigned   i;

    size = strlen(before) + strlen(after) + n * (strlen(each) + 16) + 1;
    text = malloc(size);
    assert_non_null(text);

    used = (size_t) snprintf(text, size, "%s", before);

    for (i = 0; i < n; i++) {
        text[used] = ',';
        used += (i != 0);
        used += (size_t) snprintf(text + used, size - used, each, i);
    }

    (void) snprintf(text + used, size - used, "%s", after);

    return text;
}


static void
limit(const char *before, const char *each, unsigned max, const char *word)
{
    char             *text;
    dmp_directory_t  *e;

    text = listed(before, each, max, "]}");
    e = parse(text);
    dmp_directory_free(e);
    free(text);

    text = listed(before, each, max + 1, "]}");
    refuse(text, strlen(text), DMP_E_LIMIT, word);
    free(text);
}


static void
test_limits(void **state)
{
    char              code[256];
    char             *text;
    dmp_directory_t  *e;

    (void) state;

    limit(PERSON ",\"practices\":[", "{\"structure\":\"1%09u\"}",
          DMP_DIRECTORY_PRACTICES, "\"practices\" has more than 256");
    limit(STRUCTURE ",\"sectors\":[", "[\"" R02 "\",\"SA%u\"]",
          DMP_DIRECTORY_PRACTICES, "\"sectors\" has more than 256");
    limit(PERSON ",\"regulates\":[", "\"1%09u\"",
          DMP_DIRECTORY_CENTRES, "\"regulates\" has more than 8");
    limit("{" KIND "," FROM ",\"ids\":[", "\"8%011u\"",
          DMP_DIRECTORY_IDS, "\"ids\" has more than 5");

    /* a code of 64 bytes, and of one more */

    (void) snprintf(code, sizeof(code), STRUCTURE ",\"sectors\":[[\"" R02
                    "\",\"%064d\"]]}", 1);
    e = parse(code);
    assert_int_equal(e->situations[0].sector.code.len, 64);
    dmp_directory_free(e);

    (void) snprintf(code, sizeof(code), STRUCTURE ",\"sectors\":[[\"" R02
                    "\",\"%065d\"]]}", 1);
    refuse(code, strlen(code), DMP_E_LIMIT, "\"sectors[0][1]\" is longer");

    /* the whole entry, and how deep it is */

    text = malloc(DMP_DIRECTORY_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', DMP_DIRECTORY_MAX + 1);
    memcpy(text, PERSON "}", strlen(PERSON "}"));
    assert_int_equal(dmp_directory_parse(text, DMP_DIRECTORY_MAX, &e,
                                         &(dmp_error_t) { .line = 0 }),
                     DMP_OK);
    dmp_directory_free(e);
    refuse(text, DMP_DIRECTORY_MAX + 1, DMP_E_LIMIT, "65536 bytes");

    memset(text, '[', DMP_DIRECTORY_MAX);
    refuse(text, DMP_DIRECTORY_MAX, DMP_E_LIMIT, "too deep");
    free(text);

    /* what stands behind a NUL is not overlooked */

    refuse(PERSON "}\0x", sizeof(PERSON "}\0x") - 1, DMP_E_SYNTAX, "NUL");
}


/* Strings written with escapes are what they stand for. */
static void
test_escapes(void **state)
{
    dmp_directory_t  *e;

    (void) state;
    e = parse("{" KIND ",\"ids\":[\"\\u0038\\u00399700218896\"],"
              "\"practices\":[{\"specialty\":[\"" R01 "\",\"\\u0053M26\"]}],"
              FROM "}");
    assert_true(str_is(e->ids[0], "899700218896"));
    assert_true(str_is(e->situations[0].specialty.code, "SM26"));
    dmp_directory_free(e);
}


/* An error never quotes what stands in an entry. */
static void
test_discreet(void **state)
{
    dmp_error_t       error;
    dmp_directory_t  *e;
    const char        text[] = PERSON ",\n\"notices\":SECRET}";

    (void) state;
    assert_int_equal(dmp_directory_parse(text, sizeof(text) - 1, &e, &error),
                     DMP_E_SYNTAX);
    assert_null(strstr(error.text, "SECRET"));
    assert_int_equal(error.line, 2);

    refuse("{" KIND ",\"ids\":[\"SECRET\"]," FROM "}",
           strlen("{" KIND ",\"ids\":[\"SECRET\"]," FROM "}"), DMP_E_SYNTAX,
           "\"ids[0]\"");
    assert_int_equal(dmp_directory_parse(PERSON ",\"regulates\":[\"SECRET!\"]}",
                                         strlen(PERSON ",\"regulates\":"
                                                "[\"SECRET!\"]}"),
                                         &e, &error), DMP_E_SYNTAX);
    assert_null(strstr(error.text, "SECRET"));
}


static void
test_key(void **state)
{
    char       key[DMP_KEY_NAME_MAX];
    size_t     i, len;
    dmp_str_t  id;
    static const char *const  known[] = {
        "899700218896", "0751234567", "1750712184", "326750045200016",
        "499900063480001", "R102671", "3760021832/000000018"
    };
    static const char *const  unknown[] = {
        "", "99700218896", "8997002188960", "89970021889x", "x y",
        "899700218896\n", "899700218896:x", "185032A00100142"
    };

    (void) state;

    for (i = 0; i < count(known); i++) {
        id = (dmp_str_t) { known[i], strlen(known[i]) };
        len = dmp_directory_key(key, id);

        if (len != 8 + id.len || memcmp(key, "dmp:dir:", 8) != 0
            || memcmp(key + 8, id.data, id.len) != 0)
        {
            fail_msg("%s: \"%.*s\"", known[i], (int) len, key);
        }
    }

    for (i = 0; i < count(unknown); i++) {
        id = (dmp_str_t) { unknown[i], strlen(unknown[i]) };

        if (dmp_directory_key(key, id) != 0) {
            fail_msg("%s has a key", unknown[i]);
        }
    }

    assert_int_equal(dmp_directory_key(key, dmp_null_string), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_person),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_discreet),
        cmocka_unit_test(test_key),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
