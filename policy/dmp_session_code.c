/*
 * dmp_session_code.c: one-time codes and temporary passwords: short texts that
 * people copy from one place to another.
 */

#include <openssl/crypto.h>

#include "dmp_session_int.h"


#define CODE_NUMBERS  1000000            /* of six digits */

/* without 0 and o, 1, i and l, and u, which is read as v */
static const char  code_letters[] = "23456789abcdefghjkmnpqrstvwxyz";


bool
dmp_code_make(char out[DMP_CODE_LEN])
{
    size_t    i;
    uint32_t  number;

    memset(out, 0, DMP_CODE_LEN);

    if (!dmp_session_draw(CODE_NUMBERS, &number)) {
        return false;
    }

    for (i = DMP_CODE_LEN; i > 0; i--) {
        out[i - 1] = (char) ('0' + number % 10);
        number /= 10;
    }

    return true;
}


bool
dmp_code_valid(dmp_str_t code)
{
    size_t  i;

    if (code.len != DMP_CODE_LEN) {
        return false;
    }

    for (i = 0; i < code.len; i++) {
        if (code.data[i] < '0' || code.data[i] > '9') {
            return false;
        }
    }

    return true;
}


bool
dmp_temporary_make(char out[DMP_TEMPORARY_LEN])
{
    return dmp_session_letters(code_letters, out, DMP_TEMPORARY_LEN);
}
