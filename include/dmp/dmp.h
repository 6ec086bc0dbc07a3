/*
 * dmp.h: the few types that every part of the core shares.
 *
 * The core is plain C11.  It knows no nginx, no Redis, no socket, no clock and
 * no environment; strings are a pointer and a length, never NUL-terminated.
 */

#ifndef DMP_H
#define DMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    const char  *data;
    size_t       len;
} dmp_str_t;

#define dmp_string(literal)  ((dmp_str_t) { literal, sizeof(literal) - 1 })
#define dmp_null_string      ((dmp_str_t) { NULL, 0 })


/*
 * Not for secrets.  Identifiers and codes of one length differ at their end
 * most often: that is looked at first, and tells without a call.
 */
static inline bool
dmp_str_eq(dmp_str_t a, dmp_str_t b)
{
    uint64_t  x, y;

    if (a.len != b.len) {
        return false;
    }

    if (a.len >= sizeof(x)) {
        memcpy(&x, a.data + a.len - sizeof(x), sizeof(x));
        memcpy(&y, b.data + b.len - sizeof(y), sizeof(y));

        return x == y && memcmp(a.data, b.data, a.len - sizeof(x)) == 0;
    }

    return a.len == 0 || (a.data[a.len - 1] == b.data[a.len - 1]
                          && memcmp(a.data, b.data, a.len) == 0);
}


/* The zero value is the failure: a forgotten return code does not permit. */
typedef enum {
    DMP_E_INTERNAL = 0,
    DMP_OK,
    DMP_E_NOMEM,
    DMP_E_SYNTAX,            /* not the format it claims to be */
    DMP_E_LIMIT,             /* larger or deeper than we agree to look at */
    DMP_E_UNKNOWN,           /* a key, a code or a shape we have no rule for */
    DMP_E_REFUSED            /* verification failed: signature, tag, chain */
} dmp_rc_t;


/* Where a configuration file or an import is wrong, for people. */
typedef struct {
    char      file[128];     /* NUL-terminated; empty when there is but one */
    unsigned  line;          /* 1-based; 0 when unknown */
    char      text[256];     /* NUL-terminated sentence naming the word */
} dmp_error_t;


/*
 * A buffer of fixed size that text is appended to.  Overflow sets "full" and
 * writes nothing more, so that a whole text is checked once, at its end.
 */
typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
    bool     full;
} dmp_buf_t;

void dmp_buf_init(dmp_buf_t *b, char *data, size_t size);

/* In the header, so that words of ours are copied without a call. */
static inline void
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

/* NUL-terminated */
static inline void
dmp_buf_text(dmp_buf_t *b, const char *text)
{
    dmp_buf_add(b, text, strlen(text));
}

void dmp_buf_str(dmp_buf_t *b, dmp_str_t s);
void dmp_buf_uint(dmp_buf_t *b, uint64_t n);
void dmp_buf_base64url(dmp_buf_t *b, const unsigned char *data, size_t len);

/*
 * Appends s as a JSON string, quotes included.  Control characters are
 * escaped; bytes that are not UTF-8 become U+FFFD, so that what a client sent
 * can never make an entry unreadable (nor two readers disagree about it).
 */
void dmp_buf_json(dmp_buf_t *b, dmp_str_t s);

/* Appends "2026-11-22T03:06:48.123Z"; unix_ms is milliseconds since 1970. */
void dmp_buf_time(dmp_buf_t *b, int64_t unix_ms);

/*
 * Decodes base64url without padding.  Returns false on any other byte, on a
 * wrong length, or when out_len bytes are not exactly what it holds.
 */
bool dmp_base64url_decode(dmp_str_t in, unsigned char *out, size_t out_len);

/* Length of the UTF-8 sequence at p (1 to 4), 0 if there is none. RFC 3629. */
size_t dmp_utf8_length(const unsigned char *p, const unsigned char *end);

/*
 * The day, counted from 1970-01-01, that it is in Europe/Paris at that
 * instant (Directive 2000/84/EC: summer time from the last Sunday of March to
 * the last Sunday of October, 01:00 UTC).
 */
int32_t dmp_day_paris(int64_t unix_sec);

/* The instant at which that day begins there, in seconds since 1970. */
int64_t dmp_day_begins_paris(int32_t day);

/* "2026-02-01" to a day counted from 1970-01-01; false if not a real date. */
bool dmp_day_parse(dmp_str_t text, int32_t *day);

/*
 * A birth date as far as it is known: "1985-03-02", "1985-03", "1985" (FHIR
 * R4, datatype date), or with "00" for what is not: "1985-03-00".  How many
 * of its bytes say what is known: 10, 7 or 4; 0 if it is none.
 */
size_t dmp_birthdate_known(dmp_str_t text);

/*
 * A FHIR instant or dateTime with a time zone to seconds since 1970:
 * "2026-02-01T10:15:00.5+01:00", "…Z" (FHIR R4, 2.24.0.1).  False otherwise.
 */
bool dmp_instant_parse(dmp_str_t text, int64_t *unix_sec);

/* The same day so many months later, or the last one of a shorter month. */
int32_t dmp_day_add_months(int32_t day, unsigned months);

/*
 * People's words, compared as people do: case, accents, hyphens, apostrophes
 * and spaces do not count (NFKD, case folding; Unicode TR15, TR44).
 */

/*
 * Whether both are the same name.  A text that is not UTF-8 or has more than
 * 1,536 letters is no name, nor one that has none.
 */
bool dmp_fold_same(dmp_str_t a, dmp_str_t b);

/* Whether name is one of the names in list, or some that follow each other. */
bool dmp_fold_among(dmp_str_t name, dmp_str_t list);

/*
 * Characters that a reader sees: neither blank, nor control, nor formatting,
 * nor combining, nor unassigned.  0 if it is not UTF-8.
 */
size_t dmp_visible(dmp_str_t text);

/*
 * UUIDv7 (RFC 9562) in its text form, 36 bytes, not terminated.  random is 10
 * fresh random bytes.
 */
#define DMP_UUID_LEN  36
void dmp_uuid7(char out[DMP_UUID_LEN], int64_t unix_ms,
    const unsigned char random[10]);

#endif
