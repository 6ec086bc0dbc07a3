/*
 * case.h: decision cases as data (docs/policy-cases.md): a file holds several,
 * each is one question to dmp_decide() and, mostly, the answer expected.
 */

#ifndef TOOL_CASE_H
#define TOOL_CASE_H

#include <jansson.h>

#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>


#define CASE_FILE_MAX  (4 * 1024 * 1024) /* bytes of a file */
#define CASES_MAX      4096              /* cases of a file */

typedef struct {
    const char  *path;                   /* borrowed */
    json_t      *tree;
    json_t      *given;                  /* borrowed from the tree, or NULL */
    json_t      *cases;
} case_file_t;

typedef struct {
    bool          given;
    dmp_effect_t  effect;
    dmp_rule_t    rule;                  /* NONE: whichever allows */
    dmp_reason_t  reason;
    bool          has_obligations;       /* compared only if told */
    uint32_t      obligations;
    bool          has_unverified;
    bool          unverified;
} case_expected_t;

typedef struct {
    const char       *name;
    dmp_rule_t        rule;              /* that it is about */
    dmp_subject_t     subject;
    dmp_request_t     request;
    dmp_facts_t       facts;
    uint64_t          version;           /* of a record that is present */
    dmp_document_t   *document;          /* NULL: none */
    int32_t           today;
    case_expected_t   expected;
    json_t           *tree;              /* owns all strings, with these: */
    dmp_situation_t  *situations;
    dmp_record_t     *record;
    char             *document_text;
} case_t;

/*
 * Reads a file ("-": standard input) whose "format" is right; false with
 * error->line where it is known, and error->text.  Closed in any case.
 */
bool case_file_open(case_file_t *file, const char *path, dmp_error_t *error);
void case_file_close(case_file_t *file);
size_t case_file_count(const case_file_t *file);

/* "a name", or "case 3" of one that has none: for messages. */
void case_file_name(const case_file_t *file, size_t i, char *out, size_t size);

/* "dmpctl: FILE:LINE: NAME: TEXT", as far as there are a line and a name. */
void case_complain(const char *path, const char *name,
    const dmp_error_t *error);

/* The number of the case with that name, or as many as there are. */
size_t case_file_find(const case_file_t *file, const char *name);

/*
 * One case, strictly: error->text begins with the member that is wrong.  The
 * policy says what the labels of a FHIR document mean.  Freed with
 * case_free(), unless it is false.
 */
bool case_read(const dmp_policy_t *policy, const case_file_t *file, size_t i,
    case_t *c, dmp_error_t *error);
void case_free(case_t *c);

/* The case is about this record instead, or, with NULL, about none. */
bool case_set_record(case_t *c, const char *json, size_t len,
    uint64_t version, dmp_error_t *error);

/* "2026-02-01", or an instant: the day it is then in Europe/Paris. */
bool case_day_parse(dmp_str_t text, int32_t *day);

/* What came of it is what was expected; all of it is compared that is told. */
bool case_holds(const case_t *c, const dmp_decision_t *came);

#endif
