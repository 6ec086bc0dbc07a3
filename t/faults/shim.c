/*
 * shim.c: stands before a store's fsync() and fdatasync() (LD_PRELOAD) and
 * writes down how much of each file a completed one covers, so that a power
 * failure can be played: kill the store, cut its files back to that.  Told to,
 * it lets them fail, or take long.
 *
 * It also moves the clock of any process, but not its monotonic one.
 *
 *   DMP_SHIM_RECORD   a line "SIZE PATH" for each that was completed
 *   DMP_SHIM_CONTROL  what to do, read each time: empty, "eio", "enospc", or
 *                     "slow MILLISECONDS"
 *   DMP_SHIM_CLOCK    a file of eight bytes: an integer, as this machine has
 *                     them, of seconds to be added to the time
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


#define SHIM_PATH  1024

typedef int (*shim_sync_pt)(int fd);

int fsync(int fd);
int fdatasync(int fd);


/* NULL: the clock is left alone.  Shared with who moves it. */
static const volatile int64_t  *shim_clock;


/* The path of a file of the log of commands; false: it is another. */
static int
shim_path(int fd, char *path, size_t size)
{
    char     name[64];
    ssize_t  n;

    if (snprintf(name, sizeof(name), "/proc/self/fd/%d", fd) < 0) {
        return 0;
    }

    n = readlink(name, path, size - 1);

    if (n <= 0) {
        return 0;
    }

    path[n] = '\0';

    return strstr(path, "/appendonlydir/") != NULL;
}


static void
shim_slow(unsigned long ms)
{
    struct timespec  left;

    left.tv_sec = (time_t) (ms / 1000);
    left.tv_nsec = (long) (ms % 1000) * 1000000;

    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
        /* the rest */
    }
}


/* 0, or the error that it is to end with. */
static int
shim_told(void)
{
    int          fd;
    char         text[64];
    ssize_t      n;
    const char  *path;

    path = getenv("DMP_SHIM_CONTROL");

    if (path == NULL) {
        return 0;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    n = read(fd, text, sizeof(text) - 1);
    (void) close(fd);                    /* nothing was written */

    text[n > 0 ? n : 0] = '\0';

    if (strncmp(text, "slow ", 5) == 0) {
        shim_slow(strtoul(text + 5, NULL, 10));
        return 0;
    }

    return strncmp(text, "eio", 3) == 0 ? EIO
           : strncmp(text, "enospc", 6) == 0 ? ENOSPC : 0;
}


static void
shim_record(const char *path, long long size)
{
    int          fd, n;
    char         line[SHIM_PATH + 32];
    const char  *to;

    to = getenv("DMP_SHIM_RECORD");

    if (to == NULL) {
        return;
    }

    n = snprintf(line, sizeof(line), "%lld %s\n", size, path);
    fd = open(to, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0644);

    /* a size that is not told would make the test lose what was saved */
    if (n < 0 || fd == -1 || write(fd, line, (size_t) n) != n) {
        abort();
    }

    (void) close(fd);
}


static int
shim_sync(const char *name, int fd)
{
    int           rc, error;
    char          path[SHIM_PATH];
    struct stat   st;
    shim_sync_pt  sync_file;

    /* a pointer to a function, as POSIX has it taken from dlsym() */
    *(void **) &sync_file = dlsym(RTLD_NEXT, name);

    if (sync_file == NULL) {
        abort();
    }

    if (!shim_path(fd, path, sizeof(path))) {
        return sync_file(fd);
    }

    /* what is written while it runs, it may not cover */
    if (fstat(fd, &st) == -1) {
        return -1;
    }

    error = shim_told();

    if (error != 0) {
        errno = error;
        return -1;
    }

    rc = sync_file(fd);

    if (rc == 0 && S_ISREG(st.st_mode)) {
        shim_record(path, (long long) st.st_size);
    }

    return rc;
}


int
fsync(int fd)
{
    return shim_sync("fsync", fd);
}


int
fdatasync(int fd)
{
    return shim_sync("fdatasync", fd);
}


/*
 * Allocators ask for the time while they start, so nothing here may allocate;
 * and nginx takes the environment away from its workers.
 */
static void __attribute__((constructor))
shim_init(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("DMP_SHIM_CLOCK");

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        abort();
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);                    /* the mapping stays */

    if (p == MAP_FAILED) {
        abort();
    }

    shim_clock = p;
}


static time_t
shim_moved(time_t seconds)
{
    return (shim_clock != NULL) ? seconds + (time_t) *shim_clock : seconds;
}


int
clock_gettime(clockid_t id, struct timespec *t)
{
    if (syscall(SYS_clock_gettime, id, t) == -1) {
        return -1;
    }

    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        t->tv_sec = shim_moved(t->tv_sec);
    }

    return 0;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  t;

    (void) tz;                           /* obsolete */

    if (clock_gettime(CLOCK_REALTIME, &t) == -1) {
        return -1;
    }

    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *to)
{
    struct timespec  t;

    if (clock_gettime(CLOCK_REALTIME, &t) == -1) {
        return (time_t) -1;
    }

    if (to != NULL) {
        *to = t.tv_sec;
    }

    return t.tv_sec;
}
