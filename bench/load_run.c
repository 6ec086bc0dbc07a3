/*
 * load_run.c: the connections of the load, their requests and answers, in one
 * epoll loop.  A connection is kept for all its requests, or each request has
 * one of its own, which ends when the server has closed it.
 */

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/ssl.h>


#define TARGETS_MAX  4096
#define READ_SIZE    65536
#define HEAD_MAX     8192


typedef enum {
    PHASE_EXCHANGE = 0,
    PHASE_HANDSHAKE,
    PHASE_END
} phase_t;

typedef struct {
    int           fd;
    SSL          *ssl;
    SSL_SESSION  *session;
    phase_t       phase;
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


static connection_t   connections[LOAD_CONNECTIONS_MAX];
static char          *requests[TARGETS_MAX];
static size_t         n_requests, next_request;
static load_done_t    done;
static size_t         n_started, n_open;
static SSL_CTX       *tls;
static int            epoll_fd;


static void
read_targets(void)
{
    FILE        *file;
    char        *line;
    size_t       size;
    ssize_t      len;
    const char  *end;

    end = (load_options.handshake == LOAD_KEEP_ALIVE)
          ? "" : "Connection: close\r\n";
    file = fopen(load_options.targets, "r");
    if (file == NULL) {
        load_fail("no targets");
    }

    line = NULL;
    size = 0;

    while (n_requests < TARGETS_MAX && (len = getline(&line, &size, file)) > 0)
    {
        line[strcspn(line, "\n")] = '\0';

        if (asprintf(&requests[n_requests++],
                     "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                     "Accept: application/fhir+json\r\n%s\r\n", line, end)
            < 0)
        {
            load_fail("no memory");
        }
    }

    free(line);
    (void) fclose(file);

    if (n_requests == 0) {
        load_fail("no targets");
    }
}


static void
make_tls(void)
{
    tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL
        || SSL_CTX_use_certificate_chain_file(tls, load_options.cert) != 1
        || SSL_CTX_use_PrivateKey_file(tls, load_options.key,
                                       SSL_FILETYPE_PEM)
           != 1
        || SSL_CTX_load_verify_locations(tls, load_options.ca, NULL) != 1)
    {
        load_fail("the certificates cannot be used");
    }

    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    (void) SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE
                                 |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    /* ours to keep: OpenSSL's cache would have a session used once only */
    (void) SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
}


static void
connect_socket(connection_t *c)
{
    int                 one;
    struct sockaddr_in  address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons(load_options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &address, sizeof(address)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
    {
        load_fail("cannot connect");
    }

    c->ssl = SSL_new(tls);

    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1
        || SSL_set_tlsext_host_name(c->ssl, "localhost") != 1
        || (c->session != NULL && SSL_set_session(c->ssl, c->session) != 1))
    {
        load_fail("no TLS");
    }
}


static void
close_socket(connection_t *c)
{
    SSL_free(c->ssl);
    (void) close(c->fd);

    c->ssl = NULL;
    c->watch_write = false;
}


static void
watch(connection_t *c)
{
    struct epoll_event  event;

    event.events = EPOLLIN;
    event.data.ptr = c;

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
    {
        load_fail("cannot watch a socket");
    }
}


static void
open_connection(connection_t *c)
{
    connect_socket(c);

    if (SSL_connect(c->ssl) != 1) {
        load_fail("no TLS");
    }

    watch(c);
}


/* A connection without a request: its session comes after the handshake. */
static void
take_session(connection_t *c)
{
    int     n;
    char    data;
    size_t  len;

    connect_socket(c);
    (void) SSL_clear_mode(c->ssl, SSL_MODE_AUTO_RETRY);

    if (SSL_connect(c->ssl) != 1) {
        load_fail("no TLS");
    }

    while (!SSL_SESSION_is_resumable(SSL_get_session(c->ssl))) {
        n = SSL_read_ex(c->ssl, &data, 1, &len);

        if (n == 1 || SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
            load_fail("no session to resume");
        }
    }

    c->session = SSL_get1_session(c->ssl);
    (void) SSL_shutdown(c->ssl);
    close_socket(c);
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
        load_fail("cannot watch a socket");
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
            load_fail("cannot send");
        }

        watch_write(c, true);
        return;
    }

    watch_write(c, false);
}


static void
send_request(connection_t *c)
{
    c->request = requests[next_request];
    c->request_len = strlen(c->request);
    next_request = (next_request + 1) % n_requests;

    c->sent = 0;
    c->head_len = 0;
    c->in_body = false;

    send_more(c);
}


static void
start_request(connection_t *c)
{
    c->started_ns = load_now_ns();
    n_started++;

    send_request(c);
}


static void
shake_hands(connection_t *c)
{
    int  n;

    n = SSL_connect(c->ssl);

    if (n == 1) {
        if (SSL_session_reused(c->ssl)
            != (load_options.handshake == LOAD_HANDSHAKE_RESUMED))
        {
            load_fail("a handshake of the other kind");
        }

        c->phase = PHASE_EXCHANGE;
        send_request(c);
        return;
    }

    switch (SSL_get_error(c->ssl, n)) {

    case SSL_ERROR_WANT_READ:
        watch_write(c, false);
        return;

    case SSL_ERROR_WANT_WRITE:
        watch_write(c, true);
        return;

    default:
        load_fail("no TLS");
    }
}


/* A request with a connection of its own. */
static void
start_connection(connection_t *c)
{
    c->started_ns = load_now_ns();
    n_started++;
    n_open++;

    connect_socket(c);
    watch(c);

    c->phase = PHASE_HANDSHAKE;
    shake_hands(c);
}


static void
start(connection_t *c)
{
    if (load_options.handshake == LOAD_KEEP_ALIVE) {
        start_request(c);

    } else {
        start_connection(c);
    }
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
            load_fail("the head of an answer is too long");
        }

        return len;
    }

    taken = (size_t) (end + 4 - c->head) - before;
    *end = '\0';

    length = strcasestr(c->head, "\r\ncontent-length:");
    if (length == NULL) {
        load_fail("an answer without a length");
    }

    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
        if (done.errors++ == 0) {
            (void) fprintf(stderr, "load: %.*s\n%s\n",
                           (int) c->request_len, c->request, c->head);
        }
    }

    c->body_left = strtoul(length + 17, NULL, 10);
    done.body_bytes += c->body_left;
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
        load_fail("more than the answer that was asked for");
    }

    c->body_left -= len;

    return c->body_left == 0;
}


/* False when nothing comes before the next request. */
static bool
answered(connection_t *c, bool more)
{
    done.latency_ns[done.n++] = (uint32_t) (load_now_ns() - c->started_ns);

    if (load_options.handshake != LOAD_KEEP_ALIVE) {
        c->phase = PHASE_END;
        return true;
    }

    if (more && n_started < load_options.requests) {
        start(c);
    }

    return false;
}


/* By the server, which was asked to. */
static void
closed(connection_t *c, bool more)
{
    close_socket(c);
    n_open--;

    if (more && n_started < load_options.requests) {
        start(c);
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
            n = SSL_get_error(c->ssl, n);

            if (n == SSL_ERROR_ZERO_RETURN && c->phase == PHASE_END) {
                closed(c, more);

            } else if (n != SSL_ERROR_WANT_READ) {
                load_fail("a connection was closed");
            }

            return;
        }

        if (take(c, data, len) && !answered(c, more)) {
            return;
        }
    }
}


static void
go_on(connection_t *c, uint32_t events, bool more)
{
    if (c->phase == PHASE_HANDSHAKE) {
        shake_hands(c);
        return;
    }

    if (events & EPOLLOUT) {
        send_more(c);
    }

    if (events & ~(uint32_t) EPOLLOUT) {
        receive(c, more);
    }
}


void
load_prepare(void)
{
    size_t  i;

    read_targets();

    epoll_fd = epoll_create1(0);
    done.latency_ns = malloc(LOAD_REQUESTS_MAX * sizeof(done.latency_ns[0]));

    if (epoll_fd == -1 || done.latency_ns == NULL) {
        load_fail("no memory");
    }

    make_tls();

    for (i = 0; i < load_options.connections; i++) {

        if (load_options.handshake == LOAD_KEEP_ALIVE) {
            open_connection(&connections[i]);

        } else if (load_options.handshake == LOAD_HANDSHAKE_RESUMED) {
            take_session(&connections[i]);
        }
    }
}


const load_done_t *
load_run(void)
{
    int                  i, n;
    size_t               k;
    uint64_t             now, end;
    struct epoll_event   events[LOAD_CONNECTIONS_MAX];

    end = load_now_ns() + load_options.ms * 1000000;

    for (k = 0; k < load_options.connections; k++) {
        if (n_started < load_options.requests) {
            start(&connections[k]);
        }
    }

    while (done.n < n_started || n_open != 0) {
        n = epoll_wait(epoll_fd, events, LOAD_CONNECTIONS_MAX, 5000);

        if (n == 0) {
            load_fail("no answer for 5 s");
        }

        if (n < 0 && errno != EINTR) {
            load_fail("cannot wait");
        }

        now = load_now_ns();

        for (i = 0; i < n; i++) {
            go_on(events[i].data.ptr, events[i].events, now < end);
        }
    }

    return &done;
}
