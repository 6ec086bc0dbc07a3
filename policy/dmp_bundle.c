/*
 * dmp_bundle.c: cuts a search answer down to what may leave, as byte ranges
 * of the original.  It never rewrites: what leaves is as the host wrote it.
 */

#include <dmp/dmp_document.h>


typedef struct {
    dmp_scan_t           scan;
    const dmp_policy_t  *policy;
    dmp_judge_pt         judge;
    void                *data;
    size_t               max_entries;
    size_t               n_entries;
    size_t               max_ranges;
    dmp_cut_t           *out;
    dmp_rc_t             rc;             /* DMP_OK, or why all is refused */
    bool                 is_bundle;
    bool                 is_searchset;
} dmp_cutter_t;

/*
 * A list of members or of elements being cut.  What separates two of them
 * belongs to the second, unless all before it were left out.
 */
typedef struct {
    size_t  start;                       /* of the current one */
    size_t  last;                        /* end of the one before */
    bool    any;                         /* one of them was kept */
} dmp_list_cut_t;

typedef enum {
    DMP_MEMBER_UNKNOWN = 0,              /* nothing of the answer leaves */
    DMP_MEMBER_KEEP,
    DMP_MEMBER_REMOVE,
    DMP_MEMBER_RESOURCE_TYPE,
    DMP_MEMBER_TYPE,
    DMP_MEMBER_ENTRY,
    DMP_MEMBER_RESOURCE
} dmp_member_t;

typedef struct {
    dmp_str_t     name;
    dmp_member_t  member;
} dmp_known_t;


/* FHIR R4, Bundle; "_name" is the same member's extensions. */
static const dmp_known_t  dmp_bundle_members[] = {
    { dmp_string("resourceType"), DMP_MEMBER_RESOURCE_TYPE },
    { dmp_string("type"), DMP_MEMBER_TYPE },
    { dmp_string("entry"), DMP_MEMBER_ENTRY },
    { dmp_string("total"), DMP_MEMBER_REMOVE },
    { dmp_string("_total"), DMP_MEMBER_REMOVE },
    { dmp_string("id"), DMP_MEMBER_KEEP },
    { dmp_string("_id"), DMP_MEMBER_KEEP },
    { dmp_string("meta"), DMP_MEMBER_KEEP },
    { dmp_string("implicitRules"), DMP_MEMBER_KEEP },
    { dmp_string("_implicitRules"), DMP_MEMBER_KEEP },
    { dmp_string("language"), DMP_MEMBER_KEEP },
    { dmp_string("_language"), DMP_MEMBER_KEEP },
    { dmp_string("identifier"), DMP_MEMBER_KEEP },
    { dmp_string("_type"), DMP_MEMBER_KEEP },
    { dmp_string("timestamp"), DMP_MEMBER_KEEP },
    { dmp_string("_timestamp"), DMP_MEMBER_KEEP },
    { dmp_string("link"), DMP_MEMBER_KEEP },
    { dmp_string("signature"), DMP_MEMBER_KEEP },
    { dmp_null_string, DMP_MEMBER_UNKNOWN }
};

/*
 * Bundle.entry; not "request" nor "response", which a search answer has not
 * and which may hold another resource.
 */
static const dmp_known_t  dmp_entry_members[] = {
    { dmp_string("resource"), DMP_MEMBER_RESOURCE },
    { dmp_string("fullUrl"), DMP_MEMBER_KEEP },
    { dmp_string("_fullUrl"), DMP_MEMBER_KEEP },
    { dmp_string("search"), DMP_MEMBER_KEEP },
    { dmp_string("link"), DMP_MEMBER_KEEP },
    { dmp_string("id"), DMP_MEMBER_KEEP },
    { dmp_string("extension"), DMP_MEMBER_KEEP },
    { dmp_null_string, DMP_MEMBER_UNKNOWN }
};


static dmp_member_t
dmp_known(const dmp_known_t *known, dmp_str_t name)
{
    while (known->name.len != 0 && !dmp_str_eq(known->name, name)) {
        known++;
    }

    return known->member;
}


/* All of it is refused; the scan ends here. */
static bool
dmp_cut_refuse(dmp_cutter_t *c, dmp_rc_t rc)
{
    if (c->rc == DMP_OK) {
        c->rc = rc;
    }

    return false;
}


static bool
dmp_cut_keep(dmp_cutter_t *c, size_t from, size_t to)
{
    size_t        n;
    dmp_range_t  *ranges;

    if (from == to) {
        return true;
    }

    n = c->out->n_ranges;
    ranges = c->out->ranges;
    c->out->size += to - from;

    if (n != 0 && ranges[n - 1].to == from) {
        ranges[n - 1].to = to;
        return true;
    }

    if (n == c->max_ranges) {
        return dmp_cut_refuse(c, DMP_E_LIMIT);
    }

    ranges[n].from = from;
    ranges[n].to = to;
    c->out->n_ranges++;

    return true;
}


/* Keeps the current one up to "to", with its comma if it needs one. */
static bool
dmp_list_keep(dmp_cutter_t *c, dmp_list_cut_t *list, size_t to)
{
    size_t  from;

    from = list->any ? list->last : list->start;
    list->any = true;

    return dmp_cut_keep(c, from, to);
}


/* One element of "entry": its document is judged, the rest only known. */
static bool
dmp_cut_entry(dmp_cutter_t *c, bool *stays)
{
    dmp_rc_t        rc;
    dmp_str_t       name;
    dmp_member_t    member;
    dmp_document_t  document;

    *stays = false;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_OBJECT) {
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_object(&c->scan);    /* sticky: member() fails as well */

    while (dmp_scan_member(&c->scan, &name)) {

        member = dmp_known(dmp_entry_members, name);

        if (member == DMP_MEMBER_UNKNOWN) {
            return dmp_cut_refuse(c, DMP_E_UNKNOWN);
        }

        if (member == DMP_MEMBER_KEEP) {
            if (!dmp_scan_skip(&c->scan, NULL)) {
                return false;
            }

            continue;
        }

        if (!dmp_document_read(c->policy, &c->scan, &document, &rc)) {
            return false;
        }

        if (rc == DMP_OK) {
            *stays = c->judge(c->data, &document);
            c->out->shown += *stays;

        } else {
            *stays = document.outcome;
        }
    }

    c->out->withheld += !*stays;

    return c->scan.error == DMP_SCAN_OK;
}


/*
 * The elements of "entry".  The member itself, name and all, is kept only
 * once an element of it is.
 */
static bool
dmp_cut_entries(dmp_cutter_t *c, dmp_list_cut_t *members)
{
    bool            stays;
    size_t          head;
    dmp_list_cut_t  list;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_ARRAY) {
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_array(&c->scan);     /* sticky: element() fails as well */

    head = 0;
    memset(&list, 0, sizeof(list));

    while (dmp_scan_element(&c->scan)) {

        list.start = dmp_scan_offset(&c->scan);
        head = c->n_entries == 0 ? list.start : head;

        if (c->n_entries++ == c->max_entries) {
            return dmp_cut_refuse(c, DMP_E_LIMIT);
        }

        if (!dmp_cut_entry(c, &stays)) {
            return false;
        }

        if (stays && !list.any && !dmp_list_keep(c, members, head)) {
            return false;
        }

        if (stays && !dmp_list_keep(c, &list, dmp_scan_offset(&c->scan))) {
            return false;
        }

        list.last = dmp_scan_offset(&c->scan);
    }

    if (c->scan.error != DMP_SCAN_OK) {
        return false;
    }

    return !list.any
           || dmp_cut_keep(c, list.last, dmp_scan_offset(&c->scan));
}


/* A member whose value must be that one text. */
static bool
dmp_cut_text(dmp_cutter_t *c, dmp_str_t text, bool *seen)
{
    dmp_scan_string_t  value;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_STRING) {
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    if (!dmp_scan_string(&c->scan, &value)) {
        return false;
    }

    *seen = dmp_scan_string_eq(&value, text);

    return *seen || dmp_cut_refuse(c, DMP_E_UNKNOWN);
}


static bool
dmp_cut_member(dmp_cutter_t *c, dmp_list_cut_t *list, dmp_str_t name)
{
    switch (dmp_known(dmp_bundle_members, name)) {

    case DMP_MEMBER_ENTRY:
        return dmp_cut_entries(c, list);

    case DMP_MEMBER_REMOVE:
        return dmp_scan_skip(&c->scan, NULL);

    case DMP_MEMBER_RESOURCE_TYPE:
        if (!dmp_cut_text(c, dmp_string("Bundle"), &c->is_bundle)) {
            return false;
        }

        break;

    case DMP_MEMBER_TYPE:
        if (!dmp_cut_text(c, dmp_string("searchset"), &c->is_searchset)) {
            return false;
        }

        break;

    case DMP_MEMBER_KEEP:
        if (!dmp_scan_skip(&c->scan, NULL)) {
            return false;
        }

        break;

    default:
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    return dmp_list_keep(c, list, dmp_scan_offset(&c->scan));
}


static bool
dmp_cut_members(dmp_cutter_t *c)
{
    bool            first;
    dmp_str_t       name;
    dmp_list_cut_t  list;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_OBJECT) {
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_object(&c->scan);    /* sticky: member() fails as well */

    first = true;
    memset(&list, 0, sizeof(list));

    while (dmp_scan_member(&c->scan, &name)) {

        list.start = (size_t) (name.data - (const char *) c->scan.start) - 1;

        /* what stands before the first leaves, whether that stays or not */

        if (first && !dmp_cut_keep(c, 0, list.start)) {
            return false;
        }

        first = false;

        if (!dmp_cut_member(c, &list, name)) {
            return false;
        }

        list.last = dmp_scan_offset(&c->scan);
    }

    if (!dmp_scan_end(&c->scan)) {
        return false;
    }

    if (!c->is_bundle || !c->is_searchset) {
        return dmp_cut_refuse(c, DMP_E_UNKNOWN);
    }

    return dmp_cut_keep(c, list.last, dmp_scan_offset(&c->scan));
}


dmp_rc_t
dmp_bundle_cut(const dmp_policy_t *policy, const char *json, size_t len,
    dmp_judge_pt judge, void *data, size_t max_entries, dmp_range_t *ranges,
    size_t max_ranges, dmp_cut_t *out)
{
    dmp_cutter_t  c;

    memset(out, 0, sizeof(dmp_cut_t));
    out->ranges = ranges;

    dmp_scan_init(&c.scan, json, len);

    c.policy = policy;
    c.judge = judge;
    c.data = data;
    c.max_entries = max_entries;
    c.n_entries = 0;
    c.max_ranges = max_ranges;
    c.out = out;
    c.rc = DMP_OK;
    c.is_bundle = false;
    c.is_searchset = false;

    if (dmp_cut_members(&c)) {
        return DMP_OK;
    }

    memset(out, 0, sizeof(dmp_cut_t));
    out->ranges = ranges;

    return c.scan.error != DMP_SCAN_OK ? dmp_scan_rc(&c.scan) : c.rc;
}
