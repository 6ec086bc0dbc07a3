/*
 * audit_verify_records.c: the live records' versions, before and after the
 * trace was read, and the holders' histories.
 */

#include <stdlib.h>
#include <string.h>

#include "audit_verify.h"


#define RECORDS_BATCH  256               /* questions at once */
#define RECORDS_PAGE   1024              /* elements of a history */


static verify_record_t *
records_add(verify_records_t *records, unsigned bucket, const char *patient)
{
    size_t            size;
    verify_record_t  *record;

    if (records->n == records->size) {
        size = records->size == 0 ? 1024 : records->size * 2;
        record = reallocarray(records->item, size, sizeof(*record));

        if (record == NULL) {
            tool_error("no memory");
            return NULL;
        }

        records->item = record;
        records->size = size;
    }

    record = &records->item[records->n++];
    memset(record, 0, sizeof(*record));
    memcpy(record->patient, patient, DMP_PSEUDONYM_LEN);
    record->bucket = bucket;

    return record;
}


static int
records_compare(const void *a, const void *b)
{
    const verify_record_t  *x, *y;

    x = a;
    y = b;

    if (x->bucket != y->bucket) {
        return x->bucket < y->bucket ? -1 : 1;
    }

    return memcmp(x->patient, y->patient, DMP_PSEUDONYM_LEN);
}


static void
records_sort(verify_records_t *records)
{
    size_t  i, n;

    if (records->n == 0) {
        return;
    }

    qsort(records->item, records->n, sizeof(records->item[0]),
          records_compare);

    for (i = n = 1; i < records->n; i++) {
        if (records_compare(&records->item[n - 1], &records->item[i]) != 0) {
            records->item[n++] = records->item[i];
        }
    }

    records->n = n;
}


/* A key "{dmp:NN}:rec:P"; others of that pattern are not ours to judge. */
static bool
records_key(verify_run_t *run, const redisReply *key)
{
    char           prefix[DMP_KEY_NAME_MAX];
    size_t         len;
    unsigned long  bucket;

    if (key->type != REDIS_REPLY_STRING || strncmp(key->str, "{dmp:", 5) != 0) {
        return true;
    }

    bucket = strtoul(key->str + 5, NULL, 10);

    if (bucket >= run->store->buckets) {
        return true;
    }

    len = dmp_key_name(prefix, (unsigned) bucket, "rec:", dmp_null_string);

    if (key->len != len + DMP_PSEUDONYM_LEN
        || memcmp(key->str, prefix, len) != 0)
    {
        return true;
    }

    return records_add(&run->records, (unsigned) bucket, key->str + len)
           != NULL;
}


static bool
records_scan(verify_run_t *run)
{
    bool           ok;
    char           cursor[32] = "0";
    size_t         i;
    redisReply    *r, *keys;
    store_args_t   args;

    do {
        args.n = 0;
        store_text(&args, "SCAN");
        store_text(&args, cursor);
        store_text(&args, "MATCH");
        store_text(&args, "{dmp:*}:rec:*");
        store_text(&args, "COUNT");
        store_text(&args, "10000");
        r = store_call(run->store, &args);

        if (r == NULL) {
            return false;
        }

        ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2
             && r->element[0]->type == REDIS_REPLY_STRING
             && r->element[0]->len < sizeof(cursor)
             && r->element[1]->type == REDIS_REPLY_ARRAY;

        if (ok) {
            memcpy(cursor, r->element[0]->str, r->element[0]->len + 1);
            keys = r->element[1];

            for (i = 0; i < keys->elements && ok; i++) {
                ok = records_key(run, keys->element[i]);
            }

        } else {
            tool_error("store: SCAN: unexpected answer");
        }

        freeReplyObject(r);
        tool_progress("records: %zu", run->records.n);

    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}


/* What is no number is a version that no trace has. */
static uint64_t
records_number(dmp_str_t text)
{
    size_t    i;
    uint64_t  n;

    if (text.len == 0 || text.len > 18) {
        return UINT64_MAX;
    }

    for (i = 0, n = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return UINT64_MAX;
        }

        n = n * 10 + (uint64_t) (text.data[i] - '0');
    }

    return n;
}


static bool
records_ask_length(audit_link_t *link, const verify_record_t *record)
{
    char          key[DMP_KEY_NAME_MAX];
    store_args_t  args;

    args.n = 0;
    store_text(&args, "LLEN");
    store_bytes(&args, key, dmp_key_name(key, record->bucket, "idx",
                                         (dmp_str_t) { record->patient,
                                                       DMP_PSEUDONYM_LEN }));

    return audit_link_ask(link, &args);
}


static bool
records_ask_version(audit_link_t *link, const verify_record_t *record)
{
    char          key[DMP_KEY_NAME_MAX];
    store_args_t  args;

    args.n = 0;
    store_text(&args, "HGET");
    store_bytes(&args, key, dmp_key_name(key, record->bucket, "rec",
                                         (dmp_str_t) { record->patient,
                                                       DMP_PSEUDONYM_LEN }));
    store_text(&args, "v");

    return audit_link_ask(link, &args);
}


/* How long its history is now. */
static bool
records_length(audit_link_t *link, verify_record_t *record)
{
    audit_item_t  item;

    if (!audit_link_next(link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_INTEGER || item.number < 0) {
        return audit_link_odd(link, "LLEN", &item);
    }

    record->listed = (uint64_t) item.number;

    return true;
}


static bool
records_versions(verify_run_t *run, audit_link_t *link, bool after)
{
    bool              ok;
    size_t            i, end, next;
    audit_item_t      item;
    verify_record_t  *record;

    for (i = 0; i < run->records.n; i = end) {
        end = run->records.n - i > RECORDS_BATCH ? i + RECORDS_BATCH
                                                 : run->records.n;

        for (next = i, ok = true; next < end && ok; next++) {
            record = &run->records.item[next];
            ok = records_ask_version(link, record)
                 && (after || records_ask_length(link, record));
        }

        if (!ok || !audit_link_send(link)) {
            return false;
        }

        for (next = i; next < end; next++) {
            record = &run->records.item[next];

            if (!audit_link_next(link, &item)) {
                return false;
            }

            if (item.type != AUDIT_ITEM_BULK && item.type != AUDIT_ITEM_NIL) {
                return audit_link_odd(link, "HGET", &item);
            }

            *(after ? &record->after : &record->before) =
                item.type == AUDIT_ITEM_NIL ? 0 : records_number(item.text);

            if (!after && !records_length(link, record)) {
                return false;
            }
        }

        tool_progress("versions: %zu of %zu records", end, run->records.n);
    }

    return true;
}


bool
verify_records_before(verify_run_t *run)
{
    bool          ok;
    audit_link_t  link;

    if (!records_scan(run)) {
        return false;
    }

    records_sort(&run->records);

    if (!audit_link_open(&link, run->store)) {
        return false;
    }

    ok = records_versions(run, &link, false);
    audit_link_close(&link);

    return ok;
}


/* Those that only the trace knows had no live version before. */
static bool
records_of_trace(verify_run_t *run)
{
    size_t                pos, known;
    verify_record_t       wanted, *record;
    dmp_verify_record_t   traced;

    pos = 0;
    known = run->records.n;
    memset(&wanted, 0, sizeof(wanted));

    while (dmp_verify_records(run->verify, &pos, &traced)) {
        memcpy(wanted.patient, traced.patient, DMP_PSEUDONYM_LEN);
        wanted.bucket = traced.bucket;

        record = known == 0 ? NULL
                 : bsearch(&wanted, run->records.item, known, sizeof(wanted),
                           records_compare);

        if (record == NULL) {
            record = records_add(&run->records, traced.bucket,
                                 traced.patient);
        }

        if (record == NULL) {
            return false;
        }

        record->traced = true;
    }

    return true;
}


static bool
records_ask_history(audit_link_t *link, const verify_record_t *record,
    uint64_t from)
{
    char          key[DMP_KEY_NAME_MAX], first[24], last[24];
    store_args_t  args;

    (void) snprintf(first, sizeof(first), "%llu", (unsigned long long) from);
    (void) snprintf(last, sizeof(last), "%llu",
                    (unsigned long long) from + RECORDS_PAGE - 1);

    args.n = 0;
    store_text(&args, "LRANGE");
    store_bytes(&args, key, dmp_key_name(key, record->bucket, "idx",
                                         (dmp_str_t) { record->patient,
                                                       DMP_PSEUDONYM_LEN }));
    store_text(&args, first);
    store_text(&args, last);

    return audit_link_ask(link, &args);
}


/* One page; *n is how many it has. */
static bool
records_page(verify_run_t *run, audit_link_t *link,
    const verify_record_t *record, int64_t *n)
{
    int64_t       i;
    audit_item_t  item;

    if (!audit_link_next(link, &item)) {
        return false;
    }

    if (item.type != AUDIT_ITEM_ARRAY || item.number > RECORDS_PAGE) {
        return audit_link_odd(link, "LRANGE", &item);
    }

    *n = item.number;

    for (i = 0; i < *n; i++) {
        if (!audit_link_next(link, &item)) {
            return false;
        }

        if (item.type != AUDIT_ITEM_BULK) {
            return audit_link_odd(link, "LRANGE", &item);
        }

        if (dmp_verify_history(run->verify, record->patient, item.text)
            != DMP_OK)
        {
            tool_error("no memory");
            return false;
        }
    }

    return true;
}


/* The rest of a history of which "from" elements were a page each. */
static bool
records_pages(verify_run_t *run, audit_link_t *link,
    const verify_record_t *record, uint64_t from, int64_t n)
{
    while (n == RECORDS_PAGE) {
        if (!records_ask_history(link, record, from)
            || !audit_link_send(link) || !records_page(run, link, record, &n))
        {
            return false;
        }

        from += RECORDS_PAGE;
    }

    if (dmp_verify_history_end(run->verify, record->patient) != DMP_OK) {
        tool_error("no memory");
        return false;
    }

    return true;
}


/* First pages of some at once, then what is left of the long ones. */
static bool
records_histories(verify_run_t *run, audit_link_t *link,
    const verify_record_t *record, size_t n)
{
    bool     ok;
    size_t   i;
    int64_t  had[RECORDS_BATCH];

    memset(had, 0, sizeof(had));

    for (i = 0, ok = true; i < n && ok; i++) {
        ok = !record[i].traced || records_ask_history(link, &record[i], 0);
    }

    ok = ok && audit_link_send(link);

    for (i = 0; i < n && ok; i++) {
        ok = !record[i].traced
             || records_page(run, link, &record[i], &had[i]);
    }

    for (i = 0; i < n && ok; i++) {
        ok = !record[i].traced
             || records_pages(run, link, &record[i], RECORDS_PAGE, had[i]);
    }

    return ok;
}


static bool
records_compared(verify_run_t *run, audit_link_t *link)
{
    size_t                  i, n;
    const verify_record_t  *record;

    for (i = 0; i < run->records.n; i++) {
        record = &run->records.item[i];

        if (dmp_verify_version(run->verify, record->patient, record->bucket,
                               record->before, record->after) != DMP_OK
            || dmp_verify_history_before(run->verify, record->patient,
                                         record->bucket, record->listed)
               != DMP_OK)
        {
            tool_error("no memory");
            return false;
        }
    }

    for (i = 0; i < run->records.n; i += n) {
        n = run->records.n - i < RECORDS_BATCH ? run->records.n - i
                                               : RECORDS_BATCH;

        if (!records_histories(run, link, &run->records.item[i], n)) {
            return false;
        }

        tool_progress("histories: %zu of %zu records", i + n, run->records.n);
    }

    return true;
}


bool
verify_records_after(verify_run_t *run)
{
    bool          ok;
    audit_link_t  link;

    if (!records_of_trace(run) || !audit_link_open(&link, run->store)) {
        return false;
    }

    ok = records_versions(run, &link, true) && records_compared(run, &link);
    audit_link_close(&link);

    return ok;
}
