/*
 * reader.c: sixteen readers of one patient's record, half of them with
 * HTTP/2, half over TCP, each again and again on a new connection; a quarter
 * have several requests under way at once.
 */

#include <string.h>

#include "race.h"


#define RACE_PAUSE      (8 * RACE_MS)    /* after a refusal */
#define RACE_CONNECTED  400              /* requests of one connection */
#define RACE_PATH       256

typedef struct {
    const char  *name;
    const char  *location;
    bool         large;
    bool         search;                 /* refused with 403, others with 404 */
    const char  *target;
} race_kind_t;


static const race_kind_t  race_kinds[RACE_KINDS] = {
    { "search",            "fast", false, true,  "_count=1" },
    { "read",              "fast", false, false, "DocumentReference/doc-0" },
    { "binary",            "fast", false, false, "Binary/small" },
    { "search-slow",       "slow", false, true,  "_count=1" },
    { "read-slow",         "slow", false, false, "DocumentReference/doc-0" },
    { "binary-slow",       "slow", false, false, "Binary/small" },
    { "search-large",      "fast", true,  true,  "_count=99" },
    { "search-large-slow", "slow", true,  true,  "_count=99" },
    { "binary-large-slow", "slow", true,  false, "Binary/large" },
};

static race_reader_t  race_readers[RACE_READERS];
static uint64_t       race_begun;


static race_kind_e
race_pick(void)
{
    bool      slow;
    uint64_t  n;

    slow = race_chance(race.slow);

    if (race_chance(race.large)) {
        return !slow ? RACE_SEARCH_LARGE
                     : race.aim || race_chance(500)
                       ? RACE_SEARCH_LARGE_SLOW
                       : RACE_BINARY_LARGE;
    }

    n = race_random(100);

    if (slow) {
        return n < 45 ? RACE_SEARCH_SLOW
                      : n < 65 ? RACE_READ_SLOW : RACE_BINARY_SLOW;
    }

    return n < 80 ? RACE_SEARCH : n < 95 ? RACE_READ : RACE_BINARY;
}


static void
race_path(char *path, race_kind_e kind)
{
    const race_kind_t  *k;

    k = &race_kinds[kind];

    if (k->search) {
        race_format(path, RACE_PATH, "/%s/fhir/DocumentReference?"
                    "patient.identifier=urn:oid:1.2.250.1.213.1.4.8%%7C%s&%s",
                    k->location, race.ins, k->target);

    } else {
        race_format(path, RACE_PATH, "/%s/fhir/%s", k->location, k->target);
    }
}


static unsigned
race_active(const race_reader_t *reader, bool *large)
{
    unsigned  i, n;

    n = 0;
    *large = false;

    for (i = 0; i < RACE_STREAMS; i++) {
        if (reader->reads[i].active) {
            n++;
            *large = *large || race_kinds[reader->reads[i].kind].large;
        }
    }

    return n;
}


unsigned
race_readers_active(void)
{
    bool      large;
    unsigned  i, n;

    n = 0;

    for (i = 0; i < RACE_READERS; i++) {
        n += race_active(&race_readers[i], &large);
    }

    return n;
}


static void
race_send(race_reader_t *reader, race_read_t *read, race_kind_e kind)
{
    char  path[RACE_PATH], request[RACE_PATH + 64];

    memset(read, 0, sizeof(race_read_t));
    read->active = true;
    read->kind = kind;
    read->sent = race_now();

    race_path(path, kind);
    race_begun++;
    reader->left--;

    if (reader->h2) {
        read->stream = race_h2_send(reader, read, path);
        return;
    }

    race_format(request, sizeof(request),
                "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    race_h1_send(&reader->h1, request);
}


static bool
race_enough(void)
{
    return race.stopping || race_begun >= race.reads;
}


static void
race_fill(race_reader_t *reader)
{
    bool         large;
    unsigned     i, n;
    race_kind_e  kind;

    n = race_active(reader, &large);

    for (i = 0; i < reader->streams; i++) {

        if (reader->reads[i].active || large || reader->left == 0
            || race_enough())
        {
            continue;
        }

        kind = reader->waits ? reader->next : race_pick();
        large = race_kinds[kind].large;
        reader->waits = large && n != 0;

        if (reader->waits) {
            /* it goes alone */
            reader->next = kind;
            return;
        }

        race_send(reader, &reader->reads[i], kind);
        n++;
    }
}


static void  race_h1_opened(void *data);
static void  race_h1_first(void *data);
static void  race_h1_headed(void *data);
static void  race_h1_done(void *data);
static void  race_h1_lost(void *data);


static void
race_reader_connect(race_reader_t *reader)
{
    const char  *address;

    reader->left = RACE_CONNECTED / 2 + (unsigned) race_random(RACE_CONNECTED);
    address = (reader->n & 4) ? race.sockets[reader->gateway]
                              : race.gateways[reader->gateway];

    if (reader->h2) {
        race_h2_open(reader, address, race.reader_ctx);
        return;
    }

    reader->h1.opened = race_h1_opened;
    reader->h1.first = race_h1_first;
    reader->h1.headed = race_h1_headed;
    reader->h1.done = race_h1_done;
    reader->h1.lost = race_h1_lost;
    reader->h1.data = reader;

    race_h1_open(&reader->h1, address, race.reader_ctx);
}


static race_link_t *
race_reader_link(race_reader_t *reader)
{
    return reader->h2 ? &reader->link : &reader->h1.link;
}


/* Everything that a reader begins, it begins here: never in a callback. */
static void
race_turn(void *data)
{
    bool            large;
    race_link_t    *link;
    race_reader_t  *reader;

    reader = data;
    link = race_reader_link(reader);

    if (link->ssl != NULL && link->open && reader->left == 0
        && race_active(reader, &large) == 0)
    {
        race_link_close(link);

        if (reader->h2) {
            race_h2_free(reader);
        }
    }

    if (link->ssl == NULL) {
        if (!race_enough()) {
            race_reader_connect(reader);
        }

    } else if (link->open) {
        race_fill(reader);
    }
}


static void
race_reader_soon(race_reader_t *reader, uint64_t pause)
{
    if (reader->turn.slot == 0) {
        race_timer_set(&reader->turn, race_now() + pause);
    }
}


void
race_reader_ready(race_reader_t *reader)
{
    race_reader_soon(reader, 0);
}


void
race_read_first(race_reader_t *reader, race_read_t *read,
    const race_link_t *link)
{
    (void) reader;

    read->begun = true;
    read->first = race_now();
    read->held = race_changes_held();
    read->late = race_after(&link->queue, link->record, read->sent);
    read->passed = race_passed();
}


static bool
race_is_refusal(const race_read_t *read)
{
    return read->status == (race_kinds[read->kind].search ? 403 : 404);
}


static void
race_read_late(race_reader_t *reader, race_read_t *read)
{
    char  detail[256];

    if (read->late == RACE_TOO_CLOSE) {
        race.counts.too_close++;
        return;
    }

    race.counts.late_answers++;

    race_format(detail, sizeof(detail), "%s, HTTP/%s over %s, gateway %u, sent "
                "%.2f ms before its first byte, trace %s",
                race_kinds[read->kind].name, reader->h2 ? "2" : "1.1",
                (reader->n & 4) ? "a Unix socket" : "TCP", reader->gateway,
                (double) (read->first - read->sent) / (double) RACE_MS,
                read->trace);

    race_violation("an answer left", read->late, read->passed, detail);
}


static void
race_read_count(race_reader_t *reader, race_read_t *read)
{
    race_counts_t  *c;

    c = &race.counts;
    c->reads++;

    if (read->status == 200) {
        c->served++;
        c->served_by[reader->gateway]++;
        c->answers[read->kind]++;
        c->held += read->held;

        if (read->late != 0) {
            race_read_late(reader, read);
        }

        return;
    }

    if (race_is_refusal(read)) {
        c->refused++;
        c->pending_refused += (read->pending != 0);

    } else if (read->status == 503) {
        c->unavailable++;
        c->pending_unavailable += (read->pending != 0);

    } else {
        c->unexpected++;
    }
}


void
race_read_done(race_reader_t *reader, race_read_t *read)
{
    uint64_t  pause;

    race_read_count(reader, read);

    fprintf(race.client_log, "read %s %u %u %llu %llu %u %s\n",
            race_kinds[read->kind].name, reader->n, reader->gateway,
            (unsigned long long) read->sent, (unsigned long long) read->first,
            read->status, read->trace[0] != '\0' ? read->trace : "-");

    read->active = false;
    pause = race_is_refusal(read) ? RACE_PAUSE : 0;

    if (pause < race.pause * RACE_MS) {
        pause = race.pause * RACE_MS;
    }

    race_reader_soon(reader, pause);
}


void
race_reader_lost(race_reader_t *reader)
{
    unsigned  i;

    for (i = 0; i < RACE_STREAMS; i++) {
        if (reader->reads[i].active) {
            reader->reads[i].status = 0;
            race.counts.lost++;
            race_read_done(reader, &reader->reads[i]);
        }
    }

    race_reader_soon(reader, 0);
}


static void
race_h1_opened(void *data)
{
    race_reader_ready(data);
}


static void
race_h1_first(void *data)
{
    race_reader_t  *reader;

    reader = data;
    race_read_first(reader, &reader->reads[0], &reader->h1.link);
}


static void
race_h1_headed(void *data)
{
    race_reader_t  *reader;

    reader = data;
    reader->reads[0].status = reader->h1.status;
    memcpy(reader->reads[0].trace, reader->h1.trace, RACE_TRACE + 1);

    if (reader->h1.close) {
        reader->left = 0;
    }
}


static void
race_h1_done(void *data)
{
    race_reader_t  *reader;

    reader = data;
    race_read_done(reader, &reader->reads[0]);
}


static void
race_h1_lost(void *data)
{
    race_reader_lost(data);
}


void
race_readers_drain(void)
{
    unsigned  i;

    for (i = 0; i < RACE_READERS; i++) {
        race_link_drain(race_reader_link(&race_readers[i]));
    }
}


void
race_readers_boundary(uint64_t boundary)
{
    unsigned      i, k;
    race_read_t  *read;

    for (i = 0; i < RACE_READERS; i++) {
        for (k = 0; k < RACE_STREAMS; k++) {
            read = &race_readers[i].reads[k];

            if (read->active && !read->begun) {
                read->pending = boundary;
                race.counts.pending++;
            }
        }
    }
}


/*
 * One bit each: gateway, HTTP/2, a Unix socket, several streams.  On a stream
 * that is alone nothing pushes out what nginx keeps back.
 */
void
race_readers_start(void)
{
    unsigned        i;
    race_reader_t  *reader;

    for (i = 0; i < RACE_READERS; i++) {
        reader = &race_readers[i];
        reader->n = i;
        reader->gateway = i & 1;
        reader->h2 = (i & 2) != 0;
        reader->streams = (i & 10) == 10 ? RACE_STREAMS : 1;
        reader->turn.call = race_turn;
        reader->turn.data = reader;
        race_reader_soon(reader, 0);
    }
}
