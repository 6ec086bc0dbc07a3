/*
 * dmp_verify_state.c: what the verifier remembers: writers, their chains and
 * epochs, and what was found.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dmp_verify_int.h"


#define VERIFY_FINDINGS_MAX  2000        /* beyond that, none is kept */


void *
verify_grow(dmp_verify_t *v, void **list, size_t n, size_t *size,
    size_t element)
{
    void    *larger;
    size_t   wanted;

    if (n < *size) {
        return (char *) *list + n * element;
    }

    wanted = *size == 0 ? 8 : *size * 2;

    larger = reallocarray(*list, wanted, element);
    if (larger == NULL) {
        v->no_memory = true;
        return NULL;
    }

    *list = larger;
    *size = wanted;

    return (char *) larger + n * element;
}


void
verify_find(dmp_verify_t *v, const verify_place_t *place,
    const verify_place_t *witness, const char *format, ...)
{
    va_list            args;
    verify_finding_t  *f;

    if (v->n_findings == VERIFY_FINDINGS_MAX) {
        return;
    }

    f = verify_grow(v, (void **) &v->findings, v->n_findings,
                    &v->size_findings, sizeof(*f));
    if (f == NULL) {
        return;
    }

    memset(f, 0, sizeof(*f));
    f->place = *place;

    if (witness != NULL) {
        f->witness = *witness;
    }

    va_start(args, format);
    (void) vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);

    v->n_findings++;
}


void
verify_guess(dmp_verify_t *v)
{
    if (v->n_findings > 0) {
        v->findings[v->n_findings - 1].guess = true;
    }
}


void
verify_odd(dmp_verify_t *v, const verify_place_t *place)
{
    verify_place_t  *p;

    if (v->n_odd == VERIFY_FINDINGS_MAX) {
        return;
    }

    p = verify_grow(v, (void **) &v->odd, v->n_odd, &v->size_odd, sizeof(*p));

    if (p != NULL) {
        *p = *place;
        v->n_odd++;
    }
}


void
verify_edited(dmp_verify_t *v, const verify_place_t *place, bool guess)
{
    size_t  n;

    n = v->n_findings;
    verify_find(v, place, NULL, "the entry's bytes were changed: its hash is "
                "not the one that the writer's next entry or head carries");

    if (v->n_findings > n) {
        v->findings[n].edited = true;
        v->findings[n].guess = guess;
    }
}


dmp_verify_t *
dmp_verify_create(unsigned buckets)
{
    dmp_verify_t  *v;

    if (buckets == 0 || buckets > DMP_BUCKETS_MAX) {
        return NULL;
    }

    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }

    v->buckets = buckets;
    v->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    v->md = EVP_MD_CTX_new();

    if (v->sha256 == NULL || v->md == NULL) {
        dmp_verify_free(v);
        return NULL;
    }

    return v;
}


static void
verify_free_writer(const dmp_verify_t *v, verify_writer_t *writer)
{
    size_t           i;
    unsigned         b;
    verify_chain_t  *chain;

    for (b = 0; writer->chains != NULL && b < v->buckets; b++) {
        chain = writer->chains[b];

        if (chain != NULL) {
            for (i = 0; i < chain->n; i++) {
                free(chain->parts[i].marks);
            }

            free(chain->parts);
            free(chain);
        }
    }

    for (i = 0; i < writer->n_epochs; i++) {
        EVP_PKEY_free(writer->epochs[i].key);
    }

    free(writer->chains);
    free(writer->epochs);
    free(writer);
}


void
dmp_verify_free(dmp_verify_t *v)
{
    size_t    i;
    unsigned  k;

    if (v == NULL) {
        return;
    }

    for (i = 0; i < v->n_writers; i++) {
        verify_free_writer(v, v->writers[i]);
    }

    for (k = 0; k < v->n_keys; k++) {
        EVP_PKEY_free(v->keys[k]);
    }

    free(v->writers);
    free(v->claims);
    free(v->findings);
    free(v->odd);
    EVP_MD_CTX_free(v->md);
    EVP_MD_free(v->sha256);
    free(v);
}


dmp_rc_t
dmp_verify_key(dmp_verify_t *v, EVP_PKEY *key)
{
    if (v->n_keys == DMP_VERIFY_KEYS) {
        return DMP_E_LIMIT;
    }

    if (EVP_PKEY_is_a(key, "ED25519") != 1) {
        return DMP_E_UNKNOWN;
    }

    if (EVP_PKEY_up_ref(key) != 1) {
        return DMP_E_INTERNAL;
    }

    v->keys[v->n_keys++] = key;

    return DMP_OK;
}


static bool
verify_is(const verify_writer_t *writer, dmp_str_t name)
{
    return writer->name_len == name.len
           && memcmp(writer->name, name.data, name.len) == 0;
}


verify_writer_t *
verify_writer(dmp_verify_t *v, dmp_str_t name, bool create)
{
    size_t             i;
    verify_writer_t   *writer, **slot;

    if (v->recent != NULL && verify_is(v->recent, name)) {
        return v->recent;
    }

    for (i = v->n_writers; i-- > 0; /* void */) {
        if (verify_is(v->writers[i], name)) {
            v->recent = v->writers[i];
            return v->recent;
        }
    }

    if (!create || name.len > DMP_WRITER_MAX) {
        return NULL;
    }

    slot = verify_grow(v, (void **) &v->writers, v->n_writers,
                       &v->size_writers, sizeof(*slot));
    writer = calloc(1, sizeof(*writer));

    if (slot == NULL || writer == NULL) {
        v->no_memory = true;
        free(writer);
        return NULL;
    }

    writer->chains = calloc(v->buckets, sizeof(*writer->chains));
    if (writer->chains == NULL) {
        v->no_memory = true;
        free(writer);
        return NULL;
    }

    memcpy(writer->name, name.data, name.len);
    writer->name_len = name.len;
    *slot = writer;
    v->n_writers++;
    v->recent = writer;

    return writer;
}


verify_part_t *
verify_part(verify_chain_t *chain, uint64_t epoch)
{
    size_t  i;

    for (i = chain != NULL ? chain->n : 0; i-- > 0; /* void */) {
        if (chain->parts[i].epoch == epoch) {
            return &chain->parts[i];
        }
    }

    return NULL;
}


verify_epoch_t *
verify_epoch(verify_writer_t *writer, uint64_t epoch)
{
    size_t  i;

    for (i = writer->n_epochs; i-- > 0; /* void */) {
        if (writer->epochs[i].epoch == epoch) {
            return &writer->epochs[i];
        }
    }

    return NULL;
}


void
verify_place(const verify_writer_t *writer, unsigned bucket,
    const verify_part_t *part, uint64_t seq, verify_place_t *place)
{
    memset(place, 0, sizeof(*place));
    place->bucket = bucket;
    place->writer = writer;
    place->seq = seq;

    if (part != NULL) {
        place->epoch = part->epoch;

        if (seq > 0 && seq <= part->n) {
            place->ms = part->marks[seq - 1].ms;
            place->n = part->marks[seq - 1].n;
        }
    }
}


verify_chain_t *
verify_chain(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket)
{
    if (writer->chains[bucket] == NULL) {
        writer->chains[bucket] = calloc(1, sizeof(verify_chain_t));

        if (writer->chains[bucket] == NULL) {
            v->no_memory = true;
        }
    }

    return writer->chains[bucket];
}


bool
dmp_verify_writers(const dmp_verify_t *v, unsigned bucket, size_t *pos,
    dmp_str_t *writer)
{
    verify_writer_t  *w;

    while (*pos < v->n_writers) {
        w = v->writers[(*pos)++];

        if (bucket < v->buckets && w->chains[bucket] != NULL) {
            writer->data = w->name;
            writer->len = w->name_len;
            return true;
        }
    }

    return false;
}
