/*
 * test_ids.c: which texts are national identifiers of persons and structures.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_ids.h>


#define count(table)  (sizeof(table) / sizeof((table)[0]))

typedef struct {
    const char  *text;
    dmp_ps_id_t  form;
} ps_id_t;


/* Of exactly its size, so that a byte read too far is seen. */
static dmp_str_t
copy(const char *text, size_t len, char **memory)
{
    *memory = malloc(len + (len == 0));
    assert_non_null(*memory);
    memcpy(*memory, text, len);

    return (dmp_str_t) { *memory, len };
}


static dmp_ps_id_t
ps_id(const char *text, size_t len)
{
    char         *memory;
    dmp_ps_id_t   form;

    form = dmp_ps_id(copy(text, len, &memory));
    free(memory);

    return form;
}


static bool
struct_id(const char *text, size_t len)
{
    bool   is;
    char  *memory;

    is = dmp_struct_id(copy(text, len, &memory));
    free(memory);

    return is;
}


static void
test_ps_id(void **state)
{
    size_t  i;

    static const ps_id_t  ids[] = {
        { "899700218896", DMP_PS_ID_RPPS },
        { "899900063480", DMP_PS_ID_RPPS },
        { "0750000010", DMP_PS_ID_ADELI },
        { "00B7010446", DMP_PS_ID_ADELI },
        { "02A0000014", DMP_PS_ID_ADELI },
        { "3760021832/000000018", DMP_PS_ID_INTERNAL },
        { "30B0127189/1", DMP_PS_ID_INTERNAL },
        { "4187512751/x.y-Z_9", DMP_PS_ID_INTERNAL },
        { "500000000029751/CPAT0001", DMP_PS_ID_INTERNAL },
        { "175000001001/0000000001", DMP_PS_ID_INTERNAL },
        { "17500000101/0000000001", DMP_PS_ID_INTERNAL },
        { "699900063480001/12", DMP_PS_ID_INTERNAL },

        { "", DMP_PS_ID_NONE }, { "8", DMP_PS_ID_NONE },
        { "0", DMP_PS_ID_NONE }, { "/", DMP_PS_ID_NONE },
        { "99700218896", DMP_PS_ID_NONE },
        { "89970021889", DMP_PS_ID_NONE },
        { "8997002188966", DMP_PS_ID_NONE },
        { "89970021889A", DMP_PS_ID_NONE },
        { "899700218896 ", DMP_PS_ID_NONE },
        { "899700218896/1", DMP_PS_ID_NONE },
        { "075000001", DMP_PS_ID_NONE },
        { "07500000101", DMP_PS_ID_NONE },
        { "00b7010446", DMP_PS_ID_NONE },
        { "0750000 10", DMP_PS_ID_NONE },
        { "0750000010/1", DMP_PS_ID_NONE },
        { "2760021832/000000018", DMP_PS_ID_NONE },
        { "7760021832/000000018", DMP_PS_ID_NONE },
        { "9760021832/000000018", DMP_PS_ID_NONE },
        { "R102671/1", DMP_PS_ID_NONE },
        { "3760021832", DMP_PS_ID_NONE },
        { "3760021832/", DMP_PS_ID_NONE },
        { "3/000000018", DMP_PS_ID_NONE },
        { "376002183/000000018", DMP_PS_ID_NONE },
        { "37600218322/000000018", DMP_PS_ID_NONE },
        { "3760021832//18", DMP_PS_ID_NONE },
        { "3760021832/1/2", DMP_PS_ID_NONE },
        { "3760021832/1 2", DMP_PS_ID_NONE },
        { "3760021832/\xc3\xa9", DMP_PS_ID_NONE },
        { "3760021832/1\n", DMP_PS_ID_NONE },
        { "3760021832/a,b", DMP_PS_ID_NONE },
        { "376002183x/1", DMP_PS_ID_NONE },
        { "41875127A1/1", DMP_PS_ID_NONE },
        { "50000000002975/1", DMP_PS_ID_NONE },
        { "69990006348/1", DMP_PS_ID_NONE },
        { "699900063480/1", DMP_PS_ID_NONE },
        { "6999000634800012/1", DMP_PS_ID_NONE },
        { "17500000/1", DMP_PS_ID_NONE },
        { "1750000010/1", DMP_PS_ID_NONE },
        { "17500000100001/1", DMP_PS_ID_NONE },
        { "8\xd9\xa1" "9700218896", DMP_PS_ID_NONE }
    };

    (void) state;

    for (i = 0; i < count(ids); i++) {
        if (ps_id(ids[i].text, strlen(ids[i].text)) != ids[i].form) {
            fail_msg("%s", ids[i].text);
        }
    }

    assert_int_equal(ps_id("899700218896\0", 13), DMP_PS_ID_NONE);
    assert_int_equal(ps_id("8997002\0" "8896", 12), DMP_PS_ID_NONE);
    assert_int_equal(ps_id("3760021832/\0", 12), DMP_PS_ID_NONE);
    assert_int_equal(dmp_ps_id(dmp_null_string), DMP_PS_ID_NONE);
}


static void
test_struct_id(void **state)
{
    size_t  i;

    static const char *const  ids[] = {
        "1750712184", "10B0127189", "12A0000014", "2187512751",
        "339172288100052", "499900063480001", "49990006348001",
        "4999000634801", "07500000101", "075000001001", "00B7010446001",
        "R102671", "F0B0193488", "C1"
    };
    static const char *const  others[] = {
        "0750000010",
        "", "1", "0", "R", "CHU", "CHU1", "r102671", "R10267x", "R1026 1",
        "R1/1", "\xc3\x89" "1", "175071218", "17507121844", "1750712184 ",
        " 1750712184", "175071218x", "218751275", "21875127511", "218751275A",
        "33917228810005", "3391722881000521", "33917228810005A",
        "499900063480", "4999000634800012", "49990006348000A", "075000001",
        "0750000010001" "1", "07500000100A", "5750712184", "6750712184",
        "7750712184", "899700218896", "9750712184", "1750712184/1"
    };

    (void) state;

    for (i = 0; i < count(ids); i++) {
        if (!struct_id(ids[i], strlen(ids[i]))) {
            fail_msg("%s", ids[i]);
        }
    }

    for (i = 0; i < count(others); i++) {
        if (struct_id(others[i], strlen(others[i]))) {
            fail_msg("%s", others[i]);
        }
    }

    /* one identifier is a person's or a structure's, never both */

    for (i = 0; i < count(ids); i++) {
        assert_int_equal(ps_id(ids[i], strlen(ids[i])), DMP_PS_ID_NONE);
    }

    assert_false(struct_id("R1\0", 3));
    assert_false(struct_id("1750712184\0", 11));
    assert_false(dmp_struct_id(dmp_null_string));
}


static void
test_longest(void **state)
{
    char  id[DMP_ID_MAX + 1];

    (void) state;

    memset(id, '7', sizeof(id));
    id[0] = 'R';
    assert_true(struct_id(id, DMP_ID_MAX));
    assert_false(struct_id(id, DMP_ID_MAX + 1));

    memcpy(id, "3760021832/", 11);
    assert_int_equal(ps_id(id, DMP_ID_MAX), DMP_PS_ID_INTERNAL);
    assert_int_equal(ps_id(id, DMP_ID_MAX + 1), DMP_PS_ID_NONE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ps_id),
        cmocka_unit_test(test_struct_id),
        cmocka_unit_test(test_longest),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
