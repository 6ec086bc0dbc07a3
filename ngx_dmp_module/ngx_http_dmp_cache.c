/*
 * Caches of one worker: opened records by pseudonym, facts of documents by
 * resource id, entries of the directory by identifier, and what was entered in
 * the document index.  Bounded; the least recently used goes first.  They may
 * save a question, they never are the decision: a record counts only with the
 * version that the commit confirms, a document only until its answer is
 * judged, an entry for dmp_directory_valid.
 */

#include "ngx_http_dmp_module.h"


#define NGX_HTTP_DMP_BUCKETS  4096       /* a power of two */
#define NGX_HTTP_DMP_KEY_MAX  65535

typedef void (*ngx_http_dmp_free_pt)(void *value);

/* Zeros are a cache that is empty: what is not used takes no memory. */
struct ngx_http_dmp_cache_s {
    ngx_http_dmp_cached_t  *chains[NGX_HTTP_DMP_BUCKETS];
    ngx_queue_t             lru;
    ngx_uint_t              n;
    ngx_uint_t              max;
    ngx_http_dmp_free_pt    free;
};


static ngx_http_dmp_cache_t  ngx_http_dmp_records;
static ngx_http_dmp_cache_t  ngx_http_dmp_documents;
static ngx_http_dmp_cache_t  ngx_http_dmp_entries;
static ngx_http_dmp_cache_t  ngx_http_dmp_learned;
static ngx_http_dmp_cache_t  ngx_http_dmp_absent;
static ngx_http_dmp_cache_t  ngx_http_dmp_tokens;


static void
ngx_http_dmp_free_record(void *value)
{
    dmp_record_free(value);
}


static void
ngx_http_dmp_free_document(void *value)
{
    ngx_free(value);
}


/* Absent from the directory: there is no entry to free. */
static void
ngx_http_dmp_free_entry(void *value)
{
    dmp_directory_free(value);
}


/* It says whose the token is. */
static void
ngx_http_dmp_free_claims(void *value)
{
    ngx_explicit_memzero(value, sizeof(dmp_claims_t));
    ngx_free(value);
}


/* The key and its version are all there is. */
static void
ngx_http_dmp_free_nothing(void *value)
{
    (void) value;
}


static void
ngx_http_dmp_cache_empty(ngx_http_dmp_cache_t *cache, ngx_uint_t max,
    ngx_http_dmp_free_pt free)
{
    ngx_queue_init(&cache->lru);
    cache->n = 0;
    cache->max = max;
    cache->free = free;
}


void
ngx_http_dmp_cache_init(void)
{
    ngx_http_dmp_cache_empty(&ngx_http_dmp_records, 10000,
                             ngx_http_dmp_free_record);
    ngx_http_dmp_cache_empty(&ngx_http_dmp_documents, 10000,
                             ngx_http_dmp_free_document);
    ngx_http_dmp_cache_empty(&ngx_http_dmp_entries, 10000,
                             ngx_http_dmp_free_entry);
    ngx_http_dmp_cache_empty(&ngx_http_dmp_learned, 20000,
                             ngx_http_dmp_free_nothing);
    ngx_http_dmp_cache_empty(&ngx_http_dmp_absent, 5000,
                             ngx_http_dmp_free_nothing);
    ngx_http_dmp_cache_empty(&ngx_http_dmp_tokens, 5000,
                             ngx_http_dmp_free_claims);
}


static void
ngx_http_dmp_cached_free(ngx_http_dmp_cached_t *cached)
{
    cached->cache->free(cached->value);
    ngx_free(cached);
}


void
ngx_http_dmp_cached_release(ngx_http_dmp_cached_t *cached)
{
    if (--cached->refs == 0 && cached->dead) {
        ngx_http_dmp_cached_free(cached);
    }
}


static ngx_http_dmp_cached_t **
ngx_http_dmp_cache_chain(ngx_http_dmp_cache_t *cache, uint32_t hash)
{
    return &cache->chains[hash % NGX_HTTP_DMP_BUCKETS];
}


static void
ngx_http_dmp_cache_remove(ngx_http_dmp_cache_t *cache,
    ngx_http_dmp_cached_t *cached)
{
    ngx_http_dmp_cached_t  **link;

    /* what is in the cache is in its chain */
    link = ngx_http_dmp_cache_chain(cache, cached->hash);

    while (*link != cached) {
        link = &(*link)->next;
    }

    *link = cached->next;
    ngx_queue_remove(&cached->lru);
    cache->n--;
    cached->dead = 1;

    if (cached->refs == 0) {
        ngx_http_dmp_cached_free(cached);
    }
}


static ngx_http_dmp_cached_t *
ngx_http_dmp_cache_find(ngx_http_dmp_cache_t *cache, const void *key,
    size_t len, uint32_t hash)
{
    ngx_http_dmp_cached_t  *cached;

    for (cached = *ngx_http_dmp_cache_chain(cache, hash);
         cached != NULL;
         cached = cached->next)
    {
        if (cached->hash == hash && cached->key_len == len
            && ngx_memcmp(cached->key, key, len) == 0)
        {
            return cached;
        }
    }

    return NULL;
}


static ngx_http_dmp_cached_t *
ngx_http_dmp_cache_get(ngx_http_dmp_cache_t *cache, const void *key,
    size_t len)
{
    ngx_http_dmp_cached_t  *cached;

    cached = ngx_http_dmp_cache_find(cache, key, len,
                                     ngx_murmur_hash2((u_char *) key, len));
    if (cached == NULL) {
        return NULL;
    }

    ngx_queue_remove(&cached->lru);
    ngx_queue_insert_head(&cache->lru, &cached->lru);
    cached->refs++;

    return cached;
}


/* Takes the value over, also when it fails and returns NULL. */
static ngx_http_dmp_cached_t *
ngx_http_dmp_cache_put(ngx_http_dmp_cache_t *cache, const void *key,
    size_t len, uint64_t version, void *value)
{
    uint32_t                 hash;
    ngx_queue_t             *q;
    ngx_http_dmp_cached_t   *cached, *old, **chain;

    cached = NULL;

    if (len <= NGX_HTTP_DMP_KEY_MAX) {
        cached = ngx_calloc(offsetof(ngx_http_dmp_cached_t, key) + len,
                            ngx_cycle->log);
    }

    if (cached == NULL) {
        cache->free(value);
        return NULL;
    }

    hash = ngx_murmur_hash2((u_char *) key, len);

    old = ngx_http_dmp_cache_find(cache, key, len, hash);
    if (old != NULL) {
        ngx_http_dmp_cache_remove(cache, old);
    }

    if (cache->n >= cache->max) {
        q = ngx_queue_last(&cache->lru);
        ngx_http_dmp_cache_remove(cache,
                            ngx_queue_data(q, ngx_http_dmp_cached_t, lru));
    }

    cached->cache = cache;
    cached->hash = hash;
    cached->refs = 1;
    cached->version = version;
    cached->value = value;
    cached->key_len = len & NGX_HTTP_DMP_KEY_MAX;
    ngx_memcpy(cached->key, key, len);

    chain = ngx_http_dmp_cache_chain(cache, hash);
    cached->next = *chain;
    *chain = cached;
    ngx_queue_insert_head(&cache->lru, &cached->lru);
    cache->n++;

    return cached;
}


static void
ngx_http_dmp_cache_clear(ngx_http_dmp_cache_t *cache)
{
    ngx_queue_t  *q;

    if (cache->free == NULL) {
        return;
    }

    while (!ngx_queue_empty(&cache->lru)) {
        q = ngx_queue_head(&cache->lru);
        ngx_http_dmp_cache_remove(cache,
                            ngx_queue_data(q, ngx_http_dmp_cached_t, lru));
    }
}


void
ngx_http_dmp_cache_done(void)
{
    ngx_http_dmp_cache_clear(&ngx_http_dmp_records);
    ngx_http_dmp_cache_clear(&ngx_http_dmp_documents);
    ngx_http_dmp_cache_clear(&ngx_http_dmp_entries);
    ngx_http_dmp_cache_clear(&ngx_http_dmp_learned);
    ngx_http_dmp_cache_clear(&ngx_http_dmp_absent);
    ngx_http_dmp_cache_clear(&ngx_http_dmp_tokens);
}


ngx_http_dmp_cached_t *
ngx_http_dmp_token_get(dmp_str_t token)
{
    return ngx_http_dmp_cache_get(&ngx_http_dmp_tokens, token.data, token.len);
}


ngx_http_dmp_cached_t *
ngx_http_dmp_token_put(dmp_str_t token, void *claims)
{
    return ngx_http_dmp_cache_put(&ngx_http_dmp_tokens, token.data, token.len,
                                  0, claims);
}


ngx_http_dmp_cached_t *
ngx_http_dmp_record_get(const char *patient)
{
    return ngx_http_dmp_cache_get(&ngx_http_dmp_records, patient,
                                  DMP_PSEUDONYM_LEN);
}


ngx_http_dmp_cached_t *
ngx_http_dmp_record_put(const char *patient, uint64_t version,
    dmp_record_t *record)
{
    return ngx_http_dmp_cache_put(&ngx_http_dmp_records, patient,
                                  DMP_PSEUDONYM_LEN, version, record);
}


static void
ngx_http_dmp_cache_drop(ngx_http_dmp_cache_t *cache, const void *key,
    size_t len)
{
    ngx_http_dmp_cached_t  *cached;

    cached = ngx_http_dmp_cache_find(cache, key, len,
                                     ngx_murmur_hash2((u_char *) key, len));
    if (cached != NULL) {
        ngx_http_dmp_cache_remove(cache, cached);
    }
}


void
ngx_http_dmp_record_drop(const char *patient)
{
    ngx_http_dmp_cache_drop(&ngx_http_dmp_records, patient,
                            DMP_PSEUDONYM_LEN);
}


/* What is too old counts as never asked; "version" is when it was asked. */
ngx_http_dmp_cached_t *
ngx_http_dmp_entry_get(dmp_str_t id, ngx_msec_t valid)
{
    ngx_http_dmp_cached_t  *cached;

    cached = ngx_http_dmp_cache_get(&ngx_http_dmp_entries, id.data, id.len);

    if (cached != NULL && ngx_current_msec - cached->version >= valid) {
        ngx_http_dmp_cached_release(cached);
        return NULL;
    }

    return cached;
}


ngx_http_dmp_cached_t *
ngx_http_dmp_entry_put(dmp_str_t id, ngx_msec_t asked, dmp_directory_t *entry)
{
    return ngx_http_dmp_cache_put(&ngx_http_dmp_entries, id.data, id.len,
                                  asked, entry);
}


void
ngx_http_dmp_document_key(ngx_http_request_t *r, dmp_str_t id,
    ngx_http_dmp_document_key_t *key)
{
    void  *dlcf;

    dlcf = ngx_http_get_module_loc_conf(r, ngx_http_dmp_module);

    ngx_memcpy(key->text, &dlcf, sizeof(void *));
    key->len = ngx_min(id.len, 64);
    ngx_memcpy(key->text + sizeof(void *), id.data, key->len);
    key->len += sizeof(void *);
}


ngx_http_dmp_cached_t *
ngx_http_dmp_document_get(ngx_http_request_t *r, dmp_str_t id)
{
    ngx_http_dmp_document_key_t  key;

    ngx_http_dmp_document_key(r, id, &key);

    return ngx_http_dmp_cache_get(&ngx_http_dmp_documents, key.text, key.len);
}


void
ngx_http_dmp_document_drop(ngx_http_request_t *r, dmp_str_t id)
{
    ngx_http_dmp_document_key_t  key;

    ngx_http_dmp_document_key(r, id, &key);
    ngx_http_dmp_cache_drop(&ngx_http_dmp_documents, key.text, key.len);
}


#define NGX_HTTP_DMP_LEARNT_MS  600000

/* The value is when the store said that it has it. */
ngx_uint_t
ngx_http_dmp_is_learnt(const ngx_http_dmp_document_key_t *key, uint64_t print)
{
    ngx_uint_t              same;
    ngx_http_dmp_cached_t  *cached;

    cached = ngx_http_dmp_cache_get(&ngx_http_dmp_learned, key->text,
                                    key->len);

    if (cached == NULL) {
        return 0;
    }

    same = cached->version == print
           && ngx_current_msec - (ngx_msec_t) (uintptr_t) cached->value
              < NGX_HTTP_DMP_LEARNT_MS;

    ngx_http_dmp_cached_release(cached);

    return same;
}


void
ngx_http_dmp_set_learnt(const ngx_http_dmp_document_key_t *key, uint64_t print)
{
    ngx_http_dmp_cached_t  *cached;

    cached = ngx_http_dmp_cache_put(&ngx_http_dmp_learned, key->text, key->len,
                                    print,
                                    (void *) (uintptr_t) ngx_current_msec);
    if (cached != NULL) {
        ngx_http_dmp_cached_release(cached);
    }
}


void
ngx_http_dmp_forget_learnt(const ngx_http_dmp_document_key_t *key)
{
    ngx_http_dmp_cache_drop(&ngx_http_dmp_learned, key->text, key->len);
}


void
ngx_http_dmp_forget_records(void)
{
    ngx_http_dmp_cache_clear(&ngx_http_dmp_records);
}


void
ngx_http_dmp_forget_all_learnt(void)
{
    ngx_http_dmp_cache_clear(&ngx_http_dmp_learned);
}


#define NGX_HTTP_DMP_ABSENT_MS  10000


/* "version" is when the host was asked. */
ngx_uint_t
ngx_http_dmp_is_absent(ngx_http_request_t *r, dmp_str_t id)
{
    ngx_uint_t                   absent;
    ngx_http_dmp_cached_t       *cached;
    ngx_http_dmp_document_key_t  key;

    ngx_http_dmp_document_key(r, id, &key);

    cached = ngx_http_dmp_cache_get(&ngx_http_dmp_absent, key.text, key.len);

    if (cached == NULL) {
        return 0;
    }

    absent = (ngx_current_msec - cached->version < NGX_HTTP_DMP_ABSENT_MS);
    ngx_http_dmp_cached_release(cached);

    return absent;
}


void
ngx_http_dmp_set_absent(ngx_http_request_t *r, dmp_str_t id)
{
    ngx_http_dmp_cached_t       *cached;
    ngx_http_dmp_document_key_t  key;

    ngx_http_dmp_document_key(r, id, &key);

    cached = ngx_http_dmp_cache_put(&ngx_http_dmp_absent, key.text, key.len,
                                    ngx_current_msec, NULL);
    if (cached != NULL) {
        ngx_http_dmp_cached_release(cached);
    }
}


#define NGX_HTTP_DMP_STRINGS  (2 + 2 * DMP_DOCUMENT_TYPES                     \
                               + DMP_DOCUMENT_PATIENTS                        \
                               + DMP_DOCUMENT_AUTHORS                         \
                               + DMP_DOCUMENT_STRUCTURES                      \
                               + DMP_DOCUMENT_ATTACHMENTS)

/* Every string of a document. */
static ngx_uint_t
ngx_http_dmp_document_strings(dmp_document_t *d,
    dmp_str_t *strings[NGX_HTTP_DMP_STRINGS])
{
    ngx_uint_t  i, n;

    n = 0;
    strings[n++] = &d->id;
    strings[n++] = &d->master;

    for (i = 0; i < d->n_types; i++) {
        strings[n++] = &d->types[i].system;
        strings[n++] = &d->types[i].code;
    }

    for (i = 0; i < d->n_ins; i++) {
        strings[n++] = &d->ins[i];
    }

    for (i = 0; i < d->n_authors; i++) {
        strings[n++] = &d->authors[i];
    }

    for (i = 0; i < d->n_structures; i++) {
        strings[n++] = &d->structures[i];
    }

    for (i = 0; i < d->n_attachments; i++) {
        strings[n++] = &d->attachments[i];
    }

    return n;
}


/* Facts of a document whose strings are its own, not those of an answer. */
ngx_http_dmp_cached_t *
ngx_http_dmp_document_put(ngx_http_request_t *r, const char *patient,
    const dmp_document_t *d)
{
    u_char                       *p;
    size_t                        size;
    dmp_str_t                    *strings[NGX_HTTP_DMP_STRINGS];
    ngx_uint_t                    i, n;
    dmp_document_t                facts;
    ngx_http_dmp_known_t         *known;
    ngx_http_dmp_document_key_t   key;

    facts = *d;
    n = ngx_http_dmp_document_strings(&facts, strings);
    size = 0;

    for (i = 0; i < n; i++) {
        size += strings[i]->len;
    }

    known = ngx_alloc(sizeof(ngx_http_dmp_known_t) + size, ngx_cycle->log);
    if (known == NULL) {
        return NULL;
    }

    p = (u_char *) known + sizeof(ngx_http_dmp_known_t);

    for (i = 0; i < n; i++) {
        size = strings[i]->len;

        if (size != 0) {
            /* memcpy() takes no null pointer, not even for nothing */
            ngx_memcpy(p, strings[i]->data, size);
        }

        strings[i]->data = (const char *) p;
        p += size;
    }

    known->document = facts;
    ngx_memcpy(known->patient, patient, DMP_PSEUDONYM_LEN);

    ngx_http_dmp_document_key(r, known->document.id, &key);

    return ngx_http_dmp_cache_put(&ngx_http_dmp_documents, key.text, key.len,
                                  0, known);
}
