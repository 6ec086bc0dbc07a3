/*
 * audit_say.h: entries of the trace as people and programs read them.
 */

#ifndef TOOL_AUDIT_SAY_H
#define TOOL_AUDIT_SAY_H

#include <dmp/dmp_policy.h>

#include "audit_filter.h"
#include "audit_outcomes.h"


/* Like tool_text(), and a backslash stands as two: it can be read back. */
void audit_say_text(FILE *out, dmp_str_t text);

/* One line; of what is sealed only what was opened. */
void audit_say_line(FILE *out, const audit_item_t *item);

/*
 * One JSON object in ASCII on one line: bucket, id, outcome, body, and what
 * was opened.  False after a complaint.
 */
bool audit_say_json(FILE *out, const audit_item_t *item);
json_t *audit_to_json(const audit_item_t *item);

/* A JSON value in ASCII on one line; takes it.  False after a complaint. */
bool audit_say_value(FILE *out, json_t *value);

/* All is written that was said; false after a complaint. */
bool audit_said(FILE *out);

json_t *audit_json_str(dmp_str_t text);

/* audit_csv.c: RFC 4180, cells that no spreadsheet takes for a formula. */
void audit_csv_header(FILE *out);
void audit_csv_row(FILE *out, const audit_item_t *item,
    const audit_ended_t *ended);

/*
 * audit_fhir.c: an access or a change as an AuditEvent; NULL without memory.
 * permit: the decision that allowed it, instead of what was done.
 */
typedef enum {
    AUDIT_PROFILE_NONE = 0,
    AUDIT_PROFILE_BALP,                  /* IHE */
    AUDIT_PROFILE_TDE                    /* ANS */
} audit_profile_t;

json_t *audit_fhir(const audit_item_t *item, const audit_ended_t *ended,
    audit_profile_t profile, bool permit);

/* Whether there are two events to tell of: what was done, and by what right. */
bool audit_fhir_permits(const audit_item_t *item);

/* audit_french.c: an access or a change as a sentence; policy may be NULL. */
void audit_french(FILE *out, const audit_item_t *item,
    const audit_ended_t *ended, const dmp_policy_t *policy);

/* "22 novembre 2026 à 04:06:48", in Europe/Paris. */
void audit_french_time(FILE *out, int64_t unix_ms);

/* What kind of break it is. */
const char *audit_french_break(dmp_break_t what);

#endif
