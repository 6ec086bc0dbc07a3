/*
 * audit_log.c: finds receipts in a line.  What stands around them is anything:
 * clients choose parts of what a host logs.  A receipt may therefore be one
 * that a client made up, and all of a line are told.
 */

#include "audit_log.h"


#define LOG_RANDOM  16                   /* hex digits that end a writer */


static bool
log_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}


/* 8-4-4-4-12 hex digits, in small letters, as gateways write them. */
static bool
log_uuid(const char *p)
{
    size_t  i;

    for (i = 0; i < DMP_UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (p[i] != '-') {
                return false;
            }

        } else if (!log_hex(p[i])) {
            return false;
        }
    }

    return true;
}


static bool
log_node(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}


/* Takes "node/16 hex digits " at the cursor. */
static bool
log_writer(dmp_str_t line, size_t *at, dmp_str_t *writer)
{
    size_t  i, j;

    for (i = *at; i < line.len && log_node(line.data[i]); i++) {
        /* the node's name */
    }

    if (i + 1 + LOG_RANDOM >= line.len || line.data[i] != '/'
        || i + 1 + LOG_RANDOM - *at > DMP_WRITER_MAX)
    {
        return false;
    }

    for (j = i + 1; j <= i + LOG_RANDOM; j++) {
        if (!log_hex(line.data[j])) {
            return false;
        }
    }

    if (line.data[j] != ' ') {
        return false;
    }

    *writer = (dmp_str_t) { line.data + *at, j - *at };
    *at = j + 1;

    return true;
}


/* Takes a decimal number at the cursor: no sign, no zeros before it. */
static bool
log_number(dmp_str_t line, size_t *at, uint64_t max, uint64_t *out)
{
    size_t    i;
    uint64_t  n;

    for (i = *at, n = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') {
            break;
        }

        if (i - *at == 18 || (i > *at && n == 0)) {
            return false;
        }

        n = n * 10 + (uint64_t) (line.data[i] - '0');
    }

    if (i == *at || n > max) {
        return false;
    }

    *at = i;
    *out = n;

    return true;
}


static bool
log_space(dmp_str_t line, size_t *at)
{
    if (*at == line.len || line.data[*at] != ' ') {
        return false;
    }

    ++*at;

    return true;
}


/* Takes what follows a trace id; nothing of the line comes right behind it. */
static bool
log_rest(dmp_str_t line, size_t *at, dmp_receipt_t *receipt)
{
    uint64_t  bucket;

    if (!log_writer(line, at, &receipt->writer)
        || !log_number(line, at, DMP_BUCKETS_MAX - 1, &bucket)
        || !log_space(line, at)
        || !log_number(line, at, INT64_MAX, &receipt->epoch)
        || !log_space(line, at)
        || !log_number(line, at, INT64_MAX, &receipt->seq))
    {
        return false;
    }

    receipt->bucket = (unsigned) bucket;

    return *at == line.len || !log_node(line.data[*at]);
}


bool
audit_log_receipt(dmp_str_t line, size_t *pos, dmp_receipt_t *receipt)
{
    size_t  at, i;

    for (i = *pos; i + DMP_UUID_LEN < line.len; i++) {
        if (line.data[i + 8] != '-' || line.data[i + DMP_UUID_LEN] != ' '
            || !log_uuid(line.data + i)
            || (i > 0 && log_node(line.data[i - 1])))
        {
            continue;
        }

        receipt->trace_id = (dmp_str_t) { line.data + i, DMP_UUID_LEN };
        at = i + DMP_UUID_LEN + 1;

        if (log_rest(line, &at, receipt)) {
            *pos = at;
            return true;
        }
    }

    *pos = line.len;

    return false;
}
