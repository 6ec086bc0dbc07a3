/*
 * document_case.h: documents written in a line, for the tests of what is read
 * from one.  Include it after cmocka.
 */

#ifndef DOCUMENT_CASE_H
#define DOCUMENT_CASE_H

#include "small_policy.h"


#define INS            "123456789012345"
#define OTHER_INS      "280017505600103"
#define INS_SYSTEM     "urn:oid:1.2.250.1.213.1.4.8"
#define PS_SYSTEM      "urn:oid:1.2.250.1.71.4.2.1"
#define STRUCT_SYSTEM  "urn:oid:1.2.250.1.71.4.2.2"

#define ID(system, value)                                                     \
    "{\"system\":\"" system "\",\"value\":\"" value "\"}"
#define PATIENT(id, identifiers)                                              \
    "{\"resourceType\":\"Patient\",\"id\":\"" id "\",\"identifier\":["        \
    identifiers "]}"
#define AUTHOR(type, id, identifiers)                                         \
    "{\"resourceType\":\"" type "\",\"id\":\"" id "\",\"identifier\":["       \
    identifiers "]}"
#define SUBJECT(reference)  "\"subject\":{\"reference\":\"" reference "\"}"
#define SOURCE(reference)                                                     \
    "\"context\":{\"sourcePatientInfo\":{\"reference\":\"" reference "\"}}"
#define DOC(members)  "{\"resourceType\":\"DocumentReference\"," members "}"


/* Of exactly its size, so that a byte read too far is seen. */
static dmp_rc_t
parse(const char *json, dmp_document_t *document)
{
    char         *copy;
    size_t        len;
    dmp_rc_t      rc;

    static char  *last;

    len = strlen(json);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, json, len + 1);

    rc = dmp_document_parse(&small_policy, copy, len, document);

    /* the document points into it */

    free(last);
    last = copy;

    if (json[0] == '\0') {
        free(last);
        last = NULL;
    }

    return rc;
}


/* The last text goes as well. */
static int
release(void **state)
{
    dmp_document_t  document;

    (void) state;
    (void) parse("", &document);

    return 0;
}

#endif
