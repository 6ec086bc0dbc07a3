/*
 * audit_case.c: "dmpctl audit case": all that was done with one patient's
 * record, in plain French, and the proof that it is all: the whole trace is
 * verified, and the holder's own history names the same entries.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_say.h"
#include "policy_files.h"


#define CASE_BATCH  1000

const char  dmpctl_help_audit_case[] =
    "dmpctl audit case INS --pseudonym-key FILE --audit-public-key FILE\n"
    "    [--record-key FILE] [--policy FILE] [--since T] [--json]\n"
    "\n"
    "For a patient who asks who has seen their record: every access and every\n"
    "change in a French sentence, oldest first and numbered, refusals and\n"
    "emergencies included; then whether that is all.  For that it verifies\n"
    "the whole trace, and compares what it has of this record with the\n"
    "holder's history, one by one.  Answers 0 if the list is whole, 1 if not.\n"
    "Times are those of Europe/Paris.\n"
    "\n"
    "  --audit-public-key FILE  may be repeated: one per gateway\n"
    "  --keyring DIR            all *.pub of a folder; may be repeated\n"
    "  --record-key FILE        opens justifications and details\n"
    "  --policy FILE            names professions and types of documents\n"
    "  --since T                lists what came since then; all is verified\n"
    "  --json                   for machines, sentences included\n"
    STORE_USAGE;

typedef struct {
    audit_entry_t   entry;
    char           *bytes;               /* body and outcome */
} case_entry_t;

typedef struct {
    store_t               store;
    char                  pseudonym[DMP_PSEUDONYM_LEN];
    unsigned              bucket;
    uint64_t              since_ms;
    dmp_keyring_t         ring;
    dmp_policy_t         *policy;
    tool_list_t           keys;
    tool_list_t           folders;
    bool                  json;

    audit_snapshot_t      snapshot;
    audit_outcomes_t      outcomes;
    audit_item_t          item;
    case_entry_t         *list;
    size_t                n;
    size_t                size;

    json_t               *lines;         /* with --json */
    uint64_t              said;
    uint64_t              allowed;
    uint64_t              refused;
    uint64_t              changes;
    uint64_t              emergencies;
    uint64_t              abandoned;
    uint64_t              voided;
    bool                  history;       /* the holder's, as the trace */
    int                   verified;      /* TOOL_DONE, TOOL_NO */
    dmp_verify_result_t   result;
} audit_case_t;


static bool
case_keep(audit_case_t *c, const audit_entry_t *entry)
{
    size_t         len, size;
    case_entry_t  *larger, *kept;

    if (c->n == c->size) {
        size = c->size == 0 ? 64 : c->size * 2;
        larger = reallocarray(c->list, size, sizeof(case_entry_t));

        if (larger == NULL) {
            tool_error("no memory");
            return false;
        }

        c->list = larger;
        c->size = size;
    }

    kept = &c->list[c->n];
    len = entry->body.len;
    kept->entry = *entry;
    kept->bytes = malloc(len + entry->outcome.len);

    if (kept->bytes == NULL) {
        tool_error("no memory");
        return false;
    }

    memcpy(kept->bytes, entry->body.data, len);
    memcpy(kept->bytes + len, entry->outcome.data, entry->outcome.len);
    kept->entry.body.data = kept->bytes;
    kept->entry.outcome.data = kept->bytes + len;
    c->n++;

    return true;
}


/* All entries about the record, in the order of the stream. */
static bool
case_read(audit_case_t *c)
{
    int              rc;
    audit_entry_t    entry;
    audit_range_t    range;
    audit_reader_t  *reader;

    memset(&range, 0, sizeof(range));
    range.one_bucket = true;
    range.bucket = c->bucket;
    reader = audit_reader_create(&c->store, &c->snapshot, &range);

    if (reader == NULL) {
        return false;
    }

    while ((rc = audit_next(reader, &entry)) == TOOL_DONE) {
        audit_item_read(&c->item, &entry);

        if (c->item.readable
            && dmp_str_eq(c->item.view.patient,
                          (dmp_str_t) { c->pseudonym, DMP_PSEUDONYM_LEN })
            && (!audit_outcomes_want(&c->outcomes, c->item.view.trace)
                || !case_keep(c, &entry)))
        {
            rc = TOOL_FAILED;
            break;
        }
    }

    audit_reader_free(reader);

    return rc == TOOL_NO;
}


/* As the store writes it: 6 bytes and 2, or 8 and 8. */
static size_t
case_reference(const audit_entry_t *entry, unsigned char out[16])
{
    size_t  i, ms, seq;

    ms = entry->id_seq > 65535 ? 8 : 6;
    seq = entry->id_seq > 65535 ? 8 : 2;

    for (i = 0; i < ms; i++) {
        out[i] = (unsigned char) (entry->id_ms >> 8 * (ms - 1 - i));
    }

    for (i = 0; i < seq; i++) {
        out[ms + i] = (unsigned char) (entry->id_seq >> 8 * (seq - 1 - i));
    }

    return ms + seq;
}


/* What came after our snapshot is no business of this list. */
static bool
case_is_later(const audit_case_t *c, const redisReply *r)
{
    size_t                i, ms_len;
    uint64_t              ms, seq;
    const unsigned char  *p;

    if (r->type != REDIS_REPLY_STRING || (r->len != 8 && r->len != 16)) {
        return false;
    }

    p = (const unsigned char *) r->str;
    ms_len = r->len == 8 ? 6 : 8;
    ms = 0;
    seq = 0;

    for (i = 0; i < r->len; i++) {
        if (i < ms_len) {
            ms = ms << 8 | p[i];

        } else {
            seq = seq << 8 | p[i];
        }
    }

    return ms > c->snapshot.end_ms[c->bucket]
           || (ms == c->snapshot.end_ms[c->bucket]
               && seq > c->snapshot.end_seq[c->bucket]);
}


/* Compares a piece of the holder's list; what differs ends it. */
static void
case_compare(audit_case_t *c, const redisReply *r, size_t *pos)
{
    size_t          i, len;
    redisReply     *element;
    unsigned char   reference[16];

    for (i = 0; i < r->elements && c->history; i++) {
        element = r->element[i];

        if (*pos == c->n) {
            c->history = case_is_later(c, element);
            continue;
        }

        len = case_reference(&c->list[*pos].entry, reference);
        c->history = element->type == REDIS_REPLY_STRING
                     && element->len == len
                     && memcmp(element->str, reference, len) == 0;
        (*pos)++;
    }
}


static bool
case_history(audit_case_t *c)
{
    char           key[DMP_KEY_NAME_MAX], from[24], to[24];
    size_t         pos, len, n;
    redisReply    *r;
    store_args_t   args;

    pos = 0;
    n = 0;
    c->history = true;
    len = dmp_key_name(key, c->bucket, "idx",
                       (dmp_str_t) { c->pseudonym, DMP_PSEUDONYM_LEN });

    for ( ;; ) {
        (void) snprintf(from, sizeof(from), "%zu", n);
        (void) snprintf(to, sizeof(to), "%zu", n + CASE_BATCH - 1);
        args.n = 0;
        store_text(&args, "LRANGE");
        store_bytes(&args, key, len);
        store_text(&args, from);
        store_text(&args, to);
        r = store_call(&c->store, &args);

        if (r == NULL) {
            return false;
        }

        if (r->elements == 0 || !c->history) {
            freeReplyObject(r);
            break;
        }

        case_compare(c, r, &pos);
        n += r->elements;
        freeReplyObject(r);
    }

    /* A list that ends early has lost what the trace still has. */
    c->history = c->history && pos == c->n;

    return true;
}


static void
case_count(audit_case_t *c, const audit_ended_t *ended)
{
    c->said++;
    c->emergencies += c->item.view.emergency;
    c->abandoned += ended != NULL && ended->abandoned;

    if (!dmp_str_eq(c->item.view.decision, dmp_string("allow"))) {
        c->refused++;

    } else if (c->item.view.kind == DMP_KIND_CHANGE) {
        c->changes++;

    } else {
        c->allowed++;
    }
}


/* One line, or one member of the list for machines. */
static bool
case_say(audit_case_t *c, const audit_ended_t *ended)
{
    char    *sentence;
    FILE    *out;
    json_t  *line;
    size_t   len;

    sentence = NULL;
    out = open_memstream(&sentence, &len);

    if (out == NULL) {
        tool_error("no memory");
        return false;
    }

    audit_french(out, &c->item, ended, c->policy);

    if (fclose(out) != 0) {
        free(sentence);
        tool_error("no memory");
        return false;
    }

    if (c->json) {
        line = audit_to_json(&c->item);
        json_object_set_new(line, "n", json_integer((json_int_t) c->said));
        json_object_set_new(line, "sentence", json_stringn(sentence, len));
        json_object_set_new(line, "abandoned",
                            json_boolean(ended != NULL && ended->abandoned));
        json_array_append_new(c->lines, line);

    } else {
        printf("%llu. %s\n", (unsigned long long) c->said, sentence);
    }

    free(sentence);

    return true;
}


static bool
case_list(audit_case_t *c)
{
    bool                  ok;
    size_t                i;
    const audit_ended_t  *ended;

    for (i = 0; i < c->n; i++) {
        if (c->list[i].entry.id_ms < c->since_ms) {
            continue;
        }

        audit_item_read(&c->item, &c->list[i].entry);

        if (!audit_counts(&c->item)) {
            c->voided++;
            continue;
        }

        ended = audit_outcomes_find(&c->outcomes, c->item.view.trace);
        case_count(c, ended);
        ok = audit_item_open(&c->item, &c->ring) && case_say(c, ended);
        audit_item_free(&c->item);

        if (!ok) {
            return false;
        }
    }

    return true;
}


static void
case_counts(const audit_case_t *c)
{
    printf("%llu accès autorisé(s), %llu refus, %llu changement(s) de droits "
           "; dont %llu en urgence, %llu enregistré(s) et non transmis.\n",
           (unsigned long long) c->allowed, (unsigned long long) c->refused,
           (unsigned long long) c->changes,
           (unsigned long long) c->emergencies,
           (unsigned long long) c->abandoned);

    if (c->voided > 0) {
        printf("%llu tentative(s) sans effet ne sont pas des accès : les "
               "droits avaient changé, et la demande a été décidée à "
               "nouveau.\n", (unsigned long long) c->voided);
    }
}


static void
case_broken(const audit_case_t *c)
{
    const dmp_finding_t  *first;

    printf("CETTE LISTE N'EST PAS PROUVÉE COMPLÈTE.\n");

    if (!c->history) {
        printf("L'historique du dossier ne nomme pas les mêmes lignes que la "
               "trace : l'un des deux a été modifié.\n");
    }

    if (c->verified == TOOL_DONE) {
        return;
    }

    first = &c->result.first;
    printf("La trace n'est pas entière (%llu constat(s)).  Le premier : %s, "
           "partition %u, ligne %llu-%llu (",
           (unsigned long long) c->result.findings,
           audit_french_break(first->what), first->bucket,
           (unsigned long long) first->id_ms,
           (unsigned long long) first->id_seq);
    audit_say_text(stdout, (dmp_str_t) { first->text, strlen(first->text) });
    printf(").\n");
}


static void
case_verdict(const audit_case_t *c, bool whole)
{
    printf("\n");
    case_counts(c);
    printf("\n");

    if (!whole) {
        case_broken(c);
        return;
    }

    printf("Cette liste est complète : %llu accès, refus et changements%s",
           (unsigned long long) c->said, c->since_ms != 0 ? " depuis le " : "");

    if (c->since_ms != 0) {
        audit_french_time(stdout, (int64_t) c->since_ms);
    }

    printf(", vérifiée jusqu'au ");
    audit_french_time(stdout, c->snapshot.now_ms);
    printf(" (heure de Paris).\nLa trace entière a été vérifiée (%llu lignes, "
           "%llu signatures), et l'historique du dossier nomme les mêmes "
           "%zu lignes, une à une.\n",
           (unsigned long long) c->result.entries,
           (unsigned long long) c->result.checkpoints, c->n);

    if (c->result.not_signed > 0) {
        printf("%llu ligne(s) toute(s) récente(s) sont enchaînées et pas "
               "encore signées.\n",
               (unsigned long long) c->result.not_signed);
    }
}


static void
case_number(json_t *object, const char *name, uint64_t n)
{
    json_object_set_new(object, name, json_integer((json_int_t) n));
}


static bool
case_report(audit_case_t *c, bool whole)
{
    json_t  *report, *first;

    report = json_object();
    json_object_set_new(report, "patient",
                        json_stringn(c->pseudonym, DMP_PSEUDONYM_LEN));
    json_object_set_new(report, "whole", json_boolean(whole));
    json_object_set_new(report, "history", json_boolean(c->history));
    json_object_set_new(report, "trace",
                        json_boolean(c->verified == TOOL_DONE));
    case_number(report, "until_ms", (uint64_t) c->snapshot.now_ms);
    case_number(report, "references", c->n);
    case_number(report, "allowed", c->allowed);
    case_number(report, "refused", c->refused);
    case_number(report, "changes", c->changes);
    case_number(report, "emergencies", c->emergencies);
    case_number(report, "abandoned", c->abandoned);
    case_number(report, "void", c->voided);
    case_number(report, "findings", c->result.findings);

    if (c->verified != TOOL_DONE) {
        first = json_object();
        json_object_set_new(first, "what", json_string(
                                dmp_break_name(c->result.first.what)));
        case_number(first, "bucket", c->result.first.bucket);
        json_object_set_new(first, "text",
                            json_string(c->result.first.text));
        json_object_set_new(report, "first", first);
    }

    json_object_set(report, "entries", c->lines);

    return audit_say_value(stdout, report);
}


static int
case_run(audit_case_t *c)
{
    bool           whole;
    audit_range_t  all;

    if (!store_meta(&c->store)) {
        return TOOL_FAILED;
    }

    c->bucket = dmp_bucket(c->pseudonym, c->store.buckets);
    memset(&all, 0, sizeof(all));

    if (!audit_snapshot(&c->store, false, &c->snapshot) || !case_read(c)) {
        return TOOL_FAILED;
    }

    c->outcomes.closed = true;

    if (!audit_outcomes_read(&c->outcomes, &c->store, &c->snapshot, &all)
        || !case_history(c))
    {
        return TOOL_FAILED;
    }

    c->verified = audit_verify_quietly(&c->store, &c->keys, &c->folders,
                                       &c->result);
    if (c->verified != TOOL_DONE && c->verified != TOOL_NO) {
        return TOOL_FAILED;
    }

    whole = c->verified == TOOL_DONE && c->history;

    if (!c->json) {
        printf("Accès au dossier médical partagé %.*s (pseudonyme)\n\n",
               DMP_PSEUDONYM_LEN, c->pseudonym);
    }

    if (!case_list(c)) {
        return TOOL_FAILED;
    }

    if (!c->json) {
        case_verdict(c, whole);

    } else if (!case_report(c, whole)) {
        return TOOL_FAILED;
    }

    return !audit_said(stdout) ? TOOL_FAILED : whole ? TOOL_DONE : TOOL_NO;
}


static int
case_open(audit_case_t *c, const store_options_t *where, const char *policy)
{
    int     rc;
    size_t  i;

    if (policy != NULL && !tool_policy(policy, &c->policy)) {
        return TOOL_FAILED;
    }

    c->lines = json_array();
    rc = store_open(&c->store, where) ? case_run(c) : TOOL_FAILED;

    for (i = 0; i < c->n; i++) {
        free(c->list[i].bytes);
    }

    free(c->list);
    json_decref(c->lines);
    audit_outcomes_free(&c->outcomes);
    audit_snapshot_free(&c->snapshot);
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
