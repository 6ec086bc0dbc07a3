/*
 * notifyd_mail.c: a message as a mail, by SMTP on libcurl.  What went wrong is
 * told by the command that failed and its answer's number: neither holds the
 * address.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "notifyd.h"
#include "notifyd_transfer.h"


#define MAIL_MAX  (TEXT_FILE_MAX * 8)

/* How far a try came. */
typedef enum {
    MAIL_CONNECT = 0,                    /* also TLS, and signing in */
    MAIL_FROM,
    MAIL_TO,
    MAIL_DATA,
    MAIL_TEXT
} mail_phase_t;

struct mailer_s {
    CURL            *curl;
    const setup_t   *setup;
    mail_phase_t     phase;
    size_t           sent;
    dmp_buf_t        mail;
    char             data[MAIL_MAX];
};


/* Only the verbs of commands are looked at; what is read stays here. */
static int
mail_watch(CURL *curl, curl_infotype type, char *data, size_t len, void *to)
{
    mailer_t  *mailer;

    (void) curl;
    mailer = to;

    if (type == CURLINFO_HEADER_OUT) {
        if (len >= 5 && memcmp(data, "MAIL ", 5) == 0) {
            mailer->phase = MAIL_FROM;

        } else if (len >= 5 && memcmp(data, "RCPT ", 5) == 0) {
            mailer->phase = MAIL_TO;

        } else if (len >= 4 && memcmp(data, "DATA", 4) == 0) {
            mailer->phase = MAIL_DATA;
        }
    }

    return 0;
}


static size_t
mail_read(char *out, size_t one, size_t n, void *from)
{
    mailer_t  *mailer;

    mailer = from;
    n *= one;                            /* one is 1 */

    if (n > mailer->mail.len - mailer->sent) {
        n = mailer->mail.len - mailer->sent;
    }

    mailer->phase = MAIL_TEXT;
    memcpy(out, mailer->mail.data + mailer->sent, n);
    mailer->sent += n;

    return n;
}


/* A client with the headers of one host, that stays connected. */
static bool
mail_url(mailer_t *mailer)
{
    char                url[1024];
    int                 n;
    const char         *hello;
    const conf_smtp_t  *c;

    c = &mailer->setup->conf.smtp;
    hello = c->hello != NULL ? c->hello : strchr(c->from, '@') + 1;
    n = snprintf(url, sizeof(url), "%s://%s:%lld/%s",
                 c->tls == CONF_TLS ? "smtps" : "smtp", c->host,
                 (long long) c->port, hello);

    return n > 0 && (size_t) n < sizeof(url)
           && curl_easy_setopt(mailer->curl, CURLOPT_URL, url) == CURLE_OK;
}


/* Of what a server offers, these alone: others are no better under TLS. */
static bool
mail_login(mailer_t *mailer)
{
    CURL               *curl;
    const char         *how;
    const conf_smtp_t  *c;

    c = &mailer->setup->conf.smtp;
    curl = mailer->curl;

    if (c->user == NULL) {
        return true;
    }

    how = c->auth_word == NULL ? "AUTH=PLAIN;AUTH=LOGIN"
          : strcmp(c->auth_word, "plain") == 0 ? "AUTH=PLAIN" : "AUTH=LOGIN";

    return curl_easy_setopt(curl, CURLOPT_USERNAME, c->user) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_PASSWORD,
                               mailer->setup->smtp_password) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, how) == CURLE_OK;
}


static bool
mail_setup(mailer_t *mailer)
{
    CURL               *curl;
    const conf_smtp_t  *c;

    c = &mailer->setup->conf.smtp;
    curl = mailer->curl;

    return transfer_setup(curl, "smtp,smtps", c->cacert, c->timeout_ms)
           && curl_easy_setopt(curl, CURLOPT_USE_SSL,
                               c->tls == CONF_PLAIN ? (long) CURLUSESSL_NONE
                                                    : (long) CURLUSESSL_ALL)
              == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_MAIL_FROM, c->from) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_READFUNCTION, mail_read)
              == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_READDATA, mailer) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, mail_watch)
              == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_DEBUGDATA, mailer) == CURLE_OK
           && mail_url(mailer) && mail_login(mailer);
}


mailer_t *
mailer_create(const setup_t *setup)
{
    mailer_t  *mailer;

    mailer = calloc(1, sizeof(*mailer));

    if (mailer != NULL) {
        mailer->setup = setup;
        mailer->curl = curl_easy_init();
    }

    if (mailer == NULL || mailer->curl == NULL || !mail_setup(mailer)) {
        tool_error("no client could be made for mail");
        mailer_free(mailer);
        return NULL;
    }

    return mailer;
}


void
mailer_free(mailer_t *mailer)
{
    if (mailer != NULL) {
        curl_easy_cleanup(mailer->curl);
        OPENSSL_cleanse(mailer->data, sizeof(mailer->data));
        free(mailer);
    }
}


/* The same bytes at each try: its date is that of what it tells. */
static bool
mail_compose(mailer_t *mailer, const outgoing_t *out)
{
    dmp_buf_t          *b;
    const conf_smtp_t  *c;

    b = &mailer->mail;
    c = &mailer->setup->conf.smtp;
    dmp_buf_init(b, mailer->data, sizeof(mailer->data));

    dmp_buf_text(b, "Date: ");
    (void) text_mail_date(b, out->at_ms);    /* it does not fit: b->full */
    dmp_buf_text(b, "\r\nFrom: ");

    if (c->from_name != NULL) {
        text_header(b, (dmp_str_t) { c->from_name, strlen(c->from_name) });
        dmp_buf_text(b, "\r\n ");
    }

    dmp_buf_text(b, "<");
    dmp_buf_text(b, c->from);
    dmp_buf_text(b, ">\r\nTo: <");
    dmp_buf_text(b, out->to);
    dmp_buf_text(b, ">\r\nMessage-ID: <");
    dmp_buf_text(b, out->id);
    dmp_buf_text(b, strchr(c->from, '@'));
    dmp_buf_text(b, ">\r\nSubject: ");
    text_header(b, (dmp_str_t) { out->subject.data, out->subject.len });
    dmp_buf_text(b, "\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: quoted-printable\r\n"
                 "Content-Language: fr\r\n"
                 "Auto-Submitted: auto-generated\r\n\r\n");
    text_quoted(b, (dmp_str_t) { out->text.data, out->text.len });

    return !b->full;
}


/*
 * 5xx to the recipient or to the mail itself is final; whatever else goes
 * wrong before is nothing of this message's.
 */
static result_t
mail_result(const mailer_t *mailer, CURLcode rc, long status, char *why)
{
    static const char *const  phases[] = {
        "before MAIL", "at MAIL", "at RCPT", "at DATA", "after DATA"
    };

    if (rc == CURLE_OK) {
        return RESULT_SENT;
    }

    if (status >= 400 && status <= 599) {
        (void) snprintf(why, 96, "smtp %ld %s", status,
                        phases[mailer->phase]);

    } else {
        (void) snprintf(why, 96, "smtp: %s, %s", curl_easy_strerror(rc),
                        phases[mailer->phase]);
    }

    if (mailer->phase < MAIL_TO || status < 400 || status > 599
        || status == 421)
    {
        return RESULT_CHANNEL;
    }

    return status >= 500 ? RESULT_DEAD : RESULT_LATER;
}


result_t
mailer_send(mailer_t *mailer, const outgoing_t *out, char *why)
{
    char                to[TEXT_EMAIL_MAX + 4];
    long                status;
    CURLcode            rc;
    result_t            result;
    struct curl_slist  *list;

    mailer->phase = MAIL_CONNECT;
    mailer->sent = 0;
    status = 0;
    (void) snprintf(why, 96, "no memory");
    (void) snprintf(to, sizeof(to), "<%s>", out->to);
    list = curl_slist_append(NULL, to);

    if (!mail_compose(mailer, out)) {
        (void) snprintf(why, 96, "too long for a mail");
        result = RESULT_DEAD;

    } else if (list == NULL
               || curl_easy_setopt(mailer->curl, CURLOPT_MAIL_RCPT, list)
                  != CURLE_OK)
    {
        result = RESULT_LATER;

    } else {
        rc = curl_easy_perform(mailer->curl);

        if (curl_easy_getinfo(mailer->curl, CURLINFO_RESPONSE_CODE, &status)
            != CURLE_OK)
        {
            status = 0;
        }

        result = mail_result(mailer, rc, status, why);
    }

    /* NULL cannot fail: the list is not its any more */
    (void) curl_easy_setopt(mailer->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(list);
    OPENSSL_cleanse(mailer->data, sizeof(mailer->data));
    OPENSSL_cleanse(to, sizeof(to));

    return result;
}
