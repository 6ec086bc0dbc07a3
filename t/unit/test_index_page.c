/*
 * test_index_page.c: a page of a search as a record host gives it: its
 * entries, its link, what is no such page; and where links may lead.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tools/index_page.h"
#include "small_policy.h"


#define str(text)  ((dmp_str_t) { text, strlen(text) })

#define DOC(members)   "{\"resourceType\":\"DocumentReference\"," members "}"
#define PAGE(members)  "{\"resourceType\":\"Bundle\",\"type\":\"searchset\","  \
                       members "}"
#define NEXT(url)      "{\"relation\":\"next\",\"url\":" url "}"

/* "id " of each document, "! " of each entry that cannot be judged. */
typedef struct {
    char       text[256];
    dmp_buf_t  said;
    unsigned   stop;                     /* after so many; 0: never */
} heard_t;

static index_page_t   page;
static char          *copy;


/* Of exactly its size, so that a byte read too far is seen. */
static dmp_rc_t
read_page(const char *json)
{
    size_t  len;

    free(copy);
    len = strlen(json);
    copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, json, len);
    memset(&page, 0xff, sizeof(page));

    return index_page_read(copy, len, &page);
}


static int
forget(void **state)
{
    (void) state;

    free(copy);

    return 0;
}


static bool
hear(void *data, dmp_rc_t rc, const dmp_document_t *document)
{
    heard_t  *heard;

    heard = data;
    assert_true((rc == DMP_OK) == (document != NULL));

    dmp_buf_str(&heard->said, document != NULL ? document->id : str("!"));
    dmp_buf_text(&heard->said, " ");

    return heard->stop == 0 || --heard->stop != 0;
}


static void
entries_are(const char *json, const char *want)
{
    heard_t  heard;

    memset(&heard, 0, sizeof(heard));
    dmp_buf_init(&heard.said, heard.text, sizeof(heard.text) - 1);

    assert_int_equal(read_page(json), DMP_OK);
    assert_true(index_page_each(&small_policy, &page, hear, &heard));
    assert_string_equal(heard.text, want);
}


static void
refused(const char *json, dmp_rc_t want)
{
    dmp_rc_t  rc;
    heard_t   heard;

    rc = read_page(json);

    if (rc != want) {
        fail_msg("%s: %d, not %d", json, rc, want);
    }

    assert_int_equal(page.entries.len, 0);
    assert_int_equal(page.next.len, 0);

    memset(&heard, 0, sizeof(heard));
    dmp_buf_init(&heard.said, heard.text, sizeof(heard.text));
    assert_true(index_page_each(&small_policy, &page, hear, &heard));
    assert_int_equal(heard.said.len, 0);
}


static void
next_is(const char *links, const char *want)
{
    char  json[1024];

    (void) snprintf(json, sizeof(json), PAGE("\"link\":[%s]"), links);
    assert_int_equal(read_page(json), DMP_OK);
    assert_true(dmp_str_eq(page.next, str(want)));
}


static void
entries(void **state)
{
    heard_t  heard;

    (void) state;

    entries_are(PAGE("\"total\":0"), "");
    entries_are(PAGE("\"entry\":[]"), "");
    entries_are("{\"entry\":[{\"fullUrl\":\"x\",\"resource\":"
                DOC("\"id\":\"a\"") ",\"search\":{\"mode\":\"match\"}},"
                "{\"resource\":" DOC("\"id\":\"b\"") "}],\"total\":2,"
                "\"type\":\"searchset\",\"resourceType\":\"Bundle\"}",
                "a b ");

    /* what is no document, or none that can be judged, or nothing at all */

    entries_are(PAGE("\"entry\":[{\"resource\":{\"resourceType\":"
                     "\"OperationOutcome\",\"issue\":[]}},{\"resource\":"
                     "{\"resourceType\":\"Patient\"}},{\"resource\":1},{},"
                     "{\"resource\":" DOC("\"author\":1") "},"
                     "{\"resource\":" DOC("\"id\":\"c\"") "}]"),
                "! ! ! ! c ");

    /* one who asks has heard enough */

    memset(&heard, 0, sizeof(heard));
    dmp_buf_init(&heard.said, heard.text, sizeof(heard.text) - 1);
    heard.stop = 1;
    assert_int_equal(read_page(PAGE("\"entry\":[{\"resource\":"
                                    DOC("\"id\":\"a\"") "},{}]")), DMP_OK);
    assert_false(index_page_each(&small_policy, &page, hear, &heard));
    assert_string_equal(heard.text, "a ");
}


static void
links(void **state)
{
    (void) state;

    next_is("", "");
    next_is("{\"relation\":\"self\",\"url\":\"x\"}", "");
    next_is("{\"relation\":\"self\",\"url\":\"x\"}," NEXT("\"y\"")
            ",{\"url\":\"z\",\"relation\":\"previous\"},{}", "y");
    next_is(NEXT("\"http:\\/\\/h\\u003fa\""), "http://h?a");
    next_is("{\"relation\":\"ne\\u0078t\",\"url\":\"y\"}", "y");
}


static void
no_page(void **state)
{
    char               *json;
    size_t              len;

    static const char   head[] = "{\"resourceType\":\"Bundle\",\"type\":"
                                 "\"searchset\",\"link\":[{\"relation\":"
                                 "\"next\",\"url\":\"";
    static const char   tail[] = "\"}]}";

    (void) state;

    refused("x", DMP_E_SYNTAX);
    refused("{", DMP_E_SYNTAX);
    refused(PAGE("\"total\":0") "x", DMP_E_SYNTAX);
    refused(PAGE("\"entry\":[{\"resource\":" DOC("\"id\":\"a\"") "},]"),
            DMP_E_SYNTAX);
    refused(PAGE("\"total\":0,\"total\":1"), DMP_E_SYNTAX);

    refused("[]", DMP_E_UNKNOWN);
    refused("{}", DMP_E_UNKNOWN);
    refused("{\"resourceType\":\"Bundle\"}", DMP_E_UNKNOWN);
    refused("{\"type\":\"searchset\"}", DMP_E_UNKNOWN);
    refused("{\"resourceType\":\"Bundle\",\"type\":\"history\"}",
            DMP_E_UNKNOWN);
    refused("{\"resourceType\":\"List\",\"type\":\"searchset\"}",
            DMP_E_UNKNOWN);
    refused("{\"resourceType\":1}", DMP_E_UNKNOWN);
    refused(PAGE("\"entry\":{}"), DMP_E_UNKNOWN);
    refused(PAGE("\"entry\":[1]"), DMP_E_UNKNOWN);
    refused(PAGE("\"entry\":[{},[]]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":{}"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[1]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[{\"relation\":1}]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[{\"url\":null}]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[{\"relation\":\"next\"}]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[" NEXT("\"\"") "]"), DMP_E_UNKNOWN);
    refused(PAGE("\"link\":[" NEXT("\"a\"") "," NEXT("\"a\"") "]"),
            DMP_E_UNKNOWN);

    /* one byte more than there is room for */

    len = sizeof(head) - 1 + INDEX_LINK_MAX + 1;
    json = malloc(len + sizeof(tail));
    assert_non_null(json);
    memset(json, 'x', len);
    memcpy(json, head, sizeof(head) - 1);
    memcpy(json + len, tail, sizeof(tail));
    refused(json, DMP_E_LIMIT);

    memmove(json + len - 1, tail, sizeof(tail));
    assert_int_equal(read_page(json), DMP_OK);
    assert_int_equal(page.next.len, INDEX_LINK_MAX);
    free(json);
}


static void
leads_to(const char *link, const char *want)
{
    dmp_str_t               target;

    static const dmp_str_t  bases[] = {
        dmp_string("http://h:80/fhir"), dmp_string("https://name/r4"),
        dmp_string("/fhir")
    };

    target = index_link(bases, 3, str(link));

    if (!dmp_str_eq(target, str(want))) {
        fail_msg("%s leads to \"%.*s\", not \"%s\"", link, (int) target.len,
                 target.data != NULL ? target.data : "", want);
    }
}


static void
leads_nowhere(const char *link)
{
    leads_to(link, "");
}


static void
targets(void **state)
{
    (void) state;

    leads_to("http://h:80/fhir/DocumentReference?a=b|c",
             "DocumentReference?a=b|c");
    leads_to("http://h:80/fhir?a=b", "?a=b");
    leads_to("http://h:80/fhir/?a=b", "?a=b");
    leads_to("https://name/r4/a/b.c~d?e", "a/b.c~d?e");
    leads_to("/fhir/x", "x");
    leads_to("/fhir?x=/../", "?x=/../");
    leads_to("DocumentReference?a=urn:b", "DocumentReference?a=urn:b");
    leads_to("DocumentReference", "DocumentReference");
    leads_to("?a", "?a");
    leads_to("a/b:c?d", "a/b:c?d");

    leads_nowhere("");
    leads_nowhere("http://h:80/fhir");
    leads_nowhere("http://h:80/fhir/");
    leads_nowhere("http://h:80/fhirx?a");
    leads_nowhere("http://h/fhir?a");
    leads_nowhere("http://h:8080/fhir?a");
    leads_nowhere("HTTP://h:80/fhir?a");
    leads_nowhere("http://h:80@x/fhir?a");
    leads_nowhere("https://h:80/fhir?a");
    leads_nowhere("//h:80/fhir?a");
    leads_nowhere("/other?a");
    leads_nowhere("urn:uuid:1");
    leads_nowhere("javascript:x");
    leads_nowhere("../x");
    leads_nowhere("a/../b");
    leads_nowhere("a/./b");
    leads_nowhere("a/..?b");
    leads_nowhere("a//b");
    leads_nowhere("a/?b");
    leads_nowhere("%2e%2e/b");
    leads_nowhere("a;b/c");
    leads_nowhere("http://h:80/fhir//x");
    leads_nowhere("http://h:80/fhir/../x?a");
    leads_nowhere("?a b");
    leads_nowhere("?a\tb");
    leads_nowhere("?a\x7f");
    leads_nowhere("?\xc3\xa9");
    leads_nowhere("?a#b");
    leads_nowhere("a\\b");
}


static void
bases(void **state)
{
    size_t  i;

    static const struct {
        const char  *url;
        const char  *base;
        const char  *path;
    } tries[] = {
        { "http://h/fhir",         "http://h/fhir",         "/fhir" },
        { "https://h:8443/a/b/",   "https://h:8443/a/b",    "/a/b" },
        { "http://h",              "http://h",              "" },
        { "http://h/",             "http://h",              "" },
        { "http://[::1]:80/fhir",  "http://[::1]:80/fhir",  "/fhir" },
        { "",                      "",                      "" },
        { "h/fhir",                "",                      "" },
        { "/fhir",                 "",                      "" },
        { "ftp://h/fhir",          "",                      "" },
        { "http://",               "",                      "" },
        { "http:///fhir",          "",                      "" },
        { "http://u@h/fhir",       "",                      "" },
        { "http://h/fhir?a",       "",                      "" },
        { "http://h/fhir#a",       "",                      "" },
        { "http://h/a b",          "",                      "" },
        { "http://h/a//b",         "",                      "" },
        { "http://h/fhir//",       "",                      "" },
        { "http://h/../b",         "",                      "" },
        { "http://h/%2e",          "",                      "" }
    };

    (void) state;

    for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        if (!dmp_str_eq(index_base(str(tries[i].url)), str(tries[i].base))) {
            fail_msg("\"%s\" is not \"%s\"", tries[i].url, tries[i].base);
        }

        if (!dmp_str_eq(index_base_path(str(tries[i].base)),
                        str(tries[i].path)))
        {
            fail_msg("\"%s\": not \"%s\"", tries[i].base, tries[i].path);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(entries),
        cmocka_unit_test(links),
        cmocka_unit_test(no_page),
        cmocka_unit_test(targets),
        cmocka_unit_test(bases)
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
