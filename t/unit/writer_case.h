/*
 * writer_case.h: a writer and a store in memory, for the tests of what a
 * writer writes and of what the strict reader makes of it.
 */

#ifndef WRITER_CASE_H
#define WRITER_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace_log.h"


static EVP_PKEY      *audit_key;
static char           memory[DMP_SUMMARY_MAX + 1];
static dmp_buf_t      buf;
static dmp_entry_t    entry;
static log_t          store;
static dmp_writer_t  *w;


static inline int
set_up(void **state)
{
    (void) state;
    memset(&store, 0, sizeof(store));
    store.ms = LOG_TIME;
    dmp_buf_init(&buf, memory, DMP_SUMMARY_MAX);
    w = dmp_writer_create(dmp_string("gw 1/é"), LOG_BUCKETS, audit_key, NULL);

    return w == NULL;
}


static inline int
tear_down(void **state)
{
    (void) state;
    dmp_writer_free(w);
    log_clear(&store);

    return 0;
}


static inline int64_t
now(void)
{
    return (int64_t) store.ms;
}


static inline dmp_rc_t
access_in(unsigned bucket)
{
    log_access_t  a;

    log_make_access(&a, now());

    return dmp_writer_access(w, bucket, &a.access, &buf, &entry);
}


static inline dmp_rc_t
admin_entry(bool ended)
{
    log_admin_t  a;

    log_make_admin(&a, now(), ended);

    return dmp_writer_admin(w, &a.admin, &buf, &entry);
}


static inline void
sent(char outcome)
{
    assert_true(log_append(&store, w, &entry, outcome));
    assert_true(log_ack(&store, w, &entry));
}


static inline void
open_epoch(void)
{
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    sent('S');
}


static inline void
view_of(dmp_entry_view_t *view)
{
    dmp_error_t  error;

    if (dmp_entry_parse(entry.body.data, entry.body.len, view, &error)
        != DMP_OK)
    {
        fail_msg("%s: %.*s", error.text, (int) entry.body.len,
                 entry.body.data);
    }
}


/* A member of the entry in the buffer, where its name begins. */
static inline const char *
member_of(const char *name)
{
    const char  *at;

    at = memmem(entry.body.data, entry.body.len, name, strlen(name));
    if (at == NULL) {
        fail_msg("no %s in %.*s", name, (int) entry.body.len,
                 entry.body.data);
    }

    return at;
}


/* The entry's bytes from that member on. */
static inline void
rest_is(const char *name, const char *expected)
{
    size_t       len;
    const char  *at;

    at = member_of(name);
    len = entry.body.len - (size_t) (at - entry.body.data);

    if (len != strlen(expected) || memcmp(at, expected, len) != 0) {
        fail_msg("%.*s", (int) len, at);
    }
}


typedef struct {
    const char  *from;
    const char  *to;
    dmp_rc_t     rc;
    const char  *error;                  /* how it begins */
} edit_t;


/* The entry in the buffer, with "from" once replaced, is refused like that. */
static inline void
refused_with(const edit_t *edit)
{
    size_t             head, tail;
    dmp_rc_t           rc;
    dmp_buf_t          b;
    dmp_error_t        error;
    static char        copy[DMP_SUMMARY_MAX];
    dmp_entry_view_t   view;

    head = (size_t) (member_of(edit->from) - entry.body.data);
    tail = head + strlen(edit->from);
    dmp_buf_init(&b, copy, sizeof(copy));
    dmp_buf_add(&b, entry.body.data, head);
    dmp_buf_text(&b, edit->to);
    dmp_buf_add(&b, entry.body.data + tail, entry.body.len - tail);
    assert_false(b.full);

    rc = dmp_entry_parse(b.data, b.len, &view, &error);

    if (rc != edit->rc
        || strncmp(error.text, edit->error, strlen(edit->error)) != 0)
    {
        fail_msg("%s to %s: rc %d, \"%s\"", edit->from, edit->to, (int) rc,
                 error.text);
    }
}


static inline void
refused_each(const edit_t *edits, size_t n)
{
    size_t            i;
    dmp_entry_view_t  view;

    /* as it is, it is one */
    view_of(&view);

    for (i = 0; i < n; i++) {
        refused_with(&edits[i]);
    }
}


#define REFUSED_EACH(edits)                                                   \
    refused_each(edits, sizeof(edits) / sizeof((edits)[0]))


/* Whether the entry's signature is by that public key. */
static inline bool
signed_by(EVP_PKEY *key, const dmp_entry_view_t *view)
{
    bool         ok;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    assert_non_null(ctx);

    ok = view->signed_len > 0
         && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1
         && EVP_DigestVerify(ctx, view->signature, sizeof(view->signature),
                             (const unsigned char *) entry.body.data,
                             view->signed_len) == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


static inline int
make_key(void **state)
{
    (void) state;
    audit_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    return audit_key == NULL;
}


static inline int
free_key(void **state)
{
    (void) state;
    EVP_PKEY_free(audit_key);

    return 0;
}


#define WRITER_TEST(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
