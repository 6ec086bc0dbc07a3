/*
 * test_audit_log.c: receipts in lines of an access log: where they are found,
 * and what is none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/audit_log.h"


#define TRACE    "019a0000-0000-7000-8000-00000000000a"
#define WRITER   "node-1.fr_2/0123456789abcdef"
#define RECEIPT  TRACE " " WRITER " 17 3 4711"

static dmp_receipt_t  receipt;


/* How many there are; the last one stays in "receipt". */
static unsigned
count(const char *line)
{
    size_t     pos;
    unsigned   n;
    dmp_str_t  s;

    s = (dmp_str_t) { line, strlen(line) };
    pos = 0;

    for (n = 0; audit_log_receipt(s, &pos, &receipt); n++) {
        assert_true(pos <= s.len);
    }

    return n;
}


static void
check_receipt(void)
{
    assert_int_equal(receipt.trace_id.len, strlen(TRACE));
    assert_memory_equal(receipt.trace_id.data, TRACE, strlen(TRACE));
    assert_int_equal(receipt.writer.len, strlen(WRITER));
    assert_memory_equal(receipt.writer.data, WRITER, strlen(WRITER));
    assert_int_equal(receipt.bucket, 17);
    assert_int_equal(receipt.epoch, 3);
    assert_int_equal(receipt.seq, 4711);
}


static void
test_found(void **state)
{
    size_t                    i;
    static const char *const  lines[] = {
        RECEIPT,
        "192.0.2.1 - - [22/Nov/2026] \"GET / HTTP/1.1\" 200 5 \"" RECEIPT "\"",
        "{\"receipt\":\"" RECEIPT "\",\"status\":200}",
        "time=1 receipt=[" RECEIPT "] x",
        "a\t" RECEIPT "\tb",
        TRACE " " RECEIPT,
        TRACE "-" TRACE " " RECEIPT,
        "019a0000-0000-7000-8000 " RECEIPT ",",
    };

    (void) state;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        memset(&receipt, 0, sizeof(receipt));
        assert_int_equal(count(lines[i]), 1);
        check_receipt();
    }
}


static void
test_several(void **state)
{
    (void) state;

    assert_int_equal(count(RECEIPT " " RECEIPT), 2);
    assert_int_equal(count(RECEIPT "\"" RECEIPT "\"" RECEIPT), 3);
}


static void
test_refused(void **state)
{
    size_t                    i;
    static const char *const  lines[] = {
        "",
        "-",
        TRACE,
        TRACE " ",
        TRACE " " WRITER,
        TRACE " " WRITER " 17 3",
        TRACE " " WRITER " 17 3 ",
        TRACE " " WRITER "  17 3 4711",
        TRACE " " WRITER " 17 3 x",
        TRACE " " WRITER " -1 3 4711",
        TRACE " " WRITER " 256 3 4711",
        TRACE " " WRITER " 017 3 4711",
        TRACE " " WRITER " 17 03 4711",
        TRACE " " WRITER " 17 3 9999999999999999999",
        TRACE " " WRITER " 17 3 4711a",
        TRACE " node/0123456789abcde 17 3 4711",
        TRACE " node/0123456789abcdef0 17 3 4711",
        TRACE " node/0123456789ABCDEF 17 3 4711",
        TRACE " node 17 3 4711",
        TRACE " no de/0123456789abcdef 17 3 4711",
        TRACE "\t" WRITER " 17 3 4711",
        "x" RECEIPT,
        "019A0000-0000-7000-8000-00000000000A " WRITER " 17 3 4711",
        "019a0000-0000-7000-8000-00000000000 " WRITER " 17 3 4711",
        "019a00000000-7000-8000-00000000-000a " WRITER " 17 3 4711",
    };

    (void) state;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (count(lines[i]) != 0) {
            fail_msg("a receipt in \"%s\"", lines[i]);
        }
    }
}


/* A name may be as long as a writer's is, and no longer. */
static void
test_longest(void **state)
{
    int   n;
    char  line[512], node[DMP_WRITER_MAX];

    (void) state;

    memset(node, 'n', sizeof(node));

    n = snprintf(line, sizeof(line), TRACE " %.*s/0123456789abcdef 1 2 3",
                 DMP_WRITER_MAX - 17, node);
    assert_true(n > 0);
    assert_int_equal(count(line), 1);
    assert_int_equal(receipt.writer.len, DMP_WRITER_MAX);

    n = snprintf(line, sizeof(line), TRACE " %.*s/0123456789abcdef 1 2 3",
                 DMP_WRITER_MAX - 16, node);
    assert_true(n > 0);
    assert_int_equal(count(line), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
