/*
 * fuzz_edit.c: any change of any record: a byte for the change, one for its
 * choices, a line for whom it concerns, one for another identifier of theirs,
 * and the record.  What comes out is a record; only what the change concerns
 * differs; made again it changes nothing, and says so.
 */

#include <stdlib.h>

#include <jansson.h>

#include <dmp/dmp_change.h>


#define TODAY  20514
#define COUNT(table)  (sizeof(table) / sizeof((table)[0]))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* The changes, and the members of a record that each may touch. */
static const struct {
    dmp_operation_t   operation;
    dmp_change_t      change;
    const char       *members[4];
} changes[] = {
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_AUTHORISE, { "authorisations" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_WITHDRAW, { "authorisations" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_BLOCK,
      { "blocked", "treating", "authorisations" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_UNBLOCK, { "blocked" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_DESIGNATE, { "treating" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_DISMISS, { "treating" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_OPPOSE, { "emergency" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_MASK_DEFAULT,
      { "mask_by_default", "unmasked" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_CONTACT, { "contact" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_NAME_REPRESENTATIVE,
      { "representatives" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_REMOVE_REPRESENTATIVE,
      { "representatives" } },
    { DMP_OPERATION_MASK, DMP_CHANGE_NONE, { "masked", "unmasked" } },
    { DMP_OPERATION_UNMASK, DMP_CHANGE_NONE, { "masked", "unmasked" } },
    { DMP_OPERATION_CLOSE, DMP_CHANGE_NONE, { "status" } },
    { DMP_OPERATION_REOPEN, DMP_CHANGE_NONE, { "status" } },
    { DMP_OPERATION_RIGHTS, DMP_CHANGE_NONE, { NULL } },
    { DMP_OPERATION_READ, DMP_CHANGE_BLOCK, { NULL } },
};


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static bool
line(dmp_str_t *text, dmp_str_t *out)
{
    const char  *end;

    end = (text->len != 0) ? memchr(text->data, '\n', text->len) : NULL;

    if (end == NULL) {
        return false;
    }

    *out = (dmp_str_t) { text->data, (size_t) (end - text->data) };
    text->len -= out->len + 1;
    text->data = end + 1;

    return true;
}


/* All other members are there, as they were, and no more of them. */
static void
same_but(size_t which, json_t *before, json_t *after)
{
    size_t       i;
    json_t      *copy;
    const char  *member;

    copy = json_copy(after);
    must(copy != NULL);

    for (i = 0; i < COUNT(changes[which].members); i++) {
        member = changes[which].members[i];

        if (member == NULL) {
            continue;
        }

        (void) json_object_del(copy, member);

        if (json_object_get(before, member) != NULL) {
            must(json_object_set(copy, member, json_object_get(before, member))
                 == 0);
        }
    }

    must(json_equal(before, copy));
    json_decref(copy);
}


static bool
has(const dmp_list_t *list, dmp_str_t id)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        if (dmp_str_eq(list->list[i], id)) {
            return true;
        }
    }

    return false;
}


/* Who is blocked has neither authorisation nor designation. */
static void
blocks(const dmp_record_t *record, dmp_str_t id)
{
    size_t  i;

    must(!has(&record->treating, id));

    for (i = 0; i < record->n_authorisations; i++) {
        must(!dmp_str_eq(record->authorisations[i].id, id));
    }
}


static void
looks_right(size_t which, const dmp_edit_t *edit, dmp_str_t json)
{
    dmp_error_t           error;
    dmp_record_t         *record;
    const dmp_request_t  *r;

    r = edit->request;
    must(dmp_record_parse(json.data, json.len, &record, &error) == DMP_OK);

    switch (changes[which].change) {

    case DMP_CHANGE_BLOCK:
        must(has(&record->blocked, r->target));
        blocks(record, r->target);

        if (r->n_target_ids != 0) {
            blocks(record, r->target_ids[0]);
        }
        break;

    case DMP_CHANGE_UNBLOCK:
        must(!has(&record->blocked, r->target));
        break;

    case DMP_CHANGE_DISMISS:
        must(!has(&record->treating, r->target));
        break;

    default:
        break;
    }

    if (changes[which].operation == DMP_OPERATION_MASK) {
        must(has(&record->masked, edit->document));
    }

    dmp_record_free(record);
}


static void
compare(size_t which, const dmp_edit_t *edit, dmp_str_t from, dmp_str_t to,
    bool changed)
{
    char         *again;
    json_t       *before, *after;
    size_t        len;
    dmp_error_t   error;

    before = json_loadb(from.data, from.len, JSON_REJECT_DUPLICATES, NULL);
    after = json_loadb(to.data, to.len, JSON_REJECT_DUPLICATES, NULL);
    must(before != NULL && after != NULL);
    must(changed == !json_equal(before, after));
    same_but(which, before, after);
    json_decref(before);
    json_decref(after);

    looks_right(which, edit, to);

    must(dmp_record_edit(to.data, to.len, edit, &again, &len, &changed, &error)
         == DMP_OK);
    must(!changed);
    free(again);
}


static void
make(size_t which, const dmp_edit_t *edit, dmp_str_t from)
{
    char          *out;
    bool           changed;
    char           text[8192];
    size_t         len;
    dmp_rc_t       rc;
    dmp_buf_t      details;
    dmp_error_t    error;
    dmp_record_t  *record;

    if (dmp_record_parse(from.data, from.len, &record, &error) != DMP_OK) {
        /* what is no record may be refused, and is made to none */
        rc = dmp_record_edit(from.data, from.len, edit, &out, &len, &changed,
                             &error);

        if (rc == DMP_OK) {
            looks_right(which, edit, (dmp_str_t) { out, len });
            free(out);
        }

        return;
    }

    dmp_record_free(record);
    rc = dmp_record_edit(from.data, from.len, edit, &out, &len, &changed,
                         &error);

    if (rc != DMP_OK) {
        must(out == NULL && !changed && error.text[0] != '\0');
        must((rc == DMP_E_UNKNOWN) == (changes[which].members[0] == NULL));
        return;
    }

    must(changes[which].members[0] != NULL);
    compare(which, edit, from, (dmp_str_t) { out, len }, changed);
    free(out);

    dmp_buf_init(&details, text, sizeof(text));
    dmp_edit_details(edit, &details);
    must(!details.full || edit->request->target_ids[0].len > 1024);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         which;
    uint8_t        choices;
    dmp_str_t      text;
    dmp_edit_t     edit;
    dmp_request_t  request;

    if (size < 2) {
        return 0;
    }

    memset(&edit, 0, sizeof(edit));
    memset(&request, 0, sizeof(request));
    which = data[0] % COUNT(changes);
    choices = data[1];
    text = (dmp_str_t) { (const char *) data + 2, size - 2 };

    if (!line(&text, &request.target)
        || !line(&text, &request.target_ids[0]))
    {
        return 0;
    }

    request.operation = changes[which].operation;
    request.change = changes[which].change;
    request.n_target_ids = (request.target_ids[0].len != 0) ? 1 : 0;
    request.until = (choices & 0x40) ? TODAY + choices : 0;
    request.emergency.bris_de_glace = (dmp_choice_t) (choices % 3);
    request.emergency.centre_15 = (dmp_choice_t) (choices / 3 % 3);
    request.emergency.masked = (dmp_choice_t) (choices / 9 % 3);
    request.mask_by_default = (dmp_choice_t) (choices % 3);
    request.document = request.target_ids[0];
    request.contact.email = (choices & 1) ? request.target : dmp_null_string;
    request.contact.phone = (choices & 2) ? request.target_ids[0]
                                          : dmp_null_string;
    request.contact.prefer = (choices & 4) ? dmp_string("sms")
                                           : dmp_null_string;

    edit.request = &request;
    edit.by = (dmp_actor_t) (choices % DMP_ACTOR_MAX);
    edit.today = TODAY;
    edit.days = 365;
    edit.document = request.target;

    make(which, &edit, text);

    return 0;
}
