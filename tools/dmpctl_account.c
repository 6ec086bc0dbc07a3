/*
 * dmpctl_account.c: accounts at the counter: of records that were imported, and
 * of who has lost password and contact.  What is done is traced first, in the
 * history of whose account it is; no command ever tells what is kept of a
 * password.
 */

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "account.h"


#define ACCOUNT_TRIES  5                 /* where others write the same one */
#define ACCOUNT_LINE   512               /* bytes of an answer */


/* -------------------------------------------------------------- the holder */

/* Who is written to; TOOL_NO: a password is to be delivered, and to nobody. */
static int
holder_contact(counter_t *a, const record_held_t *held)
{
    dmp_contact_t  contact;

    if (!dmp_record_contact(held->json, held->len, a->room, &contact)) {
        tool_error("the record's contact cannot be read");
        return TOOL_FAILED;
    }

    a->channel = dmp_contact_channel(&contact, DMP_CONTACT_NONE, &a->to);

    if (a->channel == DMP_CONTACT_NONE && a->deliver) {
        tool_error("there is no address on record to deliver to: nothing was "
                   "done");
        return TOOL_NO;
    }

    return TOOL_DONE;
}


/*
 * The record that the account is of; a new one must be of an open one.  TOOL_NO
 * after a complaint: nothing can be done for it.
 */
static int
holder_record(counter_t *a, bool create)
{
    int            rc;
    bool           is_open;
    dmp_error_t    error;
    dmp_record_t  *record;
    record_held_t  held;

    if (!record_get(&a->tool, &a->keys, &held)) {
        return TOOL_FAILED;
    }

    if (held.version == 0) {
        tool_error(create ? "there is no record of that INS"
                          : "the record of this account is there no more");
        return TOOL_NO;
    }

    rc = TOOL_FAILED;

    if (dmp_record_parse(held.json, held.len, &record, &error) != DMP_OK) {
        tool_error("the record %.*s: %s", (int) a->keys.rec_len, a->keys.rec,
                   error.text);

    } else {
        is_open = record->open;
        dmp_record_free(record);
        rc = TOOL_DONE;

        if (create && !is_open) {
            tool_error("the record is closed");
            rc = TOOL_NO;
        }
    }

    /* of a password that is replaced its holder hears in either case */
    if (rc == TOOL_DONE && (a->deliver || !create)) {
        rc = holder_contact(a, &held);
    }

    record_wipe(held.json, held.len);

    return rc;
}


/* A temporary password, and what is kept of it. */
static bool
holder_password(counter_t *a)
{
    a->account.temporary = true;

    if (dmp_temporary_make(a->password)
        && RAND_bytes(a->account.salt, DMP_SCRYPT_SALT) == 1
        && dmp_scrypt((dmp_str_t) { a->password, DMP_TEMPORARY_LEN },
                      a->account.salt, a->account.hash))
    {
        return true;
    }

    tool_error("no password could be made");

    return false;
}


/*
 * The message that brings the password, or says that there is another one; the
 * identifier never comes by the same channel.
 */
static bool
holder_message(counter_t *a)
{
    char            text[DMP_MESSAGE_MAX], outbox[DMP_KEY_NAME_MAX];
    size_t          len;
    dmp_rc_t        rc;
    dmp_buf_t       b;
    dmp_message_t   message;

    if (a->channel == DMP_CONTACT_NONE) {
        return true;
    }

    memset(&message, 0, sizeof(message));
    message.patient = (dmp_str_t) { a->keys.pseudonym, DMP_PSEUDONYM_LEN };
    message.channel = a->channel;
    message.to = a->to;

    if (a->deliver) {
        message.password = (dmp_str_t) { a->password, DMP_TEMPORARY_LEN };
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_message_write(&b, &message);
    len = dmp_key_name(outbox, a->keys.bucket, "outbox", dmp_null_string);

    a->told.data = a->message;
    rc = b.full ? DMP_E_LIMIT
                : dmp_seal(&a->tool.ring, (dmp_str_t) { outbox, len },
                           dmp_string(DMP_MESSAGE_FIELD), 1, b.data, b.len,
                           a->message, &a->told.len);

    OPENSSL_cleanse(text, sizeof(text));

    if (rc != DMP_OK) {
        tool_error("the message could not be sealed");
    }

    return rc == DMP_OK;
}


/*
 * The entry of what is about to be done, which ends the sessions and sends the
 * message; where it does not stand nothing is done.
 */
static int
holder_trace(counter_t *a, dmp_operation_t operation, bool ends, bool tells)
{
    dmp_request_t     request;
    dmp_decision_t    decision;
    record_change_t   change;

    memset(&request, 0, sizeof(request));
    memset(&decision, 0, sizeof(decision));
    memset(&change, 0, sizeof(change));

    request.mapping = DMP_MAPPING_ONE;
    request.operation = operation;
    request.mode = DMP_MODE_NORMAL;
    request.route = a->route;
    decision.effect = DMP_ALLOW;
    decision.rule = DMP_RULE_E1;

    change.request = &request;
    change.decision = &decision;
    change.ends_sessions = ends;

    if (tells && a->told.len != 0) {
        change.notice = a->deliver ? "password" : "password-changed";
        change.told = a->told;
    }

    return record_session(&a->tool, &a->keys, &change);
}


/*
 * A sign-in that had read the account as it was may have opened a session
 * since: what was begun before is over when the deadline has passed, and what
 * it left ends here.
 */
static int
holder_settle(counter_t *a, dmp_operation_t operation)
{
    int     rc;
    size_t  left;

    (void) clock_gettime(CLOCK_MONOTONIC, &a->tool.heard);    /* cannot fail */
    record_wait(&a->tool);

    rc = account_sessions(a, &left) ? TOOL_DONE : TOOL_FAILED;

    if (rc == TOOL_DONE && left != 0) {
        rc = holder_trace(a, operation, true, false);
    }

    if (rc != TOOL_DONE) {
        tool_error("it was done; whether a session was opened meanwhile is "
                   "not known, so that it should be repeated");
    }

    return rc;
}


/* ------------------------------------------------------------ the commands */

/* Under an identifier that nobody has. */
static int
create_put(counter_t *a)
{
    int       rc;
    unsigned  i;

    rc = ACCOUNT_STALE;

    for (i = 0; i < ACCOUNT_TRIES && rc == ACCOUNT_STALE; i++) {

        if (!dmp_identifier_make(a->identifier)) {
            tool_error("no identifier could be made");
            return TOOL_FAILED;
        }

        rc = account_name(a) ? account_put(a) : TOOL_FAILED;
    }

    if (rc == TOOL_DONE) {
        return rc;
    }

    tool_error("whether the account %.*s was made is not known: remove it, and "
               "begin anew", DMP_IDENTIFIER_LEN, a->identifier);

    return TOOL_FAILED;
}


static int
create_run(counter_t *a)
{
    int  rc;

    rc = holder_record(a, true);

    if (rc != TOOL_DONE) {
        return rc;
    }

    if (!holder_password(a) || !holder_message(a)
        || !commit_begin(&a->tool.commit))
    {
        return TOOL_FAILED;
    }

    rc = holder_trace(a, DMP_OPERATION_PASSWORD, false, true);

    return rc == TOOL_DONE ? create_put(a) : rc;
}


/* Over whatever version there is: what was chosen meanwhile does not stay. */
static int
reset_put(counter_t *a)
{
    int            rc;
    unsigned       i;
    dmp_account_t  made;

    made = a->account;
    rc = account_put(a);

    for (i = 1; i < ACCOUNT_TRIES && rc == ACCOUNT_STALE; i++) {
        rc = account_get(a);

        if (rc == TOOL_NO) {
            tool_error("the account was removed meanwhile");
            break;
        }

        memcpy(made.channel, a->account.channel, sizeof(made.channel));
        a->account = made;
        rc = rc == TOOL_DONE ? account_put(a) : rc;
    }

    OPENSSL_cleanse(&made, sizeof(made));

    if (rc == TOOL_DONE || rc == TOOL_NO) {
        return rc;
    }

    tool_error("whether the password was replaced is not known; it may be "
               "repeated");

    return TOOL_FAILED;
}


static int
reset_run(counter_t *a)
{
    int  rc;

    rc = holder_record(a, false);

    if (rc != TOOL_DONE) {
        return rc;
    }

    if (!holder_password(a) || !holder_message(a)
        || !commit_begin(&a->tool.commit))
    {
        return TOOL_FAILED;
    }

    rc = holder_trace(a, DMP_OPERATION_PASSWORD, true, true);

    if (rc == TOOL_DONE) {
        rc = reset_put(a);
    }

    return rc == TOOL_DONE ? holder_settle(a, DMP_OPERATION_PASSWORD) : rc;
}


static int
remove_run(counter_t *a)
{
    int  rc;

    if (!commit_begin(&a->tool.commit)) {
        return TOOL_FAILED;
    }

    rc = holder_trace(a, DMP_OPERATION_SIGN_OUT, true, false);

    if (rc != TOOL_DONE) {
        return rc;
    }

    if (account_remove(a) != TOOL_DONE) {
        tool_error("whether the account was removed is not known; it may be "
                   "repeated");
        return TOOL_FAILED;
    }

    return holder_settle(a, DMP_OPERATION_SIGN_OUT);
}


static int
show_run(counter_t *a)
{
    size_t  sessions;

    if (!account_sessions(a, &sessions)) {
        return TOOL_FAILED;
    }

    if (a->json) {
        printf("{\"exists\":true,\"patient\":\"%.*s\",\"temporary\":%s,"
               "\"sessions\":%zu}\n", DMP_PSEUDONYM_LEN, a->keys.pseudonym,
               a->account.temporary ? "true" : "false", sessions);

    } else {
        printf("patient    %.*s\npassword   %s\nsessions   %zu\n",
               DMP_PSEUDONYM_LEN, a->keys.pseudonym,
               a->account.temporary ? "temporary" : "the holder's own",
               sessions);
    }

    return TOOL_DONE;
}


/* ------------------------------------------------------------ what is said */

/* Once: it is kept nowhere. */
static void
say_password(const counter_t *a)
{
    char       hint[ACCOUNT_LINE];
    dmp_buf_t  b;

    if (!a->deliver) {
        printf(a->json ? "{\"identifier\":\"%.*s\","
                         "\"temporary_password\":\"%.*s\"}\n"
                       : "identifier          %.*s\ntemporary password  %.*s\n",
               DMP_IDENTIFIER_LEN, a->identifier, DMP_TEMPORARY_LEN,
               a->password);
        return;
    }

    dmp_buf_init(&b, hint, sizeof(hint));
    dmp_contact_hint(&b, a->channel, a->to);

    printf(a->json ? "{\"identifier\":\"%.*s\",\"channel\":\"%s\","
                     "\"sent_to\":\"%.*s\"}\n"
                   : "identifier          %.*s\ntemporary password  by %s, to "
                     "%.*s\n",
           DMP_IDENTIFIER_LEN, a->identifier,
           dmp_contact_channel_name(a->channel), (int) b.len, b.data);
}


static void
say_removed(const counter_t *a)
{
    printf(a->json ? "{\"identifier\":\"%.*s\",\"removed\":true}\n"
                   : "removed: the account %.*s\n", DMP_IDENTIFIER_LEN,
           a->identifier);
}


/* The last signature, and then what was done. */
static int
counter_end(counter_t *a, int rc, void (*say)(const counter_t *a))
{
    bool  signed_off;

    if (a->tool.commit.writer == NULL) {
        return rc;
    }

    signed_off = commit_end(&a->tool.commit);

    if (rc != TOOL_DONE) {
        return rc;
    }

    say(a);

    if (!signed_off) {
        tool_error("the trace's last signature could not be written");
        return TOOL_FAILED;
    }

    return TOOL_DONE;
}


/* The account of the identifier that was given. */
static int
counter_account(counter_t *a)
{
    int  rc;

    if (!account_name(a)) {
        return TOOL_FAILED;
    }

    rc = account_get(a);

    if (rc == TOOL_NO) {
        if (a->json) {
            printf("{\"exists\":false}\n");

        } else {
            tool_error("there is no account of that identifier");
        }
    }

    return rc;
}


/* ----------------------------------------------------------- command lines */

typedef struct {
    const char  *name;
    bool         ins;                    /* by INS, not by identifier */
    bool         reads;                  /* it changes nothing */
    bool         delivers;
    int        (*run)(counter_t *a);
    void       (*say)(const counter_t *a);
} counter_verb_t;

static const counter_verb_t  counter_verbs[] = {
    { "create", true,  false, true,  create_run, say_password },
    { "reset",  false, false, true,  reset_run,  say_password },
    { "remove", false, false, false, remove_run, say_removed },
    { "show",   false, true,  false, show_run,   NULL },
    { NULL,     false, false, false, NULL,       NULL }
};


/* The one word that each of them takes; false after a complaint. */
static bool
counter_word(counter_t *a, const counter_verb_t *verb,
    const tool_list_t *words, dmp_str_t *ins)
{
    dmp_str_t  word;

    *ins = dmp_null_string;

    if (words->n != 1) {
        tool_error("\"account %s\" takes an %s", verb->name,
                   verb->ins ? "INS" : "identifier");
        return false;
    }

    word.data = words->item[0];
    word.len = strlen(word.data);

    if (!verb->ins) {
        if (!dmp_identifier_read(word, a->identifier)) {
            tool_error("that is no identifier: one or two characters of it "
                       "are wrong");
            return false;
        }

        return true;
    }

    *ins = word;

    if (!dmp_ins_valid(*ins, false)) {
        tool_error("that is not an INS");
        return false;
    }

    return true;
}


static bool
counter_options(counter_t *a, const counter_verb_t *verb, int argc,
    char **argv, tool_list_t *words)
{
    const tool_option_t  reading[] = {
        STORE_OPTIONS(a->options.where),
        { "--record-key",    NULL,        NULL, &a->options.keys },
        { "--pseudonym-key", NULL,        &a->options.pseudonym, NULL },
        { "--json",          &a->json,    NULL, NULL },
        { NULL,              NULL,        NULL, NULL }
    };
    const tool_option_t  changing[] = {
        RECORD_OPTIONS(a->options, a->tool),
        { "--json",          &a->json,    NULL, NULL },
        { verb->delivers ? "--deliver" : NULL, &a->deliver, NULL, NULL },
        { NULL,              NULL,        NULL, NULL }
    };

    return tool_options(argc, argv, verb->reads ? reading : changing, words);
}


/* Reading needs no key of the trace. */
static bool
counter_given(const counter_t *a, const counter_verb_t *verb)
{
    if (!verb->reads) {
        return record_given(&a->options);
    }

    if (a->options.keys.n == 0 || a->options.pseudonym == NULL) {
        tool_error("--record-key and --pseudonym-key are needed");
        return false;
    }

    return true;
}


static bool
counter_open(counter_t *a, const counter_verb_t *verb)
{
    if (!verb->reads) {
        return record_open(&a->tool, &a->options);
    }

    return tool_keyring(&a->options.keys, &a->tool.ring)
           && tool_key(a->options.pseudonym, a->tool.pseudonym_key)
           && store_open(&a->tool.store, &a->options.where)
           && store_meta(&a->tool.store);
}


static int
counter_command(counter_t *a, const counter_verb_t *verb, int argc,
    char **argv)
{
    int          rc;
    dmp_str_t    ins;
    tool_list_t  words;

    if (!counter_options(a, verb, argc, argv, &words)
        || !counter_word(a, verb, &words, &ins) || !counter_given(a, verb))
    {
        return TOOL_USAGE;
    }

    (void) snprintf(a->route, sizeof(a->route), "dmpctl account %s",
                    verb->name);

    if (!counter_open(a, verb)) {
        return TOOL_FAILED;
    }

    if (verb->ins) {
        rc = record_keys(&a->tool, ins, &a->keys) ? TOOL_DONE : TOOL_FAILED;

    } else {
        rc = counter_account(a);
    }

    if (rc == TOOL_DONE) {
        rc = verb->run(a);
    }

    return counter_end(a, rc, verb->say);
}


int
dmpctl_account(const char *name, int argc, char **argv)
{
    int                    rc;
    counter_t              a;
    const counter_verb_t  *verb;

    memset(&a, 0, sizeof(a));

    for (verb = counter_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            break;
        }
    }

    rc = verb->name != NULL ? counter_command(&a, verb, argc, argv)
                            : TOOL_USAGE;

    record_close(&a.tool);
    OPENSSL_cleanse(&a, sizeof(a));

    return rc;
}
