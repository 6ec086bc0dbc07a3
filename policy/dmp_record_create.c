/*
 * dmp_record_create.c: the JSON of a record that is begun: who it is of, and
 * what they answered.
 */

#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include <dmp/dmp_change.h>


#define CREATE_MS_LEN  5                 /* ".000Z" */


/* A text that was given and is not empty. */
static bool
create_text(json_t *object, const char *name, dmp_str_t text)
{
    return text.len == 0
           || json_object_set_new(object, name,
                                  json_stringn(text.data, text.len)) == 0;
}


static bool
create_flag(json_t *object, const char *name, dmp_choice_t choice)
{
    return json_object_set_new(object, name,
                               json_boolean(choice == DMP_CHOICE_YES)) == 0;
}


/* Traits, answers and contact, each an object of its own. */
static bool
create_parts(json_t *root, const dmp_request_t *request)
{
    json_t               *traits, *emergency, *contact;
    const dmp_traits_t   *t;
    const dmp_contact_t  *c;

    t = &request->traits;
    c = &request->contact;
    traits = json_object();
    emergency = json_object();
    contact = json_object();

    if (json_object_set_new(root, "traits", traits) != 0
        || json_object_set_new(root, "contact", contact) != 0
        || json_object_set_new(root, "emergency", emergency) != 0)
    {
        return false;
    }

    return create_text(traits, "family", t->family)
           && create_text(traits, "birth_family", request->birth_family)
           && create_text(traits, "given", t->given)
           && create_text(traits, "birthdate", t->birthdate)
           && create_text(traits, "sex", request->sex)
           && create_text(contact, "email", c->email)
           && create_text(contact, "phone", c->phone)
           && create_text(contact, "prefer", c->prefer)
           && create_flag(emergency, "bris_de_glace",
                          request->emergency.bris_de_glace)
           && create_flag(emergency, "centre_15",
                          request->emergency.centre_15)
           && create_flag(emergency, "masked", request->emergency.masked);
}


static json_t *
create_tree(const dmp_request_t *request, int64_t now)
{
    char        time[40];
    json_t     *root;
    dmp_buf_t   b;

    dmp_buf_init(&b, time, sizeof(time));
    dmp_buf_time(&b, now * 1000);

    /* a record has whole seconds: "…:48.000Z" */
    if (b.len > CREATE_MS_LEN) {
        b.len -= CREATE_MS_LEN;
        dmp_buf_add(&b, "Z", 1);
    }

    root = json_object();

    if (b.full
        || !create_text(root, "ins", request->ins)
        || json_object_set_new(root, "status", json_string("open")) != 0
        || !create_text(root, "opened_at", (dmp_str_t) { b.data, b.len })
        || !create_parts(root, request))
    {
        json_decref(root);
        return NULL;
    }

    return root;
}


dmp_rc_t
dmp_record_create(const dmp_request_t *request, int64_t now, char **out,
    size_t *out_len, dmp_error_t *error)
{
    char          *text;
    size_t         len;
    json_t        *root;
    dmp_rc_t       rc;
    dmp_record_t  *record;

    *out = NULL;
    *out_len = 0;
    memset(error, 0, sizeof(dmp_error_t));

    root = create_tree(request, now);
    len = (root != NULL) ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    text = (len != 0) ? malloc(len) : NULL;

    if (text == NULL || json_dumpb(root, text, len, JSON_COMPACT) != len) {
        json_decref(root);
        free(text);
        return DMP_E_NOMEM;
    }

    json_decref(root);

    /* it is read as strictly as any other */
    rc = dmp_record_parse(text, len, &record, error);

    if (rc != DMP_OK) {
        OPENSSL_cleanse(text, len);
        free(text);
        return rc;
    }

    dmp_record_free(record);
    *out = text;
    *out_len = len;

    return DMP_OK;
}
