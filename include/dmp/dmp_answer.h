/*
 * dmp_answer.h: what the gateway itself says: refusals, and the answer to
 * "check".
 */

#ifndef DMP_ANSWER_H
#define DMP_ANSWER_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>


#define DMP_ANSWER_MAX  8192             /* bytes of any of these answers */

/*
 * The HTTP status of a decision that does not allow.  What refuses a document
 * is 404, and so is every refusal from C to H of a request that names only a
 * document or an attachment: to the client, what may not be shown does not
 * exist.  What could not be read as a request is 400, 406, 413 or 415.
 */
unsigned dmp_answer_status(const dmp_request_t *request,
    const dmp_decision_t *decision);

/* The reason as the client may see it: one and the same for every 404. */
dmp_reason_t dmp_answer_reason(unsigned status, dmp_reason_t reason);

/*
 * A sentence in French that a person can act on; NUL-terminated.  A status
 * that says more than its reason does has one of its own.
 */
const char *dmp_answer_title(unsigned status, dmp_reason_t reason);

/* OperationOutcome with the public reason and the trace id. */
void dmp_answer_refusal(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id);

/* The same where nobody speaks FHIR: problem details (RFC 9457). */
void dmp_answer_problem(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id);

/*
 * TD0.2: a searchset with no entry (no record) or one Patient: open or
 * closed, whether the caller is authorised and treating; traits only for one
 * who is authorised.
 */
void dmp_answer_check(dmp_buf_t *buf, const dmp_request_t *request,
    const dmp_facts_t *facts, const dmp_subject_t *subject, int32_t today);

#endif
