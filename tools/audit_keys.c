/*
 * audit_keys.c: the public keys that may certify epochs: from files and
 * folders that an auditor keeps, and never from the trace.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"


static bool
keys_file(dmp_verify_t *v, const char *path)
{
    dmp_rc_t   rc;
    EVP_PKEY  *key;

    key = tool_public_key(path);
    if (key == NULL) {
        return false;
    }

    rc = dmp_verify_key(v, key);
    EVP_PKEY_free(key);

    if (rc != DMP_OK) {
        tool_error("%s: %s", path, rc == DMP_E_LIMIT
                   ? "more audit keys than can be looked at" : "no memory");
        return false;
    }

    return true;
}


static int
keys_chosen(const struct dirent *entry)
{
    size_t  len;

    len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".pub") == 0;
}


static bool
keys_folder(dmp_verify_t *v, const char *folder)
{
    int              i, n;
    bool             ok;
    char             path[4096];
    struct dirent  **names;

    n = scandir(folder, &names, keys_chosen, alphasort);
    if (n < 0) {
        tool_error("%s: %s", folder, strerror(errno));
        return false;
    }

    ok = n > 0;

    if (!ok) {
        tool_error("%s: no key (*.pub) in it", folder);
    }

    for (i = 0; i < n; i++) {
        if (ok && (size_t) snprintf(path, sizeof(path), "%s/%s", folder,
                                    names[i]->d_name) >= sizeof(path))
        {
            tool_error("%s: its name is too long", folder);
            ok = false;
        }

        ok = ok && keys_file(v, path);
        free(names[i]);
    }

    free(names);

    return ok;
}


bool
audit_keys(dmp_verify_t *v, const tool_list_t *files,
    const tool_list_t *folders)
{
    size_t  i;

    for (i = 0; i < files->n; i++) {
        if (!keys_file(v, files->item[i])) {
            return false;
        }
    }

    for (i = 0; i < folders->n; i++) {
        if (!keys_folder(v, folders->item[i])) {
            return false;
        }
    }

    return true;
}
