/*
 * dmp_answer.h: what the gateway itself says: refusals, and the answer to
 * "check".
 */

#ifndef DMP_ANSWER_H
#define DMP_ANSWER_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>


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

/*
 * OperationOutcome with the public reason and the trace id.  opens: bris de
 * glace would open it (dmp_bris_de_glace_opens), and the answer says so; only
 * a 403 does.
 */
void dmp_answer_refusal(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id, bool opens);

/* The same where nobody speaks FHIR: problem details (RFC 9457). */
void dmp_answer_problem(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id, bool opens);

/*
 * TD0.5: a searchset of Patients, of each its INS and traits.  more: others
 * have the same traits, and the answer says so.
 */
#define DMP_ANSWER_FIND_MAX  65536       /* bytes */

void dmp_answer_find(dmp_buf_t *buf, const dmp_record_t *const *records,
    size_t n, bool more);

/* "VALIDE" …: GIE SESAM-Vitale, code system 1.2.250.1.213.4.1.2.6.2. */
const char *dmp_authorisation_code(dmp_authorisation_t authorisation);

/*
 * TD0.2: a searchset with no entry (no record) or one Patient: open or
 * closed, whether the caller is authorised and treating; traits only for one
 * who is authorised.
 */
void dmp_answer_check(dmp_buf_t *buf, const dmp_policy_t *policy,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_subject_t *subject, int32_t today);

#endif
