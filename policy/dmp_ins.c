/*
 * dmp_ins.c: the shape of an INS, the national identifier of a patient.
 * It decides nothing but whether 15 characters can be one, or a text holds
 * such.
 */

#include <dmp/dmp_record.h>


#define INS_LEN     15
#define INS_NUMBER  13                   /* the rest is the key */


/*
 * The number as the key is computed from it: Corsica's 2A and 2B count as 19
 * and 18.  False where a character is not allowed at its place.
 */
static bool
ins_number_slowly(dmp_str_t ins, uint64_t *number)
{
    size_t    i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < INS_NUMBER; i++) {
        if (ins.data[i] >= '0' && ins.data[i] <= '9') {
            n = n * 10 + (uint64_t) (ins.data[i] - '0');

        } else if (i == 6 && ins.data[5] == '2' && ins.data[i] == 'A') {
            n = (n - 2) * 10 + 19;

        } else if (i == 6 && ins.data[5] == '2' && ins.data[i] == 'B') {
            n = (n - 2) * 10 + 18;

        } else {
            return false;
        }
    }

    *number = n;

    return ins.data[0] != '0';
}


/* Eight bytes at once: whether all are digits, and what they come to. */
static inline bool
ins_digits(const char *p, uint64_t *number)
{
    uint64_t              n;
    const unsigned char  *b;

    b = (const unsigned char *) p;
    n = (uint64_t) b[0] | (uint64_t) b[1] << 8 | (uint64_t) b[2] << 16
        | (uint64_t) b[3] << 24 | (uint64_t) b[4] << 32
        | (uint64_t) b[5] << 40 | (uint64_t) b[6] << 48
        | (uint64_t) b[7] << 56;

    /* a digit has a high half of 3, and no carry from its low half plus 6 */
    if ((n & UINT64_C(0xf0f0f0f0f0f0f0f0)) != UINT64_C(0x3030303030303030)
        || ((n + UINT64_C(0x0606060606060606))
            & UINT64_C(0xf0f0f0f0f0f0f0f0)) != UINT64_C(0x3030303030303030))
    {
        return false;
    }

    /* neighbours are joined: to tens, thousands, and all of them */
    n &= UINT64_C(0x0f0f0f0f0f0f0f0f);
    n = (n * 10 + (n >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    n = (n * 100 + (n >> 16)) & UINT64_C(0x0000ffff0000ffff);
    *number = (n * 10000 + (n >> 32)) & UINT64_C(0xffffffff);

    return true;
}


/* The first eight, and the last eight of thirteen: three are in both. */
static bool
ins_number(dmp_str_t ins, uint64_t *number)
{
    uint64_t  first, last;

    if (!ins_digits(ins.data, &first) || !ins_digits(ins.data + 5, &last)) {
        return ins_number_slowly(ins, number);
    }

    *number = first * 100000 + last % 100000;

    return ins.data[0] != '0';
}


bool
dmp_ins_valid(dmp_str_t ins, bool check_key)
{
    unsigned  key;
    uint64_t  number;

    if (ins.len != INS_LEN || !ins_number(ins, &number)) {
        return false;
    }

    if (ins.data[13] < '0' || ins.data[13] > '9'
        || ins.data[14] < '0' || ins.data[14] > '9')
    {
        return false;
    }

    if (!check_key) {
        return true;
    }

    key = (unsigned) ((ins.data[13] - '0') * 10 + (ins.data[14] - '0'));

    return key == 97 - number % 97;
}


static bool
ins_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


bool
dmp_ins_within(dmp_str_t text)
{
    bool         apart;
    size_t       i;
    const char  *p;

    for (i = 0; i + INS_LEN <= text.len; i++) {

        p = text.data + i;

        apart = (i == 0 || !ins_is_alnum(p[-1]) || (i >= 3 && p[-3] == '%'))
                && (i + INS_LEN == text.len || !ins_is_alnum(p[INS_LEN]));

        if (apart && dmp_ins_valid((dmp_str_t) { p, INS_LEN }, true)) {
            return true;
        }
    }

    return false;
}
