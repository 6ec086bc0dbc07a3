/*
 * link.c: a TLS connection that is read record by record, so that each byte
 * of an answer is known by the number of the record's first byte on the wire.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "race.h"


#define RACE_READ  65536
#define RACE_HEAD  5                     /* of a TLS record */


static void
race_link_over(race_link_t *link)
{
    race_call_pt  lost;

    lost = link->lost;
    race_link_close(link);
    lost(link->data);
}


static void
race_link_flush(race_link_t *link)
{
    int      pending;
    ssize_t  n;

    pending = (int) BIO_ctrl_pending(link->out);

    if (pending > 0) {
        link->unsent = realloc(link->unsent,
                               link->unsent_len + (size_t) pending);
        if (link->unsent == NULL) {
            race_fail("no memory");
        }

        if (BIO_read(link->out, link->unsent + link->unsent_len, pending)
            != pending)
        {
            race_fail("TLS: its bytes cannot be read");
        }

        link->unsent_len += (size_t) pending;
    }

    while (link->unsent_len != 0) {
        n = send(link->source.fd, link->unsent, link->unsent_len,
                 MSG_NOSIGNAL);

        if (n == -1) {
            break;
        }

        link->unsent_len -= (size_t) n;
        memmove(link->unsent, link->unsent + n, link->unsent_len);
    }

    race_watch(&link->source, (link->unsent_len != 0) ? EPOLLIN|EPOLLOUT
                                                      : EPOLLIN);
}


/* One step of the handshake. */
static void
race_link_shake(race_link_t *link)
{
    int   rc;
    char  text[256];

    rc = SSL_do_handshake(link->ssl);

    if (rc == 1) {
        link->open = true;
        link->opened(link->data);
        return;
    }

    if (SSL_get_error(link->ssl, rc) == SSL_ERROR_WANT_READ) {
        return;
    }

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    race_fail("TLS handshake: %s", text);
}


/* One whole record; false when the connection is over. */
static bool
race_link_record(race_link_t *link)
{
    int      n;
    uint8_t  plain[16384];

    if (!link->open) {
        race_link_shake(link);
    }

    while (link->open && !link->ended) {
        n = SSL_read(link->ssl, plain, sizeof(plain));

        if (n > 0) {
            link->bytes(link->data, plain, (size_t) n);
            continue;
        }

        n = SSL_get_error(link->ssl, n);
        ERR_clear_error();

        if (n != SSL_ERROR_WANT_READ) {
            return false;
        }

        break;
    }

    return !link->ended;
}


/* Takes in what was received; each record by itself. */
static bool
race_link_take(race_link_t *link, const uint8_t *bytes, size_t n)
{
    size_t  want, part;

    while (n != 0) {
        want = RACE_HEAD;

        if (link->raw_len >= RACE_HEAD) {
            want += (size_t) link->raw[3] << 8 | link->raw[4];
        }

        if (want > RACE_RECORD) {
            race_fail("a TLS record of %zu bytes", want);
        }

        part = want - link->raw_len;
        part = (part < n) ? part : n;
        memcpy(link->raw + link->raw_len, bytes, part);
        link->raw_len += part;
        bytes += part;
        n -= part;

        if (link->raw_len < want || want == RACE_HEAD) {
            continue;
        }

        if (BIO_write(link->in, link->raw, (int) want) != (int) want) {
            race_fail("no memory");
        }

        if (!race_link_record(link)) {
            return false;
        }

        link->record += want;
        link->raw_len = 0;
    }

    return true;
}


/* False when there is nothing more to read now, or ever. */
static bool
race_link_read(race_link_t *link)
{
    ssize_t  n;
    uint8_t  bytes[RACE_READ];

    n = recv(link->source.fd, bytes, sizeof(bytes), 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }

    if (n <= 0) {
        race_link_over(link);
        return false;
    }

    link->queue.received += (uint64_t) n;

    if (!race_link_take(link, bytes, (size_t) n)) {
        race_link_over(link);
        return false;
    }

    race_link_flush(link);

    return true;
}


static void
race_link_ready(void *data, uint32_t events)
{
    race_link_t  *link;

    link = data;

    if (events & EPOLLOUT) {
        race_link_flush(link);
    }

    if (events & ~(uint32_t) EPOLLOUT) {
        (void) race_link_read(link);     /* epoll says if there is more */
    }
}


void
race_link_drain(race_link_t *link)
{
    while (link->ssl != NULL && race_link_read(link)) {
        /* the next part */
    }
}


void
race_link_send(race_link_t *link, const void *bytes, size_t n)
{
    if (SSL_write(link->ssl, bytes, (int) n) != (int) n) {
        race_fail("TLS: cannot write");
    }

    race_link_flush(link);
}


void
race_link_close(race_link_t *link)
{
    if (link->ssl == NULL) {
        return;
    }

    link->ended = true;
    link->open = false;
    race_queue_remove(&link->queue);
    race_forget(&link->source);

    SSL_free(link->ssl);                 /* and both BIOs */
    free(link->unsent);
    free(link->raw);

    link->ssl = NULL;
    link->unsent = NULL;
    link->unsent_len = 0;
    link->raw = NULL;
}


void
race_link_open(race_link_t *link, const char *address, SSL_CTX *ctx, bool h2)
{
    link->source.fd = race_connect(address);
    link->source.events = 0;
    link->source.ready = race_link_ready;
    link->source.data = link;

    link->queue.fd = link->source.fd;
    link->queue.tcp = strncmp(address, "unix:", 5) != 0;
    race_queue_add(&link->queue);

    link->ssl = SSL_new(ctx);
    link->in = BIO_new(BIO_s_mem());
    link->out = BIO_new(BIO_s_mem());

    if (link->ssl == NULL || link->in == NULL || link->out == NULL
        || SSL_set1_host(link->ssl, "localhost") != 1
        || SSL_set_tlsext_host_name(link->ssl, "localhost") != 1
        || SSL_set_alpn_protos(link->ssl,
               (const unsigned char *) (h2 ? "\2h2" : "\10http/1.1"),
               h2 ? 3 : 9) != 0)
    {
        race_fail("TLS: no memory");
    }

    (void) BIO_set_mem_eof_return(link->in, -1);
    SSL_set_bio(link->ssl, link->in, link->out);
    SSL_set_connect_state(link->ssl);

    link->raw = race_alloc(RACE_RECORD);
    link->raw_len = 0;
    link->record = 0;
    link->open = false;
    link->ended = false;

    race_link_shake(link);
    race_link_flush(link);
}


/* That certificate of the PKI, for a client. */
SSL_CTX *
race_link_context(const char *name)
{
    char      pem[512], key[512], ca[512];
    SSL_CTX  *ctx;

    race_format(pem, sizeof(pem), "%s/%s.pem", race.pki, name);
    race_format(key, sizeof(key), "%s/%s.key", race.pki, name);
    race_format(ca, sizeof(ca), "%s/server-ca.pem", race.pki);

    ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL
        || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1
        || (strcmp(name, RACE_NO_CARD) != 0
            && (SSL_CTX_use_certificate_chain_file(ctx, pem) != 1
                || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM)
                   != 1)))
    {
        race_fail("%s: cannot be used as a certificate with its key", pem);
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    return ctx;
}
