/*
 * dmp_page.c: the host's link to another part of a search, sealed with the
 * patient that it is about, so that a client can carry it and not change it.
 */

#include <strings.h>

#include "dmp_request_int.h"


#define PAGE_FORMAT    1
#define PAGE_VERSION   1                 /* of the seal */
#define PAGE_HEAD      5                 /* format, operation, resource, and
                                            the lengths of system and INS */
#define PAGE_SEGMENTS  8                 /* of a target's path */
#define PAGE_SEALED    (DMP_PAGE_MAX + DMP_SEAL_OVERHEAD)


/* The part of *path before its first "/", and *path what is after it. */
static dmp_str_t
page_segment(dmp_str_t *path)
{
    size_t     i;
    dmp_str_t  segment;

    for (i = 0; i < path->len && path->data[i] != '/'; i++) { /* void */ }

    segment = (dmp_str_t) { path->data, i };

    i = (i < path->len) ? i + 1 : i;
    path->data += i;
    path->len -= i;

    return segment;
}


/*
 * No escape and no dots, and no operation or history.  Hosts fold the case of
 * what they route by.
 */
static bool
page_segment_fits(dmp_str_t segment)
{
    char    c;
    size_t  i;

    if (segment.len == 0 || segment.data[0] == '.') {
        return false;
    }

    for (i = 0; i < segment.len; i++) {
        c = segment.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9')
            && c != '-' && c != '.' && c != '_' && c != '~')
        {
            return false;
        }
    }

    return segment.len != 8 || strncasecmp(segment.data, "_history", 8) != 0;
}


/* "Type", "Type/_…" or "_…", with any segments after it; never "Type/ID". */
static bool
page_path_fits(dmp_resource_t resource, dmp_str_t path, bool query)
{
    bool       own;
    size_t     n;
    dmp_str_t  segment, type;

    type = (resource == DMP_RESOURCE_LIST) ? dmp_string("List")
                                           : dmp_string("DocumentReference");
    segment = dmp_null_string;
    own = false;

    for (n = 0; path.len != 0; n++) {

        segment = page_segment(&path);

        if (n == PAGE_SEGMENTS || !page_segment_fits(segment)) {
            return false;
        }

        own = own || segment.data[0] == '_';

        if (!own && (n != 0 || !dmp_str_eq(segment, type))) {
            return false;
        }
    }

    /* without a query it would be a search of everything */

    return query || (own && (segment.len != 7
                             || strncasecmp(segment.data, "_search", 7) != 0));
}


/* As that of a client, and ";", which nobody but this host reads. */
static bool
page_query_fits(dmp_str_t query)
{
    size_t  i, start;

    for (i = 0, start = 0; i <= query.len; i++) {

        if (i < query.len && query.data[i] != ';') {
            continue;
        }

        if (!dmp_request_is_plain((dmp_str_t) { query.data + start,
                                                i - start }))
        {
            return false;
        }

        start = i + 1;
    }

    return query.len != 0;
}


/* What a host may be asked by a link of its own. */
static bool
page_target_fits(dmp_resource_t resource, dmp_str_t target)
{
    dmp_str_t    path, query;
    const char  *mark;

    mark = (target.len != 0) ? memchr(target.data, '?', target.len) : NULL;

    if (mark == NULL) {
        return target.len != 0 && target.data[target.len - 1] != '/'
               && page_path_fits(resource, target, false);
    }

    path = (dmp_str_t) { target.data, (size_t) (mark - target.data) };
    query = (dmp_str_t) { mark + 1, target.len - path.len - 1 };

    return page_path_fits(resource, path, true) && page_query_fits(query);
}


/* The same when it is written and when it is read. */
static bool
page_fits(const dmp_page_t *page)
{
    if (page->resource != DMP_RESOURCE_DOCUMENT_REFERENCE
        && page->resource != DMP_RESOURCE_LIST)
    {
        return false;
    }

    if (page->operation != DMP_OPERATION_SEARCH
        && (page->operation != DMP_OPERATION_REFERENCE
            || page->resource != DMP_RESOURCE_DOCUMENT_REFERENCE))
    {
        return false;
    }

    return page->ins.len != 0
           && page->ins.len <= sizeof(((dmp_request_t *) NULL)->text)
           && dmp_request_system(page->ins_system).len != 0
           && page_target_fits(page->resource, page->target);
}


dmp_rc_t
dmp_page_write(const dmp_keyring_t *keys, dmp_str_t host,
    const dmp_page_t *page, dmp_buf_t *out)
{
    char       text[DMP_PAGE_MAX], sealed[PAGE_SEALED], head[PAGE_HEAD];
    size_t     len;
    dmp_rc_t   rc;
    dmp_buf_t  b;

    if (!page_fits(page)) {
        return DMP_E_UNKNOWN;
    }

    head[0] = PAGE_FORMAT;
    head[1] = (page->operation == DMP_OPERATION_REFERENCE) ? 'r' : 's';
    head[2] = (page->resource == DMP_RESOURCE_LIST) ? 'l' : 'd';
    head[3] = (char) page->ins_system.len;
    head[4] = (char) page->ins.len;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, head, sizeof(head));
    dmp_buf_str(&b, page->ins_system);
    dmp_buf_str(&b, page->ins);
    dmp_buf_str(&b, page->target);

    /* base64url: four characters for three bytes, and for what is left */

    if (b.full || out->full
        || out->size - out->len
           < ((b.len + DMP_SEAL_OVERHEAD) * 4 + 2) / 3)
    {
        return DMP_E_LIMIT;
    }

    rc = dmp_seal(keys, dmp_string("dmp-page"), host, PAGE_VERSION, text,
                  b.len, sealed, &len);

    if (rc == DMP_OK) {
        dmp_buf_base64url(out, (const unsigned char *) sealed, len);
    }

    return rc;
}


/* text is what was sealed, and lives as long as *page. */
static bool
page_parse(dmp_str_t text, dmp_page_t *page)
{
    size_t       system_len, ins_len;
    const char  *p;

    p = text.data;

    if (text.len < PAGE_HEAD || p[0] != PAGE_FORMAT
        || (p[1] != 's' && p[1] != 'r') || (p[2] != 'd' && p[2] != 'l'))
    {
        return false;
    }

    system_len = (unsigned char) p[3];
    ins_len = (unsigned char) p[4];

    if (text.len - PAGE_HEAD < system_len + ins_len) {
        return false;
    }

    page->operation = (p[1] == 'r') ? DMP_OPERATION_REFERENCE
                                    : DMP_OPERATION_SEARCH;
    page->resource = (p[2] == 'l') ? DMP_RESOURCE_LIST
                                   : DMP_RESOURCE_DOCUMENT_REFERENCE;
    page->ins_system = (dmp_str_t) { p + PAGE_HEAD, system_len };
    page->ins = (dmp_str_t) { p + PAGE_HEAD + system_len, ins_len };
    page->target.data = page->ins.data + ins_len;
    page->target.len = text.len - PAGE_HEAD - system_len - ins_len;

    return page_fits(page);
}


dmp_rc_t
dmp_page_read(const dmp_keyring_t *keys, dmp_str_t host, dmp_str_t text,
    char *room, size_t size, dmp_page_t *page)
{
    char           opened[PAGE_SEALED];
    size_t         n, len;
    dmp_rc_t       rc;
    unsigned char  sealed[PAGE_SEALED];

    memset(page, 0, sizeof(dmp_page_t));

    n = text.len / 4 * 3 + (text.len % 4 > 1 ? text.len % 4 - 1 : 0);

    if (n > sizeof(sealed)) {
        return DMP_E_LIMIT;
    }

    if (!dmp_base64url_decode(text, sealed, n)) {
        return DMP_E_SYNTAX;
    }

    rc = dmp_unseal(keys, dmp_string("dmp-page"), host, PAGE_VERSION,
                    (const char *) sealed, n, opened, &len);
    if (rc != DMP_OK) {
        return rc;
    }

    if (len > size) {
        return DMP_E_LIMIT;
    }

    if (len != 0) {
        memcpy(room, opened, len);
    }

    if (!page_parse((dmp_str_t) { room, len }, page)) {
        memset(page, 0, sizeof(dmp_page_t));
        return DMP_E_SYNTAX;
    }

    return DMP_OK;
}
