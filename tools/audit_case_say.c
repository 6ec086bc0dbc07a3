/*
 * audit_case_say.c: how "audit case" ends: what was counted, whether that is
 * all, and what limits the proof, in plain French or for machines.
 */

#include <string.h>

#include "audit_case.h"


static unsigned long long
say_n(uint64_t n)
{
    return (unsigned long long) n;
}


/* French has the singular for 0, too. */
static const char *
say_one(uint64_t n, const char *one, const char *many)
{
    return n < 2 ? one : many;
}


static bool
case_limited(const audit_case_t *c)
{
    const dmp_verify_result_t  *r;

    r = &c->proof.result;

    return c->uncovered + r->unproven + r->silent + r->ended_by_store > 0;
}


static void
case_counts(const audit_case_t *c)
{
    printf("%llu accès %s, %llu refus, %llu %s de droits ; dont %llu en "
           "urgence, %llu %s.\n",
           say_n(c->allowed), say_one(c->allowed, "autorisé", "autorisés"),
           say_n(c->refused), say_n(c->changes),
           say_one(c->changes, "changement", "changements"),
           say_n(c->emergencies), say_n(c->abandoned),
           say_one(c->abandoned, "enregistré et non transmis",
                   "enregistrés et non transmis"));

    if (c->sessions > 0) {
        printf("%llu %s : connexions, codes, mots de passe.\n",
               say_n(c->sessions),
               say_one(c->sessions, "ligne concerne le compte",
                       "lignes concernent le compte"));
    }

    if (c->voided > 0) {
        printf("%llu %s un accès : les droits avaient changé, et la demande "
               "a été décidée à nouveau, ou la session avait pris fin, ou le "
               "compte avait changé.\n",
               say_n(c->voided),
               say_one(c->voided, "tentative sans effet n'est pas",
                       "tentatives sans effet ne sont pas"));
    }

    if (c->uncovered > 0) {
        printf("%llu %s, et %s pas dans ces nombres.\n",
               say_n(c->uncovered),
               say_one(c->uncovered, "ligne n'est signée par personne",
                       "lignes ne sont signées par personne"),
               say_one(c->uncovered, "n'est", "ne sont"));
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

    first = &c->proof.result.first;
    printf("La trace n'est pas entière (%llu %s).  Le premier : %s, "
           "partition %u, ligne %llu-%llu (",
           say_n(c->proof.result.findings),
           say_one(c->proof.result.findings, "constat", "constats"),
           audit_french_break(first->what), first->bucket,
           say_n(first->id_ms), say_n(first->id_seq));
    audit_say_text(stdout, (dmp_str_t) { first->text, strlen(first->text) });
    printf(").\n");
}


static void
case_limit(uint64_t n, const char *one, const char *many)
{
    if (n > 0) {
        printf("- %llu %s ;\n", say_n(n), say_one(n, one, many));
    }
}


/* What the verification cannot know, though it found nothing. */
static void
case_limits(const audit_case_t *c)
{
    const dmp_verify_result_t  *r;

    r = &c->proof.result;
    printf("SOUS RÉSERVE : rien n'a été trouvé qui contredise cette liste, "
           "mais rien ne prouve qu'elle est complète :\n");
    case_limit(r->silent,
               "passerelle s'est tue sans clore son journal : ce qu'elle a "
               "écrit en dernier, seule la base le dit",
               "passerelles se sont tues sans clore leur journal : ce "
               "qu'elles ont écrit en dernier, seule la base le dit");
    case_limit(r->ended_by_store,
               "journal a été clos d'après la base elle-même : que ses "
               "dernières lignes y soient toutes, elle seule le dit",
               "journaux ont été clos d'après la base elle-même : que leurs "
               "dernières lignes y soient toutes, elle seule le dit");
    case_limit(r->unproven,
               "ligne de la trace, tous dossiers confondus, n'est signée par "
               "personne, et ne le sera plus",
               "lignes de la trace, tous dossiers confondus, ne sont signées "
               "par personne, et ne le seront plus");
    case_limit(c->uncovered,
               "ligne de ce dossier est de celles-là : elle est à part, "
               "ci-dessus",
               "lignes de ce dossier sont de celles-là : elles sont à part, "
               "ci-dessus");
}


static void
case_since(const audit_case_t *c)
{
    if (c->since_ms != 0) {
        printf(" depuis le ");
        audit_french_time(stdout, (int64_t) c->since_ms);
    }

    printf(", vérifiée jusqu'au ");
    audit_french_time(stdout, c->proof.until_ms);
    printf(" (heure de Paris).\n");
}


void
case_verdict(const audit_case_t *c)
{
    const dmp_verify_result_t  *r;

    r = &c->proof.result;
    printf("\n");
    case_counts(c);
    printf("\n");

    if (c->verified != TOOL_DONE) {
        case_broken(c);
        return;
    }

    if (case_limited(c)) {
        case_limits(c);
        printf("Liste de %llu %s", say_n(c->said),
               say_one(c->said, "ligne", "lignes"));

    } else {
        printf("Cette liste est complète : %llu %s", say_n(c->said),
               say_one(c->said, "accès, refus ou changement",
                       "accès, refus et changements"));
    }

    case_since(c);
    printf("La trace entière a été vérifiée (%llu %s, %llu %s), et "
           "l'historique du dossier nomme ",
           say_n(r->entries), say_one(r->entries, "ligne", "lignes"),
           say_n(r->checkpoints),
           say_one(r->checkpoints, "signature", "signatures"));

    if (c->list.n > 1) {
        printf("les mêmes %zu lignes, une à une.\n", c->list.n);

    } else {
        fputs(c->list.n == 1 ? "la même ligne.\n" : "lui aussi aucune.\n",
              stdout);
    }

    if (r->not_signed > 0) {
        printf("%llu %s.\n", say_n(r->not_signed),
               say_one(r->not_signed,
                       "ligne toute récente est enchaînée et pas encore "
                       "signée", "lignes toutes récentes sont enchaînées et "
                       "pas encore signées"));
    }
}


static void
case_number(json_t *object, const char *name, uint64_t n)
{
    json_object_set_new(object, name, json_integer((json_int_t) n));
}


static json_t *
case_first(const dmp_finding_t *finding)
{
    json_t  *first;

    first = json_object();
    json_object_set_new(first, "what",
                        json_string(dmp_break_name(finding->what)));
    case_number(first, "bucket", finding->bucket);
    json_object_set_new(first, "text", json_string(finding->text));

    return first;
}


bool
case_report(audit_case_t *c)
{
    bool                        trace;
    json_t                     *report;
    const dmp_verify_result_t  *r;

    r = &c->proof.result;
    trace = c->verified == TOOL_DONE;
    report = json_object();
    json_object_set_new(report, "patient",
                        json_stringn(c->pseudonym, DMP_PSEUDONYM_LEN));
    json_object_set_new(report, "whole",
                        json_boolean(trace && !case_limited(c)));
    json_object_set_new(report, "history", json_boolean(c->history));
    json_object_set_new(report, "trace", json_boolean(trace));
    case_number(report, "until_ms", (uint64_t) c->proof.until_ms);
    case_number(report, "references", c->list.n);
    case_number(report, "allowed", c->allowed);
    case_number(report, "refused", c->refused);
    case_number(report, "changes", c->changes);
    case_number(report, "emergencies", c->emergencies);
    case_number(report, "abandoned", c->abandoned);
    case_number(report, "sessions", c->sessions);
    case_number(report, "void", c->voided);
    case_number(report, "uncovered", c->uncovered);
    case_number(report, "unproven", r->unproven);
    case_number(report, "silent", r->silent);
    case_number(report, "ended_by_store", r->ended_by_store);
    case_number(report, "not_signed", r->not_signed);
    case_number(report, "findings", r->findings);

    if (!trace) {
        json_object_set_new(report, "first", case_first(&r->first));
    }

    json_object_set(report, "entries", c->lines);
    json_object_set(report, "unsigned", c->unsigned_lines);

    return audit_say_value(stdout, report);
}
