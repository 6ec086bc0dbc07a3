/*
 * dmp_item.c: one entry of the trace, read whole: its form as the verifier
 * reads it, its members, and what is sealed in it where a key was given.
 */

#include <string.h>

#include <openssl/crypto.h>

#include <dmp/dmp_item.h>


void
dmp_item_read(dmp_item_t *item, const dmp_stored_t *entry)
{
    memset(&item->error, 0, sizeof(item->error));
    item->entry = entry;
    item->body = NULL;
    item->justification = NULL;
    item->details = NULL;
    item->closed = false;

    item->readable = dmp_stored_outcome(entry) != '\0'
                     && dmp_entry_parse(entry->body.data, entry->body.len,
                                        &item->view, &item->error) == DMP_OK;

    if (!item->readable && item->error.text[0] == '\0') {
        memcpy(item->error.text, "not an entry", sizeof("not an entry"));
    }
}


/* What is sealed in it, opened, as a JSON value; NULL: it does not open. */
static json_t *
item_unseal(const dmp_item_t *item, const dmp_keyring_t *ring,
    const char *field, dmp_str_t sealed, bool text)
{
    char     *open;
    size_t    len, open_len;
    json_t   *value;
    char      bytes[DMP_ENTRY_MAX], room[DMP_ENTRY_MAX];

    value = NULL;
    open = room;
    len = sealed.len / 4 * 3 + (sealed.len % 4) * 3 / 4;

    if (len <= sizeof(bytes)
        && dmp_base64url_decode(sealed, (unsigned char *) bytes, len)
        && dmp_unseal(ring, item->view.trace,
                      (dmp_str_t) { field, strlen(field) }, 1, bytes, len,
                      open, &open_len) == DMP_OK)
    {
        value = text ? json_stringn(open, open_len)
                     : json_loadb(open, open_len, JSON_REJECT_DUPLICATES,
                                  NULL);
        OPENSSL_cleanse(room, sizeof(room));
    }

    return value;
}


dmp_rc_t
dmp_item_open(dmp_item_t *item, const dmp_keyring_t *ring)
{
    if (!item->readable) {
        return DMP_OK;
    }

    item->body = json_loadb(item->entry->body.data, item->entry->body.len,
                            JSON_ALLOW_NUL, NULL);
    if (item->body == NULL) {
        return DMP_E_NOMEM;
    }

    if (ring == NULL || ring->n == 0) {
        return DMP_OK;
    }

    if (item->view.justification.len != 0) {
        item->justification = item_unseal(item, ring, DMP_JUSTIFICATION_FIELD,
                                          item->view.justification, true);
        item->closed = item->justification == NULL;
    }

    if (item->view.details.len != 0) {
        item->details = item_unseal(item, ring, DMP_DETAILS_FIELD,
                                    item->view.details, false);
        item->closed = item->closed || item->details == NULL;
    }

    return DMP_OK;
}


/* What nobody else has taken on from it. */
static void
item_wipe(json_t *value)
{
    json_t      *member;
    const char  *key;

    if (value == NULL || value->refcount != 1) {
        return;
    }

    if (json_is_string(value)) {
        OPENSSL_cleanse((void *) (uintptr_t) json_string_value(value),
                        json_string_length(value));
    }

    json_object_foreach(value, key, member) {
        if (json_is_string(member) && member->refcount == 1) {
            OPENSSL_cleanse((void *) (uintptr_t) json_string_value(member),
                            json_string_length(member));
        }
    }
}


void
dmp_item_free(dmp_item_t *item)
{
    item_wipe(item->justification);
    item_wipe(item->details);
    json_decref(item->body);
    json_decref(item->justification);
    json_decref(item->details);
    item->body = NULL;
    item->justification = NULL;
    item->details = NULL;
}


char
dmp_stored_outcome(const dmp_stored_t *entry)
{
    if (entry->body.len == 0 || entry->outcome.len != 1
        || memchr("10SR", entry->outcome.data[0], 4) == NULL)
    {
        return '\0';
    }

    return entry->outcome.data[0];
}


bool
dmp_item_counts(const dmp_item_t *item)
{
    return item->readable && dmp_stored_outcome(item->entry) != '0';
}


bool
dmp_item_asks(const dmp_entry_view_t *view)
{
    return view->kind == DMP_KIND_ACCESS || view->kind == DMP_KIND_CHANGE
           || view->kind == DMP_KIND_SESSION;
}


const char *
dmp_item_void(const dmp_entry_view_t *view)
{
    if (view->kind == DMP_KIND_SESSION) {
        /* what opens a session rests on the account */
        return dmp_str_eq(view->operation, dmp_string("code"))
               || dmp_str_eq(view->operation, dmp_string("password"))
               ? "the account had changed" : "the session had ended";
    }

    return dmp_str_eq(view->actor_auth, dmp_string("session"))
           ? "the record had changed, the session had ended, or it came too "
             "late"
           : "the record had changed";
}


dmp_str_t
dmp_item_member(const json_t *object, const char *name)
{
    return dmp_json_text(json_object_get(object, name));
}


dmp_str_t
dmp_item_reason(const dmp_entry_view_t *view)
{
    if (!dmp_item_asks(view)) {
        return dmp_null_string;
    }

    return view->reason.len > 0 ? view->reason : dmp_string("none");
}


dmp_str_t
dmp_item_code(const json_t *object, const char *name, size_t which)
{
    return dmp_json_text(json_array_get(json_object_get(object, name),
                                        which));
}


bool
dmp_not_forwarded(const dmp_ended_t *ended)
{
    return ended != NULL && ended->abandoned && !ended->ended;
}


dmp_str_t
dmp_json_text(const json_t *value)
{
    return json_is_string(value)
           ? (dmp_str_t) { json_string_value(value),
                           json_string_length(value) }
           : dmp_null_string;
}


json_t *
dmp_json_str(dmp_str_t text)
{
    return json_stringn(text.data != NULL ? text.data : "", text.len);
}
