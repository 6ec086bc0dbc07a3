/*
 * dmp_verify_epoch.c: epochs: their certificates, what is signed in them and
 * when, and by whom they were ended.
 */

#include <stdlib.h>

#include "dmp_verify_int.h"


/*
 * A signature of heads costs as much as a hundred entries.  The links make the
 * last one of an epoch say the same of all before it, so that of the others
 * only every so many is looked at: where a chain was forged from some entry
 * on, the first break named is at most so many signatures after it.
 */
#define VERIFY_SKIPPED  15


static bool
verify_signature(EVP_PKEY *key, const char *data, size_t len,
    const unsigned char *signature)
{
    bool         ok;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return false;
    }

    ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1
         && EVP_DigestVerify(ctx, signature, DMP_SIGNATURE_LEN,
                             (const unsigned char *) data, len) == 1;
    EVP_MD_CTX_free(ctx);

    return ok;
}


/* By any of the keys that were given. */
static bool
verify_audit_signature(const dmp_verify_t *v, const char *data, size_t len,
    const unsigned char *signature)
{
    bool      ok;
    unsigned  i;

    ok = false;

    for (i = 0; i < v->n_keys && !ok; i++) {
        ok = verify_signature(v->keys[i], data, len, signature);
    }

    return ok;
}


/* The key of a certified epoch; a writer's last one is kept. */
static EVP_PKEY *
verify_epoch_key(dmp_verify_t *v, verify_writer_t *writer,
    const verify_epoch_t *e)
{
    if (writer->key == NULL || writer->key_epoch != e->epoch) {
        EVP_PKEY_free(writer->key);
        writer->key_epoch = e->epoch;
        writer->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                  e->public_key,
                                                  DMP_PUBLIC_LEN);
        if (writer->key == NULL) {
            v->no_memory = true;
        }
    }

    return writer->key;
}


static bool
verify_epoch_signature(dmp_verify_t *v, verify_writer_t *writer,
    const verify_epoch_t *e, const char *data, size_t len,
    const unsigned char *signature)
{
    EVP_PKEY  *key;

    key = verify_epoch_key(v, writer, e);

    return key != NULL && verify_signature(key, data, len, signature);
}


/* Times of entries before the opening was fed are looked at when it is. */
void
verify_time(dmp_verify_t *v, verify_epoch_t *e, const verify_place_t *place,
    int64_t time_ms)
{
    if (!e->entered) {
        e->entered = true;
        e->first = e->min = e->max = *place;
        e->min_ms = e->max_ms = time_ms;
    }

    if (time_ms < e->min_ms) {
        e->min_ms = time_ms;
        e->min = *place;
    }

    if (time_ms > e->max_ms) {
        e->max_ms = time_ms;
        e->max = *place;
    }

    if (!e->opened) {
        return;
    }

    if (e->min_ms < e->opened_ms - DMP_EPOCH_SLACK_MS && !e->early_told) {
        e->early_told = true;
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, &e->min, NULL, "its time "
                           "is before its epoch was opened");
    }

    if (e->max_ms > e->expires_ms && !e->late_told) {
        e->late_told = true;
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, &e->max, NULL, "its time "
                           "is after its epoch's certificate expired");
    }
}


/* One head that an entry at that place names, if it can be one. */
static void
verify_claims_head(dmp_verify_t *v, const verify_claim_t *claim,
    const verify_place_t *place)
{
    verify_chain_t          *chain;
    const dmp_chain_head_t  *head;

    head = &claim->head;

    if (head->bucket >= v->buckets) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it names a head "
                           "in bucket %u, which the store does not have",
                           head->bucket);
        return;
    }

    if (head->seq == 0 || head->epoch == 0) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it names a head "
                           "in bucket %u that is no entry", head->bucket);
        return;
    }

    chain = verify_chain(v, claim->writer, head->bucket);

    if (!claim->certified && chain != NULL) {
        chain->carried_by = place->epoch;
        chain->carried_epoch = head->epoch;
        chain->carried_seq = head->seq;
    }

    verify_claim(v, claim);
}


static void
verify_claims(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view)
{
    unsigned                  i;
    verify_claim_t            claim;
    const dmp_signed_head_t  *head;

    memset(&claim, 0, sizeof(claim));
    claim.writer = writer;
    claim.witness = *place;
    claim.final = view->kind == DMP_KIND_EPOCH_CLOSE
                  && view->of_writer.len == 0;
    claim.certified = view->kind != DMP_KIND_EPOCH_OPEN;

    for (i = 0; i < view->n_heads; i++) {
        claim.head = view->heads[i];
        verify_claims_head(v, &claim, place);
    }

    claim.digested = view->n_signed_heads > 0;
    memset(&claim.head, 0, sizeof(claim.head));

    for (i = 0; i < view->n_signed_heads; i++) {
        head = &view->signed_heads[i];
        claim.head.bucket = head->bucket;
        claim.head.epoch = head->epoch;
        claim.head.seq = head->seq;
        memcpy(claim.digest, head->digest, DMP_HASH_LEN);
        verify_claims_head(v, &claim, place);
    }
}


static void
verify_bad_signature(dmp_verify_t *v, const verify_place_t *place)
{
    (void) verify_find(v, DMP_BREAK_SIGNATURE, place, NULL, "its signature "
                       "does not verify with its epoch's key");
}


/* Entries of the epoch that came before its opening was fed. */
static void
verify_waited(dmp_verify_t *v, verify_writer_t *writer, uint64_t epoch)
{
    bool               ok;
    verify_epoch_t    *e;
    verify_waiting_t  *w;

    for ( ;; ) {
        e = verify_epoch(v, writer, epoch, false);

        if (e == NULL || e->waiting == NULL) {
            return;
        }

        w = e->waiting;
        e->waiting = w->next;
        v->n_waiting--;
        ok = e->certified
             && verify_epoch_signature(v, writer, e, w->data, w->len,
                                       w->signature);

        if (ok) {
            verify_confirm(v, writer, w->place.bucket, epoch, w->place.seq,
                           false);

        } else if (e->certified) {
            verify_bad_signature(v, &w->place);
        }

        free(w);
    }
}


static bool
verify_certificate(dmp_verify_t *v, const verify_place_t *place,
    const dmp_entry_view_t *view)
{
    char       text[DMP_CERTIFICATE_MAX + DMP_WRITER_MAX];
    dmp_buf_t  certified;

    dmp_buf_init(&certified, text, sizeof(text));
    dmp_entry_certified(&certified, view->writer, view->epoch,
                        view->public_key, view->opened_ms, view->expires_ms,
                        view->heartbeat);

    if (certified.full
        || !verify_audit_signature(v, text, certified.len, view->certificate))
    {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "the epoch's "
                           "certificate is not signed by any of the audit "
                           "keys given");
        return false;
    }

    if (view->expires_ms < view->opened_ms
        || view->expires_ms - view->opened_ms
           > DMP_EPOCH_MS + 2 * DMP_EPOCH_SLACK_MS)
    {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "the epoch "
                           "is certified for more than an hour");
    }

    return true;
}


static void
verify_open(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view)
{
    if (e->opened) {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "the epoch is "
                           "opened a second time");
        return;
    }

    /* What the epoch before has signed last will not be covered by it. */
    verify_last(v, writer);

    e->opened = true;
    e->opened_ms = view->opened_ms;
    e->expires_ms = view->expires_ms;
    e->promise_ms = (int64_t) (view->heartbeat < 86400 ? view->heartbeat
                                                       : 86400) * 1000;
    e->signed_ms = view->time_ms;
    e->sign_each = view->signed_len > 0;
    memcpy(e->public_key, view->public_key, DMP_PUBLIC_LEN);
    verify_time(v, e, place, view->time_ms);

    if (view->seq != 1) {
        (void) verify_find(v, DMP_BREAK_ORDER, place, NULL, "the epoch is "
                           "opened by an entry that is not its first");
    }

    if (e->sign_each && e->bare.seq != 0) {
        e->bare_told = true;
        (void) verify_find(v, DMP_BREAK_SIGNATURE, &e->bare, NULL, "it is not "
                           "signed, and its epoch signs each entry");
    }

    if (!verify_certificate(v, place, view)) {
        return;
    }

    e->home = place->bucket;
    verify_certain(v, writer, e);

    if (part != NULL) {
        part->opens = true;
    }

    verify_claims(v, writer, place, view);
}


/* Between signed entries of an epoch that promises it, no hole. */
static void
verify_silence(dmp_verify_t *v, verify_epoch_t *e,
    const verify_place_t *place, int64_t time_ms)
{
    if (e->promise_ms > 0 && time_ms - e->signed_ms > e->promise_ms) {
        (void) verify_find(v, DMP_BREAK_SILENCE, place, NULL, "%lld s without "
                           "a signed entry before this one, where its epoch "
                           "promises no more than %lld",
                           (long long) (time_ms - e->signed_ms) / 1000,
                           (long long) e->promise_ms / 1000);
    }

    e->signed_ms = time_ms;
}


static void
verify_bad_heads(dmp_verify_t *v, const verify_place_t *place)
{
    (void) verify_find(v, DMP_BREAK_SIGNATURE, place, NULL, "the signature "
                       "over the heads does not verify with the epoch's key");
}


void
verify_last(dmp_verify_t *v, verify_writer_t *writer)
{
    bool             good;
    verify_last_t   *last;
    verify_epoch_t  *e;

    last = &writer->last;

    if (!last->any) {
        return;
    }

    last->any = false;
    e = verify_epoch(v, writer, last->place.epoch, false);
    good = e != NULL
           && verify_epoch_signature(v, writer, e, last->data, last->len,
                                     last->signature);
    verify_proved(writer, v->buckets, good);

    if (!good) {
        verify_bad_heads(v, &last->place);
    }
}


/* Puts the signature off; false if it is to be looked at now. */
static bool
verify_put_off(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view, dmp_str_t body)
{
    char           *larger;
    verify_last_t  *last;

    last = &writer->last;

    /* Another chain's says nothing of it. */
    if (last->any && (last->place.bucket != place->bucket
                      || last->place.epoch != place->epoch))
    {
        verify_last(v, writer);
    }

    /* The end is known once. */
    if (view->kind == DMP_KIND_EPOCH_CLOSE || last->skipped == VERIFY_SKIPPED)
    {
        last->skipped = 0;
        return false;
    }

    if (last->size < body.len) {
        larger = realloc(last->data, body.len);

        if (larger == NULL) {
            v->no_memory = true;
            return true;
        }

        last->data = larger;
        last->size = body.len;
    }

    last->any = true;
    last->skipped++;
    last->place = *place;
    last->len = view->signed_len;
    memcpy(last->data, body.data, view->signed_len);
    memcpy(last->signature, view->signature, DMP_SIGNATURE_LEN);

    return true;
}


static void
verify_checkpoint(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    bool  put_off;

    if (!e->certified) {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "heads are "
                           "signed in an epoch that no valid certificate "
                           "opened in this bucket");
        return;
    }

    if (place->bucket != e->home) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "heads are signed "
                           "in another bucket than the one where the epoch "
                           "was opened, which is %u", e->home);
        return;
    }

    /* Only what stands in the chain will be covered by a later one. */
    put_off = part != NULL && verify_put_off(v, writer, place, view, body);

    if (!put_off) {
        if (!verify_epoch_signature(v, writer, e, body.data, view->signed_len,
                                    view->signature))
        {
            verify_bad_heads(v, place);
            return;
        }

        if (part != NULL && writer->last.any) {
            writer->last.any = false;
            verify_proved(writer, v->buckets, true);
        }
    }

    verify_silence(v, e, place, view->time_ms);

    if (view->kind == DMP_KIND_EPOCH_CLOSE) {
        e->closed = true;
    }

    if (part != NULL) {
        verify_confirm(v, writer, place->bucket, place->epoch, place->seq,
                       put_off);
    }

    verify_claims(v, writer, place, view);
}


/*
 * The end of an epoch of which the process is no more, said by another.  The
 * heads that it names were acknowledged ("memory"), or are what the store had
 * ("store"): they must stand.  Entries beyond them, and in buckets that it does
 * not name, were in flight when the process died: they may stand, nobody signs
 * them, and nothing was forwarded for them, since no answer was read.  Whoever
 * was thought dead and lives goes on with an epoch of its own.
 */
static void
verify_successor(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *own,
    const verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    verify_epoch_t   *e;
    verify_writer_t  *of;

    if (!verify_audit_signature(v, body.data, view->signed_len,
                                view->signature))
    {
        (void) verify_find(v, DMP_BREAK_SIGNATURE, place, NULL, "the signature "
                           "over the end of another writer's epoch is not one "
                           "of the audit keys given");
        return;
    }

    verify_silence(v, own, place, view->time_ms);

    if (part != NULL) {
        verify_confirm(v, writer, place->bucket, place->epoch, place->seq,
                       false);
    }

    of = verify_writer(v, view->of_writer, true);
    e = of != NULL ? verify_epoch(v, of, view->of_epoch, true) : NULL;

    if (e == NULL) {
        (void) verify_find(v, DMP_BREAK_FORMAT, place, NULL, "it ends an epoch "
                           "of a name that is no writer's, or one too many");
        return;
    }

    if (!e->followed) {
        e->followed = true;

        if (view->source == DMP_HEADS_STORE) {
            v->ended_by_store++;

        } else {
            v->ended_by_successor++;
        }
    }

    verify_claims(v, of, place, view);
}


void
verify_heads(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    if (view->kind == DMP_KIND_EPOCH_OPEN) {
        verify_open(v, writer, e, part, place, view);
        return;
    }

    v->checkpoints++;

    if (view->kind == DMP_KIND_EPOCH_CLOSE && view->of_writer.len > 0) {
        verify_successor(v, writer, e, part, place, view, body);

    } else {
        verify_checkpoint(v, writer, e, part, place, view, body);
    }
}


/* The entry with the key of an epoch that was not opened yet: it waits. */
static void
verify_wait(dmp_verify_t *v, verify_epoch_t *e, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    verify_waiting_t  *w;

    /* A flood of them must not keep heads from waiting. */
    if (v->n_waiting >= VERIFY_WAITING_MAX) {
        (void) verify_find(v, DMP_BREAK_CERTIFICATE, place, NULL, "more "
                           "entries are signed in epochs that nobody opened "
                           "than can be kept");
        return;
    }

    w = malloc(sizeof(*w) + view->signed_len);
    if (w == NULL) {
        v->no_memory = true;
        return;
    }

    w->next = e->waiting;
    w->place = *place;
    w->len = view->signed_len;
    memcpy(w->signature, view->signature, DMP_SIGNATURE_LEN);
    memcpy(w->data, body.data, view->signed_len);
    e->waiting = w;
    v->n_waiting++;
}


/* An entry without a signature, which an epoch may promise for each. */
static void
verify_bare(dmp_verify_t *v, verify_epoch_t *e, const verify_place_t *place)
{
    if (!e->opened && e->bare.seq == 0) {
        e->bare = *place;

    } else if (e->sign_each && !e->bare_told) {
        e->bare_told = true;
        (void) verify_find(v, DMP_BREAK_SIGNATURE, place, NULL, "it is not "
                           "signed, and its epoch signs each entry");
    }
}


void
verify_signed_alone(dmp_verify_t *v, verify_writer_t *writer,
    verify_epoch_t *e, const verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    bool  opens;

    opens = view->kind == DMP_KIND_EPOCH_OPEN;

    if (view->signed_len == 0) {
        if (!opens) {
            verify_bare(v, e, place);
        }

    } else if (!e->opened) {
        if (part != NULL) {
            verify_wait(v, e, place, view, body);
        }

    } else if (e->certified) {
        if (!verify_epoch_signature(v, writer, e, body.data, view->signed_len,
                                    view->signature))
        {
            verify_bad_signature(v, place);

        } else if (part != NULL) {
            verify_confirm(v, writer, place->bucket, place->epoch, place->seq,
                           false);
        }
    }

    if (opens) {
        verify_waited(v, writer, place->epoch);
    }
}


bool
verify_promise_open(const dmp_verify_t *v, const verify_writer_t *writer,
    const verify_epoch_t *e)
{
    return v->now_ms != 0 && e->opened && e->promise_ms > 0 && !e->closed
           && !e->followed && e->epoch == writer->greatest
           && v->now_ms - e->signed_ms > e->promise_ms;
}


/*
 * A later epoch carries the heads of those before: what they left unsigned is
 * signed with its opening, or never.
 */
bool
verify_over(const dmp_verify_t *v, const verify_writer_t *writer,
    uint64_t epoch)
{
    const verify_epoch_t  *e;

    e = verify_known_epoch(writer, epoch);

    if (e == NULL || !e->certified || e->closed || e->followed) {
        return true;
    }

    if (epoch < writer->greatest) {
        e = verify_known_epoch(writer, writer->greatest);

        if (e == NULL || !e->certified || e->spoke || e->closed
            || e->followed)
        {
            return true;
        }
    }

    return (v->now_ms != 0 && e->expires_ms < v->now_ms)
           || verify_promise_open(v, writer, e);
}
