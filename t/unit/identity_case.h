/*
 * identity_case.h: certificates made from a table of name entries, and as much
 * of a policy as names people, for the tests of who a certificate names.
 * Include it after cmocka.
 */

#ifndef IDENTITY_CASE_H
#define IDENTITY_CASE_H

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <dmp/dmp_identity.h>


#define DOCTOR      "899700218896"
#define HOSPITAL    "1750712184"
#define CARD        "1.2.250.1.71.1.2.2"
#define PROFESSION  "1.2.250.1.71.1.2.7"
#define TRAINING    "1.2.250.1.71.1.2.8"
#define SPECIALTY   "1.2.250.1.71.4.2.5"

#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define MEDECIN     "M\xc3\xa9" "decin"

/* Issuers, by their last entry; those above it are the same. */
#define CPS_ONLY    "PERSONNES \xc3\xa9"
#define CPF_ONLY    "EN FORMATION"
#define CPE_ONLY    "STANDARD PERSONNES"
#define ALL_CARDS   "CARTES"
#define NO_CARDS    "SANS CARTES"
#define STRUCTURES  "ORGANISATIONS"
#define WITH_CPE    "ELEMENTAIRE ORGANISATIONS"
#define TEST_CHAIN  "TEST PERSONNES"
#define MIXED       "PERSONNES ET ORGANISATIONS"
#define MIXED_TOO   "ORGANISATIONS ET PERSONNES"
#define ROLELESS    "SANS ROLE"

#define ISSUER(role, makes, test, name)                                       \
    { role, makes, test,                                                      \
      { { dmp_string("C"), dmp_string("FR") },                                \
        { dmp_string("O"), dmp_string("ASIP") },                              \
        { dmp_string("OU"), dmp_string("0002") },                             \
        { dmp_string("OU"), dmp_string("TEST") },                             \
        { dmp_string("CN"), dmp_string(name) } }, 5 }

#define EVERYTHING                                                            \
    (DMP_MAKES_CPS | DMP_MAKES_CPF | DMP_MAKES_CPE | DMP_MAKES_CPE_ANONYMOUS  \
     | DMP_MAKES_STRUCTURE)

static dmp_chain_t  chains[] = {
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPS, false, CPS_ONLY),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPF, false, CPF_ONLY),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPE, false, CPE_ONLY),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPS | DMP_MAKES_CPF | DMP_MAKES_CPE
                              | DMP_MAKES_CPE_ANONYMOUS, false, ALL_CARDS),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPE_ANONYMOUS, false, NO_CARDS),
    ISSUER(DMP_CHAIN_ORGANISATIONS, DMP_MAKES_STRUCTURE, false, STRUCTURES),
    ISSUER(DMP_CHAIN_ORGANISATIONS, DMP_MAKES_STRUCTURE
                                    | DMP_MAKES_CPE_ANONYMOUS, false,
           WITH_CPE),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPS, true, TEST_CHAIN),

    /* what no policy that loads has: role and makes do not fit */

    ISSUER(DMP_CHAIN_PERSONS, EVERYTHING, false, MIXED),
    ISSUER(DMP_CHAIN_ORGANISATIONS, EVERYTHING, false, MIXED_TOO),
    ISSUER(DMP_CHAIN_NONE, EVERYTHING, false, ROLELESS)
};

static dmp_title_t  titles[] = {
    { dmp_string(MEDECIN), { dmp_string(PROFESSION), dmp_string("10") } },
    { dmp_string("Pharmacien"), { dmp_string(PROFESSION), dmp_string("21") } },
    { dmp_string("Infirmier"), { dmp_string(PROFESSION), dmp_string("60") } },
    { dmp_string("Interne"), { dmp_string("1.2.3"), dmp_string("10") } },
    { dmp_string("Etudiant"), { dmp_string(TRAINING), dmp_string("10") } }
};

static dmp_profession_t  professions[] = {
    { { dmp_string(PROFESSION), dmp_string("10") }, dmp_string("doctor"),
      DMP_PROFESSION_DOCTOR, false, 0 },
    { { dmp_string(PROFESSION), dmp_string("21") }, dmp_string("pharmacist"),
      DMP_PROFESSION_HEALTH, false, 1 },
    { { dmp_string(PROFESSION), dmp_string("60") }, dmp_string("nurse"),
      DMP_PROFESSION_HEALTH, false, 2 },
    { { dmp_string(TRAINING), dmp_string("10") }, dmp_string("doctor to be"),
      DMP_PROFESSION_DOCTOR, true, 0 },
    { { dmp_string(TRAINING), dmp_string("21") }, dmp_string("the same"),
      DMP_PROFESSION_HEALTH, true, 1 }
};

static dmp_feeder_t  feeders[] = {
    { dmp_string("caisse"), dmp_string("2180035024"), dmp_string("-") },
    { dmp_string("another"), dmp_string("1760021833"), dmp_string("-") }
};

static dmp_policy_t  policy = {
    .chains = chains, .n_chains = count(chains),
    .titles = titles, .n_titles = count(titles),
    .professions = professions, .n_professions = count(professions),
    .feeders = feeders, .n_feeders = count(feeders)
};

static EVP_PKEY        *key;
static dmp_identity_t   id;

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
#define END                { 0, 0, NULL, 0, 0 }

/* IGC-Santé, with and without the profession in words. */
static const entry_t  doctor[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_title, MEDECIN),
    UTF8(NID_commonName, DOCTOR), WITH(NID_surname, "MOREL"),
    WITH(NID_givenName, "CLAIRE"), END
};

static const entry_t  untitled[] = {
    UTF8(NID_countryName, "FR"),
    UTF8(NID_commonName, DOCTOR), WITH(NID_surname, "MOREL"),
    WITH(NID_givenName, "CLAIRE"), END
};

static const entry_t  secretary[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "PHARMACIE"),
    UTF8(NID_organizationalUnitName, "1760021832"),
    UTF8(NID_commonName, "3760021832/000000018"),
    WITH(NID_surname, "FAURE"), WITH(NID_givenName, "ANNE"), END
};

static const entry_t  nameless[] = {
    UTF8(NID_countryName, "FR"),
    UTF8(NID_stateOrProvinceName, "Seine-Maritime (76)"),
    UTF8(NID_organizationName, "PHARMACIE DU PORT"),
    UTF8(NID_organizationalUnitName, "1760021832"),
    UTF8(NID_title, "Carte de service sant\xc3\xa9 ou social"),
    UTF8(NID_pseudonym, "EMPLOYE000000018"),
    UTF8(NID_commonName, "3760021832/000000018"), END
};

static const entry_t  hospital[] = {
    UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "CHU"),
    UTF8(NID_organizationalUnitName, HOSPITAL),
    UTF8(NID_commonName, "CHU AUTH"), END
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


/* The name of an issuer that the policy has, or that differs in its end. */
static const entry_t *
by(const char *last)
{
    static entry_t  issuer[] = {
        UTF8(NID_countryName, "FR"), UTF8(NID_organizationName, "ASIP"),
        UTF8(NID_organizationalUnitName, "0002"),
        UTF8(NID_organizationalUnitName, "TEST"),
        UTF8(NID_commonName, ""), END
    };

    issuer[4].value = last;

    return issuer;
}


/* Adds an extension that holds these very bytes. */
static void
extend(X509 *x, const char *oid, const char *der, int len)
{
    ASN1_OBJECT        *object;
    X509_EXTENSION     *extension;
    ASN1_OCTET_STRING  *octets;

    object = OBJ_txt2obj(oid, 1);
    octets = ASN1_OCTET_STRING_new();
    assert_non_null(object);
    assert_non_null(octets);
    assert_int_equal(ASN1_OCTET_STRING_set(octets, (const unsigned char *) der,
                                           len), 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);

    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}


static void
number(X509 *x, const char *oid, char n)
{
    char  der[3];

    memcpy(der, "\x02\x01", 2);
    der[2] = n;
    extend(x, oid, der, 3);
}


/* One of RFC 5280, in the words of OpenSSL. */
static void
standard(X509 *x, int nid, const char *value)
{
    X509_EXTENSION  *extension;

    extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}


/* A certificate of that name, not signed and without any extension. */
static X509 *
bare(const entry_t *issuer, const entry_t *subject)
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


/* The same, to authenticate with. */
static X509 *
make(const entry_t *issuer, const entry_t *subject)
{
    X509  *x;

    x = bare(issuer, subject);
    standard(x, NID_basic_constraints, "critical,CA:FALSE");
    standard(x, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    standard(x, NID_ext_key_usage, "clientAuth");

    return x;
}


static void
inside(dmp_str_t s)
{
    assert_true(s.len == 0 || (s.data >= id.text
                               && s.data + s.len <= id.text + id.used));
}


static void
nobody(void)
{
    assert_int_equal(id.card, 0);
    assert_int_equal(id.subject.actor, DMP_ACTOR_NONE);
    assert_int_equal(id.subject.auth, DMP_AUTH_NONE);
    assert_int_equal(id.subject.id.len, 0);
    assert_int_equal(id.subject.role.code.len, 0);
    assert_int_equal(id.subject.used.structure.len, 0);
    assert_int_equal(id.subject.used.specialty.code.len, 0);
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
    dmp_identity_read(&policy, read, &id);
    X509_free(read);

    /* errors left behind would be logged against the next connection */
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(id.used <= sizeof(id.text));
    inside(id.subject.id);
    inside(id.subject.role.system);
    inside(id.subject.role.code);
    inside(id.subject.used.structure);
    inside(id.subject.used.specialty.system);
    inside(id.subject.used.specialty.code);
    inside(id.subject.certificate_serial);
    inside(id.subject.certificate_issuer);
    assert_int_equal(id.subject.certificate == DMP_CREDENTIAL_VERIFIED,
                     id.why == NULL);
    assert_int_not_equal(id.subject.certificate, DMP_CREDENTIAL_ABSENT);
    assert_int_equal(id.subject.token, DMP_CREDENTIAL_ABSENT);

    if (id.why != NULL) {
        nobody();
    }
}


#define is(str, text)                                                         \
    assert_true(dmp_str_eq(str, dmp_string(text)))


static inline void
verified(dmp_actor_t actor, dmp_auth_t auth, unsigned card)
{
    if (id.subject.certificate != DMP_CREDENTIAL_VERIFIED) {
        fail_msg("rejected: %s", id.why);
    }

    assert_int_equal(id.subject.actor, actor);
    assert_int_equal(id.subject.auth, auth);
    assert_int_equal(id.card, card);
    assert_int_not_equal(id.subject.id.len, 0);
    assert_int_not_equal(id.subject.certificate_serial.len, 0);
}


static inline void
is_cps(void)
{
    verified(DMP_ACTOR_PROFESSIONAL, DMP_AUTH_DIRECT, DMP_MAKES_CPS);
}


static inline void
rejected(const char *why)
{
    assert_int_equal(id.subject.certificate, DMP_CREDENTIAL_REJECTED);
    assert_string_equal(id.why, why);
}


/* That name with one entry in the place of another; "at" of its end adds. */
static inline void
read_changed(const char *issuer, const entry_t *name, unsigned at,
    entry_t entry)
{
    unsigned  n;
    entry_t   subject[10];

    n = 0;

    while (name[n].value != NULL) {
        subject[n] = name[n];
        n++;
    }

    subject[n] = subject[n + 1] = name[n];
    subject[at] = entry;
    read_x509(make(by(issuer), subject));
}


/* The same without that entry; what it leaves behind starts an RDN. */
static inline void
read_without(const char *issuer, const entry_t *name, unsigned at)
{
    unsigned  n;
    entry_t   subject[10];

    for (n = 0; name->value != NULL; name++, at--) {
        if (at != 0) {
            subject[n] = *name;
            subject[n++].set = 0;
        }
    }

    subject[n] = *name;
    read_x509(make(by(issuer), subject));
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

#endif
