/*
 * dmp_entry_bytes.h: the innermost steps of reading an entry's body: a text
 * that must come, a string's end, digits of base64url.  The last two use SSE2;
 * DMP_ENTRY_PLAIN leaves that out, so that tests can compare the two.
 */

#ifndef DMP_ENTRY_BYTES_H
#define DMP_ENTRY_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && defined(__x86_64__) && !defined(DMP_ENTRY_PLAIN)
#define DMP_ENTRY_SSE2  1
#include <emmintrin.h>
#endif


static inline uint64_t
dmp_entry_word(const void *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));

    return word;
}


/*
 * Whether the len bytes at p are those of text, a literal: compared by words
 * that overlap, and the literal's are known when this is compiled.
 */
static inline __attribute__((always_inline)) bool
dmp_entry_same(const unsigned char *p, const char *text, size_t len)
{
    size_t    i, last;
    uint64_t  differ;

    if (len < 8) {
        return memcmp(p, text, len) == 0;
    }

    last = len - 8;
    differ = dmp_entry_word(p + last) ^ dmp_entry_word(text + last);

    for (i = 0; i < last; i += 8) {
        differ |= dmp_entry_word(p + i) ^ dmp_entry_word(text + i);
    }

    return differ == 0;
}


#ifdef DMP_ENTRY_SSE2

/* The sign of each byte of v that is not plain ASCII in a string. */
static inline __m128i
dmp_entry_special(__m128i v)
{
    __m128i  special;

    special = _mm_or_si128(
                  _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                               _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
                  _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));

    return _mm_or_si128(special, v);
}


/*
 * The quote that ends a string of which the next byte is at p, if nothing but
 * plain ASCII is before it; NULL to look closer.
 */
static inline const unsigned char *
dmp_entry_quote(const unsigned char *p, const unsigned char *end)
{
    __m128i   v;
    unsigned  mask;

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);
        mask = (unsigned) _mm_movemask_epi8(dmp_entry_special(v));

        if (mask != 0) {
            p += __builtin_ctz(mask);
            return *p == '"' ? p : NULL;
        }

        p += 16;
    }

    return NULL;
}


/*
 * Whether the len bytes at p, 16 to 48 and known when this is compiled, are
 * plain ASCII in a string.
 */
static inline __attribute__((always_inline)) bool
dmp_entry_plain(const unsigned char *p, size_t len)
{
    size_t   i;
    __m128i  v, special;

    v = _mm_loadu_si128((const __m128i *) (const void *) (p + len - 16));
    special = dmp_entry_special(v);

    for (i = 0; i + 16 < len; i += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) (p + i));
        special = _mm_or_si128(special, dmp_entry_special(v));
    }

    return _mm_movemask_epi8(special) == 0;
}


/* "delta" where a byte of v is from low to high. */
static inline __m128i
dmp_entry_range(__m128i v, char low, char high, int delta)
{
    __m128i  in;

    in = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char) (low - 1))),
                       _mm_cmplt_epi8(v, _mm_set1_epi8((char) (high + 1))));

    return _mm_and_si128(in, _mm_set1_epi8((char) delta));
}


/* 12 bytes from 16 digits of base64url; false if one of them is none. */
static inline bool
dmp_entry_digits(const unsigned char *p, unsigned char *out)
{
    __m128i   v, delta;
    uint32_t  last;
    uint64_t  low, high, first;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);

    /* what leads from a digit to its six bits, and is 0 of no digit */
    delta = _mm_or_si128(
                _mm_or_si128(dmp_entry_range(v, 'A', 'Z', -'A'),
                             dmp_entry_range(v, 'a', 'z', 26 - 'a')),
                _mm_or_si128(dmp_entry_range(v, '0', '9', 52 - '0'),
                    _mm_or_si128(dmp_entry_range(v, '-', '-', 62 - '-'),
                                 dmp_entry_range(v, '_', '_', 63 - '_'))));

    if (_mm_movemask_epi8(_mm_cmpeq_epi8(delta, _mm_setzero_si128())) != 0) {
        return false;
    }

    v = _mm_add_epi8(v, delta);

    /* two digits to 12 bits, and two of these to 24, the first one on top */
    v = _mm_or_si128(_mm_slli_epi16(_mm_and_si128(v, _mm_set1_epi16(0xff)), 6),
                     _mm_srli_epi16(v, 8));
    v = _mm_madd_epi16(v, _mm_set1_epi32(1 << 16 | 1 << 12));

    low = (uint64_t) _mm_cvtsi128_si64(v);
    high = (uint64_t) _mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v));
    low = low << 32 >> 8 | low >> 32;
    high = high << 32 >> 8 | high >> 32;

    first = __builtin_bswap64(low << 16 | high >> 32);
    last = __builtin_bswap32((uint32_t) high);
    memcpy(out, &first, sizeof(first));
    memcpy(out + sizeof(first), &last, sizeof(last));

    return true;
}

#else

static inline const unsigned char *
dmp_entry_quote(const unsigned char *p, const unsigned char *end)
{
    (void) p;
    (void) end;

    return NULL;
}


static inline bool
dmp_entry_plain(const unsigned char *p, size_t len)
{
    (void) p;
    (void) len;

    return false;
}

#endif

#endif
