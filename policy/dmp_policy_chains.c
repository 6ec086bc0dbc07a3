/*
 * dmp_policy_chains.c: whose certificates are taken, and for what: the
 * issuers, what each may make, which of them are TEST authorities, and the
 * structures that only feed.
 */

#include <openssl/objects.h>

#include <dmp/dmp_ids.h>

#include "dmp_policy_int.h"


#define DMP_CHAINS_MAX   64
#define DMP_FEEDERS_MAX  256


/* What a certificate may be, and the role of the chains that make it. */
static const struct {
    const char        *word;
    unsigned           makes;
    dmp_chain_role_t   role;             /* NONE: either */
} dmp_policy_made[] = {
    { "cps", DMP_MAKES_CPS, DMP_CHAIN_PERSONS },
    { "cpf", DMP_MAKES_CPF, DMP_CHAIN_PERSONS },
    { "cpe", DMP_MAKES_CPE, DMP_CHAIN_PERSONS },
    { "cpe-anonymous", DMP_MAKES_CPE_ANONYMOUS, DMP_CHAIN_NONE },
    { "structure", DMP_MAKES_STRUCTURE, DMP_CHAIN_ORGANISATIONS }
};

#define DMP_POLICY_MADE                                                       \
    (sizeof(dmp_policy_made) / sizeof(dmp_policy_made[0]))


/* Persons and organisations never mix, whatever the file says. */
static bool
dmp_policy_make(dmp_policy_reader_t *r, json_t *value, dmp_chain_t *chain)
{
    size_t      i;
    dmp_str_t   word;

    if (!dmp_policy_string(r, value, &word)) {
        return false;
    }

    for (i = 0; i < DMP_POLICY_MADE; i++) {
        if (strcmp(dmp_policy_made[i].word, word.data) == 0) {
            break;
        }
    }

    if (i == DMP_POLICY_MADE) {
        return dmp_policy_error(r, "\"%s\" is nothing that a chain makes: it "
                                "is \"cps\", \"cpf\", \"cpe\", "
                                "\"cpe-anonymous\" or \"structure\"",
                                dmp_policy_word(word).text);
    }

    if (dmp_policy_made[i].role != DMP_CHAIN_NONE
        && dmp_policy_made[i].role != chain->role)
    {
        return dmp_policy_error(r, "a chain of %s does not make \"%s\"",
                                chain->role == DMP_CHAIN_PERSONS
                                ? "persons" : "organisations",
                                dmp_policy_word(word).text);
    }

    if ((chain->makes & dmp_policy_made[i].makes) != 0) {
        return dmp_policy_error(r, "\"%s\" is given twice",
                                dmp_policy_word(word).text);
    }

    chain->makes |= dmp_policy_made[i].makes;

    return true;
}


static bool
dmp_policy_makes(dmp_policy_reader_t *r, json_t *value, dmp_chain_t *chain)
{
    size_t   i;
    json_t  *list, *word;

    if (!dmp_policy_list(r, value, "makes", 1, DMP_POLICY_MADE, &list)) {
        return false;
    }

    json_array_foreach(list, i, word) {
        dmp_policy_at(r, i);

        if (!dmp_policy_make(r, word, chain)) {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);
    return true;
}


/* A pair ["CN", "…"]. */
static bool
dmp_policy_name_entry(dmp_policy_reader_t *r, json_t *value,
    dmp_name_entry_t *entry)
{
    size_t      i;
    dmp_str_t  *half[2];

    if (!json_is_array(value) || json_array_size(value) != 2) {
        return dmp_policy_error(r, "an element of \"issuer\" is not a pair "
                                "[\"type\", \"value\"]");
    }

    half[0] = &entry->type;
    half[1] = &entry->value;

    for (i = 0; i < 2; i++) {
        dmp_policy_at(r, i);

        if (!dmp_policy_string(r, json_array_get(value, i), half[i])) {
            return false;
        }

        /* a type that no certificate has: the chain would never match */

        if (i == 0 && OBJ_sn2nid(entry->type.data) == NID_undef) {
            return dmp_policy_error(r, "\"%s\" is not a type of name entry, as "
                                    "\"CN\" is",
                                    dmp_policy_word(entry->type).text);
        }

        dmp_policy_up(r);
    }

    return true;
}


static bool
dmp_policy_issuer(dmp_policy_reader_t *r, json_t *value, dmp_chain_t *chain)
{
    size_t   i;
    json_t  *list, *entry;

    if (!dmp_policy_list(r, value, "issuer", 1, DMP_NAME_ENTRIES, &list)) {
        return false;
    }

    json_array_foreach(list, i, entry) {
        dmp_policy_at(r, i);

        if (!dmp_policy_name_entry(r, entry, &chain->issuer[i])) {
            return false;
        }

        dmp_policy_up(r);
        chain->n_entries++;
    }

    dmp_policy_up(r);
    return true;
}


/* "TEST AC …", "… TEST": how the test authorities are named. */
static bool
dmp_policy_test_name(dmp_str_t value)
{
    size_t  n;

    static const char  first[] = "TEST ", last[] = " TEST";

    n = sizeof(first) - 1;

    return value.len >= n
           && (memcmp(value.data, first, n) == 0
               || memcmp(value.data + value.len - n, last, n) == 0);
}


/* Not marked, a TEST authority would be taken for one of production. */
static bool
dmp_policy_test_marked(dmp_policy_reader_t *r, const dmp_chain_t *chain)
{
    unsigned  i;

    for (i = 0; i < chain->n_entries && !chain->test; i++) {
        if (!dmp_policy_test_name(chain->issuer[i].value)) {
            continue;
        }

        dmp_policy_into(r, "issuer");
        dmp_policy_at(r, i);
        dmp_policy_at(r, 1);

        return dmp_policy_error(r, "\"%s\" names a TEST authority, and the "
                                "chain does not say \"test\": true",
                                dmp_policy_word(chain->issuer[i].value).text);
    }

    return true;
}


static bool
dmp_policy_chain(dmp_policy_reader_t *r, json_t *value, dmp_chain_t *chain)
{
    unsigned  role;

    static const char *const  members[] = { "role", "makes", "issuer", "test",
                                            NULL };
    static const char *const  roles[] = { "persons", "organisations", NULL };

    role = 0;

    if (!dmp_policy_object(r, value, members, 3)
        || !dmp_policy_choice(r, value, "role", roles, &role))
    {
        return false;
    }

    chain->role = role == 0 ? DMP_CHAIN_PERSONS : DMP_CHAIN_ORGANISATIONS;

    return dmp_policy_makes(r, value, chain)
           && dmp_policy_issuer(r, value, chain)
           && dmp_policy_bool(r, value, "test", &chain->test)
           && dmp_policy_test_marked(r, chain);
}


static bool
dmp_policy_same_issuer(const dmp_chain_t *a, const dmp_chain_t *b)
{
    unsigned  i;

    if (a->n_entries != b->n_entries) {
        return false;
    }

    for (i = 0; i < a->n_entries; i++) {
        if (!dmp_str_eq(a->issuer[i].type, b->issuer[i].type)
            || !dmp_str_eq(a->issuer[i].value, b->issuer[i].value))
        {
            return false;
        }
    }

    return true;
}


/* An issuer has one role: the second one would never be looked at. */
static bool
dmp_policy_chain_once(dmp_policy_reader_t *r, const dmp_chain_t *chain)
{
    const dmp_chain_t  *other;

    for (other = r->policy->chains; other < chain; other++) {
        if (dmp_policy_same_issuer(other, chain)) {
            dmp_policy_into(r, "issuer");

            return dmp_policy_error(r, "the issuer that ends with \"%s\" is "
                       "given twice",
                       dmp_policy_word(chain->issuer[chain->n_entries - 1]
                                       .value).text);
        }
    }

    return true;
}


bool
dmp_policy_chains(dmp_policy_reader_t *r, json_t *root)
{
    size_t        i;
    json_t       *list, *value;
    dmp_chain_t  *chains;

    if (!dmp_policy_list(r, root, "chains", 1, DMP_CHAINS_MAX, &list)) {
        return false;
    }

    chains = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_chain_t));

    if (chains == NULL) {
        return false;
    }

    r->policy->chains = chains;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_chain(r, value, &chains[i])
            || !dmp_policy_chain_once(r, &chains[i]))
        {
            return false;
        }

        dmp_policy_up(r);
        r->policy->n_chains++;
    }

    dmp_policy_up(r);
    return true;
}


/* A structure feeds or it does not: once. */
static bool
dmp_policy_feeder(dmp_policy_reader_t *r, json_t *value,
    dmp_feeder_t *feeder)
{
    const dmp_feeder_t  *other;

    static const char *const  members[] = { "name", "structure", "source",
                                            NULL };

    if (!dmp_policy_object(r, value, members, 3)
        || !dmp_policy_text(r, value, "name", &feeder->name)
        || !dmp_policy_text(r, value, "structure", &feeder->structure)
        || !dmp_policy_text(r, value, "source", &feeder->source))
    {
        return false;
    }

    dmp_policy_into(r, "structure");

    if (!dmp_struct_id(feeder->structure)) {
        return dmp_policy_error(r, "\"%s\" is not a Struct_IdNat: \"2\" and a "
                                "SIREN, say",
                                dmp_policy_word(feeder->structure).text);
    }

    for (other = r->policy->feeders; other < feeder; other++) {
        if (dmp_str_eq(other->structure, feeder->structure)) {
            return dmp_policy_error(r, "the structure \"%s\" is given twice",
                                    dmp_policy_word(feeder->structure).text);
        }
    }

    dmp_policy_up(r);
    return true;
}


bool
dmp_policy_feeders(dmp_policy_reader_t *r, json_t *root)
{
    size_t         i;
    json_t        *list, *value;
    dmp_feeder_t  *feeders;

    if (json_object_get(root, "feeders") == NULL) {
        return true;
    }

    if (!dmp_policy_list(r, root, "feeders", 0, DMP_FEEDERS_MAX, &list)) {
        return false;
    }

    feeders = dmp_policy_alloc(r, json_array_size(list),
                               sizeof(dmp_feeder_t));

    if (feeders == NULL) {
        return false;
    }

    r->policy->feeders = feeders;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_feeder(r, value, &feeders[i])) {
            return false;
        }

        dmp_policy_up(r);
        r->policy->n_feeders++;
    }

    dmp_policy_up(r);
    return true;
}
