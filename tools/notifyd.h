/*
 * notifyd.h: the parts of dmp-notifyd: messages that it holds, the outboxes
 * that they come from, what a message is once it was opened, the channels that
 * it leaves by, and what is counted.
 */

#ifndef TOOL_NOTIFYD_H
#define TOOL_NOTIFYD_H

#include "ask.h"
#include "notifyd_conf.h"


#define NOTIFYD_GROUP      "notify"
#define NOTIFYD_LIMIT_MS   15000         /* for the store's answers */
#define NOTIFYD_HELD_MAX   4096          /* what is more stays in the store */
#define NOTIFYD_FIELDS     100           /* of a message, at most */
#define NOTIFYD_ID_MAX     44            /* "1764041234567-0", two numbers */
#define NOTIFYD_RETRY_CODE_MS  15000     /* a code lives five minutes */

typedef enum {
    CHANNEL_NONE = 0,
    CHANNEL_EMAIL,
    CHANNEL_SMS,
    CHANNEL_N
} channel_t;

/* What "k" says; the zero value is no kind of ours. */
typedef enum {
    KIND_UNKNOWN = 0,
    KIND_CODE,
    KIND_PASSWORD,
    KIND_FIRST_ACCESS,
    KIND_EMERGENCY_ACCESS,
    KIND_DOCUMENT_ADDED,
    KIND_RECORD_CREATED,
    KIND_RIGHTS_CHANGED,
    KIND_PASSWORD_CHANGED,
    KIND_CONTACT_CHANGED,
    KIND_EMERGENCY_CHANGED,
    KIND_N
} kind_t;

/* How it ended, or not; the zero value is neither sent nor given up. */
typedef enum {
    RESULT_LATER = 0,                    /* this message failed; again later */
    RESULT_CHANNEL,                      /* nothing goes by that channel now */
    RESULT_DEAD,                         /* will not get better */
    RESULT_SENT,
    RESULT_EXPIRED,                      /* a code that is of no use by now */
    RESULT_NOBODY,                       /* no address, no record, closed */
    RESULT_N
} result_t;

typedef struct {
    unsigned     bucket;
    uint64_t     ms;                     /* its id in the outbox */
    uint64_t     n;
    kind_t       kind;
    unsigned     rank;                   /* 0 goes first */
    unsigned     tries;                  /* that have begun */
    int64_t      due_ms;                 /* monotonic */
    int64_t      owned_ms;               /* monotonic: nobody else took it
                                            before this, and our takeover */
    channel_t    channel;                /* once it is known, else NONE */
    unsigned     n_fields;
    dmp_str_t    field[];                /* names and values in turn; the
                                            bytes stand behind them */
} message_t;

/* A message, opened.  message_close() wipes it. */
typedef struct {
    char         id[64];                 /* the same at each try */
    char         to[TEXT_EMAIL_MAX + 2];
    channel_t    channel;
    notice_t     notice;
    int64_t      at_ms;                  /* of what it tells: unix ms */
    int64_t      until_ms;               /* 0: none */
    dmp_buf_t    subject;                /* of a mail */
    dmp_buf_t    text;
    char         subject_data[1024];
    char         text_data[TEXT_FILE_MAX * 2];
} outgoing_t;

typedef struct mailer_s  mailer_t;
typedef struct texter_s  texter_t;

typedef struct {
    unsigned  fails;                     /* in a row */
    int64_t   until_ms;                  /* monotonic: paused until then */
} pause_t;

typedef struct {
    uint64_t  messages[KIND_N][CHANNEL_N][RESULT_N];
    uint64_t  taken;                     /* over, of what others held */
    uint64_t  waiting;                   /* in all outboxes */
    uint64_t  dead;                      /* in all buckets */
    int64_t   counted_ms;                /* when these two were asked for */
    int64_t   written_ms;
} metrics_t;

/* Of one bucket: how far we have looked, for codes behind other notices. */
typedef struct {
    uint64_t  peeked_ms;
    uint64_t  peeked_n;
    uint64_t  read_ms;                   /* the last one that came to us */
    uint64_t  read_n;
    uint64_t  wanted_ms;                 /* a code, later than that; or 0 */
    uint64_t  wanted_n;
} place_t;

typedef struct {
    setup_t        setup;
    store_t        store;
    bool           connected;
    char           consumer[128];
    message_t     *held[NOTIFYD_HELD_MAX];
    size_t         n_held;
    place_t        places[DMP_BUCKETS_MAX];
    message_t     *done;                 /* sent or given up, and the store
                                            does not know yet */
    result_t       done_as;
    char           why[96];              /* of the last try */
    mailer_t      *mailer;
    texter_t      *texter;
    pause_t        pauses[CHANNEL_N];
    metrics_t      metrics;
} notifyd_t;


/* notifyd_queue.c */

/*
 * A message of the fields that the store answered, not held yet; NULL without
 * memory.  One that is not ours to read is of kind UNKNOWN, and kept whole.
 */
message_t *message_make(unsigned bucket, const char *id,
    const redisReply *fields);
void message_free(message_t *m);

dmp_str_t message_field(const message_t *m, const char *name);
void message_id(const message_t *m, char out[NOTIFYD_ID_MAX]);

const char *kind_name(kind_t kind);
const char *channel_name(channel_t channel);
const char *result_name(result_t result);

/* Milliseconds until the next try of one that began "tries" times. */
int64_t queue_backoff(const notifyd_t *n, const message_t *m);

/*
 * Takes it over; false if it is freed instead: it is held already, or there
 * are too many (the store keeps those).
 */
bool queue_hold(notifyd_t *n, message_t *m);
bool queue_has(const notifyd_t *n, unsigned bucket, uint64_t ms, uint64_t id);

/* No longer held; the caller's. */
void queue_drop(notifyd_t *n, message_t *m);
void queue_clear(notifyd_t *n);

/* The one whose turn it is, or NULL; *next_ms becomes when one will be due, if
   that is sooner. */
message_t *queue_next(const notifyd_t *n, int64_t now, int64_t *next_ms);
size_t queue_due(const notifyd_t *n, int64_t now);

/* After a try that did not come through: this channel rests. */
void queue_pause(notifyd_t *n, channel_t channel, int64_t began,
    int64_t asked_ms);


/* notifyd_store.c: false: the connection is lost, or of no use */

bool outbox_connect(notifyd_t *n);
void outbox_disconnect(notifyd_t *n);

const char *outbox_name(unsigned bucket);

/* A message of the store's answer, given to us now; NULL: it is gone. */
message_t *outbox_take(notifyd_t *n, unsigned bucket,
    const redisReply *entry);

/* notifyd_read.c: takes new messages, a few; or waits for them. */
bool outbox_read(notifyd_t *n);
bool outbox_wait(notifyd_t *n, int64_t wait_ms);

/* Takes what stands before a code that others have not taken, and the code. */
bool outbox_codes(notifyd_t *n);

/* Takes what others left; with "ours" what we ourselves left. */
bool outbox_take_over(notifyd_t *n, bool ours);

/* A try begins: *ours is false if somebody else has it by now. */
bool outbox_owned(notifyd_t *n, message_t *m, bool *ours);
bool outbox_begin(notifyd_t *n, message_t *m, bool *ours);

/* What has come of it, in one transaction. */
bool outbox_done(notifyd_t *n, const message_t *m);
bool outbox_dead(notifyd_t *n, const message_t *m);

/* What was never tried may be taken over at once. */
void outbox_let_go(notifyd_t *n);

/* How many wait, and how many are dead. */
bool outbox_count(notifyd_t *n);


/* notifyd_open.c */

/*
 * What a message says, to whom and by which channel.  RESULT_SENT: it is
 * ready.  Otherwise n->why says what it lacks.  *lost: the store did not
 * answer.  message_close() in any case.
 */
result_t message_open(notifyd_t *n, const message_t *m, outgoing_t *out,
    bool *lost);
void message_close(outgoing_t *out);

/* "dmp-07-1764041234567-0": of a message that was requeued its first one. */
void message_token(const message_t *m, char out[64]);


/* notifyd_mail.c, notifyd_sms.c: why: 96 bytes, without any address */

mailer_t *mailer_create(const setup_t *setup);
void mailer_free(mailer_t *mailer);
result_t mailer_send(mailer_t *mailer, const outgoing_t *out, char *why);

texter_t *texter_create(const setup_t *setup);
void texter_free(texter_t *texter);
result_t texter_send(texter_t *texter, const outgoing_t *out, char *why,
    int64_t *asked_ms);

/* Wipes what libcurl and jansson free; to be called once, before all. */
bool memory_wiped(void);


/* notifyd_metrics.c */

void metrics_add(notifyd_t *n, const message_t *m, result_t result);

/* Writes the file anew, unless that was just done; now: monotonic. */
void metrics_write(notifyd_t *n, int64_t now, bool at_once);

#endif
