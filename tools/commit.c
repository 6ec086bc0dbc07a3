/*
 * commit.c: dmpctl as a writer of the trace: one entry at a time, each
 * acknowledged before the next is written.
 */

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include <dmp/dmp_entry.h>
#include <dmp/dmp_record.h>

#include "audit_closed.h"
#include "commit.h"


#define COMMIT_CHECKPOINT  64            /* entries */
#define COMMIT_NAMES       5             /* of keys that a call needs */

typedef enum {
    COMMIT_REFUSAL = 0,
    COMMIT_CHANGE,
    COMMIT_SESSION
} commit_kind_t;


static char  commit_body[DMP_SUMMARY_MAX];


static void
commit_number(store_args_t *args, char text[24], uint64_t n)
{
    (void) snprintf(text, 24, "%llu", (unsigned long long) n);
    store_text(args, text);
}


/* The entry's id in an answer to it: "id head", or {0, id, head, ...}. */
static dmp_str_t
commit_id(const dmp_entry_t *e, const redisReply *r, bool stale)
{
    size_t  len;

    if (stale && r->element[0]->type == REDIS_REPLY_INTEGER
        && r->element[0]->integer == 0
        && r->element[1]->type == REDIS_REPLY_STRING
        && r->element[2]->type == REDIS_REPLY_STRING
        && r->element[2]->len == e->after.len
        && memcmp(r->element[2]->str, e->after.text, e->after.len) == 0)
    {
        return (dmp_str_t) { r->element[1]->str, r->element[1]->len };
    }

    if (r->type != REDIS_REPLY_STRING || r->len < e->after.len + 1) {
        return dmp_null_string;
    }

    len = r->len - e->after.len - 1;

    if (r->str[len] != ' '
        || memcmp(r->str + len + 1, e->after.text, e->after.len) != 0)
    {
        return dmp_null_string;
    }

    return (dmp_str_t) { r->str, len };
}


/*
 * Reads the store's answer and tells the writer.  TOOL_NO: outcome '0'.
 * Anything unexpected ends the command: nothing was written, or the chain is
 * not what we think.
 */
static int
commit_answer(commit_t *c, const dmp_entry_t *e, redisReply *r,
    char outcome)
{
    int        rc;
    bool       stale;
    uint64_t   ms, n;
    dmp_str_t  id;

    rc = TOOL_FAILED;
    stale = r->type == REDIS_REPLY_ARRAY && r->elements == 5;
    id = commit_id(e, r, stale);

    if (id.len == 0 || !dmp_stream_id_parse(id, &ms, &n)) {
        tool_error("store: bucket %u: %s", e->bucket,
                   r->type == REDIS_REPLY_ARRAY && r->elements == 2
                   ? "the trace's head is not the one that was written last"
                   : "unexpected answer");

    } else if (!dmp_writer_acked(c->writer, e->bucket, e->seq,
                                 stale ? '0' : outcome, ms, n))
    {
        tool_error("store: bucket %u: answers do not fit requests", e->bucket);

    } else {
        c->id_ms = ms;
        rc = stale ? TOOL_NO : TOOL_DONE;
    }

    freeReplyObject(r);

    return rc;
}


/* A call's reply; NULL after a complaint. */
static redisReply *
commit_ask(commit_t *c, const store_args_t *args, unsigned bucket)
{
    redisReply  *r;

    r = store_ask(c->store, args);

    if (r == NULL || r->type != REDIS_REPLY_ERROR) {
        return r;
    }

    if (strncmp(r->str, "CLOSED ", 7) == 0) {
        c->closed = true;
        tool_error("bucket %u is closed: nothing was written.  \"dmpctl audit "
                   "recover\" shows why, and reopens it", bucket);

    } else {
        tool_error("store: FCALL: %s", r->str);
    }

    freeReplyObject(r);

    return NULL;
}


/* The chain's heads, before and after, and the body: what all of them have. */
static void
commit_entry(store_args_t *args, const dmp_entry_t *e)
{
    store_bytes(args, e->before.text, e->before.len);
    store_bytes(args, e->after.text, e->after.len);
    store_bytes(args, e->body.data, e->body.len);
}


static bool
commit_append(commit_t *c, const dmp_entry_t *e)
{
    char           trace[DMP_KEY_NAME_MAX], w[DMP_KEY_NAME_MAX];
    char           closed[DMP_KEY_NAME_MAX];
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_append");
    store_text(&args, "3");
    store_bytes(&args, trace, dmp_key_name(trace, e->bucket, "trace",
                                           dmp_null_string));
    store_bytes(&args, w, dmp_key_name(w, e->bucket, "w",
                                       dmp_writer_name(c->writer)));
    store_bytes(&args, closed, dmp_key_name(closed, e->bucket, "closed",
                                            dmp_null_string));
    commit_entry(&args, e);
    r = commit_ask(c, &args, e->bucket);

    return r != NULL && commit_answer(c, e, r, 'S') == TOOL_DONE;
}


void
commit_names(commit_t *c)
{
    struct passwd  *user;

    if (c->operator == NULL) {
        user = getpwuid(geteuid());
        c->operator = user != NULL ? user->pw_name : "unknown";
    }

    if (c->node == NULL) {
        c->node = gethostname(c->host, sizeof(c->host)) == 0 ? c->host
                                                             : "dmpctl";
        c->host[sizeof(c->host) - 1] = '\0';
    }
}


static bool
commit_open(commit_t *c)
{
    dmp_buf_t     buf;
    dmp_entry_t   e;

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_open_epoch(c->writer, tool_now_ms(), &buf, &e) != DMP_OK) {
        tool_error("no epoch could be opened");
        return false;
    }

    return commit_append(c, &e);
}


/* Where nothing can be written is no home for our chains. */
static bool
commit_closed(commit_t *c, unsigned char closed[DMP_BUCKETS_MAX])
{
    size_t    n;
    unsigned  bucket;

    if (!audit_closed(c->store, closed)) {
        return false;
    }

    for (bucket = 0, n = 0; bucket < c->store->buckets; bucket++) {
        n += closed[bucket];
    }

    if (n == c->store->buckets) {
        tool_error("all buckets are closed: see \"dmpctl audit recover\"");
        return false;
    }

    return true;
}


bool
commit_begin(commit_t *c)
{
    unsigned char  closed[DMP_BUCKETS_MAX];

    if (!commit_closed(c, closed)) {
        return false;
    }

    c->writer = dmp_writer_create((dmp_str_t) { c->node, strlen(c->node) },
                                  c->store->buckets, c->audit_key, closed);
    if (c->writer == NULL) {
        tool_error("no memory");
        return false;
    }

    return commit_open(c);
}


bool
commit_end(commit_t *c)
{
    dmp_rc_t      rc;
    dmp_buf_t     buf;
    dmp_entry_t   e;

    if (c->writer == NULL || !dmp_writer_ready(c->writer)) {
        return false;
    }

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));
    rc = dmp_writer_close_epoch(c->writer, tool_now_ms(), &buf, &e);

    if (rc != DMP_OK) {
        /* After a failed answer: what stands unsigned is told by verify. */
        return false;
    }

    return commit_append(c, &e);
}


bool
commit_keep(commit_t *c)
{
    int64_t       now;
    dmp_buf_t     buf;
    dmp_entry_t   e;

    now = tool_now_ms();

    if (now - dmp_writer_epoch_opened(c->writer) > DMP_EPOCH_MS) {
        return commit_end(c) && commit_open(c);
    }

    if (dmp_writer_unsigned(c->writer) < COMMIT_CHECKPOINT) {
        return true;
    }

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_checkpoint(c->writer, now, &buf, &e) != DMP_OK) {
        tool_error("no checkpoint could be written");
        return false;
    }

    return commit_append(c, &e);
}


void
commit_free(commit_t *c)
{
    dmp_writer_free(c->writer);
    EVP_PKEY_free(c->audit_key);
    c->writer = NULL;
    c->audit_key = NULL;
}


bool
commit_trace_id(char out[DMP_UUID_LEN])
{
    unsigned char  random[10];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        tool_error("no random bytes");
        return false;
    }

    dmp_uuid7(out, tool_now_ms(), random);

    return true;
}


void
commit_subject(const commit_t *c, dmp_subject_t *subject)
{
    memset(subject, 0, sizeof(*subject));

    subject->actor = DMP_ACTOR_OPERATOR;
    subject->auth = DMP_AUTH_OPERATOR;
    subject->id.data = c->operator;
    subject->id.len = strlen(c->operator);
}


bool
commit_admin(commit_t *c, const dmp_admin_t *admin)
{
    dmp_buf_t      buf;
    dmp_admin_t    said;
    dmp_entry_t    e;
    dmp_subject_t  subject;

    if (!commit_keep(c)) {
        return false;
    }

    commit_subject(c, &subject);
    said = *admin;
    said.subject = &subject;
    said.time_ms = tool_now_ms();

    dmp_buf_init(&buf, commit_body, sizeof(commit_body));

    if (dmp_writer_admin(c->writer, &said, &buf, &e) != DMP_OK) {
        tool_error("the command could not be traced");
        return false;
    }

    return commit_append(c, &e);
}


/* The entry of a change, of what is refused, or of what concerns sessions. */
static bool
commit_write(commit_t *c, const commit_change_t *change, commit_kind_t kind,
    dmp_entry_t *e)
{
    dmp_rc_t        rc;
    dmp_buf_t       buf;
    dmp_access_t    access;
    dmp_subject_t   subject;

    memset(&access, 0, sizeof(access));
    commit_subject(c, &subject);

    access.time_ms = tool_now_ms();
    access.trace_id = change->trace_id;
    access.subject = &subject;
    access.patient = change->pseudonym;
    access.request = change->request;
    access.decision = change->decision;
    access.policy = change->policy;
    access.version = change->version;
    access.document = change->document;
    access.details = change->details;

    dmp_buf_init(&buf, commit_body, DMP_ENTRY_MAX);

    switch (kind) {

    case COMMIT_REFUSAL:
        rc = dmp_writer_access(c->writer, change->bucket, &access, &buf, e);
        break;

    case COMMIT_CHANGE:
        rc = dmp_writer_change(c->writer, change->bucket, &access,
                               change->next, &buf, e);
        break;

    case COMMIT_SESSION:
        rc = dmp_writer_session(c->writer, change->bucket, &access, &buf, e);
        break;

    default:
        rc = DMP_E_INTERNAL;
    }

    if (rc != DMP_OK) {
        tool_error("the %s could not be traced",
                   kind == COMMIT_REFUSAL ? "refusal" : "change");
    }

    return rc == DMP_OK;
}


/* One of the bucket's keys; room holds its name. */
static void
commit_key(store_args_t *args, char room[DMP_KEY_NAME_MAX], unsigned bucket,
    const char *name, dmp_str_t rest)
{
    store_bytes(args, room, dmp_key_name(room, bucket, name, rest));
}


/* What a call of the store begins with, up to the entry; names holds keys. */
static void
commit_call(commit_t *c, const commit_change_t *change, store_args_t *args,
    char names[COMMIT_NAMES][DMP_KEY_NAME_MAX])
{
    commit_key(args, names[0], change->bucket, "trace", dmp_null_string);
    store_bytes(args, change->idx.data, change->idx.len);
    commit_key(args, names[1], change->bucket, "w",
               dmp_writer_name(c->writer));
    commit_key(args, names[2], change->bucket, "closed", dmp_null_string);
}


static int
commit_send(commit_t *c, const store_args_t *args, const dmp_entry_t *e,
    char outcome)
{
    redisReply  *r;

    r = commit_ask(c, args, e->bucket);

    return r != NULL ? commit_answer(c, e, r, outcome) : TOOL_FAILED;
}


int
commit_change(commit_t *c, const commit_change_t *change)
{
    char           names[COMMIT_NAMES][DMP_KEY_NAME_MAX];
    char           current[24], following[24];
    dmp_entry_t    e;
    store_args_t   args;

    if (!commit_keep(c) || !commit_write(c, change, COMMIT_CHANGE, &e)) {
        return TOOL_FAILED;
    }

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_change");
    store_text(&args, "7");
    store_bytes(&args, change->rec.data, change->rec.len);
    commit_call(c, change, &args, names);
    commit_key(&args, names[3], change->bucket, "outbox", dmp_null_string);
    commit_key(&args, names[4], change->bucket, "sess", change->pseudonym);
    commit_number(&args, current, change->version);
    commit_entry(&args, &e);
    store_bytes(&args, change->sealed.data, change->sealed.len);
    commit_number(&args, following, change->next);
    store_text(&args, change->notice != NULL ? change->notice : "");

    /* in no session of anybody's */
    store_text(&args, "");
    store_text(&args, "");
    store_bytes(&args, change->told.data, change->told.len);
    store_text(&args, change->ends_sessions ? "1" : "");

    return commit_send(c, &args, &e, 'R');
}


int
commit_refusal(commit_t *c, const commit_change_t *change)
{
    char           names[COMMIT_NAMES][DMP_KEY_NAME_MAX];
    char           current[24];
    dmp_entry_t    e;
    store_args_t   args;

    if (!commit_keep(c) || !commit_write(c, change, COMMIT_REFUSAL, &e)) {
        return TOOL_FAILED;
    }

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_trace");
    store_text(&args, "5");
    store_bytes(&args, change->rec.data, change->rec.len);
    commit_call(c, change, &args, names);
    commit_number(&args, current, change->version);
    commit_entry(&args, &e);

    return commit_send(c, &args, &e, '1');
}


int
commit_session(commit_t *c, const commit_change_t *change)
{
    char           names[COMMIT_NAMES][DMP_KEY_NAME_MAX];
    dmp_entry_t    e;
    store_args_t   args;

    if (!commit_keep(c) || !commit_write(c, change, COMMIT_SESSION, &e)) {
        return TOOL_FAILED;
    }

    args.n = 0;
    store_text(&args, "FCALL");
    store_text(&args, "dmp1_session");
    store_text(&args, "6");
    commit_call(c, change, &args, names);
    commit_key(&args, names[3], change->bucket, "sess", change->pseudonym);
    commit_key(&args, names[4], change->bucket, "outbox", dmp_null_string);
    commit_entry(&args, &e);
    store_text(&args, change->ends_sessions ? "clear" : "none");

    /* no session by name: neither its token nor its times */
    store_text(&args, "");
    store_text(&args, "");
    store_text(&args, "");
    store_text(&args, change->notice != NULL ? change->notice : "");
    store_bytes(&args, change->told.data, change->told.len);

    return commit_send(c, &args, &e, '1');
}
