/*
 * extract.c: reads lines of the Annuaire Santé's extract.  Only codes and
 * identifiers are taken; names and addresses are passed over.
 *
 * Source: ANS, extractions of the Annuaire Santé; NOS for the tables that the
 * codes are of, with the OIDs that each declares.
 */

#include <stdio.h>

#include <dmp/dmp_ids.h>

#include "extract.h"


#define EXTRACT_G15   "1.2.250.1.71.1.2.7"       /* health professions */
#define EXTRACT_G16   "1.2.250.1.71.1.2.8"       /* the same, in training */
#define EXTRACT_R21   "1.2.250.1.213.1.6.1.17"   /* functions */
#define EXTRACT_R22   "1.2.250.1.213.1.6.1.19"   /* kinds of activity */
#define EXTRACT_R85   "1.2.250.1.213.1.6.1.107"  /* roles in care, 300 to 399 */
#define EXTRACT_R94   "1.2.250.1.213.1.6.1.4"    /* social professions */
#define EXTRACT_R95   "1.2.250.1.213.1.6.1.109"  /* users of a title */
#define EXTRACT_R96   "1.2.250.1.213.1.6.1.110"  /* other functions, 400 on */
#define EXTRACT_R291  "1.2.250.1.213.1.6.1.140"  /* an actor by role */

typedef struct {
    extract_column_t  column;
    bool              needed;
    const char       *name;              /* UTF-8 */
} extract_name_t;

/*
 * Without profession and sector it is another of the extract's files, which
 * must not replace what this one says.
 */
static const extract_name_t  extract_names[] = {
    { EXTRACT_TYPE,       false, "Type d'identifiant PP" },
    { EXTRACT_NUMBER,     false, "Identifiant PP" },
    { EXTRACT_ID,         true,  "Identification nationale PP" },
    { EXTRACT_PROFESSION, true,  "Code profession" },
    { EXTRACT_CATEGORY,   false, "Code catégorie professionnelle" },
    { EXTRACT_SPECIALTY,  false, "Code savoir-faire" },
    { EXTRACT_SECTOR,     true,  "Code secteur d'activité" },
    { EXTRACT_ROLE,       false, "Code rôle" },
    { EXTRACT_ROLE,       false, "Code fonction" },
    { EXTRACT_GENRE,      false, "Code genre activité" },
    { EXTRACT_GENRE,      false, "Code genre d'activité" },
    { EXTRACT_FORMER,     false, "Ancien identifiant de la structure" },
    { EXTRACT_FINESS,     false, "Numéro FINESS site" },
    { EXTRACT_SIRET,      false, "Numéro SIRET site" },
    { EXTRACT_TECHNICAL,  false, "Identifiant technique de la structure" },
    { EXTRACT_ALSO,       false, "Autres identifiants" },
};

#define EXTRACT_NAMES  (sizeof(extract_names) / sizeof(extract_names[0]))


static inline bool
extract_foreign(char c)
{
    return (unsigned char) c >= 0x80;
}


static size_t
extract_run(dmp_str_t s, size_t at)
{
    size_t  n;

    for (n = at; n < s.len && extract_foreign(s.data[n]); n++) {
        /* to its end */
    }

    return n - at;
}


/* Whether a column has that name; an apostrophe may be a typographic one. */
static bool
extract_named(dmp_str_t text, dmp_str_t name)
{
    size_t  i, j, n, m;

    i = 0;

    for (j = 0; j < name.len; j += m) {
        n = extract_run(text, i);
        m = 1;

        if (extract_foreign(name.data[j])) {
            m = extract_run(name, j);

        } else if (n == 0 || name.data[j] != '\'') {
            n = i < text.len && text.data[i] == name.data[j] ? 1 : 0;
        }

        if (n == 0) {
            return false;
        }

        i += n;
    }

    return i == text.len;
}


static dmp_str_t
extract_trim(dmp_str_t s)
{
    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && s.data[s.len - 1] == ' ') {
        s.len--;
    }

    return s;
}


/* Cuts the next field off the line; false after the last one. */
static bool
extract_next(dmp_str_t *rest, dmp_str_t *field)
{
    const char  *bar;

    if (rest->data == NULL) {
        return false;
    }

    bar = rest->len > 0 ? memchr(rest->data, '|', rest->len) : NULL;
    field->data = rest->data;

    if (bar == NULL) {
        field->len = rest->len;
        *rest = dmp_null_string;
        return true;
    }

    field->len = (size_t) (bar - rest->data);
    rest->data += field->len + 1;
    rest->len -= field->len + 1;

    return true;
}


/* A line that its file ends with CRLF. */
static dmp_str_t
extract_line(const char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }

    return (dmp_str_t) { line, len };
}


static dmp_rc_t
extract_say(dmp_error_t *error, dmp_rc_t rc, const char *text)
{
    (void) snprintf(error->text, sizeof(error->text), "%s", text);

    return rc;
}


static const char *
extract_column_name(extract_column_t column)
{
    size_t  i;

    for (i = 0; i < EXTRACT_NAMES - 1; i++) {
        if (extract_names[i].column == column) {
            break;
        }
    }

    return extract_names[i].name;
}


/* The value as far as a terminal can show it, and what is wrong with it. */
static dmp_rc_t
extract_wrong(dmp_error_t *error, extract_column_t column, dmp_str_t value,
    const char *what)
{
    char    shown[40];
    size_t  i, n;

    memset(shown, 0, sizeof(shown));
    n = value.len < sizeof(shown) ? value.len : sizeof(shown);

    for (i = 0; i < n; i++) {
        shown[i] = value.data[i] >= ' ' && value.data[i] <= '~'
                   ? value.data[i] : '?';
    }

    (void) snprintf(error->text, sizeof(error->text), "\"%s\": \"%.*s%s\" %s",
                    extract_column_name(column), (int) n, shown,
                    n < value.len ? "..." : "", what);

    return DMP_E_SYNTAX;
}


/* The column that a name of the header says; 0: none that is wanted. */
static unsigned char
extract_find(dmp_str_t text)
{
    size_t  i;

    for (i = 0; i < EXTRACT_NAMES; i++) {
        if (extract_named(text, (dmp_str_t) { extract_names[i].name,
                                              strlen(extract_names[i].name) }))
        {
            return (unsigned char) (extract_names[i].column + 1);
        }
    }

    return 0;
}


static dmp_rc_t
extract_complete(const bool seen[EXTRACT_COLUMNS], dmp_error_t *error)
{
    size_t  i;

    for (i = 0; i < EXTRACT_NAMES; i++) {
        if (extract_names[i].needed && !seen[extract_names[i].column]) {
            (void) snprintf(error->text, sizeof(error->text),
                            "there is no column \"%s\"",
                            extract_names[i].name);
            return DMP_E_SYNTAX;
        }
    }

    return DMP_OK;
}


dmp_rc_t
extract_header(extract_t *x, const char *line, size_t len, dmp_error_t *error)
{
    bool           seen[EXTRACT_COLUMNS];
    dmp_str_t      rest, field;
    unsigned char  found;

    memset(error, 0, sizeof(*error));
    memset(x, 0, sizeof(*x));
    memset(seen, 0, sizeof(seen));
    rest = extract_line(line, len);

    while (extract_next(&rest, &field)) {
        if (rest.data == NULL && field.len == 0 && x->n_fields > 0) {
            x->closed = true;
            break;
        }

        if (x->n_fields == EXTRACT_FIELDS_MAX) {
            return extract_say(error, DMP_E_SYNTAX, "too many columns");
        }

        found = extract_find(extract_trim(field));

        if (found != 0) {
            if (seen[found - 1]) {
                (void) snprintf(error->text, sizeof(error->text),
                                "there are two columns \"%s\"",
                                extract_column_name(found - 1));
                return DMP_E_SYNTAX;
            }

            seen[found - 1] = true;
        }

        x->column[x->n_fields++] = found;
    }

    x->others = seen[EXTRACT_ALSO];

    return extract_complete(seen, error);
}


/* Parts the line; the fields of columns that are absent are empty. */
static dmp_rc_t
extract_fields(const extract_t *x, dmp_str_t rest, bool ended,
    dmp_str_t fields[EXTRACT_COLUMNS], dmp_error_t *error)
{
    bool       closed, large;
    size_t     n;
    dmp_str_t  field;

    n = 0;
    large = false;
    closed = false;

    while (extract_next(&rest, &field)) {
        if (rest.data == NULL && field.len == 0
            && (x->closed || n == x->n_fields))
        {
            closed = true;
            break;
        }

        large = large || field.len > EXTRACT_FIELD_MAX;

        if (n < x->n_fields && x->column[n] != 0) {
            fields[x->column[n] - 1] = extract_trim(field);
        }

        n++;
    }

    if (n != x->n_fields) {
        (void) snprintf(error->text, sizeof(error->text),
                        "%zu fields instead of %zu", n, x->n_fields);
        return DMP_E_SYNTAX;
    }

    if (large) {
        return extract_say(error, DMP_E_LIMIT, "a field is longer than 1,024 "
                           "bytes");
    }

    /* What cannot be told from a file that was cut short is not believed. */

    if (!closed && (x->closed || !ended)) {
        return extract_say(error, DMP_E_SYNTAX, "the line has no end");
    }

    return DMP_OK;
}


static dmp_rc_t
extract_code(const dmp_str_t fields[EXTRACT_COLUMNS], extract_column_t column,
    dmp_str_t *out, dmp_error_t *error)
{
    char       c;
    size_t     i;
    dmp_str_t  s;

    s = fields[column];
    *out = s;

    if (s.len > EXTRACT_CODE_MAX) {
        return extract_wrong(error, column, s, "is no code");
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z')
            && !(c >= 'a' && c <= 'z') && c != '-' && c != '_' && c != '.')
        {
            return extract_wrong(error, column, s, "is no code");
        }
    }

    return DMP_OK;
}


/* The type and the number say the same as the national identifier. */
static dmp_rc_t
extract_id(const dmp_str_t fields[EXTRACT_COLUMNS], extract_row_t *row,
    dmp_error_t *error)
{
    dmp_str_t    id, type, number;
    dmp_ps_id_t  form;

    id = fields[EXTRACT_ID];
    type = fields[EXTRACT_TYPE];
    number = fields[EXTRACT_NUMBER];
    form = dmp_ps_id(id);

    if (form == DMP_PS_ID_NONE) {
        return extract_wrong(error, EXTRACT_ID, id,
                             "is no national identifier");
    }

    row->id = id;

    if (form == DMP_PS_ID_INTERNAL || type.len == 0 || number.len == 0) {
        return DMP_OK;
    }

    if (type.len != 1 || type.data[0] != id.data[0]
        || !dmp_str_eq(number, (dmp_str_t) { id.data + 1, id.len - 1 }))
    {
        return extract_wrong(error, EXTRACT_ID, id,
                             "is not its type and its number");
    }

    return DMP_OK;
}


static const char *
extract_profession_system(dmp_str_t code)
{
    unsigned  n;

    if (code.len != 2 || code.data[0] < '0' || code.data[0] > '9'
        || code.data[1] < '0' || code.data[1] > '9')
    {
        return EXTRACT_G15;
    }

    n = (unsigned) (code.data[0] - '0') * 10 + (unsigned) (code.data[1] - '0');

    if (n >= 41 && n <= 53 && n != 50) {
        return EXTRACT_R94;
    }

    switch (n) {

    case 71:
    case 72:
    case 73:
    case 93:
    case 97:
        return EXTRACT_R95;

    case 99:
        return EXTRACT_R291;

    default:
        return EXTRACT_G15;
    }
}


/* TRE_R09: C, M and F are categories of the qualified, E is a student's. */
static dmp_rc_t
extract_profession(const dmp_str_t fields[EXTRACT_COLUMNS],
    extract_row_t *row, dmp_error_t *error)
{
    dmp_rc_t     rc;
    dmp_str_t    category, code;
    const char  *system;

    rc = extract_code(fields, EXTRACT_PROFESSION, &code, error);
    if (rc != DMP_OK || code.len == 0) {
        return rc;
    }

    category = fields[EXTRACT_CATEGORY];

    if (category.len > 1
        || (category.len == 1 && memchr("CMFE", category.data[0], 4) == NULL))
    {
        return extract_wrong(error, EXTRACT_CATEGORY, category,
                             "is no category that is known");
    }

    system = category.len == 1 && category.data[0] == 'E'
             ? EXTRACT_G16 : extract_profession_system(code);

    row->profession.system = (dmp_str_t) { system, strlen(system) };
    row->profession.code = code;

    return DMP_OK;
}


static void
extract_set(dmp_code_t *out, const char *system, dmp_str_t code)
{
    if (code.len != 0) {
        out->system = (dmp_str_t) { system, strlen(system) };
        out->code = code;
    }
}


/* The role says more than the kind of activity. */
static dmp_rc_t
extract_situation(const dmp_str_t fields[EXTRACT_COLUMNS],
    dmp_situation_t *situation, dmp_error_t *error)
{
    dmp_str_t  sector, specialty, role, genre;

    if (extract_code(fields, EXTRACT_SECTOR, &sector, error) != DMP_OK
        || extract_code(fields, EXTRACT_SPECIALTY, &specialty, error) != DMP_OK
        || extract_code(fields, EXTRACT_ROLE, &role, error) != DMP_OK
        || extract_code(fields, EXTRACT_GENRE, &genre, error) != DMP_OK)
    {
        return DMP_E_SYNTAX;
    }

    extract_set(&situation->sector, EXTRACT_R02, sector);
    extract_set(&situation->specialty, EXTRACT_R01, specialty);
    extract_set(&situation->activity, EXTRACT_R22, genre);

    if (role.len == 3 && role.data[0] == '3') {
        extract_set(&situation->activity, EXTRACT_R85, role);

    } else if (role.len == 3 && role.data[0] == '4') {
        extract_set(&situation->activity, EXTRACT_R96, role);

    } else {
        extract_set(&situation->activity, EXTRACT_R21, role);
    }

    return DMP_OK;
}


/* A number with its prefix, if that is a structure's identifier. */
static bool
extract_prefixed(extract_row_t *row, const char *prefix, dmp_str_t number)
{
    dmp_buf_t  b;
    dmp_str_t  id;

    dmp_buf_init(&b, row->text, sizeof(row->text));
    dmp_buf_text(&b, prefix);
    dmp_buf_str(&b, number);
    id = (dmp_str_t) { b.data, b.len };

    if (number.len == 0 || b.full || !dmp_struct_id(id)) {
        return false;
    }

    row->situation.structure = id;

    return true;
}


static void
extract_structure(const dmp_str_t fields[EXTRACT_COLUMNS],
    extract_row_t *row)
{
    bool  found;

    found = extract_prefixed(row, "", fields[EXTRACT_FORMER])
            || extract_prefixed(row, "1", fields[EXTRACT_FINESS])
            || extract_prefixed(row, "3", fields[EXTRACT_SIRET])
            || extract_prefixed(row, "", fields[EXTRACT_TECHNICAL]);

    if (!found) {
        row->situation.structure = dmp_null_string;
    }
}


static bool
extract_has(const extract_row_t *row, dmp_str_t id)
{
    unsigned  i;

    if (dmp_str_eq(row->id, id)) {
        return true;
    }

    for (i = 0; i < row->n_others; i++) {
        if (dmp_str_eq(row->others[i], id)) {
            return true;
        }
    }

    return false;
}


/* "ID,ORIGIN,QUALITY;…": those that are national identifiers of persons. */
static dmp_rc_t
extract_others(dmp_str_t list, extract_row_t *row, dmp_error_t *error)
{
    size_t       n;
    dmp_str_t    id;
    const char  *end;

    while (list.len > 0) {
        end = memchr(list.data, ';', list.len);
        n = end != NULL ? (size_t) (end - list.data) : list.len;
        end = memchr(list.data, ',', n);
        id.data = list.data;
        id.len = end != NULL ? (size_t) (end - list.data) : n;
        id = extract_trim(id);

        if (dmp_ps_id(id) != DMP_PS_ID_NONE && !extract_has(row, id)) {
            if (row->n_others == EXTRACT_OTHERS) {
                return extract_wrong(error, EXTRACT_ALSO, id,
                                     "is one identifier too many");
            }

            row->others[row->n_others++] = id;
        }

        n = n < list.len ? n + 1 : n;
        list.data += n;
        list.len -= n;
    }

    return DMP_OK;
}


dmp_rc_t
extract_row(const extract_t *x, const char *line, size_t len, bool ended,
    extract_row_t *row, dmp_error_t *error)
{
    dmp_rc_t   rc;
    dmp_str_t  fields[EXTRACT_COLUMNS];

    memset(error, 0, sizeof(*error));
    memset(row, 0, sizeof(*row));
    memset(fields, 0, sizeof(fields));

    if (len > EXTRACT_LINE_MAX) {
        return extract_say(error, DMP_E_LIMIT, "longer than 65,536 bytes");
    }

    rc = extract_fields(x, extract_line(line, len), ended, fields, error);

    if (rc != DMP_OK) {
        /* A field that is cut short may look like an identifier. */
        return rc;
    }

    rc = extract_id(fields, row, error);

    if (rc == DMP_OK) {
        rc = extract_profession(fields, row, error);
    }

    if (rc == DMP_OK) {
        rc = extract_situation(fields, &row->situation, error);
    }

    if (rc == DMP_OK) {
        extract_structure(fields, row);
        rc = extract_others(fields[EXTRACT_ALSO], row, error);
    }

    return rc;
}
