/*
 * test_document_authors.c: whether somebody besides the patient wrote a
 * document, who is in a role, what it replaces, since when it is there, and by
 * which name a record lists it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "document_case.h"


#define PS  "899700218896"

#define BY(reference)    "\"author\":[{\"reference\":\"" reference "\"}]"
#define CONTAINED(list)  "\"contained\":[" list "]"
#define ROLE(members)                                                         \
    "{\"resourceType\":\"PractitionerRole\",\"id\":\"r\"," members "}"


static void
by_others(const char *json, bool want)
{
    dmp_document_t  document;

    assert_int_equal(parse(json, &document), DMP_OK);

    if (document.by_others != want) {
        fail_msg("%s: by_others is not %d", json, want);
    }
}


static void
other_authors(void **state)
{
    size_t  i;
    char    json[512];

    static const char *const  theirs[] = {
        "Patient/1", "RelatedPerson/1", "http://host/fhir/Patient/1",
        "Patient?identifier=x", "#p"
    };
    static const char *const  others[] = {
        "", "#", "#nobody", "Patient", "patient/1", "Practitioner/1", "#d",
        "urn:uuid:0c0c0c0c-0000-0000-0000-000000000000", "Device/Patient/1/2"
    };

    (void) state;

    for (i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC(CONTAINED(PATIENT("p", "") ","
                        AUTHOR("Practitioner", "d", "")) "," BY("%s")),
                        theirs[i]);
        by_others(json, false);
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC(CONTAINED(PATIENT("p", "") ","
                        AUTHOR("Practitioner", "d", "")) "," BY("%s")),
                        others[i]);
        by_others(json, true);
    }

    by_others(DOC("\"status\":\"current\""), false);
    by_others(DOC("\"author\":[{\"type\":\"Patient\"}]"), false);

    /* one of two, or what contradicts itself */

    by_others(DOC(CONTAINED(PATIENT("p", "")) ",\"author\":["
                  "{\"reference\":\"#p\"},{\"reference\":\"#q\"}]"), true);
    by_others(DOC("\"author\":[{\"type\":\"Patient\",\"reference\":"
                  "\"Practitioner/1\"}]"), true);
    by_others(DOC("\"author\":[{\"reference\":\"Patient/1\",\"identifier\":"
                  ID(PS_SYSTEM, PS) "}]"), true);
    by_others(DOC("\"author\":[{\"reference\":\"Patient/1\"},"
                  "{\"display\":\"Dr Petit\"}]"), true);
}


static void
written_by(const char *json, const char *id)
{
    dmp_document_t  document;

    assert_int_equal(parse(json, &document), DMP_OK);

    if (id == NULL) {
        assert_int_equal(document.n_authors, 0);
        return;
    }

    assert_int_equal(document.n_authors, 1);
    assert_true(dmp_str_eq(document.authors[0],
                           (dmp_str_t) { id, strlen(id) }));
}


/* Who is in a role is its author, wherever the role says it. */
static void
roles(void **state)
{
    (void) state;

    written_by(DOC(CONTAINED(ROLE("\"practitioner\":{\"reference\":\"#d\"}")
                   "," AUTHOR("Practitioner", "d", ID(PS_SYSTEM, PS))) ","
                   BY("#r")), PS);
    written_by(DOC(CONTAINED(ROLE("\"practitioner\":{\"identifier\":"
                   ID(PS_SYSTEM, PS) "}")) "," BY("#r")), PS);
    written_by(DOC(CONTAINED(ROLE("\"identifier\":[" ID(PS_SYSTEM, PS) "],"
                   "\"practitioner\":{\"reference\":\"#d\"}") ","
                   AUTHOR("Practitioner", "d", ID(PS_SYSTEM, PS))) ","
                   BY("#r")), PS);

    /* not one that is no practitioner, or that nobody points at */

    written_by(DOC(CONTAINED(ROLE("\"practitioner\":{\"reference\":\"#d\"}")
                   "," AUTHOR("Device", "d", ID(PS_SYSTEM, PS))) ","
                   BY("#r")), NULL);
    written_by(DOC(CONTAINED(ROLE("\"practitioner\":{\"reference\":\"#x\"}")
                   "," AUTHOR("Practitioner", "d", ID(PS_SYSTEM, PS))) ","
                   BY("#r")), NULL);
    written_by(DOC(CONTAINED(ROLE("\"practitioner\":[]") ","
                   AUTHOR("Practitioner", "d", ID(PS_SYSTEM, PS))) ","
                   BY("#r")), NULL);
}


static void
replaces(const char *relations, bool want)
{
    char            json[512];
    dmp_document_t  document;

    (void) snprintf(json, sizeof(json), DOC("\"relatesTo\":%s"), relations);
    assert_int_equal(parse(json, &document), DMP_OK);

    if (document.replaces != want) {
        fail_msg("%s: replaces is not %d", json, want);
    }
}


static void
relations(void **state)
{
    dmp_document_t  document;

    (void) state;

    replaces("[]", false);
    replaces("[{\"code\":\"appends\"}]", false);
    replaces("[{\"code\":\"signs\",\"target\":{\"reference\":\"x\"}}]",
             false);
    replaces("[{\"code\":\"replaces\"}]", true);
    replaces("[{\"code\":\"\\u0072eplaces\"}]", true);
    replaces("[{\"code\":\"appends\"},{\"code\":\"transforms\"}]", true);
    replaces("[{\"code\":\"anew\"}]", true);
    replaces("[{}]", true);

    assert_int_equal(parse(DOC("\"relatesTo\":{}"), &document),
                     DMP_E_UNKNOWN);
    assert_true(document.replaces);
}


static void
there_since(const char *members, const char *day)
{
    int32_t         want;
    dmp_document_t  document;

    assert_int_equal(parse(members, &document), DMP_OK);
    assert_int_equal(document.dated, day != NULL);

    if (day != NULL) {
        assert_true(dmp_day_parse((dmp_str_t) { day, strlen(day) }, &want));
        assert_int_equal(document.deposited, want);
    }
}


/* Of what the depositor says and what the host saw, the earlier. */
static void
days(void **state)
{
    (void) state;

    there_since(DOC("\"date\":\"2026-03-01T10:00:00Z\""), "2026-03-01");
    there_since(DOC("\"meta\":{\"lastUpdated\":\"2026-03-02T10:00:00Z\"}"),
                "2026-03-02");
    there_since(DOC("\"meta\":{\"versionId\":\"1\",\"lastUpdated\":"
                    "\"2026-03-02T10:00:00Z\"},\"date\":"
                    "\"2036-01-01T00:00:00Z\""), "2026-03-02");
    there_since(DOC("\"date\":\"2026-03-01T10:00:00Z\",\"meta\":"
                    "{\"lastUpdated\":\"2026-09-02T10:00:00Z\"}"),
                "2026-03-01");
    there_since(DOC("\"date\":\"2026-03-01\",\"meta\":{\"lastUpdated\":"
                    "\"2026-03-02T10:00:00Z\"}"), "2026-03-02");
    there_since(DOC("\"meta\":{}"), NULL);
    there_since(DOC("\"date\":\"2026-03-01\""), NULL);
}


/* What a record cannot list is no name: the document goes by its id. */
static void
names_listed(void **state)
{
    size_t           i;
    char             master[DMP_DOCUMENT_NAME_MAX + 1];
    dmp_document_t   document;

    static const struct {
        size_t  len;
        char    last;
        bool    named;
    } table[] = {
        { 1, 'x', true }, { DMP_DOCUMENT_NAME_MAX, 'x', true },
        { DMP_DOCUMENT_NAME_MAX + 1, 'x', false }, { 3, '\n', false },
        { 3, '\0', false }, { 3, '\x7f', false }, { 0, 'x', false },
    };

    (void) state;
    memset(&document, 0, sizeof(document));
    memset(master, 'm', sizeof(master));
    document.id = dmp_string("id");

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        document.master = (dmp_str_t) { master, table[i].len };

        if (table[i].len != 0) {
            master[table[i].len - 1] = table[i].last;
        }

        assert_true(dmp_str_eq(dmp_document_name(&document),
                               table[i].named ? document.master
                                              : document.id));
        memset(master, 'm', sizeof(master));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(other_authors),
        cmocka_unit_test(roles),
        cmocka_unit_test(relations),
        cmocka_unit_test(days),
        cmocka_unit_test(names_listed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, release);
}
