/*
 * dmp_document_who.c: whom a document names as its patient: the forms of
 * identifiers and references, and "contained".  What it cannot make out
 * counts as somebody else.
 */

#include "dmp_document_int.h"


#define DMP_SYSTEM_MAX  64

#define DMP_OID_PREFIX  "urn:oid:"       /* 8 bytes; what makes letters small */
#define DMP_OID_FOLD    "   \0   \0"
#define DMP_INS_LEN     15


void
dmp_reader_init(dmp_reader_t *r, const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_edits_t *edits, dmp_document_t *document)
{
    unsigned  i;

    /* the tables stay as they are: they are written before they are read */

    r->policy = policy;
    r->scan = s;
    r->document = document;
    r->edits = edits;
    r->n_contained = 0;
    r->n_found = 0;
    r->n_authors = 0;
    r->who_kept = false;

    r->labels = 0;
    r->other_labels = 0;
    r->other_part.len = 0;
    r->passed = NULL;

    for (i = 0; i < DMP_PARTS; i++) {
        r->part[i].len = 0;
    }

    dmp_reader_begin(r);
}


void
dmp_reader_refuse(dmp_reader_t *r, dmp_rc_t rc)
{
    if (r->rc == DMP_OK) {
        r->rc = rc;
    }
}


char *
dmp_reader_room(dmp_reader_t *r, size_t len)
{
    char  *room;

    if (len > sizeof(r->document->text) - r->document->text_len) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return NULL;
    }

    room = r->document->text + r->document->text_len;
    r->document->text_len += len;

    return room;
}


dmp_str_t
dmp_reader_keep_decoded(dmp_reader_t *r, const dmp_scan_string_t *raw)
{
    dmp_str_t        text;
    dmp_document_t  *document;

    document = r->document;
    text.data = document->text + document->text_len;

    if (!dmp_scan_decode(raw, document->text + document->text_len,
                         sizeof(document->text) - document->text_len,
                         &text.len))
    {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return dmp_null_string;
    }

    document->text_len += text.len;

    return text;
}


static bool
dmp_has_prefix(dmp_str_t s, dmp_str_t prefix)
{
    return s.len >= prefix.len
           && memcmp(s.data, prefix.data, prefix.len) == 0;
}


static dmp_str_t
dmp_from(dmp_str_t s, size_t n)
{
    return (dmp_str_t) { s.data + n, s.len - n };
}


static bool
dmp_has(dmp_str_t s, char c)
{
    return s.len != 0 && memchr(s.data, c, s.len) != NULL;
}


/* Position of the last c, or s.len. */
static size_t
dmp_last(dmp_str_t s, char c)
{
    size_t  i;

    for (i = s.len; i > 0; i--) {
        if (s.data[i - 1] == c) {
            return i - 1;
        }
    }

    return s.len;
}


/*
 * The kind of a system.  The four of the INS are taken without "urn:oid:" and
 * in capitals as well, since an INS overlooked is a stranger overlooked; the
 * systems of authors are taken only as they are specified, that of structures
 * as the bare OID too.
 */
static dmp_named_t
dmp_named_by(dmp_str_t system)
{
    size_t     i;
    uint64_t   prefix, wanted, fold;
    dmp_str_t  oid;

    static const dmp_str_t  structure[] = {
        dmp_string("urn:oid:1.2.250.1.71.4.2.2"),
        dmp_string("1.2.250.1.71.4.2.2")
    };

    static const dmp_str_t  ins[] = {
        dmp_string("1.2.250.1.213.1.4.8"),
        dmp_string("1.2.250.1.213.1.4.9"),
        dmp_string("1.2.250.1.213.1.4.10"),
        dmp_string("1.2.250.1.213.1.4.11")
    };

    if (dmp_str_eq(system, dmp_string("urn:oid:1.2.250.1.71.4.2.1"))) {
        return DMP_NAMED_PS;
    }

    if (dmp_str_eq(system, dmp_string("https://rpps.esante.gouv.fr"))) {
        return DMP_NAMED_RPPS;
    }

    if (dmp_str_eq(system, structure[0]) || dmp_str_eq(system, structure[1])) {
        return DMP_NAMED_STRUCTURE;
    }

    oid = system;

    if (system.len >= sizeof(prefix)) {
        memcpy(&prefix, system.data, sizeof(prefix));
        memcpy(&wanted, DMP_OID_PREFIX, sizeof(wanted));
        memcpy(&fold, DMP_OID_FOLD, sizeof(fold));

        if ((prefix | fold) == wanted) {
            oid = dmp_from(system, sizeof(prefix));
        }
    }

    for (i = 0; i < sizeof(ins) / sizeof(ins[0]); i++) {
        if (dmp_str_eq(oid, ins[i])) {
            return DMP_NAMED_INS;
        }
    }

    return DMP_NAMED_NOBODY;
}


dmp_named_t
dmp_identifier_named(const dmp_identifier_t *identifier)
{
    char       text[DMP_SYSTEM_MAX];
    size_t     len;
    dmp_str_t  system;

    if (identifier->value.raw.data == NULL) {
        return DMP_NAMED_NOBODY;
    }

    if (identifier->system.raw.data == NULL) {
        return identifier->value.raw.len == DMP_INS_LEN
               ? DMP_NAMED_UNCLEAR : DMP_NAMED_NOBODY;
    }

    if (!identifier->system.escaped) {
        return dmp_named_by(identifier->system.raw);
    }

    /* a longer one is none of those we know */

    if (!dmp_scan_decode(&identifier->system, text, sizeof(text), &len)) {
        return DMP_NAMED_NOBODY;
    }

    system.data = text;
    system.len = len;

    return dmp_named_by(system);
}


/* value outlives the document, or is copied by the caller. */
static void
dmp_reader_add_ins(dmp_reader_t *r, dmp_str_t value)
{
    unsigned         i;
    dmp_document_t  *document;

    document = r->document;

    if (value.len == 0) {
        document->other_patient = true;
        return;
    }

    for (i = 0; i < document->n_ins; i++) {
        if (dmp_str_eq(document->ins[i], value)) {
            return;
        }
    }

    if (document->n_ins == DMP_DOCUMENT_PATIENTS) {
        document->other_patient = true;
        return;
    }

    document->ins[document->n_ins++] = value;
}


/* In place; false on a broken escape. */
static bool
dmp_percent_decode(char *text, size_t *len)
{
    int       digit;
    size_t    i, j, k;
    unsigned  byte;

    for (i = 0, j = 0; i < *len; i++, j++) {

        if (text[i] != '%') {
            text[j] = text[i];
            continue;
        }

        if (*len - i < 3) {
            return false;
        }

        byte = 0;

        for (k = 1; k <= 2; k++) {
            digit = (unsigned char) text[i + k];

            if (digit >= '0' && digit <= '9') {
                digit -= '0';

            } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
                digit = (digit | 0x20) - 'a' + 10;

            } else {
                return false;
            }

            byte = byte << 4 | (unsigned) digit;
        }

        text[j] = (char) byte;
        i += 2;
    }

    *len = j;

    return true;
}


/*
 * "SYSTEM|INS" behind "identifier="; "lasts": where it stands, it stays.  False
 * if it might name somebody whom we cannot make out.
 */
static bool
dmp_reader_token(dmp_reader_t *r, dmp_str_t text, bool lasts)
{
    char       *room, decoded[DMP_REFERENCE_MAX];
    size_t      bar;
    dmp_str_t   token, value;

    if (dmp_has(text, '&') || dmp_has(text, '#')) {
        return false;
    }

    token = text;

    if (dmp_has(text, '%')) {
        memcpy(decoded, text.data, text.len);
        token.data = decoded;
        lasts = false;

        if (!dmp_percent_decode(decoded, &token.len)) {
            return false;
        }
    }

    if (dmp_has(token, ',')) {
        return false;
    }

    bar = dmp_last(token, '|');

    /* a published example has the system alone: it names nobody */

    if (bar == token.len) {
        return dmp_named_by(token) == DMP_NAMED_INS;
    }

    value = dmp_from(token, bar + 1);
    token.len = bar;

    if (bar == 0 || dmp_has(token, '|')) {
        return false;
    }

    if (dmp_named_by(token) != DMP_NAMED_INS || value.len == 0) {
        return true;
    }

    if (!lasts) {
        room = dmp_reader_room(r, value.len);

        if (room == NULL) {
            return true;
        }

        memcpy(room, value.data, value.len);
        value.data = room;
    }

    dmp_reader_add_ins(r, value);

    return true;
}


dmp_str_t
dmp_reference_type(dmp_str_t reference)
{
    int        i;
    size_t     slash;
    dmp_str_t  id, type;

    type = dmp_null_string;

    for (i = 0; i < 2; i++) {
        slash = dmp_last(reference, '/');

        if (slash == reference.len) {
            return dmp_null_string;
        }

        id = dmp_from(reference, slash + 1);
        reference.len = slash;
        slash = dmp_last(reference, '/');
        type = slash == reference.len ? reference
                                      : dmp_from(reference, slash + 1);

        if (id.len == 0 || memchr(id.data, '#', id.len) != NULL) {
            return dmp_null_string;
        }

        if (!dmp_str_eq(type, dmp_string("_history"))
            || slash == reference.len)
        {
            break;
        }

        reference.len = slash;
    }

    return type;
}


dmp_str_t
dmp_reference_path(dmp_str_t path)
{
    size_t  slash;

    slash = dmp_last(path, '/');

    return slash == path.len ? path : dmp_from(path, slash + 1);
}


/*
 * A reference to a patient other than "#id".  False if it might name somebody
 * whom we cannot make out.
 */
static bool
dmp_reader_patient_reference(dmp_reader_t *r, dmp_str_t text, bool lasts)
{
    dmp_str_t    path, query;
    const char  *mark;

    static const dmp_str_t  parameter = dmp_string("identifier=");

    mark = memchr(text.data, '?', text.len);

    if (mark == NULL) {
        return dmp_has_prefix(text, dmp_string("urn:"))
               || dmp_str_eq(dmp_reference_type(text), dmp_string("Patient"));
    }

    path.data = text.data;
    path.len = (size_t) (mark - text.data);
    query = dmp_from(text, path.len + 1);

    if (!dmp_str_eq(dmp_reference_path(path), dmp_string("Patient"))
        || !dmp_has_prefix(query, parameter))
    {
        return false;
    }

    return dmp_reader_token(r, dmp_from(query, parameter.len), lasts);
}


/* As it stands, or decoded into text; empty if it is longer than that. */
static dmp_str_t
dmp_patient_text(const dmp_scan_string_t *raw, char text[DMP_REFERENCE_MAX])
{
    dmp_str_t  decoded;

    if (!raw->escaped) {
        return raw->raw.len <= DMP_REFERENCE_MAX ? raw->raw : dmp_null_string;
    }

    decoded.data = text;

    if (!dmp_scan_decode(raw, text, DMP_REFERENCE_MAX, &decoded.len)) {
        return dmp_null_string;
    }

    return decoded;
}


/* Where the patient's reference leads. */
static void
dmp_reader_patient_at(dmp_reader_t *r, const dmp_scan_string_t *reference)
{
    char       decoded[DMP_REFERENCE_MAX];
    dmp_str_t  text;

    text = dmp_patient_text(reference, decoded);

    if (text.len == 0) {
        r->document->other_patient = true;
        return;
    }

    /* of a document two at most, since no member comes twice */

    if (text.data[0] == '#') {

        if (r->n_patients == sizeof(r->patients) / sizeof(r->patients[0])) {
            r->document->other_patient = true;
            return;
        }

        r->patients[r->n_patients++] = dmp_reader_keep(r, reference);
        return;
    }

    if (!dmp_reader_patient_reference(r, text, !reference->escaped)) {
        r->document->other_patient = true;
    }
}


void
dmp_reader_patient(dmp_reader_t *r, const dmp_reference_t *reference)
{
    dmp_named_t  named;

    if (reference->type.raw.data != NULL
        && !dmp_is_text(&reference->type, dmp_string("Patient")))
    {
        r->document->other_patient = true;
    }

    named = dmp_identifier_named(&reference->identifier);

    if (named == DMP_NAMED_INS) {
        dmp_reader_add_ins(r, dmp_reader_keep(r,
                                              &reference->identifier.value));

    } else if (named == DMP_NAMED_UNCLEAR) {
        r->document->other_patient = true;
    }

    if (reference->reference.raw.data != NULL) {
        dmp_reader_patient_at(r, &reference->reference);
    }
}


static void
dmp_reader_find(dmp_reader_t *r, const dmp_contained_t *owner,
    dmp_named_t named, const dmp_scan_string_t *value)
{
    dmp_found_t  *found;

    if (r->n_found == DMP_DOCUMENT_FOUND) {
        dmp_reader_refuse(r, DMP_E_LIMIT);
        return;
    }

    found = &r->found[r->n_found++];
    found->owner = owner;
    found->named = named;
    found->value = dmp_reader_keep(r, value);
}


void
dmp_reader_contained_identifier(dmp_reader_t *r, const dmp_contained_t *owner,
    const dmp_identifier_t *identifier)
{
    dmp_named_t  named;

    named = dmp_identifier_named(identifier);

    if (named != DMP_NAMED_NOBODY) {
        dmp_reader_find(r, owner, named, &identifier->value);
    }
}


void
dmp_reader_organization(dmp_reader_t *r, dmp_contained_t *owner,
    const dmp_reference_t *reference)
{
    owner->organization = reference->reference;

    if (dmp_identifier_named(&reference->identifier) == DMP_NAMED_STRUCTURE) {
        dmp_reader_find(r, owner, DMP_NAMED_EMPLOYER,
                        &reference->identifier.value);
    }
}


void
dmp_reader_practitioner(dmp_reader_t *r, dmp_contained_t *owner,
    const dmp_reference_t *reference)
{
    dmp_named_t  named;

    owner->practitioner = reference->reference;
    named = dmp_identifier_named(&reference->identifier);

    if (named == DMP_NAMED_PS || named == DMP_NAMED_RPPS) {
        dmp_reader_find(r, owner, named, &reference->identifier.value);
    }
}


const dmp_contained_t *
dmp_reader_resolve(const dmp_reader_t *r, dmp_str_t reference)
{
    unsigned   i;
    dmp_str_t  id;

    id = dmp_from(reference, 1);

    if (id.len == 0) {
        return NULL;
    }

    for (i = 0; i < r->n_contained; i++) {
        if (dmp_is_text(&r->contained[i].id, id)) {
            return &r->contained[i];
        }
    }

    return NULL;
}


/* Ids are compared as they stand, then decoded: few documents have escapes. */
static bool
dmp_same_id(const dmp_scan_string_t *a, const dmp_scan_string_t *b)
{
    char    text[DMP_REFERENCE_MAX];
    size_t  len;

    if (!a->escaped) {
        return dmp_is_text(b, a->raw);
    }

    if (!dmp_scan_decode(a, text, sizeof(text), &len)) {
        return true;
    }

    return dmp_is_text(b, (dmp_str_t) { text, len });
}


/* No contained id twice, and no Patient whose identifiers were passed over. */
static void
dmp_reader_check_contained(dmp_reader_t *r)
{
    unsigned                i, j;
    const dmp_contained_t  *contained;

    for (i = 0; i < r->n_contained; i++) {
        contained = &r->contained[i];

        if (contained->odd
            && dmp_is_text(&contained->type, dmp_string("Patient")))
        {
            dmp_reader_refuse(r, DMP_E_UNKNOWN);
        }

        if (contained->id.raw.data == NULL) {
            continue;
        }

        for (j = 0; j < i; j++) {
            if (r->contained[j].id.raw.data != NULL
                && dmp_same_id(&contained->id, &r->contained[j].id))
            {
                dmp_reader_refuse(r, DMP_E_UNKNOWN);
            }
        }
    }
}


static void
dmp_reader_resolve_patient(dmp_reader_t *r, dmp_str_t reference)
{
    unsigned                i;
    const dmp_contained_t  *contained;

    contained = dmp_reader_resolve(r, reference);

    if (contained == NULL
        || !dmp_is_text(&contained->type, dmp_string("Patient")))
    {
        r->document->other_patient = true;
        return;
    }

    for (i = 0; i < r->n_found; i++) {
        if (r->found[i].owner != contained) {
            continue;
        }

        if (r->found[i].named == DMP_NAMED_INS) {
            dmp_reader_add_ins(r, r->found[i].value);

        } else if (r->found[i].named == DMP_NAMED_UNCLEAR) {
            r->document->other_patient = true;
        }
    }
}


void
dmp_reader_is(dmp_reader_t *r, dmp_str_t type)
{
    dmp_document_t  *document;

    document = r->document;

    if (dmp_is_text(&r->type, type)) {
        return;
    }

    if (dmp_is_text(&r->type, dmp_string("OperationOutcome"))) {
        document->outcome = r->rc == DMP_OK && r->n_contained == 0
                            && document->n_attachments == 0
                            && !document->inlined;
    }

    dmp_reader_refuse(r, DMP_E_UNKNOWN);
}


dmp_rc_t
dmp_reader_finish(dmp_reader_t *r, dmp_str_t type)
{
    unsigned  i;

    dmp_reader_is(r, type);
    dmp_reader_check_contained(r);

    if (dmp_reader_contains_content(r)) {
        /* another document, which nobody would judge */
        dmp_reader_refuse(r, DMP_E_UNKNOWN);
    }

    for (i = 0; i < r->n_patients; i++) {
        dmp_reader_resolve_patient(r, r->patients[i]);
    }

    dmp_reader_resolve_authors(r);

    return r->rc;
}
