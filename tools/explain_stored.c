/*
 * explain_stored.c: reads one record from the store for "policy explain", and
 * writes nothing there.  What was opened is wiped again.
 */

#include <string.h>

#include <openssl/crypto.h>

#include "explain_stored.h"
#include "record.h"


int
explain_stored_options(const explain_stored_t *o)
{
    dmp_str_t  ins;

    if (o->ins == NULL) {
        if (o->pseudonyms != NULL || o->keys.n != 0
            || o->where.address != NULL)
        {
            tool_error("keys and a store are for --stored INS");
            return TOOL_USAGE;
        }

        return TOOL_DONE;
    }

    if (o->keys.n == 0 || o->pseudonyms == NULL) {
        tool_error("--stored needs --record-key and --pseudonym-key");
        return TOOL_USAGE;
    }

    ins.data = o->ins;
    ins.len = strlen(o->ins);

    if (!dmp_ins_valid(ins, false)) {
        tool_error("--stored: that is not an INS");
        return TOOL_USAGE;
    }

    return TOOL_DONE;
}


/* No record is one that is absent. */
static bool
stored_take(record_tool_t *t, dmp_str_t ins, case_t *c)
{
    bool            ok;
    dmp_error_t     error;
    record_keys_t   keys;
    record_held_t   held;

    if (!record_keys(t, ins, &keys) || !record_get(t, &keys, &held)) {
        return false;
    }

    ok = case_set_record(c, held.json, held.len, held.version, &error);

    if (!ok) {
        tool_error("the record %.*s: %s", (int) keys.rec_len, keys.rec,
                   error.text);
    }

    record_wipe(held.json, held.len);

    return ok;
}


int
explain_stored_load(const explain_stored_t *o, case_t *c)
{
    bool           ok;
    record_tool_t  t;

    memset(&t, 0, sizeof(t));

    if (!tool_keyring(&o->keys, &t.ring)
        || !tool_key(o->pseudonyms, t.pseudonym_key)
        || !store_open(&t.store, &o->where))
    {
        OPENSSL_cleanse(&t, sizeof(t));
        return TOOL_FAILED;
    }

    ok = store_meta(&t.store)
         && stored_take(&t, (dmp_str_t) { o->ins, strlen(o->ins) }, c);
    store_close(&t.store);
    OPENSSL_cleanse(&t, sizeof(t));

    return ok ? TOOL_DONE : TOOL_FAILED;
}
