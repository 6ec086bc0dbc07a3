/*
 * dmp_document_state.c: what has become of a document: its status, since when
 * it is there, what it replaces, whether it is archived.
 */

#include "dmp_document_int.h"


#define DMP_DATE_MAX  64


bool
dmp_read_status(dmp_reader_t *r, void *to)
{
    size_t             i;
    dmp_scan_string_t  status;

    static const struct {
        dmp_str_t     name;
        dmp_status_t  status;
    } table[] = {
        { dmp_string("current"), DMP_STATUS_CURRENT },
        { dmp_string("superseded"), DMP_STATUS_SUPERSEDED },
        { dmp_string("entered-in-error"), DMP_STATUS_DELETED }
    };

    memset(&status, 0, sizeof(status));

    if (!dmp_read_raw(r, &status)) {
        return false;
    }

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (dmp_is_text(&status, table[i].name)) {
            ((dmp_document_t *) to)->status = table[i].status;
            break;
        }
    }

    return true;
}


/*
 * "date" is what the depositor says, lastUpdated what the host saw: the
 * earlier one, or the one there is.
 */
void
dmp_document_date(dmp_document_t *document, const dmp_dated_t *dated)
{
    if (dated->known
        && (!document->dated || dated->day < document->deposited))
    {
        document->deposited = dated->day;
        document->dated = true;
    }
}


static bool
dmp_read_day(dmp_reader_t *r, void *to)
{
    char               text[DMP_DATE_MAX];
    int64_t            unix_sec;
    dmp_str_t          date;
    dmp_dated_t       *dated;
    dmp_scan_string_t  raw;

    memset(&raw, 0, sizeof(raw));

    if (!dmp_read_raw(r, &raw)) {
        return false;
    }

    date = raw.raw;

    if (raw.escaped) {
        date.data = text;

        if (!dmp_scan_decode(&raw, text, sizeof(text), &date.len)) {
            return true;
        }
    }

    dated = to;

    if (dmp_instant_parse(date, &unix_sec)) {
        dated->known = true;
        dated->day = dmp_day_paris(unix_sec);
    }

    return true;
}


bool
dmp_read_date(dmp_reader_t *r, void *to)
{
    dmp_dated_t  dated;

    dated.known = false;

    if (!dmp_read_day(r, &dated)) {
        return false;
    }

    dmp_document_date(to, &dated);

    return true;
}


static const dmp_field_t  dmp_meta_fields[] = {
    { dmp_string("lastUpdated"), dmp_read_day, 0 }
};


static bool
dmp_read_meta_anew(dmp_reader_t *r, void *to)
{
    (void) to;

    r->updated.known = false;

    return dmp_read_object(r, dmp_fields(dmp_meta_fields), &r->updated);
}


bool
dmp_read_meta(dmp_reader_t *r, void *to)
{
    return dmp_read_part(r, DMP_PART_META, dmp_read_meta_anew, to);
}


static const dmp_field_t  dmp_relation_fields[] = {
    { dmp_string("code"), dmp_read_raw, 0 }
};


static bool
dmp_read_relation(dmp_reader_t *r, void *to)
{
    dmp_scan_string_t  code;

    memset(&code, 0, sizeof(code));

    if (!dmp_read_object(r, dmp_fields(dmp_relation_fields), &code)) {
        return false;
    }

    /* the two others of FHIR's value set leave their target as it is */

    if (!dmp_is_text(&code, dmp_string("appends"))
        && !dmp_is_text(&code, dmp_string("signs")))
    {
        ((dmp_document_t *) to)->replaces = true;
    }

    return true;
}


bool
dmp_read_relations(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_relation, to);
}


/* What is no boolean is not understood: the mark counts as set. */
static bool
dmp_read_mark(dmp_reader_t *r, void *to)
{
    dmp_scan_type_t  type;

    type = dmp_scan_peek(r->scan);

    if (type == DMP_SCAN_TRUE || type == DMP_SCAN_FALSE) {
        return dmp_scan_bool(r->scan, to);
    }

    return dmp_scan_skip(r->scan, NULL);
}


typedef struct {
    dmp_scan_string_t  url;
    bool               archived;
} dmp_extension_t;

static const dmp_field_t  dmp_extension_fields[] = {
    { dmp_string("url"), dmp_read_raw, offsetof(dmp_extension_t, url) },
    { dmp_string("valueBoolean"), dmp_read_mark,
      offsetof(dmp_extension_t, archived) }
};


static bool
dmp_read_extension(dmp_reader_t *r, void *to)
{
    dmp_document_t   *document;
    dmp_extension_t   extension;

    static const dmp_str_t  url = dmp_string(
        "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
        "pdsm-ext-is-archived");

    memset(&extension, 0, sizeof(extension));
    extension.archived = true;

    if (!dmp_read_object(r, dmp_fields(dmp_extension_fields), &extension)) {
        return false;
    }

    if (!dmp_is_text(&extension.url, url)) {
        return true;
    }

    /* given twice, it is not understood either */

    document = to;
    document->archived = extension.archived || r->n_marks != 0;
    r->n_marks++;

    return true;
}


bool
dmp_read_extensions(dmp_reader_t *r, void *to)
{
    return dmp_read_array(r, dmp_read_extension, to);
}
