/*
 * dmp_hash.c: SHA-256 by OpenSSL's own functions for it, on the stack.  Its
 * general ones allocate and look up on each use (OpenSSL's issue 25858), which
 * is a tenth of what verifying an entry costs; they are used where a library
 * was built without the others.
 */

/* Deprecated since 3.0 in favour of the general ones. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "dmp_hash.h"


#ifndef OPENSSL_NO_DEPRECATED_3_0

bool
dmp_hash(const void *data, size_t len, unsigned char out[DMP_HASH_LEN])
{
    SHA256_CTX  ctx;

    return SHA256_Init(&ctx) == 1
           && SHA256_Update(&ctx, data, len) == 1
           && SHA256_Final(out, &ctx) == 1;
}

#else

bool
dmp_hash(const void *data, size_t len, unsigned char out[DMP_HASH_LEN])
{
    return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1;
}

#endif
