/*
 * dmpctl_record.c: imports records and shows them.  Each import is a traced
 * commit by a writer of its own; nothing of a record is ever printed in an
 * error.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include <dmp/dmp_notice.h>

#include "record.h"


typedef struct {
    record_tool_t   tool;
    bool            any_ins_key;
    size_t          line;
    size_t          checked;
    size_t          imported;
    size_t          unchanged;
    json_t         *wanted;              /* the line at hand, three times */
    dmp_record_t   *record;
    char           *json;
    size_t          len;
} import_t;


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


/* Commits it; RECORD_STALE: the record has changed meanwhile. */
static int
import_put(import_t *im, const record_keys_t *keys, uint64_t version,
    dmp_operation_t operation)
{
    dmp_request_t    request;
    dmp_decision_t   decision;
    record_change_t  change;

    memset(&request, 0, sizeof(request));
    memset(&decision, 0, sizeof(decision));
    memset(&change, 0, sizeof(change));

    request.mapping = DMP_MAPPING_ONE;
    request.operation = operation;
    request.mode = DMP_MODE_NORMAL;
    request.route = "dmpctl record import";
    decision.effect = DMP_ALLOW;
    decision.rule = DMP_RULE_E1;

    change.request = &request;
    change.decision = &decision;
    change.json = im->json;
    change.len = im->len;
    change.notice = dmp_notice_name(operation == DMP_OPERATION_CREATE
                                    ? DMP_OBLIGATION_NOTIFY_RECORD_CREATED
                                    : DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED);

    return record_put(&im->tool, keys, version, &change);
}


/*
 * Whoever looks for the record may find it as soon as it is there: its traits
 * come before it, and those it had go after.  An unchanged one mends them.
 */
static int
import_try(record_tool_t *t, const record_keys_t *keys,
    const record_held_t *held, void *data)
{
    int               rc;
    import_t         *im;
    dmp_error_t       error;
    dmp_record_t     *before;
    dmp_operation_t   operation;

    im = data;
    before = NULL;
    operation = record_operation(held, im->wanted);

    if (!record_traits_add(t, keys, im->record)) {
        return TOOL_FAILED;
    }

    if (operation == DMP_OPERATION_NONE) {
        im->unchanged++;
        return TOOL_DONE;
    }

    rc = import_put(im, keys, held->version, operation);

    if (rc != TOOL_DONE) {
        return rc;
    }

    im->imported++;

    /* one that cannot be read had no traits that anybody could know */
    if (held->version != 0
        && dmp_record_parse(held->json, held->len, &before, &error) == DMP_OK
        && !record_traits_remove(t, keys, before, im->record))
    {
        rc = TOOL_FAILED;
    }

    dmp_record_free(before);

    return rc;
}


static int
import_line(import_t *im, const char *line, size_t len)
{
    int           rc;
    dmp_error_t   error;

    /* It was read once already, with every check. */
    rc = TOOL_FAILED;
    im->wanted = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    im->json = im->wanted != NULL ? json_dumps(im->wanted, JSON_COMPACT)
                                  : NULL;
    im->len = im->json != NULL ? strlen(im->json) : 0;

    if (im->json == NULL
        || dmp_record_parse(im->json, im->len, &im->record, &error) != DMP_OK)
    {
        tool_error("line %zu: cannot be read again", im->line);

    } else {
        rc = record_try(&im->tool, im->record->ins, import_try, im);
        dmp_record_free(im->record);
    }

    record_wipe(im->json, im->len);
    json_decref(im->wanted);

    return rc;
}


static bool
import_check_line(import_t *im, const char *path, const char *line,
    size_t len)
{
    bool           ok;
    dmp_rc_t       rc;
    dmp_error_t    error;
    dmp_record_t  *record;

    if (len > DMP_RECORD_MAX - DMP_RECORD_SPARE) {
        tool_error("%s: line %zu: a record of %zu bytes: at most %d, so that "
                   "there is room for later changes", path, im->line, len,
                   DMP_RECORD_MAX - DMP_RECORD_SPARE);
        return false;
    }

    rc = dmp_record_parse(line, len, &record, &error);

    if (rc != DMP_OK) {
        tool_error("%s: line %zu: %s", path, im->line, error.text);
        return false;
    }

    ok = im->any_ins_key || dmp_ins_valid(record->ins, true);
    dmp_record_free(record);

    if (!ok) {
        tool_error("%s: line %zu: \"ins\": its key does not fit its number",
                   path, im->line);
    }

    return ok;
}


/* Calls for each line that is not blank; both passes read the same bytes. */
static int
import_each_line(import_t *im, const char *path, const char *data,
    size_t len, bool check)
{
    int          rc;
    bool         good;
    size_t       n;
    const char  *p, *end, *eol;

    good = true;
    end = data + len;
    im->line = 0;

    for (p = data; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            eol = end;
        }

        im->line++;
        n = (size_t) (eol - p);

        if (strspn(p, " \t\r") >= n) {
            continue;
        }

        if (check) {
            good = import_check_line(im, path, p, n) && good;
            im->checked++;
            continue;
        }

        rc = import_line(im, p, n);
        if (rc != TOOL_DONE) {
            return rc;
        }

        tool_progress("%zu of %zu records", im->imported + im->unchanged,
                      im->checked);
    }

    return good ? TOOL_DONE : TOOL_NO;
}


/* A whole file or standard input: a second reading must find the same. */
static char *
import_slurp(const char *path, size_t *len)
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


static int
import_records(import_t *im, const char *path, const char *data, size_t len,
    bool json)
{
    int  rc;

    rc = import_each_line(im, path, data, len, true);

    if (rc != TOOL_DONE) {
        tool_error("%s: nothing was imported", path);
        return rc;
    }

    if (!commit_begin(&im->tool.commit)) {
        return TOOL_FAILED;
    }

    rc = import_each_line(im, path, data, len, false);

    if (!commit_end(&im->tool.commit) && rc == TOOL_DONE) {
        rc = TOOL_FAILED;
    }

    /* also when the file changed nothing: another's commit may be fresh */
    record_wait(&im->tool);
    tool_progress_end();

    if (rc != TOOL_DONE) {
        tool_error("%s: stopped at line %zu; the lines before it are imported, "
                   "and the import may be repeated", path, im->line);
    }

    if (json) {
        printf("{\"imported\":%zu,\"unchanged\":%zu}\n", im->imported,
               im->unchanged);

    } else {
        printf("%zu records imported, %zu unchanged\n", im->imported,
               im->unchanged);
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
    import_t               im;
    tool_list_t            words;
    record_options_t       o;
    const tool_option_t    options[] = {
        RECORD_OPTIONS(o, im.tool),
        { "--any-ins-key",   &im.any_ins_key, NULL, NULL },
        { "--json",          &json,           NULL, NULL },
        { NULL,              NULL,            NULL, NULL }
    };

    memset(&o, 0, sizeof(o));
    memset(&im, 0, sizeof(im));
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1
        || !record_given(&o))
    {
        return TOOL_USAGE;
    }

    rc = TOOL_FAILED;
    len = 0;
    data = import_slurp(words.item[0], &len);

    if (data != NULL && record_open(&im.tool, &o)) {
        rc = import_records(&im, words.item[0], data, len, json);
    }

    record_wipe(data, len);
    record_close(&im.tool);

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
