/*
 * The document index in the store: reading what is known of a document or an
 * attachment, and entering what an answer has shown.
 *
 * Hints (whose it may be) prove nothing: the facts, sealed under the patient's
 * key, do.  A write that is lost costs a question to the record host later.
 */

#include "ngx_http_dmp_store.h"


#define NGX_HTTP_DMP_PREFIX  8           /* "dmp:doc:", "dmp:att:" */
#define NGX_HTTP_DMP_HINT    (DMP_PSEUDONYM_LEN + 1 + DMP_INDEX_HASH_LEN)

/* What is being entered, until the store has answered. */
typedef struct {
    char        patient[DMP_PSEUDONYM_LEN];
    char        hash[DMP_INDEX_HASH_LEN];
    ngx_uint_t  n_attachments;
    ngx_uint_t  n_claims;                /* those, and such as may be some */
    char        claims[2 * DMP_DOCUMENT_ATTACHMENTS][DMP_INDEX_HASH_LEN];
    uint64_t    print;
    ngx_http_dmp_document_key_t  key;
    ngx_http_dmp_store_note_t    note;
} ngx_http_dmp_learning_t;


/* Writes that nobody asks about afterwards. */
static ngx_http_dmp_store_note_t  ngx_http_dmp_unwatched;


dmp_str_t
ngx_http_dmp_document_resource(dmp_str_t id,
    char room[NGX_HTTP_DMP_RESOURCE_MAX])
{
    size_t  len;

    len = sizeof("DocumentReference/") - 1;
    id.len = ngx_min(id.len, NGX_HTTP_DMP_RESOURCE_MAX - len);

    ngx_memcpy(room, "DocumentReference/", len);
    ngx_memcpy(room + len, id.data, id.len);

    return (dmp_str_t) { room, len + id.len };
}


ngx_int_t
ngx_http_dmp_index_hash(ngx_http_request_t *r, dmp_str_t resource,
    char hash[DMP_INDEX_HASH_LEN])
{
    const ngx_http_dmp_loc_conf_t   *dlcf;
    const ngx_http_dmp_main_conf_t  *dmcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);
    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    return dmp_index_hash(dmcf->pseudonym_key, ngx_http_dmp_str(dlcf->host),
                          resource, hash)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


/* "dmp:doc:H"; returns its length. */
static size_t
ngx_http_dmp_hint_key(char key[NGX_HTTP_DMP_PREFIX + DMP_INDEX_HASH_LEN],
    const char *kind, const char hash[DMP_INDEX_HASH_LEN])
{
    ngx_memcpy(key, "dmp:", 4);
    ngx_memcpy(key + 4, kind, 3);
    key[7] = ':';
    ngx_memcpy(key + NGX_HTTP_DMP_PREFIX, hash, DMP_INDEX_HASH_LEN);

    return NGX_HTTP_DMP_PREFIX + DMP_INDEX_HASH_LEN;
}


static size_t
ngx_http_dmp_facts_key(char key[DMP_KEY_NAME_MAX], const char *patient)
{
    return dmp_key_name(key, dmp_bucket(patient, ngx_http_dmp_store.buckets),
                        "docs", (dmp_str_t) { patient, DMP_PSEUDONYM_LEN });
}


ngx_int_t
ngx_http_dmp_index_hint(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t attachment, dmp_str_t resource)
{
    char         hash[DMP_INDEX_HASH_LEN];
    char         key[NGX_HTTP_DMP_PREFIX + DMP_INDEX_HASH_LEN];
    size_t       lens[2];
    const char  *argv[2];

    if (ngx_http_dmp_index_hash(r, resource, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    argv[0] = attachment ? "SMEMBERS" : "GET";
    lens[0] = ngx_strlen(argv[0]);
    argv[1] = key;
    lens[1] = ngx_http_dmp_hint_key(key, attachment ? "att" : "doc", hash);

    return ngx_http_dmp_store_values(ctx, attachment ? 0 : 1, 2, argv, lens);
}


ngx_int_t
ngx_http_dmp_index_facts(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const char *patient, const char (*hashes)[DMP_INDEX_HASH_LEN],
    ngx_uint_t n)
{
    char         key[DMP_KEY_NAME_MAX];
    size_t      *lens;
    ngx_uint_t   i;
    const char **argv;

    argv = ngx_palloc(r->pool, (n + 2) * sizeof(char *));
    lens = ngx_palloc(r->pool, (n + 2) * sizeof(size_t));

    if (argv == NULL || lens == NULL) {
        return NGX_ERROR;
    }

    argv[0] = "HMGET";
    lens[0] = 5;
    argv[1] = key;
    lens[1] = ngx_http_dmp_facts_key(key, patient);

    for (i = 0; i < n; i++) {
        argv[i + 2] = hashes[i];
        lens[i + 2] = DMP_INDEX_HASH_LEN;
    }

    return ngx_http_dmp_store_values(ctx, n, n + 2, argv, lens);
}


ngx_int_t
ngx_http_dmp_index_all(ngx_http_dmp_ctx_t *ctx, const char *patient)
{
    char         key[DMP_KEY_NAME_MAX];
    size_t       lens[2];
    const char  *argv[2];

    argv[0] = "HGETALL";
    lens[0] = 7;
    argv[1] = key;
    lens[1] = ngx_http_dmp_facts_key(key, patient);

    return ngx_http_dmp_store_values(ctx, 0, 2, argv, lens);
}


dmp_document_t *
ngx_http_dmp_index_open(ngx_http_request_t *r, ngx_pool_t *pool,
    const char *patient, const char *hash, ngx_str_t sealed)
{
    char                            *text, key[DMP_KEY_NAME_MAX];
    size_t                           len, key_len;
    dmp_document_t                  *document;
    const ngx_http_dmp_main_conf_t  *dmcf;

    if (sealed.len > DMP_INDEX_TEXT_MAX + DMP_SEAL_OVERHEAD) {
        return NULL;
    }

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    text = ngx_palloc(pool, sealed.len);
    document = ngx_palloc(pool, sizeof(dmp_document_t));

    if (text == NULL || document == NULL) {
        return NULL;
    }

    key_len = ngx_http_dmp_facts_key(key, patient);

    if (dmp_unseal(dmcf->record_keys, (dmp_str_t) { key, key_len },
                   (dmp_str_t) { hash, DMP_INDEX_HASH_LEN }, 1,
                   (char *) sealed.data, sealed.len, text, &len)
        != DMP_OK
        || dmp_index_read(text, len, document) != DMP_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "dmp document index holds what does not open");
        return NULL;
    }

    return document;
}


/*
 * A hash of what the index keeps of a document: whether this worker has
 * entered it before.  Not for secrets, nor against anybody: a collision
 * leaves the index as it was.
 */
static uint64_t
ngx_http_dmp_print_add(uint64_t print, dmp_str_t s)
{
    print = (print ^ s.len) * 0x9e3779b97f4a7c15ULL;

    if (s.len == 0) {
        return print;
    }

    return (print ^ ngx_murmur_hash2((u_char *) s.data, s.len))
           * 0xff51afd7ed558ccdULL;
}


static uint64_t
ngx_http_dmp_print(const char *patient, const dmp_document_t *d)
{
    uint64_t    print;
    ngx_uint_t  i;

    print = d->labels;
    print = print * 4 + d->status;
    print = print * 2 + d->archived;
    print = print * 2 + d->dated;
    print = print * 2 + d->by_patient;
    print = print * 2 + d->by_others;
    print = print * 2 + d->replaces;
    print = print * 2 + d->inlined;
    print = print * 32 + d->n_authors;
    print = print * 32 + d->n_structures;

    print = ngx_http_dmp_print_add(print, (dmp_str_t) { patient,
                                                        DMP_PSEUDONYM_LEN });
    print = ngx_http_dmp_print_add(print ^ (uint64_t) d->deposited, d->master);

    for (i = 0; i < d->n_types; i++) {
        print = ngx_http_dmp_print_add(print, d->types[i].system);
        print = ngx_http_dmp_print_add(print, d->types[i].code);
    }

    for (i = 0; i < d->n_authors; i++) {
        print = ngx_http_dmp_print_add(print, d->authors[i]);
    }

    for (i = 0; i < d->n_structures; i++) {
        print = ngx_http_dmp_print_add(print, d->structures[i]);
    }

    for (i = 0; i < d->n_attachments; i++) {
        print = ngx_http_dmp_print_add(print, d->attachments[i]);
    }

    return print;
}


static void
ngx_http_dmp_note(const char *verb, const char *key, size_t key_len,
    const char *value, size_t len)
{
    size_t       lens[3];
    const char  *argv[3];

    argv[0] = verb;
    lens[0] = ngx_strlen(verb);
    argv[1] = key;
    lens[1] = key_len;
    argv[2] = value;
    lens[2] = len;

    ngx_http_dmp_store_note(&ngx_http_dmp_unwatched, 3, argv, lens);
}


/* "P:H", a document as an attachment names it. */
static void
ngx_http_dmp_claim(char claim[NGX_HTTP_DMP_HINT], const char *patient,
    const char *hash)
{
    ngx_memcpy(claim, patient, DMP_PSEUDONYM_LEN);
    claim[DMP_PSEUDONYM_LEN] = ':';
    ngx_memcpy(claim + DMP_PSEUDONYM_LEN + 1, hash, DMP_INDEX_HASH_LEN);
}


/*
 * The store has it, and says which hint was there before.  Where the document
 * was another patient's, what was known under the old one goes, but for its
 * claims: an operator clears them.
 */
static void
ngx_http_dmp_learn_told(void *data, const redisReply *reply)
{
    char                      key[DMP_KEY_NAME_MAX];
    size_t                    len;
    ngx_http_dmp_learning_t  *learning;

    learning = data;
    ngx_http_dmp_set_learnt(&learning->key, learning->print);

    if (reply->type != REDIS_REPLY_STRING || reply->len != DMP_PSEUDONYM_LEN
        || ngx_memcmp(reply->str, learning->patient, DMP_PSEUDONYM_LEN) == 0)
    {
        return;
    }

    len = ngx_http_dmp_facts_key(key, reply->str);
    ngx_http_dmp_note("HDEL", key, len, learning->hash, DMP_INDEX_HASH_LEN);
}


static void
ngx_http_dmp_learn_done(void *data)
{
    ngx_free(data);
}


/* Facts first, then what leads to them. */
static void
ngx_http_dmp_learn_send(ngx_http_dmp_learning_t *learning, const char *sealed,
    size_t sealed_len)
{
    char         key[DMP_KEY_NAME_MAX], claim[NGX_HTTP_DMP_HINT];
    size_t       len, lens[4];
    ngx_uint_t   i;
    const char  *argv[4];

    argv[0] = "HSET";
    lens[0] = 4;
    argv[1] = key;
    lens[1] = ngx_http_dmp_facts_key(key, learning->patient);
    argv[2] = learning->hash;
    lens[2] = DMP_INDEX_HASH_LEN;
    argv[3] = sealed;
    lens[3] = sealed_len;

    ngx_http_dmp_store_note(&ngx_http_dmp_unwatched, 4, argv, lens);

    ngx_http_dmp_claim(claim, learning->patient, learning->hash);

    for (i = 0; i < learning->n_claims; i++) {
        len = ngx_http_dmp_hint_key(key, "att", learning->claims[i]);
        ngx_http_dmp_note("SADD", key, len, claim, sizeof(claim));
    }

    argv[0] = "SET";
    lens[0] = 3;
    lens[1] = ngx_http_dmp_hint_key(key, "doc", learning->hash);
    argv[2] = learning->patient;
    lens[2] = DMP_PSEUDONYM_LEN;
    argv[3] = "GET";
    lens[3] = 3;

    learning->note.told = ngx_http_dmp_learn_told;
    learning->note.done = ngx_http_dmp_learn_done;
    learning->note.data = learning;

    ngx_http_dmp_store_note(&learning->note, 4, argv, lens);
}


static ngx_int_t
ngx_http_dmp_learn_seal(ngx_http_request_t *r,
    const ngx_http_dmp_learning_t *learning, const dmp_document_t *document,
    const dmp_str_t *attachments, char *sealed, size_t *len)
{
    char                             key[DMP_KEY_NAME_MAX];
    size_t                           key_len;
    dmp_buf_t                        buf;
    const ngx_http_dmp_main_conf_t  *dmcf;
    static char                      text[DMP_INDEX_TEXT_MAX];

    dmcf = ngx_http_get_module_main_conf(r, ngx_http_dmp_module);

    dmp_buf_init(&buf, text, sizeof(text));
    dmp_index_write(&buf, document, attachments,
                    (unsigned) learning->n_attachments);

    if (buf.full) {
        return NGX_ERROR;
    }

    key_len = ngx_http_dmp_facts_key(key, learning->patient);

    return dmp_seal(dmcf->record_keys, (dmp_str_t) { key, key_len },
                    (dmp_str_t) { learning->hash, DMP_INDEX_HASH_LEN }, 1,
                    buf.data, buf.len, sealed, len)
           == DMP_OK ? NGX_OK : NGX_ERROR;
}


/* What it has, and what it may have by an address that nobody can read. */
static ngx_int_t
ngx_http_dmp_learn_claims(ngx_http_request_t *r,
    ngx_http_dmp_learning_t *learning, const dmp_addresses_t *addresses,
    const dmp_document_t *document, const dmp_str_t *attachments)
{
    unsigned    i;
    dmp_str_t   name;
    ngx_uint_t  n;

    for (i = 0; i < learning->n_attachments; i++) {
        if (ngx_http_dmp_index_hash(r, attachments[i],
                                    learning->claims[learning->n_claims++])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < document->n_attachments; i++) {
        name = ngx_http_dmp_attachment_loose(addresses,
                                             document->attachments[i]);

        for (n = 0; n < learning->n_attachments; n++) {
            if (dmp_str_eq(name, attachments[n])) {
                break;
            }
        }

        if (name.len != 0 && n == learning->n_attachments
            && ngx_http_dmp_index_hash(r, name,
                                       learning->claims[learning->n_claims++])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_dmp_index_relearn(ngx_http_request_t *r, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    size_t                    len;
    char                      room[NGX_HTTP_DMP_RESOURCE_MAX];
    dmp_str_t                 attachments[DMP_DOCUMENT_ATTACHMENTS];
    ngx_http_dmp_learning_t  *learning;
    static char               sealed[DMP_INDEX_TEXT_MAX + DMP_SEAL_OVERHEAD];

    if (document->id.len == 0 || document->id.len > 64
        || ngx_http_dmp_store.state != NGX_HTTP_DMP_STORE_READY)
    {
        return;
    }

    learning = ngx_calloc(sizeof(ngx_http_dmp_learning_t),
                          r->connection->log);
    if (learning == NULL) {
        return;
    }

    ngx_memcpy(learning->patient, patient, DMP_PSEUDONYM_LEN);
    learning->print = ngx_http_dmp_print(patient, document);
    ngx_http_dmp_document_key(r, document->id, &learning->key);

    learning->n_attachments = ngx_http_dmp_attachments(r, addresses, document,
                                                       attachments);

    if (ngx_http_dmp_index_hash(r,
                           ngx_http_dmp_document_resource(document->id, room),
                           learning->hash)
        != NGX_OK)
    {
        goto failed;
    }

    if (ngx_http_dmp_learn_claims(r, learning, addresses, document,
                                  attachments)
        != NGX_OK)
    {
        goto failed;
    }

    if (ngx_http_dmp_learn_seal(r, learning, document, attachments, sealed,
                                &len)
        == NGX_OK)
    {
        ngx_http_dmp_learn_send(learning, sealed, len);
        return;
    }

failed:

    ngx_free(learning);
}


void
ngx_http_dmp_index_learn(ngx_http_request_t *r, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document)
{
    ngx_http_dmp_document_key_t  key;

    ngx_http_dmp_document_key(r, document->id, &key);

    if (!ngx_http_dmp_is_learnt(&key, ngx_http_dmp_print(patient, document))) {
        ngx_http_dmp_index_relearn(r, patient, addresses, document);
    }
}


/*
 * The host no longer says what the index has: the facts go.  The hint stays,
 * so that whoever learns anew sees what was claimed before.
 */
void
ngx_http_dmp_index_forget(ngx_http_request_t *r, const char *patient,
    dmp_str_t id)
{
    char                         room[NGX_HTTP_DMP_RESOURCE_MAX];
    char                         key[DMP_KEY_NAME_MAX];
    char                         hash[DMP_INDEX_HASH_LEN];
    size_t                       len;
    ngx_http_dmp_document_key_t  learnt;

    ngx_http_dmp_document_key(r, id, &learnt);
    ngx_http_dmp_forget_learnt(&learnt);

    if (ngx_http_dmp_index_hash(r, ngx_http_dmp_document_resource(id, room),
                                hash)
        == NGX_OK)
    {
        len = ngx_http_dmp_facts_key(key, patient);
        ngx_http_dmp_note("HDEL", key, len, hash, DMP_INDEX_HASH_LEN);
    }
}


/* A document that no longer has that attachment, as its own facts say. */
void
ngx_http_dmp_index_unclaim(ngx_http_request_t *r, const char *patient,
    const char *hash, dmp_str_t attachment)
{
    char    claim[NGX_HTTP_DMP_HINT], name[DMP_INDEX_HASH_LEN];
    char    key[NGX_HTTP_DMP_PREFIX + DMP_INDEX_HASH_LEN];
    size_t  len;

    if (ngx_http_dmp_index_hash(r, attachment, name) == NGX_OK) {
        len = ngx_http_dmp_hint_key(key, "att", name);
        ngx_http_dmp_claim(claim, patient, hash);
        ngx_http_dmp_note("SREM", key, len, claim, sizeof(claim));
    }
}
