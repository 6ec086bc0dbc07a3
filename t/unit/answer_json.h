/*
 * answer_json.h: answers that the gateway writes, read by somebody else's
 * parser.  Include it after cmocka.
 */

#ifndef ANSWER_JSON_H
#define ANSWER_JSON_H

#include <stdlib.h>

#include <jansson.h>

#include <dmp/dmp.h>


static inline json_t *
parse(const dmp_buf_t *buf)
{
    json_t        *root;
    json_error_t   error;

    assert_false(buf->full);
    assert_true(buf->len > 0 && buf->data[buf->len - 1] == '\n');
    root = json_loadb(buf->data, buf->len, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        fail_msg("%.*s: %s", (int) buf->len, buf->data, error.text);
    }

    return root;
}


/* The string at a path such as "issue.0.code"; NULL if there is none. */
static inline const char *
at(json_t *value, const char *path)
{
    char         name[64];
    size_t       n;

    while (*path != '\0') {
        n = strcspn(path, ".");
        assert_true(n < sizeof(name));
        memcpy(name, path, n);
        name[n] = '\0';

        value = json_is_array(value)
                ? json_array_get(value, (size_t) atoi(name))
                : json_object_get(value, name);
        path += n + (path[n] == '.');
    }

    return json_is_true(value) ? "true" : json_is_false(value) ? "false"
           : json_string_value(value);
}

#define has(root, path, text)  assert_string_equal(at(root, path), text)

#endif
