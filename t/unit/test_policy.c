/*
 * test_policy.c: the policy files that are shipped load; whatever is wrong in
 * one is refused with the word and the line.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_policy.h>


#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define CHAIN     "{\"role\": \"persons\",\n\"issuer\": [[\"C\", \"FR\"]]}"
#define TITLE     "{\"title\": \"T\", \"system\": \"1.2\", \"code\": \"10\"}"

/* "format" on line 2, "chains" on 3 to 4, "professions" on 5, settings on 6 */
#define POLICY(format, chains, professions, more)                             \
    "{\n\"format\": " format ",\n\"chains\": " chains ",\n"                   \
    "\"professions\": " professions more "\n}\n"
#define CHAINS(chains)       POLICY("\"dmp-policy/1\"", chains,               \
                                    "[" TITLE "]", "")
#define TITLES(professions)  POLICY("\"dmp-policy/1\"", "[" CHAIN "]",        \
                                    professions, "")
#define MORE(more)           POLICY("\"dmp-policy/1\"", "[" CHAIN "]",        \
                                    "[" TITLE "]", more)


/* In a block of exactly its size, so that a byte read too far is seen. */
static dmp_rc_t
parse(const char *text, size_t len, dmp_policy_t **policy, dmp_error_t *error)
{
    char      *copy;
    dmp_rc_t   rc;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);

    *policy = (dmp_policy_t *) error;
    memset(error, 0xff, sizeof(*error));
    rc = dmp_policy_parse(copy, len, policy, error);
    free(copy);

    assert_int_equal(rc == DMP_OK, *policy != NULL);
    assert_non_null(memchr(error->text, '\0', sizeof(error->text)));
    assert_int_equal(rc == DMP_OK, error->text[0] == '\0');

    return rc;
}


static char *
read_file(const char *name, size_t *len)
{
    FILE  *f;
    char  *text;

    f = fopen(name, "rb");
    if (f == NULL) {
        fail_msg("%s: not here", name);
        return NULL;
    }

    text = malloc(65536);
    assert_non_null(text);
    *len = fread(text, 1, 65536, f);
    assert_in_range(*len, 1, 65535);
    assert_int_equal(fclose(f), 0);

    return text;
}


static const dmp_title_t *
title_of(const dmp_policy_t *policy, dmp_str_t title)
{
    size_t  i;

    for (i = 0; i < policy->n_titles; i++) {
        if (dmp_str_eq(policy->titles[i].title, title)) {
            return &policy->titles[i];
        }
    }

    fail_msg("no such title");
    return NULL;
}


static void
test_shipped(void **state)
{
    char                *text;
    size_t               i, len;
    dmp_error_t          error;
    dmp_policy_t        *policy;
    const dmp_chain_t   *chain;
    const dmp_title_t   *title;

    static const char *const  files[] = { "conf/policy/policy.json",
                                          "conf/policy/policy-test.json" };
    static const char *const  names[][2] = {
        { "AC IGC-SANTE FORT PERSONNES",
          "AC IGC-SANTE FORT ORGANISATIONS" },
        { "TEST AC IGC-SANTE FORT PERSONNES",
          "TEST AC IGC-SANTE FORT ORGANISATIONS" },
    };

    (void) state;

    for (i = 0; i < count(files); i++) {
        text = read_file(files[i], &len);
        assert_int_equal(parse(text, len, &policy, &error), DMP_OK);
        free(text);

        /* its strings do not point into the text, which is gone */

        assert_true(policy->ins_key);
        assert_int_equal(policy->n_chains, 2);

        chain = &policy->chains[0];
        assert_int_equal(chain->role, DMP_CHAIN_PERSONS);
        assert_int_equal(chain->n_entries, 5);
        assert_true(dmp_str_eq(chain->issuer[0].type, dmp_string("C")));
        assert_true(dmp_str_eq(chain->issuer[4].type, dmp_string("CN")));
        assert_int_equal(chain->issuer[4].value.len, strlen(names[i][0]));
        assert_string_equal(chain->issuer[4].value.data, names[i][0]);

        chain = &policy->chains[1];
        assert_int_equal(chain->role, DMP_CHAIN_ORGANISATIONS);
        assert_string_equal(chain->issuer[4].value.data, names[i][1]);

        title = title_of(policy, dmp_string("M\xc3\xa9" "decin"));
        assert_true(dmp_str_eq(title->profession.system,
                               dmp_string(DMP_SYSTEM_PROFESSION)));
        assert_true(dmp_str_eq(title->profession.code,
                               dmp_string(DMP_PROFESSION_DOCTOR)));
        title = title_of(policy, dmp_string("Pharmacien"));
        assert_true(dmp_str_eq(title->profession.code, dmp_string("21")));

        dmp_policy_free(policy);
    }

    dmp_policy_free(NULL);
}


static void
test_least(void **state)
{
    char           digest[43];
    dmp_error_t    error;
    dmp_policy_t  *policy;

    static const char  text[] = MORE("");
    static const char  off[] = MORE(",\n\"settings\": {\"ins_key\": false}");
    static const char  on[] = MORE(",\n\"settings\": {}");

    (void) state;

    assert_int_equal(parse(text, sizeof(text) - 1, &policy, &error), DMP_OK);
    assert_true(policy->ins_key);
    memcpy(digest, policy->digest, sizeof(digest));
    dmp_policy_free(policy);

    assert_int_equal(parse(on, sizeof(on) - 1, &policy, &error), DMP_OK);
    assert_true(policy->ins_key);
    dmp_policy_free(policy);

    assert_int_equal(parse(off, sizeof(off) - 1, &policy, &error), DMP_OK);
    assert_false(policy->ins_key);
    assert_memory_not_equal(policy->digest, digest, sizeof(digest));
    dmp_policy_free(policy);

    /* the digest is of the bytes: a blank more is another file */

    assert_int_equal(parse(text, sizeof(text) - 2, &policy, &error), DMP_OK);
    assert_memory_not_equal(policy->digest, digest, sizeof(digest));
    dmp_policy_free(policy);
}


typedef struct {
    const char  *text;
    unsigned     line;
    const char  *word;                   /* that the error names */
} refused_t;


static void
refused(const refused_t *table, size_t n)
{
    size_t         i;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    for (i = 0; i < n; i++) {
        if (parse(table[i].text, strlen(table[i].text), &policy, &error)
            != DMP_E_SYNTAX
            || error.line != table[i].line
            || strstr(error.text, table[i].word) == NULL)
        {
            fail_msg("%s: line %u (not %u), %s (no %s)", table[i].text,
                     error.line, table[i].line, error.text, table[i].word);
        }
    }
}


static void
test_bad_json(void **state)
{
    static const refused_t  table[] = {
        { "", 1, "end of file" },
        { "\n\n", 3, "end of file" },
        { "{", 1, "near end of file" },
        { "{\n\"format\": \"dmp-policy/1\",\n}", 3, "near '}'" },
        { "{\n\"format\": nul\n}", 2, "'nul'" },
        { "{\n\"format\": 'x'\n}", 2, "'''" },
        { "{}\n{}", 2, "end of file expected" },
        { "{\n\"format\": \"\xff\"}", 2, "0xff" },
        { "{\n\"format\": \"a\\u0000b\"}", 2, "\\u0000" },
        { "{\n\"format\": \"a\",\n\"format\": \"b\"}", 3, "duplicate" },
        { CHAINS("[{\"role\": \"persons\", \"role\": \"persons\"}]"), 3,
          "duplicate" },
        { "\xef\xbb\xbf{}", 1, "expected" },
        { "\"dmp-policy/1\"", 1, "'['" },
    };

    (void) state;
    refused(table, count(table));
}


static void
test_members(void **state)
{
    static const refused_t  table[] = {
        { "[]", 0, "\"policy\" is not an object" },
        { "{}", 0, "\"format\"" },

        { MORE(",\n\"more\": 1"), 6, "unknown member \"more\"" },
        { MORE(",\n\"Settings\": {}"), 6, "unknown member \"Settings\"" },
        { CHAINS("[{\"role\": \"persons\",\n\"isuer\": []}]"), 4,
          "unknown member \"isuer\" in \"chains\"" },
        { TITLES("[{\"title\": \"T\", \"system\": \"1\",\n\"kode\": \"1\"}]"),
          6, "unknown member \"kode\" in \"professions\"" },
        { MORE(",\n\"settings\": {\n\"ins-key\": true}"), 7,
          "unknown member \"ins-key\" in \"settings\"" },

        { POLICY("1", "[" CHAIN "]", "[" TITLE "]", ""), 2, "\"format\"" },
        { POLICY("null", "[" CHAIN "]", "[" TITLE "]", ""), 2, "\"format\"" },
        { POLICY("\"\"", "[" CHAIN "]", "[" TITLE "]", ""), 2, "\"format\"" },
        { POLICY("\"dmp-policy/2\"", "[" CHAIN "]", "[" TITLE "]", ""), 2,
          "\"dmp-policy/2\"" },
        { POLICY("\"dmp-policy/1 \"", "[" CHAIN "]", "[" TITLE "]", ""), 2,
          "this version reads \"dmp-policy/1\"" },
    };

    (void) state;
    refused(table, count(table));
}


static void
test_chains(void **state)
{
    static const refused_t  table[] = {
        { "{\n\"format\": \"dmp-policy/1\"}", 0, "\"chains\"" },
        { CHAINS("{}"), 3, "\"chains\" is not a list" },
        { CHAINS("null"), 3, "\"chains\" is not a list" },
        { CHAINS("[]"), 3, "\"chains\" is not a list of 1 to 64" },
        { CHAINS("[1]"), 3, "\"chains\" is not an object" },
        { CHAINS("[[]]"), 3, "\"chains\" is not an object" },
        { CHAINS("[{}]"), 0, "\"role\"" },
        { CHAINS("[{\n\"role\": 1}]"), 4, "\"role\"" },
        { CHAINS("[{\n\"role\": \"\"}]"), 4, "\"role\"" },
        { CHAINS("[{\n\"role\": \"person\"}]"), 4, "\"person\"" },
        { CHAINS("[{\n\"role\": \"Persons\"}]"), 4, "\"Persons\"" },
        { CHAINS("[{\n\"role\": \"persons\"}]"), 0, "\"issuer\"" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": {}}]"), 4,
          "\"issuer\" is not a list of 1 to 8" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": []}]"), 4,
          "\"issuer\" is not a list of 1 to 8" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"C\",\"1\"],"
                 "[\"C\",\"2\"],[\"C\",\"3\"],[\"C\",\"4\"],[\"C\",\"5\"],"
                 "[\"C\",\"6\"],[\"C\",\"7\"],[\"C\",\"8\"],[\"C\",\"9\"]]}"
                 "]"), 4, "1 to 8" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [\"C=FR\"]}]"), 4,
          "entry 1 of \"issuer\"" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"C\", \"FR\"],"
                 "[\"O\"]]}]"), 4, "entry 2 of \"issuer\"" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"C\", \"FR\", "
                 "\"x\"]]}]"), 4, "entry 1 of \"issuer\"" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"C\", 1]]}]"), 4,
          "\"issuer\" is not a non-empty string" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"C\", \"\"]]}]"),
          4, "\"issuer\" is not a non-empty string" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[null, \"x\"]]}]"),
          4, "\"issuer\" is not a non-empty string" },

        /* a type that no certificate has: the chain would never match */
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"cn\", \"x\"]]}]"),
          4, "\"cn\" is not a type" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\":\n[[\"UNDEF\", "
                 "\"x\"]]}]"), 5, "\"UNDEF\" is not a type" },
        { CHAINS("[{\"role\": \"persons\",\n\"issuer\": [[\"commonName\", "
                 "\"x\"]]}]"), 4, "\"commonName\" is not a type" },

        /* one issuer, two roles */
        { CHAINS("[" CHAIN ",\n" CHAIN "]"), 4, "\"FR\" is given twice" },
        { CHAINS("[" CHAIN ",\n{\"role\": \"organisations\",\n"
                 "\"issuer\": [[\"C\", \"FR\"]]}]"), 4,
          "\"FR\" is given twice" },
    };

    (void) state;
    refused(table, count(table));
}


static void
test_professions(void **state)
{
    static const refused_t  table[] = {
        { "{\"format\": \"dmp-policy/1\", \"chains\": [" CHAIN "]}", 0,
          "\"professions\"" },
        { TITLES("{}"), 5, "\"professions\" is not a list" },
        { TITLES("[]"), 5, "\"professions\" is not a list of 1 to 256" },
        { TITLES("[1]"), 5, "\"professions\" is not an object" },
        { TITLES("[{}]"), 0, "\"title\"" },
        { TITLES("[{\"title\": 1}]"), 5, "\"title\"" },
        { TITLES("[{\"title\": \"\"}]"), 5, "\"title\"" },
        { TITLES("[{\"title\": \"T\"}]"), 0, "\"system\"" },
        { TITLES("[{\"title\": \"T\",\n\"system\": 1}]"), 6, "\"system\"" },
        { TITLES("[{\"title\": \"T\", \"system\": \"1\"}]"), 0, "\"code\"" },
        { TITLES("[{\"title\": \"T\", \"system\": \"1\",\n\"code\": 10}]"), 6,
          "\"code\"" },
        { TITLES("[" TITLE ",\n" TITLE "]"), 5, "\"T\" is given twice" },
        { MORE(",\n\"settings\": null"), 6, "\"settings\" is not an object" },
        { MORE(",\n\"settings\": []"), 6, "\"settings\" is not an object" },
        { MORE(",\n\"settings\": {\n\"ins_key\": 1}"), 7, "\"ins_key\"" },
        { MORE(",\n\"settings\": {\n\"ins_key\": null}"), 7, "\"ins_key\"" },
        { MORE(",\n\"settings\": {\n\"ins_key\": \"true\"}"), 7,
          "\"ins_key\"" },
    };

    (void) state;
    refused(table, count(table));
}


/* A list of n elements, each of them another one. */
static void
many(const char *before, const char *element, unsigned n, const char *after,
    dmp_rc_t want)
{
    char          *text;
    size_t         len;
    unsigned       i;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    text = malloc(65536);
    assert_non_null(text);
    len = (size_t) snprintf(text, 65536, "%s", before);

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(text + len, 65536 - len, element,
                                 (i == 0) ? "" : ",", i);
    }

    len += (size_t) snprintf(text + len, 65536 - len, "%s", after);
    assert_in_range(len, 1, 65535);

    assert_int_equal(parse(text, len, &policy, &error), want);
    free(text);
    dmp_policy_free(policy);
}


static void
test_limits(void **state)
{
    char          *text;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    static const char  chain[] = "%s{\"role\":\"persons\",\"issuer\":"
                                 "[[\"CN\",\"%u\"]]}";
    static const char  title[] = "%s{\"title\":\"%u\",\"system\":\"1\","
                                 "\"code\":\"1\"}";
    static const char  chains[] = "{\"format\":\"dmp-policy/1\",\"professions\""
                                  ":[" TITLE "],\"chains\":[";
    static const char  titles[] = "{\"format\":\"dmp-policy/1\",\"chains\":["
                                  CHAIN "],\"professions\":[";

    (void) state;

    many(chains, chain, 64, "]}", DMP_OK);
    many(chains, chain, 65, "]}", DMP_E_SYNTAX);
    many(titles, title, 256, "]}", DMP_OK);
    many(titles, title, 257, "]}", DMP_E_SYNTAX);

    text = malloc(1024 * 1024 + 1);
    assert_non_null(text);
    memset(text, ' ', 1024 * 1024 + 1);
    memcpy(text, MORE(""), sizeof(MORE("")) - 1);

    assert_int_equal(parse(text, 1024 * 1024, &policy, &error), DMP_OK);
    dmp_policy_free(policy);
    assert_int_equal(parse(text, 1024 * 1024 + 1, &policy, &error),
                     DMP_E_LIMIT);

    /* a long word is cut, and the sentence still ends */

    memset(text, 'x', 5000);
    memcpy(text, "{\"format\": \"", 12);
    memcpy(text + 4000, "\"}", 2);
    assert_int_equal(parse(text, 4002, &policy, &error), DMP_E_SYNTAX);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
    free(text);
}


/* Cut anywhere, or with any byte gone: read or refused, and nothing leaks. */
static void
test_cut(void **state)
{
    char           copy[512];
    size_t         i, len;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    static const char  text[] = MORE(",\n\"settings\": {\"ins_key\": false}");

    (void) state;
    len = sizeof(text) - 1;

    for (i = 0; i + 2 < len; i++) {
        assert_int_equal(parse(text, i, &policy, &error), DMP_E_SYNTAX);
    }

    for (i = 0; i < len; i++) {
        memcpy(copy, text, i);
        memcpy(copy + i, text + i + 1, len - i);
        (void) parse(copy, len - 1, &policy, &error);
        dmp_policy_free(policy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_professions),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
