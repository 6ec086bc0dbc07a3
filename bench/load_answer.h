/*
 * load_answer.h: an HTTP/1.1 answer, read piece by piece: its status, and how
 * long its body is, by a Content-Length or in chunks.
 */

#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>


#define LOAD_HEAD_MAX  8192


/* Where the next byte of an answer belongs. */
typedef enum {
    LOAD_PART_HEAD = 0,
    LOAD_PART_BODY,
    LOAD_PART_CHUNK_SIZE,
    LOAD_PART_CHUNK,
    LOAD_PART_CHUNK_END,
    LOAD_PART_TRAILER,
    LOAD_PART_DONE
} load_part_t;

typedef struct {
    load_part_t   part;
    bool          allowed;               /* the status is 200 */
    size_t        body_len;              /* so far */
    size_t        left;                  /* of the body, or of the chunk */
    size_t        line_len;
    size_t        head_len;
    char          head[LOAD_HEAD_MAX + 1];
} load_answer_t;


void load_answer_start(load_answer_t *answer);

/*
 * Takes the next piece.  True when the answer is complete; what is no answer,
 * and what follows one that nobody asked for, ends the program.
 */
bool load_answer_take(load_answer_t *answer, const char *data, size_t len);

#endif
