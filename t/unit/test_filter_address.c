/*
 * test_filter_address.c: the host's own addresses: which are, what is put in
 * their place, and what happens to those that can be read in two ways.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "filter_case.h"


#define DOC_URL(id, url)                                                      \
    "{\"resource\":{\"resourceType\":\"DocumentReference\",\"id\":\"" id      \
    "\",\"content\":[{\"attachment\":{\"url\":\"" url "\",\"title\":\"t\"}}"  \
    "]}}"
#define FULL(url)                                                             \
    "{\"fullUrl\":\"" url "\",\"resource\":{\"resourceType\":"                \
    "\"DocumentReference\",\"id\":\"a\"}}"
#define LINK(relation, url)                                                   \
    "{\"relation\":\"" relation "\",\"url\":\"" url "\"}"
#define LINKS(list)  BUNDLE("\"link\":[" list "]")
#define NEXT         OURS "/DocumentReference?_page=next"


static void
resource_is(const char *address, const char *want)
{
    char       out[128];
    char      *copy;
    size_t     len;
    dmp_str_t  found;

    len = strlen(address);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, address, len);

    found = dmp_address_resource(&check_addresses,
                                 (dmp_str_t) { copy, len }, out);

    if (found.len != strlen(want)
        || (found.len != 0 && memcmp(found.data, want, found.len) != 0))
    {
        fail_msg("%s: %.*s, not %s", address, (int) found.len, found.data,
                 want);
    }

    free(copy);
}


static void
resources(void **state)
{
    size_t  i;
    char    id[80], address[160];

    static const char *const  same[] = {
        "Binary/x", "Binary/x/_history/1", HOST "/Binary/x",
        HOST "/Binary/x/_history/a.b-c", "/fhir/Binary/x",
        "https://dmp.example/r4/Binary/x",
        "HTTP://HOST:8080/fhir/Binary/x", "hTTps://DMP.example/r4/Binary/x",
        "https://dmp.example:443/r4/Binary/x",
        "https://dmp.example:/r4/Binary/x",
        "https://dmp.example:0443/r4/Binary/x",
        "//host:8080/fhir/Binary/x", "//dmp.example/r4/Binary/x"
    };

    static const char *const  none[] = {
        "", "/", "x", "Binary", "Binary/", "/Binary/x", "binary/x",
        "Bin4ry/x", "Binary/x/", "Binary/x/_history", "Binary/x/_history/",
        "Binary/x/_history/1/", "Binary/x/_History/1", "Binary/x/y",
        "Binary//x", "Binary/.", "Binary/..", "./Binary/x", "../Binary/x",
        "Binary/x?", "Binary/x#", "Binary/%78", "Binary/a_b", "Binary/\xc3\xa9",
        " Binary/x", "Binary/x ", "#x", "urn:uuid:x", "urn:Binary/x",
        HOST, HOST "/", HOST "/Binary", HOST "/Binary/", HOST "//Binary/x",
        HOST "/./Binary/x", HOST "/../Binary/x", HOST "?Binary/x",
        HOST "#/Binary/x", HOST "2/Binary/x", HOST "/Binary/x?a",
        "http://host/fhir/Binary/x", "http://host:80/fhir/Binary/x",
        "https://host:8080/fhir/Binary/x", "http://host:8080/Binary/x",
        "http://host:8080/FHIR/Binary/x", "http://host2:8080/fhir/Binary/x",
        "http://a@host:8080/fhir/Binary/x",
        "http://host.:8080/fhir/Binary/x", "http:/fhir/Binary/x",
        "http:Binary/x", "http:///fhir/Binary/x",
        "ftp://host:8080/fhir/Binary/x",
        "http://host:808000000000000000000000/fhir/Binary/x",
        "//host/fhir/Binary/x", "/fhir2/Binary/x", "/x/../fhir/Binary/x",
        "https://dmp.example:80/r4/Binary/x", "https://elsewhere/r4/Binary/x"
    };

    (void) state;

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        resource_is(same[i], "Binary/x");
    }

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        resource_is(none[i], "");
    }

    /* the longest id, and the longest type */

    memset(id, 'a', 65);
    id[64] = '\0';
    (void) snprintf(address, sizeof(address), "Binary/%s", id);
    resource_is(address, address);
    id[64] = 'a';
    id[65] = '\0';
    (void) snprintf(address, sizeof(address), "Binary/%s", id);
    resource_is(address, "");

    memset(id, 'A', 64);
    id[63] = '\0';
    (void) snprintf(address, sizeof(address), "%s/%064d", id, 1);
    resource_is(address, address);
    id[63] = 'A';
    id[64] = '\0';
    (void) snprintf(address, sizeof(address), "%s/1", id);
    resource_is(address, "");
}


static void
without_addresses(void **state)
{
    char  out[128];

    static const dmp_addresses_t  none;

    (void) state;

    assert_int_equal(dmp_address_resource(NULL, dmp_string("Bundle/x"),
                                          out).len, 8);
    assert_int_equal(dmp_address_resource(&none, dmp_string("Bundle/x"),
                                          out).len, 8);
    assert_int_equal(dmp_address_resource(NULL, dmp_string(HOST "/Bundle/x"),
                                          out).len, 0);
    assert_int_equal(dmp_address_resource(&none, dmp_string("/fhir/Bundle/x"),
                                          out).len, 0);
    assert_int_equal(dmp_address_resource(NULL, dmp_null_string, out).len, 0);
}


/* The first that fits is the one that is taken away. */
static void
order_of_bases(void **state)
{
    dmp_filter_t  f;

    static const dmp_addresses_t  nested = {
        .bases = { dmp_string("http://h/fhir/a"), dmp_string("http://h/fhir"),
                   dmp_string("http://h") },
        .n_bases = 3,
        .ours = dmp_string(OURS)
    };

    (void) state;

    f = plain_filter();
    f.addresses = &nested;

    leaves_of(&f, ENTRIES(DOC_URL("d", "http://h/fhir/a/Binary/1")),
              ENTRIES(DOC_URL("d", OURS "/Binary/1")), 1, 0);
    leaves_of(&f, ENTRIES(DOC_URL("d", "http://h/fhir/b/Binary/1")),
              ENTRIES(DOC_URL("d", OURS "/b/Binary/1")), 1, 0);
    leaves_of(&f, ENTRIES(DOC_URL("d", "http://h:80/Binary/1")),
              ENTRIES(DOC_URL("d", OURS "/Binary/1")), 1, 0);
    leaves_of(&f, ENTRIES(DOC_URL("d", "http://h")),
              ENTRIES(DOC_URL("d", OURS)), 1, 0);
}


/* In both places: of an entry, and of an attachment. */
static void
both(const char *url, const char *want)
{
    char          json[1024], left[1024];
    dmp_filter_t  f;

    f = address_filter();

    (void) snprintf(json, sizeof(json),
                    ENTRIES(DOC_URL("a", "%s") "," FULL("%s")), url, url);

    if (want == NULL) {
        leaves_of(&f, json, "{" HEAD "}", 0, 2);
        return;
    }

    (void) snprintf(left, sizeof(left),
                    ENTRIES(DOC_URL("a", "%s") "," FULL("%s")), want, want);
    leaves_of(&f, json, left, 2, 0);
}


static void
becomes_ours(void **state)
{
    (void) state;

    both(HOST "/Binary/x", OURS "/Binary/x");
    both(HOST "/DocumentReference/x/_history/2",
         OURS "/DocumentReference/x/_history/2");
    both("https://dmp.example/r4/Bundle/x", OURS "/Bundle/x");
    both("HTTPS://dmp.EXAMPLE:443/r4/Bundle/x", OURS "/Bundle/x");
    both("//dmp.example/r4/Bundle/x", OURS "/Bundle/x");
    both("/fhir/Binary/x", OURS "/Binary/x");
    both(HOST, OURS);
    both(HOST "/", OURS "/");
    both(HOST "/$op", OURS "/$op");
    both(HOST "/a/b/c.d_e~f", OURS "/a/b/c.d_e~f");

    /* with escapes it is written anew */

    both("http:\\/\\/host:8080\\/fhir\\/Binary\\/x", OURS "/Binary/x");
    both("\\u0068ttp://host:8080/fhir/Binary/\\u0078", OURS "/Binary/x");
    both("\\/fhir\\/Binary\\/x", OURS "/Binary/x");
}


static void
stays_as_it_is(void **state)
{
    size_t  i;

    static const char *const  same[] = {
        "", "Binary/x", "Bundle\\/x", "./Binary/x", "../x", "?x", "#x",
        "Binary/%78", "urn:uuid:11111111-aaaa-bbbb-cccc-222222222222",
        "urn:oid:1.2.250.1.213.1.4.8.99999.0", "data:,x",
        "https://elsewhere/fhir/Binary/x", "http://host/fhir/Binary/x",
        "http://host:8080/fhir2/Binary/x", "http://host:8080/other/a%20b/c",
        "https://host:8080/fhir/Binary/x", "//elsewhere/fhir/x",
        "/other/x", "/fhirx", "/other/%C3%A9", "ftp://host/fhir/x",
        "http://elsewhere/a/../b?c#d", "Caf\xc3\xa9.pdf",
        "http:\\/\\/elsewhere\\/x"
    };

    (void) state;

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        both(same[i], same[i]);
    }
}


static void
read_in_two_ways(void **state)
{
    size_t  i;

    static const char *const  odd[] = {
        HOST "/../x", HOST "/.", HOST "/..", HOST "/./Binary/x",
        HOST "/Binary/..", HOST "/Binary/../Bundle/x", HOST "//Binary/x",
        HOST "/Binary//x", HOST "/Binary/%78", HOST "/%2e%2e/x",
        HOST "/Binary/x?a=b", HOST "/Binary/x#a", HOST "?", HOST "#",
        HOST "/Binary/x@y", HOST "/Binary/x;a", HOST "/Binary/x ",
        HOST "/Binary/\xc3\xa9", HOST "/Binary\\\\x", HOST "/Binary/\\t",
        "/fhir/../x", "/fhir//x", "/fhir?x",

        /* on the way to a base */

        "http://host:8080/x/../fhir/Binary/x", "http://host:8080//fhir/x",
        "http://host:8080/./fhir/x", "http://host:8080/%66hir/x",
        "http://host:8080/fhi%72/x", "http://host:8080/x/%2E%2E/fhir/x",
        "http://host:8080/%5c/fhir", "http://host:8080/%", "/x/../fhir/x",
        "/%66hir/x", "/.", "/x/..",
        "http://me@host:8080/fhir/Binary/x",
        "http://me:secret@host:8080/fhir/Binary/x",
        "http://host.:8080/fhir/Binary/x",
        "http:/host:8080/fhir/x", "http:host:8080/fhir/x", "http:///fhir/x",
        "https:", "///fhir/x", " http://host:8080/fhir/x",
        "\\thttp://host:8080/fhir/x", "ht\\ntp://host:8080/fhir/x",
        "http:\\\\\\\\host:8080\\\\fhir\\\\x", "\\\\\\\\host\\\\x"
    };

    (void) state;

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        both(odd[i], NULL);
    }
}


static void
odd_addresses_are_not_asked_about(void **state)
{
    dmp_filter_t  f;

    (void) state;

    f = address_filter();

    /* its address comes last, and nobody may have learnt from it */

    f.judge = NULL;
    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                          "\"DocumentReference\",\"id\":\"a\"},"
                          "\"fullUrl\":\"" HOST "/../x\"}"),
              "{" HEAD "}", 0, 1);
    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                          "\"DocumentReference\",\"id\":\"a\"},"
                          "\"fullUrl\":null}"), "{" HEAD "}", 0, 1);
    leaves_of(&f, ENTRIES(DOC_URL("a", HOST "/../x")), "{" HEAD "}", 0, 1);
}


static void
other_places_are_untouched(void **state)
{
    dmp_filter_t  f;

    static const char  json[] =
        BUNDLE("\"id\":\"" HOST "/x\",\"meta\":{\"source\":\"" HOST "/x\"},"
               "\"entry\":[{\"fullUrl\":\"urn:uuid:x\",\"resource\":{"
               "\"description\":\"" HOST "/x\",\"content\":[{\"format\":{"
               "\"url\":\"" HOST "/x\"},\"url\":\"" HOST "/x\"}],\"url\":\""
               HOST "/x\",\"extension\":[{\"url\":\"" HOST "/x\"}],"
               "\"resourceType\":\"DocumentReference\"}}]");

    (void) state;

    f = address_filter();
    leaves_of(&f, json, json, 1, 0);

    /* an outcome only has its fullUrl changed */

    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                          "\"OperationOutcome\",\"text\":{}},"
                          "\"fullUrl\":\"" HOST "/OperationOutcome/1\"}"),
              ENTRIES("{\"resource\":{\"resourceType\":"
                      "\"OperationOutcome\",\"text\":{}},"
                      "\"fullUrl\":\"" OURS "/OperationOutcome/1\"}"), 0, 0);
    leaves_of(&f, ENTRIES("{\"resource\":{\"content\":[{\"attachment\":{"
                          "\"url\":\"x\"}}],\"resourceType\":"
                          "\"OperationOutcome\"}}"), "{" HEAD "}", 0, 1);

    /* without addresses, nothing is */

    f.addresses = NULL;
    leaves_of(&f, ENTRIES(DOC_URL("a", HOST "/x") "," FULL(HOST "/../x")),
              ENTRIES(DOC_URL("a", HOST "/x") "," FULL(HOST "/../x")), 2, 0);
}


static void
many_changes(void **state)
{
    dmp_filter_t  f;

    (void) state;

    f = address_filter();

    leaves_of(&f,
        " { \"entry\" : [ " DOC_URL("no", HOST "/Binary/1") " , { \"link\" : "
        "[ ] , \"fullUrl\" : \"" HOST "/DocumentReference/2\" , \"resource\" "
        ": { \"content\" : [ { \"attachment\" : { \"url\" : \"" HOST
        "/Binary/2\" } } , { } , { \"attachment\" : { \"data\" : \"eA==\" , "
        "\"url\" : \"/fhir/Binary/3\" } } ] , \"resourceType\" : "
        "\"DocumentReference\" } } , " OUTCOME " ] , " HEAD
        " , \"total\" : 3 } ",
        " { \"entry\" : [ { \"fullUrl\" : \"" OURS "/DocumentReference/2\" , "
        "\"resource\" : { \"content\" : [ { \"attachment\" : { \"url\" : \""
        OURS "/Binary/2\" } } , { } , { \"attachment\" : { \"data\" : "
        "\"eA==\" , \"url\" : \"" OURS "/Binary/3\" } } ] , \"resourceType\" "
        ": \"DocumentReference\" } } , " OUTCOME " ] , " HEAD " } ", 1, 1);

    /* whatever a link of an entry is, and wherever */

    leaves_of(&f, ENTRIES("{\"resource\":{\"resourceType\":"
                          "\"DocumentReference\"},\"link\":{\"a\":[1]}}"),
              ENTRIES("{\"resource\":{\"resourceType\":"
                      "\"DocumentReference\"}}"), 1, 0);
    leaves_of(&f, ENTRIES("{\"id\":\"1\",\"link\":[],\"resource\":{"
                          "\"resourceType\":\"DocumentReference\"}}"),
              ENTRIES("{\"id\":\"1\",\"resource\":{"
                      "\"resourceType\":\"DocumentReference\"}}"), 1, 0);
}


static void
links_become_ours(void **state)
{
    size_t        i;
    char          json[512];
    dmp_filter_t  f;

    static const char *const  targets[] = {
        "?_getpages=x", "DocumentReference?a=b", HOST "?a", HOST "/?a",
        HOST "/DocumentReference?a=%20b|c", "/fhir?x", "/fhir/List?x",
        "https://dmp.example:443/r4/DocumentReference/_search?x",
        "http:\\/\\/host:8080\\/fhir\\/DocumentReference?a\\u003db"
    };

    static const char *const  elsewhere[] = {
        "https://elsewhere/fhir?x", "http://host/fhir?x", "/other?x",
        "//elsewhere?x", "urn:x?y", "", HOST, HOST "/", HOST "/a/../b?x",
        HOST "/%61?x", "../x?y", "a?x#y", "a?x y", "a?x\\ty", "a?\\\\",
        "\\\\a?x", HOST "//x?y", " ?x", HOST "/x"
    };

    (void) state;

    f = address_filter();

    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        (void) snprintf(json, sizeof(json), LINKS(LINK("next", "%s")),
                        targets[i]);
        leaves_of(&f, json, LINKS(LINK("next", NEXT)), 0, 0);
    }

    for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        (void) snprintf(json, sizeof(json), LINKS(LINK("next", "%s")),
                        elsewhere[i]);
        leaves_of(&f, json, "{" HEAD "}", 0, 0);
    }

    /* a relative one needs no addresses */

    f.addresses = NULL;
    leaves_of(&f, LINKS(LINK("next", "?x")), LINKS(LINK("next", NEXT)), 0, 0);
    leaves_of(&f, LINKS(LINK("next", HOST "?x")), "{" HEAD "}", 0, 0);

    /* what is put there is written as a string must be */

    leaves_of(&f, LINKS(LINK("odd", "?x")),
              LINKS(LINK("odd", OURS "/\\\"\\\\\xc3\xa9")), 0, 0);
    leaves_of(&f, LINKS(LINK("n\\u0065xt", "?x")),
              LINKS(LINK("n\\u0065xt", NEXT)), 0, 0);
}


/* What link is told, one after the other. */
static dmp_str_t
note_link(void *data, dmp_str_t relation, dmp_str_t target)
{
    dmp_buf_str(data, relation);
    dmp_buf_text(data, " ");
    dmp_buf_str(data, target);
    dmp_buf_text(data, ";");

    return dmp_string("x");
}


static void
what_links_ask(void **state)
{
    char          told[256];
    dmp_buf_t     b;
    dmp_filter_t  f;

    (void) state;

    dmp_buf_init(&b, told, sizeof(told) - 1);
    f = address_filter();
    f.link = note_link;
    f.data = &b;

    leaves_of(&f, LINKS(LINK("self", HOST "/List?a\\u003db") ","
                        LINK("next", HOST "?c") "," LINK("last", "?d=/../")),
              LINKS(LINK("self", "x") "," LINK("next", "x") ","
                    LINK("last", "x")), 0, 0);
    told[b.len] = '\0';
    assert_string_equal(told, "self List?a=b;next ?c;last ?d=/../;");
}


static void
links_go(void **state)
{
    char          json[4096];
    size_t        i, len;
    dmp_filter_t  f;

    (void) state;

    f = address_filter();

    leaves_of(&f, LINKS(LINK("self", "?x") "," LINK("next", "?x")),
              LINKS(LINK("next", NEXT)), 0, 0);
    leaves_of(&f, LINKS(LINK("next", "?x") "," LINK("self", "?x")),
              LINKS(LINK("next", NEXT)), 0, 0);
    leaves_of(&f, "{ \"link\" : [ " LINK("self", "?x") " , "
              LINK("self", "?y") " , " LINK("next", "?x") " , "
              LINK("self", "?z") " ] , " HEAD "}",
              "{ \"link\" : [ " LINK("next", NEXT) " ] , " HEAD "}", 0, 0);
    leaves_of(&f, "{ \"link\" : [ " LINK("self", "?x") " ] , " HEAD "}",
              "{ " HEAD "}", 0, 0);
    leaves_of(&f, BUNDLE("\"link\":[]"), "{" HEAD "}", 0, 0);

    /* its members in any order, and nothing besides */

    leaves_of(&f, LINKS("{ \"url\" : \"?x\" , \"relation\" : \"next\" }"),
              LINKS("{ \"url\" : \"" NEXT "\" , \"relation\" : \"next\" }"),
              0, 0);
    leaves_of(&f, LINKS("{\"relation\":\"next\",\"url\":\"?x\",\"id\":\"1\"}"),
              "{" HEAD "}", 0, 0);
    leaves_of(&f, LINKS("{\"relation\":\"next\",\"url\":\"?x\",\"_url\":{}}"),
              "{" HEAD "}", 0, 0);
    leaves_of(&f, LINKS("{\"relation\":\"next\"},{\"url\":\"?x\"},{},null,[],"
                        "1,\"?x\",{\"relation\":1,\"url\":\"?x\"},"
                        "{\"relation\":\"next\",\"url\":[\"?x\"]}"),
              "{" HEAD "}", 0, 0);

    f.link = NULL;
    leaves_of(&f, LINKS(LINK("next", "?x")), "{" HEAD "}", 0, 0);
    f.link = check_link;

    refused_by(&f, BUNDLE("\"link\":null"), DMP_E_UNKNOWN);
    refused_by(&f, BUNDLE("\"link\":{}"), DMP_E_UNKNOWN);
    refused_by(&f, BUNDLE("\"link\":\"?x\""), DMP_E_UNKNOWN);
    refused_by(&f, LINKS(LINK("next", "?x") ","), DMP_E_SYNTAX);
    refused_by(&f, LINKS("{\"url\":\"a\",\"url\":\"b\"}"), DMP_E_SYNTAX);

    /* 32 and no more */

    len = (size_t) sprintf(json, "{%s,\"link\":[null", HEAD);

    for (i = 1; i < 32; i++) {
        len += (size_t) sprintf(json + len, ",null");
    }

    (void) sprintf(json + len, "]}");
    leaves_of(&f, json, "{" HEAD "}", 0, 0);
    (void) sprintf(json + len, ",null]}");
    refused_by(&f, json, DMP_E_LIMIT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(resources),
        cmocka_unit_test(without_addresses),
        cmocka_unit_test(order_of_bases),
        cmocka_unit_test(becomes_ours),
        cmocka_unit_test(stays_as_it_is),
        cmocka_unit_test(read_in_two_ways),
        cmocka_unit_test(odd_addresses_are_not_asked_about),
        cmocka_unit_test(other_places_are_untouched),
        cmocka_unit_test(many_changes),
        cmocka_unit_test(links_become_ours),
        cmocka_unit_test(what_links_ask),
        cmocka_unit_test(links_go)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
