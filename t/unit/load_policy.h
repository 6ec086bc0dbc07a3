/*
 * load_policy.h: the policy of conf/policy/, as the tests run from the top of
 * the source.
 */

#ifndef LOAD_POLICY_H
#define LOAD_POLICY_H

#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_policy.h>


#define LOAD_FOLDER  "conf/policy/"

/* Texts live until the policy has been loaded. */
typedef struct {
    char      *texts[DMP_POLICY_FILES];
    unsigned   n;
} load_files_t;


static inline dmp_rc_t
load_read(void *data, const char *name, dmp_str_t *text, dmp_error_t *error)
{
    char           path[256];
    FILE          *file;
    load_files_t  *files;

    files = data;
    (void) error;
    (void) snprintf(path, sizeof(path), LOAD_FOLDER "%s", name);
    file = fopen(path, "rb");

    if (file == NULL || files->n == DMP_POLICY_FILES) {
        return DMP_E_REFUSED;
    }

    text->data = malloc(DMP_POLICY_MAX);
    text->len = (text->data == NULL)
                ? 0 : fread((char *) (uintptr_t) text->data, 1,
                            DMP_POLICY_MAX, file);
    (void) fclose(file);
    files->texts[files->n++] = (char *) (uintptr_t) text->data;

    return (text->len != 0) ? DMP_OK : DMP_E_REFUSED;
}


/* NULL after a line that says why. */
static inline dmp_policy_t *
load_policy(const char *name)
{
    dmp_rc_t              rc;
    dmp_error_t           error;
    dmp_policy_t         *policy;
    load_files_t          files;
    dmp_policy_source_t   source;

    files.n = 0;
    source.read = load_read;
    source.data = &files;
    rc = dmp_policy_load(&source, name, &policy, &error);

    while (files.n > 0) {
        free(files.texts[--files.n]);
    }

    if (rc != DMP_OK) {
        fprintf(stderr, "%s:%u: %s\n", error.file, error.line, error.text);
        return NULL;
    }

    return policy;
}

#endif
