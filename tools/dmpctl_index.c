/*
 * dmpctl_index.c: learns the documents of a record host that was there before
 * the gateway, and shows what the index holds of one.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "index_build.h"
#include "index_show.h"
#include "policy_files.h"


#define INDEX_PAGE_SIZE      200
#define INDEX_PAGE_SIZE_MAX  1000
#define INDEX_NAME_MAX       255

typedef struct {
    const char       *name;
    const char       *policy;
    const char       *pseudonym;
    const char       *audit;
    const char       *patient;
    const char       *page_size;
    tool_list_t       words;
    tool_list_t       keys;
    tool_list_t       bases;
    store_options_t   where;
    host_options_t    host;
    bool              json;
} index_options_t;


/* As the configuration of the gateway names the host. */
static bool
index_host_name(const char *text, dmp_str_t *name)
{
    size_t  i;

    *name = (dmp_str_t) { text, strlen(text) };

    for (i = 0; i < name->len; i++) {
        if (text[i] <= 0x20 || text[i] == 0x7f) {
            break;
        }
    }

    if (name->len == 0 || name->len > INDEX_NAME_MAX || i < name->len) {
        tool_error("--host \"%s\" is no name of a host", text);
        return false;
    }

    return true;
}


static bool
index_page_size(const char *text, unsigned *out)
{
    char           *end;
    unsigned long   n;

    *out = INDEX_PAGE_SIZE;

    if (text == NULL) {
        return true;
    }

    errno = 0;
    n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n == 0
        || n > INDEX_PAGE_SIZE_MAX)
    {
        tool_error("--page-size \"%s\" is not a number of 1 to %d", text,
                   INDEX_PAGE_SIZE_MAX);
        return false;
    }

    *out = (unsigned) n;

    return true;
}


static bool
index_address(index_build_t *b, const char *option, const char *text,
    dmp_str_t *base)
{
    dmp_addresses_t  *a;

    *base = index_base((dmp_str_t) { text, strlen(text) });

    if (base->len == 0) {
        tool_error("%s\"%s\" is no address of a host: http:// or https://, a "
                   "name, a path", option, text);
        return false;
    }

    a = &b->addresses;

    if (a->n_bases == DMP_HOST_BASES - 1) {
        tool_error("--base is given more than %d times", DMP_HOST_BASES - 2);
        return false;
    }

    a->bases[a->n_bases++] = *base;

    return true;
}


/* Where the host is, what it calls itself, and the path of the first. */
static bool
index_addresses(index_build_t *b, const index_options_t *o)
{
    size_t     i;
    dmp_str_t  base, path;

    b->url = o->words.item[0];

    if (!index_address(b, "", b->url, &b->base)) {
        return false;
    }

    for (i = 0; i < o->bases.n; i++) {
        if (!index_address(b, "--base ", o->bases.item[i], &base)) {
            return false;
        }
    }

    path = index_base_path(b->base);

    if (path.len != 0) {
        b->addresses.bases[b->addresses.n_bases++] = path;
    }

    return true;
}


static int
index_usage(index_build_t *b, const index_options_t *o, dmp_str_t *patient)
{
    *patient = dmp_null_string;

    if (o->words.n != 1) {
        return TOOL_USAGE;
    }

    if (o->keys.n == 0 || o->pseudonym == NULL || o->audit == NULL
        || o->policy == NULL || o->name == NULL)
    {
        tool_error("--host, --policy, --record-key, --pseudonym-key and "
                   "--audit-key are needed");
        return TOOL_USAGE;
    }

    if ((o->host.cert == NULL) != (o->host.key == NULL)) {
        tool_error("--cert and --key are given together");
        return TOOL_USAGE;
    }

    if (o->patient != NULL) {
        *patient = (dmp_str_t) { o->patient, strlen(o->patient) };

        if (!dmp_ins_valid(*patient, false)) {
            tool_error("what --patient names is not an INS");
            return TOOL_USAGE;
        }

        if (b->clear_claims) {
            tool_error("--clear-claims needs a build of all records: it is "
                       "not given with --patient");
            return TOOL_USAGE;
        }
    }

    return index_host_name(o->name, &b->name)
           && index_page_size(o->page_size, &b->page_size)
           && index_addresses(b, o) ? TOOL_DONE : TOOL_USAGE;
}


static void
index_report(const index_build_t *b, bool json)
{
    printf(json
           ? "{\"patients\":%llu,\"failed\":%llu,\"documents\":%llu,"
             "\"attachments\":%llu,\"added\":%llu,\"changed\":%llu,"
             "\"unchanged\":%llu,\"removed\":%llu,\"moved\":%llu,"
             "\"foreign\":%llu,\"unreadable\":%llu,\"sealed\":%llu,"
             "\"conflicts\":%llu,\"claims_removed\":%llu,"
             "\"claims_kept\":%llu}\n"
           : "%llu patients, %llu of them failed\n"
             "%llu documents with %llu attachments: %llu added, %llu changed, "
             "%llu unchanged\n"
             "%llu removed, %llu were another patient's before\n"
             "left out: %llu that name another patient, %llu that cannot be "
             "read\n"
             "%llu entries that do not open, %llu attachments claimed by two "
             "patients\n"
             "%llu claims removed, %llu kept that nothing confirms\n",
           (unsigned long long) b->patients,
           (unsigned long long) b->failed, (unsigned long long) b->documents,
           (unsigned long long) b->attachments,
           (unsigned long long) b->added, (unsigned long long) b->changed,
           (unsigned long long) b->unchanged,
           (unsigned long long) b->removed, (unsigned long long) b->moved,
           (unsigned long long) b->foreign,
           (unsigned long long) b->unreadable,
           (unsigned long long) b->sealed,
           (unsigned long long) b->conflicts.n,
           (unsigned long long) b->claims_removed,
           (unsigned long long) b->claims_kept);
}


/* Claims go only if it is asked for, and all that could confirm them seen. */
static void
index_left_alone(const index_build_t *b)
{
    if (!b->clear_claims) {

        if (b->conflicts.n != 0) {
            tool_error("claims are left as they are: a build of all records "
                       "with --clear-claims takes out those that the host "
                       "makes no more; look first whose they are (dmpctl "
                       "index show Binary/ID)");
        }

    } else if (b->failed != 0) {
        tool_error("claims are left as they are: --clear-claims takes them "
                   "out only when the build fails for no patient");
    }
}


/* Between a begin and an end in the trace: what was learnt stays. */
static int
index_traced(index_build_t *b, dmp_str_t patient)
{
    int          rc;
    char         trace_id[DMP_UUID_LEN];
    index_rc_t   done;
    dmp_admin_t  admin;

    memset(&admin, 0, sizeof(admin));
    admin.trace_id = (dmp_str_t) { trace_id, DMP_UUID_LEN };
    admin.command = dmp_string("index build");

    if (!commit_trace_id(trace_id) || !commit_begin(&b->tool.commit)
        || !commit_admin(&b->tool.commit, &admin))
    {
        return TOOL_FAILED;
    }

    done = index_patients(b, patient, &rc);
    tool_progress_end();

    if (done == INDEX_DONE && b->all && !index_claims(b)) {
        done = INDEX_STOP;
    }

    index_left_alone(b);

    admin.ended = true;
    admin.added = b->added;
    admin.changed = b->changed;
    admin.removed = b->removed + b->claims_removed;

    if (!commit_admin(&b->tool.commit, &admin)
        || !commit_end(&b->tool.commit))
    {
        rc = TOOL_FAILED;
    }

    if (done != INDEX_DONE) {
        tool_error("%s: stopped after %llu patients; what was learnt stays, "
                   "and the build may be repeated", b->url,
                   (unsigned long long) b->patients);
        return TOOL_FAILED;
    }

    if (b->failed != 0) {
        tool_error("%s: failed for %llu of %llu patients; what was learnt "
                   "stays, and the build may be repeated", b->url,
                   (unsigned long long) b->failed,
                   (unsigned long long) b->patients);
        return TOOL_FAILED;
    }

    return rc;
}


static int
index_build(index_build_t *b, const index_options_t *o, dmp_str_t patient)
{
    int  rc;

    b->tool.commit.store = &b->tool.store;
    commit_names(&b->tool.commit);
    rc = TOOL_FAILED;

    if (tool_keyring(&o->keys, &b->tool.ring)
        && tool_key(o->pseudonym, b->tool.pseudonym_key)
        && (b->tool.commit.audit_key = tool_private_key(o->audit)) != NULL
        && tool_policy(o->policy, &b->policy)
        && (b->asks = host_open(&o->host)) != NULL
        && store_open(&b->tool.store, &o->where))
    {
        if (store_meta(&b->tool.store) && index_control(b)) {
            rc = index_traced(b, patient);
            index_report(b, o->json);
        }

        store_close(&b->tool.store);
    }

    dmp_policy_free(b->policy);
    host_close(b->asks);
    index_set_free(&b->through);
    index_set_free(&b->conflicts);
    commit_free(&b->tool.commit);

    return rc;
}


int
dmpctl_index_build(int argc, char **argv)
{
    int                    rc;
    dmp_str_t              patient;
    index_build_t          b;
    index_options_t        o;
    const tool_option_t    options[] = {
        STORE_OPTIONS(o.where),
        { "--host",          NULL,    &o.name,                 NULL },
        { "--base",          NULL,    NULL,                    &o.bases },
        { "--cacert",        NULL,    &o.host.cacert,          NULL },
        { "--cert",          NULL,    &o.host.cert,            NULL },
        { "--key",           NULL,    &o.host.key,             NULL },
        { "--policy",        NULL,    &o.policy,               NULL },
        { "--record-key",    NULL,    NULL,                    &o.keys },
        { "--pseudonym-key", NULL,    &o.pseudonym,            NULL },
        { "--audit-key",     NULL,    &o.audit,                NULL },
        { "--node",          NULL,    &b.tool.commit.node,     NULL },
        { "--operator",      NULL,    &b.tool.commit.operator, NULL },
        { "--patient",       NULL,    &o.patient,              NULL },
        { "--page-size",     NULL,    &o.page_size,            NULL },
        { "--clear-claims",  &b.clear_claims, NULL,            NULL },
        { "--json",          &o.json, NULL,                    NULL },
        { NULL,              NULL,    NULL,                    NULL }
    };

    memset(&o, 0, sizeof(o));
    memset(&b, 0, sizeof(b));

    if (!tool_options(argc, argv, options, &o.words)) {
        return TOOL_USAGE;
    }

    rc = index_usage(&b, &o, &patient);

    if (rc == TOOL_DONE) {
        rc = index_build(&b, &o, patient);
    }

    OPENSSL_cleanse(&b, sizeof(b));

    return rc;
}


int
dmpctl_index_show(int argc, char **argv)
{
    int                    rc;
    bool                   json;
    dmp_str_t              name;
    const char            *host, *pseudonym;
    tool_list_t            words, key_files;
    record_tool_t          t;
    store_options_t        where;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--host",          NULL,  &host,      NULL },
        { "--record-key",    NULL,  NULL,       &key_files },
        { "--pseudonym-key", NULL,  &pseudonym, NULL },
        { "--json",          &json, NULL,       NULL },
        { NULL,              NULL,  NULL,       NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&t, 0, sizeof(t));
    key_files.n = 0;
    host = NULL;
    pseudonym = NULL;
    json = false;

    if (!tool_options(argc, argv, options, &words) || words.n != 1) {
        return TOOL_USAGE;
    }

    if (host == NULL || key_files.n == 0 || pseudonym == NULL) {
        tool_error("--host, --record-key and --pseudonym-key are needed");
        return TOOL_USAGE;
    }

    if (!index_host_name(host, &name)) {
        return TOOL_USAGE;
    }

    rc = TOOL_FAILED;

    if (tool_keyring(&key_files, &t.ring)
        && tool_key(pseudonym, t.pseudonym_key)
        && store_open(&t.store, &where))
    {
        if (store_meta(&t.store)) {
            rc = index_show(&t, name, words.item[0], json);
        }

        store_close(&t.store);
    }

    OPENSSL_cleanse(&t, sizeof(t));

    return rc;
}
