/*
 * dmpctl_directory.c: imports the directory of professionals and structures,
 * and shows entries of it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "directory_import.h"


#define DIRECTORY_REMOVE_AT_MOST  5      /* percent */


static bool
directory_number(const char *option, const char *text, uint64_t max,
    uint64_t *out)
{
    char                *end;
    unsigned long long   n;

    if (text == NULL) {
        return true;
    }

    errno = 0;
    n = strtoull(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0
        || n > max)
    {
        tool_error("%s \"%s\" is not a number of 0 to %llu", option, text,
                   (unsigned long long) max);
        return false;
    }

    *out = n;

    return true;
}


/* What is wrong is told once more as a number, and too much of it stops. */
static int
directory_wrong_lines(const directory_import_t *im)
{
    if (im->wrong > DIRECTORY_WRONG_SHOWN) {
        tool_error("%s: %llu more are wrong", im->path,
                   (unsigned long long) (im->wrong - DIRECTORY_WRONG_SHOWN));
    }

    return im->wrong > im->skip_wrong ? TOOL_NO : TOOL_DONE;
}


/* Nobody else imports meanwhile: what is compared is what will be changed. */
static int
directory_locked(directory_import_t *im)
{
    int  rc;

    rc = directory_resolve(im);

    if (rc == TOOL_DONE) {
        rc = directory_plan(im);
    }

    if (rc == TOOL_DONE) {
        rc = directory_claims(im);
    }

    if (rc == TOOL_DONE) {
        rc = directory_wrong_lines(im);
    }

    if (rc == TOOL_DONE && im->complete) {
        rc = directory_complete(im);
    }

    if (rc == TOOL_NO) {
        tool_error("%s: nothing was imported", im->path);
    }

    return rc == TOOL_DONE ? directory_apply(im) : rc;
}


static void
directory_report(const directory_import_t *im)
{
    printf(im->json ? "{\"added\":%llu,\"changed\":%llu,\"unchanged\":%llu,"
                      "\"removed\":%llu,\"wrong\":%llu}\n"
                    : "%llu entries added, %llu changed, %llu unchanged, "
                      "%llu removed; %llu wrong lines\n",
           (unsigned long long) im->added, (unsigned long long) im->changed,
           (unsigned long long) im->unchanged,
           (unsigned long long) im->removed, (unsigned long long) im->wrong);
}


static int
directory_import(directory_import_t *im, const store_options_t *where)
{
    int  rc;

    rc = directory_read(im);

    if (rc == TOOL_DONE && im->complete && !im->published) {
        tool_error("--complete is for the published extract");
        rc = TOOL_USAGE;
    }

    if (rc == TOOL_DONE && im->wrong > im->skip_wrong) {
        rc = directory_wrong_lines(im);
        tool_error("%s: nothing was imported", im->path);
    }

    if (rc != TOOL_DONE) {
        return rc;
    }

    rc = TOOL_FAILED;

    if (!store_open(&im->store, where)) {
        return rc;
    }

    if (store_meta(&im->store) && directory_lock(&im->lock, &im->store)) {
        rc = directory_locked(im);
        directory_unlock(&im->lock);
    }

    store_close(&im->store);
    tool_progress_end();

    if (rc == TOOL_DONE) {
        directory_report(im);
    }

    return rc;
}


static void
directory_free(directory_import_t *im)
{
    directory_sort_free(im->rows);
    directory_sort_free(im->claims);
    directory_ids_free(im->named);
    free(im->skip);

    if (im->plan != NULL) {
        (void) fclose(im->plan);     /* it was read, or is not needed */
    }

    commit_free(&im->commit);
    OPENSSL_cleanse(im, sizeof(*im));
}


static int
directory_run(directory_import_t *im, const store_options_t *where,
    const tool_list_t *record_files, const char *audit)
{
    int  rc;

    im->commit.store = &im->store;
    commit_names(&im->commit);
    rc = TOOL_FAILED;

    if (tool_keyring(record_files, &im->ring)
        && (im->commit.audit_key = tool_private_key(audit)) != NULL)
    {
        im->rows = directory_sort_create(DIRECTORY_SORT_MEMORY);

        if (im->rows != NULL) {
            rc = directory_import(im, where);

        } else {
            tool_error("no memory");
        }
    }

    directory_free(im);

    return rc;
}


int
dmpctl_directory_import(int argc, char **argv)
{
    const char            *audit, *remove_at_most, *skip_wrong;
    tool_list_t            words, key_files;
    store_options_t        where;
    directory_import_t     im;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--record-key",     NULL,         NULL,                &key_files },
        { "--audit-key",      NULL,         &audit,              NULL },
        { "--node",           NULL,         &im.commit.node,     NULL },
        { "--operator",       NULL,         &im.commit.operator, NULL },
        { "--complete",       &im.complete, NULL,                NULL },
        { "--remove-at-most", NULL,         &remove_at_most,     NULL },
        { "--skip-wrong",     NULL,         &skip_wrong,         NULL },
        { "--json",           &im.json,     NULL,                NULL },
        { NULL,               NULL,         NULL,                NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&im, 0, sizeof(im));
    im.remove_at_most = DIRECTORY_REMOVE_AT_MOST;
    key_files.n = 0;
    audit = NULL;
    remove_at_most = NULL;
    skip_wrong = NULL;

    if (!tool_options(argc, argv, options, &words) || words.n != 1
        || !directory_number("--remove-at-most", remove_at_most, 100,
                             &im.remove_at_most)
        || !directory_number("--skip-wrong", skip_wrong, DIRECTORY_WRONG_MAX,
                             &im.skip_wrong))
    {
        return TOOL_USAGE;
    }

    if (key_files.n == 0 || audit == NULL) {
        tool_error("--record-key and --audit-key are needed");
        return TOOL_USAGE;
    }

    if (remove_at_most != NULL && !im.complete) {
        tool_error("--remove-at-most is for --complete");
        return TOOL_USAGE;
    }

    im.path = words.item[0];

    return directory_run(&im, &where, &key_files, audit);
}


static int
directory_print(store_t *store, const dmp_keyring_t *ring, dmp_str_t id,
    bool json)
{
    int                rc;
    char              *text;
    directory_held_t   held, *list[1];

    memset(&held, 0, sizeof(held));
    held.id = id;
    list[0] = &held;
    rc = TOOL_FAILED;

    if (!directory_fetch(store, ring, list, 1)) {
        /* it has said so */

    } else if (held.version == 0) {
        tool_error("the directory has no entry of that identifier");
        rc = TOOL_NO;

    } else if (json) {
        printf("{\"version\":%llu,\"entry\":%.*s}\n",
               (unsigned long long) held.version, (int) held.len, held.text);
        rc = TOOL_DONE;

    } else {
        text = json_dumps(held.entry, JSON_INDENT(2));
        printf("key      dmp:dir:%.*s\nversion  %llu\n%s\n", (int) id.len,
               id.data, (unsigned long long) held.version,
               text != NULL ? text : "");
        free(text);
        rc = TOOL_DONE;
    }

    directory_held_free(&held);

    return rc;
}


int
dmpctl_directory_show(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    char                   key[DMP_KEY_NAME_MAX];
    store_t                store;
    dmp_str_t              id;
    tool_list_t            words, record_files;
    dmp_keyring_t          ring;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--record-key", NULL,  NULL, &record_files },
        { "--json",       &json, NULL, NULL },
        { NULL,           NULL,  NULL, NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&ring, 0, sizeof(ring));
    record_files.n = 0;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (record_files.n == 0) {
        tool_error("--record-key is needed");
        return TOOL_USAGE;
    }

    id = (dmp_str_t) { words.item[0], strlen(words.item[0]) };

    if (dmp_directory_key(key, id) == 0) {
        tool_error("\"%s\" is no identifier of a person (PS_IdNat) nor of a "
                   "structure (Struct_IdNat)", words.item[0]);
        return TOOL_USAGE;
    }

    rc = TOOL_FAILED;

    if (tool_keyring(&record_files, &ring) && store_open(&store, &where)) {
        if (store_meta(&store)) {
            rc = directory_print(&store, &ring, id, json);
        }

        store_close(&store);
    }

    OPENSSL_cleanse(&ring, sizeof(ring));

    return rc;
}
