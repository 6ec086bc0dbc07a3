/*
 * test_request_query.c: the parameters of each transaction, their values and
 * their limits.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "request_case.h"


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
        READ "?%5fformat=json&a=b", READ "?_page=x", CHECK "&_page=x",
        BINARY "?_summary=true", BINARY "?x=y", BINARY "?" PATIENT,
        BINARY "?_count=1", BUNDLE "?_type=x", BUNDLE "?" PATIENT,
        METADATA "?mode=terminology", METADATA "?_summary=true",
        METADATA "?" PATIENT, METADATA "?_elements=rest",
        "/fhir/List", "/fhir/List?", "/fhir/List?status=current",
        "/fhir/List?code=submissionset", LIST "&patient=Patient/1",
        LIST "&subject=Patient/1", LIST "&item=DocumentReference/d1",
        LIST "&_include=List:item", LIST "&_revinclude=x", LIST "&_id=l1",
        LIST "&_has:List:item:code=x", LIST "&_summary=count",
        LIST "&_total=accurate", LIST "&_elements=id", LIST "&type=x",
        LIST "&item.status=current", LIST "&code:in=x", LIST "&notes=x",
        LIST "&source.identifier=x", LIST "&source:Patient=x",
        LIST "&author=x", LIST "&isarchived=true", LIST "&SOURCEID=x",
        LIST "&security-label=N", LIST "&encounter=x", LIST "&" PATIENT,
    };

    static const char *const  not_json[] = {
        CHECK "&_format=xml", SEARCH "&_format=xml", READ "?_format=xml",
        SEARCH "&_format=", SEARCH "&_format=JSON", SEARCH "&_format=text/xml",
        SEARCH "&_format=application/fhir%2Bxml", SEARCH "&_format=ttl",
        SEARCH "&_format=json,xml", SEARCH "&_format=json%20",
        SEARCH "&_format=xml&_format=json", SEARCH "&_format=html",
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

    all_are(ambiguous, count(ambiguous), DMP_MAPPING_AMBIGUOUS);
    all_are(not_json, count(not_json), DMP_MAPPING_FORMAT);

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


/* The values that have a shape, and those that have none. */
static void
test_values(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        SEARCH "&type=a|b,c|d&category=x&event=y&format=z&facility=f"
        "&setting=s&date=ge2026-01-01&date=lt2026-02-01&creation=2026"
        "&period=2026&period-start=2026&period-end=2026&security-label=N"
        "&related=a&relatesto=b&author=c&author.given=H%C3%A9l%C3%A8ne"
        "&author.family=O'Neil&isArchived=false&_count=50&_sort=-date"
        "&_pretty=false&status=current&_format=application/fhir%2Bjson",
        LIST "&code=https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
        "|submissionset&status=current,retired&date=2026&title=Consultation"
        "&source=Practitioner/1&source.given=Anne&source.family=MOREL"
        "&SourceId=1.2.3&sourceId=1.2.3&DesignationType=x&designationType=y"
        "&PDSm_isArchived=true&isArchived=false&_count=1&_sort=date,-title"
        "&_format=json&_pretty=true&identifier=urn:x|1",
        SEARCH "&type=", SEARCH "&type=a&type=b", SEARCH "&author=a+b",
        SEARCH "&status=current&status=current", SEARCH "&type=a|",
        SEARCH "&_count=1", SEARCH "&_count=1000", SEARCH "&_count=999",
        SEARCH "&_sort=date", SEARCH "&_sort=-date,type,-period-start",
        SEARCH "&_sort=identifier", SEARCH "&_sort=isArchived",
        SEARCH "&status=superseded", SEARCH "&status=entered-in-error",
        SEARCH "&status=current,superseded,entered-in-error",
        SEARCH "&status=http://hl7.org/fhir/document-reference-status|current",
        LIST "&status=retired", LIST "&status=entered-in-error",
        LIST "&status=http://hl7.org/fhir/list-status|current",
        SEARCH "&isArchived=true", SEARCH "&isArchived=true&isArchived=false",
        SEARCH "&date=eq2026", SEARCH "&date=ne2026-01", SEARCH "&date=gt2026",
        SEARCH "&date=lt2026-01-01T00:00:00Z", SEARCH "&date=ge2026",
        SEARCH "&date=le2026-01-01T00:00:00.000%2B01:00", SEARCH "&date=sa2026",
        SEARCH "&date=eb2026-01-01T00:00:00+01:00", SEARCH "&date=ap2026",
        SEARCH "&date=2026-01-01,2026-01-02", SEARCH "&period=gt2026,lt2020",
        SEARCH "&identifier=a", SEARCH "&identifier=|a",
        SEARCH "&identifier=urn:ietf:rfc:3986|urn:oid:1.2.3%5E4",
        LIST "&identifier=urn:x|1",
    };

    static const char *const  bad[] = {
        SEARCH "&_count=", SEARCH "&_count=0", SEARCH "&_count=00",
        SEARCH "&_count=01", SEARCH "&_count=-1", SEARCH "&_count=%2B1",
        SEARCH "&_count=+1", SEARCH "&_count=1.0", SEARCH "&_count=1e2",
        SEARCH "&_count=0x1", SEARCH "&_count=1,2", SEARCH "&_count=ten",
        SEARCH "&_count=%201", SEARCH "&_count=1&_count=1",
        SEARCH "&_count=1&_count=2", LIST "&_count=0",
        SEARCH "&_sort=", SEARCH "&_sort=,", SEARCH "&_sort=date,",
        SEARCH "&_sort=,date", SEARCH "&_sort=date,,type", SEARCH "&_sort=-",
        SEARCH "&_sort=--date", SEARCH "&_sort=+date", SEARCH "&_sort=Date",
        SEARCH "&_sort=patient", SEARCH "&_sort=patient.identifier",
        SEARCH "&_sort=author.family", SEARCH "&_sort=lastUpdated",
        SEARCH "&_sort=security-label", SEARCH "&_sort=-security-label",
        SEARCH "&_sort=date,security-label", SEARCH "&_sort=%73ecurity-label",
        LIST "&_sort=security-label",
        SEARCH "&security-label=MASQUE_PS", SEARCH "&security-label=N,x",
        SEARCH "&security-label=", SEARCH "&security-label=x|MASQUE_PS",
        SEARCH "&security-label=N,INVISIBLE_PATIENT",
        SEARCH "&security-label=|", SEARCH "&security-label=urn:x|",
        SEARCH "&_sort=_count", SEARCH "&_sort=x", SEARCH "&_sort=title",
        SEARCH "&_sort=date:asc", SEARCH "&_sort=date&_sort=type",
        LIST "&_sort=type", LIST "&_sort=-patient.identifier",
        SEARCH "&status=", SEARCH "&status=,", SEARCH "&status=current,",
        SEARCH "&status=Current", SEARCH "&status=retired",
        SEARCH "&status=current,x", SEARCH "&status=|current",
        SEARCH "&status=x|current", SEARCH "&status=current|x",
        SEARCH "&status=http://hl7.org/fhir/list-status|current",
        SEARCH "&status=current%20", SEARCH "&status=current+",
        LIST "&status=superseded", LIST "&status=x",
        LIST "&status=http://hl7.org/fhir/document-reference-status|current",
        SEARCH "&_pretty=", SEARCH "&_pretty=1", SEARCH "&_pretty=TRUE",
        SEARCH "&_pretty=true,false", SEARCH "&_pretty=true&_pretty=true",
        READ "?_pretty=x", BINARY "?_pretty=yes", METADATA "?_pretty=",
        CHECK "&_pretty=true&_pretty=true", READ "?_format=json&_format=json",
        SEARCH "&_format=json&_format=xml", SEARCH "&_format=json&%5fformat=a",
        SEARCH "&isArchived=", SEARCH "&isArchived=0", SEARCH "&isArchived=|x",
        SEARCH "&isArchived=true,false", LIST "&PDSm_isArchived=True",
        SEARCH "&date=", SEARCH "&date=x", SEARCH "&date=ge",
        SEARCH "&date=xx2026", SEARCH "&date=GE2026", SEARCH "&date=gege2026",
        SEARCH "&date=ge%202026", SEARCH "&date=-2026", SEARCH "&date=+2026",
        SEARCH "&date=2026,", SEARCH "&date=,2026", SEARCH "&date=2026/01/01",
        SEARCH "&date=2026-01-01t00:00", SEARCH "&date=2026%2c",
        SEARCH "&date=2026-01-01T00:00:00%20Z", SEARCH "&creation=now",
        SEARCH "&period=now", SEARCH "&period-start=x", SEARCH "&period-end=x",
        LIST "&date=x", LIST "&date=lt",
        SEARCH "&identifier=", SEARCH "&identifier=urn:x|",
        SEARCH "&identifier=|", SEARCH "&identifier=a,b",
        SEARCH "&identifier=,", SEARCH "&identifier=a,",
        SEARCH "&identifier=,a",
        SEARCH "&identifier=a%2Cb", SEARCH "&identifier=a|b|c",
        SEARCH "&identifier=+", SEARCH "&identifier=%20",
        SEARCH "&identifier=a+",
        SEARCH "&identifier=urn:x|+", SEARCH "&identifier=urn:x|%20",
        SEARCH "&identifier=%C2%A0", SEARCH "&identifier=%E2%80%8B",
        SEARCH "&identifier=a%5C", SEARCH "&identifier=a$b",
        SEARCH "&identifier=a%5C%2Cb", SEARCH "&identifier=%7C",
        SEARCH "&identifier=a&identifier=a",
        SEARCH "&identifier=a&identifier=b",
        LIST "&identifier=", LIST "&identifier=a&identifier=b",
        SEARCH "&type=%0a", SEARCH "&type=%ff", LIST "&title=%00",
        LIST "&title=%0d%0a", LIST "&source=%25", LIST "&code=%7f",
    };

    (void) state;

    for (i = 0; i < count(good); i++) {
        map("GET", good[i]);
        is_mapped(good[i], DMP_MAPPING_ONE);
        assert_true(dmp_str_eq(out.ins, str(INS)));
    }

    all_are(bad, count(bad), DMP_MAPPING_AMBIGUOUS);
}


static void
test_limits(void **state)
{
    char       text[16384];
    size_t     n;
    dmp_raw_t  raw;

    (void) state;

    /* 64 parameters, and one more; or what a location says */

    (void) strcpy(text, SEARCH);

    for (n = 1; n < 64; n++) {
        (void) strcat(text, "&type=x");
    }

    map("GET", text);
    is_mapped("64 parameters", DMP_MAPPING_ONE);
    (void) strcat(text, "&type=x");
    map("GET", text);
    is_mapped("65 parameters", DMP_MAPPING_TOO_LARGE);
    assert_non_null(strstr(out.why, "dmp_max_parameters"));

    raw = request("GET", text);
    raw.max_parameters = 65;
    map_raw(raw);
    is_mapped("65 of 65", DMP_MAPPING_ONE);
    raw = request("GET", SEARCH "&type=x");
    raw.max_parameters = 1;
    map_raw(raw);
    is_mapped("2 of 1", DMP_MAPPING_TOO_LARGE);

    /* 4,096 bytes of a value, and one more; escapes count as one byte */

    n = (size_t) snprintf(text, sizeof(text), SEARCH "&type=%%41");
    memset(text + n, 'x', 4095);
    text[n + 4095] = '\0';
    map("GET", text);
    is_mapped("4,096 bytes", DMP_MAPPING_ONE);
    (void) strcat(text, "x");
    map("GET", text);
    is_mapped("4,097 bytes", DMP_MAPPING_TOO_LARGE);

    /* what is unknown is that, however long */

    (void) memcpy(strstr(text, "&type="), "&typo=", 6);
    map("GET", text);
    is_mapped("4,097 bytes of what is unknown", DMP_MAPPING_AMBIGUOUS);

    /* a number of entries */

    map("GET", SEARCH "&_count=1001");
    is_mapped("1,001 entries", DMP_MAPPING_TOO_LARGE);
    map("GET", LIST "&_count=" TEN("9999999999"));
    is_mapped("many entries", DMP_MAPPING_TOO_LARGE);
}


static void
test_target_limits(void **state)
{
    char       text[16384];
    size_t     n;
    dmp_raw_t  raw;

    (void) state;
    (void) strcpy(text, SEARCH);

    for (n = strlen(text); n < 8180; n = strlen(text)) {
        (void) snprintf(text + n, sizeof(text) - n, "&type=%0*d",
                        (n < 7600) ? 400 : 100, 0);
    }

    text[8192] = '\0';
    assert_int_equal(strlen(text), 8192);
    map("GET", text);
    is_mapped("8,192 bytes", DMP_MAPPING_ONE);
    text[8192] = '0';
    text[8193] = '\0';
    map("GET", text);
    is_mapped("8,193 bytes", DMP_MAPPING_TOO_LARGE);
    assert_non_null(strstr(out.why, "dmp_max_target_size"));

    raw = request("GET", text);
    raw.max_target = 8193;
    map_raw(raw);
    is_mapped("8,193 of 8,193 bytes", DMP_MAPPING_ONE);

    raw = request("GET", READ);
    raw.max_target = strlen(READ);
    map_raw(raw);
    is_mapped("as long as it may be", DMP_MAPPING_ONE);
    raw.max_target--;
    map_raw(raw);
    is_mapped("a byte longer", DMP_MAPPING_TOO_LARGE);
    assert_int_equal(out.document.len, 0);

    memset(text, 'a', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    map("GET", text);
    is_mapped("a long path", DMP_MAPPING_TOO_LARGE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_target_limits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
