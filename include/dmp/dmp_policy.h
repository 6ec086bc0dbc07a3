/*
 * dmp_policy.h: the policy: a file (JSON) and those it names, in one folder.
 * Which issuer makes which actor, which profession stands where, the rights
 * tables, the document types and who may read them, labels, who is excluded,
 * and the settings of the rules.  Read whole, compiled to bit sets, const from
 * then on.  The format is documented in docs/policy.md.
 */

#ifndef DMP_POLICY_H
#define DMP_POLICY_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_rights.h>


#define DMP_NAME_ENTRIES    8
#define DMP_POLICY_FILES    32
#define DMP_POLICY_NAME     128          /* bytes of a file's name */
#define DMP_POLICY_MAX      (1024 * 1024)        /* bytes of a file */

/* What a chain is allowed to make: nothing else than its own role. */
typedef enum {
    DMP_CHAIN_NONE = 0,
    DMP_CHAIN_PERSONS,
    DMP_CHAIN_ORGANISATIONS
} dmp_chain_role_t;

typedef struct {
    dmp_str_t  type;                     /* short name: "CN", "OU", … */
    dmp_str_t  value;                    /* UTF-8 */
} dmp_name_entry_t;

/*
 * What a certificate of a chain may be, a bit each.  A persons chain makes
 * cards, an organisations chain structures; a card of staff that names nobody
 * ("cpe-anonymous") comes from either.
 */
#define DMP_MAKES_CPS            0x01    /* a health professional */
#define DMP_MAKES_CPF            0x02    /* one in training */
#define DMP_MAKES_CPE            0x04    /* staff of an establishment */
#define DMP_MAKES_CPE_ANONYMOUS  0x08    /* the same, without a name */
#define DMP_MAKES_STRUCTURE      0x10    /* a legal person */

/* An issuer, by all entries of its name in their order. */
typedef struct {
    dmp_chain_role_t  role;
    unsigned          makes;             /* DMP_MAKES_… */
    bool              test;              /* accepted by settings.test_chains */
    dmp_name_entry_t  issuer[DMP_NAME_ENTRIES];
    unsigned          n_entries;
} dmp_chain_t;

/* A structure that only feeds, whatever its certificate (rule D2). */
typedef struct {
    dmp_str_t  name;
    dmp_str_t  structure;                /* Struct_IdNat */
    dmp_str_t  source;
} dmp_feeder_t;

typedef struct {
    dmp_str_t   title;                   /* as printed on the card, UTF-8 */
    dmp_code_t  profession;
} dmp_title_t;


/* Which columns of the rights tables a profession has. */
typedef enum {
    DMP_PROFESSION_NONE = 0,
    DMP_PROFESSION_DOCTOR,               /* MED, MT */
    DMP_PROFESSION_HEALTH,               /* PS */
    DMP_PROFESSION_OTHER                 /* PE: no health professional */
} dmp_profession_kind_t;

typedef struct {
    dmp_code_t  code;
    dmp_str_t   name;
    dmp_profession_kind_t  kind;         /* in training: of the one it is for */
    bool        training;                /* CPF */
    size_t      row;                     /* of the matrix: its own index, or
                                            that of what it trains for */
} dmp_profession_t;


#define DMP_TYPES_MAX    512
#define DMP_TYPES_WORDS  (DMP_TYPES_MAX / 64)

typedef struct {
    dmp_code_t  code;                    /* its system is the first of its
                                            system's names */
    dmp_str_t   name;
    dmp_str_t   class_code;              /* TRE_A03 */
    unsigned    system;                  /* index into systems */
    bool        patient_deposits;        /* personal space, directives (P2) */
} dmp_type_t;

/* A code system, under all the names it is seen with. */
#define DMP_SYSTEM_NAMES  16

typedef struct {
    dmp_str_t  names[DMP_SYSTEM_NAMES];
    unsigned   n_names;
} dmp_system_t;

/* What one profession may read, as published on one day. */
typedef struct {
    bool       published;                /* false: no row */
    bool       ours;                     /* no published row: to be replaced */
    bool       unknown;                  /* reads types not known here */
    uint64_t   reads[DMP_TYPES_WORDS];   /* a bit for each type */
    dmp_str_t  source;
} dmp_matrix_row_t;

typedef struct {
    int32_t            from;             /* day, Europe/Paris */
    dmp_str_t          name;
    dmp_str_t          source;
    dmp_matrix_row_t  *rows;             /* by index of the profession */
} dmp_matrix_t;


typedef struct {
    dmp_str_t  code;
    unsigned   labels;                   /* DMP_LABEL_… */
} dmp_label_t;

/* Excluded when a situation has all that is not empty here. */
typedef struct {
    dmp_str_t   name;                    /* "assureur" */
    dmp_str_t   source;
    dmp_code_t  profession;
    dmp_code_t  sector;
    dmp_code_t  activity;
    dmp_code_t  specialty;
} dmp_exclusion_t;

typedef struct {
    bool      ins_key;                   /* check the key of an INS */
    bool      test_chains;               /* accept TEST authorities */
    bool      occupational_table;        /* the 2024 table's column, not the
                                            rule of 2018 (D1) */
    bool      training_reads;            /* a CPF reads (E1) */
    unsigned  justification_min;         /* visible characters (G3) */
    unsigned  invisible_months;          /* H4 */
    unsigned  authorisation_days;        /* longest that one may last */
    unsigned  emergency_notice_minutes;  /* not repeated within */
} dmp_settings_t;

struct dmp_policy_s {
    dmp_chain_t       *chains;
    size_t             n_chains;
    dmp_feeder_t      *feeders;
    size_t             n_feeders;
    dmp_title_t       *titles;
    size_t             n_titles;
    dmp_profession_t  *professions;
    size_t             n_professions;
    dmp_table_t        tables[DMP_TABLE_MAX];
    dmp_cells_t        cells[DMP_TABLE_MAX][DMP_COLUMN_MAX];  /* of each table,
                                            and of ours where it has no row */
    dmp_system_t      *type_systems;
    size_t             n_type_systems;
    dmp_type_t        *types;
    size_t             n_types;
    uint16_t           type_slots[2 * DMP_TYPES_MAX];  /* by code: index + 1 */
    dmp_matrix_t      *matrices;         /* the newest first */
    size_t             n_matrices;
    dmp_system_t       label_system;     /* all systems that carry labels */
    dmp_label_t       *labels;
    size_t             n_labels;
    dmp_exclusion_t   *exclusions;
    size_t             n_exclusions;
    dmp_exclusion_t   *occupational;     /* which doctors are occupational */
    size_t             n_occupational;
    dmp_settings_t     settings;
    char               digest[43];       /* base64url SHA-256 of the files */
    void              *memory;           /* owns every string above */
};

/*
 * Gives the text of one file of the policy's folder.  name has no "/".  The
 * text stays the caller's until dmp_policy_load() returns.  Anything but
 * DMP_OK ends the load, with the error that it has written (text only).
 */
typedef struct {
    dmp_rc_t  (*read)(void *data, const char *name, dmp_str_t *text,
                      dmp_error_t *error);
    void       *data;
} dmp_policy_source_t;

/*
 * Loads the policy whose first file is name.  Unknown members, duplicates and
 * wrong types are errors: error->file, error->line and error->text say where
 * and which word.  On success *out is freed with dmp_policy_free(); the
 * digest is the SHA-256 of the texts in the order they were read, each behind
 * its length in 8 bytes, big-endian.
 */
dmp_rc_t dmp_policy_load(const dmp_policy_source_t *source, const char *name,
    dmp_policy_t **out, dmp_error_t *error);
void dmp_policy_free(dmp_policy_t *policy);


/* NULL if the policy does not know that code in that system. */
const dmp_profession_t *dmp_policy_profession(const dmp_policy_t *policy,
    dmp_code_t code);

/*
 * The type with that code, whatever its system; *same tells whether the
 * system is one of its own.  NULL: no type has that code.
 */
const dmp_type_t *dmp_policy_type(const dmp_policy_t *policy, dmp_code_t code,
    bool *same);

/* The matrix in force on that day; NULL before the first. */
const dmp_matrix_t *dmp_policy_matrix(const dmp_policy_t *policy,
    int32_t today);

static inline bool
dmp_matrix_reads(const dmp_matrix_row_t *row, const dmp_policy_t *policy,
    const dmp_type_t *type)
{
    size_t  i;

    i = (size_t) (type - policy->types);

    return (row->reads[i / 64] >> (i % 64)) & 1;
}

/*
 * What a code of a securityLabel means, DMP_LABEL_…  A code or a system that
 * the policy does not know adds all that hides: it is never less than known.
 */
unsigned dmp_policy_label(const dmp_policy_t *policy, dmp_code_t code);

#endif
