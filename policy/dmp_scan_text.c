/*
 * dmp_scan_text.c: the text of JSON strings: escapes, their decoding, and
 * comparison without decoding.  It works on strings that the scanner passed,
 * and refuses, rather than trusts, any other.  And the words for what the
 * scanner refuses.
 */

#include "dmp_scan_int.h"


/* Four hex digits at *p, which moves past them. */
static dmp_scan_error_t
dmp_scan_hex(const unsigned char **p, const unsigned char *end, uint32_t *code)
{
    unsigned       i;
    unsigned char  c;

    *code = 0;

    for (i = 0; i < 4; i++, (*p)++) {

        if (*p == end) {
            return DMP_SCAN_TRUNCATED;
        }

        c = **p;

        if (c >= '0' && c <= '9') {
            *code = *code << 4 | (uint32_t) (c - '0');
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return DMP_SCAN_SYNTAX;
        }

        *code = *code << 4 | (uint32_t) (c - 'a' + 10);
    }

    return DMP_SCAN_OK;
}


/* What follows "\u": one code point, in one unit of UTF-16 or two. */
static dmp_scan_error_t
dmp_scan_unicode(const unsigned char **p, const unsigned char *end,
    uint32_t *code)
{
    uint32_t          low;
    dmp_scan_error_t  error;

    error = dmp_scan_hex(p, end, code);

    if (error != DMP_SCAN_OK) {
        return error;
    }

    if (*code == 0 || (*code >= 0xdc00 && *code <= 0xdfff)) {
        return DMP_SCAN_ENCODING;
    }

    if (*code < 0xd800 || *code > 0xdfff) {
        return DMP_SCAN_OK;
    }

    if (end - *p < 2 && (*p == end || **p == '\\')) {
        return DMP_SCAN_TRUNCATED;
    }

    if (**p != '\\' || (*p)[1] != 'u') {
        return DMP_SCAN_ENCODING;
    }

    *p += 2;

    error = dmp_scan_hex(p, end, &low);

    if (error != DMP_SCAN_OK) {
        return error;
    }

    if (low < 0xdc00 || low > 0xdfff) {
        return DMP_SCAN_ENCODING;
    }

    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);

    return DMP_SCAN_OK;
}


dmp_scan_error_t
dmp_scan_escape(const unsigned char **p, const unsigned char *end,
    uint32_t *code)
{
    unsigned char  c;

    if (end - *p < 2) {
        *p = end;
        return DMP_SCAN_TRUNCATED;
    }

    c = (*p)[1];
    *p += 2;

    switch (c) {

    case '"':
    case '\\':
    case '/':
        *code = c;
        return DMP_SCAN_OK;

    case 'b':
        *code = '\b';
        return DMP_SCAN_OK;

    case 'f':
        *code = '\f';
        return DMP_SCAN_OK;

    case 'n':
        *code = '\n';
        return DMP_SCAN_OK;

    case 'r':
        *code = '\r';
        return DMP_SCAN_OK;

    case 't':
        *code = '\t';
        return DMP_SCAN_OK;

    case 'u':
        return dmp_scan_unicode(p, end, code);

    default:
        return DMP_SCAN_SYNTAX;
    }
}


static size_t
dmp_scan_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char) code;
        return 1;
    }

    if (code < 0x800) {
        out[0] = (char) (0xc0 | code >> 6);
        out[1] = (char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        out[0] = (char) (0xe0 | code >> 12);
        out[1] = (char) (0x80 | (code >> 6 & 0x3f));
        out[2] = (char) (0x80 | (code & 0x3f));
        return 3;
    }

    out[0] = (char) (0xf0 | code >> 18);
    out[1] = (char) (0x80 | (code >> 12 & 0x3f));
    out[2] = (char) (0x80 | (code >> 6 & 0x3f));
    out[3] = (char) (0x80 | (code & 0x3f));
    return 4;
}


/*
 * The next piece of a string's text, decoded: the bytes up to an escape, or
 * one escape.  Empty at the end, and on what dmp_scan_string() never gives.
 */
static dmp_str_t
dmp_scan_piece(const dmp_scan_string_t *in, size_t *pos, char held[4])
{
    uint32_t              code;
    dmp_str_t             piece;
    const char           *backslash;
    const unsigned char  *p, *end;

    piece = dmp_null_string;

    if (*pos == in->raw.len) {
        return piece;
    }

    piece.data = in->raw.data + *pos;
    piece.len = in->raw.len - *pos;

    if (!in->escaped) {
        *pos += piece.len;
        return piece;
    }

    if (*piece.data != '\\') {
        backslash = memchr(piece.data, '\\', piece.len);

        if (backslash != NULL) {
            piece.len = (size_t) (backslash - piece.data);
        }

        *pos += piece.len;
        return piece;
    }

    p = (const unsigned char *) piece.data;
    end = p + piece.len;

    if (dmp_scan_escape(&p, end, &code) != DMP_SCAN_OK) {
        return dmp_null_string;
    }

    *pos = in->raw.len - (size_t) (end - p);
    piece.data = held;
    piece.len = dmp_scan_encode(code, held);

    return piece;
}


bool
dmp_scan_decode(const dmp_scan_string_t *in, char *out, size_t size,
    size_t *len)
{
    char       held[4];
    size_t     pos, n;
    dmp_str_t  piece;

    *len = 0;
    pos = 0;
    n = 0;

    for ( ;; ) {
        piece = dmp_scan_piece(in, &pos, held);

        if (piece.len == 0) {
            break;
        }

        if (piece.len > size - n) {
            return false;
        }

        memcpy(out + n, piece.data, piece.len);
        n += piece.len;
    }

    if (pos != in->raw.len) {
        return false;
    }

    *len = n;

    return true;
}


bool
dmp_scan_string_eq(const dmp_scan_string_t *in, dmp_str_t text)
{
    char       held[4];
    size_t     pos;
    dmp_str_t  piece;

    pos = 0;

    for ( ;; ) {
        piece = dmp_scan_piece(in, &pos, held);

        if (piece.len == 0) {
            return pos == in->raw.len && text.len == 0;
        }

        if (piece.len > text.len
            || memcmp(piece.data, text.data, piece.len) != 0)
        {
            return false;
        }

        text.data += piece.len;
        text.len -= piece.len;
    }
}


const char *
dmp_scan_strerror(dmp_scan_error_t error)
{
    static const char *const  texts[] = {
        "no error",
        "not JSON",
        "the text ends too early",
        "not UTF-8",
        "a name given twice in one object",
        "a name written with an escape",
        "nested too deeply",
        "too many names",
        "text after the end",
        "not the type of value expected"
    };

    return (size_t) error < sizeof(texts) / sizeof(texts[0])
           ? texts[error] : "unknown error";
}


dmp_rc_t
dmp_scan_rc(const dmp_scan_t *s)
{
    switch (s->error) {

    case DMP_SCAN_OK:
        return DMP_OK;

    case DMP_SCAN_TOO_DEEP:
    case DMP_SCAN_TOO_MANY_NAMES:
        return DMP_E_LIMIT;

    default:
        return DMP_E_SYNTAX;
    }
}
