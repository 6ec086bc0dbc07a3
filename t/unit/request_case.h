/*
 * request_case.h: requests written in a line, for the tests of the mapping.
 * Include it after cmocka.
 */

#ifndef REQUEST_CASE_H
#define REQUEST_CASE_H

#include <stdio.h>

#include "request_check.h"


#define INS       "269054958815780"
#define SYSTEM    "urn:oid:1.2.250.1.213.1.4.8"
#define PATIENT   "patient.identifier=" SYSTEM "|" INS
#define SEARCH    "/fhir/DocumentReference?" PATIENT
#define LIST      "/fhir/List?" PATIENT
#define CHECK     "/fhir/Patient?identifier=" SYSTEM "|" INS
#define READ      "/fhir/DocumentReference/d1"
#define BINARY    "/fhir/Binary/b1"
#define BUNDLE    "/fhir/Bundle/b1"
#define METADATA  "/fhir/metadata"
#define TRAITS    "family=Lefebvre&given=Anne&birthdate=1969-05-12"
#define FIND      "/fhir/Patient?" TRAITS
#define POSTED    "/fhir/DocumentReference/_search"
#define FORM      "application/x-www-form-urlencoded"
#define TEN(s)    s s s s s s s s s s
#define ID_64     TEN("abcdef") "1234"

#define count(table)  (sizeof(table) / sizeof((table)[0]))


static dmp_request_t  out;
static char           room[DMP_PAGE_MAX];
static char           words[32768];


static inline dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* A request without a header or a body. */
static inline dmp_raw_t
request(const char *method, const char *target)
{
    dmp_raw_t  raw;

    static const dmp_headers_t  none;

    memset(&raw, 0, sizeof(raw));
    raw.method = str(method);
    raw.target = str(target);
    raw.base = str("/fhir");
    raw.headers = &none;
    raw.room = room;
    raw.room_size = sizeof(room);
    raw.words = words;
    raw.words_size = sizeof(words);

    return raw;
}


/* A block of exactly its size, so that a byte read too far is seen. */
static inline char *
exact(dmp_str_t s)
{
    char  *copy;

    copy = malloc(s.len + (s.len == 0));
    assert_non_null(copy);

    if (s.len != 0) {
        memcpy(copy, s.data, s.len);
    }

    return copy;
}


/* Maps it, twice: what stood in out before makes no difference. */
static inline void
map_raw(dmp_raw_t raw)
{
    char           *target, *form;
    dmp_str_t       given;
    const char     *wrong;
    dmp_request_t   first;

    given = raw.target;
    target = exact(raw.target);
    form = (raw.form.data != NULL) ? exact(raw.form) : NULL;
    raw.target.data = target;
    raw.form.data = form;

    memset(&out, 0xff, sizeof(out));
    dmp_request_map(&raw, &out);
    memcpy(&first, &out, sizeof(out));

    memset(&out, 0, sizeof(out));
    dmp_request_map(&raw, &out);
    assert_memory_equal(&first, &out, sizeof(out));

    wrong = request_check(&raw, &out);

    if (wrong != NULL) {
        fail_msg("%.*s: %s", (int) given.len, given.data, wrong);
    }

    /* the copies go; tests compare what they asked */

    if (out.document.len != 0) {
        out.document.data = given.data + (out.document.data - target);
    }

    if (out.attachment.len != 0) {
        out.attachment.data = given.data + (out.attachment.data - target);
    }

    free(target);
    free(form);
}


static inline void
map(const char *method, const char *target)
{
    map_raw(request(method, target));
}


static inline void
is_mapped(const char *target, dmp_mapping_t want)
{
    if (out.mapping != want) {
        fail_msg("%s: mapping %d (%s), not %d", target, (int) out.mapping,
                 out.why != NULL ? out.why : "", (int) want);
    }
}


/* Each of the targets, by GET. */
static inline void
all_are(const char *const *targets, size_t n, dmp_mapping_t want)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        map("GET", targets[i]);
        is_mapped(targets[i], want);
    }
}

#endif
