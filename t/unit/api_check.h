/*
 * api_check.h: what must hold of any request on the API that was mapped,
 * written out once more.  Used by the tests and by the fuzzer.  NULL, or what
 * does not hold.
 */

#ifndef API_CHECK_H
#define API_CHECK_H

#include <dmp/dmp_change.h>
#include <dmp/dmp_ids.h>


static inline bool
api_printable(dmp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < 0x20 || s.data[i] > 0x7e) {
            return false;
        }
    }

    return s.len != 0;
}


/* Whom and what a change names, and nothing else. */
static inline const char *
api_check_named(const dmp_request_t *out)
{
    bool  about_nobody;

    about_nobody = out->change == DMP_CHANGE_OPPOSE
                   || out->change == DMP_CHANGE_MASK_DEFAULT
                   || out->change == DMP_CHANGE_CONTACT;

    if ((out->operation == DMP_OPERATION_RIGHTS)
        != (out->change != DMP_CHANGE_NONE))
    {
        return "a change of rights, or none";
    }

    if ((out->target.len != 0)
        != (out->operation == DMP_OPERATION_RIGHTS && !about_nobody))
    {
        return "whom it concerns";
    }

    if (out->target.len != 0 && dmp_ps_id(out->target) == DMP_PS_ID_NONE
        && !((out->change == DMP_CHANGE_AUTHORISE
              || out->change == DMP_CHANGE_WITHDRAW)
             && dmp_struct_id(out->target)))
    {
        return "somebody who is nobody";
    }

    if ((out->document.len != 0) != (out->operation == DMP_OPERATION_MASK
                                     || out->operation
                                        == DMP_OPERATION_UNMASK))
    {
        return "a document";
    }

    if (out->document.len != 0
        && (!api_printable(out->document) || out->document.len > 256))
    {
        return "a document's name";
    }

    return NULL;
}


/* What is given beside the change is of that change. */
static inline const char *
api_check_said(const dmp_request_t *out)
{
    bool  choice;

    choice = out->emergency.bris_de_glace != DMP_CHOICE_NONE
             || out->emergency.centre_15 != DMP_CHOICE_NONE
             || out->emergency.masked != DMP_CHOICE_NONE;

    if (choice != (out->change == DMP_CHANGE_OPPOSE
                   || out->operation == DMP_OPERATION_CREATE)
        || out->emergency_answered
           != (out->operation == DMP_OPERATION_CREATE))
    {
        return "choices for emergencies";
    }

    if ((out->mask_by_default != DMP_CHOICE_NONE)
        != (out->change == DMP_CHANGE_MASK_DEFAULT))
    {
        return "a default of masking";
    }

    if ((out->until != 0 || out->consent)
        && out->change != DMP_CHANGE_AUTHORISE
        && (out->until != 0 || out->operation != DMP_OPERATION_CREATE))
    {
        return "the end of an authorisation, or consent to it";
    }

    return (out->until < 0) ? "an end before there were days" : NULL;
}


/* A call about a session: it names no record, and all that it needs. */
static inline bool
api_is_session(const dmp_request_t *out)
{
    return out->operation >= DMP_OPERATION_SIGN_IN
           && out->operation <= DMP_OPERATION_SIGN_OUT;
}


static inline const char *
api_check_credentials(const dmp_request_t *out)
{
    const dmp_credentials_t  *c;

    c = &out->credentials;

    switch (out->operation) {

    case DMP_OPERATION_SIGN_IN:
        return (c->identifier.len != 0 && c->password.len != 0
                && c->challenge.len == 0 && c->code.len == 0)
               ? NULL : "an identifier and a password";

    case DMP_OPERATION_RECOVERY:
        return (c->identifier.len != 0 && c->password.len == 0
                && c->challenge.len == 0 && c->code.len == 0)
               ? NULL : "an identifier";

    case DMP_OPERATION_CODE:
        return (c->challenge.len != 0 && c->code.len != 0
                && c->identifier.len == 0 && c->password.len == 0)
               ? NULL : "a challenge and a code";

    case DMP_OPERATION_PASSWORD:
        return (c->challenge.len != 0 && c->password.len != 0
                && c->identifier.len == 0 && c->code.len == 0)
               ? NULL : "a challenge and a password";

    default:
        return (c->identifier.len == 0 && c->password.len == 0
                && (c->challenge.len != 0) == (c->code.len != 0)
                && (c->code.len == 0 || out->change == DMP_CHANGE_CONTACT))
               ? NULL : "credentials";
    }
}


/* What of a history is asked for: of nothing else. */
static inline const char *
api_check_history(const dmp_request_t *out)
{
    const dmp_history_query_t  *q;

    q = &out->history;

    if (out->operation != DMP_OPERATION_HISTORY) {
        return (q->since != 0 || q->until != 0 || q->limit != 0
                || q->cursor != 0 || q->fhir)
               ? "a history of something else" : NULL;
    }

    return (q->limit < 1 || q->limit > 100 || q->since < 0 || q->until < 0
            || (q->until != 0 && q->until <= q->since)
            || q->cursor > UINT64_C(9007199254740991))
           ? "a history of no days, or of too many entries" : NULL;
}


static inline const char *
api_check(const dmp_raw_t *raw, const dmp_request_t *out)
{
    const char  *wrong;

    if (out->mapping != DMP_MAPPING_ONE) {
        return (out->why != NULL && out->route != NULL)
               ? NULL : "a refusal does not say why";
    }

    if (raw->target.len > DMP_TARGET_MAX
        || (out->operation != DMP_OPERATION_HISTORY
            && memchr(raw->target.data, '?', raw->target.len) != NULL)
        || out->why != NULL || out->mode == DMP_MODE_NONE)
    {
        return "what should have been refused";
    }

    if (raw->has_body && (raw->form.len > DMP_API_BODY_MAX
                          || !raw->headers->json || raw->headers->encoded))
    {
        return "a body that should have been refused";
    }

    if ((api_is_session(out) ? out->ins.len != 0 || out->ins_system.len != 0
                             : out->ins.len == 0 || out->ins_system.len == 0)
        || (out->operation != DMP_OPERATION_CREATE && !api_is_session(out)
            && !api_printable(out->ins))
        || out->resource != DMP_RESOURCE_NONE || out->effects != 0
        || out->attachment.len != 0 || out->forward.len != 0
        || out->n_target_ids != 0)
    {
        return "more than the API says, or no patient";
    }

    wrong = api_check_named(out);

    if (wrong == NULL) {
        wrong = api_check_credentials(out);
    }

    if (wrong == NULL) {
        wrong = api_check_history(out);
    }

    return (wrong != NULL) ? wrong : api_check_said(out);
}

#endif
