/*
 * dmp_filter_link.c: Bundle.link, through which a client turns pages.  Only
 * what the caller makes ours stays: a link of the host's may name what the
 * answer must not, and leads around the gateway.
 */

#include "dmp_search_int.h"


#define DMP_LINKS_MAX  32

typedef struct {
    dmp_scan_string_t  relation;
    dmp_scan_string_t  url;
    bool               odd;              /* it has something else */
} dmp_one_link_t;


static bool
dmp_link_member(dmp_search_t *c, dmp_one_link_t *link, dmp_str_t name)
{
    dmp_scan_string_t  *to;

    to = dmp_str_eq(name, dmp_string("relation")) ? &link->relation
         : dmp_str_eq(name, dmp_string("url")) ? &link->url : NULL;

    if (to == NULL || dmp_scan_peek(&c->scan) != DMP_SCAN_STRING) {
        link->odd = true;
        return dmp_scan_skip(&c->scan, NULL);
    }

    return dmp_scan_string(&c->scan, to);
}


static bool
dmp_link_read(dmp_search_t *c, dmp_one_link_t *link)
{
    dmp_str_t  name;

    memset(link, 0, sizeof(dmp_one_link_t));

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_OBJECT) {
        return dmp_scan_skip(&c->scan, NULL);
    }

    (void) dmp_scan_object(&c->scan);    /* sticky: member() fails as well */

    while (dmp_scan_member(&c->scan, &name)) {
        if (!dmp_link_member(c, link, name)) {
            return false;
        }
    }

    return c->scan.error == DMP_SCAN_OK;
}


/* What the caller puts there; empty if it does not leave. */
static dmp_str_t
dmp_link_ours(dmp_search_t *c, const dmp_one_link_t *link)
{
    dmp_str_t            relation, target;
    const dmp_filter_t  *f;

    f = c->filter;

    if (link->relation.raw.len == 0 || f->link == NULL) {
        return dmp_null_string;
    }

    target = dmp_null_string;

    if (!link->odd && link->url.raw.len != 0) {
        target = dmp_address_target(f->addresses,
                                    dmp_edits_text(&c->edits, &link->url));
    }

    relation = dmp_edits_text(&c->edits, &link->relation);

    if (target.len == 0) {
        /* the caller may miss it */
        (void) f->link(f->data, relation, dmp_null_string);
        return dmp_null_string;
    }

    return f->link(f->data, relation, target);
}


bool
dmp_search_links(dmp_search_t *c, size_t start)
{
    size_t          n, kept, mark, element;
    dmp_str_t       ours;
    dmp_one_link_t  link;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_ARRAY) {
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_array(&c->scan);     /* sticky: element() fails as well */

    mark = c->edits.n;
    kept = 0;

    for (n = 0; dmp_scan_element(&c->scan); n++) {

        element = dmp_scan_offset(&c->scan);

        if (n == DMP_LINKS_MAX) {
            return dmp_search_refuse(c, DMP_E_LIMIT);
        }

        if (!dmp_link_read(c, &link)) {
            return false;
        }

        ours = dmp_link_ours(c, &link);

        if (ours.len == 0) {
            dmp_edits_drop(&c->edits, element, dmp_scan_offset(&c->scan));
            continue;
        }

        dmp_edits_string(&c->edits, link.url.raw, ours);
        kept++;
    }

    if (c->scan.error != DMP_SCAN_OK) {
        return false;
    }

    if (kept == 0) {
        c->edits.n = mark;
        dmp_edits_drop(&c->edits, start, dmp_scan_offset(&c->scan));
    }

    return true;
}
