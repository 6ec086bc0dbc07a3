/*
 * dmp_request_int.h: what the files that read a request share.
 */

#ifndef DMP_REQUEST_INT_H
#define DMP_REQUEST_INT_H

#include <dmp/dmp_request.h>


#define DMP_ID_MAX     64                /* FHIR R4, datatype id */
#define DMP_NAME_MAX   64                /* of a header or a parameter */
#define DMP_VALUE_MAX  4096              /* bytes of one decoded value */

/* Bits of dmp_headers_t.seen: each may be given once. */
#define DMP_SEEN_MODE           0x01
#define DMP_SEEN_JUSTIFICATION  0x02
#define DMP_SEEN_FAMILY         0x04
#define DMP_SEEN_GIVEN          0x08
#define DMP_SEEN_BIRTHDATE      0x10
#define DMP_SEEN_ACCEPT         0x20
#define DMP_SEEN_CONTENT_TYPE   0x40
#define DMP_SEEN_REQUEST        0x80
#define DMP_SEEN_SITE           0x100
#define DMP_SEEN_AUTHORIZATION  0x200
#define DMP_SEEN_SESSION        0x400    /* the session's cookie */

#define DMP_SEEN_TRAITS         (DMP_SEEN_FAMILY|DMP_SEEN_GIVEN \
                                 |DMP_SEEN_BIRTHDATE)

/*
 * What a parameter is to a transaction.  From the patient to the identifier:
 * given once at most.  From the identifier on: what the host searches by.
 */
typedef enum {
    DMP_PARAMETER_REFUSED = 0,
    DMP_PARAMETER_PATIENT,
    DMP_PARAMETER_FAMILY,
    DMP_PARAMETER_GIVEN,
    DMP_PARAMETER_BIRTHDATE,
    DMP_PARAMETER_PAGE,
    DMP_PARAMETER_FORMAT,
    DMP_PARAMETER_PRETTY,
    DMP_PARAMETER_COUNT,
    DMP_PARAMETER_SORT,
    DMP_PARAMETER_IDENTIFIER,
    DMP_PARAMETER_STATUS,
    DMP_PARAMETER_FLAG,
    DMP_PARAMETER_DATE,
    DMP_PARAMETER_LABEL,                 /* a code of how secret it is */
    DMP_PARAMETER_TEXT
} dmp_parameter_t;

#define DMP_TRAIT_PARAMETERS  (1u << DMP_PARAMETER_FAMILY \
                               | 1u << DMP_PARAMETER_GIVEN \
                               | 1u << DMP_PARAMETER_BIRTHDATE)

typedef struct {
    dmp_str_t        name;
    dmp_parameter_t  kind;
} dmp_parameter_entry_t;

/* The last entry of each has no name. */
extern const dmp_parameter_entry_t  dmp_document_parameters[],
                                    dmp_list_parameters[],
                                    dmp_patient_parameters[],
                                    dmp_read_parameters[];

/* What follows the type in a path. */
typedef enum {
    DMP_PART_OTHER = 0,
    DMP_PART_NONE,
    DMP_PART_SEARCH,                     /* "_search" */
    DMP_PART_ID
} dmp_part_t;

typedef struct {
    dmp_str_t                     type;
    dmp_part_t                    part;
    dmp_operation_t               operation;
    dmp_resource_t                resource;
    const dmp_parameter_entry_t  *parameters;
    const char                   *route;
    const char                   *page;  /* its route with "_page" */
} dmp_transaction_t;

/* What is left of raw->words. */
typedef struct {
    char  *p;
    char  *end;
} dmp_room_t;

/* A request while it is read. */
typedef struct {
    const dmp_raw_t          *raw;
    dmp_request_t            *out;
    const dmp_transaction_t  *what;
    dmp_str_t                 query;
    unsigned                  parameters;    /* how many so far */
    unsigned                  kinds;     /* bits of dmp_parameter_t, so far */
    uint64_t                  in_query;  /* bits of the entries that the query
                                            names */
    dmp_str_t                 page;      /* as it was given */
    dmp_room_t                room;
} dmp_reading_t;


/* Writes down a refusal; returns false. */
bool dmp_request_refuse(dmp_request_t *out, dmp_mapping_t mapping,
    const char *why);

/*
 * What the headers say, whatever else is asked: the mode (claimed, or else the
 * location's own), justification and traits, decoded into room.  False: they
 * are refused, and out->mapping and out->why say so.
 */
bool dmp_request_headers(const dmp_raw_t *raw, dmp_room_t *room,
    dmp_request_t *out);

/* A room of raw->words, all of it. */
dmp_room_t dmp_request_room(const dmp_raw_t *raw);

/* A copy in the room; false if there is no place for it. */
bool dmp_room_copy(dmp_room_t *room, dmp_str_t text, dmp_str_t *copy);

/*
 * The target: what it asks for into r->what and *r->out, its query, which is
 * plain and not read yet, into r->query.
 */
bool dmp_request_target(dmp_reading_t *r);

/* No byte in it that a host could cut, fold or drop. */
bool dmp_request_is_plain(dmp_str_t query);

/* Takes the parameters of a query, or of a form. */
bool dmp_request_parameters(dmp_reading_t *r, dmp_str_t text, bool form);

/*
 * Decodes percent escapes once.  DMP_E_SYNTAX on a broken escape, one that
 * could be decoded again ("%25"), a control byte, a NUL, bytes that are not
 * UTF-8; DMP_E_LIMIT on more than size bytes.  "+" is left alone: hosts differ
 * on it, so nothing that is compared may hold one.
 */
dmp_rc_t dmp_request_decode(dmp_str_t raw, char *out, size_t size,
    size_t *len);

/*
 * Decodes percent escapes once, "%25" too, into room: for what nobody decodes
 * again.  "+" is itself.  DMP_E_SYNTAX on a broken escape, a byte that is not
 * of printable ASCII and not escaped, bytes that are not UTF-8, a control
 * character; with "lines", TAB, LF and CR are none, and a TAB need not be
 * escaped.  DMP_E_LIMIT on more than max characters; DMP_E_NOMEM if the room
 * is too small.  *text is empty then.
 */
dmp_rc_t dmp_request_unescape(dmp_str_t raw, size_t max, bool lines,
    dmp_room_t *room, dmp_str_t *text);

/* The value of a hex digit; -1: it is none. */
int dmp_request_hex(char c);

/* Takes one decoded trait of "find". */
bool dmp_request_trait(dmp_reading_t *r, dmp_parameter_t kind,
    dmp_str_t value);

/* Takes one decoded value; never a page, which is sealed and not escaped. */
bool dmp_request_value(dmp_reading_t *r, dmp_parameter_t kind,
    dmp_str_t value);

/* Ours of the same text, which lives for ever; no data: no INS. */
dmp_str_t dmp_request_system(dmp_str_t system);

#endif
