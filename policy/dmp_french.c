/*
 * dmp_french.c: an access or a change as a sentence in plain French, for the
 * person whose record it was: who, in which capacity, from where, what, in
 * which mode, and whether they were let, or why not.
 *
 * "plain" is for who has a right to their history, not for an auditor: no
 * network address, no rule's code, no pseudonym.
 */

#include <dmp/dmp_history.h>
#include <dmp/dmp_policy.h>


static const char  *const french_months[] = {
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
    "septembre", "octobre", "novembre", "décembre"
};

static const char  *const french_actors[DMP_ACTOR_MAX] = {
    [DMP_ACTOR_NONE] = "une personne que rien n'identifie",
    [DMP_ACTOR_PATIENT] = "le patient lui-même",
    [DMP_ACTOR_REPRESENTATIVE] = "un représentant du patient",
    [DMP_ACTOR_PROFESSIONAL] = "le professionnel de santé",
    [DMP_ACTOR_STAFF] = "l'employé d'un établissement",
    [DMP_ACTOR_STRUCTURE] = "la structure",
    [DMP_ACTOR_FEEDER] = "l'organisme qui alimente les dossiers",
    [DMP_ACTOR_OPERATOR] = "l'opérateur de l'hébergeur",
};

static const char  *const french_auths[DMP_AUTH_MAX] = {
    [DMP_AUTH_DIRECT] = ", identifié par sa propre carte",
    [DMP_AUTH_INDIRECT] = ", identifié par sa structure",
    [DMP_AUTH_INDIRECT_REINFORCED] =
        ", identifié par sa structure (authentification renforcée)",
    [DMP_AUTH_OPERATOR] = ", en ligne de commande",
    [DMP_AUTH_SESSION] = ", par mot de passe et code à usage unique",
};

/* What was done, and what was asked for where it was refused. */
typedef struct {
    const char  *done;
    const char  *asked;
} french_act_t;

static const french_act_t  french_operations[DMP_OPERATION_MAX] = {
    [DMP_OPERATION_NONE] = { "a envoyé une demande qui n'a pas été comprise",
                             "a envoyé une demande qui n'a pas été comprise" },
    [DMP_OPERATION_CHECK] = { "a vérifié si le dossier existe et s'il y est "
                              "autorisé",
                              "a demandé si le dossier existe" },
    [DMP_OPERATION_FIND] = { "a trouvé le dossier par les traits d'identité",
                             "a cherché le dossier par les traits "
                             "d'identité" },
    [DMP_OPERATION_SEARCH] = { "a consulté la liste des documents",
                               "a demandé la liste des documents" },
    [DMP_OPERATION_REFERENCE] = { "a consulté les références des documents",
                                  "a demandé les références des documents" },
    [DMP_OPERATION_READ] = { "a lu", "a demandé à lire" },
    [DMP_OPERATION_DEPOSIT] = { "a déposé", "a demandé à déposer" },
    [DMP_OPERATION_REPLACE] = { "a remplacé", "a demandé à remplacer" },
    [DMP_OPERATION_MASK] = { "a masqué aux professionnels",
                             "a demandé à masquer aux professionnels" },
    [DMP_OPERATION_UNMASK] = { "a démasqué", "a demandé à démasquer" },
    [DMP_OPERATION_HIDE] = { "a rendu invisible",
                             "a demandé à rendre invisible" },
    [DMP_OPERATION_SHOW] = { "a rendu visible", "a demandé à rendre visible" },
    [DMP_OPERATION_DELETE] = { "a supprimé", "a demandé à supprimer" },
    [DMP_OPERATION_ARCHIVE] = { "a archivé", "a demandé à archiver" },
    [DMP_OPERATION_UNARCHIVE] = { "a désarchivé", "a demandé à désarchiver" },
    [DMP_OPERATION_HISTORY] = { "a consulté l'historique des accès",
                                "a demandé l'historique des accès" },
    [DMP_OPERATION_RIGHTS] = { "a consulté l'état des droits",
                               "a demandé l'état des droits" },
    [DMP_OPERATION_CREATE] = { "a créé le dossier",
                               "a demandé à créer le dossier" },
    [DMP_OPERATION_CLOSE] = { "a fermé le dossier",
                              "a demandé à fermer le dossier" },
    [DMP_OPERATION_REOPEN] = { "a rouvert le dossier",
                               "a demandé à rouvrir le dossier" },
    [DMP_OPERATION_METADATA] = { "a demandé ce que l'hébergeur sait faire",
                                 "a demandé ce que l'hébergeur sait faire" },
    [DMP_OPERATION_SIGN_IN] = { "a donné l'identifiant et le mot de passe",
                                "a essayé de se connecter avec un identifiant "
                                "et un mot de passe" },
    [DMP_OPERATION_CODE] = { "a donné le code à usage unique",
                             "a essayé un code à usage unique" },
    [DMP_OPERATION_PASSWORD] = { "a changé le mot de passe",
                                 "a demandé à changer le mot de passe" },
    [DMP_OPERATION_RECOVERY] = { "a demandé à remplacer un mot de passe "
                                 "oublié",
                                 "a demandé à remplacer un mot de passe "
                                 "oublié" },
    [DMP_OPERATION_SIGN_OUT] = { "s'est déconnecté",
                                 "a demandé à se déconnecter" },
    [DMP_OPERATION_SESSION] = { "s'est servi de sa session pour un autre "
                                "dossier",
                                "a présenté sa session pour un autre "
                                "dossier" },
};

/* An import of a record that there is. */
static const french_act_t  french_imported = {
    "a remplacé tout ce que le dossier dit des droits",
    "a demandé à remplacer tout ce que le dossier dit des droits"
};

/* What an operator does with an account at the counter. */
static const french_act_t  french_given = {
    "a donné un mot de passe provisoire au compte",
    "a demandé à donner un mot de passe provisoire au compte"
};

static const french_act_t  french_ended = {
    "a supprimé le compte",
    "a demandé à supprimer le compte"
};

static const french_act_t  french_changes[DMP_CHANGE_MAX] = {
    [DMP_CHANGE_AUTHORISE] = { "a autorisé à consulter le dossier :",
                               "a demandé à autoriser à consulter le "
                               "dossier :" },
    [DMP_CHANGE_WITHDRAW] = { "a retiré l'autorisation de",
                              "a demandé à retirer l'autorisation de" },
    [DMP_CHANGE_BLOCK] = { "a bloqué l'accès de",
                           "a demandé à bloquer l'accès de" },
    [DMP_CHANGE_UNBLOCK] = { "a débloqué l'accès de",
                             "a demandé à débloquer l'accès de" },
    [DMP_CHANGE_DESIGNATE] = { "a désigné comme médecin traitant",
                               "a demandé à désigner comme médecin traitant" },
    [DMP_CHANGE_DISMISS] = { "a retiré des médecins traitants",
                             "a demandé à retirer des médecins traitants" },
    [DMP_CHANGE_OPPOSE] = { "a changé les réponses sur les accès en urgence",
                            "a demandé à changer les réponses sur les accès "
                            "en urgence" },
    [DMP_CHANGE_MASK_DEFAULT] = { "a changé le masquage par défaut",
                                  "a demandé à changer le masquage par "
                                  "défaut" },
    [DMP_CHANGE_CONTACT] = { "a changé les coordonnées",
                             "a demandé à changer les coordonnées" },
    [DMP_CHANGE_NAME_REPRESENTATIVE] = { "a inscrit un représentant",
                                  "a demandé à inscrire un représentant" },
    [DMP_CHANGE_REMOVE_REPRESENTATIVE] = { "a retiré un représentant",
                                  "a demandé à retirer un représentant" },
};

static const char  *const french_reasons[DMP_REASON_MAX] = {
    [DMP_REASON_AUTHENTICATION_REQUIRED] = "aucune carte n'était présentée",
    [DMP_REASON_CERTIFICATE_REJECTED] = "la carte n'était pas valable",
    [DMP_REASON_TOKEN_REJECTED] = "le jeton d'accès n'était pas valable",
    [DMP_REASON_IDENTITY_AMBIGUOUS] = "deux identités étaient présentées",
    [DMP_REASON_REQUEST_AMBIGUOUS] = "la demande pouvait se lire de plusieurs "
                                     "façons",
    [DMP_REASON_OPERATION_UNKNOWN] = "la demande n'était aucune de celles du "
                                     "DMP",
    [DMP_REASON_INS_INVALID] = "l'identité nationale de santé était mal formée",
    [DMP_REASON_RECORD_ABSENT] = "le dossier n'existait pas",
    [DMP_REASON_RECORD_CLOSED] = "le dossier était fermé",
    [DMP_REASON_RECORD_EXISTS] = "le dossier existait déjà",
    [DMP_REASON_ACTOR_EXCLUDED] = "cette activité n'a aucun accès au DMP",
    [DMP_REASON_CHANNEL_MISMATCH] = "ce canal alimente le dossier et ne permet "
                                    "pas de le consulter",
    [DMP_REASON_RIGHT_MISSING] = "cette profession et ce mode d'accès ne "
                                 "donnent pas ce droit",
    [DMP_REASON_BLOCKED] = "l'accès de ce professionnel était bloqué",
    [DMP_REASON_NOT_AUTHORISED] = "ce professionnel n'était pas autorisé",
    [DMP_REASON_AUTHORISATION_EXPIRED] = "son autorisation avait expiré",
    [DMP_REASON_EMERGENCY_OPPOSED] = "cet accès en urgence faisait l'objet "
                                     "d'une opposition",
    [DMP_REASON_JUSTIFICATION_MISSING] = "l'accès en urgence n'était pas "
                                         "justifié",
    [DMP_REASON_TRAITS_MISMATCH] = "le nom, le prénom ou la date de naissance "
                                   "donnés n'étaient pas ceux du dossier",
    [DMP_REASON_NOT_REGULATOR] = "cet accès est réservé aux médecins "
                                 "régulateurs des centres 15",
    [DMP_REASON_MODE_UNAVAILABLE] = "ce mode d'accès n'était pas offert",
    [DMP_REASON_DOCUMENT_FOREIGN] = "aucun document de ce dossier ne porte cet "
                                    "identifiant",
    [DMP_REASON_TYPE_NOT_ALLOWED] = "cette profession ne lit pas ce type de "
                                    "document",
    [DMP_REASON_MASKED] = "le document était masqué aux professionnels",
    [DMP_REASON_INVISIBLE_TO_PATIENT] = "le document n'était pas encore "
                                        "visible du patient",
    [DMP_REASON_INVISIBLE_TO_REPRESENTATIVES] = "le document n'était pas "
                                        "visible des représentants",
    [DMP_REASON_NOT_AUTHOR] = "seul l'auteur du document peut faire cela",
    [DMP_REASON_CHANGE_NOT_ALLOWED] = "cette modification n'était pas permise",
    [DMP_REASON_NOT_OWN_RECORD] = "ce n'était pas son propre dossier",
    [DMP_REASON_DEPOSIT_NOT_ALLOWED] = "ce dépôt n'était pas permis",
    [DMP_REASON_TRACE_UNAVAILABLE] = "l'accès ne pouvait pas être tracé",
    [DMP_REASON_ANSWER_UNCHECKED] = "la réponse de l'hébergeur n'a pas pu être "
                                    "vérifiée",
    [DMP_REASON_CREDENTIALS_REJECTED] = "l'identifiant ou le mot de passe "
                                        "n'était pas le bon",
    [DMP_REASON_CODE_REJECTED] = "le code n'était pas le bon, ou ne valait "
                                 "plus",
    [DMP_REASON_PASSWORD_CHANGE_REQUIRED] = "le mot de passe provisoire devait "
                                            "d'abord être changé",
    [DMP_REASON_TOO_MANY_ATTEMPTS] = "il y avait eu trop d'essais",
};

/* A value's phrase, or its own name where it has none. */
static const char *
french_phrase(const char *const *phrases, size_t n, const dmp_names_t *names,
    dmp_str_t word)
{
    int  value;

    value = dmp_name_value(names, word);

    return value >= 0 && (size_t) value < n && phrases[value] != NULL
           ? phrases[value] : "";
}

#define french(phrases, names, word)                                         \
    french_phrase(phrases, sizeof(phrases) / sizeof((phrases)[0]), names,    \
                  word)


/*
 * Hours from UTC to Europe/Paris.  Clocks change there at 01:00 UTC: that day
 * counts from then on.  At 22:30 UTC it is tomorrow there, or not yet.
 */
static int64_t
french_offset(int64_t unix_sec)
{
    int64_t  day;

    day = (unix_sec - 3600) / 86400;

    return dmp_day_paris(day * 86400 + 81000) > day ? 2 : 1;
}


void
dmp_french_time(dmp_buf_t *b, int64_t unix_ms)
{
    int        month;
    char       text[32];
    dmp_buf_t  utc;

    dmp_buf_init(&utc, text, sizeof(text));
    dmp_buf_time(&utc, unix_ms + french_offset(unix_ms / 1000) * 3600000);

    if (utc.full) {
        dmp_buf_text(b, "?");
        return;
    }

    month = (text[5] - '0') * 10 + text[6] - '0';
    dmp_buf_uint(b, (uint64_t) ((text[8] - '0') * 10 + text[9] - '0'));
    dmp_buf_text(b, text[8] == '0' && text[9] == '1' ? "er " : " ");
    dmp_buf_text(b, french_months[month - 1]);
    dmp_buf_text(b, " ");
    dmp_buf_add(b, text, 4);
    dmp_buf_text(b, " à ");
    dmp_buf_add(b, text + 11, 8);
}


static void
french_member(dmp_buf_t *b, const char *before, dmp_str_t value,
    const char *after)
{
    if (value.len > 0) {
        dmp_buf_text(b, before);
        dmp_buf_str(b, value);
        dmp_buf_text(b, after);
    }
}


/* The policy's name of the profession, or its code. */
static void
french_role(dmp_buf_t *b, const json_t *actor, const dmp_policy_t *policy)
{
    dmp_code_t               code;
    const dmp_profession_t  *profession;

    code.system = dmp_item_code(actor, "role", 0);
    code.code = dmp_item_code(actor, "role", 1);

    if (code.code.len == 0) {
        return;
    }

    profession = policy != NULL ? dmp_policy_profession(policy, code) : NULL;

    if (profession != NULL && profession->name.len > 0) {
        french_member(b, " (", profession->name, ")");

    } else {
        french_member(b, " (profession de code ", code.code, ")");
    }
}


static void
french_who(dmp_buf_t *b, const dmp_item_t *item, const dmp_policy_t *policy,
    bool plain)
{
    int            kind;
    dmp_str_t      structure, client;
    const char    *auth;
    const json_t  *actor;

    actor = json_object_get(item->body, "actor");
    kind = dmp_name_value(&dmp_actor_names, dmp_item_member(actor, "kind"));

    if (kind == DMP_ACTOR_PATIENT
        && !dmp_str_eq(dmp_item_member(actor, "id"), item->view.patient))
    {
        dmp_buf_text(b, "un autre patient");

    } else {
        dmp_buf_text(b, french(french_actors, &dmp_actor_names,
                               dmp_item_member(actor, "kind")));
    }

    /* A patient's own identifier is the pseudonym: it says nothing to them. */
    if (kind != DMP_ACTOR_PATIENT
        && !(plain && kind == DMP_ACTOR_REPRESENTATIVE))
    {
        french_member(b, " ", dmp_item_member(actor, "id"), "");
    }

    french_role(b, actor, policy);
    structure = dmp_item_member(actor, "structure");

    if (!dmp_str_eq(structure, dmp_item_member(actor, "id"))) {
        french_member(b, ", pour la structure ", structure, "");
    }

    auth = french(french_auths, &dmp_auth_names,
                  dmp_item_member(actor, "auth"));
    client = plain ? dmp_null_string
                   : dmp_item_member(item->body, "client");
    dmp_buf_text(b, auth);
    french_member(b, ", depuis l'adresse ", client, "");
    dmp_buf_text(b, auth[0] != '\0' || client.len > 0 ? ", " : " ");
}


static void
french_document(dmp_buf_t *b, const json_t *document,
    const dmp_policy_t *policy)
{
    bool               same;
    dmp_code_t         code;
    const dmp_type_t  *type;

    code.system = dmp_null_string;
    code.code = dmp_json_text(json_array_get(document, 1));

    french_member(b, " le document ",
                  dmp_json_text(json_array_get(document, 0)), "");

    type = policy != NULL && code.code.len > 0
           ? dmp_policy_type(policy, code, &same) : NULL;

    if (type != NULL && type->name.len > 0) {
        french_member(b, " (", type->name, ")");

    } else {
        french_member(b, " (type ", code.code, ")");
    }
}


/* What a change said that is sealed, by the names of its members. */
static void
french_details(dmp_buf_t *b, const json_t *details)
{
    size_t        i;
    json_t       *value;
    const char   *sep;
    static const struct {
        const char  *name;
        const char  *says;
    } members[] = {
        { "target", "concerne " }, { "document", "document " },
        { "since", "à partir du " }, { "until", "jusqu'au (exclu) " },
        { "consent", "consentement déclaré : " },
        { "bris_de_glace", "bris de glace accepté : " },
        { "centre_15", "centre 15 accepté : " },
        { "masked", "documents masqués montrés en urgence : " },
        { "mask_by_default", "masquage par défaut : " },
        { "email", "adresse électronique : " }, { "phone", "téléphone : " },
        { "prefer", "moyen préféré : " },
        { "representative", "représentant " }
    };

    sep = " (";

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        value = json_object_get(details, members[i].name);

        if (value == NULL) {
            continue;
        }

        dmp_buf_text(b, sep);
        dmp_buf_text(b, members[i].says);
        sep = ", ";

        if (json_is_boolean(value)) {
            dmp_buf_text(b, json_is_true(value) ? "oui" : "non");

        } else {
            dmp_buf_str(b, dmp_json_text(value));
        }
    }

    dmp_buf_text(b, strcmp(sep, " (") != 0 ? ")" : "");
}


/* It is done in the store, whoever is told of it. */
static bool
french_in_store(const dmp_item_t *item)
{
    return item->view.kind == DMP_KIND_CHANGE
           || item->view.kind == DMP_KIND_SESSION;
}


/* What was done to a document that the entry does not name. */
static const char *
french_unnamed(const dmp_item_t *item)
{
    switch (dmp_name_value(&dmp_operation_names, item->view.operation)) {

    case DMP_OPERATION_READ:
        return " le contenu d'un document";

    case DMP_OPERATION_DEPOSIT:
    case DMP_OPERATION_REPLACE:
    case DMP_OPERATION_MASK:
    case DMP_OPERATION_UNMASK:
    case DMP_OPERATION_HIDE:
    case DMP_OPERATION_SHOW:
    case DMP_OPERATION_DELETE:
    case DMP_OPERATION_ARCHIVE:
    case DMP_OPERATION_UNARCHIVE:
        return " un document";

    default:
        return "";
    }
}


static void
french_what(dmp_buf_t *b, const dmp_item_t *item, const dmp_ended_t *ended,
    const dmp_policy_t *policy, bool plain)
{
    int                  value;
    bool                 done;
    size_t               i;
    json_t              *list, *document;
    const french_act_t  *act;

    done = dmp_str_eq(item->view.decision, dmp_string("allow"))
           && (french_in_store(item) || !dmp_not_forwarded(ended))
           && (!plain || dmp_item_counts(item));
    value = dmp_name_value(&dmp_change_names, item->view.change);
    act = &french_operations[DMP_OPERATION_NONE];

    if (value > DMP_CHANGE_NONE && value < DMP_CHANGE_MAX) {
        act = &french_changes[value];

    } else {
        value = dmp_name_value(&dmp_operation_names, item->view.operation);

        if (value > DMP_OPERATION_NONE && value < DMP_OPERATION_MAX) {
            act = &french_operations[value];
        }
    }

    if (act == &french_operations[DMP_OPERATION_CREATE]
        && item->view.version != 0)
    {
        act = &french_imported;
    }

    if (dmp_str_eq(item->view.actor_kind, dmp_string("operator"))) {

        if (act == &french_operations[DMP_OPERATION_PASSWORD]) {
            act = &french_given;

        } else if (act == &french_operations[DMP_OPERATION_SIGN_OUT]) {
            act = &french_ended;
        }
    }

    dmp_buf_text(b, done ? act->done : act->asked);
    french_member(b, " ", item->view.target, "");

    list = json_object_get(item->body, "documents");

    json_array_foreach(list, i, document) {
        dmp_buf_text(b, i > 0 ? "," : "");
        french_document(b, document, policy);
    }

    if (json_array_size(list) == 0) {
        dmp_buf_text(b, french_unnamed(item));
    }
}


static void
french_mode(dmp_buf_t *b, const dmp_item_t *item)
{
    if (!item->view.emergency) {
        return;
    }

    dmp_buf_text(b, dmp_str_eq(item->view.mode, dmp_string("centre-15"))
                    ? "URGENCE (régulation du centre 15) : "
                    : "URGENCE (bris de glace) : ");
}


static void
french_justification(dmp_buf_t *b, const dmp_item_t *item)
{
    if (item->justification != NULL) {
        french_member(b, ", avec la justification « ",
                      dmp_json_text(item->justification), " »");

    } else if (item->view.justification.len > 0) {
        dmp_buf_text(b, ", avec une justification qui ne s'ouvre pas avec les "
                        "clés données");
    }
}


static void
french_number(dmp_buf_t *b, const char *before, uint64_t n, const char *one,
    const char *more)
{
    dmp_buf_text(b, before);
    dmp_buf_uint(b, n);
    dmp_buf_text(b, n < 2 ? one : more);
}


static void
french_end(dmp_buf_t *b, const dmp_item_t *item, const dmp_ended_t *ended)
{
    if (ended->ended && ended->status >= 400) {
        french_number(b, " ; sans résultat (réponse ", ended->status, ")",
                      ")");

    } else if (ended->shown > 0 || ended->withheld > 0) {
        french_number(b, " ; ", ended->shown, " montré", " montrés");
        french_number(b, ", ", ended->withheld, " retenu", " retenus");
    }

    if (!ended->abandoned) {
        return;
    }

    if (french_in_store(item)) {
        dmp_buf_text(b, " ; la réponse n'a pas été transmise");

    } else if (ended->ended) {
        dmp_buf_text(b, " ; dit aussi non transmis, ce que son résultat "
                        "contredit");

    } else {
        dmp_buf_text(b, " ; enregistré, non transmis");
    }
}


/* By which rule: a code, for who can look it up. */
static void
french_decision(dmp_buf_t *b, const dmp_item_t *item, bool plain)
{
    bool         allowed;
    dmp_str_t    rule;
    const char  *why;

    rule = item->view.rule;

    /* what concerns a session rests on no rule, mostly */
    if (plain || (item->view.kind == DMP_KIND_SESSION
                  && dmp_str_eq(rule, dmp_string("none"))))
    {
        rule = dmp_null_string;
    }

    allowed = dmp_str_eq(item->view.decision, dmp_string("allow"));

    if (allowed) {
        dmp_buf_text(b, french_in_store(item) ? " : fait" : " : autorisé");
        french_member(b, " (règle ", rule, ")");
        return;
    }

    why = french(french_reasons, &dmp_reason_names, item->view.reason);
    dmp_buf_text(b, why[0] != '\0' ? " : refusé, car " : " : refusé");
    dmp_buf_text(b, why);

    if (!plain) {
        dmp_buf_text(b, " (");
        french_member(b, "règle ", rule, ", ");
        french_member(b, "", dmp_item_reason(&item->view), ")");
    }
}


/* It was decided anew at once, and that stands in an entry of its own. */
static void
french_void(dmp_buf_t *b, const dmp_item_t *item)
{
    if (item->view.kind == DMP_KIND_SESSION) {
        dmp_buf_text(b, " : sans effet, car la session avait pris fin ou le "
                        "compte venait de changer");
        return;
    }

    if (dmp_str_eq(item->view.actor_auth, dmp_string("session"))) {
        dmp_buf_text(b, " : sans effet, car la session avait pris fin, le "
                        "dossier venait de changer ou la demande arrivait "
                        "trop tard");
        return;
    }

    dmp_buf_text(b, " : sans effet, car le dossier venait de changer ; la "
                    "demande a été décidée à nouveau");
}


void
dmp_french(dmp_buf_t *b, const dmp_item_t *item, const dmp_ended_t *ended,
    const dmp_policy_t *policy, bool plain)
{
    dmp_buf_text(b, "Le ");
    dmp_french_time(b, item->view.time_ms);
    dmp_buf_text(b, ", ");
    french_mode(b, item);
    french_who(b, item, policy, plain);
    french_what(b, item, ended, policy, plain);
    french_details(b, item->details);
    french_justification(b, item);

    if (item->view.repeated > 0) {
        french_number(b, ", et ", item->view.repeated, " demande semblable",
                      " demandes semblables");
    }

    if (plain && !dmp_item_counts(item)) {
        french_void(b, item);

    } else {
        french_decision(b, item, plain);

        if (ended != NULL
            && dmp_str_eq(item->view.decision, dmp_string("allow")))
        {
            french_end(b, item, ended);
        }
    }

    dmp_buf_text(b, ".");
}
