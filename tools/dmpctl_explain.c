/*
 * dmpctl_explain.c: one case, each rule in turn: what it asks, what it saw,
 * and why it held or not.
 */

#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "explain_seen.h"
#include "explain_stored.h"
#include "policy_files.h"


/* What became of a rule. */
typedef enum {
    EXPLAIN_NOT_REACHED = 0,
    EXPLAIN_HELD,
    EXPLAIN_DENIED,
    EXPLAIN_NO_DOCUMENT
} explain_state_t;

static const char *const  explain_states[] = {
    "not reached", "held", "denied", "no document"
};

typedef struct {
    const dmp_policy_t  *policy;
    const case_t        *c;
    const char          *stored;         /* INS, or NULL */
    dmp_decision_t       decision;
    dmp_step_t           steps[DMP_RULE_MAX];
    size_t               n_steps;
} explained_t;


static json_t *
explain_code(dmp_code_t code)
{
    return json_pack("[o,o]", explain_json(code.system),
                     explain_json(code.code));
}


static json_t *
explain_who(const explained_t *x)
{
    json_t                  *who;
    const dmp_subject_t     *s;
    const dmp_profession_t  *p;

    s = &x->c->subject;
    p = dmp_policy_profession(x->policy, s->role);
    who = json_pack("{s:s,s:s,s:o}", "actor", dmp_actor_name(s->actor),
                    "auth", dmp_auth_name(s->auth), "id", explain_json(s->id));

    if (s->ins.len != 0) {
        (void) json_object_set_new(who, "ins", explain_json(s->ins));
    }

    if (s->role.code.len != 0) {
        (void) json_object_set_new(who, "role", explain_code(s->role));
    }

    if (p != NULL) {
        (void) json_object_set_new(who, "profession", explain_json(p->name));
    }

    if (s->used.structure.len != 0) {
        (void) json_object_set_new(who, "structure",
                                   explain_json(s->used.structure));
    }

    return who;
}


static json_t *
explain_what(const explained_t *x)
{
    json_t               *what;
    const dmp_request_t  *r;

    r = &x->c->request;
    what = json_pack("{s:s,s:s,s:s}", "operation",
                     dmp_operation_name(r->operation), "transaction",
                     dmp_operation_transaction(r->operation), "mode",
                     dmp_mode_name(r->mode));

    if (r->operation == DMP_OPERATION_RIGHTS) {
        (void) json_object_set_new(what, "change",
            json_string((size_t) r->change < dmp_change_names.n
                        ? dmp_change_names.names[r->change] : "invalid"));
        (void) json_object_set_new(what, "target", explain_json(r->target));
    }

    if (r->document.len != 0) {
        (void) json_object_set_new(what, "document",
                                   explain_json(r->document));
    }

    if (r->attachment.len != 0) {
        (void) json_object_set_new(what, "attachment",
                                   explain_json(r->attachment));
    }

    return what;
}


static json_t *
explain_which(const explained_t *x)
{
    json_t             *which;
    const dmp_facts_t  *f;

    f = &x->c->facts;
    which = json_pack("{s:s,s:s}", "state",
                      dmp_record_names.names[f->state], "from",
                      x->stored != NULL ? "the store" : "the case");

    if (f->state == DMP_RECORD_PRESENT) {
        (void) json_object_set_new(which, "ins", explain_json(f->record->ins));
        (void) json_object_set_new(which, "version",
                                   json_integer((json_int_t) f->version));
        (void) json_object_set_new(which, "open",
                                   json_boolean(f->record->open));

    } else if (x->c->request.ins.len != 0) {
        (void) json_object_set_new(which, "ins",
                                   explain_json(x->c->request.ins));
    }

    return which;
}


static json_t *
explain_obligations(uint32_t obligations)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < dmp_obligation_names.n; i++) {
        if (obligations & (1U << i)) {
            (void) json_array_append_new(list,
                           json_string(dmp_obligation_names.names[i]));
        }
    }

    return list;
}


static explain_state_t
explain_state(const explained_t *x, dmp_rule_t rule)
{
    size_t  i;

    if (x->decision.effect != DMP_ALLOW && x->decision.rule == rule) {
        return EXPLAIN_DENIED;
    }

    for (i = 0; i < x->n_steps; i++) {
        if (x->steps[i].rule == rule) {
            return EXPLAIN_HELD;
        }
    }

    return x->decision.effect == DMP_ALLOW ? EXPLAIN_NO_DOCUMENT
                                           : EXPLAIN_NOT_REACHED;
}


/* A change that names a document which nobody has is refused by H1. */
static json_t *
explain_nothing_there(void)
{
    return json_pack("[{s:s}]", "text", "there is no document: a change of "
                     "something unseen is not decided");
}


static json_t *
explain_rule(const explained_t *x, explain_t *e, dmp_rule_t rule)
{
    json_t           *saw;
    explain_state_t   state;

    state = explain_state(x, rule);

    if (state == EXPLAIN_NOT_REACHED || state == EXPLAIN_NO_DOCUMENT) {
        saw = json_array();

    } else if (rule >= DMP_RULE_H1 && rule <= DMP_RULE_H7
               && x->c->document == NULL)
    {
        saw = explain_nothing_there();

    } else {
        saw = explain_saw(e, rule);
    }

    return json_pack("{s:s,s:s,s:s,s:s,s:o}", "rule", dmp_rule_name(rule),
                     "asks", explain_asks(rule),
                     "state", explain_states[state],
                     "reason", state == EXPLAIN_DENIED
                     ? dmp_reason_name(x->decision.reason) : "none",
                     "saw", saw);
}


static json_t *
explain_tree(const explained_t *x)
{
    char         day[11];
    size_t       i, n;
    json_t      *rules;
    explain_t    e;
    dmp_rule_t   order[DMP_RULE_MAX];

    explain_begin(&e, x->policy, x->c);
    explain_day(x->c->today, day);
    rules = json_array();
    n = dmp_rules_in_order(order);

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(rules, explain_rule(x, &e, order[i]));
    }

    return json_pack("{s:s,s:o,s:o,s:o,s:s,s:o,s:s%,s:o,"
                     "s:{s:s,s:s,s:s,s:o,s:b}}",
                     "name", x->c->name, "who", explain_who(x),
                     "what", explain_what(x), "record", explain_which(x),
                     "day", day, "document", x->c->document == NULL
                     ? json_null()
                     : explain_json(dmp_document_name(x->c->document)),
                     "policy", x->policy->digest, sizeof(x->policy->digest),
                     "rules", rules,
                     "decision", "effect",
                     dmp_effect_name(x->decision.effect),
                     "rule", dmp_rule_name(x->decision.rule),
                     "reason", dmp_reason_name(x->decision.reason),
                     "obligations",
                     explain_obligations(x->decision.obligations),
                     "unverified", x->decision.unverified ? 1 : 0);
}


static const char *
explain_text(json_t *object, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}


static const char *
explain_manner(dmp_auth_t auth)
{
    switch (auth) {

    case DMP_AUTH_DIRECT:
        return "with a card of their own";

    case DMP_AUTH_INDIRECT:
        return "through a structure";

    case DMP_AUTH_INDIRECT_REINFORCED:
        return "through a structure, by reinforced authentication";

    case DMP_AUTH_OPERATOR:
        return "on the command line";

    case DMP_AUTH_SESSION:
        return "signed in with a one-time code";

    default:
        return "authenticated in no known way";
    }
}


static void
explain_print_who(const explained_t *x, json_t *tree)
{
    json_t      *who;
    const char  *profession, *structure;

    who = json_object_get(tree, "who");
    profession = explain_text(who, "profession");
    structure = explain_text(who, "structure");

    printf("who       %s %s%s%s, %s%s%s\n", explain_text(who, "actor"),
           explain_text(who, "id"), profession[0] != '\0' ? ", " : "",
           profession, explain_manner(x->c->subject.auth),
           structure[0] != '\0' ? ", for structure " : "", structure);
}


static void
explain_print_what(json_t *tree)
{
    json_t      *what;
    const char  *transaction, *change, *document, *attachment, *target;

    what = json_object_get(tree, "what");
    transaction = explain_text(what, "transaction");
    change = explain_text(what, "change");
    target = explain_text(what, "target");
    document = explain_text(what, "document");
    attachment = explain_text(what, "attachment");

    printf("asks      %s%s%s%s%s%s%s%s, mode %s%s%s%s%s\n",
           explain_text(what, "operation"),
           transaction[0] != '\0' ? " (" : "", transaction,
           transaction[0] != '\0' ? ")" : "",
           change[0] != '\0' ? ": " : "", change,
           target[0] != '\0' ? " " : "", target, explain_text(what, "mode"),
           document[0] != '\0' ? ", document " : "", document,
           attachment[0] != '\0' ? ", attachment " : "", attachment);
}


static void
explain_print_head(const explained_t *x, json_t *tree)
{
    json_t  *record;

    printf("case      %s\n", x->c->name);
    explain_print_who(x, tree);
    explain_print_what(tree);

    record = json_object_get(tree, "record");
    printf("record    %s, by %s", explain_text(record, "ins")[0] != '\0'
           ? explain_text(record, "ins") : "of nobody named",
           explain_text(record, "from"));

    if (x->c->facts.state == DMP_RECORD_PRESENT) {
        printf(": version %llu, %s\n",
               (unsigned long long) x->c->facts.version,
               x->c->facts.record->open ? "open" : "closed");

    } else {
        printf(": %s\n", explain_text(record, "state"));
    }

    printf("document  %.*s\n", explain_str(x->c->document == NULL
                                           ? dmp_string("none")
                                           : dmp_document_name(
                                                 x->c->document)));
    printf("day       %s, in Europe/Paris\n", explain_text(tree, "day"));
    printf("policy    %s\n\n", explain_text(tree, "policy"));
}


static void
explain_print_rule(json_t *rule)
{
    size_t       i;
    json_t      *item;
    const char  *reason;

    reason = explain_text(rule, "reason");
    printf("%-3s %-11s  %s\n", explain_text(rule, "rule"),
           strcmp(reason, "none") != 0 ? "DENIED"
                                       : explain_text(rule, "state"),
           explain_text(rule, "asks"));

    if (strcmp(reason, "none") != 0) {
        printf("                 reason: %s\n", reason);
    }

    json_array_foreach(json_object_get(rule, "saw"), i, item) {
        printf("                 - %s\n", explain_text(item, "text"));
    }
}


static void
explain_print_verdict(const explained_t *x, json_t *tree)
{
    size_t       i;
    json_t      *item;
    const char  *rule;

    rule = dmp_rule_name(x->decision.rule);

    if (x->decision.effect == DMP_ALLOW) {
        printf("\nallowed, granted by %s\n", rule);

    } else {
        printf("\n%s by %s: %s\n", x->decision.effect == DMP_ERROR
               ? "not decided, and so denied," : "denied", rule,
               dmp_reason_name(x->decision.reason));
    }

    if (x->decision.effect == DMP_ALLOW && x->c->document == NULL
        && x->c->request.operation != DMP_OPERATION_METADATA
        && (x->decision.obligations & (DMP_OBLIGATION_FILTER
                                       | DMP_OBLIGATION_JUDGE)))
    {
        printf("no document yet: the rules marked so judge each document of "
               "the answer\n");
    }

    printf("obligations:");

    json_array_foreach(json_object_get(json_object_get(tree, "decision"),
                                       "obligations"), i, item)
    {
        printf(" %s", json_string_value(item));
    }

    printf("%s\n", x->decision.unverified
           ? "\nunverified: nothing was known of the situation" : "");
}


static int
explain_print(const explained_t *x, bool json)
{
    size_t   i;
    json_t  *tree, *rule;

    tree = explain_tree(x);

    if (tree == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    if (json) {
        (void) json_dumpf(tree, stdout, JSON_COMPACT);    /* ferror() tells */
        printf("\n");

    } else {
        explain_print_head(x, tree);

        json_array_foreach(json_object_get(tree, "rules"), i, rule) {
            explain_print_rule(rule);
        }

        explain_print_verdict(x, tree);
    }

    json_decref(tree);

    switch (x->decision.effect) {

    case DMP_ALLOW:
        return TOOL_DONE;

    case DMP_DENY:
        return TOOL_NO;

    default:
        return TOOL_FAILED;
    }
}


/* The one named, or the only one. */
static bool
explain_pick(const case_file_t *file, const char *name, size_t *i)
{
    *i = name != NULL ? case_file_find(file, name) : 0;

    if (*i < case_file_count(file)
        && (name != NULL || case_file_count(file) == 1))
    {
        return true;
    }

    if (name != NULL) {
        tool_error("%s: there is no case \"%s\"", file->path, name);

    } else if (case_file_count(file) == 0) {
        tool_error("%s: there are no cases", file->path);

    } else {
        tool_error("%s: there are %zu cases: say which with --case NAME",
                   file->path, case_file_count(file));
    }

    return false;
}


/* A request that names nothing, and might have: whom it is about is told. */
static bool
explain_names_nothing(const dmp_request_t *r)
{
    return r->ins.len == 0 && r->document.len == 0 && r->attachment.len == 0
           && r->operation != DMP_OPERATION_FIND
           && r->operation != DMP_OPERATION_METADATA;
}


/* What the command line says instead of the case. */
static int
explain_instead(case_t *c, const explain_stored_t *stored, const char *at)
{
    dmp_str_t  ins;

    if (at != NULL
        && !case_day_parse((dmp_str_t) { at, strlen(at) }, &c->today))
    {
        tool_error("--at \"%s\" is neither a day nor an instant", at);
        return TOOL_USAGE;
    }

    if (stored->ins == NULL) {
        return TOOL_DONE;
    }

    ins.data = stored->ins;
    ins.len = strlen(stored->ins);

    if (explain_names_nothing(&c->request)) {
        c->request.ins = ins;
    }

    if (c->request.ins.len != 0 && !dmp_str_eq(c->request.ins, ins)) {
        tool_error("the case asks for another INS than --stored");
        return TOOL_FAILED;
    }

    return explain_stored_load(stored, c);
}


static int
explain_file(const char *path, const char *name, const dmp_policy_t *policy,
    const explain_stored_t *stored, const char *at, bool json)
{
    int           rc;
    char          title[256];
    size_t        i;
    case_t        c;
    case_file_t   file;
    dmp_error_t   error;
    explained_t   x;

    if (!case_file_open(&file, path, &error)) {
        case_complain(path, NULL, &error);
        return TOOL_FAILED;
    }

    if (!explain_pick(&file, name, &i)) {
        case_file_close(&file);
        return TOOL_FAILED;
    }

    if (!case_read(policy, &file, i, &c, &error)) {
        case_file_name(&file, i, title, sizeof(title));
        case_complain(path, title, &error);
        case_file_close(&file);
        return TOOL_FAILED;
    }

    rc = explain_instead(&c, stored, at);

    if (rc == TOOL_DONE) {
        x.policy = policy;
        x.c = &c;
        x.stored = stored->ins;
        x.n_steps = dmp_explain(policy, &c.subject, &c.request, &c.facts,
                                c.document, c.today, &x.decision, x.steps);
        rc = explain_print(&x, json);
    }

    case_free(&c);
    case_file_close(&file);

    return rc;
}


int
dmpctl_policy_explain(int argc, char **argv)
{
    int                   rc;
    bool                  json;
    const char           *path, *name, *at;
    tool_list_t           words;
    dmp_policy_t         *policy;
    explain_stored_t      stored;
    const tool_option_t   options[] = {
        STORE_OPTIONS(stored.where),
        { "--policy",        NULL,  &path,              NULL },
        { "--case",          NULL,  &name,              NULL },
        { "--at",            NULL,  &at,                NULL },
        { "--stored",        NULL,  &stored.ins,        NULL },
        { "--record-key",    NULL,  NULL,               &stored.keys },
        { "--pseudonym-key", NULL,  &stored.pseudonyms, NULL },
        { "--json",          &json, NULL,               NULL },
        { NULL,              NULL,  NULL,               NULL }
    };

    memset(&stored, 0, sizeof(stored));
    path = NULL;
    name = NULL;
    at = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (path == NULL) {
        tool_error("--policy is needed");
        return TOOL_USAGE;
    }

    rc = explain_stored_options(&stored);

    if (rc != TOOL_DONE) {
        return rc;
    }

    if (!tool_policy(path, &policy)) {
        return TOOL_FAILED;
    }

    rc = explain_file(words.item[0], name, policy, &stored, at, json);
    dmp_policy_free(policy);

    return rc;
}
