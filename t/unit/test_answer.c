/*
 * test_answer.c: what a client is told: the status and the reason of every
 * refusal, and the answer to "check"; and that neither says more than it may.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_answer.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>

#include "answer_json.h"


#define INS       "269054958815780"
#define SYSTEM    "urn:oid:1.2.250.1.213.1.4.8"
#define DOCTOR    "899700218896"
#define TRACE_ID  "01936b1e-7a00-7000-8000-0123456789ab"
#define TODAY     20000

#define count(table)  (sizeof(table) / sizeof((table)[0]))


/* What a request says it is about. */
typedef enum {
    OF_PATIENT, OF_TRAITS, OF_DOCUMENT, OF_ATTACHMENT, OF_NOTHING, OF_METADATA,
    OF_MAX
} of_t;


static unsigned
status_of(dmp_effect_t effect, dmp_rule_t rule, dmp_mapping_t mapping, of_t of)
{
    dmp_request_t   request;
    dmp_decision_t  decision;

    memset(&request, 0, sizeof(request));
    memset(&decision, 0, sizeof(decision));
    request.mapping = mapping;
    request.operation = DMP_OPERATION_READ;
    decision.effect = effect;
    decision.rule = rule;

    if (of == OF_PATIENT) {
        request.operation = DMP_OPERATION_SEARCH;
        request.resource = DMP_RESOURCE_DOCUMENT_REFERENCE;
        request.ins = dmp_string(INS);

    } else if (of == OF_TRAITS) {
        request.operation = DMP_OPERATION_FIND;
        request.resource = DMP_RESOURCE_PATIENT;

    } else if (of == OF_DOCUMENT) {
        request.resource = DMP_RESOURCE_DOCUMENT_REFERENCE;
        request.document = dmp_string("d1");

    } else if (of == OF_ATTACHMENT) {
        request.resource = DMP_RESOURCE_BINARY;
        request.attachment = dmp_string("Binary/b1");

    } else if (of == OF_METADATA) {
        request.operation = DMP_OPERATION_METADATA;
        request.resource = DMP_RESOURCE_CAPABILITIES;
    }

    return dmp_answer_status(&request, &decision);
}


/* The table of the interface, read aloud. */
static unsigned
expected(dmp_rule_t rule, dmp_mapping_t mapping, of_t of)
{
    switch (rule) {

    case DMP_RULE_A1: case DMP_RULE_A2: case DMP_RULE_A3:
        return 401;

    case DMP_RULE_A4:
        return 403;

    case DMP_RULE_B1:
        return (mapping == DMP_MAPPING_FORMAT) ? 406
               : (mapping == DMP_MAPPING_TOO_LARGE) ? 413
               : (mapping == DMP_MAPPING_MEDIA) ? 415 : 400;

    case DMP_RULE_B2:
        return 400;

    case DMP_RULE_H1: case DMP_RULE_H2: case DMP_RULE_H3: case DMP_RULE_H4:
    case DMP_RULE_H5:
        return 404;

    default:
        return (mapping == DMP_MAPPING_ONE && of != OF_PATIENT
                && of != OF_TRAITS && of != OF_METADATA) ? 404 : 403;
    }
}


static void
test_status(void **state)
{
    int       rule, mapping, of;
    unsigned  status;

    (void) state;

    for (rule = DMP_RULE_NONE; rule <= DMP_RULE_MAX; rule++) {
        for (mapping = DMP_MAPPING_NONE; mapping <= DMP_MAPPING_ONE + 1;
             mapping++)
        {
            for (of = OF_PATIENT; of < OF_MAX; of++) {
                status = status_of(DMP_DENY, (dmp_rule_t) rule,
                                   (dmp_mapping_t) mapping, (of_t) of);
                assert_int_equal(status, expected((dmp_rule_t) rule,
                                                  (dmp_mapping_t) mapping,
                                                  (of_t) of));

                /* "could not decide" is another answer, whatever it was */

                assert_int_equal(status_of(DMP_ERROR, (dmp_rule_t) rule,
                                           (dmp_mapping_t) mapping,
                                           (of_t) of), 503);
            }
        }
    }
}


/* Only what is refused as a whole has a reason of its own. */
static void
test_reason(void **state)
{
    int     reason;
    size_t  i;

    static const unsigned  others[] = { 400, 401, 403, 406, 413, 415, 429, 502,
                                       503 };

    (void) state;

    for (reason = 0; reason <= DMP_REASON_MAX; reason++) {
        assert_int_equal(dmp_answer_reason(404, (dmp_reason_t) reason),
                         DMP_REASON_DOCUMENT_FOREIGN);

        for (i = 0; i < count(others); i++) {
            assert_int_equal(dmp_answer_reason(others[i],
                                               (dmp_reason_t) reason),
                             reason);
        }
    }
}


/* It goes into JSON as it is, and to a person. */
static void
check_title(const char *title)
{
    size_t                n;
    const unsigned char  *p, *end;

    assert_non_null(title);
    assert_in_range(strlen(title), 10, 200);
    assert_int_equal(title[strlen(title) - 1], '.');

    p = (const unsigned char *) title;
    end = p + strlen(title);

    for ( /* void */ ; p < end; p += n) {
        n = dmp_utf8_length(p, end);
        assert_int_not_equal(n, 0);
        assert_true(*p >= 0x20 && *p != '"' && *p != '\\');
    }
}


static void
test_titles(void **state)
{
    int          reason;
    size_t       i;
    const char  *title;

    /* their reason is shared with other refusals; a word of their own */

    static const struct {
        unsigned     status;
        const char  *word;
    } own[] = {
        { 406, "JSON" }, { 413, "limite" }, { 415, "type de contenu" }
    };

    (void) state;

    for (reason = -1; reason <= DMP_REASON_MAX + 1; reason++) {
        title = dmp_answer_title(403, (dmp_reason_t) reason);
        check_title(title);
        assert_string_equal(dmp_answer_title(400, (dmp_reason_t) reason),
                            title);

        for (i = 0; i < count(own); i++) {
            assert_non_null(strstr(dmp_answer_title(own[i].status,
                                                    (dmp_reason_t) reason),
                                   own[i].word));
            assert_null(strstr(title, own[i].word));
        }
    }

    for (i = 0; i < count(own); i++) {
        check_title(dmp_answer_title(own[i].status,
                                     DMP_REASON_REQUEST_AMBIGUOUS));
    }

    /* these are never told: no title gives them away */

    for (reason = DMP_REASON_TYPE_NOT_ALLOWED;
         reason <= DMP_REASON_INVISIBLE_TO_REPRESENTATIVES; reason++)
    {
        assert_string_equal(dmp_answer_title(403, (dmp_reason_t) reason),
                            dmp_answer_title(403, DMP_REASON_MAX));
    }
}


static void
test_refusal(void **state)
{
    int        reason;
    char       data[DMP_ANSWER_MAX];
    json_t    *root;
    size_t     i;
    dmp_buf_t  buf;

    static const struct {
        unsigned     status;
        const char  *code;
    } table[] = {
        { 400, "invalid" }, { 401, "login" }, { 403, "forbidden" },
        { 406, "not-supported" }, { 413, "too-long" },
        { 415, "not-supported" }, { 429, "throttled" }, { 502, "exception" },
        { 503, "transient" }
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        for (reason = 0; reason < DMP_REASON_MAX; reason++) {
            dmp_buf_init(&buf, data, sizeof(data));
            dmp_answer_refusal(&buf, table[i].status, (dmp_reason_t) reason,
                               dmp_string(TRACE_ID), false);
            root = parse(&buf);
            assert_int_equal(json_array_size(json_object_get(root, "issue")),
                             1);
            has(root, "resourceType", "OperationOutcome");
            has(root, "issue.0.severity", "error");
            has(root, "issue.0.code", table[i].code);
            has(root, "issue.0.details.coding.0.system", "urn:dmp:reason");
            has(root, "issue.0.details.coding.0.code",
                dmp_reason_name((dmp_reason_t) reason));
            has(root, "issue.0.details.text",
                dmp_answer_title(table[i].status, (dmp_reason_t) reason));
            has(root, "issue.0.diagnostics", "trace " TRACE_ID);
            json_decref(root);
        }
    }
}


/* What may not be shown does not exist: not a byte tells them apart. */
static void
test_not_found(void **state)
{
    int        reason;
    char       first[DMP_ANSWER_MAX], data[DMP_ANSWER_MAX];
    json_t    *root;
    size_t     len;
    dmp_buf_t  buf;

    (void) state;
    dmp_buf_init(&buf, first, sizeof(first));
    dmp_answer_refusal(&buf, 404, DMP_REASON_DOCUMENT_FOREIGN,
                       dmp_string(TRACE_ID), false);
    len = buf.len;
    root = parse(&buf);
    has(root, "issue.0.code", "not-found");
    has(root, "issue.0.details.coding.0.code", "document-foreign");
    json_decref(root);

    for (reason = -1; reason <= DMP_REASON_MAX; reason++) {
        memset(data, 0, sizeof(data));
        dmp_buf_init(&buf, data, sizeof(data));
        dmp_answer_refusal(&buf, 404, (dmp_reason_t) reason,
                           dmp_string(TRACE_ID), reason % 2 == 0);
        assert_int_equal(buf.len, len);
        assert_memory_equal(data, first, len);
    }
}


/* The same as problem details, member by member. */
static void
test_problem(void **state)
{
    int        reason;
    char       type[128], data[DMP_ANSWER_MAX];
    json_t    *root;
    size_t     i;
    dmp_buf_t  buf;

    static const unsigned  statuses[] = { 400, 401, 403, 404, 413, 503 };

    (void) state;

    for (i = 0; i < count(statuses) * DMP_REASON_MAX; i++) {
        reason = (int) (i / count(statuses));
        dmp_buf_init(&buf, data, sizeof(data));
        dmp_answer_problem(&buf, statuses[i % count(statuses)],
                           (dmp_reason_t) reason, dmp_string(TRACE_ID), false);
        root = parse(&buf);
        reason = (int) dmp_answer_reason(statuses[i % count(statuses)],
                                         (dmp_reason_t) reason);
        (void) snprintf(type, sizeof(type), "urn:dmp:reason:%s",
                        dmp_reason_name((dmp_reason_t) reason));
        has(root, "type", type);
        has(root, "reason", dmp_reason_name((dmp_reason_t) reason));
        has(root, "title", dmp_answer_title(statuses[i % count(statuses)],
                                            (dmp_reason_t) reason));
        has(root, "trace_id", TRACE_ID);
        assert_int_equal(json_integer_value(json_object_get(root, "status")),
                         statuses[i % count(statuses)]);
        assert_int_equal(json_object_size(root), 5);
        json_decref(root);
    }
}


/* The hint: after the reason, which stays as it is; and only with a 403. */
static void
test_opens(void **state)
{
    int         reason;
    char        data[2][DMP_ANSWER_MAX];
    json_t     *root;
    size_t      i;
    dmp_buf_t   buf[2];

    static const unsigned  others[] = { 400, 401, 404, 406, 413, 415, 503 };

    (void) state;

    for (reason = 0; reason < DMP_REASON_MAX; reason++) {
        dmp_buf_init(&buf[0], data[0], sizeof(data[0]));
        dmp_buf_init(&buf[1], data[1], sizeof(data[1]));
        dmp_answer_refusal(&buf[0], 403, (dmp_reason_t) reason,
                           dmp_string(TRACE_ID), false);
        dmp_answer_refusal(&buf[1], 403, (dmp_reason_t) reason,
                           dmp_string(TRACE_ID), true);

        /* all but the end of list and object */

        assert_memory_equal(data[0], data[1], buf[0].len - strlen("]}\n"));

        root = parse(&buf[1]);
        assert_int_equal(json_array_size(json_object_get(root, "issue")), 2);
        has(root, "issue.1.severity", "information");
        has(root, "issue.1.code", "informational");
        has(root, "issue.1.details.coding.0.system", "urn:dmp:hint");
        has(root, "issue.1.details.coding.0.code", "bris-de-glace");
        assert_non_null(strstr(at(root, "issue.1.details.text"),
                               "risque immédiat"));
        json_decref(root);

        dmp_buf_init(&buf[0], data[0], sizeof(data[0]));
        dmp_answer_problem(&buf[0], 403, (dmp_reason_t) reason,
                           dmp_string(TRACE_ID), true);
        root = parse(&buf[0]);
        assert_int_equal(json_object_size(root), 6);
        assert_non_null(strstr(at(root, "bris_de_glace"), "justification"));
        json_decref(root);
    }

    for (i = 0; i < 2 * count(others); i++) {
        dmp_buf_init(&buf[0], data[0], sizeof(data[0]));
        (i % 2 == 0 ? dmp_answer_refusal : dmp_answer_problem)
            (&buf[0], others[i / 2], DMP_REASON_NOT_AUTHORISED,
             dmp_string(TRACE_ID), true);
        dmp_buf_add(&buf[0], "", 1);
        assert_null(strstr(data[0], "glace"));
    }
}


static dmp_record_t    record;
static dmp_facts_t     facts;
static dmp_request_t   request;
static dmp_subject_t   subject;
static dmp_grant_t     grant;

static const dmp_str_t   us[] = { dmp_string(DOCTOR) };
static const dmp_list_t  nobody = { NULL, 0 };
static const dmp_list_t  ours = { us, 1 };

static dmp_profession_t  doctors[] = {
    { { dmp_string("1.2.250.1.71.1.2.7"), dmp_string("10") },
      dmp_string("Médecin"), DMP_PROFESSION_DOCTOR, false, 0 }
};

static const dmp_policy_t  policy = {
    .professions = doctors,
    .n_professions = count(doctors)
};


/* An open record of a woman, for which a doctor is authorised. */
static void
usual(void)
{
    memset(&record, 0, sizeof(record));
    memset(&facts, 0, sizeof(facts));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));

    grant = (dmp_grant_t) { dmp_string(DOCTOR), TODAY, TODAY + 1 };
    record.ins = dmp_string(INS);
    record.open = true;
    record.family = dmp_string("LEFEBVRE");
    record.birth_family = dmp_string("DURAND");
    record.given = dmp_string("ANNE MARIE");
    record.birthdate = dmp_string("1969-05-12");
    record.sex = dmp_string("F");
    record.authorisations = &grant;
    record.n_authorisations = 1;
    facts = (dmp_facts_t) { DMP_RECORD_PRESENT, 7, &record };
    request.mapping = DMP_MAPPING_ONE;
    request.operation = DMP_OPERATION_CHECK;
    request.mode = DMP_MODE_NORMAL;
    request.ins = dmp_string(INS);
    request.ins_system = dmp_string(SYSTEM);
    subject.id = dmp_string(DOCTOR);
    subject.actor = DMP_ACTOR_PROFESSIONAL;
    subject.role = doctors[0].code;
}


static char  answer[DMP_ANSWER_MAX];


static json_t *
check(void)
{
    json_t     *root;
    dmp_buf_t   buf;

    memset(answer, 0, sizeof(answer));
    dmp_buf_init(&buf, answer, sizeof(answer));
    dmp_answer_check(&buf, &policy, &request, &facts, &subject, TODAY);
    root = parse(&buf);
    has(root, "resourceType", "Bundle");
    has(root, "type", "searchset");

    return root;
}


static void
no_traits(json_t *root)
{
    json_t  *patient;

    patient = json_object_get(json_array_get(json_object_get(root, "entry"),
                                             0), "resource");
    assert_null(json_object_get(patient, "name"));
    assert_null(json_object_get(patient, "gender"));
    assert_null(json_object_get(patient, "birthDate"));
    assert_null(strstr(answer, "LEFEBVRE"));
    assert_null(strstr(answer, "DURAND"));
    assert_null(strstr(answer, "ANNE"));
    assert_null(strstr(answer, "1969"));
    assert_null(strstr(answer, "female"));
}

#define PATIENT         "entry.0.resource."
#define AUTHORISATION   PATIENT "extension.0.valueCoding."
#define TREATING        PATIENT "extension.1.valueBoolean"


static void
test_check_authorised(void **state)
{
    json_t  *root;

    (void) state;
    usual();
    root = check();
    assert_int_equal(json_integer_value(json_object_get(root, "total")), 1);
    has(root, "entry.0.search.mode", "match");
    has(root, PATIENT "resourceType", "Patient");
    has(root, PATIENT "active", "true");
    has(root, PATIENT "identifier.0.use", "official");
    has(root, PATIENT "identifier.0.system", SYSTEM);
    has(root, PATIENT "identifier.0.value", INS);
    has(root, PATIENT "extension.0.url", "urn:dmp:authorisation");
    has(root, AUTHORISATION "system", "urn:oid:1.2.250.1.213.4.1.2.6.2");
    has(root, AUTHORISATION "code", "VALIDE");
    has(root, PATIENT "extension.1.url",
        "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
        "dmp-medecin-traitant");
    has(root, TREATING, "false");
    has(root, PATIENT "name.0.family", "LEFEBVRE");
    has(root, PATIENT "name.0.given.0", "ANNE MARIE");
    has(root, PATIENT "gender", "female");
    has(root, PATIENT "birthDate", "1969-05-12");
    assert_null(strstr(answer, "DURAND"));
    json_decref(root);

    record.treating = ours;
    record.n_authorisations = 0;
    record.sex = dmp_string("M");
    root = check();
    has(root, AUTHORISATION "code", "VALIDE");
    has(root, TREATING, "true");
    has(root, PATIENT "gender", "male");
    json_decref(root);

    /* FHIR has no empty strings: what is not held is left out */

    record.sex = dmp_null_string;
    record.birthdate = dmp_null_string;
    record.given = dmp_null_string;
    root = check();
    has(root, PATIENT "name.0.family", "LEFEBVRE");
    assert_null(strstr(answer, "given"));
    assert_null(strstr(answer, "gender"));
    assert_null(strstr(answer, "birthDate"));
    json_decref(root);

    record.given = dmp_string("ANNE");
    record.family = dmp_null_string;
    root = check();
    has(root, PATIENT "name.0.given.0", "ANNE");
    assert_null(strstr(answer, "family"));
    json_decref(root);

    record.given = dmp_null_string;
    root = check();
    assert_null(strstr(answer, "name"));
    json_decref(root);
}


static void
test_check_not_authorised(void **state)
{
    size_t   i;
    json_t  *root;

    static const struct {
        int32_t      since;
        int32_t      until;
        bool         granted;
        bool         blocked;
        bool         treating;
        const char  *code;
    } table[] = {
        { 0, 0, false, false, false, "NON_EXISTE" },
        { TODAY + 1, TODAY + 9, true, false, false, "NON_EXISTE" },
        { 0, TODAY, true, false, false, "EXPIRE" },
        { 0, TODAY + 9, true, true, false, "INTERDIT" },
        { 0, 0, false, true, true, "INTERDIT" },
        { 0, TODAY, true, true, true, "INTERDIT" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        usual();
        grant.since = table[i].since;
        grant.until = table[i].until;
        record.n_authorisations = table[i].granted ? 1 : 0;
        record.blocked = table[i].blocked ? ours : nobody;
        record.treating = table[i].treating ? ours : nobody;

        root = check();
        has(root, PATIENT "active", "true");
        has(root, PATIENT "identifier.0.value", INS);
        has(root, AUTHORISATION "code", table[i].code);
        has(root, TREATING, "false");
        no_traits(root);
        json_decref(root);
    }

    /* closed: it says so, and no more, even to one who is authorised */

    usual();
    record.open = false;
    root = check();
    has(root, PATIENT "active", "false");
    has(root, AUTHORISATION "code", "VALIDE");
    no_traits(root);
    json_decref(root);

    /* whom the policy does not know as a doctor treats nobody */

    usual();
    record.n_authorisations = 0;
    record.treating = ours;
    subject.role.code = dmp_string("60");
    root = check();
    has(root, AUTHORISATION "code", "NON_EXISTE");
    has(root, TREATING, "false");
    no_traits(root);
    json_decref(root);

    /* nobody is authorised without a name of their own */

    usual();
    subject.id = dmp_null_string;
    root = check();
    has(root, AUTHORISATION "code", "NON_EXISTE");
    no_traits(root);
    json_decref(root);
}


static void
test_check_absent(void **state)
{
    json_t  *root;

    (void) state;
    usual();
    facts = (dmp_facts_t) { DMP_RECORD_ABSENT, 0, NULL };
    root = check();
    assert_int_equal(json_integer_value(json_object_get(root, "total")), 0);
    assert_null(json_object_get(root, "entry"));
    assert_int_equal(json_object_size(root), 3);
    json_decref(root);
}


/* Whatever the record holds, it is one string each in what is sent. */
static void
test_hostile_traits(void **state)
{
    size_t   i;
    json_t  *root;

    static const struct {
        dmp_str_t    name;
        const char  *said;
    } table[] = {
        { dmp_string("O\"N\\EIL"), "O\"N\\EIL" },
        { dmp_string("\"}]},{\"x\":\""), "\"}]},{\"x\":\"" },
        { dmp_string("A\nB\tC\r\x01\x1f\x7f"), "A\nB\tC\r\x01\x1f\x7f" },
        { dmp_string("\xc3\x89"), "\xc3\x89" },
        { dmp_string("\xff"), "\xef\xbf\xbd" },
        { dmp_string("A\xc3"), "A\xef\xbf\xbd" },
        { dmp_string("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { dmp_string("</script>"), "</script>" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        usual();
        record.family = table[i].name;
        record.given = table[i].name;
        record.birthdate = table[i].name;
        root = check();
        has(root, PATIENT "name.0.family", table[i].said);
        has(root, PATIENT "name.0.given.0", table[i].said);
        has(root, PATIENT "birthDate", table[i].said);
        assert_int_equal(json_array_size(json_object_get(root, "entry")), 1);
        json_decref(root);
    }

    usual();
    request.ins = dmp_string("\"1");
    request.ins_system = dmp_string("\"2");
    root = check();
    has(root, PATIENT "identifier.0.value", "\"1");
    has(root, PATIENT "identifier.0.system", "\"2");
    json_decref(root);
}


/* In every size of buffer: whole, or full and not a byte past its end. */
static void
test_sizes(void **state)
{
    char       name[2048];
    char      *data;
    size_t     size, whole;
    dmp_buf_t  buf;

    (void) state;
    usual();
    whole = 0;

    for (size = 0; size <= DMP_ANSWER_MAX; size++) {
        data = malloc(size + (size == 0));
        assert_non_null(data);
        dmp_buf_init(&buf, data, size);
        dmp_answer_check(&buf, &policy, &request, &facts, &subject, TODAY);
        assert_true(buf.len <= size);

        if (!buf.full && whole == 0) {
            whole = size;
        }

        assert_int_equal(buf.full, whole == 0);

        dmp_buf_init(&buf, data, size);
        dmp_answer_refusal(&buf, 403, DMP_REASON_NOT_AUTHORISED,
                           dmp_string(TRACE_ID), true);
        assert_true(buf.len <= size);
        free(data);
    }

    assert_int_not_equal(whole, 0);

    /* names that cannot fit leave no half of an answer that looks whole */

    memset(name, '"', sizeof(name));
    record.family = (dmp_str_t) { name, sizeof(name) };
    record.given = record.family;
    dmp_buf_init(&buf, answer, sizeof(answer));
    dmp_answer_check(&buf, &policy, &request, &facts, &subject, TODAY);
    assert_true(buf.full);

    /* and the longest that a record takes do */

    record.family.len = 512;
    record.given.len = 512;
    dmp_buf_init(&buf, answer, sizeof(answer));
    dmp_answer_check(&buf, &policy, &request, &facts, &subject, TODAY);
    assert_false(buf.full);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_problem),
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_check_authorised),
        cmocka_unit_test(test_check_not_authorised),
        cmocka_unit_test(test_check_absent),
        cmocka_unit_test(test_hostile_traits),
        cmocka_unit_test(test_sizes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
