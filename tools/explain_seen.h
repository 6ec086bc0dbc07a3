/*
 * explain_seen.h: what each rule asks, and what it saw in a case.  Facts are
 * looked up anew, by what the core exports: the verdict is never made here.
 */

#ifndef TOOL_EXPLAIN_SEEN_H
#define TOOL_EXPLAIN_SEEN_H

#include "case.h"


typedef struct {
    const dmp_policy_t  *policy;
    const case_t        *c;
    const dmp_record_t  *record;         /* NULL unless present */
    dmp_standing_t       standing;
    json_t              *saw;            /* list of the rule that is shown */
} explain_t;

void explain_begin(explain_t *e, const dmp_policy_t *policy, const case_t *c);

/* A short sentence: what the rule asks. */
const char *explain_asks(dmp_rule_t rule);

/* A list of objects, each with a "text"; NULL without memory. */
json_t *explain_saw(explain_t *e, dmp_rule_t rule);


/* For the files that look: adds what was seen; takes data (may be NULL). */
void explain_add(explain_t *e, json_t *data, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For "%.*s". */
#define explain_str(s)  (int) (s).len, (s).len != 0 ? (s).data : ""

json_t *explain_json(dmp_str_t s);
void explain_day(int32_t day, char out[11]);     /* "2026-02-01" */

bool explain_is_self(const dmp_subject_t *subject, dmp_str_t id);
bool explain_is_holder(const dmp_subject_t *subject);
bool explain_is_emergency(const dmp_request_t *request);
dmp_str_t explain_structure(const dmp_subject_t *subject);
bool explain_is_author(const explain_t *e);
bool explain_is_depositor(const explain_t *e);

/* explain_record.c */
void explain_c1(explain_t *e);
void explain_c2(explain_t *e);
void explain_e1(explain_t *e);
void explain_f1(explain_t *e);
void explain_g1(explain_t *e);
void explain_g2(explain_t *e);
void explain_g3(explain_t *e);
void explain_g4(explain_t *e);
void explain_g5(explain_t *e);
void explain_g6(explain_t *e);
void explain_g7(explain_t *e);

/* explain_document.c */
void explain_h1(explain_t *e);
void explain_h2(explain_t *e);
void explain_h3(explain_t *e);
void explain_h4(explain_t *e);
void explain_h5(explain_t *e);
void explain_h6(explain_t *e);
void explain_h7(explain_t *e);
void explain_p2(explain_t *e);

#endif
