/*
 * dmp_session_int.h: what the files of accounts and sessions share.
 */

#ifndef DMP_SESSION_INT_H
#define DMP_SESSION_INT_H

#include <jansson.h>

#include <dmp/dmp_session.h>


#define DMP_SESSION_MAC_LEN     32
#define DMP_SESSION_NUMBER_MAX  9007199254740991     /* 2^53 - 1: the same to
                                                        all who read JSON */


/* HMAC-SHA256 of the pieces, one after the other. */
dmp_rc_t dmp_session_mac(const unsigned char key[DMP_KEY_LEN],
    const dmp_str_t *pieces, size_t n,
    unsigned char mac[DMP_SESSION_MAC_LEN]);

/*
 * A number below n out of 32 random bits; false: these would favour some
 * numbers, and others must be drawn.  n is not 0.
 */
bool dmp_session_pick(uint32_t random, uint32_t n, uint32_t *out);

/* The same of fresh bits, as often as it takes; false: there are none. */
bool dmp_session_draw(uint32_t n, uint32_t *out);

/* len characters of the alphabet (NUL-terminated); wiped when it fails. */
bool dmp_session_letters(const char *alphabet, char *out, size_t len);

/* Writes the two characters that check the ten before them. */
void dmp_identifier_check(char identifier[DMP_IDENTIFIER_LEN]);

/* '0' where people type O, '1' for I and L, else upper case; 0: it is none. */
char dmp_identifier_letter(char typed);

/* Bytes of a separator that people write between groups; 0: it is none. */
size_t dmp_identifier_gap(const char *p, size_t len);


/*
 * A JSON object of at most max bytes that has exactly the n members of names,
 * each once.  *out is to be given to dmp_session_json_free(), which wipes what
 * its strings held.  DMP_E_LIMIT, DMP_E_SYNTAX, DMP_E_UNKNOWN (a member),
 * DMP_E_NOMEM: *out is NULL.
 */
dmp_rc_t dmp_session_json(dmp_str_t text, size_t max,
    const char *const *names, size_t n, json_t **out);
void dmp_session_json_free(json_t *root);

/* A member that is a string; one that is not has no data. */
dmp_str_t dmp_session_json_string(const json_t *root, const char *name);

/* A member that is a whole number from 1 to 2^53 - 1. */
bool dmp_session_json_number(const json_t *root, const char *name,
    int64_t *out);

#endif
