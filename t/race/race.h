/*
 * race.h: the race (what it proves: watch.c): readers, changers of rights, a
 * record host and a delaying relay to the store, in one thread and one loop,
 * so that what came before what is never a guess.
 */

#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/ssl.h>


#define RACE_MS        1000000ULL        /* in ns */
#define RACE_GATEWAYS  2
#define RACE_READERS   16
#define RACE_STREAMS   4                 /* at once, of one HTTP/2 reader */
#define RACE_TRACE     36                /* characters of a trace id */
#define RACE_RECORD    16709             /* bytes of a TLS record, at most */


/* ------------------------------------------------------------------ loop.c */

typedef void (*race_call_pt)(void *data);

typedef struct {
    uint64_t        at;
    size_t          slot;                /* in the heap, from 1; 0: not set */
    race_call_pt    call;
    void           *data;
} race_timer_t;

typedef struct {
    int        fd;
    bool       urgent;                   /* before all that are not */
    uint32_t   events;
    void     (*ready)(void *data, uint32_t events);
    void      *data;
} race_source_t;

uint64_t race_now(void);                 /* monotonic, in ns */
void race_loop_init(void);
void race_loop_run(void);                /* until race.over */
void race_watch(race_source_t *source, uint32_t events);
void race_forget(race_source_t *source); /* closes the descriptor */
void race_timer_set(race_timer_t *timer, uint64_t at);
void race_timer_clear(race_timer_t *timer);

uint64_t race_random(uint64_t below);    /* 0 for 0 */
bool race_chance(unsigned of_1000);
void race_fail(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void *race_alloc(size_t size);           /* zeroed */
void race_format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));   /* all of it, or the end */

/* "unix:PATH" or "127.0.0.1:PORT". */
int race_connect(const char *address);
int race_listen(const char *path);


/* ----------------------------------------------------------------- watch.c */

/* What the kernel holds for us of one connection, by its bytes' numbers. */
typedef struct race_queue_s  race_queue_t;

struct race_queue_s {
    int            fd;
    bool           tcp;
    bool           full;                 /* when last counted */
    uint64_t       received;
    uint64_t       before;               /* first byte after the boundary */
    race_queue_t  *next;
    race_queue_t  *previous;
};

void race_queue_add(race_queue_t *queue);
void race_queue_remove(race_queue_t *queue);

/* A change that takes rights away is acknowledged, now. */
void race_acknowledged(const char *how);

/* A change that gives rights is about to be sent. */
void race_granting(void);

/* An acknowledged change took rights away, and nothing was sent since that
   might give them. */
bool race_is_forbidden(void);

/*
 * The number of the boundary that this byte, the "at"th of the queue, left
 * after; 0: it left before, or nobody could say.  asked: when it was asked
 * for; 0: not known.
 */
#define RACE_TOO_CLOSE  UINT64_MAX

uint64_t race_after(const race_queue_t *queue, uint64_t at, uint64_t asked);

typedef struct {
    uint64_t  reads;
    uint64_t  served;
    uint64_t  refused;
    uint64_t  unavailable;
    uint64_t  unexpected;                /* any other answer, or none */
    uint64_t  answers[9];                /* by kind, served */
    uint64_t  changes;                   /* acknowledged, of any sort */
    uint64_t  failures;                  /* changes that were not */
    uint64_t  boundaries;
    uint64_t  repeated;                  /* acknowledged behind a boundary */
    uint64_t  pending;                   /* reads a boundary found waiting */
    uint64_t  pending_refused;
    uint64_t  pending_unavailable;
    uint64_t  held;                      /* served while a change was held */
    uint64_t  too_close;                 /* to be told, over TCP */
    uint64_t  forwarded;                 /* that the record host received */
    uint64_t  late_answers;              /* violations */
    uint64_t  late_forwards;
    uint64_t  lost;                      /* connections that ended without an
                                            answer */
    uint64_t  served_by[RACE_GATEWAYS];
    uint64_t  changed_by[RACE_GATEWAYS + 1];     /* acknowledged; dmpctl last */
} race_counts_t;

uint64_t race_passed(void);              /* since the last boundary, in ns */
void race_violation(const char *what, uint64_t boundary, uint64_t passed,
    const char *detail);


/* ------------------------------------------------------------------ link.c */

/* A TLS connection whose records are taken in one by one. */
typedef struct {
    race_source_t   source;
    race_queue_t    queue;
    SSL            *ssl;
    BIO            *in;
    BIO            *out;
    uint8_t        *raw;                 /* the record that is coming in */
    size_t          raw_len;
    uint64_t        record;              /* number of its first byte */
    uint8_t        *unsent;
    size_t          unsent_len;
    bool            open;
    bool            ended;

    race_call_pt    opened;
    void          (*bytes)(void *data, const uint8_t *bytes, size_t n);
    race_call_pt    lost;                /* the last that is heard of it */
    void           *data;
} race_link_t;

void race_link_open(race_link_t *link, const char *address, SSL_CTX *ctx,
    bool h2);
void race_link_send(race_link_t *link, const void *bytes, size_t n);
void race_link_close(race_link_t *link);
void race_link_drain(race_link_t *link); /* what is there already */
SSL_CTX *race_link_context(const char *name);


/* -------------------------------------------------------------------- h1.c */

typedef enum {
    RACE_H1_IDLE = 0,
    RACE_H1_HEAD,
    RACE_H1_BODY
} race_h1_state_e;

typedef struct {
    race_link_t       link;
    race_h1_state_e   state;
    char              head[4096];
    size_t            head_len;
    uint64_t          left;              /* of the body */
    unsigned          status;
    char              trace[RACE_TRACE + 1];
    bool              close;

    race_call_pt      opened;
    race_call_pt      first;             /* byte of an answer */
    race_call_pt      headed;
    race_call_pt      done;
    race_call_pt      lost;
    void             *data;
} race_h1_t;

void race_h1_open(race_h1_t *h1, const char *address, SSL_CTX *ctx);
void race_h1_send(race_h1_t *h1, const char *bytes);


/* ------------------------------------------------- reader.c, h1 and h2 each */

typedef enum {
    RACE_SEARCH = 0,
    RACE_READ,
    RACE_BINARY,
    RACE_SEARCH_SLOW,
    RACE_READ_SLOW,
    RACE_BINARY_SLOW,
    RACE_SEARCH_LARGE,
    RACE_SEARCH_LARGE_SLOW,
    RACE_BINARY_LARGE,
    RACE_KINDS
} race_kind_e;

typedef struct race_reader_s  race_reader_t;

typedef struct {
    bool           active;
    bool           begun;
    bool           held;                 /* begun while a change was */
    race_kind_e    kind;
    int32_t        stream;
    uint64_t       sent;
    uint64_t       first;
    uint64_t       late;                 /* boundary that it left after, */
    uint64_t       passed;               /* by so much */
    uint64_t       pending;              /* boundary that found it waiting */
    unsigned       status;
    char           trace[RACE_TRACE + 1];
} race_read_t;

struct race_reader_s {
    unsigned        n;
    unsigned        gateway;
    bool            h2;
    unsigned        streams;             /* at once */
    bool            waits;               /* for the others, with the next */
    race_kind_e     next;
    unsigned        left;                /* requests on this connection */
    race_h1_t       h1;
    race_link_t     link;                /* with HTTP/2 */
    void           *session;
    race_read_t     reads[RACE_STREAMS];
    race_timer_t    turn;
};

void race_readers_start(void);
void race_readers_drain(void);
void race_readers_boundary(uint64_t boundary);
unsigned race_readers_active(void);

/* For h2.c. */
void race_h2_open(race_reader_t *reader, const char *address, SSL_CTX *ctx);
int32_t race_h2_send(race_reader_t *reader, race_read_t *read,
    const char *path);
void race_h2_free(race_reader_t *reader);
void race_reader_ready(race_reader_t *reader);
void race_read_first(race_reader_t *reader, race_read_t *read,
    const race_link_t *link);
void race_read_done(race_reader_t *reader, race_read_t *read);
void race_reader_lost(race_reader_t *reader);


/* ---------------------------------------------------------- the other parts */

void race_host_start(void);
void race_host_accept(void);             /* what is waiting to be */
void race_relay_start(void);
void race_changes_start(void);
bool race_changes_idle(void);
bool race_changes_now(void);             /* false: nothing to be taken now */
bool race_changes_held(void);            /* one takes rights away, and waits */


typedef struct {
    unsigned       deadline;             /* D, ms */
    uint64_t       reads;
    unsigned       seconds;
    unsigned       slow;                 /* of 1000 reads */
    unsigned       large;
    unsigned       tool;                 /* of 1000 changes by dmpctl */
    unsigned       twice;                /* of 1000 changes, repeated at once */
    unsigned       near;                 /* of 1000 slow answers, that end
                                            just before D */
    unsigned       judging;              /* by so many ms at most */
    unsigned       entries;              /* of a large search */
    unsigned       relay;                /* of 1000 replies of the store, that
                                            come late */
    bool           aim;                  /* changes when a large slow search
                                            is let through */
    bool           first;                /* stop at the first violation */
    bool           told;                 /* by standard input when to stop; says
                                            all the time how it stands */
    unsigned       pause;                /* ms between an answer and the next
                                            request */
    const char    *gateways[RACE_GATEWAYS];
    const char    *sockets[RACE_GATEWAYS];
    const char    *fast;
    const char    *slow_host;
    const char    *relay_at;
    const char    *store;
    const char    *pki;
    const char    *reader;               /* names of certificates */
    const char    *treating;             /* RACE_NO_CARD: the patient, by... */
    char           token[2048];          /* ... that; told with the line that
                                            says that the gateways are there */
    const char    *ins;
    const char    *professional;         /* the reader's number */
    const char    *logs;
    char         **tool_argv;            /* "dmpctl", what follows the words */
    int            tool_argc;

    FILE          *client_log;
    FILE          *host_log;
    SSL_CTX       *reader_ctx;
    SSL_CTX       *treating_ctx;
    uint64_t       started;
    bool           stopping;             /* nothing new is begun */
    bool           over;
    race_counts_t  counts;
} race_t;

#define RACE_NO_CARD  "none"

extern race_t  race;

#endif
