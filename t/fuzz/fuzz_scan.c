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
    const char  *wrong;

    wrong = check_scan((const char *) data, size);

    if (wrong == NULL) {
        wrong = check_document((const char *) data, size);
    }

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s\n", wrong);
        abort();
    }

    return 0;
}
