/*
 * record_change.c: one change of a record's rights by an operator: decided by
 * the rules that gateways decide by, made on the record as it is now, traced,
 * and acknowledged when nothing decided before it can leave any more.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <dmp/dmp_notice.h>

#include "policy_files.h"
#include "record_change.h"


#define CHANGE_DETAILS_MAX  4096


/* What the trace calls the document: never by what may be an INS. */
static void
change_document(const record_edit_t *e, dmp_trace_document_t *out)
{
    const dmp_document_t  *d;

    *out = (dmp_trace_document_t) { dmp_null_string, dmp_null_string };

    if (e->facts == NULL) {
        /* of what nobody knows, the words could be anybody's name */
        return;
    }

    d = &e->facts->document;
    out->id = dmp_document_name(d);

    if (dmp_ins_within(out->id)) {
        out->id = (dmp_str_t) { e->hash, DMP_INDEX_HASH_LEN };
    }

    if (d->n_types != 0 && !dmp_ins_within(d->types[0].code)) {
        out->type = d->types[0].code;
    }
}


static void
change_asked(record_edit_t *e, record_change_t *change)
{
    memset(change, 0, sizeof(*change));

    change->request = &e->request;
    change->decision = &e->decision;
    change->policy = (dmp_str_t) { e->policy->digest,
                                   sizeof(e->policy->digest) };
    change_document(e, &change->document);
}


/* What the entry told, for the operator. */
static int
change_done(record_edit_t *e, const record_change_t *change, int rc)
{
    memcpy(e->trace_id, change->trace_id, DMP_UUID_LEN);
    e->version = change->next;
    e->id_ms = e->tool.commit.id_ms;

    return rc;
}


static int
change_refused(record_edit_t *e, const record_keys_t *keys, uint64_t version)
{
    int               rc;
    record_change_t   change;

    change_asked(e, &change);
    rc = record_refuse(&e->tool, keys, version, &change);

    if (rc != TOOL_DONE) {
        return rc;
    }

    e->refused = true;

    return change_done(e, &change, TOOL_NO);
}


/* The record as it is to be, and who is told. */
static int
change_put(record_edit_t *e, const record_keys_t *keys, uint64_t version,
    const dmp_edit_t *edit, const char *json, size_t len)
{
    int               rc;
    char              text[CHANGE_DETAILS_MAX];
    dmp_buf_t         details;
    dmp_error_t       error;
    record_change_t   change;

    dmp_record_free(e->now);
    e->now = NULL;

    if (dmp_record_parse(json, len, &e->now, &error) != DMP_OK) {
        tool_error("the record could not be changed: %s", error.text);
        return TOOL_FAILED;
    }

    dmp_buf_init(&details, text, sizeof(text));
    dmp_edit_details(edit, &details);

    if (details.full) {
        tool_error("the change could not be traced: it says too much");
        return TOOL_FAILED;
    }

    change_asked(e, &change);
    change.details = (dmp_str_t) { details.data, details.len };
    change.json = json;
    change.len = len;

    if (e->changed
        && (e->decision.obligations & DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED))
    {
        change.notice = dmp_notice_name(DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED);
    }

    rc = record_put(&e->tool, keys, version, &change);
    OPENSSL_cleanse(text, sizeof(text));

    /* what a closed bucket refuses was not made, which has been said */
    if (rc == TOOL_FAILED && !e->tool.commit.closed) {
        tool_error("whether the change was made is not known; it may be "
                   "repeated");
    }

    return change_done(e, &change, rc);
}


static int
change_make(record_edit_t *e, const record_keys_t *keys,
    const record_held_t *held)
{
    int           rc;
    char         *json;
    size_t        len;
    dmp_edit_t    edit;
    dmp_error_t   error;

    memset(&edit, 0, sizeof(edit));
    edit.request = &e->request;
    edit.by = e->subject.actor;
    edit.today = e->today;
    edit.days = e->policy->settings.authorisation_days;

    if (e->facts != NULL) {
        edit.document = dmp_document_name(&e->facts->document);
    }

    if (dmp_record_edit(held->json, held->len, &edit, &json, &len,
                        &e->changed, &error) != DMP_OK)
    {
        tool_error("the record could not be changed: %s", error.text);
        return TOOL_FAILED;
    }

    rc = change_put(e, keys, held->version, &edit, json, len);
    record_wipe(json, len);

    return rc;
}


/* One attempt, on the record as it is now. */
static int
change_try(record_tool_t *t, const record_keys_t *keys,
    const record_held_t *held, void *data)
{
    int             rc;
    dmp_error_t     error;
    dmp_facts_t     facts;
    dmp_record_t   *record;
    record_edit_t  *e;

    e = data;
    record = NULL;
    memset(&facts, 0, sizeof(facts));

    if (held->version != 0
        && dmp_record_parse(held->json, held->len, &record, &error) != DMP_OK)
    {
        tool_error("the record %.*s: %s", (int) keys->rec_len, keys->rec,
                   error.text);
        return TOOL_FAILED;
    }

    facts.state = record != NULL ? DMP_RECORD_PRESENT : DMP_RECORD_ABSENT;
    facts.version = held->version;
    facts.record = record;

    rc = record_document(e, keys);

    if (rc == TOOL_DONE) {
        e->today = dmp_day_paris(tool_now_ms() / 1000);
        commit_subject(&t->commit, &e->subject);
        dmp_decide(e->policy, &e->subject, &e->request, &facts,
                   e->facts != NULL ? &e->facts->document : NULL, e->today,
                   &e->decision);

        rc = e->decision.effect == DMP_ALLOW
             ? change_make(e, keys, held)
             : change_refused(e, keys, held->version);
    }

    dmp_record_free(record);

    return rc;
}


static int
change_run(record_edit_t *e)
{
    int   rc;
    bool  signed_off;

    if (!record_target(e) || !commit_begin(&e->tool.commit)) {
        return TOOL_FAILED;
    }

    rc = record_try(&e->tool, e->request.ins, change_try, e);
    signed_off = commit_end(&e->tool.commit);
    record_wait(&e->tool);

    if (rc == TOOL_DONE) {
        record_say_done(e);

    } else if (e->refused) {
        record_say_refused(e);
    }

    if (rc == TOOL_DONE && !signed_off) {
        tool_error("the trace's last signature could not be written");
        return TOOL_FAILED;
    }

    return rc;
}


/* The options that all of them have, and those of this one. */
static bool
change_options(record_edit_t *e, int argc, char **argv, tool_list_t *words)
{
    size_t                 i, n;
    tool_option_t          options[32];
    const tool_option_t    common[] = {
        RECORD_OPTIONS(e->options, e->tool),
        { "--policy",        NULL,     &e->policy_file,         NULL },
        { "--json",          &e->json, NULL,                    NULL }
    };
    const struct {
        unsigned        of;
        tool_option_t   option;
    } some[] = {
        { RECORD_UNTIL,   { "--until", NULL, &e->words.until, NULL } },
        { RECORD_FLAGS,   { "--bris-de-glace", NULL,
                            &e->words.bris_de_glace, NULL } },
        { RECORD_FLAGS,   { "--centre-15", NULL, &e->words.centre_15, NULL } },
        { RECORD_FLAGS,   { "--masked", NULL, &e->words.masked, NULL } },
        { RECORD_CONTACT, { "--email", NULL, &e->words.email, NULL } },
        { RECORD_CONTACT, { "--phone", NULL, &e->words.phone, NULL } },
        { RECORD_CONTACT, { "--prefer", NULL, &e->words.prefer, NULL } },
        { RECORD_HOST,    { "--host", NULL, &e->words.host, NULL } },
    };

    memset(options, 0, sizeof(options));
    memcpy(options, common, sizeof(common));
    n = sizeof(common) / sizeof(common[0]);

    for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        if (some[i].of & e->verb->options) {
            options[n++] = some[i].option;
        }
    }

    return tool_options(argc, argv, options, words);
}


static int
change_command(record_edit_t *e, int argc, char **argv)
{
    int          rc;
    tool_list_t  words;

    if (!change_options(e, argc, argv, &words)) {
        return TOOL_USAGE;
    }

    rc = record_words(e, &words);

    if (rc != TOOL_DONE || !record_given(&e->options)) {
        return TOOL_USAGE;
    }

    if (e->policy_file == NULL) {
        tool_error("--policy is needed: it says what an operator may do");
        return TOOL_USAGE;
    }

    if (!tool_policy(e->policy_file, &e->policy)) {
        return TOOL_FAILED;
    }

    rc = record_words_ins(e);

    if (rc != TOOL_DONE) {
        return rc;
    }

    return record_open(&e->tool, &e->options) ? change_run(e) : TOOL_FAILED;
}


int
dmpctl_record_change(const char *verb, int argc, char **argv)
{
    int             rc;
    record_edit_t  *e;

    /* it holds the facts of two documents */
    e = calloc(1, sizeof(record_edit_t));

    if (e == NULL) {
        tool_error("no memory");
        return TOOL_FAILED;
    }

    e->verb = record_verb(verb);
    rc = change_command(e, argc, argv);

    directory_held_free(&e->person);
    dmp_record_free(e->now);
    dmp_policy_free(e->policy);
    record_close(&e->tool);
    OPENSSL_cleanse(e, sizeof(*e));
    free(e);

    return rc;
}
