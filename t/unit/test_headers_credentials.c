/*
 * test_headers_credentials.c: tokens in Authorization and in a cookie, and what
 * tells a page of ours from another site's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "headers_case.h"


#define SESSION  "__Host-dmp-session="

/* The value that is kept is a part of the one that was given. */
static void
is_kept(dmp_str_t kept, const char *value, const char *part)
{
    if (part == NULL) {
        assert_int_equal(kept.len, 0);
        return;
    }

    assert_int_equal(kept.len, strlen(part));
    assert_memory_equal(kept.data, part, kept.len);
    assert_true(kept.data >= value
                && kept.data + kept.len <= value + strlen(value));
}


static void
test_credentials(void **state)
{
    size_t         i;
    dmp_str_t      name, value;
    dmp_headers_t  headers;

    static const struct {
        const char  *name;
        const char  *value;
        bool         token;
        const char  *bearer;             /* what is kept; NULL: nothing */
        const char  *cookie;
        bool         ambiguous;
    } table[] = {
        { "Authorization", "Bearer x", true, "x", NULL, false },
        { "authorization", "bearer a.b-c_d", true, "a.b-c_d", NULL, false },
        { "Authorization", "BEARER A0~+/==", true, "A0~+/==", NULL, false },
        { "Authorization", " Bearer   x\t", true, "x", NULL, false },

        /* a credential that fails */
        { "Authorization", "Basic eDp5", true, NULL, NULL, false },
        { "Authorization", "Basic", true, NULL, NULL, false },
        { "Authorization", "Bearerx", true, NULL, NULL, false },
        { "Authorization", "Bearer\tx", true, NULL, NULL, false },
        { "Authorization", "Bearer=x", true, NULL, NULL, false },
        { "Authorization", "DPoP x", true, NULL, NULL, false },
        { "Authorization", "x", true, NULL, NULL, false },

        /* none, or several */
        { "authorization", "", true, NULL, NULL, true },
        { "Authorization", "  ", true, NULL, NULL, true },
        { "Authorization", "Bearer", true, NULL, NULL, true },
        { "Authorization", "Bearer ", true, NULL, NULL, true },
        { "Authorization", "Bearer a b", true, NULL, NULL, true },
        { "Authorization", "Bearer a, Bearer b", true, NULL, NULL, true },
        { "Authorization", "Bearer a,b", true, NULL, NULL, true },
        { "Authorization", "Bearer \"a\"", true, NULL, NULL, true },
        { "Authorization", "Bearer a\x01", true, NULL, NULL, true },
        { "Authorization", "Bearer \xc3\xa9", true, NULL, NULL, true },

        { "Cookie", SESSION "x", true, NULL, "x", false },
        { "cookie", "a=b; " SESSION "x.y-z_; c=d", true, NULL, "x.y-z_",
          false },
        { "COOKIE", "a=b;" SESSION "x", true, NULL, "x", false },
        { "Cookie", ";; " SESSION "x ;", true, NULL, "x", false },
        { "Cookie", SESSION "a=b=", true, NULL, "a=b=", false },
        { "Cookie", SESSION "\"x\"", true, NULL, "\"x\"", false },

        { "Cookie", SESSION, true, NULL, NULL, true },
        { "COOKIE", "a=b;" SESSION, true, NULL, NULL, true },
        { "Cookie", SESSION " ; a=b", true, NULL, NULL, true },
        { "Cookie", SESSION "x; " SESSION "x", true, NULL, "x", true },
        { "Cookie", SESSION "x; a=b; " SESSION "y", true, NULL, "y", true },
        { "Cookie", SESSION "x; " SESSION, true, NULL, "x", true },

        { "Cookie", "", false, NULL, NULL, false },
        { "Cookie", "a=b", false, NULL, NULL, false },
        { "Cookie", "__Host-dmp-session", false, NULL, NULL, false },
        { "Cookie", "__Host-dmp-session =x", false, NULL, NULL, false },
        { "Cookie", "__Host-dmp-sessio=x", false, NULL, NULL, false },
        { "Cookie", "__Host-dmp-sessions=x", false, NULL, NULL, false },
        { "Cookie", "__host-dmp-session=x", false, NULL, NULL, false },
        { "Cookie", "__Host-DMP-Session=x", false, NULL, NULL, false },
        { "Cookie", "__Secure-dmp-session=x", false, NULL, NULL, false },
        { "Cookie", "dmp-session=x", false, NULL, NULL, false },
        { "Cookie", "a" SESSION "x", false, NULL, NULL, false },
        { "Cookie", "a=" SESSION "x", false, NULL, NULL, false },
        { "Cookie", "a=b, " SESSION "x", false, NULL, NULL, false },
        { "Cookie", "=" SESSION "x", false, NULL, NULL, false },
        { "Cookie", "a=\"; b; \"", false, NULL, NULL, false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        name = exact(table[i].name);
        value = exact(table[i].value);
        assert_int_equal(dmp_request_header(&headers, name, value), STRIP);

        if (headers.token != table[i].token
            || headers.ambiguous != table[i].ambiguous)
        {
            fail_msg("%s: %s: %stoken, %s", table[i].name, table[i].value,
                     headers.token ? "" : "no ",
                     headers.ambiguous ? headers.why : "plain");
        }

        assert_int_equal(headers.ambiguous, headers.why != NULL);
        free((void *) name.data);
        free((void *) value.data);

        name = (dmp_str_t) { table[i].name, strlen(table[i].name) };
        value = (dmp_str_t) { table[i].value, strlen(table[i].value) };
        memset(&headers, 0, sizeof(headers));
        (void) dmp_request_header(&headers, name, value);
        is_kept(headers.bearer, value.data, table[i].bearer);
        is_kept(headers.session_cookie, value.data, table[i].cookie);
    }
}


/* Two credentials, in whatever order, are no credential. */
static void
test_several_credentials(void **state)
{
    size_t         i, j;
    dmp_headers_t  headers;

    static const char *const  table[][2] = {
        { "Authorization", "Bearer x" },
        { "Authorization", "Basic eDp5" },
        { "Cookie", "a=b; " SESSION "x" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        for (j = 0; j < count(table); j++) {
            memset(&headers, 0, sizeof(headers));
            (void) take(&headers, table[i][0], table[i][1]);
            assert_false(headers.ambiguous);
            (void) take(&headers, table[j][0], table[j][1]);
            assert_true(headers.ambiguous && headers.token);
        }
    }

    /* a session stays one, whatever cookies come with it */

    memset(&headers, 0, sizeof(headers));
    (void) take(&headers, "Cookie", "a=b");
    assert_false(headers.token);
    (void) take(&headers, "Cookie", SESSION "x");
    (void) take(&headers, "Cookie", "a=b");
    assert_true(headers.token);
    assert_int_equal(headers.session_cookie.len, 1);
    assert_false(headers.ambiguous);

    /* and so does a token, with cookies that are none of ours */

    memset(&headers, 0, sizeof(headers));
    (void) take(&headers, "Cookie", "a=b");
    (void) take(&headers, "Authorization", "Bearer x");
    (void) take(&headers, "Cookie", "c=d");
    assert_int_equal(headers.bearer.len, 1);
    assert_int_equal(headers.session_cookie.len, 0);
    assert_false(headers.ambiguous);
}


/* What only a page of ours, or no browser, can say. */
static void
test_sites(void **state)
{
    size_t         i;
    dmp_headers_t  headers;

    static const struct {
        const char  *value;
        dmp_site_t   site;
    } table[] = {
        { "same-origin", DMP_SITE_SAME_ORIGIN },
        { " same-origin\t", DMP_SITE_SAME_ORIGIN },
        { "none", DMP_SITE_USER },
        { "same-site", DMP_SITE_OTHER },
        { "cross-site", DMP_SITE_OTHER },
        { "", DMP_SITE_OTHER },
        { "Same-Origin", DMP_SITE_OTHER },
        { "None", DMP_SITE_OTHER },
        { "same-origin, cross-site", DMP_SITE_OTHER },
        { "same-origin;x", DMP_SITE_OTHER },
        { "\"same-origin\"", DMP_SITE_OTHER },
        { "same-origi", DMP_SITE_OTHER },
        { "same-origins", DMP_SITE_OTHER },
    };

    static const char *const  requests[] = {
        "1", "0", "", "2", "11", "1 ", " 1", "true", "1, 1", "\"1\""
    };

    (void) state;
    memset(&headers, 0, sizeof(headers));
    assert_int_equal(headers.site, DMP_SITE_NONE);

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "Sec-Fetch-Site", table[i].value),
                         STRIP);
        assert_false(headers.ambiguous);

        if (headers.site != table[i].site) {
            fail_msg("Sec-Fetch-Site: %s", table[i].value);
        }
    }

    for (i = 0; i < count(requests); i++) {
        memset(&headers, 0, sizeof(headers));
        assert_int_equal(take(&headers, "DMP-Request", requests[i]), STRIP);
        assert_int_equal(headers.dmp_request, i == 0);
        assert_int_equal(headers.ambiguous, i != 0);
    }

    /* spelt as no browser does it says nothing, and leaves no place for more */

    memset(&headers, 0, sizeof(headers));
    assert_int_equal(take(&headers, "Sec_Fetch_Site", "same-origin"), STRIP);
    assert_int_equal(headers.site, DMP_SITE_NONE);
    assert_false(headers.ambiguous);
    (void) take(&headers, "Sec-Fetch-Site", "same-origin");
    assert_true(headers.ambiguous);

    memset(&headers, 0, sizeof(headers));
    assert_int_equal(take(&headers, "DMP_Request", "1"), STRIP);
    assert_true(headers.ambiguous);

    /* its relatives mean nothing to us */

    memset(&headers, 0, sizeof(headers));
    assert_int_equal(take(&headers, "Sec-Fetch-Mode", "cors"), STRIP);
    assert_int_equal(take(&headers, "Sec-Fetch-Dest", "empty"), STRIP);
    assert_int_equal(headers.site, DMP_SITE_NONE);
    assert_false(headers.ambiguous);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_several_credentials),
        cmocka_unit_test(test_sites),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
