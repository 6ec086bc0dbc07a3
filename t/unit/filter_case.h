/*
 * filter_case.h: answers written in a line, for the tests of what leaves of
 * them.  Include it after cmocka.
 */

#ifndef FILTER_CASE_H
#define FILTER_CASE_H

#include "filter_check.h"


#define HOST  "http://host:8080/fhir"
#define OURS  CHECK_OURS

#define ENTRY(id)                                                             \
    "{\"resource\":{\"resourceType\":\"DocumentReference\",\"id\":\"" id      \
    "\"}}"
#define OUTCOME                                                               \
    "{\"resource\":{\"resourceType\":\"OperationOutcome\"},"                  \
    "\"search\":{\"mode\":\"outcome\"}}"
#define HEAD         "\"resourceType\":\"Bundle\",\"type\":\"searchset\""
#define BUNDLE(rest)  "{" HEAD "," rest "}"
#define ENTRIES(list)  BUNDLE("\"entry\":[" list "]")

#define MAX_ENTRIES  300


/* Documents and Lists whose id begins with "no" may not leave. */
static inline bool
judge(void *data, const dmp_document_t *document)
{
    (void) data;

    assert_false(document->indexed);

    return document->id.len < 2 || memcmp(document->id.data, "no", 2) != 0;
}


static inline bool
judge_list(void *data, const dmp_fhir_list_t *list)
{
    (void) data;

    return list->id.len < 2 || memcmp(list->id.data, "no", 2) != 0;
}


static inline dmp_filter_t
plain_filter(void)
{
    dmp_filter_t  f;

    memset(&f, 0, sizeof(f));
    f.policy = &small_policy;
    f.entries = DMP_RESOURCE_DOCUMENT_REFERENCE;
    f.max_entries = MAX_ENTRIES;
    f.judge = judge;
    f.judge_list = judge_list;

    return f;
}


static inline dmp_filter_t
address_filter(void)
{
    dmp_filter_t  f;

    f = plain_filter();
    f.addresses = &check_addresses;
    f.link = check_link;

    return f;
}


static inline check_left_t
run(const dmp_filter_t *f, const char *json, size_t len)
{
    const char    *wrong;
    check_left_t   left;

    wrong = check_run(f, json, len, SIZE_MAX, NULL, &left);

    if (wrong != NULL) {
        fail_msg("%s: %s", json, wrong);
    }

    return left;
}


static inline void
leaves_of(const dmp_filter_t *f, const char *json, const char *want,
    unsigned shown, unsigned withheld)
{
    check_left_t  left;

    left = run(f, json, strlen(json));

    if (left.rc != DMP_OK) {
        fail_msg("%s: rc %d", json, (int) left.rc);
        return;
    }

    assert_string_equal(left.text, want);
    assert_int_equal(left.cut.shown, shown);
    assert_int_equal(left.cut.withheld, withheld);

    free(left.text);
}


static inline void
refused_by(const dmp_filter_t *f, const char *json, dmp_rc_t want)
{
    check_left_t  left;

    left = run(f, json, strlen(json));

    if (left.rc != want) {
        fail_msg("%s: rc %d, not %d", json, (int) left.rc, (int) want);
    }

    free(left.text);
}

#endif
