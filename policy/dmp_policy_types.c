/*
 * dmp_policy_types.c: what documents are: the types and their systems, the
 * matrices of who may read which type, and what confidentiality labels mean.
 */

#include <dmp/dmp_document.h>

#include "dmp_policy_int.h"


#define DMP_SYSTEMS_MAX  16
#define DMP_LABELS_MAX   256


/* The names of a system, each once; a name of another one is not its own. */
static bool
dmp_policy_names(dmp_policy_reader_t *r, json_t *object, const char *member,
    dmp_system_t *system, const dmp_system_t *others, size_t n_others)
{
    bool       twice;
    size_t     i, k;
    json_t    *list, *value;
    dmp_str_t  name;

    if (!dmp_policy_list(r, object, member, 1, DMP_SYSTEM_NAMES, &list)) {
        return false;
    }

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_string(r, value, &name)) {
            return false;
        }

        twice = dmp_system_has(system, name);

        for (k = 0; k < n_others; k++) {
            twice = twice || dmp_system_has(&others[k], name);
        }

        if (twice) {
            return dmp_policy_error(r, "the system \"%s\" is given twice",
                                    dmp_policy_word(name).text);
        }

        dmp_policy_up(r);
        system->names[system->n_names++] = name;
    }

    dmp_policy_up(r);
    return true;
}


/* The systems, and what the file calls them: ids[i] is systems[i]. */
static bool
dmp_policy_systems(dmp_policy_reader_t *r, json_t *root,
    dmp_str_t ids[DMP_SYSTEMS_MAX])
{
    size_t         i, k;
    json_t        *list, *value;
    dmp_system_t  *systems;

    static const char *const  members[] = { "id", "names", NULL };

    if (!dmp_policy_list(r, root, "systems", 1, DMP_SYSTEMS_MAX, &list)) {
        return false;
    }

    systems = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_system_t));

    if (systems == NULL) {
        return false;
    }

    r->policy->type_systems = systems;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_object(r, value, members, 2)
            || !dmp_policy_text(r, value, "id", &ids[i])
            || !dmp_policy_names(r, value, "names", &systems[i], systems, i))
        {
            return false;
        }

        for (k = 0; k < i; k++) {
            if (dmp_str_eq(ids[k], ids[i])) {
                dmp_policy_into(r, "id");

                return dmp_policy_error(r, "the id \"%s\" is given twice",
                                        dmp_policy_word(ids[i]).text);
            }
        }

        dmp_policy_up(r);
        r->policy->n_type_systems++;
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_one_type(dmp_policy_reader_t *r, json_t *value, dmp_type_t *type,
    const dmp_str_t ids[DMP_SYSTEMS_MAX])
{
    size_t     i;
    dmp_str_t  id;

    static const char *const  members[] = { "system", "code", "class", "name",
                                            "patient_deposits", NULL };

    if (!dmp_policy_object(r, value, members, 4)
        || !dmp_policy_text(r, value, "system", &id)
        || !dmp_policy_text(r, value, "code", &type->code.code)
        || !dmp_policy_text(r, value, "class", &type->class_code)
        || !dmp_policy_text(r, value, "name", &type->name)
        || !dmp_policy_bool(r, value, "patient_deposits",
                            &type->patient_deposits))
    {
        return false;
    }

    for (i = 0; i < r->policy->n_type_systems; i++) {
        if (dmp_str_eq(ids[i], id)) {
            type->system = (unsigned) i;
            type->code.system = r->policy->type_systems[i].names[0];
            return true;
        }
    }

    dmp_policy_into(r, "system");

    return dmp_policy_error(r, "\"%s\" is not the id of one of \"systems\"",
                            dmp_policy_word(id).text);
}


bool
dmp_policy_read_types(dmp_policy_reader_t *r, json_t *root)
{
    size_t        i;
    json_t       *list, *value;
    dmp_str_t     source, ids[DMP_SYSTEMS_MAX];
    dmp_type_t   *types;

    static const char *const  members[] = { "format", "source", "systems",
                                            "types", NULL };

    memset(ids, 0, sizeof(ids));

    if (!dmp_policy_object(r, root, members, 4)
        || !dmp_policy_text(r, root, "source", &source)
        || !dmp_policy_systems(r, root, ids)
        || !dmp_policy_list(r, root, "types", 1, DMP_TYPES_MAX, &list))
    {
        return false;
    }

    types = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_type_t));

    if (types == NULL) {
        return false;
    }

    r->policy->types = types;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_one_type(r, value, &types[i], ids)) {
            return false;
        }

        if (!dmp_policy_add_type(r->policy, i)) {
            dmp_policy_into(r, "code");

            return dmp_policy_error(r, "the type \"%s\" is given twice",
                                    dmp_policy_word(types[i].code.code).text);
        }

        dmp_policy_up(r);
        r->policy->n_types++;
    }

    dmp_policy_up(r);
    return true;
}


/* Which profession a row is of: one with a kind, that has none yet. */
static bool
dmp_policy_row_of(dmp_policy_reader_t *r, json_t *value, dmp_matrix_t *matrix,
    dmp_matrix_row_t **row)
{
    dmp_code_t               code;
    const char              *wrong;
    const dmp_profession_t  *p;

    if (!dmp_policy_text(r, value, "system", &code.system)
        || !dmp_policy_text(r, value, "code", &code.code))
    {
        return false;
    }

    p = dmp_policy_profession(r->policy, code);

    if (p == NULL) {
        wrong = "is not in the file of the professions";

    } else if (p->training) {
        wrong = "is in training, and has the row of what it is for";

    } else {
        *row = &matrix->rows[p->row];

        if (!(*row)->published) {
            return true;
        }

        wrong = "has a second row";
    }

    dmp_policy_into(r, "code");

    return dmp_policy_error(r, "the profession \"%s\" of \"%s\" %s",
                            dmp_policy_word(code.code).text,
                            dmp_policy_word(code.system).text, wrong);
}


/* Sets the bits of what is listed; the caller turns them if need be. */
static bool
dmp_policy_row_types(dmp_policy_reader_t *r, json_t *value,
    dmp_matrix_row_t *row)
{
    bool               same;
    size_t             i, index;
    json_t            *list, *element;
    uint64_t           bit;
    dmp_str_t          word;
    const dmp_type_t  *type;

    if (!dmp_policy_list(r, value, "types", 0, DMP_TYPES_MAX, &list)) {
        return false;
    }

    json_array_foreach(list, i, element) {
        dmp_policy_at(r, i);

        if (!dmp_policy_string(r, element, &word)) {
            return false;
        }

        type = dmp_policy_type(r->policy,
                               (dmp_code_t) { dmp_null_string, word }, &same);

        if (type == NULL) {
            return dmp_policy_error(r, "\"%s\" is not a type",
                                    dmp_policy_word(word).text);
        }

        index = (size_t) (type - r->policy->types);
        bit = UINT64_C(1) << (index % 64);

        if (row->reads[index / 64] & bit) {
            return dmp_policy_error(r, "the type \"%s\" is given twice",
                                    dmp_policy_word(word).text);
        }

        dmp_policy_up(r);
        row->reads[index / 64] |= bit;
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_matrix_row(dmp_policy_reader_t *r, json_t *value,
    dmp_matrix_t *matrix)
{
    size_t             i;
    unsigned           otherwise, unknown;
    dmp_matrix_row_t  *row;

    static const char *const  members[] = {
        "system", "code", "default", "unknown", "types", "source", "ours", NULL
    };
    static const char *const  words[] = { "deny", "allow", NULL };

    otherwise = 0;
    unknown = 0;

    if (!dmp_policy_object(r, value, members, 6)
        || !dmp_policy_row_of(r, value, matrix, &row)
        || !dmp_policy_choice(r, value, "default", words, &otherwise)
        || !dmp_policy_choice(r, value, "unknown", words, &unknown)
        || !dmp_policy_row_types(r, value, row)
        || !dmp_policy_text(r, value, "source", &row->source)
        || !dmp_policy_bool(r, value, "ours", &row->ours))
    {
        return false;
    }

    row->published = true;
    row->unknown = unknown == 1;

    /* what is listed does not follow the default */

    for (i = 0; otherwise == 1 && i < r->policy->n_types; i++) {
        row->reads[i / 64] ^= UINT64_C(1) << (i % 64);
    }

    return true;
}


/* The day it is in force from; one day has one matrix. */
static bool
dmp_policy_matrix_from(dmp_policy_reader_t *r, json_t *root,
    dmp_matrix_t *matrix)
{
    size_t     i;
    dmp_str_t  from;

    if (!dmp_policy_text(r, root, "from", &from)) {
        return false;
    }

    dmp_policy_into(r, "from");

    if (!dmp_day_parse(from, &matrix->from)) {
        return dmp_policy_error(r, "\"%s\" is not a day, as \"2023-10-29\" is",
                                dmp_policy_word(from).text);
    }

    for (i = 0; i < r->policy->n_matrices; i++) {
        if (r->policy->matrices[i].from == matrix->from) {
            return dmp_policy_error(r, "another matrix is from \"%s\" too",
                                    dmp_policy_word(from).text);
        }
    }

    dmp_policy_up(r);
    return true;
}


/* Among the others, the newest first; the policy owns its rows from then. */
static void
dmp_policy_add_matrix(dmp_policy_t *policy, const dmp_matrix_t *matrix)
{
    size_t  i;

    for (i = policy->n_matrices++;
         i > 0 && policy->matrices[i - 1].from < matrix->from;
         i--)
    {
        policy->matrices[i] = policy->matrices[i - 1];
    }

    policy->matrices[i] = *matrix;
}


bool
dmp_policy_read_matrix(dmp_policy_reader_t *r, json_t *root)
{
    size_t         i;
    json_t        *list, *value;
    dmp_matrix_t   matrix;
    dmp_policy_t  *policy;

    static const char *const  members[] = { "format", "name", "from", "source",
                                            "rows", NULL };

    policy = r->policy;
    memset(&matrix, 0, sizeof(matrix));

    if (policy->matrices == NULL) {
        policy->matrices = dmp_policy_alloc(r, DMP_MATRICES_MAX,
                                            sizeof(dmp_matrix_t));
        if (policy->matrices == NULL) {
            return false;
        }
    }

    if (!dmp_policy_object(r, root, members, 5)
        || !dmp_policy_text(r, root, "name", &matrix.name)
        || !dmp_policy_matrix_from(r, root, &matrix)
        || !dmp_policy_text(r, root, "source", &matrix.source)
        || !dmp_policy_list(r, root, "rows", 1, policy->n_professions, &list))
    {
        return false;
    }

    matrix.rows = dmp_policy_alloc(r, policy->n_professions,
                                   sizeof(dmp_matrix_row_t));

    if (matrix.rows == NULL) {
        return false;
    }

    dmp_policy_add_matrix(policy, &matrix);

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_matrix_row(r, value, &matrix)) {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_hides(dmp_policy_reader_t *r, json_t *value, unsigned *labels)
{
    size_t     i;
    json_t    *list, *element;
    unsigned   whom;

    static const char *const  whoms[] = {
        NULL, "professionals", "patient", "representatives"
    };
    static const unsigned     bits[] = {
        0, DMP_LABEL_MASKED, DMP_LABEL_INVISIBLE_PATIENT,
        DMP_LABEL_INVISIBLE_REPRESENTATIVES
    };
    static const dmp_names_t  names = { whoms, 4 };

    if (!dmp_policy_list(r, value, "hides_from", 0, 3, &list)) {
        return false;
    }

    json_array_foreach(list, i, element) {
        dmp_policy_at(r, i);

        if (!dmp_policy_named(r, element, &names, "reader: it is "
                              "\"professionals\", \"patient\" or "
                              "\"representatives\"", &whom))
        {
            return false;
        }

        if (*labels & bits[whom]) {
            return dmp_policy_error(r, "\"%s\" is given twice", whoms[whom]);
        }

        dmp_policy_up(r);
        *labels |= bits[whom];
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_one_label(dmp_policy_reader_t *r, json_t *value, dmp_label_t *label)
{
    const dmp_label_t  *other;

    static const char *const  members[] = { "code", "hides_from", NULL };

    if (!dmp_policy_object(r, value, members, 2)
        || !dmp_policy_text(r, value, "code", &label->code)
        || !dmp_policy_hides(r, value, &label->labels))
    {
        return false;
    }

    for (other = r->policy->labels; other < label; other++) {
        if (dmp_str_eq(other->code, label->code)) {
            dmp_policy_into(r, "code");

            return dmp_policy_error(r, "the label \"%s\" is given twice",
                                    dmp_policy_word(label->code).text);
        }
    }

    return true;
}


bool
dmp_policy_read_labels(dmp_policy_reader_t *r, json_t *root)
{
    size_t        i;
    json_t       *list, *value;
    dmp_str_t     source;
    dmp_label_t  *labels;

    static const char *const  members[] = { "format", "source", "systems",
                                            "labels", NULL };

    if (!dmp_policy_object(r, root, members, 4)
        || !dmp_policy_text(r, root, "source", &source)
        || !dmp_policy_names(r, root, "systems", &r->policy->label_system,
                             NULL, 0)
        || !dmp_policy_list(r, root, "labels", 1, DMP_LABELS_MAX, &list))
    {
        return false;
    }

    labels = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_label_t));

    if (labels == NULL) {
        return false;
    }

    r->policy->labels = labels;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_one_label(r, value, &labels[i])) {
            return false;
        }

        dmp_policy_up(r);
        r->policy->n_labels++;
    }

    dmp_policy_up(r);
    return true;
}
