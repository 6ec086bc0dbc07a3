/*
 * commit.c: dmpctl as a writer of the trace: one entry at a time, each
 * acknowledged before the next is written.
 */

#include <string.h>

#include <openssl/rand.h>

#include <dmp/dmp_entry.h>

#include "record.h"


#define COMMIT_CHECKPOINT  64            /* entries */


static char  commit_body[DMP_SUMMARY_MAX];


static void
commit_number(store_args_t *args, char text[24], uint64_t n)
{
    (void) snprintf(text, 24, "%llu", (unsigned long long) n);
    store_text(args, text);
}


/*
 * Reads the store's answer and tells the writer.  TOOL_NO: outcome '0'.
 * Anything unexpected ends the import: nothing was written, or the chain is
 * not what we think.
 */
static int
commit_answer(record_tool_t *t, const dmp_entry_t *e, redisReply *r,
    char outcome)
{
    int        rc;
    uint64_t   ms, n;

    rc = TOOL_FAILED;

    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3
        || r->element[0]->type != REDIS_REPLY_INTEGER
        || r->elements != (r->element[0]->integer == 1 ? 3 : 5)
        || r->element[1]->type != REDIS_REPLY_STRING
        || r->element[2]->type != REDIS_REPLY_STRING
        || r->element[2]->len != DMP_HASH_LEN
        || memcmp(r->element[2]->str, e->hash, DMP_HASH_LEN) != 0
        || !dmp_stream_id_parse((dmp_str_t) { r->element[1]->str,
                                              r->element[1]->len }, &ms, &n))
    {
        tool_error("store: bucket %u: %s", e->bucket,
                   r->type == REDIS_REPLY_ARRAY && r->elements == 4
                   ? "the trace's head is not the one that was written last"
                   : "unexpected answer");

    } else if (!dmp_writer_acked(t->writer, e->bucket, e->seq,
                                 r->element[0]->integer == 1 ? outcome : '0',
                                 ms, n))
    {
        tool_error("store: bucket %u: answers do not fit requests", e->bucket);

    } else {
        rc = r->element[0]->integer == 1 ? TOOL_DONE : TOOL_NO;
    }

    freeReplyObject(r);

    return rc;
}


/* Epoch, sequence, links and body: what both functions end with. */
static void
commit_entry(store_args_t *args, char epoch[24], char seq[24],
    const dmp_entry_t *e)
{
    commit_number(args, epoch, e->epoch);
    commit_number(args, seq, e->seq);
    store_bytes(args, e->prev, DMP_HASH_LEN);
    store_bytes(args, e->hash, DMP_HASH_LEN);
    store_bytes(args, e->body.data, e->body.len);
}


static bool
commit_append(record_tool_t *t, const dmp_entry_t *e)
{
    char           trace[DMP_KEY_NAME_MAX], w[DMP_KEY_NAME_MAX];
    char           epoch[24], seq[24];
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_append");
    store_text(&args, "2");
    store_bytes(&args, trace, dmp_key_name(trace, e->bucket, "trace",
                                           dmp_null_string));
    store_bytes(&args, w, dmp_key_name(w, e->bucket, "w",
                                       dmp_writer_name(t->writer)));
    commit_entry(&args, epoch, seq, e);
    r = store_call(&t->store, &args);

    return r != NULL && commit_answer(t, e, r, 'S') == TOOL_DONE;
}


static bool
commit_open(record_tool_t *t)
{
    dmp_buf_t     buf;
    dmp_entry_t   e;

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_open_epoch(t->writer, tool_now_ms(), &buf, &e) != DMP_OK) {
        tool_error("no epoch could be opened");
        return false;
    }

    return commit_append(t, &e);
}


bool
record_begin(record_tool_t *t)
{
    t->writer = dmp_writer_create((dmp_str_t) { t->node, strlen(t->node) },
                                  t->store.buckets, t->audit_key);
    if (t->writer == NULL) {
        tool_error("no memory");
        return false;
    }

    return commit_open(t);
}


bool
record_end(record_tool_t *t)
{
    dmp_rc_t      rc;
    dmp_buf_t     buf;
    dmp_entry_t   e;

    if (t->writer == NULL || !dmp_writer_ready(t->writer)) {
        return false;
    }

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));
    rc = dmp_writer_close_epoch(t->writer, tool_now_ms(), &buf, &e);

    if (rc != DMP_OK) {
        /* After a failed answer: what stands unsigned is told by verify. */
        return false;
    }

    return commit_append(t, &e);
}


/* A new epoch before this one's hour is over, and heads signed now and then. */
static bool
commit_upkeep(record_tool_t *t)
{
    int64_t       now;
    dmp_buf_t     buf;
    dmp_entry_t   e;

    now = tool_now_ms();

    if (now - dmp_writer_epoch_opened(t->writer) > DMP_EPOCH_MS) {
        return record_end(t) && commit_open(t);
    }

    if (dmp_writer_unsigned(t->writer) < COMMIT_CHECKPOINT) {
        return true;
    }

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_checkpoint(t->writer, now, &buf, &e) != DMP_OK) {
        tool_error("no checkpoint could be written");
        return false;
    }

    return commit_append(t, &e);
}


static bool
commit_write(record_tool_t *t, const record_keys_t *keys, uint64_t version,
    uint64_t next, dmp_operation_t operation, dmp_entry_t *e)
{
    char             trace_id[DMP_UUID_LEN];
    dmp_buf_t        buf;
    dmp_access_t     change;
    dmp_request_t    request;
    dmp_subject_t    subject;
    dmp_decision_t   decision;
    unsigned char    random[10];

    memset(&change, 0, sizeof(change));
    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));
    memset(&decision, 0, sizeof(decision));

    if (RAND_bytes(random, sizeof(random)) != 1) {
        tool_error("no random bytes");
        return false;
    }

    subject.actor = DMP_ACTOR_OPERATOR;
    subject.auth = DMP_AUTH_OPERATOR;
    subject.id.data = t->operator;
    subject.id.len = strlen(t->operator);
    request.mapping = DMP_MAPPING_ONE;
    request.operation = operation;
    request.mode = DMP_MODE_NORMAL;
    request.route = "dmpctl record import";
    decision.effect = DMP_ALLOW;
    decision.rule = DMP_RULE_E1;

    change.time_ms = tool_now_ms();
    dmp_uuid7(trace_id, change.time_ms, random);
    change.trace_id = (dmp_str_t) { trace_id, DMP_UUID_LEN };
    change.subject = &subject;
    change.patient = (dmp_str_t) { keys->pseudonym, DMP_PSEUDONYM_LEN };
    change.request = &request;
    change.decision = &decision;
    change.version = version;

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_change(t->writer, keys->bucket, &change, next, &buf, e)
        != DMP_OK)
    {
        tool_error("the change could not be traced");
        return false;
    }

    return true;
}


int
record_send_change(record_tool_t *t, const record_keys_t *keys,
    uint64_t version, uint64_t next, dmp_operation_t operation,
    const char *sealed, size_t sealed_len)
{
    char           trace[DMP_KEY_NAME_MAX], w[DMP_KEY_NAME_MAX];
    char           epoch[24], seq[24], current[24], following[24];
    redisReply    *r;
    dmp_entry_t    e;
    store_args_t   args;

    if (!commit_upkeep(t)
        || !commit_write(t, keys, version, next, operation, &e))
    {
        return TOOL_FAILED;
    }

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_change");
    store_text(&args, "4");
    store_bytes(&args, keys->rec, keys->rec_len);
    store_bytes(&args, trace, dmp_key_name(trace, keys->bucket, "trace",
                                           dmp_null_string));
    store_bytes(&args, keys->idx, keys->idx_len);
    store_bytes(&args, w, dmp_key_name(w, keys->bucket, "w",
                                       dmp_writer_name(t->writer)));
    commit_number(&args, current, version);
    commit_entry(&args, epoch, seq, &e);
    store_bytes(&args, sealed, sealed_len);
    commit_number(&args, following, next);
    r = store_call(&t->store, &args);

    return r != NULL ? commit_answer(t, &e, r, 'R') : TOOL_FAILED;
}
