/*
 * dmp_document_content.c: where a document's content is: its attachments, and
 * whatever else of it could hold some.
 */

#include "dmp_document_int.h"
#include "dmp_scan_step.h"


static size_t
dmp_reader_offset(const dmp_reader_t *r, const char *member)
{
    /* from the quote before its name */

    return (size_t) (member - r->edits->text) - 1;
}


/* Passes over the member, which does not leave where no content may. */
static bool
dmp_read_away(dmp_reader_t *r, bool *cut)
{
    const char  *member;

    member = r->member;
    *cut = r->edits != NULL && r->edits->filter->metadata_only;

    if (!dmp_scan_skip(r->scan, NULL)) {
        return false;
    }

    if (*cut) {
        dmp_edits_drop(r->edits, dmp_reader_offset(r, member),
                       dmp_scan_offset(r->scan));
    }

    return true;
}


bool
dmp_read_narrative(dmp_reader_t *r, void *to)
{
    bool  cut;

    (void) to;

    return dmp_read_away(r, &cut);
}


static bool
dmp_read_data(dmp_reader_t *r, void *to)
{
    bool  cut;

    ((dmp_document_t *) to)->inlined = true;

    if (!dmp_read_away(r, &cut)) {
        return false;
    }

    r->n_data += cut;

    return true;
}


static bool
dmp_read_url(dmp_reader_t *r, void *to)
{
    dmp_str_t          text;
    dmp_document_t    *document;
    dmp_scan_string_t  raw;

    memset(&raw, 0, sizeof(raw));

    if (!dmp_read_raw(r, &raw)) {
        return false;
    }

    if (raw.raw.len == 0) {
        return true;
    }

    document = to;

    if (document->n_attachments == DMP_DOCUMENT_ATTACHMENTS) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return true;
    }

    text = dmp_reader_keep(r, &raw);
    document->attachments[document->n_attachments++] = text;

    if (r->edits != NULL && !dmp_edits_address(r->edits, &raw, text)) {
        dmp_reader_refuse(r, DMP_E_UNKNOWN);
    }

    return true;
}


/* The target of all three is the document. */
static const dmp_field_t  dmp_attachment_fields[] = {
    { dmp_string("url"), dmp_read_url, 0 },
    { dmp_string("data"), dmp_read_data, 0 },
    { dmp_string("_data"), dmp_read_narrative, 0 }
};


static bool
dmp_read_attachment(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_attachment_fields), to);
}


static const dmp_field_t  dmp_content_fields[] = {
    { dmp_string("attachment"), dmp_read_attachment, 0 }
};


static bool
dmp_read_content(dmp_reader_t *r, void *to)
{
    return dmp_read_object(r, dmp_fields(dmp_content_fields), to);
}


bool
dmp_read_contents(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_content, to);
}


bool
dmp_reader_contains_content(const dmp_reader_t *r)
{
    size_t    j;
    unsigned  i;

    /* whom, where and when a document is about */
    static const dmp_str_t  without[] = {
        dmp_string("Patient"), dmp_string("Practitioner"),
        dmp_string("PractitionerRole"), dmp_string("Organization"),
        dmp_string("Device"), dmp_string("RelatedPerson"),
        dmp_string("CareTeam"), dmp_string("Group"), dmp_string("Location"),
        dmp_string("HealthcareService"), dmp_string("Encounter"),
        dmp_string("EpisodeOfCare"), dmp_string("Endpoint")
    };

    for (i = 0; i < r->n_contained; i++) {

        for (j = 0; j < sizeof(without) / sizeof(without[0]); j++) {
            if (dmp_is_text(&r->contained[i].type, without[j])) {
                break;
            }
        }

        if (j == sizeof(without) / sizeof(without[0])) {
            return true;
        }
    }

    return false;
}


/* FHIR R4: what is an Attachment, or holds bytes, wherever it stands. */
static bool
dmp_names_content(dmp_str_t name, unsigned *n_data)
{
    *n_data += dmp_str_eq(name, dmp_string("data"));

    return dmp_str_eq(name, dmp_string("valueAttachment"))
           || dmp_str_eq(name, dmp_string("valueBase64Binary"))
           || dmp_str_eq(name, dmp_string("photo"));
}


/*
 * From the value at p to the next one, into it or out of all that ends with
 * it: *name is its member's, or empty.  NULL at the end, and on error.
 */
static const unsigned char *
dmp_walk(dmp_scan_t *s, const unsigned char *p, dmp_str_t *name)
{
    bool  more;

    *name = dmp_null_string;
    more = false;

    if (p != s->end && *p == '{') {
        p = dmp_scan_first_name(s, p, name, &more);

    } else if (p != s->end && *p == '[') {
        p = dmp_scan_first_element(s, p, &more);

    } else {
        p = dmp_scan_over(s, p);
    }

    while (p != NULL && !more && s->depth != 0) {
        *name = dmp_null_string;
        p = s->objects & 1 ? dmp_scan_next_name(s, p, name, &more)
                           : dmp_scan_next(s, p, ']', &more);
    }

    return dmp_scan_move(s, p, more) && more ? p : NULL;
}


bool
dmp_reader_has_content(const dmp_reader_t *r, const char *text, size_t len)
{
    unsigned              n_data;
    dmp_str_t             name;
    dmp_scan_t            s;
    const unsigned char  *p;

    if (dmp_reader_contains_content(r)) {
        return true;
    }

    dmp_scan_init(&s, text, len);
    dmp_scan_follow(&s, r->scan);

    n_data = 0;
    p = s.pos;

    do {
        p = dmp_walk(&s, p, &name);

        if (p != NULL && dmp_names_content(name, &n_data)) {
            return true;
        }

    } while (p != NULL);

    /* it was read before: an error is as good as content */

    return n_data != r->n_data || !dmp_scan_end(&s);
}
