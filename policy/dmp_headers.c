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
    DMP_KIND_SITE,
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
    { dmp_string("dmp-request"), DMP_KIND_OURS, DMP_SEEN_REQUEST },

    { dmp_string("authorization"), DMP_KIND_TOKEN, DMP_SEEN_AUTHORIZATION },
    { dmp_string("cookie"), DMP_KIND_COOKIE, 0 },
    { dmp_string("sec-fetch-site"), DMP_KIND_SITE, DMP_SEEN_SITE },
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


/* In thousandths; 1000 where it is not said, or not so (RFC 9110, 12.4.2). */
static unsigned
dmp_weight(dmp_str_t parameters)
{
    char       text[DMP_NAME_MAX];
    size_t     i;
    unsigned   weight;
    dmp_str_t  parameter;

    while (parameters.len != 0) {
        parameter = dmp_lowered(dmp_cut(&parameters, ';'), text);

        if (!dmp_starts(parameter, dmp_string("q=0."))) {
            continue;
        }

        for (i = 4, weight = 0; i < 7; i++) {
            weight *= 10;

            if (i < parameter.len && text[i] >= '0' && text[i] <= '9') {
                weight += (unsigned) (text[i] - '0');
            }
        }

        return weight;
    }

    return 1000;
}


/* What it leaves: some JSON, nothing but FHIR in XML, or something else. */
static void
dmp_header_accept(dmp_headers_t *headers, dmp_str_t value)
{
    bool       other;
    char       text[DMP_NAME_MAX];
    unsigned   fhir, json;
    dmp_str_t  range, element;

    fhir = 0;
    json = 0;
    other = false;
    headers->format_refused = true;

    while (value.len != 0) {
        range = dmp_cut(&value, ',');
        element = dmp_cut(&range, ';');

        if (element.len == 0 || dmp_weight_is_zero(range)) {
            continue;
        }

        element = dmp_lowered(element, text);

        if (dmp_str_eq(element, dmp_string("application/fhir+json"))) {
            fhir = dmp_weight(range);

        } else if (dmp_str_eq(element, dmp_string("application/json"))) {
            json = dmp_weight(range);
        }

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

    headers->fhir = fhir > json;
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


static void
dmp_header_seen(dmp_headers_t *headers, unsigned seen)
{
    if (headers->seen & seen) {
        dmp_headers_refuse(headers, "a header is given twice");
    }

    headers->seen |= seen;
}


/* b64token of RFC 6750, 2.1. */
static bool
dmp_is_token(dmp_str_t value)
{
    char    c;
    size_t  i;

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9')
            && c != '-' && c != '.' && c != '_' && c != '~' && c != '+'
            && c != '/' && c != '=')
        {
            return false;
        }
    }

    return value.len != 0;
}


/* Who shows two credentials could be taken for either. */
static void
dmp_header_credential(dmp_headers_t *headers)
{
    headers->token = true;

    if ((headers->seen & DMP_SEEN_AUTHORIZATION)
        && (headers->seen & DMP_SEEN_SESSION))
    {
        dmp_headers_refuse(headers, "a session's cookie and Authorization");
    }
}


/* "Bearer TOKEN"; what is of another scheme is a credential that fails. */
static void
dmp_header_authorization(dmp_headers_t *headers, dmp_str_t value)
{
    char       text[DMP_NAME_MAX];
    dmp_str_t  scheme;

    dmp_header_credential(headers);

    value = dmp_trim(value);
    scheme = dmp_cut(&value, ' ');

    if (scheme.len == 0) {
        dmp_headers_refuse(headers, "Authorization is empty");
        return;
    }

    if (!dmp_str_eq(dmp_lowered(scheme, text), dmp_string("bearer"))) {
        return;
    }

    value = dmp_trim(value);

    if (!dmp_is_token(value)) {
        dmp_headers_refuse(headers, "Authorization: Bearer has no token");
        return;
    }

    headers->bearer = value;
}


/*
 * The pairs of RFC 6265, 4.2.1.  A session of ours is a credential; other
 * cookies are nothing to us.  HTTP/2 may bring pairs in headers of their own.
 */
static void
dmp_header_cookie(dmp_headers_t *headers, dmp_str_t value)
{
    dmp_str_t  pair;

    static const dmp_str_t  name = dmp_string("__Host-dmp-session=");

    while (value.len != 0) {
        pair = dmp_cut(&value, ';');

        if (!dmp_starts(pair, name)) {
            continue;
        }

        dmp_header_seen(headers, DMP_SEEN_SESSION);
        dmp_header_credential(headers);

        pair.data += name.len;
        pair.len -= name.len;

        if (pair.len == 0) {
            dmp_headers_refuse(headers, "the session's cookie is empty");
            return;
        }

        headers->session_cookie = pair;
    }
}


/* Fetch Metadata; a browser sets it, and no script can. */
static void
dmp_header_site(dmp_headers_t *headers, dmp_str_t value)
{
    value = dmp_trim(value);

    if (dmp_str_eq(value, dmp_string("same-origin"))) {
        headers->site = DMP_SITE_SAME_ORIGIN;

    } else if (dmp_str_eq(value, dmp_string("none"))) {
        headers->site = DMP_SITE_USER;

    } else {
        headers->site = DMP_SITE_OTHER;
    }
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

    case DMP_SEEN_REQUEST:
        headers->dmp_request = dmp_str_eq(value, dmp_string("1"));

        if (!headers->dmp_request) {
            dmp_headers_refuse(headers, "DMP-Request is not 1");
        }
        break;

    default:
        break;
    }
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
        dmp_header_authorization(headers, value);
        return DMP_HEADER_STRIP;

    case DMP_KIND_COOKIE:
        dmp_header_cookie(headers, value);
        return DMP_HEADER_STRIP;

    case DMP_KIND_SITE:
        /* spelt with "_" no browser sent it */
        if (!folded) {
            dmp_header_site(headers, value);
        }
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
