/*
 * dmp_session.h: a patient's account and session: identifiers, passwords,
 * one-time codes, and the token that a session is known by.  Nothing here
 * reads a clock or a store; what is drawn at random comes from OpenSSL.
 */

#ifndef DMP_SESSION_H
#define DMP_SESSION_H

#include <openssl/evp.h>

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>


/*
 * An identifier: 10 digits and letters without those that are mistaken for
 * another (Crockford's base32), drawn at random, and two that check it: one or
 * two wrong characters, or two that changed places, are always noticed.  People
 * write it in groups (blanks, hyphens, dots), in any case, O for 0, I or L for
 * 1.
 */
#define DMP_IDENTIFIER_LEN    12
#define DMP_LOGIN_HASH_LEN    22         /* base64url of 16 bytes */
#define DMP_PASSWORD_MIN      12         /* characters */
#define DMP_PASSWORD_MAX      128        /* bytes */
#define DMP_CODE_LEN          6          /* digits */
#define DMP_CODE_HASH_LEN     43         /* base64url of 32 bytes */
#define DMP_TOKEN_ID_LEN      22         /* base64url of 16 bytes; of sessions
                                            and challenges */
#define DMP_TOKEN_MAX         2048       /* bytes of a token */
#define DMP_TEMPORARY_LEN     16         /* of a temporary password */

bool dmp_identifier_make(char out[DMP_IDENTIFIER_LEN]);

/*
 * As it is kept, from what was typed; false: it is none (its check fails), and
 * out is zeros.
 */
bool dmp_identifier_read(dmp_str_t typed, char out[DMP_IDENTIFIER_LEN]);

/*
 * H of dmp:login:H: base64url of the first 16 bytes of HMAC-SHA256 (pseudonym
 * key, "dmp-login", 0, identifier).  Also of what is no identifier, so that
 * looking for it takes the same way.
 */
dmp_rc_t dmp_login_hash(const unsigned char key[DMP_KEY_LEN],
    dmp_str_t identifier, char out[DMP_LOGIN_HASH_LEN]);

/*
 * The same of an account and a client's address, for counting attempts:
 * "dmp-attempt", 0, the identifier's length (8 bytes, the highest first),
 * identifier, address: what was typed may hold any byte.
 */
dmp_rc_t dmp_attempt_hash(const unsigned char key[DMP_KEY_LEN],
    dmp_str_t identifier, dmp_str_t address, char out[DMP_LOGIN_HASH_LEN]);

/* 16 random bytes in base64url. */
bool dmp_token_id_make(char out[DMP_TOKEN_ID_LEN]);
bool dmp_token_id_valid(dmp_str_t id);

/* A password that will be changed: letters and digits nobody mistakes. */
bool dmp_temporary_make(char out[DMP_TEMPORARY_LEN]);

/*
 * NULL, or why a password cannot be taken (French, for the patient): it is no
 * UTF-8, holds control characters, has less than DMP_PASSWORD_MIN characters or
 * more than DMP_PASSWORD_MAX bytes, contains the identifier however written,
 * is itself an identifier, repeats up to six characters, counts up or down, or
 * is a word that is tried first with a few digits and signs around it.
 */
const char *dmp_password_refused(dmp_str_t password, dmp_str_t identifier);


/* scrypt (RFC 7914): N 2^15, r 8, p 1: 32 MiB. */
#define DMP_SCRYPT_SALT    16
#define DMP_SCRYPT_HASH    32
#define DMP_SCRYPT_MEMORY  (64 * 1024 * 1024)    /* OpenSSL's own limit */

/*
 * Derives; runs for some 50 ms, in a thread of its own.  False: memory, or a
 * length other than 1 to DMP_PASSWORD_MAX; hash is then zeros.  The password is
 * taken as its bytes are.
 */
bool dmp_scrypt(dmp_str_t password, const unsigned char salt[DMP_SCRYPT_SALT],
    unsigned char hash[DMP_SCRYPT_HASH]);

/* An account, as dmp:login:H keeps it sealed. */
typedef struct {
    unsigned char  salt[DMP_SCRYPT_SALT];
    unsigned char  hash[DMP_SCRYPT_HASH];
    bool           temporary;            /* to be changed at the next sign-in */
    char           channel[8];           /* of the last code: "sms", "email",
                                            or empty */
} dmp_account_t;

#define DMP_ACCOUNT_MAX    512           /* bytes of JSON */
#define DMP_ACCOUNT_FIELD  "s"

/*
 * Writing another channel makes the buffer full.  Reading is strict: each
 * member once and none unknown (DMP_E_UNKNOWN), of its type (DMP_E_SYNTAX), in
 * DMP_ACCOUNT_MAX bytes (DMP_E_LIMIT); otherwise *account is zeros.  The caller
 * wipes both.
 */
/*
 * An account as it is stored: sealed for its key, "dmp:login:H", its version
 * and the patient P that the key names, so that it opens for no other.  out
 * holds DMP_ACCOUNT_SEALED bytes.
 */
#define DMP_ACCOUNT_SEALED  (DMP_ACCOUNT_MAX + DMP_SEAL_OVERHEAD)

dmp_rc_t dmp_account_seal(const dmp_keyring_t *ring,
    const char login[DMP_LOGIN_HASH_LEN],
    const char patient[DMP_PSEUDONYM_LEN], uint64_t version,
    const dmp_account_t *account, char *out, size_t *out_len);
dmp_rc_t dmp_account_open(const dmp_keyring_t *ring,
    const char login[DMP_LOGIN_HASH_LEN],
    const char patient[DMP_PSEUDONYM_LEN], uint64_t version, dmp_str_t sealed,
    dmp_account_t *account);

void dmp_account_write(dmp_buf_t *b, const dmp_account_t *account);
dmp_rc_t dmp_account_read(dmp_str_t json, dmp_account_t *account);


/* Six digits, drawn without bias. */
bool dmp_code_make(char out[DMP_CODE_LEN]);
bool dmp_code_valid(dmp_str_t code);

/*
 * What is kept of a code: base64url of HMAC-SHA256 (pseudonym key, "dmp-code",
 * 0, challenge, 0, code): of another challenge it is another.  DMP_E_SYNTAX: it
 * is no challenge, or no code; out is zeros.
 */
dmp_rc_t dmp_code_hash(const unsigned char key[DMP_KEY_LEN],
    dmp_str_t challenge, dmp_str_t code, char out[DMP_CODE_HASH_LEN]);


typedef enum {
    DMP_CONTACT_NONE = 0,
    DMP_CONTACT_SMS,
    DMP_CONTACT_EMAIL
} dmp_contact_channel_t;

/* "sms", "email", and "" of none. */
const char *dmp_contact_channel_name(dmp_contact_channel_t channel);

/*
 * Where a code goes: the channel that is preferred (a phone, if nothing is), or
 * the other one where only that has an address; one that is to be avoided only
 * if the other has none.  An address that cannot be written to is none.  *to
 * points into the contact.  NONE: there is no address.
 */
dmp_contact_channel_t dmp_contact_channel(const dmp_contact_t *contact,
    dmp_contact_channel_t avoid, dmp_str_t *to);

/*
 * Whether it can be written to: E.164 or French, in groups of digits (blank,
 * dot or hyphen between two); an address of RFC 5321, of atoms and a domain.
 */
bool dmp_contact_phone(dmp_str_t phone);
bool dmp_contact_email(dmp_str_t email);

/*
 * "06 •• •• •• 12", "+44 •• •• •• 12", "a•••@e•••.fr": enough to know which one
 * it is, and as long for all.  Of what cannot be written to the buffer is full.
 */
void dmp_contact_hint(dmp_buf_t *b, dmp_contact_channel_t channel,
    dmp_str_t to);

/*
 * The text of a message with something sealed in it, for the outbox
 * (docs/store.md): compact JSON.  kind is "code" or "password", or of a notice
 * that goes to an address that is no longer on record.  A message that says
 * nothing that can be delivered (no channel, holder or address; a code without
 * purpose or end, or with a password) makes the buffer full.
 */
typedef struct {
    dmp_str_t              patient;      /* P */
    dmp_contact_channel_t  channel;
    dmp_str_t              to;
    int64_t                until_ms;     /* 0: none */
    dmp_str_t              code;         /* empty: none */
    const char            *purpose;      /* of a code: "sign-in", "recovery",
                                            "contact" */
    dmp_str_t              password;     /* empty: none; the identifier never
                                            comes by the same channel */
} dmp_message_t;

#define DMP_MESSAGE_MAX    1024
#define DMP_MESSAGE_FIELD  "s"

void dmp_message_write(dmp_buf_t *b, const dmp_message_t *message);


/* A session's claims. */
typedef struct {
    char     id[DMP_TOKEN_ID_LEN];
    char     patient[DMP_PSEUDONYM_LEN];
    char     ins[15];
    bool     discreet;                   /* a minor's own: no representative
                                            is to learn of it */
    int64_t  issued;                     /* seconds since 1970 */
    int64_t  expires;
} dmp_claims_t;

/* Keys of sessions: the first signs, all of them verify; begins all zero. */
#define DMP_SESSION_KEYS  4

typedef struct {
    EVP_PKEY  *sign;                     /* private, EC P-256 */
    char      *sign_pem;
    size_t     sign_len;
    unsigned   n;
    char      *pem[DMP_SESSION_KEYS];    /* public, the newest first */
    size_t     len[DMP_SESSION_KEYS];
    char       id[DMP_SESSION_KEYS][9];  /* "kid": 8 hex digits of SHA-256 of
                                            the DER, and a NUL */
} dmp_session_keys_t;

/*
 * Adds the keys of a text in PEM, one or several: the first of all must be
 * private, others may be either (of a private one its public part is kept).
 * DMP_E_SYNTAX: no key, or one that cannot be read (encrypted, broken);
 * DMP_E_UNKNOWN: not EC P-256, named; DMP_E_REFUSED: the first is public, or
 * one is there already; DMP_E_LIMIT: too many.  Then nothing of the text is
 * added.  OpenSSL's queue of errors is emptied.  Wipe frees all.
 */
dmp_rc_t dmp_session_keys_add(dmp_session_keys_t *keys, dmp_str_t pem);
void dmp_session_keys_wipe(dmp_session_keys_t *keys);

/*
 * A token: a JWS of RFC 7515 in compact form, ES256 (libjwt).  The INS is
 * sealed in it under the record key, and with it whether the session is
 * discreet, which nobody who looks at the token is to learn.  aud is the
 * gateway's own name for what its tokens are for.  Appends to out, for which
 * DMP_TOKEN_MAX bytes are enough.  DMP_E_SYNTAX: claims that no token can have;
 * DMP_E_LIMIT: no room.
 */
#define DMP_TOKEN_ISSUER    "dmp"
#define DMP_TOKEN_AUDIENCE  "dmp-session"

dmp_rc_t dmp_token_write(const dmp_session_keys_t *keys,
    const dmp_keyring_t *ring, const dmp_claims_t *claims, dmp_buf_t *out);

/*
 * Verifies one: header with "alg" ES256, "typ" JWT and a known "kid" and
 * nothing else; each claim once, none unknown, of its type; issued and not
 * before against "now" (leeway seconds for a clock that is behind), expiry
 * without leeway.  DMP_E_REFUSED for anything else, DMP_E_NOMEM or
 * DMP_E_INTERNAL where it could not be verified: *why says it with no word of
 * the token's, and *claims is zeros.  The algorithm is the key's: it is looked
 * at before anything is verified.
 */
dmp_rc_t dmp_token_read(const dmp_session_keys_t *keys,
    const dmp_keyring_t *ring, dmp_str_t token, int64_t now, int64_t leeway,
    dmp_claims_t *claims, const char **why);

#endif
