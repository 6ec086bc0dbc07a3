/*
 * test_identity.c: certificates made here, with one thing wrong in each, and
 * who they name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <dmp/dmp_identity.h>


#define DOCTOR      "899700218896"
#define PROFESSION  "1.2.250.1.71.1.2.7"

#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define MEDECIN     "M\xc3\xa9" "decin"
#define ABOVE                                                                 \
    { dmp_string("C"), dmp_string("FR") },                                    \
    { dmp_string("O"), dmp_string("ASIP") },                                  \
    { dmp_string("OU"), dmp_string("0002") },                                 \
    { dmp_string("OU"), dmp_string("TEST") }

static dmp_chain_t  chains[] = {
    { DMP_CHAIN_PERSONS,
      { ABOVE, { dmp_string("CN"), dmp_string("PERSONNES \xc3\xa9") } }, 5 },
    { DMP_CHAIN_ORGANISATIONS,
      { ABOVE, { dmp_string("CN"), dmp_string("ORGANISATIONS") } }, 5 }
};

static dmp_title_t  titles[] = {
    { dmp_string(MEDECIN), { dmp_string(PROFESSION), dmp_string("10") } },
    { dmp_string("Pharmacien"), { dmp_string(PROFESSION), dmp_string("21") } },
    { dmp_string("Interne"), { dmp_string("1.2.3"), dmp_string("10") } }
};

/* As much of a policy as names people. */
static const dmp_policy_t  the_policy = {
    .chains = chains, .n_chains = count(chains),
    .titles = titles, .n_titles = count(titles)
};

static const dmp_policy_t  *policy = &the_policy;
static EVP_PKEY            *key;
static dmp_identity_t       id;

/* An entry of a name: set -1 puts it into the RDN before it. */
typedef struct {
    int          nid;
    int          type;
    const char  *value;
    int          len;                    /* -1: a C string */
    int          set;
} entry_t;

#define UTF8(nid, value)   { nid, V_ASN1_UTF8STRING, value, -1, 0 }
#define WITH(nid, value)   { nid, V_ASN1_UTF8STRING, value, -1, -1 }

static const entry_t  persons[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "ASIP"),
    UTF8(NID_organizationalUnitName, "0002"),
    UTF8(NID_organizationalUnitName, "TEST"),
    UTF8(NID_commonName, "PERSONNES \xc3\xa9"), { 0, 0, NULL, 0, 0 }
};

static const entry_t  organisations[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "ASIP"),
    UTF8(NID_organizationalUnitName, "0002"),
    UTF8(NID_organizationalUnitName, "TEST"),
    UTF8(NID_commonName, "ORGANISATIONS"), { 0, 0, NULL, 0, 0 }
};

static const entry_t  doctor[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_title, MEDECIN),
    UTF8(NID_commonName, DOCTOR), WITH(NID_surname, "MOREL"),
    WITH(NID_givenName, "CLAIRE"), { 0, 0, NULL, 0, 0 }
};

static const entry_t  untitled[] = {
    UTF8(NID_countryName, "FR"),
    UTF8(NID_commonName, DOCTOR), WITH(NID_surname, "MOREL"),
    WITH(NID_givenName, "CLAIRE"), { 0, 0, NULL, 0, 0 }
};

static const entry_t  hospital[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "CHU"),
    UTF8(NID_organizationalUnitName, "1750712184"),
    UTF8(NID_commonName, "CHU AUTH"), { 0, 0, NULL, 0, 0 }
};


static void
fill(X509_NAME *name, const entry_t *entries)
{
    for ( /* void */ ; entries->value != NULL; entries++) {
        assert_int_equal(X509_NAME_add_entry_by_NID(name, entries->nid,
                             entries->type,
                             (const unsigned char *) entries->value,
                             entries->len, -1, entries->set), 1);
    }
}


/* A certificate that is whole, but not signed: tests then change it. */
static X509 *
make(const entry_t *issuer, const entry_t *subject)
{
    X509  *x;

    x = X509_new();
    assert_non_null(x);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1a2b), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(x),
                                          "260101000000Z"), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x),
                                          "281231235959Z"), 1);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    fill(X509_get_issuer_name(x), issuer);
    fill(X509_get_subject_name(x), subject);

    return x;
}


/* Adds an extension that holds these very bytes. */
static void
extend(X509 *x, const char *oid, const unsigned char *der, int len)
{
    ASN1_OBJECT        *object;
    X509_EXTENSION     *extension;
    ASN1_OCTET_STRING  *octets;

    object = OBJ_txt2obj(oid, 1);
    octets = ASN1_OCTET_STRING_new();
    assert_non_null(object);
    assert_non_null(octets);
    assert_int_equal(ASN1_OCTET_STRING_set(octets, der, len), 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);

    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}


/*
 * Signs, sends through DER as a connection would, reads, and frees.  What
 * OpenSSL would not take from a connection is read as it stands.
 */
static void
read_x509(X509 *x)
{
    int                   len;
    X509                 *read;
    unsigned char        *der;
    const unsigned char  *p;

    read = x;
    der = NULL;

    if (X509_sign(x, key, NULL) > 0) {
        len = i2d_X509(x, &der);
        assert_true(len > 0);
        X509_free(x);
        p = der;
        read = d2i_X509(NULL, &p, len);
        assert_non_null(read);
        OPENSSL_free(der);
    }

    ERR_clear_error();
    memset(&id, 0xff, sizeof(id));
    dmp_identity_read(policy, read, &id);
    X509_free(read);

    /* errors left behind would be logged against the next connection */
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(id.used <= sizeof(id.text));
    assert_int_equal(id.subject.certificate == DMP_CREDENTIAL_VERIFIED,
                     id.why == NULL);
    assert_int_not_equal(id.subject.certificate, DMP_CREDENTIAL_ABSENT);
    assert_int_equal(id.subject.token, DMP_CREDENTIAL_ABSENT);
}


#define is(str, text)                                                         \
    assert_true(dmp_str_eq(str, dmp_string(text)))


static void
verified(dmp_actor_t actor)
{
    if (id.subject.certificate != DMP_CREDENTIAL_VERIFIED) {
        fail_msg("rejected: %s", id.why);
    }

    assert_int_equal(id.subject.actor, actor);
    assert_int_not_equal(id.subject.id.len, 0);
    assert_int_not_equal(id.subject.certificate_serial.len, 0);
}


static void
rejected(const char *why)
{
    assert_int_equal(id.subject.certificate, DMP_CREDENTIAL_REJECTED);
    assert_string_equal(id.why, why);
}

#define NO_NAME    "its name has no surname and given name"
#define NO_RPPS    "its common name is not a national identifier (RPPS)"
#define NO_ROLE    "its issuer has no role in the policy"
#define NO_PERSON  "an organisations chain does not make a person"
#define NO_UNIT    "its name has no identifier of a structure"
#define NO_SERIAL  "its serial number cannot be one"


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

        read_x509(make(persons, subject));
        verified(DMP_ACTOR_PROFESSIONAL);
        assert_int_equal(id.subject.auth, DMP_AUTH_DIRECT);
        is(id.subject.id, DOCTOR);
        is(id.subject.role.system, PROFESSION);
        is(id.subject.role.code, "10");
        is(id.subject.certificate_serial, "1a2b");
        is(id.subject.certificate_issuer, "PERSONNES \xc3\xa9");
        assert_int_equal(id.subject.used.structure.len, 0);
        assert_int_equal(id.subject.used.specialty.code.len, 0);
    }
}


/* The subject of the doctor with one entry in the place of another. */
static void
read_with(unsigned at, entry_t entry)
{
    entry_t  subject[6];

    memcpy(subject, doctor, sizeof(subject));
    subject[at] = entry;
    read_x509(make(persons, subject));
}


static void
read_plus(entry_t entry)
{
    entry_t  subject[7];

    memcpy(subject, doctor, sizeof(doctor));
    subject[5] = entry;
    subject[6] = doctor[5];
    read_x509(make(persons, subject));
}


static void
test_names(void **state)
{
    size_t  i;

    static const char *const  not_rpps[] = {
        "89970021889", "8997002188960", "799700218896", "099700218896",
        "89970021889x", "89970021889 ", " 99700218896", "8-9970021889",
        "8\xd9\xa1" "9700218896", "MOREL", "8", "8997002188\n6"
    };

    (void) state;

    for (i = 0; i < count(not_rpps); i++) {
        read_with(2, (entry_t) UTF8(NID_commonName, not_rpps[i]));
        rejected(NO_RPPS);
        assert_int_equal(id.subject.actor, DMP_ACTOR_NONE);
        assert_int_equal(id.subject.id.len, 0);
    }

    /* a NUL hides nothing, before or after what it would cut */

    read_with(2, (entry_t) { NID_commonName, V_ASN1_UTF8STRING,
                             DOCTOR "\0x", 14, 0 });
    rejected(NO_RPPS);
    read_with(2, (entry_t) { NID_commonName, V_ASN1_UTF8STRING,
                             "8\0" "9700218896", 12, 0 });
    rejected(NO_RPPS);
    read_with(2, (entry_t) UTF8(NID_commonName, ""));
    rejected(NO_RPPS);

    /* two common names are two identities, even if they are the same */

    read_plus((entry_t) UTF8(NID_commonName, "899700314422"));
    rejected(NO_RPPS);
    read_plus((entry_t) WITH(NID_commonName, DOCTOR));
    rejected(NO_RPPS);

    /* a person has a surname and a given name, each once */

    read_with(3, (entry_t) WITH(NID_organizationName, "x"));
    rejected(NO_NAME);
    read_with(4, (entry_t) WITH(NID_organizationName, "x"));
    rejected(NO_NAME);
    read_plus((entry_t) WITH(NID_surname, "PETIT"));
    rejected(NO_NAME);
    read_plus((entry_t) UTF8(NID_givenName, "HUGO"));
    rejected(NO_NAME);
    read_with(2, (entry_t) UTF8(NID_organizationName, "x"));
    rejected(NO_RPPS);
    read_x509(make(persons, doctor + 5));
    rejected(NO_NAME);
    read_x509(make(persons, hospital));
    rejected(NO_NAME);

    /* a name printed inside a value is not an entry */

    read_with(3, (entry_t) WITH(NID_organizationName, "SN=MOREL,GN=C"));
    rejected(NO_NAME);
    read_with(4, (entry_t) WITH(NID_givenName, "C+CN=899700314422"));
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.id, DOCTOR);
}


static void
test_string_types(void **state)
{
    static char           longer[258];   /* one too many, at first */
    static const entry_t  bmp = {
        NID_commonName, V_ASN1_BMPSTRING,
        "\0" "8\0" "9\0" "9\0" "7\0" "0\0" "0\0" "2\0" "1\0" "8\0" "8\0"
        "9\0" "6", 24, 0
    };
    static const entry_t  universal = {
        NID_surname, V_ASN1_UNIVERSALSTRING, "\0\0\0M\0\0\1\x53", 8, -1
    };

    (void) state;
    memset(longer, 'x', sizeof(longer) - 1);

    read_with(2, bmp);
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.id, DOCTOR);
    read_with(2, (entry_t) { NID_commonName, V_ASN1_PRINTABLESTRING, DOCTOR,
                             -1, 0 });
    verified(DMP_ACTOR_PROFESSIONAL);
    read_with(2, (entry_t) { NID_commonName, V_ASN1_T61STRING, DOCTOR, -1,
                             0 });
    verified(DMP_ACTOR_PROFESSIONAL);
    read_with(3, universal);
    verified(DMP_ACTOR_PROFESSIONAL);

    /* Latin-1, as older cards write it */

    read_with(1, (entry_t) { NID_title, V_ASN1_T61STRING, "M\xe9" "decin", -1,
                             0 });
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.role.code, "10");
    read_with(1, (entry_t) { NID_title, V_ASN1_BMPSTRING,
                             "\0M\0\xe9\0d\0e\0c\0i\0n", 14, 0 });
    is(id.subject.role.code, "10");

    /* what is no text in its own type */

    read_with(3, (entry_t) { NID_surname, V_ASN1_UTF8STRING, "M\xff", -1,
                             -1 });
    rejected(NO_NAME);
    read_with(3, (entry_t) { NID_surname, V_ASN1_BIT_STRING, "MOREL", -1,
                             -1 });
    rejected(NO_NAME);
    read_with(2, (entry_t) { NID_commonName, V_ASN1_BMPSTRING, DOCTOR, -1,
                             0 });
    rejected(NO_RPPS);

    read_with(3, (entry_t) WITH(NID_surname, longer));
    rejected(NO_NAME);
    longer[256] = '\0';
    read_with(3, (entry_t) WITH(NID_surname, longer));
    verified(DMP_ACTOR_PROFESSIONAL);
}


/* What is read as the profession, from that subject and that extension. */
static void
profession(const entry_t *subject, const char *der, int len, const char *code)
{
    X509  *x;

    x = make(persons, subject);

    if (len > 0) {
        extend(x, PROFESSION, (const unsigned char *) der, len);
    }

    read_x509(x);
    verified(DMP_ACTOR_PROFESSIONAL);

    assert_true(dmp_str_eq(id.subject.role.code,
                           (dmp_str_t) { code, strlen(code) }));

    if (code[0] != '\0') {
        is(id.subject.role.system, PROFESSION);
    }
}


static void
test_profession(void **state)
{
    X509  *x;

    (void) state;
    profession(doctor, "", 0, "10");
    profession(doctor, "\x02\x01\x0a", 3, "10");
    profession(untitled, "\x02\x01\x0a", 3, "10");
    profession(untitled, "\x02\x01\x15", 3, "21");
    profession(untitled, "\x02\x01\x63", 3, "99");
    profession(untitled, "", 0, "");

    /* they contradict each other */

    profession(doctor, "\x02\x01\x15", 3, "");

    /* an extension that is not one number of two digits */

    profession(doctor, "\x02\x01\x09", 3, "");
    profession(doctor, "\x02\x01\x64", 3, "");
    profession(doctor, "\x02\x01\x00", 3, "");
    profession(doctor, "\x02\x01\xf6", 3, "");
    profession(doctor, "\x02\x09\x01\0\0\0\0\0\0\0\x0a", 11, "");
    profession(doctor, "\x02\x05\x01\0\0\0\x0a", 7, "");
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

    /* given twice */

    x = make(persons, doctor);
    extend(x, PROFESSION, (const unsigned char *) "\x02\x01\x0a", 3);
    extend(x, PROFESSION, (const unsigned char *) "\x02\x01\x0a", 3);
    read_x509(x);
    verified(DMP_ACTOR_PROFESSIONAL);
    assert_int_equal(id.subject.role.code.len, 0);

    /* the extensions beside it are not it */

    x = make(persons, untitled);
    extend(x, "1.2.250.1.71.1.2.2", (const unsigned char *) "\x02\x01\x0a", 3);
    extend(x, "1.2.250.1.71.1.2.8", (const unsigned char *) "\x02\x01\x0a", 3);
    extend(x, "1.2.250.1.71.1.2.7.1", (const unsigned char *) "\x02\x01\x0a",
           3);
    read_x509(x);
    verified(DMP_ACTOR_PROFESSIONAL);
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
test_titles(void **state)
{
    size_t  i;

    /* the accent as a letter of its own; nothing is folded */
    static const char *const  others[] = {
        "Me\xcc\x81" "decin", "medecin", "MEDECIN", MEDECIN " ", " " MEDECIN,
        "M\xc3\xa9" "deci", MEDECIN "s", "x"
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        read_with(1, (entry_t) UTF8(NID_title, others[i]));
        verified(DMP_ACTOR_PROFESSIONAL);
        assert_int_equal(id.subject.role.code.len, 0);
    }

    read_with(1, (entry_t) { NID_title, V_ASN1_UTF8STRING, MEDECIN "\0", 9,
                             0 });
    assert_int_equal(id.subject.role.code.len, 0);
    read_plus((entry_t) UTF8(NID_title, "Pharmacien"));
    assert_int_equal(id.subject.role.code.len, 0);

    /* of another table: the same digits are another profession */

    read_with(1, (entry_t) UTF8(NID_title, "Interne"));
    is(id.subject.role.code, "10");
    is(id.subject.role.system, "1.2.3");

    /* where old cards had it */

    read_with(1, (entry_t) UTF8(NID_organizationalUnitName, MEDECIN));
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
test_issuer(void **state)
{
    size_t   i;
    entry_t  issuer[8];

    static const char *const  others[] = {
        "PERSONNES", "PERSONNES E", "personnes \xc3\xa9", "PERSONNES  \xc3\xa9",
        "PERSONNES \xc3\xa9 ", "PERSONNES \xc3\xa8", "PERSONNES e\xcc\x81"
    };

    (void) state;

    for (i = 0; i < count(others); i++) {
        memcpy(issuer, persons, sizeof(persons));
        issuer[4].value = others[i];
        read_x509(make(issuer, doctor));
        rejected(NO_ROLE);
    }

    /* in another order */

    for (i = 0; i < 5; i++) {
        issuer[i] = persons[(i < 2) ? i : (i < 4) ? 5 - i : 4];
    }

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

    /* the right values under other types */

    for (i = 0; i < 5; i++) {
        memcpy(issuer, persons, sizeof(persons));
        issuer[i].nid = NID_localityName;
        read_x509(make(issuer, doctor));
        rejected(NO_ROLE);
    }

    /* the same characters in another string type are the same */

    memcpy(issuer, persons, sizeof(persons));
    issuer[1].type = V_ASN1_PRINTABLESTRING;
    read_x509(make(issuer, doctor));
    verified(DMP_ACTOR_PROFESSIONAL);

    /* and a NUL at the end of one is not */

    issuer[1] = (entry_t) { NID_organizationName, V_ASN1_UTF8STRING,
                            "ASIP\0", 5, 0 };
    read_x509(make(issuer, doctor));
    rejected(NO_ROLE);
}


static void
test_organisation(void **state)
{
    entry_t  subject[7];

    (void) state;
    read_x509(make(organisations, hospital));
    verified(DMP_ACTOR_STRUCTURE);
    assert_int_equal(id.subject.auth, DMP_AUTH_INDIRECT);
    is(id.subject.id, "1750712184");
    is(id.subject.used.structure, "1750712184");
    assert_int_equal(id.subject.role.code.len, 0);

    /* the chain, and not the name, says what it makes */

    read_x509(make(organisations, doctor));
    rejected(NO_PERSON);
    assert_int_equal(id.subject.actor, DMP_ACTOR_NONE);

    memcpy(subject, hospital, sizeof(hospital));
    subject[4] = (entry_t) UTF8(NID_surname, "MOREL");
    subject[5] = hospital[4];
    read_x509(make(organisations, subject));
    rejected(NO_PERSON);

    memcpy(subject, hospital, sizeof(hospital));
    subject[2] = (entry_t) UTF8(NID_localityName, "1750712184");
    read_x509(make(organisations, subject));
    rejected(NO_UNIT);

    memcpy(subject, hospital, sizeof(hospital));
    subject[3] = (entry_t) UTF8(NID_organizationalUnitName, "1750712185");
    read_x509(make(organisations, subject));
    rejected(NO_UNIT);

    /* a profession does not make a person of it either */

    memcpy(subject, hospital, sizeof(hospital));
    subject[3] = (entry_t) UTF8(NID_title, MEDECIN);
    read_x509(make(organisations, subject));
    verified(DMP_ACTOR_STRUCTURE);
    assert_int_equal(id.subject.role.code.len, 0);
}


static void
serial(const char *bytes, int len, bool negative)
{
    X509    *x;
    BIGNUM  *n;

    n = BN_bin2bn((const unsigned char *) bytes, len, NULL);
    assert_non_null(n);
    BN_set_negative(n, negative);
    x = make(persons, doctor);
    assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
    BN_free(n);
    read_x509(x);
}


static void
test_serial(void **state)
{
    static const char  bytes[] = "\x7f\x01\x02\x03\x04\x05\x06\x07\x08\x09"
                                 "\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
                                 "\x14";

    (void) state;
    serial(bytes, 20, false);
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.certificate_serial,
       "7f0102030405060708090a0b0c0d0e0f10111213");

    serial(bytes, 21, false);
    rejected(NO_SERIAL);
    assert_int_equal(id.subject.certificate_serial.len, 0);

    serial("\xff", 1, false);
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.certificate_serial, "ff");

    /* -1 is not 1 */

    serial("\x01", 1, false);
    is(id.subject.certificate_serial, "01");
    serial("\x01", 1, true);
    rejected(NO_SERIAL);

    serial("", 0, false);
    verified(DMP_ACTOR_PROFESSIONAL);
    is(id.subject.certificate_serial, "00");
}


static void
dates(const char *from, const char *to)
{
    X509  *x;

    x = make(persons, doctor);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(x), from), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x), to), 1);
    read_x509(x);
    verified(DMP_ACTOR_PROFESSIONAL);
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


static int
setup(void **state)
{
    (void) state;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    return (key != NULL) ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    EVP_PKEY_free(key);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_string_types),
        cmocka_unit_test(test_profession),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_issuer),
        cmocka_unit_test(test_organisation),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_dates),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
