/*
 * audit_filter.c: the options that say which entries are asked for, and
 * whether an entry is one of them.  Words are compared as they stand in the
 * trace, without opening anything.
 */

#include <string.h>

#include <openssl/crypto.h>

#include "audit_filter.h"


static dmp_str_t
filter_text(const char *text)
{
    return (dmp_str_t) { text, text != NULL ? strlen(text) : 0 };
}


bool
audit_instant(const char *option, const char *text, uint64_t *ms)
{
    int32_t  day;
    int64_t  seconds;

    if (text == NULL) {
        return true;
    }

    if (dmp_day_parse(filter_text(text), &day)) {
        seconds = dmp_day_begins_paris(day);

    } else if (!dmp_instant_parse(filter_text(text), &seconds)) {
        tool_error("%s \"%s\" is neither a time (2026-02-01T10:00:00Z) nor a "
                   "day (2026-02-01)", option, text);
        return false;
    }

    if (seconds <= 0) {
        tool_error("%s \"%s\" is before there were traces", option, text);
        return false;
    }

    *ms = (uint64_t) seconds * 1000;

    return true;
}


int
audit_pseudonym(const char *ins, const char *key_file,
    char out[DMP_PSEUDONYM_LEN])
{
    dmp_rc_t       rc;
    unsigned char  key[DMP_KEY_LEN];

    if (!dmp_ins_valid(filter_text(ins), false)) {
        tool_error("that is not an INS");
        return TOOL_USAGE;
    }

    if (key_file == NULL) {
        tool_error("an INS needs --pseudonym-key");
        return TOOL_USAGE;
    }

    if (!tool_key(key_file, key)) {
        return TOOL_FAILED;
    }

    rc = dmp_pseudonym(key, filter_text(ins), out);
    OPENSSL_cleanse(key, sizeof(key));

    if (rc != DMP_OK) {
        tool_error("no pseudonym could be made");
        return TOOL_FAILED;
    }

    return TOOL_DONE;
}


/* A word of a closed list; what is wrong is named. */
static bool
filter_word(const char *option, const char *text, const dmp_names_t *names,
    dmp_str_t *out)
{
    *out = filter_text(text);

    if (text != NULL && dmp_name_value(names, *out) < 0) {
        tool_error("%s \"%s\" is not known", option, text);
        return false;
    }

    return true;
}


static bool
filter_kind(const char *name, audit_filter_t *filter)
{
    unsigned  kind;

    if (strcmp(name, "all") == 0) {
        memset(filter->kinds, true, sizeof(filter->kinds));
        return true;
    }

    for (kind = DMP_KIND_NONE + 1; kind < DMP_KIND_MAX; kind++) {
        if (strcmp(name, dmp_kind_name((dmp_kind_t) kind)) == 0) {
            filter->kinds[kind] = true;
            return true;
        }
    }

    tool_error("--kind \"%s\" is not known", name);

    return false;
}


static bool
filter_kinds(const audit_filter_options_t *o, audit_filter_t *filter)
{
    size_t  i;

    if (o->kinds.n == 0) {
        filter->kinds[DMP_KIND_ACCESS] = true;
        filter->kinds[DMP_KIND_CHANGE] = true;
        filter->kinds[DMP_KIND_ADMIN] = true;
        filter->kinds[DMP_KIND_SESSION] = true;
    }

    for (i = 0; i < o->kinds.n; i++) {
        if (!filter_kind(o->kinds.item[i], filter)) {
            return false;
        }
    }

    return true;
}


static int
filter_patient(const audit_filter_options_t *o, audit_filter_t *filter)
{
    unsigned char  bytes[16];

    if (o->patient != NULL && o->pseudonym != NULL) {
        tool_error("--patient and --pseudonym are the same: give one");
        return TOOL_USAGE;
    }

    if (o->patient != NULL) {
        filter->one_patient = true;
        return audit_pseudonym(o->patient, o->pseudonym_key,
                               filter->pseudonym);
    }

    if (o->pseudonym == NULL) {
        return TOOL_DONE;
    }

    if (!dmp_base64url_decode(filter_text(o->pseudonym), bytes,
                              sizeof(bytes)))
    {
        tool_error("--pseudonym \"%s\" is none: 22 characters of base64url",
                   o->pseudonym);
        return TOOL_USAGE;
    }

    filter->one_patient = true;
    memcpy(filter->pseudonym, o->pseudonym, DMP_PSEUDONYM_LEN);

    return TOOL_DONE;
}


/* As the writer of the trace spells it, without the quotes. */
static bool
filter_actor(const audit_filter_options_t *o, audit_filter_t *filter)
{
    dmp_buf_t  b;

    if (o->actor == NULL) {
        return true;
    }

    dmp_buf_init(&b, filter->actor, sizeof(filter->actor));
    dmp_buf_json(&b, filter_text(o->actor));

    if (b.full || b.len <= 2) {
        tool_error("--actor \"%.64s\" is %s", o->actor,
                   b.full ? "too long" : "empty");
        return false;
    }

    filter->actor_len = b.len - 2;
    memmove(filter->actor, filter->actor + 1, filter->actor_len);

    return true;
}


int
audit_filter(const audit_filter_options_t *o, audit_filter_t *filter)
{
    int  rc;

    memset(filter, 0, sizeof(*filter));
    filter->emergency = o->emergency;

    if (!filter_word("--reason", o->reason, &dmp_reason_names,
                     &filter->reason)
        || !filter_word("--decision", o->decision, &dmp_effect_names,
                        &filter->decision)
        || !filter_word("--operation", o->operation, &dmp_operation_names,
                        &filter->operation)
        || !filter_kinds(o, filter) || !filter_actor(o, filter)
        || !audit_instant("--since", o->since, &filter->range.since_ms)
        || !audit_instant("--until", o->until, &filter->range.until_ms))
    {
        return TOOL_USAGE;
    }

    if (filter->range.until_ms != 0) {
        if (filter->range.until_ms <= filter->range.since_ms) {
            tool_error("--until is not after --since");
            return TOOL_USAGE;
        }

        filter->range.until_ms--;
    }

    rc = filter_patient(o, filter);

    if (rc == TOOL_DONE && !tool_keyring(&o->record_keys, &filter->ring)) {
        rc = TOOL_FAILED;
    }

    return rc;
}


void
audit_filter_store(audit_filter_t *filter, const store_t *store)
{
    if (filter->one_patient) {
        filter->range.one_bucket = true;
        filter->range.bucket = dmp_bucket(filter->pseudonym, store->buckets);
    }
}


static bool
filter_is(dmp_str_t wanted, dmp_str_t got)
{
    return wanted.len == 0 || dmp_str_eq(wanted, got);
}


bool
audit_filter_passes(const audit_filter_t *filter, const dmp_entry_view_t *view)
{
    return filter->kinds[view->kind]
           && (!filter->emergency || view->emergency)
           && (!filter->one_patient
               || dmp_str_eq((dmp_str_t) { filter->pseudonym,
                                           DMP_PSEUDONYM_LEN },
                             view->patient))
           && filter_is((dmp_str_t) { filter->actor, filter->actor_len },
                        view->actor_id)
           && filter_is(filter->reason, dmp_item_reason(view))
           && filter_is(filter->decision, view->decision)
           && filter_is(filter->operation, view->operation);
}
