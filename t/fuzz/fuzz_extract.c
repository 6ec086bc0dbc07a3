/*
 * fuzz_extract.c: any bytes as an extract: a header and rows.  Nothing crashes,
 * and what is accepted is identifiers and codes.
 */

#include <stdlib.h>

#include <dmp/dmp_ids.h>

#include "../../tools/extract.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static void
must_be_code(dmp_code_t code)
{
    size_t  i;

    must((code.system.len == 0) == (code.code.len == 0));
    must(code.code.len <= EXTRACT_CODE_MAX);

    for (i = 0; i < code.code.len; i++) {
        /* nothing that would part the fields of a sorted line, or of JSON */
        must(code.code.data[i] > ' ' && code.code.data[i] < 0x7f
             && code.code.data[i] != '"' && code.code.data[i] != '\\');
    }
}


static void
check_row(const extract_row_t *row)
{
    unsigned  i, j;

    must(dmp_ps_id(row->id) != DMP_PS_ID_NONE);
    must(row->n_others <= EXTRACT_OTHERS);

    for (i = 0; i < row->n_others; i++) {
        must(dmp_ps_id(row->others[i]) != DMP_PS_ID_NONE);
        must(!dmp_str_eq(row->others[i], row->id));

        for (j = 0; j < i; j++) {
            must(!dmp_str_eq(row->others[i], row->others[j]));
        }
    }

    must_be_code(row->profession);
    must_be_code(row->situation.sector);
    must_be_code(row->situation.activity);
    must_be_code(row->situation.specialty);
    must(row->situation.structure.len == 0
         || dmp_struct_id(row->situation.structure));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *line;
    size_t          n;
    dmp_rc_t        rc;
    extract_t       x;
    const void     *end;
    dmp_error_t     error;
    extract_row_t   row;

    rc = DMP_E_INTERNAL;

    while (size > 0) {
        end = memchr(data, '\n', size);
        n = end != NULL ? (size_t) ((const uint8_t *) end - data) : size;

        /* a block of its own: reading past the line is seen */
        line = malloc(n > 0 ? n : 1);
        must(line != NULL);
        memcpy(line, data, n);
        error.text[0] = '\0';

        if (rc != DMP_OK) {
            rc = extract_header(&x, line, n, &error);

            if (rc != DMP_OK) {
                must(error.text[0] != '\0');
                free(line);
                return 0;
            }

            must(x.n_fields > 0 && x.n_fields <= EXTRACT_FIELDS_MAX);

        } else if (extract_row(&x, line, n, end != NULL, &row, &error)
                   == DMP_OK)
        {
            check_row(&row);

        } else {
            must(error.text[0] != '\0');
            must(row.id.len == 0 || dmp_ps_id(row.id) != DMP_PS_ID_NONE);
        }

        free(line);
        n += end != NULL;
        data += n;
        size -= n;
    }

    return 0;
}
