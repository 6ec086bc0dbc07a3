/*
 * index_page.c: reads a page of a search with the scanner.  Nothing that a
 * host wrote is believed: a page is read whole before any of it is used, and
 * a link leads nowhere but to the host's own base.
 */

#include "index_page.h"


typedef struct {
    dmp_scan_string_t  relation;
    dmp_scan_string_t  url;
} page_link_t;


/* The value is of a type that it cannot have: not such a Bundle. */
static bool
page_type(dmp_scan_t *s, dmp_scan_type_t type, dmp_rc_t *rc)
{
    if (dmp_scan_peek(s) != type) {
        *rc = DMP_E_UNKNOWN;
        return false;
    }

    return true;
}


static bool
page_text(dmp_scan_t *s, dmp_str_t want, dmp_rc_t *rc)
{
    dmp_scan_string_t  text;

    if (!page_type(s, DMP_SCAN_STRING, rc) || !dmp_scan_string(s, &text)) {
        return false;
    }

    if (!dmp_scan_string_eq(&text, want)) {
        *rc = DMP_E_UNKNOWN;
        return false;
    }

    return true;
}


static bool
page_link_member(dmp_scan_t *s, dmp_str_t name, page_link_t *link,
    dmp_rc_t *rc)
{
    dmp_scan_string_t  *to;

    to = dmp_str_eq(name, dmp_string("relation")) ? &link->relation
         : dmp_str_eq(name, dmp_string("url")) ? &link->url : NULL;

    if (to == NULL) {
        return dmp_scan_skip(s, NULL);
    }

    return page_type(s, DMP_SCAN_STRING, rc) && dmp_scan_string(s, to);
}


/* One next page at most, and it must have an address. */
static bool
page_link(dmp_scan_t *s, index_page_t *page, dmp_rc_t *rc)
{
    dmp_str_t    name;
    page_link_t  link;

    memset(&link, 0, sizeof(link));

    if (!page_type(s, DMP_SCAN_OBJECT, rc) || !dmp_scan_object(s)) {
        return false;
    }

    while (dmp_scan_member(s, &name)) {
        if (!page_link_member(s, name, &link, rc)) {
            return false;
        }
    }

    if (s->error != DMP_SCAN_OK
        || !dmp_scan_string_eq(&link.relation, dmp_string("next")))
    {
        return s->error == DMP_SCAN_OK;
    }

    if (page->next.len != 0 || link.url.raw.len == 0) {
        *rc = DMP_E_UNKNOWN;
        return false;
    }

    if (!dmp_scan_decode(&link.url, page->room, sizeof(page->room),
                         &page->next.len))
    {
        *rc = DMP_E_LIMIT;
        return false;
    }

    page->next.data = page->room;

    return true;
}


static bool
page_links(dmp_scan_t *s, index_page_t *page, dmp_rc_t *rc)
{
    if (!page_type(s, DMP_SCAN_ARRAY, rc) || !dmp_scan_array(s)) {
        return false;
    }

    while (dmp_scan_element(s)) {
        if (!page_link(s, page, rc)) {
            return false;
        }
    }

    return s->error == DMP_SCAN_OK;
}


/* Checked to be objects, each, so that each can be asked for its resource. */
static bool
page_entries(dmp_scan_t *s, index_page_t *page, dmp_rc_t *rc)
{
    dmp_scan_t  from;

    if (!page_type(s, DMP_SCAN_ARRAY, rc)
        || !dmp_scan_skip(s, &page->entries))
    {
        return false;
    }

    dmp_scan_init(&from, page->entries.data, page->entries.len);
    (void) dmp_scan_array(&from);    /* sticky: element() fails as well */

    while (dmp_scan_element(&from)) {
        if (!page_type(&from, DMP_SCAN_OBJECT, rc)
            || !dmp_scan_skip(&from, NULL))
        {
            return false;
        }
    }

    return from.error == DMP_SCAN_OK;
}


static bool
page_members(dmp_scan_t *s, index_page_t *page, dmp_rc_t *rc)
{
    bool       bundle, searchset, ok;
    dmp_str_t  name;

    bundle = false;
    searchset = false;

    if (!page_type(s, DMP_SCAN_OBJECT, rc) || !dmp_scan_object(s)) {
        return false;
    }

    while (dmp_scan_member(s, &name)) {

        if (dmp_str_eq(name, dmp_string("resourceType"))) {
            ok = bundle = page_text(s, dmp_string("Bundle"), rc);

        } else if (dmp_str_eq(name, dmp_string("type"))) {
            ok = searchset = page_text(s, dmp_string("searchset"), rc);

        } else if (dmp_str_eq(name, dmp_string("link"))) {
            ok = page_links(s, page, rc);

        } else if (dmp_str_eq(name, dmp_string("entry"))) {
            ok = page_entries(s, page, rc);

        } else {
            ok = dmp_scan_skip(s, NULL);
        }

        if (!ok) {
            return false;
        }
    }

    if (s->error == DMP_SCAN_OK && (!bundle || !searchset)) {
        *rc = DMP_E_UNKNOWN;
        return false;
    }

    return dmp_scan_end(s);
}


dmp_rc_t
index_page_read(const char *json, size_t len, index_page_t *page)
{
    dmp_rc_t    rc;
    dmp_scan_t  s;

    page->entries = dmp_null_string;
    page->next = dmp_null_string;
    rc = DMP_OK;
    dmp_scan_init(&s, json, len);

    if (page_members(&s, page, &rc)) {
        return DMP_OK;
    }

    page->entries = dmp_null_string;
    page->next = dmp_null_string;

    return s.error != DMP_SCAN_OK ? dmp_scan_rc(&s)
           : rc != DMP_OK ? rc : DMP_E_SYNTAX;
}


/* Moves past one entry; *rc tells what its resource is. */
static bool
page_entry(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_document_t *document, dmp_rc_t *rc)
{
    dmp_str_t  name;

    *rc = DMP_E_UNKNOWN;             /* without a resource */
    document->outcome = false;

    if (!dmp_scan_object(s)) {
        return false;
    }

    while (dmp_scan_member(s, &name)) {
        if (dmp_str_eq(name, dmp_string("resource"))
            ? !dmp_document_read(policy, s, document, rc)
            : !dmp_scan_skip(s, NULL))
        {
            return false;
        }
    }

    return s->error == DMP_SCAN_OK;
}


bool
index_page_each(const dmp_policy_t *policy, const index_page_t *page,
    index_entry_pt each, void *data)
{
    dmp_rc_t        rc;
    dmp_scan_t      s;
    dmp_document_t  document;

    if (page->entries.len == 0) {
        return true;
    }

    dmp_scan_init(&s, page->entries.data, page->entries.len);
    (void) dmp_scan_array(&s);       /* sticky: element() fails as well */

    while (dmp_scan_element(&s)) {

        if (!page_entry(policy, &s, &document, &rc)) {
            return each(data, dmp_scan_rc(&s), NULL);
        }

        if (document.outcome) {
            continue;
        }

        if (!each(data, rc, rc == DMP_OK ? &document : NULL)) {
            return false;
        }
    }

    return true;
}


/* Segments that are names: none that another reader could walk up with. */
static bool
page_path(dmp_str_t path)
{
    size_t     i;
    dmp_str_t  segment;

    segment.data = path.data;

    for (i = 0; i <= path.len; i++) {

        if (i < path.len && path.data[i] != '/') {
            if (path.data[i] == '%' || path.data[i] == ';') {
                return false;
            }

            continue;
        }

        segment.len = (size_t) (path.data + i - segment.data);

        if (segment.len == 0 || dmp_str_eq(segment, dmp_string("."))
            || dmp_str_eq(segment, dmp_string("..")))
        {
            return false;
        }

        segment.data = path.data + i + 1;
    }

    return true;
}


static bool
page_visible(dmp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] <= 0x20 || s.data[i] >= 0x7f || s.data[i] == '#'
            || s.data[i] == '\\')
        {
            return false;
        }
    }

    return s.len != 0;
}


/* Cuts the base off; false if the link is not behind it. */
static bool
page_behind(dmp_str_t base, dmp_str_t *link)
{
    char  after;

    if (base.len == 0 || link->len <= base.len
        || memcmp(link->data, base.data, base.len) != 0)
    {
        return false;
    }

    after = link->data[base.len];

    if (after != '/' && after != '?') {
        return false;
    }

    link->data += base.len + (after == '/');
    link->len -= base.len + (after == '/');

    return true;
}


/* Neither "scheme:…" nor "//host" nor "/path". */
static bool
page_relative(dmp_str_t link)
{
    size_t  i;

    for (i = 0; i < link.len; i++) {

        if (link.data[i] == ':') {
            return false;
        }

        if (link.data[i] == '?' || link.data[i] == '/') {
            return link.data[0] != '/';
        }
    }

    return true;
}


dmp_str_t
index_link(const dmp_str_t *bases, unsigned n, dmp_str_t link)
{
    size_t       path;
    unsigned     i;
    const char  *query;

    if (!page_visible(link) || link.len > INDEX_LINK_MAX) {
        return dmp_null_string;
    }

    for (i = 0; i < n && !page_behind(bases[i], &link); i++) {
        /* the next one */
    }

    if ((i == n && !page_relative(link)) || link.len == 0) {
        return dmp_null_string;
    }

    query = memchr(link.data, '?', link.len);
    path = query != NULL ? (size_t) (query - link.data) : link.len;

    if (path != 0 && !page_path((dmp_str_t) { link.data, path })) {
        return dmp_null_string;
    }

    return link;
}


/* The bytes of "http://" or "https://" that it begins with. */
static size_t
page_scheme(dmp_str_t url)
{
    size_t  i;

    static const dmp_str_t  schemes[] = {
        dmp_string("http://"), dmp_string("https://")
    };

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (url.len > schemes[i].len
            && memcmp(url.data, schemes[i].data, schemes[i].len) == 0)
        {
            return schemes[i].len;
        }
    }

    return 0;
}


dmp_str_t
index_base_path(dmp_str_t base)
{
    size_t       scheme;
    const char  *slash;

    scheme = page_scheme(base);

    if (scheme == 0) {
        return dmp_null_string;
    }

    slash = memchr(base.data + scheme, '/', base.len - scheme);

    if (slash == NULL) {
        return dmp_null_string;
    }

    return (dmp_str_t) { slash, (size_t) (base.data + base.len - slash) };
}


dmp_str_t
index_base(dmp_str_t url)
{
    dmp_str_t  path;

    if (url.len > 0 && url.data[url.len - 1] == '/') {
        url.len--;
    }

    if (!page_visible(url) || page_scheme(url) == 0
        || url.data[page_scheme(url)] == '/'
        || memchr(url.data, '@', url.len) != NULL
        || memchr(url.data, '?', url.len) != NULL)
    {
        return dmp_null_string;
    }

    path = index_base_path(url);

    if (path.len != 0
        && !page_path((dmp_str_t) { path.data + 1, path.len - 1 }))
    {
        return dmp_null_string;
    }

    return url;
}
