/*
 * fuzz_identity.c: any bytes as a client certificate.  Whatever OpenSSL reads
 * as one names somebody only by an issuer that the policy has, as what that
 * issuer makes, and with the words of its own text.
 */

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <dmp/dmp_identity.h>
#include <dmp/dmp_ids.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define G15  "1.2.250.1.71.1.2.7"
#define G16  "1.2.250.1.71.1.2.8"

#define ISSUER(role, makes, test, unit, name)                                 \
    { role, makes, test,                                                      \
      { { dmp_string("C"), dmp_string("FR") },                                \
        { dmp_string("O"), dmp_string("ASIP-SANTE") },                        \
        { dmp_string("OU"), dmp_string("0002 187512751") },                   \
        { dmp_string("OU"), dmp_string(unit) },                               \
        { dmp_string("CN"), dmp_string(name) } }, 5 }

static dmp_chain_t  chains[] = {
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPS, true, "IGC-SANTE TEST",
           "TEST AC IGC-SANTE FORT PERSONNES"),
    ISSUER(DMP_CHAIN_ORGANISATIONS, DMP_MAKES_STRUCTURE, true,
           "IGC-SANTE TEST", "TEST AC IGC-SANTE FORT ORGANISATIONS"),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPS | DMP_MAKES_CPF, false,
           "IGC-SANTE", "AC IGC-SANTE FORT PERSONNES"),
    ISSUER(DMP_CHAIN_PERSONS, DMP_MAKES_CPE | DMP_MAKES_CPE_ANONYMOUS, false,
           "IGC-SANTE", "AC IGC-SANTE STANDARD PERSONNES"),
    ISSUER(DMP_CHAIN_ORGANISATIONS,
           DMP_MAKES_STRUCTURE | DMP_MAKES_CPE_ANONYMOUS, false,
           "IGC-SANTE", "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS")
};

#define N_CHAINS  (sizeof(chains) / sizeof(chains[0]))

static dmp_title_t  titles[] = {
    { dmp_string("M\xc3\xa9" "decin"), { dmp_string(G15), dmp_string("10") } },
    { dmp_string("Pharmacien"), { dmp_string(G15), dmp_string("21") } },
    { dmp_string("Etudiant"), { dmp_string(G16), dmp_string("10") } }
};

static dmp_profession_t  professions[] = {
    { { dmp_string(G15), dmp_string("10") }, dmp_string("-"),
      DMP_PROFESSION_DOCTOR, false, 0 },
    { { dmp_string(G15), dmp_string("21") }, dmp_string("-"),
      DMP_PROFESSION_HEALTH, false, 1 },
    { { dmp_string(G16), dmp_string("10") }, dmp_string("-"),
      DMP_PROFESSION_DOCTOR, true, 0 }
};

static dmp_feeder_t  feeders[] = {
    { dmp_string("-"), dmp_string("2180035024"), dmp_string("-") }
};

/* As much of a policy as names people. */
static dmp_policy_t  policy = {
    .chains = chains, .n_chains = N_CHAINS,
    .titles = titles, .n_titles = 3,
    .professions = professions, .n_professions = 3,
    .feeders = feeders, .n_feeders = 1
};


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


/* Inside the identity's own text, and without control characters. */
static void
must_be_ours(const dmp_identity_t *id, dmp_str_t s)
{
    size_t  i;

    must(s.len == 0 || (s.data >= id->text
                        && s.data + s.len <= id->text + id->used));

    for (i = 0; i < s.len; i++) {
        must((unsigned char) s.data[i] >= ' ' && s.data[i] != 0x7f);
    }
}


/* By its last value alone: the policy's five differ there. */
static const dmp_chain_t *
chain_of(X509 *certificate)
{
    int                     n;
    size_t                  i;
    dmp_str_t               cn;
    unsigned char          *utf8;
    const X509_NAME        *issuer;
    const dmp_chain_t      *found;
    const X509_NAME_ENTRY  *last;

    issuer = X509_get_issuer_name(certificate);
    n = X509_NAME_entry_count(issuer);
    last = X509_NAME_get_entry(issuer, n - 1);

    if (n != 5
        || OBJ_obj2nid(X509_NAME_ENTRY_get_object(last)) != NID_commonName)
    {
        return NULL;
    }

    utf8 = NULL;
    found = NULL;
    n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(last));

    for (i = 0; n > 0 && i < N_CHAINS; i++) {
        cn = (dmp_str_t) { (char *) utf8, (size_t) n };

        if (dmp_str_eq(cn, chains[i].issuer[4].value)) {
            found = &chains[i];
        }
    }

    OPENSSL_free(utf8);
    return found;
}


/* The role is one of the card's kind, or none. */
static void
check_person(const dmp_identity_t *id)
{
    const dmp_subject_t     *s;
    const dmp_profession_t  *p;

    s = &id->subject;
    p = dmp_policy_profession(&policy, s->role);

    must(s->actor == DMP_ACTOR_PROFESSIONAL && s->auth == DMP_AUTH_DIRECT);
    must(dmp_ps_id(s->id) != DMP_PS_ID_NONE && s->used.structure.len == 0);
    must((s->role.code.len == 0) == (s->role.system.len == 0));

    if (id->card == DMP_MAKES_CPF) {
        must(s->role.code.len == 0 || (p != NULL && p->training));
        must(s->role_settled);
    } else {
        must(p == NULL || !p->training);
        must(!dmp_str_eq(s->role.system, dmp_string(G16)));
        must(!s->role_settled || s->role.code.len == 0);
    }
}


static void
check_structure(const dmp_identity_t *id)
{
    bool                  feeds;
    const dmp_subject_t  *s;

    s = &id->subject;
    feeds = dmp_str_eq(s->used.structure, dmp_string("2180035024"));

    must(dmp_struct_id(s->used.structure));
    must(s->role.code.len == 0 && s->used.specialty.code.len == 0);
    must((s->actor == DMP_ACTOR_FEEDER) == feeds);

    if (id->card == DMP_MAKES_STRUCTURE) {
        must(feeds || s->actor == DMP_ACTOR_STRUCTURE);
        must(dmp_str_eq(s->id, s->used.structure));
        must(s->auth == DMP_AUTH_INDIRECT);

    } else {
        must(feeds || s->actor == DMP_ACTOR_STAFF);
        must(dmp_ps_id(s->id) != DMP_PS_ID_NONE);
        must(s->auth == DMP_AUTH_DIRECT);
    }
}


static void
check_verified(const dmp_identity_t *id, X509 *certificate)
{
    const dmp_chain_t  *chain;

    chain = chain_of(certificate);

    must(chain != NULL && (!chain->test || policy.settings.test_chains));
    must(id->card != 0 && (id->card & (id->card - 1)) == 0);
    must((id->card & chain->makes) != 0);
    must(id->subject.certificate_serial.len != 0);
    must(X509_check_ca(certificate) == 0);
    must((X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0);

    switch (id->card) {

    case DMP_MAKES_CPS:
    case DMP_MAKES_CPF:
        must(chain->role == DMP_CHAIN_PERSONS);
        check_person(id);
        break;

    case DMP_MAKES_CPE:
        must(chain->role == DMP_CHAIN_PERSONS);
        check_structure(id);
        break;

    case DMP_MAKES_STRUCTURE:
        must(chain->role == DMP_CHAIN_ORGANISATIONS);
        check_structure(id);
        break;

    default:
        must(id->card == DMP_MAKES_CPE_ANONYMOUS);
        must(dmp_ps_id(id->subject.id) == DMP_PS_ID_INTERNAL);
        check_structure(id);
    }
}


static void
check(const dmp_identity_t *id, X509 *certificate)
{
    const dmp_subject_t  *s;

    s = &id->subject;

    must(id->used <= sizeof(id->text));
    must_be_ours(id, s->id);
    must_be_ours(id, s->role.system);
    must_be_ours(id, s->role.code);
    must_be_ours(id, s->used.structure);
    must_be_ours(id, s->used.specialty.system);
    must_be_ours(id, s->used.specialty.code);
    must_be_ours(id, s->certificate_serial);
    must_be_ours(id, s->certificate_issuer);
    must(s->used.sector.code.len == 0 && s->used.activity.code.len == 0);
    must(s->ins.len == 0 && s->n_other_ids == 0 && s->n_situations == 0);
    must(s->regulator == DMP_REGULATOR_UNKNOWN);
    must(s->token == DMP_CREDENTIAL_ABSENT);
    must((s->certificate == DMP_CREDENTIAL_VERIFIED) == (id->why == NULL));

    if (s->certificate == DMP_CREDENTIAL_VERIFIED) {
        check_verified(id, certificate);
        return;
    }

    must(s->certificate == DMP_CREDENTIAL_REJECTED && id->card == 0);
    must(s->actor == DMP_ACTOR_NONE && s->id.len == 0);
    must(s->role.code.len == 0 && s->used.structure.len == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                   i;
    X509                 *certificate;
    const unsigned char  *p;

    static dmp_identity_t   first, again;

    p = data;
    certificate = d2i_X509(NULL, &p, (long) size);
    ERR_clear_error();

    if (certificate == NULL) {
        return 0;
    }

    for (i = 0; i < 2; i++) {
        policy.settings.test_chains = (i == 1);

        memset(&first, 0xff, sizeof(first));
        dmp_identity_read(&policy, certificate, &first);
        check(&first, certificate);
        memcpy(&again, &first, sizeof(first));

        memset(&first, 0, sizeof(first));
        dmp_identity_read(&policy, certificate, &first);
        must(memcmp(&first, &again, sizeof(first)) == 0);
        must(ERR_peek_error() == 0);
    }

    X509_free(certificate);

    return 0;
}
