/*
 * fuzz_audit_resp.c: any bytes as answers of a store, in pieces of any size:
 * no crash, and the same items whatever the pieces.
 */

#include <stdlib.h>

#include "../../tools/audit_resp.h"


#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)

typedef struct {
    const uint8_t  *data;
    size_t          len;
    size_t          piece;
} source_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ssize_t
give(void *data, char *out, size_t size)
{
    size_t     n;
    source_t  *s;

    s = data;
    n = s->piece < s->len ? s->piece : s->len;
    n = n < size ? n : size;

    if (n > 0) {
        memcpy(out, s->data, n);
    }

    s->data += n;
    s->len -= n;

    return (ssize_t) n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool          more;
    source_t      whole, pieces;
    audit_item_t  a, b;
    audit_resp_t  x, y;

    if (size == 0) {
        return 0;
    }

    whole = (source_t) { data + 1, size - 1, size };
    pieces = (source_t) { data + 1, size - 1, 1 + data[0] % 16 };

    if (!audit_resp_init(&x, give, &whole)
        || !audit_resp_init(&y, give, &pieces))
    {
        abort();
    }

    do {
        more = audit_resp_next(&x, &a);
        check(audit_resp_next(&y, &b) == more);
        check(!more || (a.type != AUDIT_ITEM_NONE && a.type == b.type
                        && a.number == b.number && a.skipped == b.skipped
                        && dmp_str_eq(a.text, b.text)));
    } while (more);

    check(strcmp(x.why, y.why) == 0);

    audit_resp_free(&x);
    audit_resp_free(&y);

    return 0;
}
