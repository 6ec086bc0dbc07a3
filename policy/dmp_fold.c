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

#include <dmp/dmp.h>


#define DMP_FOLD_NAMES   32              /* names in a list */
#define DMP_FOLD_PARTS   32              /* one character's NFKD: 18 */
#define DMP_FOLD_LETTERS (4 * DMP_FOLD_PARTS)

/* What a reading gives beside letters. */
#define DMP_FOLD_END     (-1)
#define DMP_FOLD_BREAK   (-2)            /* a new name begins, in a list */
#define DMP_FOLD_BROKEN  (-3)            /* not UTF-8 */

/* A text while it is read, letter by letter. */
typedef struct {
    const unsigned char  *pos;
    const unsigned char  *end;
    bool                  list;          /* spaces and commas part names */
    unsigned              n;
    unsigned              next;
    int32_t               letters[DMP_FOLD_LETTERS];  /* of one character */
} dmp_fold_t;


static void
dmp_fold_init(dmp_fold_t *f, dmp_str_t text, bool list)
{
    static const unsigned char  nothing[1];

    /* the letters are written before they are read */

    f->pos = text.len != 0 ? (const unsigned char *) text.data : nothing;
    f->end = f->pos + text.len;
    f->list = list;
    f->n = 0;
    f->next = 0;
}


/* The character at p, and how many bytes it has; 0 if it is not UTF-8. */
static size_t
dmp_fold_decode(const unsigned char *p, const unsigned char *end,
    int32_t *code)
{
    size_t               n;
    utf8proc_ssize_t     read;
    utf8proc_int32_t     found;

    if (p < end && *p < 0x80) {
        *code = *p;
        return 1;
    }

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


/* Appends what is left of one decomposed and folded character. */
static void
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
        return;
    }

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        if (table[i].code != code) {
            continue;
        }

        f->letters[f->n++] = table[i].first;

        if (table[i].second != 0) {
            f->letters[f->n++] = table[i].second;
        }

        return;
    }

    f->letters[f->n++] = code;
}


/* The letters of one character, into f; false if Unicode has more of them. */
static bool
dmp_fold_character(dmp_fold_t *f, int32_t code)
{
    int                i, j, n, m;
    utf8proc_int32_t   parts[DMP_FOLD_PARTS], folded[DMP_FOLD_PARTS];
    utf8proc_ssize_t   size;

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

    f->n = 0;
    f->next = 0;

    if (code < 0x80) {
        /* most of it: nothing to decompose */
        dmp_fold_letter(f, (code >= 'A' && code <= 'Z') ? code | 0x20 : code);
        return true;
    }

    size = utf8proc_decompose_char(code, parts, DMP_FOLD_PARTS, nfkd, NULL);

    if (size < 0 || size > DMP_FOLD_PARTS) {
        return false;
    }

    n = (int) size;

    for (i = 0; i < n; i++) {
        size = utf8proc_decompose_char(parts[i], folded, DMP_FOLD_PARTS, fold,
                                       NULL);

        /* a letter becomes two at most */

        if (size < 0 || size > DMP_FOLD_PARTS
            || f->n + 2 * (size_t) size > DMP_FOLD_LETTERS)
        {
            return false;
        }

        m = (int) size;

        for (j = 0; j < m; j++) {
            dmp_fold_letter(f, folded[j]);
        }
    }

    return true;
}


/* The next letter, or one of DMP_FOLD_END, BREAK and BROKEN. */
static int32_t
dmp_fold_next(dmp_fold_t *f)
{
    size_t   n;
    int32_t  code;

    while (f->next == f->n) {

        if (f->pos == f->end) {
            return DMP_FOLD_END;
        }

        n = dmp_fold_decode(f->pos, f->end, &code);

        if (n == 0) {
            return DMP_FOLD_BROKEN;
        }

        f->pos += n;

        if (f->list && (code == ',' || dmp_is_space(code))) {
            return DMP_FOLD_BREAK;
        }

        if (!dmp_fold_character(f, code)) {
            return DMP_FOLD_BROKEN;
        }
    }

    return f->letters[f->next++];
}


bool
dmp_fold_same(dmp_str_t a, dmp_str_t b)
{
    bool        any;
    int32_t     x, y;
    dmp_fold_t  one, other;

    dmp_fold_init(&one, a, false);
    dmp_fold_init(&other, b, false);

    /* nothing is no name */

    any = false;

    for ( ;; ) {
        x = dmp_fold_next(&one);
        y = dmp_fold_next(&other);

        if (x != y || x == DMP_FOLD_BROKEN) {
            return false;
        }

        if (x == DMP_FOLD_END) {
            return any;
        }

        any = true;
    }
}


/*
 * Whether the text is UTF-8, and how many names it has: what stands between
 * breaks, unless nothing of it counts.  Stops counting above the limit.
 */
static bool
dmp_fold_count(dmp_str_t text, bool list, unsigned *names)
{
    bool        inside;
    int32_t     letter;
    dmp_fold_t  f;

    dmp_fold_init(&f, text, list);

    *names = 0;
    inside = false;

    for ( ;; ) {
        letter = dmp_fold_next(&f);

        if (letter == DMP_FOLD_BROKEN) {
            return false;
        }

        if (letter == DMP_FOLD_END) {
            return true;
        }

        if (letter == DMP_FOLD_BREAK) {
            inside = false;
            continue;
        }

        *names += !inside && *names <= DMP_FOLD_NAMES;
        inside = true;
    }
}


/* Whether the name is all of the first name of the list, or first names. */
static bool
dmp_fold_begins(dmp_str_t list, dmp_str_t name)
{
    int32_t     x, y;
    dmp_fold_t  one, all;

    dmp_fold_init(&one, name, false);
    dmp_fold_init(&all, list, true);

    for ( ;; ) {
        x = dmp_fold_next(&one);

        do {
            y = dmp_fold_next(&all);

            /* a name ends here: so may the other */

            if (x == DMP_FOLD_END && y < 0) {
                return true;
            }
        } while (y == DMP_FOLD_BREAK);

        if (x < 0 || x != y) {
            return false;
        }
    }
}


bool
dmp_fold_among(dmp_str_t name, dmp_str_t list)
{
    bool        inside;
    int32_t     letter;
    unsigned    names;
    dmp_str_t   rest;
    dmp_fold_t  f;

    if (!dmp_fold_count(name, false, &names) || names == 0
        || !dmp_fold_count(list, true, &names) || names > DMP_FOLD_NAMES)
    {
        return false;
    }

    dmp_fold_init(&f, list, true);
    inside = false;

    for ( ;; ) {
        rest.data = (const char *) f.pos;
        rest.len = (size_t) (f.end - f.pos);

        letter = dmp_fold_next(&f);

        if (letter == DMP_FOLD_END) {
            return false;
        }

        if (letter == DMP_FOLD_BREAK) {
            inside = false;
            continue;
        }

        /* once per name, at its first letter */

        if (!inside && dmp_fold_begins(rest, name)) {
            return true;
        }

        inside = true;
    }
}


static bool
dmp_is_visible(int32_t code)
{
    if (code > 0x20 && code < 0x7f) {
        return true;
    }

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
        n = dmp_fold_decode(p, end, &code);

        if (n == 0) {
            return 0;
        }

        count += dmp_is_visible(code);
        p += n;
    }

    return count;
}
