/*
 * fuzz_index.c: any bytes as the facts of a document: no crash; what is read
 * and written again is the same text, and what is refused is shown to nobody.
 * The bytes are also made a document of their own, written, and read.
 */

#include <stdlib.h>

#include <dmp/dmp_index.h>


#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_refused(const dmp_document_t *d)
{
    check(d->other_patient && !d->indexed && d->labels == DMP_LABEL_ALL
          && d->status == DMP_STATUS_UNKNOWN && d->archived && d->replaces
          && d->by_others && !d->by_patient && !d->dated && d->n_types == 0
          && d->n_authors == 0 && d->n_structures == 0
          && d->n_attachments == 0);
}


static void
check_read(const dmp_document_t *d, const char *text, size_t len)
{
    char       again[DMP_INDEX_TEXT_MAX];
    unsigned   i;
    dmp_buf_t  b;

    check(d->indexed && !d->other_patient && d->n_ins == 0 && !d->outcome);

    dmp_buf_init(&b, again, sizeof(again));
    dmp_index_write(&b, d, d->attachments, d->n_attachments);
    check(!b.full && b.len == len && memcmp(again, text, len) == 0);

    for (i = 0; i < d->n_attachments; i++) {
        check(dmp_index_has(d, d->attachments[i]));
    }
}


/* Takes up to 64 bytes, for one fact. */
static dmp_str_t
take(const uint8_t **data, size_t *size)
{
    size_t     len;
    dmp_str_t  s;

    len = *size > 0 ? **data % 64 : 0;
    len = len < *size ? len : *size;
    s = (dmp_str_t) { (const char *) *data, len };
    *data += len;
    *size -= len;

    return s;
}


/* Whatever is written can be read, and is the same. */
static void
check_made(const uint8_t *data, size_t size)
{
    char            text[DMP_INDEX_TEXT_MAX], from[DMP_INDEX_TEXT_MAX];
    uint8_t         flags;
    dmp_buf_t       b;
    dmp_str_t       attachment;
    dmp_document_t  made, d;

    if (size < 2) {
        return;
    }

    memset(&made, 0, sizeof(made));
    flags = data[0];
    made.by_patient = flags & 1;
    made.by_others = flags & 2;
    made.replaces = flags & 4;
    made.archived = flags & 8;
    made.dated = flags & 16;
    made.inlined = flags & 32;
    made.deposited = (int32_t) ((unsigned) data[1] << (flags % 24));
    made.labels = data[1] & DMP_LABEL_ALL;
    made.status = (dmp_status_t) (data[1] >> 4) % DMP_STATUS_MAX;
    data += 2;
    size -= 2;

    made.id = take(&data, &size);
    made.master = take(&data, &size);
    made.n_types = flags >> 7;

    if (made.n_types != 0) {
        made.types[0].system = take(&data, &size);
        made.types[0].code = take(&data, &size);
    }

    made.authors[0] = take(&data, &size);
    made.n_authors = made.authors[0].len != 0;
    made.structures[0] = take(&data, &size);
    made.n_structures = made.structures[0].len != 0;
    attachment = take(&data, &size);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_index_write(&b, &made, &attachment, attachment.len != 0);

    if (b.full) {
        return;
    }

    memcpy(from, text, b.len);
    check(dmp_index_read(text, b.len, &d) == DMP_OK);
    check_read(&d, from, b.len);
    check(dmp_str_eq(d.id, made.id) && dmp_str_eq(d.master, made.master)
          && d.n_types == made.n_types
          && (d.n_types == 0
              || (dmp_str_eq(d.types[0].system, made.types[0].system)
                  && dmp_str_eq(d.types[0].code, made.types[0].code))));
    check(d.n_authors == made.n_authors
          && (d.n_authors == 0 || dmp_str_eq(d.authors[0], made.authors[0]))
          && d.n_structures == made.n_structures
          && (d.n_structures == 0
              || dmp_str_eq(d.structures[0], made.structures[0]))
          && d.n_attachments == (attachment.len != 0));
    check(d.labels == made.labels && d.status == made.status
          && d.by_patient == made.by_patient && d.by_others == made.by_others
          && d.replaces == made.replaces && d.archived == made.archived
          && d.inlined == made.inlined && d.dated == made.dated
          && (!d.dated || d.deposited == made.deposited));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *text;
    dmp_document_t   d;

    check_made(data, size);

    text = malloc(size != 0 ? size : 1);
    if (text == NULL) {
        return 0;
    }

    /* nothing is in it when there are no bytes, which may have no address */

    if (size != 0) {
        memcpy(text, data, size);
    }

    if (dmp_index_read(text, size, &d) == DMP_OK) {
        check_read(&d, (const char *) data, size);

    } else {
        check_refused(&d);
    }

    free(text);

    return 0;
}
