/*
 * explain_seen.c: what the rules about who asks, and what, saw in a case; and
 * for each rule what it asks.  A patient's traits are never told.
 */

#include <stdarg.h>
#include <stdio.h>

#include "explain_seen.h"


#define EXPLAIN_TEXT_MAX  1024


void
explain_add(explain_t *e, json_t *data, const char *format, ...)
{
    char     text[EXPLAIN_TEXT_MAX];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    if (data == NULL) {
        data = json_object();
    }

    /* without memory there is less to read, and nothing that is wrong */
    (void) json_object_set_new(data, "text", json_string(text));
    (void) json_array_append_new(e->saw, data);
}


json_t *
explain_json(dmp_str_t s)
{
    return json_stringn(s.len != 0 ? s.data : "", s.len);
}


void
explain_day(int32_t day, char out[11])
{
    char       text[32];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_time(&b, (int64_t) day * 86400000);
    memcpy(out, text, 10);
    out[10] = '\0';
}


bool
explain_is_self(const dmp_subject_t *subject, dmp_str_t id)
{
    unsigned  i;

    if (id.len == 0) {
        return false;
    }

    for (i = 0; i < subject->n_other_ids; i++) {
        if (dmp_str_eq(subject->other_ids[i], id)) {
            return true;
        }
    }

    return dmp_str_eq(subject->id, id);
}


bool
explain_is_holder(const dmp_subject_t *subject)
{
    return subject->actor == DMP_ACTOR_PATIENT
           || subject->actor == DMP_ACTOR_REPRESENTATIVE;
}


bool
explain_is_emergency(const dmp_request_t *request)
{
    return request->mode == DMP_MODE_BRIS_DE_GLACE
           || request->mode == DMP_MODE_CENTRE_15;
}


/* The one acted for, or a structure's own identifier. */
dmp_str_t
explain_structure(const dmp_subject_t *subject)
{
    if (subject->used.structure.len == 0
        && (subject->actor == DMP_ACTOR_STRUCTURE
            || subject->actor == DMP_ACTOR_FEEDER))
    {
        return subject->id;
    }

    return subject->used.structure;
}


bool
explain_is_author(const explain_t *e)
{
    unsigned  i;

    for (i = 0; i < e->c->document->n_authors; i++) {
        if (explain_is_self(&e->c->subject, e->c->document->authors[i])) {
            return true;
        }
    }

    return false;
}


/* A structure itself: who works there is not its documents' author. */
bool
explain_is_depositor(const explain_t *e)
{
    unsigned   i;
    dmp_str_t  structure;

    if (e->c->subject.actor == DMP_ACTOR_PROFESSIONAL
        && e->c->subject.auth != DMP_AUTH_INDIRECT)
    {
        return false;
    }

    structure = explain_structure(&e->c->subject);

    for (i = 0; structure.len != 0 && i < e->c->document->n_structures; i++) {
        if (dmp_str_eq(structure, e->c->document->structures[i])) {
            return true;
        }
    }

    return false;
}


static const char *
explain_credential(dmp_credential_t credential)
{
    return (size_t) credential < dmp_credential_names.n
           ? dmp_credential_names.names[credential] : "invalid";
}


static void
explain_a1(explain_t *e)
{
    const dmp_subject_t  *s;

    s = &e->c->subject;
    explain_add(e, json_pack("{s:s,s:s,s:s}",
                             "certificate", explain_credential(s->certificate),
                             "token", explain_credential(s->token),
                             "auth", dmp_auth_name(s->auth)),
                "certificate %s, token %s%s",
                explain_credential(s->certificate),
                explain_credential(s->token),
                s->auth == DMP_AUTH_OPERATOR
                ? ", an operator of the command line" : "");
}


static void
explain_a2(explain_t *e)
{
    const dmp_subject_t  *s;

    s = &e->c->subject;
    explain_add(e, json_pack("{s:s,s:s}",
                             "certificate", explain_credential(s->certificate),
                             "actor", dmp_actor_name(s->actor)),
                "certificate %s%s%s", explain_credential(s->certificate),
                s->certificate == DMP_CREDENTIAL_VERIFIED ? ", it makes: "
                                                          : "",
                s->certificate == DMP_CREDENTIAL_VERIFIED
                ? dmp_actor_name(s->actor) : "");
}


static void
explain_a3(explain_t *e)
{
    explain_add(e, json_pack("{s:s}", "token",
                             explain_credential(e->c->subject.token)),
                "token %s", explain_credential(e->c->subject.token));
}


static void
explain_a4(explain_t *e)
{
    const dmp_subject_t  *s;

    s = &e->c->subject;

    if (s->certificate == DMP_CREDENTIAL_ABSENT
        || s->token == DMP_CREDENTIAL_ABSENT)
    {
        explain_add(e, NULL, "one credential at most");
        return;
    }

    explain_add(e, json_pack("{s:s,s:s}", "actor", dmp_actor_name(s->actor),
                             "auth", dmp_auth_name(s->auth)),
                "a certificate together with a token, for: %s, auth %s",
                dmp_actor_name(s->actor), dmp_auth_name(s->auth));
}


/* By what the request says on what it is. */
static const char *
explain_named(const dmp_request_t *r)
{
    static const char *const  named[] = {
        "neither patient nor document", "a patient", "a document",
        "a patient and a document", "an attachment",
        "a patient and an attachment", "a document and an attachment",
        "a patient, a document and an attachment"
    };

    return named[(r->ins.len != 0 ? 1 : 0) + (r->document.len != 0 ? 2 : 0)
                 + (r->attachment.len != 0 ? 4 : 0)];
}


static void
explain_b1(explain_t *e)
{
    const char           *mapping;
    const dmp_request_t  *r;

    r = &e->c->request;
    mapping = (size_t) r->mapping < dmp_mapping_names.n
              ? dmp_mapping_names.names[r->mapping] : "invalid";

    explain_add(e, json_pack("{s:s,s:s,s:b,s:b,s:b}", "mapping", mapping,
                             "operation", dmp_operation_name(r->operation),
                             "names_patient", r->ins.len != 0,
                             "names_document", r->document.len != 0,
                             "names_attachment", r->attachment.len != 0),
                "readings: %s; operation %s; names %s", mapping,
                dmp_operation_name(r->operation), explain_named(r));
}


static void
explain_ins(explain_t *e, const char *whose, dmp_str_t ins)
{
    bool  form, key;

    form = dmp_ins_valid(ins, false);
    key = dmp_ins_valid(ins, true);
    explain_add(e, json_pack("{s:b,s:b,s:b}", "form", form, "key", key,
                             "key_checked",
                             e->policy->settings.ins_key ? 1 : 0),
                "%s%s%s", whose, !form ? "not the form of an INS"
                : key ? "its form is right, and its key"
                : "its form is right, its key is not",
                form && !key && !e->policy->settings.ins_key
                ? " (which the policy does not check)" : "");
}


static void
explain_b2(explain_t *e)
{
    const dmp_request_t  *r;

    r = &e->c->request;

    if (r->ins.len == 0) {
        explain_add(e, NULL, "the request has no INS");

    } else {
        explain_ins(e, "", r->ins);
    }

    if (r->operation == DMP_OPERATION_RIGHTS
        && r->change == DMP_CHANGE_NAME_REPRESENTATIVE)
    {
        explain_ins(e, "the representative's: ", r->target);
    }
}


static void
explain_x1(explain_t *e)
{
    const dmp_facts_t  *f;

    f = &e->c->facts;

    switch (f->state) {

    case DMP_RECORD_ABSENT:
        explain_add(e, json_pack("{s:s}", "record", "absent"),
                    "the store said that there is no record");
        return;

    case DMP_RECORD_PRESENT:
        explain_add(e, json_pack("{s:s,s:I,s:b}", "record", "present",
                                 "version", (json_int_t) f->version,
                                 "asked_for", e->c->request.ins.len == 0
                                 || dmp_str_eq(e->c->request.ins,
                                               f->record->ins)),
                    "the store gave version %llu of %s record",
                    (unsigned long long) f->version,
                    e->c->request.ins.len == 0
                    || dmp_str_eq(e->c->request.ins, f->record->ins)
                    ? "that" : "another");
        return;

    default:
        explain_add(e, json_pack("{s:s}", "record", "unknown"),
                    "the store did not say");
    }
}


static void
explain_representative(explain_t *e)
{
    char                         until[11];
    size_t                       i;
    const dmp_representative_t  *by;

    for (i = 0; e->record != NULL && i < e->record->n_representatives; i++) {
        by = &e->record->representatives[i];

        if (dmp_str_eq(by->ins, e->c->subject.ins)) {
            explain_day(by->until, until);
            explain_add(e, json_pack("{s:b,s:s}", "named", 1, "until", until),
                        "the record names them as representative until %s",
                        until);
            return;
        }
    }

    explain_add(e, json_pack("{s:b}", "named", 0),
                "no record here names them as representative");
}


static void
explain_p1(explain_t *e)
{
    dmp_str_t  ins;

    if (!explain_is_holder(&e->c->subject)) {
        explain_add(e, NULL, "neither a patient nor a representative");
        return;
    }

    if (e->c->subject.actor == DMP_ACTOR_REPRESENTATIVE) {
        explain_representative(e);
        return;
    }

    ins = e->record != NULL ? e->record->ins : e->c->request.ins;
    explain_add(e, json_pack("{s:b}", "own",
                             dmp_str_eq(ins, e->c->subject.ins) ? 1 : 0),
                "the record is %s", dmp_str_eq(ins, e->c->subject.ins)
                ? "their own" : "not their own");
}


static bool
explain_code_is(dmp_code_t wanted, dmp_code_t code)
{
    return wanted.code.len == 0
           || (dmp_str_eq(wanted.code, code.code)
               && dmp_str_eq(wanted.system, code.system));
}


/* The first of the list that has all it asks for; NULL if none has. */
static const dmp_exclusion_t *
explain_excluded(const dmp_exclusion_t *list, size_t n, dmp_code_t role,
    const dmp_situation_t *situation)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (explain_code_is(list[i].profession, role)
            && explain_code_is(list[i].sector, situation->sector)
            && explain_code_is(list[i].activity, situation->activity)
            && explain_code_is(list[i].specialty, situation->specialty))
        {
            return &list[i];
        }
    }

    return NULL;
}


static void
explain_situation(explain_t *e, const dmp_situation_t *s, const char *which)
{
    dmp_code_t              role;
    const char             *setting;
    const dmp_policy_t     *p;
    const dmp_exclusion_t  *excluded;

    p = e->policy;
    role = e->c->subject.role;
    setting = "";
    excluded = explain_excluded(p->exclusions, p->n_exclusions, role, s);

    if (excluded == NULL) {
        excluded = explain_excluded(p->occupational, p->n_occupational, role,
                                    s);
        setting = p->settings.occupational_table
                  ? " (which the policy admits)" : "";
    }

    explain_add(e, json_pack("{s:s,s:o,s:o,s:o,s:o}", "situation", which,
                             "sector", explain_json(s->sector.code),
                             "activity", explain_json(s->activity.code),
                             "specialty", explain_json(s->specialty.code),
                             "excluded", excluded != NULL
                             ? explain_json(excluded->name) : json_null()),
                "%s: sector %.*s, activity %.*s, specialty %.*s: %s%.*s%s",
                which,
                explain_str(s->sector.code.len != 0 ? s->sector.code
                                                    : dmp_string("unknown")),
                explain_str(s->activity.code.len != 0
                            ? s->activity.code : dmp_string("unknown")),
                explain_str(s->specialty.code.len != 0
                            ? s->specialty.code : dmp_string("unknown")),
                excluded != NULL ? "on the list as " : "on no list",
                explain_str(excluded != NULL ? excluded->name
                                             : dmp_null_string),
                setting);
}


static void
explain_d1(explain_t *e)
{
    size_t                i;
    const dmp_subject_t  *s;

    s = &e->c->subject;

    switch (s->actor) {

    case DMP_ACTOR_PROFESSIONAL:
    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
        break;

    default:
        explain_add(e, NULL, "not asked of: %s", dmp_actor_name(s->actor));
        return;
    }

    if (s->used.sector.code.len != 0 || s->used.activity.code.len != 0
        || s->used.specialty.code.len != 0)
    {
        explain_situation(e, &s->used, "the situation used");
        return;
    }

    for (i = 0; i < s->n_situations; i++) {
        explain_situation(e, &s->situations[i], "a situation known");
    }

    if (s->n_situations == 0) {
        explain_situation(e, &s->used, "no situation is known");
        explain_add(e, json_pack("{s:b}", "unverified",
                                 s->actor == DMP_ACTOR_PROFESSIONAL),
                    "nobody is excluded on what is not known%s",
                    s->actor == DMP_ACTOR_PROFESSIONAL
                    ? "; the trace says \"unverified\"" : "");
    }
}


static void
explain_d2(explain_t *e)
{
    const char           *channel;
    const dmp_request_t  *r;

    r = &e->c->request;
    channel = (size_t) r->channel < dmp_channel_names.n
              ? dmp_channel_names.names[r->channel] : "invalid";

    explain_add(e, json_pack("{s:s,s:s,s:s,s:s}", "channel", channel,
                             "operation", dmp_operation_name(r->operation),
                             "actor", dmp_actor_name(e->c->subject.actor),
                             "auth", dmp_auth_name(e->c->subject.auth)),
                "%s by %s (auth %s); the location's channel: %s",
                dmp_operation_name(r->operation),
                dmp_actor_name(e->c->subject.actor),
                dmp_auth_name(e->c->subject.auth), channel);
}


typedef struct {
    const char  *asks;
    void       (*saw)(explain_t *e);
} explain_rule_t;

static const explain_rule_t  explain_rules[DMP_RULE_MAX] = {
    [DMP_RULE_A1] = { "a credential is presented", explain_a1 },
    [DMP_RULE_A2] = { "the certificate verifies, and its chain fits its role",
                      explain_a2 },
    [DMP_RULE_A3] = { "the token verifies", explain_a3 },
    [DMP_RULE_A4] = { "the credentials name one identity", explain_a4 },
    [DMP_RULE_B1] = { "the request is one operation, in one reading",
                      explain_b1 },
    [DMP_RULE_B2] = { "the INS is well formed", explain_b2 },
    [DMP_RULE_C1] = { "the record exists; to create it, it does not",
                      explain_c1 },
    [DMP_RULE_C2] = { "the record is open", explain_c2 },
    [DMP_RULE_D1] = { "who asks is not excluded by what they do",
                      explain_d1 },
    [DMP_RULE_D2] = { "the channel fits; who feeds does only that",
                      explain_d2 },
    [DMP_RULE_E1] = { "the functional tables give the right", explain_e1 },
    [DMP_RULE_F1] = { "the patient has not blocked this professional",
                      explain_f1 },
    [DMP_RULE_G1] = { "normal mode: an authorisation is in force",
                      explain_g1 },
    [DMP_RULE_G2] = { "bris de glace: the patient does not oppose it",
                      explain_g2 },
    [DMP_RULE_G3] = { "bris de glace: it is justified", explain_g3 },
    [DMP_RULE_G4] = { "bris de glace: names and birth date are the record's",
                      explain_g4 },
    [DMP_RULE_G5] = { "centre 15: its own path, and one of its regulators",
                      explain_g5 },
    [DMP_RULE_G6] = { "centre 15: the patient does not oppose it",
                      explain_g6 },
    [DMP_RULE_G7] = { "the mode is one that this path offers", explain_g7 },
    [DMP_RULE_H1] = { "the document belongs to this record", explain_h1 },
    [DMP_RULE_H2] = { "the matrix lets this profession read this type",
                      explain_h2 },
    [DMP_RULE_H3] = { "the document is not masked from them", explain_h3 },
    [DMP_RULE_H4] = { "the document is not invisible to the patient",
                      explain_h4 },
    [DMP_RULE_H5] = { "the document is not invisible to representatives",
                      explain_h5 },
    [DMP_RULE_H6] = { "the document is theirs, where a right asks for that",
                      explain_h6 },
    [DMP_RULE_H7] = { "only labels, status and archive mark change",
                      explain_h7 },
    [DMP_RULE_P1] = { "patients act on their own record, representatives on "
                      "one that names them", explain_p1 },
    [DMP_RULE_P2] = { "patients deposit in the personal space and the "
                      "directives, as the author", explain_p2 },
    [DMP_RULE_X1] = { "the store said what the record is", explain_x1 },
};


void
explain_begin(explain_t *e, const dmp_policy_t *policy, const case_t *c)
{
    e->policy = policy;
    e->c = c;
    e->record = c->facts.state == DMP_RECORD_PRESENT ? c->facts.record : NULL;
    e->standing = dmp_standing(policy, &c->subject, &c->request, e->record);
    e->saw = NULL;
}


const char *
explain_asks(dmp_rule_t rule)
{
    return rule < DMP_RULE_MAX && explain_rules[rule].asks != NULL
           ? explain_rules[rule].asks : "(unknown)";
}


/* What the host can do is of no record: the rules about one see nothing. */
static bool
explain_of_record(const explain_t *e, dmp_rule_t rule)
{
    if (e->c->request.operation != DMP_OPERATION_METADATA) {
        return false;
    }

    switch (rule) {

    case DMP_RULE_X1:
    case DMP_RULE_P1:
    case DMP_RULE_C1:
    case DMP_RULE_C2:
    case DMP_RULE_F1:
    case DMP_RULE_G1:
    case DMP_RULE_G2:
    case DMP_RULE_G3:
    case DMP_RULE_G4:
    case DMP_RULE_G5:
    case DMP_RULE_G6:
        return true;

    default:
        return false;
    }
}


json_t *
explain_saw(explain_t *e, dmp_rule_t rule)
{
    json_t  *saw;

    saw = json_array();
    e->saw = saw;

    if (saw != NULL && explain_of_record(e, rule)) {
        explain_add(e, NULL, "not asked for what the host can do");

    } else if (saw != NULL && rule < DMP_RULE_MAX
               && explain_rules[rule].saw != NULL)
    {
        explain_rules[rule].saw(e);
    }

    e->saw = NULL;

    return saw;
}
