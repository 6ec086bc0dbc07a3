/*
 * dmp_certificate.c: what a certificate says, value by value: entries of
 * names, extensions, dates, and whether it is one to authenticate with.
 * Everything goes through OpenSSL's own decoders and is used whole or not.
 */

#include <stdio.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "dmp_identity_int.h"


#define DMP_EXTENSIONS_MAX  64           /* cards have about 15 */
#define DMP_SECURITY_BITS   112          /* RSA of 2048 bits (SP 800-57) */


/* ASN1_STRING_to_UTF8() takes any byte in the types of one byte. */
static bool
dmp_string_fits_type(const ASN1_STRING *string)
{
    int                   i, len;
    const unsigned char  *data;

    data = ASN1_STRING_get0_data(string);
    len = ASN1_STRING_length(string);

    switch (ASN1_STRING_type(string)) {

    case V_ASN1_UTF8STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    case V_ASN1_T61STRING:               /* as everywhere: Latin-1 */
        return true;

    case V_ASN1_PRINTABLESTRING:
        return ASN1_PRINTABLE_type(data, len) == V_ASN1_PRINTABLESTRING;

    case V_ASN1_IA5STRING:
        return ASN1_PRINTABLE_type(data, len) != V_ASN1_T61STRING;

    case V_ASN1_NUMERICSTRING:
        for (i = 0; i < len; i++) {
            if (data[i] != ' ' && (data[i] < '0' || data[i] > '9')) {
                return false;
            }
        }

        return true;

    default:
        return false;
    }
}


/* ONE if it is UTF-8 without control characters (C0, DEL, C1). */
static dmp_value_state_t
dmp_text_state(const unsigned char *p, size_t len)
{
    size_t                n;
    const unsigned char  *end;

    end = p + len;

    while (p < end) {
        n = dmp_utf8_length(p, end);

        if (n == 0) {
            return DMP_VALUE_NOT_TEXT;
        }

        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            return DMP_VALUE_CONTROL;
        }

        p += n;
    }

    return DMP_VALUE_ONE;
}


static void
dmp_string_read(const ASN1_STRING *string, dmp_value_t *out)
{
    int             n;
    size_t          len;
    unsigned char  *utf8;

    out->len = 0;
    out->state = DMP_VALUE_NOT_TEXT;

    /* not even to be converted: no string has less than a byte for four */
    if (ASN1_STRING_length(string) > 4 * DMP_VALUE_MAX) {
        out->state = DMP_VALUE_LONG;
        return;
    }

    if (!dmp_string_fits_type(string)) {
        return;
    }

    utf8 = NULL;
    n = ASN1_STRING_to_UTF8(&utf8, string);

    if (n > 0) {
        len = (size_t) n;
        out->state = (len > DMP_VALUE_MAX) ? DMP_VALUE_LONG
                                           : dmp_text_state(utf8, len);

        if (out->state == DMP_VALUE_ONE) {
            memcpy(out->data, utf8, len);
            out->len = len;
        }
    }

    OPENSSL_free(utf8);
}


void
dmp_value_read(const X509_NAME_ENTRY *entry, dmp_value_t *out)
{
    dmp_string_read(X509_NAME_ENTRY_get_data(entry), out);
}


void
dmp_value_find(const X509_NAME *name, int nid, dmp_value_t *out)
{
    int  i;

    out->len = 0;

    i = X509_NAME_get_index_by_NID(name, nid, -1);

    if (i < 0) {
        out->state = DMP_VALUE_NONE;
        return;
    }

    /* two values are never one identity */
    if (X509_NAME_get_index_by_NID(name, nid, i) >= 0) {
        out->state = DMP_VALUE_TWICE;
        return;
    }

    dmp_value_read(X509_NAME_get_entry(name, i), out);
}


/* The faults of a value, in words; NULL if it has none. */
#define DMP_FAULTS(of)                                                        \
    {                                                                         \
        [DMP_VALUE_NOT_TEXT] = "its " of " is not text of its type",          \
        [DMP_VALUE_TWICE] = "its " of " is given twice",                      \
        [DMP_VALUE_LONG] = "its " of " is longer than 256 bytes",             \
        [DMP_VALUE_CONTROL] = "its " of " has control characters"             \
    }


const char *
dmp_name_read(const X509_NAME *name, dmp_name_t *out)
{
    size_t       i;
    const char  *fault;

    static const char *const  faults[5][DMP_VALUE_ONE + 1] = {
        DMP_FAULTS("common name"),
        DMP_FAULTS("surname"),
        DMP_FAULTS("given name"),
        DMP_FAULTS("title"),
        DMP_FAULTS("pseudonym")
    };
    const dmp_value_t *const  values[5] = {
        &out->common_name, &out->surname, &out->given_name, &out->title,
        &out->pseudonym
    };

    dmp_value_find(name, NID_commonName, &out->common_name);
    dmp_value_find(name, NID_surname, &out->surname);
    dmp_value_find(name, NID_givenName, &out->given_name);
    dmp_value_find(name, NID_title, &out->title);
    dmp_value_find(name, NID_pseudonym, &out->pseudonym);
    dmp_value_find(name, NID_organizationalUnitName, &out->unit);

    fault = NULL;

    for (i = 0; i < 5 && fault == NULL; i++) {
        fault = faults[i][values[i]->state];
    }

    return fault;
}


const char *
dmp_name_unit_fault(const dmp_name_t *name)
{
    static const char *const  faults[DMP_VALUE_ONE + 1] =
        DMP_FAULTS("organisational unit");

    return faults[name->unit.state];
}


/* RFC 5280, 4.2: an extension is there once. */
static bool
dmp_has_extension_twice(const X509 *certificate)
{
    int              i, n;
    X509_EXTENSION  *extension;

    n = X509_get_ext_count(certificate);

    for (i = 0; i < n; i++) {
        extension = X509_get_ext(certificate, i);

        if (X509_get_ext_by_OBJ(certificate,
                                X509_EXTENSION_get_object(extension), i) >= 0)
        {
            return true;
        }
    }

    return false;
}


/* What it may be used for: a card has several keys, one to sign in with. */
static const char *
dmp_usage_fault(X509 *certificate, uint32_t flags)
{
    uint32_t  usage;

    /* both are all bits where there is no such extension */

    usage = X509_get_key_usage(certificate);

    if ((flags & EXFLAG_CA) != 0
        || ((flags & EXFLAG_KUSAGE) != 0 && (usage & KU_KEY_CERT_SIGN) != 0))
    {
        return "it is an authority's";
    }

    if ((flags & EXFLAG_KUSAGE) == 0) {
        return "it has no key usage";
    }

    if ((usage & KU_DIGITAL_SIGNATURE) == 0) {
        return "its key usage lacks digitalSignature";
    }

    if ((X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0) {
        return "its extended key usage lacks clientAuth";
    }

    return NULL;
}


static const char *
dmp_key_fault(const X509 *certificate)
{
    EVP_PKEY  *key;

    key = X509_get0_pubkey(certificate);

    if (key == NULL) {
        return "its key cannot be read";
    }

    if (EVP_PKEY_get_security_bits(key) < DMP_SECURITY_BITS) {
        return "its key is too weak (below 112 bits of security)";
    }

    return NULL;
}


const char *
dmp_certificate_fault(X509 *certificate)
{
    uint32_t     flags;
    const char  *fault;

    if (X509_get_ext_count(certificate) > DMP_EXTENSIONS_MAX) {
        return "it has more than 64 extensions";
    }

    if (dmp_has_extension_twice(certificate)) {
        return "it has an extension twice";
    }

    flags = X509_get_extension_flags(certificate);

    if ((flags & EXFLAG_SET) == 0 || (flags & EXFLAG_INVALID) != 0) {
        return "its extensions are not valid";
    }

    if ((flags & EXFLAG_CRITICAL) != 0) {
        return "it has a critical extension that is not known";
    }

    if ((flags & EXFLAG_SS) != 0) {
        return "it is self-signed";
    }

    fault = dmp_usage_fault(certificate, flags);

    return (fault != NULL) ? fault : dmp_key_fault(certificate);
}


static bool
dmp_time_read(const ASN1_TIME *time, int64_t *out)
{
    struct tm  tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        return false;
    }

    *out = (int64_t) timegm(&tm);
    return true;
}


bool
dmp_certificate_dates(const X509 *certificate, int64_t *not_before,
    int64_t *not_after)
{
    return dmp_time_read(X509_get0_notBefore(certificate), not_before)
           && dmp_time_read(X509_get0_notAfter(certificate), not_after);
}


size_t
dmp_certificate_serial(const X509 *certificate, char hex[DMP_SERIAL_MAX])
{
    int                   i, n;
    const ASN1_INTEGER   *serial;
    const unsigned char  *data;

    static const char  digits[] = "0123456789abcdef";

    serial = X509_get0_serialNumber(certificate);
    data = ASN1_STRING_get0_data(serial);
    n = ASN1_STRING_length(serial);

    /* RFC 5280, 4.1.2.2; a negative one is another type */
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER
        || n <= 0 || n > DMP_SERIAL_MAX / 2)
    {
        return 0;
    }

    for (i = 0; i < n; i++) {
        hex[2 * i] = digits[data[i] >> 4];
        hex[2 * i + 1] = digits[data[i] & 0xf];
    }

    return (size_t) n * 2;
}


static dmp_extension_t
dmp_extension_find(const X509 *certificate, const char *name,
    const ASN1_OCTET_STRING **value)
{
    int           i, again;
    ASN1_OBJECT  *oid;

    oid = OBJ_txt2obj(name, 1);
    if (oid == NULL) {
        return DMP_EXTENSION_WRONG;
    }

    i = X509_get_ext_by_OBJ(certificate, oid, -1);
    again = (i < 0) ? -1 : X509_get_ext_by_OBJ(certificate, oid, i);
    ASN1_OBJECT_free(oid);

    if (i < 0) {
        return DMP_EXTENSION_NONE;
    }

    if (again >= 0) {
        return DMP_EXTENSION_WRONG;
    }

    *value = X509_EXTENSION_get_data(X509_get_ext(certificate, i));

    return DMP_EXTENSION_ONE;
}


dmp_extension_t
dmp_extension_number(const X509 *certificate, const char *oid,
    unsigned *number)
{
    bool                      read;
    int64_t                   n;
    ASN1_INTEGER             *integer;
    dmp_extension_t           found;
    const unsigned char      *p, *end;
    const ASN1_OCTET_STRING  *value;

    found = dmp_extension_find(certificate, oid, &value);

    if (found != DMP_EXTENSION_ONE) {
        return found;
    }

    p = ASN1_STRING_get0_data(value);
    end = p + ASN1_STRING_length(value);

    integer = d2i_ASN1_INTEGER(NULL, &p, ASN1_STRING_length(value));
    read = (integer != NULL && ASN1_INTEGER_get_int64(&n, integer) == 1);
    ASN1_INTEGER_free(integer);

    if (!read || p != end || n < 0 || n > 99) {
        return DMP_EXTENSION_WRONG;
    }

    *number = (unsigned) n;

    return DMP_EXTENSION_ONE;
}


dmp_extension_t
dmp_extension_text(const X509 *certificate, const char *oid, dmp_value_t *out)
{
    dmp_extension_t           found;
    const ASN1_TYPE          *element;
    ASN1_SEQUENCE_ANY        *list;
    const unsigned char      *p, *end;
    const ASN1_OCTET_STRING  *value;

    found = dmp_extension_find(certificate, oid, &value);

    if (found != DMP_EXTENSION_ONE) {
        return found;
    }

    p = ASN1_STRING_get0_data(value);
    end = p + ASN1_STRING_length(value);
    found = DMP_EXTENSION_WRONG;

    list = d2i_ASN1_SEQUENCE_ANY(NULL, &p, ASN1_STRING_length(value));

    if (list != NULL && p == end && sk_ASN1_TYPE_num(list) == 1) {
        element = sk_ASN1_TYPE_value(list, 0);

        if (ASN1_TYPE_get(element) == V_ASN1_UTF8STRING) {
            dmp_string_read(element->value.utf8string, out);

            if (out->state == DMP_VALUE_ONE) {
                found = DMP_EXTENSION_ONE;
            }
        }
    }

    sk_ASN1_TYPE_pop_free(list, ASN1_TYPE_free);

    return found;
}
