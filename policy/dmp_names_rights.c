/*
 * dmp_names_rights.c: how the policy files spell rights, columns, conditions
 * and tables.
 */

#include <dmp/dmp_rights.h>


#define dmp_names(table)                                                      \
    { table, sizeof(table) / sizeof((table)[0]) }


static const char *const dmp_rights[] = {
    [DMP_RIGHT_AUTHENTICATE] = "authenticate",
    [DMP_RIGHT_CHECK] = "check",
    [DMP_RIGHT_AUTHORISE_SELF] = "authorise-self",
    [DMP_RIGHT_WITHDRAW_SELF] = "withdraw-self",
    [DMP_RIGHT_LEAVE_TREATING] = "leave-treating",
    [DMP_RIGHT_LIST_RECORDS] = "list-records",
    [DMP_RIGHT_FIND] = "find",
    [DMP_RIGHT_WEB] = "web",
    [DMP_RIGHT_ADMINISTRATIVE_DATA] = "administrative-data",
    [DMP_RIGHT_LIST_PROFESSIONALS] = "list-professionals",
    [DMP_RIGHT_DEPOSIT] = "deposit",
    [DMP_RIGHT_DEPOSIT_STAFF] = "deposit-staff",
    [DMP_RIGHT_SEARCH] = "search",
    [DMP_RIGHT_REFERENCE] = "reference",
    [DMP_RIGHT_READ] = "read",
    [DMP_RIGHT_READ_MASKED] = "read-masked",
    [DMP_RIGHT_READ_INVISIBLE] = "read-invisible",
    [DMP_RIGHT_READ_ARCHIVED] = "read-archived",
    [DMP_RIGHT_READ_SUPERSEDED] = "read-superseded",
    [DMP_RIGHT_READ_DELETED] = "read-deleted",
    [DMP_RIGHT_MASK] = "mask",
    [DMP_RIGHT_UNMASK] = "unmask",
    [DMP_RIGHT_SHOW] = "show",
    [DMP_RIGHT_ARCHIVE] = "archive",
    [DMP_RIGHT_UNARCHIVE] = "unarchive",
    [DMP_RIGHT_DELETE] = "delete",
    [DMP_RIGHT_HISTORY] = "history",
    [DMP_RIGHT_AUTHORISE] = "authorise",
    [DMP_RIGHT_WITHDRAW] = "withdraw",
    [DMP_RIGHT_BLOCK] = "block",
    [DMP_RIGHT_UNBLOCK] = "unblock",
    [DMP_RIGHT_DESIGNATE] = "designate",
    [DMP_RIGHT_DISMISS] = "dismiss",
    [DMP_RIGHT_OPPOSE] = "oppose",
    [DMP_RIGHT_MASK_DEFAULT] = "mask-default",
    [DMP_RIGHT_CONTACT] = "contact",
    [DMP_RIGHT_NAME_REPRESENTATIVE] = "name-representative",
    [DMP_RIGHT_REMOVE_REPRESENTATIVE] = "remove-representative",
    [DMP_RIGHT_LEAVE_REPRESENTATIVE] = "leave-representative",
    [DMP_RIGHT_CREATE] = "create",
    [DMP_RIGHT_CLOSE] = "close",
    [DMP_RIGHT_REOPEN] = "reopen",
};

static const char *const dmp_columns[] = {
    [DMP_COLUMN_PS_NORMAL] = "PS_normal",
    [DMP_COLUMN_PS_REGULATION] = "PS_regulation",
    [DMP_COLUMN_PS_BRIS] = "PS_bris",
    [DMP_COLUMN_MED_NORMAL] = "MED_normal",
    [DMP_COLUMN_MED_REGULATION] = "MED_regulation",
    [DMP_COLUMN_MED_BRIS] = "MED_bris",
    [DMP_COLUMN_MEDTRAVAIL] = "MEDTRAVAIL",
    [DMP_COLUMN_MT_NORMAL] = "MT_normal",
    [DMP_COLUMN_MT_BRIS] = "MT_bris",
    [DMP_COLUMN_CPE_NORMAL] = "CPE_normal",
    [DMP_COLUMN_ES_NORMAL] = "ES_normal",
    [DMP_COLUMN_ES_REGULATION] = "ES_regulation",
    [DMP_COLUMN_PE_NORMAL] = "PE_normal",
    [DMP_COLUMN_PATIENT] = "PATIENT",
    [DMP_COLUMN_REPRESENTATIVE] = "REPRESENTATIVE",
    [DMP_COLUMN_FEEDER] = "FEEDER",
    [DMP_COLUMN_OPERATOR] = "OPERATOR",
};

static const char *const dmp_conditions[] = {
    [DMP_CONDITION_FOR_STRUCTURE] = "for-structure",
    [DMP_CONDITION_SAME_STRUCTURE] = "same-structure",
    [DMP_CONDITION_NEW_ONLY] = "new-authorisations-only",
    [DMP_CONDITION_IMPUTED] = "imputed-to-structure",
    [DMP_CONDITION_REFERENCE_OWN] = "reference-to-own",
    [DMP_CONDITION_AUTHOR] = "own-documents",
    [DMP_CONDITION_MASKED_ALLOWED] = "masked-if-allowed",
    [DMP_CONDITION_STRUCTURE] = "structure-documents",
    [DMP_CONDITION_CONSENT] = "consent-declared",
    [DMP_CONDITION_OWN_TRACES] = "own-traces",
    [DMP_CONDITION_OWN_DEPOSIT] = "own-deposits",
};

static const char *const dmp_tables[] = {
    [DMP_TABLE_DIRECT] = "direct",
    [DMP_TABLE_REINFORCED] = "reinforced",
    [DMP_TABLE_OWN] = "own",
};

const dmp_names_t  dmp_right_names = dmp_names(dmp_rights);
const dmp_names_t  dmp_column_names = dmp_names(dmp_columns);
const dmp_names_t  dmp_condition_names = dmp_names(dmp_conditions);
const dmp_names_t  dmp_table_names = dmp_names(dmp_tables);
