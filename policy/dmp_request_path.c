/*
 * dmp_request_path.c: the raw target, byte by byte: split into path and query,
 * seen to have one reading, and its path to one transaction.
 */

#include "dmp_request_int.h"


static const dmp_transaction_t  dmp_transactions[] = {
    { dmp_string("Patient"), DMP_PART_NONE, DMP_OPERATION_CHECK,
      DMP_RESOURCE_PATIENT, dmp_patient_parameters,
      "Patient?identifier=", NULL },
    { dmp_string("DocumentReference"), DMP_PART_NONE, DMP_OPERATION_SEARCH,
      DMP_RESOURCE_DOCUMENT_REFERENCE, dmp_document_parameters,
      "DocumentReference?", "DocumentReference?_page=" },
    { dmp_string("DocumentReference"), DMP_PART_SEARCH, DMP_OPERATION_SEARCH,
      DMP_RESOURCE_DOCUMENT_REFERENCE, dmp_document_parameters,
      "DocumentReference/_search", NULL },
    { dmp_string("DocumentReference"), DMP_PART_ID, DMP_OPERATION_READ,
      DMP_RESOURCE_DOCUMENT_REFERENCE, dmp_read_parameters,
      "DocumentReference/{id}", NULL },
    { dmp_string("List"), DMP_PART_NONE, DMP_OPERATION_SEARCH,
      DMP_RESOURCE_LIST, dmp_list_parameters, "List?", "List?_page=" },
    { dmp_string("List"), DMP_PART_SEARCH, DMP_OPERATION_SEARCH,
      DMP_RESOURCE_LIST, dmp_list_parameters, "List/_search", NULL },
    { dmp_string("Binary"), DMP_PART_ID, DMP_OPERATION_READ,
      DMP_RESOURCE_BINARY, dmp_read_parameters, "Binary/{id}", NULL },
    { dmp_string("Bundle"), DMP_PART_ID, DMP_OPERATION_READ,
      DMP_RESOURCE_BUNDLE, dmp_read_parameters, "Bundle/{id}", NULL },
    { dmp_string("metadata"), DMP_PART_NONE, DMP_OPERATION_METADATA,
      DMP_RESOURCE_CAPABILITIES, dmp_read_parameters, "metadata", NULL },
};

#define DMP_TRANSACTIONS \
    (sizeof(dmp_transactions) / sizeof(dmp_transactions[0]))


static bool
dmp_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


/*
 * No escape, no empty or dotted segment, nothing that a host could decode,
 * fold or cut (";" parameters, "\", "//").
 */
static bool
dmp_path_is_plain(dmp_str_t path)
{
    char    c;
    size_t  i, start;

    start = 1;

    if (path.len == 0 || path.data[0] != '/') {
        return false;
    }

    for (i = 1; i <= path.len; i++) {

        if (i == path.len || path.data[i] == '/') {
            if (i == start || path.data[start] == '.') {
                return false;
            }

            start = i + 1;
            continue;
        }

        c = path.data[i];

        if (!dmp_is_alnum(c) && c != '-' && c != '.' && c != '_' && c != '~'
            && c != '$')
        {
            return false;
        }
    }

    return true;
}


bool
dmp_request_is_plain(dmp_str_t query)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < query.len; i++) {
        c = (unsigned char) query.data[i];

        if (c <= 0x20 || c >= 0x7f || c == ';' || c == '?' || c == '#'
            || c == '\\')
        {
            return false;
        }
    }

    return true;
}


static bool
dmp_is_id(dmp_str_t id)
{
    size_t  i;

    for (i = 0; i < id.len; i++) {
        if (!dmp_is_alnum(id.data[i]) && id.data[i] != '-'
            && id.data[i] != '.')
        {
            return false;
        }
    }

    return id.len != 0 && id.len <= DMP_ID_MAX;
}


/* "Type", "Type/_search" or "Type/ID"; *id is what follows the type. */
static dmp_part_t
dmp_path_part(dmp_str_t path, dmp_str_t *type, dmp_str_t *id)
{
    const char  *slash;

    slash = memchr(path.data, '/', path.len);

    *type = path;
    *id = dmp_null_string;

    if (slash == NULL) {
        return DMP_PART_NONE;
    }

    type->len = (size_t) (slash - path.data);
    *id = (dmp_str_t) { slash + 1, path.len - type->len - 1 };

    if (dmp_str_eq(*id, dmp_string("_search"))) {
        return DMP_PART_SEARCH;
    }

    if (id->data[0] == '_' || memchr(id->data, '/', id->len) != NULL) {
        return DMP_PART_OTHER;
    }

    return DMP_PART_ID;
}


static bool
dmp_path_method(const dmp_reading_t *r)
{
    dmp_str_t  method;

    method = r->raw->method;

    if (r->what->part == DMP_PART_SEARCH) {
        return dmp_str_eq(method, dmp_string("POST"));
    }

    return dmp_str_eq(method, dmp_string("GET"))
           || dmp_str_eq(method, dmp_string("HEAD"));
}


/* path is plain, and what follows the base. */
static bool
dmp_map_path(dmp_reading_t *r, dmp_str_t path)
{
    size_t      i;
    dmp_str_t   type, id;
    dmp_part_t  part;

    part = dmp_path_part(path, &type, &id);

    for (i = 0; i < DMP_TRANSACTIONS; i++) {
        if (dmp_transactions[i].part == part
            && dmp_str_eq(dmp_transactions[i].type, type))
        {
            break;
        }
    }

    if (i == DMP_TRANSACTIONS) {
        return dmp_request_refuse(r->out, DMP_MAPPING_OPERATION_UNKNOWN,
                                  "the path is no transaction of PDSm for "
                                  "DMP");
    }

    r->what = &dmp_transactions[i];
    r->out->route = r->what->route;

    if (!dmp_path_method(r)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_OPERATION_UNKNOWN,
                                  "the method is not one of this resource");
    }

    r->out->operation = r->what->operation;
    r->out->resource = r->what->resource;

    if (part != DMP_PART_ID) {
        return true;
    }

    if (!dmp_is_id(id)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "not a resource id");
    }

    if (r->what->resource == DMP_RESOURCE_DOCUMENT_REFERENCE) {
        r->out->document = id;

    } else {
        r->out->attachment = path;
    }

    return true;
}


bool
dmp_request_target(dmp_reading_t *r)
{
    size_t       max;
    dmp_str_t    path, base;
    const char  *mark;

    path = r->raw->target;
    base = r->raw->base;
    max = (r->raw->max_target != 0) ? r->raw->max_target : DMP_TARGET_MAX;

    if (path.len > max) {
        return dmp_request_refuse(r->out, DMP_MAPPING_TOO_LARGE,
                                  "the target is longer than "
                                  "dmp_max_target_size");
    }

    mark = (path.len != 0) ? memchr(path.data, '?', path.len) : NULL;

    if (mark != NULL) {
        r->query.data = mark + 1;
        r->query.len = path.len - (size_t) (mark - path.data) - 1;
        path.len = (size_t) (mark - path.data);
    }

    if (!dmp_path_is_plain(path)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "the path cannot be read in one way");
    }

    if (!dmp_request_is_plain(r->query)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "the query cannot be read in one way");
    }

    if (path.len < base.len + 2 || path.data[base.len] != '/'
        || !dmp_str_eq((dmp_str_t) { path.data, base.len }, base))
    {
        return dmp_request_refuse(r->out, DMP_MAPPING_OPERATION_UNKNOWN,
                                  "the path is not below the FHIR base");
    }

    path.data += base.len + 1;
    path.len -= base.len + 1;

    return dmp_map_path(r, path);
}
