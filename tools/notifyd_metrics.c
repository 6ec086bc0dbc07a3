/*
 * notifyd_metrics.c: what was done and what waits, as Prometheus text in a
 * file that is replaced whole.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notifyd.h"


#define METRICS_EVERY_MS  1000


void
metrics_add(notifyd_t *n, const message_t *m, result_t result)
{
    n->metrics.messages[m->kind][m->channel][result]++;
}


static void
metrics_head(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP dmp_notify_%s %s\n# TYPE dmp_notify_%s %s\n", name,
            help, name, type);
}


static void
metrics_results(const notifyd_t *n, FILE *f)
{
    unsigned  kind, channel, result;
    uint64_t  count;

    metrics_head(f, "messages_total", "counter",
                 "Tries and ends of messages, by what came of them.");

    for (kind = 0; kind < KIND_N; kind++) {
        for (channel = 0; channel < CHANNEL_N; channel++) {
            for (result = 0; result < RESULT_N; result++) {
                count = n->metrics.messages[kind][channel][result];

                if (count != 0) {
                    fprintf(f, "dmp_notify_messages_total{kind=\"%s\","
                            "channel=\"%s\",result=\"%s\"} %llu\n",
                            kind_name((kind_t) kind),
                            channel_name((channel_t) channel),
                            result_name((result_t) result),
                            (unsigned long long) count);
                }
            }
        }
    }
}


/* Seconds since the oldest message that we hold was written; 0: none. */
static int64_t
metrics_age(const notifyd_t *n, unsigned rank_most)
{
    size_t    i;
    int64_t   now, age, oldest;

    now = tool_now_ms();
    oldest = 0;

    for (i = 0; i < n->n_held; i++) {
        age = now - (int64_t) n->held[i]->ms;

        if (n->held[i]->rank <= rank_most && age > oldest) {
            oldest = age;
        }
    }

    return oldest / 1000;
}


static void
metrics_text(const notifyd_t *n, FILE *f)
{
    unsigned  channel;

    metrics_results(n, f);

    metrics_head(f, "taken_over_total", "counter",
                 "Messages that another instance had left.");
    fprintf(f, "dmp_notify_taken_over_total %llu\n",
            (unsigned long long) n->metrics.taken);

    metrics_head(f, "held", "gauge", "Messages given to this instance.");
    fprintf(f, "dmp_notify_held %zu\n", n->n_held);

    metrics_head(f, "oldest_seconds", "gauge",
                 "Age of the oldest message given to this instance.");
    fprintf(f, "dmp_notify_oldest_seconds{of=\"codes\"} %lld\n"
            "dmp_notify_oldest_seconds{of=\"all\"} %lld\n",
            (long long) metrics_age(n, 0),
            (long long) metrics_age(n, UINT32_MAX));

    if (n->metrics.counted_ms != 0) {
        metrics_head(f, "waiting", "gauge", "Messages in all outboxes.");
        fprintf(f, "dmp_notify_waiting %llu\n",
                (unsigned long long) n->metrics.waiting);
        metrics_head(f, "dead", "gauge", "Dead letters in all buckets.");
        fprintf(f, "dmp_notify_dead %llu\n",
                (unsigned long long) n->metrics.dead);
    }

    metrics_head(f, "up", "gauge",
                 "1 while the store answers, and a channel has not failed.");
    fprintf(f, "dmp_notify_up{of=\"store\"} %d\n", n->connected);

    for (channel = CHANNEL_EMAIL; channel < CHANNEL_N; channel++) {
        if (channel == CHANNEL_EMAIL ? n->mailer != NULL : n->texter != NULL) {
            fprintf(f, "dmp_notify_up{of=\"%s\"} %d\n",
                    channel_name((channel_t) channel),
                    n->pauses[channel].fails == 0);
        }
    }
}


void
metrics_write(notifyd_t *n, int64_t now, bool at_once)
{
    int          len;
    bool         ok;
    char         path[1024];
    FILE        *f;
    const char  *file;

    file = n->setup.conf.metrics_file;

    if (file == NULL
        || (!at_once && now - n->metrics.written_ms < METRICS_EVERY_MS))
    {
        return;
    }

    n->metrics.written_ms = now;
    len = snprintf(path, sizeof(path), "%s.%ld.new", file, (long) getpid());

    if (len < 0 || (size_t) len >= sizeof(path)) {
        return;                      /* was said when it was checked */
    }

    f = fopen(path, "w");

    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return;
    }

    metrics_text(n, f);
    ok = fflush(f) == 0 && !ferror(f);
    ok = fclose(f) == 0 && ok;

    if (!ok || rename(path, file) != 0) {
        tool_error("%s: cannot be written", file);
        (void) unlink(path);         /* ours, and of no use */
    }
}
