/*
 * fuzz_bundle.c: any bytes as a search answer: what leaves is ranges in order
 * and in bounds, JSON, and holds no document that may not leave.
 */

#include <stdio.h>

#include "../unit/scan_check.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *wrong;

    wrong = check_cut((const char *) data, size);

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s\n", wrong);
        abort();
    }

    return 0;
}
