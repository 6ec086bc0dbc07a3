/*
 * main.c: what the race is told, when it is over, and what came of it: one
 * line of JSON.  Exit: 0 no violation, 1 some, 2 usage, 3 could not be run.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "race.h"


#define RACE_GRACE  20                   /* s, for what is still under way */

enum {
    RACE_OPT_DEADLINE = 1, RACE_OPT_READS, RACE_OPT_SECONDS, RACE_OPT_SLOW,
    RACE_OPT_LARGE, RACE_OPT_TOOL, RACE_OPT_TWICE, RACE_OPT_NEAR,
    RACE_OPT_JUDGING, RACE_OPT_ENTRIES, RACE_OPT_RELAY, RACE_OPT_AIM,
    RACE_OPT_FIRST, RACE_OPT_GATEWAY, RACE_OPT_SOCKET, RACE_OPT_FAST,
    RACE_OPT_SLOW_HOST, RACE_OPT_RELAY_AT, RACE_OPT_STORE, RACE_OPT_PKI,
    RACE_OPT_READER, RACE_OPT_TREATING, RACE_OPT_INS, RACE_OPT_PROFESSIONAL,
    RACE_OPT_LOGS, RACE_OPT_TOLD, RACE_OPT_PAUSE
};


race_t  race;

static race_timer_t         race_tick;
static race_source_t        race_input;
static uint64_t             race_stopped, race_said;

static const struct option  race_options[] = {
    { "deadline",     required_argument, NULL, RACE_OPT_DEADLINE },
    { "reads",        required_argument, NULL, RACE_OPT_READS },
    { "seconds",      required_argument, NULL, RACE_OPT_SECONDS },
    { "slow",         required_argument, NULL, RACE_OPT_SLOW },
    { "large",        required_argument, NULL, RACE_OPT_LARGE },
    { "tool",         required_argument, NULL, RACE_OPT_TOOL },
    { "twice",        required_argument, NULL, RACE_OPT_TWICE },
    { "near",         required_argument, NULL, RACE_OPT_NEAR },
    { "judging",      required_argument, NULL, RACE_OPT_JUDGING },
    { "entries",      required_argument, NULL, RACE_OPT_ENTRIES },
    { "relay",        required_argument, NULL, RACE_OPT_RELAY },
    { "aim",          no_argument,       NULL, RACE_OPT_AIM },
    { "first",        no_argument,       NULL, RACE_OPT_FIRST },
    { "gateway",      required_argument, NULL, RACE_OPT_GATEWAY },
    { "socket",       required_argument, NULL, RACE_OPT_SOCKET },
    { "fast",         required_argument, NULL, RACE_OPT_FAST },
    { "slow-host",    required_argument, NULL, RACE_OPT_SLOW_HOST },
    { "relay-at",     required_argument, NULL, RACE_OPT_RELAY_AT },
    { "store",        required_argument, NULL, RACE_OPT_STORE },
    { "pki",          required_argument, NULL, RACE_OPT_PKI },
    { "reader",       required_argument, NULL, RACE_OPT_READER },
    { "treating",     required_argument, NULL, RACE_OPT_TREATING },
    { "ins",          required_argument, NULL, RACE_OPT_INS },
    { "professional", required_argument, NULL, RACE_OPT_PROFESSIONAL },
    { "logs",         required_argument, NULL, RACE_OPT_LOGS },
    { "told",         no_argument,       NULL, RACE_OPT_TOLD },
    { "pause",        required_argument, NULL, RACE_OPT_PAUSE },
    { NULL, 0, NULL, 0 }
};


static unsigned long long
race_number(const char *text)
{
    char                *end;
    unsigned long long   n;

    errno = 0;
    n = strtoull(text, &end, 10);

    if (errno != 0 || *end != '\0' || end == text || *text == '-') {
        race_fail("%s: not a number", text);
    }

    return n;
}


static void
race_add(const char **list, const char *value)
{
    unsigned  i;

    for (i = 0; i < RACE_GATEWAYS; i++) {
        if (list[i] == NULL) {
            list[i] = value;
            return;
        }
    }

    race_fail("%s: more than %d gateways", value, RACE_GATEWAYS);
}


static bool
race_option_number(int option, const char *value)
{
    switch (option) {

    case RACE_OPT_DEADLINE:
        race.deadline = (unsigned) race_number(value);
        return true;

    case RACE_OPT_READS:
        race.reads = race_number(value);
        return true;

    case RACE_OPT_SECONDS:
        race.seconds = (unsigned) race_number(value);
        return true;

    case RACE_OPT_SLOW:
        race.slow = (unsigned) race_number(value);
        return true;

    case RACE_OPT_LARGE:
        race.large = (unsigned) race_number(value);
        return true;

    case RACE_OPT_TOOL:
        race.tool = (unsigned) race_number(value);
        return true;

    case RACE_OPT_TWICE:
        race.twice = (unsigned) race_number(value);
        return true;

    case RACE_OPT_NEAR:
        race.near = (unsigned) race_number(value);
        return true;

    case RACE_OPT_JUDGING:
        race.judging = (unsigned) race_number(value);
        return true;

    case RACE_OPT_ENTRIES:
        race.entries = (unsigned) race_number(value);
        return true;

    case RACE_OPT_RELAY:
        race.relay = (unsigned) race_number(value);
        return true;

    case RACE_OPT_PAUSE:
        race.pause = (unsigned) race_number(value);
        return true;
    }

    return false;
}


static void
race_option_text(int option, const char *value)
{
    switch (option) {

    case RACE_OPT_AIM:
        race.aim = true;
        break;

    case RACE_OPT_FIRST:
        race.first = true;
        break;

    case RACE_OPT_TOLD:
        race.told = true;
        break;

    case RACE_OPT_GATEWAY:
        race_add(race.gateways, value);
        break;

    case RACE_OPT_SOCKET:
        race_add(race.sockets, value);
        break;

    case RACE_OPT_FAST:
        race.fast = value;
        break;

    case RACE_OPT_SLOW_HOST:
        race.slow_host = value;
        break;

    case RACE_OPT_RELAY_AT:
        race.relay_at = value;
        break;

    case RACE_OPT_STORE:
        race.store = value;
        break;

    case RACE_OPT_PKI:
        race.pki = value;
        break;

    case RACE_OPT_READER:
        race.reader = value;
        break;

    case RACE_OPT_TREATING:
        race.treating = value;
        break;

    case RACE_OPT_INS:
        race.ins = value;
        break;

    case RACE_OPT_PROFESSIONAL:
        race.professional = value;
        break;

    case RACE_OPT_LOGS:
        race.logs = value;
        break;

    default:
        exit(2);                         /* getopt said why */
    }
}


static void
race_arguments(int argc, char **argv)
{
    int  option;

    while ((option = getopt_long(argc, argv, "", race_options, NULL)) != -1) {
        if (!race_option_number(option, optarg)) {
            race_option_text(option, optarg);
        }
    }

    race.tool_argv = argv + optind;
    race.tool_argc = argc - optind;

    if (race.deadline == 0 || race.reads == 0 || race.seconds == 0
        || race.gateways[RACE_GATEWAYS - 1] == NULL
        || race.sockets[RACE_GATEWAYS - 1] == NULL || race.fast == NULL
        || race.slow_host == NULL || race.store == NULL || race.pki == NULL
        || race.reader == NULL || race.treating == NULL || race.ins == NULL
        || race.professional == NULL || race.logs == NULL
        || race.tool_argc == 0)
    {
        fprintf(stderr, "usage: race, with every option but --aim, --first, "
                "--told, --relay-at and those of how many; then dmpctl and its "
                "options\n");
        exit(2);
    }
}


static FILE *
race_log(const char *name)
{
    FILE  *f;
    char   path[512];

    race_format(path, sizeof(path), "%s/%s.log", race.logs, name);
    f = fopen(path, "we");

    if (f == NULL) {
        race_fail("%s: %s", path, strerror(errno));
    }

    return f;
}


/* A line, or the end of who would have told. */
static void
race_told_to_stop(void *data, uint32_t events)
{
    char  line[16];

    (void) data;
    (void) events;

    if (read(race_input.fd, line, sizeof(line)) != -1) {
        race_forget(&race_input);
        race.stopping = true;
    }
}


static void  race_report(void);


/* How it stands, for who is to decide what happens next. */
static void
race_say(uint64_t now)
{
    uint64_t  every;

    every = (race.told ? 50 : 1000) * RACE_MS;

    if (now - race_said < every) {
        return;
    }

    race_said = now;

    if (race.told) {
        fputs("now ", stdout);
        race_report();

    } else {
        printf("reads %llu\n", (unsigned long long) race.counts.reads);
    }

    (void) fflush(stdout);               /* the report tells if it failed */
}


static void
race_watchdog(void *data)
{
    uint64_t  now;

    (void) data;                         /* there is one race */
    now = race_now();
    race_say(now);

    if (!race.stopping && (race.counts.reads >= race.reads
                           || now - race.started
                              > race.seconds * 1000 * RACE_MS))
    {
        race.stopping = true;
    }

    if (race.stopping && race_stopped == 0) {
        race_stopped = now;
    }

    if (race.stopping && race_changes_idle() && race_readers_active() == 0) {
        race.over = true;
        return;
    }

    if (race_stopped != 0 && now - race_stopped > RACE_GRACE * 1000 * RACE_MS)
    {
        race_fail("%u reads and a change are without an end",
                  race_readers_active());
    }

    race_timer_set(&race_tick, now + 5 * RACE_MS);
}


static void
race_report(void)
{
    size_t  i;
    const struct {
        const char  *name;
        uint64_t     n;
    } counts[] = {
        { "reads", race.counts.reads },
        { "served", race.counts.served },
        { "refused", race.counts.refused },
        { "unavailable", race.counts.unavailable },
        { "unexpected", race.counts.unexpected },
        { "served_slow", race.counts.answers[RACE_SEARCH_SLOW]
                         + race.counts.answers[RACE_READ_SLOW]
                         + race.counts.answers[RACE_BINARY_SLOW]
                         + race.counts.answers[RACE_SEARCH_LARGE_SLOW]
                         + race.counts.answers[RACE_BINARY_LARGE] },
        { "served_large", race.counts.answers[RACE_SEARCH_LARGE]
                          + race.counts.answers[RACE_SEARCH_LARGE_SLOW]
                          + race.counts.answers[RACE_BINARY_LARGE] },
        { "changes", race.counts.changes },
        { "failures", race.counts.failures },
        { "boundaries", race.counts.boundaries },
        { "repeated", race.counts.repeated },
        { "held", race.counts.held },
        { "pending", race.counts.pending },
        { "pending_refused", race.counts.pending_refused },
        { "pending_unavailable", race.counts.pending_unavailable },
        { "too_close", race.counts.too_close },
        { "forwarded", race.counts.forwarded },
        { "late_answers", race.counts.late_answers },
        { "late_forwards", race.counts.late_forwards },
        { "lost", race.counts.lost },
        { "forbidden", race_is_forbidden() },
        { "served_by_0", race.counts.served_by[0] },
        { "served_by_1", race.counts.served_by[1] },
        { "changed_by_0", race.counts.changed_by[0] },
        { "changed_by_1", race.counts.changed_by[1] },
        { "changed_by_tool", race.counts.changed_by[RACE_GATEWAYS] },
        { "ms", (race_now() - race.started) / RACE_MS }
    };

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        printf("%s\"%s\":%llu", i != 0 ? "," : "{", counts[i].name,
               (unsigned long long) counts[i].n);
    }

    printf("}\n");
}


static bool
race_written(FILE *f)
{
    return fflush(f) == 0 && !ferror(f);
}


int
main(int argc, char **argv)
{
    race_arguments(argc, argv);
    signal(SIGPIPE, SIG_IGN);

    race.client_log = race_log("client");
    race.host_log = race_log("host");
    race.reader_ctx = race_link_context(race.reader);
    race.treating_ctx = race_link_context(race.treating);

    race_loop_init();
    race_relay_start();
    race_host_start();

    /* the gateways are started when their hosts and the relay are there */
    printf("ready\n");
    (void) fflush(stdout);               /* nobody will answer it */

    if (fgets(race.token, sizeof(race.token), stdin) == NULL
        || strchr(race.token, '\n') == NULL)
    {
        race_fail("nobody says that the gateways are ready");
    }

    *strchr(race.token, '\n') = '\0';

    if (race.told) {
        race_input.fd = STDIN_FILENO;
        race_input.ready = race_told_to_stop;
        race_watch(&race_input, EPOLLIN);
    }

    race.started = race_now();
    race_tick.call = race_watchdog;
    race_timer_set(&race_tick, race.started);
    race_changes_start();
    race_readers_start();
    race_loop_run();

    race_report();

    if (!race_written(stdout) || !race_written(race.client_log)
        || !race_written(race.host_log))
    {
        race_fail("the logs cannot be written");
    }

    if (race.relay_at != NULL) {
        /* a gateway still has its store behind it: until we are told */
        race.over = false;
        race_loop_run();
    }

    return (race.counts.late_answers + race.counts.late_forwards != 0) ? 1 : 0;
}
