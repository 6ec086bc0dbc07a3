/*
 * dmp_request.c: a raw request on a FHIR location to one operation on one
 * patient, one document or one attachment, or a refusal.
 *
 * Sources: PDSm for DMP, transactions TD0.2, TD0.5, TD3.1a, TD3.1b and TD3.2;
 * ITI-66 of IHE MHD; FHIR R4, 3.1.0 (search by POST).
 */

#include "dmp_request_int.h"


bool
dmp_request_refuse(dmp_request_t *out, dmp_mapping_t mapping, const char *why)
{
    out->mapping = mapping;
    out->why = why;
    return false;
}


/* Only a search by POST has a body, and that body is a form. */
static bool
dmp_map_body(dmp_reading_t *r)
{
    const dmp_headers_t  *headers;

    headers = r->raw->headers;

    if (r->what->part != DMP_PART_SEARCH) {
        return !r->raw->has_body
               || dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                     "a body where this transaction has none");
    }

    if (headers->encoded) {
        return dmp_request_refuse(r->out, DMP_MAPPING_MEDIA,
                                  "the body is encoded");
    }

    /* where there is no body there need be no type of it */

    if (!headers->form
        && (r->raw->has_body || (headers->seen & DMP_SEEN_CONTENT_TYPE)))
    {
        return dmp_request_refuse(r->out, DMP_MAPPING_MEDIA,
                                  "the body is not a form");
    }

    return true;
}


/* The content of a Binary has a type of its own, which need not be JSON. */
static bool
dmp_map_accept(dmp_reading_t *r)
{
    const dmp_headers_t  *headers;

    headers = r->raw->headers;

    if (r->what->resource == DMP_RESOURCE_BINARY) {
        return !headers->xml_only
               || dmp_request_refuse(r->out, DMP_MAPPING_FORMAT,
                                     "Accept leaves only FHIR in XML");
    }

    return !headers->format_refused
           || dmp_request_refuse(r->out, DMP_MAPPING_FORMAT,
                                 "Accept leaves no JSON");
}


static bool
dmp_map_form(dmp_reading_t *r)
{
    size_t     max;
    dmp_str_t  form;

    if (r->what->part != DMP_PART_SEARCH) {
        return true;
    }

    form = r->raw->form;
    max = (r->raw->max_form != 0) ? r->raw->max_form : DMP_FORM_MAX;

    if (form.data == NULL) {
        return !r->raw->has_body
               || dmp_request_refuse(r->out, DMP_MAPPING_INCOMPLETE,
                                     "the form was not read yet");
    }

    if (form.len > max) {
        return dmp_request_refuse(r->out, DMP_MAPPING_TOO_LARGE,
                                  "the form is larger than "
                                  "dmp_max_form_size");
    }

    if (!dmp_request_is_plain(form)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "the form cannot be read in one way");
    }

    return dmp_request_parameters(r, form, true);
}


/* A page says whose it is, and what the host is to be asked. */
static bool
dmp_map_page(dmp_reading_t *r)
{
    dmp_page_t       page;
    const dmp_raw_t  *raw;

    raw = r->raw;

    if (r->kinds & ~(1u << DMP_PARAMETER_PAGE | 1u << DMP_PARAMETER_FORMAT
                     | 1u << DMP_PARAMETER_PRETTY))
    {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a page has other parameters beside it");
    }

    if (raw->keys == NULL
        || dmp_page_read(raw->keys, raw->host, r->page, raw->room,
                         raw->room_size, &page) != DMP_OK
        || page.resource != r->what->resource
        || page.ins.len > sizeof(r->out->text))
    {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "the page is none that was given here");
    }

    memcpy(r->out->text, page.ins.data, page.ins.len);
    r->out->operation = page.operation;
    r->out->ins_system = dmp_request_system(page.ins_system);
    r->out->ins = (dmp_str_t) { r->out->text, page.ins.len };
    r->out->forward = page.target;

    return true;
}


/* All the traits there are, and no other word on who it is. */
static bool
dmp_map_find(dmp_reading_t *r)
{
    if (r->kinds & 1u << DMP_PARAMETER_PATIENT) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "the patient is named by an identifier and "
                                  "by traits");
    }

    if ((r->kinds & DMP_TRAIT_PARAMETERS) != DMP_TRAIT_PARAMETERS) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "one of family, given and birthdate is "
                                  "missing");
    }

    if (r->raw->headers->seen & DMP_SEEN_TRAITS) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "traits are given in the query and in DMP "
                                  "headers");
    }

    return true;
}


/* Whom it is about: a search that names nobody would be about everybody. */
static bool
dmp_map_patient(dmp_reading_t *r)
{
    if (r->kinds & 1u << DMP_PARAMETER_PAGE) {
        return dmp_map_page(r);
    }

    if (r->kinds & DMP_TRAIT_PARAMETERS) {
        return dmp_map_find(r);
    }

    if (r->what->parameters[0].kind != DMP_PARAMETER_PATIENT
        || r->out->ins.len != 0)
    {
        return true;
    }

    return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                              "no patient is named");
}


void
dmp_request_map(const dmp_raw_t *raw, dmp_request_t *out)
{
    dmp_reading_t  r;

    memset(out, 0, sizeof(dmp_request_t));
    memset(&r, 0, sizeof(dmp_reading_t));

    r.raw = raw;
    r.out = out;
    r.room = dmp_request_room(raw);

    out->route = "";

    if (dmp_request_headers(raw, &r.room, out)
        && dmp_request_target(&r)
        && dmp_request_parameters(&r, r.query, false)
        && dmp_map_body(&r)
        && dmp_map_accept(&r)
        && dmp_map_form(&r)
        && dmp_map_patient(&r))
    {
        out->mapping = DMP_MAPPING_ONE;
    }
}
