/*
 * dmp_record_contact.c: where the patient of a record is written to.  It is in
 * the record's JSON alone: no decision looks at it.
 */

#include <jansson.h>

#include <dmp/dmp_record.h>


/* A text of the contact, copied; one that is not there is none. */
static bool
contact_text(json_t *contact, const char *name, dmp_buf_t *room,
    dmp_str_t *out)
{
    json_t  *value;

    *out = dmp_null_string;
    value = json_object_get(contact, name);

    if (value == NULL) {
        return true;
    }

    out->data = room->data + room->len;
    out->len = json_string_length(value);
    dmp_buf_add(room, json_string_value(value), out->len);

    return json_is_string(value) && !room->full;
}


bool
dmp_record_contact(const char *json, size_t len, char room[DMP_CONTACT_ROOM],
    dmp_contact_t *out)
{
    bool        done;
    json_t     *root, *contact;
    dmp_buf_t   b;

    memset(out, 0, sizeof(dmp_contact_t));
    dmp_buf_init(&b, room, DMP_CONTACT_ROOM);

    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    contact = json_object_get(root, "contact");

    done = json_is_object(root)
           && (contact == NULL
               || (json_is_object(contact)
                   && contact_text(contact, "email", &b, &out->email)
                   && contact_text(contact, "phone", &b, &out->phone)
                   && contact_text(contact, "prefer", &b, &out->prefer)));

    json_decref(root);

    return done;
}


static void
contact_member(dmp_buf_t *b, const char *name, dmp_str_t text, bool *first)
{
    if (text.data == NULL) {
        return;
    }

    dmp_buf_text(b, *first ? "\"" : ",\"");
    dmp_buf_text(b, name);
    dmp_buf_text(b, "\":");
    dmp_buf_json(b, text);
    *first = false;
}


void
dmp_contact_write(dmp_buf_t *b, const dmp_contact_t *contact)
{
    bool  first;

    first = true;

    dmp_buf_text(b, "{\"contact\":{");
    contact_member(b, "email", contact->email, &first);
    contact_member(b, "phone", contact->phone, &first);
    contact_member(b, "prefer", contact->prefer, &first);
    dmp_buf_text(b, "}}");
}
