/*
 * seal.c KEYFILE P BUCKETS: seals standard input as a gateway seals what a
 * message of the outbox carries, and prints the bucket and the bytes in hex.
 */

#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_record.h>


static size_t
take(FILE *f, char *out, size_t size)
{
    size_t  n;

    n = f != NULL ? fread(out, 1, size, f) : 0;

    if (n == 0 || n == size) {
        fputs("seal: cannot read\n", stderr);
        exit(3);
    }

    return n;
}


int
main(int argc, char **argv)
{
    char            text[4096], hex[256], key[DMP_KEY_NAME_MAX];
    char            sealed[sizeof(text) + DMP_SEAL_OVERHEAD];
    FILE           *f;
    size_t          i, len, n;
    unsigned        bucket;
    dmp_str_t       name;
    dmp_keyring_t   ring;

    if (argc != 4 || strlen(argv[2]) != DMP_PSEUDONYM_LEN) {
        fputs("usage: seal KEYFILE P BUCKETS\n", stderr);
        return 2;
    }

    memset(&ring, 0, sizeof(ring));
    f = fopen(argv[1], "r");
    n = take(f, hex, sizeof(hex));
    (void) fclose(f);                /* only read from */
    len = take(stdin, text, sizeof(text));
    bucket = dmp_bucket(argv[2], (unsigned) strtoul(argv[3], NULL, 10));
    name.data = key;
    name.len = dmp_key_name(key, bucket, "outbox", dmp_null_string);

    if (dmp_keyring_add(&ring, (dmp_str_t) { hex, n }) != DMP_OK
        || dmp_seal(&ring, name, dmp_string("s"), 1, text, len, sealed, &n)
           != DMP_OK)
    {
        fputs("seal: cannot seal\n", stderr);
        return 3;
    }

    printf("%02u ", bucket);

    for (i = 0; i < n; i++) {
        printf("%02x", (unsigned char) sealed[i]);
    }

    putchar('\n');

    return 0;
}
