/*
 * dmp_request_query.c: the parameters that each transaction has, and the
 * reading of a query or a form into them.
 *
 * Sources: ITI-67 as the French volume lists its parameters, ITI-66 of IHE
 * MHD, and the capability statement of PDSm.
 */

#include "dmp_request_int.h"


/*
 * Not here on purpose: "patient" (a literal reference names nobody we can
 * check), "_elements" and "_summary" (they drop what the rules must see),
 * "_include", "_revinclude", "_has", "_total", modifiers and other chains.
 */
const dmp_parameter_entry_t  dmp_document_parameters[] = {
    { dmp_string("patient.identifier"), DMP_PARAMETER_PATIENT },
    { dmp_string("_page"), DMP_PARAMETER_PAGE },
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PRETTY },
    { dmp_string("_count"), DMP_PARAMETER_COUNT },
    { dmp_string("_sort"), DMP_PARAMETER_SORT },
    { dmp_string("identifier"), DMP_PARAMETER_IDENTIFIER },
    { dmp_string("status"), DMP_PARAMETER_STATUS },
    { dmp_string("type"), DMP_PARAMETER_TEXT },
    { dmp_string("category"), DMP_PARAMETER_TEXT },
    { dmp_string("event"), DMP_PARAMETER_TEXT },
    { dmp_string("format"), DMP_PARAMETER_TEXT },
    { dmp_string("facility"), DMP_PARAMETER_TEXT },
    { dmp_string("setting"), DMP_PARAMETER_TEXT },
    { dmp_string("date"), DMP_PARAMETER_DATE },
    { dmp_string("creation"), DMP_PARAMETER_DATE },
    { dmp_string("period"), DMP_PARAMETER_DATE },
    { dmp_string("period-start"), DMP_PARAMETER_DATE },
    { dmp_string("period-end"), DMP_PARAMETER_DATE },
    { dmp_string("security-label"), DMP_PARAMETER_LABEL },
    { dmp_string("related"), DMP_PARAMETER_TEXT },
    { dmp_string("relatesto"), DMP_PARAMETER_TEXT },
    { dmp_string("author"), DMP_PARAMETER_TEXT },
    { dmp_string("author.given"), DMP_PARAMETER_TEXT },
    { dmp_string("author.family"), DMP_PARAMETER_TEXT },
    { dmp_string("isArchived"), DMP_PARAMETER_FLAG },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

/* Both spellings of what IHE and PDSm spell differently. */
const dmp_parameter_entry_t  dmp_list_parameters[] = {
    { dmp_string("patient.identifier"), DMP_PARAMETER_PATIENT },
    { dmp_string("_page"), DMP_PARAMETER_PAGE },
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PRETTY },
    { dmp_string("_count"), DMP_PARAMETER_COUNT },
    { dmp_string("_sort"), DMP_PARAMETER_SORT },
    { dmp_string("identifier"), DMP_PARAMETER_IDENTIFIER },
    { dmp_string("status"), DMP_PARAMETER_STATUS },
    { dmp_string("code"), DMP_PARAMETER_TEXT },
    { dmp_string("date"), DMP_PARAMETER_DATE },
    { dmp_string("title"), DMP_PARAMETER_TEXT },
    { dmp_string("source"), DMP_PARAMETER_TEXT },
    { dmp_string("source.given"), DMP_PARAMETER_TEXT },
    { dmp_string("source.family"), DMP_PARAMETER_TEXT },
    { dmp_string("SourceId"), DMP_PARAMETER_TEXT },
    { dmp_string("sourceId"), DMP_PARAMETER_TEXT },
    { dmp_string("DesignationType"), DMP_PARAMETER_TEXT },
    { dmp_string("designationType"), DMP_PARAMETER_TEXT },
    { dmp_string("PDSm_isArchived"), DMP_PARAMETER_FLAG },
    { dmp_string("isArchived"), DMP_PARAMETER_FLAG },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

/* A patient by the INS, or by all three traits: never by both. */
const dmp_parameter_entry_t  dmp_patient_parameters[] = {
    { dmp_string("identifier"), DMP_PARAMETER_PATIENT },
    { dmp_string("family"), DMP_PARAMETER_FAMILY },
    { dmp_string("given"), DMP_PARAMETER_GIVEN },
    { dmp_string("birthdate"), DMP_PARAMETER_BIRTHDATE },
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PRETTY },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

const dmp_parameter_entry_t  dmp_read_parameters[] = {
    { dmp_string("_format"), DMP_PARAMETER_FORMAT },
    { dmp_string("_pretty"), DMP_PARAMETER_PRETTY },
    { dmp_null_string, DMP_PARAMETER_REFUSED }
};

/* dmp_reading_t has a bit for each */
_Static_assert(sizeof(dmp_document_parameters)
               / sizeof(dmp_document_parameters[0]) <= 64, "64 parameters");


/* Which entry of the table a name is; the last one: none. */
static const dmp_parameter_entry_t *
dmp_find_parameter(const dmp_parameter_entry_t *known, dmp_str_t raw_name)
{
    char    name[DMP_NAME_MAX];
    size_t  len;

    len = 0;

    if (dmp_request_decode(raw_name, name, sizeof(name), &len) != DMP_OK) {
        len = 0;
    }

    while (known->name.len != 0
           && !dmp_str_eq(known->name, (dmp_str_t) { name, len }))
    {
        known++;
    }

    return known;
}


/* What stands there twice, or in two places, hosts do not agree on. */
static bool
dmp_note_parameter(dmp_reading_t *r, const dmp_parameter_entry_t *entry,
    bool form)
{
    uint64_t  bit;

    bit = (uint64_t) 1 << (entry - r->what->parameters);

    if (form && (r->in_query & bit)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a parameter is given in the query and in "
                                  "the form");
    }

    if ((r->kinds & 1u << entry->kind)
        && entry->kind <= DMP_PARAMETER_IDENTIFIER)
    {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  (entry->kind == DMP_PARAMETER_PATIENT)
                                  ? "the patient is named twice"
                                  : "a parameter is given twice that may be "
                                    "given once");
    }

    r->kinds |= 1u << entry->kind;

    r->in_query |= form ? 0 : bit;

    return true;
}


/* Sealed, and so never escaped: it is opened when all the rest is read. */
static bool
dmp_take_page(dmp_reading_t *r, dmp_str_t value)
{
    if (r->what->page == NULL) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a parameter that this transaction does not "
                                  "have");
    }

    if (value.len > DMP_PAGE_TOKEN_MAX) {
        return dmp_request_refuse(r->out, DMP_MAPPING_TOO_LARGE,
                                  "the page is longer than any that is given");
    }

    r->out->route = r->what->page;
    r->page = value;

    return true;
}


static bool
dmp_take_parameter(dmp_reading_t *r, dmp_str_t name, dmp_str_t raw, bool form)
{
    char                          value[DMP_VALUE_MAX];
    size_t                        len;
    const dmp_parameter_entry_t  *entry;

    entry = dmp_find_parameter(r->what->parameters, name);

    if (entry->kind == DMP_PARAMETER_REFUSED) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a parameter that this transaction does not "
                                  "have");
    }

    if (!dmp_note_parameter(r, entry, form)) {
        return false;
    }

    if (entry->kind == DMP_PARAMETER_PAGE) {
        return dmp_take_page(r, raw);
    }

    switch (dmp_request_decode(raw, value, sizeof(value), &len)) {

    case DMP_OK:
        return dmp_request_value(r, entry->kind, (dmp_str_t) { value, len });

    case DMP_E_LIMIT:
        return dmp_request_refuse(r->out, DMP_MAPPING_TOO_LARGE,
                                  "a value is longer than 4096 bytes");

    default:
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "a value cannot be read in one way");
    }
}


bool
dmp_request_parameters(dmp_reading_t *r, dmp_str_t text, bool form)
{
    size_t       n;
    unsigned     max;
    dmp_str_t    name, value;
    const char  *equals, *amp;

    max = (r->raw->max_parameters != 0) ? r->raw->max_parameters
                                        : DMP_PARAMETERS_MAX;

    while (text.len != 0) {

        if (r->parameters++ == max) {
            return dmp_request_refuse(r->out, DMP_MAPPING_TOO_LARGE,
                                      "more parameters than "
                                      "dmp_max_parameters");
        }

        amp = memchr(text.data, '&', text.len);
        n = (amp != NULL) ? (size_t) (amp - text.data) : text.len;

        equals = memchr(text.data, '=', n);
        if (equals == NULL) {
            return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                      "a parameter without \"=\"");
        }

        name = (dmp_str_t) { text.data, (size_t) (equals - text.data) };
        value = (dmp_str_t) { equals + 1, n - name.len - 1 };

        if (!dmp_take_parameter(r, name, value, form)) {
            return false;
        }

        if (amp == NULL) {
            break;
        }

        text = (dmp_str_t) { amp + 1, text.len - n - 1 };

        if (text.len == 0) {
            return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                      "an empty parameter");
        }
    }

    return true;
}
