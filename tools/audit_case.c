/*
 * audit_case.c: "dmpctl audit case": all that was done with one patient's
 * record, and the proof that it is all.  The trace is read once: the entries
 * that are told are those that the verifier was fed.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_case.h"
#include "policy_files.h"


const char  dmpctl_help_audit_case[] =
    "dmpctl audit case INS --pseudonym-key FILE --audit-public-key FILE\n"
    "    [--record-key FILE] [--policy FILE] [--since T] [--json]\n"
    "\n"
    "For a patient who asks who has seen their record: every access and every\n"
    "change in a French sentence, oldest first and numbered, refusals and\n"
    "emergencies included; then whether that is all.  For that it verifies\n"
    "the whole trace, the holder's history included.  Lines that no gateway\n"
    "has signed stand apart, and count for nothing.  Answers 1 if the trace\n"
    "is broken, wherever it is; else 0, with what limits the proof, if\n"
    "anything does.  Times are those of Europe/Paris.\n"
    "\n"
    "  --audit-public-key FILE  may be repeated: one per gateway\n"
    "  --keyring DIR            all *.pub of a folder; may be repeated\n"
    "  --record-key FILE        opens justifications and details\n"
    "  --policy FILE            names professions and types of documents\n"
    "  --since T                lists what came since then; all is verified\n"
    "  --json                   for machines, sentences included\n"
    STORE_USAGE;


#define CASE_RECENT_MS  1000             /* between two stores' clocks */


static bool
case_keep(case_list_t *list, const dmp_stored_t *entry)
{
    size_t         len, size;
    case_entry_t  *larger, *kept;

    if (list->n == list->size) {
        size = list->size == 0 ? 64 : list->size * 2;
        larger = reallocarray(list->item, size, sizeof(case_entry_t));

        if (larger == NULL) {
            tool_error("no memory");
            return false;
        }

        list->item = larger;
        list->size = size;
    }

    kept = &list->item[list->n];
    memset(kept, 0, sizeof(*kept));
    len = entry->body.len;
    kept->entry = *entry;
    kept->bytes = malloc(len + entry->outcome.len + 1);

    if (kept->bytes == NULL) {
        tool_error("no memory");
        return false;
    }

    memcpy(kept->bytes, entry->body.data, len);
    memcpy(kept->bytes + len, entry->outcome.data, entry->outcome.len);
    kept->entry.body.data = kept->bytes;
    kept->entry.outcome.data = kept->bytes + len;
    list->n++;

    return true;
}


static void
case_list_free(case_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        free(list->item[i].bytes);
    }

    free(list->item);
}


/*
 * Streams are read in the order of their times: of one instant, or where the
 * buckets' stores do not tell the same one, an end may come before its access.
 * Those read before "until" are looked at once more, and let go.
 */
static bool
case_recent(audit_case_t *c, uint64_t until)
{
    bool           ok, names;
    size_t         i;
    case_entry_t  *old;

    for (i = 0, ok = true; ok && i < c->recent.n; i++) {
        old = &c->recent.item[i];

        if (old->entry.id_ms >= until) {
            break;
        }

        dmp_item_read(&c->item, &old->entry);
        ok = audit_outcomes_names(&c->outcomes, &c->item.view, &names)
             && (!names || case_keep(&c->ends, &old->entry));
        free(old->bytes);
    }

    if (i != 0) {
        c->recent.n -= i;
        memmove(c->recent.item, c->recent.item + i,
                c->recent.n * sizeof(case_entry_t));
    }

    return ok;
}


/* An entry that says how accesses ended; which come before it, or with it. */
static bool
case_end(audit_case_t *c, const dmp_stored_t *entry)
{
    bool  names;

    if (!audit_outcomes_names(&c->outcomes, &c->item.view, &names)) {
        return false;
    }

    return case_keep(names ? &c->ends : &c->recent, entry);
}


/*
 * An entry that is verified: kept if it is about the record, or says how an
 * access to it ended.
 */
static bool
case_each(void *data, const dmp_stored_t *entry)
{
    bool           home;
    audit_case_t  *c;

    c = data;
    home = entry->bucket == c->bucket;

    if (c->recent.n != 0 && entry->id_ms > CASE_RECENT_MS
        && !case_recent(c, entry->id_ms - CASE_RECENT_MS))
    {
        return false;
    }

    if (!home && !audit_outcomes_like(entry)) {
        return true;
    }

    dmp_item_read(&c->item, entry);

    if (!c->item.readable) {
        return true;
    }

    if (home && dmp_str_eq(c->item.view.patient,
                           (dmp_str_t) { c->pseudonym, DMP_PSEUDONYM_LEN }))
    {
        return audit_outcomes_want(&c->outcomes, &c->item.view)
               && case_keep(&c->list, entry);
    }

    return c->item.view.kind != DMP_KIND_OUTCOME || case_end(c, entry);
}


static dmp_cover_t
case_cover(const audit_case_t *c)
{
    return dmp_verify_cover(c->proof.verify, c->item.view.writer,
                            c->item.entry->bucket, c->item.view.epoch,
                            c->item.view.seq);
}


/* What the writers are proved to have said, or may still sign. */
static bool
case_ends(audit_case_t *c)
{
    size_t  i;

    if (!case_recent(c, UINT64_MAX)) {
        return false;
    }

    c->outcomes.closed = true;

    for (i = 0; i < c->ends.n; i++) {
        dmp_item_read(&c->item, &c->ends.item[i].entry);

        if (case_cover(c) != DMP_COVER_NONE
            && !audit_outcomes_add(&c->outcomes, c->item.entry,
                                   &c->item.view))
        {
            return false;
        }
    }

    return true;
}


static void
case_count(audit_case_t *c, const dmp_ended_t *ended)
{
    c->said++;
    c->emergencies += c->item.view.emergency;

    if (c->item.view.kind == DMP_KIND_SESSION) {
        c->sessions++;

    } else if (!dmp_str_eq(c->item.view.decision, dmp_string("allow"))) {
        c->refused++;

    } else if (c->item.view.kind == DMP_KIND_CHANGE) {
        c->changes++;

    } else {
        c->allowed++;
        c->abandoned += dmp_not_forwarded(ended);
    }
}


/* Its sentence, to be freed; NULL after a complaint. */
static char *
case_sentence(const audit_case_t *c, const dmp_ended_t *ended,
    dmp_cover_t cover)
{
    bool     said;
    char    *sentence;
    FILE    *out;
    size_t   len;

    sentence = NULL;
    out = open_memstream(&sentence, &len);

    if (out == NULL) {
        tool_error("no memory");
        return NULL;
    }

    said = audit_french(out, &c->item, ended, c->policy);

    if (cover == DMP_COVER_PENDING) {
        fputs(" (pas encore signée)", out);
    }

    if (!dmp_item_counts(&c->item)) {
        fputs(" (notée sans effet, ce que rien ne prouve encore)", out);
    }

    if (fclose(out) != 0) {
        free(sentence);
        tool_error("no memory");
        return NULL;
    }

    if (!said) {
        free(sentence);
        return NULL;
    }

    return sentence;
}


/* One line, or one member of a list for machines. */
static bool
case_say(audit_case_t *c, const dmp_ended_t *ended, dmp_cover_t cover)
{
    char    *sentence;
    json_t  *line;

    sentence = case_sentence(c, ended, cover);

    if (sentence == NULL) {
        return false;
    }

    if (!c->json) {
        if (cover == DMP_COVER_NONE) {
            printf("- %s\n", sentence);

        } else {
            printf("%llu. %s\n", (unsigned long long) c->said, sentence);
        }

        free(sentence);
        return true;
    }

    line = audit_to_json(&c->item);
    json_object_set_new(line, "cover", json_string(
                            cover == DMP_COVER_PROVEN ? "proven"
                            : cover == DMP_COVER_PENDING ? "pending"
                            : "none"));
    json_object_set_new(line, "sentence", json_string(sentence));
    json_object_set_new(line, "abandoned",
                        json_boolean(ended != NULL && ended->abandoned));

    if (cover != DMP_COVER_NONE) {
        json_object_set_new(line, "n", json_integer((json_int_t) c->said));
    }

    json_array_append_new(cover == DMP_COVER_NONE ? c->unsigned_lines
                                                  : c->lines, line);
    free(sentence);

    return true;
}


/* A line that is listed; what is proved to have had no effect is none. */
static bool
case_line(audit_case_t *c, dmp_cover_t cover)
{
    bool                ok;
    const dmp_ended_t  *ended;

    if (cover == DMP_COVER_PROVEN && !dmp_item_counts(&c->item)) {
        c->voided++;
        return true;
    }

    ended = NULL;

    if (cover == DMP_COVER_NONE) {
        c->uncovered++;

    } else {
        ended = audit_outcomes_find(&c->outcomes, &c->item);
        case_count(c, ended);
    }

    ok = audit_item_open(&c->item, &c->ring) && case_say(c, ended, cover);
    dmp_item_free(&c->item);

    return ok;
}


/* Those that somebody signed, or may still; or those that nobody did. */
static bool
case_lines(audit_case_t *c, bool covered)
{
    size_t       i;
    dmp_cover_t  cover;

    for (i = 0; i < c->list.n; i++) {
        if (c->list.item[i].entry.id_ms < c->since_ms) {
            continue;
        }

        dmp_item_read(&c->item, &c->list.item[i].entry);
        cover = case_cover(c);

        if ((cover != DMP_COVER_NONE) != covered) {
            continue;
        }

        if (!covered && c->uncovered == 0 && !c->json) {
            printf("\nLignes que personne n'a signées : quiconque peut écrire "
                   "dans la base a pu les y mettre.\nElles ne prouvent rien, "
                   "et ne sont pas comptées comme des accès.\n");
        }

        if (!case_line(c, cover)) {
            return false;
        }
    }

    return true;
}


/* Whether the verifier found the holder's own history to be the trace's. */
static bool
case_history(const audit_case_t *c)
{
    size_t         pos;
    uint64_t       n;
    dmp_finding_t  finding;

    for (n = 0, pos = 0;
         dmp_verify_findings(c->proof.verify, &pos, &finding); n++)
    {
        if (finding.what == DMP_BREAK_HISTORY
            && strncmp(finding.patient, c->pseudonym, DMP_PSEUDONYM_LEN) == 0)
        {
            return false;
        }
    }

    /* of those that are not kept nobody knows */
    return n == c->proof.result.findings;
}


static int
case_run(audit_case_t *c)
{
    if (!store_meta(&c->store)) {
        return TOOL_FAILED;
    }

    c->bucket = dmp_bucket(c->pseudonym, c->store.buckets);
    c->verified = audit_verify_quietly(&c->store, &c->keys, &c->folders,
                                       case_each, c, &c->proof);

    if ((c->verified != TOOL_DONE && c->verified != TOOL_NO)
        || !case_ends(c))
    {
        return TOOL_FAILED;
    }

    c->history = case_history(c);

    if (!c->json) {
        printf("Accès au dossier médical partagé %.*s (pseudonyme)\n\n",
               DMP_PSEUDONYM_LEN, c->pseudonym);
    }

    if (!case_lines(c, true) || !case_lines(c, false)) {
        return TOOL_FAILED;
    }

    if (!c->json) {
        case_verdict(c);

    } else if (!case_report(c)) {
        return TOOL_FAILED;
    }

    return audit_said(stdout) ? c->verified : TOOL_FAILED;
}


static int
case_open(audit_case_t *c, const store_options_t *where, const char *policy)
{
    int  rc;

    if (policy != NULL && !tool_policy(policy, &c->policy)) {
        return TOOL_FAILED;
    }

    c->lines = json_array();
    c->unsigned_lines = json_array();
    rc = store_open(&c->store, where) ? case_run(c) : TOOL_FAILED;

    case_list_free(&c->list);
    case_list_free(&c->ends);
    case_list_free(&c->recent);
    json_decref(c->lines);
    json_decref(c->unsigned_lines);
    audit_outcomes_free(&c->outcomes);
    audit_proof_free(&c->proof);
    store_close(&c->store);
    dmp_policy_free(c->policy);

    return rc;
}


int
dmpctl_audit_case(int argc, char **argv)
{
    int                   rc;
    const char           *key, *since, *policy;
    tool_list_t           words, record_keys;
    store_options_t       where;
    static audit_case_t   c;
    const tool_option_t   options[] = {
        STORE_OPTIONS(where),
        { "--pseudonym-key",    NULL,    &key,    NULL },
        { "--record-key",       NULL,    NULL,    &record_keys },
        { "--audit-public-key", NULL,    NULL,    &c.keys },
        { "--keyring",          NULL,    NULL,    &c.folders },
        { "--since",            NULL,    &since,  NULL },
        { "--policy",           NULL,    &policy, NULL },
        { "--json",             &c.json, NULL,    NULL },
        { NULL,                 NULL,    NULL,    NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&record_keys, 0, sizeof(record_keys));
    key = NULL;
    since = NULL;
    policy = NULL;

    if (!tool_options(argc, argv, options, &words)
        || !audit_instant("--since", since, &c.since_ms))
    {
        return TOOL_USAGE;
    }

    if (words.n != 1) {
        tool_error("\"audit case\" takes one INS");
        return TOOL_USAGE;
    }

    if (c.keys.n + c.folders.n == 0) {
        tool_error("--audit-public-key or --keyring is needed: the trace "
                   "cannot vouch for its own keys");
        return TOOL_USAGE;
    }

    rc = audit_pseudonym(words.item[0], key, c.pseudonym);

    if (rc == TOOL_DONE && !tool_keyring(&record_keys, &c.ring)) {
        rc = TOOL_FAILED;
    }

    return rc == TOOL_DONE ? case_open(&c, &where, policy) : rc;
}
