/*
 * test_entry_differential.c: the reader of entries against its plain form,
 * over entries of each kind and many broken variants of them, the same each
 * time; the first argument is how many.  And the times that it reads, against
 * the calendar.  DMP_ENTRIES names the folder of entries, that of the fuzz
 * target if not set.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "entry_plain.h"


#define SEEDS_MAX  128
#define SEED_MAX   16384
#define VARIANTS   200000

typedef struct {
    char    *data;
    size_t   len;
    bool     lines;                      /* more than one entry */
} seed_t;

static seed_t    seeds[SEEDS_MAX];
static size_t    n_seeds;
static size_t    n_variants = VARIANTS;
static uint64_t  random_state = 20261122;


static size_t
random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return (size_t) (random_state % n);
}


static void
read_seed(const char *folder, const char *name)
{
    FILE    *file;
    char     path[512];
    seed_t  *seed;

    assert_true(n_seeds < SEEDS_MAX);
    seed = &seeds[n_seeds++];
    seed->data = malloc(SEED_MAX);
    assert_non_null(seed->data);

    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    assert_non_null(file);
    seed->len = fread(seed->data, 1, SEED_MAX, file);
    seed->lines = memchr(seed->data, '\n', seed->len) != NULL;
    assert_int_equal(fclose(file), 0);
}


static int
read_seeds(void **state)
{
    DIR            *dir;
    const char     *folder;
    struct dirent  *e;

    (void) state;
    folder = getenv("DMP_ENTRIES");
    folder = folder != NULL ? folder : "t/fuzz/corpus/entry";
    dir = opendir(folder);

    if (dir == NULL) {
        return -1;
    }

    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.') {
            read_seed(folder, e->d_name);
        }
    }

    return closedir(dir);
}


static int
free_seeds(void **state)
{
    (void) state;

    while (n_seeds > 0) {
        free(seeds[--n_seeds].data);
    }

    return 0;
}


/* In memory of its own size: nothing may be read beyond it. */
static dmp_rc_t
compare(const char *body, size_t len)
{
    bool       same;
    char      *copy;
    dmp_rc_t   rc;

    copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, body, len);
    same = entry_same(copy, len, &rc);

    if (!same) {
        fail_msg("the two forms differ: %.*s", (int) len, body);
    }

    free(copy);

    return rc;
}


/* Each as it is, and cut anywhere. */
static void
test_whole_and_cut(void **state)
{
    size_t    i, len, good;
    dmp_rc_t  rc;

    (void) state;
    good = 0;

    for (i = 0; i < n_seeds; i++) {
        rc = compare(seeds[i].data, seeds[i].len);
        good += rc == DMP_OK;

        /* a kept one that is none any more would say little */
        if (getenv("DMP_ENTRIES") == NULL && !seeds[i].lines && rc != DMP_OK) {
            fail_msg("%.*s", (int) seeds[i].len, seeds[i].data);
        }

        for (len = 0; len < seeds[i].len; len += len < 1200 ? 1 : 97) {
            (void) compare(seeds[i].data, len);
        }
    }

    assert_true(good >= 10);
}


/* One byte, or some, are others, more or fewer. */
static size_t
vary(char *body, size_t len)
{
    size_t             at, n;
    static const char  bytes[] =
        "\"\\,:[]{}0123456789-_azAZnr \x01\x1f\x7f\x80\xc3\xa9\xff\n/.";

    at = random_below(len);
    n = 1 + random_below(random_below(4) == 0 ? 40 : 3);
    n = n < len - at ? n : len - at;

    switch (random_below(4)) {

    case 0:
        body[at] = bytes[random_below(sizeof(bytes) - 1)];
        return len;

    case 1:
        body[at] = (char) random_below(256);
        return len;

    case 2:
        memmove(body + at, body + at + n, len - at - n);
        return len - n;

    default:
        memmove(body + at + n, body + at, len - at);

        if (random_below(2) == 0) {
            memset(body + at, bytes[random_below(sizeof(bytes) - 1)], n);
        }

        return len + n;
    }
}


static void
test_variants(void **state)
{
    char     body[SEED_MAX + 256];
    size_t   i, k, n, len, good, refused;
    seed_t  *seed;

    (void) state;
    good = refused = 0;

    for (i = 0; i < n_variants; i++) {
        seed = &seeds[random_below(n_seeds)];

        if (seed->len == 0) {
            continue;
        }

        memcpy(body, seed->data, seed->len);
        len = seed->len;
        n = 1 + random_below(3);

        for (k = 0; k < n && len > 0; k++) {
            len = vary(body, len);
        }

        if (compare(body, len) == DMP_OK) {
            good++;

        } else {
            refused++;
        }
    }

    /* else the variants say little */
    assert_true(good > n_variants / 50 && refused > n_variants / 5);
}


/* Each byte of what must come counts, whatever its length. */
static void
test_same(void **state)
{
    size_t             i, len;
    unsigned char      other[48];
    static const char  text[] = ",\"operation\":\"read\",\"mode\":\"normal\"";

    (void) state;

    for (len = 1; len < sizeof(text); len++) {
        memcpy(other, text, len);
        assert_true(dmp_entry_same(other, text, len));

        for (i = 0; i < len; i++) {
            other[i] ^= 0x20;
            assert_false(dmp_entry_same(other, text, len));
            other[i] ^= 0x20;
        }
    }
}


static const char  entry[] =
    "{\"format\":1,\"kind\":\"outcome\",\"writer\":\"a/0123456789abcdef\","
    "\"epoch\":1,\"seq\":1,"
    "\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
    "\"bucket\":0,\"time\":\"%s\","
    "\"ack\":[0,\"AAAAAAAAAAAAAAAAAAAAAA\"],"
    "\"outcomes\":[],\"abandoned\":[]}";


static bool
time_of(const char *text, int64_t *ms)
{
    int                      len;
    char                     body[sizeof(entry) + 64];
    dmp_error_t              error;
    static dmp_entry_view_t  view;

    len = snprintf(body, sizeof(body), entry, text);
    *ms = -1;

    if (dmp_entry_parse(body, (size_t) len, &view, &error) != DMP_OK) {
        assert_string_equal(error.text, "wrong value of \"time\"");
        return false;
    }

    *ms = view.time_ms;

    return true;
}


/* All days, and those that no month has, are as the calendar says. */
static void
test_days(void **state)
{
    int                  i, year, month, day;
    bool                 real;
    char                 text[64];
    int32_t              expected;
    int64_t              ms;
    static const int     years[] = { 0, 1, 2, 3, 4, 99, 100, 400, 1582, 1899,
                                     1900, 1970, 1999, 2000, 2023, 2024, 2025,
                                     2026, 2027, 2028, 2100, 2400, 9999 };

    (void) state;

    for (i = 0; i < (int) (sizeof(years) / sizeof(years[0])); i++) {
        year = years[i];

        for (month = 0; month <= 13; month++) {
            for (day = 0; day <= 32; day++) {
                (void) snprintf(text, sizeof(text),
                                "%04d-%02d-%02dT13:14:15.678Z", year, month,
                                day);
                real = dmp_day_parse((dmp_str_t) { text, 10 }, &expected);
                assert_int_equal(time_of(text, &ms), real);

                if (real) {
                    assert_int_equal(ms, (int64_t) expected * 86400000
                                         + 47655678);
                }
            }
        }
    }
}


/* Each byte of a time may be that byte, or a digit, and no other. */
static void
test_times_refused(void **state)
{
    int                c;
    char               text[] = "2026-11-22T13:14:15.678Z";
    size_t             i;
    int64_t            ms;
    static const char  most[] = "9999-19-29T29:59:59.999Z";

    (void) state;
    assert_true(time_of(text, &ms));

    for (i = 0; i < sizeof(text) - 1; i++) {
        for (c = 1; c < 256; c++) {
            text[i] = (char) c;

            /* what ends the string is another error */
            if (c == '"' || (most[i] >= '0' && most[i] <= '9' && c >= '0'
                             && c <= '9'))
            {
                continue;
            }

            assert_int_equal(time_of(text, &ms), c == most[i]);
        }

        text[i] = "2026-11-22T13:14:15.678Z"[i];
    }

    assert_false(time_of("2026-11-22T24:00:00.000Z", &ms));
    assert_false(time_of("2026-11-22T23:60:00.000Z", &ms));
    assert_false(time_of("2026-11-22T23:59:60.000Z", &ms));
    assert_true(time_of("2026-11-22T23:59:59.999Z", &ms));
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole_and_cut),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_times_refused),
    };

    if (argc > 1) {
        n_variants = strtoul(argv[1], NULL, 10);
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, read_seeds, free_seeds);
}
