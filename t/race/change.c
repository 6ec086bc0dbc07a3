/*
 * change.c: the rights that the readers have of the patient, taken and given
 * again all the time: by the treating physician's card, or the patient's
 * session, through either gateway, by the reader's own card, and by dmpctl;
 * often twice at once, and again when they are taken already.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"


#define RACE_ARGS   64
#define RACE_TOOL   RACE_GATEWAYS        /* as a means */
#define RACE_MEANS  (RACE_GATEWAYS + 1)

typedef enum {
    RACE_BLOCK = 0,
    RACE_WITHDRAW,
    RACE_UNBLOCK,
    RACE_AUTHORISE,
    RACE_VERBS
} race_verb_e;

typedef struct {
    const char  *name;                   /* to dmpctl */
    const char  *method;
    const char  *list;
    bool         treating;               /* whose card */
    const char  *body;
} race_verb_t;

/* One way to a change, that serves one at a time. */
typedef struct {
    unsigned        n;
    bool            busy;
    bool            here;                /* the connection to the gateway */
    race_verb_e     verb;
    uint64_t        sent;
    race_h1_t       h1[2];               /* the reader's card, the other */
    race_source_t   pipe;                /* of dmpctl */
    pid_t           pid;
    char            said[512];
    size_t          said_len;
    char            how[32];
} race_means_t;

typedef enum {
    RACE_GIVEN = 0,
    RACE_TAKING,
    RACE_TAKEN,
    RACE_GIVING
} race_phase_e;


static const race_verb_t  race_verbs[RACE_VERBS] = {
    { "block",     "PUT",    "blocks",         true,  NULL },
    { "withdraw",  "DELETE", "authorisations", false, NULL },
    { "unblock",   "DELETE", "blocks",         true,  NULL },
    { "authorise", "PUT",    "authorisations", false, "{\"consent\":true}" }
};

static race_means_t   race_means[RACE_MEANS];
static race_phase_e   race_phase;
static race_verb_e    race_taken_by, race_given_by;
static unsigned       race_waiting;      /* changes sent, not acknowledged */
static unsigned       race_good;         /* of this phase */
static bool           race_blocked;      /* perhaps: one may stand that was
                                            not acknowledged */
static race_timer_t   race_next, race_again;

extern char         **environ;


static void  race_change_done(race_means_t *means, bool good);


static bool
race_takes(race_verb_e verb)
{
    return verb == RACE_BLOCK || verb == RACE_WITHDRAW;
}


bool
race_changes_held(void)
{
    return race_phase == RACE_TAKING && race_good == 0 && race_waiting != 0;
}


bool
race_changes_idle(void)
{
    return race_waiting == 0;
}


/* ------------------------------------------------------------- by a gateway */

static void
race_api_ask(race_means_t *means)
{
    char                request[4096], token[sizeof(race.token) + 64];
    const race_verb_t  *verb;

    verb = &race_verbs[means->verb];
    token[0] = '\0';

    if (verb->treating && race.token[0] != '\0') {
        race_format(token, sizeof(token), "Authorization: Bearer %s\r\n",
                    race.token);
    }

    race_format(request, sizeof(request), "%s /api/records/%s/%s/%s "
                "HTTP/1.1\r\nHost: localhost\r\n%s%s"
                "Content-Length: %zu\r\n\r\n%s",
                verb->method, race.ins, verb->list, race.professional, token,
                verb->body != NULL ? "Content-Type: application/json\r\n" : "",
                verb->body != NULL ? strlen(verb->body) : 0,
                verb->body != NULL ? verb->body : "");

    race_h1_send(&means->h1[verb->treating], request);
}


/* It was opened for the change that is under way. */
static void
race_api_opened(void *data)
{
    race_api_ask(data);
}


static void
race_api_first(void *data)
{
    (void) data;                         /* the status says what it is */
}


static void
race_api_headed(void *data)
{
    race_h1_t     *h1;
    race_means_t  *means;

    means = data;
    h1 = &means->h1[race_verbs[means->verb].treating];

    if (h1->status / 100 != 2) {
        fprintf(race.client_log, "change refused: %s, status %u, trace %s\n",
                means->how, h1->status, h1->trace);
    }

    if (h1->status / 100 == 2 && race_takes(means->verb)) {
        race_acknowledged(means->how);
    }
}


static void
race_api_done(void *data)
{
    race_means_t  *means;

    means = data;

    /* a store that went back may have the block that was lifted */
    if (means->verb == RACE_AUTHORISE && means->h1[0].status / 100 == 4) {
        race_given_by = RACE_UNBLOCK;
    }

    race_change_done(means,
               means->h1[race_verbs[means->verb].treating].status / 100 == 2);
}


static void
race_api_lost(void *data)
{
    race_means_t  *means;

    means = data;

    /* the other one may end while it is idle */
    if (means->busy && means->n != RACE_TOOL
        && means->h1[race_verbs[means->verb].treating].link.ssl == NULL)
    {
        race_change_done(means, false);
    }
}


static void
race_api_send(race_means_t *means)
{
    bool        treating;
    race_h1_t  *h1;

    treating = race_verbs[means->verb].treating;
    h1 = &means->h1[treating];

    if (h1->link.ssl != NULL) {
        race_api_ask(means);
        return;
    }

    h1->opened = race_api_opened;
    h1->first = race_api_first;
    h1->headed = race_api_headed;
    h1->done = race_api_done;
    h1->lost = race_api_lost;
    h1->data = means;
    h1->link.source.urgent = true;
    race_h1_open(h1, race.gateways[means->n],
                 treating ? race.treating_ctx : race.reader_ctx);
}


/* ---------------------------------------------------------------- by dmpctl */

static void
race_tool_over(race_means_t *means)
{
    int   status;
    bool  good;

    if (waitpid(means->pid, &status, 0) != means->pid) {
        race_fail("waitpid: %s", strerror(errno));
    }

    race_forget(&means->pipe);
    good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    if (!good) {
        means->said[means->said_len] = '\0';
        means->said[strcspn(means->said, "\n")] = '\0';
        fprintf(race.client_log, "change refused: %s, exit %d: %s\n",
                means->how, WEXITSTATUS(status), means->said);

    } else if (race_takes(means->verb)) {
        race_acknowledged(means->how);
    }

    race_change_done(means, good);
}


static void
race_tool_ready(void *data, uint32_t events)
{
    char          *at;
    ssize_t        n;
    race_means_t  *means;

    (void) events;                       /* read() tells */
    means = data;
    at = means->said + means->said_len;

    n = read(means->pipe.fd, at, sizeof(means->said) - 1 - means->said_len);

    if (n > 0) {
        means->said_len += (size_t) n;

        if (means->said_len == sizeof(means->said) - 1) {
            race_fail("dmpctl says too much: %s", means->said);
        }

    } else if (n == 0) {
        race_tool_over(means);
    }
}


/* Standard output and error into the pipe. */
static void
race_tool_spawn(race_means_t *means, int out, char **argv)
{
    int                          rc;
    posix_spawn_file_actions_t   actions;

    rc = posix_spawn_file_actions_init(&actions);

    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, out, 1);
    }

    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, out, 2);
    }

    if (rc == 0) {
        rc = posix_spawn(&means->pid, argv[0], &actions, NULL, argv, environ);
    }

    if (rc != 0) {
        race_fail("%s: %s", argv[0], strerror(rc));
    }

    (void) posix_spawn_file_actions_destroy(&actions);   /* frees memory */
}


static void
race_tool_send(race_means_t *means)
{
    int    i, n, ends[2];
    char  *argv[RACE_ARGS], record[] = "record", name[16];

    race_format(name, sizeof(name), "%s", race_verbs[means->verb].name);

    n = 0;
    argv[n++] = race.tool_argv[0];
    argv[n++] = record;
    argv[n++] = name;
    argv[n++] = (char *) (uintptr_t) race.ins;
    argv[n++] = (char *) (uintptr_t) race.professional;

    for (i = 1; i < race.tool_argc && n < RACE_ARGS - 1; i++) {
        argv[n++] = race.tool_argv[i];
    }

    argv[n] = NULL;

    if (pipe2(ends, O_CLOEXEC) == -1) {
        race_fail("pipe2: %s", strerror(errno));
    }

    race_tool_spawn(means, ends[1], argv);
    (void) close(ends[1]);               /* the child has its own */

    means->said_len = 0;
    means->pipe.fd = ends[0];
    means->pipe.urgent = true;
    means->pipe.ready = race_tool_ready;
    means->pipe.data = means;
    race_watch(&means->pipe, EPOLLIN);
}


/* ------------------------------------------------------------ all the time */

static void
race_change_send(race_means_t *means, race_verb_e verb)
{
    means->verb = verb;
    means->busy = true;
    means->sent = race_now();
    race_waiting++;

    if (means->n == RACE_TOOL) {
        race_format(means->how, sizeof(means->how), "%s by dmpctl",
                    race_verbs[verb].name);

    } else {
        race_format(means->how, sizeof(means->how), "%s by gateway %u",
                    race_verbs[verb].name, means->n);
    }

    if (verb == RACE_AUTHORISE) {
        race_granting();

    } else if (verb == RACE_BLOCK) {
        race_blocked = true;
    }

    if (means->n == RACE_TOOL) {
        race_tool_send(means);

    } else {
        race_api_send(means);
    }
}


/* One that is free, but for dmpctl as rarely as was asked for; NULL: none. */
static race_means_t *
race_free_means(void)
{
    unsigned  first, i;

    if (race.tool_argc != 0 && race_chance(race.tool)
        && !race_means[RACE_TOOL].busy)
    {
        return &race_means[RACE_TOOL];
    }

    if (race.tool == 1000) {
        return NULL;
    }

    first = (unsigned) race_random(RACE_GATEWAYS);

    for (i = 0; i < RACE_GATEWAYS; i++) {
        if (!race_means[(first + i) % RACE_GATEWAYS].busy) {
            return &race_means[(first + i) % RACE_GATEWAYS];
        }
    }

    return NULL;
}


static void
race_after_ms(race_timer_t *timer, uint64_t least, uint64_t range)
{
    race_timer_set(timer, race_now() + least * RACE_MS
                          + race_random(range * RACE_MS));
}


static void
race_take(race_verb_e verb)
{
    race_means_t  *means;

    means = race_free_means();

    race_phase = RACE_TAKING;
    race_taken_by = verb;
    race_good = 0;

    if (means == NULL) {
        race_fail("nobody is free to change rights");
    }

    race_change_send(means, race_taken_by);

    if (race_chance(race.twice)) {
        race_after_ms(&race_again, 0, 10);
    }
}


static race_verb_e
race_any_taking(void)
{
    return race_chance(700) ? RACE_BLOCK : RACE_WITHDRAW;
}


/* The same change as is on its way, by somebody else. */
static void
race_take_again(void *data)
{
    race_means_t  *means;

    (void) data;                         /* there is one cycle */
    means = race_free_means();

    if (race_phase == RACE_TAKING && means != NULL && race_waiting != 0) {
        race_change_send(means, race_taken_by);
    }
}


static void
race_give(race_verb_e verb)
{
    race_means_t  *means;

    means = race_free_means();
    race_phase = RACE_GIVING;
    race_given_by = verb;

    if (means == NULL) {
        race_fail("nobody is free to change rights");
    }

    race_change_send(means, verb);
}


/* What the phase that is over leads to. */
static void
race_turn_over(void *data)
{
    (void) data;                         /* there is one cycle */

    if (race.stopping) {
        return;
    }

    switch (race_phase) {

    case RACE_GIVEN:
        race_take(race_any_taking());
        break;

    case RACE_TAKING:                    /* nothing was acknowledged */
        race_take(race_taken_by);
        break;

    case RACE_TAKEN:
        race_give(race_blocked ? RACE_UNBLOCK : RACE_AUTHORISE);
        break;

    case RACE_GIVING:                    /* nothing was acknowledged */
        race_give(race_given_by);
        break;
    }
}


bool
race_changes_now(void)
{
    if (race_phase != RACE_GIVEN || race_waiting != 0 || race.stopping) {
        return false;
    }

    race_timer_clear(&race_next);
    race_take(race_any_taking());

    return true;
}


static void
race_taken(bool good)
{
    race_good += good;

    if (race_waiting != 0) {
        return;
    }

    if (race_good == 0) {
        race_after_ms(&race_next, 20, 20);
        return;
    }

    if (race_phase == RACE_TAKING && race_chance(300)) {
        /* once more, when all know: it is acknowledged no sooner */
        race_phase = RACE_TAKEN;
        race_change_send(race_free_means(), race_taken_by);
        return;
    }

    race_phase = RACE_TAKEN;
    race_after_ms(&race_next, 20, 80);
}


static void
race_change_done(race_means_t *means, bool good)
{
    const char   *trace;
    race_verb_e   verb;

    verb = means->verb;
    means->busy = false;
    race_waiting--;
    trace = means->h1[race_verbs[verb].treating].trace;

    fprintf(race.client_log, "change %s %llu %llu %d %s\n", means->how,
            (unsigned long long) means->sent, (unsigned long long) race_now(),
            good, (means->n != RACE_TOOL && good) ? trace : "-");

    race.counts.failures += !good;
    race.counts.changed_by[means->n] += good;

    if (race_takes(verb)) {
        race_taken(good);
        return;
    }

    race.counts.changes += good;

    if (!good) {
        race_after_ms(&race_next, 20, 20);

    } else if (verb == RACE_UNBLOCK) {
        race_blocked = false;
        race_give(RACE_AUTHORISE);

    } else {
        race_phase = RACE_GIVEN;
        race_after_ms(&race_next, race.aim ? 1000 : 20, race.deadline);
    }
}


void
race_changes_start(void)
{
    unsigned  i;

    for (i = 0; i < RACE_MEANS; i++) {
        race_means[i].n = i;
    }

    race_next.call = race_turn_over;
    race_again.call = race_take_again;
    race_phase = RACE_TAKEN;
    race_taken_by = RACE_WITHDRAW;       /* so that they are given first */
    race_after_ms(&race_next, 10, 0);
}
