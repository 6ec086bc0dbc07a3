/*
 * The "dmp_policy" directive: a policy is read whole, with the files that it
 * names, when the configuration is; a reload replaces it whole.
 */

#include "ngx_http_dmp_module.h"


/* Where the files that a policy names are. */
typedef struct {
    ngx_conf_t  *cf;
    ngx_str_t    folder;                 /* ends with "/" */
} ngx_http_dmp_policy_folder_t;


static void
ngx_http_dmp_policy_cleanup(void *data)
{
    dmp_policy_free(data);
}


/* One policy is read once, however many locations name it. */
static dmp_policy_t *
ngx_http_dmp_policy_find(ngx_array_t *policies, ngx_str_t *path)
{
    ngx_uint_t                   i;
    ngx_http_dmp_policy_file_t  *file;

    file = policies->elts;

    for (i = 0; i < policies->nelts; i++) {
        if (file[i].path.len == path->len
            && ngx_strncmp(file[i].path.data, path->data, path->len) == 0)
        {
            return file[i].policy;
        }
    }

    return NULL;
}


static dmp_rc_t
ngx_http_dmp_policy_read(void *data, const char *name, dmp_str_t *text,
    dmp_error_t *error)
{
    u_char                        *p;
    size_t                         len;
    ngx_str_t                      path, content;
    ngx_http_dmp_policy_folder_t  *folder;

    folder = data;
    len = ngx_strlen(name);

    path.len = folder->folder.len + len;
    path.data = ngx_pnalloc(folder->cf->pool, path.len + 1);
    if (path.data == NULL) {
        return DMP_E_NOMEM;
    }

    p = ngx_cpymem(path.data, folder->folder.data, folder->folder.len);
    p = ngx_cpymem(p, name, len);
    *p = '\0';

    if (ngx_http_dmp_conf_read(folder->cf, &path, &content) != NGX_OK) {
        (void) ngx_snprintf((u_char *) error->text, sizeof(error->text),
                            "\"%s\" cannot be read%Z", name);
        return DMP_E_REFUSED;
    }

    *text = ngx_http_dmp_str(content);

    return DMP_OK;
}


static dmp_policy_t *
ngx_http_dmp_policy_load(ngx_conf_t *cf, ngx_str_t *path)
{
    u_char                        *name;
    dmp_error_t                    error;
    dmp_policy_t                  *policy;
    dmp_policy_source_t            source;
    ngx_http_dmp_policy_folder_t   folder;

    name = path->data + path->len;

    while (name > path->data && name[-1] != '/') {
        name--;
    }

    folder.cf = cf;
    folder.folder.data = path->data;
    folder.folder.len = (size_t) (name - path->data);

    source.read = ngx_http_dmp_policy_read;
    source.data = &folder;

    if (dmp_policy_load(&source, (char *) name, &policy, &error) != DMP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in policy \"%V%s\":%ui",
                           error.text, &folder.folder,
                           error.file[0] != '\0' ? error.file
                                                 : (char *) name,
                           (ngx_uint_t) error.line);
        return NULL;
    }

    return policy;
}


char *
ngx_http_dmp_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                   *value;
    dmp_policy_t                *policy;
    ngx_pool_cleanup_t          *cln;
    ngx_http_dmp_loc_conf_t     *dlcf = conf;
    ngx_http_dmp_main_conf_t    *dmcf;
    ngx_http_dmp_policy_file_t  *file;

    if (dlcf->policy != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_dmp_module);

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    dlcf->policy = ngx_http_dmp_policy_find(dmcf->policies, &value[1]);
    if (dlcf->policy != NULL) {
        return NGX_CONF_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    policy = ngx_http_dmp_policy_load(cf, &value[1]);
    if (policy == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_dmp_policy_cleanup;
    cln->data = policy;

    if (policy->settings.test_chains) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "policy \"%V\" accepts TEST authorities "
                           "(settings.test_chains): their cards are given to "
                           "anybody, and open records here", &value[1]);
    }

    file = ngx_array_push(dmcf->policies);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    file->path = value[1];
    file->policy = policy;
    dlcf->policy = policy;

    return NGX_CONF_OK;
}
