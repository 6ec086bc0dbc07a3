/*
 * dmp_answer.c: refusals as FHIR OperationOutcome or as problem details, and
 * the answers to TD0.2 and TD0.5.
 */

#include <dmp/dmp_answer.h>
#include <dmp/dmp_record.h>


/* Whose identifiers "find" gives: it searches by no system. */
#define DMP_INS_SYSTEM  "urn:oid:1.2.250.1.213.1.4.8"

/* The case of CSP L1111-17, and what it takes. */
static const char  dmp_bris_de_glace[] =
    "Si l'état de la personne comporte un risque immédiat pour sa santé, le "
    "mode bris de glace ouvre ce dossier, avec une justification et les traits "
    "d'identité (nom, prénom, date de naissance). Cet accès est tracé et le "
    "patient en est informé.";

static const char *const dmp_titles[] = {
    [DMP_REASON_AUTHENTICATION_REQUIRED] =
        "Identifiez-vous : par une carte de professionnel de santé, ou par "
        "identifiant et mot de passe.",
    [DMP_REASON_CERTIFICATE_REJECTED] =
        "Ce certificat n'est pas accepté : vérifiez la carte, sa date de "
        "validité et sa révocation.",
    [DMP_REASON_TOKEN_REJECTED] =
        "Ce jeton n'est pas accepté : identifiez-vous à nouveau.",
    [DMP_REASON_IDENTITY_AMBIGUOUS] =
        "Deux identités sont présentées : n'en présentez qu'une.",
    [DMP_REASON_REQUEST_AMBIGUOUS] =
        "Cette requête peut se lire de plusieurs façons : elle n'est pas "
        "transmise.",
    [DMP_REASON_OPERATION_UNKNOWN] =
        "Cette requête n'est aucune des transactions du DMP servies ici.",
    [DMP_REASON_INS_INVALID] =
        "Cet identifiant national de santé (INS) est mal formé.",
    [DMP_REASON_RECORD_ABSENT] =
        "Il n'existe pas de dossier médical partagé pour ce patient.",
    [DMP_REASON_RECORD_CLOSED] =
        "Ce dossier médical partagé est fermé.",
    [DMP_REASON_RECORD_EXISTS] =
        "Il existe déjà un dossier médical partagé pour ce patient.",
    [DMP_REASON_ACTOR_EXCLUDED] =
        "Votre activité n'a aucun accès au dossier médical partagé.",
    [DMP_REASON_CHANNEL_MISMATCH] =
        "Ce canal alimente le dossier et ne permet pas de le consulter.",
    [DMP_REASON_RIGHT_MISSING] =
        "Votre profession et votre mode d'accès ne donnent pas ce droit.",
    [DMP_REASON_BLOCKED] =
        "Le patient a bloqué votre accès à son dossier.",
    [DMP_REASON_NOT_AUTHORISED] =
        "Le patient ne vous a pas autorisé à consulter son dossier.",
    [DMP_REASON_AUTHORISATION_EXPIRED] =
        "L'autorisation que le patient vous a donnée a expiré : demandez-lui "
        "de la renouveler.",
    [DMP_REASON_EMERGENCY_OPPOSED] =
        "Le patient s'oppose à cet accès en urgence.",
    [DMP_REASON_JUSTIFICATION_MISSING] =
        "Justifiez cet accès en bris de glace.",
    [DMP_REASON_TRAITS_MISMATCH] =
        "Le nom, le prénom ou la date de naissance ne sont pas ceux du "
        "dossier.",
    [DMP_REASON_NOT_REGULATOR] =
        "Cet accès est réservé aux médecins régulateurs des centres 15.",
    [DMP_REASON_MODE_UNAVAILABLE] =
        "Ce mode d'accès n'est pas offert ici.",
    [DMP_REASON_DOCUMENT_FOREIGN] =
        "Aucun document ne porte cet identifiant.",
    [DMP_REASON_NOT_AUTHOR] =
        "Seul l'auteur du document peut faire cela.",
    [DMP_REASON_CHANGE_NOT_ALLOWED] =
        "Cette modification du document n'est pas permise.",
    [DMP_REASON_NOT_OWN_RECORD] =
        "Ce dossier n'est pas le vôtre.",
    [DMP_REASON_DEPOSIT_NOT_ALLOWED] =
        "Ce dépôt n'est pas permis.",
    [DMP_REASON_TRACE_UNAVAILABLE] =
        "L'accès ne peut pas être tracé pour le moment : réessayez dans "
        "quelques instants.",
    [DMP_REASON_ANSWER_UNCHECKED] =
        "La réponse de l'hébergeur n'a pas pu être vérifiée : rien n'en est "
        "transmis.",
    [DMP_REASON_CREDENTIALS_REJECTED] =
        "Identifiant ou mot de passe incorrect : vérifiez-les et réessayez.",
    [DMP_REASON_CODE_REJECTED] =
        "Ce code n'est pas accepté : vérifiez-le, ou identifiez-vous à "
        "nouveau pour en recevoir un autre.",
    [DMP_REASON_PASSWORD_CHANGE_REQUIRED] =
        "Votre mot de passe est provisoire : choisissez-en d'abord un autre.",
    [DMP_REASON_TOO_MANY_ATTEMPTS] =
        "Trop d'essais : attendez un peu avant de réessayer.",
    [DMP_REASON_PASSWORD_REFUSED] =
        "Ce mot de passe ne peut pas être pris : choisissez au moins douze "
        "caractères, qu'on ne devine pas.",
    [DMP_REASON_CONTACT_MISSING] =
        "Aucune adresse ni aucun numéro n'est enregistré pour vous envoyer un "
        "code : adressez-vous à un professionnel de santé.",
    [DMP_REASON_MAX] = NULL
};


/* A request that was not read as one: its mapping says why. */
static unsigned
dmp_mapping_status(dmp_mapping_t mapping)
{
    switch (mapping) {

    case DMP_MAPPING_FORMAT:
        return 406;

    case DMP_MAPPING_TOO_LARGE:
        return 413;

    case DMP_MAPPING_MEDIA:
        return 415;

    default:
        return 400;
    }
}


/*
 * Named only by a document or an attachment; metadata names nothing, and
 * "find" names its patient by traits.
 */
static bool
dmp_names_no_patient(const dmp_request_t *request)
{
    return request->mapping == DMP_MAPPING_ONE
           && request->ins.len == 0
           && request->operation != DMP_OPERATION_FIND
           && request->operation != DMP_OPERATION_METADATA
           && request->resource != DMP_RESOURCE_CAPABILITIES;
}


unsigned
dmp_answer_status(const dmp_request_t *request, const dmp_decision_t *decision)
{
    if (decision->effect == DMP_ERROR) {
        return 503;
    }

    switch (decision->reason) {

    case DMP_REASON_CREDENTIALS_REJECTED:
    case DMP_REASON_CODE_REJECTED:
        return 401;

    case DMP_REASON_PASSWORD_CHANGE_REQUIRED:
    case DMP_REASON_CONTACT_MISSING:
        return 403;

    case DMP_REASON_PASSWORD_REFUSED:
        return 400;

    case DMP_REASON_TOO_MANY_ATTEMPTS:
        return 429;

    default:
        break;
    }

    switch (decision->rule) {

    case DMP_RULE_A1:
    case DMP_RULE_A2:
    case DMP_RULE_A3:
        return 401;

    case DMP_RULE_A4:
        return 403;

    case DMP_RULE_B1:
        return dmp_mapping_status(request->mapping);

    case DMP_RULE_B2:
        return 400;

    case DMP_RULE_H1:
    case DMP_RULE_H2:
    case DMP_RULE_H3:
    case DMP_RULE_H4:
    case DMP_RULE_H5:
        return 404;

    default:
        break;
    }

    /* that there is a record behind it is not told */

    return dmp_names_no_patient(request) ? 404 : 403;
}


dmp_reason_t
dmp_answer_reason(unsigned status, dmp_reason_t reason)
{
    return (status == 404) ? DMP_REASON_DOCUMENT_FOREIGN : reason;
}


const char *
dmp_answer_title(unsigned status, dmp_reason_t reason)
{
    switch (status) {

    case 406:
        return "Il n'y a de réponse qu'en JSON : demandez "
               "application/fhir+json.";

    case 413:
        return "Cette requête dépasse une limite fixée ici : raccourcissez-la "
               "ou demandez moins à la fois.";

    case 415:
        return "Ce qui est envoyé ne peut pas être lu : envoyez le type de "
               "contenu de cette transaction, sans compression.";

    default:
        break;
    }

    if ((size_t) reason >= sizeof(dmp_titles) / sizeof(dmp_titles[0])
        || dmp_titles[reason] == NULL)
    {
        return "Cet accès est refusé.";
    }

    return dmp_titles[reason];
}


/* FHIR R4 value set issue-type. */
static const char *
dmp_issue_type(unsigned status)
{
    switch (status) {

    case 400:
        return "invalid";

    case 401:
        return "login";

    case 403:
        return "forbidden";

    case 404:
        return "not-found";

    case 406:
    case 415:
        return "not-supported";

    case 413:
        return "too-long";

    case 429:
        return "throttled";

    case 503:
        return "transient";

    default:
        return "exception";
    }
}


void
dmp_answer_refusal(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id, bool opens)
{
    reason = dmp_answer_reason(status, reason);

    dmp_buf_text(buf, "{\"resourceType\":\"OperationOutcome\",\"issue\":[{"
                      "\"severity\":\"error\",\"code\":\"");
    dmp_buf_text(buf, dmp_issue_type(status));
    dmp_buf_text(buf, "\",\"details\":{\"coding\":[{\"system\":"
                      "\"urn:dmp:reason\",\"code\":\"");
    dmp_buf_text(buf, dmp_reason_name(reason));
    dmp_buf_text(buf, "\"}],\"text\":\"");
    dmp_buf_text(buf, dmp_answer_title(status, reason));
    dmp_buf_text(buf, "\"},\"diagnostics\":\"trace ");
    dmp_buf_str(buf, trace_id);
    dmp_buf_text(buf, "\"}");

    if (opens && status == 403) {
        dmp_buf_text(buf, ",{\"severity\":\"information\",\"code\":"
                          "\"informational\",\"details\":{\"coding\":[{"
                          "\"system\":\"urn:dmp:hint\",\"code\":"
                          "\"bris-de-glace\"}],\"text\":\"");
        dmp_buf_text(buf, dmp_bris_de_glace);
        dmp_buf_text(buf, "\"}}");
    }

    dmp_buf_text(buf, "]}\n");
}


void
dmp_answer_problem(dmp_buf_t *buf, unsigned status, dmp_reason_t reason,
    dmp_str_t trace_id, bool opens)
{
    reason = dmp_answer_reason(status, reason);

    dmp_buf_text(buf, "{\"type\":\"urn:dmp:reason:");
    dmp_buf_text(buf, dmp_reason_name(reason));
    dmp_buf_text(buf, "\",\"title\":\"");
    dmp_buf_text(buf, dmp_answer_title(status, reason));
    dmp_buf_text(buf, "\",\"status\":");
    dmp_buf_uint(buf, status);
    dmp_buf_text(buf, ",\"reason\":\"");
    dmp_buf_text(buf, dmp_reason_name(reason));
    dmp_buf_text(buf, "\",\"trace_id\":\"");
    dmp_buf_str(buf, trace_id);

    if (opens && status == 403) {
        dmp_buf_text(buf, "\",\"bris_de_glace\":\"");
        dmp_buf_text(buf, dmp_bris_de_glace);
    }

    dmp_buf_text(buf, "\"}\n");
}


const char *
dmp_authorisation_code(dmp_authorisation_t authorisation)
{
    switch (authorisation) {

    case DMP_AUTHORISATION_VALID:
        return "VALIDE";

    case DMP_AUTHORISATION_EXPIRED:
        return "EXPIRE";

    case DMP_AUTHORISATION_FORBIDDEN:
        return "INTERDIT";

    case DMP_AUTHORISATION_NONE:
        break;
    }

    return "NON_EXISTE";
}


static void
dmp_answer_traits(dmp_buf_t *buf, const dmp_record_t *record)
{
    /* FHIR has no empty strings: what the record does not hold is left out */
    if (record->family.len != 0 || record->given.len != 0) {
        dmp_buf_text(buf, ",\"name\":[{\"use\":\"usual\"");

        if (record->family.len != 0) {
            dmp_buf_text(buf, ",\"family\":");
            dmp_buf_json(buf, record->family);
        }

        if (record->given.len != 0) {
            dmp_buf_text(buf, ",\"given\":[");
            dmp_buf_json(buf, record->given);
            dmp_buf_text(buf, "]");
        }

        dmp_buf_text(buf, "}]");
    }

    if (dmp_str_eq(record->sex, dmp_string("F"))) {
        dmp_buf_text(buf, ",\"gender\":\"female\"");

    } else if (dmp_str_eq(record->sex, dmp_string("M"))) {
        dmp_buf_text(buf, ",\"gender\":\"male\"");
    }

    if (record->birthdate.len != 0) {
        dmp_buf_text(buf, ",\"birthDate\":");
        dmp_buf_json(buf, record->birthdate);
    }
}


static void
dmp_answer_identifier(dmp_buf_t *buf, dmp_str_t system, dmp_str_t ins,
    bool open)
{
    dmp_buf_text(buf, "\"identifier\":[{\"use\":\"official\",\"system\":");
    dmp_buf_json(buf, system);
    dmp_buf_text(buf, ",\"value\":");
    dmp_buf_json(buf, ins);
    dmp_buf_text(buf, "}],\"active\":");
    dmp_buf_text(buf, open ? "true" : "false");
}


void
dmp_answer_check(dmp_buf_t *buf, const dmp_policy_t *policy,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_subject_t *subject, int32_t today)
{
    dmp_authorisation_t  authorisation;

    dmp_buf_text(buf, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",");

    if (facts->state != DMP_RECORD_PRESENT) {
        dmp_buf_text(buf, "\"total\":0}\n");
        return;
    }

    authorisation = dmp_authorisation(policy, facts->record, subject,
                                      today);

    dmp_buf_text(buf, "\"total\":1,\"entry\":[{\"resource\":{"
                      "\"resourceType\":\"Patient\",\"extension\":["
                      "{\"url\":\"urn:dmp:authorisation\",\"valueCoding\":{"
                      "\"system\":\"urn:oid:1.2.250.1.213.4.1.2.6.2\","
                      "\"code\":\"");
    dmp_buf_text(buf, dmp_authorisation_code(authorisation));
    dmp_buf_text(buf, "\"}},{\"url\":\"https://interop.esante.gouv.fr/ig/fhir/"
                      "dmp/StructureDefinition/dmp-medecin-traitant\","
                      "\"valueBoolean\":");
    dmp_buf_text(buf, (authorisation == DMP_AUTHORISATION_VALID
                       && dmp_is_treating(policy, facts->record, subject))
                      ? "true" : "false");
    dmp_buf_text(buf, "}],");
    dmp_answer_identifier(buf, request->ins_system, request->ins,
                          facts->record->open);

    if (authorisation == DMP_AUTHORISATION_VALID && facts->record->open) {
        dmp_answer_traits(buf, facts->record);
    }

    dmp_buf_text(buf, "},\"search\":{\"mode\":\"match\"}}]}\n");
}


void
dmp_answer_find(dmp_buf_t *buf, const dmp_record_t *const *records, size_t n,
    bool more)
{
    size_t  i;

    dmp_buf_text(buf, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\","
                      "\"total\":");
    dmp_buf_uint(buf, n);

    for (i = 0; i < n; i++) {
        dmp_buf_text(buf, (i == 0) ? ",\"entry\":[" : ",");
        dmp_buf_text(buf, "{\"resource\":{\"resourceType\":\"Patient\",");
        dmp_answer_identifier(buf, dmp_string(DMP_INS_SYSTEM),
                              records[i]->ins, records[i]->open);
        dmp_answer_traits(buf, records[i]);
        dmp_buf_text(buf, "},\"search\":{\"mode\":\"match\"}}");
    }

    if (more) {
        dmp_buf_text(buf, (n == 0) ? ",\"entry\":[" : ",");
        dmp_buf_text(buf, "{\"resource\":{\"resourceType\":"
                          "\"OperationOutcome\",\"issue\":[{\"severity\":"
                          "\"warning\",\"code\":\"suppressed\",\"details\":{"
                          "\"text\":\"D'autres dossiers ont ces traits "
                          "d'identité : tous ne sont pas donnés ici. Cherchez "
                          "ce patient par son INS.\"}}]},\"search\":{\"mode\":"
                          "\"outcome\"}}");
    }

    dmp_buf_text(buf, (n != 0 || more) ? "]}\n" : "}\n");
}
