/*
 * dmp_search_int.h: a search answer, between the files that read it.
 */

#ifndef DMP_SEARCH_INT_H
#define DMP_SEARCH_INT_H

#include "dmp_document_int.h"


/* One search answer on its way. */
typedef struct {
    dmp_scan_t           scan;
    dmp_edits_t          edits;
    const dmp_filter_t  *filter;
    dmp_cut_t           *out;
    size_t               n_entries;
    dmp_str_t           *documents;      /* room for those of a List */
    dmp_rc_t             rc;             /* DMP_OK, or why all is refused */
    bool                 is_bundle;
    bool                 is_searchset;
    dmp_reader_t         reader;         /* of documents, into this: */
    dmp_listing_t        read;           /* what the last entry says */
    dmp_part_t           passed[DMP_PASSED];     /* the reader's */
    dmp_shapes_t         shapes;         /* of this answer alone */
} dmp_search_t;

/* All of it is refused; the scan ends here. */
bool dmp_search_refuse(dmp_search_t *c, dmp_rc_t rc);

/* Bundle.link, whose member begins at "start". */
bool dmp_search_links(dmp_search_t *c, size_t start);

#endif
