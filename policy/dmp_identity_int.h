/*
 * dmp_identity_int.h: what the reader of certificates shares among its files:
 * dmp_certificate.c reads values and knows no cards, dmp_identity.c says which
 * card it is and whose, dmp_identity_role.c what they are by profession.
 */

#ifndef DMP_IDENTITY_INT_H
#define DMP_IDENTITY_INT_H

#include <openssl/x509.h>

#include <dmp/dmp_identity.h>


#define DMP_VALUE_MAX       256          /* bytes, as UTF-8 */

#define DMP_OID_CARD        "1.2.250.1.71.1.2.2"  /* TRE_G02 */
#define DMP_OID_PROFESSION  "1.2.250.1.71.1.2.7"  /* TRE_G15 */
#define DMP_OID_TRAINING    "1.2.250.1.71.1.2.8"  /* TRE_G16 */
#define DMP_OID_SPECIALTY   "1.2.250.1.71.4.2.5"  /* TRE_R01 */

/* What came of looking for a value.  Those before NONE are its faults. */
typedef enum {
    DMP_VALUE_NOT_TEXT = 0,              /* not of its string type, or empty */
    DMP_VALUE_TWICE,
    DMP_VALUE_LONG,
    DMP_VALUE_CONTROL,                   /* a NUL or a control character */
    DMP_VALUE_NONE,
    DMP_VALUE_ONE
} dmp_value_state_t;

typedef struct {
    dmp_value_state_t  state;
    size_t             len;              /* 0 unless ONE */
    char               data[DMP_VALUE_MAX];      /* UTF-8 */
} dmp_value_t;

/* The entries of a name that say who it is. */
typedef struct {
    dmp_value_t  common_name;
    dmp_value_t  surname;
    dmp_value_t  given_name;
    dmp_value_t  title;
    dmp_value_t  pseudonym;
    dmp_value_t  unit;
} dmp_name_t;

/* An extension, found or not; the zero value is one that cannot be read. */
typedef enum {
    DMP_EXTENSION_WRONG = 0,
    DMP_EXTENSION_NONE,
    DMP_EXTENSION_ONE
} dmp_extension_t;


static inline dmp_str_t
dmp_value_str(const dmp_value_t *value)
{
    return (dmp_str_t) { value->data, value->len };
}


/* The value of one entry. */
void dmp_value_read(const X509_NAME_ENTRY *entry, dmp_value_t *out);

/* The value of the one entry of that type (NID). */
void dmp_value_find(const X509_NAME *name, int nid, dmp_value_t *out);

/*
 * All that is in dmp_name_t.  NULL, or what is wrong with one of them; faults
 * of "unit" are left to the caller, since not every card has it mean much.
 */
const char *dmp_name_read(const X509_NAME *name, dmp_name_t *out);

/* What is wrong with "unit", where it counts. */
const char *dmp_name_unit_fault(const dmp_name_t *name);

/*
 * NULL if the certificate is one to authenticate with: no authority, a key
 * and a use that fit, no extension twice, unknown and critical, or invalid.
 */
const char *dmp_certificate_fault(X509 *certificate);

/* False if they are not what RFC 5280 (4.1.2.5) allows. */
bool dmp_certificate_dates(const X509 *certificate, int64_t *not_before,
    int64_t *not_after);

/* The serial number as hex; 0 if it is negative or beyond 20 octets. */
#define DMP_SERIAL_MAX  (2 * 20)
size_t dmp_certificate_serial(const X509 *certificate,
    char hex[DMP_SERIAL_MAX]);

/* An extension that is one INTEGER and nothing else, 0 to 99. */
dmp_extension_t dmp_extension_number(const X509 *certificate, const char *oid,
    unsigned *number);

/*
 * An extension that is a SEQUENCE OF UTF8String and nothing else: its only
 * element.  NONE if there is no extension; WRONG if it has none or several.
 */
dmp_extension_t dmp_extension_text(const X509 *certificate, const char *oid,
    dmp_value_t *out);

/* Copies into the identity's own text; false if it does not fit. */
bool dmp_identity_keep(dmp_identity_t *id, dmp_str_t from, dmp_str_t *to);

/* Profession and specialty of a card with a name; false: it does not fit. */
bool dmp_identity_role(const dmp_policy_t *policy, const X509 *certificate,
    const dmp_name_t *name, dmp_identity_t *out);

#endif
