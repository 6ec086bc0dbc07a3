/*
 * What a protected location needs, and what it may be combined with.
 *
 * What other modules were told is read where their tables of directives say
 * that the value is, once everything is merged.
 */

#include "ngx_http_dmp_hosts.h"
#include "ngx_http_dmp_status.h"


/* What a directive must not be, by the function that sets it. */
typedef enum {
    NGX_HTTP_DMP_NOT_ON = 0,
    NGX_HTTP_DMP_NOT_OFF,
    NGX_HTTP_DMP_NOT_SIZE,               /* but 0 */
    NGX_HTTP_DMP_NOT_TEXT,               /* but "" */
    NGX_HTTP_DMP_NOT_GIVEN,              /* not even "" */
    NGX_HTTP_DMP_NOT_VALUE               /* of variables or not */
} ngx_http_dmp_not_e;

typedef char *(*ngx_http_dmp_set_pt)(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

typedef struct {
    const char           *module;
    const char           *directive;
    ngx_http_dmp_not_e    what;
    const char           *why;
} ngx_http_dmp_unsafe_t;


static const ngx_http_dmp_set_pt  ngx_http_dmp_sets[] = {
    [NGX_HTTP_DMP_NOT_ON] = ngx_conf_set_flag_slot,
    [NGX_HTTP_DMP_NOT_OFF] = ngx_conf_set_flag_slot,
    [NGX_HTTP_DMP_NOT_SIZE] = ngx_conf_set_size_slot,
    [NGX_HTTP_DMP_NOT_TEXT] = ngx_conf_set_str_slot,
    [NGX_HTTP_DMP_NOT_GIVEN] = ngx_conf_set_str_slot,
    [NGX_HTTP_DMP_NOT_VALUE] = ngx_http_set_complex_value_slot
};

static const char  ngx_http_dmp_proxy[] = "ngx_http_proxy_module";

static const ngx_http_dmp_unsafe_t  ngx_http_dmp_unsafe[] = {

    { ngx_http_dmp_proxy, "proxy_method", NGX_HTTP_DMP_NOT_VALUE,
      "the record host must receive the method that was decided; remove it" },

    { ngx_http_dmp_proxy, "proxy_set_body", NGX_HTTP_DMP_NOT_GIVEN,
      "the record host must receive the form that was decided; remove it" },

    { ngx_http_dmp_proxy, "proxy_pass_request_body", NGX_HTTP_DMP_NOT_OFF,
      "a search in a form would become a search for everything; remove it" },

    { ngx_http_dmp_proxy, "proxy_pass_request_headers", NGX_HTTP_DMP_NOT_OFF,
      "neither the receipt nor what is said of a form would reach the record "
      "host; remove it" },

    { ngx_http_dmp_proxy, "proxy_intercept_errors", NGX_HTTP_DMP_NOT_ON,
      "it would tell a document that is hidden from one that is not there; "
      "turn it off in this location" },

    { ngx_http_dmp_proxy, "proxy_force_ranges", NGX_HTTP_DMP_NOT_ON,
      "a part of an answer cannot be judged; turn it off in this location" },

    { "ngx_http_slice_filter_module", "slice", NGX_HTTP_DMP_NOT_SIZE,
      "a part of an answer cannot be judged; set it to 0 in this location" },

    { "ngx_http_ssi_filter_module", "ssi", NGX_HTTP_DMP_NOT_ON,
      "whoever writes a document could give commands to nginx; turn it off in "
      "this location" },

    { "ngx_http_addition_filter_module", "add_before_body",
      NGX_HTTP_DMP_NOT_TEXT,
      "what it adds is judged by nobody; set it to \"\" in this location" },

    { "ngx_http_addition_filter_module", "add_after_body",
      NGX_HTTP_DMP_NOT_TEXT,
      "what it adds is judged by nobody; set it to \"\" in this location" },

    { "ngx_http_v2_module", "http2_push_preload", NGX_HTTP_DMP_NOT_ON,
      "nobody may ask in the client's name; turn it off in this location" },
};

/* They say how long the request is, and how it is read. */
static const ngx_str_t  ngx_http_dmp_own_headers[] = {
    ngx_string("content-length"),
    ngx_string("transfer-encoding"),
    ngx_string("content-type"),
    ngx_string("content-encoding"),
    ngx_string("expect"),
    ngx_string("dmp-trace-receipt"),
};

/*
 * They ask for a part, another form or none of what must be judged whole, or
 * say what was asked before a proxy changed it.
 */
static const ngx_str_t  ngx_http_dmp_other_headers[] = {
    ngx_string("accept-encoding"),
    ngx_string("accept-charset"),
    ngx_string("te"),
    ngx_string("range"),
    ngx_string("if-range"),
    ngx_string("if-match"),
    ngx_string("if-none-match"),
    ngx_string("if-modified-since"),
    ngx_string("if-unmodified-since"),
    ngx_string("prefer"),
    ngx_string("upgrade"),
    ngx_string("x-forwarded-method"),
    ngx_string("x-forwarded-uri"),
    ngx_string("x-original-method"),
    ngx_string("x-original-uri"),
};

/* The gateway's own word to the record host. */
static const ngx_str_t  ngx_http_dmp_credentials[] = {
    ngx_string("authorization"),
    ngx_string("proxy-authorization"),
};


static ngx_int_t
ngx_http_dmp_refuse_with(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location, const char *directive,
    ngx_str_t *value, const char *why)
{
    ngx_http_dmp_loc_conf_t   *dlcf;
    ngx_http_core_loc_conf_t  *clcf;

    dlcf = ngx_http_dmp_location_conf(location);
    clcf = ngx_http_dmp_location_core(location);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s%s%V\" cannot be used with \"dmp on\" in %s:%ui"
                  "%s%V: %s", directive, (value->len != 0) ? " " : "", value,
                  dlcf->file, dlcf->line,
                  (clcf->name.len != 0) ? ", location " : "", &clcf->name,
                  why);

    return NGX_ERROR;
}


static ngx_module_t *
ngx_http_dmp_other_module(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, name) == 0) {
            return cf->cycle->modules[i];
        }
    }

    return NULL;
}


/*
 * Where that module keeps what the directive was given for this location;
 * NULL if it has none that is set like this.
 */
static void *
ngx_http_dmp_setting(ngx_conf_t *cf, const ngx_http_dmp_location_t *location,
    const char *name, const char *directive, ngx_http_dmp_set_pt set)
{
    char           *conf;
    ngx_module_t   *module;
    ngx_command_t  *cmd;

    module = ngx_http_dmp_other_module(cf, name);

    if (module == NULL || module->commands == NULL) {
        return NULL;
    }

    conf = location->loc_conf[module->ctx_index];

    if (conf == NULL) {
        return NULL;
    }

    for (cmd = module->commands; cmd->name.len != 0; cmd++) {
        if (ngx_strcmp(cmd->name.data, directive) == 0
            && cmd->set == set && cmd->conf == NGX_HTTP_LOC_CONF_OFFSET)
        {
            return conf + cmd->offset;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_dmp_is_unsafe(void *setting, ngx_http_dmp_not_e what)
{
    void  *value;

    switch (what) {

    case NGX_HTTP_DMP_NOT_ON:
        return *(ngx_flag_t *) setting == 1;

    case NGX_HTTP_DMP_NOT_OFF:
        return *(ngx_flag_t *) setting == 0;

    case NGX_HTTP_DMP_NOT_SIZE:
        return *(size_t *) setting != 0
               && *(size_t *) setting != NGX_CONF_UNSET_SIZE;

    case NGX_HTTP_DMP_NOT_TEXT:
        return ((ngx_str_t *) setting)->len != 0;

    case NGX_HTTP_DMP_NOT_GIVEN:
        return ((ngx_str_t *) setting)->data != NULL;

    case NGX_HTTP_DMP_NOT_VALUE:
        value = *(void **) setting;
        return value != NULL && value != NGX_CONF_UNSET_PTR;
    }

    return 1;
}


/* Its location configuration begins with that of the upstream. */
ngx_http_upstream_conf_t *
ngx_http_dmp_proxy_conf(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location)
{
    ngx_module_t  *module;

    module = ngx_http_dmp_other_module(cf, ngx_http_dmp_proxy);

    return (module != NULL) ? location->loc_conf[module->ctx_index] : NULL;
}


static ngx_int_t
ngx_http_dmp_check_directives(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location)
{
    void                         *setting;
    ngx_str_t                     none;
    ngx_uint_t                    i;
    ngx_http_upstream_conf_t     *proxy;
    const ngx_http_dmp_unsafe_t  *u;

    ngx_str_null(&none);
    proxy = ngx_http_dmp_proxy_conf(cf, location);

#if (NGX_HTTP_CACHE)
    if (proxy != NULL && proxy->cache == 1) {
        return ngx_http_dmp_refuse_with(cf, location, "proxy_cache", &none,
                   "it keeps answers that nobody has judged; turn it off in "
                   "this location");
    }
#endif

    if (proxy != NULL && proxy->store > 0) {
        return ngx_http_dmp_refuse_with(cf, location, "proxy_store", &none,
                   "it keeps answers that nobody has judged; turn it off in "
                   "this location");
    }

    if (ngx_http_dmp_location_core(location)->post_action.len != 0) {
        return ngx_http_dmp_refuse_with(cf, location, "post_action", &none,
                   "nothing may follow a request in its name; remove it");
    }

    for (i = 0;
         i < sizeof(ngx_http_dmp_unsafe) / sizeof(ngx_http_dmp_unsafe[0]);
         i++)
    {
        u = &ngx_http_dmp_unsafe[i];
        setting = ngx_http_dmp_setting(cf, location, u->module, u->directive,
                                       ngx_http_dmp_sets[u->what]);

        if (setting != NULL && ngx_http_dmp_is_unsafe(setting, u->what)) {
            return ngx_http_dmp_refuse_with(cf, location, u->directive, &none,
                                            u->why);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dmp_is_among(const ngx_str_t *list, size_t n, const ngx_str_t *name)
{
    size_t  i, k;
    u_char  c;

    for (i = 0; i < n; i++) {

        if (list[i].len != name->len) {
            continue;
        }

        for (k = 0; k < name->len; k++) {
            c = (name->data[k] == '_') ? '-' : ngx_tolower(name->data[k]);

            if (c != list[i].data[k]) {
                break;
            }
        }

        if (k == name->len) {
            return 1;
        }
    }

    return 0;
}


/*
 * What is refused of a client, or speaks for the gateway, the configuration
 * may not send either; an empty value sends nothing.
 */
static ngx_uint_t
ngx_http_dmp_header_is_unsafe(ngx_keyval_t *header)
{
    dmp_header_t   rc;
    dmp_headers_t  scratch;

#define is_among(list)                                                        \
    ngx_http_dmp_is_among(list, sizeof(list) / sizeof(list[0]), &header->key)

    if (is_among(ngx_http_dmp_own_headers)) {
        return 1;
    }

    if (header->value.len == 0 || is_among(ngx_http_dmp_credentials)) {
        return 0;
    }

    if (is_among(ngx_http_dmp_other_headers)) {
        return 1;
    }

#undef is_among

    ngx_memzero(&scratch, sizeof(dmp_headers_t));

    rc = dmp_request_header(&scratch, ngx_http_dmp_str(header->key),
                            ngx_http_dmp_str(header->value));

    /* one that the gateway reads itself is among those seen */

    return scratch.ambiguous || scratch.format_refused || scratch.token
           || (rc != DMP_HEADER_FORWARD && scratch.seen != 0);
}


static ngx_int_t
ngx_http_dmp_check_headers(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location)
{
    ngx_uint_t      i;
    ngx_array_t   **headers;
    ngx_keyval_t   *header;

    headers = ngx_http_dmp_setting(cf, location, ngx_http_dmp_proxy,
                                   "proxy_set_header",
                                   ngx_conf_set_keyval_slot);

    if (headers == NULL || *headers == NULL
        || *headers == NGX_CONF_UNSET_PTR)
    {
        return NGX_OK;
    }

    header = (*headers)->elts;

    for (i = 0; i < (*headers)->nelts; i++) {
        if (ngx_http_dmp_header_is_unsafe(&header[i])) {
            return ngx_http_dmp_refuse_with(cf, location, "proxy_set_header",
                       &header[i].key, "the record host would read another "
                       "request than the one that was decided, or answer what "
                       "cannot be judged; remove it");
        }
    }

    return NGX_OK;
}


/* Of what "if" or "limit_except" has made: the location that it stands in. */
static const ngx_http_dmp_location_t *
ngx_http_dmp_location_around(ngx_array_t *locations,
    const ngx_http_dmp_location_t *location)
{
    u_char                   *base;
    ngx_uint_t                i;
    ngx_http_dmp_location_t  *all;

    all = locations->elts;
    base = ngx_http_dmp_location_conf(location)->base.data;

    for (i = 0; i < locations->nelts; i++) {
        if (ngx_http_dmp_location_is_base(&all[i])
            && ngx_http_dmp_location_conf(&all[i])->base.data == base)
        {
            return &all[i];
        }
    }

    return NULL;
}


/* One location, one record host, whose address no request has a say in. */
static ngx_int_t
ngx_http_dmp_check_upstream(ngx_conf_t *cf, ngx_array_t *locations,
    const ngx_http_dmp_location_t *location)
{
    ngx_str_t                       none;
    ngx_http_upstream_conf_t       *proxy, *around;
    ngx_http_dmp_loc_conf_t        *dlcf;
    const ngx_http_dmp_location_t  *outer;

    dlcf = ngx_http_dmp_location_conf(location);

    if (dlcf->mode != NGX_HTTP_DMP_ON || !dlcf->fhir) {
        return NGX_OK;
    }

    outer = ngx_http_dmp_location_around(locations, location);
    proxy = ngx_http_dmp_proxy_conf(cf, location);
    around = (outer != NULL) ? ngx_http_dmp_proxy_conf(cf, outer) : NULL;

    if (proxy == NULL || proxy->upstream == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"dmp_resource\" in %s:%ui, location %V, needs "
                      "\"proxy_pass\" with an address without variables: what "
                      "was decided must be what is sent", dlcf->file,
                      dlcf->line, &ngx_http_dmp_location_core(location)->name);
        return NGX_ERROR;
    }

    if (around == NULL || around->upstream != proxy->upstream) {
        ngx_str_null(&none);
        return ngx_http_dmp_refuse_with(cf, location, "proxy_pass", &none,
                   "inside \"if\" or \"limit_except\" it leads to another "
                   "record host; give that one a location of its own");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_check_locations(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf)
{
    ngx_uint_t                i;
    ngx_http_dmp_location_t  *all;
    ngx_http_dmp_loc_conf_t  *dlcf;

    all = dmcf->locations->elts;

    for (i = 0; i < dmcf->locations->nelts; i++) {

        dlcf = ngx_http_dmp_location_conf(&all[i]);

        if (ngx_http_dmp_check_directives(cf, &all[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        if (dlcf->mode != NGX_HTTP_DMP_ON) {
            /* nothing is forwarded there */
            continue;
        }

        if (ngx_http_dmp_check_headers(cf, &all[i]) != NGX_OK
            || ngx_http_dmp_check_upstream(cf, dmcf->locations, &all[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_dmp_check_hosts(cf, dmcf->locations);
}


/* What the location itself must be, whatever stands in it. */
static ngx_int_t
ngx_http_dmp_check_itself(ngx_conf_t *cf,
    const ngx_http_dmp_location_t *location)
{
    ngx_str_t                  none;
    const char                *name;
    ngx_http_dmp_loc_conf_t   *dlcf;
    ngx_http_core_loc_conf_t  *clcf;

    dlcf = ngx_http_dmp_location_conf(location);
    clcf = ngx_http_dmp_location_core(location);
    name = ngx_http_dmp_status_name(clcf);

    if (name != NULL) {
        ngx_str_null(&none);
        return ngx_http_dmp_refuse_with(cf, location, name, &none,
                   "nobody is decided about there; give it \"dmp off\"");
    }

    if (clcf->named && dlcf->fhir && dlcf->mode != NGX_HTTP_DMP_DENIED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"dmp_resource\" needs a location that is a plain "
                      "prefix, or \"dmp_denied\", in %s:%ui", dlcf->file,
                      dlcf->line);
        return NGX_ERROR;
    }

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_str_null(&none);
        return ngx_http_dmp_refuse_with(cf, location, "satisfy any", &none,
                   "whom another module lets in would be decided about by "
                   "nobody; remove it");
    }

    return NGX_OK;
}


char *
ngx_http_dmp_check_location(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    ngx_http_dmp_loc_conf_t *dlcf)
{
    const char               *missing;
    ngx_http_conf_ctx_t      *ctx;
    ngx_http_dmp_location_t  *location;

    missing = (dmcf->address == NULL) ? "dmp_redis"
              : (dmcf->audit_key == NULL) ? "dmp_audit_key"
              : (dmcf->record_keys == NULL) ? "dmp_record_key"
              : (dmcf->pseudonym_key == NULL) ? "dmp_pseudonym_key"
              : (dlcf->policy == NULL) ? "dmp_policy"
              : NULL;

    if (missing != NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs \"%s\" in %s:%ui",
                      (dlcf->mode == NGX_HTTP_DMP_DENIED) ? "dmp_denied"
                      : (dlcf->mode == NGX_HTTP_DMP_API) ? "dmp_api" : "dmp on",
                      missing, dlcf->file, dlcf->line);
        return NGX_CONF_ERROR;
    }

    location = ngx_array_push(dmcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx = cf->ctx;
    location->srv_conf = ctx->srv_conf;
    location->loc_conf = ctx->loc_conf;
    location->named = 0;

    if (ngx_http_dmp_check_itself(cf, location) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_dmp_revocation_protect(cf, dmcf, dlcf);
}
