/*
 * request_check.h: what must hold of any request that was mapped, written out
 * once more.  Used by the tests and by the fuzzer.  Each check returns NULL,
 * or what does not hold.
 */

#ifndef REQUEST_CHECK_H
#define REQUEST_CHECK_H

#include <stdlib.h>

#include <dmp/dmp_request.h>


static inline bool
check_is(dmp_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}


static inline bool
check_begins(dmp_str_t s, const char *text)
{
    return s.len >= strlen(text) && memcmp(s.data, text, strlen(text)) == 0;
}


static inline bool
check_inside(dmp_str_t s, dmp_str_t whole)
{
    return s.data > whole.data && s.data + s.len <= whole.data + whole.len;
}


/* Nothing that a host could cut, fold, decode or drop. */
static inline const char *
check_target(dmp_str_t target)
{
    char    c;
    size_t  i;

    static const char  plain[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-._~$/";

    for (i = 0; i < target.len && target.data[i] != '?'; i++) {
        c = target.data[i];

        if (memchr(plain, c, sizeof(plain) - 1) == NULL) {
            return "a byte of the path is not plain";
        }

        if (c == '/' && (i + 1 == target.len || target.data[i + 1] == '/'
                         || target.data[i + 1] == '.'
                         || target.data[i + 1] == '?'))
        {
            return "a segment of the path is empty or dotted";
        }
    }

    if (i == 0 || target.data[0] != '/') {
        return "the path is not absolute";
    }

    for (i = i + 1; i < target.len; i++) {
        c = target.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr(";?#\\", c) != NULL) {
            return "a byte of the query is not plain";
        }
    }

    return NULL;
}


static inline dmp_str_t
check_query(dmp_str_t target)
{
    const char  *mark;

    mark = (target.len != 0) ? memchr(target.data, '?', target.len) : NULL;

    if (mark == NULL) {
        return dmp_null_string;
    }

    return (dmp_str_t) { mark + 1, target.len
                                   - (size_t) (mark + 1 - target.data) };
}


/* How often that name stands there, once escapes are undone. */
static inline unsigned
check_count(dmp_str_t text, const char *name)
{
    char      c, digits[3];
    size_t    i, at;
    unsigned  n;
    bool      same, in_name;

    n = 0;
    at = 0;
    same = true;
    in_name = true;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '&') {
            at = 0;
            same = true;
            in_name = true;
            continue;
        }

        if (c == '=' && in_name) {
            in_name = false;
            n += (same && at == strlen(name)) ? 1 : 0;
            continue;
        }

        if (c == '%' && i + 2 < text.len) {
            digits[0] = text.data[i + 1];
            digits[1] = text.data[i + 2];
            digits[2] = '\0';
            c = (char) strtol(digits, NULL, 16);
            i += 2;
        }

        same = same && at < strlen(name) && name[at] == c;
        at++;
    }

    return n;
}


static inline unsigned
check_count_both(const dmp_raw_t *raw, const char *name)
{
    unsigned  n;

    n = check_count(check_query(raw->target), name);

    if (raw->form.data != NULL && check_is(raw->method, "POST")) {
        n += check_count(raw->form, name);
    }

    return n;
}


/* Whether text is what the escapes stand for, each of them undone once. */
static inline bool
check_unescaped(dmp_str_t escaped, dmp_str_t text)
{
    char    c, digits[3];
    size_t  i, n;

    n = 0;

    for (i = 0; i < escaped.len; i++) {
        c = escaped.data[i];

        if (c == '%') {
            if (escaped.len - i < 3) {
                return false;
            }

            digits[0] = escaped.data[i + 1];
            digits[1] = escaped.data[i + 2];
            digits[2] = '\0';
            c = (char) strtol(digits, NULL, 16);
            i += 2;
        }

        if (n == text.len || text.data[n++] != c) {
            return false;
        }
    }

    return n == text.len;
}


/* Printable in one way, and of no more than so many characters. */
static inline bool
check_readable(dmp_str_t text, size_t max, bool lines)
{
    size_t         i, n;
    unsigned char  c;

    n = 0;

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];

        if (c == 0x7f
            || (c < 0x20 && !(lines && memchr("\t\n\r", c, 3) != NULL))
            || (c == 0xc2 && i + 1 < text.len
                && (unsigned char) text.data[i + 1] < 0xa0))
        {
            return false;
        }

        n += (c < 0x80 || c >= 0xc0);
    }

    return n <= max;
}


/* One that a header gave, or the query; it lies in the room for words. */
static inline bool
check_word(const dmp_raw_t *raw, dmp_str_t text, dmp_str_t escaped, size_t max,
    bool lines)
{
    if (text.len == 0) {
        return true;
    }

    return raw->words != NULL && text.data >= raw->words
           && text.data + text.len <= raw->words + raw->words_size
           && check_unescaped(escaped, text)
           && check_readable(text, max, lines);
}


/* A birth date, or what is known of it: the rest is nought, or not there. */
static inline bool
check_birthdate(const dmp_raw_t *raw, dmp_str_t text, dmp_str_t escaped)
{
    char    whole[10];
    size_t  n;

    if (text.len == 0) {
        return escaped.len == 0;
    }

    if ((text.len != 4 && text.len != 7 && text.len != 10)
        || raw->words == NULL || text.data < raw->words
        || text.data + text.len > raw->words + raw->words_size)
    {
        return false;
    }

    memcpy(whole, text.data, text.len);

    for (n = text.len; n <= 10; n += 3) {

        if (check_unescaped(escaped, (dmp_str_t) { whole, n })) {
            return true;
        }

        if (n < 10) {
            memcpy(whole + n, "-00", 3);
        }
    }

    return false;
}


/* The value of the first parameter of that name. */
static inline dmp_str_t
check_value(dmp_str_t text, const char *name)
{
    size_t       n;
    dmp_str_t    part;
    const char  *amp, *equals;

    while (text.len != 0) {
        amp = memchr(text.data, '&', text.len);
        n = (amp != NULL) ? (size_t) (amp - text.data) : text.len;
        part = (dmp_str_t) { text.data, n };

        if (check_count(part, name) == 1) {
            equals = memchr(part.data, '=', n);
            n = (size_t) (equals + 1 - part.data);

            return (dmp_str_t) { part.data + n, part.len - n };
        }

        n += (amp != NULL);
        text.data += n;
        text.len -= n;
    }

    return dmp_null_string;
}


/* What is said in words: by headers, but for the traits of "find". */
static inline const char *
check_words(const dmp_raw_t *raw, const dmp_request_t *r)
{
    dmp_str_t             family, given, birthdate;
    const dmp_headers_t  *headers;

    headers = raw->headers;
    family = headers->family;
    given = headers->given;
    birthdate = headers->birthdate;

    if (r->operation == DMP_OPERATION_FIND) {
        if (family.len != 0 || given.len != 0 || birthdate.len != 0
            || r->traits.family.len == 0 || r->traits.given.len == 0
            || r->traits.birthdate.len == 0)
        {
            return "the traits to find by are not of the query";
        }

        family = check_value(check_query(raw->target), "family");
        given = check_value(check_query(raw->target), "given");
        birthdate = check_value(check_query(raw->target), "birthdate");
    }

    if (!check_word(raw, r->justification, headers->justification,
                    DMP_JUSTIFICATION_MAX, true)
        || (r->justification.len == 0) != (headers->justification.len == 0))
    {
        return "the justification is not what was given";
    }

    if (!check_word(raw, r->traits.family, family, DMP_TRAIT_MAX, false)
        || !check_word(raw, r->traits.given, given, DMP_TRAIT_MAX, false)
        || !check_birthdate(raw, r->traits.birthdate, birthdate)
        || (r->traits.family.len == 0) != (family.len == 0)
        || (r->traits.given.len == 0) != (given.len == 0))
    {
        return "a trait is not what was given";
    }

    return NULL;
}


/* The mode that is claimed, or the location's own, or else the normal one. */
static inline dmp_mode_t
check_mode(const dmp_raw_t *raw)
{
    if (raw->headers->mode != DMP_MODE_NONE) {
        return raw->headers->mode;
    }

    return (raw->own_mode != DMP_MODE_NONE) ? raw->own_mode : DMP_MODE_NORMAL;
}


/* Of anything that was said, also when it was refused. */
static inline const char *
check_refused(const dmp_raw_t *raw, const dmp_request_t *r)
{
    if (r->route == NULL || r->mapping <= DMP_MAPPING_NONE
        || r->mapping > DMP_MAPPING_ONE || r->operation >= DMP_OPERATION_MAX
        || r->resource >= DMP_RESOURCE_MAX
        || r->mode < DMP_MODE_NORMAL || r->mode > DMP_MODE_CENTRE_15
        || r->mode != check_mode(raw))
    {
        return "a value is none";
    }

    if ((r->mapping == DMP_MAPPING_ONE) != (r->why == NULL)) {
        return "why is said of a refusal, and of nothing else";
    }

    if (r->ins.len != 0
        && (r->ins.data != r->text || r->ins.len > sizeof(r->text)))
    {
        return "the INS is kept where it may go";
    }

    if ((r->document.len != 0 && !check_inside(r->document, raw->target))
        || (r->attachment.len != 0
            && !check_inside(r->attachment, raw->target)))
    {
        return "a name is not in the target";
    }

    if (r->mapping != DMP_MAPPING_ONE && r->forward.len != 0) {
        return "a refusal is forwarded";
    }

    return NULL;
}


static inline const char *
check_names(const dmp_raw_t *raw, const dmp_request_t *r)
{
    unsigned  n;

    n = (r->ins.len != 0) ? 1 : 0;
    n += (r->document.len != 0) ? 1 : 0;
    n += (r->attachment.len != 0) ? 1 : 0;
    n += (r->resource == DMP_RESOURCE_CAPABILITIES) ? 1 : 0;
    n += (r->operation == DMP_OPERATION_FIND) ? 1 : 0;

    if (n != 1) {
        return "it names one thing";
    }

    if ((r->ins.len != 0) != (r->ins_system.len != 0)
        || (r->ins.len != 0
            && !check_begins(r->ins_system, "urn:oid:1.2.250.1.213.1.4.")))
    {
        return "the system is an INS's";
    }

    n = check_count_both(raw, r->resource == DMP_RESOURCE_PATIENT
                              ? "identifier" : "patient.identifier");

    if (n != (r->ins.len != 0 && r->forward.len == 0)) {
        return "the patient is named in one place";
    }

    n = check_count_both(raw, "family");

    if (n != (r->operation == DMP_OPERATION_FIND)
        || n != check_count_both(raw, "given")
        || n != check_count_both(raw, "birthdate"))
    {
        return "all traits are given once, or none of them";
    }

    n = check_count_both(raw, "_page");

    if (n != (r->forward.len != 0)
        || (n != 0 && check_count_both(raw, "identifier") != 0))
    {
        return "a page, and nothing but it, says what to forward";
    }

    if (r->resource == DMP_RESOURCE_DOCUMENT_REFERENCE
        && r->document.len == 0 && r->forward.len == 0
        && (r->operation == DMP_OPERATION_REFERENCE)
           != (check_count_both(raw, "identifier") == 1))
    {
        return "a reference has an identifier";
    }

    return NULL;
}


static inline const char *
check_operation(const dmp_raw_t *raw, const dmp_request_t *r)
{
    switch (r->resource) {

    case DMP_RESOURCE_PATIENT:
        return (r->operation == DMP_OPERATION_CHECK
                || r->operation == DMP_OPERATION_FIND)
               ? NULL : "not of a patient";

    case DMP_RESOURCE_DOCUMENT_REFERENCE:
        return (r->operation == DMP_OPERATION_READ
                || r->operation == DMP_OPERATION_SEARCH
                || r->operation == DMP_OPERATION_REFERENCE)
               && (r->operation == DMP_OPERATION_READ)
                  == (r->document.len != 0)
               ? NULL : "not of a document";

    case DMP_RESOURCE_LIST:
        return (r->operation == DMP_OPERATION_SEARCH) ? NULL : "not search";

    case DMP_RESOURCE_BINARY:
        return r->operation == DMP_OPERATION_READ && !raw->headers->xml_only
               && check_begins(r->attachment, "Binary/")
               && r->attachment.len <= sizeof("Binary/") - 1 + 64
               ? NULL : "not a Binary";

    case DMP_RESOURCE_BUNDLE:
        return r->operation == DMP_OPERATION_READ
               && check_begins(r->attachment, "Bundle/")
               && r->attachment.len <= sizeof("Bundle/") - 1 + 64
               ? NULL : "not a Bundle";

    case DMP_RESOURCE_CAPABILITIES:
        return (r->operation == DMP_OPERATION_METADATA) ? NULL
                                                        : "not metadata";

    default:
        return "no resource";
    }
}


/* A search by POST, whose form is still to be read, or was. */
static inline const char *
check_form(const dmp_raw_t *raw, const dmp_request_t *r)
{
    dmp_str_t  form;

    form = raw->form;

    if (!check_is(raw->method, "POST")
        || (r->resource != DMP_RESOURCE_DOCUMENT_REFERENCE
            && r->resource != DMP_RESOURCE_LIST)
        || strstr(r->route, "/_search") == NULL)
    {
        return "a form where there is none";
    }

    if (raw->headers->encoded || (raw->has_body && !raw->headers->form)) {
        return "a body that is no form";
    }

    if (raw->has_body
        && (form.data == NULL) != (r->mapping == DMP_MAPPING_INCOMPLETE))
    {
        return "what was not read is not complete";
    }

    if (form.data != NULL
        && form.len > (raw->max_form != 0 ? raw->max_form : DMP_FORM_MAX))
    {
        return "a large form";
    }

    return NULL;
}


/* What must hold of *r, which raw was mapped to. */
static inline const char *
request_check(const dmp_raw_t *raw, const dmp_request_t *r)
{
    const char  *why;

    why = check_refused(raw, r);

    if (why != NULL || (r->mapping != DMP_MAPPING_ONE
                        && r->mapping != DMP_MAPPING_INCOMPLETE))
    {
        return why;
    }

    if (raw->headers->ambiguous
        || (raw->headers->format_refused
            && r->resource != DMP_RESOURCE_BINARY))
    {
        return "the headers are refused";
    }

    if (raw->target.len > (raw->max_target != 0 ? raw->max_target
                                                : DMP_TARGET_MAX))
    {
        return "a long target";
    }

    why = check_target(raw->target);

    if (why == NULL && (raw->has_body || check_is(raw->method, "POST"))) {
        why = check_form(raw, r);
    }

    if (why != NULL || r->mapping == DMP_MAPPING_INCOMPLETE) {
        return why;
    }

    if (!check_is(raw->method, "POST") && !check_is(raw->method, "GET")
        && !check_is(raw->method, "HEAD"))
    {
        return "another method";
    }

    why = check_operation(raw, r);

    if (why == NULL) {
        why = check_names(raw, r);
    }

    return (why != NULL) ? why : check_words(raw, r);
}

#endif
