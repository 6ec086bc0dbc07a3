/*
 * dmp_filter_int.h: what the files of the filter share: the changes that an
 * answer leaves with, and the reading of addresses.
 */

#ifndef DMP_FILTER_INT_H
#define DMP_FILTER_INT_H

#include <dmp/dmp_filter.h>
#include <dmp/dmp_scan.h>


#define DMP_EDITS_FIRST  64

/* What of the answer is replaced; with nothing, it is left out. */
typedef struct {
    size_t     from;                     /* byte offsets, to exclusive */
    size_t     to;
    dmp_str_t  with;
} dmp_edit_t;

/*
 * The changes, in the order of the answer and apart from each other.  Whoever
 * finds that something does not leave after all takes back what it added, by
 * setting "n" to what it was before.
 */
typedef struct {
    const dmp_filter_t  *filter;
    const char          *text;
    size_t               len;
    dmp_edit_t          *list;
    size_t               n;
    size_t               max;
    bool                 failed;         /* no memory: nothing leaves */
    dmp_edit_t           first[DMP_EDITS_FIRST];
} dmp_edits_t;

void dmp_edits_init(dmp_edits_t *e, const dmp_filter_t *filter,
    const char *text, size_t len);

/* Memory from the caller's; NULL is seen at the end. */
char *dmp_edits_room(dmp_edits_t *e, size_t size);

void dmp_edits_replace(dmp_edits_t *e, size_t from, size_t to, dmp_str_t with);

/*
 * Leaves out a member or an element, and the comma that goes with it: the one
 * before it, or that behind it where all before it were left out too.
 */
void dmp_edits_drop(dmp_edits_t *e, size_t from, size_t to);

/* Replaces the text of a string value, by what is escaped as it must be. */
void dmp_edits_string(dmp_edits_t *e, dmp_str_t raw, dmp_str_t with);

/*
 * Makes ours of an address of the host's own; text is its decoded form.  False
 * if it cannot be read in one way: what it stands in must not leave.
 */
bool dmp_edits_address(dmp_edits_t *e, const dmp_scan_string_t *raw,
    dmp_str_t text);

/* A string value's text: where it stands, or decoded into the caller's. */
dmp_str_t dmp_edits_text(dmp_edits_t *e, const dmp_scan_string_t *raw);

/* What leaves: DMP_OK or DMP_E_NOMEM.  shown and withheld stay. */
dmp_rc_t dmp_edits_pieces(dmp_edits_t *e, dmp_cut_t *out);


typedef enum {
    DMP_ADDRESS_ODD = 0,                 /* maybe the host's */
    DMP_ADDRESS_ELSEWHERE,
    DMP_ADDRESS_RELATIVE,                /* to its base, or it has none */
    DMP_ADDRESS_HOST
} dmp_address_t;

/*
 * Whose an address is.  n_base is how much of it the base takes when it is
 * the host's: what follows is nothing, or begins with one of "/?#".
 */
dmp_address_t dmp_address_read(const dmp_addresses_t *addresses,
    dmp_str_t address, size_t *n_base);

/* A path that every reader takes for the same, without query or fragment. */
bool dmp_address_is_plain(dmp_str_t path);

/* dmp_address_resource(), but a part of the address itself. */
dmp_str_t dmp_address_find(const dmp_addresses_t *addresses,
    dmp_str_t address);

/* What a link asks of the host, from its base on; empty if that is nothing. */
dmp_str_t dmp_address_target(const dmp_addresses_t *addresses,
    dmp_str_t address);


/* A member whose value must be that one text: *is says whether. */
bool dmp_scan_is(dmp_scan_t *s, dmp_str_t text, bool *is);


/* A List as it is read; "document" has what it shares with one. */
typedef struct {
    dmp_document_t          document;
    const dmp_addresses_t  *addresses;
    dmp_str_t              *documents;
    size_t                  n_documents;
    bool                    opaque;
} dmp_listing_t;

/*
 * As dmp_document_read_edited(), of a List; l->documents is room for
 * DMP_LIST_DOCUMENTS.
 */
bool dmp_listing_read(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_edits_t *edits, dmp_listing_t *l, dmp_rc_t *rc);

#endif
