/*
 * directory_sort.c: an external merge sort.  Records stand at the start of
 * one block of memory, a number each of where they are at its end; once the
 * two meet, the numbers are sorted and the records written out as a run.
 */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "directory_sort.h"


#define SORT_RUNS    64                  /* open at once */
#define SORT_BUFFER  65536               /* of each, bytes */

typedef struct {
    FILE      *file;
    char      *buffer;
    char      *data;                     /* its next record */
    size_t     size;
    uint32_t   len;
} sort_run_t;

struct directory_sort_s {
    char        *block;
    size_t       size;
    size_t       used;                   /* by records, each after its length */
    size_t       n;
    size_t       next;                   /* to be read, nothing being spilled */
    sort_run_t   runs[SORT_RUNS];
    size_t       n_runs;
    size_t       heap[SORT_RUNS];        /* runs that have a record, least
                                            first */
    size_t       n_heap;
    bool         taken;                  /* the first one's record was read */
};


FILE *
directory_temporary(void)
{
    int          fd, n;
    char         path[4096];
    FILE        *f;
    const char  *folder;

    folder = getenv("TMPDIR");

    if (folder == NULL || folder[0] == '\0') {
        folder = "/tmp";
    }

    n = snprintf(path, sizeof(path), "%s/dmpctl-XXXXXX", folder);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }

    fd = mkstemp(path);
    if (fd < 0) {
        return NULL;
    }

    (void) unlink(path);             /* it would only be left behind */

    f = fdopen(fd, "w+");
    if (f == NULL) {
        (void) close(fd);
    }

    return f;
}


directory_sort_t *
directory_sort_create(size_t memory)
{
    directory_sort_t  *s;

    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }

    s->size = memory & ~(size_t) 7;
    s->block = malloc(s->size);

    if (s->block == NULL || s->size >= UINT32_MAX) {
        directory_sort_free(s);
        return NULL;
    }

    return s;
}


static void
sort_run_close(sort_run_t *run)
{
    if (run->file != NULL) {
        (void) fclose(run->file);    /* nobody will read it */
    }

    free(run->buffer);
    free(run->data);
    memset(run, 0, sizeof(*run));
}


void
directory_sort_free(directory_sort_t *s)
{
    size_t  i;

    if (s == NULL) {
        return;
    }

    for (i = 0; i < SORT_RUNS; i++) {
        sort_run_close(&s->runs[i]);
    }

    free(s->block);
    free(s);
}


static int
sort_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int  order;

    order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}


/* The numbers at the end of the block, the first one last. */
static uint32_t *
sort_offsets(const directory_sort_t *s)
{
    return (uint32_t *) (void *) (s->block + s->size) - s->n;
}


static const char *
sort_record(const char *block, uint32_t offset, size_t *len)
{
    uint32_t  n;

    memcpy(&n, block + offset, sizeof(n));
    *len = n;

    return block + offset + sizeof(n);
}


static int
sort_by_record(const void *a, const void *b, void *block)
{
    size_t       a_len, b_len;
    const char  *a_data, *b_data;

    a_data = sort_record(block, *(const uint32_t *) a, &a_len);
    b_data = sort_record(block, *(const uint32_t *) b, &b_len);

    return sort_compare(a_data, a_len, b_data, b_len);
}


static bool
sort_write(FILE *f, const char *data, size_t len)
{
    uint32_t  n;

    n = (uint32_t) len;

    return fwrite(&n, sizeof(n), 1, f) == 1
           && (len == 0 || fwrite(data, len, 1, f) == 1);
}


/* The next record of a run; 0: it is over. */
static int
sort_read(sort_run_t *run)
{
    char      *larger;
    uint32_t   n;

    if (fread(&n, sizeof(n), 1, run->file) != 1) {
        return ferror(run->file) ? -1 : 0;
    }

    if (n > run->size || run->data == NULL) {
        larger = realloc(run->data, (size_t) n + 256);

        if (larger == NULL) {
            return -1;
        }

        run->data = larger;
        run->size = (size_t) n + 256;
    }

    if (n > 0 && fread(run->data, n, 1, run->file) != 1) {
        errno = EIO;
        return -1;
    }

    run->len = n;

    return 1;
}


static bool
sort_run_open(sort_run_t *run)
{
    run->file = directory_temporary();
    run->buffer = malloc(SORT_BUFFER);

    return run->file != NULL && run->buffer != NULL
           && setvbuf(run->file, run->buffer, _IOFBF, SORT_BUFFER) == 0;
}


static bool
sort_less(const directory_sort_t *s, size_t a, size_t b)
{
    const sort_run_t  *x, *y;

    x = &s->runs[s->heap[a]];
    y = &s->runs[s->heap[b]];

    return sort_compare(x->data, x->len, y->data, y->len) < 0;
}


static void
sort_sift(directory_sort_t *s, size_t at)
{
    size_t  least, child, run;

    for ( ;; ) {
        least = at;

        for (child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < s->n_heap && sort_less(s, child, least)) {
                least = child;
            }
        }

        if (least == at) {
            return;
        }

        run = s->heap[at];
        s->heap[at] = s->heap[least];
        s->heap[least] = run;
        at = least;
    }
}


static bool
sort_merge_start(directory_sort_t *s)
{
    int     rc;
    size_t  i;

    s->n_heap = 0;
    s->taken = false;

    for (i = 0; i < s->n_runs; i++) {
        if (fflush(s->runs[i].file) != 0
            || fseek(s->runs[i].file, 0, SEEK_SET) != 0)
        {
            return false;
        }

        rc = sort_read(&s->runs[i]);
        if (rc < 0) {
            return false;
        }

        if (rc > 0) {
            s->heap[s->n_heap++] = i;
        }
    }

    for (i = s->n_heap / 2; i > 0; i--) {
        sort_sift(s, i - 1);
    }

    return true;
}


static int
sort_merge_next(directory_sort_t *s, const char **data, size_t *len)
{
    int          rc;
    sort_run_t  *run;

    if (s->taken) {
        rc = sort_read(&s->runs[s->heap[0]]);

        if (rc < 0) {
            return -1;
        }

        if (rc == 0) {
            s->heap[0] = s->heap[--s->n_heap];
        }

        sort_sift(s, 0);
        s->taken = false;
    }

    if (s->n_heap == 0) {
        return 0;
    }

    run = &s->runs[s->heap[0]];
    *data = run->data;
    *len = run->len;
    s->taken = true;

    return 1;
}


/* All runs become one. */
static bool
sort_merge_all(directory_sort_t *s)
{
    int          rc;
    bool         ok;
    size_t       i, len;
    sort_run_t   run;
    const char  *data;

    memset(&run, 0, sizeof(run));
    rc = 0;
    ok = sort_run_open(&run) && sort_merge_start(s);

    while (ok && (rc = sort_merge_next(s, &data, &len)) > 0) {
        ok = sort_write(run.file, data, len);
    }

    if (!ok || rc < 0) {
        sort_run_close(&run);
        return false;
    }

    for (i = 0; i < s->n_runs; i++) {
        sort_run_close(&s->runs[i]);
    }

    s->runs[0] = run;
    s->n_runs = 1;

    return true;
}


static void
sort_block(directory_sort_t *s)
{
    if (s->n > 1) {
        qsort_r(sort_offsets(s), s->n, sizeof(uint32_t), sort_by_record,
                s->block);
    }
}


static bool
sort_spill(directory_sort_t *s)
{
    size_t       i, len;
    sort_run_t  *run;
    const char  *data;

    if (s->n_runs == SORT_RUNS && !sort_merge_all(s)) {
        return false;
    }

    sort_block(s);
    run = &s->runs[s->n_runs++];

    if (!sort_run_open(run)) {
        return false;
    }

    for (i = 0; i < s->n; i++) {
        data = sort_record(s->block, sort_offsets(s)[i], &len);

        if (!sort_write(run->file, data, len)) {
            return false;
        }
    }

    s->n = 0;
    s->used = 0;

    return true;
}


bool
directory_sort_add(directory_sort_t *s, const char *data, size_t len)
{
    size_t    need;
    uint32_t  n;

    need = sizeof(n) + len;

    if (len > s->size - 2 * sizeof(n) || s->size < 2 * sizeof(n)) {
        errno = EMSGSIZE;
        return false;
    }

    if (need + sizeof(n) > s->size - s->used - s->n * sizeof(n)
        && !sort_spill(s))
    {
        return false;
    }

    n = (uint32_t) len;
    memcpy(s->block + s->used, &n, sizeof(n));
    memcpy(s->block + s->used + sizeof(n), data, len);
    s->n++;
    sort_offsets(s)[0] = (uint32_t) s->used;
    s->used += need;

    return true;
}


bool
directory_sort_end(directory_sort_t *s)
{
    if (s->n_runs == 0) {
        sort_block(s);
        return directory_sort_again(s);
    }

    if (s->n > 0 && !sort_spill(s)) {
        return false;
    }

    free(s->block);
    s->block = NULL;

    return directory_sort_again(s);
}


bool
directory_sort_again(directory_sort_t *s)
{
    s->next = 0;

    return s->n_runs == 0 || sort_merge_start(s);
}


int
directory_sort_next(directory_sort_t *s, const char **data, size_t *len)
{
    if (s->n_runs > 0) {
        return sort_merge_next(s, data, len);
    }

    if (s->next == s->n) {
        return 0;
    }

    *data = sort_record(s->block, sort_offsets(s)[s->next++], len);

    return 1;
}
