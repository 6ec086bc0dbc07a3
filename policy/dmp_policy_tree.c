/*
 * dmp_policy_tree.c: a text to jansson's tree.  The scanner, which is stricter,
 * must have read it too: errors are found with it later, and what it cannot
 * pass, such as a name written with escapes, none could point at.
 */

#include <dmp/dmp_scan.h>

#include "dmp_policy_int.h"


static bool
dmp_policy_scan(dmp_policy_reader_t *r)
{
    dmp_scan_t  s;

    dmp_scan_init(&s, r->file->text.data, r->file->text.len);

    if (dmp_scan_skip(&s, NULL) && dmp_scan_end(&s)) {
        return true;
    }

    return dmp_policy_error_line(r, dmp_scan_rc(&s),
                                 dmp_policy_line(r, dmp_scan_offset(&s)),
                                 "%s", dmp_scan_strerror(s.error));
}


/* Why there is no tree: jansson often takes want of memory for bad syntax. */
static bool
dmp_policy_no_tree(dmp_policy_reader_t *r, const json_error_t *error)
{
    if (json_error_code(error) != json_error_numeric_overflow
        && dmp_policy_scan(r))
    {
        return dmp_policy_no_memory(r);
    }

    return dmp_policy_error_line(r, DMP_E_SYNTAX,
                                 error->line > 0 ? (unsigned) error->line : 0,
                                 "%s", error->text);
}


static bool
dmp_policy_tree(dmp_policy_reader_t *r, dmp_policy_file_t *file)
{
    json_error_t  error;

    file->root = json_loadb(file->text.data, file->text.len,
                            JSON_REJECT_DUPLICATES, &error);

    if (file->root == NULL) {
        return dmp_policy_no_tree(r, &error);
    }

    if (json_array_append_new(r->policy->memory, file->root) != 0) {
        return dmp_policy_no_memory(r);
    }

    return dmp_policy_scan(r);
}


bool
dmp_policy_parse(dmp_policy_reader_t *r, dmp_policy_file_t *file)
{
    const char  *nul;

    if (file->text.len > DMP_POLICY_MAX) {
        return dmp_policy_error_line(r, DMP_E_LIMIT, 0,
                                     "larger than %d bytes", DMP_POLICY_MAX);
    }

    if (file->text.len == 0) {
        return dmp_policy_error_line(r, DMP_E_SYNTAX, 1, "empty");
    }

    /* jansson stops at a NUL outside strings, and calls what follows nothing */

    nul = memchr(file->text.data, '\0', file->text.len);

    if (nul != NULL) {
        return dmp_policy_error_line(r, DMP_E_SYNTAX,
                       dmp_policy_line(r, (size_t) (nul - file->text.data)),
                       "a NUL byte");
    }

    return dmp_policy_tree(r, file);
}
