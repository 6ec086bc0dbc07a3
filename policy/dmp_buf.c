/*
 * dmp_buf.c: the append buffer: numbers, base64url and JSON strings written
 * into the caller's memory, never past its size.  What does not fit makes the
 * buffer full, and nothing is added any more.
 */

#include <dmp/dmp.h>


static const char  buf_base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What a JSON string here holds as it is: not controls, quotes, above ASCII. */
static const unsigned char  buf_plain[256] = {
    ['!'] = 1, [' '] = 1,
    ['#'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['0'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['@'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['P'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, [']'] = 1, 1, 1,
    ['`'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['p'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
};


void
dmp_buf_init(dmp_buf_t *b, char *data, size_t size)
{
    b->data = data;
    b->len = 0;
    b->size = size;
    b->full = false;
}


void
dmp_buf_str(dmp_buf_t *b, dmp_str_t s)
{
    dmp_buf_add(b, s.data, s.len);
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
    char      *p;
    size_t     i, size;
    uint32_t   bits;

    size = len / 3 * 4 + (len % 3 != 0 ? len % 3 + 1 : 0);

    if (b->full || size > b->size - b->len) {
        b->full = true;
        return;
    }

    p = b->data + b->len;

    for (i = 0; i + 3 <= len; i += 3) {
        bits = (uint32_t) data[i] << 16 | (uint32_t) data[i + 1] << 8
               | data[i + 2];

        *p++ = buf_base64url[bits >> 18];
        *p++ = buf_base64url[(bits >> 12) & 0x3f];
        *p++ = buf_base64url[(bits >> 6) & 0x3f];
        *p++ = buf_base64url[bits & 0x3f];
    }

    if (i < len) {
        bits = (uint32_t) data[i] << 16;
        bits |= i + 1 < len ? (uint32_t) data[i + 1] << 8 : 0;

        *p++ = buf_base64url[bits >> 18];
        *p++ = buf_base64url[(bits >> 12) & 0x3f];

        if (i + 1 < len) {
            *p++ = buf_base64url[(bits >> 6) & 0x3f];
        }
    }

    b->len += size;
}


static void
buf_escape(dmp_buf_t *b, unsigned code)
{
    char         out[6];
    const char  *letter;

    static const char  codes[] = "\"\\\b\f\n\r\t";
    static const char  letters[] = "\"\\bfnrt";
    static const char  hex[] = "0123456789abcdef";

    letter = memchr(codes, (int) code, sizeof(codes) - 1);

    if (letter != NULL) {
        out[0] = '\\';
        out[1] = letters[letter - codes];
        dmp_buf_add(b, out, 2);
        return;
    }

    memcpy(out, "\\u00", 4);
    out[4] = hex[code >> 4];
    out[5] = hex[code & 0x0f];
    dmp_buf_add(b, out, 6);
}


/* What is not plain ASCII: kept, escaped or replaced; its length. */
static size_t
buf_json_special(dmp_buf_t *b, const unsigned char *p,
    const unsigned char *end)
{
    size_t  n;

    n = dmp_utf8_length(p, end);

    if (n == 0) {
        dmp_buf_add(b, "\xef\xbf\xbd", 3);
        return 1;
    }

    if (n == 1) {
        buf_escape(b, *p);

    } else if (*p == 0xc2 && p[1] < 0xa0) {
        /* C1 controls too: an entry is also read in a terminal */
        buf_escape(b, p[1]);

    } else {
        dmp_buf_add(b, (const char *) p, n);
    }

    return n;
}


void
dmp_buf_json(dmp_buf_t *b, dmp_str_t s)
{
    const unsigned char  *p, *end, *run;

    p = (const unsigned char *) s.data;
    end = p + s.len;

    dmp_buf_add(b, "\"", 1);

    while (p < end && !b->full) {
        run = p;

        while (p < end && buf_plain[*p]) {
            p++;
        }

        dmp_buf_add(b, (const char *) run, (size_t) (p - run));

        if (p < end) {
            p += buf_json_special(b, p, end);
        }
    }

    dmp_buf_add(b, "\"", 1);
}
