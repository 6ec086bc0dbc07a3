/*
 * files.c: options, files and keys, for all commands.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include <utf8proc.h>

#include "dmpctl.h"


const char  *tool_program = "dmpctl";

static int64_t  progress_last_ms;
static bool     progress_shown;


/* Whether it only shows itself. */
static bool
tool_shows(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {

    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;

    default:
        return true;
    }
}


void
tool_text(FILE *out, dmp_str_t text)
{
    size_t                i, n;
    utf8proc_int32_t      c;
    const unsigned char  *p;

    p = (const unsigned char *) text.data;

    for (i = 0; i < text.len; i += n) {
        n = dmp_utf8_length(p + i, p + text.len);

        if (n == 0) {
            n = 1;
            fprintf(out, "\\x%02x", p[i]);
            continue;
        }

        (void) utf8proc_iterate(p + i, (utf8proc_ssize_t) n, &c);

        if (tool_shows(c)) {
            (void) fwrite(p + i, 1, n, out);

        } else {
            fprintf(out, "\\u{%x}", (unsigned) c);
        }
    }
}


/* It quotes words of others: no byte of theirs acts on a terminal. */
void
tool_error(const char *format, ...)
{
    int       n;
    char     *text;
    va_list   args;

    tool_progress_end();
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);

    fprintf(stderr, "%s: ", tool_program);

    if (n < 0) {
        fputs("no memory", stderr);

    } else {
        tool_text(stderr, (dmp_str_t) { text, (size_t) n });
        free(text);
    }

    fputc('\n', stderr);
}


static bool
tool_take(const tool_option_t *o, const char *value)
{
    if (o->text != NULL) {
        if (*o->text != NULL) {
            tool_error("%s is given twice", o->name);
            return false;
        }

        *o->text = value;
        return true;
    }

    if (o->list->n == TOOL_LIST_MAX) {
        tool_error("%s is given more than %d times", o->name, TOOL_LIST_MAX);
        return false;
    }

    o->list->item[o->list->n++] = value;

    return true;
}


bool
tool_options(int argc, char **argv, const tool_option_t *options,
    tool_list_t *words)
{
    int                   i;
    const tool_option_t  *o;

    words->n = 0;

    for (i = 0; i < argc; i++) {
        if (argv[i][0] != '-' || strcmp(argv[i], "-") == 0) {
            if (words->n == TOOL_LIST_MAX) {
                tool_error("too many arguments");
                return false;
            }

            words->item[words->n++] = argv[i];
            continue;
        }

        for (o = options; o->name != NULL && strcmp(o->name, argv[i]) != 0;
             o++)
        {
            /* look for it */
        }

        if (o->name == NULL) {
            tool_error("unknown option \"%s\"", argv[i]);
            return false;
        }

        if (o->flag != NULL) {
            *o->flag = true;
            continue;
        }

        if (i + 1 == argc) {
            tool_error("%s needs a value", o->name);
            return false;
        }

        if (!tool_take(o, argv[++i])) {
            return false;
        }
    }

    return true;
}


char *
tool_read(const char *path, size_t max, size_t *len)
{
    char    *data;
    FILE    *f;
    size_t   n;

    f = fopen(path, "r");
    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return NULL;
    }

    data = malloc(max + 1);
    if (data == NULL) {
        tool_error("no memory");
        (void) fclose(f);            /* only read from */
        return NULL;
    }

    n = fread(data, 1, max + 1, f);

    if (ferror(f) || n > max) {
        tool_error("%s: %s", path, n > max ? "larger than expected"
                                           : "cannot be read");
        free(data);
        data = NULL;
    }

    (void) fclose(f);                /* only read from */
    *len = n;

    return data;
}


bool
tool_keyring(const tool_list_t *paths, dmp_keyring_t *ring)
{
    char       *data;
    size_t      i, len;
    dmp_rc_t    rc;

    for (i = 0; i < paths->n; i++) {
        data = tool_read(paths->item[i], 4096, &len);
        if (data == NULL) {
            return false;
        }

        rc = dmp_keyring_add(ring, (dmp_str_t) { data, len });
        OPENSSL_cleanse(data, len);
        free(data);

        if (rc != DMP_OK) {
            tool_error("%s: line 1: %s", paths->item[i], rc == DMP_E_LIMIT
                       ? "too many record keys" : "not 64 hex digits");
            return false;
        }
    }

    return true;
}


bool
tool_key(const char *path, unsigned char key[DMP_KEY_LEN])
{
    char      *data;
    size_t     len;
    dmp_rc_t   rc;

    data = tool_read(path, 4096, &len);
    if (data == NULL) {
        return false;
    }

    rc = dmp_key_parse((dmp_str_t) { data, len }, key);
    OPENSSL_cleanse(data, len);
    free(data);

    if (rc != DMP_OK) {
        tool_error("%s: line 1: not 64 hex digits", path);
        return false;
    }

    return true;
}


static EVP_PKEY *
tool_pem(const char *path, bool private_key)
{
    FILE      *f;
    EVP_PKEY  *key;

    f = fopen(path, "r");
    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return NULL;
    }

    /* An empty password: an encrypted key is refused instead of asked for. */
    key = private_key ? PEM_read_PrivateKey(f, NULL, NULL, (char *) "")
                      : PEM_read_PUBKEY(f, NULL, NULL, NULL);
    (void) fclose(f);                /* only read from */

    if (key != NULL && EVP_PKEY_is_a(key, "ED25519") != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }

    if (key == NULL) {
        tool_error("%s: not an Ed25519 %s key in PEM", path,
                   private_key ? "private" : "public");
    }

    return key;
}


EVP_PKEY *
tool_private_key(const char *path)
{
    return tool_pem(path, true);
}


EVP_PKEY *
tool_public_key(const char *path)
{
    return tool_pem(path, false);
}


static int64_t
tool_clock_ms(clockid_t id)
{
    struct timespec  t;

    /* Cannot fail for these two clocks. */
    (void) clock_gettime(id, &t);

    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}


int64_t
tool_now_ms(void)
{
    return tool_clock_ms(CLOCK_REALTIME);
}


int64_t
tool_monotonic_ms(void)
{
    return tool_clock_ms(CLOCK_MONOTONIC);
}


void
tool_progress(const char *format, ...)
{
    int64_t  now;
    va_list  args;

    now = tool_monotonic_ms();

    if (now - progress_last_ms < 500 || isatty(STDERR_FILENO) != 1) {
        return;
    }

    progress_last_ms = now;
    progress_shown = true;
    fputs("\r\033[K", stderr);
    va_start(args, format);
    (void) vfprintf(stderr, format, args);
    va_end(args);
}


void
tool_progress_end(void)
{
    if (progress_shown) {
        fputs("\r\033[K", stderr);
        progress_shown = false;
    }
}
