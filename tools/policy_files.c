/*
 * policy_files.c: the policy from a folder: its first file by path, those that
 * it names next to it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dmpctl.h"
#include "policy_files.h"


typedef struct {
    int          folder;         /* bytes of the path before the name */
    const char  *path;
    char        *text[DMP_POLICY_FILES];
    size_t       n;
} tool_folder_t;


/* Unlike tool_read() it prints nothing: the error goes to the loader. */
static dmp_rc_t
tool_folder_text(const char *path, char **text, size_t *len,
    dmp_error_t *error)
{
    FILE      *f;
    dmp_rc_t   rc;

    f = fopen(path, "r");

    if (f == NULL) {
        (void) snprintf(error->text, sizeof(error->text),
                        "cannot be opened: %s", strerror(errno));
        return DMP_E_UNKNOWN;
    }

    *text = malloc(DMP_POLICY_MAX + 1);

    if (*text == NULL) {
        (void) snprintf(error->text, sizeof(error->text), "out of memory");
        (void) fclose(f);            /* only read from */
        return DMP_E_NOMEM;
    }

    /* one byte more than the loader takes: it says what is too large */

    *len = fread(*text, 1, DMP_POLICY_MAX + 1, f);
    rc = DMP_OK;

    if (ferror(f)) {
        (void) snprintf(error->text, sizeof(error->text),
                        "cannot be read: %s", strerror(errno));
        rc = DMP_E_UNKNOWN;
    }

    (void) fclose(f);                /* only read from */

    return rc;
}


static dmp_rc_t
tool_folder_read(void *data, const char *name, dmp_str_t *text,
    dmp_error_t *error)
{
    int             n;
    char           *path;
    size_t          len;
    dmp_rc_t        rc;
    tool_folder_t  *f;

    f = data;

    if (f->n == DMP_POLICY_FILES) {
        (void) snprintf(error->text, sizeof(error->text), "too many files");
        return DMP_E_LIMIT;
    }

    n = asprintf(&path, "%.*s%s", f->folder, f->path, name);

    if (n < 0) {
        (void) snprintf(error->text, sizeof(error->text), "out of memory");
        return DMP_E_NOMEM;
    }

    len = 0;
    rc = tool_folder_text(path, &f->text[f->n++], &len, error);
    free(path);

    *text = (dmp_str_t) { f->text[f->n - 1], len };

    return rc;
}


/* Bytes of the path before the name of the file: 0, or up to the last "/". */
static int
tool_folder_of(const char *path)
{
    const char  *slash;

    slash = strrchr(path, '/');

    return slash != NULL ? (int) (slash + 1 - path) : 0;
}


bool
tool_policy_load(const char *path, dmp_policy_t **out, dmp_error_t *error)
{
    size_t               i;
    dmp_rc_t             rc;
    tool_folder_t        f;
    dmp_policy_source_t  source;

    memset(&f, 0, sizeof(f));
    f.path = path;
    f.folder = tool_folder_of(path);

    source.read = tool_folder_read;
    source.data = &f;

    rc = dmp_policy_load(&source, path + f.folder, out, error);

    for (i = 0; i < f.n; i++) {
        free(f.text[i]);
    }

    return rc == DMP_OK;
}


bool
tool_policy(const char *path, dmp_policy_t **out)
{
    dmp_error_t  error;

    if (tool_policy_load(path, out, &error)) {
        return true;
    }

    if (error.line != 0) {
        tool_error("%.*s%s:%u: %s", tool_folder_of(path), path, error.file,
                   error.line, error.text);
    } else {
        tool_error("%.*s%s: %s", tool_folder_of(path), path, error.file,
                   error.text);
    }

    return false;
}
