/*
 * junit.h: results of tests as JUnit XML, the form that build servers read.
 */

#ifndef TOOL_JUNIT_H
#define TOOL_JUNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>


typedef struct {
    FILE        *out;                    /* NULL: nothing is written */
    const char  *path;
    const char  *suite;                  /* borrowed until its end */
    FILE        *body;                   /* the open suite, in memory */
    char        *text;
    size_t       len;
    size_t       tests;
    size_t       failures;
    size_t       errors;
    bool         failed;
} junit_t;

typedef enum {
    JUNIT_PASSED = 0,
    JUNIT_FAILURE,                       /* the answer was another one */
    JUNIT_ERROR                          /* it could not be asked */
} junit_result_t;

/* path NULL: all calls do nothing.  False after a complaint. */
bool junit_open(junit_t *j, const char *path);
bool junit_close(junit_t *j);

void junit_suite_begin(junit_t *j, const char *name);
void junit_suite_end(junit_t *j);

/* message is one line, detail may be several; both NULL when it passed. */
void junit_case(junit_t *j, const char *name, junit_result_t result,
    const char *message, const char *detail);

#endif
