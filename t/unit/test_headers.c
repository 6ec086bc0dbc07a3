/*
 * test_headers.c: what each request header is to the gateway, and whether it
 * goes on to the record host.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "headers_case.h"


#define TEN(s)   s s s s s s s s s s


typedef struct {
    const char    *name;
    const char    *value;
    dmp_header_t   what;
    bool           ambiguous;
} header_t;


static void
check(const header_t *table, size_t n)
{
    size_t         i;
    dmp_header_t   what;
    dmp_headers_t  headers;

    for (i = 0; i < n; i++) {
        memset(&headers, 0, sizeof(headers));
        what = take(&headers, table[i].name, table[i].value);

        if (what != table[i].what || headers.ambiguous != table[i].ambiguous) {
            fail_msg("%s: %s: %s%s", table[i].name, table[i].value,
                     (what == FORWARD) ? "forwarded" : "stripped",
                     headers.ambiguous ? ", ambiguous" : "");
        }

        assert_int_equal(headers.ambiguous, headers.why != NULL);
    }
}


static void
test_names(void **state)
{
    static const header_t  table[] = {
        /* ours: never forwarded */
        { "DMP-Access-Mode", "normal", STRIP, false },
        { "dmp-access-mode", "bris-de-glace", STRIP, false },
        { "DMP-ACCESS-MODE", "centre-15", STRIP, false },
        { "DMP-Justification", "x", STRIP, false },
        { "DMP-Patient-Family", "x", STRIP, false },
        { "DMP-Patient-Given", "x", STRIP, false },
        { "DMP-Patient-Birthdate", "x", STRIP, false },
        { "DMP-Request", "1", STRIP, false },
        { "Sec-Fetch-Site", "same-origin", STRIP, false },

        /* that look like ours */
        { "DMP_Access_Mode", "normal", STRIP, true },
        { "dmp-access_mode", "normal", STRIP, true },
        { "dmp_justification", "x", STRIP, true },
        { "DMP-Trace-Receipt", "x", STRIP, true },
        { "DMP-Trace-Id", "x", STRIP, true },
        { "DMP-", "x", STRIP, true },
        { "dmp-x", "x", STRIP, true },
        { "dmp_x", "x", STRIP, true },
        { "X-DMP-User", "x", STRIP, true },
        { "x_dmp_user", "x", STRIP, true },
        { "X-Dmp_User", "x", STRIP, true },
        { "x-dmp-", "x", STRIP, true },
        { "DMP-" TEN("long-long-"), "x", STRIP, true },
        { "x-dmp-" TEN("long-long-"), "x", STRIP, true },
        { "DMP-Access-Modes", "normal", STRIP, true },
        { "DMP-Access-Mod", "normal", STRIP, true },

        /* they are not */
        { "DMP", "x", STRIP, false },
        { "x-dmp", "x", STRIP, false },
        { "dmpx", "x", STRIP, false },
        { "", "x", STRIP, false },
        { TEN("long-long-"), "x", STRIP, false },

        /* what would change the answer that is judged */
        { "Accept-Encoding", "gzip", STRIP, false },
        { "Accept-Charset", "x", STRIP, false },
        { "Proxy-Authorization", "x", STRIP, false },
        { "accept_encoding", "gzip", STRIP, false },
        { "TE", "trailers", STRIP, false },
        { "Range", "bytes=0-1", STRIP, false },
        { "If-Range", "x", STRIP, false },
        { "If-Match", "x", STRIP, false },
        { "If-None-Match", "x", STRIP, false },
        { "if_none_match", "x", STRIP, false },
        { "If-Modified-Since", "x", STRIP, false },
        { "If-Unmodified-Since", "x", STRIP, false },
        { "Prefer", "return=minimal", STRIP, false },
        { "Upgrade", "h2c", STRIP, false },
        { "Content-Encoding", "gzip", STRIP, false },
        { "content_encoding", "identity", STRIP, false },

        /* what proxies say of a request that they changed */
        { "X-Forwarded-Uri", "/x", STRIP, false },
        { "X-Forwarded-Method", "DELETE", STRIP, false },
        { "X-Original-URI", "/x", STRIP, false },
        { "X_Original_Method", "DELETE", STRIP, false },
        { "Forwarded", "for=x", STRIP, false },
        { "X-Forwarded-For", "x", STRIP, false },
        { "X-Forwarded-Host", "x", STRIP, false },
        { "X-Forwarded-Prefix", "/x", STRIP, false },
        { "Via", "1.1 x", STRIP, false },

        /* what names something else than the request line */
        { "X-HTTP-Method-Override", "DELETE", STRIP, true },
        { "x_http_method_override", "DELETE", STRIP, true },
        { "X-HTTP-Method", "DELETE", STRIP, true },
        { "X-Method-Override", "DELETE", STRIP, true },
        { "X-Original-URL", "/x", STRIP, true },
        { "X-Rewrite-URL", "/x", STRIP, true },
        { "X_Rewrite_URL", "/x", STRIP, true },
        { "Destination", "/x", STRIP, true },
        { "Content-Location", "/x", STRIP, true },
        { "content_location", "", STRIP, true },
        { "If-None-Exist", "identifier=x", STRIP, true },
    };

    (void) state;
    check(table, count(table));
}


/* The whole of what goes on, and the like of it, which does not. */
static void
test_forwarded(void **state)
{
    static const header_t  table[] = {
        { "Host", "x", FORWARD, false },
        { "Connection", "close", FORWARD, false },
        { "Accept", "*/*", FORWARD, false },
        { "Accept-Language", "fr", FORWARD, false },
        { "Content-Type", "x", FORWARD, false },
        { "Content-Length", "1", FORWARD, false },
        { "Transfer-Encoding", "chunked", FORWARD, false },
        { "Content-Language", "fr", FORWARD, false },
        { "Expect", "100-continue", FORWARD, false },
        { "User-Agent", "x", FORWARD, false },
        { "X-Request-Id", "x", FORWARD, false },
        { "X-Correlation-Id", "x", FORWARD, false },
        { "traceparent", "00-x", FORWARD, false },
        { "tracestate", "x=y", FORWARD, false },
        { "HOST", "x", FORWARD, false },
        { "x-REQUEST-id", "x", FORWARD, false },
        { "TraceParent", "00-x", FORWARD, false },

        /* with "_" nginx does not know them, and the host may */
        { "User_Agent", "x", STRIP, false },
        { "Content_Length", "1", STRIP, false },
        { "Transfer_Encoding", "chunked", STRIP, false },
        { "content_type", "application/json", STRIP, false },
        { "Accept_Language", "fr", STRIP, false },
        { "X_Request-Id", "x", STRIP, false },
        { "X_Custom", "x", STRIP, false },

        /* a host answers another question by them, or about another */
        { "Cache-Control", "max-results=1", STRIP, false },
        { "Cache-Control", "no-cache", STRIP, false },
        { "Pragma", "no-cache", STRIP, false },
        { "X-Tenant", "x", STRIP, false },
        { "X-Tenant-Id", "x", STRIP, false },
        { "X-Partition", "x", STRIP, false },
        { "X-Request-Source", "x", STRIP, false },
        { "X-Upsert-Extistence-Check", "disabled", STRIP, false },
        { "X-Provenance", "{}", STRIP, false },
        { "X-Security-Context", "x", STRIP, false },
        { "X-Accel-Redirect", "/x", STRIP, false },
        { "X-Forwarded-User", "x", STRIP, false },
        { "X-SSL-Client-Verify", "SUCCESS", STRIP, false },
        { "Referer", "x", STRIP, false },
        { "Origin", "x", STRIP, false },
        { "Cookie2", "x", STRIP, false },
        { "Accept-Datetime", "x", STRIP, false },
        { "Keep-Alive", "x", STRIP, false },
        { "Trailer", "x", STRIP, false },

        /* nearly one of them */
        { "Hos", "x", STRIP, false },
        { "Hostx", "x", STRIP, false },
        { "Host ", "x", STRIP, false },
        { " Host", "x", STRIP, false },
        { "X-Request-Ids", "x", STRIP, false },
        { "X-Request", "x", STRIP, false },
        { "Accept.Language", "x", STRIP, false },
        { "Tracestat", "x", STRIP, false },
    };

    (void) state;
    check(table, count(table));
}


static void
test_connection(void **state)
{
    static const header_t  table[] = {
        { "Connection", "", FORWARD, false },
        { "Connection", "close", FORWARD, false },
        { "Connection", "Keep-Alive", FORWARD, false },
        { "Connection", "keep-alive, TE", FORWARD, false },
        { "Connection", " close ", FORWARD, false },
        { "Connection", ",, close,\t,", FORWARD, false },
        { "Connection", "upgrade", FORWARD, true },
        { "Connection", "x-dmp-user", FORWARD, true },
        { "Connection", "close, DMP-Trace-Receipt", FORWARD, true },
        { "Connection", "DMP-Trace-Receipt,close", FORWARD, true },
        { "Connection", "close;DMP-Trace-Receipt", FORWARD, true },
        { "Connection", "clo se", FORWARD, true },
        { "Connection", "close close", FORWARD, true },
        { "Connection", "closed", FORWARD, true },
        { "Connection", "close\"", FORWARD, true },
        { "Connection", TEN("close-") TEN("close-"), FORWARD, true },
        { "Connection", TEN("      ") "host" TEN("      "), FORWARD, true },
        { "Connection", TEN("      ") "close" TEN("      "), FORWARD, false },
    };

    (void) state;
    check(table, count(table));
}


static void
test_accept(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        bool         refused;
        bool         xml_only;
    } table[] = {
        { "*/*", false, false },
        { "application/*", false, false },
        { "application/json", false, false },
        { "application/fhir+json", false, false },
        { "Application/FHIR+JSON", false, false },
        { "application/fhir+json; fhirVersion=4.0", false, false },
        { "application/fhir+json;q=0.1", false, false },
        { "application/fhir+json;q=1", false, false },
        { "application/fhir+json ; q=0.001", false, false },
        { "application/fhir+xml, application/fhir+json", false, false },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          false, false },
        { "", true, false },
        { ",", true, false },
        { "text/html", true, false },
        { "application/xml", true, false },
        { "application/fhir+xml", true, true },
        { "application/fhir+xml, text/turtle", true, false },
        { "application/json-patch+json", true, false },
        { "application/jsonx", true, false },
        { "application/fhir", true, false },
        { "application json", true, false },
        { "app lication/json", true, false },
        { "text/*", true, false },
        { "*", true, false },
        { "application/fhir+json;q=0", true, false },
        { "application/fhir+json;q=0.0", true, false },
        { "application/fhir+json; charset=utf-8; q=0.000", true, false },
        { "application/fhir+json;q=0, application/fhir+xml", true, true },
        { "application/fhir+json;Q=0., */*;q=0", true, false },
        { TEN("application/json") ";q=1", true, false },
        { "Application/FHIR+XML; fhirVersion=4.0", true, true },
        { "application/fhir+xml;q=0.5, application/fhir+xml", true, true },
        { "application/fhir+xml,, text/html;q=0", true, true },
        { "application/fhir+xml, */*;q=0, application/json;q=0", true, true },
        { "application/fhir+xml;q=0", true, false },
        { "text/xml, application/fhir+xml", true, false },
        { "application/fhir+xml, application/pdf", true, false },
        { "application/fhir+xml, " TEN("long-long/"), true, false },
        { "text/xml", true, false },
        { "application/fhir+xml, */*", false, false },
        { "application/fhir+xml, application/json;q=0.1", false, false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Accept", table[i].value), FORWARD);
        assert_false(headers.ambiguous);

        if (headers.format_refused != table[i].refused) {
            fail_msg("Accept: %s: %s", table[i].value,
                     headers.format_refused ? "refused" : "taken");
        }

        if (headers.xml_only != table[i].xml_only) {
            fail_msg("Accept: %s: %s", table[i].value,
                     headers.xml_only ? "XML only" : "not only XML");
        }
    }
}


/* FHIR's JSON or plain JSON, where both would do. */
static void
test_accept_prefers(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        bool         fhir;
    } table[] = {
        { "*/*", false },
        { "application/*", false },
        { "application/json", false },
        { "application/fhir+json", true },
        { "Application/FHIR+JSON;q=0.001", true },
        { "application/fhir+json;q=0", false },
        { "application/fhir+json, */*", true },
        { "application/fhir+json, application/json", false },
        { "application/json, application/fhir+json", false },
        { "application/fhir+json;q=0.8, application/json", false },
        { "application/fhir+json, application/json;q=0.999", true },
        { "application/fhir+json;q=0.5, application/json;q=0.50", false },
        { "application/json;q=0.5,application/fhir+json; x=1; q=0.51", true },
        { "application/fhir+json, application/json;q=0", true },
        { "application/fhir+xml", false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Accept", table[i].value), FORWARD);

        if (headers.fhir != table[i].fhir) {
            fail_msg("Accept: %s", table[i].value);
        }
    }
}


static void
test_content(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        bool         form;
    } types[] = {
        { "application/x-www-form-urlencoded", true },
        { "APPLICATION/X-WWW-FORM-URLENCODED", true },
        { " application/x-www-form-urlencoded ", true },
        { "application/x-www-form-urlencoded;charset=utf-8", true },
        { "application/x-www-form-urlencoded; charset=UTF-8", true },
        { "application/x-www-form-urlencoded ; Charset=Utf-8 ", true },
        { "application/x-www-form-urlencoded; charset=\"utf-8\"", true },
        { "application/x-www-form-urlencoded;", true },
        { "", false },
        { ";", false },
        { "; charset=utf-8", false },
        { "application/x-www-form-urlencodedx", false },
        { "application/x-www-form-urlencode", false },
        { "x-www-form-urlencoded", false },
        { "application /x-www-form-urlencoded", false },
        { "application/x-www-form-urlencoded charset=utf-8", false },
        { "application/x-www-form-urlencoded, text/plain", false },
        { "text/plain, application/x-www-form-urlencoded", false },
        { "application/x-www-form-urlencoded; charset=utf-7", false },
        { "application/x-www-form-urlencoded; charset=utf-16", false },
        { "application/x-www-form-urlencoded; charset=", false },
        { "application/x-www-form-urlencoded; charset", false },
        { "application/x-www-form-urlencoded; charset=utf-8; a=b", false },
        { "application/x-www-form-urlencoded; a=b; charset=utf-8", false },
        { "application/x-www-form-urlencoded; charset = utf-8", false },
        { "application/x-www-form-urlencoded; boundary=x", false },
        { "application/fhir+json", false },
        { "multipart/form-data; boundary=x", false },
        { "application/*", false },
        { "*/*", false },
    };

    static const struct {
        const char  *value;
        bool         encoded;
    } encodings[] = {
        { "identity", false }, { "Identity", false }, { " identity\t", false },
        { "", true }, { "gzip", true }, { "deflate", true }, { "br", true },
        { "identity, gzip", true }, { "gzip, identity", true },
        { "identity, identity", true }, { "x", true }, { "identityx", true },
    };

    (void) state;

    for (i = 0; i < count(types); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Content-Type", types[i].value),
                         FORWARD);
        assert_false(headers.ambiguous || headers.encoded);

        if (headers.form != types[i].form || headers.json) {
            fail_msg("Content-Type: %s", types[i].value);
        }
    }

    for (i = 0; i < count(encodings); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Content-Encoding",
                              encodings[i].value), STRIP);
        assert_false(headers.ambiguous || headers.form);

        if (headers.encoded != encodings[i].encoded) {
            fail_msg("Content-Encoding: %s", encodings[i].value);
        }
    }

    /* a host that does not read it would not read the form */

    memset(&headers, 0, sizeof(headers));
    assert_int_equal(take(&headers, "Content_Type", types[0].value), STRIP);
    assert_false(headers.form || headers.ambiguous);
    (void) take(&headers, "Content-Type", types[0].value);
    assert_true(headers.ambiguous);

    /* one that is encoded stays so, whatever follows */

    (void) take(&headers, "Content-Encoding", "gzip");
    (void) take(&headers, "Content-Encoding", "identity");
    assert_true(headers.encoded);
}


static void
test_json(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        bool         json;
    } types[] = {
        { "application/json", true },
        { "Application/JSON", true },
        { " application/json\t", true },
        { "application/json;charset=utf-8", true },
        { "application/json; charset=UTF-8", true },
        { "application/json ; charset=\"utf-8\" ", true },
        { "application/json;", true },
        { "application/jsonx", false },
        { "application/json-patch+json", false },
        { "application/fhir+json", false },
        { "application/merge-patch+json", false },
        { "text/json", false },
        { "json", false },
        { "", false },
        { "application/json, application/json", false },
        { "text/plain, application/json", false },
        { "application/json; charset=iso-8859-1", false },
        { "application/json; charset=utf-16", false },
        { "application/json; charset=", false },
        { "application/json; charset=utf-8; a=b", false },
        { "application/json; a=b", false },
        { "application/json charset=utf-8", false },
    };

    (void) state;

    for (i = 0; i < count(types); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Content-Type", types[i].value),
                         FORWARD);
        assert_false(headers.ambiguous || headers.encoded || headers.form);

        if (headers.json != types[i].json) {
            fail_msg("Content-Type: %s", types[i].value);
        }
    }

    memset(&headers, 0, sizeof(headers));
    assert_int_equal(take(&headers, "Content_Type", "application/json"),
                     STRIP);
    assert_false(headers.json || headers.ambiguous);
}


/* What is said in words is kept as it came, to be decoded later. */
static void
test_words(void **state)
{
    size_t            i, j;
    dmp_headers_t     headers;
    const dmp_str_t  *kept[] = { &headers.justification, &headers.family,
                                 &headers.given, &headers.birthdate };

    static const dmp_str_t  value = dmp_string("%41%GZ\xff\x01 ");

    static const dmp_str_t  names[] = {
        dmp_string("DMP-Justification"), dmp_string("dmp-patient-FAMILY"),
        dmp_string("DMP-Patient-Given"), dmp_string("DMP-Patient-Birthdate")
    };

    (void) state;

    for (i = 0; i < count(names); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(dmp_request_header(&headers, names[i], value), STRIP);
        assert_false(headers.ambiguous);
        assert_int_equal(dmp_headers_words(&headers), value.len);

        for (j = 0; j < count(kept); j++) {
            assert_ptr_equal(kept[j]->data, (i == j) ? value.data : NULL);
            assert_int_equal(kept[j]->len, (i == j) ? value.len : 0);
        }
    }
}


static void
test_modes(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        dmp_mode_t   mode;
    } table[] = {
        { "normal", DMP_MODE_NORMAL },
        { "bris-de-glace", DMP_MODE_BRIS_DE_GLACE },
        { "centre-15", DMP_MODE_CENTRE_15 },
        { "", DMP_MODE_NONE },
        { "Normal", DMP_MODE_NONE },
        { " normal", DMP_MODE_NONE },
        { "normal,centre-15", DMP_MODE_NONE },
        { "centre15", DMP_MODE_NONE },
        { "none", DMP_MODE_NONE },
        { "bris de glace", DMP_MODE_NONE },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "DMP-Access-Mode", table[i].value),
                         STRIP);
        assert_int_equal(headers.mode, table[i].mode);
        assert_int_equal(headers.ambiguous,
                         table[i].mode == DMP_MODE_NONE);
    }
}


static void
test_twice(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const char *const  once[][3] = {
        { "DMP-Access-Mode", "dmp-access-mode", "normal" },
        { "DMP-Justification", "DMP-JUSTIFICATION", "x" },
        { "DMP-Patient-Family", "DMP-Patient-Family", "x" },
        { "DMP-Patient-Given", "DMP-Patient-Given", "x" },
        { "DMP-Patient-Birthdate", "DMP-Patient-Birthdate", "x" },
        { "DMP-Request", "dmp-request", "1" },
        { "Sec-Fetch-Site", "sec-fetch-site", "same-origin" },
        { "Authorization", "AUTHORIZATION", "Bearer x" },
        { "Accept", "accept", "*/*" },
        { "Content-Type", "content_type",
          "application/x-www-form-urlencoded" },
    };

    (void) state;

    for (i = 0; i < count(once); i++) {
        memset(&headers, 0, sizeof(headers));
        (void) take(&headers, once[i][0], once[i][2]);
        assert_false(headers.ambiguous);
        (void) take(&headers, once[i][1], once[i][2]);
        assert_true(headers.ambiguous);
    }

    /* once ambiguous, nothing that follows makes it plain again */

    (void) take(&headers, "DMP-Access-Mode", "normal");
    (void) take(&headers, "Host", "x");
    assert_true(headers.ambiguous);

    /* and all of them together are one request */

    memset(&headers, 0, sizeof(headers));

    for (i = 0; i < count(once); i++) {
        (void) take(&headers, once[i][0], once[i][2]);
    }

    assert_false(headers.ambiguous);
}


/* Any bytes at all in a name or a value: nothing is read too far. */
static void
test_bytes(void **state)
{
    char           name[80], value[80];
    size_t         i, j;
    unsigned       seed;
    dmp_headers_t  headers;

    static const char *const  names[] = { "Connection", "Accept", "Cookie",
                                          "DMP-Access-Mode",
                                          "Authorization", "DMP-Request",
                                          "Sec-Fetch-Site",
                                          "Content-Type",
                                          "Content-Encoding" };

    (void) state;
    seed = 1;

    for (i = 0; i < 200000; i++) {
        memset(&headers, 0, sizeof(headers));
        memset(name, 0, sizeof(name));
        memset(value, 0, sizeof(value));

        for (j = 0; j < i % 79; j++) {
            seed = seed * 1103515245 + 12345;
            value[j] = ",; \tq=0.*/-_aA\x01\xff"[(seed >> 16) % 16];
            name[j] = "dmpDMP-_xX\xff\x01 acce"[(seed >> 20) % 16];
        }

        (void) take(&headers, names[i % count(names)], value);
        (void) take(&headers, name, value);
        assert_int_equal(headers.ambiguous, headers.why != NULL);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_prefers),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_bytes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
