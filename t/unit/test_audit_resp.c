/*
 * test_audit_resp.c: the store's answers, item by item, however they come in
 * pieces; what is too long; what is no answer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/audit_resp.h"


typedef struct {
    const char  *data;
    size_t       len;
    size_t       piece;                  /* bytes at a time */
    ssize_t      end;                    /* what is said at the end */
} source_t;

static source_t      source;
static audit_resp_t  resp;
static audit_item_t  item;


static ssize_t
give(void *data, char *out, size_t size)
{
    size_t     n;
    source_t  *s;

    s = data;

    if (s->len == 0) {
        return s->end;
    }

    assert_true(size > 0);
    n = s->piece < s->len ? s->piece : s->len;
    n = n < size ? n : size;
    memcpy(out, s->data, n);
    s->data += n;
    s->len -= n;

    return (ssize_t) n;
}


static void
begin(const char *data, size_t len, size_t piece)
{
    source = (source_t) { data, len, piece, 0 };
    assert_true(audit_resp_init(&resp, give, &source));
}


/* All of it stands in the buffer, behind an item that was taken. */
static void
begin_read(const char *text)
{
    static char  answer[AUDIT_BULK_MAX + 512];

    (void) snprintf(answer, sizeof(answer), ":7\r\n%s", text);
    begin(answer, strlen(answer), sizeof(answer));
    assert_true(audit_resp_next(&resp, &item));
    assert_int_equal(item.number, 7);
}


static dmp_str_t
text_of(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static void
next(audit_item_type_t type, int64_t number, const char *text)
{
    assert_true(audit_resp_next(&resp, &item));
    assert_int_equal(item.type, type);
    assert_int_equal(item.number, number);
    assert_false(item.skipped);
    assert_int_equal(item.text.len, text != NULL ? strlen(text) : 0);

    if (text != NULL && text[0] != '\0') {
        assert_memory_equal(item.text.data, text, item.text.len);
    }
}


static void
test_items(void **state)
{
    size_t             piece;
    static const char  answer[] =
        "*3\r\n$3\r\na\r\n\r\n*2\r\n:17\r\n:-5\r\n$0\r\n\r\n+OK\r\n"
        "-ERR no\r\n$-1\r\n*-1\r\n*0\r\n";

    (void) state;

    for (piece = 1; piece < sizeof(answer); piece++) {
        begin(answer, sizeof(answer) - 1, piece);
        next(AUDIT_ITEM_ARRAY, 3, NULL);
        next(AUDIT_ITEM_BULK, 3, "a\r\n");
        next(AUDIT_ITEM_ARRAY, 2, NULL);
        next(AUDIT_ITEM_INTEGER, 17, NULL);
        next(AUDIT_ITEM_INTEGER, -5, NULL);
        next(AUDIT_ITEM_BULK, 0, "");
        next(AUDIT_ITEM_STATUS, 0, "OK");
        next(AUDIT_ITEM_ERROR, 0, "ERR no");
        next(AUDIT_ITEM_NIL, -1, NULL);
        next(AUDIT_ITEM_NIL, -1, NULL);
        next(AUDIT_ITEM_ARRAY, 0, NULL);
        assert_false(audit_resp_next(&resp, &item));
        assert_int_equal(item.type, AUDIT_ITEM_NONE);
        assert_string_equal(resp.why, "the connection was closed");
        audit_resp_free(&resp);
    }
}


/* One that is as long as may be is given, one byte more is passed over. */
static void
test_long(void **state)
{
    char    *answer;
    size_t   n, i, piece;

    (void) state;

    answer = malloc(12 * (AUDIT_BULK_MAX + 64));
    assert_non_null(answer);

    for (piece = 1000; piece <= 1000000; piece *= 1000) {
        n = 0;

        for (i = 0; i < 10; i++) {
            n += (size_t) sprintf(answer + n, "$%zu\r\n",
                                  (size_t) AUDIT_BULK_MAX + i % 2);
            memset(answer + n, 'a' + (int) i, AUDIT_BULK_MAX + i % 2);
            n += AUDIT_BULK_MAX + i % 2;
            n += (size_t) sprintf(answer + n, "\r\n");
        }

        n += (size_t) sprintf(answer + n, ":1\r\n");
        begin(answer, n, piece);

        for (i = 0; i < 10; i++) {
            assert_true(audit_resp_next(&resp, &item));
            assert_int_equal(item.type, AUDIT_ITEM_BULK);
            assert_int_equal(item.number, AUDIT_BULK_MAX + i % 2);
            assert_int_equal(item.skipped, i % 2 == 1);
            assert_int_equal(item.text.len, i % 2 ? 0 : AUDIT_BULK_MAX);

            if (i % 2 == 0) {
                assert_int_equal(item.text.data[0], 'a' + (int) i);
                assert_int_equal(item.text.data[AUDIT_BULK_MAX - 1],
                                 'a' + (int) i);
            }
        }

        next(AUDIT_ITEM_INTEGER, 1, NULL);
        audit_resp_free(&resp);
    }

    free(answer);
}


static void
test_refused(void **state)
{
    char                      line[2048];
    size_t                    i;
    static const char *const  answers[] = {
        "\r\n", "\n", "OK\r\n", "+OK\n", ":\r\n", ":x\r\n", ":1x\r\n", ":-\r\n",
        ":1234567890123456789\r\n", "$-2\r\n", "*-2\r\n", "*x\r\n",
        "*99999999999\r\n", "$99999999999\r\n", "$3\r\nabcd\r\n",
        "$3\r\nabc\n\r", "$3\r\nabcx\n", "$3\r\nabc\rx",
        "%1\r\n", "_\r\n", "#t\r\n", "HTTP/1.1 400\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        begin(answers[i], strlen(answers[i]), 7);

        if (audit_resp_next(&resp, &item)) {
            fail_msg("taken: %s", answers[i]);
        }

        assert_string_equal(resp.why, "unexpected answer");
        assert_false(audit_resp_next(&resp, &item));
        audit_resp_free(&resp);

        /* the same where all of it was read before */
        begin_read(answers[i]);
        assert_false(audit_resp_next(&resp, &item));
        assert_string_equal(resp.why, "unexpected answer");
        audit_resp_free(&resp);
    }

    memset(line, 'a', sizeof(line));
    line[0] = '+';
    begin(line, sizeof(line), 100);
    assert_false(audit_resp_next(&resp, &item));
    assert_string_equal(resp.why, "unexpected answer");
    audit_resp_free(&resp);
}


/* Entries in one step where they are whole, and item by item where not. */
static void
test_entries(void **state)
{
    size_t                piece, i, quick;
    audit_stream_entry_t  entry;
    static const char     answer[] =
        "*3\r\n"
        "*2\r\n$15\r\n1795386124228-0\r\n*4\r\n$1\r\nb\r\n$7\r\n{\"a\":1}"
        "\r\n$1\r\no\r\n$1\r\nS\r\n"
        "*2\r\n$3\r\n2-1\r\n*4\r\n$1\r\nb\r\n$2\r\n\r\n\r\n$1\r\no\r\n"
        "$0\r\n\r\n"
        "*2\r\n$3\r\n3-1\r\n*4\r\n$1\r\nb\r\n$0\r\n\r\n$1\r\no\r\n"
        "$2\r\n10\r\n";
    static const char *const  texts[][3] = {
        { "1795386124228-0", "{\"a\":1}", "S" },
        { "2-1", "\r\n", "" },
        { "3-1", "", "10" }
    };

    (void) state;

    for (piece = 1; piece < sizeof(answer); piece++) {
        begin(answer, sizeof(answer) - 1, piece);
        next(AUDIT_ITEM_ARRAY, 3, NULL);
        quick = 0;

        for (i = 0; i < 3; i++) {
            if (audit_resp_entry(&resp, &entry)) {
                quick++;
                assert_true(dmp_str_eq(entry.id, text_of(texts[i][0])));
                assert_true(dmp_str_eq(entry.body, text_of(texts[i][1])));
                assert_true(dmp_str_eq(entry.outcome, text_of(texts[i][2])));
                continue;
            }

            next(AUDIT_ITEM_ARRAY, 2, NULL);
            next(AUDIT_ITEM_BULK, (int64_t) strlen(texts[i][0]), texts[i][0]);
            next(AUDIT_ITEM_ARRAY, 4, NULL);
            next(AUDIT_ITEM_BULK, 1, "b");
            next(AUDIT_ITEM_BULK, (int64_t) strlen(texts[i][1]), texts[i][1]);
            next(AUDIT_ITEM_BULK, 1, "o");
            next(AUDIT_ITEM_BULK, (int64_t) strlen(texts[i][2]), texts[i][2]);
        }

        /* byte by byte none was ever whole, at once all of them were */
        assert_true(piece > 1 || quick == 0);
        assert_true(piece < sizeof(answer) - 1 || quick == 3);
        assert_false(audit_resp_next(&resp, &item));
        assert_false(audit_resp_entry(&resp, &entry));
        audit_resp_free(&resp);
    }
}


/* What is not that form is left as it was. */
static void
test_other_entries(void **state)
{
    char                      *answer;
    size_t                     i, n;
    audit_stream_entry_t       entry;
    static const char *const   answers[] = {
        "*3\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*6\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\no\r\n$1\r\nx\r\n$1\r\nb\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\nb\r\n$1\r\n1\r\n",
        "*2\r\n$-1\r\n"
        "*4\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n*-1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n$1\r\nxx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n$+1\r\nx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n$1\nxx\r\n$1\r\no\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n1-1\r\n"
        "*4\r\n$1\r\nb\r\n:1\r\n$1\r\no\r\n$1\r\n1\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        begin_read(answers[i]);

        if (audit_resp_entry(&resp, &entry)) {
            fail_msg("taken: %s", answers[i]);
        }

        next(AUDIT_ITEM_ARRAY, answers[i][1] - '0', NULL);
        audit_resp_free(&resp);
    }

    /* one byte too long */
    answer = malloc(AUDIT_BULK_MAX + 256);
    assert_non_null(answer);
    n = (size_t) sprintf(answer, "*2\r\n$3\r\n1-1\r\n"
                         "*4\r\n$1\r\nb\r\n$%d\r\n", AUDIT_BULK_MAX + 1);
    memset(answer + n, 'x', AUDIT_BULK_MAX + 1);
    n += AUDIT_BULK_MAX + 1;
    (void) strcpy(answer + n, "\r\n$1\r\no\r\n$1\r\n1\r\n");
    begin_read(answer);
    assert_false(audit_resp_entry(&resp, &entry));
    next(AUDIT_ITEM_ARRAY, 2, NULL);
    audit_resp_free(&resp);
    free(answer);
}


static void
test_ends(void **state)
{
    size_t             len;
    static const char  answer[] = "*1\r\n$5\r\nabcde\r\n";

    (void) state;

    for (len = 0; len < sizeof(answer) - 1; len++) {
        begin(answer, len, 3);
        source.end = -1;

        while (audit_resp_next(&resp, &item)) {
            assert_int_equal(item.type, AUDIT_ITEM_ARRAY);
        }

        assert_string_equal(resp.why, "the connection was lost");
        audit_resp_free(&resp);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_other_entries),
        cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
