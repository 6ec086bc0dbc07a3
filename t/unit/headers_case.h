/*
 * headers_case.h: one header after the other, for the tests of what each is to
 * the gateway.  Include it after cmocka.
 */

#ifndef HEADERS_CASE_H
#define HEADERS_CASE_H

#include <dmp/dmp_request.h>


#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define STRIP    DMP_HEADER_STRIP
#define FORWARD  DMP_HEADER_FORWARD


/* In blocks of exactly their size, so that a byte read too far is seen. */
static inline dmp_str_t
exact(const char *text)
{
    char    *copy;
    size_t   len;

    len = strlen(text);
    copy = malloc(len + (len == 0));
    assert_non_null(copy);

    if (len != 0) {
        memcpy(copy, text, len);
    }

    return (dmp_str_t) { copy, len };
}


static inline dmp_header_t
take(dmp_headers_t *headers, const char *name, const char *value)
{
    dmp_str_t     n, v;
    dmp_header_t  what;

    n = exact(name);
    v = exact(value);
    what = dmp_request_header(headers, n, v);
    free((void *) n.data);
    free((void *) v.data);

    return what;
}

#endif
