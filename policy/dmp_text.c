/*
 * dmp_text.c: base64url, UTF-8, UUIDs.  Everything works on the caller's memory
 * and never past the length given; nothing here knows what the text means.
 */

#include <dmp/dmp.h>


static const char  dmp_hex[] = "0123456789abcdef";


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
