/*
 * index_show.c: opens what the index holds.  A hint that leads to nothing, or
 * to facts that do not say the same, is not believed here either; but a claim
 * to an attachment counts against others, as it does for a gateway.
 */

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "index_build.h"
#include "index_show.h"


typedef struct {
    record_tool_t  *tool;
    dmp_str_t       host;
    dmp_str_t       what;                /* "Binary/ID" */
    json_t         *documents;
    char            patient[DMP_PSEUDONYM_LEN + 1];  /* who has it */
    bool            two;                 /* who both have it */
    index_rivals_t  rivals;
} show_t;


/* Prints it, and releases it. */
static int
show_print(json_t *said, bool json)
{
    int    rc;
    char  *text;

    text = json_dumps(said, json ? JSON_COMPACT : JSON_INDENT(2));
    rc = text != NULL ? TOOL_DONE : TOOL_FAILED;

    if (text != NULL) {
        printf("%s\n", text);

    } else {
        tool_error("no memory");
    }

    free(text);
    json_decref(said);

    return rc;
}


/* {"patient", "document"}; NULL: the facts are not there, or do not open. */
static json_t *
show_facts(const char *pseudonym, const index_facts_t *facts)
{
    json_t  *document;

    document = json_loadb(facts->text, facts->len, 0, NULL);

    return json_pack("{s:s%, s:o}", "patient", pseudonym,
                     (size_t) DMP_PSEUDONYM_LEN, "document", document);
}


static int
show_document(show_t *s, dmp_str_t id, bool json)
{
    char            hash[DMP_INDEX_HASH_LEN], key[INDEX_HINT];
    char            docs[DMP_KEY_NAME_MAX];
    int             rc;
    dmp_str_t       name;
    redisReply     *r;
    index_facts_t   facts;

    if (!index_document_hash(s->tool->pseudonym_key, s->host, id, hash)) {
        tool_error("\"%.*s\" is no id of a document", (int) id.len, id.data);
        return TOOL_USAGE;
    }

    index_hint_key(key, "doc", hash);
    r = index_ask(&s->tool->store, "GET", key, sizeof(key), NULL, 0);

    if (r == NULL) {
        return TOOL_FAILED;
    }

    if (r->type != REDIS_REPLY_STRING || r->len != DMP_PSEUDONYM_LEN) {
        tool_error("the index has no document of that id");
        freeReplyObject(r);
        return TOOL_NO;
    }

    name.data = docs;
    name.len = index_docs_key(&s->tool->store, r->str, docs);
    rc = TOOL_FAILED;

    if (!index_facts(&s->tool->store, &s->tool->ring, name, hash, &facts)) {
        /* it has said so */

    } else if (!facts.there) {
        tool_error("the index says patient %.22s, who has no such document",
                   r->str);
        rc = TOOL_NO;

    } else if (!facts.opens || !dmp_str_eq(facts.document.id, id)) {
        tool_error("the facts under %.*s do not open with the record keys "
                   "given, or are another document's", (int) name.len, docs);

    } else {
        rc = show_print(show_facts(r->str, &facts), json);
    }

    freeReplyObject(r);

    return rc;
}


/* A patient whose document really has it. */
static void
show_owner(show_t *s, const char *claim)
{
    if (s->patient[0] == '\0') {
        memcpy(s->patient, claim, DMP_PSEUDONYM_LEN);

    } else if (memcmp(s->patient, claim, DMP_PSEUDONYM_LEN) != 0) {
        s->two = true;
    }
}


/* One claim, "P:H": the document's facts, if it has any that open. */
static bool
show_claim(show_t *s, const char *attachment, const char *claim)
{
    bool             confirmed;
    json_t          *said;
    index_claimed_t  c;

    if (!index_claimed(s->tool, s->host, attachment, claim, &c)) {
        return false;
    }

    confirmed = c.standing == INDEX_CONFIRMED;
    index_rivals_add(&s->rivals, claim);

    if (confirmed) {
        show_owner(s, claim);
    }

    said = c.facts.opens ? show_facts(claim, &c.facts)
                         : json_pack("{s:s%, s:n}", "patient", claim,
                                     (size_t) DMP_PSEUDONYM_LEN, "document");

    return json_object_set_new(said, "hash",
                               json_stringn(claim + DMP_PSEUDONYM_LEN + 1,
                                            DMP_INDEX_HASH_LEN)) == 0
           && json_object_set_new(said, "confirmed",
                                  json_boolean(confirmed)) == 0
           && json_array_append_new(s->documents, said) == 0;
}


static int
show_claims(show_t *s, const char *attachment, const redisReply *claims,
    bool json)
{
    bool    conflict;
    size_t  i;

    for (i = 0; claims->type == REDIS_REPLY_ARRAY && i < claims->elements;
         i++)
    {
        if (index_is_claim(claims->element[i])
            && !show_claim(s, attachment, claims->element[i]->str))
        {
            return TOOL_FAILED;
        }
    }

    if (json_array_size(s->documents) == 0) {
        tool_error("the index has no document with that attachment");
        return TOOL_NO;
    }

    /* nobody's, when two patients claim it, and when nothing confirms it */

    conflict = s->two || s->rivals.rivals;

    return show_print(json_pack("{s:s%, s:s?, s:b, s:O}", "attachment",
                                s->what.data, s->what.len, "patient",
                                conflict || s->patient[0] == '\0'
                                ? NULL : s->patient, "conflict", conflict,
                                "documents", s->documents), json);
}


static int
show_attachment(show_t *s, bool json)
{
    int          rc;
    char         hash[DMP_INDEX_HASH_LEN], key[INDEX_HINT];
    redisReply  *r;

    if (dmp_index_hash(s->tool->pseudonym_key, s->host, s->what, hash)
        != DMP_OK)
    {
        tool_error("\"%s\" is no attachment", s->what.data);
        return TOOL_USAGE;
    }

    index_hint_key(key, "att", hash);
    r = index_ask(&s->tool->store, "SMEMBERS", key, sizeof(key), NULL, 0);

    if (r == NULL) {
        return TOOL_FAILED;
    }

    s->documents = json_array();
    rc = show_claims(s, hash, r, json);
    json_decref(s->documents);
    freeReplyObject(r);

    return rc;
}


int
index_show(record_tool_t *tool, dmp_str_t host, const char *what, bool json)
{
    show_t       s;
    dmp_str_t    id;
    const char  *slash;

    memset(&s, 0, sizeof(s));
    s.tool = tool;
    s.host = host;
    s.what = (dmp_str_t) { what, strlen(what) };
    slash = strchr(what, '/');

    if (slash == NULL || strncmp(what, "DocumentReference/", 18) == 0) {
        id.data = slash == NULL ? what : slash + 1;
        id.len = strlen(id.data);

        return show_document(&s, id, json);
    }

    if ((strncmp(what, "Binary/", 7) != 0 && strncmp(what, "Bundle/", 7) != 0)
        || slash[1] == '\0' || strchr(slash + 1, '/') != NULL)
    {
        tool_error("\"%s\" is neither a DocumentReference nor a Binary nor a "
                   "Bundle", what);
        return TOOL_USAGE;
    }

    return show_attachment(&s, json);
}
