/*
 * init_prove.c: tries as each user of the store what it must and must not be
 * able to do.  First the commands of init_probes.c, sent or asked about; then
 * the store is asked about every other command that it has.
 */

#include <stdlib.h>
#include <string.h>

#include "init_prove.h"


#define PROVE_ARGUMENTS  " 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"
#define PROVE_ARITY      ((long long) (sizeof(PROVE_ARGUMENTS) - 1) / 2)


static void
prove_words(store_args_t *args, char *copy)
{
    char  *word, *rest;

    for (word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
    {
        store_text(args, word);
    }
}


/* Sends words after those that are in args; the reply may be an error. */
static redisReply *
prove_ask(store_t *store, store_args_t *args, const char *words)
{
    char        *copy;
    redisReply  *reply;

    copy = strdup(words);
    if (copy == NULL) {
        tool_error("no memory");
        return NULL;
    }

    prove_words(args, copy);
    reply = store_ask(store, args);
    free(copy);

    return reply;
}


static redisReply *
prove_send(store_t *store, const char *words)
{
    store_args_t  args;

    args.n = 0;

    return prove_ask(store, &args, words);
}


/* The second and third: an inner command of a function or a script. */
static bool
prove_is_refusal(const char *text)
{
    return strstr(text, "NOPERM ") != NULL
           || strstr(text, "user executing the script can't") != NULL
           || strstr(text, "ACL failure in script") != NULL;
}


static void
prove_differs(prove_run_t *run, const char *user, const char *words,
    bool allowed, const char *said)
{
    json_t  *one;

    run->differences++;
    tool_error("user \"%s\": %s: must be %s%s%s", user, words,
               allowed ? "allowed: " : "refused",
               allowed ? "" : ", and is not: ", said);

    one = json_pack("{s:s, s:s, s:s, s:s}", "user", user, "command", words,
                    "wanted", allowed ? "allowed" : "refused", "said", said);

    if (one != NULL) {
        (void) json_array_append_new(run->list, one);
    }
}


/* What we ask the store about its users: a right of ours that is lacking. */
static bool
prove_may_ask(prove_run_t *run, const redisReply *reply, const char *words)
{
    if (reply->type != REDIS_REPLY_ERROR || !prove_is_refusal(reply->str)) {
        return true;
    }

    prove_differs(run, run->where->user != NULL ? run->where->user : "default",
                  words, true, reply->str);

    return false;
}


/* What the store would do: "OK", or a text that refuses. */
static bool
prove_dry(prove_run_t *run, const char *words, prove_t *got, char *said,
    size_t size)
{
    redisReply    *reply;
    store_args_t   args;

    args.n = 0;
    store_text(&args, "ACL");
    store_text(&args, "DRYRUN");
    store_text(&args, init_user_names[run->user]);
    reply = prove_ask(run->admin, &args, words);

    if (reply == NULL) {
        return false;
    }

    if (!prove_may_ask(run, reply, "ACL DRYRUN")) {
        freeReplyObject(reply);
        return false;
    }

    *got = PROVE_UNKNOWN;

    if (reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0) {
        *got = PROVE_ALLOWED;

    } else if (reply->type == REDIS_REPLY_STRING
               && strstr(reply->str, "no permissions to ") != NULL)
    {
        *got = PROVE_REFUSED;
    }

    (void) snprintf(said, size, "%s", reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);

    return true;
}


static bool
prove_try(prove_run_t *run, const char *words, prove_t *got, char *said,
    size_t size)
{
    redisReply  *reply;

    reply = prove_send(&run->as, words);

    if (reply == NULL) {
        return false;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        *got = PROVE_ALLOWED;
        (void) snprintf(said, size, "it was done");

    } else if (strncmp(reply->str, "NOGROUP", 7) == 0) {
        *got = PROVE_ALLOWED;
        (void) snprintf(said, size, "%s", reply->str);

    } else {
        *got = prove_is_refusal(reply->str) ? PROVE_REFUSED : PROVE_UNKNOWN;
        (void) snprintf(said, size, "%s", reply->str);
    }

    freeReplyObject(reply);

    return true;
}


static bool
prove_must(const prove_run_t *run, unsigned users)
{
    return ((users | INIT_MAY_DO_ALL) & (1U << run->user)) != 0;
}


static bool
prove_probes(prove_run_t *run)
{
    bool                 ok, must;
    char                 said[256];
    size_t               i;
    prove_t             *got;
    const init_probe_t  *p;

    for (i = 0; init_probes[i].words != NULL; i++) {
        p = &init_probes[i];
        got = &run->got[i][run->user];
        must = prove_must(run, p->users);

        ok = (p->dry || run->off[run->user])
             ? prove_dry(run, p->words, got, said, sizeof(said))
             : prove_try(run, p->words, got, said, sizeof(said));

        if (!ok) {
            return false;
        }

        if (*got != (must ? PROVE_ALLOWED : PROVE_REFUSED)) {
            prove_differs(run, init_user_names[run->user], p->words, must,
                          said);
        }
    }

    return true;
}


/* "config|get", as the words of a probe begin. */
static bool
prove_names(const char *words, const char *name)
{
    for (/* void */; *name != '\0'; words++, name++) {
        if (*name == '|' ? *words != ' '
                         : (*words | 0x20) != (*name | 0x20))
        {
            return false;
        }
    }

    return *words == ' ' || *words == '\0';
}


static bool
prove_is_probed(const prove_run_t *run, const char *name)
{
    const init_probe_t  *p;

    for (p = init_probes; p->words != NULL; p++) {
        if (prove_must(run, p->users) && prove_names(p->words, name)) {
            return true;
        }
    }

    return false;
}


/* A command of no probe: that it may run at all, on whatever keys, or not. */
static bool
prove_other(prove_run_t *run, const char *name, long long arity)
{
    bool       must, right;
    char       words[256], said[256], *bar;
    prove_t    got;
    long long  n;

    bar = strchr(name, '|');
    n = llabs(arity) - (bar != NULL ? 2 : 1);

    if (n < 0) {
        n = 0;

    } else if (n > PROVE_ARITY) {
        n = PROVE_ARITY;
    }

    (void) snprintf(words, sizeof(words), "%s%.*s", name, (int) (2 * n),
                    PROVE_ARGUMENTS);
    bar = strchr(words, '|');

    if (bar != NULL) {
        *bar = ' ';
    }

    if (!prove_dry(run, words, &got, said, sizeof(said))) {
        return false;
    }

    must = prove_must(run, 0);
    right = must ? got == PROVE_ALLOWED
                 : got == PROVE_REFUSED
                   && strstr(said, "permissions to run ") != NULL;

    if (!right) {
        prove_differs(run, init_user_names[run->user], name, must,
                      got == PROVE_ALLOWED ? "it may be run" : said);
    }

    return true;
}


/* A command as COMMAND INFO describes it, or its subcommands. */
static bool
prove_command(prove_run_t *run, const redisReply *command)
{
    size_t             i;
    const redisReply  *flags, *below;

    if (command->type != REDIS_REPLY_ARRAY || command->elements < 10
        || command->element[0]->type != REDIS_REPLY_STRING
        || command->element[1]->type != REDIS_REPLY_INTEGER
        || command->element[2]->type != REDIS_REPLY_ARRAY
        || command->element[9]->type != REDIS_REPLY_ARRAY)
    {
        tool_error("store: COMMAND INFO: unexpected answer");
        return false;
    }

    below = command->element[9];

    for (i = 0; i < below->elements; i++) {
        if (!prove_command(run, below->element[i])) {
            return false;
        }
    }

    flags = command->element[2];

    for (i = 0; i < flags->elements; i++) {
        /* AUTH, HELLO, QUIT, RESET: no right can be given or taken */
        if (flags->element[i]->str != NULL
            && strcmp(flags->element[i]->str, "no_auth") == 0)
        {
            return true;
        }
    }

    if (below->elements != 0
        || prove_is_probed(run, command->element[0]->str))
    {
        return true;
    }

    run->others++;

    return prove_other(run, command->element[0]->str,
                       command->element[1]->integer);
}


static bool
prove_others(prove_run_t *run)
{
    bool         ok;
    size_t       i;
    redisReply  *reply;

    reply = prove_send(run->admin, "COMMAND INFO");
    if (reply == NULL) {
        return false;
    }

    ok = prove_may_ask(run, reply, "COMMAND INFO")
         && reply->type == REDIS_REPLY_ARRAY;
    run->others = 0;

    for (i = 0; ok && i < reply->elements; i++) {
        ok = prove_command(run, reply->element[i]);
    }

    freeReplyObject(reply);

    return ok;
}


/* Rights that it lacks for this show in its own turn. */
static bool
prove_prepare(store_t *admin, const char *const *commands, bool *left)
{
    redisReply  *reply;

    for (/* void */; *commands != NULL; commands++) {
        reply = prove_send(admin, *commands);

        if (reply == NULL) {
            return false;
        }

        if (reply->type == REDIS_REPLY_ERROR) {
            *left = true;
        }

        freeReplyObject(reply);
    }

    return true;
}


/* Whether a list of words has this one. */
static bool
prove_has(const redisReply *list, const char *word)
{
    size_t  i;

    for (i = 0; i < list->elements; i++) {
        if (list->element[i]->str != NULL
            && strcmp(list->element[i]->str, word) == 0)
        {
            return true;
        }
    }

    return false;
}


/* Is there such a user, on, and with a password? */
static bool
prove_user(prove_run_t *run, bool *known)
{
    char               words[64];
    redisReply        *reply;
    const char        *name;
    const redisReply  *flags;

    *known = false;
    name = init_user_names[run->user];
    (void) snprintf(words, sizeof(words), "ACL GETUSER %s", name);
    reply = prove_send(run->admin, words);

    if (reply == NULL) {
        return false;
    }

    if (!prove_may_ask(run, reply, "ACL GETUSER")) {
        freeReplyObject(reply);
        return false;
    }

    flags = reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2
            ? reply->element[1] : NULL;

    if (flags == NULL || flags->type != REDIS_REPLY_ARRAY) {
        prove_differs(run, name, "AUTH", true, "there is no such user");
        freeReplyObject(reply);
        return true;
    }

    *known = true;
    run->off[run->user] = !prove_has(flags, "on");

    if (prove_has(flags, "nopass")) {
        prove_differs(run, name, "AUTH with any password", false,
                      "it needs none");
    }

    if (run->off[run->user] && (INIT_MAY_BE_OFF & (1U << run->user)) == 0) {
        prove_differs(run, name, "AUTH", true, "it is off");
    }

    freeReplyObject(reply);

    return true;
}


static bool
prove_sign_in(prove_run_t *run)
{
    char             path[4096];
    store_options_t  where;

    if (!init_path(path, sizeof(path), run->dir, init_user_names[run->user],
                   ".password"))
    {
        return false;
    }

    where = *run->where;
    where.user = init_user_names[run->user];
    where.password_file = path;

    if (!store_open(&run->as, &where)) {
        tool_error("user \"%s\" cannot sign in with %s", where.user, path);
        return false;
    }

    return true;
}


static bool
prove_turn(prove_run_t *run)
{
    bool  ok, known, left;

    if (!prove_user(run, &known)) {
        return false;
    }

    if (!known) {
        return true;
    }

    if (!run->off[run->user] && !prove_sign_in(run)) {
        return false;
    }

    left = false;
    ok = prove_prepare(run->admin, init_probe_clean, &left)
         && prove_prepare(run->admin, init_probe_seeds, &left)
         && prove_probes(run) && prove_others(run);

    if (!run->off[run->user]) {
        store_close(&run->as);
    }

    return ok;
}


/* Who has not signed in may do nothing. */
static bool
prove_nobody(prove_run_t *run)
{
    store_t          as;
    redisReply      *reply;
    store_options_t  where;

    where = *run->where;
    where.user = NULL;
    where.password_file = NULL;
    where.db = NULL;

    if (!store_open(&as, &where)) {
        return false;
    }

    reply = prove_send(&as, "PING");
    store_close(&as);

    if (reply == NULL) {
        return false;
    }

    if (reply->type != REDIS_REPLY_ERROR
        || strncmp(reply->str, "NOAUTH", 6) != 0)
    {
        prove_differs(run, "default", "PING without AUTH", false,
                      reply->str != NULL ? reply->str : "it was done");
    }

    freeReplyObject(reply);

    return true;
}


/*
 * Redis reads its append-only file as "default": what that one has no right to
 * is left out of what was written together (redis/redis issue 14541).
 */
static bool
prove_replays(prove_run_t *run)
{
    redisReply          *reply;
    store_args_t         args;
    static const char    words[] = "XADD {dmp:probe}:trace * b probe o S";

    args.n = 0;
    store_text(&args, "ACL");
    store_text(&args, "DRYRUN");
    store_text(&args, "default");
    reply = prove_ask(run->admin, &args, words);

    if (reply == NULL) {
        return false;
    }

    if (!prove_may_ask(run, reply, "ACL DRYRUN")) {
        freeReplyObject(reply);
        return false;
    }

    if (reply->type != REDIS_REPLY_STATUS || strcmp(reply->str, "OK") != 0) {
        prove_differs(run, "default", "reading the append-only file", true,
                      reply->str != NULL ? reply->str : "");
    }

    freeReplyObject(reply);

    return true;
}


/* Users that we do not know: nobody can say what they are for. */
static bool
prove_strangers(prove_run_t *run)
{
    bool         ours;
    size_t       i;
    unsigned     u;
    redisReply  *reply;
    const char  *name;

    reply = prove_send(run->admin, "ACL USERS");

    if (reply == NULL) {
        return false;
    }

    if (!prove_may_ask(run, reply, "ACL USERS")) {
        freeReplyObject(reply);
        return false;
    }

    for (i = 0; i < reply->elements; i++) {
        name = reply->element[i]->str;
        ours = name == NULL || strcmp(name, "default") == 0;

        for (u = 0; !ours && u < INIT_USERS; u++) {
            ours = strcmp(name, init_user_names[u]) == 0;
        }

        if (!ours) {
            (void) json_array_append_new(run->strangers, json_string(name));
        }
    }

    freeReplyObject(reply);

    return true;
}


static bool
prove_all(prove_run_t *run)
{
    bool  ok, left;

    ok = prove_nobody(run) && prove_replays(run) && prove_strangers(run);

    for (run->user = 0; ok && run->user < INIT_USERS; run->user++) {
        ok = prove_turn(run);
    }

    left = false;

    if (!prove_prepare(run->admin, init_probe_clean, &left)) {
        return false;
    }

    if (left) {
        tool_error("keys with \"probe\" in their names were left in the "
                   "store: this user may not remove them");
        return false;
    }

    return ok;
}


int
init_prove(store_t *admin, const store_options_t *where, const char *dir,
    json_t *out)
{
    int          rc;
    prove_run_t  run;

    memset(&run, 0, sizeof(run));
    run.admin = admin;
    run.where = where;
    run.dir = dir;
    run.list = json_array();
    run.strangers = json_array();

    if (run.list == NULL || run.strangers == NULL) {
        json_decref(run.list);
        json_decref(run.strangers);
        tool_error("no memory");
        return TOOL_FAILED;
    }

    rc = prove_all(&run) ? TOOL_DONE : TOOL_FAILED;

    if (rc == TOOL_DONE && out == NULL) {
        prove_print(&run);
    }

    if (out != NULL && !prove_json(&run, out)) {
        rc = TOOL_FAILED;
    }

    if (run.differences != 0) {
        rc = TOOL_NO;

    } else if (rc == TOOL_DONE && out == NULL) {
        printf("These users can do what they must, and nothing else; "
               "\"admin\" can do everything.\n");
    }

    json_decref(run.list);
    json_decref(run.strangers);

    return rc;
}
