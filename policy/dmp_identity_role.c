/*
 * dmp_identity_role.c: profession and specialty of who has a card.  A card
 * says the profession in up to four places; where they contradict each other
 * it is unknown, and no right rests on it.
 *
 * Sources: TRE_G15, TRE_G16 and TRE_R01 for the codes; the title of IGC-Santé
 * cards and the organisational unit of older ones for the words.
 */

#include "dmp_identity_int.h"


#define DMP_SPECIALTY_MAX  16            /* bytes of a code of TRE_R01 */

typedef struct {
    const dmp_policy_t  *policy;
    bool                 training;       /* the card is a CPF */
    bool                 contradicted;
    dmp_code_t           code;           /* empty: nothing said so far */
} dmp_role_t;

typedef struct {
    dmp_extension_t  state;
    size_t           len;
    char             data[2];
} dmp_digits_t;


/* A code of two digits, as TRE_G15 and TRE_G16 have them. */
static void
dmp_digits_read(const X509 *certificate, const char *oid, dmp_digits_t *out)
{
    unsigned  number;

    number = 0;
    out->state = dmp_extension_number(certificate, oid, &number);
    out->len = sizeof(out->data);
    out->data[0] = (char) ('0' + number / 10);
    out->data[1] = (char) ('0' + number % 10);

    if (out->state == DMP_EXTENSION_ONE && number < 10) {
        out->state = DMP_EXTENSION_WRONG;
    }
}


/* The profession in training that leads to that one; NULL unless just one. */
static const dmp_profession_t *
dmp_training_for(const dmp_policy_t *policy, dmp_code_t code)
{
    size_t                   i;
    const dmp_profession_t  *read, *found, *p;

    read = dmp_policy_profession(policy, code);

    if (read == NULL || read->training) {
        return read;
    }

    found = NULL;

    for (i = 0; i < policy->n_professions; i++) {
        p = &policy->professions[i];

        if (!p->training || p->row != read->row) {
            continue;
        }

        if (found != NULL) {
            return NULL;
        }

        found = p;
    }

    return found;
}


/* One more place that says a profession: it must say the same. */
static void
dmp_role_add(dmp_role_t *role, dmp_code_t code)
{
    const dmp_profession_t  *p;

    if (role->training) {
        p = dmp_training_for(role->policy, code);

        if (p == NULL) {
            role->contradicted = true;
            return;
        }

        code = p->code;

    } else {
        p = dmp_policy_profession(role->policy, code);

        if (p != NULL && p->training) {
            role->contradicted = true;
            return;
        }
    }

    if (role->code.code.len == 0) {
        role->code = code;

    } else if (!dmp_str_eq(role->code.code, code.code)
               || !dmp_str_eq(role->code.system, code.system))
    {
        role->contradicted = true;
    }
}


/* A word that the policy does not have for a profession says nothing. */
static void
dmp_role_add_word(dmp_role_t *role, const dmp_value_t *word)
{
    size_t              i;
    const dmp_title_t  *title;

    if (word->state == DMP_VALUE_TWICE) {
        role->contradicted = true;
        return;
    }

    if (word->state != DMP_VALUE_ONE) {
        return;
    }

    for (i = 0; i < role->policy->n_titles; i++) {
        title = &role->policy->titles[i];

        if (dmp_str_eq(title->title, dmp_value_str(word))) {
            dmp_role_add(role, title->profession);
            return;
        }
    }
}


static void
dmp_role_add_digits(dmp_role_t *role, const dmp_digits_t *digits,
    dmp_str_t system)
{
    switch (digits->state) {

    case DMP_EXTENSION_NONE:
        return;

    case DMP_EXTENSION_ONE:
        dmp_role_add(role, (dmp_code_t) { system,
                                          { digits->data, digits->len } });
        return;

    default:
        role->contradicted = true;
    }
}


static bool
dmp_read_profession(const dmp_policy_t *policy, const X509 *certificate,
    const dmp_name_t *name, dmp_identity_t *out)
{
    dmp_role_t    role;
    dmp_digits_t  practised, learnt;

    role = (dmp_role_t) { .policy = policy,
                          .training = (out->card == DMP_MAKES_CPF) };

    dmp_digits_read(certificate, DMP_OID_PROFESSION, &practised);
    dmp_digits_read(certificate, DMP_OID_TRAINING, &learnt);

    dmp_role_add_digits(&role, &practised, dmp_string(DMP_OID_PROFESSION));
    dmp_role_add_word(&role, &name->title);
    dmp_role_add_word(&role, &name->unit);

    /* in training, whether the policy knows that code or not */

    if (learnt.state != DMP_EXTENSION_NONE && !role.training) {
        role.contradicted = true;
    }

    dmp_role_add_digits(&role, &learnt, dmp_string(DMP_OID_TRAINING));

    out->subject.role_settled = (role.contradicted || role.training);

    if (role.contradicted || role.code.code.len == 0) {
        return true;
    }

    return dmp_identity_keep(out, role.code.system, &out->subject.role.system)
           && dmp_identity_keep(out, role.code.code, &out->subject.role.code);
}


static bool
dmp_read_specialty(const X509 *certificate, dmp_identity_t *out)
{
    char         c;
    size_t       i;
    dmp_code_t  *specialty;
    dmp_value_t  value;

    if (dmp_extension_text(certificate, DMP_OID_SPECIALTY, &value)
            != DMP_EXTENSION_ONE
        || value.len > DMP_SPECIALTY_MAX)
    {
        return true;
    }

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
            return true;
        }
    }

    specialty = &out->subject.used.specialty;

    return dmp_identity_keep(out, dmp_string(DMP_OID_SPECIALTY),
                             &specialty->system)
           && dmp_identity_keep(out, dmp_value_str(&value), &specialty->code);
}


bool
dmp_identity_role(const dmp_policy_t *policy, const X509 *certificate,
    const dmp_name_t *name, dmp_identity_t *out)
{
    return dmp_read_profession(policy, certificate, name, out)
           && dmp_read_specialty(certificate, out);
}
