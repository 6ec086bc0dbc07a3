/*
 * test_scan.c: the scanner: what it accepts, each of its refusals, and the
 * use of its cursor.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_scan.h>


/*
 * In memory of exactly its size, so that a byte read too far is seen by
 * AddressSanitizer, and behind 0 to 15 spaces, so that each byte is met at
 * each place of a block.
 */
static dmp_scan_error_t
scan_at(dmp_str_t text, size_t spaces, size_t *offset)
{
    char              *copy;
    size_t             len;
    dmp_scan_t         s;
    dmp_scan_error_t   error;

    len = spaces + text.len;
    copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);

    memset(copy, ' ', spaces);
    memcpy(copy + spaces, text.data, text.len);

    dmp_scan_init(&s, copy, len);
    assert_true((dmp_scan_skip(&s, NULL) && dmp_scan_end(&s))
                == (s.error == DMP_SCAN_OK));

    error = s.error;
    *offset = dmp_scan_offset(&s) - spaces;

    free(copy);

    return error;
}


static void
check(dmp_str_t text, dmp_scan_error_t want, size_t where)
{
    size_t            spaces, offset;
    dmp_scan_error_t  error;

    for (spaces = 0; spaces < 16; spaces++) {
        error = scan_at(text, spaces, &offset);

        if (error != want || offset != where) {
            fail_msg("\"%.*s\" after %zu spaces: \"%s\" at %zu, not \"%s\" at "
                     "%zu", (int) text.len, text.data, spaces,
                     dmp_scan_strerror(error), offset,
                     dmp_scan_strerror(want), where);
        }
    }
}


#define accepted(text)                                                        \
    check(dmp_string(text), DMP_SCAN_OK, sizeof(text) - 1)
#define refused(text, error, where)                                           \
    check(dmp_string(text), DMP_SCAN_##error, where)


static void
accepts_rfc_8259(void **state)
{
    (void) state;

    accepted("{}");
    accepted("[]");
    accepted(" \t\r\n[ \t\r\n] \t\r\n");
    accepted("true");
    accepted("false");
    accepted("null");
    accepted("\"\"");
    accepted("\"a\"");
    accepted("{\"a\":1,\"b\":[true,false,null,{}],\"\":\"\"}");
    accepted("{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }");
    accepted("[[],[[]],{\"a\":{\"a\":{\"a\":[]}}}]");
    accepted("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uFFFF\\ud83d\\ude00\"");
    accepted("\"\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\"");
    accepted("\"0123456789abcdef0123456789abcdef\"");
    accepted("\"\\u0001\\uD7FF\\uE000\\uDBFF\\uDFFF\"");
}


static void
accepts_numbers(void **state)
{
    (void) state;

    accepted("0");
    accepted("-0");
    accepted("-0.0e-0");
    accepted("1234567890123456789012345678901234567890");
    accepted("1e400");
    accepted("1E+2");
    accepted("-1.5e-10");
    accepted("[0,1.0,2]");

    refused("-", TRUNCATED, 1);
    refused("+1", SYNTAX, 0);
    refused("01", TRAILING, 1);
    refused("-01", TRAILING, 2);
    refused("[01]", SYNTAX, 2);
    refused("1.", TRUNCATED, 2);
    refused("[1.]", SYNTAX, 3);
    refused(".5", SYNTAX, 0);
    refused("-.5", SYNTAX, 1);
    refused("1e", TRUNCATED, 2);
    refused("1e+", TRUNCATED, 3);
    refused("[1e]", SYNTAX, 3);
    refused("1.e1", SYNTAX, 2);
    refused("1e1.5", TRAILING, 3);
    refused("0x10", TRAILING, 1);
    refused("- 1", SYNTAX, 1);
    refused("1 2", TRAILING, 2);
    refused("NaN", SYNTAX, 0);
    refused("Infinity", SYNTAX, 0);
    refused("-Infinity", SYNTAX, 1);
}


static void
refuses_bad_syntax(void **state)
{
    (void) state;

    refused("[1,]", SYNTAX, 3);
    refused("[,1]", SYNTAX, 1);
    refused("[,]", SYNTAX, 1);
    refused("[1,,2]", SYNTAX, 3);
    refused("[1 2]", SYNTAX, 3);
    refused("[\"a\"\"b\"]", SYNTAX, 4);
    refused("[1}", SYNTAX, 2);
    refused("{]", SYNTAX, 1);
    refused("]", SYNTAX, 0);
    refused("}", SYNTAX, 0);
    refused(",", SYNTAX, 0);
    refused(":", SYNTAX, 0);
    refused("{,}", SYNTAX, 1);
    refused("{\"a\":1,}", SYNTAX, 7);
    refused("{\"a\":1,,\"b\":1}", SYNTAX, 7);
    refused("{\"a\" 1}", SYNTAX, 5);
    refused("{\"a\"::1}", SYNTAX, 5);
    refused("{\"a\",1}", SYNTAX, 4);
    refused("{\"a\":}", SYNTAX, 5);
    refused("{\"a\"}", SYNTAX, 4);
    refused("{\"a\":1 \"b\":1}", SYNTAX, 7);
    refused("{a:1}", SYNTAX, 1);
    refused("{'a':1}", SYNTAX, 1);
    refused("{1:1}", SYNTAX, 1);
    refused("{null:1}", SYNTAX, 1);
    refused("True", SYNTAX, 0);
    refused("trve", SYNTAX, 2);
    refused("nul1", SYNTAX, 3);
    refused("truex", TRAILING, 4);
    refused("[truefalse]", SYNTAX, 5);
    refused("/**/1", SYNTAX, 0);
    refused("[1//\n]", SYNTAX, 2);
    refused("\x0b" "1", SYNTAX, 0);
    refused("\x0c" "1", SYNTAX, 0);
    refused("\xc2\xa0" "1", SYNTAX, 0);
    refused("\xef\xbb\xbf{}", SYNTAX, 0);        /* a byte order mark */
    refused("[\0]", SYNTAX, 1);
    refused("\0", SYNTAX, 0);
    refused("[\0\0\0\0]", SYNTAX, 1);            /* UTF-32 */
    refused("{}\0", TRAILING, 2);                /* jansson accepts this */
    refused("{}\0{", TRAILING, 2);
    refused("{\"a\":1\0}", SYNTAX, 6);            /* and this */
}


static void
refuses_what_is_cut_off(void **state)
{
    size_t            i, spaces, offset;
    dmp_scan_error_t  error;

    static const dmp_str_t  whole = dmp_string(
        "{ \"a\" : [ true , null , -1.5e+7 , \"\\u00e9\\ud83d\\ude00\\n"
        "0123456789abcdef0123456789abcdef\" ] , \"b\" : { } }");

    (void) state;

    refused("", TRUNCATED, 0);
    refused(" ", TRUNCATED, 1);
    refused("\"\\ud83d", TRUNCATED, 7);
    refused("\"\\ud83d\\", TRUNCATED, 7);
    refused("\"\\ud83d\\u", TRUNCATED, 9);

    for (i = 0; i < whole.len; i++) {
        for (spaces = 0; spaces < 16; spaces++) {
            error = scan_at((dmp_str_t) { whole.data, i }, spaces, &offset);

            if (error != DMP_SCAN_TRUNCATED) {
                fail_msg("cut at %zu: %s", i, dmp_scan_strerror(error));
            }
        }
    }

    check(whole, DMP_SCAN_OK, whole.len);
}


static void
refuses_bad_strings(void **state)
{
    (void) state;

    refused("\"a\nb\"", SYNTAX, 2);
    refused("\"\t\"", SYNTAX, 1);
    refused("\"\x1f\"", SYNTAX, 1);
    refused("\"\0\"", SYNTAX, 1);
    refused("\"\\x41\"", SYNTAX, 3);
    refused("\"\\'\"", SYNTAX, 3);
    refused("\"\\0\"", SYNTAX, 3);
    refused("\"\\U0041\"", SYNTAX, 3);
    refused("\"\\u00g0\"", SYNTAX, 5);
    refused("\"\\u 041\"", SYNTAX, 3);
    refused("\"\\u-041\"", SYNTAX, 3);
    refused("\"\\u004\"", SYNTAX, 6);
    refused("\"\\\n\"", SYNTAX, 3);
    refused("\"abc", TRUNCATED, 4);
    refused("\"abc\\\"", TRUNCATED, 6);
    refused("'a'", SYNTAX, 0);

    /* the control character as last of a block, first, and far */

    refused("\"0123456789abcd\x01\"", SYNTAX, 15);
    refused("\"0123456789abcdef0123456789abcdef\x1e\"", SYNTAX, 33);
}


static void
refuses_bad_encoding(void **state)
{
    (void) state;

    refused("\"\\u0000\"", ENCODING, 7);
    refused("\"\\ud800\"", ENCODING, 7);
    refused("\"\\udc00\"", ENCODING, 7);
    refused("\"\\ude00\\ud83d\"", ENCODING, 7);
    refused("\"\\ud83dx\"", ENCODING, 7);
    refused("\"\\ud83d\\n\"", ENCODING, 7);
    refused("\"\\ud83d\\u0041\"", ENCODING, 13);
    refused("\"\\ud83d\\ud83d\"", ENCODING, 13);
    refused("\"\\ud83d\\u00g0\"", SYNTAX, 11);

    refused("\"\x80\"", ENCODING, 1);
    refused("\"\xbf\"", ENCODING, 1);
    refused("\"\xc0\x80\"", ENCODING, 1);            /* overlong */
    refused("\"\xc1\xbf\"", ENCODING, 1);
    refused("\"\xe0\x9f\xbf\"", ENCODING, 1);
    refused("\"\xf0\x8f\xbf\xbf\"", ENCODING, 1);
    refused("\"\xed\xa0\x80\"", ENCODING, 1);        /* surrogates */
    refused("\"\xed\xbf\xbf\"", ENCODING, 1);
    refused("\"\xf4\x90\x80\x80\"", ENCODING, 1);    /* above U+10FFFF */
    refused("\"\xf5\x80\x80\x80\"", ENCODING, 1);
    refused("\"\xfe\"", ENCODING, 1);
    refused("\"\xff\"", ENCODING, 1);
    refused("\"\xc3\"", ENCODING, 1);                /* cut off by the quote */
    refused("\"\xe2\x82\"", ENCODING, 1);
    refused("\"\xf0\x9f\x98\"", ENCODING, 1);
    refused("\"\xc3\xa9\xa9\"", ENCODING, 3);        /* one too many */
    refused("\"\xe9t\xe9\"", ENCODING, 1);           /* Latin-1 */
    refused("\"\xc3", ENCODING, 1);
    refused("{\"\xff\":1}", ENCODING, 2);
    refused("\xff", SYNTAX, 0);
}


/* Every sequence of two to four bytes from a set of edges, at each place. */
static void
utf8_in_blocks_is_utf8(void **state)
{
    char                  text[40];
    size_t                at, i, n, len;
    dmp_scan_t            s;
    const unsigned char  *p, *end;

    static const unsigned char  edges[] = {
        'a', '"', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
        0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff
    };

    (void) state;

    for (n = 0; n < 16u * 24 * 24 * 24 * 24; n++) {
        at = 1 + n / (24 * 24 * 24 * 24);
        memset(text, 'x', sizeof(text));
        text[0] = '"';

        text[at] = (char) edges[n / 1 % 24];
        text[at + 1] = (char) edges[n / 24 % 24];
        text[at + 2] = (char) edges[n / 576 % 24];
        text[at + 3] = (char) edges[n / 13824 % 24];
        text[sizeof(text) - 1] = '"';

        /* up to the first quote, by the plain function */

        p = (const unsigned char *) text + 1;
        end = (const unsigned char *) text + sizeof(text);

        while (*p != '"') {
            len = dmp_utf8_length(p, end);

            if (len == 0) {
                break;
            }

            p += len;
        }

        dmp_scan_init(&s, text, (size_t) (end - (unsigned char *) text));
        (void) dmp_scan_skip(&s, NULL);

        i = (size_t) (p - (const unsigned char *) text);

        if (s.error != (*p == '"' ? DMP_SCAN_OK : DMP_SCAN_ENCODING)
            || dmp_scan_offset(&s) != i + (*p == '"'))
        {
            fail_msg("%02x %02x %02x %02x at %zu: %s", text[at] & 0xff,
                     text[at + 1] & 0xff, text[at + 2] & 0xff,
                     text[at + 3] & 0xff, at, dmp_scan_strerror(s.error));
        }
    }
}


static void
refuses_names(void **state)
{
    (void) state;

    refused("{\"a\":1,\"a\":1}", DUPLICATE, 7);
    refused("{\"\":1,\"\":1}", DUPLICATE, 6);
    refused("[{\"a\":{\"b\":1,\"c\":[{}],\"b\":1}}]", DUPLICATE, 22);
    refused("{\"0123456789abcdefX0123456789\":1,"
            "\"0123456789abcdefX0123456789\":1}", DUPLICATE, 33);
    refused("{\"\\u0061\":1}", ESCAPED_NAME, 1);
    refused("{\"a\":1,\"\\u0061\":1}", ESCAPED_NAME, 7);
    refused("{\"a\\/b\":1}", ESCAPED_NAME, 1);

    /* the same name in another object, or another name with both ends */

    accepted("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}");
    accepted("{\"0123456789abcdefX0123456789\":1,"
             "\"0123456789abcdefY0123456789\":1}");
    accepted("{\"a\":1,\"A\":1,\"aa\":1,\"\xc3\xa9\":1,\"e\xcc\x81\":1}");
}


/* n names "0", "7", "14", …, and then "twice" of them again, if below n. */
static dmp_scan_error_t
many_names(size_t n, size_t twice, size_t *offset)
{
    char              *text;
    size_t             i, len;
    dmp_scan_error_t   error;

    text = malloc(n * 32 + 64);
    assert_non_null(text);

    len = (size_t) sprintf(text, "{\"first\":{");

    for (i = 0; i < n; i++) {
        len += (size_t) sprintf(text + len, "%s\"%zu\":[{\"%zu\":0}]",
                                i != 0 ? "," : "", i * 7 % 10007, i);
    }

    if (twice < n) {
        len += (size_t) sprintf(text + len, ",\"%zu\":0", twice * 7 % 10007);
    }

    len += (size_t) sprintf(text + len, "}}");

    error = scan_at((dmp_str_t) { text, len }, 0, offset);
    free(text);

    return error;
}


static void
finds_duplicates_among_many(void **state)
{
    size_t  n, i, offset;

    (void) state;

    for (n = 1; n < 300; n += n < 70 ? 1 : 13) {
        assert_int_equal(many_names(n, n, &offset), DMP_SCAN_OK);

        for (i = 0; i < n; i++) {
            assert_int_equal(many_names(n, i, &offset), DMP_SCAN_DUPLICATE);
        }
    }

    /* "first", 1022 others and one in the innermost: the limit */

    assert_int_equal(many_names(1022, 1022, &offset), DMP_SCAN_OK);
    assert_int_equal(many_names(1023, 1023, &offset),
                     DMP_SCAN_TOO_MANY_NAMES);
    assert_int_equal(many_names(1022, 1021, &offset), DMP_SCAN_DUPLICATE);
    assert_int_equal(many_names(1000000, 1000000, &offset),
                     DMP_SCAN_TOO_MANY_NAMES);
    assert_true(offset < 32 * 1024);
}


static void
limits_depth(void **state)
{
    char    text[400];
    size_t  i, depth, len, offset;

    (void) state;

    for (depth = 1; depth <= 66; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);

        assert_int_equal(scan_at((dmp_str_t) { text, 2 * depth }, 0, &offset),
                         depth <= 64 ? DMP_SCAN_OK : DMP_SCAN_TOO_DEEP);

        len = 0;

        for (i = 0; i < depth; i++) {
            memcpy(text + len, i % 2 ? "[" : "{\"\":", i % 2 ? 1 : 4);
            len += i % 2 ? 1 : 4;
        }

        text[len++] = '1';

        for (i = depth; i > 0; i--) {
            text[len++] = (i - 1) % 2 ? ']' : '}';
        }

        assert_int_equal(scan_at((dmp_str_t) { text, len }, 0, &offset),
                         depth <= 64 ? DMP_SCAN_OK : DMP_SCAN_TOO_DEEP);
    }

    /* the same place again and again is not deep */

    accepted("[[],[],[],[[],[]],{},{},{\"a\":{},\"b\":[]}]");
}


static void
walks(void **state)
{
    bool               b;
    uint64_t           n;
    dmp_str_t          name, range;
    dmp_scan_t         s;
    dmp_scan_string_t  text;

    static const char  json[] =
        " { \"s\" : \"x\\ny\" , \"n\" : 12 , \"t\" : true , \"f\":false,"
        "\"z\" : null, \"a\" : [ 1.5 , [ ] ], \"o\" : { \"p\" : { } } } ";

    (void) state;

    dmp_scan_init(&s, json, sizeof(json) - 1);

    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_OBJECT);
    assert_true(dmp_scan_object(&s));

    assert_true(dmp_scan_member(&s, &name));
    assert_true(dmp_str_eq(name, dmp_string("s")));
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_STRING);
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_STRING);
    assert_true(dmp_scan_string(&s, &text));
    assert_true(text.escaped);
    assert_true(dmp_str_eq(text.raw, dmp_string("x\\ny")));
    assert_true(dmp_scan_string_eq(&text, dmp_string("x\ny")));

    assert_true(dmp_scan_member(&s, &name));
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_NUMBER);
    assert_true(dmp_scan_uint(&s, &n));
    assert_int_equal(n, 12);

    assert_true(dmp_scan_member(&s, &name));
    assert_true(dmp_scan_bool(&s, &b));
    assert_true(b);

    assert_true(dmp_scan_member(&s, &name));
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_FALSE);
    assert_true(dmp_scan_bool(&s, &b));
    assert_false(b);

    assert_true(dmp_scan_member(&s, &name));
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_NULL);
    assert_true(dmp_scan_skip(&s, &range));
    assert_true(dmp_str_eq(range, dmp_string("null")));

    assert_true(dmp_scan_member(&s, &name));
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_ARRAY);
    assert_true(dmp_scan_array(&s));
    assert_true(dmp_scan_element(&s));
    assert_true(dmp_scan_number(&s, &range));
    assert_true(dmp_str_eq(range, dmp_string("1.5")));
    assert_true(dmp_scan_element(&s));
    assert_true(dmp_scan_array(&s));
    assert_false(dmp_scan_element(&s));
    assert_false(dmp_scan_element(&s));

    assert_true(dmp_scan_member(&s, &name));
    assert_true(dmp_str_eq(name, dmp_string("o")));
    assert_true(dmp_scan_skip(&s, &range));
    assert_true(dmp_str_eq(range, dmp_string("{ \"p\" : { } }")));

    assert_false(dmp_scan_member(&s, &name));
    assert_int_equal(s.error, DMP_SCAN_OK);
    assert_true(dmp_scan_end(&s));
    assert_int_equal(dmp_scan_offset(&s), sizeof(json) - 1);
    assert_int_equal(dmp_scan_rc(&s), DMP_OK);
}


/* Misuse is refused, not obeyed: a missing comma must not go unseen. */
static void
refuses_misuse(void **state)
{
    bool               b;
    uint64_t           n;
    dmp_str_t          name;
    dmp_scan_t         s;
    dmp_scan_string_t  text;

    (void) state;

    dmp_scan_init(&s, "[\"a\"\"b\"]", 8);
    assert_true(dmp_scan_array(&s));
    assert_true(dmp_scan_element(&s));
    assert_true(dmp_scan_string(&s, &text));
    assert_false(dmp_scan_string(&s, &text));
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);

    dmp_scan_init(&s, "[1,2]", 5);
    assert_true(dmp_scan_array(&s));
    assert_true(dmp_scan_element(&s));
    assert_false(dmp_scan_element(&s));          /* the value is still there */
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);

    dmp_scan_init(&s, "[1]", 3);
    assert_true(dmp_scan_array(&s));
    assert_false(dmp_scan_member(&s, &name));    /* not an object */
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);

    dmp_scan_init(&s, "{}", 2);
    assert_false(dmp_scan_member(&s, &name));    /* not entered */
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);

    dmp_scan_init(&s, "{}", 2);
    assert_false(dmp_scan_end(&s));              /* not read */

    dmp_scan_init(&s, "[1]", 3);
    assert_true(dmp_scan_array(&s));
    assert_false(dmp_scan_end(&s));              /* not finished */

    dmp_scan_init(&s, "1 2", 3);
    assert_true(dmp_scan_skip(&s, NULL));
    assert_false(dmp_scan_skip(&s, NULL));       /* one value is a text */

    dmp_scan_init(&s, "null", 4);
    assert_false(dmp_scan_string(&s, &text));
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);
    assert_false(dmp_scan_skip(&s, NULL));       /* the error stays */
    assert_int_equal(dmp_scan_peek(&s), DMP_SCAN_NONE);
    assert_false(dmp_scan_object(&s));
    assert_false(dmp_scan_array(&s));
    assert_false(dmp_scan_member(&s, &name));
    assert_false(dmp_scan_element(&s));
    assert_false(dmp_scan_bool(&s, &b));
    assert_false(dmp_scan_uint(&s, &n));
    assert_false(dmp_scan_end(&s));
    assert_int_equal(s.error, DMP_SCAN_UNEXPECTED);
    assert_int_equal(dmp_scan_rc(&s), DMP_E_SYNTAX);
}


static void
unsigned_numbers(void **state)
{
    size_t      i;
    uint64_t    n;
    dmp_scan_t  s;

    static const struct {
        dmp_str_t  text;
        bool       good;
        uint64_t   n;
    } cases[] = {
        { dmp_string("0"), true, 0 },
        { dmp_string("9007199254740991"), true, 9007199254740991 },
        { dmp_string("9007199254740992"), false, 0 },
        { dmp_string("18446744073709551616"), false, 0 },
        { dmp_string("99999999999999999999999999999"), false, 0 },
        { dmp_string("-0"), false, 0 },
        { dmp_string("-1"), false, 0 },
        { dmp_string("1.0"), false, 0 },
        { dmp_string("1e0"), false, 0 },
        { dmp_string("\"1\""), false, 0 },
        { dmp_string("null"), false, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dmp_scan_init(&s, cases[i].text.data, cases[i].text.len);
        assert_int_equal(dmp_scan_uint(&s, &n), cases[i].good);
        assert_int_equal(n, cases[i].n);
        assert_int_equal(s.error, cases[i].good ? DMP_SCAN_OK
                                                : DMP_SCAN_UNEXPECTED);
    }
}


static void
decodes(void **state)
{
    char               out[64];
    size_t             i, len, size;
    dmp_scan_t         s;
    dmp_scan_string_t  text;

    static const struct {
        dmp_str_t  json;
        dmp_str_t  text;
    } cases[] = {
        { dmp_string("\"\""), dmp_string("") },
        { dmp_string("\"abc\""), dmp_string("abc") },
        { dmp_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
          dmp_string("\"\\/\b\f\n\r\t") },
        { dmp_string("\"\\u0041x\\u00e9\\u20ac\\ud83d\\ude00\""),
          dmp_string("Ax\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
        { dmp_string("\"\\uFFFF\\udbff\\udfff\""),
          dmp_string("\xef\xbf\xbf\xf4\x8f\xbf\xbf") }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dmp_scan_init(&s, cases[i].json.data, cases[i].json.len);
        assert_true(dmp_scan_string(&s, &text));

        for (size = 0; size < sizeof(out); size++) {
            assert_int_equal(dmp_scan_decode(&text, out, size, &len),
                             size >= cases[i].text.len);
            assert_int_equal(len,
                             size >= cases[i].text.len ? cases[i].text.len : 0);
            assert_memory_equal(out, cases[i].text.data, len);
        }

        assert_true(dmp_scan_string_eq(&text, cases[i].text));
        assert_false(dmp_scan_string_eq(&text, dmp_string("abd")));

        if (cases[i].text.len != 0) {
            assert_false(dmp_scan_string_eq(&text, dmp_string("")));
            assert_false(dmp_scan_string_eq(&text,
                                            (dmp_str_t) {
                                                cases[i].text.data,
                                                cases[i].text.len - 1 }));
        }
    }

    /* what the scanner never gives is refused, not read past its end */

    text.raw = dmp_string("a\\u00");
    text.escaped = true;
    assert_false(dmp_scan_decode(&text, out, sizeof(out), &len));
    assert_false(dmp_scan_string_eq(&text, dmp_string("a")));

    text.raw = dmp_null_string;
    text.escaped = false;
    assert_true(dmp_scan_decode(&text, out, sizeof(out), &len));
    assert_int_equal(len, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(accepts_rfc_8259),
        cmocka_unit_test(accepts_numbers),
        cmocka_unit_test(refuses_bad_syntax),
        cmocka_unit_test(refuses_what_is_cut_off),
        cmocka_unit_test(refuses_bad_strings),
        cmocka_unit_test(refuses_bad_encoding),
        cmocka_unit_test(utf8_in_blocks_is_utf8),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(finds_duplicates_among_many),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(walks),
        cmocka_unit_test(refuses_misuse),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(decodes)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
