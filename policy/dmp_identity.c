/*
 * dmp_identity.c: a client certificate to a subject.
 *
 * Sources: certificate layouts of IGC-Santé cards (one multi-valued RDN with
 * the common name, surname and given name, then the title), the extensions of
 * arc 1.2.250.1.71, and TRE_G15 for professions.
 */

#include <stdio.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <dmp/dmp_identity.h>


/* The extension, and the code system TRE_G15 that it holds a code of. */
#define DMP_OID_PROFESSION  "1.2.250.1.71.1.2.7"
#define DMP_VALUE_MAX       256


/* Copies into the identity's own text; an empty string if it does not fit. */
static dmp_str_t
dmp_identity_keep(dmp_identity_t *id, const char *data, size_t len)
{
    dmp_str_t  s;

    s = dmp_null_string;

    /* memcpy() takes no null pointer, not even for nothing */
    if (len != 0 && len <= sizeof(id->text) - id->used) {
        s.data = id->text + id->used;
        s.len = len;
        memcpy(id->text + id->used, data, len);
        id->used += len;
    }

    return s;
}


/* The value of a name entry as UTF-8, without NUL inside; len 0 otherwise. */
static size_t
dmp_entry_value(const X509_NAME_ENTRY *entry, char value[DMP_VALUE_MAX])
{
    int             n;
    size_t          len;
    unsigned char  *utf8;

    utf8 = NULL;
    n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (n <= 0) {
        OPENSSL_free(utf8);
        return 0;
    }

    len = (size_t) n;

    if (len > DMP_VALUE_MAX || memchr(utf8, '\0', len) != NULL) {
        len = 0;
    } else {
        memcpy(value, utf8, len);
    }

    OPENSSL_free(utf8);
    return len;
}


/*
 * The value of the one entry of that type.  0 if there is none, if there are
 * several, or if it cannot be read: two values are never one identity.
 */
static size_t
dmp_one_value(const X509_NAME *name, int nid, char value[DMP_VALUE_MAX])
{
    int  i;

    i = X509_NAME_get_index_by_NID(name, nid, -1);
    if (i < 0 || X509_NAME_get_index_by_NID(name, nid, i) >= 0) {
        return 0;
    }

    return dmp_entry_value(X509_NAME_get_entry(name, i), value);
}


static bool
dmp_issuer_matches(const X509_NAME *issuer, const dmp_chain_t *chain)
{
    int                     n;
    char                    value[DMP_VALUE_MAX];
    size_t                  len;
    unsigned                i;
    const char             *type;
    const X509_NAME_ENTRY  *entry;
    const dmp_name_entry_t *want;

    n = X509_NAME_entry_count(issuer);
    if (n < 0 || (unsigned) n != chain->n_entries) {
        return false;
    }

    for (i = 0; i < chain->n_entries; i++) {
        entry = X509_NAME_get_entry(issuer, (int) i);
        want = &chain->issuer[i];

        type = OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
        len = dmp_entry_value(entry, value);

        if (type == NULL || len == 0
            || !dmp_str_eq(want->type, (dmp_str_t) { type, strlen(type) })
            || !dmp_str_eq(want->value, (dmp_str_t) { value, len }))
        {
            return false;
        }
    }

    return true;
}


static dmp_chain_role_t
dmp_chain_role(const dmp_policy_t *policy, const X509_NAME *issuer)
{
    size_t  i;

    for (i = 0; i < policy->n_chains; i++) {
        if (dmp_issuer_matches(issuer, &policy->chains[i])) {
            return policy->chains[i].role;
        }
    }

    return DMP_CHAIN_NONE;
}


/*
 * The profession extension (INTEGER, TRE_G15), -1 if there is none, -2 if
 * there are several, or one that is not just an INTEGER of two digits.
 */
static long
dmp_profession_extension(const X509 *certificate)
{
    int                   i, again;
    long                  n;
    ASN1_OBJECT          *oid;
    ASN1_INTEGER         *integer;
    X509_EXTENSION       *extension;
    ASN1_OCTET_STRING    *octets;
    const unsigned char  *p, *end;

    oid = OBJ_txt2obj(DMP_OID_PROFESSION, 1);
    if (oid == NULL) {
        return -2;
    }

    i = X509_get_ext_by_OBJ(certificate, oid, -1);
    again = (i < 0) ? -1 : X509_get_ext_by_OBJ(certificate, oid, i);
    ASN1_OBJECT_free(oid);

    if (i < 0) {
        return -1;
    }

    if (again >= 0) {
        return -2;
    }

    extension = X509_get_ext(certificate, i);
    octets = X509_EXTENSION_get_data(extension);
    p = ASN1_STRING_get0_data(octets);
    end = p + ASN1_STRING_length(octets);

    integer = d2i_ASN1_INTEGER(NULL, &p, ASN1_STRING_length(octets));
    if (integer == NULL) {
        return -2;
    }

    n = ASN1_INTEGER_get(integer);
    ASN1_INTEGER_free(integer);

    return (p == end && n >= 10 && n <= 99) ? n : -2;
}


/*
 * The profession, from the title, the extension or both.  Where they
 * contradict each other it is unknown, and no right rests on it.
 */
static void
dmp_read_profession(const dmp_policy_t *policy, const X509 *certificate,
    dmp_identity_t *out)
{
    long        extension;
    char        title[DMP_VALUE_MAX];
    char        digits[8];
    size_t      i, len;
    dmp_code_t  profession;

    profession = (dmp_code_t) { dmp_null_string, dmp_null_string };

    len = dmp_one_value(X509_get_subject_name(certificate), NID_title, title);

    for (i = 0; len != 0 && i < policy->n_titles; i++) {
        if (dmp_str_eq(policy->titles[i].title, (dmp_str_t) { title, len })) {
            profession = policy->titles[i].profession;
            break;
        }
    }

    extension = dmp_profession_extension(certificate);

    if (extension == -2) {
        return;
    }

    if (extension > 0) {
        len = (size_t) snprintf(digits, sizeof(digits), "%ld", extension);

        if (profession.code.len != 0
            && (!dmp_str_eq(profession.code, (dmp_str_t) { digits, len })
                || !dmp_str_eq(profession.system,
                               dmp_string(DMP_OID_PROFESSION))))
        {
            return;
        }

        profession.system = dmp_string(DMP_OID_PROFESSION);
        profession.code = (dmp_str_t) { digits, len };
    }

    out->subject.role.system = profession.system;
    out->subject.role.code = dmp_identity_keep(out, profession.code.data,
                                               profession.code.len);
}


/* PS_IdNat of a professional with an RPPS: "8" and 11 digits. */
static bool
dmp_is_ps_id(const char *value, size_t len)
{
    size_t  i;

    if (len != 12 || value[0] != '8') {
        return false;
    }

    for (i = 1; i < len; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return false;
        }
    }

    return true;
}


static bool
dmp_read_person(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out)
{
    char        value[DMP_VALUE_MAX];
    size_t      len;
    X509_NAME  *name;

    name = X509_get_subject_name(certificate);

    if (dmp_one_value(name, NID_surname, value) == 0
        || dmp_one_value(name, NID_givenName, value) == 0)
    {
        out->why = "its name has no surname and given name";
        return false;
    }

    len = dmp_one_value(name, NID_commonName, value);
    if (!dmp_is_ps_id(value, len)) {
        out->why = "its common name is not a national identifier (RPPS)";
        return false;
    }

    out->subject.id = dmp_identity_keep(out, value, len);
    out->subject.actor = DMP_ACTOR_PROFESSIONAL;
    out->subject.auth = DMP_AUTH_DIRECT;

    dmp_read_profession(policy, certificate, out);

    return true;
}


/* A legal person: its identifier (Struct_IdNat) is its organisational unit. */
static bool
dmp_read_organisation(X509 *certificate, dmp_identity_t *out)
{
    char        value[DMP_VALUE_MAX];
    size_t      len;
    X509_NAME  *name;

    name = X509_get_subject_name(certificate);

    if (X509_NAME_get_index_by_NID(name, NID_surname, -1) >= 0) {
        out->why = "an organisations chain does not make a person";
        return false;
    }

    len = dmp_one_value(name, NID_organizationalUnitName, value);
    if (len == 0) {
        out->why = "its name has no identifier of a structure";
        return false;
    }

    out->subject.id = dmp_identity_keep(out, value, len);
    out->subject.used.structure = out->subject.id;
    out->subject.actor = DMP_ACTOR_STRUCTURE;
    out->subject.auth = DMP_AUTH_INDIRECT;

    return true;
}


static bool
dmp_read_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm  tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        return false;
    }

    *out = (int64_t) timegm(&tm);
    return true;
}


static void
dmp_read_origin(const X509 *certificate, dmp_identity_t *out)
{
    int                  i, n;
    char                 value[DMP_VALUE_MAX];
    char                 hex[2 * 20 + 1];
    size_t               len;
    const ASN1_INTEGER  *serial;

    serial = X509_get0_serialNumber(certificate);
    n = ASN1_STRING_length(serial);

    /* RFC 5280, 4.1.2.2: not negative, at most 20 octets */
    if (ASN1_STRING_type(serial) == V_ASN1_INTEGER && n > 0 && n <= 20) {
        for (i = 0; i < n; i++) {
            (void) snprintf(hex + 2 * i, 3, "%02x",
                            ASN1_STRING_get0_data(serial)[i]);
        }

        out->subject.certificate_serial = dmp_identity_keep(out, hex,
                                                            (size_t) n * 2);
    }

    len = dmp_one_value(X509_get_issuer_name(certificate), NID_commonName,
                         value);
    out->subject.certificate_issuer = dmp_identity_keep(out, value, len);
}


static void
dmp_read_certificate(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out)
{
    bool  known;

    dmp_read_origin(certificate, out);

    if (!dmp_read_time(X509_get0_notBefore(certificate), &out->not_before)
        || !dmp_read_time(X509_get0_notAfter(certificate), &out->not_after))
    {
        out->why = "its dates cannot be read";
        return;
    }

    switch (dmp_chain_role(policy, X509_get_issuer_name(certificate))) {

    case DMP_CHAIN_PERSONS:
        known = dmp_read_person(policy, certificate, out);
        break;

    case DMP_CHAIN_ORGANISATIONS:
        known = dmp_read_organisation(certificate, out);
        break;

    default:
        out->why = "its issuer has no role in the policy";
        known = false;
    }

    if (!known) {
        return;
    }

    if (out->subject.id.len == 0 || out->subject.certificate_serial.len == 0) {
        out->why = "its serial number cannot be one";
        return;
    }

    out->subject.certificate = DMP_CREDENTIAL_VERIFIED;
}


void
dmp_identity_read(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out)
{
    memset(out, 0, sizeof(dmp_identity_t));
    out->subject.certificate = DMP_CREDENTIAL_REJECTED;

    /* errors left in OpenSSL's queue would be those of the next connection */
    (void) ERR_set_mark();  /* fails on an empty queue: all of it is ours */

    dmp_read_certificate(policy, certificate, out);

    (void) ERR_pop_to_mark();  /* without a mark it empties the queue */
}


bool
dmp_identity_in_date(const dmp_identity_t *identity, int64_t unix_sec)
{
    return identity->not_before <= unix_sec && unix_sec <= identity->not_after;
}
