/*
 * fuzz_audit_log.c: any bytes as a line of an access log: no crash, the search
 * goes forward, and a receipt that is found stands in the line as it must.
 */

#include <stdio.h>
#include <stdlib.h>

#include "../../tools/audit_log.h"


#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* Written once more, it is the same bytes. */
static void
check_receipt(dmp_str_t line, size_t pos, const dmp_receipt_t *r)
{
    int   n;
    char  text[DMP_UUID_LEN + DMP_WRITER_MAX + 80];

    n = snprintf(text, sizeof(text), "%.*s %.*s %u %llu %llu",
                 (int) r->trace_id.len, r->trace_id.data,
                 (int) r->writer.len, r->writer.data, r->bucket,
                 (unsigned long long) r->epoch, (unsigned long long) r->seq);

    check(n > 0 && (size_t) n < sizeof(text) && (size_t) n <= pos);
    check(r->trace_id.data + n == line.data + pos);
    check(memcmp(r->trace_id.data, text, (size_t) n) == 0);
    check(r->bucket < DMP_BUCKETS_MAX);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         pos, last;
    dmp_str_t      line;
    dmp_receipt_t  receipt;

    line = (dmp_str_t) { (const char *) data, size };
    pos = last = 0;

    while (audit_log_receipt(line, &pos, &receipt)) {
        check(pos > last && pos <= size);
        check_receipt(line, pos, &receipt);
        last = pos;
    }

    return 0;
}
