/*
 * load_run.c: the connections of the load, their requests and answers, in one
 * epoll loop.  A connection is kept for all its requests, or each request has
 * one of its own, which ends when the server has closed it.
 */

#include "load.h"
#include "load_answer.h"

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


#define TARGETS_MAX  16384
#define READ_SIZE    65536
#define LEN_UNKNOWN  SIZE_MAX


typedef enum {
    PHASE_EXCHANGE = 0,
    PHASE_HANDSHAKE,
    PHASE_END
} phase_t;

typedef struct {
    char           *text;
    size_t          len;
    size_t          answer_len;          /* or LEN_UNKNOWN */
} request_t;

typedef struct {
    int             fd;
    SSL            *ssl;                 /* NULL: in clear */
    SSL_SESSION    *session;
    phase_t         phase;
    request_t      *request;
    size_t          sent;
    uint64_t        started_ns;
    bool            watch_write;
    load_answer_t   answer;
} connection_t;

/* Of what is asked of a socket. */
typedef enum {
    MOVED_NOTHING = 0,                   /* wait for it */
    MOVED_SOME,
    MOVED_END                            /* closed, as announced */
} moved_t;


static connection_t   connections[LOAD_CONNECTIONS_MAX];
static request_t      requests[TARGETS_MAX];
static size_t         n_requests, next_request;
static load_done_t    done;
static size_t         n_started, n_open;
static SSL_CTX       *tls;
static int            epoll_fd;


/* "PATH", or "PATH LENGTH". */
static void
read_target(char *line, request_t *request)
{
    int          len;
    char        *length;
    const char  *end, *header;

    end = (load_options.handshake == LOAD_KEEP_ALIVE)
          ? "" : "Connection: close\r\n";
    header = (load_options.header == NULL) ? "" : load_options.header;

    line[strcspn(line, "\n")] = '\0';
    request->answer_len = LEN_UNKNOWN;
    length = strchr(line, ' ');

    if (length != NULL) {
        *length = '\0';
        request->answer_len = strtoul(length + 1, NULL, 10);
    }

    len = asprintf(&request->text,
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: application/fhir+json\r\n%s%s%s\r\n", line,
                   header, (header[0] == '\0') ? "" : "\r\n", end);
    if (len < 0) {
        load_fail("no memory");
    }

    request->len = (size_t) len;
}


static void
read_targets(void)
{
    FILE    *file;
    char    *line;
    size_t   size;

    file = fopen(load_options.targets, "r");
    if (file == NULL) {
        load_fail("no targets");
    }

    line = NULL;
    size = 0;

    while (n_requests < TARGETS_MAX && getline(&line, &size, file) > 0) {
        read_target(line, &requests[n_requests++]);
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

    if (load_options.clear) {
        return;
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

    if (c->ssl != NULL && SSL_connect(c->ssl) != 1) {
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


static moved_t
send_some(connection_t *c, size_t *n)
{
    int          result;
    size_t       len;
    ssize_t      sent;
    const char  *data;

    data = c->request->text + c->sent;
    len = c->request->len - c->sent;

    if (c->ssl == NULL) {
        sent = send(c->fd, data, len, MSG_NOSIGNAL);

        if (sent > 0) {
            *n = (size_t) sent;
            return MOVED_SOME;
        }

        if (errno != EAGAIN) {
            load_fail("cannot send");
        }

        return MOVED_NOTHING;
    }

    result = SSL_write_ex(c->ssl, data, len, n);

    if (result == 1) {
        return MOVED_SOME;
    }

    if (SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_WRITE) {
        load_fail("cannot send");
    }

    return MOVED_NOTHING;
}


static moved_t
receive_some(connection_t *c, char *data, size_t size, size_t *n)
{
    int      result;
    ssize_t  received;

    if (c->ssl == NULL) {
        received = recv(c->fd, data, size, 0);

        if (received > 0) {
            *n = (size_t) received;
            return MOVED_SOME;
        }

        if (received == 0 || errno != EAGAIN) {
            load_fail("a connection was closed");
        }

        return MOVED_NOTHING;
    }

    result = SSL_read_ex(c->ssl, data, size, n);

    if (result == 1) {
        return MOVED_SOME;
    }

    result = SSL_get_error(c->ssl, result);

    if (result == SSL_ERROR_ZERO_RETURN && c->phase == PHASE_END) {
        return MOVED_END;
    }

    if (result != SSL_ERROR_WANT_READ) {
        load_fail("a connection was closed");
    }

    return MOVED_NOTHING;
}


static void
send_more(connection_t *c)
{
    size_t  n;

    while (c->sent < c->request->len) {

        if (send_some(c, &n) != MOVED_SOME) {
            watch_write(c, true);
            return;
        }

        c->sent += n;
    }

    watch_write(c, false);
}


static void
send_request(connection_t *c)
{
    c->request = &requests[next_request];
    next_request = (next_request + 1) % n_requests;

    c->sent = 0;
    load_answer_start(&c->answer);

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


/* The first answer that is none is shown. */
static void
check(connection_t *c)
{
    const load_answer_t  *answer;

    answer = &c->answer;
    done.body_bytes += answer->body_len;

    if (answer->allowed
        && (c->request->answer_len == LEN_UNKNOWN
            || c->request->answer_len == answer->body_len))
    {
        return;
    }

    if (done.errors++ == 0) {
        (void) fprintf(stderr, "load: an answer of %zu bytes\n%s\n%s\n",
                       answer->body_len, c->request->text, answer->head);
    }
}


/* False when nothing comes before the next request. */
static bool
answered(connection_t *c, bool more)
{
    done.latency_ns[done.n++] = (uint32_t) (load_now_ns() - c->started_ns);
    check(c);

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
    size_t       len;
    moved_t      moved;
    static char  data[READ_SIZE];

    for ( ;; ) {
        moved = receive_some(c, data, sizeof(data), &len);

        if (moved == MOVED_END) {
            closed(c, more);
            return;
        }

        if (moved != MOVED_SOME) {
            return;
        }

        if (load_answer_take(&c->answer, data, len) && !answered(c, more)) {
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

    if (!load_options.clear) {
        make_tls();
    }

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
