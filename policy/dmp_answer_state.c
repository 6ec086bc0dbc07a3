/*
 * dmp_answer_state.c: the state of a record, to whom it concerns: the answer
 * of the API to a question and to every change.
 */

#include <dmp/dmp_answer.h>
#include <dmp/dmp_rights.h>

#include "dmp_change_int.h"


/* How much of a record somebody sees. */
typedef enum {
    STATE_STANDING = 0,                  /* how they stand to it */
    STATE_RIGHTS,                        /* who may do what */
    STATE_WHOLE                          /* and who represents the patient */
} dmp_state_t;


/* By the column that speaks for them: it has seen who they are, and how. */
static dmp_state_t
state_seen_by(const dmp_policy_t *policy, const dmp_request_t *request,
    const dmp_record_t *record, const dmp_subject_t *subject,
    dmp_authorisation_t authorisation)
{
    switch (dmp_standing(policy, subject, request, record).column) {

    case DMP_COLUMN_PATIENT:
    case DMP_COLUMN_REPRESENTATIVE:
    case DMP_COLUMN_OPERATOR:
        return STATE_WHOLE;

    case DMP_COLUMN_MT_NORMAL:
        /* blocked they are nobody, and of a closed record nobody is */
        return (authorisation == DMP_AUTHORISATION_VALID && record->open)
               ? STATE_RIGHTS : STATE_STANDING;

    default:
        return STATE_STANDING;
    }
}


static void
state_name(dmp_buf_t *buf, const char *name)
{
    dmp_buf_text(buf, ",\"");
    dmp_buf_text(buf, name);
    dmp_buf_text(buf, "\":");
}


static void
state_flag(dmp_buf_t *buf, const char *name, bool yes)
{
    state_name(buf, name);
    dmp_buf_text(buf, yes ? "true" : "false");
}


static void
state_day(dmp_buf_t *buf, const char *before, int32_t day)
{
    dmp_buf_text(buf, before);
    dmp_buf_day(buf, day);
    dmp_buf_text(buf, "\"");
}


static void
state_list(dmp_buf_t *buf, const char *name, const dmp_list_t *list)
{
    size_t  i;

    state_name(buf, name);
    dmp_buf_text(buf, "[");

    for (i = 0; i < list->n && !buf->full; i++) {
        if (i != 0) {
            dmp_buf_text(buf, ",");
        }

        dmp_buf_json(buf, list->list[i]);
    }

    dmp_buf_text(buf, "]");
}


static void
state_authorisations(dmp_buf_t *buf, const dmp_record_t *record)
{
    size_t              i;
    const dmp_grant_t  *grant;

    state_name(buf, "authorisations");
    dmp_buf_text(buf, "{");

    for (i = 0; i < record->n_authorisations && !buf->full; i++) {
        grant = &record->authorisations[i];

        if (i != 0) {
            dmp_buf_text(buf, ",");
        }

        dmp_buf_json(buf, grant->id);
        state_day(buf, ":{\"since\":\"", grant->since);
        state_day(buf, ",\"until\":\"", grant->until);
        dmp_buf_text(buf, "}");
    }

    dmp_buf_text(buf, "}");
}


static void
state_rights(dmp_buf_t *buf, const dmp_record_t *record)
{
    state_name(buf, "emergency");
    dmp_buf_text(buf, "{\"bris_de_glace\":");
    dmp_buf_text(buf, record->bris_de_glace ? "true" : "false");
    state_flag(buf, "centre_15", record->centre_15);
    state_flag(buf, "masked", record->emergency_masked);
    dmp_buf_text(buf, "}");

    state_authorisations(buf, record);
    state_list(buf, "blocked", &record->blocked);
    state_list(buf, "treating_physicians", &record->treating);
    state_list(buf, "masked", &record->masked);
    state_flag(buf, "mask_by_default", record->mask_by_default);
    state_list(buf, "unmasked", &record->unmasked);
}


/* An INS is a person's identity: not for every reader of the rights. */
static void
state_representatives(dmp_buf_t *buf, const dmp_record_t *record)
{
    size_t                       i;
    const dmp_representative_t  *by;

    state_name(buf, "representatives");
    dmp_buf_text(buf, "[");

    for (i = 0; i < record->n_representatives && !buf->full; i++) {
        by = &record->representatives[i];

        dmp_buf_text(buf, (i != 0) ? ",{\"ins\":" : "{\"ins\":");
        dmp_buf_json(buf, by->ins);
        state_day(buf, ",\"until\":\"", by->until);
        dmp_buf_text(buf, "}");
    }

    dmp_buf_text(buf, "]");
}


void
dmp_answer_state(dmp_buf_t *buf, const dmp_policy_t *policy,
    const dmp_request_t *request, const dmp_facts_t *now,
    const dmp_subject_t *subject, int32_t today)
{
    dmp_state_t           seen;
    const dmp_record_t   *record;
    dmp_authorisation_t   authorisation;

    record = (now->state == DMP_RECORD_PRESENT) ? now->record : NULL;

    if (record == NULL && now->state != DMP_RECORD_ABSENT) {
        /* what the store did not say is no state */
        buf->full = true;
        return;
    }

    authorisation = (record != NULL)
                    ? dmp_authorisation(policy, record, subject, today)
                    : DMP_AUTHORISATION_NONE;

    dmp_buf_text(buf, "{\"ins\":");
    dmp_buf_json(buf, request->ins);
    state_name(buf, "status");
    dmp_buf_text(buf, (record == NULL) ? "\"absent\""
                      : record->open ? "\"open\"" : "\"closed\"");
    state_name(buf, "authorisation");
    dmp_buf_text(buf, "\"");
    dmp_buf_text(buf, dmp_authorisation_code(authorisation));
    dmp_buf_text(buf, "\"");
    state_flag(buf, "treating",
               authorisation == DMP_AUTHORISATION_VALID
               && dmp_is_treating(policy, record, subject));

    seen = (record != NULL)
           ? state_seen_by(policy, request, record, subject, authorisation)
           : STATE_STANDING;

    if (seen >= STATE_RIGHTS) {
        state_rights(buf, record);
    }

    if (seen == STATE_WHOLE) {
        state_representatives(buf, record);
    }

    dmp_buf_text(buf, "}\n");
}
