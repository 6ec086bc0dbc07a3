/*
 * test_extract.c: the Annuaire Santé's extract: columns by name, codes with
 * their systems, identifiers, and what is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/extract.h"


#define LEAST  "Identification nationale PP|Code profession|"                \
               "Code secteur d'activité|"

static extract_t      x;
static extract_row_t  row;
static dmp_error_t    error;


static dmp_rc_t
header(const char *line)
{
    return extract_header(&x, line, strlen(line), &error);
}


static dmp_rc_t
read_row(const char *line)
{
    return extract_row(&x, line, strlen(line), true, &row, &error);
}


static void
check(dmp_str_t s, const char *text)
{
    assert_int_equal(s.len, strlen(text));

    if (s.len > 0) {
        assert_memory_equal(s.data, text, s.len);
    }
}


static void
check_code(dmp_code_t code, const char *system, const char *text)
{
    check(code.system, system);
    check(code.code, text);
}


static void
refused(const char *line, const char *why)
{
    assert_int_not_equal(read_row(line), DMP_OK);

    if (strstr(error.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
    }
}


static void
test_header(void **state)
{
    (void) state;

    assert_int_equal(header(LEAST), DMP_OK);
    assert_int_equal(x.n_fields, 3);
    assert_true(x.closed);
    assert_false(x.others);

    assert_int_equal(header("Nom|" LEAST "Autres identifiants\r"), DMP_OK);
    assert_int_equal(x.n_fields, 5);
    assert_false(x.closed);
    assert_true(x.others);

    /* another order, Windows-1252, a typographic apostrophe */
    assert_int_equal(header("Code secteur d\x92" "activit\xe9|Code r\xf4le|"
                            " Code profession |Identification nationale PP"),
                     DMP_OK);
    assert_int_equal(header("Code secteur d\xe2\x80\x99" "activit\xc3\xa9|"
                            "Code profession|Identification nationale PP|"),
                     DMP_OK);
}


static void
test_header_refused(void **state)
{
    size_t  i, len;
    char    many[600];

    (void) state;

    assert_int_equal(header(""), DMP_E_SYNTAX);
    assert_string_equal(error.text,
                        "there is no column \"Identification nationale PP\"");

    /* another file of the same extract: diplomas, and specialties */
    assert_int_equal(header("Identification nationale PP|"
                            "Code type diplôme obtenu|"), DMP_E_SYNTAX);
    assert_string_equal(error.text,
                        "there is no column \"Code profession\"");
    assert_int_equal(header("Identification nationale PP|Code profession|"
                            "Code savoir-faire|"), DMP_E_SYNTAX);
    assert_non_null(strstr(error.text, "Code secteur d'activité"));

    assert_int_equal(header(LEAST "Code profession|"), DMP_E_SYNTAX);
    assert_string_equal(error.text,
                        "there are two columns \"Code profession\"");

    /* two names of one column */
    assert_int_equal(header(LEAST "Code genre activité|"
                            "Code genre d'activité|"), DMP_E_SYNTAX);

    /* a letter where another character may stand, or none */
    assert_int_equal(header("Identification nationale PP|Code profession|"
                            "Code secteur d'activitx|"), DMP_E_SYNTAX);
    assert_int_equal(header("Identification nationale PP|Code profession|"
                            "Code secteur d'activit|"), DMP_E_SYNTAX);
    assert_int_equal(header("Identification nationale PP|Code profession|"
                            "Code secteur dactivité|"), DMP_E_SYNTAX);

    len = 0;

    for (i = 0; i <= EXTRACT_FIELDS_MAX; i++) {
        many[len++] = 'x';
        many[len++] = '|';
    }

    many[len] = '\0';
    assert_int_equal(header(many), DMP_E_SYNTAX);
    assert_string_equal(error.text, "too many columns");
}


static void
test_professions(void **state)
{
    size_t  i;
    char    line[128];
    static const struct {
        const char  *category;
        const char  *code;
        const char  *system;
    } cases[] = {
        { "C", "10", "1.2.250.1.71.1.2.7" },
        { "M", "10", "1.2.250.1.71.1.2.7" },
        { "F", "60", "1.2.250.1.71.1.2.7" },
        { "",  "21", "1.2.250.1.71.1.2.7" },
        { "E", "10", "1.2.250.1.71.1.2.8" },
        { "E", "60", "1.2.250.1.71.1.2.8" },
        { "C", "41", "1.2.250.1.213.1.6.1.4" },
        { "C", "50", "1.2.250.1.71.1.2.7" },
        { "C", "53", "1.2.250.1.213.1.6.1.4" },
        { "C", "54", "1.2.250.1.71.1.2.7" },
        { "C", "70", "1.2.250.1.71.1.2.7" },
        { "C", "71", "1.2.250.1.213.1.6.1.109" },
        { "C", "72", "1.2.250.1.213.1.6.1.109" },
        { "C", "73", "1.2.250.1.213.1.6.1.109" },
        { "C", "93", "1.2.250.1.213.1.6.1.109" },
        { "C", "97", "1.2.250.1.213.1.6.1.109" },
        { "C", "99", "1.2.250.1.213.1.6.1.140" },
    };

    (void) state;
    assert_int_equal(header(LEAST "Code catégorie professionnelle|"), DMP_OK);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) snprintf(line, sizeof(line), "899700218896|%s||%s|",
                        cases[i].code, cases[i].category);
        assert_int_equal(read_row(line), DMP_OK);
        check_code(row.profession, cases[i].system, cases[i].code);
    }

    assert_int_equal(read_row("899700218896||||"), DMP_OK);
    check_code(row.profession, "", "");
    refused("899700218896|10||X|", "\"X\" is no category");
    refused("899700218896|10||CC|", "is no category");
}


static void
test_activities(void **state)
{
    (void) state;
    assert_int_equal(header(LEAST "Code rôle|Code genre activité|"
                            "Code savoir-faire|"), DMP_OK);

    assert_int_equal(read_row("899700218896|10|SA07||GENR01|SM26|"), DMP_OK);
    check_code(row.situation.sector, "1.2.250.1.71.4.2.4", "SA07");
    check_code(row.situation.specialty, "1.2.250.1.71.4.2.5", "SM26");
    check_code(row.situation.activity, "1.2.250.1.213.1.6.1.19", "GENR01");

    assert_int_equal(read_row("899700218896|10||FON-29|GENR01||"), DMP_OK);
    check_code(row.situation.sector, "", "");
    check_code(row.situation.activity, "1.2.250.1.213.1.6.1.17", "FON-29");

    assert_int_equal(read_row("899700218896|99||332|||"), DMP_OK);
    check_code(row.situation.activity, "1.2.250.1.213.1.6.1.107", "332");
    assert_int_equal(read_row("899700218896|99||407|||"), DMP_OK);
    check_code(row.situation.activity, "1.2.250.1.213.1.6.1.110", "407");

    refused("899700218896|10|SA 07||||", "activité\": \"SA 07\" is no code");
    refused("899700218896|10||FON\"29|||", "\"Code rôle\"");
    refused("899700218896|10|||GENR\xe9||", "\"GENR?\" is no code");
    refused("899700218896|10||||SM26SM26SM26SM26SM26SM26SM26SM26X|",
            "\"Code savoir-faire\"");
}


static void
test_structures(void **state)
{
    (void) state;
    assert_int_equal(header(LEAST "Ancien identifiant de la structure|"
                            "Numéro FINESS site|Numéro SIRET site|"
                            "Identifiant technique de la structure|"),
                     DMP_OK);

    assert_int_equal(read_row("899700218896|10||349940088500020|990712184|"
                              "49940088500021|R10100000328372|"), DMP_OK);
    check(row.situation.structure, "349940088500020");
    assert_int_equal(read_row("899700218896|10||C75|990712184|"
                              "49940088500021|R10100000328372|"), DMP_OK);
    check(row.situation.structure, "C75");
    assert_int_equal(read_row("899700218896|10||?|990712184|"
                              "49940088500021|R10100000328372|"), DMP_OK);
    check(row.situation.structure, "1990712184");
    assert_int_equal(read_row("899700218896|10|||99|49940088500021|"
                              "R10100000328372|"), DMP_OK);
    check(row.situation.structure, "349940088500021");
    assert_int_equal(read_row("899700218896|10|||||R10100000328372|"), DMP_OK);
    check(row.situation.structure, "R10100000328372");
    assert_int_equal(read_row("899700218896|10|||||cabinet|"), DMP_OK);
    check(row.situation.structure, "");
}


static void
test_ids(void **state)
{
    (void) state;
    assert_int_equal(header(LEAST "Type d'identifiant PP|Identifiant PP|"),
                     DMP_OK);

    assert_int_equal(read_row("899700218896|10||8|99700218896|"), DMP_OK);
    check(row.id, "899700218896");
    assert_int_equal(read_row("0751234567|10||0|751234567|"), DMP_OK);
    check(row.id, "0751234567");
    assert_int_equal(read_row("899700218896|10||8||"), DMP_OK);
    assert_int_equal(read_row("3750712184/MOREL|10||3|750712184|"), DMP_OK);
    check(row.id, "3750712184/MOREL");

    refused("99700218896|10||8|99700218896|",
            "\"99700218896\" is no national identifier");
    assert_int_equal(row.id.len, 0);
    refused("|10||||", "\"\" is no national identifier");
    refused("899700218896|10||8|99700218897|",
            "is not its type and its number");
    check(row.id, "899700218896");
    refused("899700218896|10||0|99700218896|",
            "is not its type and its number");
}


static void
test_others(void **state)
{
    (void) state;
    assert_int_equal(header(LEAST "Autres identifiants|"), DMP_OK);

    assert_int_equal(read_row("899700218896|10|||"), DMP_OK);
    assert_int_equal(row.n_others, 0);

    /* of a structure, of nobody, their own, twice: passed over */
    assert_int_equal(read_row("899700218896|10||0751234567,ADELI,1;"
                              "1750712184,FINESS,1;;abc;899700218896,RPPS,1;"
                              "0751234567;3750712184/MOREL,X,2;|"), DMP_OK);
    assert_int_equal(row.n_others, 2);
    check(row.others[0], "0751234567");
    check(row.others[1], "3750712184/MOREL");

    refused("899700218896|10||0000000001;0000000002;0000000003;0000000004;"
            "0000000005|", "\"0000000005\" is one identifier too many");
}


static void
test_lines(void **state)
{
    char    line[EXTRACT_FIELD_MAX + 64];
    size_t  len;
    char   *large;

    (void) state;
    assert_int_equal(header("Nom|" LEAST), DMP_OK);

    assert_int_equal(read_row("D\"|899700218896|10|SA07|\r"), DMP_OK);
    check(row.situation.sector.code, "SA07");
    refused("D|899700218896|10", "3 fields instead of 4");
    refused("D|899700218896|10|", "3 fields instead of 4");
    refused("D|899700218896|10|SA07|x|", "5 fields instead of 4");
    refused("D|899700218896|10|SA07||", "5 fields instead of 4");
    refused("", "0 fields instead of 4");
    refused("D|899700218896|10|SA07", "the line has no end");

    memset(line, 'x', EXTRACT_FIELD_MAX + 1);
    len = EXTRACT_FIELD_MAX;
    (void) snprintf(line + len, sizeof(line) - len, "|899700218896|10|SA07|");
    assert_int_equal(read_row(line), DMP_OK);
    line[len] = 'x';
    (void) snprintf(line + len + 1, sizeof(line) - len - 1,
                    "|899700218896|10|SA07|");
    refused(line, "longer than 1,024 bytes");
    assert_int_equal(row.id.len, 0);

    large = calloc(1, EXTRACT_LINE_MAX + 1);
    assert_non_null(large);
    assert_int_equal(extract_row(&x, large, EXTRACT_LINE_MAX + 1, true, &row,
                                 &error), DMP_E_LIMIT);
    free(large);

    /* nothing at the end of its lines: only the line feed says it is whole */
    assert_int_equal(header("Nom|Identification nationale PP|Code profession|"
                            "Code secteur d'activité"), DMP_OK);
    assert_int_equal(read_row("D|899700218896|10|SA07"), DMP_OK);
    assert_int_equal(read_row("D|899700218896|10|SA07|"), DMP_OK);
    assert_int_equal(extract_row(&x, "D|899700218896|10|SA0", 21, false, &row,
                                 &error), DMP_E_SYNTAX);
    assert_string_equal(error.text, "the line has no end");
    assert_int_equal(extract_row(&x, "D|899700218896|10|SA07|", 23, false,
                                 &row, &error), DMP_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_refused),
        cmocka_unit_test(test_professions),
        cmocka_unit_test(test_activities),
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
