/*
 * junit.c: writes JUnit XML.  Whatever a file or a case is called, what comes
 * out is well formed: XML 1.0 has no place for most control characters, nor
 * for bytes that are not UTF-8.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dmpctl.h"
#include "junit.h"


#define JUNIT_REPLACEMENT  "\xef\xbf\xbd"        /* U+FFFD */


/* XML 1.0, 2.2: what a document may hold. */
static bool
junit_allowed(const unsigned char *p, size_t n)
{
    if (n == 1) {
        return *p >= 0x20 || *p == '\t' || *p == '\n' || *p == '\r';
    }

    /* U+FFFE, U+FFFF */
    return n != 3 || p[0] != 0xef || p[1] != 0xbf || p[2] < 0xbe;
}


/* White space is kept in attributes only as a reference (XML 1.0, 3.3.3). */
static const char *
junit_entity(unsigned char c, bool attribute)
{
    switch (c) {

    case '&':
        return "&amp;";

    case '<':
        return "&lt;";

    case '>':
        return "&gt;";

    case '"':
        return "&quot;";

    case '\r':
        return "&#13;";

    case '\t':
        return attribute ? "&#9;" : NULL;

    case '\n':
        return attribute ? "&#10;" : NULL;

    default:
        return NULL;
    }
}


static void
junit_text(FILE *out, const char *text, bool attribute)
{
    size_t                n;
    const char           *entity;
    const unsigned char  *p, *end;

    p = (const unsigned char *) text;
    end = p + strlen(text);

    while (p < end) {
        n = dmp_utf8_length(p, end);

        if (n == 0 || !junit_allowed(p, n)) {
            fputs(JUNIT_REPLACEMENT, out);
            p += n != 0 ? n : 1;
            continue;
        }

        entity = n == 1 ? junit_entity(*p, attribute) : NULL;

        if (entity != NULL) {
            fputs(entity, out);

        } else {
            (void) fwrite(p, 1, n, out);     /* ferror() is asked at the end */
        }

        p += n;
    }
}


static void
junit_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    junit_text(out, value, true);
    fputc('"', out);
}


bool
junit_open(junit_t *j, const char *path)
{
    memset(j, 0, sizeof(*j));

    if (path == NULL) {
        return true;
    }

    j->path = path;
    j->out = fopen(path, "w");

    if (j->out == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n",
          j->out);

    return true;
}


bool
junit_close(junit_t *j)
{
    bool  ok;

    if (j->out == NULL) {
        return true;
    }

    fputs("</testsuites>\n", j->out);
    ok = !j->failed && ferror(j->out) == 0;
    ok = fclose(j->out) == 0 && ok;
    j->out = NULL;

    if (!ok) {
        tool_error("%s: cannot write", j->path);
    }

    return ok;
}


void
junit_suite_begin(junit_t *j, const char *name)
{
    if (j->out == NULL) {
        return;
    }

    j->suite = name;
    j->tests = 0;
    j->failures = 0;
    j->errors = 0;
    j->body = open_memstream(&j->text, &j->len);
    j->failed = j->failed || j->body == NULL;
}


void
junit_suite_end(junit_t *j)
{
    if (j->out == NULL || j->body == NULL) {
        return;
    }

    if (fclose(j->body) == 0) {
        fputs("  <testsuite", j->out);
        junit_attribute(j->out, "name", j->suite);
        fprintf(j->out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n",
                j->tests, j->failures, j->errors);
        (void) fwrite(j->text, 1, j->len, j->out);   /* ferror(), at the end */
        fputs("  </testsuite>\n", j->out);

    } else {
        j->failed = true;
    }

    free(j->text);
    j->text = NULL;
    j->body = NULL;
}


void
junit_case(junit_t *j, const char *name, junit_result_t result,
    const char *message, const char *detail)
{
    const char  *element;

    if (j->out == NULL || j->body == NULL) {
        return;
    }

    j->tests++;
    fputs("    <testcase", j->body);
    junit_attribute(j->body, "classname", j->suite);
    junit_attribute(j->body, "name", name);

    if (result == JUNIT_PASSED) {
        fputs("/>\n", j->body);
        return;
    }

    element = result == JUNIT_FAILURE ? "failure" : "error";
    j->failures += result == JUNIT_FAILURE ? 1 : 0;
    j->errors += result == JUNIT_FAILURE ? 0 : 1;

    fprintf(j->body, ">\n      <%s", element);
    junit_attribute(j->body, "message", message);
    fputc('>', j->body);
    junit_text(j->body, detail != NULL ? detail : "", false);
    fprintf(j->body, "</%s>\n    </testcase>\n", element);
}
