/*
 * dmp_api_body.c: the bodies of calls that change what a patient agreed to.
 * Strict: a member that is not listed, or of another type, and nothing is
 * read.
 */

#include "dmp_api_int.h"


/* No member but those in names, which NULL ends. */
bool
dmp_api_has_only(json_t *body, const char *const *names)
{
    size_t       i;
    json_t      *value;
    const char  *key;

    json_object_foreach(body, key, value) {
        for (i = 0; names[i] != NULL && strcmp(names[i], key) != 0; i++) {
            /* look for it */
        }

        if (names[i] == NULL) {
            return false;
        }
    }

    return true;
}


/* Absent: *out stays.  False: it is neither true nor false. */
bool
dmp_api_choice(json_t *body, const char *name, dmp_choice_t *out)
{
    json_t  *value;

    value = json_object_get(body, name);

    if (value != NULL && !json_is_boolean(value)) {
        return false;
    }

    if (value != NULL) {
        *out = json_is_true(value) ? DMP_CHOICE_YES : DMP_CHOICE_NO;
    }

    return true;
}


bool
dmp_api_text(dmp_api_t *api, json_t *body, const char *name, size_t max,
    dmp_str_t *out)
{
    size_t      i;
    json_t     *value;
    dmp_str_t   text;

    *out = dmp_null_string;
    value = json_object_get(body, name);

    if (value == NULL) {
        return true;
    }

    if (!json_is_string(value) || json_string_length(value) > max) {
        return false;
    }

    text.data = json_string_value(value);
    text.len = json_string_length(value);

    for (i = 0; i < text.len; i++) {
        if ((unsigned char) text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }

    if (text.len == 0) {
        /* given, and nothing: not the same as not given */
        *out = dmp_string("");
        return true;
    }

    return dmp_room_copy(&api->room, text, out);
}


const char *
dmp_api_body_status(dmp_api_t *api, json_t *body)
{
    const char                *status;
    static const char *const   names[] = { "status", NULL };

    if (!dmp_api_has_only(body, names)) {
        return "the body has a member other than \"status\"";
    }

    status = json_string_value(json_object_get(body, "status"));

    if (status != NULL && strcmp(status, "open") == 0) {
        api->out->operation = DMP_OPERATION_REOPEN;

    } else if (status != NULL && strcmp(status, "closed") == 0) {
        api->out->operation = DMP_OPERATION_CLOSE;

    } else {
        return "\"status\" is neither \"open\" nor \"closed\"";
    }

    return NULL;
}


const char *
dmp_api_body_emergency(dmp_api_t *api, json_t *body)
{
    dmp_emergency_t           *e;
    static const char *const   names[] = {
        "bris_de_glace", "centre_15", "masked", NULL
    };

    e = &api->out->emergency;

    if (!dmp_api_has_only(body, names)) {
        return "the body has a member other than \"bris_de_glace\", "
               "\"centre_15\" and \"masked\"";
    }

    if (!dmp_api_choice(body, "bris_de_glace", &e->bris_de_glace)) {
        return "\"bris_de_glace\" is neither true nor false";
    }

    if (!dmp_api_choice(body, "centre_15", &e->centre_15)) {
        return "\"centre_15\" is neither true nor false";
    }

    if (!dmp_api_choice(body, "masked", &e->masked)) {
        return "\"masked\" is neither true nor false";
    }

    if (json_object_size(body) == 0) {
        return "the body has none of \"bris_de_glace\", \"centre_15\" and "
               "\"masked\"";
    }

    return NULL;
}


const char *
dmp_api_body_authorisation(dmp_api_t *api, json_t *body)
{
    int32_t                    day;
    json_t                    *until;
    dmp_choice_t               consent;
    static const char *const   names[] = { "consent", "until", NULL };

    consent = DMP_CHOICE_NONE;
    until = json_object_get(body, "until");

    if (!dmp_api_has_only(body, names)) {
        return "the body has a member other than \"consent\" and \"until\"";
    }

    if (!dmp_api_choice(body, "consent", &consent)) {
        return "\"consent\" is neither true nor false";
    }

    api->out->consent = (consent == DMP_CHOICE_YES);

    if (until == NULL) {
        return NULL;
    }

    /* day 0 would be no end at all */

    if (!json_is_string(until)
        || !dmp_day_parse((dmp_str_t) { json_string_value(until),
                                        json_string_length(until) }, &day)
        || day <= 0)
    {
        return "\"until\" is not a date after 1970-01-01 (YYYY-MM-DD)";
    }

    api->out->until = day;

    return NULL;
}


const char *
dmp_api_body_masks(dmp_api_t *api, json_t *body)
{
    static const char *const  names[] = { "mask_by_default", NULL };

    if (!dmp_api_has_only(body, names)) {
        return "the body has a member other than \"mask_by_default\"";
    }

    if (!dmp_api_choice(body, "mask_by_default", &api->out->mask_by_default)
        || api->out->mask_by_default == DMP_CHOICE_NONE)
    {
        return "\"mask_by_default\" is neither true nor false";
    }

    return NULL;
}
