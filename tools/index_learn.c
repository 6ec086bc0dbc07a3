/*
 * index_learn.c: what the store is to hold of one document, and what it no
 * longer is.  Nothing is written that stands there already, and no claim to an
 * attachment is taken out: index_claims.c does that, when it is told to.
 */

#include <stdlib.h>
#include <string.h>

#include "index_build.h"


/* One document that is kept, under its names. */
typedef struct {
    index_patient_t  *patient;
    char              hash[DMP_INDEX_HASH_LEN];
    char              claim[INDEX_CLAIM];
    char              text[DMP_INDEX_TEXT_MAX];
    size_t            len;
    unsigned          n;
    dmp_str_t         attachments[DMP_DOCUMENT_ATTACHMENTS];
    char              names[DMP_DOCUMENT_ATTACHMENTS][128];
    char              hashes[DMP_DOCUMENT_ATTACHMENTS][DMP_INDEX_HASH_LEN];
    bool              written;
    index_facts_t     held;              /* what the store has of it */
} learn_t;


static bool
learn_is_ours(dmp_str_t resource)
{
    return resource.len > 7
           && (memcmp(resource.data, "Binary/", 7) == 0
               || memcmp(resource.data, "Bundle/", 7) == 0);
}


/* Each of the host's own, once. */
static bool
learn_attachments(const index_build_t *b, const dmp_document_t *document,
    learn_t *l)
{
    unsigned   i, j;
    dmp_str_t  name;

    for (i = 0; i < document->n_attachments; i++) {
        name = dmp_address_resource(&b->addresses, document->attachments[i],
                                    l->names[l->n]);

        if (!learn_is_ours(name)) {
            continue;
        }

        for (j = 0; j < l->n && !dmp_str_eq(l->attachments[j], name); j++) {
            /* look for it */
        }

        if (j < l->n) {
            continue;
        }

        if (dmp_index_hash(b->tool.pseudonym_key, b->name, name,
                           l->hashes[l->n]) != DMP_OK)
        {
            return false;
        }

        l->attachments[l->n++] = name;
    }

    return true;
}


/* Names and text of a document; false if it cannot be kept. */
static bool
learn_prepare(const index_build_t *b, const dmp_document_t *document,
    learn_t *l)
{
    dmp_buf_t  buf;

    if (!index_document_hash(b->tool.pseudonym_key, b->name, document->id,
                             l->hash)
        || !learn_attachments(b, document, l))
    {
        return false;
    }

    index_claim(l->claim, l->patient->pseudonym, l->hash);
    dmp_buf_init(&buf, l->text, sizeof(l->text));
    dmp_index_write(&buf, document, l->attachments, l->n);
    l->len = buf.len;

    return !buf.full;
}


static dmp_str_t
learn_docs(const learn_t *l)
{
    return (dmp_str_t) { l->patient->docs, l->patient->docs_len };
}


static bool
learn_facts(index_build_t *b, learn_t *l)
{
    char           sealed[DMP_INDEX_TEXT_MAX + DMP_SEAL_OVERHEAD];
    size_t         len;
    redisReply    *r;
    store_args_t   args;

    if (l->held.opens && l->held.len == l->len
        && memcmp(l->held.text, l->text, l->len) == 0)
    {
        return true;
    }

    if (dmp_seal(&b->tool.ring, learn_docs(l),
                 (dmp_str_t) { l->hash, DMP_INDEX_HASH_LEN }, INDEX_VERSION,
                 l->text, l->len, sealed, &len) != DMP_OK)
    {
        tool_error("the facts of a document could not be sealed");
        return false;
    }

    args.n = 0;
    store_text(&args, "HSET");
    store_bytes(&args, l->patient->docs, l->patient->docs_len);
    store_bytes(&args, l->hash, DMP_INDEX_HASH_LEN);
    store_bytes(&args, sealed, len);
    r = store_call(&b->tool.store, &args);

    if (r == NULL) {
        return false;
    }

    freeReplyObject(r);
    l->written = true;

    return true;
}


/* Whether a claim is another patient's; not that of this document, moved. */
static bool
learn_is_rival(const learn_t *l, const redisReply *claim)
{
    return claim->type == REDIS_REPLY_STRING && claim->len == INDEX_CLAIM
           && memcmp(claim->str, l->claim, DMP_PSEUDONYM_LEN) != 0
           && memcmp(claim->str + DMP_PSEUDONYM_LEN + 1, l->hash,
                     DMP_INDEX_HASH_LEN) != 0;
}


/* An attachment of two patients is nobody's: said once, and counted. */
static bool
learn_rivals(index_build_t *b, learn_t *l, unsigned i, const char *key)
{
    int          added;
    size_t       j;
    redisReply  *r;

    /* all of them, unless they are very many: then two will be among these */

    r = index_ask(&b->tool.store, "SRANDMEMBER", key, INDEX_HINT, "64", 2);
    if (r == NULL) {
        return false;
    }

    added = 0;

    for (j = 0; r->type == REDIS_REPLY_ARRAY && j < r->elements; j++) {
        if (learn_is_rival(l, r->element[j])) {
            added = index_set_add(&b->conflicts, l->hashes[i]);
            break;
        }
    }

    freeReplyObject(r);

    /* of all patients, they are named when each has been gone through */

    if (added == 1 && !b->all && b->conflicts.n <= INDEX_SHOWN) {
        tool_error("%.*s is claimed by documents of two patients: nobody is "
                   "shown it", (int) l->attachments[i].len,
                   l->attachments[i].data);
    }

    return added >= 0;
}


static bool
learn_claim(index_build_t *b, learn_t *l, const char *key)
{
    long long  there, n;

    if (!index_number(&b->tool.store, "SISMEMBER", key, INDEX_HINT, l->claim,
                      sizeof(l->claim), &there))
    {
        return false;
    }

    if (there != 0) {
        return true;
    }

    l->written = true;

    return index_number(&b->tool.store, "SADD", key, INDEX_HINT, l->claim,
                        sizeof(l->claim), &n);
}


static bool
learn_claims(index_build_t *b, learn_t *l)
{
    char      key[INDEX_HINT];
    unsigned  i;

    for (i = 0; i < l->n; i++) {
        index_hint_key(key, "att", l->hashes[i]);

        if (!learn_claim(b, l, key) || !learn_rivals(b, l, i, key)) {
            return false;
        }
    }

    return true;
}


/* Its facts under another patient go; what it claimed as theirs stays so. */
static bool
learn_moved(index_build_t *b, const learn_t *l, const char *pseudonym)
{
    b->moved++;

    return index_forget(&b->tool, pseudonym, l->hash);
}


/* Reads or sets the hint; the reply is the patient it leads, or led, to. */
static redisReply *
learn_hint(index_build_t *b, const learn_t *l, bool set)
{
    char           key[INDEX_HINT];
    store_args_t   args;

    index_hint_key(key, "doc", l->hash);
    args.n = 0;
    store_text(&args, set ? "SET" : "GET");
    store_bytes(&args, key, sizeof(key));

    if (set) {
        store_bytes(&args, l->patient->pseudonym, DMP_PSEUDONYM_LEN);
        store_text(&args, "GET");
    }

    return store_call(&b->tool.store, &args);
}


static bool
learn_leads_here(const redisReply *r, const learn_t *l)
{
    return r->type == REDIS_REPLY_STRING && r->len == DMP_PSEUDONYM_LEN
           && memcmp(r->str, l->patient->pseudonym, DMP_PSEUDONYM_LEN) == 0;
}


/* Last: what leads to the facts comes after them. */
static bool
learn_point(index_build_t *b, learn_t *l)
{
    bool         ok;
    redisReply  *r;

    r = learn_hint(b, l, false);
    if (r == NULL) {
        return false;
    }

    if (!learn_leads_here(r, l)) {
        freeReplyObject(r);
        l->written = true;
        r = learn_hint(b, l, true);

        if (r == NULL) {
            return false;
        }
    }

    ok = r->type != REDIS_REPLY_STRING || r->len != DMP_PSEUDONYM_LEN
         || learn_leads_here(r, l) || learn_moved(b, l, r->str);
    freeReplyObject(r);

    return ok;
}


static bool
learn_write(index_build_t *b, learn_t *l)
{
    if (!index_facts(&b->tool.store, &b->tool.ring, learn_docs(l), l->hash,
                     &l->held)
        || !learn_facts(b, l) || !learn_claims(b, l) || !learn_point(b, l))
    {
        return false;
    }

    if (!l->held.there) {
        b->added++;

    } else if (l->written) {
        b->changed++;

    } else {
        b->unchanged++;
    }

    b->documents++;
    b->attachments += l->n;

    return true;
}


bool
index_learn(index_build_t *b, index_patient_t *p,
    const dmp_document_t *document)
{
    int       rc;
    bool      ok;
    learn_t  *l;

    if (dmp_document_patient(document, p->ins) == DMP_PATIENT_OTHER) {
        b->foreign++;
        return true;
    }

    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        tool_error("no memory");
        return false;
    }

    l->patient = p;

    if (!learn_prepare(b, document, l)) {
        b->unreadable++;
        p->unread = true;
        free(l);
        return true;
    }

    /* a host may say it on two pages, while it is being asked */

    rc = p->found.n < INDEX_FOUND_MAX ? index_set_add(&p->found, l->hash) : -1;

    if (rc < 0) {
        tool_error("more documents of one patient than memory is given for");
    }

    ok = rc == 0 || (rc == 1 && learn_write(b, l));
    free(l);

    return ok;
}


/* One field of what the store holds of a patient. */
static bool
sweep_field(index_build_t *b, index_patient_t *p, const redisReply *field,
    const redisReply *value)
{
    char           hash[DMP_INDEX_HASH_LEN];
    dmp_str_t      docs;
    index_facts_t  facts;

    if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING
        || field->len != DMP_INDEX_HASH_LEN
        || index_set_has(&p->found, field->str))
    {
        return true;
    }

    docs = (dmp_str_t) { p->docs, p->docs_len };
    index_facts_open(&b->tool.ring, docs, field->str, value->str, value->len,
                     &facts);

    if (!facts.opens) {
        b->sealed++;
        return true;
    }

    /* another host's stays: its own build will look after it */

    if (!index_document_hash(b->tool.pseudonym_key, b->name,
                             facts.document.id, hash)
        || memcmp(hash, field->str, sizeof(hash)) != 0)
    {
        return true;
    }

    b->removed++;

    return index_forget(&b->tool, p->pseudonym, hash);
}


bool
index_sweep(index_build_t *b, index_patient_t *p)
{
    bool         ok;
    char         cursor[INDEX_CURSOR] = "0";
    size_t       i;
    redisReply  *r, *list;

    do {
        r = index_scan(&b->tool.store, "HSCAN",
                       (dmp_str_t) { p->docs, p->docs_len }, cursor);
        if (r == NULL) {
            return false;
        }

        ok = true;
        list = r->element[1];

        for (i = 0; ok && i + 1 < list->elements; i += 2) {
            ok = sweep_field(b, p, list->element[i], list->element[i + 1]);
        }

        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}
