/*
 * dmp_identity.c: a client certificate to a subject: its chain by its issuer,
 * the card or structure that it is, and who has it.
 *
 * Sources: certificate layouts of IGC-Santé and IGC-CPS cards (one
 * multi-valued RDN with common name, surname and given name, then title or
 * organisational unit; a pseudonym on cards of staff without a name; the
 * structure's identifier as organisational unit), TRE_G02 for kinds of cards.
 */

#include <openssl/err.h>
#include <openssl/objects.h>

#include <dmp/dmp_ids.h>

#include "dmp_identity_int.h"


#define DMP_MAKES_PERSON  (DMP_MAKES_CPS | DMP_MAKES_CPF | DMP_MAKES_CPE)


bool
dmp_identity_keep(dmp_identity_t *id, dmp_str_t from, dmp_str_t *to)
{
    if (from.len > sizeof(id->text) - id->used) {
        return false;
    }

    *to = dmp_null_string;

    /* memcpy() takes no null pointer, not even for nothing */
    if (from.len != 0) {
        to->data = id->text + id->used;
        to->len = from.len;
        memcpy(id->text + id->used, from.data, from.len);
        id->used += from.len;
    }

    return true;
}


static bool
dmp_refuse(dmp_identity_t *out, const char *why)
{
    out->why = why;
    return false;
}


static bool
dmp_issuer_matches(const X509_NAME *issuer, const dmp_chain_t *chain)
{
    int                      n;
    unsigned                 i;
    const char              *type;
    dmp_value_t              value;
    const X509_NAME_ENTRY   *entry;
    const dmp_name_entry_t  *want;

    n = X509_NAME_entry_count(issuer);
    if (n < 0 || (unsigned) n != chain->n_entries) {
        return false;
    }

    for (i = 0; i < chain->n_entries; i++) {
        entry = X509_NAME_get_entry(issuer, (int) i);
        want = &chain->issuer[i];

        type = OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
        dmp_value_read(entry, &value);

        if (type == NULL || value.state != DMP_VALUE_ONE
            || !dmp_str_eq(want->type, (dmp_str_t) { type, strlen(type) })
            || !dmp_str_eq(want->value, dmp_value_str(&value)))
        {
            return false;
        }
    }

    return true;
}


static const dmp_chain_t *
dmp_chain_of(const dmp_policy_t *policy, const X509_NAME *issuer)
{
    size_t  i;

    for (i = 0; i < policy->n_chains; i++) {
        if (dmp_issuer_matches(issuer, &policy->chains[i])) {
            return &policy->chains[i];
        }
    }

    return NULL;
}


/* An organisations chain never makes a person, nor the reverse. */
static unsigned
dmp_chain_makes(const dmp_chain_t *chain)
{
    switch (chain->role) {

    case DMP_CHAIN_PERSONS:
        return chain->makes & (DMP_MAKES_PERSON | DMP_MAKES_CPE_ANONYMOUS);

    case DMP_CHAIN_ORGANISATIONS:
        return chain->makes & (DMP_MAKES_STRUCTURE | DMP_MAKES_CPE_ANONYMOUS);

    default:
        return 0;
    }
}


static inline bool
dmp_has_name(const dmp_name_t *name)
{
    return name->surname.state != DMP_VALUE_NONE
           || name->given_name.state != DMP_VALUE_NONE;
}


/* By what the card says of itself, a code of TRE_G02. */
static bool
dmp_card_by_type(unsigned type, const dmp_name_t *name, dmp_identity_t *out)
{
    switch (type) {

    case 0:
        out->card = DMP_MAKES_CPS;
        return true;

    case 1:
        out->card = DMP_MAKES_CPF;
        return true;

    case 2:
        out->card = dmp_has_name(name) ? DMP_MAKES_CPE
                                       : DMP_MAKES_CPE_ANONYMOUS;
        return true;

    case 3:
        return dmp_refuse(out, "it is a CPA, a card that stands for nobody "
                          "here");

    default:
        return dmp_refuse(out, "its card type is none that is known");
    }
}


/* By what its chain makes, and by which entries its name has. */
static bool
dmp_card_by_chain(const dmp_chain_t *chain, const dmp_name_t *name,
    dmp_identity_t *out)
{
    unsigned  cards;

    if (dmp_has_name(name)) {
        cards = dmp_chain_makes(chain) & DMP_MAKES_PERSON;

        if (cards == 0 && chain->role == DMP_CHAIN_ORGANISATIONS) {
            return dmp_refuse(out, "an organisations chain does not make a "
                              "person");
        }

        /* one bit, not none or several */
        if (cards == 0 || (cards & (cards - 1)) != 0) {
            return dmp_refuse(out, "it does not say which card it is");
        }

        out->card = cards;
        return true;
    }

    if (name->pseudonym.state != DMP_VALUE_NONE) {
        out->card = DMP_MAKES_CPE_ANONYMOUS;
        return true;
    }

    if (chain->role != DMP_CHAIN_ORGANISATIONS) {
        return dmp_refuse(out, "its name has no surname and given name");
    }

    out->card = DMP_MAKES_STRUCTURE;
    return true;
}


/* Whether the chain makes what it is; out->card must be known. */
static bool
dmp_card_is_made(const dmp_chain_t *chain, dmp_identity_t *out)
{
    if ((dmp_chain_makes(chain) & out->card) != 0) {
        return true;
    }

    switch (out->card) {

    case DMP_MAKES_CPE_ANONYMOUS:
        return dmp_refuse(out, "its issuer makes no CPE without a name");

    case DMP_MAKES_STRUCTURE:
        return dmp_refuse(out, "its issuer makes no certificates of "
                          "structures");

    default:
        break;
    }

    if (chain->role == DMP_CHAIN_ORGANISATIONS) {
        return dmp_refuse(out, "an organisations chain does not make a "
                          "person");
    }

    switch (out->card) {

    case DMP_MAKES_CPS:
        return dmp_refuse(out, "its issuer makes no CPS");

    case DMP_MAKES_CPF:
        return dmp_refuse(out, "its issuer makes no CPF");

    default:
        return dmp_refuse(out, "its issuer makes no CPE");
    }
}


/* Which card it is, with all that such a card's name has and nothing else. */
static bool
dmp_read_card(const dmp_chain_t *chain, const X509 *certificate,
    const dmp_name_t *name, dmp_identity_t *out)
{
    bool      known;
    unsigned  type;

    switch (dmp_extension_number(certificate, DMP_OID_CARD, &type)) {

    case DMP_EXTENSION_ONE:
        known = dmp_card_by_type(type, name, out);
        break;

    case DMP_EXTENSION_NONE:
        known = dmp_card_by_chain(chain, name, out);
        break;

    default:
        known = dmp_refuse(out, "its card type cannot be read");
    }

    if (!known || !dmp_card_is_made(chain, out)) {
        return false;
    }

    if ((out->card & DMP_MAKES_PERSON) != 0) {

        if (name->surname.state != DMP_VALUE_ONE
            || name->given_name.state != DMP_VALUE_ONE)
        {
            return dmp_refuse(out, "its name has no surname and given name");
        }

        if (name->pseudonym.state != DMP_VALUE_NONE) {
            return dmp_refuse(out, "it has both a name and a pseudonym");
        }
    }

    if (out->card == DMP_MAKES_CPE_ANONYMOUS
        && name->pseudonym.state != DMP_VALUE_ONE)
    {
        return dmp_refuse(out, "it has neither a name nor a pseudonym");
    }

    return true;
}


/* The structure it is of: its organisational unit. */
static bool
dmp_read_structure(const dmp_policy_t *policy, const dmp_name_t *name,
    dmp_identity_t *out)
{
    size_t       i;
    dmp_str_t    unit;
    const char  *fault;

    fault = dmp_name_unit_fault(name);

    if (fault != NULL) {
        return dmp_refuse(out, fault);
    }

    unit = dmp_value_str(&name->unit);

    if (unit.len == 0) {
        return dmp_refuse(out, "its name has no identifier of a structure");
    }

    if (!dmp_struct_id(unit)) {
        return dmp_refuse(out, "its organisational unit is not an identifier "
                          "of a structure (Struct_IdNat)");
    }

    for (i = 0; i < policy->n_feeders; i++) {
        if (dmp_str_eq(policy->feeders[i].structure, unit)) {
            out->subject.actor = DMP_ACTOR_FEEDER;
        }
    }

    return dmp_identity_keep(out, unit, &out->subject.used.structure)
           || dmp_refuse(out, "its values do not fit");
}


/* Their own identifier; of who has no name, one of their structure's. */
static bool
dmp_read_id(const dmp_name_t *name, dmp_identity_t *out)
{
    dmp_str_t    id;
    dmp_ps_id_t  form;

    id = dmp_value_str(&name->common_name);
    form = dmp_ps_id(id);

    if (form == DMP_PS_ID_NONE) {
        return dmp_refuse(out, "its common name is not a national identifier "
                          "(PS_IdNat)");
    }

    if (out->card == DMP_MAKES_CPE_ANONYMOUS && form != DMP_PS_ID_INTERNAL) {
        return dmp_refuse(out, "its common name is not an internal identifier "
                          "of its structure");
    }

    return dmp_identity_keep(out, id, &out->subject.id)
           || dmp_refuse(out, "its values do not fit");
}


/*
 * Who has the card.  One of staff is the person's own to present (direct),
 * which the functional tables have a column for; a structure's certificate is
 * presented by whoever works there.
 */
static bool
dmp_read_actor(const dmp_policy_t *policy, const X509 *certificate,
    const dmp_name_t *name, dmp_identity_t *out)
{
    dmp_subject_t  *subject;

    subject = &out->subject;

    switch (out->card) {

    case DMP_MAKES_CPS:
    case DMP_MAKES_CPF:
        subject->actor = DMP_ACTOR_PROFESSIONAL;
        subject->auth = DMP_AUTH_DIRECT;

        return dmp_read_id(name, out)
               && (dmp_identity_role(policy, certificate, name, out)
                   || dmp_refuse(out, "its values do not fit"));

    case DMP_MAKES_CPE:
    case DMP_MAKES_CPE_ANONYMOUS:
        subject->actor = DMP_ACTOR_STAFF;
        subject->auth = DMP_AUTH_DIRECT;

        return dmp_read_id(name, out)
               && dmp_read_structure(policy, name, out);

    case DMP_MAKES_STRUCTURE:
        subject->actor = DMP_ACTOR_STRUCTURE;
        subject->auth = DMP_AUTH_INDIRECT;

        if (!dmp_read_structure(policy, name, out)) {
            return false;
        }

        subject->id = subject->used.structure;
        return true;

    default:
        return dmp_refuse(out, "it is none of the cards that are known");
    }
}


/* Told of every certificate, rejected ones too; all of it fits. */
static void
dmp_read_origin(const X509 *certificate, dmp_identity_t *out)
{
    char         hex[DMP_SERIAL_MAX];
    size_t       len;
    dmp_value_t  issuer;

    len = dmp_certificate_serial(certificate, hex);
    (void) dmp_identity_keep(out, (dmp_str_t) { hex, len },
                             &out->subject.certificate_serial);

    dmp_value_find(X509_get_issuer_name(certificate), NID_commonName, &issuer);

    if (issuer.state == DMP_VALUE_NONE) {
        /* authorities of the older IGC-CPS have no common name */
        dmp_value_find(X509_get_issuer_name(certificate),
                       NID_organizationalUnitName, &issuer);
    }

    (void) dmp_identity_keep(out, dmp_value_str(&issuer),
                             &out->subject.certificate_issuer);
}


static bool
dmp_read_certificate(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out)
{
    dmp_name_t          name;
    const char         *fault;
    const dmp_chain_t  *chain;

    if (!dmp_certificate_dates(certificate, &out->not_before,
                               &out->not_after))
    {
        return dmp_refuse(out, "its dates cannot be read");
    }

    chain = dmp_chain_of(policy, X509_get_issuer_name(certificate));

    if (chain == NULL || dmp_chain_makes(chain) == 0) {
        return dmp_refuse(out, "its issuer has no role in the policy");
    }

    if (chain->test && !policy->settings.test_chains) {
        return dmp_refuse(out, "its issuer is a TEST authority, which the "
                          "policy does not accept (settings.test_chains)");
    }

    fault = dmp_certificate_fault(certificate);

    if (fault == NULL) {
        fault = dmp_name_read(X509_get_subject_name(certificate), &name);
    }

    if (fault != NULL) {
        return dmp_refuse(out, fault);
    }

    if (out->subject.certificate_serial.len == 0) {
        return dmp_refuse(out, "its serial number cannot be one");
    }

    return dmp_read_card(chain, certificate, &name, out)
           && dmp_read_actor(policy, certificate, &name, out);
}


void
dmp_identity_read(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out)
{
    dmp_str_t  serial, issuer;

    memset(out, 0, sizeof(dmp_identity_t));

    /* errors left in OpenSSL's queue would be those of the next connection */
    (void) ERR_set_mark();  /* fails on an empty queue: all of it is ours */

    dmp_read_origin(certificate, out);
    serial = out->subject.certificate_serial;
    issuer = out->subject.certificate_issuer;

    if (dmp_read_certificate(policy, certificate, out)) {
        out->subject.certificate = DMP_CREDENTIAL_VERIFIED;

    } else {
        out->card = 0;
        memset(&out->subject, 0, sizeof(dmp_subject_t));
        out->subject.certificate = DMP_CREDENTIAL_REJECTED;
        out->subject.certificate_serial = serial;
        out->subject.certificate_issuer = issuer;
    }

    (void) ERR_pop_to_mark();  /* without a mark it empties the queue */
}


bool
dmp_identity_in_date(const dmp_identity_t *identity, int64_t unix_sec)
{
    return identity->not_before <= unix_sec && unix_sec <= identity->not_after;
}
