/*
 * Directives that read files or several words.  Every file is read and fully
 * checked here, so that "nginx -t" is a real check; what it refuses it names.
 */

#include "ngx_http_dmp_module.h"

#include <openssl/pem.h>


#define NGX_HTTP_DMP_FILE_MAX  (1024 * 1024)

#define NGX_HTTP_DMP_HOST_MAX  64        /* bytes of a record host's name */

#define NGX_HTTP_DMP_BASES     5         /* addresses that "base=" gives it */


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


char *
ngx_http_dmp_audit_durability(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_http_dmp_main_conf_t  *dmcf = conf;

    if (dmcf->durability != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "fsync") == 0) {
        dmcf->durability = NGX_HTTP_DMP_FSYNC;

    } else if (ngx_strcmp(value[1].data, "memory") == 0) {
        dmcf->durability = NGX_HTTP_DMP_MEMORY;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it is \"fsync\" or "
                           "\"memory\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_dmp_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                *value;
    ngx_http_dmp_loc_conf_t  *dlcf = conf;

    if (dlcf->mode == NGX_HTTP_DMP_DENIED) {
        return "cannot be beside \"dmp_denied\": nothing is allowed there";
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

    if (dlcf->mode != NGX_CONF_UNSET_UINT) {
        return "cannot be beside \"dmp\": nothing is allowed there";
    }

    dlcf->mode = NGX_HTTP_DMP_DENIED;
    dlcf->file = cf->conf_file->file.name.data;
    dlcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
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

    if (clcf->noname
#if (NGX_PCRE)
        || clcf->regex != NULL
#endif
        || clcf->name.len == 0 || clcf->name.data[0] != '/')
    {
        return "needs a location that is a plain prefix: the location is the "
               "FHIR base";
    }

    dlcf->fhir = 1;
    dlcf->base = clcf->name;

    if (dlcf->base.data[dlcf->base.len - 1] == '/') {
        dlcf->base.len--;
    }

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
