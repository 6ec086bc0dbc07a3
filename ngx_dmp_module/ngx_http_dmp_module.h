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
#include <dmp/dmp_identity.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_request.h>
#include <dmp/dmp_trace.h>

#include "ngx_http_dmp_compat.h"


#define NGX_HTTP_DMP_OFF     0
#define NGX_HTTP_DMP_ON      1
#define NGX_HTTP_DMP_DENIED  2           /* nginx has refused it already */

/*
 * What this code knows how to do; a decision that asks for more is a refusal.
 * A first access is recognised by nobody yet, and so announced by nobody.
 */
#define NGX_HTTP_DMP_OBLIGATIONS                                              \
    (DMP_OBLIGATION_TRACE | DMP_OBLIGATION_COMPOSE | DMP_OBLIGATION_FILTER    \
     | DMP_OBLIGATION_JUDGE | DMP_OBLIGATION_NOTIFY_FIRST_ACCESS)

/* What an acknowledged trace has survived; the zero value asks for most. */
typedef enum {
    NGX_HTTP_DMP_FSYNC = 0,
    NGX_HTTP_DMP_MEMORY
} ngx_http_dmp_durability_e;


typedef struct {
    ngx_str_t       path;
    dmp_policy_t   *policy;
} ngx_http_dmp_policy_file_t;

typedef struct {
    ngx_addr_t      *address;            /* of the store; NULL: none */
    ngx_str_t        user;
    ngx_str_t        password;
    ngx_int_t        db;
    ngx_msec_t       timeout;
    ngx_msec_t       connect_timeout;

    EVP_PKEY        *audit_key;
    dmp_keyring_t   *record_keys;
    u_char          *pseudonym_key;      /* DMP_KEY_LEN bytes; NULL: none */
    ngx_str_t        node;
    ngx_uint_t       durability;

    ngx_msec_t       directory_valid;    /* how long an entry may be kept */
    time_t           crl_grace;          /* seconds past its date */
    ngx_array_t     *crls;               /* ngx_http_dmp_crl_t, of all servers
                                            with protected locations */

    ngx_array_t     *policies;           /* ngx_http_dmp_policy_file_t */
    ngx_uint_t       enabled;            /* some location is protected */
} ngx_http_dmp_main_conf_t;

typedef struct {
    ngx_uint_t       mode;               /* NGX_HTTP_DMP_… */
    ngx_uint_t       fhir;
    ngx_flag_t       receipt;
    size_t           max_answer_size;
    dmp_policy_t    *policy;
    ngx_str_t        base;               /* FHIR base path, no last "/" */
    u_char          *file;               /* where "dmp on" stands */
    ngx_uint_t       line;
} ngx_http_dmp_loc_conf_t;


/* One function per state: ngx_http_dmp_access.c. */
typedef enum {
    NGX_HTTP_DMP_IDENTIFY = 0,
    NGX_HTTP_DMP_INTRODUCE,
    NGX_HTTP_DMP_MAP,
    NGX_HTTP_DMP_LOCATE,
    NGX_HTTP_DMP_LOAD,
    NGX_HTTP_DMP_DECIDE,
    NGX_HTTP_DMP_COMMIT,
    NGX_HTTP_DMP_ENFORCE,
    NGX_HTTP_DMP_END
} ngx_http_dmp_state_e;

/* What may leave for this client request: nothing, until somebody says so. */
typedef enum {
    NGX_HTTP_DMP_UNDECIDED = 0,
    NGX_HTTP_DMP_COMPOSED,               /* our own answer is on its way */
    NGX_HTTP_DMP_FORWARDED,              /* the host's answer must be judged */
    NGX_HTTP_DMP_HELD,                   /* its header came, its body comes */
    NGX_HTTP_DMP_CHECKING,               /* whole, its version is looked at */
    NGX_HTTP_DMP_RELEASED,               /* judged: what stays was sent */
    NGX_HTTP_DMP_REPLACED                /* nothing of it: ours was sent */
} ngx_http_dmp_answer_e;

typedef struct ngx_http_dmp_waiter_s  ngx_http_dmp_waiter_t;
typedef struct ngx_http_dmp_cache_s   ngx_http_dmp_cache_t;
typedef struct ngx_http_dmp_ctx_s     ngx_http_dmp_ctx_t;

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
typedef struct {
    ngx_queue_t            chain;
    ngx_queue_t            lru;
    ngx_http_dmp_cache_t  *cache;
    ngx_uint_t             refs;
    uint32_t               hash;
    unsigned               dead:1;       /* out of the cache, still in use */
    uint64_t               version;
    void                  *value;
    size_t                 key_len;
    u_char                 key[1];
} ngx_http_dmp_cached_t;

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
    unsigned                 patient_known:1;
    unsigned                 traced:1;       /* the store acknowledged it */
    unsigned                 outcome_sent:1;
    unsigned                 document_asked:1;   /* its facts are fresh */
    unsigned                 refused:1;      /* by nginx: dmp_denied */
    unsigned                 problem:1;      /* RFC 9457, where not FHIR */
    unsigned                 unproven:1;     /* nothing vouches for the card:
                                                refusals are counted, not
                                                traced one by one */
    ngx_uint_t               tries;
    ngx_uint_t               http_version;   /* the client's */
    uint64_t                 repeated;

    ngx_http_dmp_cached_t   *record;         /* held while in use */
    ngx_http_dmp_cached_t   *document;
    ngx_http_dmp_cached_t   *entry;          /* the directory's, of who asks */
    ngx_uint_t               introduced;     /* entries seen: that, centres */
    ngx_msec_t               entry_asked;
    ngx_http_dmp_waiter_t   *waiter;         /* what the store owes us */

    ngx_str_t                receipt;        /* writer, epoch, sequence */
    uint64_t                 sent_ns;        /* monotonic, of the last check */
    ngx_uint_t               checks;         /* of the answer, so far */

    /* the question to the record host: ngx_http_dmp_ask.c */
    ngx_http_request_t      *ask;
    ngx_uint_t               ask_status;
    unsigned                 ask_done:1;
    unsigned                 ask_failed:1;

    /* an answer being held: the host's, or that of the question */
    u_char                  *body;
    size_t                   body_len;
    size_t                   body_size;

    /* the upstream's own, called from ours while an answer is held */
    void                   (*finalize_upstream)(ngx_http_request_t *r,
                                                ngx_int_t rc);

    ngx_uint_t               shown;
    ngx_uint_t               withheld;
    dmp_reason_t             answer_reason;  /* why it was not let out */
};


extern ngx_module_t  ngx_http_dmp_module;


/* ngx_http_dmp_policy.c */
char *ngx_http_dmp_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_dmp_conf.c: directives that read files or several words */
char *ngx_http_dmp_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_audit_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_record_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_pseudonym_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_dmp_audit_durability(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_dmp_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_denied(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_dmp_check_location(ngx_conf_t *cf,
    ngx_http_dmp_main_conf_t *dmcf, ngx_http_dmp_loc_conf_t *dlcf);

/* A whole file, in the pool; path becomes absolute. */
ngx_int_t ngx_http_dmp_conf_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text);

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

/* ngx_http_dmp_access.c */
ngx_int_t ngx_http_dmp_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_dmp_preaccess_handler(ngx_http_request_t *r);

/*
 * Waits until the store can be asked.  NGX_DECLINED: it can, now; otherwise
 * what the state returns.
 */
ngx_int_t ngx_http_dmp_wait_store(ngx_http_dmp_ctx_t *ctx);

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
void ngx_http_dmp_read_request(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_prepare_forward(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);

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
 * ngx_http_dmp_ask.c: asks the record host for the document that the request
 * names, ahead of the decision.  NGX_AGAIN until it has answered; then
 * NGX_OK (document in ctx), NGX_DECLINED (it has none), NGX_ERROR.
 */
ngx_int_t ngx_http_dmp_ask(ngx_http_request_t *r, ngx_http_dmp_ctx_t *ctx);

/* ngx_http_dmp_answer.c */
ngx_int_t ngx_http_dmp_send_refusal(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_send_check(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_add_header(ngx_http_request_t *r, const char *name,
    const char *lowcase, ngx_str_t *value);
ngx_int_t ngx_http_dmp_set_headers(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t status, size_t length);
ngx_buf_t *ngx_http_dmp_refusal_body(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_uint_t status, dmp_reason_t reason);

/* ngx_http_dmp_filter.c */
ngx_int_t ngx_http_dmp_filter_init(ngx_conf_t *cf);

/* ngx_http_dmp_body.c: the memory an answer is held in */
ngx_int_t ngx_http_dmp_body_start(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, off_t expected, size_t max);
ngx_int_t ngx_http_dmp_body_add(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, ngx_chain_t *in, size_t max,
    ngx_uint_t *last);
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

/* Of the directory; the value is NULL for who is not in it. */
ngx_http_dmp_cached_t *ngx_http_dmp_entry_get(dmp_str_t id, ngx_msec_t valid);
ngx_http_dmp_cached_t *ngx_http_dmp_entry_put(dmp_str_t id, ngx_msec_t asked,
    dmp_directory_t *entry);

/* Ids are the record host's: facts are kept apart by the request's location. */
ngx_http_dmp_cached_t *ngx_http_dmp_document_get(ngx_http_request_t *r,
    dmp_str_t id);
ngx_http_dmp_cached_t *ngx_http_dmp_document_put(ngx_http_request_t *r,
    const dmp_document_t *d);
void ngx_http_dmp_document_drop(ngx_http_request_t *r, dmp_str_t id);

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
