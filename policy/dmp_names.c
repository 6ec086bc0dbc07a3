/*
 * dmp_names.c: the stable names of the closed enumerations, as traces,
 * answers, logs and tools show them.  A value outside its enumeration has a
 * name that matches nothing, so that it cannot pass for another one.
 */

#include <dmp/dmp_decide.h>


#define dmp_names(table)                                                      \
    { table, sizeof(table) / sizeof((table)[0]) }


static const char *const dmp_actors[] = {
    [DMP_ACTOR_NONE] = "none",
    [DMP_ACTOR_PATIENT] = "patient",
    [DMP_ACTOR_REPRESENTATIVE] = "representative",
    [DMP_ACTOR_PROFESSIONAL] = "professional",
    [DMP_ACTOR_STAFF] = "staff",
    [DMP_ACTOR_STRUCTURE] = "structure",
    [DMP_ACTOR_FEEDER] = "feeder",
    [DMP_ACTOR_OPERATOR] = "operator",
};

static const char *const dmp_credentials[] = {
    [DMP_CREDENTIAL_ABSENT] = "absent",
    [DMP_CREDENTIAL_REJECTED] = "rejected",
    [DMP_CREDENTIAL_VERIFIED] = "verified",
};

static const char *const dmp_auths[] = {
    [DMP_AUTH_NONE] = "none",
    [DMP_AUTH_DIRECT] = "direct",
    [DMP_AUTH_INDIRECT] = "indirect",
    [DMP_AUTH_INDIRECT_REINFORCED] = "indirect-reinforced",
    [DMP_AUTH_OPERATOR] = "operator",
    [DMP_AUTH_SESSION] = "session",
};

static const char *const dmp_regulators[] = {
    [DMP_REGULATOR_UNKNOWN] = "unknown",
    [DMP_REGULATOR_NO] = "no",
    [DMP_REGULATOR_YES] = "yes",
};

static const char *const dmp_operations[] = {
    [DMP_OPERATION_NONE] = "none",
    [DMP_OPERATION_CHECK] = "check",
    [DMP_OPERATION_FIND] = "find",
    [DMP_OPERATION_SEARCH] = "search",
    [DMP_OPERATION_REFERENCE] = "reference",
    [DMP_OPERATION_READ] = "read",
    [DMP_OPERATION_DEPOSIT] = "deposit",
    [DMP_OPERATION_REPLACE] = "replace",
    [DMP_OPERATION_MASK] = "mask",
    [DMP_OPERATION_UNMASK] = "unmask",
    [DMP_OPERATION_HIDE] = "hide",
    [DMP_OPERATION_SHOW] = "show",
    [DMP_OPERATION_DELETE] = "delete",
    [DMP_OPERATION_ARCHIVE] = "archive",
    [DMP_OPERATION_UNARCHIVE] = "unarchive",
    [DMP_OPERATION_HISTORY] = "history",
    [DMP_OPERATION_RIGHTS] = "rights",
    [DMP_OPERATION_CREATE] = "create",
    [DMP_OPERATION_CLOSE] = "close",
    [DMP_OPERATION_REOPEN] = "reopen",
    [DMP_OPERATION_METADATA] = "metadata",
    [DMP_OPERATION_SIGN_IN] = "sign-in",
    [DMP_OPERATION_CODE] = "code",
    [DMP_OPERATION_PASSWORD] = "password",
    [DMP_OPERATION_RECOVERY] = "recovery",
    [DMP_OPERATION_SIGN_OUT] = "sign-out",
    [DMP_OPERATION_SESSION] = "session",
};

/* Transactions of the DMP, as PDSm for DMP numbers them; "" where none is. */
static const char *const dmp_transactions[] = {
    [DMP_OPERATION_NONE] = "",
    [DMP_OPERATION_CHECK] = "TD0.2",
    [DMP_OPERATION_FIND] = "TD0.5",
    [DMP_OPERATION_SEARCH] = "TD3.1a",
    [DMP_OPERATION_REFERENCE] = "TD3.1b",
    [DMP_OPERATION_READ] = "TD3.2",
    [DMP_OPERATION_DEPOSIT] = "TD2",
    [DMP_OPERATION_REPLACE] = "TD2.1",
    [DMP_OPERATION_MASK] = "TD3.3a",
    [DMP_OPERATION_UNMASK] = "TD3.3a",
    [DMP_OPERATION_HIDE] = "TD3.3b",
    [DMP_OPERATION_SHOW] = "TD3.3b",
    [DMP_OPERATION_DELETE] = "TD3.3c",
    [DMP_OPERATION_ARCHIVE] = "TD3.3d",
    [DMP_OPERATION_UNARCHIVE] = "TD3.3d",
    [DMP_OPERATION_HISTORY] = "",
    [DMP_OPERATION_RIGHTS] = "TD0.3",
    [DMP_OPERATION_CREATE] = "",
    [DMP_OPERATION_CLOSE] = "",
    [DMP_OPERATION_REOPEN] = "",
    [DMP_OPERATION_METADATA] = "",
    [DMP_OPERATION_SIGN_IN] = "",
    [DMP_OPERATION_CODE] = "",
    [DMP_OPERATION_PASSWORD] = "",
    [DMP_OPERATION_RECOVERY] = "",
    [DMP_OPERATION_SIGN_OUT] = "",
    [DMP_OPERATION_SESSION] = "",
};

static const char *const dmp_modes[] = {
    [DMP_MODE_NONE] = "none",
    [DMP_MODE_NORMAL] = "normal",
    [DMP_MODE_BRIS_DE_GLACE] = "bris-de-glace",
    [DMP_MODE_CENTRE_15] = "centre-15",
};

static const char *const dmp_channels[] = {
    [DMP_CHANNEL_NONE] = "none",
    [DMP_CHANNEL_ANY] = "any",
    [DMP_CHANNEL_READ] = "read",
    [DMP_CHANNEL_FEED] = "feed",
};

static const char *const dmp_changes[] = {
    [DMP_CHANGE_NONE] = "none",
    [DMP_CHANGE_AUTHORISE] = "authorise",
    [DMP_CHANGE_WITHDRAW] = "withdraw",
    [DMP_CHANGE_BLOCK] = "block",
    [DMP_CHANGE_UNBLOCK] = "unblock",
    [DMP_CHANGE_DESIGNATE] = "designate",
    [DMP_CHANGE_DISMISS] = "dismiss",
    [DMP_CHANGE_OPPOSE] = "oppose",
    [DMP_CHANGE_MASK_DEFAULT] = "mask-default",
    [DMP_CHANGE_CONTACT] = "contact",
    [DMP_CHANGE_NAME_REPRESENTATIVE] = "name-representative",
    [DMP_CHANGE_REMOVE_REPRESENTATIVE] = "remove-representative",
};

static const char *const dmp_mappings[] = {
    [DMP_MAPPING_NONE] = "none",
    [DMP_MAPPING_AMBIGUOUS] = "ambiguous",
    [DMP_MAPPING_OPERATION_UNKNOWN] = "operation-unknown",
    [DMP_MAPPING_FORMAT] = "format",
    [DMP_MAPPING_MEDIA] = "media",
    [DMP_MAPPING_TOO_LARGE] = "too-large",
    [DMP_MAPPING_INS_INVALID] = "ins-invalid",
    [DMP_MAPPING_INCOMPLETE] = "incomplete",
    [DMP_MAPPING_ONE] = "one",
};

static const char *const dmp_record_states[] = {
    [DMP_RECORD_UNKNOWN] = "unknown",
    [DMP_RECORD_ABSENT] = "absent",
    [DMP_RECORD_PRESENT] = "present",
};

/* By the number of their bit. */
static const char *const dmp_obligations[] = {
    "trace", "compose", "filter", "judge", "notify-first-access",
    "notify-emergency", "notify-document", "notify-record-created",
    "notify-rights-changed", "forward-change", "change-record", "own-only",
    "impute", "carry-labels", "metadata-only",
};

static const char *const dmp_effects[] = {
    [DMP_DENY] = "deny",
    [DMP_ERROR] = "error",
    [DMP_ALLOW] = "allow",
};

static const char *const dmp_rules[] = {
    [DMP_RULE_NONE] = "none",
    [DMP_RULE_A1] = "A1", [DMP_RULE_A2] = "A2", [DMP_RULE_A3] = "A3",
    [DMP_RULE_A4] = "A4",
    [DMP_RULE_B1] = "B1", [DMP_RULE_B2] = "B2",
    [DMP_RULE_C1] = "C1", [DMP_RULE_C2] = "C2",
    [DMP_RULE_D1] = "D1", [DMP_RULE_D2] = "D2",
    [DMP_RULE_E1] = "E1",
    [DMP_RULE_F1] = "F1",
    [DMP_RULE_G1] = "G1", [DMP_RULE_G2] = "G2", [DMP_RULE_G3] = "G3",
    [DMP_RULE_G4] = "G4", [DMP_RULE_G5] = "G5", [DMP_RULE_G6] = "G6",
    [DMP_RULE_G7] = "G7",
    [DMP_RULE_H1] = "H1", [DMP_RULE_H2] = "H2", [DMP_RULE_H3] = "H3",
    [DMP_RULE_H4] = "H4", [DMP_RULE_H5] = "H5", [DMP_RULE_H6] = "H6",
    [DMP_RULE_H7] = "H7",
    [DMP_RULE_P1] = "P1", [DMP_RULE_P2] = "P2",
    [DMP_RULE_X1] = "X1",
};

static const char *const dmp_reasons[] = {
    [DMP_REASON_NONE] = "none",
    [DMP_REASON_AUTHENTICATION_REQUIRED] = "authentication-required",
    [DMP_REASON_CERTIFICATE_REJECTED] = "certificate-rejected",
    [DMP_REASON_TOKEN_REJECTED] = "token-rejected",
    [DMP_REASON_IDENTITY_AMBIGUOUS] = "identity-ambiguous",
    [DMP_REASON_REQUEST_AMBIGUOUS] = "request-ambiguous",
    [DMP_REASON_OPERATION_UNKNOWN] = "operation-unknown",
    [DMP_REASON_INS_INVALID] = "ins-invalid",
    [DMP_REASON_RECORD_ABSENT] = "record-absent",
    [DMP_REASON_RECORD_CLOSED] = "record-closed",
    [DMP_REASON_RECORD_EXISTS] = "record-exists",
    [DMP_REASON_ACTOR_EXCLUDED] = "actor-excluded",
    [DMP_REASON_CHANNEL_MISMATCH] = "channel-mismatch",
    [DMP_REASON_RIGHT_MISSING] = "right-missing",
    [DMP_REASON_BLOCKED] = "blocked",
    [DMP_REASON_NOT_AUTHORISED] = "not-authorised",
    [DMP_REASON_AUTHORISATION_EXPIRED] = "authorisation-expired",
    [DMP_REASON_EMERGENCY_OPPOSED] = "emergency-opposed",
    [DMP_REASON_JUSTIFICATION_MISSING] = "justification-missing",
    [DMP_REASON_TRAITS_MISMATCH] = "traits-mismatch",
    [DMP_REASON_NOT_REGULATOR] = "not-regulator",
    [DMP_REASON_MODE_UNAVAILABLE] = "mode-unavailable",
    [DMP_REASON_DOCUMENT_FOREIGN] = "document-foreign",
    [DMP_REASON_TYPE_NOT_ALLOWED] = "type-not-allowed",
    [DMP_REASON_MASKED] = "masked",
    [DMP_REASON_INVISIBLE_TO_PATIENT] = "invisible-to-patient",
    [DMP_REASON_INVISIBLE_TO_REPRESENTATIVES] =
        "invisible-to-representatives",
    [DMP_REASON_NOT_AUTHOR] = "not-author",
    [DMP_REASON_CHANGE_NOT_ALLOWED] = "change-not-allowed",
    [DMP_REASON_NOT_OWN_RECORD] = "not-own-record",
    [DMP_REASON_DEPOSIT_NOT_ALLOWED] = "deposit-not-allowed",
    [DMP_REASON_TRACE_UNAVAILABLE] = "trace-unavailable",
    [DMP_REASON_ANSWER_UNCHECKED] = "answer-unchecked",
    [DMP_REASON_CREDENTIALS_REJECTED] = "credentials-rejected",
    [DMP_REASON_CODE_REJECTED] = "code-rejected",
    [DMP_REASON_PASSWORD_CHANGE_REQUIRED] = "password-change-required",
    [DMP_REASON_TOO_MANY_ATTEMPTS] = "too-many-attempts",
    [DMP_REASON_PASSWORD_REFUSED] = "password-refused",
    [DMP_REASON_CONTACT_MISSING] = "contact-missing",
};


const dmp_names_t  dmp_actor_names = dmp_names(dmp_actors);
const dmp_names_t  dmp_credential_names = dmp_names(dmp_credentials);
const dmp_names_t  dmp_auth_names = dmp_names(dmp_auths);
const dmp_names_t  dmp_regulator_names = dmp_names(dmp_regulators);
const dmp_names_t  dmp_operation_names = dmp_names(dmp_operations);
const dmp_names_t  dmp_mode_names = dmp_names(dmp_modes);
const dmp_names_t  dmp_channel_names = dmp_names(dmp_channels);
const dmp_names_t  dmp_change_names = dmp_names(dmp_changes);
const dmp_names_t  dmp_mapping_names = dmp_names(dmp_mappings);
const dmp_names_t  dmp_record_names = dmp_names(dmp_record_states);
const dmp_names_t  dmp_rule_names = dmp_names(dmp_rules);
const dmp_names_t  dmp_reason_names = dmp_names(dmp_reasons);
const dmp_names_t  dmp_effect_names = dmp_names(dmp_effects);
const dmp_names_t  dmp_obligation_names = dmp_names(dmp_obligations);

static const dmp_names_t  dmp_transaction_names = dmp_names(dmp_transactions);


static const char *
dmp_name(const dmp_names_t *names, size_t value)
{
    return (value < names->n && names->names[value] != NULL)
           ? names->names[value] : "invalid";
}


int
dmp_name_value(const dmp_names_t *names, dmp_str_t name)
{
    size_t  i;

    for (i = 0; i < names->n; i++) {
        if (names->names[i] != NULL
            && dmp_str_eq(name, (dmp_str_t) { names->names[i],
                                              strlen(names->names[i]) }))
        {
            return (int) i;
        }
    }

    return -1;
}


const char *
dmp_actor_name(dmp_actor_t actor)
{
    return dmp_name(&dmp_actor_names, (size_t) actor);
}


const char *
dmp_auth_name(dmp_auth_t auth)
{
    return dmp_name(&dmp_auth_names, (size_t) auth);
}


const char *
dmp_operation_name(dmp_operation_t operation)
{
    return dmp_name(&dmp_operation_names, (size_t) operation);
}


const char *
dmp_operation_transaction(dmp_operation_t operation)
{
    return dmp_name(&dmp_transaction_names, (size_t) operation);
}


const char *
dmp_mode_name(dmp_mode_t mode)
{
    return dmp_name(&dmp_mode_names, (size_t) mode);
}


const char *
dmp_effect_name(dmp_effect_t effect)
{
    return dmp_name(&dmp_effect_names, (size_t) effect);
}


const char *
dmp_rule_name(dmp_rule_t rule)
{
    return dmp_name(&dmp_rule_names, (size_t) rule);
}


const char *
dmp_reason_name(dmp_reason_t reason)
{
    return dmp_name(&dmp_reason_names, (size_t) reason);
}
