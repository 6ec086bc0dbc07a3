/*
 * fuzz_scan.c: any bytes to the scanner, in both its forms, and to jansson;
 * what they say must agree.
 */

#include <stdio.h>

#include "../unit/scan_check.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char      *wrong;
    dmp_document_t   document;

    wrong = check_scan((const char *) data, size);

    if (wrong == NULL
        && dmp_document_parse((const char *) data, size, &document) != DMP_OK
        && dmp_document_patient(&document, dmp_string("123456789012345"))
           != DMP_PATIENT_OTHER)
    {
        wrong = "a document that cannot be judged belongs to somebody";
    }

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s\n", wrong);
        abort();
    }

    return 0;
}
