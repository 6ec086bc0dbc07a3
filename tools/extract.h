/*
 * extract.h: lines of the Annuaire Santé's published extract of persons and
 * activities (PS_LibreAcces_Personne_activite_*.txt), and of the restricted
 * one that has the same names for the same columns.  One header, then rows of
 * fields parted by "|", never quoted.
 */

#ifndef TOOL_EXTRACT_H
#define TOOL_EXTRACT_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_directory.h>


#define EXTRACT_LINE_MAX    65536        /* bytes, the line's end not counted */
#define EXTRACT_FIELD_MAX   1024
#define EXTRACT_FIELDS_MAX  255
#define EXTRACT_CODE_MAX    32
#define EXTRACT_R01         "1.2.250.1.71.4.2.5"     /* specialties */
#define EXTRACT_R02         "1.2.250.1.71.4.2.4"     /* sectors */
#define EXTRACT_OTHERS      (DMP_DIRECTORY_IDS - 1)

typedef enum {
    EXTRACT_TYPE = 0,
    EXTRACT_NUMBER,
    EXTRACT_ID,
    EXTRACT_PROFESSION,
    EXTRACT_CATEGORY,
    EXTRACT_SPECIALTY,
    EXTRACT_SECTOR,
    EXTRACT_ROLE,
    EXTRACT_GENRE,
    EXTRACT_FORMER,
    EXTRACT_FINESS,
    EXTRACT_SIRET,
    EXTRACT_TECHNICAL,
    EXTRACT_ALSO,
    EXTRACT_COLUMNS
} extract_column_t;

/* What the header says. */
typedef struct {
    size_t         n_fields;
    bool           closed;               /* a "|" ends each line */
    bool           others;               /* it gives other identifiers */
    unsigned char  column[EXTRACT_FIELDS_MAX];  /* of a field: extract_column_t
                                                   and 1; 0: not wanted */
} extract_t;

/* A row: one situation of one person.  Empty: the row does not say. */
typedef struct {
    dmp_str_t        id;                 /* PS_IdNat */
    dmp_str_t        others[EXTRACT_OTHERS];
    unsigned         n_others;
    dmp_code_t       profession;
    dmp_situation_t  situation;
    char             text[DMP_ID_MAX];   /* holds the structure */
} extract_row_t;

/*
 * Reads the header.  Columns are found by name; a run of bytes that are not
 * ASCII stands for any other, so that UTF-8 and Windows-1252 read alike.
 * DMP_E_SYNTAX, and error->text names the column that is missing or there
 * twice.
 */
dmp_rc_t extract_header(extract_t *x, const char *line, size_t len,
    dmp_error_t *error);

/*
 * Reads a row, without its line feed; ended says that it had one.  Strings of
 * *row point into the line and into *row.  DMP_E_SYNTAX or DMP_E_LIMIT, and
 * error->text names the column; row->id is then set if it could be read.
 */
dmp_rc_t extract_row(const extract_t *x, const char *line, size_t len,
    bool ended, extract_row_t *row, dmp_error_t *error);

#endif
