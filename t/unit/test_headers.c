/*
 * test_headers.c: what each request header is to the gateway, and whether it
 * goes on to the record host.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_request.h>


#define TEN(s)   s s s s s s s s s s
#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define STRIP    DMP_HEADER_STRIP
#define FORWARD  DMP_HEADER_FORWARD


/* In blocks of exactly their size, so that a byte read too far is seen. */
static dmp_str_t
exact(const char *text)
{
    char    *copy;
    size_t   len;

    len = strlen(text);
    copy = malloc(len + (len == 0));
    assert_non_null(copy);

    if (len != 0) {
        memcpy(copy, text, len);
    }

    return (dmp_str_t) { copy, len };
}


static dmp_header_t
take(dmp_headers_t *headers, const char *name, const char *value)
{
    dmp_str_t     n, v;
    dmp_header_t  what;

    n = exact(name);
    v = exact(value);
    what = dmp_request_header(headers, n, v);
    free((void *) n.data);
    free((void *) v.data);

    return what;
}


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
        { "DMP", "x", FORWARD, false },
        { "x-dmp", "x", FORWARD, false },
        { "dmpx", "x", FORWARD, false },
        { "", "x", FORWARD, false },
        { "Host", "x", FORWARD, false },
        { "User-Agent", "x", FORWARD, false },
        { "X-Forwarded-For", "x", FORWARD, false },
        { TEN("long-long-"), "x", FORWARD, false },

        /* what would change the answer that is judged */
        { "Accept-Encoding", "gzip", STRIP, false },
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

        /* what names something else than the request line */
        { "X-HTTP-Method-Override", "DELETE", STRIP, true },
        { "x_http_method_override", "DELETE", STRIP, true },
        { "X-HTTP-Method", "DELETE", STRIP, true },
        { "X-Method-Override", "DELETE", STRIP, true },
        { "X-Original-URL", "/x", STRIP, true },
        { "X-Rewrite-URL", "/x", STRIP, true },
        { "X_Rewrite_URL", "/x", STRIP, true },
        { "Destination", "/x", STRIP, true },
        { "If-None-Exist", "identifier=x", STRIP, true },
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
    } table[] = {
        { "*/*", false },
        { "application/*", false },
        { "application/json", false },
        { "application/fhir+json", false },
        { "Application/FHIR+JSON", false },
        { "application/fhir+json; fhirVersion=4.0", false },
        { "application/fhir+json;q=0.1", false },
        { "application/fhir+json;q=1", false },
        { "application/fhir+json ; q=0.001", false },
        { "application/fhir+xml, application/fhir+json", false },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          false },
        { "", true },
        { ",", true },
        { "text/html", true },
        { "application/xml", true },
        { "application/fhir+xml", true },
        { "application/fhir+xml, text/turtle", true },
        { "application/json-patch+json", true },
        { "application/jsonx", true },
        { "application/fhir", true },
        { "application json", true },
        { "app lication/json", true },
        { "text/*", true },
        { "*", true },
        { "application/fhir+json;q=0", true },
        { "application/fhir+json;q=0.0", true },
        { "application/fhir+json; charset=utf-8; q=0.000", true },
        { "application/fhir+json;q=0, application/fhir+xml", true },
        { "application/fhir+json;Q=0., */*;q=0", true },
        { TEN("application/json") ";q=1", true },
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
test_credentials(void **state)
{
    size_t         i;
    dmp_header_t   what;
    dmp_headers_t  headers;

    static const struct {
        const char  *name;
        const char  *value;
        bool         token;
    } table[] = {
        { "Authorization", "Bearer x", true },
        { "authorization", "", true },
        { "Authorization", "Basic eDp5", true },
        { "Cookie", "__Host-dmp-session=x", true },
        { "cookie", "a=b; __Host-dmp-session=x; c=d", true },
        { "COOKIE", "a=b;__Host-dmp-session=", true },
        { "Cookie", "", false },
        { "Cookie", "a=b", false },
        { "Cookie", "__Host-dmp-session", false },
        { "Cookie", "__Host-dmp-sessio=x", false },
        { "Cookie", "dmp-session=x", false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        what = take(&headers, table[i].name, table[i].value);
        assert_int_equal(headers.token, table[i].token);
        assert_int_equal(what, table[i].token ? STRIP : FORWARD);
        assert_false(headers.ambiguous);
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
        { "Accept", "accept", "*/*" },
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

    /* and all five together are one request */

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
                                          "DMP-Access-Mode" };

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
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_bytes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
