/*
 * test_introduce.c: what the directory adds to who asks, and what it must
 * not; and what rules D1, F1 and G5 make of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_directory.h>

#include "../../policy/dmp_rules_int.h"


#define count(list)  (sizeof(list) / sizeof(list[0]))

#define G15      "1.2.250.1.71.1.2.7"
#define R02      "1.2.250.1.71.4.2.4"
#define R01      "1.2.250.1.71.4.2.5"
#define DOCTOR   "[\"" G15 "\",\"10\"]"
#define NURSE    "[\"" G15 "\",\"60\"]"
#define STUDENT  "[\"1.2.250.1.71.1.2.8\",\"10\"]"
#define SECTOR(code)  "\"sector\":[\"" R02 "\",\"" code "\"]"

#define MOREL    "899700218896"
#define ADELI    "0751234567"
#define LAMBERT  "899700125075"
#define CENTRE   "1750712184"
#define SIRET    "326750045200016"

#define PERSON(rest)                                                         \
    "{\"kind\":\"person\",\"from\":\"local\",\"ids\":[\"" MOREL "\",\""      \
    ADELI "\"]" rest "}"
#define STRUCTURE(rest)                                                      \
    "{\"kind\":\"structure\",\"from\":\"local\",\"ids\":[\"" CENTRE "\",\""  \
    SIRET "\"]" rest "}"
#define PRACTICES(list)  ",\"practices\":[" list "]"


static dmp_directory_t *
entry(const char *text)
{
    dmp_error_t       error;
    dmp_directory_t  *e;

    if (dmp_directory_parse(text, strlen(text), &e, &error) != DMP_OK) {
        fail_msg("%s: %s", text, error.text);
    }

    return e;
}


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static bool
str_is(dmp_str_t s, const char *text)
{
    return dmp_str_eq(s, str(text));
}


/* A card; role is a code of TRE_G15, or NULL: the card has none. */
static dmp_subject_t
card(const char *id, const char *role)
{
    dmp_subject_t  s;

    memset(&s, 0, sizeof(s));
    s.certificate = DMP_CREDENTIAL_VERIFIED;
    s.actor = DMP_ACTOR_PROFESSIONAL;
    s.auth = DMP_AUTH_DIRECT;
    s.id = str(id);

    if (role != NULL) {
        s.role = (dmp_code_t) { dmp_string(G15), str(role) };
    }

    return s;
}


/* A structure's certificate, or the card of somebody who works for it. */
static dmp_subject_t
of_structure(dmp_actor_t actor, const char *id)
{
    dmp_subject_t  s;

    s = card(id, NULL);
    s.actor = actor;
    s.auth = DMP_AUTH_INDIRECT;
    s.used.structure = dmp_string(CENTRE);

    return s;
}


static void
test_id(void **state)
{
    int            actor;
    dmp_subject_t  s;

    (void) state;

    for (actor = 0; actor < DMP_ACTOR_MAX; actor++) {
        s = of_structure((dmp_actor_t) actor, MOREL);

        switch (actor) {

        case DMP_ACTOR_PROFESSIONAL:
            assert_true(str_is(dmp_directory_id(&s), MOREL));
            break;

        case DMP_ACTOR_STAFF:
        case DMP_ACTOR_STRUCTURE:
        case DMP_ACTOR_FEEDER:
            assert_true(str_is(dmp_directory_id(&s), CENTRE));
            break;

        default:
            assert_int_equal(dmp_directory_id(&s).len, 0);
        }
    }

    /* staff of a structure that is not known are in no directory */

    s = of_structure(DMP_ACTOR_STAFF, MOREL);
    s.used.structure = dmp_null_string;
    assert_int_equal(dmp_directory_id(&s).len, 0);

    s = of_structure(DMP_ACTOR_STRUCTURE, CENTRE);
    s.used.structure = dmp_null_string;
    assert_true(str_is(dmp_directory_id(&s), CENTRE));
}


/* Nobody registered them: all else stays as the credential says it. */
static void
test_absent(void **state)
{
    dmp_subject_t  s, before;

    (void) state;

    s = card(MOREL, "10");
    s.regulator = DMP_REGULATOR_YES;
    before = s;

    assert_true(dmp_introduce(&s, NULL));
    assert_int_equal(s.regulator, DMP_REGULATOR_NO);

    before.regulator = DMP_REGULATOR_NO;
    assert_memory_equal(&s, &before, sizeof(s));
}


/* Another's entry, or another kind's: false, and nothing is touched. */
static void
test_foreign(void **state)
{
    size_t            i;
    dmp_subject_t     s, before;
    dmp_directory_t  *e;
    static const struct {
        dmp_actor_t  actor;
        const char  *id;
        const char  *text;
    } cases[] = {
        { DMP_ACTOR_PROFESSIONAL, LAMBERT, PERSON("") },
        { DMP_ACTOR_PROFESSIONAL, CENTRE, STRUCTURE(",\"centre_15\":true") },
        { DMP_ACTOR_PROFESSIONAL, "", PERSON("") },
        { DMP_ACTOR_STAFF, MOREL, PERSON(PRACTICES("{" SECTOR("SA01") "}")) },
        { DMP_ACTOR_STRUCTURE, CENTRE, "{\"kind\":\"structure\",\"from\":"
          "\"local\",\"ids\":[\"1750000015\"],\"centre_15\":true}" },
        { DMP_ACTOR_PATIENT, MOREL, PERSON("") },
        { DMP_ACTOR_REPRESENTATIVE, MOREL, PERSON("") },
        { DMP_ACTOR_OPERATOR, MOREL, PERSON("") },
        { DMP_ACTOR_OPERATOR, CENTRE, STRUCTURE("") },
        { DMP_ACTOR_NONE, MOREL, PERSON("") },
        { DMP_ACTOR_NONE, CENTRE, STRUCTURE("") }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        e = entry(cases[i].text);
        s = of_structure(cases[i].actor, cases[i].id);
        before = s;

        if (dmp_introduce(&s, e)) {
            fail_msg("case %zu was accepted", i);
        }

        assert_memory_equal(&s, &before, sizeof(s));
        dmp_directory_free(e);
    }
}


/* By whichever identifier they come, the others are theirs as well. */
static void
test_ids(void **state)
{
    dmp_subject_t     s;
    dmp_directory_t  *e;

    (void) state;
    e = entry(PERSON(""));

    s = card(MOREL, "10");
    assert_true(dmp_introduce(&s, e));
    assert_true(str_is(s.id, MOREL));
    assert_int_equal(s.n_other_ids, 1);
    assert_true(str_is(s.other_ids[0], ADELI));

    s = card(ADELI, "10");
    assert_true(dmp_introduce(&s, e));
    assert_true(str_is(s.id, ADELI));
    assert_int_equal(s.n_other_ids, 1);
    assert_true(str_is(s.other_ids[0], MOREL));

    /* what the credential named itself is not named twice */

    s = card(MOREL, "10");
    s.other_ids[0] = dmp_string("3750712184/0042");
    s.other_ids[1] = dmp_string(ADELI);
    s.n_other_ids = 2;
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 2);
    assert_true(str_is(s.other_ids[0], "3750712184/0042"));

    dmp_directory_free(e);
}


/* A structure's identifiers are its own, and not those of who works there. */
static void
test_ids_of_structures(void **state)
{
    dmp_subject_t     s;
    dmp_directory_t  *e;

    (void) state;
    e = entry(STRUCTURE(""));

    s = of_structure(DMP_ACTOR_STRUCTURE, CENTRE);
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 1);
    assert_true(str_is(s.other_ids[0], SIRET));

    s = of_structure(DMP_ACTOR_FEEDER, CENTRE);
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 1);

    s = of_structure(DMP_ACTOR_FEEDER, "3750712184/0042");
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 0);

    s = of_structure(DMP_ACTOR_STAFF, "3750712184/0042");
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 0);

    s = of_structure(DMP_ACTOR_STAFF, CENTRE);
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, 0);

    dmp_directory_free(e);
}


/* A name for which there is no room would be one that no block is for. */
static void
test_ids_full(void **state)
{
    dmp_subject_t     s, before;
    dmp_directory_t  *e;

    (void) state;

    e = entry("{\"kind\":\"person\",\"from\":\"local\",\"ids\":[\"" MOREL
              "\",\"0751234561\",\"0751234562\",\"0751234563\","
              "\"0751234564\"]}");

    s = card(MOREL, "10");
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(s.n_other_ids, DMP_SUBJECT_IDS);
    assert_true(str_is(s.other_ids[3], "0751234564"));

    s = card(MOREL, "10");
    s.other_ids[0] = dmp_string(ADELI);
    s.n_other_ids = 1;
    before = s;
    assert_false(dmp_introduce(&s, e));
    assert_memory_equal(&s, &before, sizeof(s));

    dmp_directory_free(e);
}


/* The credential's profession; without one the entry's, if it has just one. */
static void
test_profession(void **state)
{
    size_t            i;
    dmp_subject_t     s;
    dmp_directory_t  *e;
    static const struct {
        const char  *text;
        const char  *card;
        const char  *system;
        const char  *code;
    } cases[] = {
        { PERSON(PRACTICES("{\"profession\":" DOCTOR "}")), NULL, G15, "10" },
        { PERSON(PRACTICES("{\"profession\":" DOCTOR "}")), "21", G15, "21" },
        { PERSON(PRACTICES("{\"profession\":" DOCTOR "},{" SECTOR("SA07")
                           "},{\"profession\":" DOCTOR "}")), NULL, G15,
          "10" },
        { PERSON(PRACTICES("{\"profession\":" DOCTOR "},{\"profession\":"
                           NURSE "}")), NULL, "", "" },

        /* the same code of another table is another profession */

        { PERSON(PRACTICES("{\"profession\":" DOCTOR "},{\"profession\":"
                           STUDENT "}")), NULL, "", "" },
        { PERSON(PRACTICES("{\"profession\":" STUDENT "}")), NULL,
          "1.2.250.1.71.1.2.8", "10" },
        { PERSON(PRACTICES("{\"profession\":" STUDENT "}")), "10", G15,
          "10" },
        { PERSON(PRACTICES("{" SECTOR("SA07") "}")), NULL, "", "" },
        { PERSON(""), NULL, "", "" }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        e = entry(cases[i].text);
        s = card(MOREL, cases[i].card);
        assert_true(dmp_introduce(&s, e));

        if (!str_is(s.role.system, cases[i].system)
            || !str_is(s.role.code, cases[i].code))
        {
            fail_msg("case %zu: role \"%.*s\"", i, (int) s.role.code.len,
                     s.role.code.data);
        }

        /* who contradicts themselves, or is in training, has had their word */

        s = card(MOREL, NULL);
        s.role_settled = true;
        assert_true(dmp_introduce(&s, e));
        assert_int_equal(s.role.code.len, 0);

        dmp_directory_free(e);
    }
}


/* A structure's entry gives nobody a profession, not even one made by hand. */
static void
test_profession_of_staff(void **state)
{
    dmp_code_t       profession;
    dmp_subject_t    s;
    dmp_directory_t  e;
    dmp_situation_t  situation;

    (void) state;
    memset(&e, 0, sizeof(e));
    memset(&situation, 0, sizeof(situation));
    profession = (dmp_code_t) { dmp_string(G15), dmp_string("10") };

    e.kind = DMP_DIRECTORY_STRUCTURE;
    e.ids[0] = dmp_string(CENTRE);
    e.n_ids = 1;
    e.professions = &profession;
    e.situations = &situation;
    e.n_situations = 1;

    s = of_structure(DMP_ACTOR_STAFF, MOREL);
    assert_true(dmp_introduce(&s, &e));
    assert_int_equal(s.role.code.len, 0);
    assert_int_equal(s.role.system.len, 0);
}


/* Situations are those of the profession; "used" is never guessed. */
static void
test_situations(void **state)
{
    size_t            i;
    dmp_subject_t     s;
    dmp_directory_t  *e;
    static const struct {
        const char  *text;
        const char  *card;
        size_t       n;
        const char  *first;              /* sector */
        const char  *last;
    } cases[] = {
        /* of the card's profession */
        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA17") "},"
                           "{\"profession\":" DOCTOR "," SECTOR("SA07") "},"
                           "{" SECTOR("SA05") "},"
                           "{\"profession\":" DOCTOR "," SECTOR("SA01") "}")),
          "10", 2, "SA07", "SA01" },

        /* none of it: those that are not said to be of one */
        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA17") "},"
                           "{" SECTOR("SA05") "},"
                           "{\"profession\":" STUDENT "," SECTOR("SA07")
                           "}")),
          "10", 1, "SA05", "SA05" },

        /* all are of others */
        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA17")
                           "}")), "10", 0, "", "" },

        /* the profession stays unknown: all */
        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA17") "},"
                           "{\"profession\":" DOCTOR "," SECTOR("SA07")
                           "}")), NULL, 2, "SA17", "SA07" },

        /* it is the entry's */
        { PERSON(PRACTICES("{" SECTOR("SA05") "},{\"profession\":" NURSE ","
                           SECTOR("SA17") "}")), NULL, 1, "SA17", "SA17" },
        { PERSON(""), "10", 0, "", "" }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        e = entry(cases[i].text);
        s = card(MOREL, cases[i].card);
        s.used.specialty = (dmp_code_t) { dmp_string(R01),
                                          dmp_string("SM26") };
        assert_true(dmp_introduce(&s, e));

        if (s.n_situations != cases[i].n) {
            fail_msg("case %zu: %zu situations", i, s.n_situations);
        }

        if (s.n_situations != 0
            && (!str_is(s.situations[0].sector.code, cases[i].first)
                || !str_is(s.situations[s.n_situations - 1].sector.code,
                           cases[i].last)))
        {
            fail_msg("case %zu: other situations", i);
        }

        assert_int_equal(s.used.sector.code.len, 0);
        assert_int_equal(s.used.structure.len, 0);
        assert_true(str_is(s.used.specialty.code, "SM26"));
        dmp_directory_free(e);
    }
}


/* What the credential tells of situations comes first. */
static void
test_situations_known(void **state)
{
    dmp_subject_t     s;
    dmp_directory_t  *e;
    dmp_situation_t   known;

    (void) state;
    memset(&known, 0, sizeof(known));
    known.sector = (dmp_code_t) { dmp_string(R02), dmp_string("SA08") };
    e = entry(PERSON(PRACTICES("{" SECTOR("SA07") "},{" SECTOR("SA01")
                               "}")));

    s = card(MOREL, NULL);
    s.situations = &known;
    s.n_situations = 1;
    assert_true(dmp_introduce(&s, e));
    assert_ptr_equal(s.situations, &known);
    assert_int_equal(s.n_situations, 1);

    dmp_directory_free(e);
}


static void
test_situations_of_structures(void **state)
{
    size_t            i;
    dmp_subject_t     s;
    dmp_directory_t  *e;
    static const dmp_actor_t  actors[] = {
        DMP_ACTOR_STRUCTURE, DMP_ACTOR_STAFF, DMP_ACTOR_FEEDER
    };

    (void) state;
    e = entry(STRUCTURE(",\"sectors\":[[\"" R02 "\",\"SA01\"],[\"" R02
                        "\",\"SA47\"]]"));

    for (i = 0; i < count(actors); i++) {
        s = of_structure(actors[i], CENTRE);
        assert_true(dmp_introduce(&s, e));
        assert_int_equal(s.n_situations, 2);
        assert_true(str_is(s.situations[1].sector.code, "SA47"));
        assert_true(str_is(s.situations[1].structure, CENTRE));
    }

    dmp_directory_free(e);
}


static void
test_regulator(void **state)
{
    size_t            i;
    dmp_subject_t     s;
    dmp_directory_t  *e;
    static const struct {
        dmp_actor_t      actor;
        const char      *id;
        const char      *text;
        dmp_regulator_t  regulator;
    } cases[] = {
        { DMP_ACTOR_PROFESSIONAL, MOREL, PERSON(""), DMP_REGULATOR_NO },
        { DMP_ACTOR_PROFESSIONAL, MOREL,
          PERSON(",\"regulates\":[\"" CENTRE "\"]"), DMP_REGULATOR_UNKNOWN },
        { DMP_ACTOR_STRUCTURE, CENTRE, STRUCTURE(",\"centre_15\":true"),
          DMP_REGULATOR_YES },
        { DMP_ACTOR_STRUCTURE, CENTRE, STRUCTURE(",\"centre_15\":false"),
          DMP_REGULATOR_NO },
        { DMP_ACTOR_STRUCTURE, CENTRE, STRUCTURE(""), DMP_REGULATOR_NO },
        { DMP_ACTOR_STAFF, CENTRE, STRUCTURE(",\"centre_15\":true"),
          DMP_REGULATOR_NO },
        { DMP_ACTOR_FEEDER, CENTRE, STRUCTURE(",\"centre_15\":true"),
          DMP_REGULATOR_NO }
    };

    (void) state;

    for (i = 0; i < count(cases); i++) {
        e = entry(cases[i].text);
        s = of_structure(cases[i].actor, cases[i].id);
        s.regulator = (cases[i].regulator == DMP_REGULATOR_YES)
                      ? DMP_REGULATOR_NO : DMP_REGULATOR_YES;
        assert_true(dmp_introduce(&s, e));

        if (s.regulator != cases[i].regulator) {
            fail_msg("case %zu: regulator %d", i, (int) s.regulator);
        }

        dmp_directory_free(e);
    }
}


/* Of a centre that their entry names, and that is one. */
static void
test_centre(void **state)
{
    size_t            i;
    dmp_subject_t     s;
    dmp_directory_t  *e, *centre;
    static const struct {
        const char      *id;
        const char      *text;
        dmp_regulator_t  regulator;
    } cases[] = {
        { CENTRE, STRUCTURE(",\"centre_15\":true"), DMP_REGULATOR_YES },
        { SIRET, STRUCTURE(",\"centre_15\":true"), DMP_REGULATOR_YES },
        { CENTRE, STRUCTURE(",\"centre_15\":false"), DMP_REGULATOR_NO },
        { CENTRE, STRUCTURE(""), DMP_REGULATOR_NO },
        { CENTRE, NULL, DMP_REGULATOR_NO },
        { "1750000015", STRUCTURE(",\"centre_15\":true"), DMP_REGULATOR_NO },
        { "", STRUCTURE(",\"centre_15\":true"), DMP_REGULATOR_NO },
        { MOREL, PERSON(""), DMP_REGULATOR_NO }
    };

    (void) state;
    e = entry(PERSON(",\"regulates\":[\"" CENTRE "\"]"));

    for (i = 0; i < count(cases); i++) {
        centre = (cases[i].text != NULL) ? entry(cases[i].text) : NULL;
        s = card(MOREL, "10");
        assert_true(dmp_introduce(&s, e));
        assert_int_equal(s.regulator, DMP_REGULATOR_UNKNOWN);

        dmp_introduce_centre(&s, str(cases[i].id), centre);

        if (s.regulator != cases[i].regulator) {
            fail_msg("case %zu: regulator %d", i, (int) s.regulator);
        }

        dmp_directory_free(centre);
    }

    dmp_directory_free(e);
}


static void
test_centres(void **state)
{
    int               actor;
    dmp_subject_t     s;
    dmp_directory_t   by_hand;
    dmp_directory_t  *centre;

    (void) state;
    centre = entry(STRUCTURE(",\"centre_15\":true"));

    /* one that is not a centre takes nothing from one that is */

    s = card(MOREL, "10");
    dmp_introduce_centre(&s, dmp_string("1750000015"), NULL);
    assert_int_equal(s.regulator, DMP_REGULATOR_NO);
    dmp_introduce_centre(&s, dmp_string(CENTRE), centre);
    assert_int_equal(s.regulator, DMP_REGULATOR_YES);
    dmp_introduce_centre(&s, dmp_string("1750000015"), NULL);
    assert_int_equal(s.regulator, DMP_REGULATOR_YES);

    /* a person is no centre, whatever stands in an entry */

    memset(&by_hand, 0, sizeof(by_hand));
    by_hand.kind = DMP_DIRECTORY_PERSON;
    by_hand.ids[0] = dmp_string(CENTRE);
    by_hand.n_ids = 1;
    by_hand.centre_15 = true;
    s = card(MOREL, "10");
    dmp_introduce_centre(&s, dmp_string(CENTRE), &by_hand);
    assert_int_equal(s.regulator, DMP_REGULATOR_NO);

    /* nobody but a professional regulates for one */

    for (actor = 0; actor < DMP_ACTOR_MAX; actor++) {
        s = of_structure((dmp_actor_t) actor, CENTRE);
        dmp_introduce_centre(&s, dmp_string(CENTRE), centre);
        assert_int_equal(s.regulator, actor == DMP_ACTOR_PROFESSIONAL
                                      ? DMP_REGULATOR_YES : DMP_REGULATOR_NO);
    }

    dmp_directory_free(centre);
}


/* D1 and F1 on what has been added: excluded by evidence, blocked by name. */
static void
test_rules(void **state)
{
    size_t            i;
    dmp_str_t         blocked[1];
    dmp_case_t        c;
    dmp_policy_t      policy;
    dmp_record_t      record;
    dmp_request_t     request;
    dmp_subject_t     s;
    dmp_exclusion_t   insurer;
    dmp_directory_t  *e;
    static const struct {
        const char    *text;
        dmp_reason_t   d1;
        bool           unverified;
    } cases[] = {
        { NULL, DMP_REASON_NONE, true },
        { PERSON(""), DMP_REASON_NONE, true },
        { PERSON(PRACTICES("{\"profession\":" DOCTOR "}")),
          DMP_REASON_NONE, true },
        { PERSON(PRACTICES("{" SECTOR("SA23") "}")),
          DMP_REASON_ACTOR_EXCLUDED, false },
        { PERSON(PRACTICES("{" SECTOR("SA23") "},{" SECTOR("SA07") "}")),
          DMP_REASON_NONE, false },

        /* what they do in another profession neither accuses nor excuses */

        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA23") "},"
                           "{\"profession\":" DOCTOR "," SECTOR("SA07")
                           "}")), DMP_REASON_NONE, false },
        { PERSON(PRACTICES("{\"profession\":" NURSE "," SECTOR("SA07") "},"
                           "{\"profession\":" DOCTOR "," SECTOR("SA23")
                           "}")), DMP_REASON_ACTOR_EXCLUDED, false }
    };

    (void) state;
    memset(&c, 0, sizeof(c));
    memset(&policy, 0, sizeof(policy));
    memset(&record, 0, sizeof(record));
    memset(&request, 0, sizeof(request));
    memset(&insurer, 0, sizeof(insurer));

    insurer.sector = (dmp_code_t) { dmp_string(R02), dmp_string("SA23") };
    policy.exclusions = &insurer;
    policy.n_exclusions = 1;
    blocked[0] = dmp_string(ADELI);
    record.blocked = (dmp_list_t) { blocked, 1 };
    request.operation = DMP_OPERATION_READ;

    c.policy = &policy;
    c.record = &record;
    c.request = &request;
    c.subject = &s;

    for (i = 0; i < count(cases); i++) {
        e = (cases[i].text != NULL) ? entry(cases[i].text) : NULL;
        s = card(MOREL, "10");
        assert_true(dmp_introduce(&s, e));
        c.evidence = dmp_evidence(&c);

        if (dmp_rule_d1(&c) != cases[i].d1
            || dmp_is_unverified(&s) != cases[i].unverified)
        {
            fail_msg("case %zu: D1 %s", i, dmp_reason_name(dmp_rule_d1(&c)));
        }

        /* a block by the number of another register holds once it is known */

        assert_int_equal(dmp_rule_f1(&c), e != NULL ? DMP_REASON_BLOCKED
                                                    : DMP_REASON_NONE);
        dmp_directory_free(e);
    }
}


/* G5: a regulator, on the path of centre 15, and not before it is known. */
static void
test_rule_g5(void **state)
{
    dmp_case_t        c;
    dmp_request_t     request;
    dmp_subject_t     s;
    dmp_directory_t  *e, *centre;

    (void) state;
    memset(&c, 0, sizeof(c));
    memset(&request, 0, sizeof(request));
    request.mode = DMP_MODE_CENTRE_15;
    request.offers = DMP_OFFERS_CENTRE_15;
    c.request = &request;
    c.subject = &s;

    e = entry(PERSON(",\"regulates\":[\"" CENTRE "\"]"));
    centre = entry(STRUCTURE(",\"centre_15\":true"));

    s = card(MOREL, "10");
    assert_true(dmp_introduce(&s, e));
    assert_int_equal(dmp_rule_g5(&c), DMP_REASON_NOT_REGULATOR);
    dmp_introduce_centre(&s, e->centres[0], centre);
    assert_int_equal(dmp_rule_g5(&c), DMP_REASON_NONE);

    s = of_structure(DMP_ACTOR_STRUCTURE, CENTRE);
    assert_int_equal(dmp_rule_g5(&c), DMP_REASON_NOT_REGULATOR);
    assert_true(dmp_introduce(&s, centre));
    assert_int_equal(dmp_rule_g5(&c), DMP_REASON_NONE);

    s = card(LAMBERT, "10");
    assert_true(dmp_introduce(&s, NULL));
    assert_int_equal(dmp_rule_g5(&c), DMP_REASON_NOT_REGULATOR);

    dmp_directory_free(e);
    dmp_directory_free(centre);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_ids_of_structures),
        cmocka_unit_test(test_ids_full),
        cmocka_unit_test(test_profession),
        cmocka_unit_test(test_profession_of_staff),
        cmocka_unit_test(test_situations),
        cmocka_unit_test(test_situations_known),
        cmocka_unit_test(test_situations_of_structures),
        cmocka_unit_test(test_regulator),
        cmocka_unit_test(test_centre),
        cmocka_unit_test(test_centres),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_rule_g5),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
