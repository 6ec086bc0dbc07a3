/*
 * fuzz_record.c: any bytes as a record: no crash, and what is accepted has
 * sound strings within its one block.
 */

#include <stdlib.h>

#include <dmp/dmp_record.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
inside(const dmp_record_t *r, const void *p, size_t len)
{
    const char  *start;

    start = (const char *) r;

    if (len > 0 && ((const char *) p < start
                    || (const char *) p + len > start + r->size))
    {
        abort();
    }
}


static void
list_inside(const dmp_record_t *r, dmp_list_t list)
{
    size_t  i;

    inside(r, list.list, list.n * sizeof(dmp_str_t));

    for (i = 0; i < list.n; i++) {
        inside(r, list.list[i].data, list.list[i].len);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    dmp_error_t    error;
    dmp_record_t  *r;

    if (dmp_record_parse((const char *) data, size, &r, &error) != DMP_OK) {
        if (r != NULL || error.text[0] == '\0') {
            abort();
        }

        return 0;
    }

    inside(r, r->ins.data, r->ins.len);
    inside(r, r->family.data, r->family.len);
    inside(r, r->birth_family.data, r->birth_family.len);
    inside(r, r->given.data, r->given.len);
    inside(r, r->birthdate.data, r->birthdate.len);
    inside(r, r->sex.data, r->sex.len);
    list_inside(r, r->treating);
    list_inside(r, r->blocked);
    list_inside(r, r->masked);
    list_inside(r, r->unmasked);
    inside(r, r->authorisations, r->n_authorisations * sizeof(dmp_grant_t));
    inside(r, r->representatives,
           r->n_representatives * sizeof(dmp_representative_t));

    for (i = 0; i < r->n_authorisations; i++) {
        inside(r, r->authorisations[i].id.data, r->authorisations[i].id.len);
    }

    for (i = 0; i < r->n_representatives; i++) {
        inside(r, r->representatives[i].ins.data,
               r->representatives[i].ins.len);
    }

    if (r->ins.len != 15) {
        abort();
    }

    dmp_record_free(r);

    return 0;
}
