/*
 * host.c: two record hosts over Unix sockets, that know one patient.  One
 * answers at once; the other lets what carries a receipt wait up to three
 * deadlines: before its header, between header and body, both, or before the
 * last bytes of the body.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "race.h"


#define RACE_REQUEST  8192
#define RACE_TAIL     64                 /* bytes that may wait at the end */
#define RACE_SMALL    (16 * 1024)        /* of a Binary */
#define RACE_LARGE    (1024 * 1024)
#define RACE_NAMES    50                 /* of documents, from doc-0 */

typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} race_text_t;

typedef struct {
    race_source_t   source;
    race_queue_t    queue;
    bool            slow;
    char            in[RACE_REQUEST];
    size_t          in_len;
    uint64_t        begun;               /* number of the request's first
                                            byte */
    char            head[256];
    size_t          head_len;
    const char     *body;
    size_t          body_len;
    size_t          sent;                /* of both */
    size_t          allowed;             /* of both, until the timer */
    race_timer_t    timer;
    bool            answering;
    bool            aimed;               /* a change is made for this one */
    bool            parted;              /* the header comes by itself */
} race_client_t;


static race_source_t  race_hosts[2];     /* fast, slow */
static race_text_t    race_documents[2], race_found[2], race_many;
static race_text_t    race_small, race_large;


static void
race_print(race_text_t *text, const char *format, ...)
{
    int      n;
    va_list  args;

    if (text->size - text->len < 4096) {
        text->size = text->size * 2 + 8192;
        text->data = realloc(text->data, text->size);

        if (text->data == NULL) {
            race_fail("no memory");
        }
    }

    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format,
                  args);
    va_end(args);

    if (n < 0 || (size_t) n >= text->size - text->len) {
        race_fail("a text too long");
    }

    text->len += (size_t) n;
}


/* The first two have the two attachments that are read. */
static void
race_print_document(race_text_t *text, unsigned n)
{
    char  binary[16];

    race_format(binary, sizeof(binary), n == 0 ? "small" : n == 1 ? "large"
                                               : "other-%u", n);

    race_print(text,
        "{\"resourceType\":\"DocumentReference\",\"id\":\"doc-%u\","
        "\"masterIdentifier\":{\"system\":\"urn:ietf:rfc:3986\","
        "\"value\":\"urn:oid:1.2.250.1.213.1.4.8.99999.2.%u\"},"
        "\"status\":\"current\",\"type\":{\"coding\":[{\"system\":"
        "\"http://loinc.org\",\"code\":\"11488-4\","
        "\"display\":\"CR ou fiche de consultation\"}]},"
        "\"category\":[{\"coding\":[{\"system\":\"https://mos.esante.gouv.fr/"
        "NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument\","
        "\"code\":\"10\",\"display\":\"Compte rendu\"}]}],"
        "\"subject\":{\"reference\":\"Patient?identifier="
        "urn:oid:1.2.250.1.213.1.4.8|%s\"},"
        "\"date\":\"2024-01-15T10:30:00+01:00\","
        "\"description\":\"Consultation de médecine générale\","
        "\"securityLabel\":[{\"coding\":[{\"system\":\"http://terminology.hl7."
        "org/CodeSystem/v3-Confidentiality\",\"code\":\"N\"}]}],"
        "\"content\":[{\"attachment\":{\"contentType\":\"text/plain\","
        "\"language\":\"fr-FR\",\"url\":\"Binary/%s\"}}]}",
        n, n, race.ins, binary);
}


static void
race_print_search(race_text_t *text, unsigned first, unsigned entries)
{
    unsigned  i;

    race_print(text, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\","
               "\"entry\":[");

    for (i = 0; i < entries; i++) {
        race_print(text, "%s{\"resource\":", i != 0 ? "," : "");
        race_print_document(text, (first + i) % RACE_NAMES);
        race_print(text, "}");
    }

    race_print(text, "]}");
}


static void
race_fill_text(race_text_t *text, size_t len)
{
    text->data = race_alloc(len);
    text->len = len;
    memset(text->data, 'x', len);
}


static void
race_client_end(race_client_t *c)
{
    race_timer_clear(&c->timer);
    race_queue_remove(&c->queue);
    race_forget(&c->source);
    free(c);
}


/* False when the connection is over. */
static bool
race_client_write(race_client_t *c)
{
    size_t        total, skip;
    ssize_t       n;
    struct iovec  io[2];
    struct msghdr m;

    total = c->head_len + c->body_len;

    while (c->sent < c->allowed) {
        skip = (c->sent > c->head_len) ? c->sent - c->head_len : 0;
        io[0].iov_base = c->head + (skip == 0 ? c->sent : c->head_len);
        io[0].iov_len = (skip == 0) ? c->head_len - c->sent : 0;
        io[1].iov_base = (void *) (uintptr_t) (c->body + skip);
        io[1].iov_len = (c->allowed > c->head_len)
                        ? c->allowed - c->head_len - skip : 0;

        memset(&m, 0, sizeof(m));
        m.msg_iov = io;
        m.msg_iovlen = 2;
        n = sendmsg(c->source.fd, &m, MSG_NOSIGNAL|MSG_DONTWAIT);

        if (n == -1 && errno == EAGAIN) {
            race_watch(&c->source, EPOLLIN|EPOLLOUT);
            return true;
        }

        if (n == -1) {
            return false;
        }

        c->sent += (size_t) n;
    }

    race_watch(&c->source, EPOLLIN);

    if (c->sent == total) {
        c->answering = false;
    }

    return true;
}


/* How long, in ns, the answer is to be on its way. */
static uint64_t
race_delay(bool near)
{
    uint64_t  before;

    if (!near) {
        return race_random(3 * race.deadline * RACE_MS);
    }

    before = race_random(race.judging * RACE_MS);

    return (race.deadline * RACE_MS > before)
           ? race.deadline * RACE_MS - before : 0;
}


static void
race_client_late(void *data)
{
    race_client_t  *c;

    c = data;
    c->allowed = c->parted ? c->head_len : c->head_len + c->body_len;

    if (c->parted) {
        c->parted = false;
        race_timer_set(&c->timer, race_now() + race_delay(false));
    }

    if (!race_client_write(c)) {
        race_client_end(c);
    }
}


/* Which part of it goes at once, and when the rest, or the next part. */
static void
race_client_wait(race_client_t *c)
{
    bool  near;

    near = c->aimed || race_chance(race.near);

    switch (c->aimed ? 0 : race_random(4)) {

    case 0:
        c->allowed -= RACE_TAIL;
        break;

    case 1:
        c->allowed = c->head_len;
        break;

    case 2:
        c->allowed = 0;
        c->parted = true;                /* then the header, then the rest */
        break;

    default:
        c->allowed = 0;
    }

    race_timer_set(&c->timer, race_now() + race_delay(near));
}


static bool
race_client_answer(race_client_t *c, const char *type, const race_text_t *body,
    bool wait)
{
    int  n;

    n = snprintf(c->head, sizeof(c->head), "HTTP/1.1 200 OK\r\n"
                 "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type,
                 body->len);

    c->head_len = (size_t) n;
    c->body = body->data;
    c->body_len = body->len;
    c->sent = 0;
    c->allowed = c->head_len + c->body_len;
    c->answering = true;

    if (wait) {
        race_client_wait(c);
    }

    return race_client_write(c);
}


/* What was let through carries a receipt; the gateway's own questions none. */
static void
race_client_log(race_client_t *c, const char *target, const char *receipt)
{
    char      detail[512];
    uint64_t  late;

    late = race_after(&c->queue, c->begun, 0);

    fprintf(race.host_log, "%llu %s %.*s %.*s\n",
            (unsigned long long) race_now(), c->slow ? "slow" : "fast",
            (int) strcspn(target, "? "), target,
            (receipt != NULL) ? (int) strcspn(receipt, "\r") : 1,
            (receipt != NULL) ? receipt : "-");

    if (receipt == NULL) {
        return;
    }

    race.counts.forwarded++;

    if (late != 0 && late != RACE_TOO_CLOSE) {
        race.counts.late_forwards++;
        race_format(detail, sizeof(detail), "%.*s, receipt %.*s",
                    (int) strcspn(target, "? "), target,
                    (int) strcspn(receipt, "\r"), receipt);
        race_violation("a request was let through", late, race_passed(),
                       detail);
    }

    c->aimed = race.aim && c->slow && strstr(target, "_count=99") != NULL
               && race_changes_now();
}


static bool
race_client_request(race_client_t *c)
{
    bool         wait, large;
    char        *target;
    const char  *receipt;

    receipt = strcasestr(c->in, "\r\nDMP-Trace-Receipt: ");
    receipt = (receipt != NULL) ? strchr(receipt, ':') + 2 : NULL;

    target = strstr(c->in, "/fhir/");

    if (strncmp(c->in, "GET ", 4) != 0 || target == NULL) {
        race_fail("the record host was asked %.60s", c->in);
    }

    target += strlen("/fhir/");
    wait = c->slow && receipt != NULL;
    race_client_log(c, target, receipt);

    if (strncmp(target, "Binary/", 7) == 0) {
        large = strncmp(target + 7, "large", 5) == 0;
        return race_client_answer(c, "text/plain",
                                  large ? &race_large : &race_small, wait);
    }

    if (strncmp(target, "DocumentReference/", 18) == 0) {
        large = strncmp(target + 18, "doc-1", 5) == 0;
        return race_client_answer(c, "application/fhir+json",
                                  &race_documents[large], wait);
    }

    if (strstr(target, "_count=99") != NULL) {
        return race_client_answer(c, "application/fhir+json", &race_many, wait);
    }

    /* or the question which documents have the large one */
    large = strstr(target, "Binary/large") != NULL;
    return race_client_answer(c, "application/fhir+json", &race_found[large],
                              wait);
}


static bool
race_client_read(race_client_t *c)
{
    char     *end;
    ssize_t   n;

    n = recv(c->source.fd, c->in + c->in_len, RACE_REQUEST - 1 - c->in_len, 0);

    if (n == -1 && errno == EAGAIN) {
        return true;
    }

    if (n <= 0) {
        return false;
    }

    if (c->in_len == 0) {
        c->begun = c->queue.received;
    }

    c->queue.received += (uint64_t) n;
    c->in_len += (size_t) n;
    c->in[c->in_len] = '\0';
    end = strstr(c->in, "\r\n\r\n");

    if (end == NULL) {

        if (c->in_len == RACE_REQUEST - 1) {
            race_fail("the record host was asked too much");
        }

        return true;
    }

    if (c->answering || end + 4 != c->in + c->in_len) {
        race_fail("the record host was asked two things at once");
    }

    c->in_len = 0;

    return race_client_request(c);
}


static void
race_client_ready(void *data, uint32_t events)
{
    bool            good;
    race_client_t  *c;

    c = data;
    good = true;

    if (events & EPOLLOUT) {
        good = race_client_write(c);
    }

    if (good && (events & ~(uint32_t) EPOLLOUT)) {
        good = race_client_read(c);
    }

    if (!good) {
        race_client_end(c);
    }
}


static void
race_host_ready(void *data, uint32_t events)
{
    int             fd;
    race_client_t  *c;

    (void) events;                       /* whatever it is, accept() tells */

    for (;;) {
        fd = accept4(((race_source_t *) data)->fd, NULL, NULL,
                     SOCK_NONBLOCK|SOCK_CLOEXEC);
        if (fd == -1) {
            return;
        }

        c = race_alloc(sizeof(race_client_t));
        c->slow = (data == &race_hosts[1]);
        c->source.fd = fd;
        c->source.ready = race_client_ready;
        c->source.data = c;
        c->timer.call = race_client_late;
        c->timer.data = c;
        c->queue.fd = fd;
        race_queue_add(&c->queue);
        race_watch(&c->source, EPOLLIN);
    }
}


void
race_host_accept(void)
{
    race_host_ready(&race_hosts[0], 0);
    race_host_ready(&race_hosts[1], 0);
}


void
race_host_start(void)
{
    int          i;
    const char  *paths[2];

    paths[0] = race.fast;
    paths[1] = race.slow_host;

    for (i = 0; i < 2; i++) {
        race_print_document(&race_documents[i], (unsigned) i);
        race_print_search(&race_found[i], (unsigned) i, 1);
    }

    race_print_search(&race_many, 0, race.entries);
    race_fill_text(&race_small, RACE_SMALL);
    race_fill_text(&race_large, RACE_LARGE);

    for (i = 0; i < 2; i++) {
        race_hosts[i].fd = race_listen(paths[i]);
        race_hosts[i].ready = race_host_ready;
        race_hosts[i].data = &race_hosts[i];
        race_watch(&race_hosts[i], EPOLLIN);
    }
}
