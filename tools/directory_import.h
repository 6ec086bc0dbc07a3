/*
 * directory_import.h: between the steps of an import of the directory.  A
 * file is read and sorted (directory_read.c), rows under several identifiers
 * of one person are brought together (directory_resolve.c), persons made of
 * them (directory_person.c) and compared with what the store holds
 * (directory_plan.c), claims to one identifier found (directory_claims.c),
 * entries that are no longer published too (directory_complete.c); only then
 * is anything written (directory_apply.c).
 */

#ifndef TOOL_DIRECTORY_IMPORT_H
#define TOOL_DIRECTORY_IMPORT_H

#include <jansson.h>

#include <dmp/dmp_directory.h>

#include "commit.h"
#include "directory_ids.h"
#include "directory_lock.h"
#include "directory_sort.h"
#include "extract.h"


#define DIRECTORY_WRONG_SHOWN  20
#define DIRECTORY_WRONG_MAX    100000    /* that may be skipped */
#define DIRECTORY_BATCH        500       /* persons, or commands in flight */
#define DIRECTORY_LINE_TEXT    16        /* a line's number, in a record */
#define DIRECTORY_DIGEST       43        /* SHA-256 as base64url */
#define DIRECTORY_ROW_WRONG    "!"       /* instead of a row: it is wrong */
#define DIRECTORY_RECORD_MAX   (EXTRACT_LINE_MAX + 3 * DMP_ID_MAX + 64)

/* One of the copies of an entry, as the store holds it. */
typedef struct {
    dmp_str_t   id;                      /* of its key */
    uint64_t    version;                 /* 0: there is none */
    char       *text;
    size_t      len;
    json_t     *entry;
} directory_held_t;

/* What the file says of one person or structure. */
typedef struct {
    char     id[DMP_ID_MAX + 1];         /* one that names them */
    size_t   line;                       /* the first about them */
    json_t  *delta;                      /* as directory_delta() gives it; an
                                            extract's has "ids", all that its
                                            rows give, and "id" if the entry's
                                            are to stay */
    bool     skip;                       /* a row of theirs was wrong */
    char     why[256];                   /* why it is wrong, or empty */
} directory_person_t;

typedef struct {
    char    *record;                     /* the first of the next person */
    size_t   len;
    size_t   size;
    bool     any;
    size_t   taken;                      /* bytes of lines; the caller's to
                                            reset */
} directory_persons_t;

typedef struct {
    const char        *path;
    bool               complete;
    bool               json;
    uint64_t           skip_wrong;
    uint64_t           remove_at_most;   /* percent */

    store_t            store;
    commit_t           commit;
    dmp_keyring_t      ring;
    directory_lock_t   lock;

    bool               published;        /* the file is an extract */
    extract_t          extract;
    char               digest[DIRECTORY_DIGEST];
    uint64_t           wrong;
    directory_sort_t  *rows;
    directory_sort_t  *claims;
    directory_ids_t   *named;            /* everybody whom the file concerns */
    FILE              *plan;
    char             (*skip)[DMP_ID_MAX + 1];  /* persons in conflict */
    size_t             n_skip;
    size_t             size_skip;
    uint64_t           planned;          /* entries to be written */
    uint64_t           held;             /* published entries, before */
    uint64_t           leaving;          /* of them, those to be removed */

    uint64_t           added;
    uint64_t           changed;
    uint64_t           unchanged;
    uint64_t           removed;
} directory_import_t;

/* Names a wrong line; only the first ones are printed. */
void directory_wrong(directory_import_t *im, size_t line, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* A temporary file failed, by errno: complains and returns false. */
bool directory_failed(void);

/* Cuts off what stands before the next "at", or all that is left. */
dmp_str_t directory_cut(dmp_str_t *rest, char at);

/* The steps, in this order; each returns an exit code after its complaints. */
int directory_read(directory_import_t *im);
int directory_resolve(directory_import_t *im);
int directory_plan(directory_import_t *im);
int directory_claims(directory_import_t *im);
int directory_complete(directory_import_t *im);
int directory_apply(directory_import_t *im);

/*
 * The next person of the sorted lines, to be freed: 1; 0 when there are no
 * more; -1 after a complaint.
 */
int directory_person_next(directory_import_t *im, directory_persons_t *p,
    directory_person_t *person);
void directory_person_free(directory_person_t *person);

/* Reads a line of ours; NULL, and error->text names the member. */
json_t *directory_delta(const char *line, size_t len, dmp_error_t *error);

/* The identifiers that a delta is about: at least one, none twice. */
unsigned directory_delta_ids(const json_t *delta,
    dmp_str_t ids[DMP_DIRECTORY_IDS]);

/*
 * The entry that a delta makes of the one that is held (NULL: none), to be
 * released, and its text, to be freed; NULL, and why.  published: the delta is
 * an extract's.
 */
char *directory_merge(const directory_held_t *held, json_t *delta,
    bool published, json_t **entry, dmp_error_t *error);

/* The identifiers of an entry; 0 if it is not one. */
unsigned directory_entry_ids(const json_t *entry,
    dmp_str_t ids[DMP_DIRECTORY_IDS]);
bool directory_entry_has(const json_t *entry, dmp_str_t id);
bool directory_entry_published(const json_t *entry);

/*
 * Sends a command without waiting; then one reply each, in their order, to be
 * freed.  False or NULL after a complaint: the connection is lost, or the
 * store said an error; what is not wanted any more must then be drained, so
 * that other commands get their own replies.
 */
bool directory_send(store_t *store, const store_args_t *args);
redisReply *directory_receive(store_t *store);
void directory_drain(store_t *store, size_t n);

/* Opens what the store holds under each id; false after a complaint. */
bool directory_fetch(store_t *store, const dmp_keyring_t *ring,
    directory_held_t *const *held, size_t n);
void directory_held_free(directory_held_t *held);

/*
 * Notes an identifier that the file concerns; person: who claims it, or empty.
 */
bool directory_claim(directory_import_t *im, dmp_str_t id, dmp_str_t person,
    size_t line);

/* What is going to be written of one person, one command after the other. */
typedef enum {
    DIRECTORY_NOTHING = 0,
    DIRECTORY_ADD,
    DIRECTORY_CHANGE,
    DIRECTORY_REMOVE,                    /* the entry's first key */
    DIRECTORY_REMOVE_COPY                /* another key of it: not counted */
} directory_change_t;

bool directory_plan_person(directory_import_t *im, dmp_str_t person,
    directory_change_t change, unsigned commands);
bool directory_plan_set(directory_import_t *im, dmp_str_t id,
    uint64_t version, const char *text, size_t len);
bool directory_plan_delete(directory_import_t *im, dmp_str_t id);

#endif
