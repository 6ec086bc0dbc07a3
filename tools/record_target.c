/*
 * record_target.c: whom a change concerns, by all their identifiers, and which
 * document, by what the index has of it.
 */

#include <string.h>

#include "record_change.h"


bool
record_target(record_edit_t *e)
{
    unsigned           i, n;
    dmp_str_t          ids[DMP_DIRECTORY_IDS];
    directory_held_t  *held;

    if (e->verb->word != RECORD_WORD_PERSON
        && e->verb->word != RECORD_WORD_ANYBODY)
    {
        return true;
    }

    held = &e->person;
    held->id = e->request.target;

    if (!directory_fetch(&e->tool.store, &e->tool.ring, &held, 1)) {
        return false;
    }

    if (held->entry == NULL) {
        return true;
    }

    if (!directory_entry_has(held->entry, held->id)) {
        tool_error("the entry of %.*s in the directory is another's",
                   (int) held->id.len, held->id.data);
        return false;
    }

    n = directory_entry_ids(held->entry, ids);

    for (i = 0; i < n; i++) {
        if (!dmp_str_eq(ids[i], held->id)
            && e->request.n_target_ids < DMP_SUBJECT_IDS)
        {
            e->request.target_ids[e->request.n_target_ids++] = ids[i];
        }
    }

    return true;
}


typedef struct {
    record_edit_t  *edit;
    dmp_str_t       docs;                /* the patient's key */
    dmp_str_t       host;                /* empty: any */
    unsigned        sealed;              /* entries that do not open */
    bool            several;
} target_search_t;


/* Whether the facts are of the document that is meant. */
static bool
target_is(const target_search_t *s, const char *hash,
    const index_facts_t *facts)
{
    char                   own[DMP_INDEX_HASH_LEN];
    const dmp_document_t  *d;

    d = &facts->document;

    if (!dmp_str_eq(d->master, s->edit->name)
        && !dmp_str_eq(d->id, s->edit->name))
    {
        return false;
    }

    return s->host.len == 0
           || (index_document_hash(s->edit->tool.pseudonym_key, s->host, d->id,
                                   own)
               && memcmp(own, hash, sizeof(own)) == 0);
}


/*
 * What has one name is one document, and its newest state counts; what has
 * two, by an id that two hosts have given, is not told apart here.
 */
static void
target_take(target_search_t *s, const char *hash, index_facts_t *facts)
{
    index_facts_t  *held;

    held = s->edit->facts;

    if (held != NULL
        && !dmp_str_eq(dmp_document_name(&held->document),
                       dmp_document_name(&facts->document)))
    {
        s->several = true;
        return;
    }

    if (held == NULL || held->document.status != DMP_STATUS_CURRENT) {
        s->edit->facts = facts;
        memcpy(s->edit->hash, hash, DMP_INDEX_HASH_LEN);
    }
}


static void
target_look(target_search_t *s, const redisReply *pairs)
{
    size_t             i;
    index_facts_t     *facts;
    const redisReply  *field, *value;

    for (i = 0; i + 1 < pairs->elements; i += 2) {
        field = pairs->element[i];
        value = pairs->element[i + 1];

        if (field->type != REDIS_REPLY_STRING
            || field->len != DMP_INDEX_HASH_LEN
            || value->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        /* the room that does not hold what was found */
        facts = s->edit->facts == &s->edit->room[0] ? &s->edit->room[1]
                                                    : &s->edit->room[0];
        index_facts_open(&s->edit->tool.ring, s->docs, field->str, value->str,
                         value->len, facts);

        if (!facts->opens) {
            s->sealed++;

        } else if (target_is(s, field->str, facts)) {
            target_take(s, field->str, facts);
        }
    }
}


int
record_document(record_edit_t *e, const record_keys_t *keys)
{
    char              docs[DMP_KEY_NAME_MAX], cursor[INDEX_CURSOR];
    redisReply       *r;
    target_search_t   s;

    e->facts = NULL;

    if (e->verb->word != RECORD_WORD_DOCUMENT) {
        return TOOL_DONE;
    }

    memset(&s, 0, sizeof(s));
    s.edit = e;
    s.docs.data = docs;
    s.docs.len = index_docs_key(&e->tool.store, keys->pseudonym, docs);

    if (e->words.host != NULL) {
        s.host = (dmp_str_t) { e->words.host, strlen(e->words.host) };
    }

    memcpy(cursor, "0", 2);

    do {
        r = index_scan(&e->tool.store, "HSCAN", s.docs, cursor);

        if (r == NULL) {
            return TOOL_FAILED;
        }

        target_look(&s, r->element[1]);
        freeReplyObject(r);
    } while (strcmp(cursor, "0") != 0);

    if (s.several) {
        tool_error("several documents of this patient have that id: say which "
                   "host's with --host, or name it by its masterIdentifier");
        return TOOL_NO;
    }

    if (e->facts == NULL && s.sealed != 0) {
        tool_error("%u documents of this patient do not open with the record "
                   "keys given: it may be one of them", s.sealed);
        return TOOL_FAILED;
    }

    return TOOL_DONE;
}
