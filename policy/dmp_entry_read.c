/*
 * dmp_entry_read.c: reads an entry's body back, without a tree and without
 * forgiveness.  Members have one order, so that two readers cannot disagree
 * about an entry, and a member nobody knows is an error.
 */

#include <stdio.h>

#include <dmp/dmp_entry.h>
#include <dmp/dmp_scan.h>


/* "2026-11-22T03:06:48.123Z" */
#define READ_TIME_LEN  24

/* How the signature stands at the end of a body. */
#define READ_SIGNATURE_LEN  (sizeof(",\"signature\":\"") - 1 + 86 + 2)


typedef struct {
    dmp_scan_t    scan;
    bool          more;                  /* a member is at the cursor */
    dmp_str_t     name;                  /* its name */
    dmp_rc_t      rc;
    dmp_error_t  *error;
} entry_reader_t;


/* Keeps the first error. */
static bool
read_error(entry_reader_t *r, dmp_rc_t rc, const char *what, const char *name,
    size_t len)
{
    if (r->rc == DMP_OK) {
        r->rc = rc;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "%s \"%.*s\"", what, (int) (len < 60 ? len : 60),
                        name);
    }

    return false;
}


static bool
read_bad(entry_reader_t *r, const char *name)
{
    if (r->scan.error != DMP_SCAN_OK && r->scan.error != DMP_SCAN_UNEXPECTED
        && r->rc == DMP_OK)
    {
        r->rc = DMP_E_SYNTAX;
        (void) snprintf(r->error->text, sizeof(r->error->text),
                        "%s at byte %zu of the body",
                        dmp_scan_strerror(r->scan.error),
                        dmp_scan_offset(&r->scan));
        return false;
    }

    return read_error(r, DMP_E_SYNTAX, "wrong value of", name, strlen(name));
}


/* Moves to the next member of the object. */
static void
read_next(entry_reader_t *r)
{
    r->more = r->rc == DMP_OK && dmp_scan_member(&r->scan, &r->name);

    if (!r->more && r->scan.error != DMP_SCAN_OK) {
        (void) read_bad(r, "body");
    }
}


/* Whether the member at the cursor is that one. */
static bool
read_at(const entry_reader_t *r, const char *name)
{
    return r->more && r->rc == DMP_OK && r->name.len == strlen(name)
           && memcmp(r->name.data, name, r->name.len) == 0;
}


/* The member at the cursor must be that one. */
static bool
read_must(entry_reader_t *r, const char *name)
{
    if (r->rc != DMP_OK) {
        return false;
    }

    if (!read_at(r, name)) {
        if (r->more) {
            (void) snprintf(r->error->text, sizeof(r->error->text),
                            "member \"%.*s\" where \"%s\" should be",
                            (int) (r->name.len < 60 ? r->name.len : 60),
                            r->name.data, name);
            r->rc = DMP_E_UNKNOWN;
            return false;
        }

        return read_error(r, DMP_E_SYNTAX, "missing member", name,
                          strlen(name));
    }

    return true;
}


/* The object must end here. */
static bool
read_last(entry_reader_t *r)
{
    if (r->rc == DMP_OK && r->more) {
        return read_error(r, DMP_E_UNKNOWN, "unknown member", r->name.data,
                          r->name.len);
    }

    return r->rc == DMP_OK;
}


static bool
read_raw(entry_reader_t *r, const char *name, dmp_str_t *out)
{
    dmp_scan_string_t  s;

    *out = dmp_null_string;

    if (!dmp_scan_string(&r->scan, &s)) {
        return read_bad(r, name);
    }

    *out = s.raw;

    return true;
}


static void
read_string(entry_reader_t *r, const char *name, dmp_str_t *out)
{
    if (read_must(r, name) && read_raw(r, name, out)) {
        read_next(r);
    }
}


static void
read_optional(entry_reader_t *r, const char *name, dmp_str_t *out)
{
    if (read_at(r, name)) {
        read_string(r, name, out);
    }
}


static void
read_uint(entry_reader_t *r, const char *name, uint64_t *out)
{
    if (!read_must(r, name)) {
        return;
    }

    if (!dmp_scan_uint(&r->scan, out)) {
        (void) read_bad(r, name);
        return;
    }

    read_next(r);
}


static bool
read_base64(entry_reader_t *r, const char *name, unsigned char *out,
    size_t len)
{
    dmp_str_t  text;

    return read_raw(r, name, &text)
           && (dmp_base64url_decode(text, out, len) || read_bad(r, name));
}


static void
read_bytes(entry_reader_t *r, const char *name, unsigned char *out, size_t len)
{
    if (read_must(r, name) && read_base64(r, name, out, len)) {
        read_next(r);
    }
}


static bool
read_digits(const char *p, size_t n, int *out)
{
    int  value;

    value = 0;

    while (n-- > 0) {
        if (*p < '0' || *p > '9') {
            return false;
        }

        value = value * 10 + (*p++ - '0');
    }

    *out = value;

    return true;
}


static bool
read_time_text(dmp_str_t text, int64_t *unix_ms)
{
    int          hour, minute, second, ms;
    int32_t      day;
    const char  *p;

    p = text.data;

    if (text.len != READ_TIME_LEN
        || p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[19] != '.'
        || p[23] != 'Z'
        || !dmp_day_parse((dmp_str_t) { p, 10 }, &day)
        || !read_digits(p + 11, 2, &hour) || hour > 23
        || !read_digits(p + 14, 2, &minute) || minute > 59
        || !read_digits(p + 17, 2, &second) || second > 59
        || !read_digits(p + 20, 3, &ms))
    {
        return false;
    }

    *unix_ms = ((int64_t) day * 86400 + hour * 3600 + minute * 60 + second)
               * 1000 + ms;

    return true;
}


static void
read_time(entry_reader_t *r, const char *name, int64_t *unix_ms)
{
    dmp_str_t  text;

    if (!read_must(r, name) || !read_raw(r, name, &text)) {
        return;
    }

    if (!read_time_text(text, unix_ms)) {
        (void) read_bad(r, name);
        return;
    }

    read_next(r);
}


/* Whether one more element of a list is at the cursor; there must be one. */
static bool
read_element(entry_reader_t *r, const char *name)
{
    return dmp_scan_element(&r->scan) || read_bad(r, name);
}


static bool
read_list_end(entry_reader_t *r, const char *name)
{
    if (dmp_scan_element(&r->scan) || r->scan.error != DMP_SCAN_OK) {
        return read_bad(r, name);
    }

    return true;
}


static bool
read_number(entry_reader_t *r, const char *name, uint64_t *out)
{
    return read_element(r, name)
           && (dmp_scan_uint(&r->scan, out) || read_bad(r, name));
}


static void
read_ack(entry_reader_t *r, dmp_entry_view_t *view)
{
    if (read_must(r, "ack")
        && (dmp_scan_array(&r->scan) || read_bad(r, "ack"))
        && read_number(r, "ack", &view->ack_seq)
        && read_element(r, "ack")
        && read_base64(r, "ack", view->ack, DMP_HASH_LEN)
        && read_list_end(r, "ack"))
    {
        read_next(r);
    }
}


/* [system, code] of a role, a specialty or a sector. */
static void
read_code(entry_reader_t *r, const char *name)
{
    dmp_str_t  system, code;

    if (read_at(r, name)
        && (dmp_scan_array(&r->scan) || read_bad(r, name))
        && read_element(r, name) && read_raw(r, name, &system)
        && read_element(r, name) && read_raw(r, name, &code)
        && read_list_end(r, name))
    {
        read_next(r);
    }
}


/* Enters an object that is a member, and stands on its first member. */
static bool
read_enter(entry_reader_t *r, const char *name)
{
    if (!read_must(r, name)) {
        return false;
    }

    if (!dmp_scan_object(&r->scan)) {
        return read_bad(r, name);
    }

    read_next(r);

    return r->rc == DMP_OK;
}


/* A member that is there only when it is true. */
static void
read_flag(entry_reader_t *r, const char *name, bool *out)
{
    if (!read_at(r, name)) {
        return;
    }

    if (!dmp_scan_bool(&r->scan, out) || !*out) {
        (void) read_bad(r, name);
        return;
    }

    read_next(r);
}


static void
read_actor(entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t  unused;

    if (!read_enter(r, "actor")) {
        return;
    }

    read_string(r, "kind", &view->actor_kind);
    read_optional(r, "id", &view->actor_id);
    read_code(r, "role");
    read_code(r, "specialty");
    read_code(r, "sector");
    read_optional(r, "structure", &unused);
    read_string(r, "auth", &unused);
    read_flag(r, "unverified", &view->unverified);

    if (read_at(r, "certificate")) {
        if (!read_enter(r, "certificate")) {
            return;
        }

        read_string(r, "serial", &unused);
        read_string(r, "issuer", &unused);

        if (!read_last(r)) {
            return;
        }

        read_next(r);
    }

    if (read_last(r)) {
        read_next(r);
    }
}


/* [[id, type], …] */
static void
read_documents(entry_reader_t *r, dmp_entry_view_t *view)
{
    dmp_str_t             id, type;
    const unsigned char  *start;

    if (!read_at(r, "documents")) {
        return;
    }

    (void) dmp_scan_peek(&r->scan);      /* moves to the value's first byte */
    start = r->scan.pos;

    if (!dmp_scan_array(&r->scan)) {
        (void) read_bad(r, "documents");
        return;
    }

    while (dmp_scan_element(&r->scan)) {
        if (!(dmp_scan_array(&r->scan) || read_bad(r, "documents"))
            || !read_element(r, "documents")
            || !read_raw(r, "documents", &id)
            || !read_element(r, "documents")
            || !read_raw(r, "documents", &type)
            || !read_list_end(r, "documents"))
        {
            return;
        }
    }

    if (r->scan.error != DMP_SCAN_OK) {
        (void) read_bad(r, "documents");
        return;
    }

    view->documents.data = (const char *) start;
    view->documents.len = (size_t) (r->scan.pos - start);
    read_next(r);
}


static void
read_emergency(entry_reader_t *r, dmp_entry_view_t *view)
{
    if (!read_must(r, "emergency")) {
        return;
    }

    if (!dmp_scan_bool(&r->scan, &view->emergency)) {
        (void) read_bad(r, "emergency");
        return;
    }

    read_next(r);
}


static void
read_access(entry_reader_t *r, dmp_entry_view_t *view)
{
    read_string(r, "trace", &view->trace);
    read_actor(r, view);
    read_optional(r, "patient", &view->patient);
    read_string(r, "operation", &view->operation);
    read_optional(r, "transaction", &view->transaction);
    read_string(r, "mode", &view->mode);
    read_emergency(r, view);
    read_documents(r, view);
    read_string(r, "decision", &view->decision);
    read_string(r, "rule", &view->rule);
    read_string(r, "reason", &view->reason);
    read_optional(r, "policy", &view->policy);
    read_uint(r, "version", &view->version);

    if (view->kind == DMP_KIND_CHANGE) {
        read_uint(r, "new_version", &view->new_version);
    }

    read_optional(r, "client", &view->client);
    read_optional(r, "method", &view->method);
    read_optional(r, "route", &view->route);

    if (read_at(r, "repeated")) {
        read_uint(r, "repeated", &view->repeated);
    }
}


static bool
read_one_outcome(entry_reader_t *r)
{
    uint64_t   number;
    dmp_str_t  text;

    if (!dmp_scan_object(&r->scan)) {
        return read_bad(r, "outcomes");
    }

    read_next(r);
    read_string(r, "trace", &text);
    read_uint(r, "status", &number);
    read_uint(r, "bytes", &number);
    read_uint(r, "shown", &number);
    read_uint(r, "withheld", &number);
    read_optional(r, "reason", &text);

    return read_last(r);
}


/* A list whose elements read() takes; raw covers the whole of it. */
static void
read_list(entry_reader_t *r, const char *name,
    bool (*read)(entry_reader_t *r), dmp_str_t *raw)
{
    const unsigned char  *start;

    if (!read_must(r, name)) {
        return;
    }

    (void) dmp_scan_peek(&r->scan);
    start = r->scan.pos;

    if (!dmp_scan_array(&r->scan)) {
        (void) read_bad(r, name);
        return;
    }

    while (dmp_scan_element(&r->scan)) {
        if (!read(r)) {
            return;
        }
    }

    if (r->scan.error != DMP_SCAN_OK) {
        (void) read_bad(r, name);
        return;
    }

    raw->data = (const char *) start;
    raw->len = (size_t) (r->scan.pos - start);
    read_next(r);
}


static bool
read_trace_id(entry_reader_t *r)
{
    dmp_str_t  id;

    return read_raw(r, "abandoned", &id)
           && (id.len == DMP_UUID_LEN || read_bad(r, "abandoned"));
}


/* [bucket, epoch, seq, hash, acks]; a carried one has acked before acks. */
static bool
read_head(entry_reader_t *r, const char *name, bool carried,
    dmp_chain_head_t *head)
{
    uint64_t  bucket;

    if (!dmp_scan_array(&r->scan)) {
        return read_bad(r, name);
    }

    if (!read_number(r, name, &bucket)
        || !read_number(r, name, &head->epoch)
        || !read_number(r, name, &head->seq)
        || !read_element(r, name)
        || !read_base64(r, name, head->hash, DMP_HASH_LEN))
    {
        return false;
    }

    head->acked = head->seq;

    if ((carried && !read_number(r, name, &head->acked))
        || !read_element(r, name)
        || !read_base64(r, name, head->acks, DMP_HASH_LEN)
        || !read_list_end(r, name))
    {
        return false;
    }

    if (bucket >= DMP_BUCKETS_MAX || head->acked > head->seq) {
        return read_bad(r, name);
    }

    head->bucket = (unsigned) bucket;

    return true;
}


static void
read_heads(entry_reader_t *r, const char *name, bool carried,
    dmp_entry_view_t *view)
{
    if (!read_must(r, name)) {
        return;
    }

    if (!dmp_scan_array(&r->scan)) {
        (void) read_bad(r, name);
        return;
    }

    while (dmp_scan_element(&r->scan)) {
        if (view->n_heads == DMP_BUCKETS_MAX) {
            (void) read_bad(r, name);
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
            (void) read_bad(r, name);
            return;
        }

        view->n_heads++;
    }

    if (r->scan.error != DMP_SCAN_OK) {
        (void) read_bad(r, name);
        return;
    }

    read_next(r);
}


static void
read_epoch(entry_reader_t *r, dmp_entry_view_t *view)
{
    read_bytes(r, "public", view->public_key, DMP_PUBLIC_LEN);
    read_time(r, "opened", &view->opened_ms);
    read_time(r, "expires", &view->expires_ms);
    read_bytes(r, "certificate", view->certificate, DMP_SIGNATURE_LEN);
    read_heads(r, "carried", true, view);
}


static void
read_signed(entry_reader_t *r, size_t len, dmp_entry_view_t *view)
{
    read_heads(r, "heads", false, view);
    read_bytes(r, "signature", view->signature, DMP_SIGNATURE_LEN);

    /* What is signed ends where the last member begins. */
    view->signed_len = len > READ_SIGNATURE_LEN ? len - READ_SIGNATURE_LEN : 0;
}


static void
read_kind(entry_reader_t *r, dmp_entry_view_t *view)
{
    unsigned    i;
    dmp_str_t   text;
    const char *name;

    text = dmp_null_string;
    read_string(r, "kind", &text);

    for (i = DMP_KIND_NONE + 1; i < DMP_KIND_MAX && r->rc == DMP_OK; i++) {
        name = dmp_kind_name((dmp_kind_t) i);

        if (dmp_str_eq(text, (dmp_str_t) { name, strlen(name) })) {
            view->kind = (dmp_kind_t) i;
            return;
        }
    }

    (void) read_error(r, DMP_E_UNKNOWN, "unknown kind", text.data, text.len);
}


static void
read_place(entry_reader_t *r, dmp_entry_view_t *view)
{
    uint64_t  format;

    format = 0;
    read_uint(r, "format", &format);

    if (r->rc == DMP_OK && format != DMP_ENTRY_FORMAT) {
        (void) read_bad(r, "format");
    }

    read_kind(r, view);
    read_string(r, "writer", &view->writer);
    read_uint(r, "epoch", &view->epoch);
    read_uint(r, "seq", &view->seq);
    read_bytes(r, "prev", view->prev, DMP_HASH_LEN);
    read_uint(r, "bucket", &view->bucket);
    read_time(r, "time", &view->time_ms);
    read_ack(r, view);

    if (r->rc == DMP_OK
        && (view->writer.len == 0 || view->writer.len > DMP_WRITER_MAX
            || memchr(view->writer.data, '\\', view->writer.len) != NULL))
    {
        (void) read_bad(r, "writer");
    }

    if (r->rc == DMP_OK && (view->epoch == 0 || view->seq == 0)) {
        (void) read_bad(r, view->epoch == 0 ? "epoch" : "seq");
    }
}


static void
read_rest(entry_reader_t *r, size_t len, dmp_entry_view_t *view)
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

    default:
        (void) read_bad(r, "kind");
    }
}


dmp_rc_t
dmp_entry_parse(const char *body, size_t len, dmp_entry_view_t *view,
    dmp_error_t *error)
{
    entry_reader_t  r;

    /* The heads are large, and written before they are counted. */
    memset(view, 0, offsetof(dmp_entry_view_t, heads));
    memset(view->signature, 0, sizeof(view->signature));
    view->signed_len = 0;

    r.rc = DMP_OK;
    r.more = false;
    r.name = dmp_null_string;
    r.error = error;
    error->line = 0;
    error->text[0] = '\0';

    if (len > DMP_SUMMARY_MAX) {
        (void) read_error(&r, DMP_E_LIMIT, "too long an", "entry", 5);
        return r.rc;
    }

    dmp_scan_init(&r.scan, body, len);

    if (!dmp_scan_object(&r.scan)) {
        (void) read_bad(&r, "body");
        return r.rc;
    }

    read_next(&r);
    read_place(&r, view);

    if (r.rc == DMP_OK) {
        read_rest(&r, len, view);
    }

    if (read_last(&r) && !dmp_scan_end(&r.scan)) {
        (void) read_bad(&r, "body");
    }

    return r.rc;
}
