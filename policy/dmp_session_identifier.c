/*
 * dmp_session_identifier.c: what patients sign in with: ten letters drawn at
 * random and two that check them.
 *
 * The twelve are numbers of GF(32) whose sum is 0, and whose sum is 0 as well
 * when each is multiplied by another power of 2: whatever differs from an
 * identifier in one place, in two, or by two that changed places, is none.
 */

#include <openssl/crypto.h>

#include "dmp_session_int.h"


#define IDENTIFIER_DRAWN  (DMP_IDENTIFIER_LEN - 2)
#define IDENTIFIER_TYPED  64             /* bytes, with what stands between */
#define IDENTIFIER_FIELD  0x25           /* x^5 + x^2 + 1 */

/* Crockford's: no I, L, O, U */
static const char  identifier_letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";


static unsigned
identifier_value(char letter)
{
    const char  *p;

    p = memchr(identifier_letters, letter, sizeof(identifier_letters) - 1);

    return (p != NULL) ? (unsigned) (p - identifier_letters) : 0;
}


static bool
identifier_holds(const char identifier[DMP_IDENTIFIER_LEN])
{
    size_t    i;
    unsigned  value, sum, weighted;

    sum = 0;
    weighted = 0;

    for (i = 0; i < DMP_IDENTIFIER_LEN; i++) {
        value = identifier_value(identifier[i]);
        sum ^= value;

        /* times 2, in the field */
        weighted <<= 1;
        weighted ^= (weighted & 32) ? IDENTIFIER_FIELD : 0;
        weighted ^= value;
    }

    return (sum | weighted) == 0;
}


/* One pair of the 1,024 does it, and no other. */
void
dmp_identifier_check(char identifier[DMP_IDENTIFIER_LEN])
{
    size_t  i, j;

    for (i = 0; i < sizeof(identifier_letters) - 1; i++) {
        for (j = 0; j < sizeof(identifier_letters) - 1; j++) {

            identifier[IDENTIFIER_DRAWN] = identifier_letters[i];
            identifier[IDENTIFIER_DRAWN + 1] = identifier_letters[j];

            if (identifier_holds(identifier)) {
                return;
            }
        }
    }
}


bool
dmp_identifier_make(char out[DMP_IDENTIFIER_LEN])
{
    memset(out, 0, DMP_IDENTIFIER_LEN);

    if (!dmp_session_letters(identifier_letters, out, IDENTIFIER_DRAWN)) {
        return false;
    }

    dmp_identifier_check(out);

    return true;
}


char
dmp_identifier_letter(char typed)
{
    if (typed >= 'a' && typed <= 'z') {
        typed = (char) (typed - 'a' + 'A');
    }

    if (typed == 'O') {
        return '0';
    }

    if (typed == 'I' || typed == 'L') {
        return '1';
    }

    return (memchr(identifier_letters, typed, sizeof(identifier_letters) - 1)
            != NULL) ? typed : '\0';
}


/* Spaces that do not break come from what people copy (U+00A0, U+202F). */
size_t
dmp_identifier_gap(const char *p, size_t len)
{
    if (len >= 1 && (*p == ' ' || *p == '-' || *p == '.')) {
        return 1;
    }

    if (len >= 2 && memcmp(p, "\xc2\xa0", 2) == 0) {
        return 2;
    }

    if (len >= 3 && memcmp(p, "\xe2\x80\xaf", 3) == 0) {
        return 3;
    }

    return 0;
}


static bool
identifier_take(dmp_str_t typed, char out[DMP_IDENTIFIER_LEN])
{
    size_t  i, n, gap;

    if (typed.len > IDENTIFIER_TYPED) {
        return false;
    }

    n = 0;

    for (i = 0; i < typed.len; i += gap) {

        gap = dmp_identifier_gap(typed.data + i, typed.len - i);

        if (gap != 0) {
            continue;
        }

        gap = 1;

        if (n == DMP_IDENTIFIER_LEN) {
            return false;
        }

        out[n] = dmp_identifier_letter(typed.data[i]);

        if (out[n++] == '\0') {
            return false;
        }
    }

    return n == DMP_IDENTIFIER_LEN && identifier_holds(out);
}


bool
dmp_identifier_read(dmp_str_t typed, char out[DMP_IDENTIFIER_LEN])
{
    memset(out, 0, DMP_IDENTIFIER_LEN);

    if (!identifier_take(typed, out)) {
        OPENSSL_cleanse(out, DMP_IDENTIFIER_LEN);
        return false;
    }

    return true;
}
