/*
 * index_patients.c: each record of the store, and whose it is.  The INS is
 * inside, sealed; it leaves this program in questions to the host alone.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "index_build.h"


#define PATIENTS_FAILED_MAX  10          /* in a row: the host is not there */


void
index_complain(index_build_t *b, const index_patient_t *p, const char *format,
    ...)
{
    char     text[512];
    va_list  args;

    if (b->failed >= INDEX_SHOWN) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tool_error("patient %.*s: %s", DMP_PSEUDONYM_LEN, p->pseudonym, text);
}


/* All of a patient's documents, and nothing that is no more. */
static index_rc_t
patients_learn(index_build_t *b, const record_keys_t *keys, dmp_str_t ins)
{
    index_rc_t       rc;
    index_patient_t  p;

    memset(&p, 0, sizeof(p));
    memcpy(p.pseudonym, keys->pseudonym, sizeof(p.pseudonym));
    p.docs_len = index_docs_key(&b->tool.store, p.pseudonym, p.docs);
    p.ins = ins;
    b->patients++;

    rc = index_search(b, &p);

    if (rc == INDEX_DONE && !index_sweep(b, &p)) {
        rc = INDEX_STOP;
    }

    /* what could not be read may claim anything: that leaves a doubt */

    if (rc == INDEX_DONE && b->all && !p.unread
        && index_set_add(&b->through, p.pseudonym) < 0)
    {
        tool_error("no memory");
        rc = INDEX_STOP;
    }

    index_set_free(&p.found);

    return rc;
}


/* The record says whose it is; the pseudonym must be made of that. */
static index_rc_t
patients_record(index_build_t *b, const record_keys_t *keys,
    const record_held_t *held)
{
    char           pseudonym[DMP_PSEUDONYM_LEN];
    index_rc_t     rc;
    dmp_error_t    error;
    dmp_record_t  *record;

    if (dmp_record_parse(held->json, held->len, &record, &error) != DMP_OK
        || !dmp_ins_valid(record->ins, false))
    {
        tool_error("the record %.*s is none: %s", (int) keys->rec_len,
                   keys->rec, error.text);
        dmp_record_free(record);
        b->patients++;
        return INDEX_FAILED;
    }

    if (dmp_pseudonym(b->tool.pseudonym_key, record->ins, pseudonym) != DMP_OK
        || memcmp(pseudonym, keys->pseudonym, sizeof(pseudonym)) != 0)
    {
        tool_error("the pseudonym key given is not that of the record %.*s",
                   (int) keys->rec_len, keys->rec);
        rc = INDEX_STOP;

    } else {
        rc = patients_learn(b, keys, record->ins);
    }

    dmp_record_free(record);

    return rc;
}


static index_rc_t
patients_one(index_build_t *b, const record_keys_t *keys, bool *absent)
{
    index_rc_t     rc;
    record_held_t  held;

    *absent = false;
    tool_progress("%s: %llu patients, %llu documents", b->url,
                  (unsigned long long) b->patients,
                  (unsigned long long) b->documents);

    if (!record_get(&b->tool, keys, &held)) {
        b->patients++;
        rc = b->tool.store.redis->err == 0 ? INDEX_FAILED : INDEX_STOP;

    } else if (held.version == 0) {
        *absent = true;              /* removed while we went along */
        return INDEX_DONE;

    } else {
        rc = patients_record(b, keys, &held);
        record_wipe(held.json, held.len);
    }

    if (rc != INDEX_FAILED) {
        b->in_a_row = 0;
        return rc;
    }

    b->failed++;
    b->in_a_row++;

    if (b->in_a_row < PATIENTS_FAILED_MAX) {
        return INDEX_DONE;
    }

    tool_error("%d patients in a row failed", PATIENTS_FAILED_MAX);

    return INDEX_STOP;
}


/* The keys of the patient whose record has that name; false if none has. */
static bool
patients_keys(index_build_t *b, const redisReply *name, record_keys_t *keys)
{
    dmp_str_t  p;

    if (name->type != REDIS_REPLY_STRING || name->len < DMP_PSEUDONYM_LEN) {
        return false;
    }

    memset(keys, 0, sizeof(*keys));
    memcpy(keys->pseudonym, name->str + name->len - DMP_PSEUDONYM_LEN,
           DMP_PSEUDONYM_LEN);
    p = (dmp_str_t) { keys->pseudonym, DMP_PSEUDONYM_LEN };
    keys->bucket = dmp_bucket(keys->pseudonym, b->tool.store.buckets);
    keys->rec_len = dmp_key_name(keys->rec, keys->bucket, "rec", p);

    return keys->rec_len == name->len
           && memcmp(keys->rec, name->str, name->len) == 0;
}


/* The patients of one step of SCAN. */
static index_rc_t
patients_step(index_build_t *b, char cursor[INDEX_CURSOR])
{
    bool            absent;
    size_t          i;
    redisReply     *r, *list;
    index_rc_t      rc;
    record_keys_t   keys;

    r = index_scan(&b->tool.store, "SCAN", dmp_string("{dmp:*}:rec:*"),
                   cursor);
    if (r == NULL) {
        return INDEX_STOP;
    }

    list = r->element[1];
    rc = INDEX_DONE;

    for (i = 0; i < list->elements && rc == INDEX_DONE; i++) {
        if (patients_keys(b, list->element[i], &keys)) {
            rc = patients_one(b, &keys, &absent);
        }
    }

    freeReplyObject(r);

    return rc;
}


index_rc_t
index_patients(index_build_t *b, dmp_str_t only, int *rc)
{
    bool           absent;
    char           cursor[INDEX_CURSOR] = "0";
    index_rc_t     step;
    record_keys_t  keys;

    *rc = TOOL_DONE;
    b->all = only.len == 0;

    if (b->all) {

        do {
            step = patients_step(b, cursor);
        } while (step == INDEX_DONE && strcmp(cursor, "0") != 0);

        return step;
    }

    if (!record_keys(&b->tool, only, &keys)) {
        return INDEX_STOP;
    }

    step = patients_one(b, &keys, &absent);

    if (absent) {
        tool_error("there is no record of that INS");
        *rc = TOOL_NO;
    }

    return step;
}
