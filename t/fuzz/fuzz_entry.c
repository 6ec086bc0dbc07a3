/*
 * fuzz_entry.c: any bytes as an entry of the trace, and the same as a whole
 * trace of one entry per line: no crash, nothing that a strict reader of JSON
 * refuses, the same from the plain form of the reader, and never whole without
 * a key.
 */

#include <stdlib.h>

#include <dmp/dmp_scan.h>
#include <dmp/dmp_verify.h>

#include "../unit/entry_plain.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
verify_lines(const char *p, const char *end)
{
    uint64_t              n;
    const char           *eol;
    dmp_verify_t         *v;
    dmp_verify_result_t   result;

    v = dmp_verify_create(4, 0);
    if (v == NULL) {
        return;
    }

    for (n = 1; p < end; p = eol + 1, n++) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            eol = end;
        }

        (void) dmp_verify_entry(v, (unsigned) (n / 8 % 4), n, 0,
                                (dmp_str_t) { p, (size_t) (eol - p) },
                                dmp_string("1"));
        /* what it makes of each is seen at the end */
    }

    if (dmp_verify_finish(v, &result) == DMP_OK && result.entries > 0
        && result.findings == 0)
    {
        abort();
    }

    dmp_verify_free(v);
}


/* What an operator did says what, and counts only at its end. */
static bool
admin_fits(const dmp_entry_view_t *view)
{
    if (view->kind != DMP_KIND_ADMIN) {
        return view->command.len == 0 && view->digest.len == 0
               && view->buckets.len == 0 && !view->ended;
    }

    return view->command.len > 0
           && (view->ended || (view->added == 0 && view->changed == 0
                               && view->removed == 0));
}


/* Whom a change concerns is said of a change, and that of "rights". */
static bool
change_fits(const dmp_entry_view_t *view)
{
    bool  asked;

    asked = view->kind == DMP_KIND_ACCESS || view->kind == DMP_KIND_CHANGE
            || view->kind == DMP_KIND_SESSION;

    if (!asked && (view->justification.len > 0 || view->details.len > 0)) {
        return false;
    }

    if (view->change.len == 0) {
        return view->target.len == 0;
    }

    return asked && dmp_str_eq(view->operation, dmp_string("rights"))
           && dmp_name_value(&dmp_change_names, view->change)
              > DMP_CHANGE_NONE;
}


/* The writer's own heads are signed, others are told by hash and answers. */
static bool
heads_told(const dmp_entry_view_t *view)
{
    switch (view->kind) {

    case DMP_KIND_EPOCH_OPEN:
        return view->n_signed_heads == 0;

    case DMP_KIND_EPOCH_CLOSE:
        return (view->source == DMP_HEADS_NONE ? view->n_heads
                                               : view->n_signed_heads) == 0;

    case DMP_KIND_CHECKPOINT:
    case DMP_KIND_HEARTBEAT:
        return view->n_heads == 0;

    default:
        return view->n_heads == 0 && view->n_signed_heads == 0;
    }
}


/* One head per bucket, rising; and only where heads are told. */
static bool
heads_fit(const dmp_entry_view_t *view)
{
    unsigned  i;

    if (!heads_told(view) || view->n_heads > DMP_BUCKETS_MAX
        || view->n_signed_heads > DMP_BUCKETS_MAX)
    {
        return false;
    }

    for (i = 0; i < view->n_signed_heads; i++) {
        if (view->signed_heads[i].bucket >= DMP_BUCKETS_MAX
            || (i > 0 && view->signed_heads[i].bucket
                         <= view->signed_heads[i - 1].bucket))
        {
            return false;
        }
    }

    for (i = 0; i < view->n_heads; i++) {
        if (view->heads[i].bucket >= DMP_BUCKETS_MAX
            || view->heads[i].acked > view->heads[i].seq
            || (i > 0 && view->heads[i].bucket <= view->heads[i - 1].bucket))
        {
            return false;
        }
    }

    return true;
}


/* What does not apply is left out: there is no word for none. */
static bool
decided_fits(const dmp_entry_view_t *view)
{
    return !dmp_str_eq(view->reason, dmp_string("none"))
           && (view->policy.len == 0 || view->policy.len == DMP_POLICY_TEXT);
}


/* No record's version, and none is made. */
static bool
session_fits(const dmp_entry_view_t *view)
{
    return view->kind != DMP_KIND_SESSION
           || (view->version == 0 && view->new_version == 0);
}


/* What only epochs have, and what is always signed. */
static bool
epoch_fits(const dmp_entry_view_t *view)
{
    bool  other;

    other = view->source != DMP_HEADS_NONE;

    if (other != (view->of_writer.len > 0) || other != (view->of_epoch > 0)
        || (other && (view->kind != DMP_KIND_EPOCH_CLOSE
                      || dmp_str_eq(view->of_writer, view->writer))))
    {
        return false;
    }

    if (view->heartbeat > 0 && view->kind != DMP_KIND_EPOCH_OPEN) {
        return false;
    }

    return view->signed_len > 0
           || (view->kind != DMP_KIND_EPOCH_CLOSE
               && view->kind != DMP_KIND_CHECKPOINT
               && view->kind != DMP_KIND_HEARTBEAT);
}


/* What the signature covers ends where its member begins, the last one. */
static bool
signature_fits(const dmp_entry_view_t *view, const uint8_t *data, size_t size)
{
    static const char  name[] = ",\"signature\":\"";

    return view->signed_len == 0
           || (view->signed_len + sizeof(name) - 1 + 86 + 2 == size
               && memcmp(data + view->signed_len, name, sizeof(name) - 1)
                  == 0);
}


/* A reader of our own for entries must not read what others do not. */
static bool
is_json(const uint8_t *data, size_t size)
{
    static dmp_scan_t  scan;

    dmp_scan_init(&scan, (const char *) data, size);

    return dmp_scan_skip(&scan, NULL) && dmp_scan_end(&scan);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_rc_t                  rc;
    dmp_error_t               error;
    static dmp_entry_view_t   view;

    rc = dmp_entry_parse((const char *) data, size, &view, &error);

    if (rc == DMP_OK) {
        if (view.kind == DMP_KIND_NONE || view.epoch == 0 || view.seq == 0
            || !admin_fits(&view) || !change_fits(&view)
            || !decided_fits(&view) || !heads_fit(&view) || !epoch_fits(&view)
            || !session_fits(&view) || !signature_fits(&view, data, size)
            || !is_json(data, size))
        {
            abort();
        }

    } else if (error.text[0] == '\0') {
        abort();
    }

    if (!entry_same((const char *) data, size, &rc)) {
        abort();
    }

    verify_lines((const char *) data, (const char *) data + size);

    return 0;
}
