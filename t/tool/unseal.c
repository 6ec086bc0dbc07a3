/*
 * unseal.c: opens what is sealed, for the tests alone: messages in an outbox.
 *
 *   unseal KEYFILE NAME FIELD VERSION <sealed >text
 */

#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_record.h>


#define ROOM  65536


static void
fail(const char *why)
{
    (void) fprintf(stderr, "unseal: %s\n", why);
    exit(1);
}


static dmp_str_t
text_of(const char *s)
{
    return (dmp_str_t) { s, strlen(s) };
}


int
main(int argc, char **argv)
{
    size_t                 n, len;
    FILE                  *f;
    dmp_keyring_t          ring;
    static char            key[4096], sealed[ROOM], text[ROOM];

    if (argc != 5) {
        fail("usage: unseal KEYFILE NAME FIELD VERSION");
    }

    memset(&ring, 0, sizeof(ring));
    f = fopen(argv[1], "r");
    n = (f != NULL) ? fread(key, 1, sizeof(key), f) : 0;

    if (f == NULL || fclose(f) != 0
        || dmp_keyring_add(&ring, (dmp_str_t) { key, n }) != DMP_OK)
    {
        fail("no key");
    }

    n = fread(sealed, 1, sizeof(sealed), stdin);

    if (dmp_unseal(&ring, text_of(argv[2]), text_of(argv[3]),
                   strtoull(argv[4], NULL, 10), sealed, n, text, &len)
        != DMP_OK)
    {
        fail("it does not open");
    }

    return fwrite(text, 1, len, stdout) == len ? 0 : 1;
}
