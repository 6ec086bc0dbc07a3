/*
 * load.c: HTTP/1.1 over TLS with a client certificate, which wrk and h2load
 * cannot show: keep-alive, one request at a time on each connection, targets
 * in turn.  Loopback only; bounded in time and in requests.
 *
 *   load --port N --cert FILE --key FILE --ca FILE --targets FILE
 *        [--connections N] [--ms N] [--requests N] [--watch NAME=PID]...
 *
 * Prints one line of JSON.  CPU time is what the watched processes ("self" is
 * this one) used while the load ran, per request.  Exit code 1 if an answer was not a 200.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>


#define CONNECTIONS_MAX  512
#define REQUESTS_MAX     2000000
#define MS_MAX           60000
#define TARGETS_MAX      4096
#define WATCHED_MAX      4
#define READ_SIZE        65536
#define HEAD_MAX         8192


typedef struct {
    int           fd;
    SSL          *ssl;
    const char   *request;
    size_t        request_len;
    size_t        sent;
    uint64_t      started_ns;
    size_t        head_len;
    size_t        body_left;
    bool          in_body;
    bool          watch_write;
    char          head[HEAD_MAX + 1];
} connection_t;

typedef struct {
    const char   *name;
    const char   *pid;
    uint64_t      cpu_ns;
} watched_t;

typedef struct {
    uint16_t      port;
    const char   *cert;
    const char   *key;
    const char   *ca;
    const char   *targets;
    size_t        connections;
    uint64_t      ms;
    size_t        requests;
    size_t        n_watched;
    watched_t     watched[WATCHED_MAX];
} options_t;


static options_t      options = {
    .connections = 64, .ms = 1000, .requests = REQUESTS_MAX
};

static connection_t   connections[CONNECTIONS_MAX];
static char          *requests[TARGETS_MAX];
static size_t         n_requests, next_request;
static uint32_t      *latency_ns;
static size_t         n_done, n_started, n_errors;
static uint64_t       body_bytes;
static int            epoll_fd;


static void
fail(const char *why)
{
    (void) fprintf(stderr, "load: %s\n", why);
    ERR_print_errors_fp(stderr);
    exit(2);
}


static uint64_t
now_ns(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fail("no clock");
    }

    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}


/* Nanoseconds on a CPU, of the main thread. */
static uint64_t
cpu_ns(const char *pid)
{
    FILE      *file;
    char       path[64];
    uint64_t   ns;

    (void) snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);

    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%" SCNu64, &ns) != 1) {
        fail("a watched process is gone");
    }

    (void) fclose(file);

    return ns;
}


static void
read_targets(void)
{
    FILE     *file;
    char     *line;
    size_t    size;
    ssize_t   len;

    file = fopen(options.targets, "r");
    if (file == NULL) {
        fail("no targets");
    }

    line = NULL;
    size = 0;

    while (n_requests < TARGETS_MAX && (len = getline(&line, &size, file)) > 0)
    {
        line[strcspn(line, "\n")] = '\0';

        if (asprintf(&requests[n_requests++],
                     "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                     "Accept: application/fhir+json\r\n\r\n", line)
            < 0)
        {
            fail("no memory");
        }
    }

    free(line);
    (void) fclose(file);

    if (n_requests == 0) {
        fail("no targets");
    }
}


static SSL_CTX *
make_tls(void)
{
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL
        || SSL_CTX_use_certificate_chain_file(ctx, options.cert) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, options.key, SSL_FILETYPE_PEM)
           != 1
        || SSL_CTX_load_verify_locations(ctx, options.ca, NULL) != 1)
    {
        fail("the certificates cannot be used");
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void) SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                                 |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    return ctx;
}


static void
open_connection(connection_t *c, SSL_CTX *tls)
{
    int                 one;
    struct sockaddr_in  address;
    struct epoll_event  event;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &address, sizeof(address)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
    {
        fail("cannot connect");
    }

    c->ssl = SSL_new(tls);

    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1
        || SSL_set_tlsext_host_name(c->ssl, "localhost") != 1
        || SSL_connect(c->ssl) != 1)
    {
        fail("no TLS");
    }

    event.events = EPOLLIN;
    event.data.ptr = c;

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
    {
        fail("cannot watch a socket");
    }
}


static void
watch_write(connection_t *c, bool wanted)
{
    struct epoll_event  event;

    if (c->watch_write == wanted) {
        return;
    }

    c->watch_write = wanted;
    event.events = wanted ? EPOLLIN|EPOLLOUT : EPOLLIN;
    event.data.ptr = c;

    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event) != 0) {
        fail("cannot watch a socket");
    }
}


static void
send_more(connection_t *c)
{
    int     n;
    size_t  written;

    while (c->sent < c->request_len) {

        n = SSL_write_ex(c->ssl, c->request + c->sent,
                         c->request_len - c->sent, &written);
        if (n == 1) {
            c->sent += written;
            continue;
        }

        if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE) {
            fail("cannot send");
        }

        watch_write(c, true);
        return;
    }

    watch_write(c, false);
}


static void
start_request(connection_t *c)
{
    c->request = requests[next_request];
    c->request_len = strlen(c->request);
    next_request = (next_request + 1) % n_requests;

    c->sent = 0;
    c->head_len = 0;
    c->in_body = false;
    c->started_ns = now_ns();
    n_started++;

    send_more(c);
}


/* Returns what of the piece belongs to the head; the rest is body. */
static size_t
take_head(connection_t *c, const char *data, size_t len)
{
    char    *end, *length;
    size_t   before, taken;

    before = c->head_len;

    if (len > HEAD_MAX - before) {
        len = HEAD_MAX - before;
    }

    memcpy(c->head + before, data, len);
    c->head_len += len;
    c->head[c->head_len] = '\0';

    end = strstr(c->head, "\r\n\r\n");

    if (end == NULL) {
        if (c->head_len == HEAD_MAX) {
            fail("the head of an answer is too long");
        }

        return len;
    }

    taken = (size_t) (end + 4 - c->head) - before;
    *end = '\0';

    length = strcasestr(c->head, "\r\ncontent-length:");
    if (length == NULL) {
        fail("an answer without a length");
    }

    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
        if (n_errors++ == 0) {
            (void) fprintf(stderr, "load: %.*s\n%s\n",
                           (int) c->request_len, c->request, c->head);
        }
    }

    c->body_left = strtoul(length + 17, NULL, 10);
    body_bytes += c->body_left;
    c->in_body = true;

    return taken;
}


/* True when the answer is complete. */
static bool
take(connection_t *c, const char *data, size_t len)
{
    size_t  taken;

    if (!c->in_body) {
        taken = take_head(c, data, len);
        data += taken;
        len -= taken;
    }

    if (!c->in_body) {
        return false;
    }

    if (len > c->body_left) {
        fail("more than the answer that was asked for");
    }

    c->body_left -= len;

    return c->body_left == 0;
}


static void
answered(connection_t *c, bool more)
{
    latency_ns[n_done++] = (uint32_t) (now_ns() - c->started_ns);

    if (more && n_started < options.requests) {
        start_request(c);
    }
}


static void
receive(connection_t *c, bool more)
{
    int          n;
    size_t       len;
    static char  data[READ_SIZE];

    for ( ;; ) {
        n = SSL_read_ex(c->ssl, data, sizeof(data), &len);

        if (n != 1) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
                fail("a connection was closed");
            }

            return;
        }

        if (take(c, data, len)) {
            answered(c, more);

            /* nothing comes before the next request */
            return;
        }
    }
}


static void
run(uint64_t start)
{
    int                  i, n;
    size_t               k;
    uint64_t             now, end;
    struct epoll_event   events[CONNECTIONS_MAX];
    connection_t        *c;

    end = start + options.ms * 1000000;

    for (k = 0; k < options.connections && k < options.requests; k++) {
        start_request(&connections[k]);
    }

    while (n_done < n_started) {
        n = epoll_wait(epoll_fd, events, CONNECTIONS_MAX, 5000);

        if (n == 0) {
            fail("no answer for 5 s");
        }

        if (n < 0 && errno != EINTR) {
            fail("cannot wait");
        }

        now = now_ns();

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (events[i].events & EPOLLOUT) {
                send_more(c);
            }

            if (events[i].events & ~(uint32_t) EPOLLOUT) {
                receive(c, now < end);
            }
        }
    }
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
report(uint64_t took_ns)
{
    double   n;
    size_t   i;

    n = (double) n_done;
    qsort(latency_ns, n_done, sizeof(latency_ns[0]), compare);

    (void) printf("{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.3f,"
                  "\"rate\":%.1f,\"body\":%.0f,\"p10_us\":%.1f,"
                  "\"p50_us\":%.1f,\"p99_us\":%.1f",
                  n_done, n_errors, (double) took_ns / 1e9,
                  n * 1e9 / (double) took_ns, (double) body_bytes / n,
                  latency_ns[n_done / 10] / 1e3, latency_ns[n_done / 2] / 1e3,
                  latency_ns[n_done - 1 - n_done / 100] / 1e3);

    for (i = 0; i < options.n_watched; i++) {
        (void) printf(",\"%s_us\":%.2f,\"%s_busy\":%.3f",
                      options.watched[i].name,
                      (double) options.watched[i].cpu_ns / 1e3 / n,
                      options.watched[i].name,
                      (double) options.watched[i].cpu_ns / (double) took_ns);
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
        fail("a number is out of bounds");
    }

    return n;
}


static void
read_watched(char *text)
{
    char       *pid;
    watched_t  *watched;

    pid = strchr(text, '=');

    if (pid == NULL || options.n_watched == WATCHED_MAX) {
        fail("--watch NAME=PID, a few times");
    }

    *pid = '\0';
    watched = &options.watched[options.n_watched++];
    watched->name = text;
    watched->pid = pid + 1;
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
        { "targets",     required_argument, NULL, 't' },
        { "connections", required_argument, NULL, 'n' },
        { "ms",          required_argument, NULL, 'm' },
        { "requests",    required_argument, NULL, 'r' },
        { "watch",       required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {

        switch (option) {

        case 'p':
            options.port = (uint16_t) number(optarg, 65535);
            break;

        case 'c':
            options.cert = optarg;
            break;

        case 'k':
            options.key = optarg;
            break;

        case 'a':
            options.ca = optarg;
            break;

        case 't':
            options.targets = optarg;
            break;

        case 'n':
            options.connections = number(optarg, CONNECTIONS_MAX);
            break;

        case 'm':
            options.ms = number(optarg, MS_MAX);
            break;

        case 'r':
            options.requests = number(optarg, REQUESTS_MAX);
            break;

        case 'w':
            read_watched(optarg);
            break;

        default:
            exit(2);
        }
    }

    if (options.port == 0 || options.cert == NULL || options.key == NULL
        || options.ca == NULL || options.targets == NULL)
    {
        fail("--port, --cert, --key, --ca and --targets are needed");
    }
}


int
main(int argc, char **argv)
{
    size_t      i;
    SSL_CTX    *tls;
    uint64_t    start, took;

    read_options(argc, argv);
    read_targets();

    epoll_fd = epoll_create1(0);
    latency_ns = malloc(REQUESTS_MAX * sizeof(latency_ns[0]));

    if (epoll_fd == -1 || latency_ns == NULL) {
        fail("no memory");
    }

    tls = make_tls();

    for (i = 0; i < options.connections; i++) {
        open_connection(&connections[i], tls);
    }

    for (i = 0; i < options.n_watched; i++) {
        options.watched[i].cpu_ns = cpu_ns(options.watched[i].pid);
    }

    start = now_ns();
    run(start);
    took = now_ns() - start;

    for (i = 0; i < options.n_watched; i++) {
        options.watched[i].cpu_ns = cpu_ns(options.watched[i].pid)
                                    - options.watched[i].cpu_ns;
    }

    report(took);

    return n_errors != 0;
}
