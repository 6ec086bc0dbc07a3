/*
 * dmp_document_int.h: between the reading of a document's members and the
 * meaning of those that name people.
 */

#ifndef DMP_DOCUMENT_INT_H
#define DMP_DOCUMENT_INT_H

#include <dmp/dmp_document.h>

#include "dmp_filter_int.h"


#define DMP_DOCUMENT_FOUND  64           /* identifiers of contained ones */
#define DMP_PASSED          64           /* values that say nothing */

/* A string that was not there has no data; an empty one has. */
typedef struct {
    dmp_scan_string_t  system;
    dmp_scan_string_t  value;
} dmp_identifier_t;

typedef struct {
    dmp_scan_string_t  reference;
    dmp_scan_string_t  type;
    dmp_identifier_t   identifier;
} dmp_reference_t;

typedef struct {
    dmp_scan_string_t  type;
    dmp_scan_string_t  id;
    dmp_scan_string_t  organization;     /* references of these members */
    dmp_scan_string_t  practitioner;
    bool               odd;              /* its identifiers are no array */
} dmp_contained_t;

/* What an identifier says; most say nothing to the rules. */
typedef enum {
    DMP_NAMED_NOBODY = 0,
    DMP_NAMED_INS,
    DMP_NAMED_UNCLEAR,                   /* maybe an INS */
    DMP_NAMED_PS,                        /* PS_IdNat */
    DMP_NAMED_RPPS,
    DMP_NAMED_STRUCTURE,                 /* Struct_IdNat, of the owner */
    DMP_NAMED_EMPLOYER                   /* the same, of its organization */
} dmp_named_t;

typedef struct {
    const dmp_contained_t  *owner;
    dmp_named_t             named;
    dmp_str_t               value;
} dmp_found_t;

/*
 * Members that most entries of an answer have in common.  What each of them
 * says is kept apart from what the others do, so that it stands as long as
 * the same bytes come again.  Their values are objects or arrays: what they
 * are does not depend on what follows them.
 */
typedef enum {
    DMP_PART_CONTAINED = 0,
    DMP_PART_SUBJECT,
    DMP_PART_SOURCE,
    DMP_PART_AUTHOR,
    DMP_PART_TYPE,
    DMP_PART_LABELS,
    DMP_PART_META,
    DMP_PARTS
} dmp_part_name_t;

#define dmp_part(name)   (1u << DMP_PART_##name)
#define DMP_PARTS_ALL    ((1u << DMP_PARTS) - 1)
#define DMP_PARTS_WHO    (dmp_part(CONTAINED) | dmp_part(SUBJECT)             \
                          | dmp_part(SOURCE) | dmp_part(AUTHOR))

/* Where in the answer its value stood when it was last read. */
typedef struct {
    const unsigned char  *text;
    size_t                len;           /* 0: to be read */
    unsigned              depth;         /* of the scanner, and names, there */
    unsigned              names;
} dmp_part_t;

/* Whom a document names: what is counted stands in its tables. */
typedef struct {
    unsigned  n_ins;
    unsigned  n_authors;
    unsigned  n_structures;
    bool      other_patient;
    bool      by_patient;
    bool      by_others;
} dmp_who_t;

typedef struct {
    bool     known;
    int32_t  day;
} dmp_dated_t;

/*
 * One document while it is read, and then the next one of the same answer;
 * only the used part of tables is written.
 */
typedef struct {
    const dmp_policy_t   *policy;
    dmp_scan_t           *scan;
    dmp_document_t       *document;
    dmp_edits_t          *edits;         /* NULL: it is only read */
    const char           *member;        /* name of the one being read */
    dmp_rc_t              rc;
    dmp_scan_string_t     type;          /* resourceType */
    unsigned              n_data;        /* members "data" cut out */
    unsigned              n_contained;
    unsigned              n_found;
    unsigned              n_patients;
    unsigned              n_authors;
    unsigned              n_marks;       /* of "archived" */
    unsigned              n_types;
    unsigned              labels;
    unsigned              other_labels;
    unsigned              parts;         /* that the document has: their bits */
    unsigned              fresh;         /* those not as in the one before */
    unsigned              who_parts;     /* of what "who" was made, if it may */
    bool                  who_kept;      /* be taken again */
    dmp_who_t             who;
    dmp_who_t             authored;      /* as "author" says, by itself */
    dmp_dated_t           updated;
    dmp_reference_t       subject;
    dmp_reference_t       source;
    dmp_part_t            part[DMP_PARTS];
    dmp_part_t            other_part;    /* what said "other_labels" */
    dmp_part_t           *passed;        /* values that said nothing: for an
                                            answer of many documents, or NULL */
    dmp_str_t             patients[2];   /* "#id", of subject and source */
    dmp_str_t             authors[DMP_DOCUMENT_AUTHORS];
    dmp_contained_t       contained[DMP_DOCUMENT_CONTAINED];
    dmp_found_t           found[DMP_DOCUMENT_FOUND];
} dmp_reader_t;

/* dmp_scan_string_eq(); few strings have escapes, and the rest is quick. */
static inline bool
dmp_is_text(const dmp_scan_string_t *in, dmp_str_t text)
{
    return in->escaped ? dmp_scan_string_eq(in, text)
                       : dmp_str_eq(in->raw, text);
}


/*
 * Between the files that read members: dmp_document.c, …_state.c,
 * …_content.c, and dmp_filter_list.c, dmp_filter_bundle.c for their own.
 */

/* Reads the value at the cursor into *to; false only on a scan error. */
typedef bool (*dmp_read_pt)(dmp_reader_t *r, void *to);

typedef struct {
    dmp_str_t     name;
    dmp_read_pt   read;
    size_t        offset;                /* of its target in the struct read */
} dmp_field_t;

#define dmp_fields(table)  table, sizeof(table) / sizeof(table[0])

/*
 * An object's members, by the table; a list's elements; a string as it stands.
 * What is of another type cannot be judged.
 */
bool dmp_read_object(dmp_reader_t *r, const dmp_field_t *fields, size_t n,
    void *to);
bool dmp_read_array(dmp_reader_t *r, dmp_read_pt read, void *to);
bool dmp_read_raw(dmp_reader_t *r, void *to);

/* A string to keep, decoded: to is a dmp_str_t. */
bool dmp_read_text(dmp_reader_t *r, void *to);

/* What these are made of; *to begins all zero. */
bool dmp_read_reference(dmp_reader_t *r, void *to);    /* dmp_reference_t */
bool dmp_read_identifiers(dmp_reader_t *r, void *to);  /* dmp_contained_t: its
                                                          owner */

/* Of any resource; the target does not matter. */
bool dmp_read_resource_type(dmp_reader_t *r, void *to);
bool dmp_read_contained(dmp_reader_t *r, void *to);
bool dmp_read_patient(dmp_reader_t *r, void *to);      /* a reference to one */
bool dmp_read_narrative(dmp_reader_t *r, void *to);

/*
 * A part: as it was read before, or by "read", which makes all of what the
 * part says, and begins with nothing.
 */
bool dmp_read_part(dmp_reader_t *r, dmp_part_name_t name, dmp_read_pt read,
    void *to);

/*
 * Whether the value at p is the one that was read.  The same bytes are as well
 * formed as they were, as deep in the text and after as many names, or less:
 * the scanner's limits are the only thing else that it looks at, since an
 * object or an array ends by itself.
 */
static inline bool
dmp_part_is(const dmp_part_t *part, const dmp_scan_t *s,
    const unsigned char *p)
{
    return part->len != 0
           && s->depth <= part->depth && s->names <= part->names
           && (size_t) (s->end - p) >= part->len
           && memcmp(p, part->text, part->len) == 0;
}

/* Past a value that says nothing; NULL on error. */
const unsigned char *dmp_reader_pass(dmp_reader_t *r, const unsigned char *p);

/* Members of the document, which is their target. */
bool dmp_read_contained_part(dmp_reader_t *r, void *to);
bool dmp_read_subject_part(dmp_reader_t *r, void *to);
bool dmp_read_context(dmp_reader_t *r, void *to);
bool dmp_read_authors(dmp_reader_t *r, void *to);
bool dmp_read_type(dmp_reader_t *r, void *to);
bool dmp_read_labels(dmp_reader_t *r, void *to);
bool dmp_read_status(dmp_reader_t *r, void *to);
bool dmp_read_date(dmp_reader_t *r, void *to);
bool dmp_read_meta(dmp_reader_t *r, void *to);
bool dmp_read_relations(dmp_reader_t *r, void *to);
bool dmp_read_extensions(dmp_reader_t *r, void *to);
bool dmp_read_contents(dmp_reader_t *r, void *to);


/*
 * init: once for an answer, whose documents are all read into this one; its
 * tables keep what the parts have said, and nobody else writes to them.
 * begin: before each, which begins all zero, but for what is written before it
 * is read; init does it too.
 */
void dmp_reader_init(dmp_reader_t *r, const dmp_policy_t *policy,
    dmp_scan_t *s, dmp_edits_t *edits, dmp_document_t *document);
void dmp_reader_begin(dmp_reader_t *r);

/* The first reason why the document cannot be judged is the one that stays. */
void dmp_reader_refuse(dmp_reader_t *r, dmp_rc_t rc);

/* Room in the document's own text, or NULL: then it is refused. */
char *dmp_reader_room(dmp_reader_t *r, size_t len);

dmp_str_t dmp_reader_keep_decoded(dmp_reader_t *r,
    const dmp_scan_string_t *raw);

/* The text of a string, to last as long as the document; empty if absent. */
static inline dmp_str_t
dmp_reader_keep(dmp_reader_t *r, const dmp_scan_string_t *raw)
{
    return raw->escaped ? dmp_reader_keep_decoded(r, raw) : raw->raw;
}

/* subject and context.sourcePatientInfo; an element of author. */
void dmp_reader_patient(dmp_reader_t *r, const dmp_reference_t *reference);
void dmp_reader_author(dmp_reader_t *r, const dmp_reference_t *reference);

void dmp_reader_contained_identifier(dmp_reader_t *r,
    const dmp_contained_t *owner, const dmp_identifier_t *identifier);

/* Members of a contained resource: a PractitionerRole has them. */
void dmp_reader_organization(dmp_reader_t *r, dmp_contained_t *owner,
    const dmp_reference_t *reference);
void dmp_reader_practitioner(dmp_reader_t *r, dmp_contained_t *owner,
    const dmp_reference_t *reference);

/*
 * With everything read: resolves references, and says what it came to; the
 * type is what the resource has to be.
 */
dmp_rc_t dmp_reader_finish(dmp_reader_t *r, dmp_str_t type);

/* Of that, only whether the resource is of the type; or is an outcome. */
void dmp_reader_is(dmp_reader_t *r, dmp_str_t type);

/* The same as "finish", of a document: with what its parts say. */
dmp_rc_t dmp_reader_finish_parts(dmp_reader_t *r, dmp_str_t type);

/* Whether a contained resource is neither a person, a place nor a device. */
bool dmp_reader_contains_content(const dmp_reader_t *r);

/*
 * Where no content may leave: whether the resource, whose bytes these are, has
 * some besides what was cut out of it.
 */
bool dmp_reader_has_content(const dmp_reader_t *r, const char *text,
    size_t len);

/*
 * dmp_document_read(); what has to change of it for it to leave goes to edits,
 * which may be NULL.
 */
bool dmp_document_read_edited(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_edits_t *edits, dmp_document_t *document, dmp_rc_t *rc);

/* The same for the next document of the answer that the reader is for. */
bool dmp_document_read_next(dmp_reader_t *r, dmp_rc_t *rc);

/* The earlier one of the two days that a document gives counts. */
void dmp_document_date(dmp_document_t *document, const dmp_dated_t *dated);

/* Makes it deny: a caller that forgets the return code denies all the same. */
void dmp_document_spoil(dmp_document_t *document);

/* All of it zero, but for what is written before it is read. */
void dmp_document_clear(dmp_document_t *document);


/* Between the two that tell who is named: patients, and authors. */

#define DMP_REFERENCE_MAX  512           /* bytes of one, decoded */

dmp_named_t dmp_identifier_named(const dmp_identifier_t *identifier);

/* The contained resource that "#id" names, or NULL. */
const dmp_contained_t *dmp_reader_resolve(const dmp_reader_t *r,
    dmp_str_t reference);

/*
 * The type that a literal reference names ("Patient/id", with or without a
 * base URL and a version), or nothing.
 */
dmp_str_t dmp_reference_type(dmp_str_t reference);

/* The resource type of "Type?query", with or without a base URL. */
dmp_str_t dmp_reference_path(dmp_str_t path);

void dmp_reader_resolve_authors(dmp_reader_t *r);

#endif
