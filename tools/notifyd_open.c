/*
 * notifyd_open.c: what a message says, and to whom.  Only here a seal is
 * opened; what was opened is wiped.  A notice says when, and where to look:
 * nothing of what happened, nor of who did it.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <dmp/dmp_entry.h>

#include "notifyd.h"


#define OPEN_SEALED_MAX  8192            /* of what a message carries */
#define OPEN_FIELD       "s"
#define OPEN_VERSION     1
#define OPEN_IDENTIFIER  "celui qui vous a été remis"


static void
open_free(void *p)
{
    if (p != NULL) {
        OPENSSL_cleanse(p, malloc_usable_size(p));
        free(p);
    }
}


static void *
open_realloc(void *p, size_t size)
{
    void    *q;
    size_t   old;

    q = malloc(size);

    if (q != NULL && p != NULL) {
        old = malloc_usable_size(p);
        memcpy(q, p, old < size ? old : size);
        open_free(p);
    }

    return q;
}


bool
memory_wiped(void)
{
    json_set_alloc_funcs(malloc, open_free);

    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, open_free,
                                open_realloc, strdup, calloc) == CURLE_OK;
}


/* The id that a message had first: a requeued one has it in "i". */
static void
open_first_id(const message_t *m, uint64_t *ms, uint64_t *n)
{
    if (!dmp_stream_id_parse(message_field(m, "i"), ms, n)) {
        *ms = m->ms;
        *n = m->n;
    }
}


void
message_token(const message_t *m, char out[64])
{
    uint64_t  ms, n;

    open_first_id(m, &ms, &n);
    (void) snprintf(out, 64, "dmp-%02u-%llu-%llu", m->bucket,
                    (unsigned long long) ms, (unsigned long long) n);
}


static result_t
open_why(notifyd_t *n, result_t result, const char *why)
{
    (void) snprintf(n->why, sizeof(n->why), "%s", why);

    return result;
}


/* A text of an object; empty: there is none. */
static dmp_str_t
open_text(const json_t *object, const char *name)
{
    const json_t  *text;

    text = json_object_get(object, name);

    return json_is_string(text)
           ? (dmp_str_t) { json_string_value(text), json_string_length(text) }
           : dmp_null_string;
}


static bool
open_is(dmp_str_t text, const char *word)
{
    return dmp_str_eq(text, (dmp_str_t) { word, strlen(word) });
}


/* Whether that channel was configured. */
static bool
open_channel(const notifyd_t *n, channel_t channel)
{
    return channel == CHANNEL_EMAIL ? n->mailer != NULL
           : channel == CHANNEL_SMS && n->texter != NULL;
}


/* The address in the form that its channel takes. */
static bool
open_address(const notifyd_t *n, channel_t channel, dmp_str_t address,
    outgoing_t *out)
{
    out->channel = channel;

    if (channel == CHANNEL_SMS) {
        return text_phone(address, n->setup.conf.sms.country, out->to);
    }

    if (channel != CHANNEL_EMAIL || !text_email(address)) {
        return false;
    }

    memcpy(out->to, address.data, address.len);
    out->to[address.len] = '\0';

    return true;
}


static void
open_fill(const notifyd_t *n, const message_t *m, outgoing_t *out,
    text_values_t *v)
{
    char                 day[16], clock[16];
    uint64_t             ms, id;
    dmp_buf_t            b;
    const conf_texts_t  *t;

    open_first_id(m, &ms, &id);
    out->at_ms = ms <= INT64_MAX ? (int64_t) ms : 0;
    message_token(m, out->id);

    dmp_buf_init(&b, day, sizeof(day));
    v->value[TEXT_DATE] = text_day(&b, out->at_ms)
                          ? (dmp_str_t) { day, b.len } : dmp_null_string;
    dmp_buf_init(&b, clock, sizeof(clock));
    v->value[TEXT_TIME] = text_clock(&b, out->at_ms)
                          ? (dmp_str_t) { clock, b.len } : dmp_null_string;
    v->value[TEXT_PLACE] = (dmp_str_t) { n->setup.conf.place,
                                         strlen(n->setup.conf.place) };

    t = &n->setup.texts[out->notice];
    text_fill(&out->subject, t->mail.subject, v);
    text_fill(&out->text, out->channel == CHANNEL_EMAIL ? t->mail.body
                                                        : t->sms, v);
}


/* Which text a kind has; of a code what it is for. */
static notice_t
open_notice(const message_t *m, const json_t *sealed)
{
    dmp_str_t  what;

    switch (m->kind) {

    case KIND_CODE:
        what = open_text(sealed, "for");

        return open_is(what, "sign-in") ? NOTICE_CODE_SIGN_IN
               : open_is(what, "recovery") ? NOTICE_CODE_RECOVERY
               : open_is(what, "contact") ? NOTICE_CODE_CONTACT : NOTICE_NONE;

    case KIND_PASSWORD:
        return NOTICE_PASSWORD;

    case KIND_FIRST_ACCESS:
        return NOTICE_FIRST_ACCESS;

    case KIND_EMERGENCY_ACCESS:
        return NOTICE_EMERGENCY_ACCESS;

    case KIND_DOCUMENT_ADDED:
        return NOTICE_DOCUMENT_ADDED;

    case KIND_RECORD_CREATED:
        return NOTICE_RECORD_CREATED;

    case KIND_RIGHTS_CHANGED:
        return NOTICE_RIGHTS_CHANGED;

    case KIND_PASSWORD_CHANGED:
        return NOTICE_PASSWORD_CHANGED;

    case KIND_CONTACT_CHANGED:
        return NOTICE_CONTACT_CHANGED;

    case KIND_EMERGENCY_CHANGED:
        return NOTICE_EMERGENCY_CHANGED;

    default:
        return NOTICE_NONE;
    }
}


/*
 * What is sealed, as an object to be freed; NULL: *result says what to do.  A
 * key may be missing for now; what opens and makes no sense never will.
 */
static json_t *
open_unseal(notifyd_t *n, dmp_str_t key, const char *field, uint64_t version,
    dmp_str_t sealed, result_t *result)
{
    char      *text;
    size_t     len;
    json_t    *object;
    dmp_rc_t   rc;

    *result = open_why(n, RESULT_LATER, "no memory");
    text = malloc(sealed.len + 1);
    if (text == NULL) {
        return NULL;
    }

    object = NULL;
    rc = dmp_unseal(&n->setup.ring, key,
                    (dmp_str_t) { field, strlen(field) }, version,
                    sealed.data, sealed.len, text, &len);

    if (rc != DMP_OK) {
        *result = open_why(n, RESULT_LATER,
                           "does not open with the record keys given");

    } else {
        object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

        if (!json_is_object(object)) {
            *result = open_why(n, RESULT_DEAD, "what is sealed is no object");
            json_decref(object);
            object = NULL;
        }

        OPENSSL_cleanse(text, len);
    }

    free(text);

    return object;
}


/* The parts of what a message carries, checked. */
static result_t
open_carried(notifyd_t *n, const message_t *m, const json_t *object,
    outgoing_t *out)
{
    json_t         *until;
    channel_t       channel;
    dmp_str_t       to;
    text_values_t   v;

    memset(&v, 0, sizeof(v));

    /* the seal is the outbox's: whose message it is stands inside */
    if (!dmp_str_eq(open_text(object, "p"), message_field(m, "p"))) {
        return open_why(n, RESULT_DEAD, "sealed for somebody else");
    }

    to = open_text(object, "channel");
    channel = open_is(to, "sms") ? CHANNEL_SMS
              : open_is(to, "email") ? CHANNEL_EMAIL : CHANNEL_NONE;
    to = open_text(object, "to");
    until = json_object_get(object, "until");
    out->channel = channel;
    out->notice = open_notice(m, object);

    if (channel == CHANNEL_NONE || out->notice == NOTICE_NONE || to.len == 0
        || !json_is_integer(until) || json_integer_value(until) < 0)
    {
        return open_why(n, RESULT_DEAD, "what is sealed is not complete");
    }

    out->until_ms = json_integer_value(until);

    /* a code without an end would be one for ever */
    if (m->kind == KIND_CODE && out->until_ms == 0) {
        return open_why(n, RESULT_DEAD, "a code without an end");
    }

    if (out->until_ms != 0 && tool_now_ms() >= out->until_ms) {
        return open_why(n, RESULT_EXPIRED, "expired");
    }

    if (!open_channel(n, channel)) {
        return open_why(n, RESULT_DEAD, channel == CHANNEL_SMS
                        ? "no channel for SMS" : "no channel for mail");
    }

    if (!open_address(n, channel, to, out)) {
        return open_why(n, RESULT_DEAD, "the address is none");
    }

    v.value[TEXT_CODE] = open_text(object, "code");
    v.value[TEXT_PASSWORD] = open_text(object, "password");
    v.value[TEXT_IDENTIFIER] = open_text(object, "identifier");

    if ((m->kind == KIND_CODE && v.value[TEXT_CODE].len == 0)
        || (m->kind == KIND_PASSWORD && v.value[TEXT_PASSWORD].len == 0))
    {
        return open_why(n, RESULT_DEAD, "what is sealed is not complete");
    }

    /* it may have been given by another way than the password */
    if (v.value[TEXT_IDENTIFIER].len == 0) {
        v.value[TEXT_IDENTIFIER] = dmp_string(OPEN_IDENTIFIER);
    }

    open_fill(n, m, out, &v);
    OPENSSL_cleanse(&v, sizeof(v));

    return RESULT_SENT;
}


/* A kind that carries something, which is all that is needed. */
static result_t
open_secret(notifyd_t *n, const message_t *m, outgoing_t *out)
{
    char       key[DMP_KEY_NAME_MAX];
    size_t     len;
    json_t    *object;
    result_t   result;
    dmp_str_t  sealed;

    sealed = message_field(m, OPEN_FIELD);

    if (sealed.len == 0 || sealed.len > OPEN_SEALED_MAX) {
        return open_why(n, RESULT_DEAD, "nothing is sealed in it");
    }

    len = dmp_key_name(key, m->bucket, "outbox", dmp_null_string);
    object = open_unseal(n, (dmp_str_t) { key, len }, OPEN_FIELD,
                         OPEN_VERSION, sealed, &result);
    if (object == NULL) {
        return result;
    }

    result = open_carried(n, m, object, out);
    json_decref(object);

    return result;
}


/* The channel that the patient prefers, or the other if it alone can be had. */
static result_t
open_contact(notifyd_t *n, const message_t *m, const json_t *record,
    outgoing_t *out)
{
    bool            some;
    unsigned        i;
    channel_t       channel;
    dmp_str_t       address;
    const json_t   *contact;
    text_values_t   v;

    if (!open_is(open_text(record, "status"), "open")) {
        return open_why(n, RESULT_NOBODY, "the record is closed");
    }

    contact = json_object_get(record, "contact");
    channel = open_is(open_text(contact, "prefer"), "sms") ? CHANNEL_SMS
                                                           : CHANNEL_EMAIL;
    some = false;

    for (i = 0; i < 2; i++) {
        address = open_text(contact, channel == CHANNEL_SMS ? "phone"
                                                            : "email");
        if (address.len != 0) {
            some = true;

            if (open_channel(n, channel)
                && open_address(n, channel, address, out))
            {
                memset(&v, 0, sizeof(v));
                out->notice = open_notice(m, NULL);
                open_fill(n, m, out, &v);

                return RESULT_SENT;
            }
        }

        channel = channel == CHANNEL_SMS ? CHANNEL_EMAIL : CHANNEL_SMS;
    }

    out->channel = CHANNEL_NONE;

    return some ? open_why(n, RESULT_DEAD,
                           "no address that a channel of ours reaches")
                : open_why(n, RESULT_NOBODY, "no address");
}


/* "v" and "d" of the record as it is now; NULL: the store did not answer. */
static redisReply *
open_ask(notifyd_t *n, dmp_str_t key)
{
    redisReply    *r;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, key.data, key.len);
    store_text(&args, "v");
    store_text(&args, "d");
    r = store_call(&n->store, &args);

    if (r != NULL && (r->type != REDIS_REPLY_ARRAY || r->elements != 2)) {
        tool_error("store: HMGET: unexpected answer");
        freeReplyObject(r);
        r = NULL;
    }

    return r;
}


/* A kind that carries nothing: the record says where its holder is reached. */
static result_t
open_record(notifyd_t *n, const message_t *m, outgoing_t *out, bool *lost)
{
    char               name[DMP_KEY_NAME_MAX];
    char              *end;
    json_t            *record;
    result_t           result;
    uint64_t           version;
    dmp_str_t          key;
    redisReply        *r;
    const redisReply  *v, *d;

    key.data = name;
    key.len = dmp_key_name(name, m->bucket, "rec", message_field(m, "p"));
    r = open_ask(n, key);

    if (r == NULL) {
        *lost = true;
        return RESULT_LATER;
    }

    v = r->element[0];
    d = r->element[1];

    if (v->type == REDIS_REPLY_NIL && d->type == REDIS_REPLY_NIL) {
        result = open_why(n, RESULT_NOBODY, "there is no record");

    } else if (v->type != REDIS_REPLY_STRING || d->type != REDIS_REPLY_STRING
               || (version = strtoull(v->str, &end, 10)) == 0 || *end != '\0')
    {
        result = open_why(n, RESULT_LATER, "half a record");

    } else {
        record = open_unseal(n, key, DMP_RECORD_FIELD, version,
                             (dmp_str_t) { d->str, d->len }, &result);
        if (record != NULL) {
            result = open_contact(n, m, record, out);
            json_decref(record);
        }
    }

    freeReplyObject(r);

    return result;
}


result_t
message_open(notifyd_t *n, const message_t *m, outgoing_t *out, bool *lost)
{
    result_t   result;
    dmp_str_t  p;

    memset(out, 0, sizeof(*out));
    dmp_buf_init(&out->subject, out->subject_data, sizeof(out->subject_data));
    dmp_buf_init(&out->text, out->text_data, sizeof(out->text_data));
    *lost = false;
    p = message_field(m, "p");

    if (m->kind == KIND_UNKNOWN) {
        return open_why(n, RESULT_DEAD, "of a kind unknown to this version");
    }

    if (p.len != DMP_PSEUDONYM_LEN
        || dmp_bucket(p.data, n->store.buckets) != m->bucket)
    {
        return open_why(n, RESULT_DEAD, "of nobody in this bucket");
    }

    switch (m->kind) {

    case KIND_CODE:
    case KIND_PASSWORD:
    case KIND_PASSWORD_CHANGED:
    case KIND_CONTACT_CHANGED:
    case KIND_EMERGENCY_CHANGED:
        result = open_secret(n, m, out);
        break;

    default:
        result = open_record(n, m, out, lost);
        break;
    }

    if (result == RESULT_SENT && (out->text.full || out->subject.full)) {
        result = open_why(n, RESULT_DEAD, "too long once it is filled in");
    }

    return result;
}


void
message_close(outgoing_t *out)
{
    OPENSSL_cleanse(out, sizeof(*out));
}
