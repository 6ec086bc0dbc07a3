/*
 * test_notifyd_text.c: templates, what is filled into them, and the encodings
 * of mails, forms and JSON; the alphabet of SMS; addresses; days and times.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/notifyd_text.h"


#define PLACE_ONLY  TEXT_BIT(TEXT_PLACE)

static dmp_error_t  error;
static char         out[8192];
static dmp_buf_t    b;


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static void
is(const char *wanted)
{
    assert_false(b.full);
    assert_true(b.len < sizeof(out));
    out[b.len] = '\0';
    assert_string_equal(out, wanted);
}


static void
begin(void)
{
    dmp_buf_init(&b, out, sizeof(out) - 1);
}


static void
test_fill(void **state)
{
    text_values_t  v;

    (void) state;
    memset(&v, 0, sizeof(v));
    v.value[TEXT_CODE] = str("{place}");
    v.value[TEXT_PLACE] = str("là");

    begin();
    text_fill(&b, str("a {code} b {place}{place}"), &v);
    is("a {place} b làlà");              /* never looked at again */

    begin();
    text_fill(&b, str(""), &v);
    is("");

    /* what was not checked is no text at all */
    begin();
    text_fill(&b, str("a {nobody}"), &v);
    assert_true(b.full);
    begin();
    text_fill(&b, str("a {code"), &v);
    assert_true(b.full);

    /* nor one that does not fit */
    dmp_buf_init(&b, out, 5);
    text_fill(&b, str("12{code}"), &v);
    assert_true(b.full);
}


static void
refused(const char *text, unsigned line, const char *why)
{
    memset(&error, 0, sizeof(error));
    assert_int_not_equal(text_check(str(text), PLACE_ONLY, &error), DMP_OK);
    assert_int_equal(error.line, line);
    assert_non_null(strstr(error.text, why));
}


static void
test_check(void **state)
{
    (void) state;
    assert_int_equal(text_check(str("é\n{place}\n"), PLACE_ONLY, &error),
                     DMP_OK);
    refused("a\nb {code}", 2, "\"{code}\" must not stand here");
    refused("{Place}", 1, "\"{Place}\" is no placeholder");
    refused("\n\n{place", 3, "\"{place\" is no placeholder");
    refused("a}", 1, "\"}\"");
    refused("{}", 1, "\"{}\"");
    refused("{place}}", 1, "\"}\"");
    refused("a\r\n", 1, "control character 13");
    refused("a\n\x1b[1m", 2, "control character 27");
    refused("a\x7f", 1, "control character 127");
    refused("a\n\xc3", 2, "UTF-8");
    refused("\xed\xa0\x80", 1, "UTF-8");
}


static void
mail_refused(const char *file, unsigned line)
{
    text_mail_t  mail;

    memset(&error, 0, sizeof(error));
    assert_int_not_equal(text_mail(str(file), PLACE_ONLY, &mail, &error),
                         DMP_OK);
    assert_int_equal(error.line, line);
    assert_true(error.text[0] != '\0');
}


static void
test_files(void **state)
{
    char         large[TEXT_FILE_MAX + 2];
    dmp_str_t    sms;
    text_mail_t  mail;

    (void) state;
    assert_int_equal(text_mail(str("Sujet\n\nUn\n\ndeux\n\n"), PLACE_ONLY,
                               &mail, &error), DMP_OK);
    assert_true(dmp_str_eq(mail.subject, str("Sujet")));
    assert_true(dmp_str_eq(mail.body, str("Un\n\ndeux")));

    mail_refused("", 1);
    mail_refused("Sujet", 1);
    mail_refused("\n\nUn\n", 1);
    mail_refused("Sujet\n", 2);
    mail_refused("Sujet\nUn\n", 2);
    mail_refused("Sujet\n\n", 3);
    mail_refused("Sujet\n\n\n\n", 3);
    mail_refused("Sujet\n\n{code}\n", 3);

    assert_int_equal(text_sms(str("Un\n"), PLACE_ONLY, &sms, &error), DMP_OK);
    assert_true(dmp_str_eq(sms, str("Un")));
    assert_int_not_equal(text_sms(str("\n"), PLACE_ONLY, &sms, &error),
                         DMP_OK);

    memset(large, 'a', sizeof(large));
    assert_int_equal(text_sms((dmp_str_t) { large, TEXT_FILE_MAX + 1 },
                              PLACE_ONLY, &sms, &error), DMP_E_LIMIT);
    large[201] = '\n';
    large[202] = '\n';
    assert_int_equal(text_mail((dmp_str_t) { large, 300 }, PLACE_ONLY, &mail,
                               &error), DMP_E_SYNTAX);
}


static void
test_gsm(void **state)
{
    size_t  n;

    (void) state;
    assert_true(text_gsm(str("Accès à 14 h 05 : é, É, Ç, £\n"), &n));
    assert_int_equal(n, 29);
    assert_true(text_gsm(str("[€]"), &n));
    assert_int_equal(n, 6);
    assert_true(text_gsm(str(""), &n));
    assert_int_equal(n, 0);

    /* none of these: ê, ç, a typographic apostrophe, a backtick, a tab */
    assert_false(text_gsm(str("ê"), &n));
    assert_false(text_gsm(str("ç"), &n));
    assert_false(text_gsm(str("l\xe2\x80\x99"), &n));
    assert_false(text_gsm(str("`"), &n));
    assert_false(text_gsm(str("\t"), &n));
    assert_false(text_gsm(str("\xc3"), &n));
}


static void
header_is(const char *text, const char *wanted)
{
    begin();
    text_header(&b, str(text));
    is(wanted);
}


/* The encoded words are those of: printf TEXT | base64 */
static void
test_header(void **state)
{
    (void) state;
    header_is("Votre code", "Votre code");
    header_is("", "");
    header_is("Accès", "=?UTF-8?B?QWNjw6hz?=");
    header_is("=?a", "=?UTF-8?B?PT9h?=");
    header_is("a = ? b", "a = ? b");

    /* 39 bytes to a word, and the é whose first byte is the 39th to the next */
    header_is("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaéb",
              "=?UTF-8?B?"
              "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
              " =?UTF-8?B?w6li?=");

    /* plain, but for its length */
    begin();
    text_header(&b, str("0123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789"));
    out[b.len] = '\0';
    assert_ptr_equal(strstr(out, "=?UTF-8?B?"), out);
    assert_non_null(strstr(out, "?=\r\n =?UTF-8?B?"));

    begin();
    text_header(&b, str("\xc3"));
    assert_true(b.full);
}


static void
quoted_is(const char *text, const char *wanted)
{
    begin();
    text_quoted(&b, str(text));
    is(wanted);
}


static void
test_quoted(void **state)
{
    size_t       i;
    const char  *line, *end;

    (void) state;
    quoted_is("", "\r\n");
    quoted_is("a b", "a b\r\n");
    quoted_is("à = b", "=C3=A0 =3D b\r\n");
    quoted_is("a \nb", "a=20\r\nb\r\n");
    quoted_is("a\t", "a=09\r\n");

    /* SMTP ends a mail at a full stop alone */
    quoted_is(".\n.a\nb.\n", "=2E\r\n=2Ea\r\nb.\r\n\r\n");
    quoted_is("a\rb", "a=0Db\r\n");

    /* no line is over 76, and none begins with a full stop */
    for (i = 60; i < 90; i++) {
        char  text[200];

        memset(text, 'x', i);
        (void) snprintf(text + i, sizeof(text) - i, "é....................");
        begin();
        text_quoted(&b, str(text));
        out[b.len] = '\0';

        for (line = out; *line != '\0'; line = end + 2) {
            end = strstr(line, "\r\n");
            assert_non_null(end);
            assert_true(end - line <= 76);
            assert_true(*line != '.');
        }
    }
}


static void
test_form(void **state)
{
    (void) state;
    begin();
    text_form(&b, str("a-Z_0.9~ &=+%\né{}"));
    is("a-Z_0.9~%20%26%3D%2B%25%0A%C3%A9%7B%7D");
    begin();
    text_form(&b, (dmp_str_t) { "\0", 1 });
    is("%00");
}


static void
test_json(void **state)
{
    char           *text;
    json_t         *from, *made;
    text_values_t   v;

    (void) state;
    memset(&v, 0, sizeof(v));
    v.value[TEXT_TEXT] = str("\"}, \\ é\n{to}");
    v.value[TEXT_TO] = str("+33");
    from = json_loads("{\"m\":[\"{text}\",1,null,true],\"t\":{\"{to}\":"
                      "\"<{to}>\"}}", 0, NULL);
    assert_non_null(from);
    made = text_json(from, &v);
    assert_non_null(made);
    text = json_dumps(made, JSON_COMPACT);
    assert_string_equal(text, "{\"m\":[\"\\\"}, \\\\ é\\n{to}\",1,null,true],"
                        "\"t\":{\"{to}\":\"<+33>\"}}");
    free(text);
    json_decref(made);

    /* filled in, it is longer than a value may be */
    memset(out, 'a', sizeof(out));
    v.value[TEXT_TEXT] = (dmp_str_t) { out, sizeof(out) };
    v.value[TEXT_TO] = (dmp_str_t) { out, sizeof(out) };
    assert_null(text_json(from, &v));
    json_decref(from);
}


static void
test_email(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "a@b", "jeanne.martin+dmp@example.org", "o'neil@a-b.c9.fr",
        "a!#$%&*/=?^_`{|}~-@b.c"
    };
    static const char *const  bad[] = {
        "", "a", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b>", "a@b\r\nRCPT",
        "a@b c", "a@.b", "a@b.", "a@b..c", "a@b_c", "a\"b@c", "a,b@c", "a:b@c",
        "é@b", "a@é", "a@[127.0.0.1]", "a@b SIZE=1",
        "0123456789012345678901234567890123456789012345678901234567890123"
        "4@b"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(text_email(str(good[i])));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_email(str(bad[i])));
    }

    assert_false(text_email((dmp_str_t) { "a\0@b", 4 }));
    memset(out, 'a', 300);
    out[1] = '@';
    assert_true(text_email((dmp_str_t) { out, TEXT_EMAIL_MAX }));
    assert_false(text_email((dmp_str_t) { out, TEXT_EMAIL_MAX + 1 }));
}


static void
phone_is(const char *number, const char *country, const char *wanted)
{
    char  made[TEXT_PHONE_MAX];

    assert_true(text_phone(str(number), country, made));
    assert_string_equal(made, wanted);
}


static void
test_phone(void **state)
{
    size_t  i;
    char    made[TEXT_PHONE_MAX];

    static const char *const  bad[] = {
        "", "12345", "+", "06 12 34 56 7a", "++33612345678", "06+12345678",
        "1234567890123456", "06\r\n12345678", "0612345678,0612345679"
    };

    (void) state;
    phone_is("06 12.34-56 78", "33", "+33612345678");
    phone_is("0612345678", NULL, "0612345678");
    phone_is("+33 (6) 12 34 56 78", "33", "+33612345678");
    phone_is("0033612345678", "33", "0033612345678");
    phone_is("123456789012345", "33", "123456789012345");
    phone_is("01234567890123", "33", "+331234567890123");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_phone(str(bad[i]), "33", made));
    }

    assert_false(text_phone((dmp_str_t) { "061234\0005678", 11 }, NULL, made));
    assert_false(text_phone(str("012345678901234"), "33", made));
}


static void
instant_is(int64_t sec, const char *day, const char *clock)
{
    begin();
    assert_true(text_day(&b, sec * 1000));
    is(day);
    begin();
    assert_true(text_clock(&b, sec * 1000));
    is(clock);
}


/* The instants are those of: TZ=Europe/Paris date -d @SEC */
static void
test_instants(void **state)
{
    (void) state;
    instant_is(1764041234, "25/11/2025", "4 h 27");
    instant_is(1782864000, "01/07/2026", "2 h 00");
    instant_is(1767222000, "01/01/2026", "0 h 00");
    instant_is(1767221999, "31/12/2025", "23 h 59");

    /* both changes of the hour in 2026: 29 March, 25 October, 01:00 UTC */
    instant_is(1774745999, "29/03/2026", "1 h 59");
    instant_is(1774746000, "29/03/2026", "3 h 00");
    instant_is(1792889999, "25/10/2026", "2 h 59");
    instant_is(1792890000, "25/10/2026", "2 h 00");
    instant_is(0, "01/01/1970", "1 h 00");

    begin();
    assert_true(text_mail_date(&b, 1764041234000));
    is("Tue, 25 Nov 2025 03:27:14 +0000");
    assert_false(text_day(&b, -1));
    assert_false(text_clock(&b, INT64_MAX));
    assert_false(text_mail_date(&b, INT64_MIN));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_gsm),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_email),
        cmocka_unit_test(test_phone),
        cmocka_unit_test(test_instants)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
