/*
 * directory_apply.c: the plan of an import, in a temporary file, and its
 * execution.  Entries stand in it sealed, as they are going to be stored.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


#define APPLY_BYTES  (1024 * 1024)       /* in flight, about */

/* Before the commands of one person. */
typedef struct {
    char      person[DMP_ID_MAX + 1];
    uint32_t  change;                    /* directory_change_t */
    uint32_t  commands;
} apply_person_t;

/* A command; what is sealed follows it. */
typedef struct {
    char      id[DMP_ID_MAX + 1];
    uint32_t  len;                       /* 0: the key goes */
    uint64_t  version;
} apply_command_t;

typedef struct {
    char    *sealed;
    size_t   in_flight;                  /* commands */
    size_t   bytes;
    uint64_t  done;                      /* entries */
} apply_t;


static bool
plan_put(directory_import_t *im, const void *data, size_t len)
{
    return len == 0 || fwrite(data, len, 1, im->plan) == 1
           || directory_failed();
}


bool
directory_plan_person(directory_import_t *im, dmp_str_t person,
    directory_change_t change, unsigned commands)
{
    apply_person_t  p;

    memset(&p, 0, sizeof(p));
    memcpy(p.person, person.data, person.len);
    p.change = change;
    p.commands = commands;
    im->planned++;

    return plan_put(im, &p, sizeof(p));
}


bool
directory_plan_delete(directory_import_t *im, dmp_str_t id)
{
    apply_command_t  c;

    memset(&c, 0, sizeof(c));
    memcpy(c.id, id.data, id.len);

    return plan_put(im, &c, sizeof(c));
}


bool
directory_plan_set(directory_import_t *im, dmp_str_t id, uint64_t version,
    const char *text, size_t len)
{
    bool             ok;
    char             key[DMP_KEY_NAME_MAX], *sealed;
    size_t           sealed_len;
    dmp_str_t        name;
    apply_command_t  c;

    /*
     * A first version is the time: an entry that was removed and made again
     * never has a version that a gateway may still hold of the old one.
     */
    memset(&c, 0, sizeof(c));
    memcpy(c.id, id.data, id.len);
    c.version = (version != 0) ? version + 1 : (uint64_t) tool_now_ms();

    name.data = key;
    name.len = dmp_directory_key(key, id);
    sealed = malloc(len + DMP_SEAL_OVERHEAD);

    if (sealed == NULL || name.len == 0
        || dmp_seal(&im->ring, name, dmp_string(DMP_DIRECTORY_FIELD),
                    c.version, text, len, sealed, &sealed_len) != DMP_OK)
    {
        tool_error("the entry %.*s could not be sealed", (int) id.len,
                   id.data);
        free(sealed);
        return false;
    }

    c.len = (uint32_t) sealed_len;
    ok = plan_put(im, &c, sizeof(c)) && plan_put(im, sealed, sealed_len);
    free(sealed);

    return ok;
}


static bool
apply_get(directory_import_t *im, void *data, size_t len)
{
    if (fread(data, len, 1, im->plan) == 1) {
        return true;
    }

    errno = ferror(im->plan) ? errno : EIO;

    return directory_failed();
}


/* Waits for the answers to all that was sent. */
static bool
apply_wait(directory_import_t *im, apply_t *a)
{
    bool         ok;
    redisReply  *r;

    while (a->in_flight > 0) {
        r = directory_receive(&im->store);
        a->in_flight--;

        if (r == NULL) {
            return false;
        }

        ok = r->type == REDIS_REPLY_INTEGER;
        freeReplyObject(r);

        if (!ok) {
            tool_error("store: unexpected answer");
            return false;
        }
    }

    a->bytes = 0;

    return directory_lock_keep(&im->lock) && commit_keep(&im->commit);
}


static bool
apply_send(directory_import_t *im, apply_t *a, const apply_command_t *c)
{
    char          key[DMP_KEY_NAME_MAX], version[24];
    size_t        len;
    dmp_str_t     id;
    store_args_t  args;

    id = (dmp_str_t) { c->id, strlen(c->id) };
    len = dmp_directory_key(key, id);
    args.n = 0;

    if (c->len == 0) {
        store_text(&args, "DEL");
        store_bytes(&args, key, len);

    } else {
        (void) snprintf(version, sizeof(version), "%llu",
                        (unsigned long long) c->version);
        store_text(&args, "HSET");
        store_bytes(&args, key, len);
        store_text(&args, "v");
        store_text(&args, version);
        store_text(&args, DMP_DIRECTORY_FIELD);
        store_bytes(&args, a->sealed, c->len);
    }

    a->in_flight++;
    a->bytes += c->len;

    if (!directory_send(&im->store, &args)) {
        return false;
    }

    return (a->in_flight < DIRECTORY_BATCH && a->bytes < APPLY_BYTES)
           || apply_wait(im, a);
}


static int
apply_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}


/* Whether somebody else of the file claims an identifier of theirs. */
static bool
apply_skipped(const directory_import_t *im, const char *person)
{
    return im->n_skip > 0
           && bsearch(person, im->skip, im->n_skip, sizeof(im->skip[0]),
                      apply_compare) != NULL;
}


static void
apply_count(directory_import_t *im, uint32_t change)
{
    switch (change) {

    case DIRECTORY_ADD:
        im->added++;
        break;

    case DIRECTORY_CHANGE:
        im->changed++;
        break;

    case DIRECTORY_REMOVE:
        im->removed++;
        break;

    default:
        break;
    }
}


static bool
apply_person(directory_import_t *im, apply_t *a)
{
    bool             skip;
    uint32_t         i;
    apply_person_t   p;
    apply_command_t  c;

    if (!apply_get(im, &p, sizeof(p))) {
        return false;
    }

    skip = apply_skipped(im, p.person);

    for (i = 0; i < p.commands; i++) {
        if (!apply_get(im, &c, sizeof(c))
            || (c.len > 0 && !apply_get(im, a->sealed, c.len))
            || (!skip && !apply_send(im, a, &c)))
        {
            return false;
        }
    }

    if (!skip) {
        apply_count(im, p.change);
    }

    tool_progress("%s: %llu of %llu entries written", im->path,
                  (unsigned long long) ++a->done,
                  (unsigned long long) im->planned);

    return true;
}


static bool
apply_all(directory_import_t *im)
{
    bool      ok;
    apply_t   a;
    uint64_t  i;

    memset(&a, 0, sizeof(a));
    a.sealed = malloc(DMP_DIRECTORY_MAX + DMP_SEAL_OVERHEAD);

    if (a.sealed == NULL) {
        tool_error("no memory");
        return false;
    }

    ok = (fflush(im->plan) == 0 && fseek(im->plan, 0, SEEK_SET) == 0)
         || directory_failed();

    for (i = 0; i < im->planned && ok; i++) {
        ok = apply_person(im, &a);
    }

    ok = ok && apply_wait(im, &a);
    directory_drain(&im->store, a.in_flight);
    free(a.sealed);

    return ok;
}


int
directory_apply(directory_import_t *im)
{
    char         trace_id[DMP_UUID_LEN];
    dmp_admin_t  admin;

    memset(&admin, 0, sizeof(admin));
    admin.trace_id = (dmp_str_t) { trace_id, DMP_UUID_LEN };
    admin.command = dmp_string("directory import");
    admin.digest = (dmp_str_t) { im->digest, DIRECTORY_DIGEST };

    if (!commit_trace_id(trace_id) || !directory_lock_keep(&im->lock)
        || !commit_begin(&im->commit) || !commit_admin(&im->commit, &admin))
    {
        return TOOL_FAILED;
    }

    if (!apply_all(im)) {
        (void) commit_end(&im->commit);  /* its begin is signed, if possible */
        tool_error("%s: stopped; some of it is imported, and the import may "
                   "be repeated", im->path);
        return TOOL_FAILED;
    }

    admin.ended = true;
    admin.added = im->added;
    admin.changed = im->changed;
    admin.removed = im->removed;

    return commit_admin(&im->commit, &admin) && commit_end(&im->commit)
           ? TOOL_DONE : TOOL_FAILED;
}
