/*
 * directory_claims.c: two persons of one file who claim the same identifier,
 * found by sorting all claims.  Which of them is right is not for us to say:
 * both are left as they are.
 */

#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


/* Those of one identifier, as far as they were read. */
typedef struct {
    char    id[DMP_ID_MAX + 1];
    char    person[DMP_ID_MAX + 1];      /* who claimed it first; or empty */
    size_t  line;
} claims_t;


static bool
claims_is(const char *text, dmp_str_t s)
{
    return strlen(text) == s.len && memcmp(text, s.data, s.len) == 0;
}


static size_t
claims_number(dmp_str_t s)
{
    char  text[DIRECTORY_LINE_TEXT + 1];

    (void) snprintf(text, sizeof(text), "%.*s", (int) s.len, s.data);

    return strtoul(text, NULL, 10);
}


/* Once too many lines are wrong, nothing is written anyway. */
static bool
claims_skip(directory_import_t *im, const char *person)
{
    size_t   size;
    char   (*larger)[DMP_ID_MAX + 1];

    if (im->wrong > im->skip_wrong) {
        return true;
    }

    if (im->n_skip == im->size_skip) {
        size = im->size_skip == 0 ? 16 : 2 * im->size_skip;
        larger = reallocarray(im->skip, size, sizeof(*larger));

        if (larger == NULL) {
            tool_error("no memory");
            return false;
        }

        im->skip = larger;
        im->size_skip = size;
    }

    memcpy(im->skip[im->n_skip++], person, DMP_ID_MAX + 1);

    return true;
}


static bool
claims_conflict(directory_import_t *im, const claims_t *c, dmp_str_t person,
    size_t line)
{
    char  other[DMP_ID_MAX + 1];

    memset(other, 0, sizeof(other));
    memcpy(other, person.data, person.len);

    if (line < c->line) {
        directory_wrong(im, line, "%s: %s is an identifier of %s too, by line "
                        "%zu", other, c->id, c->person, c->line);

    } else {
        directory_wrong(im, c->line, "%s: %s is an identifier of %s too, by "
                        "line %zu", c->person, c->id, other, line);
    }

    return claims_skip(im, other) && claims_skip(im, c->person);
}


static bool
claims_one(directory_import_t *im, claims_t *c, const char *data, size_t len)
{
    dmp_str_t  rest, id, person;

    rest = (dmp_str_t) { data, len };
    id = directory_cut(&rest, '\t');
    person = directory_cut(&rest, '\t');

    if (!claims_is(c->id, id)) {
        memset(c, 0, sizeof(*c));
        memcpy(c->id, id.data, id.len);

        if (im->complete && !directory_ids_add(im->named, id)) {
            return directory_failed();
        }
    }

    if (person.len == 0 || claims_is(c->person, person)) {
        return true;
    }

    if (c->person[0] != '\0') {
        return claims_conflict(im, c, person, claims_number(rest));
    }

    memcpy(c->person, person.data, person.len);
    c->line = claims_number(rest);

    return true;
}


static int
claims_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}


int
directory_claims(directory_import_t *im)
{
    int          rc;
    size_t       len, n;
    claims_t     c;
    const char  *data;

    memset(&c, 0, sizeof(c));
    n = 0;

    im->named = directory_ids_create();

    if (im->named == NULL || !directory_sort_end(im->claims)) {
        (void) directory_failed();
        return TOOL_FAILED;
    }

    while ((rc = directory_sort_next(im->claims, &data, &len)) > 0) {
        if ((++n % 1024 == 0 && !directory_lock_keep(&im->lock))
            || !claims_one(im, &c, data, len))
        {
            return TOOL_FAILED;
        }
    }

    if (rc < 0 || !directory_ids_end(im->named)) {
        (void) directory_failed();
        return TOOL_FAILED;
    }

    if (im->n_skip > 0) {
        qsort(im->skip, im->n_skip, sizeof(im->skip[0]), claims_compare);
    }

    directory_sort_free(im->claims);
    im->claims = NULL;

    return TOOL_DONE;
}
