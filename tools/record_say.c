/*
 * record_say.c: what "dmpctl record VERB" has come to: the state that holds
 * now, or why there was no change.
 */

#include <string.h>

#include "explain_seen.h"
#include "record_change.h"


#define SAY_MAX  1024


static void
say_day(dmp_buf_t *b, int32_t day)
{
    char  text[11];

    explain_day(day, text);
    dmp_buf_text(b, text);
}


/* One of the identifiers of whom the change concerns. */
static bool
say_is_target(const dmp_request_t *r, dmp_str_t id)
{
    unsigned  i;

    if (dmp_str_eq(r->target, id)) {
        return true;
    }

    for (i = 0; i < r->n_target_ids; i++) {
        if (dmp_str_eq(r->target_ids[i], id)) {
            return true;
        }
    }

    return false;
}


static bool
say_is_treating(const record_edit_t *e)
{
    size_t  i;

    for (i = 0; i < e->now->treating.n; i++) {
        if (say_is_target(&e->request, e->now->treating.list[i])) {
            return true;
        }
    }

    return false;
}


static void
say_authorised(dmp_buf_t *b, const record_edit_t *e)
{
    size_t   i;
    int32_t  until;

    until = 0;

    for (i = 0; i < e->now->n_authorisations; i++) {
        if (say_is_target(&e->request, e->now->authorisations[i].id)
            && e->now->authorisations[i].until > until)
        {
            until = e->now->authorisations[i].until;
        }
    }

    dmp_buf_text(b, " is authorised until ");
    say_day(b, until);
    dmp_buf_text(b, ", exclusive, in this record");
}


static void
say_flag(dmp_buf_t *b, const char *what, bool agreed)
{
    dmp_buf_text(b, what);
    dmp_buf_text(b, agreed ? " agreed to" : " opposed");
}


static void
say_emergency(dmp_buf_t *b, const dmp_record_t *now)
{
    dmp_buf_text(b, "in this record ");
    say_flag(b, "bris de glace is", now->bris_de_glace);
    say_flag(b, ", centre 15 is", now->centre_15);
    say_flag(b, ", showing masked documents in either is",
             now->emergency_masked);
}


static void
say_masked(dmp_buf_t *b, const record_edit_t *e)
{
    bool  masked;

    masked = dmp_is_masked(e->now, &e->facts->document);
    dmp_buf_str(b, e->name);

    if (masked && e->request.operation == DMP_OPERATION_UNMASK) {
        dmp_buf_text(b, " is masked by its label on the record host alone, and "
                     "by nothing in this record");
        return;
    }

    dmp_buf_text(b, masked ? " is masked in this record"
                           : " is not masked in this record");
}


/* A change of rights that concerns a person. */
static void
say_person(dmp_buf_t *b, const record_edit_t *e)
{
    dmp_buf_str(b, e->request.target);

    switch (e->request.change) {

    case DMP_CHANGE_AUTHORISE:
        say_authorised(b, e);
        break;

    case DMP_CHANGE_WITHDRAW:
        dmp_buf_text(b, say_is_treating(e)
                     ? " has no authorisation in this record, but is a "
                       "treating physician, who needs none"
                     : " is not authorised in this record");
        break;

    case DMP_CHANGE_BLOCK:
        dmp_buf_text(b, " is blocked in this record");
        break;

    case DMP_CHANGE_UNBLOCK:
        dmp_buf_text(b, " is not blocked in this record, and has no right "
                     "back that the block ended");
        break;

    case DMP_CHANGE_DESIGNATE:
        dmp_buf_text(b, " is a treating physician in this record");
        break;

    default:
        dmp_buf_text(b, " is no treating physician in this record");
    }
}


static void
say_representative(dmp_buf_t *b, const record_edit_t *e)
{
    dmp_buf_text(b, "the second person ");

    if (e->request.change == DMP_CHANGE_REMOVE_REPRESENTATIVE) {
        dmp_buf_text(b, "is no representative in this record");
        return;
    }

    dmp_buf_text(b, "is a representative until ");
    say_day(b, e->request.until);
    dmp_buf_text(b, ", exclusive, in this record");
}


static void
say_rights(dmp_buf_t *b, const record_edit_t *e)
{
    switch (e->request.change) {

    case DMP_CHANGE_OPPOSE:
        say_emergency(b, e->now);
        break;

    case DMP_CHANGE_MASK_DEFAULT:
        dmp_buf_text(b, e->now->mask_by_default
                     ? "documents are masked by default in this record"
                     : "documents are not masked by default in this record");
        break;

    case DMP_CHANGE_CONTACT:
        dmp_buf_text(b, "the contact of this record is as it was given");
        break;

    case DMP_CHANGE_NAME_REPRESENTATIVE:
    case DMP_CHANGE_REMOVE_REPRESENTATIVE:
        say_representative(b, e);
        break;

    default:
        say_person(b, e);
    }
}


static void
say_state(dmp_buf_t *b, const record_edit_t *e)
{
    switch (e->request.operation) {

    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
        say_masked(b, e);
        break;

    case DMP_OPERATION_RIGHTS:
        say_rights(b, e);
        break;

    default:
        dmp_buf_text(b, e->now->open ? "this record is open"
                                     : "this record is closed");
    }
}


static void
say_print(dmp_buf_t *b)
{
    printf("%.*s\n", (int) b->len, b->data);
}


void
record_say_done(const record_edit_t *e)
{
    char       text[SAY_MAX], json[8 * SAY_MAX], time[32];
    dmp_buf_t  state, b, since;

    dmp_buf_init(&state, text, sizeof(text));
    dmp_buf_init(&since, time, sizeof(time));
    dmp_buf_init(&b, json, sizeof(json));
    say_state(&state, e);
    dmp_buf_time(&since, (int64_t) e->id_ms);

    if (!e->json) {
        dmp_buf_text(&b, "done: ");
        dmp_buf_str(&b, (dmp_str_t) { state.data, state.len });
        dmp_buf_text(&b, e->changed ? " since " : "; it was already so");
        dmp_buf_str(&b, e->changed ? (dmp_str_t) { since.data, since.len }
                                   : dmp_null_string);
        say_print(&b);
        return;
    }

    dmp_buf_text(&b, e->changed ? "{\"done\":true,\"changed\":true"
                                : "{\"done\":true,\"changed\":false");
    dmp_buf_text(&b, ",\"version\":");
    dmp_buf_uint(&b, e->version);
    dmp_buf_text(&b, ",\"time\":");
    dmp_buf_json(&b, (dmp_str_t) { since.data, since.len });
    dmp_buf_text(&b, ",\"trace\":");
    dmp_buf_json(&b, (dmp_str_t) { e->trace_id, DMP_UUID_LEN });
    dmp_buf_text(&b, ",\"now\":");
    dmp_buf_json(&b, (dmp_str_t) { state.data, state.len });
    dmp_buf_text(&b, "}");
    say_print(&b);
}


/* What an operator can do about it. */
static const char *
say_why(const record_edit_t *e)
{
    switch (e->decision.reason) {

    case DMP_REASON_RECORD_ABSENT:
        return "there is no record of that INS";

    case DMP_REASON_RECORD_CLOSED:
        return "the record is closed; of a closed record only \"reopen\" is "
               "possible";

    case DMP_REASON_BLOCKED:
        return "the patient has blocked them: whoever is blocked is unblocked "
               "first, if the patient says so";

    case DMP_REASON_DOCUMENT_FOREIGN:
        return "the index has no such document of this patient; \"dmpctl index "
               "build\" learns those of a record host";

    case DMP_REASON_RIGHT_MISSING:
        return e->request.until != 0
               ? "the policy gives an operator no such right, or not until "
                 "that day: it is over, or further off than allowed"
               : "the policy gives an operator no such right";

    default:
        return "\"dmpctl policy explain\" says what the rules look at";
    }
}


void
record_say_refused(const record_edit_t *e)
{
    char         text[SAY_MAX];
    dmp_buf_t    b;
    const char  *rule, *reason;

    rule = dmp_rule_name(e->decision.rule);
    reason = dmp_reason_name(e->decision.reason);

    if (!e->json) {
        tool_error("refused by %s, %s: %s", rule, reason, say_why(e));
        return;
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_text(&b, "{\"done\":false,\"rule\":\"");
    dmp_buf_text(&b, rule);
    dmp_buf_text(&b, "\",\"reason\":\"");
    dmp_buf_text(&b, reason);
    dmp_buf_text(&b, "\",\"trace\":");
    dmp_buf_json(&b, (dmp_str_t) { e->trace_id, DMP_UUID_LEN });
    dmp_buf_text(&b, ",\"why\":");
    dmp_buf_json(&b, (dmp_str_t) { say_why(e), strlen(say_why(e)) });
    dmp_buf_text(&b, "}");
    say_print(&b);
}
