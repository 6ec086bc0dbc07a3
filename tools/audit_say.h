/*
 * audit_say.h: entries of the trace as people and programs read them.
 */

#ifndef TOOL_AUDIT_SAY_H
#define TOOL_AUDIT_SAY_H

#include <dmp/dmp_history.h>
#include <dmp/dmp_policy.h>

#include "audit_filter.h"
#include "audit_outcomes.h"


/* Like tool_text(), and a backslash stands as two: it can be read back. */
void audit_say_text(FILE *out, dmp_str_t text);

/* One line; of what is sealed only what was opened. */
void audit_say_line(FILE *out, const dmp_item_t *item);

/*
 * One JSON object in ASCII on one line: bucket, id, outcome, body, and what
 * was opened.  False after a complaint.
 */
bool audit_say_json(FILE *out, const dmp_item_t *item);
json_t *audit_to_json(const dmp_item_t *item);

/* A JSON value in ASCII on one line; takes it.  False after a complaint. */
bool audit_say_value(FILE *out, json_t *value);

/* All is written that was said; false after a complaint. */
bool audit_said(FILE *out);

/* audit_csv.c: RFC 4180, cells that no spreadsheet takes for a formula. */
void audit_csv_header(FILE *out);
void audit_csv_row(FILE *out, const dmp_item_t *item,
    const dmp_ended_t  *ended);

/*
 * audit_french.c: an access or a change as a sentence; policy may be NULL.
 * False after a complaint.
 */
bool audit_french(FILE *out, const dmp_item_t *item,
    const dmp_ended_t  *ended, const dmp_policy_t *policy);

/* "22 novembre 2026 à 04:06:48", in Europe/Paris. */
void audit_french_time(FILE *out, int64_t unix_ms);

/* What kind of break it is. */
const char *audit_french_break(dmp_break_t what);

#endif
