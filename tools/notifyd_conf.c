/*
 * notifyd_conf.c: reads the configuration of dmp-notifyd, strictly.  Opens no
 * file; what a member says is looked at here, what a file holds elsewhere.
 */

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "notifyd_conf.h"


typedef enum {
    MEMBER_TEXT = 0,
    MEMBER_NUMBER,
    MEMBER_FLAG,
    MEMBER_VALUE,                        /* any; looked at later */
    MEMBER_GROUP
} member_type_t;

typedef struct member_s  member_t;

struct member_s {
    const char      *name;               /* NULL ends the table */
    size_t           at;                 /* in conf_t */
    member_type_t    type;
    bool             needed;
    int64_t          least;              /* of a number */
    int64_t          most;
    const member_t  *members;            /* of a group */
};

#define AT(member)  offsetof(conf_t, member)

#define CONF_TIMEOUT  100, 120000
#define CONF_DAY_MS   86400000

static const member_t  conf_redis[] = {
    { "address",       AT(redis), MEMBER_TEXT, true, 0, 0, NULL },
    { "user",          AT(redis_user), MEMBER_TEXT, false, 0, 0, NULL },
    { "password_file", AT(redis_password_file), MEMBER_TEXT, false, 0, 0,
      NULL },
    { "db",            AT(redis_db), MEMBER_TEXT, false, 0, 0, NULL },
    { NULL,            0, MEMBER_TEXT, false, 0, 0, NULL }
};

static const member_t  conf_retry[] = {
    { "tries",    AT(tries), MEMBER_NUMBER, false, 1, 1000, NULL },
    { "first_ms", AT(retry_first_ms), MEMBER_NUMBER, false, 10, CONF_DAY_MS,
      NULL },
    { "most_ms",  AT(retry_most_ms), MEMBER_NUMBER, false, 10, CONF_DAY_MS,
      NULL },
    { NULL,       0, MEMBER_TEXT, false, 0, 0, NULL }
};

static const member_t  conf_smtp[] = {
    { "host",          AT(smtp.host), MEMBER_TEXT, true, 0, 0, NULL },
    { "port",          AT(smtp.port), MEMBER_NUMBER, false, 1, 65535, NULL },
    { "tls",           AT(smtp.tls_word), MEMBER_TEXT, false, 0, 0, NULL },
    { "plain_on_loopback", AT(smtp.plain_on_loopback), MEMBER_FLAG, false, 0,
      0, NULL },
    { "cacert",        AT(smtp.cacert), MEMBER_TEXT, false, 0, 0, NULL },
    { "hello",         AT(smtp.hello), MEMBER_TEXT, false, 0, 0, NULL },
    { "from",          AT(smtp.from), MEMBER_TEXT, true, 0, 0, NULL },
    { "from_name",     AT(smtp.from_name), MEMBER_TEXT, false, 0, 0, NULL },
    { "user",          AT(smtp.user), MEMBER_TEXT, false, 0, 0, NULL },
    { "password_file", AT(smtp.password_file), MEMBER_TEXT, false, 0, 0,
      NULL },
    { "auth",          AT(smtp.auth_word), MEMBER_TEXT, false, 0, 0, NULL },
    { "timeout_ms",    AT(smtp.timeout_ms), MEMBER_NUMBER, false,
      CONF_TIMEOUT, NULL },
    { NULL,            0, MEMBER_TEXT, false, 0, 0, NULL }
};

static const member_t  conf_sms[] = {
    { "url",           AT(sms.url), MEMBER_TEXT, true, 0, 0, NULL },
    { "headers",       AT(sms.headers), MEMBER_VALUE, false, 0, 0, NULL },
    { "json",          AT(sms.json), MEMBER_VALUE, false, 0, 0, NULL },
    { "form",          AT(sms.form), MEMBER_VALUE, false, 0, 0, NULL },
    { "expect",        AT(sms.expect_list), MEMBER_VALUE, false, 0, 0, NULL },
    { "secret_file",   AT(sms.secret_file), MEMBER_TEXT, false, 0, 0, NULL },
    { "plain_on_loopback", AT(sms.plain_on_loopback), MEMBER_FLAG, false, 0,
      0, NULL },
    { "cacert",        AT(sms.cacert), MEMBER_TEXT, false, 0, 0, NULL },
    { "country",       AT(sms.country), MEMBER_TEXT, false, 0, 0, NULL },
    { "timeout_ms",    AT(sms.timeout_ms), MEMBER_NUMBER, false,
      CONF_TIMEOUT, NULL },
    { NULL,            0, MEMBER_TEXT, false, 0, 0, NULL }
};

static const member_t  conf_members[] = {
    { "redis",         0, MEMBER_GROUP, true, 0, 0, conf_redis },
    { "record_keys",   AT(record_keys_list), MEMBER_VALUE, true, 0, 0, NULL },
    { "name",          AT(name), MEMBER_TEXT, false, 0, 0, NULL },
    { "place",         AT(place), MEMBER_TEXT, true, 0, 0, NULL },
    { "templates",     AT(templates), MEMBER_TEXT, false, 0, 0, NULL },
    { "metrics_file",  AT(metrics_file), MEMBER_TEXT, false, 0, 0, NULL },
    { "takeover_ms",   AT(takeover_ms), MEMBER_NUMBER, false, 1000,
      CONF_DAY_MS, NULL },
    { "retry",         0, MEMBER_GROUP, false, 0, 0, conf_retry },
    { "smtp",          0, MEMBER_GROUP, false, 0, 0, conf_smtp },
    { "sms",           0, MEMBER_GROUP, false, 0, 0, conf_sms },
    { NULL,            0, MEMBER_TEXT, false, 0, 0, NULL }
};


__attribute__((format(printf, 2, 3)))
static dmp_rc_t
conf_error(dmp_error_t *error, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    return DMP_E_SYNTAX;
}


static dmp_rc_t
conf_text(const char *path, json_t *value, const char **out,
    dmp_error_t *error)
{
    size_t       i;
    const char  *text;

    text = json_string_value(value);

    if (text == NULL || text[0] == '\0') {
        return conf_error(error, "\"%s\" is not a text", path);
    }

    if (strlen(text) != json_string_length(value)) {
        return conf_error(error, "\"%s\" holds a NUL", path);
    }

    for (i = 0; text[i] != '\0'; i++) {
        if ((unsigned char) text[i] < ' ' || text[i] == 0x7f) {
            return conf_error(error, "\"%s\" holds a control character", path);
        }
    }

    *out = text;

    return DMP_OK;
}


static dmp_rc_t
conf_number(const member_t *m, const char *path, json_t *value, int64_t *out,
    dmp_error_t *error)
{
    if (!json_is_integer(value)) {
        return conf_error(error, "\"%s\" is not a whole number", path);
    }

    *out = json_integer_value(value);

    if (*out < m->least || *out > m->most) {
        return conf_error(error, "\"%s\": %lld is not between %lld and %lld",
                          path, (long long) *out, (long long) m->least,
                          (long long) m->most);
    }

    return DMP_OK;
}


static dmp_rc_t
conf_member(const member_t *m, const char *path, json_t *value, conf_t *conf,
    dmp_error_t *error)
{
    void  *out;

    out = (char *) conf + m->at;

    switch (m->type) {

    case MEMBER_TEXT:
        return conf_text(path, value, out, error);

    case MEMBER_NUMBER:
        return conf_number(m, path, value, out, error);

    case MEMBER_FLAG:
        if (!json_is_boolean(value)) {
            return conf_error(error, "\"%s\" is not true or false", path);
        }

        *(bool *) out = json_is_true(value);

        return DMP_OK;

    default:
        *(json_t **) out = value;

        return DMP_OK;
    }
}


/* As deep as the tables. */
static dmp_rc_t
conf_group(const member_t *members, const char *prefix, json_t *object,
    conf_t *conf, dmp_error_t *error)
{
    char             path[128];
    dmp_rc_t         rc;
    json_t          *value;
    const char      *name;
    const member_t  *m;

    if (!json_is_object(object)) {
        return conf_error(error, "\"%.*s\" is not an object",
                          (int) (strlen(prefix) != 0 ? strlen(prefix) - 1 : 0),
                          prefix);
    }

    json_object_foreach(object, name, value) {
        for (m = members; m->name != NULL && strcmp(m->name, name) != 0; m++) {
            /* look for it */
        }

        if (m->name == NULL) {
            return conf_error(error, "unknown member \"%s%.60s\"", prefix,
                              name);
        }

        if (m->type == MEMBER_GROUP) {
            (void) snprintf(path, sizeof(path), "%s%s.", prefix, name);
            rc = conf_group(m->members, path, value, conf, error);

        } else {
            (void) snprintf(path, sizeof(path), "%s%s", prefix, name);
            rc = conf_member(m, path, value, conf, error);
        }

        if (rc != DMP_OK) {
            return rc;
        }
    }

    for (m = members; m->name != NULL; m++) {
        if (m->needed && json_object_get(object, m->name) == NULL) {
            return conf_error(error, "member \"%s%s\" is missing", prefix,
                              m->name);
        }
    }

    return DMP_OK;
}


static dmp_rc_t
conf_keys(conf_t *conf, dmp_error_t *error)
{
    char      path[48];
    size_t    i;
    dmp_rc_t  rc;

    conf->record_keys.n = json_array_size(conf->record_keys_list);

    if (conf->record_keys.n == 0 || conf->record_keys.n > CONF_LIST_MAX) {
        return conf_error(error, "\"record_keys\" is not a list of 1 to %d "
                          "files", CONF_LIST_MAX);
    }

    for (i = 0; i < conf->record_keys.n; i++) {
        (void) snprintf(path, sizeof(path), "record_keys[%zu]", i);
        rc = conf_text(path, json_array_get(conf->record_keys_list, i),
                       &conf->record_keys.item[i], error);

        if (rc != DMP_OK) {
            return rc;
        }
    }

    return DMP_OK;
}


/* Whether a host's name can only mean this machine. */
static bool
conf_loopback(dmp_str_t host)
{
    char            text[64];
    struct in_addr  v4;

    if (dmp_str_eq(host, dmp_string("localhost"))
        || dmp_str_eq(host, dmp_string("::1"))
        || dmp_str_eq(host, dmp_string("[::1]")))
    {
        return true;
    }

    if (host.len >= sizeof(text)) {
        return false;
    }

    memcpy(text, host.data, host.len);
    text[host.len] = '\0';

    return inet_pton(AF_INET, text, &v4) == 1
           && (ntohl(v4.s_addr) >> 24) == 127;
}


static bool
conf_host(const char *host)
{
    size_t  i;

    for (i = 0; host[i] != '\0'; i++) {
        if (!((host[i] >= '0' && host[i] <= '9')
              || (host[i] >= 'a' && host[i] <= 'z')
              || (host[i] >= 'A' && host[i] <= 'Z')
              || strchr(".-:[]", host[i]) != NULL))
        {
            return false;
        }
    }

    return i != 0;
}


static dmp_rc_t
conf_smtp_tls(conf_smtp_t *smtp, dmp_error_t *error)
{
    const char  *word;

    word = smtp->tls_word != NULL ? smtp->tls_word : "starttls";

    if (strcmp(word, "starttls") == 0) {
        smtp->tls = CONF_STARTTLS;

    } else if (strcmp(word, "tls") == 0) {
        smtp->tls = CONF_TLS;

    } else if (strcmp(word, "none") == 0) {
        smtp->tls = CONF_PLAIN;

    } else {
        return conf_error(error, "\"smtp.tls\": \"%.40s\" is not "
                          "\"starttls\", \"tls\" or \"none\"", word);
    }

    if (smtp->tls == CONF_PLAIN
        && (!smtp->plain_on_loopback
            || !conf_loopback((dmp_str_t) { smtp->host,
                                            strlen(smtp->host) })))
    {
        return conf_error(error, "\"smtp.tls\": codes and passwords go by "
                          "TLS; \"none\" needs a loopback address in "
                          "\"smtp.host\", and \"smtp.plain_on_loopback\"");
    }

    if (smtp->port == 0) {
        smtp->port = smtp->tls == CONF_TLS ? 465
                     : smtp->tls == CONF_PLAIN ? 25 : 587;
    }

    return DMP_OK;
}


static dmp_rc_t
conf_check_smtp(conf_smtp_t *smtp, dmp_error_t *error)
{
    if (smtp->host == NULL) {
        return DMP_OK;
    }

    if (!conf_host(smtp->host)) {
        return conf_error(error, "\"smtp.host\": \"%.60s\" is no host",
                          smtp->host);
    }

    if (smtp->hello != NULL && !conf_host(smtp->hello)) {
        return conf_error(error, "\"smtp.hello\": \"%.60s\" is no host",
                          smtp->hello);
    }

    if (!text_email((dmp_str_t) { smtp->from, strlen(smtp->from) })) {
        return conf_error(error, "\"smtp.from\": \"%.60s\" is no address",
                          smtp->from);
    }

    if (smtp->from_name != NULL && strlen(smtp->from_name) > TEXT_SUBJECT_MAX)
    {
        return conf_error(error, "\"smtp.from_name\" is longer than %d bytes",
                          TEXT_SUBJECT_MAX);
    }

    if ((smtp->user == NULL) != (smtp->password_file == NULL)) {
        return conf_error(error, "\"smtp.user\" and \"smtp.password_file\" "
                          "need each other");
    }

    if (smtp->auth_word != NULL && strcmp(smtp->auth_word, "plain") != 0
        && strcmp(smtp->auth_word, "login") != 0)
    {
        return conf_error(error, "\"smtp.auth\": \"%.40s\" is not \"plain\" "
                          "or \"login\"", smtp->auth_word);
    }

    return conf_smtp_tls(smtp, error);
}


/* "https://HOST…"; "http://" to loopback, and where that was said. */
static dmp_rc_t
conf_sms_url(const conf_sms_t *sms, dmp_error_t *error)
{
    dmp_str_t    host;
    const char  *rest;

    rest = NULL;

    if (strncmp(sms->url, "https://", 8) == 0) {
        rest = sms->url + 8;

    } else if (strncmp(sms->url, "http://", 7) == 0) {
        rest = sms->url + 7;
    }

    if (rest == NULL) {
        return conf_error(error, "\"sms.url\": \"%.60s\" does not begin with "
                          "\"https://\"", sms->url);
    }

    host.data = rest;
    host.len = strcspn(rest, rest[0] == '[' ? "/?#@" : ":/?#@");

    if (rest[0] == '[' && memchr(rest, ']', host.len) != NULL) {
        host.len = (size_t) ((const char *) memchr(rest, ']', host.len) - rest)
                   + 1;
    }

    if (host.len == 0 || rest[host.len] == '@' || strchr(rest, '@') != NULL
        || strpbrk(rest, " {}\"<>\\^`|") != NULL)
    {
        return conf_error(error, "\"sms.url\": \"%.60s\" is no address of "
                          "ours: a host, and no user, blank or brace",
                          sms->url);
    }

    if (strncmp(sms->url, "http://", 7) == 0
        && (!sms->plain_on_loopback || !conf_loopback(host)))
    {
        return conf_error(error, "\"sms.url\": codes and passwords go by TLS; "
                          "\"http\" needs a loopback address, and "
                          "\"sms.plain_on_loopback\"");
    }

    return DMP_OK;
}


/* The texts of a value, as deep as jansson goes: their placeholders. */
static dmp_rc_t
conf_placeholders(const char *path, json_t *value, unsigned allowed,
    unsigned *used, dmp_error_t *error)
{
    size_t        i;
    dmp_rc_t      rc;
    json_t       *part;
    unsigned      word;
    dmp_str_t     text;
    dmp_error_t   why;
    const char   *name;

    memset(&why, 0, sizeof(why));
    rc = DMP_OK;

    if (json_is_string(value)) {
        text.data = json_string_value(value);
        text.len = json_string_length(value);

        if (text_check(text, allowed, &why) != DMP_OK) {
            return conf_error(error, "\"%s\": %.120s", path, why.text);
        }

        for (word = 0; word < TEXT_WORDS; word++) {
            if (text_check(text, allowed & ~TEXT_BIT(word), &why) != DMP_OK) {
                *used |= TEXT_BIT(word);
            }
        }
    }

    json_array_foreach(value, i, part) {
        rc = rc == DMP_OK ? conf_placeholders(path, part, allowed, used, error)
                          : rc;
    }

    json_object_foreach(value, name, part) {
        rc = rc == DMP_OK ? conf_placeholders(path, part, allowed, used, error)
                          : rc;
    }

    return rc;
}


/* An object whose values are texts; of headers also its names are looked at. */
static dmp_rc_t
conf_texts(const char *path, json_t *value, bool headers, dmp_error_t *error)
{
    json_t      *part;
    const char  *name, *text;

    if (value == NULL) {
        return DMP_OK;
    }

    if (!json_is_object(value)) {
        return conf_error(error, "\"%s\" is not an object", path);
    }

    json_object_foreach(value, name, part) {
        text = NULL;

        if (conf_text(path, part, &text, error) != DMP_OK) {
            return conf_error(error, "\"%s\": \"%.60s\" is not a text without "
                              "control characters", path, name);
        }

        if (headers && (name[0] == '\0'
                        || name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_")] != '\0'))
        {
            return conf_error(error, "\"%s\": \"%.60s\" is no name of a "
                              "header", path, name);
        }
    }

    return DMP_OK;
}


static dmp_rc_t
conf_sms_expect(conf_sms_t *sms, dmp_error_t *error)
{
    size_t   i;
    json_t  *status;

    if (sms->expect_list == NULL) {
        return DMP_OK;
    }

    sms->n_expect = json_array_size(sms->expect_list);

    if (sms->n_expect == 0 || sms->n_expect > CONF_EXPECT_MAX) {
        return conf_error(error, "\"sms.expect\" is not a list of 1 to %d "
                          "statuses", CONF_EXPECT_MAX);
    }

    for (i = 0; i < sms->n_expect; i++) {
        status = json_array_get(sms->expect_list, i);
        sms->expect[i] = (long) json_integer_value(status);

        if (!json_is_integer(status) || sms->expect[i] < 200
            || sms->expect[i] > 299)
        {
            return conf_error(error, "\"sms.expect\" has what is not a status "
                              "from 200 to 299");
        }
    }

    return DMP_OK;
}


static dmp_rc_t
conf_check_sms(conf_sms_t *sms, dmp_error_t *error)
{
    size_t    n;
    unsigned  used, sent;

    if (sms->url == NULL) {
        return DMP_OK;
    }

    if ((sms->json == NULL) == (sms->form == NULL)) {
        return conf_error(error, "\"sms\" needs one of \"json\" and \"form\"");
    }

    used = 0;
    sent = TEXT_BIT(TEXT_TO) | TEXT_BIT(TEXT_TEXT) | TEXT_BIT(TEXT_ID)
           | TEXT_BIT(TEXT_SECRET);

    if (conf_sms_url(sms, error) != DMP_OK
        || conf_sms_expect(sms, error) != DMP_OK
        || conf_texts("sms.headers", sms->headers, true, error) != DMP_OK
        || conf_texts("sms.form", sms->form, false, error) != DMP_OK
        || conf_placeholders("sms.json", sms->json, sent, &used, error)
           != DMP_OK
        || conf_placeholders("sms.form", sms->form, sent, &used, error)
           != DMP_OK)
    {
        return DMP_E_SYNTAX;
    }

    if ((used & TEXT_BIT(TEXT_TO)) == 0 || (used & TEXT_BIT(TEXT_TEXT)) == 0) {
        return conf_error(error, "\"sms.%s\" must have {to} and {text}",
                          sms->json != NULL ? "json" : "form");
    }

    if (conf_placeholders("sms.headers", sms->headers,
                          TEXT_BIT(TEXT_ID) | TEXT_BIT(TEXT_SECRET), &used,
                          error) != DMP_OK)
    {
        return DMP_E_SYNTAX;
    }

    if (((used & TEXT_BIT(TEXT_SECRET)) != 0) != (sms->secret_file != NULL)) {
        return conf_error(error, "\"sms.secret_file\" and {secret} need each "
                          "other");
    }

    n = sms->country != NULL ? strlen(sms->country) : 1;

    if (n == 0 || n > 3 || (sms->country != NULL
                            && strspn(sms->country, "0123456789") != n))
    {
        return conf_error(error, "\"sms.country\": \"%.40s\" is no country's "
                          "number", sms->country);
    }

    return DMP_OK;
}


/* What must hold between members. */
static dmp_rc_t
conf_check(conf_t *conf, dmp_error_t *error)
{
    int64_t  air;

    if (conf->smtp.host == NULL && conf->sms.url == NULL) {
        return conf_error(error, "neither \"smtp\" nor \"sms\": nothing could "
                          "be delivered");
    }

    if (conf->redis_user != NULL && conf->redis_password_file == NULL) {
        return conf_error(error, "\"redis.user\" needs "
                          "\"redis.password_file\"");
    }

    if (conf->retry_first_ms > conf->retry_most_ms) {
        return conf_error(error, "\"retry.first_ms\" is over "
                          "\"retry.most_ms\"");
    }

    if (conf->name != NULL && strlen(conf->name) > 64) {
        return conf_error(error, "\"name\" is longer than 64 bytes");
    }

    /* nobody may take over what is still being sent */
    air = conf->smtp.host != NULL ? conf->smtp.timeout_ms : 0;

    if (conf->sms.url != NULL && conf->sms.timeout_ms > air) {
        air = conf->sms.timeout_ms;
    }

    if (conf->takeover_ms < air * 2) {
        return conf_error(error, "\"takeover_ms\": %lld is not at least twice "
                          "the longest \"timeout_ms\", %lld",
                          (long long) conf->takeover_ms, (long long) air);
    }

    return DMP_OK;
}


dmp_rc_t
conf_parse(dmp_str_t text, conf_t *conf, dmp_error_t *error)
{
    json_error_t  where;

    memset(conf, 0, sizeof(*conf));
    memset(error, 0, sizeof(*error));
    conf->templates = "/usr/share/ngx_http_dmp/notices";
    conf->takeover_ms = 60000;
    conf->tries = 20;
    conf->retry_first_ms = 5000;
    conf->retry_most_ms = 3600000;
    conf->smtp.timeout_ms = 15000;
    conf->sms.timeout_ms = 10000;

    conf->root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES,
                            &where);
    if (conf->root == NULL) {
        error->line = where.line > 0 ? (unsigned) where.line : 1;
        (void) snprintf(error->text, sizeof(error->text), "%s", where.text);
        return DMP_E_SYNTAX;
    }

    if (!json_is_object(conf->root)) {
        error->line = 1;
        return conf_error(error, "not an object");
    }

    if (conf_group(conf_members, "", conf->root, conf, error) != DMP_OK
        || conf_keys(conf, error) != DMP_OK
        || conf_check_smtp(&conf->smtp, error) != DMP_OK
        || conf_check_sms(&conf->sms, error) != DMP_OK
        || conf_check(conf, error) != DMP_OK)
    {
        return DMP_E_SYNTAX;
    }

    return DMP_OK;
}


void
conf_free(conf_t *conf)
{
    json_decref(conf->root);
    memset(conf, 0, sizeof(*conf));
}
