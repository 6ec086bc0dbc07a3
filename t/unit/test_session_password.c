/*
 * test_session_password.c: which passwords are refused, and what is kept of
 * the others; accounts, codes and temporary passwords.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../policy/dmp_session_int.h"


#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define IDENTIFIER  "01012" "1ABYZ"      /* and its check, below */


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* From a block of exactly its size, so that a byte read too far is seen. */
static const char *
refused(const char *text, size_t len, dmp_str_t identifier)
{
    char        *copy;
    const char  *why;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    why = dmp_password_refused((dmp_str_t) { copy, len }, identifier);
    free(copy);

    return why;
}


static void
test_passwords(void **state)
{
    char    id[DMP_IDENTIFIER_LEN];
    size_t  i;

    static const struct {
        const char  *text;
        const char  *why;                /* a part of it; NULL: it is taken */
    } table[] = {
        { "correct horse battery", NULL },
        { "Trois petits chats !", NULL },
        { "kX9#vQ2m$Lp7", NULL },
        { "\xc3\xa9t\xc3\xa9 \xc3\xa0 la plage", NULL },
        { "\xf0\x9f\x90\xb4\xf0\x9f\x94\x8b\xf0\x9f\x93\x8e 12 x yz!", NULL },
        { "m\xc3\xb4tdepasse fort", NULL },

        /* 12 characters, not bytes */
        { "", "trop court" },
        { "kX9#vQ2m$Lp", "trop court" },
        { "\xc3\xa9t\xc3\xa9\xc3\xa0\xc3\xb9\xc3\xa8", "trop court" },
        { "\xc3\xa9" "b\xc3\xa0" "d\xc3\xb9" "f\xc3\xa8h\xc3\xaej",
          "trop court" },
        { "\xc3\xa9" "b\xc3\xa0" "d\xc3\xb9" "f\xc3\xa8h\xc3\xaej\xc3\xb4l",
          NULL },

        /* no text */
        { "correct\thorse battery", "ne s'\xc3\xa9" "crit pas" },
        { "correct horse battery\n", "ne s'\xc3\xa9" "crit pas" },
        { "correct horse battery\x7f", "ne s'\xc3\xa9" "crit pas" },
        { "correct horse battery\xc2\x85", "ne s'\xc3\xa9" "crit pas" },
        { "correct horse battery\xc2\xa0", NULL },
        { "correct horse battery\xe9", "texte valide" },
        { "correct horse battery\xc3", "texte valide" },
        { "correct horse battery\xc0\xaf", "texte valide" },
        { "correct horse battery\xed\xa0\x80", "texte valide" },

        /* the identifier */
        { "%s", "identifiant" },
        { "-%s-", "identifiant" },
        { "x%syz", "identifiant" },

        /* again and again */
        { "aaaaaaaaaaaa", "r\xc3\xa9p\xc3\xa8te" },
        { "            ", "r\xc3\xa9p\xc3\xa8te" },
        { "ababababababa", "r\xc3\xa9p\xc3\xa8te" },
        { "kX9#vQkX9#vQ", "r\xc3\xa9p\xc3\xa8te" },
        { "kX9#vQkX9#vQkX9#", "r\xc3\xa9p\xc3\xa8te" },
        { "kX9#vQ2kX9#vQ2", NULL },
        { "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
          "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "r\xc3\xa9p\xc3\xa8te" },

        /* tried first */
        { "123456789012", "trop courant" },
        { "09876543210987", "trop courant" },
        { "abcdefghijkl", "trop courant" },
        { "zyxwvutsrqpo", "trop courant" },
        { "ABCDEFGHIJKLMNOP", "trop courant" },
        { "motdepasse123", "trop courant" },
        { "MotDePasse2026!", "trop courant" },
        { "mot de passe", "trop courant" },
        { "Mot-De-Passe 2026", "trop courant" },
        { "motdepassemotdepasse", "trop courant" },
        { "1234password", "trop courant" },
        { "Password1234", "trop courant" },
        { "passwordpassword", "trop courant" },
        { "azertyuiop12", "trop courant" },
        { "AZERTYuiopQS", "trop courant" },
        { "qwertyuiop[]", "trop courant" },
        { "1q2w3e4r5t6y", "trop courant" },
        { "1qaz2wsx3edc", "trop courant" },
        { "administrateur", "trop courant" },
        { "jetaimejetaime", "trop courant" },
        { "bonjour!!12345", "trop courant" },
        { "iloveyou2026", "trop courant" },
        { "monespacesante", "trop courant" },

        /* they begin like those */
        { "123456789013", NULL },
        { "motdepasselapin", NULL },
        { "password83749#!$xy", NULL },
        { "bonjour837495261!", NULL },
    };

    (void) state;
    memcpy(id, IDENTIFIER, 10);
    dmp_identifier_check(id);

    for (i = 0; i < count(table); i++) {
        char         text[160];
        const char  *why, *p;

        p = strstr(table[i].text, "%s");
        (void) strcpy(text, table[i].text);

        if (p != NULL) {
            (void) snprintf(text, sizeof(text), "%.*s%.*s%s",
                            (int) (p - table[i].text), table[i].text,
                            (int) sizeof(id), id, p + 2);
        }

        why = refused(text, strlen(text), (dmp_str_t) { id, sizeof(id) });

        if ((why == NULL) != (table[i].why == NULL)
            || (why != NULL && strstr(why, table[i].why) == NULL))
        {
            fail_msg("\"%s\": %s", text, (why != NULL) ? why : "taken");
        }
    }
}


/* However it is written, and whatever stands for it where there is none. */
static void
test_identifier(void **state)
{
    char       id[DMP_IDENTIFIER_LEN], text[64];
    dmp_str_t  identifier;

    (void) state;
    memcpy(id, IDENTIFIER, 10);
    dmp_identifier_check(id);
    identifier = (dmp_str_t) { id, sizeof(id) };

    (void) snprintf(text, sizeof(text), "oi-oi 2labyz%.2s", id + 10);
    assert_non_null(strstr(refused(text, strlen(text), identifier),
                           "identifiant"));
    (void) snprintf(text, sizeof(text), "ma clef : oI0.1 2lab_yZ%.2s!",
                    id + 10);
    assert_non_null(strstr(refused(text, strlen(text), identifier),
                           "identifiant"));

    /* one letter of it less, or another between */

    (void) snprintf(text, sizeof(text), "01012ABYZ%.2s, non", id + 10);
    assert_null(refused(text, strlen(text), identifier));
    (void) snprintf(text, sizeof(text), "01012\xc3\xa9" "1ABYZ%.2s", id + 10);
    assert_null(refused(text, strlen(text), identifier));

    assert_null(refused("correct horse battery", 21, dmp_null_string));
    assert_null(refused("correct horse battery", 21, dmp_string("x")));

    /* whoever it is for, but not among other words */
    (void) snprintf(text, sizeof(text), "oi-oi 2labyz%.2s", id + 10);
    assert_non_null(strstr(refused(text, strlen(text), dmp_null_string),
                           "identifiant"));
    (void) snprintf(text, sizeof(text), "oi-oi 2labyz%.2s, oui", id + 10);
    assert_null(refused(text, strlen(text), dmp_null_string));
}


static void
test_lengths(void **state)
{
    char    text[DMP_PASSWORD_MAX + 2];
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (char) ('!' + i * i % 83);
    }

    assert_null(refused(text, DMP_PASSWORD_MAX, dmp_null_string));
    assert_non_null(strstr(refused(text, DMP_PASSWORD_MAX + 1,
                                   dmp_null_string), "trop long"));

    assert_non_null(strstr(refused(text, 11, dmp_null_string), "trop court"));
    assert_null(refused(text, 12, dmp_null_string));

    text[5] = '\0';
    assert_non_null(strstr(refused(text, 20, dmp_null_string), "crit pas"));
}


/* What it says is of RFC 7914, as another implementation has it. */
static void
test_scrypt(void **state)
{
    char           text[DMP_PASSWORD_MAX + 1];
    size_t         i;
    unsigned char  salt[DMP_SCRYPT_SALT], hash[DMP_SCRYPT_HASH];

    static const unsigned char  known[DMP_SCRYPT_HASH] = {
        0xc7, 0x2e, 0x94, 0x08, 0x80, 0xb3, 0xf1, 0x5b,
        0xff, 0x3f, 0xa2, 0x6a, 0x3a, 0x49, 0x14, 0x0f,
        0x80, 0xce, 0x9a, 0x1c, 0x4d, 0xd2, 0xd5, 0xd2,
        0x7b, 0xab, 0x10, 0x01, 0x40, 0x71, 0xba, 0x94
    };
    static const unsigned char  none[DMP_SCRYPT_HASH];

    (void) state;

    for (i = 0; i < sizeof(salt); i++) {
        salt[i] = (unsigned char) i;
    }

    assert_true(dmp_scrypt(dmp_string("correct horse battery"), salt, hash));
    assert_memory_equal(hash, known, sizeof(known));

    salt[15]++;
    assert_true(dmp_scrypt(dmp_string("correct horse battery"), salt, hash));
    assert_memory_not_equal(hash, known, sizeof(known));

    memset(text, 'a', sizeof(text));
    assert_true(dmp_scrypt((dmp_str_t) { text, DMP_PASSWORD_MAX }, salt,
                           hash));
    assert_false(dmp_scrypt((dmp_str_t) { text, DMP_PASSWORD_MAX + 1 }, salt,
                            hash));
    assert_memory_equal(hash, none, sizeof(none));
    assert_false(dmp_scrypt(dmp_null_string, salt, hash));
}


static dmp_account_t
account_of(bool temporary, const char *channel)
{
    size_t         i;
    dmp_account_t  account;

    memset(&account, 0, sizeof(account));

    for (i = 0; i < sizeof(account.salt); i++) {
        account.salt[i] = (unsigned char) (i * 17);
    }

    for (i = 0; i < sizeof(account.hash); i++) {
        account.hash[i] = (unsigned char) (255 - i);
    }

    account.temporary = temporary;
    (void) strcpy(account.channel, channel);

    return account;
}


static dmp_rc_t
read_account(const char *json, size_t len, dmp_account_t *account)
{
    char      *copy;
    dmp_rc_t   rc;

    static const dmp_account_t  none;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, json, len);
    memset(account, 0xff, sizeof(*account));
    rc = dmp_account_read((dmp_str_t) { copy, len }, account);
    free(copy);

    if (rc != DMP_OK) {
        assert_memory_equal(account, &none, sizeof(none));
    }

    return rc;
}


static void
test_account(void **state)
{
    char           json[DMP_ACCOUNT_MAX];
    size_t         i, n;
    dmp_buf_t      b;
    dmp_account_t  account, read;

    static const char *const  channels[] = { "", "sms", "email" };

    (void) state;

    for (i = 0; i < 6; i++) {
        account = account_of(i < 3, channels[i % 3]);
        dmp_buf_init(&b, json, sizeof(json));
        dmp_account_write(&b, &account);
        assert_false(b.full);
        assert_int_equal(read_account(json, b.len, &read), DMP_OK);
        assert_memory_equal(read.salt, account.salt, sizeof(read.salt));
        assert_memory_equal(read.hash, account.hash, sizeof(read.hash));
        assert_int_equal(read.temporary, account.temporary);
        assert_string_equal(read.channel, account.channel);

        for (n = 0; n < b.len; n++) {
            assert_int_not_equal(read_account(json, n, &read), DMP_OK);
        }
    }

    /* another channel, and one without an end */

    account = account_of(false, "fax");
    dmp_buf_init(&b, json, sizeof(json));
    dmp_account_write(&b, &account);
    assert_true(b.full);
    memset(account.channel, 'x', sizeof(account.channel));
    dmp_buf_init(&b, json, sizeof(json));
    dmp_account_write(&b, &account);
    assert_true(b.full);
}


#define SALT  "\"salt\":\"ABEiM0RVZneImaq7zN3u_w\""
#define HASH  "\"hash\":\"__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA\""
#define TEMP  "\"temporary\":true"
#define CHAN  "\"channel\":\"sms\""

/* An account opens for its own key, version and patient, and no other. */
static void
test_account_sealed(void **state)
{
    char            sealed[DMP_ACCOUNT_SEALED];
    size_t          len;
    dmp_account_t   before, after;
    dmp_keyring_t   ring;

    static const char  h[] = "AAAAAAAAAAAAAAAAAAAAAA";
    static const char  p[] = "BBBBBBBBBBBBBBBBBBBBBB";
    static const char  other[] = "CCCCCCCCCCCCCCCCCCCCCC";

    (void) state;
    memset(&ring, 0, sizeof(ring));
    memset(&before, 0, sizeof(before));
    memset(before.hash, 7, sizeof(before.hash));
    before.temporary = true;

    assert_int_equal(dmp_keyring_add(&ring, dmp_string(
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")),
        DMP_OK);
    assert_int_equal(dmp_account_seal(&ring, h, p, 3, &before, sealed, &len),
                     DMP_OK);

    assert_int_equal(dmp_account_open(&ring, h, p, 3,
                         (dmp_str_t) { sealed, len }, &after), DMP_OK);
    assert_memory_equal(after.hash, before.hash, sizeof(after.hash));
    assert_true(after.temporary);

    assert_int_equal(dmp_account_open(&ring, h, other, 3,
                         (dmp_str_t) { sealed, len }, &after), DMP_E_REFUSED);
    assert_int_equal(dmp_account_open(&ring, other, p, 3,
                         (dmp_str_t) { sealed, len }, &after), DMP_E_REFUSED);
    assert_int_equal(dmp_account_open(&ring, h, p, 4,
                         (dmp_str_t) { sealed, len }, &after), DMP_E_REFUSED);
    assert_int_equal(dmp_account_open(&ring, h, p, 3,
                         (dmp_str_t) { sealed, sizeof(sealed) + 1 }, &after),
                     DMP_E_LIMIT);
}


static void
test_account_refused(void **state)
{
    char           text[DMP_ACCOUNT_MAX + 1];
    size_t         i;
    dmp_account_t  account;

    static const struct {
        const char  *json;
        dmp_rc_t     rc;
    } table[] = {
        { "{" SALT "," HASH "," TEMP "," CHAN "}", DMP_OK },
        { " {\n" CHAN ", " TEMP "," HASH "," SALT "} ", DMP_OK },
        { "", DMP_E_SYNTAX },
        { "null", DMP_E_SYNTAX },
        { "[]", DMP_E_SYNTAX },
        { "{}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT "," TEMP "," CHAN "}", DMP_E_SYNTAX },
        { "{" HASH "," TEMP "," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP "," CHAN ",\"x\":1}", DMP_E_UNKNOWN },
        { "{" SALT "," HASH "," TEMP ",\"Channel\":\"sms\"}", DMP_E_UNKNOWN },
        { "{" SALT "," SALT "," HASH "," TEMP "," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP "," CHAN "," TEMP "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP "," CHAN "}x", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP "," CHAN "}{}", DMP_E_SYNTAX },
        { "{" SALT "," HASH ",\"temporary\":1," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH ",\"temporary\":\"true\"," CHAN "}",
          DMP_E_SYNTAX },
        { "{" SALT "," HASH ",\"temporary\":null," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP ",\"channel\":\"fax\"}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP ",\"channel\":\"emailemail\"}",
          DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP ",\"channel\":\"sms\\u0000\"}",
          DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP ",\"channel\":null}", DMP_E_SYNTAX },
        { "{" SALT "," HASH "," TEMP ",\"channel\":[\"sms\"]}",
          DMP_E_SYNTAX },
        { "{\"salt\":\"ABEiM0RVZneImaq7zN3u_x\"," HASH "," TEMP "," CHAN "}",
          DMP_E_SYNTAX },
        { "{\"salt\":\"ABEiM0RVZneImaq7zN3u/w\"," HASH "," TEMP "," CHAN "}",
          DMP_E_SYNTAX },
        { "{\"salt\":\"ABEiM0RVZneImaq7zN3u_w==\"," HASH "," TEMP "," CHAN "}",
          DMP_E_SYNTAX },
        { "{\"salt\":\"\"," HASH "," TEMP "," CHAN "}", DMP_E_SYNTAX },
        { "{\"salt\":1," HASH "," TEMP "," CHAN "}", DMP_E_SYNTAX },
        { "{" SALT ",\"hash\":\"ABEiM0RVZneImaq7zN3u_w\"," TEMP "," CHAN "}",
          DMP_E_SYNTAX },
        { "{" SALT ",\"hash\":{}," TEMP "," CHAN "}", DMP_E_SYNTAX },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        if (read_account(table[i].json, strlen(table[i].json), &account)
            != table[i].rc)
        {
            fail_msg("%s", table[i].json);
        }
    }

    /* a NUL after it, and blanks up to the limit and beyond */

    memset(text, ' ', sizeof(text));
    memcpy(text, table[0].json, strlen(table[0].json));
    assert_int_equal(read_account(text, DMP_ACCOUNT_MAX, &account), DMP_OK);
    assert_int_equal(read_account(text, DMP_ACCOUNT_MAX + 1, &account),
                     DMP_E_LIMIT);
    text[strlen(table[0].json)] = '\0';
    assert_int_equal(read_account(text, DMP_ACCOUNT_MAX, &account),
                     DMP_E_SYNTAX);
}


/* Of n numbers each is as likely: so many random values give each of them. */
static void
test_pick(void **state)
{
    size_t    i;
    uint32_t  random, number, n, whole;

    static const uint32_t  sizes[] = { 1, 2, 3, 10, 30, 32, 1000000,
                                       0x7fffffff, 0x80000000, 0x80000001,
                                       0xffffffff };

    (void) state;

    for (i = 0; i < count(sizes); i++) {
        n = sizes[i];
        assert_true(dmp_session_pick(0, n, &number));
        assert_int_equal(number, 0);
        assert_true(dmp_session_pick(n - 1, n, &number));
        assert_int_equal(number, n - 1);

        /* the last that is taken is the last of a round, then none is */

        whole = (uint32_t) (((uint64_t) 1 << 32) / n * n - 1);
        assert_true(dmp_session_pick(whole, n, &number));
        assert_int_equal(number, n - 1);

        for (random = whole; random != 0xffffffff && random - whole < 1000;) {
            random++;
            assert_false(dmp_session_pick(random, n, &number));
        }

        if (whole != 0xffffffff) {
            assert_false(dmp_session_pick(0xffffffff, n, &number));
        }
    }

    assert_true(dmp_session_pick(4293999999, 1000000, &number));
    assert_int_equal(number, 999999);
    assert_false(dmp_session_pick(4294000000, 1000000, &number));
}


static void
test_codes(void **state)
{
    char      code[DMP_CODE_LEN];
    size_t    i, j;
    unsigned  seen[DMP_CODE_LEN][10];

    static const char *const  bad[] = {
        "", "12345", "1234567", "12345a", " 12345", "12345\n", "-12345",
        "\xd9\xa1" "1234", "1234.5",
    };

    (void) state;
    memset(seen, 0, sizeof(seen));

    /* 60 counts of 1,000 expected: off by 500 once in 10^50 runs */

    for (i = 0; i < 10000; i++) {
        assert_true(dmp_code_make(code));
        assert_true(dmp_code_valid((dmp_str_t) { code, sizeof(code) }));

        for (j = 0; j < DMP_CODE_LEN; j++) {
            seen[j][code[j] - '0']++;
        }
    }

    for (i = 0; i < DMP_CODE_LEN; i++) {
        for (j = 0; j < 10; j++) {
            assert_in_range(seen[i][j], 500, 1500);
        }
    }

    for (i = 0; i < count(bad); i++) {
        assert_false(dmp_code_valid(str(bad[i])));
    }

    assert_false(dmp_code_valid((dmp_str_t) { "12345\0", 6 }));
    assert_true(dmp_code_valid(dmp_string("000000")));
}


static void
test_code_hash(void **state)
{
    char  a[DMP_CODE_HASH_LEN], b[DMP_CODE_HASH_LEN];

    static const unsigned char  key[DMP_KEY_LEN] = { 1, 2, 3 };
    static const unsigned char  other[DMP_KEY_LEN] = { 1, 2, 4 };
    static const char           none[DMP_CODE_HASH_LEN];

    const dmp_str_t  challenge = dmp_string("AAECAwQFBgcICQoLDA0ODw");

    (void) state;

    /* by another implementation of RFC 2104 */

    assert_int_equal(dmp_code_hash(key, challenge, dmp_string("012345"), a),
                     DMP_OK);
    assert_memory_equal(a, "4LlQJ5at2yiRSWdDY8XcB2C1yLweYP3zkU4FnMiUOS0",
                        sizeof(a));

    assert_int_equal(dmp_code_hash(key, challenge, dmp_string("012346"), b),
                     DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(dmp_code_hash(key, dmp_string("AAECAwQFBgcICQoLDA0OEA"),
                                   dmp_string("012345"), b), DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(dmp_code_hash(other, challenge, dmp_string("012345"), b),
                     DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));

    assert_int_equal(dmp_code_hash(key, challenge, dmp_string("01234"), b),
                     DMP_E_SYNTAX);
    assert_memory_equal(b, none, sizeof(b));
    assert_int_equal(dmp_code_hash(key, dmp_string("AAEC"),
                                   dmp_string("012345"), b), DMP_E_SYNTAX);
    assert_memory_equal(b, none, sizeof(b));
}


static void
test_temporary(void **state)
{
    char    a[DMP_TEMPORARY_LEN], b[DMP_TEMPORARY_LEN];
    size_t  i, j;

    (void) state;

    for (i = 0; i < 1000; i++) {
        assert_true(dmp_temporary_make(a));
        assert_true(dmp_temporary_make(b));
        assert_memory_not_equal(a, b, sizeof(a));

        for (j = 0; j < sizeof(a); j++) {
            assert_non_null(memchr("23456789abcdefghjkmnpqrstvwxyz", a[j],
                                   30));
        }

        assert_null(dmp_password_refused((dmp_str_t) { a, sizeof(a) },
                                         dmp_null_string));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_identifier),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_scrypt),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_account_sealed),
        cmocka_unit_test(test_account_refused),
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_code_hash),
        cmocka_unit_test(test_temporary),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
