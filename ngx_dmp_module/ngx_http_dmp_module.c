/*
 * Directives, configuration and registration; no request is handled here.
 */

#include "ngx_http_dmp_session.h"
#include "ngx_http_dmp_zone.h"

#include <dmp/dmp_scan.h>


static ngx_int_t ngx_http_dmp_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_dmp_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_dmp_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_dmp_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_dmp_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_dmp_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_dmp_init_process(ngx_cycle_t *cycle);
static void ngx_http_dmp_exit_process(ngx_cycle_t *cycle);


#define NGX_HTTP_DMP_ANY_CONF                                                 \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)

static ngx_http_dmp_bounds_t  ngx_http_dmp_entries_bounds = { 1, 100000, 0 };
static ngx_http_dmp_bounds_t  ngx_http_dmp_depth_bounds =
    { 8, DMP_SCAN_DEPTH, 0 };
static ngx_http_dmp_bounds_t  ngx_http_dmp_target_bounds =
    { 256, DMP_TARGET_MAX, 1 };
static ngx_http_dmp_bounds_t  ngx_http_dmp_form_bounds =
    { 256, 1024 * 1024, 1 };
static ngx_http_dmp_bounds_t  ngx_http_dmp_parameters_bounds = { 1, 1024, 0 };


static ngx_conf_enum_t  ngx_http_dmp_access_paths[] = {
    { ngx_string("normal"), DMP_MODE_NORMAL },
    { ngx_string("centre-15"), DMP_MODE_CENTRE_15 },
    { ngx_null_string, 0 }
};

static ngx_conf_enum_t  ngx_http_dmp_channels[] = {
    { ngx_string("any"), DMP_CHANNEL_ANY },
    { ngx_string("read"), DMP_CHANNEL_READ },
    { ngx_string("feed"), DMP_CHANNEL_FEED },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_dmp_audit_signs[] = {
    { ngx_string("checkpoint"), 0 },
    { ngx_string("each"), 1 },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_dmp_commands[] = {

    { ngx_string("dmp"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_denied"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_dmp_denied,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_dmp_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_access_path"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, access_path),
      &ngx_http_dmp_access_paths },

    { ngx_string("dmp_channel"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, channel),
      &ngx_http_dmp_channels },

    { ngx_string("dmp_resource"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_policy"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_receipt"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, receipt),
      NULL },

    { ngx_string("dmp_max_answer_size"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_answer_size),
      NULL },

    { ngx_string("dmp_record_host"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_dmp_record_host,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_max_answer_entries"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_answer_entries),
      &ngx_http_dmp_entries_bounds },

    { ngx_string("dmp_max_answer_depth"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_answer_depth),
      &ngx_http_dmp_depth_bounds },

    { ngx_string("dmp_max_target_size"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_target_size),
      &ngx_http_dmp_target_bounds },

    { ngx_string("dmp_max_form_size"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_form_size),
      &ngx_http_dmp_form_bounds },

    { ngx_string("dmp_max_parameters"),
      NGX_HTTP_DMP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_dmp_loc_conf_t, max_parameters),
      &ngx_http_dmp_parameters_bounds },

    { ngx_string("dmp_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_dmp_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_audit_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_audit_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_record_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_record_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_pseudonym_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_pseudonym_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_session_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_dmp_session_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_signin_rate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_dmp_signin_rate,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_audit_sign"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_dmp_main_conf_t, sign_each),
      &ngx_http_dmp_audit_signs },

    { ngx_string("dmp_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_dmp_zone_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_dmp_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_dmp_health,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_audit_durability"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_dmp_audit_durability,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dmp_directory_valid"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_dmp_main_conf_t, directory_valid),
      NULL },

    { ngx_string("dmp_crl_grace"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_dmp_main_conf_t, crl_grace),
      NULL },

    { ngx_string("dmp_node"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_dmp_main_conf_t, node),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_dmp_module_ctx = {
    ngx_http_dmp_preconfiguration,         /* preconfiguration */
    ngx_http_dmp_postconfiguration,        /* postconfiguration */

    ngx_http_dmp_create_main_conf,         /* create main configuration */
    ngx_http_dmp_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_dmp_create_loc_conf,          /* create location configuration */
    ngx_http_dmp_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_dmp_module = {
    NGX_MODULE_V1,
    &ngx_http_dmp_module_ctx,              /* module context */
    ngx_http_dmp_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_dmp_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_dmp_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_dmp_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_dmp_add_variables(cf);
}


static void *
ngx_http_dmp_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_dmp_main_conf_t  *dmcf;

    dmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_dmp_main_conf_t));
    if (dmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     dmcf->address = NULL; dmcf->audit_key = NULL;
     *     dmcf->record_keys = NULL; dmcf->pseudonym_key = NULL;
     *     dmcf->zone = NULL; dmcf->replicas = 0; dmcf->enabled = 0;
     *     dmcf->session_keys = NULL; dmcf->threads = NULL;
     */

    dmcf->durability = NGX_CONF_UNSET_UINT;
    dmcf->sign_each = NGX_CONF_UNSET_UINT;
    dmcf->signin_rate = NGX_CONF_UNSET_UINT;
    dmcf->directory_valid = NGX_CONF_UNSET_MSEC;
    dmcf->crl_grace = NGX_CONF_UNSET;

    dmcf->locations = ngx_array_create(cf->pool, 8,
                                       sizeof(ngx_http_dmp_location_t));
    if (dmcf->locations == NULL) {
        return NULL;
    }

    dmcf->crls = ngx_array_create(cf->pool, 8, sizeof(ngx_http_dmp_crl_t));
    if (dmcf->crls == NULL) {
        return NULL;
    }

    dmcf->policies = ngx_array_create(cf->pool, 4,
                                      sizeof(ngx_http_dmp_policy_file_t));
    if (dmcf->policies == NULL) {
        return NULL;
    }

    return dmcf;
}


static char *
ngx_http_dmp_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    ngx_conf_init_uint_value(dmcf->durability, NGX_HTTP_DMP_FSYNC);
    ngx_conf_init_uint_value(dmcf->sign_each, 0);

    if (dmcf->signin_rate == NGX_CONF_UNSET_UINT) {
        dmcf->signin_rate = 10;
        dmcf->signin_burst = 10;
    }

    ngx_conf_init_msec_value(dmcf->directory_valid, 10000);
    ngx_conf_init_value(dmcf->crl_grace, 24 * 60 * 60);

    if (dmcf->crl_grace > 31 * 24 * 60 * 60) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"dmp_crl_grace\" is longer than a month");
        return NGX_CONF_ERROR;
    }

    if (dmcf->node.len == 0) {
        dmcf->node = cf->cycle->hostname;
    }

    if (dmcf->node.len > DMP_WRITER_MAX - 20) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"dmp_node\" has more than %d bytes",
                           DMP_WRITER_MAX - 20);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_dmp_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_dmp_loc_conf_t  *dlcf;

    dlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_dmp_loc_conf_t));
    if (dlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     dlcf->fhir = 0; dlcf->policy = NULL; dlcf->base = { 0, NULL };
     *     dlcf->host = { 0, NULL }; dlcf->host_bases = NULL;
     *     dlcf->names = NULL; dlcf->by_index = 0; dlcf->file = NULL;
     */

    dlcf->mode = NGX_CONF_UNSET_UINT;
    dlcf->receipt = NGX_CONF_UNSET;
    dlcf->access_path = NGX_CONF_UNSET_UINT;
    dlcf->channel = NGX_CONF_UNSET_UINT;
    dlcf->max_answer_size = NGX_CONF_UNSET_SIZE;
    dlcf->max_answer_entries = NGX_CONF_UNSET_UINT;
    dlcf->max_answer_depth = NGX_CONF_UNSET_UINT;
    dlcf->max_target_size = NGX_CONF_UNSET_SIZE;
    dlcf->max_form_size = NGX_CONF_UNSET_SIZE;
    dlcf->max_parameters = NGX_CONF_UNSET_UINT;

    return dlcf;
}


static char *
ngx_http_dmp_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_dmp_loc_conf_t   *prev = parent;
    ngx_http_dmp_loc_conf_t   *conf = child;

    ngx_http_dmp_main_conf_t  *dmcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->mode == NGX_CONF_UNSET_UINT && conf->file == NULL) {
        conf->file = prev->file;
        conf->line = prev->line;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode, NGX_HTTP_DMP_OFF);
    ngx_conf_merge_value(conf->receipt, prev->receipt, 1);
    ngx_conf_merge_uint_value(conf->access_path, prev->access_path,
                              DMP_MODE_NORMAL);
    ngx_conf_merge_uint_value(conf->channel, prev->channel, DMP_CHANNEL_ANY);
    ngx_conf_merge_size_value(conf->max_answer_size, prev->max_answer_size,
                              8 * 1024 * 1024);
    ngx_conf_merge_uint_value(conf->max_answer_entries,
                              prev->max_answer_entries, 10000);
    ngx_conf_merge_uint_value(conf->max_answer_depth, prev->max_answer_depth,
                              DMP_SCAN_DEPTH);
    ngx_conf_merge_size_value(conf->max_target_size, prev->max_target_size,
                              DMP_TARGET_MAX);
    ngx_conf_merge_size_value(conf->max_form_size, prev->max_form_size,
                              DMP_FORM_MAX);
    ngx_conf_merge_uint_value(conf->max_parameters, prev->max_parameters,
                              DMP_PARAMETERS_MAX);

    if (conf->policy == NULL) {
        conf->policy = prev->policy;
    }

    if (conf->host.len == 0) {
        conf->host = prev->host;
        conf->host_bases = prev->host_bases;
        conf->by_index = prev->by_index;
    }

    /* "if" and "limit_except" blocks belong to their location's base */
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!conf->fhir && clcf->noname) {
        conf->fhir = prev->fhir;
        conf->base = prev->base;
    }

    if (conf->mode == NGX_HTTP_DMP_OFF) {
        return NGX_CONF_OK;
    }

    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_dmp_module);
    dmcf->enabled = 1;

    return ngx_http_dmp_check_location(cf, dmcf, conf);
}


static ngx_int_t
ngx_http_dmp_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_dmp_main_conf_t   *dmcf;
    ngx_http_core_main_conf_t  *cmcf;

    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_dmp_module);

    if (!dmcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_dmp_check_locations(cf, dmcf) != NGX_OK
        || ngx_http_dmp_zone_default(cf, dmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_dmp_preaccess_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_dmp_access_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_dmp_log_handler;

    if (ngx_http_dmp_addresses_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dmp_filter_init(cf);
}


#if (NGX_HTTP_DMP_UNSAFE)

ngx_uint_t  ngx_http_dmp_without;


/* Safeties that a test does without, from the environment. */
static void
ngx_http_dmp_without_init(ngx_cycle_t *cycle)
{
    const char  *names;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        ngx_uint_t   safety;
    } safeties[] = {
        { ",version,", NGX_HTTP_DMP_SAFETY_VERSION },
        { ",deadline,", NGX_HTTP_DMP_SAFETY_DEADLINE },
        { ",recheck,", NGX_HTTP_DMP_SAFETY_RECHECK },
        { ",hold,", NGX_HTTP_DMP_SAFETY_HOLD },
        { ",hold-repeated,", NGX_HTTP_DMP_SAFETY_HOLD_REPEATED },
        { ",clock,", NGX_HTTP_DMP_SAFETY_CLOCK },
        { ",trace-first,", NGX_HTTP_DMP_SAFETY_TRACE_FIRST },
        { ",fork,", NGX_HTTP_DMP_SAFETY_FORK },
        { ",epoch,", NGX_HTTP_DMP_SAFETY_EPOCH },
        { ",successor,", NGX_HTTP_DMP_SAFETY_SUCCESSOR },
        { ",silent,", NGX_HTTP_DMP_SAFETY_SILENT },
        { ",replicas,", NGX_HTTP_DMP_SAFETY_REPLICAS }
    };

    names = getenv("DMP_UNSAFE");           /* ",hold," */

    for (i = 0; names != NULL && i < sizeof(safeties) / sizeof(safeties[0]);
         i++)
    {
        if (ngx_strstr(names, safeties[i].name) != NULL) {
            ngx_http_dmp_without |= safeties[i].safety;
        }
    }

    ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                  "dmp built for tests: does without \"%s\"",
                  (names != NULL) ? names : "");
}

#endif


static ngx_int_t
ngx_http_dmp_init_process(ngx_cycle_t *cycle)
{
    ngx_http_dmp_main_conf_t  *dmcf;

    /* cache managers and loaders come here too */
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dmp_module);

    if (dmcf == NULL || !dmcf->enabled) {
        return NGX_OK;
    }

#if (NGX_HTTP_DMP_UNSAFE)
    ngx_http_dmp_without_init(cycle);
#endif

    ngx_http_dmp_zone_enter(dmcf);
    ngx_http_dmp_cache_init();
    ngx_http_dmp_crl_start(cycle, dmcf);

    return ngx_http_dmp_store_start(cycle, dmcf);
}


static void
ngx_http_dmp_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    ngx_http_dmp_store_stop();
    ngx_http_dmp_cache_done();
    ngx_http_dmp_zone_leave();
}
