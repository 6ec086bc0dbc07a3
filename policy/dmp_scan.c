/*
 * dmp_scan.c: the JSON scanner.  One pass over the text, no tree, no
 * allocation, no recursion.  It must never accept what a strict reader of RFC
 * 8259 refuses, since what it passes is forwarded as it is.
 */

#include "dmp_scan_step.h"


#define DMP_SCAN_UINT_MAX    (((uint64_t) 1 << 53) - 1)


void
dmp_scan_init(dmp_scan_t *s, const char *text, size_t len)
{
    /* the tables stay as they are: they are written before they are read */

    s->start = (const unsigned char *) text;
    s->pos = s->start;
    s->end = len != 0 ? s->start + len : s->start;
    s->block = len >= 16 ? s->end - 15 : s->start;
    s->shape = len > DMP_SHAPE_TEXT ? s->end - DMP_SHAPE_TEXT : s->start;
    s->error = DMP_SCAN_OK;
    s->expect = true;
    s->depth = 0;
    s->max_depth = DMP_SCAN_DEPTH;
    s->names = 0;
    s->objects = 0;
    s->escaped = false;
    s->shapes = NULL;
    s->at[0] = NULL;
    s->learn[0] = NULL;
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


const unsigned char *
dmp_scan_stop(dmp_scan_t *s, const unsigned char *p, dmp_scan_error_t error)
{
    (void) dmp_scan_fail(s, p, error);

    return NULL;
}


const unsigned char *
dmp_scan_stop_at(dmp_scan_t *s, const unsigned char *p)
{
    return dmp_scan_stop(s, p, p == s->end ? DMP_SCAN_TRUNCATED
                                           : DMP_SCAN_SYNTAX);
}


const unsigned char *
dmp_scan_rest(dmp_scan_t *s, const unsigned char *p)
{
    size_t                n;
    uint32_t              code;
    dmp_scan_error_t      error;
    const unsigned char  *end;

    end = s->end;
    s->escaped = false;

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

        s->escaped = true;
    }
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


const unsigned char *
dmp_scan_scalar(dmp_scan_t *s, const unsigned char *p)
{
    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    switch (*p) {

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

    if (dmp_scan_at(s, c)) {
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
        || object != (s->objects & 1))
    {
        return dmp_scan_fail(s, s->pos, DMP_SCAN_UNEXPECTED);
    }

    return true;
}


bool
dmp_scan_object(dmp_scan_t *s)
{
    return dmp_scan_want(s, DMP_SCAN_OBJECT, '{')
           && dmp_scan_move(s, dmp_scan_enter(s, s->pos, true), false);
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

    /* no value ends in an opening bracket */

    p = s->pos[-1] == '{' ? dmp_scan_begin(s, s->pos, '}', &more)
                          : dmp_scan_next(s, s->pos, '}', &more);

    if (p != NULL && more) {
        p = dmp_scan_name(s, p, name);
    }

    return dmp_scan_move(s, p, more) && more;
}


bool
dmp_scan_array(dmp_scan_t *s)
{
    return dmp_scan_want(s, DMP_SCAN_ARRAY, '[')
           && dmp_scan_move(s, dmp_scan_enter(s, s->pos, false), false);
}


bool
dmp_scan_element(dmp_scan_t *s)
{
    bool                  more;
    const unsigned char  *p;

    if (!dmp_scan_inside(s, false)) {
        return false;
    }

    p = s->pos[-1] == '[' ? dmp_scan_begin(s, s->pos, ']', &more)
                          : dmp_scan_next(s, s->pos, ']', &more);

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
           && dmp_scan_move(s, dmp_scan_scalar(s, s->pos), false);
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


/*
 * After a value of an object: past all members that are strings, to the value
 * of the next one, or past the object's closing.
 */
dmp_scan_inline const unsigned char *
dmp_scan_members(dmp_scan_t *s, const unsigned char *p, bool *more)
{
    bool       escaped;
    dmp_str_t  name;

    for ( ;; ) {
        p = dmp_scan_next_name(s, p, &name, more);

        if (p == NULL || !*more || p == s->end || *p != '"') {
            return p;
        }

        p = dmp_scan_body(s, p + 1, &escaped);

        if (p == NULL) {
            return NULL;
        }

        p++;
    }
}


/* Without recursion: s->depth says whether a level is one of its own. */
const unsigned char *
dmp_scan_over(dmp_scan_t *s, const unsigned char *p)
{
    bool       more, escaped;
    unsigned   base;
    dmp_str_t  name;

    base = s->depth;

value:

    more = false;

    if (p == s->end) {
        return dmp_scan_stop(s, p, DMP_SCAN_TRUNCATED);
    }

    if (*p == '"') {
        p = dmp_scan_body(s, p + 1, &escaped);

        if (p != NULL) {
            p++;
        }

    } else if (*p == '{') {
        p = dmp_scan_first_name(s, p, &name, &more);

    } else if (*p == '[') {
        p = dmp_scan_first_element(s, p, &more);

    } else {
        p = dmp_scan_scalar(s, p);
    }

    while (p != NULL && !more && s->depth != base) {

        if (s->objects & 1) {
            p = dmp_scan_members(s, p, &more);

        } else {
            p = dmp_scan_next(s, p, ']', &more);
        }
    }

    if (p != NULL && more) {
        goto value;
    }

    return p;
}


bool
dmp_scan_skip(dmp_scan_t *s, dmp_str_t *range)
{
    const unsigned char  *p, *start;

    if (range != NULL) {
        *range = dmp_null_string;
    }

    if (dmp_scan_peek(s) == DMP_SCAN_NONE) {
        return false;
    }

    start = s->pos;
    p = dmp_scan_over(s, start);

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
