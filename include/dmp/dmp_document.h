/*
 * dmp_document.h: what the rules must know of one document, read from the
 * FHIR resource with the scanner.
 */

#ifndef DMP_DOCUMENT_H
#define DMP_DOCUMENT_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_scan.h>


/* Whom the document says it is about, compared with one INS. */
typedef enum {
    DMP_PATIENT_OTHER = 0,       /* it names somebody else, or contradicts */
    DMP_PATIENT_UNNAMED,         /* no INS anywhere: a literal reference */
    DMP_PATIENT_SAME
} dmp_patient_match_t;

/* Labels, by their effect; an unknown code has them all. */
#define DMP_LABEL_MASKED                        0x01    /* MASQUE_PS */
#define DMP_LABEL_INVISIBLE_PATIENT             0x02
#define DMP_LABEL_INVISIBLE_REPRESENTATIVES     0x04
#define DMP_LABEL_UNKNOWN                       0x08
#define DMP_LABEL_ALL                           0x0f

/* Not said, or not understood, is none of the three. */
typedef enum {
    DMP_STATUS_UNKNOWN = 0,
    DMP_STATUS_CURRENT,
    DMP_STATUS_SUPERSEDED,
    DMP_STATUS_DELETED,                  /* entered-in-error */
    DMP_STATUS_MAX
} dmp_status_t;

#define DMP_DOCUMENT_TYPES      8
#define DMP_DOCUMENT_AUTHORS    16
#define DMP_DOCUMENT_STRUCTURES 16
#define DMP_DOCUMENT_PATIENTS   8
#define DMP_DOCUMENT_CONTAINED  32       /* contained resources */
#define DMP_DOCUMENT_ATTACHMENTS 16

/*
 * Strings point into the answer, or into "text" below when they had to be
 * decoded; they live as long as both do, so the struct is not to be copied.
 */
struct dmp_document_s {
    dmp_str_t      id;                   /* resource id */
    dmp_str_t      master;               /* masterIdentifier.value, or empty */
    unsigned       n_types;
    unsigned       n_ins;
    unsigned       n_authors;
    unsigned       n_structures;
    unsigned       n_attachments;
    unsigned       labels;
    bool           other_patient;        /* names, in a way that cannot be
                                            compared, whom it is about */
    bool           by_patient;           /* an author is a Patient or a
                                            RelatedPerson */
    bool           by_others;            /* an author is somebody else, or
                                            cannot be made out */
    bool           replaces;             /* relatesTo says so: replaces or
                                            transforms, or is not understood */
    dmp_status_t   status;
    bool           archived;             /* or its mark is not understood */
    bool           dated;                /* "deposited" is known */
    int32_t        deposited;            /* day, Europe/Paris: of "date", or of
                                            meta.lastUpdated where that is
                                            earlier or alone */
    bool           indexed;              /* the index ties it to the record
                                            that is looked at: set by who looks
                                            it up, never read from the host */
    bool           inlined;              /* content.attachment.data is there */
    bool           outcome;              /* an OperationOutcome instead, with
                                            nothing contained in it */
    size_t         text_len;

    /* of these, only what is counted above is ever written or read */

    dmp_code_t     types[DMP_DOCUMENT_TYPES];    /* each type.coding, as is */
    dmp_str_t      ins[DMP_DOCUMENT_PATIENTS];   /* each INS it names, once */
    dmp_str_t      authors[DMP_DOCUMENT_AUTHORS];
                                         /* PS_IdNat of each author; RPPS as
                                            "8" and the 11 digits */
    dmp_str_t      structures[DMP_DOCUMENT_STRUCTURES];
                                         /* Struct_IdNat of each author that
                                            is an organisation, or acts for
                                            one: the depositing structure */
    dmp_str_t      attachments[DMP_DOCUMENT_ATTACHMENTS];
                                         /* addresses: content.attachment.url,
                                            decoded, as they stand */
    char           text[1024];
};

/*
 * Reads the DocumentReference at the cursor, and moves past it; the policy
 * tells what labels mean.  False with s->error set when it is not JSON; *rc
 * tells the rest: DMP_OK, or DMP_E_LIMIT or DMP_E_UNKNOWN when it is JSON that
 * cannot be judged (another resource type, a wrong type of a member that the
 * rules need, a contained id given twice, too many authors): such a document
 * is not shown.
 *
 * Patients named: subject and context.sourcePatientInfo, by their identifier
 * and by their reference: "Patient?identifier=SYSTEM|INS", on its own or
 * behind a base URL, or "#contained", wherever "contained" stands.  An INS
 * counts by its value, whatever its system of the four.  A literal reference
 * to a Patient and identifiers that are not an INS name nobody.  What names
 * somebody else than a Patient, or cannot be resolved or understood, sets
 * other_patient.
 */
bool dmp_document_read(const dmp_policy_t *policy, dmp_scan_t *s,
    dmp_document_t *document, dmp_rc_t *rc);

/* A whole text that holds one resource; the scan's error is its code too. */
dmp_rc_t dmp_document_parse(const dmp_policy_t *policy, const char *json,
    size_t len, dmp_document_t *document);

/* Who it is about, seen from the record with that INS. */
dmp_patient_match_t dmp_document_patient(const dmp_document_t *document,
    dmp_str_t ins);

/*
 * masterIdentifier where it has one that a record can list (printable, at most
 * DMP_DOCUMENT_NAME_MAX bytes), else the resource id.
 */
#define DMP_DOCUMENT_NAME_MAX  256

dmp_str_t dmp_document_name(const dmp_document_t *document);

#endif
