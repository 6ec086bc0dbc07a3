/*
 * test_document.c: the facts read from a DocumentReference: whom it is about,
 * by whom, and what cannot be judged.  The other facts: test_document_facts.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "document_case.h"


static void
about(const char *json, dmp_patient_match_t want)
{
    dmp_rc_t             rc;
    dmp_document_t       document;
    dmp_patient_match_t  match;

    rc = parse(json, &document);
    match = dmp_document_patient(&document, dmp_string(INS));

    if (rc != DMP_OK || match != want) {
        fail_msg("%s: rc %d, match %d instead of %d", json, (int) rc,
                 (int) match, (int) want);
    }
}


static void
judged(const char *json, dmp_rc_t want)
{
    dmp_rc_t        rc;
    dmp_document_t  document;

    rc = parse(json, &document);

    if (rc != want) {
        fail_msg("%s: rc %d, not %d", json, (int) rc, (int) want);
    }

    if (rc != DMP_OK) {
        assert_int_equal(dmp_document_patient(&document, dmp_string(INS)),
                         DMP_PATIENT_OTHER);
        assert_int_equal(document.labels, DMP_LABEL_ALL);
        assert_int_equal(document.n_types, 0);
        assert_int_equal(document.n_authors, 0);
        assert_int_equal(document.n_structures, 0);
        assert_int_equal(document.status, DMP_STATUS_UNKNOWN);
        assert_false(document.by_patient);
        assert_true(document.archived);
        assert_false(document.dated);
    }
}


/* authors: the expected ids, each followed by a blank. */
static void
by(const char *json, const char *authors)
{
    char            list[512];
    unsigned        i;
    dmp_buf_t       b;
    dmp_document_t  document;

    assert_int_equal(parse(json, &document), DMP_OK);

    dmp_buf_init(&b, list, sizeof(list));

    for (i = 0; i < document.n_authors; i++) {
        dmp_buf_str(&b, document.authors[i]);
        dmp_buf_text(&b, " ");
    }

    if (b.len != strlen(authors) || memcmp(list, authors, b.len) != 0) {
        fail_msg("%s: authors %.*s, not %s", json, (int) b.len, list, authors);
    }
}


static void
subject_forms(void **state)
{
    (void) state;

    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "|" INS)),
          DMP_PATIENT_SAME);
    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "%7C" INS)),
          DMP_PATIENT_SAME);
    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "%7c" INS)),
          DMP_PATIENT_SAME);
    about(DOC(SUBJECT("Patient?identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8|"
                      INS)), DMP_PATIENT_SAME);
    about(DOC(SUBJECT("https://host/fhir/Patient?identifier=" INS_SYSTEM "|"
                      INS)), DMP_PATIENT_SAME);
    about(DOC(SUBJECT("https:\\/\\/host\\/Patient?identifier=" INS_SYSTEM
                      "\\u007c" INS)), DMP_PATIENT_SAME);
    about(DOC("\"subject\":{\"identifier\":" ID(INS_SYSTEM, INS) "}"),
          DMP_PATIENT_SAME);
    about(DOC("\"subject\":{\"type\":\"Patient\",\"identifier\":"
              ID(INS_SYSTEM, INS) ",\"display\":\"x\"}"), DMP_PATIENT_SAME);

    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "|" OTHER_INS)),
          DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"identifier\":" ID(INS_SYSTEM, OTHER_INS) "}"),
          DMP_PATIENT_OTHER);

    /* the INS by its four systems, and as it should not be written */

    about(DOC(SUBJECT("Patient?identifier=urn:oid:1.2.250.1.213.1.4.9|" INS)),
          DMP_PATIENT_SAME);
    about(DOC(SUBJECT("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|"
                      OTHER_INS)), DMP_PATIENT_OTHER);
    about(DOC(SUBJECT("Patient?identifier=urn:oid:1.2.250.1.213.1.4.11|"
                      OTHER_INS)), DMP_PATIENT_OTHER);
    about(DOC(SUBJECT("Patient?identifier=1.2.250.1.213.1.4.8|" OTHER_INS)),
          DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"identifier\":"
              ID("URN:OID:1.2.250.1.213.1.4.8", OTHER_INS) "}"),
          DMP_PATIENT_OTHER);

    /* an INS that is nearly this one */

    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "|" INS " ")),
          DMP_PATIENT_OTHER);
    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "|12345678901234")),
          DMP_PATIENT_OTHER);
}


static void
names_nobody(void **state)
{
    (void) state;

    about(DOC("\"id\":\"x\""), DMP_PATIENT_UNNAMED);
    about(DOC("\"subject\":{}"), DMP_PATIENT_UNNAMED);
    about(DOC("\"subject\":{\"display\":\"M. Martin\"}"),
          DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM)), DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("Patient?identifier=" INS_SYSTEM "|")),
          DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("Patient?identifier=urn:oid:1.2.3|A12")),
          DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("Patient/fr-patient-123")), DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("Patient/1/_history/2")), DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("http://host/fhir/Patient/1")), DMP_PATIENT_UNNAMED);
    about(DOC(SUBJECT("urn:uuid:0c0c0c0c-0000-0000-0000-000000000000")),
          DMP_PATIENT_UNNAMED);
    about(DOC("\"subject\":{\"identifier\":" ID("urn:oid:1.2.3", "A12") "}"),
          DMP_PATIENT_UNNAMED);
    about(DOC("\"subject\":{\"identifier\":{\"value\":\"A12\"}}"),
          DMP_PATIENT_UNNAMED);
    about(DOC("\"subject\":{\"identifier\":{\"system\":\"" INS_SYSTEM "\"}}"),
          DMP_PATIENT_UNNAMED);
    about(DOC("\"contained\":[" PATIENT("p", ID("urn:oid:1.2.3", "A12")) "],"
              SUBJECT("#p")), DMP_PATIENT_UNNAMED);
    about(DOC("\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"p\"}],"
              SUBJECT("#p")), DMP_PATIENT_UNNAMED);

    /* contained, but nobody says that the document is about them */

    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, OTHER_INS)) "],"
              SUBJECT("Patient/1")), DMP_PATIENT_UNNAMED);
}


static void
names_somebody_unknown(void **state)
{
    size_t  i;
    char    json[256];

    static const char *const  references[] = {
        "", "#", "#nobody", "x", "Patient", "Patient/", "/Patient", "Group/1",
        "Device/1", "Practitioner/1", "http://host/Group/1", "patient/1",
        "Patient/1#2", "Patient/1/2", "Patient/1/_history/",
        "Group/1/_history/1",
        "_history/1", "Patient?", "Patient?identifier", "Patient?identifier=",
        "Patient?identifier=|", "Patient?identifier=|" INS,
        "Patient?identifier=" INS,
        "Patient?identifier=%7c" INS,
        "Patient?identifier:exact=" INS_SYSTEM "|" INS,
        "Patient?_id=1", "Patient?family=MARTIN",
        "Patient?identifier=" INS_SYSTEM "|" INS "&identifier=x",
        "Patient?identifier=" INS_SYSTEM "|" INS "&active=true",
        "Patient?identifier=" INS_SYSTEM "|" INS "," INS_SYSTEM "|"
            OTHER_INS,
        "Patient?identifier=" INS_SYSTEM "|" INS "%2c" INS_SYSTEM,
        "Patient?identifier=urn:oid:1.2.3|A12," OTHER_INS,
        "Patient?identifier=" INS_SYSTEM "|x|" INS,
        "Patient?identifier=" INS_SYSTEM "|" INS "#x",
        "Patient?identifier=" INS_SYSTEM "%7" INS,
        "Patient?identifier=" INS_SYSTEM "|" INS "%",
        "Patient?identifier=" INS_SYSTEM "|" INS "%4",
        "Patient?identifier=" INS_SYSTEM "|" INS "%zz",
        "Group?identifier=" INS_SYSTEM "|" INS,
        "RelatedPatient?identifier=" INS_SYSTEM "|" INS,
        "?identifier=" INS_SYSTEM "|" INS
    };

    (void) state;

    for (i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC(SUBJECT("%s")), references[i]);
        about(json, DMP_PATIENT_OTHER);
    }

    about(DOC("\"subject\":{\"type\":\"Group\",\"identifier\":"
              ID(INS_SYSTEM, INS) "}"), DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"identifier\":{\"value\":\"" INS "\"}}"),
          DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"identifier\":" ID(INS_SYSTEM, "") "}"),
          DMP_PATIENT_OTHER);
    about(DOC("\"contained\":[{\"resourceType\":\"Group\",\"id\":\"p\","
              "\"identifier\":[" ID(INS_SYSTEM, INS) "]}]," SUBJECT("#p")),
          DMP_PATIENT_OTHER);
    about(DOC("\"contained\":[{\"resourceType\":\"Device\",\"id\":\"p\","
              "\"identifier\":[" ID(INS_SYSTEM, INS) "]}]," SUBJECT("#p")),
          DMP_PATIENT_OTHER);
}


static void
contained_patients(void **state)
{
    (void) state;

    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS)) "],"
              SUBJECT("#p")), DMP_PATIENT_SAME);
    about(DOC(SUBJECT("#p") ",\"contained\":["
              PATIENT("p", ID(INS_SYSTEM, INS)) "]"), DMP_PATIENT_SAME);
    about(DOC(SUBJECT("#p\\u0031") ",\"contained\":["
              PATIENT("p1", ID("x", "y") "," ID(INS_SYSTEM, INS)) "]"),
          DMP_PATIENT_SAME);
    about(DOC(SUBJECT("#p1") ",\"contained\":["
              PATIENT("p\\u0031", ID(INS_SYSTEM, INS)) "]"),
          DMP_PATIENT_SAME);
    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS)) "],"
              SOURCE("#p")), DMP_PATIENT_SAME);
    about(DOC("\"contained\":[{\"identifier\":[" ID(INS_SYSTEM, INS) "],"
              "\"id\":\"p\",\"resourceType\":\"Patient\"}]," SOURCE("#p")),
          DMP_PATIENT_SAME);
    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS)) "],"
              SUBJECT("Patient?identifier=" INS_SYSTEM) "," SOURCE("#p")),
          DMP_PATIENT_SAME);
    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS)) "],"
              SUBJECT("Patient/1") "," SOURCE("#p")), DMP_PATIENT_SAME);

    /* any two that differ: nobody's */

    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, OTHER_INS)) "],"
              SUBJECT("Patient?identifier=" INS_SYSTEM "|" INS) ","
              SOURCE("#p")), DMP_PATIENT_OTHER);
    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS)) "],"
              SUBJECT("Patient?identifier=" INS_SYSTEM "|" OTHER_INS) ","
              SOURCE("#p")), DMP_PATIENT_OTHER);
    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS) ","
              ID(INS_SYSTEM, OTHER_INS)) "]," SUBJECT("#p")),
          DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"reference\":\"Patient?identifier=" INS_SYSTEM
              "|" INS "\",\"identifier\":" ID(INS_SYSTEM, OTHER_INS) "}"),
          DMP_PATIENT_OTHER);
    about(DOC("\"subject\":{\"identifier\":" ID(INS_SYSTEM, INS) "},"
              SOURCE("#gone")), DMP_PATIENT_OTHER);

    /* the same one by all ways */

    about(DOC("\"contained\":[" PATIENT("p", ID(INS_SYSTEM, INS) ","
              ID("urn:oid:1.2.250.1.213.1.4.9", INS)) "],\"subject\":{"
              "\"reference\":\"#p\",\"identifier\":" ID(INS_SYSTEM, INS) "},"
              SOURCE("Patient?identifier=" INS_SYSTEM "|" INS)),
          DMP_PATIENT_SAME);
}


static void
no_ins_matches_nothing(void **state)
{
    dmp_document_t  document;

    (void) state;

    assert_int_equal(parse(DOC("\"id\":\"x\""), &document), DMP_OK);
    assert_int_equal(dmp_document_patient(&document, dmp_null_string),
                     DMP_PATIENT_OTHER);
}


static void
many_patients(void **state)
{
    char       json[8192];
    size_t     i;
    dmp_buf_t  b;

    (void) state;

    dmp_buf_init(&b, json, sizeof(json) - 1);
    dmp_buf_text(&b, "{\"resourceType\":\"DocumentReference\",\"subject\":{"
                     "\"reference\":\"#p\"},\"contained\":[{\"resourceType\":"
                     "\"Patient\",\"id\":\"p\",\"identifier\":[");

    for (i = 0; i < 20; i++) {
        dmp_buf_text(&b, i != 0 ? "," : "");
        dmp_buf_text(&b, "{\"system\":\"" INS_SYSTEM "\",\"value\":\"");
        dmp_buf_uint(&b, 123456789012345 + (i == 0 ? 0 : i));
        dmp_buf_text(&b, "\"}");
    }

    dmp_buf_text(&b, "]}]}");
    assert_false(b.full);
    json[b.len] = '\0';

    about(json, DMP_PATIENT_OTHER);
}


static void
authors(void **state)
{
    (void) state;

    by(DOC("\"contained\":[" AUTHOR("PractitionerRole", "a",
           ID(PS_SYSTEM, "899700218896")) "],\"author\":[{\"reference\":"
           "\"#a\"}]"), "899700218896 ");
    by(DOC("\"author\":[{\"reference\":\"#a\"}],\"contained\":["
           AUTHOR("Practitioner", "a", ID("https:\\/\\/rpps.esante.gouv.fr",
           "99700218896")) "]"), "899700218896 ");
    by(DOC("\"author\":[{\"identifier\":" ID(PS_SYSTEM, "899700218896") "},"
           "{\"identifier\":" ID("https://rpps.esante.gouv.fr", "10101201234")
           "}]"), "899700218896 810101201234 ");

    /* both numbers of one person, and the same author twice */

    by(DOC("\"contained\":[" AUTHOR("Practitioner", "a",
           ID(PS_SYSTEM, "810101201234") ","
           ID("https://rpps.esante.gouv.fr", "10101201234")) "],"
           "\"author\":[{\"reference\":\"#a\"},{\"reference\":\"#a\"}]"),
       "810101201234 ");

    /* who is no author */

    by(DOC("\"id\":\"x\""), "");
    by(DOC("\"author\":[]"), "");
    by(DOC("\"author\":[{\"reference\":\"PractitionerRole/1\"},"
           "{\"reference\":\"#gone\"},{\"reference\":\"#\"},"
           "{\"reference\":\"\"},{\"display\":\"x\"},{}]"), "");
    by(DOC("\"contained\":[" AUTHOR("Organization", "a",
           ID(PS_SYSTEM, "899700218896")) "],\"author\":[{\"reference\":"
           "\"#a\"}]"), "");
    by(DOC("\"contained\":[" AUTHOR("Practitioner", "a",
           ID(PS_SYSTEM, "899700218896")) "],\"authenticator\":{"
           "\"reference\":\"#a\"}"), "");
    by(DOC("\"author\":[{\"identifier\":" ID(PS_SYSTEM, "") "},"
           "{\"identifier\":" ID("https://rpps.esante.gouv.fr", "1011848351")
           "},{\"identifier\":" ID("https://rpps.esante.gouv.fr",
           "1010120123x") "},{\"identifier\":" ID("urn:oid:1.2",
           "899700218896") "},{\"identifier\":{\"value\":\"899700218896\"}},"
           "{\"identifier\":" ID("1.2.250.1.71.4.2.1", "899700218896") "}]"),
       "");
}


static void
limits(void **state)
{
    char       json[16384];
    size_t     i, n, what;
    dmp_buf_t  b;

    static const struct {
        const char  *open;
        const char  *before;
        const char  *after;
        const char  *close;
        size_t       most;
    } table[] = {
        { "\"author\":[", "{\"identifier\":{\"system\":\"" PS_SYSTEM
          "\",\"value\":\"8", "\"}}", "]", DMP_DOCUMENT_AUTHORS },
        { "\"author\":[", "{\"reference\":\"#", "\"}", "]",
          DMP_DOCUMENT_AUTHORS },
        { "\"author\":[", "{\"identifier\":{\"system\":\"" STRUCT_SYSTEM
          "\",\"value\":\"", "\"}}", "]", DMP_DOCUMENT_STRUCTURES },
        { "\"type\":{\"coding\":[", "{\"code\":\"", "\"}", "]}",
          DMP_DOCUMENT_TYPES },
        { "\"contained\":[", "{\"resourceType\":\"Device\",\"id\":\"", "\"}",
          "]", DMP_DOCUMENT_CONTAINED },
        { "\"contained\":[{\"resourceType\":\"Patient\",\"identifier\":[",
          "{\"system\":\"" INS_SYSTEM "\",\"value\":\"", "\"}", "]}]", 64 }
    };

    (void) state;

    for (what = 0; what < sizeof(table) / sizeof(table[0]); what++) {
        for (n = table[what].most; n <= table[what].most + 1; n++) {
            dmp_buf_init(&b, json, sizeof(json) - 1);
            dmp_buf_text(&b, "{\"resourceType\":\"DocumentReference\",");
            dmp_buf_text(&b, table[what].open);

            for (i = 0; i < n; i++) {
                dmp_buf_text(&b, i != 0 ? "," : "");
                dmp_buf_text(&b, table[what].before);
                dmp_buf_uint(&b, i);
                dmp_buf_text(&b, table[what].after);
            }

            dmp_buf_text(&b, table[what].close);
            dmp_buf_text(&b, "}");
            assert_false(b.full);
            json[b.len] = '\0';

            judged(json, n == table[what].most ? DMP_OK : DMP_E_LIMIT);
        }
    }

    /* decoded text that does not fit */

    dmp_buf_init(&b, json, sizeof(json) - 1);
    dmp_buf_text(&b, "{\"resourceType\":\"DocumentReference\",\"id\":\"\\n");

    for (i = 0; i < sizeof(((dmp_document_t *) NULL)->text); i++) {
        dmp_buf_text(&b, "x");
    }

    dmp_buf_text(&b, "\"}");
    json[b.len] = '\0';

    judged(json, DMP_E_LIMIT);

    /* one byte less does */

    json[b.len - 3] = '"';
    json[b.len - 2] = '}';
    json[b.len - 1] = '\0';

    judged(json, DMP_OK);
}


static void
cannot_be_judged(void **state)
{
    size_t  i;

    static const char *const  unknown[] = {
        "{}", "[]", "null", "\"DocumentReference\"", "1",
        "{\"resourceType\":\"Patient\"}",
        "{\"resourceType\":\"documentreference\"}",
        "{\"resourceType\":\"DocumentReference \"}",
        "{\"resourceType\":null}",
        "{\"resourceType\":[\"DocumentReference\"]}",
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[]}",
        DOC("\"id\":null"), DOC("\"id\":1"),
        DOC("\"date\":null"), DOC("\"date\":20260101"),
        DOC("\"extension\":null"), DOC("\"extension\":{}"),
        DOC("\"extension\":[null]"), DOC("\"extension\":[{\"url\":1}]"),
        DOC("\"status\":null"), DOC("\"status\":[]"),
        DOC("\"type\":null"), DOC("\"type\":\"x\""),
        DOC("\"type\":{\"coding\":{}}"), DOC("\"type\":{\"coding\":[null]}"),
        DOC("\"type\":{\"coding\":[{\"code\":1}]}"),
        DOC("\"masterIdentifier\":[]"),
        DOC("\"masterIdentifier\":{\"value\":null}"),
        DOC("\"subject\":null"), DOC("\"subject\":[]"), DOC("\"subject\":\"\""),
        DOC("\"subject\":[{\"reference\":\"Patient/1\"}]"),
        DOC("\"subject\":{\"reference\":null}"),
        DOC("\"subject\":{\"reference\":{}}"),
        DOC("\"subject\":{\"type\":null}"),
        DOC("\"subject\":{\"identifier\":null}"),
        DOC("\"subject\":{\"identifier\":[]}"),
        DOC("\"subject\":{\"identifier\":{\"system\":null,\"value\":\"x\"}}"),
        DOC("\"subject\":{\"identifier\":{\"system\":\"x\",\"value\":1}}"),
        DOC("\"author\":null"), DOC("\"author\":{}"), DOC("\"author\":[null]"),
        DOC("\"author\":[\"#a\"]"), DOC("\"author\":[{\"reference\":1}]"),
        DOC("\"securityLabel\":null"), DOC("\"securityLabel\":{}"),
        DOC("\"securityLabel\":\"N\""), DOC("\"securityLabel\":[\"N\"]"),
        DOC("\"securityLabel\":[null]"),
        DOC("\"securityLabel\":[{\"coding\":null}]"),
        DOC("\"securityLabel\":[{\"coding\":{\"code\":\"N\"}}]"),
        DOC("\"securityLabel\":[{\"coding\":[null]}]"),
        DOC("\"securityLabel\":[{\"coding\":[{\"code\":null}]}]"),
        DOC("\"content\":1"), DOC("\"content\":{}"),
        DOC("\"content\":[null]"), DOC("\"content\":[[]]"),
        DOC("\"content\":[{\"attachment\":null}]"),
        DOC("\"content\":[{\"attachment\":[]}]"),
        DOC("\"content\":[{\"attachment\":{\"url\":null}}]"),
        DOC("\"content\":[{\"attachment\":{\"url\":[\"a\"]}}]"),
        DOC("\"context\":null"), DOC("\"context\":[]"),
        DOC("\"context\":{\"sourcePatientInfo\":null}"),
        DOC("\"context\":{\"sourcePatientInfo\":[]}"),
        DOC("\"contained\":null"), DOC("\"contained\":{}"),
        DOC("\"contained\":[null]"), DOC("\"contained\":[[]]"),
        DOC("\"contained\":[{\"id\":null}]"),
        DOC("\"contained\":[{\"resourceType\":null}]"),
        DOC("\"contained\":[{\"identifier\":[null]}]"),
        DOC("\"contained\":[{\"resourceType\":\"Patient\",\"identifier\":{}}]"),

        /* one id for two */

        DOC("\"contained\":[" PATIENT("p", "") "," PATIENT("p", "") "]"),
        DOC("\"contained\":[" PATIENT("p", "") ","
            AUTHOR("Practitioner", "\\u0070", "") "]"),
        DOC("\"contained\":[" AUTHOR("Practitioner", "\\u0070", "") ","
            PATIENT("p", "") "]")
    };

    static const char *const  broken[] = {
        "{\"resourceType\":\"DocumentReference\"", "{}x", "",
        DOC("\"id\":\"a\",\"id\":\"b\""),
        DOC("\"subject\":{},\"subject\":{}"),
        DOC("\"subject\":{\"reference\":\"a\",\"reference\":\"b\"}"),
        DOC("\"s\\u0075bject\":{}"),
        DOC("\"text\":\"\\ud800\""),
        "{\"resourceType\":\"DocumentReference\",}"
    };

    (void) state;

    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        judged(unknown[i], DMP_E_UNKNOWN);
    }

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        judged(broken[i], DMP_E_SYNTAX);
    }

    /* what the rules do not need may be anything */

    judged(DOC("\"docStatus\":null,\"custodian\":[],"
               "\"contained\":[{\"resourceType\":\"Endpoint\",\"id\":\"b\","
               "\"identifier\":{}},{\"resourceType\":\"Device\"},"
               "{\"resourceType\":\"Device\"}]"), DMP_OK);

    /* but for another document, or what nobody knows */

    judged(DOC("\"contained\":[{\"resourceType\":\"Device\"},"
               "{\"resourceType\":\"DocumentReference\",\"id\":\"d\"}]"),
           DMP_E_UNKNOWN);
    judged(DOC("\"contained\":[{\"resourceType\":\"Binary\"}]"),
           DMP_E_UNKNOWN);
    judged(DOC("\"contained\":[{\"resourceType\":\"Bundle\"}]"),
           DMP_E_UNKNOWN);
    judged(DOC("\"contained\":[{\"id\":\"d\"}]"), DMP_E_UNKNOWN);
}


static void
outcomes(void **state)
{
    dmp_document_t  document;

    (void) state;

    assert_int_equal(parse("{\"issue\":[{\"severity\":\"warning\"}],"
                           "\"resourceType\":\"OperationOutcome\"}",
                           &document), DMP_E_UNKNOWN);
    assert_true(document.outcome);

    /* it must not be a wrapping for something else */

    assert_int_equal(parse("{\"resourceType\":\"OperationOutcome\","
                           "\"contained\":[{\"resourceType\":\"Patient\"}]}",
                           &document), DMP_E_UNKNOWN);
    assert_false(document.outcome);

    assert_int_equal(parse("{\"resourceType\":\"OperationOutcome\","
                           "\"contained\":{\"resourceType\":\"Patient\"}}",
                           &document), DMP_E_UNKNOWN);
    assert_false(document.outcome);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(subject_forms),
        cmocka_unit_test(names_nobody),
        cmocka_unit_test(names_somebody_unknown),
        cmocka_unit_test(contained_patients),
        cmocka_unit_test(no_ins_matches_nothing),
        cmocka_unit_test(many_patients),
        cmocka_unit_test(authors),
        cmocka_unit_test(limits),
        cmocka_unit_test(cannot_be_judged),
        cmocka_unit_test(outcomes)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, release);
}
