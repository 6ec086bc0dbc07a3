/*
 * dmp_ids.c: national identifiers by their form.  Only digits and capital
 * letters: an identifier is compared byte by byte, so one that could be
 * written in two ways would be two.
 *
 * Source: ANS, prefixes of PS_IdNat and Struct_IdNat; lengths of RPPS, ADELI,
 * FINESS, SIREN and SIRET numbers as their registers give them, and of ranks
 * up to three digits, as seen in certificates.
 */

#include <dmp/dmp_ids.h>


static inline bool
dmp_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static inline bool
dmp_is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}


static bool
dmp_digits(dmp_str_t s, size_t min, size_t max)
{
    size_t  i;

    if (s.len < min || s.len > max) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        if (!dmp_is_digit(s.data[i])) {
            return false;
        }
    }

    return true;
}


/* Corsica's departments have a letter, and so have many test identities. */
static bool
dmp_digits_or_capitals(dmp_str_t s, size_t min, size_t max)
{
    size_t  i;

    if (s.len < min || s.len > max) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        if (!dmp_is_digit(s.data[i]) && !dmp_is_capital(s.data[i])) {
            return false;
        }
    }

    return true;
}


static inline dmp_str_t
dmp_from(dmp_str_t s, size_t at)
{
    return (dmp_str_t) { s.data + at, s.len - at };
}


/*
 * An ADELI number and the rank of the practice, without which it would be the
 * identifier of the person.
 */
static bool
dmp_is_adeli_practice(dmp_str_t s)
{
    return s.len > 9
           && dmp_digits_or_capitals((dmp_str_t) { s.data, 9 }, 9, 9)
           && dmp_digits(dmp_from(s, 9), 1, 3);
}


/* The number of a structure, by the digit that says what it is. */
static bool
dmp_is_structure_number(char kind, dmp_str_t number)
{
    switch (kind) {

    case '0':
        return dmp_is_adeli_practice(number);

    case '1':
        return dmp_digits_or_capitals(number, 9, 9);

    case '2':
        return dmp_digits(number, 9, 9);

    case '3':
        return dmp_digits(number, 14, 14);

    case '4':
        return dmp_digits(number, 12, 14);

    default:
        return false;
    }
}


/* What people have in a structure's own register. */
static bool
dmp_is_own_number(dmp_str_t s)
{
    char    c;
    size_t  i;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!dmp_is_digit(c) && !dmp_is_capital(c) && !(c >= 'a' && c <= 'z')
            && c != '-' && c != '_' && c != '.')
        {
            return false;
        }
    }

    return s.len != 0;
}


/* The digit before the structure's number is another one than it has alone. */
static bool
dmp_is_internal(dmp_str_t id)
{
    char         kind;
    size_t       slash;
    const char  *p;

    p = memchr(id.data, '/', id.len);
    if (p == NULL) {
        return false;
    }

    slash = (size_t) (p - id.data);

    switch (id.data[0]) {

    case '1':
        kind = '0';
        break;

    case '3':
        kind = '1';
        break;

    case '4':
        kind = '2';
        break;

    case '5':
        kind = '3';
        break;

    case '6':
        kind = '4';
        break;

    default:
        return false;
    }

    return dmp_is_structure_number(kind,
                                   (dmp_str_t) { id.data + 1, slash - 1 })
           && dmp_is_own_number(dmp_from(id, slash + 1));
}


dmp_ps_id_t
dmp_ps_id(dmp_str_t id)
{
    if (id.len < 2 || id.len > DMP_ID_MAX) {
        return DMP_PS_ID_NONE;
    }

    switch (id.data[0]) {

    case '8':
        return dmp_digits(dmp_from(id, 1), 11, 11) ? DMP_PS_ID_RPPS
                                                   : DMP_PS_ID_NONE;

    case '0':
        return dmp_digits_or_capitals(dmp_from(id, 1), 9, 9)
               ? DMP_PS_ID_ADELI : DMP_PS_ID_NONE;

    default:
        return dmp_is_internal(id) ? DMP_PS_ID_INTERNAL : DMP_PS_ID_NONE;
    }
}


bool
dmp_struct_id(dmp_str_t id)
{
    if (id.len < 2 || id.len > DMP_ID_MAX) {
        return false;
    }

    if (dmp_is_capital(id.data[0])) {
        /* a word, such as a unit's name, is no number */
        return dmp_is_digit(id.data[1])
               && dmp_digits_or_capitals(dmp_from(id, 2), 0, DMP_ID_MAX);
    }

    return dmp_is_structure_number(id.data[0], dmp_from(id, 1));
}
