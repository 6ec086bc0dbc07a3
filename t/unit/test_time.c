/*
 * test_time.c: instants as FHIR writes them, and months added to a day.  The
 * rest of dates: test_text.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp.h>


static int32_t
day(const char *text)
{
    int32_t  n;

    assert_true(dmp_day_parse((dmp_str_t) { text, strlen(text) }, &n));

    return n;
}


/* In memory of exactly its size, so that a byte read too far is seen. */
static bool
parse(const char *text, int64_t *unix_sec)
{
    bool    ok;
    char   *copy;
    size_t  len;

    len = strlen(text);
    copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    ok = dmp_instant_parse((dmp_str_t) { copy, len }, unix_sec);

    free(copy);

    return ok;
}


static void
instants(void **state)
{
    size_t   i;
    int64_t  sec;

    static const struct {
        const char  *text;
        int64_t      sec;
    } table[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00+00:00", 0 },
        { "1970-01-01T00:00:00-00:00", 0 },
        { "1969-12-31T23:59:59Z", -1 },
        { "1970-01-01T00:00:59Z", 59 },
        { "1970-01-01T23:59:59Z", 86399 },
        { "2026-11-22T03:06:48.123Z", 1795316808 },
        { "2026-11-22T03:06:48.999999999Z", 1795316808 },
        { "2026-11-22T03:06:48.0Z", 1795316808 },
        { "2026-11-22T04:06:48+01:00", 1795316808 },
        { "2026-11-22T04:06:48.5+01:00", 1795316808 },
        { "2026-11-21T22:06:48-05:00", 1795316808 },
        { "2026-11-22T08:36:48+05:30", 1795316808 },
        { "2026-11-22T17:06:48+14:00", 1795316808 },
        { "2026-11-21T13:06:48-14:00", 1795316808 },
        { "2026-11-22T17:05:48+13:59", 1795316808 },

        /* leap days */

        { "2000-02-29T00:00:00Z", 951782400 },
        { "2024-02-29T23:59:59Z", 1709251199 },

        /* the ends of the four digits of a year */

        { "0001-01-01T00:00:00Z", -62135596800 },
        { "0001-01-01T00:00:00+14:00", -62135647200 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "9999-12-31T23:59:59-14:00", 253402351199 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!parse(table[i].text, &sec) || sec != table[i].sec) {
            fail_msg("%s is not %lld", table[i].text,
                     (long long) table[i].sec);
        }
    }
}


static void
no_instants(void **state)
{
    size_t   i;
    int64_t  sec;

    static const char *const  table[] = {
        "", "Z", "2026", "2026-02", "2026-02-01", "2026-02-01T",
        "2026-02-01T10:15Z", "2026-02-01T10:15+01:00",

        /* no zone, or none that is one */

        "2026-02-01T10:15:00", "2026-02-01T10:15:00.5",
        "2026-02-01T10:15:00z", "2026-02-01T10:15:00ZZ",
        "2026-02-01T10:15:00 Z", "2026-02-01T10:15:00+01",
        "2026-02-01T10:15:00+0100", "2026-02-01T10:15:00+1:00",
        "2026-02-01T10:15:00+01:0", "2026-02-01T10:15:00+01:000",
        "2026-02-01T10:15:00+01:60", "2026-02-01T10:15:00+14:01",
        "2026-02-01T10:15:00-14:30", "2026-02-01T10:15:00+15:00",
        "2026-02-01T10:15:00+24:00", "2026-02-01T10:15:0001:00",
        "2026-02-01T10:15:00+0a:00", "2026-02-01T10:15:00+01:0a",
        "2026-02-01T10:15:00+-1:00", "2026-02-01T10:15:00+01:00Z",
        "2026-02-01T10:15:00[Europe/Paris]",

        /* no such time of day */

        "2026-02-01T24:00:00Z", "2026-02-01T25:00:00Z",
        "2026-02-01T10:60:00Z", "2026-02-01T10:15:60Z",
        "2016-12-31T23:59:60Z", "2026-02-01T10:15:61Z",
        "2026-02-01T1a:15:00Z", "2026-02-01T10:1a:00Z",
        "2026-02-01T10:15:0aZ", "2026-02-01T-1:15:00Z",
        "2026-02-01T10:15:+0Z", "2026-02-01T 9:15:00Z",

        /* no such day */

        "2026-02-29T10:15:00Z", "2100-02-29T10:15:00Z",
        "2026-04-31T10:15:00Z", "2026-13-01T10:15:00Z",
        "2026-00-01T10:15:00Z", "2026-01-00T10:15:00Z",
        "0000-01-01T10:15:00Z", "-026-02-01T10:15:00Z",
        "12026-02-01T10:15:00Z",

        /* no such form */

        "2026-02-01 10:15:00Z", "2026-02-01t10:15:00Z",
        "20260201T101500Z....", "2026-02-01T10.15.00Z",
        "2026-02-01T10:15.00Z", "2026-02-01T10:15:00.Z",
        "2026-02-01T10:15:00.+01:00", "2026-02-01T10:15:00,5Z",
        "2026-02-01T10:15:00.5.5Z", "2026-02-01T10:15:00.aZ",
        " 2026-02-01T10:15:00Z", "2026-02-01T10:15:00Z ",
        "2026-02-01T10:15:00Z\n"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (parse(table[i], &sec)) {
            fail_msg("%s is an instant", table[i]);
        }
    }

    assert_false(dmp_instant_parse(dmp_null_string, &sec));
    assert_false(dmp_instant_parse(dmp_string("2026-02-01T10:15:00Z\0"),
                                   &sec));
}


/* The day of a deposit is that of the clock in Paris, and not the writer's. */
static void
days_of_instants(void **state)
{
    size_t   i;
    int64_t  sec;

    static const struct {
        const char  *text;
        const char  *day;
    } table[] = {
        { "2026-01-15T23:59:59+01:00", "2026-01-15" },
        { "2026-01-16T00:00:00+01:00", "2026-01-16" },
        { "2026-07-15T23:30:00+01:00", "2026-07-16" },
        { "2026-07-15T23:59:59+02:00", "2026-07-15" },

        /* the nights of the two changes, in 2026 */

        { "2026-03-28T23:00:00Z", "2026-03-29" },
        { "2026-03-29T21:59:59Z", "2026-03-29" },
        { "2026-03-29T22:00:00Z", "2026-03-30" },
        { "2026-10-24T22:00:00Z", "2026-10-25" },
        { "2026-10-25T22:59:59Z", "2026-10-25" },
        { "2026-10-25T23:00:00Z", "2026-10-26" },

        /* overseas */

        { "2026-01-01T00:30:00+11:00", "2025-12-31" },
        { "2025-12-31T19:30:00-04:00", "2026-01-01" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_true(parse(table[i].text, &sec));

        if (dmp_day_paris(sec) != day(table[i].day)) {
            fail_msg("%s is not on %s", table[i].text, table[i].day);
        }
    }
}


static void
months_added(void **state)
{
    size_t  i;

    static const struct {
        const char  *from;
        unsigned     months;
        const char  *to;
    } table[] = {
        { "2026-02-01", 0, "2026-02-01" },
        { "2026-02-01", 1, "2026-03-01" },
        { "2026-12-15", 1, "2027-01-15" },
        { "2026-11-30", 1, "2026-12-30" },
        { "2026-12-31", 12, "2027-12-31" },
        { "2026-12-01", 13, "2028-01-01" },
        { "1969-12-31", 1, "1970-01-31" },

        /* the last day of a shorter month */

        { "2026-01-31", 1, "2026-02-28" },
        { "2026-01-29", 1, "2026-02-28" },
        { "2026-01-28", 1, "2026-02-28" },
        { "2024-01-31", 1, "2024-02-29" },
        { "2024-01-30", 1, "2024-02-29" },
        { "2024-01-29", 1, "2024-02-29" },
        { "2023-12-31", 2, "2024-02-29" },
        { "2024-02-29", 1, "2024-03-29" },
        { "2024-02-29", 12, "2025-02-28" },
        { "2024-02-29", 48, "2028-02-29" },
        { "2096-02-29", 48, "2100-02-28" },
        { "1999-12-31", 2, "2000-02-29" },
        { "2026-03-31", 1, "2026-04-30" },
        { "2026-08-31", 6, "2027-02-28" },
        { "2026-10-31", 1, "2026-11-30" },

        { "0001-01-01", 12, "0002-01-01" },
        { "9998-12-31", 12, "9999-12-31" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (dmp_day_add_months(day(table[i].from), table[i].months)
            != day(table[i].to))
        {
            fail_msg("%s and %u months is not %s", table[i].from,
                     table[i].months, table[i].to);
        }
    }
}


/* Never earlier for more months or a later day, never a day too far. */
static void
months_go_on(void **state)
{
    int32_t   n, from, last;
    unsigned  months;

    (void) state;

    for (from = day("2023-12-01"); from < day("2025-02-01"); from++) {
        last = from;

        for (months = 1; months < 30; months++) {
            n = dmp_day_add_months(from, months);
            assert_true(n - last >= 28 && n - last <= 31);
            assert_true(n >= dmp_day_add_months(from - 1, months));
            last = n;
        }
    }

    assert_int_equal(dmp_day_add_months(INT32_MAX, 0), INT32_MAX);
    assert_int_equal(dmp_day_add_months(INT32_MAX, 1), INT32_MAX);
    assert_int_equal(dmp_day_add_months(INT32_MAX, UINT32_MAX), INT32_MAX);
    assert_int_equal(dmp_day_add_months(INT32_MIN, 0), INT32_MIN);
    assert_true(dmp_day_add_months(INT32_MIN, 1) > INT32_MIN);
    assert_int_equal(dmp_day_add_months(0, UINT32_MAX), INT32_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(instants),
        cmocka_unit_test(no_instants),
        cmocka_unit_test(days_of_instants),
        cmocka_unit_test(months_added),
        cmocka_unit_test(months_go_on)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
