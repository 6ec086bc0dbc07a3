/*
 * test_decide.c: what must hold of the decision whatever the rules say.  What
 * they say is compared with an oracle, over a million combinations, in
 * t/200-rules.t; a case at a time in t/policy/.
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
#define ADELI   "0757012345"
#define TODAY   20000

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static dmp_policy_t  *policy;

static const dmp_str_t    ids[] = { dmp_string("899700314422"),
                                    dmp_string(DOCTOR) };
static const dmp_grant_t  grants[] = {
    { dmp_string(ADELI), 0, TODAY },
    { dmp_string(DOCTOR), TODAY - 1, TODAY + 1 },
    { dmp_string(ADELI), TODAY + 1, INT32_MAX },
};

/* A doctor with a card, authorised, who reads a document of the record. */
typedef struct {
    dmp_subject_t   subject;
    dmp_request_t   request;
    dmp_facts_t     facts;
    dmp_record_t    record;
    dmp_document_t  document;
    dmp_decision_t  out;
} given_t;


static void
give(given_t *g)
{
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
    g->request.offers = DMP_OFFERS_NORMAL;
    g->request.channel = DMP_CHANNEL_ANY;
    g->request.ins = dmp_string(INS);

    g->record.ins = dmp_string(INS);
    g->record.open = true;
    g->record.authorisations = grants;
    g->record.n_authorisations = count(grants);

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


static void
run(given_t *g, const dmp_document_t *document)
{
    memset(&g->out, 0xff, sizeof(g->out));
    dmp_decide(policy, &g->subject, &g->request, &g->facts, document, TODAY,
               &g->out);
}


static void
expect(const given_t *g, dmp_effect_t effect, const char *rule,
    const char *reason)
{
    assert_int_equal(g->out.effect, effect);
    assert_string_equal(dmp_rule_name(g->out.rule), rule);
    assert_string_equal(dmp_reason_name(g->out.reason), reason);
    assert_true(g->out.obligations & DMP_OBLIGATION_TRACE);
    assert_int_equal(g->out.obligations & ~(uint32_t) DMP_OBLIGATION_ALL, 0);
}


/* Each structure zeroed on its own, and all of them. */
static void
test_zeroed(void **state)
{
    int      i;
    given_t  g;

    (void) state;
    give(&g);
    run(&g, &g.document);
    expect(&g, DMP_ALLOW, "G1", "none");

    for (i = 1; i < 8; i++) {
        give(&g);

        if (i & 1) {
            memset(&g.subject, 0, sizeof(g.subject));
        }

        if (i & 2) {
            memset(&g.request, 0, sizeof(g.request));
        }

        if (i & 4) {
            memset(&g.facts, 0, sizeof(g.facts));
        }

        run(&g, &g.document);
        assert_int_not_equal(g.out.effect, DMP_ALLOW);
        run(&g, NULL);
        assert_int_not_equal(g.out.effect, DMP_ALLOW);
    }

    give(&g);
    memset(&g.document, 0, sizeof(g.document));
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H1", "document-foreign");

    give(&g);
    memset(&g.record, 0, sizeof(g.record));
    run(&g, &g.document);
    assert_int_not_equal(g.out.effect, DMP_ALLOW);
}


/* A policy without anything in it allows nothing to anybody. */
static void
test_empty_policy(void **state)
{
    int                  actor, operation;
    given_t              g;
    static dmp_policy_t  nothing;

    (void) state;

    for (actor = 0; actor <= DMP_ACTOR_MAX; actor++) {
        for (operation = 0; operation <= DMP_OPERATION_MAX; operation++) {
            give(&g);
            g.subject.actor = (dmp_actor_t) actor;
            g.request.operation = (dmp_operation_t) operation;
            dmp_decide(&nothing, &g.subject, &g.request, &g.facts,
                       &g.document, TODAY, &g.out);
            assert_int_equal(g.out.effect, DMP_DENY);
        }
    }
}


/* Values that no enumeration has deny. */
static void
test_beyond(void **state)
{
    size_t   i;
    given_t  g;

    (void) state;

    for (i = 0; i < 9; i++) {
        give(&g);

        switch (i) {
        case 0: g.subject.certificate = (dmp_credential_t) 77; break;
        case 1: g.subject.token = (dmp_credential_t) 77; break;
        case 2: g.subject.actor = (dmp_actor_t) 77; break;
        case 3: g.subject.auth = (dmp_auth_t) 77; break;
        case 4: g.request.mapping = (dmp_mapping_t) 77; break;
        case 5: g.request.operation = (dmp_operation_t) 77; break;
        case 6: g.request.mode = (dmp_mode_t) 77; break;
        case 7: g.request.channel = (dmp_channel_t) 77; break;
        default: g.facts.state = (dmp_record_state_t) 77; break;
        }

        run(&g, &g.document);
        assert_int_not_equal(g.out.effect, DMP_ALLOW);
    }

    /* a label that no code has yet masks */

    give(&g);
    g.document.labels = 0x40;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H3", "masked");

    /* an effect that nobody knows is none of those that may be */

    give(&g);
    g.document.authors[0] = dmp_string(DOCTOR);
    g.document.n_authors = 1;
    g.request.operation = DMP_OPERATION_ARCHIVE;
    g.request.effects = 0x1000;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H7", "change-not-allowed");
}


/* dmp_explain() is dmp_decide(), and says how it came to it. */
static void
test_explain(void **state)
{
    int             operation, mode;
    size_t          i, n, all;
    given_t         g;
    dmp_step_t      steps[DMP_RULE_MAX];
    dmp_rule_t      order[DMP_RULE_MAX];
    dmp_decision_t  said;

    (void) state;
    all = dmp_rules_in_order(order);
    assert_int_equal(all, DMP_RULE_MAX - 1);

    for (operation = 0; operation < DMP_OPERATION_MAX; operation++) {
        for (mode = 0; mode < DMP_MODE_MAX; mode++) {
            give(&g);
            g.request.operation = (dmp_operation_t) operation;
            g.request.mode = (dmp_mode_t) mode;
            run(&g, &g.document);

            n = dmp_explain(policy, &g.subject, &g.request, &g.facts,
                            &g.document, TODAY, &said, steps);

            assert_int_equal(said.effect, g.out.effect);
            assert_int_equal(said.rule, g.out.rule);
            assert_int_equal(said.reason, g.out.reason);
            assert_int_equal(said.obligations, g.out.obligations);
            assert_true(n > 0 && n <= all);

            for (i = 0; i < n; i++) {
                assert_int_equal(steps[i].rule, order[i]);
                assert_true(i + 1 == n
                            || steps[i].reason == DMP_REASON_NONE);
            }

            if (said.effect == DMP_ALLOW) {
                assert_int_equal(n, all);

            } else if (said.rule != DMP_RULE_NONE) {
                assert_int_equal(steps[n - 1].rule, said.rule);
                assert_int_equal(steps[n - 1].reason, said.reason);
            }
        }
    }
}


/* Each rule stands in the order once. */
static void
test_order(void **state)
{
    size_t      i, j, n;
    dmp_rule_t  order[DMP_RULE_MAX];

    (void) state;
    n = dmp_rules_in_order(order);

    for (i = 0; i < n; i++) {
        assert_true(order[i] > DMP_RULE_NONE && order[i] < DMP_RULE_MAX);

        for (j = 0; j < i; j++) {
            assert_int_not_equal(order[i], order[j]);
        }
    }
}


/* RPPS and ADELI are one person: for blocks, grants, authors, treating. */
static void
test_aliases(void **state)
{
    given_t    g;
    dmp_str_t  adeli;

    (void) state;
    adeli = dmp_string(ADELI);
    give(&g);
    g.subject.id = dmp_string("899700000000");
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "not-authorised");

    g.subject.other_ids[0] = adeli;
    g.subject.n_other_ids = 1;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "authorisation-expired");

    g.subject.other_ids[1] = dmp_string(DOCTOR);
    g.subject.n_other_ids = 2;
    run(&g, &g.document);
    expect(&g, DMP_ALLOW, "G1", "none");

    g.document.labels = DMP_LABEL_MASKED;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H3", "masked");

    g.document.authors[0] = adeli;
    g.document.n_authors = 1;
    run(&g, &g.document);
    expect(&g, DMP_ALLOW, "G1", "none");

    g.record.blocked.list = &adeli;
    g.record.blocked.n = 1;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "F1", "blocked");

    /* an empty identifier is nobody's */

    give(&g);
    g.subject.id = dmp_string("899700000000");
    g.subject.other_ids[0] = dmp_null_string;
    g.subject.n_other_ids = 1;
    g.document.authors[0] = dmp_null_string;
    g.document.n_authors = 1;
    g.document.labels = DMP_LABEL_MASKED;
    g.record.treating.list = &g.document.authors[0];
    g.record.treating.n = 1;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "not-authorised");
}


/* What is to be changed and was never seen cannot be decided. */
static void
test_unseen(void **state)
{
    int         operation;
    size_t      n;
    given_t     g;
    dmp_step_t  steps[DMP_RULE_MAX];

    (void) state;

    for (operation = DMP_OPERATION_DEPOSIT;
         operation <= DMP_OPERATION_UNARCHIVE; operation++)
    {
        give(&g);
        g.request.operation = (dmp_operation_t) operation;
        g.record.treating.list = ids;
        g.record.treating.n = count(ids);
        run(&g, NULL);
        expect(&g, DMP_DENY, "H1", "document-foreign");

        n = dmp_explain(policy, &g.subject, &g.request, &g.facts, NULL, TODAY,
                        &g.out, steps);
        assert_int_equal(steps[n - 1].rule, DMP_RULE_H1);
        assert_int_equal(steps[n - 1].reason, DMP_REASON_DOCUMENT_FOREIGN);

        g.document.authors[0] = dmp_string(DOCTOR);
        g.document.n_authors = 1;
        run(&g, &g.document);
        assert_int_equal(g.out.effect, DMP_ALLOW);
        assert_true(g.out.obligations & DMP_OBLIGATION_FORWARD_CHANGE);
    }

    /* a document cannot belong to a record that is not there */

    give(&g);
    g.facts.state = DMP_RECORD_ABSENT;
    g.facts.record = NULL;
    g.request.operation = DMP_OPERATION_CHECK;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H1", "document-foreign");
    run(&g, NULL);
    expect(&g, DMP_ALLOW, "E1", "none");
}


/* P2, H6: what the patient wrote with somebody else is not theirs alone. */
static void
test_two_authors(void **state)
{
    int      operation;
    given_t  g;

    static const dmp_operation_t  operations[] = {
        DMP_OPERATION_DEPOSIT, DMP_OPERATION_DELETE, DMP_OPERATION_ARCHIVE,
        DMP_OPERATION_UNARCHIVE, DMP_OPERATION_REPLACE
    };

    (void) state;

    for (operation = 0; operation < (int) count(operations); operation++) {
        give(&g);
        g.subject.certificate = DMP_CREDENTIAL_ABSENT;
        g.subject.token = DMP_CREDENTIAL_VERIFIED;
        g.subject.actor = DMP_ACTOR_PATIENT;
        g.subject.auth = DMP_AUTH_SESSION;
        g.subject.ins = dmp_string(INS);
        g.request.operation = operations[operation];
        g.document.types[0].system = policy->type_systems[1].names[0];
        g.document.types[0].code = dmp_string("EXPPAT_1");
        g.document.by_patient = true;
        run(&g, &g.document);
        expect(&g, DMP_ALLOW, "P1", "none");

        g.document.by_others = true;
        run(&g, &g.document);

        if (operations[operation] == DMP_OPERATION_DEPOSIT) {
            expect(&g, DMP_DENY, "P2", "deposit-not-allowed");

        } else {
            expect(&g, DMP_DENY, "H6", "not-author");
        }
    }
}


/* A record that the state says is absent is not looked at. */
static void
test_absent(void **state)
{
    given_t  g;

    (void) state;
    give(&g);
    g.facts.state = DMP_RECORD_ABSENT;
    run(&g, NULL);
    expect(&g, DMP_DENY, "C1", "record-absent");

    g.facts.state = DMP_RECORD_UNKNOWN;
    run(&g, NULL);
    expect(&g, DMP_ERROR, "X1", "trace-unavailable");
}


/* What the host can do needs nothing of the store, but somebody who asks. */
static void
test_metadata(void **state)
{
    int            auth;
    given_t        g;
    dmp_hearing_t  hearing;

    (void) state;

    for (auth = DMP_AUTH_NONE; auth <= DMP_AUTH_MAX; auth++) {
        give(&g);
        g.subject.auth = (dmp_auth_t) auth;
        g.subject.role.code = dmp_null_string;
        g.request.operation = DMP_OPERATION_METADATA;
        g.request.ins = dmp_null_string;
        memset(&g.facts, 0, sizeof(g.facts));
        run(&g, NULL);

        if (auth == DMP_AUTH_NONE || auth == DMP_AUTH_MAX) {
            expect(&g, DMP_DENY, "E1", "right-missing");
            continue;
        }

        expect(&g, DMP_ALLOW, "E1", "none");
        assert_int_equal(g.out.obligations,
                         DMP_OBLIGATION_TRACE | DMP_OBLIGATION_JUDGE);

        /* nor is a document that comes with it anybody's */

        dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
        assert_int_equal(hearing.request.effect, DMP_ALLOW);
        g.document.indexed = true;
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_DENY, "H1", "document-foreign");

        memset(&g.subject, 0, sizeof(g.subject));
        run(&g, NULL);
        expect(&g, DMP_DENY, "A1", "authentication-required");
    }
}


/*
 * Documents as the index keeps them: they name nobody, and it says whose they
 * are.  Those that a List names are judged by what was heard of a search.
 */
static void
test_indexed(void **state)
{
    size_t         i;
    given_t        g;
    dmp_hearing_t  hearing;

    static const dmp_operation_t  operations[] = {
        DMP_OPERATION_SEARCH, DMP_OPERATION_REFERENCE, DMP_OPERATION_READ
    };

    (void) state;

    for (i = 0; i < count(operations); i++) {
        give(&g);
        g.request.operation = operations[i];
        dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
        assert_int_equal(hearing.request.effect, DMP_ALLOW);

        g.document.n_ins = 0;
        dmp_judge(&hearing, &g.document, &g.out);

        if (operations[i] == DMP_OPERATION_READ) {
            expect(&g, DMP_DENY, "H1", "document-foreign");

        } else {
            expect(&g, DMP_ALLOW, "G1", "none");
        }

        g.document.indexed = true;
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_ALLOW, "G1", "none");

        g.document.labels = DMP_LABEL_MASKED;
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_DENY, "H3", "masked");

        g.document.labels = 0;
        g.document.types[0].code = dmp_string("ATTEST-RESID");
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_DENY, "H2", "type-not-allowed");

        g.document.types[0].code = dmp_string("11488-4");
        g.document.other_patient = true;
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_DENY, "H1", "document-foreign");

        g.document.other_patient = false;
        g.document.ins[0] = dmp_string("185097512345640");
        g.document.n_ins = 1;
        dmp_judge(&hearing, &g.document, &g.out);
        expect(&g, DMP_DENY, "H1", "document-foreign");
    }
}


/* An attachment is reached as a document is: alone, and through its own. */
static void
test_attachment(void **state)
{
    given_t  g;

    (void) state;
    give(&g);
    g.request.ins = dmp_null_string;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "B1", "request-ambiguous");

    g.request.attachment = dmp_string("Binary/b1");
    g.document.n_ins = 0;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "H1", "document-foreign");

    g.document.indexed = true;
    run(&g, &g.document);
    expect(&g, DMP_ALLOW, "G1", "none");

    g.request.operation = DMP_OPERATION_SEARCH;
    g.request.ins = dmp_string(INS);
    run(&g, NULL);
    expect(&g, DMP_DENY, "B1", "request-ambiguous");
}


/* One's own is referred to without an authorisation, and not read. */
static void
test_content(void **state)
{
    given_t        g;
    dmp_hearing_t  hearing;

    (void) state;
    give(&g);
    g.request.operation = DMP_OPERATION_REFERENCE;
    g.document.authors[0] = dmp_string(DOCTOR);
    g.document.n_authors = 1;
    dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
    assert_false(hearing.request.obligations & DMP_OBLIGATION_METADATA_ONLY);
    dmp_judge(&hearing, &g.document, &g.out);
    expect(&g, DMP_ALLOW, "G1", "none");
    assert_false(g.out.obligations & DMP_OBLIGATION_METADATA_ONLY);

    g.record.n_authorisations = 1;
    dmp_hear(policy, &g.subject, &g.request, &g.facts, TODAY, &hearing);
    assert_true(hearing.request.obligations & DMP_OBLIGATION_METADATA_ONLY);
    dmp_judge(&hearing, &g.document, &g.out);
    expect(&g, DMP_ALLOW, "G1", "none");
    assert_true(g.out.obligations & DMP_OBLIGATION_METADATA_ONLY);

    g.request.operation = DMP_OPERATION_READ;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "not-authorised");

    /* a treating physician has one */
    g.request.operation = DMP_OPERATION_REFERENCE;
    g.record.treating.list = ids;
    g.record.treating.n = count(ids);
    run(&g, &g.document);
    expect(&g, DMP_ALLOW, "G1", "none");
    assert_false(g.out.obligations & DMP_OBLIGATION_METADATA_ONLY);
}


static bool
opens(const given_t *g, const dmp_document_t *document)
{
    return dmp_bris_de_glace_opens(policy, &g->subject, &g->request, &g->facts,
                                   document, TODAY);
}


/* What the normal mode denies for want of an authorisation, and only that. */
static void
test_opens(void **state)
{
    given_t   g;
    unsigned  min;

    (void) state;
    give(&g);
    g.request.offers |= DMP_OFFERS_BRIS_DE_GLACE;
    g.record.bris_de_glace = true;
    g.record.birth_family = dmp_string("O'Connor");
    g.record.family = dmp_string("-");
    g.record.given = dmp_string("Anne-Marie Zo\xc3\xa9");
    g.record.birthdate = dmp_string("1985-03-02");
    assert_false(opens(&g, &g.document));

    g.record.n_authorisations = 1;
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "not-authorised");
    assert_true(opens(&g, &g.document));
    assert_true(opens(&g, NULL));

    /* the longest justification that a setting asks for is given */

    min = policy->settings.justification_min;
    policy->settings.justification_min = 1000;
    assert_true(opens(&g, NULL));
    policy->settings.justification_min = min;

    g.record.birthdate = dmp_null_string;
    g.record.given = dmp_null_string;
    assert_true(opens(&g, NULL));

    g.record.bris_de_glace = false;
    assert_false(opens(&g, NULL));
    g.record.bris_de_glace = true;

    g.request.offers = DMP_OFFERS_NORMAL;
    assert_false(opens(&g, NULL));
    g.request.offers |= DMP_OFFERS_BRIS_DE_GLACE;

    g.request.mode = DMP_MODE_BRIS_DE_GLACE;
    run(&g, NULL);
    expect(&g, DMP_DENY, "G3", "justification-missing");
    assert_false(opens(&g, NULL));
    g.request.mode = DMP_MODE_NORMAL;

    /* what could not be decided is no refusal */

    g.facts.version = 0;
    run(&g, NULL);
    expect(&g, DMP_ERROR, "X1", "trace-unavailable");
    assert_false(opens(&g, NULL));
}


/* Who is named as treating is one if they are a physician. */
static void
test_treating(void **state)
{
    given_t  g;

    (void) state;
    give(&g);
    g.record.n_authorisations = 0;
    g.record.treating = (dmp_list_t) { ids, count(ids) };
    assert_true(dmp_is_treating(policy, &g.record, &g.subject));
    assert_int_equal(dmp_authorisation(policy, &g.record, &g.subject, TODAY),
                     DMP_AUTHORISATION_VALID);
    assert_false(dmp_is_treating(policy, NULL, &g.subject));

    g.subject.role.code = dmp_string("60");
    assert_false(dmp_is_treating(policy, &g.record, &g.subject));
    assert_int_equal(dmp_authorisation(policy, &g.record, &g.subject, TODAY),
                     DMP_AUTHORISATION_NONE);
    run(&g, &g.document);
    expect(&g, DMP_DENY, "G1", "not-authorised");

    g.subject.role.code = dmp_string("10");
    g.subject.actor = DMP_ACTOR_STAFF;
    assert_false(dmp_is_treating(policy, &g.record, &g.subject));
}


/* A block is not passed over by another identifier of the same person. */
static void
test_favours_blocked(void **state)
{
    given_t  g;

    (void) state;
    give(&g);
    g.subject.certificate = DMP_CREDENTIAL_ABSENT;
    g.subject.actor = DMP_ACTOR_OPERATOR;
    g.subject.auth = DMP_AUTH_OPERATOR;
    g.request.operation = DMP_OPERATION_RIGHTS;
    g.request.change = DMP_CHANGE_DESIGNATE;
    g.request.target = dmp_string(ADELI);
    g.record.blocked = (dmp_list_t) { ids, count(ids) };
    run(&g, NULL);
    expect(&g, DMP_ALLOW, "E1", "none");

    g.request.target_ids[DMP_SUBJECT_IDS - 1] = dmp_string(DOCTOR);
    g.request.n_target_ids = DMP_SUBJECT_IDS - 1;
    run(&g, NULL);
    expect(&g, DMP_ALLOW, "E1", "none");

    /* more than there can be are not looked for */

    g.request.n_target_ids = 1000;
    run(&g, NULL);
    expect(&g, DMP_DENY, "F1", "blocked");

    g.request.change = DMP_CHANGE_UNBLOCK;
    run(&g, NULL);
    expect(&g, DMP_ALLOW, "E1", "none");
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
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_empty_policy),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_two_authors),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_indexed),
        cmocka_unit_test(test_attachment),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_treating),
        cmocka_unit_test(test_favours_blocked),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
