/*
 * scan.c: what filtering a search answer costs: dmp_filter_search() on 50
 * entries, a third of them withheld, against copying the same bytes, and
 * against building a tree with jansson and writing it out again.  The third
 * form has the host's own addresses in it, which become ours.  And what
 * filtering one document costs, dmp_filter_document().  Both as a gateway does
 * it, which remembers the shapes of answers before, and ("first") as it does
 * its first.
 *
 * Interleaved, medians of 21 rounds; one line each, "name value unit".
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include <dmp/dmp_filter.h>

#include "../t/unit/small_policy.h"


#define ENTRIES     50
#define HOST        "http://127.0.0.1:8080/fhir"
#define ROOM        65536
#define ROUNDS      21
#define ROUND_NS    20000000
#define PRETTY      2
#define COMPACT     0
#define ROWS        5                    /* at most, of one text */


typedef struct {
    char    *text;
    size_t   len;
    char    *copy;
} answer_t;

typedef void (*work_pt)(answer_t *answer);


static void
fail(const char *why)
{
    (void) fprintf(stderr, "scan: %s\n", why);
    exit(1);
}


static double
now_ns(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fail("no clock");
    }

    return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}


/* A document as the published search answer has them. */
static json_t *
make_entry(int i, bool absolute)
{
    char     id[32], title[64], patient[64], author[64], url[64], full[96];
    json_t  *entry;

    (void) snprintf(full, sizeof(full), HOST "/DocumentReference/document-%04d",
                    i);
    (void) snprintf(url, sizeof(url), HOST "/Binary/binary-%04d", i);
    (void) snprintf(id, sizeof(id), "document-%04d", i);
    (void) snprintf(title, sizeof(title),
                    "Compte rendu de consultation n\xc2\xb0 %d", i);
    (void) snprintf(patient, sizeof(patient), "patient-source-%04d", i);
    (void) snprintf(author, sizeof(author), "#practitionerrole-%04d", i);

    entry = json_pack(
        "{s:s, s:{s:s, s:s, s:{s:[s]}, s:[{s:s, s:s, s:[{s:s, s:s}]},"
        " {s:s, s:s, s:[{s:s, s:s}]}], s:{s:s, s:s}, s:s,"
        " s:{s:[{s:s, s:s, s:s}]}, s:{s:s}, s:s, s:[{s:s}],"
        " s:[{s:[{s:s, s:s}]}], s:[{s:{s:s, s:s, s:s, s:i, s:s, s:s}}],"
        " s:{s:{s:s, s:s}}}, s:{s:s}}",
        "fullUrl", absolute ? full : id,
        "resource",
        "resourceType", "DocumentReference", "id", id,
        "meta", "profile", "https://interop.esante.gouv.fr/ig/fhir/pdsm/"
                "StructureDefinition/pdsm-comprehensive-document-reference",
        "contained", "resourceType", "Patient", "id", patient, "identifier",
        "system", "urn:oid:1.2.250.1.213.1.4.8", "value", "123456789012345",
        "resourceType", "PractitionerRole", "id", author + 1, "identifier",
        "system", "urn:oid:1.2.250.1.71.4.2.1", "value", "899700218896",
        "masterIdentifier", "system", "urn:ietf:rfc:3986", "value", id,
        "status", "current",
        "type", "coding", "system", "http://loinc.org", "code", "11488-4",
        "display", "Consult note",
        "subject", "reference",
        "Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|123456789012345",
        "date", "2024-11-20T10:30:00+01:00",
        "author", "reference", author,
        "securityLabel", "coding",
        "system", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        "code", i % 3 == 0 ? "MASQUE_PS" : "N",
        "content", "attachment", "contentType", "application/xml", "language",
        "fr-FR", "url", absolute ? url : id, "size", 128, "hash",
        "A/hMRrv6Y15BjSM8kMLidrz+mHc=", "title", title,
        "context", "period", "start", "2024-11-20T09:00:00+01:00", "end",
        "2024-11-20T10:00:00+01:00",
        "search", "mode", "match");

    if (entry == NULL) {
        fail("no entry");
    }

    return entry;
}


static answer_t
make_answer(size_t flags, bool absolute)
{
    int        i;
    json_t    *bundle, *entries;
    answer_t   answer;

    entries = json_array();

    for (i = 0; i < ENTRIES; i++) {
        if (json_array_append_new(entries, make_entry(i, absolute)) != 0) {
            fail("no memory");
        }
    }

    bundle = json_pack("{s:s, s:s, s:s, s:i, s:o}", "resourceType", "Bundle",
                       "id", "search", "type", "searchset", "total", ENTRIES,
                       "entry", entries);
    answer.text = json_dumps(bundle, flags == COMPACT ? JSON_COMPACT
                                                      : JSON_INDENT(flags));

    if (answer.text == NULL) {
        fail("no memory");
    }

    answer.len = strlen(answer.text);
    answer.copy = malloc(answer.len);

    if (answer.copy == NULL) {
        fail("no memory");
    }

    json_decref(bundle);

    return answer;
}


/* The resource of an entry, with what a complete document has more. */
static answer_t
make_document(void)
{
    json_t    *entry, *resource, *more;
    answer_t   answer;

    entry = make_entry(1, true);
    resource = json_object_get(entry, "resource");
    more = json_pack(
        "{s:[{s:[{s:s, s:s, s:s}]}], s:{s:s}, s:s, s:[{s:s, s:s}],"
        " s:{s:s, s:s}}",
        "category", "coding", "system", "https://mos.esante.gouv.fr/NOS/"
        "TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "code", "10",
        "display", "Compte rendu",
        "authenticator", "reference", "#practitionerrole-0001",
        "description", "Compte rendu de consultation, suivi de tension",
        "identifier", "system", "urn:ietf:rfc:3986", "value",
        "urn:uuid:3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "custodian", "reference", "Organization/cabinet", "display",
        "Cabinet m\xc3\xa9" "dical");

    if (more == NULL || json_object_update(resource, more) != 0) {
        fail("no document");
    }

    answer.text = json_dumps(resource, JSON_COMPACT);

    if (answer.text == NULL) {
        fail("no memory");
    }

    answer.len = strlen(answer.text);
    answer.copy = malloc(answer.len);

    if (answer.copy == NULL) {
        fail("no memory");
    }

    json_decref(more);
    json_decref(entry);

    return answer;
}


static bool
judge(void *data, const dmp_document_t *document)
{
    (void) data;

    return document->labels == 0
           && dmp_document_patient(document, dmp_string("123456789012345"))
              == DMP_PATIENT_SAME;
}


/* As a request's pool: all of it goes at once. */
static void *
allocate(void *data, size_t size)
{
    size_t  *used;

    static char  room[ROOM] __attribute__((aligned(16)));

    used = data;

    if (size > ROOM - *used) {
        return NULL;
    }

    *used += (size + 15) / 16 * 16;

    return room + *used - (size + 15) / 16 * 16;
}


static const dmp_addresses_t  addresses = {
    .bases = { dmp_string(HOST), dmp_string("/fhir") },
    .n_bases = 2,
    .ours = dmp_string("https://dmp.example.org/fhir")
};

static dmp_shapes_t  shapes;

static dmp_filter_t  filter = {
    .policy = &small_policy,
    .addresses = &addresses,
    .entries = DMP_RESOURCE_DOCUMENT_REFERENCE,
    .max_entries = ENTRIES,
    .judge = judge,
    .alloc = allocate
};


static void
work_cut(answer_t *answer)
{
    size_t     used;
    dmp_cut_t  out;

    used = 0;
    filter.alloc_data = &used;
    filter.shapes = &shapes;

    if (dmp_filter_search(&filter, answer->text, answer->len, &out) != DMP_OK
        || out.withheld != (ENTRIES + 2) / 3)
    {
        fail("the answer was not cut as it must be");
    }
}


static void
work_cut_first(answer_t *answer)
{
    shapes.n = 0;
    work_cut(answer);
}


static void
work_document(answer_t *answer)
{
    size_t                  used;
    dmp_cut_t               out;
    static dmp_document_t   document;

    used = 0;
    filter.alloc_data = &used;
    filter.shapes = &shapes;

    if (dmp_filter_document(&filter, answer->text, answer->len, &document,
                            &out) != DMP_OK
        || !judge(NULL, &document))
    {
        fail("the document was not read as it must be");
    }
}


static void
work_document_first(answer_t *answer)
{
    shapes.n = 0;
    work_document(answer);
}


static void
work_skip(answer_t *answer)
{
    static dmp_scan_t    s;
    static dmp_shapes_t  seen;

    dmp_scan_init(&s, answer->text, answer->len);
    dmp_scan_remember(&s, &seen);

    if (!dmp_scan_skip(&s, NULL) || !dmp_scan_end(&s)) {
        fail("the answer is not JSON");
    }
}


static void
work_copy(answer_t *answer)
{
    memcpy(answer->copy, answer->text, answer->len);
    __asm__ volatile ("" : : "r" (answer->copy) : "memory");
}


static void
work_jansson(answer_t *answer)
{
    char        *text;
    size_t       i;
    json_t      *tree, *entries, *label;

    tree = json_loadb(answer->text, answer->len, JSON_REJECT_DUPLICATES, NULL);
    entries = json_object_get(tree, "entry");

    for (i = json_array_size(entries); i > 0; i--) {
        label = json_object_get(json_object_get(json_array_get(entries, i - 1),
                                                "resource"), "securityLabel");
        label = json_array_get(json_object_get(json_array_get(label, 0),
                                               "coding"), 0);

        if (strcmp(json_string_value(json_object_get(label, "code")), "N")
            != 0)
        {
            (void) json_array_remove(entries, i - 1);
        }
    }

    (void) json_object_del(tree, "total");
    text = json_dumps(tree, JSON_COMPACT);

    if (text == NULL) {
        fail("no memory");
    }

    free(text);
    json_decref(tree);
}


static int
compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}


static double
round_ns(work_pt work, answer_t *answer)
{
    double    start, end;
    unsigned  i, n;

    n = 0;
    start = now_ns();

    do {
        for (i = 0; i < 8; i++) {
            work(answer);
        }

        n += 8;
        end = now_ns();
    } while (end - start < ROUND_NS);

    return (end - start) / n;
}


typedef struct {
    const char  *name;
    work_pt      work;
} row_t;


/* The medians of n rows, interleaved, go to median. */
static void
measure_rows(const char *form, const row_t *rows, size_t n, answer_t *answer,
    double *median)
{
    double  ns[ROWS][ROUNDS];
    size_t  i, round;

    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < n; i++) {
            ns[i][round] = round_ns(rows[i].work, answer);
        }
    }

    (void) printf("scan.%s.bytes %zu B\n", form, answer->len);

    for (i = 0; i < n; i++) {
        qsort(ns[i], ROUNDS, sizeof(double), compare);
        median[i] = ns[i][ROUNDS / 2];
        (void) printf("scan.%s.%s %.0f ns\n", form, rows[i].name, median[i]);
        (void) printf("scan.%s.%s.rate %.2f GB/s\n", form, rows[i].name,
                      (double) answer->len / median[i]);
    }
}


static void
measure(const char *form, answer_t answer)
{
    double  median[ROWS];

    static const row_t  rows[] = {
        { "memcpy", work_copy },
        { "scan", work_skip },
        { "cut", work_cut },
        { "cut_first", work_cut_first },
        { "jansson", work_jansson }
    };

    measure_rows(form, rows, sizeof(rows) / sizeof(rows[0]), &answer, median);

    (void) printf("scan.%s.cut_to_memcpy %.1f x\n", form,
                  median[2] / median[0]);
    (void) printf("scan.%s.jansson_to_cut %.1f x\n", form,
                  median[4] / median[2]);

    free(answer.text);
    free(answer.copy);
}


static void
measure_document(answer_t answer)
{
    double  median[ROWS];

    static const row_t  rows[] = {
        { "memcpy", work_copy },
        { "scan", work_skip },
        { "read", work_document },
        { "read_first", work_document_first }
    };

    measure_rows("document", rows, sizeof(rows) / sizeof(rows[0]), &answer,
                 median);

    free(answer.text);
    free(answer.copy);
}


/* The narrative of a document: one long string, with accents or without. */
static void
measure_text(const char *name, const char *words)
{
    size_t    n, i;
    double    ns[ROUNDS];
    answer_t  answer;

    n = strlen(words);
    answer.len = 10240 / n * n + 2;
    answer.text = malloc(answer.len);
    answer.copy = NULL;

    if (answer.text == NULL) {
        fail("no memory");
    }

    for (i = 1; i + 1 < answer.len; i += n) {
        memcpy(answer.text + i, words, n);
    }

    answer.text[0] = '"';
    answer.text[answer.len - 1] = '"';

    for (i = 0; i < ROUNDS; i++) {
        ns[i] = round_ns(work_skip, &answer);
    }

    qsort(ns, ROUNDS, sizeof(double), compare);

    (void) printf("scan.%s.rate %.2f GB/s\n", name,
                  (double) answer.len / ns[ROUNDS / 2]);

    free(answer.text);
}


int
main(void)
{
    measure("compact", make_answer(COMPACT, false));
    measure("indented", make_answer(PRETTY, false));
    measure("absolute", make_answer(COMPACT, true));
    measure_document(make_document());

    measure_text("ascii", "compte rendu de consultation, sans particularite ");
    measure_text("french",
                 "Le patient a \xc3\xa9t\xc3\xa9 re\xc3\xa7u \xc3\xa0 sa "
                 "demande\xc2\xa0; l\xe2\x80\x99" "examen est rest\xc3\xa9 "
                 "sans particularit\xc3\xa9 jusqu\xe2\x80\x99" "ici. ");

    return 0;
}
