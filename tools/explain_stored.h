/*
 * explain_stored.h: a case about the record that the store holds now.
 */

#ifndef TOOL_EXPLAIN_STORED_H
#define TOOL_EXPLAIN_STORED_H

#include "case.h"
#include "store.h"


typedef struct {
    const char       *ins;               /* NULL: the case has its own record */
    const char       *pseudonyms;        /* file of the key that makes them */
    tool_list_t       keys;              /* files of record keys */
    store_options_t   where;
} explain_stored_t;

/* Whether the options fit together; TOOL_DONE, or TOOL_USAGE. */
int explain_stored_options(const explain_stored_t *o);

/*
 * Puts the record of that INS, and its version, into the case: none if the
 * store has none.  TOOL_FAILED after a complaint.
 */
int explain_stored_load(const explain_stored_t *o, case_t *c);

#endif
