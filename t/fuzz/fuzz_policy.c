/*
 * fuzz_policy.c: any bytes as a policy, its files cut at lines of "%%" in the
 * order they are asked for: no crash, an error that says what, or tables whose
 * bits mean something and finders that find what is there.
 */

#include <stdlib.h>

#include <dmp/dmp_document.h>
#include <dmp/dmp_ids.h>
#include <dmp/dmp_policy.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}


static dmp_rc_t
next_file(void *data, const char *name, dmp_str_t *text, dmp_error_t *error)
{
    dmp_str_t   *rest;
    const char  *end;

    rest = data;
    must(strlen(name) < DMP_POLICY_NAME);

    if (rest->len == 0) {
        memcpy(error->text, "no more", sizeof("no more"));
        return DMP_E_UNKNOWN;
    }

    *text = *rest;
    end = memmem(rest->data, rest->len, "\n%%\n", 4);

    if (end == NULL) {
        rest->len = 0;
        return DMP_OK;
    }

    text->len = (size_t) (end - rest->data);
    rest->data += text->len + 4;
    rest->len -= text->len + 4;

    return DMP_OK;
}


/* Persons and organisations apart, and every TEST authority marked. */
static void
check_chains(const dmp_policy_t *policy)
{
    size_t              i, k;
    unsigned            may;
    dmp_str_t           value;
    const dmp_chain_t  *chain;

    must(policy->n_chains > 0);

    for (i = 0; i < policy->n_chains; i++) {
        chain = &policy->chains[i];
        must(chain->role == DMP_CHAIN_PERSONS
             || chain->role == DMP_CHAIN_ORGANISATIONS);
        may = (chain->role == DMP_CHAIN_PERSONS)
              ? DMP_MAKES_CPS | DMP_MAKES_CPF | DMP_MAKES_CPE
              : DMP_MAKES_STRUCTURE;
        may |= DMP_MAKES_CPE_ANONYMOUS;

        must(chain->makes != 0 && (chain->makes & ~may) == 0);
        must(chain->n_entries > 0 && chain->n_entries <= DMP_NAME_ENTRIES);

        for (k = 0; k < chain->n_entries; k++) {
            value = chain->issuer[k].value;
            must(chain->issuer[k].type.len != 0 && value.len != 0);
            must(chain->test || value.len < 5
                 || (memcmp(value.data, "TEST ", 5) != 0
                     && memcmp(value.data + value.len - 5, " TEST", 5) != 0));
        }
    }
}


static void
check_feeders(const dmp_policy_t *policy)
{
    size_t               i, k;
    const dmp_feeder_t  *f;

    for (i = 0; i < policy->n_feeders; i++) {
        f = &policy->feeders[i];
        must(f->name.len != 0 && f->source.len != 0);
        must(dmp_struct_id(f->structure));

        for (k = 0; k < i; k++) {
            must(!dmp_str_eq(policy->feeders[k].structure, f->structure));
        }
    }
}


static void
check_professions(const dmp_policy_t *policy)
{
    size_t                   i;
    const dmp_profession_t  *p;

    must(policy->n_professions > 0);

    for (i = 0; i < policy->n_professions; i++) {
        p = &policy->professions[i];

        must(dmp_policy_profession(policy, p->code) == p);
        must(p->row < policy->n_professions);
        must(!policy->professions[p->row].training);
        must(p->training || p->row == i);
        must(p->kind != DMP_PROFESSION_NONE);
        must(p->kind == policy->professions[p->row].kind);
    }

    for (i = 0; i < policy->n_titles; i++) {
        must(dmp_policy_profession(policy, policy->titles[i].profession)
             != NULL);
    }
}


static void
check_tables(const dmp_policy_t *policy)
{
    size_t              i, k, n;
    uint64_t            rights;
    const dmp_cells_t  *cells;
    const dmp_table_t  *table;

    for (i = 0; i < DMP_TABLE_MAX; i++) {
        table = &policy->tables[i];

        rights = (dmp_right_bit(DMP_RIGHT_MAX) - 1)
                 & ~dmp_right_bit(DMP_RIGHT_NONE);

        must((table->rows & ~rights) == 0);
        must((table->rows == 0) == (i == DMP_TABLE_NONE));

        for (k = 0; k < DMP_COLUMN_MAX; k++) {
            cells = &table->columns[k];

            must((cells->allows & ~table->rows) == 0);
            must(k != DMP_COLUMN_NONE || cells->allows == 0);
            must(cells->under[DMP_CONDITION_NONE] == 0);

            rights = 0;

            for (n = 0; n < DMP_CONDITION_MAX; n++) {
                must((cells->under[n] & rights) == 0);
                rights |= cells->under[n];
            }

            must((rights & ~cells->allows) == 0);
        }

        for (k = 0; k < DMP_RIGHT_MAX; k++) {
            must(((table->rows >> k) & 1) == (table->row_names[k].len != 0));
        }
    }
}


static void
check_types(const dmp_policy_t *policy)
{
    bool               same;
    size_t             i;
    const dmp_type_t  *type;

    must(policy->n_types > 0 && policy->n_types <= DMP_TYPES_MAX);

    for (i = 0; i < policy->n_types; i++) {
        type = &policy->types[i];

        must(type->system < policy->n_type_systems);
        must(dmp_policy_type(policy, type->code, &same) == type);
        must(same);
    }

    must(dmp_policy_type(policy, (dmp_code_t) { dmp_null_string,
                                                dmp_null_string }, &same)
         == NULL);
}


static void
check_matrices(const dmp_policy_t *policy)
{
    size_t                   i, k, n;
    const dmp_matrix_row_t  *row;

    must(policy->n_matrices > 0);

    for (i = 0; i < policy->n_matrices; i++) {
        must(i == 0
             || policy->matrices[i].from < policy->matrices[i - 1].from);
        must(dmp_policy_matrix(policy, policy->matrices[i].from)
             == &policy->matrices[i]);

        for (k = 0; k < policy->n_professions; k++) {
            row = &policy->matrices[i].rows[k];

            must(!row->published || !policy->professions[k].training);
            must(row->published == (row->source.len != 0));

            for (n = policy->n_types; n < DMP_TYPES_MAX; n++) {
                must(((row->reads[n / 64] >> (n % 64)) & 1) == 0);
            }
        }
    }
}


static void
check_labels(const dmp_policy_t *policy)
{
    size_t      i;
    dmp_code_t  code;

    must(policy->label_system.n_names > 0
         && policy->label_system.n_names <= DMP_SYSTEM_NAMES);

    for (i = 0; i < policy->n_labels; i++) {
        must((policy->labels[i].labels & ~7u) == 0);

        code.code = policy->labels[i].code;
        code.system = policy->label_system.names[0];
        must(dmp_policy_label(policy, code) == policy->labels[i].labels);

        code.system = dmp_null_string;
        must(dmp_policy_label(policy, code) == DMP_LABEL_ALL);
    }
}


static void
check_exclusions(const dmp_exclusion_t *e, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        must(e[i].name.len != 0);
        must(e[i].profession.code.len != 0 || e[i].sector.code.len != 0
             || e[i].activity.code.len != 0 || e[i].specialty.code.len != 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_rc_t             rc;
    dmp_str_t            rest;
    dmp_error_t          error;
    dmp_policy_t        *policy;
    dmp_policy_source_t  source;

    rest = (dmp_str_t) { (const char *) data, size };
    source.read = next_file;
    source.data = &rest;

    rc = dmp_policy_load(&source, "policy", &policy, &error);

    if (rc != DMP_OK) {
        must(policy == NULL && error.file[0] != '\0' && error.text[0] != '\0');
        must(memchr(error.text, '\n', strlen(error.text)) == NULL);
        return 0;
    }

    check_chains(policy);
    check_feeders(policy);
    check_professions(policy);
    check_tables(policy);
    check_types(policy);
    check_matrices(policy);
    check_labels(policy);
    check_exclusions(policy->exclusions, policy->n_exclusions);
    check_exclusions(policy->occupational, policy->n_occupational);
    dmp_policy_free(policy);

    return 0;
}
