/*
 * dmp_request_value.c: the values of parameters: decoded once, and of the
 * shape that FHIR R4 (3.1.1) gives them where it gives one.
 */

#include "dmp_request_int.h"


/* NIR, NIA, and the two ranges kept for tests and demonstrations. */
static const dmp_str_t  dmp_ins_systems[] = {
    dmp_string("urn:oid:1.2.250.1.213.1.4.8"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.9"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.10"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.11"),
};

#define DMP_INS_SYSTEMS  (sizeof(dmp_ins_systems) / sizeof(dmp_ins_systems[0]))

typedef struct {
    dmp_resource_t  resource;
    dmp_str_t       system;
    dmp_str_t       codes[3];
} dmp_statuses_t;

/* FHIR R4 code systems document-reference-status and list-status. */
static const dmp_statuses_t  dmp_statuses[] = {
    { DMP_RESOURCE_DOCUMENT_REFERENCE,
      dmp_string("http://hl7.org/fhir/document-reference-status"),
      { dmp_string("current"), dmp_string("superseded"),
        dmp_string("entered-in-error") } },
    { DMP_RESOURCE_LIST,
      dmp_string("http://hl7.org/fhir/list-status"),
      { dmp_string("current"), dmp_string("retired"),
        dmp_string("entered-in-error") } },
};


dmp_str_t
dmp_request_system(dmp_str_t system)
{
    size_t  i;

    for (i = 0; i < DMP_INS_SYSTEMS; i++) {
        if (dmp_str_eq(dmp_ins_systems[i], system)) {
            return dmp_ins_systems[i];
        }
    }

    return dmp_null_string;
}


int
dmp_request_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


/* The byte at *i, decoded; *i goes to its end.  -1: it cannot be read. */
static int
dmp_decode_byte(dmp_str_t raw, size_t *i)
{
    int  c, high, low;

    c = (unsigned char) raw.data[*i];

    if (c == '%') {
        if (raw.len - *i < 3) {
            return -1;
        }

        high = dmp_request_hex(raw.data[*i + 1]);
        low = dmp_request_hex(raw.data[*i + 2]);
        if (high < 0 || low < 0) {
            return -1;
        }

        c = high * 16 + low;
        *i += 2;

        if (c == '%') {
            return -1;
        }
    }

    return (c < 0x20 || c == 0x7f) ? -1 : c;
}


dmp_rc_t
dmp_request_decode(dmp_str_t raw, char *out, size_t size, size_t *len)
{
    int                   c;
    size_t                i, n, step;
    const unsigned char  *p, *end;

    n = 0;
    *len = 0;

    for (i = 0; i < raw.len; i++) {

        c = dmp_decode_byte(raw, &i);
        if (c < 0) {
            return DMP_E_SYNTAX;
        }

        if (n == size) {
            return DMP_E_LIMIT;
        }

        out[n++] = (char) c;
    }

    for (p = (const unsigned char *) out, end = p + n; p < end; p += step) {
        step = dmp_utf8_length(p, end);
        if (step == 0) {
            return DMP_E_SYNTAX;
        }
    }

    *len = n;
    return DMP_OK;
}


/* The part of *list before the separator, and *list what is after it. */
static dmp_str_t
dmp_next(dmp_str_t *list, char separator)
{
    size_t     i;
    dmp_str_t  part;

    for (i = 0; i < list->len && list->data[i] != separator; i++) { /* void */ }

    part = (dmp_str_t) { list->data, i };

    i = (i < list->len) ? i + 1 : i;
    list->data += i;
    list->len -= i;

    return part;
}


/* Each element of a comma list fits; an empty one never does. */
static bool
dmp_each(const dmp_reading_t *r, dmp_str_t list,
    bool (*fits)(const dmp_reading_t *r, dmp_str_t element))
{
    if (list.len == 0 || list.data[list.len - 1] == ',') {
        return false;
    }

    while (list.len != 0) {
        if (!fits(r, dmp_next(&list, ','))) {
            return false;
        }
    }

    return true;
}


/* "system|INS" into out->ins; the value is judged by rule B2. */
static bool
dmp_take_patient(dmp_request_t *out, dmp_str_t value)
{
    if (value.len == 0 || memchr(value.data, '|', value.len) == NULL) {
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                  "the patient's identifier has no system");
    }

    out->ins_system = dmp_request_system(dmp_next(&value, '|'));

    if (out->ins_system.len == 0) {
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                  "the identifier's system is not an INS");
    }

    if (value.len == 0 || value.len > sizeof(out->text)) {
        return dmp_request_refuse(out, DMP_MAPPING_INS_INVALID, "no such INS");
    }

    memcpy(out->text, value.data, value.len);
    out->ins = (dmp_str_t) { out->text, value.len };

    return true;
}


static bool
dmp_take_format(dmp_request_t *out, dmp_str_t value)
{
    if (dmp_str_eq(value, dmp_string("json"))
        || dmp_str_eq(value, dmp_string("application/json"))
        || dmp_str_eq(value, dmp_string("application/fhir+json")))
    {
        return true;
    }

    return dmp_request_refuse(out, DMP_MAPPING_FORMAT, "_format is not JSON");
}


/* None at all would be a count of what there is, and no answer to judge. */
static bool
dmp_take_count(dmp_request_t *out, dmp_str_t value)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < (i == 0 ? '1' : '0') || value.data[i] > '9') {
            break;
        }

        n = (n <= DMP_COUNT_MAX) ? n * 10 + (unsigned) (value.data[i] - '0')
                                 : n;
    }

    if (value.len == 0 || i < value.len) {
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                  "_count is not a number from 1 on");
    }

    return n <= DMP_COUNT_MAX
           || dmp_request_refuse(out, DMP_MAPPING_TOO_LARGE,
                                 "_count is more than 1000");
}


/*
 * A chain would order by what another resource says; by labels, what is masked
 * would leave its gap at a place that names it.
 */
static bool
dmp_sort_fits(const dmp_reading_t *r, dmp_str_t name)
{
    const dmp_parameter_entry_t  *known;

    if (name.len != 0 && name.data[0] == '-') {
        name.data++;
        name.len--;
    }

    if (dmp_str_eq(name, dmp_string("_lastUpdated"))) {
        return true;
    }

    for (known = r->what->parameters; known->name.len != 0; known++) {
        if (known->kind >= DMP_PARAMETER_IDENTIFIER
            && known->kind != DMP_PARAMETER_LABEL
            && dmp_str_eq(known->name, name))
        {
            return memchr(name.data, '.', name.len) == NULL;
        }
    }

    return false;
}


/* A code of the resource, alone or with its system. */
static bool
dmp_status_fits(const dmp_reading_t *r, dmp_str_t code)
{
    size_t                 i;
    dmp_str_t              system;
    const dmp_statuses_t  *statuses;

    statuses = &dmp_statuses[0];

    if (r->what->resource != statuses->resource) {
        statuses = &dmp_statuses[1];
    }

    if (memchr(code.data, '|', code.len) != NULL) {
        system = dmp_next(&code, '|');

        if (!dmp_str_eq(system, statuses->system)) {
            return false;
        }
    }

    for (i = 0; i < sizeof(statuses->codes) / sizeof(dmp_str_t); i++) {
        if (dmp_str_eq(statuses->codes[i], code)) {
            return true;
        }
    }

    return false;
}


/*
 * How secret a document is, not from whom it is hidden: who asks for what is
 * masked would learn from the pages whether there is any.
 */
static bool
dmp_label_fits(const dmp_reading_t *r, dmp_str_t code)
{
    (void) r;

    if (code.len != 0 && memchr(code.data, '|', code.len) != NULL) {
        (void) dmp_next(&code, '|');
    }

    return dmp_str_eq(code, dmp_string("N"))
           || dmp_str_eq(code, dmp_string("R"))
           || dmp_str_eq(code, dmp_string("V"));
}


/* A prefix, and then what FHIR writes dates and times with. */
static bool
dmp_date_fits(const dmp_reading_t *r, dmp_str_t date)
{
    size_t  i;

    static const char *const  prefixes[] = { "eq", "ne", "gt", "lt", "ge",
                                             "le", "sa", "eb", "ap" };

    (void) r;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (date.len >= 2 && memcmp(date.data, prefixes[i], 2) == 0) {
            date.data += 2;
            date.len -= 2;
            break;
        }
    }

    if (date.len == 0 || date.data[0] < '0' || date.data[0] > '9') {
        return false;
    }

    for (i = 0; i < date.len; i++) {
        if (memchr("0123456789-:.+TZ", date.data[i], 16) == NULL) {
            return false;
        }
    }

    return true;
}


/*
 * "system|value", or a value: one, and never nothing.  A host ignores an empty
 * one, or takes "system|" for all of that system: the search for one document
 * would be one for all of them.  A "+" may be a blank, which it may trim.
 */
static bool
dmp_identifier_fits(dmp_str_t value)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < value.len; i++) {
        c = (unsigned char) value.data[i];

        if (c <= 0x20 || c >= 0x7f || c == ',' || c == '$' || c == '+'
            || c == '\\')
        {
            return false;
        }
    }

    if (value.len != 0 && memchr(value.data, '|', value.len) != NULL) {
        (void) dmp_next(&value, '|');
    }

    return value.len != 0 && memchr(value.data, '|', value.len) == NULL;
}


static bool
dmp_is_flag(dmp_str_t value)
{
    return dmp_str_eq(value, dmp_string("true"))
           || dmp_str_eq(value, dmp_string("false"));
}


static bool
dmp_shape_fits(const dmp_reading_t *r, dmp_parameter_t kind, dmp_str_t value)
{
    switch (kind) {

    case DMP_PARAMETER_PRETTY:
    case DMP_PARAMETER_FLAG:
        return dmp_is_flag(value);

    case DMP_PARAMETER_SORT:
        return dmp_each(r, value, dmp_sort_fits);

    case DMP_PARAMETER_STATUS:
        return dmp_each(r, value, dmp_status_fits);

    case DMP_PARAMETER_DATE:
        return dmp_each(r, value, dmp_date_fits);

    case DMP_PARAMETER_LABEL:
        return dmp_each(r, value, dmp_label_fits);

    case DMP_PARAMETER_IDENTIFIER:
        return dmp_identifier_fits(value);

    case DMP_PARAMETER_TEXT:
        return true;

    default:
        return false;
    }
}


bool
dmp_request_value(dmp_reading_t *r, dmp_parameter_t kind, dmp_str_t value)
{
    switch (kind) {

    case DMP_PARAMETER_PATIENT:
        return dmp_take_patient(r->out, value);

    case DMP_PARAMETER_FAMILY:
    case DMP_PARAMETER_GIVEN:
    case DMP_PARAMETER_BIRTHDATE:
        return dmp_request_trait(r, kind, value);

    case DMP_PARAMETER_FORMAT:
        return dmp_take_format(r->out, value);

    case DMP_PARAMETER_COUNT:
        return dmp_take_count(r->out, value);

    default:
        break;
    }

    if (!dmp_shape_fits(r, kind, value)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a value is not of its parameter's shape");
    }

    if (kind == DMP_PARAMETER_IDENTIFIER
        && r->what->resource == DMP_RESOURCE_DOCUMENT_REFERENCE)
    {
        r->out->operation = DMP_OPERATION_REFERENCE;
    }

    return true;
}
