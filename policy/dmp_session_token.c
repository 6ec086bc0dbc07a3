/*
 * dmp_session_token.c: session tokens, signed and verified by libjwt.  What a
 * token says is read here first, in one way, and libjwt is never asked which
 * algorithm or key that is: it takes the one that is named for any spelling
 * of it, and the last of two members of the same name.
 */

#include <errno.h>
#include <stdlib.h>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "dmp_session_int.h"


#define TOKEN_ALG            "ES256"
#define TOKEN_TYPE           "JWT"
#define TOKEN_HEADER_MAX     128         /* bytes of JSON */
#define TOKEN_CLAIMS_MAX     1024
#define TOKEN_SIGNATURE      64          /* r and s */
#define TOKEN_SIGNATURE_LEN  86          /* in base64url */

/* What is sealed: the INS, and whether the session is discreet. */
#define TOKEN_SEAL           "dmp-session"
#define TOKEN_PLAIN          16
#define TOKEN_SEALED         (TOKEN_PLAIN + DMP_SEAL_OVERHEAD)

/* The three parts of a token, which holds nothing else. */
typedef struct {
    dmp_str_t  header;
    dmp_str_t  claims;
    dmp_str_t  signature;
} dmp_token_t;

/* What the claims say besides dmp_claims_t. */
typedef struct {
    int64_t        not_before;
    unsigned char  sealed[TOKEN_SEALED];
} token_more_t;

static const char *const  token_header_members[] = { "alg", "typ", "kid" };
static const char *const  token_claims_members[] = {
    "iss", "aud", "sub", "jti", "iat", "nbf", "exp", "ins"
};

#define TOKEN_COUNT(names)  (sizeof(names) / sizeof(char *))


static bool
token_claims_fit(const dmp_claims_t *c)
{
    return dmp_token_id_valid((dmp_str_t) { c->id, sizeof(c->id) })
           && dmp_token_id_valid((dmp_str_t) { c->patient,
                                               sizeof(c->patient) })
           && dmp_ins_valid((dmp_str_t) { c->ins, sizeof(c->ins) }, false)
           && c->issued > 0 && c->expires > c->issued
           && c->expires <= DMP_SESSION_NUMBER_MAX;
}


/* To this session, of this holder, and to the moment of this token. */
static void
token_seal_field(const dmp_claims_t *c,
    char field[DMP_TOKEN_ID_LEN + DMP_PSEUDONYM_LEN])
{
    memcpy(field, c->id, DMP_TOKEN_ID_LEN);
    memcpy(field + DMP_TOKEN_ID_LEN, c->patient, DMP_PSEUDONYM_LEN);
}


static dmp_rc_t
token_seal(const dmp_keyring_t *ring, const dmp_claims_t *c,
    unsigned char sealed[TOKEN_SEALED])
{
    char      plain[TOKEN_PLAIN], field[DMP_TOKEN_ID_LEN + DMP_PSEUDONYM_LEN];
    size_t    len;
    dmp_rc_t  rc;

    memcpy(plain, c->ins, sizeof(c->ins));
    plain[sizeof(c->ins)] = c->discreet ? '1' : '0';
    token_seal_field(c, field);

    rc = dmp_seal(ring, dmp_string(TOKEN_SEAL),
                  (dmp_str_t) { field, sizeof(field) }, (uint64_t) c->issued,
                  plain, sizeof(plain), (char *) sealed, &len);

    OPENSSL_cleanse(plain, sizeof(plain));

    return (rc == DMP_OK && len != TOKEN_SEALED) ? DMP_E_INTERNAL : rc;
}


static dmp_rc_t
token_unseal(const dmp_keyring_t *ring,
    const unsigned char sealed[TOKEN_SEALED], dmp_claims_t *c)
{
    char      plain[TOKEN_SEALED];
    char      field[DMP_TOKEN_ID_LEN + DMP_PSEUDONYM_LEN];
    size_t    len;
    dmp_rc_t  rc;

    token_seal_field(c, field);

    rc = dmp_unseal(ring, dmp_string(TOKEN_SEAL),
                    (dmp_str_t) { field, sizeof(field) },
                    (uint64_t) c->issued, (const char *) sealed, TOKEN_SEALED,
                    plain, &len);

    if (rc == DMP_OK) {

        if (len == TOKEN_PLAIN
            && (plain[sizeof(c->ins)] == '0' || plain[sizeof(c->ins)] == '1'))
        {
            memcpy(c->ins, plain, sizeof(c->ins));
            c->discreet = (plain[sizeof(c->ins)] == '1');

        } else {
            rc = DMP_E_REFUSED;
        }
    }

    OPENSSL_cleanse(plain, sizeof(plain));

    return rc;
}


/* The claims as JSON, with a NUL at their end. */
static dmp_rc_t
token_claims_json(const dmp_keyring_t *ring, const dmp_claims_t *c,
    char json[TOKEN_CLAIMS_MAX])
{
    dmp_rc_t       rc;
    dmp_buf_t      b;
    unsigned char  sealed[TOKEN_SEALED];

    rc = token_seal(ring, c, sealed);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_buf_init(&b, json, TOKEN_CLAIMS_MAX);
    dmp_buf_text(&b, "{\"iss\":\"" DMP_TOKEN_ISSUER "\",\"aud\":\""
                 DMP_TOKEN_AUDIENCE "\",\"sub\":\"");
    dmp_buf_add(&b, c->patient, sizeof(c->patient));
    dmp_buf_text(&b, "\",\"jti\":\"");
    dmp_buf_add(&b, c->id, sizeof(c->id));
    dmp_buf_text(&b, "\",\"iat\":");
    dmp_buf_uint(&b, (uint64_t) c->issued);
    dmp_buf_text(&b, ",\"nbf\":");
    dmp_buf_uint(&b, (uint64_t) c->issued);
    dmp_buf_text(&b, ",\"exp\":");
    dmp_buf_uint(&b, (uint64_t) c->expires);
    dmp_buf_text(&b, ",\"ins\":\"");
    dmp_buf_base64url(&b, sealed, sizeof(sealed));
    dmp_buf_add(&b, "\"}", sizeof("\"}"));

    return b.full ? DMP_E_INTERNAL : DMP_OK;
}


/*
 * A token of these claims, from malloc(); NULL: it could not be made.  libjwt
 * gives jwt_free_str() for it from 1.11 on; before, and as long as nobody sets
 * its allocator, that is free().
 */
static char *
token_sign(const dmp_session_keys_t *keys, const char *json)
{
    char   *text;
    jwt_t  *jwt;

    text = NULL;
    jwt = NULL;

    if (jwt_new(&jwt) == 0
        && jwt_set_alg(jwt, JWT_ALG_ES256,
                       (const unsigned char *) keys->sign_pem,
                       (int) keys->sign_len) == 0
        && jwt_add_header(jwt, "kid", keys->id[0]) == 0
        && jwt_add_grants_json(jwt, json) == 0)
    {
        text = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    return text;
}


dmp_rc_t
dmp_token_write(const dmp_session_keys_t *keys, const dmp_keyring_t *ring,
    const dmp_claims_t *claims, dmp_buf_t *out)
{
    char      json[TOKEN_CLAIMS_MAX], *text;
    size_t    len;
    dmp_rc_t  rc;

    if (keys->n == 0 || keys->sign_pem == NULL) {
        return DMP_E_INTERNAL;
    }

    if (!token_claims_fit(claims)) {
        return DMP_E_SYNTAX;
    }

    rc = token_claims_json(ring, claims, json);
    if (rc != DMP_OK) {
        return rc;
    }

    (void) ERR_set_mark();  /* fails on an empty queue: all of it is ours */
    text = token_sign(keys, json);
    (void) ERR_pop_to_mark();  /* without a mark it empties the queue */

    if (text == NULL) {
        return DMP_E_INTERNAL;
    }

    len = strlen(text);

    if (len > DMP_TOKEN_MAX || out->full || len > out->size - out->len) {
        rc = DMP_E_LIMIT;

    } else {
        dmp_buf_add(out, text, len);
    }

    OPENSSL_cleanse(text, len);
    free(text);

    return rc;
}


/* Two dots, and something before, between and after them. */
static bool
token_split(dmp_str_t token, dmp_token_t *out)
{
    size_t      i, n, start;
    dmp_str_t  *parts[] = { &out->header, &out->claims, &out->signature };

    n = 0;
    start = 0;

    for (i = 0; i <= token.len; i++) {

        if (i < token.len && token.data[i] != '.') {
            continue;
        }

        if (n == 3 || i == start) {
            return false;
        }

        *parts[n++] = (dmp_str_t) { token.data + start, i - start };
        start = i + 1;
    }

    return n == 3;
}


/* A part that is JSON with these members, opened. */
static dmp_rc_t
token_open(dmp_str_t part, size_t max, const char *const *names, size_t n,
    json_t **out)
{
    char      text[TOKEN_CLAIMS_MAX];
    size_t    len;
    dmp_rc_t  rc;

    *out = NULL;
    len = part.len / 4 * 3 + (part.len % 4 != 0 ? part.len % 4 - 1 : 0);

    if (len > max) {
        return DMP_E_LIMIT;
    }

    if (!dmp_base64url_decode(part, (unsigned char *) text, len)) {
        rc = DMP_E_SYNTAX;

    } else {
        rc = dmp_session_json((dmp_str_t) { text, len }, max, names, n, out);
    }

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


/* The key that the header names, and nothing but its algorithm; NULL: why. */
static const char *
token_read_header(const dmp_session_keys_t *keys, const json_t *root,
    unsigned *key)
{
    unsigned   i;
    dmp_str_t  kid;

    if (!dmp_str_eq(dmp_session_json_string(root, "alg"),
                    dmp_string(TOKEN_ALG)))
    {
        return "the token's algorithm is not ES256";
    }

    if (!dmp_str_eq(dmp_session_json_string(root, "typ"),
                    dmp_string(TOKEN_TYPE)))
    {
        return "the token's type is not JWT";
    }

    kid = dmp_session_json_string(root, "kid");

    for (i = 0; i < keys->n; i++) {
        if (kid.data != NULL
            && dmp_str_eq(kid, (dmp_str_t) { keys->id[i],
                                             sizeof(keys->id[i]) - 1 }))
        {
            *key = i;
            return NULL;
        }
    }

    return "the token names no key of ours";
}


static const char *
token_read_claims(const json_t *root, dmp_claims_t *c, token_more_t *more)
{
    dmp_str_t  id, patient;

    id = dmp_session_json_string(root, "jti");
    patient = dmp_session_json_string(root, "sub");

    if (!dmp_str_eq(dmp_session_json_string(root, "iss"),
                    dmp_string(DMP_TOKEN_ISSUER)))
    {
        return "the token is of another issuer";
    }

    if (!dmp_str_eq(dmp_session_json_string(root, "aud"),
                    dmp_string(DMP_TOKEN_AUDIENCE)))
    {
        return "the token is for another audience";
    }

    if (!dmp_token_id_valid(id) || !dmp_token_id_valid(patient)) {
        return "the token names no session, or no holder";
    }

    memcpy(c->id, id.data, sizeof(c->id));
    memcpy(c->patient, patient.data, sizeof(c->patient));

    if (!dmp_session_json_number(root, "iat", &c->issued)
        || !dmp_session_json_number(root, "nbf", &more->not_before)
        || !dmp_session_json_number(root, "exp", &c->expires))
    {
        return "the token's times are none";
    }

    if (!dmp_base64url_decode(dmp_session_json_string(root, "ins"),
                              more->sealed, sizeof(more->sealed)))
    {
        return "the token's INS is not sealed";
    }

    return NULL;
}


static bool
token_same_text(jwt_t *jwt, const char *name, const char *text, size_t len)
{
    const char  *seen;

    seen = jwt_get_grant(jwt, name);

    return seen != NULL && strlen(seen) == len && memcmp(seen, text, len) == 0;
}


/* Both readers saw the same. */
static bool
token_same(jwt_t *jwt, const dmp_claims_t *c)
{
    return jwt_get_alg(jwt) == JWT_ALG_ES256
           && token_same_text(jwt, "jti", c->id, sizeof(c->id))
           && token_same_text(jwt, "sub", c->patient, sizeof(c->patient))
           && jwt_get_grant_int(jwt, "iat") == (long) c->issued
           && jwt_get_grant_int(jwt, "exp") == (long) c->expires;
}


/* DMP_E_REFUSED: not signed with this key. */
static dmp_rc_t
token_verify(const dmp_session_keys_t *keys, unsigned key, dmp_str_t token,
    const dmp_claims_t *c)
{
    int       failed;
    bool      same;
    char      text[DMP_TOKEN_MAX + 1];
    jwt_t    *jwt;

    jwt = NULL;
    memcpy(text, token.data, token.len);
    text[token.len] = '\0';

    (void) ERR_set_mark();  /* fails on an empty queue: all of it is ours */

    failed = jwt_decode(&jwt, text, (const unsigned char *) keys->pem[key],
                        (int) keys->len[key]);

    (void) ERR_pop_to_mark();  /* without a mark it empties the queue */
    OPENSSL_cleanse(text, sizeof(text));

    if (failed != 0 || jwt == NULL) {
        return (failed == ENOMEM) ? DMP_E_NOMEM : DMP_E_REFUSED;
    }

    same = token_same(jwt, c);
    jwt_free(jwt);

    return same ? DMP_OK : DMP_E_REFUSED;
}


static const char *
token_in_time(const dmp_claims_t *c, int64_t not_before, int64_t now,
    int64_t leeway)
{
    if (c->expires <= now) {
        return "the token has expired";
    }

    /* clocks count from 1970, and leeways from 0: nothing overflows */

    if (c->issued > now + leeway || not_before > now + leeway) {
        return "the token is of the future";
    }

    return (c->expires > c->issued) ? NULL : "the token ends before it begins";
}


/* A step that failed for want of memory is no refusal. */
static dmp_rc_t
token_refuse(dmp_rc_t rc, const char **why, const char *text)
{
    *why = text;

    return (rc == DMP_E_NOMEM || rc == DMP_E_INTERNAL) ? rc : DMP_E_REFUSED;
}


/* What is said before it is verified: by which key, and what is claimed. */
static dmp_rc_t
token_parse(const dmp_session_keys_t *keys, const dmp_token_t *parts,
    unsigned *key, dmp_claims_t *claims, token_more_t *more, const char **why)
{
    json_t         *root;
    dmp_rc_t        rc;
    unsigned char   signature[TOKEN_SIGNATURE];

    rc = token_open(parts->header, TOKEN_HEADER_MAX, token_header_members,
                    TOKEN_COUNT(token_header_members), &root);
    if (rc != DMP_OK) {
        return token_refuse(rc, why, "the token's header is none of ours");
    }

    *why = token_read_header(keys, root, key);
    dmp_session_json_free(root);

    if (*why != NULL) {
        return DMP_E_REFUSED;
    }

    if (!dmp_base64url_decode(parts->signature, signature, sizeof(signature)))
    {
        return token_refuse(DMP_E_REFUSED, why,
                            "the token's signature is none of ES256");
    }

    rc = token_open(parts->claims, TOKEN_CLAIMS_MAX, token_claims_members,
                    TOKEN_COUNT(token_claims_members), &root);
    if (rc != DMP_OK) {
        return token_refuse(rc, why, "the token's claims are none of ours");
    }

    *why = token_read_claims(root, claims, more);
    dmp_session_json_free(root);

    return (*why != NULL) ? DMP_E_REFUSED : DMP_OK;
}


static dmp_rc_t
token_judge(const dmp_session_keys_t *keys, const dmp_keyring_t *ring,
    dmp_str_t token, int64_t now, int64_t leeway, dmp_claims_t *claims,
    const char **why)
{
    dmp_rc_t      rc;
    unsigned      key;
    dmp_token_t   parts;
    token_more_t  more;

    if (token.len == 0 || token.len > DMP_TOKEN_MAX || now < 0 || leeway < 0
        || leeway > INT64_MAX - now || !token_split(token, &parts))
    {
        return token_refuse(DMP_E_REFUSED, why, "it is no token");
    }

    key = 0;
    memset(&more, 0, sizeof(more));

    rc = token_parse(keys, &parts, &key, claims, &more, why);
    if (rc != DMP_OK) {
        return rc;
    }

    rc = token_verify(keys, key, token, claims);
    if (rc != DMP_OK) {
        return token_refuse(rc, why, "the token's signature does not verify");
    }

    *why = token_in_time(claims, more.not_before, now, leeway);

    if (*why != NULL) {
        return DMP_E_REFUSED;
    }

    rc = token_unseal(ring, more.sealed, claims);
    if (rc != DMP_OK) {
        return token_refuse(rc, why, "the token's INS does not open");
    }

    if (!token_claims_fit(claims)) {
        return token_refuse(DMP_E_REFUSED, why, "the token's INS is none");
    }

    return DMP_OK;
}


dmp_rc_t
dmp_token_read(const dmp_session_keys_t *keys, const dmp_keyring_t *ring,
    dmp_str_t token, int64_t now, int64_t leeway, dmp_claims_t *claims,
    const char **why)
{
    dmp_rc_t  rc;

    *why = NULL;
    memset(claims, 0, sizeof(dmp_claims_t));

    rc = token_judge(keys, ring, token, now, leeway, claims, why);

    if (rc != DMP_OK) {
        OPENSSL_cleanse(claims, sizeof(dmp_claims_t));
    }

    return rc;
}
