/*
 * dmp_scan_bytes.h: the innermost loops of the scanner.  Almost all bytes of
 * an answer are inside strings or indentation; these two loops use SSE2.
 * DMP_SCAN_PLAIN leaves that out, so that tests can compare the two.
 */

#ifndef DMP_SCAN_BYTES_H
#define DMP_SCAN_BYTES_H

#include <stdbool.h>

#if defined(__SSE2__) && !defined(DMP_SCAN_PLAIN)
#define DMP_SCAN_SSE2  1
#include <emmintrin.h>
#endif


static inline bool
dmp_scan_is_space(unsigned char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


static inline bool
dmp_scan_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}


static inline bool
dmp_scan_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}


/* The first byte that is not white space, or end. */
static inline const unsigned char *
dmp_scan_space(const unsigned char *p, const unsigned char *end)
{
#ifdef DMP_SCAN_SSE2

    unsigned  mask;
    __m128i   v, space;

    /* compact texts have none, and one byte between tokens at most */

    if (p < end && *p > ' ') {
        return p;
    }

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        space = _mm_or_si128(
                    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                 _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
                    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                                 _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));

        mask = (unsigned) _mm_movemask_epi8(space) ^ 0xffff;

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p < end && dmp_scan_is_space(*p)) {
        p++;
    }

    return p;
}


#ifdef DMP_SCAN_SSE2

/*
 * How many of the 16 bytes at p, of which the first n are wanted and byte n,
 * if n is below 16, is ASCII, are whole UTF-8 sequences of one to three bytes;
 * 0 to look closer: they are not, or it takes more than this to tell.
 */
static inline unsigned
dmp_scan_utf8_block(__m128i v, unsigned n)
{
    __m128i   odd;
    unsigned  tail, lead, lead3, expected, wanted;

    /* by the second byte only: C0, C1, E0, ED, and four bytes, from F0 up */

    odd = _mm_or_si128(
              _mm_or_si128(
                  _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8((char) 0xfe)),
                                 _mm_set1_epi8((char) 0xc0)),
                  _mm_cmpeq_epi8(v, _mm_set1_epi8((char) 0xe0))),
              _mm_or_si128(
                  _mm_cmpeq_epi8(v, _mm_set1_epi8((char) 0xed)),
                  _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8((char) 0xf0)),
                                 v)));

    /* signed: continuation bytes, 80 to BF, are the lowest */

    tail = (unsigned) _mm_movemask_epi8(
                          _mm_cmplt_epi8(v, _mm_set1_epi8((char) 0xc0)));
    lead = (unsigned) _mm_movemask_epi8(v) & ~tail;
    lead3 = lead & (unsigned) _mm_movemask_epi8(
                           _mm_cmpgt_epi8(v, _mm_set1_epi8((char) 0xdf)));
    expected = lead << 1 | lead3 << 2;

    /* a sequence that the block cuts off is left for the next one */

    if (n == 16) {
        n -= lead3 & 0x4000 ? 2 : lead >> 15;
    }

    /* byte n too: it begins something, so nothing may expect it */

    wanted = (2u << n) - 1;

    return ((expected ^ tail) & wanted) == 0
           && ((unsigned) _mm_movemask_epi8(odd) & wanted) == 0 ? n : 0;
}

#endif


/*
 * Inside a string: the first byte that is a quote, a backslash or a control
 * character, or one that is not ASCII and was not looked at, or end.
 */
static inline const unsigned char *
dmp_scan_run(const unsigned char *p, const unsigned char *end)
{
#ifdef DMP_SCAN_SSE2

    __m128i   v, special;
    unsigned  mask, n;

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        special = _mm_or_si128(
                      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
                      _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));

        mask = (unsigned) _mm_movemask_epi8(special);

        if (_mm_movemask_epi8(v) == 0) {
            if (mask != 0) {
                return p + __builtin_ctz(mask);
            }

            p += 16;
            continue;
        }

        n = dmp_scan_utf8_block(v, mask != 0
                                   ? (unsigned) __builtin_ctz(mask) : 16);

        if (n == 0) {
            break;
        }

        p += n;

        if (mask != 0) {
            return p;
        }
    }

#endif

    while (p < end && dmp_scan_is_plain(*p)) {
        p++;
    }

    return p;
}

#endif
