/*
 * notifyd_conf.h: the configuration of dmp-notifyd: one JSON object
 * (docs/notifyd.md), and the files that it names.
 */

#ifndef TOOL_NOTIFYD_CONF_H
#define TOOL_NOTIFYD_CONF_H

#include <jansson.h>

#include <dmp/dmp_record.h>

#include "notifyd_text.h"


#define CONF_FILE_MAX    65536
#define CONF_LIST_MAX    DMP_KEYRING_MAX
#define CONF_EXPECT_MAX  8
#define CONF_SECRET_MAX  4096

typedef struct {
    const char  *item[CONF_LIST_MAX];
    size_t       n;
} conf_list_t;

/* The zero value is the strictest. */
typedef enum {
    CONF_STARTTLS = 0,
    CONF_TLS,                            /* from the first byte */
    CONF_PLAIN                           /* loopback only, and said so */
} conf_tls_t;

typedef struct {
    const char  *host;                   /* NULL: there is no such channel */
    const char  *from;
    const char  *from_name;
    const char  *hello;                  /* what we call ourselves */
    const char  *user;
    const char  *password_file;
    const char  *tls_word;
    const char  *auth_word;
    const char  *cacert;
    bool         plain_on_loopback;
    int64_t      port;
    int64_t      timeout_ms;
    conf_tls_t   tls;
} conf_smtp_t;

typedef struct {
    const char  *url;                    /* NULL: there is no such channel */
    json_t      *headers;
    json_t      *json;                   /* one of these two */
    json_t      *form;
    json_t      *expect_list;
    const char  *secret_file;
    const char  *cacert;
    const char  *country;
    bool         plain_on_loopback;
    int64_t      timeout_ms;
    long         expect[CONF_EXPECT_MAX];
    size_t       n_expect;               /* 0: any of 200 to 299 */
} conf_sms_t;

/* Its texts are those of "root". */
typedef struct {
    json_t       *root;
    const char   *redis;
    const char   *redis_user;
    const char   *redis_password_file;
    const char   *redis_db;
    json_t       *record_keys_list;
    conf_list_t   record_keys;
    const char   *name;                  /* of this instance; NULL: default */
    const char   *place;
    const char   *templates;             /* a folder */
    const char   *metrics_file;          /* NULL: none */
    int64_t       takeover_ms;
    int64_t       tries;
    int64_t       retry_first_ms;
    int64_t       retry_most_ms;
    conf_smtp_t   smtp;
    conf_sms_t    sms;
} conf_t;

/*
 * Reads a configuration; opens no file.  Unknown members, members given
 * twice, wrong types and values are errors: *error names the line, or the
 * member and the word.  conf_free() in either case.
 */
dmp_rc_t conf_parse(dmp_str_t text, conf_t *conf, dmp_error_t *error);
void conf_free(conf_t *conf);


/* What is told; the zero value is nothing. */
typedef enum {
    NOTICE_NONE = 0,
    NOTICE_CODE_SIGN_IN,
    NOTICE_CODE_RECOVERY,
    NOTICE_CODE_CONTACT,
    NOTICE_PASSWORD,
    NOTICE_FIRST_ACCESS,
    NOTICE_EMERGENCY_ACCESS,
    NOTICE_DOCUMENT_ADDED,
    NOTICE_RECORD_CREATED,
    NOTICE_RIGHTS_CHANGED,
    NOTICE_PASSWORD_CHANGED,
    NOTICE_CONTACT_CHANGED,
    NOTICE_EMERGENCY_CHANGED,
    NOTICE_N
} notice_t;

/* "code-sign-in": the template's name without its ".txt". */
const char *notice_name(notice_t notice);

typedef struct {
    char         *mail_file;             /* the whole file, to be freed */
    char         *sms_file;
    text_mail_t   mail;
    dmp_str_t     sms;
} conf_texts_t;

/* A configuration with all that its files hold. */
typedef struct {
    conf_t         conf;
    dmp_keyring_t  ring;
    char          *smtp_password;        /* first lines; NULL: none */
    char          *sms_secret;
    conf_texts_t   texts[NOTICE_N];
} setup_t;

/*
 * Reads and checks a configuration and every file that it names.  An exit
 * code: TOOL_NO after complaints of what is wrong, TOOL_FAILED if a file could
 * not be read.  quiet: says nothing of SMS that may be too long for one.
 * setup_free() in either case; it wipes.
 */
int setup_read(const char *path, bool quiet, setup_t *setup);
void setup_free(setup_t *setup);

#endif
