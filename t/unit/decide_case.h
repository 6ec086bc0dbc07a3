/*
 * decide_case.h: one case of the decision in small numbers, what it is as the
 * core's own values, and what the rules say of it, read aloud.
 */

#ifndef DECIDE_CASE_H
#define DECIDE_CASE_H

#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>


#define INS      "269054958815780"
#define BAD_INS  "269054958815781"
#define OTHER    "185097512345696"
#define DOCTOR   "899700218896"
#define TODAY    20000

#define count(table)  (sizeof(table) / sizeof((table)[0]))

/* A value that no enumeration has. */
#define BEYOND   77

/* What the request is on; each but the first two needs DMP_MAPPING_ONE. */
enum { ON_NOTHING, ON_INS, ON_BAD_INS, ON_DOCUMENT };

/* The role on the card. */
enum { ROLE_NONE, ROLE_DOCTOR, ROLE_PHARMACIST, ROLE_OTHER_SYSTEM,
       ROLE_NO_SYSTEM, ROLES };

enum { GRANT_NONE, GRANT_VALID, GRANT_EXPIRED, GRANT_FUTURE, GRANTS };

enum { STORE_SILENT, STORE_ABSENT, STORE_PRESENT, STORE_NO_RECORD,
       STORE_NO_VERSION, STORE_BEYOND, STORES };

enum { DOC_NONE, DOC_SAME, DOC_UNNAMED, DOC_OTHER, DOCS };

enum { LABEL_NONE, LABEL_MASKED, LABEL_UNKNOWN, LABEL_INVISIBLE, LABEL_NEW,
       LABELS };

/* What the lists of the record say of the document. */
enum { LIST_NONE, LIST_MASKED, LIST_MASKED_BY_ID, LIST_UNMASKED,
       LIST_UNMASKED_BY_ID, LIST_BOTH, LISTS };

typedef struct {
    int   certificate, token, actor, auth, role, mapping, on, operation, mode;
    int   store, grant, document, labels, lists;
    bool  named, open, blocked, treating, author, by_default;
} case_t;

/* A doctor with a card, authorised, who reads a document of the record. */
static const case_t  allowed = {
    .certificate = DMP_CREDENTIAL_VERIFIED, .token = DMP_CREDENTIAL_ABSENT,
    .actor = DMP_ACTOR_PROFESSIONAL, .auth = DMP_AUTH_DIRECT,
    .role = ROLE_DOCTOR, .mapping = DMP_MAPPING_ONE, .on = ON_INS,
    .operation = DMP_OPERATION_SEARCH, .mode = DMP_MODE_NORMAL,
    .store = STORE_PRESENT, .grant = GRANT_VALID, .document = DOC_SAME,
    .labels = LABEL_NONE, .lists = LIST_NONE, .named = true, .open = true
};

typedef struct {
    dmp_effect_t  effect;
    dmp_rule_t    rule;
    dmp_reason_t  reason;
} verdict_t;

static const dmp_policy_t  policy = { .ins_key = true };


static verdict_t
no(dmp_rule_t rule, dmp_reason_t reason)
{
    return (verdict_t) { (rule == DMP_RULE_X1) ? DMP_ERROR : DMP_DENY, rule,
                         reason };
}


/* The rules, read aloud. */
static verdict_t
oracle(const case_t *c)
{
    bool  asks, masked;

    /* A1: nobody presented anything */
    if (c->certificate == DMP_CREDENTIAL_ABSENT
        && c->token == DMP_CREDENTIAL_ABSENT)
    {
        return no(DMP_RULE_A1, DMP_REASON_AUTHENTICATION_REQUIRED);
    }

    /* A2: a card that is shown is good, and makes somebody */
    if (c->certificate != DMP_CREDENTIAL_ABSENT
        && !(c->certificate == DMP_CREDENTIAL_VERIFIED
             && c->actor != DMP_ACTOR_NONE && c->named))
    {
        return no(DMP_RULE_A2, DMP_REASON_CERTIFICATE_REJECTED);
    }

    /* A3: so is a token */
    if (c->token != DMP_CREDENTIAL_ABSENT
        && c->token != DMP_CREDENTIAL_VERIFIED)
    {
        return no(DMP_RULE_A3, DMP_REASON_TOKEN_REJECTED);
    }

    /* A4: a card and a token are two identities */
    if (c->certificate == DMP_CREDENTIAL_VERIFIED
        && c->token == DMP_CREDENTIAL_VERIFIED && c->auth == DMP_AUTH_DIRECT)
    {
        return no(DMP_RULE_A4, DMP_REASON_IDENTITY_AMBIGUOUS);
    }

    /* B1: the request says one thing */
    switch (c->mapping) {

    case DMP_MAPPING_OPERATION_UNKNOWN:
    case DMP_MAPPING_FORMAT:
        return no(DMP_RULE_B1, DMP_REASON_OPERATION_UNKNOWN);

    case DMP_MAPPING_INS_INVALID:
    case DMP_MAPPING_ONE:
        if (c->operation < DMP_OPERATION_CHECK
            || c->operation > DMP_OPERATION_REOPEN)
        {
            return no(DMP_RULE_B1, DMP_REASON_OPERATION_UNKNOWN);
        }

        if (c->mapping == DMP_MAPPING_ONE && c->on == ON_NOTHING) {
            return no(DMP_RULE_B1, DMP_REASON_REQUEST_AMBIGUOUS);
        }
        break;

    default:
        return no(DMP_RULE_B1, DMP_REASON_REQUEST_AMBIGUOUS);
    }

    /* B2: the INS is one */
    if (c->mapping == DMP_MAPPING_INS_INVALID || c->on == ON_BAD_INS) {
        return no(DMP_RULE_B2, DMP_REASON_INS_INVALID);
    }

    /* X1: from here on the store must have spoken */
    if (c->store != STORE_PRESENT && c->store != STORE_ABSENT) {
        return no(DMP_RULE_X1, DMP_REASON_TRACE_UNAVAILABLE);
    }

    /* C1, C2, F1, G1 are what "check" answers */
    asks = (c->operation == DMP_OPERATION_CHECK);

    if (!asks && c->store == STORE_ABSENT) {
        return no(DMP_RULE_C1, DMP_REASON_RECORD_ABSENT);
    }

    if (!asks && !c->open) {
        return no(DMP_RULE_C2, DMP_REASON_RECORD_CLOSED);
    }

    /* E1: a doctor, with a card of their own, checks, searches and reads */
    if (c->certificate != DMP_CREDENTIAL_VERIFIED
        || c->actor != DMP_ACTOR_PROFESSIONAL || c->auth != DMP_AUTH_DIRECT
        || c->role != ROLE_DOCTOR
        || (c->operation != DMP_OPERATION_CHECK
            && c->operation != DMP_OPERATION_SEARCH
            && c->operation != DMP_OPERATION_READ))
    {
        return no(DMP_RULE_E1, DMP_REASON_RIGHT_MISSING);
    }

    /* F1: blocked beats all that follows */
    if (!asks && c->blocked) {
        return no(DMP_RULE_F1, DMP_REASON_BLOCKED);
    }

    /* G1: in normal mode, an authorisation; being treating is one */
    if (!asks && c->mode == DMP_MODE_NORMAL && !c->treating) {
        if (c->grant == GRANT_EXPIRED) {
            return no(DMP_RULE_G1, DMP_REASON_AUTHORISATION_EXPIRED);
        }

        if (c->grant != GRANT_VALID) {
            return no(DMP_RULE_G1, DMP_REASON_NOT_AUTHORISED);
        }
    }

    /* G7: no path of this version offers another mode */
    if (c->mode != DMP_MODE_NORMAL) {
        return no(DMP_RULE_G7, DMP_REASON_MODE_UNAVAILABLE);
    }

    if (c->document != DOC_NONE) {

        /* there is no record that it could belong to */
        if (c->store == STORE_ABSENT) {
            return no(DMP_RULE_NONE, DMP_REASON_RIGHT_MISSING);
        }

        /* H1: it names this patient, or the patient's search returned it */
        if (c->document == DOC_OTHER
            || (c->document == DOC_UNNAMED
                && !(c->operation == DMP_OPERATION_SEARCH
                     && c->on == ON_INS)))
        {
            return no(DMP_RULE_H1, DMP_REASON_DOCUMENT_FOREIGN);
        }

        /* H3: masked but for its author and who is treating */
        masked = c->labels == LABEL_MASKED || c->labels == LABEL_UNKNOWN
                 || c->labels == LABEL_NEW || c->lists == LIST_MASKED
                 || c->lists == LIST_MASKED_BY_ID || c->lists == LIST_BOTH
                 || (c->by_default && c->lists != LIST_UNMASKED);

        if (masked && !c->author && !c->treating) {
            return no(DMP_RULE_H3, DMP_REASON_MASKED);
        }
    }

    return (verdict_t) { DMP_ALLOW, asks ? DMP_RULE_E1 : DMP_RULE_G1,
                         DMP_REASON_NONE };
}


static const dmp_str_t  somebody[] = { dmp_string("899700314422"),
                                       dmp_string(DOCTOR) };
static const dmp_str_t  by_name[] = { dmp_string("urn:oid:9.9"),
                                      dmp_string("urn:oid:1.2") };
static const dmp_str_t  by_id[] = { dmp_string("d1") };

/* Of another professional, and then ours. */
static const dmp_grant_t  grants[GRANTS][2] = {
    [GRANT_NONE] = { { dmp_string("899700314422"), 0, INT32_MAX } },
    [GRANT_VALID] = { { dmp_string("899700314422"), 0, 1 },
                      { dmp_string(DOCTOR), TODAY, TODAY + 1 } },
    [GRANT_EXPIRED] = { { dmp_string("899700314422"), 0, INT32_MAX },
                        { dmp_string(DOCTOR), 0, TODAY } },
    [GRANT_FUTURE] = { { dmp_string("899700314422"), 0, INT32_MAX },
                       { dmp_string(DOCTOR), TODAY + 1, INT32_MAX } },
};


/* The first one is somebody else; with both, ours is among them. */
static dmp_list_t
list_of(const dmp_str_t *list, size_t n)
{
    return (dmp_list_t) { list, n };
}


static void
make_document(const case_t *c, dmp_document_t *document)
{
    static const unsigned  labels[LABELS] = {
        [LABEL_MASKED] = DMP_LABEL_MASKED,
        [LABEL_UNKNOWN] = DMP_LABEL_UNKNOWN | DMP_LABEL_INVISIBLE_PATIENT,
        [LABEL_INVISIBLE] = DMP_LABEL_INVISIBLE_PATIENT
                            | DMP_LABEL_INVISIBLE_REPRESENTATIVES,
        [LABEL_NEW] = 0x10,
    };

    document->id = by_id[0];
    document->master = by_name[1];
    document->labels = labels[c->labels];
    document->n_ins = (c->document == DOC_UNNAMED) ? 0 : 1;
    document->ins[0] = (c->document == DOC_OTHER) ? dmp_string(OTHER)
                                                  : dmp_string(INS);
    document->other_patient = false;
    document->authors[0] = somebody[0];
    document->authors[1] = somebody[1];
    document->n_authors = c->author ? 2 : 1;
}


static void
make_record(const case_t *c, dmp_record_t *record)
{
    record->ins = dmp_string(INS);
    record->open = c->open;
    record->bris_de_glace = true;
    record->centre_15 = true;
    record->emergency_masked = true;
    record->mask_by_default = c->by_default;
    record->blocked = list_of(somebody, c->blocked ? 2 : 1);
    record->treating = list_of(somebody, c->treating ? 2 : 1);
    record->masked = list_of(by_name, 1);
    record->unmasked = list_of(by_name, 1);
    record->authorisations = grants[c->grant];
    record->n_authorisations = (c->grant == GRANT_NONE) ? 1 : 2;

    switch (c->lists) {

    case LIST_MASKED:
        record->masked = list_of(by_name, 2);
        break;

    case LIST_MASKED_BY_ID:
        record->masked = list_of(by_id, 1);
        break;

    case LIST_UNMASKED:
        record->unmasked = list_of(by_name, 2);
        break;

    case LIST_UNMASKED_BY_ID:
        record->unmasked = list_of(by_id, 1);
        break;

    case LIST_BOTH:
        record->masked = list_of(by_name, 2);
        record->unmasked = list_of(by_name, 2);
        break;

    default:
        break;
    }
}


static void
make_subject(const case_t *c, dmp_subject_t *subject)
{
    static const dmp_code_t  roles[ROLES] = {
        [ROLE_DOCTOR] = { dmp_string("1.2.250.1.71.1.2.7"),
                          dmp_string("10") },
        [ROLE_PHARMACIST] = { dmp_string("1.2.250.1.71.1.2.7"),
                              dmp_string("21") },
        [ROLE_OTHER_SYSTEM] = { dmp_string("1.2.250.1.71.1.2.8"),
                                dmp_string("10") },
        [ROLE_NO_SYSTEM] = { dmp_null_string, dmp_string("10") },
    };

    subject->certificate = (dmp_credential_t) c->certificate;
    subject->token = (dmp_credential_t) c->token;
    subject->actor = (dmp_actor_t) c->actor;
    subject->auth = (dmp_auth_t) c->auth;
    subject->id = c->named ? dmp_string(DOCTOR) : dmp_null_string;
    subject->role = roles[c->role];
}


static void
decide(const case_t *c, dmp_decision_t *out)
{
    dmp_facts_t     facts;
    dmp_record_t    record;
    dmp_request_t   request;
    dmp_subject_t   subject;

    static dmp_document_t  document;

    memset(&record, 0, sizeof(record));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));

    make_record(c, &record);
    make_subject(c, &subject);
    make_document(c, &document);

    request.mapping = (dmp_mapping_t) c->mapping;
    request.operation = (dmp_operation_t) c->operation;
    request.mode = (dmp_mode_t) c->mode;

    if (c->on == ON_INS || c->on == ON_BAD_INS) {
        request.ins = (c->on == ON_INS) ? dmp_string(INS)
                                        : dmp_string(BAD_INS);

    } else if (c->on == ON_DOCUMENT) {
        request.document = by_id[0];
    }

    facts.state = (c->store == STORE_SILENT) ? DMP_RECORD_UNKNOWN
                  : (c->store == STORE_ABSENT) ? DMP_RECORD_ABSENT
                  : (c->store == STORE_BEYOND) ? (dmp_record_state_t) BEYOND
                  : DMP_RECORD_PRESENT;
    facts.record = (c->store == STORE_ABSENT || c->store == STORE_NO_RECORD)
                   ? NULL : &record;
    facts.version = (c->store == STORE_NO_VERSION) ? 0 : 3;

    memset(out, 0xff, sizeof(*out));

    dmp_decide(&policy, &subject, &request, &facts,
               (c->document == DOC_NONE) ? NULL : &document, TODAY, out);
}


static uint32_t
obligations(const case_t *c, dmp_effect_t effect)
{
    if (effect != DMP_ALLOW) {
        return DMP_OBLIGATION_TRACE;
    }

    switch (c->operation) {

    case DMP_OPERATION_CHECK:
        return DMP_OBLIGATION_TRACE | DMP_OBLIGATION_COMPOSE;

    case DMP_OPERATION_SEARCH:
        return DMP_OBLIGATION_TRACE | DMP_OBLIGATION_FILTER;

    default:
        return DMP_OBLIGATION_TRACE | DMP_OBLIGATION_JUDGE;
    }
}

#endif
