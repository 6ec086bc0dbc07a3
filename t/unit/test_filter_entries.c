/*
 * test_filter_entries.c: what the filter keeps of one entry for the next: that
 * it changes nothing, over many answers of entries that resemble each other.
 * The same answers each time; the first argument is how many.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "entries_check.h"


#define ANSWERS  4000
#define BYTES    384

static size_t     n_answers = ANSWERS;
static uint64_t   random_state = 20261123;
static entries_t  entries;


static uint8_t
random_byte(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return (uint8_t) (random_state >> 32);
}


static void
entries_are_what_they_are_alone(void **state)
{
    size_t       i, j, judged;
    uint8_t      bytes[BYTES];
    const char  *wrong;

    (void) state;

    judged = 0;

    for (i = 0; i < n_answers; i++) {

        for (j = 0; j < BYTES; j++) {
            bytes[j] = random_byte();
        }

        wrong = check_entries_alike(bytes, BYTES, &entries);

        if (wrong != NULL) {
            fail_msg("%s, answer %zu:\n%.*s\nbut\n%.*s", wrong, i,
                     (int) entries.together.len, entries.together.text,
                     (int) entries.alone.len, entries.alone.text);
        }

        judged += entries.together.len != 0;
    }

    /* most of them come to something */

    assert_true(judged > n_answers / 2);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(entries_are_what_they_are_alone)
    };

    if (argc > 1) {
        n_answers = strtoul(argv[1], NULL, 10);
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
