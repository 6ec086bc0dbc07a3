/*
 * case.h: one case of the decision in small numbers: each dimension has a
 * list of values with names, and a case takes one of each.  case.c turns it
 * into the core's own values; driver.c reads which cases are wanted.
 */

#ifndef ORACLE_CASE_H
#define ORACLE_CASE_H

#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_record.h>


#define VALUES_MAX  1024

#define count(table)  (sizeof(table) / sizeof((table)[0]))

enum {
    DIM_POLICY,                          /* one for each file given */
    DIM_CERTIFICATE,
    DIM_TOKEN,
    DIM_ACTOR,
    DIM_AUTH,
    DIM_ID,
    DIM_OWN,
    DIM_ROLE,
    DIM_USED,
    DIM_SITUATIONS,
    DIM_STRUCTURE,
    DIM_REGULATOR,
    DIM_MAPPING,
    DIM_ON,
    DIM_OPERATION,
    DIM_CHANGE,
    DIM_TARGET,
    DIM_SAYS,
    DIM_CONSENT,
    DIM_EMERGENCY_ANSWERED,
    DIM_UNTIL,
    DIM_MODE,
    DIM_OFFERS,
    DIM_CHANNEL,
    DIM_JUSTIFICATION,
    DIM_TRAITS,
    DIM_EFFECTS,
    DIM_STORE,
    DIM_OPEN,
    DIM_BLOCKED,
    DIM_TREATING,
    DIM_GRANT,
    DIM_BRIS,
    DIM_CENTRE15,
    DIM_EMERGENCY_MASKED,
    DIM_REPRESENTATIVE,
    DIM_RECORD_TRAITS,
    DIM_LISTS,
    DIM_BY_DEFAULT,
    DIM_DOCUMENT,
    DIM_TYPE,
    DIM_LABELS,
    DIM_AUTHOR,
    DIM_DOC_STRUCTURE,
    DIM_BY_PATIENT,
    DIM_STATUS,
    DIM_ARCHIVED,
    DIM_DEPOSITED,
    DIM_INDEXED,
    DIM_MAX
};

/* What the values of a dimension are called, and what "define" made of them. */
typedef struct {
    const char         *name;
    const dmp_names_t  *core;            /* the core's names, and "beyond" */
    const char *const  *fixed;           /* or these, NULL at the end */
    bool                open;            /* or what "define" adds */
} dimension_t;

typedef struct {
    char             *name;
    char             *text;              /* owns what follows */
    dmp_str_t         str;
    dmp_code_t        code;
    dmp_code_t        codes[DMP_DOCUMENT_TYPES];
    unsigned          n_codes;
    dmp_situation_t   situations[4];
    size_t            n_situations;
    dmp_str_t         traits[4];
    long              number;
    bool              known;
} value_t;

typedef int  case_t[DIM_MAX];

/* All that a decision looks at. */
typedef struct {
    const dmp_policy_t    *policy;
    dmp_subject_t          subject;
    dmp_request_t          request;
    dmp_record_t           record;
    dmp_facts_t            facts;
    dmp_document_t         document;
    const dmp_document_t  *given;        /* the document, or NULL */
    dmp_representative_t   representatives[2];
} scene_t;

extern const dimension_t  dimensions[DIM_MAX];
extern const dmp_policy_t  *policies[8];
extern int32_t  today;

/* -1 if there is none. */
int dimension_find(const char *name);
int value_find(int dimension, const char *name);

/* NULL, or what is wrong. */
const char *value_define(int dimension, const char *name, const char *text);

void case_build(const case_t c, scene_t *scene);

#endif
