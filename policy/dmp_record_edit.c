/*
 * dmp_record_edit.c: what a change of rights makes of a record's JSON.  The
 * tree itself is edited: what the change does not concern stays as it was, in
 * its order.  What comes out is read as strictly as any record.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include <dmp/dmp_ids.h>

#include "dmp_change_int.h"


#define EDIT_NAME_MAX  256               /* bytes of an identifier */
#define EDIT_TEXT_MAX  512               /* of an address */

/* A record while it is changed. */
typedef struct {
    const dmp_edit_t     *edit;
    const dmp_request_t  *request;
    json_t               *root;
    dmp_error_t          *error;
} dmp_editor_t;

typedef dmp_rc_t (*dmp_edit_pt)(dmp_editor_t *e);


static dmp_rc_t edit_error(dmp_editor_t *e, dmp_rc_t rc, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static dmp_rc_t
edit_error(dmp_editor_t *e, dmp_rc_t rc, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(e->error->text, sizeof(e->error->text), format, args);
    va_end(args);

    return rc;
}


static dmp_rc_t
edit_stored(dmp_editor_t *e, int rc)
{
    return (rc == 0) ? DMP_OK : edit_error(e, DMP_E_NOMEM, "no memory");
}


/* UTF-8 without control characters, which is what JSON holds as it is. */
static dmp_rc_t
edit_is_text(dmp_editor_t *e, const char *what, dmp_str_t text, size_t max)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return edit_error(e, DMP_E_SYNTAX, "the change names no %s", what);
    }

    if (text.len > max) {
        return edit_error(e, DMP_E_SYNTAX, "the %s is longer than %zu bytes",
                          what, max);
    }

    p = (const unsigned char *) text.data;
    end = p + text.len;

    for ( /* void */ ; p < end; p += n) {
        n = dmp_utf8_length(p, end);

        if (n == 0 || *p < 0x20 || *p == 0x7f) {
            return edit_error(e, DMP_E_SYNTAX,
                              "the %s is not text of UTF-8", what);
        }
    }

    return DMP_OK;
}


static bool
edit_is(json_t *value, dmp_str_t text)
{
    return json_is_string(value)
           && dmp_str_eq((dmp_str_t) { json_string_value(value),
                                       json_string_length(value) }, text);
}


/* The list or object of that name; one that is not there is begun. */
static dmp_rc_t
edit_member(dmp_editor_t *e, const char *name, json_type type, json_t **out)
{
    *out = json_object_get(e->root, name);

    if (*out == NULL) {
        *out = (type == JSON_ARRAY) ? json_array() : json_object();

        return edit_stored(e, json_object_set_new(e->root, name, *out));
    }

    return (json_typeof(*out) == type)
           ? DMP_OK
           : edit_error(e, DMP_E_SYNTAX, "\"%s\" of the record is of another "
                        "type", name);
}


static dmp_rc_t
edit_add(dmp_editor_t *e, const char *member, dmp_str_t text)
{
    size_t     i;
    json_t    *list;
    dmp_rc_t   rc;

    rc = edit_member(e, member, JSON_ARRAY, &list);
    if (rc != DMP_OK) {
        return rc;
    }

    for (i = 0; i < json_array_size(list); i++) {
        if (edit_is(json_array_get(list, i), text)) {
            return DMP_OK;
        }
    }

    return edit_stored(e, json_array_append_new(list,
                                                json_stringn(text.data,
                                                             text.len)));
}


static dmp_rc_t
edit_remove(dmp_editor_t *e, const char *member, dmp_str_t text)
{
    size_t   i;
    json_t  *list;

    list = json_object_get(e->root, member);

    for (i = json_array_size(list); i > 0; i--) {
        if (edit_is(json_array_get(list, i - 1), text)
            && json_array_remove(list, i - 1) != 0)
        {
            return edit_error(e, DMP_E_INTERNAL, "an element of \"%s\" does "
                              "not go", member);
        }
    }

    return DMP_OK;
}


static dmp_rc_t
edit_set(dmp_editor_t *e, json_t *object, const char *name, bool yes)
{
    return edit_stored(e, json_object_set_new(object, name,
                                              json_boolean(yes)));
}


/* Whom the change concerns: first as named, then by what else is known. */
static dmp_str_t
edit_person(const dmp_editor_t *e, unsigned i)
{
    return (i == 0) ? e->request->target : e->request->target_ids[i - 1];
}


static unsigned
edit_persons(const dmp_editor_t *e)
{
    return 1 + ((e->request->n_target_ids < DMP_SUBJECT_IDS)
                ? e->request->n_target_ids : DMP_SUBJECT_IDS);
}


/* Takes all their identifiers from a list. */
static dmp_rc_t
edit_forget(dmp_editor_t *e, const char *member)
{
    dmp_rc_t  rc;
    unsigned  i;

    rc = DMP_OK;

    for (i = 0; rc == DMP_OK && i < edit_persons(e); i++) {
        rc = edit_remove(e, member, edit_person(e, i));
    }

    return rc;
}


/* A name as jansson takes it; of one that is too long there is no member. */
static bool
edit_key(dmp_str_t text, char key[EDIT_NAME_MAX + 1])
{
    if (text.len == 0 || text.len > EDIT_NAME_MAX
        || memchr(text.data, '\0', text.len) != NULL)
    {
        return false;
    }

    memcpy(key, text.data, text.len);
    key[text.len] = '\0';

    return true;
}


static dmp_rc_t
edit_withdraw(dmp_editor_t *e)
{
    char       key[EDIT_NAME_MAX + 1];
    json_t    *grants;
    unsigned   i;

    grants = json_object_get(e->root, "authorisations");

    for (i = 0; i < edit_persons(e); i++) {
        if (edit_key(edit_person(e, i), key)
            && json_object_get(grants, key) != NULL
            && json_object_del(grants, key) != 0)
        {
            return edit_error(e, DMP_E_INTERNAL, "an authorisation does not "
                              "go");
        }
    }

    return DMP_OK;
}


static dmp_rc_t
edit_grant(dmp_editor_t *e, const char *key)
{
    char       text[2 * DMP_DAY_LEN];
    json_t    *grants;
    dmp_rc_t   rc;
    dmp_buf_t  days;

    dmp_buf_init(&days, text, sizeof(text));
    dmp_buf_day(&days, e->edit->today);
    dmp_buf_day(&days, dmp_edit_until(e->edit));

    if (days.full) {
        return edit_error(e, DMP_E_SYNTAX, "the authorisation ends on no day");
    }

    rc = edit_member(e, "authorisations", JSON_OBJECT, &grants);
    if (rc != DMP_OK) {
        return rc;
    }

    return edit_stored(e, json_object_set_new(grants, key,
                              json_pack("{s:s%,s:s%,s:s}",
                                        "since", text, DMP_DAY_LEN,
                                        "until", text + DMP_DAY_LEN,
                                        DMP_DAY_LEN,
                                        "by", dmp_actor_name(e->edit->by))));
}


/* One that they have under another identifier would last beside it. */
static dmp_rc_t
edit_authorise(dmp_editor_t *e)
{
    char      key[EDIT_NAME_MAX + 1];
    dmp_rc_t  rc;

    rc = edit_is_text(e, "professional", e->request->target, EDIT_NAME_MAX);

    if (rc == DMP_OK) {
        rc = edit_withdraw(e);
    }

    if (rc != DMP_OK || !edit_key(e->request->target, key)) {
        return rc;
    }

    return edit_grant(e, key);
}


/* Under all identifiers: a directory may yet forget that they are one. */
static dmp_rc_t
edit_block(dmp_editor_t *e)
{
    dmp_rc_t   rc;
    unsigned   i;
    dmp_str_t  id;

    rc = edit_is_text(e, "professional", e->request->target, EDIT_NAME_MAX);

    for (i = 0; rc == DMP_OK && i < edit_persons(e); i++) {
        id = edit_person(e, i);

        if (i == 0 || dmp_ps_id(id) != DMP_PS_ID_NONE) {
            rc = edit_add(e, "blocked", id);
        }
    }

    if (rc == DMP_OK) {
        rc = edit_forget(e, "treating");
    }

    return (rc == DMP_OK) ? edit_withdraw(e) : rc;
}


static dmp_rc_t
edit_unblock(dmp_editor_t *e)
{
    return edit_forget(e, "blocked");
}


/* Who is one by another identifier is one. */
static dmp_rc_t
edit_designate(dmp_editor_t *e)
{
    size_t     k;
    json_t    *list;
    dmp_rc_t   rc;
    unsigned   i;

    rc = edit_is_text(e, "professional", e->request->target, EDIT_NAME_MAX);
    if (rc != DMP_OK) {
        return rc;
    }

    list = json_object_get(e->root, "treating");

    for (i = 0; i < edit_persons(e); i++) {
        for (k = 0; k < json_array_size(list); k++) {
            if (edit_is(json_array_get(list, k), edit_person(e, i))) {
                return DMP_OK;
            }
        }
    }

    return edit_add(e, "treating", e->request->target);
}


static dmp_rc_t
edit_dismiss(dmp_editor_t *e)
{
    return edit_forget(e, "treating");
}


static dmp_rc_t
edit_oppose(dmp_editor_t *e)
{
    size_t     i;
    json_t    *flags;
    dmp_rc_t   rc;

    const struct {
        const char    *name;
        dmp_choice_t   choice;
    } given[] = {
        { "bris_de_glace", e->request->emergency.bris_de_glace },
        { "centre_15", e->request->emergency.centre_15 },
        { "masked", e->request->emergency.masked },
    };

    rc = edit_member(e, "emergency", JSON_OBJECT, &flags);

    for (i = 0; rc == DMP_OK && i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i].choice != DMP_CHOICE_NONE) {
            rc = edit_set(e, flags, given[i].name,
                          given[i].choice == DMP_CHOICE_YES);
        }
    }

    return rc;
}


/*
 * Who has all documents masked means all: what was unmasked one by one under
 * an earlier default is masked with them.
 */
static dmp_rc_t
edit_mask_default(dmp_editor_t *e)
{
    json_t  *unmasked;

    if (e->request->mask_by_default == DMP_CHOICE_NONE) {
        return edit_error(e, DMP_E_SYNTAX, "the change says no default");
    }

    unmasked = json_object_get(e->root, "unmasked");

    if (e->request->mask_by_default == DMP_CHOICE_YES
        && !json_is_true(json_object_get(e->root, "mask_by_default"))
        && unmasked != NULL && json_array_clear(unmasked) != 0)
    {
        return edit_error(e, DMP_E_INTERNAL, "\"unmasked\" does not empty");
    }

    return edit_set(e, e->root, "mask_by_default",
                    e->request->mask_by_default == DMP_CHOICE_YES);
}


static dmp_rc_t
edit_contact_member(dmp_editor_t *e, const char *name, dmp_str_t text)
{
    json_t    *contact;
    dmp_rc_t   rc;

    if (text.data == NULL) {
        return DMP_OK;
    }

    if (text.len == 0) {
        contact = json_object_get(e->root, "contact");

        if (json_object_get(contact, name) != NULL
            && json_object_del(contact, name) != 0)
        {
            return edit_error(e, DMP_E_INTERNAL, "\"%s\" does not go", name);
        }

        return DMP_OK;
    }

    rc = edit_is_text(e, name, text, EDIT_TEXT_MAX);

    if (rc == DMP_OK) {
        rc = edit_member(e, "contact", JSON_OBJECT, &contact);
    }

    if (rc != DMP_OK) {
        return rc;
    }

    return edit_stored(e, json_object_set_new(contact, name,
                                              json_stringn(text.data,
                                                           text.len)));
}


static dmp_rc_t
edit_contact(dmp_editor_t *e)
{
    dmp_rc_t              rc;
    const dmp_contact_t  *contact;

    contact = &e->request->contact;
    rc = edit_contact_member(e, "email", contact->email);

    if (rc == DMP_OK) {
        rc = edit_contact_member(e, "phone", contact->phone);
    }

    return (rc == DMP_OK) ? edit_contact_member(e, "prefer", contact->prefer)
                          : rc;
}


static dmp_rc_t
edit_remove_representative(dmp_editor_t *e)
{
    size_t   i;
    json_t  *list;

    list = json_object_get(e->root, "representatives");

    for (i = json_array_size(list); i > 0; i--) {
        if (edit_is(json_object_get(json_array_get(list, i - 1), "ins"),
                    e->request->target)
            && json_array_remove(list, i - 1) != 0)
        {
            return edit_error(e, DMP_E_INTERNAL, "a representative does not "
                              "go");
        }
    }

    return DMP_OK;
}


/* One who is named again has the new end, in the old place. */
static dmp_rc_t
edit_name_representative(dmp_editor_t *e)
{
    char       text[DMP_DAY_LEN];
    size_t     i;
    json_t    *list, *one;
    dmp_rc_t   rc;
    dmp_buf_t  until;

    dmp_buf_init(&until, text, sizeof(text));
    dmp_buf_day(&until, e->request->until);

    if (e->request->until <= e->edit->today || until.full) {
        return edit_error(e, DMP_E_SYNTAX, "a representative is named until a "
                          "day that is to come");
    }

    rc = edit_is_text(e, "representative", e->request->target, EDIT_NAME_MAX);

    if (rc == DMP_OK) {
        rc = edit_member(e, "representatives", JSON_ARRAY, &list);
    }

    if (rc != DMP_OK) {
        return rc;
    }

    one = json_pack("{s:s%,s:s%}", "ins", e->request->target.data,
                    e->request->target.len, "until", text, sizeof(text));

    for (i = 0; i < json_array_size(list); i++) {
        if (edit_is(json_object_get(json_array_get(list, i), "ins"),
                    e->request->target))
        {
            return edit_stored(e, json_array_set_new(list, i, one));
        }
    }

    return edit_stored(e, json_array_append_new(list, one));
}


/* Takes a document from a list, also under the name that was asked for. */
static dmp_rc_t
edit_forget_document(dmp_editor_t *e, const char *member)
{
    dmp_rc_t  rc;

    rc = edit_remove(e, member, e->edit->document);

    return (rc == DMP_OK) ? edit_remove(e, member, e->request->document) : rc;
}


static dmp_rc_t
edit_mask(dmp_editor_t *e)
{
    dmp_rc_t  rc;

    rc = edit_is_text(e, "document", e->edit->document, EDIT_NAME_MAX);

    if (rc == DMP_OK) {
        rc = edit_add(e, "masked", e->edit->document);
    }

    return (rc == DMP_OK) ? edit_forget_document(e, "unmasked") : rc;
}


static dmp_rc_t
edit_unmask(dmp_editor_t *e)
{
    dmp_rc_t  rc;

    rc = edit_is_text(e, "document", e->edit->document, EDIT_NAME_MAX);

    if (rc == DMP_OK) {
        rc = edit_forget_document(e, "masked");
    }

    if (rc != DMP_OK
        || !json_is_true(json_object_get(e->root, "mask_by_default")))
    {
        return rc;
    }

    return edit_add(e, "unmasked", e->edit->document);
}


static dmp_rc_t
edit_status(dmp_editor_t *e)
{
    return edit_stored(e, json_object_set_new(e->root, "status",
                              json_string((e->request->operation
                                           == DMP_OPERATION_CLOSE)
                                          ? "closed" : "open")));
}


static dmp_edit_pt
edit_of(const dmp_request_t *request)
{
    static const dmp_edit_pt  of[DMP_CHANGE_MAX] = {
        [DMP_CHANGE_AUTHORISE] = edit_authorise,
        [DMP_CHANGE_WITHDRAW] = edit_withdraw,
        [DMP_CHANGE_BLOCK] = edit_block,
        [DMP_CHANGE_UNBLOCK] = edit_unblock,
        [DMP_CHANGE_DESIGNATE] = edit_designate,
        [DMP_CHANGE_DISMISS] = edit_dismiss,
        [DMP_CHANGE_OPPOSE] = edit_oppose,
        [DMP_CHANGE_MASK_DEFAULT] = edit_mask_default,
        [DMP_CHANGE_CONTACT] = edit_contact,
        [DMP_CHANGE_NAME_REPRESENTATIVE] = edit_name_representative,
        [DMP_CHANGE_REMOVE_REPRESENTATIVE] = edit_remove_representative,
    };

    switch (request->operation) {

    case DMP_OPERATION_RIGHTS:
        return (request->change > DMP_CHANGE_NONE
                && request->change < DMP_CHANGE_MAX)
               ? of[request->change] : NULL;

    case DMP_OPERATION_MASK:
        return edit_mask;

    case DMP_OPERATION_UNMASK:
        return edit_unmask;

    case DMP_OPERATION_CLOSE:
    case DMP_OPERATION_REOPEN:
        return edit_status;

    default:
        return NULL;
    }
}


/*
 * Bytes that a record may come to.  What adds to it leaves some for what
 * takes rights away: nobody can fill it and so keep a patient from blocking.
 */
static size_t
edit_room(const dmp_request_t *request)
{
    switch (request->operation) {

    case DMP_OPERATION_MASK:
        return DMP_RECORD_MAX - DMP_RECORD_SPARE;

    case DMP_OPERATION_RIGHTS:
        break;

    default:
        return DMP_RECORD_MAX;
    }

    switch (request->change) {

    case DMP_CHANGE_AUTHORISE:
    case DMP_CHANGE_DESIGNATE:
    case DMP_CHANGE_NAME_REPRESENTATIVE:
    case DMP_CHANGE_CONTACT:
        return DMP_RECORD_MAX - DMP_RECORD_SPARE;

    default:
        return DMP_RECORD_MAX;
    }
}


/* The tree as text, which a record must be. */
static dmp_rc_t
edit_write(dmp_editor_t *e, char **out, size_t *out_len)
{
    char          *text;
    size_t         len;
    dmp_rc_t       rc;
    dmp_record_t  *record;

    len = json_dumpb(e->root, NULL, 0, JSON_COMPACT);

    if (len > edit_room(e->request)) {
        return edit_error(e, DMP_E_LIMIT,
                          "the record would have more than %zu bytes",
                          edit_room(e->request));
    }

    text = malloc(len + 1);
    if (text == NULL) {
        return edit_error(e, DMP_E_NOMEM, "no memory");
    }

    if (len == 0 || json_dumpb(e->root, text, len, JSON_COMPACT) != len) {
        free(text);
        return edit_error(e, DMP_E_NOMEM, "no memory");
    }

    rc = dmp_record_parse(text, len, &record, e->error);
    dmp_record_free(record);

    if (rc != DMP_OK) {
        OPENSSL_cleanse(text, len);
        free(text);
        return rc;
    }

    *out = text;
    *out_len = len;

    return DMP_OK;
}


static dmp_rc_t
edit_make(dmp_editor_t *e, char **out, size_t *out_len, bool *changed)
{
    json_t       *before;
    dmp_rc_t      rc;
    dmp_edit_pt   edit;

    edit = edit_of(e->request);

    if (edit == NULL) {
        return edit_error(e, DMP_E_UNKNOWN, "not a change of a record");
    }

    before = json_deep_copy(e->root);
    if (before == NULL) {
        return edit_error(e, DMP_E_NOMEM, "no memory");
    }

    rc = edit(e);

    if (rc == DMP_OK) {
        *changed = json_equal(before, e->root) == 0;
        rc = edit_write(e, out, out_len);
    }

    json_decref(before);

    return rc;
}


dmp_rc_t
dmp_record_edit(const char *json, size_t len, const dmp_edit_t *edit,
    char **out, size_t *out_len, bool *changed, dmp_error_t *error)
{
    dmp_rc_t       rc;
    dmp_editor_t   e;

    *out = NULL;
    *out_len = 0;
    *changed = false;
    memset(error, 0, sizeof(dmp_error_t));

    e.edit = edit;
    e.request = edit->request;
    e.root = NULL;
    e.error = error;

    if (len > DMP_RECORD_MAX) {
        return edit_error(&e, DMP_E_LIMIT, "a record of more than %d bytes",
                          DMP_RECORD_MAX);
    }

    e.root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(e.root)) {
        json_decref(e.root);
        return edit_error(&e, DMP_E_SYNTAX, "the record is not an object of "
                          "JSON");
    }

    rc = edit_make(&e, out, out_len, changed);

    if (rc != DMP_OK) {
        *changed = false;
    }

    json_decref(e.root);

    return rc;
}
