/*
 * dmp_traits.c: the keyed hashes under which a record is found by its
 * patient's traits.  What rule G4 compares letter by letter, the store can
 * only look up: every text that the rule takes has its own hash.
 */

#include <openssl/crypto.h>
#include <utf8proc.h>

#include <dmp/dmp_traits.h>

#include "dmp_fold_int.h"


#define TRAITS_DOMAIN    "dmp-traits"
#define TRAITS_FAMILIES  2               /* family, birth family */

/* Two names of letters that have four bytes each, and the rest. */
#define TRAITS_TEXT_MAX  (2 * 4 * DMP_FOLD_LETTERS + 64)

/* A record's traits, and the hashes that they came to so far. */
typedef struct {
    const unsigned char  *key;
    char                (*out)[DMP_TRAITS_HASH_LEN];
    size_t                n;
    dmp_str_t             birthdate;
    dmp_fold_t            family[TRAITS_FAMILIES];
    size_t                n_families;
    dmp_fold_t            given;
    size_t                names;
    size_t                start[DMP_FOLD_NAMES + 1];     /* of each name; the
                                                            last: where another
                                                            would begin */
} traits_t;


/* Letters as UTF-8, breaks left out. */
static void
traits_letters(dmp_buf_t *b, const int32_t *letters, size_t n)
{
    size_t             i;
    utf8proc_uint8_t   bytes[4];
    utf8proc_ssize_t   len;

    for (i = 0; i < n; i++) {
        if (letters[i] == DMP_FOLD_BREAK) {
            continue;
        }

        len = utf8proc_encode_char(letters[i], bytes);
        dmp_buf_add(b, (const char *) bytes, (size_t) len);
    }
}


static dmp_rc_t
traits_write(const unsigned char *key, const dmp_fold_t *family,
    const int32_t *given, size_t n_given, dmp_str_t birthdate,
    char out[DMP_TRAITS_HASH_LEN])
{
    char       text[TRAITS_TEXT_MAX];
    dmp_rc_t   rc;
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, TRAITS_DOMAIN, sizeof(TRAITS_DOMAIN));
    traits_letters(&b, family->letters, family->n);
    dmp_buf_add(&b, "", 1);
    traits_letters(&b, given, n_given);
    dmp_buf_add(&b, "", 1);
    dmp_buf_str(&b, birthdate);

    rc = b.full ? DMP_E_LIMIT
                : dmp_pseudonym(key, (dmp_str_t) { text, b.len }, out);

    OPENSSL_cleanse(text, b.len);

    return rc;
}


dmp_rc_t
dmp_traits_hash(const unsigned char key[DMP_KEY_LEN],
    const dmp_traits_t *traits, char out[DMP_TRAITS_HASH_LEN])
{
    dmp_rc_t    rc;
    dmp_fold_t  family, given;

    memset(out, 0, DMP_TRAITS_HASH_LEN);
    rc = DMP_E_SYNTAX;

    if (dmp_birthdate_known(traits->birthdate) == traits->birthdate.len
        && traits->birthdate.len != 0
        && dmp_fold_text(&family, traits->family, false) && family.n != 0
        && dmp_fold_text(&given, traits->given, false) && given.n != 0)
    {
        rc = traits_write(key, &family, given.letters, given.n,
                          traits->birthdate, out);
    }

    OPENSSL_cleanse(&family, sizeof(family));
    OPENSSL_cleanse(&given, sizeof(given));

    return rc;
}


/* One more hash, unless it is known, or there is no room. */
static dmp_rc_t
traits_add(traits_t *t, const dmp_fold_t *family, size_t from, size_t to)
{
    char      hash[DMP_TRAITS_HASH_LEN];
    size_t    i;
    dmp_rc_t  rc;

    if (t->n == DMP_TRAITS_MAX) {
        return DMP_OK;
    }

    rc = traits_write(t->key, family, t->given.letters + from, to - from,
                      t->birthdate, hash);

    if (rc != DMP_OK) {
        return rc;
    }

    for (i = 0; i < t->n; i++) {
        if (memcmp(t->out[i], hash, sizeof(hash)) == 0) {
            return DMP_OK;
        }
    }

    memcpy(t->out[t->n++], hash, sizeof(hash));

    return DMP_OK;
}


/* So many given names that follow each other, with each family name. */
static dmp_rc_t
traits_runs(traits_t *t, size_t length)
{
    size_t    i, j;
    dmp_rc_t  rc;

    for (i = 0; i + length <= t->names; i++) {
        for (j = 0; j < t->n_families; j++) {
            rc = traits_add(t, &t->family[j], t->start[i],
                            t->start[i + length] - 1);

            if (rc != DMP_OK) {
                return rc;
            }
        }
    }

    return DMP_OK;
}


/* False if the record lacks a trait: then no traits find it. */
static bool
traits_read(traits_t *t, const dmp_record_t *record)
{
    size_t     i;
    dmp_str_t  family;

    t->birthdate = record->birthdate;

    for (i = 0; i < TRAITS_FAMILIES; i++) {
        family = (i == 0) ? record->family : record->birth_family;

        if (dmp_fold_text(&t->family[t->n_families], family, false)
            && t->family[t->n_families].n != 0)
        {
            t->n_families++;
        }
    }

    if (!dmp_fold_text(&t->given, record->given, true)) {
        return false;
    }

    t->names = dmp_fold_names(&t->given);

    return t->names != 0 && t->names <= DMP_FOLD_NAMES
           && t->n_families != 0 && t->birthdate.len != 0
           && dmp_birthdate_known(t->birthdate) == t->birthdate.len;
}


/* The first name begins at 0, and each of the others behind a break. */
static void
traits_starts(traits_t *t)
{
    size_t  i, names;

    names = 0;

    for (i = 0; i < t->given.n; i++) {
        if (t->given.letters[i] == DMP_FOLD_BREAK) {
            t->start[++names] = i + 1;
        }
    }

    t->start[names + 1] = t->given.n + 1;
}


dmp_rc_t
dmp_traits_of_record(const unsigned char key[DMP_KEY_LEN],
    const dmp_record_t *record, char out[DMP_TRAITS_MAX][DMP_TRAITS_HASH_LEN],
    size_t *n)
{
    size_t    length;
    dmp_rc_t  rc;
    traits_t  t;

    memset(out, 0, DMP_TRAITS_MAX * DMP_TRAITS_HASH_LEN);
    memset(&t, 0, sizeof(t));
    t.key = key;
    t.out = out;
    rc = DMP_OK;

    if (traits_read(&t, record)) {
        traits_starts(&t);

        /* what people give: one name, or all that are on the card */

        rc = traits_runs(&t, 1);

        if (rc == DMP_OK) {
            rc = traits_runs(&t, t.names);
        }

        for (length = 2; rc == DMP_OK && length < t.names; length++) {
            rc = traits_runs(&t, length);
        }
    }

    *n = (rc == DMP_OK) ? t.n : 0;
    OPENSSL_cleanse(&t, sizeof(t));

    return rc;
}


size_t
dmp_traits_key(const char hash[DMP_TRAITS_HASH_LEN],
    char out[DMP_TRAITS_KEY_MAX])
{
    dmp_buf_t  b;

    dmp_buf_init(&b, out, DMP_TRAITS_KEY_MAX);
    dmp_buf_text(&b, "dmp:traits:");
    dmp_buf_add(&b, hash, DMP_TRAITS_HASH_LEN);

    return b.len;
}
