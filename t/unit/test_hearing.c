/*
 * test_hearing.c: what a hearing comes to, document by document, is what is
 * decided with each of them; and a mask by a name that no document has.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dmp/dmp_document.h>
#include <dmp/dmp_record.h>

#include "load_policy.h"


#define INS     "269054958815780"
#define DOCTOR  "899700218896"
#define TODAY   20000

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static dmp_policy_t  *policy;

typedef struct {
    dmp_subject_t   subject;
    dmp_request_t   request;
    dmp_facts_t     facts;
    dmp_record_t    record;
    dmp_document_t  document;
} given_t;


/* A doctor with a card, authorised, and a document of the record. */
static void
give(given_t *g)
{
    static const dmp_grant_t  grant = { dmp_string(DOCTOR), 0, INT32_MAX };

    memset(g, 0, sizeof(*g));

    g->subject.certificate = DMP_CREDENTIAL_VERIFIED;
    g->subject.actor = DMP_ACTOR_PROFESSIONAL;
    g->subject.auth = DMP_AUTH_DIRECT;
    g->subject.id = dmp_string(DOCTOR);
    g->subject.role.system = dmp_string("1.2.250.1.71.1.2.7");
    g->subject.role.code = dmp_string("10");

    g->request.mapping = DMP_MAPPING_ONE;
    g->request.operation = DMP_OPERATION_READ;
    g->request.mode = DMP_MODE_NORMAL;
    g->request.offers = DMP_OFFERS_NORMAL|DMP_OFFERS_BRIS_DE_GLACE;
    g->request.channel = DMP_CHANNEL_ANY;
    g->request.ins = dmp_string(INS);
    g->request.justification = dmp_string("inconsciente, aux urgences");
    g->request.traits.family = dmp_string("Martin");
    g->request.traits.given = dmp_string("Marie");
    g->request.traits.birthdate = dmp_string("1969-05-04");

    g->record.ins = dmp_string(INS);
    g->record.open = true;
    g->record.bris_de_glace = true;
    g->record.family = dmp_string("MARTIN");
    g->record.given = dmp_string("Marie");
    g->record.birthdate = dmp_string("1969-05-04");
    g->record.authorisations = &grant;
    g->record.n_authorisations = 1;

    g->facts.state = DMP_RECORD_PRESENT;
    g->facts.version = 3;
    g->facts.record = &g->record;

    g->document.id = dmp_string("d1");
    g->document.types[0].system = dmp_string("http://loinc.org");
    g->document.types[0].code = dmp_string("11488-4");
    g->document.n_types = 1;
    g->document.ins[0] = dmp_string(INS);
    g->document.n_ins = 1;
    g->document.status = DMP_STATUS_CURRENT;
}


/* One of the documents that the rules tell apart, by its number's bits. */
static void
give_document(given_t *g, unsigned number)
{
    g->document.status = (dmp_status_t) (number & 3);
    g->document.archived = (number & 4) != 0;
    g->document.labels = (number & 8) ? DMP_LABEL_INVISIBLE_PATIENT
                         : (number & 16) ? DMP_LABEL_MASKED : 0;
    g->document.authors[0] = (number & 32) ? dmp_string(DOCTOR)
                                           : dmp_string("899700314422");
    g->document.n_authors = 1;
    g->document.n_ins = (number & 64) ? 0 : 1;
}

#define DOCUMENTS  128


static void
compare(const given_t *g, const dmp_hearing_t *hearing, unsigned *by)
{
    dmp_decision_t  judged, decided;

    memset(&judged, 0xff, sizeof(judged));
    memset(&decided, 0xff, sizeof(decided));

    dmp_judge(hearing, &g->document, &judged);
    dmp_decide(policy, &g->subject, &g->request, &g->facts, &g->document,
               TODAY, &decided);

    assert_int_equal(judged.effect, decided.effect);
    assert_int_equal(judged.rule, decided.rule);
    assert_int_equal(judged.reason, decided.reason);
    assert_int_equal(judged.obligations, decided.obligations);
    assert_int_equal(judged.unverified, decided.unverified);

    if (hearing->request.effect == DMP_ALLOW) {
        by[judged.effect == DMP_ALLOW ? DMP_RULE_NONE : judged.rule]++;
    }
}


/*
 * Of what was heard to be allowed, E1 takes back a document in a state that
 * one may not read (the official tables let whoever reads read all states; so
 * one cell is another here), G1 one that somebody else wrote, and the rules of
 * documents what they do.
 */
static void
test_same(void **state)
{
    given_t        g;
    unsigned       operation, i, number;
    unsigned       by[DMP_RULE_MAX];
    dmp_hearing_t  hearing;

    static const dmp_str_t  roles[] = { dmp_string("10"), dmp_string("21"),
                                        dmp_string("60"), dmp_string("26") };

    (void) state;
    memset(by, 0, sizeof(by));
    policy->cells[DMP_TABLE_DIRECT][DMP_COLUMN_PS_NORMAL].allows
        &= ~dmp_right_bit(DMP_RIGHT_READ_ARCHIVED);

    for (operation = 0; operation < DMP_OPERATION_MAX; operation++) {
        for (i = 0; i < DMP_MODE_MAX * count(roles) * 2; i++) {
            give(&g);

            g.request.operation = (dmp_operation_t) operation;
            g.request.mode = (dmp_mode_t) (i % DMP_MODE_MAX);
            g.subject.role.code = roles[i / DMP_MODE_MAX % count(roles)];
            g.record.n_authorisations = i / DMP_MODE_MAX / count(roles);

            dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY,
                     &hearing);

            for (number = 0; number < DOCUMENTS; number++) {
                give_document(&g, number);
                compare(&g, &hearing, by);
            }
        }
    }

    assert_true(by[DMP_RULE_NONE] > 0);
    assert_true(by[DMP_RULE_E1] > 0);
    assert_true(by[DMP_RULE_G1] > 0);
    assert_true(by[DMP_RULE_H1] > 0);
    assert_true(by[DMP_RULE_H2] > 0);
    assert_true(by[DMP_RULE_H3] > 0);
}


/* A hearing without a document says what was heard. */
static void
test_nothing(void **state)
{
    given_t         g;
    dmp_hearing_t   hearing;
    dmp_decision_t  out;

    (void) state;
    give(&g);
    memset(&out, 0xff, sizeof(out));
    dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
    dmp_judge(&hearing, NULL, &out);
    assert_int_equal(out.effect, DMP_ALLOW);
    assert_int_equal(out.rule, DMP_RULE_G1);

    /* not even that was come to: nobody is known */

    memset(&g.subject, 0, sizeof(g.subject));
    dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
    dmp_judge(&hearing, NULL, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.rule, DMP_RULE_A1);
    dmp_judge(&hearing, &g.document, &out);
    assert_int_equal(out.effect, DMP_DENY);
    assert_int_equal(out.rule, DMP_RULE_A1);
}


/* What a document cannot be named by neither masks it nor unmasks it. */
static void
test_no_name(void **state)
{
    given_t  g;

    static const dmp_str_t  listed[] = { dmp_string("urn:oid:1.2"),
                                         dmp_string("urn:oid:\x01") };
    static const dmp_str_t  by_id[] = { dmp_string("d1") };

    (void) state;
    give(&g);

    g.record.masked = (dmp_list_t) { listed, count(listed) };
    assert_false(dmp_is_masked(&g.record, &g.document));
    g.document.master = dmp_string("urn:oid:1.2");
    assert_true(dmp_is_masked(&g.record, &g.document));
    g.document.master = dmp_string("urn:oid:\x01");
    assert_false(dmp_is_masked(&g.record, &g.document));
    g.record.masked = (dmp_list_t) { by_id, 1 };
    assert_true(dmp_is_masked(&g.record, &g.document));

    g.record.masked.n = 0;
    g.record.mask_by_default = true;
    g.record.unmasked = (dmp_list_t) { listed, count(listed) };
    assert_true(dmp_is_masked(&g.record, &g.document));
    g.document.master = dmp_string("urn:oid:1.2");
    assert_false(dmp_is_masked(&g.record, &g.document));
    g.record.unmasked = (dmp_list_t) { by_id, 1 };
    assert_true(dmp_is_masked(&g.record, &g.document));
    g.document.master = dmp_string("urn:oid:\x01");
    assert_false(dmp_is_masked(&g.record, &g.document));
}


static int
setup(void **state)
{
    (void) state;
    policy = load_policy("policy-test.json");

    return (policy != NULL) ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    dmp_policy_free(policy);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_no_name),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
