/*
 * test_decide.c: the decision against an oracle that is a plain reading of
 * the rules, over every combination of what the rules look at; and what must
 * hold whatever the rules say.
 */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decide_case.h"


static unsigned long  reached[DMP_RULE_MAX][DMP_REASON_MAX];


static void
agree(const case_t *c)
{
    verdict_t       want;
    dmp_decision_t  got;

    want = oracle(c);
    decide(c, &got);

    if (got.effect != want.effect || got.rule != want.rule
        || got.reason != want.reason
        || got.obligations != obligations(c, want.effect))
    {
        fail_msg("certificate %d token %d actor %d auth %d role %d named %d "
                 "mapping %d on %d operation %d mode %d store %d open %d "
                 "blocked %d treating %d grant %d document %d labels %d "
                 "lists %d author %d default %d: %s %s %s %x, not %s %s %s",
                 c->certificate, c->token, c->actor, c->auth, c->role,
                 c->named, c->mapping, c->on, c->operation, c->mode, c->store,
                 c->open, c->blocked, c->treating, c->grant, c->document,
                 c->labels, c->lists, c->author, c->by_default,
                 dmp_effect_name(got.effect), dmp_rule_name(got.rule),
                 dmp_reason_name(got.reason), got.obligations,
                 dmp_effect_name(want.effect), dmp_rule_name(want.rule),
                 dmp_reason_name(want.reason));
    }

    reached[got.rule][got.reason]++;
}


/* Mapping and what the request is on, together. */
static const struct {
    int  mapping;
    int  on;
} readings[] = {
    { DMP_MAPPING_NONE, ON_INS },
    { DMP_MAPPING_AMBIGUOUS, ON_INS },
    { DMP_MAPPING_OPERATION_UNKNOWN, ON_INS },
    { DMP_MAPPING_FORMAT, ON_INS },
    { DMP_MAPPING_INS_INVALID, ON_NOTHING },
    { DMP_MAPPING_ONE, ON_NOTHING },
    { DMP_MAPPING_ONE, ON_INS },
    { DMP_MAPPING_ONE, ON_BAD_INS },
    { DMP_MAPPING_ONE, ON_DOCUMENT },
    { BEYOND, ON_INS },
};

static const int  modes[] = { DMP_MODE_NONE, DMP_MODE_NORMAL,
                              DMP_MODE_BRIS_DE_GLACE, DMP_MODE_CENTRE_15,
                              BEYOND };


/* Every reading of a request, by that subject. */
static void
each_request(case_t *c, void (*visit)(case_t *c))
{
    size_t  i, j;

    for (i = 0; i < count(readings); i++) {
        c->mapping = readings[i].mapping;
        c->on = readings[i].on;

        for (c->operation = 0; c->operation <= DMP_OPERATION_MAX;
             c->operation++)
        {
            for (j = 0; j < count(modes); j++) {
                c->mode = modes[j];
                visit(c);
            }
        }
    }
}


/* All that the store may say is in the other product. */
static void
few_states(case_t *c)
{
    c->open = true;

    for (c->store = STORE_SILENT; c->store <= STORE_PRESENT; c->store++) {
        agree(c);
    }

    c->store = STORE_PRESENT;
    c->open = false;
    agree(c);
}


static void
test_who_and_what(void **state)
{
    case_t  c;

    static const int  credentials[] = {
        DMP_CREDENTIAL_ABSENT, DMP_CREDENTIAL_REJECTED,
        DMP_CREDENTIAL_VERIFIED, BEYOND
    };
    size_t  i, j;

    (void) state;
    c = allowed;
    c.document = DOC_NONE;

    for (i = 0; i < count(credentials) * count(credentials); i++) {
        c.certificate = credentials[i / count(credentials)];
        c.token = credentials[i % count(credentials)];

        for (c.actor = 0; c.actor <= DMP_ACTOR_OPERATOR + 1; c.actor++) {
            for (c.auth = 0; c.auth <= DMP_AUTH_OPERATOR + 1; c.auth++) {
                for (j = 0; j <= ROLES; j++) {
                    c.role = (j < ROLES) ? (int) j : ROLE_DOCTOR;
                    c.named = (j < ROLES);
                    each_request(&c, few_states);
                }
            }
        }
    }
}


static void
each_document(case_t *c)
{
    unsigned  i;

    c->document = DOC_NONE;
    c->labels = LABEL_NONE;
    c->lists = LIST_NONE;
    agree(c);

    /* E1 gives nobody the other operations, whatever the document */
    if (c->operation > DMP_OPERATION_READ) {
        return;
    }

    for (c->document = DOC_SAME; c->document < DOCS; c->document++) {
        for (c->labels = 0; c->labels < LABELS; c->labels++) {
            for (c->lists = 0; c->lists < LISTS; c->lists++) {
                for (i = 0; i < 4; i++) {
                    c->author = (i & 1) != 0;
                    c->by_default = (i & 2) != 0;
                    agree(c);
                }
            }
        }
    }
}


/* The mapping other than ONE is judged before any document is. */
static void
each_state(case_t *c)
{
    unsigned  i;

    if (c->mapping != DMP_MAPPING_ONE) {
        return;
    }

    for (c->store = 0; c->store < STORES; c->store++) {
        for (i = 0; i < 8; i++) {
            c->open = (i & 1) != 0;
            c->blocked = (i & 2) != 0;
            c->treating = (i & 4) != 0;

            for (c->grant = 0; c->grant < GRANTS; c->grant++) {
                each_document(c);
            }
        }
    }
}


static void
test_record_and_document(void **state)
{
    case_t  c;

    (void) state;

    c = allowed;
    each_request(&c, each_state);

    /* a pharmacist, for whom a right is missing whatever the record says */
    c = allowed;
    c.role = ROLE_PHARMACIST;
    c.mapping = DMP_MAPPING_ONE;
    c.on = ON_INS;
    each_state(&c);
}


/* Neither product above is empty: each of these was the answer to some. */
static void
test_all_reached(void **state)
{
    size_t  i;

    static const struct {
        dmp_rule_t    rule;
        dmp_reason_t  reason;
    } all[] = {
        { DMP_RULE_NONE, DMP_REASON_RIGHT_MISSING },
        { DMP_RULE_A1, DMP_REASON_AUTHENTICATION_REQUIRED },
        { DMP_RULE_A2, DMP_REASON_CERTIFICATE_REJECTED },
        { DMP_RULE_A3, DMP_REASON_TOKEN_REJECTED },
        { DMP_RULE_A4, DMP_REASON_IDENTITY_AMBIGUOUS },
        { DMP_RULE_B1, DMP_REASON_REQUEST_AMBIGUOUS },
        { DMP_RULE_B1, DMP_REASON_OPERATION_UNKNOWN },
        { DMP_RULE_B2, DMP_REASON_INS_INVALID },
        { DMP_RULE_C1, DMP_REASON_RECORD_ABSENT },
        { DMP_RULE_C2, DMP_REASON_RECORD_CLOSED },
        { DMP_RULE_E1, DMP_REASON_RIGHT_MISSING },
        { DMP_RULE_F1, DMP_REASON_BLOCKED },
        { DMP_RULE_G1, DMP_REASON_NOT_AUTHORISED },
        { DMP_RULE_G1, DMP_REASON_AUTHORISATION_EXPIRED },
        { DMP_RULE_G7, DMP_REASON_MODE_UNAVAILABLE },
        { DMP_RULE_H1, DMP_REASON_DOCUMENT_FOREIGN },
        { DMP_RULE_H3, DMP_REASON_MASKED },
        { DMP_RULE_X1, DMP_REASON_TRACE_UNAVAILABLE },
        { DMP_RULE_E1, DMP_REASON_NONE },
        { DMP_RULE_G1, DMP_REASON_NONE },
    };

    (void) state;

    for (i = 0; i < count(all); i++) {
        if (reached[all[i].rule][all[i].reason] == 0) {
            fail_msg("%s %s was never reached", dmp_rule_name(all[i].rule),
                     dmp_reason_name(all[i].reason));
        }
    }
}


/* What takes something away from the caller, and gives nothing. */
static void
take_away(case_t *c, unsigned what)
{
    switch (what) {

    case 0: c->blocked = true; break;
    case 1: c->open = false; break;
    case 2: c->grant = GRANT_EXPIRED; c->treating = false; break;
    case 3: c->grant = GRANT_NONE; c->treating = false; break;
    case 4: c->labels = LABEL_MASKED; break;
    case 5: c->labels = LABEL_UNKNOWN; break;
    case 6: c->lists = LIST_BOTH; break;
    case 7: c->by_default = true; break;
    case 8: c->author = false; break;
    case 9: c->document = DOC_OTHER; break;
    case 10: c->store = STORE_SILENT; break;
    case 11: c->certificate = DMP_CREDENTIAL_REJECTED; break;
    case 12: c->token = DMP_CREDENTIAL_REJECTED; break;
    case 13: c->role = ROLE_NONE; break;
    case 14: c->treating = false; break;
    default: c->mapping = DMP_MAPPING_AMBIGUOUS; break;
    }
}

#define TAKEN  16


static void
never_wider(case_t *c)
{
    case_t          less;
    unsigned        i;
    dmp_decision_t  before, after;

    decide(c, &before);

    if (before.effect == DMP_ALLOW) {
        return;
    }

    for (i = 0; i < TAKEN; i++) {
        less = *c;
        take_away(&less, i);
        decide(&less, &after);

        if (after.effect == DMP_ALLOW) {
            fail_msg("change %u opens what %s %s had refused", i,
                     dmp_rule_name(before.rule),
                     dmp_reason_name(before.reason));
        }
    }
}


static void
test_a_deny_never_widens(void **state)
{
    int       operation;
    case_t    c;
    unsigned  i, j;

    (void) state;

    for (operation = DMP_OPERATION_CHECK; operation <= DMP_OPERATION_READ;
         operation++)
    {
        for (i = 0; i < 128 * GRANTS * DOCS; i++) {
            c = allowed;
            c.operation = operation;
            c.on = (i & 1) ? ON_DOCUMENT : ON_INS;
            c.open = (i & 2) == 0;
            c.blocked = (i & 4) != 0;
            c.treating = (i & 8) != 0;
            c.author = (i & 16) != 0;
            c.by_default = (i & 32) != 0;
            c.mode = (i & 64) ? DMP_MODE_BRIS_DE_GLACE : DMP_MODE_NORMAL;
            c.grant = (int) (i / 128 % GRANTS);
            c.document = (int) (i / 128 / GRANTS);

            for (j = 0; j < LABELS * LISTS; j++) {
                c.labels = (int) (j / LISTS);
                c.lists = (int) (j % LISTS);
                never_wider(&c);
            }
        }
    }
}


static void
test_zero_denies(void **state)
{
    dmp_facts_t     facts;
    dmp_policy_t    none;
    dmp_record_t    record;
    dmp_request_t   request;
    dmp_subject_t   subject;
    dmp_decision_t  out;

    static dmp_document_t  document;

    (void) state;
    memset(&facts, 0, sizeof(facts));
    memset(&none, 0, sizeof(none));
    memset(&record, 0, sizeof(record));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));
    memset(&document, 0, sizeof(document));
    memset(&out, 0xff, sizeof(out));

    dmp_decide(&none, &subject, &request, &facts, NULL, 0, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.rule, DMP_RULE_A1);
    assert_int_equal(out.obligations, DMP_OBLIGATION_TRACE);

    /* each part that is filled in alone changes nothing of that */

    make_subject(&allowed, &subject);
    dmp_decide(&none, &subject, &request, &facts, &document, 0, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.reason, DMP_REASON_REQUEST_AMBIGUOUS);

    request.mapping = DMP_MAPPING_ONE;
    request.operation = DMP_OPERATION_READ;
    request.mode = DMP_MODE_NORMAL;
    request.ins = dmp_string(INS);
    dmp_decide(&none, &subject, &request, &facts, &document, 0, &out);
    assert_int_equal(out.effect, DMP_ERROR);
    assert_int_equal(out.rule, DMP_RULE_X1);

    /* a record that is not the one that was asked for says nothing */
    facts = (dmp_facts_t) { DMP_RECORD_PRESENT, 1, &record };
    dmp_decide(&none, &subject, &request, &facts, &document, 0, &out);
    assert_int_equal(out.effect, DMP_ERROR);
    assert_int_equal(out.rule, DMP_RULE_X1);

    record.ins = dmp_string(INS);
    dmp_decide(&none, &subject, &request, &facts, &document, 0, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.reason, DMP_REASON_RECORD_CLOSED);

    make_record(&allowed, &record);
    dmp_decide(&none, &subject, &request, &facts, &document, TODAY, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.reason, DMP_REASON_DOCUMENT_FOREIGN);

    make_document(&allowed, &document);
    dmp_decide(&none, &subject, &request, &facts, &document, TODAY, &out);
    assert_int_equal(out.effect, DMP_ALLOW);
}


static void
test_out_of_range_denies(void **state)
{
    int             *where;
    case_t           c;
    size_t           i, j;
    dmp_decision_t   out;

    static const size_t  members[] = {
        offsetof(case_t, certificate), offsetof(case_t, token),
        offsetof(case_t, actor), offsetof(case_t, auth),
        offsetof(case_t, mapping), offsetof(case_t, operation),
        offsetof(case_t, mode)
    };
    static const int  values[] = { -1, INT_MIN, INT_MAX, BEYOND,
                                   DMP_OPERATION_MAX };

    (void) state;
    c = allowed;
    decide(&c, &out);
    assert_int_equal(out.effect, DMP_ALLOW);

    for (i = 0; i < count(members); i++) {
        for (j = 0; j < count(values); j++) {
            c = allowed;
            where = (int *) (void *) ((char *) &c + members[i]);
            *where = values[j];
            decide(&c, &out);
            assert_int_equal(out.effect, DMP_DENY);
            assert_int_not_equal(out.reason, DMP_REASON_NONE);
        }
    }

    c = allowed;
    c.store = STORE_BEYOND;
    decide(&c, &out);
    assert_int_equal(out.effect, DMP_ERROR);
}


static void
test_ins_key_setting(void **state)
{
    dmp_facts_t     facts;
    dmp_policy_t    lax;
    dmp_record_t    record;
    dmp_request_t   request;
    dmp_subject_t   subject;
    dmp_decision_t  out;

    (void) state;
    memset(&lax, 0, sizeof(lax));
    memset(&record, 0, sizeof(record));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));

    make_record(&allowed, &record);
    make_subject(&allowed, &subject);
    record.ins = dmp_string(BAD_INS);
    facts = (dmp_facts_t) { DMP_RECORD_PRESENT, 1, &record };
    request.mapping = DMP_MAPPING_ONE;
    request.operation = DMP_OPERATION_SEARCH;
    request.mode = DMP_MODE_NORMAL;
    request.ins = dmp_string(BAD_INS);

    dmp_decide(&policy, &subject, &request, &facts, NULL, TODAY, &out);
    assert_int_equal(out.reason, DMP_REASON_INS_INVALID);
    dmp_decide(&lax, &subject, &request, &facts, NULL, TODAY, &out);
    assert_int_equal(out.effect, DMP_ALLOW);
    request.ins.len--;
    dmp_decide(&lax, &subject, &request, &facts, NULL, TODAY, &out);
    assert_int_equal(out.reason, DMP_REASON_INS_INVALID);
}


static void
test_days(void **state)
{
    dmp_grant_t    grant;
    dmp_record_t   record;
    dmp_subject_t  subject;

    (void) state;
    memset(&record, 0, sizeof(record));
    memset(&subject, 0, sizeof(subject));
    subject.id = dmp_string(DOCTOR);
    grant = (dmp_grant_t) { dmp_string(DOCTOR), 100, 200 };

    assert_int_equal(dmp_authorisation(&record, &subject, 100),
                     DMP_AUTHORISATION_NONE);
    record.authorisations = &grant;
    record.n_authorisations = 1;

#define at(day, want)                                                         \
    assert_int_equal(dmp_authorisation(&record, &subject, day),               \
                     DMP_AUTHORISATION_ ## want)

    at(INT32_MIN, NONE);
    at(99, NONE);
    at(100, VALID);
    at(199, VALID);
    at(200, EXPIRED);
    at(INT32_MAX, EXPIRED);

    /* an empty interval is never in force */
    grant.until = 100;
    at(99, NONE);
    at(100, EXPIRED);
    grant.until = 200;

    /* "1" is not the beginning of "12" */
    subject.id.len--;
    at(150, NONE);
    subject.id.len++;

    record.treating = list_of(somebody, 2);
    at(50, VALID);
    at(300, VALID);
    assert_true(dmp_is_treating(&record, &subject));

    record.blocked = list_of(somebody, 2);
    at(150, FORBIDDEN);
    assert_true(dmp_is_treating(&record, &subject));

    record.blocked = list_of(somebody, 1);
    record.treating = list_of(somebody, 1);
    at(150, VALID);
    assert_false(dmp_is_treating(&record, &subject));
}


/* A list with an empty name in it is nobody's. */
static void
test_nobody(void **state)
{
    dmp_grant_t    grant;
    dmp_record_t   record;
    dmp_subject_t  subject;

    static const dmp_str_t  empty[] = { dmp_null_string };

    (void) state;
    memset(&record, 0, sizeof(record));
    memset(&subject, 0, sizeof(subject));
    grant = (dmp_grant_t) { dmp_null_string, 0, INT32_MAX };
    record.treating = list_of(empty, 1);
    record.authorisations = &grant;
    record.n_authorisations = 1;

    assert_false(dmp_is_treating(&record, &subject));
    at(1, NONE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_who_and_what),
        cmocka_unit_test(test_record_and_document),
        cmocka_unit_test(test_all_reached),
        cmocka_unit_test(test_a_deny_never_widens),
        cmocka_unit_test(test_zero_denies),
        cmocka_unit_test(test_out_of_range_denies),
        cmocka_unit_test(test_ins_key_setting),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_nobody),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
