/*
 * fuzz_token.c: session tokens, by the first byte: a text as it comes; claims,
 * which are signed, and "$" in them becomes what must be sealed there; a
 * header, which is signed; and claims of any values, which a token of them says
 * again, and nothing when a bit of it has changed.
 */

#include <stdlib.h>

#include <jansson.h>

#include "../unit/session_case.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define NOW     (ISSUED + 10)
#define LEEWAY  5
#define TEXT    4096

/* Of this target alone: what a corpus holds stays signed. */
static const char  signing_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoJnWImeGtp4Ek4HC\n"
    "Go/SNztfqd2oUQEvXGiROscgok+hRANCAAQ6dAcqPQwwU4rNBsk4S7QtcMm8cKOm\n"
    "YictvqdKoc+wGYHXmCzfjVpACIpdM1VZSEmSOHpuiW5/XuHV69YHKCqo\n"
    "-----END PRIVATE KEY-----\n";

static dmp_session_keys_t  keys;
static dmp_keyring_t       ring;


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static void
start(void)
{
    if (keys.n == 0) {
        must(dmp_session_keys_add(&keys, session_str(signing_key)) == DMP_OK);
        must(dmp_keyring_add(&ring, session_str(RECORD_KEY)) == DMP_OK);
    }
}


/* What is read is sound; what is not leaves nothing. */
static bool
reads(dmp_str_t token, dmp_claims_t *claims)
{
    dmp_rc_t     rc;
    const char  *why;

    static const dmp_claims_t  none;

    memset(claims, 0xff, sizeof(*claims));
    rc = dmp_token_read(&keys, &ring, token, NOW, LEEWAY, claims, &why);

    must((rc == DMP_OK) == (why == NULL));

    if (rc != DMP_OK) {
        must(rc == DMP_E_REFUSED);
        must(memcmp(claims, &none, sizeof(none)) == 0);
        return false;
    }

    must(dmp_token_id_valid((dmp_str_t) { claims->id, sizeof(claims->id) }));
    must(dmp_token_id_valid((dmp_str_t) { claims->patient,
                                          sizeof(claims->patient) }));
    must(dmp_ins_valid((dmp_str_t) { claims->ins, sizeof(claims->ins) },
                       false));
    must(claims->issued > 0 && claims->issued <= NOW + LEEWAY);
    must(claims->expires > NOW && claims->expires > claims->issued);

    return true;
}


/* Bits of a token that is read: without any of them it is none. */
static void
is_whole(char *token, size_t len, const uint8_t *how, size_t size)
{
    size_t        i, at;
    dmp_claims_t  claims;

    for (i = 0; i + 2 < size && i < 12; i += 3) {
        at = ((size_t) how[i] << 8 | how[i + 1]) % len;
        token[at] = (char) (token[at] ^ (1 << how[i + 2] % 8));
        must(!reads((dmp_str_t) { token, len }, &claims));
        token[at] = (char) (token[at] ^ (1 << how[i + 2] % 8));
        must(!reads((dmp_str_t) { token, at }, &claims));
    }
}


static void
read_text(const char *data, size_t size)
{
    char          copy[DMP_TOKEN_MAX];
    dmp_claims_t  claims;

    if (reads((dmp_str_t) { data, size }, &claims)) {
        must(size <= sizeof(copy));
        memcpy(copy, data, size);
        is_whole(copy, size, (const uint8_t *) data, size);
    }
}


/* Signed as it is; whether it is read. */
static bool
sign(dmp_str_t header, dmp_str_t text, dmp_claims_t *claims)
{
    dmp_buf_t  b;

    static char  token[4 * TEXT];

    dmp_buf_init(&b, token, sizeof(token));
    must(session_token(keys.sign, header, text, &b));

    return reads((dmp_str_t) { b.data, b.len }, claims);
}


/* The same object to another reader, with so many members. */
static json_t *
object(dmp_str_t text, size_t members)
{
    json_t  *root;

    root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(root) && json_object_size(root) == members);

    return root;
}


static void
is_text(json_t *root, const char *name, const char *text)
{
    must(strcmp(json_string_value(json_object_get(root, name)), text) == 0);
}


static void
read_claims(const char *data, size_t size)
{
    size_t         i;
    char           header[128];
    json_t        *root;
    dmp_buf_t      b;
    dmp_claims_t   claims;

    static char  text[TEXT];

    dmp_buf_init(&b, text, sizeof(text));

    for (i = 0; i < size; i++) {
        if (data[i] == '$') {
            (void) session_sealed(&ring, SESSION_ID, HOLDER, ISSUED,
                                  HOLDER_INS "0", &b);
        } else {
            dmp_buf_add(&b, data + i, 1);
        }
    }

    (void) snprintf(header, sizeof(header),
                    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                    keys.id[0]);

    if (b.full || b.len == 0
        || !sign(session_str(header), (dmp_str_t) { b.data, b.len }, &claims))
    {
        return;
    }

    root = object((dmp_str_t) { b.data, b.len }, 8);
    is_text(root, "iss", "dmp");
    is_text(root, "aud", "dmp-session");
    is_text(root, "sub", HOLDER);
    is_text(root, "jti", SESSION_ID);
    must(json_integer_value(json_object_get(root, "iat")) == ISSUED);
    must(json_integer_value(json_object_get(root, "nbf")) <= NOW + LEEWAY);
    must(json_integer_value(json_object_get(root, "exp")) == claims.expires);
    must(memcmp(claims.ins, HOLDER_INS, sizeof(claims.ins)) == 0);
    must(!claims.discreet);
    json_decref(root);
}


static void
read_header(const char *data, size_t size)
{
    char           text[1024];
    json_t        *root;
    dmp_buf_t      b;
    dmp_claims_t   claims;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_text(&b, "{\"iss\":\"dmp\",\"aud\":\"dmp-session\",\"sub\":\""
                 HOLDER "\",\"jti\":\"" SESSION_ID "\",\"iat\":1800000000,"
                 "\"nbf\":1800000000,\"exp\":1800000900,\"ins\":\"");
    must(session_sealed(&ring, SESSION_ID, HOLDER, ISSUED, HOLDER_INS "0",
                        &b));
    dmp_buf_text(&b, "\"}");

    if (size == 0 || size > TEXT
        || !sign((dmp_str_t) { data, size }, (dmp_str_t) { b.data, b.len },
                 &claims))
    {
        return;
    }

    root = object((dmp_str_t) { data, size }, 3);
    is_text(root, "alg", "ES256");
    is_text(root, "typ", "JWT");
    is_text(root, "kid", keys.id[0]);
    json_decref(root);
}


/* So that a seed of plain bytes has times. */
static int64_t
time_of(const uint8_t *data)
{
    int64_t  unix_sec;

    memcpy(&unix_sec, data, sizeof(unix_sec));

    return unix_sec ^ 0x2020202020202020;
}


/* Bytes: ids, INS, discreet, two times: 22, 22, 15, 1, 8, 8. */
static void
make(const uint8_t *data, size_t size)
{
    char          token[DMP_TOKEN_MAX];
    dmp_buf_t     b;
    dmp_claims_t  claims, read;

    if (size < 76) {
        return;
    }

    memset(&claims, 0, sizeof(claims));
    memcpy(claims.id, data, 22);
    memcpy(claims.patient, data + 22, 22);
    memcpy(claims.ins, data + 44, 15);
    claims.discreet = data[59] & 1;
    claims.issued = time_of(data + 60);
    claims.expires = time_of(data + 68);

    dmp_buf_init(&b, token, sizeof(token));

    if (dmp_token_write(&keys, &ring, &claims, &b) != DMP_OK) {
        must(b.len == 0);
        return;
    }

    if (!reads((dmp_str_t) { b.data, b.len }, &read)) {
        /* it is not of this moment */
        must(claims.issued > NOW + LEEWAY || claims.expires <= NOW);
        return;
    }

    must(memcmp(read.id, claims.id, sizeof(read.id)) == 0);
    must(memcmp(read.patient, claims.patient, sizeof(read.patient)) == 0);
    must(memcmp(read.ins, claims.ins, sizeof(read.ins)) == 0);
    must(read.discreet == claims.discreet);
    must(read.issued == claims.issued && read.expires == claims.expires);
    is_whole(b.data, b.len, data, size);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *rest;

    start();

    if (size == 0) {
        read_text("", 0);
        return 0;
    }

    rest = (const char *) data + 1;

    switch (data[0] % 4) {

    case 0:
        read_text(rest, size - 1);
        break;

    case 1:
        read_claims(rest, size - 1);
        break;

    case 2:
        read_header(rest, size - 1);
        break;

    default:
        make(data + 1, size - 1);
        break;
    }

    return 0;
}
