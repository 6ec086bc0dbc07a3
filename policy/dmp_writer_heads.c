/*
 * dmp_writer_heads.c: a writer's epochs, and the entries that name heads of
 * chains: its own, signed with the epoch's key, and those of a writer that is
 * no more, signed with the gateway's audit key.
 */

#include <openssl/evp.h>

#include "dmp_writer_int.h"


/*
 * Others take a writer for dead when the promised time has passed by their own
 * clock or the store's, and end its epoch: it has to be silent before that.
 * The rest is for the difference of the clocks and an entry's way to the store.
 */
#define WRITER_SILENT_MS  (DMP_SILENCE_MS - 5 * 1000)


int64_t
dmp_writer_signed_ms(const dmp_writer_t *w)
{
    return w->signed_ms;
}


bool
dmp_writer_silent(const dmp_writer_t *w, int64_t now_ms)
{
    if (!w->heartbeats || dmp_writer_epoch(w) == 0) {
        return false;
    }

    return now_ms - w->signed_ms > WRITER_SILENT_MS
           || now_ms < w->signed_ms - DMP_EPOCH_SLACK_MS;
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


bool
dmp_writer_known(const dmp_writer_t *w, unsigned bucket, dmp_chain_head_t *head)
{
    memset(head, 0, sizeof(*head));

    if (bucket >= w->buckets || w->chains[bucket].known.epoch == 0) {
        return false;
    }

    writer_head(w, bucket, head);

    return true;
}


/* The epoch's public key, and what the audit key says of it. */
static bool
writer_certify(const dmp_writer_t *w, unsigned char *public_key,
    unsigned char *signature)
{
    char       text[DMP_CERTIFICATE_MAX + DMP_WRITER_MAX];
    size_t     len;
    dmp_buf_t  certified;

    len = DMP_PUBLIC_LEN;

    if (EVP_PKEY_get_raw_public_key(w->epoch_key, public_key, &len) != 1
        || len != DMP_PUBLIC_LEN)
    {
        return false;
    }

    dmp_buf_init(&certified, text, sizeof(text));
    dmp_entry_certified(&certified, dmp_writer_name(w), w->epoch, public_key,
                        w->opened_ms, w->expires_ms,
                        w->heartbeats ? DMP_SILENCE_MS / 1000 : 0);

    return !certified.full
           && dmp_writer_sign(w->audit_key, text, certified.len, signature);
}


static dmp_rc_t
writer_write_open(dmp_writer_t *w, dmp_buf_t *buf, dmp_entry_t *entry)
{
    bool               first;
    dmp_rc_t           rc;
    unsigned           i;
    unsigned char      public_key[DMP_PUBLIC_LEN];
    unsigned char      signature[DMP_SIGNATURE_LEN];
    dmp_chain_head_t   head;

    if (!writer_certify(w, public_key, signature)) {
        return DMP_E_INTERNAL;
    }

    rc = dmp_writer_begin(w, DMP_KIND_EPOCH_OPEN, w->home, w->opened_ms, buf,
                          entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_certificate(buf, public_key, w->opened_ms, w->expires_ms,
                          signature,
                          w->heartbeats ? DMP_SILENCE_MS / 1000 : 0);
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

    return dmp_writer_end(w, WRITER_NAMES_CARRIED,
                          w->sign_each ? w->epoch_key : NULL, buf, entry);
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
    w->signed_ms = now_ms;
    w->not_signed = 0;

    return DMP_OK;
}


/*
 * Those of this epoch: all at its end, else what moved since the last list.
 * All that they name was acknowledged in it.
 */
static bool
writer_write_list(const dmp_writer_t *w, bool all, dmp_buf_t *buf)
{
    bool                   first;
    unsigned               i;
    dmp_signed_head_t      head;
    const writer_chain_t  *chain;

    dmp_entry_list(buf, "heads");
    first = true;

    for (i = 0; i < w->buckets; i++) {
        chain = &w->chains[i];

        if (chain->known.epoch != w->epoch
            || (!all && chain->listed_epoch == w->epoch
                && chain->listed_seq == chain->known.seq))
        {
            continue;
        }

        head.bucket = i;
        head.epoch = chain->known.epoch;
        head.seq = chain->known.seq;

        if (!dmp_head_digest(chain->known.hash, chain->acks, head.digest)) {
            return false;
        }

        dmp_entry_head(buf, first, &head);
        first = false;
    }

    dmp_entry_list_end(buf);

    return true;
}


static dmp_rc_t
writer_write_heads(dmp_writer_t *w, dmp_kind_t kind, int64_t now_ms,
    dmp_buf_t *buf, dmp_entry_t *entry)
{
    dmp_rc_t         rc;
    unsigned         i;
    writer_chain_t  *chain;

    if (!dmp_writer_may(w, now_ms) || dmp_writer_silent(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    rc = dmp_writer_begin(w, kind, w->home, now_ms, buf, entry);
    if (rc != DMP_OK) {
        return rc;
    }

    if (!writer_write_list(w, kind == DMP_KIND_EPOCH_CLOSE, buf)) {
        return DMP_E_INTERNAL;
    }

    rc = dmp_writer_end(w, WRITER_NAMES_HEADS, w->epoch_key, buf, entry);
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

    w->signed_ms = now_ms;
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
    return w->checkpointing ? DMP_E_REFUSED
                            : writer_write_heads(w, DMP_KIND_CHECKPOINT,
                                                 now_ms, buf, entry);
}


dmp_rc_t
dmp_writer_heartbeat(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    memset(entry, 0, sizeof(*entry));

    return w->checkpointing ? DMP_E_REFUSED
                            : writer_write_heads(w, DMP_KIND_HEARTBEAT, now_ms,
                                                 buf, entry);
}


dmp_rc_t
dmp_writer_close_epoch(dmp_writer_t *w, int64_t now_ms, dmp_buf_t *buf,
    dmp_entry_t *entry)
{
    dmp_rc_t  rc;

    memset(entry, 0, sizeof(*entry));

    /* What is in flight would stand outside the heads that end the epoch. */
    if (w->n_flight > 0) {
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


/* Whether that can be said: another's epoch, and heads that are all of it. */
static bool
writer_other_fits(const dmp_writer_t *w, const dmp_other_t *other)
{
    unsigned                 i;
    const dmp_chain_head_t  *head;

    if (!dmp_entry_is_writer(other->writer)
        || dmp_str_eq(other->writer, dmp_writer_name(w))
        || other->epoch == 0 || other->n_heads > w->buckets
        || (other->source != DMP_HEADS_MEMORY
            && other->source != DMP_HEADS_STORE))
    {
        return false;
    }

    for (i = 0; i < other->n_heads; i++) {
        head = &other->heads[i];

        if (head->bucket >= w->buckets || head->epoch != other->epoch
            || head->seq == 0 || head->acked > head->seq
            || (i > 0 && head->bucket <= other->heads[i - 1].bucket))
        {
            return false;
        }
    }

    return true;
}


dmp_rc_t
dmp_writer_close_other(dmp_writer_t *w, int64_t now_ms,
    const dmp_other_t *other, dmp_buf_t *buf, dmp_entry_t *entry)
{
    dmp_rc_t  rc;
    unsigned  i;

    memset(entry, 0, sizeof(*entry));

    if (!writer_other_fits(w, other)) {
        return DMP_E_INTERNAL;
    }

    if (!dmp_writer_may(w, now_ms)) {
        return DMP_E_REFUSED;
    }

    rc = dmp_writer_begin(w, DMP_KIND_EPOCH_CLOSE, w->home, now_ms, buf,
                          entry);
    if (rc != DMP_OK) {
        return rc;
    }

    dmp_entry_of(buf, other);
    dmp_entry_list(buf, "heads");

    for (i = 0; i < other->n_heads; i++) {
        dmp_entry_carried(buf, i == 0, &other->heads[i]);
    }

    dmp_entry_list_end(buf);

    /* Its own heads are in no way told by this. */
    return dmp_writer_end(w, WRITER_NAMES_NONE, w->audit_key, buf, entry);
}
