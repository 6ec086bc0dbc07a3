/*
 * driver.c: asks the core about many cases at once, for t/200-rules.t.
 *
 *     oracle NAME=POLICY... <SCRIPT >ANSWERS
 *
 * Each line of the script is a command:
 *
 *     names                    the names of closed lists, as JSON
 *     cells                    what each cell says, as text
 *     today DAY
 *     define DIM NAME TEXT     adds a value to a dimension
 *     reset                    no dimension varies, the base is all zero
 *     base DIM NAME            a value for all cases that follow
 *     dim DIM: NAME NAME...    a dimension that varies
 *     run                      all combinations, the last one fastest
 *     case DIM=NAME...         one case
 *     answer DIM=NAME...       what check tells of that case, as text
 *     opens DIM=NAME...        whether bris de glace opens it, as text
 *     zero WHAT                the base, with one structure all zero
 *     label SYSTEM|CODE        what it hides from, as text
 *
 * A case is answered by 6 bytes: effect, rule, reason, 1 if unverified, the
 * obligations (low byte first).  Anything not understood ends it with 2.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "case.h"


#define LINE_MAX_BYTES  65536

typedef struct {
    int     dimension;
    int    *values;
    size_t  n;
} varying_t;

static case_t     base;
static varying_t  varying[DIM_MAX];
static size_t     n_varying;
static unsigned   line_number;


static void
fail(const char *format, ...)
{
    va_list  args;

    fprintf(stderr, "oracle: line %u: ", line_number);

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);

    fputc('\n', stderr);
    exit(2);
}


/* Policies are read from the folder that the first file is in. */
typedef struct {
    char    folder[512];
    char   *texts[DMP_POLICY_FILES + 1];
    size_t  n_texts;
} folder_t;


static dmp_rc_t
folder_read(void *data, const char *name, dmp_str_t *text, dmp_error_t *error)
{
    FILE      *f;
    char      *p, path[1024];
    size_t     len;
    folder_t  *folder;

    folder = data;

    snprintf(path, sizeof(path), "%s/%s", folder->folder, name);

    p = malloc(DMP_POLICY_MAX + 1);
    f = fopen(path, "rb");

    if (p == NULL || f == NULL || folder->n_texts == count(folder->texts)) {
        free(p);
        snprintf(error->text, sizeof(error->text), "cannot be read");
        return DMP_E_INTERNAL;
    }

    len = fread(p, 1, DMP_POLICY_MAX + 1, f);
    fclose(f);

    folder->texts[folder->n_texts++] = p;
    *text = (dmp_str_t) { p, len };

    return DMP_OK;
}


static const dmp_policy_t *
policy_load(const char *path)
{
    size_t                i;
    dmp_rc_t              rc;
    folder_t              folder;
    const char           *slash;
    dmp_error_t           error;
    dmp_policy_t         *policy;
    dmp_policy_source_t   source;

    slash = strrchr(path, '/');

    if (slash == NULL || (size_t) (slash - path) >= sizeof(folder.folder)) {
        fail("%s: not FOLDER/FILE", path);
    }

    memset(&folder, 0, sizeof(folder));
    memset(&error, 0, sizeof(error));
    memcpy(folder.folder, path, (size_t) (slash - path));

    source.read = folder_read;
    source.data = &folder;

    rc = dmp_policy_load(&source, slash + 1, &policy, &error);

    for (i = 0; i < folder.n_texts; i++) {
        free(folder.texts[i]);
    }

    if (rc != DMP_OK) {
        fail("%s: %s:%u: %s", path, error.file, error.line, error.text);
    }

    return policy;
}


/* The policies are the values of the first dimension. */
static void
policies_load(int argc, char **argv)
{
    int          i;
    char        *equals;
    const char  *wrong;

    for (i = 1; i < argc; i++) {
        equals = strchr(argv[i], '=');

        if (equals == NULL || (size_t) i > count(policies)) {
            fail("give up to %zu NAME=POLICY", count(policies));
        }

        *equals = '\0';
        wrong = value_define(DIM_POLICY, argv[i], equals + 1);

        if (wrong != NULL) {
            fail("%s: %s", argv[i], wrong);
        }

        policies[i - 1] = policy_load(equals + 1);
    }

    if (argc < 2) {
        fail("give a policy");
    }
}


static int
dimension_get(const char *name)
{
    int  d;

    d = (name == NULL) ? -1 : dimension_find(name);

    if (d < 0) {
        fail("no dimension \"%s\"", name == NULL ? "" : name);
    }

    return d;
}


static int
value_get(int dimension, const char *name)
{
    int  v;

    v = (name == NULL) ? -1 : value_find(dimension, name);

    if (v < 0) {
        fail("\"%s\" is no value of %s", name == NULL ? "" : name,
             dimensions[dimension].name);
    }

    return v;
}


static void
answer(const dmp_decision_t *d)
{
    unsigned char  bytes[6];

    bytes[0] = (unsigned char) d->effect;
    bytes[1] = (unsigned char) d->rule;
    bytes[2] = (unsigned char) d->reason;
    bytes[3] = d->unverified ? 1 : 0;
    bytes[4] = (unsigned char) (d->obligations & 0xff);
    bytes[5] = (unsigned char) ((d->obligations >> 8) & 0xff);

    if (d->obligations > 0xffff) {
        fail("an obligation that this program does not know");
    }

    fwrite(bytes, sizeof(bytes), 1, stdout);
}


/* Heard once and judged with the document, it comes to the same. */
static void
judge(const scene_t *s, const dmp_decision_t *decided)
{
    dmp_hearing_t   hearing;
    dmp_decision_t  out;

    memset(&out, 0x7f, sizeof(out));
    memset(&hearing, 0x7f, sizeof(hearing));

    dmp_hear(s->policy, &s->subject, &s->request, &s->facts, today, &hearing);
    dmp_judge(&hearing, s->given, &out);

    if (out.effect != decided->effect || out.rule != decided->rule
        || out.reason != decided->reason
        || out.obligations != decided->obligations
        || out.unverified != decided->unverified)
    {
        fail("dmp_judge() and dmp_decide() do not agree");
    }
}


static void
decide(const scene_t *s)
{
    dmp_decision_t  out;

    /* what is not written shows */
    memset(&out, 0x7f, sizeof(out));
    out.unverified = true;

    dmp_decide(s->policy, &s->subject, &s->request, &s->facts, s->given,
               today, &out);
    judge(s, &out);
    answer(&out);
}


static void
run_case(const case_t c)
{
    static scene_t  scene;

    case_build(c, &scene);
    decide(&scene);
}


static void
command_run(void)
{
    case_t  c;
    size_t  at[DIM_MAX], i;

    memcpy(c, base, sizeof(c));
    memset(at, 0, sizeof(at));

    for (i = 0; i < n_varying; i++) {
        c[varying[i].dimension] = varying[i].values[0];
    }

    for ( ;; ) {
        run_case(c);

        for (i = n_varying; i > 0; i--) {
            if (++at[i - 1] == varying[i - 1].n) {
                at[i - 1] = 0;
            }

            c[varying[i - 1].dimension] = varying[i - 1].values[at[i - 1]];

            if (at[i - 1] != 0) {
                break;
            }
        }

        if (i == 0) {
            return;
        }
    }
}


/* The base, with the words of the line on top. */
static void
case_read(case_t c)
{
    int    d;
    char  *equals, *word;

    memcpy(c, base, sizeof(case_t));

    for (word = strtok(NULL, " "); word != NULL; word = strtok(NULL, " ")) {
        equals = strchr(word, '=');

        if (equals == NULL) {
            fail("\"%s\" is not DIM=NAME", word);
        }

        *equals = '\0';
        d = dimension_get(word);
        c[d] = value_get(d, equals + 1);
    }
}


static void
command_case(void)
{
    case_t  c;

    case_read(c);
    run_case(c);
}


static void
command_answer(void)
{
    case_t               c;
    const char          *says;
    dmp_authorisation_t  authorisation;

    static scene_t  scene;

    case_read(c);
    case_build(c, &scene);
    authorisation = dmp_authorisation(scene.policy, &scene.record,
                                      &scene.subject, today);

    says = (authorisation == DMP_AUTHORISATION_NONE) ? "none"
           : (authorisation == DMP_AUTHORISATION_FORBIDDEN) ? "forbidden"
           : (authorisation == DMP_AUTHORISATION_EXPIRED) ? "expired"
           : (authorisation == DMP_AUTHORISATION_VALID) ? "valid" : "other";

    printf("%s %s\n", says,
           dmp_is_treating(scene.policy, &scene.record, &scene.subject)
           ? "treating" : "not");
}


static void
command_opens(void)
{
    case_t  c;

    static scene_t  scene;

    case_read(c);
    case_build(c, &scene);

    printf("%s\n", dmp_bris_de_glace_opens(scene.policy, &scene.subject,
                                           &scene.request, &scene.facts,
                                           scene.given, today)
                   ? "opens" : "stays");
}


static void
command_reset(void)
{
    size_t  i;

    for (i = 0; i < n_varying; i++) {
        free(varying[i].values);
    }

    n_varying = 0;
    memset(base, 0, sizeof(base));
}


static void
command_dim(void)
{
    char       *word;
    varying_t  *v;

    if (n_varying == DIM_MAX) {
        fail("too many dimensions");
    }

    v = &varying[n_varying++];
    v->dimension = dimension_get(strtok(NULL, " :"));
    v->n = 0;
    v->values = calloc(VALUES_MAX, sizeof(int));

    if (v->values == NULL) {
        fail("out of memory");
    }

    for (word = strtok(NULL, " "); word != NULL; word = strtok(NULL, " ")) {
        if (v->n == VALUES_MAX) {
            fail("too many values");
        }

        v->values[v->n++] = value_get(v->dimension, word);
    }

    if (v->n == 0) {
        fail("a dimension without values");
    }
}


static void
command_zero(void)
{
    const char  *what;

    static scene_t       scene;
    static dmp_policy_t  nothing;

    what = strtok(NULL, " ");
    case_build(base, &scene);

    if (what != NULL && strcmp(what, "subject") == 0) {
        memset(&scene.subject, 0, sizeof(scene.subject));

    } else if (what != NULL && strcmp(what, "request") == 0) {
        memset(&scene.request, 0, sizeof(scene.request));

    } else if (what != NULL && strcmp(what, "facts") == 0) {
        memset(&scene.facts, 0, sizeof(scene.facts));

    } else if (what != NULL && strcmp(what, "record") == 0) {
        memset(&scene.record, 0, sizeof(scene.record));

    } else if (what != NULL && strcmp(what, "document") == 0) {
        memset(&scene.document, 0, sizeof(scene.document));

    } else if (what != NULL && strcmp(what, "policy") == 0) {
        scene.policy = &nothing;

    } else if (what != NULL && strcmp(what, "all") == 0) {
        memset(&scene, 0, sizeof(scene));
        scene.policy = &nothing;

    } else {
        fail("zero what?");
    }

    decide(&scene);
}


static void
names(const char *key, const dmp_names_t *list, const char *end)
{
    size_t  i;

    printf("\"%s\":[", key);

    for (i = 0; i < list->n; i++) {
        printf("%s\"%s\"", i == 0 ? "" : ",",
               list->names[i] == NULL ? "" : list->names[i]);
    }

    printf("]%s", end);
}


static void
command_names(void)
{
    printf("{");
    names("effect", &dmp_effect_names, ",");
    names("rule", &dmp_rule_names, ",");
    names("reason", &dmp_reason_names, ",");
    names("obligation", &dmp_obligation_names, ",");
    names("operation", &dmp_operation_names, ",");
    names("change", &dmp_change_names, ",");
    names("mode", &dmp_mode_names, ",");
    names("actor", &dmp_actor_names, ",");
    names("auth", &dmp_auth_names, ",");
    names("right", &dmp_right_names, ",");
    names("column", &dmp_column_names, "}\n");
}


/* What is none of the three says no. */
static void
cells_beyond(void)
{
    int              table, column, right;
    dmp_table_id_t   from;
    dmp_condition_t  condition;

    for (table = 0; table <= DMP_TABLE_MAX; table++) {
        for (column = 0; column <= DMP_COLUMN_MAX; column++) {
            for (right = 0; right <= DMP_RIGHT_MAX; right++) {
                if (table % DMP_TABLE_MAX != 0 && column % DMP_COLUMN_MAX != 0
                    && right % DMP_RIGHT_MAX != 0)
                {
                    continue;
                }

                if (dmp_cell(policies[0],
                             (dmp_standing_t) { (dmp_table_id_t) table,
                                                (dmp_column_t) column },
                             (dmp_right_t) right, &from, &condition))
                {
                    printf("beyond %d/%d %d oui\n", table, column, right);
                }
            }
        }
    }
}


/* "TABLE COLUMN RIGHT oui(CONDITION)" for all there could be. */
static void
command_cells(void)
{
    int              table, column, right;
    bool             yes;
    dmp_table_id_t   from;
    dmp_condition_t  condition;

    for (table = 1; table < DMP_TABLE_MAX; table++) {
        for (column = 1; column < DMP_COLUMN_MAX; column++) {
            for (right = 1; right < DMP_RIGHT_MAX; right++) {
                yes = dmp_cell(policies[0],
                               (dmp_standing_t) { (dmp_table_id_t) table,
                                                  (dmp_column_t) column },
                               (dmp_right_t) right, &from, &condition);

                printf("%s %s %s %s", dmp_table_names.names[table],
                       dmp_column_names.names[column],
                       dmp_right_names.names[right], yes ? "oui" : "non");

                if (yes && condition != DMP_CONDITION_NONE) {
                    printf("(%s)", dmp_condition_names.names[condition]);
                }

                printf("\n");
            }
        }
    }

    cells_beyond();
}


static void
command_label(void)
{
    char        *bar, *text;
    unsigned     labels;
    dmp_code_t   code;

    text = strtok(NULL, "");
    bar = (text == NULL) ? NULL : strchr(text, '|');

    if (bar == NULL) {
        fail("label SYSTEM|CODE");
    }

    code.system = (dmp_str_t) { text, (size_t) (bar - text) };
    code.code = (dmp_str_t) { bar + 1, strlen(bar + 1) };
    labels = dmp_policy_label(policies[0], code);

    /* "unknown" says that it hides from everybody */
    printf("%s %u\n", text, (labels & DMP_LABEL_UNKNOWN) ? 15 : labels);
}


static void
command_define(void)
{
    int          d;
    char        *name, *text;
    const char  *wrong;

    d = dimension_get(strtok(NULL, " "));
    name = strtok(NULL, " ");
    text = strtok(NULL, "");

    if (name == NULL) {
        fail("define DIM NAME TEXT");
    }

    wrong = value_define(d, name, text == NULL ? "" : text);

    if (wrong != NULL) {
        fail("%s %s: %s", dimensions[d].name, name, wrong);
    }
}


static void
command_base(void)
{
    int  d;

    d = dimension_get(strtok(NULL, " "));
    base[d] = value_get(d, strtok(NULL, " "));
}


static void
command_today(void)
{
    const char  *day;

    day = strtok(NULL, " ");
    today = (day == NULL) ? 0 : (int32_t) strtol(day, NULL, 10);
}


static const struct {
    const char  *name;
    void       (*run)(void);
} commands[] = {
    { "names", command_names },
    { "cells", command_cells },
    { "today", command_today },
    { "define", command_define },
    { "reset", command_reset },
    { "base", command_base },
    { "dim", command_dim },
    { "run", command_run },
    { "case", command_case },
    { "answer", command_answer },
    { "opens", command_opens },
    { "zero", command_zero },
    { "label", command_label },
};


static void
command(char *text)
{
    size_t  i;
    char   *word;

    word = strtok(text, " ");

    if (word == NULL) {
        return;
    }

    for (i = 0; i < count(commands); i++) {
        if (strcmp(word, commands[i].name) == 0) {
            commands[i].run();
            return;
        }
    }

    fail("unknown command \"%s\"", word);
}


int
main(int argc, char **argv)
{
    static char  text[LINE_MAX_BYTES];

    policies_load(argc, argv);

    while (fgets(text, sizeof(text), stdin) != NULL) {
        line_number++;
        text[strcspn(text, "\n")] = '\0';
        command(text);
    }

    return (ferror(stdin) != 0 || fflush(stdout) != 0) ? 2 : 0;
}
