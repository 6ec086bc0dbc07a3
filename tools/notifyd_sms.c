/*
 * notifyd_sms.c: a message as an SMS, by one POST to a provider on libcurl, in
 * the form that the configuration describes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "notifyd.h"
#include "notifyd_transfer.h"


#define SMS_BODY_MAX    32768
#define SMS_HEADER_MAX  (CONF_SECRET_MAX + 1024)

struct texter_s {
    CURL           *curl;
    const setup_t  *setup;
};


/* What a provider says beside its status is not looked at. */
static size_t
sms_ignore(char *data, size_t one, size_t n, void *to)
{
    (void) data;
    (void) to;

    return one * n;
}


static bool
sms_setup(texter_t *texter)
{
    CURL              *curl;
    const conf_sms_t  *c;

    c = &texter->setup->conf.sms;
    curl = texter->curl;

    return curl_easy_setopt(curl, CURLOPT_URL, c->url) == CURLE_OK
           && transfer_setup(curl, "http,https", c->cacert, c->timeout_ms)
           && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_USERAGENT, "dmp-notifyd")
              == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sms_ignore)
              == CURLE_OK;
}


texter_t *
texter_create(const setup_t *setup)
{
    texter_t  *texter;

    texter = calloc(1, sizeof(*texter));

    if (texter != NULL) {
        texter->setup = setup;
        texter->curl = curl_easy_init();
    }

    if (texter == NULL || texter->curl == NULL || !sms_setup(texter)) {
        tool_error("no client could be made for SMS");
        texter_free(texter);
        return NULL;
    }

    return texter;
}


void
texter_free(texter_t *texter)
{
    if (texter != NULL) {
        curl_easy_cleanup(texter->curl);
        free(texter);
    }
}


static bool
sms_append(struct curl_slist **list, const char *header)
{
    struct curl_slist  *longer;

    longer = curl_slist_append(*list, header);

    if (longer != NULL) {
        *list = longer;
    }

    return longer != NULL;
}


/* One header: its name, and a text filled in, one line each. */
static bool
sms_header(struct curl_slist **list, const char *name, dmp_str_t text,
    const text_values_t *v)
{
    char       line[SMS_HEADER_MAX];
    bool       ok;
    dmp_buf_t  b;

    dmp_buf_init(&b, line, sizeof(line) - 1);
    dmp_buf_text(&b, name);
    dmp_buf_text(&b, ": ");
    text_fill(&b, text, v);
    line[b.len] = '\0';
    ok = !b.full && strpbrk(line, "\r\n") == NULL && sms_append(list, line);
    OPENSSL_cleanse(line, sizeof(line));

    return ok;
}


/* All of them; the ones of ours unless the configuration has its own. */
static bool
sms_headers(const conf_sms_t *c, const text_values_t *v,
    struct curl_slist **list)
{
    bool         ok, type, key;
    json_t      *value;
    const char  *name;

    ok = sms_append(list, "Expect:");
    type = false;
    key = false;

    json_object_foreach(c->headers, name, value) {
        type = type || strcasecmp(name, "Content-Type") == 0;
        key = key || strcasecmp(name, "Idempotency-Key") == 0;
        ok = ok && sms_header(list, name,
                              (dmp_str_t) { json_string_value(value),
                                            json_string_length(value) }, v);
    }

    if (!type) {
        ok = ok && sms_append(list, c->json != NULL
                              ? "Content-Type: application/json"
                              : "Content-Type: "
                                "application/x-www-form-urlencoded");
    }

    if (!key) {
        ok = ok && sms_header(list, "Idempotency-Key", dmp_string("{id}"), v);
    }

    return ok;
}


/* A form's members; what is filled in is encoded with all the rest. */
static bool
sms_form(const json_t *form, const text_values_t *v, dmp_buf_t *b)
{
    void       *at;
    char       *text;
    json_t     *from, *value;
    dmp_buf_t   t;

    /* jansson's readers take no const */
    from = (json_t *) (uintptr_t) form;
    text = malloc(SMS_BODY_MAX);
    if (text == NULL) {
        return false;
    }

    for (at = json_object_iter(from); at != NULL;
         at = json_object_iter_next(from, at))
    {
        value = json_object_iter_value(at);
        dmp_buf_init(&t, text, SMS_BODY_MAX);
        text_fill(&t, (dmp_str_t) { json_string_value(value),
                                    json_string_length(value) }, v);

        if (b->len != 0) {
            dmp_buf_text(b, "&");
        }

        text_form(b, (dmp_str_t) { json_object_iter_key(at),
                                   strlen(json_object_iter_key(at)) });
        dmp_buf_text(b, "=");
        text_form(b, (dmp_str_t) { t.data, t.len });
        b->full = b->full || t.full;
    }

    OPENSSL_cleanse(text, SMS_BODY_MAX);
    free(text);

    return !b->full;
}


/* The request's body, SMS_BODY_MAX bytes at most, to be wiped. */
static bool
sms_body(const conf_sms_t *c, const text_values_t *v, char *body, size_t *len)
{
    bool        ok;
    char       *text;
    json_t     *json;
    dmp_buf_t   b;

    dmp_buf_init(&b, body, SMS_BODY_MAX);

    if (c->form != NULL) {
        ok = sms_form(c->form, v, &b);

    } else {
        json = text_json(c->json, v);
        text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY)
                            : NULL;
        ok = text != NULL;

        if (ok) {
            dmp_buf_text(&b, text);
            OPENSSL_cleanse(text, strlen(text));
            ok = !b.full;
        }

        free(text);
        json_decref(json);
    }

    *len = b.len;

    return ok;
}


static bool
sms_expected(const conf_sms_t *c, long status)
{
    size_t  i;

    for (i = 0; i < c->n_expect; i++) {
        if (c->expect[i] == status) {
            return true;
        }
    }

    return c->n_expect == 0 && status >= 200 && status <= 299;
}


/*
 * 4xx says that this request is wrong, which the next one would be too; but
 * for those that tell of our account or of the server's state.
 */
static result_t
sms_result(const conf_sms_t *c, CURLcode rc, long status, char *why)
{
    if (rc != CURLE_OK) {
        (void) snprintf(why, 96, "sms: %s", curl_easy_strerror(rc));
        return RESULT_CHANNEL;
    }

    if (sms_expected(c, status)) {
        return RESULT_SENT;
    }

    (void) snprintf(why, 96, "sms: http %ld", status);

    switch (status) {

    case 401:
    case 402:
    case 403:
    case 407:
    case 408:
    case 421:
    case 425:
    case 429:
        return RESULT_CHANNEL;

    default:
        return status >= 400 && status <= 499 ? RESULT_DEAD : RESULT_CHANNEL;
    }
}


/* Everything is ready: asks, and reads what the answer was. */
static result_t
sms_post(texter_t *texter, const char *body, size_t len,
    struct curl_slist *headers, char *why, int64_t *asked_ms)
{
    CURL        *curl;
    long         status;
    CURLcode     rc;
    curl_off_t   after;

    curl = texter->curl;
    status = 0;
    after = 0;

    if (curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) len) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) != CURLE_OK)
    {
        return RESULT_LATER;
    }

    rc = curl_easy_perform(curl);

    if (rc == CURLE_OK
        && (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status)
            != CURLE_OK
            || curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after)
               != CURLE_OK))
    {
        rc = CURLE_WEIRD_SERVER_REPLY;
    }

    *asked_ms = after > 0 && after < 86400 ? (int64_t) after * 1000 : 0;

    return sms_result(&texter->setup->conf.sms, rc, status, why);
}


result_t
texter_send(texter_t *texter, const outgoing_t *out, char *why,
    int64_t *asked_ms)
{
    char               *body;
    size_t              len;
    result_t            result;
    text_values_t       v;
    const char         *secret;
    struct curl_slist  *headers;

    *asked_ms = 0;
    (void) snprintf(why, 96, "no memory");
    body = malloc(SMS_BODY_MAX);
    if (body == NULL) {
        return RESULT_LATER;
    }

    secret = texter->setup->sms_secret != NULL ? texter->setup->sms_secret
                                               : "";
    memset(&v, 0, sizeof(v));
    v.value[TEXT_TO] = (dmp_str_t) { out->to, strlen(out->to) };
    v.value[TEXT_TEXT] = (dmp_str_t) { out->text.data, out->text.len };
    v.value[TEXT_ID] = (dmp_str_t) { out->id, strlen(out->id) };
    v.value[TEXT_SECRET] = (dmp_str_t) { secret, strlen(secret) };

    headers = NULL;
    result = RESULT_LATER;

    if (sms_headers(&texter->setup->conf.sms, &v, &headers)
        && sms_body(&texter->setup->conf.sms, &v, body, &len))
    {
        result = sms_post(texter, body, len, headers, why, asked_ms);
    }

    /* neither fails: what was theirs is freed below */
    (void) curl_easy_setopt(texter->curl, CURLOPT_HTTPHEADER, NULL);
    (void) curl_easy_setopt(texter->curl, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    OPENSSL_cleanse(body, SMS_BODY_MAX);
    free(body);

    return result;
}
