/*
 * test_fold.c: names compared as people do, and what a reader sees of a text.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <utf8proc.h>

#include <dmp/dmp.h>


/* In memory of exactly its size, so that a byte read too far is seen. */
static dmp_str_t
copy_of(const char *text, size_t len)
{
    char  *copy;

    copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    return (dmp_str_t) { copy, len };
}


/* Both ways round, and each among the other alone. */
static bool
same_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool       same;
    dmp_str_t  x, y;

    x = copy_of(a, a_len);
    y = copy_of(b, b_len);

    same = dmp_fold_same(x, y);
    assert_int_equal(dmp_fold_same(y, x), same);

    if (same) {
        assert_true(dmp_fold_same(x, x));
        assert_true(dmp_fold_same(y, y));
    }

    free((void *) (uintptr_t) x.data);
    free((void *) (uintptr_t) y.data);

    return same;
}


static bool
same(const char *a, const char *b)
{
    return same_bytes(a, strlen(a), b, strlen(b));
}


static bool
among(const char *name, const char *list)
{
    bool       found;
    dmp_str_t  x, y;

    x = copy_of(name, strlen(name));
    y = copy_of(list, strlen(list));

    found = dmp_fold_among(x, y);

    free((void *) (uintptr_t) x.data);
    free((void *) (uintptr_t) y.data);

    return found;
}


typedef struct {
    const char  *a;
    const char  *b;
} pair_t;


static void
the_same_name(void **state)
{
    size_t  i;

    static const pair_t  pairs[] = {
        { "Martin", "MARTIN" },
        { "martin", "Martin" },

        /* accents, composed or not */

        { "H\xc3\xa9l\xc3\xa8ne", "HELENE" },
        { "He\xcc\x81le\xcc\x80ne", "H\xc3\xa9l\xc3\xa8ne" },
        { "FRAN\xc3\x87OIS", "francois" },
        { "Fran\xc3\xa7oise", "FRANCOISE" },
        { "No\xc3\xabl", "NOEL" },
        { "LEFE\xcc\x80VRE", "Lef\xc3\xa8vre" },
        { "Ma\xc3\xablys", "MAELYS" },
        { "Cha\xc3\xaen\xc3\xa9", "CHAINE" },
        { "Mu\xc3\xb1oz", "MUNOZ" },
        { "S\xc3\xb8rensen", "Sorensen" },
        { "M\xc3\xbcller", "Muller" },
        { "\xc3\x89lo\xc3\xafse", "ELOISE" },
        { "L\xe2\x80\x99Ha\xc3\xbf-les-Roses", "L'HAY LES ROSES" },
        { "Nguy\xe1\xbb\x85n", "NGUYEN" },
        { "Kova\xc4\x8d", "Kovac" },
        { "\xc5\x81ukasz", "LUKASZ" },
        { "Wa\xc5\x82\xc4\x99sa", "WALESA" },
        { "\xc4\x90or\xc4\x91" "evi\xc4\x87", "DORDEVIC" },
        { "I\xc5\x9f\xc4\xb1k", "ISIK" },
        { "\xc4\xb0pek", "ipek" },

        /* letters that are two */

        { "C\xc5\x93ur", "COEUR" },
        { "\xc5\x92uvrard", "OEUVRARD" },
        { "L\xc3\xa6titia", "LAETITIA" },
        { "\xc3\x86gidius", "aegidius" },
        { "\xc7\xbd", "AE" },
        { "\xc7\xbf", "O" },
        { "Strau\xc3\x9f", "STRAUSS" },
        { "STRAU\xe1\xba\x9e", "Strauss" },
        { "\xef\xac\x81lippi", "FILIPPI" },
        { "\xc4\xb3sbrand", "IJSBRAND" },

        /* what joins and parts */

        { "Jean-Pierre", "Jean Pierre" },
        { "Jean-Pierre", "JEANPIERRE" },
        { "Jean\xe2\x80\x90Pierre", "Jean-Pierre" },
        { "Jean\xe2\x80\x91Pierre", "Jean\xe2\x80\x93Pierre" },
        { "Jean\xe2\x80\x94Pierre", "Jean\xe2\x88\x92Pierre" },
        { "Jean\xe2\x80\x92Pierre", "Jean\xe2\x80\x95Pierre" },
        { "Jean\xef\xb9\xa3Pierre", "Jean\xef\xbc\x8dPierre" },
        { "Jean \xe2\x80\x94 Pierre", " Jean  Pierre\t" },
        { "Jean\xc2\xa0Pierre", "Jean\xe2\x80\xafPierre" },
        { "Jean\xe3\x80\x80Pierre", "Jean\xe2\x80\x89Pierre" },
        { "Jean\xc2\xadPierre", "JeanPierre" },
        { "O'Brien", "OBRIEN" },
        { "O\xe2\x80\x99" "Brien", "O\xe2\x80\x98" "Brien" },
        { "O\xca\xbc" "Brien", "O`Brien" },
        { "O\xc2\xb4" "Brien", "O Brien" },
        { "D'ALEMBERT", "d\xe2\x80\x99" "Alembert" },
        { "de La Tour", "DELATOUR" },
        { "St. Jean", "ST JEAN" },
        { "J.-P.", "jp" },

        /* written by a machine */

        { "\xef\xbb\xbfMartin", "Martin" },
        { "Mar\xe2\x80\x8btin", "Martin" },
        { "\xef\xbc\xad\xef\xbd\x81\xef\xbd\x92tin", "martin" },
        { "\xf0\x9d\x90\x8c" "artin", "Martin" },
        { "Martin\xef\xb8\x8f", "Martin" },

        /* other scripts are what they are */

        { "\xce\x91\xce\xbd\xce\xb4\xcf\x81\xce\xad\xce\xb1\xcf\x82",
          "\xce\xb1\xce\xbd\xce\xb4\xcf\x81\xce\xb5\xce\xb1\xcf\x83" },
        { "\xe1\xbe\xb3", "\xce\xb1" },
        { "\xd0\x98\xd0\x92\xd0\x90\xd0\x9d",
          "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd" },
        { "\xea\xb9\x80", "\xe1\x84\x80\xe1\x85\xb5\xe1\x86\xb7" }
    };

    (void) state;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (!same(pairs[i].a, pairs[i].b)) {
            fail_msg("%s is not %s", pairs[i].a, pairs[i].b);
        }
    }
}


static void
another_name(void **state)
{
    size_t  i;

    static const pair_t  pairs[] = {
        { "Martin", "Martine" },
        { "Martin", "Matrin" },
        { "Martin", "Marin" },
        { "Martin", "" },
        { "Martin", " " },
        { "Martin", "Martin2" },
        { "C\xc5\x93ur", "CUR" },
        { "Jean", "Jean-Pierre" },
        { "Dupont", "Dupond" },
        { "Jean,Pierre", "Jean Pierre" },
        { "Jean/Pierre", "Jean Pierre" },
        { "Jean_Pierre", "Jean Pierre" },
        { "Martin*", "Martin" },
        { "%", "Martin" },
        { ".*", "Martin" },

        /* letters that only look alike */

        { "Martin", "\xd0\x9c\xd0\xb0rtin" },
        { "A", "\xce\x91" },
        { "Martin", "M\xc9\x91rtin" },

        /* nothing, and what comes to nothing */

        { "", "" },
        { " ", " " },
        { "-", "-" },
        { "'", "" },
        { ".", "." },
        { "\xcc\x81", "\xcc\x81" },
        { "\xc2\xb4", "\xc2\xb4" },
        { "\xe2\x80\x8b", "\xe2\x80\x8b" },
        { "\xef\xb8\x8f", "" },
        { "\xe3\x85\xa4", "\xe3\x85\xa4" }
    };

    (void) state;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (same(pairs[i].a, pairs[i].b)) {
            fail_msg("%s is %s", pairs[i].a, pairs[i].b);
        }
    }

    assert_false(dmp_fold_same(dmp_null_string, dmp_null_string));
    assert_false(same_bytes("a", 1, "a\0", 2));
    assert_true(same_bytes("a\0b", 3, "A\0B", 3));
}


static const char *const  broken[] = {
    "\xff", "\x80", "\xc3", "\xe2\x80", "\xc0\xaf", "\xc1\x81",
    "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf",
    "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe9", "\xf0\x9f\x98"
};


static void
what_is_not_utf8_is_no_name(void **state)
{
    char    text[64], list[64];
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {

        assert_false(same(broken[i], broken[i]));
        assert_false(same(broken[i], ""));

        (void) snprintf(text, sizeof(text), "Martin%s", broken[i]);
        assert_false(same(text, text));
        assert_false(same(text, "Martin"));
        assert_false(among(text, "Martin"));
        assert_false(among(text, text));

        (void) snprintf(text, sizeof(text), "%sMartin", broken[i]);
        assert_false(same(text, text));
        assert_false(among("Martin", text));

        /* anywhere in a list, before and behind what would be it */

        (void) snprintf(list, sizeof(list), "Jean %s Pierre", broken[i]);
        assert_false(among("Jean", list));
        assert_false(among("Pierre", list));
        (void) snprintf(list, sizeof(list), "Jean Pierre %s", broken[i]);
        assert_false(among("Jean", list));

        assert_int_equal(dmp_visible((dmp_str_t) { text, strlen(text) }), 0);
    }
}


static void
one_of_several(void **state)
{
    size_t  i;

    static const struct {
        const char  *name;
        const char  *list;
        bool         found;
    } table[] = {
        { "Jean", "Jean Pierre Marie", true },
        { "pierre", "Jean Pierre Marie", true },
        { "MARIE", "Jean Pierre Marie", true },
        { "jean-pierre", "Jean Pierre Marie", true },
        { "Pierre Marie", "Jean Pierre Marie", true },
        { "Jean Pierre Marie", "Jean Pierre Marie", true },
        { "JeanPierreMarie", "Jean, Pierre, Marie", true },
        { "Ren\xc3\xa9", "Jean,RENE,Marie", true },
        { "H\xc3\xa9l\xc3\xa8ne", "Anne\xc2\xa0HELENE", true },
        { "L\xc3\xa6titia", "Anne LAETITIA", true },
        { "laetitia", "\xc3\x86lis L\xc3\xa6titia", true },

        { "Jean Marie", "Jean Pierre Marie", false },
        { "Marie Jean", "Jean Pierre Marie", false },
        { "pier", "Jean Pierre Marie", false },
        { "ierre", "Jean Pierre Marie", false },
        { "an Pierre", "Jean Pierre Marie", false },
        { "Jean P", "Jean Pierre Marie", false },
        { "Jean Pierre Marie Paul", "Jean Pierre Marie", false },
        { "Paul", "Jean Pierre Marie", false },
        { "*", "Jean Pierre Marie", false },

        /* a hyphen makes one name of two */

        { "Jean", "Jean-Pierre Marie", false },
        { "Pierre", "Jean-Pierre Marie", false },
        { "Jean-Pierre", "Jean-Pierre Marie", true },
        { "Jean Pierre", "Jean-Pierre Marie", true },
        { "Jean-Pierre Marie", "Jean-Pierre Marie", true },
        { "Pierre Marie", "Jean-Pierre Marie", false },
        { "N'Golo", "Paul N\xe2\x80\x99Golo", true },
        { "Golo", "Paul N\xe2\x80\x99Golo", false },

        /* an accent that stands alone does not part */

        { "O", "O\xc2\xb4" "Brien", false },

        /* parted oddly */

        { "Pierre", " , Jean ,, Pierre , ", true },
        { "Jean Pierre", " , Jean ,, Pierre , ", true },
        { "Jean Pierre", "Jean - Pierre", true },
        { "Pierre", "Jean - Pierre", true },
        { " Pierre ", "Jean Pierre", true },
        { "Jean,Pierre", "Jean,Pierre", false },

        /* nothing */

        { "", "Jean Pierre", false },
        { " ", "Jean  Pierre", false },
        { "-", "Jean - Pierre", false },
        { ",", "Jean, Pierre", false },
        { "Jean", "", false },
        { "Jean", " , ", false },
        { "", "", false },
        { "-", "-", false }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (among(table[i].name, table[i].list) != table[i].found) {
            fail_msg("%s in %s is not %d", table[i].name, table[i].list,
                     table[i].found);
        }
    }

    assert_false(dmp_fold_among(dmp_null_string, dmp_null_string));
    assert_false(dmp_fold_among(dmp_string("a"), dmp_null_string));
    assert_false(dmp_fold_among(dmp_null_string, dmp_string("a")));
}


static void
lists_are_bounded(void **state)
{
    char       *list;
    size_t      i, n, len;
    dmp_str_t   text;

    (void) state;

    len = 4 * 1000000;
    list = malloc(len);
    assert_non_null(list);

    for (n = 31; n <= 33; n++) {

        for (i = 0; i < n; i++) {
            memcpy(list + 3 * i, i + 1 == n ? "b, " : "a, ", 3);
        }

        text.data = list;
        text.len = 3 * n;

        assert_int_equal(dmp_fold_among(dmp_string("b"), text), n <= 32);
        assert_int_equal(dmp_fold_among(dmp_string("a"), text), n <= 32);
        assert_int_equal(dmp_fold_among(dmp_string("aab"), text), n <= 32);
    }

    /* much that says little takes no longer than it is */

    text.len = len;
    memset(list, ',', len);
    list[0] = 'a';
    list[len - 1] = 'b';

    assert_true(dmp_fold_among(dmp_string("b"), text));
    assert_true(dmp_fold_among(dmp_string("a b"), text));
    assert_false(dmp_fold_among(dmp_string("c"), text));

    /* and no name has more than 1,536 letters */

    memset(list, 'a', len);
    assert_false(dmp_fold_among(dmp_string("a"), text));
    assert_false(dmp_fold_among(text, text));

    text.len = 1537;
    assert_false(dmp_fold_same(text, text));
    text.len = 1536;
    assert_true(dmp_fold_same(text, text));
    assert_true(dmp_fold_among(text, text));

    free(list);
}


static size_t
encode(uint32_t code, char text[4])
{
    if (code < 0x80) {
        text[0] = (char) code;
        return 1;
    }

    if (code < 0x800) {
        text[0] = (char) (0xc0 | code >> 6);
        text[1] = (char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        text[0] = (char) (0xe0 | code >> 12);
        text[1] = (char) (0x80 | (code >> 6 & 0x3f));
        text[2] = (char) (0x80 | (code & 0x3f));
        return 3;
    }

    text[0] = (char) (0xf0 | code >> 18);
    text[1] = (char) (0x80 | (code >> 12 & 0x3f));
    text[2] = (char) (0x80 | (code >> 6 & 0x3f));
    text[3] = (char) (0x80 | (code & 0x3f));
    return 4;
}


/*
 * The letters that the core knows beforehand are those that Unicode gives:
 * each one is the same as what utf8proc folds it to.
 */
static void
latin(void **state)
{
    char                text[4];
    size_t              n;
    uint32_t            code;
    dmp_str_t           as_is, as_folded;
    utf8proc_uint8_t   *folded;

    (void) state;

    for (code = 'A'; code < 0x250; code++) {
        n = encode(code, text);
        as_is = (dmp_str_t) { text, n };

        if (utf8proc_map((const utf8proc_uint8_t *) text, (utf8proc_ssize_t) n,
                         &folded, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT
                                  | UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD)
            < 0)
        {
            fail_msg("utf8proc_map(U+%04X)", (unsigned) code);
        }

        as_folded.data = (const char *) folded;
        as_folded.len = strlen(as_folded.data);

        if (dmp_fold_same(as_is, as_is)
            && !dmp_fold_same(as_is, as_folded))
        {
            fail_msg("U+%04X is not \"%s\"", (unsigned) code, folded);
        }

        free(folded);
    }
}


/* A character is the same as itself, but for those that do not count. */
static void
every_character(void **state)
{
    char       text[4];
    size_t     count;
    uint32_t   code;
    dmp_str_t  s;

    /* of Latin and its accents alone: all that does not count in a name */

    static const char  nothing[] =
        "\x09\x0a\x0b\x0c\x0d '-.`\x85\xa0\xa8\xad\xaf\xb4\xb8";

    (void) state;

    count = 0;

    for (code = 1; code < 0x110000; code++) {

        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }

        s.data = text;
        s.len = encode(code, text);

        assert_true(dmp_visible(s) <= 1);

        if (dmp_fold_same(s, s)) {
            count++;

            /* a comma and nothing else parts names and is one */

            assert_int_equal(dmp_fold_among(s, s), code != ',');

        } else {
            assert_false(dmp_fold_among(s, s));
        }

        if (code < 0x250
            && dmp_fold_same(s, s) != (code >= 0x100
                                       || strchr(nothing, (char) code)
                                          == NULL))
        {
            fail_msg("U+%04X counts, or does not", code);
        }
    }

    /* most of Unicode stands for itself */

    assert_true(count > 1000000);
}


static void
visible(void **state)
{
    size_t  i;

    static const struct {
        dmp_str_t  text;
        size_t     count;
    } table[] = {
        { { NULL, 0 }, 0 },
        { dmp_string("abc"), 3 },
        { dmp_string("a b\tc\n"), 3 },
        { dmp_string("Patient inconscient"), 18 },
        { dmp_string("\xc3\xa9t\xc3\xa9"), 3 },
        { dmp_string("e\xcc\x81te\xcc\x81"), 3 },
        { dmp_string("\xf0\x9f\x98\x80!"), 2 },
        { dmp_string("\xe6\x97\xa5\xe6\x9c\xac"), 2 },
        { dmp_string("..-_"), 4 },

        /* blanks of all kinds */

        { dmp_string("          "), 0 },
        { dmp_string("\xc2\xa0\xe2\x80\x80\xe2\x80\xaf\xe3\x80\x80"
                     "\xe1\x9a\x80\xe2\x80\xa8\xe2\x80\xa9"), 0 },
        { dmp_string("\0\x01\x1f\x7f\xc2\x85\xc2\x80"), 0 },

        /* formatting: zero widths, directions, joiners, soft hyphen, BOM */

        { dmp_string("\xe2\x80\x8b\xe2\x80\x8c\xe2\x80\x8d\xe2\x80\x8e"
                     "\xe2\x80\x8f\xe2\x80\xae\xe2\x81\xa0\xe2\x81\xa6"), 0 },
        { dmp_string("\xc2\xad\xef\xbb\xbf\xe1\xa0\x8e\xcd\x8f"), 0 },

        /* fillers, a blank of Braille, selectors, tags */

        { dmp_string("\xe1\x85\x9f\xe1\x85\xa0\xe3\x85\xa4\xef\xbe\xa0"), 0 },
        { dmp_string("\xe2\xa0\x80\xf0\x9d\x85\x99"), 0 },
        { dmp_string("\xe2\xa0\x81"), 1 },
        { dmp_string("\xef\xb8\x80\xef\xb8\x8f\xf3\xa0\x84\x80"
                     "\xf3\xa0\x87\xaf\xe1\xa0\x8b"), 0 },
        { dmp_string("\xf3\xa0\x80\x81\xf3\xa0\x81\x81\xf3\xa0\x81\xbf"), 0 },

        /* marks, alone: spacing ones as well */

        { dmp_string("\xcc\x81\xcc\x88\xe2\x83\x9d\xe0\xa4\xbe"), 0 },

        /* private, unassigned, and no character at all */

        { dmp_string("\xee\x80\x80\xf3\xb0\x80\x80\xf4\x8f\xbf\xbd"), 0 },
        { dmp_string("\xcd\xb8\xef\xbf\xbe\xef\xbf\xbf"), 0 },
        { dmp_string("\xef\xb7\x90"), 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (dmp_visible(table[i].text) != table[i].count) {
            fail_msg("case %zu: %zu visible, not %zu", i,
                     dmp_visible(table[i].text), table[i].count);
        }
    }

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(dmp_visible((dmp_str_t) { broken[i],
                                                   strlen(broken[i]) }), 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_same_name),
        cmocka_unit_test(another_name),
        cmocka_unit_test(what_is_not_utf8_is_no_name),
        cmocka_unit_test(one_of_several),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(latin),
        cmocka_unit_test(every_character),
        cmocka_unit_test(visible)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
