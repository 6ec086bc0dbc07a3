/*
 * dmp_entry_read_kinds.c: reads what each kind of entry has after the members
 * that all have, in the order in which dmp_entry.c writes them.
 */

#include "dmp_entry_read_int.h"


/* Nobody promises to speak less often than epochs end. */
#define READ_HEARTBEAT_MAX  (DMP_EPOCH_MS / 1000)


/* [system, code] of a role, a specialty or a sector. */
static bool
read_code(dmp_entry_reader_t *r, const char *name)
{
    dmp_str_t  system, code;

    return dmp_entry_value_mark(r, name, '[')
           && dmp_entry_value_string(r, name, &system)
           && dmp_entry_value_mark(r, name, ',')
           && dmp_entry_value_string(r, name, &code)
           && dmp_entry_value_mark(r, name, ']');
}


/* Which certificate was shown: by one of the two at least. */
static bool
read_certificate(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (dmp_entry_read_first_at(r, "issuer")) {
        return dmp_entry_value_string(r, "issuer", &view->certificate_issuer)
               && dmp_entry_read_last(r);
    }

    return dmp_entry_read_first(r, "serial")
           && dmp_entry_value_string(r, "serial", &view->certificate_serial)
           && dmp_entry_read_optional(r, "issuer", &view->certificate_issuer)
           && dmp_entry_read_last(r);
}


static bool
read_actor(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  structure;

    return dmp_entry_read_must(r, "actor")
           && dmp_entry_value_object(r, "actor")
           && dmp_entry_read_first(r, "kind")
           && dmp_entry_value_string(r, "kind", &view->actor_kind)
           && dmp_entry_read_optional(r, "id", &view->actor_id)
           && (!dmp_entry_read_at(r, "role") || read_code(r, "role"))
           && (!dmp_entry_read_at(r, "specialty") || read_code(r, "specialty"))
           && (!dmp_entry_read_at(r, "sector") || read_code(r, "sector"))
           && dmp_entry_read_optional(r, "structure", &structure)
           && dmp_entry_read_usual(r, "auth", "direct", &view->actor_auth)
           && (!dmp_entry_read_at(r, "unverified")
               || dmp_entry_value_true(r, "unverified", &view->unverified))
           && (!dmp_entry_read_at(r, "discreet")
               || dmp_entry_value_true(r, "discreet", &view->discreet))
           && (!dmp_entry_read_at(r, "certificate")
               || (dmp_entry_value_object(r, "certificate")
                   && read_certificate(r, view)))
           && dmp_entry_read_last(r);
}


/* A list whose elements read() takes; raw covers the whole of it. */
static bool
read_list(dmp_entry_reader_t *r, const char *name,
    bool (*read)(dmp_entry_reader_t *r), dmp_str_t *raw)
{
    size_t                i;
    const unsigned char  *start;

    start = r->pos;

    if (!dmp_entry_value_mark(r, name, '[')) {
        return false;
    }

    for (i = 0; dmp_entry_value_more(r, name, i); i++) {
        if (!read(r)) {
            return false;
        }
    }

    if (r->rc != DMP_OK) {
        return false;
    }

    raw->data = (const char *) start;
    raw->len = (size_t) (r->pos - start);

    return true;
}


/* [id, type] */
static bool
read_document(dmp_entry_reader_t *r)
{
    return read_code(r, "documents");
}


/* What is sealed, as it was sealed: at least what every seal has. */
static bool
read_sealed(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    size_t         len;
    unsigned char  sealed[DMP_ENTRY_MAX];

    if (!dmp_entry_value_string(r, name, out)) {
        return false;
    }

    len = out->len / 4 * 3 + (out->len % 4) * 3 / 4;

    if (len < DMP_SEAL_OVERHEAD || len > sizeof(sealed)
        || !dmp_base64url_decode(*out, sealed, len))
    {
        return dmp_entry_read_bad(r, name);
    }

    return true;
}


/* Which change of rights, and whom it concerns: of nothing else. */
static bool
read_change(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_str_eq(view->operation, dmp_string("rights"))
        || !dmp_entry_read_at(r, "change"))
    {
        return true;
    }

    if (!dmp_entry_value_string(r, "change", &view->change)) {
        return false;
    }

    if (dmp_name_value(&dmp_change_names, view->change) <= DMP_CHANGE_NONE) {
        return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown change",
                                    view->change.data, view->change.len);
    }

    if (!dmp_entry_read_at(r, "target")) {
        return true;
    }

    return dmp_entry_value_string(r, "target", &view->target)
           && (view->target.len > 0 || dmp_entry_read_bad(r, "target"));
}


static bool
read_asked(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return (!dmp_entry_read_at(r, "patient")
            || dmp_entry_value_sized(r, "patient", DMP_PSEUDONYM_LEN,
                                     &view->patient))
           && dmp_entry_read_usual(r, "operation", "read", &view->operation)
           && dmp_entry_read_optional(r, "transaction", &view->transaction)
           && dmp_entry_read_usual(r, "mode", "normal", &view->mode)
           && (!dmp_entry_read_at(r, "emergency")
               || dmp_entry_value_true(r, "emergency", &view->emergency))
           && (!dmp_entry_read_at(r, "justification")
               || read_sealed(r, "justification", &view->justification))
           && read_change(r, view)
           && (!dmp_entry_read_at(r, "details")
               || read_sealed(r, "details", &view->details))
           && (!dmp_entry_read_at(r, "documents")
               || read_list(r, "documents", read_document, &view->documents));
}


/* Where there is one; there is no word for none. */
static bool
read_reason(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_value_string(r, "reason", &view->reason)
           && ((view->reason.len > 0
                && !dmp_str_eq(view->reason, dmp_string("none")))
               || dmp_entry_read_bad(r, "reason"));
}


/* How the digest of a policy begins. */
static bool
read_policy(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_value_sized(r, "policy", DMP_POLICY_TEXT, &view->policy)
           && (view->policy.len == DMP_POLICY_TEXT
               || dmp_entry_read_bad(r, "policy"));
}


static bool
read_access(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_read_sized(r, "trace", DMP_UUID_LEN, &view->trace)
           && read_actor(r, view)
           && read_asked(r, view)
           && dmp_entry_read_usual(r, "decision", "allow", &view->decision)
           && dmp_entry_read_string(r, "rule", &view->rule)
           && (!dmp_entry_read_at(r, "reason") || read_reason(r, view))
           && (!dmp_entry_read_at(r, "policy") || read_policy(r, view))
           && dmp_entry_read_uint(r, "version", &view->version)
           && (view->kind != DMP_KIND_CHANGE
               || dmp_entry_read_uint(r, "new_version", &view->new_version))
           && dmp_entry_read_optional(r, "client", &view->client)
           && dmp_entry_read_optional(r, "method", &view->method)
           && dmp_entry_read_optional(r, "route", &view->route)
           && (!dmp_entry_read_at(r, "repeated")
               || dmp_entry_value_uint(r, "repeated", &view->repeated));
}


/* [trace, status, bytes, shown, withheld], and a reason where there is one. */
static bool
read_one_outcome(dmp_entry_reader_t *r)
{
    size_t     i;
    uint64_t   number;
    dmp_str_t  text;

    if (!dmp_entry_value_mark(r, "outcomes", '[')
        || !dmp_entry_value_sized(r, "outcomes", DMP_UUID_LEN, &text))
    {
        return false;
    }

    for (i = 0; i < 4; i++) {
        if (!dmp_entry_value_mark(r, "outcomes", ',')
            || !dmp_entry_value_uint(r, "outcomes", &number))
        {
            return false;
        }
    }

    if (r->pos < r->end && *r->pos == ','
        && (!dmp_entry_value_mark(r, "outcomes", ',')
            || !dmp_entry_value_string(r, "outcomes", &text)))
    {
        return false;
    }

    return dmp_entry_value_mark(r, "outcomes", ']');
}


static bool
read_trace_id(dmp_entry_reader_t *r)
{
    dmp_str_t  id;

    return dmp_entry_value_sized(r, "abandoned", DMP_UUID_LEN, &id)
           && (id.len == DMP_UUID_LEN || dmp_entry_read_bad(r, "abandoned"));
}


static bool
read_outcomes(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_read_must(r, "outcomes")
           && read_list(r, "outcomes", read_one_outcome, &view->outcomes)
           && dmp_entry_read_must(r, "abandoned")
           && read_list(r, "abandoned", read_trace_id, &view->abandoned);
}


/* What a head in a list begins with; one per bucket, from "next" on. */
static bool
read_head_place(dmp_entry_reader_t *r, const char *name, unsigned next,
    unsigned *bucket, uint64_t *epoch, uint64_t *seq)
{
    uint64_t  n;

    if (!dmp_entry_value_mark(r, name, '[')
        || !dmp_entry_value_uint(r, name, &n)
        || !dmp_entry_value_mark(r, name, ',')
        || !dmp_entry_value_uint(r, name, epoch)
        || !dmp_entry_value_mark(r, name, ',')
        || !dmp_entry_value_uint(r, name, seq)
        || !dmp_entry_value_mark(r, name, ','))
    {
        return false;
    }

    if (n < next || n >= DMP_BUCKETS_MAX) {
        return dmp_entry_read_bad(r, name);
    }

    *bucket = (unsigned) n;

    return true;
}


/* Lists of [bucket, epoch, seq, hash, acked, acks]. */
static bool
read_heads(dmp_entry_reader_t *r, const char *name, dmp_entry_view_t *view)
{
    unsigned           next;
    dmp_chain_head_t  *head;

    next = 0;

    if (!dmp_entry_value_mark(r, name, '[')) {
        return false;
    }

    while (dmp_entry_value_more(r, name, view->n_heads)) {
        if (view->n_heads == DMP_BUCKETS_MAX) {
            return dmp_entry_read_bad(r, name);
        }

        head = &view->heads[view->n_heads];

        if (!read_head_place(r, name, next, &head->bucket, &head->epoch,
                             &head->seq)
            || !dmp_entry_value_bytes(r, name, head->hash, DMP_HASH_LEN)
            || !dmp_entry_value_mark(r, name, ',')
            || !dmp_entry_value_uint(r, name, &head->acked)
            || !dmp_entry_value_mark(r, name, ',')
            || !dmp_entry_value_bytes(r, name, head->acks, DMP_HASH_LEN)
            || !dmp_entry_value_mark(r, name, ']'))
        {
            return false;
        }

        if (head->acked > head->seq) {
            return dmp_entry_read_bad(r, name);
        }

        next = head->bucket + 1;
        view->n_heads++;
    }

    return r->rc == DMP_OK;
}


/* Lists of [bucket, epoch, seq, digest]. */
static bool
read_signed_heads(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    unsigned            next;
    dmp_signed_head_t  *head;

    next = 0;

    if (!dmp_entry_read_must(r, "heads")
        || !dmp_entry_value_mark(r, "heads", '['))
    {
        return false;
    }

    while (dmp_entry_value_more(r, "heads", view->n_signed_heads)) {
        if (view->n_signed_heads == DMP_BUCKETS_MAX) {
            return dmp_entry_read_bad(r, "heads");
        }

        head = &view->signed_heads[view->n_signed_heads];

        if (!read_head_place(r, "heads", next, &head->bucket, &head->epoch,
                             &head->seq)
            || !dmp_entry_value_bytes(r, "heads", head->digest, DMP_HASH_LEN)
            || !dmp_entry_value_mark(r, "heads", ']'))
        {
            return false;
        }

        next = head->bucket + 1;
        view->n_signed_heads++;
    }

    return r->rc == DMP_OK;
}


/*
 * The last member, of those that have one in any case, or where each entry is
 * signed.  What is signed ends where it begins.
 */
static bool
read_signature(dmp_entry_reader_t *r, bool always, dmp_entry_view_t *view)
{
    size_t  len;

    len = (size_t) (r->pos - r->start);

    if (!dmp_entry_read_at(r, "signature")) {
        return !always || dmp_entry_read_missing(r, "signature");
    }

    view->signed_len = len;

    return dmp_entry_value_bytes(r, "signature", view->signature,
                                 DMP_SIGNATURE_LEN);
}


static bool
read_heartbeat(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_value_uint(r, "heartbeat", &view->heartbeat)
           && ((view->heartbeat > 0 && view->heartbeat <= READ_HEARTBEAT_MAX)
               || dmp_entry_read_bad(r, "heartbeat"));
}


static bool
read_epoch(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return dmp_entry_read_bytes(r, "public", view->public_key, DMP_PUBLIC_LEN)
           && dmp_entry_read_time(r, "opened", &view->opened_ms)
           && dmp_entry_read_time(r, "expires", &view->expires_ms)
           && dmp_entry_read_bytes(r, "certificate", view->certificate,
                                   DMP_SIGNATURE_LEN)
           && (!dmp_entry_read_at(r, "heartbeat") || read_heartbeat(r, view))
           && dmp_entry_read_must(r, "carried")
           && read_heads(r, "carried", view);
}


/* [writer, epoch], another's, and where the heads that follow are from. */
static bool
read_of(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  source;

    if (!dmp_entry_value_mark(r, "of", '[')
        || !dmp_entry_value_string(r, "of", &view->of_writer)
        || !dmp_entry_value_mark(r, "of", ',')
        || !dmp_entry_value_uint(r, "of", &view->of_epoch)
        || !dmp_entry_value_mark(r, "of", ']'))
    {
        return false;
    }

    if (!dmp_entry_is_writer(view->of_writer) || view->of_epoch == 0
        || dmp_str_eq(view->of_writer, view->writer))
    {
        return dmp_entry_read_bad(r, "of");
    }

    if (!dmp_entry_read_string(r, "source", &source)) {
        return false;
    }

    if (dmp_str_eq(source, dmp_string("memory"))) {
        view->source = DMP_HEADS_MEMORY;
        return true;
    }

    if (dmp_str_eq(source, dmp_string("store"))) {
        view->source = DMP_HEADS_STORE;
        return true;
    }

    return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown source",
                                source.data, source.len);
}


static bool
read_close(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_entry_read_at(r, "of")) {
        return read_signed_heads(r, view);
    }

    return read_of(r, view)
           && dmp_entry_read_must(r, "heads")
           && read_heads(r, "heads", view);
}


/* "begin" or "end"; only an end has counted anything. */
static bool
read_phase(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  phase;

    if (!dmp_entry_read_string(r, "phase", &phase)) {
        return false;
    }

    if (dmp_str_eq(phase, dmp_string("begin"))) {
        return true;
    }

    if (!dmp_str_eq(phase, dmp_string("end"))) {
        return dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown phase",
                                    phase.data, phase.len);
    }

    view->ended = true;

    return dmp_entry_read_uint(r, "added", &view->added)
           && dmp_entry_read_uint(r, "changed", &view->changed)
           && dmp_entry_read_uint(r, "removed", &view->removed);
}


/* At least one, each once, in their order. */
static bool
read_buckets(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    size_t                i;
    uint64_t              bucket, next;
    const unsigned char  *start;

    next = 0;
    start = r->pos;

    if (!dmp_entry_value_mark(r, "buckets", '[')) {
        return false;
    }

    for (i = 0; dmp_entry_value_more(r, "buckets", i); i++) {
        if (!dmp_entry_value_uint(r, "buckets", &bucket)) {
            return false;
        }

        if (bucket < next || bucket >= DMP_BUCKETS_MAX) {
            return dmp_entry_read_bad(r, "buckets");
        }

        next = bucket + 1;
    }

    if (r->rc != DMP_OK || i == 0) {
        return dmp_entry_read_bad(r, "buckets");
    }

    view->buckets.data = (const char *) start;
    view->buckets.len = (size_t) (r->pos - start);

    return true;
}


static bool
read_admin(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_entry_read_string(r, "trace", &view->trace)
        || !read_actor(r, view)
        || !dmp_entry_read_string(r, "command", &view->command))
    {
        return false;
    }

    if (view->command.len == 0) {
        return dmp_entry_read_bad(r, "command");
    }

    if (dmp_entry_read_at(r, "digest")
        && (!dmp_entry_value_string(r, "digest", &view->digest)
            || view->digest.len == 0))
    {
        return dmp_entry_read_bad(r, "digest");
    }

    return (!dmp_entry_read_at(r, "buckets") || read_buckets(r, view))
           && read_phase(r, view);
}


/* What an access has; it was decided with no version of a record. */
static bool
read_session(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    return read_access(r, view)
           && (view->version == 0 || dmp_entry_read_bad(r, "version"));
}


bool
dmp_entry_read_kind(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    switch (view->kind) {

    case DMP_KIND_ACCESS:
    case DMP_KIND_CHANGE:
        return read_access(r, view) && read_signature(r, false, view);

    case DMP_KIND_SESSION:
        return read_session(r, view) && read_signature(r, false, view);

    case DMP_KIND_OUTCOME:
        return read_outcomes(r, view) && read_signature(r, false, view);

    case DMP_KIND_EPOCH_OPEN:
        return read_epoch(r, view) && read_signature(r, false, view);

    case DMP_KIND_EPOCH_CLOSE:
        return read_close(r, view) && read_signature(r, true, view);

    case DMP_KIND_CHECKPOINT:
    case DMP_KIND_HEARTBEAT:
        return read_signed_heads(r, view) && read_signature(r, true, view);

    case DMP_KIND_ADMIN:
        return read_admin(r, view) && read_signature(r, false, view);

    default:
        return dmp_entry_read_bad(r, "kind");
    }
}
