/*
 * dmp_filter_search.c: a search answer cut down to what may leave.  What is
 * not one, or has a member that we do not know, is refused as a whole.
 */

#include "dmp_scan_step.h"
#include "dmp_search_int.h"


typedef enum {
    DMP_MEMBER_UNKNOWN = 0,              /* nothing of the answer leaves */
    DMP_MEMBER_KEEP,
    DMP_MEMBER_REMOVE,
    DMP_MEMBER_RESOURCE_TYPE,
    DMP_MEMBER_TYPE,
    DMP_MEMBER_ENTRY,
    DMP_MEMBER_LINK,
    DMP_MEMBER_FULL_URL,
    DMP_MEMBER_RESOURCE
} dmp_member_t;

typedef struct {
    dmp_str_t     name;
    dmp_member_t  member;
} dmp_known_t;

/* One entry, once it was read. */
typedef struct {
    dmp_rc_t  rc;                        /* of its resource; INTERNAL: none */
    bool      odd;                       /* its address is */
} dmp_search_entry_t;


/* FHIR R4, Bundle; "_name" is the same member's extensions. */
static const dmp_known_t  dmp_bundle_members[] = {
    { dmp_string("resourceType"), DMP_MEMBER_RESOURCE_TYPE },
    { dmp_string("type"), DMP_MEMBER_TYPE },
    { dmp_string("entry"), DMP_MEMBER_ENTRY },
    { dmp_string("link"), DMP_MEMBER_LINK },
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
    { dmp_string("signature"), DMP_MEMBER_KEEP },
    { dmp_null_string, DMP_MEMBER_UNKNOWN }
};

/*
 * Bundle.entry; not "request" nor "response", which a search answer has not
 * and which may hold another resource.
 */
static const dmp_known_t  dmp_entry_members[] = {
    { dmp_string("resource"), DMP_MEMBER_RESOURCE },
    { dmp_string("fullUrl"), DMP_MEMBER_FULL_URL },
    { dmp_string("_fullUrl"), DMP_MEMBER_KEEP },
    { dmp_string("search"), DMP_MEMBER_KEEP },
    { dmp_string("link"), DMP_MEMBER_REMOVE },
    { dmp_string("id"), DMP_MEMBER_KEEP },
    { dmp_string("extension"), DMP_MEMBER_KEEP },
    { dmp_null_string, DMP_MEMBER_UNKNOWN }
};


/* Which one of them the last member is; its shape keeps it, if it has one. */
static dmp_member_t
dmp_known(dmp_scan_t *s, const dmp_known_t *known, dmp_str_t name)
{
    dmp_shape_t        *shape;
    const dmp_known_t  *member;

    shape = s->at[s->depth];

    if (shape != NULL && shape->fields == known) {
        member = shape->field;
        return member->member;
    }

    for (member = known;
         member->name.len != 0 && !dmp_str_eq(member->name, name);
         member++)
    {
        /* void */
    }

    if (shape != NULL) {
        shape->fields = known;
        shape->field = member;
    }

    return member->member;
}


bool
dmp_search_refuse(dmp_search_t *c, dmp_rc_t rc)
{
    if (c->rc == DMP_OK) {
        c->rc = rc;
    }

    return false;
}


static size_t
dmp_search_offset(const dmp_search_t *c, dmp_str_t name)
{
    return (size_t) (name.data - c->edits.text) - 1;
}


static bool
dmp_search_remove(dmp_search_t *c, dmp_str_t name)
{
    if (!dmp_scan_skip(&c->scan, NULL)) {
        return false;
    }

    dmp_edits_drop(&c->edits, dmp_search_offset(c, name),
                   dmp_scan_offset(&c->scan));

    return true;
}


static bool
dmp_search_full_url(dmp_search_t *c, dmp_search_entry_t *entry)
{
    dmp_str_t          text;
    dmp_scan_string_t  raw;

    if (!dmp_scan_at(&c->scan, '"')
        && dmp_scan_peek(&c->scan) != DMP_SCAN_STRING)
    {
        entry->odd = true;
        return dmp_scan_skip(&c->scan, NULL);
    }

    if (!dmp_scan_string(&c->scan, &raw)) {
        return false;
    }

    text = dmp_edits_text(&c->edits, &raw);
    entry->odd = !dmp_edits_address(&c->edits, &raw, text);

    return true;
}


static bool
dmp_search_resource(dmp_search_t *c, dmp_search_entry_t *entry)
{
    bool            read;
    size_t          mark;
    dmp_listing_t  *l;

    l = &c->read;
    mark = c->edits.n;

    if (c->filter->entries == DMP_RESOURCE_DOCUMENT_REFERENCE) {
        read = dmp_document_read_next(&c->reader, &entry->rc);

    } else {
        if (c->documents == NULL) {
            c->documents = (dmp_str_t *) (void *)
                dmp_edits_room(&c->edits,
                               DMP_LIST_DOCUMENTS * sizeof(dmp_str_t));
        }

        if (c->documents == NULL) {
            return dmp_search_refuse(c, DMP_E_NOMEM);
        }

        l->documents = c->documents;
        l->addresses = c->filter->addresses;
        read = dmp_listing_read(c->filter->policy, &c->scan, &c->edits, l,
                                &entry->rc);
    }

    if (entry->rc != DMP_OK) {
        c->edits.n = mark;               /* an outcome stays as it is */
    }

    return read;
}


static bool
dmp_search_judge_list(dmp_search_t *c, const dmp_listing_t *l)
{
    dmp_fhir_list_t  list;

    list.id = l->document.id;
    memcpy(list.ins, l->document.ins, sizeof(list.ins));
    list.n_ins = l->document.n_ins;
    list.other_patient = l->document.other_patient;
    list.documents = l->documents;
    list.n_documents = l->n_documents;
    list.opaque = l->opaque;

    return c->filter->judge_list(c->filter->data, &list);
}


/* With all of the entry read: nothing is asked about one that cannot stay. */
static bool
dmp_search_judge(dmp_search_t *c, const dmp_search_entry_t *entry)
{
    bool  stays;

    if (entry->odd || entry->rc == DMP_E_INTERNAL) {
        return false;
    }

    if (entry->rc != DMP_OK) {
        return c->read.document.outcome;
    }

    stays = c->filter->entries == DMP_RESOURCE_DOCUMENT_REFERENCE
            ? c->filter->judge(c->filter->data, &c->read.document)
            : dmp_search_judge_list(c, &c->read);

    c->out->shown += stays;

    return stays;
}


static bool
dmp_search_entry_member(dmp_search_t *c, dmp_search_entry_t *entry,
    dmp_str_t name)
{
    switch (dmp_known(&c->scan, dmp_entry_members, name)) {

    case DMP_MEMBER_KEEP:
        return dmp_scan_move(&c->scan, dmp_reader_pass(&c->reader,
                                                       c->scan.pos), false);

    case DMP_MEMBER_REMOVE:
        return dmp_search_remove(c, name);

    case DMP_MEMBER_FULL_URL:
        return dmp_search_full_url(c, entry);

    case DMP_MEMBER_RESOURCE:
        return dmp_search_resource(c, entry);

    default:
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }
}


/* What stands in one element of "entry", at which the cursor is. */
static bool
dmp_search_read_entry(dmp_search_t *c, dmp_search_entry_t *entry)
{
    bool                  more;
    dmp_str_t             name;
    dmp_scan_t           *s;
    const unsigned char  *p;

    s = &c->scan;
    p = dmp_scan_first_name(s, s->pos, &name, &more);

    while (p != NULL && more) {

        (void) dmp_scan_move(s, p, true);

        if (!dmp_search_entry_member(c, entry, name)) {
            return false;
        }

        p = dmp_scan_next_name(s, s->pos, &name, &more);
    }

    return dmp_scan_move(s, p, false);
}


/* One element of "entry", which is left out if it may not stay. */
static bool
dmp_search_entry(dmp_search_t *c, size_t *kept)
{
    size_t              start, mark;
    dmp_search_entry_t  entry;

    if (!dmp_scan_at(&c->scan, '{')
        && dmp_scan_peek(&c->scan) != DMP_SCAN_OBJECT)
    {
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }

    start = dmp_scan_offset(&c->scan);
    mark = c->edits.n;

    entry.rc = DMP_E_INTERNAL;
    entry.odd = false;

    if (!dmp_search_read_entry(c, &entry)) {
        return false;
    }

    if (dmp_search_judge(c, &entry)) {
        ++*kept;

    } else {
        c->out->withheld++;
        c->edits.n = mark;
        dmp_edits_drop(&c->edits, start, dmp_scan_offset(&c->scan));
    }

    return true;
}


/* The elements of "entry"; without any, the member goes, name and all. */
static bool
dmp_search_entries(dmp_search_t *c, dmp_str_t name)
{
    size_t  kept, mark;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_ARRAY) {
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_array(&c->scan);     /* sticky: element() fails as well */

    mark = c->edits.n;
    kept = 0;

    while (dmp_scan_element(&c->scan)) {

        if (c->n_entries++ == c->filter->max_entries) {
            return dmp_search_refuse(c, DMP_E_LIMIT);
        }

        if (!dmp_search_entry(c, &kept)) {
            return false;
        }
    }

    if (c->scan.error != DMP_SCAN_OK) {
        return false;
    }

    if (kept == 0) {
        c->edits.n = mark;
        dmp_edits_drop(&c->edits, dmp_search_offset(c, name),
                       dmp_scan_offset(&c->scan));
    }

    return true;
}


/* A member whose value must be that one text. */
static bool
dmp_search_text(dmp_search_t *c, dmp_str_t text, bool *seen)
{
    return dmp_scan_is(&c->scan, text, seen)
           && (*seen || dmp_search_refuse(c, DMP_E_UNKNOWN));
}


static bool
dmp_search_member(dmp_search_t *c, dmp_str_t name)
{
    switch (dmp_known(&c->scan, dmp_bundle_members, name)) {

    case DMP_MEMBER_ENTRY:
        return dmp_search_entries(c, name);

    case DMP_MEMBER_LINK:
        return dmp_search_links(c, dmp_search_offset(c, name));

    case DMP_MEMBER_REMOVE:
        return dmp_search_remove(c, name);

    case DMP_MEMBER_RESOURCE_TYPE:
        return dmp_search_text(c, dmp_string("Bundle"), &c->is_bundle);

    case DMP_MEMBER_TYPE:
        return dmp_search_text(c, dmp_string("searchset"), &c->is_searchset);

    case DMP_MEMBER_KEEP:
        return dmp_scan_skip(&c->scan, NULL);

    default:
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }
}


static bool
dmp_search_members(dmp_search_t *c)
{
    dmp_str_t  name;

    if (dmp_scan_peek(&c->scan) != DMP_SCAN_OBJECT) {
        return dmp_search_refuse(c, DMP_E_UNKNOWN);
    }

    (void) dmp_scan_object(&c->scan);    /* sticky: member() fails as well */

    while (dmp_scan_member(&c->scan, &name)) {
        if (!dmp_search_member(c, name)) {
            return false;
        }
    }

    if (!dmp_scan_end(&c->scan)) {
        return false;
    }

    return (c->is_bundle && c->is_searchset)
           || dmp_search_refuse(c, DMP_E_UNKNOWN);
}


dmp_rc_t
dmp_filter_search(const dmp_filter_t *f, const char *json, size_t len,
    dmp_cut_t *out)
{
    dmp_search_t  c;

    memset(out, 0, sizeof(dmp_cut_t));

    if (f->entries != DMP_RESOURCE_DOCUMENT_REFERENCE
        && f->entries != DMP_RESOURCE_LIST)
    {
        return DMP_E_UNKNOWN;
    }

    dmp_scan_init(&c.scan, json, len);
    dmp_scan_limit(&c.scan, f->max_depth);
    dmp_edits_init(&c.edits, f, json, len);

    c.shapes.n = 0;
    dmp_scan_remember(&c.scan, f->shapes != NULL ? f->shapes : &c.shapes);

    dmp_reader_init(&c.reader, f->policy, &c.scan, &c.edits, &c.read.document);
    memset(c.passed, 0, sizeof(c.passed));
    c.reader.passed = c.passed;

    c.filter = f;
    c.out = out;
    c.n_entries = 0;
    c.documents = NULL;
    c.rc = DMP_OK;
    c.is_bundle = false;
    c.is_searchset = false;

    if (dmp_search_members(&c)) {
        return dmp_edits_pieces(&c.edits, out);
    }

    memset(out, 0, sizeof(dmp_cut_t));

    return c.scan.error != DMP_SCAN_OK ? dmp_scan_rc(&c.scan) : c.rc;
}
