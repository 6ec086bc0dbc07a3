/*
 * fuzz_history.c: any bytes as an entry of a record's list, told to each kind
 * of reader in both forms: no crash, an answer that is JSON, and what somebody
 * does not see is no line of theirs.  The first byte says who reads, the
 * second how the entry stands in the store, and in which form it is told.
 */

#include <stdlib.h>

#include <dmp/dmp_history.h>
#include <dmp/dmp_policy.h>


#define P  "AAAAAAAAAAAAAAAAAAAAAA"

#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const dmp_policy_t   policy;
static const dmp_keyring_t  ring = { .n = 1 };
static dmp_document_t       hidden;


/* Of a line: the document that is hidden from all has no name. */
static void
check_documents(const json_t *line)
{
    size_t   i;
    json_t  *document;

    json_array_foreach(json_object_get(line, "documents"), i, document) {
        check(!dmp_str_eq(dmp_item_member(document, "id"), hidden.id));
    }
}


static void
check_answer(dmp_history_t *h, const dmp_history_reader_t *reader, bool fhir)
{
    size_t               len;
    json_t              *answer, *list;
    const char          *text;
    dmp_history_query_t  query = { .limit = 50 };
    dmp_history_end_t    end = { .ins = dmp_string("1"), .query = &query,
                                 .total = 1 };

    text = dmp_history_end(h, &end, &len);
    check(text != NULL);
    answer = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                        NULL);
    check(answer != NULL);

    list = json_object_get(answer, fhir ? "entry" : "entries");
    check(json_array_size(list) == 1);

    if (dmp_history_documents(reader)) {
        check_documents(json_array_get(list, 0));
    }

    json_decref(answer);
}


static void
tell(const dmp_history_reader_t *reader, const dmp_stored_t *entry, bool fhir)
{
    bool            seen;
    const char     *wrong, *added;
    dmp_history_t  *h;

    wrong = dmp_history_see(reader, entry, &seen);
    check(wrong == NULL || !seen);

    h = dmp_history_create(reader, fhir);
    check(h != NULL);

    added = dmp_history_add(h, entry, 1, &ring);
    check((added == NULL) == (wrong == NULL && seen));

    if (added == NULL) {
        check_answer(h, reader, fhir);
    }

    dmp_history_free(h);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_stored_t            entry;
    dmp_subject_t           subject;
    dmp_history_reader_t    reader;
    dmp_history_document_t  known;

    static const dmp_str_t  outcomes[] = {
        dmp_string("1"), dmp_string("0"), dmp_string("R"), dmp_string("S")
    };

    if (size < 2) {
        return 0;
    }

    hidden.id = dmp_string("hidden-from-all");
    hidden.labels = DMP_LABEL_ALL;
    known.hash = dmp_string("CCCCCCCCCCCCCCCCCCCCCC");
    known.document = &hidden;

    memset(&subject, 0, sizeof(subject));
    memset(&reader, 0, sizeof(reader));
    memset(&entry, 0, sizeof(entry));

    subject.actor = (dmp_actor_t) (data[0] % DMP_ACTOR_MAX);
    subject.id = (subject.actor == DMP_ACTOR_PATIENT)
                 ? dmp_string(P) : dmp_string("899700218896");
    reader.policy = &policy;
    reader.subject = &subject;
    reader.patient = dmp_string(P);
    reader.bucket = 7;
    reader.whole = (data[0] & 0x40) != 0;
    reader.today = 20500;
    reader.documents = &known;
    reader.n_documents = 1;

    entry.bucket = 7;
    entry.id_ms = 1769940900000;
    entry.outcome = outcomes[data[1] % 4];
    entry.body = (dmp_str_t) { (const char *) data + 2, size - 2 };

    tell(&reader, &entry, (data[1] & 0x40) != 0);

    return 0;
}
