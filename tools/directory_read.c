/*
 * directory_read.c: the file of an import: its lines, checked one by one and
 * given to the sorter, and its digest.  It is read once, so that it can come
 * through a pipe.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <dmp/dmp_ids.h>

#include "directory_import.h"


#define READ_BLOCK  (256 * 1024)

typedef struct {
    FILE        *file;
    EVP_MD_CTX  *digest;
    char        *block;
    size_t       pos;
    size_t       len;
    char        *line;
    size_t       line_len;
    size_t       number;
    bool         large;                  /* more than line holds: cut off */
    bool         ended;                  /* by a line feed */
    bool         failed;
    char        *record;                 /* for the sorter */
} read_t;


void
directory_wrong(directory_import_t *im, size_t line, const char *format, ...)
{
    char     text[512];
    va_list  args;

    im->wrong++;

    if (im->wrong > DIRECTORY_WRONG_SHOWN) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    tool_error("%s: line %zu: %s", im->path, line, text);
}


bool
directory_failed(void)
{
    tool_error("temporary file: %s", strerror(errno));

    return false;
}


/* More of the file; false at its end, or if it cannot be read. */
static bool
read_more(read_t *r)
{
    r->pos = 0;
    r->len = fread(r->block, 1, READ_BLOCK, r->file);

    if (ferror(r->file)
        || EVP_DigestUpdate(r->digest, r->block, r->len) != 1)
    {
        r->failed = true;
        r->len = 0;
    }

    return r->len > 0;
}


/* The next line, without its line feed; false at the end of the file. */
static bool
read_line(read_t *r)
{
    size_t       n, room;
    const char  *start, *end;

    r->line_len = 0;
    r->large = false;
    r->ended = false;

    while (!r->ended && (r->pos < r->len || read_more(r))) {
        start = r->block + r->pos;
        end = memchr(start, '\n', r->len - r->pos);
        r->ended = end != NULL;
        n = r->ended ? (size_t) (end - start) : r->len - r->pos;
        r->pos += n + r->ended;

        room = EXTRACT_LINE_MAX - r->line_len;
        r->large = r->large || n > room;
        n = n < room ? n : room;
        memcpy(r->line + r->line_len, start, n);
        r->line_len += n;
    }

    if (!r->ended && r->line_len == 0) {
        return false;
    }

    r->number++;

    return true;
}


static bool
read_blank(const read_t *r)
{
    return r->line_len == 0 || (r->line_len == 1 && r->line[0] == '\r');
}


static void
read_code(dmp_buf_t *b, dmp_code_t code)
{
    dmp_buf_str(b, code.system);
    dmp_buf_text(b, "\t");
    dmp_buf_str(b, code.code);
    dmp_buf_text(b, "\t");
}


static void
read_number(dmp_buf_t *b, size_t line)
{
    char  text[DIRECTORY_LINE_TEXT + 1];

    (void) snprintf(text, sizeof(text), "%0*zu", DIRECTORY_LINE_TEXT, line);
    dmp_buf_text(b, text);
}


/*
 * Identifier, profession, activity, sector, specialty, structure, all
 * identifiers that the row gives, line; none of them has a tab.  Like
 * situations of one person stand together once they are sorted.
 */
static bool
read_row(directory_import_t *im, read_t *r)
{
    dmp_buf_t      b;
    unsigned       i;
    dmp_error_t    error;
    extract_row_t  row;

    dmp_buf_init(&b, r->record, DIRECTORY_RECORD_MAX);

    if (extract_row(&im->extract, r->line, r->line_len, r->ended, &row, &error)
        != DMP_OK)
    {
        directory_wrong(im, r->number, "%s", error.text);

        if (row.id.len == 0) {
            return true;
        }

        /* Of whom it names, the other rows would not be all. */
        dmp_buf_str(&b, row.id);
        dmp_buf_text(&b, "\t" DIRECTORY_ROW_WRONG);

        return directory_sort_add(im->rows, b.data, b.len)
               || directory_failed();
    }

    dmp_buf_str(&b, row.id);
    dmp_buf_text(&b, "\t");
    read_code(&b, row.profession);
    read_code(&b, row.situation.activity);
    dmp_buf_str(&b, row.situation.sector.code);
    dmp_buf_text(&b, "\t");
    dmp_buf_str(&b, row.situation.specialty.code);
    dmp_buf_text(&b, "\t");
    dmp_buf_str(&b, row.situation.structure);
    dmp_buf_text(&b, "\t");

    dmp_buf_str(&b, row.id);

    for (i = 0; i < row.n_others; i++) {
        dmp_buf_text(&b, " ");
        dmp_buf_str(&b, row.others[i]);
    }

    dmp_buf_text(&b, "\t");
    read_number(&b, r->number);

    return directory_sort_add(im->rows, b.data, b.len) || directory_failed();
}


/* Identifier, line, and the line as it stands. */
static bool
read_delta(directory_import_t *im, read_t *r)
{
    json_t       *delta;
    dmp_buf_t     b;
    dmp_str_t     ids[DMP_DIRECTORY_IDS];
    dmp_error_t   error;

    delta = directory_delta(r->line, r->line_len, &error);

    if (delta == NULL) {
        directory_wrong(im, r->number, "%s", error.text);
        return true;
    }

    (void) directory_delta_ids(delta, ids);
    dmp_buf_init(&b, r->record, DIRECTORY_RECORD_MAX);
    dmp_buf_str(&b, ids[0]);
    dmp_buf_text(&b, "\t");
    read_number(&b, r->number);
    dmp_buf_text(&b, "\t");
    dmp_buf_add(&b, r->line, r->line_len);
    json_decref(delta);

    return directory_sort_add(im->rows, b.data, b.len) || directory_failed();
}


/* The first line says which of the two forms it is. */
static int
read_first(directory_import_t *im, read_t *r)
{
    dmp_error_t  error;

    if (!read_line(r)) {
        tool_error("%s: %s", im->path, r->failed ? "cannot be read"
                                                 : "is empty");
        return r->failed ? TOOL_FAILED : TOOL_NO;
    }

    if (r->line_len >= 3 && memcmp(r->line, "\xef\xbb\xbf", 3) == 0) {
        r->line_len -= 3;
        memmove(r->line, r->line + 3, r->line_len);
    }

    im->published = r->line_len == 0 || r->line[0] != '{';

    if (!im->published) {
        return TOOL_DONE;
    }

    if (r->large || extract_header(&im->extract, r->line, r->line_len, &error)
                    != DMP_OK)
    {
        tool_error("%s: line 1: neither an object nor an extract's header: %s",
                   im->path, r->large ? "too long" : error.text);
        return TOOL_NO;
    }

    return TOOL_DONE;
}


static bool
read_one(directory_import_t *im, read_t *r)
{
    if (r->large) {
        directory_wrong(im, r->number, "longer than %d bytes",
                        EXTRACT_LINE_MAX);
        return true;
    }

    if (read_blank(r)) {
        return true;
    }

    return im->published ? read_row(im, r) : read_delta(im, r);
}


static int
read_all(directory_import_t *im, read_t *r)
{
    int   rc;
    bool  any;

    rc = read_first(im, r);
    if (rc != TOOL_DONE) {
        return rc;
    }

    any = im->published ? read_line(r) : true;

    while (any) {
        if (!read_one(im, r)) {
            return TOOL_FAILED;
        }

        tool_progress("%s: %zu lines read", im->path, r->number);
        any = read_line(r);
    }

    if (r->failed) {
        tool_error("%s: cannot be read", im->path);
        return TOOL_FAILED;
    }

    tool_progress("%s: %zu lines, sorting", im->path, r->number);

    return directory_sort_end(im->rows) || directory_failed() ? TOOL_DONE
                                                              : TOOL_FAILED;
}


static bool
read_digest(directory_import_t *im, read_t *r)
{
    dmp_buf_t      b;
    unsigned char  hash[SHA256_DIGEST_LENGTH];

    if (EVP_DigestFinal_ex(r->digest, hash, NULL) != 1) {
        tool_error("no digest could be made");
        return false;
    }

    dmp_buf_init(&b, im->digest, sizeof(im->digest));
    dmp_buf_base64url(&b, hash, sizeof(hash));

    return true;
}


int
directory_read(directory_import_t *im)
{
    int     rc;
    read_t  r;

    memset(&r, 0, sizeof(r));

    r.file = strcmp(im->path, "-") == 0 ? stdin : fopen(im->path, "r");
    if (r.file == NULL) {
        tool_error("%s: %s", im->path, strerror(errno));
        return TOOL_FAILED;
    }

    r.block = malloc(READ_BLOCK);
    r.line = malloc(EXTRACT_LINE_MAX);
    r.record = malloc(DIRECTORY_RECORD_MAX);
    r.digest = EVP_MD_CTX_new();

    if (r.block == NULL || r.line == NULL || r.record == NULL
        || r.digest == NULL
        || EVP_DigestInit_ex(r.digest, EVP_sha256(), NULL) != 1)
    {
        tool_error("no memory");
        rc = TOOL_FAILED;

    } else {
        rc = read_all(im, &r);
    }

    if (rc == TOOL_DONE && !read_digest(im, &r)) {
        rc = TOOL_FAILED;
    }

    EVP_MD_CTX_free(r.digest);
    free(r.record);
    free(r.line);
    free(r.block);

    if (r.file != stdin) {
        (void) fclose(r.file);       /* only read from */
    }

    return rc;
}
