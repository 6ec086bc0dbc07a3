/*
 * audit_verify_log.c: the receipts of a record host's access logs, for the
 * verifier; which buckets are closed.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit_closed.h"
#include "audit_log.h"
#include "audit_verify.h"


static bool
log_line(verify_run_t *run, const char *path, uint64_t number, dmp_str_t line)
{
    bool           any;
    size_t         pos;
    dmp_rc_t       rc;
    dmp_receipt_t  receipt;

    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    if (line.len == 0) {
        return true;
    }

    any = false;
    pos = 0;
    run->logs.lines++;

    while (audit_log_receipt(line, &pos, &receipt)) {
        rc = dmp_verify_receipt(run->verify, &receipt);

        if (rc != DMP_OK) {
            tool_error("%s: line %llu: %s", path, (unsigned long long) number,
                       rc == DMP_E_NOMEM ? "no memory for its receipt"
                                         : "its receipt cannot be looked at");
            return false;
        }

        any = true;
        run->logs.receipts++;
    }

    if (!any) {
        if (run->logs.without++ == 0) {
            run->logs.file = path;
            run->logs.line = number;
        }
    }

    return true;
}


/* Lines of a bounded length; the last one may lack its end. */
static bool
log_lines(verify_run_t *run, const char *path, FILE *f, char *buf)
{
    char      *end, *p;
    size_t     len, n;
    uint64_t   number;

    len = 0;
    number = 0;

    do {
        n = fread(buf + len, 1, AUDIT_LOG_LINE_MAX + 1 - len, f);
        len += n;
        p = buf;

        while ((end = memchr(p, '\n', len)) != NULL
               || (n == 0 && len > 0 && len <= AUDIT_LOG_LINE_MAX))
        {
            end = end != NULL ? end : p + len;

            if (!log_line(run, path, ++number,
                          (dmp_str_t) { p, (size_t) (end - p) }))
            {
                return false;
            }

            end = end < p + len ? end + 1 : end;
            len -= (size_t) (end - p);
            p = end;
        }

        memmove(buf, p, len);
        tool_progress("%s: %llu lines", path, (unsigned long long) number);

        if (len > AUDIT_LOG_LINE_MAX) {
            tool_error("%s: line %llu: longer than %d bytes", path,
                       (unsigned long long) number + 1, AUDIT_LOG_LINE_MAX);
            return false;
        }

    } while (n > 0);

    if (ferror(f)) {
        tool_error("%s: cannot be read", path);
        return false;
    }

    return true;
}


static bool
log_file(verify_run_t *run, const char *path)
{
    bool   ok;
    char  *buf;
    FILE  *f;

    f = fopen(path, "r");
    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    buf = malloc(AUDIT_LOG_LINE_MAX + 1);

    if (buf == NULL) {
        tool_error("no memory");
        ok = false;

    } else {
        ok = log_lines(run, path, f, buf);
    }

    free(buf);
    (void) fclose(f);                    /* only read from */

    return ok;
}


bool
verify_read_logs(verify_run_t *run)
{
    size_t  i;

    for (i = 0; i < run->options->logs.n; i++) {
        if (!log_file(run, run->options->logs.item[i])) {
            return false;
        }
    }

    return true;
}


static void
closed_text(char *out, size_t size, const redisReply *r)
{
    size_t  len;

    len = r->type == REDIS_REPLY_STRING ? r->len : 0;
    len = len < size ? len : size - 1;

    if (len > 0) {
        memcpy(out, r->str, len);
    }

    out[len] = '\0';
}


static bool
closed_bucket(verify_run_t *run, unsigned bucket)
{
    bool              ok;
    char              key[DMP_KEY_NAME_MAX];
    redisReply       *r;
    store_args_t      args;
    verify_closed_t  *closed;

    closed = &run->closed[bucket];
    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, key, dmp_key_name(key, bucket, "closed",
                                         dmp_null_string));
    store_text(&args, "by");
    store_text(&args, "why");
    store_text(&args, "at");
    r = store_call(run->store, &args);

    if (r == NULL) {
        return false;
    }

    ok = r->type == REDIS_REPLY_ARRAY && r->elements == 3;

    if (ok) {
        closed->closed = r->element[0]->type == REDIS_REPLY_STRING
                         || r->element[1]->type == REDIS_REPLY_STRING
                         || r->element[2]->type == REDIS_REPLY_STRING;
        closed_text(closed->by, sizeof(closed->by), r->element[0]);
        closed_text(closed->why, sizeof(closed->why), r->element[1]);
        closed_text(closed->at, sizeof(closed->at), r->element[2]);

    } else {
        tool_error("store: HMGET: unexpected answer");
    }

    freeReplyObject(r);

    return ok;
}


bool
verify_read_closed(verify_run_t *run)
{
    unsigned       b;
    unsigned char  members[DMP_BUCKETS_MAX];

    if (!audit_closed(run->store, members)) {
        return false;
    }

    for (b = 0; b < run->store->buckets; b++) {
        run->closed[b].set = members[b] != 0;

        if (!closed_bucket(run, b)) {
            return false;
        }
    }

    return true;
}
