/*
 * dmp_request.c: the raw target of a request on a FHIR location to one
 * operation on one patient or one document.
 *
 * Sources: PDSm for DMP, transactions TD0.2, TD3.1a and TD3.2; parameters of
 * ITI-67 as the French volume lists them.
 */

#include <dmp/dmp_request.h>


#define DMP_ID_MAX     64                /* FHIR R4, datatype id */
#define DMP_VALUE_MAX  512               /* bytes of one decoded value */

/* What a parameter is to a transaction. */
typedef enum {
    DMP_PARAMETER_REFUSED = 0,
    DMP_PARAMETER_PATIENT,
    DMP_PARAMETER_FORMAT,
    DMP_PARAMETER_PASSED
} dmp_parameter_t;

typedef struct {
    dmp_str_t        name;
    dmp_parameter_t  kind;
} dmp_parameter_entry_t;

/*
 * Not here on purpose: "patient" (a literal reference names nobody we can
 * check), "_elements" and "_summary" (they drop what the rules must see),
 * "_include", "_revinclude", "_has", "_total", modifiers and other chains.
 */
static const dmp_parameter_entry_t  dmp_search_parameters[] = {
    { dmp_string("patient.identifier"), DMP_PARAMETER_PATIENT },
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PASSED },
    { dmp_string("_count"), DMP_PARAMETER_PASSED },
    { dmp_string("_sort"), DMP_PARAMETER_PASSED },
    { dmp_string("status"), DMP_PARAMETER_PASSED },
    { dmp_string("type"), DMP_PARAMETER_PASSED },
    { dmp_string("category"), DMP_PARAMETER_PASSED },
    { dmp_string("event"), DMP_PARAMETER_PASSED },
    { dmp_string("format"), DMP_PARAMETER_PASSED },
    { dmp_string("facility"), DMP_PARAMETER_PASSED },
    { dmp_string("setting"), DMP_PARAMETER_PASSED },
    { dmp_string("date"), DMP_PARAMETER_PASSED },
    { dmp_string("creation"), DMP_PARAMETER_PASSED },
    { dmp_string("period"), DMP_PARAMETER_PASSED },
    { dmp_string("period-start"), DMP_PARAMETER_PASSED },
    { dmp_string("period-end"), DMP_PARAMETER_PASSED },
    { dmp_string("security-label"), DMP_PARAMETER_PASSED },
    { dmp_string("identifier"), DMP_PARAMETER_PASSED },
    { dmp_string("related"), DMP_PARAMETER_PASSED },
    { dmp_string("relatesto"), DMP_PARAMETER_PASSED },
    { dmp_string("author"), DMP_PARAMETER_PASSED },
    { dmp_string("author.given"), DMP_PARAMETER_PASSED },
    { dmp_string("author.family"), DMP_PARAMETER_PASSED },
    { dmp_string("isArchived"), DMP_PARAMETER_PASSED },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

static const dmp_parameter_entry_t  dmp_check_parameters[] = {
    { dmp_string("identifier"), DMP_PARAMETER_PATIENT },
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PASSED },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

static const dmp_parameter_entry_t  dmp_read_parameters[] = {
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PASSED },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

/* NIR, NIA, and the two ranges kept for tests and demonstrations. */
static const dmp_str_t  dmp_ins_systems[] = {
    dmp_string("urn:oid:1.2.250.1.213.1.4.8"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.9"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.10"),
    dmp_string("urn:oid:1.2.250.1.213.1.4.11"),
};

#define DMP_INS_SYSTEMS  (sizeof(dmp_ins_systems) / sizeof(dmp_ins_systems[0]))


static bool
dmp_refuse(dmp_request_t *out, dmp_mapping_t mapping, const char *why)
{
    out->mapping = mapping;
    out->why = why;
    return false;
}


static int
dmp_hex(char c)
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


/*
 * Decodes percent escapes once.  False on a broken escape, one that could be
 * decoded again ("%25"), a control byte, a NUL, bytes that are not UTF-8, or
 * more than size bytes.  "+" is left alone: hosts differ on it, so nothing
 * that is compared may hold one.
 */
static bool
dmp_decode(dmp_str_t raw, char *out, size_t size, size_t *len)
{
    int                   high, low;
    char                  c;
    size_t                i, n, step;
    const unsigned char  *p, *end;

    n = 0;

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i];

        if (c == '%') {
            if (raw.len - i < 3) {
                return false;
            }

            high = dmp_hex(raw.data[i + 1]);
            low = dmp_hex(raw.data[i + 2]);
            if (high < 0 || low < 0) {
                return false;
            }

            c = (char) (high * 16 + low);
            i += 2;

            if (c == '%') {
                return false;
            }
        }

        if (n == size || (unsigned char) c < 0x20 || c == 0x7f) {
            return false;
        }

        out[n++] = c;
    }

    for (p = (const unsigned char *) out, end = p + n; p < end; p += step) {
        step = dmp_utf8_length(p, end);
        if (step == 0) {
            return false;
        }
    }

    *len = n;
    return true;
}


/* "system|INS" into out->ins; the value is judged by rule B2. */
static bool
dmp_take_patient(dmp_request_t *out, dmp_str_t value)
{
    size_t     i;
    dmp_str_t  system, ins;

    if (out->ins.len != 0) {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "the patient is named twice");
    }

    for (i = 0; i < value.len && value.data[i] != '|'; i++) { /* void */ }

    if (i == value.len) {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "the patient's identifier has no system");
    }

    system = (dmp_str_t) { value.data, i };
    ins = (dmp_str_t) { value.data + i + 1, value.len - i - 1 };

    for (i = 0; i < DMP_INS_SYSTEMS; i++) {
        if (dmp_str_eq(dmp_ins_systems[i], system)) {
            break;
        }
    }

    if (i < DMP_INS_SYSTEMS) {
        out->ins_system = dmp_ins_systems[i];

    } else {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "the identifier's system is not an INS");
    }

    if (ins.len == 0 || ins.len > sizeof(out->text)) {
        return dmp_refuse(out, DMP_MAPPING_INS_INVALID, "no such INS");
    }

    memcpy(out->text, ins.data, ins.len);
    out->ins = (dmp_str_t) { out->text, ins.len };

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

    return dmp_refuse(out, DMP_MAPPING_FORMAT, "_format is not JSON");
}


static bool
dmp_take_parameter(dmp_request_t *out, dmp_str_t raw_name, dmp_str_t raw_value,
    const dmp_parameter_entry_t *known)
{
    char       name[DMP_ID_MAX], value[DMP_VALUE_MAX];
    size_t     name_len, value_len;
    dmp_str_t  v;

    if (!dmp_decode(raw_name, name, sizeof(name), &name_len)
        || !dmp_decode(raw_value, value, sizeof(value), &value_len))
    {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "a parameter cannot be read in one way");
    }

    for ( /* void */ ; known->name.len != 0; known++) {
        if (dmp_str_eq(known->name, (dmp_str_t) { name, name_len })) {
            break;
        }
    }

    v = (dmp_str_t) { value, value_len };

    switch (known->kind) {

    case DMP_PARAMETER_PATIENT:
        return dmp_take_patient(out, v);

    case DMP_PARAMETER_FORMAT:
        return dmp_take_format(out, v);

    case DMP_PARAMETER_PASSED:
        return true;

    case DMP_PARAMETER_REFUSED:
        break;
    }

    return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                      "a parameter that this transaction does not have");
}


static bool
dmp_take_query(dmp_request_t *out, dmp_str_t query,
    const dmp_parameter_entry_t *known)
{
    size_t       n, left;
    unsigned     count;
    dmp_str_t    name, value;
    const char  *equals, *amp;

    count = 0;

    while (query.len != 0) {

        if (++count > DMP_PARAMETERS_MAX) {
            return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                              "too many parameters");
        }

        amp = memchr(query.data, '&', query.len);
        n = (amp != NULL) ? (size_t) (amp - query.data) : query.len;

        equals = memchr(query.data, '=', n);
        if (equals == NULL) {
            return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                              "a parameter without \"=\"");
        }

        name = (dmp_str_t) { query.data, (size_t) (equals - query.data) };
        value = (dmp_str_t) { equals + 1, n - name.len - 1 };

        if (!dmp_take_parameter(out, name, value, known)) {
            return false;
        }

        if (amp == NULL) {
            break;
        }

        left = query.len - n - 1;
        if (left == 0) {
            return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                              "an empty parameter");
        }

        query = (dmp_str_t) { amp + 1, left };
    }

    return true;
}


/*
 * The raw path, byte by byte: no escape, no empty or dotted segment, nothing
 * that a host could decode, fold or cut (";" parameters, "\", "//").
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

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
              || c == '~' || c == '$'))
        {
            return false;
        }
    }

    return true;
}


static bool
dmp_is_id(dmp_str_t id)
{
    char    c;
    size_t  i;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.'))
        {
            return false;
        }
    }

    return id.len != 0 && id.len <= DMP_ID_MAX;
}


static bool
dmp_map_patient(dmp_request_t *out, dmp_str_t method, dmp_str_t query)
{
    out->route = "Patient?identifier=";

    if (!dmp_str_eq(method, dmp_string("GET"))
        && !dmp_str_eq(method, dmp_string("HEAD")))
    {
        return dmp_refuse(out, DMP_MAPPING_OPERATION_UNKNOWN,
                          "the method is not one of this resource");
    }

    out->operation = DMP_OPERATION_CHECK;

    if (!dmp_take_query(out, query, dmp_check_parameters)) {
        return false;
    }

    return out->ins.len != 0
           || dmp_refuse(out, DMP_MAPPING_AMBIGUOUS, "no patient is named");
}


static bool
dmp_map_document(dmp_request_t *out, dmp_str_t method, dmp_str_t id,
    dmp_str_t query)
{
    out->route = (id.data != NULL) ? "DocumentReference/{id}"
                                   : "DocumentReference?";

    if (!dmp_str_eq(method, dmp_string("GET"))) {
        return dmp_refuse(out, DMP_MAPPING_OPERATION_UNKNOWN,
                          "the method is not one of this resource");
    }

    if (id.data != NULL) {
        out->operation = DMP_OPERATION_READ;

        if (!dmp_is_id(id)) {
            return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS, "not a resource id");
        }

        out->document = id;
        return dmp_take_query(out, query, dmp_read_parameters);
    }

    out->operation = DMP_OPERATION_SEARCH;

    if (!dmp_take_query(out, query, dmp_search_parameters)) {
        return false;
    }

    return out->ins.len != 0
           || dmp_refuse(out, DMP_MAPPING_AMBIGUOUS, "no patient is named");
}


static bool
dmp_map_path(dmp_request_t *out, dmp_str_t method, dmp_str_t path,
    dmp_str_t query)
{
    dmp_str_t    type, id;
    const char  *slash;

    slash = memchr(path.data, '/', path.len);

    if (slash == NULL) {
        type = path;
        id = dmp_null_string;

    } else {
        type = (dmp_str_t) { path.data, (size_t) (slash - path.data) };
        id = (dmp_str_t) { slash + 1, path.len - type.len - 1 };
    }

    if (dmp_str_eq(type, dmp_string("DocumentReference"))
        && (id.data == NULL || memchr(id.data, '/', id.len) == NULL)
        && (id.data == NULL || id.data[0] != '_'))
    {
        return dmp_map_document(out, method, id, query);
    }

    if (dmp_str_eq(type, dmp_string("Patient")) && id.data == NULL) {
        return dmp_map_patient(out, method, query);
    }

    return dmp_refuse(out, DMP_MAPPING_OPERATION_UNKNOWN,
                      "the path is no transaction of PDSm for DMP");
}


/* Splits the target, and sees to it that it has one reading. */
static bool
dmp_map_target(dmp_request_t *out, dmp_str_t method, dmp_str_t target,
    dmp_str_t base)
{
    size_t       i;
    dmp_str_t    path, query;
    const char  *mark;

    if (target.len > DMP_TARGET_MAX) {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS, "the target is too long");
    }

    mark = (target.len != 0) ? memchr(target.data, '?', target.len) : NULL;

    path = target;
    query = dmp_null_string;

    if (mark != NULL) {
        path.len = (size_t) (mark - target.data);
        query = (dmp_str_t) { mark + 1, target.len - path.len - 1 };
    }

    if (!dmp_path_is_plain(path)) {
        return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "the path cannot be read in one way");
    }

    for (i = 0; i < query.len; i++) {
        if (query.data[i] == ';' || query.data[i] == '?'
            || query.data[i] == '#' || query.data[i] == '\\'
            || (unsigned char) query.data[i] <= 0x20
            || (unsigned char) query.data[i] >= 0x7f)
        {
            return dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                              "the query cannot be read in one way");
        }
    }

    if (path.len < base.len + 2 || path.data[base.len] != '/'
        || !dmp_str_eq((dmp_str_t) { path.data, base.len }, base))
    {
        return dmp_refuse(out, DMP_MAPPING_OPERATION_UNKNOWN,
                          "the path is not below the FHIR base");
    }

    path.data += base.len + 1;
    path.len -= base.len + 1;

    return dmp_map_path(out, method, path, query);
}


void
dmp_request_map(dmp_str_t method, dmp_str_t target, dmp_str_t base,
    const dmp_headers_t *headers, bool has_body, dmp_request_t *out)
{
    memset(out, 0, sizeof(dmp_request_t));

    out->route = "";
    out->mode = (headers->mode == DMP_MODE_NONE) ? DMP_MODE_NORMAL
                                                 : headers->mode;

    if (headers->ambiguous) {
        (void) dmp_refuse(out, DMP_MAPPING_AMBIGUOUS, headers->why);
        return;
    }

    if (!dmp_map_target(out, method, target, base)) {
        return;
    }

    if (has_body) {
        (void) dmp_refuse(out, DMP_MAPPING_AMBIGUOUS,
                          "a body where this transaction has none");
        return;
    }

    if (headers->format_refused) {
        (void) dmp_refuse(out, DMP_MAPPING_FORMAT, "Accept leaves no JSON");
        return;
    }

    out->mapping = DMP_MAPPING_ONE;
}
