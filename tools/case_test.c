/*
 * case_test.c: tries decision cases on a policy, and tells those that do not
 * hold.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "case.h"
#include "dmpctl.h"
#include "junit.h"
#include "policy_files.h"


#define TEST_DEPTH  16                   /* folders in folders */

typedef struct {
    char    **path;
    size_t    n;
    size_t    size;
} test_files_t;

typedef struct {
    const dmp_policy_t  *policy;
    junit_t              junit;
    json_t              *failures;       /* of --json; else NULL */
    size_t               cases;
    size_t               failed;
    size_t               unread;         /* cases, and files */
    uint64_t             decided[DMP_RULE_MAX][DMP_EFFECTS];
    uint64_t             held[DMP_RULE_MAX];
} test_t;


static bool
test_add_file(test_files_t *files, char *path)
{
    char  **larger;

    if (path == NULL) {
        tool_error("no memory");
        return false;
    }

    if (files->n == files->size) {
        files->size = files->size * 2 + 16;
        larger = realloc(files->path, files->size * sizeof(char *));

        if (larger == NULL) {
            tool_error("no memory");
            free(path);
            return false;
        }

        files->path = larger;
    }

    files->path[files->n++] = path;

    return true;
}


static void
test_free_files(test_files_t *files)
{
    size_t  i;

    for (i = 0; i < files->n; i++) {
        free(files->path[i]);
    }

    free(files->path);
}


static int
test_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}


static bool test_find(test_files_t *files, const char *path, unsigned depth);

/* What stands in a folder: its *.json, and those of its folders. */
static bool
test_find_entry(test_files_t *files, const char *folder, const char *name,
    unsigned depth)
{
    bool          ok;
    char         *path;
    size_t        len;
    struct stat   st;

    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        tool_error("no memory");
        return false;
    }

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        ok = test_find(files, path, depth + 1);
        free(path);
        return ok;
    }

    len = strlen(name);

    if (len > 5 && strcmp(name + len - 5, ".json") == 0) {
        return test_add_file(files, path);
    }

    free(path);

    return true;
}


static bool
test_find(test_files_t *files, const char *path, unsigned depth)
{
    int              i, n;
    bool             ok;
    struct stat      st;
    struct dirent  **entries;

    if (stat(path, &st) != 0) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    if (!S_ISDIR(st.st_mode)) {
        return test_add_file(files, strdup(path));
    }

    n = depth < TEST_DEPTH ? scandir(path, &entries, test_visible, alphasort)
                           : -1;

    if (n < 0) {
        tool_error("%s: %s", path, depth < TEST_DEPTH ? strerror(errno)
                                                      : "folders too deep");
        return false;
    }

    ok = true;

    for (i = 0; i < n; i++) {
        ok = ok && test_find_entry(files, path, entries[i]->d_name, depth);
        free(entries[i]);
    }

    free(entries);

    return ok;
}


/* What a decision names; obligations and "unverified" if they are compared. */
static void
test_words(dmp_buf_t *b, const dmp_decision_t *d, const case_expected_t *e)
{
    unsigned  i;

    dmp_buf_text(b, dmp_effect_name(d->effect));

    if (d->rule != DMP_RULE_NONE) {
        dmp_buf_text(b, " ");
        dmp_buf_text(b, dmp_rule_name(d->rule));
    }

    if (d->reason != DMP_REASON_NONE) {
        dmp_buf_text(b, " ");
        dmp_buf_text(b, dmp_reason_name(d->reason));
    }

    if (e->has_obligations) {
        dmp_buf_text(b, ", obligations:");

        for (i = 0; i < dmp_obligation_names.n; i++) {
            if (d->obligations & (1U << i)) {
                dmp_buf_text(b, " ");
                dmp_buf_text(b, dmp_obligation_names.names[i]);
            }
        }
    }

    if (e->has_unverified) {
        dmp_buf_text(b, d->unverified ? ", unverified" : ", not unverified");
    }
}


static void
test_failure(test_t *t, const char *path, const case_t *c,
    const dmp_decision_t *came, const dmp_step_t *steps, size_t n)
{
    size_t          i;
    char            expected[512], got[512], held[512], detail[2048];
    dmp_buf_t       b;
    dmp_decision_t  wanted;

    memset(&wanted, 0, sizeof(wanted));
    wanted.effect = c->expected.effect;
    wanted.rule = c->expected.rule;
    wanted.reason = c->expected.reason;
    wanted.obligations = c->expected.obligations;
    wanted.unverified = c->expected.unverified;

    dmp_buf_init(&b, expected, sizeof(expected) - 1);
    test_words(&b, &wanted, &c->expected);
    expected[b.len] = '\0';
    dmp_buf_init(&b, got, sizeof(got) - 1);
    test_words(&b, came, &c->expected);
    got[b.len] = '\0';
    dmp_buf_init(&b, held, sizeof(held) - 1);

    for (i = 0; i < n; i++) {
        if (steps[i].reason == DMP_REASON_NONE) {
            dmp_buf_text(&b, b.len != 0 ? " " : "");
            dmp_buf_text(&b, dmp_rule_name(steps[i].rule));
        }
    }

    held[b.len] = '\0';
    (void) snprintf(detail, sizeof(detail), "expected  %s\ncame      %s\n"
                    "held      %s", expected, got, held);
    junit_case(&t->junit, c->name, JUNIT_FAILURE, got, detail);

    if (t->failures != NULL) {
        (void) json_array_append_new(t->failures,
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "file", path,
                      "name", c->name, "about", dmp_rule_name(c->rule),
                      "expected", expected, "came", got, "held", held));
        return;
    }

    printf("%s: \"%s\"\n    expected  %s\n    came      %s\n    held      %s\n",
           path, c->name, expected, got, held);
}


static void
test_unread(test_t *t, const char *path, const char *name,
    const dmp_error_t *error)
{
    t->unread++;
    case_complain(path, name, error);
    junit_case(&t->junit, name != NULL ? name : "(the file)", JUNIT_ERROR,
               error->text, NULL);
}


static void
test_case(test_t *t, const case_file_t *file, size_t i)
{
    char             name[256];
    size_t           n, step;
    case_t           c;
    dmp_step_t       steps[DMP_RULE_MAX];
    dmp_error_t      error;
    dmp_decision_t   came;

    case_file_name(file, i, name, sizeof(name));

    if (!case_read(t->policy, file, i, &c, &error)) {
        test_unread(t, file->path, name, &error);
        return;
    }

    if (!c.expected.given) {
        (void) snprintf(error.text, sizeof(error.text),
                        "\"decision\": missing");
        test_unread(t, file->path, name, &error);
        case_free(&c);
        return;
    }

    n = dmp_explain(t->policy, &c.subject, &c.request, &c.facts, c.document,
                    c.today, &came, steps);
    t->cases++;
    t->decided[came.rule][came.effect]++;

    for (step = 0; step < n; step++) {
        t->held[steps[step].rule] += steps[step].reason == DMP_REASON_NONE;
    }

    if (case_holds(&c, &came)) {
        junit_case(&t->junit, c.name, JUNIT_PASSED, NULL, NULL);

    } else {
        t->failed++;
        test_failure(t, file->path, &c, &came, steps, n);
    }

    case_free(&c);
}


static void
test_file(test_t *t, const char *path)
{
    size_t       i;
    dmp_error_t  error;
    case_file_t  file;

    junit_suite_begin(&t->junit, path);

    if (!case_file_open(&file, path, &error)) {
        test_unread(t, path, NULL, &error);
        junit_suite_end(&t->junit);
        return;
    }

    for (i = 0; i < case_file_count(&file); i++) {
        test_case(t, &file, i);
    }

    junit_suite_end(&t->junit);
    case_file_close(&file);
}


/* {"A1":{"deny":3,"error":0,"allow":0,"held":140},…} */
static bool
test_write_counts(const test_t *t, const char *path)
{
    bool        ok;
    FILE       *f;
    unsigned    rule;

    f = fopen(path, "w");

    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    for (rule = DMP_RULE_NONE + 1; rule < DMP_RULE_MAX; rule++) {
        fprintf(f, "%s\"%s\":{\"deny\":%llu,\"error\":%llu,\"allow\":%llu,"
                "\"held\":%llu}", rule == DMP_RULE_NONE + 1 ? "{" : ",\n ",
                dmp_rule_name(rule),
                (unsigned long long) t->decided[rule][DMP_DENY],
                (unsigned long long) t->decided[rule][DMP_ERROR],
                (unsigned long long) t->decided[rule][DMP_ALLOW],
                (unsigned long long) t->held[rule]);
    }

    fputs("}\n", f);
    ok = ferror(f) == 0;
    ok = fclose(f) == 0 && ok;

    if (!ok) {
        tool_error("%s: cannot write", path);
    }

    return ok;
}


static int
test_report(test_t *t, const char *count)
{
    bool  written;

    written = junit_close(&t->junit);

    if (count != NULL) {
        written = test_write_counts(t, count) && written;
    }

    if (t->failures != NULL) {
        printf("{\"cases\":%zu,\"failed\":%zu,\"unread\":%zu,\"failures\":",
               t->cases, t->failed, t->unread);
        (void) json_dumpf(t->failures, stdout, JSON_COMPACT);
                                         /* ferror() of stdout tells */
        printf("}\n");

    } else if (t->unread != 0) {
        printf("%zu cases, %zu failed, %zu could not be read\n", t->cases,
               t->failed, t->unread);

    } else {
        printf("%zu cases, %zu failed\n", t->cases, t->failed);
    }

    if (t->cases == 0 && t->unread == 0) {
        tool_error("there are no cases there");
    }

    if (t->cases == 0 || t->unread != 0 || !written) {
        return TOOL_FAILED;
    }

    return t->failed != 0 ? TOOL_NO : TOOL_DONE;
}


static int
test_run(test_t *t, const tool_list_t *words, const char *junit,
    const char *count)
{
    bool          found;
    size_t        i;
    test_files_t  files;

    memset(&files, 0, sizeof(files));
    found = true;

    for (i = 0; i < words->n && found; i++) {
        found = test_find(&files, words->item[i], 0);
    }

    if (!found || !junit_open(&t->junit, junit)) {
        test_free_files(&files);
        return TOOL_FAILED;
    }

    for (i = 0; i < files.n; i++) {
        test_file(t, files.path[i]);
    }

    test_free_files(&files);

    return test_report(t, count);
}


int
dmpctl_policy_test(int argc, char **argv)
{
    int                   rc;
    bool                  json;
    test_t                t;
    const char           *path, *junit, *count;
    tool_list_t           words;
    dmp_policy_t         *policy;
    const tool_option_t   options[] = {
        { "--policy", NULL,  &path,  NULL },
        { "--junit",  NULL,  &junit, NULL },
        { "--count",  NULL,  &count, NULL },
        { "--json",   &json, NULL,   NULL },
        { NULL,       NULL,  NULL,   NULL }
    };

    memset(&t, 0, sizeof(t));
    path = NULL;
    junit = NULL;
    count = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n == 0) {
        return TOOL_USAGE;
    }

    if (path == NULL) {
        tool_error("--policy is needed");
        return TOOL_USAGE;
    }

    if (!tool_policy(path, &policy)) {
        return TOOL_FAILED;
    }

    t.policy = policy;
    t.failures = json ? json_array() : NULL;
    rc = test_run(&t, &words, junit, count);
    json_decref(t.failures);
    dmp_policy_free(policy);

    return rc;
}
