/*
 * dmp_session_json.c: small JSON objects of which every member is known.  What
 * their strings held is wiped before it is freed.
 */

#include <openssl/crypto.h>

#include "dmp_session_int.h"


static bool
json_has_only(json_t *root, const char *const *names, size_t n)
{
    size_t       i;
    json_t      *value;
    const char  *key;

    json_object_foreach(root, key, value) {
        for (i = 0; i < n && strcmp(names[i], key) != 0; i++) { /* void */ }

        if (i == n) {
            return false;
        }
    }

    return true;
}


dmp_rc_t
dmp_session_json(dmp_str_t text, size_t max, const char *const *names,
    size_t n, json_t **out)
{
    json_t        *root;
    dmp_rc_t       rc;
    json_error_t   where;

    *out = NULL;

    if (text.len > max) {
        return DMP_E_LIMIT;
    }

    /* jansson stops at a NUL outside strings, and calls what follows nothing */
    if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
        return DMP_E_SYNTAX;
    }

    root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &where);

    if (root == NULL) {
        return (json_error_code(&where) == json_error_out_of_memory)
               ? DMP_E_NOMEM : DMP_E_SYNTAX;
    }

    /* its message may quote the text */
    OPENSSL_cleanse(&where, sizeof(where));

    rc = DMP_OK;

    if (!json_is_object(root)) {
        rc = DMP_E_SYNTAX;

    } else if (!json_has_only(root, names, n)) {
        rc = DMP_E_UNKNOWN;

    } else if (json_object_size(root) != n) {
        rc = DMP_E_SYNTAX;
    }

    if (rc != DMP_OK) {
        dmp_session_json_free(root);
        return rc;
    }

    *out = root;

    return DMP_OK;
}


/* Only what stands in the object itself: nothing deeper was accepted. */
void
dmp_session_json_free(json_t *root)
{
    json_t      *value;
    const char  *key;

    json_object_foreach(root, key, value) {
        if (json_is_string(value)) {
            /* jansson's own copy, which nobody else refers to */
            OPENSSL_cleanse((char *) (uintptr_t) json_string_value(value),
                            json_string_length(value));
        }
    }

    json_decref(root);
}


dmp_str_t
dmp_session_json_string(const json_t *root, const char *name)
{
    const json_t  *value;

    value = json_object_get(root, name);

    if (!json_is_string(value)) {
        return dmp_null_string;
    }

    return (dmp_str_t) { json_string_value(value), json_string_length(value) };
}


bool
dmp_session_json_number(const json_t *root, const char *name, int64_t *out)
{
    const json_t  *value;

    *out = 0;
    value = json_object_get(root, name);

    if (!json_is_integer(value) || json_integer_value(value) < 1
        || json_integer_value(value) > DMP_SESSION_NUMBER_MAX)
    {
        return false;
    }

    *out = json_integer_value(value);

    return true;
}
