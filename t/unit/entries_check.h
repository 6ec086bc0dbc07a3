/*
 * entries_check.h: a search answer is what its entries are, each by itself.
 * What the filter keeps of one entry to read the next one sooner must change
 * nothing, so each is given to it alone as well, and compared.  The entries
 * are made as bytes say, of values that resemble each other.
 */

#ifndef ENTRIES_CHECK_H
#define ENTRIES_CHECK_H

#include <stdio.h>

#include "filter_check.h"


#define ENTRIES_MAX   8
#define ENTRIES_ROOM  32768              /* bytes of one entry */
#define FACTS_ROOM    65536

typedef struct {
    const uint8_t  *data;
    size_t          size;
} entries_bytes_t;

/* What was judged, one document after the other, in words. */
typedef struct {
    char    text[FACTS_ROOM];
    size_t  len;
} entries_facts_t;

typedef struct {
    dmp_filter_t      filter;
    size_t            n;
    char              text[ENTRIES_MAX][ENTRIES_ROOM];
    size_t            len[ENTRIES_MAX];
    entries_facts_t   together;
    entries_facts_t   alone;
    char              answer[(ENTRIES_MAX + 1) * ENTRIES_ROOM];
    char              left[(ENTRIES_MAX + 1) * ENTRIES_ROOM];
} entries_t;

#define ENTRIES_BEGIN  "{\"resourceType\":\"Bundle\",\"type\":\"searchset\""
#define ENTRIES_LIST   ",\"entry\":["

/* A value is one of these, or bytes. */
typedef struct {
    const char  *name;
    const char  *values[20];             /* up to NULL; most have the first */
} entries_member_t;

#define ENTRIES_INS     "urn:oid:1.2.250.1.213.1.4.8"
#define ENTRIES_PS      "urn:oid:1.2.250.1.71.4.2.1"
#define ENTRIES_STRUCT  "urn:oid:1.2.250.1.71.4.2.2"
#define ENTRIES_RPPS    "https://rpps.esante.gouv.fr"

#define ENTRIES_IDENTIFIER(system, value)                                     \
    "{\"system\":\"" system "\",\"value\":\"" value "\"}"

#define ENTRIES_PATIENT(id, value)                                            \
    "{\"resourceType\":\"Patient\",\"id\":\"" id "\",\"identifier\":["        \
    ENTRIES_IDENTIFIER(ENTRIES_INS, value) "]}"

#define ENTRIES_PERSON(id, system, value)                                     \
    "{\"resourceType\":\"Practitioner\",\"id\":\"" id "\",\"identifier\":["   \
    ENTRIES_IDENTIFIER(system, value) "]}"

#define ENTRIES_CODED(system, code)                                           \
    "{\"coding\":[{\"system\":\"" system "\",\"code\":\"" code "\"}]}"

#define ENTRIES_NAMES(x)                                                      \
    "\"" x "0\":0,\"" x "1\":0,\"" x "2\":0,\"" x "3\":0,"                   \
    "\"" x "4\":0,\"" x "5\":0,\"" x "6\":0,\"" x "7\":0,"                   \
    "\"" x "8\":0,\"" x "9\":0"

#define ENTRIES_8(x)  x "," x "," x "," x "," x "," x "," x "," x

static const entries_member_t  entries_members[] = {
    { "resourceType", {
        "\"DocumentReference\"", "\"OperationOutcome\"", "\"List\"",
        "\"Document\\u0052eference\"", "[]", NULL } },
    { "id", { "\"a\"", "\"b\"", "\"\\u0061\"", "1", NULL } },
    { "category", {
        "[{\"a\":{\"b\":[1,2]}}]", "[{\"a\":{\"b\":[1,2]}},1]", "12", "1",
        "[[[[]]]]", "[{\"a\":1,\"a\":2}]", "\"x\"",
        "{" ENTRIES_NAMES("a") "}", NULL } },
    { "contained", {
        "[" ENTRIES_PATIENT("p", "1") ","
            ENTRIES_PERSON("a", ENTRIES_PS, "899") "]",
        "[" ENTRIES_PATIENT("p", "2") ","
            ENTRIES_PERSON("a", ENTRIES_PS, "899") "]",
        "[" ENTRIES_PATIENT("p", "1") ","
            ENTRIES_PERSON("a", ENTRIES_RPPS, "10000000001") "]",
        "[" ENTRIES_PATIENT("p", "\\u0031") ","
            ENTRIES_PERSON("a", ENTRIES_PS, "8\\u0039") "]",
        "[" ENTRIES_PATIENT("p", "1") "]",
        "[" ENTRIES_PERSON("a", ENTRIES_PS, "899") "]",
        "[" ENTRIES_PATIENT("p", "1") "," ENTRIES_PATIENT("p", "1") "]",
        "[{\"resourceType\":\"PractitionerRole\",\"id\":\"a\",\"identifier\":["
            ENTRIES_IDENTIFIER(ENTRIES_PS, "898") "],\"practitioner\":{"
            "\"reference\":\"#b\"},\"organization\":{\"identifier\":"
            ENTRIES_IDENTIFIER(ENTRIES_STRUCT, "3") "}},"
            ENTRIES_PERSON("b", ENTRIES_PS, "897") ","
            ENTRIES_PATIENT("p", "1") "]",
        "[{\"resourceType\":\"DocumentReference\",\"id\":\"a\"}]",
        "[{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":{}}]",
        "[{\"resourceType\":\"Device\",\"note\":{" ENTRIES_NAMES("a") ","
            ENTRIES_NAMES("b") "," ENTRIES_NAMES("c") "," ENTRIES_NAMES("d")
            "}}]",
        "[{\"resourceType\":\"Device\",\"note\":[[[[]]]]}]",
        "[]", "{}", "null", NULL } },
    { "subject", {
        "{\"reference\":\"#p\"}",
        "{\"reference\":\"Patient?identifier=" ENTRIES_INS "|1\"}",
        "{\"reference\":\"Patient?identifier=" ENTRIES_INS "|2\"}",
        "{\"reference\":\"Patient?identifier=" ENTRIES_INS "%7C1\"}",
        "{\"reference\":\"Patient?identifier=" ENTRIES_INS "\\u007c1\"}",
        "{\"reference\":\"Patient\\/1\"}", "{\"reference\":\"#\\u0070\"}",
        "{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_INS, "1") "}",
        "{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_INS, "\\u0031") "}",
        "{\"type\":\"Group\",\"reference\":\"#p\"}", "{\"reference\":\"#q\"}",
        "{\"reference\":1}", "{}", "[]", "null", NULL } },
    { "context", {
        "{\"sourcePatientInfo\":{\"reference\":\"#p\"}}",
        "{\"sourcePatientInfo\":{\"identifier\":"
            ENTRIES_IDENTIFIER(ENTRIES_INS, "1") "}}",
        "{\"sourcePatientInfo\":{\"identifier\":"
            ENTRIES_IDENTIFIER(ENTRIES_INS, "2") "}}",
        "{\"sourcePatientInfo\":{\"reference\":\"#\\u0070\"}}",
        "{\"sourcePatientInfo\":null}", "{\"period\":{}}", "{}", "[]", NULL } },
    { "author", {
        "[{\"reference\":\"#a\"}]", "[{\"reference\":\"#b\"}]",
        "[{\"reference\":\"#p\"}]", "[{\"reference\":\"#\\u0061\"}]",
        "[{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_PS, "899") "}]",
        "[{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_RPPS, "10000000001")
            "},{\"reference\":\"#a\"}]",
        "[{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_STRUCT, "4") "},"
            "{\"identifier\":" ENTRIES_IDENTIFIER(ENTRIES_PS, "8\\u0039") "}]",
        "[{\"reference\":\"Patient/1\"}]", "[{\"type\":\"Patient\"}]",
        "[" ENTRIES_8("{\"reference\":\"#a\"}") ","
            ENTRIES_8("{\"reference\":\"#a\"}") ",{\"reference\":\"#a\"}]",
        "[]", "{}", "[1]", NULL } },
    { "type", {
        ENTRIES_CODED("http://loinc.org", "1"),
        ENTRIES_CODED("http://loinc.org", "2"),
        ENTRIES_CODED("http:\\/\\/loinc.org", "1"),
        "{\"coding\":[{\"code\":\"1\"},{\"code\":\"2\"}]}",
        "{\"coding\":[" ENTRIES_8("{}") ",{}]}",
        "{\"coding\":[{\"code\":1}]}", "{}", "null", NULL } },
    { "securityLabel", {
        "[" ENTRIES_CODED(LABELS_HL7, "N") "]",
        "[" ENTRIES_CODED(LABELS_A07, "MASQUE_PS") "]",
        "[" ENTRIES_CODED(LABELS_A07, "INVISIBLE_PATIENT") "]",
        "[" ENTRIES_CODED(LABELS_HL7, "N") ","
            ENTRIES_CODED(LABELS_A07, "MASQUE_PS") "]",
        "[" ENTRIES_CODED(LABELS_HL7, "\\u004e") "]",
        "[" ENTRIES_CODED("x", "N") "]", "[{}]", "[]", "{}", "[\"N\"]",
        NULL } },
    { "meta", {
        "{\"profile\":[\"x\"]}", "{\"lastUpdated\":\"2024-11-20T10:30:00Z\"}",
        "{\"lastUpdated\":\"2024-11-21T10:30:00Z\"}",
        "{\"lastUpdated\":\"2024-11-20T10:30:00\\u005a\"}",
        "{\"lastUpdated\":1}", "{}", "[]", NULL } },
    { "date", { "\"2024-11-19T10:30:00Z\"", "\"2024-11-21T10:30:00Z\"",
                "\"2024\"", "0", NULL } },
    { "status", { "\"current\"", "\"superseded\"", "\"x\"", "1", NULL } },
    { "masterIdentifier", {
        ENTRIES_IDENTIFIER("x", "m1"), ENTRIES_IDENTIFIER("x", "m2"),
        ENTRIES_IDENTIFIER("x", "\\u006d1"), "[]", NULL } },
    { "relatesTo", {
        "[{\"code\":\"replaces\"}]", "[{\"code\":\"appends\"}]", "1", NULL } },
    { "extension", {
        "[{\"url\":\"https://interop.esante.gouv.fr/ig/fhir/pdsm/Structure"
            "Definition/pdsm-ext-is-archived\",\"valueBoolean\":false}]",
        "[{\"url\":\"https://interop.esante.gouv.fr/ig/fhir/pdsm/Structure"
            "Definition/pdsm-ext-is-archived\",\"valueBoolean\":true}]",
        "[{\"url\":\"x\"}]", NULL } },
    { "content", {
        "[{\"attachment\":{\"url\":\"Binary/1\"}}]",
        "[{\"attachment\":{\"url\":\"http://host:8080/fhir/Binary/2\"}}]",
        "[{\"attachment\":{\"data\":\"AAAA\"}}]", "[]", NULL } },
    { "text", { "{\"div\":\"x\"}", NULL } }
};

#define ENTRIES_MEMBERS  (sizeof(entries_members) / sizeof(entries_members[0]))


static inline unsigned
entries_take(entries_bytes_t *b, unsigned n)
{
    if (b->size == 0) {
        return 0;
    }

    b->size--;

    return *b->data++ % n;
}


/* Bytes that close nothing and begin no string: they stay in their entry. */
static inline size_t
entries_raw(entries_bytes_t *b, char *out)
{
    size_t  i, n;

    static const char  some[] = "0123456789.eE+-truefalsenull {[:,";

    n = entries_take(b, 8);

    for (i = 0; i < n; i++) {
        out[i] = some[entries_take(b, sizeof(some) - 1)];
    }

    out[n] = '\0';

    return n;
}


/* Most often as in the entry before. */
static inline const char *
entries_value(entries_bytes_t *b, const entries_member_t *member,
    unsigned *last, char raw[16])
{
    unsigned  n, way;

    for (n = 0; member->values[n] != NULL; n++) {
        /* void */
    }

    way = entries_take(b, 64);

    if (way == 63) {
        (void) entries_raw(b, raw);
        return raw;
    }

    if (way >= 56) {
        *last = entries_take(b, n);

    } else if (way >= 48) {
        *last = 0;
    }

    return member->values[*last];
}


/* So many names that what follows has room for few. */
static inline size_t
entries_names(char *out, unsigned n)
{
    size_t    len;
    unsigned  i;

    for (i = 0, len = 0; i < n; i++) {
        len += (size_t) snprintf(out + len, ENTRIES_ROOM - len,
                                 "\"f%u\":0,", i);
    }

    return len;
}


static inline void
entries_make_one(entries_bytes_t *b, unsigned last[ENTRIES_MEMBERS], char *out,
    size_t *len)
{
    char      raw[16];
    size_t    n, first;
    unsigned  i, way;

    static const unsigned  fill[] = { 960, 970, 980, 990 };

    n = (size_t) snprintf(out, ENTRIES_ROOM, "{%s\"resource\":{",
                          entries_take(b, 8) == 1
                          ? "\"fullUrl\":\"http://host:8080/fhir/a/1\"," : "");
    way = entries_take(b, 32);
    n += entries_names(out + n, way >= 1 && way <= 4 ? fill[way - 1] : 0);

    way = entries_take(b, 16);
    first = way == 1 ? entries_take(b, ENTRIES_MEMBERS) : 0;

    for (i = 0; i < ENTRIES_MEMBERS; i++) {

        /* most members in one order; the rest of them is seldom there */

        const entries_member_t  *member
            = &entries_members[(first + i) % ENTRIES_MEMBERS];

        if (entries_take(b, member - entries_members < 10 ? 16 : 3) == 1) {
            continue;
        }

        n += (size_t) snprintf(out + n, ENTRIES_ROOM - n, "\"%s\":%s%s,",
                               member->name, way == 2 ? " " : "",
                               entries_value(b, member,
                                             &last[member - entries_members],
                                             raw));

        if (entries_take(b, 255) == 1) {
            n += (size_t) snprintf(out + n, ENTRIES_ROOM - n, "\"%s\":{},",
                                   member->name);
        }
    }

    n += (size_t) snprintf(out + n, ENTRIES_ROOM - n, "\"end\":0}}");
    *len = n;
}


static inline void
entries_add(entries_facts_t *facts, const char *word, dmp_str_t text)
{
    if (text.len != 0 && facts->len + text.len + 64 < FACTS_ROOM) {
        facts->len += (size_t) snprintf(facts->text + facts->len,
                                        FACTS_ROOM - facts->len, " %s %zu:",
                                        word, text.len);
        memcpy(facts->text + facts->len, text.data, text.len);
        facts->len += text.len;
    }
}


static inline void
entries_add_all(entries_facts_t *facts, const char *word,
    const dmp_str_t *list, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        entries_add(facts, word, list[i]);
    }
}


/* All that a document says, in words. */
static inline bool
entries_judge(void *data, const dmp_document_t *d)
{
    char              flags[128];
    unsigned          i;
    entries_facts_t  *facts;

    facts = data;

    entries_add(facts, "\nid", d->id);
    entries_add(facts, "master", d->master);
    entries_add_all(facts, "ins", d->ins, d->n_ins);
    entries_add_all(facts, "author", d->authors, d->n_authors);
    entries_add_all(facts, "structure", d->structures, d->n_structures);
    entries_add_all(facts, "attachment", d->attachments, d->n_attachments);

    for (i = 0; i < d->n_types; i++) {
        entries_add(facts, "system", d->types[i].system);
        entries_add(facts, "code", d->types[i].code);
    }

    (void) snprintf(flags, sizeof(flags), "%x %d%d%d%d %d %d %d %d %d%d%d",
                    d->labels, d->other_patient, d->by_patient, d->by_others,
                    d->replaces, (int) d->status, d->archived, d->dated,
                    d->dated ? (int) d->deposited : 0, d->indexed, d->inlined,
                    d->outcome);
    entries_add(facts, "flags", (dmp_str_t) { flags, strlen(flags) });

    return d->labels == 0
           && dmp_document_patient(d, dmp_string("1")) == DMP_PATIENT_SAME;
}


static inline size_t
entries_answer(const entries_t *e, size_t from, size_t to, char *out)
{
    size_t  i, n;

    n = (size_t) snprintf(out, ENTRIES_ROOM, "%s%s", ENTRIES_BEGIN,
                          ENTRIES_LIST);

    for (i = from; i < to; i++) {
        if (i != from) {
            out[n++] = ',';
        }

        memcpy(out + n, e->text[i], e->len[i]);
        n += e->len[i];
    }

    memcpy(out + n, "]}", 2);

    return n + 2;
}


static inline const char *
entries_run(entries_t *e, size_t from, size_t to, entries_facts_t *facts,
    check_left_t *left)
{
    size_t  len;

    len = entries_answer(e, from, to, e->answer);
    e->filter.data = facts;

    return check_run(&e->filter, e->answer, len, SIZE_MAX, NULL, left);
}


/* What must leave of all of them: what leaves of each. */
static inline const char *
entries_alone(entries_t *e, check_left_t *want)
{
    size_t         i, n, begin;
    const char    *wrong;
    check_left_t   one;

    memset(want, 0, sizeof(check_left_t));
    want->text = e->left;
    want->rc = DMP_OK;
    wrong = NULL;

    begin = sizeof(ENTRIES_BEGIN ENTRIES_LIST) - 1;
    n = sizeof(ENTRIES_BEGIN) - 1;
    memcpy(e->left, ENTRIES_BEGIN ENTRIES_LIST, begin);

    for (i = 0; i < e->n && want->rc == DMP_OK && wrong == NULL; i++) {

        wrong = entries_run(e, i, i + 1, &e->alone, &one);
        want->rc = one.rc;
        want->cut.shown += one.cut.shown;
        want->cut.withheld += one.cut.withheld;

        if (one.len > begin) {
            n = n < begin ? begin : n;
            memcpy(e->left + n, one.text + begin, one.len - begin - 2);
            n += one.len - begin - 2;
            e->left[n++] = ',';
        }

        free(one.text);
    }

    if (n > begin) {
        e->left[n - 1] = ']';            /* for the last comma */
    }

    e->left[n++] = '}';
    want->len = n;

    return wrong;
}


static inline const char *
entries_compare(entries_t *e)
{
    const char    *wrong;
    check_left_t   left, want;

    e->together.len = 0;
    e->alone.len = 0;

    wrong = entries_run(e, 0, e->n, &e->together, &left);

    if (wrong == NULL) {
        wrong = entries_alone(e, &want);
    }

    if (wrong != NULL) {
        free(left.text);
        return wrong;
    }

    if (left.rc != want.rc) {
        wrong = "together they are refused, or alone";

    } else if (e->together.len != e->alone.len
               || memcmp(e->together.text, e->alone.text, e->alone.len) != 0)
    {
        wrong = "a document says otherwise behind others";

    } else if (left.rc == DMP_OK
               && (left.cut.shown != want.cut.shown
                   || left.cut.withheld != want.cut.withheld
                   || left.len != want.len
                   || memcmp(left.text, want.text, want.len) != 0))
    {
        wrong = "an entry leaves otherwise behind others";
    }

    free(left.text);

    return wrong;
}


/* The answer that these bytes say; NULL, or what does not hold of it. */
static inline const char *
check_entries_alike(const uint8_t *data, size_t size, entries_t *e)
{
    size_t           i;
    unsigned         way, last[ENTRIES_MEMBERS];
    entries_bytes_t  b;

    static const unsigned  depths[] = { 0, 0, 0, 0, 9, 10, 11, 12 };

    b.data = data;
    b.size = size;

    way = entries_take(&b, 8);
    memset(&e->filter, 0, sizeof(e->filter));
    e->filter.policy = &small_policy;
    e->filter.addresses = way & 1 ? &check_addresses : NULL;
    e->filter.metadata_only = (way & 2) != 0;
    e->filter.shapes = way & 4 ? &check_shapes : NULL;
    e->filter.entries = DMP_RESOURCE_DOCUMENT_REFERENCE;
    e->filter.max_entries = ENTRIES_MAX;
    e->filter.max_depth = depths[entries_take(&b, 8)];
    e->filter.judge = entries_judge;

    e->n = 1 + entries_take(&b, ENTRIES_MAX);
    memset(last, 0, sizeof(last));

    for (i = 0; i < e->n; i++) {

        if (i != 0 && entries_take(&b, 4) == 1) {
            memcpy(e->text[i], e->text[i - 1], e->len[i - 1]);
            e->len[i] = e->len[i - 1];
            continue;
        }

        entries_make_one(&b, last, e->text[i], &e->len[i]);
    }

    return entries_compare(e);
}

#endif
