/*
 * dmpctl_keygen.c: new keys in files that only their owner reads.  It never
 * opens a file that exists.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "dmpctl.h"


static FILE *
keygen_create(const char *path)
{
    int    fd;
    FILE  *f;

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        tool_error("%s: %s", path, strerror(errno));
        return NULL;
    }

    f = fdopen(fd, "w");
    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        (void) close(fd);            /* nothing was written */
    }

    return f;
}


/* Closes a key file; removes it unless all of it is on disk. */
static bool
keygen_finish(FILE *f, const char *path, bool ok)
{
    ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
    ok = fclose(f) == 0 && ok;

    if (!ok) {
        tool_error("%s: cannot write", path);
        (void) unlink(path);         /* ours, and of no use */
    }

    return ok;
}


static bool
keygen_hex(const char *path)
{
    bool                ok;
    FILE               *f;
    size_t              i;
    unsigned char       key[DMP_KEY_LEN];
    char                text[2 * DMP_KEY_LEN + 1];
    static const char   hex[] = "0123456789abcdef";

    f = keygen_create(path);
    if (f == NULL) {
        return false;
    }

    ok = RAND_priv_bytes(key, sizeof(key)) == 1;

    for (i = 0; i < sizeof(key); i++) {
        text[2 * i] = hex[key[i] >> 4];
        text[2 * i + 1] = hex[key[i] & 15];
    }

    text[2 * DMP_KEY_LEN] = '\n';
    ok = ok && fwrite(text, 1, sizeof(text), f) == sizeof(text);
    ok = keygen_finish(f, path, ok);
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));

    return ok;
}


static bool
keygen_pair(const char *private_path, const char *public_path, bool session)
{
    bool       ok;
    FILE      *f;
    EVP_PKEY  *key;

    key = session ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL) {
        tool_error("no key could be made");
        return false;
    }

    f = keygen_create(private_path);
    ok = f != NULL
         && keygen_finish(f, private_path,
                          PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
                                               NULL) == 1);

    if (ok) {
        f = keygen_create(public_path);
        ok = f != NULL
             && keygen_finish(f, public_path, PEM_write_PUBKEY(f, key) == 1);

        if (!ok) {
            (void) unlink(private_path);     /* ours: half a pair */
        }
    }

    EVP_PKEY_free(key);

    return ok;
}


int
dmpctl_keygen(int argc, char **argv)
{
    bool                   ok, pair;
    char                   private_path[4096], public_path[4096];
    size_t                 i;
    const char            *kind;
    tool_list_t            words;
    static const char     *kinds[] = {
        "audit", "seal", "session", "record", "pseudonym"
    };
    const tool_option_t    options[] = {
        { NULL, NULL, NULL, NULL }
    };

    if (!tool_options(argc, argv, options, &words) || words.n != 2) {
        return TOOL_USAGE;
    }

    kind = words.item[0];

    for (i = 0; i < 5 && strcmp(kinds[i], kind) != 0; i++) {
        /* look for it */
    }

    if (i == 5) {
        tool_error("there is no kind of key \"%s\"", kind);
        return TOOL_USAGE;
    }

    pair = i < 3;

    if ((size_t) snprintf(private_path, sizeof(private_path), "%s/%s.key",
                          words.item[1], kind) >= sizeof(private_path)
        || (size_t) snprintf(public_path, sizeof(public_path), "%s/%s.pub",
                             words.item[1], kind) >= sizeof(public_path))
    {
        tool_error("%s: name too long", words.item[1]);
        return TOOL_USAGE;
    }

    ok = pair ? keygen_pair(private_path, public_path, i == 2)
              : keygen_hex(private_path);

    if (!ok) {
        return TOOL_FAILED;
    }

    printf("%s\n", private_path);

    if (pair) {
        printf("%s\n", public_path);
    }

    return TOOL_DONE;
}
