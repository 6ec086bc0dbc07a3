/*
 * dmp_filter_address.c: by which addresses the host names its own resources.
 * One that readers could take for different ones is neither ours nor somebody
 * else's.  RFC 3986; a FHIR id as in R4, 2.24.0.1.
 */

#include "dmp_filter_int.h"


#define DMP_ID_MAX     64
#define DMP_TYPE_MAX   63

typedef struct {
    dmp_str_t  scheme;                   /* empty: "//host/path" */
    dmp_str_t  host;
    unsigned   port;                     /* 0: none was given */
    dmp_str_t  path;                     /* with query and fragment */
    bool       odd;                      /* such as nobody writes it */
} dmp_url_t;


static bool
dmp_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool
dmp_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
dmp_same_folded(dmp_str_t a, dmp_str_t b)
{
    size_t         i;
    unsigned char  x, y;

    if (a.len != b.len) {
        return false;
    }

    for (i = 0; i < a.len; i++) {
        x = (unsigned char) a.data[i];
        y = (unsigned char) b.data[i];

        if (x != y
            && ((x | 0x20) != (y | 0x20) || !dmp_is_letter(a.data[i])))
        {
            return false;
        }
    }

    return true;
}


/* Where a base may end in an address. */
static bool
dmp_ends_base(dmp_str_t address, size_t n)
{
    return address.len == n || address.data[n] == '/'
           || address.data[n] == '?' || address.data[n] == '#';
}


static bool
dmp_begins_with(dmp_str_t address, dmp_str_t base)
{
    return address.len >= base.len
           && memcmp(address.data, base.data, base.len) == 0
           && dmp_ends_base(address, base.len);
}


/* "host:port", where the user and the brackets of an address may be. */
static void
dmp_url_authority(dmp_url_t *url, dmp_str_t authority)
{
    size_t       i, port;
    const char  *at;

    at = authority.data;

    for (i = 0; i < authority.len; i++) {
        if (authority.data[i] == '@') {
            at = authority.data + i + 1;
            url->odd = true;
        }
    }

    authority.len -= (size_t) (at - authority.data);
    authority.data = at;

    port = authority.len;

    while (port > 0 && dmp_is_digit(authority.data[port - 1])) {
        port--;
    }

    url->host = authority;

    if (port > 0 && authority.data[port - 1] == ':') {
        url->host.len = port - 1;

        for (i = port; i < authority.len && url->port < 65536; i++) {
            url->port = url->port * 10 + (unsigned) (authority.data[i] - '0');
        }
    }

    if (url->host.len != 0 && url->host.data[url->host.len - 1] == '.') {
        url->host.len--;
        url->odd = true;
    }
}


/* From "//" on; false if there is no host. */
static bool
dmp_url_read(dmp_url_t *url, dmp_str_t scheme, dmp_str_t rest)
{
    size_t  n;

    memset(url, 0, sizeof(dmp_url_t));

    if (rest.len < 2 || rest.data[0] != '/' || rest.data[1] != '/') {
        return false;
    }

    n = 2;

    while (!dmp_ends_base(rest, n)) {
        n++;
    }

    url->scheme = scheme;
    url->path.data = rest.data + n;
    url->path.len = rest.len - n;
    dmp_url_authority(url, (dmp_str_t) { rest.data + 2, n - 2 });

    return url->host.len != 0;
}


/* "http" of "http://host"; empty if there is none. */
static dmp_str_t
dmp_scheme(dmp_str_t address)
{
    char         c;
    size_t       i, n;
    const char  *colon;

    colon = address.len != 0 ? memchr(address.data, ':', address.len) : NULL;

    if (colon == NULL) {
        return dmp_null_string;
    }

    n = (size_t) (colon - address.data);

    for (i = 0; i < n; i++) {
        c = address.data[i];

        if (!dmp_is_letter(c) && !dmp_is_digit(c)
            && c != '+' && c != '-' && c != '.')
        {
            return dmp_null_string;
        }
    }

    return (dmp_str_t) { address.data, n };
}


static bool
dmp_is_web(dmp_str_t scheme)
{
    return dmp_same_folded(scheme, dmp_string("http"))
           || dmp_same_folded(scheme, dmp_string("https"));
}


static unsigned
dmp_port(const dmp_url_t *url, dmp_str_t scheme)
{
    if (url->port != 0) {
        return url->port;
    }

    return dmp_same_folded(scheme, dmp_string("https")) ? 443
           : dmp_same_folded(scheme, dmp_string("http")) ? 80 : 0;
}


static bool
dmp_same_host(const dmp_url_t *url, const dmp_url_t *base)
{
    return (url->scheme.len == 0
            || dmp_same_folded(url->scheme, base->scheme))
           && dmp_port(url, base->scheme) == dmp_port(base, base->scheme)
           && dmp_same_folded(url->host, base->host);
}


/* The byte that "%xx" at p stands for, or -1. */
static int
dmp_percent_byte(const char *p, const char *end)
{
    int  i, digit, byte;

    byte = 0;

    if (end - p < 3) {
        return -1;
    }

    for (i = 1; i <= 2; i++) {

        if (dmp_is_digit(p[i])) {
            digit = p[i] - '0';

        } else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f') {
            digit = (p[i] | 0x20) - 'a' + 10;

        } else {
            return -1;
        }

        byte = byte << 4 | digit;
    }

    return byte;
}


/*
 * Whether a path may come to another one when it is normalised: dots, empty
 * segments, and escapes of what needs none.
 */
static bool
dmp_is_ambiguous(dmp_str_t path)
{
    int          byte;
    size_t       dots;
    const char  *p, *end;

    end = path.data + path.len;
    dots = 0;

    for (p = path.data; p < end && *p != '?' && *p != '#'; p++) {

        if (*p == '%') {
            byte = dmp_percent_byte(p, end);

            if (byte == -1 || dmp_is_letter((char) byte)
                || dmp_is_digit((char) byte)
                || memchr("-._~/\\", byte, 6) != NULL)
            {
                return true;
            }
        }

        if (*p == '.' && (p == path.data || p[-1] == '/' || dots != 0)) {
            dots++;

        } else if (*p == '/' && p > path.data
                   && (p[-1] == '/' || dots == 1 || dots == 2))
        {
            return true;

        } else {
            dots = 0;
        }
    }

    return dots == 1 || dots == 2;
}


static dmp_address_t
dmp_address_near(bool near, dmp_str_t path)
{
    return near && dmp_is_ambiguous(path) ? DMP_ADDRESS_ODD
                                          : DMP_ADDRESS_ELSEWHERE;
}


/* "/fhir/…": the bases that are paths were compared. */
static dmp_address_t
dmp_address_path(const dmp_addresses_t *addresses, dmp_str_t address)
{
    bool      near;
    unsigned  i;

    near = false;

    for (i = 0; i < addresses->n_bases; i++) {
        near = near || (addresses->bases[i].len != 0
                        && addresses->bases[i].data[0] == '/');
    }

    return dmp_address_near(near, address);
}


/* "http://host/…", or "//host/…". */
static dmp_address_t
dmp_address_url(const dmp_addresses_t *addresses, dmp_str_t address,
    dmp_str_t scheme, size_t *n_base)
{
    bool       near;
    unsigned   i;
    dmp_str_t  rest, base, name;
    dmp_url_t  url, own;

    rest.data = address.data + (scheme.len != 0 ? scheme.len + 1 : 0);
    rest.len = address.len - (scheme.len != 0 ? scheme.len + 1 : 0);

    if (!dmp_url_read(&url, scheme, rest)) {
        /* some take the slashes that "http:" lacks for there */

        return scheme.len == 0 || dmp_is_web(scheme) ? DMP_ADDRESS_ODD
                                                     : DMP_ADDRESS_ELSEWHERE;
    }

    near = false;

    for (i = 0; i < addresses->n_bases; i++) {

        base = addresses->bases[i];
        name = dmp_scheme(base);

        if (name.len == 0) {
            continue;
        }

        rest.data = base.data + name.len + 1;
        rest.len = base.len - name.len - 1;

        if (!dmp_url_read(&own, name, rest) || !dmp_same_host(&url, &own)) {
            continue;
        }

        if (dmp_begins_with(url.path, own.path)) {
            *n_base = (size_t) (url.path.data - address.data) + own.path.len;
            return url.odd ? DMP_ADDRESS_ODD : DMP_ADDRESS_HOST;
        }

        near = true;
    }

    return dmp_address_near(near, url.path);
}


dmp_address_t
dmp_address_read(const dmp_addresses_t *addresses, dmp_str_t address,
    size_t *n_base)
{
    unsigned   i;
    dmp_str_t  scheme;

    static const dmp_addresses_t  none;

    *n_base = 0;
    addresses = addresses != NULL ? addresses : &none;

    if (address.len == 0) {
        return DMP_ADDRESS_RELATIVE;
    }

    /* a relative one, as most are, begins like none of the others */

    for (i = 0; i < addresses->n_bases; i++) {
        if (addresses->bases[i].len != 0
            && address.data[0] == addresses->bases[i].data[0]
            && dmp_begins_with(address, addresses->bases[i]))
        {
            *n_base = addresses->bases[i].len;
            return DMP_ADDRESS_HOST;
        }
    }

    scheme = dmp_scheme(address);

    if (scheme.len != 0
        || (address.len >= 2 && address.data[0] == '/'
            && address.data[1] == '/'))
    {
        return dmp_address_url(addresses, address, scheme, n_base);
    }

    if (address.data[0] == '/') {
        return dmp_address_path(addresses, address);
    }

    return (unsigned char) address.data[0] <= ' ' ? DMP_ADDRESS_ODD
                                                  : DMP_ADDRESS_RELATIVE;
}


bool
dmp_address_is_plain(dmp_str_t path)
{
    bool    dots;
    char    c;
    size_t  i;

    dots = false;

    for (i = 0; i < path.len; i++) {
        c = path.data[i];

        if (dmp_is_letter(c) || dmp_is_digit(c)) {
            continue;
        }

        if (memchr("-._~/$:,+=", c, 10) == NULL) {
            return false;
        }

        /* without one of these two, there is nothing to normalise */

        dots = dots || (c == '.' && i == 0)
               || (i > 0 && path.data[i - 1] == '/' && (c == '.' || c == '/'));
    }

    return !dots || !dmp_is_ambiguous(path);
}


/* The segment at the start of *path, which moves past it and its "/". */
static dmp_str_t
dmp_segment(dmp_str_t *path)
{
    dmp_str_t    segment;
    const char  *slash;

    segment = *path;
    slash = path->len != 0 ? memchr(path->data, '/', path->len) : NULL;

    if (slash == NULL) {
        *path = dmp_null_string;
        return segment;
    }

    segment.len = (size_t) (slash - path->data);
    path->data = slash + 1;
    path->len -= segment.len + 1;

    return segment;
}


static bool
dmp_is_id(dmp_str_t id)
{
    size_t  i;

    if (id.len == 0 || id.len > DMP_ID_MAX
        || dmp_str_eq(id, dmp_string(".")) || dmp_str_eq(id, dmp_string("..")))
    {
        return false;
    }

    for (i = 0; i < id.len; i++) {
        if (!dmp_is_letter(id.data[i]) && !dmp_is_digit(id.data[i])
            && id.data[i] != '-' && id.data[i] != '.')
        {
            return false;
        }
    }

    return true;
}


static bool
dmp_is_type(dmp_str_t type)
{
    size_t  i;

    if (type.len == 0 || type.len > DMP_TYPE_MAX
        || type.data[0] < 'A' || type.data[0] > 'Z')
    {
        return false;
    }

    for (i = 0; i < type.len; i++) {
        if (!dmp_is_letter(type.data[i])) {
            return false;
        }
    }

    return true;
}


dmp_str_t
dmp_address_find(const dmp_addresses_t *addresses, dmp_str_t address)
{
    size_t     n;
    dmp_str_t  path, type, id, found;

    path = address;

    switch (dmp_address_read(addresses, address, &n)) {

    case DMP_ADDRESS_RELATIVE:
        break;

    case DMP_ADDRESS_HOST:
        if (n == address.len || address.data[n] != '/') {
            return dmp_null_string;
        }

        path.data = address.data + n + 1;
        path.len = address.len - n - 1;
        break;

    default:
        return dmp_null_string;
    }

    found.data = path.data;
    type = dmp_segment(&path);
    id = dmp_segment(&path);

    if (!dmp_is_type(type) || !dmp_is_id(id)) {
        return dmp_null_string;
    }

    found.len = type.len + 1 + id.len;

    if (found.data + found.len == address.data + address.len) {
        return found;
    }

    if (!dmp_str_eq(dmp_segment(&path), dmp_string("_history"))
        || path.data == NULL || !dmp_is_id(path))
    {
        return dmp_null_string;
    }

    return found;
}


dmp_str_t
dmp_address_resource(const dmp_addresses_t *addresses, dmp_str_t address,
    char out[128])
{
    dmp_str_t  found;

    found = dmp_address_find(addresses, address);

    if (found.len != 0) {
        memcpy(out, found.data, found.len);
        found.data = out;
    }

    return found;
}


dmp_str_t
dmp_address_target(const dmp_addresses_t *addresses, dmp_str_t address)
{
    size_t         i, n;
    dmp_str_t      target, path;
    dmp_address_t  whose;

    whose = dmp_address_read(addresses, address, &n);

    if (whose != DMP_ADDRESS_HOST && whose != DMP_ADDRESS_RELATIVE) {
        return dmp_null_string;
    }

    n += whose == DMP_ADDRESS_HOST && n < address.len
         && address.data[n] == '/';
    target.data = address.data + n;
    target.len = address.len - n;
    path = target;

    for (i = 0; i < target.len; i++) {

        if ((unsigned char) target.data[i] <= ' ' || target.data[i] == 0x7f
            || target.data[i] == '#' || target.data[i] == '\\')
        {
            return dmp_null_string;
        }

        if (target.data[i] == '?' && path.len == target.len) {
            path.len = i;
        }
    }

    return dmp_address_is_plain(path) && (path.len == 0 || path.data[0] != '/')
           ? target : dmp_null_string;
}
