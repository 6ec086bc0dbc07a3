/*
 * dmp_rights.h: the functional tables: which column speaks for whom, which
 * right is asked for, and what its cell says (rule E1).
 */

#ifndef DMP_RIGHTS_H
#define DMP_RIGHTS_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>


/* Rows: those of the official tables in their order, then ours. */
typedef enum {
    DMP_RIGHT_NONE = 0,
    DMP_RIGHT_AUTHENTICATE,              /* TD0.1 */
    DMP_RIGHT_CHECK,                     /* TD0.2 */
    DMP_RIGHT_AUTHORISE_SELF,            /* TD0.3 */
    DMP_RIGHT_WITHDRAW_SELF,
    DMP_RIGHT_LEAVE_TREATING,
    DMP_RIGHT_LIST_RECORDS,              /* TD0.4 */
    DMP_RIGHT_FIND,                      /* TD0.5 */
    DMP_RIGHT_WEB,                       /* TD0.9, in AIR TD0.10 */
    DMP_RIGHT_ADMINISTRATIVE_DATA,       /* TD1.3a */
    DMP_RIGHT_LIST_PROFESSIONALS,        /* TD1.6 */
    DMP_RIGHT_DEPOSIT,                   /* TD2.1 */
    DMP_RIGHT_DEPOSIT_STAFF,             /* TD2.2 */
    DMP_RIGHT_SEARCH,                    /* TD3.1 */
    DMP_RIGHT_REFERENCE,
    DMP_RIGHT_READ,                      /* TD3.2, not masked */
    DMP_RIGHT_READ_MASKED,
    DMP_RIGHT_READ_INVISIBLE,
    DMP_RIGHT_READ_ARCHIVED,
    DMP_RIGHT_READ_SUPERSEDED,
    DMP_RIGHT_READ_DELETED,
    DMP_RIGHT_MASK,                      /* TD3.3a */
    DMP_RIGHT_UNMASK,
    DMP_RIGHT_SHOW,                      /* TD3.3b, both directions */
    DMP_RIGHT_ARCHIVE,                   /* TD3.3d */
    DMP_RIGHT_UNARCHIVE,
    DMP_RIGHT_DELETE,                    /* TD3.3c */
    DMP_RIGHT_HISTORY,                   /* from here on ours */
    DMP_RIGHT_AUTHORISE,
    DMP_RIGHT_WITHDRAW,
    DMP_RIGHT_BLOCK,
    DMP_RIGHT_UNBLOCK,
    DMP_RIGHT_DESIGNATE,
    DMP_RIGHT_DISMISS,
    DMP_RIGHT_OPPOSE,
    DMP_RIGHT_MASK_DEFAULT,
    DMP_RIGHT_CONTACT,
    DMP_RIGHT_NAME_REPRESENTATIVE,
    DMP_RIGHT_REMOVE_REPRESENTATIVE,
    DMP_RIGHT_LEAVE_REPRESENTATIVE,
    DMP_RIGHT_CREATE,
    DMP_RIGHT_CLOSE,
    DMP_RIGHT_REOPEN,
    DMP_RIGHT_MAX                        /* at most 64: a bit each */
} dmp_right_t;

#define dmp_right_bit(right)  (UINT64_C(1) << (right))

typedef enum {
    DMP_COLUMN_NONE = 0,
    DMP_COLUMN_PS_NORMAL,                /* health professional, no doctor */
    DMP_COLUMN_PS_REGULATION,
    DMP_COLUMN_PS_BRIS,
    DMP_COLUMN_MED_NORMAL,               /* doctor, not treating */
    DMP_COLUMN_MED_REGULATION,
    DMP_COLUMN_MED_BRIS,
    DMP_COLUMN_MEDTRAVAIL,               /* occupational doctor */
    DMP_COLUMN_MT_NORMAL,                /* treating physician */
    DMP_COLUMN_MT_BRIS,
    DMP_COLUMN_CPE_NORMAL,               /* staff */
    DMP_COLUMN_ES_NORMAL,                /* structure */
    DMP_COLUMN_ES_REGULATION,
    DMP_COLUMN_PE_NORMAL,                /* AIR: no health professional */
    DMP_COLUMN_PATIENT,                  /* from here on ours */
    DMP_COLUMN_REPRESENTATIVE,
    DMP_COLUMN_FEEDER,
    DMP_COLUMN_OPERATOR,
    DMP_COLUMN_MAX
} dmp_column_t;

typedef enum {
    DMP_TABLE_NONE = 0,
    DMP_TABLE_DIRECT,                    /* PDT-INF-526: direct, indirect */
    DMP_TABLE_REINFORCED,                /* PDT-INF-606: AIR */
    DMP_TABLE_OWN,                       /* ours: what those do not speak of */
    DMP_TABLE_MAX
} dmp_table_id_t;

/* What a note of a cell demands, by name: its number means nothing alone. */
typedef enum {
    DMP_CONDITION_NONE = 0,              /* a plain "oui" */
    DMP_CONDITION_FOR_STRUCTURE,         /* the structure is authorised */
    DMP_CONDITION_SAME_STRUCTURE,        /* its professionals' records only */
    DMP_CONDITION_NEW_ONLY,              /* authorisations from a date on */
    DMP_CONDITION_IMPUTED,               /* to the structure */
    DMP_CONDITION_REFERENCE_OWN,         /* to delete it afterwards */
    DMP_CONDITION_AUTHOR,                /* own documents only */
    DMP_CONDITION_MASKED_ALLOWED,        /* if the patient allows it */
    DMP_CONDITION_STRUCTURE,             /* documents of the structure */
    DMP_CONDITION_CONSENT,               /* ours: consent declared */
    DMP_CONDITION_OWN_TRACES,            /* ours: one's own accesses */
    DMP_CONDITION_OWN_DEPOSIT,           /* ours: deposited by the patient */
    DMP_CONDITION_MAX
} dmp_condition_t;

/* One column, compiled: a bit for each right. */
typedef struct {
    uint64_t  allows;                            /* the cell says "oui" … */
    uint64_t  under[DMP_CONDITION_MAX];          /* … under this condition */
} dmp_cells_t;

typedef struct {
    dmp_str_t    name;                   /* "PDT-INF-526 v1.8" */
    dmp_str_t    source;
    uint64_t     rows;                   /* rights that it has a row for */
    dmp_str_t    row_names[DMP_RIGHT_MAX];
    dmp_cells_t  columns[DMP_COLUMN_MAX];
} dmp_table_t;

typedef struct {
    dmp_table_id_t  table;
    dmp_column_t    column;
} dmp_standing_t;

/*
 * The column that speaks for the subject in this mode and with this record
 * (which may be NULL).  Column NONE: no table knows such a subject.
 */
dmp_standing_t dmp_standing(const dmp_policy_t *policy,
    const dmp_subject_t *subject, const dmp_request_t *request,
    const dmp_record_t *record);

/* The rights that the request needs, a bit each; 0 if it names none. */
uint64_t dmp_rights_needed(const dmp_subject_t *subject,
    const dmp_request_t *request);

/*
 * The cell of the standing for one right: in its own table, or in ours where
 * that has no such row.  *table tells which one, *condition what it demands.
 */
bool dmp_cell(const dmp_policy_t *policy, dmp_standing_t standing,
    dmp_right_t right, dmp_table_id_t *table, dmp_condition_t *condition);

/* Names, as the policy files spell them; columns as in the TSV of sources. */
extern const dmp_names_t  dmp_right_names, dmp_column_names,
                          dmp_condition_names, dmp_table_names;

#endif
