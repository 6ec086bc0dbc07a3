/*
 * The module's configuration: const at request time.
 */

#ifndef NGX_HTTP_DMP_CONF_H
#define NGX_HTTP_DMP_CONF_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#if (NGX_THREADS)
#include <ngx_thread_pool.h>
#else
typedef struct ngx_thread_pool_s  ngx_thread_pool_t;
#endif

#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_session.h>


#define NGX_HTTP_DMP_OFF     0
#define NGX_HTTP_DMP_ON      1
#define NGX_HTTP_DMP_DENIED  2           /* nginx has refused it already */
#define NGX_HTTP_DMP_API     3           /* we answer, nothing is forwarded */

/* What an acknowledged trace has survived; the zero value asks for most. */
typedef enum {
    NGX_HTTP_DMP_REPLICAS = 0,           /* and on disk, too */
    NGX_HTTP_DMP_FSYNC,
    NGX_HTTP_DMP_MEMORY
} ngx_http_dmp_durability_e;


typedef struct {
    ngx_str_t       path;
    dmp_policy_t   *policy;
} ngx_http_dmp_policy_file_t;

/* A protected location, to be looked at once all is merged. */
typedef struct {
    void           **srv_conf;
    void           **loc_conf;
    unsigned         named:1;            /* by dmp_record_host */
} ngx_http_dmp_location_t;

/* Of a number or size that a directive sets. */
typedef struct {
    size_t           low;
    size_t           high;
    unsigned         size:1;
} ngx_http_dmp_bounds_t;

typedef struct {
    ngx_addr_t      *address;            /* of the store; NULL: none */
    ngx_str_t        user;
    ngx_str_t        password;
    ngx_int_t        db;
    ngx_msec_t       timeout;
    ngx_msec_t       connect_timeout;
    unsigned         busy_poll:1;

    EVP_PKEY        *audit_key;
    dmp_keyring_t   *record_keys;
    u_char          *pseudonym_key;      /* DMP_KEY_LEN bytes; NULL: none */
    dmp_session_keys_t  *session_keys;   /* NULL: no patient can sign in */
    ngx_thread_pool_t   *threads;        /* where passwords are looked at */
    ngx_uint_t       signin_rate;        /* of one address, a minute */
    ngx_uint_t       signin_burst;
    ngx_str_t        node;
    ngx_uint_t       durability;
    ngx_uint_t       replicas;           /* that must have each trace */
    ngx_msec_t       replicas_timeout;
    ngx_uint_t       sign_each;
    ngx_shm_zone_t  *zone;

    ngx_msec_t       directory_valid;    /* how long an entry may be kept */
    time_t           crl_grace;          /* seconds past its date */
    ngx_array_t     *crls;               /* ngx_http_dmp_crl_t, of all servers
                                            with protected locations */

    ngx_array_t     *policies;           /* ngx_http_dmp_policy_file_t */
    ngx_array_t     *locations;          /* ngx_http_dmp_location_t */
    ngx_uint_t       enabled;            /* some location is protected */
} ngx_http_dmp_main_conf_t;

typedef struct {
    ngx_uint_t       mode;               /* NGX_HTTP_DMP_… */
    ngx_uint_t       fhir;
    ngx_flag_t       receipt;
    size_t           max_answer_size;
    ngx_uint_t       max_answer_entries;
    ngx_uint_t       max_answer_depth;
    size_t           max_target_size;
    size_t           max_form_size;
    ngx_uint_t       max_parameters;
    dmp_policy_t    *policy;
    ngx_str_t        base;               /* FHIR base path, no last "/" */
    ngx_str_t        host;               /* the record host's name */
    ngx_array_t     *host_bases;         /* of ngx_str_t: addresses it gives
                                            itself; NULL: none was said */
    ngx_array_t     *names;              /* of ngx_str_t: all addresses that
                                            lead to it, of all locations with
                                            that host: no client has a say */
    ngx_uint_t       by_index;           /* attachments: the index alone says
                                            which documents have them */
    ngx_uint_t       access_path;        /* DMP_MODE_NORMAL: bris de glace,
                                            too; DMP_MODE_CENTRE_15: that */
    ngx_uint_t       channel;            /* dmp_channel_t */
    u_char          *file;               /* where "dmp on" stands */
    ngx_uint_t       line;
} ngx_http_dmp_loc_conf_t;

#endif
