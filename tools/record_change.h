/*
 * record_change.h: between the steps of "dmpctl record VERB", which changes
 * the rights of one record: what the command line asks for (record_words.c),
 * whom and what it concerns (record_target.c), the decision and the commit
 * (record_change.c), and what is so then (record_say.c).
 */

#ifndef TOOL_RECORD_CHANGE_H
#define TOOL_RECORD_CHANGE_H

#include <dmp/dmp_change.h>
#include <dmp/dmp_policy.h>

#include "directory_import.h"
#include "index_build.h"
#include "record.h"


/* Options of some of the verbs. */
#define RECORD_UNTIL    0x01
#define RECORD_FLAGS    0x02
#define RECORD_CONTACT  0x04
#define RECORD_HOST     0x08

/* What stands after the INS. */
typedef enum {
    RECORD_WORD_NONE = 0,
    RECORD_WORD_PERSON,                  /* a professional */
    RECORD_WORD_ANYBODY,                 /* a professional or a structure */
    RECORD_WORD_DOCUMENT,
    RECORD_WORD_CHOICE,                  /* "yes", "no" */
    RECORD_WORD_INS
} record_word_t;

typedef struct {
    const char       *name;
    dmp_operation_t   operation;
    dmp_change_t      change;
    record_word_t     word;
    unsigned          options;
} record_verb_t;

/* As they were given; NULL: not. */
typedef struct {
    const char  *until;
    const char  *bris_de_glace;
    const char  *centre_15;
    const char  *masked;
    const char  *email;
    const char  *phone;
    const char  *prefer;
    const char  *host;
} record_words_t;

typedef struct {
    record_tool_t         tool;
    record_options_t      options;
    record_words_t        words;
    const char           *policy_file;
    bool                  json;

    const record_verb_t  *verb;
    dmp_policy_t         *policy;
    dmp_subject_t         subject;
    dmp_request_t         request;
    int32_t               today;
    char                  route[64];
    directory_held_t      person;        /* whom the change concerns, in the
                                            directory */
    dmp_str_t             name;          /* of a document, as it was given */
    index_facts_t        *facts;         /* the document; NULL: not known */
    index_facts_t         room[2];
    char                  hash[DMP_INDEX_HASH_LEN];    /* its name in the
                                                          trace, if need be */

    dmp_decision_t        decision;
    bool                  refused;       /* by the decision, and traced */
    bool                  changed;       /* it had an effect */
    uint64_t              version;       /* that it made */
    uint64_t              id_ms;         /* of its entry */
    char                  trace_id[DMP_UUID_LEN];
    dmp_record_t         *now;           /* the record since */
} record_edit_t;


/* record_words.c */

const record_verb_t *record_verb(const char *name);

/* Puts the words and options into the request; TOOL_USAGE after a complaint. */
int record_words(record_edit_t *e, const tool_list_t *words);

/* What only the policy settles: whether the last two digits must fit. */
int record_words_ins(const record_edit_t *e);


/* record_target.c */

/* The person's other identifiers, into the request; false if it failed. */
bool record_target(record_edit_t *e);

/*
 * The document, e->facts, as the index has it under this patient; TOOL_DONE
 * also when it has none.  TOOL_NO: the name fits several.
 */
int record_document(record_edit_t *e, const record_keys_t *keys);


/* record_say.c */

/* What is so now, or why it was refused, as a sentence or as JSON. */
void record_say_done(const record_edit_t *e);
void record_say_refused(const record_edit_t *e);

#endif
