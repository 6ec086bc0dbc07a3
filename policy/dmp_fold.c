/*
 * dmp_fold.c: names compared as people compare them, and characters that a
 * reader sees.  Unicode by libutf8proc, one character at a time into buffers
 * of fixed size: nothing is allocated, nothing is written back.
 *
 * A name is its letters: NFKD, without combining marks, case folded, without
 * what joins or separates; the Latin letters that NFKD leaves whole become
 * those that French registers write for them.
 */

#include <utf8proc.h>

#include "dmp_fold_int.h"


#define DMP_FOLD_PARTS   32              /* one character's NFKD: 18 */


static size_t
dmp_fold_decode_long(const unsigned char *p, const unsigned char *end,
    int32_t *code)
{
    size_t               n;
    utf8proc_ssize_t     read;
    utf8proc_int32_t     found;

    n = dmp_utf8_length(p, end);

    if (n == 0) {
        return 0;
    }

    read = utf8proc_iterate(p, (utf8proc_ssize_t) n, &found);

    if (read != (utf8proc_ssize_t) n || found < 0) {
        return 0;
    }

    *code = found;

    return n;
}


/* The character at p, and how many bytes it has; 0 if it is not UTF-8. */
static inline size_t
dmp_fold_decode(const unsigned char *p, const unsigned char *end,
    int32_t *code)
{
    if (*p < 0x80) {
        *code = *p;
        return 1;
    }

    /* two bytes, as the accented letters of Europe have: RFC 3629 */
    if (*p >= 0xc2 && *p <= 0xdf && end - p >= 2 && (p[1] & 0xc0) == 0x80) {
        *code = (*p & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }

    return dmp_fold_decode_long(p, end, code);
}


/* White_Space of Unicode's PropList. */
static bool
dmp_is_space(int32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == ' ' || code == 0x85
           || code == 0xa0 || code == 0x1680
           || (code >= 0x2000 && code <= 0x200a) || code == 0x2028
           || code == 0x2029 || code == 0x202f || code == 0x205f
           || code == 0x3000;
}


/* What does not count in a name, once decomposed. */
static bool
dmp_is_dropped(int32_t code)
{
    if (code >= 'a' && code <= 'z') {
        return false;
    }

    switch (code) {

    case '.':
    case 0x2212:                         /* minus sign */

    case '\'':                           /* apostrophes, and their likes */
    case '`':
    case 0x2b9:
    case 0x2bb:
    case 0x2bc:
    case 0x2018:
    case 0x2019:
    case 0x201b:
    case 0x2032:
        return true;

    default:
        break;
    }

    /* hyphens and dashes; what no reader sees */

    return dmp_is_space(code)
           || utf8proc_category(code) == UTF8PROC_CATEGORY_PD
           || utf8proc_get_property(code)->ignorable;
}


static bool
dmp_fold_add(dmp_fold_t *f, int32_t letter)
{
    if (f->n == DMP_FOLD_LETTERS) {
        return false;
    }

    f->letters[f->n++] = letter;

    return true;
}


/* Appends what is left of one decomposed and folded character. */
static bool
dmp_fold_letter(dmp_fold_t *f, int32_t code)
{
    size_t  i;

    static const struct {
        int32_t  code;
        int32_t  first;
        int32_t  second;
    } table[] = {
        { 0xe6, 'a', 'e' },
        { 0xf8, 'o', 0 },
        { 0x111, 'd', 0 },
        { 0x131, 'i', 0 },
        { 0x142, 'l', 0 },
        { 0x153, 'o', 'e' }
    };

    if (dmp_is_dropped(code)) {
        return true;
    }

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].code == code) {
            return dmp_fold_add(f, table[i].first)
                   && (table[i].second == 0
                       || dmp_fold_add(f, table[i].second));
        }
    }

    return dmp_fold_add(f, code);
}


/* Any character, by libutf8proc; false if there is no room for it. */
static bool
dmp_fold_character(dmp_fold_t *f, int32_t code)
{
    utf8proc_int32_t   parts[DMP_FOLD_PARTS], folded[DMP_FOLD_PARTS];
    utf8proc_ssize_t   i, j, n, m;

    /*
     * Decomposed before it is folded: a Greek letter's iota below is a mark,
     * and folding would make a letter of it.
     */

    static const utf8proc_option_t  nfkd = UTF8PROC_DECOMPOSE
                                           | UTF8PROC_COMPAT
                                           | UTF8PROC_STRIPMARK;
    static const utf8proc_option_t  fold = UTF8PROC_DECOMPOSE
                                           | UTF8PROC_COMPAT
                                           | UTF8PROC_STRIPMARK
                                           | UTF8PROC_CASEFOLD;

    n = utf8proc_decompose_char(code, parts, DMP_FOLD_PARTS, nfkd, NULL);

    if (n < 0 || n > DMP_FOLD_PARTS) {
        return false;
    }

    for (i = 0; i < n; i++) {
        m = utf8proc_decompose_char(parts[i], folded, DMP_FOLD_PARTS, fold,
                                    NULL);

        if (m < 0 || m > DMP_FOLD_PARTS) {
            return false;
        }

        for (j = 0; j < m; j++) {
            if (!dmp_fold_letter(f, folded[j])) {
                return false;
            }
        }
    }

    return true;
}


#define DMP_LATIN_FIRST  0xc0

/*
 * What dmp_fold_character() makes of the letters that nearly every name is
 * written with; empty where it is asked itself.  test_fold.c compares them.
 */
static const char  dmp_fold_latin[][3] = {
    "a", "a", "a", "a", "a", "a", "ae", "c",
    "e", "e", "e", "e", "i", "i", "i", "i",
    "", "n", "o", "o", "o", "o", "o", "",
    "o", "u", "u", "u", "u", "y", "", "ss",
    "a", "a", "a", "a", "a", "a", "ae", "c",
    "e", "e", "e", "e", "i", "i", "i", "i",
    "", "n", "o", "o", "o", "o", "o", "",
    "o", "u", "u", "u", "u", "y", "", "y",
    "a", "a", "a", "a", "a", "a", "c", "c",
    "c", "c", "c", "c", "c", "c", "d", "d",
    "d", "d", "e", "e", "e", "e", "e", "e",
    "e", "e", "e", "e", "g", "g", "g", "g",
    "g", "g", "g", "g", "h", "h", "", "",
    "i", "i", "i", "i", "i", "i", "i", "i",
    "i", "i", "ij", "ij", "j", "j", "k", "k",
    "", "l", "l", "l", "l", "l", "l", "",
    "", "l", "l", "n", "n", "n", "n", "n",
    "n", "n", "", "", "o", "o", "o", "o",
    "o", "o", "oe", "oe", "r", "r", "r", "r",
    "r", "r", "s", "s", "s", "s", "s", "s",
    "s", "s", "t", "t", "t", "t", "", "",
    "u", "u", "u", "u", "u", "u", "u", "u",
    "u", "u", "u", "u", "w", "w", "y", "y",
    "y", "z", "z", "z", "z", "z", "z", "s",
};


/* The same, for letters that are known beforehand. */
static bool
dmp_fold_quickly(dmp_fold_t *f, int32_t code)
{
    const char  *letters;

    if ((code >= 'a' && code <= 'z') || (code >= '0' && code <= '9')) {
        return dmp_fold_add(f, code);
    }

    if (code >= 'A' && code <= 'Z') {
        return dmp_fold_add(f, code | 0x20);
    }

    if (code == ' ' || code == '-' || code == '\'') {
        return true;
    }

    if (code >= DMP_LATIN_FIRST
        && (size_t) (code - DMP_LATIN_FIRST)
           < sizeof(dmp_fold_latin) / sizeof(dmp_fold_latin[0]))
    {
        letters = dmp_fold_latin[code - DMP_LATIN_FIRST];

        if (letters[0] != '\0') {
            return dmp_fold_add(f, letters[0])
                   && (letters[1] == '\0' || dmp_fold_add(f, letters[1]));
        }
    }

    return dmp_fold_character(f, code);
}


/* The letters that stand there and need no looking up; up to what does. */
static inline const unsigned char *
dmp_fold_ascii(dmp_fold_t *f, const unsigned char *p, const unsigned char *end)
{
    size_t         n;
    unsigned char  letter;

    n = f->n;

    while (p < end && n < DMP_FOLD_LETTERS) {
        letter = *p | 0x20;

        if (letter < 'a' || letter > 'z') {
            break;
        }

        f->letters[n++] = letter;
        p++;
    }

    f->n = n;

    return p;
}


bool
dmp_fold_text(dmp_fold_t *f, dmp_str_t text, bool list)
{
    bool                  between;
    size_t                n;
    int32_t               code;
    const unsigned char  *p, *end;

    static const unsigned char  nothing[1];

    p = (text.len != 0) ? (const unsigned char *) text.data : nothing;
    end = p + text.len;
    between = false;
    f->n = 0;

    while (p < end) {

        if (!between) {
            p = dmp_fold_ascii(f, p, end);

            if (p == end) {
                break;
            }
        }

        n = dmp_fold_decode(p, end, &code);

        if (n == 0) {
            return false;
        }

        p += n;

        if (list && (code < '-' || code >= 0x80)
            && (code == ',' || dmp_is_space(code)))
        {
            between = (f->n != 0);
            continue;
        }

        n = f->n;

        if (between && !dmp_fold_add(f, DMP_FOLD_BREAK)) {
            return false;
        }

        if (!dmp_fold_quickly(f, code)) {
            return false;
        }

        if (!between) {
            continue;
        }

        if (f->n == n + 1) {
            /* nothing of it counts: the break is still to come */
            f->n = n;

        } else {
            between = false;
        }
    }

    return true;
}


bool
dmp_fold_same(dmp_str_t a, dmp_str_t b)
{
    dmp_fold_t  one, other;

    /* nothing is no name */

    return dmp_fold_text(&one, a, false) && one.n != 0
           && dmp_fold_text(&other, b, false) && one.n == other.n
           && memcmp(one.letters, other.letters,
                     one.n * sizeof(one.letters[0])) == 0;
}


/* Whether the name is all of the names at from, or the first of them. */
static bool
dmp_fold_begins(const dmp_fold_t *list, size_t from, const dmp_fold_t *name)
{
    size_t  i;

    for (i = 0; i < name->n; i++, from++) {

        if (from < list->n && list->letters[from] == DMP_FOLD_BREAK) {
            from++;
        }

        if (from == list->n || list->letters[from] != name->letters[i]) {
            return false;
        }
    }

    /* a name ends here */

    return from == list->n || list->letters[from] == DMP_FOLD_BREAK;
}


size_t
dmp_fold_names(const dmp_fold_t *list)
{
    size_t  i, names;

    names = (list->n != 0);

    for (i = 0; i < list->n; i++) {
        names += (list->letters[i] == DMP_FOLD_BREAK);
    }

    return names;
}


bool
dmp_fold_among(dmp_str_t name, dmp_str_t list)
{
    size_t      i;
    dmp_fold_t  one, all;

    if (!dmp_fold_text(&one, name, false) || one.n == 0
        || !dmp_fold_text(&all, list, true))
    {
        return false;
    }

    if (dmp_fold_names(&all) > DMP_FOLD_NAMES) {
        return false;
    }

    for (i = 0; i < all.n; i++) {
        if ((i == 0 || all.letters[i - 1] == DMP_FOLD_BREAK)
            && dmp_fold_begins(&all, i, &one))
        {
            return true;
        }
    }

    return false;
}


static bool
dmp_is_visible(int32_t code)
{
    if (utf8proc_get_property(code)->ignorable) {
        return false;
    }

    /*
     * Braille without a dot, a musical note without a head, Egyptian blanks,
     * and the place of an object that is not there
     */

    if (code == 0x2800 || code == 0x1d159 || code == 0x13441
        || code == 0x13442 || code == 0xfffc)
    {
        return false;
    }

    switch (utf8proc_category(code)) {

    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
        return false;

    default:
        return true;
    }
}


size_t
dmp_visible(dmp_str_t text)
{
    size_t                n, count;
    int32_t               code;
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return 0;
    }

    count = 0;
    p = (const unsigned char *) text.data;
    end = p + text.len;

    while (p < end) {

        if (*p >= 0x20 && *p < 0x7f) {
            count += (*p != ' ');
            p++;
            continue;
        }

        n = dmp_fold_decode(p, end, &code);

        if (n == 0) {
            return 0;
        }

        count += dmp_is_visible(code);
        p += n;
    }

    return count;
}
