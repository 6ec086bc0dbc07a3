/*
 * test_scan_differential.c: the scanner against jansson, and its form of
 * blocks and shapes against the plain one, over the published examples and
 * many broken variants of them.  The same variants each time; the first
 * argument is how many.
 * DMP_FIXTURES names the directory of examples, t/fixtures if not set.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "filter_check.h"


#define SEEDS_MAX     256
#define VARIANTS      200000
#define SMALL         2048           /* bytes: what most variants are of */
#define VARIANT_MAX   65536


typedef struct {
    char    *data;
    size_t   len;
} seed_t;

static seed_t    seeds[SEEDS_MAX];
static size_t    n_seeds;
static size_t    n_published;
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
add_seed(const char *data, size_t len)
{
    assert_true(n_seeds < SEEDS_MAX);

    seeds[n_seeds].data = malloc(len + 1);
    assert_non_null(seeds[n_seeds].data);
    memcpy(seeds[n_seeds].data, data, len);
    seeds[n_seeds].data[len] = '\0';
    seeds[n_seeds++].len = len;
}


static void
read_examples(const char *path, int depth)
{
    DIR            *dir;
    FILE           *file;
    char            name[1024];
    size_t          len;
    struct dirent  *entry;

    static char     text[1 << 20];

    dir = opendir(path);

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);

        if (depth > 0) {
            read_examples(name, depth - 1);
        }

        len = strlen(name);

        if (len < 5 || strcmp(name + len - 5, ".json") != 0) {
            continue;
        }

        file = fopen(name, "rb");
        assert_non_null(file);
        len = fread(text, 1, sizeof(text), file);
        assert_int_equal(fclose(file), 0);

        add_seed(text, len);
    }

    (void) closedir(dir);
}


/* Each example once more without white space and narrative, and wrapped. */
static void
add_small_seeds(void)
{
    char    *text, *bundle;
    size_t   i, size;
    json_t  *tree;

    static const char *const  small[] = {
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":3,"
        "\"link\":[{\"relation\":\"self\",\"url\":\"x\"}],\"entry\":["
        "{\"resource\":{\"resourceType\":\"DocumentReference\",\"id\":\"a\"}},"
        "{\"resource\":{\"resourceType\":\"DocumentReference\",\"id\":\"b\"}},"
        "{\"resource\":{\"resourceType\":\"OperationOutcome\"}},"
        "{\"resource\":{\"id\":\"c\",\"resourceType\":\"DocumentReference\"}}"
        "],\"id\":\"x\",\"_total\":{}}",
        "{ \"entry\" : [ {\"fullUrl\":\"u\",\"resource\":{\"resourceType\":"
        "\"DocumentReference\",\"id\":\"\\u0061\",\"subject\":{\"reference\":"
        "\"Patient?identifier=urn:oid:1.2.250.1.213.1.4.8%7C1\"}}} , {} ] , "
        "\"resourceType\" : \"Bundle\" , \"type\" : \"searchset\" }",
        "[0,-0,1.5,1e5,-1E-5,1e400,12345678901234567890,true,false,null,\"\"]",
        "{\"a\":{\"b\":{\"c\":[[[[{\"d\":\"\\ud83d\\ude00\\n\\/\"}]]]]}}}",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 d\xc3\xa9j\xc3\xa0 vu, "
        "l\xe2\x80\x99\xc5\x93uvre \xef\xbf\xbd\xed\x9f\xbf\xee\x80\x80\"",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
    };

    for (i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        add_seed(small[i], strlen(small[i]));
    }

    for (i = 0; i < n_published; i++) {
        tree = json_loadb(seeds[i].data, seeds[i].len, 0, NULL);
        (void) json_object_del(tree, "text");
        text = json_dumps(tree, JSON_COMPACT);
        assert_non_null(text);

        add_seed(text, strlen(text));

        size = strlen(text) * 2 + 256;
        bundle = malloc(size);
        assert_non_null(bundle);
        (void) snprintf(bundle, size, "{\"resourceType\":\"Bundle\",\"type\":"
                        "\"searchset\",\"total\":2,\"entry\":[{\"resource\":%s}"
                        ", {\"resource\":%s}]}", text, text);
        add_seed(bundle, strlen(bundle));

        free(bundle);
        free(text);
        json_decref(tree);
    }
}


static int
setup(void **state)
{
    const char  *path;

    (void) state;

    path = getenv("DMP_FIXTURES");
    read_examples(path != NULL ? path : "t/fixtures", 3);
    n_published = n_seeds;
    add_small_seeds();

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    while (n_seeds > 0) {
        free(seeds[--n_seeds].data);
    }

    return 0;
}


/* In memory of exactly its size, so that a byte read too far is seen. */
static void
check_all(const char *text, size_t len)
{
    char             *copy;
    const char       *wrong;

    static unsigned   way;

    copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    wrong = check_scan(copy, len);

    if (wrong == NULL) {
        wrong = check_filter(copy, len, way++ % CHECK_WAYS);
    }

    if (wrong == NULL) {
        wrong = check_document(copy, len);
    }

    if (wrong != NULL) {
        fail_msg("%s: %.*s", wrong, (int) (len < 4000 ? len : 4000), copy);
    }

    free(copy);
}


static void
published_examples_are_accepted(void **state)
{
    size_t      i;
    dmp_scan_t  s;

    (void) state;

    assert_true(n_published > 0);

    for (i = 0; i < n_seeds; i++) {
        dmp_scan_init(&s, seeds[i].data, seeds[i].len);
        assert_true(dmp_scan_skip(&s, NULL) && dmp_scan_end(&s));

        check_all(seeds[i].data, seeds[i].len);
    }
}


static size_t
insert(char *text, size_t len, size_t at, const char *data, size_t n)
{
    if (len + n > VARIANT_MAX) {
        return len;
    }

    memmove(text + at + n, text + at, len - at);
    memcpy(text + at, data, n);

    return len + n;
}


/* One random change of the len bytes; the new length. */
static size_t
change(char *text, size_t len)
{
    char           byte;
    size_t         at, n, from;
    const seed_t  *other;

    static const char *const  words[] = {
        "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "0", "-", ".",
        "e", "null", "true", "1e400", "-0", "01", "1.", "\\u0000", "\\ud800",
        "\\udc00", "\\ud83d\\ude00", "\\u0061", "\xc3\xa9", "\xe2\x80\x99",
        "\xed\xa0\x80", "\xc0\xaf", "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80",
        "\x7f", "\x1f", "\"id\":\"a\",", "\"entry\":[],", "\"total\":1,",
        "\"resourceType\":\"DocumentReference\",", "[[[[[[[[", "{\"a\":",
        "\"\":0,", "\xef\xbb\xbf", "\"type\":\"searchset\",", "{},", ",{}"
    };

    at = random_below(len + 1);

    switch (random_below(8)) {

    case 0:                          /* a bit */
        if (at < len) {
            text[at] = (char) (text[at] ^ 1 << random_below(8));
        }

        return len;

    case 1:                          /* a byte, any */
        byte = (char) random_below(256);
        return insert(text, len, at, &byte, 1);

    case 2:                          /* a byte replaced */
        if (at < len) {
            text[at] = (char) random_below(256);
        }

        return len;

    case 3:                          /* the end cut off */
        return random_below(4) == 0 ? at : len;

    case 4:                          /* some bytes out */
        n = random_below(random_below(2) ? 4 : 200);
        n = n < len - at ? n : len - at;
        memmove(text + at, text + at + n, len - at - n);
        return len - n;

    case 5:                          /* a piece of another, or of itself */
        other = &seeds[random_below(n_seeds)];
        from = random_below(other->len + 1);
        n = random_below(200);
        n = n < other->len - from ? n : other->len - from;
        return insert(text, len, at, other->data + from, n);

    default:                         /* something that means something */
        n = random_below(sizeof(words) / sizeof(words[0]));
        return insert(text, len, at, words[n], strlen(words[n]));
    }
}


static void
variants_agree(void **state)
{
    size_t  i, j, k, n, len;

    static char  text[VARIANT_MAX];

    (void) state;

    for (i = 0; i < n_variants; i++) {

        do {
            k = random_below(n_seeds);
        } while (seeds[k].len > VARIANT_MAX
                 || (seeds[k].len > SMALL && random_below(32) != 0));

        len = seeds[k].len;
        memcpy(text, seeds[k].data, len);

        n = 1 + random_below(3);

        for (j = 0; j < n; j++) {
            len = change(text, len);
        }

        check_all(text, len);
    }
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(published_examples_are_accepted),
        cmocka_unit_test(variants_agree)
    };

    if (argc > 1) {
        n_variants = strtoul(argv[1], NULL, 10);
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
