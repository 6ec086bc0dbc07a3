/*
 * test_identity.c: certificates of every layout that cards and structures
 * have, made here, and who they name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "identity_case.h"


static void
test_card(void **state)
{
    size_t  i;

    /* DER sorts the members of a set: what was written first does not count */
    static const int  orders[][3] = {
        { 2, 3, 4 }, { 2, 4, 3 }, { 3, 2, 4 }, { 3, 4, 2 }, { 4, 2, 3 },
        { 4, 3, 2 }
    };
    entry_t  subject[6];

    (void) state;

    for (i = 0; i < 2 * count(orders); i++) {
        memcpy(subject, doctor, sizeof(subject));
        subject[2] = doctor[orders[i / 2][0]];
        subject[3] = doctor[orders[i / 2][1]];
        subject[4] = doctor[orders[i / 2][2]];

        /* as one RDN, or as three */
        subject[2].set = 0;
        subject[3].set = subject[4].set = (i % 2 == 0) ? -1 : 0;

        read_x509(make(by(CPS_ONLY), subject));
        is_cps();
        is(id.subject.id, DOCTOR);
        is(id.subject.role.system, PROFESSION);
        is(id.subject.role.code, "10");
        is(id.subject.certificate_serial, "1a2b");
        is(id.subject.certificate_issuer, CPS_ONLY);
        assert_int_equal(id.subject.used.structure.len, 0);
        assert_int_equal(id.subject.used.specialty.code.len, 0);
    }
}


static void
test_old_card(void **state)
{
    entry_t  subject[] = {
        UTF8(NID_givenName, "CLAIRE"), WITH(NID_surname, "MOREL"),
        WITH(NID_commonName, DOCTOR),
        UTF8(NID_organizationalUnitName, MEDECIN),
        UTF8(NID_organizationName, "TEST"), UTF8(NID_countryName, "FR"), END
    };

    (void) state;

    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    is(id.subject.id, DOCTOR);
    is(id.subject.role.system, PROFESSION);
    is(id.subject.role.code, "10");
    assert_int_equal(id.subject.used.structure.len, 0);

    /* the other way around, and Latin-1 as many old cards have it */

    subject[0] = (entry_t) UTF8(NID_countryName, "FR");
    subject[1] = (entry_t) UTF8(NID_organizationName, "TEST");
    subject[2] = (entry_t) { NID_organizationalUnitName, V_ASN1_T61STRING,
                             "M\xe9" "decin", -1, 0 };
    subject[3] = (entry_t) UTF8(NID_commonName, "00B7010446");
    subject[4] = (entry_t) WITH(NID_surname, "MASSEUR1044");
    subject[5] = (entry_t) WITH(NID_givenName, "HONOR\xc3\x89");
    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    is(id.subject.id, "00B7010446");
    is(id.subject.role.code, "10");

    /* words that are no profession: a unit, a number, too many of them */

    subject[2] = (entry_t) UTF8(NID_organizationalUnitName, "1760021832");
    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
    assert_int_equal(id.subject.used.structure.len, 0);

    subject[2] = (entry_t) { NID_organizationalUnitName, V_ASN1_UTF8STRING,
                             MEDECIN "\0", 9, 0 };
    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);

    read_changed(CPS_ONLY, doctor, 5,
                 (entry_t) UTF8(NID_organizationalUnitName, MEDECIN));
    is_cps();
    is(id.subject.role.code, "10");

    /* the title says one thing, the unit another; two units, even alike */

    read_changed(CPS_ONLY, doctor, 5,
                 (entry_t) UTF8(NID_organizationalUnitName, "Pharmacien"));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
    assert_true(id.subject.role_settled);

    subject[1] = (entry_t) UTF8(NID_organizationalUnitName, MEDECIN);
    subject[2] = subject[1];
    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
    subject[0] = (entry_t) UTF8(NID_title, MEDECIN);
    read_x509(make(by(CPS_ONLY), subject));
    is_cps();
    assert_int_equal(id.subject.role.code.len, 0);
}


/* All forms of PS_IdNat, and what stands beside them in a name. */
static void
test_values(void **state)
{
    (void) state;

    read_changed(CPS_ONLY, doctor, 2,
                 (entry_t) UTF8(NID_commonName, "500000000029751/CPAT0001"));
    is_cps();
    is(id.subject.id, "500000000029751/CPAT0001");

    /* a name printed inside a value is not an entry */

    read_changed(CPS_ONLY, doctor, 4,
                 (entry_t) WITH(NID_givenName, "C+CN=899700314422"));
    is_cps();
    is(id.subject.id, DOCTOR);
    read_changed(CPS_ONLY, doctor, 3,
                 (entry_t) WITH(NID_surname, "M/CN=899700314422,OU=x"));
    is_cps();
    is(id.subject.id, DOCTOR);

    /* entries that say nothing of who it is may be anything, and often */

    read_changed(CPS_ONLY, doctor, 5,
                 (entry_t) { NID_countryName, V_ASN1_UTF8STRING, "\0\n", 2,
                             0 });
    is_cps();
    read_changed(STRUCTURES, hospital, 4,
                 (entry_t) UTF8(NID_organizationName, "A/B, C+D \xe2\x82\xac"));
    verified(DMP_ACTOR_STRUCTURE, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
    read_changed(STRUCTURES, hospital, 3,
                 (entry_t) UTF8(NID_commonName, "CHU/OU=1,CN=x+y \xc5\x92"));
    verified(DMP_ACTOR_STRUCTURE, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
    is(id.subject.id, HOSPITAL);
}


static void
test_string_types(void **state)
{
    static char           longest[257];
    static const entry_t  bmp = {
        NID_commonName, V_ASN1_BMPSTRING,
        "\0" "8\0" "9\0" "9\0" "7\0" "0\0" "0\0" "2\0" "1\0" "8\0" "8\0"
        "9\0" "6", 24, 0
    };
    static const int      types[] = {
        V_ASN1_PRINTABLESTRING, V_ASN1_T61STRING, V_ASN1_IA5STRING,
        V_ASN1_NUMERICSTRING
    };
    size_t                i;

    (void) state;
    memset(longest, 'x', sizeof(longest) - 1);

    read_changed(CPS_ONLY, doctor, 2, bmp);
    is_cps();
    is(id.subject.id, DOCTOR);

    for (i = 0; i < count(types); i++) {
        read_changed(CPS_ONLY, doctor, 2,
                     (entry_t) { NID_commonName, types[i], DOCTOR, -1, 0 });
        is_cps();
        is(id.subject.id, DOCTOR);
    }

    read_changed(CPS_ONLY, doctor, 3,
                 (entry_t) { NID_surname, V_ASN1_UNIVERSALSTRING,
                             "\0\0\0M\0\0\1\x53", 8, -1 });
    is_cps();
    read_changed(CPS_ONLY, doctor, 3, (entry_t) WITH(NID_surname, longest));
    is_cps();

    /* the same word of a profession in other types */

    read_changed(CPS_ONLY, doctor, 1,
                 (entry_t) { NID_title, V_ASN1_T61STRING, "M\xe9" "decin", -1,
                             0 });
    is(id.subject.role.code, "10");
    read_changed(CPS_ONLY, doctor, 1,
                 (entry_t) { NID_title, V_ASN1_BMPSTRING,
                             "\0M\0\xe9\0d\0e\0c\0i\0n", 14, 0 });
    is(id.subject.role.code, "10");
}


static void
test_kinds(void **state)
{
    X509      *x;
    unsigned   i;

    static const struct {
        const char     *issuer;
        const entry_t  *name;
        char            type;
        dmp_actor_t     actor;
        unsigned        card;
    } cases[] = {
        { CPS_ONLY, doctor, 0, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPS },
        { CPS_ONLY, doctor, -1, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPS },
        { CPF_ONLY, doctor, 1, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPF },
        { CPF_ONLY, doctor, -1, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPF },
        { CPE_ONLY, secretary, 2, DMP_ACTOR_STAFF, DMP_MAKES_CPE },
        { CPE_ONLY, secretary, -1, DMP_ACTOR_STAFF, DMP_MAKES_CPE },
        { ALL_CARDS, doctor, 0, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPS },
        { ALL_CARDS, doctor, 1, DMP_ACTOR_PROFESSIONAL, DMP_MAKES_CPF },
        { ALL_CARDS, secretary, 2, DMP_ACTOR_STAFF, DMP_MAKES_CPE },
        { ALL_CARDS, nameless, 2, DMP_ACTOR_STAFF, DMP_MAKES_CPE_ANONYMOUS },
        { ALL_CARDS, nameless, -1, DMP_ACTOR_STAFF, DMP_MAKES_CPE_ANONYMOUS },
        { WITH_CPE, nameless, 2, DMP_ACTOR_STAFF, DMP_MAKES_CPE_ANONYMOUS },
        { WITH_CPE, nameless, -1, DMP_ACTOR_STAFF, DMP_MAKES_CPE_ANONYMOUS },
        { WITH_CPE, hospital, -1, DMP_ACTOR_STRUCTURE, DMP_MAKES_STRUCTURE },
        { STRUCTURES, hospital, -1, DMP_ACTOR_STRUCTURE, DMP_MAKES_STRUCTURE }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        x = make(by(cases[i].issuer), cases[i].name);

        if (cases[i].type >= 0) {
            number(x, CARD, cases[i].type);
        }

        read_x509(x);
        verified(cases[i].actor, (cases[i].actor == DMP_ACTOR_STRUCTURE)
                                 ? DMP_AUTH_INDIRECT : DMP_AUTH_DIRECT,
                 cases[i].card);
    }
}


static void
test_staff(void **state)
{
    X509  *x;

    (void) state;

    read_x509(make(by(CPE_ONLY), secretary));
    verified(DMP_ACTOR_STAFF, DMP_AUTH_DIRECT, DMP_MAKES_CPE);
    is(id.subject.id, "3760021832/000000018");
    is(id.subject.used.structure, "1760021832");

    /* with an identifier that is not the structure's */

    read_changed(CPE_ONLY, secretary, 3,
                 (entry_t) UTF8(NID_commonName, DOCTOR));
    verified(DMP_ACTOR_STAFF, DMP_AUTH_DIRECT, DMP_MAKES_CPE);
    is(id.subject.id, DOCTOR);

    read_x509(make(by(WITH_CPE), nameless));
    verified(DMP_ACTOR_STAFF, DMP_AUTH_DIRECT, DMP_MAKES_CPE_ANONYMOUS);
    is(id.subject.id, "3760021832/000000018");
    is(id.subject.used.structure, "1760021832");

    /* staff have no profession, whatever the card says */

    x = make(by(WITH_CPE), nameless);
    number(x, PROFESSION, 10);
    extend(x, SPECIALTY, "\x30\x06\x0c\x04SM26", 8);
    read_x509(x);
    verified(DMP_ACTOR_STAFF, DMP_AUTH_DIRECT, DMP_MAKES_CPE_ANONYMOUS);
    assert_int_equal(id.subject.role.code.len, 0);
    assert_int_equal(id.subject.used.specialty.code.len, 0);
    read_changed(CPE_ONLY, secretary, 0, (entry_t) UTF8(NID_title, MEDECIN));
    verified(DMP_ACTOR_STAFF, DMP_AUTH_DIRECT, DMP_MAKES_CPE);
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
test_structure(void **state)
{
    size_t  i;

    static const char *const  ids[] = {
        "10B0127189", "339172288100052", "499900063480001", "R102671",
        "F0B0193488", "2180035025", "075000001001"
    };

    (void) state;

    read_x509(make(by(STRUCTURES), hospital));
    verified(DMP_ACTOR_STRUCTURE, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
    is(id.subject.id, HOSPITAL);
    is(id.subject.used.structure, HOSPITAL);
    assert_int_equal(id.subject.role.code.len, 0);

    for (i = 0; i < count(ids); i++) {
        read_changed(STRUCTURES, hospital, 2,
                     (entry_t) UTF8(NID_organizationalUnitName, ids[i]));
        verified(DMP_ACTOR_STRUCTURE, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
        assert_true(dmp_str_eq(id.subject.id,
                               (dmp_str_t) { ids[i], strlen(ids[i]) }));
    }

    /* a profession does not make a person of it */

    read_changed(STRUCTURES, hospital, 4, (entry_t) UTF8(NID_title, MEDECIN));
    verified(DMP_ACTOR_STRUCTURE, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
test_feeder(void **state)
{
    (void) state;

    read_changed(STRUCTURES, hospital, 2,
                 (entry_t) UTF8(NID_organizationalUnitName, "2180035024"));
    verified(DMP_ACTOR_FEEDER, DMP_AUTH_INDIRECT, DMP_MAKES_STRUCTURE);
    is(id.subject.id, "2180035024");
    is(id.subject.used.structure, "2180035024");

    read_changed(CPE_ONLY, secretary, 2,
                 (entry_t) UTF8(NID_organizationalUnitName, "1760021833"));
    verified(DMP_ACTOR_FEEDER, DMP_AUTH_DIRECT, DMP_MAKES_CPE);
    is(id.subject.id, "3760021832/000000018");
    is(id.subject.used.structure, "1760021833");

    read_changed(WITH_CPE, nameless, 3,
                 (entry_t) UTF8(NID_organizationalUnitName, "2180035024"));
    verified(DMP_ACTOR_FEEDER, DMP_AUTH_DIRECT, DMP_MAKES_CPE_ANONYMOUS);

    /* a doctor's unit is not where they feed from */

    read_changed(CPS_ONLY, doctor, 5,
                 (entry_t) UTF8(NID_organizationalUnitName, "2180035024"));
    is_cps();
}


/* A specialty is one code, or it is unknown. */
static void
specialty(const char *der, int len, const char *code)
{
    X509  *x;

    x = make(by(CPS_ONLY), doctor);
    extend(x, SPECIALTY, der, len);
    read_x509(x);
    is_cps();
    assert_true(dmp_str_eq(id.subject.used.specialty.code,
                           (dmp_str_t) { code, strlen(code) }));

    if (code[0] != '\0') {
        is(id.subject.used.specialty.system, SPECIALTY);
    } else {
        assert_int_equal(id.subject.used.specialty.system.len, 0);
    }
}


static void
test_specialty(void **state)
{
    (void) state;

    specialty("\x30\x06\x0c\x04SM26", 8, "SM26");
    specialty("\x30\x12\x0c\x10SM26567890123456", 20, "SM26567890123456");

    specialty("\x30\x0c\x0c\x04SM26\x0c\x04SM25", 14, "");
    specialty("\x30\x0c\x0c\x04SM26\x0c\x04SM26", 14, "");
    specialty("\x30\x00", 2, "");
    specialty("\x0c\x04SM26", 6, "");
    specialty("\x31\x06\x0c\x04SM26", 8, "");
    specialty("\x30\x06\x13\x04SM26", 8, "");
    specialty("\x30\x06\x04\x04SM26", 8, "");
    specialty("\x30\x08\x30\x06\x0c\x04SM26", 10, "");
    specialty("\x30\x06\x0c\x04SM26\x00", 9, "");
    specialty("\x30\x06\x0c\x05SM26", 8, "");
    specialty("\x30\x07\x0c\x04SM26", 8, "");
    specialty("\x30\x06\x0c\x04SM26\x05\x00", 10, "");
    specialty("\x30\x06\x0c\x04SM\x00" "6", 8, "");
    specialty("\x30\x06\x0c\x04sm26", 8, "");
    specialty("\x30\x06\x0c\x04SM 6", 8, "");
    specialty("\x30\x06\x0c\x04SM\xff" "6", 8, "");
    specialty("\x30\x02\x0c\x00", 4, "");
    specialty("\x30\x13\x0c\x11SM265678901234567", 21, "");
    specialty("SM26", 4, "");
    specialty("", 0, "");
}


static void
serial(const char *bytes, int len, bool negative)
{
    X509    *x;
    BIGNUM  *n;

    n = BN_bin2bn((const unsigned char *) bytes, len, NULL);
    assert_non_null(n);
    BN_set_negative(n, negative);
    x = make(by(CPS_ONLY), doctor);
    assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
    BN_free(n);
    read_x509(x);
}


static void
test_serial(void **state)
{
    static const char  no[] = "its serial number cannot be one";
    static const char  bytes[] = "\x7f\x01\x02\x03\x04\x05\x06\x07\x08\x09"
                                 "\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
                                 "\x14";

    (void) state;
    serial(bytes, 20, false);
    is_cps();
    is(id.subject.certificate_serial,
       "7f0102030405060708090a0b0c0d0e0f10111213");

    serial(bytes, 21, false);
    rejected(no);
    assert_int_equal(id.subject.certificate_serial.len, 0);

    serial("\xff", 1, false);
    is_cps();
    is(id.subject.certificate_serial, "ff");

    /* -1 is not 1 */

    serial("\x01", 1, false);
    is(id.subject.certificate_serial, "01");
    serial("\x01", 1, true);
    rejected(no);

    serial("", 0, false);
    is_cps();
    is(id.subject.certificate_serial, "00");
}


static void
dates(const char *from, const char *to)
{
    X509  *x;

    x = make(by(CPS_ONLY), doctor);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(x), from), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x), to), 1);
    read_x509(x);
    is_cps();
}


static void
test_dates(void **state)
{
    (void) state;

    dates("260101000000Z", "281231235959Z");
    assert_int_equal(id.not_before, 1767225600);
    assert_int_equal(id.not_after, 1861919999);

    assert_false(dmp_identity_in_date(&id, 1767225599));
    assert_true(dmp_identity_in_date(&id, 1767225600));
    assert_true(dmp_identity_in_date(&id, 1861919999));
    assert_false(dmp_identity_in_date(&id, 1861920000));
    assert_false(dmp_identity_in_date(&id, 0));
    assert_false(dmp_identity_in_date(&id, INT64_MIN));
    assert_false(dmp_identity_in_date(&id, INT64_MAX));

    /* UTCTime ends in 2049 and begins in 1950 (RFC 5280, 4.1.2.5.1) */

    dates("500101000000Z", "491231235959Z");
    assert_int_equal(id.not_before, -631152000);
    assert_int_equal(id.not_after, 2524607999);

    dates("20260101000000Z", "20500101000000Z");
    assert_int_equal(id.not_before, 1767225600);
    assert_int_equal(id.not_after, 2524608000);

    dates("20000229000000Z", "99991231235959Z");
    assert_int_equal(id.not_before, 951782400);
    assert_int_equal(id.not_after, 253402300799);
    assert_true(dmp_identity_in_date(&id, 253402300799));

    /* it ends before it begins */

    dates("281231235959Z", "260101000000Z");
    assert_false(dmp_identity_in_date(&id, 1767225600));
    assert_false(dmp_identity_in_date(&id, 1800000000));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_old_card),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_string_types),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_staff),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_feeder),
        cmocka_unit_test(test_specialty),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_dates),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
