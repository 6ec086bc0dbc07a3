/*
 * dmp_policy_rights.c: the rights tables, compiled to a bit for each cell.  A
 * note's number means nothing outside its file: what counts is the condition
 * that the file says it stands for.
 */

#include "dmp_policy_int.h"


#define DMP_NOTES_MAX  32

_Static_assert(DMP_RIGHT_MAX <= 64, "a right is a bit of 64");


/* One file, while it is compiled. */
typedef struct {
    dmp_table_id_t   id;
    dmp_table_t     *table;
    dmp_column_t     columns[DMP_COLUMN_MAX];
    size_t           n_columns;
    const char      *notes[DMP_NOTES_MAX];
    dmp_condition_t  conditions[DMP_NOTES_MAX];
    size_t           n_notes;
    uint32_t         used;               /* notes, a bit each */
    uint64_t         rows;               /* rights of this file */
} dmp_rights_t;


static bool
dmp_policy_columns(dmp_policy_reader_t *r, json_t *root, dmp_rights_t *t)
{
    size_t     i, k;
    json_t    *list, *value;
    unsigned   column;

    if (!dmp_policy_list(r, root, "columns", 1, DMP_COLUMN_MAX - 1, &list)) {
        return false;
    }

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_named(r, value, &dmp_column_names, "column", &column)) {
            return false;
        }

        for (k = 0; k < i; k++) {
            if (t->columns[k] == column) {
                return dmp_policy_error(r, "the column \"%s\" is given twice",
                                        json_string_value(value));
            }
        }

        dmp_policy_up(r);
        t->columns[t->n_columns++] = (dmp_column_t) column;
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_notes(dmp_policy_reader_t *r, json_t *root, dmp_rights_t *t)
{
    json_t      *notes, *value;
    unsigned     condition;
    const char  *name;

    notes = json_object_get(root, "notes");
    dmp_policy_into(r, "notes");

    if (!json_is_object(notes)) {
        return dmp_policy_error(r, "\"notes\" is not an object");
    }

    if (json_object_size(notes) > DMP_NOTES_MAX) {
        return dmp_policy_limit(r, "\"notes\" has more than %d notes",
                                DMP_NOTES_MAX);
    }

    json_object_foreach(notes, name, value) {
        dmp_policy_into(r, name);

        if (!dmp_policy_named(r, value, &dmp_condition_names, "condition",
                              &condition))
        {
            return false;
        }

        dmp_policy_up(r);
        t->notes[t->n_notes] = name;
        t->conditions[t->n_notes++] = (dmp_condition_t) condition;
    }

    dmp_policy_up(r);
    return true;
}


/* A note that no cell has is one that some cell has lost. */
static bool
dmp_policy_notes_used(dmp_policy_reader_t *r, const dmp_rights_t *t)
{
    size_t  i;

    for (i = 0; i < t->n_notes; i++) {
        if (!((t->used >> i) & 1)) {
            dmp_policy_into(r, "notes");
            dmp_policy_into(r, t->notes[i]);

            return dmp_policy_error(r, "note (%s) is in no cell",
                       dmp_policy_word((dmp_str_t) { t->notes[i],
                                       strlen(t->notes[i]) }).text);
        }
    }

    return true;
}


/* "oui(6)" to its condition. */
static bool
dmp_policy_cell_note(dmp_policy_reader_t *r, dmp_rights_t *t, dmp_str_t word,
    dmp_condition_t *condition)
{
    size_t     i;
    dmp_str_t  note;

    note.data = word.data + 4;
    note.len = word.len - 5;

    for (i = 0; i < t->n_notes; i++) {
        if (strlen(t->notes[i]) == note.len
            && memcmp(t->notes[i], note.data, note.len) == 0)
        {
            t->used |= (uint32_t) 1 << i;
            *condition = t->conditions[i];
            return true;
        }
    }

    return dmp_policy_error(r, "note (%s) is not in \"notes\"",
                            dmp_policy_word(note).text);
}


/*
 * The rights that some rule looks at this condition of; under another one, a
 * cell would mean "oui" whatever it says.
 */
static bool
dmp_policy_enforced(dmp_condition_t condition, dmp_right_t right)
{
    static const uint64_t  of_documents =
        dmp_right_bit(DMP_RIGHT_SEARCH) | dmp_right_bit(DMP_RIGHT_REFERENCE)
        | dmp_right_bit(DMP_RIGHT_READ) | dmp_right_bit(DMP_RIGHT_MASK)
        | dmp_right_bit(DMP_RIGHT_UNMASK) | dmp_right_bit(DMP_RIGHT_SHOW)
        | dmp_right_bit(DMP_RIGHT_ARCHIVE)
        | dmp_right_bit(DMP_RIGHT_UNARCHIVE)
        | dmp_right_bit(DMP_RIGHT_DELETE);

    switch (condition) {

    case DMP_CONDITION_FOR_STRUCTURE:
        return right == DMP_RIGHT_AUTHORISE_SELF;

    case DMP_CONDITION_SAME_STRUCTURE:
    case DMP_CONDITION_NEW_ONLY:
        /* no operation lists records: carried over, and never asked */
        return right == DMP_RIGHT_LIST_RECORDS;

    case DMP_CONDITION_IMPUTED:
        return right == DMP_RIGHT_DEPOSIT || right == DMP_RIGHT_DEPOSIT_STAFF;

    case DMP_CONDITION_MASKED_ALLOWED:
        return right == DMP_RIGHT_READ_MASKED;

    case DMP_CONDITION_AUTHOR:
        return right == DMP_RIGHT_READ_MASKED
               || (of_documents & dmp_right_bit(right)) != 0;

    case DMP_CONDITION_REFERENCE_OWN:
    case DMP_CONDITION_STRUCTURE:
    case DMP_CONDITION_OWN_DEPOSIT:
        return (of_documents & dmp_right_bit(right)) != 0;

    case DMP_CONDITION_CONSENT:
        return right == DMP_RIGHT_CREATE || right == DMP_RIGHT_AUTHORISE
               || right == DMP_RIGHT_AUTHORISE_SELF;

    case DMP_CONDITION_OWN_TRACES:
        return right == DMP_RIGHT_HISTORY;

    default:
        return false;
    }
}


static bool
dmp_policy_cell(dmp_policy_reader_t *r, json_t *value, dmp_rights_t *t,
    dmp_cells_t *cells, dmp_right_t right)
{
    dmp_str_t        word;
    dmp_condition_t  condition;

    if (!dmp_policy_string(r, value, &word)) {
        return false;
    }

    if (dmp_str_eq(word, dmp_string("non"))) {
        return true;
    }

    if (dmp_str_eq(word, dmp_string("oui"))) {
        cells->allows |= dmp_right_bit(right);
        return true;
    }

    if (word.len < sizeof("oui(1)") - 1 || memcmp(word.data, "oui(", 4) != 0
        || word.data[word.len - 1] != ')')
    {
        return dmp_policy_error(r, "\"%s\" is not \"oui\", \"non\" or "
                                "\"oui(N)\"", dmp_policy_word(word).text);
    }

    if (!dmp_policy_cell_note(r, t, word, &condition)) {
        return false;
    }

    if (!dmp_policy_enforced(condition, right)) {
        return dmp_policy_error(r, "note (%.*s): \"%s\" is no condition that "
                                "the right \"%s\" can have",
                                (int) (word.len - 5), word.data + 4,
                                dmp_condition_names.names[condition],
                                dmp_right_names.names[right]);
    }

    cells->allows |= dmp_right_bit(right);
    cells->under[condition] |= dmp_right_bit(right);

    return true;
}


/* Our table is in several files, which may not both speak of one cell. */
static bool
dmp_policy_own_once(dmp_policy_reader_t *r, const dmp_rights_t *t,
    dmp_right_t right)
{
    size_t     i;
    uint64_t  *given;

    for (i = 0; i < t->n_columns; i++) {
        given = &r->own[t->columns[i]];

        if (*given & dmp_right_bit(right)) {
            dmp_policy_into(r, "right");

            return dmp_policy_error(r, "another file has the right \"%s\" for "
                                    "the column \"%s\"",
                                    dmp_right_names.names[right],
                                    dmp_column_names.names[t->columns[i]]);
        }

        *given |= dmp_right_bit(right);
    }

    return true;
}


/* Which right a row is about: each has one row, if any. */
static bool
dmp_policy_row_right(dmp_policy_reader_t *r, json_t *value, dmp_rights_t *t,
    dmp_right_t *right)
{
    unsigned  named;

    dmp_policy_into(r, "right");

    if (!dmp_policy_named(r, json_object_get(value, "right"), &dmp_right_names,
                          "right", &named))
    {
        return false;
    }

    if (t->rows & dmp_right_bit(named)) {
        return dmp_policy_error(r, "the right \"%s\" has a second row",
                                dmp_right_names.names[named]);
    }

    dmp_policy_up(r);

    *right = (dmp_right_t) named;
    t->rows |= dmp_right_bit(named);

    return t->id != DMP_TABLE_OWN || dmp_policy_own_once(r, t, *right);
}


static bool
dmp_policy_row(dmp_policy_reader_t *r, json_t *value, dmp_rights_t *t)
{
    size_t       i;
    json_t      *list, *cell;
    dmp_str_t    name;
    dmp_right_t  right;

    static const char *const  members[] = { "right", "row", "cells", NULL };

    if (!dmp_policy_object(r, value, members, 3)
        || !dmp_policy_row_right(r, value, t, &right)
        || !dmp_policy_text(r, value, "row", &name)
        || !dmp_policy_list(r, value, "cells", 0, SIZE_MAX, &list))
    {
        return false;
    }

    if (json_array_size(list) != t->n_columns) {
        return dmp_policy_error(r, "\"cells\" of row \"%s\" has %zu words, the "
                                "table has %zu columns",
                                dmp_policy_word(name).text,
                                json_array_size(list), t->n_columns);
    }

    json_array_foreach(list, i, cell) {
        dmp_policy_at(r, i);

        if (!dmp_policy_cell(r, cell, t, &t->table->columns[t->columns[i]],
                             right))
        {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);

    if (!(t->table->rows & dmp_right_bit(right))) {
        t->table->rows |= dmp_right_bit(right);
        t->table->row_names[right] = name;
    }

    return true;
}


/* Which table it is, and what it is called: in several files, by the first. */
static bool
dmp_policy_table(dmp_policy_reader_t *r, json_t *root, dmp_rights_t *t)
{
    unsigned     id;
    dmp_str_t    name, source;

    dmp_policy_into(r, "table");

    if (!dmp_policy_named(r, json_object_get(root, "table"), &dmp_table_names,
                          "table", &id))
    {
        return false;
    }

    t->id = (dmp_table_id_t) id;
    t->table = &r->policy->tables[id];

    if (t->table->rows != 0 && t->id != DMP_TABLE_OWN) {
        return dmp_policy_error(r, "the table \"%s\" is in another file "
                                "already", dmp_table_names.names[id]);
    }

    dmp_policy_up(r);

    if (!dmp_policy_text(r, root, "name", &name)
        || !dmp_policy_text(r, root, "source", &source))
    {
        return false;
    }

    if (t->table->rows == 0) {
        t->table->name = name;
        t->table->source = source;
    }

    return true;
}


bool
dmp_policy_read_rights(dmp_policy_reader_t *r, json_t *root)
{
    size_t        i;
    json_t       *list, *value;
    dmp_rights_t  t;

    static const char *const  members[] = { "format", "table", "name", "source",
                                            "columns", "notes", "rows", NULL };

    memset(&t, 0, sizeof(t));

    if (!dmp_policy_object(r, root, members, 7)
        || !dmp_policy_table(r, root, &t)
        || !dmp_policy_columns(r, root, &t)
        || !dmp_policy_notes(r, root, &t)
        || !dmp_policy_list(r, root, "rows", 1, SIZE_MAX, &list))
    {
        return false;
    }

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_row(r, value, &t)) {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);

    return dmp_policy_notes_used(r, &t);
}


/* The rows of a table as they are, and ours for what it does not speak of. */
static void
dmp_policy_cells(dmp_policy_t *policy, size_t table)
{
    size_t              i, k;
    uint64_t            rows;
    dmp_cells_t        *cells;
    const dmp_cells_t  *own, *ours;

    rows = policy->tables[table].rows;

    for (i = DMP_COLUMN_NONE + 1; i < DMP_COLUMN_MAX; i++) {
        cells = &policy->cells[table][i];
        own = &policy->tables[table].columns[i];
        ours = &policy->tables[DMP_TABLE_OWN].columns[i];

        cells->allows = (own->allows & rows) | (ours->allows & ~rows);

        for (k = 0; k < DMP_CONDITION_MAX; k++) {
            cells->under[k] = (own->under[k] & rows)
                              | (ours->under[k] & ~rows);
        }
    }
}


bool
dmp_policy_tables(dmp_policy_reader_t *r)
{
    size_t  i;

    for (i = DMP_TABLE_NONE + 1; i < DMP_TABLE_MAX; i++) {
        if (r->policy->tables[i].rows == 0) {
            dmp_policy_into(r, "rights");

            return dmp_policy_error(r, "no file of \"rights\" has the table "
                                    "\"%s\"", dmp_table_names.names[i]);
        }

        dmp_policy_cells(r->policy, i);
    }

    return true;
}
