/*
 * test_filter_bundle.c: what leaves whole: a FHIR document, by whom it is
 * about, and a CapabilityStatement.  DMP_FIXTURES names the published
 * examples, t/fixtures if not set.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_filter.h>


#define INS       "123456789012345"
#define OTHER     "280017505600103"
#define SYSTEM    "urn:oid:1.2.250.1.213.1.4.8"
#define DOCUMENT(entries)                                                     \
    "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"id\":\"b\","        \
    "\"entry\":[" entries "]}"
#define ABOUT(subject)                                                        \
    "{\"resource\":{\"resourceType\":\"Composition\",\"subject\":{" subject   \
    "}}}"
#define BY(reference)  ABOUT("\"reference\":\"" reference "\"")
#define NAMED(ins)                                                            \
    "\"identifier\":[{\"system\":\"" SYSTEM "\",\"value\":\"" ins "\"}]"
#define PATIENT(url, id, more)                                                \
    "{\"fullUrl\":\"" url "\",\"resource\":{\"resourceType\":\"Patient\","    \
    "\"id\":\"" id "\"," more "}}"
#define NOBODY    "{\"resource\":{\"resourceType\":\"Composition\"}}"
#define OBSERVED                                                              \
    "{\"resource\":{\"resourceType\":\"Observation\",\"subject\":{"           \
    "\"reference\":\"Patient?identifier=" SYSTEM "|" OTHER "\"},"             \
    "\"identifier\":{},\"contained\":1}}"


static dmp_rc_t
whole(const char *json, unsigned depth)
{
    char      *copy;
    size_t     len;
    dmp_rc_t   rc;

    /* of exactly its size, so that a byte read too far is seen */

    len = strlen(json);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, json, len);

    rc = dmp_filter_document_bundle(copy, len, depth, dmp_string("b"),
                                    dmp_string(INS));
    free(copy);

    return rc;
}


static void
comes_to(const char *json, dmp_rc_t want)
{
    dmp_rc_t  rc;

    rc = whole(json, 0);

    if (rc != want) {
        fail_msg("%s: rc %d, not %d", json, (int) rc, (int) want);
    }
}


static void
about_the_patient(void **state)
{
    size_t  i;

    static const char *const  texts[] = {
        DOCUMENT(""), DOCUMENT(NOBODY), DOCUMENT("{}"),
        DOCUMENT(BY("Patient?identifier=" SYSTEM "|" INS)),
        DOCUMENT(ABOUT("\"identifier\":{\"system\":\"" SYSTEM "\",\"value\":\""
                       INS "\"}")),
        DOCUMENT(NOBODY "," PATIENT("urn:uuid:1", "p", NAMED(INS))),
        DOCUMENT(NOBODY "," PATIENT("urn:uuid:1", "p", "\"active\":true")),
        DOCUMENT(BY("urn:uuid:1") "," PATIENT("urn:uuid:1", "p", NAMED(INS))),
        DOCUMENT(BY("Patient/p") "," PATIENT("urn:uuid:1", "p", NAMED(INS))),

        /* others may be named where it says who it is about */

        DOCUMENT(BY("urn:uuid:1") "," PATIENT("urn:uuid:1", "p", NAMED(INS))
                 "," PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT(PATIENT("urn:uuid:2", "q", NAMED(OTHER)) ","
                 BY("Patient/p/_history/2") ","
                 PATIENT("urn:uuid:1", "p", NAMED(INS))),
        DOCUMENT(BY("http://h/Patient/p/_history/2") ","
                 PATIENT("http://h/Patient/p", "x", NAMED(INS)) ","
                 PATIENT("http://g/Patient/p", "p", NAMED(OTHER))),
        DOCUMENT(BY("Patient/p") ","
                 PATIENT("http:\\/\\/h/Patient/p", "p", "\"a\":1") ","
                 PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT(BY("Patient/p") ","
                 PATIENT("http://h/Patient/p", "z", NAMED(INS)) ","
                 PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT(BY("Patient?identifier=" SYSTEM "|" INS) ","
                 PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT(BY("urn:uuid:\\u0031") ","
                 PATIENT("urn:uuid:1", "p", NAMED(INS)) ","
                 PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT("{\"resource\":{\"contained\":[{\"resourceType\":\"Patient\","
                 "\"id\":\"c\"," NAMED(INS) "}],\"subject\":{\"reference\":"
                 "\"#c\"},\"resourceType\":\"Composition\"}}"),

        /* what other resources say is not what the document is about */

        DOCUMENT(OBSERVED), DOCUMENT(NOBODY "," OBSERVED),
        DOCUMENT("{\"resource\":{\"subject\":[1],\"id\":1}}"),

        /* in any order, with white space */

        " { \"entry\" : [ { \"resource\" : { \"subject\" : { \"reference\" : "
        "\"urn:uuid:1\" } , \"resourceType\" : \"Composition\" } } , { "
        "\"resource\" : { " NAMED(INS) " , \"resourceType\" : \"Patient\" } , "
        "\"fullUrl\" : \"urn:uuid:1\" } ] , \"id\" : \"\\u0062\" , \"type\" : "
        "\"document\" , \"x\" : [ ] , \"resourceType\" : \"Bundle\" } "
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        comes_to(texts[i], DMP_OK);
    }
}


static void
about_another(void **state)
{
    size_t  i;

    static const char *const  texts[] = {
        DOCUMENT(BY("Patient?identifier=" SYSTEM "|" OTHER)),
        DOCUMENT(ABOUT("\"identifier\":{\"system\":\"" SYSTEM "\",\"value\":\""
                       OTHER "\"}")),
        DOCUMENT(ABOUT("\"identifier\":{\"value\":\"" INS "\"}")),
        DOCUMENT(BY("Group/1")), DOCUMENT(BY("#nobody")),
        DOCUMENT(ABOUT("\"type\":\"Group\"")),
        DOCUMENT(NOBODY "," PATIENT("urn:uuid:1", "p", NAMED(OTHER))),
        DOCUMENT(PATIENT("urn:uuid:1", "p", NAMED(OTHER))),
        DOCUMENT(PATIENT("urn:uuid:1", "p", NAMED(INS)) ","
                 PATIENT("urn:uuid:2", "q", NAMED(OTHER))),
        DOCUMENT(BY("urn:uuid:1") "," PATIENT("urn:uuid:1", "p",
                                              NAMED(OTHER))),
        DOCUMENT(PATIENT("urn:uuid:1", "p", NAMED(OTHER)) ","
                 BY("urn:uuid:1") "," PATIENT("urn:uuid:2", "q", NAMED(INS))),
        DOCUMENT(BY("Patient/p") "," PATIENT("", "p", NAMED(OTHER))),
        DOCUMENT(BY("Patient/p") ","
                 PATIENT("http://h/Patient/p", "z", NAMED(OTHER))),
        DOCUMENT(BY("Patient/p") "," PATIENT("", "p", "\"identifier\":[{"
                 "\"system\":\"1.2.250.1.213.1.4.9\",\"value\":\"" OTHER
                 "\"}]")),
        DOCUMENT(BY("Patient/p") "," PATIENT("", "p", "\"identifier\":[{"
                 "\"value\":\"" INS "\"}]")),
        DOCUMENT(BY("Patient/p") "," PATIENT("", "p", "\"identifier\":[{"
                 "\"system\":\"" SYSTEM "\",\"value\":\"" INS "\"},{"
                 "\"system\":\"" SYSTEM "\",\"value\":\"" OTHER "\"}]")),

        /* one that is not in it names nobody: then all count */

        DOCUMENT(BY("Patient/elsewhere") ","
                 PATIENT("urn:uuid:1", "p", NAMED(OTHER))),
        DOCUMENT(BY("http://h/Patient/p") ","
                 PATIENT("http://g/Patient/p", "p", NAMED(OTHER))),

        /* by both ways */

        DOCUMENT(ABOUT("\"reference\":\"urn:uuid:1\",\"identifier\":{"
                       "\"system\":\"" SYSTEM "\",\"value\":\"" INS "\"}") ","
                 PATIENT("urn:uuid:1", "p", NAMED(OTHER))),
        DOCUMENT(NOBODY "," BY("Patient?identifier=" SYSTEM "|" OTHER)),
        DOCUMENT(BY("Patient?identifier=" SYSTEM "|" INS) ","
                 BY("Patient?identifier=" SYSTEM "|" OTHER))
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        comes_to(texts[i], DMP_E_REFUSED);
    }
}


static void
not_that_document(void **state)
{
    size_t  i;

    static const char *const  unknown[] = {
        "{}", "[]", "1", "null", "\"Bundle\"",
        "{\"resourceType\":\"Bundle\",\"type\":\"document\"}",
        "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"id\":\"B\"}",
        "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"id\":[\"b\"]}",
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"id\":\"b\"}",
        "{\"resourceType\":\"Bundle\",\"id\":\"b\"}",
        "{\"resourceType\":\"Composition\",\"type\":\"document\",\"id\":"
            "\"b\"}",
        "{\"type\":\"document\",\"id\":\"b\"}",
        DOCUMENT("null"), DOCUMENT("[]"),
        "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"id\":\"b\","
            "\"entry\":{}}",
        DOCUMENT("{\"resource\":{\"resourceType\":\"Composition\","
                 "\"subject\":[]}}"),
        DOCUMENT("{\"resource\":{\"resourceType\":\"Composition\","
                 "\"subject\":{\"reference\":1}}}"),
        DOCUMENT("{\"resource\":{\"subject\":{\"identifier\":[]},"
                 "\"resourceType\":\"Composition\"}}"),
        DOCUMENT("{\"resource\":{\"identifier\":{},\"resourceType\":"
                 "\"Patient\"}}"),
        DOCUMENT("{\"resource\":{\"resourceType\":\"Patient\",\"id\":1}}"),
        DOCUMENT("{\"resource\":{\"resourceType\":\"Patient\",\"identifier\":"
                 "[1]}}"),
        DOCUMENT("{\"resource\":{\"resourceType\":\"Composition\","
                 "\"contained\":[{\"id\":\"a\"},{\"id\":\"a\"}]}}")
    };

    static const char *const  broken[] = {
        "", "{", DOCUMENT("") "x", DOCUMENT("{},"), DOCUMENT("{\"a\":01}"),
        "{\"id\":\"b\"," "\"id\":\"b\"}", "[}", "1 2", "nul"
    };

    static const char  nameless[] =
        "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"id\":\"\"}";

    (void) state;

    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        comes_to(unknown[i], DMP_E_UNKNOWN);
    }

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        comes_to(broken[i], DMP_E_SYNTAX);
    }

    /* without the one or the other nothing passes */

    assert_int_equal(dmp_filter_document_bundle(DOCUMENT(""),
                                                sizeof(DOCUMENT("")) - 1, 0,
                                                dmp_string("b"),
                                                dmp_null_string),
                     DMP_E_REFUSED);
    assert_int_equal(dmp_filter_document_bundle(nameless,
                                                sizeof(nameless) - 1, 0,
                                                dmp_null_string,
                                                dmp_string(INS)),
                     DMP_E_UNKNOWN);
}


static void
limits(void **state)
{
    char    json[8192];
    size_t  i, n, len;

    (void) state;

    /* the Bundle, its entries, one, its resource, its identifiers, one */

    assert_int_equal(whole(DOCUMENT(PATIENT("", "p", NAMED(INS))), 6), DMP_OK);
    assert_int_equal(whole(DOCUMENT(PATIENT("", "p", NAMED(INS))), 5),
                     DMP_E_LIMIT);

    for (n = 32; n <= 33; n++) {
        len = (size_t) sprintf(json, "{\"resourceType\":\"Bundle\",\"type\":"
                               "\"document\",\"id\":\"b\",\"entry\":[{}");

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(json + len, ",{\"resource\":{"
                                    "\"resourceType\":\"Patient\"}}");
        }

        (void) sprintf(json + len, "]}");
        comes_to(json, n == 32 ? DMP_OK : DMP_E_LIMIT);
    }

    for (n = 4; n <= 5; n++) {
        len = (size_t) sprintf(json, "{\"resourceType\":\"Bundle\",\"type\":"
                               "\"document\",\"id\":\"b\",\"entry\":[{}");

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(json + len, ",%s", BY("Patient/p"));
        }

        (void) sprintf(json + len, "]}");
        comes_to(json, n == 4 ? DMP_OK : DMP_E_LIMIT);
    }
}


static void
published_example(void **state)
{
    FILE        *file;
    char         name[1024];
    size_t       len;
    const char  *fixtures;

    static char  text[65536];

    (void) state;

    fixtures = getenv("DMP_FIXTURES");
    (void) snprintf(name, sizeof(name), "%s/pdsm4dmp/"
                    "Bundle-example-annexe-fhir-document.json",
                    fixtures != NULL ? fixtures : "t/fixtures");

    file = fopen(name, "rb");
    assert_non_null(file);
    len = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < sizeof(text));

    assert_int_equal(dmp_filter_document_bundle(text, len, 0,
                         dmp_string("example-annexe-fhir-document"),
                         dmp_string(INS)), DMP_OK);
    assert_int_equal(dmp_filter_document_bundle(text, len, 0,
                         dmp_string("example-annexe-fhir-document"),
                         dmp_string(OTHER)), DMP_E_REFUSED);
    assert_int_equal(dmp_filter_document_bundle(text, len, 0,
                         dmp_string("another"), dmp_string(INS)),
                     DMP_E_UNKNOWN);
}


static void
capabilities(void **state)
{
    size_t  i;

    static const struct {
        const char  *json;
        unsigned     depth;
        dmp_rc_t     rc;
    } cases[] = {
        { "{\"resourceType\":\"CapabilityStatement\"}", 0, DMP_OK },
        { " {\"a\":[{}],\"resourceType\":\"CapabilityStatement\"}\n", 0,
          DMP_OK },
        { "{\"resourceType\":\"C\\u0061pabilityStatement\"}", 0, DMP_OK },
        { "{\"a\":[{}],\"resourceType\":\"CapabilityStatement\"}", 3, DMP_OK },
        { "{\"a\":[{}],\"resourceType\":\"CapabilityStatement\"}", 2,
          DMP_E_LIMIT },
        { "{}", 0, DMP_E_UNKNOWN }, { "[]", 0, DMP_E_UNKNOWN },
        { "null", 0, DMP_E_UNKNOWN },
        { "{\"resourceType\":\"Bundle\"}", 0, DMP_E_UNKNOWN },
        { "{\"resourceType\":[\"CapabilityStatement\"]}", 0, DMP_E_UNKNOWN },
        { "{\"a\":{\"resourceType\":\"CapabilityStatement\"}}", 0,
          DMP_E_UNKNOWN },
        { "", 0, DMP_E_SYNTAX }, { "[", 0, DMP_E_SYNTAX },
        { "{\"resourceType\":\"CapabilityStatement\"", 0, DMP_E_SYNTAX },
        { "{\"resourceType\":\"CapabilityStatement\"}{}", 0, DMP_E_SYNTAX },
        { "{\"resourceType\":\"CapabilityStatement\",\"resourceType\":\"\"}",
          0, DMP_E_SYNTAX }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (dmp_filter_capabilities(cases[i].json, strlen(cases[i].json),
                                    cases[i].depth) != cases[i].rc)
        {
            fail_msg("%s: not %d", cases[i].json, (int) cases[i].rc);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(about_the_patient),
        cmocka_unit_test(about_another),
        cmocka_unit_test(not_that_document),
        cmocka_unit_test(limits),
        cmocka_unit_test(published_example),
        cmocka_unit_test(capabilities)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
