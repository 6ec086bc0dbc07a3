/*
 * init_write.c: the files with which the store's server starts.  No file that
 * exists is opened for writing: a password is made once, and the others are
 * the operator's as soon as they stand there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "init.h"
#include "init_text.h"


#define WRITE_BYTES  32                  /* of a password */
#define WRITE_HEX    (2 * WRITE_BYTES)
#define WRITE_NAME   32
#define WRITE_MAX    (256 * 1024)

/* What became of a file. */
typedef enum {
    WRITE_FAILED = 0,
    WRITE_MADE,
    WRITE_KEPT,                          /* it is what would be written */
    WRITE_OTHER                          /* it is not, and was left */
} write_t;

typedef struct {
    const char  *dir;
    json_t      *files;                  /* NULL: say it */
    FILE        *acl;                    /* into memory */
    char        *text;
    size_t       len;
    bool         other;
} write_run_t;


bool
init_path(char *path, size_t size, const char *dir, const char *name,
    const char *more)
{
    int  n;

    n = snprintf(path, size, "%s/%s%s", dir, name, more);

    if (n < 0 || (size_t) n >= size) {
        tool_error("%s: the name is too long", dir);
        return false;
    }

    return true;
}


static void
write_hex(const unsigned char *bytes, size_t n, char *out)
{
    size_t             i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
}


/* All of it on disk, or no file. */
static bool
write_all(int fd, const char *path, const char *text, size_t len)
{
    bool     ok;
    size_t   done;
    ssize_t  n;

    n = 0;

    for (done = 0; done < len; done += (size_t) n) {
        n = write(fd, text + done, len - done);

        if (n < 0) {
            break;
        }
    }

    ok = n >= 0 && fsync(fd) == 0;

    if (!ok) {
        tool_error("%s: %s", path, strerror(errno));
    }

    if (close(fd) != 0 && ok) {
        tool_error("%s: %s", path, strerror(errno));
        ok = false;
    }

    if (!ok) {
        (void) unlink(path);         /* ours, and of no use */
    }

    return ok;
}


static write_t
write_file(const char *path, mode_t mode, const char *text, size_t len)
{
    int     fd;
    bool    same;
    char   *old;
    size_t  old_len;

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd >= 0) {
        return write_all(fd, path, text, len) ? WRITE_MADE : WRITE_FAILED;
    }

    if (errno != EEXIST) {
        tool_error("%s: %s", path, strerror(errno));
        return WRITE_FAILED;
    }

    old = tool_read(path, WRITE_MAX, &old_len);

    if (old == NULL) {
        return WRITE_FAILED;
    }

    same = old_len == len && memcmp(old, text, len) == 0;
    OPENSSL_cleanse(old, old_len);
    free(old);

    return same ? WRITE_KEPT : WRITE_OTHER;
}


static bool
write_say(write_run_t *run, const char *path, write_t what)
{
    static const char *const  words[] = { "", "written", "kept", "differs" };

    if (what == WRITE_OTHER) {
        tool_error("%s exists, is another than would be written, and was "
                   "left: move it away to have it written", path);
        run->other = true;
    }

    if (run->files == NULL) {
        printf("%-8s %s\n", words[what], path);
        return true;
    }

    return json_object_set_new(run->files, path, json_string(words[what]))
           == 0;
}


/*
 * Whether nobody else can have put this here: it is ours or root's, of the
 * type asked for, and has none of the rights "denied" to others.
 */
static bool
write_is_ours(int fd, const char *path, mode_t type, mode_t denied)
{
    struct stat  st;
    const char  *why;

    if (fstat(fd, &st) != 0) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    why = NULL;

    if ((st.st_mode & S_IFMT) != type) {
        why = type == S_IFDIR ? "not a folder" : "not a file";

    } else if (st.st_uid != geteuid() && st.st_uid != 0) {
        why = "it belongs to somebody else";

    } else if ((st.st_mode & denied & (S_IWGRP | S_IWOTH)) != 0) {
        why = "others can write to it";

    } else if ((st.st_mode & denied) != 0) {
        why = "others can read it";
    }

    if (why != NULL) {
        tool_error("%s: %s (owner %lu, mode %03o): it is not used", path, why,
                   (unsigned long) st.st_uid, (unsigned) st.st_mode & 07777U);
    }

    return why == NULL;
}


/* The folder, made unless it is there. */
static bool
write_folder(const char *path)
{
    int   fd;
    bool  ok;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        tool_error("%s: %s", path, strerror(errno));
        return false;
    }

    ok = write_is_ours(fd, path, S_IFDIR, S_IWGRP | S_IWOTH);
    (void) close(fd);

    return ok;
}


/* A password that is there: what nobody else knows, from one open file. */
static write_t
write_old_password(int fd, const char *path, char text[WRITE_HEX + 1])
{
    char     old[WRITE_HEX + 2];
    size_t   len;
    ssize_t  n;
    write_t  what;

    if (!write_is_ours(fd, path, S_IFREG, S_IRWXG | S_IRWXO)) {
        return WRITE_FAILED;
    }

    len = 0;

    do {
        n = read(fd, old + len, sizeof(old) - len);
        len += n > 0 ? (size_t) n : 0;
    } while (n > 0 && len < sizeof(old));

    what = WRITE_FAILED;

    if (n < 0) {
        tool_error("%s: %s", path, strerror(errno));

    } else if (len != WRITE_HEX + 1 || old[WRITE_HEX] != '\n'
               || strspn(old, "0123456789abcdef") != WRITE_HEX)
    {
        tool_error("%s: line 1: not %d hex digits; move it away to have "
                   "another", path, WRITE_HEX);

    } else {
        memcpy(text, old, WRITE_HEX + 1);
        what = WRITE_KEPT;
    }

    OPENSSL_cleanse(old, sizeof(old));

    return what;
}


/* The password of a user, made unless it is there: WRITE_HEX digits. */
static write_t
write_password(const char *path, char text[WRITE_HEX + 1])
{
    int            fd;
    write_t        what;
    unsigned char  bytes[WRITE_BYTES];

    /* a pipe must not hold us up */
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        what = write_old_password(fd, path, text);
        (void) close(fd);

        return what;
    }

    if (errno != ENOENT) {
        tool_error("%s: %s", path, strerror(errno));
        return WRITE_FAILED;
    }

    if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1) {
        tool_error("no random bytes");
        return WRITE_FAILED;
    }

    write_hex(bytes, sizeof(bytes), text);
    text[WRITE_HEX] = '\n';
    what = write_file(path, 0600, text, WRITE_HEX + 1);
    OPENSSL_cleanse(bytes, sizeof(bytes));

    /* somebody else made one in between */
    return what == WRITE_MADE ? what : WRITE_FAILED;
}


/* " #" and the SHA-256 of the user's password. */
static bool
write_user(write_run_t *run, const char *name)
{
    char           path[4096], text[WRITE_HEX + 1], hex[WRITE_HEX + 1];
    write_t        what;
    unsigned int   len;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (!init_path(path, sizeof(path), run->dir, name, ".password")) {
        return false;
    }

    what = write_password(path, text);

    if (what == WRITE_FAILED) {
        return false;
    }

    len = 0;

    if (EVP_Digest(text, WRITE_HEX, digest, &len, EVP_sha256(), NULL) != 1
        || len != WRITE_BYTES)
    {
        tool_error("no SHA-256");
        return false;
    }

    OPENSSL_cleanse(text, sizeof(text));
    write_hex(digest, WRITE_BYTES, hex);
    hex[WRITE_HEX] = '\0';

    return fprintf(run->acl, " #%s", hex) > 0 && write_say(run, path, what);
}


/* "user NAME on rights": the password goes after the third word. */
static bool
write_user_line(write_run_t *run, const char *line, size_t len)
{
    int   words;
    char  name[WRITE_NAME], on[WRITE_NAME];

    words = 0;

    if (sscanf(line, "user %31s %31s%n", name, on, &words) != 2
        || words <= 0 || (size_t) words > len)
    {
        tool_error("the list of users is broken");
        return false;
    }

    if (fprintf(run->acl, "%s%.*s", ftell(run->acl) > 0 ? "\n" : "", words,
                line) < 0)
    {
        return false;
    }

    if (strcmp(name, "default") != 0 && !write_user(run, name)) {
        return false;
    }

    return fprintf(run->acl, "%.*s", (int) len - words, line + words) >= 0;
}


/* Lines that are indented go on with the one before. */
static bool
write_acl(write_run_t *run)
{
    size_t       len;
    const char  *line, *text;

    for (line = init_users_text; *line != '\0';
         line += len + (line[len] == '\n'))
    {
        len = strcspn(line, "\n");

        if (len == 0 || *line == '#') {
            continue;
        }

        if (*line != ' ') {
            if (!write_user_line(run, line, len)) {
                return false;
            }

            continue;
        }

        text = line + strspn(line, " ");

        if (fprintf(run->acl, " %.*s", (int) (len - (size_t) (text - line)),
                    text) < 0)
        {
            return false;
        }
    }

    return fputc('\n', run->acl) != EOF;
}


static bool
write_named(write_run_t *run, const char *name, const char *text, size_t len)
{
    char     path[4096];
    write_t  what;

    if (!init_path(path, sizeof(path), run->dir, name, "")) {
        return false;
    }

    what = write_file(path, 0640, text, len);

    return what != WRITE_FAILED && write_say(run, path, what);
}


static bool
write_run(write_run_t *run)
{
    bool  ok;

    if (!write_folder(run->dir)) {
        return false;
    }

    run->acl = open_memstream(&run->text, &run->len);

    if (run->acl == NULL) {
        tool_error("no memory");
        return false;
    }

    ok = write_acl(run);
    ok = fclose(run->acl) == 0 && ok;

    ok = ok && write_named(run, "users.acl", run->text, run->len)
         && write_named(run, "redis.conf", init_conf_text,
                        sizeof(init_conf_text) - 1);
    free(run->text);

    return ok;
}


int
init_write(const char *dir, bool json)
{
    int          rc;
    write_run_t  run;

    memset(&run, 0, sizeof(run));
    run.dir = dir;

    if (json) {
        run.files = json_object();

        if (run.files == NULL) {
            tool_error("no memory");
            return TOOL_FAILED;
        }
    }

    rc = !write_run(&run) ? TOOL_FAILED : run.other ? TOOL_NO : TOOL_DONE;

    if (json) {
        if (json_dumpf(run.files, stdout, JSON_COMPACT) == 0) {
            putchar('\n');
        }

        json_decref(run.files);
    }

    return rc;
}
