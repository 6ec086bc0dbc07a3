/*
 * case_read.c: files of decision cases.  Each case is merged over what the
 * file gives for all of them (RFC 7396), and read strictly.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "case_int.h"
#include "dmpctl.h"


#define CASE_FORMAT  "dmp-cases/1"


/* As RFC 7396 merges, into a tree of its own; the two stay as they are. */
static json_t *
case_merge(json_t *target, json_t *patch)
{
    json_t      *out, *value, *merged;
    const char  *key;

    if (!json_is_object(patch)) {
        return json_incref(patch);
    }

    out = json_is_object(target) ? json_copy(target) : json_object();

    json_object_foreach(patch, key, value) {
        if (json_is_null(value)) {
            (void) json_object_del(out, key);    /* it may not be there */
            continue;
        }

        merged = case_merge(json_object_get(out, key), value);

        if (json_object_set_new(out, key, merged) != 0) {
            json_decref(out);
            return NULL;
        }
    }

    return out;
}


static char *
case_slurp(const char *path, size_t *len, dmp_error_t *error)
{
    bool   failed;
    char  *data;
    FILE  *f;

    f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");

    if (f == NULL) {
        (void) snprintf(error->text, sizeof(error->text), "%s",
                        strerror(errno));
        return NULL;
    }

    data = malloc(CASE_FILE_MAX + 1);
    *len = data != NULL ? fread(data, 1, CASE_FILE_MAX + 1, f) : 0;
    failed = data == NULL || ferror(f) != 0 || *len > CASE_FILE_MAX;

    if (failed) {
        (void) snprintf(error->text, sizeof(error->text), "%s",
                        data == NULL ? "no memory"
                        : *len > CASE_FILE_MAX ? "larger than 4 MiB"
                        : "cannot be read");
        free(data);
        data = NULL;
    }

    if (f != stdin) {
        (void) fclose(f);                /* only read from */
    }

    return data;
}


/* The members of a file, and nothing else. */
static bool
case_file_members(case_file_t *file, dmp_error_t *error)
{
    json_t      *value, *format;
    const char  *key, *why;

    format = json_object_get(file->tree, "format");
    file->given = json_object_get(file->tree, "given");
    file->cases = json_object_get(file->tree, "cases");
    why = NULL;

    if (!json_is_string(format)
        || strcmp(json_string_value(format), CASE_FORMAT) != 0)
    {
        why = "\"format\": not \"" CASE_FORMAT "\"";

    } else if (file->given != NULL && !json_is_object(file->given)) {
        why = "\"given\": not an object";

    } else if (!json_is_array(file->cases)) {
        why = "\"cases\": not a list";

    } else if (json_array_size(file->cases) > CASES_MAX) {
        why = "\"cases\": more than 4096 elements";
    }

    if (why != NULL) {
        (void) snprintf(error->text, sizeof(error->text), "%s", why);
        return false;
    }

    json_object_foreach(file->tree, key, value) {
        if (value != format && value != file->given && value != file->cases) {
            (void) snprintf(error->text, sizeof(error->text),
                            "\"%.60s\": unknown member", key);
            return false;
        }
    }

    return true;
}


bool
case_file_open(case_file_t *file, const char *path, dmp_error_t *error)
{
    char          *data;
    size_t         len;
    json_error_t   e;

    memset(file, 0, sizeof(*file));
    memset(error, 0, sizeof(*error));
    file->path = path;
    data = case_slurp(path, &len, error);

    if (data == NULL) {
        return false;
    }

    file->tree = json_loadb(data, len, JSON_REJECT_DUPLICATES, &e);
    free(data);

    if (file->tree == NULL) {
        error->line = e.line > 0 ? (unsigned) e.line : 0;
        (void) snprintf(error->text, sizeof(error->text), "%s", e.text);
        return false;
    }

    if (!case_file_members(file, error)) {
        case_file_close(file);
        return false;
    }

    return true;
}


void
case_file_close(case_file_t *file)
{
    json_decref(file->tree);
    memset(file, 0, sizeof(*file));
}


size_t
case_file_count(const case_file_t *file)
{
    return json_array_size(file->cases);
}


static const char *
case_file_raw_name(const case_file_t *file, size_t i)
{
    return json_string_value(json_object_get(json_array_get(file->cases, i),
                                             "name"));
}


void
case_file_name(const case_file_t *file, size_t i, char *out, size_t size)
{
    const char  *name;

    name = case_file_raw_name(file, i);

    if (name != NULL) {
        (void) snprintf(out, size, "\"%s\"", name);

    } else {
        (void) snprintf(out, size, "case %zu", i + 1);
    }
}


void
case_complain(const char *path, const char *name, const dmp_error_t *error)
{
    char  line[24];

    line[0] = '\0';

    if (error->line != 0) {
        (void) snprintf(line, sizeof(line), "%u:", error->line);
    }

    tool_error("%s:%s %s%s%s", path, line, name != NULL ? name : "",
               name != NULL ? ": " : "", error->text);
}


size_t
case_file_find(const case_file_t *file, const char *name)
{
    size_t       i;
    const char  *other;

    for (i = 0; i < case_file_count(file); i++) {
        other = case_file_raw_name(file, i);

        if (other != NULL && strcmp(other, name) == 0) {
            break;
        }
    }

    return i;
}


static bool
case_title(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    if (json_string_length(value) == 0) {
        return case_error(r, path, "not a text, or empty");
    }

    *(const char **) out = json_string_value(value);

    return true;
}


bool
case_set_record(case_t *c, const char *json, size_t len, uint64_t version,
    dmp_error_t *error)
{
    dmp_record_free(c->record);
    c->record = NULL;
    memset(&c->facts, 0, sizeof(c->facts));

    if (json == NULL) {
        c->facts.state = DMP_RECORD_ABSENT;
        return true;
    }

    if (dmp_record_parse(json, len, &c->record, error) != DMP_OK) {
        c->record = NULL;
        return false;
    }

    c->facts.state = DMP_RECORD_PRESENT;
    c->facts.version = version;
    c->facts.record = c->record;

    return true;
}


/* Absent, "unknown" when the store did not say, or the record. */
static bool
case_record(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    bool          ok;
    char         *text;
    case_t       *c;
    dmp_error_t   error;

    (void) m;
    c = out;

    if (json_is_null(value)) {
        return true;
    }

    if (json_is_string(value)
        && strcmp(json_string_value(value), "unknown") == 0)
    {
        c->facts.state = DMP_RECORD_UNKNOWN;
        return true;
    }

    if (!json_is_object(value)) {
        return case_error(r, path, "neither null, \"unknown\" nor an object");
    }

    text = json_dumps(value, JSON_COMPACT);

    if (text == NULL) {
        return case_error(r, path, "no memory");
    }

    memset(&error, 0, sizeof(error));
    ok = case_set_record(c, text, strlen(text), 0, &error);
    free(text);

    return ok || case_error(r, path, "%s", error.text);
}


static bool
case_version(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    (void) m;

    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return case_error(r, path, "not a number from 0");
    }

    *(uint64_t *) out = (uint64_t) json_integer_value(value);

    return true;
}


#define EXPECTED(name, read, member, names)                                  \
    { name, read, offsetof(case_expected_t, member), names }

static const case_member_t  case_decision_members[] = {
    EXPECTED("effect", case_name, effect, &dmp_effect_names),
    EXPECTED("rule", case_name, rule, &dmp_rule_names),
    EXPECTED("reason", case_name, reason, &dmp_reason_names),
    EXPECTED("obligations", case_bits, obligations, &dmp_obligation_names),
    EXPECTED("unverified", case_flag, unverified, NULL),
    CASE_END
};


static bool
case_decision(case_reader_t *r, const char *path, json_t *value,
    const case_member_t *m, void *out)
{
    case_expected_t  *e;

    (void) m;
    e = out;
    e->given = true;

    if (!case_object(r, path, value, case_decision_members, e)) {
        return false;
    }

    if (json_object_get(value, "effect") == NULL) {
        return case_error(r, "decision.effect", "missing");
    }

    if (e->effect != DMP_ALLOW && e->rule == DMP_RULE_NONE) {
        return case_error(r, "decision.rule",
                          "missing: a denial names its rule");
    }

    e->has_obligations = json_object_get(value, "obligations") != NULL;
    e->has_unverified = json_object_get(value, "unverified") != NULL;

    return true;
}


static const case_member_t  case_members[] = {
    { "name", case_title, offsetof(case_t, name), NULL },
    { "rule", case_name, offsetof(case_t, rule), &dmp_rule_names },
    { "subject", case_subject, 0, NULL },
    { "request", case_request, 0, NULL },
    { "record", case_record, 0, NULL },
    { "version", case_version, offsetof(case_t, version), NULL },
    { "document", case_document, 0, NULL },
    { "time", case_day, offsetof(case_t, today), NULL },
    { "decision", case_decision, offsetof(case_t, expected), NULL },
    CASE_END
};


static bool
case_whole(case_reader_t *r)
{
    size_t                    i;
    case_t                   *c;
    static const char *const  needed[] = {
        "name", "subject", "request", "time"
    };

    c = r->c;

    for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (json_object_get(c->tree, needed[i]) == NULL) {
            return case_error(r, needed[i], "missing");
        }
    }

    if (c->facts.state == DMP_RECORD_PRESENT) {
        c->facts.version = c->version;
    }

    if (c->rule == DMP_RULE_NONE) {
        c->rule = c->expected.rule;
    }

    return true;
}


bool
case_read(const dmp_policy_t *policy, const case_file_t *file, size_t i,
    case_t *c, dmp_error_t *error)
{
    json_t         *raw;
    case_reader_t   r;

    memset(c, 0, sizeof(*c));
    memset(error, 0, sizeof(*error));
    c->version = 1;
    c->facts.state = DMP_RECORD_ABSENT;
    r.policy = policy;
    r.c = c;
    r.error = error;
    raw = json_array_get(file->cases, i);

    if (!json_is_object(raw)) {
        return case_error(&r, "cases", "element %zu is not an object", i + 1);
    }

    if (case_file_raw_name(file, i) != NULL
        && case_file_find(file, case_file_raw_name(file, i)) != i)
    {
        return case_error(&r, "name", "another case has the same name");
    }

    c->tree = case_merge(file->given, raw);

    if (c->tree == NULL) {
        return case_error(&r, "cases", "no memory");
    }

    if (!case_object(&r, "", c->tree, case_members, c) || !case_whole(&r)) {
        case_free(c);
        return false;
    }

    return true;
}


void
case_free(case_t *c)
{
    dmp_record_free(c->record);
    free(c->document);
    free(c->document_text);
    free(c->situations);
    json_decref(c->tree);
    memset(c, 0, sizeof(*c));
}


bool
case_holds(const case_t *c, const dmp_decision_t *came)
{
    const case_expected_t  *e;

    e = &c->expected;

    return came->effect == e->effect
           && (e->rule == DMP_RULE_NONE || came->rule == e->rule)
           && came->reason == e->reason
           && (!e->has_obligations || came->obligations == e->obligations)
           && (!e->has_unverified || came->unverified == e->unverified);
}
