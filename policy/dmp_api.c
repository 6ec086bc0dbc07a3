/*
 * dmp_api.c: a request on the API (docs/api.md) to one operation on one
 * record, or a refusal.  Nobody but us reads these requests, so a segment may
 * have escapes: documents are named by what their authors chose.
 */

#include <dmp/dmp_ids.h>

#include "dmp_api_history_int.h"
#include "dmp_api_int.h"
#include "dmp_change_int.h"

static const dmp_api_call_t  dmp_api_calls[] = {
    { dmp_string("GET"), API_PATH_RECORD, dmp_string(""), API_NAMES_NOTHING,
      DMP_OPERATION_CHECK, DMP_CHANGE_NONE, false, NULL, "records/{ins}" },
    { dmp_string("HEAD"), API_PATH_RECORD, dmp_string(""), API_NAMES_NOTHING,
      DMP_OPERATION_CHECK, DMP_CHANGE_NONE, false, NULL, "records/{ins}" },
    { dmp_string("GET"), API_PATH_RECORD, dmp_string("history"),
      API_NAMES_NOTHING, DMP_OPERATION_HISTORY, DMP_CHANGE_NONE, false, NULL,
      "records/{ins}/history" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("status"),
      API_NAMES_NOTHING,
      DMP_OPERATION_NONE, DMP_CHANGE_NONE, false, dmp_api_body_status,
      "records/{ins}/status" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("emergency"),
      API_NAMES_NOTHING,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_OPPOSE, false, dmp_api_body_emergency,
      "records/{ins}/emergency" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("authorisations"),
      API_NAMES_GRANTEE,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_AUTHORISE, true,
      dmp_api_body_authorisation,
      "records/{ins}/authorisations/{ps}" },
    { dmp_string("DELETE"), API_PATH_RECORD, dmp_string("authorisations"),
      API_NAMES_GRANTEE,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_WITHDRAW, false, NULL,
      "records/{ins}/authorisations/{ps}" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("blocks"),
      API_NAMES_PERSON,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_BLOCK, false, NULL,
      "records/{ins}/blocks/{ps}" },
    { dmp_string("DELETE"), API_PATH_RECORD, dmp_string("blocks"),
      API_NAMES_PERSON,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_UNBLOCK, false, NULL,
      "records/{ins}/blocks/{ps}" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("treating"),
      API_NAMES_PERSON,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_DESIGNATE, false, NULL,
      "records/{ins}/treating/{ps}" },
    { dmp_string("DELETE"), API_PATH_RECORD, dmp_string("treating"),
      API_NAMES_PERSON,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_DISMISS, false, NULL,
      "records/{ins}/treating/{ps}" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("masks"),
      API_NAMES_NOTHING,
      DMP_OPERATION_RIGHTS, DMP_CHANGE_MASK_DEFAULT, false, dmp_api_body_masks,
      "records/{ins}/masks" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("masks"),
      API_NAMES_DOCUMENT,
      DMP_OPERATION_MASK, DMP_CHANGE_NONE, false, NULL,
      "records/{ins}/masks/{document}" },
    { dmp_string("DELETE"), API_PATH_RECORD, dmp_string("masks"),
      API_NAMES_DOCUMENT,
      DMP_OPERATION_UNMASK, DMP_CHANGE_NONE, false, NULL,
      "records/{ins}/masks/{document}" },
    { dmp_string("PUT"), API_PATH_RECORD, dmp_string("contact"),
      API_NAMES_NOTHING, DMP_OPERATION_RIGHTS, DMP_CHANGE_CONTACT, false,
      dmp_api_body_contact, "records/{ins}/contact" },

    { dmp_string("POST"), API_PATH_RECORDS, dmp_string(""), API_NAMES_NOTHING,
      DMP_OPERATION_CREATE, DMP_CHANGE_NONE, false, dmp_api_body_create,
      "records" },

    { dmp_string("POST"), API_PATH_SESSION, dmp_string(""), API_NAMES_NOTHING,
      DMP_OPERATION_SIGN_IN, DMP_CHANGE_NONE, false, dmp_api_body_sign_in,
      "session" },
    { dmp_string("DELETE"), API_PATH_SESSION, dmp_string(""),
      API_NAMES_NOTHING, DMP_OPERATION_SIGN_OUT, DMP_CHANGE_NONE, false, NULL,
      "session" },
    { dmp_string("POST"), API_PATH_SESSION, dmp_string("code"),
      API_NAMES_NOTHING, DMP_OPERATION_CODE, DMP_CHANGE_NONE, false,
      dmp_api_body_code, "session/code" },
    { dmp_string("POST"), API_PATH_SESSION, dmp_string("password"),
      API_NAMES_NOTHING, DMP_OPERATION_PASSWORD, DMP_CHANGE_NONE, false,
      dmp_api_body_password, "session/password" },
    { dmp_string("POST"), API_PATH_SESSION, dmp_string("recovery"),
      API_NAMES_NOTHING, DMP_OPERATION_RECOVERY, DMP_CHANGE_NONE, false,
      dmp_api_body_recovery, "session/recovery" },
};

#define API_CALLS  (sizeof(dmp_api_calls) / sizeof(dmp_api_calls[0]))


static bool
api_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == '~';
}


/*
 * "." or ".." between slashes, escaped ones too: nginx folds them away when it
 * looks for the location.
 */
static bool
api_has_dots(dmp_str_t text)
{
    size_t  i, start;

    start = 0;

    for (i = 0; i <= text.len; i++) {

        if (i < text.len && text.data[i] != '/') {
            continue;
        }

        if ((i - start == 1 && text.data[start] == '.')
            || (i - start == 2 && text.data[start] == '.'
                && text.data[start + 1] == '.'))
        {
            return true;
        }

        start = i + 1;
    }

    return false;
}


/* A segment as it is meant: printable ASCII, its escapes undone once. */
static bool
api_segment(dmp_api_t *api, dmp_str_t raw)
{
    size_t     i;
    dmp_str_t  text;

    for (i = 0; i < raw.len; i++) {
        if (!api_is_unreserved(raw.data[i]) && raw.data[i] != ':'
            && raw.data[i] != '%')
        {
            return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                      "the path cannot be read in one way");
        }
    }

    switch (dmp_request_unescape(raw, raw.len, false, &api->room, &text)) {

    case DMP_OK:
        break;

    case DMP_E_NOMEM:
        return dmp_request_refuse(api->out, DMP_MAPPING_TOO_LARGE,
                                  "there is no room for the path");

    default:
        return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                  "the path has an escape that cannot be "
                                  "read");
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f) {
            return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                      "the path is not printable ASCII");
        }
    }

    if (text.len == 0 || api_has_dots(text)) {
        return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                  "the path has a segment that is empty or "
                                  "dots");
    }

    api->segments[api->n++] = text;

    return true;
}


/* What follows the base, segment by segment. */
static bool
api_segments(dmp_api_t *api, dmp_str_t path)
{
    dmp_str_t    segment;
    const char  *slash;

    for ( ;; ) {

        if (api->n == API_SEGMENTS) {
            return dmp_request_refuse(api->out, DMP_MAPPING_OPERATION_UNKNOWN,
                                      "the path is no call of the API");
        }

        slash = memchr(path.data, '/', path.len);
        segment = path;

        if (slash != NULL) {
            segment.len = (size_t) (slash - path.data);
        }

        if (!api_segment(api, segment)) {
            return false;
        }

        if (slash == NULL) {
            return true;
        }

        path.len -= segment.len + 1;
        path.data = slash + 1;
    }
}


static bool
api_target(dmp_api_t *api)
{
    size_t            max;
    dmp_str_t         path, base;
    const char       *query;
    const dmp_raw_t  *raw;

    raw = api->raw;
    path = raw->target;
    base = raw->base;
    max = (raw->max_target != 0) ? raw->max_target : DMP_TARGET_MAX;

    if (path.len > max) {
        return dmp_request_refuse(api->out, DMP_MAPPING_TOO_LARGE,
                                  "the target is longer than "
                                  "dmp_max_target_size");
    }

    query = (path.len != 0) ? memchr(path.data, '?', path.len) : NULL;

    if (query != NULL) {
        api->query.data = query + 1;
        api->query.len = path.len - (size_t) (query + 1 - path.data);
        path.len = (size_t) (query - path.data);
    }

    if (path.len < base.len + 2 || path.data[base.len] != '/'
        || !dmp_str_eq((dmp_str_t) { path.data, base.len }, base))
    {
        return dmp_request_refuse(api->out, DMP_MAPPING_OPERATION_UNKNOWN,
                                  "the path is not below the API's base");
    }

    path.data += base.len + 1;
    path.len -= base.len + 1;

    return api_segments(api, path);
}


/* Whether the segments are those of this call, whatever the method. */
static bool
api_is_path(const dmp_api_t *api, const dmp_api_call_t *call)
{
    unsigned   first;
    dmp_str_t  part;

    first = (call->path == API_PATH_RECORD) ? 2 : 1;
    part = (api->n > first) ? api->segments[first] : dmp_string("");

    if (!dmp_str_eq(api->segments[0], (call->path == API_PATH_SESSION)
                                      ? dmp_string("session")
                                      : dmp_string("records"))
        || !dmp_str_eq(part, call->part))
    {
        return false;
    }

    if (call->path == API_PATH_RECORD) {
        return api->n >= 2
               && (call->names != API_NAMES_NOTHING)
                  == (api->n == API_SEGMENTS);
    }

    return api->n == first + (call->part.len != 0);
}


/* The call that the segments are, or that would be with another method. */
static bool
api_call(dmp_api_t *api)
{
    bool                   known;
    size_t                 i;
    const dmp_api_call_t  *call;

    known = false;

    for (i = 0; i < API_CALLS; i++) {
        call = &dmp_api_calls[i];

        if (!api_is_path(api, call)) {
            continue;
        }

        known = true;
        api->out->route = call->route;

        if (dmp_str_eq(call->method, api->raw->method)) {
            api->call = call;
            return true;
        }
    }

    return dmp_request_refuse(api->out, DMP_MAPPING_OPERATION_UNKNOWN,
                              known ? "the method is not one of this call"
                                    : "the path is no call of the API");
}


static bool
api_query(dmp_api_t *api)
{
    const char  *why;

    if (api->call->operation == DMP_OPERATION_HISTORY) {
        why = dmp_api_history(api->query, api->out);
        api->out->history.fhir = api->raw->headers->fhir;

    } else {
        why = (api->query.data != NULL) ? "a query where this call has none"
                                        : NULL;
    }

    return why == NULL
           || dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS, why);
}


/* "me" is the caller's own record, if they can have one. */
static bool
api_patient(dmp_api_t *api)
{
    dmp_request_t  *out;

    out = api->out;

    if (api->call->path != API_PATH_RECORD) {
        return true;
    }

    out->ins = api->segments[1];
    out->ins_system = dmp_string("urn:oid:1.2.250.1.213.1.4.8");

    if (!dmp_str_eq(out->ins, dmp_string("me"))) {
        return true;
    }

    out->ins = api->raw->own_ins;

    return out->ins.len != 0
           || dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                 "only a patient has a record of their own");
}


static bool
api_is_rpps(dmp_str_t id)
{
    size_t  i;

    for (i = 0; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            return false;
        }
    }

    return id.len == API_RPPS_LEN;
}


static bool
api_person(dmp_api_t *api, dmp_str_t id)
{
    if (api_is_rpps(id)) {
        /* the store takes none either: a block of it would hold nobody */
        return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                  "an RPPS without the \"8\" before it");
    }

    if (dmp_ps_id(id) == DMP_PS_ID_NONE
        && (api->call->names != API_NAMES_GRANTEE || !dmp_struct_id(id)))
    {
        return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                  "not an identifier of a professional");
    }

    api->out->target = id;

    return true;
}


static bool
api_names(dmp_api_t *api)
{
    api->out->operation = api->call->operation;
    api->out->change = api->call->change;

    switch (api->call->names) {

    case API_NAMES_NOTHING:
        return true;

    case API_NAMES_PERSON:
    case API_NAMES_GRANTEE:
        return api_person(api, api->segments[3]);

    case API_NAMES_DOCUMENT:
        api->out->document = api->segments[3];

        return api->out->document.len <= API_DOCUMENT_MAX
               || dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                     "the document's name is longer than 256 "
                                     "bytes");
    }

    return dmp_request_refuse(api->out, DMP_MAPPING_OPERATION_UNKNOWN,
                              "the path is no call of the API");
}


/* Whether there may be a body, of that type; before it is read. */
static bool
dmp_api_body_announced(dmp_api_t *api)
{
    if (!api->raw->has_body) {
        return api->call->body == NULL || api->call->optional
               || dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                     "no body where this call has one");
    }

    if (api->call->body == NULL) {
        return dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                  "a body where this call has none");
    }

    if (api->raw->headers->encoded) {
        return dmp_request_refuse(api->out, DMP_MAPPING_MEDIA,
                                  "the body is encoded");
    }

    return api->raw->headers->json
           || dmp_request_refuse(api->out, DMP_MAPPING_MEDIA,
                                 "the body is not application/json");
}


/* Strict: a member given twice, a NUL, or anything after it is no JSON. */
static json_t *
api_parse(dmp_str_t text)
{
    if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
        return NULL;
    }

    return json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
}


static bool
api_body(dmp_api_t *api)
{
    size_t       max;
    json_t      *body;
    dmp_str_t    text;
    const char  *why;

    if (!api->raw->has_body) {
        return true;
    }

    text = api->raw->form;
    max = (api->raw->max_form != 0 && api->raw->max_form < DMP_API_BODY_MAX)
          ? api->raw->max_form : DMP_API_BODY_MAX;

    if (text.data == NULL) {
        return dmp_request_refuse(api->out, DMP_MAPPING_INCOMPLETE,
                                  "the body was not read yet");
    }

    if (text.len > max) {
        return dmp_request_refuse(api->out, DMP_MAPPING_TOO_LARGE,
                                  "the body is larger than the API takes");
    }

    body = api_parse(text);

    why = json_is_object(body)
          ? api->call->body(api, body)
          : "the body is not one object of JSON, each member given once";

    json_decref(body);

    return why == NULL
           || dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS, why);
}


static bool
api_accept(dmp_api_t *api)
{
    return !api->raw->headers->format_refused
           || dmp_request_refuse(api->out, DMP_MAPPING_FORMAT,
                                 "Accept leaves no JSON");
}


/* Nothing here has a version to be compared: it would be done all the same. */
static bool
api_is_unconditional(dmp_api_t *api)
{
    return !api->raw->headers->conditional
           || api->call->operation == DMP_OPERATION_CHECK
           || api->call->operation == DMP_OPERATION_HISTORY
           || dmp_request_refuse(api->out, DMP_MAPPING_AMBIGUOUS,
                                 "a condition where the API has none");
}


void
dmp_api_map(const dmp_raw_t *raw, dmp_request_t *out)
{
    dmp_api_t  api;

    memset(out, 0, sizeof(dmp_request_t));
    memset(&api, 0, sizeof(dmp_api_t));

    api.raw = raw;
    api.out = out;
    api.room = dmp_request_room(raw);

    out->route = "";

    if (dmp_request_headers(raw, &api.room, out)
        && api_target(&api)
        && api_call(&api)
        && api_query(&api)
        && api_is_unconditional(&api)
        && api_patient(&api)
        && api_names(&api)
        && dmp_api_body_announced(&api)
        && api_accept(&api)
        && api_body(&api))
    {
        out->mapping = DMP_MAPPING_ONE;
    }
}
