/*
 * dmp_record.c: a patient's record, from its JSON form (docs/store.md) to the
 * compact form that decisions use.  It accepts what it knows and nothing else,
 * and never puts a value of the record into an error.
 */

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "dmp_record_int.h"


#define RECORD_ID_MAX    256             /* bytes of one identifier */
#define RECORD_RPPS_LEN  11
#define RECORD_TEXT_MAX  512             /* of a name or an address */
#define RECORD_LIST_MAX  16384           /* elements of one list */


/* Reads each member of an object with the line of the table that names it. */
static dmp_rc_t
record_object(record_reader_t *r, const char *path, json_t *object,
    const record_member_t *members, dmp_record_t *record)
{
    char                    name[128];
    json_t                 *value;
    dmp_rc_t                rc;
    const char             *key;
    const record_member_t  *m;

    if (!json_is_object(object)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not an object",
                            path[0] != '\0' ? path : "record");
    }

    json_object_foreach(object, key, value) {
        (void) snprintf(name, sizeof(name), "%s%s%.60s", path,
                        path[0] != '\0' ? "." : "", key);

        for (m = members; m->name != NULL && strcmp(m->name, key) != 0; m++) {
            /* look for it */
        }

        if (m->name == NULL) {
            return dmp_record_error(r, DMP_E_UNKNOWN, "unknown member \"%s\"",
                                name);
        }

        rc = m->read(r, name, value, record);
        if (rc != DMP_OK) {
            return rc;
        }
    }

    return DMP_OK;
}


static dmp_rc_t
record_list(record_reader_t *r, const char *path, json_t *value,
    dmp_list_t *out)
{
    char        name[160];
    size_t      i, n;
    dmp_rc_t    rc;
    dmp_str_t  *list;

    if (!json_is_array(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not a list", path);
    }

    n = json_array_size(value);

    if (n > RECORD_LIST_MAX) {
        return dmp_record_error(r, DMP_E_LIMIT,
                                "\"%s\" has more than %d elements",
                                path, RECORD_LIST_MAX);
    }

    list = dmp_record_take(r, n * sizeof(dmp_str_t), _Alignof(dmp_str_t));
    if (list == NULL) {
        return dmp_record_error(r, DMP_E_INTERNAL,
                                "record larger than measured");
    }

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%s[%zu]", path, i);

        rc = dmp_record_string(r, name, json_array_get(value, i), 1,
                               RECORD_ID_MAX, &list[i]);
        if (rc != DMP_OK) {
            return rc;
        }
    }

    out->list = list;
    out->n = n;

    return DMP_OK;
}


/*
 * A professional's identifier is PS_IdNat: an RPPS, 11 digits, has an "8"
 * before it.  Without it, it is nobody's, and a block would not hold.
 */
static dmp_rc_t
record_person(record_reader_t *r, const char *path, dmp_str_t id)
{
    size_t  i;

    for (i = 0; i < id.len && id.data[i] >= '0' && id.data[i] <= '9'; i++) {
        /* look for another character */
    }

    if (i == id.len && id.len == RECORD_RPPS_LEN) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is an RPPS without "
                                "the \"8\" before it", path);
    }

    return DMP_OK;
}


static dmp_rc_t
record_people(record_reader_t *r, const char *path, json_t *value,
    dmp_list_t *out)
{
    char      name[160];
    size_t    i;
    dmp_rc_t  rc;

    rc = record_list(r, path, value, out);

    for (i = 0; rc == DMP_OK && i < out->n; i++) {
        (void) snprintf(name, sizeof(name), "%s[%zu]", path, i);
        rc = record_person(r, name, out->list[i]);
    }

    return rc;
}


/* Small readers that the tables name; one for each shape of member. */

#define RECORD_READER(name, call)                                            \
                                                                             \
    static dmp_rc_t                                                          \
    record_##name(record_reader_t *r, const char *path, json_t *value,       \
        dmp_record_t *record)                                                \
    {                                                                        \
        return call;                                                         \
    }

#define RECORD_TEXT(member)                                                  \
    RECORD_READER(member, dmp_record_string(r, path, value, 0,               \
                                            RECORD_TEXT_MAX,                 \
                                            &record->member))
#define RECORD_FLAG(member)                                                  \
    RECORD_READER(member, dmp_record_flag(r, path, value, &record->member))
#define RECORD_LIST(member)                                                  \
    RECORD_READER(member, record_list(r, path, value, &record->member))
#define RECORD_PEOPLE(member)                                                \
    RECORD_READER(member, record_people(r, path, value, &record->member))

RECORD_TEXT(family)
RECORD_TEXT(birth_family)
RECORD_TEXT(given)
RECORD_FLAG(bris_de_glace)
RECORD_FLAG(centre_15)
RECORD_FLAG(emergency_masked)
RECORD_FLAG(mask_by_default)
RECORD_PEOPLE(treating)
RECORD_PEOPLE(blocked)
RECORD_LIST(masked)
RECORD_LIST(unmasked)


static dmp_rc_t
record_birthdate(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    size_t       known;
    const char  *text;

    text = json_string_value(value);
    known = (text != NULL)
            ? dmp_birthdate_known((dmp_str_t) { text,
                                                json_string_length(value) })
            : 0;

    if (known == 0) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not a date "
                                "(YYYY-MM-DD, YYYY-MM or YYYY)", path);
    }

    /* what is not known is not compared */
    return dmp_record_copy(r, text, known, &record->birthdate);
}


static dmp_rc_t
record_sex(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    const char  *text;

    text = json_string_value(value);

    if (text == NULL || (strcmp(text, "M") != 0 && strcmp(text, "F") != 0)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not \"M\" or \"F\"",
                            path);
    }

    return dmp_record_copy(r, text, 1, &record->sex);
}


static dmp_rc_t
record_traits(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    static const record_member_t  members[] = {
        { "family",       record_family },
        { "birth_family", record_birth_family },
        { "given",        record_given },
        { "birthdate",    record_birthdate },
        { "sex",          record_sex },
        { NULL, NULL }
    };

    return record_object(r, path, value, members, record);
}


/* Decisions have no use for an address: it is checked and left out. */
static dmp_rc_t
record_address(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    (void) record;               /* nothing of it is kept */

    return dmp_record_string(r, path, value, 0, RECORD_TEXT_MAX, NULL);
}


static dmp_rc_t
record_prefer(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    const char  *text;

    (void) record;               /* nothing of it is kept */

    text = json_string_value(value);

    if (text == NULL
        || (strcmp(text, "sms") != 0 && strcmp(text, "email") != 0))
    {
        return dmp_record_error(r, DMP_E_SYNTAX,
                            "\"%s\" is not \"sms\" or \"email\"", path);
    }

    return DMP_OK;
}


static dmp_rc_t
record_contact(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    static const record_member_t  members[] = {
        { "email",  record_address },
        { "phone",  record_address },
        { "prefer", record_prefer },
        { NULL, NULL }
    };

    return record_object(r, path, value, members, record);
}


static dmp_rc_t
record_emergency(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    static const record_member_t  members[] = {
        { "bris_de_glace", record_bris_de_glace },
        { "centre_15",     record_centre_15 },
        { "masked",        record_emergency_masked },
        { NULL, NULL }
    };

    return record_object(r, path, value, members, record);
}


static dmp_rc_t
record_ins(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    dmp_str_t  ins;

    if (!json_is_string(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s\" is not a string", path);
    }

    ins.data = json_string_value(value);
    ins.len = json_string_length(value);

    if (!dmp_ins_valid(ins, false)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not an INS", path);
    }

    return dmp_record_copy(r, ins.data, ins.len, &record->ins);
}


static dmp_rc_t
record_status(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    const char  *text;

    text = json_string_value(value);

    if (text != NULL && strcmp(text, "open") == 0) {
        record->open = true;

    } else if (text == NULL || strcmp(text, "closed") != 0) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                            "\"%s\" is not \"open\" or \"closed\"", path);
    }

    return DMP_OK;
}


/* Two digits below the limit. */
static bool
record_two_digits(const char *text, int limit)
{
    return text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9'
           && (text[0] - '0') * 10 + (text[1] - '0') < limit;
}


/* "2026-01-05T09:00:00Z"; it is checked, and nothing of it kept. */
static dmp_rc_t
record_opened_at(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    int32_t      day;
    const char  *t;

    (void) record;

    t = json_string_value(value);

    if (t != NULL && json_string_length(value) == 20
        && dmp_day_parse((dmp_str_t) { t, 10 }, &day)
        && t[10] == 'T' && record_two_digits(t + 11, 24)
        && t[13] == ':' && record_two_digits(t + 14, 60)
        && t[16] == ':' && record_two_digits(t + 17, 60) && t[19] == 'Z')
    {
        return DMP_OK;
    }

    return dmp_record_error(r, DMP_E_SYNTAX,
                        "\"%s\" is not a time (YYYY-MM-DDTHH:MM:SSZ)", path);
}


static dmp_rc_t
record_grant(record_reader_t *r, const char *path, json_t *value,
    dmp_grant_t *grant)
{
    char         name[256];
    json_t      *member;
    dmp_rc_t     rc;
    unsigned     seen;
    const char  *key;

    if (!json_is_object(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s\" is not an object", path);
    }

    seen = 0;

    json_object_foreach(value, key, member) {
        (void) snprintf(name, sizeof(name), "%.120s.%.60s", path, key);

        if (strcmp(key, "since") == 0) {
            seen |= 1;
            rc = dmp_record_day(r, name, member, &grant->since);

        } else if (strcmp(key, "until") == 0) {
            seen |= 2;
            rc = dmp_record_day(r, name, member, &grant->until);

        } else if (strcmp(key, "by") == 0) {
            rc = dmp_record_string(r, name, member, 1, RECORD_ID_MAX, NULL);

        } else {
            rc = dmp_record_error(r, DMP_E_UNKNOWN,
                                  "unknown member \"%s\"", name);
        }

        if (rc != DMP_OK) {
            return rc;
        }
    }

    if (seen != 3) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" has no \"%s\"", path,
                            (seen & 1) != 0 ? "until" : "since");
    }

    if (grant->until < grant->since) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" ends before it begins",
                            path);
    }

    return DMP_OK;
}


static dmp_rc_t
record_authorisations(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    char          name[160];
    size_t        n, len;
    json_t       *grant;
    dmp_rc_t      rc;
    const char   *key;
    dmp_grant_t  *list;

    if (!json_is_object(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s\" is not an object", path);
    }

    n = json_object_size(value);

    if (n > RECORD_LIST_MAX) {
        return dmp_record_error(r, DMP_E_LIMIT,
                                "\"%s\" has more than %d members",
                                path, RECORD_LIST_MAX);
    }

    list = dmp_record_take(r, n * sizeof(dmp_grant_t), _Alignof(dmp_grant_t));
    if (list == NULL) {
        return dmp_record_error(r, DMP_E_INTERNAL,
                                "record larger than measured");
    }

    record->authorisations = list;
    record->n_authorisations = n;

    json_object_foreach(value, key, grant) {
        (void) snprintf(name, sizeof(name), "%s.%.60s", path, key);
        len = strlen(key);

        if (len == 0 || len > RECORD_ID_MAX) {
            return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s\" names nobody, or at too great length",
                                path);
        }

        rc = dmp_record_copy(r, key, len, &list->id);

        if (rc == DMP_OK) {
            rc = record_person(r, name, list->id);
        }

        if (rc == DMP_OK) {
            rc = record_grant(r, name, grant, list);
        }

        if (rc != DMP_OK) {
            return rc;
        }

        list++;
    }

    return DMP_OK;
}


static dmp_rc_t
record_representative(record_reader_t *r, const char *path, json_t *value,
    dmp_representative_t *out)
{
    json_t     *ins, *until;
    dmp_str_t   text;
    char        name[128];

    ins = json_object_get(value, "ins");
    until = json_object_get(value, "until");

    if (ins == NULL || until == NULL || json_object_size(value) != 2) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                            "\"%s\" is not an object of \"ins\" and \"until\"",
                            path);
    }

    text.data = json_string_value(ins);
    text.len = json_string_length(ins);

    if (text.data == NULL || !dmp_ins_valid(text, false)) {
        return dmp_record_error(r, DMP_E_SYNTAX,
                                "\"%s.ins\" is not an INS", path);
    }

    (void) snprintf(name, sizeof(name), "%.100s.until", path);

    if (dmp_record_day(r, name, until, &out->until) != DMP_OK) {
        return DMP_E_SYNTAX;
    }

    return dmp_record_copy(r, text.data, text.len, &out->ins);
}


static dmp_rc_t
record_representatives(record_reader_t *r, const char *path, json_t *value,
    dmp_record_t *record)
{
    char                   name[160];
    size_t                 i, n;
    dmp_rc_t               rc;
    dmp_representative_t  *list;

    if (!json_is_array(value)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is not a list", path);
    }

    n = json_array_size(value);

    if (n > RECORD_LIST_MAX) {
        return dmp_record_error(r, DMP_E_LIMIT,
                                "\"%s\" has more than %d elements",
                                path, RECORD_LIST_MAX);
    }

    list = dmp_record_take(r, n * sizeof(dmp_representative_t),
                       _Alignof(dmp_representative_t));
    if (list == NULL) {
        return dmp_record_error(r, DMP_E_INTERNAL,
                                "record larger than measured");
    }

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%.120s[%zu]", path, i);

        rc = record_representative(r, name, json_array_get(value, i),
                                   &list[i]);
        if (rc != DMP_OK) {
            return rc;
        }
    }

    record->representatives = list;
    record->n_representatives = n;

    return DMP_OK;
}


static const record_member_t  record_members[] = {
    { "ins",             record_ins },
    { "status",          record_status },
    { "opened_at",       record_opened_at },
    { "traits",          record_traits },
    { "contact",         record_contact },
    { "emergency",       record_emergency },
    { "treating",        record_treating },
    { "authorisations",  record_authorisations },
    { "blocked",         record_blocked },
    { "representatives", record_representatives },
    { "masked",          record_masked },
    { "mask_by_default", record_mask_by_default },
    { "unmasked",        record_unmasked },
    { NULL, NULL }
};


/* An upper bound of the bytes that the compact form of a value takes. */
static size_t
record_measure(json_t *value)
{
    size_t       i, size;
    json_t      *member, *element;
    const char  *key;

    size = 0;

    if (json_is_string(value)) {
        return json_string_length(value);
    }

    if (json_is_array(value)) {
        size = sizeof(void *);

        for (i = 0; i < json_array_size(value); i++) {
            element = json_array_get(value, i);
            size += json_is_string(element) ? sizeof(dmp_str_t)
                                            : sizeof(dmp_representative_t);
            size += record_measure(element);
        }

    } else if (json_is_object(value)) {
        size = sizeof(void *);

        json_object_foreach(value, key, member) {
            if (json_is_object(member)) {
                /* an authorisation: its name is kept, its dates are days */
                size += strlen(key) + sizeof(dmp_grant_t);
            }

            size += record_measure(member);
        }
    }

    return size;
}


static dmp_rc_t
record_build(record_reader_t *r, json_t *root, dmp_record_t **out)
{
    size_t         size;
    dmp_rc_t       rc;
    dmp_record_t  *record;

    if (!json_is_object(root)) {
        return dmp_record_error(r, DMP_E_SYNTAX, "a record is not an object");
    }

    if (json_object_get(root, "ins") == NULL
        || json_object_get(root, "status") == NULL)
    {
        return dmp_record_error(r, DMP_E_SYNTAX, "\"%s\" is missing",
                            json_object_get(root, "ins") ? "status" : "ins");
    }

    size = sizeof(dmp_record_t) + record_measure(root);

    record = calloc(1, size);
    if (record == NULL) {
        return dmp_record_error(r, DMP_E_NOMEM, "no memory");
    }

    record->size = size;
    r->next = (char *) (record + 1);
    r->end = (char *) record + size;

    rc = record_object(r, "", root, record_members, record);
    if (rc != DMP_OK) {
        dmp_record_free(record);
        return rc;
    }

    *out = record;
    return DMP_OK;
}


dmp_rc_t
dmp_record_parse(const char *json, size_t len, dmp_record_t **out,
    dmp_error_t *error)
{
    json_t           *root;
    dmp_rc_t          rc;
    json_error_t      where;
    record_reader_t   r;

    *out = NULL;
    memset(&r, 0, sizeof(r));
    memset(error, 0, sizeof(*error));
    r.error = error;

    if (len > DMP_RECORD_MAX) {
        return dmp_record_error(&r, DMP_E_LIMIT,
                                "a record of more than %d bytes",
                                DMP_RECORD_MAX);
    }

    /* jansson stops at a NUL outside strings, and calls what follows nothing */
    if (memchr(json, '\0', len) != NULL) {
        return dmp_record_error(&r, DMP_E_SYNTAX, "a NUL byte");
    }

    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        error->line = where.line > 0 ? (unsigned) where.line : 0;

        /* The library's own message quotes the text, which is a patient's. */
        if (json_error_code(&where) == json_error_duplicate_key) {
            return dmp_record_error(&r, DMP_E_SYNTAX,
                                "a member is given twice, at column %d",
                                where.column);
        }

        return dmp_record_error(&r, DMP_E_SYNTAX, "not JSON at column %d",
                            where.column);
    }

    rc = record_build(&r, root, out);
    json_decref(root);
    return rc;
}


void
dmp_record_free(dmp_record_t *record)
{
    if (record != NULL) {
        OPENSSL_cleanse(record, record->size);
        free(record);
    }
}
