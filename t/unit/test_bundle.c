/*
 * test_bundle.c: a search answer cut down to what may leave: the bytes that
 * stay, the commas that go, and what is refused as a whole.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "small_policy.h"


#define ENTRY(id)                                                             \
    "{\"resource\":{\"resourceType\":\"DocumentReference\",\"id\":\"" id      \
    "\"}}"
#define OUTCOME                                                               \
    "{\"resource\":{\"resourceType\":\"OperationOutcome\"},"                  \
    "\"search\":{\"mode\":\"outcome\"}}"
#define HEAD         "\"resourceType\":\"Bundle\",\"type\":\"searchset\""
#define BUNDLE(rest)  "{" HEAD "," rest "}"

#define MAX_ENTRIES  300


/* Documents whose id begins with "no" may not leave. */
static bool
judge(void *data, const dmp_document_t *document)
{
    ++*(unsigned *) data;

    return document->id.len < 2 || memcmp(document->id.data, "no", 2) != 0;
}


/* The result, from malloc(), or NULL when refused with *rc. */
static char *
cut(const char *json, size_t len, size_t max_entries, size_t max_ranges,
    dmp_cut_t *out, dmp_rc_t *rc)
{
    char         *copy, *text;
    size_t        i, n;
    unsigned      asked;
    dmp_range_t  *ranges;

    copy = malloc(len != 0 ? len : 1);
    ranges = malloc(max_ranges * sizeof(dmp_range_t) + 1);
    text = malloc(len + 1);
    assert_true(copy != NULL && ranges != NULL && text != NULL);

    memcpy(copy, json, len);
    asked = 0;
    n = 0;

    *rc = dmp_bundle_cut(&small_policy, copy, len, judge, &asked, max_entries,
                         ranges, max_ranges, out);

    assert_ptr_equal(out->ranges, ranges);
    assert_true(out->n_ranges <= max_ranges);

    if (*rc != DMP_OK) {
        assert_int_equal(out->n_ranges, 0);
        assert_int_equal(out->size, 0);
        assert_int_equal(out->shown, 0);
        assert_int_equal(out->withheld, 0);
        free(text);
        text = NULL;
    }

    for (i = 0; i < out->n_ranges; i++) {
        assert_true(ranges[i].from < ranges[i].to);
        assert_true(ranges[i].to <= len);
        assert_true(i == 0 || ranges[i].from > ranges[i - 1].to);

        memcpy(text + n, copy + ranges[i].from, ranges[i].to - ranges[i].from);
        n += ranges[i].to - ranges[i].from;
    }

    assert_int_equal(n, out->size);

    if (text != NULL) {
        text[n] = '\0';
    }

    free(copy);
    free(ranges);

    return text;
}


static void
leaves(const char *json, const char *want, unsigned shown, unsigned withheld)
{
    char       *text;
    dmp_rc_t    rc;
    dmp_cut_t   out;

    text = cut(json, strlen(json), MAX_ENTRIES, 4 + MAX_ENTRIES, &out, &rc);

    if (text == NULL) {
        fail_msg("%s: rc %d", json, (int) rc);
        return;
    }

    assert_string_equal(text, want);
    assert_int_equal(out.shown, shown);
    assert_int_equal(out.withheld, withheld);

    free(text);
}


static void
refused(const char *json, dmp_rc_t want)
{
    char       *text;
    dmp_rc_t    rc;
    dmp_cut_t   out;

    text = cut(json, strlen(json), MAX_ENTRIES, 4 + MAX_ENTRIES, &out, &rc);

    if (text != NULL || rc != want) {
        fail_msg("%s: rc %d, not %d", json, (int) rc, (int) want);
    }
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
    leaves(BUNDLE("\"entry\":[" ENTRY("no") "],\"link\":[{\"relation\":"
                  "\"next\",\"url\":\"x\"}]"),
           BUNDLE("\"link\":[{\"relation\":\"next\",\"url\":\"x\"}]"), 0, 1);
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


static void
limits(void **state)
{
    char       *text, *json;
    size_t      i, n, len, size, needed;
    dmp_rc_t    rc;
    dmp_cut_t   out;

    (void) state;

    size = 4 * 1000000;
    json = malloc(size);
    assert_non_null(json);

    for (n = 0; n <= MAX_ENTRIES + 1; n += n < 5 ? 1 : 37) {
        len = (size_t) sprintf(json, "{\"id\":\"b\",\"total\":1,%s,\"_total\":"
                               "{},\"entry\":[", HEAD);

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(json + len, "%s%s", i != 0 ? "," : "",
                                    i % 2 ? ENTRY("a") : ENTRY("no"));
        }

        len += (size_t) sprintf(json + len, "],\"language\":\"fr\"}");

        /* four ranges and one per entry are enough; too few are refused */

        text = cut(json, len, n, 4 + n, &out, &rc);
        assert_int_equal(rc, DMP_OK);
        assert_int_equal(out.shown, n / 2);
        assert_int_equal(out.withheld, n - n / 2);
        free(text);

        needed = out.n_ranges;

        for (i = 0; i < needed; i += i < 8 ? 1 : 11) {
            text = cut(json, len, n, i, &out, &rc);
            assert_null(text);
            assert_int_equal(rc, DMP_E_LIMIT);
        }

        if (n > 0) {
            text = cut(json, len, n - 1, 4 + n, &out, &rc);
            assert_null(text);
            assert_int_equal(rc, DMP_E_LIMIT);
        }
    }

    /* a million entries cost no more than the limit */

    len = (size_t) sprintf(json, "{%s,\"entry\":[", HEAD);

    for (i = 0; i < 1000000; i++) {
        memcpy(json + len, "{},", 3);
        len += 3;
    }

    len += (size_t) sprintf(json + len, "{}]}");

    text = cut(json, len, MAX_ENTRIES, 4, &out, &rc);
    assert_null(text);
    assert_int_equal(rc, DMP_E_LIMIT);

    /* nesting beyond the scanner's limit */

    len = (size_t) sprintf(json, "{%s,\"meta\":", HEAD);
    memset(json + len, '[', 64);
    memset(json + len + 64, ']', 64);
    strcpy(json + len + 128, "}");

    text = cut(json, len + 129, MAX_ENTRIES, 4, &out, &rc);
    assert_null(text);
    assert_int_equal(rc, DMP_E_LIMIT);

    free(json);
}


/* Every order of six members, every choice of three entries. */
static void
every_order(void **state)
{
    char       *text;
    char        json[1024];
    size_t      i, j, n, len, kept, order[6];
    json_t     *tree, *want, *entries;
    dmp_rc_t    rc;
    unsigned    choice;
    dmp_cut_t   out;

    static const char *const  members[] = {
        "\"resourceType\":\"Bundle\"", "\"type\":\"searchset\"",
        "\"total\":1", "\"_total\":{}", "\"id\":\"b\"", NULL
    };

    (void) state;

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

            text = cut(json, len, 3, 4 + j, &out, &rc);

            if (text == NULL) {
                fail_msg("%s: rc %d", json, (int) rc);
                return;
            }

            want = json_pack("{s:s,s:s,s:s}", "resourceType", "Bundle",
                             "type", "searchset", "id", "b");

            if (json_array_size(entries) != 0) {
                (void) json_object_set(want, "entry", entries);
            }

            tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

            if (!json_equal(tree, want)) {
                fail_msg("%s became %s", json, text);
            }

            json_decref(tree);
            json_decref(want);
            json_decref(entries);
            free(text);
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
        cmocka_unit_test(limits),
        cmocka_unit_test(every_order)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
