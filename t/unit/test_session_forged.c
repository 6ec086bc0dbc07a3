/*
 * test_session_forged.c: tokens that are signed, by whatever key and however,
 * and are not read: their header, their claims or what is sealed in them is
 * not as ours are.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/hmac.h>

#include "token_case.h"


/* The sealed INS of a session, and of a token of the same session. */
static const char *
sealed(const char *plain)
{
    dmp_buf_t    b;
    static char  text[256];

    dmp_buf_init(&b, text, sizeof(text) - 1);
    assert_true(session_sealed(&ring, SESSION_ID, HOLDER, ISSUED, plain, &b));
    text[b.len] = '\0';

    return text;
}


/* A token of that header and those claims, "%s" being what is sealed. */
static void
make(const char *header, const char *claims)
{
    char       text[1600];
    dmp_buf_t  b;

    (void) snprintf(text, sizeof(text), claims, sealed(HOLDER_INS "0"));
    dmp_buf_init(&b, token, DMP_TOKEN_MAX + 1);
    assert_true(session_token(pair[0], session_str(header), session_str(text),
                              &b));
    token_len = b.len;
}


#define SUB  "\"sub\":\"" HOLDER "\""
#define JTI  "\"jti\":\"" SESSION_ID "\""
#define ISS  "\"iss\":\"dmp\""
#define AUD  "\"aud\":\"dmp-session\""
#define IAT  "\"iat\":1800000000"
#define NBF  "\"nbf\":1800000000"
#define EXP  "\"exp\":1800000900"
#define SEAL "\"ins\":\"%s\""
#define HEAD ISS "," AUD "," SUB "," JTI
#define GOOD "{" HEAD "," IAT "," NBF "," EXP "," SEAL "}"


static void
test_headers(void **state)
{
    char    header[256];
    size_t  i;

    /* %s: the key's name */
    static const struct {
        const char  *header;
        const char  *why;                /* a part of it; NULL: it is read */
    } table[] = {
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL },
        { " { \"kid\" : \"%s\", \"typ\":\"JWT\", \"alg\":\"ES256\" } ", NULL },
        { "{\"alg\":\"\\u0045S256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL },

        /* of another algorithm, by whatever name */
        { "{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"None\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"es256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"ES384\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"ES256 \",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":\"\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":null,\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },
        { "{\"alg\":[\"ES256\"],\"typ\":\"JWT\",\"kid\":\"%s\"}",
          "algorithm" },
        { "{\"alg\":256,\"typ\":\"JWT\",\"kid\":\"%s\"}", "algorithm" },

        { "{\"alg\":\"ES256\",\"typ\":\"jwt\",\"kid\":\"%s\"}", "type" },
        { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", "type" },
        { "{\"alg\":\"ES256\",\"typ\":1,\"kid\":\"%s\"}", "type" },

        /* another key, or none, or several */
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"00000000\"}",
          "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s0\"}",
          "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"\"}",
          "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":0}", "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":[\"%s\"]}",
          "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"../%s\"}",
          "no key of ours" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"00000000\","
          "\"kid\":\"%s\"}", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\","
          "\"kid\":\"00000000\"}", "header" },

        /* twice, missing, more */
        { "{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"JWT\","
          "\"kid\":\"%s\"}", "header" },
        { "{\"alg\":\"ES256\",\"alg\":\"none\",\"typ\":\"JWT\","
          "\"kid\":\"%s\"}", "header" },
        { "{\"alg\":\"ES256\",\"\\u0061lg\":\"ES256\",\"typ\":\"JWT\","
          "\"kid\":\"%s\"}", "header" },
        { "{\"typ\":\"JWT\",\"kid\":\"%s\"}", "header" },
        { "{\"alg\":\"ES256\",\"kid\":\"%s\"}", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"x\":1}",
          "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"jku\":"
          "\"https://x\"}", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"crit\":[]}",
          "header" },
        { "{\"ALG\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "header" },

        /* no object */
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}{}", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"", "header" },
        { "[\"ES256\",\"JWT\",\"%s\"]", "header" },
        { "null", "header" },
        { "x", "header" },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\xff\"}", "header" },

        /* longer than any of ours */
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}"
          "                                        "
          "                                        "
          "                                        ", "header" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        const char  *why;

        (void) snprintf(header, sizeof(header), table[i].header, keys.id[0]);
        make(header, GOOD);
        why = refused_at(ISSUED);

        if ((why == NULL) != (table[i].why == NULL)
            || (why != NULL && strstr(why, table[i].why) == NULL))
        {
            fail_msg("%s: %s", header, (why != NULL) ? why : "read");
        }
    }

    /* a NUL, after it or in it */

    for (i = 0; i < 2; i++) {
        char       text[64];
        size_t     len;
        dmp_buf_t  b;

        len = (size_t) snprintf(text, sizeof(text), table[0].header,
                                keys.id[0]);
        text[i == 0 ? len : 9] = '\0';
        dmp_buf_init(&b, token, DMP_TOKEN_MAX);
        assert_true(session_token(pair[0], (dmp_str_t) { text, len + 1 },
                                  dmp_string("{}"), &b));
        token_len = b.len;
        assert_refused("header");
    }
}


static void
test_claims(void **state)
{
    char    header[128];
    size_t  i;

    static const struct {
        const char  *claims;
        const char  *why;
    } table[] = {
        { GOOD, NULL },
        { "\n{" SEAL "," EXP "," NBF "," IAT "," HEAD "}", NULL },

        { "{" ISS "," ISS "," AUD "," SUB "," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "claims" },
        { "{" HEAD "," IAT "," NBF ",\"exp\":1," EXP "," SEAL "}", "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP ",\"exp\":9900000000," SEAL "}",
          "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP ",\"e\\u0078p\":9900000000," SEAL
          "}", "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP "," SEAL "," SUB "}", "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP "," SEAL ",\"x\":1}", "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP "," SEAL ",\"discreet\":false}",
          "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP "," SEAL ",\"\":1}", "claims" },
        { "{" AUD "," SUB "," JTI "," IAT "," NBF "," EXP "," SEAL "}",
          "claims" },
        { "{" ISS "," SUB "," JTI "," IAT "," NBF "," EXP "," SEAL "}",
          "claims" },
        { "{" ISS "," AUD "," JTI "," IAT "," NBF "," EXP "," SEAL "}",
          "claims" },
        { "{" ISS "," AUD "," SUB "," IAT "," NBF "," EXP "," SEAL "}",
          "claims" },
        { "{" HEAD "," NBF "," EXP "," SEAL "}", "claims" },
        { "{" HEAD "," IAT "," EXP "," SEAL "}", "claims" },
        { "{" HEAD "," IAT "," NBF "," SEAL "}", "claims" },
        { "{" HEAD "," IAT "," NBF "," EXP "}", "claims" },
        { "{}", "claims" },
        { "[]", "claims" },
        { GOOD "x", "claims" },
        { GOOD "{}", "claims" },

        { "{\"iss\":\"DMP\"," AUD "," SUB "," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "issuer" },
        { "{\"iss\":\"\"," AUD "," SUB "," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "issuer" },
        { "{\"iss\":[\"dmp\"]," AUD "," SUB "," JTI "," IAT "," NBF "," EXP
          "," SEAL "}", "issuer" },
        { "{" ISS ",\"aud\":\"dmp\"," SUB "," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "audience" },
        { "{" ISS ",\"aud\":[\"dmp-session\"]," SUB "," JTI "," IAT "," NBF
          "," EXP "," SEAL "}", "audience" },
        { "{" ISS ",\"aud\":null," SUB "," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "audience" },

        { "{" ISS "," AUD ",\"sub\":\"\"," JTI "," IAT "," NBF "," EXP ","
          SEAL "}", "no holder" },
        { "{" ISS "," AUD ",\"sub\":\"EBESExQVFhcYGRobHB0eH\"," JTI "," IAT
          "," NBF "," EXP "," SEAL "}", "no holder" },
        { "{" ISS "," AUD ",\"sub\":\"EBESExQVFhcYGRobHB0eHx\"," JTI "," IAT
          "," NBF "," EXP "," SEAL "}", "no holder" },
        { "{" ISS "," AUD ",\"sub\":1," JTI "," IAT "," NBF "," EXP "," SEAL
          "}", "no holder" },
        { "{" ISS "," AUD "," SUB ",\"jti\":\"x\"," IAT "," NBF "," EXP ","
          SEAL "}", "no session" },
        { "{" ISS "," AUD "," SUB ",\"jti\":null," IAT "," NBF "," EXP ","
          SEAL "}", "no session" },

        { "{" HEAD ",\"iat\":\"1800000000\"," NBF "," EXP "," SEAL "}",
          "times" },
        { "{" HEAD ",\"iat\":1800000000.0," NBF "," EXP "," SEAL "}",
          "times" },
        { "{" HEAD ",\"iat\":18e8," NBF "," EXP "," SEAL "}", "times" },
        { "{" HEAD ",\"iat\":0," NBF "," EXP "," SEAL "}", "times" },
        { "{" HEAD ",\"iat\":-1," NBF "," EXP "," SEAL "}", "times" },
        { "{" HEAD ",\"iat\":null," NBF "," EXP "," SEAL "}", "times" },
        { "{" HEAD "," IAT ",\"nbf\":true," EXP "," SEAL "}", "times" },
        { "{" HEAD "," IAT "," NBF ",\"exp\":9007199254740992," SEAL "}",
          "times" },
        { "{" HEAD "," IAT "," NBF ",\"exp\":9223372036854775807," SEAL "}",
          "times" },
        { "{" HEAD "," IAT "," NBF ",\"exp\":99999999999999999999," SEAL "}",
          "claims" },

        { "{" HEAD "," IAT "," NBF ",\"exp\":1800000000," SEAL "}",
          "expired" },
        { "{" HEAD ",\"iat\":1800000006," NBF "," EXP "," SEAL "}",
          "future" },
        { "{" HEAD "," IAT ",\"nbf\":1800000006," EXP "," SEAL "}",
          "future" },
        { "{" HEAD ",\"iat\":1800000004," NBF ",\"exp\":1800000001," SEAL
          "}", "ends before" },

        { "{" HEAD "," IAT "," NBF "," EXP ",\"ins\":\"\"}", "not sealed" },
        { "{" HEAD "," IAT "," NBF "," EXP ",\"ins\":\"" HOLDER_INS "\"}",
          "not sealed" },
        { "{" HEAD "," IAT "," NBF "," EXP ",\"ins\":1}", "not sealed" },
        { "{" HEAD "," IAT "," NBF "," EXP ",\"ins\":\"%sAAAA\"}",
          "not sealed" },
    };

    (void) state;
    (void) snprintf(header, sizeof(header),
                    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                    keys.id[0]);

    for (i = 0; i < count(table); i++) {
        const char  *why;

        make(header, table[i].claims);
        why = refused_at(ISSUED);

        if ((why == NULL) != (table[i].why == NULL)
            || (why != NULL && strstr(why, table[i].why) == NULL))
        {
            fail_msg("%s: %s", table[i].claims, (why != NULL) ? why : "read");
        }
    }
}


/* What is sealed is of this session, this holder and this token alone. */
static void
test_sealed(void **state)
{
    char           header[128], text[1024], ins[128];
    size_t         i;
    dmp_buf_t      b;
    const char    *why;
    dmp_claims_t   claims;

    static const struct {
        const char  *id;
        const char  *patient;
        int64_t      issued;
        const char  *plain;
        const char  *why;
    } table[] = {
        { SESSION_ID, HOLDER, ISSUED, HOLDER_INS "0", NULL },
        { SESSION_ID, HOLDER, ISSUED, HOLDER_INS "1", NULL },
        { "BAECAwQFBgcICQoLDA0ODw", HOLDER, ISSUED, HOLDER_INS "0",
          "does not open" },
        { SESSION_ID, "FBESExQVFhcYGRobHB0eHw", ISSUED, HOLDER_INS "0",
          "does not open" },
        { HOLDER, SESSION_ID, ISSUED, HOLDER_INS "0", "does not open" },
        { SESSION_ID, HOLDER, ISSUED - 1, HOLDER_INS "0", "does not open" },
        { SESSION_ID, HOLDER, ISSUED, HOLDER_INS "2", "does not open" },
        { SESSION_ID, HOLDER, ISSUED, "1234567890123450", NULL },
        { SESSION_ID, HOLDER, ISSUED, "12345678901234x0", "INS is none" },
        { SESSION_ID, HOLDER, ISSUED, "                ", "does not open" },
        { SESSION_ID, HOLDER, ISSUED, "               0", "INS is none" },
        { SESSION_ID, HOLDER, ISSUED, HOLDER_INS, "not sealed" },
        { SESSION_ID, HOLDER, ISSUED, HOLDER_INS "00", "not sealed" },
    };

    (void) state;
    (void) snprintf(header, sizeof(header),
                    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                    keys.id[0]);

    for (i = 0; i < count(table); i++) {
        dmp_buf_init(&b, ins, sizeof(ins) - 1);
        assert_true(session_sealed(&ring, table[i].id, table[i].patient,
                                   table[i].issued, table[i].plain, &b));
        ins[b.len] = '\0';
        (void) snprintf(text, sizeof(text), GOOD, ins);
        dmp_buf_init(&b, token, DMP_TOKEN_MAX);
        assert_true(session_token(pair[0], session_str(header),
                                  session_str(text), &b));
        token_len = b.len;
        (void) read_text(&keys, &ring, token, token_len, ISSUED, &claims,
                         &why);

        if ((why == NULL) != (table[i].why == NULL)
            || (why != NULL && strstr(why, table[i].why) == NULL))
        {
            fail_msg("%zu: %s", i, (why != NULL) ? why : "read");
        }

        if (why == NULL) {
            assert_memory_equal(claims.ins, table[i].plain, 15);
            assert_int_equal(claims.discreet, table[i].plain[15] == '1');
        }
    }
}


/* Signed by other means, under a header that says so, or does not. */
static void
test_algorithms(void **state)
{
    char           header[128], claims[1024];
    size_t         i;
    unsigned       n;
    dmp_buf_t      b;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    static const char *const  named[] = { "HS256", "ES256", "none", "ES384" };

    (void) state;
    (void) snprintf(claims, sizeof(claims), GOOD, sealed(HOLDER_INS "0"));

    for (i = 0; i < count(named); i++) {
        (void) snprintf(header, sizeof(header),
                        "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                        named[i], keys.id[0]);

        /* the public key is no secret: its PEM as that of HMAC */

        dmp_buf_init(&b, token, DMP_TOKEN_MAX);
        session_unsigned(session_str(header), session_str(claims), &b);
        assert_non_null(HMAC(EVP_sha256(), keys.pem[0], (int) keys.len[0],
                             (unsigned char *) b.data, b.len, mac, &n));
        dmp_buf_text(&b, ".");
        dmp_buf_base64url(&b, mac, n);
        token_len = b.len;
        assert_non_null(refused_at(ISSUED));

        /* twice, so that it has the size of ES256's */

        b.len -= 43;
        memcpy(mac + 32, mac, 32);
        dmp_buf_base64url(&b, mac, 64);
        token_len = b.len;
        assert_non_null(refused_at(ISSUED));

        /* no signature at all */

        b.len -= 86;
        token_len = b.len;
        assert_non_null(refused_at(ISSUED));
        token_len = b.len - 1;
        assert_non_null(refused_at(ISSUED));
    }
}


/* ES384 by its own key, and by a header that claims ours. */
static void
test_es384(void **state)
{
    char           header[128], claims[1024];
    size_t         i;
    dmp_buf_t      b;
    unsigned char  signature[96];

    static const char *const  named[] = { "ES384", "ES256" };

    (void) state;
    (void) snprintf(claims, sizeof(claims), GOOD, sealed(HOLDER_INS "0"));

    for (i = 0; i < count(named); i++) {
        (void) snprintf(header, sizeof(header),
                        "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                        named[i], keys.id[0]);
        dmp_buf_init(&b, token, DMP_TOKEN_MAX);
        session_unsigned(session_str(header), session_str(claims), &b);
        assert_true(session_signature(p384, EVP_sha384(),
                                      (dmp_str_t) { b.data, b.len },
                                      signature, 48));
        dmp_buf_text(&b, ".");
        dmp_buf_base64url(&b, signature, sizeof(signature));
        token_len = b.len;
        assert_refused(i == 0 ? "algorithm" : "signature is none");

        /* P-256, with another hash */

        b.len -= 129;
        assert_true(session_signature(pair[0], EVP_sha384(),
                                      (dmp_str_t) { b.data, b.len },
                                      signature, 32));
        dmp_buf_text(&b, ".");
        dmp_buf_base64url(&b, signature, 64);
        token_len = b.len;
        assert_refused(i == 0 ? "algorithm" : "does not verify");

        /* ours, signed by another key of P-256 */

        b.len -= 87;
        assert_true(session_signature(pair[1], EVP_sha256(),
                                      (dmp_str_t) { b.data, b.len },
                                      signature, 32));
        dmp_buf_text(&b, ".");
        dmp_buf_base64url(&b, signature, 64);
        token_len = b.len;
        assert_refused(i == 0 ? "algorithm" : "does not verify");
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_es384),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
