/*
 * watch.c: what left before an acknowledgement and what left after it.
 *
 * Readers, changers and the record host are one thread.  When an
 * acknowledgement is read, the kernel is asked at once how many bytes it
 * already holds of every other connection: what is there left before.  Bytes
 * with higher numbers left after, and if they begin an answer with data, or
 * are a request let through to the record host, before rights are given again,
 * that is a violation.
 *
 * A Unix socket hands over in the very call that writes, so that the order is
 * exact.  TCP over loopback does so too, but for a kernel under load, which
 * may let a packet wait: over TCP, answers that begin within RACE_CLOSE after
 * a boundary are counted and not judged.  An HTTP/2 connection with much to
 * read is not judged either, since its next answer may stand behind that.  So
 * a violation may be missed, and never made up.
 *
 * Only the first byte of an answer counts, as the TLS record that it came in:
 * tickets, settings and pings carry none.
 */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "race.h"


#define RACE_CLOSE  (2 * RACE_MS)
#define RACE_FULL   32768


static race_queue_t  *race_queues;
static bool           race_forbidden;
static uint64_t       race_since;
static char           race_how[32];


void
race_queue_add(race_queue_t *queue)
{
    queue->received = 0;
    queue->before = 0;
    queue->full = false;
    queue->previous = NULL;
    queue->next = race_queues;

    if (race_queues != NULL) {
        race_queues->previous = queue;
    }

    race_queues = queue;
}


void
race_queue_remove(race_queue_t *queue)
{
    if (queue->next != NULL) {
        queue->next->previous = queue->previous;
    }

    if (queue->previous != NULL) {
        queue->previous->next = queue->next;

    } else {
        race_queues = queue->next;
    }
}


void
race_acknowledged(const char *how)
{
    int            n;
    race_queue_t  *queue;

    race.counts.changes++;

    if (race_forbidden) {
        race.counts.repeated++;
        return;
    }

    race_host_accept();

    for (queue = race_queues; queue != NULL; queue = queue->next) {

        if (ioctl(queue->fd, FIONREAD, &n) == -1) {
            race_fail("FIONREAD: %s", strerror(errno));
        }

        queue->before = queue->received + (uint64_t) n;
        queue->full = n >= RACE_FULL;
    }

    race_forbidden = true;
    race_since = race_now();
    race_format(race_how, sizeof(race_how), "%s", how);
    race.counts.boundaries++;
    race_readers_boundary(race.counts.boundaries);
}


bool
race_is_forbidden(void)
{
    return race_forbidden;
}


void
race_granting(void)
{
    if (race_forbidden) {
        /* what is there left while nothing might */
        race_readers_drain();
        race_forbidden = false;
    }
}


uint64_t
race_after(const race_queue_t *queue, uint64_t at, uint64_t asked)
{
    if (!race_forbidden || at < queue->before) {
        return 0;
    }

    if (asked < race_since) {

        if (queue->full) {
            return 0;
        }

        if (queue->tcp && race_now() - race_since < RACE_CLOSE) {
            return RACE_TOO_CLOSE;
        }
    }

    return race.counts.boundaries;
}


uint64_t
race_passed(void)
{
    return race_now() - race_since;
}


void
race_violation(const char *what, uint64_t boundary, uint64_t passed,
    const char *detail)
{
    char  text[1024];

    race_format(text, sizeof(text), "%s, %.2f ms after the acknowledgement "
                "%llu (%s): %s", what, (double) passed / (double) RACE_MS,
                (unsigned long long) boundary, race_how, detail);

    fprintf(race.client_log, "violation %s\n", text);
    fprintf(stderr, "race: %s\n", text);

    if (race.first) {
        race.stopping = true;
    }
}
