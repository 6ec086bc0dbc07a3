/*
 * index_standing.c: what a claim to an attachment is worth.  The set of claims
 * is a hint; the sealed facts of the document that makes one decide.
 */

#include <string.h>

#include "index_build.h"


bool
index_is_claim(const redisReply *member)
{
    return member->type == REDIS_REPLY_STRING && member->len == INDEX_CLAIM
           && member->str[DMP_PSEUDONYM_LEN] == ':';
}


/* An attachment's hash cannot be inverted: each that there is, is tried. */
static bool
standing_has(const record_tool_t *tool, dmp_str_t host, const char *attachment,
    index_claimed_t *c)
{
    char                   hash[DMP_INDEX_HASH_LEN];
    unsigned               i;
    const dmp_document_t  *document;

    document = &c->facts.document;

    for (i = 0; i < document->n_attachments; i++) {

        if (dmp_index_hash(tool->pseudonym_key, host, document->attachments[i],
                           hash) == DMP_OK
            && memcmp(hash, attachment, sizeof(hash)) == 0)
        {
            c->attachment = document->attachments[i];
            return true;
        }
    }

    return false;
}


bool
index_claimed(record_tool_t *tool, dmp_str_t host, const char *attachment,
    const char *claim, index_claimed_t *c)
{
    char         docs[DMP_KEY_NAME_MAX], hash[DMP_INDEX_HASH_LEN];
    dmp_str_t    name;
    const char  *document;

    c->standing = INDEX_DOUBTFUL;
    c->attachment = dmp_null_string;
    document = claim + DMP_PSEUDONYM_LEN + 1;
    name.data = docs;
    name.len = index_docs_key(&tool->store, claim, docs);

    if (!index_facts(&tool->store, &tool->ring, name, document, &c->facts)) {
        return false;
    }

    if (!c->facts.there) {
        c->standing = INDEX_ABSENT;

    } else if (c->facts.opens) {

        if (!index_document_hash(tool->pseudonym_key, host,
                                 c->facts.document.id, hash)
            || memcmp(hash, document, sizeof(hash)) != 0)
        {
            c->standing = INDEX_ELSEWHERE;

        } else {
            c->standing = standing_has(tool, host, attachment, c)
                          ? INDEX_CONFIRMED : INDEX_STALE;
        }
    }

    return true;
}


void
index_rivals_add(index_rivals_t *rivals, const char *claim)
{
    bool  patient, document;

    if (!rivals->any) {
        memcpy(rivals->first, claim, sizeof(rivals->first));
        rivals->any = true;
        return;
    }

    patient = memcmp(rivals->first, claim, DMP_PSEUDONYM_LEN) == 0;
    document = memcmp(rivals->first + DMP_PSEUDONYM_LEN + 1,
                      claim + DMP_PSEUDONYM_LEN + 1, DMP_INDEX_HASH_LEN) == 0;

    if (patient != document) {
        rivals->of_patient = rivals->of_patient || patient;
        rivals->of_document = rivals->of_document || document;
    }

    /* the first agrees with each of two that do not agree with one another */

    rivals->rivals = rivals->rivals || (!patient && !document)
                     || (rivals->of_patient && rivals->of_document);
}
