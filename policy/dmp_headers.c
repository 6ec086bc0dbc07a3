/*
 * dmp_headers.c: the request headers that mean something to the gateway, and
 * the few that reach the record host.
 */

#include "dmp_request_int.h"


typedef enum {
    DMP_KIND_REFUSED = 0,
    DMP_KIND_OURS,
    DMP_KIND_TOKEN,
    DMP_KIND_COOKIE,
    DMP_KIND_ACCEPT,
    DMP_KIND_CONTENT_TYPE,
    DMP_KIND_CONTENT_ENCODING,
    DMP_KIND_CONDITION,
    DMP_KIND_CONNECTION,
    DMP_KIND_FORWARDED
} dmp_header_kind_t;

/*
 * What is not here is stripped.  Hosts take the number of results, a tenant, a
 * partition, another form or a part of the answer from headers of any name:
 * what was decided would not be what they answer.
 */
static const struct {
    dmp_str_t          name;
    dmp_header_kind_t  kind;
    unsigned           seen;
} dmp_header_table[] = {
    { dmp_string("dmp-access-mode"), DMP_KIND_OURS, DMP_SEEN_MODE },
    { dmp_string("dmp-justification"), DMP_KIND_OURS, DMP_SEEN_JUSTIFICATION },
    { dmp_string("dmp-patient-family"), DMP_KIND_OURS, DMP_SEEN_FAMILY },
    { dmp_string("dmp-patient-given"), DMP_KIND_OURS, DMP_SEEN_GIVEN },
    { dmp_string("dmp-patient-birthdate"), DMP_KIND_OURS, DMP_SEEN_BIRTHDATE },

    { dmp_string("authorization"), DMP_KIND_TOKEN, 0 },
    { dmp_string("cookie"), DMP_KIND_COOKIE, 0 },
    { dmp_string("accept"), DMP_KIND_ACCEPT, DMP_SEEN_ACCEPT },
    { dmp_string("content-type"), DMP_KIND_CONTENT_TYPE,
      DMP_SEEN_CONTENT_TYPE },
    { dmp_string("content-encoding"), DMP_KIND_CONTENT_ENCODING, 0 },
    { dmp_string("connection"), DMP_KIND_CONNECTION, 0 },
    { dmp_string("if-match"), DMP_KIND_CONDITION, 0 },
    { dmp_string("if-none-match"), DMP_KIND_CONDITION, 0 },
    { dmp_string("if-modified-since"), DMP_KIND_CONDITION, 0 },
    { dmp_string("if-unmodified-since"), DMP_KIND_CONDITION, 0 },

    /* of the message, and its languages */
    { dmp_string("host"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("content-length"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("transfer-encoding"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("expect"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("accept-language"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("content-language"), DMP_KIND_FORWARDED, 0 },

    /* hosts write them down, so that logs can be put side by side */
    { dmp_string("user-agent"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("x-request-id"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("x-correlation-id"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("traceparent"), DMP_KIND_FORWARDED, 0 },
    { dmp_string("tracestate"), DMP_KIND_FORWARDED, 0 },

    /* they name another method or another resource than the request line */
    { dmp_string("x-http-method-override"), DMP_KIND_REFUSED, 0 },
    { dmp_string("x-http-method"), DMP_KIND_REFUSED, 0 },
    { dmp_string("x-method-override"), DMP_KIND_REFUSED, 0 },
    { dmp_string("x-original-url"), DMP_KIND_REFUSED, 0 },
    { dmp_string("x-rewrite-url"), DMP_KIND_REFUSED, 0 },
    { dmp_string("content-location"), DMP_KIND_REFUSED, 0 },
    { dmp_string("destination"), DMP_KIND_REFUSED, 0 },
    { dmp_string("if-none-exist"), DMP_KIND_REFUSED, 0 },
};


static char
dmp_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c | 0x20) : c;
}


static bool
dmp_starts(dmp_str_t s, dmp_str_t prefix)
{
    return s.len >= prefix.len && memcmp(s.data, prefix.data, prefix.len) == 0;
}


static void
dmp_headers_refuse(dmp_headers_t *headers, const char *why)
{
    headers->ambiguous = true;
    headers->why = why;
}


static dmp_str_t
dmp_trim(dmp_str_t s)
{
    while (s.len != 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len != 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


/* The part of *list before the separator, and *list what is after it. */
static dmp_str_t
dmp_cut(dmp_str_t *list, char separator)
{
    size_t     i;
    dmp_str_t  part;

    for (i = 0; i < list->len && list->data[i] != separator; i++) { /* void */ }

    part = (dmp_str_t) { list->data, i };

    i = (i < list->len) ? i + 1 : i;
    list->data += i;
    list->len -= i;

    return dmp_trim(part);
}


/* Lower-cased into text; empty if it is longer than any word we compare. */
static dmp_str_t
dmp_lowered(dmp_str_t s, char text[DMP_NAME_MAX])
{
    size_t  i;

    if (s.len > DMP_NAME_MAX) {
        return dmp_null_string;
    }

    for (i = 0; i < s.len; i++) {
        text[i] = dmp_lower(s.data[i]);
    }

    return (dmp_str_t) { text, s.len };
}


/* A hop-by-hop list could make a proxy behind us drop what we add. */
static void
dmp_header_connection(dmp_headers_t *headers, dmp_str_t value)
{
    char       text[DMP_NAME_MAX];
    dmp_str_t  part, element;

    while (value.len != 0) {
        part = dmp_cut(&value, ',');
        element = dmp_lowered(part, text);

        if (part.len != 0
            && !dmp_str_eq(element, dmp_string("keep-alive"))
            && !dmp_str_eq(element, dmp_string("close"))
            && !dmp_str_eq(element, dmp_string("te")))
        {
            dmp_headers_refuse(headers, "Connection names other headers");
        }
    }
}


/* A weight of zero says "not this" (RFC 9110, 12.4.2). */
static bool
dmp_weight_is_zero(dmp_str_t parameters)
{
    size_t     i;
    char       text[DMP_NAME_MAX];
    dmp_str_t  parameter;

    while (parameters.len != 0) {
        parameter = dmp_lowered(dmp_cut(&parameters, ';'), text);

        if (!dmp_starts(parameter, dmp_string("q=0"))) {
            continue;
        }

        for (i = 3; i < parameter.len; i++) {
            if (text[i] != '.' && text[i] != '0') {
                break;
            }
        }

        if (i == parameter.len) {
            return true;
        }
    }

    return false;
}


/* What it leaves: some JSON, nothing but FHIR in XML, or something else. */
static void
dmp_header_accept(dmp_headers_t *headers, dmp_str_t value)
{
    bool       other;
    char       text[DMP_NAME_MAX];
    dmp_str_t  range, element;

    other = false;
    headers->format_refused = true;

    while (value.len != 0) {
        range = dmp_cut(&value, ',');
        element = dmp_cut(&range, ';');

        if (element.len == 0 || dmp_weight_is_zero(range)) {
            continue;
        }

        element = dmp_lowered(element, text);

        if (dmp_str_eq(element, dmp_string("*/*"))
            || dmp_str_eq(element, dmp_string("application/*"))
            || dmp_str_eq(element, dmp_string("application/json"))
            || dmp_str_eq(element, dmp_string("application/fhir+json")))
        {
            headers->format_refused = false;

        } else if (dmp_str_eq(element, dmp_string("application/fhir+xml"))) {
            headers->xml_only = true;

        } else {
            other = true;
        }
    }

    if (other || !headers->format_refused) {
        headers->xml_only = false;
    }
}


/* One of two types, and no charset but the one that both have. */
static void
dmp_header_content_type(dmp_headers_t *headers, dmp_str_t value)
{
    bool       form, json;
    char       text[DMP_NAME_MAX];
    dmp_str_t  type, charset;

    type = dmp_lowered(dmp_cut(&value, ';'), text);
    form = dmp_str_eq(type, dmp_string("application/x-www-form-urlencoded"));
    json = dmp_str_eq(type, dmp_string("application/json"));

    value = dmp_trim(value);
    charset = dmp_lowered(value, text);

    if (value.len != 0
        && !dmp_str_eq(charset, dmp_string("charset=utf-8"))
        && !dmp_str_eq(charset, dmp_string("charset=\"utf-8\"")))
    {
        return;
    }

    headers->form = form;
    headers->json = json;
}


static void
dmp_header_content_encoding(dmp_headers_t *headers, dmp_str_t value)
{
    char  text[DMP_NAME_MAX];

    if (!dmp_str_eq(dmp_lowered(dmp_trim(value), text),
                    dmp_string("identity")))
    {
        headers->encoded = true;
    }
}


static void
dmp_header_mode(dmp_headers_t *headers, dmp_str_t value)
{
    if (dmp_str_eq(value, dmp_string("normal"))) {
        headers->mode = DMP_MODE_NORMAL;

    } else if (dmp_str_eq(value, dmp_string("bris-de-glace"))) {
        headers->mode = DMP_MODE_BRIS_DE_GLACE;

    } else if (dmp_str_eq(value, dmp_string("centre-15"))) {
        headers->mode = DMP_MODE_CENTRE_15;

    } else {
        dmp_headers_refuse(headers, "DMP-Access-Mode has no such mode");
    }
}


/* A session of ours in a cookie is a credential; other cookies are not. */
static bool
dmp_cookie_has_session(dmp_str_t value)
{
    size_t           i;
    const dmp_str_t  name = dmp_string("__Host-dmp-session=");

    for (i = 0; i + name.len <= value.len; i++) {
        if (memcmp(value.data + i, name.data, name.len) == 0) {
            return true;
        }
    }

    return false;
}


static void
dmp_header_ours(dmp_headers_t *headers, unsigned seen, bool folded,
    dmp_str_t value)
{
    if (folded) {
        dmp_headers_refuse(headers, "a DMP header is spelt with \"_\"");
    }

    switch (seen) {

    case DMP_SEEN_MODE:
        dmp_header_mode(headers, value);
        break;

    case DMP_SEEN_JUSTIFICATION:
        headers->justification = value;
        break;

    case DMP_SEEN_FAMILY:
        headers->family = value;
        break;

    case DMP_SEEN_GIVEN:
        headers->given = value;
        break;

    case DMP_SEEN_BIRTHDATE:
        headers->birthdate = value;
        break;

    default:
        break;
    }
}


static void
dmp_header_seen(dmp_headers_t *headers, unsigned seen)
{
    if (headers->seen & seen) {
        dmp_headers_refuse(headers, "a header is given twice");
    }

    headers->seen |= seen;
}


static dmp_header_t
dmp_header_take(dmp_headers_t *headers, size_t entry, bool folded,
    dmp_str_t value)
{
    dmp_header_seen(headers, dmp_header_table[entry].seen);

    switch (dmp_header_table[entry].kind) {

    case DMP_KIND_OURS:
        dmp_header_ours(headers, dmp_header_table[entry].seen, folded, value);
        return DMP_HEADER_STRIP;

    case DMP_KIND_TOKEN:
        headers->token = true;
        return DMP_HEADER_STRIP;

    case DMP_KIND_COOKIE:
        headers->token = headers->token || dmp_cookie_has_session(value);
        return DMP_HEADER_STRIP;

    case DMP_KIND_ACCEPT:
        dmp_header_accept(headers, value);
        return DMP_HEADER_FORWARD;

    case DMP_KIND_CONTENT_TYPE:
        if (!folded) {
            dmp_header_content_type(headers, value);
        }
        return DMP_HEADER_FORWARD;

    case DMP_KIND_CONTENT_ENCODING:
        /* none but "identity" gets through, which says nothing */
        dmp_header_content_encoding(headers, value);
        return DMP_HEADER_STRIP;

    case DMP_KIND_CONDITION:
        headers->conditional = true;
        return DMP_HEADER_STRIP;

    case DMP_KIND_CONNECTION:
        dmp_header_connection(headers, value);
        return DMP_HEADER_FORWARD;

    case DMP_KIND_FORWARDED:
        return DMP_HEADER_FORWARD;

    case DMP_KIND_REFUSED:
        dmp_headers_refuse(headers, "a header names another method or "
                           "resource");
        return DMP_HEADER_STRIP;
    }

    return DMP_HEADER_STRIP;
}


dmp_header_t
dmp_request_header(dmp_headers_t *headers, dmp_str_t name, dmp_str_t value)
{
    bool          folded;
    char          text[DMP_NAME_MAX];
    size_t        i, n;
    dmp_str_t     lowered;
    dmp_header_t  what;

    folded = false;
    n = (name.len < DMP_NAME_MAX) ? name.len : DMP_NAME_MAX;

    for (i = 0; i < n; i++) {
        text[i] = dmp_lower(name.data[i]);

        if (text[i] == '_') {
            text[i] = '-';
            folded = true;
        }
    }

    lowered = (dmp_str_t) { text, n };

    for (i = 0; i < sizeof(dmp_header_table) / sizeof(dmp_header_table[0]);
         i++)
    {
        if (name.len == n && dmp_str_eq(dmp_header_table[i].name, lowered)) {
            what = dmp_header_take(headers, i, folded, value);

            return folded ? DMP_HEADER_STRIP : what;
        }
    }

    if (dmp_starts(lowered, dmp_string("dmp-"))
        || dmp_starts(lowered, dmp_string("x-dmp-")))
    {
        dmp_headers_refuse(headers, "an unknown DMP header");
    }

    return DMP_HEADER_STRIP;
}
