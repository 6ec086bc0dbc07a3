/*
 * test_traits.c: the hashes by which "find" looks a record up are those of the
 * traits that rule G4 takes for it, and of no others.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <dmp/dmp_policy.h>
#include <dmp/dmp_traits.h>

#include "../../policy/dmp_rules_int.h"


#define BORN  "1985-03-02"

#define count(table)  (sizeof(table) / sizeof((table)[0]))


static const unsigned char  key[DMP_KEY_LEN] = "a pseudonym key";

static char  hashes[DMP_TRAITS_MAX][DMP_TRAITS_HASH_LEN];


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static dmp_record_t
person(const char *family, const char *birth_family, const char *given,
    const char *birthdate)
{
    dmp_record_t  record;

    memset(&record, 0, sizeof(record));
    record.ins = str("269054958815780");
    record.open = true;
    record.family = str(family);
    record.birth_family = str(birth_family);
    record.given = str(given);
    record.birthdate = str(birthdate);

    return record;
}


/* What rule G4 says of it: the rule itself is asked. */
static bool
matches(const dmp_record_t *record, const dmp_traits_t *traits)
{
    dmp_case_t      c;
    dmp_facts_t     facts;
    dmp_policy_t    policy;
    dmp_request_t   request;
    dmp_subject_t   subject;

    memset(&c, 0, sizeof(c));
    memset(&policy, 0, sizeof(policy));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));
    facts = (dmp_facts_t) { DMP_RECORD_PRESENT, 1, record };
    request.operation = DMP_OPERATION_FIND;
    request.mode = DMP_MODE_CENTRE_15;
    request.traits = *traits;
    c.policy = &policy;
    c.subject = &subject;
    c.request = &request;
    c.facts = &facts;
    c.record = record;

    return dmp_rule_g4(&c) == DMP_REASON_NONE;
}


static bool
found(size_t n, const dmp_traits_t *traits)
{
    char    hash[DMP_TRAITS_HASH_LEN];
    size_t  i;

    if (dmp_traits_hash(key, traits, hash) != DMP_OK) {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (memcmp(hashes[i], hash, sizeof(hash)) == 0) {
            return true;
        }
    }

    return false;
}


/* Each once, and nothing behind the last one. */
static size_t
of_record(const dmp_record_t *record)
{
    size_t  i, j, n;

    memset(hashes, 0xff, sizeof(hashes));
    n = DMP_TRAITS_MAX + 1;
    assert_int_equal(dmp_traits_of_record(key, record, hashes, &n), DMP_OK);
    assert_true(n <= DMP_TRAITS_MAX);

    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            assert_memory_not_equal(hashes[i], hashes[j], sizeof(hashes[0]));
        }
    }

    return n;
}


static const char *const  families[] = {
    "", "-", "ZOE", "Zo\xc3\xa9", "Zoe\xcc\x81", "zo\xc3\x89", "D'Arc",
    "D\xe2\x80\x99""ARC", "DARC", "d arc", "O\xe2\x80\x99Neil", "O'NEIL",
    "ONeil", "de la Tour", "DE LA TOUR", "Delatour", "de-la-tour", "Tour",
    "la Tour", "Lef\xc3\xa8vre", "LEFEBVRE", "\xc5\x92rsted", "Oersted",
    "Stra\xc3\x9f""e", "STRASSE", "\xff", "\xed\xa0\x80", "a,b", "\xe6\x9d\x8e",
};

static const char *const  givens[] = {
    "", "-", " ", ",", "Zo\xc3\xa9", "ZOE", "Jean-Pierre", "Jean Pierre",
    "JEANPIERRE", "Jean", "Pierre", "Marie Anne, Louise", "MARIE", "anne",
    "Louise", "Marie Anne", "Anne-Louise", "marie, anne", "MarieAnneLouise",
    "Marie Louise", "Louise Marie", "Mari", "eAnne", "Anne Anne",
    "An ne", "Ann E", "O\xe2\x80\x99Neil", "\xff", "Marie \xff",
    "Marie - Anne", "Marie - , - Anne", "Ang\xc3\xa9lique \xc3\x89lise",
    "ANGELIQUE-ELISE", "\xe6\x98\x8e \xe7\xbe\x8e",
};

static const char *const  dates[] = { BORN, "1985-03-20" };


/* Every record with all that may be asked of it. */
static void
test_equivalence(void **state)
{
    size_t         f, g, i, j, n, d, hits;
    dmp_record_t   record;
    dmp_traits_t   asked;

    (void) state;
    hits = 0;

    for (f = 0; f < count(families) * count(givens); f++) {
        g = f % count(givens);
        i = f / count(givens);
        record = person(families[i], families[(i * 7 + g) % count(families)],
                        givens[g], dates[(g % 5 == 4) ? 1 : 0]);
        n = of_record(&record);

        for (j = 0; j < count(families) * count(givens); j++) {
            for (d = 0; d < 2; d++) {
                asked = (dmp_traits_t) { str(families[j / count(givens)]),
                                         str(givens[j % count(givens)]),
                                         str(dates[d]) };

                /* the look-up is dear here: where G4 says no, a sample */

                if (!matches(&record, &asked)) {
                    if ((f + j + d) % 61 == 0) {
                        assert_false(found(n, &asked));
                    }

                    continue;
                }

                hits++;

                if (!found(n, &asked)) {
                    fail_msg("%s / %s, %s: not found by %s, %s",
                             families[i],
                             families[(i * 7 + g) % count(families)],
                             givens[g], families[j / count(givens)],
                             givens[j % count(givens)]);
                }
            }
        }
    }

    assert_true(hits > 5000);
}


/* The text is what the contract says, and the hash its HMAC. */
static void
test_hash(void **state)
{
    char            hash[DMP_TRAITS_HASH_LEN], want[DMP_TRAITS_HASH_LEN];
    size_t          i;
    unsigned        len;
    dmp_buf_t       b;
    dmp_traits_t    traits;
    unsigned char   mac[EVP_MAX_MD_SIZE];

    static const char  text[] = "dmp-traits\0delatour\0\xce\xb6oe\0" BORN;

    static const struct {
        const char  *family;
        const char  *given;
        const char  *birthdate;
    } bad[] = {
        { "", "Anne", BORN }, { "-", "Anne", BORN }, { "\xff", "Anne", BORN },
        { "a", "", BORN }, { "a", "' -", BORN }, { "a", "b\xc3", BORN },
        { "a", "b", "" }, { "a", "b", "1985-3-2" }, { "a", "b", "1985-03-00" },
        { "a", "b", "1985-02-29" }, { "a", "b", "1985-13" },
    };

    (void) state;
    traits = (dmp_traits_t) { str("de la TOUR"), str("\xce\x96o\xc3\xa9"),
                              str(BORN) };
    assert_int_equal(dmp_traits_hash(key, &traits, hash), DMP_OK);
    assert_non_null(HMAC(EVP_sha256(), key, sizeof(key),
                         (const unsigned char *) text, sizeof(text) - 1, mac,
                         &len));
    dmp_buf_init(&b, want, sizeof(want));
    dmp_buf_base64url(&b, mac, 16);
    assert_memory_equal(hash, want, sizeof(hash));

    for (i = 0; i < count(bad); i++) {
        traits = (dmp_traits_t) { str(bad[i].family), str(bad[i].given),
                                  str(bad[i].birthdate) };
        memset(hash, 0xff, sizeof(hash));
        assert_int_equal(dmp_traits_hash(key, &traits, hash), DMP_E_SYNTAX);
        assert_true(hash[0] == '\0');
    }
}


/* No two of these are one, and another key makes others. */
static void
test_apart(void **state)
{
    char    hash[8][DMP_TRAITS_HASH_LEN];
    size_t  i, j;

    static const unsigned char  other[DMP_KEY_LEN] = "another";

    static const dmp_traits_t  traits[] = {
        { dmp_string("ab"), dmp_string("c"), dmp_string(BORN) },
        { dmp_string("a"), dmp_string("bc"), dmp_string(BORN) },
        { dmp_string("c"), dmp_string("ab"), dmp_string(BORN) },
        { dmp_string("ab"), dmp_string("c"), dmp_string("1985-03-20") },
        { dmp_string("ab"), dmp_string("c,d"), dmp_string(BORN) },
        { dmp_string("ab"), dmp_string("cd"), dmp_string(BORN) },
        { dmp_string("\xc3\xa6\xc3\xa6"), dmp_string("c"), dmp_string(BORN) },
    };

    (void) state;

    for (i = 0; i <= count(traits); i++) {
        assert_int_equal(dmp_traits_hash(i < count(traits) ? key : other,
                                         &traits[i % count(traits)], hash[i]),
                         DMP_OK);

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(hash[i], hash[j], sizeof(hash[0]));
        }
    }
}


static void
test_counts(void **state)
{
    size_t        i;
    dmp_record_t  record;

    static const struct {
        const char  *family;
        const char  *birth_family;
        const char  *given;
        const char  *birthdate;
        size_t       n;
    } table[] = {
        { "A", "", "Anne", BORN, 1 },
        { "", "B", "Anne", BORN, 1 },
        { "A", "B", "Anne", BORN, 2 },
        { "A", "a", "Anne", BORN, 1 },
        { "Zo\xc3\xa9", "ZOE", "Anne", BORN, 1 },
        { "A", "\xff", "Anne", BORN, 1 },
        { "A", "", "Marie Anne", BORN, 3 },
        { "A", "", "Marie Anne, Louise", BORN, 6 },
        { "A", "B", "Marie Anne, Louise", BORN, 12 },
        { "A", "", "Jean-Pierre", BORN, 1 },
        { "A", "", "Anne Anne", BORN, 2 },
        { "A", "", "Anne, -, Marie", BORN, 3 },
        { "A", "", "a b c d e f g h i j k l m n o", BORN, 120 },
        { "A", "B", "a b c d e f g h i j", BORN, 110 },

        { "", "", "Anne", BORN, 0 },
        { "-", "'", "Anne", BORN, 0 },
        { "A", "B", "", BORN, 0 },
        { "A", "B", " , -", BORN, 0 },
        { "A", "B", "Anne \xff", BORN, 0 },
        { "A", "B", "Anne", "", 0 },
        { "A", "B", "Anne", "1985-00", 0 },
        { "A", "B", "Anne", "1985", 2 },
        { "A", "B", "Anne", "1985-03", 2 },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        record = person(table[i].family, table[i].birth_family, table[i].given,
                        table[i].birthdate);

        if (of_record(&record) != table[i].n) {
            fail_msg("%s / %s, %s: not %zu", table[i].family,
                     table[i].birth_family, table[i].given, table[i].n);
        }
    }
}


/* More than there is room for: one name, all of them, and what else fits. */
static void
test_many(void **state)
{
    char          given[512], asked[512];
    size_t        i, names, n;
    dmp_record_t  record;
    dmp_traits_t  traits;

    (void) state;
    given[0] = '\0';

    for (names = 1; names <= 33; names++) {
        (void) snprintf(given + strlen(given), sizeof(given) - strlen(given),
                        " n%c%c", (char) ('a' + names / 26),
                        (char) ('a' + names % 26));
        record = person("A", "B", given, BORN);
        n = of_record(&record);

        if (names == 33) {
            /* no longer a list that names are looked for in */
            assert_int_equal(n, 0);
            break;
        }

        assert_int_equal(n, (names <= 10) ? names * (names + 1)
                                          : DMP_TRAITS_MAX);

        for (i = 0; i <= names; i++) {
            (void) snprintf(asked, sizeof(asked), "%s", given);

            if (i != names) {
                (void) snprintf(asked, sizeof(asked), "%.4s", given + 4 * i);
            }

            traits = (dmp_traits_t) { str((i % 2 == 0) ? "A" : "b"),
                                      str(asked), str(BORN) };
            assert_true(matches(&record, &traits));
            assert_true(found(n, &traits));
        }
    }
}


/* As long as names may be, in letters of each length. */
static void
test_long(void **state)
{
    char           name[2048];
    size_t         n;
    dmp_record_t   record;
    dmp_traits_t   traits;

    (void) state;
    memset(name, 'x', sizeof(name));
    record = person("", "", "", BORN);
    record.family = (dmp_str_t) { name, 1536 };
    record.given = record.family;
    traits = (dmp_traits_t) { record.family, record.given, record.birthdate };
    n = of_record(&record);
    assert_int_equal(n, 1);
    assert_true(matches(&record, &traits) && found(n, &traits));

    record.given.len++;
    assert_int_equal(of_record(&record), 0);
    traits.given.len++;
    assert_false(matches(&record, &traits) || found(0, &traits));

    for (n = 0; n < 2048; n += 4) {
        memcpy(name + n, "\xf0\xa0\x80\x80", 4);
    }

    record.family.len = 2048;
    record.given = record.family;
    traits = (dmp_traits_t) { record.family, record.given, record.birthdate };
    n = of_record(&record);
    assert_int_equal(n, 1);
    assert_true(matches(&record, &traits) && found(n, &traits));
}


static void
test_key(void **state)
{
    char    out[DMP_TRAITS_KEY_MAX];
    size_t  len;

    (void) state;
    len = dmp_traits_key("abcdefghijklmnopqrstuv", out);
    assert_int_equal(len, strlen("dmp:traits:abcdefghijklmnopqrstuv"));
    assert_memory_equal(out, "dmp:traits:abcdefghijklmnopqrstuv", len);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_equivalence),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_key),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
