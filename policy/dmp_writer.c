/*
 * dmp_writer.c: one life of a process as a writer of the trace: its name, its
 * chains, and the entries that say what was done.  It sends nothing, and never
 * writes two entries with the same epoch and sequence.
 */

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "dmp_hash.h"
#include "dmp_writer_int.h"


#define WRITER_NODE_MAX  (DMP_WRITER_MAX - 1 - WRITER_RANDOM_LEN)

/*
 * Names that are tried for a home that is open.  One bucket of 256 is missed
 * by all of them once in 10^13.
 */
#define WRITER_TRIES  8192

/* Numbers that every reader of JSON takes back as they are (RFC 8259, 6). */
#define WRITER_COUNT_MAX  (((uint64_t) 1 << 53) - 1)


/* The node's name, cut down to what needs no escape anywhere. */
static void
writer_node(dmp_writer_t *w, dmp_str_t node)
{
    char    c;
    size_t  i;

    for (i = 0; i < node.len && i < WRITER_NODE_MAX; i++) {
        c = node.data[i];
        w->name[w->name_len++] = dmp_entry_in_node(c) ? c : '-';
    }

    w->name[w->name_len++] = '/';
}


/*
 * The random part, since overlapping lives of one host must not share a chain,
 * and the home that comes of the whole name.
 */
static bool
writer_name(dmp_writer_t *w)
{
    size_t             i, n;
    unsigned char      random[WRITER_RANDOM_LEN / 2], hash[DMP_HASH_LEN];
    static const char  hex[] = "0123456789abcdef";

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return false;
    }

    n = w->name_len;

    for (i = 0; i < sizeof(random); i++) {
        w->name[n++] = hex[random[i] >> 4];
        w->name[n++] = hex[random[i] & 15];
    }

    if (!dmp_entry_hash(w->name, n, hash)) {
        return false;
    }

    w->home = hash[0] % w->buckets;

    return true;
}


/* A name whose home is open, so that epochs can be. */
static bool
writer_settle_home(dmp_writer_t *w, const unsigned char *closed)
{
    unsigned  tries;

    if (closed != NULL && memchr(closed, 0, w->buckets) == NULL) {
        return false;
    }

    for (tries = 0; tries < WRITER_TRIES; tries++) {
        if (!writer_name(w)) {
            return false;
        }

        if (closed == NULL || closed[w->home] == 0) {
            w->name_len += WRITER_RANDOM_LEN;
            return true;
        }
    }

    return false;
}


dmp_writer_t *
dmp_writer_create(dmp_str_t node, unsigned buckets, EVP_PKEY *audit_key,
    const unsigned char *closed)
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
    writer_node(w, node);

    if (!writer_settle_home(w, closed)) {
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
    free(w);
}


void
dmp_writer_heartbeats(dmp_writer_t *w, bool heartbeats)
{
    w->heartbeats = heartbeats;
}


void
dmp_writer_sign_each(dmp_writer_t *w, bool sign_each)
{
    w->sign_each = sign_each;
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


bool
dmp_writer_sign(EVP_PKEY *key, const char *data, size_t len,
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


dmp_rc_t
dmp_writer_begin(dmp_writer_t *w, dmp_kind_t kind, unsigned bucket,
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
    dmp_head_write(&entry->before, chain->sent.epoch, chain->sent.seq,
                   chain->sent.hash);

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


/*
 * The signature over what was written so far.  There must be room for it and
 * for the end: what is signed is sent, or another body would be signed for the
 * same place.
 */
static dmp_rc_t
writer_add_signature(EVP_PKEY *key, dmp_buf_t *buf)
{
    unsigned char  signature[DMP_SIGNATURE_LEN];

    if (buf->full || buf->size - buf->len < ENTRY_SIGNATURE_LEN + 1) {
        return DMP_E_LIMIT;
    }

    if (!dmp_writer_sign(key, buf->data, buf->len, signature)) {
        return DMP_E_INTERNAL;
    }

    dmp_entry_signature(buf, signature);

    return DMP_OK;
}


dmp_rc_t
dmp_writer_end(dmp_writer_t *w, writer_names_t names, EVP_PKEY *key,
    dmp_buf_t *buf, dmp_entry_t *entry)
{
    dmp_rc_t          rc;
    writer_chain_t   *chain;
    writer_flight_t  *flight;

    if (key != NULL) {
        rc = writer_add_signature(key, buf);
        if (rc != DMP_OK) {
            return rc;
        }
    }

    dmp_entry_end(buf);

    if (buf->full) {
        return DMP_E_LIMIT;
    }

    if (!dmp_hash(buf->data, buf->len, entry->hash)) {
        return DMP_E_INTERNAL;
    }

    dmp_head_write(&entry->after, entry->epoch, entry->seq, entry->hash);
    entry->body.data = buf->data;
    entry->body.len = buf->len;

    chain = &w->chains[entry->bucket];
    chain->sent.epoch = entry->epoch;
    chain->sent.seq = entry->seq;
    memcpy(chain->sent.hash, entry->hash, DMP_HASH_LEN);

    flight = &w->flight[(w->first + w->n_flight) % DMP_FLIGHT_MAX];
    flight->bucket = entry->bucket;
    flight->names = names;
    flight->place = chain->sent;
    w->n_flight++;

    return DMP_OK;
}


/* An entry of those that are signed only where each is. */
static dmp_rc_t
writer_end(dmp_writer_t *w, dmp_buf_t *buf, dmp_entry_t *entry)
{
    return dmp_writer_end(w, WRITER_NAMES_NONE,
                          w->sign_each ? w->epoch_key : NULL, buf, entry);
}


bool
dmp_writer_may(const dmp_writer_t *w, int64_t time_ms)
{
    return w->state == WRITER_OPEN
           && time_ms <= w->expires_ms
           && time_ms >= w->opened_ms - DMP_EPOCH_SLACK_MS;
}


static dmp_rc_t
writer_write_access(dmp_writer_t *w, dmp_kind_t kind, unsigned bucket,
    const dmp_access_t *access, uint64_t new_version, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (access->policy.len > 0 && access->policy.len < DMP_POLICY_TEXT) {
        return DMP_E_INTERNAL;
    }

    if (!dmp_writer_may(w, access->time_ms)) {
        return DMP_E_REFUSED;
    }

    rc = dmp_writer_begin(w, kind, bucket, access->time_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_access(buf, access, new_version);

    return writer_end(w, buf, entry);
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
dmp_writer_session(dmp_writer_t *w, unsigned bucket,
    const dmp_access_t *session, dmp_buf_t *buf, dmp_entry_t *entry)
{
    if (session->version != 0) {
        memset(entry, 0, sizeof(*entry));
        return DMP_E_INTERNAL;
    }

    return writer_write_access(w, DMP_KIND_SESSION, bucket, session, 0, buf,
                               entry);
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

    if (!dmp_writer_may(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    rc = dmp_writer_begin(w, DMP_KIND_OUTCOME, w->home, now_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_outcomes(buf, outcomes, n, abandoned, n_abandoned);

    return writer_end(w, buf, entry);
}


/* Those that were reopened: buckets of this store, each once. */
static bool
writer_buckets_fit(const dmp_writer_t *w, const dmp_admin_t *admin)
{
    unsigned  i;

    for (i = 0; admin->buckets != NULL && i < admin->n_buckets; i++) {
        if (admin->buckets[i] >= w->buckets
            || (i > 0 && admin->buckets[i] <= admin->buckets[i - 1]))
        {
            return false;
        }
    }

    return true;
}


dmp_rc_t
dmp_writer_admin(dmp_writer_t *w, const dmp_admin_t *admin, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    if (admin->command.len == 0 || !writer_buckets_fit(w, admin)) {
        return DMP_E_INTERNAL;
    }

    if (admin->ended && (admin->added > WRITER_COUNT_MAX
                         || admin->changed > WRITER_COUNT_MAX
                         || admin->removed > WRITER_COUNT_MAX))
    {
        return DMP_E_LIMIT;
    }

    if (!dmp_writer_may(w, admin->time_ms)) {
        return DMP_E_REFUSED;
    }

    rc = dmp_writer_begin(w, DMP_KIND_ADMIN, w->home, admin->time_ms, buf,
                          entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_admin(buf, admin);

    return writer_end(w, buf, entry);
}
