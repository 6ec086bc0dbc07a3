/*
 * dmp_scan_bytes.h: the innermost loops of the scanner.  Almost all bytes of
 * an answer are inside strings or indentation; these loops look at 16 at a
 * time, with SSE2 or NEON.  DMP_SCAN_PLAIN leaves that out, so that tests can
 * compare the two.
 */

#ifndef DMP_SCAN_BYTES_H
#define DMP_SCAN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(DMP_SCAN_PLAIN)

#if defined(__SSE2__)
#define DMP_SCAN_SSE2   1
#define DMP_SCAN_BLOCK  16
#include <emmintrin.h>

#elif defined(__aarch64__) && defined(__ARM_NEON)
#define DMP_SCAN_NEON   1
#define DMP_SCAN_BLOCK  16
#include <arm_neon.h>
#endif

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


/*
 * Of the 16 bytes at p, which are not plain inside a string, which are no
 * white space, and which are the same as those of a text: a mask.  The first
 * byte that a mask has; and the mask that has the first n.
 */

#if defined(DMP_SCAN_SSE2)

typedef unsigned  dmp_scan_mask_t;


static inline size_t
dmp_scan_first(dmp_scan_mask_t mask)
{
    return (unsigned) __builtin_ctz(mask);
}


static inline dmp_scan_mask_t
dmp_scan_not_plain(const unsigned char *p)
{
    __m128i  v;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);

    /*
     * Signed, what is not ASCII is below the control characters; and with the
     * two of a quote and of a blank exchanged, so is the quote: less than '!',
     * which is what the sign of a difference says where it cannot wrap.
     */

    return (unsigned) _mm_movemask_epi8(
               _mm_or_si128(
                   _mm_subs_epi8(_mm_xor_si128(v, _mm_set1_epi8(2)),
                                 _mm_set1_epi8('!')),
                   _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}


static inline dmp_scan_mask_t
dmp_scan_not_space(const unsigned char *p)
{
    __m128i  v;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);

    return (unsigned) _mm_movemask_epi8(
               _mm_or_si128(
                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')))))
           ^ 0xffff;
}


static inline dmp_scan_mask_t
dmp_scan_same(const unsigned char *p, const unsigned char *text)
{
    return (unsigned) _mm_movemask_epi8(
               _mm_cmpeq_epi8(
                   _mm_loadu_si128((const __m128i *) (const void *) p),
                   _mm_loadu_si128((const __m128i *) (const void *) text)));
}


static inline dmp_scan_mask_t
dmp_scan_first_of(size_t n)
{
    return (1u << n) - 1;
}

#elif defined(DMP_SCAN_NEON)

/* Four bits of the mask for each byte: there is no instruction for one. */
typedef uint64_t  dmp_scan_mask_t;


static inline size_t
dmp_scan_first(dmp_scan_mask_t mask)
{
    return (unsigned) __builtin_ctzll(mask) / 4;
}


static inline dmp_scan_mask_t
dmp_scan_mask(uint8x16_t bytes)
{
    return vget_lane_u64(
               vreinterpret_u64_u8(
                   vshrn_n_u16(vreinterpretq_u16_u8(bytes), 4)), 0);
}


static inline dmp_scan_mask_t
dmp_scan_not_plain(const unsigned char *p)
{
    uint8x16_t  v;

    v = vld1q_u8(p);

    /* as above */

    return dmp_scan_mask(
               vorrq_u8(
                   vcltq_s8(vreinterpretq_s8_u8(veorq_u8(v, vdupq_n_u8(2))),
                            vdupq_n_s8('!')),
                   vceqq_u8(v, vdupq_n_u8('\\'))));
}


static inline dmp_scan_mask_t
dmp_scan_not_space(const unsigned char *p)
{
    uint8x16_t  v;

    v = vld1q_u8(p);

    return ~dmp_scan_mask(
               vorrq_u8(
                   vorrq_u8(vceqq_u8(v, vdupq_n_u8(' ')),
                            vceqq_u8(v, vdupq_n_u8('\n'))),
                   vorrq_u8(vceqq_u8(v, vdupq_n_u8('\r')),
                            vceqq_u8(v, vdupq_n_u8('\t')))));
}


static inline dmp_scan_mask_t
dmp_scan_same(const unsigned char *p, const unsigned char *text)
{
    return dmp_scan_mask(vceqq_u8(vld1q_u8(p), vld1q_u8(text)));
}


static inline dmp_scan_mask_t
dmp_scan_first_of(size_t n)
{
    return n < 16 ? ((uint64_t) 1 << 4 * n) - 1 : UINT64_MAX;
}

#endif


/* The first byte that is not white space, or end: p is on white space. */
static const unsigned char *
dmp_scan_spaces(const unsigned char *p, const unsigned char *end)
    __attribute__((noinline, unused));

static const unsigned char *
dmp_scan_spaces(const unsigned char *p, const unsigned char *end)
{
#ifdef DMP_SCAN_BLOCK

    dmp_scan_mask_t  mask;

    while (end - p >= DMP_SCAN_BLOCK) {
        mask = dmp_scan_not_space(p);

        if (mask != 0) {
            return p + dmp_scan_first(mask);
        }

        p += DMP_SCAN_BLOCK;
    }

#endif

    while (p < end && dmp_scan_is_space(*p)) {
        p++;
    }

    return p;
}


/* The first byte that is not white space, or end. */
static inline const unsigned char *
dmp_scan_space(const unsigned char *p, const unsigned char *end)
{
    /* compact texts have none */

    return p < end && *p <= ' ' ? dmp_scan_spaces(p, end) : p;
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


/* Past whole blocks of text, as far as they are UTF-8 and nothing else. */
static inline const unsigned char *
dmp_scan_blocks(const unsigned char *p, const unsigned char *end)
{
    __m128i   v, special;
    unsigned  mask, n;

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        special = _mm_or_si128(
                      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
                      _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));

        mask = (unsigned) _mm_movemask_epi8(special);
        n = mask != 0 ? (unsigned) __builtin_ctz(mask) : 16;

        if (_mm_movemask_epi8(v) != 0) {
            n = dmp_scan_utf8_block(v, n);

            if (n == 0) {
                break;
            }
        }

        p += n;

        if (mask != 0) {
            break;
        }
    }

    return p;
}

#elif defined(DMP_SCAN_NEON)

/* Past whole blocks of ASCII. */
static inline const unsigned char *
dmp_scan_blocks(const unsigned char *p, const unsigned char *end)
{
    dmp_scan_mask_t  mask;

    while (end - p >= DMP_SCAN_BLOCK) {
        mask = dmp_scan_not_plain(p);

        if (mask != 0) {
            return p + dmp_scan_first(mask);
        }

        p += DMP_SCAN_BLOCK;
    }

    return p;
}

#endif


/*
 * Inside a string: the first byte that is a quote, a backslash or a control
 * character, or one that is not ASCII and was not looked at, or end.
 */
static inline const unsigned char *
dmp_scan_run(const unsigned char *p, const unsigned char *end)
{
#ifdef DMP_SCAN_BLOCK
    p = dmp_scan_blocks(p, end);
#endif

    while (p < end && dmp_scan_is_plain(*p)) {
        p++;
    }

    return p;
}

#endif
