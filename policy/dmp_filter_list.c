/*
 * dmp_filter_list.c: a FHIR List, as far as the rules need it: whom it is
 * about, and which documents it names.  An item that is not understood may
 * name any.
 */

#include "dmp_document_int.h"


#define DMP_SOURCE_PATIENT                                                    \
    "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourcePatientId"


/* What an item refers to; false if that is not to be made out. */
static bool
dmp_listing_add(dmp_reader_t *r, dmp_listing_t *l,
    const dmp_reference_t *item)
{
    dmp_str_t  found, type;

    static const dmp_str_t  list = dmp_string("List");
    static const dmp_str_t  document = dmp_string("DocumentReference");

    found = dmp_address_find(l->addresses,
                             dmp_reader_keep(r, &item->reference));

    if (found.len == 0) {
        return false;
    }

    type = found;
    type.len = (size_t) ((const char *) memchr(found.data, '/', found.len)
                         - found.data);

    if (item->type.raw.data != NULL && !dmp_is_text(&item->type, type)) {
        return false;
    }

    if (dmp_str_eq(type, list)) {
        return true;
    }

    if (!dmp_str_eq(type, document)) {
        return false;
    }

    if (l->n_documents == DMP_LIST_DOCUMENTS) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return true;
    }

    found.data += document.len + 1;
    found.len -= document.len + 1;
    l->documents[l->n_documents++] = found;

    return true;
}


/* An element of "entry"; the target of its members is the item. */
static const dmp_field_t  dmp_item_fields[] = {
    { dmp_string("item"), dmp_read_reference, 0 }
};


static bool
dmp_read_item(dmp_reader_t *r, void *to)
{
    dmp_listing_t    *l;
    dmp_reference_t   item;

    l = to;
    memset(&item, 0, sizeof(item));

    if (!dmp_read_object(r, dmp_fields(dmp_item_fields), &item)) {
        return false;
    }

    if (item.reference.raw.len == 0 || !dmp_listing_add(r, l, &item)) {
        l->opaque = true;
    }

    return true;
}


static bool
dmp_read_items(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_item, to);
}


typedef struct {
    dmp_scan_string_t  url;
    bool               given;
    dmp_reference_t    patient;
} dmp_list_extension_t;


/* Only with the url it is known whether this must be a reference. */
static bool
dmp_read_value_reference(dmp_reader_t *r, void *to)
{
    dmp_list_extension_t  *extension;

    if (dmp_scan_peek(r->scan) != DMP_SCAN_OBJECT) {
        return dmp_scan_skip(r->scan, NULL);
    }

    extension = to;
    extension->given = true;

    return dmp_read_reference(r, &extension->patient);
}


static const dmp_field_t  dmp_list_extension_fields[] = {
    { dmp_string("url"), dmp_read_raw, offsetof(dmp_list_extension_t, url) },
    { dmp_string("valueReference"), dmp_read_value_reference, 0 }
};


static bool
dmp_read_list_extension(dmp_reader_t *r, void *to)
{
    dmp_list_extension_t  extension;

    (void) to;

    memset(&extension, 0, sizeof(extension));

    if (!dmp_read_object(r, dmp_fields(dmp_list_extension_fields),
                         &extension))
    {
        return false;
    }

    if (!dmp_is_text(&extension.url, dmp_string(DMP_SOURCE_PATIENT))) {
        return true;
    }

    if (!extension.given) {
        r->document->other_patient = true;

    } else {
        dmp_reader_patient(r, &extension.patient);
    }

    return true;
}


static bool
dmp_read_list_extensions(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_list_extension, to);
}


/* The target of each is the listing. */
static const dmp_field_t  dmp_list_fields[] = {
    { dmp_string("resourceType"), dmp_read_resource_type, 0 },
    { dmp_string("id"), dmp_read_text, offsetof(dmp_listing_t, document.id) },
    { dmp_string("contained"), dmp_read_contained, 0 },
    { dmp_string("subject"), dmp_read_patient, 0 },
    { dmp_string("extension"), dmp_read_list_extensions, 0 },
    { dmp_string("entry"), dmp_read_items, 0 },
    { dmp_string("text"), dmp_read_narrative, 0 }
};


bool
dmp_listing_read(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_edits_t *edits, dmp_listing_t *l, dmp_rc_t *rc)
{
    size_t        start;
    dmp_reader_t  r;

    l->n_documents = 0;
    l->opaque = false;

    dmp_reader_init(&r, policy, s, edits, &l->document);

    (void) dmp_scan_peek(s);             /* to where it begins */
    start = dmp_scan_offset(s);

    if (!dmp_read_object(&r, dmp_fields(dmp_list_fields), l)) {
        *rc = dmp_scan_rc(s);
        dmp_document_spoil(&l->document);
        return false;
    }

    *rc = dmp_reader_finish(&r, dmp_string("List"));

    if (l->n_documents != 0 || l->opaque) {
        l->document.outcome = false;
    }

    if (*rc == DMP_OK && edits->filter->metadata_only
        && dmp_reader_has_content(&r, edits->text + start,
                                  dmp_scan_offset(s) - start))
    {
        *rc = DMP_E_UNKNOWN;
    }

    if (*rc != DMP_OK) {
        dmp_document_spoil(&l->document);
    }

    return true;
}
