/*
 * notifyd_setup.c: the files that the configuration names: keys, secrets,
 * templates.  Complaints name the file and the line, never what a secret holds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "dmpctl.h"
#include "notifyd_conf.h"


#define SETUP_PATH_MAX  1024

static const char *const  setup_names[NOTICE_N] = {
    "", "code-sign-in", "code-recovery", "code-contact", "password",
    "first-access", "emergency-access", "document-added", "record-created",
    "rights-changed", "password-changed", "contact-changed",
    "emergency-changed"
};


const char *
notice_name(notice_t notice)
{
    return notice < NOTICE_N ? setup_names[notice] : "";
}


/* The placeholders of its texts: nothing of a person but their secrets. */
static unsigned
setup_allowed(notice_t notice)
{
    unsigned  allowed;

    allowed = TEXT_BIT(TEXT_DATE) | TEXT_BIT(TEXT_TIME) | TEXT_BIT(TEXT_PLACE);

    switch (notice) {

    case NOTICE_CODE_SIGN_IN:
    case NOTICE_CODE_RECOVERY:
    case NOTICE_CODE_CONTACT:
        return allowed | TEXT_BIT(TEXT_CODE);

    case NOTICE_PASSWORD:
        return allowed | TEXT_BIT(TEXT_PASSWORD) | TEXT_BIT(TEXT_IDENTIFIER);

    default:
        return allowed;
    }
}


/* A text without its secret would be of no use to whom it is sent. */
static bool
setup_has(dmp_str_t text, notice_t notice)
{
    unsigned     allowed;
    dmp_error_t  error;

    allowed = setup_allowed(notice);

    if ((allowed & TEXT_BIT(TEXT_CODE)) != 0
        && text_check(text, allowed & ~TEXT_BIT(TEXT_CODE), &error) == DMP_OK)
    {
        return false;
    }

    return (allowed & TEXT_BIT(TEXT_PASSWORD)) == 0
           || text_check(text, allowed & ~TEXT_BIT(TEXT_PASSWORD), &error)
              != DMP_OK;
}


/* Says of an SMS whether it may take more than one. */
static void
setup_size(const char *path, dmp_str_t sms, const char *place)
{
    char           text[TEXT_FILE_MAX];
    size_t         places;
    dmp_buf_t      b;
    text_values_t  v;

    memset(&v, 0, sizeof(v));
    v.value[TEXT_DATE] = dmp_string("03/02/2026");
    v.value[TEXT_TIME] = dmp_string("14 h 05");
    v.value[TEXT_CODE] = dmp_string("123456");
    v.value[TEXT_PASSWORD] = dmp_string("abcdefghijklmnop");
    v.value[TEXT_IDENTIFIER] = dmp_string("abcdefghijkl");
    v.value[TEXT_PLACE] = (dmp_str_t) { place, strlen(place) };

    dmp_buf_init(&b, text, sizeof(text));
    text_fill(&b, sms, &v);

    if (b.full || !text_gsm((dmp_str_t) { b.data, b.len }, &places)) {
        tool_error("%s: note: has characters that an SMS has not: 70 fit into "
                   "one", path);

    } else if (places > TEXT_SMS_MAX) {
        tool_error("%s: note: %zu characters; 160 fit into one SMS", path,
                   places);
    }
}


static int
setup_wrong(const char *path, const dmp_error_t *error)
{
    if (error->line != 0) {
        tool_error("%s: line %u: %s", path, error->line, error->text);

    } else {
        tool_error("%s: %s", path, error->text);
    }

    return TOOL_NO;
}


static int
setup_mail(const char *path, notice_t notice, conf_texts_t *t)
{
    size_t       len;
    dmp_error_t  error;

    memset(&error, 0, sizeof(error));
    t->mail_file = tool_read(path, TEXT_FILE_MAX, &len);

    if (t->mail_file == NULL) {
        return TOOL_FAILED;
    }

    if (text_mail((dmp_str_t) { t->mail_file, len }, setup_allowed(notice),
                  &t->mail, &error) != DMP_OK)
    {
        return setup_wrong(path, &error);
    }

    /* subjects are seen on locked screens, and kept in logs */
    if (text_check(t->mail.subject, setup_allowed(NOTICE_FIRST_ACCESS), &error)
        != DMP_OK)
    {
        return setup_wrong(path, &error);
    }

    if (!setup_has(t->mail.body, notice)) {
        tool_error("%s: has no {%s}", path,
                   notice == NOTICE_PASSWORD ? "password" : "code");
        return TOOL_NO;
    }

    return TOOL_DONE;
}


static int
setup_sms(const char *path, notice_t notice, const conf_t *conf, bool quiet,
    conf_texts_t *t)
{
    size_t       len;
    dmp_error_t  error;

    memset(&error, 0, sizeof(error));
    t->sms_file = tool_read(path, TEXT_FILE_MAX, &len);

    if (t->sms_file == NULL) {
        return TOOL_FAILED;
    }

    if (text_sms((dmp_str_t) { t->sms_file, len }, setup_allowed(notice),
                 &t->sms, &error) != DMP_OK)
    {
        return setup_wrong(path, &error);
    }

    if (!setup_has(t->sms, notice)) {
        tool_error("%s: has no {%s}", path,
                   notice == NOTICE_PASSWORD ? "password" : "code");
        return TOOL_NO;
    }

    if (!quiet) {
        setup_size(path, t->sms, conf->place);
    }

    return TOOL_DONE;
}


/* All of them, so that each wrong one is named at once. */
static int
setup_texts(setup_t *setup, bool quiet)
{
    int     rc, done, n;
    char    path[SETUP_PATH_MAX];
    size_t  i, k;

    rc = TOOL_DONE;

    for (i = NOTICE_NONE + 1; i < NOTICE_N; i++) {
        for (k = 0; k < 2; k++) {
            n = snprintf(path, sizeof(path), "%s/%s%s", setup->conf.templates,
                         setup_names[i], k == 0 ? ".txt" : ".sms.txt");

            if (n < 0 || (size_t) n >= sizeof(path)) {
                tool_error("\"templates\": too long a path");
                return TOOL_NO;
            }

            done = k == 0 ? setup_mail(path, (notice_t) i, &setup->texts[i])
                          : setup_sms(path, (notice_t) i, &setup->conf, quiet,
                                      &setup->texts[i]);
            rc = done > rc ? done : rc;
        }
    }

    return rc;
}


/* The first line of a file that holds a secret. */
static int
setup_secret(const char *path, char **out)
{
    size_t  i, len;

    if (path == NULL) {
        return TOOL_DONE;
    }

    *out = tool_read(path, CONF_SECRET_MAX, &len);

    if (*out == NULL) {
        return TOOL_FAILED;
    }

    (*out)[len] = '\0';
    i = strcspn(*out, "\r\n");
    OPENSSL_cleanse(*out + i, len - i);

    for (i = 0; (*out)[i] != '\0'; i++) {
        if ((unsigned char) (*out)[i] < ' ' || (*out)[i] == 0x7f) {
            break;
        }
    }

    if (i == 0 || (*out)[i] != '\0') {
        tool_error("%s: line 1: %s", path,
                   i == 0 ? "is empty" : "has a control character");
        return TOOL_NO;
    }

    return TOOL_DONE;
}


/* Whether a file can be read that somebody else will read. */
static int
setup_readable(const char *path)
{
    char    *data;
    size_t   len;

    if (path == NULL) {
        return TOOL_DONE;
    }

    data = tool_read(path, 1024 * 1024, &len);
    free(data);

    return data != NULL ? TOOL_DONE : TOOL_FAILED;
}


static int
setup_files(setup_t *setup)
{
    int           rc[6];
    size_t        i;
    tool_list_t   keys;
    const conf_t  *c;

    c = &setup->conf;
    keys.n = c->record_keys.n;
    memcpy(keys.item, c->record_keys.item, sizeof(c->record_keys.item));

    rc[0] = tool_keyring(&keys, &setup->ring) ? TOOL_DONE : TOOL_FAILED;
    rc[1] = setup_secret(c->smtp.password_file, &setup->smtp_password);
    rc[2] = setup_secret(c->sms.secret_file, &setup->sms_secret);
    rc[3] = setup_readable(c->smtp.cacert);
    rc[4] = setup_readable(c->sms.cacert);
    rc[5] = setup_readable(c->redis_password_file);

    for (i = 1; i < sizeof(rc) / sizeof(rc[0]); i++) {
        rc[0] = rc[i] > rc[0] ? rc[i] : rc[0];
    }

    return rc[0];
}


int
setup_read(const char *path, bool quiet, setup_t *setup)
{
    int          files, texts;
    char        *data;
    size_t       len;
    dmp_rc_t     rc;
    dmp_error_t  error;

    memset(setup, 0, sizeof(*setup));
    data = tool_read(path, CONF_FILE_MAX, &len);

    if (data == NULL) {
        return TOOL_FAILED;
    }

    rc = conf_parse((dmp_str_t) { data, len }, &setup->conf, &error);
    free(data);

    if (rc != DMP_OK) {
        return setup_wrong(path, &error);
    }

    files = setup_files(setup);
    texts = setup_texts(setup, quiet);

    return files > texts ? files : texts;
}


static void
setup_wipe(char *secret)
{
    if (secret != NULL) {
        OPENSSL_cleanse(secret, strlen(secret));
        free(secret);
    }
}


void
setup_free(setup_t *setup)
{
    size_t  i;

    for (i = 0; i < NOTICE_N; i++) {
        free(setup->texts[i].mail_file);
        free(setup->texts[i].sms_file);
    }

    setup_wipe(setup->smtp_password);
    setup_wipe(setup->sms_secret);
    conf_free(&setup->conf);
    OPENSSL_cleanse(setup, sizeof(*setup));
}
