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
    FORGE_FOREIGN
} forge_key_t;

typedef struct {
    life_t  l;                           /* bodies are its own */
    char    was[LOG_ENTRIES][FORGE_HASH_LEN];
    char    is[LOG_ENTRIES][FORGE_HASH_LEN];
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
        forge_hash(&whole->log.entries[i], f->was[i]);
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


/* All that follows from what was edited, and the store's heads. */
static inline void
forge_again(forge_t *f, forge_key_t which, EVP_PKEY *foreign)
{
    char                      *p;
    bool                       changed;
    size_t                     i, k;
    log_head_t                *h;
    dmp_error_t                error;
    log_entry_t               *e;
    static dmp_entry_view_t    view;

    for (i = 0; i < f->l.log.n; i++) {
        e = &f->l.log.entries[i];
        forge_hash(e, f->is[i]);
        changed = memcmp(f->was[i], f->is[i], FORGE_HASH_LEN) != 0;

        for (k = 0; k < i; k++) {
            while (memcmp(f->was[k], f->is[k], FORGE_HASH_LEN) != 0
                   && (p = memmem(e->body, e->len, f->was[k], FORGE_HASH_LEN))
                      != NULL)
            {
                memcpy(p, f->is[k], FORGE_HASH_LEN);
                changed = true;
            }
        }

        life_must(dmp_entry_parse(e->body, e->len, &view, &error) == DMP_OK,
                  error.text);

        if (changed && view.signed_len > 0) {
            forge_sign(e, view.signed_len,
                       forge_key(&f->l, &view, which, foreign));
        }

        forge_hash(e, f->is[i]);
        h = log_head(&f->l.log, view.writer, e->bucket);

        if (h->epoch == view.epoch && h->seq == view.seq) {
            life_must(dmp_entry_hash(e->body, e->len, h->hash), "no hash");
        }
    }
}

#endif
