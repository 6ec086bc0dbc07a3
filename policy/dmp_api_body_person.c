/*
 * dmp_api_body_person.c: the bodies of calls about a person: sign-in, creation
 * of a record, contact.
 */

#include <dmp/dmp_session.h>

#include "dmp_api_int.h"


#define API_NAME_MAX      200            /* bytes of a name; DMP_TRAIT_MAX */
#define API_ADDRESS_MAX   254            /* RFC 5321, 4.5.3.1.3 */
#define API_PHONE_MAX     32


/* All of names, each a text that is not empty. */
static const char *
api_credentials(dmp_api_t *api, json_t *body, const char *const *names,
    dmp_str_t *const *out, const char *why)
{
    unsigned  i;

    if (!dmp_api_has_only(body, names)) {
        return why;
    }

    for (i = 0; names[i] != NULL; i++) {
        if (!dmp_api_text(api, body, names[i], DMP_PASSWORD_MAX, out[i])
            || out[i]->len == 0)
        {
            return why;
        }
    }

    return NULL;
}


const char *
dmp_api_body_sign_in(dmp_api_t *api, json_t *body)
{
    json_t                    *discreet;
    dmp_credentials_t         *c = &api->out->credentials;
    dmp_str_t *const           out[] = { &c->identifier, &c->password };
    static const char *const   names[] = { "identifier", "password", NULL };

    discreet = json_object_get(body, "discreet");

    if (discreet != NULL) {

        if (!json_is_boolean(discreet)) {
            return "\"discreet\" is neither true nor false";
        }

        c->discreet = json_is_true(discreet);
        (void) json_object_del(body, "discreet");
    }

    return api_credentials(api, body, names, out,
                           "the body is not an \"identifier\" and a "
                           "\"password\"");
}


const char *
dmp_api_body_code(dmp_api_t *api, json_t *body)
{
    dmp_credentials_t         *c = &api->out->credentials;
    dmp_str_t *const           out[] = { &c->challenge, &c->code };
    static const char *const   names[] = { "challenge", "code", NULL };

    return api_credentials(api, body, names, out,
                           "the body is not a \"challenge\" and a \"code\"");
}


const char *
dmp_api_body_password(dmp_api_t *api, json_t *body)
{
    dmp_credentials_t         *c = &api->out->credentials;
    dmp_str_t *const           out[] = { &c->challenge, &c->password };
    static const char *const   names[] = { "challenge", "new_password", NULL };

    return api_credentials(api, body, names, out,
                           "the body is not a \"challenge\" and a "
                           "\"new_password\"");
}


const char *
dmp_api_body_recovery(dmp_api_t *api, json_t *body)
{
    dmp_credentials_t         *c = &api->out->credentials;
    dmp_str_t *const           out[] = { &c->identifier };
    static const char *const   names[] = { "identifier", NULL };

    return api_credentials(api, body, names, out,
                           "the body is not an \"identifier\"");
}


/* What is given of it can be written to; an empty one is taken away. */
static const char *
api_contact(dmp_api_t *api, json_t *body)
{
    dmp_contact_t  *contact;

    contact = &api->out->contact;

    if (!dmp_api_text(api, body, "email", API_ADDRESS_MAX, &contact->email)
        || (contact->email.len != 0 && !dmp_contact_email(contact->email)))
    {
        return "\"email\" is no address of electronic mail";
    }

    if (!dmp_api_text(api, body, "phone", API_PHONE_MAX, &contact->phone)
        || (contact->phone.len != 0 && !dmp_contact_phone(contact->phone)))
    {
        return "\"phone\" is no number of a telephone";
    }

    if (!dmp_api_text(api, body, "prefer", API_PHONE_MAX, &contact->prefer)
        || (contact->prefer.data != NULL
            && !dmp_str_eq(contact->prefer, dmp_string("sms"))
            && !dmp_str_eq(contact->prefer, dmp_string("email"))))
    {
        return "\"prefer\" is neither \"sms\" nor \"email\"";
    }

    return NULL;
}


/*
 * A contact as it is to be; or the code that was sent to it, with its
 * challenge.
 */
const char *
dmp_api_body_contact(dmp_api_t *api, json_t *body)
{
    static const char *const  names[] = { "email", "phone", "prefer", NULL };

    if (json_object_get(body, "challenge") != NULL) {
        return dmp_api_body_code(api, body);
    }

    if (!dmp_api_has_only(body, names) || json_object_size(body) == 0) {
        return "the body is neither some of \"email\", \"phone\" and "
               "\"prefer\" nor a \"challenge\" and a \"code\"";
    }

    return api_contact(api, body);
}


static const char *
api_traits(dmp_api_t *api, json_t *traits)
{
    dmp_traits_t              *t;
    static const char *const   names[] = {
        "family", "birth_family", "given", "birthdate", "sex", NULL
    };

    t = &api->out->traits;

    if (!json_is_object(traits) || !dmp_api_has_only(traits, names)
        || !dmp_api_text(api, traits, "family", API_NAME_MAX, &t->family)
        || !dmp_api_text(api, traits, "birth_family", API_NAME_MAX,
                         &api->out->birth_family)
        || !dmp_api_text(api, traits, "given", API_NAME_MAX, &t->given)
        || !dmp_api_text(api, traits, "birthdate", API_NAME_MAX, &t->birthdate)
        || !dmp_api_text(api, traits, "sex", 1, &api->out->sex))
    {
        return "\"traits\" is not \"family\", \"given\" and \"birthdate\", "
               "and at most \"birth_family\" and \"sex\"";
    }

    if (t->family.len == 0 || t->given.len == 0) {
        return "\"traits\" has no \"family\" or no \"given\"";
    }

    if (dmp_birthdate_known(t->birthdate) == 0) {
        return "\"birthdate\" is no date";
    }

    if (api->out->sex.data != NULL
        && !dmp_str_eq(api->out->sex, dmp_string("M"))
        && !dmp_str_eq(api->out->sex, dmp_string("F")))
    {
        return "\"sex\" is neither \"M\" nor \"F\"";
    }

    return NULL;
}


/* The three questions of emergency: each was answered, with yes or no. */
static const char *
api_emergency(dmp_api_t *api, json_t *emergency)
{
    const char       *why;
    dmp_emergency_t  *e;

    if (!json_is_object(emergency)) {
        return "\"emergency\" is not an object";
    }

    why = dmp_api_body_emergency(api, emergency);

    if (why != NULL) {
        return why;
    }

    e = &api->out->emergency;

    if (e->bris_de_glace == DMP_CHOICE_NONE || e->centre_15 == DMP_CHOICE_NONE
        || e->masked == DMP_CHOICE_NONE)
    {
        return "\"emergency\" does not answer all of \"bris_de_glace\", "
               "\"centre_15\" and \"masked\"";
    }

    api->out->emergency_answered = true;

    return NULL;
}


const char *
dmp_api_body_create(dmp_api_t *api, json_t *body)
{
    json_t                    *contact;
    const char                *why;
    dmp_choice_t               consent;
    dmp_request_t             *out;
    static const char *const   names[] = {
        "ins", "traits", "consent", "emergency", "contact", NULL
    };
    static const char *const   addresses[] = {
        "email", "phone", "prefer", NULL
    };

    out = api->out;
    consent = DMP_CHOICE_NONE;
    contact = json_object_get(body, "contact");

    if (!dmp_api_has_only(body, names)) {
        return "the body has a member other than \"ins\", \"traits\", "
               "\"consent\", \"emergency\" and \"contact\"";
    }

    if (!dmp_api_text(api, body, "ins", sizeof(out->text), &out->ins)
        || out->ins.len == 0)
    {
        return "\"ins\" is no text";
    }

    out->ins_system = dmp_string("urn:oid:1.2.250.1.213.1.4.8");

    if (!dmp_api_choice(body, "consent", &consent)) {
        return "\"consent\" is neither true nor false";
    }

    out->consent = (consent == DMP_CHOICE_YES);

    why = api_traits(api, json_object_get(body, "traits"));

    if (why == NULL) {
        why = api_emergency(api, json_object_get(body, "emergency"));
    }

    if (why != NULL || contact == NULL) {
        return why;
    }

    return (json_is_object(contact) && dmp_api_has_only(contact, addresses))
           ? api_contact(api, contact)
           : "\"contact\" is not some of \"email\", \"phone\" and \"prefer\"";
}
