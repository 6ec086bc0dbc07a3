/*
 * test_answer_find.c: the answer to "find": who has the traits, and nothing of
 * their records but that.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_answer.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_traits.h>

#include "answer_json.h"


#define SYSTEM  "urn:oid:1.2.250.1.213.1.4.8"
#define MEMBERS "masked-document"

static char                 answer[DMP_ANSWER_FIND_MAX];
static char                 numbers[DMP_FIND_MAX][16];
static dmp_record_t         records[DMP_FIND_MAX];
static const dmp_record_t  *found[DMP_FIND_MAX];

static const dmp_str_t      masked[] = { dmp_string(MEMBERS) };
static const dmp_grant_t    grant = { dmp_string(MEMBERS), 0, 100000 };
static const dmp_list_t     some = { masked, 1 };


/* Records of as many patients, who have all that a record holds. */
static void
usual(void)
{
    size_t  i;

    for (i = 0; i < DMP_FIND_MAX; i++) {
        (void) snprintf(numbers[i], sizeof(numbers[i]), "26905495881578%zu", i);
        memset(&records[i], 0, sizeof(records[i]));
        records[i].ins = (dmp_str_t) { numbers[i], strlen(numbers[i]) };
        records[i].open = true;
        records[i].family = dmp_string("LEFEBVRE");
        records[i].birth_family = dmp_string("DURAND");
        records[i].given = dmp_string("ANNE MARIE");
        records[i].birthdate = dmp_string("1969-05-12");
        records[i].sex = dmp_string("F");
        records[i].masked = some;
        records[i].treating = some;
        records[i].authorisations = &grant;
        records[i].n_authorisations = 1;
        found[i] = &records[i];
    }
}


static json_t *
find(size_t n, bool more)
{
    json_t     *root;
    dmp_buf_t   buf;

    memset(answer, 0, sizeof(answer));
    dmp_buf_init(&buf, answer, sizeof(answer));
    dmp_answer_find(&buf, found, n, more);
    root = parse(&buf);
    has(root, "resourceType", "Bundle");
    has(root, "type", "searchset");
    assert_int_equal(json_integer_value(json_object_get(root, "total")), n);
    assert_null(strstr(answer, MEMBERS));

    return root;
}


static void
test_matches(void **state)
{
    json_t  *root, *entries, *entry, *patient;
    size_t   i, n;

    (void) state;
    usual();

    for (n = 1; n <= DMP_FIND_MAX; n++) {
        root = find(n, false);
        entries = json_object_get(root, "entry");
        assert_int_equal(json_array_size(entries), n);

        for (i = 0; i < n; i++) {
            entry = json_array_get(entries, i);
            patient = json_object_get(entry, "resource");
            has(entry, "search.mode", "match");
            has(patient, "resourceType", "Patient");
            has(patient, "identifier.0.use", "official");
            has(patient, "identifier.0.system", SYSTEM);
            has(patient, "identifier.0.value", numbers[i]);
            has(patient, "active", "true");
            has(patient, "name.0.family", "LEFEBVRE");
            has(patient, "name.0.given.0", "ANNE MARIE");
            has(patient, "gender", "female");
            has(patient, "birthDate", "1969-05-12");
            assert_int_equal(json_object_size(patient), 6);
        }

        json_decref(root);
    }
}


static void
test_none(void **state)
{
    json_t  *root;

    (void) state;
    root = find(0, false);
    assert_null(json_object_get(root, "entry"));
    assert_int_equal(json_object_size(root), 3);
    json_decref(root);
}


/* That there are more is said by an entry of its own, the last one. */
static void
test_more(void **state)
{
    json_t  *root, *entries, *entry;
    size_t   n;

    (void) state;
    usual();

    for (n = 0; n <= DMP_FIND_MAX; n++) {
        root = find(n, true);
        entries = json_object_get(root, "entry");
        assert_int_equal(json_array_size(entries), n + 1);
        entry = json_array_get(entries, n);
        has(entry, "search.mode", "outcome");
        has(entry, "resource.resourceType", "OperationOutcome");
        has(entry, "resource.issue.0.severity", "warning");
        has(entry, "resource.issue.0.code", "suppressed");
        assert_non_null(strstr(at(entry, "resource.issue.0.details.text"),
                               "INS"));

        if (n != 0) {
            has(json_array_get(entries, n - 1), "search.mode", "match");
        }

        json_decref(root);
    }
}


/* What a record holds is one string each, and five of the longest fit. */
static void
test_hostile(void **state)
{
    char     name[512];
    json_t  *root;
    size_t   i;

    (void) state;
    usual();
    memset(name, 0x01, sizeof(name));

    for (i = 0; i < DMP_FIND_MAX; i++) {
        records[i].family = (dmp_str_t) { name, sizeof(name) };
        records[i].given = records[i].family;
    }

    records[0].family = dmp_string("\"}]},{\"x\":\"");
    records[0].sex = dmp_null_string;
    root = find(DMP_FIND_MAX, true);
    has(root, "entry.0.resource.name.0.family", "\"}]},{\"x\":\"");
    assert_null(at(root, "entry.0.resource.gender"));
    assert_int_equal(json_array_size(json_object_get(root, "entry")),
                     DMP_FIND_MAX + 1);
    json_decref(root);
}


/* In every size of buffer: whole, or full and not a byte past its end. */
static void
test_sizes(void **state)
{
    char       *data;
    size_t      size, whole;
    dmp_buf_t   buf;

    (void) state;
    usual();
    whole = 0;

    for (size = 0; size <= 4096; size++) {
        data = malloc(size + (size == 0));
        assert_non_null(data);
        dmp_buf_init(&buf, data, size);
        dmp_answer_find(&buf, found, DMP_FIND_MAX, true);
        assert_true(buf.len <= size);

        if (!buf.full && whole == 0) {
            whole = size;
        }

        assert_int_equal(buf.full, whole == 0);
        free(data);
    }

    assert_int_not_equal(whole, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_more),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_sizes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
