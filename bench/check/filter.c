/*
 * filter.c: search answers that are cut, to be counted by callgrind:
 *
 *   filter FILE INS N
 *
 * cuts the answer in FILE N times, for the patient INS; documents of other
 * patients and masked ones are withheld.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dmp/dmp_filter.h>

#include "t/unit/small_policy.h"


#define ROOM         1048576             /* bytes that one answer may take */
#define ANSWER_MAX   1048576
#define ENTRIES_MAX  1000


static void
fail(const char *why)
{
    (void) fprintf(stderr, "filter: %s\n", why);
    exit(1);
}


static bool
judge(void *data, const dmp_document_t *document)
{
    const dmp_str_t  *ins;

    ins = data;

    return document->labels == 0
           && dmp_document_patient(document, *ins) == DMP_PATIENT_SAME;
}


/* As a request's pool: all of it goes at once. */
static void *
allocate(void *data, size_t size)
{
    size_t  *used, at;

    static char  room[ROOM] __attribute__((aligned(16)));

    used = data;
    at = *used;

    if (size > ROOM - at) {
        return NULL;
    }

    *used = at + (size + 15) / 16 * 16;

    return room + at;
}


static void
cut(const char *text, size_t len, dmp_str_t *ins)
{
    size_t     used;
    dmp_cut_t  out;

    static const dmp_addresses_t  addresses = {
        .bases = { dmp_string("/fhir") },
        .n_bases = 1,
        .ours = dmp_string("https://dmp.example.org/fhir")
    };

    static dmp_filter_t  filter = {
        .policy = &small_policy,
        .addresses = &addresses,
        .entries = DMP_RESOURCE_DOCUMENT_REFERENCE,
        .max_entries = ENTRIES_MAX,
        .judge = judge,
        .alloc = allocate
    };

    used = 0;
    filter.data = ins;
    filter.alloc_data = &used;

    if (dmp_filter_search(&filter, text, len, &out) != DMP_OK) {
        fail("the answer cannot be cut");
    }

    if (out.withheld == 0) {
        fail("nothing was withheld");
    }
}


int
main(int argc, char **argv)
{
    FILE           *file;
    size_t          len;
    dmp_str_t       ins;
    unsigned long   i, n;

    static char  text[ANSWER_MAX];

    if (argc != 4) {
        fail("filter FILE INS N");
    }

    file = fopen(argv[1], "r");
    if (file == NULL) {
        fail("the answer cannot be read");
    }

    len = fread(text, 1, sizeof(text), file);
    (void) fclose(file);

    ins.data = argv[2];
    ins.len = strlen(argv[2]);
    n = strtoul(argv[3], NULL, 10);

    for (i = 0; i < n; i++) {
        cut(text, len, &ins);
    }

    return 0;
}
