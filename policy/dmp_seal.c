/*
 * dmp_seal.c: what keeps the store's owner from reading records and from
 * swapping them: authenticated encryption under the record keys, and the
 * pseudonymous names of keys.  It must never be given a key that it did not
 * check, and leaves no key behind on its stack.
 */

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <dmp/dmp_record.h>

#include "dmp_hash.h"


#define SEAL_FORMAT      1
#define SEAL_KEY_ID_LEN  4
#define SEAL_NONCE_LEN   12
#define SEAL_TAG_LEN     16
#define SEAL_NONCE       (1 + SEAL_KEY_ID_LEN)
#define SEAL_TEXT        (SEAL_NONCE + SEAL_NONCE_LEN)

#define KEY_BUCKET_LEN   10              /* "{dmp:255}:" */


/*
 * Algorithms, looked up once for the life of the process: in OpenSSL 3 the
 * look-up costs more than the work.  Never changed and never freed afterwards.
 */
static struct {
    CRYPTO_ONCE  once;
    EVP_CIPHER  *gcm;
    EVP_MAC     *hmac;
    EVP_MD      *sha256;
} seal_algorithms = { CRYPTO_ONCE_STATIC_INIT, NULL, NULL, NULL };


static void
seal_fetch(void)
{
    seal_algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    seal_algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    seal_algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}


static bool
seal_ready(void)
{
    return CRYPTO_THREAD_run_once(&seal_algorithms.once, seal_fetch) == 1
           && seal_algorithms.gcm != NULL
           && seal_algorithms.hmac != NULL
           && seal_algorithms.sha256 != NULL;
}


static int
seal_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}


static bool
seal_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


dmp_rc_t
dmp_key_parse(dmp_str_t hex, unsigned char key[DMP_KEY_LEN])
{
    int     high, low;
    size_t  i;

    while (hex.len > 0 && seal_is_space(hex.data[0])) {
        hex.data++;
        hex.len--;
    }

    while (hex.len > 0 && seal_is_space(hex.data[hex.len - 1])) {
        hex.len--;
    }

    memset(key, 0, DMP_KEY_LEN);

    if (hex.len != 2 * DMP_KEY_LEN) {
        return DMP_E_SYNTAX;
    }

    for (i = 0; i < DMP_KEY_LEN; i++) {
        high = seal_hex(hex.data[2 * i]);
        low = seal_hex(hex.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            OPENSSL_cleanse(key, DMP_KEY_LEN);
            return DMP_E_SYNTAX;
        }

        key[i] = (unsigned char) (high << 4 | low);
    }

    return DMP_OK;
}


dmp_rc_t
dmp_keyring_add(dmp_keyring_t *ring, dmp_str_t hex)
{
    dmp_rc_t       rc;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    if (ring->n >= DMP_KEYRING_MAX) {
        return DMP_E_LIMIT;
    }

    rc = dmp_key_parse(hex, ring->key[ring->n]);
    if (rc != DMP_OK) {
        return rc;
    }

    if (!seal_ready()
        || EVP_Digest(ring->key[ring->n], DMP_KEY_LEN, digest, NULL,
                      seal_algorithms.sha256, NULL) != 1)
    {
        return DMP_E_INTERNAL;
    }

    memcpy(ring->id[ring->n], digest, SEAL_KEY_ID_LEN);
    OPENSSL_cleanse(digest, sizeof(digest));
    ring->n++;

    return DMP_OK;
}


/*
 * Name, field and version as associated data.  Lengths come first, so that no
 * two triples have the same bytes.
 */
static bool
seal_bind(EVP_CIPHER_CTX *ctx, dmp_str_t name, dmp_str_t field,
    uint64_t version)
{
    int            n;
    size_t         i;
    unsigned char  head[20];

    if (name.len > 0xffff || field.len > 0xffff) {
        return false;
    }

    memcpy(head, "dmp1", 4);

    for (i = 0; i < 8; i++) {
        head[4 + i] = (unsigned char) (version >> (56 - 8 * i));
    }

    for (i = 0; i < 4; i++) {
        head[12 + i] = (unsigned char) (name.len >> (24 - 8 * i));
        head[16 + i] = (unsigned char) (field.len >> (24 - 8 * i));
    }

    return EVP_CipherUpdate(ctx, NULL, &n, head, sizeof(head)) == 1
           && (name.len == 0
               || EVP_CipherUpdate(ctx, NULL, &n,
                                   (const unsigned char *) name.data,
                                   (int) name.len) == 1)
           && (field.len == 0
               || EVP_CipherUpdate(ctx, NULL, &n,
                                   (const unsigned char *) field.data,
                                   (int) field.len) == 1);
}


dmp_rc_t
dmp_seal(const dmp_keyring_t *ring, dmp_str_t name, dmp_str_t field,
    uint64_t version, const char *text, size_t len, char *out, size_t *out_len)
{
    int              n;
    dmp_rc_t         rc;
    unsigned char   *p;
    EVP_CIPHER_CTX  *ctx;

    *out_len = 0;

    if (ring->n == 0 || !seal_ready()) {
        return DMP_E_INTERNAL;
    }

    if (len > INT32_MAX - DMP_SEAL_OVERHEAD) {
        return DMP_E_LIMIT;
    }

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return DMP_E_NOMEM;
    }

    rc = DMP_E_INTERNAL;
    p = (unsigned char *) out;
    p[0] = SEAL_FORMAT;
    memcpy(p + 1, ring->id[0], SEAL_KEY_ID_LEN);

    if (RAND_bytes(p + SEAL_NONCE, SEAL_NONCE_LEN) != 1
        || EVP_CipherInit_ex2(ctx, seal_algorithms.gcm, ring->key[0],
                              p + SEAL_NONCE, 1, NULL) != 1
        || !seal_bind(ctx, name, field, version))
    {
        goto done;
    }

    n = 0;

    /* An update with no bytes would end the associated data differently. */
    if (len > 0
        && EVP_CipherUpdate(ctx, p + SEAL_TEXT, &n,
                            (const unsigned char *) text, (int) len) != 1)
    {
        goto done;
    }

    if (EVP_CipherFinal_ex(ctx, p + SEAL_TEXT + len, &n) != 1
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN,
                               p + SEAL_TEXT + len) != 1)
    {
        goto done;
    }

    *out_len = len + DMP_SEAL_OVERHEAD;
    rc = DMP_OK;

done:

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


static const unsigned char *
seal_key(const dmp_keyring_t *ring, const unsigned char *id)
{
    unsigned  i;

    for (i = 0; i < ring->n; i++) {
        if (memcmp(ring->id[i], id, SEAL_KEY_ID_LEN) == 0) {
            return ring->key[i];
        }
    }

    return NULL;
}


dmp_rc_t
dmp_unseal(const dmp_keyring_t *ring, dmp_str_t name, dmp_str_t field,
    uint64_t version, const char *sealed, size_t len, char *out,
    size_t *out_len)
{
    int                   n;
    size_t                text_len;
    dmp_rc_t              rc;
    unsigned char         tag[SEAL_TAG_LEN];
    EVP_CIPHER_CTX       *ctx;
    const unsigned char  *p, *key;

    *out_len = 0;
    p = (const unsigned char *) sealed;

    if (len < DMP_SEAL_OVERHEAD || p[0] != SEAL_FORMAT) {
        return DMP_E_REFUSED;
    }

    if (len > INT32_MAX) {
        return DMP_E_LIMIT;
    }

    key = seal_key(ring, p + 1);
    if (key == NULL) {
        return DMP_E_REFUSED;
    }

    if (!seal_ready()) {
        return DMP_E_INTERNAL;
    }

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return DMP_E_NOMEM;
    }

    rc = DMP_E_REFUSED;
    text_len = len - DMP_SEAL_OVERHEAD;
    memcpy(tag, p + SEAL_TEXT + text_len, SEAL_TAG_LEN);
    n = 0;

    if (EVP_CipherInit_ex2(ctx, seal_algorithms.gcm, key, p + SEAL_NONCE, 0,
                           NULL) != 1
        || !seal_bind(ctx, name, field, version)
        || (text_len > 0
            && EVP_CipherUpdate(ctx, (unsigned char *) out, &n,
                                p + SEAL_TEXT, (int) text_len) != 1)
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN,
                               tag) != 1
        || EVP_CipherFinal_ex(ctx, (unsigned char *) out + text_len, &n) != 1)
    {
        /* What was decrypted before the tag was checked is not text. */
        OPENSSL_cleanse(out, text_len);
        goto done;
    }

    *out_len = text_len;
    rc = DMP_OK;

done:

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


dmp_rc_t
dmp_pseudonym(const unsigned char key[DMP_KEY_LEN], dmp_str_t ins,
    char out[DMP_PSEUDONYM_LEN])
{
    char           digest_name[] = "SHA256";
    size_t         n;
    dmp_rc_t       rc;
    dmp_buf_t      b;
    OSSL_PARAM     params[2];
    EVP_MAC_CTX   *ctx;
    unsigned char  mac[SHA256_DIGEST_LENGTH];

    memset(out, 0, DMP_PSEUDONYM_LEN);

    if (ins.len == 0 || !seal_ready()) {
        return DMP_E_INTERNAL;
    }

    ctx = EVP_MAC_CTX_new(seal_algorithms.hmac);
    if (ctx == NULL) {
        return DMP_E_NOMEM;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 digest_name, 0);
    params[1] = OSSL_PARAM_construct_end();
    rc = DMP_E_INTERNAL;

    if (EVP_MAC_init(ctx, key, DMP_KEY_LEN, params) == 1
        && EVP_MAC_update(ctx, (const unsigned char *) ins.data, ins.len) == 1
        && EVP_MAC_final(ctx, mac, &n, sizeof(mac)) == 1
        && n == sizeof(mac))
    {
        dmp_buf_init(&b, out, DMP_PSEUDONYM_LEN);
        dmp_buf_base64url(&b, mac, 16);
        rc = (b.full || b.len != DMP_PSEUDONYM_LEN) ? DMP_E_INTERNAL : DMP_OK;
    }

    OPENSSL_cleanse(mac, sizeof(mac));
    EVP_MAC_CTX_free(ctx);

    return rc;
}


unsigned
dmp_bucket(const char pseudonym[DMP_PSEUDONYM_LEN], unsigned buckets)
{
    unsigned char  digest[DMP_HASH_LEN];

    /* A failure lands in bucket 0, where the record is not: denied. */
    if (buckets == 0 || !dmp_hash(pseudonym, DMP_PSEUDONYM_LEN, digest)) {
        return 0;
    }

    return digest[0] % buckets;
}


/* "{dmp:07}:" to "{dmp:255}:"; returns its length. */
static size_t
key_bucket(char *out, unsigned bucket)
{
    size_t  n;

    memcpy(out, "{dmp:", 5);
    n = 5;

    if (bucket > 99) {
        out[n++] = (char) ('0' + bucket / 100 % 10);
    }

    out[n++] = (char) ('0' + bucket / 10 % 10);
    out[n++] = (char) ('0' + bucket % 10);
    out[n++] = '}';
    out[n++] = ':';

    return n;
}


size_t
dmp_key_name(char out[DMP_KEY_NAME_MAX], unsigned bucket, const char *kind,
    dmp_str_t suffix)
{
    size_t  n, kind_len;

    kind_len = strlen(kind);

    /* A name cut short would be another key. */
    if (bucket >= DMP_BUCKETS_MAX || kind_len > DMP_KEY_NAME_MAX
        || suffix.len > DMP_KEY_NAME_MAX
        || KEY_BUCKET_LEN + kind_len + 1 + suffix.len > DMP_KEY_NAME_MAX)
    {
        return 0;
    }

    n = key_bucket(out, bucket);
    memcpy(out + n, kind, kind_len);
    n += kind_len;

    if (suffix.len > 0) {
        out[n++] = ':';
        memcpy(out + n, suffix.data, suffix.len);
        n += suffix.len;
    }

    return n;
}
