/*
 * test_history.c: who sees which entry of a record, what of it is told, and
 * that what does not hang together is told by nobody.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_history.h>

#include "load_policy.h"


#define P        "AAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_P  "BBBBBBBBBBBBBBBBBBBBBB"
#define HASH     "CCCCCCCCCCCCCCCCCCCCCC"
#define TRACE    "019aa9b2-0000-7000-8000-000000000001"
#define DOCTOR   "899700218896"
#define ADELI    "0751234567"
#define BUCKET   7
#define TODAY    20500

#define count(table)  (sizeof(table) / sizeof((table)[0]))

/* What of an entry a test says; what it leaves out is as below. */
typedef struct {
    const char  *kind;
    const char  *actor;
    const char  *id;
    const char  *patient;
    const char  *operation;              /* and what follows it up to the
                                            decision */
    const char  *decision;               /* with rule and reason */
    const char  *route;
    char         outcome;
    unsigned     bucket;
} said_t;

static dmp_policy_t         *policy;
static dmp_keyring_t         ring;
static dmp_subject_t         subject;
static dmp_history_reader_t  reader;
static char                  text[DMP_ENTRY_MAX];


static const char *
or(const char *value, const char *usual)
{
    return value != NULL ? value : usual;
}


/* In one memory: the one before is gone. */
static dmp_stored_t
stored(const said_t *said)
{
    int           n;
    bool          change;
    dmp_stored_t  s;

    change = strcmp(or(said->kind, "access"), "change") == 0;

    n = snprintf(text, sizeof(text), "{\"format\":1,\"kind\":\"%s\",\"writer\":"
                 "\"gw1/0123456789abcdef\",\"epoch\":1,\"seq\":2,\"prev\":"
                 "\"%.43s\",\"bucket\":%u,\"time\":\"2026-02-01T10:15:00.000Z\""
                 ",\"ack\":[1,\"%.22s\"],\"trace\":\"" TRACE "\",\"actor\":{"
                 "\"kind\":\"%s\",\"id\":\"%s\",\"role\":["
                 "\"1.2.250.1.71.1.2.7\",\"10\"],\"structure\":\"1750712184\","
                 "\"auth\":\"direct\",\"certificate\":{\"serial\":\"0a\"}},"
                 "\"patient\":\"%s\",\"operation\":%s,\"decision\":%s,"
                 "\"policy\":\"0123456789012345678901\",\"version\":3%s,"
                 "\"client\":\"192.0.2.7\",\"method\":\"GET\",\"route\":"
                 "\"%s\"}",
                 or(said->kind, "access"),
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                 said->bucket != 0 ? said->bucket : BUCKET,
                 "AAAAAAAAAAAAAAAAAAAAAAAAA",
                 or(said->actor, "professional"), or(said->id, DOCTOR),
                 or(said->patient, P),
                 or(said->operation, "\"search\",\"mode\":\"normal\""),
                 or(said->decision, "\"allow\",\"rule\":\"G1\""),
                 change ? ",\"new_version\":4" : "",
                 or(said->route, "DocumentReference?"));

    assert_true(n > 0 && (size_t) n < sizeof(text));
    memset(&s, 0, sizeof(s));
    s.bucket = BUCKET;
    s.id_ms = 1769940900000;
    s.id_seq = 1;
    s.body = (dmp_str_t) { text, (size_t) n };
    s.outcome = said->outcome == '0' ? dmp_string("0")
                : said->outcome == 'S' ? dmp_string("S")
                : said->outcome == 'R' || (said->outcome == 0 && change)
                ? dmp_string("R") : dmp_string("1");

    return s;
}


static dmp_told_t
told(const said_t *said)
{
    dmp_item_t    item;
    dmp_told_t    is;
    dmp_stored_t  s;

    s = stored(said);
    dmp_item_read(&item, &s);

    if (!item.readable) {
        fail_msg("%s: %s", item.error.text, text);
    }

    assert_int_equal(dmp_item_open(&item, NULL), DMP_OK);
    is = dmp_history_told(&reader, &item);
    dmp_item_free(&item);

    return is;
}


static int
fresh(void **state)
{
    (void) state;
    memset(&subject, 0, sizeof(subject));
    memset(&reader, 0, sizeof(reader));

    subject.actor = DMP_ACTOR_PROFESSIONAL;
    subject.id = dmp_string(DOCTOR);
    reader.policy = policy;
    reader.subject = &subject;
    reader.patient = dmp_string(P);
    reader.bucket = BUCKET;
    reader.today = TODAY;

    return 0;
}


/* Who reads: nobody but by a positive reason. */
static void
test_readers(void **state)
{
    size_t  i;

    static const struct {
        dmp_actor_t  actor;
        const char  *id;
        bool         whole;
        dmp_told_t   told;
        bool         filtered;
    } readers[] = {
        { DMP_ACTOR_NONE, "", false, DMP_TOLD_NOT, true },
        { DMP_ACTOR_NONE, "", true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_PATIENT, P, true, DMP_TOLD_WHOLE, false },
        { DMP_ACTOR_PATIENT, OTHER_P, true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_PATIENT, "", true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_PATIENT, P, false, DMP_TOLD_NOT, true },
        { DMP_ACTOR_REPRESENTATIVE, OTHER_P, true, DMP_TOLD_WHOLE, true },
        { DMP_ACTOR_REPRESENTATIVE, OTHER_P, false, DMP_TOLD_NOT, true },
        { DMP_ACTOR_PROFESSIONAL, "899700314422", true, DMP_TOLD_WHOLE,
          false },
        { DMP_ACTOR_PROFESSIONAL, "899700314422", false, DMP_TOLD_NOT, true },
        { DMP_ACTOR_PROFESSIONAL, DOCTOR, false, DMP_TOLD_WHOLE, true },
        { DMP_ACTOR_STAFF, DOCTOR, true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_STAFF, DOCTOR, false, DMP_TOLD_NOT, true },
        { DMP_ACTOR_STRUCTURE, DOCTOR, true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_FEEDER, DOCTOR, true, DMP_TOLD_NOT, false },
        { DMP_ACTOR_OPERATOR, "operator", true, DMP_TOLD_WHOLE, false },
        { DMP_ACTOR_OPERATOR, "operator", false, DMP_TOLD_NOT, true },
    };

    (void) state;

    for (i = 0; i < count(readers); i++) {
        subject.actor = readers[i].actor;
        subject.id = (dmp_str_t) { readers[i].id, strlen(readers[i].id) };
        reader.whole = readers[i].whole;

        if (told(&(said_t) { .kind = NULL }) != readers[i].told
            || dmp_history_filtered(&reader) != readers[i].filtered)
        {
            fail_msg("reader %zu", i);
        }
    }
}


/* Their own, by any identifier; and not what the answer kept from them. */
static void
test_own(void **state)
{
    size_t  i;

    static const struct {
        said_t      said;
        dmp_told_t  told;
    } own[] = {
        { { .id = DOCTOR }, DMP_TOLD_WHOLE },
        { { .id = ADELI }, DMP_TOLD_WHOLE },
        { { .id = "899700218897" }, DMP_TOLD_NOT },
        { { .id = "89970021889" }, DMP_TOLD_NOT },
        { { .actor = "staff", .id = DOCTOR }, DMP_TOLD_NOT },
        { { .actor = "patient", .id = DOCTOR }, DMP_TOLD_NOT },
        { { .actor = "nobody at all", .id = DOCTOR }, DMP_TOLD_NOT },
        { { .decision = "\"deny\",\"rule\":\"G1\",\"reason\":"
                        "\"not-authorised\"" }, DMP_TOLD_WHOLE },
        { { .operation = "\"read\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "DocumentReference/{id}" },
          DMP_TOLD_WHOLE },
        { { .operation = "\"read\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "DocumentReference/{id}",
            .decision = "\"deny\",\"rule\":\"H3\",\"reason\":\"masked\"" },
          DMP_TOLD_NOT },
        { { .operation = "\"read\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "Binary/{id}",
            .decision = "\"deny\",\"rule\":\"G1\",\"reason\":"
                        "\"not-authorised\"" },
          DMP_TOLD_NOT },
        { { .operation = "\"read\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "DocumentReference/{id}",
            .outcome = '0' }, DMP_TOLD_NOT },
        { { .operation = "\"find\",\"mode\":\"centre-15\",\"emergency\":true",
            .route = "Patient?family=&given=&birthdate=",
            .decision = "\"deny\",\"rule\":\"G6\",\"reason\":"
                        "\"emergency-opposed\"" }, DMP_TOLD_NOT },
        { { .operation = "\"mask\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "records/{ins}/masks/{document}",
            .decision = "\"deny\",\"rule\":\"H3\",\"reason\":\"masked\"" },
          DMP_TOLD_UNNAMED },
        { { .operation = "\"mask\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "records/{ins}/masks/{document}",
            .decision = "\"deny\",\"rule\":\"H6\",\"reason\":\"not-author\"" },
          DMP_TOLD_WHOLE },
        { { .kind = "change", .operation = "\"mask\",\"mode\":\"normal\","
            "\"documents\":[[\"d\",\"\"]]", .outcome = '0',
            .route = "records/{ins}/masks/{document}" }, DMP_TOLD_UNNAMED },
        { { .kind = "change", .operation = "\"mask\",\"mode\":\"normal\","
            "\"documents\":[[\"d\",\"\"]]",
            .route = "records/{ins}/masks/{document}" }, DMP_TOLD_WHOLE },
        { { .operation = "\"read\",\"mode\":\"normal\"",
            .route = "records/{in", .decision = "\"deny\",\"rule\":\"G1\","
            "\"reason\":\"not-authorised\"" }, DMP_TOLD_NOT },
    };

    (void) state;
    subject.other_ids[0] = dmp_string(ADELI);
    subject.n_other_ids = 1;

    for (i = 0; i < count(own); i++) {
        if (told(&own[i].said) != own[i].told) {
            fail_msg("entry %zu", i);
        }
    }

    /* nobody has an empty name */
    subject.id = dmp_null_string;
    subject.other_ids[0] = dmp_null_string;
    assert_int_equal(told(&(said_t) { .id = "" }), DMP_TOLD_NOT);
}


/* What is hidden from patient and representatives, and until when. */
static void
test_documents(void **state)
{
    size_t                  i;
    dmp_document_t          documents[2];
    dmp_history_document_t  known[2];

    static const struct {
        unsigned     labels;
        int32_t      age;                /* days; -1: not dated */
        const char  *name;               /* in the entry */
        dmp_told_t   patient;
        dmp_told_t   representative;
    } cases[] = {
        { 0, 1, "m.1", DMP_TOLD_WHOLE, DMP_TOLD_WHOLE },
        { 0, 1, "d1", DMP_TOLD_WHOLE, DMP_TOLD_WHOLE },
        { 0, 1, HASH, DMP_TOLD_WHOLE, DMP_TOLD_WHOLE },
        { 0, 1, "m.2", DMP_TOLD_UNNAMED, DMP_TOLD_NOT },
        { 0, 1, "", DMP_TOLD_UNNAMED, DMP_TOLD_NOT },
        { DMP_LABEL_MASKED, 1, "m.1", DMP_TOLD_WHOLE, DMP_TOLD_WHOLE },
        { DMP_LABEL_INVISIBLE_PATIENT, 1, "m.1", DMP_TOLD_UNNAMED,
          DMP_TOLD_UNNAMED },
        { DMP_LABEL_INVISIBLE_PATIENT, 1, HASH, DMP_TOLD_UNNAMED,
          DMP_TOLD_UNNAMED },
        { DMP_LABEL_INVISIBLE_PATIENT, -1, "m.1", DMP_TOLD_UNNAMED,
          DMP_TOLD_UNNAMED },
        { DMP_LABEL_INVISIBLE_PATIENT, 400, "m.1", DMP_TOLD_WHOLE,
          DMP_TOLD_WHOLE },
        { DMP_LABEL_INVISIBLE_REPRESENTATIVES, 1, "m.1", DMP_TOLD_WHOLE,
          DMP_TOLD_NOT },
        { DMP_LABEL_INVISIBLE_REPRESENTATIVES, 400, "d1", DMP_TOLD_WHOLE,
          DMP_TOLD_NOT },
        { DMP_LABEL_UNKNOWN, 1, "m.1", DMP_TOLD_UNNAMED, DMP_TOLD_NOT },
        { DMP_LABEL_UNKNOWN, 400, "m.1", DMP_TOLD_WHOLE, DMP_TOLD_NOT },
    };

    (void) state;
    reader.whole = true;
    reader.documents = known;
    assert_false(dmp_history_documents(&reader));

    for (i = 0; i < count(cases); i++) {
        char    operation[256];
        said_t  said = { .route = "DocumentReference/{id}" };

        (void) snprintf(operation, sizeof(operation), "\"read\",\"mode\":"
                        "\"normal\",\"documents\":[[\"%s\",\"\"]]",
                        cases[i].name);
        said.operation = operation;

        memset(documents, 0, sizeof(documents));
        documents[0].id = dmp_string("d1");
        documents[0].master = dmp_string("m.1");
        documents[0].labels = cases[i].labels;
        documents[0].dated = cases[i].age >= 0;
        documents[0].deposited = TODAY - cases[i].age;
        known[0] = (dmp_history_document_t) { dmp_string(HASH),
                                              &documents[0] };
        reader.n_documents = 1;

        subject.actor = DMP_ACTOR_PATIENT;
        subject.id = dmp_string(P);
        assert_true(dmp_history_documents(&reader));

        if (told(&said) != cases[i].patient) {
            fail_msg("patient, case %zu", i);
        }

        subject.actor = DMP_ACTOR_REPRESENTATIVE;
        subject.id = dmp_string(OTHER_P);
        assert_true(dmp_history_documents(&reader));

        if (told(&said) != cases[i].representative) {
            fail_msg("representative, case %zu", i);
        }

        /* another one has the same name: the most hidden counts */
        documents[1].id = dmp_string("d2");
        documents[1].master = documents[0].master;
        documents[1].labels = DMP_LABEL_INVISIBLE_REPRESENTATIVES;
        known[1] = (dmp_history_document_t) { dmp_string(OTHER_P),
                                              &documents[1] };
        reader.n_documents = 2;

        if (strcmp(cases[i].name, "m.1") == 0) {
            assert_int_equal(told(&said), DMP_TOLD_NOT);
        }
    }
}


/* Nobody is told of a record by what is about another. */
static void
test_wrong(void **state)
{
    bool          seen;
    size_t        i;
    const char   *why;
    dmp_stored_t  s;

    static const struct {
        said_t       said;
        const char  *why;
    } wrong[] = {
        { { .patient = OTHER_P }, "an entry about another record" },
        { { .bucket = 8 }, "an entry of another bucket" },
        { { .outcome = 'S' }, "an entry with another's outcome" },
        { { .outcome = 'R' }, "an entry with another's outcome" },
        { { .kind = "change", .outcome = '1' },
          "an entry with another's outcome" },
        { { .operation = "\"search\"" }, "an entry that is none" },
        { { .kind = "probe" }, "an entry that is none" },
    };

    (void) state;
    reader.whole = true;

    for (i = 0; i < count(wrong); i++) {
        s = stored(&wrong[i].said);
        seen = true;
        why = dmp_history_see(&reader, &s, &seen);
        assert_non_null(why);
        assert_string_equal(why, wrong[i].why);
        assert_false(seen);
    }

    s = stored(&(said_t) { .outcome = '0' });
    assert_null(dmp_history_see(&reader, &s, &seen));
    assert_true(seen);

    s.bucket = 8;
    assert_non_null(dmp_history_see(&reader, &s, &seen));
    assert_false(seen);

    /* a reader of no record */
    s.bucket = BUCKET;
    reader.patient = dmp_null_string;
    assert_non_null(dmp_history_see(&reader, &s, &seen));
    assert_false(seen);
}


static void
test_reference(void **state)
{
    uint64_t  ms, seq;

    (void) state;
    assert_true(dmp_reference_read(dmp_string("\0\1\2\3\4\5\xff\xfe"), &ms,
                                   &seq));
    assert_true(ms == 0x0102030405 && seq == 0xfffe);
    assert_true(dmp_reference_read(dmp_string("\0\0\0\1\2\3\4\5"
                                              "\0\0\0\0\0\1\0\0"), &ms, &seq));
    assert_true(ms == 0x0102030405 && seq == 0x10000);
    assert_false(dmp_reference_read(dmp_null_string, &ms, &seq));
    assert_false(dmp_reference_read(dmp_string("1234567"), &ms, &seq));
    assert_false(dmp_reference_read(dmp_string("123456789"), &ms, &seq));
}


/* Sealed as a gateway does, as the member of an entry; to be freed. */
static char *
sealed(const char *field, const char *words)
{
    char       *out;
    size_t      len;
    dmp_buf_t   b;
    char        bytes[1024];

    assert_int_equal(dmp_seal(&ring, dmp_string(TRACE),
                              (dmp_str_t) { field, strlen(field) }, 1, words,
                              strlen(words), bytes, &len), DMP_OK);
    out = malloc(2048);
    assert_non_null(out);
    dmp_buf_init(&b, out, 2047);
    dmp_buf_base64url(&b, (const unsigned char *) bytes, len);
    assert_false(b.full);
    out[b.len] = '\0';

    return out;
}


/* One entry as its reader is told of it: parsed, to be freed. */
static json_t *
tell(const said_t *said, bool fhir, uint64_t n, unsigned unopened)
{
    size_t                len;
    json_t               *all;
    const char           *out;
    dmp_stored_t          s;
    dmp_history_t        *h;
    dmp_history_query_t   query = { .limit = 50 };
    dmp_history_end_t     end = { .ins = dmp_string("285037512000151"),
                                  .query = &query, .total = n };

    s = stored(said);
    h = dmp_history_create(&reader, fhir);
    assert_non_null(h);
    assert_null(dmp_history_add(h, &s, n, &ring));
    assert_int_equal(dmp_history_unopened(h), unopened);
    out = dmp_history_end(h, &end, &len);
    assert_non_null(out);
    all = json_loadb(out, len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    dmp_history_free(h);

    return all;
}


static void
sentence(const said_t *said, const char *want)
{
    json_t      *all;
    const char  *got;

    all = tell(said, false, 3, 0);
    got = json_string_value(json_object_get(
        json_array_get(json_object_get(all, "entries"), 0), "text"));
    assert_string_equal(got, want);
    json_decref(all);
}


#define HEAD  "Le 1er février 2026 à 11:15:00, "
#define WHO   "le professionnel de santé " DOCTOR " (Médecin), pour la "      \
              "structure 1750712184, identifié par sa propre carte, "

static void
test_sentences(void **state)
{
    char  *words, operation[2200];

    (void) state;
    reader.whole = true;

    sentence(&(said_t) { .kind = NULL },
             HEAD WHO "a consulté la liste des documents : autorisé.");
    sentence(&(said_t) { .decision = "\"deny\",\"rule\":\"G1\",\"reason\":"
                                     "\"not-authorised\"" },
             HEAD WHO "a demandé la liste des documents : refusé, car ce "
             "professionnel n'était pas autorisé.");
    sentence(&(said_t) { .operation = "\"read\",\"mode\":\"normal\","
                         "\"documents\":[[\"1.2\",\"11488-4\"]]" },
             HEAD WHO "a lu le document 1.2 (CR ou fiche de consultation ou "
             "de visite) : autorisé.");
    sentence(&(said_t) { .outcome = '0' },
             HEAD WHO "a demandé la liste des documents : sans effet, car le "
             "dossier venait de changer ; la demande a été décidée à "
             "nouveau.");
    sentence(&(said_t) { .kind = "change", .operation = "\"rights\",\"mode\":"
                         "\"normal\",\"change\":\"block\",\"target\":"
                         "\"899700314422\"" },
             HEAD WHO "a bloqué l'accès de 899700314422 : fait.");

    words = sealed(DMP_JUSTIFICATION_FIELD, "Patiente inconsciente");
    (void) snprintf(operation, sizeof(operation), "\"search\",\"mode\":"
                    "\"bris-de-glace\",\"emergency\":true,\"justification\":"
                    "\"%s\"", words);
    sentence(&(said_t) { .operation = operation },
             HEAD "URGENCE (bris de glace) : " WHO "a consulté la liste des "
             "documents, avec la justification « Patiente inconsciente » : "
             "autorisé.");
    free(words);

    /* without its document */
    subject.actor = DMP_ACTOR_PATIENT;
    subject.id = dmp_string(P);
    sentence(&(said_t) { .operation = "\"read\",\"mode\":\"normal\","
                         "\"documents\":[[\"1.2\",\"11488-4\"]]" },
             HEAD WHO "a lu le contenu d'un document : autorisé.");
}


/* What is taken out before it is told. */
static void
test_redacted(void **state)
{
    char        *words, *out, operation[2200];
    size_t       i, k;
    json_t      *all, *one;

    static const char *const  never[] = {
        "192.0.2.7", "certificate", "0123456789012345678901", "H3", "\"d\"",
        "masked"
    };

    (void) state;

    /* a refusal, as it was answered */
    for (i = 0; i < 2; i++) {
        all = tell(&(said_t) {
            .operation = "\"mask\",\"mode\":\"normal\",\"documents\":[[\"d\","
                         "\"\"]]", .route = "records/{ins}/masks/{document}",
            .decision = "\"deny\",\"rule\":\"H3\",\"reason\":\"masked\"" },
            i == 1, 3, 0);
        out = json_dumps(all, JSON_COMPACT);
        assert_non_null(strstr(out, "document-foreign"));

        for (k = 0; k < count(never); k++) {
            if (strstr(out, never[k]) != NULL) {
                fail_msg("%s in %s", never[k], out);
            }
        }

        free(out);
        json_decref(all);
    }

    /* an INS: for the holder, and not for every reader of the rights */
    words = sealed(DMP_DETAILS_FIELD, "{\"representative\":"
                   "\"158077505600212\",\"until\":\"2030-05-01\"}");
    (void) snprintf(operation, sizeof(operation), "\"rights\",\"mode\":"
                    "\"normal\",\"change\":\"name-representative\","
                    "\"details\":\"%s\"", words);
    free(words);
    reader.whole = true;

    for (i = 0; i < 4; i++) {
        subject.actor = i < 2 ? DMP_ACTOR_PROFESSIONAL : DMP_ACTOR_PATIENT;
        subject.id = i < 2 ? dmp_string(DOCTOR) : dmp_string(P);
        all = tell(&(said_t) { .kind = "change", .operation = operation },
                   i % 2 == 1, 3, 0);
        out = json_dumps(all, JSON_COMPACT);
        assert_non_null(strstr(out, "2030-05-01"));
        assert_true((strstr(out, "158077505600212") != NULL) == (i >= 2));
        free(out);
        json_decref(all);
    }

    /* another key: that there is something is told */
    ring.key[0][0] ^= 1;
    all = tell(&(said_t) { .kind = "change", .operation = operation }, false,
               3, 1);
    ring.key[0][0] ^= 1;
    one = json_array_get(json_object_get(all, "entries"), 0);
    assert_true(json_is_true(json_object_get(one, "does_not_open")));
    json_decref(all);
}


/* No number that counts what others did, for who sees only some lines. */
static void
test_uncounted(void **state)
{
    char    *out;
    size_t   i;
    json_t  *all;

    static const said_t  said[] = {
        { .kind = NULL },
        { .decision = "\"deny\",\"rule\":\"G1\",\"reason\":"
                      "\"not-authorised\"" },
        { .kind = "change", .operation = "\"close\",\"mode\":\"normal\"" },
    };

    (void) state;

    for (i = 0; i < 2 * count(said); i++) {
        reader.whole = i % 2 == 1;
        all = tell(&said[i / 2], true, 3, 0);
        out = json_dumps(all, JSON_COMPACT);
        assert_true((strstr(out, "record-version") != NULL) == reader.whole);
        assert_true((strstr(out, "\"seq\"") != NULL) == reader.whole);
        assert_true((strstr(out, P "/3") != NULL)
                    == (reader.whole && i >= 2));
        assert_non_null(strstr(out, "{\"type\":\"n\",\"valueString\":"
                                    "\"3\"}"));
        free(out);
        json_decref(all);
    }
}


/* What is not for the reader is no line of theirs, by whatever mistake. */
static void
test_refused(void **state)
{
    dmp_stored_t    s;
    dmp_history_t  *h;

    (void) state;
    h = dmp_history_create(&reader, false);
    assert_non_null(h);

    s = stored(&(said_t) { .id = "899700314422" });
    assert_string_equal(dmp_history_add(h, &s, 1, &ring),
                        "an entry that is not for who reads");

    s = stored(&(said_t) { .patient = OTHER_P });
    assert_non_null(dmp_history_add(h, &s, 1, &ring));

    /* whose a lost one was cannot be told */
    assert_non_null(dmp_history_add_lost(h, BUCKET, 1, 1, 1));
    reader.whole = true;
    assert_null(dmp_history_add_lost(h, BUCKET, 1, 1, 1));
    assert_non_null(dmp_history_add_lost(h, BUCKET, UINT64_MAX, 1, 1));
    dmp_history_free(h);
}


static void
answer_of(bool fhir, const dmp_history_query_t *query, uint64_t next,
    const char *want)
{
    size_t              len;
    const char         *out;
    dmp_history_t      *h;
    dmp_history_end_t   end = { .ins = dmp_string("285037512000151"),
                                .query = query, .total = 12, .next = next };

    h = dmp_history_create(&reader, fhir);
    assert_non_null(h);
    out = dmp_history_end(h, &end, &len);
    assert_non_null(out);
    assert_int_equal(len, strlen(out));
    assert_string_equal(out, want);
    dmp_history_free(h);
}


static void
test_answers(void **state)
{
    json_t               *all, *one;
    dmp_history_query_t   query = { .limit = 2 };

    (void) state;

    answer_of(false, &query, 0,
              "{\"ins\":\"285037512000151\",\"total\":12,\"entries\":[]}");
    answer_of(false, &query, 7, "{\"ins\":\"285037512000151\",\"total\":12,"
              "\"entries\":[],\"next\":\"7\"}");
    answer_of(true, &query, 7, "{\"resourceType\":\"Bundle\",\"type\":"
              "\"searchset\",\"total\":12,\"link\":[{\"relation\":\"self\","
              "\"url\":\"history?limit=2\"},{\"relation\":\"next\",\"url\":"
              "\"history?limit=2&cursor=7\"}]}");

    query.since = 20485;
    query.until = 20490;
    query.cursor = 9;
    answer_of(true, &query, 7, "{\"resourceType\":\"Bundle\",\"type\":"
              "\"searchset\",\"link\":[{\"relation\":\"self\",\"url\":"
              "\"history?since=2026-02-01&until=2026-02-06&limit=2&cursor=9\"},"
              "{\"relation\":\"next\",\"url\":\"history?since=2026-02-01&"
              "until=2026-02-06&limit=2&cursor=7\"}]}");

    reader.whole = true;
    all = tell(&(said_t) { .kind = NULL }, true, 3, 0);
    one = json_object_get(json_array_get(json_object_get(all, "entry"), 0),
                          "resource");
    assert_string_equal(json_string_value(json_object_get(one,
                                                          "resourceType")),
                        "AuditEvent");
    assert_string_equal(json_string_value(json_object_get(one, "outcome")),
                        "0");

    /* how it ended was not looked up, and without the address it claims none */
    assert_null(json_object_get(one, "outcomeDesc"));
    assert_null(json_object_get(json_object_get(one, "meta"), "profile"));
    json_decref(all);
}


/* Days begin at midnight in Paris, in summer and in winter. */
static void
test_days(void **state)
{
    size_t   i;
    int32_t  day;
    int64_t  begins;

    static const struct {
        const char  *day;
        const char  *utc;
    } days[] = {
        { "2026-02-01", "2026-01-31T23:00:00Z" },
        { "2026-07-14", "2026-07-13T22:00:00Z" },
        { "2026-03-29", "2026-03-28T23:00:00Z" },
        { "2026-03-30", "2026-03-29T22:00:00Z" },
        { "2026-10-25", "2026-10-24T22:00:00Z" },
        { "2026-10-26", "2026-10-25T23:00:00Z" },
    };

    (void) state;

    for (i = 0; i < count(days); i++) {
        assert_true(dmp_day_parse((dmp_str_t) { days[i].day, 10 }, &day));
        assert_true(dmp_instant_parse((dmp_str_t) { days[i].utc, 20 },
                                      &begins));
        assert_true(dmp_day_begins_paris(day) == begins);
        assert_int_equal(dmp_day_paris(begins), day);
        assert_int_equal(dmp_day_paris(begins - 1), day - 1);
    }
}


int
main(void)
{
    int                      rc;
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_readers, fresh),
        cmocka_unit_test_setup(test_own, fresh),
        cmocka_unit_test_setup(test_documents, fresh),
        cmocka_unit_test_setup(test_wrong, fresh),
        cmocka_unit_test_setup(test_reference, fresh),
        cmocka_unit_test_setup(test_sentences, fresh),
        cmocka_unit_test_setup(test_redacted, fresh),
        cmocka_unit_test_setup(test_uncounted, fresh),
        cmocka_unit_test_setup(test_refused, fresh),
        cmocka_unit_test_setup(test_answers, fresh),
        cmocka_unit_test_setup(test_days, fresh),
    };

    policy = load_policy("policy.json");

    if (policy == NULL
        || dmp_keyring_add(&ring, dmp_string("000102030405060708090a0b0c0d0e0f"
                           "101112131415161718191a1b1c1d1e1f")) != DMP_OK)
    {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    dmp_policy_free(policy);

    return rc;
}
