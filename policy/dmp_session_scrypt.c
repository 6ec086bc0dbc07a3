/*
 * dmp_session_scrypt.c: what is kept of a password.  Slow and large by intent,
 * within a limit of memory that is set here: no default of the library's
 * decides whether a password can be checked.
 */

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <dmp/dmp_session.h>


#define SCRYPT_N  32768
#define SCRYPT_R  8
#define SCRYPT_P  1


bool
dmp_scrypt(dmp_str_t password, const unsigned char salt[DMP_SCRYPT_SALT],
    unsigned char hash[DMP_SCRYPT_HASH])
{
    bool  done;

    memset(hash, 0, DMP_SCRYPT_HASH);

    if (password.len == 0 || password.len > DMP_PASSWORD_MAX) {
        return false;
    }

    /* a refusal for memory would stay in the queue of this thread */
    (void) ERR_set_mark();  /* fails on an empty queue: all of it is ours */

    done = EVP_PBE_scrypt(password.data, password.len, salt, DMP_SCRYPT_SALT,
                          SCRYPT_N, SCRYPT_R, SCRYPT_P, DMP_SCRYPT_MEMORY,
                          hash, DMP_SCRYPT_HASH) == 1;

    (void) ERR_pop_to_mark();  /* without a mark it empties the queue */

    if (!done) {
        OPENSSL_cleanse(hash, DMP_SCRYPT_HASH);
    }

    return done;
}
