/*
 * notifyd.c: dmp-notifyd, which delivers codes and notices: one message at a
 * time, codes first.  A message leaves the store only when it was delivered or
 * made a dead letter; killed anywhere, at most the one that was being sent is
 * sent again, under the same id.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "notifyd.h"


#define NOTIFYD_WAIT_MS        1000      /* for what is new, at most */
#define NOTIFYD_COUNT_MS       5000
#define NOTIFYD_TAKE_MOST_MS   15000
#define NOTIFYD_AGAIN_MOST_MS  15000     /* a store that does not answer */

typedef struct {
    notifyd_t    n;
    const char  *path;
    const char  *name;
    int          signals;
    bool         stop;
    bool         reload;
    bool         ready;                  /* was said */
    int64_t      take_ms;                /* monotonic: when to do it again */
    int64_t      count_ms;
    int64_t      again_ms;               /* until the next try to connect */
} daemon_t;

static daemon_t  notifyd;                /* too large for a stack */

static const char  notifyd_help[] =
    "dmp-notifyd: delivers codes and notices to patients\n"
    "\n"
    "usage: dmp-notifyd [--name NAME] FILE\n"
    "       dmp-notifyd --check FILE\n"
    "\n"
    "FILE is the configuration (docs/notifyd.md).  Several may run, and share\n"
    "the work.  SIGTERM ends it after the message at hand, SIGHUP has it read\n"
    "FILE and all that it names again.\n"
    "\n"
    "  --name NAME   of this instance, unlike any other; default the host's\n"
    "                and the process's number\n"
    "  --check       only say whether FILE and the files it names are right\n"
    "\n"
    "Exit codes: 0 done, 1 the configuration is wrong, 2 usage, 3 could not\n"
    "be done.\n";


/* sd_notify(3); without systemd nothing. */
static void
notifyd_tell(const char *what)
{
    int                  fd;
    const char          *path;
    struct sockaddr_un   to;

    path = getenv("NOTIFY_SOCKET");

    if (path == NULL || (path[0] != '/' && path[0] != '@')
        || strlen(path) >= sizeof(to.sun_path))
    {
        return;
    }

    memset(&to, 0, sizeof(to));
    to.sun_family = AF_UNIX;
    memcpy(to.sun_path, path, strlen(path));

    if (path[0] == '@') {
        to.sun_path[0] = '\0';
    }

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        if (sendto(fd, what, strlen(what), MSG_NOSIGNAL,
                   (struct sockaddr *) &to,
                   (socklen_t) (offsetof(struct sockaddr_un, sun_path)
                                + strlen(path))) < 0)
        {
            tool_error("the service manager could not be told");
        }

        (void) close(fd);            /* all was sent, or nothing */
    }
}


/* What came meanwhile, waiting up to wait_ms for it. */
static void
notifyd_signals(daemon_t *d, int wait_ms)
{
    struct pollfd            p;
    struct signalfd_siginfo  info;

    p.fd = d->signals;
    p.events = POLLIN;

    while (poll(&p, 1, wait_ms) > 0
           && read(d->signals, &info, sizeof(info)) == sizeof(info))
    {
        if (info.ssi_signo == SIGHUP) {
            d->reload = true;

        } else {
            d->stop = true;
        }

        wait_ms = 0;
    }
}


static bool
notifyd_clients(notifyd_t *n)
{
    mailer_free(n->mailer);
    texter_free(n->texter);
    n->mailer = NULL;
    n->texter = NULL;

    if (n->setup.conf.smtp.host != NULL) {
        n->mailer = mailer_create(&n->setup);
    }

    if (n->setup.conf.sms.url != NULL) {
        n->texter = texter_create(&n->setup);
    }

    return (n->setup.conf.smtp.host == NULL) == (n->mailer == NULL)
           && (n->setup.conf.sms.url == NULL) == (n->texter == NULL);
}


/* A wrong configuration changes nothing: the one before goes on. */
static void
notifyd_reload(daemon_t *d)
{
    setup_t     setup;
    notifyd_t  *n;

    n = &d->n;
    d->reload = false;
    notifyd_tell("RELOADING=1");

    if (setup_read(d->path, true, &setup) != TOOL_DONE) {
        tool_error("%s: not used; all stays as it was", d->path);
        setup_free(&setup);

    } else {
        if (n->connected) {
            outbox_disconnect(n);
        }

        setup_free(&n->setup);
        n->setup = setup;
        OPENSSL_cleanse(&setup, sizeof(setup));
        memset(n->pauses, 0, sizeof(n->pauses));

        if (!notifyd_clients(n)) {
            d->stop = true;          /* no memory: systemd starts us again */
        }

        tool_error("%s: read again", d->path);
    }

    notifyd_tell("READY=1");
}


/*
 * Tells the store what has come of a message, again after a lost connection.
 * What was made a dead letter then already is none of ours any more.
 */
static void
notifyd_finish(notifyd_t *n)
{
    bool        ok, ours;
    message_t  *m;

    m = n->done;
    ours = true;

    if (n->done_as == RESULT_DEAD) {
        ok = outbox_owned(n, m, &ours) && (!ours || outbox_dead(n, m));

    } else {
        ok = outbox_done(n, m);
    }

    if (ok) {
        message_free(m);
        n->done = NULL;

    } else {
        /* it may be known, or not: look */
        m->owned_ms = tool_monotonic_ms() - n->setup.conf.takeover_ms;
        outbox_disconnect(n);
    }
}


static void
notifyd_say(const notifyd_t *n, const message_t *m, int64_t again_ms)
{
    char  id[64];

    message_token(m, id);

    if (again_ms < 0) {
        tool_error("%s: %s: a dead letter after %u tries: %s", id,
                   kind_name(m->kind), m->tries, n->why);

    } else {
        tool_error("%s: %s by %s: try %u: %s; again in %lld ms", id,
                   kind_name(m->kind), channel_name(m->channel), m->tries,
                   n->why, (long long) again_ms);
    }
}


/* After a try: what comes next. */
static void
notifyd_settle(notifyd_t *n, message_t *m, result_t result, int64_t began,
    int64_t asked_ms)
{
    int64_t  again;

    metrics_add(n, m, result);

    if (result == RESULT_CHANNEL) {
        queue_pause(n, m->channel, began, asked_ms);
    }

    if (result == RESULT_LATER || result == RESULT_CHANNEL) {
        if (m->tries < (uint64_t) n->setup.conf.tries) {
            again = queue_backoff(n, m);
            m->due_ms = tool_monotonic_ms() + again;
            notifyd_say(n, m, again);
            return;
        }

        result = RESULT_DEAD;
        metrics_add(n, m, result);
    }

    if (result == RESULT_DEAD) {
        notifyd_say(n, m, -1);
    }

    queue_drop(n, m);
    n->done = m;
    n->done_as = result;
    notifyd_finish(n);
}


/* Whoever was reached, and said yes or no, is there. */
static void
notifyd_reached(notifyd_t *n, channel_t channel, result_t result)
{
    if (result != RESULT_CHANNEL && n->pauses[channel].fails != 0) {
        tool_error("%s: up again", channel_name(channel));
        memset(&n->pauses[channel], 0, sizeof(n->pauses[channel]));
    }
}


static void
notifyd_send(notifyd_t *n, message_t *m, const outgoing_t *out)
{
    int64_t   began, asked_ms;
    result_t  result;

    began = tool_monotonic_ms();
    asked_ms = 0;

    result = out->channel == CHANNEL_SMS
             ? texter_send(n->texter, out, n->why, &asked_ms)
             : mailer_send(n->mailer, out, n->why);

    notifyd_reached(n, out->channel, result);
    notifyd_settle(n, m, result, began, asked_ms);
}


/* Opens a message whose turn it is, and does with it what is to be done. */
static void
notifyd_deliver(notifyd_t *n, message_t *m)
{
    bool         lost, ours;
    int64_t      now;
    result_t     result;
    outgoing_t   out;

    memset(&out, 0, sizeof(out));
    lost = !outbox_owned(n, m, &ours);
    result = RESULT_LATER;

    if (!lost && ours) {
        result = message_open(n, m, &out, &lost);
        m->channel = out.channel;
    }

    now = tool_monotonic_ms();

    if (!lost && ours && result == RESULT_SENT
        && n->pauses[out.channel].until_ms > now)
    {
        message_close(&out);
        return;                      /* its channel rests */
    }

    if (!lost && ours && (result == RESULT_SENT || result == RESULT_LATER)) {
        lost = !outbox_begin(n, m, &ours);
    }

    if (lost) {
        outbox_disconnect(n);        /* m is gone with it */

    } else if (!ours) {
        queue_drop(n, m);
        message_free(m);

    } else if (result == RESULT_SENT) {
        notifyd_send(n, m, &out);

    } else {
        notifyd_settle(n, m, result, now, 0);
    }

    message_close(&out);
}


/*
 * The store, again and again until it answers, or we are to end; ever slower,
 * until it has also done what we asked.
 */
static void
notifyd_connect(daemon_t *d)
{
    notifyd_signals(d, (int) d->again_ms);
    d->again_ms = d->again_ms == 0 ? 100 : d->again_ms * 2;

    if (d->again_ms > NOTIFYD_AGAIN_MOST_MS) {
        d->again_ms = NOTIFYD_AGAIN_MOST_MS;
    }

    if (d->stop) {
        return;
    }

    if (outbox_connect(&d->n)) {
        d->take_ms = 0;
        d->count_ms = 0;

        if (!d->ready) {
            d->ready = true;
            notifyd_tell("READY=1");
        }

        return;
    }

    queue_clear(&d->n);
}


/* What is done now and then, beside messages. */
static bool
notifyd_now_and_then(daemon_t *d, int64_t now)
{
    int64_t     every;
    notifyd_t  *n;

    n = &d->n;

    if (now >= d->take_ms) {
        every = n->setup.conf.takeover_ms / 4;
        d->take_ms = now + (every < NOTIFYD_TAKE_MOST_MS
                            ? every : NOTIFYD_TAKE_MOST_MS);

        if (!outbox_take_over(n, false)) {
            return false;
        }
    }

    if (now >= d->count_ms) {
        d->count_ms = now + NOTIFYD_COUNT_MS;
        return outbox_count(n);
    }

    return true;
}


/* One message at most; between two of them codes are looked for. */
static void
notifyd_turn(daemon_t *d)
{
    bool        ok;
    int64_t     now, next;
    message_t  *m;
    notifyd_t  *n;

    n = &d->n;

    if (n->done != NULL) {
        notifyd_finish(n);
        return;
    }

    now = tool_monotonic_ms();
    ok = notifyd_now_and_then(d, now)
         && (queue_due(n, now) != 0 || outbox_read(n))
         && (queue_due(n, now) == 0 || outbox_codes(n));

    if (ok) {
        now = tool_monotonic_ms();
        next = now + NOTIFYD_WAIT_MS;
        m = queue_next(n, now, &next);

        if (m != NULL) {
            notifyd_deliver(n, m);
            return;
        }

        ok = outbox_wait(n, next - now);
    }

    if (!ok) {
        outbox_disconnect(n);
    }
}


static void
notifyd_loop(daemon_t *d)
{
    while (!d->stop) {
        notifyd_signals(d, 0);

        if (d->stop) {
            break;
        }

        if (d->reload) {
            notifyd_reload(d);
        }

        if (!d->n.connected) {
            notifyd_connect(d);

        } else {
            notifyd_turn(d);
            d->again_ms = d->n.connected ? 0 : d->again_ms;
        }

        metrics_write(&d->n, tool_monotonic_ms(), false);
    }

    notifyd_tell("STOPPING=1");

    if (d->n.connected && d->n.done != NULL) {
        notifyd_finish(&d->n);
    }

    outbox_let_go(&d->n);
}


static bool
notifyd_start(daemon_t *d)
{
    char      host[65];
    sigset_t  set;

    if (!memory_wiped()) {
        tool_error("no memory");
        return false;
    }

    /* taken from a descriptor: none ends what is being sent */
    if (sigemptyset(&set) != 0 || sigaddset(&set, SIGTERM) != 0
        || sigaddset(&set, SIGINT) != 0 || sigaddset(&set, SIGHUP) != 0
        || sigprocmask(SIG_BLOCK, &set, NULL) != 0
        || signal(SIGPIPE, SIG_IGN) == SIG_ERR
        || (d->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
    {
        tool_error("signals cannot be taken");
        return false;
    }

    if (d->name == NULL) {
        d->name = d->n.setup.conf.name;
    }

    if (gethostname(host, sizeof(host)) != 0) {
        host[0] = '\0';
    }

    host[sizeof(host) - 1] = '\0';

    if (d->name != NULL) {
        (void) snprintf(d->n.consumer, sizeof(d->n.consumer), "%s", d->name);

    } else {
        (void) snprintf(d->n.consumer, sizeof(d->n.consumer), "%s:%ld", host,
                        (long) getpid());
    }

    return notifyd_clients(&d->n);
}


int
main(int argc, char **argv)
{
    int                   rc;
    bool                  check, help;
    daemon_t             *d;
    tool_list_t           words;
    const tool_option_t   options[] = {
        { "--check", &check, NULL,          NULL },
        { "--help",  &help,  NULL,          NULL },
        { "--name",  NULL,   &notifyd.name, NULL },
        { NULL,      NULL,   NULL,          NULL }
    };

    tool_program = "dmp-notifyd";
    d = &notifyd;
    check = false;
    help = false;

    if (!tool_options(argc - 1, argv + 1, options, &words)
        || (words.n != 1 && !help)
        || (d->name != NULL && (strlen(d->name) > 64 || d->name[0] == '\0')))
    {
        fputs("usage: dmp-notifyd [--check] [--name NAME] FILE\n", stderr);
        return TOOL_USAGE;
    }

    if (help) {
        fputs(notifyd_help, stdout);
        return TOOL_DONE;
    }

    d->path = words.item[0];
    rc = setup_read(d->path, !check, &d->n.setup);

    if (rc == TOOL_DONE && !check) {
        rc = TOOL_FAILED;

        if (notifyd_start(d)) {
            rc = TOOL_DONE;
            notifyd_loop(d);
            metrics_write(&d->n, tool_monotonic_ms(), true);
        }
    }

    queue_clear(&d->n);
    message_free(d->n.done);
    mailer_free(d->n.mailer);
    texter_free(d->n.texter);
    store_close(&d->n.store);
    setup_free(&d->n.setup);

    return rc;
}
