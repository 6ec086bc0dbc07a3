/*
 * test_filter_list.c: a search of Lists: whom one is about, which documents it
 * names, and what makes it opaque.  DMP_FIXTURES names the published examples,
 * t/fixtures if not set.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "filter_case.h"


#define INS         "123456789012345"
#define SYSTEM      "urn:oid:1.2.250.1.213.1.4.8"
#define SOURCE_ID   "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"   \
                    "ihe-sourcePatientId"
#define LIST(rest)  "{\"resource\":{\"resourceType\":\"List\"," rest "}}"
#define ITEM(item)  LIST("\"id\":\"l\",\"entry\":[{\"item\":{" item "}}]")
#define REF(to)     "\"reference\":\"" to "\""
#define SOURCE(value)                                                         \
    LIST("\"extension\":[{\"url\":\"" SOURCE_ID "\"," value "}]")
#define PATIENT     "{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier" \
                    "\":[{\"system\":\"" SYSTEM "\",\"value\":\"" INS "\"}]}"


/* What was said of the last one, in words. */
typedef struct {
    char      text[32768];
    unsigned  asked;
} told_t;


static bool
note(void *data, const dmp_fhir_list_t *list)
{
    size_t      i;
    told_t     *told;
    dmp_buf_t   b;

    told = data;
    told->asked++;

    dmp_buf_init(&b, told->text, sizeof(told->text) - 1);
    dmp_buf_str(&b, list->id);

    for (i = 0; i < list->n_ins; i++) {
        dmp_buf_text(&b, " ins ");
        dmp_buf_str(&b, list->ins[i]);
    }

    dmp_buf_text(&b, list->other_patient ? " other" : "");
    dmp_buf_text(&b, list->opaque ? " opaque" : "");

    for (i = 0; i < list->n_documents; i++) {
        dmp_buf_text(&b, " ");
        dmp_buf_str(&b, list->documents[i]);
    }

    assert_false(b.full);
    told->text[b.len] = '\0';

    return !list->opaque;
}


static dmp_filter_t
list_filter(told_t *told)
{
    dmp_filter_t  f;

    f = address_filter();
    f.entries = DMP_RESOURCE_LIST;
    f.judge = NULL;
    f.judge_list = note;
    f.data = told;
    told->asked = 0;

    return f;
}


/* The only entry, and what is said of it. */
static void
says(const char *entry, const char *want)
{
    char           json[4096];
    check_left_t   left;
    dmp_filter_t   f;

    static told_t  told;

    f = list_filter(&told);
    (void) snprintf(json, sizeof(json), ENTRIES("%s"), entry);
    left = run(&f, json, strlen(json));
    free(left.text);

    if (left.rc != DMP_OK || told.asked != 1) {
        fail_msg("%s: rc %d, asked %u times", entry, (int) left.rc,
                 told.asked);
    }

    if (strcmp(told.text, want) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", entry, told.text, want);
    }

    assert_int_equal(left.cut.shown, strstr(want, " opaque") == NULL);
    assert_int_equal(left.cut.withheld, strstr(want, " opaque") != NULL);
}


/* Withheld, and nobody is asked. */
static void
unread(const char *entry)
{
    char           json[4096];
    dmp_filter_t   f;

    static told_t  told;

    f = list_filter(&told);
    (void) snprintf(json, sizeof(json), ENTRIES("%s"), entry);
    leaves_of(&f, json, "{" HEAD "}", 0, 1);

    if (told.asked != 0) {
        fail_msg("%s: asked", entry);
    }
}


static void
items(void **state)
{
    size_t  i;
    char    entry[512];

    static const char *const  one[] = {
        "DocumentReference/d", "DocumentReference/d/_history/3",
        HOST "/DocumentReference/d", "/fhir/DocumentReference/d",
        "https://dmp.example/r4/DocumentReference/d/_history/1",
        "Document\\u0052eference\\/d", "http:\\/\\/host:8080\\/fhir"
        "\\/DocumentReference\\/d"
    };

    static const char *const  opaque[] = {
        "Binary/d", "Bundle/d", "DocumentReference", "DocumentReference/",
        "DocumentReference?identifier=a|b", "DocumentReference/d/x",
        "documentReference/d", "#d", "#", "urn:uuid:d", "urn:oid:1.2",
        "https://elsewhere/fhir/DocumentReference/d",
        HOST "/../DocumentReference/d", HOST "/DocumentReference/%64",
        "./DocumentReference/d", "../fhir/DocumentReference/d", ""
    };

    (void) state;

    for (i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        (void) snprintf(entry, sizeof(entry), ITEM(REF("%s")), one[i]);
        says(entry, "l d");
    }

    for (i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++) {
        (void) snprintf(entry, sizeof(entry), ITEM(REF("%s")), opaque[i]);
        says(entry, "l opaque");
    }

    /* another List of this host is judged by itself */

    says(ITEM(REF("List/f")), "l");
    says(ITEM(REF(HOST "/List/f")), "l");
    says(ITEM(REF("https://elsewhere/List/f")), "l opaque");

    /* what is no reference, or says two things */

    says(ITEM("\"identifier\":{\"system\":\"s\",\"value\":\"v\"}"),
         "l opaque");
    says(ITEM("\"display\":\"Compte rendu\""), "l opaque");
    says(ITEM(""), "l opaque");
    says(ITEM(REF("DocumentReference/d") ",\"type\":\"Binary\""), "l opaque");
    says(ITEM(REF("DocumentReference/d") ",\"type\":\"DocumentReference\","
              "\"display\":\"d\",\"identifier\":{\"value\":\"v\"}"), "l d");
}


static void
entries(void **state)
{
    (void) state;

    says(LIST("\"id\":\"l\""), "l");
    says(LIST("\"id\":\"l\",\"entry\":[],\"emptyReason\":{\"text\":\"x\"}"),
         "l");
    says(LIST("\"id\":\"l\",\"entry\":[{}]"), "l opaque");
    says(LIST("\"entry\":[{\"deleted\":true,\"item\":{"
              REF("DocumentReference/a") "},\"date\":\"2026\"},{\"item\":{"
              REF("DocumentReference/b") "}},{\"item\":{"
              REF("DocumentReference/a") "}}],\"id\":\"l\""), "l a b a");
    says("{\"resource\":{\"entry\":[{\"item\":{" REF("Binary/a") "}}],"
         "\"id\":\"l\",\"resourceType\":\"List\"}}", "l opaque");

    unread(LIST("\"entry\":{}"));
    unread(LIST("\"entry\":[null]"));
    unread(LIST("\"entry\":[[]]"));
    unread(LIST("\"entry\":[{\"item\":null}]"));
    unread(LIST("\"entry\":[{\"item\":[]}]"));
    unread(LIST("\"entry\":[{\"item\":{\"reference\":null}}]"));
    unread(LIST("\"entry\":[{\"item\":{\"identifier\":[]}}]"));
    unread(LIST("\"id\":1"));
    unread(LIST("\"contained\":{}"));
    unread(LIST("\"extension\":null"));
    unread("{\"resource\":{\"resourceType\":\"DocumentReference\"}}");
    unread("{\"resource\":{\"resourceType\":\"list\"}}");
    unread("{\"resource\":{\"id\":\"l\"}}");
    unread("{\"resource\":null}");
    unread("{}");
    unread("{\"fullUrl\":\"" HOST "/../x\",\"resource\":{\"resourceType\":"
           "\"List\"}}");
}


static void
patients(void **state)
{
    (void) state;

    says(LIST("\"subject\":{" REF("Patient?identifier=" SYSTEM "|" INS) "}"),
         " ins " INS);
    says(LIST("\"subject\":{\"identifier\":{\"system\":\"" SYSTEM "\","
              "\"value\":\"" INS "\"}}"), " ins " INS);
    says(LIST("\"subject\":{" REF("Patient/p") "}"), "");
    says(LIST("\"subject\":{" REF("Group/p") "}"), " other");
    says(LIST("\"subject\":{" REF("#p") "},\"contained\":[" PATIENT "]"),
         " ins " INS);
    says(LIST("\"contained\":[" PATIENT "],\"subject\":{" REF("#q") "}"),
         " other");
    unread(LIST("\"subject\":[]"));

    /* whom it came with */

    says(SOURCE("\"valueReference\":{" REF("Patient?identifier=" SYSTEM "|"
                INS) "}"), " ins " INS);
    says(SOURCE("\"valueReference\":{" REF("#p") "}"), " other");
    says(SOURCE("\"valueReference\":{" REF("Practitioner/p") "}"), " other");
    says(SOURCE("\"valueIdentifier\":{\"value\":\"x\"}"), " other");
    says(SOURCE("\"valueReference\":null"), " other");
    says(LIST("\"extension\":[{\"valueReference\":{" REF("#p") "},\"url\":\""
              SOURCE_ID "\"}],\"contained\":[" PATIENT "]"), " ins " INS);
    says(LIST("\"extension\":[{\"url\":\"x\",\"valueReference\":{"
              REF("#p") "}},{\"url\":\"y\",\"valueReference\":1}]"), "");

    /* three that are contained are more than a resource has members for */

    says(LIST("\"contained\":[" PATIENT "],\"subject\":{" REF("#p") "},"
              "\"extension\":[{\"url\":\"" SOURCE_ID "\",\"valueReference\":{"
              REF("#p") "}},{\"url\":\"" SOURCE_ID "\",\"valueReference\":{"
              REF("#p") "}}]"), " ins " INS " other");
    says(LIST("\"subject\":{" REF("Patient?identifier=" SYSTEM "|1") "},"
              "\"extension\":[{\"url\":\"" SOURCE_ID "\",\"valueReference\":{"
              REF("Patient?identifier=" SYSTEM "|2") "}}]"),
         " ins 1 ins 2");
}


static void
contained(void **state)
{
    (void) state;

    says(LIST("\"contained\":[{\"resourceType\":\"Practitioner\"},"
              "{\"resourceType\":\"Organization\"}]"), "");
    unread(LIST("\"contained\":[{\"resourceType\":\"DocumentReference\"}]"));
    unread(LIST("\"contained\":[{\"id\":\"x\"}]"));
}


static void
many_documents(void **state)
{
    char          *json;
    size_t         n, i, len;
    dmp_filter_t   f;

    static told_t  told;

    (void) state;

    json = malloc(64 * 1200);
    assert_non_null(json);
    f = list_filter(&told);

    for (n = DMP_LIST_DOCUMENTS; n <= DMP_LIST_DOCUMENTS + 1; n++) {

        len = (size_t) sprintf(json, "{%s,\"entry\":[{\"resource\":{"
                               "\"resourceType\":\"List\",\"entry\":[", HEAD);

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(json + len, "%s{\"item\":{\"reference\":"
                                    "\"DocumentReference/%zu\"}}",
                                    i != 0 ? "," : "", i);
        }

        (void) sprintf(json + len, "]}}]}");

        told.asked = 0;
        leaves_of(&f, json, n == DMP_LIST_DOCUMENTS ? json : "{" HEAD "}",
                  n == DMP_LIST_DOCUMENTS, n != DMP_LIST_DOCUMENTS);
        assert_int_equal(told.asked, n == DMP_LIST_DOCUMENTS);
    }

    free(json);
}


/* One does not remember another, and no allocation fails unseen. */
static void
several(void **state)
{
    size_t         n;
    check_left_t   left;
    dmp_filter_t   f;

    static told_t  told;

    static const char  json[] =
        ENTRIES(ITEM(REF("Binary/a")) "," ITEM(REF("DocumentReference/a")) ","
                OUTCOME "," LIST("\"id\":\"m\"") ","
                "{\"resource\":{\"resourceType\":\"OperationOutcome\","
                "\"entry\":[{\"item\":{" REF("DocumentReference/a") "}}]}}");

    (void) state;

    f = list_filter(&told);
    leaves_of(&f, json, ENTRIES(ITEM(REF("DocumentReference/a")) "," OUTCOME
                                "," LIST("\"id\":\"m\"")), 2, 2);
    assert_int_equal(told.asked, 3);
    assert_string_equal(told.text, "m");

    for (n = 0; n < 10; n++) {
        assert_null(check_run(&f, json, sizeof(json) - 1, n, NULL, &left));
        free(left.text);

        if (left.rc == DMP_OK) {
            break;
        }

        assert_int_equal(left.rc, DMP_E_NOMEM);
    }

    assert_int_equal(n, 2);

    /* fullUrl is made ours, items stay as they are */

    leaves_of(&f, ENTRIES("{\"fullUrl\":\"" HOST "/List/l\",\"resource\":{"
                          "\"resourceType\":\"List\",\"entry\":[{\"item\":{"
                          REF(HOST "/DocumentReference/d") "}}]}}"),
              ENTRIES("{\"fullUrl\":\"" OURS "/List/l\",\"resource\":{"
                      "\"resourceType\":\"List\",\"entry\":[{\"item\":{"
                      REF(HOST "/DocumentReference/d") "}}]}}"), 1, 0);
}


static void
metadata_only(void **state)
{
    dmp_filter_t   f;

    static told_t  told;

    (void) state;

    f = list_filter(&told);
    f.metadata_only = true;

    leaves_of(&f, ENTRIES(LIST("\"text\":{\"div\":\"x\"},\"id\":\"l\"")),
              ENTRIES(LIST("\"id\":\"l\"")), 1, 0);
    leaves_of(&f, ENTRIES(LIST("\"note\":[{\"text\":\"x\"}]")),
              ENTRIES(LIST("\"note\":[{\"text\":\"x\"}]")), 1, 0);

    told.asked = 0;
    leaves_of(&f, ENTRIES(LIST("\"contained\":[{\"resourceType\":\"Binary\"}]")
                          "," LIST("\"extension\":[{\"valueAttachment\":{}}]")
                          "," LIST("\"x\":{\"data\":\"eA==\"}")),
              "{" HEAD "}", 0, 3);
    assert_int_equal(told.asked, 0);
}


/* The published ones are understood. */
static void
published(void **state)
{
    FILE          *file;
    char           name[1024];
    size_t         i, len;
    const char    *fixtures;
    dmp_filter_t   f;

    static char    json[65536];
    static told_t  told;

    static const char *const  ids[] = {
        "ExampleSubmissionSet", "ExampleFolder"
    };

    (void) state;

    f = list_filter(&told);
    fixtures = getenv("DMP_FIXTURES");

    for (i = 0; i < 2; i++) {

        (void) snprintf(name, sizeof(name), "%s/pdsm/List-%s.json",
                        fixtures != NULL ? fixtures : "t/fixtures", ids[i]);
        file = fopen(name, "rb");
        assert_non_null(file);

        len = (size_t) sprintf(json, "{%s,\"entry\":[{\"resource\":", HEAD);
        len += fread(json + len, 1, sizeof(json) - len - 8, file);
        assert_int_equal(fclose(file), 0);
        (void) snprintf(json + len, 8, "}]}");

        leaves_of(&f, json, json, 1, 0);
        (void) snprintf(name, sizeof(name), "%s exemple-pdsm-documentreference",
                        ids[i]);
        assert_string_equal(told.text, name);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(items),
        cmocka_unit_test(entries),
        cmocka_unit_test(patients),
        cmocka_unit_test(contained),
        cmocka_unit_test(many_documents),
        cmocka_unit_test(several),
        cmocka_unit_test(metadata_only),
        cmocka_unit_test(published)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
