/*
 * dmp_scan.h: a single-pass JSON scanner (RFC 8259) without a tree.
 *
 * The caller walks the text with a cursor and says at each value whether it
 * wants it or skips it; what is skipped is checked just as strictly.  It is
 * for answers of a record host, so it refuses rather than repairs: names given
 * twice in one object, names written with escapes, NUL, invalid UTF-8, lone
 * surrogates, trailing bytes, a byte order mark, depth and name counts beyond
 * the limits.  The first error is kept and every later call fails.
 */

#ifndef DMP_SCAN_H
#define DMP_SCAN_H

#include <dmp/dmp.h>


#define DMP_SCAN_DEPTH  64       /* open objects and arrays */
#define DMP_SCAN_NAMES  1024     /* names of all open objects together */
#define DMP_SCAN_FEW    32       /* names of an object compared one by one */
#define DMP_SHAPES      512      /* members remembered, of all shapes */
#define DMP_SHAPE_TEXT  32       /* bytes of one: "name": */

typedef enum {
    DMP_SCAN_NONE = 0,           /* error, or no value here */
    DMP_SCAN_OBJECT,
    DMP_SCAN_ARRAY,
    DMP_SCAN_STRING,
    DMP_SCAN_NUMBER,
    DMP_SCAN_TRUE,
    DMP_SCAN_FALSE,
    DMP_SCAN_NULL
} dmp_scan_type_t;

typedef enum {
    DMP_SCAN_OK = 0,
    DMP_SCAN_SYNTAX,
    DMP_SCAN_TRUNCATED,
    DMP_SCAN_ENCODING,           /* not UTF-8, a lone surrogate, a NUL */
    DMP_SCAN_DUPLICATE,          /* the same name twice in one object */
    DMP_SCAN_ESCAPED_NAME,
    DMP_SCAN_TOO_DEEP,
    DMP_SCAN_TOO_MANY_NAMES,
    DMP_SCAN_TRAILING,
    DMP_SCAN_UNEXPECTED          /* the caller asked for another type */
} dmp_scan_error_t;

/*
 * Which names followed which in the objects that were scanned, so that the
 * next ones of the same shape are known by one comparison each: a name that
 * comes as it did is as new in its object as it was then.  Only names are
 * kept, never a value, and nothing but speed depends on it.
 */
typedef struct dmp_shape_s  dmp_shape_t;

struct dmp_shape_s {
    unsigned char  text[DMP_SHAPE_TEXT];     /* "name": */
    uint64_t       care[2];              /* masks of its 16 bytes, twice */
    size_t         len;                  /* of the text; 0: no member yet */
    uint32_t       hash;
    const void    *fields;               /* for who reads them: where it was */
    const void    *field;                /* looked for, and what was found */
    dmp_shape_t   *before;               /* the member before it */
    dmp_shape_t   *next;                 /* the first that came after it, */
    dmp_shape_t   *sibling;              /* and another that did */
    dmp_shape_t   *inside;               /* where objects in its value begin */
};

/* May serve many texts, one after the other; "n" is zero at first. */
typedef struct {
    size_t       n;
    dmp_shape_t  shape[DMP_SHAPES];
} dmp_shapes_t;

/*
 * The cursor.  Callers read "error" and nothing else; "names" and the tables
 * after it are those of the open objects, innermost last, and only their used
 * part is ever written or read.
 */
typedef struct {
    const unsigned char  *start;
    const unsigned char  *pos;
    const unsigned char  *end;
    const unsigned char  *block;         /* before it, 16 bytes follow, */
    const unsigned char  *shape;         /* and more than DMP_SHAPE_TEXT */
    dmp_scan_error_t      error;
    bool                  expect;        /* a value must be consumed now */
    bool                  escaped;       /* of the string last passed slowly */
    unsigned              depth;
    unsigned              max_depth;
    unsigned              names;
    uint64_t              objects;       /* bit per level, innermost lowest:
                                            object, not array */
    dmp_shapes_t         *shapes;        /* NULL: nothing is remembered */
    dmp_shape_t          *at[DMP_SCAN_DEPTH + 1];    /* last member, as long as
                                            all of its object were known: then
                                            its names are in no table below */
    dmp_shape_t          *learn[DMP_SCAN_DEPTH + 1]; /* else, if remembered */
    uint16_t              base[DMP_SCAN_DEPTH];  /* its first name */
    uint64_t              seen[DMP_SCAN_DEPTH];  /* a bit of each hash */
    uint32_t              hash[DMP_SCAN_NAMES];
    dmp_str_t             name[DMP_SCAN_NAMES];
    uint16_t              order[DMP_SCAN_NAMES]; /* sorted, per large object */
} dmp_scan_t;

/*
 * A string value as it stands in the text, quotes not included.  "escaped"
 * says that it holds backslash escapes and must be decoded before use.
 */
typedef struct {
    dmp_str_t  raw;
    bool       escaped;
} dmp_scan_string_t;

/* text must stay in place while the cursor is used; nothing is allocated. */
void dmp_scan_init(dmp_scan_t *s, const char *text, size_t len);

/* Fewer open objects and arrays than DMP_SCAN_DEPTH; 0 or more: that many. */
void dmp_scan_limit(dmp_scan_t *s, unsigned max_depth);

/* Before anything is scanned: by these shapes, and to add to them. */
void dmp_scan_remember(dmp_scan_t *s, dmp_shapes_t *shapes);

/*
 * The type of the value at the cursor, which does not move past it.  It goes
 * by the first byte: only consuming the value tells whether it is well formed.
 */
dmp_scan_type_t dmp_scan_peek(dmp_scan_t *s);

/*
 * Enters an object, then one call per member: true with its name (raw bytes)
 * and the cursor on its value, which must be consumed before the next call;
 * false at the end of the object or on error (look at s->error).
 */
bool dmp_scan_object(dmp_scan_t *s);
bool dmp_scan_member(dmp_scan_t *s, dmp_str_t *name);

/* The same for an array: true with the cursor on the next element. */
bool dmp_scan_array(dmp_scan_t *s);
bool dmp_scan_element(dmp_scan_t *s);

bool dmp_scan_string(dmp_scan_t *s, dmp_scan_string_t *out);
bool dmp_scan_bool(dmp_scan_t *s, bool *out);
bool dmp_scan_number(dmp_scan_t *s, dmp_str_t *raw);

/* An integer of 0 to 2^53 - 1, written without fraction or exponent. */
bool dmp_scan_uint(dmp_scan_t *s, uint64_t *out);

/*
 * Checks and passes over the whole value, without recursion; range, if not
 * NULL, covers it without the white space around it.
 */
bool dmp_scan_skip(dmp_scan_t *s, dmp_str_t *range);

/* After the last value: true if nothing but white space is left. */
bool dmp_scan_end(dmp_scan_t *s);

/* Offset of the cursor in the text: where it stopped, for messages. */
size_t dmp_scan_offset(const dmp_scan_t *s);

/*
 * Decodes a string value, as dmp_scan_string() gave it, into out (size bytes;
 * the decoded text is never longer than the raw one).  False if it does not
 * fit.
 */
bool dmp_scan_decode(const dmp_scan_string_t *in, char *out, size_t size,
    size_t *len);

/* Compares a string value, decoded, with a text. */
bool dmp_scan_string_eq(const dmp_scan_string_t *in, dmp_str_t text);

const char *dmp_scan_strerror(dmp_scan_error_t error);

/* DMP_OK, DMP_E_LIMIT beyond the limits above, else DMP_E_SYNTAX. */
dmp_rc_t dmp_scan_rc(const dmp_scan_t *s);

#endif
