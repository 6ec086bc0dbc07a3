/*
 * h1.c: HTTP/1.1, one request at a time, answers that say their length.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "race.h"


/* The value of a header in the lines of a head, ended by CR. */
static const char *
race_h1_header(const char *head, const char *name)
{
    size_t       len;
    const char  *line;

    len = strlen(name);

    for (line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;

        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            return line + strspn(line, " ");
        }
    }

    return NULL;
}


static void
race_h1_headed(race_h1_t *h1)
{
    const char  *value;

    h1->head[h1->head_len] = '\0';

    if (strncmp(h1->head, "HTTP/1.1 ", 9) != 0) {
        race_fail("not an answer: %.40s", h1->head);
    }

    h1->status = (unsigned) strtoul(h1->head + 9, NULL, 10);
    h1->trace[0] = '\0';
    value = race_h1_header(h1->head, "DMP-Trace-Id");

    if (value != NULL && strcspn(value, "\r") == RACE_TRACE) {
        memcpy(h1->trace, value, RACE_TRACE);
        h1->trace[RACE_TRACE] = '\0';
    }

    value = race_h1_header(h1->head, "Connection");
    h1->close = value != NULL && strncasecmp(value, "close", 5) == 0;

    value = race_h1_header(h1->head, "Content-Length");

    if (value == NULL && h1->status != 204) {
        race_fail("an answer without its length: %s", h1->head);
    }

    h1->left = (value != NULL) ? strtoull(value, NULL, 10) : 0;
    h1->state = RACE_H1_BODY;
    h1->headed(h1->data);
}


/* Returns how many bytes were of the head. */
static size_t
race_h1_head(race_h1_t *h1, const uint8_t *bytes, size_t n)
{
    size_t  i;

    if (h1->head_len == 0) {
        h1->first(h1->data);
    }

    for (i = 0; i < n; i++) {

        if (h1->head_len == sizeof(h1->head) - 1) {
            race_fail("a head of more than %zu bytes", h1->head_len);
        }

        h1->head[h1->head_len++] = (char) bytes[i];

        if (h1->head_len >= 4
            && memcmp(h1->head + h1->head_len - 4, "\r\n\r\n", 4) == 0)
        {
            race_h1_headed(h1);
            return i + 1;
        }
    }

    return n;
}


static void
race_h1_bytes(void *data, const uint8_t *bytes, size_t n)
{
    race_h1_t  *h1;

    h1 = data;

    if (h1->state == RACE_H1_IDLE) {
        race_fail("an answer that nothing was asked for");
    }

    if (h1->state == RACE_H1_HEAD) {
        n -= race_h1_head(h1, bytes, n);
    }

    if (h1->state != RACE_H1_BODY) {
        return;
    }

    if (n > h1->left) {
        race_fail("an answer longer than it says");
    }

    h1->left -= n;

    if (h1->left == 0) {
        h1->state = RACE_H1_IDLE;
        h1->done(h1->data);
    }
}


static void
race_h1_opened(void *data)
{
    race_h1_t  *h1;

    h1 = data;
    h1->opened(h1->data);
}


static void
race_h1_lost(void *data)
{
    race_h1_t  *h1;

    h1 = data;
    h1->lost(h1->data);
}


void
race_h1_open(race_h1_t *h1, const char *address, SSL_CTX *ctx)
{
    h1->state = RACE_H1_IDLE;
    h1->link.opened = race_h1_opened;
    h1->link.bytes = race_h1_bytes;
    h1->link.lost = race_h1_lost;
    h1->link.data = h1;

    race_link_open(&h1->link, address, ctx, false);
}


void
race_h1_send(race_h1_t *h1, const char *bytes)
{
    h1->state = RACE_H1_HEAD;
    h1->head_len = 0;
    h1->status = 0;

    race_link_send(&h1->link, bytes, strlen(bytes));
}
