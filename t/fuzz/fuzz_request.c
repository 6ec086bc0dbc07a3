/*
 * fuzz_request.c: any method, target and headers, a line each.  What is read
 * twice is read alike, and what is taken says one thing in plain bytes.
 */

#include <stdlib.h>

#include <dmp/dmp_request.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static dmp_str_t
next_line(dmp_str_t *rest)
{
    dmp_str_t    line;
    const char  *end;

    line = *rest;
    end = (line.len != 0) ? memchr(line.data, '\n', line.len) : NULL;

    if (end == NULL) {
        *rest = dmp_null_string;
        return line;
    }

    line.len = (size_t) (end - line.data);
    rest->data = end + 1;
    rest->len -= line.len + 1;

    return line;
}


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


/* Written out once more: letters, digits and five others. */
static bool
is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_'
           || c == '~' || c == '$' || c == '/';
}


static void
check_path(dmp_str_t target)
{
    size_t  i;

    for (i = 0; i < target.len && target.data[i] != '?'; i++) {
        must(is_plain(target.data[i]));

        if (target.data[i] == '/') {
            must(i + 1 < target.len && target.data[i + 1] != '/'
                 && target.data[i + 1] != '.' && target.data[i + 1] != '?');
        }
    }

    must(i != 0 && target.data[0] == '/');

    for ( /* void */ ; i < target.len; i++) {
        must(target.data[i] > 0x20 && target.data[i] < 0x7f
             && target.data[i] != ';' && target.data[i] != '#'
             && target.data[i] != '\\');
    }
}


static void
check(const dmp_request_t *r, dmp_str_t method, dmp_str_t target,
    const dmp_headers_t *headers, bool has_body)
{
    must(r->route != NULL);
    must(r->mapping > DMP_MAPPING_NONE && r->mapping <= DMP_MAPPING_ONE);
    must(r->operation < DMP_OPERATION_MAX);
    must(r->ins.len == 0 || r->ins.data == r->text);
    must(r->ins.len <= sizeof(r->text));
    must(r->document.len == 0
         || (r->document.data > target.data
             && r->document.data + r->document.len
                <= target.data + target.len));
    must((r->mapping == DMP_MAPPING_ONE) == (r->why == NULL));

    if (r->mapping != DMP_MAPPING_ONE) {
        return;
    }

    must(!headers->ambiguous && !headers->format_refused && !has_body);
    must((r->ins.len != 0) != (r->document.len != 0));
    must((r->ins.len != 0) == (r->ins_system.len != 0));
    must(r->document.len <= 64);
    must(r->operation == DMP_OPERATION_CHECK
         || r->operation == DMP_OPERATION_SEARCH
         || r->operation == DMP_OPERATION_READ);
    must(dmp_str_eq(method, dmp_string("GET"))
         || (dmp_str_eq(method, dmp_string("HEAD"))
             && r->operation == DMP_OPERATION_CHECK));
    must(r->mode >= DMP_MODE_NORMAL && r->mode <= DMP_MODE_CENTRE_15);
    check_path(target);
}


static bool
begins(dmp_str_t name, const char *with)
{
    char    c;
    size_t  i;

    for (i = 0; with[i] != '\0'; i++) {
        if (i == name.len) {
            return false;
        }

        c = name.data[i];
        c = (c >= 'A' && c <= 'Z') ? (char) (c - 'A' + 'a')
                                   : (c == '_') ? '-' : c;

        if (c != with[i]) {
            return false;
        }
    }

    return true;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool            has_body;
    dmp_str_t       rest, method, target, line, name, value;
    dmp_header_t    what;
    const char     *colon;
    dmp_headers_t   headers;

    static dmp_request_t  first, again;

    rest = (dmp_str_t) { (const char *) data, size };
    method = next_line(&rest);
    target = next_line(&rest);
    has_body = false;
    memset(&headers, 0, sizeof(headers));

    while (rest.len != 0) {
        line = next_line(&rest);
        colon = (line.len != 0) ? memchr(line.data, ':', line.len) : NULL;

        if (colon == NULL) {
            has_body = true;
            continue;
        }

        name = (dmp_str_t) { line.data, (size_t) (colon - line.data) };
        value = (dmp_str_t) { colon + 1, line.len - name.len - 1 };

        if (value.len != 0 && value.data[0] == ' ') {
            value.data++;
            value.len--;
        }

        what = dmp_request_header(&headers, name, value);
        must(what == DMP_HEADER_STRIP || what == DMP_HEADER_FORWARD);
        must(headers.ambiguous == (headers.why != NULL));
        must((!begins(name, "dmp-") && !begins(name, "x-dmp-"))
             || what == DMP_HEADER_STRIP);
    }

    memset(&first, 0xff, sizeof(first));
    dmp_request_map(method, target, dmp_string("/fhir"), &headers, has_body,
                    &first);
    check(&first, method, target, &headers, has_body);
    memcpy(&again, &first, sizeof(first));

    memset(&first, 0, sizeof(first));
    dmp_request_map(method, target, dmp_string("/fhir"), &headers, has_body,
                    &first);
    must(memcmp(&first, &again, sizeof(first)) == 0);

    dmp_request_map(method, target, dmp_string(""), &headers, has_body,
                    &first);
    check(&first, method, target, &headers, has_body);

    return 0;
}
