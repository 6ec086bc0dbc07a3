/*
 * audit_filter.h: which entries of the trace are asked for, by the options
 * that the commands of "dmpctl audit" share.
 */

#ifndef TOOL_AUDIT_FILTER_H
#define TOOL_AUDIT_FILTER_H

#include <jansson.h>

#include <dmp/dmp_item.h>

#include "audit.h"


/* As they stand on the command line; NULL: not given. */
typedef struct {
    const char   *patient;
    const char   *pseudonym;
    const char   *pseudonym_key;
    const char   *actor;
    const char   *reason;
    const char   *decision;
    const char   *operation;
    const char   *since;
    const char   *until;
    tool_list_t   kinds;
    tool_list_t   record_keys;
    bool          emergency;
} audit_filter_options_t;

#define AUDIT_FILTER_OPTIONS(o)                                              \
    { "--patient",       NULL,            &(o).patient,       NULL },        \
    { "--pseudonym",     NULL,            &(o).pseudonym,     NULL },        \
    { "--pseudonym-key", NULL,            &(o).pseudonym_key, NULL },        \
    { "--actor",         NULL,            &(o).actor,         NULL },        \
    { "--reason",        NULL,            &(o).reason,        NULL },        \
    { "--decision",      NULL,            &(o).decision,      NULL },        \
    { "--operation",     NULL,            &(o).operation,     NULL },        \
    { "--since",         NULL,            &(o).since,         NULL },        \
    { "--until",         NULL,            &(o).until,         NULL },        \
    { "--kind",          NULL,            NULL,               &(o).kinds },  \
    { "--record-key",    NULL,            NULL,    &(o).record_keys },       \
    { "--emergency",     &(o).emergency,  NULL,               NULL }

#define AUDIT_FILTER_USAGE                                                   \
    "\nWhich entries:\n"                                                     \
    "  --patient INS        with --pseudonym-key FILE\n"                     \
    "  --pseudonym P        the same, by the name that the store has\n"      \
    "  --actor ID           who asked: national identifier, operator\n"      \
    "  --operation NAME     check, search, read, rights ...\n"               \
    "  --decision WORD      allow, deny or error\n"                          \
    "  --reason CODE        blocked, not-authorised ...\n"                   \
    "  --emergency          in a mode of emergency\n"                        \
    "  --kind NAME          may be repeated; default access, change, admin;" \
    "\n                       \"all\" for all\n"                             \
    "  --since, --until T   2026-02-01T10:00:00Z, or a day in Europe/Paris;" \
    "\n                       until T exclusive, by the store's clock\n"

#define AUDIT_OPEN_USAGE                                                     \
    "  --record-key FILE    opens justifications and details; may be "       \
    "repeated\n"

typedef struct {
    audit_range_t   range;               /* its bucket: audit_filter_store() */
    bool            one_patient;
    char            pseudonym[DMP_PSEUDONYM_LEN];
    char            actor[512];          /* as it stands in an entry */
    size_t          actor_len;           /* 0: any */
    dmp_str_t       reason;              /* empty: any */
    dmp_str_t       decision;
    dmp_str_t       operation;
    bool            emergency;
    bool            kinds[DMP_KIND_MAX];
    dmp_keyring_t   ring;                /* n is 0: nothing is opened */
} audit_filter_t;

/*
 * TOOL_USAGE or TOOL_FAILED after a complaint, which never repeats an INS.
 * The options must outlive the filter.
 */
int audit_filter(const audit_filter_options_t *options,
    audit_filter_t *filter);

/* An instant or a day, in milliseconds since 1970; false after a complaint. */
bool audit_instant(const char *option, const char *text, uint64_t *ms);

/* A national health identifier to its pseudonym; the same answers. */
int audit_pseudonym(const char *ins, const char *key_file,
    char out[DMP_PSEUDONYM_LEN]);

/* dmp:meta was read: the bucket of the patient asked for is known. */
void audit_filter_store(audit_filter_t *filter, const store_t *store);

bool audit_filter_passes(const audit_filter_t *filter,
    const dmp_entry_view_t *view);


/* dmp_item_open(); false after a complaint: no memory. */
bool audit_item_open(dmp_item_t *item, const dmp_keyring_t *ring);

#endif
