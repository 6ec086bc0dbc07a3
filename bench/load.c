/*
 * load.c: HTTP/1.1 over TLS with a client certificate, which wrk and h2load
 * cannot show, or in clear: keep-alive, one request at a time on each
 * connection, targets in turn.  Loopback only; bounded in time and in requests.
 *
 *   load --port N --cert FILE --key FILE --ca FILE | --clear --targets FILE
 *        [--connections N] [--ms N] [--requests N] [--watch NAME=PID]...
 *        [--handshake full|resumed] [--header LINE]
 *
 * A line of the targets is a path and, where that is known, how long the body
 * of the answer must be.  With --handshake each request has a connection of
 * its own, and its latency starts with the connection: always a full handshake,
 * or always a session that an earlier connection was given.
 *
 * Prints one line of JSON.  CPU time is what the watched processes ("self" is
 * this one) used while the load ran, all threads, per request.  Exit code 1 if
 * an answer was not a 200, or of another length.
 */

#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "load.h"


#define MS_MAX     60000
#define PATH_SIZE  320


load_options_t  load_options = {
    .connections = 64, .ms = 1000, .requests = LOAD_REQUESTS_MAX
};


void
load_fail(const char *why)
{
    (void) fprintf(stderr, "load: %s\n", why);
    ERR_print_errors_fp(stderr);
    exit(2);
}


uint64_t
load_now_ns(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        load_fail("no clock");
    }

    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}


static uint64_t
thread_ns(const char *pid, const char *thread)
{
    FILE      *file;
    char       path[PATH_SIZE];
    uint64_t   ns;

    (void) snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid,
                    thread);

    file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }

    if (fscanf(file, "%" SCNu64, &ns) != 1) {
        ns = 0;
    }

    (void) fclose(file);

    return ns;
}


/* Nanoseconds on a CPU, of all threads: one that ends takes its own along. */
static uint64_t
cpu_ns(const char *pid)
{
    DIR            *threads;
    char            path[PATH_SIZE];
    uint64_t        ns;
    struct dirent  *thread;

    (void) snprintf(path, sizeof(path), "/proc/%s/task", pid);

    ns = 0;
    threads = opendir(path);

    while (threads != NULL && (thread = readdir(threads)) != NULL) {
        if (thread->d_name[0] != '.') {
            ns += thread_ns(pid, thread->d_name);
        }
    }

    if (ns == 0) {
        load_fail("a watched process is gone");
    }

    (void) closedir(threads);

    return ns;
}


static int
compare(const void *a, const void *b)
{
    uint32_t  x, y;

    x = *(const uint32_t *) a;
    y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static void
report(const load_done_t *done, uint64_t took_ns)
{
    double                 n;
    size_t                 i;
    uint32_t              *latency;
    const load_watched_t  *watched;

    n = (double) done->n;
    latency = done->latency_ns;
    qsort(latency, done->n, sizeof(latency[0]), compare);

    (void) printf("{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.3f,"
                  "\"rate\":%.1f,\"body\":%.0f,\"p10_us\":%.1f,"
                  "\"p50_us\":%.1f,\"p99_us\":%.1f,"
                  "\"max_us\":%.1f",
                  done->n, done->errors, (double) took_ns / 1e9,
                  n * 1e9 / (double) took_ns, (double) done->body_bytes / n,
                  latency[done->n / 10] / 1e3, latency[done->n / 2] / 1e3,
                  latency[done->n - 1 - done->n / 100] / 1e3,
                  latency[done->n - 1] / 1e3);

    for (i = 0; i < load_options.n_watched; i++) {
        watched = &load_options.watched[i];

        (void) printf(",\"%s_us\":%.2f,\"%s_busy\":%.3f",
                      watched->name, (double) watched->cpu_ns / 1e3 / n,
                      watched->name,
                      (double) watched->cpu_ns / (double) took_ns);
    }

    (void) printf("}\n");
}


static unsigned long
number(const char *text, unsigned long max)
{
    char           *end;
    unsigned long   n;

    n = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || n == 0 || n > max) {
        load_fail("a number is out of bounds");
    }

    return n;
}


static load_handshake_t
read_handshake(const char *text)
{
    if (strcmp(text, "full") == 0) {
        return LOAD_HANDSHAKE_FULL;
    }

    if (strcmp(text, "resumed") != 0) {
        load_fail("--handshake is full or resumed");
    }

    return LOAD_HANDSHAKE_RESUMED;
}


static void
read_watched(char *text)
{
    char            *pid;
    load_watched_t  *watched;

    pid = strchr(text, '=');

    if (pid == NULL || load_options.n_watched == LOAD_WATCHED_MAX) {
        load_fail("--watch NAME=PID, a few times");
    }

    *pid = '\0';
    watched = &load_options.watched[load_options.n_watched++];
    watched->name = text;
    watched->pid = pid + 1;
}


static void
read_option(int option, char *text)
{
    switch (option) {

    case 'p':
        load_options.port = (uint16_t) number(text, 65535);
        break;

    case 'c':
        load_options.cert = text;
        break;

    case 'k':
        load_options.key = text;
        break;

    case 'a':
        load_options.ca = text;
        break;

    case 'C':
        load_options.clear = true;
        break;

    case 't':
        load_options.targets = text;
        break;

    case 'H':
        load_options.header = text;
        break;

    case 'n':
        load_options.connections = number(text, LOAD_CONNECTIONS_MAX);
        break;

    case 'm':
        load_options.ms = number(text, MS_MAX);
        break;

    case 'r':
        load_options.requests = number(text, LOAD_REQUESTS_MAX);
        break;

    case 'w':
        read_watched(text);
        break;

    case 'h':
        load_options.handshake = read_handshake(text);
        break;

    default:
        exit(2);
    }
}


static void
read_options(int argc, char **argv)
{
    int  option;

    static const struct option  names[] = {
        { "port",        required_argument, NULL, 'p' },
        { "cert",        required_argument, NULL, 'c' },
        { "key",         required_argument, NULL, 'k' },
        { "ca",          required_argument, NULL, 'a' },
        { "clear",       no_argument,       NULL, 'C' },
        { "targets",     required_argument, NULL, 't' },
        { "header",      required_argument, NULL, 'H' },
        { "connections", required_argument, NULL, 'n' },
        { "ms",          required_argument, NULL, 'm' },
        { "requests",    required_argument, NULL, 'r' },
        { "watch",       required_argument, NULL, 'w' },
        { "handshake",   required_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        read_option(option, optarg);
    }

    if (optind != argc || load_options.port == 0
        || load_options.targets == NULL)
    {
        load_fail("--port and --targets are needed, and no other words");
    }

    if (load_options.clear) {
        if (load_options.handshake != LOAD_KEEP_ALIVE) {
            load_fail("no --handshake without TLS");
        }

    } else if (load_options.cert == NULL || load_options.key == NULL
               || load_options.ca == NULL)
    {
        load_fail("--cert, --key and --ca are needed, or --clear");
    }
}


int
main(int argc, char **argv)
{
    size_t              i;
    uint64_t            begin, took;
    load_watched_t     *watched;
    const load_done_t  *done;

    read_options(argc, argv);
    load_prepare();

    for (i = 0; i < load_options.n_watched; i++) {
        watched = &load_options.watched[i];
        watched->cpu_ns = cpu_ns(watched->pid);
    }

    begin = load_now_ns();
    done = load_run();
    took = load_now_ns() - begin;

    for (i = 0; i < load_options.n_watched; i++) {
        watched = &load_options.watched[i];
        watched->cpu_ns = cpu_ns(watched->pid) - watched->cpu_ns;
    }

    report(done, took);

    return done->errors != 0;
}
