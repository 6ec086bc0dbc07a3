/*
 * dmp_writer.c: one life of a process as a writer of the trace: its chains,
 * its epochs and their keys, and what the store has acknowledged.  It sends
 * nothing, and never writes two entries with the same epoch and sequence.
 */

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "dmp_writer_int.h"


#define WRITER_NODE_MAX  (DMP_WRITER_MAX - 1 - 16)

/* Numbers that every reader of JSON takes back as they are (RFC 8259, 6). */
#define WRITER_COUNT_MAX  (((uint64_t) 1 << 53) - 1)


/*
 * The node's name, cut down to what needs no escape anywhere, and the random
 * part: overlapping lives of one host must not share a chain.
 */
static bool
writer_name(dmp_writer_t *w, dmp_str_t node)
{
    char                c;
    size_t              i;
    unsigned char       random[8], hash[DMP_HASH_LEN];
    static const char   hex[] = "0123456789abcdef";

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return false;
    }

    for (i = 0; i < node.len && i < WRITER_NODE_MAX; i++) {
        c = node.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '.' && c != '_')
        {
            c = '-';
        }

        w->name[w->name_len++] = c;
    }

    w->name[w->name_len++] = '/';

    for (i = 0; i < sizeof(random); i++) {
        w->name[w->name_len++] = hex[random[i] >> 4];
        w->name[w->name_len++] = hex[random[i] & 15];
    }

    if (!dmp_entry_hash(w->name, w->name_len, hash)) {
        return false;
    }

    w->home = hash[0] % w->buckets;

    return true;
}


dmp_writer_t *
dmp_writer_create(dmp_str_t node, unsigned buckets, EVP_PKEY *audit_key)
{
    dmp_writer_t  *w;

    if (buckets == 0 || buckets > DMP_BUCKETS_MAX || audit_key == NULL) {
        return NULL;
    }

    w = calloc(1, sizeof(dmp_writer_t) + buckets * sizeof(writer_chain_t));
    if (w == NULL) {
        return NULL;
    }

    w->buckets = buckets;
    w->audit_key = audit_key;
    w->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    w->md = EVP_MD_CTX_new();

    if (w->sha256 == NULL || w->md == NULL || !writer_name(w, node)) {
        dmp_writer_free(w);
        return NULL;
    }

    return w;
}


/* EVP_PKEY_free() wipes the private part of an Ed25519 key. */
void
dmp_writer_wipe_key(dmp_writer_t *w)
{
    EVP_PKEY_free(w->epoch_key);
    w->epoch_key = NULL;
}


void
dmp_writer_free(dmp_writer_t *w)
{
    if (w == NULL) {
        return;
    }

    dmp_writer_wipe_key(w);
    EVP_MD_CTX_free(w->md);
    EVP_MD_free(w->sha256);
    free(w);
}


dmp_str_t
dmp_writer_name(const dmp_writer_t *w)
{
    return (dmp_str_t) { w->name, w->name_len };
}


unsigned
dmp_writer_home(const dmp_writer_t *w)
{
    return w->home;
}


uint64_t
dmp_writer_epoch(const dmp_writer_t *w)
{
    return w->state == WRITER_OPENING || w->state == WRITER_OPEN ? w->epoch : 0;
}


bool
dmp_writer_ready(const dmp_writer_t *w)
{
    return w->state == WRITER_OPEN;
}


int64_t
dmp_writer_epoch_opened(const dmp_writer_t *w)
{
    return w->opened_ms;
}


unsigned
dmp_writer_unsigned(const dmp_writer_t *w)
{
    return w->not_signed;
}


static bool
writer_hash(dmp_writer_t *w, const char *data, size_t len,
    unsigned char hash[DMP_HASH_LEN])
{
    return EVP_DigestInit_ex2(w->md, w->sha256, NULL) == 1
           && EVP_DigestUpdate(w->md, data, len) == 1
           && EVP_DigestFinal_ex(w->md, hash, NULL) == 1;
}


static bool
writer_sign(EVP_PKEY *key, const char *data, size_t len,
    unsigned char signature[DMP_SIGNATURE_LEN])
{
    bool         ok;
    size_t       n;
    EVP_MD_CTX  *ctx;

    n = DMP_SIGNATURE_LEN;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return false;
    }

    ok = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1
         && EVP_DigestSign(ctx, signature, &n, (const unsigned char *) data,
                           len) == 1
         && n == DMP_SIGNATURE_LEN;

    EVP_MD_CTX_free(ctx);

    return ok;
}


/* Writes what every entry begins with, after the head that was sent last. */
static dmp_rc_t
writer_begin(dmp_writer_t *w, dmp_kind_t kind, unsigned bucket,
    int64_t time_ms, dmp_buf_t *buf, dmp_entry_t *entry)
{
    writer_chain_t              *chain;
    dmp_entry_head_t             head;
    static const unsigned char   none[DMP_HASH_LEN];

    memset(entry, 0, sizeof(*entry));

    if (bucket >= w->buckets) {
        return DMP_E_LIMIT;
    }

    chain = &w->chains[bucket];

    if (chain->forked) {
        return DMP_E_REFUSED;
    }

    if (w->n_flight == DMP_FLIGHT_MAX) {
        return DMP_E_LIMIT;
    }

    entry->bucket = bucket;
    entry->epoch = w->epoch;
    entry->seq = chain->sent.epoch == w->epoch ? chain->sent.seq + 1 : 1;
    memcpy(entry->prev, chain->sent.hash, DMP_HASH_LEN);

    head.kind = kind;
    head.writer = dmp_writer_name(w);
    head.epoch = entry->epoch;
    head.seq = entry->seq;
    head.prev = entry->prev;
    head.bucket = bucket;
    head.time_ms = time_ms;
    head.ack_seq = chain->ack_epoch == w->epoch ? chain->ack_seq : 0;
    head.ack = chain->ack_epoch == w->epoch ? chain->acks : none;

    buf->len = 0;
    buf->full = false;
    dmp_entry_begin(buf, &head);

    return DMP_OK;
}


/* Closes the entry and takes its place in the chain, or changes nothing. */
static dmp_rc_t
writer_end(dmp_writer_t *w, dmp_kind_t kind, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    writer_chain_t   *chain;
    writer_flight_t  *flight;

    dmp_entry_end(buf);

    if (buf->full) {
        return DMP_E_LIMIT;
    }

    if (!writer_hash(w, buf->data, buf->len, entry->hash)) {
        return DMP_E_INTERNAL;
    }

    entry->body.data = buf->data;
    entry->body.len = buf->len;

    chain = &w->chains[entry->bucket];
    chain->sent.epoch = entry->epoch;
    chain->sent.seq = entry->seq;
    memcpy(chain->sent.hash, entry->hash, DMP_HASH_LEN);

    flight = &w->flight[(w->first + w->n_flight) % DMP_FLIGHT_MAX];
    flight->bucket = entry->bucket;
    flight->kind = kind;
    flight->place = chain->sent;
    w->n_flight++;

    return DMP_OK;
}


/* Whether an entry of that time may be written now. */
static bool
writer_may(const dmp_writer_t *w, int64_t time_ms)
{
    return w->state == WRITER_OPEN
           && time_ms <= w->expires_ms
           && time_ms >= w->opened_ms - DMP_EPOCH_SLACK_MS;
}


/* A head that no acknowledged checkpoint names. */
static bool
writer_unsigned_head(const writer_chain_t *chain)
{
    return chain->known.epoch != 0
           && (chain->known.epoch != chain->signed_epoch
               || chain->known.seq != chain->signed_seq);
}


static void
writer_head(const dmp_writer_t *w, unsigned bucket, dmp_chain_head_t *head)
{
    const writer_chain_t  *chain;

    chain = &w->chains[bucket];

    memset(head, 0, sizeof(*head));
    head->bucket = bucket;
    head->epoch = chain->known.epoch;
    head->seq = chain->known.seq;
    memcpy(head->hash, chain->known.hash, DMP_HASH_LEN);

    if (chain->ack_epoch == chain->known.epoch) {
        head->acked = chain->ack_seq;
        memcpy(head->acks, chain->acks, DMP_HASH_LEN);
    }
}


static dmp_rc_t
writer_write_open(dmp_writer_t *w, dmp_buf_t *buf, dmp_entry_t *entry)
{
    bool               first;
    char               text[DMP_CERTIFICATE_MAX + DMP_WRITER_MAX];
    size_t             len;
    dmp_rc_t           rc;
    unsigned           i;
    dmp_buf_t          certified;
    unsigned char      public_key[DMP_PUBLIC_LEN];
    unsigned char      signature[DMP_SIGNATURE_LEN];
    dmp_chain_head_t   head;

    len = sizeof(public_key);
    dmp_buf_init(&certified, text, sizeof(text));

    if (EVP_PKEY_get_raw_public_key(w->epoch_key, public_key, &len) != 1
        || len != DMP_PUBLIC_LEN)
    {
        return DMP_E_INTERNAL;
    }

    dmp_entry_certified(&certified, dmp_writer_name(w), w->epoch, public_key,
                        w->opened_ms, w->expires_ms);

    if (certified.full
        || !writer_sign(w->audit_key, text, certified.len, signature))
    {
        return DMP_E_INTERNAL;
    }

    rc = writer_begin(w, DMP_KIND_EPOCH_OPEN, w->home, w->opened_ms, buf,
                      entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_certificate(buf, public_key, w->opened_ms, w->expires_ms,
                          signature);
    dmp_entry_list(buf, "carried");
    first = true;

    for (i = 0; i < w->buckets; i++) {
        if (writer_unsigned_head(&w->chains[i])) {
            writer_head(w, i, &head);
            dmp_entry_carried(buf, first, &head);
            first = false;
        }
    }

    dmp_entry_list_end(buf);

    return writer_end(w, DMP_KIND_EPOCH_OPEN, buf, entry);
}


dmp_rc_t
dmp_writer_open_epoch(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (w->state == WRITER_LOST || w->state == WRITER_OPENING) {
        return DMP_E_REFUSED;
    }

    dmp_writer_wipe_key(w);
    w->state = WRITER_CLOSED;

    w->epoch_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (w->epoch_key == NULL) {
        return DMP_E_INTERNAL;
    }

    /* The number is used up even if nothing comes of it. */
    w->epoch++;
    w->opened_ms = now_ms;
    w->expires_ms = now_ms + DMP_EPOCH_MS + DMP_EPOCH_SLACK_MS;

    rc = writer_write_open(w, buf, entry);
    if (rc != DMP_OK) {
        dmp_writer_wipe_key(w);
        return rc;
    }

    w->state = WRITER_OPENING;
    w->not_signed = 0;

    return DMP_OK;
}


static dmp_rc_t
writer_write_access(dmp_writer_t *w, dmp_kind_t kind, unsigned bucket,
    const dmp_access_t *access, uint64_t new_version, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (!writer_may(w, access->time_ms)) {
        return DMP_E_REFUSED;
    }

    rc = writer_begin(w, kind, bucket, access->time_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_access(buf, access, new_version);

    return writer_end(w, kind, buf, entry);
}


dmp_rc_t
dmp_writer_access(dmp_writer_t *w, unsigned bucket, const dmp_access_t *access,
    dmp_buf_t *buf, dmp_entry_t *entry)
{
    return writer_write_access(w, DMP_KIND_ACCESS, bucket, access, 0, buf,
                               entry);
}


dmp_rc_t
dmp_writer_change(dmp_writer_t *w, unsigned bucket, const dmp_access_t *change,
    uint64_t new_version, dmp_buf_t *buf, dmp_entry_t *entry)
{
    if (new_version == 0) {
        memset(entry, 0, sizeof(*entry));
        return DMP_E_INTERNAL;
    }

    return writer_write_access(w, DMP_KIND_CHANGE, bucket, change, new_version,
                               buf, entry);
}


dmp_rc_t
dmp_writer_outcome(dmp_writer_t *w, int64_t now_ms,
    const dmp_outcome_t *outcomes, size_t n,
    const char (*abandoned)[DMP_UUID_LEN], size_t n_abandoned, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (n > DMP_OUTCOMES_MAX || n_abandoned > DMP_ABANDONED_MAX) {
        return DMP_E_LIMIT;
    }

    if (!writer_may(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    rc = writer_begin(w, DMP_KIND_OUTCOME, w->home, now_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_outcomes(buf, outcomes, n, abandoned, n_abandoned);

    return writer_end(w, DMP_KIND_OUTCOME, buf, entry);
}


dmp_rc_t
dmp_writer_admin(dmp_writer_t *w, const dmp_admin_t *admin, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (admin->command.len == 0) {
        return DMP_E_INTERNAL;
    }

    if (admin->ended && (admin->added > WRITER_COUNT_MAX
                         || admin->changed > WRITER_COUNT_MAX
                         || admin->removed > WRITER_COUNT_MAX))
    {
        return DMP_E_LIMIT;
    }

    if (!writer_may(w, admin->time_ms)) {
        return DMP_E_REFUSED;
    }

    rc = writer_begin(w, DMP_KIND_ADMIN, w->home, admin->time_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_admin(buf, admin);

    return writer_end(w, DMP_KIND_ADMIN, buf, entry);
}


static dmp_rc_t
writer_write_heads(dmp_writer_t *w, dmp_kind_t kind, int64_t now_ms,
    dmp_buf_t *buf, dmp_entry_t *entry)
{
    bool               first;
    dmp_rc_t           rc;
    unsigned           i;
    unsigned char      signature[DMP_SIGNATURE_LEN];
    writer_chain_t    *chain;
    dmp_chain_head_t   head;

    rc = writer_begin(w, kind, w->home, now_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_list(buf, "heads");
    first = true;

    for (i = 0; i < w->buckets; i++) {
        chain = &w->chains[i];

        if (chain->known.epoch != w->epoch
            || (kind == DMP_KIND_CHECKPOINT
                && chain->listed_epoch == w->epoch
                && chain->listed_seq == chain->known.seq))
        {
            continue;
        }

        writer_head(w, i, &head);
        dmp_entry_head(buf, first, &head);
        first = false;
    }

    dmp_entry_list_end(buf);

    if (buf->full) {
        return DMP_E_LIMIT;
    }

    if (!writer_sign(w->epoch_key, buf->data, buf->len, signature)) {
        return DMP_E_INTERNAL;
    }

    dmp_entry_signature(buf, signature);

    rc = writer_end(w, kind, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    for (i = 0; i < w->buckets; i++) {
        chain = &w->chains[i];

        if (chain->known.epoch == w->epoch) {
            chain->listed_epoch = w->epoch;
            chain->listed_seq = chain->known.seq;
        }
    }

    w->not_signed = 0;
    w->checkpointing = true;

    return DMP_OK;
}


dmp_rc_t
dmp_writer_checkpoint(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    memset(entry, 0, sizeof(*entry));

    /* Which of two an acknowledgement confirms could not be told. */
    if (w->checkpointing || !writer_may(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    return writer_write_heads(w, DMP_KIND_CHECKPOINT, now_ms, buf, entry);
}


dmp_rc_t
dmp_writer_close_epoch(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    /* What is in flight would stand outside the heads that end the epoch. */
    if (w->n_flight > 0 || !writer_may(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    rc = writer_write_heads(w, DMP_KIND_EPOCH_CLOSE, now_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_writer_wipe_key(w);
    w->state = WRITER_CLOSED;

    return DMP_OK;
}
