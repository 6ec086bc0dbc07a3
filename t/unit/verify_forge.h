/*
 * verify_forge.h: a log with something changed in it, and made to fit again
 * as far as a forger can: every hash that follows from the change is put in
 * its place, and what is signed is signed anew, with the key one has.
 */

#ifndef VERIFY_FORGE_H
#define VERIFY_FORGE_H

#include "verify_life.h"


#define FORGE_HASH_LEN  43               /* base64url of 32 bytes */

typedef enum {
    FORGE_RIGHT = 0,                     /* as if the writer had done it */
    FORGE_NEWER,                         /* with another epoch's key */
    FORGE_OLDER,
    FORGE_FOREIGN,
    FORGE_NOTHING                        /* what is signed stays as it was */
} forge_key_t;

/* By what other entries name one: its hash, and what signed heads say. */
typedef struct {
    char    hash[FORGE_HASH_LEN];
    char    head[FORGE_HASH_LEN];
} forge_names_t;

typedef struct {
    life_t         l;                    /* bodies are its own */
    forge_names_t  was[LOG_ENTRIES];
    forge_names_t  is[LOG_ENTRIES];
} forge_t;


static inline void
forge_hash(const log_entry_t *e, char out[FORGE_HASH_LEN])
{
    dmp_buf_t      b;
    unsigned char  hash[DMP_HASH_LEN];

    life_must(dmp_entry_hash(e->body, e->len, hash), "no hash");
    dmp_buf_init(&b, out, FORGE_HASH_LEN);
    dmp_buf_base64url(&b, hash, sizeof(hash));
}


static inline void
forge_names(const life_t *l, size_t i, forge_names_t *names)
{
    dmp_buf_t           b;
    unsigned char       hash[DMP_HASH_LEN], digest[DMP_HASH_LEN];
    const log_entry_t  *e;

    e = &l->log.entries[i];
    forge_hash(e, names->hash);
    life_must(dmp_entry_hash(e->body, e->len, hash)
              && dmp_head_digest(hash, l->places[i].acks, digest),
              "no digest");
    dmp_buf_init(&b, names->head, FORGE_HASH_LEN);
    dmp_buf_base64url(&b, digest, sizeof(digest));
}


static inline void
forge_begin(forge_t *f, const life_t *whole)
{
    char    *copy;
    size_t   i;

    f->l = *whole;

    for (i = 0; i < whole->log.n; i++) {
        copy = malloc(whole->log.entries[i].len + 1);
        life_must(copy != NULL, "no memory");
        memcpy(copy, whole->log.entries[i].body, whole->log.entries[i].len);
        copy[whole->log.entries[i].len] = '\0';
        f->l.log.entries[i].body = copy;
        forge_names(whole, i, &f->was[i]);
    }
}


static inline void
forge_end(forge_t *f)
{
    size_t  i;

    for (i = 0; i < f->l.log.n; i++) {
        free(f->l.log.entries[i].body);
    }
}


/* Changes the last character of the value of a member; false without it. */
static inline bool
forge_edit(log_entry_t *e, const char *member, char end, int by)
{
    char  *p;

    p = strstr(e->body, member);
    if (p == NULL) {
        return false;
    }

    p = strchr(p + strlen(member), end);

    if (p == NULL || p[-1] < '0' || p[-1] > '9') {
        return false;
    }

    p[-1] = (char) ('0' + (p[-1] - '0' + 10 + by) % 10);

    return true;
}


static inline EVP_PKEY *
forge_key(const life_t *l, const dmp_entry_view_t *view, forge_key_t which,
    EVP_PKEY *foreign)
{
    size_t             i;
    EVP_PKEY          *other;
    const life_key_t  *k;

    other = foreign;

    for (i = 0; i < l->n_keys; i++) {
        k = &l->keys[i];

        if (strlen(k->writer) != view->writer.len
            || memcmp(k->writer, view->writer.data, view->writer.len) != 0)
        {
            continue;
        }

        if ((which == FORGE_RIGHT && k->epoch == view->epoch)
            || (which == FORGE_NEWER && k->epoch > view->epoch)
            || (which == FORGE_OLDER && k->epoch < view->epoch))
        {
            other = k->key;
        }
    }

    return view->of_writer.len > 0 && which == FORGE_RIGHT ? l->audit_key
                                                           : other;
}


static inline void
forge_sign(log_entry_t *e, size_t signed_len, EVP_PKEY *key)
{
    size_t          n;
    dmp_buf_t       b;
    EVP_MD_CTX     *ctx;
    unsigned char   signature[DMP_SIGNATURE_LEN];

    n = sizeof(signature);
    ctx = EVP_MD_CTX_new();
    life_must(ctx != NULL
              && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1
              && EVP_DigestSign(ctx, signature, &n,
                                (const unsigned char *) e->body, signed_len)
                 == 1, "not signed");
    EVP_MD_CTX_free(ctx);
    dmp_buf_init(&b, strstr(e->body + signed_len, ":\"") + 2, 86);
    dmp_buf_base64url(&b, signature, sizeof(signature));
}


/* Whether a name of one that changed stood there, and is the new one now. */
static inline bool
forge_rename(log_entry_t *e, const char *was, const char *is)
{
    char  *p;
    bool   renamed;

    renamed = false;

    while (memcmp(was, is, FORGE_HASH_LEN) != 0
           && (p = memmem(e->body, e->len, was, FORGE_HASH_LEN)) != NULL)
    {
        memcpy(p, is, FORGE_HASH_LEN);
        renamed = true;
    }

    return renamed;
}


/* Puts right what an entry says of those before it; whether it has changed. */
static inline bool
forge_entry_again(forge_t *f, size_t i)
{
    bool           changed;
    size_t         k;
    log_entry_t   *e;

    e = &f->l.log.entries[i];
    forge_names(&f->l, i, &f->is[i]);
    changed = memcmp(f->was[i].hash, f->is[i].hash, FORGE_HASH_LEN) != 0;

    for (k = 0; k < i; k++) {
        changed |= forge_rename(e, f->was[k].hash, f->is[k].hash);
        changed |= forge_rename(e, f->was[k].head, f->is[k].head);
    }

    return changed;
}


/* All that follows from what was edited, and the store's heads. */
static inline void
forge_again(forge_t *f, forge_key_t which, EVP_PKEY *foreign)
{
    bool                       changed;
    size_t                     i;
    log_head_t                *h;
    dmp_error_t                error;
    log_entry_t               *e;
    static dmp_entry_view_t    view;

    for (i = 0; i < f->l.log.n; i++) {
        e = &f->l.log.entries[i];
        life_must(dmp_entry_parse(e->body, e->len, &view, &error) == DMP_OK,
                  error.text);
        changed = (which != FORGE_NOTHING || view.signed_len == 0)
                  && forge_entry_again(f, i);

        if (changed && view.signed_len > 0) {
            forge_sign(e, view.signed_len,
                       forge_key(&f->l, &view, which, foreign));
        }

        forge_names(&f->l, i, &f->is[i]);
        h = log_head(&f->l.log, view.writer, e->bucket);

        if (h->epoch == view.epoch && h->seq == view.seq) {
            life_must(dmp_entry_hash(e->body, e->len, h->hash), "no hash");
        }
    }
}

#endif
