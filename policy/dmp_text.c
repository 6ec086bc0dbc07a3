/*
 * dmp_text.c: text in and out: the append buffer, base64url, UTF-8, JSON
 * strings, UUIDs.  Everything works on the caller's memory and never past the
 * length given; nothing here knows what the text means.
 */

#include <dmp/dmp.h>


static void dmp_buf_escape(dmp_buf_t *b, unsigned code);


static const char  dmp_base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const char  dmp_hex[] = "0123456789abcdef";


void
dmp_buf_init(dmp_buf_t *b, char *data, size_t size)
{
    b->data = data;
    b->len = 0;
    b->size = size;
    b->full = false;
}


void
dmp_buf_add(dmp_buf_t *b, const char *data, size_t len)
{
    if (b->full || len > b->size - b->len) {
        b->full = true;
        return;
    }

    /* memcpy() takes no null pointer, not even for nothing */

    if (len != 0) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
}


void
dmp_buf_str(dmp_buf_t *b, dmp_str_t s)
{
    dmp_buf_add(b, s.data, s.len);
}


void
dmp_buf_text(dmp_buf_t *b, const char *text)
{
    dmp_buf_add(b, text, strlen(text));
}


void
dmp_buf_uint(dmp_buf_t *b, uint64_t n)
{
    char   digits[20];
    char  *p;

    p = digits + sizeof(digits);

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    dmp_buf_add(b, p, (size_t) (digits + sizeof(digits) - p));
}


void
dmp_buf_base64url(dmp_buf_t *b, const unsigned char *data, size_t len)
{
    char      out[4];
    size_t    i, n;
    uint32_t  bits;

    for (i = 0; i < len && !b->full; i += n) {
        n = len - i < 3 ? len - i : 3;

        bits = (uint32_t) data[i] << 16;
        bits |= n > 1 ? (uint32_t) data[i + 1] << 8 : 0;
        bits |= n > 2 ? data[i + 2] : 0;

        out[0] = dmp_base64url[bits >> 18];
        out[1] = dmp_base64url[(bits >> 12) & 0x3f];
        out[2] = dmp_base64url[(bits >> 6) & 0x3f];
        out[3] = dmp_base64url[bits & 0x3f];

        dmp_buf_add(b, out, n + 1);
    }
}


void
dmp_buf_json(dmp_buf_t *b, dmp_str_t s)
{
    size_t                n;
    const unsigned char  *p, *end, *run;

    p = (const unsigned char *) s.data;
    end = p + s.len;
    run = p;

    dmp_buf_add(b, "\"", 1);

    while (p < end && !b->full) {

        n = dmp_utf8_length(p, end);

        /* C1 controls too: an entry is also read in a terminal */

        if (n == 1 ? *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f
                   : n != 0 && !(*p == 0xc2 && p[1] < 0xa0))
        {
            p += n;
            continue;
        }

        dmp_buf_add(b, (const char *) run, (size_t) (p - run));

        if (n == 0) {
            dmp_buf_add(b, "\xef\xbf\xbd", 3);
            n = 1;

        } else {
            dmp_buf_escape(b, n == 1 ? *p : p[1]);
        }

        p += n;
        run = p;
    }

    dmp_buf_add(b, (const char *) run, (size_t) (p - run));
    dmp_buf_add(b, "\"", 1);
}


static void
dmp_buf_escape(dmp_buf_t *b, unsigned code)
{
    char         out[6];
    const char  *letter;

    static const char  codes[] = "\"\\\b\f\n\r\t";
    static const char  letters[] = "\"\\bfnrt";

    letter = memchr(codes, (int) code, sizeof(codes) - 1);

    if (letter != NULL) {
        out[0] = '\\';
        out[1] = letters[letter - codes];
        dmp_buf_add(b, out, 2);
        return;
    }

    memcpy(out, "\\u00", 4);
    out[4] = dmp_hex[code >> 4];
    out[5] = dmp_hex[code & 0x0f];
    dmp_buf_add(b, out, 6);
}


static int
dmp_base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


bool
dmp_base64url_decode(dmp_str_t in, unsigned char *out, size_t out_len)
{
    int       value;
    size_t    i, n;
    unsigned  held;
    uint32_t  bits;

    if (in.len % 4 == 1
        || in.len / 4 * 3 + (in.len % 4 != 0 ? in.len % 4 - 1 : 0) != out_len)
    {
        return false;
    }

    n = 0;
    held = 0;
    bits = 0;

    for (i = 0; i < in.len; i++) {
        value = dmp_base64url_value(in.data[i]);

        if (value < 0) {
            return false;
        }

        bits = (bits << 6) | (uint32_t) value;
        held += 6;

        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char) (bits >> held);
            bits &= (1u << held) - 1;
        }
    }

    /* bits left over would let several texts stand for the same bytes */

    return bits == 0;
}


size_t
dmp_utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t         i, n;
    unsigned char  low, high;

    if (p >= end) {
        return 0;
    }

    if (*p < 0x80) {
        return 1;
    }

    /* the second byte is what rules out overlong forms and surrogates */

    low = 0x80;
    high = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;
        low = *p == 0xe0 ? 0xa0 : 0x80;
        high = *p == 0xed ? 0x9f : 0xbf;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;
        low = *p == 0xf0 ? 0x90 : 0x80;
        high = *p == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if ((size_t) (end - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


void
dmp_uuid7(char out[DMP_UUID_LEN], int64_t unix_ms,
    const unsigned char random[10])
{
    char           *p;
    size_t          i;
    uint64_t        ms;
    unsigned char   bytes[16];

    ms = (uint64_t) unix_ms;

    for (i = 0; i < 6; i++) {
        bytes[i] = (unsigned char) (ms >> (40 - 8 * i));
    }

    memcpy(bytes + 6, random, 10);

    bytes[6] = (unsigned char) (0x70 | (bytes[6] & 0x0f));
    bytes[8] = (unsigned char) (0x80 | (bytes[8] & 0x3f));

    p = out;

    for (i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }

        *p++ = dmp_hex[bytes[i] >> 4];
        *p++ = dmp_hex[bytes[i] & 0x0f];
    }
}
