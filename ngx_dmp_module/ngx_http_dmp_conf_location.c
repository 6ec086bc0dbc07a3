/*
 * Directives that say what a location is: protected, refusals, the API or
 * FHIR; which record host is behind it; and its limits.
 */

#include "ngx_http_dmp_module.h"


#define NGX_HTTP_DMP_HOST_MAX  64        /* bytes of a record host's name */

#define NGX_HTTP_DMP_BASES     5         /* addresses that "base=" gives it */


char *
ngx_http_dmp_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                *value;
    ngx_http_dmp_loc_conf_t  *dlcf = conf;

    if (dlcf->mode == NGX_HTTP_DMP_DENIED) {
        return "cannot be beside \"dmp_denied\": nothing is allowed there";
    }

    if (dlcf->mode == NGX_HTTP_DMP_API) {
        return "cannot be beside \"dmp_api\", which is protected by itself";
    }

    if (dlcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        dlcf->mode = NGX_HTTP_DMP_ON;
        dlcf->file = cf->conf_file->file.name.data;
        dlcf->line = cf->conf_file->line;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        dlcf->mode = NGX_HTTP_DMP_OFF;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it is \"on\" or \"off\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_denied(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_dmp_loc_conf_t  *dlcf = conf;

    if (dlcf->mode == NGX_HTTP_DMP_DENIED) {
        return "is duplicate";
    }

    if (dlcf->mode == NGX_HTTP_DMP_API) {
        return "cannot be beside \"dmp_api\": nothing is allowed there";
    }

    if (dlcf->mode != NGX_CONF_UNSET_UINT) {
        return "cannot be beside \"dmp\": nothing is allowed there";
    }

    dlcf->mode = NGX_HTTP_DMP_DENIED;
    dlcf->file = cf->conf_file->file.name.data;
    dlcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* The path of a location that is one: a prefix, without its last "/". */
static ngx_int_t
ngx_http_dmp_conf_prefix(const ngx_http_core_loc_conf_t *clcf, ngx_str_t *base)
{
    if (clcf->noname
#if (NGX_PCRE)
        || clcf->regex != NULL
#endif
        || clcf->name.len == 0 || clcf->name.data[0] != '/')
    {
        return NGX_ERROR;
    }

    *base = clcf->name;

    if (base->data[base->len - 1] == '/') {
        base->len--;
    }

    return NGX_OK;
}


char *
ngx_http_dmp_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_http_dmp_loc_conf_t   *dlcf = conf;
    ngx_http_core_loc_conf_t  *clcf;

    if (dlcf->fhir) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "fhir") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it is \"fhir\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (dlcf->file == NULL) {
        /* the protection may come from further out */
        dlcf->file = cf->conf_file->file.name.data;
        dlcf->line = cf->conf_file->line;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named) {
        /* the form of its refusals; check_location refuses anything else */
        dlcf->fhir = 1;
        return NGX_CONF_OK;
    }

    if (dlcf->mode == NGX_HTTP_DMP_API) {
        return "cannot be beside \"dmp_api\": give each a location of its own";
    }

    if (ngx_http_dmp_conf_prefix(clcf, &dlcf->base) != NGX_OK) {
        return "needs a location that is a plain prefix: the location is the "
               "FHIR base";
    }

    dlcf->fhir = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_dmp_loc_conf_t   *dlcf = conf;
    ngx_http_core_loc_conf_t  *clcf;

    if (dlcf->mode == NGX_HTTP_DMP_API) {
        return "is duplicate";
    }

    if (dlcf->mode != NGX_CONF_UNSET_UINT) {
        return "cannot be beside \"dmp\" or \"dmp_denied\": it is protected by "
               "itself";
    }

    if (dlcf->fhir) {
        return "cannot be beside \"dmp_resource\": give each a location of its "
               "own";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named
        || ngx_http_dmp_conf_prefix(clcf, &dlcf->base) != NGX_OK)
    {
        return "needs a location that is a plain prefix: the location is the "
               "base of the API";
    }

    dlcf->mode = NGX_HTTP_DMP_API;
    dlcf->file = cf->conf_file->file.name.data;
    dlcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* What can stand in a log, and in the configuration without quotes. */
static ngx_int_t
ngx_http_dmp_conf_is_word(ngx_str_t *word)
{
    size_t  i;

    for (i = 0; i < word->len; i++) {
        if (word->data[i] <= 0x20 || word->data[i] >= 0x7f
            || word->data[i] == '"' || word->data[i] == '\'')
        {
            return 0;
        }
    }

    return word->len != 0;
}


/* The address without its last "/": "http://HOST[:PORT][/PATH]". */
static ngx_int_t
ngx_http_dmp_conf_base(ngx_str_t *base)
{
    size_t  i, n;

    n = (base->len > 7 && ngx_strncmp(base->data, "http://", 7) == 0) ? 7
        : (base->len > 8 && ngx_strncmp(base->data, "https://", 8) == 0) ? 8
        : 0;

    if (n == 0 || base->data[n] == '/' || !ngx_http_dmp_conf_is_word(base)) {
        return NGX_ERROR;
    }

    for (i = n; i < base->len; i++) {
        if (base->data[i] == '?' || base->data[i] == '#') {
            return NGX_ERROR;
        }
    }

    if (base->data[base->len - 1] == '/') {
        base->len--;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dmp_conf_begins(const ngx_str_t *word, const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return word->len >= len && ngx_strncmp(word->data, name, len) == 0;
}


static ngx_int_t
ngx_http_dmp_record_host_base(ngx_conf_t *cf, ngx_http_dmp_loc_conf_t *dlcf,
    ngx_str_t *word)
{
    ngx_str_t    base, *bases;
    ngx_uint_t   i;

    base.data = word->data + 5;
    base.len = word->len - 5;

    if (ngx_http_dmp_conf_base(&base) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address in \"%V\": it is "
                           "\"http://HOST[:PORT][/PATH]\" or "
                           "\"https://...\", without \"?\" and \"#\"",
                           word);
        return NGX_ERROR;
    }

    if (dlcf->host_bases == NULL) {
        dlcf->host_bases = ngx_array_create(cf->pool, NGX_HTTP_DMP_BASES,
                                            sizeof(ngx_str_t));
        if (dlcf->host_bases == NULL) {
            return NGX_ERROR;
        }
    }

    bases = dlcf->host_bases->elts;

    for (i = 0; i < dlcf->host_bases->nelts; i++) {
        if (bases[i].len == base.len
            && ngx_memcmp(bases[i].data, base.data, base.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is given twice", word);
            return NGX_ERROR;
        }
    }

    if (i == NGX_HTTP_DMP_BASES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is one too many: a record host has at "
                           "most %d addresses", word, NGX_HTTP_DMP_BASES);
        return NGX_ERROR;
    }

    /* there is room for all of them */
    bases = ngx_array_push(dlcf->host_bases);
    *bases = base;

    return NGX_OK;
}


/* By which it is known which documents have an attachment; not twice. */
static ngx_int_t
ngx_http_dmp_record_host_attachments(ngx_conf_t *cf,
    ngx_http_dmp_loc_conf_t *dlcf, ngx_str_t *word)
{
    if (dlcf->by_index != NGX_CONF_UNSET_UINT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is one too many: \"attachments=\" is "
                           "given twice", word);
        return NGX_ERROR;
    }

    if (ngx_strcmp(word->data, "attachments=search") == 0) {
        dlcf->by_index = 0;

    } else if (ngx_strcmp(word->data, "attachments=index") == 0) {
        dlcf->by_index = 1;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"%V\": it is \"search\" or "
                           "\"index\"", word);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dmp_record_host_parameter(ngx_conf_t *cf,
    ngx_http_dmp_loc_conf_t *dlcf, ngx_str_t *word)
{
    if (ngx_http_dmp_conf_begins(word, "base=")) {
        return ngx_http_dmp_record_host_base(cf, dlcf, word);
    }

    if (ngx_http_dmp_conf_begins(word, "attachments=")) {
        return ngx_http_dmp_record_host_attachments(cf, dlcf, word);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       word);
    return NGX_ERROR;
}


char *
ngx_http_dmp_record_host(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_dmp_loc_conf_t  *dlcf = conf;

    if (dlcf->host.len != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len > NGX_HTTP_DMP_HOST_MAX
        || !ngx_http_dmp_conf_is_word(&value[1])
        || ngx_http_dmp_conf_begins(&value[1], "base=")
        || ngx_http_dmp_conf_begins(&value[1], "attachments="))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\": it is 1 to %d characters of "
                           "ASCII, without blanks and quotes, and comes before "
                           "\"base=\" and \"attachments=\"", &value[1],
                           NGX_HTTP_DMP_HOST_MAX);
        return NGX_CONF_ERROR;
    }

    dlcf->host = value[1];
    dlcf->by_index = NGX_CONF_UNSET_UINT;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_dmp_record_host_parameter(cf, dlcf, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_init_uint_value(dlcf->by_index, 0);

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                            *p = conf;

    size_t                          *limit;
    ssize_t                          n;
    ngx_str_t                       *value;
    const ngx_http_dmp_bounds_t     *bounds;

    limit = (size_t *) (p + cmd->offset);
    bounds = cmd->post;

    if (*limit != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = bounds->size ? ngx_parse_size(&value[1])
                     : ngx_atosz(value[1].data, value[1].len);

    if (n == NGX_ERROR || (size_t) n < bounds->low
        || (size_t) n > bounds->high)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"%V\": it is a %s from "
                           "%uz to %uz", &value[1], &cmd->name,
                           bounds->size ? "size" : "number", bounds->low,
                           bounds->high);
        return NGX_CONF_ERROR;
    }

    *limit = (size_t) n;

    return NGX_CONF_OK;
}
