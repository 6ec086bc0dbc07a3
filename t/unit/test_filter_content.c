/*
 * test_filter_content.c: where a document's content is, what leaves of a
 * single one, and what does not where no content may.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "document_case.h"
#include "filter_case.h"


#define CONTENT(attachment)  "\"content\":[{\"attachment\":{" attachment "}}]"


static void
attachments(void **state)
{
    dmp_document_t  document;

    (void) state;

    assert_int_equal(parse(DOC(CONTENT("")), &document), DMP_OK);
    assert_int_equal(document.n_attachments, 0);
    assert_false(document.inlined);
    assert_false(document.indexed);

    assert_int_equal(parse(DOC(
        "\"content\":[{\"format\":{\"url\":\"no\"},\"attachment\":{\"title\":"
        "\"t\",\"url\":\"Binary/1\",\"size\":1}},{},{\"attachment\":{\"url\":"
        "\"http:\\/\\/h\\/B\\u00e9\"}},{\"attachment\":{\"url\":\"\"}}],"
        "\"url\":\"no\""), &document), DMP_OK);
    assert_int_equal(document.n_attachments, 2);
    assert_true(dmp_str_eq(document.attachments[0], dmp_string("Binary/1")));
    assert_true(dmp_str_eq(document.attachments[1],
                           dmp_string("http://h/B\xc3\xa9")));
    assert_false(document.inlined);

    assert_int_equal(parse(DOC(CONTENT("\"data\":\"eA==\"")), &document),
                     DMP_OK);
    assert_int_equal(document.n_attachments, 0);
    assert_true(document.inlined);

    assert_int_equal(parse(DOC(CONTENT("\"_data\":{}")), &document), DMP_OK);
    assert_false(document.inlined);

    /* that of others is not its own */

    assert_int_equal(parse(DOC("\"contained\":[{\"resourceType\":"
                               "\"Device\"," CONTENT("\"url\":"
                               "\"x\",\"data\":\"\"") "}]"), &document),
                     DMP_OK);
    assert_int_equal(document.n_attachments, 0);
    assert_false(document.inlined);
}


static void
many_attachments(void **state)
{
    char            json[2048];
    size_t          i, n, len;
    dmp_rc_t        rc;
    dmp_document_t  document;

    (void) state;

    for (n = DMP_DOCUMENT_ATTACHMENTS; n <= DMP_DOCUMENT_ATTACHMENTS + 1;
         n++)
    {
        len = (size_t) sprintf(json, "{\"resourceType\":\"DocumentReference\","
                               "\"content\":[{}");

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(json + len, ",{\"attachment\":{\"url\":"
                                    "\"Binary/%zu\"}}", i);
        }

        (void) sprintf(json + len, "]}");
        rc = parse(json, &document);

        assert_int_equal(rc, n == DMP_DOCUMENT_ATTACHMENTS ? DMP_OK
                                                           : DMP_E_LIMIT);
        assert_int_equal(document.n_attachments, rc == DMP_OK ? n : 0);
    }
}


/* want: what leaves, or NULL where it is refused with rc. */
static void
single(const dmp_filter_t *f, const char *json, const char *want, dmp_rc_t rc)
{
    const char      *wrong;
    check_left_t     left;
    dmp_document_t   document;

    wrong = check_run(f, json, strlen(json), SIZE_MAX, &document, &left);

    if (wrong != NULL || left.rc != rc) {
        fail_msg("%s: rc %d, not %d%s%s", json, (int) left.rc, (int) rc,
                 wrong != NULL ? ", " : "", wrong != NULL ? wrong : "");
    }

    if (want != NULL) {
        assert_string_equal(left.text, want);

    } else {
        assert_true(document.other_patient && document.by_others
                    && document.archived && document.replaces);
        assert_int_equal(document.labels, DMP_LABEL_ALL);
        assert_int_equal(document.n_attachments, 0);
    }

    free(left.text);
}


static void
single_documents(void **state)
{
    size_t          n;
    check_left_t    left;
    dmp_filter_t    f;
    dmp_document_t  document;

    (void) state;

    f = address_filter();
    f.judge = NULL;

    single(&f, " " DOC("\"id\":\"a\"") "\n", " " DOC("\"id\":\"a\"") "\n",
           DMP_OK);
    single(&f, DOC(CONTENT("\"url\":\"" HOST "/Binary/1\"")),
           DOC(CONTENT("\"url\":\"" OURS "/Binary/1\"")), DMP_OK);
    single(&f, DOC(CONTENT("\"data\":\"x\"") ",\"text\":{},\"link\":1"),
           DOC(CONTENT("\"data\":\"x\"") ",\"text\":{},\"link\":1"), DMP_OK);
    single(&f, DOC("\"contained\":[{\"photo\":[],\"resourceType\":"
                   "\"Patient\"}]"),
           DOC("\"contained\":[{\"photo\":[],\"resourceType\":"
               "\"Patient\"}]"), DMP_OK);

    single(&f, DOC(CONTENT("\"url\":\"" HOST "/../1\"")), NULL,
           DMP_E_UNKNOWN);
    single(&f, "{\"resourceType\":\"OperationOutcome\"}", NULL, DMP_E_UNKNOWN);
    single(&f, "{\"resourceType\":\"Bundle\"}", NULL, DMP_E_UNKNOWN);
    single(&f, "[]", NULL, DMP_E_UNKNOWN);
    single(&f, DOC("\"id\":1"), NULL, DMP_E_UNKNOWN);
    single(&f, DOC("\"id\":\"a\"") "x", NULL, DMP_E_SYNTAX);
    single(&f, "", NULL, DMP_E_SYNTAX);
    single(&f, DOC("\"id\":\"a\",\"id\":\"a\""), NULL, DMP_E_SYNTAX);

    f.max_depth = 2;
    single(&f, DOC("\"x\":[]"), DOC("\"x\":[]"), DMP_OK);
    single(&f, DOC("\"x\":[[]]"), NULL, DMP_E_LIMIT);
    f.max_depth = 0;

    /* an address with escapes, and the pieces */

    for (n = 0; n < 3; n++) {
        assert_null(check_run(&f, DOC(CONTENT("\"url\":\"\\/fhir/x\"")),
                              sizeof(DOC(CONTENT("\"url\":\"\\/fhir/x\"")))
                              - 1, n, &document, &left));
        assert_int_equal(left.rc, n < 2 ? DMP_E_NOMEM : DMP_OK);
        assert_true(n == 2 || document.other_patient);
        free(left.text);
    }
}


static void
content_is_cut_out(void **state)
{
    dmp_filter_t  f;

    (void) state;

    f = address_filter();
    f.metadata_only = true;

    single(&f, DOC("\"text\":{\"div\":\"x\"},\"id\":\"a\""),
           DOC("\"id\":\"a\""), DMP_OK);
    single(&f, "{\"text\":1,\"resourceType\":\"DocumentReference\"}",
           "{\"resourceType\":\"DocumentReference\"}", DMP_OK);
    single(&f, "{ \"resourceType\" : \"DocumentReference\" , \"text\" : [ ] }",
           "{ \"resourceType\" : \"DocumentReference\" }", DMP_OK);

    single(&f, DOC(CONTENT("\"data\":\"x\"")), DOC(CONTENT("")), DMP_OK);
    single(&f, DOC(CONTENT("\"data\":\"x\",\"_data\":{}")), DOC(CONTENT("")),
           DMP_OK);
    single(&f, DOC(CONTENT("\"_data\":{},\"data\":\"x\",\"url\":\"" HOST
                           "/Binary/1\"")),
           DOC(CONTENT("\"url\":\"" OURS "/Binary/1\"")), DMP_OK);
    single(&f, DOC(CONTENT("\"url\":\"u\",\"data\":\"x\",\"size\":1,"
                           "\"_data\":{}")),
           DOC(CONTENT("\"url\":\"u\",\"size\":1")), DMP_OK);
    single(&f, DOC(CONTENT(" \"data\" : \"x\" , \"size\" : 1 ,\n \"_data\" : "
                           "{ } ")),
           DOC(CONTENT(" \"size\" : 1 ")), DMP_OK);
    single(&f, DOC("\"content\":[{\"attachment\":{\"data\":\"x\"}},"
                   "{\"attachment\":{\"a\":1,\"data\":\"y\"}}]"),
           DOC("\"content\":[{\"attachment\":{}},{\"attachment\":{\"a\":1}}]"),
           DMP_OK);

    /* in a search too, and of what stays only */

    leaves_of(&f, ENTRIES("{\"resource\":" DOC("\"id\":\"no\",\"text\":1") "},"
                          "{\"resource\":" DOC("\"text\":1") "},"
                          "{\"resource\":{\"text\":1,\"resourceType\":"
                          "\"OperationOutcome\"}}"),
              ENTRIES("{\"resource\":{\"resourceType\":"
                      "\"DocumentReference\"}},{\"resource\":{\"text\":1,"
                      "\"resourceType\":\"OperationOutcome\"}}"), 1, 1);
}


static void
content_elsewhere(void **state)
{
    size_t        i;
    dmp_filter_t  f;

    static const char *const  never[] = {
        DOC("\"contained\":[{\"resourceType\":\"Binary\"}]"),
        DOC("\"contained\":[{\"resourceType\":\"DocumentReference\"}]"),
        DOC("\"contained\":[{}]"),
        DOC("\"contained\":[{\"resourceType\":\"Patient\"},"
            "{\"resourceType\":\"Observation\"}]")
    };

    static const char *const  withheld[] = {
        DOC("\"contained\":[{\"resourceType\":\"Patient\",\"photo\":[]}]"),
        DOC("\"extension\":[{\"url\":\"x\",\"valueAttachment\":{\"url\":"
            "\"Binary/1\"}}]"),
        DOC("\"extension\":[{\"extension\":[{\"valueBase64Binary\":\"x\"}]}]"),
        DOC("\"extension\":[{\"valueSignature\":{\"data\":\"x\"}}]"),
        DOC("\"data\":\"x\""),
        DOC("\"x\":[[],{\"y\":{}},{\"data\":1}]"),
        DOC(CONTENT("\"data\":{\"data\":\"x\"}")),
        DOC(CONTENT("\"data\":\"x\"") ",\"x\":{\"data\":\"y\"}"),
        DOC(CONTENT("\"extension\":[{\"valueAttachment\":{}}]")),
        DOC(CONTENT("\"_title\":{\"extension\":[{\"valueAttachment\":{}}]}")),
        DOC("\"text\":{\"data\":\"x\"}")
    };

    static const char *const  shown[] = {
        DOC("\"contained\":[{\"resourceType\":\"Patient\"},{\"resourceType\":"
            "\"Practitioner\"},{\"resourceType\":\"PractitionerRole\"},"
            "{\"resourceType\":\"Organization\"},{\"resourceType\":\"Device\"}"
            ",{\"resourceType\":\"RelatedPerson\"},{\"resourceType\":"
            "\"Location\"},{\"resourceType\":\"Group\"},{\"resourceType\":"
            "\"Encounter\"},{\"resourceType\":\"CareTeam\"}]"),
        DOC("\"description\":\"data\",\"category\":[{\"text\":"
            "\"valueAttachment\"}]"),
        DOC("\"Data\":1,\"_data\":2,\"dat\":3,\"x\":{\"text\":1},\"z\":[]"),
        DOC(CONTENT("\"url\":\"x\""))
    };

    (void) state;

    f = plain_filter();

    for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        f.metadata_only = (i % 2 == 0);
        single(&f, never[i], NULL, DMP_E_UNKNOWN);
        f.metadata_only = !f.metadata_only;
        single(&f, never[i], NULL, DMP_E_UNKNOWN);
    }

    for (i = 0; i < sizeof(withheld) / sizeof(withheld[0]); i++) {
        f.metadata_only = true;
        single(&f, withheld[i], NULL, DMP_E_UNKNOWN);
        f.metadata_only = false;
        single(&f, withheld[i], withheld[i], DMP_OK);
    }

    f.metadata_only = true;

    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        single(&f, shown[i], shown[i], DMP_OK);
    }
}


/*
 * What holds content is looked for in a second reading, which must not make
 * the first one's shapes anew when they fill up between the two.
 */
static void
content_while_shapes_fill_up(void **state)
{
    int           len;
    char          text[64];
    size_t        room, i;
    dmp_scan_t    s;
    dmp_filter_t  f;

    static dmp_shapes_t  shapes;

    (void) state;

    f = plain_filter();
    f.metadata_only = true;
    f.shapes = &shapes;

    for (room = 1; room < 32; room++) {

        shapes.n = 0;

        for (i = 0; shapes.n < DMP_SHAPES - room; i++) {
            len = snprintf(text, sizeof(text), "{\"member-%zu\":1}", i);
            dmp_scan_init(&s, text, (size_t) len);
            dmp_scan_remember(&s, &shapes);
            assert_true(dmp_scan_skip(&s, NULL));
        }

        single(&f, DOC("\"x\":{\"y\":[{\"z\":1},{\"z\":2,\"data\":3}]},"
                       "\"subject\":{\"display\":\"nobody\"}"),
               NULL, DMP_E_UNKNOWN);
        assert_true(shapes.n >= DMP_SHAPES - room);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(attachments),
        cmocka_unit_test(many_attachments),
        cmocka_unit_test(single_documents),
        cmocka_unit_test(content_is_cut_out),
        cmocka_unit_test(content_elsewhere),
        cmocka_unit_test(content_while_shapes_fill_up)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, release);
}
