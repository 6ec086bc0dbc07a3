/*
 * case_read_who.c: who asks, and what is asked, as a case tells it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "case_int.h"


static const case_member_t  case_situation_members[] = {
    { "sector", case_code, offsetof(dmp_situation_t, sector), NULL },
    { "activity", case_code, offsetof(dmp_situation_t, activity), NULL },
    { "specialty", case_code, offsetof(dmp_situation_t, specialty), NULL },
    { "structure", case_text, offsetof(dmp_situation_t, structure), NULL },
    CASE_END
};


static bool
case_situation(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    return case_object(r, path, value, case_situation_members, out);
}


static bool
case_situations(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    char            name[CASE_PATH_MAX];
    size_t          i, n;
    dmp_subject_t  *subject;

    (void) m;
    subject = out;
    n = json_array_size(value);

    if (!json_is_array(value)) {
        return case_error(r, path, "not a list");
    }

    if (n == 0) {
        return true;
    }

    r->c->situations = calloc(n, sizeof(dmp_situation_t));

    if (r->c->situations == NULL) {
        return case_error(r, path, "no memory");
    }

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%s[%zu]", path, i);

        if (!case_object(r, name, json_array_get(value, i),
                         case_situation_members, &r->c->situations[i]))
        {
            return false;
        }
    }

    subject->situations = r->c->situations;
    subject->n_situations = n;

    return true;
}


static bool
case_other_ids(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_subject_t  *subject;

    (void) m;
    subject = out;

    return case_texts(r, path, value, subject->other_ids, DMP_SUBJECT_IDS,
                      &subject->n_other_ids);
}


#define SUBJECT(name, read, member, names)                                   \
    { name, read, offsetof(dmp_subject_t, member), names }

static const case_member_t  case_subject_members[] = {
    SUBJECT("certificate", case_name, certificate, &dmp_credential_names),
    SUBJECT("token", case_name, token, &dmp_credential_names),
    SUBJECT("actor", case_name, actor, &dmp_actor_names),
    SUBJECT("auth", case_name, auth, &dmp_auth_names),
    SUBJECT("id", case_text, id, NULL),
    { "other_ids", case_other_ids, 0, NULL },
    SUBJECT("ins", case_text, ins, NULL),
    SUBJECT("role", case_code, role, NULL),
    SUBJECT("situation", case_situation, used, NULL),
    { "situations", case_situations, 0, NULL },
    SUBJECT("regulator", case_name, regulator, &dmp_regulator_names),
    CASE_END
};


bool
case_subject(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    case_t  *c;

    (void) m;
    c = out;

    return case_object(r, path, value, case_subject_members, &c->subject);
}


static const case_member_t  case_traits_members[] = {
    { "family", case_text, offsetof(dmp_traits_t, family), NULL },
    { "given", case_text, offsetof(dmp_traits_t, given), NULL },
    { "birthdate", case_text, offsetof(dmp_traits_t, birthdate), NULL },
    CASE_END
};


static bool
case_traits(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    return case_object(r, path, value, case_traits_members, out);
}


static bool
case_target_ids(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    dmp_request_t  *request;

    (void) m;
    request = out;

    return case_texts(r, path, value, request->target_ids, DMP_SUBJECT_IDS,
                      &request->n_target_ids);
}


/* true or false; left out it was not given. */
static bool
case_choice(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    bool  yes;

    yes = false;

    if (!case_flag(r, path, value, m, &yes)) {
        return false;
    }

    *(dmp_choice_t *) out = yes ? DMP_CHOICE_YES : DMP_CHOICE_NO;

    return true;
}


static const case_member_t  case_emergency_members[] = {
    { "bris_de_glace", case_choice, offsetof(dmp_emergency_t, bris_de_glace),
      NULL },
    { "centre_15", case_choice, offsetof(dmp_emergency_t, centre_15), NULL },
    { "masked", case_choice, offsetof(dmp_emergency_t, masked), NULL },
    CASE_END
};

static const case_member_t  case_contact_members[] = {
    { "email", case_text, offsetof(dmp_contact_t, email), NULL },
    { "phone", case_text, offsetof(dmp_contact_t, phone), NULL },
    { "prefer", case_text, offsetof(dmp_contact_t, prefer), NULL },
    CASE_END
};


static bool
case_emergency(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    return case_object(r, path, value, case_emergency_members, out);
}


static bool
case_contact(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    return case_object(r, path, value, case_contact_members, out);
}


/* By the number of their bit: DMP_OFFERS_…, DMP_EFFECT_… */
static const char *const  case_offer_words[] = {
    "normal", "bris-de-glace", "centre-15"
};

static const char *const  case_effect_words[] = {
    "mask", "unmask", "hide", "show", "delete", "supersede", "archive",
    "unarchive", [15] = "other"
};

static const dmp_names_t  case_offers = { case_offer_words, 3 };
static const dmp_names_t  case_effects = { case_effect_words, 16 };

_Static_assert(DMP_OFFERS_CENTRE_15 == 1 << 2, "the third word");
_Static_assert(DMP_EFFECT_UNARCHIVE == 1 << 7, "the eighth word");
_Static_assert(DMP_EFFECT_OTHER == 1 << 15, "the last word");

#define REQUEST(name, read, member, names)                                   \
    { name, read, offsetof(dmp_request_t, member), names }

static const case_member_t  case_request_members[] = {
    REQUEST("mapping", case_name, mapping, &dmp_mapping_names),
    REQUEST("operation", case_name, operation, &dmp_operation_names),
    REQUEST("mode", case_name, mode, &dmp_mode_names),
    REQUEST("offers", case_bits, offers, &case_offers),
    REQUEST("channel", case_name, channel, &dmp_channel_names),
    REQUEST("ins", case_text, ins, NULL),
    REQUEST("document", case_text, document, NULL),
    REQUEST("attachment", case_text, attachment, NULL),
    REQUEST("justification", case_text, justification, NULL),
    REQUEST("traits", case_traits, traits, NULL),
    REQUEST("change", case_name, change, &dmp_change_names),
    REQUEST("target", case_text, target, NULL),
    { "target_ids", case_target_ids, 0, NULL },
    REQUEST("until", case_day, until, NULL),
    REQUEST("emergency", case_emergency, emergency, NULL),
    REQUEST("mask_by_default", case_choice, mask_by_default, NULL),
    REQUEST("contact", case_contact, contact, NULL),
    REQUEST("consent", case_flag, consent, NULL),
    REQUEST("emergency_answered", case_flag, emergency_answered, NULL),
    REQUEST("effects", case_bits, effects, &case_effects),
    CASE_END
};


bool
case_request(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    case_t  *c;

    (void) m;
    c = out;
    c->request.mapping = DMP_MAPPING_ONE;
    c->request.mode = DMP_MODE_NORMAL;
    c->request.offers = DMP_OFFERS_NORMAL | DMP_OFFERS_BRIS_DE_GLACE;
    c->request.channel = DMP_CHANNEL_ANY;

    return case_object(r, path, value, case_request_members, &c->request);
}
