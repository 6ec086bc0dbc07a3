/*
 * dmp_scan.c: the JSON scanner.  One pass over the text, no tree, no
 * allocation, no recursion.  It must never accept what a strict reader of RFC
 * 8259 refuses, since what it passes is forwarded as it is.
 */

#include "dmp_scan_bytes.h"
#include "dmp_scan_int.h"

/*
 * The one loop that passes over most of a text wants all of it inside, which
 * compilers do not do for functions of several callers: a third of the time.
 */
#define dmp_scan_inline  static inline __attribute__((always_inline))

#define dmp_scan_bit(depth)  ((uint64_t) 1 << ((depth) - 1))

#define DMP_SCAN_UINT_MAX    (((uint64_t) 1 << 53) - 1)


void
dmp_scan_init(dmp_scan_t *s, const char *text, size_t len)
{
    /* the tables stay as they are: they are written before they are read */

    s->start = (const unsigned char *) text;
    s->pos = s->start;
    s->end = len != 0 ? s->start + len : s->start;
    s->error = DMP_SCAN_OK;
    s->expect = true;
    s->depth = 0;
    s->max_depth = DMP_SCAN_DEPTH;
    s->names = 0;
    s->objects = 0;
    s->fresh = 0;
}


void
dmp_scan_limit(dmp_scan_t *s, unsigned max_depth)
{
    if (max_depth != 0 && max_depth < DMP_SCAN_DEPTH) {
        s->max_depth = max_depth;
    }
}


static bool
dmp_scan_fail(dmp_scan_t *s, const unsigned char *p, dmp_scan_error_t error)
{
    if (s->error == DMP_SCAN_OK) {
        s->error = error;
        s->pos = p;
    }

    return false;
}


/*
 * The functions below take the place where they begin and return the one
 * where they end, or NULL on error: most of a text is passed over by a loop
 * that never has to store the cursor.
 */
static const unsigned char *
dmp_scan_stop(dmp_scan_t *s, const unsigned char *p, dmp_scan_error_t error)
{
    (void) dmp_scan_fail(s, p, error);

    return NULL;
}


/* What stands at p is not what must: or the text ends before it. */
static const unsigned char *
dmp_scan_stop_at(dmp_scan_t *s, const unsigned char *p)
{
    return dmp_scan_stop(s, p, p == s->end ? DMP_SCAN_TRUNCATED
                                           : DMP_SCAN_SYNTAX);
}


/*
 * Passes over the bytes of a string; p is behind its opening quote.  Returns
 * its closing quote, or NULL.
 */
dmp_scan_inline const unsigned char *
dmp_scan_body(dmp_scan_t *s, const unsigned char *p, bool *escaped)
{
    size_t                n;
    uint32_t              code;
    dmp_scan_error_t      error;
    const unsigned char  *end;

    end = s->end;
    *escaped = false;

    for ( ;; ) {
        p = dmp_scan_run(p, end);

        if (p == end) {
            return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
        }

        if (*p == '"') {
            return p;
        }

        /* most of what is not ASCII is an accented letter, of two bytes */

        if (*p >= 0xc2 && *p <= 0xdf && end - p >= 2
            && (p[1] & 0xc0) == 0x80)
        {
            p += 2;
            continue;
        }

        if (*p >= 0x80) {
            n = dmp_utf8_length(p, end);

            if (n == 0) {
                return dmp_scan_stop(s, p, DMP_SCAN_ENCODING);
            }

            p += n;
            continue;
        }

        error = *p == '\\' ? dmp_scan_escape(&p, end, &code) : DMP_SCAN_SYNTAX;

        if (error != DMP_SCAN_OK) {
            return dmp_scan_stop(s, p, error);
        }

        *escaped = true;
    }
}


/*
 * A fingerprint of a name, whose text goes on to end.  It is whole for up to
 * 16 bytes, and longer names that share both ends are only slower to compare.
 */
static inline uint32_t
dmp_scan_hash(const char *data, size_t len, const unsigned char *end)
{
    uint64_t  a, b, mask;

    static const unsigned char  masks[32] = {
        255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255
    };

    if (len > 16) {
        memcpy(&a, data, 8);
        memcpy(&b, data + len - 8, 8);

    } else if (end - (const unsigned char *) data >= 16) {

        /* one way for all lengths: a branch would be guessed wrong often */

        memcpy(&mask, masks + 16 - len, 8);
        memcpy(&a, data, 8);
        a &= mask;

        memcpy(&mask, masks + 24 - len, 8);
        memcpy(&b, data + 8, 8);
        b &= mask;

    } else {
        a = 0;
        b = 0;
        memcpy(&a, data, len < 8 ? len : 8);
        memcpy(&b, data + (len < 8 ? len : 8), len < 8 ? 0 : len - 8);
    }

    a = (a ^ len) * 0x9e3779b97f4a7c15u;
    b = (b ^ a >> 32) * 0xc2b2ae3d27d4eb4fu;

    return (uint32_t) ((a ^ b) >> 32);
}


/* Whether the name at "index", the newest, is new in its object. */
static inline bool
dmp_scan_is_new(dmp_scan_t *s, size_t base, size_t index)
{
    size_t    i;
    uint32_t  hash;
    uint64_t  bit;

    if (index - base >= DMP_SCAN_FEW) {
        return dmp_scan_is_new_of_many(s, base, index);
    }

    hash = s->hash[index];
    bit = (uint64_t) 1 << (hash & 63);

    /* most often no earlier name can be the same, by one bit of each */

    if (!(s->seen[s->depth - 1] & bit)) {
        s->seen[s->depth - 1] |= bit;
        return true;
    }

    for (i = base; i < index; i++) {
        if (s->hash[i] == hash && dmp_scan_compare(s, i, index) == 0) {
            return false;
        }
    }

    return true;
}


/* An object or array, with p on its bracket. */
dmp_scan_inline const unsigned char *
dmp_scan_open(dmp_scan_t *s, const unsigned char *p)
{
    uint64_t  bit;

    if (s->depth >= s->max_depth) {
        return dmp_scan_stop(s, p, DMP_SCAN_TOO_DEEP);
    }

    s->base[s->depth] = (uint16_t) s->names;
    s->seen[s->depth++] = 0;

    bit = dmp_scan_bit(s->depth);

    s->objects = *p == '{' ? s->objects | bit : s->objects & ~bit;
    s->fresh |= bit;

    return p + 1;
}


/*
 * After an opening or a value: past the comma, if one must be there, to the
 * next member or element; or, with *more false, past the closing.
 */
dmp_scan_inline const unsigned char *
dmp_scan_next(dmp_scan_t *s, const unsigned char *p, unsigned char closing,
    bool *more)
{
    uint64_t  bit;

    bit = dmp_scan_bit(s->depth);
    p = dmp_scan_space(p, s->end);
    *more = true;

    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    if (*p == closing) {
        *more = false;
        s->fresh &= ~bit;
        s->names = s->base[--s->depth];
        return p + 1;
    }

    if (s->fresh & bit) {
        s->fresh &= ~bit;
        return p;
    }

    if (*p == ',') {
        return dmp_scan_space(p + 1, s->end);
    }

    return dmp_scan_stop(s, p, DMP_SCAN_SYNTAX);
}


dmp_scan_inline const unsigned char *
dmp_scan_next_member(dmp_scan_t *s, const unsigned char *p, bool *more)
{
    bool                  escaped;
    size_t                index;
    dmp_str_t            *name;
    const unsigned char  *quote;

    p = dmp_scan_next(s, p, '}', more);

    if (p == NULL || !*more) {
        return p;
    }

    if (p == s->end || *p != '"') {
        return dmp_scan_stop_at(s, p);
    }

    quote = dmp_scan_body(s, p + 1, &escaped);

    if (quote == NULL) {
        return NULL;
    }

    /* two names that differ in the text might be one */

    if (escaped) {
        return dmp_scan_stop(s, p, DMP_SCAN_ESCAPED_NAME);
    }

    if (s->names == DMP_SCAN_NAMES) {
        return dmp_scan_stop(s, p, DMP_SCAN_TOO_MANY_NAMES);
    }

    index = s->names++;
    name = &s->name[index];

    name->data = (const char *) (p + 1);
    name->len = (size_t) (quote - p - 1);
    s->hash[index] = dmp_scan_hash(name->data, name->len, s->end);

    if (!dmp_scan_is_new(s, s->base[s->depth - 1], index)) {
        return dmp_scan_stop(s, p, DMP_SCAN_DUPLICATE);
    }

    p = dmp_scan_space(quote + 1, s->end);

    if (p == s->end || *p != ':') {
        return dmp_scan_stop_at(s, p);
    }

    return dmp_scan_space(p + 1, s->end);
}


static const unsigned char *
dmp_scan_digits(const unsigned char *p, const unsigned char *end)
{
    while (p < end && dmp_scan_is_digit(*p)) {
        p++;
    }

    return p;
}


static const unsigned char *
dmp_scan_pass_number(dmp_scan_t *s, const unsigned char *p)
{
    const unsigned char  *end, *digits;

    end = s->end;
    p += *p == '-';
    digits = p;

    /* a zero stands alone: what follows "0" in "01" is then no comma */

    p = p < end && *p == '0' ? p + 1 : dmp_scan_digits(p, end);

    if (p == digits) {
        return dmp_scan_stop_at(s, p);
    }

    if (p < end && *p == '.') {
        digits = ++p;
        p = dmp_scan_digits(p, end);

        if (p == digits) {
            return dmp_scan_stop_at(s, p);
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        p = dmp_scan_digits(p, end);

        if (p == digits) {
            return dmp_scan_stop_at(s, p);
        }
    }

    return p;
}


static const unsigned char *
dmp_scan_pass_word(dmp_scan_t *s, const unsigned char *p, const char *word,
    size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++, p++) {
        if (p == s->end || *p != (unsigned char) word[i]) {
            return dmp_scan_stop_at(s, p);
        }
    }

    return p;
}


/* The value at p: a scalar is passed over, an object or array is entered. */
dmp_scan_inline const unsigned char *
dmp_scan_pass(dmp_scan_t *s, const unsigned char *p)
{
    bool                  escaped;
    const unsigned char  *quote;

    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    if (*p == '"') {
        quote = dmp_scan_body(s, p + 1, &escaped);
        return quote != NULL ? quote + 1 : NULL;
    }

    switch (*p) {

    case '{':
    case '[':
        return dmp_scan_open(s, p);

    case 't':
        return dmp_scan_pass_word(s, p, "true", 4);

    case 'f':
        return dmp_scan_pass_word(s, p, "false", 5);

    case 'n':
        return dmp_scan_pass_word(s, p, "null", 4);

    default:
        /* refuses whatever does not begin like a number, and here only */

        return dmp_scan_pass_number(s, p);
    }
}


dmp_scan_type_t
dmp_scan_peek(dmp_scan_t *s)
{
    const unsigned char  *p;

    if (s->error != DMP_SCAN_OK) {
        return DMP_SCAN_NONE;
    }

    if (!s->expect) {
        (void) dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
        return DMP_SCAN_NONE;
    }

    p = dmp_scan_space(s->pos, s->end);
    s->pos = p;

    if (p == s->end) {
        (void) dmp_scan_fail(s, p, DMP_SCAN_TRUNCATED);
        return DMP_SCAN_NONE;
    }

    switch (*p) {

    case '{':
        return DMP_SCAN_OBJECT;

    case '[':
        return DMP_SCAN_ARRAY;

    case '"':
        return DMP_SCAN_STRING;

    case 't':
        return DMP_SCAN_TRUE;

    case 'f':
        return DMP_SCAN_FALSE;

    case 'n':
        return DMP_SCAN_NULL;

    default:
        if (*p == '-' || dmp_scan_is_digit(*p)) {
            return DMP_SCAN_NUMBER;
        }

        (void) dmp_scan_fail(s, p, DMP_SCAN_SYNTAX);
        return DMP_SCAN_NONE;
    }
}


/* The value at the cursor has to be of that type, which may begin with c. */
static inline bool
dmp_scan_want(dmp_scan_t *s, dmp_scan_type_t type, unsigned char c)
{
    dmp_scan_type_t  found;

    /* most callers have looked before they ask */

    if (s->expect && s->error == DMP_SCAN_OK && s->pos < s->end
        && *s->pos == c)
    {
        return true;
    }

    found = dmp_scan_peek(s);

    if (found == type) {
        return true;
    }

    return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
}


/* The cursor has to be between two values of such a level. */
static bool
dmp_scan_inside(dmp_scan_t *s, bool object)
{
    if (s->error != DMP_SCAN_OK) {
        return false;
    }

    if (s->expect || s->depth == 0
        || object != ((s->objects & dmp_scan_bit(s->depth)) != 0))
    {
        return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
    }

    return true;
}


/* The cursor goes to p, where a value is next or not; false on NULL. */
static inline bool
dmp_scan_move(dmp_scan_t *s, const unsigned char *p, bool expect)
{
    if (p == NULL) {
        return false;
    }

    s->pos = p;
    s->expect = expect;

    return true;
}


bool
dmp_scan_object(dmp_scan_t *s)
{
    return dmp_scan_want(s, DMP_SCAN_OBJECT, '{')
           && dmp_scan_move(s, dmp_scan_open(s, s->pos), false);
}


bool
dmp_scan_member(dmp_scan_t *s, dmp_str_t *name)
{
    bool                  more;
    const unsigned char  *p;

    *name = dmp_null_string;

    if (!dmp_scan_inside(s, true)) {
        return false;
    }

    p = dmp_scan_next_member(s, s->pos, &more);

    if (!dmp_scan_move(s, p, more) || !more) {
        return false;
    }

    *name = s->name[s->names - 1];

    return true;
}


bool
dmp_scan_array(dmp_scan_t *s)
{
    return dmp_scan_want(s, DMP_SCAN_ARRAY, '[')
           && dmp_scan_move(s, dmp_scan_open(s, s->pos), false);
}


bool
dmp_scan_element(dmp_scan_t *s)
{
    bool                  more;
    const unsigned char  *p;

    if (!dmp_scan_inside(s, false)) {
        return false;
    }

    p = dmp_scan_next(s, s->pos, ']', &more);

    return dmp_scan_move(s, p, more) && more;
}


bool
dmp_scan_string(dmp_scan_t *s, dmp_scan_string_t *out)
{
    const unsigned char  *p, *quote;

    out->raw = dmp_null_string;
    out->escaped = false;

    if (!dmp_scan_want(s, DMP_SCAN_STRING, '"')) {
        return false;
    }

    p = s->pos + 1;
    quote = dmp_scan_body(s, p, &out->escaped);

    if (quote == NULL) {
        return false;
    }

    out->raw.data = (const char *) p;
    out->raw.len = (size_t) (quote - p);

    return dmp_scan_move(s, quote + 1, false);
}


bool
dmp_scan_bool(dmp_scan_t *s, bool *out)
{
    *out = dmp_scan_peek(s) == DMP_SCAN_TRUE;

    return (*out || dmp_scan_want(s, DMP_SCAN_FALSE, 'f'))
           && dmp_scan_move(s, dmp_scan_pass(s, s->pos), false);
}


bool
dmp_scan_number(dmp_scan_t *s, dmp_str_t *raw)
{
    const unsigned char  *p;

    *raw = dmp_null_string;

    if (!dmp_scan_want(s, DMP_SCAN_NUMBER, '-')) {
        return false;
    }

    p = s->pos;

    if (!dmp_scan_move(s, dmp_scan_pass_number(s, p), false)) {
        return false;
    }

    raw->data = (const char *) p;
    raw->len = (size_t) (s->pos - p);

    return true;
}


bool
dmp_scan_uint(dmp_scan_t *s, uint64_t *out)
{
    size_t     i;
    uint64_t   n;
    dmp_str_t  raw;

    *out = 0;
    n = 0;

    if (!dmp_scan_number(s, &raw)) {
        return false;
    }

    for (i = 0; i < raw.len; i++) {
        if (!dmp_scan_is_digit((unsigned char) raw.data[i])) {
            return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
        }

        n = n * 10 + (uint64_t) (raw.data[i] - '0');

        if (n > DMP_SCAN_UINT_MAX) {
            return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
        }
    }

    *out = n;

    return true;
}


bool
dmp_scan_skip(dmp_scan_t *s, dmp_str_t *range)
{
    bool                  more;
    unsigned              base;
    const unsigned char  *p, *start;

    if (range != NULL) {
        *range = dmp_null_string;
    }

    if (dmp_scan_peek(s) == DMP_SCAN_NONE) {
        return false;
    }

    base = s->depth;
    start = s->pos;
    p = start;

    do {
        p = dmp_scan_pass(s, p);
        more = false;

        /* leave every level that ends here, to the next value or the end */

        while (p != NULL && s->depth > base && !more) {
            p = s->objects & dmp_scan_bit(s->depth)
                ? dmp_scan_next_member(s, p, &more)
                : dmp_scan_next(s, p, ']', &more);
        }

    } while (more && p != NULL);

    if (!dmp_scan_move(s, p, false)) {
        return false;
    }

    if (range != NULL) {
        range->data = (const char *) start;
        range->len = (size_t) (p - start);
    }

    return true;
}


bool
dmp_scan_end(dmp_scan_t *s)
{
    if (s->error != DMP_SCAN_OK) {
        return false;
    }

    if (s->expect || s->depth != 0) {
        return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
    }

    s->pos = dmp_scan_space(s->pos, s->end);

    if (s->pos != s->end) {
        return dmp_scan_fail(s, s->pos, DMP_SCAN_TRAILING);
    }

    return true;
}


size_t
dmp_scan_offset(const dmp_scan_t *s)
{
    return (size_t) (s->pos - s->start);
}
