/*
 * dmp_filter.h: what of the host's answer leaves.
 *
 * One pass over the bytes, no tree.  What leaves are pieces of the answer as
 * the host wrote them; between them stand only the addresses that were made
 * ours.  What cannot be judged does not leave.
 */

#ifndef DMP_FILTER_H
#define DMP_FILTER_H

#include <dmp/dmp.h>
#include <dmp/dmp_document.h>


#define DMP_LIST_DOCUMENTS  1024         /* that one List may name */
#define DMP_HOST_BASES      32

/*
 * Called once for each document of an answer that can be judged, in order:
 * true if it may leave.  It may have been called when the answer is refused
 * as a whole in the end.
 */
typedef bool (*dmp_judge_pt)(void *data, const dmp_document_t *document);

/* A FHIR List (MHD: SubmissionSet or Folder), as far as the rules need it. */
typedef struct {
    dmp_str_t        id;
    dmp_str_t        ins[DMP_DOCUMENT_PATIENTS];     /* as of a document */
    unsigned         n_ins;
    bool             other_patient;
    const dmp_str_t *documents;          /* ids of the DocumentReferences that
                                            its items name */
    size_t           n_documents;
    bool             opaque;             /* an item names what cannot be made
                                            out: neither a DocumentReference
                                            nor a List of this host */
} dmp_fhir_list_t;

/* The same for a List; one that cannot be read is never asked about. */
typedef bool (*dmp_judge_list_pt)(void *data, const dmp_fhir_list_t *list);

/*
 * Makes ours of a link of the answer ("next", …): relation and the host's
 * target, from its base on, decoded ("DocumentReference?…", "?_getpages=…").
 * Returns the address to put there, to live as long as the pieces, or an empty
 * string: the link does not leave.  Without a target it does not in any case
 * (it leads elsewhere, or cannot be read), and the caller is only told.
 */
typedef dmp_str_t (*dmp_link_pt)(void *data, dmp_str_t relation,
    dmp_str_t target);

/* Memory that lives as long as the pieces; NULL without. */
typedef void *(*dmp_alloc_pt)(void *data, size_t size);

/* By which addresses the host names its own resources, and by which we do. */
typedef struct {
    dmp_str_t  bases[DMP_HOST_BASES];    /* "http://host/fhir", "/fhir": no
                                            last "/"; the first that fits */
    unsigned   n_bases;
    dmp_str_t  ours;                     /* "https://gateway/fhir" */
} dmp_addresses_t;

typedef struct {
    const dmp_policy_t     *policy;
    const dmp_addresses_t  *addresses;
    dmp_resource_t          entries;     /* of a search: DOCUMENT_REFERENCE or
                                            LIST */
    bool                    metadata_only;   /* no content: attachment.data and
                                            the narrative are cut out; what has
                                            content elsewhere is withheld */
    size_t                  max_entries;
    unsigned                max_depth;   /* at most DMP_SCAN_DEPTH; 0: that */
    dmp_judge_pt            judge;
    dmp_judge_list_pt       judge_list;
    dmp_link_pt             link;
    void                   *data;        /* of the three */
    dmp_alloc_pt            alloc;
    void                   *alloc_data;
    dmp_shapes_t           *shapes;      /* of answers before this one; NULL:
                                            they are forgotten */
} dmp_filter_t;

typedef struct {
    dmp_str_t  *pieces;                  /* what leaves, in order, none empty;
                                            of the answer, or allocated */
    size_t      n_pieces;
    size_t      size;                    /* bytes of all the pieces */
    unsigned    shown;                   /* documents or Lists that leave */
    unsigned    withheld;                /* entries that do not */
} dmp_cut_t;

/*
 * Each reads one answer and says which pieces leave.  Unless DMP_OK is
 * returned nothing may leave, and *out says so.  DMP_E_LIMIT: more entries,
 * deeper, larger than allowed; DMP_E_SYNTAX: not one JSON text;
 * DMP_E_UNKNOWN: not such an answer, or it has a member we do not know;
 * DMP_E_NOMEM.
 *
 * search: a Bundle of type searchset.  Entries whose document or List may not
 * be shown or cannot be judged are left out, and "total", which would count
 * them; entries that are an OperationOutcome stay; any other resource is
 * withheld, and so is an entry without one.  Of "link", only those that the
 * caller makes ours stay.  A comma goes with what it belongs to, and "entry"
 * goes whole when nothing of it stays.
 *
 * document: one DocumentReference; *document is read as by
 * dmp_document_parse(), and its verdict is the caller's: judge is not called.
 *
 * In both, addresses of the host's own in fullUrl and in
 * content.attachment.url become ours; a relative one stays as it is.
 */
dmp_rc_t dmp_filter_search(const dmp_filter_t *f, const char *json, size_t len,
    dmp_cut_t *out);
dmp_rc_t dmp_filter_document(const dmp_filter_t *f, const char *json,
    size_t len, dmp_document_t *document, dmp_cut_t *out);

/*
 * A FHIR document (Bundle of type document) with that resource id: DMP_OK if
 * nothing in it says that it is about somebody else than that INS.  It leaves
 * whole.  The subject of the Composition counts, by its identifier, and by the
 * identifiers of the Patient in the Bundle that it refers to (fullUrl, or
 * "Patient/id"); every Patient counts where the Composition names none.
 * DMP_E_REFUSED: it names another patient.
 */
dmp_rc_t dmp_filter_document_bundle(const char *json, size_t len,
    unsigned max_depth, dmp_str_t id, dmp_str_t ins);

/* A CapabilityStatement: DMP_OK if that is what it is.  It leaves whole. */
dmp_rc_t dmp_filter_capabilities(const char *json, size_t len,
    unsigned max_depth);

/*
 * The host's own resource that an address names, "Type/id", in out (at least
 * 128 bytes): relative ("Binary/x"), or behind one of the bases; with or
 * without "/_history/n".  Empty if it is not the host's.
 */
dmp_str_t dmp_address_resource(const dmp_addresses_t *addresses,
    dmp_str_t address, char out[128]);

#endif
