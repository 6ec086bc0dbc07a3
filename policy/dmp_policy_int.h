/*
 * dmp_policy_int.h: what the loader of the policy shares among its files.  The
 * reader keeps the path of the value it looks at: jansson keeps no places, so
 * an error walks the text along that path to say on which line it is.
 */

#ifndef DMP_POLICY_INT_H
#define DMP_POLICY_INT_H

#include <jansson.h>
#include <openssl/evp.h>

#include <dmp/dmp_policy.h>


#define DMP_POLICY_STRING  512           /* bytes of a string */
#define DMP_POLICY_DEPTH   8             /* of what is read, not of the text */
#define DMP_MATRICES_MAX   16

typedef struct dmp_policy_reader_s  dmp_policy_reader_t;

/* What one of the named files is. */
typedef struct {
    const char  *member;                 /* of the first file, that names it */
    const char  *format;
    size_t       max;                    /* 0: one name, not a list of them */
    bool       (*read)(dmp_policy_reader_t *r, json_t *root);
} dmp_policy_kind_t;

typedef struct {
    const char               *name;
    const dmp_policy_kind_t  *kind;
    dmp_str_t                 text;
    json_t                   *root;      /* of policy->memory */
} dmp_policy_file_t;

/* A step down into the tree: a member, or an element if member is NULL. */
typedef struct {
    const char  *member;
    size_t       index;
} dmp_policy_step_t;

struct dmp_policy_reader_s {
    const dmp_policy_source_t  *source;
    dmp_policy_t               *policy;
    dmp_error_t                *error;
    dmp_rc_t                    rc;      /* of the error */
    EVP_MD_CTX                 *hash;
    dmp_policy_file_t           files[DMP_POLICY_FILES];
    size_t                      n_files;
    const dmp_policy_file_t    *file;    /* the one that is read */
    dmp_policy_step_t           path[DMP_POLICY_DEPTH];
    size_t                      depth;
    bool                        at_name; /* the path means the name of its
                                            last member, not the value */
    uint64_t                    own[DMP_COLUMN_MAX];  /* cells of our table
                                            that some file gives */
};


/* Down to a value and back up; after an error nobody cares to come back. */
void dmp_policy_into(dmp_policy_reader_t *r, const char *member);
void dmp_policy_at(dmp_policy_reader_t *r, size_t index);
void dmp_policy_up(dmp_policy_reader_t *r);

/*
 * The error, at the value the path leads to; or on a line, 0 when there is
 * none.  Words of the file are shown with dmp_policy_word(), which cuts long
 * ones.  Each is false, so that what found the error can return it.
 */
#define dmp_policy_error(r, ...)                                              \
    (dmp_policy_wrong(r, DMP_E_SYNTAX, __VA_ARGS__), false)
#define dmp_policy_limit(r, ...)                                              \
    (dmp_policy_wrong(r, DMP_E_LIMIT, __VA_ARGS__), false)
#define dmp_policy_error_line(r, rc, line, ...)                               \
    (dmp_policy_wrong_line(r, rc, line, __VA_ARGS__), false)
#define dmp_policy_no_memory(r)                                               \
    dmp_policy_error_line(r, DMP_E_NOMEM, 0, "out of memory")

void dmp_policy_wrong(dmp_policy_reader_t *r, dmp_rc_t rc, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
void dmp_policy_wrong_line(dmp_policy_reader_t *r, dmp_rc_t rc, unsigned line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The line of a byte of the file that is read. */
unsigned dmp_policy_line(const dmp_policy_reader_t *r, size_t offset);

typedef struct {
    char  text[68];
} dmp_policy_word_t;

dmp_policy_word_t dmp_policy_word(dmp_str_t s);


/* The text of the file to its root, which the policy keeps. */
bool dmp_policy_parse(dmp_policy_reader_t *r, dmp_policy_file_t *file);


/*
 * Memory of the policy, zeroed; from the allocator of jansson, which has the
 * rest of it.  NULL is an error that has been told.
 */
void *dmp_policy_alloc(dmp_policy_reader_t *r, size_t n, size_t size);

/*
 * An object of the members in names, which NULL ends; the first "required" of
 * them must be there.  So the functions below that take a member are given
 * NULL only where one is optional.
 */
bool dmp_policy_object(dmp_policy_reader_t *r, json_t *value,
    const char *const *names, size_t required);

/* A non-empty string, as long as the policy lives. */
bool dmp_policy_string(dmp_policy_reader_t *r, json_t *value, dmp_str_t *out);
bool dmp_policy_text(dmp_policy_reader_t *r, json_t *object,
    const char *member, dmp_str_t *out);

/* One of words, which NULL ends: its index.  Absent: *out stays. */
bool dmp_policy_choice(dmp_policy_reader_t *r, json_t *object,
    const char *member, const char *const *words, unsigned *out);

/* One of the stable names, as "a right"; never the zero value. */
bool dmp_policy_named(dmp_policy_reader_t *r, json_t *value,
    const dmp_names_t *names, const char *what, unsigned *out);

/* Absent: *out stays. */
bool dmp_policy_bool(dmp_policy_reader_t *r, json_t *object,
    const char *member, bool *out);
bool dmp_policy_uint(dmp_policy_reader_t *r, json_t *object,
    const char *member, unsigned min, unsigned max, unsigned *out);

/* {"system": …, "code": …} */
bool dmp_policy_code(dmp_policy_reader_t *r, json_t *value, dmp_code_t *out);

/* Goes into the member, a list of min to max elements: up again when done. */
bool dmp_policy_list(dmp_policy_reader_t *r, json_t *object,
    const char *member, size_t min, size_t max, json_t **list);


/* The files; each is given the root of one that has the right format. */
bool dmp_policy_chains(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_feeders(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_professions(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_rights(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_types(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_matrix(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_labels(dmp_policy_reader_t *r, json_t *root);
bool dmp_policy_read_exclusions(dmp_policy_reader_t *r, json_t *root);

/*
 * Every table has been given, by the files named in the first one: what they
 * say together is compiled.
 */
bool dmp_policy_tables(dmp_policy_reader_t *r);

/* Puts types[index] where dmp_policy_type() looks; false: it is there. */
bool dmp_policy_add_type(dmp_policy_t *policy, size_t index);

bool dmp_system_has(const dmp_system_t *system, dmp_str_t name);

#endif
