/*
 * test_identity_role.c: the profession of who has a card, from up to four
 * places of the certificate that may contradict each other.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "identity_case.h"


static int
said(const entry_t *subject)
{
    return (subject == untitled) ? 0 : 1;
}


/* What is read as the profession, from that subject and that extension. */
static void
profession(const entry_t *subject, const char *der, int len, const char *code)
{
    X509  *x;

    x = make(by(CPS_ONLY), subject);

    if (len > 0) {
        extend(x, PROFESSION, der, len);
    }

    read_x509(x);
    is_cps();

    assert_true(dmp_str_eq(id.subject.role.code,
                           (dmp_str_t) { code, strlen(code) }));

    if (code[0] != '\0') {
        is(id.subject.role.system, PROFESSION);
    } else {
        assert_int_equal(id.subject.role.system.len, 0);
    }

    /* nothing said may be found elsewhere, a contradiction may not */
    assert_int_equal(id.subject.role_settled, code[0] == '\0'
                                              && len + said(subject) > 0);
}


static void
test_extension(void **state)
{
    X509  *x;

    (void) state;
    profession(doctor, "", 0, "10");
    profession(doctor, "\x02\x01\x0a", 3, "10");
    profession(untitled, "\x02\x01\x0a", 3, "10");
    profession(untitled, "\x02\x01\x15", 3, "21");
    profession(untitled, "", 0, "");

    /* one that the policy does not know is still what the card says */

    profession(untitled, "\x02\x01\x63", 3, "99");

    /* they contradict each other */

    profession(doctor, "\x02\x01\x15", 3, "");
    profession(doctor, "\x02\x01\x63", 3, "");

    /* an extension that is not one number of two digits */

    profession(untitled, "\x02\x01\x09", 3, "");
    profession(untitled, "\x02\x01\x00", 3, "");
    profession(doctor, "\x02\x01\x09", 3, "");
    profession(doctor, "\x02\x01\x64", 3, "");
    profession(doctor, "\x02\x01\x00", 3, "");
    profession(doctor, "\x02\x01\xf6", 3, "");
    profession(doctor, "\x02\x09\x01\0\0\0\0\0\0\0\x0a", 11, "");
    profession(doctor, "\x02\x05\x01\0\0\0\x0a", 7, "");
    profession(doctor, "\x02\x02\x00\x0a", 4, "");
    profession(doctor, "\x0c\x02" "10", 4, "");
    profession(doctor, "\x13\x02" "10", 4, "");
    profession(doctor, "\x0a\x01\x0a", 3, "");
    profession(doctor, "\x30\x03\x02\x01\x0a", 5, "");
    profession(doctor, "\x02\x01", 2, "");
    profession(doctor, "\x02\x00", 2, "");
    profession(doctor, "\x05\x00", 2, "");
    profession(doctor, "10", 2, "");
    profession(doctor, "\x02\x01\x0a\x00", 4, "");
    profession(doctor, "\x02\x01\x0a\x02\x01\x15", 6, "");

    /* the extensions beside it are not it */

    x = make(by(CPS_ONLY), untitled);
    number(x, "1.2.250.1.71.1.2.3", 10);
    number(x, "1.2.250.1.71.1.2.7.1", 10);
    read_x509(x);
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
test_titles(void **state)
{
    X509     *x;
    size_t    i;
    entry_t   subject[6];

    /* the accent as a letter of its own; nothing is folded */
    static const char *const  others[] = {
        "Me\xcc\x81" "decin", "medecin", "MEDECIN", MEDECIN " ", " " MEDECIN,
        "M\xc3\xa9" "deci", MEDECIN "s", "x"
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        read_changed(CPS_ONLY, doctor, 1, (entry_t) UTF8(NID_title,
                                                         others[i]));
        is_cps();
        assert_int_equal(id.subject.role.code.len, 0);
        assert_false(id.subject.role_settled);
    }

    /* of another table: the same digits are another profession */

    read_changed(CPS_ONLY, doctor, 1, (entry_t) UTF8(NID_title, "Interne"));
    is(id.subject.role.code, "10");
    is(id.subject.role.system, "1.2.3");

    memcpy(subject, doctor, sizeof(subject));
    subject[1].value = "Interne";
    x = make(by(CPS_ONLY), subject);
    number(x, PROFESSION, 10);
    read_x509(x);
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
}


/* A CPS says that its holder practises, never that they learn. */
static void
test_practised(void **state)
{
    X509  *x;
    char   n;

    (void) state;

    read_changed(CPS_ONLY, doctor, 1, (entry_t) UTF8(NID_title, "Etudiant"));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);

    for (n = 0; n < 100; n++) {
        x = make(by(CPS_ONLY), untitled);
        number(x, TRAINING, n);
        read_x509(x);
        is_cps();
        assert_int_equal(id.subject.role.code.len, 0);
        assert_true(id.subject.role_settled);
    }

    /* nor both, the same digits in the two tables or not */

    x = make(by(CPS_ONLY), doctor);
    number(x, PROFESSION, 10);
    number(x, TRAINING, 10);
    read_x509(x);
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);

    x = make(by(CPS_ONLY), doctor);
    extend(x, TRAINING, "\x02\x01", 2);
    read_x509(x);
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
}


/* The role of a CPF of that title and these extensions; 0: it has none. */
static void
training(const char *title, char practised, char learnt, const char *code)
{
    X509     *x;
    entry_t   subject[6];

    memcpy(subject, doctor, sizeof(subject));
    subject[1].value = title;
    x = make(by(ALL_CARDS), subject);
    number(x, CARD, 1);

    if (practised != 0) {
        number(x, PROFESSION, practised);
    }

    if (learnt != 0) {
        number(x, TRAINING, learnt);
    }

    read_x509(x);
    verified(DMP_ACTOR_PROFESSIONAL, DMP_AUTH_DIRECT, DMP_MAKES_CPF);
    is(id.subject.id, DOCTOR);
    assert_true(id.subject.role_settled);
    assert_true(dmp_str_eq(id.subject.role.code,
                           (dmp_str_t) { code, strlen(code) }));

    if (code[0] != '\0') {
        is(id.subject.role.system, TRAINING);
    } else {
        assert_int_equal(id.subject.role.system.len, 0);
    }
}


static void
test_training(void **state)
{
    (void) state;

    training("x", 0, 10, "10");
    training("x", 0, 21, "21");
    training("x", 10, 0, "10");
    training(MEDECIN, 0, 0, "10");
    training("Etudiant", 0, 0, "10");
    training("Etudiant", 10, 10, "10");
    training("Pharmacien", 21, 21, "21");
    training("x", 0, 0, "");

    /* they contradict each other */

    training("Etudiant", 0, 21, "");
    training(MEDECIN, 21, 0, "");
    training("x", 10, 21, "");
    training("Pharmacien", 10, 10, "");

    /* never one that is not in training, nor one that nobody knows */

    training("Infirmier", 0, 0, "");
    training("x", 60, 0, "");
    training("x", 60, 10, "");
    training("x", 0, 60, "");
    training("x", 99, 0, "");
    training("x", 0, 99, "");
    training("x", 0, 9, "");
    training("Interne", 0, 0, "");
    training("Interne", 0, 10, "");
}


/* Two that one trains for the same with: which of them is not said. */
static void
test_training_twice(void **state)
{
    dmp_profession_t  more[count(professions) + 1];

    (void) state;

    memcpy(more, professions, sizeof(professions));
    more[count(professions)] = professions[3];
    more[count(professions)].code.code = dmp_string("11");
    policy.professions = more;
    policy.n_professions = count(more);

    training("x", 10, 0, "");
    training("x", 0, 10, "10");
    training("x", 0, 11, "11");
    training("x", 21, 0, "21");

    policy.professions = professions;
    policy.n_professions = count(professions);
}


/* Every string of the subject is the identity's own: policies are reloaded. */
static void
test_fits(void **state)
{
    char         system[601], code[401];
    dmp_title_t  title;

    (void) state;

    memset(system, 's', sizeof(system));
    memset(code, 'c', sizeof(code));
    title.title = dmp_string(MEDECIN);
    title.profession.system = (dmp_str_t) { system, 600 };
    title.profession.code = (dmp_str_t) { code, 300 };
    policy.titles = &title;
    policy.n_titles = 1;

    read_x509(make(by(CPS_ONLY), doctor));
    is_cps();
    memset(system, 'x', sizeof(system));
    memset(code, 'x', sizeof(code));
    assert_int_equal(id.subject.role.system.len, 600);
    assert_int_equal(id.subject.role.code.len, 300);
    assert_int_equal(id.subject.role.system.data[599], 's');
    assert_int_equal(id.subject.role.code.data[299], 'c');

    title.profession.code.len = 400;
    read_x509(make(by(CPS_ONLY), doctor));
    rejected("its values do not fit");
    is(id.subject.certificate_serial, "1a2b");

    policy.titles = titles;
    policy.n_titles = count(titles);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_extension),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_practised),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_training_twice),
        cmocka_unit_test(test_fits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
