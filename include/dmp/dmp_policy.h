/*
 * dmp_policy.h: the policy file (JSON): which issuer makes which actor, which
 * words of a card are which profession, and the settings of the rules.
 */

#ifndef DMP_POLICY_H
#define DMP_POLICY_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>


#define DMP_NAME_ENTRIES  8

/* What a chain is allowed to make: nothing else than its own role. */
typedef enum {
    DMP_CHAIN_NONE = 0,
    DMP_CHAIN_PERSONS,
    DMP_CHAIN_ORGANISATIONS
} dmp_chain_role_t;

typedef struct {
    dmp_str_t  type;                     /* short name: "CN", "OU", … */
    dmp_str_t  value;                    /* UTF-8 */
} dmp_name_entry_t;

/* An issuer, by all entries of its name in their order. */
typedef struct {
    dmp_chain_role_t  role;
    dmp_name_entry_t  issuer[DMP_NAME_ENTRIES];
    unsigned          n_entries;
} dmp_chain_t;

typedef struct {
    dmp_str_t   title;                   /* as printed on the card, UTF-8 */
    dmp_code_t  profession;
} dmp_title_t;

struct dmp_policy_s {
    dmp_chain_t   *chains;
    size_t         n_chains;
    dmp_title_t   *titles;
    size_t         n_titles;
    bool           ins_key;              /* check the key of an INS */
    char           digest[43];           /* base64url SHA-256 of the file */
    void          *memory;               /* owns every string above */
};

/*
 * Reads a policy file.  Unknown members, duplicates and wrong types are
 * errors; error->line and error->text say where and which word.  On success
 * *out is freed with dmp_policy_free().
 */
dmp_rc_t dmp_policy_parse(const char *json, size_t len, dmp_policy_t **out,
    dmp_error_t *error);
void dmp_policy_free(dmp_policy_t *policy);

#endif
