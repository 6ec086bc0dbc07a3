/*
 * index_build.h: between the steps of "dmpctl index": each record of the store
 * in turn (index_patients.c), the documents that the host has of its patient,
 * page by page (index_search.c), and what the store is to hold of each
 * (index_learn.c, index_store.c); then the claims that nobody makes any more,
 * which stay unless it was told to take them out (index_claims.c).
 * dmpctl_index.c has the options.
 */

#ifndef TOOL_INDEX_BUILD_H
#define TOOL_INDEX_BUILD_H

#include <dmp/dmp_filter.h>
#include <dmp/dmp_index.h>
#include <dmp/dmp_policy.h>

#include "host.h"
#include "index_page.h"
#include "index_set.h"
#include "record.h"


#define INDEX_PAGES_MAX     100000       /* of one patient */
#define INDEX_FOUND_MAX     1000000      /* documents of one patient */
#define INDEX_SHOWN         20           /* complaints of one kind */
#define INDEX_DOCUMENT_MAX  64           /* characters of a resource id */
#define INDEX_HINT          (8 + DMP_INDEX_HASH_LEN)     /* "dmp:doc:H" */
#define INDEX_CLAIM         (DMP_PSEUDONYM_LEN + 1 + DMP_INDEX_HASH_LEN)
#define INDEX_VERSION       1            /* that facts are sealed with */
#define INDEX_CURSOR        32           /* characters, with a NUL */

/* What a step came to. */
typedef enum {
    INDEX_STOP = 0,                      /* nothing more can be done */
    INDEX_FAILED,                        /* not this patient */
    INDEX_DONE
} index_rc_t;

typedef struct {
    record_tool_t     tool;              /* the store, the keys, the trace */
    host_t           *asks;
    dmp_policy_t     *policy;
    const char       *url;               /* as it was given */
    dmp_str_t         base;              /* without its last "/" */
    dmp_str_t         name;              /* of the host, in the index */
    dmp_addresses_t   addresses;         /* its own; the first is base */
    unsigned          page_size;
    bool              one_system;        /* it takes no list of identifiers */
    bool              all;               /* records, not that of one INS */
    bool              clear_claims;      /* that the host makes no more */

    uint64_t          patients;
    uint64_t          failed;
    uint64_t          in_a_row;          /* failed, since one did not */
    uint64_t          documents;
    uint64_t          attachments;
    uint64_t          added;
    uint64_t          changed;
    uint64_t          unchanged;
    uint64_t          removed;
    uint64_t          moved;             /* were another patient's before */
    uint64_t          foreign;           /* name another patient */
    uint64_t          unreadable;
    uint64_t          sealed;            /* entries that do not open */
    uint64_t          claims_removed;
    uint64_t          claims_kept;       /* though nothing confirms them */
    index_set_t       through;           /* patients who left no doubt */
    index_set_t       conflicts;         /* attachments of two patients */
} index_build_t;

typedef struct {
    char         pseudonym[DMP_PSEUDONYM_LEN];
    char         docs[DMP_KEY_NAME_MAX];     /* the key of their facts */
    size_t       docs_len;
    dmp_str_t    ins;
    index_set_t  found;                  /* hashes of their documents */
    bool         unread;                 /* there are others, not readable */
} index_patient_t;


/* index_patients.c */

/*
 * Learns the documents of each patient, or of the one with that INS.
 * INDEX_DONE: they were gone through, though some may have failed.  TOOL_NO in
 * *rc: there is no record of that INS.
 */
index_rc_t index_patients(index_build_t *b, dmp_str_t only, int *rc);

/* "patient P: …" on standard error, for the first ones. */
void index_complain(index_build_t *b, const index_patient_t *p,
    const char *format, ...) __attribute__((format(printf, 3, 4)));


/* index_search.c */

/* Whether the host is there, and looks at whose documents are asked for. */
bool index_control(index_build_t *b);

/* All that the host has of a patient; complains unless DONE. */
index_rc_t index_search(index_build_t *b, index_patient_t *p);


/* index_learn.c */

/* One document of a search; false if the store failed. */
bool index_learn(index_build_t *b, index_patient_t *p,
    const dmp_document_t *document);

/*
 * Removes the facts and hints of what was not found, not what it claimed;
 * false if the store failed.
 */
bool index_sweep(index_build_t *b, index_patient_t *p);


/* index_claims.c */

/*
 * Counts the claims that nothing confirms, and counts and names the attachments
 * of this host that documents of two patients claim.  Before that, if it is to
 * clear claims and no patient failed, removes the claims of this host's
 * documents that they make no more.  False if the store failed.
 */
bool index_claims(index_build_t *b);


/* index_store.c: keys and values of the index, in the store. */

typedef struct {
    char            text[DMP_INDEX_TEXT_MAX];    /* as it was written */
    char            room[DMP_INDEX_TEXT_MAX];    /* its strings */
    size_t          len;
    bool            there;
    bool            opens;
    dmp_document_t  document;
} index_facts_t;

size_t index_docs_key(const store_t *store, const char *pseudonym,
    char out[DMP_KEY_NAME_MAX]);
void index_hint_key(char out[INDEX_HINT], const char *kind, const char *hash);
void index_claim(char out[INDEX_CLAIM], const char *pseudonym,
    const char *hash);
bool index_document_hash(const unsigned char *key, dmp_str_t host,
    dmp_str_t id, char out[DMP_INDEX_HASH_LEN]);

/*
 * One step of SCAN over the keys that match, or of HSCAN or SSCAN over a key;
 * *cursor is the next one, "0" at the end.  The reply's second element is an
 * array; NULL after a complaint.
 */
redisReply *index_scan(store_t *store, const char *verb, dmp_str_t what,
    char cursor[INDEX_CURSOR]);

/* Opens what stands in the field; false if the store failed. */
bool index_facts(store_t *store, const dmp_keyring_t *ring, dmp_str_t docs,
    const char *hash, index_facts_t *facts);

/* The same of a value that is there already. */
void index_facts_open(const dmp_keyring_t *ring, dmp_str_t docs,
    const char *hash, const char *sealed, size_t len, index_facts_t *facts);

/*
 * One command each; NULL or false after a complaint.  index_number: its reply
 * is one, in *n.
 */
redisReply *index_ask(store_t *store, const char *verb, const void *key,
    size_t key_len, const void *value, size_t len);
bool index_number(store_t *store, const char *verb, const void *key,
    size_t key_len, const void *value, size_t len, long long *n);

/* Removes a document's facts under a patient, and its hint; no claim. */
bool index_forget(record_tool_t *tool, const char *pseudonym,
    const char *hash);


/* index_standing.c: what a claim to an attachment is worth. */

typedef enum {
    INDEX_DOUBTFUL = 0,                  /* its facts do not open */
    INDEX_ABSENT,                        /* there are none */
    INDEX_ELSEWHERE,                     /* they are of another host */
    INDEX_STALE,                         /* this host's, without it */
    INDEX_CONFIRMED
} index_standing_t;

/* One claim, "P:H", to the attachment of that hash. */
typedef struct {
    index_standing_t  standing;
    dmp_str_t         attachment;        /* "Binary/ID", if CONFIRMED */
    index_facts_t     facts;
} index_claimed_t;

/* False if the store failed. */
bool index_claimed(record_tool_t *tool, dmp_str_t host, const char *attachment,
    const char *claim, index_claimed_t *c);

/* Whether a member of the set is a claim at all. */
bool index_is_claim(const redisReply *member);

/*
 * Whether claims contradict each other, as a gateway sees it: of two patients,
 * and not by one document that was moved.  All zeros: none so far.
 */
typedef struct {
    char  first[INDEX_CLAIM];
    bool  any;
    bool  of_patient;                    /* another document of the first's */
    bool  of_document;                   /* the first one, as another's */
    bool  rivals;
} index_rivals_t;

void index_rivals_add(index_rivals_t *rivals, const char *claim);

#endif
