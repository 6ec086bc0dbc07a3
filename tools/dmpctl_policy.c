/*
 * dmpctl_policy.c: says whether a policy is right, and what it holds.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "dmpctl.h"
#include "explain_seen.h"
#include "policy_files.h"


static unsigned
check_bits(uint64_t bits)
{
    return (unsigned) __builtin_popcountll(bits);
}


static json_t *
check_chains(const dmp_policy_t *policy)
{
    size_t  i, test, n[3] = { 0, 0, 0 };

    test = 0;

    for (i = 0; i < policy->n_chains; i++) {
        n[policy->chains[i].role <= DMP_CHAIN_ORGANISATIONS
          ? policy->chains[i].role : DMP_CHAIN_NONE]++;
        test += policy->chains[i].test ? 1 : 0;
    }

    return json_pack("{s:I,s:I,s:I,s:b}",
                     "persons", (json_int_t) n[DMP_CHAIN_PERSONS],
                     "organisations", (json_int_t) n[DMP_CHAIN_ORGANISATIONS],
                     "test", (json_int_t) test,
                     "test_accepted", policy->settings.test_chains ? 1 : 0);
}


static json_t *
check_feeders(const dmp_policy_t *policy)
{
    size_t               i;
    json_t              *list;
    const dmp_feeder_t  *f;

    list = json_array();

    for (i = 0; i < policy->n_feeders; i++) {
        f = &policy->feeders[i];
        (void) json_array_append_new(list,
                                     json_pack("{s:s%,s:s%}",
                                               "name", f->name.data,
                                               f->name.len, "structure",
                                               f->structure.data,
                                               f->structure.len));
    }

    return list;
}


static json_t *
check_professions(const dmp_policy_t *policy)
{
    size_t                   i, kind, n[4] = { 0, 0, 0, 0 }, training;
    const dmp_profession_t  *p;

    training = 0;

    for (i = 0; i < policy->n_professions; i++) {
        p = &policy->professions[i];

        if (p->training) {
            training++;

        } else {
            kind = p->kind <= DMP_PROFESSION_OTHER ? p->kind
                                                   : DMP_PROFESSION_NONE;
            n[kind]++;
        }
    }

    return json_pack("{s:I,s:I,s:I,s:I,s:I}",
                     "doctor", (json_int_t) n[DMP_PROFESSION_DOCTOR],
                     "health", (json_int_t) n[DMP_PROFESSION_HEALTH],
                     "other", (json_int_t) n[DMP_PROFESSION_OTHER],
                     "training", (json_int_t) training,
                     "titles", (json_int_t) policy->n_titles);
}


/* How many cells say "oui", and how many of those under a condition. */
static json_t *
check_table(const dmp_policy_t *policy, dmp_table_id_t id)
{
    unsigned            column, condition, allows, under;
    const dmp_table_t  *t;
    const dmp_cells_t  *cells;

    t = &policy->tables[id];
    allows = 0;
    under = 0;

    for (column = 0; column < DMP_COLUMN_MAX; column++) {
        cells = &t->columns[column];
        allows += check_bits(cells->allows);

        for (condition = DMP_CONDITION_NONE + 1;
             condition < DMP_CONDITION_MAX; condition++)
        {
            under += check_bits(cells->under[condition]);
        }
    }

    return json_pack("{s:s,s:s%,s:i,s:i,s:i}",
                     "table", dmp_table_names.names[id],
                     "name", t->name.data, t->name.len,
                     "rows", (int) check_bits(t->rows),
                     "allowing", (int) allows,
                     "conditional", (int) under);
}


static json_t *
check_tables(const dmp_policy_t *policy)
{
    unsigned   i;
    json_t    *list;

    list = json_array();

    for (i = DMP_TABLE_NONE + 1; i < DMP_TABLE_MAX; i++) {
        (void) json_array_append_new(list, check_table(policy, i));
    }

    return list;
}


static json_t *
check_types(const dmp_policy_t *policy)
{
    size_t  i, deposits;

    deposits = 0;

    for (i = 0; i < policy->n_types; i++) {
        deposits += policy->types[i].patient_deposits ? 1 : 0;
    }

    return json_pack("{s:I,s:I,s:I}",
                     "types", (json_int_t) policy->n_types,
                     "systems", (json_int_t) policy->n_type_systems,
                     "patient_deposits", (json_int_t) deposits);
}


static json_t *
check_matrix(const dmp_policy_t *policy, const dmp_matrix_t *m)
{
    char                     from[11];
    size_t                   i, rows;
    json_t                  *ours;
    const dmp_profession_t  *p;

    rows = 0;
    ours = json_array();
    explain_day(m->from, from);

    for (i = 0; i < policy->n_professions; i++) {
        p = &policy->professions[i];

        if (p->training || !m->rows[i].published) {
            continue;
        }

        rows++;

        if (m->rows[i].ours) {
            (void) json_array_append_new(ours, json_stringn(p->name.data,
                                                            p->name.len));
        }
    }

    return json_pack("{s:s%,s:s,s:I,s:o}",
                     "name", m->name.data, m->name.len, "from", from,
                     "rows", (json_int_t) rows, "ours", ours);
}


static json_t *
check_matrices(const dmp_policy_t *policy)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < policy->n_matrices; i++) {
        (void) json_array_append_new(list,
                                     check_matrix(policy,
                                                  &policy->matrices[i]));
    }

    return list;
}


static json_t *
check_exclusions(const dmp_exclusion_t *e, size_t n)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(list, json_stringn(e[i].name.data,
                                                        e[i].name.len));
    }

    return list;
}


static json_t *
check_settings(const dmp_settings_t *s)
{
    return json_pack("{s:b,s:b,s:s,s:s,s:i,s:i,s:i,s:i}",
                     "ins_key", s->ins_key ? 1 : 0,
                     "test_chains", s->test_chains ? 1 : 0,
                     "occupational_doctors",
                     s->occupational_table ? "table" : "none",
                     "training_cards", s->training_reads ? "read" : "none",
                     "justification_characters", (int) s->justification_min,
                     "invisible_to_patient_months", (int) s->invisible_months,
                     "authorisation_days", (int) s->authorisation_days,
                     "emergency_notice_minutes",
                     (int) s->emergency_notice_minutes);
}


static json_t *
check_summary(const dmp_policy_t *policy)
{
    return json_pack("{s:s%,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o}",
                     "digest", policy->digest, sizeof(policy->digest),
                     "chains", check_chains(policy),
                     "feeders", check_feeders(policy),
                     "professions", check_professions(policy),
                     "tables", check_tables(policy),
                     "types", check_types(policy),
                     "matrices", check_matrices(policy),
                     "labels", (json_int_t) policy->n_labels,
                     "excluded", check_exclusions(policy->exclusions,
                                                  policy->n_exclusions),
                     "occupational_doctors",
                     check_exclusions(policy->occupational,
                                      policy->n_occupational),
                     "settings", check_settings(&policy->settings));
}


static long long
check_number(json_t *object, const char *name)
{
    return (long long) json_integer_value(json_object_get(object, name));
}


static const char *
check_text(json_t *object, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}


/* One to a line: names have commas. */
static void
check_print_list(const char *title, json_t *list, const char *none)
{
    size_t   i;
    json_t  *item;

    json_array_foreach(list, i, item) {
        printf("%-12s %s\n", title, json_string_value(item));
    }

    if (json_array_size(list) == 0) {
        printf("%-12s %s\n", title, none);
    }
}


static void
check_print_who(json_t *summary)
{
    size_t   i;
    json_t  *part, *item;

    part = json_object_get(summary, "chains");
    printf("chains       %lld of persons, %lld of organisations; %lld of them "
           "TEST, which are %s\n", check_number(part, "persons"),
           check_number(part, "organisations"), check_number(part, "test"),
           json_is_true(json_object_get(part, "test_accepted"))
           ? "ACCEPTED: not for production" : "refused");

    part = json_object_get(summary, "feeders");

    json_array_foreach(part, i, item) {
        printf("feeder       %s: %s\n", check_text(item, "structure"),
               check_text(item, "name"));
    }

    if (json_array_size(part) == 0) {
        printf("feeder       none\n");
    }
}


static void
check_print_parts(json_t *summary)
{
    json_t  *part;

    part = json_object_get(summary, "professions");
    printf("professions  %lld doctor, %lld health, %lld other, %lld in "
           "training; %lld titles\n", check_number(part, "doctor"),
           check_number(part, "health"), check_number(part, "other"),
           check_number(part, "training"), check_number(part, "titles"));

    part = json_object_get(summary, "types");
    printf("types        %lld, under %lld code systems; %lld for a patient to "
           "deposit\n", check_number(part, "types"),
           check_number(part, "systems"),
           check_number(part, "patient_deposits"));
    printf("labels       %lld\n", check_number(summary, "labels"));
    check_print_list("excluded", json_object_get(summary, "excluded"),
                     "nobody");
    check_print_list("occupational",
                     json_object_get(summary, "occupational_doctors"),
                     "nobody is known as such");
}


static void
check_print_tables(json_t *summary)
{
    size_t   i;
    json_t  *item, *ours;

    json_array_foreach(json_object_get(summary, "tables"), i, item) {
        printf("table        %s: %s: %lld rows, %lld cells allow, %lld of them "
               "under a condition\n", check_text(item, "table"),
               check_text(item, "name"), check_number(item, "rows"),
               check_number(item, "allowing"),
               check_number(item, "conditional"));
    }

    json_array_foreach(json_object_get(summary, "matrices"), i, item) {
        ours = json_object_get(item, "ours");
        printf("matrix       from %s: %s: %lld rows\n",
               check_text(item, "from"), check_text(item, "name"),
               check_number(item, "rows"));
        check_print_list("row of ours", ours, "none");
    }
}


static void
check_print(const char *path, json_t *summary)
{
    json_t      *settings, *value;
    const char  *key;

    printf("%s is right\n", path);
    printf("digest       %s\n", check_text(summary, "digest"));
    check_print_who(summary);
    check_print_parts(summary);
    check_print_tables(summary);

    settings = json_object_get(summary, "settings");

    json_object_foreach(settings, key, value) {
        printf("setting      %s: ", key);

        if (json_is_integer(value)) {
            printf("%lld\n", (long long) json_integer_value(value));

        } else {
            printf("%s\n", json_is_string(value) ? json_string_value(value)
                           : json_is_true(value) ? "true" : "false");
        }
    }
}


/* What cannot be opened is not wrong: nobody could look at it. */
static bool
check_readable(const char *path)
{
    FILE         *f;
    struct stat   st;

    f = fopen(path, "r");

    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
        tool_error("%s: %s", path, strerror(EISDIR));
        (void) fclose(f);                /* nothing was read */
        return false;
    }

    (void) fclose(f);                    /* nothing was read */

    return true;
}


int
dmpctl_policy_check(int argc, char **argv)
{
    bool                 json;
    json_t              *summary;
    tool_list_t          words;
    dmp_policy_t        *policy;
    const tool_option_t  options[] = {
        { "--json", &json, NULL, NULL },
        { NULL,     NULL,  NULL, NULL }
    };

    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (!check_readable(words.item[0])) {
        return TOOL_FAILED;
    }

    if (!tool_policy(words.item[0], &policy)) {
        return TOOL_NO;
    }

    summary = check_summary(policy);
    dmp_policy_free(policy);

    if (summary == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    if (json) {
        (void) json_dumpf(summary, stdout, JSON_COMPACT);  /* ferror() tells */
        printf("\n");

    } else {
        check_print(words.item[0], summary);
    }

    json_decref(summary);

    return TOOL_DONE;
}
