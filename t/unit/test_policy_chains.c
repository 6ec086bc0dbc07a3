/*
 * test_policy_chains.c: the chains of the policy and the structures that only
 * feed: what each may make, which are for tests, what is refused of them; and
 * those of the policies that are shipped.
 */

#include "policy_texts.h"
#include "load_policy.h"


#define S(literal)  dmp_string(literal)

/* The first chain of the small policy, and its only feeder. */
#define PERSONS    "{\"role\": \"persons\", \"makes\": [\"cps\", \"cpf\"]"
#define ANOTHER    "{\"role\": \"organisations\", \"makes\": [\"structure\"]"
#define FEEDER     "{\"name\": \"Caisse\", \"structure\": \"2180035024\", "   \
                   "\"source\": \"S\"}"


typedef struct {
    const char  *from;
    const char  *to;
    dmp_rc_t     rc;
    unsigned     line;
    const char  *word;                   /* that the sentence has */
} refused_t;


static void
refused_each(const refused_t *table, size_t n)
{
    char          *text;
    size_t         i;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    for (i = 0; i < n; i++) {
        text = changed("policy.json", table[i].from, table[i].to);

        if (load_text("policy.json", text, strlen(text), &policy, &error)
            != table[i].rc
            || strcmp(error.file, "policy.json") != 0
            || error.line != table[i].line
            || strstr(error.text, table[i].word) == NULL)
        {
            fail_msg("not refused at %u with %s, but %s:%u: %s: %s",
                     table[i].line, table[i].word, error.file, error.line,
                     error.text, text);
        }

        free(text);
    }
}


#define refused(table)  refused_each(table, count(table))


static dmp_policy_t *
load_changed(const char *from, const char *to)
{
    char          *text;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    text = changed("policy.json", from, to);

    if (load_text("policy.json", text, strlen(text), &policy, &error)
        != DMP_OK)
    {
        fail_msg("%s:%u: %s", error.file, error.line, error.text);
    }

    free(text);
    return policy;
}


static void
test_makes(void **state)
{
    size_t         i;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    static const struct {
        const char  *from;
        const char  *to;
        size_t       chain;
        unsigned     makes;
    } table[] = {
        { "[\"cps\", \"cpf\"]", "[\"cps\"]", 0, DMP_MAKES_CPS },
        { "[\"cps\", \"cpf\"]", "[\"cpf\"]", 0, DMP_MAKES_CPF },
        { "[\"cps\", \"cpf\"]", "[\"cpe\"]", 0, DMP_MAKES_CPE },
        { "[\"cps\", \"cpf\"]", "[\"cpe-anonymous\"]", 0,
          DMP_MAKES_CPE_ANONYMOUS },
        { "[\"cps\", \"cpf\"]", "[\"cpe-anonymous\", \"cpe\", \"cpf\", "
          "\"cps\"]", 0, DMP_MAKES_CPS | DMP_MAKES_CPF | DMP_MAKES_CPE
          | DMP_MAKES_CPE_ANONYMOUS },
        { "[\"structure\"]", "[\"cpe-anonymous\"]", 1,
          DMP_MAKES_CPE_ANONYMOUS },
        { "[\"structure\"]", "[\"cpe-anonymous\", \"structure\"]", 1,
          DMP_MAKES_CPE_ANONYMOUS | DMP_MAKES_STRUCTURE },
    };

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);
    assert_int_equal(policy->chains[0].makes, DMP_MAKES_CPS | DMP_MAKES_CPF);
    assert_int_equal(policy->chains[1].makes, DMP_MAKES_STRUCTURE);
    dmp_policy_free(policy);

    for (i = 0; i < count(table); i++) {
        policy = load_changed(table[i].from, table[i].to);
        assert_int_equal(policy->chains[table[i].chain].makes,
                         table[i].makes);
        dmp_policy_free(policy);
    }
}


static void
test_makes_refused(void **state)
{
    static const refused_t  table[] = {
        { ", \"makes\": [\"cps\", \"cpf\"]", "", DMP_E_SYNTAX, 4,
          "no member \"makes\" in \"chains\"" },
        { "[\"cps\", \"cpf\"]", "[]", DMP_E_SYNTAX, 4,
          "\"makes\" is an empty list" },
        { "[\"cps\", \"cpf\"]", "\"cps\"", DMP_E_SYNTAX, 4,
          "\"makes\" is not a list" },
        { "[\"cps\", \"cpf\"]", "null", DMP_E_SYNTAX, 4,
          "\"makes\" is not a list" },
        { "[\"cps\", \"cpf\"]", "[1]", DMP_E_SYNTAX, 4,
          "an element of \"makes\" is not a non-empty string" },
        { "[\"cps\", \"cpf\"]", "[\"cps\",\n\"\"]", DMP_E_SYNTAX, 5,
          "an element of \"makes\"" },
        { "[\"cps\", \"cpf\"]", "[\"cps\",\n\"cpa\"]", DMP_E_SYNTAX, 5,
          "\"cpa\" is nothing that a chain makes: it is \"cps\", \"cpf\", "
          "\"cpe\", \"cpe-anonymous\" or \"structure\"" },
        { "[\"cps\", \"cpf\"]", "[\"CPS\"]", DMP_E_SYNTAX, 4, "\"CPS\"" },
        { "[\"cps\", \"cpf\"]", "[\"cps\", \"cpf\",\n\"cps\"]", DMP_E_SYNTAX,
          5, "\"cps\" is given twice" },
        { "[\"cps\", \"cpf\"]", "[\"cps\", \"cps\", \"cps\", \"cps\", "
          "\"cps\", \"cps\"]", DMP_E_LIMIT, 4,
          "\"makes\" has 6 elements, more than 5" },

        /* a person of an organisations chain, and the reverse */

        { "[\"structure\"]", "[\"structure\",\n\"cps\"]", DMP_E_SYNTAX, 6,
          "a chain of organisations does not make \"cps\"" },
        { "[\"structure\"]", "[\"cpf\"]", DMP_E_SYNTAX, 5,
          "a chain of organisations does not make \"cpf\"" },
        { "[\"structure\"]", "[\"cpe-anonymous\", \"cpe\"]", DMP_E_SYNTAX, 5,
          "a chain of organisations does not make \"cpe\"" },
        { "[\"cps\", \"cpf\"]", "[\"cps\", \"structure\"]", DMP_E_SYNTAX, 4,
          "a chain of persons does not make \"structure\"" },
        { "\"organisations\"", "\"persons\"", DMP_E_SYNTAX, 5,
          "a chain of persons does not make \"structure\"" },
        { "\"persons\"", "\"organisations\"", DMP_E_SYNTAX, 4,
          "a chain of organisations does not make \"cps\"" },
    };

    (void) state;
    refused(table);
}


/* What must be marked is, and whatever is marked may be. */
static void
test_marked(void **state)
{
    size_t         i;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    /* names that are not those of a TEST authority */
    static const char *const  names[] = {
        "[\"CN\", \"TESTA\"]", "[\"CN\", \"AC TESTS\"]",
        "[\"CN\", \"AC TEST PERSONNES\"]", "[\"CN\", \"CONTEST\"]",
        "[\"CN\", \"ATEST AC\"]", "[\"CN\", \"TEST\"]", "[\"CN\", \"T\"]"
    };

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);
    assert_false(policy->chains[0].test);
    assert_true(policy->chains[1].test);
    dmp_policy_free(policy);

    policy = load_changed("\"test\": true", "\"test\": false");
    assert_false(policy->chains[1].test);
    dmp_policy_free(policy);

    policy = load_changed("[\"CN\", \"B\"]", "[\"CN\", \"TEST B\"]");
    assert_true(policy->chains[1].test);
    dmp_policy_free(policy);

    for (i = 0; i < count(names); i++) {
        policy = load_changed("[\"CN\", \"A\"]", names[i]);
        assert_false(policy->chains[0].test);
        dmp_policy_free(policy);
    }
}


static void
test_marked_refused(void **state)
{
    static const refused_t  table[] = {
        { "\"test\": true", "\"test\":\n\"true\"", DMP_E_SYNTAX, 6,
          "\"test\" is not true or false" },
        { "\"test\": true", "\"test\": 1", DMP_E_SYNTAX, 5, "\"test\"" },
        { "\"test\": true", "\"test\": null", DMP_E_SYNTAX, 5, "\"test\"" },
        { "\"test\": true", "\"tests\": true", DMP_E_SYNTAX, 5,
          "unknown member \"tests\" in \"chains\"" },

        /* the first word, the last one, of any entry */

        { "[\"CN\", \"A\"]", "[\"CN\",\n\"TEST A\"]", DMP_E_SYNTAX, 5,
          "\"TEST A\" names a TEST authority, and the chain does not say "
          "\"test\": true" },
        { "[\"CN\", \"A\"]", "[\"OU\",\n\"A TEST\"], [\"CN\", \"A\"]",
          DMP_E_SYNTAX, 5, "\"A TEST\" names a TEST authority" },
        { "[\"CN\", \"A\"]", "[\"CN\", \"TEST \"]", DMP_E_SYNTAX, 4,
          "\"TEST \" names a TEST authority" },
        { "[\"CN\", \"A\"]", "[\"CN\", \" TEST\"]", DMP_E_SYNTAX, 4,
          "\" TEST\" names a TEST authority" },
        { PERSONS, PERSONS ", \"test\": false, \"issuer\": [[\"CN\",\n"
          "\"TEST A\"]]}, {\"role\": \"persons\", \"makes\": [\"cps\"]",
          DMP_E_SYNTAX, 5, "\"TEST A\" names a TEST authority" },

        /* one issuer is not both of production and of tests */

        { ANOTHER ", \"test\": true", ANOTHER ", \"test\": true, \"issuer\": "
          "[[\"CN\", \"X\"]]}, " ANOTHER ", \"test\": false, \"issuer\":\n"
          "[[\"CN\", \"X\"]]}, " ANOTHER, DMP_E_SYNTAX, 6,
          "the issuer that ends with \"X\" is given twice" },
    };

    (void) state;
    refused(table);
}


static void
test_feeders(void **state)
{
    dmp_error_t          error;
    dmp_policy_t        *policy;
    const dmp_feeder_t  *f;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);
    assert_int_equal(policy->n_feeders, 1);
    f = policy->feeders;
    assert_true(dmp_str_eq(f->name, S("Caisse")));
    assert_true(dmp_str_eq(f->structure, S("2180035024")));
    assert_true(dmp_str_eq(f->source, S("S")));
    dmp_policy_free(policy);

    policy = load_changed(FEEDER, FEEDER ", {\"name\": \"Caisse\", "
                          "\"structure\": \"1750712184\", \"source\": "
                          "\"S2\"}");
    assert_int_equal(policy->n_feeders, 2);
    f = &policy->feeders[1];
    assert_true(dmp_str_eq(f->structure, S("1750712184")));
    assert_true(dmp_str_eq(f->source, S("S2")));
    dmp_policy_free(policy);

    policy = load_changed(FEEDER, "");
    assert_int_equal(policy->n_feeders, 0);
    dmp_policy_free(policy);

    policy = load_changed(",\n  \"feeders\": [\n    " FEEDER "\n  ]", "");
    assert_int_equal(policy->n_feeders, 0);
    dmp_policy_free(policy);
}


static void
test_feeders_refused(void **state)
{
    static const refused_t  table[] = {
        { "[\n    " FEEDER "\n  ]", "null", DMP_E_SYNTAX, 14,
          "\"feeders\" is not a list" },
        { FEEDER, "\"2180035024\"", DMP_E_SYNTAX, 15,
          "an element of \"feeders\" is not an object" },
        { "\"name\": \"Caisse\", ", "", DMP_E_SYNTAX, 15,
          "no member \"name\" in \"feeders\"" },
        { "\"structure\": \"2180035024\", ", "", DMP_E_SYNTAX, 15,
          "no member \"structure\" in \"feeders\"" },
        { ", \"source\": \"S\"}", "}", DMP_E_SYNTAX, 15,
          "no member \"source\" in \"feeders\"" },
        { ", \"source\": \"S\"}", ", \"source\":\n\"\"}", DMP_E_SYNTAX, 16,
          "\"source\" is not a non-empty string" },
        { "\"source\": \"S\"}", "\"source\": \"S\", \"siren\": 1}",
          DMP_E_SYNTAX, 15, "unknown member \"siren\" in \"feeders\"" },
        { "\"structure\": \"2180035024\"", "\"structure\": 2180035024",
          DMP_E_SYNTAX, 15, "\"structure\"" },

        /* a SIREN without what says so */

        { "\"2180035024\"", "\n\"180035024\"", DMP_E_SYNTAX, 16,
          "\"180035024\" is not a Struct_IdNat" },
        { "\"2180035024\"", "\"218003502\"", DMP_E_SYNTAX, 15,
          "\"218003502\" is not a Struct_IdNat" },
        { "\"2180035024\"", "\"2180035024 \"", DMP_E_SYNTAX, 15,
          "\"2180035024 \" is not a Struct_IdNat" },
        { FEEDER, FEEDER ", {\"name\": \"Autre\", \"structure\":\n"
          "\"2180035024\", \"source\": \"S\"}", DMP_E_SYNTAX, 16,
          "the structure \"2180035024\" is given twice" },
    };

    (void) state;
    refused(table);
}


static const dmp_chain_t *
chain_of(const dmp_policy_t *policy, const char *last)
{
    size_t              i;
    const dmp_chain_t  *chain;

    for (i = 0; i < policy->n_chains; i++) {
        chain = &policy->chains[i];

        if (strcmp(chain->issuer[chain->n_entries - 1].value.data, last)
            == 0)
        {
            return chain;
        }
    }

    return NULL;
}


static void
shipped_chain(const dmp_policy_t *policy, const char *last, unsigned entries,
    dmp_chain_role_t role, unsigned makes, bool test)
{
    const dmp_chain_t  *chain;

    chain = chain_of(policy, last);

    if (chain == NULL) {
        fail_msg("no chain \"%s\"", last);
        return;
    }

    assert_int_equal(chain->n_entries, entries);
    assert_int_equal(chain->role, role);
    assert_int_equal(chain->makes, makes);
    assert_int_equal(chain->test, test);
}


/* The authorities of IGC-Santé, and the same for tests. */
static void
shipped_chains(const dmp_policy_t *policy)
{
    char    last[64];
    size_t  i, k;

    static const struct {
        const char        *name;
        dmp_chain_role_t   role;
        unsigned           makes;
    } table[] = {
        { "FORT PERSONNES", DMP_CHAIN_PERSONS, DMP_MAKES_CPS | DMP_MAKES_CPF },
        { "STANDARD PERSONNES", DMP_CHAIN_PERSONS, DMP_MAKES_CPE },
        { "FORT ORGANISATIONS", DMP_CHAIN_ORGANISATIONS, DMP_MAKES_STRUCTURE },
        { "STANDARD ORGANISATIONS", DMP_CHAIN_ORGANISATIONS,
          DMP_MAKES_STRUCTURE },
        { "ELEMENTAIRE ORGANISATIONS", DMP_CHAIN_ORGANISATIONS,
          DMP_MAKES_STRUCTURE | DMP_MAKES_CPE_ANONYMOUS },
    };

    for (k = 0; k < 2; k++) {
        for (i = 0; i < count(table); i++) {
            (void) snprintf(last, sizeof(last), "%sAC IGC-SANTE %s",
                            k == 1 ? "TEST " : "", table[i].name);
            shipped_chain(policy, last, 5, table[i].role, table[i].makes,
                          k == 1);
        }
    }

    /* nothing is known of what it makes */

    assert_null(chain_of(policy, "AC IGC-SANTE ELEMENTAIRE PERSONNES"));
}


static void
test_shipped(void **state)
{
    dmp_policy_t  *policy;

    (void) state;

    policy = load_policy("policy.json");
    assert_non_null(policy);
    assert_false(policy->settings.test_chains);
    assert_int_equal(policy->n_chains, 10);
    shipped_chains(policy);
    assert_int_equal(policy->n_feeders, 1);
    assert_true(dmp_str_eq(policy->feeders[0].structure, S("2180035024")));
    dmp_policy_free(policy);

    policy = load_policy("policy-test.json");
    assert_non_null(policy);
    assert_true(policy->settings.test_chains);
    assert_int_equal(policy->n_chains, 12);
    shipped_chains(policy);
    shipped_chain(policy, "TEST GIP-CPS CLASSE-1", 3, DMP_CHAIN_PERSONS,
                  DMP_MAKES_CPS | DMP_MAKES_CPF, true);
    shipped_chain(policy, "TEST GIP-CPS CLASSE-2", 3, DMP_CHAIN_PERSONS,
                  DMP_MAKES_CPE, true);
    assert_int_equal(policy->n_feeders, 2);
    assert_true(dmp_str_eq(policy->feeders[1].structure, S("2999999990")));

    /* the data files are those of production */

    assert_int_equal(dmp_policy_profession(policy,
                         (dmp_code_t) { S("1.2.250.1.71.1.2.7"), S("10") })
                     ->kind, DMP_PROFESSION_DOCTOR);
    assert_non_null(dmp_policy_matrix(policy, INT32_MAX));
    dmp_policy_free(policy);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_makes),
        cmocka_unit_test(test_makes_refused),
        cmocka_unit_test(test_marked),
        cmocka_unit_test(test_marked_refused),
        cmocka_unit_test(test_feeders),
        cmocka_unit_test(test_feeders_refused),
        cmocka_unit_test(test_shipped),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
