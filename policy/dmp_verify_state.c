/*
 * dmp_verify_state.c: what the verifier remembers: writers, their chains and
 * epochs, and what was found.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "dmp_verify_int.h"


#define VERIFY_FINDINGS_MAX  2000        /* beyond that, they are counted */

/* No writer lives that long; what is forged must not make us slow. */
#define VERIFY_EPOCHS_MAX    65536

#define VERIFY_PRIME  ((UINT64_C(1) << 61) - 1)


static const char  *const verify_breaks[DMP_BREAK_MAX] = {
    "none", "format", "order", "missing", "edited", "certificate", "signature",
    "outcome", "silence", "after-end", "head", "deleted", "version", "history",
    "receipt"
};


const char *
dmp_break_name(dmp_break_t what)
{
    return what < DMP_BREAK_MAX ? verify_breaks[what] : verify_breaks[0];
}


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


verify_finding_t *
verify_find(dmp_verify_t *v, dmp_break_t what, const verify_place_t *place,
    const verify_place_t *witness, const char *format, ...)
{
    va_list            args;
    verify_finding_t  *f;

    if (v->n_findings == VERIFY_FINDINGS_MAX) {
        v->not_kept++;
        return NULL;
    }

    f = verify_grow(v, (void **) &v->findings, v->n_findings,
                    &v->size_findings, sizeof(*f));
    if (f == NULL) {
        return NULL;
    }

    memset(f, 0, sizeof(*f));
    f->what = what;
    f->place = *place;

    if (witness != NULL) {
        f->witness = *witness;
    }

    va_start(args, format);
    (void) vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);

    v->n_findings++;

    return f;
}


void
verify_since(verify_finding_t *f, uint64_t ms, uint64_t n)
{
    if (f != NULL) {
        f->has_since = true;
        f->since_ms = ms;
        f->since_n = n;
    }
}


void
verify_guess(verify_finding_t *f)
{
    if (f != NULL) {
        f->guess = true;
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
    verify_finding_t  *f;

    f = verify_find(v, DMP_BREAK_EDITED, place, NULL, "the entry's bytes were "
                    "changed: its hash is not the one that the writer's next "
                    "entry or head carries");

    if (f != NULL) {
        f->edited = true;
        f->guess = guess;
    }
}


bool
verify_earlier(const verify_place_t *a, const verify_place_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms;
    }

    if (a->n != b->n) {
        return a->n < b->n;
    }

    return a->bucket < b->bucket;
}


/*
 * Polynomials over the integers modulo 2^61 - 1 at two secret points (Carter
 * and Wegman, "Universal classes of hash functions", 1979): without the points
 * no two texts of n words can be made to share both values but with a
 * probability of (n / 2^61)^2, and that at a tenth of the time of a SHA-256.
 */
static uint64_t
verify_step(uint64_t value, uint64_t point, uint64_t word)
{
    unsigned __int128  product;

    product = (unsigned __int128) value * point + word;
    value = ((uint64_t) product & VERIFY_PRIME) + (uint64_t) (product >> 61);

    return value >= VERIFY_PRIME ? value - VERIFY_PRIME : value;
}


void
verify_absorb(const dmp_verify_t *v, uint64_t digest[2], const void *data,
    size_t len)
{
    uint32_t     low;
    uint64_t     word;
    const char  *p;

    p = data;

    /*
     * The first word of a text has its length on top, and no other reaches so
     * far: one text cannot be taken for two.  No word is 0, so that a text is
     * none with zeros before it.
     */
    word = ((uint64_t) len + 1) << 32;

    for ( ;; ) {
        low = 0;

        if (len > 0) {
            memcpy(&low, p, len < sizeof(low) ? len : sizeof(low));
        }

        word += (uint64_t) low + 1;
        digest[0] = verify_step(digest[0], v->secret[0], word);
        digest[1] = verify_step(digest[1], v->secret[1], word);

        if (len <= sizeof(low)) {
            break;
        }

        p += sizeof(low);
        len -= sizeof(low);
        word = 0;
    }
}


size_t
verify_slot(const dmp_verify_t *v, const void *data, size_t len)
{
    uint64_t     value, word;
    const char  *p;

    p = data;
    value = len;

    for ( ; len >= sizeof(word); len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        p += sizeof(word);
        value = verify_step(value, v->secret[0], word >> 32);
        value = verify_step(value, v->secret[0], word & UINT32_MAX);
    }

    if (len > 0) {
        word = 0;
        memcpy(&word, p, len);
        value = verify_step(value, v->secret[0], word >> 32);
        value = verify_step(value, v->secret[0], word & UINT32_MAX);
    }

    /* The last word is only added so far: places would follow it. */
    value = verify_step(value, v->secret[0], 1) ^ v->secret[2];
    value ^= value >> 32;
    value *= v->secret[3] | 1;

    return (size_t) (value ^ value >> 32);
}


dmp_verify_t *
dmp_verify_create(unsigned buckets, int64_t now_ms)
{
    size_t         i;
    dmp_verify_t  *v;

    if (buckets == 0 || buckets > DMP_BUCKETS_MAX) {
        return NULL;
    }

    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }

    v->buckets = buckets;
    v->now_ms = now_ms;

    if (RAND_bytes((unsigned char *) v->secret, sizeof(v->secret)) != 1) {
        dmp_verify_free(v);
        return NULL;
    }

    for (i = 0; i < 2; i++) {
        v->secret[i] %= VERIFY_PRIME;
    }

    return v;
}


static void
verify_free_chain(verify_chain_t *chain)
{
    size_t           i;
    verify_claim_t  *claim;

    if (chain == NULL) {
        return;
    }

    for (i = 0; i < chain->n; i++) {
        free(chain->parts[i].marks);
    }

    while ((claim = chain->claims) != NULL) {
        chain->claims = claim->next;
        free(claim);
    }

    free(chain->proof.ends);
    free(chain->parts);
    free(chain);
}


static void
verify_free_writer(const dmp_verify_t *v, verify_writer_t *writer)
{
    size_t             i;
    unsigned           b;
    verify_waiting_t  *waiting;

    for (b = 0; b < v->buckets; b++) {
        verify_free_chain(writer->chains[b]);
    }

    for (i = 0; i < writer->n_epochs; i++) {
        while ((waiting = writer->epochs[i].waiting) != NULL) {
            writer->epochs[i].waiting = waiting->next;
            free(waiting);
        }
    }

    EVP_PKEY_free(writer->key);
    free(writer->last.data);
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
    free(v->names);
    free(v->records.table);
    free(v->records.lists);
    free(v->receipts.table);
    free(v->recoveries);
    free(v->commands);
    free(v->findings);
    free(v->odd);
    free(v);
}


void
dmp_verify_now(dmp_verify_t *v, int64_t now_ms)
{
    v->now_ms = now_ms;
}


void
dmp_verify_since_recovery(dmp_verify_t *v)
{
    v->since_recovery = true;
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


/* The place of that name in the table, or the free one for it. */
static uint32_t *
verify_name(const dmp_verify_t *v, dmp_str_t name)
{
    size_t  i;

    i = verify_slot(v, name.data, name.len) & (v->size_names - 1);

    while (v->names[i] != 0 && !verify_is(v->writers[v->names[i] - 1], name)) {
        i = (i + 1) & (v->size_names - 1);
    }

    return &v->names[i];
}


/* The table is never more than half full. */
static bool
verify_grow_names(dmp_verify_t *v)
{
    size_t            i, size;
    uint32_t         *old;
    verify_writer_t  *w;

    if (v->n_writers < v->size_names / 2) {
        return true;
    }

    old = v->names;
    size = v->size_names == 0 ? 64 : v->size_names * 2;
    v->names = calloc(size, sizeof(*v->names));

    if (v->names == NULL) {
        v->names = old;
        v->no_memory = true;
        return false;
    }

    free(old);
    v->size_names = size;

    for (i = 0; i < v->n_writers; i++) {
        w = v->writers[i];
        *verify_name(v, (dmp_str_t) { w->name, w->name_len })
            = (uint32_t) i + 1;
    }

    return true;
}


static verify_writer_t *
verify_new_writer(dmp_verify_t *v, dmp_str_t name)
{
    verify_writer_t  *writer, **slot;

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
    *verify_name(v, name) = (uint32_t) v->n_writers + 1;
    *slot = writer;
    v->n_writers++;

    return writer;
}


verify_writer_t *
verify_writer(dmp_verify_t *v, dmp_str_t name, bool create)
{
    uint32_t  index;

    if (v->recent != NULL && verify_is(v->recent, name)) {
        return v->recent;
    }

    if (name.len > DMP_WRITER_MAX || !verify_grow_names(v)) {
        return NULL;
    }

    index = *verify_name(v, name);

    if (index != 0) {
        v->recent = v->writers[index - 1];

    } else {
        v->recent = create ? verify_new_writer(v, name) : NULL;
    }

    return v->recent;
}


/* Where that epoch is in the list, or would be. */
static size_t
verify_find_epoch(const verify_writer_t *writer, uint64_t epoch)
{
    size_t  low, high, middle;

    low = 0;
    high = writer->n_epochs;

    if (high > 0 && writer->epochs[high - 1].epoch < epoch) {
        return high;
    }

    while (low < high) {
        middle = low + (high - low) / 2;

        if (writer->epochs[middle].epoch < epoch) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


verify_writer_t *
verify_known_writer(const dmp_verify_t *v, dmp_str_t name)
{
    uint32_t  index;

    if (v->size_names == 0) {
        return NULL;
    }

    index = *verify_name(v, name);

    return index != 0 ? v->writers[index - 1] : NULL;
}


verify_epoch_t *
verify_epoch(dmp_verify_t *v, verify_writer_t *writer, uint64_t epoch,
    bool create)
{
    size_t           i;
    verify_epoch_t  *e;

    i = verify_find_epoch(writer, epoch);

    if (i < writer->n_epochs && writer->epochs[i].epoch == epoch) {
        return &writer->epochs[i];
    }

    if (!create || writer->n_epochs == VERIFY_EPOCHS_MAX
        || verify_grow(v, (void **) &writer->epochs, writer->n_epochs,
                       &writer->size_epochs, sizeof(*e)) == NULL)
    {
        return NULL;
    }

    e = &writer->epochs[i];
    memmove(e + 1, e, (writer->n_epochs - i) * sizeof(*e));
    memset(e, 0, sizeof(*e));
    e->epoch = epoch;
    writer->n_epochs++;

    return e;
}


const verify_epoch_t *
verify_known_epoch(const verify_writer_t *writer, uint64_t epoch)
{
    size_t  i;

    i = verify_find_epoch(writer, epoch);

    return i < writer->n_epochs && writer->epochs[i].epoch == epoch
           ? &writer->epochs[i] : NULL;
}


bool
verify_room_for_writer(dmp_verify_t *v, dmp_str_t name)
{
    return v->n_loose < VERIFY_LOOSE_MAX
           || verify_writer(v, name, false) != NULL;
}


bool
verify_room_for_epoch(dmp_verify_t *v, verify_writer_t *writer, uint64_t epoch)
{
    return writer->n_uncertain < VERIFY_UNCERTAIN_MAX
           || verify_epoch(v, writer, epoch, false) != NULL;
}


void
verify_counted(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e)
{
    if (!writer->certified && !writer->counted) {
        writer->counted = true;
        v->n_loose++;
    }

    if (e != NULL && !e->certified && !e->counted) {
        e->counted = true;
        writer->n_uncertain++;
    }
}


void
verify_certain(dmp_verify_t *v, verify_writer_t *writer, verify_epoch_t *e)
{
    if (writer->counted) {
        writer->counted = false;
        v->n_loose--;
    }

    if (e->counted) {
        e->counted = false;
        writer->n_uncertain--;
    }

    writer->certified = true;
    e->certified = true;
}


verify_chain_t *
verify_chain(dmp_verify_t *v, verify_writer_t *writer, unsigned bucket)
{
    verify_chain_t  *chain;

    chain = writer->chains[bucket];

    if (chain == NULL) {
        chain = calloc(1, sizeof(*chain));

        if (chain == NULL) {
            v->no_memory = true;
            return NULL;
        }

        chain->claims_end = &chain->claims;
        writer->chains[bucket] = chain;
    }

    return chain;
}


bool
dmp_verify_writers(const dmp_verify_t *v, unsigned bucket, size_t *pos,
    dmp_str_t *writer)
{
    verify_writer_t  *w;

    while (*pos < v->n_writers) {
        w = v->writers[(*pos)++];

        if (bucket < v->buckets && w->chains[bucket] != NULL
            && w->chains[bucket]->last.seq != 0)
        {
            writer->data = w->name;
            writer->len = w->name_len;
            return true;
        }
    }

    return false;
}
