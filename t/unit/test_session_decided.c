/*
 * test_session_decided.c: what concerns a session is decided by no rule, and
 * its refusals say themselves how they are answered.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_answer.h>
#include <dmp/dmp_decide.h>

#include "small_policy.h"


#define INS  "269054958815780"

#define count(table)  (sizeof(table) / sizeof((table)[0]))


/* What no rule gives says itself how it is answered, whatever was asked. */
static void
test_session_status(void **state)
{
    int             of;
    size_t          i;
    dmp_request_t   request;
    dmp_decision_t  decision;

    static const struct {
        dmp_reason_t  reason;
        unsigned      status;
    } table[] = {
        { DMP_REASON_CREDENTIALS_REJECTED, 401 },
        { DMP_REASON_CODE_REJECTED, 401 },
        { DMP_REASON_PASSWORD_CHANGE_REQUIRED, 403 },
        { DMP_REASON_TOO_MANY_ATTEMPTS, 429 },
        { DMP_REASON_PASSWORD_REFUSED, 400 },
        { DMP_REASON_CONTACT_MISSING, 403 }
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        for (of = 0; of < 2; of++) {
            memset(&request, 0, sizeof(request));
            memset(&decision, 0, sizeof(decision));
            request.mapping = DMP_MAPPING_ONE;
            request.operation = DMP_OPERATION_SIGN_IN;
            request.ins = of ? dmp_string(INS) : dmp_null_string;
            decision.effect = DMP_DENY;
            decision.reason = table[i].reason;
            assert_int_equal(dmp_answer_status(&request, &decision),
                             table[i].status);

            decision.effect = DMP_ERROR;
            assert_int_equal(dmp_answer_status(&request, &decision), 503);
        }

        /* each has a title that is no other's */
        assert_string_not_equal(dmp_answer_title(table[i].status,
                                                 table[i].reason),
                                dmp_answer_title(403, DMP_REASON_MAX));
    }
}


/* Whoever asks: the tables of rights give them to nobody. */
static void
test_operations(void **state)
{
    int             operation, actor;
    dmp_facts_t     facts;
    dmp_request_t   request;
    dmp_subject_t   subject;
    dmp_decision_t  decision;

    (void) state;

    for (operation = DMP_OPERATION_SIGN_IN; operation < DMP_OPERATION_MAX;
         operation++)
    {
        for (actor = DMP_ACTOR_PATIENT; actor < DMP_ACTOR_MAX; actor++) {
            memset(&facts, 0, sizeof(facts));
            memset(&request, 0, sizeof(request));
            memset(&subject, 0, sizeof(subject));

            subject.actor = (dmp_actor_t) actor;
            subject.token = DMP_CREDENTIAL_VERIFIED;
            subject.auth = DMP_AUTH_SESSION;
            subject.id = dmp_string("somebody");
            subject.ins = dmp_string(INS);
            request.mapping = DMP_MAPPING_ONE;
            request.operation = (dmp_operation_t) operation;
            request.mode = DMP_MODE_NORMAL;
            request.offers = DMP_OFFERS_NORMAL;
            request.channel = DMP_CHANNEL_ANY;
            request.ins = dmp_string(INS);

            dmp_decide(&small_policy, &subject, &request, &facts, NULL, 20000,
                       &decision);
            assert_int_equal(decision.effect, DMP_DENY);
            assert_int_equal(decision.rule, DMP_RULE_B1);
            assert_int_equal(decision.reason, DMP_REASON_OPERATION_UNKNOWN);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_session_status),
        cmocka_unit_test(test_operations),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
