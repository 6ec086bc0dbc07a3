/*
 * relay.c: stands between a gateway and the store, and lets some of the
 * store's replies wait up to three deadlines; those behind them wait as well.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "race.h"


#define RACE_BLOCK  65536

typedef struct race_side_s   race_side_t;
typedef struct race_piece_s  race_piece_t;

struct race_piece_s {
    race_piece_t  *next;
    uint64_t       at;                   /* when it may go on */
    size_t         len;
    size_t         sent;
    char           bytes[];
};

struct race_side_s {
    race_source_t   source;
    bool            store;               /* the side of the store */
    bool            dead;
    race_side_t    *other;
    race_piece_t   *first;               /* to be written to this side */
    race_piece_t  **last;
    uint64_t        latest;
    race_timer_t    timer;
};


static race_source_t  race_relay;


static void
race_side_end(race_side_t *side)
{
    race_piece_t  *piece;

    race_timer_clear(&side->timer);
    race_forget(&side->source);

    while ((piece = side->first) != NULL) {
        side->first = piece->next;
        free(piece);
    }

    free(side);
}


static void
race_relay_end(race_side_t *side)
{
    race_side_end(side->other);
    race_side_end(side);
}


/* False when the other end is gone. */
static bool
race_side_write(race_side_t *side)
{
    ssize_t        n;
    race_piece_t  *piece;

    while ((piece = side->first) != NULL) {

        if (piece->at > race_now()) {
            race_timer_set(&side->timer, piece->at);
            break;
        }

        n = send(side->source.fd, piece->bytes + piece->sent,
                 piece->len - piece->sent, MSG_NOSIGNAL);

        if (n == -1 && errno == EAGAIN) {
            race_watch(&side->source, EPOLLIN|EPOLLOUT);
            return true;
        }

        if (n == -1) {
            return false;
        }

        piece->sent += (size_t) n;

        if (piece->sent == piece->len) {
            side->first = piece->next;
            free(piece);
        }
    }

    if (side->first == NULL) {
        side->last = &side->first;
    }

    race_watch(&side->source, EPOLLIN);

    return true;
}


static void
race_side_due(void *data)
{
    if (!race_side_write(data)) {
        race_relay_end(data);
    }
}


static bool
race_side_read(race_side_t *side)
{
    ssize_t        n;
    race_side_t   *to;
    race_piece_t  *piece;

    piece = race_alloc(sizeof(race_piece_t) + RACE_BLOCK);
    n = recv(side->source.fd, piece->bytes, RACE_BLOCK, 0);

    if (n <= 0) {
        free(piece);
        return n == -1 && errno == EAGAIN;
    }

    to = side->other;
    piece->len = (size_t) n;

    if (side->store && race_chance(race.relay)) {
        piece->at = race_now() + race_random(3 * race.deadline * RACE_MS);
    }

    if (piece->at < to->latest) {
        piece->at = to->latest;
    }

    to->latest = piece->at;
    *to->last = piece;
    to->last = &piece->next;

    return race_side_write(to);
}


static void
race_side_ready(void *data, uint32_t events)
{
    bool          good;
    race_side_t  *side;

    side = data;
    good = true;

    if (events & EPOLLOUT) {
        good = race_side_write(side);
    }

    if (good && (events & ~(uint32_t) EPOLLOUT)) {
        good = race_side_read(side);
    }

    if (!good) {
        race_relay_end(side);
    }
}


static race_side_t *
race_side_start(int fd, bool store)
{
    race_side_t  *side;

    side = race_alloc(sizeof(race_side_t));
    side->store = store;
    side->last = &side->first;
    side->source.fd = fd;
    side->source.ready = race_side_ready;
    side->source.data = side;
    side->timer.call = race_side_due;
    side->timer.data = side;
    race_watch(&side->source, EPOLLIN);

    return side;
}


static void
race_relay_ready(void *data, uint32_t events)
{
    int           fd;
    race_side_t  *gateway, *store;

    (void) data;
    (void) events;                       /* whatever it is, accept() tells */

    for (;;) {
        fd = accept4(race_relay.fd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);
        if (fd == -1) {
            return;
        }

        gateway = race_side_start(fd, false);
        store = race_side_start(race_connect(race.store), true);
        gateway->other = store;
        store->other = gateway;
    }
}


void
race_relay_start(void)
{
    if (race.relay_at == NULL) {
        return;
    }

    race_relay.fd = race_listen(race.relay_at);
    race_relay.ready = race_relay_ready;
    race_relay.data = &race_relay;
    race_watch(&race_relay, EPOLLIN);
}
