/*
 * test_request_form.c: searches by POST: what is refused before the form is
 * read, and how query and form are read together.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "request_case.h"


#define MORE  "status=current&type=a|b"


static dmp_headers_t  headers;


/* A search by POST whose headers say what its body is. */
static dmp_raw_t
post(const char *target, const char *type)
{
    dmp_raw_t  raw;

    raw = request("POST", target);
    memset(&headers, 0, sizeof(headers));
    raw.headers = &headers;
    raw.has_body = true;

    if (type != NULL) {
        (void) dmp_request_header(&headers, dmp_string("Content-Type"),
                                  str(type));
    }

    return raw;
}


static void
map_form(const char *target, const char *form, dmp_mapping_t want)
{
    dmp_raw_t  raw;

    raw = post(target, FORM);
    raw.form = str(form);
    map_raw(raw);
    is_mapped(form, want);
}


static void
test_accepted(void **state)
{
    size_t  i;

    static const struct {
        const char       *target;
        const char       *form;
        dmp_operation_t   operation;
        dmp_resource_t    resource;
        const char       *route;
    } table[] = {
        { POSTED, PATIENT, DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?", MORE "&" PATIENT, DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?" MORE, PATIENT, DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?" PATIENT, MORE, DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?" PATIENT "&" MORE, "", DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?_format=json", "patient%2Eidentifier=urn%3Aoid%3A"
          "1.2.250.1.213.1.4.8%7C" INS, DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED, PATIENT "&identifier=urn:x|1", DMP_OPERATION_REFERENCE,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED "?identifier=1", PATIENT, DMP_OPERATION_REFERENCE,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { POSTED, PATIENT "&date=ge2026&date=lt2027", DMP_OPERATION_SEARCH,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/_search" },
        { "/fhir/List/_search", PATIENT "&code=submissionset",
          DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, "List/_search" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        map_form(table[i].target, table[i].form, DMP_MAPPING_ONE);
        assert_int_equal(out.operation, table[i].operation);
        assert_int_equal(out.resource, table[i].resource);
        assert_string_equal(out.route, table[i].route);
        assert_true(dmp_str_eq(out.ins, str(INS)));
        assert_true(dmp_str_eq(out.ins_system, str(SYSTEM)));
    }
}


/* The form is not read yet: all the rest can be refused by then. */
static void
test_incomplete(void **state)
{
    size_t     i;
    dmp_raw_t  raw;

    static const struct {
        const char     *target;
        dmp_mapping_t   want;
    } table[] = {
        { POSTED, DMP_MAPPING_INCOMPLETE },
        { POSTED "?" PATIENT, DMP_MAPPING_INCOMPLETE },
        { POSTED "?" MORE "&_format=json", DMP_MAPPING_INCOMPLETE },
        { "/fhir/List/_search", DMP_MAPPING_INCOMPLETE },
        { POSTED "?x=y", DMP_MAPPING_AMBIGUOUS },
        { POSTED "?patient.identifier=x", DMP_MAPPING_AMBIGUOUS },
        { POSTED "?patient.identifier=" SYSTEM "|", DMP_MAPPING_INS_INVALID },
        { POSTED "?_format=xml", DMP_MAPPING_FORMAT },
        { POSTED "?_count=0", DMP_MAPPING_AMBIGUOUS },
        { POSTED "?_page=x", DMP_MAPPING_AMBIGUOUS },
        { POSTED "?" PATIENT "&" PATIENT, DMP_MAPPING_AMBIGUOUS },
        { POSTED "#", DMP_MAPPING_AMBIGUOUS },
        { POSTED "/", DMP_MAPPING_AMBIGUOUS },
        { "/fhir/Patient/_search", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhir/Binary/_search", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhir/_search", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhir/DocumentReference", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhir/List", DMP_MAPPING_OPERATION_UNKNOWN },
        { READ, DMP_MAPPING_OPERATION_UNKNOWN },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        raw = post(table[i].target, FORM);
        map_raw(raw);
        is_mapped(table[i].target, table[i].want);

        /* and so it is of an empty one */

        raw.form = str("");
        map_raw(raw);
        assert_int_equal(out.mapping == DMP_MAPPING_ONE,
                         strcmp(table[i].target, POSTED "?" PATIENT) == 0);
    }

    raw = post(POSTED, FORM);
    headers.ambiguous = true;
    headers.why = "a reason";
    map_raw(raw);
    is_mapped("ambiguous headers", DMP_MAPPING_AMBIGUOUS);

    raw = post(POSTED, FORM);
    headers.format_refused = true;
    map_raw(raw);
    is_mapped("no JSON", DMP_MAPPING_FORMAT);

    raw = post(POSTED, FORM);
    raw.max_target = strlen(POSTED) - 1;
    map_raw(raw);
    is_mapped("a long target", DMP_MAPPING_TOO_LARGE);

    raw = post(POSTED "?type=a&type=b", FORM);
    raw.max_parameters = 1;
    map_raw(raw);
    is_mapped("many parameters", DMP_MAPPING_TOO_LARGE);
}


static void
test_media(void **state)
{
    size_t     i;
    dmp_raw_t  raw;

    static const struct {
        const char  *type;
        bool         form;
    } table[] = {
        { FORM, true },
        { "Application/X-WWW-Form-URLEncoded", true },
        { FORM "; charset=utf-8", true },
        { FORM ";charset=UTF-8", true },
        { FORM "; charset=iso-8859-1", false },
        { FORM "; charset=utf-8; x=y", false },
        { FORM "x", false },
        { FORM ", application/json", false },
        { "application/json", false },
        { "application/fhir+json", false },
        { "multipart/form-data; boundary=x", false },
        { "text/plain", false },
        { "", false },
        { NULL, false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        raw = post(POSTED, table[i].type);
        map_raw(raw);
        is_mapped(table[i].type, table[i].form ? DMP_MAPPING_INCOMPLETE
                                               : DMP_MAPPING_MEDIA);
        raw.form = str(PATIENT);
        map_raw(raw);
        is_mapped(table[i].type, table[i].form ? DMP_MAPPING_ONE
                                               : DMP_MAPPING_MEDIA);
    }

    raw = post(POSTED, FORM);
    (void) dmp_request_header(&headers, dmp_string("Content-Encoding"),
                              dmp_string("gzip"));
    map_raw(raw);
    is_mapped("an encoded body", DMP_MAPPING_MEDIA);

    raw = post(POSTED, FORM);
    (void) dmp_request_header(&headers, dmp_string("Content-Encoding"),
                              dmp_string("identity"));
    map_raw(raw);
    is_mapped("a body as it is", DMP_MAPPING_INCOMPLETE);

    raw = post(POSTED, FORM);
    (void) dmp_request_header(&headers, dmp_string("content-type"),
                              dmp_string(FORM));
    map_raw(raw);
    is_mapped("two types", DMP_MAPPING_AMBIGUOUS);
}


/* A search by POST may say all of it in its query. */
static void
test_no_body(void **state)
{
    dmp_raw_t  raw;

    (void) state;

    raw = post(POSTED "?" PATIENT, NULL);
    raw.has_body = false;
    map_raw(raw);
    is_mapped("no body and no type", DMP_MAPPING_ONE);
    assert_true(dmp_str_eq(out.ins, str(INS)));

    raw = post(POSTED "?" PATIENT, FORM);
    raw.has_body = false;
    map_raw(raw);
    is_mapped("no body, and the type of one", DMP_MAPPING_ONE);

    raw = post(POSTED "?" PATIENT, "application/json");
    raw.has_body = false;
    map_raw(raw);
    is_mapped("no body, and another type", DMP_MAPPING_MEDIA);

    raw = post(POSTED, FORM);
    raw.has_body = false;
    map_raw(raw);
    is_mapped("nobody", DMP_MAPPING_AMBIGUOUS);
    assert_string_equal(out.why, "no patient is named");
}


static void
test_together(void **state)
{
    size_t  i;

    static const struct {
        const char     *query;
        const char     *form;
        dmp_mapping_t   want;
    } table[] = {
        { "", "", DMP_MAPPING_AMBIGUOUS },
        { MORE, "", DMP_MAPPING_AMBIGUOUS },
        { "", MORE, DMP_MAPPING_AMBIGUOUS },

        /* one name in both */
        { PATIENT, PATIENT, DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "patient%2eidentifier=" SYSTEM "|" INS,
          DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "patient.identifier=x", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&type=a", "type=a", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&type=a", "type=b", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&date=2026", "%64ate=2027", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&_format=json", "_format=json", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&_count=1", "_count=2", DMP_MAPPING_AMBIGUOUS },
        { PATIENT "&identifier=a", "identifier=a", DMP_MAPPING_AMBIGUOUS },

        /* several of a kind, by their names */
        { PATIENT "&date=2026", "creation=2026&period=2026",
          DMP_MAPPING_ONE },
        { "date=2026", PATIENT "&date=2026", DMP_MAPPING_AMBIGUOUS },

        /* twice in the form */
        { "", PATIENT "&" PATIENT, DMP_MAPPING_AMBIGUOUS },
        { "", PATIENT "&_count=1&_count=1", DMP_MAPPING_AMBIGUOUS },
        { "", PATIENT "&_sort=date&_sort=date", DMP_MAPPING_AMBIGUOUS },
        { "", PATIENT "&identifier=a&identifier=b", DMP_MAPPING_AMBIGUOUS },
        { "", PATIENT "&type=a&type=b", DMP_MAPPING_ONE },

        /* what a query does not have, a form has not */
        { PATIENT, "x=y", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_page=x", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_summary=count", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_include=*", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_method=DELETE", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_charset_=utf-7", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "patient=Patient/1", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_count=0", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "identifier=+", DMP_MAPPING_AMBIGUOUS },
        { PATIENT, "_format=xml", DMP_MAPPING_FORMAT },
        { PATIENT, "_count=1001", DMP_MAPPING_TOO_LARGE },
        { "", "patient.identifier=" SYSTEM "|", DMP_MAPPING_INS_INVALID },
        { "", "patient.identifier=" SYSTEM "|" TEN("12345"),
          DMP_MAPPING_INS_INVALID },
        { "", "patient.identifier=+" SYSTEM "|" INS, DMP_MAPPING_AMBIGUOUS },
    };

    char  target[256];

    (void) state;

    for (i = 0; i < count(table); i++) {
        (void) snprintf(target, sizeof(target), POSTED "?%s", table[i].query);
        map_form(target, table[i].form, table[i].want);
    }
}


/* Bytes that a host could take for the end of a form, or of a parameter. */
static void
test_bytes(void **state)
{
    char       form[128];
    size_t     i;
    unsigned   byte;
    dmp_raw_t  raw;

    static const char *const  bad[] = {
        PATIENT "\n", PATIENT "\r\n", "\n" PATIENT, PATIENT " ",
        PATIENT ";status=current", PATIENT "&", "&" PATIENT,
        PATIENT "&&status=current", PATIENT "&status", PATIENT "#x",
        PATIENT "?x=y", PATIENT "\\", PATIENT "%00", PATIENT "%",
        "{\"a\":1}", "--x\r\n", "\xef\xbb\xbf" PATIENT, "?" PATIENT,
        PATIENT "&title=%25",
    };

    (void) state;

    for (i = 0; i < count(bad); i++) {
        map_form(POSTED, bad[i], DMP_MAPPING_AMBIGUOUS);
    }

    for (byte = 0; byte < 256; byte++) {
        raw = post(POSTED, FORM);
        (void) snprintf(form, sizeof(form), PATIENT "&type=ab");
        form[strlen(form) - 1] = (char) byte;
        raw.form = (dmp_str_t) { form, strlen(PATIENT "&type=ab") };
        map_raw(raw);
        assert_int_equal(out.mapping == DMP_MAPPING_ONE,
                         byte > 0x20 && byte < 0x7f
                         && strchr(";?#\\%&", (int) byte) == NULL);
    }
}


static void
test_limits(void **state)
{
    char       form[DMP_FORM_MAX + 2];
    size_t     n;
    dmp_raw_t  raw;

    (void) state;
    (void) strcpy(form, PATIENT);

    for (n = strlen(form); n + 4000 < DMP_FORM_MAX; n = strlen(form)) {
        (void) snprintf(form + n, sizeof(form) - n, "&type=%0*d", 3900, 0);
    }

    (void) snprintf(form + n, sizeof(form) - n, "&type=%0*d",
                    (int) (DMP_FORM_MAX - n - 6), 0);
    assert_int_equal(strlen(form), DMP_FORM_MAX);
    map_form(POSTED, form, DMP_MAPPING_ONE);

    (void) strcat(form, "0");
    map_form(POSTED, form, DMP_MAPPING_TOO_LARGE);
    assert_non_null(strstr(out.why, "dmp_max_form_size"));

    raw = post(POSTED, FORM);
    raw.form = str(form);
    raw.max_form = DMP_FORM_MAX + 1;
    map_raw(raw);
    is_mapped("as long as it may be", DMP_MAPPING_ONE);

    raw.form = str(PATIENT);
    raw.max_form = strlen(PATIENT);
    map_raw(raw);
    is_mapped("a small limit", DMP_MAPPING_ONE);
    raw.max_form--;
    map_raw(raw);
    is_mapped("a byte more", DMP_MAPPING_TOO_LARGE);

    /* parameters of query and form count together */

    raw = post(POSTED "?type=a&date=2026", FORM);
    raw.form = str(PATIENT "&status=current");
    raw.max_parameters = 4;
    map_raw(raw);
    is_mapped("four of four", DMP_MAPPING_ONE);
    raw.max_parameters = 3;
    map_raw(raw);
    is_mapped("four of three", DMP_MAPPING_TOO_LARGE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
