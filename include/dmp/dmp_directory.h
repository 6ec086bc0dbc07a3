/*
 * dmp_directory.h: what the directory knows of who asks: other identifiers of
 * the same person, where and as what they practise, the centres they regulate
 * for.  An entry is one JSON object, sealed in the store under each identifier
 * of its person or structure.  Format: docs/directory.md.
 */

#ifndef DMP_DIRECTORY_H
#define DMP_DIRECTORY_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_ids.h>
#include <dmp/dmp_record.h>


#define DMP_DIRECTORY_MAX        65536   /* bytes of an entry */
#define DMP_DIRECTORY_IDS        (DMP_SUBJECT_IDS + 1)
#define DMP_DIRECTORY_PRACTICES  256
#define DMP_DIRECTORY_CENTRES    8
#define DMP_DIRECTORY_FIELD      "d"     /* where it is sealed */

typedef enum {
    DMP_DIRECTORY_NONE = 0,
    DMP_DIRECTORY_PERSON,
    DMP_DIRECTORY_STRUCTURE
} dmp_directory_kind_t;

/*
 * The situations are grouped by profession: those of one follow each other,
 * and professions[i] is that of situations[i] (empty: not said).
 */
typedef struct {
    dmp_directory_kind_t  kind;
    dmp_str_t             ids[DMP_DIRECTORY_IDS];      /* at least one */
    unsigned              n_ids;
    dmp_code_t           *professions;
    dmp_situation_t      *situations;
    size_t                n_situations;
    dmp_str_t             centres[DMP_DIRECTORY_CENTRES];  /* they regulate
                                                              for */
    unsigned              n_centres;
    bool                  centre_15;     /* a structure: a registered one */
    dmp_str_t             notices;       /* where they are written to: a URI,
                                            or empty */
    bool                  published;     /* from the published directory */
    void                 *memory;        /* owns every string above */
} dmp_directory_t;

/*
 * Reads an entry.  Unknown members, duplicates and wrong types are errors;
 * error->text names the member.  On success *out is freed with
 * dmp_directory_free().
 */
dmp_rc_t dmp_directory_parse(const char *json, size_t len,
    dmp_directory_t **out, dmp_error_t *error);
void dmp_directory_free(dmp_directory_t *entry);

/* "dmp:dir:" and the identifier; 0 if it is none of a form that is known. */
size_t dmp_directory_key(char out[DMP_KEY_NAME_MAX], dmp_str_t id);

/*
 * The identifier whose entry says more of this subject: a professional's own,
 * the structure's of everybody else; empty for who is not in a directory.
 */
dmp_str_t dmp_directory_id(const dmp_subject_t *subject);

/*
 * Adds to the subject what its entry says and its credential does not; entry
 * is NULL when the directory has none.  The subject's strings then point into
 * the entry, which must outlive it.  False: the entry is another's, or of
 * another kind, and nothing was added.
 *
 * The profession is the credential's; where that leaves it open it is the
 * entry's, if the entry has just one.  Situations are those of that
 * profession.  A regulator is registered by name of a centre: with an entry of
 * a person, regulator stays UNKNOWN until dmp_introduce_centre() has seen each
 * of entry->centres.
 */
bool dmp_introduce(dmp_subject_t *subject, const dmp_directory_t *entry);

/*
 * One of the centres that the entry names, with the directory's entry of it
 * (NULL: none): if it is a registered centre the subject is its regulator.
 */
void dmp_introduce_centre(dmp_subject_t *subject, dmp_str_t id,
    const dmp_directory_t *centre);

#endif
