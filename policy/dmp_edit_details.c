/*
 * dmp_edit_details.c: what a change of rights said, for those who may open
 * what its trace seals: choices, ends, documents, representatives.  Of an
 * address only that it changed: the record has it, and the trace lasts longer.
 */

#include <dmp/dmp_ids.h>

#include "dmp_change_int.h"


static void
details_member(dmp_buf_t *out, const char *name)
{
    dmp_buf_text(out, (out->len == 0) ? "{\"" : ",\"");
    dmp_buf_text(out, name);
    dmp_buf_text(out, "\":");
}


static void
details_text(dmp_buf_t *out, const char *name, dmp_str_t text)
{
    if (text.len != 0) {
        details_member(out, name);
        dmp_buf_json(out, text);
    }
}


static void
details_day(dmp_buf_t *out, const char *name, int32_t day)
{
    details_member(out, name);
    dmp_buf_text(out, "\"");
    dmp_buf_day(out, day);
    dmp_buf_text(out, "\"");
}


static void
details_choice(dmp_buf_t *out, const char *name, dmp_choice_t choice)
{
    if (choice != DMP_CHOICE_NONE) {
        details_member(out, name);
        dmp_buf_text(out, (choice == DMP_CHOICE_YES) ? "true" : "false");
    }
}


static void
details_address(dmp_buf_t *out, const char *name, dmp_str_t address)
{
    if (address.data != NULL) {
        details_member(out, name);
        dmp_buf_text(out, (address.len != 0) ? "\"set\"" : "\"removed\"");
    }
}


/* Whom the entry itself does not name, having no such form; other names. */
static void
details_person(dmp_buf_t *out, const dmp_request_t *request)
{
    unsigned  i;

    if (dmp_ps_id(request->target) == DMP_PS_ID_NONE
        && !dmp_struct_id(request->target))
    {
        details_text(out, "target", request->target);
    }

    for (i = 0; i < request->n_target_ids && i < DMP_SUBJECT_IDS; i++) {

        if (i == 0) {
            details_member(out, "also");
        }

        dmp_buf_text(out, (i == 0) ? "[" : ",");
        dmp_buf_json(out, request->target_ids[i]);
    }

    if (i != 0) {
        dmp_buf_text(out, "]");
    }
}


static void
details_rights(dmp_buf_t *out, const dmp_edit_t *edit)
{
    const dmp_request_t  *request;

    request = edit->request;

    switch (request->change) {

    case DMP_CHANGE_AUTHORISE:
        details_person(out, request);
        details_day(out, "since", edit->today);
        details_day(out, "until", dmp_edit_until(edit));

        if (request->consent) {
            details_choice(out, "consent", DMP_CHOICE_YES);
        }
        break;

    case DMP_CHANGE_OPPOSE:
        details_choice(out, "bris_de_glace", request->emergency.bris_de_glace);
        details_choice(out, "centre_15", request->emergency.centre_15);
        details_choice(out, "masked", request->emergency.masked);
        break;

    case DMP_CHANGE_MASK_DEFAULT:
        details_choice(out, "mask_by_default", request->mask_by_default);
        break;

    case DMP_CHANGE_CONTACT:
        details_address(out, "email", request->contact.email);
        details_address(out, "phone", request->contact.phone);
        details_address(out, "prefer", request->contact.prefer);
        break;

    case DMP_CHANGE_NAME_REPRESENTATIVE:
        details_text(out, "representative", request->target);
        details_day(out, "until", request->until);
        break;

    case DMP_CHANGE_REMOVE_REPRESENTATIVE:
        details_text(out, "representative", request->target);
        break;

    default:
        details_person(out, request);
        break;
    }
}


void
dmp_edit_details(const dmp_edit_t *edit, dmp_buf_t *out)
{
    switch (edit->request->operation) {

    case DMP_OPERATION_RIGHTS:
        details_rights(out, edit);
        break;

    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
        details_text(out, "document", edit->document);
        break;

    default:
        return;
    }

    if (out->len != 0) {
        dmp_buf_text(out, "}");
    }
}
