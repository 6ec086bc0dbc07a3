/*
 * test_filter.c: a search answer cut down to what may leave: the bytes that
 * stay, the commas that go, and what is refused as a whole.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "filter_case.h"


static void
leaves(const char *json, const char *want, unsigned shown, unsigned withheld)
{
    dmp_filter_t  f;

    f = plain_filter();
    leaves_of(&f, json, want, shown, withheld);
}


static void
refused(const char *json, dmp_rc_t want)
{
    dmp_filter_t  f;

    f = plain_filter();
    refused_by(&f, json, want);
}


static void
unchanged_when_all_may_leave(void **state)
{
    (void) state;

    leaves(BUNDLE("\"entry\":[" ENTRY("a") "," ENTRY("b") "]"),
           BUNDLE("\"entry\":[" ENTRY("a") "," ENTRY("b") "]"), 2, 0);
    leaves(" { " HEAD " , \"entry\" : [ " ENTRY("a") " , " ENTRY("b")
           " ] } \n",
           " { " HEAD " , \"entry\" : [ " ENTRY("a") " , " ENTRY("b")
           " ] } \n", 2, 0);
    leaves("{" HEAD "}", "{" HEAD "}", 0, 0);
    leaves("{\"entry\":[" ENTRY("a") "],\"id\":\"x\"," HEAD "}",
           "{\"entry\":[" ENTRY("a") "],\"id\":\"x\"," HEAD "}", 1, 0);
}


static void
entries_go_with_their_comma(void **state)
{
    (void) state;

    leaves(BUNDLE("\"entry\":[" ENTRY("no") "," ENTRY("b") "]"),
           BUNDLE("\"entry\":[" ENTRY("b") "]"), 1, 1);
    leaves(BUNDLE("\"entry\":[" ENTRY("a") "," ENTRY("no") "]"),
           BUNDLE("\"entry\":[" ENTRY("a") "]"), 1, 1);
    leaves(BUNDLE("\"entry\":[" ENTRY("a") "," ENTRY("no") "," ENTRY("c")
                  "]"),
           BUNDLE("\"entry\":[" ENTRY("a") "," ENTRY("c") "]"), 2, 1);
    leaves(BUNDLE("\"entry\" : [\n " ENTRY("no") " ,\n " ENTRY("b") "\n ,"
                  ENTRY("no2") "\t]"),
           BUNDLE("\"entry\" : [\n " ENTRY("b") "\t]"), 1, 2);
}


static void
an_empty_page_has_no_entry_member(void **state)
{
    (void) state;

    leaves(BUNDLE("\"entry\":[" ENTRY("no") "]"), "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[]"), "{" HEAD "}", 0, 0);
    leaves("{\"entry\":[" ENTRY("no") "," ENTRY("no") "]," HEAD "}",
           "{" HEAD "}", 0, 2);
    leaves("{ \"entry\" : [ ] , " HEAD " }", "{ " HEAD " }", 0, 0);
    leaves(BUNDLE("\"entry\":[" ENTRY("no") "],\"id\":\"b\""),
           BUNDLE("\"id\":\"b\""), 0, 1);
}


static void
totals_go(void **state)
{
    (void) state;

    leaves(BUNDLE("\"total\":2,\"entry\":[" ENTRY("a") "]"),
           BUNDLE("\"entry\":[" ENTRY("a") "]"), 1, 0);
    leaves("{\"total\":2," HEAD "}", "{" HEAD "}", 0, 0);
    leaves("{" HEAD ",\"total\":2}", "{" HEAD "}", 0, 0);
    leaves("{\"_total\":{\"id\":\"x\"},\"total\":2," HEAD "}",
           "{" HEAD "}", 0, 0);
    leaves("{ \"total\" : 2 ,\n " HEAD " ,\n \"_total\" : null }",
           "{ " HEAD " }", 0, 0);
    leaves("{\"total\":{\"a\":[]}," HEAD "}", "{" HEAD "}", 0, 0);
    leaves("{\"total\":1,\"entry\":[" ENTRY("no") "],\"_total\":{}," HEAD "}",
           "{" HEAD "}", 0, 1);
}


static void
other_entries(void **state)
{
    (void) state;

    leaves(BUNDLE("\"entry\":[" OUTCOME "," ENTRY("no") "]"),
           BUNDLE("\"entry\":[" OUTCOME "]"), 0, 1);
    leaves(BUNDLE("\"entry\":[{\"search\":{},\"resource\":{\"issue\":[],"
                  "\"resourceType\":\"OperationOutcome\"}}]"),
           BUNDLE("\"entry\":[{\"search\":{},\"resource\":{\"issue\":[],"
                  "\"resourceType\":\"OperationOutcome\"}}]"), 0, 0);

    /* whatever else is in there stays in there */

    leaves(BUNDLE("\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}}]"),
           "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{\"resource\":" BUNDLE("\"entry\":["
                  ENTRY("a") "]") "}]"), "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{\"resource\":{\"resourceType\":"
                  "\"OperationOutcome\",\"contained\":[{}]}}]"),
           "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{\"resource\":null}]"), "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{\"resource\":[]}]"), "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{}]"), "{" HEAD "}", 0, 1);
    leaves(BUNDLE("\"entry\":[{\"fullUrl\":\"x\"}]"), "{" HEAD "}", 0, 1);

    /* a document that cannot be judged, though its id may be known */

    leaves(BUNDLE("\"entry\":[{\"resource\":{\"id\":\"a\",\"resourceType\":"
                  "\"DocumentReference\",\"subject\":null}}," ENTRY("b") "]"),
           BUNDLE("\"entry\":[" ENTRY("b") "]"), 1, 1);

    /* the type of a resource may stand last */

    leaves(BUNDLE("\"entry\":[{\"resource\":{\"id\":\"no\",\"resourceType\":"
                  "\"DocumentReference\"},\"fullUrl\":\"u\"}]"),
           "{" HEAD "}", 0, 1);
}


static void
refused_as_a_whole(void **state)
{
    size_t  i;

    static const char *const  unknown[] = {
        "{}", "[]", "null", "1", "\"Bundle\"",
        "{\"resourceType\":\"Bundle\"}",
        "{\"type\":\"searchset\"}",
        "{\"resourceType\":\"bundle\",\"type\":\"searchset\"}",
        "{\"resourceType\":\"List\",\"type\":\"searchset\"}",
        "{\"resourceType\":\"Bundle\",\"type\":\"document\"}",
        "{\"resourceType\":\"Bundle\",\"type\":\"history\"}",
        "{\"resourceType\":\"Bundle\",\"type\":null}",
        "{\"resourceType\":null,\"type\":\"searchset\"}",
        "{\"entry\":[" ENTRY("a") "],\"resourceType\":\"Bundle\",\"type\":"
            "\"collection\"}",
        BUNDLE("\"issues\":{}"),                 /* FHIR R5 */
        BUNDLE("\"Total\":1"), BUNDLE("\"\":1"), BUNDLE("\"text\":{}"),
        BUNDLE("\"contained\":[]"), BUNDLE("\"_entry\":[]"),
        BUNDLE("\"entry\":null"), BUNDLE("\"entry\":{}"),
        BUNDLE("\"entry\":\"x\""), BUNDLE("\"entry\":" ENTRY("a")),
        BUNDLE("\"entry\":[null]"), BUNDLE("\"entry\":[1]"),
        BUNDLE("\"entry\":[[]]"), BUNDLE("\"entry\":[\"x\"]"),
        BUNDLE("\"entry\":[" ENTRY("a") ",[" ENTRY("no") "]]"),
        BUNDLE("\"entry\":[{\"request\":{}}]"),
        BUNDLE("\"entry\":[{\"response\":{\"outcome\":{}}}]"),
        BUNDLE("\"entry\":[{\"modifierExtension\":[]}]"),
        BUNDLE("\"entry\":[{\"Resource\":{}}]"),
        BUNDLE("\"entry\":[{\"\":{}}]")
    };

    static const char *const  broken[] = {
        "", " ", "{", "{" HEAD, "{" HEAD "}}", "{" HEAD "} x",
        BUNDLE("\"entry\":["), BUNDLE("\"entry\":[]") "{}",
        BUNDLE("\"entry\":[" ENTRY("a") ",]"),
        BUNDLE("\"entry\":[," ENTRY("a") "]"),
        BUNDLE("\"entry\":[" ENTRY("a") ENTRY("b") "]"),
        BUNDLE("\"entry\":[],\"entry\":[" ENTRY("a") "]"),
        BUNDLE("\"total\":1,\"total\":2"),
        BUNDLE("\"entry\":[{\"resource\":{},\"resource\":{}}]"),
        BUNDLE("\"\\u0065ntry\":[" ENTRY("a") "]"),
        BUNDLE("\"entry\":[{\"r\\u0065source\":{}}]"),
        BUNDLE("\"entry\":[" ENTRY("a\\u0000") "]"),
        BUNDLE("\"entry\":[" ENTRY("no\\ud800") "]"),
        BUNDLE("\"id\":\"\xff\""), "\xef\xbb\xbf{" HEAD "}",
        BUNDLE("\"entry\":[" ENTRY("no") "],\"link\":[01]")
    };

    (void) state;

    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        refused(unknown[i], DMP_E_UNKNOWN);
    }

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        refused(broken[i], DMP_E_SYNTAX);
    }
}


/* The Bundle of n documents, every other one hidden; from malloc(). */
static char *
many(size_t n)
{
    char    *json;
    size_t   i, len;

    json = malloc(300 + n * 64);
    assert_non_null(json);

    len = (size_t) sprintf(json, "{\"id\":\"b\",\"total\":1,%s,\"_total\":"
                           "{},\"entry\":[", HEAD);

    for (i = 0; i < n; i++) {
        len += (size_t) sprintf(json + len, "%s%s", i != 0 ? "," : "",
                                i % 2 ? ENTRY("a") : ENTRY("no"));
    }

    (void) sprintf(json + len, "],\"language\":\"fr\"}");

    return json;
}


static void
max_entries(void **state)
{
    char          *json;
    size_t         n;
    check_left_t   left;
    dmp_filter_t   f;

    (void) state;

    f = plain_filter();

    for (n = 0; n <= MAX_ENTRIES + 1; n += n < 5 ? 1 : 37) {

        json = many(n);
        f.max_entries = n;
        left = run(&f, json, strlen(json));
        assert_int_equal(left.rc, DMP_OK);
        assert_int_equal(left.cut.shown, n / 2);
        assert_int_equal(left.cut.withheld, n - n / 2);
        free(left.text);

        if (n > 0) {
            f.max_entries = n - 1;
            refused_by(&f, json, DMP_E_LIMIT);
        }

        free(json);
    }

    /* a million entries cost no more than the limit */

    json = malloc(4 * 1000000);
    assert_non_null(json);
    n = (size_t) sprintf(json, "{%s,\"entry\":[", HEAD);

    while (n < 3900000) {
        memcpy(json + n, "{},", 3);
        n += 3;
    }

    (void) sprintf(json + n, "{}]}");
    refused_by(&f, json, DMP_E_LIMIT);
    free(json);
}


static void
max_depth(void **state)
{
    char          json[1024];
    size_t        len;
    dmp_filter_t  f;

    (void) state;

    f = plain_filter();

    /* nesting beyond the scanner's limit */

    len = (size_t) sprintf(json, "{%s,\"meta\":", HEAD);
    memset(json + len, '[', 64);
    memset(json + len + 64, ']', 64);
    strcpy(json + len + 128, "}");
    refused_by(&f, json, DMP_E_LIMIT);

    f.max_depth = 1000;
    refused_by(&f, json, DMP_E_LIMIT);

    /* the Bundle, its entries, the entry, the document, and one more */

    f.max_depth = 5;
    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                          "\"DocumentReference\",\"date\":\"\",\"x\":[]}}"),
              ENTRIES("{\"resource\":{\"resourceType\":"
                      "\"DocumentReference\",\"date\":\"\",\"x\":[]}}"), 1, 0);
    refused_by(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                           "\"DocumentReference\",\"x\":[[]]}}"), DMP_E_LIMIT);
    refused_by(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                           "\"Patient\",\"x\":[[]]}}"), DMP_E_LIMIT);
}


/* Fails at each allocation in turn: never part of an answer. */
static void
no_memory(void **state)
{
    char          *json;
    size_t         n;
    check_left_t   left;
    dmp_filter_t   f;

    (void) state;

    f = plain_filter();
    json = many(MAX_ENTRIES);

    for (n = 0; n < 20; n++) {
        assert_null(check_run(&f, json, strlen(json), n, NULL, &left));
        free(left.text);

        if (left.rc == DMP_OK) {
            break;
        }

        assert_int_equal(left.rc, DMP_E_NOMEM);
    }

    /* the list of changes grew to 128 and to 256; and the pieces */

    assert_int_equal(left.rc, DMP_OK);
    assert_int_equal(n, 3);

    free(json);
}


static void
pieces_are_few(void **state)
{
    check_left_t  left;
    dmp_filter_t  f;

    (void) state;

    f = plain_filter();

    left = run(&f, ENTRIES(ENTRY("a") "," ENTRY("b")),
               sizeof(ENTRIES(ENTRY("a") "," ENTRY("b"))) - 1);
    assert_int_equal(left.cut.n_pieces, 1);
    free(left.text);

    left = run(&f, ENTRIES(ENTRY("no") "," ENTRY("no") "," ENTRY("a") ","
                           ENTRY("no") "," ENTRY("no") "," ENTRY("b")),
               sizeof(ENTRIES(ENTRY("no") "," ENTRY("no") "," ENTRY("a") ","
                              ENTRY("no") "," ENTRY("no") "," ENTRY("b")))
               - 1);
    assert_int_equal(left.cut.n_pieces, 3);
    free(left.text);
}


static void
what_is_searched(void **state)
{
    dmp_filter_t  f;

    (void) state;

    f = plain_filter();
    f.entries = DMP_RESOURCE_NONE;
    refused_by(&f, ENTRIES(ENTRY("a")), DMP_E_UNKNOWN);
    f.entries = DMP_RESOURCE_BUNDLE;
    refused_by(&f, ENTRIES(ENTRY("a")), DMP_E_UNKNOWN);

    /* neither brings the other */

    f.entries = DMP_RESOURCE_LIST;
    leaves_of(&f, ENTRIES(ENTRY("a")), "{" HEAD "}", 0, 1);
    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":\"List\"}},"
                          OUTCOME),
              ENTRIES("{\"resource\":{\"resourceType\":\"List\"}}," OUTCOME),
              1, 0);
    f.entries = DMP_RESOURCE_DOCUMENT_REFERENCE;
    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":\"List\"}},"
                          OUTCOME), ENTRIES(OUTCOME), 0, 1);
}


/* Every order of six members, every choice of three entries. */
static void
every_order(void **state)
{
    char          json[1024];
    size_t        i, j, n, len, kept, order[6];
    json_t       *tree, *want, *entries;
    unsigned      choice;
    check_left_t  left;
    dmp_filter_t  f;

    static const char *const  members[] = {
        "\"resourceType\":\"Bundle\"", "\"type\":\"searchset\"",
        "\"total\":1", "\"_total\":{}", "\"id\":\"b\"", NULL
    };

    (void) state;

    f = plain_filter();

    for (n = 0; n < 6 * 6 * 6 * 6 * 6 * 6; n++) {

        for (i = 0, j = n; i < 6; i++, j /= 6) {
            order[i] = j % 6;

            for (kept = 0; kept < i && order[kept] != order[i]; kept++) {
                /* void */
            }

            if (kept < i) {
                break;
            }
        }

        if (i < 6) {
            continue;
        }

        for (choice = 0; choice < 15; choice++) {

            /* 1 + 2 + 4 + 8 choices for 0 to 3 entries */

            j = choice < 1 ? 0 : choice < 3 ? 1 : choice < 7 ? 2 : 3;
            entries = json_array();
            len = 0;

            for (i = 0; i < 6; i++) {
                len += (size_t) sprintf(json + len, "%s", i ? " , " : "{ ");

                if (members[order[i]] != NULL) {
                    len += (size_t) sprintf(json + len, "%s",
                                            members[order[i]]);
                    continue;
                }

                len += (size_t) sprintf(json + len, "\"entry\":[");

                for (kept = 0; kept < j; kept++) {
                    len += (size_t) sprintf(json + len, "%s%s",
                                            kept ? " , " : " ",
                                            (choice + 1) >> kept & 1
                                            ? ENTRY("a") : ENTRY("no"));

                    if ((choice + 1) >> kept & 1) {
                        (void) json_array_append_new(entries,
                            json_loads(ENTRY("a"), 0, NULL));
                    }
                }

                len += (size_t) sprintf(json + len, " ]");
            }

            len += (size_t) sprintf(json + len, " }");

            left = run(&f, json, len);

            if (left.rc != DMP_OK) {
                fail_msg("%s: rc %d", json, (int) left.rc);
                return;
            }

            want = json_pack("{s:s,s:s,s:s}", "resourceType", "Bundle",
                             "type", "searchset", "id", "b");

            if (json_array_size(entries) != 0) {
                (void) json_object_set(want, "entry", entries);
            }

            tree = json_loads(left.text, JSON_REJECT_DUPLICATES, NULL);

            if (!json_equal(tree, want)) {
                fail_msg("%s became %s", json, left.text);
            }

            json_decref(tree);
            json_decref(want);
            json_decref(entries);
            free(left.text);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(unchanged_when_all_may_leave),
        cmocka_unit_test(entries_go_with_their_comma),
        cmocka_unit_test(an_empty_page_has_no_entry_member),
        cmocka_unit_test(totals_go),
        cmocka_unit_test(other_entries),
        cmocka_unit_test(refused_as_a_whole),
        cmocka_unit_test(max_entries),
        cmocka_unit_test(max_depth),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(pieces_are_few),
        cmocka_unit_test(what_is_searched),
        cmocka_unit_test(every_order)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
