/*
 * dmp_record.h: a patient's record as the store holds it (rights, not
 * documents): its JSON form, the compact form that decisions use, its seal,
 * and the pseudonymous names of its keys.
 */

#ifndef DMP_RECORD_H
#define DMP_RECORD_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>


#define DMP_KEY_LEN        32            /* record and pseudonym keys, bytes */
#define DMP_PSEUDONYM_LEN  22            /* base64url of 16 bytes */
#define DMP_BUCKETS_MAX    256
#define DMP_RECORD_MAX     (256 * 1024)  /* bytes of JSON */
#define DMP_RECORD_SPARE   (16 * 1024)   /* of them, for what takes rights away
                                            and nothing else */

typedef struct {
    dmp_str_t  id;                       /* national identifier */
    int32_t    since;                    /* days, Europe/Paris */
    int32_t    until;                    /* exclusive */
} dmp_grant_t;

typedef struct {
    dmp_str_t  ins;
    int32_t    until;
} dmp_representative_t;

typedef struct {
    const dmp_str_t  *list;
    size_t            n;
} dmp_list_t;

struct dmp_record_s {
    dmp_str_t                    ins;
    bool                         open;   /* false: closed */
    dmp_str_t                    family;
    dmp_str_t                    birth_family;
    dmp_str_t                    given;
    dmp_str_t                    birthdate;
    dmp_str_t                    sex;    /* "M", "F" or empty */
    bool                         bris_de_glace;      /* patient agrees */
    bool                         centre_15;
    bool                         emergency_masked;
    bool                         mask_by_default;
    dmp_list_t                   treating;
    dmp_list_t                   blocked;
    dmp_list_t                   masked;
    dmp_list_t                   unmasked;
    const dmp_grant_t           *authorisations;
    size_t                       n_authorisations;
    const dmp_representative_t  *representatives;
    size_t                       n_representatives;
    size_t                       size;   /* bytes of the whole block */
};

/*
 * Reads the JSON of docs/store.md, strictly: unknown members, duplicates,
 * wrong types and impossible dates are errors that name the member.  On
 * success *out is one block from malloc() that the caller frees with
 * dmp_record_free() (it is wiped: it holds identity traits).
 */
dmp_rc_t dmp_record_parse(const char *json, size_t len, dmp_record_t **out,
    dmp_error_t *error);
void dmp_record_free(dmp_record_t *record);

/*
 * Where the patient is written to, from a record's JSON; strings of *out point
 * into room, which the caller wipes.  False: it is no record, or its contact
 * is too long; a record without one has none.
 */
#define DMP_CONTACT_ROOM  1024

/* {"contact":…}, which dmp_record_contact() reads. */
void dmp_contact_write(dmp_buf_t *b, const dmp_contact_t *contact);

bool dmp_record_contact(const char *json, size_t len,
    char room[DMP_CONTACT_ROOM], dmp_contact_t *out);

/*
 * The first of n elements of that size, each of which begins with its name (a
 * dmp_str_t), that has this one; NULL if none has.
 */
const void *dmp_find_named(const void *list, size_t n, size_t size,
    dmp_str_t name);


/* Record keys, newest first: the first seals, all of them open. */
#define DMP_KEYRING_MAX  8

typedef struct {
    unsigned       n;
    unsigned char  key[DMP_KEYRING_MAX][DMP_KEY_LEN];
    unsigned char  id[DMP_KEYRING_MAX][4];  /* start of SHA-256 of the key */
} dmp_keyring_t;

/* Adds a key given as 64 hex digits (surrounding white space allowed). */
dmp_rc_t dmp_keyring_add(dmp_keyring_t *ring, dmp_str_t hex);
dmp_rc_t dmp_key_parse(dmp_str_t hex, unsigned char key[DMP_KEY_LEN]);

#define DMP_SEAL_OVERHEAD  (1 + 4 + 12 + 16)

/*
 * AES-256-GCM under the newest key: format byte, key id, nonce, text, tag.
 * name, field and version are bound as associated data, so that a sealed value
 * moved to another key, field or version does not open.  out holds
 * len + DMP_SEAL_OVERHEAD bytes.  A record is sealed with the name of its key
 * ("{dmp:07}:rec:P"), the field DMP_RECORD_FIELD and its own version.
 */
#define DMP_RECORD_FIELD  "d"

dmp_rc_t dmp_seal(const dmp_keyring_t *ring, dmp_str_t name, dmp_str_t field,
    uint64_t version, const char *text, size_t len, char *out, size_t *out_len);

/* The reverse; DMP_E_REFUSED if it was not sealed so.  out holds len bytes. */
dmp_rc_t dmp_unseal(const dmp_keyring_t *ring, dmp_str_t name, dmp_str_t field,
    uint64_t version, const char *sealed, size_t len, char *out,
    size_t *out_len);


/* P: base64url of the first 16 bytes of HMAC-SHA256(pseudonym key, INS). */
dmp_rc_t dmp_pseudonym(const unsigned char key[DMP_KEY_LEN], dmp_str_t ins,
    char out[DMP_PSEUDONYM_LEN]);

/* NN: first byte of SHA-256(P) modulo the number of buckets. */
unsigned dmp_bucket(const char pseudonym[DMP_PSEUDONYM_LEN], unsigned buckets);

/*
 * The name of a key of one bucket: "{dmp:07}:rec:P"; suffix may be empty
 * ("{dmp:07}:trace").  Returns its length; out is not terminated.
 */
#define DMP_KEY_NAME_MAX  128
size_t dmp_key_name(char out[DMP_KEY_NAME_MAX], unsigned bucket,
    const char *kind, dmp_str_t suffix);


/*
 * An INS: 15 characters (13 of the NIR or NIA, with Corsica's 2A and 2B, and
 * a key of two digits).  With check_key the key must be 97 minus the number
 * modulo 97 (2A counts as 19, 2B as 18).
 */
bool dmp_ins_valid(dmp_str_t ins, bool check_key);

/*
 * Whether somewhere in the text stands what may be an INS: 15 characters with
 * a valid key, between characters other than letters and digits of ASCII,
 * percent escapes ("%7C") or the text's ends.  Within a longer run they do not
 * count, since about every hundredth place in any long number would; nor do
 * the 13 without the key, which cannot be told from a time in milliseconds.
 * Nothing is decoded, and blanks between groups of digits are not passed over.
 */
bool dmp_ins_within(dmp_str_t text);

#endif
