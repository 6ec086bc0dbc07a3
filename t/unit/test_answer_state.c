/*
 * test_answer_state.c: the state of a record, as the API tells it: all of it
 * to whom it concerns, and to others only how they stand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include <dmp/dmp_change.h>

#include "load_policy.h"


#define INS    "285037512000151"
#define MOREL  "899700218896"
#define TODAY  20514

#define RIGHTS                                                               \
    ",\"emergency\":{\"bris_de_glace\":true,\"centre_15\":false,"            \
    "\"masked\":true},\"authorisations\":{\"899700314422\":{"                \
    "\"since\":\"2026-01-01\",\"until\":\"2027-01-01\"},\"" MOREL "\":{"      \
    "\"since\":\"2025-01-01\",\"until\":\"2026-01-01\"}},"                   \
    "\"blocked\":[\"899700451273\"],\"treating_physicians\":[\"" MOREL "\"]," \
    "\"masked\":[\"urn:oid:1.2\",\"d\\\"1\"],\"mask_by_default\":true,"       \
    "\"unmasked\":[\"d2\"]"
#define REPRESENTATIVES                                                      \
    ",\"representatives\":[{\"ins\":\"158077505600212\","                    \
    "\"until\":\"2030-05-01\"}]"

static const char  json[] =
    "{\"ins\":\"" INS "\",\"status\":\"open\","
    "\"traits\":{\"family\":\"Lefebvre\",\"given\":\"Anne\","
    "\"birthdate\":\"1985-03-02\"},\"contact\":{\"email\":\"a@example.org\"},"
    "\"emergency\":{\"bris_de_glace\":true,\"centre_15\":false,"
    "\"masked\":true},\"authorisations\":{\"899700314422\":{"
    "\"since\":\"2026-01-01\",\"until\":\"2027-01-01\"},\"" MOREL "\":{"
    "\"since\":\"2025-01-01\",\"until\":\"2026-01-01\",\"by\":\"patient\"}},"
    "\"blocked\":[\"899700451273\"],\"treating\":[\"" MOREL "\"],"
    "\"masked\":[\"urn:oid:1.2\",\"d\\\"1\"],\"mask_by_default\":true,"
    "\"unmasked\":[\"d2\"],\"representatives\":[{\"ins\":\"158077505600212\","
    "\"until\":\"2030-05-01\"}]}";

static dmp_policy_t   *policy;
static dmp_record_t   *record;
static dmp_subject_t   subject;
static dmp_request_t   request;
static dmp_facts_t     facts;


static void
give(dmp_actor_t actor, const char *id)
{
    memset(&subject, 0, sizeof(subject));
    memset(&request, 0, sizeof(request));

    subject.actor = actor;
    subject.id = (dmp_str_t) { id, strlen(id) };

    request.mapping = DMP_MAPPING_ONE;
    request.operation = DMP_OPERATION_CHECK;
    request.mode = DMP_MODE_NORMAL;
    request.ins = dmp_string(INS);

    facts.state = DMP_RECORD_PRESENT;
    facts.version = 3;
    facts.record = record;
    record->open = true;
}


static void
give_professional(const char *id, const char *profession)
{
    give(DMP_ACTOR_PROFESSIONAL, id);
    subject.certificate = DMP_CREDENTIAL_VERIFIED;
    subject.auth = DMP_AUTH_DIRECT;
    subject.role.system = dmp_string("1.2.250.1.71.1.2.7");
    subject.role.code = (dmp_str_t) { profession, strlen(profession) };
}


static void
says(const char *want)
{
    char        text[2048];
    json_t     *root;
    dmp_buf_t   buf;

    dmp_buf_init(&buf, text, sizeof(text));
    dmp_answer_state(&buf, policy, &request, &facts, &subject, TODAY);
    assert_false(buf.full);

    root = json_loadb(text, buf.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    json_decref(root);

    if (!dmp_str_eq((dmp_str_t) { text, buf.len },
                    (dmp_str_t) { want, strlen(want) }))
    {
        fail_msg("%.*s\nnot %s", (int) buf.len, text, want);
    }
}


#define STANDING(status, authorisation, treating)                            \
    "{\"ins\":\"" INS "\",\"status\":\"" status "\",\"authorisation\":\""     \
    authorisation "\",\"treating\":" treating


static void
test_whole(void **state)
{
    (void) state;

    give(DMP_ACTOR_PATIENT, "p1");
    subject.token = DMP_CREDENTIAL_VERIFIED;
    subject.auth = DMP_AUTH_SESSION;
    subject.ins = dmp_string(INS);
    says(STANDING("open", "NON_EXISTE", "false") RIGHTS REPRESENTATIVES
         "}\n");

    subject.actor = DMP_ACTOR_REPRESENTATIVE;
    says(STANDING("open", "NON_EXISTE", "false") RIGHTS REPRESENTATIVES
         "}\n");

    record->open = false;
    says(STANDING("closed", "NON_EXISTE", "false") RIGHTS REPRESENTATIVES
         "}\n");

    give(DMP_ACTOR_OPERATOR, "anne");
    subject.auth = DMP_AUTH_OPERATOR;
    says(STANDING("open", "NON_EXISTE", "false") RIGHTS REPRESENTATIVES
         "}\n");

    /* not signed in, they are none of these */

    give(DMP_ACTOR_PATIENT, "p1");
    says(STANDING("open", "NON_EXISTE", "false") "}\n");
    give(DMP_ACTOR_OPERATOR, "anne");
    says(STANDING("open", "NON_EXISTE", "false") "}\n");
}


static void
test_treating(void **state)
{
    (void) state;

    give_professional(MOREL, "10");
    says(STANDING("open", "VALIDE", "true") RIGHTS "}\n");

    /* by another card of theirs as well */

    give_professional("0751234567", "10");
    subject.other_ids[0] = dmp_string(MOREL);
    subject.n_other_ids = 1;
    says(STANDING("open", "VALIDE", "true") RIGHTS "}\n");

    record->open = false;
    says(STANDING("closed", "VALIDE", "true") "}\n");

    give_professional(MOREL, "10");
    request.mode = DMP_MODE_BRIS_DE_GLACE;
    says(STANDING("open", "VALIDE", "true") "}\n");
    request.mode = DMP_MODE_CENTRE_15;
    says(STANDING("open", "VALIDE", "true") "}\n");

    /* named so, and no physician */

    give_professional(MOREL, "60");
    says(STANDING("open", "EXPIRE", "false") "}\n");
    give_professional(MOREL, "");
    says(STANDING("open", "EXPIRE", "false") "}\n");
    give_professional(MOREL, "10");
    subject.role.system = dmp_string("1.2.250.1.71.1.2.8");
    says(STANDING("open", "EXPIRE", "false") "}\n");
}


static void
test_others(void **state)
{
    dmp_list_t  blocked;

    static const dmp_str_t  morel[] = { dmp_string(MOREL) };

    (void) state;

    give_professional("899700314422", "60");
    says(STANDING("open", "VALIDE", "false") "}\n");
    give_professional("899700588637", "10");
    says(STANDING("open", "NON_EXISTE", "false") "}\n");
    give_professional("899700451273", "10");
    says(STANDING("open", "INTERDIT", "false") "}\n");

    give(DMP_ACTOR_STRUCTURE, "1750712184");
    subject.certificate = DMP_CREDENTIAL_VERIFIED;
    subject.auth = DMP_AUTH_INDIRECT;
    says(STANDING("open", "NON_EXISTE", "false") "}\n");

    /* treating and blocked: blocked */

    give_professional(MOREL, "10");
    blocked = record->blocked;
    record->blocked = (dmp_list_t) { morel, 1 };
    says(STANDING("open", "INTERDIT", "false") "}\n");
    record->blocked = blocked;
    says(STANDING("open", "VALIDE", "true") RIGHTS "}\n");
}


static void
test_absent(void **state)
{
    (void) state;

    give_professional(MOREL, "10");
    facts = (dmp_facts_t) { DMP_RECORD_ABSENT, 0, NULL };
    says(STANDING("absent", "NON_EXISTE", "false") "}\n");

    give(DMP_ACTOR_OPERATOR, "anne");
    subject.auth = DMP_AUTH_OPERATOR;
    facts = (dmp_facts_t) { DMP_RECORD_ABSENT, 0, NULL };
    says(STANDING("absent", "NON_EXISTE", "false") "}\n");
}


/* Not said is not absent, and a part is no answer. */
static void
test_full(void **state)
{
    char       text[sizeof(json) + DMP_STATE_MORE];
    size_t     i, len;
    dmp_buf_t  buf;

    (void) state;

    give(DMP_ACTOR_OPERATOR, "anne");
    subject.auth = DMP_AUTH_OPERATOR;

    for (i = DMP_RECORD_UNKNOWN; i <= DMP_RECORD_MAX; i++) {
        if (i != DMP_RECORD_ABSENT) {
            facts = (dmp_facts_t) { (dmp_record_state_t) i, 3, NULL };
            dmp_buf_init(&buf, text, sizeof(text));
            dmp_answer_state(&buf, policy, &request, &facts, &subject, TODAY);
            assert_true(buf.full);
        }
    }

    facts = (dmp_facts_t) { DMP_RECORD_PRESENT, 3, record };
    dmp_buf_init(&buf, text, sizeof(text));
    dmp_answer_state(&buf, policy, &request, &facts, &subject, TODAY);
    assert_false(buf.full);
    len = buf.len;

    for (i = 0; i < len; i++) {
        dmp_buf_init(&buf, text, i);
        dmp_answer_state(&buf, policy, &request, &facts, &subject, TODAY);
        assert_true(buf.full);
    }
}


static int
setup(void **state)
{
    dmp_error_t  error;

    (void) state;
    policy = load_policy("policy.json");

    return (policy != NULL
            && dmp_record_parse(json, sizeof(json) - 1, &record, &error)
               == DMP_OK) ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    dmp_record_free(record);
    dmp_policy_free(policy);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_treating),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_full),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
