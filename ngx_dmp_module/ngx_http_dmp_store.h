/*
 * The store: one pipelined connection of this worker to Redis, its chain of
 * trace entries, and what requests wait for.
 */

#ifndef NGX_HTTP_DMP_STORE_H
#define NGX_HTTP_DMP_STORE_H

#include "ngx_http_dmp_zone.h"

#include <hiredis/async.h>


/*
 * What a command has before an entry's text, and after it: names of seven
 * keys, numbers and hashes; who, a time and a mode, or a message and an
 * account, sealed.
 */
#define NGX_HTTP_DMP_ENTRY_HEAD  (7 * (DMP_KEY_NAME_MAX + 16) + 512)
#define NGX_HTTP_DMP_ENTRY_TAIL  4096

typedef enum {
    NGX_HTTP_DMP_STORE_IDLE = 0,
    NGX_HTTP_DMP_STORE_CONNECTING,
    NGX_HTTP_DMP_STORE_HANDSHAKE,
    NGX_HTTP_DMP_STORE_READY,
    NGX_HTTP_DMP_STORE_ROTATING,         /* a new epoch once all is answered */
    NGX_HTTP_DMP_STORE_CLOSING,          /* the worker ends: last entry sent */
    NGX_HTTP_DMP_STORE_BACKOFF,
    NGX_HTTP_DMP_STORE_ENDED
} ngx_http_dmp_store_state_e;

typedef enum {
    NGX_HTTP_DMP_WAIT_PENDING = 0,
    NGX_HTTP_DMP_WAIT_FAILED,            /* error, lost connection, time-out */
    NGX_HTTP_DMP_WAIT_READY,             /* the store can be asked now */
    NGX_HTTP_DMP_WAIT_STALE,             /* "0": the version moved */
    NGX_HTTP_DMP_WAIT_DONE               /* "1", or what was asked for */
} ngx_http_dmp_wait_e;

/* Of an entry, in its stream. */
typedef struct {
    uint64_t              ms;
    uint64_t              seq;
} ngx_http_dmp_id_t;

/*
 * What the store owes one request.  It outlives the request: hiredis matches
 * replies to callbacks by order alone, so it is freed by its reply.
 */
struct ngx_http_dmp_waiter_s {
    ngx_queue_t           queue;         /* while waiting for READY */
    ngx_http_dmp_ctx_t   *ctx;           /* NULL: nobody waits any more */
    ngx_event_t           wake;
    ngx_event_t           timer;
    ngx_http_dmp_wait_e   result;
    unsigned              answered:1;    /* its reply is here */
    unsigned              sent:1;        /* a reply will come */
    unsigned              entry:1;       /* it carries a trace entry */
    unsigned              access:1;      /* that lets a request through */
    unsigned              confirm:1;     /* a read that replicas confirm */
    unsigned              record:1;      /* it asks for the patient's record */
    unsigned              ended:1;       /* the session that it was asked with
                                            is no more */
    unsigned              late:1;        /* or was looked at too long before */
    unsigned              clocked:1;     /* the reply tells the store's time */
    char                  outcome;       /* that Redis gives it on success */

    unsigned              bucket;
    uint64_t              seq;
    dmp_head_t            head;          /* its reply repeats it */
    uint64_t              sent_ns;
    char                  trace_id[DMP_UUID_LEN];

    /* the reply: version and sealed record, if it brought one */
    unsigned              present:1;
    uint64_t              version;
    char                 *sealed;
    size_t                sealed_len;

    uint64_t              clock_ms;      /* or the store's time */

    /* or the values that were asked for; no data: there is none */
    ngx_str_t            *values;
    ngx_uint_t            n_values;
    ngx_uint_t            expected;      /* how many; 0: any number */

    /* or how many elements a list has; or entries, ngx_http_dmp_store_range.c:
       values are theirs then, each a block of its own */
    uint64_t              count;
    ngx_http_dmp_id_t    *ids;
    ngx_uint_t            owed;          /* replies to come */
    unsigned              failed:1;
};

/* A head that somebody was told of, to be compared with the store's. */
typedef struct {
    unsigned              own;           /* of this worker's writer */
    unsigned              beyond;        /* of a recovery that is not there */
    size_t                name_len;
    char                  name[DMP_WRITER_MAX];
    dmp_chain_head_t      head;
} ngx_http_dmp_claim_head_t;

typedef struct {
    ngx_http_dmp_store_state_e       state;
    const ngx_http_dmp_main_conf_t  *conf;
    ngx_log_t                       *log;

    redisAsyncContext  *redis;
    ngx_connection_t   *connection;
    ngx_event_t         timer;           /* connect, handshake, back-off */
    ngx_event_t         flush;           /* outcomes and checkpoints */
    ngx_event_t         watch;           /* nothing was answered for so long */
    ngx_event_t         drop;            /* posted: close a broken link */
    ngx_event_t         write;           /* posted: one write per turn */
    ngx_uint_t          missed;          /* looks in a row without a reply */
    ngx_uint_t          unpolled;        /* writes until the next look */
    const char         *why;             /* the link is broken, and why */
    const char         *told;            /* the reason that was logged last */
    char                detail[128];
    char                told_detail[128];
    ngx_uint_t          failures;        /* in a row, for the back-off */
    unsigned            down:1;          /* logged as unavailable */
    unsigned            renewing:1;      /* the link is broken on purpose */
    unsigned            linked:1;        /* the store was seen before */

    ngx_uint_t          step;            /* of the handshake */
    ngx_uint_t          owed;            /* handshake replies to come */
    ngx_uint_t          in_flight;       /* sent by requests or flushes */
    ngx_queue_t         waiting;         /* for READY */
    ngx_uint_t          requests;        /* protected, alive in this worker */

    dmp_writer_t       *writer;
    unsigned            buckets;
    ngx_msec_t          deadline;        /* D */

    /* ngx_http_dmp_store_chains.c */
    ngx_http_dmp_claim_head_t  *claims;  /* heads asked for in the handshake */
    ngx_uint_t          n_claims;
    ngx_uint_t          n_closed;
    unsigned char       closed[DMP_BUCKETS_MAX];   /* went back or forked */
    unsigned char       listed[DMP_BUCKETS_MAX];   /* the store says so, too */
    unsigned char       suspect[DMP_BUCKETS_MAX];  /* a record's version went
                                                      back */
    uint64_t            recoveries[DMP_BUCKETS_MAX];   /* by operators */
    uint64_t            closed_at[DMP_BUCKETS_MAX];    /* recoveries, then */

    /* ngx_http_dmp_store_replicas.c */
    ngx_queue_t         held;            /* acknowledged, not yet by replicas */
    ngx_uint_t          unwaited;        /* commits since the last WAIT */
    ngx_uint_t          waits;           /* WAITs that are out */

    ngx_event_t         beat;            /* heartbeats, successions */
    ngx_msec_t          beaten;

    /* the entry just written, its text with room for its command around it */
    dmp_entry_t         entry;
    char                command[NGX_HTTP_DMP_ENTRY_HEAD + DMP_SUMMARY_MAX
                                + NGX_HTTP_DMP_ENTRY_TAIL];
} ngx_http_dmp_store_t;

#define ngx_http_dmp_store_text                                               \
    (ngx_http_dmp_store.command + NGX_HTTP_DMP_ENTRY_HEAD)


extern ngx_http_dmp_store_t  ngx_http_dmp_store;

/* Life: called in the worker's init_process and exit_process. */
ngx_int_t ngx_http_dmp_store_start(ngx_cycle_t *cycle,
    const ngx_http_dmp_main_conf_t *conf);
void ngx_http_dmp_store_stop(void);

/*
 * What a request asks.  Each makes ctx->waiter and returns NGX_AGAIN, or
 * NGX_ERROR when it cannot be asked at all.  load is for the patient's record,
 * get for what else is kept under a version ("v") and sealed ("d").  When the
 * answer is there the request's handler runs again, with ctx->waiter->result
 * set; the request takes it and calls ngx_http_dmp_waiter_release().
 */
ngx_int_t ngx_http_dmp_store_wait_ready(ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_store_load(ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_store_get(ngx_http_dmp_ctx_t *ctx, const char *key,
    size_t len);

/*
 * With a session: only while it lives, in the same call.  It is the session of
 * the record's own holder, and then there are no notices.
 */
ngx_int_t ngx_http_dmp_store_trace(ngx_http_dmp_ctx_t *ctx,
    const dmp_access_t *access, const ngx_http_dmp_notices_t *notices,
    dmp_str_t session);

/* A change: the record, sealed as its next version, and who is told. */
typedef struct {
    uint64_t     version;
    dmp_str_t    sealed;
    const char  *notice;                 /* NULL: none */
    dmp_str_t    told;                   /* sealed, of the notice; or empty */
    dmp_str_t    session;                /* the holder's, or empty */
    uint64_t     checked_ms;             /* a representative's was alive then,
                                            by the store's clock; or 0 */
    unsigned     ends_sessions:1;        /* all of the holder's */
} ngx_http_dmp_change_commit_t;

ngx_int_t ngx_http_dmp_store_change(ngx_http_dmp_ctx_t *ctx,
    const dmp_access_t *access, const ngx_http_dmp_change_commit_t *what);

/*
 * An entry about a session, of the patient that it names, and what becomes of
 * the session with it (docs/store.md: dmp1_session).
 */
#define NGX_HTTP_DMP_SESSION_IDLE    (15 * 60 * 1000)       /* ms */
#define NGX_HTTP_DMP_SESSION_LIMIT   (8 * 60 * 60 * 1000)
#define NGX_HTTP_DMP_SESSION_SEALED  2048

typedef struct {
    const char  *verb;                   /* "check", "open", "only", "end",
                                            "clear", "none" */
    dmp_str_t    session;
    const char  *kind;                   /* of a message; NULL: none */
    dmp_str_t    sealed;
    const char  *login;                  /* of the account that it rests on;
                                            NULL: none */
    uint64_t     version;                /* that this must have still */
    dmp_str_t    account;                /* written with it, sealed as its next
                                            version; or empty */
} ngx_http_dmp_session_commit_t;

ngx_int_t ngx_http_dmp_store_session(ngx_http_dmp_ctx_t *ctx,
    const dmp_access_t *access, const ngx_http_dmp_session_commit_t *what);

/*
 * A command of any kind that reads: its reply is "expected" values, or as many
 * as there are (0), at most NGX_HTTP_DMP_VALUES_MAX; they are in the waiter.
 */
#define NGX_HTTP_DMP_VALUES_MAX  16384

ngx_int_t ngx_http_dmp_store_values(ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t expected, ngx_uint_t argc, const char **argv,
    const size_t *lens);

/*
 * ngx_http_dmp_store_range.c.  count asks how many elements a list has: the
 * waiter's "count".  entries asks for n entries of that bucket by their ids:
 * n values in their order, each its outcome and behind it its body; without
 * data where there is no such entry, empty where it is none.
 */
ngx_int_t ngx_http_dmp_store_count(ngx_http_dmp_ctx_t *ctx, const char *key,
    size_t len);
ngx_int_t ngx_http_dmp_store_entries(ngx_http_dmp_ctx_t *ctx, unsigned bucket,
    const ngx_http_dmp_id_t *ids, ngx_uint_t n);
void ngx_http_dmp_entries_free(ngx_http_dmp_waiter_t *w);

/*
 * A write that nobody waits for: what it is for is a hint, and can be found
 * out again.  told is called with its reply, unless that is an error or the
 * link is lost, and then done, always; either may be NULL.
 */
typedef struct {
    void  (*told)(void *data, const redisReply *reply);
    void  (*done)(void *data);
    void   *data;
} ngx_http_dmp_store_note_t;

void ngx_http_dmp_store_note(ngx_http_dmp_store_note_t *note, ngx_uint_t argc,
    const char **argv, const size_t *lens);

/* Puts what health and metrics tell of this worker into the zone. */
void ngx_http_dmp_store_numbers(void);

/* True if it can be asked now; starts what is needed for it otherwise. */
ngx_uint_t ngx_http_dmp_store_ready(void);

/* The life of a waiter; answer() is for the callbacks of hiredis. */
ngx_http_dmp_waiter_t *ngx_http_dmp_waiter_create(ngx_http_dmp_ctx_t *ctx,
    ngx_msec_t timeout);
void ngx_http_dmp_waiter_answer(ngx_http_dmp_waiter_t *w,
    ngx_http_dmp_wait_e result);
void ngx_http_dmp_waiter_release(ngx_http_dmp_waiter_t *w);

/* The request ends while the store still owes it something. */
void ngx_http_dmp_waiter_detach(ngx_http_dmp_waiter_t *w);

/* ngx_http_dmp_store_commands.c */
ngx_int_t ngx_http_dmp_store_send(redisCallbackFn *callback, void *data,
    ngx_uint_t argc, const char **argv, const size_t *lens);

/* The same for a command that has the protocol's form already. */
ngx_int_t ngx_http_dmp_store_send_formatted(redisCallbackFn *callback,
    void *data, const u_char *command, size_t len);

/*
 * Sends one command for a waiter, which is ctx->waiter then: NGX_AGAIN; or
 * NGX_ERROR, and it is released.
 */
ngx_int_t ngx_http_dmp_store_ask(ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_waiter_t *w, redisCallbackFn *callback, ngx_uint_t argc,
    const char **argv, const size_t *lens);

/* A commit of an access or a change was answered: data is a waiter. */
void ngx_http_dmp_store_traced(redisAsyncContext *ac, void *data,
    void *privdata);
void ngx_http_dmp_store_broken(const char *why, const char *detail);
void ngx_http_dmp_store_settled(void);

/*
 * ngx_http_dmp_store_entries.c.  append sends store->entry, which concerns no
 * record.
 */
ngx_int_t ngx_http_dmp_store_append(redisCallbackFn *callback, void *data);

/* in_flight, and the watch over it; answered() also refuses surplus replies. */
void ngx_http_dmp_store_sent(void);
void ngx_http_dmp_store_answered(void);
void ngx_http_dmp_store_surplus(void);

/* Tells the writer that an entry stands; NGX_ERROR: the link is broken. */
ngx_int_t ngx_http_dmp_store_stands(unsigned bucket, uint64_t seq,
    char outcome, uint64_t ms, uint64_t n);

ngx_int_t ngx_http_dmp_store_acked(redisReply *reply, unsigned bucket,
    uint64_t seq, const dmp_head_t *head, char outcome);
ngx_int_t ngx_http_dmp_reply_number(const redisReply *reply, uint64_t *n);

/* The head that the store has; false if it has none, or none that can be. */
bool ngx_http_dmp_reply_head(const redisReply *reply, dmp_chain_head_t *head);

/*
 * The link is given up and made anew, to look at the store again: no outage,
 * and logged as none.
 */
void ngx_http_dmp_store_renew(const char *why);

/* ngx_http_dmp_store_handshake.c: from a connected socket to READY */
void ngx_http_dmp_store_handshake(void);
void ngx_http_dmp_store_set_ready(void);

#define NGX_HTTP_DMP_HELLO_ARGS  10

/* Sends a step of the handshake; says that a reply is one to go on with. */
ngx_int_t ngx_http_dmp_hello_send(redisCallbackFn *callback, const void *data,
    ngx_uint_t argc, const char **argv);
ngx_int_t ngx_http_dmp_hello_reply(redisReply *reply, int type,
    const char *what);
void ngx_http_dmp_hello_done(void);

/*
 * ngx_http_dmp_store_chains.c.  recoveries takes what dmp:meta says of them,
 * and closed what dmp:closed does; resolve compares what is known of chains
 * with what the store has, epoch opens the next one.
 */
ngx_int_t ngx_http_dmp_chains_recoveries(const redisReply *meta);
ngx_int_t ngx_http_dmp_chains_closed(const redisReply *members);
void ngx_http_dmp_chains_resolve(void);
void ngx_http_dmp_chains_ask(void);
void ngx_http_dmp_chains_epoch(void);
void ngx_http_dmp_store_rotate(void);

/*
 * A version in that bucket is older than one that was known: the link is made
 * anew, and the bucket closed unless an operator has reopened it since.
 */
void ngx_http_dmp_store_suspect(unsigned bucket);

/* The store refuses that bucket's commits: somebody has closed it. */
void ngx_http_dmp_store_closed(unsigned bucket);

/*
 * ngx_http_dmp_store_replicas.c.  commit counts one that was sent, wait sends
 * what confirms all of them, and waiting says that one is out; hold puts off
 * an answer until it has.
 */
void ngx_http_dmp_replicas_commit(void);
void ngx_http_dmp_replicas_wait(void);
ngx_uint_t ngx_http_dmp_replicas_waiting(void);
void ngx_http_dmp_replicas_hold(ngx_http_dmp_waiter_t *w,
    ngx_http_dmp_wait_e result);
void ngx_http_dmp_replicas_ready(void);

/*
 * A read counts only if its store is still the primary that the replicas
 * follow: a write behind it, and a WAIT behind that, say so.
 */
void ngx_http_dmp_replicas_read(ngx_http_dmp_waiter_t *w);

/* What was just sent for it is a write, of no entry. */
void ngx_http_dmp_replicas_write(ngx_http_dmp_waiter_t *w);
void ngx_http_dmp_replicas_lost(void);
void ngx_http_dmp_replicas_done(void);

/* What is to be done once the entry acknowledged last stands, or is lost. */
void ngx_http_dmp_replicas_then(void (*then)(void *data, ngx_uint_t stands),
    void *data);

/* Before heads are asked for; goes on with ngx_http_dmp_chains_ask(). */
void ngx_http_dmp_replicas_resolve(void);

/* An entry that the store has acknowledged: told to the writer in its time. */
ngx_int_t ngx_http_dmp_replicas_stands(unsigned bucket, uint64_t seq,
    char outcome, uint64_t ms, uint64_t n);

/*
 * ngx_http_dmp_succession.c: heartbeats, and the epochs of workers that are no
 * more.
 */
void ngx_http_dmp_beat_start(ngx_cycle_t *cycle);
void ngx_http_dmp_beat_stop(void);
void ngx_http_dmp_beat_ready(void);
void ngx_http_dmp_beat_ended(void);

/* This writer is alive: the one write that says nothing else. */
void ngx_http_dmp_beat_sign(void);

/* ngx_http_dmp_store_event.c: hiredis in nginx's event loop */
ngx_int_t ngx_http_dmp_store_attach(ngx_http_dmp_store_t *store);

/* What was held back leaves at the end of this turn. */
void ngx_http_dmp_store_write(void);

/* ngx_http_dmp_outcome.c: batches of outcomes, checkpoints */
void ngx_http_dmp_outcome_flush(ngx_event_t *ev);
void ngx_http_dmp_outcome_abandon(const char trace_id[DMP_UUID_LEN]);
void ngx_http_dmp_outcome_arm(void);
void ngx_http_dmp_outcome_heartbeat(void);
ngx_int_t ngx_http_dmp_outcome_init(void);
void ngx_http_dmp_outcome_done(void);

#endif
