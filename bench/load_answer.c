/*
 * load_answer.c: see load_answer.h.  Nothing of a body is kept: what it says
 * is looked at before the load, and how long it is with each answer.
 */

#include "load_answer.h"
#include "load.h"

#include <stdlib.h>
#include <string.h>


#define CHUNK_MAX  0x1000000


void
load_answer_start(load_answer_t *answer)
{
    answer->part = LOAD_PART_HEAD;
    answer->allowed = false;
    answer->body_len = 0;
    answer->left = 0;
    answer->line_len = 0;
    answer->head_len = 0;
}


static void
read_head(load_answer_t *answer)
{
    char  *length;

    answer->allowed = strncmp(answer->head, "HTTP/1.1 200 ", 13) == 0;

    length = strcasestr(answer->head, "\r\ncontent-length:");

    if (length != NULL) {
        answer->left = strtoul(length + 17, NULL, 10);
        answer->part = (answer->left == 0) ? LOAD_PART_DONE : LOAD_PART_BODY;
        return;
    }

    if (strcasestr(answer->head, "\r\ntransfer-encoding: chunked") == NULL) {
        load_fail("an answer without a length");
    }

    answer->part = LOAD_PART_CHUNK_SIZE;
}


/* Returns what of the piece belongs to the head. */
static size_t
take_head(load_answer_t *answer, const char *data, size_t len)
{
    char    *end;
    size_t   before;

    before = answer->head_len;

    if (len > LOAD_HEAD_MAX - before) {
        len = LOAD_HEAD_MAX - before;
    }

    memcpy(answer->head + before, data, len);
    answer->head_len += len;
    answer->head[answer->head_len] = '\0';

    end = strstr(answer->head, "\r\n\r\n");

    if (end == NULL) {
        if (answer->head_len == LOAD_HEAD_MAX) {
            load_fail("the head of an answer is too long");
        }

        return len;
    }

    *end = '\0';
    read_head(answer);

    return (size_t) (end + 4 - answer->head) - before;
}


static size_t
take_data(load_answer_t *answer, size_t len)
{
    if (len > answer->left) {
        len = answer->left;
    }

    answer->left -= len;
    answer->body_len += len;

    if (answer->left == 0) {
        answer->part = (answer->part == LOAD_PART_BODY) ? LOAD_PART_DONE
                                                        : LOAD_PART_CHUNK_END;
    }

    return len;
}


/* One character of the line before a chunk: hexadecimal digits, CR, LF. */
static void
take_size(load_answer_t *answer, char ch)
{
    static const char  digits[] = "0123456789abcdef";
    const char        *digit;

    if (ch == '\r') {
        return;
    }

    if (ch == '\n' && answer->line_len != 0) {
        answer->line_len = 0;
        answer->part = (answer->left == 0) ? LOAD_PART_TRAILER
                                           : LOAD_PART_CHUNK;
        return;
    }

    digit = (ch == '\0') ? NULL : strchr(digits, ch | 0x20);

    if (digit == NULL || answer->left > CHUNK_MAX) {
        load_fail("a chunk without a size");
    }

    answer->left = answer->left * 16 + (size_t) (digit - digits);
    answer->line_len++;
}


static void
take_line_end(load_answer_t *answer, char ch, load_part_t next)
{
    if (ch == '\n') {
        answer->part = next;

    } else if (ch != '\r') {
        load_fail("a chunk that does not end");
    }
}


static size_t
take_some(load_answer_t *answer, const char *data, size_t len)
{
    switch (answer->part) {

    case LOAD_PART_HEAD:
        return take_head(answer, data, len);

    case LOAD_PART_BODY:
    case LOAD_PART_CHUNK:
        return take_data(answer, len);

    case LOAD_PART_CHUNK_SIZE:
        take_size(answer, data[0]);
        return 1;

    case LOAD_PART_CHUNK_END:
        take_line_end(answer, data[0], LOAD_PART_CHUNK_SIZE);
        return 1;

    case LOAD_PART_TRAILER:
        take_line_end(answer, data[0], LOAD_PART_DONE);
        return 1;

    case LOAD_PART_DONE:
    default:
        load_fail("more than the answer that was asked for");
    }
}


bool
load_answer_take(load_answer_t *answer, const char *data, size_t len)
{
    size_t  taken;

    while (len != 0) {
        taken = take_some(answer, data, len);
        data += taken;
        len -= taken;
    }

    return answer->part == LOAD_PART_DONE;
}
