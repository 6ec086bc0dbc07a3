/*
 * loop.c: epoll, timers, chance.  Of what is ready at once, the changers'
 * connections come first: what they bring says what the others' mean.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "race.h"


#define RACE_EVENTS  256


static int                  race_epoll = -1;
static struct epoll_event   race_batch[RACE_EVENTS];
static int                  race_batch_len;
static race_timer_t       **race_heap;   /* from 1 */
static size_t               race_heap_len, race_heap_size;
static uint64_t             race_seed;


uint64_t
race_now(void)
{
    struct timespec  t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);   /* cannot fail */

    return (uint64_t) t.tv_sec * 1000000000ULL + (uint64_t) t.tv_nsec;
}


void
race_fail(const char *format, ...)
{
    va_list  args;

    fputs("race: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);

    exit(3);
}


void *
race_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size);
    if (p == NULL) {
        race_fail("no memory");
    }

    return p;
}


void
race_format(char *out, size_t size, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(out, size, format, args);
    va_end(args);

    if (n < 0 || (size_t) n >= size) {
        race_fail("longer than %zu bytes: %s", size, out);
    }
}


/* xorshift64* */
uint64_t
race_random(uint64_t below)
{
    race_seed ^= race_seed >> 12;
    race_seed ^= race_seed << 25;
    race_seed ^= race_seed >> 27;

    return (below != 0) ? (race_seed * 0x2545f4914f6cdd1dULL >> 11) % below
                        : 0;
}


bool
race_chance(unsigned of_1000)
{
    return race_random(1000) < of_1000;
}


void
race_loop_init(void)
{
    race_seed = race_now() | 1;
    race_epoll = epoll_create1(EPOLL_CLOEXEC);

    if (race_epoll == -1) {
        race_fail("epoll_create1: %s", strerror(errno));
    }
}


void
race_watch(race_source_t *source, uint32_t events)
{
    int                 op;
    struct epoll_event  event;

    if (source->events == events) {
        return;
    }

    op = (source->events == 0) ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    memset(&event, 0, sizeof(event));
    event.events = events;
    event.data.ptr = source;

    if (epoll_ctl(race_epoll, op, source->fd, &event) == -1) {
        race_fail("epoll_ctl: %s", strerror(errno));
    }

    source->events = events;
}


void
race_forget(race_source_t *source)
{
    int  i;

    for (i = 0; i < race_batch_len; i++) {
        if (race_batch[i].data.ptr == source) {
            race_batch[i].data.ptr = NULL;
        }
    }

    if (source->fd != -1) {
        (void) close(source->fd);        /* nothing is written to files */
    }

    source->fd = -1;
    source->events = 0;
}


static void
race_heap_put(size_t slot, race_timer_t *timer)
{
    race_heap[slot] = timer;
    timer->slot = slot;
}


static void
race_heap_up(size_t slot, race_timer_t *timer)
{
    while (slot > 1 && race_heap[slot / 2]->at > timer->at) {
        race_heap_put(slot, race_heap[slot / 2]);
        slot /= 2;
    }

    race_heap_put(slot, timer);
}


static void
race_heap_down(size_t slot, race_timer_t *timer)
{
    size_t  child;

    while ((child = slot * 2) <= race_heap_len) {

        if (child < race_heap_len
            && race_heap[child + 1]->at < race_heap[child]->at)
        {
            child++;
        }

        if (race_heap[child]->at >= timer->at) {
            break;
        }

        race_heap_put(slot, race_heap[child]);
        slot = child;
    }

    race_heap_put(slot, timer);
}


void
race_timer_clear(race_timer_t *timer)
{
    size_t         slot;
    race_timer_t  *last;

    slot = timer->slot;

    if (slot == 0) {
        return;
    }

    timer->slot = 0;
    last = race_heap[race_heap_len--];

    if (last == timer) {
        return;
    }

    if (slot > 1 && race_heap[slot / 2]->at > last->at) {
        race_heap_up(slot, last);

    } else {
        race_heap_down(slot, last);
    }
}


void
race_timer_set(race_timer_t *timer, uint64_t at)
{
    race_timer_clear(timer);

    if (race_heap_len + 1 >= race_heap_size) {
        race_heap_size = race_heap_size * 2 + 64;
        race_heap = realloc(race_heap, race_heap_size * sizeof(void *));

        if (race_heap == NULL) {
            race_fail("no memory");
        }
    }

    timer->at = at;
    race_heap_up(++race_heap_len, timer);
}


static void
race_timers(void)
{
    uint64_t       now;
    race_timer_t  *timer;

    now = race_now();

    while (race_heap_len != 0 && race_heap[1]->at <= now) {
        timer = race_heap[1];
        race_timer_clear(timer);
        timer->call(timer->data);
    }
}


static int
race_wait_ms(void)
{
    uint64_t  now;

    if (race_heap_len == 0) {
        return 1000;
    }

    now = race_now();

    if (race_heap[1]->at <= now) {
        return 0;
    }

    return (int) ((race_heap[1]->at - now) / RACE_MS) + 1;
}


static void
race_batch_run(bool urgent)
{
    int             i;
    race_source_t  *source;

    for (i = 0; i < race_batch_len; i++) {
        source = race_batch[i].data.ptr;

        if (source != NULL && source->urgent == urgent) {
            race_batch[i].data.ptr = NULL;
            source->ready(source->data, race_batch[i].events);
        }
    }
}


void
race_loop_run(void)
{
    while (!race.over) {
        race_batch_len = epoll_wait(race_epoll, race_batch, RACE_EVENTS,
                                    race_wait_ms());

        if (race_batch_len == -1) {
            if (errno != EINTR) {
                race_fail("epoll_wait: %s", strerror(errno));
            }

            race_batch_len = 0;
        }

        race_batch_run(true);
        race_batch_run(false);
        race_batch_len = 0;
        race_timers();
    }
}


static int
race_socket(int domain)
{
    int  fd;

    fd = socket(domain, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        race_fail("socket: %s", strerror(errno));
    }

    return fd;
}


static void
race_unix(struct sockaddr_un *name, const char *path)
{
    memset(name, 0, sizeof(struct sockaddr_un));
    name->sun_family = AF_UNIX;

    race_format(name->sun_path, sizeof(name->sun_path), "%s", path);
}


static void
race_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
        race_fail("fcntl: %s", strerror(errno));
    }
}


static int
race_connect_tcp(const char *address)
{
    int                  fd, on;
    const char          *colon;
    struct sockaddr_in   name;

    colon = strrchr(address, ':');
    if (colon == NULL) {
        race_fail("%s: not an address", address);
    }

    memset(&name, 0, sizeof(name));
    name.sin_family = AF_INET;
    name.sin_port = htons((uint16_t) strtoul(colon + 1, NULL, 10));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    on = 1;
    fd = race_socket(AF_INET);

    if (connect(fd, (struct sockaddr *) &name, sizeof(name)) == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
    {
        race_fail("%s: %s", address, strerror(errno));
    }

    return fd;
}


int
race_connect(const char *address)
{
    int                 fd;
    struct sockaddr_un  name;

    if (strncmp(address, "unix:", 5) != 0) {
        fd = race_connect_tcp(address);
        race_nonblocking(fd);
        return fd;
    }

    fd = race_socket(AF_UNIX);
    race_unix(&name, address + 5);

    if (connect(fd, (struct sockaddr *) &name, sizeof(name)) == -1) {
        race_fail("%s: %s", address, strerror(errno));
    }

    race_nonblocking(fd);

    return fd;
}


int
race_listen(const char *path)
{
    int                 fd;
    struct sockaddr_un  name;

    fd = race_socket(AF_UNIX);
    race_unix(&name, path);
    (void) unlink(path);                 /* of an earlier run, or none */

    if (bind(fd, (struct sockaddr *) &name, sizeof(name)) == -1
        || listen(fd, 511) == -1)
    {
        race_fail("%s: %s", path, strerror(errno));
    }

    race_nonblocking(fd);

    return fd;
}
