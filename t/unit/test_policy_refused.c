/*
 * test_policy_refused.c: whatever is wrong in a file of the policy is refused
 * with the file, the line and the word, and nothing is left behind.
 */

#include "policy_texts.h"


typedef struct {
    const char  *from;
    const char  *to;
    unsigned     line;
    const char  *word;                   /* that the sentence has */
} refused_t;


static void
refused_at(const char *name, const char *text, size_t len, dmp_rc_t rc,
    const char *file, unsigned line, const char *word)
{
    dmp_error_t    error;
    dmp_policy_t  *policy;

    if (load_text(name, text, len, &policy, &error) != rc
        || strcmp(error.file, file) != 0
        || error.line != line
        || strstr(error.text, word) == NULL)
    {
        fail_msg("%s is not refused at %s:%u with %s, but %s:%u: %s: %.*s",
                 name, file, line, word, error.file, error.line, error.text,
                 (int) (len < 2000 ? len : 2000), text);
    }
}


static void
refused_each(const char *name, const refused_t *table, size_t n)
{
    char    *text;
    size_t   i;

    for (i = 0; i < n; i++) {
        text = changed(name, table[i].from, table[i].to);
        refused_at(name, text, strlen(text), DMP_E_SYNTAX, name,
                   table[i].line, table[i].word);
        free(text);
    }
}


#define refused(name, table)  refused_each(name, table, count(table))


/* Which files there are. */
static void
test_files(void **state)
{
    char  *text;

    static const refused_t  table[] = {
        { "\"types.json\"", "1", 10, "\"types\" is not a non-empty string" },
        { "\"types.json\"", "[\"types.json\"]", 10, "\"types\"" },
        { "\"types.json\"", "\"\"", 10, "\"types\"" },
        { "\"types.json\"", "\"../types.json\"", 10, "\"../types.json\"" },
        { "\"types.json\"", "\"a/types.json\"", 10, "\"a/types.json\"" },
        { "\"types.json\"", "\"/types.json\"", 10, "\"/types.json\"" },
        { "\"types.json\"", "\".types\"", 10, "\".types\"" },
        { "\"types.json\"", "\"own.json\"", 10, "\"own.json\" is named twice" },
        { "\"types.json\"", "\"policy.json\"", 10,
          "\"policy.json\" is named twice" },
        { "\"more.json\"", "\"own.json\"", 9, "\"own.json\" is named twice" },
        { "\"more.json\"", "7", 9, "an element of \"rights\"" },
        { "[\"old.json\", \"new.json\"]", "[]", 11,
          "\"matrices\" is an empty list" },
        { "[\"old.json\", \"new.json\"]", "\"new.json\"", 11,
          "\"matrices\" is not a list" },
        { "\"direct.json\", ", "", 8, "has the table \"direct\"" },
        { "\"reinforced.json\", ", "", 8, "has the table \"reinforced\"" },
        { ", \"own.json\",\n             \"more.json\"", "", 8,
          "has the table \"own\"" },
    };

    (void) state;
    refused("policy.json", table);

    /* a file that is not there, and one that is another's */

    text = changed("policy.json", "\"more.json\"", "\"x.json\"");
    refused_at("policy.json", text, strlen(text), DMP_E_UNKNOWN, "x.json", 0,
               "no such file");
    free(text);

    text = changed("policy.json", "\"labels.json\"", "\"direct2.json\"");
    refused_at("policy.json", text, strlen(text), DMP_E_UNKNOWN,
               "direct2.json", 0, "no such file");
    free(text);
}


/* 32 files, with the first; names of 127 bytes. */
static void
test_file_limits(void **state)
{
    char      list[4096], name[128], *text;
    size_t    len;
    unsigned  i;

    (void) state;
    memset(name, 'x', 127);
    name[127] = '\0';
    len = (size_t) snprintf(list, sizeof(list), "\"more.json\"");

    for (i = 0; i < 21; i++) {
        len += (size_t) snprintf(list + len, sizeof(list) - len,
                                 ", \"%u.json\"", i);
    }

    /* 11 files and 21 more: the last one in the order of reading */

    text = changed("policy.json", "\"more.json\"", list);
    refused_at("policy.json", text, strlen(text), DMP_E_UNKNOWN, "0.json", 0,
               "no such file");
    free(text);

    (void) snprintf(list + len, sizeof(list) - len, ", \"21.json\"");
    text = changed("policy.json", "\"more.json\"", list);
    refused_at("policy.json", text, strlen(text), DMP_E_LIMIT, "policy.json",
               13, "\"exclusions.json\" is one file more than 32");
    free(text);

    (void) snprintf(list, sizeof(list), "\"%s\"", name);
    text = changed("policy.json", "\"more.json\"", list);
    refused_at("policy.json", text, strlen(text), DMP_E_UNKNOWN, name, 0,
               "no such file");
    free(text);

    (void) snprintf(list, sizeof(list), "\"%sx\"", name);
    text = changed("policy.json", "\"more.json\"", list);
    refused_at("policy.json", text, strlen(text), DMP_E_SYNTAX, "policy.json",
               9, "xx...\" is not the plain name");
    free(text);
}


/* The source's own error, with the name that was asked for. */
static dmp_rc_t
read_nothing(void *data, const char *name, dmp_str_t *text,
    dmp_error_t *error)
{
    (void) name;

    *text = dmp_string("{}");

    if (data != NULL) {
        (void) snprintf(error->text, sizeof(error->text), "no\x1b[31m way");
    }

    return DMP_E_LIMIT;
}


static void
test_source(void **state)
{
    dmp_error_t          error;
    dmp_policy_t        *policy;
    dmp_policy_source_t  source;

    (void) state;
    source.read = read_nothing;
    source.data = &error;

    assert_int_equal(dmp_policy_load(&source, "p\n.json", &policy, &error),
                     DMP_E_LIMIT);
    assert_null(policy);
    assert_string_equal(error.file, "p?.json");
    assert_int_equal(error.line, 0);
    assert_string_equal(error.text, "no?[31m way");

    source.data = NULL;
    assert_int_equal(dmp_policy_load(&source, "p.json", &policy, &error),
                     DMP_E_LIMIT);
    assert_string_equal(error.text, "cannot be read");
}


/* Each of the files with that text. */
static void
refused_text(const char *text, size_t len, dmp_rc_t rc, unsigned line,
    const char *word)
{
    size_t  i;

    for (i = 0; i < POLICY_TEXTS; i++) {
        refused_at(policy_texts[i].name, text, len, rc, policy_texts[i].name,
                   line, word);
    }
}


/* Not JSON, or not in one reading. */
static void
test_json(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
        unsigned     line;
        const char  *word;
    } table[] = {
#define TEXT(literal)  literal, sizeof(literal) - 1
        { TEXT(""), 1, "empty" },
        { TEXT("{\n\n"), 3, "end of file" },
        { TEXT("{\"a\":\n[1,\nx]}"), 3, "near 'x'" },
        { TEXT("{}\n{}"), 2, "near '{'" },
        { TEXT("{\"a\": 1,\n\"b\": 2,\n\"a\": 3}"), 3, "\"a\"" },
        { TEXT("{\n\"a\": \"\xff\"}"), 2, "0xff" },
        { TEXT("\xef\xbb\xbf{}"), 1, "expected" },
        { TEXT("{}\n\0"), 2, "NUL" },
        { TEXT("{\n\"a\": \"\\u0000\"}"), 2, "u0000" },
        { TEXT("{\n\"a\": 1e999}"), 2, "overflow" },
        { TEXT("{\n\"a\": 99999999999999999999}"), 2, "too big" },
        { TEXT("{\"b\":\n{\"\\u0061\": 1}}"), 2, "escape" },
        { TEXT("[]"), 1, "not an object" },
        { TEXT("\n\n[]"), 3, "not an object" },
        { TEXT("\n{}"), 2, "no member \"format\"" },
        { TEXT("{\n\"format\": 1}"), 2, "\"format\"" },
        { TEXT("{\n\"format\":\nnull}"), 3, "\"format\"" },
        { TEXT("{\n\"format\": \"dmp/2\"}"), 2, "\"dmp/2\"" },
#undef TEXT
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        refused_text(table[i].text, table[i].len, DMP_E_SYNTAX, table[i].line,
                     table[i].word);
    }
}


/* As deep as the scanner goes, and no deeper. */
static void
test_deep(void **state)
{
    char    text[300];
    size_t  len;

    (void) state;
    len = (size_t) snprintf(text, sizeof(text), "{\n\"a\": ");
    memset(text + len, '[', 64);
    memset(text + len + 64, ']', 64);
    text[len + 128] = '}';

    refused_text(text, len + 129, DMP_E_LIMIT, 2, "deep");

    text[len] = ' ';
    text[len + 127] = ' ';
    refused_text(text, len + 129, DMP_E_SYNTAX, 1, "no member \"format\"");
}


static unsigned
line_of(const char *text, const char *p)
{
    unsigned  line;

    for (line = 1; text < p; text++) {
        line += *text == '\n';
    }

    return line;
}


/* Each member of each file in turn, misspelt: only its own name is known. */
static void
test_unknown_members(void **state)
{
    int          len;
    char        *text, *name, *end, word[64];
    size_t       i, n;
    const char  *file;

    (void) state;
    n = 0;

    for (i = 0; i < POLICY_TEXTS; i++) {
        file = policy_texts[i].name;
        text = changed(file, "{", "{");

        for (name = strchr(text, '"'); name != NULL;
             name = strchr(end + 1, '"'))
        {
            end = strchr(name + 1, '"');
            len = (int) (end - name - 1);

            if (end[1] != ':' || len == 1) {
                continue;                /* no name, or that of a note */
            }

            if (len == 6 && memcmp(name + 1, "format", 6) == 0) {
                end[-1] ^= 1;
                refused_at(file, text, strlen(text), DMP_E_SYNTAX, file, 1,
                           "no member \"format\"");
                end[-1] ^= 1;
                continue;
            }

            end[-1] ^= 1;
            (void) snprintf(word, sizeof(word), "unknown member \"%.*s\"", len,
                            name + 1);
            refused_at(file, text, strlen(text), DMP_E_SYNTAX, file,
                       line_of(text, name), word);
            end[-1] ^= 1;
            n++;
        }

        free(text);
    }

    assert_in_range(n, 150, 400);
}


static void
test_first(void **state)
{
    static const refused_t  table[] = {
        { "\"chains\"", "\"settings\": {}, \"chains\": 1, \"x\"", 3,
          "unknown member \"x\"" },
        { "\"chains\"", "\"x\":\n1, \"chains\"", 3,
          "unknown member \"x\"" },
        { "  \"exclusions\": \"exclusions.json\",\n",
          "  \"settings\": {},\n", 1, "no member \"exclusions\"" },

        { "{\"role\": \"persons\"", "{\"role\": \"person\"", 4,
          "\"person\" is not a \"role\": it is \"persons\" or "
          "\"organisations\"" },
        { "{\"role\": \"persons\", ", "{", 4,
          "no member \"role\" in \"chains\"" },
        { "{\"role\": \"persons\"", "{\"role\": 1", 4, "\"role\"" },
        { "{\"role\": \"persons\"", "{\n\"role\":\n\"Persons\"", 6,
          "\"Persons\"" },
        { "[[\"C\", \"FR\"], [\"CN\", \"A\"]]", "{}", 4,
          "\"issuer\" is not a list" },
        { "[[\"C\", \"FR\"], [\"CN\", \"A\"]]", "[]", 4,
          "\"issuer\" is an empty list" },
        { "[\"CN\", \"B\"]", "\n[\"CN\"]", 6, "is not a pair" },
        { "[\"CN\", \"B\"]", "[\"CN\", \"B\", \"C\"]", 5, "is not a pair" },
        { "[\"CN\", \"B\"]", "[\"CN\",\n1]", 6,
          "an element of \"issuer\" is not a non-empty string" },
        { "[\"CN\", \"B\"]", "[\"CN\", \"\"]", 5, "\"issuer\"" },
        { "[\"CN\", \"B\"]", "[\"cn\", \"B\"]", 5, "\"cn\" is not a type" },
        { "[\"CN\", \"B\"]", "[\"commonName\", \"B\"]", 5,
          "\"commonName\" is not a type" },
        { "[\"CN\", \"B\"]", "[\"CN\", \"A\"]", 5, "\"A\" is given twice" },

        { "\"types\"", "\"settings\": null, \"types\"", 10,
          "\"settings\" is not an object" },
        { "\"types\"", "\"settings\": {\n\"ins-key\": true}, \"types\"", 11,
          "unknown member \"ins-key\" in \"settings\"" },
        { "\"types\"", "\"settings\": {\n\"ins_key\": 1}, \"types\"", 11,
          "\"ins_key\" is not true or false" },
        { "\"types\"", "\"settings\": {\"ins_key\": null}, \"types\"", 10,
          "\"ins_key\"" },
        { "\"types\"", "\"settings\": {\n\"test_chains\": 1}, \"types\"", 11,
          "\"test_chains\" is not true or false" },
        { "\"types\"", "\"settings\": {\"test_chain\": true}, \"types\"", 10,
          "unknown member \"test_chain\" in \"settings\"" },
        { "\"types\"", "\"settings\": {\"occupational_doctors\": \"all\"}, "
          "\"types\"", 10, "\"all\" is not a \"occupational_doctors\": it is "
          "\"none\" or \"table\"" },
        { "\"types\"", "\"settings\": {\"training_cards\": true}, \"types\"",
          10, "\"training_cards\"" },
        { "\"types\"", "\"settings\": {\"training_cards\": \"table\"}, "
          "\"types\"", 10, "\"none\" or \"read\"" },
        { "\"types\"", "\"settings\": {\"justification_characters\": 0}, "
          "\"types\"", 10, "a whole number of 1 to 1000" },
        { "\"types\"", "\"settings\": {\"justification_characters\": 1001}, "
          "\"types\"", 10, "\"justification_characters\"" },
        { "\"types\"", "\"settings\": {\"invisible_to_patient_months\": -1}, "
          "\"types\"", 10, "a whole number of 0 to 12" },
        { "\"types\"", "\"settings\": {\"invisible_to_patient_months\": 13}, "
          "\"types\"", 10, "\"invisible_to_patient_months\"" },
        { "\"types\"", "\"settings\": {\"invisible_to_patient_months\": 1.0}, "
          "\"types\"", 10, "\"invisible_to_patient_months\"" },
        { "\"types\"", "\"settings\": {\"authorisation_days\": 0}, \"types\"",
          10, "a whole number of 1 to 3660" },
        { "\"types\"", "\"settings\": {\"authorisation_days\": 4294967297}, "
          "\"types\"", 10, "\"authorisation_days\"" },
        { "\"types\"", "\"settings\": {\"authorisation_days\": \"365\"}, "
          "\"types\"", 10, "\"authorisation_days\"" },
        { "\"types\"", "\"settings\": {\"emergency_notice_minutes\": 1441}, "
          "\"types\"", 10, "a whole number of 0 to 1440" },
        { "\"types\"", "\"settings\": {\"emergency_notice_minutes\": -1}, "
          "\"types\"", 10, "\"emergency_notice_minutes\"" },
    };

    (void) state;
    refused("policy.json", table);
}


static void
test_professions(void **state)
{
    static const refused_t  table[] = {
        { "  \"source\": \"S\",\n", "", 1, "no member \"source\"" },
        { "\"source\": \"S\"", "\"source\": \"\"", 3, "\"source\"" },
        { "\"name\": \"Interne\", ", "", 5,
          "no member \"name\" in \"professions\"" },
        { "{\"system\": \"G15\", \"code\": \"60\"", "7, {\"system\": \"G15\", "
          "\"code\": \"60\"", 7, "an element of \"professions\" is not an "
          "object" },
        { "\"code\": \"60\"", "\"code\": 60", 7, "\"code\"" },
        { "\"code\": \"60\"", "\"code\": \"10\"", 7,
          "\"10\" of \"G15\" is given twice" },
        { "\"kind\": \"health\"", "\"kind\": \"nurse\"", 7,
          "\"nurse\" is not a \"kind\": it is \"doctor\", \"health\" or "
          "\"other\"" },
        { ", \"kind\": \"health\"", "", 7,
          "\"60\" has none of \"kind\" and \"trains_for\"" },
        { "\"trains_for\"", "\"kind\": \"health\", \"trains_for\"", 5,
          "\"10\" has both of \"kind\" and \"trains_for\"" },
        { "\"trains_for\": {\"system\": \"G15\"", "\"trains_for\": {\"system\""
          ": \"G17\"", 5, "no profession \"10\" of \"G17\"" },
        { "\"trains_for\": {\"system\": \"G15\"", "\"trains_for\": {\"system\""
          ": \"G16\"", 5, "\"10\" of \"G16\" is itself in training" },
        { "\"trains_for\": {\"system\": \"G15\", \"code\": \"10\"}",
          "\"trains_for\": \"10\"", 5, "\"trains_for\" is not an object" },
        { "\"trains_for\": {\"system\": \"G15\", \"code\": \"10\"}",
          "\"trains_for\": {\"code\": \"10\"}", 5,
          "no member \"system\" in \"trains_for\"" },
        { "\"kind\": \"health\"", "\"trains_for\": null", 7,
          "\"trains_for\" is not an object" },
        { "[\"Assistant\"]", "[]", 8, "\"titles\" is an empty list" },
        { "[\"Assistant\"]", "\"Assistant\"", 8, "\"titles\"" },
        { "[\"Assistant\"]", "[null]", 8, "an element of \"titles\"" },
        { "[\"Assistant\"]", "[\"X\",\n\"Docteur\"]", 9,
          "the title \"Docteur\" is given twice" },
        { "[\"Assistant\"]", "[\"X\",\n\"X\"]", 9, "\"X\" is given twice" },
    };

    (void) state;
    refused("professions.json", table);
}


static void
test_rights(void **state)
{
    static const refused_t  direct[] = {
        { "\"direct\"", "\"directe\"", 3, "\"directe\" is not a table" },
        { "\"direct\"", "\"none\"", 3, "\"none\" is not a table" },
        { "\"PS_normal\"", "\"PS_norml\"", 6, "\"PS_norml\" is not a column" },
        { "\"PS_normal\"", "\n\"MED_normal\"", 7,
          "the column \"MED_normal\" is given twice" },
        { "[\"MED_normal\", \"PS_normal\", \"ES_normal\"]", "[]", 6,
          "\"columns\"" },
        { "\"own-documents\"", "\"own-document\"", 8,
          "\"own-document\" is not a condition" },
        { "\"own-documents\"", "8", 8, "\"6\" is not a non-empty string" },
        { "{\n    \"6\": \"own-documents\",\n    \"7\": \"imputed-to-structure"
          "\"\n  }", "[]", 7, "\"notes\" is not an object" },
        { "\"7\": ", "\"8\": \"own-traces\",\n\"7\": ", 9,
          "note (8) is in no cell" },

        /* a word among many of the same */

        { "\"TD3.1\", \"cells\": [\"oui\"", "\"TD3.1\", \"cells\": [\"ouii\"",
          13, "\"ouii\" is not \"oui\", \"non\" or \"oui(N)\"" },
        { "\"oui(7)\"", "\"Oui\"", 14, "\"Oui\"" },
        { "\"oui(7)\"", "\"oui \"", 14, "\"oui \"" },
        { "\"oui(7)\"", "\"oui()\"", 14, "\"oui()\"" },
        { "\"oui(7)\"", "\"oui(7\"", 14, "\"oui(7\"" },
        { "\"oui(7)\"", "\"oui(7]\"", 14, "\"oui(7]\"" },
        { "\"oui(7)\"", "\"non(7)\"", 14, "\"non(7)\"" },
        { "\"oui(7)\"", "\"oui(9)\"", 14, "note (9) is not in \"notes\"" },
        { "\"7\": ", "\"77\": ", 14, "note (7) is not in \"notes\"" },
        { "\"oui(7)\"", "\"oui(07)\"", 14, "note (07) is not in \"notes\"" },
        { "\"oui(7)\"", "\"oui\"", 9, "note (7) is in no cell" },

        /* a condition that no rule would look at */

        { "\"oui(7)\"", "\"oui(6)\"", 14, "note (6): \"own-documents\" is no "
          "condition that the right \"deposit\" can have" },
        { "\"deposit\"", "\"read-archived\"", 14, "\"imputed-to-structure\" "
          "is no condition that the right \"read-archived\" can have" },
        { "\"delete\"", "\"check\"", 15, "the right \"check\"" },
        { "\"delete\"", "\"read-deleted\"", 15, "\"own-documents\" is no "
          "condition that the right \"read-deleted\" can have" },
        { "\"own-documents\"", "\"masked-if-allowed\"", 15,
          "\"masked-if-allowed\" is no condition" },
        { "\"own-documents\"", "\"new-authorisations-only\"", 15,
          "\"new-authorisations-only\" is no condition" },
        { "\"own-documents\"", "\"own-traces\"", 15,
          "\"own-traces\" is no condition" },
        { "\"oui(7)\"", "true", 14, "an element of \"cells\"" },
        { "\"TD0.2 existence\", \"cells\": [\"oui\", ",
          "\"TD0.2 existence\", \"cells\":\n[", 13,
          "\"cells\" of row \"TD0.2 existence\" has 2 words, the table has 3 "
          "columns" },
        { "\"non\", \"oui(7)\"", "\"non\", \"oui(7)\", \"non\"", 14,
          "\"TD2.1\" has 4 words" },
        { "[\"oui\", \"oui\", \"oui\"]", "{}", 12, "\"cells\" is not a list" },

        { "\"right\": \"search\"", "\"right\": \"serch\"", 13,
          "\"serch\" is not a right" },
        { "\"right\": \"search\"", "\"right\": \"check\"", 13,
          "the right \"check\" has a second row" },
        { ", \"row\": \"TD2.1\"", "", 14, "no member \"row\" in \"rows\"" },
        { "\"row\": \"TD2.1\"", "\"row\": \"\"", 14, "\"row\"" },
    };
    static const refused_t  reinforced[] = {
        { "\"reinforced\"", "\"direct\"", 3,
          "the table \"direct\" is in another file already" },
        { "    {\"right\": \"check\", \"row\": \"TD0.2\", \"cells\": [\"oui\"]"
          "}\n", "", 8, "\"rows\" is an empty list" },
    };
    static const refused_t  more[] = {
        { "\"MED_normal\"", "\"PATIENT\"", 9, "another file has the right "
          "\"history\" for the column \"PATIENT\"" },

        /* a cell that says no is a cell */

        { "\"MED_normal\"", "\"OPERATOR\"", 9, "the column \"OPERATOR\"" },
    };

    (void) state;
    refused("direct.json", direct);
    refused("reinforced.json", reinforced);
    refused("more.json", more);
}


static void
test_types(void **state)
{
    static const refused_t  table[] = {
        { "\"id\": \"a05\"", "\"id\": \"loinc\"", 6,
          "the id \"loinc\" is given twice" },
        { "\"urn:oid:1.2.250.1.213.1.1.4.12\"", "\"http://loinc.org\"", 6,
          "the system \"http://loinc.org\" is given twice" },
        { "\"urn:oid:2.16.840.1.113883.6.1\"", "\n\"http://loinc.org\"", 6,
          "the system \"http://loinc.org\" is given twice" },
        { "[\"urn:oid:1.2.250.1.213.1.1.4.12\"]", "[]", 6,
          "\"names\" is an empty list" },
        { "{\"system\": \"a05\"", "{\"system\": \"a06\"", 11,
          "\"a06\" is not the id of one of \"systems\"" },
        { "\"PSY\"", "\"57833-6\"", 11,
          "the type \"57833-6\" is given twice" },
        { "\"class\": \"43\", ", "", 10, "no member \"class\" in \"types\"" },
        { "\"patient_deposits\": true", "\"patient_deposits\": \"yes\"", 11,
          "\"patient_deposits\" is not true or false" },
        { "\"code\": \"57833-6\"", "\"code\": 57833", 10, "\"code\"" },
    };

    (void) state;
    refused("types.json", table);
}


static void
test_matrix(void **state)
{
    static const refused_t  table[] = {
        { "\"2023-10-29\"", "\"2023-02-29\"", 4,
          "\"2023-02-29\" is not a day" },
        { "\"2023-10-29\"", "\"29/10/2023\"", 4, "\"29/10/2023\"" },
        { "\"2023-10-29\"", "\"2018-01-01\"", 4,
          "another matrix is from \"2018-01-01\" too" },
        { "\"code\": \"60\"", "\"code\": \"99\"", 8,
          "\"99\" of \"G15\" is not in the file of the professions" },
        { "\"system\": \"G15\", \"code\": \"10\"",
          "\"system\": \"G16\", \"code\": \"10\"", 7,
          "\"10\" of \"G16\" is in training" },
        { "\"code\": \"60\"", "\"code\": \"10\"", 8,
          "\"10\" of \"G15\" has a second row" },
        { "\"default\": \"deny\"", "\"default\": \"no\"", 8,
          "\"no\" is not a \"default\": it is \"deny\" or \"allow\"" },
        { "\"unknown\": \"deny\", \"types\": [\"57833-6\"",
          "\"types\": [\"57833-6\"", 8, "no member \"unknown\" in \"rows\"" },
        { "\"unknown\": \"deny\"", "\"unknown\": false", 7, "\"unknown\"" },
        { "\"57833-6\", \"PSY\"", "\"57833-6\",\n\"PSI\"", 9,
          "\"PSI\" is not a type" },
        { "\"57833-6\", \"PSY\"", "\"57833-6\", \"57833-6\"", 8,
          "the type \"57833-6\" is given twice" },
        { "\"ours\": true", "\"ours\": 1", 8, "\"ours\"" },
    };

    (void) state;
    refused("new.json", table);
}


static void
test_labels(void **state)
{
    static const refused_t  table[] = {
        { "\"A08\"", "\"urn:oid:2.16.840.1.113883.5.25\"", 4, "given twice" },
        { "[\"urn:oid:2.16.840.1.113883.5.25\", \"A08\"]", "[]", 4,
          "\"systems\" is an empty list" },
        { "\"BOTH\"", "\"N\"", 8, "the label \"N\" is given twice" },
        { "[\"professionals\"]", "[\"professional\"]", 7,
          "\"professional\" is not a reader" },
        { "\"patient\", \"representatives\"", "\"patient\", \"patient\"", 8,
          "\"patient\" is given twice" },
        { "[\"professionals\"]", "\"professionals\"", 7,
          "\"hides_from\" is not a list" },
        { ", \"hides_from\": []", "", 6,
          "no member \"hides_from\" in \"labels\"" },
    };

    (void) state;
    refused("labels.json", table);
}


static void
test_exclusions(void **state)
{
    static const refused_t  table[] = {
        { ", \"sector\": {\"system\": \"R02\", \"code\": \"SA23\"}, "
          "\"activity\": {\"system\": \"R22\", \"code\": \"A1\"}", "", 4,
          "\"assureur\" has none of" },
        { "{\"system\": \"R02\", \"code\": \"SA23\"}", "\"SA23\"", 4,
          "\"sector\" is not an object" },
        { "{\"system\": \"R01\", \"code\": \"SM25\"}", "{\"code\": \"SM25\"}",
          7, "no member \"system\" in \"specialty\"" },
        { "{\"system\": \"R01\", \"code\": \"SM25\"}",
          "{\"system\": \"R01\", \"code\": \"\"}", 7, "\"code\"" },
        { "\"name\": \"travail\", ", "", 7,
          "no member \"name\" in \"occupational_doctors\"" },
        { "  \"occupational_doctors\": [", "  \"occupational_doctors\": 1, "
          "\"x\": [", 6, "unknown member \"x\"" },
        { "  \"excluded\": [", "  \"excluded\": [5,", 3,
          "an element of \"excluded\"" },
    };

    (void) state;
    refused("exclusions.json", table);
}


/* Strings of 512 bytes; what is longer is shown as far as a line goes. */
static void
test_long_words(void **state)
{
    char    word[1024], *text;
    size_t  i;

    static char  to[1200];

    (void) state;

    for (i = 0; i < 512; i++) {
        memcpy(word + 2 * i, "\xc3\xa9", 2);
    }

    (void) snprintf(to, sizeof(to), "\"code\": \"x%.514s\"", word);
    text = changed("types.json", "\"code\": \"PSY\"", to);
    refused_at("types.json", text, strlen(text), DMP_E_LIMIT, "types.json", 11,
               "\"code\" is longer than 512 bytes");
    free(text);

    /* cut between two characters, and the sentence ends */

    for (i = 0; i < 2; i++) {
        (void) snprintf(to, sizeof(to), "\"system\": \"%s%.510s\"",
                        i == 0 ? "" : "x", word);
        text = changed("types.json", "\"system\": \"a05\"", to);
        (void) snprintf(to, sizeof(to), "\"%s%.*s...\" is not the id of one "
                        "of \"systems\"", i == 0 ? "" : "x", 64 - 2 * (int) i,
                        word);
        refused_at("types.json", text, strlen(text), DMP_E_SYNTAX,
                   "types.json", 11, to);
        free(text);
    }

    /* what a terminal would obey */

    text = changed("types.json", "\"system\": \"a05\"",
                   "\"system\": \"a\\u001b[2J\\u009b\\n\"");
    refused_at("types.json", text, strlen(text), DMP_E_SYNTAX, "types.json",
               11, "\"a?[2J???\" is");
    free(text);
}


/* Cut anywhere, or without any one byte: read or refused, and no leak. */
static void
test_cut(void **state)
{
    char          *copy;
    size_t         i, k, len;
    const char    *name, *text;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    (void) state;

    for (k = 0; k < POLICY_TEXTS; k++) {
        name = policy_texts[k].name;
        text = policy_texts[k].text;
        len = strlen(text);

        for (i = 0; i + 2 < len; i += 7) {
            assert_int_equal(load_text(name, text, i, &policy, &error),
                             DMP_E_SYNTAX);
            assert_string_equal(error.file, name);
            assert_true(error.line != 0);
        }

        copy = malloc(len);
        assert_non_null(copy);

        for (i = 0; i < len; i++) {
            memcpy(copy, text, i);
            memcpy(copy + i, text + i + 1, len - i - 1);
            (void) load_text(name, copy, len - 1, &policy, &error);
            dmp_policy_free(policy);
        }

        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_file_limits),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_unknown_members),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_professions),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
