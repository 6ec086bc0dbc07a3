/*
 * audit_resp.c: parses the store's answers in one pass over one buffer.  What
 * is longer than anything of ours is counted and passed over, so that memory
 * has a bound whatever stands in the store.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_resp.h"


#define RESP_BUF    (256 * 1024)
#define RESP_LINE   1024                 /* a header, a status or an error */
#define RESP_ITEMS  (INT64_C(1) << 32)   /* of one array; bytes of one bulk */
#define RESP_SHORT  9                    /* digits of the most numbers */


bool
audit_resp_init(audit_resp_t *resp, audit_source_pt source, void *data)
{
    memset(resp, 0, sizeof(*resp));
    resp->source = source;
    resp->data = data;
    resp->buf = malloc(RESP_BUF);

    return resp->buf != NULL;
}


void
audit_resp_free(audit_resp_t *resp)
{
    free(resp->buf);
    resp->buf = NULL;
}


static bool
resp_fail(audit_resp_t *resp, const char *why)
{
    if (resp->why == NULL) {
        resp->why = why;
    }

    return false;
}


/* Reads on, after what is there; moves it to the front if room is short. */
static bool
resp_more(audit_resp_t *resp, size_t wanted)
{
    ssize_t  n;

    if (resp->pos == resp->len) {
        resp->pos = resp->len = 0;

    } else if (RESP_BUF - resp->pos < wanted) {
        memmove(resp->buf, resp->buf + resp->pos, resp->len - resp->pos);
        resp->len -= resp->pos;
        resp->pos = 0;
    }

    n = resp->source(resp->data, resp->buf + resp->len, RESP_BUF - resp->len);

    if (n <= 0) {
        return resp_fail(resp, n == 0 ? "the connection was closed"
                                      : "the connection was lost");
    }

    resp->len += (size_t) n;

    return true;
}


/* At least so many bytes at the cursor; never more than fits. */
static bool
resp_ensure(audit_resp_t *resp, size_t n)
{
    while (resp->len - resp->pos < n) {
        if (!resp_more(resp, n)) {
            return false;
        }
    }

    return true;
}


/* A line without its end; *line lives until more is read. */
static bool
resp_line(audit_resp_t *resp, dmp_str_t *line)
{
    size_t       have;
    const char  *end;

    for ( ;; ) {
        have = resp->len - resp->pos;
        end = have > 0 ? memchr(resp->buf + resp->pos, '\n',
                                have < RESP_LINE ? have : RESP_LINE)
                       : NULL;
        if (end != NULL) {
            break;
        }

        if (have >= RESP_LINE) {
            return resp_fail(resp, "unexpected answer");
        }

        if (!resp_more(resp, RESP_LINE)) {
            return false;
        }
    }

    line->data = resp->buf + resp->pos;
    line->len = (size_t) (end - line->data);
    resp->pos += line->len + 1;

    if (line->len < 2 || line->data[line->len - 1] != '\r') {
        return resp_fail(resp, "unexpected answer");
    }

    line->len--;

    return true;
}


static bool
resp_number(dmp_str_t digits, int64_t *number)
{
    bool     minus;
    size_t   i;
    int64_t  n;

    minus = digits.len > 0 && digits.data[0] == '-';
    i = minus ? 1 : 0;

    /* 18 digits always fit */
    if (digits.len == i || digits.len - i > 18) {
        return false;
    }

    for (n = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }

        n = n * 10 + (digits.data[i] - '0');
    }

    *number = minus ? -n : n;

    return true;
}


static bool
resp_pass(audit_resp_t *resp, uint64_t n)
{
    size_t  have;

    while (n > 0) {
        if (!resp_ensure(resp, 1)) {
            return false;
        }

        have = resp->len - resp->pos;
        have = have < n ? have : (size_t) n;
        resp->pos += have;
        n -= have;
    }

    return true;
}


static bool
resp_bulk(audit_resp_t *resp, audit_item_t *item)
{
    size_t  len;

    len = (size_t) item->number;

    if (len > AUDIT_BULK_MAX) {
        item->skipped = true;
        return resp_pass(resp, (uint64_t) len + 2);
    }

    if (!resp_ensure(resp, len + 2)) {
        return false;
    }

    item->text.data = resp->buf + resp->pos;
    item->text.len = len;
    resp->pos += len + 2;

    if (item->text.data[len] != '\r' || item->text.data[len + 1] != '\n') {
        return resp_fail(resp, "unexpected answer");
    }

    return true;
}


/* What its first byte says, and its number where it has one. */
static bool
resp_header(dmp_str_t line, audit_item_t *item)
{
    dmp_str_t  rest;

    rest.data = line.data + 1;
    rest.len = line.len - 1;

    switch (line.data[0]) {

    case '+':
    case '-':
        item->type = line.data[0] == '+' ? AUDIT_ITEM_STATUS
                                         : AUDIT_ITEM_ERROR;
        item->text = rest;
        return true;

    case ':':
        item->type = AUDIT_ITEM_INTEGER;
        return resp_number(rest, &item->number);

    case '$':
    case '*':
        item->type = line.data[0] == '$' ? AUDIT_ITEM_BULK
                                         : AUDIT_ITEM_ARRAY;
        if (!resp_number(rest, &item->number) || item->number < -1
            || item->number > RESP_ITEMS)
        {
            return false;
        }

        if (item->number == -1) {
            item->type = AUDIT_ITEM_NIL;
        }

        return true;

    default:
        return false;
    }
}


/*
 * A number and the end of its line; NULL where it has no digit, more than a few
 * or a sign, or its end was not read yet.
 */
static const char *
resp_short(const char *p, const char *end, size_t *number)
{
    size_t       n;
    const char  *last;

    n = 0;
    last = end - p > RESP_SHORT ? p + RESP_SHORT : end;

    if (p == last || *p < '0' || *p > '9') {
        return NULL;
    }

    for ( ; p < last && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (size_t) (*p - '0');
    }

    if (end - p < 2 || p[0] != '\r' || p[1] != '\n') {
        return NULL;
    }

    *number = n;

    return p + 2;
}


/* The bytes of a bulk whose number is at p, if it is whole and may be given. */
static const char *
resp_whole(const char *p, const char *end, dmp_str_t *text)
{
    size_t  len;

    p = resp_short(p, end, &len);

    if (p == NULL || len > AUDIT_BULK_MAX || (size_t) (end - p) < len + 2
        || p[len] != '\r' || p[len + 1] != '\n')
    {
        return NULL;
    }

    text->data = p;
    text->len = len;

    return p + len + 2;
}


/* What most items are, and all of it was read; false to look closer. */
static bool
resp_quick(audit_resp_t *resp, audit_item_t *item)
{
    size_t       number;
    const char  *p, *end;

    p = resp->buf + resp->pos;
    end = resp->buf + resp->len;

    if (p == end) {
        return false;
    }

    switch (*p++) {

    case '$':
        p = resp_whole(p, end, &item->text);
        item->type = AUDIT_ITEM_BULK;
        number = item->text.len;
        break;

    case '*':
        p = resp_short(p, end, &number);
        item->type = AUDIT_ITEM_ARRAY;
        break;

    default:
        return false;
    }

    if (p == NULL) {
        return false;
    }

    item->number = (int64_t) number;
    resp->pos = (size_t) (p - resp->buf);

    return true;
}


static const char *
resp_text(const char *p, const char *end, const char *text, size_t len)
{
    return p != NULL && (size_t) (end - p) >= len && memcmp(p, text, len) == 0
           ? p + len : NULL;
}

#define resp_literal(p, end, text)  resp_text(p, end, text, sizeof(text) - 1)


bool
audit_resp_entry(audit_resp_t *resp, audit_stream_entry_t *entry)
{
    const char  *p, *end;

    if (resp->why != NULL) {
        return false;
    }

    p = resp->buf + resp->pos;
    end = resp->buf + resp->len;

    p = resp_literal(p, end, "*2\r\n$");
    p = p != NULL ? resp_whole(p, end, &entry->id) : NULL;
    p = resp_literal(p, end, "*4\r\n$1\r\nb\r\n$");
    p = p != NULL ? resp_whole(p, end, &entry->body) : NULL;
    p = resp_literal(p, end, "$1\r\no\r\n$");
    p = p != NULL ? resp_whole(p, end, &entry->outcome) : NULL;

    if (p == NULL) {
        return false;
    }

    resp->pos = (size_t) (p - resp->buf);

    return true;
}


bool
audit_resp_next(audit_resp_t *resp, audit_item_t *item)
{
    dmp_str_t  line;

    memset(item, 0, sizeof(*item));

    if (resp->why == NULL && resp_quick(resp, item)) {
        return true;
    }

    memset(item, 0, sizeof(*item));

    if (resp->why != NULL || !resp_line(resp, &line)) {
        return false;
    }

    if (!resp_header(line, item)) {
        item->type = AUDIT_ITEM_NONE;
        return resp_fail(resp, "unexpected answer");
    }

    return item->type != AUDIT_ITEM_BULK || resp_bulk(resp, item);
}
