/*
 * dmp_change.h: changes of a record: the API's requests for them, and what
 * each makes of the record's JSON.
 */

#ifndef DMP_CHANGE_H
#define DMP_CHANGE_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_request.h>


/*
 * Maps a request on a location with dmp_api (docs/api.md): raw->base is its
 * path, raw->form its body, which is JSON.  The contract is that of
 * dmp_request_map(); strings of *out point into *raw's, into raw->words (as
 * long as target and body together is enough) or into *out.
 */
#define DMP_API_BODY_MAX  4096

void dmp_api_map(const dmp_raw_t *raw, dmp_request_t *out);


/*
 * Milliseconds that a change is acknowledged later than the deadline: clocks
 * of two machines do not run alike, and between reading one and writing to a
 * socket a moment passes.
 */
#define DMP_HOLD_MARGIN_MS  10

/* A change that was allowed, and what the request cannot know. */
typedef struct {
    const dmp_request_t  *request;       /* RIGHTS, MASK, UNMASK, CLOSE or
                                            REOPEN */
    dmp_actor_t           by;
    int32_t               today;
    unsigned              days;          /* of an authorisation with no end */
    dmp_str_t             document;      /* MASK, UNMASK: its name */
} dmp_edit_t;

/*
 * What the change makes of a record.  json is as the store holds it, valid;
 * *out is from malloc(), of *out_len bytes, and dmp_record_parse() takes it:
 * the caller wipes and frees it.  Members that the change does not concern are
 * kept.  *changed is false when it is without effect.
 *
 * Blocking ends authorisation and designation, of all the identifiers given;
 * unblocking restores neither.  An authorisation replaces those that the same
 * person had.  DMP_E_UNKNOWN: not a change of a record; DMP_E_LIMIT: it would
 * be larger than DMP_RECORD_MAX; DMP_E_SYNTAX: what the change says cannot
 * stand in a record.
 */
dmp_rc_t dmp_record_edit(const char *json, size_t len, const dmp_edit_t *edit,
    char **out, size_t *out_len, bool *changed, dmp_error_t *error);

/*
 * The JSON of a record that is begun by the operation "create", at that second
 * (since 1970); *out as above.
 */
dmp_rc_t dmp_record_create(const dmp_request_t *request, int64_t now,
    char **out, size_t *out_len, dmp_error_t *error);

/*
 * What a trace entry seals of a change beyond its name and whom it concerns,
 * as compact JSON; nothing when there is nothing more to tell.
 */
void dmp_edit_details(const dmp_edit_t *edit, dmp_buf_t *out);


/*
 * The state of a record as the caller may see it, as JSON: all of their rights
 * for the holder, the treating physician and an operator; for others whether
 * it is open, and how they stand to it.  request names the patient and the
 * mode; "now" is what the change made of it.  It needs the room of the record's
 * own JSON and DMP_STATE_MORE bytes; where identifiers hold control characters
 * that may not do, and the buffer is full.  So it is where the store did not
 * say whether there is a record.
 */
#define DMP_STATE_MORE  1024

void dmp_answer_state(dmp_buf_t *buf, const dmp_policy_t *policy,
    const dmp_request_t *request, const dmp_facts_t *now,
    const dmp_subject_t *subject, int32_t today);

#endif
