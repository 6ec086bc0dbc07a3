/*
 * entry_plain.h: the reader of entries a second time, in its plain form and
 * under other names, to be compared with the one in the library.  Include it
 * once, after the other headers.
 */

#ifndef ENTRY_PLAIN_H
#define ENTRY_PLAIN_H

#include <dmp/dmp_entry.h>


#define dmp_entry_parse         plain_entry_parse
#define dmp_entry_decode        plain_entry_decode
#define dmp_entry_read_error    plain_entry_read_error
#define dmp_entry_read_bad      plain_entry_read_bad
#define dmp_entry_read_missing  plain_entry_read_missing
#define dmp_entry_read_last     plain_entry_read_last
#define dmp_entry_read_kind     plain_entry_read_kind
#define dmp_entry_value_string  plain_entry_value_string
#define dmp_entry_value_uint    plain_entry_value_uint
#define dmp_entry_value_true    plain_entry_value_true
#define dmp_entry_value_bytes   plain_entry_value_bytes
#define dmp_entry_value_time    plain_entry_value_time

#define DMP_ENTRY_PLAIN  1

#include "../../policy/dmp_entry_read.c"
#include "../../policy/dmp_entry_read_kinds.c"

#ifdef DMP_ENTRY_SSE2
#error "this is not the plain form"
#endif

#undef dmp_entry_parse
#undef dmp_entry_decode
#undef dmp_entry_read_error
#undef dmp_entry_read_bad
#undef dmp_entry_read_missing
#undef dmp_entry_read_last
#undef dmp_entry_read_kind
#undef dmp_entry_value_string
#undef dmp_entry_value_uint
#undef dmp_entry_value_true
#undef dmp_entry_value_bytes
#undef dmp_entry_value_time


/* Whether both forms say the same of a body; *rc is what they say. */
static inline bool
entry_same(const char *body, size_t len, dmp_rc_t *rc)
{
    unsigned                 i;
    dmp_error_t              x_error, y_error;
    static dmp_entry_view_t  x, y;

    memset(&x, 0, sizeof(x));
    memset(&y, 0, sizeof(y));
    memset(&x_error, 0, sizeof(x_error));
    memset(&y_error, 0, sizeof(y_error));
    *rc = dmp_entry_parse(body, len, &x, &x_error);

    if (plain_entry_parse(body, len, &y, &y_error) != *rc
        || strcmp(x_error.text, y_error.text) != 0)
    {
        return false;
    }

    /* what was read of one that is refused is nobody's */
    if (*rc != DMP_OK) {
        return true;
    }

    for (i = 0; i < x.n_heads; i++) {
        if (x.heads[i].bucket != y.heads[i].bucket
            || x.heads[i].epoch != y.heads[i].epoch
            || x.heads[i].seq != y.heads[i].seq
            || x.heads[i].acked != y.heads[i].acked
            || memcmp(x.heads[i].hash, y.heads[i].hash, DMP_HASH_LEN) != 0
            || memcmp(x.heads[i].acks, y.heads[i].acks, DMP_HASH_LEN) != 0)
        {
            return false;
        }
    }

    for (i = 0; i < x.n_signed_heads; i++) {
        if (x.signed_heads[i].bucket != y.signed_heads[i].bucket
            || x.signed_heads[i].epoch != y.signed_heads[i].epoch
            || x.signed_heads[i].seq != y.signed_heads[i].seq
            || memcmp(x.signed_heads[i].digest, y.signed_heads[i].digest,
                      DMP_HASH_LEN) != 0)
        {
            return false;
        }
    }

    /* their strings are in one body, and their padding was cleared */
    return memcmp(&x, &y, offsetof(dmp_entry_view_t, heads)) == 0
           && x.signed_len == y.signed_len
           && memcmp(x.signature, y.signature, DMP_SIGNATURE_LEN) == 0;
}

#endif
