/*
 * test_document_facts.c: the facts read from a DocumentReference: its names,
 * types, labels, structures, status and dates; and that the published examples
 * are all judged.  DMP_FIXTURES names their directory, t/fixtures if not set.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "document_case.h"


#define IS_ARCHIVED                                                           \
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"        \
    "pdsm-ext-is-archived"
#define FIRST_STRUCTURE   "1750712184"
#define SECOND_STRUCTURE  "2264403106"

#define ORGANIZATION(id, identifiers)  AUTHOR("Organization", id, identifiers)
#define ROLE(id, members)                                                     \
    "{\"resourceType\":\"PractitionerRole\",\"id\":\"" id "\"," members "}"
#define BY(reference)  "\"author\":[{\"reference\":\"" reference "\"}]"
#define CONTAINED(resources)  "\"contained\":[" resources "]"


static void
labelled(const char *labels, unsigned want)
{
    char            json[1024];
    dmp_document_t  document;

    (void) snprintf(json, sizeof(json), DOC("\"securityLabel\":%s"), labels);

    assert_int_equal(parse(json, &document), DMP_OK);

    if (document.labels != want) {
        fail_msg("%s: labels %u, not %u", labels, document.labels, want);
    }
}


static void
labelled_as(const char *system, const char *code, unsigned want)
{
    char  labels[512];

    (void) snprintf(labels, sizeof(labels),
                    "[{\"coding\":[{\"system\":\"%s\",\"code\":\"%s\"}]}]",
                    system, code);
    labelled(labels, want);
}


/* structures: the expected ones, each followed by a blank. */
static void
deposited_for(const char *json, const char *structures)
{
    char            list[512];
    unsigned        i;
    dmp_buf_t       b;
    dmp_document_t  document;

    assert_int_equal(parse(json, &document), DMP_OK);

    dmp_buf_init(&b, list, sizeof(list));

    for (i = 0; i < document.n_structures; i++) {
        dmp_buf_str(&b, document.structures[i]);
        dmp_buf_text(&b, " ");
    }

    if (b.len != strlen(structures) || memcmp(list, structures, b.len) != 0) {
        fail_msg("%s: structures %.*s, not %s", json, (int) b.len, list,
                 structures);
    }
}


static void
by_patient(const char *json, bool want)
{
    dmp_document_t  document;

    assert_int_equal(parse(json, &document), DMP_OK);

    if (document.by_patient != want) {
        fail_msg("%s: by_patient is not %d", json, want);
    }
}


static void
names(void **state)
{
    dmp_document_t  document;

    (void) state;

    assert_int_equal(parse(DOC(
        "\"id\":\"doc\\u002d1\",\"masterIdentifier\":{\"system\":\"x\","
        "\"value\":\"urn:oid:1.2\"}"), &document), DMP_OK);

    assert_true(dmp_str_eq(document.id, dmp_string("doc-1")));
    assert_true(dmp_str_eq(document.master, dmp_string("urn:oid:1.2")));
    assert_true(dmp_str_eq(dmp_document_name(&document),
                           dmp_string("urn:oid:1.2")));
    assert_false(document.outcome);
    assert_false(document.by_patient);
    assert_false(document.archived);
    assert_false(document.dated);
    assert_int_equal(document.status, DMP_STATUS_UNKNOWN);
    assert_int_equal(document.labels, 0);
    assert_int_equal(document.n_types, 0);
    assert_int_equal(document.n_authors, 0);
    assert_int_equal(document.n_structures, 0);

    assert_int_equal(parse("{\"id\":\"a\",\"status\":\"current\","
                           "\"resourceType\":\"DocumentReference\"}",
                           &document), DMP_OK);
    assert_true(dmp_str_eq(dmp_document_name(&document), dmp_string("a")));
}


static void
types(void **state)
{
    dmp_document_t  document;

    (void) state;

    assert_int_equal(parse(DOC(
        "\"type\":{\"text\":\"t\",\"coding\":[{\"system\":"
        "\"http:\\/\\/loinc.org\",\"code\":\"11488-4\"},{\"system\":\"b\","
        "\"display\":\"d\"},{\"code\":\"\\u0063\"},{}]}"), &document), DMP_OK);

    assert_int_equal(document.n_types, 4);
    assert_true(dmp_str_eq(document.types[0].system,
                           dmp_string("http://loinc.org")));
    assert_true(dmp_str_eq(document.types[0].code, dmp_string("11488-4")));

    /* a coding without a code is a type that nobody knows */

    assert_true(dmp_str_eq(document.types[1].system, dmp_string("b")));
    assert_int_equal(document.types[1].code.len, 0);
    assert_int_equal(document.types[2].system.len, 0);
    assert_true(dmp_str_eq(document.types[2].code, dmp_string("c")));
    assert_int_equal(document.types[3].system.len, 0);
    assert_int_equal(document.types[3].code.len, 0);

    assert_int_equal(parse(DOC("\"type\":{\"coding\":[]}"), &document),
                     DMP_OK);
    assert_int_equal(document.n_types, 0);

    assert_int_equal(parse(DOC("\"type\":{\"text\":\"t\"}"), &document),
                     DMP_OK);
    assert_int_equal(document.n_types, 0);
}


static void
labels_are_known_with_their_system(void **state)
{
    size_t  i, j;

    static const char *const  systems[] = {
        LABELS_HL7, LABELS_A07, LABELS_A07_AS_SEEN, LABELS_A08,
        "http:\\/\\/terminology.hl7.org\\/CodeSystem\\/v3-Confidentiality",
        "urn:oid:1.2.250.1.213.1.1.4.13"
    };

    static const char *const  others[] = {
        "", "any", "HTTP://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        LABELS_HL7 "/", "terminology.hl7.org/CodeSystem/v3-Confidentiality",
        "http://loinc.org", LABELS_NOS
    };

    static const struct {
        const char  *code;
        unsigned     labels;
    } codes[] = {
        { "N", 0 },
        { "R", 0 },
        { "V", 0 },
        { "\\u0056", 0 },
        { "MASQUE_PS", DMP_LABEL_MASKED },
        { "MASQUE\\u005fPS", DMP_LABEL_MASKED },
        { "INVISIBLE_PATIENT", DMP_LABEL_INVISIBLE_PATIENT },
        { "INVISIBLE_REPRESENTANTS_LEGAUX",
          DMP_LABEL_INVISIBLE_REPRESENTATIVES },

        /* whatever is not one of them hides from all */

        { "n", DMP_LABEL_ALL },
        { "", DMP_LABEL_ALL },
        { "N ", DMP_LABEL_ALL },
        { "U", DMP_LABEL_ALL },
        { "MASQUE_PSS", DMP_LABEL_ALL },
        { "normal", DMP_LABEL_ALL }
    };

    (void) state;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {

        for (j = 0; j < sizeof(systems) / sizeof(systems[0]); j++) {
            labelled_as(systems[j], codes[i].code, codes[i].labels);
        }

        for (j = 0; j < sizeof(others) / sizeof(others[0]); j++) {
            labelled_as(others[j], codes[i].code, DMP_LABEL_ALL);
        }
    }
}


#define CODE(code)  "{\"system\":\"" LABELS_HL7 "\",\"code\":\"" code "\"}"

static void
labels_add_up(void **state)
{
    char    labels[1024];
    size_t  i;

    (void) state;

    labelled("[]", 0);
    labelled("[{\"coding\":[" CODE("N") "," CODE("V") "]}]", 0);
    labelled("[{\"coding\":[" CODE("INVISIBLE_PATIENT") "]},"
             "{\"coding\":[" CODE("N") "]}]", DMP_LABEL_INVISIBLE_PATIENT);
    labelled("[{\"coding\":[" CODE("N") ","
             CODE("INVISIBLE_REPRESENTANTS_LEGAUX") "]},"
             "{\"coding\":[" CODE("MASQUE_PS") "]}]",
             DMP_LABEL_INVISIBLE_REPRESENTATIVES | DMP_LABEL_MASKED);

    /* one that is not known is enough */

    labelled("[{\"coding\":[{\"code\":\"N\"}]}]", DMP_LABEL_ALL);
    labelled("[{\"coding\":[{\"system\":\"" LABELS_HL7 "\"}]}]",
             DMP_LABEL_ALL);
    labelled("[{\"coding\":[" CODE("N") ",{}]}]", DMP_LABEL_ALL);
    labelled("[{\"coding\":[{}," CODE("N") "]}]", DMP_LABEL_ALL);
    labelled("[{\"coding\":[]}]", DMP_LABEL_ALL);
    labelled("[{\"text\":\"N\"}]", DMP_LABEL_ALL);
    labelled("[{}]", DMP_LABEL_ALL);
    labelled("[{\"coding\":[" CODE("N") "]},{}]", DMP_LABEL_ALL);

    /* longer than any, and written with escapes */

    (void) snprintf(labels, sizeof(labels), "[{\"coding\":[{\"system\":\"%s\","
                    "\"code\":\"\\u004e", LABELS_HL7);

    for (i = 0; i < 300; i++) {
        (void) strcat(labels, "N");
    }

    labelled(strcat(labels, "\"}]}]"), DMP_LABEL_ALL);
}


static void
structures(void **state)
{
    (void) state;

    /* the author is one */

    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE))) "," BY("#o")), FIRST_STRUCTURE " ");
    deposited_for(DOC(BY("#o") "," CONTAINED(ORGANIZATION("\\u006f",
                      ID("x", "y") "," ID("urn:oid:1.2.250.1.71.4.2\\u002e2",
                      FIRST_STRUCTURE)))), FIRST_STRUCTURE " ");
    deposited_for(DOC("\"author\":[{\"type\":\"Organization\",\"identifier\":"
                      ID("1.2.250.1.71.4.2.2", FIRST_STRUCTURE) "}]"),
                  FIRST_STRUCTURE " ");

    /* or acts for one */

    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"reference\":"
                      "\"#o\"}") "," ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE))) "," BY("#r")), FIRST_STRUCTURE " ");
    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE)) "," ROLE("r", "\"organization\":{"
                      "\"reference\":\"#\\u006f\"}")) "," BY("#r")),
                  FIRST_STRUCTURE " ");
    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"identifier\":"
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE) "}")) "," BY("#r")),
                  FIRST_STRUCTURE " ");

    /* of two that are there, its own */

    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      SECOND_STRUCTURE)) "," ORGANIZATION("p",
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE))) "," BY("#p")),
                  FIRST_STRUCTURE " ");

    /* several of them, each once */

    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"reference\":"
                      "\"#o\",\"identifier\":" ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE) "}") "," ORGANIZATION("o",
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE) ","
                      ID(STRUCT_SYSTEM, SECOND_STRUCTURE))) ",\"author\":["
                      "{\"reference\":\"#r\"},{\"reference\":\"#o\"},"
                      "{\"identifier\":" ID(STRUCT_SYSTEM, SECOND_STRUCTURE)
                      "}]"), SECOND_STRUCTURE " " FIRST_STRUCTURE " ");
}


static void
no_structures(void **state)
{
    (void) state;

    /* contained, but no author acts for it */

    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE))) "," BY("#other")
                      ",\"custodian\":{\"reference\":\"#o\"}"), "");
    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"reference\":"
                      "\"#o\"}") "," ORGANIZATION("o", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE)) "," ROLE("a", "\"active\":true")) ","
                      BY("#a")), "");

    /* what cannot be made out */

    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"reference\":"
                      "\"Organization/o\"}") "," ORGANIZATION("o",
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE))) "," BY("#r")), "");
    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":{\"reference\":"
                      "\"#p\"}") "," PATIENT("p", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE))) "," BY("#r")), "");
    deposited_for(DOC(CONTAINED(ROLE("r", "\"organization\":[{\"identifier\":"
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE) "}]")) "," BY("#r")),
                  "");
    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(STRUCT_SYSTEM, "") ","
                      ID("urn:oid:1.2.250.1.71.4.2.20", FIRST_STRUCTURE) ","
                      ID("1.2.250.1.71.4.2", FIRST_STRUCTURE) ","
                      ID("https://sirene.fr", FIRST_STRUCTURE) ",{\"value\":\""
                      FIRST_STRUCTURE "\"}")) "," BY("#o")), "");
    deposited_for(DOC(CONTAINED(ORGANIZATION("o", ID(PS_SYSTEM,
                      "899700218896"))) "," BY("#o")), "");

    /* a person's number is no structure's, nor the reverse */

    deposited_for(DOC(CONTAINED(ROLE("r", "\"identifier\":["
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE) "]")) "," BY("#r")),
                  "");
    deposited_for(DOC(CONTAINED(AUTHOR("Practitioner", "r", ID(STRUCT_SYSTEM,
                      FIRST_STRUCTURE))) "," BY("#r")), "");
    deposited_for(DOC(CONTAINED("{\"resourceType\":\"Practitioner\",\"id\":"
                      "\"r\",\"organization\":{\"identifier\":"
                      ID(STRUCT_SYSTEM, FIRST_STRUCTURE) "}}") "," BY("#r")),
                  "");
    deposited_for(DOC(CONTAINED("{\"resourceType\":\"Device\",\"id\":\"r\","
                      "\"identifier\":[" ID(STRUCT_SYSTEM, FIRST_STRUCTURE)
                      "]}") "," BY("#r")), "");
}


static void
deposits_of_patients(void **state)
{
    char    json[256];
    size_t  i;

    static const char *const  yes[] = {
        "Patient/1", "RelatedPerson/1", "Patient/1/_history/2",
        "https://host/fhir/Patient/1", "https://host/RelatedPerson/x",
        "https:\\/\\/host\\/fhir\\/Patient\\/1",
        "Patient?identifier=" INS_SYSTEM "|" INS,
        "https://host/fhir/Patient?identifier=" INS_SYSTEM "%7C" INS
    };

    static const char *const  no[] = {
        "", "#", "#nobody", "Patient", "patient/1", "Practitioner/1",
        "PractitionerRole/Patient", "Patient/1/x", "x?Patient/1",
        "Practitioner?x=Patient/1", "Device/Patient/1/2", "XPatient/1",
        "urn:uuid:0c0c0c0c-0000-0000-0000-000000000000", "Patient/"
    };

    (void) state;

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC(BY("%s")), yes[i]);
        by_patient(json, true);
    }

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC(BY("%s")), no[i]);
        by_patient(json, false);
    }

    by_patient(DOC("\"author\":[{\"type\":\"Patient\"}]"), true);
    by_patient(DOC("\"author\":[{\"type\":\"\\u0050atient\"}]"), true);
    by_patient(DOC("\"author\":[{\"type\":\"RelatedPerson\"}]"), true);
    by_patient(DOC("\"author\":[{\"type\":\"Practitioner\"}]"), false);
    by_patient(DOC(CONTAINED(PATIENT("p", "")) "," BY("#p")), true);
    by_patient(DOC(BY("#p") "," CONTAINED("{\"id\":\"p\",\"resourceType\":"
                   "\"RelatedPerson\"}")), true);
    by_patient(DOC("\"author\":[{\"reference\":\"Practitioner/1\"},"
                   "{\"reference\":\"Patient/1\"}]"), true);

    /* the patient, but as what the document is about */

    by_patient(DOC(CONTAINED(PATIENT("p", ID(INS_SYSTEM, INS))) ","
                   SUBJECT("#p") "," BY("#r")), false);
    by_patient(DOC("\"authenticator\":{\"reference\":\"Patient/1\"}"), false);
}


static void
statuses(void **state)
{
    char            json[256];
    size_t          i;
    dmp_document_t  document;

    static const struct {
        const char    *text;
        dmp_status_t   status;
    } table[] = {
        { "current", DMP_STATUS_CURRENT },
        { "\\u0063urrent", DMP_STATUS_CURRENT },
        { "superseded", DMP_STATUS_SUPERSEDED },
        { "entered-in-error", DMP_STATUS_DELETED },
        { "", DMP_STATUS_UNKNOWN },
        { "Current", DMP_STATUS_UNKNOWN },
        { "current ", DMP_STATUS_UNKNOWN },
        { "final", DMP_STATUS_UNKNOWN }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC("\"status\":\"%s\""),
                        table[i].text);
        assert_int_equal(parse(json, &document), DMP_OK);
        assert_int_equal(document.status, table[i].status);
    }
}


static void
archive_marks(void **state)
{
    char            json[1024];
    size_t          i;
    dmp_document_t  document;

    static const struct {
        const char  *extensions;
        bool         archived;
    } table[] = {
        { "", false },
        { "{}", false },
        { "{\"url\":\"x\",\"valueBoolean\":true}", false },
        { "{\"valueBoolean\":true}", false },
        { "{\"url\":\"" IS_ARCHIVED "/\",\"valueBoolean\":true}", false },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":false}", false },
        { "{\"valueBoolean\":false,\"url\":\"" IS_ARCHIVED "\"}", false },
        { "{\"url\":\"x\"},{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":"
          "false},{\"url\":\"y\",\"valueBoolean\":true}", false },

        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":true}", true },
        { "{\"valueBoolean\":true,\"url\":\"" IS_ARCHIVED "\"}", true },
        { "{\"url\":\"\\u0068" "ttps:\\/\\/interop.esante.gouv.fr\\/ig\\/fhir"
          "\\/pdsm\\/StructureDefinition\\/pdsm-ext-is-archived\","
          "\"valueBoolean\":true}", true },

        /* not understood */

        { "{\"url\":\"" IS_ARCHIVED "\"}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":null}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":\"false\"}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":0}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":[false]}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueString\":\"false\"}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":false},{\"url\":\""
          IS_ARCHIVED "\",\"valueBoolean\":false}", true },
        { "{\"url\":\"" IS_ARCHIVED "\",\"valueBoolean\":true},{\"url\":\""
          IS_ARCHIVED "\",\"valueBoolean\":false}", true }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC("\"extension\":[%s]"),
                        table[i].extensions);
        assert_int_equal(parse(json, &document), DMP_OK);

        if (document.archived != table[i].archived) {
            fail_msg("%s: archived is not %d", table[i].extensions,
                     table[i].archived);
        }
    }
}


static void
deposit_days(void **state)
{
    char            json[256];
    size_t          i;
    int32_t         day;
    dmp_document_t  document;

    static const struct {
        const char  *date;
        const char  *day;                /* NULL: not known */
    } table[] = {
        { "2024-11-20T10:30:00+01:00", "2024-11-20" },
        { "2026-02-01T22:59:59Z", "2026-02-01" },
        { "2026-02-01T23:00:00.000Z", "2026-02-02" },
        { "2026-07-01T22:00:00\\u005a", "2026-07-02" },
        { "2026-01-01T00:30:00+14:00", "2025-12-31" },
        { "", NULL },
        { "2026", NULL },
        { "2026-02-01", NULL },
        { "2026-02-01T10:00:00", NULL },
        { "2026-02-30T10:00:00Z", NULL },
        { "\\u0032026-02-01T10:00:00.00000000000000000000000000000000000000000"
          "0000000000000000000000000000Z", NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void) snprintf(json, sizeof(json), DOC("\"date\":\"%s\""),
                        table[i].date);
        assert_int_equal(parse(json, &document), DMP_OK);
        assert_int_equal(document.dated, table[i].day != NULL);

        if (table[i].day != NULL) {
            assert_true(dmp_day_parse((dmp_str_t) { table[i].day, 10 }, &day));
            assert_int_equal(document.deposited, day);
        }
    }
}


/* The text with each ASCII character of each value written as an escape. */
static char *
escaped(const char *json)
{
    char        *out;
    size_t       i, n, end;
    const char  *quote;

    out = malloc(6 * strlen(json) + 1);
    assert_non_null(out);
    n = 0;

    for (i = 0; json[i] != '\0'; i++) {

        if (json[i] != '"') {
            out[n++] = json[i];
            continue;
        }

        for (end = i + 1; json[end] != '"'; end++) {
            end += json[end] == '\\';
        }

        quote = json + end;

        /* names may not be written so, and escapes stay as they are */

        if (quote[1] == ':') {
            memcpy(out + n, json + i, end + 1 - i);
            n += end + 1 - i;
            i = end;
            continue;
        }

        out[n++] = '"';

        for (i++; i < end; i++) {
            if (json[i] == '\\') {
                out[n++] = json[i++];
                out[n++] = json[i];

            } else if ((unsigned char) json[i] >= 0x80) {
                out[n++] = json[i];

            } else {
                n += (size_t) sprintf(out + n, "\\u%04x",
                                      (unsigned) (unsigned char) json[i]);
            }
        }

        out[n++] = '"';
    }

    out[n] = '\0';

    return out;
}


/* A published document, as it is and with everything escaped. */
static void
judge_example(const char *path, const json_t *resource)
{
    char             *text, *other;
    dmp_document_t    document, same;

    text = json_dumps(resource, JSON_COMPACT);
    assert_non_null(text);
    other = escaped(text);

    if (dmp_document_parse(&small_policy, text, strlen(text), &document)
        != DMP_OK
        || dmp_document_parse(&small_policy, other, strlen(other), &same)
           != DMP_OK)
    {
        fail_msg("%s: a document that cannot be judged", path);
    }

    if (document.labels != 0 || document.n_types != 1 || !document.dated
        || document.archived || document.by_patient
        || (document.status != DMP_STATUS_CURRENT
            && document.status != DMP_STATUS_SUPERSEDED))
    {
        fail_msg("%s: the facts of a document are not those expected", path);
    }

    /* escapes change nothing, and leave room for as much again */

    assert_int_equal(dmp_document_effects(&document, &same), 0);
    assert_true(same.text_len <= sizeof(same.text) / 2);

    free(text);
    free(other);
}


/* Every DocumentReference in it, wherever it stands. */
static unsigned
judge_all_in(const char *path, json_t *value)
{
    size_t        i;
    json_t       *member;
    unsigned      n;
    const char   *key, *type;

    n = 0;

    json_array_foreach(value, i, member) {
        n += judge_all_in(path, member);
    }

    json_object_foreach(value, key, member) {
        n += judge_all_in(path, member);
    }

    type = json_string_value(json_object_get(value, "resourceType"));

    if (type != NULL && strcmp(type, "DocumentReference") == 0) {
        judge_example(path, value);
        n++;
    }

    return n;
}


static unsigned
judge_folder(const char *path, int depth)
{
    DIR            *dir;
    char            name[1024];
    json_t         *tree;
    unsigned        n;
    struct dirent  *entry;

    n = 0;
    dir = opendir(path);

    if (dir == NULL) {
        return 0;
    }

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);

        if (depth > 0) {
            n += judge_folder(name, depth - 1);
        }

        tree = json_load_file(name, 0, NULL);
        n += judge_all_in(name, tree);
        json_decref(tree);
    }

    (void) closedir(dir);

    return n;
}


static void
published_examples_are_judged(void **state)
{
    const char  *path;

    (void) state;

    path = getenv("DMP_FIXTURES");

    assert_true(judge_folder(path != NULL ? path : "t/fixtures", 3) >= 15);
}


static void
what_published_examples_say(void **state)
{
    int32_t          day;
    json_t          *tree;
    char            *text;
    dmp_document_t   document;

    (void) state;

    tree = json_load_file("t/fixtures/pdsm/DocumentReference-doc-old.json", 0,
                          NULL);
    text = json_dumps(tree, 0);

    if (text == NULL) {
        fail_msg("no example");
        return;
    }

    assert_int_equal(parse(text, &document), DMP_OK);
    assert_int_equal(document.n_structures, 1);
    assert_true(dmp_str_eq(document.structures[0],
                           dmp_string(SECOND_STRUCTURE)));
    assert_int_equal(document.status, DMP_STATUS_SUPERSEDED);
    assert_true(dmp_str_eq(document.types[0].code, dmp_string("34133-9")));
    assert_true(dmp_day_parse(dmp_string("2025-01-01"), &day));
    assert_int_equal(document.deposited, day);

    json_decref(tree);
    free(text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(types),
        cmocka_unit_test(labels_are_known_with_their_system),
        cmocka_unit_test(labels_add_up),
        cmocka_unit_test(structures),
        cmocka_unit_test(no_structures),
        cmocka_unit_test(deposits_of_patients),
        cmocka_unit_test(statuses),
        cmocka_unit_test(archive_marks),
        cmocka_unit_test(deposit_days),
        cmocka_unit_test(published_examples_are_judged),
        cmocka_unit_test(what_published_examples_say)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, release);
}
