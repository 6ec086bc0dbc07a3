/*
 * dmp_item.h: one entry of the trace, read whole: its form as the verifier
 * reads it, its members as a tree, and what is sealed in it where a key opens
 * it.  What tells people of entries, in words or as FHIR, is told of these.
 */

#ifndef DMP_ITEM_H
#define DMP_ITEM_H

#include <jansson.h>

#include <dmp/dmp.h>
#include <dmp/dmp_entry.h>


/* An entry as the store has it; strings are the caller's. */
typedef struct {
    unsigned   bucket;
    uint64_t   id_ms;
    uint64_t   id_seq;
    dmp_str_t  body;                     /* empty: fields b or o are missing, */
    dmp_str_t  outcome;                  /* or there are others */
} dmp_stored_t;

/*
 * readable false: error says why, and nothing else may be used but the entry,
 * which must live as long.
 */
typedef struct {
    const dmp_stored_t  *entry;
    bool                 readable;
    dmp_error_t          error;
    dmp_entry_view_t     view;
    json_t              *body;
    json_t              *justification;  /* NULL: none, or it did not open */
    json_t              *details;
    bool                 closed;         /* a key was given and did not open
                                            what is sealed */
} dmp_item_t;

/* How an access ended, as its gateway said. */
typedef struct {
    uint64_t  bytes;
    uint32_t  shown;
    uint32_t  withheld;
    uint16_t  status;
    uint8_t   reason;                    /* dmp_reason_t */
    bool      ended;                     /* the five above are known */
    bool      abandoned;                 /* said to be traced and not
                                            forwarded; with "ended": both are
                                            said, so it was forwarded */
} dmp_ended_t;

/*
 * Reads its form only; dmp_item_open() then the rest, which costs more, and
 * must be freed.  DMP_E_NOMEM without memory; what is not readable stays so,
 * and is DMP_OK.  A ring that is NULL or empty opens nothing.
 */
void dmp_item_read(dmp_item_t *item, const dmp_stored_t *entry);
dmp_rc_t dmp_item_open(dmp_item_t *item, const dmp_keyring_t *ring);

/* What was opened is wiped, unless somebody else holds it too. */
void dmp_item_free(dmp_item_t *item);

/* "1", "0", "S", "R": the one byte that an outcome is; 0 if it is none. */
char dmp_stored_outcome(const dmp_stored_t *entry);

/* An access or a change that the store let stand: not overtaken. */
bool dmp_item_counts(const dmp_item_t *item);

/* An access, a change, or what concerns a session: somebody asked for it. */
bool dmp_item_asks(const dmp_entry_view_t *view);

/* Why one of them was void, as far as its outcome can tell. */
const char *dmp_item_void(const dmp_entry_view_t *view);

/* A text member of an object; empty if there is none. */
dmp_str_t dmp_item_member(const json_t *object, const char *name);

/* Why an access was refused, or "none"; empty of other entries. */
dmp_str_t dmp_item_reason(const dmp_entry_view_t *view);

/* Of a member that is [system, code]. */
dmp_str_t dmp_item_code(const json_t *object, const char *name, size_t which);

/* Whether nothing was forwarded, by all that is said of it; ended or NULL. */
bool dmp_not_forwarded(const dmp_ended_t *ended);

/* The text of a value; empty if it is none. */
dmp_str_t dmp_json_text(const json_t *value);

/* A value of that text; NULL without memory, or if it is not UTF-8. */
json_t *dmp_json_str(dmp_str_t text);

#endif
