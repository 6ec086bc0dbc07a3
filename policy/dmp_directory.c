/*
 * dmp_directory.c: an entry of the directory, from its JSON form
 * (docs/directory.md) to the compact form that dmp_introduce() uses.  It
 * accepts what it knows and nothing else, and never puts a value of the entry
 * into an error.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include <dmp/dmp_directory.h>


#define DIRECTORY_KEY          "dmp:dir:"
#define DIRECTORY_CODE_MAX     64        /* bytes of a system or of a code */
#define DIRECTORY_NOTICES_MAX  254
#define DIRECTORY_MAILTO       "mailto:"

/* One block: this, the situations, their professions, then all the text. */
typedef struct {
    size_t           size;
    dmp_directory_t  entry;
} directory_block_t;

typedef struct {
    dmp_error_t      *error;
    dmp_directory_t  *entry;
    dmp_code_t        profession;        /* of the practice being read */
    dmp_situation_t   situation;
    char             *next;              /* free part of the block */
    char             *end;
} directory_reader_t;

typedef dmp_rc_t (*directory_member_pt)(directory_reader_t *r,
    const char *path, json_t *value);

typedef struct {
    const char           *name;
    directory_member_pt   read;
} directory_member_t;


/* Says why in r->error, without the entry's own values, and returns rc. */
static dmp_rc_t __attribute__((format(printf, 3, 4)))
directory_error(directory_reader_t *r, dmp_rc_t rc, const char *format, ...)
{
    char     *p;
    va_list   args;

    va_start(args, format);
    (void) vsnprintf(r->error->text, sizeof(r->error->text), format, args);
    va_end(args);

    /* Names of unknown members are the caller's bytes. */
    for (p = r->error->text; *p != '\0'; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    return rc;
}


/* The block was measured for all of it: no more room is a fault of ours. */
static dmp_rc_t
directory_copy(directory_reader_t *r, dmp_str_t text, dmp_str_t *out)
{
    if (text.len > (size_t) (r->end - r->next)) {
        return directory_error(r, DMP_E_INTERNAL, "entry larger than measured");
    }

    if (text.len != 0) {
        memcpy(r->next, text.data, text.len);
    }

    out->data = r->next;
    out->len = text.len;
    r->next += text.len;

    return DMP_OK;
}


/* A string of 1 to max bytes of ASCII that can be seen; it is not copied. */
static dmp_rc_t
directory_string(directory_reader_t *r, const char *path, json_t *value,
    size_t max, dmp_str_t *out)
{
    size_t  i;

    *out = dmp_null_string;

    if (!json_is_string(value)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not a string", path);
    }

    out->data = json_string_value(value);
    out->len = json_string_length(value);

    if (out->len == 0) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is empty", path);
    }

    if (out->len > max) {
        return directory_error(r, DMP_E_LIMIT,
                               "\"%s\" is longer than %zu bytes", path, max);
    }

    for (i = 0; i < out->len; i++) {
        if (out->data[i] <= 0x20 || out->data[i] >= 0x7f) {
            return directory_error(r, DMP_E_SYNTAX, "\"%s\" has a character "
                                   "that is not visible ASCII", path);
        }
    }

    return DMP_OK;
}


/* A person's identifier or a structure's, by what kind says. */
static dmp_rc_t
directory_id(directory_reader_t *r, const char *path, json_t *value,
    dmp_directory_kind_t kind, dmp_str_t *out)
{
    dmp_rc_t   rc;
    dmp_str_t  id;

    rc = directory_string(r, path, value, DMP_ID_MAX, &id);
    if (rc != DMP_OK) {
        return rc;
    }

    if (kind == DMP_DIRECTORY_PERSON && dmp_ps_id(id) == DMP_PS_ID_NONE) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not the identifier "
                               "of a person (PS_IdNat: \"8\" and the RPPS, "
                               "\"0\" and the ADELI number, ...)", path);
    }

    if (kind == DMP_DIRECTORY_STRUCTURE && !dmp_struct_id(id)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not the identifier "
                               "of a structure (Struct_IdNat: \"1\" and the "
                               "FINESS, \"3\" and the SIRET, ...)", path);
    }

    return directory_copy(r, id, out);
}


/* A list of them, none twice. */
static dmp_rc_t
directory_id_list(directory_reader_t *r, const char *path, json_t *value,
    dmp_directory_kind_t kind, unsigned max, dmp_str_t *list, unsigned *out)
{
    char      name[64];
    size_t    n;
    dmp_rc_t  rc;
    unsigned  i, j;

    if (!json_is_array(value)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not a list", path);
    }

    n = json_array_size(value);

    if (n > max) {
        return directory_error(r, DMP_E_LIMIT,
                               "\"%s\" has more than %u elements", path, max);
    }

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%.40s[%u]", path, i);

        rc = directory_id(r, name, json_array_get(value, i), kind, &list[i]);
        if (rc != DMP_OK) {
            return rc;
        }

        for (j = 0; j < i; j++) {
            if (dmp_str_eq(list[j], list[i])) {
                return directory_error(r, DMP_E_SYNTAX,
                                       "\"%s\" is given twice", name);
            }
        }
    }

    *out = (unsigned) n;

    return DMP_OK;
}


/* ["1.2.250.1.71.4.2.4", "SA07"]: a code is nothing without its system. */
static dmp_rc_t
directory_code(directory_reader_t *r, const char *path, json_t *value,
    dmp_code_t *out)
{
    char        name[64];
    dmp_rc_t    rc;
    unsigned    i;
    dmp_str_t   text;
    dmp_str_t  *parts[2];

    if (!json_is_array(value) || json_array_size(value) != 2) {
        return directory_error(r, DMP_E_SYNTAX,
                               "\"%s\" is not a pair of system and code", path);
    }

    parts[0] = &out->system;
    parts[1] = &out->code;

    for (i = 0; i < 2; i++) {
        (void) snprintf(name, sizeof(name), "%.40s[%u]", path, i);

        rc = directory_string(r, name, json_array_get(value, i),
                              DIRECTORY_CODE_MAX, &text);

        if (rc == DMP_OK) {
            rc = directory_copy(r, text, parts[i]);
        }

        if (rc != DMP_OK) {
            return rc;
        }
    }

    return DMP_OK;
}


/* Reads each member of an object with the line of the table that names it. */
static dmp_rc_t
directory_object(directory_reader_t *r, const char *path, json_t *object,
    const directory_member_t *members)
{
    char                       name[128];
    json_t                    *value;
    dmp_rc_t                   rc;
    const char                *key;
    const directory_member_t  *m;

    json_object_foreach(object, key, value) {
        (void) snprintf(name, sizeof(name), "%.40s%s%.60s", path,
                        path[0] != '\0' ? "." : "", key);

        for (m = members; m->name != NULL && strcmp(m->name, key) != 0; m++) {
            /* look for it */
        }

        if (m->name == NULL) {
            return directory_error(r, DMP_E_UNKNOWN, "unknown member \"%s\" "
                                   "of a %s", name,
                                   r->entry->kind == DMP_DIRECTORY_PERSON
                                   ? "person" : "structure");
        }

        rc = m->read(r, name, value);
        if (rc != DMP_OK) {
            return rc;
        }
    }

    return DMP_OK;
}


static bool
directory_code_eq(dmp_code_t a, dmp_code_t b)
{
    return dmp_str_eq(a.code, b.code) && dmp_str_eq(a.system, b.system);
}


/* Puts what was read behind the others of its profession. */
static void
directory_add(directory_reader_t *r)
{
    size_t            at, n;
    dmp_directory_t  *e;

    e = r->entry;
    n = e->n_situations;

    for (at = n; at != 0; at--) {
        if (directory_code_eq(e->professions[at - 1], r->profession)) {
            break;
        }
    }

    if (at == 0) {
        at = n;
    }

    memmove(&e->situations[at + 1], &e->situations[at],
            (n - at) * sizeof(dmp_situation_t));
    memmove(&e->professions[at + 1], &e->professions[at],
            (n - at) * sizeof(dmp_code_t));

    e->situations[at] = r->situation;
    e->professions[at] = r->profession;
    e->n_situations++;
}


/* Small readers that the tables name. */

#define DIRECTORY_READER(name, call)                                         \
                                                                             \
    static dmp_rc_t                                                          \
    directory_##name(directory_reader_t *r, const char *path, json_t *value) \
    {                                                                        \
        return call;                                                         \
    }

#define DIRECTORY_CODE(name, member)                                         \
    DIRECTORY_READER(name, directory_code(r, path, value, &r->member))

DIRECTORY_CODE(profession, profession)
DIRECTORY_CODE(sector, situation.sector)
DIRECTORY_CODE(activity, situation.activity)
DIRECTORY_CODE(specialty, situation.specialty)

DIRECTORY_READER(structure,
                 directory_id(r, path, value, DMP_DIRECTORY_STRUCTURE,
                              &r->situation.structure))
DIRECTORY_READER(regulates,
                 directory_id_list(r, path, value, DMP_DIRECTORY_STRUCTURE,
                                   DMP_DIRECTORY_CENTRES, r->entry->centres,
                                   &r->entry->n_centres))


static dmp_rc_t
directory_kind(directory_reader_t *r, const char *path, json_t *value)
{
    const char  *text;

    text = json_string_value(value);

    if (text != NULL && strcmp(text, "person") == 0) {
        r->entry->kind = DMP_DIRECTORY_PERSON;

    } else if (text != NULL && strcmp(text, "structure") == 0) {
        r->entry->kind = DMP_DIRECTORY_STRUCTURE;

    } else {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not \"person\" or "
                               "\"structure\"", path);
    }

    return DMP_OK;
}


static dmp_rc_t
directory_ids(directory_reader_t *r, const char *path, json_t *value)
{
    dmp_rc_t  rc;

    rc = directory_id_list(r, path, value, r->entry->kind, DMP_DIRECTORY_IDS,
                           r->entry->ids, &r->entry->n_ids);

    if (rc == DMP_OK && r->entry->n_ids == 0) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is empty", path);
    }

    return rc;
}


static dmp_rc_t
directory_from(directory_reader_t *r, const char *path, json_t *value)
{
    const char  *text;

    text = json_string_value(value);

    if (text != NULL && strcmp(text, "annuaire") == 0) {
        r->entry->published = true;

    } else if (text == NULL || strcmp(text, "local") != 0) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not \"annuaire\" "
                               "or \"local\"", path);
    }

    return DMP_OK;
}


static dmp_rc_t
directory_centre_15(directory_reader_t *r, const char *path, json_t *value)
{
    if (!json_is_boolean(value)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not true or false",
                               path);
    }

    r->entry->centre_15 = json_is_true(value);

    return DMP_OK;
}


static bool
directory_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


/*
 * One address, nothing that adds recipients or headers to it (RFC 6068), and
 * nothing that needs quoting anywhere: the rest is rare, and refused.
 */
static bool
directory_address(dmp_str_t text)
{
    size_t       i;
    const char  *at;

    at = (text.len != 0) ? memchr(text.data, '@', text.len) : NULL;

    if (at == NULL || at + 1 == text.data + text.len
        || !directory_alphanumeric(text.data[0])
        || !directory_alphanumeric(at[1]))
    {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        if (!directory_alphanumeric(text.data[i])
            && text.data + i != at
            && strchr(text.data + i < at ? "._+-'=~" : ".-", text.data[i])
               == NULL)
        {
            return false;
        }
    }

    return true;
}


static dmp_rc_t
directory_notices(directory_reader_t *r, const char *path, json_t *value)
{
    size_t     n;
    dmp_rc_t   rc;
    dmp_str_t  uri;

    if (json_is_string(value) && json_string_length(value) == 0) {
        return DMP_OK;
    }

    rc = directory_string(r, path, value, DIRECTORY_NOTICES_MAX, &uri);
    if (rc != DMP_OK) {
        return rc;
    }

    n = sizeof(DIRECTORY_MAILTO) - 1;

    if (uri.len < n || memcmp(uri.data, DIRECTORY_MAILTO, n) != 0
        || !directory_address((dmp_str_t) { uri.data + n, uri.len - n }))
    {
        return directory_error(r, DMP_E_SYNTAX,
                               "\"%s\" is not \"mailto:\" and one address",
                               path);
    }

    return directory_copy(r, uri, &r->entry->notices);
}


static const directory_member_t  directory_practice_members[] = {
    { "profession", directory_profession },
    { "sector",     directory_sector },
    { "activity",   directory_activity },
    { "specialty",  directory_specialty },
    { "structure",  directory_structure },
    { NULL, NULL }
};


static dmp_rc_t
directory_practice(directory_reader_t *r, const char *path, json_t *value)
{
    if (!json_is_object(value)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not an object",
                               path);
    }

    if (json_object_size(value) == 0) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" says nothing", path);
    }

    return directory_object(r, path, value, directory_practice_members);
}


/* Each element of a list is a situation, which "read" reads. */
static dmp_rc_t
directory_situations(directory_reader_t *r, const char *path, json_t *value,
    directory_member_pt read)
{
    char      name[64];
    size_t    i, n;
    dmp_rc_t  rc;

    if (!json_is_array(value)) {
        return directory_error(r, DMP_E_SYNTAX, "\"%s\" is not a list", path);
    }

    n = json_array_size(value);

    if (n > DMP_DIRECTORY_PRACTICES) {
        return directory_error(r, DMP_E_LIMIT,
                               "\"%s\" has more than %d elements", path,
                               DMP_DIRECTORY_PRACTICES);
    }

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%.40s[%zu]", path, i);
        memset(&r->profession, 0, sizeof(r->profession));
        memset(&r->situation, 0, sizeof(r->situation));

        rc = read(r, name, json_array_get(value, i));
        if (rc != DMP_OK) {
            return rc;
        }

        directory_add(r);
    }

    return DMP_OK;
}


DIRECTORY_READER(practices,
                 directory_situations(r, path, value, directory_practice))
DIRECTORY_READER(sectors,
                 directory_situations(r, path, value, directory_sector))


static const directory_member_t  directory_person_members[] = {
    { "kind",      directory_kind },
    { "ids",       directory_ids },
    { "practices", directory_practices },
    { "regulates", directory_regulates },
    { "notices",   directory_notices },
    { "from",      directory_from },
    { NULL, NULL }
};

static const directory_member_t  directory_structure_members[] = {
    { "kind",      directory_kind },
    { "ids",       directory_ids },
    { "sectors",   directory_sectors },
    { "centre_15", directory_centre_15 },
    { "from",      directory_from },
    { NULL, NULL }
};


static dmp_rc_t
directory_read(directory_reader_t *r, json_t *root)
{
    size_t            i;
    dmp_rc_t          rc;
    dmp_directory_t  *e;

    e = r->entry;

    rc = directory_kind(r, "kind", json_object_get(root, "kind"));
    if (rc != DMP_OK) {
        return rc;
    }

    rc = directory_object(r, "", root, e->kind == DMP_DIRECTORY_PERSON
                                       ? directory_person_members
                                       : directory_structure_members);

    if (rc == DMP_OK && e->kind == DMP_DIRECTORY_STRUCTURE) {
        for (i = 0; i < e->n_situations; i++) {
            e->situations[i].structure = e->ids[0];
        }
    }

    return rc;
}


/* How many situations there will be at most; what is wrong is found later. */
static size_t
directory_count(json_t *root)
{
    size_t  n, sectors;

    n = json_array_size(json_object_get(root, "practices"));
    sectors = json_array_size(json_object_get(root, "sectors"));

    if (n < sectors) {
        n = sectors;
    }

    return (n < DMP_DIRECTORY_PRACTICES) ? n : DMP_DIRECTORY_PRACTICES;
}


/* len bounds the text of all its strings: escapes are never shorter. */
static dmp_rc_t
directory_build(directory_reader_t *r, json_t *root, size_t len,
    dmp_directory_t **out)
{
    size_t              n, size;
    dmp_rc_t            rc;
    unsigned            i;
    directory_block_t  *block;
    static const char  *required[] = { "kind", "ids", "from" };

    if (!json_is_object(root)) {
        return directory_error(r, DMP_E_SYNTAX, "an entry is not an object");
    }

    for (i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (json_object_get(root, required[i]) == NULL) {
            return directory_error(r, DMP_E_SYNTAX, "\"%s\" is missing",
                                   required[i]);
        }
    }

    n = directory_count(root);
    size = sizeof(directory_block_t)
           + n * (sizeof(dmp_situation_t) + sizeof(dmp_code_t)) + len;

    block = calloc(1, size);
    if (block == NULL) {
        return directory_error(r, DMP_E_NOMEM, "no memory");
    }

    block->size = size;
    block->entry.memory = block;
    block->entry.situations = (dmp_situation_t *) (block + 1);
    block->entry.professions = (dmp_code_t *) (block->entry.situations + n);

    r->entry = &block->entry;
    r->next = (char *) (block->entry.professions + n);
    r->end = (char *) block + size;

    rc = directory_read(r, root);
    if (rc != DMP_OK) {
        dmp_directory_free(r->entry);
        return rc;
    }

    *out = r->entry;
    return DMP_OK;
}


/* The library's own message quotes the text, which is a person's. */
static dmp_rc_t
directory_not_json(directory_reader_t *r, const json_error_t *where)
{
    r->error->line = where->line > 0 ? (unsigned) where->line : 0;

    switch (json_error_code(where)) {

    case json_error_duplicate_key:
        return directory_error(r, DMP_E_SYNTAX,
                               "a member is given twice, at column %d",
                               where->column);

    case json_error_stack_overflow:
        return directory_error(r, DMP_E_LIMIT, "nested too deep, at column %d",
                               where->column);

    default:
        return directory_error(r, DMP_E_SYNTAX, "not JSON at column %d",
                               where->column);
    }
}


dmp_rc_t
dmp_directory_parse(const char *json, size_t len, dmp_directory_t **out,
    dmp_error_t *error)
{
    json_t              *root;
    dmp_rc_t             rc;
    json_error_t         where;
    directory_reader_t   r;

    *out = NULL;
    memset(&r, 0, sizeof(r));
    memset(error, 0, sizeof(*error));
    r.error = error;

    if (len > DMP_DIRECTORY_MAX) {
        return directory_error(&r, DMP_E_LIMIT,
                               "an entry of more than %d bytes",
                               DMP_DIRECTORY_MAX);
    }

    /* jansson stops at a NUL outside strings, and calls what follows nothing */
    if (len == 0 || memchr(json, '\0', len) != NULL) {
        return directory_error(&r, DMP_E_SYNTAX, "%s",
                               len == 0 ? "an entry is empty" : "a NUL byte");
    }

    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        return directory_not_json(&r, &where);
    }

    rc = directory_build(&r, root, len, out);
    json_decref(root);
    return rc;
}


void
dmp_directory_free(dmp_directory_t *entry)
{
    directory_block_t  *block;

    if (entry != NULL) {
        block = entry->memory;
        OPENSSL_cleanse(block, block->size);
        free(block);
    }
}


size_t
dmp_directory_key(char out[DMP_KEY_NAME_MAX], dmp_str_t id)
{
    dmp_buf_t  b;

    if (id.len == 0 || id.len > DMP_ID_MAX
        || (dmp_ps_id(id) == DMP_PS_ID_NONE && !dmp_struct_id(id)))
    {
        return 0;
    }

    dmp_buf_init(&b, out, DMP_KEY_NAME_MAX);
    dmp_buf_str(&b, dmp_string(DIRECTORY_KEY));
    dmp_buf_str(&b, id);

    return b.full ? 0 : b.len;
}
