/*
 * Directives that read files or several words.  Every file is read and fully
 * checked here, so that "nginx -t" is a real check; what it refuses it names.
 */

#include "ngx_http_dmp_module.h"

#include <openssl/pem.h>


#define NGX_HTTP_DMP_FILE_MAX  (1024 * 1024)

#define NGX_HTTP_DMP_REPLICAS_MAX  16


static void
ngx_http_dmp_conf_wipe(void *data)
{
    ngx_str_t  *secret;

    secret = data;
    ngx_explicit_memzero(secret->data, secret->len);
}


/* The text is wiped when the configuration goes, and its key with it. */
static ngx_int_t
ngx_http_dmp_conf_secret(ngx_conf_t *cf, u_char *data, size_t len)
{
    ngx_str_t           *secret;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_str_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    secret = cln->data;
    secret->data = data;
    secret->len = len;
    cln->handler = ngx_http_dmp_conf_wipe;

    return NGX_OK;
}


ngx_int_t
ngx_http_dmp_conf_read(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_file_info_t  info;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        goto done;
    }

    if (!ngx_is_file(&info) || ngx_file_size(&info) > NGX_HTTP_DMP_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is not a file of "
                           "at most %d bytes", path, NGX_HTTP_DMP_FILE_MAX);
        goto done;
    }

    text->len = (size_t) ngx_file_size(&info);
    text->data = ngx_pcalloc(cf->pool, text->len + 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, text->data, text->len);
    if (n < 0 || (size_t) n != text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", path);
        goto done;
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


static ngx_int_t
ngx_http_dmp_redis_parameter(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf,
    ngx_str_t *word)
{
    ngx_str_t  value, path;

#define is(name)                                                              \
    (word->len > sizeof(name) - 1                                             \
     && ngx_strncmp(word->data, name, sizeof(name) - 1) == 0                  \
     && (value.data = word->data + sizeof(name) - 1,                          \
         value.len = word->len - (sizeof(name) - 1), 1))

    if (is("user=")) {
        dmcf->user = value;
        return NGX_OK;
    }

    if (is("password_file=")) {
        path = value;

        if (ngx_http_dmp_conf_read(cf, &path, &dmcf->password) != NGX_OK) {
            return NGX_ERROR;
        }

        while (dmcf->password.len != 0
               && (dmcf->password.data[dmcf->password.len - 1] == '\n'
                   || dmcf->password.data[dmcf->password.len - 1] == '\r'))
        {
            dmcf->password.data[--dmcf->password.len] = '\0';
        }

        if (dmcf->password.len == 0
            || ngx_strlen(dmcf->password.data) != dmcf->password.len)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" does not hold one password", &path);
            return NGX_ERROR;
        }

        return ngx_http_dmp_conf_secret(cf, dmcf->password.data,
                                        dmcf->password.len);
    }

    if (is("db=")) {
        dmcf->db = ngx_atoi(value.data, value.len);
        if (dmcf->db != NGX_ERROR) {
            return NGX_OK;
        }

    } else if (is("timeout=")) {
        dmcf->timeout = (ngx_msec_t) ngx_parse_time(&value, 0);
        if (dmcf->timeout != (ngx_msec_t) NGX_ERROR && dmcf->timeout != 0) {
            return NGX_OK;
        }

    } else if (is("connect_timeout=")) {
        dmcf->connect_timeout = (ngx_msec_t) ngx_parse_time(&value, 0);
        if (dmcf->connect_timeout != (ngx_msec_t) NGX_ERROR
            && dmcf->connect_timeout != 0)
        {
            return NGX_OK;
        }

    } else if (is("busy_poll=")) {
        dmcf->busy_poll = (value.len == 2
                           && ngx_strncmp(value.data, "on", 2) == 0);
        if (dmcf->busy_poll
            || (value.len == 3 && ngx_strncmp(value.data, "off", 3) == 0))
        {
            return NGX_OK;
        }
    }

#undef is

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", word);
    return NGX_ERROR;
}


char *
ngx_http_dmp_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_url_t                  u;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->address != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = value[1];
    u.default_port = 6379;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"",
                           u.err ? u.err : "invalid address", &u.url);
        return NGX_CONF_ERROR;
    }

    dmcf->address = &u.addrs[0];
    dmcf->timeout = 1000;
    dmcf->connect_timeout = 1000;
    dmcf->busy_poll = 1;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_dmp_redis_parameter(cf, dmcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (dmcf->user.len != 0 && dmcf->password.len == 0) {
        return "has \"user\" without \"password_file\"";
    }

    return NGX_CONF_OK;
}


static void
ngx_http_dmp_pkey_cleanup(void *data)
{
    EVP_PKEY_free(data);
}


/* Without it OpenSSL asks at the terminal, and "nginx -t" waits. */
static int
ngx_http_dmp_no_passphrase(char *buf, int size, int rwflag, void *data)
{
    return 0;
}


char *
ngx_http_dmp_audit_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    BIO                       *bio;
    ngx_str_t                 *value, text;
    ngx_pool_cleanup_t        *cln;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->audit_key != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL
        || ngx_http_dmp_conf_read(cf, &value[1], &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    bio = BIO_new_mem_buf(text.data, (int) text.len);
    if (bio == NULL) {
        return NGX_CONF_ERROR;
    }

    dmcf->audit_key = PEM_read_bio_PrivateKey(bio, NULL,
                                              ngx_http_dmp_no_passphrase,
                                              NULL);

    BIO_free(bio);
    ngx_explicit_memzero(text.data, text.len);

    if (dmcf->audit_key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds no private key in PEM", &value[1]);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_dmp_pkey_cleanup;
    cln->data = dmcf->audit_key;

    if (EVP_PKEY_get_id(dmcf->audit_key) != EVP_PKEY_ED25519) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key in \"%V\" is not Ed25519: make one with "
                           "\"dmpctl keygen audit\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_dmp_conf_key_error(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" does not hold one key of 64 hexadecimal "
                       "digits", path);
    return NGX_ERROR;
}


char *
ngx_http_dmp_record_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                    *p, *line, *end;
    ngx_str_t                 *value, text;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->record_keys != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    dmcf->record_keys = ngx_pcalloc(cf->pool, sizeof(dmp_keyring_t));

    if (dmcf->record_keys == NULL
        || ngx_http_dmp_conf_secret(cf, (u_char *) dmcf->record_keys,
                                    sizeof(dmp_keyring_t))
           != NGX_OK
        || ngx_http_dmp_conf_read(cf, &value[1], &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    end = text.data + text.len;

    for (line = text.data; line < end; line = p + 1) {

        p = ngx_strlchr(line, end, '\n');
        if (p == NULL) {
            p = end;
        }

        if (p == line) {
            continue;
        }

        if (dmp_keyring_add(dmcf->record_keys,
                            (dmp_str_t) { (char *) line,
                                          (size_t) (p - line) })
            != DMP_OK)
        {
            (void) ngx_http_dmp_conf_key_error(cf, &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    ngx_explicit_memzero(text.data, text.len);

    if (dmcf->record_keys->n == 0) {
        (void) ngx_http_dmp_conf_key_error(cf, &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_pseudonym_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value, text;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->pseudonym_key != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    dmcf->pseudonym_key = ngx_pcalloc(cf->pool, DMP_KEY_LEN);

    if (dmcf->pseudonym_key == NULL
        || ngx_http_dmp_conf_secret(cf, dmcf->pseudonym_key, DMP_KEY_LEN)
           != NGX_OK
        || ngx_http_dmp_conf_read(cf, &value[1], &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (dmp_key_parse(ngx_http_dmp_str(text), dmcf->pseudonym_key) != DMP_OK) {
        (void) ngx_http_dmp_conf_key_error(cf, &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_explicit_memzero(text.data, text.len);

    return NGX_CONF_OK;
}


/* "replicas N [TIME]": on disk, and received by N replicas within TIME. */
static char *
ngx_http_dmp_replicas(ngx_conf_t *cf, ngx_http_dmp_main_conf_t *dmcf)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;
    n = (cf->args->nelts > 2) ? ngx_atoi(value[2].data, value[2].len)
                              : NGX_ERROR;

    if (n < 1 || n > NGX_HTTP_DMP_REPLICAS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"replicas\" needs their number, from 1 to %d",
                           NGX_HTTP_DMP_REPLICAS_MAX);
        return NGX_CONF_ERROR;
    }

    dmcf->durability = NGX_HTTP_DMP_REPLICAS;
    dmcf->replicas = (ngx_uint_t) n;
    dmcf->replicas_timeout = 100;

    if (cf->args->nelts > 3) {
        dmcf->replicas_timeout = (ngx_msec_t) ngx_parse_time(&value[3], 0);

        if (dmcf->replicas_timeout == (ngx_msec_t) NGX_ERROR
            || dmcf->replicas_timeout == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\"", &value[3]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_audit_durability(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->durability != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "replicas") == 0) {
        return ngx_http_dmp_replicas(cf, dmcf);
    }

    if (ngx_strcmp(value[1].data, "fsync") == 0) {
        dmcf->durability = NGX_HTTP_DMP_FSYNC;

    } else if (ngx_strcmp(value[1].data, "memory") == 0) {
        dmcf->durability = NGX_HTTP_DMP_MEMORY;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it is \"memory\", "
                           "\"fsync\" or \"replicas\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes no parameter", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
