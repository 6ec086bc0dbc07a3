/*
 * test_text.c: the append buffer, base64url, UTF-8, JSON strings, UUIDs, and
 * dates.
 */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp.h>


#define assert_buf(b, text)                                                   \
    do {                                                                      \
        assert_false((b)->full);                                              \
        assert_int_equal((b)->len, sizeof(text) - 1);                         \
        assert_memory_equal((b)->data, text, sizeof(text) - 1);               \
    } while (0)


static void
buffer_overflow_keeps_what_was_whole(void **state)
{
    char       data[8];
    dmp_buf_t  b;

    (void) state;

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_text(&b, "12345");
    dmp_buf_str(&b, dmp_null_string);
    dmp_buf_add(&b, NULL, 0);
    assert_buf(&b, "12345");

    dmp_buf_text(&b, "6789");
    assert_true(b.full);
    assert_int_equal(b.len, 5);

    dmp_buf_text(&b, "6");           /* would fit, but the text has a hole */
    assert_true(b.full);
    assert_int_equal(b.len, 5);

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_text(&b, "12345678");
    assert_buf(&b, "12345678");

    dmp_buf_init(&b, NULL, 0);
    dmp_buf_text(&b, "");
    assert_false(b.full);
    dmp_buf_text(&b, "1");
    assert_true(b.full);
}


static void
numbers(void **state)
{
    char       data[64];
    dmp_buf_t  b;

    (void) state;

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_uint(&b, 0);
    dmp_buf_text(&b, " ");
    dmp_buf_uint(&b, UINT64_MAX);
    dmp_buf_text(&b, " ");
    dmp_buf_uint(&b, 1000);
    assert_buf(&b, "0 18446744073709551615 1000");
}


static void
base64url(void **state)
{
    char           data[64];
    size_t         i, n;
    dmp_buf_t      b;
    unsigned char  in[32], out[32];

    static const struct {
        const char  *bytes;
        const char  *text;
    } rfc4648[] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbf", "-_-_" }
    };

    (void) state;

    for (i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
        dmp_buf_init(&b, data, sizeof(data));
        dmp_buf_base64url(&b, (const unsigned char *) rfc4648[i].bytes,
                          strlen(rfc4648[i].bytes));
        assert_int_equal(b.len, strlen(rfc4648[i].text));
        assert_memory_equal(data, rfc4648[i].text, b.len);
    }

    for (n = 0; n <= sizeof(in); n++) {
        for (i = 0; i < n; i++) {
            in[i] = (unsigned char) (i * 37 + n * 101);
        }

        dmp_buf_init(&b, data, sizeof(data));
        dmp_buf_base64url(&b, in, n);
        assert_false(b.full);

        assert_true(dmp_base64url_decode((dmp_str_t) { data, b.len }, out, n));
        assert_memory_equal(in, out, n);

        if (n > 0) {
            assert_false(dmp_base64url_decode((dmp_str_t) { data, b.len }, out,
                                              n - 1));
        }

        assert_false(dmp_base64url_decode((dmp_str_t) { data, b.len }, out,
                                          n + 1));
    }
}


static void
base64url_refuses(void **state)
{
    size_t         i;
    unsigned char  out[8];

    static const struct {
        dmp_str_t  text;
        size_t     len;
    } cases[] = {
        { dmp_string("Zg=="), 1 },           /* padding */
        { dmp_string("Zh"), 1 },             /* bits left over: not canonical */
        { dmp_string("Zm9"), 2 },
        { dmp_string("Zm9vY"), 3 },          /* no such length */
        { dmp_string("Zm9vY"), 4 },
        { dmp_string("Zm+v"), 3 },           /* the other alphabet */
        { dmp_string("Zm/v"), 3 },
        { dmp_string("Zm9v\n"), 3 },
        { dmp_string("Zm v"), 3 },
        { dmp_string("Zm\xc3\xa9"), 3 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(dmp_base64url_decode(cases[i].text, out, cases[i].len));
    }
}


/* Every sequence of up to three bytes against the definition in RFC 3629. */
static size_t
utf8_slowly(const unsigned char *p, size_t len)
{
    size_t    i, n;
    uint32_t  code;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3
        : (p[0] & 0xf8) == 0xf0 ? 4 : 0;

    if (n == 0 || n > len) {
        return 0;
    }

    code = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    return code < least[n] || code > 0x10ffff
           || (code >= 0xd800 && code <= 0xdfff) ? 0 : n;
}


static void
utf8_is_rfc_3629(void **state)
{
    size_t         len;
    uint32_t       n;
    unsigned char  p[4];

    (void) state;

    for (len = 1; len <= 3; len++) {
        for (n = 0; n < 1u << (8 * len); n++) {
            p[0] = (unsigned char) n;
            p[1] = (unsigned char) (n >> 8);
            p[2] = (unsigned char) (n >> 16);

            if (dmp_utf8_length(p, p + len) != utf8_slowly(p, len)) {
                fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
            }
        }
    }

    /* four bytes: every lead and second byte, the edges of the others */

    for (n = 0; n < 0x10000 * 16; n++) {
        static const unsigned char  edges[] = { 0x7f, 0x80, 0xbf, 0xc0 };

        p[0] = (unsigned char) (n >> 4);
        p[1] = (unsigned char) (n >> 12);
        p[2] = edges[n & 3];
        p[3] = edges[n >> 2 & 3];

        if (dmp_utf8_length(p, p + 4) != utf8_slowly(p, 4)) {
            fail_msg("%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
        }
    }

    assert_int_equal(dmp_utf8_length(p, p), 0);
}


static void
json_strings(void **state)
{
    char       data[128];
    size_t     i;
    dmp_buf_t  b;

    static const struct {
        dmp_str_t    in;
        const char  *out;
    } cases[] = {
        { { NULL, 0 }, "\"\"" },
        { dmp_string("abc"), "\"abc\"" },
        { dmp_string("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
        { dmp_string("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
        { dmp_string("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\"" },
        { dmp_string("\xc2\x9b" "31m\xc2\xa0"), "\"\\u009b31m\xc2\xa0\"" },
        { dmp_string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { dmp_string("a\xff\xc0\xaf" "b"),
          "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "b\"" },
        { dmp_string("\xed\xa0\x80"),
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { dmp_string("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dmp_buf_init(&b, data, sizeof(data));
        dmp_buf_json(&b, cases[i].in);
        assert_false(b.full);
        assert_int_equal(b.len, strlen(cases[i].out));
        assert_memory_equal(data, cases[i].out, b.len);

        /* one byte less and it says so */

        dmp_buf_init(&b, data, b.len - 1);
        dmp_buf_json(&b, cases[i].in);
        assert_true(b.full);
    }
}


static void
uuid_version_7(void **state)
{
    char  out[DMP_UUID_LEN];

    (void) state;

    /* the example of RFC 9562, A.6 */

    dmp_uuid7(out, 0x017f22e279b0,
              (const unsigned char *) "\x0c\xc3\x18\xc4\xdc\x0c\x0c\x07\x39"
                                      "\x8f");
    assert_memory_equal(out, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
                        DMP_UUID_LEN);

    dmp_uuid7(out, 0, (const unsigned char *) "\xff\xff\xff\xff\xff\xff\xff"
                                              "\xff\xff\xff");
    assert_memory_equal(out, "00000000-0000-7fff-bfff-ffffffffffff",
                        DMP_UUID_LEN);
}


static void
times(void **state)
{
    char       data[32];
    size_t     i;
    dmp_buf_t  b;

    static const struct {
        int64_t      ms;
        const char  *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 1795316808123, "2026-11-22T03:06:48.123Z" },
        { 4107542399999, "2100-02-28T23:59:59.999Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { -62167219200000, "0000-01-01T00:00:00.000Z" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dmp_buf_init(&b, data, sizeof(data));
        dmp_buf_time(&b, cases[i].ms);
        assert_false(b.full);
        assert_int_equal(b.len, 24);
        assert_memory_equal(data, cases[i].text, 24);
    }

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_time(&b, 253402300800000);
    assert_true(b.full);

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_time(&b, INT64_MIN);
    assert_true(b.full);

    dmp_buf_init(&b, data, sizeof(data));
    dmp_buf_time(&b, INT64_MAX);
    assert_true(b.full);
}


static int32_t
day(const char *text)
{
    int32_t  n;

    assert_true(dmp_day_parse((dmp_str_t) { text, strlen(text) }, &n));

    return n;
}


static void
days_in_paris(void **state)
{
    int64_t  midnight;

    (void) state;

    /* winter: the day begins at 23:00 UTC; summer: at 22:00 */

    midnight = (int64_t) day("2026-01-15") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 3601), day("2026-01-14"));
    assert_int_equal(dmp_day_paris(midnight - 3600), day("2026-01-15"));

    midnight = (int64_t) day("2026-07-15") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 7201), day("2026-07-14"));
    assert_int_equal(dmp_day_paris(midnight - 7200), day("2026-07-15"));

    /* the evenings of the two changes, 2026: 29 March and 25 October */

    midnight = (int64_t) day("2026-03-29") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 3601), day("2026-03-28"));
    assert_int_equal(dmp_day_paris(midnight - 3600), day("2026-03-29"));
    assert_int_equal(dmp_day_paris(midnight + 86400 - 7201),
                     day("2026-03-29"));
    assert_int_equal(dmp_day_paris(midnight + 86400 - 7200),
                     day("2026-03-30"));

    midnight = (int64_t) day("2026-10-25") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 7200), day("2026-10-25"));
    assert_int_equal(dmp_day_paris(midnight + 86400 - 3601),
                     day("2026-10-25"));
    assert_int_equal(dmp_day_paris(midnight + 86400 - 3600),
                     day("2026-10-26"));

    /* a month whose last day is the Sunday, and the end of the year */

    midnight = (int64_t) day("2024-03-31") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 3600), day("2024-03-31"));
    assert_int_equal(dmp_day_paris(midnight + 86400 - 7200),
                     day("2024-04-01"));

    midnight = (int64_t) day("2027-01-01") * 86400;
    assert_int_equal(dmp_day_paris(midnight - 3600), day("2027-01-01"));
    assert_int_equal(dmp_day_paris(midnight - 3601), day("2026-12-31"));

    assert_int_equal(dmp_day_paris(INT64_MAX), INT32_MAX);
    assert_int_equal(dmp_day_paris(INT64_MIN), INT32_MIN);
}


static void
days_parsed(void **state)
{
    int32_t  n;
    size_t   i;

    static const dmp_str_t  bad[] = {
        dmp_string(""), dmp_string("2026-02-29"), dmp_string("2100-02-29"),
        dmp_string("2026-00-01"), dmp_string("2026-13-01"),
        dmp_string("2026-04-31"), dmp_string("2026-04-00"),
        dmp_string("0000-01-01"), dmp_string("2026-2-01"),
        dmp_string("2026-02-1"), dmp_string("2026/02/01"),
        dmp_string("20260201"), dmp_string("2026-02-01T"),
        dmp_string("2026-02-0a"), dmp_string("-026-02-01"),
        dmp_string("+026-02-01"), dmp_string("2026-02- 1")
    };

    (void) state;

    assert_int_equal(day("1970-01-01"), 0);
    assert_int_equal(day("1969-12-31"), -1);
    assert_int_equal(day("2000-02-29"), 11016);
    assert_int_equal(day("2026-11-22"), 20779);
    assert_int_equal(day("9999-12-31"), 2932896);
    assert_int_equal(day("0001-01-01"), -719162);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(dmp_day_parse(bad[i], &n));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(buffer_overflow_keeps_what_was_whole),
        cmocka_unit_test(numbers),
        cmocka_unit_test(base64url),
        cmocka_unit_test(base64url_refuses),
        cmocka_unit_test(utf8_is_rfc_3629),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(uuid_version_7),
        cmocka_unit_test(times),
        cmocka_unit_test(days_in_paris),
        cmocka_unit_test(days_parsed)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
