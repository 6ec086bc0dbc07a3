/*
 * fuzz_api.c: any method, target, headers and body as a request on the API: a
 * line for the method, one for the target, one for each header, an empty one,
 * and the body.  What is read twice is read alike, what is taken says one
 * thing, and a body takes nothing back that was refused without it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "../unit/api_check.h"


#define LINES_MAX  16


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static char  words[65536];


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


/* The line up to the next LF, which is passed over; false: there is none. */
static bool
line(dmp_str_t *text, dmp_str_t *out)
{
    const char  *end;

    end = (text->len != 0) ? memchr(text->data, '\n', text->len) : NULL;

    if (end == NULL) {
        return false;
    }

    *out = (dmp_str_t) { text->data, (size_t) (end - text->data) };
    text->len -= out->len + 1;
    text->data = end + 1;

    return true;
}


/* The headers up to an empty line; false: there is none, so no body. */
static bool
take_headers(dmp_str_t *text, dmp_headers_t *headers)
{
    unsigned     n;
    dmp_str_t    name, value;
    const char  *colon;

    for (n = 0; n < LINES_MAX && line(text, &name); n++) {

        if (name.len == 0) {
            return true;
        }

        value = dmp_string("");
        colon = memchr(name.data, ':', name.len);

        if (colon != NULL) {
            value.data = colon + 1;
            value.len = name.len - (size_t) (colon + 1 - name.data);
            name.len = (size_t) (colon - name.data);
        }

        (void) dmp_request_header(headers, name, value);
    }

    return false;
}


static dmp_mapping_t
map(const dmp_raw_t *raw)
{
    const char  *wrong;

    static dmp_request_t  first, again;

    memset(&first, 0xff, sizeof(first));
    dmp_api_map(raw, &first);
    wrong = api_check(raw, &first);

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s\n", wrong);
        abort();
    }

    memcpy(&again, &first, sizeof(first));
    memset(&first, 0, sizeof(first));
    dmp_api_map(raw, &first);
    must(memcmp(&first, &again, sizeof(first)) == 0);

    return first.mapping;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_raw_t      raw;
    dmp_str_t      text;
    dmp_mapping_t  before, after;

    static dmp_headers_t  headers;

    memset(&raw, 0, sizeof(raw));
    memset(&headers, 0, sizeof(headers));
    text = (dmp_str_t) { (const char *) data, size };

    if (!line(&text, &raw.method) || !line(&text, &raw.target)) {
        return 0;
    }

    raw.has_body = take_headers(&text, &headers);
    raw.headers = &headers;
    raw.base = dmp_string("/dmp/api");
    raw.own_ins = (size % 2) ? dmp_string("269054958815780")
                             : dmp_null_string;
    raw.words = words;
    raw.words_size = dmp_headers_words(&headers) + raw.target.len
                     + text.len;
    must(raw.words_size <= sizeof(words) || size > sizeof(words) / 4);

    if (raw.words_size > sizeof(words)) {
        return 0;
    }

    before = map(&raw);

    if (!raw.has_body) {
        must(before != DMP_MAPPING_INCOMPLETE);
        return 0;
    }

    raw.form = (dmp_str_t) { text.len != 0 ? text.data : "", text.len };
    after = map(&raw);

    must(before != DMP_MAPPING_ONE);
    must(before == DMP_MAPPING_INCOMPLETE || before == after);
    must(after != DMP_MAPPING_INCOMPLETE);

    return 0;
}
