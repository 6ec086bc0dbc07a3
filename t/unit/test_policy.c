/*
 * test_policy.c: a policy is read whole and compiled to what the rules look
 * up; its limits hold, and want of memory is told and leaks nothing.
 */

#include <jansson.h>
#include <openssl/evp.h>

#include <dmp/dmp_document.h>

#include "policy_texts.h"


#define S(literal)    dmp_string(literal)
#define CODE(s, c)    ((dmp_code_t) { dmp_string(s), dmp_string(c) })


static dmp_policy_t *
load_changed(const char *name, const char *from, const char *to)
{
    char          *text;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    text = changed(name, from, to);

    if (load_text(name, text, strlen(text), &policy, &error) != DMP_OK) {
        fail_msg("%s:%u: %s", error.file, error.line, error.text);
    }

    free(text);
    return policy;
}


static void
test_who(void **state)
{
    dmp_error_t              error;
    dmp_policy_t            *policy;
    const dmp_title_t       *title;
    const dmp_exclusion_t   *e;
    const dmp_profession_t  *p;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    assert_int_equal(policy->n_chains, 2);
    assert_int_equal(policy->chains[0].role, DMP_CHAIN_PERSONS);
    assert_int_equal(policy->chains[1].role, DMP_CHAIN_ORGANISATIONS);
    assert_int_equal(policy->chains[1].n_entries, 2);
    assert_true(dmp_str_eq(policy->chains[1].issuer[1].type, S("CN")));
    assert_true(dmp_str_eq(policy->chains[1].issuer[1].value, S("B")));
    assert_int_equal(policy->n_feeders, 1);

    assert_int_equal(policy->n_professions, 4);
    p = policy->professions;

    assert_true(p[0].training && !p[1].training && !p[2].training);
    assert_int_equal(p[0].kind, DMP_PROFESSION_DOCTOR);
    assert_int_equal(p[1].kind, DMP_PROFESSION_DOCTOR);
    assert_int_equal(p[2].kind, DMP_PROFESSION_HEALTH);
    assert_int_equal(p[3].kind, DMP_PROFESSION_OTHER);
    assert_int_equal(p[0].row, 1);
    assert_int_equal(p[1].row, 1);
    assert_int_equal(p[3].row, 3);
    assert_true(dmp_str_eq(p[3].name, S("Assistant")));

    assert_int_equal(policy->n_titles, 3);
    title = policy->titles;
    assert_true(dmp_str_eq(title[0].title, S("M\xc3\xa9" "decin")));
    assert_true(dmp_str_eq(title[1].title, S("Docteur")));
    assert_true(dmp_str_eq(title[1].profession.system, S("G15")));
    assert_true(dmp_str_eq(title[1].profession.code, S("10")));
    assert_true(dmp_str_eq(title[2].profession.system, S("R94")));

    assert_int_equal(policy->n_exclusions, 1);
    assert_int_equal(policy->n_occupational, 1);
    e = policy->exclusions;
    assert_true(dmp_str_eq(e->name, S("assureur")));
    assert_true(dmp_str_eq(e->sector.system, S("R02")));
    assert_true(dmp_str_eq(e->sector.code, S("SA23")));
    assert_true(dmp_str_eq(e->activity.code, S("A1")));
    assert_int_equal(e->profession.code.len, 0);
    assert_int_equal(e->specialty.code.len, 0);
    e = policy->occupational;
    assert_true(dmp_str_eq(e->profession.code, S("10")));
    assert_true(dmp_str_eq(e->specialty.code, S("SM25")));
    assert_int_equal(e->sector.code.len, 0);

    dmp_policy_free(policy);
    dmp_policy_free(NULL);
}


static void
test_tables(void **state)
{
    uint64_t            check, search, deposit, delete, history, reopen;
    dmp_error_t         error;
    dmp_policy_t       *policy;
    const dmp_cells_t  *c;
    const dmp_table_t  *t;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    check = dmp_right_bit(DMP_RIGHT_CHECK);
    search = dmp_right_bit(DMP_RIGHT_SEARCH);
    deposit = dmp_right_bit(DMP_RIGHT_DEPOSIT);
    delete = dmp_right_bit(DMP_RIGHT_DELETE);
    history = dmp_right_bit(DMP_RIGHT_HISTORY);
    reopen = dmp_right_bit(DMP_RIGHT_REOPEN);

    t = &policy->tables[DMP_TABLE_DIRECT];
    assert_true(dmp_str_eq(t->name, S("T1")));
    assert_true(dmp_str_eq(t->source, S("S1")));
    assert_true(t->rows == (check | search | deposit | delete));
    assert_true(dmp_str_eq(t->row_names[DMP_RIGHT_DELETE], S("TD3.3c")));
    assert_int_equal(t->row_names[DMP_RIGHT_READ].len, 0);

    c = t->columns;
    assert_true(c[DMP_COLUMN_MED_NORMAL].allows
                == (check | search | deposit | delete));
    assert_true(c[DMP_COLUMN_PS_NORMAL].allows == (check | search | delete));
    assert_true(c[DMP_COLUMN_ES_NORMAL].allows == (check | deposit));
    assert_true(c[DMP_COLUMN_PATIENT].allows == 0);
    assert_true(c[DMP_COLUMN_MED_NORMAL].under[DMP_CONDITION_AUTHOR]
                == delete);
    assert_true(c[DMP_COLUMN_PS_NORMAL].under[DMP_CONDITION_AUTHOR] == delete);
    assert_true(c[DMP_COLUMN_ES_NORMAL].under[DMP_CONDITION_AUTHOR] == 0);
    assert_true(c[DMP_COLUMN_ES_NORMAL].under[DMP_CONDITION_IMPUTED]
                == deposit);
    assert_true(c[DMP_COLUMN_MED_NORMAL].under[DMP_CONDITION_NONE] == 0);

    t = &policy->tables[DMP_TABLE_REINFORCED];
    assert_true(t->rows == check);
    assert_true(t->columns[DMP_COLUMN_PE_NORMAL].allows == check);

    /* ours, of two files: the first one names it */

    t = &policy->tables[DMP_TABLE_OWN];
    assert_true(dmp_str_eq(t->name, S("T3")));
    assert_true(t->rows == (history | reopen));
    assert_true(dmp_str_eq(t->row_names[DMP_RIGHT_HISTORY], S("history")));

    c = t->columns;
    assert_true(c[DMP_COLUMN_PATIENT].allows == (history | reopen));
    assert_true(c[DMP_COLUMN_OPERATOR].allows == reopen);
    assert_true(c[DMP_COLUMN_MED_NORMAL].allows == history);
    assert_true(c[DMP_COLUMN_MED_NORMAL].under[DMP_CONDITION_OWN_TRACES]
                == history);

    /* a table's own rows, and ours where it has none */

    c = policy->cells[DMP_TABLE_DIRECT];
    assert_true(c[DMP_COLUMN_MED_NORMAL].allows
                == (check | search | deposit | delete | history));
    assert_true(c[DMP_COLUMN_MED_NORMAL].under[DMP_CONDITION_AUTHOR]
                == delete);
    assert_true(c[DMP_COLUMN_MED_NORMAL].under[DMP_CONDITION_OWN_TRACES]
                == history);
    assert_true(c[DMP_COLUMN_OPERATOR].allows == reopen);
    assert_true(c[DMP_COLUMN_NONE].allows == 0);
    c = policy->cells[DMP_TABLE_REINFORCED];
    assert_true(c[DMP_COLUMN_PE_NORMAL].allows == check);
    assert_true(c[DMP_COLUMN_MED_NORMAL].allows == history);
    c = policy->cells[DMP_TABLE_OWN];
    assert_true(c[DMP_COLUMN_PATIENT].allows == (history | reopen));
    assert_true(policy->cells[DMP_TABLE_NONE][DMP_COLUMN_PATIENT].allows == 0);

    dmp_policy_free(policy);
}


static void
test_settings(void **state)
{
    dmp_error_t            error;
    dmp_policy_t          *policy;
    const dmp_settings_t  *s;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    s = &policy->settings;
    assert_true(s->ins_key);
    assert_false(s->test_chains);
    assert_false(s->occupational_table);
    assert_false(s->training_reads);
    assert_int_equal(s->justification_min, 10);
    assert_int_equal(s->invisible_months, 1);
    assert_int_equal(s->authorisation_days, 365);
    assert_int_equal(s->emergency_notice_minutes, 15);
    dmp_policy_free(policy);

    policy = load_changed("policy.json", "\"types\"", "\"settings\": {"
                          "\"ins_key\": false, \"test_chains\": true, "
                          "\"occupational_doctors\": \"table\", "
                          "\"training_cards\": \"read\", "
                          "\"justification_characters\": 1000, "
                          "\"invisible_to_patient_months\": 0, "
                          "\"authorisation_days\": 3660, "
                          "\"emergency_notice_minutes\": 0}, \"types\"");
    s = &policy->settings;
    assert_false(s->ins_key);
    assert_true(s->test_chains);
    assert_true(s->occupational_table);
    assert_true(s->training_reads);
    assert_int_equal(s->justification_min, 1000);
    assert_int_equal(s->invisible_months, 0);
    assert_int_equal(s->authorisation_days, 3660);
    assert_int_equal(s->emergency_notice_minutes, 0);
    dmp_policy_free(policy);

    policy = load_changed("policy.json", "\"types\"", "\"settings\": {"
                          "\"occupational_doctors\": \"none\", "
                          "\"training_cards\": \"none\"}, \"types\"");
    assert_true(policy->settings.ins_key);
    assert_false(policy->settings.test_chains);
    assert_false(policy->settings.occupational_table);
    assert_false(policy->settings.training_reads);
    dmp_policy_free(policy);
}


static void
test_find_profession(void **state)
{
    dmp_error_t    error;
    dmp_policy_t  *policy;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    /* one code in three systems is three professions, or none */

    assert_ptr_equal(dmp_policy_profession(policy, CODE("G15", "10")),
                     &policy->professions[1]);
    assert_ptr_equal(dmp_policy_profession(policy, CODE("G16", "10")),
                     &policy->professions[0]);
    assert_ptr_equal(dmp_policy_profession(policy, CODE("R94", "60")),
                     &policy->professions[3]);
    assert_null(dmp_policy_profession(policy, CODE("R94", "10")));
    assert_null(dmp_policy_profession(policy, CODE("G15", "1")));
    assert_null(dmp_policy_profession(policy, CODE("G15", "100")));
    assert_null(dmp_policy_profession(policy, CODE("g15", "10")));
    assert_null(dmp_policy_profession(policy, (dmp_code_t) {
                                      dmp_null_string, dmp_null_string }));
    assert_null(dmp_policy_profession(policy, (dmp_code_t) {
                                      dmp_null_string, S("10") }));

    dmp_policy_free(policy);
}


static void
test_find_type(void **state)
{
    bool           same;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    assert_ptr_equal(dmp_policy_type(policy, CODE("http://loinc.org",
                                                  "11488-4"), &same),
                     &policy->types[0]);
    assert_true(same);
    assert_ptr_equal(dmp_policy_type(policy,
                                     CODE("urn:oid:2.16.840.1.113883.6.1",
                                          "57833-6"), &same),
                     &policy->types[1]);
    assert_true(same);

    /* whatever its system, and it is told */

    assert_ptr_equal(dmp_policy_type(policy, CODE("http://loinc.org", "PSY"),
                                     &same), &policy->types[2]);
    assert_false(same);
    same = true;
    assert_ptr_equal(dmp_policy_type(policy, (dmp_code_t) { dmp_null_string,
                                     S("PSY") }, &same), &policy->types[2]);
    assert_false(same);
    same = true;
    assert_null(dmp_policy_type(policy, CODE("http://loinc.org", "11488-5"),
                                &same));
    assert_false(same);
    assert_null(dmp_policy_type(policy, (dmp_code_t) { dmp_null_string,
                                dmp_null_string }, &same));

    assert_true(dmp_str_eq(policy->types[1].code.system,
                           S("http://loinc.org")));
    assert_true(dmp_str_eq(policy->types[1].class_code, S("43")));
    assert_false(policy->types[1].patient_deposits);
    assert_true(policy->types[2].patient_deposits);

    dmp_policy_free(policy);
}


static void
test_find_matrix(void **state)
{
    int32_t                  day;
    dmp_error_t              error;
    dmp_policy_t            *policy;
    const dmp_type_t        *type;
    const dmp_matrix_t      *m;
    const dmp_matrix_row_t  *row;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    assert_true(dmp_day_parse(S("2023-10-29"), &day));
    assert_int_equal(policy->n_matrices, 2);
    m = dmp_policy_matrix(policy, day);
    assert_ptr_equal(m, &policy->matrices[0]);
    assert_true(dmp_str_eq(m->name, S("New")));
    assert_int_equal(m->from, day);
    assert_ptr_equal(dmp_policy_matrix(policy, INT32_MAX), m);
    assert_true(dmp_str_eq(dmp_policy_matrix(policy, day - 1)->name,
                           S("Old")));

    assert_true(dmp_day_parse(S("2018-01-01"), &day));
    assert_ptr_equal(dmp_policy_matrix(policy, day), &policy->matrices[1]);
    assert_null(dmp_policy_matrix(policy, day - 1));
    assert_null(dmp_policy_matrix(policy, INT32_MIN));

    /* the types listed do not follow the default */

    type = policy->types;
    row = &m->rows[1];
    assert_true(row->published && !row->unknown && !row->ours);
    assert_true(dmp_matrix_reads(row, policy, &type[0]));
    assert_true(dmp_matrix_reads(row, policy, &type[1]));
    assert_false(dmp_matrix_reads(row, policy, &type[2]));
    assert_true(row->reads[0] == 3);     /* no bit of a type there is not */

    row = &m->rows[2];
    assert_true(row->published && !row->unknown && row->ours);
    assert_true(row->reads[0] == 6);
    assert_true(dmp_str_eq(row->source, S("R2")));

    assert_false(m->rows[0].published);
    assert_false(m->rows[3].published);

    row = &policy->matrices[1].rows[1];
    assert_true(row->published && row->unknown);
    assert_true(row->reads[0] == 7);
    dmp_policy_free(policy);

    /* sorted, in whatever order they are named */

    policy = load_changed("policy.json", "\"old.json\", \"new.json\"",
                          "\"new.json\", \"old.json\"");
    assert_int_equal(policy->matrices[1].from, day);
    assert_true(policy->matrices[0].from > day);
    dmp_policy_free(policy);
}


static void
test_find_label(void **state)
{
    dmp_error_t    error;
    dmp_policy_t  *policy;

    (void) state;
    assert_int_equal(load_text(NULL, NULL, 0, &policy, &error), DMP_OK);

    assert_int_equal(dmp_policy_label(policy, CODE("A08", "N")), 0);
    assert_int_equal(dmp_policy_label(policy, CODE("A08", "MASQUE_PS")),
                     DMP_LABEL_MASKED);
    assert_int_equal(dmp_policy_label(policy,
                                      CODE("urn:oid:2.16.840.1.113883.5.25",
                                           "BOTH")),
                     DMP_LABEL_INVISIBLE_PATIENT
                     | DMP_LABEL_INVISIBLE_REPRESENTATIVES);

    /* not known: all that hides, were the code N */

    assert_int_equal(dmp_policy_label(policy, CODE("A09", "N")),
                     DMP_LABEL_ALL);
    assert_int_equal(dmp_policy_label(policy, CODE("A08", "n")),
                     DMP_LABEL_ALL);
    assert_int_equal(dmp_policy_label(policy, CODE("A09", "MASQUE_PS")),
                     DMP_LABEL_ALL);
    assert_int_equal(dmp_policy_label(policy, (dmp_code_t) { dmp_null_string,
                                      S("N") }), DMP_LABEL_ALL);
    assert_int_equal(dmp_policy_label(policy, (dmp_code_t) { S("A08"),
                                      dmp_null_string }), DMP_LABEL_ALL);

    dmp_policy_free(policy);
}


/* The texts in the order they are read, each behind its length. */
static void
test_digest(void **state)
{
    char           text[64];
    size_t         i, k, len;
    folder_t       f;
    dmp_buf_t      b;
    EVP_MD_CTX    *hash;
    dmp_error_t    error;
    dmp_policy_t  *policy;
    unsigned char  length[8], digest[32];

    (void) state;
    memset(&f, 0, sizeof(f));
    assert_int_equal(load(&f, &policy, &error), DMP_OK);
    assert_string_equal(f.order, "policy.json professions.json direct.json "
                        "reinforced.json own.json more.json types.json "
                        "old.json new.json labels.json exclusions.json ");

    hash = EVP_MD_CTX_new();
    assert_non_null(hash);
    assert_int_equal(EVP_DigestInit_ex(hash, EVP_sha256(), NULL), 1);

    for (i = 0; i < POLICY_TEXTS; i++) {
        len = strlen(policy_texts[i].text);

        for (k = 0; k < 8; k++) {
            length[7 - k] = (unsigned char) (len >> (8 * k));
        }

        assert_int_equal(EVP_DigestUpdate(hash, length, 8), 1);
        assert_int_equal(EVP_DigestUpdate(hash, policy_texts[i].text, len), 1);
    }

    assert_int_equal(EVP_DigestFinal_ex(hash, digest, NULL), 1);
    EVP_MD_CTX_free(hash);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_base64url(&b, digest, sizeof(digest));
    assert_int_equal(b.len, sizeof(policy->digest));
    assert_memory_equal(policy->digest, text, b.len);
    dmp_policy_free(policy);

    /* a blank in any of them is another policy */

    for (i = 0; i < POLICY_TEXTS; i++) {
        policy = load_changed(policy_texts[i].name, "{\n", "{ \n");
        assert_memory_not_equal(policy->digest, text, b.len);
        dmp_policy_free(policy);
    }
}


/* Texts of n elements, each of them another one. */
static char *
many(const char *before, const char *element, unsigned n, const char *after)
{
    char      *text;
    size_t     len, size;
    unsigned   i;

    size = strlen(before) + strlen(after) + n * (strlen(element) + 32) + 1;
    text = malloc(size);
    assert_non_null(text);
    len = (size_t) snprintf(text, size, "%s", before);

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(text + len, size - len, "%s",
                                 i == 0 ? "" : ",");
        len += (size_t) snprintf(text + len, size - len, element, i);
    }

    len += (size_t) snprintf(text + len, size - len, "%s", after);
    assert_true(len < size);

    return text;
}


typedef struct {
    const char  *file;
    const char  *from;                   /* replaced by "before … after" */
    const char  *before;
    const char  *element;
    const char  *after;
    unsigned     max;
} limit_t;


static void
test_limits(void **state)
{
    char          *list, *text;
    size_t         i;
    unsigned       over;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    static const limit_t  table[] = {
        { "policy.json", "[\n    {\"role\": \"persons\"",
          "[", "{\"role\": \"persons\", \"makes\": [\"cpe\"],"
          " \"issuer\": [[\"CN\", \"%u\"]]}",
          ", {\"role\": \"persons\"", 62 },
        { "policy.json", "\n  ]\n}", ", ", "{\"name\": \"N\","
          " \"structure\": \"2%09u\", \"source\": \"S\"}", "]}", 255 },
        { "policy.json", "[[\"C\", \"FR\"], [\"CN\", \"A\"]]",
          "[", "[\"CN\", \"%u\"]", "]", 8 },
        { "professions.json", "\n  ]\n", ", ",
          "{\"system\": \"X\", \"code\": \"%u\", \"name\": \"N\","
          " \"kind\": \"other\"}", "]", 508 },
        { "professions.json", "[\"Assistant\"]", "[", "\"%u\"", "]", 1022 },
        { "types.json", "\n  ],\n", ", ", "{\"id\": \"%1$u\", \"names\":"
          " [\"X%1$u\"]}", "],", 14 },
        { "types.json", "[\"urn:oid:1.2.250.1.213.1.1.4.12\"]",
          "[", "\"%u\"", "]", 16 },
        { "types.json", "true}\n  ]\n", "true}, ", "{\"system\": \"a05\","
          " \"code\": \"X%u\", \"class\": \"1\", \"name\": \"N\"}", "]", 509 },
        { "labels.json", "\n  ]\n", ", ", "{\"code\": \"%u\","
          " \"hides_from\": []}", "]", 253 },
        { "labels.json", "[\"urn:oid:2.16.840.1.113883.5.25\", \"A08\"]",
          "[", "\"%u\"", "]", 16 },
        { "exclusions.json", "\n  ],\n", ", ", "{\"name\": \"%u\", \"source\":"
          " \"S\", \"sector\": {\"system\": \"1\", \"code\": \"1\"}}", "],",
          255 },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        for (over = 0; over < 2; over++) {
            list = many(table[i].before, table[i].element,
                        table[i].max + over, table[i].after);

            text = changed(table[i].file, table[i].from, list);

            if (load_text(table[i].file, text, strlen(text), &policy, &error)
                != (over != 0 ? DMP_E_LIMIT : DMP_OK))
            {
                fail_msg("%s, %u elements: %s:%u: %s", table[i].element,
                         table[i].max + over, error.file, error.line,
                         error.text);
            }

            free(list);
            free(text);
            dmp_policy_free(policy);
        }
    }
}


static void
test_size(void **state)
{
    char          *text;
    size_t         i, len;
    dmp_error_t    error;
    dmp_policy_t  *policy;

    (void) state;
    text = malloc(DMP_POLICY_MAX + 1);
    assert_non_null(text);

    for (i = 0; i < POLICY_TEXTS; i++) {
        len = strlen(policy_texts[i].text);
        memset(text, ' ', DMP_POLICY_MAX + 1);
        memcpy(text, policy_texts[i].text, len);

        assert_int_equal(load_text(policy_texts[i].name, text, DMP_POLICY_MAX,
                                   &policy, &error), DMP_OK);
        dmp_policy_free(policy);

        assert_int_equal(load_text(policy_texts[i].name, text,
                                   DMP_POLICY_MAX + 1, &policy, &error),
                         DMP_E_LIMIT);
        assert_string_equal(error.file, policy_texts[i].name);
        assert_int_equal(error.line, 0);
        assert_non_null(strstr(error.text, "1048576"));
    }

    free(text);
}


/* Every type of a full table is found, and no other. */
static void
test_many_types(void **state)
{
    bool           same;
    char           code[16], *list, *text;
    size_t         i;
    dmp_policy_t  *policy;

    (void) state;
    list = many("true}, ", "{\"system\": \"a05\", \"code\": \"X%u\", "
                "\"class\": \"1\", \"name\": \"N\"}", 509, "]");
    policy = load_changed("types.json", "true}\n  ]\n", list);
    text = "urn:oid:1.2.250.1.213.1.1.4.12";

    for (i = 0; i < 2 * DMP_TYPES_MAX; i++) {
        (void) snprintf(code, sizeof(code), "X%zu", i);
        assert_ptr_equal(dmp_policy_type(policy, (dmp_code_t) {
                                         { text, strlen(text) },
                                         { code, strlen(code) } }, &same),
                         i < 509 ? &policy->types[3 + i] : NULL);
        assert_int_equal(same, i < 509);
    }

    free(list);
    dmp_policy_free(policy);
}


/* The allocation that fails, and how many there were. */
static size_t  failing, allocated;


/*
 * jansson's lex_save() does not look whether its buffer could grow, and reads
 * past its end then: to 32 and 64 bytes, with the strings that there are here.
 */
static void *
failing_malloc(size_t size)
{
    if (size == 32 || size == 64) {
        return malloc(size);
    }

    return ++allocated == failing ? NULL : malloc(size);
}


/* Whichever allocation fails, the load says so, and nothing is left behind. */
static void
test_no_memory(void **state)
{
    dmp_error_t    error;
    json_free_t    release;
    dmp_policy_t  *policy;
    json_malloc_t  allocate;

    (void) state;
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(failing_malloc, free);

    for (failing = 1; ; failing++) {
        allocated = 0;

        if (load_text(NULL, NULL, 0, &policy, &error) == DMP_OK) {
            break;
        }

        if (strcmp(error.text, "out of memory") != 0 || error.line != 0) {
            fail_msg("allocation %zu: %s:%u: %s", failing, error.file,
                     error.line, error.text);
        }
    }

    dmp_policy_free(policy);
    json_set_alloc_funcs(allocate, release);

    assert_true(allocated < failing);
    assert_true(failing > 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_who),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_find_profession),
        cmocka_unit_test(test_find_type),
        cmocka_unit_test(test_find_matrix),
        cmocka_unit_test(test_find_label),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_many_types),
        cmocka_unit_test(test_no_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
