/*
 * test_session_token.c: a token is read as it was written, by those who have
 * its key, while it lives, and not at all once a bit of it is otherwise.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "token_case.h"


static void
test_round_trip(void **state)
{
    char           text[DMP_TOKEN_MAX];
    size_t         i;
    dmp_buf_t      b;
    const char    *why;
    dmp_claims_t   claims, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        claims = claims_of(i == 1);
        write_token(&keys, &claims);

        assert_int_equal(read_text(&keys, &ring, token, token_len, ISSUED + 1,
                                   &read, &why), DMP_OK);
        assert_memory_equal(read.id, claims.id, sizeof(read.id));
        assert_memory_equal(read.patient, claims.patient,
                            sizeof(read.patient));
        assert_memory_equal(read.ins, claims.ins, sizeof(read.ins));
        assert_int_equal(read.discreet, claims.discreet);
        assert_int_equal(read.issued, claims.issued);
        assert_int_equal(read.expires, claims.expires);
    }

    /* it goes after what the buffer holds, and whole or not at all */

    for (i = 0; i < token_len + 8; i++) {
        dmp_buf_init(&b, text, i + 3);
        dmp_buf_text(&b, "abc");

        if (dmp_token_write(&keys, &ring, &claims, &b) == DMP_OK) {
            break;
        }

        assert_int_equal(b.len, 3);
    }

    assert_int_equal(i, token_len);
    assert_int_equal(b.len, 3 + token_len);
    assert_int_equal(read_text(&keys, &ring, text + 3, token_len, ISSUED,
                               &read, &why), DMP_OK);
}


/* Who looks at it learns neither the INS nor that it is discreet. */
static void
test_reticent(void **state)
{
    char           text[DMP_TOKEN_MAX];
    char          *dot, *end;
    size_t         i, len[2], n;
    dmp_claims_t   claims;

    (void) state;

    for (i = 0; i < 2; i++) {
        claims = claims_of(i == 1);
        write_token(&keys, &claims);
        len[i] = token_len;

        dot = strchr(token, '.');
        end = strrchr(token, '.');
        n = (size_t) (end - dot - 1);
        n = n / 4 * 3 + (n % 4 != 0 ? n % 4 - 1 : 0);
        assert_true(n < sizeof(text));
        assert_true(dmp_base64url_decode((dmp_str_t) {
                                             dot + 1,
                                             (size_t) (end - dot - 1) },
                                         (unsigned char *) text, n));
        text[n] = '\0';
        assert_non_null(strstr(text, "\"sub\":\"" HOLDER "\""));
        assert_null(strstr(text, HOLDER_INS));
        assert_null(strstr(text, "discreet"));
    }

    assert_int_equal(len[0], len[1]);
}


static void
test_unwritable(void **state)
{
    size_t              i;
    dmp_buf_t           b;
    dmp_claims_t        claims;
    dmp_session_keys_t  none;

    (void) state;
    memset(&none, 0, sizeof(none));
    dmp_buf_init(&b, token, DMP_TOKEN_MAX);
    claims = claims_of(false);
    assert_int_equal(dmp_token_write(&none, &ring, &claims, &b),
                     DMP_E_INTERNAL);

    for (i = 0; i < 8; i++) {
        claims = claims_of(false);

        switch (i) {
        case 0: claims.id[21] = 'x'; break;
        case 1: claims.patient[3] = '"'; break;
        case 2: claims.ins[0] = '\0'; break;
        case 3: claims.issued = 0; break;
        case 4: claims.issued = -1; break;
        case 5: claims.expires = claims.issued; break;
        case 6: claims.expires = (int64_t) 1 << 53; break;
        default: claims.expires = INT64_MIN; break;
        }

        assert_int_equal(dmp_token_write(&keys, &ring, &claims, &b),
                         DMP_E_SYNTAX);
        assert_int_equal(b.len, 0);
    }
}


static void
test_times(void **state)
{
    dmp_claims_t  claims;

    (void) state;
    claims = claims_of(false);
    write_token(&keys, &claims);

    assert_null(refused_at(ISSUED));
    assert_null(refused_at(ISSUED - LEEWAY));
    assert_non_null(strstr(refused_at(ISSUED - LEEWAY - 1), "future"));
    assert_non_null(strstr(refused_at(0), "future"));
    assert_null(refused_at(EXPIRES - 1));
    assert_non_null(strstr(refused_at(EXPIRES), "expired"));
    assert_non_null(strstr(refused_at(EXPIRES + 1), "expired"));
    assert_non_null(strstr(refused_at(INT64_MAX - LEEWAY), "expired"));

    /* clocks that cannot be are no clocks */

    assert_non_null(refused_at(-1));
    assert_non_null(refused_at(INT64_MIN));
    assert_non_null(refused_at(INT64_MAX));
}


static void
test_keys(void **state)
{
    const char          *why;
    dmp_claims_t         claims, read;
    dmp_session_keys_t   none;

    (void) state;
    claims = claims_of(false);
    write_token(&keys, &claims);

    /* a retired key verifies, and another does not */

    assert_int_equal(read_text(&both_keys, &ring, token, token_len, ISSUED,
                               &read, &why), DMP_OK);
    (void) read_text(&other_keys, &ring, token, token_len, ISSUED, &read,
                     &why);
    assert_non_null(strstr(why, "no key of ours"));

    memset(&none, 0, sizeof(none));
    (void) read_text(&none, &ring, token, token_len, ISSUED, &read, &why);
    assert_non_null(strstr(why, "no key of ours"));

    (void) read_text(&keys, &other_ring, token, token_len, ISSUED, &read,
                     &why);
    assert_non_null(strstr(why, "does not open"));

    /* what the new key of a rotation signs is read by it alone */

    write_token(&both_keys, &claims);
    assert_int_equal(read_text(&both_keys, &ring, token, token_len, ISSUED,
                               &read, &why), DMP_OK);
    assert_int_equal(read_text(&keys, &ring, token, token_len, ISSUED, &read,
                               &why), DMP_E_REFUSED);
}


/* Any bit of any byte; any length; anything after it or before it. */
static void
test_every_byte(void **state)
{
    char           c;
    bool           all;
    size_t         i;
    unsigned       change;
    const char    *why;
    dmp_claims_t   claims, read;

    (void) state;
    claims = claims_of(false);
    write_token(&keys, &claims);

    for (i = 0; i < token_len; i++) {
        c = token[i];

        /* a part's last character, and the dot: to any other at all */

        all = i + 1 == token_len || c == '.' || token[i + 1] == '.';

        for (change = 1; change < 256; change += all ? 1 : change) {
            token[i] = (char) ((unsigned char) c ^ change);

            if (refused_at(ISSUED) == NULL) {
                fail_msg("byte %zu, %02x for %02x", i,
                         (unsigned char) token[i], (unsigned char) c);
            }
        }

        token[i] = c;
        assert_int_equal(read_text(&keys, &ring, token, i, ISSUED, &read,
                                   &why), DMP_E_REFUSED);
        assert_int_equal(read_text(&keys, &ring, token + i + 1,
                                   token_len - i - 1, ISSUED, &read, &why),
                         DMP_E_REFUSED);
    }

    assert_null(refused_at(ISSUED));
    token_len++;

    for (change = 0; change < 256; change++) {
        token[token_len - 1] = (char) change;
        assert_non_null(refused_at(ISSUED));
    }
}


static void
test_parts(void **state)
{
    size_t         i;
    char           good[DMP_TOKEN_MAX], text[DMP_TOKEN_MAX + 1];
    char          *one, *two;
    const char    *why;
    dmp_claims_t   claims, read;

    static const char *const  none[] = {
        "", ".", "..", "...", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d",
        "a.b.c.", ".a.b.c", "..a.b.c", "a.b.c..",
    };

    (void) state;

    for (i = 0; i < count(none); i++) {
        assert_int_equal(read_text(&keys, &ring, none[i], strlen(none[i]),
                                   ISSUED, &read, &why), DMP_E_REFUSED);
        assert_string_equal(why, "it is no token");
    }

    claims = claims_of(false);
    write_token(&keys, &claims);
    (void) strcpy(good, token);
    one = strchr(good, '.');
    two = strrchr(good, '.');
    *one++ = '\0';
    *two++ = '\0';

    /* padding, more dots, an empty part, another alphabet, blanks */

    for (i = 0; i < 12; i++) {
        static const char *const  forms[] = {
            "%s.%s.%s", "%s.%s.%s=", "%s.%s.%s==", "%s=.%s.%s", "%s.%s=.%s",
            "%s.%s.%s.", ".%s.%s.%s", "%s..%s.%s", "%s.%s.%s.AAAA",
            " %s.%s.%s", "%s.%s.%s\n", "%s.%s. %s",
        };

        token_len = (size_t) snprintf(token, sizeof(token), forms[i], good,
                                      one, two);
        assert_int_equal(refused_at(ISSUED) == NULL, i == 0);
    }

    /* the unused bits of the last character, and a signature of other sizes */

    (void) strcpy(text, two);

    for (i = 0; i < 4; i++) {
        static const char *const  forms[] = {
            "%s.%s.%.85s", "%s.%s.%.84s", "%s.%s.%sAA", "%s.%s.AA%s"
        };

        token_len = (size_t) snprintf(token, sizeof(token), forms[i], good,
                                      one, text);
        assert_refused("signature is none");
    }

    /* of the most that is looked at, and one more */

    memset(text, 'A', sizeof(text));
    assert_int_equal(read_text(&keys, &ring, text, DMP_TOKEN_MAX, ISSUED,
                               &read, &why), DMP_E_REFUSED);
    text[100] = '.';
    text[DMP_TOKEN_MAX - 87] = '.';
    assert_int_equal(read_text(&keys, &ring, text, DMP_TOKEN_MAX, ISSUED,
                               &read, &why), DMP_E_REFUSED);
    assert_int_equal(read_text(&keys, &ring, text, DMP_TOKEN_MAX + 1, ISSUED,
                               &read, &why), DMP_E_REFUSED);
    assert_string_equal(why, "it is no token");
}


/* r and s altered, in what is otherwise a signature. */
static void
test_signature(void **state)
{
    size_t          i, j;
    char           *end;
    dmp_buf_t       b;
    unsigned char   good[64], bad[64];
    dmp_claims_t    claims;

    /* the order of P-256's group: no r and no s is 0, or as large as it */
    static const unsigned char  order[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
        0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51
    };

    (void) state;
    claims = claims_of(false);
    write_token(&keys, &claims);
    end = strrchr(token, '.') + 1;
    assert_true(dmp_base64url_decode(session_str(end), good, sizeof(good)));

    for (i = 0; i < 512 + 8; i++) {
        memcpy(bad, good, sizeof(bad));

        switch (i) {
        case 512: memset(bad, 0, 64); break;
        case 513: memset(bad, 0, 32); break;
        case 514: memset(bad + 32, 0, 32); break;
        case 515: memcpy(bad, order, 32); break;
        case 516: memcpy(bad + 32, order, 32); break;
        case 517: memset(bad, 0xff, 64); break;
        case 518:
            memcpy(bad, good + 32, 32);
            memcpy(bad + 32, good, 32);
            break;
        case 519:
            for (j = 0; j < 32; j++) {
                bad[j] = good[31 - j];
                bad[32 + j] = good[63 - j];
            }
            break;
        default:
            bad[i / 8] ^= (unsigned char) (1 << i % 8);
        }

        dmp_buf_init(&b, end, 86);
        dmp_buf_base64url(&b, bad, sizeof(bad));
        assert_int_equal(b.len, 86);
        assert_refused("does not verify");
    }

    dmp_buf_init(&b, end, 86);
    dmp_buf_base64url(&b, good, sizeof(good));
    assert_null(refused_at(ISSUED));
}


/* Two tokens that are both good: no part of one fits the other. */
static void
test_swapped(void **state)
{
    char           a[3][DMP_TOKEN_MAX], b[3][DMP_TOKEN_MAX];
    size_t         i;
    dmp_claims_t   claims;

    (void) state;
    claims = claims_of(false);
    write_token(&keys, &claims);
    assert_int_equal(sscanf(token, "%[^.].%[^.].%s", a[0], a[1], a[2]), 3);

    memcpy(claims.patient, "FBESExQVFhcYGRobHB0eHw", sizeof(claims.patient));
    write_token(&keys, &claims);
    assert_int_equal(sscanf(token, "%[^.].%[^.].%s", b[0], b[1], b[2]), 3);

    for (i = 0; i < 8; i++) {
        token_len = (size_t) snprintf(token, sizeof(token), "%s.%s.%s",
                                      (i & 1) ? b[0] : a[0],
                                      (i & 2) ? b[1] : a[1],
                                      (i & 4) ? b[2] : a[2]);

        /* the headers are the same */

        assert_int_equal(refused_at(ISSUED) == NULL,
                         ((i >> 1) & 1) == ((i >> 2) & 1));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_reticent),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_swapped),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
