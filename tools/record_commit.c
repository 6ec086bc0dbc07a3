/*
 * record_commit.c: a traced change of one record: sealed as its next version,
 * committed only in the place of the version that was looked at, and
 * acknowledged only when nothing decided before it can leave any more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <dmp/dmp_change.h>

#include "record.h"


#define RECORD_TRIES        5
#define RECORD_DETAILS_MAX  4096         /* bytes of what is sealed of them */


bool
record_given(const record_options_t *o)
{
    if (o->keys.n == 0 || o->pseudonym == NULL || o->audit == NULL) {
        tool_error("--record-key, --pseudonym-key and --audit-key are needed");
        return false;
    }

    return true;
}


bool
record_open(record_tool_t *t, const record_options_t *o)
{
    t->commit.store = &t->store;
    commit_names(&t->commit);

    return tool_keyring(&o->keys, &t->ring)
           && tool_key(o->pseudonym, t->pseudonym_key)
           && (t->commit.audit_key = tool_private_key(o->audit)) != NULL
           && store_open(&t->store, &o->where)
           && store_meta(&t->store);
}


void
record_close(record_tool_t *t)
{
    store_close(&t->store);
    commit_free(&t->commit);
    OPENSSL_cleanse(t, sizeof(*t));
}


static void
record_asked(const record_keys_t *keys, uint64_t version,
    const record_change_t *change, commit_change_t *c)
{
    memset(c, 0, sizeof(*c));

    c->bucket = keys->bucket;
    c->pseudonym = (dmp_str_t) { keys->pseudonym, DMP_PSEUDONYM_LEN };
    c->rec = (dmp_str_t) { keys->rec, keys->rec_len };
    c->idx = (dmp_str_t) { keys->idx, keys->idx_len };
    c->trace_id = (dmp_str_t) { change->trace_id, DMP_UUID_LEN };
    c->version = version;
    c->request = change->request;
    c->decision = change->decision;
    c->policy = change->policy;
    c->document = change->document;
}


/* As the trace keeps them; empty where there is nothing to tell. */
static bool
record_details(record_tool_t *t, const record_change_t *change,
    char room[RECORD_DETAILS_MAX + DMP_SEAL_OVERHEAD], dmp_str_t *sealed)
{
    *sealed = dmp_null_string;

    if (change->details.len == 0) {
        return true;
    }

    sealed->data = room;

    return change->details.len <= RECORD_DETAILS_MAX
           && dmp_seal(&t->ring,
                       (dmp_str_t) { change->trace_id, DMP_UUID_LEN },
                       dmp_string(DMP_DETAILS_FIELD), 1, change->details.data,
                       change->details.len, room, &sealed->len) == DMP_OK;
}


/* The store said something, or will not: this is the latest it can have. */
static int
record_heard(record_tool_t *t, int rc)
{
    (void) clock_gettime(CLOCK_MONOTONIC, &t->heard);     /* cannot fail */

    return rc == TOOL_NO ? RECORD_STALE : rc;
}


int
record_put(record_tool_t *t, const record_keys_t *keys, uint64_t version,
    record_change_t *change)
{
    int               rc;
    char             *sealed;
    char              details[RECORD_DETAILS_MAX + DMP_SEAL_OVERHEAD];
    commit_change_t   c;

    if (!commit_trace_id(change->trace_id)) {
        return TOOL_FAILED;
    }

    record_asked(keys, version, change, &c);
    c.notice = change->notice;
    c.ends_sessions = change->request->operation == DMP_OPERATION_CLOSE;

    /*
     * A first version is the store's time: a record that was removed and made
     * again never has a version that a gateway may still hold of the old one.
     */
    c.next = (version != 0) ? version + 1 : t->commit.id_ms;
    change->next = c.next;

    sealed = malloc(change->len + DMP_SEAL_OVERHEAD);
    c.sealed.data = sealed;

    if (sealed == NULL || !record_details(t, change, details, &c.details)
        || dmp_seal(&t->ring, c.rec, dmp_string(DMP_RECORD_FIELD), c.next,
                    change->json, change->len, sealed, &c.sealed.len)
           != DMP_OK)
    {
        tool_error("the record could not be sealed");
        free(sealed);
        return TOOL_FAILED;
    }

    rc = record_heard(t, commit_change(&t->commit, &c));
    free(sealed);

    return rc;
}


int
record_refuse(record_tool_t *t, const record_keys_t *keys, uint64_t version,
    record_change_t *change)
{
    commit_change_t  c;

    if (!commit_trace_id(change->trace_id)) {
        return TOOL_FAILED;
    }

    record_asked(keys, version, change, &c);

    return record_heard(t, commit_refusal(&t->commit, &c));
}


int
record_session(record_tool_t *t, const record_keys_t *keys,
    record_change_t *change)
{
    commit_change_t  c;

    if (!commit_trace_id(change->trace_id)) {
        return TOOL_FAILED;
    }

    record_asked(keys, 0, change, &c);
    c.notice = change->notice;
    c.told = change->told;
    c.ends_sessions = change->ends_sessions;

    return record_heard(t, commit_session(&t->commit, &c));
}


int
record_try(record_tool_t *t, dmp_str_t ins, record_try_pt try, void *data)
{
    int             rc;
    unsigned        i;
    record_keys_t   keys;
    record_held_t   held;

    if (!record_keys(t, ins, &keys)) {
        return TOOL_FAILED;
    }

    for (i = 0; i < RECORD_TRIES; i++) {
        if (!record_get(t, &keys, &held)) {
            return TOOL_FAILED;
        }

        (void) record_heard(t, TOOL_DONE);
        rc = try(t, &keys, &held, data);
        record_wipe(held.json, held.len);

        if (rc != RECORD_STALE) {
            return rc;
        }
    }

    tool_error("the record keeps being changed by others");

    return TOOL_FAILED;
}


void
record_wait(const record_tool_t *t)
{
    unsigned         ms;
    struct timespec  until;

    if (t->heard.tv_sec == 0 && t->heard.tv_nsec == 0) {
        return;
    }

    ms = t->store.deadline_ms + DMP_HOLD_MARGIN_MS;
    until = t->heard;
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long) (ms % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)
           == EINTR)
    {
        /* the rest of it */
    }
}
