/*
 * cost.c: what a command costs: its CPU time, its time, and the most memory
 * that it held at once.
 *
 *   cost FILE COMMAND [ARGUMENT]...
 *
 * Writes one line of JSON to FILE; the exit code is the command's.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


static void
fail(const char *why)
{
    (void) fprintf(stderr, "cost: %s\n", why);
    exit(125);
}


static int64_t
now_us(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fail("no clock");
    }

    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}


static int64_t
us_of(const struct timeval *time)
{
    return (int64_t) time->tv_sec * 1000000 + time->tv_usec;
}


static void
write_cost(const char *name, const struct rusage *used, int64_t took)
{
    FILE  *file;

    file = fopen(name, "w");
    if (file == NULL) {
        fail("the file cannot be written");
    }

    (void) fprintf(file, "{\"user_us\":%" PRId64 ",\"system_us\":%" PRId64
                   ",\"elapsed_us\":%" PRId64 ",\"peak_rss_kib\":%ld}\n",
                   us_of(&used->ru_utime), us_of(&used->ru_stime), took,
                   used->ru_maxrss);

    if (fclose(file) != 0) {
        fail("the file cannot be written");
    }
}


int
main(int argc, char **argv)
{
    int            status;
    pid_t          pid;
    int64_t        begun;
    struct rusage  used;

    if (argc < 3) {
        fail("cost FILE COMMAND [ARGUMENT]...");
    }

    begun = now_us();
    pid = fork();

    if (pid == -1) {
        fail("no process");
    }

    if (pid == 0) {
        (void) execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }

    if (wait4(pid, &status, 0, &used) != pid) {
        fail("the command cannot be waited for");
    }

    write_cost(argv[1], &used, now_us() - begun);

    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
