/*
 * test_identity_refused.c: certificates with one thing wrong in each, and what
 * is said of them: each is rejected for that very reason, and names nobody.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "identity_case.h"


#define NO_NAME    "its name has no surname and given name"
#define NO_ID      "its common name is not a national identifier (PS_IdNat)"
#define NO_ROLE    "its issuer has no role in the policy"
#define NO_PERSON  "an organisations chain does not make a person"
#define NO_UNIT    "its name has no identifier of a structure"
#define NO_STRUCT  "its organisational unit is not an identifier of a "       \
                   "structure (Struct_IdNat)"
#define INVALID    "its extensions are not valid"
#define TWICE      "it has an extension twice"


static void
test_issuer(void **state)
{
    size_t   i;
    entry_t  issuer[8], persons[6];

    static const char *const  others[] = {
        "PERSONNES", "PERSONNES E", "personnes \xc3\xa9", "PERSONNES  \xc3\xa9",
        "PERSONNES \xc3\xa9 ", "PERSONNES \xc3\xa8", "PERSONNES e\xcc\x81",
        ROLELESS
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        read_x509(make(by(others[i]), doctor));
        rejected(NO_ROLE);
        is(id.subject.certificate_serial, "1a2b");
        assert_true(dmp_str_eq(id.subject.certificate_issuer,
                               (dmp_str_t) { others[i], strlen(others[i]) }));
    }

    /* in another order */

    memcpy(persons, by(CPS_ONLY), sizeof(persons));

    for (i = 0; i < 5; i++) {
        issuer[i] = persons[(i < 2) ? i : (i < 4) ? 5 - i : 4];
    }

    issuer[5] = persons[5];
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);

    /* one more, at either end */

    memcpy(issuer, persons, sizeof(persons));
    issuer[5] = (entry_t) UTF8(NID_organizationName, "x");
    issuer[6] = persons[5];
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);

    issuer[0] = (entry_t) UTF8(NID_organizationName, "x");
    memcpy(issuer + 1, persons, sizeof(persons));
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);

    /* fewer, at either end; none at all */

    memcpy(issuer, persons, sizeof(persons));
    issuer[4] = persons[5];
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);
    read_x509(make(persons + 1, doctor));
    rejected(NO_ROLE);
    read_x509(make(persons + 5, doctor));
    rejected(NO_ROLE);
    assert_int_equal(id.subject.certificate_issuer.len, 0);
    is(id.subject.certificate_serial, "1a2b");

    /* the right values under other types */

    for (i = 0; i < 5; i++) {
        memcpy(issuer, persons, sizeof(persons));
        issuer[i].nid = NID_localityName;
        read_x509(make(issuer, doctor));
        rejected(NO_ROLE);
    }

    /* a role that makes nothing of what it may */

    chains[0].makes = DMP_MAKES_STRUCTURE;
    read_x509(make(by(CPS_ONLY), doctor));
    rejected(NO_ROLE);
    chains[0].makes = DMP_MAKES_CPS;

    /* the same characters in another string type are the same */

    memcpy(issuer, persons, sizeof(persons));
    issuer[1].type = V_ASN1_PRINTABLESTRING;
    read_x509(make(issuer, doctor));
    is_cps();

    /* and a NUL at the end of one is not */

    issuer[1] = (entry_t) { NID_organizationName, V_ASN1_UTF8STRING,
                            "ASIP\0", 5, 0 };
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);
}


static void
test_test_chain(void **state)
{
    X509  *x;

    (void) state;

    read_x509(make(by(TEST_CHAIN), doctor));
    rejected("its issuer is a TEST authority, which the policy does not "
             "accept (settings.test_chains)");
    is(id.subject.certificate_serial, "1a2b");
    is(id.subject.certificate_issuer, TEST_CHAIN);

    policy.settings.test_chains = true;
    read_x509(make(by(TEST_CHAIN), doctor));
    is_cps();

    /* switched on, it is a chain like the others */

    x = make(by(TEST_CHAIN), doctor);
    number(x, CARD, 2);
    read_x509(x);
    rejected("its issuer makes no CPE");
    read_x509(make(by("TEST ORGANISATIONS"), doctor));
    rejected(NO_ROLE);

    policy.settings.test_chains = false;
}


static void
test_cards(void **state)
{
    X509    *x;
    size_t   i;

    static const struct {
        const char     *issuer;
        const entry_t  *name;
        char            type;            /* -1: no extension */
        const char     *why;
    } cases[] = {
        { CPS_ONLY, doctor, 1, "its issuer makes no CPF" },
        { CPF_ONLY, doctor, 0, "its issuer makes no CPS" },
        { CPS_ONLY, secretary, 2, "its issuer makes no CPE" },
        { CPS_ONLY, nameless, 2, "its issuer makes no CPE without a name" },
        { CPS_ONLY, nameless, -1, "its issuer makes no CPE without a name" },
        { CPE_ONLY, nameless, -1, "its issuer makes no CPE without a name" },
        { CPE_ONLY, doctor, 0, "its issuer makes no CPS" },
        { ALL_CARDS, doctor, -1, "it does not say which card it is" },
        { NO_CARDS, doctor, -1, "it does not say which card it is" },
        { NO_CARDS, doctor, 0, "its issuer makes no CPS" },
        { CPS_ONLY, doctor, 3, "it is a CPA, a card that stands for nobody "
                               "here" },
        { ALL_CARDS, secretary, 3, "it is a CPA, a card that stands for "
                                   "nobody here" },
        { CPS_ONLY, doctor, 4, "its card type is none that is known" },
        { ALL_CARDS, doctor, 99, "its card type is none that is known" },
        { CPS_ONLY, doctor, 100, "its card type cannot be read" },

        /* the chain, and not the name, says what it makes */

        { CPS_ONLY, hospital, -1, NO_NAME },
        { CPS_ONLY, hospital, 0, NO_NAME },
        { ALL_CARDS, hospital, -1, NO_NAME },
        { ALL_CARDS, hospital, 1, NO_NAME },
        { ALL_CARDS, nameless, 0, NO_NAME },
        { ALL_CARDS, hospital, 2, "it has neither a name nor a pseudonym" },
        { WITH_CPE, hospital, 2, "it has neither a name nor a pseudonym" },
        { STRUCTURES, doctor, -1, NO_PERSON },
        { STRUCTURES, doctor, 0, NO_PERSON },
        { STRUCTURES, doctor, 1, NO_PERSON },
        { WITH_CPE, secretary, 2, NO_PERSON },
        { WITH_CPE, doctor, -1, NO_PERSON },
        { STRUCTURES, nameless, -1, "its issuer makes no CPE without a name" },
        { STRUCTURES, nameless, 2, "its issuer makes no CPE without a name" },

        /* its role goes before what it is said to make */

        { MIXED, hospital, -1, NO_NAME },
        { MIXED_TOO, doctor, -1, NO_PERSON },
        { MIXED_TOO, doctor, 0, NO_PERSON },
        { ROLELESS, doctor, 0, NO_ROLE }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        x = make(by(cases[i].issuer), cases[i].name);

        if (cases[i].type >= 0) {
            number(x, CARD, cases[i].type);
        }

        read_x509(x);
        rejected(cases[i].why);
    }
}


static void
test_card_extension(void **state)
{
    X509    *x;
    size_t   i;

    static const struct {
        const char  *der;
        int          len;
    } wrong[] = {
        { "", 0 }, { "\x02\x00", 2 }, { "\x02\x01", 2 }, { "\x05\x00", 2 },
        { "\x02\x01\x00\x00", 4 }, { "\x02\x01\xff", 3 },
        { "\x02\x02\x00\x00", 4 }, { "\x0a\x01\x00", 3 },
        { "\x0c\x01" "0", 3 }, { "\x13\x01" "0", 3 }, { "\x01\x01\x00", 3 },
        { "\x30\x03\x02\x01\x00", 5 }, { "\x02\x01\x00\x02\x01\x00", 6 },
        { "\x02\x09\x01\0\0\0\0\0\0\0\0", 11 }, { "0", 1 }, { "00", 2 }
    };

    (void) state;

    for (i = 0; i < count(wrong); i++) {
        x = make(by(CPS_ONLY), doctor);
        extend(x, CARD, wrong[i].der, wrong[i].len);
        read_x509(x);
        rejected("its card type cannot be read");
    }

    x = make(by(CPS_ONLY), doctor);
    number(x, CARD, 0);
    number(x, CARD, 0);
    read_x509(x);
    rejected(TWICE);
}


/* Everything that says who it is, in every way that it can be wrong. */
static void
test_values(void **state)
{
    char     why[128];
    size_t   i;
    entry_t  entry;

    static char         longer[258], vast[10001];
    static const char  *issuer;
    static const struct {
        int             nid;
        const char     *issuer;
        const entry_t  *name;
        unsigned        at, end;
        const char     *word;
    } of[] = {
        { NID_commonName, CPS_ONLY, doctor, 2, 5, "common name" },
        { NID_surname, CPS_ONLY, doctor, 3, 5, "surname" },
        { NID_givenName, CPS_ONLY, doctor, 4, 5, "given name" },
        { NID_title, CPS_ONLY, doctor, 1, 5, "title" },
        { NID_pseudonym, WITH_CPE, nameless, 5, 7, "pseudonym" },
        { NID_commonName, WITH_CPE, nameless, 6, 7, "common name" },
        { NID_organizationalUnitName, CPE_ONLY, secretary, 2, 6,
          "organisational unit" },
        { NID_organizationalUnitName, WITH_CPE, nameless, 3, 7,
          "organisational unit" },
        { NID_organizationalUnitName, STRUCTURES, hospital, 2, 4,
          "organisational unit" },
        { NID_commonName, STRUCTURES, hospital, 3, 4, "common name" },
        { NID_title, STRUCTURES, hospital, 4, 4, "title" }
    };
    static const struct {
        int          type;
        const char  *value;
        int          len;
        const char  *fault;
    } wrong[] = {
        { V_ASN1_UTF8STRING, longer, -1, "is longer than 256 bytes" },
        { V_ASN1_UTF8STRING, vast, -1, "is longer than 256 bytes" },
        { V_ASN1_UTF8STRING, DOCTOR "\0x", 14, "has control characters" },
        { V_ASN1_UTF8STRING, "8\0" "9700218896", 12,
          "has control characters" },
        { V_ASN1_PRINTABLESTRING, "A\0B", 3, "is not text of its type" },
        { V_ASN1_UTF8STRING, "A\nB", -1, "has control characters" },
        { V_ASN1_UTF8STRING, "A\x7f", -1, "has control characters" },
        { V_ASN1_UTF8STRING, "A\xc2\x85", -1, "has control characters" },
        { V_ASN1_T61STRING, "A\x85", -1, "has control characters" },
        { V_ASN1_BMPSTRING, "\0A\0\n", 4, "has control characters" },
        { V_ASN1_UTF8STRING, "", 0, "is not text of its type" },
        { V_ASN1_UTF8STRING, "M\xff", -1, "is not text of its type" },
        { V_ASN1_UTF8STRING, "M\xc0\x8a", -1, "is not text of its type" },
        { V_ASN1_UTF8STRING, "\xed\xa0\x80", -1, "is not text of its type" },
        { V_ASN1_UTF8STRING, "M\xc3", -1, "is not text of its type" },
        { V_ASN1_PRINTABLESTRING, "M\xe9", -1, "is not text of its type" },
        { V_ASN1_PRINTABLESTRING, "M_1", -1, "is not text of its type" },
        { V_ASN1_IA5STRING, "M\xe9", -1, "is not text of its type" },
        { V_ASN1_NUMERICSTRING, "8x", -1, "is not text of its type" },
        { V_ASN1_BMPSTRING, "\xd8\x00", 2, "is not text of its type" },
        { V_ASN1_UNIVERSALSTRING, "\0\x11\0\0", 4, "is not text of its type" },
        { V_ASN1_BIT_STRING, "MOREL", -1, "is not text of its type" }
    };
    size_t              j;

    (void) state;
    memset(longer, 'x', sizeof(longer) - 1);
    memset(vast, 'x', sizeof(vast) - 1);

    for (i = 0; i < count(of); i++) {
        issuer = of[i].issuer;

        for (j = 0; j < count(wrong); j++) {
            entry = (entry_t) { of[i].nid, wrong[j].type, wrong[j].value,
                                wrong[j].len, 0 };
            entry.set = of[i].name[of[i].at].set;
            (void) snprintf(why, sizeof(why), "its %s %s", of[i].word,
                            wrong[j].fault);
            read_changed(issuer, of[i].name, of[i].at, entry);
            rejected(why);
        }

        if (of[i].at == of[i].end) {
            continue;
        }

        /* two values are two identities, even if they are the same */

        (void) snprintf(why, sizeof(why), "its %s is given twice",
                        of[i].word);
        entry = of[i].name[of[i].at];
        entry.set = 0;
        read_changed(issuer, of[i].name, of[i].end, entry);
        rejected(why);
        entry.set = -1;
        read_changed(issuer, of[i].name, of[i].end, entry);
        rejected(why);
    }

    /* 256 characters, but 257 bytes */

    longer[255] = '\xc3';
    longer[256] = '\xa9';
    read_changed(CPS_ONLY, doctor, 3, (entry_t) WITH(NID_surname, longer));
    rejected("its surname is longer than 256 bytes");
}


static void
test_identifiers(void **state)
{
    size_t  i;

    static const char *const  not_ids[] = {
        "89970021889", "8997002188960", "799700218896", "99700218896",
        "89970021889x", "89970021889 ", " 99700218896", "8-9970021889",
        "8\xd9\xa1" "9700218896", "MOREL", "8", "3760021832", "00b7010446",
        "899700218896/1"
    };

    (void) state;

    for (i = 0; i < count(not_ids); i++) {
        read_changed(CPS_ONLY, doctor, 2,
                     (entry_t) UTF8(NID_commonName, not_ids[i]));
        rejected(NO_ID);
        read_changed(CPE_ONLY, secretary, 3,
                     (entry_t) UTF8(NID_commonName, not_ids[i]));
        rejected(NO_ID);
        read_changed(WITH_CPE, nameless, 6,
                     (entry_t) UTF8(NID_commonName, not_ids[i]));
        rejected(NO_ID);
    }

    read_without(CPS_ONLY, doctor, 2);
    rejected(NO_ID);
    read_without(WITH_CPE, nameless, 6);
    rejected(NO_ID);

    /* a card without a name does not have a person's number */

    read_changed(WITH_CPE, nameless, 6,
                 (entry_t) UTF8(NID_commonName, DOCTOR));
    rejected("its common name is not an internal identifier of its "
             "structure");
    read_changed(WITH_CPE, nameless, 6,
                 (entry_t) UTF8(NID_commonName, "00B7010446"));
    rejected("its common name is not an internal identifier of its "
             "structure");
}


static void
test_names(void **state)
{
    static const char  both[] = "it has both a name and a pseudonym";

    (void) state;

    /* a person has a surname and a given name */

    read_without(CPS_ONLY, doctor, 3);
    rejected(NO_NAME);
    read_without(CPS_ONLY, doctor, 4);
    rejected(NO_NAME);
    read_without(CPE_ONLY, secretary, 4);
    rejected(NO_NAME);
    read_x509(make(by(CPS_ONLY), doctor + 5));
    rejected(NO_NAME);

    /* a name printed inside a value is not an entry */

    read_changed(CPS_ONLY, doctor, 3,
                 (entry_t) WITH(NID_organizationName, "SN=MOREL,GN=C"));
    rejected(NO_NAME);
    read_changed(CPS_ONLY, doctor, 3,
                 (entry_t) WITH(NID_givenName, "C+SN=MOREL"));
    rejected("its given name is given twice");

    /* and no pseudonym */

    read_changed(CPS_ONLY, doctor, 5,
                 (entry_t) UTF8(NID_pseudonym, "EMPLOYE000000018"));
    rejected(both);
    read_changed(CPE_ONLY, secretary, 6,
                 (entry_t) UTF8(NID_pseudonym, "EMPLOYE000000018"));
    rejected(both);
    read_changed(WITH_CPE, nameless, 7, (entry_t) UTF8(NID_surname, "FAURE"));
    rejected(NO_PERSON);
    read_changed(NO_CARDS, nameless, 7, (entry_t) UTF8(NID_givenName, "ANNE"));
    rejected("it does not say which card it is");
}


static void
test_structures(void **state)
{
    size_t  i;

    static const char *const  not_structures[] = {
        "175071218", "17507121844", "CHU", "0002 187512751", "x", " 1750712184",
        "5750712184", "1750712184/1", "33917228810005", "\xc3\x89" "1234567",
        "3760021832/000000018"
    };

    (void) state;

    for (i = 0; i < count(not_structures); i++) {
        read_changed(STRUCTURES, hospital, 2,
                     (entry_t) UTF8(NID_organizationalUnitName,
                                    not_structures[i]));
        rejected(NO_STRUCT);
        read_changed(CPE_ONLY, secretary, 2,
                     (entry_t) UTF8(NID_organizationalUnitName,
                                    not_structures[i]));
        rejected(NO_STRUCT);
    }

    read_without(STRUCTURES, hospital, 2);
    rejected(NO_UNIT);
    read_without(CPE_ONLY, secretary, 2);
    rejected(NO_UNIT);
    read_without(WITH_CPE, nameless, 3);
    rejected(NO_UNIT);

    /* a person's entry makes no structure, nor a structure's a person */

    read_changed(STRUCTURES, hospital, 4,
                 (entry_t) UTF8(NID_surname, "MOREL"));
    rejected(NO_PERSON);
    read_changed(STRUCTURES, hospital, 4,
                 (entry_t) UTF8(NID_givenName, "CLAIRE"));
    rejected(NO_PERSON);
    read_changed(STRUCTURES, hospital, 4, (entry_t) UTF8(NID_pseudonym, "x"));
    rejected("its issuer makes no CPE without a name");
}


/* A doctor's card with just these extensions; "" leaves one out. */
static void
leaf(const char *constraints, const char *usage, const char *extended,
    const char *why)
{
    X509  *x;

    x = bare(by(CPS_ONLY), doctor);

    if (constraints[0] != '\0') {
        standard(x, NID_basic_constraints, constraints);
    }

    if (usage[0] != '\0') {
        standard(x, NID_key_usage, usage);
    }

    if (extended[0] != '\0') {
        standard(x, NID_ext_key_usage, extended);
    }

    read_x509(x);

    if (why == NULL) {
        is_cps();
    } else {
        rejected(why);
    }
}


static void
test_leaf(void **state)
{
    static const char  authority[] = "it is an authority's";
    static const char  unsigned_[] = "its key usage lacks digitalSignature";
    static const char  server[] = "its extended key usage lacks clientAuth";

    (void) state;

    leaf("", "digitalSignature", "", NULL);
    leaf("critical,CA:FALSE", "critical,digitalSignature", "clientAuth", NULL);
    leaf("", "digitalSignature,nonRepudiation", "emailProtection,clientAuth",
         NULL);

    leaf("critical,CA:TRUE", "keyCertSign,cRLSign", "", authority);
    leaf("CA:TRUE", "digitalSignature", "clientAuth", authority);
    leaf("CA:TRUE,pathlen:0", "digitalSignature,keyCertSign", "", authority);
    leaf("CA:FALSE", "digitalSignature,keyCertSign", "clientAuth", authority);
    leaf("", "digitalSignature,keyCertSign", "", authority);
    leaf("CA:TRUE", "", "", authority);

    leaf("", "", "", "it has no key usage");
    leaf("CA:FALSE", "", "clientAuth", "it has no key usage");
    leaf("", "nonRepudiation", "clientAuth", unsigned_);
    leaf("", "keyEncipherment", "", unsigned_);
    leaf("", "cRLSign", "", unsigned_);
    leaf("", "digitalSignature", "serverAuth", server);
    leaf("", "digitalSignature", "emailProtection", server);
    leaf("", "digitalSignature", "1.2.3.4", server);
    leaf("", "digitalSignature", "anyExtendedKeyUsage", server);
    leaf("", "nonRepudiation", "emailProtection", unsigned_);
}


/* A key of another kind, which does not sign itself here. */
static void
with_key(EVP_PKEY *other, const char *why)
{
    X509  *x;

    assert_non_null(other);
    x = make(by(CPS_ONLY), doctor);
    assert_int_equal(X509_set_pubkey(x, other), 1);
    EVP_PKEY_free(other);
    read_x509(x);

    if (why == NULL) {
        is_cps();
    } else {
        rejected(why);
    }
}


static void
test_key(void **state)
{
    X509                 *x, *read;
    int                   len;
    unsigned char        *der, *p;
    const unsigned char  *from;

    static const char           weak[] = "its key is too weak (below 112 bits "
                                         "of security)";
    static const unsigned char  ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };

    (void) state;

    with_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048), NULL);
    with_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024), weak);
    with_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1536), weak);
    with_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-224"), NULL);
    with_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-192"), weak);

    /* of a kind that nobody knows: the second OID, after the signature's */

    x = make(by(CPS_ONLY), doctor);
    assert_true(X509_sign(x, key, NULL) > 0);
    der = NULL;
    len = i2d_X509(x, &der);
    X509_free(x);
    assert_true(len > 0);
    p = memmem(der, (size_t) len, ed25519, sizeof(ed25519));
    assert_non_null(p);
    p = memmem(p + 1, (size_t) (der + len - p) - 1, ed25519, sizeof(ed25519));
    assert_non_null(p);
    p[4] = 0x6f;

    from = der;
    read = d2i_X509(NULL, &from, len);
    assert_non_null(read);
    OPENSSL_free(der);
    ERR_clear_error();
    dmp_identity_read(&policy, read, &id);
    X509_free(read);
    assert_int_equal(ERR_peek_error(), 0);
    rejected("its key cannot be read");
    nobody();
}


static void
test_extensions(void **state)
{
    X509            *x;
    char             oid[32];
    size_t           i, n;
    X509_EXTENSION  *unknown;

    static const char *const  oids[] = {
        CARD, PROFESSION, TRAINING, SPECIALTY, "1.2.3.4"
    };

    (void) state;

    /* twice, whatever they are and wherever they stand */

    for (i = 0; i < count(oids); i++) {
        x = make(by(CPS_ONLY), doctor);
        number(x, oids[i], 0);
        number(x, "1.2.3.5", 0);
        number(x, oids[i], 0);
        read_x509(x);
        rejected(TWICE);
    }

    x = make(by(CPS_ONLY), doctor);
    standard(x, NID_key_usage, "digitalSignature");
    read_x509(x);
    rejected(TWICE);
    x = make(by(CPS_ONLY), doctor);
    standard(x, NID_subject_alt_name, "DNS:a.test");
    standard(x, NID_subject_alt_name, "DNS:b.test");
    read_x509(x);
    rejected(TWICE);

    /* more than any card has: nobody compares ten thousand of them */

    for (n = 64; n <= 65; n++) {
        x = make(by(CPS_ONLY), doctor);

        for (i = 3; i < n; i++) {
            (void) snprintf(oid, sizeof(oid), "1.2.3.%zu", i);
            number(x, oid, 0);
        }

        read_x509(x);

        if (n == 64) {
            is_cps();
        } else {
            rejected("it has more than 64 extensions");
        }
    }

    /* critical, and unknown to OpenSSL */

    x = make(by(CPS_ONLY), doctor);
    number(x, "1.2.3.4", 0);
    unknown = X509_get_ext(x, X509_get_ext_count(x) - 1);
    assert_int_equal(X509_EXTENSION_set_critical(unknown, 1), 1);
    read_x509(x);
    rejected("it has a critical extension that is not known");

    /* not what they should be */

    x = bare(by(CPS_ONLY), doctor);
    extend(x, "2.5.29.15", "\x03\x02\x07", 3);
    read_x509(x);
    rejected(INVALID);
    x = bare(by(CPS_ONLY), doctor);
    extend(x, "2.5.29.15", "\x03\x02\x07\x00", 4);
    read_x509(x);
    rejected(INVALID);
    x = make(by(CPS_ONLY), doctor);
    extend(x, "2.5.29.17", "x", 1);
    read_x509(x);
    rejected(INVALID);
}


static void
test_self_signed(void **state)
{
    X509  *x;

    (void) state;

    /* the name is right, but it vouches for itself */

    read_x509(make(by(CPS_ONLY), by(CPS_ONLY)));
    rejected("it is self-signed");

    /* nor does the authority get a card by its own name */

    x = bare(by(CPS_ONLY), by(CPS_ONLY));
    standard(x, NID_basic_constraints, "critical,CA:TRUE");
    standard(x, NID_key_usage, "critical,keyCertSign,cRLSign");
    read_x509(x);
    rejected("it is self-signed");
}


static void
test_dates(void **state)
{
    X509  *x;

    (void) state;

    x = make(by(CPS_ONLY), doctor);
    assert_int_equal(ASN1_STRING_set(X509_getm_notAfter(x), "26", 2), 1);
    read_x509(x);
    rejected("its dates cannot be read");
    assert_false(dmp_identity_in_date(&id, 1767225600));

    x = make(by(CPS_ONLY), doctor);
    assert_int_equal(ASN1_STRING_set(X509_getm_notBefore(x),
                                     "261301000000Z", 13), 1);
    read_x509(x);
    rejected("its dates cannot be read");
    assert_false(dmp_identity_in_date(&id, 1767225600));
}


/* A name of thousands of entries is read once for each type that counts. */
static void
test_vast_name(void **state)
{
    X509       *x;
    int         i;
    X509_NAME  *name;

    (void) state;

    x = make(by(CPS_ONLY), doctor);
    name = X509_get_subject_name(x);

    for (i = 0; i < 5000; i++) {
        assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_surname,
                             V_ASN1_UTF8STRING,
                             (const unsigned char *) "MOREL", 5, -1, 0), 1);
    }

    read_x509(x);
    rejected("its surname is given twice");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_issuer),
        cmocka_unit_test(test_test_chain),
        cmocka_unit_test(test_cards),
        cmocka_unit_test(test_card_extension),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_leaf),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_vast_name),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
