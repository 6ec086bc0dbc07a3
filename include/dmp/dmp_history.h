/*
 * dmp_history.h: what the trace holds of a record, told to people: each entry
 * as a sentence and as a FHIR AuditEvent, who may see it, and the answer that
 * a history is.
 */

#ifndef DMP_HISTORY_H
#define DMP_HISTORY_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_item.h>
#include <dmp/dmp_record.h>


#define DMP_FRENCH_MAX  32768            /* bytes of one sentence */

/*
 * An access or a change as a sentence.  ended and policy may be NULL.  plain:
 * for the person whose record it is, and who may read its history: no network
 * address, no rule's code, no pseudonym, and of a try that was overtaken only
 * that it came to nothing.  Otherwise all of it, for an auditor.  The words of
 * others stand in it as they are.
 */
void dmp_french(dmp_buf_t *b, const dmp_item_t *item, const dmp_ended_t *ended,
    const dmp_policy_t *policy, bool plain);

/* "22 novembre 2026 à 04:06:48", in Europe/Paris. */
void dmp_french_time(dmp_buf_t *b, int64_t unix_ms);

/*
 * An access or a change as an AuditEvent; NULL without memory.  permit: the
 * decision that allowed it, instead of what was done.
 */
typedef enum {
    DMP_PROFILE_NONE = 0,
    DMP_PROFILE_BALP,                    /* IHE */
    DMP_PROFILE_TDE                      /* ANS */
} dmp_profile_t;

json_t *dmp_fhir_event(const dmp_item_t *item, const dmp_ended_t *ended,
    dmp_profile_t profile, bool permit);

/* Whether there are two events to tell of: what was done, and by what right. */
bool dmp_fhir_permits(const dmp_item_t *item);


/*
 * How much of an entry somebody sees.  What they do not see is left out and
 * counted nowhere; what they see without its document was done all the same.
 */
typedef enum {
    DMP_TOLD_NOT = 0,
    DMP_TOLD_UNNAMED,
    DMP_TOLD_WHOLE
} dmp_told_t;

/* A document of the record, as the index knows it, and its hash there. */
typedef struct {
    dmp_str_t              hash;
    const dmp_document_t  *document;
} dmp_history_document_t;

/* Who reads whose history; strings and what it points to must live as long. */
typedef struct {
    const dmp_policy_t            *policy;
    const dmp_subject_t           *subject;
    dmp_str_t                      patient;      /* the pseudonym */
    unsigned                       bucket;       /* of the record */
    bool                           whole;        /* the decision does not
                                                    oblige to OWN_ONLY; false:
                                                    own entries alone */
    int32_t                        today;        /* day in Europe/Paris */
    const dmp_history_document_t  *documents;    /* all of the record that the
                                                    index knows: asked for by
                                                    dmp_history_documents() */
    size_t                         n_documents;
} dmp_history_reader_t;

/*
 * Whether some entries are not for this reader, so that those which are must
 * be counted among themselves; and whether documents must be known for it.
 */
bool dmp_history_filtered(const dmp_history_reader_t *reader);
bool dmp_history_documents(const dmp_history_reader_t *reader);

/*
 * What the reader sees of that entry, which was read and opened.  A document
 * that is not known is taken for one they may not see.
 *
 * A professional sees their own entries, by any of their identifiers, but for
 * what would tell them what the answer then did not: that a document which
 * does not exist for them does, or whose it is.  (rules.md, H1 to H5: to the
 * client it does not exist.)
 */
dmp_told_t dmp_history_told(const dmp_history_reader_t *reader,
    const dmp_item_t *item);

/*
 * Whether the entry of a reference is one about this record, as it must be:
 * NULL, or what is wrong, for the log.  *seen: whether the reader sees it.  A
 * wrong one is never left out: no history can be told then.
 */
const char *dmp_history_see(const dmp_history_reader_t *reader,
    const dmp_stored_t *entry, bool *seen);

/* One element of the holder's list: 8 or 16 bytes; false if it is none. */
bool dmp_reference_read(dmp_str_t element, uint64_t *id_ms, uint64_t *id_seq);

/*
 * The answer, written newest first.  add takes an entry with its number in
 * what this reader sees (1: the oldest); like see() it gives NULL or what is
 * wrong; one that the reader does not see is wrong here.  end gives the text,
 * which lives until free; NULL without memory.  unopened counts what is sealed
 * and did not open with the keys: it is told as such.
 */
typedef struct dmp_history_s  dmp_history_t;

typedef struct {
    dmp_str_t                    ins;    /* as it was asked for */
    const dmp_history_query_t   *query;
    uint64_t                     total;  /* that this reader sees */
    uint64_t                     next;   /* cursor of those before; 0: none */
} dmp_history_end_t;

dmp_history_t *dmp_history_create(const dmp_history_reader_t *reader,
    bool fhir);
const char *dmp_history_add(dmp_history_t *h, const dmp_stored_t *entry,
    uint64_t n, const dmp_keyring_t *ring);

/*
 * The same for a line of the list whose entry an operator knows to be lost: it
 * is told that there was one.
 */
const char *dmp_history_add_lost(dmp_history_t *h, unsigned bucket,
    uint64_t id_ms, uint64_t id_seq, uint64_t n);

unsigned dmp_history_unopened(const dmp_history_t *h);
const char *dmp_history_end(dmp_history_t *h, const dmp_history_end_t *end,
    size_t *len);
void dmp_history_free(dmp_history_t *h);

#endif
