/*
 * test_request.c: what a target and its headers are read as; and that what a
 * host could read in another way is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_request.h>


#define INS      "269054958815780"
#define SYSTEM   "urn:oid:1.2.250.1.213.1.4.8"
#define PATIENT  "patient.identifier=" SYSTEM "|" INS
#define SEARCH   "/fhir/DocumentReference?" PATIENT
#define CHECK    "/fhir/Patient?identifier=" SYSTEM "|" INS
#define READ     "/fhir/DocumentReference/d1"
#define TEN(s)   s s s s s s s s s s
#define ID_64    TEN("abcdef") "1234"

#define count(table)  (sizeof(table) / sizeof((table)[0]))


static dmp_request_t  out;


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


static bool
is_inside(dmp_str_t s, const char *data, size_t len)
{
    return s.data >= data && s.data + s.len <= data + len;
}


/* What holds of every answer, whatever was asked. */
static void
check_sound(dmp_str_t target)
{
    size_t  i;

    static const char  plain[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-._~$/";

    assert_non_null(out.route);
    assert_in_range(out.mapping, DMP_MAPPING_AMBIGUOUS, DMP_MAPPING_ONE);
    assert_in_range(out.operation, DMP_OPERATION_NONE, DMP_OPERATION_MAX - 1);
    assert_in_range(out.mode, DMP_MODE_NORMAL, DMP_MODE_CENTRE_15);

    if (out.ins.len != 0) {
        assert_true(is_inside(out.ins, out.text, sizeof(out.text)));
        assert_non_null(out.ins_system.data);
    }

    if (out.document.len != 0) {
        assert_true(is_inside(out.document, target.data, target.len));
        assert_true(out.document.len <= 64);
    }

    if (out.mapping != DMP_MAPPING_ONE) {
        assert_non_null(out.why);
        return;
    }

    assert_null(out.why);
    assert_true((out.ins.len != 0) != (out.document.len != 0));
    assert_int_equal(out.operation == DMP_OPERATION_READ,
                     out.document.len != 0);

    /* nothing but plain bytes up to the query */

    for (i = 0; i < target.len && target.data[i] != '?'; i++) {
        assert_non_null(memchr(plain, target.data[i], sizeof(plain) - 1));
    }
}


/* In blocks of exactly their size, so that a byte read too far is seen. */
static void
map_bytes(const char *method, dmp_str_t bytes, const char *base,
    const dmp_headers_t *headers, bool has_body)
{
    char           *copy;
    dmp_str_t       target;
    dmp_request_t   first;

    copy = malloc(bytes.len + (bytes.len == 0));
    assert_non_null(copy);

    if (bytes.len != 0) {
        memcpy(copy, bytes.data, bytes.len);
    }

    target = (dmp_str_t) { copy, bytes.len };

    /* written whole: what stood there before makes no difference */

    memset(&out, 0xff, sizeof(out));
    dmp_request_map(str(method), target, str(base), headers, has_body, &out);
    memcpy(&first, &out, sizeof(out));

    memset(&out, 0, sizeof(out));
    dmp_request_map(str(method), target, str(base), headers, has_body, &out);
    assert_memory_equal(&first, &out, sizeof(out));

    check_sound(target);

    if (out.document.len != 0) {
        /* the copy goes; tests compare it with what they asked */
        out.document.data = bytes.data + (out.document.data - copy);
    }

    free(copy);
}


static void
map(const char *method, const char *target)
{
    static const dmp_headers_t  none;

    map_bytes(method, str(target), "/fhir", &none, false);
}


static void
is_mapped(const char *target, dmp_mapping_t want)
{
    if (out.mapping != want) {
        fail_msg("%s: mapping %d (%s), not %d", target, (int) out.mapping,
                 out.why != NULL ? out.why : "", (int) want);
    }
}


static void
test_accepted(void **state)
{
    size_t  i;

    static const struct {
        const char       *method;
        const char       *target;
        dmp_operation_t   operation;
        const char       *route;
        const char       *document;
    } table[] = {
        { "GET", CHECK, DMP_OPERATION_CHECK, "Patient?identifier=", "" },
        { "HEAD", CHECK, DMP_OPERATION_CHECK, "Patient?identifier=", "" },
        { "GET", CHECK "&_format=json&_pretty=true", DMP_OPERATION_CHECK,
          "Patient?identifier=", "" },
        { "GET", "/fhir/Patient?identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8"
          "%7c" INS, DMP_OPERATION_CHECK, "Patient?identifier=", "" },
        { "GET", "/fhir/Patient?%69dentifier=" SYSTEM "|26905495881578%30",
          DMP_OPERATION_CHECK, "Patient?identifier=", "" },
        { "GET", SEARCH, DMP_OPERATION_SEARCH, "DocumentReference?", "" },
        { "GET", "/fhir/DocumentReference?patient%2Eidentifier=" SYSTEM
          "%7C" INS, DMP_OPERATION_SEARCH, "DocumentReference?", "" },
        { "GET", SEARCH "&status=current", DMP_OPERATION_SEARCH,
          "DocumentReference?", "" },
        { "GET", "/fhir/DocumentReference?status=current&" PATIENT,
          DMP_OPERATION_SEARCH, "DocumentReference?", "" },
        { "GET", SEARCH "&type=a|b,c|d&category=x&event=y&format=z&facility=f"
          "&setting=s&date=ge2026-01-01&date=lt2026-02-01&creation=2026"
          "&period=2026&period-start=2026&period-end=2026&security-label=N"
          "&identifier=urn:x|1&related=a&relatesto=b&author=c"
          "&author.given=H%C3%A9l%C3%A8ne&author.family=O'Neil"
          "&isArchived=false&_count=50&_sort=-date&_pretty=false"
          "&_format=application/fhir%2Bjson", DMP_OPERATION_SEARCH,
          "DocumentReference?", "" },
        { "GET", SEARCH "&status=", DMP_OPERATION_SEARCH,
          "DocumentReference?", "" },
        { "GET", READ, DMP_OPERATION_READ, "DocumentReference/{id}", "d1" },
        { "GET", READ "?", DMP_OPERATION_READ, "DocumentReference/{id}",
          "d1" },
        { "GET", READ "?_format=application/fhir+json", DMP_OPERATION_READ,
          "DocumentReference/{id}", "d1" },
        { "GET", READ "?_format=application/json", DMP_OPERATION_READ,
          "DocumentReference/{id}", "d1" },
        { "GET", "/fhir/DocumentReference/A-b.0", DMP_OPERATION_READ,
          "DocumentReference/{id}", "A-b.0" },
        { "GET", "/fhir/DocumentReference/" ID_64, DMP_OPERATION_READ,
          "DocumentReference/{id}", ID_64 },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        map(table[i].method, table[i].target);
        is_mapped(table[i].target, DMP_MAPPING_ONE);
        assert_int_equal(out.operation, table[i].operation);
        assert_int_equal(out.mode, DMP_MODE_NORMAL);
        assert_string_equal(out.route, table[i].route);
        assert_true(dmp_str_eq(out.document, str(table[i].document)));

        if (out.operation != DMP_OPERATION_READ) {
            assert_true(dmp_str_eq(out.ins, str(INS)));
            assert_true(dmp_str_eq(out.ins_system, str(SYSTEM)));
        }
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
    size_t  i;

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
        "/.fhir/DocumentReference/d1",
    };

    static const char *const  unknown[] = {
        "/fhir", "/fhir?" PATIENT, "/fhirx/DocumentReference/d1",
        "/fhirx?" PATIENT, "/fhi/DocumentReference/d1", "/FHIR/Patient",
        "/DocumentReference/d1", "/Patient?identifier=" SYSTEM "|" INS,
        "/fhir/metadata", "/fhir/Binary/b1", "/fhir/Bundle/b1",
        "/fhir/List?" PATIENT, "/fhir/List/l1", "/fhir/Patient/p1",
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

    for (i = 0; i < count(ambiguous); i++) {
        map("GET", ambiguous[i]);
        is_mapped(ambiguous[i], DMP_MAPPING_AMBIGUOUS);
    }

    for (i = 0; i < count(unknown); i++) {
        map("GET", unknown[i]);
        is_mapped(unknown[i], DMP_MAPPING_OPERATION_UNKNOWN);
    }
}


static void
test_queries(void **state)
{
    size_t  i;

    static const char *const  ambiguous[] = {
        "/fhir/DocumentReference", "/fhir/DocumentReference?",
        "/fhir/DocumentReference?status=current",
        "/fhir/Patient", "/fhir/Patient?", "/fhir/Patient?_format=json",
        "/fhir/Patient?family=MOREL", CHECK "&family=MOREL",
        CHECK "&birthdate=1969-05-01", CHECK "&_count=1",
        "/fhir/Patient?identifier", "/fhir/Patient?identifier=",
        "/fhir/Patient?identifier=" INS,
        "/fhir/Patient?identifier=|" INS,
        "/fhir/Patient?identifier=" SYSTEM,
        "/fhir/Patient?identifier=" SYSTEM "," INS,
        "/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.80|" INS,
        "/fhir/Patient?identifier=URN:OID:1.2.250.1.213.1.4.8|" INS,
        "/fhir/Patient?identifier=1.2.250.1.213.1.4.8|" INS,
        "/fhir/Patient?identifier=urn:oid:2.16.840.1|" INS,
        "/fhir/Patient?identifier=%20" SYSTEM "|" INS,
        "/fhir/Patient?identifier=+" SYSTEM "|" INS,
        "/fhir/Patient?identifier=" SYSTEM "+|" INS,
        "/fhir/Patient?identifier=" SYSTEM "\\|" INS,
        "/fhir/Patient?identifier=" SYSTEM "%5C|" INS,
        "/fhir/Patient?Identifier=" SYSTEM "|" INS,
        "/fhir/Patient?identifier:exact=" SYSTEM "|" INS,
        "/fhir/Patient?identifier:not=" SYSTEM "|" INS,
        "/fhir/Patient?identifier%00=" SYSTEM "|" INS,
        "/fhir/Patient?identifier%20=" SYSTEM "|" INS,
        "/fhir/Patient?+identifier=" SYSTEM "|" INS,
        "/fhir/Patient?%2569dentifier=" SYSTEM "|" INS,
        "/fhir/Patient?identifier=" SYSTEM "%257C" INS,
        "/fhir/Patient?patient.identifier=" SYSTEM "|" INS,
        CHECK "&identifier=" SYSTEM "|" INS, CHECK "&identifier=",
        CHECK "&identifier=x", CHECK "&%69dentifier=" SYSTEM "|" INS,
        CHECK "?", CHECK "?x=y", CHECK "#", CHECK "#x=y", CHECK "&",
        CHECK "&&", CHECK "&&_pretty=true", CHECK ";_pretty=true",
        CHECK " ", CHECK "\t", CHECK "\\", CHECK "\x01", CHECK "\x7f",
        CHECK "\xc3\xa9", CHECK "&_pretty", CHECK "&=", CHECK "&=x",
        CHECK "%", CHECK "%3", CHECK "%zz", CHECK "%00", CHECK "%0a",
        CHECK "%c3", CHECK "%ff", CHECK "%ed%a0%80", CHECK "%c0%80",
        CHECK "%7f", CHECK "%1f", CHECK "%2500",
        SEARCH "&patient.identifier=" SYSTEM "|" INS,
        SEARCH "&patient.identifier=" SYSTEM "|185097512345696",
        SEARCH "&patient%2eidentifier=" SYSTEM "|" INS,
        SEARCH "&patient=Patient/1", SEARCH "&subject=Patient/1",
        SEARCH "&subject.identifier=x", SEARCH "&patient:identifier=x",
        SEARCH "&patient.name=x", SEARCH "&patient._id=1",
        SEARCH "&Patient.Identifier=x", SEARCH "&patient-identifier=x",
        SEARCH "&_include=DocumentReference:patient", SEARCH "&_include=*",
        SEARCH "&_include:iterate=*", SEARCH "&_revinclude=List:item",
        SEARCH "&_has:List:item:code=x", SEARCH "&_total=accurate",
        SEARCH "&_summary=count", SEARCH "&_summary=true",
        SEARCH "&_elements=id", SEARCH "&_contained=true",
        SEARCH "&_containedType=container", SEARCH "&_id=d1",
        SEARCH "&_lastUpdated=gt2026", SEARCH "&_content=x",
        SEARCH "&_text=x", SEARCH "&_filter=x", SEARCH "&_query=x",
        SEARCH "&_list=x", SEARCH "&_type=Patient", SEARCH "&_since=2026",
        SEARCH "&_history=1", SEARCH "&_method=DELETE", SEARCH "&_at=2026",
        SEARCH "&_getpages=x", SEARCH "&_getpagesoffset=10",
        SEARCH "&_offset=10", SEARCH "&_cursor=x", SEARCH "&_page=2",
        SEARCH "&_security=x", SEARCH "&_tag=x", SEARCH "&_profile=x",
        SEARCH "&_source=x", SEARCH "&_score=x", SEARCH "&_graph=x",
        SEARCH "&status:not=current", SEARCH "&type:in=x",
        SEARCH "&type:missing=true", SEARCH "&author.name=x",
        SEARCH "&author.identifier=x", SEARCH "&author:Practitioner.id=x",
        SEARCH "&author.given.x=y", SEARCH "&relatesto.patient=x",
        SEARCH "&custodian=x", SEARCH "&description=x", SEARCH "&x=y",
        SEARCH "&STATUS=current", SEARCH "&status%00=x", SEARCH "&",
        SEARCH "&&status=x", SEARCH "&status", SEARCH ";status=x",
        SEARCH "?status=x", SEARCH "#status", SEARCH "&status=a?b",
        SEARCH "&status=a#b", SEARCH "&status=a;b", SEARCH "&status=a b",
        SEARCH "&status=a\\b", SEARCH "&status=%", SEARCH "&status=%0",
        SEARCH "&status=%00", SEARCH "&status=%0d%0aX:y",
        SEARCH "&status=%fe", SEARCH "&status=%c0%a6",
        SEARCH "&status=a%2526patient.identifier=x",
        SEARCH "&type=%253B", SEARCH "&type=%25",
        SEARCH "&xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=1",
        "/fhir/DocumentReference?" "&" PATIENT,
        READ "?patient.identifier=" SYSTEM "|" INS, READ "?_summary=true",
        READ "?_elements=id", READ "?x=y", READ "?_pretty", READ "??",
        READ "?_format=json&", READ "?#", READ "?_format=json?",
        READ "?%5fformat=json&a=b",
    };

    static const char *const  not_json[] = {
        CHECK "&_format=xml", SEARCH "&_format=xml", READ "?_format=xml",
        SEARCH "&_format=", SEARCH "&_format=JSON", SEARCH "&_format=text/xml",
        SEARCH "&_format=application/fhir%2Bxml", SEARCH "&_format=ttl",
        SEARCH "&_format=json,xml", SEARCH "&_format=json%20",
        SEARCH "&_format=json&_format=xml", SEARCH "&_format=html",
        SEARCH "&_format=application/fhir%20json",
    };

    static const char *const  no_ins[] = {
        "/fhir/Patient?identifier=" SYSTEM "|",
        "/fhir/Patient?identifier=" SYSTEM "|" INS "," SYSTEM "|" INS,
        "/fhir/Patient?identifier=" SYSTEM "|" TEN("12345"),
        SEARCH ",185097512345696,185097512345696",
        SEARCH "," SYSTEM "|185097512345696",
    };

    (void) state;

    for (i = 0; i < count(ambiguous); i++) {
        map("GET", ambiguous[i]);
        is_mapped(ambiguous[i], DMP_MAPPING_AMBIGUOUS);
    }

    for (i = 0; i < count(not_json); i++) {
        map("GET", not_json[i]);
        is_mapped(not_json[i], DMP_MAPPING_FORMAT);
    }

    for (i = 0; i < count(no_ins); i++) {
        map("GET", no_ins[i]);
        is_mapped(no_ins[i], DMP_MAPPING_INS_INVALID);
        assert_int_not_equal(out.operation, DMP_OPERATION_NONE);
        assert_int_equal(out.ins.len, 0);
    }

    /* short enough to be kept, and left to rule B2: it is no INS */

    map("GET", SEARCH ",185097512345696");
    is_mapped("two INS", DMP_MAPPING_ONE);
    assert_int_equal(out.ins.len, 31);
}


/* Any byte, escaped or not, anywhere: refused, or read as what it is. */
static void
test_every_byte(void **state)
{
    char        text[256];
    size_t      i, at, n;
    unsigned    byte;

    static const dmp_headers_t  none;
    static const char *const    targets[] = { READ, CHECK, SEARCH };

    (void) state;

    for (i = 0; i < count(targets); i++) {
        n = strlen(targets[i]);

        for (at = 0; at <= n; at++) {
            for (byte = 0; byte < 256; byte++) {
                memcpy(text, targets[i], at);
                text[at] = (char) byte;
                memcpy(text + at + 1, targets[i] + at, n - at);
                map_bytes("GET", (dmp_str_t) { text, n + 1 }, "/fhir", &none,
                          false);

                /* the id grows by a letter; an INS by a byte is none (B2) */

                if (out.mapping == DMP_MAPPING_ONE) {
                    assert_true(out.document.len == 3 || out.document.len == 2
                                || out.ins.len == 16
                                || memchr(text, '?', n) != NULL);
                }

                (void) snprintf(text + at, sizeof(text) - at, "%%%02x%s",
                                byte, targets[i] + at);
                map_bytes("GET", str(text), "/fhir", &none, false);

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
test_limits(void **state)
{
    char    text[8192];
    size_t  n;

    (void) state;

    /* 64 parameters, and one more */

    (void) strcpy(text, SEARCH);

    for (n = 1; n < 64; n++) {
        (void) strcat(text, "&type=x");
    }

    map("GET", text);
    is_mapped("64 parameters", DMP_MAPPING_ONE);
    (void) strcat(text, "&type=x");
    map("GET", text);
    is_mapped("65 parameters", DMP_MAPPING_AMBIGUOUS);

    /* 512 bytes of a value, and one more; escapes count as one byte */

    n = (size_t) snprintf(text, sizeof(text), SEARCH "&type=%%41");
    memset(text + n, 'x', 511);
    text[n + 511] = '\0';
    map("GET", text);
    is_mapped("512 bytes", DMP_MAPPING_ONE);
    (void) strcat(text, "x");
    map("GET", text);
    is_mapped("513 bytes", DMP_MAPPING_AMBIGUOUS);

    /* a whole target */

    (void) strcpy(text, SEARCH);

    for (n = strlen(text); n < 4090; n = strlen(text)) {
        (void) snprintf(text + n, sizeof(text) - n, "&type=%0*d",
                        (n < 3600) ? 400 : 100, 0);
    }

    text[4096] = '\0';
    assert_int_equal(strlen(text), 4096);
    map("GET", text);
    is_mapped("4,096 bytes", DMP_MAPPING_ONE);
    text[4096] = '0';
    text[4097] = '\0';
    map("GET", text);
    is_mapped("4,097 bytes", DMP_MAPPING_AMBIGUOUS);

    memset(text, 'a', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    map("GET", text);
    is_mapped("a long path", DMP_MAPPING_AMBIGUOUS);
}


static void
test_methods(void **state)
{
    size_t  i;

    static const char *const  methods[] = {
        "", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
        "get", "Get", "GETX", "GE", "PROPFIND", "COPY", "MOVE", "LOCK", "HEAD"
    };

    (void) state;

    for (i = 0; i < count(methods); i++) {
        map(methods[i], READ);
        is_mapped(methods[i], DMP_MAPPING_OPERATION_UNKNOWN);
        map(methods[i], SEARCH);
        is_mapped(methods[i], DMP_MAPPING_OPERATION_UNKNOWN);

        if (strcmp(methods[i], "HEAD") != 0) {
            map(methods[i], CHECK);
            is_mapped(methods[i], DMP_MAPPING_OPERATION_UNKNOWN);
        }
    }
}


static void
test_base(void **state)
{
    size_t  i;

    static const dmp_headers_t  none;
    static const struct {
        const char     *base;
        const char     *target;
        dmp_mapping_t   want;
    } table[] = {
        { "", "/DocumentReference/d1", DMP_MAPPING_ONE },
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
        map_bytes("GET", str(table[i].target), table[i].base, &none, false);
        is_mapped(table[i].target, table[i].want);
    }

    dmp_request_map(str("GET"), dmp_null_string, dmp_null_string, &none,
                    false, &out);
    is_mapped("nothing at all", DMP_MAPPING_AMBIGUOUS);
    dmp_request_map(dmp_null_string, str("/DocumentReference/d1"),
                    dmp_null_string, &none, false, &out);
    is_mapped("no method", DMP_MAPPING_OPERATION_UNKNOWN);
    dmp_request_map(str("GET"), str("/DocumentReference/d1"),
                    dmp_null_string, &none, false, &out);
    is_mapped("no base", DMP_MAPPING_ONE);
}


static void
test_body_and_headers(void **state)
{
    dmp_headers_t  headers;

    (void) state;
    memset(&headers, 0, sizeof(headers));

    map_bytes("GET", str(READ), "/fhir", &headers, true);
    is_mapped("a body", DMP_MAPPING_AMBIGUOUS);

    headers.format_refused = true;
    map_bytes("GET", str(READ), "/fhir", &headers, false);
    is_mapped("no JSON", DMP_MAPPING_FORMAT);

    headers.ambiguous = true;
    headers.why = "a reason";
    headers.mode = DMP_MODE_BRIS_DE_GLACE;
    map_bytes("GET", str(READ), "/fhir", &headers, false);
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
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_body_and_headers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
