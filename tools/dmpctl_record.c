/*
 * dmpctl_record.c: imports records and shows them.  Each import is a traced
 * commit by a writer of its own; nothing of a record is ever printed in an
 * error.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "record.h"


static const char *
record_status(json_t *record)
{
    const char  *text;

    text = json_string_value(json_object_get(record, "status"));

    return text != NULL ? text : "";
}


/* What replacing one by the other amounts to; NONE: nothing. */
static dmp_operation_t
record_operation(const record_held_t *held, json_t *wanted)
{
    json_t           *now;
    dmp_operation_t   operation;

    if (held->version == 0) {
        return DMP_OPERATION_CREATE;
    }

    now = json_loadb(held->json, held->len, 0, NULL);
    operation = DMP_OPERATION_RIGHTS;

    if (now != NULL && json_equal(now, wanted)) {
        operation = DMP_OPERATION_NONE;

    } else if (now != NULL
               && strcmp(record_status(now), record_status(wanted)) != 0)
    {
        operation = strcmp(record_status(wanted), "closed") == 0
                    ? DMP_OPERATION_CLOSE : DMP_OPERATION_REOPEN;
    }

    json_decref(now);

    return operation;
}


/* One attempt; TOOL_NO: the record has changed meanwhile, try again. */
static int
record_commit(record_tool_t *t, const record_keys_t *keys, uint64_t version,
    dmp_operation_t operation, const char *json, size_t len)
{
    int               rc;
    char             *sealed;
    commit_change_t   change;

    memset(&change, 0, sizeof(change));
    change.bucket = keys->bucket;
    change.pseudonym = (dmp_str_t) { keys->pseudonym, DMP_PSEUDONYM_LEN };
    change.rec = (dmp_str_t) { keys->rec, keys->rec_len };
    change.idx = (dmp_str_t) { keys->idx, keys->idx_len };
    change.version = version;
    change.operation = operation;
    change.route = "dmpctl record import";

    /*
     * A first version is the time: a record that was removed and made again
     * never has a version that a gateway may still hold of the old one.
     */
    change.next = (version != 0) ? version + 1 : (uint64_t) tool_now_ms();

    sealed = malloc(len + DMP_SEAL_OVERHEAD);
    change.sealed.data = sealed;

    if (sealed == NULL
        || dmp_seal(&t->ring, change.rec, dmp_string(DMP_RECORD_FIELD),
                    change.next, json, len, sealed, &change.sealed.len)
           != DMP_OK)
    {
        tool_error("the record could not be sealed");
        free(sealed);
        return TOOL_FAILED;
    }

    rc = commit_change(&t->commit, &change);
    free(sealed);

    return rc;
}


static int
record_import_tree(record_tool_t *t, dmp_str_t ins, json_t *wanted,
    const char *json, size_t len)
{
    int              attempt, rc;
    record_keys_t    keys;
    record_held_t    held;
    dmp_operation_t  operation;

    if (!record_keys(t, ins, &keys)) {
        return TOOL_FAILED;
    }

    for (attempt = 0; attempt < 5; attempt++) {
        if (!record_get(t, &keys, &held)) {
            return TOOL_FAILED;
        }

        operation = record_operation(&held, wanted);
        record_wipe(held.json, held.len);

        if (operation == DMP_OPERATION_NONE) {
            t->unchanged++;
            return TOOL_DONE;
        }

        rc = record_commit(t, &keys, held.version, operation, json, len);

        if (rc == TOOL_DONE) {
            t->imported++;
            return TOOL_DONE;
        }

        if (rc != TOOL_NO) {
            return rc;
        }
    }

    tool_error("line %zu: the record keeps being changed by others", t->line);

    return TOOL_FAILED;
}


static int
record_import_line(record_tool_t *t, const char *line, size_t len)
{
    int          rc;
    char        *json;
    json_t      *tree;
    dmp_str_t    ins;

    /* It was read once already, with every check. */
    tree = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    ins.data = json_string_value(json_object_get(tree, "ins"));
    json = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;

    if (ins.data == NULL || json == NULL) {
        tool_error("line %zu: cannot be read again", t->line);
        record_wipe(json, json != NULL ? strlen(json) : 0);
        json_decref(tree);
        return TOOL_FAILED;
    }

    ins.len = strlen(ins.data);
    rc = record_import_tree(t, ins, tree, json, strlen(json));
    record_wipe(json, strlen(json));
    json_decref(tree);

    return rc;
}


static bool
record_check_line(record_tool_t *t, const char *path, const char *line,
    size_t len)
{
    bool           ok;
    dmp_rc_t       rc;
    dmp_error_t    error;
    dmp_record_t  *record;

    rc = dmp_record_parse(line, len, &record, &error);

    if (rc != DMP_OK) {
        tool_error("%s: line %zu: %s", path, t->line, error.text);
        return false;
    }

    ok = t->any_ins_key || dmp_ins_valid(record->ins, true);
    dmp_record_free(record);

    if (!ok) {
        tool_error("%s: line %zu: \"ins\": its key does not fit its number",
                   path, t->line);
    }

    return ok;
}


/* Calls for each line that is not blank; both passes read the same bytes. */
static int
record_each_line(record_tool_t *t, const char *path, const char *data,
    size_t len, bool check)
{
    int          rc;
    bool         good;
    size_t       n;
    const char  *p, *end, *eol;

    good = true;
    end = data + len;
    t->line = 0;

    for (p = data; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            eol = end;
        }

        t->line++;
        n = (size_t) (eol - p);

        if (strspn(p, " \t\r") >= n) {
            continue;
        }

        if (check) {
            good = record_check_line(t, path, p, n) && good;
            t->checked++;
            continue;
        }

        rc = record_import_line(t, p, n);
        if (rc != TOOL_DONE) {
            return rc;
        }

        tool_progress("%zu of %zu records", t->imported + t->unchanged,
                      t->checked);
    }

    return good ? TOOL_DONE : TOOL_NO;
}


/* A whole file or standard input: a second reading must find the same. */
static char *
record_slurp(const char *path, size_t *len)
{
    FILE    *f;
    char    *data, *larger;
    size_t   n, size;

    f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (f == NULL) {
        tool_error("%s: %s", path, strerror(errno));
        return NULL;
    }

    n = 0;
    size = 1 << 16;
    data = malloc(size + 1);

    while (data != NULL) {
        n += fread(data + n, 1, size - n, f);

        if (n < size) {
            break;
        }

        /* not realloc(): it would leave a copy behind */
        larger = malloc(size * 2 + 1);

        if (larger != NULL) {
            memcpy(larger, data, n);
        }

        record_wipe(data, n);
        data = larger;
        size *= 2;
    }

    if (data == NULL || ferror(f)) {
        tool_error("%s: %s", path, data == NULL ? "no memory"
                                                : "cannot be read");
        record_wipe(data, n);
        data = NULL;

    } else {
        data[n] = '\0';
    }

    if (f != stdin) {
        (void) fclose(f);            /* only read from */
    }

    *len = n;

    return data;
}


static void
record_wait(unsigned ms)
{
    struct timespec  t;

    t.tv_sec = ms / 1000;
    t.tv_nsec = (long) (ms % 1000) * 1000000;

    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
        /* the rest of it */
    }
}


static int
record_import(record_tool_t *t, const char *path, const char *data,
    size_t len, bool json)
{
    int  rc;

    rc = record_each_line(t, path, data, len, true);

    if (rc != TOOL_DONE) {
        tool_error("%s: nothing was imported", path);
        return rc;
    }

    if (!commit_begin(&t->commit)) {
        return TOOL_FAILED;
    }

    rc = record_each_line(t, path, data, len, false);

    if (!commit_end(&t->commit) && rc == TOOL_DONE) {
        rc = TOOL_FAILED;
    }

    /*
     * Answers decided before may leave for one deadline more; then none does,
     * also when the file changed nothing: someone else's commit may be fresh.
     */
    record_wait(t->store.deadline_ms);
    tool_progress_end();

    if (rc != TOOL_DONE) {
        tool_error("%s: stopped at line %zu; the lines before it are imported, "
                   "and the import may be repeated", path, t->line);
    }

    if (json) {
        printf("{\"imported\":%zu,\"unchanged\":%zu}\n", t->imported,
               t->unchanged);

    } else {
        printf("%zu records imported, %zu unchanged\n", t->imported,
               t->unchanged);
    }

    return rc;
}


int
dmpctl_record_import(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    char                  *data;
    size_t                 len;
    const char            *pseudonym, *audit;
    tool_list_t            words, key_files;
    record_tool_t          t;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--record-key",    NULL,           NULL,               &key_files },
        { "--pseudonym-key", NULL,           &pseudonym,         NULL },
        { "--audit-key",     NULL,           &audit,             NULL },
        { "--node",          NULL,           &t.commit.node,     NULL },
        { "--operator",      NULL,           &t.commit.operator, NULL },
        { "--any-ins-key",   &t.any_ins_key, NULL,               NULL },
        { "--json",          &json,          NULL,               NULL },
        { NULL,              NULL,           NULL,               NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&t, 0, sizeof(t));
    key_files.n = 0;
    pseudonym = NULL;
    audit = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (key_files.n == 0 || pseudonym == NULL || audit == NULL) {
        tool_error("--record-key, --pseudonym-key and --audit-key are needed");
        return TOOL_USAGE;
    }

    t.commit.store = &t.store;
    commit_names(&t.commit);

    if (!tool_keyring(&key_files, &t.ring)
        || !tool_key(pseudonym, t.pseudonym_key)
        || (t.commit.audit_key = tool_private_key(audit)) == NULL)
    {
        return TOOL_FAILED;
    }

    rc = TOOL_FAILED;
    len = 0;
    data = record_slurp(words.item[0], &len);

    if (data != NULL && store_open(&t.store, &where)) {
        if (store_meta(&t.store)) {
            rc = record_import(&t, words.item[0], data, len, json);
        }

        store_close(&t.store);
    }

    record_wipe(data, len);
    commit_free(&t.commit);
    OPENSSL_cleanse(&t, sizeof(t));

    return rc;
}


static int
record_print(record_tool_t *t, dmp_str_t ins, bool json)
{
    char           *text;
    json_t         *tree;
    record_keys_t   keys;
    record_held_t   held;

    if (!record_keys(t, ins, &keys) || !record_get(t, &keys, &held)) {
        return TOOL_FAILED;
    }

    if (held.version == 0) {
        tool_error("there is no record of that INS");
        return TOOL_NO;
    }

    if (json) {
        printf("{\"version\":%llu,\"record\":%.*s}\n",
               (unsigned long long) held.version, (int) held.len, held.json);
        record_wipe(held.json, held.len);
        return TOOL_DONE;
    }

    tree = json_loadb(held.json, held.len, 0, NULL);
    text = tree != NULL ? json_dumps(tree, JSON_INDENT(2)) : NULL;

    printf("key      %.*s\nversion  %llu\n%s\n", (int) keys.rec_len, keys.rec,
           (unsigned long long) held.version, text != NULL ? text : "");

    record_wipe(text, text != NULL ? strlen(text) : 0);
    record_wipe(held.json, held.len);
    json_decref(tree);

    return TOOL_DONE;
}


int
dmpctl_record_show(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    dmp_str_t              ins;
    const char            *pseudonym;
    tool_list_t            words, record_files;
    record_tool_t          t;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--record-key",    NULL,  NULL,       &record_files },
        { "--pseudonym-key", NULL,  &pseudonym, NULL },
        { "--json",          &json, NULL,       NULL },
        { NULL,              NULL,  NULL,       NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&t, 0, sizeof(t));
    record_files.n = 0;
    pseudonym = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (record_files.n == 0 || pseudonym == NULL) {
        tool_error("--record-key and --pseudonym-key are needed");
        return TOOL_USAGE;
    }

    ins.data = words.item[0];
    ins.len = strlen(ins.data);

    if (!dmp_ins_valid(ins, false)) {
        tool_error("that is not an INS");
        return TOOL_USAGE;
    }

    if (!tool_keyring(&record_files, &t.ring)
        || !tool_key(pseudonym, t.pseudonym_key)
        || !store_open(&t.store, &where))
    {
        return TOOL_FAILED;
    }

    rc = store_meta(&t.store) ? record_print(&t, ins, json) : TOOL_FAILED;
    store_close(&t.store);
    OPENSSL_cleanse(&t, sizeof(t));

    return rc;
}
