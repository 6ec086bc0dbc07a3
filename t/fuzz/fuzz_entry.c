/*
 * fuzz_entry.c: any bytes as an entry of the trace, and the same as a whole
 * trace of one entry per line: no crash, and never whole without a key.
 */

#include <stdlib.h>

#include <dmp/dmp_verify.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
verify_lines(const char *p, const char *end)
{
    uint64_t              n;
    const char           *eol;
    dmp_verify_t         *v;
    dmp_verify_result_t   result;

    v = dmp_verify_create(4);
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
        return view->command.len == 0 && view->digest.len == 0 && !view->ended;
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

    asked = view->kind == DMP_KIND_ACCESS || view->kind == DMP_KIND_CHANGE;

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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_rc_t                  rc;
    dmp_error_t               error;
    static dmp_entry_view_t   view;

    rc = dmp_entry_parse((const char *) data, size, &view, &error);

    if (rc == DMP_OK) {
        if (view.kind == DMP_KIND_NONE || view.n_heads > DMP_BUCKETS_MAX
            || view.signed_len > size || view.epoch == 0 || view.seq == 0
            || !admin_fits(&view) || !change_fits(&view))
        {
            abort();
        }

    } else if (error.text[0] == '\0') {
        abort();
    }

    verify_lines((const char *) data, (const char *) data + size);

    return 0;
}
