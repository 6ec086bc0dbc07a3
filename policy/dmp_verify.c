/*
 * dmp_verify.c: the verifier of the trace, fed with one entry after the other:
 * format, order, links, certificates, signatures, acknowledgements.  It reads
 * nothing itself and trusts no key but those it was given.
 */

#include "dmp_verify_int.h"


/* The epoch's own bounds, whichever bucket shows them. */
static verify_epoch_t *
verify_note_epoch(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, int64_t time_ms)
{
    verify_epoch_t  *e;

    e = verify_epoch(writer, place->epoch);

    if (e == NULL) {
        e = verify_grow(v, (void **) &writer->epochs, writer->n_epochs,
                        &writer->size_epochs, sizeof(*e));
        if (e == NULL) {
            return NULL;
        }

        memset(e, 0, sizeof(*e));
        e->epoch = place->epoch;
        e->first = e->min = e->max = *place;
        e->min_ms = e->max_ms = time_ms;
        writer->n_epochs++;
    }

    if (place->ms < e->first.ms
        || (place->ms == e->first.ms && place->n < e->first.n))
    {
        e->first = *place;
    }

    if (time_ms < e->min_ms) {
        e->min_ms = time_ms;
        e->min = *place;
    }

    if (time_ms > e->max_ms) {
        e->max_ms = time_ms;
        e->max = *place;
    }

    return e;
}


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


static void
verify_claims(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view)
{
    unsigned         i;
    verify_claim_t  *claim;

    for (i = 0; i < view->n_heads; i++) {
        claim = verify_grow(v, (void **) &v->claims, v->n_claims,
                            &v->size_claims, sizeof(*claim));
        if (claim == NULL) {
            return;
        }

        claim->head = view->heads[i];
        claim->writer = writer;
        claim->witness = *place;
        claim->final = view->kind == DMP_KIND_EPOCH_CLOSE;
        claim->certified = view->kind != DMP_KIND_EPOCH_OPEN;

        if (claim->head.bucket >= v->buckets) {
            verify_find(v, place, NULL, "it names a head in bucket %u, which "
                        "the store does not have", claim->head.bucket);
            continue;
        }

        /* What was read is compared at once; the rest waits for its bucket. */
        if (!claim->final && claim->head.bucket <= place->bucket) {
            verify_claim(v, claim);

        } else {
            v->n_claims++;
        }
    }
}


static void
verify_open(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    const verify_place_t *place, const dmp_entry_view_t *view)
{
    bool       ok;
    char       text[DMP_CERTIFICATE_MAX + DMP_WRITER_MAX];
    unsigned   i;
    dmp_buf_t  certified;

    if (e->opened) {
        verify_find(v, place, NULL, "the epoch is opened a second time");
        return;
    }

    e->opened = true;
    e->opened_ms = view->opened_ms;
    e->expires_ms = view->expires_ms;

    if (view->seq != 1) {
        verify_find(v, place, NULL, "the epoch is opened by an entry that is "
                    "not its first");
    }

    dmp_buf_init(&certified, text, sizeof(text));
    dmp_entry_certified(&certified, view->writer, view->epoch,
                        view->public_key, view->opened_ms, view->expires_ms);
    ok = false;

    for (i = 0; i < v->n_keys && !ok && !certified.full; i++) {
        ok = verify_signature(v->keys[i], text, certified.len,
                              view->certificate);
    }

    if (!ok) {
        verify_find(v, place, NULL, "the epoch's certificate is not signed by "
                    "any of the audit keys given");
        return;
    }

    if (view->expires_ms < view->opened_ms
        || view->expires_ms - view->opened_ms
           > DMP_EPOCH_MS + 2 * DMP_EPOCH_SLACK_MS)
    {
        verify_find(v, place, NULL, "the epoch is certified for more than an "
                    "hour");
    }

    e->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                         view->public_key, DMP_PUBLIC_LEN);
    if (e->key == NULL) {
        v->no_memory = true;
        return;
    }

    verify_claims(v, writer, place, view);
}


static void
verify_checkpoint(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e,
    verify_part_t *part, const verify_place_t *place,
    const dmp_entry_view_t *view, dmp_str_t body)
{
    v->checkpoints++;

    if (e->key == NULL) {
        verify_find(v, place, NULL, "heads are signed in an epoch that no "
                    "valid certificate opened in this bucket");
        return;
    }

    if (!verify_signature(e->key, body.data, view->signed_len,
                          view->signature))
    {
        verify_find(v, place, NULL, "the signature over the heads does not "
                    "verify with the epoch's key");
        return;
    }

    if (view->kind == DMP_KIND_EPOCH_CLOSE) {
        e->closed = true;
    }

    if (part != NULL && part->not_signed < view->seq + 1) {
        part->not_signed = view->seq + 1;
    }

    verify_claims(v, writer, place, view);
}


/* Compares a digest of acknowledgements up to seq with what the stream says. */
void
verify_acks(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket,
    verify_part_t *part, uint64_t seq, const unsigned char *acks,
    const verify_place_t *witness)
{
    verify_place_t  place;

    if (part->acks_broken || seq <= part->acks_good || seq > part->n) {
        return;
    }

    if (memcmp(part->marks[seq - 1].acks, acks, VERIFY_SHORT) == 0) {
        part->acks_good = seq;
        return;
    }

    part->acks_broken = true;
    verify_place(writer, bucket, part, part->acks_good + 1, &place);

    if (seq == part->acks_good + 1) {
        verify_find(v, &place, witness, "the outcome or the id of the entry "
                    "is not the one its writer was given");

    } else {
        verify_find(v, &place, witness, "the outcome or the id of one of the "
                    "entries from seq %llu to %llu is not the one its writer "
                    "was given", (unsigned long long) part->acks_good + 1,
                    (unsigned long long) seq);
    }
}


/* The part of this epoch; a new one must follow the last one's. */
static verify_part_t *
verify_enter(dmp_verify_t *v, verify_chain_t *chain,
    const verify_place_t *place)
{
    verify_part_t  *part;

    part = verify_part(chain, place->epoch);

    if (part != NULL) {
        if (part != &chain->parts[chain->n - 1]) {
            verify_find(v, place, NULL, "an entry of epoch %llu after the "
                        "writer began epoch %llu here",
                        (unsigned long long) place->epoch,
                        (unsigned long long)
                        chain->parts[chain->n - 1].epoch);
            return NULL;
        }

        return part;
    }

    if (chain->n > 0 && chain->parts[chain->n - 1].epoch > place->epoch) {
        verify_find(v, place, NULL, "an entry of epoch %llu after the writer "
                    "began epoch %llu here", (unsigned long long) place->epoch,
                    (unsigned long long) chain->parts[chain->n - 1].epoch);
        return NULL;
    }

    part = verify_grow(v, (void **) &chain->parts, chain->n, &chain->size,
                       sizeof(*part));
    if (part == NULL) {
        return NULL;
    }

    memset(part, 0, sizeof(*part));
    part->epoch = place->epoch;
    part->not_signed = 1;
    chain->n++;

    return part;
}


/* Takes the place "seq" in the part; false if it is not the next. */
static bool
verify_sequence(dmp_verify_t *v, verify_part_t *part,
    const verify_place_t *place)
{
    verify_mark_t  *mark;

    if (place->seq <= part->n) {
        verify_find(v, place, NULL, "sequence %llu a second time or out of "
                    "order: %llu was expected", (unsigned long long) place->seq,
                    (unsigned long long) part->n + 1);
        return false;
    }

    if (place->seq > part->n + 1) {
        verify_find(v, place, NULL, "sequence %llu is missing before this "
                    "entry, which is %llu", (unsigned long long) part->n + 1,
                    (unsigned long long) place->seq);
        verify_odd(v, place);

        /* A forged number must not make us fill memory with gaps. */
        if (place->seq - part->n > 65536) {
            return false;
        }

        part->acks_broken = true;
    }

    while (part->n < place->seq) {
        mark = verify_grow(v, (void **) &part->marks, (size_t) part->n,
                           (size_t *) &part->size, sizeof(*mark));
        if (mark == NULL) {
            return false;
        }

        memset(mark, 0, sizeof(*mark));
        part->n++;
    }

    return true;
}


/*
 * The link to the entry before.  When it does not fit, either of the two may
 * have been changed: the next one (or the store's head) tells which.
 */
static void
verify_link(dmp_verify_t *v, verify_chain_t *chain, const verify_place_t *place,
    const unsigned char *prev, bool gap)
{
    bool  same;

    same = gap || memcmp(prev, chain->hash, DMP_HASH_LEN) == 0;

    if (chain->mismatch) {
        verify_edited(v, same ? &chain->before : &chain->last,
                      same && chain->crossing);
        chain->mismatch = false;

    } else if (!same && chain->last.seq == 0) {
        verify_find(v, place, NULL, "the writer's first entry here follows "
                    "one that is not in the stream");
        verify_odd(v, place);

    } else if (!same) {
        chain->mismatch = true;
        chain->crossing = place->epoch != chain->last.epoch;
    }

    chain->before = chain->last;
    chain->last = *place;
}


/*
 * A refusal before a patient is known concerns no record, and is appended as
 * such; nothing can be allowed that way.
 */
static bool
verify_outcome_fits(const dmp_entry_view_t *view, dmp_str_t outcome)
{
    char  o;

    o = outcome.len == 1 ? outcome.data[0] : '\0';

    switch (view->kind) {

    case DMP_KIND_ACCESS:
        if (view->patient.len == 0) {
            /* of what is allowed, only these may concern no record */
            return o == 'S'
                   && (!dmp_str_eq(view->decision, dmp_string("allow"))
                       || dmp_str_eq(view->operation, dmp_string("metadata"))
                       || dmp_str_eq(view->operation, dmp_string("find")));
        }

        return o == '1' || o == '0';

    case DMP_KIND_CHANGE:
        return o == 'R' || o == '0';

    default:
        return o == 'S';
    }
}


/* The entry's place in its chain: sequence, link, acknowledgements. */
static verify_part_t *
verify_extend(dmp_verify_t *v, verify_writer_t *writer,
    const verify_place_t *place, const dmp_entry_view_t *view, dmp_str_t body,
    char outcome)
{
    bool             gap;
    uint64_t         seq;
    verify_mark_t   *mark;
    verify_part_t   *part;
    verify_chain_t  *chain;

    chain = verify_chain(v, writer, place->bucket);
    part = chain != NULL ? verify_enter(v, chain, place) : NULL;

    if (part == NULL) {
        return NULL;
    }

    gap = place->seq > part->n + 1;

    if (!verify_sequence(v, part, place)) {
        return NULL;
    }

    verify_link(v, chain, place, view->prev, gap);
    seq = view->ack_seq;

    if (seq >= view->seq) {
        verify_find(v, place, NULL, "it acknowledges entry %llu, which comes "
                    "after it", (unsigned long long) seq);

    } else if (seq > 0) {
        verify_acks(v, writer, place->bucket, part, seq, view->ack, place);
    }

    if (EVP_DigestInit_ex2(v->md, v->sha256, NULL) != 1
        || EVP_DigestUpdate(v->md, body.data, body.len) != 1
        || EVP_DigestFinal_ex(v->md, chain->hash, NULL) != 1
        || !dmp_acks_extend(v->md, v->sha256, part->acks, place->seq, outcome,
                            place->ms, place->n))
    {
        v->no_memory = true;
        return NULL;
    }

    mark = &part->marks[place->seq - 1];
    memcpy(mark->hash, chain->hash, VERIFY_SHORT);
    memcpy(mark->acks, part->acks, VERIFY_SHORT);
    mark->ms = place->ms;
    mark->n = (uint32_t) place->n;
    mark->present = true;

    return part;
}


static void
verify_order(dmp_verify_t *v, const verify_place_t *place)
{
    if (v->any && v->bucket == place->bucket
        && (place->ms < v->last_ms
            || (place->ms == v->last_ms && place->n <= v->last_n)))
    {
        verify_find(v, place, NULL, "the stream's ids do not rise here");
    }

    v->any = true;
    v->bucket = place->bucket;
    v->last_ms = place->ms;
    v->last_n = place->n;
}


dmp_rc_t
dmp_verify_entry(dmp_verify_t *v, unsigned bucket, uint64_t id_ms,
    uint64_t id_seq, dmp_str_t body, dmp_str_t outcome)
{
    dmp_rc_t           rc;
    dmp_error_t        error;
    verify_part_t     *part;
    verify_epoch_t    *e;
    verify_place_t     place;
    verify_writer_t   *writer;
    dmp_entry_view_t  *view;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    v->entries++;
    view = &v->view;
    memset(&place, 0, sizeof(place));
    place.bucket = bucket;
    place.ms = id_ms;
    place.n = id_seq;
    verify_order(v, &place);

    rc = dmp_entry_parse(body.data, body.len, view, &error);

    if (rc != DMP_OK) {
        verify_find(v, &place, NULL, "not an entry: %s", error.text);
        verify_odd(v, &place);
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    writer = verify_writer(v, view->writer, true);
    if (writer == NULL) {
        return DMP_E_NOMEM;
    }

    place.writer = writer;
    place.epoch = view->epoch;
    place.seq = view->seq;

    if (view->bucket != bucket) {
        verify_find(v, &place, NULL, "it was written for bucket %llu",
                    (unsigned long long) view->bucket);
        verify_odd(v, &place);
        return v->no_memory ? DMP_E_NOMEM : DMP_OK;
    }

    if (!verify_outcome_fits(view, outcome)) {
        verify_find(v, &place, NULL, "its outcome \"%.*s\" is not one of its "
                    "kind (%s)", (int) (outcome.len < 8 ? outcome.len : 8),
                    outcome.data, dmp_kind_name(view->kind));
    }

    e = verify_note_epoch(v, writer, &place, view->time_ms);
    part = verify_extend(v, writer, &place, view, body,
                         outcome.len > 0 ? outcome.data[0] : '?');

    if (part == NULL) {
        verify_odd(v, &place);
    }

    if (e != NULL && view->kind == DMP_KIND_EPOCH_OPEN) {
        verify_open(v, writer, e, &place, view);

    } else if (e != NULL && (view->kind == DMP_KIND_CHECKPOINT
                             || view->kind == DMP_KIND_EPOCH_CLOSE))
    {
        verify_checkpoint(v, writer, e, part, &place, view, body);
    }

    return v->no_memory ? DMP_E_NOMEM : DMP_OK;
}


dmp_rc_t
dmp_verify_head(dmp_verify_t *v, unsigned bucket, dmp_str_t name,
    uint64_t epoch, uint64_t seq, const unsigned char *hash)
{
    bool              same;
    verify_part_t    *part;
    verify_chain_t   *chain;
    verify_place_t    place;
    verify_writer_t  *writer;

    if (bucket >= v->buckets) {
        return DMP_E_LIMIT;
    }

    memset(&place, 0, sizeof(place));
    place.bucket = bucket;
    writer = verify_writer(v, name, true);

    if (writer == NULL) {
        if (v->no_memory) {
            return DMP_E_NOMEM;
        }

        verify_find(v, &place, NULL, "the store holds a head under a name "
                    "that is no writer's");
        return DMP_OK;
    }

    chain = verify_chain(v, writer, bucket);
    if (chain == NULL) {
        return DMP_E_NOMEM;
    }

    chain->head_given = true;
    place = chain->last;
    place.bucket = bucket;
    place.writer = writer;

    if (hash == NULL) {
        verify_find(v, &place, NULL, "the store holds no head for this "
                    "writer");
        return DMP_OK;
    }

    same = memcmp(hash, chain->hash, DMP_HASH_LEN) == 0;

    if (chain->mismatch) {
        verify_edited(v, same ? &chain->before : &chain->last,
                      same && chain->crossing);
        chain->mismatch = false;
        return DMP_OK;
    }

    if (chain->last.epoch == epoch && chain->last.seq == seq) {
        if (!same) {
            verify_edited(v, &chain->last, false);
        }

        return DMP_OK;
    }

    if (epoch > chain->last.epoch
        || (epoch == chain->last.epoch && seq > chain->last.seq))
    {
        part = verify_part(chain, epoch);
        verify_place(writer, bucket, part, part != NULL ? part->n : 0, &place);
        place.epoch = epoch;
        place.seq++;
        place.ms = chain->last.ms;
        place.n = chain->last.n;
        verify_find(v, &place, NULL, "missing: the stream ends before it, and "
                    "the store's head is epoch %llu, sequence %llu",
                    (unsigned long long) epoch, (unsigned long long) seq);
        verify_guess(v);
        return DMP_OK;
    }

    verify_find(v, &place, NULL, "the stream goes on beyond the store's head "
                "(epoch %llu, sequence %llu)", (unsigned long long) epoch,
                (unsigned long long) seq);

    return DMP_OK;
}
