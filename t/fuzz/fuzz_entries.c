/*
 * fuzz_entries.c: search answers of entries that resemble each other: each is
 * read behind the others as it is by itself.
 */

#include "../unit/entries_check.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char        *wrong;
    static entries_t   entries;

    wrong = check_entries_alike(data, size, &entries);

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s: %s\n", wrong, entries.answer);
        abort();
    }

    return 0;
}
