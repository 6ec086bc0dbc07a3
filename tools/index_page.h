/*
 * index_page.h: one page of a search, as a record host gave it: its documents
 * and the link to the next page; and where such a link may lead.
 */

#ifndef TOOL_INDEX_PAGE_H
#define TOOL_INDEX_PAGE_H

#include <dmp/dmp.h>
#include <dmp/dmp_document.h>


#define INDEX_LINK_MAX  8192             /* bytes of an address */

typedef struct {
    dmp_str_t  entries;                  /* the array; empty: there is none */
    dmp_str_t  next;                     /* as it stands; empty: the last */
    char       room[INDEX_LINK_MAX];     /* holds "next" */
} index_page_t;

/*
 * Reads a whole page and keeps where things are.  DMP_E_SYNTAX, DMP_E_LIMIT:
 * not JSON that we agree to read; DMP_E_UNKNOWN: not a Bundle of type
 * searchset, or its links are not links.  Unless DMP_OK there is nothing in it.
 */
dmp_rc_t index_page_read(const char *json, size_t len, index_page_t *page);

/*
 * Called for each entry: DMP_OK with a document, which lives until it returns;
 * or why the entry cannot be judged.  False ends it.
 */
typedef bool (*index_entry_pt)(void *data, dmp_rc_t rc,
    const dmp_document_t *document);

/*
 * Goes through the entries of a page that was read; what says that it is an
 * OperationOutcome is passed over.  False if "each" ended it.
 */
bool index_page_each(const dmp_policy_t *policy, const index_page_t *page,
    index_entry_pt each, void *data);

/*
 * What a link names from the host's base on ("DocumentReference?…", "?…"):
 * behind one of the bases ("http://host/fhir", "/fhir"; no last "/"), or
 * relative to them.  Empty if it may not be followed.
 */
dmp_str_t index_link(const dmp_str_t *bases, unsigned n, dmp_str_t link);

/*
 * An address of the host itself, without its last "/": "http://host/fhir".
 * Empty if it is not one: another scheme, a user, a query, a fragment.
 */
dmp_str_t index_base(dmp_str_t url);

/* The path of such an address ("/fhir"), or nothing. */
dmp_str_t index_base_path(dmp_str_t base);

#endif
