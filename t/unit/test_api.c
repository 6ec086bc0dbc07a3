/*
 * test_api.c: requests on the API: what each call comes to, and what is no
 * call, or could be read in two ways.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api_check.h"


#define INS     "269054958815780"
#define BASE    "/dmp/api"
#define RECORD  BASE "/records/" INS
#define DOCTOR  "899700218896"

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static dmp_request_t  out;
static char           words[32768];


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* A request; with a body it has the right type. */
static dmp_raw_t
request(const char *method, const char *target, const char *body)
{
    dmp_raw_t  raw;

    static const dmp_headers_t  none;
    static const dmp_headers_t  json = { .json = true };

    memset(&raw, 0, sizeof(raw));
    raw.method = str(method);
    raw.target = str(target);
    raw.base = str(BASE);
    raw.headers = (body != NULL) ? &json : &none;
    raw.words = words;
    raw.words_size = sizeof(words);

    if (body != NULL) {
        raw.has_body = true;
        raw.form = str(body);
    }

    return raw;
}


/* A block of exactly its size, so that a byte read too far is seen. */
static char *
exact(dmp_str_t s)
{
    char  *copy;

    copy = malloc(s.len + (s.len == 0));
    assert_non_null(copy);
    memcpy(copy, (s.len != 0) ? s.data : "", s.len);

    return copy;
}


/* What is given is gone when the test looks: strings point into words. */
static void
map_raw(dmp_raw_t raw)
{
    char        *target, *body;
    const char  *wrong;

    target = exact(raw.target);
    body = (raw.form.data != NULL) ? exact(raw.form) : NULL;
    raw.target.data = target;
    raw.form.data = body;

    memset(&out, 0xff, sizeof(out));
    dmp_api_map(&raw, &out);
    wrong = api_check(&raw, &out);

    free(target);
    free(body);

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}


static void
map(const char *method, const char *target, const char *body)
{
    map_raw(request(method, target, body));
}


static void
is(const char *what, dmp_mapping_t want)
{
    if (out.mapping != want) {
        fail_msg("%s: mapping %d (%s), not %d", what, (int) out.mapping,
                 out.why != NULL ? out.why : "", (int) want);
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
test_calls(void **state)
{
    size_t  i;

    static const struct {
        const char       *method;
        const char       *target;
        const char       *body;
        dmp_operation_t   operation;
        dmp_change_t      change;
        const char       *target_id;
        const char       *document;
        const char       *route;
    } calls[] = {
        { "GET", RECORD, NULL, DMP_OPERATION_CHECK, DMP_CHANGE_NONE, "", "",
          "records/{ins}" },
        { "HEAD", RECORD, NULL, DMP_OPERATION_CHECK, DMP_CHANGE_NONE, "", "",
          "records/{ins}" },
        { "PUT", RECORD "/status", "{\"status\":\"open\"}",
          DMP_OPERATION_REOPEN, DMP_CHANGE_NONE, "", "",
          "records/{ins}/status" },
        { "PUT", RECORD "/status", " { \"status\" : \"closed\" } ",
          DMP_OPERATION_CLOSE, DMP_CHANGE_NONE, "", "",
          "records/{ins}/status" },
        { "PUT", RECORD "/emergency", "{\"masked\":true}",
          DMP_OPERATION_RIGHTS, DMP_CHANGE_OPPOSE, "", "",
          "records/{ins}/emergency" },
        { "PUT", RECORD "/authorisations/" DOCTOR, NULL, DMP_OPERATION_RIGHTS,
          DMP_CHANGE_AUTHORISE, DOCTOR, "",
          "records/{ins}/authorisations/{ps}" },
        { "PUT", RECORD "/authorisations/1750712184", "{}",
          DMP_OPERATION_RIGHTS, DMP_CHANGE_AUTHORISE, "1750712184", "",
          "records/{ins}/authorisations/{ps}" },
        { "DELETE", RECORD "/authorisations/0751234567", NULL,
          DMP_OPERATION_RIGHTS, DMP_CHANGE_WITHDRAW, "0751234567", "",
          "records/{ins}/authorisations/{ps}" },
        { "PUT", RECORD "/blocks/3750712184%2Fdupont-1", NULL,
          DMP_OPERATION_RIGHTS, DMP_CHANGE_BLOCK, "3750712184/dupont-1", "",
          "records/{ins}/blocks/{ps}" },
        { "DELETE", RECORD "/blocks/" DOCTOR, NULL, DMP_OPERATION_RIGHTS,
          DMP_CHANGE_UNBLOCK, DOCTOR, "", "records/{ins}/blocks/{ps}" },
        { "PUT", RECORD "/treating/" DOCTOR, NULL, DMP_OPERATION_RIGHTS,
          DMP_CHANGE_DESIGNATE, DOCTOR, "", "records/{ins}/treating/{ps}" },
        { "DELETE", RECORD "/treating/%38%399700218896", NULL,
          DMP_OPERATION_RIGHTS, DMP_CHANGE_DISMISS, DOCTOR, "",
          "records/{ins}/treating/{ps}" },
        { "PUT", RECORD "/masks", "{\"mask_by_default\":false}",
          DMP_OPERATION_RIGHTS, DMP_CHANGE_MASK_DEFAULT, "", "",
          "records/{ins}/masks" },
        { "PUT", RECORD "/masks/urn:oid:1.2.250.1.9", NULL,
          DMP_OPERATION_MASK, DMP_CHANGE_NONE, "", "urn:oid:1.2.250.1.9",
          "records/{ins}/masks/{document}" },
        { "DELETE", RECORD "/masks/1.2%5E3%20%252F%2B", NULL,
          DMP_OPERATION_UNMASK, DMP_CHANGE_NONE, "", "1.2^3 %2F+",
          "records/{ins}/masks/{document}" },
    };

    (void) state;

    for (i = 0; i < count(calls); i++) {
        map(calls[i].method, calls[i].target, calls[i].body);
        is(calls[i].target, DMP_MAPPING_ONE);

        assert_int_equal(out.operation, calls[i].operation);
        assert_int_equal(out.change, calls[i].change);
        assert_int_equal(out.mode, DMP_MODE_NORMAL);
        assert_string_equal(out.route, calls[i].route);
        equal(out.ins, INS);
        equal(out.ins_system, "urn:oid:1.2.250.1.213.1.4.8");
        equal(out.target, calls[i].target_id);
        equal(out.document, calls[i].document);
    }
}


static void
test_bodies(void **state)
{
    int32_t  day;

    (void) state;

    map("PUT", RECORD "/authorisations/" DOCTOR,
        "{\"consent\":true,\"until\":\"2027-02-28\"}");
    is("both", DMP_MAPPING_ONE);
    assert_true(dmp_day_parse(dmp_string("2027-02-28"), &day));
    assert_int_equal(out.until, day);
    assert_true(out.consent);

    map("PUT", RECORD "/authorisations/" DOCTOR, "{\"consent\":false}");
    is("no consent", DMP_MAPPING_ONE);
    assert_int_equal(out.until, 0);
    assert_false(out.consent);

    map("PUT", RECORD "/emergency",
        "{\"bris_de_glace\":false,\"centre_15\":true}");
    is("two flags", DMP_MAPPING_ONE);
    assert_int_equal(out.emergency.bris_de_glace, DMP_CHOICE_NO);
    assert_int_equal(out.emergency.centre_15, DMP_CHOICE_YES);
    assert_int_equal(out.emergency.masked, DMP_CHOICE_NONE);

    map("PUT", RECORD "/masks", "{\"mask_by_default\":true}");
    is("by default", DMP_MAPPING_ONE);
    assert_int_equal(out.mask_by_default, DMP_CHOICE_YES);

    map("PUT", RECORD "/masks", "{\"mask_by_default\":false}");
    assert_int_equal(out.mask_by_default, DMP_CHOICE_NO);
}


static void
test_not_a_body(void **state)
{
    size_t  i;

    static const struct {
        const char  *part;
        const char  *body;
        const char  *word;               /* of why */
    } wrong[] = {
        { "status", "", "JSON" },
        { "status", "open", "JSON" },
        { "status", "\"open\"", "JSON" },
        { "status", "[\"open\"]", "JSON" },
        { "status", "null", "JSON" },
        { "status", "{\"status\":\"open\"} {}", "JSON" },
        { "status", "{\"status\":\"open\",}", "JSON" },
        { "status", "{\"status\":\"closed\",\"status\":\"open\"}", "JSON" },
        { "status", "{\"status\":\"op\xff\"}", "JSON" },
        { "status", "\xef\xbb\xbf{\"status\":\"open\"}", "JSON" },
        { "status", "{}", "\"status\"" },
        { "status", "{\"status\":\"Open\"}", "\"status\"" },
        { "status", "{\"status\":true}", "\"status\"" },
        { "status", "{\"status\":\"open\",\"by\":\"me\"}", "\"status\"" },
        { "emergency", "{}", "none of" },
        { "emergency", "{\"bris_de_glace\":\"no\"}", "\"bris_de_glace\"" },
        { "emergency", "{\"centre_15\":0}", "\"centre_15\"" },
        { "emergency", "{\"masked\":null}", "\"masked\"" },
        { "emergency", "{\"masked\":true,\"centre15\":false}", "other than" },
        { "authorisations/" DOCTOR, "{\"consent\":1}", "\"consent\"" },
        { "authorisations/" DOCTOR, "{\"consent\":null}", "\"consent\"" },
        { "authorisations/" DOCTOR, "{\"until\":20000}", "\"until\"" },
        { "authorisations/" DOCTOR, "{\"until\":\"\"}", "\"until\"" },
        { "authorisations/" DOCTOR, "{\"until\":\"2027-02-29\"}",
          "\"until\"" },
        { "authorisations/" DOCTOR, "{\"until\":\"1970-01-01\"}",
          "\"until\"" },
        { "authorisations/" DOCTOR, "{\"until\":\"1969-07-20\"}",
          "\"until\"" },
        { "authorisations/" DOCTOR, "{\"since\":\"2026-01-01\"}",
          "other than" },
        { "authorisations/" DOCTOR, "true", "JSON" },
        { "masks", "{}", "\"mask_by_default\"" },
        { "masks", "{\"mask_by_default\":\"true\"}", "\"mask_by_default\"" },
        { "masks", "{\"mask_by_default\":true,\"masked\":[]}", "other than" },
    };

    (void) state;

    for (i = 0; i < count(wrong); i++) {
        char  target[128];

        (void) snprintf(target, sizeof(target), RECORD "/%s", wrong[i].part);
        map("PUT", target, wrong[i].body);
        is(wrong[i].body, DMP_MAPPING_AMBIGUOUS);

        if (strstr(out.why, wrong[i].word) == NULL) {
            fail_msg("%s: %s", wrong[i].body, out.why);
        }
    }
}


/* Before the body is read, and what has none or must have one. */
static void
test_body_or_not(void **state)
{
    size_t     i;
    dmp_raw_t  raw;

    static const dmp_headers_t  form = { .form = true };
    static const dmp_headers_t  encoded = { .json = true, .encoded = true };
    static const char *const    without[][2] = {
        { "GET", RECORD }, { "HEAD", RECORD },
        { "DELETE", RECORD "/blocks/" DOCTOR },
        { "PUT", RECORD "/blocks/" DOCTOR },
        { "PUT", RECORD "/treating/" DOCTOR },
        { "DELETE", RECORD "/authorisations/" DOCTOR },
        { "PUT", RECORD "/masks/d1" }, { "DELETE", RECORD "/masks/d1" },
    };
    static const char *const    with[] = { "status", "emergency", "masks" };

    (void) state;

    for (i = 0; i < count(without); i++) {
        map(without[i][0], without[i][1], "{}");
        is(without[i][1], DMP_MAPPING_AMBIGUOUS);
        map(without[i][0], without[i][1], NULL);
        is(without[i][1], DMP_MAPPING_ONE);
    }

    for (i = 0; i < count(with); i++) {
        char  target[128];

        (void) snprintf(target, sizeof(target), RECORD "/%s", with[i]);
        map("PUT", target, NULL);
        is(target, DMP_MAPPING_AMBIGUOUS);

        raw = request("PUT", target, "{}");
        raw.form = dmp_null_string;
        map_raw(raw);
        is(target, DMP_MAPPING_INCOMPLETE);

        /* that is known without reading it */

        raw.headers = &form;
        map_raw(raw);
        is(target, DMP_MAPPING_MEDIA);

        raw.headers = &encoded;
        map_raw(raw);
        is(target, DMP_MAPPING_MEDIA);
    }
}


static void
test_too_large(void **state)
{
    dmp_raw_t  raw;

    static char  body[DMP_API_BODY_MAX + 2];
    static char  target[DMP_TARGET_MAX + 2];

    (void) state;

    memset(body, ' ', sizeof(body));
    memcpy(body, "{\"status\":\"open\"}", 17);
    raw = request("PUT", RECORD "/status", "{}");

    raw.form = (dmp_str_t) { body, DMP_API_BODY_MAX };
    map_raw(raw);
    is("4096 bytes", DMP_MAPPING_ONE);

    raw.form.len++;
    map_raw(raw);
    is("4097 bytes", DMP_MAPPING_TOO_LARGE);

    raw.max_form = 65536;
    map_raw(raw);
    is("a larger limit is another's", DMP_MAPPING_TOO_LARGE);

    raw.form.len = 17;
    raw.max_form = 17;
    map_raw(raw);
    is("17 bytes", DMP_MAPPING_ONE);

    raw.max_form = 16;
    map_raw(raw);
    is("the location's limit", DMP_MAPPING_TOO_LARGE);

    memset(target, 'a', sizeof(target) - 1);
    map("GET", target, NULL);
    is("8193 bytes", DMP_MAPPING_TOO_LARGE);

    raw = request("GET", RECORD, NULL);
    raw.max_target = strlen(RECORD) - 1;
    map_raw(raw);
    is("the location's limit", DMP_MAPPING_TOO_LARGE);

    raw = request("GET", RECORD, NULL);
    raw.words_size = 10;
    map_raw(raw);
    is("no room", DMP_MAPPING_TOO_LARGE);

    raw.words = NULL;
    map_raw(raw);
    is("no room at all", DMP_MAPPING_TOO_LARGE);
}


static void
test_paths(void **state)
{
    size_t  i;

    static const struct {
        const char     *target;
        dmp_mapping_t   mapping;
    } paths[] = {
        { "", DMP_MAPPING_OPERATION_UNKNOWN },
        { BASE, DMP_MAPPING_OPERATION_UNKNOWN },
        { "/dmp/apirecords/" INS, DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhir/records/" INS, DMP_MAPPING_OPERATION_UNKNOWN },
        { BASE "/records", DMP_MAPPING_OPERATION_UNKNOWN },
        { BASE "/Records/" INS, DMP_MAPPING_OPERATION_UNKNOWN },
        { BASE "/record/" INS, DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/contact", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/history", DMP_MAPPING_ONE },
        { RECORD "/history/1", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/contact?limit=1", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/blocks", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/status/open", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/blocks/" DOCTOR "/now", DMP_MAPPING_OPERATION_UNKNOWN },
        { BASE "/", DMP_MAPPING_OPERATION_UNKNOWN },
        { RECORD "/", DMP_MAPPING_AMBIGUOUS },
        { BASE "//records/" INS, DMP_MAPPING_AMBIGUOUS },
        { BASE "/records//status", DMP_MAPPING_AMBIGUOUS },
        { BASE "/./records/" INS, DMP_MAPPING_AMBIGUOUS },
        { BASE "/records/x/../" INS, DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/%2e%2E", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%2F..%2Fb", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%2F.", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%4", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%4g", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%00b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%0ab", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a%7f", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/%c3%a9", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/%ff", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a;b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a+b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a^b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/a\\b", DMP_MAPPING_AMBIGUOUS },
        { RECORD "/masks/\xc3\xa9", DMP_MAPPING_AMBIGUOUS },
        { RECORD "?", DMP_MAPPING_AMBIGUOUS },
        { RECORD "?_format=json", DMP_MAPPING_AMBIGUOUS },
        { RECORD "#status", DMP_MAPPING_AMBIGUOUS },
        { BASE "/records/me", DMP_MAPPING_AMBIGUOUS },
        { BASE "/records/ME", DMP_MAPPING_ONE },
        { BASE "/records/26905495881578", DMP_MAPPING_ONE },
    };

    (void) state;

    for (i = 0; i < count(paths); i++) {
        map("GET", paths[i].target, NULL);

        if (paths[i].mapping == DMP_MAPPING_AMBIGUOUS
            && strstr(paths[i].target, "/masks/") != NULL)
        {
            map("PUT", paths[i].target, NULL);
        }

        is(paths[i].target, paths[i].mapping);
    }
}


/* The one call that has a query, and what may stand in it. */
static void
test_history(void **state)
{
    size_t     i;
    char       target[256];
    dmp_raw_t  raw;

    static const struct {
        const char           *query;
        dmp_history_query_t   want;
    } good[] = {
        { "", { 0, 0, 50, 0, false } },
        { "?limit=1", { 0, 0, 1, 0, false } },
        { "?limit=100&cursor=9007199254740991",
          { 0, 0, 100, 9007199254740991, false } },
        { "?cursor=1&until=1970-01-03&since=1970-01-02&limit=7",
          { 1, 2, 7, 1, false } },
        { "?since=2026-02-01", { 20485, 0, 50, 0, false } },
        { "?until=9999-12-31", { 0, 2932896, 50, 0, false } },
    };

    static const char *const  bad[] = {
        "?", "?&", "?limit", "?limit=", "?limit=0", "?limit=101", "?limit=007",
        "?limit=1&", "?&limit=1", "?limit=1&&cursor=2", "?limit=1&limit=1",
        "?limit=1 ", "?limit=+1", "?limit=-1", "?limit=1.0", "?limit=%31",
        "?%6cimit=1", "?LIMIT=1", "?limit==1", "?limit=1=1",
        "?limit=1;cursor=1",
        "?limit=18446744073709551617", "?cursor=0", "?cursor=9007199254740992",
        "?cursor=99999999999999999", "?cursor=a", "?cursor=1?",
        "?since=1970-01-01", "?since=1969-12-31", "?since=2026-02-30",
        "?since=2026-2-1", "?since=2026-02-01T00:00:00Z", "?since=",
        "?until=0000-00-00", "?since=2026-02-01&until=2026-02-01",
        "?until=2026-02-01&since=2026-02-02", "?patient=1", "?=1", "?limit=1#x",
    };

    (void) state;

    for (i = 0; i < count(good); i++) {
        (void) snprintf(target, sizeof(target), RECORD "/history%s",
                        good[i].query);
        map("GET", target, NULL);
        is(target, DMP_MAPPING_ONE);
        assert_int_equal(out.operation, DMP_OPERATION_HISTORY);
        assert_int_equal(out.history.since, good[i].want.since);
        assert_int_equal(out.history.until, good[i].want.until);
        assert_int_equal(out.history.limit, good[i].want.limit);
        assert_true(out.history.cursor == good[i].want.cursor);
        assert_false(out.history.fhir);
        assert_string_equal(out.route, "records/{ins}/history");
    }

    for (i = 0; i < count(bad); i++) {
        (void) snprintf(target, sizeof(target), RECORD "/history%s", bad[i]);
        map("GET", target, NULL);
        is(target, DMP_MAPPING_AMBIGUOUS);
    }

    raw = request("GET", RECORD "/history", NULL);
    raw.headers = &(dmp_headers_t) { .fhir = true };
    map_raw(raw);
    is("as FHIR", DMP_MAPPING_ONE);
    assert_true(out.history.fhir);

    raw.headers = &(dmp_headers_t) { .conditional = true };
    map_raw(raw);
    is("on a condition", DMP_MAPPING_ONE);
}


static void
test_methods(void **state)
{
    size_t  i;

    static const char *const  others[][2] = {
        { "POST", RECORD }, { "PUT", RECORD }, { "DELETE", RECORD },
        { "get", RECORD }, { "", RECORD }, { "OPTIONS", RECORD },
        { "GET", RECORD "/status" }, { "POST", RECORD "/status" },
        { "PATCH", RECORD "/emergency" }, { "GET", RECORD "/masks" },
        { "DELETE", RECORD "/masks" }, { "GET", RECORD "/masks/d1" },
        { "POST", RECORD "/blocks/" DOCTOR },
        { "GET", RECORD "/authorisations/" DOCTOR },
        { "POST", RECORD "/history" }, { "HEAD", RECORD "/history" },
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        map(others[i][0], others[i][1], NULL);
        is(others[i][1], DMP_MAPPING_OPERATION_UNKNOWN);
        assert_true(strncmp(out.route, "records/{ins}", 13) == 0);
        assert_non_null(strstr(out.why, "method"));
    }
}


static void
test_identifiers(void **state)
{
    size_t  i;

    static const struct {
        const char     *method;
        const char     *target;
        const char     *word;            /* NULL: it is one */
    } ids[] = {
        { "PUT", RECORD "/blocks/99700218896", "\"8\"" },
        { "PUT", RECORD "/authorisations/01234567891", "\"8\"" },
        { "PUT", RECORD "/blocks/8997002188960", "not an identifier" },
        { "PUT", RECORD "/blocks/79970021889", "\"8\"" },
        { "PUT", RECORD "/blocks/89970021889x", "not an identifier" },
        { "PUT", RECORD "/blocks/me", "not an identifier" },
        { "PUT", RECORD "/blocks/1750712184", "not an identifier" },
        { "DELETE", RECORD "/treating/1750712184", "not an identifier" },
        { "PUT", RECORD "/authorisations/1750712184", NULL },
        { "DELETE", RECORD "/authorisations/1750712184", NULL },
        { "PUT", RECORD "/authorisations/cabinet", "not an identifier" },
        { "PUT", RECORD "/authorisations/%20" DOCTOR, "not an identifier" },
    };

    (void) state;

    for (i = 0; i < count(ids); i++) {
        map(ids[i].method, ids[i].target, NULL);
        is(ids[i].target, (ids[i].word == NULL) ? DMP_MAPPING_ONE
                                                : DMP_MAPPING_AMBIGUOUS);

        if (ids[i].word != NULL && strstr(out.why, ids[i].word) == NULL) {
            fail_msg("%s: %s", ids[i].target, out.why);
        }
    }
}


static void
test_document_length(void **state)
{
    char    target[1024];
    size_t  i, n, base;

    (void) state;

    base = strlen(RECORD "/masks/");
    memcpy(target, RECORD "/masks/", base);

    for (n = 256; n <= 257; n++) {
        for (i = 0; i < n; i++) {
            memcpy(target + base + 3 * i, "%5e", 3);
        }

        target[base + 3 * n] = '\0';
        map("PUT", target, NULL);
        is("its name", (n == 256) ? DMP_MAPPING_ONE : DMP_MAPPING_AMBIGUOUS);
    }
}


static void
test_me(void **state)
{
    dmp_raw_t  raw;

    (void) state;

    raw = request("GET", BASE "/records/me", NULL);
    raw.own_ins = str(INS);
    map_raw(raw);
    is("me", DMP_MAPPING_ONE);
    equal(out.ins, INS);

    raw.own_ins = dmp_null_string;
    map_raw(raw);
    is("me", DMP_MAPPING_AMBIGUOUS);
    assert_non_null(strstr(out.why, "only a patient"));

    /* another's is another's, whoever one is */

    raw = request("GET", BASE "/records/185097512345640", NULL);
    raw.own_ins = str(INS);
    map_raw(raw);
    equal(out.ins, "185097512345640");
}


static void
test_headers(void **state)
{
    dmp_raw_t      raw;
    dmp_headers_t  headers;

    (void) state;

    memset(&headers, 0, sizeof(headers));
    headers.ambiguous = true;
    headers.why = "a header is given twice";
    raw = request("GET", RECORD, NULL);
    raw.headers = &headers;
    map_raw(raw);
    is("twice", DMP_MAPPING_AMBIGUOUS);
    assert_string_equal(out.why, headers.why);

    memset(&headers, 0, sizeof(headers));
    headers.format_refused = true;
    map_raw(raw);
    is("Accept", DMP_MAPPING_FORMAT);

    memset(&headers, 0, sizeof(headers));
    (void) dmp_request_header(&headers, str("DMP-Access-Mode"),
                              str("bris-de-glace"));
    (void) dmp_request_header(&headers, str("DMP-Justification"),
                              str("inconscient%20%C3%A0%20terre"));
    map_raw(raw);
    is("bris de glace", DMP_MAPPING_ONE);
    assert_int_equal(out.mode, DMP_MODE_BRIS_DE_GLACE);
    equal(out.justification, "inconscient \xc3\xa0 terre");
    equal(out.ins, INS);

    memset(&headers, 0, sizeof(headers));
    (void) dmp_request_header(&headers, str("DMP-Justification"),
                              str("%ff%fe"));
    map_raw(raw);
    is("not UTF-8", DMP_MAPPING_AMBIGUOUS);

    memset(&headers, 0, sizeof(headers));
    raw.own_mode = DMP_MODE_CENTRE_15;
    map_raw(raw);
    assert_int_equal(out.mode, DMP_MODE_CENTRE_15);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_not_a_body),
        cmocka_unit_test(test_body_or_not),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_document_length),
        cmocka_unit_test(test_me),
        cmocka_unit_test(test_headers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
