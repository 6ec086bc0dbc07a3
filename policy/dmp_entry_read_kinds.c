/*
 * dmp_entry_read_kinds.c: reads what each kind of entry has after the members
 * that all have, in the order in which dmp_entry.c writes them.
 */

#include "dmp_entry_read_int.h"


/* How the signature stands at the end of a body. */
#define READ_SIGNATURE_LEN  (sizeof(",\"signature\":\"") - 1 + 86 + 2)


/* [system, code] of a role, a specialty or a sector. */
static void
read_code(dmp_entry_reader_t *r, const char *name)
{
    dmp_str_t  system, code;

    if (dmp_entry_read_at(r, name)
        && (dmp_scan_array(&r->scan) || dmp_entry_read_bad(r, name))
        && dmp_entry_read_element(r, name)
        && dmp_entry_read_raw(r, name, &system)
        && dmp_entry_read_element(r, name)
        && dmp_entry_read_raw(r, name, &code)
        && dmp_entry_read_list_end(r, name))
    {
        dmp_entry_read_next(r);
    }
}


/* A member that is there only when it is true. */
static void
read_flag(dmp_entry_reader_t *r, const char *name, bool *out)
{
    if (!dmp_entry_read_at(r, name)) {
        return;
    }

    if (!dmp_scan_bool(&r->scan, out) || !*out) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    dmp_entry_read_next(r);
}


/* Which certificate was shown: by one of the two at least. */
static void
read_certificate(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_entry_read_at(r, "certificate")
        || !dmp_entry_read_enter(r, "certificate"))
    {
        return;
    }

    if (!dmp_entry_read_at(r, "issuer")) {
        dmp_entry_read_string(r, "serial", &view->certificate_serial);
    }

    dmp_entry_read_optional(r, "issuer", &view->certificate_issuer);

    if (dmp_entry_read_last(r)) {
        dmp_entry_read_next(r);
    }
}


static void
read_actor(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  unused;

    if (!dmp_entry_read_enter(r, "actor")) {
        return;
    }

    dmp_entry_read_string(r, "kind", &view->actor_kind);
    dmp_entry_read_optional(r, "id", &view->actor_id);
    read_code(r, "role");
    read_code(r, "specialty");
    read_code(r, "sector");
    dmp_entry_read_optional(r, "structure", &unused);
    dmp_entry_read_string(r, "auth", &unused);
    read_flag(r, "unverified", &view->unverified);
    read_certificate(r, view);

    if (dmp_entry_read_last(r)) {
        dmp_entry_read_next(r);
    }
}


/* A list whose elements read() takes; raw covers the whole of it. */
static void
read_list(dmp_entry_reader_t *r, const char *name,
    bool (*read)(dmp_entry_reader_t *r), dmp_str_t *raw)
{
    const unsigned char  *start;

    if (!dmp_entry_read_must(r, name)) {
        return;
    }

    (void) dmp_scan_peek(&r->scan);      /* moves to the value's first byte */
    start = r->scan.pos;

    if (!dmp_scan_array(&r->scan)) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    while (dmp_scan_element(&r->scan)) {
        if (!read(r)) {
            return;
        }
    }

    if (r->scan.error != DMP_SCAN_OK) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    raw->data = (const char *) start;
    raw->len = (size_t) (r->scan.pos - start);
    dmp_entry_read_next(r);
}


/* [id, type] */
static bool
read_document(dmp_entry_reader_t *r)
{
    dmp_str_t    id, type;
    const char  *name;

    name = "documents";

    return (dmp_scan_array(&r->scan) || dmp_entry_read_bad(r, name))
           && dmp_entry_read_element(r, name)
           && dmp_entry_read_raw(r, name, &id)
           && dmp_entry_read_element(r, name)
           && dmp_entry_read_raw(r, name, &type)
           && dmp_entry_read_list_end(r, name);
}


static void
read_emergency(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_entry_read_must(r, "emergency")) {
        return;
    }

    if (!dmp_scan_bool(&r->scan, &view->emergency)) {
        (void) dmp_entry_read_bad(r, "emergency");
        return;
    }

    dmp_entry_read_next(r);
}


/* What is sealed, as it was sealed: at least what every seal has. */
static void
read_sealed(dmp_entry_reader_t *r, const char *name, dmp_str_t *out)
{
    size_t         len;
    unsigned char  sealed[DMP_ENTRY_MAX];

    if (!dmp_entry_read_at(r, name)) {
        return;
    }

    dmp_entry_read_string(r, name, out);
    len = out->len / 4 * 3 + (out->len % 4) * 3 / 4;

    if (r->rc == DMP_OK
        && (len < DMP_SEAL_OVERHEAD || len > sizeof(sealed)
            || !dmp_base64url_decode(*out, sealed, len)))
    {
        (void) dmp_entry_read_bad(r, name);
    }
}


/* Which change of rights, and whom it concerns: of nothing else. */
static void
read_change(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!dmp_entry_read_at(r, "change")
        || !dmp_str_eq(view->operation, dmp_string("rights")))
    {
        return;
    }

    dmp_entry_read_string(r, "change", &view->change);

    if (r->rc == DMP_OK
        && dmp_name_value(&dmp_change_names, view->change) <= DMP_CHANGE_NONE)
    {
        (void) dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown change",
                                    view->change.data, view->change.len);
        return;
    }

    if (dmp_entry_read_at(r, "target")) {
        dmp_entry_read_string(r, "target", &view->target);

        if (r->rc == DMP_OK && view->target.len == 0) {
            (void) dmp_entry_read_bad(r, "target");
        }
    }
}


static void
read_asked(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_entry_read_optional(r, "patient", &view->patient);
    dmp_entry_read_string(r, "operation", &view->operation);
    dmp_entry_read_optional(r, "transaction", &view->transaction);
    dmp_entry_read_string(r, "mode", &view->mode);
    read_emergency(r, view);
    read_sealed(r, "justification", &view->justification);
    read_change(r, view);
    read_sealed(r, "details", &view->details);

    if (dmp_entry_read_at(r, "documents")) {
        read_list(r, "documents", read_document, &view->documents);
    }
}


static void
read_access(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_entry_read_string(r, "trace", &view->trace);
    read_actor(r, view);
    read_asked(r, view);
    dmp_entry_read_string(r, "decision", &view->decision);
    dmp_entry_read_string(r, "rule", &view->rule);
    dmp_entry_read_string(r, "reason", &view->reason);
    dmp_entry_read_optional(r, "policy", &view->policy);
    dmp_entry_read_uint(r, "version", &view->version);

    if (view->kind == DMP_KIND_CHANGE) {
        dmp_entry_read_uint(r, "new_version", &view->new_version);
    }

    dmp_entry_read_optional(r, "client", &view->client);
    dmp_entry_read_optional(r, "method", &view->method);
    dmp_entry_read_optional(r, "route", &view->route);

    if (dmp_entry_read_at(r, "repeated")) {
        dmp_entry_read_uint(r, "repeated", &view->repeated);
    }
}


static bool
read_one_outcome(dmp_entry_reader_t *r)
{
    uint64_t   number;
    dmp_str_t  text;

    if (!dmp_scan_object(&r->scan)) {
        return dmp_entry_read_bad(r, "outcomes");
    }

    dmp_entry_read_next(r);
    dmp_entry_read_string(r, "trace", &text);
    dmp_entry_read_uint(r, "status", &number);
    dmp_entry_read_uint(r, "bytes", &number);
    dmp_entry_read_uint(r, "shown", &number);
    dmp_entry_read_uint(r, "withheld", &number);
    dmp_entry_read_optional(r, "reason", &text);

    return dmp_entry_read_last(r);
}


static bool
read_trace_id(dmp_entry_reader_t *r)
{
    dmp_str_t  id;

    return dmp_entry_read_raw(r, "abandoned", &id)
           && (id.len == DMP_UUID_LEN || dmp_entry_read_bad(r, "abandoned"));
}


/* [bucket, epoch, seq, hash, acks]; a carried one has acked before acks. */
static bool
read_head(dmp_entry_reader_t *r, const char *name, bool carried,
    dmp_chain_head_t *head)
{
    uint64_t  bucket;

    if (!dmp_scan_array(&r->scan)) {
        return dmp_entry_read_bad(r, name);
    }

    if (!dmp_entry_read_number(r, name, &bucket)
        || !dmp_entry_read_number(r, name, &head->epoch)
        || !dmp_entry_read_number(r, name, &head->seq)
        || !dmp_entry_read_element(r, name)
        || !dmp_entry_read_base64(r, name, head->hash, DMP_HASH_LEN))
    {
        return false;
    }

    head->acked = head->seq;

    if ((carried && !dmp_entry_read_number(r, name, &head->acked))
        || !dmp_entry_read_element(r, name)
        || !dmp_entry_read_base64(r, name, head->acks, DMP_HASH_LEN)
        || !dmp_entry_read_list_end(r, name))
    {
        return false;
    }

    if (bucket >= DMP_BUCKETS_MAX || head->acked > head->seq) {
        return dmp_entry_read_bad(r, name);
    }

    head->bucket = (unsigned) bucket;

    return true;
}


static void
read_heads(dmp_entry_reader_t *r, const char *name, bool carried,
    dmp_entry_view_t *view)
{
    if (!dmp_entry_read_must(r, name)) {
        return;
    }

    if (!dmp_scan_array(&r->scan)) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    while (dmp_scan_element(&r->scan)) {
        if (view->n_heads == DMP_BUCKETS_MAX) {
            (void) dmp_entry_read_bad(r, name);
            return;
        }

        if (!read_head(r, name, carried, &view->heads[view->n_heads])) {
            return;
        }

        /* One head per bucket, in their order. */
        if (view->n_heads > 0
            && view->heads[view->n_heads].bucket
               <= view->heads[view->n_heads - 1].bucket)
        {
            (void) dmp_entry_read_bad(r, name);
            return;
        }

        view->n_heads++;
    }

    if (r->scan.error != DMP_SCAN_OK) {
        (void) dmp_entry_read_bad(r, name);
        return;
    }

    dmp_entry_read_next(r);
}


static void
read_epoch(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_entry_read_bytes(r, "public", view->public_key, DMP_PUBLIC_LEN);
    dmp_entry_read_time(r, "opened", &view->opened_ms);
    dmp_entry_read_time(r, "expires", &view->expires_ms);
    dmp_entry_read_bytes(r, "certificate", view->certificate,
                         DMP_SIGNATURE_LEN);
    read_heads(r, "carried", true, view);
}


static void
read_signed(dmp_entry_reader_t *r, size_t len, dmp_entry_view_t *view)
{
    read_heads(r, "heads", false, view);
    dmp_entry_read_bytes(r, "signature", view->signature, DMP_SIGNATURE_LEN);

    /* What is signed ends where the last member begins. */
    view->signed_len = len > READ_SIGNATURE_LEN ? len - READ_SIGNATURE_LEN : 0;
}


/* "begin" or "end"; only an end has counted anything. */
static void
read_phase(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  phase;

    phase = dmp_null_string;
    dmp_entry_read_string(r, "phase", &phase);

    if (r->rc != DMP_OK || dmp_str_eq(phase, dmp_string("begin"))) {
        return;
    }

    if (!dmp_str_eq(phase, dmp_string("end"))) {
        (void) dmp_entry_read_error(r, DMP_E_UNKNOWN, "unknown phase",
                                    phase.data, phase.len);
        return;
    }

    view->ended = true;
    dmp_entry_read_uint(r, "added", &view->added);
    dmp_entry_read_uint(r, "changed", &view->changed);
    dmp_entry_read_uint(r, "removed", &view->removed);
}


static void
read_admin(dmp_entry_reader_t *r, dmp_entry_view_t *view)
{
    bool  given;

    dmp_entry_read_string(r, "trace", &view->trace);
    read_actor(r, view);
    dmp_entry_read_string(r, "command", &view->command);

    given = dmp_entry_read_at(r, "digest");
    dmp_entry_read_optional(r, "digest", &view->digest);

    if (r->rc == DMP_OK
        && (view->command.len == 0 || (given && view->digest.len == 0)))
    {
        (void) dmp_entry_read_bad(r, view->command.len == 0 ? "command"
                                                            : "digest");
    }

    read_phase(r, view);
}


void
dmp_entry_read_kind(dmp_entry_reader_t *r, size_t len, dmp_entry_view_t *view)
{
    switch (view->kind) {

    case DMP_KIND_ACCESS:
    case DMP_KIND_CHANGE:
        read_access(r, view);
        break;

    case DMP_KIND_OUTCOME:
        read_list(r, "outcomes", read_one_outcome, &view->outcomes);
        read_list(r, "abandoned", read_trace_id, &view->abandoned);
        break;

    case DMP_KIND_EPOCH_OPEN:
        read_epoch(r, view);
        break;

    case DMP_KIND_EPOCH_CLOSE:
    case DMP_KIND_CHECKPOINT:
        read_signed(r, len, view);
        break;

    case DMP_KIND_ADMIN:
        read_admin(r, view);
        break;

    default:
        (void) dmp_entry_read_bad(r, "kind");
    }
}
