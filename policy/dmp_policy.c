/*
 * dmp_policy.c: the files of the policy, in the order the first one gives,
 * their digest, and the settings.  Each is read whole and strictly; the trees
 * stay, since the policy's strings are theirs.
 */

#include <dmp/dmp_request.h>

#include "dmp_policy_int.h"


#define DMP_POLICY_FORMAT  "dmp-policy/1"


/* In the order in which they are read. */
static const dmp_policy_kind_t  dmp_policy_kinds[] = {
    { "professions", "dmp-professions/1", 0, dmp_policy_read_professions },
    { "rights", "dmp-rights/1", DMP_POLICY_FILES, dmp_policy_read_rights },
    { "types", "dmp-types/1", 0, dmp_policy_read_types },
    { "matrices", "dmp-matrix/1", DMP_MATRICES_MAX, dmp_policy_read_matrix },
    { "labels", "dmp-labels/1", 0, dmp_policy_read_labels },
    { "exclusions", "dmp-exclusions/1", 0, dmp_policy_read_exclusions },
};

#define DMP_POLICY_KINDS                                                      \
    (sizeof(dmp_policy_kinds) / sizeof(dmp_policy_kinds[0]))


void *
dmp_policy_alloc(dmp_policy_reader_t *r, size_t n, size_t size)
{
    void           *p;
    size_t          total;
    json_free_t     release;
    json_malloc_t   allocate;

    json_get_alloc_funcs(&allocate, &release);

    total = (n != 0 ? n : 1) * size;
    p = allocate(total);

    if (p == NULL) {
        (void) dmp_policy_no_memory(r);
        return NULL;
    }

    return memset(p, 0, total);
}


void
dmp_policy_free(dmp_policy_t *policy)
{
    size_t         i;
    json_free_t    release;
    json_malloc_t  allocate;

    if (policy == NULL) {
        return;
    }

    json_get_alloc_funcs(&allocate, &release);

    for (i = 0; i < policy->n_matrices; i++) {
        release(policy->matrices[i].rows);
    }

    release(policy->matrices);
    release(policy->chains);
    release(policy->feeders);
    release(policy->titles);
    release(policy->professions);
    release(policy->type_systems);
    release(policy->types);
    release(policy->labels);
    release(policy->exclusions);
    release(policy->occupational);
    json_decref(policy->memory);
    release(policy);
}


/* Each text behind its length, so that no two lists of texts agree. */
static bool
dmp_policy_hash(dmp_policy_reader_t *r, dmp_str_t text)
{
    unsigned       i;
    unsigned char  length[8];

    for (i = 0; i < sizeof(length); i++) {
        length[i] = (unsigned char) ((uint64_t) text.len >> (56 - 8 * i));
    }

    if (EVP_DigestUpdate(r->hash, length, sizeof(length)) != 1
        || EVP_DigestUpdate(r->hash, text.data, text.len) != 1)
    {
        return dmp_policy_error_line(r, DMP_E_INTERNAL, 0,
                                     "SHA-256 is not available");
    }

    return true;
}


static bool
dmp_policy_digest(dmp_policy_reader_t *r)
{
    dmp_buf_t      text;
    unsigned int   n;
    unsigned char  hash[EVP_MAX_MD_SIZE];

    dmp_buf_init(&text, r->policy->digest, sizeof(r->policy->digest));

    if (EVP_DigestFinal_ex(r->hash, hash, &n) == 1) {
        dmp_buf_base64url(&text, hash, n);
    }

    if (text.full || text.len != sizeof(r->policy->digest)) {
        return dmp_policy_error_line(r, DMP_E_INTERNAL, 0,
                                     "SHA-256 is not available");
    }

    return true;
}


/* An object with the right format: else every other word would be wrong. */
static bool
dmp_policy_format(dmp_policy_reader_t *r, const char *format)
{
    json_t     *root;
    dmp_str_t   said = dmp_null_string;

    root = r->file->root;

    if (!json_is_object(root)) {
        return dmp_policy_error(r, "not an object");
    }

    if (json_object_get(root, "format") == NULL) {
        return dmp_policy_error(r, "no member \"format\"");
    }

    dmp_policy_into(r, "format");

    if (!dmp_policy_string(r, json_object_get(root, "format"), &said)) {
        return false;
    }

    if (strcmp(said.data, format) != 0) {
        return dmp_policy_error(r, "\"format\" is \"%s\", this version reads "
                                "\"%s\"", dmp_policy_word(said).text, format);
    }

    dmp_policy_up(r);
    return true;
}


/* Reads the text, hashes it, parses it, and looks at its format. */
static bool
dmp_policy_open(dmp_policy_reader_t *r, dmp_policy_file_t *file,
    const char *format)
{
    dmp_rc_t     rc;
    dmp_error_t  error;

    r->file = file;
    r->depth = 0;

    memset(&error, 0, sizeof(error));
    rc = r->source->read(r->source->data, file->name, &file->text, &error);

    if (rc != DMP_OK) {
        error.text[sizeof(error.text) - 1] = '\0';

        return dmp_policy_error_line(r, rc, 0, "%s", error.text[0] != '\0'
                                                     ? error.text
                                                     : "cannot be read");
    }

    return dmp_policy_parse(r, file)
           && dmp_policy_hash(r, file->text)
           && dmp_policy_format(r, format);
}


/* A file in the same folder: nothing else than its name. */
static bool
dmp_policy_add_file(dmp_policy_reader_t *r, json_t *value,
    const dmp_policy_kind_t *kind)
{
    size_t      i;
    dmp_str_t   name;

    if (!dmp_policy_string(r, value, &name)) {
        return false;
    }

    if (name.data[0] == '.' || memchr(name.data, '/', name.len) != NULL
        || name.len >= DMP_POLICY_NAME)
    {
        return dmp_policy_error(r, "\"%s\" is not the plain name of a file in "
                                "the same folder", dmp_policy_word(name).text);
    }

    for (i = 0; i < r->n_files; i++) {
        if (strcmp(r->files[i].name, name.data) == 0) {
            return dmp_policy_error(r, "the file \"%s\" is named twice",
                                    dmp_policy_word(name).text);
        }
    }

    if (r->n_files == DMP_POLICY_FILES) {
        return dmp_policy_limit(r, "\"%s\" is one file more than %d",
                                dmp_policy_word(name).text, DMP_POLICY_FILES);
    }

    r->files[r->n_files++] = (dmp_policy_file_t) { .name = name.data,
                                                   .kind = kind };

    return true;
}


static bool
dmp_policy_list_files(dmp_policy_reader_t *r, json_t *root)
{
    size_t                    i, k;
    json_t                   *list, *value;
    const dmp_policy_kind_t  *kind;

    for (k = 0; k < DMP_POLICY_KINDS; k++) {
        kind = &dmp_policy_kinds[k];

        if (kind->max == 0) {
            dmp_policy_into(r, kind->member);

            if (!dmp_policy_add_file(r, json_object_get(root, kind->member),
                                     kind))
            {
                return false;
            }

            dmp_policy_up(r);
            continue;
        }

        if (!dmp_policy_list(r, root, kind->member, 1, kind->max, &list)) {
            return false;
        }

        json_array_foreach(list, i, value) {
            dmp_policy_at(r, i);

            if (!dmp_policy_add_file(r, value, kind)) {
                return false;
            }

            dmp_policy_up(r);
        }

        dmp_policy_up(r);
    }

    return true;
}


static bool
dmp_policy_settings(dmp_policy_reader_t *r, json_t *root)
{
    json_t          *value;
    unsigned         occupational, training;
    dmp_settings_t  *s;

    static const char *const  members[] = {
        "ins_key", "test_chains", "occupational_doctors", "training_cards",
        "justification_characters", "invisible_to_patient_months",
        "authorisation_days", "emergency_notice_minutes", NULL
    };
    static const char *const  doctors[] = { "none", "table", NULL };
    static const char *const  cards[] = { "none", "read", NULL };

    s = &r->policy->settings;
    *s = (dmp_settings_t) { .ins_key = true, .justification_min = 10,
                            .invisible_months = 1, .authorisation_days = 365,
                            .emergency_notice_minutes = 15 };

    value = json_object_get(root, "settings");

    if (value == NULL) {
        return true;
    }

    dmp_policy_into(r, "settings");
    occupational = 0;
    training = 0;

    if (!dmp_policy_object(r, value, members, 0)
        || !dmp_policy_bool(r, value, "ins_key", &s->ins_key)
        || !dmp_policy_bool(r, value, "test_chains", &s->test_chains)
        || !dmp_policy_choice(r, value, "occupational_doctors", doctors,
                              &occupational)
        || !dmp_policy_choice(r, value, "training_cards", cards, &training)
        || !dmp_policy_uint(r, value, "justification_characters", 1,
                            DMP_JUSTIFICATION_MAX, &s->justification_min)
        || !dmp_policy_uint(r, value, "invisible_to_patient_months", 0, 12,
                            &s->invisible_months)
        || !dmp_policy_uint(r, value, "authorisation_days", 1, 3660,
                            &s->authorisation_days)
        || !dmp_policy_uint(r, value, "emergency_notice_minutes", 0, 1440,
                            &s->emergency_notice_minutes))
    {
        return false;
    }

    s->occupational_table = occupational == 1;
    s->training_reads = training == 1;

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_first(dmp_policy_reader_t *r, const char *name)
{
    json_t                   *root;
    static const char *const  members[] = {
        "format", "chains", "professions", "rights", "types", "matrices",
        "labels", "exclusions", "feeders", "settings", NULL
    };

    r->files[0].name = name;
    r->n_files = 1;

    if (!dmp_policy_open(r, &r->files[0], DMP_POLICY_FORMAT)) {
        return false;
    }

    root = r->files[0].root;

    return dmp_policy_object(r, root, members, 8)
           && dmp_policy_chains(r, root)
           && dmp_policy_feeders(r, root)
           && dmp_policy_settings(r, root)
           && dmp_policy_list_files(r, root);
}


static bool
dmp_policy_read(dmp_policy_reader_t *r, const char *name)
{
    size_t              i;
    dmp_policy_file_t  *file;

    if (!dmp_policy_first(r, name)) {
        return false;
    }

    for (i = 1; i < r->n_files; i++) {
        file = &r->files[i];

        if (!dmp_policy_open(r, file, file->kind->format)
            || !file->kind->read(r, file->root))
        {
            return false;
        }
    }

    r->file = &r->files[0];

    return dmp_policy_tables(r) && dmp_policy_digest(r);
}


dmp_rc_t
dmp_policy_load(const dmp_policy_source_t *source, const char *name,
    dmp_policy_t **out, dmp_error_t *error)
{
    bool                 done;
    dmp_policy_reader_t  r;

    *out = NULL;
    memset(error, 0, sizeof(dmp_error_t));
    memset(&r, 0, sizeof(r));

    r.source = source;
    r.error = error;
    r.files[0].name = name;
    r.file = &r.files[0];
    done = false;

    r.hash = EVP_MD_CTX_new();
    r.policy = dmp_policy_alloc(&r, 1, sizeof(dmp_policy_t));

    if (r.policy != NULL) {
        r.policy->memory = json_array();

        if (r.policy->memory == NULL || r.hash == NULL) {
            done = dmp_policy_no_memory(&r);

        } else if (EVP_DigestInit_ex(r.hash, EVP_sha256(), NULL) != 1) {
            done = dmp_policy_error_line(&r, DMP_E_INTERNAL, 0,
                                         "SHA-256 is not available");
        } else {
            done = dmp_policy_read(&r, name);
        }
    }

    EVP_MD_CTX_free(r.hash);

    if (!done) {
        dmp_policy_free(r.policy);
        return r.rc;
    }

    *out = r.policy;
    return DMP_OK;
}
