/*
 * ngx_http_dmp_history.h: what the two files that tell a history share: which
 * lines of the holder's list it is made of, and what they say.
 */

#ifndef NGX_HTTP_DMP_HISTORY_H
#define NGX_HTTP_DMP_HISTORY_H

#include "ngx_http_dmp_store.h"

#include <dmp/dmp_history.h>


#define NGX_HTTP_DMP_HISTORY_BLOCK  128  /* entries asked for at once */
#define NGX_HTTP_DMP_HISTORY_PAGE   100  /* of an answer */

typedef enum {
    NGX_HTTP_DMP_HISTORY_COUNT = 0,
    NGX_HTTP_DMP_HISTORY_DOCUMENTS,
    NGX_HTTP_DMP_HISTORY_SEARCH,         /* the end, by its day */
    NGX_HTTP_DMP_HISTORY_LIST,           /* the page's lines */
    NGX_HTTP_DMP_HISTORY_BLOCK_LIST,     /* some lines, of all of them, */
    NGX_HTTP_DMP_HISTORY_BLOCK_READ,     /* and whether they are seen */
    NGX_HTTP_DMP_HISTORY_READ,           /* the page's entries */
    NGX_HTTP_DMP_HISTORY_SHOW
} ngx_http_dmp_history_e;

/* A line of the page, by its number in what the reader sees. */
typedef struct {
    ngx_http_dmp_id_t        id;
    uint64_t                 n;
} ngx_http_dmp_line_t;

struct ngx_http_dmp_history_s {
    ngx_http_dmp_history_e   step;
    dmp_history_reader_t     reader;
    dmp_history_t           *answer;
    dmp_buf_t                text;
    uint64_t                 version;    /* that it was decided by */
    uint64_t                 since_ms;   /* of ids; 0: not asked for */
    uint64_t                 until_ms;
    uint64_t                 lines;      /* of the list */
    uint64_t                 seen;       /* of them */
    uint64_t                 low;        /* of the search, and of the block */
    uint64_t                 high;
    ngx_http_dmp_id_t        ids[NGX_HTTP_DMP_HISTORY_BLOCK];
    ngx_uint_t               n_ids;

    /* oldest first, from "first" on and round; one more than is told */
    ngx_http_dmp_line_t      page[NGX_HTTP_DMP_HISTORY_PAGE + 1];
    ngx_uint_t               first;
    ngx_uint_t               n_page;
};


/* It does not hang together: says so in the log; NGX_ERROR. */
ngx_int_t ngx_http_dmp_history_wrong(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx, const ngx_http_dmp_id_t *id, const char *why);

/*
 * ngx_http_dmp_history_lines.c.  Each step asks the store (NGX_AGAIN; NGX_OK
 * where there is nothing to ask) and takes what came.  keep is told each line
 * that the reader sees, with its number; told says how many lines of the page
 * are told, and which is the first of them.
 */
ngx_int_t ngx_http_dmp_history_ask_count(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_take_count(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_ask_search(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_take_search(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_ask_list(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_take_list(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_ask_block(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
ngx_int_t ngx_http_dmp_history_take_block(ngx_http_request_t *r,
    ngx_http_dmp_ctx_t *ctx);
void ngx_http_dmp_history_keep(ngx_http_dmp_ctx_t *ctx,
    const ngx_http_dmp_id_t *id, uint64_t n);
ngx_uint_t ngx_http_dmp_history_told(const ngx_http_dmp_ctx_t *ctx,
    ngx_uint_t *from);
const ngx_http_dmp_line_t *ngx_http_dmp_history_line(
    const ngx_http_dmp_ctx_t *ctx, ngx_uint_t i);

#endif
