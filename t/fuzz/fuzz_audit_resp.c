/*
 * fuzz_audit_resp.c: any bytes as answers of a store, in pieces of any size:
 * no crash, and the same items whatever the pieces, entries taken in one step
 * or not.
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


static void
check_item(audit_resp_t *resp, audit_item_type_t type, int64_t number,
    dmp_str_t text)
{
    audit_item_t  item;

    check(audit_resp_next(resp, &item) && item.type == type
          && item.number == number && !item.skipped
          && dmp_str_eq(item.text, text));
}


/* What one took in one step the other must have item by item. */
static void
check_entry(audit_resp_t *resp, const audit_stream_entry_t *entry)
{
    check_item(resp, AUDIT_ITEM_ARRAY, 2, dmp_null_string);
    check_item(resp, AUDIT_ITEM_BULK, (int64_t) entry->id.len, entry->id);
    check_item(resp, AUDIT_ITEM_ARRAY, 4, dmp_null_string);
    check_item(resp, AUDIT_ITEM_BULK, 1, dmp_string("b"));
    check_item(resp, AUDIT_ITEM_BULK, (int64_t) entry->body.len, entry->body);
    check_item(resp, AUDIT_ITEM_BULK, 1, dmp_string("o"));
    check_item(resp, AUDIT_ITEM_BULK, (int64_t) entry->outcome.len,
               entry->outcome);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool                  more;
    source_t              whole, pieces;
    audit_item_t          a, b;
    audit_resp_t          x, y;
    audit_stream_entry_t  entry;

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
        while (audit_resp_entry(&x, &entry)) {
            check_entry(&y, &entry);
        }

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
