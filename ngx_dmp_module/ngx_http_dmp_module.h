/*
 * What the files of the module share: configuration, the context of one
 * client request, and the functions that one file offers to the others.
 *
 * Configuration is const at request time; a request's state lives in its
 * context and nowhere else.
 */

#ifndef NGX_HTTP_DMP_MODULE_H
#define NGX_HTTP_DMP_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <dmp/dmp.h>
#include <dmp/dmp_answer.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_directory.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_filter.h>
#include <dmp/dmp_identity.h>
#include <dmp/dmp_index.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_request.h>
#include <dmp/dmp_trace.h>

#include "ngx_http_dmp_compat.h"
#include "ngx_http_dmp_conf.h"


/*
 * What this code knows how to do; a decision that asks for more is a refusal.
 * Over the API a mask is the record's own, and nothing goes to the host.
 */
#define NGX_HTTP_DMP_OBLIGATIONS                                              \
    (DMP_OBLIGATION_TRACE | DMP_OBLIGATION_COMPOSE | DMP_OBLIGATION_FILTER    \
     | DMP_OBLIGATION_JUDGE | DMP_OBLIGATION_METADATA_ONLY                    \
     | DMP_OBLIGATION_NOTIFY_FIRST_ACCESS | DMP_OBLIGATION_NOTIFY_EMERGENCY)

#define NGX_HTTP_DMP_API_OBLIGATIONS                                          \
    (DMP_OBLIGATION_TRACE | DMP_OBLIGATION_COMPOSE | DMP_OBLIGATION_FILTER    \
     | DMP_OBLIGATION_OWN_ONLY                                                \
     | DMP_OBLIGATION_CHANGE_RECORD | DMP_OBLIGATION_FORWARD_CHANGE           \
     | DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED | DMP_OBLIGATION_IMPUTE           \
     | DMP_OBLIGATION_NOTIFY_RECORD_CREATED)

/*
 * What makes a revocation hold.  A build for the tests alone can do without
 * each of them, so that it is seen that the tests would notice.
 */
#define NGX_HTTP_DMP_SAFETY_VERSION        0x01
#define NGX_HTTP_DMP_SAFETY_DEADLINE       0x02
#define NGX_HTTP_DMP_SAFETY_RECHECK        0x04
#define NGX_HTTP_DMP_SAFETY_HOLD           0x08
#define NGX_HTTP_DMP_SAFETY_HOLD_REPEATED  0x10
#define NGX_HTTP_DMP_SAFETY_CLOCK          0x20

/* And what makes the trace survive. */
#define NGX_HTTP_DMP_SAFETY_TRACE_FIRST    0x40
#define NGX_HTTP_DMP_SAFETY_FORK           0x80
#define NGX_HTTP_DMP_SAFETY_EPOCH          0x100
#define NGX_HTTP_DMP_SAFETY_SUCCESSOR      0x200
#define NGX_HTTP_DMP_SAFETY_SILENT         0x400
#define NGX_HTTP_DMP_SAFETY_REPLICAS       0x800

#if (NGX_HTTP_DMP_UNSAFE)
#define ngx_http_dmp_safety(safety)  (!(ngx_http_dmp_without & (safety)))
extern ngx_uint_t  ngx_http_dmp_without;
#else
#define ngx_http_dmp_safety(safety)  1
#endif

/* One function per state: ngx_http_dmp_access.c. */
typedef enum {
    NGX_HTTP_DMP_IDENTIFY = 0,
    NGX_HTTP_DMP_INTRODUCE,
    NGX_HTTP_DMP_MAP,
    NGX_HTTP_DMP_LOCATE,
    NGX_HTTP_DMP_FIND,
    NGX_HTTP_DMP_TARGET,
    NGX_HTTP_DMP_MASK,
    NGX_HTTP_DMP_LOAD,
    NGX_HTTP_DMP_DECIDE,
    NGX_HTTP_DMP_SIGN_IN,
    NGX_HTTP_DMP_CREATE,
    NGX_HTTP_DMP_CONTACT,
    NGX_HTTP_DMP_SESSION,
    NGX_HTTP_DMP_COMMIT,
    NGX_HTTP_DMP_ACKNOWLEDGE,
    NGX_HTTP_DMP_HISTORY,
    NGX_HTTP_DMP_ENFORCE,
    NGX_HTTP_DMP_END
} ngx_http_dmp_state_e;

/* Finding whose document it is: ngx_http_dmp_locate.c. */
typedef enum {
    NGX_HTTP_DMP_LOCATE_CACHE = 0,
    NGX_HTTP_DMP_LOCATE_HINT,            /* the index: whose it may be */
    NGX_HTTP_DMP_LOCATE_FACTS,           /* the index: what is known of it */
    NGX_HTTP_DMP_LOCATE_SEARCH,          /* the host: whose attachment it is */
    NGX_HTTP_DMP_LOCATE_ASK              /* the host: as it is now */
} ngx_http_dmp_locate_e;

/* What may leave for this client request: nothing, until somebody says so. */
typedef enum {
    NGX_HTTP_DMP_UNDECIDED = 0,
    NGX_HTTP_DMP_COMPOSED,               /* our own answer is on its way */
    NGX_HTTP_DMP_FORWARDED,              /* the host's answer must be judged */
    NGX_HTTP_DMP_HELD,                   /* its header came, its body comes */
    NGX_HTTP_DMP_CHECKING,               /* whole, its version is looked at */
    NGX_HTTP_DMP_PAUSED,                 /* it will stream: its version is
                                            looked at before its first byte */
    NGX_HTTP_DMP_STREAMING,              /* what comes of it leaves */
    NGX_HTTP_DMP_RELEASED,               /* judged: what stays was sent */
    NGX_HTTP_DMP_REPLACED                /* nothing of it: ours was sent */
} ngx_http_dmp_answer_e;

/* Bytes of an answer, in one block: ngx_http_dmp_body.c. */
typedef struct {
    u_char    *data;
    size_t     len;
    size_t     size;
} ngx_http_dmp_body_t;

/* A question to the record host: ngx_http_dmp_ask.c. */
typedef struct {
    ngx_http_request_t   *request;       /* the subrequest; NULL: none asked */
    ngx_http_request_t   *answered;      /* the last one */
    ngx_http_dmp_body_t   body;
    ngx_uint_t            status;
    unsigned              done:1;
    unsigned              failed:1;
} ngx_http_dmp_question_t;

/* Facts of a document, and of which patient's record it is. */
typedef struct {
    char            patient[DMP_PSEUDONYM_LEN];
    dmp_document_t  document;
} ngx_http_dmp_known_t;

/* A document that claims an attachment: hints of the index. */
typedef struct {
    char       patient[DMP_PSEUDONYM_LEN];
    char       hash[DMP_INDEX_HASH_LEN];
    unsigned   stale:1;                  /* its facts no longer say so */
} ngx_http_dmp_claim_t;

typedef struct {
    dmp_str_t  id;
    unsigned   seen:1;                   /* the host has shown it */
} ngx_http_dmp_candidate_t;

/* A document that Lists of an answer name: ngx_http_dmp_lists.c. */
typedef struct {
    dmp_str_t              id;
    const dmp_document_t  *document;     /* NULL: not known */
    unsigned               asked:1;      /* the host was asked, too */
} ngx_http_dmp_listed_t;

typedef struct ngx_http_dmp_waiter_s  ngx_http_dmp_waiter_t;
typedef struct ngx_http_dmp_cache_s   ngx_http_dmp_cache_t;
typedef struct ngx_http_dmp_ctx_s     ngx_http_dmp_ctx_t;
typedef struct ngx_http_dmp_find_s    ngx_http_dmp_find_t;
typedef struct ngx_http_dmp_change_s  ngx_http_dmp_change_t;
typedef struct ngx_http_dmp_session_s ngx_http_dmp_session_t;
typedef struct ngx_http_dmp_create_s  ngx_http_dmp_create_t;
typedef struct ngx_http_dmp_sign_in_s ngx_http_dmp_sign_in_t;
typedef struct ngx_http_dmp_history_s ngx_http_dmp_history_t;

/* A list of revoked certificates, of one issuer: ngx_http_dmp_crl.c. */
typedef struct {
    X509_STORE    *store;                /* of the server that has it */
    X509_CRL      *list;
    ngx_str_t      key;                  /* of the issuer, by its identifier;
                                            empty: not said */
    unsigned       users:1;              /* whose certificates it is for */
    unsigned       authorities:1;
    ngx_str_t      name;                 /* of the issuer, for the log */
    time_t         since;
    time_t         until;                /* the next list is due */
    ngx_uint_t     told;                 /* what was logged of it */
} ngx_http_dmp_crl_t;

/* An entry of a cache; "value" is valid while a reference is held. */
typedef struct ngx_http_dmp_cached_s  ngx_http_dmp_cached_t;

struct ngx_http_dmp_cached_s {
    ngx_http_dmp_cached_t  *next;        /* of the same chain */
    ngx_queue_t             lru;
    ngx_http_dmp_cache_t   *cache;
    uint64_t                version;
    void                   *value;
    uint32_t                hash;
    uint32_t                refs;
    unsigned                dead:1;      /* out of the cache, still in use */
    unsigned                key_len:16;
    u_char                  key[];
};

struct ngx_http_dmp_ctx_s {
    ngx_http_request_t      *request;
    ngx_http_dmp_state_e     state;
    ngx_http_dmp_answer_e    answer;

    const dmp_policy_t      *policy;
    dmp_subject_t            subject;
    dmp_headers_t            headers;
    dmp_request_t            asked;
    dmp_facts_t              facts;
    dmp_decision_t           decision;

    u_char                   trace_id[DMP_UUID_LEN];
    char                     patient[DMP_PSEUDONYM_LEN];
    char                     name[DMP_INDEX_HASH_LEN];   /* for the trace */
    unsigned                 patient_known:1;
    unsigned                 traced:1;       /* the store acknowledged it */
    unsigned                 outcome_sent:1;
    unsigned                 document_asked:1;   /* its facts are fresh */
    unsigned                 decoy:1;        /* nobody's: looked up all the
                                                same, as if it were */
    unsigned                 head:1;         /* HEAD, asked for as GET */
    unsigned                 sent_as_decided:1;
    unsigned                 refused:1;      /* by nginx: dmp_denied */
    unsigned                 problem:1;      /* RFC 9457, where not FHIR */
    unsigned                 unproven:1;     /* nothing vouches for the card:
                                                refusals are counted, not
                                                traced one by one */
    unsigned                 api:1;
    unsigned                 first_noticed:1;    /* by the commit on its way */
    unsigned                 mask_ambiguous:1;
    unsigned                 form_read:1;
    unsigned                 declined:1;     /* by the last check */
    unsigned                 confirmed:1;    /* the contact, by its code */
    ngx_uint_t               tries;
    ngx_uint_t               http_version;   /* the client's */
    uint64_t                 repeated;

    ngx_http_dmp_cached_t   *record;         /* held while in use */
    unsigned                 record_loaded:1;    /* by this request */

    /* the document that is asked for: ngx_http_dmp_locate.c */
    ngx_http_dmp_locate_e    locate;
    ngx_http_dmp_cached_t   *cached;
    const dmp_document_t    *document;       /* NULL: none is known */
    char                     tied[DMP_PSEUDONYM_LEN];    /* by the index */
    unsigned                 is_tied:1;
    unsigned                 contested:1;    /* nobody can tell whose the
                                                attachment is */
    unsigned                 refused_once:1; /* by what was remembered */
    unsigned                 reload:1;       /* the record, from the store */
    unsigned                 index_knew:1;
    char                   (*hashes)[DMP_INDEX_HASH_LEN];
    ngx_uint_t               n_hashes;
    ngx_http_dmp_claim_t    *claims;         /* of the attachment */
    ngx_uint_t               n_claims;
    ngx_array_t             *candidates;     /* documents that have it, as the
                                                index says */
    ngx_http_dmp_cached_t  **all;            /* and as the host does */
    ngx_uint_t               n_all;
    char                     owner[DMP_PSEUDONYM_LEN];   /* of all of them */

    dmp_str_t                form;           /* the body, once it was read */
    dmp_str_t                words;          /* what it says, decoded */

    ngx_http_dmp_session_t  *session;        /* of the token that was shown;
                                                NULL: none, or none that is */
    ngx_http_dmp_sign_in_t  *sign_in;        /* NULL: not a call of a session */
    ngx_http_dmp_create_t   *create;         /* NULL: no record is created */
    ngx_uint_t               retry_after;    /* seconds, of a 429 */
    ngx_str_t                cookie;         /* to be set; or empty */

    ngx_http_dmp_find_t     *find;           /* NULL: not a "find" */
    ngx_array_t             *masks;          /* of dmp_document_t *: those that
                                                a mask concerns; NULL: not
                                                looked up */
    ngx_http_dmp_change_t   *change;         /* NULL: none was allowed */
    ngx_http_dmp_history_t  *history;        /* NULL: none was allowed */
    char                    *json;           /* the record, for a change */
    size_t                   json_len;
    ngx_http_dmp_cached_t   *target_entry;   /* the directory's, of whom a
                                                change concerns */

    ngx_http_dmp_cached_t   *entry;          /* the directory's, of who asks */
    ngx_uint_t               introduced;     /* entries seen: that, centres */
    ngx_msec_t               entry_asked;
    ngx_http_dmp_waiter_t   *waiter;         /* what the store owes us */

    ngx_str_t                receipt;        /* writer, epoch, sequence */
    uint64_t                 sent_ns;        /* monotonic, of the last check */
    ngx_uint_t               checks;         /* of the answer, so far */

    ngx_http_dmp_question_t  question;
    ngx_http_dmp_body_t      body;           /* of the answer, held */
    ngx_chain_t             *paused;         /* of one that will stream */
    ngx_str_t                target;         /* the client's, while the host is
                                                asked for another */

    /* Lists: the documents that they name */
    ngx_array_t             *listed;         /* of ngx_http_dmp_listed_t */
    ngx_uint_t               list_next;      /* not looked up yet */
    ngx_uint_t               list_questions;
    unsigned                 listing:1;
    unsigned                 listed_known:1;

    /* called when what the waiter waits for is here, while a stream pauses */
    void                   (*resume)(ngx_http_request_t *r,
                                     ngx_http_dmp_ctx_t *ctx);

    /* the upstream's own, called from ours while an answer is held */
    void                   (*finalize_upstream)(ngx_http_request_t *r,
                                                ngx_int_t rc);

    uint64_t                 latency_ns[3];  /* ngx_http_dmp_latency_e */

    ngx_uint_t               shown;
    ngx_uint_t               withheld;
    dmp_reason_t             answer_reason;  /* why it was not let out */
};


extern ngx_module_t  ngx_http_dmp_module;


/* ngx_http_dmp_policy.c */
char *ngx_http_dmp_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_dmp_conf.c and _conf_location.c: directives */
char *ngx_http_dmp_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_audit_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_record_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_pseudonym_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_dmp_audit_durability(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_dmp_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_denied(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_record_host(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Sets a size_t or ngx_uint_t; cmd->post is its ngx_http_dmp_bounds_t. */
char *ngx_http_dmp_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* A whole file, in the pool; path becomes absolute. */
ngx_int_t ngx_http_dmp_conf_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text);

/*
 * ngx_http_dmp_check.c: what a protected location needs, and what it may be
 * combined with.  check_location is for the time when it is merged,
 * check_locations for after, when other modules' settings can be read; it also
 * gives each record host its name.
 */
char *ngx_http_dmp_check_location(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf, ngx_http_dmp_loc_conf_t *dlcf);
ngx_int_t ngx_http_dmp_check_locations(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf);

/*
 * ngx_http_dmp_context.c.  create makes the context of a client request, NULL
 * without memory; log_error is nginx's error-log context without the INS.
 */
ngx_http_dmp_ctx_t *ngx_http_dmp_create_ctx(ngx_http_request_t *r,
    const ngx_http_dmp_loc_conf_t *dlcf);
u_char *ngx_http_dmp_log_error(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len);

/*
 * The context of the client request that r belongs to, over internal
 * redirects too; NULL if it never came to a protected location.
 */
ngx_http_dmp_ctx_t *ngx_http_dmp_get_ctx(ngx_http_request_t *r);

/* The documents that a request was decided by are no longer looked at. */
void ngx_http_dmp_release_documents(ngx_http_dmp_ctx_t *ctx);

/* ngx_http_dmp_access.c */
ngx_int_t ngx_http_dmp_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_dmp_preaccess_handler(ngx_http_request_t *r);

/*
 * Waits until the store can be asked.  NGX_DECLINED: it can, now; otherwise
 * what the state returns.
 */
ngx_int_t ngx_http_dmp_wait_store(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_commit.c.  seal_words seals what somebody wrote, or nothing,
 * for the trace entry of this request.
 */
ngx_int_t ngx_http_dmp_state_commit(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_seal_words(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_str_t field, dmp_str_t words,
    dmp_str_t *sealed);

/* The entry of this request, but for its document and what is sealed. */
void ngx_http_dmp_trace_of(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_access_t *access);

/* What a commit is to notice, for whom. */
typedef struct {
    char         who[22];                /* dmp_seen_hash() */
    unsigned     first:1;
    unsigned     emergency:1;
    uint64_t     hold_ms;                /* of an emergency: not told again */
    const char  *mode;
} ngx_http_dmp_notices_t;

/*
 * ngx_http_dmp_notice.c.  notices says what the commit of this request is to
 * notice (*told is NULL: nothing); noticed is for when the store has it.
 */
ngx_int_t ngx_http_dmp_notices(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_http_dmp_notices_t *notices, const ngx_http_dmp_notices_t **told);
void ngx_http_dmp_noticed(ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_forget_seen(void);

/*
 * ngx_http_dmp_find.c.  start makes a request a "find"; decided is told each
 * record's decision: 0 if it needs no trace.
 */
ngx_int_t ngx_http_dmp_find_start(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_uint_t ngx_http_dmp_find_decided(ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_find(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_find(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_find_cleanup(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_change.c.  prepare makes the change that was allowed on
 * ctx->json; send commits it with this entry; done is for when it stands;
 * acknowledge waits until it may be told.
 */
ngx_uint_t ngx_http_dmp_is_change(const ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_change_prepare(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_change_send(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_access_t *access);
ngx_int_t ngx_http_dmp_change_done(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_acknowledge(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * NGX_OK when the deadline, and a margin, have passed since that moment; until
 * then NGX_AGAIN, and the request goes on with the event.
 */
ngx_int_t ngx_http_dmp_hold_back(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    ngx_event_t *ev, uint64_t since_ns);
void ngx_http_dmp_change_cleanup(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_history.c: a history, told once its own access stands.  start
 * is for that moment; the state reads it, and goes on when it may be sent.
 */
ngx_int_t ngx_http_dmp_history_start(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_state_history(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_history(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_history_cleanup(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_mask.c: which documents a change of masks concerns.  decide is
 * for when it has been decided without one: it goes on, or looks them up.
 */
ngx_int_t ngx_http_dmp_state_mask(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_mask_decide(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_record.c.  take_record opens what the waiter brought and makes
 * it the record that decisions use; NGX_ERROR if it does not open.
 *
 * recheck is for an answer that is about to leave: NGX_OK when the last check
 * that confirmed the record's version was sent less than the deadline ago,
 * NGX_AGAIN while the store is asked again, NGX_DECLINED when the record has
 * changed and the request is no longer allowed (ctx->decision says why),
 * NGX_ERROR when it cannot be known.
 */
ngx_int_t ngx_http_dmp_take_record(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const ngx_http_dmp_waiter_t *w);
ngx_int_t ngx_http_dmp_recheck(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/* The last check of the version was sent less than the deadline ago. */
ngx_int_t ngx_http_dmp_is_fresh(const ngx_http_dmp_ctx_t *ctx);

/* ngx_http_dmp_request.c */
void ngx_http_dmp_read_headers(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_prepare_forward(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * Maps the request, with a form where it has been read.  question_headers are
 * those of a question of ours, and all of them; question_ask makes them the
 * subrequest's.  forwarded undoes what only the host was to see.
 */
void ngx_http_dmp_map_request(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t form);
ngx_int_t ngx_http_dmp_question_headers(ngx_http_request_t *r,
    ngx_list_t *headers);
void ngx_http_dmp_question_ask(ngx_http_request_t *sr,
    const ngx_list_t *headers);
void ngx_http_dmp_forwarded(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);

/* ngx_http_dmp_identity.c: fills ctx->subject; NGX_ERROR without memory */
ngx_int_t ngx_http_dmp_identify(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_directory.c: adds to ctx->subject what the directory knows.
 * NGX_OK when that is all, NGX_AGAIN until the store has answered,
 * NGX_DECLINED when the store must be ready first, NGX_ERROR when it cannot be
 * known.
 */
ngx_int_t ngx_http_dmp_introduce(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/* The same for whom a change concerns: their other identifiers. */
ngx_int_t ngx_http_dmp_introduce_target(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_revocation.c.  protect: a server with protected locations asks
 * for certificates; they must be checked for revocation.  The others: what was
 * found when the certificate of a connection was verified.
 */
char *ngx_http_dmp_revocation_protect(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf, ngx_http_dmp_loc_conf_t *dlcf);

/*
 * X509_V_OK, or an error; a resumed session is verified again.  *until is when
 * the lists that concern the chain stop being good enough; 0: none concerns it.
 */
int ngx_http_dmp_verify_result(ngx_connection_t *c, X509 *certificate,
    const ngx_http_dmp_main_conf_t *dmcf, time_t *until);

/*
 * ngx_http_dmp_crl.c.  note_all keeps what the server's store holds, and with
 * wanted warns of each authority that has no list; start makes a worker raise
 * the alarm when one is past its date.
 */
ngx_int_t ngx_http_dmp_crl_note_all(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf, X509_STORE *store, ngx_uint_t wanted);
void ngx_http_dmp_crl_start(ngx_cycle_t *cycle,
    ngx_http_dmp_main_conf_t *dmcf);

/*
 * By the newest lists: X509_V_ERR_CERT_REVOKED if one of them revokes a
 * certificate of the chain, else X509_V_OK, and when the first of them stops
 * being good enough (0: none concerns it).
 */
int ngx_http_dmp_crl_look_up(const ngx_http_dmp_main_conf_t *dmcf, SSL *ssl,
    STACK_OF(X509) *chain, time_t *until);

/* Seconds since 1970; 0 if it cannot be read, or is NULL. */
time_t ngx_http_dmp_asn1_time(const ASN1_TIME *time);

/* Whether an authority that is trusted here has signed it. */
ngx_uint_t ngx_http_dmp_verify_proven(ngx_connection_t *c);

/*
 * ngx_http_dmp_locate.c: whose document or attachment is it?  A state of the
 * access machine; again makes it look anew after a refusal that rests on what
 * was remembered: NGX_DECLINED when nothing more can be asked.
 */
ngx_int_t ngx_http_dmp_state_locate(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_locate_again(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

/*
 * The decision with what is known of the document; of an attachment with each
 * document that has it: the first that refuses, if any, is *document.
 */
void ngx_http_dmp_decide_document(const ngx_http_dmp_ctx_t *ctx,
    dmp_decision_t *decision, const dmp_document_t **document);
ngx_int_t ngx_http_dmp_refuse(ngx_http_dmp_ctx_t *ctx, dmp_effect_t effect,
    dmp_rule_t rule, dmp_reason_t reason);
ngx_int_t ngx_http_dmp_no_trace(ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_ask.c: asks the record host: GET of target, from the FHIR base
 * on ("DocumentReference/x").  One question at a time; NGX_AGAIN until it is
 * answered, and then once: NGX_OK (the answer is JSON, whole, in
 * ctx->question.body), NGX_DECLINED (404, 410), NGX_ABORT (it does not take
 * such a question: 400, 405, 422, 501), NGX_ERROR.
 *
 * ask_document reads the answer to "DocumentReference/id"; NGX_ABORT: there is
 * one, and it cannot be judged.  *document lives as long as the request.
 */
ngx_int_t ngx_http_dmp_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    dmp_str_t target);
ngx_int_t ngx_http_dmp_ask_document(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_str_t id, dmp_document_t **document);

/*
 * ngx_http_dmp_form.c: reads the body of a POST _search and maps the request
 * again with it.  NGX_OK, or what the access handler returns.
 */
ngx_int_t ngx_http_dmp_form(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);

/*
 * ngx_http_dmp_addresses.c: by which addresses host and gateway are known.
 * claim is for who has which attachment: no client has a say in it.  host is
 * for what leaves to this client.
 */
ngx_int_t ngx_http_dmp_claim_addresses(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, dmp_addresses_t *addresses);
ngx_int_t ngx_http_dmp_host_addresses(ngx_http_request_t *r,
    dmp_addresses_t *addresses);
ngx_int_t ngx_http_dmp_addresses_init(ngx_conf_t *cf);

/*
 * What an address may be that is not written as one of the host's own: a
 * claim, which opens nothing, on "Binary/ID"; empty if it is of elsewhere.
 */
dmp_str_t ngx_http_dmp_attachment_loose(const dmp_addresses_t *addresses,
    dmp_str_t address);

/* The attachments of a document that are the host's own: "Binary/ID"; n. */
ngx_uint_t ngx_http_dmp_attachments(ngx_http_request_t *r,
    const dmp_addresses_t *addresses, const dmp_document_t *document,
    dmp_str_t out[DMP_DOCUMENT_ATTACHMENTS]);

/*
 * ngx_http_dmp_index.c: the document index in the store.  hint asks whose a
 * resource may be: of a document a pseudonym or nothing, of an attachment any
 * number of "P:H".  facts asks what is known of n documents of one patient, by
 * their hashes.  Both return NGX_AGAIN or NGX_ERROR; the values come in
 * ctx->waiter, which the caller releases.  open makes a document of one of
 * them, NULL if it does not open.
 *
 * learn enters a document of that patient's record, if this worker has not
 * done so already; relearn in any case; forget takes it out, unclaim what it
 * says of an attachment.
 */
#define NGX_HTTP_DMP_RESOURCE_MAX  96    /* "DocumentReference/ID" */

dmp_str_t ngx_http_dmp_document_resource(dmp_str_t id,
    char room[NGX_HTTP_DMP_RESOURCE_MAX]);
ngx_int_t ngx_http_dmp_index_hash(ngx_http_request_t *r, dmp_str_t resource,
    char hash[DMP_INDEX_HASH_LEN]);
ngx_int_t ngx_http_dmp_index_hint(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t attachment, dmp_str_t resource);
ngx_int_t ngx_http_dmp_index_facts(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const char *patient,
    const char (*hashes)[DMP_INDEX_HASH_LEN], ngx_uint_t n);
/* All that is known of that patient's: hashes and facts, in turn. */
ngx_int_t ngx_http_dmp_index_all(ngx_http_dmp_ctx_t *ctx,
    const char *patient);

dmp_document_t *ngx_http_dmp_index_open(ngx_http_request_t *r,
    ngx_pool_t *pool, const char *patient, const char *hash, ngx_str_t sealed);
void ngx_http_dmp_index_learn(ngx_http_request_t *r, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document);
void ngx_http_dmp_index_relearn(ngx_http_request_t *r, const char *patient,
    const dmp_addresses_t *addresses, const dmp_document_t *document);
void ngx_http_dmp_index_forget(ngx_http_request_t *r, const char *patient,
    dmp_str_t id);
void ngx_http_dmp_index_unclaim(ngx_http_request_t *r, const char *patient,
    const char *hash, dmp_str_t attachment);

/*
 * ngx_http_dmp_lists.c: what is needed to judge the Lists of the held answer.
 * NGX_OK when all is known, NGX_AGAIN, NGX_ABORT when it cannot be, NGX_ERROR;
 * note is told each List, judge says whether it may leave.
 */
ngx_int_t ngx_http_dmp_lists_learn(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
bool ngx_http_dmp_lists_note(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx,
    const dmp_fhir_list_t *list);
bool ngx_http_dmp_lists_judge(ngx_http_dmp_ctx_t *ctx,
    const dmp_hearing_t *hearing, const dmp_fhir_list_t *list);

/* ngx_http_dmp_answer.c; 429 takes ctx->retry_after, all take ctx->cookie */
ngx_int_t ngx_http_dmp_send_refusal(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_check(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_state(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_add_header(ngx_http_request_t *r, const char *name,
    const char *lowcase, ngx_str_t *value);
ngx_int_t ngx_http_dmp_set_headers(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t status, off_t length);
ngx_buf_t *ngx_http_dmp_refusal_body(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t status, dmp_reason_t reason);

/* An answer of JSON, with that status; without a body where it is 204. */
ngx_int_t ngx_http_dmp_send_json(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t status, const dmp_buf_t *text);

/* A text of at most "size" bytes, and sending it with 200. */
ngx_int_t ngx_http_dmp_text(ngx_http_request_t *r, dmp_buf_t *text,
    size_t size);
ngx_int_t ngx_http_dmp_send_text(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const dmp_buf_t *text);

/* ngx_http_dmp_filter.c */
ngx_int_t ngx_http_dmp_filter_init(ngx_conf_t *cf);

/* ngx_http_dmp_body.c: the memory an answer is held in */
ngx_int_t ngx_http_dmp_body_start(ngx_http_request_t *r,
    ngx_http_dmp_body_t *body, off_t expected, size_t max);
ngx_int_t ngx_http_dmp_body_add(ngx_http_request_t *r,
    ngx_http_dmp_body_t *body, ngx_chain_t *in, size_t max, ngx_uint_t *last);
void ngx_http_dmp_body_discard(ngx_chain_t *in);

/* ngx_http_dmp_outcome.c */
ngx_int_t ngx_http_dmp_log_handler(ngx_http_request_t *r);

/* ngx_http_dmp_variables.c */
ngx_int_t ngx_http_dmp_add_variables(ngx_conf_t *cf);

/* ngx_http_dmp_cache.c: caches of one worker, bounded, least recent out */
void ngx_http_dmp_cache_init(void);
void ngx_http_dmp_cache_done(void);
ngx_http_dmp_cached_t *ngx_http_dmp_record_get(const char *patient);
ngx_http_dmp_cached_t *ngx_http_dmp_record_put(const char *patient,
    uint64_t version, dmp_record_t *record);
void ngx_http_dmp_record_drop(const char *patient);

/* All of them: versions that were known are void. */
void ngx_http_dmp_forget_records(void);

/*
 * Of tokens that have verified, by their whole text: the value is a
 * dmp_claims_t, whose expiry the caller looks at.
 */
ngx_http_dmp_cached_t *ngx_http_dmp_token_get(dmp_str_t token);
ngx_http_dmp_cached_t *ngx_http_dmp_token_put(dmp_str_t token, void *claims);

/* Of the directory; the value is NULL for who is not in it. */
ngx_http_dmp_cached_t *ngx_http_dmp_entry_get(dmp_str_t id, ngx_msec_t valid);
ngx_http_dmp_cached_t *ngx_http_dmp_entry_put(dmp_str_t id, ngx_msec_t asked,
    dmp_directory_t *entry);

/*
 * Ids are the record host's: facts are kept apart by the request's location.
 * The value is an ngx_http_dmp_known_t.
 */
ngx_http_dmp_cached_t *ngx_http_dmp_document_get(ngx_http_request_t *r,
    dmp_str_t id);
ngx_http_dmp_cached_t *ngx_http_dmp_document_put(ngx_http_request_t *r,
    const char *patient, const dmp_document_t *d);
void ngx_http_dmp_document_drop(ngx_http_request_t *r, dmp_str_t id);

/* A document that Lists name in vain: remembered for some seconds. */
ngx_uint_t ngx_http_dmp_is_absent(ngx_http_request_t *r, dmp_str_t id);
void ngx_http_dmp_set_absent(ngx_http_request_t *r, dmp_str_t id);

/* The location's configuration, then the id; an id has at most 64 bytes. */
typedef struct {
    size_t  len;
    u_char  text[sizeof(void *) + 64];
} ngx_http_dmp_document_key_t;

void ngx_http_dmp_document_key(ngx_http_request_t *r, dmp_str_t id,
    ngx_http_dmp_document_key_t *key);

/*
 * What this worker has entered in the index, and the store has confirmed, by
 * a hash of its facts: for some minutes, and until the link is lost.
 */
ngx_uint_t ngx_http_dmp_is_learnt(const ngx_http_dmp_document_key_t *key,
    uint64_t print);
void ngx_http_dmp_set_learnt(const ngx_http_dmp_document_key_t *key,
    uint64_t print);
void ngx_http_dmp_forget_learnt(const ngx_http_dmp_document_key_t *key);
void ngx_http_dmp_forget_all_learnt(void);

void ngx_http_dmp_cached_release(ngx_http_dmp_cached_t *cached);


static ngx_inline dmp_str_t
ngx_http_dmp_str(ngx_str_t s)
{
    return (dmp_str_t) { (const char *) s.data, s.len };
}

/* Nanoseconds of the monotonic clock, asked now: nginx's own is cached. */
uint64_t ngx_http_dmp_now_ns(void);

/* Milliseconds since 1970, as nginx's cached clock has it. */
int64_t ngx_http_dmp_time_ms(void);

#endif
