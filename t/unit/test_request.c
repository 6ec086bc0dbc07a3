/*
 * test_request.c: which transaction a request is read as, by its path, its
 * method and its headers; and that what a host could read in another way is
 * refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "request_case.h"


static void
test_accepted(void **state)
{
    size_t  i;

    static const struct {
        const char       *target;
        dmp_operation_t   operation;
        dmp_resource_t    resource;
        const char       *route;
        const char       *name;          /* of a document or an attachment */
    } table[] = {
        { CHECK, DMP_OPERATION_CHECK, DMP_RESOURCE_PATIENT,
          "Patient?identifier=", "" },
        { CHECK "&_format=json&_pretty=true", DMP_OPERATION_CHECK,
          DMP_RESOURCE_PATIENT, "Patient?identifier=", "" },
        { "/fhir/Patient?identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8%7c" INS,
          DMP_OPERATION_CHECK, DMP_RESOURCE_PATIENT, "Patient?identifier=",
          "" },
        { "/fhir/Patient?%69dentifier=" SYSTEM "|26905495881578%30",
          DMP_OPERATION_CHECK, DMP_RESOURCE_PATIENT, "Patient?identifier=",
          "" },
        { SEARCH, DMP_OPERATION_SEARCH, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference?", "" },
        { "/fhir/DocumentReference?patient%2Eidentifier=" SYSTEM "%7C" INS,
          DMP_OPERATION_SEARCH, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference?", "" },
        { "/fhir/DocumentReference?status=current&" PATIENT,
          DMP_OPERATION_SEARCH, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference?", "" },
        { SEARCH "&identifier=urn:x|1", DMP_OPERATION_REFERENCE,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference?", "" },
        { "/fhir/DocumentReference?identifier=1&" PATIENT,
          DMP_OPERATION_REFERENCE, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference?", "" },
        { LIST, DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, "List?", "" },
        { LIST "&identifier=urn:x|1", DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST,
          "List?", "" },
        { READ, DMP_OPERATION_READ, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference/{id}", "d1" },
        { READ "?", DMP_OPERATION_READ, DMP_RESOURCE_DOCUMENT_REFERENCE,
          "DocumentReference/{id}", "d1" },
        { READ "?_format=application/fhir+json", DMP_OPERATION_READ,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/{id}", "d1" },
        { "/fhir/DocumentReference/A-b.0", DMP_OPERATION_READ,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/{id}", "A-b.0" },
        { "/fhir/DocumentReference/" ID_64, DMP_OPERATION_READ,
          DMP_RESOURCE_DOCUMENT_REFERENCE, "DocumentReference/{id}", ID_64 },
        { BINARY, DMP_OPERATION_READ, DMP_RESOURCE_BINARY, "Binary/{id}",
          "Binary/b1" },
        { BINARY "?_format=json&_pretty=false", DMP_OPERATION_READ,
          DMP_RESOURCE_BINARY, "Binary/{id}", "Binary/b1" },
        { "/fhir/Binary/" ID_64, DMP_OPERATION_READ, DMP_RESOURCE_BINARY,
          "Binary/{id}", "Binary/" ID_64 },
        { BUNDLE, DMP_OPERATION_READ, DMP_RESOURCE_BUNDLE, "Bundle/{id}",
          "Bundle/b1" },
        { BUNDLE "?_format=application/json", DMP_OPERATION_READ,
          DMP_RESOURCE_BUNDLE, "Bundle/{id}", "Bundle/b1" },
        { METADATA, DMP_OPERATION_METADATA, DMP_RESOURCE_CAPABILITIES,
          "metadata", "" },
        { METADATA "?_format=json", DMP_OPERATION_METADATA,
          DMP_RESOURCE_CAPABILITIES, "metadata", "" },
    };

    (void) state;

    for (i = 0; i < 2 * count(table); i++) {
        map(i % 2 == 0 ? "GET" : "HEAD", table[i / 2].target);
        is_mapped(table[i / 2].target, DMP_MAPPING_ONE);
        assert_int_equal(out.operation, table[i / 2].operation);
        assert_int_equal(out.resource, table[i / 2].resource);
        assert_int_equal(out.mode, DMP_MODE_NORMAL);
        assert_string_equal(out.route, table[i / 2].route);
        assert_int_equal(out.forward.len, 0);

        if (strstr(table[i / 2].target, INS) != NULL
            || strstr(table[i / 2].target, "%30") != NULL)
        {
            assert_true(dmp_str_eq(out.ins, str(INS)));
            assert_true(dmp_str_eq(out.ins_system, str(SYSTEM)));
        }

        assert_true(dmp_str_eq(out.attachment.len != 0 ? out.attachment
                                                       : out.document,
                               str(table[i / 2].name)));
    }
}


static void
test_systems(void **state)
{
    char      target[128];
    unsigned  i;

    (void) state;

    for (i = 0; i < 16; i++) {
        (void) snprintf(target, sizeof(target), "/fhir/Patient?identifier="
                        "urn:oid:1.2.250.1.213.1.4.%u|" INS, i);
        map("GET", target);
        is_mapped(target, (i >= 8 && i <= 11) ? DMP_MAPPING_ONE
                                              : DMP_MAPPING_AMBIGUOUS);
    }
}


/* Each is refused; where the same text is known, it could pass. */
static void
test_paths(void **state)
{
    static const char *const  ambiguous[] = {
        "", "/", "//", "?", "*", "fhir/DocumentReference/d1",
        "http://host/fhir/DocumentReference/d1",
        "//host/fhir/DocumentReference/d1", "/fhir/", "/fhir//",
        "/fhir/DocumentReference/", "/fhir/DocumentReference//d1",
        "/fhir//DocumentReference/d1", "//fhir/DocumentReference/d1",
        "/fhir/DocumentReference/d1/", "/fhir/./DocumentReference/d1",
        "/./fhir/DocumentReference/d1", "/fhir/DocumentReference/./d1",
        "/fhir/DocumentReference/.", "/fhir/DocumentReference/..",
        "/fhir/DocumentReference/...", "/fhir/DocumentReference/../d1",
        "/fhir/x/../DocumentReference/d1", "/x/../fhir/DocumentReference/d1",
        "/../fhir/DocumentReference/d1", "/fhir/DocumentReference/x/../d1",
        "/fhir/DocumentReference/d1/..", "/fhir/DocumentReference/d1/.",
        "/fhir/Patient/../DocumentReference/d1",
        "/fhir/..;/DocumentReference/d1", "/fhir/;/DocumentReference/d1",
        "/fhir;a=b/DocumentReference/d1", "/fhir/DocumentReference;a/d1",
        "/fhir/DocumentReference/d1;a", "/fhir/DocumentReference/d1;a=b",
        "/fhir/DocumentReference/d1;jsessionid=x", "/fhir/..%2FPatient",
        "/fhir/DocumentReference%2Fd1", "/fhir/DocumentReference%2fd1",
        "/fhir/DocumentReference%252Fd1", "/fhir%2FDocumentReference/d1",
        "/fhir/DocumentReference/%2e%2e/d1", "/fhir/%2e/DocumentReference/d1",
        "/fhir/DocumentReference/%2E%2E%2Fd1",
        "/fhir/%44ocumentReference/d1", "/fhir/DocumentReferenc%65/d1",
        "/%66hir/DocumentReference/d1", "/fhir/DocumentReference/d%31",
        "/fhir/DocumentReference/d1%00", "/fhir/DocumentReference/d1%00.x",
        "/fhir/DocumentReference/d1%0a", "/fhir/DocumentReference/d1%0d%0a",
        "/fhir/DocumentReference/d1%20", "/fhir/DocumentReference/d1%3f",
        "/fhir/DocumentReference/d1%23", "/fhir/DocumentReference/d1%3b",
        "/fhir/DocumentReference%5Cd1", "/fhir/DocumentReference\\d1",
        "/fhir\\DocumentReference/d1", "/fhir/DocumentReference/..\\d1",
        "\\fhir\\DocumentReference\\d1", "/fhir/DocumentReference/d1\\",
        "/fhir/DocumentReference/%", "/fhir/DocumentReference/%4",
        "/fhir/DocumentReference/%zz", "/fhir/DocumentReference/%u0041",
        "/fhir/DocumentReference/%c0%af", "/fhir/DocumentReference/%c0%ae",
        "/fhir/DocumentReference/\xc0\xaf", "/fhir/DocumentReference/\xff",
        "/fhir/DocumentReference/\xc3\xa9", "/fhir/DocumentReference/\x01",
        "/fhir/DocumentReference/\x7f", "/fhir/DocumentReference/d1\t",
        "/fhir/DocumentReference/d1 ", "/fhir/ DocumentReference/d1",
        "/fhir/DocumentReference/d1\r", "/fhir/DocumentReference/d1\n",
        "/fhir/DocumentReference/d1#", "/fhir/DocumentReference/d1#x",
        "/fhir/DocumentReference#/d1", "/fhir/DocumentReference/d1,d2",
        "/fhir/DocumentReference/d1|d2", "/fhir/DocumentReference/d1:d2",
        "/fhir/DocumentReference/d1@x", "/fhir/DocumentReference/d1&x",
        "/fhir/DocumentReference/d1=x", "/fhir/DocumentReference/d1+x",
        "/fhir/DocumentReference/d1*", "/fhir/DocumentReference/(d1)",
        "/fhir/DocumentReference/'d1'", "/fhir/DocumentReference/\"d1\"",
        "/fhir/DocumentReference/d1!", "/fhir/DocumentReference/[d1]",
        "/fhir/DocumentReference/{d1}", "/fhir/DocumentReference/<d1>",
        "/fhir/DocumentReference/d^1", "/fhir/DocumentReference/`d1",
        "/fhir/DocumentReference/~d1", "/fhir/DocumentReference/d_1",
        "/fhir/DocumentReference/$docref", "/fhir/DocumentReference/d$",
        "/fhir/DocumentReference/" ID_64 "x",
        "/fhir/DocumentReference/" TEN(ID_64),
        "/fhir/DocumentReference/.d1", "/fhir/.DocumentReference/d1",
        "/.fhir/DocumentReference/d1", "/fhir/metadata/", "/fhir/Binary/",
        "/fhir/Binary/%62", "/fhir/Binary/b_1", "/fhir/Binary/~", "/fhir/List/",
        "/fhir/Bundle/b1;a", "/fhir/Bundle/" ID_64 "x", "/fhir/Bundle/..",
        "/fhir/Binary/$x", "/fhir/Binary/b|1",
    };

    static const char *const  unknown[] = {
        "/fhir", "/fhir?" PATIENT, "/fhirx/DocumentReference/d1",
        "/fhirx?" PATIENT, "/fhi/DocumentReference/d1", "/FHIR/Patient",
        "/DocumentReference/d1", "/Patient?identifier=" SYSTEM "|" INS,
        "/fhir/metadata/x", "/fhir/Binary", "/fhir/Bundle",
        "/fhir/Binary?" PATIENT, "/fhir/Bundle?" PATIENT,
        "/fhir/Binary/_search", "/fhir/Bundle/_search", "/fhir/Binary/b1/x",
        "/fhir/Binary/b1/_history/1", "/fhir/Bundle/b1/$document",
        "/fhir/Metadata", "/fhir/metadata.json", "/fhir/List/_search",
        "/fhir/List/_search?" PATIENT, "/fhir/List/l1", "/fhir/List/$find",
        "/fhir/List/l1/_history", "/fhir/list?" PATIENT, "/fhir/Patient/p1",
        "/fhir/Patient/_search", "/fhir/Patient/$everything",
        "/fhir/Patient/p1/$everything", "/fhir/Patient/p1/DocumentReference",
        "/fhir/DocumentReference/_search",
        "/fhir/DocumentReference/_search?" PATIENT,
        "/fhir/DocumentReference/_history", "/fhir/_history",
        "/fhir/DocumentReference/d1/_history",
        "/fhir/DocumentReference/d1/_history/1",
        "/fhir/DocumentReference/d1/$meta",
        "/fhir/DocumentReference/d1/x", "/fhir/$graphql", "/fhir/_search",
        "/fhir/documentreference/d1", "/fhir/DOCUMENTREFERENCE/d1",
        "/fhir/DocumentReferences/d1", "/fhir/DocumentReferenc/d1",
        "/fhir/fhir/DocumentReference/d1", "/fhir/DocumentReference.json",
        "/fhir/AuditEvent", "/fhir/AuditEvent/a1", "/fhir/Consent",
        "/fhir/Subscription", "/fhir/Group/g/$export", "/fhir/$export",
        "/fhir/Patient.", "/fhir/x", "/fhir/-", "/fhir/~", "/x", "/x/y/z",
        "/fhir/patient?identifier=" SYSTEM "|" INS,
    };

    (void) state;

    all_are(ambiguous, count(ambiguous), DMP_MAPPING_AMBIGUOUS);
    all_are(unknown, count(unknown), DMP_MAPPING_OPERATION_UNKNOWN);
}


/* Any byte, escaped or not, anywhere: refused, or read as what it is. */
static void
test_every_byte(void **state)
{
    char       text[256];
    size_t     i, at, n;
    unsigned   byte;
    dmp_raw_t  raw;

    static const char *const  targets[] = { READ, CHECK, SEARCH, BINARY, LIST,
                                            METADATA };

    (void) state;

    for (i = 0; i < count(targets); i++) {
        n = strlen(targets[i]);

        for (at = 0; at <= n; at++) {
            for (byte = 0; byte < 256; byte++) {
                memcpy(text, targets[i], at);
                text[at] = (char) byte;
                memcpy(text + at + 1, targets[i] + at, n - at);
                raw = request("GET", "");
                raw.target = (dmp_str_t) { text, n + 1 };
                map_raw(raw);

                /* the id grows by a letter; an INS by a byte is none (B2) */

                if (out.mapping == DMP_MAPPING_ONE) {
                    assert_true(out.document.len == 3 || out.document.len == 2
                                || out.attachment.len == strlen("Binary/b1x")
                                || out.ins.len == 16
                                || memchr(text, '?', n + 1) != NULL);
                }

                (void) snprintf(text + at, sizeof(text) - at, "%%%02x%s",
                                byte, targets[i] + at);
                map("GET", text);

                if (at <= strcspn(targets[i], "?")) {
                    assert_int_not_equal(out.mapping, DMP_MAPPING_ONE);
                }

                if (byte < 0x20 || byte == '%' || byte == 0x7f
                    || byte >= 0x80)
                {
                    assert_int_not_equal(out.mapping, DMP_MAPPING_ONE);
                }
            }
        }
    }
}


static void
test_methods(void **state)
{
    size_t  i, j;

    static const char *const  methods[] = {
        "", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
        "get", "Get", "GETX", "GE", "PROPFIND", "COPY", "MOVE", "LOCK", "head",
        "HEADER", "QUERY"
    };

    static const char *const  targets[] = { READ, SEARCH, LIST, CHECK, BINARY,
                                            BUNDLE, METADATA };

    (void) state;

    for (i = 0; i < count(methods); i++) {
        for (j = 0; j < count(targets); j++) {
            map(methods[i], targets[j]);
            is_mapped(targets[j], DMP_MAPPING_OPERATION_UNKNOWN);
        }
    }
}


static void
test_base(void **state)
{
    size_t     i;
    dmp_raw_t  raw;

    static const struct {
        const char     *base;
        const char     *target;
        dmp_mapping_t   want;
    } table[] = {
        { "", "/DocumentReference/d1", DMP_MAPPING_ONE },
        { "", "/Binary/b1", DMP_MAPPING_ONE },
        { "", "/metadata", DMP_MAPPING_ONE },
        { "", "/fhir/DocumentReference/d1", DMP_MAPPING_OPERATION_UNKNOWN },
        { "", "DocumentReference/d1", DMP_MAPPING_AMBIGUOUS },
        { "", "/", DMP_MAPPING_AMBIGUOUS },
        { "/fhir", "/fhir/DocumentReference/d1", DMP_MAPPING_ONE },
        { "/fhir", "/fhirx/DocumentReference/d1",
          DMP_MAPPING_OPERATION_UNKNOWN },
        { "/fhirx", "/fhir/DocumentReference/d1",
          DMP_MAPPING_OPERATION_UNKNOWN },
        { "/a/b", "/a/b/DocumentReference/d1", DMP_MAPPING_ONE },
        { "/a/b", "/a/DocumentReference/d1", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/a/b", "/a/b", DMP_MAPPING_OPERATION_UNKNOWN },
        { "/DocumentReference", "/DocumentReference/d1",
          DMP_MAPPING_OPERATION_UNKNOWN },
        { "/a/very/long/base/that/no/target/has", "/a",
          DMP_MAPPING_OPERATION_UNKNOWN },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        raw = request("GET", table[i].target);
        raw.base = str(table[i].base);
        map_raw(raw);
        is_mapped(table[i].target, table[i].want);
    }

    raw.target = dmp_null_string;
    raw.base = dmp_null_string;
    dmp_request_map(&raw, &out);
    is_mapped("nothing at all", DMP_MAPPING_AMBIGUOUS);

    raw.target = str("/DocumentReference/d1");
    dmp_request_map(&raw, &out);
    is_mapped("no base", DMP_MAPPING_ONE);

    raw.method = dmp_null_string;
    dmp_request_map(&raw, &out);
    is_mapped("no method", DMP_MAPPING_OPERATION_UNKNOWN);
}


/* What Accept leaves: of a Binary, its content's own type is an answer. */
static void
test_accept(void **state)
{
    size_t         i, j;
    dmp_raw_t      raw;
    dmp_headers_t  headers;

    static const char *const  targets[] = { BINARY, READ, SEARCH, LIST, CHECK,
                                            BUNDLE, METADATA };

    static const struct {
        const char     *accept;
        dmp_mapping_t   binary;
        dmp_mapping_t   others;
    } table[] = {
        { "application/fhir+json", DMP_MAPPING_ONE, DMP_MAPPING_ONE },
        { "*/*", DMP_MAPPING_ONE, DMP_MAPPING_ONE },
        { "application/fhir+xml, application/fhir+json", DMP_MAPPING_ONE,
          DMP_MAPPING_ONE },
        { "application/pdf", DMP_MAPPING_ONE, DMP_MAPPING_FORMAT },
        { "text/xml", DMP_MAPPING_ONE, DMP_MAPPING_FORMAT },
        { "application/xml", DMP_MAPPING_ONE, DMP_MAPPING_FORMAT },
        { "image/*", DMP_MAPPING_ONE, DMP_MAPPING_FORMAT },
        { "", DMP_MAPPING_ONE, DMP_MAPPING_FORMAT },
        { "application/fhir+xml, text/xml", DMP_MAPPING_ONE,
          DMP_MAPPING_FORMAT },
        { "application/fhir+xml", DMP_MAPPING_FORMAT, DMP_MAPPING_FORMAT },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&headers, 0, sizeof(headers));
        (void) dmp_request_header(&headers, dmp_string("Accept"),
                                  str(table[i].accept));

        for (j = 0; j < count(targets); j++) {
            raw = request("GET", targets[j]);
            raw.headers = &headers;
            map_raw(raw);
            is_mapped(table[i].accept, (j == 0) ? table[i].binary
                                                : table[i].others);
        }
    }

    /* a _format is asked for by its name, of a Binary too */

    map("GET", BINARY "?_format=xml");
    is_mapped("_format=xml", DMP_MAPPING_FORMAT);
}


static void
test_body_and_headers(void **state)
{
    size_t         i;
    dmp_raw_t      raw;
    dmp_headers_t  headers;

    static const char *const  targets[] = { READ, SEARCH, LIST, CHECK, BINARY,
                                            BUNDLE, METADATA };

    (void) state;
    memset(&headers, 0, sizeof(headers));

    for (i = 0; i < count(targets); i++) {
        raw = request((i % 2 == 0) ? "GET" : "HEAD", targets[i]);
        raw.has_body = true;
        map_raw(raw);
        is_mapped(targets[i], DMP_MAPPING_AMBIGUOUS);
    }

    raw = request("GET", READ);
    raw.headers = &headers;
    headers.ambiguous = true;
    headers.format_refused = true;
    headers.why = "a reason";
    headers.mode = DMP_MODE_BRIS_DE_GLACE;
    map_raw(raw);
    is_mapped("ambiguous headers", DMP_MAPPING_AMBIGUOUS);
    assert_string_equal(out.why, "a reason");
    assert_int_equal(out.mode, DMP_MODE_BRIS_DE_GLACE);
    assert_int_equal(out.ins.len + out.document.len, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_systems),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_body_and_headers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
