/*
 * fuzz_identity.c: any bytes as a client certificate.  Whatever OpenSSL reads
 * as one names somebody only by an issuer that the policy has.
 */

#include <stdlib.h>

#include <openssl/err.h>

#include <dmp/dmp_identity.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define SUFFIX                                                                \
    { dmp_string("C"), dmp_string("FR") },                                    \
    { dmp_string("O"), dmp_string("ASIP-SANTE") },                            \
    { dmp_string("OU"), dmp_string("0002 187512751") },                       \
    { dmp_string("OU"), dmp_string("IGC-SANTE TEST") }

static dmp_chain_t  chains[] = {
    { DMP_CHAIN_PERSONS,
      { SUFFIX, { dmp_string("CN"),
                  dmp_string("TEST AC IGC-SANTE FORT PERSONNES") } }, 5 },
    { DMP_CHAIN_ORGANISATIONS,
      { SUFFIX, { dmp_string("CN"),
                  dmp_string("TEST AC IGC-SANTE FORT ORGANISATIONS") } }, 5 }
};

static dmp_title_t  titles[] = {
    { dmp_string("M\xc3\xa9" "decin"),
      { dmp_string("1.2.250.1.71.1.2.7"), dmp_string("10") } }
};

/* As much of a policy as names people. */
static const dmp_policy_t  policy = {
    .chains = chains, .n_chains = 2, .titles = titles, .n_titles = 1
};


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static bool
is_inside(const dmp_identity_t *id, dmp_str_t s)
{
    return s.len == 0 || (s.data >= id->text
                          && s.data + s.len <= id->text + id->used);
}


/* The last value of the issuer's name is one of the policy's two. */
static bool
is_ours(X509 *certificate)
{
    int                     n;
    const X509_NAME        *issuer;
    const ASN1_STRING      *value;
    const X509_NAME_ENTRY  *last;

    static const char  persons[] = "TEST AC IGC-SANTE FORT PERSONNES";
    static const char  organisations[] =
        "TEST AC IGC-SANTE FORT ORGANISATIONS";

    issuer = X509_get_issuer_name(certificate);
    n = X509_NAME_entry_count(issuer);
    if (n != 5) {
        return false;
    }

    last = X509_NAME_get_entry(issuer, n - 1);
    value = X509_NAME_ENTRY_get_data(last);

    if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(last)) != NID_commonName) {
        return false;
    }

    if (ASN1_STRING_type(value) == V_ASN1_BMPSTRING
        || ASN1_STRING_type(value) == V_ASN1_UNIVERSALSTRING)
    {
        return true;                     /* its bytes are not comparable */
    }

    n = ASN1_STRING_length(value);

    return (n == (int) sizeof(persons) - 1
            && memcmp(ASN1_STRING_get0_data(value), persons,
                      sizeof(persons) - 1) == 0)
           || (n == (int) sizeof(organisations) - 1
               && memcmp(ASN1_STRING_get0_data(value), organisations,
                         sizeof(organisations) - 1) == 0);
}


static void
check(const dmp_identity_t *id, X509 *certificate)
{
    const dmp_subject_t  *s;

    s = &id->subject;

    must(id->used <= sizeof(id->text));
    must(is_inside(id, s->id));
    must(is_inside(id, s->role.code));
    must(is_inside(id, s->used.structure));
    must(is_inside(id, s->certificate_serial));
    must(is_inside(id, s->certificate_issuer));
    must(s->token == DMP_CREDENTIAL_ABSENT);
    must((s->certificate == DMP_CREDENTIAL_VERIFIED) == (id->why == NULL));

    if (s->certificate != DMP_CREDENTIAL_VERIFIED) {
        must(s->certificate == DMP_CREDENTIAL_REJECTED);
        return;
    }

    must(s->id.len != 0 && s->certificate_serial.len != 0);
    must(memchr(s->id.data, '\0', s->id.len) == NULL);
    must(is_ours(certificate));

    if (s->actor == DMP_ACTOR_PROFESSIONAL) {
        must(s->id.len == 12 && s->id.data[0] == '8');
        must(s->auth == DMP_AUTH_DIRECT);

    } else {
        must(s->actor == DMP_ACTOR_STRUCTURE && s->role.code.len == 0);
        must(s->auth == DMP_AUTH_INDIRECT);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    X509                 *certificate;
    const unsigned char  *p;

    static dmp_identity_t   first, again;

    p = data;
    certificate = d2i_X509(NULL, &p, (long) size);
    ERR_clear_error();

    if (certificate == NULL) {
        return 0;
    }

    memset(&first, 0xff, sizeof(first));
    dmp_identity_read(&policy, certificate, &first);
    check(&first, certificate);
    memcpy(&again, &first, sizeof(first));

    memset(&first, 0, sizeof(first));
    dmp_identity_read(&policy, certificate, &first);
    must(memcmp(&first, &again, sizeof(first)) == 0);
    must(ERR_peek_error() == 0);

    X509_free(certificate);

    return 0;
}
