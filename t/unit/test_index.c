/*
 * test_index.c: the names of the index's keys, and the facts of a document as
 * they are kept: each member comes back as it was, and nothing else is read.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_index.h>
#include <dmp/dmp_record.h>


#define str(text)  ((dmp_str_t) { text, strlen(text) })

#define HEAD                                                                  \
    "{\"id\":\"d\",\"master\":\"\",\"types\":[],\"labels\":[],\"authors\":[]," \
    "\"structures\":[],\"by_patient\":false,\"by_others\":false,"             \
    "\"replaces\":false,"
#define STATUS    "\"status\":\"current\",\"archived\":false,"
#define TAIL      "\"inlined\":false,\"attachments\":[]}"
#define SMALLEST  HEAD STATUS TAIL

static const unsigned char  key[DMP_KEY_LEN] =
    "0123456789abcdefghijklmnopqrstu";


/* What is written of a document, terminated; NULL: it cannot be. */
static const char *
written(const dmp_document_t *d, const dmp_str_t *attachments, unsigned n)
{
    dmp_buf_t    b;

    static char  text[DMP_INDEX_TEXT_MAX + 1];

    dmp_buf_init(&b, text, DMP_INDEX_TEXT_MAX);
    dmp_index_write(&b, d, attachments, n);
    text[b.len] = '\0';

    return b.full ? NULL : text;
}


/*
 * Of exactly its size, so that a byte read too far is seen; the document
 * points into it, and its facts are not those of an empty one.
 */
static char  *copy;


static dmp_rc_t
read_back(const char *text, dmp_document_t *d)
{
    size_t  len;

    free(copy);
    len = strlen(text);
    copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(d, 0xff, sizeof(*d));

    return dmp_index_read(copy, len, d);
}


static int
release(void **state)
{
    (void) state;

    free(copy);

    return 0;
}


/* Facts that any rule shows to nobody. */
static void
shows_nothing(const dmp_document_t *d)
{
    assert_true(d->other_patient);
    assert_false(d->indexed);
    assert_int_equal(d->labels, DMP_LABEL_ALL);
    assert_int_equal(d->n_types, 0);
    assert_int_equal(d->n_authors, 0);
    assert_int_equal(d->n_structures, 0);
    assert_int_equal(d->n_attachments, 0);
    assert_int_equal(d->n_ins, 0);
    assert_int_equal(d->status, DMP_STATUS_UNKNOWN);
    assert_false(d->by_patient);
    assert_true(d->by_others);
    assert_true(d->archived);
    assert_true(d->replaces);
    assert_false(d->dated);
    assert_int_equal(dmp_document_patient(d, str("285037512000151")),
                     DMP_PATIENT_OTHER);
}


static void
refused(const char *text, dmp_rc_t want)
{
    dmp_rc_t        rc;
    dmp_document_t  d;

    rc = read_back(text, &d);

    if (rc != want) {
        fail_msg("%s: %d, not %d", text, rc, want);
    }

    shows_nothing(&d);
}


static void
hash_is(const char *host, size_t host_len, const char *resource,
    const char *want)
{
    char  out[DMP_INDEX_HASH_LEN];

    assert_int_equal(dmp_index_hash(key, (dmp_str_t) { host, host_len },
                                    str(resource), out), DMP_OK);

    if (memcmp(out, want, sizeof(out)) != 0) {
        fail_msg("%s of %s: %.22s", resource, host, out);
    }
}


/* Computed by Python's hmac module. */
static void
hashes(void **state)
{
    (void) state;

    hash_is("main", 4, "DocumentReference/martin-1", "z4s8h5K7TNXFyc42lWgm6w");
    hash_is("main", 4, "Binary/martin-1", "pFrRpBtUct-odvkA5KqIhw");
    hash_is("other", 5, "Binary/martin-1", "bVUmCgZYxP8OFX25T5Gegw");
}


/* No two pairs have one text: where the host's name ends is part of it. */
static void
hash_parts(void **state)
{
    char  a[DMP_INDEX_HASH_LEN], b[DMP_INDEX_HASH_LEN];

    (void) state;

    assert_int_equal(dmp_index_hash(key, str("a"), str("bBinary/x"), a),
                     DMP_OK);
    assert_int_equal(dmp_index_hash(key, str("ab"), str("Binary/x"), b),
                     DMP_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}


static void
hash_refused(void **state)
{
    char         out[DMP_INDEX_HASH_LEN];

    static char  resource[2000];

    (void) state;

    memset(resource, 'x', sizeof(resource) - 1);

    memset(out, 'x', sizeof(out));
    assert_int_equal(dmp_index_hash(key, str(""), str("Binary/x"), out),
                     DMP_E_SYNTAX);
    assert_int_equal(out[0], '\0');
    assert_int_equal(out[DMP_INDEX_HASH_LEN - 1], '\0');
    assert_int_equal(dmp_index_hash(key, str("a"), str(""), out),
                     DMP_E_SYNTAX);
    assert_int_equal(dmp_index_hash(key, (dmp_str_t) { "a\0b", 3 },
                                    str("Binary/x"), out), DMP_E_SYNTAX);
    assert_int_equal(dmp_index_hash(key, str("a"), str(resource), out),
                     DMP_E_LIMIT);
}


static void
smallest(void **state)
{
    dmp_document_t  d;

    (void) state;

    memset(&d, 0, sizeof(d));
    d.id = str("d");
    d.status = DMP_STATUS_CURRENT;
    assert_string_equal(written(&d, NULL, 0), SMALLEST);

    assert_int_equal(read_back(SMALLEST, &d), DMP_OK);
    assert_true(d.indexed);
    assert_true(dmp_str_eq(d.id, str("d")));
    assert_int_equal(d.master.len, 0);
    assert_false(d.other_patient);
    assert_int_equal(d.n_ins, 0);
    assert_int_equal(dmp_document_patient(&d, str("285037512000151")),
                     DMP_PATIENT_UNNAMED);
    assert_int_equal(d.labels, 0);
    assert_int_equal(d.status, DMP_STATUS_CURRENT);
    assert_false(d.by_patient);
    assert_false(d.by_others);
    assert_false(d.replaces);
    assert_false(d.archived);
    assert_false(d.dated);
    assert_false(d.inlined);
    assert_false(d.outcome);
    assert_int_equal(d.n_types + d.n_authors + d.n_structures
                     + d.n_attachments, 0);
}


/* Every member other than in the smallest, with all that must be escaped. */
static void
fill(dmp_document_t *d)
{
    memset(d, 0, sizeof(*d));
    d->id = str("doc-1");
    d->master = str("urn:\"oid\"\\\n\x01\xc2\x85\xc3\xa9");
    d->types[0].system = str("http://loinc.org");
    d->types[0].code = str("11488-4");
    d->types[1].code = str("x");
    d->n_types = 2;
    d->labels = DMP_LABEL_MASKED | DMP_LABEL_INVISIBLE_REPRESENTATIVES;
    d->authors[0] = str("899700218896");
    d->authors[1] = str("0751234567");
    d->n_authors = 2;
    d->structures[0] = str("1750712184");
    d->n_structures = 1;
    d->by_patient = true;
    d->by_others = true;
    d->replaces = true;
    d->status = DMP_STATUS_DELETED;
    d->archived = true;
    d->dated = true;
    d->deposited = 20485;                /* 2026-02-01 */
    d->inlined = true;
}


static void
everything(void **state)
{
    dmp_document_t  d, wrote;
    dmp_str_t       attachments[] = {
        dmp_string("Binary/a"), dmp_string("Bundle/b")
    };

    (void) state;

    fill(&wrote);
    assert_string_equal(written(&wrote, attachments, 2),
        "{\"id\":\"doc-1\","
        "\"master\":\"urn:\\\"oid\\\"\\\\\\n\\u0001\\u0085\xc3\xa9\","
        "\"types\":[[\"http://loinc.org\",\"11488-4\"],[\"\",\"x\"]],"
        "\"labels\":[\"masked\",\"invisible-representatives\"],"
        "\"authors\":[\"899700218896\",\"0751234567\"],"
        "\"structures\":[\"1750712184\"],\"by_patient\":true,"
        "\"by_others\":true,\"replaces\":true,\"status\":\"deleted\","
        "\"archived\":true,\"deposited\":\"2026-02-01\",\"inlined\":true,"
        "\"attachments\":[\"Binary/a\",\"Bundle/b\"]}");

    assert_int_equal(read_back(written(&wrote, attachments, 2), &d), DMP_OK);
    assert_true(d.indexed);
    assert_true(dmp_str_eq(d.id, wrote.id));
    assert_true(dmp_str_eq(d.master, wrote.master));
    assert_int_equal(d.n_types, 2);
    assert_true(dmp_str_eq(d.types[0].system, wrote.types[0].system));
    assert_true(dmp_str_eq(d.types[0].code, wrote.types[0].code));
    assert_int_equal(d.types[1].system.len, 0);
    assert_true(dmp_str_eq(d.types[1].code, str("x")));
    assert_int_equal(d.labels, wrote.labels);
    assert_int_equal(d.n_authors, 2);
    assert_true(dmp_str_eq(d.authors[0], wrote.authors[0]));
    assert_true(dmp_str_eq(d.authors[1], wrote.authors[1]));
    assert_int_equal(d.n_structures, 1);
    assert_true(dmp_str_eq(d.structures[0], wrote.structures[0]));
    assert_true(d.by_patient);
    assert_true(d.by_others);
    assert_true(d.replaces);
    assert_int_equal(d.status, DMP_STATUS_DELETED);
    assert_true(d.archived);
    assert_true(d.dated);
    assert_int_equal(d.deposited, 20485);
    assert_true(d.inlined);
    assert_int_equal(d.n_attachments, 2);
    assert_true(dmp_str_eq(d.attachments[0], attachments[0]));
    assert_true(dmp_str_eq(d.attachments[1], attachments[1]));
}


/* Each of them alone, so that two cannot stand for each other. */
static void
one_by_one(void **state)
{
    unsigned        i;
    dmp_document_t  d, wrote;

    (void) state;

    for (i = 0; i <= DMP_LABEL_ALL; i++) {
        memset(&wrote, 0, sizeof(wrote));
        wrote.id = str("d");
        wrote.labels = i;
        wrote.status = (dmp_status_t) (i % DMP_STATUS_MAX);
        wrote.by_patient = (i % 6) == 1;
        wrote.by_others = (i % 6) == 2;
        wrote.replaces = (i % 6) == 3;
        wrote.archived = (i % 6) == 4;
        wrote.inlined = (i % 6) == 5;

        assert_int_equal(read_back(written(&wrote, NULL, 0), &d), DMP_OK);
        assert_int_equal(d.labels, i);
        assert_int_equal(d.status, wrote.status);
        assert_int_equal(d.by_patient, wrote.by_patient);
        assert_int_equal(d.by_others, wrote.by_others);
        assert_int_equal(d.replaces, wrote.replaces);
        assert_int_equal(d.archived, wrote.archived);
        assert_int_equal(d.inlined, wrote.inlined);
    }
}


static void
deposited_is(int32_t day, const char *want)
{
    char            text[1024];
    dmp_document_t  d, wrote;

    memset(&wrote, 0, sizeof(wrote));
    wrote.id = str("d");
    wrote.status = DMP_STATUS_CURRENT;
    wrote.dated = true;
    wrote.deposited = day;

    if (want == NULL) {
        assert_null(written(&wrote, NULL, 0));
        return;
    }

    (void) snprintf(text, sizeof(text), HEAD STATUS "\"deposited\":\"%s\","
                    TAIL, want);
    assert_string_equal(written(&wrote, NULL, 0), text);
    assert_int_equal(read_back(text, &d), DMP_OK);
    assert_true(d.dated);
    assert_int_equal(d.deposited, day);
}


static void
days(void **state)
{
    (void) state;

    deposited_is(0, "1970-01-01");
    deposited_is(-1, "1969-12-31");
    deposited_is(-719162, "0001-01-01");
    deposited_is(-719163, NULL);
    deposited_is(2932896, "9999-12-31");
    deposited_is(2932897, NULL);
}


/* As many as there may be are kept; one more is not cut off but refused. */
static void
limits(void **state)
{
    unsigned        i;
    dmp_str_t       attachments[DMP_DOCUMENT_ATTACHMENTS + 1];
    dmp_document_t  d, wrote;

    (void) state;

    memset(&wrote, 0, sizeof(wrote));
    wrote.id = str("d");
    wrote.n_types = DMP_DOCUMENT_TYPES;
    wrote.n_authors = DMP_DOCUMENT_AUTHORS;
    wrote.n_structures = DMP_DOCUMENT_STRUCTURES;

    for (i = 0; i <= DMP_DOCUMENT_ATTACHMENTS; i++) {
        attachments[i] = str("Binary/a");
    }

    assert_int_equal(read_back(written(&wrote, attachments,
                                       DMP_DOCUMENT_ATTACHMENTS), &d), DMP_OK);
    assert_int_equal(d.n_types, DMP_DOCUMENT_TYPES);
    assert_int_equal(d.n_authors, DMP_DOCUMENT_AUTHORS);
    assert_int_equal(d.n_structures, DMP_DOCUMENT_STRUCTURES);
    assert_int_equal(d.n_attachments, DMP_DOCUMENT_ATTACHMENTS);

    assert_null(written(&wrote, attachments, DMP_DOCUMENT_ATTACHMENTS + 1));

    wrote.n_types++;
    assert_null(written(&wrote, NULL, 0));
    wrote.n_types--;
    wrote.n_authors++;
    assert_null(written(&wrote, NULL, 0));
    wrote.n_authors--;
    wrote.n_structures++;
    assert_null(written(&wrote, NULL, 0));
    wrote.n_structures--;
    wrote.labels = DMP_LABEL_ALL + 1;
    assert_null(written(&wrote, NULL, 0));
    wrote.labels = 0;
    assert_non_null(written(&wrote, NULL, 0));
    wrote.id = str("");
    assert_null(written(&wrote, NULL, 0));
}


/* What the scanner lets through of no answer would not come back as it was. */
static void
not_text(void **state)
{
    dmp_document_t  wrote;

    (void) state;

    memset(&wrote, 0, sizeof(wrote));
    wrote.id = str("d");
    wrote.master = (dmp_str_t) { "a\0b", 3 };
    assert_null(written(&wrote, NULL, 0));
    wrote.master = str("\xc3");
    assert_null(written(&wrote, NULL, 0));
    wrote.master = str("");
    wrote.n_authors = 1;
    wrote.authors[0] = str("\xff");
    assert_null(written(&wrote, NULL, 0));
}


static void
not_an_attachment(const char *text)
{
    char            json[1024];
    dmp_str_t       attachment;
    dmp_document_t  wrote;

    memset(&wrote, 0, sizeof(wrote));
    wrote.id = str("d");
    wrote.status = DMP_STATUS_CURRENT;
    attachment = str(text);

    if (written(&wrote, &attachment, 1) != NULL) {
        fail_msg("\"%s\" is written", text);
    }

    (void) snprintf(json, sizeof(json), HEAD STATUS
                    "\"inlined\":false,\"attachments\":[\"%s\"]}", text);
    refused(json, DMP_E_UNKNOWN);
}


static void
attachments(void **state)
{
    char  text[200];

    (void) state;

    not_an_attachment("");
    not_an_attachment("Binary/");
    not_an_attachment("Binary");
    not_an_attachment("binary/a");
    not_an_attachment("Patient/a");
    not_an_attachment("Bundle/a/b");
    not_an_attachment("Bundle/a b");
    not_an_attachment("Binary/\xc3\xa9");
    not_an_attachment("http://host/fhir/Binary/a");

    memset(text, 'x', sizeof(text));
    memcpy(text, "Binary/", 7);
    text[129] = '\0';
    not_an_attachment(text);
}


static void
strange(void **state)
{
    (void) state;

    refused("x", DMP_E_SYNTAX);
    refused("{}", DMP_E_UNKNOWN);
    refused("[]", DMP_E_SYNTAX);
    refused(SMALLEST "x", DMP_E_SYNTAX);
    refused(HEAD STATUS "\"inlined\":false,\"attachments\":[]", DMP_E_SYNTAX);

    /* a member that is unknown, missing, given twice, or elsewhere */

    refused(HEAD STATUS "\"more\":1," TAIL, DMP_E_UNKNOWN);
    refused(HEAD "\"status\":\"current\"," TAIL, DMP_E_UNKNOWN);
    refused(HEAD STATUS "\"id\":\"e\"," TAIL, DMP_E_SYNTAX);
    refused("{" STATUS "\"id\":\"d\"}", DMP_E_UNKNOWN);
    refused(HEAD "\"archived\":false,\"status\":\"current\"," TAIL,
            DMP_E_UNKNOWN);

    /* the same in other bytes is not ours either */

    refused(" " SMALLEST, DMP_E_UNKNOWN);
    refused(SMALLEST "\n", DMP_E_UNKNOWN);
    refused(HEAD STATUS "\"inlined\":false,\"attachments\":[\"Binary\\/a\"]}",
            DMP_E_UNKNOWN);
    refused(HEAD "\"status\":\"curr\\u0065nt\",\"archived\":false," TAIL,
            DMP_E_UNKNOWN);
}


static void
wrong_values(void **state)
{
    (void) state;

    refused("{\"id\":1}", DMP_E_SYNTAX);
    refused("{\"id\":\"\"}", DMP_E_UNKNOWN);
    refused("{\"types\":[[\"a\"]]}", DMP_E_UNKNOWN);
    refused("{\"types\":[[\"a\",\"b\",\"c\"]]}", DMP_E_UNKNOWN);
    refused("{\"types\":[\"a\",\"b\"]}", DMP_E_SYNTAX);
    refused("{\"types\":{}}", DMP_E_SYNTAX);
    refused("{\"labels\":[\"secret\"]}", DMP_E_UNKNOWN);
    refused("{\"labels\":[1]}", DMP_E_SYNTAX);
    refused("{\"labels\":\"masked\"}", DMP_E_SYNTAX);
    refused("{\"authors\":[null]}", DMP_E_SYNTAX);
    refused("{\"structures\":\"x\"}", DMP_E_SYNTAX);
    refused("{\"by_patient\":\"true\"}", DMP_E_SYNTAX);
    refused("{\"by_others\":1}", DMP_E_SYNTAX);
    refused("{\"replaces\":null}", DMP_E_SYNTAX);
    refused("{\"archived\":0}", DMP_E_SYNTAX);
    refused("{\"inlined\":[]}", DMP_E_SYNTAX);
    refused("{\"status\":\"final\"}", DMP_E_UNKNOWN);
    refused("{\"status\":false}", DMP_E_SYNTAX);
    refused("{\"attachments\":[1]}", DMP_E_SYNTAX);
    refused(HEAD STATUS "\"deposited\":\"2026-02-30\"," TAIL, DMP_E_UNKNOWN);
    refused(HEAD STATUS "\"deposited\":20485," TAIL, DMP_E_SYNTAX);
    refused(HEAD "\"status\":\"current\",\"archived\":false,"
            "\"inlined\":false,\"attachments\":[]}}", DMP_E_SYNTAX);
}


/* A label in another order than ours, and one that is said twice. */
static void
labels_once(void **state)
{
    char            text[2000];
    size_t          i;
    dmp_document_t  d;

    static const struct {
        const char  *labels;
        dmp_rc_t     rc;
    } tries[] = {
        { "\"masked\",\"unknown\"", DMP_OK },
        { "\"unknown\",\"masked\"", DMP_E_UNKNOWN },
        { "\"masked\",\"masked\"",  DMP_E_UNKNOWN }
    };

    (void) state;

    for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        (void) snprintf(text, sizeof(text),
            "{\"id\":\"d\",\"master\":\"\",\"types\":[],\"labels\":[%s],"
            "\"authors\":[],\"structures\":[],\"by_patient\":false,"
            "\"by_others\":false,\"replaces\":false," STATUS TAIL,
            tries[i].labels);

        if (tries[i].rc == DMP_OK) {
            assert_int_equal(read_back(text, &d), DMP_OK);
            assert_int_equal(d.labels, DMP_LABEL_MASKED | DMP_LABEL_UNKNOWN);

        } else {
            refused(text, tries[i].rc);
        }
    }
}


static void
too_many(const char *name, const char *item, unsigned n)
{
    char       text[4096];
    unsigned   i;
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text) - 1);
    dmp_buf_text(&b, "{\"");
    dmp_buf_text(&b, name);
    dmp_buf_text(&b, "\":[");

    for (i = 0; i < n; i++) {
        dmp_buf_text(&b, i == 0 ? "" : ",");
        dmp_buf_text(&b, item);
    }

    dmp_buf_text(&b, "]}");
    assert_false(b.full);
    text[b.len] = '\0';
    refused(text, DMP_E_UNKNOWN);
}


static void
too_long(void **state)
{
    char            *text;
    dmp_document_t   d;

    (void) state;

    too_many("types", "[\"\",\"x\"]", DMP_DOCUMENT_TYPES + 1);
    too_many("authors", "\"x\"", DMP_DOCUMENT_AUTHORS + 1);
    too_many("structures", "\"x\"", DMP_DOCUMENT_STRUCTURES + 1);
    too_many("attachments", "\"Binary/x\"", DMP_DOCUMENT_ATTACHMENTS + 1);

    text = malloc(DMP_INDEX_TEXT_MAX + 2);
    assert_non_null(text);
    memset(text, ' ', DMP_INDEX_TEXT_MAX + 1);
    memcpy(text, SMALLEST, sizeof(SMALLEST) - 1);
    text[DMP_INDEX_TEXT_MAX + 1] = '\0';
    refused(text, DMP_E_SYNTAX);
    free(text);

    memset(&d, 0, sizeof(d));
    assert_int_equal(dmp_index_read(NULL, 0, &d), DMP_E_SYNTAX);
    shows_nothing(&d);
}


static void
has(void **state)
{
    dmp_document_t  d;

    (void) state;

    assert_int_equal(read_back(HEAD STATUS "\"inlined\":false,"
                     "\"attachments\":[\"Binary/a\",\"Bundle/b\"]}", &d),
                     DMP_OK);
    assert_true(dmp_index_has(&d, str("Binary/a")));
    assert_true(dmp_index_has(&d, str("Bundle/b")));
    assert_false(dmp_index_has(&d, str("Binary/b")));
    assert_false(dmp_index_has(&d, str("Binary/")));
    assert_false(dmp_index_has(&d, str("")));

    (void) read_back("{}", &d);
    assert_false(dmp_index_has(&d, str("Binary/a")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hashes),
        cmocka_unit_test(hash_parts),
        cmocka_unit_test(hash_refused),
        cmocka_unit_test(smallest),
        cmocka_unit_test(everything),
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(days),
        cmocka_unit_test(limits),
        cmocka_unit_test(not_text),
        cmocka_unit_test(attachments),
        cmocka_unit_test(strange),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(labels_once),
        cmocka_unit_test(too_long),
        cmocka_unit_test(has)
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
