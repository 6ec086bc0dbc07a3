/*
 * Where chains stand: at each new link the heads that this gateway's workers
 * were last told of are compared with what the store has.  A store that went
 * back, or that somebody else has written to, is seen here, before anything is
 * served; the bucket is closed for all gateways until an operator reopens it.
 */

#include "ngx_http_dmp_store.h"


static void ngx_http_dmp_chains_head(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_chains_told(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_dmp_chains_opened(redisAsyncContext *ac, void *data,
    void *privdata);


/* "recovered:NN" to its bucket; 0 if it is no such field. */
static ngx_uint_t
ngx_http_dmp_recovered_bucket(const redisReply *field, unsigned *bucket)
{
    size_t     len;
    ngx_int_t  n;

    len = sizeof("recovered:") - 1;

    if (field->type != REDIS_REPLY_STRING || (size_t) field->len <= len
        || ngx_strncmp(field->str, "recovered:", len) != 0)
    {
        return 0;
    }

    n = ngx_atoi((u_char *) field->str + len, (size_t) field->len - len);

    if (n == NGX_ERROR || n >= (ngx_int_t) ngx_http_dmp_store.buckets) {
        return 0;
    }

    *bucket = (unsigned) n;

    return 1;
}


/*
 * An operator has accepted that entries are gone: what was known before, heads
 * and versions alike, is void.
 */
static void
ngx_http_dmp_chains_reopened(unsigned bucket)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    store->suspect[bucket] = 0;
    store->closed[bucket] = 0;
    store->listed[bucket] = 0;

    ngx_http_dmp_forget_records();

    if (store->writer != NULL) {
        dmp_writer_free(store->writer);
        store->writer = NULL;
    }

    ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                  "dmp bucket %ui was reopened by an operator",
                  (ngx_uint_t) bucket);
}


/* The counters only grow: one that is less tells of a store that went back. */
static void
ngx_http_dmp_chains_recovered(const uint64_t counters[DMP_BUCKETS_MAX])
{
    unsigned               i;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    for (i = 0; i < store->buckets; i++) {

        if (counters[i] < store->recoveries[i]) {
            store->suspect[i] = 1;

        } else if (counters[i] > store->recoveries[i]) {
            store->recoveries[i] = counters[i];

            /* before the first link there is nothing to forget */
            if (store->linked) {
                ngx_http_dmp_chains_reopened(i);
            }
        }
    }

    store->linked = 1;
}


ngx_int_t
ngx_http_dmp_chains_recoveries(const redisReply *meta)
{
    size_t    i;
    unsigned  bucket;
    uint64_t  n, counters[DMP_BUCKETS_MAX];

    ngx_memzero(counters, sizeof(counters));

    for (i = 0; i + 1 < meta->elements; i += 2) {

        if (!ngx_http_dmp_recovered_bucket(meta->element[i], &bucket)) {
            continue;
        }

        if (ngx_http_dmp_reply_number(meta->element[i + 1], &n) != NGX_OK) {
            return NGX_ERROR;
        }

        counters[bucket] = n;
    }

    ngx_http_dmp_chains_recovered(counters);

    return NGX_OK;
}


/* Somebody else has closed it. */
static void
ngx_http_dmp_chains_is_closed(unsigned bucket)
{
    if (!ngx_http_dmp_store.closed[bucket]) {
        ngx_http_dmp_store.closed[bucket] = 1;
        ngx_log_error(NGX_LOG_CRIT, ngx_http_dmp_store.log, 0,
                      "dmp bucket %ui is closed: run \"dmpctl audit "
                      "recover\"", (ngx_uint_t) bucket);
    }
}


ngx_int_t
ngx_http_dmp_chains_closed(const redisReply *members)
{
    size_t                 i;
    ngx_int_t              n;
    redisReply            *member;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    ngx_memzero(store->listed, sizeof(store->listed));

    for (i = 0; i < members->elements; i++) {
        member = members->element[i];

        if (member->type != REDIS_REPLY_STRING) {
            return NGX_ERROR;
        }

        n = ngx_atoi((u_char *) member->str, (size_t) member->len);

        if (n == NGX_ERROR || n >= DMP_BUCKETS_MAX) {
            return NGX_ERROR;
        }

        store->listed[n] = 1;
        ngx_http_dmp_chains_is_closed((unsigned) n);
    }

    return NGX_OK;
}


/*
 * For all gateways: the commits of this instant on are refused.  Not by what
 * was seen before an operator reopened it: the store knows which came first.
 */
static void
ngx_http_dmp_chains_close(unsigned bucket, const char *why)
{
    char                   key[DMP_KEY_NAME_MAX], number[NGX_INT_T_LEN + 1];
    char                   name[DMP_WRITER_MAX + 1], known[NGX_INT64_LEN + 1];
    dmp_str_t              writer;
    const char            *argv[10];
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (!ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_FORK)) {
        return;
    }

    if (!store->closed[bucket]) {
        store->closed[bucket] = 1;
        store->closed_at[bucket] = store->recoveries[bucket];
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_CLOSED);
        ngx_log_error(NGX_LOG_CRIT, store->log, 0,
                      "dmp store went back or forked: bucket %ui is closed: "
                      "%s", (ngx_uint_t) bucket, why);
    }

    writer = (store->writer != NULL) ? dmp_writer_name(store->writer)
                                     : ngx_http_dmp_str(store->conf->node);
    *ngx_cpymem(name, writer.data, writer.len) = '\0';
    key[dmp_key_name(key, bucket, "closed", dmp_null_string)] = '\0';
    *ngx_sprintf((u_char *) number, "%ui", (ngx_uint_t) bucket) = '\0';
    *ngx_sprintf((u_char *) known, "%uL", store->recoveries[bucket]) = '\0';

    argv[0] = "FCALL";
    argv[1] = "dmp1_close";
    argv[2] = "3";
    argv[3] = key;
    argv[4] = "dmp:closed";
    argv[5] = "dmp:meta";
    argv[6] = name;
    argv[7] = why;
    argv[8] = number;
    argv[9] = known;

    (void) ngx_http_dmp_hello_send(ngx_http_dmp_chains_told, NULL, 10, argv);
}


static void
ngx_http_dmp_chains_told(redisAsyncContext *ac, void *data, void *privdata)
{
    const redisReply  *reply;

    reply = data;

    if (ngx_http_dmp_hello_reply(data, REDIS_REPLY_INTEGER,
                                 "it does not close a bucket")
        != NGX_OK)
    {
        return;
    }

    if (reply->integer == 0) {
        ngx_http_dmp_store_renew("a bucket was reopened meanwhile");
        return;
    }

    ngx_http_dmp_hello_done();
}


void
ngx_http_dmp_store_suspect(unsigned bucket)
{
    ngx_http_dmp_store.suspect[bucket] = 1;
    ngx_http_dmp_store_renew("the version of a record is older than one known");
}


void
ngx_http_dmp_store_closed(unsigned bucket)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    ngx_http_dmp_chains_is_closed(bucket);
    store->closed_at[bucket] = store->recoveries[bucket];

    ngx_http_dmp_store_renew("a bucket was closed");
}


/*
 * What is to stay closed, or is to be closed for what was seen: the store may
 * have lost that somebody closed it when it went back once more.
 */
static void
ngx_http_dmp_chains_keep_closed(void)
{
    unsigned               i;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    store->n_closed = 0;

    for (i = 0; i < store->buckets; i++) {

        if (store->suspect[i]) {
            store->suspect[i] = 0;
            ngx_http_dmp_chains_close(i, "a record went back");

        } else if (store->listed[i]) {
            store->closed_at[i] = store->recoveries[i];

        } else if (store->closed[i] && !store->listed[i]) {

            if (store->recoveries[i] == store->closed_at[i]) {
                ngx_http_dmp_chains_close(i, "it was closed, and not reopened");

            } else {
                store->closed[i] = 0;
            }
        }

        if (store->closed[i]) {
            store->n_closed++;
        }
    }
}


/* A writer has its home where it can write. */
static ngx_int_t
ngx_http_dmp_chains_writer(void)
{
    ngx_uint_t                       i;
    ngx_http_dmp_store_t            *store;
    const ngx_http_dmp_main_conf_t  *conf;

    store = &ngx_http_dmp_store;
    conf = store->conf;

    if (store->writer != NULL
        && store->closed[dmp_writer_home(store->writer)])
    {
        dmp_writer_free(store->writer);
        store->writer = NULL;
    }

    if (store->writer != NULL) {
        return NGX_OK;
    }

    for (i = 0; i < store->buckets && store->closed[i]; i++) { /* void */ }

    if (i == store->buckets) {
        ngx_http_dmp_store_broken("all buckets are closed",
                                  "run \"dmpctl audit recover\"");
        return NGX_ERROR;
    }

    store->writer = dmp_writer_create(ngx_http_dmp_str(conf->node),
                                      store->buckets, conf->audit_key,
                                      store->closed);
    if (store->writer == NULL) {
        ngx_http_dmp_store_broken("no memory for the chains", NULL);
        return NGX_ERROR;
    }

    dmp_writer_heartbeats(store->writer, true);
    dmp_writer_sign_each(store->writer, conf->sign_each != 0);
    ngx_http_dmp_zone_writer(dmp_writer_name(store->writer), store->buckets);

    return NGX_OK;
}


typedef struct {
    ngx_http_dmp_claim_head_t  *items;
    ngx_uint_t                  n;
    ngx_uint_t                  size;
    ngx_uint_t                  failed;
} ngx_http_dmp_claims_t;


static ngx_http_dmp_claim_head_t *
ngx_http_dmp_claims_push(ngx_http_dmp_claims_t *claims)
{
    ngx_uint_t                  wanted;
    ngx_http_dmp_claim_head_t  *grown;

    if (claims->n == claims->size) {
        wanted = claims->size * 2 + 64;

        grown = ngx_alloc(wanted * sizeof(ngx_http_dmp_claim_head_t),
                          ngx_http_dmp_store.log);
        if (grown == NULL) {
            claims->failed = 1;
            return NULL;
        }

        if (claims->n != 0) {
            ngx_memcpy(grown, claims->items,
                       claims->n * sizeof(ngx_http_dmp_claim_head_t));
            ngx_free(claims->items);
        }

        claims->items = grown;
        claims->size = wanted;
    }

    return &claims->items[claims->n++];
}


/*
 * A head of another writer of this machine.  An older recovery makes it void;
 * one that the store does not know of any more tells that it went back.
 */
static void
ngx_http_dmp_claims_kept(const char *name, size_t name_len,
    const dmp_chain_head_t *head, uint64_t recoveries, void *data)
{
    ngx_http_dmp_store_t       *store;
    ngx_http_dmp_claim_head_t  *claim;

    store = &ngx_http_dmp_store;

    if (head->bucket >= store->buckets || store->closed[head->bucket]
        || recoveries < store->recoveries[head->bucket])
    {
        return;
    }

    claim = ngx_http_dmp_claims_push(data);
    if (claim == NULL) {
        return;
    }

    claim->own = 0;
    claim->beyond = (recoveries > store->recoveries[head->bucket]);
    claim->head = *head;
    claim->name_len = name_len;
    ngx_memcpy(claim->name, name, name_len);
}


/* The heads of another worker of this machine, alive or not. */
static void
ngx_http_dmp_claims_of(ngx_http_dmp_zone_writer_t *writer, void *data)
{
    uint64_t               recoveries;
    ngx_uint_t             i;
    dmp_str_t              own;
    dmp_chain_head_t       head;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    own = dmp_writer_name(store->writer);

    if (writer->buckets != store->buckets
        || (writer->name_len == own.len
            && ngx_memcmp(writer->name, own.data, own.len) == 0))
    {
        return;
    }

    for (i = 0; i < writer->buckets; i++) {

        if (writer->heads[i].sequence != 0
            && ngx_http_dmp_zone_read(&writer->heads[i], &head, &recoveries))
        {
            ngx_http_dmp_claims_kept(writer->name, writer->name_len, &head,
                                     recoveries, data);
        }
    }
}


/* Our own: those that we know, and those that were being written to. */
static void
ngx_http_dmp_claims_own(ngx_http_dmp_claims_t *claims)
{
    unsigned                    i;
    dmp_str_t                   name;
    dmp_chain_head_t            head;
    ngx_http_dmp_store_t       *store;
    ngx_http_dmp_claim_head_t  *claim;

    store = &ngx_http_dmp_store;
    name = dmp_writer_name(store->writer);

    for (i = 0; i < store->buckets; i++) {

        ngx_memzero(&head, sizeof(dmp_chain_head_t));
        head.bucket = i;

        if (!dmp_writer_known(store->writer, i, &head)
            && !dmp_writer_touched(store->writer, i))
        {
            continue;
        }

        claim = ngx_http_dmp_claims_push(claims);
        if (claim == NULL) {
            return;
        }

        claim->own = 1;
        claim->beyond = 0;
        claim->head = head;
        claim->head.bucket = i;
        claim->name_len = name.len;
        ngx_memcpy(claim->name, name.data, name.len);
    }
}


static ngx_int_t
ngx_http_dmp_claims_ask(ngx_uint_t i)
{
    char                              key[DMP_KEY_NAME_MAX + 1];
    const char                       *argv[3];
    const ngx_http_dmp_claim_head_t  *claim;

    claim = &ngx_http_dmp_store.claims[i];

    key[dmp_key_name(key, claim->head.bucket, "w",
                     (dmp_str_t) { claim->name, claim->name_len })]
        = '\0';

    argv[0] = "HMGET";
    argv[1] = key;
    argv[2] = "h";

    return ngx_http_dmp_hello_send(ngx_http_dmp_chains_head,
                                   (void *) (uintptr_t) i, 3, argv);
}


void
ngx_http_dmp_chains_resolve(void)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;
    store->step = 1;
    store->owed = 0;

    ngx_http_dmp_chains_keep_closed();

    if (!ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_FORK)) {
        dmp_writer_free(store->writer);
        store->writer = NULL;
    }

    if (ngx_http_dmp_chains_writer() == NGX_OK) {
        ngx_http_dmp_replicas_resolve();
    }
}


/* All heads that are known, asked in one write. */
void
ngx_http_dmp_chains_ask(void)
{
    ngx_uint_t              i;
    ngx_http_dmp_store_t   *store;
    ngx_http_dmp_claims_t   claims;

    store = &ngx_http_dmp_store;

    if (store->claims != NULL) {
        ngx_free(store->claims);
        store->claims = NULL;
        store->n_claims = 0;
    }

    ngx_memzero(&claims, sizeof(ngx_http_dmp_claims_t));

    if (ngx_http_dmp_safety(NGX_HTTP_DMP_SAFETY_FORK)) {
        ngx_http_dmp_claims_own(&claims);
        ngx_http_dmp_zone_writers(ngx_http_dmp_claims_of, &claims);
        ngx_http_dmp_zone_kept(ngx_http_dmp_claims_kept, &claims);
    }

    store->claims = claims.items;
    store->n_claims = claims.n;

    if (claims.failed) {
        ngx_http_dmp_store_broken("no memory for the heads", NULL);
        return;
    }

    for (i = 0; i < store->n_claims; i++) {
        if (ngx_http_dmp_claims_ask(i) != NGX_OK) {
            return;
        }
    }

    ngx_http_dmp_hello_done();
}


bool
ngx_http_dmp_reply_head(const redisReply *reply, dmp_chain_head_t *head)
{
    ngx_memzero(head, sizeof(dmp_chain_head_t));

    return reply->elements == 1
           && reply->element[0]->type == REDIS_REPLY_STRING
           && dmp_head_parse((dmp_str_t) { reply->element[0]->str,
                                           (size_t) reply->element[0]->len },
                             head);
}


/* A worker that lives may have gone on since; none goes back. */
static bool
ngx_http_dmp_head_is_after(const dmp_chain_head_t *found,
    const dmp_chain_head_t *known)
{
    if (found->epoch != known->epoch) {
        return found->epoch > known->epoch;
    }

    return found->seq > known->seq
           || (found->seq == known->seq
               && ngx_memcmp(found->hash, known->hash, DMP_HASH_LEN) == 0);
}


static void
ngx_http_dmp_chains_head(redisAsyncContext *ac, void *data, void *privdata)
{
    bool                        present, known;
    unsigned                    bucket;
    redisReply                 *reply;
    dmp_chain_head_t            found;
    ngx_http_dmp_store_t       *store;
    ngx_http_dmp_claim_head_t  *claim;

    reply = data;
    store = &ngx_http_dmp_store;

    if (ngx_http_dmp_hello_reply(reply, REDIS_REPLY_ARRAY, "a head")
        != NGX_OK)
    {
        return;
    }

    claim = &store->claims[(uintptr_t) privdata];
    bucket = claim->head.bucket;
    present = ngx_http_dmp_reply_head(reply, &found);

    if (claim->own) {
        known = dmp_writer_resolve(store->writer, bucket, present,
                                   found.epoch, found.seq, found.hash);
    } else {
        known = present && !claim->beyond
                && ngx_http_dmp_head_is_after(&found, &claim->head);
    }

    if (!known && !store->closed[bucket]) {
        ngx_http_dmp_chains_close(bucket, claim->own
                                  ? "the head is not the last acknowledged"
                                  : "another worker's head is behind");
        store->n_closed++;
    }

    ngx_http_dmp_hello_done();
}


void
ngx_http_dmp_chains_epoch(void)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (store->closed[dmp_writer_home(store->writer)]) {
        /* just now: once more, with another home */
        ngx_http_dmp_store_renew("the home of its chains was closed");
        return;
    }

    store->step = 2;

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_open_epoch(store->writer, ngx_http_dmp_time_ms(), &buf,
                              &store->entry)
        != DMP_OK)
    {
        ngx_http_dmp_store_broken("an epoch cannot be opened", NULL);
        return;
    }

    ngx_http_dmp_zone_epoch(dmp_writer_epoch(store->writer));
    store->owed = 1;

    (void) ngx_http_dmp_store_append(ngx_http_dmp_chains_opened, NULL);
}


static void
ngx_http_dmp_chains_opened(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (data == NULL) {
        return;
    }

    store->owed = 0;
    ngx_http_dmp_store_surplus();

    /* nothing else is sent meanwhile: it is the first of its chain */
    if (ngx_http_dmp_store_acked(data, dmp_writer_home(store->writer), 1,
                                 &store->entry.after, 'S')
        == NGX_OK)
    {
        ngx_http_dmp_count(NGX_HTTP_DMP_EVENT_EPOCH);
        ngx_http_dmp_replicas_ready();
    }
}


static void
ngx_http_dmp_chains_rotated(redisAsyncContext *ac, void *data, void *privdata)
{
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    if (data == NULL) {
        return;
    }

    store->owed = 0;
    ngx_http_dmp_store_surplus();

    if (ngx_http_dmp_store_acked(data, dmp_writer_home(store->writer),
                                 (uint64_t) (uintptr_t) privdata,
                                 &store->entry.after, 'S')
        == NGX_OK)
    {
        ngx_http_dmp_chains_epoch();
    }
}


/* The hour is over and nothing is in flight: the next epoch. */
void
ngx_http_dmp_store_rotate(void)
{
    dmp_buf_t              buf;
    ngx_http_dmp_store_t  *store;

    store = &ngx_http_dmp_store;

    dmp_buf_init(&buf, ngx_http_dmp_store_text, DMP_SUMMARY_MAX);

    if (dmp_writer_close_epoch(store->writer, ngx_http_dmp_time_ms(), &buf,
                               &store->entry)
        != DMP_OK)
    {
        /* it was over before anybody came: what it signed stands */
        ngx_http_dmp_chains_epoch();
        return;
    }

    store->owed = 1;

    (void) ngx_http_dmp_store_append(ngx_http_dmp_chains_rotated,
                               (void *) (uintptr_t) store->entry.seq);
}
