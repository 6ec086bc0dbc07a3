/*
 * dmp_policy.c: the policy file, read strictly.  What it does not understand
 * it refuses, since a word that is silently ignored is a rule that does not
 * hold.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include <dmp/dmp_policy.h>


#define DMP_POLICY_FORMAT  "dmp-policy/1"
#define DMP_POLICY_MAX     (1024 * 1024)
#define DMP_CHAINS_MAX     64
#define DMP_TITLES_MAX     256

typedef struct {
    const char    *text;                 /* the file, for line numbers */
    size_t         len;
    dmp_policy_t  *policy;
    dmp_error_t   *error;
} dmp_policy_reader_t;


/* jansson keeps no lines: the first place where the quoted word stands. */
static unsigned
dmp_policy_line(const dmp_policy_reader_t *r, const char *word)
{
    size_t    i, len;
    unsigned  line;

    len = strlen(word);
    line = 1;

    for (i = 0; i + len + 2 <= r->len; i++) {
        if (r->text[i] == '\n') {
            line++;
        }

        if (r->text[i] == '"' && memcmp(r->text + i + 1, word, len) == 0
            && r->text[i + 1 + len] == '"')
        {
            return line;
        }
    }

    return 0;
}


static bool __attribute__((format(printf, 3, 4)))
dmp_policy_error(const dmp_policy_reader_t *r, const char *word,
    const char *format, ...)
{
    va_list  args;

    r->error->line = (word != NULL) ? dmp_policy_line(r, word) : 0;

    va_start(args, format);
    (void) vsnprintf(r->error->text, sizeof(r->error->text), format, args);
    va_end(args);

    return false;
}


/* Every member of the object is one of names, which NULL ends. */
static bool
dmp_policy_members(const dmp_policy_reader_t *r, const char *where,
    json_t *object, const char *const *names)
{
    json_t             *value;
    const char         *name;
    const char *const  *known;

    if (!json_is_object(object)) {
        return dmp_policy_error(r, where, "\"%s\" is not an object", where);
    }

    json_object_foreach(object, name, value) {

        for (known = names; *known != NULL; known++) {
            if (strcmp(*known, name) == 0) {
                break;
            }
        }

        if (*known == NULL) {
            return dmp_policy_error(r, name, "unknown member \"%s\" in \"%s\"",
                                    name, where);
        }
    }

    return true;
}


/* The string lives as long as the tree, which the policy keeps. */
static bool
dmp_policy_text(const dmp_policy_reader_t *r, const char *where, json_t *value,
    dmp_str_t *out)
{
    if (!json_is_string(value) || json_string_length(value) == 0) {
        return dmp_policy_error(r, where, "\"%s\" is not a non-empty string",
                                where);
    }

    out->data = json_string_value(value);
    out->len = json_string_length(value);
    return true;
}


static bool
dmp_policy_chain(const dmp_policy_reader_t *r, json_t *value,
    dmp_chain_t *chain)
{
    size_t             i;
    json_t            *issuer, *pair;
    dmp_str_t          role = dmp_null_string;
    static const char *const members[] = { "role", "issuer", NULL };

    if (!dmp_policy_members(r, "chains", value, members)
        || !dmp_policy_text(r, "role", json_object_get(value, "role"), &role))
    {
        return false;
    }

    if (dmp_str_eq(role, dmp_string("persons"))) {
        chain->role = DMP_CHAIN_PERSONS;

    } else if (dmp_str_eq(role, dmp_string("organisations"))) {
        chain->role = DMP_CHAIN_ORGANISATIONS;

    } else {
        return dmp_policy_error(r, role.data, "\"%s\" is not a role: it is "
                                "\"persons\" or \"organisations\"", role.data);
    }

    issuer = json_object_get(value, "issuer");

    if (!json_is_array(issuer) || json_array_size(issuer) == 0
        || json_array_size(issuer) > DMP_NAME_ENTRIES)
    {
        return dmp_policy_error(r, "issuer", "\"issuer\" is not a list of 1 "
                                "to %d pairs [\"type\", \"value\"]",
                                DMP_NAME_ENTRIES);
    }

    json_array_foreach(issuer, i, pair) {

        if (!json_is_array(pair) || json_array_size(pair) != 2) {
            return dmp_policy_error(r, "issuer", "entry %zu of \"issuer\" is "
                                    "not a pair [\"type\", \"value\"]", i + 1);
        }

        if (!dmp_policy_text(r, "issuer", json_array_get(pair, 0),
                             &chain->issuer[i].type)
            || !dmp_policy_text(r, "issuer", json_array_get(pair, 1),
                                &chain->issuer[i].value))
        {
            return false;
        }

        if (OBJ_sn2nid(chain->issuer[i].type.data) == NID_undef) {
            return dmp_policy_error(r, chain->issuer[i].type.data, "\"%s\" is "
                                    "not a type of name entry, as \"CN\" is",
                                    chain->issuer[i].type.data);
        }

        chain->n_entries++;
    }

    return true;
}


static bool
dmp_policy_same_issuer(const dmp_chain_t *a, const dmp_chain_t *b)
{
    unsigned  i;

    if (a->n_entries != b->n_entries) {
        return false;
    }

    for (i = 0; i < a->n_entries; i++) {
        if (!dmp_str_eq(a->issuer[i].type, b->issuer[i].type)
            || !dmp_str_eq(a->issuer[i].value, b->issuer[i].value))
        {
            return false;
        }
    }

    return true;
}


/* An issuer has one role: the second one would never be looked at. */
static bool
dmp_policy_chain_once(const dmp_policy_reader_t *r, const dmp_chain_t *chain)
{
    size_t       i;
    const char  *name;

    for (i = 0; i < r->policy->n_chains; i++) {
        if (dmp_policy_same_issuer(&r->policy->chains[i], chain)) {
            name = chain->issuer[chain->n_entries - 1].value.data;

            return dmp_policy_error(r, name, "the issuer that ends with "
                                    "\"%s\" is given twice", name);
        }
    }

    return true;
}


static bool
dmp_policy_chains(const dmp_policy_reader_t *r, json_t *chains)
{
    size_t   i;
    json_t  *value;

    if (!json_is_array(chains) || json_array_size(chains) == 0
        || json_array_size(chains) > DMP_CHAINS_MAX)
    {
        return dmp_policy_error(r, "chains", "\"chains\" is not a list of 1 "
                                "to %d chains", DMP_CHAINS_MAX);
    }

    r->policy->chains = calloc(json_array_size(chains), sizeof(dmp_chain_t));
    if (r->policy->chains == NULL) {
        return dmp_policy_error(r, NULL, "out of memory");
    }

    json_array_foreach(chains, i, value) {
        if (!dmp_policy_chain(r, value, &r->policy->chains[i])
            || !dmp_policy_chain_once(r, &r->policy->chains[i]))
        {
            return false;
        }

        r->policy->n_chains++;
    }

    return true;
}


static bool
dmp_policy_title(const dmp_policy_reader_t *r, json_t *value,
    dmp_title_t *title)
{
    static const char *const members[] = { "title", "system", "code", NULL };

    return dmp_policy_members(r, "professions", value, members)
           && dmp_policy_text(r, "title", json_object_get(value, "title"),
                              &title->title)
           && dmp_policy_text(r, "system", json_object_get(value, "system"),
                              &title->profession.system)
           && dmp_policy_text(r, "code", json_object_get(value, "code"),
                              &title->profession.code);
}


static bool
dmp_policy_titles(const dmp_policy_reader_t *r, json_t *titles)
{
    size_t             i;
    json_t            *value;
    dmp_title_t       *title;
    const dmp_title_t *other;

    if (!json_is_array(titles) || json_array_size(titles) == 0
        || json_array_size(titles) > DMP_TITLES_MAX)
    {
        return dmp_policy_error(r, "professions", "\"professions\" is not a "
                                "list of 1 to %d professions", DMP_TITLES_MAX);
    }

    r->policy->titles = calloc(json_array_size(titles), sizeof(dmp_title_t));
    if (r->policy->titles == NULL) {
        return dmp_policy_error(r, NULL, "out of memory");
    }

    json_array_foreach(titles, i, value) {
        title = &r->policy->titles[i];

        if (!dmp_policy_title(r, value, title)) {
            return false;
        }

        for (other = r->policy->titles; other < title; other++) {
            if (dmp_str_eq(other->title, title->title)) {
                return dmp_policy_error(r, title->title.data, "the title "
                                        "\"%s\" is given twice",
                                        title->title.data);
            }
        }

        r->policy->n_titles++;
    }

    return true;
}


static bool
dmp_policy_settings(const dmp_policy_reader_t *r, json_t *settings)
{
    json_t                   *value;
    static const char *const  members[] = { "ins_key", NULL };

    if (settings == NULL) {
        return true;
    }

    if (!dmp_policy_members(r, "settings", settings, members)) {
        return false;
    }

    value = json_object_get(settings, "ins_key");
    if (value == NULL) {
        return true;
    }

    if (!json_is_boolean(value)) {
        return dmp_policy_error(r, "ins_key", "\"ins_key\" is not true or "
                                "false");
    }

    r->policy->ins_key = json_is_true(value);
    return true;
}


static bool
dmp_policy_digest(dmp_policy_t *policy, const char *json, size_t len)
{
    dmp_buf_t      text;
    unsigned int   n;
    unsigned char  hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(json, len, hash, &n, EVP_sha256(), NULL) != 1) {
        return false;
    }

    dmp_buf_init(&text, policy->digest, sizeof(policy->digest));
    dmp_buf_base64url(&text, hash, n);

    return !text.full && text.len == sizeof(policy->digest);
}


static bool
dmp_policy_read(const dmp_policy_reader_t *r, json_t *root)
{
    dmp_str_t                 format = dmp_null_string;
    static const char *const  members[] = { "format", "chains", "professions",
                                            "settings", NULL };

    if (!dmp_policy_members(r, "policy", root, members)
        || !dmp_policy_text(r, "format", json_object_get(root, "format"),
                            &format))
    {
        return false;
    }

    if (!dmp_str_eq(format, dmp_string(DMP_POLICY_FORMAT))) {
        return dmp_policy_error(r, "format", "\"format\" is \"%s\", this "
                                "version reads \"" DMP_POLICY_FORMAT "\"",
                                format.data);
    }

    return dmp_policy_chains(r, json_object_get(root, "chains"))
           && dmp_policy_titles(r, json_object_get(root, "professions"))
           && dmp_policy_settings(r, json_object_get(root, "settings"));
}


dmp_rc_t
dmp_policy_parse(const char *json, size_t len, dmp_policy_t **out,
    dmp_error_t *error)
{
    json_t               *root;
    json_error_t          json_error;
    dmp_policy_reader_t   r;

    *out = NULL;
    memset(error, 0, sizeof(dmp_error_t));

    r = (dmp_policy_reader_t) { json, len, NULL, error };

    if (len > DMP_POLICY_MAX) {
        (void) dmp_policy_error(&r, NULL, "larger than %d bytes",
                                DMP_POLICY_MAX);
        return DMP_E_LIMIT;
    }

    /* jansson stops at a NUL outside strings, and calls what follows nothing */
    if (memchr(json, '\0', len) != NULL) {
        (void) dmp_policy_error(&r, NULL, "a NUL byte");
        return DMP_E_SYNTAX;
    }

    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &json_error);
    if (root == NULL) {
        (void) dmp_policy_error(&r, NULL, "%s", json_error.text);
        error->line = (json_error.line > 0) ? (unsigned) json_error.line : 0;
        return DMP_E_SYNTAX;
    }

    r.policy = calloc(1, sizeof(dmp_policy_t));
    if (r.policy == NULL) {
        json_decref(root);
        (void) dmp_policy_error(&r, NULL, "out of memory");
        return DMP_E_NOMEM;
    }

    r.policy->memory = root;
    r.policy->ins_key = true;

    if (!dmp_policy_read(&r, root)) {
        dmp_policy_free(r.policy);
        return DMP_E_SYNTAX;
    }

    if (!dmp_policy_digest(r.policy, json, len)) {
        (void) dmp_policy_error(&r, NULL, "SHA-256 is not available");
        dmp_policy_free(r.policy);
        return DMP_E_INTERNAL;
    }

    *out = r.policy;
    return DMP_OK;
}


void
dmp_policy_free(dmp_policy_t *policy)
{
    if (policy == NULL) {
        return;
    }

    free(policy->chains);
    free(policy->titles);
    json_decref(policy->memory);
    free(policy);
}
