/*
 * dmp_decide.h: the decision.  Plain values in, one verdict out; no I/O, no
 * clock, no allocation.  The rules, their sources and their order are in
 * docs/rules.md; the zero value of every enum below denies.
 */

#ifndef DMP_DECIDE_H
#define DMP_DECIDE_H

#include <dmp/dmp.h>


typedef struct dmp_policy_s  dmp_policy_t;       /* dmp_policy.h */
typedef struct dmp_record_s  dmp_record_t;       /* dmp_record.h */
typedef struct dmp_document_s  dmp_document_t;   /* dmp_document.h */


typedef enum {
    DMP_ACTOR_NONE = 0,
    DMP_ACTOR_PATIENT,
    DMP_ACTOR_REPRESENTATIVE,
    DMP_ACTOR_PROFESSIONAL,
    DMP_ACTOR_STAFF,
    DMP_ACTOR_STRUCTURE,
    DMP_ACTOR_FEEDER,
    DMP_ACTOR_OPERATOR,
    DMP_ACTOR_MAX
} dmp_actor_t;

/* Absent, failed and positive are three values; only the last can allow. */
typedef enum {
    DMP_CREDENTIAL_ABSENT = 0,
    DMP_CREDENTIAL_REJECTED,
    DMP_CREDENTIAL_VERIFIED,
    DMP_CREDENTIAL_MAX
} dmp_credential_t;

typedef enum {
    DMP_AUTH_NONE = 0,
    DMP_AUTH_DIRECT,                     /* a card of the person's own */
    DMP_AUTH_INDIRECT,                   /* by a structure */
    DMP_AUTH_INDIRECT_REINFORCED,
    DMP_AUTH_OPERATOR,                   /* the command-line tool */
    DMP_AUTH_SESSION,                    /* password and one-time code */
    DMP_AUTH_MAX
} dmp_auth_t;

/* Codes are compared with their system: "10" is a doctor in one table only. */
typedef struct {
    dmp_str_t  system;                   /* OID, e.g. "1.2.250.1.71.1.2.7" */
    dmp_str_t  code;
} dmp_code_t;

/* A situation of practice; what is empty of it is unknown. */
typedef struct {
    dmp_code_t  sector;                  /* TRE_R02 */
    dmp_code_t  activity;                /* TRE_R21, TRE_R22 or TRE_R85 */
    dmp_code_t  specialty;               /* TRE_R01 */
    dmp_str_t   structure;               /* Struct_IdNat */
} dmp_situation_t;

/* Registered as regulator of a registered centre 15 (or as such a centre). */
typedef enum {
    DMP_REGULATOR_UNKNOWN = 0,
    DMP_REGULATOR_NO,
    DMP_REGULATOR_YES,
    DMP_REGULATOR_MAX
} dmp_regulator_t;

#define DMP_SUBJECT_IDS  4

typedef struct {
    dmp_credential_t        certificate;
    dmp_credential_t        token;
    dmp_actor_t             actor;
    dmp_auth_t              auth;
    dmp_str_t               id;          /* national identifier; a patient's
                                            pseudonym */
    dmp_str_t               other_ids[DMP_SUBJECT_IDS];  /* of the same person:
                                            RPPS, ADELI */
    unsigned                n_other_ids;
    dmp_str_t               ins;         /* a patient's or representative's */
    bool                    discreet;    /* a holder's session that no
                                            representative is to learn of */
    dmp_code_t              role;        /* profession; empty = unknown */
    bool                    role_settled;    /* the credential's word on it is
                                            final, also when that is none: it
                                            contradicts itself, or is of one in
                                            training */
    dmp_situation_t         used;        /* the situation they act in */
    const dmp_situation_t  *situations;  /* all known, where "used" is not */
    size_t                  n_situations;
    dmp_regulator_t         regulator;
    dmp_str_t               certificate_serial;    /* hex */
    dmp_str_t               certificate_issuer;    /* its common name */
} dmp_subject_t;


typedef enum {
    DMP_OPERATION_NONE = 0,
    DMP_OPERATION_CHECK,                 /* TD0.2 */
    DMP_OPERATION_FIND,                  /* TD0.5 */
    DMP_OPERATION_SEARCH,                /* TD3.1a */
    DMP_OPERATION_REFERENCE,             /* TD3.1b */
    DMP_OPERATION_READ,                  /* TD3.2 */
    DMP_OPERATION_DEPOSIT,               /* TD2 */
    DMP_OPERATION_REPLACE,               /* TD2.1 */
    DMP_OPERATION_MASK,                  /* TD3.3a */
    DMP_OPERATION_UNMASK,
    DMP_OPERATION_HIDE,                  /* TD3.3b */
    DMP_OPERATION_SHOW,
    DMP_OPERATION_DELETE,                /* TD3.3c */
    DMP_OPERATION_ARCHIVE,               /* TD3.3d */
    DMP_OPERATION_UNARCHIVE,
    DMP_OPERATION_HISTORY,
    DMP_OPERATION_RIGHTS,
    DMP_OPERATION_CREATE,
    DMP_OPERATION_CLOSE,
    DMP_OPERATION_REOPEN,
    DMP_OPERATION_METADATA,              /* what the host can do: no record */

    /* Of sessions: traced, and no request for a record; B1 refuses each. */
    DMP_OPERATION_SIGN_IN,               /* identifier and password */
    DMP_OPERATION_CODE,                  /* the one-time code */
    DMP_OPERATION_PASSWORD,              /* a new one is set */
    DMP_OPERATION_RECOVERY,
    DMP_OPERATION_SIGN_OUT,
    DMP_OPERATION_SESSION,               /* a representative's own, looked at
                                            for another record */
    DMP_OPERATION_MAX
} dmp_operation_t;

typedef enum {
    DMP_MODE_NONE = 0,
    DMP_MODE_NORMAL,
    DMP_MODE_BRIS_DE_GLACE,
    DMP_MODE_CENTRE_15,
    DMP_MODE_MAX
} dmp_mode_t;

/* The modes that a location offers; none by default (rule G7). */
#define DMP_OFFERS_NORMAL         0x1
#define DMP_OFFERS_BRIS_DE_GLACE  0x2
#define DMP_OFFERS_CENTRE_15      0x4

/* What a location is for (rule D2). */
typedef enum {
    DMP_CHANNEL_NONE = 0,
    DMP_CHANNEL_ANY,
    DMP_CHANNEL_READ,
    DMP_CHANNEL_FEED,
    DMP_CHANNEL_MAX
} dmp_channel_t;

/* What the operation "rights" changes. */
typedef enum {
    DMP_CHANGE_NONE = 0,
    DMP_CHANGE_AUTHORISE,                /* TD0.3 */
    DMP_CHANGE_WITHDRAW,
    DMP_CHANGE_BLOCK,
    DMP_CHANGE_UNBLOCK,
    DMP_CHANGE_DESIGNATE,                /* a treating physician */
    DMP_CHANGE_DISMISS,                  /* by the patient, or they leave */
    DMP_CHANGE_OPPOSE,                   /* the three flags of emergency */
    DMP_CHANGE_MASK_DEFAULT,             /* all documents, from now on */
    DMP_CHANGE_CONTACT,
    DMP_CHANGE_NAME_REPRESENTATIVE,
    DMP_CHANGE_REMOVE_REPRESENTATIVE,    /* by an operator, or they leave */
    DMP_CHANGE_MAX
} dmp_change_t;

/* What a change of a document amounts to, on the whole document (rule H7). */
#define DMP_EFFECT_MASK        0x0001
#define DMP_EFFECT_UNMASK      0x0002
#define DMP_EFFECT_HIDE        0x0004    /* from patient or representatives */
#define DMP_EFFECT_SHOW        0x0008
#define DMP_EFFECT_DELETE      0x0010
#define DMP_EFFECT_SUPERSEDE   0x0020
#define DMP_EFFECT_ARCHIVE     0x0040
#define DMP_EFFECT_UNARCHIVE   0x0080
#define DMP_EFFECT_OTHER       0x8000    /* anything else: never allowed */

/* Identity traits, as given: UTF-8. */
typedef struct {
    dmp_str_t  family;
    dmp_str_t  given;
    dmp_str_t  birthdate;                /* YYYY-MM-DD, or what is known of
                                            it: dmp_birthdate_known() */
} dmp_traits_t;

/* An answer that was asked for: not given is neither yes nor no. */
typedef enum {
    DMP_CHOICE_NONE = 0,
    DMP_CHOICE_NO,
    DMP_CHOICE_YES,
    DMP_CHOICE_MAX
} dmp_choice_t;

/* What the patient agrees to: the three flags of emergency. */
typedef struct {
    dmp_choice_t  bris_de_glace;
    dmp_choice_t  centre_15;
    dmp_choice_t  masked;                /* masked documents, in either */
} dmp_emergency_t;

/* Where the patient is written to; no data: not given, empty: none. */
typedef struct {
    dmp_str_t  email;
    dmp_str_t  phone;
    dmp_str_t  prefer;                   /* "sms", "email" */
} dmp_contact_t;

/* What somebody signs in with, as it was given; wiped with the request. */
typedef struct {
    dmp_str_t  identifier;
    dmp_str_t  password;                 /* or the new one */
    dmp_str_t  challenge;
    dmp_str_t  code;
    bool       discreet;                 /* asked for with the sign-in */
} dmp_credentials_t;

/* What reading the request came to (rules B1 and B2). */
typedef enum {
    DMP_MAPPING_NONE = 0,                /* never read: ambiguous */
    DMP_MAPPING_AMBIGUOUS,
    DMP_MAPPING_OPERATION_UNKNOWN,
    DMP_MAPPING_FORMAT,                  /* asks for what is not JSON */
    DMP_MAPPING_MEDIA,                   /* sends what cannot be read */
    DMP_MAPPING_TOO_LARGE,               /* more than we agree to look at */
    DMP_MAPPING_INS_INVALID,
    DMP_MAPPING_INCOMPLETE,              /* its form says the rest, and was
                                            not read yet */
    DMP_MAPPING_ONE,                     /* one operation, one reading */
    DMP_MAPPING_MAX
} dmp_mapping_t;

/* What a request addresses on the host, and so what its answer must be. */
typedef enum {
    DMP_RESOURCE_NONE = 0,
    DMP_RESOURCE_PATIENT,
    DMP_RESOURCE_DOCUMENT_REFERENCE,
    DMP_RESOURCE_LIST,
    DMP_RESOURCE_BINARY,
    DMP_RESOURCE_BUNDLE,                 /* a FHIR document */
    DMP_RESOURCE_CAPABILITIES,
    DMP_RESOURCE_MAX
} dmp_resource_t;

/* What of a history is asked for. */
typedef struct {
    int32_t   since;                     /* days in Europe/Paris; 0: none is
                                            given */
    int32_t   until;                     /* exclusive */
    unsigned  limit;                     /* entries; 0: of no history */
    uint64_t  cursor;                    /* those numbered below; 0: all */
    bool      fhir;                      /* as a Bundle, not as our JSON */
} dmp_history_query_t;

typedef struct {
    dmp_mapping_t    mapping;
    dmp_operation_t  operation;
    dmp_resource_t   resource;
    dmp_mode_t       mode;
    unsigned         offers;             /* DMP_OFFERS_… of the location */
    dmp_channel_t    channel;            /* of the location */
    dmp_str_t        ins;                /* empty: names only a document */
    dmp_str_t        ins_system;         /* of the identifier that named it */
    dmp_str_t        document;           /* resource id of a DocumentReference;
                                            empty: none */
    dmp_str_t        attachment;         /* "Binary/ID", "Bundle/ID"; empty:
                                            none */
    dmp_str_t        forward;            /* what the host is to be asked, from
                                            its base on ("DocumentReference?…");
                                            empty: what the client sent */
    dmp_str_t        justification;      /* UTF-8, decoded */
    dmp_traits_t     traits;             /* bris de glace, find */
    dmp_str_t        birth_family;       /* create; empty: not said */
    dmp_str_t        sex;                /* the same: "M", "F" */
    dmp_change_t     change;             /* of "rights" */
    dmp_str_t        target;             /* whom it concerns: a professional,
                                            a structure, an INS */
    dmp_str_t        target_ids[DMP_SUBJECT_IDS];    /* the same person's other
                                            identifiers, as far as known */
    unsigned         n_target_ids;
    int32_t          until;              /* authorise, name-representative: a
                                            day, exclusive; 0: not given */
    dmp_emergency_t  emergency;          /* oppose: what is answered */
    dmp_choice_t     mask_by_default;    /* mask-default */
    dmp_contact_t    contact;            /* contact, create: what is given */
    dmp_credentials_t  credentials;      /* of the calls of a session; of
                                            contact the code that confirms */
    bool             consent;            /* the patient's, declared: create,
                                            authorise */
    bool             emergency_answered; /* create: the three questions */
    unsigned         effects;            /* DMP_EFFECT_… beyond what the
                                            operation names */
    dmp_history_query_t  history;
    const char      *route;              /* template, for traces and logs */
    const char      *why;                /* for the log: what was refused */
    char             text[32];           /* holds "ins", decoded */
} dmp_request_t;


/* What the store said of the record.  "Did not say" is the zero value. */
typedef enum {
    DMP_RECORD_UNKNOWN = 0,
    DMP_RECORD_ABSENT,
    DMP_RECORD_PRESENT,
    DMP_RECORD_MAX
} dmp_record_state_t;

typedef struct {
    dmp_record_state_t   state;
    uint64_t             version;        /* 0 when absent */
    const dmp_record_t  *record;         /* NULL unless present */
} dmp_facts_t;


typedef enum {
    DMP_RULE_NONE = 0,
    DMP_RULE_A1, DMP_RULE_A2, DMP_RULE_A3, DMP_RULE_A4,
    DMP_RULE_B1, DMP_RULE_B2,
    DMP_RULE_C1, DMP_RULE_C2,
    DMP_RULE_D1, DMP_RULE_D2,
    DMP_RULE_E1,
    DMP_RULE_F1,
    DMP_RULE_G1, DMP_RULE_G2, DMP_RULE_G3, DMP_RULE_G4, DMP_RULE_G5,
    DMP_RULE_G6, DMP_RULE_G7,
    DMP_RULE_H1, DMP_RULE_H2, DMP_RULE_H3, DMP_RULE_H4, DMP_RULE_H5,
    DMP_RULE_H6, DMP_RULE_H7,
    DMP_RULE_P1, DMP_RULE_P2,
    DMP_RULE_X1,
    DMP_RULE_MAX
} dmp_rule_t;

typedef enum {
    DMP_REASON_NONE = 0,                 /* "none": nothing refuses */
    DMP_REASON_AUTHENTICATION_REQUIRED,
    DMP_REASON_CERTIFICATE_REJECTED,
    DMP_REASON_TOKEN_REJECTED,
    DMP_REASON_IDENTITY_AMBIGUOUS,
    DMP_REASON_REQUEST_AMBIGUOUS,
    DMP_REASON_OPERATION_UNKNOWN,
    DMP_REASON_INS_INVALID,
    DMP_REASON_RECORD_ABSENT,
    DMP_REASON_RECORD_CLOSED,
    DMP_REASON_RECORD_EXISTS,            /* create */
    DMP_REASON_ACTOR_EXCLUDED,
    DMP_REASON_CHANNEL_MISMATCH,
    DMP_REASON_RIGHT_MISSING,
    DMP_REASON_BLOCKED,
    DMP_REASON_NOT_AUTHORISED,
    DMP_REASON_AUTHORISATION_EXPIRED,
    DMP_REASON_EMERGENCY_OPPOSED,
    DMP_REASON_JUSTIFICATION_MISSING,
    DMP_REASON_TRAITS_MISMATCH,
    DMP_REASON_NOT_REGULATOR,
    DMP_REASON_MODE_UNAVAILABLE,
    DMP_REASON_DOCUMENT_FOREIGN,
    DMP_REASON_TYPE_NOT_ALLOWED,
    DMP_REASON_MASKED,
    DMP_REASON_INVISIBLE_TO_PATIENT,
    DMP_REASON_INVISIBLE_TO_REPRESENTATIVES,
    DMP_REASON_NOT_AUTHOR,
    DMP_REASON_CHANGE_NOT_ALLOWED,
    DMP_REASON_NOT_OWN_RECORD,
    DMP_REASON_DEPOSIT_NOT_ALLOWED,
    DMP_REASON_TRACE_UNAVAILABLE,
    DMP_REASON_ANSWER_UNCHECKED,         /* the host's answer: 502 */

    /* Of sessions, which no rule gives: dmp_answer_status() knows them. */
    DMP_REASON_CREDENTIALS_REJECTED,
    DMP_REASON_CODE_REJECTED,
    DMP_REASON_PASSWORD_CHANGE_REQUIRED,
    DMP_REASON_TOO_MANY_ATTEMPTS,
    DMP_REASON_PASSWORD_REFUSED,         /* a new one that cannot be taken */
    DMP_REASON_CONTACT_MISSING,          /* no code could be sent */
    DMP_REASON_MAX
} dmp_reason_t;

/* Permit, deny and "could not decide" stay three values end to end. */
typedef enum {
    DMP_DENY = 0,
    DMP_ERROR,
    DMP_ALLOW,
    DMP_EFFECTS
} dmp_effect_t;

/* What the enforcing code must do; one it does not know is a denial. */
#define DMP_OBLIGATION_TRACE                  0x0001
#define DMP_OBLIGATION_COMPOSE                0x0002  /* from the store */
#define DMP_OBLIGATION_FILTER                 0x0004  /* cut the answer down:
                                                  each entry is decided */
#define DMP_OBLIGATION_JUDGE                  0x0008  /* one document, all of it
                                                  or none */
#define DMP_OBLIGATION_NOTIFY_FIRST_ACCESS    0x0010  /* unless it has been */
#define DMP_OBLIGATION_NOTIFY_EMERGENCY       0x0020  /* unless just done */
#define DMP_OBLIGATION_NOTIFY_DOCUMENT        0x0040  /* once confirmed */
#define DMP_OBLIGATION_NOTIFY_RECORD_CREATED  0x0080
#define DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED  0x0100
#define DMP_OBLIGATION_FORWARD_CHANGE         0x0200  /* a write to the host */
#define DMP_OBLIGATION_CHANGE_RECORD          0x0400  /* in the same commit */
#define DMP_OBLIGATION_OWN_ONLY               0x0800  /* of a history: one's own
                                                  entries */
#define DMP_OBLIGATION_IMPUTE                 0x1000  /* the structure is named
                                                  as depositor, or authorised */
#define DMP_OBLIGATION_CARRY_LABELS           0x2000  /* what hides the old
                                                  document hides the new one */
#define DMP_OBLIGATION_METADATA_ONLY          0x4000  /* no content with it */
#define DMP_OBLIGATION_ALL                    0x7fff

typedef struct {
    dmp_effect_t  effect;
    dmp_rule_t    rule;                  /* that denied, or that granted */
    dmp_reason_t  reason;
    uint32_t      obligations;
    bool          unverified;            /* D1 had nothing to look at */
} dmp_decision_t;

/*
 * Decides.  facts may say "unknown" (a denial, X1); document is NULL as long
 * as none is known, and is judged by rules H when given.  today is the day in
 * Europe/Paris (dmp_day_paris).  *out is always written whole; it denies
 * unless every rule held.
 *
 * What names several things is decided several times: a search once, and then
 * with each document of the answer; a "find" once without a record, and then
 * with each match; a replacement as "replace" with the document superseded,
 * and as "deposit" with the one it brings.
 */
void dmp_decide(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_document_t *document, int32_t today, dmp_decision_t *out);

/*
 * A request that has been heard, to judge the documents of its answer by, one
 * or many: what does not depend on the document is decided once.  The
 * arguments of dmp_hear() must live as long as it, and stay what they were; a
 * hearing is copied as any struct is.  dmp_judge() says what dmp_decide() says
 * with that document; what it has left to do is least where the request itself
 * was allowed.
 */
typedef struct {
    dmp_decision_t  request;             /* what is decided without one */
    uint64_t        room[32];            /* the core's own */
} dmp_hearing_t;

void dmp_hear(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts, int32_t today,
    dmp_hearing_t *hearing);
void dmp_judge(const dmp_hearing_t *hearing, const dmp_document_t *document,
    dmp_decision_t *out);

/*
 * Whether bris de glace would open what was denied in the normal mode: with a
 * justification and the right traits, the same request would be allowed.  It
 * is not for a patient who opposes it, nor where the location does not offer
 * it, nor of any decision but a denial.
 */
bool dmp_bris_de_glace_opens(const dmp_policy_t *policy,
    const dmp_subject_t *subject, const dmp_request_t *request,
    const dmp_facts_t *facts, const dmp_document_t *document, int32_t today);

/* One rule, in its turn; the reason is NONE when it held. */
typedef struct {
    dmp_rule_t    rule;
    dmp_reason_t  reason;
} dmp_step_t;

/*
 * Decides, and keeps each rule it came to in steps, in order: the last one is
 * that which denied, if any did.  Returns how many.  steps may be NULL.
 */
size_t dmp_explain(const dmp_policy_t *policy, const dmp_subject_t *subject,
    const dmp_request_t *request, const dmp_facts_t *facts,
    const dmp_document_t *document, int32_t today, dmp_decision_t *out,
    dmp_step_t steps[DMP_RULE_MAX]);

/* The order of the rules; what is judged only with a document comes last. */
size_t dmp_rules_in_order(dmp_rule_t out[DMP_RULE_MAX]);

/*
 * Whether the professional is authorised, as TD0.2 answers it (GIE
 * SESAM-Vitale code system 1.2.250.1.213.4.1.2.6.2): by a designation only
 * whom dmp_is_treating() takes for a treating physician.
 */
typedef enum {
    DMP_AUTHORISATION_NONE = 0,          /* NON_EXISTE */
    DMP_AUTHORISATION_FORBIDDEN,         /* INTERDIT */
    DMP_AUTHORISATION_EXPIRED,           /* EXPIRE */
    DMP_AUTHORISATION_VALID              /* VALIDE */
} dmp_authorisation_t;

dmp_authorisation_t dmp_authorisation(const dmp_policy_t *policy,
    const dmp_record_t *record, const dmp_subject_t *subject, int32_t today);

/*
 * A treating physician: the record names them so, and they are a doctor, none
 * in training and no occupational one.  record may be NULL.
 */
bool dmp_is_treating(const dmp_policy_t *policy, const dmp_record_t *record,
    const dmp_subject_t *subject);

/* Masked from professionals: by its labels or by the record. */
bool dmp_is_masked(const dmp_record_t *record, const dmp_document_t *document);

/* What happens to labels, status and archive mark: DMP_EFFECT_… (H7). */
unsigned dmp_document_effects(const dmp_document_t *before,
    const dmp_document_t *after);


/* Stable names, used by traces, answers, logs, cases and tools. */
typedef struct {
    const char *const  *names;           /* NULL where a value has none */
    size_t              n;
} dmp_names_t;

extern const dmp_names_t  dmp_actor_names, dmp_credential_names,
                          dmp_auth_names, dmp_regulator_names,
                          dmp_operation_names, dmp_mode_names,
                          dmp_channel_names, dmp_change_names,
                          dmp_mapping_names, dmp_record_names,
                          dmp_rule_names, dmp_reason_names, dmp_effect_names,
                          dmp_obligation_names;   /* of the bit's number */

/* The value with that name, -1 if there is none. */
int dmp_name_value(const dmp_names_t *names, dmp_str_t name);

const char *dmp_actor_name(dmp_actor_t actor);
const char *dmp_auth_name(dmp_auth_t auth);
const char *dmp_operation_name(dmp_operation_t operation);
const char *dmp_operation_transaction(dmp_operation_t operation);
const char *dmp_mode_name(dmp_mode_t mode);
const char *dmp_effect_name(dmp_effect_t effect);
const char *dmp_rule_name(dmp_rule_t rule);
const char *dmp_reason_name(dmp_reason_t reason);

#endif
